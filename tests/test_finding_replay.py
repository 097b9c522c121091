"""A year of weekly reports in turn: every finding is one, with the right time line, and reports say what becomes of it.

A minute of computing; what is planted stands in year_replay.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from year_replay import AHU, KITCHEN, LATE_FROM, LATE_IN_FILE, PUMP, SITE_ID, WEEKS, monday, replay, store_year

from deliver.files.report_files import check_report
from deliver.reports.follow_up import followed_findings
from lib import db
from lib.findings import FollowedFinding, LedgerEntry, Said, total_ledger
from lib.readings import load_finding_weeks, load_findings, load_ledger
from operations.findings.marks import Mark, store_mark
from operations.postgres.server import ensure_database

pytestmark = pytest.mark.slow

AHU_WASTE, KITCHEN_WASTE, PUMP_WASTE, PUMP_SILENT = (
    f"after_hours-{AHU}", f"after_hours-{KITCHEN}", f"after_hours-{PUMP}", f"meter_silent-{PUMP}"
)  # fmt: skip
ACCEPTED, DONE = 5, 18  # the weeks after whose reports somebody said so


class Year(NamedTuple):
    """The reports by week, and at the end the time lines of all findings, and the ledger."""

    reports: dict[int, dict[str, Any]]
    lines: dict[str, list[FollowedFinding]]
    ledger: list[LedgerEntry]


@pytest.fixture(scope="module")
def year(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:  # fmt: skip
    url = ensure_database(postgres_url, "finding_replay")
    folder: Path = tmp_path_factory.mktemp("reports")
    reports: dict[int, dict[str, Any]] = {}
    with db.connect(url) as conn, pytest.MonkeyPatch.context() as patch:
        from govern.schema.files import apply_migrations, apply_views

        apply_migrations(conn)
        apply_views(conn)
        store_year(conn)

        def after(week: int, report: dict[str, Any]) -> None:
            reports[week] = report
            told = {each["lastingId"]: each for each in followed_findings(report)}
            for stored in load_findings(conn, SITE_ID):
                if said := told.get(stored.finding_id):
                    own = (said["state"], said["status"], said["weekNumber"], said["isGrown"], said["isSilent"])
                    assert own == (
                        stored.state, stored.status, stored.week_number, stored.is_grown, stored.is_silent
                    ), f"the report on week {week} says what the database does not"  # fmt: skip
                else:
                    assert stored.state == "solved"
            if week == ACCEPTED:
                store_mark(conn, Mark(SITE_ID, KITCHEN_WASTE, Said.NOT_NEEDED, "A. Cook"))
            if week == DONE:
                store_mark(conn, Mark(SITE_ID, AHU_WASTE, Said.DONE, "J. Ortiz", done_on=monday(DONE)))
            conn.commit()

        replay(conn, folder, patch, range(1, WEEKS + 1), after)
        ids = [finding.finding_id for finding in load_findings(conn, SITE_ID)]
        lines = {key: load_finding_weeks(conn, SITE_ID, key) for key in ids}
        yield Year(reports, lines, load_ledger(conn, SITE_ID))


def states(line: list[FollowedFinding]) -> list[tuple[int, int, str]]:
    """Return (first week, last week, state) of each stretch of a time line, by the number of the report."""
    numbered = [((each.week - monday(1)).days // 7 + 1, each.state) for each in line]
    stretches = [list(group) for _, group in groupby(numbered, key=lambda pair: pair[1])]
    return [(stretch[0][0], stretch[-1][0], stretch[0][1]) for stretch in stretches]


def test_every_planted_thing_is_one_finding_and_nothing_else_is(year: Year) -> None:
    assert sorted(year.lines) == [AHU_WASTE, KITCHEN_WASTE, PUMP_WASTE, PUMP_SILENT]


def test_what_was_fixed_is_solved_and_comes_back(year: Year) -> None:
    line = year.lines[AHU_WASTE]
    assert states(line)[:8] == [
        (2, 2, "new"), (3, 5, "open"), (6, 8, "solved"),
        (9, 9, "back"), (10, 18, "open"), (19, LATE_FROM - 1, "solved"),
        (LATE_FROM, LATE_FROM, "back"), (LATE_FROM + 1, LATE_IN_FILE, "open"),
    ]  # fmt: skip
    assert states(line)[8:] == [(LATE_IN_FILE + 1, WEEKS, "solved")]
    back = line[9 - 2]
    assert (back.back_after_weeks, back.episode, back.week_number) == (4, 2, 1)
    third = line[4 - 2]
    assert third.energy_so_far_kwh == pytest.approx(3 * 3 * 13 * 6.0, rel=0.02)  # weeks, nights, hours, kW


def test_what_was_accepted_is_told_no_more_and_counted(year: Year) -> None:
    assert states(year.lines[KITCHEN_WASTE]) == [(3, 3, "new"), (4, WEEKS, "open")]
    for week in range(ACCEPTED + 1, WEEKS + 1):
        report = year.reports[week]
        assert report["followUp"]["counts"]["accepted"] == 1
        assert KITCHEN_WASTE not in [win.get("lastingId") for win in report["sections"]["quickWins"]]
        assert [win["channelId"] for win in report["followUp"]["accepted"]] == [KITCHEN]
        assert "Kitchen" not in " ".join(report["summary"]["headline"] + report["summary"]["topOpportunities"])
    assert "Kitchen" in year.reports[ACCEPTED]["followUp"]["text"]


def test_what_grows_is_told_again_once(year: Year) -> None:
    assert [each.is_grown for each in year.lines[PUMP_WASTE]].count(True) == 1
    assert "1 grown by half or more (Well pump)" in year.reports[14]["followUp"]["text"]
    assert year.lines[PUMP_WASTE][13 - 5].status in ("seen", "persists")  # nothing is lost in the week between


def test_a_meter_that_falls_silent_proves_nothing(year: Year) -> None:
    assert states(year.lines[PUMP_WASTE])[:3] == [(5, 5, "new"), (6, 23, "open"), (24, LATE_FROM - 1, "solved")]
    assert {each.status for each in year.lines[PUMP_WASTE][18 - 5 : 23 - 5]} == {"blind"}
    assert states(year.lines[PUMP_SILENT]) == [(18, 18, "new"), (19, 23, "open"), (24, WEEKS, "solved")]


def test_longer_hours_are_over_when_the_file_says_so(year: Year) -> None:
    assert states(year.lines[PUMP_WASTE])[3:] == [
        (LATE_FROM, LATE_FROM, "back"), (LATE_FROM + 1, LATE_IN_FILE, "open"), (LATE_IN_FILE + 1, WEEKS, "solved"),
    ]  # fmt: skip


def plain(report: dict[str, Any]) -> str:
    """Return the sentence of a report in whole dollars: cents are the rules' own affair."""
    return re.sub(r"\.\d\d\b(?! %)", "", report["followUp"]["text"])


