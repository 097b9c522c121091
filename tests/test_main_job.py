"""The whole way, held against what is planted: sandbox over HTTP → ingest → PostgreSQL → govern → analyze → report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import SITE_ID, Service, check_energy_in_every_layer, govern, ingest, report_of

from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window
from lib.errors import AccessError, AuthenticationError, UnreachableError
from operations.sandbox.api import DEFAULT_SEED, make_site
from operations.sandbox.truth import describe_planted

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)  # a Tuesday
MONDAY = date(2026, 2, 2)
WINDOW = Window(datetime(2025, 12, 27, 5, tzinfo=UTC), NOW)
WORLD = {"now": NOW, "planted_weeks": [MONDAY]}


@pytest.fixture
def truth() -> dict[str, list[dict[str, Any]]]:
    planted: dict[str, list[dict[str, Any]]] = {}
    for item in describe_planted(make_site(DEFAULT_SEED, NOW, [MONDAY])):
        planted.setdefault(item["kind"], []).append(item)
    return planted


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def find(items: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    return [item for item in items if all(item.get(key) == value for key, value in wanted.items())]


@pytest.mark.slow
def test_planted_faults_are_found_and_nothing_else_of_high_severity(
    conn: Connection, serve: Callable[..., Service], truth: dict[str, list[dict[str, Any]]]
) -> None:
    service = serve(**WORLD)
    summary = ingest(conn, service, WINDOW)
    assert (summary.channels, summary.failed, summary.unsupported, summary.is_sandbox) == (17, [], [], True)
    assert govern(conn) == "closed"
    report = report_of(conn, NOW)

    assert report["metadata"]["period"]["start"] == "2026-02-02T00:00:00-05:00"
    assert report["metadata"]["dataSource"]["kind"] == "sandbox"
    assert report["summary"]["headline"][0].startswith("SANDBOX DATA")

    issues = report["sections"]["sensorHealth"]["issues"]
    (stuck,), (dead,), (delta,) = truth["stuck_meter"], truth["dead_channel"], truth["catch_up_delta"]
    high = find(issues, severity="high")
    assert [(issue["type"], issue["channelId"]) for issue in high] == [
        ("stuck", stuck["channelId"]), ("dead", dead["channelId"]),
    ]  # fmt: skip
    assert moment(high[0]["start"]) == moment(stuck["start"])
    assert moment(high[0]["end"]) == moment(stuck["end"])
    gaps = {(gap["channelId"], moment(gap["start"])): gap["missingIntervals"] for gap in find(issues, type="gap")}
    assert gaps == {
        (item["channelId"], moment(item["start"])): item["missingIntervals"] for item in [*truth["gap"], delta]
    }
    (catch_up,) = find(issues, type="catch_up")
    assert catch_up["channelId"] == delta["channelId"]
    assert moment(catch_up["start"]) == moment(delta["end"])

    (left_on,) = truth["left_on_overnight"]
    worst = report["sections"]["afterHoursWaste"]["topMeters"][0]
    assert worst["channelId"] == left_on["channelId"]
    # Planted is the extra; found is all above the resting power, so a little more.
    assert worst["aboveUsualKwh"] == pytest.approx(left_on["extraKwh"], rel=0.03)

    (anomaly,) = truth["anomaly"]
    (event,) = find(report["sections"]["anomalies"]["timeline"], context="business_hours")
    assert event["channelId"] == anomaly["channelId"]
    assert abs(moment(event["start"]) - moment(anomaly["start"])) <= timedelta(minutes=30)
    assert event["excessKwh"] == pytest.approx(anomaly["extraKwh"], rel=0.2)
    anomalous = {event["channelId"] for event in report["sections"]["anomalies"]["timeline"]}
    assert anomalous == {anomaly["channelId"], left_on["channelId"]}

    short = find(report["sections"]["spikes"]["topSpikes"], isSustained=False)
    assert {(spike["channelId"], moment(spike["start"])) for spike in short} == {
        (item["channelId"], moment(item["start"])) for item in truth["spikes"]
    }
    wins = report["sections"]["quickWins"]
    assert (wins[0]["type"], wins[0]["channelId"]) == ("after_hours", left_on["channelId"])
    # Five nights of this week, of hours that nobody named: told, but in no headline and no sum.
    assert (wins[0]["pattern"], wins[0]["confidence"]) == ("new", "low")
    assert wins[0]["doubts"] == ["assumed_hours", "weather_unknown"]
    assert report["summary"]["totalPotentialSavings"]["newKwh"] == 0
    # No saving from a broken meter, but its repair.
    broken = {stuck["channelId"], dead["channelId"]}
    assert {win["channelId"] for win in find(wins, type="repair")} == broken
    assert not broken & {win["channelId"] for win in wins if win["type"] != "repair"}


@pytest.mark.slow
def test_energy_is_the_same_in_every_layer_and_twice_changes_nothing(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(**WORLD)
    first = ingest(conn, service, WINDOW)
    assert govern(conn) == "closed"
    before = report_of(conn, NOW)
    again = ingest(conn, service, WINDOW)
    assert (again.inserted, again.duplicate) == (0, first.inserted)
    assert govern(conn) == "closed"
    after = report_of(conn, NOW)
    for report in (before, after):
        del report["metadata"]["validatedAt"]  # they were validated one after the other
    assert after == before
    check_energy_in_every_layer(conn, after)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("monday", "hours"), [(date(2025, 3, 3), 167), (date(2025, 10, 27), 169)], ids=["spring", "autumn"]
)
def test_weeks_of_a_clock_change_are_reported(
    conn: Connection, serve: Callable[..., Service], monday: date, hours: int
) -> None:
    now = datetime(monday.year, monday.month, monday.day, 15, tzinfo=UTC) + timedelta(days=8)
    ingest(conn, serve(now=now, planted_weeks=[monday]), Window(now - timedelta(days=40), now))
    # A hole that ends within the changed hour, in both of its passes.
    db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id = 162121 AND (timestamp AT TIME ZONE 'America/New_York')::time"
        " IN ('00:15', '00:30', '00:45', '01:00', '01:15', '01:30')",
    )
    assert govern(conn) == "closed"
    report = report_of(conn, now)
    period = report["metadata"]["period"]
    assert (moment(period["end"]) - moment(period["start"])).total_seconds() == hours * 3600
    full = {row["channelId"]: row["completenessPct"] for row in report["dataQuality"]["byChannel"]}
    assert full[162119] == 100.0
    assert len(report["consumption"]["daily"]) == 7
    check_energy_in_every_layer(conn, report)


def test_all_channels_of_a_long_list_are_registered(conn: Connection, serve: Callable[..., Service]) -> None:
    site = register(conn, serve(**WORLD, extra_channels=120).client, SITE_ID)
    assert len(site.channels) == 137
    assert db.fetch_all(conn, "SELECT count(*) FROM channels") == [(137,)]


def test_sensor_is_asked_for_the_fields_it_has(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(**WORLD)
    ingest(conn, service, Window(NOW - timedelta(hours=2), NOW))
    rows = db.fetch_all(
        conn,
        "SELECT m.is_energy_meter, count(r.temperature_c), count(r.energy_kwh) FROM v_meters AS m"
        " JOIN v_readings_enriched AS r USING (meter_id) GROUP BY m.is_energy_meter ORDER BY 1",
    )
    assert rows[0] == (False, 8, 0)
    assert rows[1][:2] == (True, 0)


def test_every_attempt_is_logged(conn: Connection, serve: Callable[..., Service]) -> None:
    window = Window(NOW - timedelta(days=40), NOW)
    summary = ingest(conn, serve(**WORLD), window, [162121, 162122])
    middle = window.start + timedelta(days=30)
    attempts = db.fetch_all(
        conn,
        "SELECT channel_id, window_start, window_end, status, fetched, inserted, duplicate, rejected, error"
        " FROM ingestion_logs WHERE channel_id <> 0 ORDER BY channel_id, window_start",
    )
    assert attempts == [
        (162121, window.start, middle, "done", 2880, 2880, 0, 0, None),
        (162121, middle, window.end, "done", 960, 960, 0, 0, None),
        (162122, window.start, middle, "done", 2880, 2880, 0, 0, None),
        # RTU-2's planted gaps: 28 rows are absent, and 12 hold no value.
        (162122, middle, window.end, "done", 932, 920, 0, 12, "12 empty"),
    ]
    assert summary.fetched == 2 * 3840 - 28


def test_failure_at_registration_is_logged_and_told(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(**WORLD)
    for site_id, message in ((99001, "site 99001: not found or not this account's"), (5, "site 5: not found")):
        with pytest.raises(AccessError, match=message):
            register(conn, service.client, site_id)
    with pytest.raises(AuthenticationError, match="refused the login"):
        register(conn, serve(**WORLD, login=("sandbox-key", "sandbox@example.com", "mistyped")).client, SITE_ID)
    logged = db.fetch_all(conn, "SELECT organization_id, channel_id, status, error FROM ingestion_logs ORDER BY log_id")
    assert [row[:3] for row in logged] == [(99001, 0, "failed"), (5, 0, "failed"), (SITE_ID, 0, "failed")]
    assert all(row[3] and "mistyped" not in row[3] for row in logged)


def test_service_that_dies_in_the_middle_ends_the_run_with_every_attempt_closed(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(**WORLD)
    site = register(conn, service.client, SITE_ID)
    service.client._api_url = "http://127.0.0.1:9"
    with pytest.raises(UnreachableError, match="cannot connect"):
        ingest_readings(conn, service.client, site, Window(NOW - timedelta(days=2), NOW), 900, workers=2)
    statuses = dict(db.fetch_all(conn, "SELECT status, count(*) FROM ingestion_logs GROUP BY 1"))
    assert statuses["failed"] == 3
    assert "running" not in statuses
