"""Levels that changed for good: one entry for a permanent step or a gradual drift, instead of a string of anomalies.

Pure. A change has to show in most hours of the day, so that something left on by night is no step. The change point is
the day at which the levels before and after leave the least sum of absolute deviations from their two medians.

References
----------
Pettitt, A. N. (1979), "A Non-Parametric Approach to the Change-Point Problem", Applied Statistics 28(2),
doi:10.2307/2346729, for one change point without a distribution; here with medians and absolute deviations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.week_profile import kind_of_day_hour
from analyze.week.intervals import WeekScope, channel_names, in_window, local_iso, number_channels
from lib.date_utils import Window
from lib.stats_utils import grouped_quantiles

Floats = npt.NDArray[np.float64]

STEP, DRIFT = "step", "drift"
_MAD_TO_STD = 1.4826
_SHARED_QUANTILES = (0.25, 0.75)  # of a day's deviations; their midpoint is its level
_MIN_SHARED = 0.5  # of the change, in both quartiles: something left on by night moves one of them only
_MIN_DAYS_BEFORE = 7
_KINDS = 48  # hours of working days, then hours of weekends
_MIN_DAY_SHARE = 0.5  # a day of which less was measured has no level


class LevelChange(NamedTuple):
    """A change of one channel's level."""

    channel_id: int
    at: pd.Timestamp  # UTC, the local midnight at which the new level, or the drift, begins
    before_kw: float
    after_kw: float
    kind: str


class _Fit(NamedTuple):
    """A step or a drift fitted to daily levels; the better one compares as less."""

    cost: float
    kind: str
    at: int
    rise: float
    level: Floats


class _DailyLevels(NamedTuple):
    """One channel's local days with enough measured, the quartiles of each one's deviations, and its mean power [kW].

    Deviations are from the median of the hour, told by kind of day (working or weekend); the midpoint of their
    quartiles is the day's level.
    """

    days: npt.NDArray[np.datetime64]
    quartiles_kw: Floats
    mean_kw: Floats


def find_level_changes(clean: pd.DataFrame, scope: WeekScope) -> list[LevelChange]:
    """Return the channels whose level changed for good, at most one change each.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period, by channel and time.

    Notes
    -----
    A step is two levels, the later one of `min_days` or more up to the period's end; a drift a straight line from
    the change point on, where that leaves smaller absolute deviations. Either is reported when it is larger than
    `min_scales` robust standard deviations of what it leaves and than `min_ratio` of the mean power before;
    a step only when it came within the period or those days before it, so that next week's report is silent about it.
    """
    rows = clean[in_window(clean, Window(scope.baseline.start, scope.period.end))]
    changes = [_change_of(key, levels, scope) for key, levels in _daily_levels(rows).items()]
    return [change for change in changes if change is not None]


def shift_by_interval(clean: pd.DataFrame, changes: list[LevelChange]) -> pd.Series:
    """Return for each interval by how much its level has changed for good by then [kW]; a drift is not expected."""
    shift = pd.Series(0.0, index=clean.index)
    for change in changes:
        if change.kind == STEP:
            since = (clean["channel_id"] == change.channel_id) & (clean["interval_start"] >= change.at)
            shift = shift.mask(since, change.after_kw - change.before_kw)
    return shift


def list_steps(changes: list[LevelChange], scope: WeekScope) -> list[dict[str, Any]]:
    """Return the changes as the report holds them; the mean power before, and with the rise [kW]."""
    names = channel_names(scope.meters)
    return [
        {
            "channelId": change.channel_id,
            "channelName": names[change.channel_id],
            "at": local_iso(pd.Series([change.at]), scope.tz)[0],
            "beforeKw": round(change.before_kw, 3),
            "afterKw": round(change.after_kw, 3),
            "kind": change.kind,
        }
        for change in changes
    ]


