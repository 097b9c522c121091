"""The overview of all sites tells each site's own report on the week it is headed with, or why there is none."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from report_factory import make_report

from analyze.week.report_delta import compare_reports
from deliver.files.versions import describe_delta
from deliver.generate_portfolio import build_row, choose_week
from deliver.reports.portfolio import assemble_portfolio_report, held_row, site_row
from lib.date_utils import local_day_window, parse_timezone
from lib.readings import Site, StoredReport, ValidationStatus, WeekReport

MONDAY = date(2026, 1, 12)
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
ZONE = parse_timezone("America/New_York")
WEEK = local_day_window(MONDAY, MONDAY + timedelta(days=6), ZONE)
PERIOD = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00", "timezone": ZONE.key}
CLOSED = ValidationStatus(1, "closed", True, WEEK.end, [], [], None, None)


def make_site(site_id: int) -> Site:
    return Site(site_id, f"Site {site_id}", ZONE.key, None, None, "US", "USD", "eniscope")


def week_report(site_id: int, week: date, first_day: date | None = None, sha256: str = "") -> WeekReport:
    stored = StoredReport(site_id, site_id, "weekly", 1, WEEK.start, WEEK.end, NOW, False, f"{site_id}.json", sha256)
    return WeekReport(week, first_day or week, stored)


def store(folder: Path, report: dict[str, Any]) -> WeekReport:
    content = json.dumps(report).encode()
    (folder / "7.json").write_bytes(content)
    return week_report(7, MONDAY, sha256=hashlib.sha256(content).hexdigest())


def test_row_is_of_the_recorded_report(tmp_path: Path) -> None:
    row = build_row(make_site(7), CLOSED, store(tmp_path, make_report()), WEEK, tmp_path)
    assert {key: row[key] for key in ("siteId", "siteName", "status", "totalKwh", "changePct", "savingsWeekly")} == {
        "siteId": 7, "siteName": "Site 7", "status": "ok", "totalKwh": 1205.506, "changePct": 27.7,
        "savingsWeekly": 23.7,
    }  # fmt: skip
    assert (row["currency"], row["completenessPct"], row["seriousIssues"], row["isForced"]) == ("USD", 76.8, 1, False)


def test_site_without_its_report_is_named_with_the_reason(tmp_path: Path) -> None:
    def reason(week: WeekReport | None, status: ValidationStatus = CLOSED) -> str:
        row = build_row(make_site(7), status, week, WEEK, tmp_path)
        assert set(row) == {"siteId", "siteName", "status", "reason"}
        return str(row["reason"])

    assert reason(None) == (
        "no report for this week is recorded; run: bash operations/weekly_report.sh --site 7 --start 2026-01-12"
    )
    held = CLOSED._replace(verdict="open", blocking_checks=["a"], blocking_message="b", blocking_hint="do c")
    assert reason(None, held) == "1 check failed: a (b); do c"
    late = CLOSED._replace(ingested_until=WEEK.end - timedelta(days=1))
    assert reason(None, late).startswith("this week isn't fully ingested yet")
    shifted = week_report(7, MONDAY, MONDAY + timedelta(days=2))
    assert reason(shifted) == "only a report on the seven days from January 14 is recorded"
    assert reason(week_report(7, MONDAY)).startswith(
        "its report 7.json can't be read (No such file or directory); look"
    )
    stored = store(tmp_path, make_report())
    (tmp_path / "7.json").write_text("{}")
    assert reason(stored).startswith("its report 7.json was changed after it was recorded; run: python govern/")
    old = make_report()
    del old["consumption"]["isAtLeast"]
    assert reason(store(tmp_path, old)) == (
        "its report is of an earlier version, which does not tell 'isAtLeast'; generate it anew"
    )


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ({1: 0, 2: 0}, MONDAY),
        ({1: 0, 2: -1}, MONDAY),  # half of them
        ({1: 0, 2: -1, 3: -1}, MONDAY - timedelta(days=7)),  # one in the east has its new one
        ({1: 0, 2: -1, 3: -2, 4: -3}, MONDAY),  # no week has half
        ({}, MONDAY),  # the last that is over
    ],
)
def test_week_is_the_newest_that_half_of_the_reported_sites_have(weeks: dict[int, int], expected: date) -> None:
    reports = [week_report(site_id, MONDAY + timedelta(weeks=back)) for site_id, back in weeks.items()]
    assert choose_week(reports, [make_site(1), make_site(2)], NOW) == expected
    elsewhere = [week_report(9, MONDAY + timedelta(weeks=1), MONDAY + timedelta(days=9))]
    assert choose_week(elsewhere, [make_site(1)], NOW) == MONDAY


def overview(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return assemble_portfolio_report(rows, PERIOD, NOW, [], {"ledger": [], "judged": []})


def test_totals_that_changed_are_told_as_changed() -> None:
    ok = site_row(make_site(7), make_report()) | {"totalKwh": 15001.0}
    before, after = overview([held_row(make_site(7), "not validated")]), overview([ok])
    delta = compare_reports(before, after)
    assert delta["energy"] == {"before": 0, "after": 15001.0, "change": 15001.0, "changePct": None}
    assert describe_delta(delta, 1, None).replace("\N{NO-BREAK SPACE}", " ") == (
        "This version replaces version 1: 1 site more with a report, energy +15,001 kWh, savings +$23.70."
    )
    euro = ok | {"siteId": 8, "currency": "EUR", "savingsWeekly": 10.0}
    both = compare_reports(overview([ok, euro]), overview([ok, euro | {"savingsWeekly": 12.0}]))
    assert [(each["currency"], each["change"]) for each in both["savingsByCurrency"]] == [("EUR", 2.0), ("USD", 0.0)]
    assert describe_delta(both, 1, None) == "This version replaces version 1: savings +20.0\N{NO-BREAK SPACE}%, +€2.00."
    assert describe_delta(compare_reports(after, after), 2, None).endswith("no total changed, only details did.")


def test_a_forced_report_is_told_beside_the_total() -> None:
    row = site_row(make_site(7), make_report()) | {"isForced": True}
    assert (
        "Reported although checks failed: Site 7. Their own reports say why." in overview([row])["summary"]["headline"]
    )
