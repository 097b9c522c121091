"""What the site as a whole uses: the sum over its root meters. Pure.

Two sums, for two questions. A bill's energy is all that was metered, bad intervals included, and so is the site's total
(`consumption`): what the meters said in sum. Its demand is a single interval, which one register's jump or one silent
meter would falsify: only steps that all root meters fill with sound readings count.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.completeness import assess_channels
from analyze.meters.meter_tree import find_roots, root_of_channels
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    channel_names,
    in_window,
    list_channels,
    number_channels,
    number_steps,
)
from lib.date_utils import add_local_time
from lib.stats_utils import sum_by_place

# Tariffs change rates at quarter hours, so finer readings are summed to this.
MIN_STEP_S = 900
# Root meters that fail for the period may be left out while they usually bring no more than this of the site's energy:
# the costs are then as much too small. Beyond it the section is refused.
MAX_LEFT_OUT_SHARE_PCT = 5.0


class SiteDemand(NamedTuple):
    """The site's intervals (see `sum_site_demand`), and which meters they are made of.

    `metered` holds the energy of all steps, `sound` the steps that tell the demand. `metered_roots` and `roots` are the
    meters that these sum. `left_out` names those that `sound` lacks, with `usual_share_pct` of the site's energy.
    """

    metered: pd.DataFrame
    sound: pd.DataFrame
    metered_roots: set[int]
    roots: list[int]
    left_out: list[dict[str, Any]]

    @property
    def left_out_pct(self) -> float:
        """The share of the site's usual energy that the sums lack, in percent."""
        return float(sum(entry["usual_share_pct"] for entry in self.left_out))


def sum_site_demand(sound: pd.DataFrame, scope: WeekScope, intervals: pd.DataFrame | None = None) -> SiteDemand:
    """Return the site's energy per interval, over all that the intervals cover.

    Parameters
    ----------
    sound
        Of baseline and period, or longer back (`prepare_intervals`), without the bad ones.
    intervals
        The same with the bad ones; None where there are none.

    Returns
    -------
    SiteDemand
        `metered` and `sound`: `epoch_s`, `interval_start` (UTC), `interval_s` [s], `hours`, `used_kwh`, `mean_kw`,
        `is_whole`, `covered_ratio` and what `add_local_time` adds, by time. The step is the longest interval of the
        root meters, a quarter hour or more.

    Notes
    -----
    `metered` is the sum over the roots of the period (`meter_tree.find_roots`), whatever of them has reported in a
    step; `is_whole` tells where all have filled it, `covered_ratio` how much of the site's usual energy those have that
    did.

    `sound` is the sum over the root meters that usually report: those of which the readings cover
    `baseline.min_completeness_pct` of the baseline weeks or of the period. A step that one of them does not fill is
    left out. One that covers less of the period itself would leave little of it: it is left out and named instead.

    Export is no income here: a step in which the site feeds in counts as 0.
    """
    intervals = sound if intervals is None else intervals
    roots, left_out = _choose_roots(sound, scope)
    rows = sound[sound["channel_id"].isin(roots)]
    step_s = _step_s(rows["interval_s"])
    total = energy_matrix(rows, step_s).sum(axis=1, skipna=False).dropna()
    demand = site_frame(total.index.to_numpy(dtype="int64"), total.to_numpy(dtype=float), step_s, scope)
    metered_roots = find_roots(intervals[in_window(intervals, scope.period)], scope.meters)
    return SiteDemand(_sum_metered(intervals, metered_roots, scope), demand, metered_roots, roots, left_out)


def _sum_metered(intervals: pd.DataFrame, roots: set[int], scope: WeekScope) -> pd.DataFrame:
    """Return the frame of what the root meters of the period metered in all steps."""
    rows = intervals[intervals["channel_id"].isin(roots)]
    step_s = _step_s(rows["interval_s"])
    index, starts_s = number_steps(rows["epoch_s"].to_numpy(dtype="int64"), step_s)
    kwh = sum_by_place(index, rows["used_kwh"], starts_s.size)
    covered_s = sum_by_place(index, rows["interval_s"], starts_s.size)
    frame = site_frame(starts_s, kwh, step_s, scope)
    return frame.assign(
        is_whole=covered_s >= step_s * rows["channel_id"].nunique(),
        covered_ratio=_covered_ratio(rows, index, starts_s.size) / step_s,
    )


def _covered_ratio(rows: pd.DataFrame, index: npt.NDArray[np.int64], steps: int) -> npt.NDArray[np.float64]:
    """Return the seconds of each step that are metered, each meter weighted by its share of the site's mean power.

    A small meter that is dead leaves a month nearly as well known as it was. Where none used anything, all are alike.
    """
    totals = rows.groupby("channel_id")[["used_kwh", "hours"]].sum()
    mean_kw = (totals["used_kwh"] / totals["hours"]).clip(lower=0.0)
    weight = mean_kw / mean_kw.sum() if mean_kw.sum() > 0 else mean_kw * 0.0 + 1 / max(1, len(mean_kw))
    weighted_s = rows["interval_s"].to_numpy() * rows["channel_id"].map(weight).to_numpy(dtype=float)
    return sum_by_place(index, weighted_s, steps)


