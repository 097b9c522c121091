"""What held-out kinds share: days drawn anew for each week, and weather that explains nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.claims.building import Draw
from benchmarks.claims.timeline import DAYS_PER_WEEK, Kw, Mask, Timeline

ALL_WEEKS = range(-13, 2)  # before and after the report's, whatever the site's history
SEASON_K = 8.0  # midsummer above the year's mean
EQUINOX_DAY_H, SEASON_DAY_H = 12.0, 4.0  # as `Timeline.daylight` has them


def some_days(d: Draw, days: Sequence[int], count: int, weeks: Iterable[int] = ALL_WEEKS) -> list[int]:
    """Return so many days of each week, drawn anew for each; days count from the report's Monday."""
    return [DAYS_PER_WEEK * week + int(day) for week in weeks for day in d.rng.choice(list(days), count, replace=False)]


def random_days(d: Draw, t: Timeline, share: float) -> Mask:
    """Return True on about this share of the days."""
    first = int(t.day.min())
    return (d.rng.random(int(t.day.max()) - first + 1) < share)[t.day - first]


def usual_air(d: Draw, t: Timeline) -> Kw:
    """Return outdoor air [°C] as the season has it, in which the report's week is like those around it."""
    rise, sets = t.daylight()
    season = (sets - rise - EQUINOX_DAY_H) / SEASON_DAY_H
    return t.temperature(d.between(9, 14), d.between(3.5, 6)) + SEASON_K * season
