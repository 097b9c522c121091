"""Findings of made-up weekly reports, stored as record_report.py stores them, for the tests of their time lines."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from govern.findings.store import store_week
from lib.report_findings import FindingKind, ReportFinding, ReportMeter, ReportWeek, finding_id_of
from lib.states import Level

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ZONE = ZoneInfo("America/New_York")
SITE, OTHER_SITE = 7, 8
AHU, BOILER = 10, 11
MONDAY = date(2026, 1, 5)
WASTE = finding_id_of(FindingKind.AFTER_HOURS, AHU)


def waste(
    kwh: float | None, meter: int = AHU, pattern: str = "recurring", level_kw: float | None = 3.0
) -> ReportFinding:
    """Return what runs at night, at a tenth of a dollar a kWh."""
    rest_kw = None if level_kw is None else 1.0
    return ReportFinding(
        finding_id_of(FindingKind.AFTER_HOURS, meter), FindingKind.AFTER_HOURS, None, meter, f"meter {meter}",
        f"Turn meter {meter} off", kwh, None if kwh is None else kwh / 10, "USD", Level.HIGH, pattern, level_kw,
        rest_kw,
    )  # fmt: skip


def meter(key: int = AHU, closed_kw: float = 1.0, complete: float = 100.0, *, is_doubtful: bool = False) -> ReportMeter:
    """Return what a report could see of a meter."""
    return ReportMeter(key, 5.0, closed_kw, complete, is_doubtful)


def tell(
    conn: Connection,
    number: int,
    findings: list[ReportFinding],
    meters: list[ReportMeter] | None = None,
    site_id: int = SITE,
    version: int = 1,
    first_day: int = 0,
) -> int:
    """Store a report on week `number` (from 1), and return the number of its run."""
    day = MONDAY + timedelta(weeks=number - 1, days=first_day)
    start, end = (datetime(*each.timetuple()[:3], tzinfo=ZONE) for each in (day, day + timedelta(days=7)))
    run = 10_000 * site_id + 1_000 * first_day + 10 * number + version
    week = ReportWeek(
        site_id, (MONDAY + timedelta(weeks=number - 1)).isoformat(), day.isoformat(), start.isoformat(),
        end.isoformat(), (end + timedelta(hours=6 + version)).isoformat(), findings,
        [meter(), meter(BOILER)] if meters is None else meters,
    )  # fmt: skip
    assert store_week(conn, run, week)
    return run