def _step_s(interval_s: pd.Series) -> int:
    longest = int(interval_s.max()) if len(interval_s) else MIN_STEP_S
    return -(-MIN_STEP_S // longest) * longest


def site_frame(
    epoch_s: npt.NDArray[np.int64], kwh: npt.NDArray[np.float64], step_s: int, scope: WeekScope
) -> pd.DataFrame:
    """Return the frame of a site's intervals that `sum_site_demand` describes, all of them whole."""
    kwh = np.maximum(kwh, 0.0)
    hours = step_s / SECONDS_PER_HOUR
    frame = pd.DataFrame(
        {
            "epoch_s": epoch_s,
            "interval_start": pd.to_datetime(epoch_s, unit="s", utc=True),
            "interval_s": step_s,
            "hours": hours,
            "used_kwh": kwh,
            "mean_kw": kwh / hours,
            "is_whole": True,
            "covered_ratio": 1.0,
        }
    )
    return add_local_time(frame, scope.tz)


def energy_matrix(intervals: pd.DataFrame, step_s: int) -> pd.DataFrame:
    """Return kWh by step (index, epoch seconds of its start) and channel; NaN where a step is not filled.

    Parameters
    ----------
    intervals
        With `channel_id`, `epoch_s`, `interval_s` [s] and `used_kwh`.
    step_s
        A multiple of the intervals' length; longer intervals fill no step.
    """
    code, ids = number_channels(intervals)
    index, starts_s = number_steps(intervals["epoch_s"].to_numpy(dtype="int64"), step_s)
    cell, size = index * len(ids) + code, starts_s.size * len(ids)
    kwh = np.bincount(cell, weights=intervals["used_kwh"], minlength=size)
    covered_s = np.bincount(cell, weights=intervals["interval_s"], minlength=size)
    values = np.where(covered_s == step_s, kwh, np.nan).reshape(starts_s.size, len(ids))
    return pd.DataFrame(values, index=pd.Index(starts_s, name="epoch_s"), columns=ids)


def mean_demand(frame: pd.DataFrame, step_s: int, scope: WeekScope) -> pd.DataFrame:
    """Return `frame` brought to the demand interval: the mean power of each whole step of `step_s` seconds.

    Data as coarse as that, or coarser, stay as they are.
    """
    own_s = int(frame["interval_s"].iloc[0])
    step_s = -(-step_s // own_s) * own_s
    if step_s == own_s:
        return frame
    steps, index, count = np.unique(frame["epoch_s"] // step_s, return_inverse=True, return_counts=True)
    whole = count * own_s == step_s
    kwh = np.bincount(index, weights=frame["used_kwh"], minlength=steps.size)
    return site_frame(steps[whole] * step_s, kwh[whole], step_s, scope)


def _choose_roots(intervals: pd.DataFrame, scope: WeekScope) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the root meters to sum, and those that usually report but fail in the period."""
    in_period = in_window(intervals, scope.period)
    seen, reporting = set(list_channels(intervals)), set(list_channels(intervals[in_period]))
    coverage, floor = assess_channels(intervals, scope), scope.config.baseline.min_completeness_pct
    usual = set(coverage.index[(coverage >= floor).any(axis=1)].astype(int))
    sound = set(coverage.index[coverage["period_pct"] >= floor].astype(int))
    top_of, usual_top_of = root_of_channels(scope.meters, reporting), root_of_channels(scope.meters, seen)
    roots = sorted({top for key, top in top_of.items() if top in reporting and key in reporting} & usual)
    # A main meter that is dead is stood for by its sub-meters.
    stood_for = {usual_top_of[key] for key in reporting}
    dead = {top for top in usual_top_of.values() if top in usual - reporting and top not in stood_for}
    missing = sorted(dead | (set(roots) - sound))
    kept = [root for root in roots if root in sound]
    return kept, _describe_left_out(intervals[~in_period], missing, {*roots, *missing}, scope)


def _describe_left_out(
    baseline: pd.DataFrame, missing: list[int], all_roots: set[int], scope: WeekScope
) -> list[dict[str, Any]]:
    names = channel_names(scope.meters)
    mean_kw = baseline.groupby("channel_id")["mean_kw"].mean()
    total = float(mean_kw.reindex(sorted(all_roots)).sum())
    entries = []
    for key in missing:
        share = 100 * float(mean_kw.get(key, 0.0)) / total if total > 0 else 100.0
        entries.append({"channelId": key, "channelName": names[key], "usual_share_pct": round(share, 2)})
    return entries
