"""Rest that a load owes and does not take: nights on which it does not fall, closed days with life in them. Pure.

Both may recur for weeks, so that neither the weeks around nor the most similar days tell them. They are held against
the season's own rest instead: the lower part of its nights, the middle of its closed days. Where these are no quieter
than the rest of the week the load owes no rest, and nothing is told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analyze.load.week_grid import DAYS_PER_WEEK, Flags, Floats, WeekGrid, moving_mean, rolling_quantile, slots_of

_LEVEL_HOURS = 4  # a night's level is its lowest mean of so long, a day's its highest
_SEASON_DAYS = 28  # before and after
_MIN_DAYS = 21  # fewer show no season
_REST_QUANTILE = 0.3  # of the season's nights: up to two in three may fail to fall
_LEAST_FALL = 0.2  # of the channel's p95 − p5: a load that falls less by night has no rest to miss ...
_LEAST_FALL_OF_DAY = 0.1  # ... nor one that falls by less than this of the day's level
_EXCESS_OF_SPREAD = (0.1, 0.25)  # of p95 − p5: from nothing to all of the score
_EXCESS_OF_UNREST = (1.6, 4.0)  # of the usual change from one night to the next
_PLATEAU = 0.15  # of the fall: so far above the night's level the load still lies on it
_STILL_UP = 0.5  # of the night's excess: lower than that the load did fall
_LIFE_OF_WORK = (0.06, 0.16)  # of the way from a closed day's highest level to a working day's
_LIFE_OF_UNREST = (1.2, 3.0)  # of the usual change from one closed day to that of the next week
_LIVELY = 0.4  # of the day's excess: an hour with less is not what stands out in it
_CLOSED_RATIO = 0.5  # a weekday whose highest level lies in the lower half between rest and a working day
_MAD_TO_STD = 1.4826  # of a normal distribution
_LEAST_UNREST = 0.01  # of p95 − p5
_TINY_KW = 1e-9


class _Nights(NamedTuple):
    """The nights from noon to noon: `power_kw` (nights × slots of a day), the stillest slot, and values by night."""

    power_kw: Floats
    still: int
    low_kw: Floats
    high_kw: Floats
    rest_kw: Floats
    fall_kw: Floats


def score_unrest(grid: WeekGrid) -> Floats:
    """Return for each interval how much it belongs to a night or closed day without its rest, 0 to 1."""
    slots = grid.slots_a_day
    is_even = grid.power_kw.shape[1] == DAYS_PER_WEEK * slots and slots_of(_LEVEL_HOURS, grid.step_s) > 1
    if not is_even or grid.power_kw.shape[0] * DAYS_PER_WEEK < _MIN_DAYS:
        return np.zeros(grid.slot.size)
    spread_kw = _spread_kw(grid.power_kw)
    with np.errstate(invalid="ignore"):
        unrest = np.maximum(_unfallen_nights(grid, spread_kw), _lively_closed_days(grid, spread_kw))
    result: Floats = unrest[grid.week, grid.slot]
    return result


def _unfallen_nights(grid: WeekGrid, spread_kw: float) -> Floats:
    """Return (weeks × slots) how little the load fell in the night that each slot belongs to.

    A night's level is its lowest from noon to noon: a load that rests on the morning of a Saturday has rested. It is
    held against the 30th percentile of the nights within ±28 days. What the day before or after
    lies above the season's days is taken off: then all of the load is up, and not the night. The excess is judged by
    the channel's spread and by how much nights usually change from one to the next.
    """
    nights = _nights_of(grid)
    excess_kw = nights.low_kw - nights.rest_kw
    busy_kw = nights.high_kw - rolling_quantile(nights.high_kw, _SEASON_DAYS, 0.5)
    own_kw = excess_kw - np.maximum(busy_kw, 0.0)
    change_kw = np.abs(np.diff(nights.low_kw, prepend=np.nan))
    usual_kw = np.fmax(rolling_quantile(change_kw, _SEASON_DAYS, 0.5), _median(change_kw))
    unrest_kw = np.maximum(_MAD_TO_STD * usual_kw, _LEAST_UNREST * spread_kw)
    degree = _ramp(own_kw / spread_kw, _EXCESS_OF_SPREAD) * _ramp(own_kw / unrest_kw, _EXCESS_OF_UNREST)
    degree[~_is_rest(nights.fall_kw, nights.rest_kw, spread_kw)] = 0.0
    cells = np.where(_plateau(nights, excess_kw), degree[:, None], 0.0).ravel()
    half = grid.slots_a_day // 2
    return cells[half : half + grid.power_kw.size].reshape(grid.power_kw.shape)


def _nights_of(grid: WeekGrid) -> _Nights:
    slots = grid.slots_a_day
    half = slots // 2
    power_kw = np.full(grid.power_kw.size + slots, np.nan)
    power_kw[half : half + grid.power_kw.size] = grid.power_kw.ravel()
    (level_kw,) = moving_mean(power_kw, (slots_of(_LEVEL_HOURS, grid.step_s),))
    level_kw = np.where(np.isnan(power_kw), np.nan, level_kw).reshape(-1, slots)
    still = _stillest(power_kw.reshape(-1, slots))
    low_kw, high_kw = np.fmin.reduce(level_kw, axis=1), np.fmax.reduce(level_kw, axis=1)
    rest_kw = rolling_quantile(low_kw, _SEASON_DAYS, _REST_QUANTILE)
    fall_kw = rolling_quantile(high_kw, _SEASON_DAYS, 0.5) - rest_kw
    return _Nights(power_kw.reshape(-1, slots), still, low_kw, high_kw, rest_kw, fall_kw)


def _plateau(nights: _Nights, excess_kw: Floats) -> Flags:
    """Return (nights × slots) where the load, from the stillest hour on, has neither fallen nor risen to the day."""
    ceiling_kw = nights.low_kw + _PLATEAU * nights.fall_kw
    floor_kw = nights.rest_kw + _STILL_UP * excess_kw
    is_up = (nights.power_kw <= ceiling_kw[:, None]) & (nights.power_kw >= floor_kw[:, None])
    still = nights.still
    is_up[:, still:] = np.logical_and.accumulate(is_up[:, still:], axis=1)
    is_up[:, : still + 1] = np.logical_and.accumulate(is_up[:, still::-1], axis=1)[:, ::-1]
    return is_up


def _stillest(power_kw: Floats) -> int:
    """Return the middle of the twelve hours in a row that are the stillest of the median day, from noon to noon."""
    day_kw = np.array([_median(column) for column in power_kw.T])
    width = max(day_kw.size // 2, 1)
    around = np.convolve(np.tile(day_kw, 3), np.full(width, 1 / width), mode="same")[day_kw.size : 2 * day_kw.size]
    return int(np.argmin(np.where(np.isnan(around), np.inf, around)))


def _lively_closed_days(grid: WeekGrid, spread_kw: float) -> Floats:
    """Return (weeks × slots) how much life is in a weekday that is usually closed.

    Its highest level is held against the median of that weekday in the nine weeks around: what most of them do is the
    schedule. Closed is a weekday whose own level lies near the rest; the calendar is not asked, for it may be unknown.
    """
    weeks, slots = grid.power_kw.shape[0], grid.slots_a_day
    reach = _SEASON_DAYS // DAYS_PER_WEEK
    (level_kw,) = moving_mean(grid.power_kw.ravel(), (slots_of(_LEVEL_HOURS, grid.step_s),))
    level_kw = level_kw.reshape(weeks, DAYS_PER_WEEK, slots)
    high_kw, low_kw = np.fmax.reduce(level_kw, axis=2), np.fmin.reduce(level_kw, axis=(1, 2))
    usual_kw = rolling_quantile(high_kw, reach, 0.5)
    rest_kw = rolling_quantile(low_kw, reach, 0.5)[:, None]
    work_kw = np.sort(usual_kw, axis=1)[:, DAYS_PER_WEEK // 2 + 1, None]  # the median of the five busiest weekdays
    is_closed = (usual_kw - rest_kw <= _CLOSED_RATIO * (work_kw - rest_kw)) & _is_rest(
        work_kw - rest_kw, rest_kw, spread_kw
    )
    change_kw = np.where(is_closed, np.abs(np.diff(high_kw, axis=0, prepend=np.nan)), np.nan)
    unrest_kw = max(_MAD_TO_STD * np.nan_to_num(_median(change_kw)), _LEAST_UNREST * spread_kw)
    excess_kw = high_kw - usual_kw
    way = np.divide(excess_kw, work_kw - usual_kw, out=np.zeros(excess_kw.shape), where=is_closed)
    degree = np.where(is_closed, _ramp(way, _LIFE_OF_WORK) * _ramp(excess_kw / unrest_kw, _LIFE_OF_UNREST), 0.0)
    return _lively_hours(grid, degree, excess_kw, reach)


def _lively_hours(grid: WeekGrid, degree: Floats, excess_kw: Floats, reach: int) -> Floats:
    """Return (weeks × slots) the degree of the day where the hour is above its own usual level too, else 0."""
    slots = grid.slots_a_day
    result = np.zeros(grid.power_kw.shape)
    for weekday in np.flatnonzero(degree.any(axis=0)):
        own = slice(weekday * slots, (weekday + 1) * slots)
        above_kw = grid.power_kw[:, own] - rolling_quantile(grid.power_kw[:, own], reach, 0.5)
        is_lively = above_kw >= _LIVELY * excess_kw[:, weekday, None]
        result[:, own] = np.where(is_lively, degree[:, weekday, None], 0.0)
    return result


def _is_rest(fall_kw: Floats, rest_kw: Floats, spread_kw: float) -> Flags:
    """Return where the fall from the day to the rest is large enough to be one; a load that exports has no rest."""
    fall_is_large = (fall_kw >= _LEAST_FALL * spread_kw) & (fall_kw >= _LEAST_FALL_OF_DAY * (rest_kw + fall_kw))
    result: Flags = fall_is_large & (rest_kw >= 0.0)
    return result


def _ramp(value: Floats, bounds: tuple[float, float]) -> Floats:
    """Return 0 up to the first bound, 1 from the second on, in proportion between; 0 where nothing is known."""
    low, high = bounds
    return np.clip((np.nan_to_num(value, nan=low) - low) / (high - low), 0.0, 1.0)


def _spread_kw(power_kw: Floats) -> float:
    low, high = np.quantile(power_kw[~np.isnan(power_kw)], [0.05, 0.95])
    return max(float(high - low), _TINY_KW)


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else np.nan
