"""What a meter draws on days of one kind, and how far off that has been on weeks that were left out. Pure.

References
----------
The errors are those of weeks that the level was not taken from (leave-one-out cross-validation), so that they say how
well a new week is met: R. Hyndman, G. Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd ed., OTexts,
section 5.10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyze.expected.day_matrix import HOURS_PER_DAY, DayMatrix
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MIN_LIKE_DAYS = 2  # one day alone is an anecdote
_ENOUGH_DAYS = 3  # of the very kind; fewer, and all days of the same hours are taken
_FULL_DAY = 0.5  # of what the meter ever shows of a day: as much must be there for it to count


class LikeDays(NamedTuple):
    """The level of each interval, and how many like days it rests on.

    `level_kw` (C × D × S) is NaN where fewer than `MIN_LIKE_DAYS` like days are known; `days` (C × D) counts them.
    """

    level_kw: Floats
    days: Ints


def level_of_like_days(matrix: DayMatrix, power_kw: Floats) -> LikeDays:
    """Return what each interval should draw, judged by the baseline weeks without its own.

    Parameters
    ----------
    matrix
        The days, their types and folds.
    power_kw : (C, D, S) floats
        The power to take the levels of: the matrix's own, or what remains of it without the weather's part.

    Notes
    -----
    Three levels are tried: the median of all like days, that of the same weekday among them (its hour pooled), and the
    mean of both. Whichever left the smallest mean absolute error in left-out weeks is taken, by channel and opening
    hours: four Tuesdays know little, and twenty working days more, where they are alike.
    """
    channels, size, slots = power_kw.shape
    candidates = np.full((3, channels, size, slots), np.nan)
    counts = np.zeros((channels, size), dtype=np.int64)
    known = ~np.isnan(power_kw)
    shown = np.count_nonzero(known.any(axis=1), axis=1)  # a main behind solar shows its load by night alone
    has_day = np.count_nonzero(known, axis=2) >= np.maximum(_FULL_DAY * shown, 1)[:, None]
    for fold in np.unique(matrix.fold):
        targets = np.flatnonzero(matrix.fold == fold)
        donors = (matrix.fold >= 0) & (matrix.fold != fold)
        for own, like in _like_groups(matrix, targets, donors):
            counts[:, own] = np.count_nonzero(has_day[:, like], axis=1)[:, None]
            candidates[:, :, own] = _candidates(matrix, power_kw, own, like)
    chosen = _best_candidate(matrix, power_kw, candidates)
    level = np.take_along_axis(candidates, chosen[None, :, :, None], axis=0)[0]
    return LikeDays(np.where((counts >= MIN_LIKE_DAYS)[:, :, None], level, np.nan), counts)


def _like_groups(matrix: DayMatrix, targets: Ints, donors: Flags) -> list[tuple[Ints, Ints]]:
    """Return the target days by type, each with the donor days that are like them: at best of the very kind."""
    types, groups = matrix.types, []
    for key in np.unique(types.exact[targets]):
        own = targets[types.exact[targets] == key]
        like = np.flatnonzero(donors & (types.exact == key))
        if like.size < _ENOUGH_DAYS:
            like = np.flatnonzero(donors & (types.hours == types.hours[own[0]]))
        groups.append((own, like))
    return groups


def _candidates(matrix: DayMatrix, power_kw: Floats, own: Ints, like: Ints) -> Floats:
    """Return the three levels (3, C, len(own), S) of the days `own`, by the days that are `like` them."""
    pooled = _median(power_kw[:, like])
    result = np.empty((3, power_kw.shape[0], own.size, power_kw.shape[2]))
    weekday = matrix.types.weekday
    for number in np.unique(weekday[own]):
        same = like[weekday[like] == number]
        of_weekday = _median_by_hour(matrix, power_kw[:, same]) if same.size >= MIN_LIKE_DAYS else pooled
        of_weekday = np.where(np.isnan(of_weekday), pooled, of_weekday)
        at = weekday[own] == number
        for place, level in enumerate((pooled, of_weekday, (pooled + of_weekday) / 2)):
            result[place, :, at] = level
    return result


def _median(days: Floats) -> Floats:
    """Return the median over days (C, n, S) → (C, S)."""
    return nan_quantiles(np.moveaxis(days, 1, 2), [0.5])[..., 0]


def _median_by_hour(matrix: DayMatrix, days: Floats) -> Floats:
    """Return the median over days and the intervals of the hour (C, n, S) → (C, S)."""
    channels, count, slots = days.shape
    if matrix.per_hour == 1 or slots != HOURS_PER_DAY * matrix.per_hour:
        return _median(days)
    by_hour = np.moveaxis(days.reshape(channels, count, HOURS_PER_DAY, matrix.per_hour), 1, 2)
    level = nan_quantiles(by_hour.reshape(channels, HOURS_PER_DAY, -1), [0.5])[..., 0]
    return np.repeat(level, matrix.per_hour, axis=1)


def _best_candidate(matrix: DayMatrix, power_kw: Floats, candidates: Floats) -> Ints:
    """Return which level (C, D) left the smallest mean absolute error on the baseline days of the same hours."""
    error = np.abs(power_kw - candidates)
    chosen = np.zeros(power_kw.shape[:2], dtype=np.int64)
    for hours in np.unique(matrix.types.hours):
        same = matrix.types.hours == hours
        judged = error[:, :, same & (matrix.fold >= 0)]
        known = ~np.isnan(judged)
        count = known.sum(axis=(2, 3))
        total = np.where(known, judged, 0.0).sum(axis=(2, 3))
        mean = np.divide(total, count, out=np.full(count.shape, np.inf), where=count > 0)
        chosen[:, same] = np.argmin(mean, axis=0)[:, None]
    return chosen
