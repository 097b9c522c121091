"""A site's opening hours and building, as ``config/sites/<id>.toml`` declares them.

::

    [schedule]
    weekdays = ["07:00-12:00", "13:00-18:00"]  # Monday to Friday: spans of the wall clock; past midnight: "22:00-02:00"
    friday = ["07:00-16:00"]                 # a day by its own name goes above `weekdays`
    saturday = []                            # closed, as a weekend is where it is not named
    country = "US"                           # public holidays, on which the site is closed ...
    state = "NC"
    holiday_hours = ["10:00-14:00"]          # ... or has these hours

    [[schedule.terms]]                       # with terms, the days outside all of them are closed ...
    start = 2026-01-05
    end = 2026-06-11

    [schedule.outside_terms]                 # ... or have these hours
    monday = ["08:00-12:00"]

    [[schedule.exceptions]]                  # above holidays and terms; without hours the days are closed
    date = 2026-02-13                        # or start and end, the last day included
    hours = ["07:00-12:00"]
    reason = "staff meeting"

    [building]
    floor_area_m2 = 5200

Without any day the contract's business hours of `ReportConfig` hold, and are told as assumed. Where any day is named,
all of Monday to Friday have to be, by `weekdays` or one by one: a working day that was left out would be taken for
closed, and its work for waste. A span belongs to the day on which it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from config.opening_hours import (
    MINUTES_PER_DAY,
    Day,
    DayException,
    Schedule,
    Span,
    Term,
    Week,
    default_schedule,
    list_holidays,
)
from config.toml_table import read_toml
from lib.errors import ConfigError
from lib.paths import SITES_DIR

if TYPE_CHECKING:
    from config.report_config import ReportConfig

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORKDAYS = WEEKDAYS[:5]
_ALL_WORKDAYS = "weekdays"  # the short form of the five
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_SCHEDULE_KEYS = {*WEEKDAYS, _ALL_WORKDAYS, "country", "state", "holiday_hours", "terms", "outside_terms", "exceptions"}


@dataclass(frozen=True)
class Building:
    """What is known of the building."""

    floor_area_m2: float | None = None


class SiteFacts(NamedTuple):
    """What a site's file says besides its thresholds."""

    schedule: Schedule
    building: Building


def load_site_facts(site_id: int, config: ReportConfig, sites_dir: Path = SITES_DIR) -> SiteFacts:
    """Return the schedule and the building of a site; the defaults where there is no file or it says nothing.

    Raises
    ------
    ConfigError
        When the file cannot be read or says something that cannot be meant; the message names file and key.
    """
    path = sites_dir / f"{site_id}.toml"
    if not path.exists():
        return SiteFacts(default_schedule(config), Building())
    content = read_toml(path).values
    reader = _Reader(path)
    return SiteFacts(
        reader.schedule(reader.table(content, "schedule"), default_schedule(config)),
        reader.building(reader.table(content, "building")),
    )


