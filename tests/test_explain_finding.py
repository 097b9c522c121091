"""From a finding back to its intervals: what is counted of them makes the report's figure, and a change is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import analyze_week, make_report
from site_factory import SITE_ID, TIMEZONE, make_rows, make_site, store_readings
from week_factory import make_scope

from analyze.week.finding_trace import find_finding, trace_finding
from deliver.files.report_files import read_report
from deliver.reports.explanation import explanation_lines
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.usage.refresh import refresh_views
from lib import db
from lib.date_utils import last_complete_week, local_day_window
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WEEK = local_day_window(*last_complete_week(datetime.now(UTC), TIMEZONE), TIMEZONE)


def trace(report: dict[str, Any], finding_id: str) -> dict[str, Any]:
    _, meters, week = analyze_week()
    return trace_finding(find_finding(report, finding_id), week, make_scope(meters))


def ids_of(report: dict[str, Any], kind: str) -> list[str]:
    sections = report["sections"]
    lists = {
        "win": sections["quickWins"],
        "after_hours": sections["afterHoursWaste"]["topMeters"],
        "anomaly": sections["anomalies"]["timeline"],
        "spike": sections["spikes"]["topSpikes"],
        "meter": sections["sensorHealth"]["issues"],
    }
    return [finding["findingId"] for finding in lists[kind]]


@pytest.mark.parametrize(("kind", "count"), [("win", 2), ("after_hours", 1), ("anomaly", 5), ("spike", 2)])
def test_what_is_counted_of_the_intervals_makes_the_figure(kind: str, count: int) -> None:
    report = make_report()
    found = [finding_id for finding_id in ids_of(report, kind) if "repair" not in finding_id]
    assert len(found) == count
    for finding_id in found:
        result = trace(report, finding_id)
        assert result["agrees"] is True, (finding_id, result["countedKwh"], result["reportedKwh"])
        rows = result["intervals"]
        assert rows["counted_kwh"].sum() > 1
        assert (rows["counted_kwh"] <= rows["used_kwh"] + 1e-9).all()


def test_events_that_are_part_of_an_incident_and_those_of_none_are_traced() -> None:
    report = make_report()
    events = report["sections"]["anomalies"]["timeline"]
    assert {type(event.get("partOf")) for event in events} == {dict, type(None)}
    assert all(trace(report, event["findingId"])["agrees"] for event in events)


def test_interval_says_what_was_counted_against_what() -> None:
    report = make_report()
    rows = trace(report, ids_of(report, "after_hours")[0])["intervals"]
    night = rows[rows["interval_start"] == "2026-01-14T02:00Z"].iloc[0]  # Tuesday, 21:00 local: left on at 4.8 kW
    baseline_kw = report["sections"]["afterHoursWaste"]["topMeters"][0]["baseline"]["kw"]
    assert night["is_after_hours"]
    assert night["quality"] == "valid"
    assert night["reference_kw"] == pytest.approx(baseline_kw, abs=1e-3)
    assert night["counted_kwh"] == pytest.approx((4.8 - baseline_kw) / 4, abs=1e-3)
    noon = rows[rows["interval_start"] == "2026-01-14T17:00Z"].iloc[0]
    assert (bool(noon["is_after_hours"]), noon["counted_kwh"]) == (False, 0.0)
    assert len(rows) == 672


def test_figure_that_the_intervals_do_not_make_is_noticed() -> None:
    report = make_report()
    meter = report["sections"]["afterHoursWaste"]["topMeters"][0]
    meter["impact"]["excessKwh"] += 5
    result = trace(report, meter["findingId"])
    assert result["agrees"] is False
    assert result["reportedKwh"] - result["countedKwh"] == pytest.approx(5, abs=0.02)


def test_finding_without_energy_counts_none() -> None:
    report = make_report()
    result = trace(report, ids_of(report, "meter")[0])
    assert (result["countedKwh"], result["reportedKwh"], result["agrees"]) == (None, None, None)


def test_an_event_of_one_day_is_worth_what_it_cost_once() -> None:
    report = make_report()
    (win,) = (win for win in report["sections"]["quickWins"] if win["title"].startswith("Find out why Roof unit 1"))
    traced = trace(report, win["findingId"]) | {"runs": {}, "revisions": {}, "validationRunId": 1}
    lines = explanation_lines(report, find_finding(report, win["findingId"]), traced, shown=1)
    (money,) = (line for line in lines if line.startswith("Money"))
    assert money.removeprefix("Money").strip() == "$5.40, once = 45.01 kWh × 0.1200 per kWh"


def test_unknown_finding_is_refused_with_some_that_are_known() -> None:
    report = make_report()
    with pytest.raises(DataError, match=r"no finding 'gossip-1'; it has \d+, such as win_after_hours-"):
        find_finding(report, "gossip-1")


@pytest.fixture
def site_with_a_night(conn: Connection) -> Connection:
    """A validated site, one meter of which ran high for a morning of the last complete week."""
    make_site(conn, WEEK.start, days=28)
    rows = make_rows(WEEK, mean_kw=11.0)
    local = (rows["timestamp"] - int(WEEK.start.timestamp())) // 3600 % 24
    is_left_on = (local >= 8) & (local < 12) & (rows.index < 96)
    rows["power_kw"] = rows["power_kw"].mask(is_left_on, 30 + 0.01 * (rows.index.to_series() % 7))
    rows["energy_kwh"] = rows["power_kw"] / 4
    store_readings(conn, WEEK, {11: rows})
    refresh_views(conn)
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    return conn


def test_script_walks_from_money_to_runs_and_notices_later_changes(
    site_with_a_night: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    env = {"DATABASE_URL": database_url}
    path = tmp_path / "report.json"
    written = run_script("deliver/generate_weekly_report.py", "--site", str(SITE_ID), "--out", path, env=env)
    assert written.returncode == 0, written.stderr
    finding_id = ids_of(read_report(path), "anomaly")[0]
    done = run_script("deliver/explain_finding.py", path, finding_id, "--intervals", "5", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(" ")[0] for line in lines[:4]] == ["Finding", "Money", "Tariff", "Formula"]
    assert "ingest run 2: 16; latest validation run 1" in done.stdout
    assert "as the report says" in done.stdout

    wins = read_report(path)["sections"]["quickWins"]
    (win_id,) = (win["findingId"] for win in wins if win["type"] == "anomaly")
    win = run_script("deliver/explain_finding.py", path, win_id, env=env).stdout
    assert ", valid on any day, assumed: no utility's tariff;" in win
    assert "{" not in win
    assert len(lines) == lines.index("") + 2 + 5 + 1

    whole = json.loads(run_script("deliver/explain_finding.py", path, finding_id, "--json", env=env).stdout)
    assert whole["agrees"] is True
    assert sum(row["countedKwh"] for row in whole["intervals"]) == pytest.approx(whole["reportedKwh"], abs=0.02)
    assert len(whole["intervals"]) == 16

    db.execute(
        site_with_a_night,
        "UPDATE readings SET power_kw = power_kw - 5, energy_kwh = energy_kwh - 1.25"
        " WHERE channel_id = 11 AND power_kw > 29 AND timestamp >= %s",
        (WEEK.start,),
    )
    site_with_a_night.commit()
    changed = run_script("deliver/explain_finding.py", path, finding_id, env=env)
    assert changed.returncode == 3
    assert "data or settings have changed since" in changed.stdout
