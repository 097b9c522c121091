"""How unusual every interval of a window is: a score from 0 to 1, without labels and without a separate baseline.

Pure. Each channel is compared with itself: power is laid out on the local wall clock as weeks × slots of the week, and
each slot with the same slot of the weeks around it, and nights and closed days with those of the season (`unrest`).

References
----------
Gulati, M. and Arjunan, P. (2022), "LEAD1.0", doi:10.1145/3538637.3539761, for the kinds of anomaly that people mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.unrest import score_unrest
from analyze.load.week_grid import Floats, Ints, WeekGrid, lay_out, moving_mean, slots_of
from analyze.week.intervals import SECONDS_PER_HOUR, prepare_intervals, starts_new_run
from lib.stats_utils import grouped_quantiles, label_runs

if TYPE_CHECKING:
    from config.opening_hours import Schedule
    from config.thresholds import Thresholds

_TINY_KW = 1e-9  # keeps a scale above zero
_MAD_TO_STD = 1.4826  # of a normal distribution
_NEAREST_WEEKS = (-1, 1, -2, 2, -3, 3, -4, 4)  # where one is missing, the next stands in
_SCALE_WEEKS = 4  # a load's unrest changes with the season: judged by the weeks around
_MIN_SCALE_RATIO = 0.02  # of the channel's p95 − p5: smaller deviations matter to nobody
_TAIL_QUANTILE, _TAIL_SCALES = 0.95, 4.0  # a twentieth of all hours lies beyond four scales at most
_MIN_KIND_RATIO, _MAX_KIND_RATIO = 0.1, 10.0  # a load that never stirs on weekends would make a whisper a shout
_SUSTAINED_H = 25  # a day and its edges
_ALIKE_HOURS = (5, 13)  # an event within a shift, and one of half a day
_ALIKE_REACH_DAYS = 35  # further off it is another season
_ALIKE_DAYS = 3  # days that look the same: one of them may itself be an anomaly, or two a holiday's
_HALF_SCORE = 3.0  # a deviation of this many robust standard deviations scores one half
_USUAL_RUN_QUANTILE = 0.9  # a load that is often still (off by night) is so by habit
_HALF_RUN_H = 3.0  # a run of one value this many hours longer than the channel's usual ones scores one half
_ALARM_WEIGHT = 0.7  # what a frozen or vanished load scores by itself at most
# Rest that is missed week after week is worth a flag, and less than what no other week had: just above the shipped
# `anomalies.score_threshold`.
_UNREST_SCORE = 0.46


def score_readings(
    readings: pd.DataFrame,
    meters: pd.DataFrame,
    tz: ZoneInfo,
    config: Thresholds,
    schedule: Schedule | None = None,
) -> pd.DataFrame:
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
    schedule
        The site's calendar. A day that it closes (holiday, exception, break) is unusual only where it is neither like
        its weekday nor like the days of rest, nor below them. None, and a schedule that names no such day, leaves every
        day to its weekday.

    Returns
    -------
    pd.DataFrame
        By channel and time: `channel_id`, `timestamp` (interval start, UTC), `score` (0–1) and `is_anomaly`: the score
        stays at or above `score_threshold` for `score_min_hours`, or reaches `score_alone` meanwhile. A reading without
        a value scores 0: that is the sensor's affair.
    """
    intervals = prepare_intervals(readings, meters, tz)
    parts = [np.zeros(0)]
    parts += [score_channel(rows, schedule) for _, rows in intervals.groupby("channel_id", sort=True)]
    score = np.concatenate(parts)
    scored = intervals[["channel_id", "interval_start"]].assign(
        score=score, is_anomaly=_flag_lasting(score, intervals, config)
    )
    energy_ids = meters.loc[meters["is_energy_meter"].astype(bool), "channel_id"]
    wanted = readings.loc[readings["channel_id"].isin(energy_ids), ["channel_id", "interval_start"]]
    wanted = wanted.astype({"channel_id": "int64"})
    wanted["interval_start"] = pd.to_datetime(wanted["interval_start"], utc=True)
    result = wanted.merge(scored, how="left", on=["channel_id", "interval_start"])
    result = result.sort_values(["channel_id", "interval_start"], ignore_index=True)
    result = result.rename(columns={"interval_start": "timestamp"}).fillna({"score": 0.0})
    return result.assign(is_anomaly=result["is_anomaly"].eq(True))