class _Reader:
    """Turns the tables of one file into values; every mistake names the file and the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fail(self, key: str, value: Any, right: str) -> ConfigError:
        return ConfigError(f"{self._path}: {key} should be {right}, not {value!r}")

    def table(self, content: dict[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
        value = content.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(prefix + key, value, f"a table, [{prefix}{key}]")
        return value

    def known(self, table: dict[str, Any], prefix: str, keys: Iterable[str]) -> None:
        for key in sorted(set(table) - set(keys)):
            raise ConfigError(f"{self._path}: unknown key {prefix}.{key}; the known ones are {', '.join(sorted(keys))}")

    def schedule(self, table: dict[str, Any], default: Schedule) -> Schedule:
        self.known(table, "schedule", _SCHEDULE_KEYS)
        outside = self.table(table, "outside_terms", "schedule.")
        self.known(outside, "schedule.outside_terms", {*WEEKDAYS, _ALL_WORKDAYS})
        week, is_assumed = default.week, default.is_assumed
        if {*WEEKDAYS, _ALL_WORKDAYS} & set(table):
            week, is_assumed = self.week(table, "schedule"), False
            self.refuse_forgotten_days(table)
        schedule = Schedule(
            week=week,
            is_assumed=is_assumed,
            exceptions=tuple(self.exception(row, n) for n, row in enumerate(self.rows(table, "exceptions"), 1)),
            terms=tuple(self.term(row, n) for n, row in enumerate(self.rows(table, "terms"), 1)),
            outside_terms=self.week(outside, "schedule.outside_terms"),
            country=self.text(table, "country"),
            state=self.text(table, "state"),
            holiday_hours=self.day(table.get("holiday_hours", []), "schedule.holiday_hours"),
        )
        if schedule.state is not None and schedule.country is None:
            raise self.fail("schedule.state", schedule.state, "given together with schedule.country")
        try:
            list_holidays(schedule, [2026])  # any year: a wrong country is told now, not in the middle of a report
        except ConfigError as err:
            raise ConfigError(f"{self._path}: schedule.country should be another: {err}") from err
        return schedule

    def refuse_forgotten_days(self, table: dict[str, Any]) -> None:
        """Raise a ConfigError where a working day is not named: closed has to be said."""
        forgotten = [name for name in _WORKDAYS if name not in table and _ALL_WORKDAYS not in table]
        if forgotten:
            raise ConfigError(
                f"{self._path}: [schedule] names some days, but not {', '.join(forgotten)}; give each its hours, "
                f'or [] where the site is closed, or write weekdays = ["07:00-18:00"] for Monday to Friday'
            )

    def week(self, table: dict[str, Any], prefix: str) -> Week:
        workdays = self.day(table.get(_ALL_WORKDAYS, []), f"{prefix}.{_ALL_WORKDAYS}")
        usual = dict.fromkeys(_WORKDAYS, workdays)
        return tuple(
            self.day(table[name], f"{prefix}.{name}") if name in table else usual.get(name, ()) for name in WEEKDAYS
        )

    def day(self, value: Any, key: str) -> Day:
        if not isinstance(value, list):
            raise self.fail(key, value, 'a list of spans such as ["07:00-12:00", "13:00-18:00"]')
        spans = tuple(self.span(item, key) for item in value)
        for earlier, later in zip(spans, spans[1:], strict=False):
            if later.start_min < earlier.end_min:
                raise self.fail(key, value, "spans in order of time that do not overlap")
        return spans

    def span(self, text: Any, key: str) -> Span:
        match = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise self.fail(key, text, 'spans such as "07:00-18:00", or "22:00-02:00" past midnight')
        hour, minute, last_hour, last_minute = map(int, match.groups())
        start, end = 60 * hour + minute, 60 * last_hour + last_minute
        if start >= MINUTES_PER_DAY or end > MINUTES_PER_DAY or start == end:
            raise self.fail(key, text, "a span from 00:00 on, to 24:00 at most, that is not empty")
        return Span(start, end if end > start else end + MINUTES_PER_DAY)

    def rows(self, table: dict[str, Any], name: str) -> list[dict[str, Any]]:
        value = table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self.fail(f"schedule.{name}", value, f"a list of tables, [[schedule.{name}]]")
        return value

    def term(self, row: dict[str, Any], number: int) -> Term:
        prefix = f"schedule.terms {number}"
        self.known(row, prefix, {"start", "end", "name"})
        return Term(*self.dates(row, prefix))

    def exception(self, row: dict[str, Any], number: int) -> DayException:
        prefix = f"schedule.exceptions {number}"
        self.known(row, prefix, {"date", "start", "end", "hours", "reason"})
        if "date" in row:
            if {"start", "end"} & set(row):
                raise self.fail(prefix, row, "either a date, or a start and an end")
            row = {**row, "start": row["date"], "end": row["date"]}
        hours = self.day(row.get("hours", []), f"{prefix}.hours")
        return DayException(*self.dates(row, prefix), hours, str(row.get("reason", "")))

    def dates(self, row: dict[str, Any], prefix: str) -> tuple[date, date]:
        for key in ("start", "end"):
            if not isinstance(row.get(key), date) or isinstance(row[key], datetime):
                raise self.fail(f"{prefix}.{key}", row.get(key), "a date such as 2026-01-05, without quotes")
        if row["end"] < row["start"]:
            raise self.fail(f"{prefix}.end", row["end"], f"on or after its start, {row['start']}")
        return row["start"], row["end"]

    def text(self, table: dict[str, Any], name: str) -> str | None:
        value = table.get(name)
        if value is not None and not (isinstance(value, str) and value):
            raise self.fail(f"schedule.{name}", value, 'a code in quotes, such as "US"')
        return value

    def building(self, table: dict[str, Any]) -> Building:
        self.known(table, "building", {"floor_area_m2"})
        area = table.get("floor_area_m2")
        if area is not None and (type(area) not in (int, float) or not 0 < area < float("inf")):
            raise self.fail("building.floor_area_m2", area, "a number of square metres above 0")
        return Building(None if area is None else float(area))
