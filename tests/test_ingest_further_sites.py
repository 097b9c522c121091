"""The sandbox's further sites, ingested: each row as the service lists it, each reading as the model says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pipeline import Service, check_against_truth, ingest

from lib import db
from lib.date_utils import Window
from operations.sandbox.further_sites import FARM_ID, HILLSIDE_ID, MARKET_ID, STORE_ID

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 7, 13, 14, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=2), NOW)


@pytest.mark.parametrize(
    ("site_id", "timezone", "channels", "refusing"),
    [
        (MARKET_ID, "America/Chicago", 7, 0),
        (HILLSIDE_ID, "America/Denver", 9, 0),
        (STORE_ID, "America/New_York", 10, 1),
        (FARM_ID, "America/Los_Angeles", 4, 0),
    ],
)
def test_every_reading_is_that_of_the_model(
    conn: Connection, serve: Callable[..., Service], site_id: int, timezone: str, channels: int, refusing: int
) -> None:
    service = serve(now=NOW)
    assert ingest(conn, service, WINDOW, site_id=site_id).failed == []
    assert check_against_truth(conn, service, WINDOW, site_id=site_id) == (channels - refusing) * 192
    assert db.fetch_all(conn, "SELECT organization_id, timezone FROM organizations") == [(site_id, timezone)]
    assert db.fetch_all(conn, "SELECT count(*) FILTER (WHERE is_unsupported) FROM channels") == [(refusing,)]


def test_rows_of_strings_become_numbers(conn: Connection, serve: Callable[..., Service]) -> None:
    ingest(conn, serve(now=NOW), Window(NOW - timedelta(hours=1), NOW), site_id=STORE_ID)
    columns = "channel_id, device_id, device_type_id, meter_id, uuid, data_type, displayed_phase, is_metering_point"
    rows = db.fetch_all(conn, f"SELECT {columns} FROM channels WHERE channel_id IN (166001, 166012, 166031) ORDER BY 1")
    assert rows == [
        (166001, 166101, 20, 41301, "5410EC9B40600001", "grid meter", "system", True),
        (166012, 166102, 20, 41302, "5410EC9B40600002", "grid meter", "phase2", True),
        (166031, 166109, 51, None, "5410EC9B40600501", "environmental", "system", False),
    ]
    devices = db.fetch_all(conn, "SELECT device_id, device_type_id, name, uuid FROM devices ORDER BY 1")
    assert devices == [
        (166101, 20, "Meter 1", "5410EC9B40600001"),
        (166102, 20, "Meter 2", "5410EC9B40600002"),
        (166103, 20, "Meter 3", "5410EC9B40600003"),
        (166109, 51, "Air Sense 1", "5410EC9B40600501"),
        (4801003, 16, "Store Hybrid 8", "5410EC9B4060"),
    ]