def test_reports_say_what_became_of_the_weeks_before(year: Year) -> None:
    assert year.reports[1]["followUp"]["text"] == ""
    assert plain(year.reports[4]) == (
        "Since last week: 2 still open (AHU-2: week 3, $84 so far; Kitchen: week 2, $28 so far)."
    )
    assert plain(year.reports[6]) == (
        "Since last week: 1 solved (AHU-2: $28 a week), 1 still open (Well pump: week 2, $28 so far), "
        "1 marked as not needed or wrong."
    )
    assert "1 back (AHU-2, after 4 weeks)" in year.reports[9]["followUp"]["text"]
    assert "1 can't be judged (meter silent or faulty)" in year.reports[19]["followUp"]["text"]
    assert year.reports[45]["followUp"]["text"] == "Since last week: 1 marked as not needed or wrong."
    for week in (1, 9, 20, WEEKS):
        check_report(
            year.reports[week] | {"metadata": year.reports[week]["metadata"] | {"version": 1}}, "weekly_report"
        )


PLANTED_KWH = 3 * 13 * 6.0  # a week: nights, hours, kW


def test_what_was_done_is_measured_after_four_and_thirteen_weeks(year: Year) -> None:
    savings = {week: report["followUp"]["savings"] for week, report in year.reports.items()}
    assert all(savings[week] == [] for week in range(1, DONE + 1))
    assert [savings[week][0]["status"] for week in range(DONE + 1, DONE + 4)] == ["waiting"] * 3
    assert savings[DONE + 1][0]["nextOn"] == (monday(DONE + 4) + timedelta(days=1)).isoformat()
    assert [week for week, entries in savings.items() if entries and entries[0]["isNew"]] == [DONE + 4, DONE + 13]
    for week, weeks in ((DONE + 4, 4), (DONE + 13, 13)):
        (entry,) = savings[week]
        assert (entry["status"], entry["weeks"], entry["lastingId"]) == ("verified_saving", weeks, AHU_WASTE)
        kwh = entry["savedKwh"]
        assert kwh["low"] <= PLANTED_KWH <= kwh["high"]
        assert kwh["likely"] == pytest.approx(PLANTED_KWH, rel=0.05)
        assert entry["claimed"]["weeklyKwh"] == pytest.approx(PLANTED_KWH, rel=0.02)
    assert "AHU-2: proved after 4 weeks: $" in year.reports[DONE + 4]["followUp"]["text"]


def test_the_ledger_has_claimed_proved_and_whether_it_is_still_there(year: Year) -> None:
    (entry,) = year.ledger
    assert (entry.finding_id, entry.weeks, entry.is_proved, entry.is_still_there) == (AHU_WASTE, 13, True, True)
    (total,) = total_ledger(year.ledger)
    assert (total.currency, total.done, total.proved, total.still_there) == ("USD", 1, 1, 1)
    assert total.realized_pct == pytest.approx(100, abs=5)