def _flag_lasting(score: Floats, intervals: pd.DataFrame, config: Thresholds) -> npt.NDArray[np.bool_]:
    """Return the intervals whose score stays high for as long as a night or a working day, or is very high in between.

    What is somewhat unusual for a few hours is a load's unrest; people call it anomalous where it lasts.
    """
    high = pd.Series(score >= config.anomalies.score_threshold, index=intervals.index)
    run = label_runs(high, starts_new_run(intervals)).to_numpy()
    hours = np.bincount(run, weights=intervals["hours"].to_numpy())
    highest = np.zeros(hours.size)
    np.maximum.at(highest, run, score)
    is_told = (hours >= config.anomalies.score_min_hours) | (highest >= config.anomalies.score_alone)
    return np.asarray((run > 0) & is_told[run])


def score_channel(intervals: pd.DataFrame, schedule: Schedule | None = None) -> Floats:
    """Return the score of each interval of one channel, 0 to 1.

    Parameters
    ----------
    intervals
        `local_time`, `interval_s` [s], `mean_kw` [kW] of one channel, by time.
    schedule
        As in `score_readings`.

    Notes
    -----
    A deviation d [kW] becomes z = d / scale (`_robust_z`) and s = z / (z + 3). The views:

    - *sustained*: change against the same hours of the two nearest weeks, the smaller of both (so that the week after
      an anomaly is none itself), s averaged over 25 hours;
    - *day*: the mean of that change over the local day, as on a public holiday;
    - *shape*: the standard deviation over the local day of the residual to the median of the weeks around it;
    - *unlike*, of 5 and of 13 hours: how far these hours lie from those of the third most similar day of the same kind
      (`_unlike`), so that what three other days did too is ordinary, be it in another week.

    Their mean m is raised to 1 − (1 − m) · Π(1 − 0.7 a) by what is suspicious in itself, each a from 0 to 1: a *run* of
    one value, and a *low* beneath all that is usual. Where that is below 0.46, it is raised towards it by the degree to
    which a night or closed day is *without rest* (`unrest.score_unrest`), for that may recur for weeks.

    The unlike view is the distance to the nearest subsequences of a matrix profile, here aligned on the wall clock:
    Yeh, C.-C. M. et al. (2016), "Matrix Profile I", doi:10.1109/ICDM.2016.0179.
    """
    grid = lay_out(intervals, schedule)
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    floor_kw = _floor_kw(power_kw)
    change_kw, residual_kw = _deviations(grid, power_kw)
    deviations = [np.abs(change_kw), _by_day(np.abs(change_kw), grid, "mean"), _by_day(residual_kw, grid, "std")]
    deviations += _unlike(grid, _ALIKE_HOURS)
    z_of_views = (_robust_z(deviation, grid, floor_kw) for deviation in deviations)
    change, *views = (z / (z + _HALF_SCORE) for z in z_of_views)
    calm = 1 - np.mean([_smooth(change, _SUSTAINED_H, grid), *views], axis=0)
    for alarm in _alarms(grid, power_kw):
        calm = calm * (1 - _ALARM_WEIGHT * alarm)
    score = np.clip(1 - calm, 0.0, 1.0)
    raised: Floats = score + score_unrest(grid) * np.maximum(_UNREST_SCORE - score, 0.0)
    return raised


def _deviations(grid: WeekGrid, power_kw: Floats) -> tuple[Floats, Floats]:
    """Return each interval's change against its nearest weeks, and its residual to their median [kW, signed].

    The smaller change against the two nearest weeks, which are smoothed by a median over ±1 h. Where no other week has
    the slot, the median of the time of day on the window's working days, or on its weekends, stands for both. A day
    that the calendar closes may be like its weekday or like a Sunday, or lie below both.
    """
    smooth_kw = _rolling_median(grid.power_kw.ravel(), 2 * SECONDS_PER_HOUR // grid.step_s + 1).reshape(
        grid.power_kw.shape
    )
    near, median_kw = _nearest_weeks(smooth_kw)
    like_day = _same_time_of_day(grid, power_kw)

    def deviations_from(slot: Ints) -> tuple[Floats, Floats]:
        cell = (grid.week, slot)
        change = power_kw - np.stack([near[0][cell], near[1][cell]])
        change = np.where(np.isnan(change[0]), power_kw - like_day, change)
        change[1] = np.where(np.isnan(change[1]), change[0], change[1])
        middle = median_kw[cell]
        return _smaller(change[0], change[1]), power_kw - np.where(np.isnan(middle), like_day, middle)

    change, residual = deviations_from(grid.slot)
    if not grid.is_closed_day.any():
        return change, residual
    as_sunday = (np.maximum(deviation, 0.0) for deviation in deviations_from(grid.sunday_slot))
    change, residual = (
        np.where(grid.is_closed_day, _smaller(own, other), own)
        for own, other in zip((change, residual), as_sunday, strict=True)
    )
    return change, residual


