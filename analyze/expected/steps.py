"""Levels that changed for good: one entry for a lasting step or a slow drift, instead of a string of anomalies. Pure.

Judged by the days' deviations from the expected load. A change has to show in the lower and in the upper half of the
day, by like amounts or by like shares, so that something left on by night is no step. Both levels that are told were
measured: what was expected on the days since, and what was drawn.

References
----------
Pettitt, A. N. (1979), "A Non-Parametric Approach to the Change-Point Problem", Applied Statistics 28(2),
doi:10.2307/2346729, for one change point without a distribution; here with medians and absolute deviations.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.model import Expectation, ExpectedDays
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, channel_names, local_iso
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_MAD_TO_STD = 1.4826
_MIN_SHARED = 0.5  # of the change, in both halves of the day
_MIN_DAY_SHARE = 0.5  # of what the meter ever shows of a day: with less measured it has no level
_MIN_DAYS_BEFORE = 7
_DRIFT_WINS = 0.8  # of the error of one level or two: a line has to fit clearly better to be told as a drift
_MIN_DRIFT_DAYS = 21


class ChangeKind(StrEnum):
    """How a level changed."""

    STEP = "step"
    DRIFT = "drift"


class LevelChange(NamedTuple):
    """A change of one channel's level.

    `at` is the local midnight (UTC) from which the new level holds, or at which the drift begins; `before_kw` and
    `after_kw` are mean powers [kW]; `excess_kwh` is what the period drew above (or below) what was expected, since.
    A load that follows the weather, in weather unlike that of the weeks before, may have done so.
    """

    channel_id: int
    at: pd.Timestamp
    before_kw: float
    after_kw: float
    kind: ChangeKind
    excess_kwh: float
    is_weather_alike: bool
    follows_weather: bool


class _Days(NamedTuple):
    """One channel's local days with enough measured: places among the days, deviations from the level of like days [kW]
    of the whole day and of its two halves (n, 2), and that level in the halves (n, 2)."""

    place: npt.NDArray[np.int64]
    deviation_kw: Floats
    halves_kw: Floats
    expected_kw: Floats


def find_level_changes(expectation: Expectation, scope: WeekScope) -> tuple[list[LevelChange], list[Floats]]:
    """Return the channels whose level changed for good, at most one change each, and the shift that is due to them.

    Returns
    -------
    list of LevelChange
    list of (C, D, S) floats
        For each block of the expectation how much the level has changed by then [kW]. A drift shifts nothing: it is not
        expected to go on.

    Notes
    -----
    A step has `steps.min_days` or more days up to the period's end, is larger than `steps.min_scales` robust standard
    deviations of what it leaves and than `steps.min_ratio` of what was expected, and came within the period or those
    days before it: next week's report is silent about it. A drift is a straight line over three weeks or more that
    fits clearly better.
    """
    changes, shifts = [], []
    for block in expectation.blocks:
        shift_kw = np.zeros(block.expected_kw.shape)
        days = _describe_days(block)
        for number, own in enumerate(days):
            change = _drift_of(number, own, block, scope) or _step_of(number, own, block, scope)
            if change is not None:
                changes.append(change)
                if change.kind == ChangeKind.STEP:
                    _shift(shift_kw[number], change, block, number, scope)
        shifts.append(shift_kw)
    return sorted(changes, key=lambda change: change.channel_id), shifts


def list_steps(changes: list[LevelChange], scope: WeekScope) -> list[dict[str, Any]]:
    """Return the changes as the report holds them."""
    names = channel_names(scope.meters)
    return [
        {
            "channelId": change.channel_id,
            "channelName": names[change.channel_id],
            "at": local_iso(pd.Series([change.at]), scope.tz)[0],
            "beforeKw": round(change.before_kw, 3),
            "afterKw": round(change.after_kw, 3),
            "kind": str(change.kind),
            "excessKwh": round(change.excess_kwh, 2),
            "mayBeWeather": not change.is_weather_alike,
            "followsWeather": change.follows_weather,
        }
        for change in changes
    ]


def _describe_days(block: ExpectedDays) -> list[_Days]:
    """Return the daily deviations of every channel of a block from the level of the period's like days.

    One level for all weeks, where the expectation of a baseline day leaves its own week out: a change within the
    baseline would else move the level that it is held against.
    """
    power_kw = block.matrix.power_kw - block.weather.kw
    like = _like_period_days(block)
    level_kw = (block.expected_kw - block.weather.kw)[:, like]
    level_kw[:, like < 0] = np.nan
    deviation = power_kw - level_kw
    known = ~np.isnan(deviation)
    shown = (~np.isnan(power_kw)).any(axis=1).sum(axis=1)  # a main behind solar shows its load by night alone
    enough = known.sum(axis=2) >= np.maximum(_MIN_DAY_SHARE * shown, 1)[:, None]
    middle = nan_quantiles(np.where(known, level_kw, np.nan), [0.5])
    upper = level_kw > middle
    halves = [
        [nan_quantiles(np.where(known & part, values, np.nan), [0.5])[..., 0] for part in (~upper, upper)]
        for values in (deviation, level_kw)
    ]
    count = np.maximum(known.sum(axis=2), 1)
    mean = np.where(known, deviation, 0.0).sum(axis=2) / count
    result = []
    for number in range(power_kw.shape[0]):
        place = np.flatnonzero(enough[number])
        pairs = (np.stack([part[number, place] for part in pair], axis=1) for pair in halves)
        deviations, expecteds = (np.where(np.isnan(pair), pair[:, :1], pair) for pair in pairs)
        result.append(_Days(place, mean[number, place], deviations, expecteds))
    return result


def _like_period_days(block: ExpectedDays) -> npt.NDArray[np.int64]:
    """Return for each day the place of a day of the period of its kind, at best of its weekday; −1 where there is none.

    A day of the period is its own.
    """
    types, fold = block.matrix.types, block.matrix.fold
    like = np.full(types.size, -1, dtype=np.int64)
    for day in np.flatnonzero(fold < 0)[::-1]:
        same = types.exact == types.exact[day]
        like[same & (like < 0)] = day
        like[same & (types.weekday == types.weekday[day])] = day
    own = np.flatnonzero(fold < 0)
    like[own] = own
    return like


def _step_of(number: int, days: _Days, block: ExpectedDays, scope: WeekScope) -> LevelChange | None:
    min_days, fold = scope.config.steps.min_days, block.matrix.fold[days.place]
    in_period = np.flatnonzero(fold < 0)
    level = days.deviation_kw
    last = level.size - min_days
    if not in_period.size or last < _MIN_DAYS_BEFORE:
        return None
    at = _MIN_DAYS_BEFORE + int(np.argmin(_split_errors(level, min_days)))
    if at < in_period[0] - min_days:  # an earlier report said so
        return None
    before, after = float(np.median(level[:at])), float(np.median(level[at:]))
    fitted = np.where(np.arange(level.size) < at, before, after)
    scale = _MAD_TO_STD * float(np.median(np.abs(level - fitted)))
    return _accept(number, days, at, after - before, scale, ChangeKind.STEP, block, scope)


def _drift_of(number: int, days: _Days, block: ExpectedDays, scope: WeekScope) -> LevelChange | None:
    """Return a straight line from some day on, of a week or more, that fits clearly better than one level or two."""
    level, place = days.deviation_kw, days.place.astype(float)
    if level.size < _MIN_DRIFT_DAYS or block.matrix.fold[days.place[-1]] >= 0:
        return None
    starts = np.arange(level.size - _MIN_DAYS_BEFORE)
    ramps = np.clip(place[None, :] - place[starts][:, None], 0.0, None)
    centered = ramps - ramps.mean(axis=1, keepdims=True)
    slopes = (centered @ level) / np.maximum((centered**2).sum(axis=1), 1e-12)
    errors = np.abs(level - level.mean() - slopes[:, None] * centered)
    at = int(np.argmin(errors.sum(axis=1)))
    if errors[at].sum() > _DRIFT_WINS * _level_error(level, scope.config.steps.min_days):
        return None
    scale = _MAD_TO_STD * float(np.median(errors[at]))
    rise = float(slopes[at] * ramps[at, -1])
    return _accept(number, days, at, rise, scale, ChangeKind.DRIFT, block, scope)


def _level_error(level: Floats, min_days: int) -> float:
    """Return the least sum of absolute deviations from one level, or from two."""
    errors = _split_errors(level, min_days)
    return float(np.fmin.reduce(errors, initial=np.abs(level - np.median(level)).sum()))


def _split_errors(level: Floats, min_days: int) -> Floats:
    """Return the sum of absolute deviations from two levels, by the day from which the second holds."""
    is_before = np.arange(level.size) < np.arange(_MIN_DAYS_BEFORE, level.size - min_days + 1)[:, None]
    parts = np.where([is_before, ~is_before], level, np.nan)
    return np.asarray(np.nansum(np.abs(parts - nan_quantiles(parts, [0.5])), axis=(0, 2)))


def _accept(
    number: int,
    days: _Days,
    at: int,
    rise: float,
    scale: float,
    kind: ChangeKind,
    block: ExpectedDays,
    scope: WeekScope,
) -> LevelChange | None:
    """Return the change where it is large, shared by both halves of the day, and there up to the end."""
    config, min_days = scope.config, scope.config.steps.min_days
    usual_kw = float(np.nanmean(np.abs(days.expected_kw)))
    if abs(rise) < max(config.steps.min_scales * scale, config.steps.min_ratio * usual_kw, 1e-9):
        return None
    late = slice(at, None) if kind == ChangeKind.STEP else slice(-_MIN_DAYS_BEFORE, None)
    early = slice(None, at) if kind == ChangeKind.STEP else slice(None, _MIN_DAYS_BEFORE)
    shared = np.median(days.halves_kw[late], axis=0) - np.median(days.halves_kw[early], axis=0)
    if not _is_shared(shared, np.median(days.expected_kw[late], axis=0), rise):
        return None
    end = days.deviation_kw[-min_days:]
    if kind == ChangeKind.STEP and np.abs(end - np.median(days.deviation_kw[late])).max() > abs(rise):
        return None  # back at the old level, or twice as far
    return _describe(number, days, at, kind, block, scope)


def _is_shared(shared_kw: Floats, expected_kw: Floats, rise: float) -> bool:
    """Return whether both halves of the day changed alike: by like amounts, or by like shares."""
    sign = np.sign(rise)
    ratio = sign * shared_kw / np.maximum(np.abs(expected_kw), 1e-9)
    return bool((sign * shared_kw).min() >= _MIN_SHARED * abs(rise) or ratio.min() >= _MIN_SHARED * ratio.max() > 0)


def _describe(
    number: int, days: _Days, at: int, kind: ChangeKind, block: ExpectedDays, scope: WeekScope
) -> LevelChange:
    matrix = block.matrix
    power_kw, expected_kw = matrix.power_kw[number], block.expected_kw[number]
    if kind == ChangeKind.STEP:
        since = days.place[at:]
        known = ~np.isnan(power_kw[since]) & ~np.isnan(expected_kw[since])
        before = float(expected_kw[since][known].mean())
        after = float(power_kw[since][known].mean())
    else:
        ends = (days.place[:_MIN_DAYS_BEFORE], days.place[-_MIN_DAYS_BEFORE:])
        before, after = (float(np.nanmean(power_kw[part])) for part in ends)
    first = days.place[at]
    midnight = pd.Timestamp(int(matrix.types.first + first), unit="D").tz_localize(
        scope.tz, ambiguous=True, nonexistent="shift_forward"
    )
    inside = np.zeros(matrix.types.size, dtype=bool)
    inside[first:] = True
    inside &= matrix.fold < 0
    beyond = np.nan_to_num(power_kw[inside] - expected_kw[inside]).sum() * matrix.step_s / SECONDS_PER_HOUR
    return LevelChange(
        int(matrix.channel_ids[number]),
        midnight.tz_convert("UTC"),
        before,
        after,
        kind,
        float(beyond),
        bool(block.weather.is_alike[inside].all()),
        bool(block.weather.is_used[number]),
    )


def _shift(shift_kw: Floats, change: LevelChange, block: ExpectedDays, number: int, scope: WeekScope) -> None:
    """Write a step's shift (D, S): a share of the expected power where the day's halves changed by like shares."""
    matrix = block.matrix
    day = change.at.tz_convert(scope.tz).date().toordinal() - pd.Timestamp(0).toordinal() - matrix.types.first
    expected = block.expected_kw[number, day:]
    ratio = change.after_kw / change.before_kw if change.before_kw > 0 else np.nan
    power = matrix.power_kw[number, day:]
    by_share, by_amount = (ratio - 1) * expected, np.full(expected.shape, change.after_kw - change.before_kw)
    errors = [np.nansum(np.abs(power - expected - part)) for part in (by_share, by_amount)]
    chosen = by_share if np.isfinite(ratio) and errors[0] <= errors[1] else by_amount
    shift_kw[day:] = np.nan_to_num(chosen)
