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

from analyze.week.intervals import SECONDS_PER_HOUR, prepare_intervals
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.thresholds import Thresholds

Floats = npt.NDArray[np.float64]

_SECONDS_PER_DAY, _SECONDS_PER_WEEK = 86_400, 604_800
_MONDAY = pd.Timestamp("1970-01-05")  # a Monday, so that weeks count from it on the wall clock
_WORKING_DAYS = 5  # Monday to Friday
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


class WeekGrid(NamedTuple):
    """Where each interval of a channel lies on the local wall clock, and the power laid out on it."""

    week: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    step_s: int
    power_kw: Floats  # weeks × slots, NaN where nothing was measured

    @property
    def slots_a_day(self) -> int:
        """How many slots a local day has; one at least."""
        return max(self.power_kw.shape[1] // 7, 1)

    @property
    def is_weekend(self) -> npt.NDArray[np.bool_]:
        """Whether each interval lies on a Saturday or Sunday."""
        return self.slot // self.slots_a_day >= _WORKING_DAYS


def score_readings(readings: pd.DataFrame, meters: pd.DataFrame, tz: ZoneInfo, config: Thresholds) -> pd.DataFrame:
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
        or above `score_threshold`). A reading without a value scores 0: that is the sensor's affair.
    """
    intervals = prepare_intervals(readings, meters, tz)
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
    return result.assign(is_anomaly=result["score"] >= config.anomalies.score_threshold)


def score_channel(intervals: pd.DataFrame) -> Floats:
    """Return the score of each interval of one channel, 0 to 1.

    Parameters
    ----------
    intervals
        `local_time`, `interval_s` [s], `mean_kw` [kW] of one channel, by time.

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
    one value, and a *low* beneath all that is usual.

    The unlike view is the distance to the nearest subsequences of a matrix profile, here aligned on the wall clock:
    Yeh, C.-C. M. et al. (2016), "Matrix Profile I", doi:10.1109/ICDM.2016.0179.
    """
    grid = lay_out(intervals)
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    floor_kw = _floor_kw(power_kw)
    change_kw, residual_kw = _deviations(grid, power_kw)
    deviations = [np.abs(change_kw), _by_day(np.abs(change_kw), grid, "mean"), _by_day(residual_kw, grid, "std")]
    deviations += [_unlike(grid, hours) for hours in _ALIKE_HOURS]
    z_of_views = (_robust_z(deviation, grid, floor_kw) for deviation in deviations)
    change, *views = (z / (z + _HALF_SCORE) for z in z_of_views)
    calm = 1 - np.mean([_smooth(change, _SUSTAINED_H, grid), *views], axis=0)
    for alarm in _alarms(grid, power_kw):
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
    slots = grid.slots_a_day
    kind = grid.is_weekend * slots + grid.slot % slots
    median, _ = grouped_quantiles(power_kw, kind, 2 * slots, [0.5])
    return median[kind, 0]


def _unlike(grid: WeekGrid, hours: int) -> Floats:
    """Return how far the hours around each interval lie from the same hours of the third most similar day [kW].

    The distance is the mean absolute difference. Compared are days of the same kind, working or weekend, up to
    `_ALIKE_REACH_DAYS` before and after. Where fewer than three are known, it is the furthest of them; 0 without any.
    """
    power_kw, slots = grid.power_kw.ravel(), grid.slots_a_day
    is_weekend = np.arange(power_kw.size) // slots % 7 >= _WORKING_DAYS
    width = hours * SECONDS_PER_HOUR // grid.step_s // 2 * 2 + 1
    nearest = np.full((_ALIKE_DAYS, power_kw.size), np.inf)
    for lag in range(slots, min(_ALIKE_REACH_DAYS * slots, power_kw.size - slots) + 1, slots):
        distance = _moving_mean(np.abs(power_kw[lag:] - power_kw[:-lag]), width)
        distance[np.isnan(distance) | (is_weekend[lag:] != is_weekend[:-lag])] = np.inf
        for part in (nearest[:, lag:], nearest[:, :-lag]):
            further = distance
            for row in part:
                row[:], further = np.minimum(row, further), np.maximum(row, further)
    furthest = np.where(np.isinf(nearest), 0.0, nearest).max(axis=0)
    return furthest[grid.week * grid.power_kw.shape[1] + grid.slot]


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


def _moving_mean(values: Floats, width: int) -> Floats:
    """Return the mean of what is known, zero or more, within `width` (odd) values around each; NaN where nothing is."""
    known = ~np.isnan(values)
    edge = width // 2
    total, count = (
        np.concatenate([np.zeros(edge + 1), np.cumsum(part), np.full(edge, part.sum())])
        for part in (np.where(known, values, 0.0), known)
    )
    span = values.size
    total, count = (part[width : width + span] - part[:span] for part in (total, count))
    mean = np.divide(total, count, out=np.full(span, np.nan), where=count > 0)
    return np.maximum(mean, 0.0)  # a difference of sums may fall a hair below


def _rolling_median(values: Floats, width: int) -> Floats:
    return pd.Series(values).rolling(max(width, 1), center=True, min_periods=1).median().to_numpy()
