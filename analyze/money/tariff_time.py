"""Where intervals stand in a tariff: its periods, its calendar months, its validity. Pure and vectorised.

Hours are the site's wall clock: in the repeated hour of autumn both passes are billed alike, and the skipped hour of
spring is billed nowhere. An interval is billed by the rate that holds at its start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.tariff_model import HOLIDAY, MONTHS_PER_YEAR, SLOTS_PER_HOUR, EnergyRates, Tariff, TariffSpan
from lib.date_utils import Window, local_day_window

Spans = tuple[TariffSpan, ...]

MEAN_MONTH_DAYS = 30
_LONGEST_MONTH_BILL_DAYS = 40  # a month whose reading came late; a longer bill is of several months

# New Year and the days on which it is observed: they close one year's list or open the next.
_TURN_OF_YEAR = {(12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}

_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Cells(NamedTuple):
    """Where intervals stand in a tariff's schedule: month 0–11, kind of day, quarter hour of the day."""

    month: npt.NDArray[np.int64]
    day_type: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]

    def of_rows(self, rows: npt.NDArray[np.bool_]) -> Cells:
        """Return those of some of the intervals."""
        return Cells(*(part[rows] for part in self))


class Segment(NamedTuple):
    """A calendar month, or the part of it in which one tariff holds; `last` is included."""

    tariff: Tariff
    first: date
    last: date
    days_in_month: int

    @property
    def day_share(self) -> float:
        """The segment's share of its month; what is charged by the month is charged by it."""
        return self.days / self.days_in_month

    @property
    def days(self) -> int:
        """The segment's days."""
        return (self.last - self.first).days + 1

    @property
    def month(self) -> str:
        """The calendar month, such as ``2026-01``."""
        return f"{self.first:%Y-%m}"

    def window(self, tz: ZoneInfo) -> Window:
        """Return the segment in UTC."""
        return local_day_window(self.first, self.last, tz)


def as_spans(tariff: Tariff | Spans) -> Spans:
    """Return `tariff` as spans: a lone tariff from its validity's beginning to its end."""
    return (TariffSpan(tariff, tariff.valid_from, tariff.valid_to),) if isinstance(tariff, Tariff) else tariff


