"""What of a weekly report is followed from week to week, and under which id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import make_report
from week_factory import spaced

from govern.record_report import record_report
from lib import db
from lib.report_findings import FindingKind, ReportMeter, lasting_id, list_findings, read_week

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@pytest.mark.parametrize(
    ("item", "sources", "finding_id"),
    [
        ({"findingId": "after_hours-162126-20260113T2300Z"}, [], "after_hours-162126"),
        ({"findingId": "win_after_hours-162126-20260113T2300Z-2"}, [], "after_hours-162126"),
        ({"findingId": "win_confirm-162126-20260113T2300Z"}, [], "after_hours-162126"),
        ({"findingId": "schedule-162126-20260113T2300Z"}, [], "after_hours-162126"),
        ({"findingId": "meter_stale-5-20260113T2300Z"}, [], "meter_silent-5"),
        ({"findingId": "meter_dead-5-20260113T2300Z"}, [], "meter_silent-5"),
        ({"findingId": "meter_reversed-5-20260113T2300Z"}, [], "meter_reversed-5"),
        (
            {"findingId": "win_repair-5-20260113T2300Z"}, [{"findingId": "meter_stuck-5-20260113T2300Z"}],
            "meter_stuck-5",
        ),
        ({"findingId": "electrical_voltage-site-20260113T2300Z"}, [], "electrical_voltage-site"),
        ({"findingId": "anomaly-5-20260113T2300Z", "direction": "low"}, [], "low_use-5"),
        ({"findingId": "anomaly-5-20260113T2300Z", "direction": "high", "excessKwh": 9.0}, [], "high_use-5"),
        (
            {"findingId": "anomaly-5-20260113T2300Z", "direction": "high", "excessKwh": 9.0, "context": "after_hours"},
            [], "after_hours-5",
        ),
        (
            {"findingId": "win_anomaly-5-20260113T2300Z"},
            [{"excessKwh": 9.0, "context": "after_hours"}, {"excessKwh": 10.0, "context": "business_hours"}],
            "high_use-5",
        ),
        ({"findingId": "level_change-5-20260113T2300Z", "beforeKw": 2.0, "afterKw": 3.0}, [], "level_up-5"),
        ({"findingId": "level_change-5-20260113T2300Z", "beforeKw": 3.0, "afterKw": 2.0}, [], "level_down-5"),
        ({"findingId": "spike-5-20260113T2300Z"}, [], None),
    ],
)  # fmt: skip
def test_ids_hold_kind_cause_and_meter_alone(
    item: dict[str, Any], sources: list[dict[str, Any]], finding_id: str | None
) -> None:
    assert lasting_id(item, sources) == finding_id


def test_a_report_is_read_once_by_finding() -> None:
    report = make_report()
    week = read_week(report)
    assert week is not None
    assert (week.site_id, week.week, week.first_day) == (7, "2026-01-12", "2026-01-12")
    found = {finding.finding_id: finding for finding in week.findings}
    waste = found["after_hours-1"]
    (win,) = [win for win in report["sections"]["quickWins"] if win["type"] == "after_hours"]
    assert (waste.kind, waste.channel_id, waste.meter_name) == (FindingKind.AFTER_HOURS, 1, "Air handler 2")
    assert (waste.energy_kwh, waste.cost) == (win["impact"]["weeklyKwh"], win["impact"]["weeklyCost"])
    assert (waste.title, waste.confidence, waste.pattern) == (win["title"], win["confidence"], "new")
    assert found["meter_silent-4"].cause == "silent"
    (closed,) = [row for row in report["sections"]["afterHoursWaste"]["closedUse"] if row["channelId"] == 1]
    assert waste.level_kw == pytest.approx(closed["closedKwh"] / closed["closedHours"], abs=1e-4)
    assert waste.rest_kw == pytest.approx(1.0, abs=0.02)  # what the meter draws by night when nothing is left on


def test_items_of_a_report_name_the_finding_that_they_belong_to() -> None:
    sections = make_report()["sections"]
    assert {win["lastingId"] for win in sections["quickWins"]} <= {
        finding.finding_id for finding in list_findings(make_report())
    }
    assert sections["afterHoursWaste"]["topMeters"][0]["lastingId"] == "after_hours-1"


def test_names_and_words_change_no_id() -> None:
    before, after = (list_findings(make_report(names=(first, "b", "c", "d"))) for first in ("AHU-2", "Lüfter 2"))
    assert [finding.finding_id for finding in before] == [finding.finding_id for finding in after]
    assert {finding.meter_name for finding in before} != {finding.meter_name for finding in after}


def test_meters_tell_whether_anything_could_be_found() -> None:
    week = read_week(make_report())
    assert week is not None
    meters = {meter.channel_id: meter for meter in week.meters}
    assert [meters[key].is_doubtful for key in (1, 2, 3, 4)] == [False, False, False, True]
    assert meters[1].completeness_pct == 100.0
    assert isinstance(meters[4], ReportMeter)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-12T00:00:00-05:00", "2026-01-18T00:00:00-05:00"),  # six days
        ("2026-01-12T06:00:00-05:00", "2026-01-19T06:00:00-05:00"),  # days that begin in the morning
    ],
)
def test_a_period_that_is_not_seven_local_days_is_not_followed(start: str, end: str) -> None:
    report = make_report()
    report["metadata"]["period"] |= {"start": start, "end": end}
    assert read_week(report) is None


def test_a_week_with_a_clock_change_is_followed_and_another_kind_of_report_is_not() -> None:
    report = make_report()
    report["metadata"]["period"] |= {"start": "2026-03-04T00:00:00-05:00", "end": "2026-03-11T00:00:00-04:00"}
    week = read_week(report)
    assert week is not None
    assert (week.week, week.first_day) == ("2026-03-02", "2026-03-04")
    report["metadata"]["reportKind"] = "customer"
    assert read_week(report) is None


def test_a_report_without_what_newer_ones_have_is_read() -> None:
    """Reports of before have no closed use, no patterns and no ids of their own."""
    report = make_report()
    del report["sections"]["afterHoursWaste"]["closedUse"]
    for win in report["sections"]["quickWins"]:
        for key in ("pattern", "lastingId", "findingId"):
            win.pop(key, None)
    for event in report["sections"]["anomalies"]["timeline"]:
        event.pop("lastingId", None)
        del event["findingId"]
    found = {finding.finding_id: finding for finding in list_findings(report)}
    assert found["after_hours-1"].level_kw is None
    (win,) = [win for win in report["sections"]["quickWins"] if win["type"] == "after_hours"]
    assert found["after_hours-1"].energy_kwh == win["impact"]["weeklyKwh"]


def write(report: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(report))
    return path


def test_recording_a_report_stores_what_it_found_once(conn: Connection, tmp_path: Path) -> None:
    path = write(make_report(), tmp_path / "report.json")
    run = record_report(conn, path)
    assert record_report(conn, path) is None
    assert db.fetch_all(conn, "SELECT report_run_id, week::text FROM v_report_weeks") == [(run, "2026-01-12")]
    stored = db.fetch_all(conn, "SELECT finding_id FROM report_findings ORDER BY 1")
    assert [name for (name,) in stored] == sorted(finding.finding_id for finding in list_findings(make_report()))
    assert db.fetch_all(conn, "SELECT state, count(*) FROM v_findings GROUP BY state") == [("new", len(stored))]


def test_a_report_that_was_recorded_before_is_stored_later(conn: Connection, tmp_path: Path) -> None:
    path = write(make_report(), tmp_path / "report.json")
    run = record_report(conn, path)
    for table in ("report_weeks", "report_findings", "report_meters"):
        db.execute(conn, f"DELETE FROM {table}")
    assert record_report(conn, path) == run
    assert record_report(conn, path) is None
    assert db.fetch_all(conn, "SELECT count(*) FROM report_runs") == [(1,)]
    assert db.fetch_all(conn, "SELECT count(*) > 0 FROM v_findings") == [(True,)]


def test_a_fault_of_the_supply_names_its_meter() -> None:
    report = make_report()
    own = [found for found in list_findings(report) if found.kind is FindingKind.ELECTRICAL]
    assert [(found.finding_id, spaced(found.title)) for found in own] == [
        ("electrical_voltage-1", "Air handler 2: voltage below 114 V for 7 days, lowest 112 V")
    ]
    supply = report["sections"]["electricalHealth"]
    supply["siteIssues"] = [{"type": "frequency", "severity": "medium", "description": "frequency above 60.1 Hz"}]
    told = [found.title for found in list_findings(report) if found.channel_id is None]
    assert "frequency above 60.1 Hz" in told
