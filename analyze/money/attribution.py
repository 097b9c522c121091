"""Which finding may claim which kilowatt-hour: each is saved once, whoever sees it. Pure.

Precedence, interval by interval: bad data > what runs while closed > anomaly. Both measure the same power from
different references up, so the second claims only what goes beyond the first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.completeness import channel_completeness
from analyze.meters.meter_tree import net_of_sub_meters, root_of_channels
from analyze.week.intervals import (
    WeekScope,
    number_channels,
    starts_within,
    sum_by_channel,
    take_window,
)
from lib.stats_utils import sum_by_place, with_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KINDS = ("after_hours", "anomaly")  # in order of precedence
_MIN_NET_SHARE = 0.25
OBSERVED, LOW, MID, HIGH = "observed", "low", "mid", "high"


class Excess(NamedTuple):
    """What each of the period's intervals uses above one kind's reference [kWh], three ways: (n,) floats each.

    `mid` is above the reference itself, `low` above the highest that the baseline weeks support, `high` above the
    lowest. `avoidable` is True where the energy can be avoided, rather than only seen. `seen` is what lies above the
    reference, claimed or not: what a sub-meter accounts for is no claim of its main, though it is none of its own.
    """

    low: Floats
    mid: Floats
    high: Floats
    avoidable: npt.NDArray[np.bool_]
    seen: Floats | None = None


def claim_column(kind: str, measure: str = MID) -> str:
    """Return the name of the column that holds a kind's claims, such as ``spike_mid_kwh``."""
    return f"{kind}_{measure}_kwh"


def claim_savings(
    intervals: pd.DataFrame, clean: pd.DataFrame, excess: dict[str, Excess], broken: Collection[int], scope: WeekScope
) -> pd.DataFrame:
    """Return for each sound interval of the period what could be saved in it, and which finding claims it.

    Parameters
    ----------
    intervals, clean
        All intervals, and the sound ones.
    excess
        By kind, for the period's rows of `clean`; a kind that is left out claims nothing.
    broken
        Meters that are to be repaired before anything they say is believed: they claim nothing.

    Returns
    -------
    pd.DataFrame
        The period's rows of `clean` with four columns for each kind (`claim_column`): "observed", what lies above the
        reference and is claimed by this kind; "mid", the part of it that can be avoided; "low" and "high", the same by
        the bounds of the reference. 0 ≤ low ≤ mid ≤ observed ≤ high in each.

    Notes
    -----
    1. Intervals flagged as bad claim nothing, nor do channels sound for less than `min_sound_pct`.
    2. A kind claims only what goes beyond those before it.
    3. No interval claims more than its own energy, not even by the high figures of all kinds together.
    4. A parent claims only what goes beyond its sub-meters (`net_of_sub_meters`), and nothing where that is less than
       `_MIN_NET_SHARE` of what it saw: so far two meters may differ on the same load.
    5. The claims below a root meter are scaled down, should they exceed the energy that it metered over the period
       (where it missed part of it): Σ of all savings ≤ consumption, of each channel and of the site, whichever of the
       four is added up.
    """
    rows = take_window(clean, scope.period)
    code, ids = number_channels(rows)
    may_claim = np.isin(ids, sorted(_sound_channels(rows, scope) - set(broken)))[code]
    ceiling = np.where(may_claim, np.maximum(rows["used_kwh"].to_numpy(), 0.0), 0.0)
    nothing = np.zeros(len(rows))
    avoidable = np.column_stack([excess[k].avoidable if k in excess else nothing > 0 for k in KINDS])
    low, mid, high = (
        np.column_stack([getattr(excess[kind], name) if kind in excess else nothing for kind in KINDS])
        for name in (LOW, MID, HIGH)
    )
    reached = np.minimum(np.maximum.accumulate(mid, axis=1), ceiling[:, None])
    total = reached[:, -1]
    branches = _find_branches(ids, code, intervals, scope)
    net = net_of_sub_meters(np.where(total > 0, total, _seen(excess, nothing)), rows, scope.meters)
    net = branches.scale(branches.limit_kwh, _without_remnants(np.where(total > 0, net, 0.0), total, code, ids.size))
    observed = np.diff(reached, axis=1, prepend=0.0) * _ratio(net, total)[:, None]
    likely = np.where(avoidable, observed, 0.0)
    claims = {OBSERVED: observed, MID: likely, LOW: likely * np.minimum(_ratio(low, mid), 1.0)}
    claims[HIGH] = observed + _more(observed, np.clip(high - mid, 0.0, None), ceiling, branches)
    return with_columns(
        rows, {claim_column(kind, name): value[:, n] for name, value in claims.items() for n, kind in enumerate(KINDS)}
    )


