"""Operating hours learned from a load's readings. Pure.

A day's running block is the stretch whose power stays above half-way between the channel's base and its plateau: the
contiguous block with the largest sum of the power's distance from half-way, each distance limited to half the swing
(Bentley's maximum-sum segment), so that a dip at noon does not end it and a blip at night does not begin it.

References
----------
J. Bentley (1984), "Programming pearls: algorithm design techniques", Communications of the ACM 27(9),
doi:10.1145/358234.381162. The half-way crossing between base and peak load as start and end of the day: P. Price
(2010), "Methods for Analyzing Electric Load Shape and its Variability", LBNL-3713E, doi:10.2172/985909.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MINUTES_PER_DAY = 1440
SHORT_BASELINE, NO_RHYTHM = "short_baseline", "no_rhythm"  # why no hours were learned
_BASE_QUANTILE, _PLATEAU_QUANTILE = 0.05, 0.95
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_FULL_DAY_S = 21.5 * 3600  # nine tenths of a day; the day of 23 hours is full too


class HoursRules(Protocol):
    """What counts as regular hours (`config.thresholds.LearnedHoursThresholds`)."""

    @property
    def min_days(self) -> int:
        """Full days of a weekday."""
        ...

    @property
    def min_run_hours(self) -> float:
        """Length of the shortest block of a day [h]."""
        ...

    @property
    def min_swing_ratio(self) -> float:
        """Of the plateau, between it and the base."""
        ...

    @property
    def max_spread_min(self) -> float:
        """Median deviation of starts and ends [minutes]."""
        ...


class LearnedDay(NamedTuple):
    """When a channel usually runs on a weekday [minutes after local midnight]; equal ends mean that it does not."""

    start_min: int
    end_min: int
    days: int


class LearnedHours(NamedTuple):
    """What a channel's load says about its hours; without `code` it could be learned."""

    base_kw: float
    plateau_kw: float
    week: tuple[LearnedDay | None, ...]  # Monday first; None where the weekday has no regular hours
    code: str | None
    reason: str


class Load(NamedTuple):
    """Intervals of one channel in order of time: start on the wall clock, mean power [kW], length [h]."""

    local_time: npt.NDArray[np.datetime64]
    mean_kw: Floats
    hours: Floats

    @classmethod
    def of_frame(cls, rows: pd.DataFrame) -> Load:
        """Return the load of a frame with these columns."""
        return cls(*(rows[name].to_numpy() for name in cls._fields))

    def of_rows(self, own: slice) -> Load:
        """Return those of some of the intervals."""
        return Load(self.local_time[own], self.mean_kw[own], self.hours[own])


class _Blocks(NamedTuple):
    """The running block of each full day (n,), its weekday and its minutes; both ends 0 where it has none."""

    weekday: Ints
    start_min: Ints
    end_min: Ints

    def of_weekday(self, weekday: int) -> list[tuple[int, int]]:
        """Return those of one weekday."""
        own = self.weekday == weekday
        return list(zip(self.start_min[own].tolist(), self.end_min[own].tolist(), strict=True))


