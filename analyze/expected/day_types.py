"""Which local days are like which: days are compared with days of their kind. Pure.

A day's kind is what its calendar says of it: which of its minutes the site is open, and why. The minutes are those of
the calendar day itself, so the morning that ends a night shift belongs to the shift, whatever weekday it falls on.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyze.load.schedules import open_minutes
from config.opening_hours import Schedule, list_holidays

Ints = npt.NDArray[np.int64]

_EPOCH = date(1970, 1, 1)
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


class DayKind(IntEnum):
    """Why a day has its opening hours."""

    REGULAR = 0
    HOLIDAY = 1
    EXCEPTION = 2
    BREAK = 3


class DayTypes(NamedTuple):
    """The types of `size` local days in a row, the first of which is `first` days after 1 January 1970.

    Days of one `exact` type share hours and kind, those of one `hours` type the hours alone: a holiday on which the
    site is closed has the hours of a Sunday. `is_closed` days are not open for a minute.
    """

    first: int
    weekday: Ints
    kind: Ints
    hours: Ints
    exact: Ints
    is_closed: npt.NDArray[np.bool_]

    @property
    def size(self) -> int:
        """How many days there are."""
        return int(self.weekday.size)

    def place_of(self, day: Ints) -> Ints:
        """Return the places of local days, given in days since 1970."""
        return day - self.first


@lru_cache(maxsize=32)  # the analyses of a week ask half a dozen times for the same days
def label_days(first: int, size: int, schedule: Schedule) -> DayTypes:
    """Return the types of `size` local days from `first` on [days since 1 January 1970]."""
    minutes = open_minutes(first, size, schedule)
    hours = np.unique(np.packbits(minutes, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    days = [_EPOCH + timedelta(days=first + n) for n in range(size)]
    holidays = list_holidays(schedule, range(days[0].year, days[-1].year + 1))
    kind = np.array([_kind_of(day, schedule, holidays) for day in days], dtype=np.int64)
    weekday = (first + np.arange(size) + _EPOCH_WEEKDAY) % 7
    exact = hours * len(DayKind) + kind
    return DayTypes(first, weekday, kind, hours, exact, np.logical_not(minutes.any(axis=1)))


def _kind_of(day: date, schedule: Schedule, holidays: dict[date, str]) -> DayKind:
    if any(exception.start <= day <= exception.end for exception in schedule.exceptions):
        return DayKind.EXCEPTION
    if day in holidays:
        return DayKind.HOLIDAY
    if schedule.terms and not any(term.start <= day <= term.end for term in schedule.terms):
        return DayKind.BREAK
    return DayKind.REGULAR