def _smaller(one: Floats, other: Floats) -> Floats:
    return np.where(np.abs(one) <= np.abs(other), one, other)


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
    slots = grid.slots_a_day
    kind = grid.is_weekend * slots + grid.slot % slots
    median, _ = grouped_quantiles(power_kw, kind, 2 * slots, [0.5])
    return median[kind, 0]


def _unlike(grid: WeekGrid, windows_h: tuple[int, ...]) -> list[Floats]:
    """Return how far the hours around each interval lie from the same hours of the third most similar day [kW].

    The distance is the mean absolute difference over each of `windows_h`. Compared are days of the same kind, working
    or of rest, up to `_ALIKE_REACH_DAYS` before and after; a day that the calendar closes, with both. Where fewer than
    three are known, it is the furthest of them; 0 without any.
    """
    power_kw, slots = grid.power_kw.ravel(), grid.slots_a_day
    is_rest, is_named = grid.closed_slots()
    widths = tuple(slots_of(hours, grid.step_s) for hours in windows_h)
    nearest = [np.full((_ALIKE_DAYS, power_kw.size), np.inf) for _ in widths]
    for lag in range(slots, min(_ALIKE_REACH_DAYS * slots, power_kw.size - slots) + 1, slots):
        later, earlier = slice(lag, None), slice(None, -lag)
        is_other = is_rest[later] != is_rest[earlier]
        for rows, distance in zip(
            nearest, moving_mean(np.abs(power_kw[later] - power_kw[earlier]), widths), strict=True
        ):
            np.maximum(distance, 0.0, out=distance)  # a difference of sums may fall a hair below
            distance[np.isnan(distance)] = np.inf
            for own in (later, earlier):
                _keep_nearest(rows[:, own], np.where(is_other & ~is_named[own], np.inf, distance))
    at = grid.week * grid.power_kw.shape[1] + grid.slot
    return [np.where(np.isinf(rows), 0.0, rows).max(axis=0)[at] for rows in nearest]


def _keep_nearest(rows: Floats, distance: Floats) -> None:
    """Put distances in their place among the nearest ones, which stand in ascending rows."""
    *nearer, last = rows
    for row in nearer:
        further = np.maximum(row, distance)
        np.minimum(row, distance, out=row)
        distance = further
    np.minimum(last, distance, out=last)


def _robust_z(deviation: Floats, grid: WeekGrid, floor_kw: float) -> Floats:
    """Return deviations (zero or more) over their scale.

    It is √(s_local · s_all) · s_kind / s_all with s = 1.4826 · median: the local one of the weeks within ±4, so that
    unrest counts less in a restless season, that of the kind of day because a weekend is often the stiller one. It is
    at least a quarter of the 95th percentile, for loads that are mostly still, and `floor_kw`.
    """
    weeks = grid.power_kw.shape[0]
    weekly, _ = grouped_quantiles(deviation, grid.week, weeks, [0.5])
    local = _rolling_median(weekly[:, 0], 2 * _SCALE_WEEKS + 1)[grid.week]
    of_kind, _ = grouped_quantiles(deviation, grid.is_weekend, 2, [0.5])
    whole = max(np.median(deviation), _TINY_KW)
    kind_ratio = np.clip(of_kind[grid.is_weekend.astype(int), 0] / whole, _MIN_KIND_RATIO, _MAX_KIND_RATIO)
    scale = _MAD_TO_STD * np.sqrt(local * whole) * kind_ratio
    return deviation / np.maximum(scale, max(floor_kw, np.quantile(deviation, _TAIL_QUANTILE) / _TAIL_SCALES))


def _alarms(grid: WeekGrid, power_kw: Floats) -> list[Floats]:
    """Return what is suspicious in itself, each 0 to 1: a frozen value, an unknown low."""
    same = np.concatenate(([False], power_kw[1:] == power_kw[:-1]))
    run = np.cumsum(~same) - 1
    run_h = (np.bincount(run)[run] - 1) * grid.step_s / SECONDS_PER_HOUR
    frozen_h = np.clip(run_h - np.quantile(run_h, _USUAL_RUN_QUANTILE), 0.0, None)
    lowest, p05, p95 = np.quantile(power_kw, [0.02, 0.05, 0.95])
    low = np.clip((lowest - power_kw) / max(lowest + 0.1 * (p95 - p05), _TINY_KW), 0.0, 1.0)
    return [frozen_h / (frozen_h + _HALF_RUN_H), low]


def _floor_kw(power_kw: Floats) -> float:
    low, high = np.quantile(power_kw, [0.05, 0.95])
    return float(max(_MIN_SCALE_RATIO * (high - low), 1e-3 * np.abs(power_kw).max(), _TINY_KW))


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