def local_days(frame: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """Return the local day of each interval."""
    return frame["local_time"].to_numpy().astype("datetime64[D]")


def local_months(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Return the calendar month of each local day, looked up by day: to tell a month from a date takes long."""
    if not days.size:
        return days.astype("datetime64[M]")
    first, last = days.min(), days.max()
    months = np.arange(first, last + 1).astype("datetime64[M]")
    return np.asarray(months[(days - first).astype(np.int64)])


def find_cells(frame: pd.DataFrame, tariff: Tariff, holidays: Collection[date]) -> Cells:
    """Return where the intervals stand in the tariff's schedules.

    Parameters
    ----------
    frame
        With `local_time` (see `add_local_time`).
    holidays
        Local days that the site has as holidays (`billed_holidays`).
    """
    # Whole arrays of numbers: several times quicker than the accessors of a column of times, and asked for often.
    days = local_days(frame)
    minute = (frame["local_time"].to_numpy().astype("datetime64[m]") - days).astype(np.int64)
    number = days.astype(np.int64)
    is_holiday = _lie_on(number, billed_holidays(tariff, holidays))
    return Cells(
        local_months(days).astype(np.int64) % MONTHS_PER_YEAR,
        np.where(is_holiday, HOLIDAY, (number + _EPOCH_WEEKDAY) % 7),
        minute // (60 // SLOTS_PER_HOUR),
    )


def billed_holidays(tariff: Tariff, holidays: Collection[date]) -> Collection[date]:
    """Return the days billed as holidays: the tariff's own, and in years that its list does not name those of the site.

    An empty list says that the utility has no holidays, in any year.
    """
    if tariff.holidays is None:
        return holidays
    if not tariff.holidays:
        return ()
    named = _named_years(tariff.holidays)
    return [*tariff.holidays, *(day for day in holidays if day.year not in named)]


def unnamed_years(tariff: Tariff, years: Collection[int]) -> list[int]:
    """Return which of `years` the tariff's list of holidays does not name, where its prices on holidays are others."""
    schedules = (tariff.energy.schedule, *(charge.schedule for charge in tariff.demand))
    arrays = [schedule.array() for schedule in schedules]
    if not tariff.holidays or all((own[:, :HOLIDAY] == own[:, HOLIDAY:]).all() for own in arrays):
        return []
    return sorted(set(years) - _named_years(tariff.holidays))


def _named_years(days: Collection[date]) -> set[int]:
    """Return the years of a list of holidays; a New Year at its end does not name the year that it begins."""
    within = {day.year for day in days if (day.month, day.day) not in _TURN_OF_YEAR}
    return within or {day.year for day in days}


def _lie_on(number: npt.NDArray[np.int64], days: Collection[date]) -> npt.NDArray[np.bool_]:
    """Return which local days, given in days since 1970, are among some others."""
    first = int(number.min(initial=0))
    is_listed = np.zeros(int(number.max(initial=0)) - first + 1, dtype=bool)
    places = np.array([day.toordinal() for day in days], dtype=np.int64) - _EPOCH_ORDINAL - first
    is_listed[places[(places >= 0) & (places < is_listed.size)]] = True
    return is_listed[number - first]


def energy_periods(cells: Cells, energy: EnergyRates) -> npt.NDArray[np.int64]:
    """Return for each interval the number of its energy period."""
    return energy.schedule.array()[cells].astype(np.int64)


def list_segments(frame: pd.DataFrame, tariff: Tariff | Spans) -> Iterator[tuple[Segment, npt.NDArray[np.bool_]]]:
    """Yield each calendar month that `frame` touches, by tariff, with the mask of its rows.

    A month in which the tariff changes comes in parts, one for each tariff. Days without a tariff come not at all.
    """
    days = local_days(frame)
    for month in np.unique(local_months(days)):
        first = month.astype("datetime64[D]").item()
        last = (month + 1).astype("datetime64[D]").item() - timedelta(days=1)
        for span in as_spans(tariff):
            start, end = max(first, span.first or first), min(last, span.last or last)
            if start <= end:
                rows = (days >= np.datetime64(start)) & (days <= np.datetime64(end))
                yield Segment(span.tariff, start, end, last.day), rows


def period_segments(
    frame: pd.DataFrame, tariff: Tariff | Spans, first: date, last: date
) -> Iterator[tuple[Segment, npt.NDArray[np.bool_]]]:
    """Yield the local days `first` to `last` as one bill covers them, with the mask of the frame's rows.

    They come in one piece, as a month, where the same prices hold on all of them; else in parts, one for each tariff
    and calendar month, as utilities prorate a bill over a change of season. A bill of several calendar months comes by
    these, each with its own peak; another long one has as many of what is charged by the month as 30 days go into it.
    """
    days, length = local_days(frame), (last - first).days + 1
    is_long = length > _LONGEST_MONTH_BILL_DAYS
    by_month = is_long and _are_whole_months(first, last)
    for span in as_spans(tariff):
        start, end = max(first, span.first or first), min(last, span.last or last)
        while start <= end:
            is_one = not by_month and _is_alike(span.tariff, start, end)
            stop = end if is_one else min(end, _month_end(start))
            rows = (days >= np.datetime64(start)) & (days <= np.datetime64(stop))
            days_in_month = _month_end(start).day if by_month else MEAN_MONTH_DAYS if is_long else length
            yield Segment(span.tariff, start, stop, days_in_month), rows
            start = stop + timedelta(days=1)


def hides_peaks(tariff: Tariff | Spans, first: date, last: date) -> bool:
    """Return whether a bill covers several months, does not tell which, and each has a peak to pay.

    A bill from January 14 to March 13 does not tell on which day between the peak of its second month began to count.
    """
    if (last - first).days < _LONGEST_MONTH_BILL_DAYS or _are_whole_months(first, last):
        return False
    return any(
        span.tariff.pays_peaks and (span.first or first) <= last and (span.last or last) >= first
        for span in as_spans(tariff)
    )


def _are_whole_months(first: date, last: date) -> bool:
    return first.day == 1 and last == _month_end(last)


def _is_alike(tariff: Tariff, first: date, last: date) -> bool:
    """Return whether the months from `first` to `last` have the same prices in the same hours."""
    months = {(first + timedelta(days=n)).month - 1 for n in range((last - first).days + 1)}
    schedules = [tariff.energy.schedule, *(charge.schedule for charge in tariff.demand)]
    return all(len({each.array()[month].tobytes() for month in months}) == 1 for each in schedules)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def month_segment(tariff: Tariff, day: date) -> Segment:
    """Return the whole calendar month of `day` on `tariff`."""
    first = day.replace(day=1)
    last = _month_end(first)
    return Segment(tariff, first, last, last.day)


def month_scale(segment: Segment, hours: float, tz: ZoneInfo) -> float:
    """Return the segment's length over the `hours` that data cover; 1 where they cover all of it."""
    start, end = segment.window(tz)
    return max(1.0, (end - start).total_seconds() / 3600 / hours) if hours > 0 else 1.0


def at_month(cells: Cells, month: int) -> Cells:
    """Return the same kinds of day and hours as if they lay in `month` (0 = January)."""
    return cells._replace(month=np.full_like(cells.month, month))
