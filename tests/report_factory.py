"""A weekly report with something of everything in it, made without a database, for the tests of pages and PDFs."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pandas as pd
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, set_power

from analyze.week.site_week import SiteContext, SiteWeek, analyze_site_week, baseline_before
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.site_file import read_site
from config.thresholds import Thresholds
from deliver.reports.site_report import CheckedWeek
from deliver.reports.weekly import assemble_report
from lib.date_utils import Window
from lib.readings import Site, ValidationStatus

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
NAMED_HOURS = Schedule(ASSUMED_SCHEDULE.week)  # as somebody names them in the site's file
NAMES = ("Air handler 2", "Kitchen", "Roof unit 1", "Well pump")


def make_report(
    names: tuple[str, ...] = NAMES,
    site_name: str = "Test school",
    currency: str | None = "USD",
    schedule: Schedule = NAMED_HOURS,
) -> dict[str, Any]:
    """Return the report on what `analyze_week` analyzes, to do with as one likes."""
    return json.loads(_report_text(names, site_name, currency, schedule))


@cache
def _report_text(names: tuple[str, ...], site_name: str, currency: str | None, schedule: Schedule) -> str:
    week = analyze_week(names, schedule)[-1]
    site = Site(7, site_name, NEW_YORK.key, "1 Main Street", "Springfield", "US", currency, "eniscope")
    status = ValidationStatus(1, "closed", True, WEEK.end, [], [], None, None)
    return json.dumps(assemble_report(site, status, week, forced_reason=None, now=NOW), allow_nan=False)


def analyze_week(
    names: tuple[str, ...] = NAMES, schedule: Schedule = NAMED_HOURS
) -> tuple[pd.DataFrame, pd.DataFrame, SiteWeek]:
    """Return readings, meters and findings of the week of 12 January 2026 on four meters.

    The first is left on at night from Tuesday on, the second has a short peak on Wednesday at ten, the third runs high
    on Thursday from ten to three, the fourth ends on Monday at noon.
    """
    return deepcopy(_analyzed(names, schedule))


@cache  # it takes a second, and dozens of tests want the same
def _analyzed(names: tuple[str, ...], schedule: Schedule) -> tuple[pd.DataFrame, pd.DataFrame, SiteWeek]:
    config = Thresholds()
    baseline = baseline_before(WEEK, NEW_YORK, config)
    both = Window(baseline.start, WEEK.end)
    meters = make_meters(1, 2, 3, 4).assign(channel_name=list(names))
    first = fill_window(1, both, 5.0, 1.0)
    for day in (13, 14, 15, 16):
        first = set_power(first, f"2026-01-{day} 18:00", f"2026-01-{day + 1} 07:00", 4.8)
    second = set_power(fill_window(2, both, 4.0, 1.0), "2026-01-14 10:00", "2026-01-14 10:30", 40.0)
    third = set_power(fill_window(3, both, 3.0, 0.5), "2026-01-15 10:00", "2026-01-15 15:00", 12.0)
    fourth = fill_window(4, Window(both.start, datetime(2026, 1, 12, 17, tzinfo=UTC)), 0.2, 0.2)
    readings = pd.concat([first, second, third, fourth], ignore_index=True)
    context = SiteContext(
        site_id=7, tariffs=read_site(7).tariffs, hourly=_hourly(readings), electrical=_electrical(readings)
    )
    return readings, meters, analyze_site_week(readings, meters, WEEK, baseline, NEW_YORK, config, schedule, context)


def _electrical(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the first meter's week on a supply of 112 V, which is too low for 120 V ± 5 %."""
    own = (readings["channel_id"] == 1) & (readings["interval_start"] >= pd.Timestamp(WEEK.start))
    return readings[own].assign(voltage_v=112.0, frequency_hz=60.0, power_factor=0.97)


def _hourly(readings: pd.DataFrame) -> pd.DataFrame:
    hour = readings["interval_start"].dt.floor("h").rename("timestamp")
    sums = readings.groupby(["channel_id", hour])["energy_kwh"].agg(["sum", "size"]).reset_index()
    return sums.rename(columns={"sum": "energy_kwh", "size": "reading_count"})


def checked_week(
    names: tuple[str, ...] = NAMES, site_name: str = "Test school", schedule: Schedule = NAMED_HOURS
) -> CheckedWeek:
    """Return the analyzed week with its site and a closed breaker, as the scripts of the reports hand it on."""
    site = Site(7, site_name, NEW_YORK.key, "1 Main Street", "Springfield", "US", "USD", "eniscope")
    status = ValidationStatus(1, "closed", True, WEEK.end, [], [], None, None)
    return CheckedWeek(site, status, analyze_week(names, schedule)[-1], forced_reason=None)
