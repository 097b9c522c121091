"""What opening hours are made of, the contract's default, and the public holidays of a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from lib.errors import ConfigError

if TYPE_CHECKING:
    from config.report_config import ReportConfig

MINUTES_PER_DAY = 1440
_BUSINESS_HOURS = ("business_start_hour", "business_end_hour", "business_weekdays")


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


def default_schedule(config: ReportConfig) -> Schedule:
    """Return the contract's business hours as a schedule.

    Where `business_start_hour` is not before `business_end_hour`, the hours after midnight belong to the weekday they
    fall on, as `ReportConfig` has it.
    """
    opens, closes = 60 * config.business_start_hour, 60 * config.business_end_hour
    day: Day = (Span(opens, closes),) if opens < closes else (Span(0, closes), Span(opens, MINUTES_PER_DAY))
    week = tuple(day if weekday in config.business_weekdays else () for weekday in range(7))
    return Schedule(week, is_assumed=not names_business_hours(config))


def names_business_hours(config: ReportConfig) -> bool:
    """Return whether the site's thresholds name hours of their own instead of the contract's."""
    return any(getattr(config, name) != getattr(type(config), name) for name in _BUSINESS_HOURS)


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
