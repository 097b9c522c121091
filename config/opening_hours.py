"""Opening hours: ``[schedule]`` of a site's file, what it means, and the public holidays of a place.

::

    [schedule]
    weekdays = ["07:00-12:00", "13:00-18:00"]  # Monday to Friday: spans of the wall clock; past midnight: "22:00-02:00"
    friday = ["07:00-16:00"]                   # a day by its own name goes above `weekdays`
    saturday = []                              # closed, as a weekend is where it is not named

    [[schedule.terms]]                         # with terms, the days outside all of them are closed ...
    start = 2026-01-05
    end = 2026-06-11

    [schedule.outside_terms]                   # ... or have these hours
    monday = ["08:00-12:00"]

    [[schedule.exceptions]]                    # above holidays and terms; without hours the days are closed
    date = 2026-02-13                          # or start and end, the last day included
    hours = ["07:00-12:00"]

Without any day `ASSUMED_SCHEDULE` holds, and is told as assumed. Where any day is named, all of Monday to Friday have
to be, by `weekdays` or one by one: a working day that was left out would be taken for closed, and its work for waste. A
span belongs to the day on which it begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec

from config.strict_toml import Refusal, Table, about
from lib.errors import ConfigError

MINUTES_PER_DAY = 1440
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORKDAYS = WEEKDAYS[:5]


class Span(NamedTuple):
    """Minutes after the local midnight of the day on which it begins; an end above 1440 lies on the next day."""

    start_min: int
    end_min: int


Day = tuple[Span, ...]
Week = tuple[Day, ...]  # Monday first


class Term(NamedTuple):
    """Local days, both included, on which the weekly hours hold."""

    start: date
    end: date
    name: str = ""


class DayException(NamedTuple):
    """Local days, both included, with hours of their own; none of them is closed."""

    start: date
    end: date
    hours: Day
    reason: str


@dataclass(frozen=True)
class Schedule:
    """When a site is open, on its wall clock. An exception goes above a holiday, a holiday above the terms.

    `is_assumed` is True where nobody named the hours of the week.
    """

    week: Week
    exceptions: tuple[DayException, ...] = ()
    terms: tuple[Term, ...] = ()
    outside_terms: Week = ((),) * 7
    country: str | None = None
    state: str | None = None
    holiday_hours: Day = ()
    is_assumed: bool = False


LocalDate = date  # within a table that has a key of that name

# The contract's business hours: Monday to Friday, 7 am to 6 pm.
ASSUMED_SCHEDULE = Schedule(((Span(7 * 60, 18 * 60),),) * 5 + ((), ()), is_assumed=True)

SpanText = Annotated[
    str,
    about(
        "Opening hours on the wall clock",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$",
        right='spans such as "07:00-18:00", or "22:00-02:00" past midnight',
    ),
]
Hours = Annotated[
    tuple[SpanText, ...],
    about("Spans of one day; [] is closed", right='a list of spans such as ["07:00-12:00", "13:00-18:00"]'),
]
Code = Annotated[str, about("ISO code", pattern="^[A-Z0-9-]{1,6}$", right='a code in quotes, such as "US"')]


class WeekTable(Table, frozen=True):
    """Opening hours by day of the week."""

    weekdays: Annotated[Hours, about("Monday to Friday")] | None = None
    monday: Annotated[Hours, about("Above weekdays, as the other days are")] | None = None
    tuesday: Hours | None = None
    wednesday: Hours | None = None
    thursday: Hours | None = None
    friday: Hours | None = None
    saturday: Annotated[Hours, about("Closed where it is not named")] | None = None
    sunday: Annotated[Hours, about("Closed where it is not named")] | None = None

    def __post_init__(self) -> None:
        self.week()

    def week(self) -> Week:
        """Return the hours of the seven days, Monday first; closed where nothing is said."""
        workdays = self.weekdays or ()
        named = {name: getattr(self, name) for name in WEEKDAYS}
        usual = {name: workdays if name in _WORKDAYS else () for name in WEEKDAYS}
        return tuple(
            day_of(usual[name] if hours is None else hours, "weekdays" if hours is None else name)
            for name, hours in named.items()
        )

    def named_days(self) -> Iterator[str]:
        """Yield the days that have hours of their own, `weekdays` for its five."""
        for name in WEEKDAYS:
            if getattr(self, name) is not None or (name in _WORKDAYS and self.weekdays is not None):
                yield name


class TermTable(Table, frozen=True):
    """A term: on its days the weekly hours hold."""

    start: Annotated[date, about("First day")]
    end: Annotated[date, about("Last day")]
    name: Annotated[str, about("For the reader; mails about the break after it name it")] = ""

    def __post_init__(self) -> None:
        _check_order(self.start, self.end)


class ExceptionTable(Table, frozen=True):
    """Days with hours of their own."""

    date: Annotated[LocalDate, about("The day; or start and end")] | None = None
    start: Annotated[LocalDate, about("First day")] | None = None
    end: Annotated[LocalDate, about("Last day")] | None = None
    hours: Annotated[Hours, about("Closed where it is left out")] = ()
    reason: Annotated[str, about("For the reader")] = ""

    def __post_init__(self) -> None:
        if (self.date is None) == (self.start is None and self.end is None):
            raise Refusal("", "should have either a date, or a start and an end")
        if self.date is None and (self.start is None or self.end is None):
            missing = "start" if self.start is None else "end"
            raise Refusal(missing, "is missing; it should be a date such as 2026-01-31, without quotes")
        if self.start is not None and self.end is not None:
            _check_order(self.start, self.end)
        day_of(self.hours, "hours")

    def to_exception(self) -> DayException:
        """Return what it means."""
        start, end = self.start or self.date, self.end or self.date
        assert start is not None and end is not None  # __post_init__ holds it
        return DayException(start, end, day_of(self.hours, "hours"), self.reason)


class ScheduleTable(WeekTable, frozen=True):
    """When the site is open. Without any day, Monday to Friday 7 am to 6 pm is assumed, and said to be."""

    country: Annotated[Code, about("Public holidays of this country, on which the site is closed")] | None = None
    state: Annotated[Code, about("... and of this state")] | None = None
    holiday_hours: Annotated[Hours, about("Hours on public holidays; closed where it is left out")] = ()
    terms: Annotated[tuple[TermTable, ...], about("Days outside all terms are closed")] = ()
    outside_terms: Annotated[WeekTable, about("Hours outside the terms")] = msgspec.field(default_factory=WeekTable)
    exceptions: Annotated[tuple[ExceptionTable, ...], about("Above holidays and terms")] = ()

    def __post_init__(self) -> None:
        WeekTable.__post_init__(self)
        day_of(self.holiday_hours, "holiday_hours")
        named = set(self.named_days())
        forgotten = [name for name in _WORKDAYS if name not in named]
        if named and forgotten:
            raise Refusal(
                forgotten[0],
                f"is missing: some days are named, but not {', '.join(forgotten)}; give each its hours, or [] where "
                'the site is closed, or write weekdays = ["07:00-18:00"] for Monday to Friday',
            )
        if self.state is not None and self.country is None:
            raise Refusal("state", "should stand beside country, which is missing")

    def to_schedule(self) -> Schedule:
        """Return what the table means.

        Raises
        ------
        Refusal
            When the holidays of its country and state are not known.
        """
        is_assumed = not any(self.named_days())
        schedule = Schedule(
            week=ASSUMED_SCHEDULE.week if is_assumed else self.week(),
            exceptions=tuple(row.to_exception() for row in self.exceptions),
            terms=tuple(Term(row.start, row.end, row.name) for row in self.terms),
            outside_terms=self.outside_terms.week(),
            country=self.country,
            state=self.state,
            holiday_hours=day_of(self.holiday_hours, "holiday_hours"),
            is_assumed=is_assumed,
        )
        try:
            list_holidays(schedule, [2026])  # any year: a wrong country is told now, not in the middle of a report
        except ConfigError as err:
            raise Refusal("country", f"should be another: {err}") from err
        return schedule


def day_of(hours: tuple[str, ...], key: str) -> Day:
    """Return the spans that texts of one day mean.

    Raises
    ------
    Refusal
        When one is empty, or they overlap or do not follow each other; it names `key`.
    """
    spans = tuple(_span(text) for text in hours)
    if any(span.start_min == span.end_min for span in spans):
        raise Refusal(key, f"should be spans that are not empty, not {list(hours)}")
    for earlier, later in zip(spans, spans[1:], strict=False):
        if later.start_min < earlier.end_min:
            raise Refusal(key, f"should be spans in order of time that do not overlap, not {list(hours)}")
    return spans


def _span(text: str) -> Span:
    start, end = (60 * int(clock[:2]) + int(clock[3:]) for clock in text.split("-"))
    return Span(start, end if end >= start else end + MINUTES_PER_DAY)


def _check_order(start: date, end: date) -> None:
    if end < start:
        raise Refusal("end", f"should be on or after its start, {start}, not {end}")


def list_holidays(schedule: Schedule, years: Iterable[int]) -> dict[date, str]:
    """Return the public holidays of the schedule's country and state in these years, by local day.

    Raises
    ------
    ConfigError
        When the package is absent, or does not know the country or state.
    """
    days: dict[date, str] = {}
    if schedule.country is not None:
        for year in years:
            days |= _holidays_of(schedule.country, schedule.state, int(year))
    return days


@lru_cache(maxsize=256)
def _holidays_of(country: str, state: str | None, year: int) -> Mapping[date, str]:
    try:
        import holidays
    except ImportError as err:
        raise ConfigError(
            f"public holidays of {country} need the package 'holidays'; run: pip install -r requirements.txt, "
            "or take country out of [schedule] and list the days as exceptions"
        ) from err
    try:
        return MappingProxyType(dict(holidays.country_holidays(country, subdiv=state, years=year)))
    except NotImplementedError as err:
        place = f"country {country!r}" if state is None else f"country {country!r} with state {state!r}"
        raise ConfigError(f"no public holidays are known for {place}; use ISO codes such as US and NC") from err
