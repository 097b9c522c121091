"""Many sites with recorded weekly reports, made in moments: one analyzed report, copied for each site and week."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finding_factory import MONDAY, waste
from markupsafe import escape
from report_factory import make_report

from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page, identity_of
from govern.findings.store import store_week
from lib import db
from lib.report_findings import ReportMeter, ReportWeek

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ZONE = "America/New_York"


def add_site(conn: Connection, site_id: int, name: str, city: str = "Springfield") -> None:
    """Add a site that was fetched an hour before `NOW` and never validated."""
    db.execute(
        conn,
        "INSERT INTO organizations (organization_id, name, timezone, city, country, currency_code, data_source)"
        " VALUES (%s, %s, %s, %s, 'US', 'USD', 'eniscope')",
        (site_id, name, ZONE, city),
    )


def report_of(site_id: int, name: str, monday: date, scale: float = 1.0, version: int = 1) -> dict[str, Any]:
    """Return the weekly report of a site and week, with `scale` times the energy and savings of the copied one."""
    report = make_report()
    start, end = f"{monday}T00:00:00-05:00", f"{monday + timedelta(days=7)}T00:00:00-05:00"
    report["metadata"]["site"] |= {"siteId": site_id, "siteName": name}
    report["metadata"]["period"] |= {"start": start, "end": end}
    report["metadata"] |= {"generatedAt": f"{monday + timedelta(days=7)}T0{version}:00:00-05:00", "version": version}
    report["consumption"]["totalKwh"] = round(report["consumption"]["totalKwh"] * scale, 3)
    report["consumption"]["changePct"] = round(10 * scale - 20, 1)
    report["summary"]["totalPotentialSavings"]["weeklyCost"] = round(23.7 * scale, 2)
    return report


def record(conn: Connection, folder: Path, report: dict[str, Any], kwh: float | None = 50.0) -> Path:
    """Write the report's file and record it as govern/record_report.py does, with one finding of `kwh`."""
    meta = report["metadata"]
    site_id, start, end = meta["site"]["siteId"], meta["period"]["start"], meta["period"]["end"]
    content = json.dumps(report).encode()
    suffix = f".v{meta['version']}" if meta["version"] > 1 else ""
    path = folder / f"weekly_report_{site_id}_{start[:10]}{suffix}.json"
    path.write_bytes(content)
    (run,) = db.fetch_all(
        conn,
        "INSERT INTO report_runs (organization_id, kind, version, period_start, period_end, generated_at, is_forced,"
        " code_version, thresholds, file_name, file_sha256)"
        " VALUES (%s, 'weekly', %s, %s, %s, %s, false, '0', '{}', %s, %s) RETURNING report_run_id",
        (site_id, meta["version"], start, end, meta["generatedAt"], path.name, hashlib.sha256(content).hexdigest()),
    )[0]
    found = [] if kwh is None else [waste(kwh)]
    meters = [ReportMeter(10, 5.0, 1.0, 100.0, is_doubtful=False)]
    week = ReportWeek(site_id, start[:10], start[:10], start, end, meta["generatedAt"], found, meters)
    assert store_week(conn, run, week)
    path.with_suffix(".html").write_text(_page_of(identity_of(report)), encoding="utf-8")
    return path


@cache
def _drawn() -> str:
    return render_html(build_page(make_report()))


def _page_of(identity: str) -> str:
    """Return the page of the copied report as that of another: drawing takes seconds, and pages are not in question."""
    return _drawn().replace(str(escape(identity_of(make_report()))), str(escape(identity)))


def fill(conn: Connection, folder: Path, sites: int, weeks: int) -> None:
    """Add sites 1, 2, …, each with as many weeks from `MONDAY` on."""
    for site_id in range(1, sites + 1):
        name = f"Site {site_id:03}"
        add_site(conn, site_id, name, city=f"Town {site_id % 7}")
        for number in range(weeks):
            monday = MONDAY + timedelta(weeks=number)
            record(conn, folder, report_of(site_id, name, monday, scale=site_id / 10), kwh=10.0 * site_id)
    conn.commit()
