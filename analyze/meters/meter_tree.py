"""The tree of meters: whose energy is part of whose, so that a site's sums hold every kilowatt-hour once.

Pure. A sub-meter's energy has passed through its parent too: adding both up counts it twice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.channel_kinds import channels_of, using_meters
from analyze.week.intervals import number_channels
from config.site_file import ChannelKind

# Half the hours of its sub-meters: below that a main meter's sum says less about its branch than theirs.
_MAIN_MIN_COVER_RATIO = 0.5


def parents_of(meters: pd.DataFrame) -> dict[int, int]:
    """Return the parent of each meter of use that has one among them (`using_meters`).

    A meter whose chain of parents leads back to itself is taken to have none: the chain says nothing.
    """
    if meters["parent_channel_id"].isna().all():
        return {}
    energy = using_meters(meters)
    ids = energy["channel_id"].tolist()
    known, is_one = zip(ids, energy["parent_channel_id"].tolist(), strict=True), set(ids)
    parents = {child: int(parent) for child, parent in known if not pd.isna(parent) and int(parent) in is_one}
    return {child: parent for child, parent in parents.items() if child not in _ancestors(child, parents)}


def related_meters(meters: pd.DataFrame) -> dict[int, set[int]]:
    """Return for each meter of use those above and below it: what is changed at one can show at the other.

    A main that is called one is above every other meter, whether the tree says so or not.
    """
    parents = parents_of(meters)
    ids = {int(key) for key in using_meters(meters)["channel_id"]}
    related: dict[int, set[int]] = {key: set() for key in ids}
    mains = ids & set(channels_of(meters, ChannelKind.MAIN))
    pairs = {(child, above) for child in ids for above in _ancestors(child, parents)}
    pairs |= {(key, main) for main in mains for key in ids if key != main}
    for below, above in pairs:
        related[below].add(above)
        related[above].add(below)
    return related


def _ancestors(channel_id: int, parents: dict[int, int]) -> list[int]:
    """Return the meters above `channel_id`, nearest first, each once."""
    chain: list[int] = []
    while channel_id in parents and parents[channel_id] not in chain:
        channel_id = parents[channel_id]
        chain.append(channel_id)
    return chain


def reporting_meters(intervals: pd.DataFrame, meters: pd.DataFrame, *, min_cover_ratio: float) -> set[int]:
    """Return the meters that can speak for their branch: those with readings, but for mains that missed too much.

    Parameters
    ----------
    intervals
        With `channel_id` and `hours`.
    min_cover_ratio
        A main meter must cover at least this share of the hours of the best covered meter below it, else its
        sub-meters know more about the branch than it does.
    """
    code, ids = number_channels(intervals)
    hours = dict(zip(ids.tolist(), np.bincount(code, weights=intervals["hours"], minlength=ids.size), strict=True))
    parents = parents_of(meters)
    best_below: dict[int, float] = {}
    for child in parents:
        for above in _ancestors(child, parents):
            best_below[above] = max(best_below.get(above, 0.0), hours.get(child, 0.0))
    return {key for key, covered in hours.items() if covered >= min_cover_ratio * best_below.get(key, 0.0)}


def root_of_channels(meters: pd.DataFrame, reporting: set[int]) -> dict[int, int]:
    """Return for each meter of use the topmost meter above it, or itself, among those in `reporting`.

    A main meter that is not in `reporting` is passed over: its sub-meters then stand for themselves.
    """
    parents = parents_of(meters)
    return {
        channel_id: next((top for top in reversed(_ancestors(channel_id, parents)) if top in reporting), channel_id)
        for channel_id in using_meters(meters)["channel_id"].astype(int)
    }


def find_roots(period: pd.DataFrame, meters: pd.DataFrame) -> set[int]:
    """Return the meters whose sum is the site, by the intervals of the period; sub-meters stand in for a dead main.

    A main that covers half of what its sub-meters cover speaks for its branch: what no sub-meter sees is in its sum
    only, and what it missed can be estimated (`analyze.expected.best_energy`).

    Parameters
    ----------
    period
        With `channel_id` and `hours`.
    """
    reporting = reporting_meters(period, meters, min_cover_ratio=_MAIN_MIN_COVER_RATIO)
    reporting &= set(using_meters(meters)["channel_id"].astype(int))
    root_of = root_of_channels(meters, reporting)
    unheard_mains = set(parents_of(meters).values()) - reporting
    return {channel_id for channel_id, root in root_of.items() if channel_id == root} - unheard_mains


def net_of_sub_meters(kwh: npt.ArrayLike, intervals: pd.DataFrame, meters: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return what remains of each interval's `kwh` after the part that meters below it already account for.

    Parameters
    ----------
    kwh : (n,) floats, zero or more
        Some part of the energy of each interval (such as its excess).
    intervals
        The n rows with `channel_id`, `epoch_s` and `interval_s` [s].

    Returns
    -------
    (n,) floats
        Unchanged for meters without sub-meters. Where parent and sub-meters have intervals of different length, they
        are compared over the longest.

    Notes
    -----
    Deepest first: a finding stays with the meter nearest to the load, for that is where someone can act.
    """
    net = np.array(kwh, dtype=float)
    channel = intervals["channel_id"].to_numpy()
    parents = parents_of(meters)
    chains = {child: _ancestors(child, parents) for child in parents}
    depth = {parent: len(chains.get(parent, [])) for chain in chains.values() for parent in chain}
    for parent in sorted(depth, key=lambda key: (-depth[key], key)):
        below = np.isin(channel, [child for child, chain in chains.items() if parent in chain])
        own = channel == parent
        if own.any() and below.any():
            net[own] *= _remaining_share(net, own, below, intervals)
    return net


def _remaining_share(
    kwh: npt.NDArray[np.float64], own: npt.NDArray[np.bool_], below: npt.NDArray[np.bool_], intervals: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """Return for each of the `own` rows the share of its `kwh` that exceeds the sum of those `below` it, 0 to 1."""
    grid_s = int(intervals["interval_s"].to_numpy()[own | below].max())
    bucket, index = np.unique(intervals["epoch_s"].to_numpy() // grid_s, return_inverse=True)
    own_kwh = np.bincount(index[own], weights=kwh[own], minlength=bucket.size)
    below_kwh = np.bincount(index[below], weights=kwh[below], minlength=bucket.size)
    rest = np.clip(own_kwh - below_kwh, 0.0, None)
    share = np.divide(rest, own_kwh, out=np.zeros_like(rest), where=own_kwh > 0)
    return share[index[own]]