def _change_of(channel_id: int, levels: _DailyLevels, scope: WeekScope) -> LevelChange | None:
    min_days = scope.config.steps.min_days
    days, quartiles, mean_kw = levels
    level = quartiles.mean(axis=1)
    if days.size < _MIN_DAYS_BEFORE + min_days:
        return None
    ends_kw = abs(np.median(level[-min_days:]) - np.median(level[:_MIN_DAYS_BEFORE]))
    if ends_kw < _MIN_SHARED * scope.config.steps.min_ratio * abs(mean_kw.mean()):  # spares the fits below
        return None
    fit = min(_fit_step(level, min_days), _fit_drift(level))
    before_kw = float(mean_kw[: max(fit.at, _MIN_DAYS_BEFORE)].mean())
    size, scale = abs(fit.rise), _MAD_TO_STD * float(np.median(np.abs(level - fit.level)))
    least = max(scope.config.steps.min_scales * scale, scope.config.steps.min_ratio * abs(before_kw), 1e-9)
    edge = fit.at if fit.kind == STEP else days.size - min_days
    shared = np.median(quartiles[edge:], axis=0) - np.median(quartiles[: max(fit.at, _MIN_DAYS_BEFORE)], axis=0)
    if size < least or (shared * np.sign(fit.rise) < _MIN_SHARED * size).any():
        return None
    if np.abs(level[edge:] - fit.level[edge:]).max() > size:  # back at the old level, or twice as far: not for good
        return None
    moment = pd.Timestamp(days[fit.at]).tz_localize(scope.tz, ambiguous=True, nonexistent="shift_forward")
    if fit.kind == STEP and moment < pd.Timestamp(scope.period.start) - pd.Timedelta(days=min_days):
        return None
    return LevelChange(channel_id, moment.tz_convert("UTC"), before_kw, before_kw + fit.rise, fit.kind)


def _fit_step(level: Floats, min_days: int) -> _Fit:
    """Return the two levels, the later one of `min_days` or more, that leave the least absolute deviation."""
    fits = []
    for at in range(_MIN_DAYS_BEFORE, level.size - min_days + 1):
        before, after = np.median(level[:at]), np.median(level[at:])
        fitted = np.where(np.arange(level.size) < at, before, after)
        fits.append(_Fit(float(np.abs(level - fitted).sum()), STEP, at, float(after - before), fitted))
    return min(fits)


def _fit_drift(level: Floats) -> _Fit:
    """Return the level and the straight line from some day on, a week long or more, that fit best."""
    day, fits = np.arange(level.size), []
    for at in range(0, level.size - _MIN_DAYS_BEFORE + 1):
        ramp = np.clip(day - at, 0, None)
        slope, base = np.polyfit(ramp, level, 1)
        fitted = base + slope * ramp
        fits.append(_Fit(float(np.abs(level - fitted).sum()), DRIFT, at, float(slope * ramp[-1]), fitted))
    return min(fits)


def _daily_levels(rows: pd.DataFrame) -> dict[int, _DailyLevels]:
    """Return the daily levels of each channel, by id: all channels are worked out at once."""
    if rows.empty:
        return {}
    code, ids = number_channels(rows)
    day = rows["local_time"].to_numpy().astype("datetime64[D]")
    first, width = day.min(), int((day.max() - day.min()).astype(int)) + 1
    cell, cells = code * width + (day - first).astype("int64"), len(ids) * width
    power_kw, hours = rows["mean_kw"].to_numpy(), rows["hours"].to_numpy()
    kind = code * _KINDS + kind_of_day_hour(rows["hour_of_week"].to_numpy(dtype="int64"))
    usual_kw, _ = grouped_quantiles(power_kw, kind, len(ids) * _KINDS, [0.5])
    quartile, _ = grouped_quantiles(power_kw - usual_kw[kind, 0], cell, cells, _SHARED_QUANTILES)
    measured = np.bincount(cell, weights=hours, minlength=cells)
    kwh = np.bincount(cell, weights=power_kw * hours, minlength=cells)
    whole = measured >= 24 * _MIN_DAY_SHARE
    levels = {}
    for number, key in enumerate(ids.tolist()):
        own = number * width + np.flatnonzero(whole[number * width : (number + 1) * width])
        levels[key] = _DailyLevels(first + own % width, quartile[own], kwh[own] / measured[own])
    return levels
