"""What the weekly report, its page and its mail say of the findings of earlier weeks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from finding_factory import SITE, tell, waste
from report_factory import analyze_week, checked_week, make_report
from week_factory import NEW_YORK, spaced

from analyze.week.follow_up import follow_findings
from analyze.week.report_delta import content_of
from deliver.files.report_files import check_report
from deliver.pages.kinds import build_page
from deliver.pages.mail_body import render_mail_text
from deliver.reports.follow_up import describe_follow_up
from deliver.reports.weekly import assemble_report
from lib import db
from lib.alert_mutes import Mute
from lib.readings import AcceptedGap, load_findings, load_report_findings
from lib.report_findings import FindingKind, ReportWeek, read_week

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
MONDAY = date(2026, 1, 12)
GAP = AcceptedGap(2, "Kitchen", datetime(2026, 1, 13, 5, tzinfo=UTC), NOW, "panel rebuilt", "J. Ortiz")


@pytest.fixture
def draft() -> ReportWeek:
    week = read_week(make_report())
    assert week is not None
    return week


def accept(conn: Connection, finding_id: str) -> None:
    db.execute(
        conn,
        "INSERT INTO finding_marks (organization_id, finding_id, state, made_by, note)"
        " VALUES (%s, %s, 'not-needed', 'A. Cook', 'ovens')",
        (SITE, finding_id),
    )


def follow(conn: Connection, draft: ReportWeek, gaps: tuple[AcceptedGap, ...] = ()) -> dict[str, Any]:
    """Return the report on the week of report_factory, after what is stored."""
    checked = checked_week()
    found = load_report_findings(conn, draft)
    week = follow_findings(checked.week, found, MONDAY, date(2026, 1, 5), gaps, (), NEW_YORK)
    return assemble_report(checked.site, checked.status, week, None, NOW)


def test_a_report_that_is_being_written_counts_as_recorded_and_leaves_nothing(
    conn: Connection, draft: ReportWeek
) -> None:
    tell(conn, 1, [waste(40, meter=1)], [])
    rows = {each.finding_id: each for each in load_report_findings(conn, draft)}
    waste_row = rows["after_hours-1"]
    assert (waste_row.state, waste_row.week, waste_row.week_number) == ("open", MONDAY, 2)
    assert [each.week for each in load_findings(conn, SITE)] == [date(2026, 1, 5)]
    conn.rollback()
    assert load_findings(conn, SITE) == []


def test_a_report_on_an_earlier_week_knows_nothing_of_later_ones(conn: Connection, draft: ReportWeek) -> None:
    tell(conn, 2, [], [])
    tell(conn, 3, [waste(40, meter=1)], [])
    (row,) = [each for each in load_report_findings(conn, draft) if each.finding_id == "after_hours-1"]
    assert (row.state, row.week) == ("new", MONDAY)


def test_what_is_accepted_leaves_wins_sums_and_headline(conn: Connection, draft: ReportWeek) -> None:
    tell(conn, 1, [waste(4000, meter=1)], [])
    before = follow(conn, draft)
    accept(conn, "after_hours-1")
    after = follow(conn, draft)
    (win,) = [win for win in before["sections"]["quickWins"] if win["lastingId"] == "after_hours-1"]
    savings = [report["summary"]["totalPotentialSavings"]["weeklyKwh"] for report in (before, after)]
    assert savings[0] - savings[1] == pytest.approx(win["impact"]["weeklyKwh"], abs=0.01)
    assert after["followUp"]["accepted"] == [win]
    assert read_week(after) == read_week(before)  # what is stored of it stays the same
    assert win["title"] not in after["summary"]["topOpportunities"]
    assert after["followUp"]["counts"]["accepted"] == 1
    check_report(after | {"metadata": after["metadata"] | {"version": 1}}, "weekly_report")
    text = render_mail_text(build_page(after))
    assert "1 marked as not needed or wrong" in text
    assert win["title"] not in text


def test_what_is_the_same_as_another_is_not_counted_again(conn: Connection, draft: ReportWeek) -> None:
    """Last week its level rose; what it draws at night now is part of that."""
    rose = waste(4000, meter=1)._replace(finding_id="level_up-1", kind=FindingKind.LEVEL_UP, level_kw=3.0, rest_kw=1.0)
    tell(conn, 1, [rose], [])
    told = follow(conn, draft)["followUp"]
    rows = {each.finding_id: each.same_as for each in load_report_findings(conn, draft)}
    assert rows["after_hours-1"] == "level_up-1"
    assert "after_hours-1" not in {each["lastingId"] for each in told["findings"]}
    assert "level_up-1" in {each["lastingId"] for each in told["findings"]}
    assert told["counts"]["new"] == sum(
        each["state"] == "new" for each in told["findings"] if each["confidence"] != "low"
    )


def test_an_accepted_meter_fault_is_no_risk(conn: Connection, draft: ReportWeek) -> None:
    risk = "Well pump: "
    assert any(line.startswith(risk) for line in follow(conn, draft)["summary"]["topRisks"])
    accept(conn, "meter_silent-4")
    assert not any(line.startswith(risk) for line in follow(conn, draft)["summary"]["topRisks"])


def test_page_and_mail_say_it(conn: Connection, draft: ReportWeek) -> None:
    tell(conn, 1, [waste(40, meter=1)], [])
    report = follow(conn, draft, gaps=(GAP,))
    sentence = report["followUp"]["text"]
    assert sentence.startswith("Since last week: 1 still open (Air handler 2: week 2, $")
    page = build_page(report)
    assert page["headline"][-1] == sentence
    (section,) = [part for part in page["sections"] if part["id"] == "since-last-week"]
    table, gaps = section["blocks"]
    assert "open, week 2, grown" in {row[1]["text"] for row in table["rows"]}
    assert spaced(gaps["items"]) == [
        "Kitchen: no readings Tue, Jan 13, midnight – Mon, Jan 19, 7 am: panel rebuilt (accepted by J. Ortiz)"
    ]
    assert sentence in render_mail_text(page)


def test_the_page_says_what_is_muted(conn: Connection, draft: ReportWeek) -> None:
    until = datetime(2026, 2, 1, 12, tzinfo=UTC)
    mutes = [
        Mute("finding", SITE, until, "commissioning"), Mute(None, None, until, "move"),
        Mute("finding", SITE, NOW, "is over"), Mute("finding", 99, until, "elsewhere"),
    ]  # fmt: skip
    checked = checked_week()
    week = follow_findings(
        checked.week, load_report_findings(conn, draft), MONDAY, date(2026, 1, 5), (GAP,), (), NEW_YORK
    )
    report = assemble_report(checked.site, checked.status, week, None, NOW, mutes)
    assert report["followUp"]["mutes"] == [
        {"kind": "finding", "until": "2026-02-01T07:00:00-05:00", "reason": "commissioning"},
        {"kind": None, "until": "2026-02-01T07:00:00-05:00", "reason": "move"},
    ]
    check_report(report | {"metadata": report["metadata"] | {"version": 1}}, "weekly_report")
    text = json.dumps(build_page(report), ensure_ascii=False).replace("\N{NO-BREAK SPACE}", " ")
    assert "Mails about new findings are muted until " in text
    assert "All messages about this site are muted until " in text
    assert "commissioning" in text


def test_reports_of_before_have_no_such_section() -> None:
    page = build_page(make_report())
    assert "since-last-week" not in {part["id"] for part in page["sections"]}


def test_what_is_said_of_other_weeks_makes_no_new_version(conn: Connection, draft: ReportWeek) -> None:
    first = follow(conn, draft)
    tell(conn, 1, [waste(40, meter=1)], [])
    second = follow(conn, draft)
    assert first["followUp"] != second["followUp"]
    assert content_of(first) == content_of(second)


def facts(**more: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("new", "open", "back", "solved", "notSeen", "blind", "grown", "accepted"), 0)
    return {"week": "2026-01-12", "lastWeek": "2026-01-05", "counts": counts | more, "findings": [], "savings": []}


@pytest.mark.parametrize(
    ("follow_up", "sentence"),
    [
        (facts(), "Since last week: nothing changed."),
        (facts(new=2, solved=1), "Since last week: 1 solved, 2 new."),
        (facts(notSeen=1) | {"lastWeek": "2025-12-15"},
         "Since the report on the week of 15\N{NO-BREAK SPACE}December 2025: 1 not seen this week."),
        (facts(new=1) | {"lastWeek": None}, ""),
    ],
)  # fmt: skip
def test_the_sentence(follow_up: dict[str, Any], sentence: str) -> None:
    assert describe_follow_up(follow_up) == sentence


def test_findings_of_a_report_are_listed_and_explained_by_either_id(
    conn: Connection, draft: ReportWeek, tmp_path: Path, run_script: Callable[..., Any]
) -> None:
    report = follow(conn, draft)
    path = tmp_path / "weekly.json"
    path.write_text(json.dumps(report))
    listed = run_script("deliver/explain_finding.py", path, "--list")
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert any(line.startswith("after_hours-1  ") and line.endswith("[new]") for line in lines)
    assert any(line.startswith("win_after_hours-1-2026") for line in lines)
    neither = run_script("deliver/explain_finding.py", path)
    assert (neither.returncode, "give the id of a finding, or --list" in neither.stderr) == (2, True)


def test_a_finding_is_found_by_the_id_that_lasts() -> None:
    from analyze.week.finding_trace import find_finding

    report = make_report()
    assert find_finding(report, "after_hours-1")["type"] == "after_hours"
    assert analyze_week()[-1].follow_up is None
