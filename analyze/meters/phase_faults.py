"""Masks of intervals in which one of three phases is counted backwards, or not at all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyze.meters.meter_faults import long_runs
from analyze.week.intervals import number_channels, starts_new_run
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.report_config import ReportConfig

PHASE_COLUMNS = ("power_l1_kw", "power_l2_kw", "power_l3_kw")


def find_phase_faults(intervals: pd.DataFrame, config: ReportConfig) -> dict[str, pd.Series]:
    """Return the `phase_reversed` and `phase_missing` masks: 0, or the number of the phase (1, 2, 3).

    Notes
    -----
    Where the three phases carry more than `phase_min_power_kw` in all: a phase is reversed when its power is negative
    by more than `phase_reversed_ratio` of the mean of the other two, and missing when it is below
    `phase_missing_ratio` of it, for `flat_min_hours` on end. A phase that never else carried
    `phase_usual_min_ratio` of that mean is not used, and one that rests again and again (`stuck_recurring_runs`) is
    switched: neither is missing. Without per-phase power nothing is flagged.
    """
    masks = {kind: pd.Series(0, index=intervals.index) for kind in ("phase_reversed", "phase_missing")}
    if not set(PHASE_COLUMNS) <= set(intervals.columns):
        return masks
    power_kw = intervals[list(PHASE_COLUMNS)].to_numpy(dtype=float)
    code, ids = number_channels(intervals)
    loaded = np.abs(power_kw).sum(axis=1) > config.phase_min_power_kw
    if not loaded.any():  # NaN compares as False: single-phase points are left out
        return masks
    for phase in range(3):
        own, others = power_kw[:, phase], np.delete(power_kw, phase, axis=1).mean(axis=1)
        ratio = np.divide(own, others, out=np.full(own.size, np.nan), where=loaded & (others > 0))
        rests = pd.Series(np.abs(ratio) < config.phase_missing_ratio, index=intervals.index)
        runs = long_runs(rests, intervals, config.flat_min_hours)
        usual = grouped_quantiles(np.where(rests | (ratio < 0), np.nan, ratio), code, len(ids), [0.5])[0][:, 0]
        starts = runs & ~(runs.shift(fill_value=False) & ~starts_new_run(intervals))
        is_switched = np.bincount(code, weights=starts, minlength=len(ids)) >= config.stuck_recurring_runs
        is_missing = runs & (~is_switched & (usual >= config.phase_usual_min_ratio))[code]
        turned = pd.Series(ratio < -config.phase_reversed_ratio, index=intervals.index)
        is_turned = long_runs(turned, intervals, config.flat_min_hours)
        masks["phase_missing"] = masks["phase_missing"].mask(is_missing, phase + 1)
        masks["phase_reversed"] = masks["phase_reversed"].mask(is_turned, phase + 1)
    return masks
