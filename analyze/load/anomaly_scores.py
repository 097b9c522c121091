"""How unusual every interval of a window is: a score from 0 to 1, without labels and without a separate baseline.

Pure. Each channel is compared with itself: power is laid out on the local wall clock as weeks × slots of the week, and
each slot with the same slot of the weeks around it. Several views of the deviation are combined (`score_channel`).

References
----------
Gulati, M. and Arjunan, P. (2022), "LEAD1.0", doi:10.1145/3538637.3539761, for the kinds of anomaly that people mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.intervals import SECONDS_PER_HOUR, prepare_intervals
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.report_config import ReportConfig

Floats = npt.NDArray[np.float64]

_SECONDS_PER_DAY, _SECONDS_PER_WEEK = 86_400, 604_800
_MONDAY = pd.Timestamp("1970-01-05")  # a Monday, so that weeks count from it on the wall clock
_MAD_TO_STD = 1.4826  # of a normal distribution
_NEAREST_WEEKS = (-1, 1, -2, 2, -3, 3, -4, 4)  # where one is missing, the next stands in
_SCALE_WEEKS = 4  # a load's unrest changes with the season: judged by the weeks around
_MIN_SCALE_RATIO = 0.02  # of the channel's p95 − p5: smaller deviations matter to nobody
_TAIL_QUANTILE, _TAIL_SCALES = 0.95, 4.0  # a twentieth of all hours lies beyond four scales at most
_HALF_SCORE = 3.0  # a deviation of this many robust standard deviations scores one half
_USUAL_RUN_QUANTILE = 0.9  # a load that is often still (off by night) is so by habit
_HALF_RUN_H = 3.0  # a run of one value this many hours longer than the channel's usual ones scores one half
_HALF_JUMP = 15.0  # a jump of this many robust standard deviations scores one half, a smaller one far less
_ALARM_WEIGHT = 0.7  # what a frozen or vanished load scores by itself at most


class WeekGrid(NamedTuple):
    """Where each interval of a channel lies on the local wall clock, and the power laid out on it."""

    week: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    step_s: int
    power_kw: Floats  # weeks × slots, NaN where nothing was measured


def score_readings(readings: pd.DataFrame, meters: pd.DataFrame, tz: ZoneInfo, config: ReportConfig) -> pd.DataFrame:
    """Return for every reading of an energy meter how unusual it is.

    Parameters
    ----------
    readings
        As `prepare_intervals` takes them, over a window of any length. Two weeks or more let a week be compared with
        others; in a shorter window the days are compared with each other.
    meters
        `channel_id` and `is_energy_meter`; channels that do not measure energy are left out.
    tz
        The site's zone, on whose wall clock the load repeats itself.

    Returns
    -------
    pd.DataFrame
        By channel and time: `channel_id`, `timestamp` (interval start, UTC), `score` (0–1) and `is_anomaly` (score at
        or above `anomaly_score_threshold`). A reading without a value scores 0: that is the sensor's affair.
    """
    intervals = prepare_intervals(readings, meters, tz, config)
    parts = [np.zeros(0)]
    parts += [score_channel(rows) for _, rows in intervals.groupby("channel_id", sort=True)]
    scored = intervals[["channel_id", "interval_start"]].assign(score=np.concatenate(parts))
    energy_ids = meters.loc[meters["is_energy_meter"].astype(bool), "channel_id"]
    wanted = readings.loc[readings["channel_id"].isin(energy_ids), ["channel_id", "interval_start"]]
    wanted = wanted.astype({"channel_id": "int64"})
    wanted["interval_start"] = pd.to_datetime(wanted["interval_start"], utc=True)
    result = wanted.merge(scored, how="left", on=["channel_id", "interval_start"])
    result = result.sort_values(["channel_id", "interval_start"], ignore_index=True)
    result = result.rename(columns={"interval_start": "timestamp"}).fillna({"score": 0.0})
    return result.assign(is_anomaly=result["score"] >= config.anomaly_score_threshold)


def score_channel(intervals: pd.DataFrame) -> Floats:
    """Return the score of each interval of one channel, 0 to 1.

    Parameters
    ----------
    intervals
        `local_time`, `interval_s` [s], `mean_kw` [kW] of one channel, by time.

    Notes
    -----
    A deviation d [kW] becomes z = d / scale (`_robust_z`) and s = z / (z + 3), averaged over neighbouring hours:

    - *hour*: change against the same hours of the two nearest weeks, the smaller of both (so that the week after an
      anomaly is none itself), over 5 hours;
    - *sustained*: the same over 25 hours;
    - *day*: the mean of that change over the local day, as on a public holiday;
    - *shape*: the standard deviation over the local day of the residual to the median of the weeks around it.

    Their mean m is raised to 1 − (1 − m) · Π(1 − 0.7 a) by what is suspicious in itself, each a from 0 to 1: a *run* of
    one value, a *low* beneath all that is usual, a *jump* that the weeks around do not know (`_unknown_jump`).
    """
    grid = lay_out(intervals)
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    floor_kw = _floor_kw(power_kw)
    change_kw, residual_kw = _deviations(grid, power_kw)
    deviations = (np.abs(change_kw), _by_day(np.abs(change_kw), grid, "mean"), _by_day(residual_kw, grid, "std"))
    z_of_views = (_robust_z(deviation, grid, floor_kw) for deviation in deviations)
    hour, day, shape = (z / (z + _HALF_SCORE) for z in z_of_views)
    views = [_smooth(hour, 5, grid), _smooth(hour, 25, grid), _smooth(day, 13, grid), shape]
    calm = 1 - np.mean(views, axis=0)
    for alarm in _alarms(grid, power_kw, floor_kw):
        calm = calm * (1 - _ALARM_WEIGHT * alarm)
    return np.clip(1 - calm, 0.0, 1.0)


def lay_out(intervals: pd.DataFrame) -> WeekGrid:
    """Return the power of one channel laid out by week and slot of the week on the wall clock.

    In autumn two intervals share a slot, with their mean; the hour that spring skips is missing. Slots are as long as
    most intervals.
    """
    step_s = int(intervals["interval_s"].mode().iloc[0])
    wall_s = ((intervals["local_time"] - _MONDAY) // pd.Timedelta(seconds=1)).to_numpy(dtype="int64")
    week, slot = wall_s // _SECONDS_PER_WEEK, wall_s % _SECONDS_PER_WEEK // step_s
    week = week - week.min()
    slots = -(-_SECONDS_PER_WEEK // step_s)
    size = int(week.max() + 1) * slots
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    total = np.bincount(week * slots + slot, weights=power_kw, minlength=size)
    count = np.bincount(week * slots + slot, minlength=size)
    mean_kw = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    day = wall_s // _SECONDS_PER_DAY
    return WeekGrid(week, slot, day - day.min(), step_s, mean_kw.reshape(-1, slots))


def _deviations(grid: WeekGrid, power_kw: Floats) -> tuple[Floats, Floats]:
    """Return each interval's change against its nearest weeks, and its residual to their median [kW, signed].

    The smaller change against the two nearest weeks, which are smoothed by a median over ±1 h. Where no other week has
    the slot, the median of the time of day on the window's working days, or on its weekends, stands for both.
    """
    smooth_kw = _rolling_median(grid.power_kw.ravel(), 2 * SECONDS_PER_HOUR // grid.step_s + 1).reshape(
        grid.power_kw.shape
    )
    near, median_kw = _nearest_weeks(smooth_kw)
    like_day = _same_time_of_day(grid, power_kw)
    cell = (grid.week, grid.slot)
    change = power_kw - np.stack([near[0][cell], near[1][cell]])
    change = np.where(np.isnan(change[0]), power_kw - like_day, change)
    change[1] = np.where(np.isnan(change[1]), change[0], change[1])
    smaller = np.where(np.abs(change[0]) <= np.abs(change[1]), change[0], change[1])
    middle = median_kw[cell]
    return smaller, power_kw - np.where(np.isnan(middle), like_day, middle)


def _nearest_weeks(power_kw: Floats) -> tuple[list[Floats], Floats]:
    """Return for each slot its value in the two nearest weeks that have one, and the median of the nearest four."""
    weeks = len(power_kw)
    others = np.full((len(_NEAREST_WEEKS), *power_kw.shape), np.nan)
    for layer, offset in zip(others, _NEAREST_WEEKS, strict=True):
        count = max(weeks - abs(offset), 0)
        if offset < 0:
            layer[weeks - count :] = power_kw[:count]
        else:
            layer[:count] = power_kw[weeks - count :]
    rank = np.cumsum(~np.isnan(others), axis=0)
    chosen = [np.where((rank == n) & ~np.isnan(others), others, 0.0).sum(axis=0) for n in (1, 2)]
    near = [np.where(rank[-1] >= n, values, np.nan) for n, values in zip((1, 2), chosen, strict=True)]
    ordered = np.sort(np.where(rank <= 4, others, np.nan), axis=0)  # NaN sorts last
    count = np.minimum(rank[-1], 4)
    middle = [np.take_along_axis(ordered, np.maximum(at, 0)[None], axis=0)[0] for at in ((count - 1) // 2, count // 2)]
    return near, np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)


def _same_time_of_day(grid: WeekGrid, power_kw: Floats) -> Floats:
    """Return for each interval the median power at its time of day on the window's days of its kind [kW]."""
    slots = grid.power_kw.shape[1] // 7
    kind = (grid.slot // slots >= 5) * slots + grid.slot % slots
    median, _ = grouped_quantiles(power_kw, kind, 2 * slots, [0.5])
    return median[kind, 0]


def _robust_z(deviation: Floats, grid: WeekGrid, floor_kw: float) -> Floats:
    """Return deviations (zero or more) over their scale.

    It is √(s_local · s_all) with s = 1.4826 · median, the local one of the weeks within ±4, so that unrest counts less
    in a restless season; at least a quarter of the 95th percentile, for loads that are mostly still; and `floor_kw`.
    """
    weeks = grid.power_kw.shape[0]
    weekly, _ = grouped_quantiles(deviation, grid.week, weeks, [0.5])
    local = _rolling_median(weekly[:, 0], 2 * _SCALE_WEEKS + 1)[grid.week]
    scale = _MAD_TO_STD * np.sqrt(local * np.median(deviation))
    return deviation / np.maximum(scale, max(floor_kw, np.quantile(deviation, _TAIL_QUANTILE) / _TAIL_SCALES))


def _alarms(grid: WeekGrid, power_kw: Floats, floor_kw: float) -> list[Floats]:
    """Return what is suspicious in itself, each 0 to 1: a frozen value, an unknown low, an unknown jump."""
    same = np.concatenate(([False], power_kw[1:] == power_kw[:-1]))
    run = np.cumsum(~same) - 1
    run_h = (np.bincount(run)[run] - 1) * grid.step_s / SECONDS_PER_HOUR
    frozen_h = np.clip(run_h - np.quantile(run_h, _USUAL_RUN_QUANTILE), 0.0, None)
    lowest, p05, p95 = np.quantile(power_kw, [0.02, 0.05, 0.95])
    low = np.clip((lowest - power_kw) / max(lowest + 0.1 * (p95 - p05), 1e-9), 0.0, 1.0)
    jump = _unknown_jump(grid, floor_kw) ** 2
    return [frozen_h / (frozen_h + _HALF_RUN_H), low, jump / (jump + _HALF_JUMP**2)]


def _unknown_jump(grid: WeekGrid, floor_kw: float) -> Floats:
    """Return how an interval differs from 1 h and from 24 h before, beyond the weeks around; the smaller [z]."""
    flat_kw = grid.power_kw.ravel()
    cell = (grid.week, grid.slot)
    z = []
    for lag_h in (1, 24):
        lag = max(lag_h * SECONDS_PER_HOUR // grid.step_s, 1)
        jump_kw = np.full(flat_kw.size, np.nan)
        jump_kw[lag:] = flat_kw[lag:] - flat_kw[:-lag]
        jump_kw = jump_kw.reshape(grid.power_kw.shape)
        near, _ = _nearest_weeks(jump_kw)
        beyond_kw = np.fmin(np.abs(jump_kw - near[0]), np.abs(jump_kw - near[1]))[cell]
        z.append(_robust_z(np.nan_to_num(beyond_kw), grid, floor_kw))
    return np.minimum(*z)


def _floor_kw(power_kw: Floats) -> float:
    low, high = np.quantile(power_kw, [0.05, 0.95])
    return float(max(_MIN_SCALE_RATIO * (high - low), 1e-3 * np.abs(power_kw).max(), 1e-9))


def _by_day(values: Floats, grid: WeekGrid, statistic: str) -> Floats:
    """Return for each interval the mean or the standard deviation of `values` over its local day."""
    count = np.bincount(grid.day)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(grid.day, weights=values) / count
        if statistic == "std":
            mean = np.sqrt(np.bincount(grid.day, weights=(values - mean[grid.day]) ** 2) / count)
    return mean[grid.day]


def _smooth(values: Floats, hours: int, grid: WeekGrid) -> Floats:
    width = hours * SECONDS_PER_HOUR // grid.step_s
    return pd.Series(values).rolling(max(width, 1), center=True, min_periods=1).mean().to_numpy()


def _rolling_median(values: Floats, width: int) -> Floats:
    return pd.Series(values).rolling(max(width, 1), center=True, min_periods=1).median().to_numpy()
