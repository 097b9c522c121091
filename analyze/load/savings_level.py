"""How a meter's level moves by itself: with the season, of late, and by how much a year's model misses it. Pure.

A model of the hour of the week (and of the temperature) tells what the last year was like on the whole. What it leaves
is a level, the ratio of what was used to what the model expects. That moves: with terms, daylight and holidays, with
new equipment and tenants. Three facts of the year before the change say how much:

- the **season**: the level of the five weeks around the same date a year before;
- the **recent** level, of the four weeks before the change, which fades within months;
- the **drift**: how far the model is off over blocks as long as the time to be judged, each left out of its own fit.

Constants are those that fitted 36 measured building meters best over 1,600 changes that never happened, as
`docs/accuracy.md` tells. A third of the meters were kept apart; when these were looked at, the range held 84 % rather
than 90 %, and was made a tenth wider.

References
----------
ASHRAE Guideline 14-2014, annex B, and J. Granderson et al. (2016), "Accuracy of automated measurement and verification
(M&V) techniques for energy savings in commercial buildings", Applied Energy 173, doi:10.1016/j.apenergy.2016.04.049:
the error over a period that was not fitted, not the residual of one that was, is what a saving is uncertain by.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

YEAR_DAYS = 364  # 52 weeks: the same weekday
RECENT_DAYS = 28
_SEASON_REACH_DAYS = 17  # on either side of the same date: five weeks
# Before the change: a year, and the recent days of the year before with the weeks around them.
HISTORY_DAYS = YEAR_DAYS + RECENT_DAYS + _SEASON_REACH_DAYS
_BLOCK_DAYS = 91  # longest block that is left out: four of them are a year
_BLOCKS = 3  # that the days before the change should hold
MIN_BLOCK_DAYS = 28
MIN_FIT_DAYS = 2 * MIN_BLOCK_DAYS
# A level further from the year before is of another load: of 45 meters, those that were dead, renewed or given up.
_MAX_JUMP = 0.25
_STEPS_PER_BLOCK = 2
_MIN_SHARE = 0.5  # of the hours of a window, for its level to be known
_HOURS_PER_DAY = 24
_FADE_DAYS = 70.0  # after which a third of a recent level is left
_NOISE_OF_SEASON = 1.5  # times the noise of a week: a season as large as this is believed by half
_FLOOR, _FLOOR_OF_CHANCE = 0.02, 0.005  # no building was met that drifts by less; nor one whose errors are all chance
_FLOOR_UNSEEN = 0.03  # of days whose season is not known of the year before
_OF_RECENT = 0.25  # what a recent level adds to the drift, of itself
_OF_DRIFT_UNSEEN, _OF_DRIFT, _OF_DRIFT_SEASON = 1.5, 0.5, 0.35  # the season not known, known and not believed, believed
_OF_NOISE = 0.5  # over four weeks; wiggles of weeks average out over longer times
_BEYOND_CHANCE = 1.6  # times the square that chance explains: a year has four blocks, which vary by as much themselves
_YEAR_AGO_UNKNOWN = 2.0  # more of the variance where the recent level is not held against that of a year before
_AT_ONCE, _IN_TIME = 0.9, 1.0  # of the variance: at once, and more as the time judged grows to a quarter of a year
_MIN_WEEKS = 8
WEEKS_BEFORE = 8  # whose levels are kept, to tell when a difference began
_WEEK_MIN_SHARE = 0.7
_ROUNDING = 1e-9  # of a block's energy


class DailyTotals(NamedTuple):
    """What was used and what the model expects [kWh] by day, of the hours of which both are known.

    `first` is the first day, counted from the change: −1 is the day before it.
    """

    first: int
    used_kwh: Floats
    model_kwh: Floats
    hours: Ints


class Block(NamedTuple):
    """Days that a model was not fitted to: how much was used, and how much it expected [kWh]."""

    used_kwh: float
    expected_kwh: float


class Level(NamedTuple):
    """How the level of a meter moves, in logarithms of the ratio of used to expected.

    `season` is that of each day from the baseline's end on (NaN where the year before is not known), `season_share` how
    much of it is believed (0–1). `recent` is the level just before the change beside its season, `recent_share` how
    much of that is no chance; `jump` the same level beside the nearest that is known of the year before. `noise` is the
    standard deviation of a single week, `drift` that of a block beyond what chance explains. `believed_then` is the
    season that is believed of the last days before the change.
    """

    season: Floats
    season_share: float
    recent: float
    recent_share: float
    noise: float
    drift: float
    has_year_ago: bool
    jump: float = 0.0
    believed_then: float = 0.0

    @property
    def is_another_load(self) -> bool:
        """Whether the load just before the change was not that of the year before: something else had changed it."""
        return abs(self.recent_share * self.jump) > _MAX_JUMP


class Spread(NamedTuple):
    """How far an expectation may be off, as a share of it: by chance, and by the drift of the load."""

    chance: float
    drift: float

    def beside(self, other: Spread, share: float) -> Spread:
        """Return this together with another, independent one, of which that share counts."""
        return Spread(
            float(np.hypot(self.chance, share * other.chance)), float(np.hypot(self.drift, share * other.drift))
        )

    def half_width(self, confidence: float) -> float:
        """Return how far to either side the logarithm of the expectation may be off at this confidence (0–1).

        Chance is normal. Drift has the tails of Student's t with four degrees of freedom, which measured meters show.
        """
        chance = NormalDist().inv_cdf((1 + confidence) / 2) * self.chance
        return float(np.hypot(chance, _t4_quantile((1 + confidence) / 2) * self.drift))


def total_days(day: Ints, used_kwh: Floats, model_kwh: Floats) -> DailyTotals:
    """Return the totals of hours by their `day`, counted from the change; of those that the model knows."""
    known = np.isfinite(model_kwh) & np.isfinite(used_kwh)
    day, used_kwh, model_kwh = day[known], used_kwh[known], model_kwh[known]
    first = int(day.min()) if day.size else 0
    size = int(day.max()) - first + 1 if day.size else 0
    place = day - first
    return DailyTotals(
        first,
        np.bincount(place, weights=used_kwh, minlength=size).astype(np.float64),
        np.bincount(place, weights=model_kwh, minlength=size).astype(np.float64),
        np.bincount(place, minlength=size).astype(np.int64),
    )


def follow_level(before: DailyTotals, blocks: list[Block], block_days: int, days: int) -> Level:
    """Return how the level moves, by the days before the change, up to so many `days` after them.

    Parameters
    ----------
    before
        The days before the change, of a model that was fitted to the last year of them.
    blocks
        The same days in blocks of `block_days` that were left out of the fit (`left_out_blocks`).
    """
    noise = _weekly_noise(before)
    square = _relative_square(blocks)
    chance = noise**2 * 7 / block_days * (1 + block_days / YEAR_DAYS)
    drift_square = max(square - _BEYOND_CHANCE * chance, 0.0)
    season_share = square / (square + (_NOISE_OF_SEASON * noise) ** 2) if square > 0 else 0.0
    recent_days = np.arange(-RECENT_DAYS, 0)
    season_then = _year_ago(before, recent_days)
    has_year_ago = bool(np.isfinite(season_then).all())
    believed = season_share * season_then if has_year_ago else np.zeros(RECENT_DAYS)
    recent = jump = _recent_level(before, believed)
    season = _year_ago(before, np.arange(days + 1))
    if not has_year_ago:
        recent *= 1 - season_share
        jump -= float(np.nan_to_num(season[:_SEASON_REACH_DAYS]).mean())
    recent_chance = noise**2 * 7 / RECENT_DAYS
    total = drift_square + recent_chance
    return Level(
        season,
        season_share,
        recent,
        drift_square / total if total > 0 else 0.0,
        noise,
        float(np.sqrt(drift_square)),
        has_year_ago,
        jump,
        season_share * float(np.nan_to_num(season[0])),
    )


def log_levels(level: Level, day: Ints) -> Floats:
    """Return by how much the model is to be moved on each `day` after the baseline (logarithm)."""
    season = level.season_share * np.nan_to_num(level.season[day])
    return season + log_recent(level, day)


def log_recent(level: Level, day: Ints) -> Floats:
    """Return how much of `log_levels` is the level just before the change, which fades."""
    return np.asarray(level.recent_share * level.recent * np.exp(-day / _FADE_DAYS))


def spread_over(level: Level, day: Ints, scatter: float = 0.0) -> Spread:
    """Return how far the sum over these days after the baseline may be off.

    `scatter` is the standard deviation of a single week after the change; it counts where it is above the noise before.
    """
    season_known, days = float(np.isfinite(level.season[day]).mean()), day.size
    share = level.season_share
    seen = (_OF_DRIFT * (1 - share)) ** 2 + (_OF_DRIFT_SEASON * share) ** 2
    of_drift = season_known * seen + (1 - season_known) * _OF_DRIFT_UNSEEN**2
    persistence = level.recent_share
    recent_square = persistence * level.recent**2
    square = (
        _FLOOR_OF_CHANCE**2
        + season_known * _FLOOR**2 * persistence
        + (1 - season_known) * _FLOOR_UNSEEN**2
        + of_drift * level.drift**2
        + _OF_RECENT**2 * recent_square
        + persistence * (_OF_NOISE * level.noise) ** 2 * min(RECENT_DAYS / days, 1.0)
    )
    square *= _AT_ONCE + _IN_TIME * min(days / _BLOCK_DAYS, 1.0)
    if not level.has_year_ago:
        square *= 1 + _YEAR_AGO_UNKNOWN * share
    chance = max(level.noise, scatter) * np.sqrt(7 / days * (1 + days / YEAR_DAYS))
    return Spread(float(chance), float(np.sqrt(square)))


def block_length(days_before: int, days: int) -> int:
    """Return how long the blocks are that are left out: as the time to be judged, if three fit into the days before."""
    return int(np.clip(min(days, _BLOCK_DAYS), MIN_BLOCK_DAYS, max(days_before // _BLOCKS, MIN_BLOCK_DAYS)))


def block_masks(day: Ints, days_before: int, length: int) -> Iterator[Flags]:
    """Yield which hours lie in each block of `length` days of the last `days_before`, half of it apart."""
    for start in range(-days_before, -length + 1, max(7, length // _STEPS_PER_BLOCK)):
        inside = (day >= start) & (day < start + length)
        if np.count_nonzero(inside) >= _WEEK_MIN_SHARE * _HOURS_PER_DAY * length:
            yield inside


def _relative_square(blocks: list[Block]) -> float:
    """Return the mean square of the blocks' errors, of that of what was expected."""
    if not blocks:
        return 0.0
    used, expected = (np.array(values) for values in zip(*blocks, strict=True))
    square = float(np.square(used - expected).sum() / np.square(expected).sum())
    return square if square > _ROUNDING**2 else 0.0


