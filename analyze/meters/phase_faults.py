"""Masks of intervals in which one of three phases is counted backwards, or not at all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.meter_faults import long_runs
from analyze.week.intervals import number_channels, starts_new_run
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.thresholds import Thresholds

PHASE_COLUMNS = ("power_l1_kw", "power_l2_kw", "power_l3_kw")


def find_phase_faults(intervals: pd.DataFrame, config: Thresholds) -> dict[str, pd.Series]:
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
    rows = _three_phase_rows(intervals, config)
    if rows.empty:
        return masks
    power_kw = rows[list(PHASE_COLUMNS)].to_numpy(dtype=float)
    loaded = np.abs(power_kw).sum(axis=1) > config.meters.phase_min_power_kw
    for phase in range(3):
        own, others = power_kw[:, phase], np.delete(power_kw, phase, axis=1).mean(axis=1)
        ratio = np.divide(own, others, out=np.full(own.size, np.nan), where=loaded & (others > 0))
        turned = pd.Series(ratio < -config.meters.phase_reversed_ratio, index=rows.index)
        flags = {
            "phase_missing": _missing(ratio, rows, config),
            "phase_reversed": long_runs(turned, rows, config.sensors.flat_min_hours),
        }
        for kind, flag in flags.items():
            masks[kind].loc[rows.index[flag]] = phase + 1
    return masks


def _three_phase_rows(intervals: pd.DataFrame, config: Thresholds) -> pd.DataFrame:
    """Return the intervals of the channels of which all three phases are known and carry something at times."""
    if not set(PHASE_COLUMNS) <= set(intervals.columns):
        return intervals.iloc[:0]
    total_kw = np.abs(intervals[list(PHASE_COLUMNS)].to_numpy(dtype=float)).sum(axis=1)
    loaded = total_kw > config.meters.phase_min_power_kw  # NaN compares as False: single-phase points are left out
    if not loaded.any():
        return intervals.iloc[:0]
    code, ids = number_channels(intervals)
    return intervals[(np.bincount(code, weights=loaded, minlength=len(ids)) > 0)[code]]


def _missing(ratio: npt.NDArray[np.float64], rows: pd.DataFrame, config: Thresholds) -> pd.Series:
    """Return where a phase that is else in use carries nothing, by its power over the mean of the other two."""
    code, ids = number_channels(rows)
    rests = pd.Series(np.abs(ratio) < config.meters.phase_missing_ratio, index=rows.index)
    runs = long_runs(rests, rows, config.sensors.flat_min_hours)
    usual = grouped_quantiles(np.where(rests | (ratio < 0), np.nan, ratio), code, len(ids), [0.5])[0][:, 0]
    starts = runs & ~(runs.shift(fill_value=False) & ~starts_new_run(rows))
    is_switched = np.bincount(code, weights=starts, minlength=len(ids)) >= config.sensors.stuck_recurring_runs
    return runs & (~is_switched & (usual >= config.meters.phase_usual_min_ratio))[code]
