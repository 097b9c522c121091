"""Where to go on Monday: open findings of all sites added up, and what acting on them brought."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from finding_factory import BOILER, OTHER_SITE, SITE, WASTE, tell, waste

from analyze.week.portfolio import sum_actions, sum_results
from deliver.files.report_files import check_report
from deliver.pages.kinds import build_page
from deliver.reports.follow_up import how_often
from deliver.reports.portfolio import assemble_portfolio_report, held_row
from lib import db
from lib.readings import Site, load_findings, load_judged, load_ledger
from lib.report_findings import FindingKind, ReportFinding, finding_id_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NAMES = {SITE: "School", OTHER_SITE: "Office"}
SOURCES = {SITE: "eniscope", OTHER_SITE: "eniscope"}
PERIOD = {"start": "2026-01-05T00:00:00-05:00", "end": "2026-01-12T00:00:00-05:00", "timezone": "America/New_York"}
FAULT = ReportFinding(
    finding_id_of(FindingKind.METER, BOILER, "silent"), FindingKind.METER, "silent", BOILER, "Boiler", "Boiler: silent"
)


def low(finding: ReportFinding) -> ReportFinding:
    return finding._replace(confidence="low")


def mark(conn: Connection, site_id: int, finding_id: str, state: str) -> None:
    db.execute(
        conn,
        "INSERT INTO finding_marks (organization_id, finding_id, state, made_by) VALUES (%s, %s, %s, 'A')",
        (site_id, finding_id, state),
    )


@pytest.fixture
def weeks(conn: Connection) -> Connection:
    tell(conn, 1, [waste(40), waste(90, meter=BOILER), FAULT])
    tell(conn, 1, [waste(60), low(waste(500, meter=BOILER))], site_id=OTHER_SITE)
    return conn


def test_findings_of_one_kind_are_added_up_with_their_sites(weeks: Connection) -> None:
    first, second = sum_actions(load_findings(weeks), NAMES, SOURCES)
    assert (first["kind"], first["sites"], first["weeklyCost"], first["weeklyKwh"]) == ("after_hours", 2, 19.0, 190.0)
    assert [(each["siteName"], each["lastingId"], each["weeklyCost"]) for each in first["findings"]] == [
        ("School", "after_hours-11", 9.0), ("Office", "after_hours-10", 6.0), ("School", "after_hours-10", 4.0),
    ]  # fmt: skip
    assert (second["kind"], second["sites"], second["weeklyCost"], second["currency"]) == ("meter", 1, None, None)


def test_what_is_accepted_or_of_another_site_is_not_there(weeks: Connection) -> None:
    mark(weeks, SITE, "after_hours-11", "not-needed")
    (action, _) = sum_actions(load_findings(weeks), NAMES, SOURCES)
    assert action["weeklyCost"] == 10.0
    (only,) = sum_actions(load_findings(weeks), {OTHER_SITE: "Office"}, SOURCES)
    assert (only["sites"], only["weeklyCost"]) == (1, 6.0)
    mark(weeks, OTHER_SITE, f"after_hours-{BOILER}", "planned")
    (planned,) = sum_actions(load_findings(weeks), {OTHER_SITE: "Office"}, SOURCES)
    assert planned["weeklyCost"] == 56.0  # of low confidence, but somebody acts on it


def test_made_up_sites_are_no_work_where_any_was_measured(weeks: Connection) -> None:
    (action, _) = sum_actions(load_findings(weeks), NAMES, SOURCES | {OTHER_SITE: "sandbox"})
    assert action["sites"] == 1
    both = sum_actions(load_findings(weeks), NAMES, dict.fromkeys(NAMES, "sandbox"))
    assert both[0]["sites"] == 2


def test_currencies_are_never_added(weeks: Connection) -> None:
    tell(weeks, 1, [waste(70)._replace(currency="EUR")], site_id=9)
    actions = sum_actions(load_findings(weeks), NAMES | {9: "Haus"}, SOURCES)
    assert [(each["currency"], each["weeklyCost"]) for each in actions] == [("USD", 19.0), ("EUR", 7.0), (None, None)]


def test_the_overview_says_where_to_go(weeks: Connection) -> None:
    mark(weeks, OTHER_SITE, WASTE, "wrong")
    actions = sum_actions(load_findings(weeks), NAMES, SOURCES)
    results = sum_results(load_ledger(weeks), load_judged(weeks), NAMES)
    assert results == {
        "ledger": [],
        "judged": [
            {"kind": "after_hours", "judged": 1, "actedOn": 0, "notNeeded": 0, "wrong": 1, "rightPct": 0.0}
        ],
    }  # fmt: skip
    now = datetime(2026, 1, 12, 12, tzinfo=UTC)
    school = Site(SITE, "School", "America/New_York", None, None, "US", "USD", "eniscope")
    held = held_row(school, "not validated yet; run: python govern/validate_data.py --site 7")
    report = assemble_portfolio_report([held], PERIOD, now, actions, results)
    check_report(report | {"metadata": report["metadata"] | {"version": 1}}, "portfolio_overview")
    assert "After-hours schedules: 1 site, $13.00 a week." in report["summary"]["headline"]
    page = build_page(report)
    (section,) = [part for part in page["sections"] if part["id"] == "actions"]
    summary, fold = section["blocks"]
    (behind,) = fold["blocks"]
    assert [cell["text"] for cell in summary["rows"][0]] == ["After-hours schedules", "1", "2", "$13.00"]
    fault = [cell["text"] for cell in behind["rows"][-1]]
    assert fault == ["School (7)", "Meters to repair", "Boiler: silent", "new", "–"]


def test_an_event_costs_once_and_everything_else_by_the_week() -> None:
    assert [how_often(kind) for kind in ("high_use", "after_hours", "level_up")] == ["one-time", "a week", "a week"]
    patterns = ("recurring", "asked", "new", "once", None)
    assert [how_often("after_hours", pattern) for pattern in patterns] == [
        "a week", "a week", "that week", "one-time", "a week",
    ]  # fmt: skip
    assert how_often("high_use", "recurring") == "one-time"