def _weekly_noise(before: DailyTotals) -> float:
    """Return the standard deviation of a week's error beside that of the week before, as a share of a week."""
    weeks = min(before.hours.size, YEAR_DAYS) // 7
    used, model, hours = (
        np.asarray(values[before.hours.size - 7 * weeks :]).reshape(weeks, 7).sum(axis=1)
        for values in (before.used_kwh, before.model_kwh, before.hours)
    )
    whole = hours >= _WEEK_MIN_SHARE * 7 * _HOURS_PER_DAY
    mean_kw = np.divide(used - model, hours, out=np.zeros(weeks), where=whole)
    expected_kw = np.divide(model, hours, out=np.zeros(weeks), where=whole)
    pairs = whole[1:] & whole[:-1]
    if np.count_nonzero(pairs) < _MIN_WEEKS or not np.any(expected_kw[whole] > 0):
        return 0.0
    change = np.diff(mean_kw)[pairs]
    return float(np.sqrt(np.square(change).mean() / 2 / np.square(expected_kw[whole]).mean()))


def _year_ago(before: DailyTotals, days: Ints) -> Floats:
    """Return the level of the five weeks around the same date a year before each day; NaN where it is not known."""
    low = days - YEAR_DAYS - _SEASON_REACH_DAYS
    high = np.minimum(days - YEAR_DAYS + _SEASON_REACH_DAYS, -1)
    return _log_ratio(before, low, high)


