"""When a difference began, and how unevenly it lies over the weeks: what tells a change from another one. Pure.

A load that moves by itself seldom does so on the day of the change, and seldom as evenly as what was changed. Both can
be read off the weeks on either side, each held against what was expected of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyze.load.savings_level import DailyTotals

Floats = npt.NDArray[np.float64]

_DAYS_PER_WEEK = 7
_WEEK_MIN_HOURS = 84  # half of a week, for its level to be known
_LEAST_LEVEL = 1e-3  # of what was expected: below that a load is off
_WEEKS_AFTER, _MIN_WEEKS = 13, 4  # weeks looked at after the change; and of each side for anything to be said
_WEEKS_APART = 2  # a step nearer to the change may be its own
# By how much, in variances of a week, a step elsewhere must fit better than one at the change; developed on measured
# meters (docs/accuracy.md), on which 6 to 16 do nearly alike.
_MIN_GAIN = 10.0
_LEAST_SCATTER = 0.005  # of a week: steadier loads were not met, and rounding is no step


def weekly_levels(totals: DailyTotals) -> Floats:
    """Return used over expected of each week from the first day on; NaN where less than half of a week is known."""
    weeks = totals.hours.size // _DAYS_PER_WEEK
    used, expected, hours = (
        np.asarray(values[: _DAYS_PER_WEEK * weeks]).reshape(weeks, _DAYS_PER_WEEK).sum(axis=1)
        for values in (totals.used_kwh, totals.model_kwh, totals.hours)
    )
    known = (hours >= _WEEK_MIN_HOURS) & (expected > 0)
    return np.divide(used, expected, out=np.full(weeks, np.nan), where=known)


def log_of_levels(levels: Floats) -> Floats:
    """Return the logarithms of the levels that are known; those of a load that is off are bounded."""
    return np.asarray(np.log(np.maximum(levels[np.isfinite(levels)], _LEAST_LEVEL)))


def scatter_of_weeks(totals: DailyTotals) -> float:
    """Return the standard deviation of a week beside the mean of all, as a share of it; 0 where weeks are too few.

    Few weeks show too little of it: n of them count (n − 1)/(n − 3) times, as the variance of Student's t has it.
    """
    levels = weekly_levels(totals)
    levels = levels[np.isfinite(levels)]
    count, mean = levels.size, float(levels.mean()) if levels.size else 0.0
    if count < _MIN_WEEKS or not mean > 0:
        return 0.0
    return float(levels.std(ddof=1) / mean * np.sqrt((count - 1) / (count - 3)))


def find_other_step(before: Floats, after: Floats, *, is_less: bool) -> int | None:
    """Return in which week after the change (below 0: before it) a difference began that did not begin with it.

    Parameters
    ----------
    before, after
        Logarithms of the weekly levels on either side, in order of time.
    is_less
        Whether the difference is that less was used: a step the other way is not where it began.

    Returns
    -------
    int or None
        None where a step at the change fits the weeks as well as any, or as well as can be told from their scatter.
    """
    after = after[:_WEEKS_AFTER]
    if min(before.size, after.size) < _MIN_WEEKS:
        return None
    level, own = np.concatenate([before, after]), before.size
    places = range(2, level.size - 1)
    squares = np.array([_split_square(level, place) for place in places])
    best, at = float(squares.min()), places[int(np.argmin(squares))]
    step = float(level[at:].mean() - level[:at].mean())
    if abs(at - own) < _WEEKS_APART or (step < 0) != is_less:
        return None
    variance = max(best / (level.size - 2), _LEAST_SCATTER**2)
    return at - own if _split_square(level, own) - best > _MIN_GAIN * variance else None


def _split_square(level: Floats, place: int) -> float:
    """Return the sum of squares about one level up to a place, and another one from it on."""
    first, second = level[:place], level[place:]
    return float(np.square(first - first.mean()).sum() + np.square(second - second.mean()).sum())
