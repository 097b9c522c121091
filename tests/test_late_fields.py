"""Fields that come later reach the rows that stand, the whole way; what the service lacks holds nothing back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from field_source import MAIN, SECOND, VOLTAGES, FieldSource, true_values
from pipeline import SITE_ID, Service, govern, ingest, report_of

from lib import db
from lib.date_utils import Window
from lib.readings import load_ingestion_health, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)  # midnight at the site
LATER = NOW + timedelta(days=1)
WEEKS = Window(NOW - timedelta(days=42), NOW)
THREE_DAYS = Window(NOW - timedelta(days=3), NOW)


class Clock:
    """The service's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def serve_fields(serve: Callable[..., Service], clock: Clock, **options: Any) -> Service:
    return serve(now=clock, source=FieldSource(clock, **options))


def counts(conn: Connection, *columns: str) -> list[tuple[Any, ...]]:
    """Return by channel how many readings have a value in each column."""
    counted = ", ".join(f"count({column})" for column in columns)
    return db.fetch_all(conn, f"SELECT channel_id, {counted} FROM readings GROUP BY 1 ORDER BY 1")


def test_voltages_that_come_later_fill_all_rows_asked_for_again(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock, late=dict.fromkeys(VOLTAGES, LATER))
    first = ingest(conn, service, THREE_DAYS)
    assert (first.inserted, first.filled) == (2 * 288, 0)
    assert counts(conn, "energy_kwh", "voltage_v", "voltage_l1_v") == [(MAIN, 288, 0, 0), (SECOND, 288, 0, 0)]
    clock.now = LATER
    again = ingest(conn, service, THREE_DAYS)
    assert (again.inserted, again.duplicate, again.filled) == (0, 2 * 288, 2 * 288)
    assert counts(conn, "energy_kwh", "voltage_v", "voltage_l1_v") == [(MAIN, 288, 288, 288), (SECOND, 288, 288, 288)]
    assert ingest(conn, service, THREE_DAYS).filled == 0
    assert db.fetch_all(conn, "SELECT count(*) FROM reading_revisions") == [(0,)]
    logged = db.fetch_all(conn, "SELECT run_id, sum(filled) FROM ingestion_logs WHERE channel_id <> 0 GROUP BY 1")
    assert sorted(logged) == [(1, 0), (2, 576), (3, 0)]
    (stored,) = db.fetch_all(
        conn, "SELECT energy_kwh, voltage_v FROM readings WHERE channel_id = %s ORDER BY timestamp LIMIT 1", (MAIN,)
    )
    start = np.array([THREE_DAYS.start.timestamp()], dtype="int64")
    assert stored == (true_values("E", MAIN, start)[0] / 1000, true_values("V", MAIN, start)[0])


def test_health_tells_what_the_latest_run_filled(conn: Connection, serve: Callable[..., Service], clock: Clock) -> None:
    service = serve_fields(serve, clock, late=dict.fromkeys(VOLTAGES, LATER))
    ingest(conn, service, THREE_DAYS)
    assert [health.readings_filled for health in load_ingestion_health(conn)] == [0]
    clock.now = LATER
    ingest(conn, service, THREE_DAYS)
    assert [health.readings_filled for health in load_ingestion_health(conn)] == [576]


def test_power_without_energy_holds_no_report_back_and_energy_that_comes_reaches_every_layer(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock, late={"E": LATER})
    ingest(conn, service, WEEKS)
    assert counts(conn, "energy_kwh", "power_kw") == [(MAIN, 0, 4032), (SECOND, 0, 4032)]
    verdict = govern(conn)
    status = load_validation_status(conn, SITE_ID)
    assert (verdict, status.blocking_checks) == ("closed", [])
    assert "energy_beside_power" in status.warning_checks
    before = report_of(conn, NOW)["consumption"]
    assert before["estimatedKwh"] == before["totalKwh"] > 0

    clock.now = LATER
    assert ingest(conn, service, WEEKS).filled == 2 * 4032
    assert govern(conn) == "closed"
    assert "energy_beside_power" not in load_validation_status(conn, SITE_ID).warning_checks
    after = report_of(conn, NOW)["consumption"]
    assert (after["estimatedKwh"], after["meteredKwh"]) == (0.0, after["totalKwh"])
    assert after["totalKwh"] == pytest.approx(before["totalKwh"], abs=0.01)
    week = "timestamp >= '2026-02-02 05:00Z' AND timestamp < '2026-02-09 05:00Z'"
    layers = [
        f"SELECT sum(energy_kwh) FROM readings WHERE {week}",
        f"SELECT sum(total_kwh) FROM v_readings_hourly WHERE {week.replace('timestamp', 'hour')}",
        "SELECT sum(total_kwh) FROM v_readings_daily WHERE local_date BETWEEN '2026-02-02' AND '2026-02-08'",
    ]
    for layer in layers:
        assert db.fetch_all(conn, layer)[0][0] == pytest.approx(after["totalKwh"], abs=0.01)