def _recent_level(before: DailyTotals, season: Floats) -> float:
    """Return the level of the days just before the change, beside their season (logarithm)."""
    if before.hours.size < RECENT_DAYS:
        return 0.0
    used, model = before.used_kwh[-RECENT_DAYS:], before.model_kwh[-RECENT_DAYS:]
    expected = float((model * np.exp(season)).sum())
    return float(np.log(used.sum() / expected)) if used.sum() > 0 and expected > 0 else 0.0


def _log_ratio(before: DailyTotals, low: Ints, high: Ints) -> Floats:
    """Return log(used / model) of the days from `low` to `high`; NaN where less than half of the hours are known."""
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (before.used_kwh, before.model_kwh, before.hours)]
    size = before.hours.size
    start, end = (np.clip(edge - before.first, 0, size) for edge in (low, high + 1))
    used, model, hours = (total[end] - total[start] for total in sums)
    known = (hours >= _MIN_SHARE * _HOURS_PER_DAY * (high - low + 1)) & (used > 0) & (model > 0)
    ratio = np.divide(used, model, out=np.ones(used.size), where=known)
    return np.where(known, np.log(ratio), np.nan)


def _t4_quantile(probability: float) -> float:
    """Return the quantile of Student's t with four degrees of freedom (exact).

    References
    ----------
    W. Shaw (2006), "Sampling Student's T distribution", Journal of Computational Finance 9(4), section 2.
    """
    alpha = 4 * probability * (1 - probability)
    q = np.cos(np.arccos(np.sqrt(alpha)) / 3) / np.sqrt(alpha)
    return float(np.sign(probability - 0.5) * 2 * np.sqrt(max(q - 1, 0.0)))
