"""When a site is open, told on its wall clock, and what kind of closed time an interval falls in. Pure.

An interval is judged by its start. In the hour that spring skips no interval starts; in the one that autumn repeats two
share a wall-clock time and are both open or both closed.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.opening_hours import MINUTES_PER_DAY, Day, Schedule, Week, list_holidays

NIGHT, WEEKEND, HOLIDAY = "night", "weekend", "holiday"
CLOSED_KINDS = (NIGHT, WEEKEND, HOLIDAY)


class _Calendar(NamedTuple):
    """Some local days in a row, minute by minute."""

    is_open: npt.NDArray[np.bool_]  # one value a minute
    open_before: npt.NDArray[np.int64]  # how many minutes before each are open, and before the end of all
    day_kind: npt.NDArray[np.object_]  # one value a day: what its closed minutes are


def hours_of_day(day: date, schedule: Schedule, holidays: dict[date, str]) -> Day:
    """Return the spans that begin on a local day: its exception's, else its holiday's, else its weekday's.

    Of several exceptions for one day the last one in the file holds.
    """
    for exception in reversed(schedule.exceptions):
        if exception.start <= day <= exception.end:
            return exception.hours
    if day in holidays:
        return schedule.holiday_hours
    return _week_of(day, schedule)[day.weekday()]


def open_minutes(first: int, day_count: int, schedule: Schedule) -> npt.NDArray[np.bool_]:
    """Return for `day_count` local days from `first` on [days since 1970] whether each of their minutes is open.

    A span that began on the day before is in it.
    """
    calendar = _make_calendar(first - 1, day_count + 1, schedule)
    return calendar.is_open.reshape(day_count + 1, MINUTES_PER_DAY)[1:]


def is_open(intervals: pd.DataFrame, schedule: Schedule) -> pd.Series:
    """Return True where an interval starts within the opening hours.

    Parameters
    ----------
    intervals
        With `local_time` (naive wall clock), as `lib.date_utils.add_local_time` gives it.
    """
    return pd.Series(is_open_at(_wall_minutes(intervals), schedule), index=intervals.index)


def is_open_at(wall_min: npt.NDArray[np.int64], schedule: Schedule) -> npt.NDArray[np.bool_]:
    """Return the same of moments on the wall clock [minutes since 1970]."""
    if not wall_min.size:
        return np.zeros(0, dtype=bool)
    calendar, minute = _place_in_calendar(wall_min, schedule)
    return calendar.is_open[minute]


def closed_kind(intervals: pd.DataFrame, schedule: Schedule) -> pd.Series:
    """Return the kind of closed time in which each interval starts; an empty text where the site is open.

    "night" is the closed time of a local day on which the site opens at all; "holiday" that of a day on which only a
    holiday, an exception or the end of a term keeps it closed; "weekend" that of a weekday that is always closed.
    """
    if intervals.empty:
        return pd.Series([], index=intervals.index, dtype=object)
    calendar, minute = _place_in_calendar(_wall_minutes(intervals), schedule)
    kinds = np.where(calendar.is_open[minute], "", calendar.day_kind[minute // MINUTES_PER_DAY])
    return pd.Series(kinds, index=intervals.index, dtype=object)


def opens_within(intervals: pd.DataFrame, schedule: Schedule, tolerance_min: int) -> pd.Series:
    """Return True where the site is closed and opens at most `tolerance_min` minutes after the interval's start."""
    return _at_minutes(intervals, schedule, 0, tolerance_min) & ~is_open(intervals, schedule)


def closed_within(intervals: pd.DataFrame, schedule: Schedule, tolerance_min: int) -> pd.Series:
    """Return True where the site is closed and closed less than `tolerance_min` minutes before the interval's start."""
    return _at_minutes(intervals, schedule, tolerance_min, 0) & ~is_open(intervals, schedule)


def _at_minutes(intervals: pd.DataFrame, schedule: Schedule, before_min: int, after_min: int) -> pd.Series:
    """Return True where the site is open at any minute from `before_min` before to `after_min` after the start."""
    if intervals.empty:
        return pd.Series([], index=intervals.index, dtype=bool)
    calendar, minute = _place_in_calendar(_wall_minutes(intervals), schedule)
    first = np.clip(minute - before_min, 0, calendar.is_open.size)
    last = np.clip(minute + after_min + 1, 0, calendar.is_open.size)
    return pd.Series(calendar.open_before[last] > calendar.open_before[first], index=intervals.index, dtype=bool)


def _wall_minutes(intervals: pd.DataFrame) -> npt.NDArray[np.int64]:
    return intervals["local_time"].to_numpy().astype("datetime64[m]").astype("int64")


def _place_in_calendar(minutes: npt.NDArray[np.int64], schedule: Schedule) -> tuple[_Calendar, npt.NDArray[np.int64]]:
    """Return the days around moments on the wall clock [minutes since 1970], and the minute of them that each is.

    There is one day more on either side, for what reaches over midnight.
    """
    first = int(minutes.min()) // MINUTES_PER_DAY - 1
    day_count = int(minutes.max()) // MINUTES_PER_DAY - first + 2
    return _make_calendar(first, day_count, schedule), minutes - first * MINUTES_PER_DAY


@lru_cache(maxsize=32)  # the analyses of a week ask a dozen times for the same days
def _make_calendar(first: int, day_count: int, schedule: Schedule) -> _Calendar:
    """Return `day_count` local days from `first` on, told in days since 1970."""
    days = [date(1970, 1, 1) + timedelta(days=first + n) for n in range(day_count)]
    holidays = list_holidays(schedule, range(days[0].year, days[-1].year + 1))
    # A span begins on its day and may end on the next.
    minutes = np.zeros((day_count + 1) * MINUTES_PER_DAY, dtype=bool)
    kinds = []
    for number, day in enumerate(days):
        spans = hours_of_day(day, schedule, holidays)
        for span in spans:
            minutes[number * MINUTES_PER_DAY + span.start_min : number * MINUTES_PER_DAY + span.end_min] = True
        kinds.append(NIGHT if spans else HOLIDAY if schedule.week[day.weekday()] else WEEKEND)
    is_open = minutes[: day_count * MINUTES_PER_DAY]
    return _Calendar(is_open, np.concatenate(([0], np.cumsum(is_open))), np.array(kinds, dtype=object))


def _week_of(day: date, schedule: Schedule) -> Week:
    is_in_term = not schedule.terms or any(term.start <= day <= term.end for term in schedule.terms)
    return schedule.week if is_in_term else schedule.outside_terms