def _seen(excess: dict[str, Excess], nothing: Floats) -> Floats:
    """Return what lies above any reference in each interval [kWh]."""
    parts = [part.seen for part in excess.values() if part.seen is not None]
    return np.maximum.reduce([nothing, *parts])


def _without_remnants(net: Floats, total: Floats, code: Ints, channels: int) -> Floats:
    """Return the net claims, but none for a channel of which next to all belongs to its sub-meters."""
    net_sum, total_sum = (sum_by_place(code, values, channels) for values in (net, total))
    return np.where((net_sum >= _MIN_NET_SHARE * total_sum)[code], net, 0.0)


class _Branches(NamedTuple):
    """Below which root each interval is metered, and what each root metered in the period [kWh].

    `place` (n,) is that of the interval's root in `limit_kwh`, the last of which is that of all that have none.
    """

    place: Ints
    limit_kwh: Floats

    def sums(self, kwh: Floats) -> Floats:
        """Return the sum of each branch."""
        return sum_by_place(self.place, kwh, self.limit_kwh.size)

    def scale(self, limit_kwh: Floats, claimed_kwh: Floats) -> Floats:
        """Return the claims, scaled so that those of each branch do not exceed its limit; none without a root."""
        below_kwh = self.sums(claimed_kwh)
        share = np.minimum(np.divide(limit_kwh, below_kwh, out=np.ones(below_kwh.size), where=below_kwh > 0), 1.0)
        return np.asarray(claimed_kwh * share[self.place])


def _find_branches(ids: Ints, code: Ints, intervals: pd.DataFrame, scope: WeekScope) -> _Branches:
    sums = sum_by_channel(intervals, ("energy_kwh",), starts_within(intervals, scope.period))
    root_of = root_of_channels(scope.meters, set(sums))
    roots = sorted(set(root_of.values()))
    places = {root: place for place, root in enumerate(roots)}
    limit_kwh = [max(sums[root][0], 0.0) if root in sums else 0.0 for root in roots]
    of_channel = np.array([places.get(root_of.get(key, -1), len(roots)) for key in ids.tolist()], dtype=np.int64)
    return _Branches(of_channel[code], np.array([*limit_kwh, 0.0]))


def _more(observed: Floats, wanted: Floats, ceiling: Floats, branches: _Branches) -> Floats:
    """Return how much more than `observed` the high figures claim, within each interval's energy and each root's."""
    wanted = np.where(observed > 0, wanted, 0.0)
    room = np.clip(ceiling - observed.sum(axis=1), 0.0, None)
    wanted = wanted * np.minimum(_ratio(room, wanted.sum(axis=1)), 1.0)[:, None]
    left_kwh = np.maximum(branches.limit_kwh - branches.sums(observed.sum(axis=1)), 0.0)
    total = wanted.sum(axis=1)
    return wanted * _ratio(branches.scale(left_kwh, total), total)[:, None]


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _sound_channels(rows: pd.DataFrame, scope: WeekScope) -> set[int]:
    coverage = channel_completeness(rows, scope.meters, scope.period)
    is_sound = coverage["completeness_pct"].to_numpy() >= scope.config.quick_wins.min_sound_pct
    return set(coverage["channel_id"].to_numpy()[is_sound].tolist())