def learn_hours(load: Load, rules: HoursRules) -> LearnedHours:
    """Return the usual start and end of each weekday of one channel.

    Parameters
    ----------
    load
        Sound intervals of one channel over the baseline weeks.

    Returns
    -------
    LearnedHours
        Refused with `short_baseline` where no weekday has `min_days` full days, and with `no_rhythm` where
        the load swings by less than `min_swing_ratio` of its plateau, or starts and ends at random (median
        deviation above `max_spread_min` on every weekday that runs).

    Notes
    -----
    Base and plateau are the 5th and 95th percentile of the power. Start and end of a weekday are the medians over its
    days, so that a holiday among four weeks changes nothing; they are as fine as the intervals are long.
    """
    if not load.hours.size:
        return LearnedHours(np.nan, np.nan, (None,) * 7, SHORT_BASELINE, "no sound readings in the baseline weeks")
    base_kw, plateau_kw = map(float, np.quantile(load.mean_kw, [_BASE_QUANTILE, _PLATEAU_QUANTILE]))
    daily = _daily_blocks(load, base_kw, plateau_kw, rules)
    blocks = [daily.of_weekday(weekday) for weekday in range(7)]
    if all(len(days) < rules.min_days for days in blocks):
        reason = f"no weekday has {rules.min_days} full days in the baseline weeks"
        return LearnedHours(base_kw, plateau_kw, (None,) * 7, SHORT_BASELINE, reason)
    if plateau_kw <= 0 or plateau_kw - base_kw < rules.min_swing_ratio * plateau_kw:
        alike = f"day and night are too alike: {base_kw:.2f} to {plateau_kw:.2f} kW"
        reason = alike if plateau_kw > 0 else "it is off for nineteen hours out of twenty or more"
        return LearnedHours(base_kw, plateau_kw, (None,) * 7, NO_RHYTHM, reason)
    week = tuple(_learned_day(days, rules) for days in blocks)
    if not any(day is not None and day.end_min > day.start_min for day in week):
        return LearnedHours(base_kw, plateau_kw, week, NO_RHYTHM, "it starts and ends at no regular time of the day")
    return LearnedHours(base_kw, plateau_kw, week, None, "")


def _daily_blocks(load: Load, base_kw: float, plateau_kw: float, rules: HoursRules) -> _Blocks:
    """Return the running blocks of the full days."""
    swing_kw, hours = plateau_kw - base_kw, load.hours
    local = load.local_time.astype("datetime64[m]")
    day = local.astype("datetime64[D]")
    minute = (local - day).astype("int64")
    # Far above is no more than at the plateau, else one burst would outweigh the rest of the day.
    above = np.clip(load.mean_kw - (base_kw + plateau_kw) / 2, -swing_kw / 2, swing_kw / 2) * hours
    edges = np.concatenate([[0], np.flatnonzero(day[1:] != day[:-1]) + 1, [day.size]])
    first, last = (edges[:-1] + part for part in _largest_segments(above, edges))
    until_s = np.concatenate([[0], np.cumsum(np.rint(hours * 3600).astype(np.int64))])
    runs = (last > first) & (until_s[last] - until_s[first] >= 3600 * rules.min_run_hours)
    closes = (minute[last - 1] + 60 * hours[last - 1]).astype(np.int64)
    start_min = np.where(runs, minute[np.minimum(first, day.size - 1)], 0)
    end_min = np.where(runs, np.minimum(closes, _MINUTES_PER_DAY), 0)
    weekday = (day[edges[:-1]].astype("int64") + _EPOCH_WEEKDAY) % 7
    is_full = np.diff(until_s[edges]) >= _FULL_DAY_S
    return _Blocks(weekday[is_full], start_min[is_full], end_min[is_full])


def _largest_segments(
    values: npt.NDArray[np.float64], edges: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return first and last (excluded) of the contiguous segment with the largest sum, of each day.

    Both are counted from the day's start, and equal where no segment is above 0. `edges` are where days start, and the
    end of the last one.
    """
    length = np.diff(edges)
    inside = np.arange(1, length.max() + 1) <= length[:, None]
    total = np.zeros((length.size, length.max() + 1))  # a short day goes on with nothing, which changes no sum
    total[:, 1:][inside] = values
    np.cumsum(total, axis=1, out=total)
    last = np.argmax(total - np.minimum.accumulate(total, axis=1), axis=1)
    first = np.argmin(np.where(np.arange(total.shape[1]) <= last[:, None], total, np.inf), axis=1)
    return first, last


def _learned_day(blocks: list[tuple[int, int]], rules: HoursRules) -> LearnedDay | None:
    if len(blocks) < rules.min_days:
        return None
    running = [block for block in blocks if block[1] > block[0]]
    if 2 * len(running) <= len(blocks):
        return LearnedDay(0, 0, len(blocks))
    middle = [median(ends) for ends in zip(*running, strict=True)]
    for ends, usual in zip(zip(*running, strict=True), middle, strict=True):
        if median(abs(end - usual) for end in ends) > rules.max_spread_min:
            return None
    return LearnedDay(int(middle[0]), int(middle[1]), len(blocks))
