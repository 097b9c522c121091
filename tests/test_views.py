"""The views of the layers 2 and 3, on a handful of readings that can be added up by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from site_factory import SITE_ID, register_site

from govern.usage.refresh import refresh_views
from ingest.storage import readings, sites
from lib import db
from lib.readings import load_monthly

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# 23:30 to 00:30 local on 19 January 2026 in New York, which is five hours behind UTC.
START = datetime(2026, 1, 20, 4, 30, tzinfo=UTC)
ENERGY_KWH = [1.0, 2.0, None, 4.0]
POWER_KW = [4.0, 8.0, 12.0, 16.0]


@pytest.fixture
def stored(conn: Connection) -> Connection:
    """Four quarter-hours of meter 10 across a local midnight; the third has no energy."""
    register_site(conn)
    rows = pd.DataFrame(
        {
            "timestamp": int(START.timestamp()) + 900 * np.arange(4),
            "energy_kwh": np.array(ENERGY_KWH, dtype=float),
            "power_kw": POWER_KW,
        }
    )
    readings.insert_readings(conn, SITE_ID, 10, 900, 1, rows)
    conn.commit()
    refresh_views(conn)
    return conn


def test_hours_are_utc_and_keep_missing_energy_apart(stored: Connection) -> None:
    columns = "meter_id, meter_name, site_id, hour, local_hour::text, avg_kw, max_kw, total_kwh, reading_count"
    assert db.fetch_all(stored, f"SELECT {columns} FROM v_readings_hourly ORDER BY hour") == [
        (10, "meter 10", SITE_ID, datetime(2026, 1, 20, 4, tzinfo=UTC), "2026-01-19 23:00:00", 6.0, 8.0, 3.0, 2),
        (10, "meter 10", SITE_ID, datetime(2026, 1, 20, 5, tzinfo=UTC), "2026-01-20 00:00:00", 14.0, 16.0, 4.0, 1),
    ]


def test_days_are_the_sites_own(stored: Connection) -> None:
    columns = "meter_id, local_date::text, avg_kw, min_kw, max_kw, total_kwh, reading_count, completeness_pct"
    assert db.fetch_all(stored, f"SELECT {columns} FROM v_readings_daily ORDER BY local_date") == [
        (10, "2026-01-19", 6.0, 4.0, 8.0, 3.0, 2, pytest.approx(100 * 2 / 96)),
        (10, "2026-01-20", 14.0, 12.0, 16.0, 4.0, 1, pytest.approx(100 * 1 / 96)),
    ]


def test_months_add_up_the_days(stored: Connection) -> None:
    columns = "meter_id, local_month::text, max_kw, total_kwh, reading_count, days_with_readings"
    assert db.fetch_all(stored, f"SELECT {columns} FROM v_readings_monthly") == [(10, "2026-01-01", 16.0, 7.0, 3, 2)]
    (month,) = load_monthly(stored, SITE_ID).to_dict("records")
    assert month["days"] == pytest.approx(3 / 96)  # two of 96 quarter-hours on one day and one on the next
    assert month["energy_kwh"] / month["days"] == pytest.approx(7.0 * 32)


def test_readings_carry_their_names_and_both_times(stored: Connection) -> None:
    columns = (
        "meter_id, meter_name, site_id, site_name, timestamp, local_timestamp::text, interval_s, energy_kwh, power_kw"
    )
    rows = db.fetch_all(stored, f"SELECT {columns} FROM v_readings_enriched ORDER BY timestamp")
    moment = datetime(2026, 1, 20, 5, tzinfo=UTC)
    assert rows[2] == (10, "meter 10", SITE_ID, "Test school", moment, "2026-01-20 00:00:00", 900, None, 12.0)
    assert len(rows) == 4


def test_latest_reading_of_each_meter_that_has_one(stored: Connection) -> None:
    columns = "meter_id, timestamp, interval_s, energy_kwh, power_kw"
    assert db.fetch_all(stored, f"SELECT {columns} FROM v_latest_readings") == [
        (10, datetime(2026, 1, 20, 5, 15, tzinfo=UTC), 900, 4.0, 16.0)
    ]


def test_meters_know_their_parent_kind_and_interval(stored: Connection) -> None:
    organization = {"organization_id": 99, "name": "Elsewhere", "timezone": "UTC"}
    foreign = {"channel_id": 50, "organization_id": 99, "name": "foreign", "parent_id": None}
    sites.register_site(stored, organization, [], [foreign], "eniscope")
    db.execute(stored, "UPDATE channels SET parent_id = 10 WHERE channel_id = 11")
    query = "SELECT meter_id, parent_meter_id, is_energy_meter, interval_s FROM v_meters WHERE site_id = %s ORDER BY 1"
    assert db.fetch_all(stored, query, (SITE_ID,)) == [(10, None, True, 900), (11, 10, True, None)]
    db.execute(stored, "UPDATE channels SET parent_id = 50, fields = '{T,RH}' WHERE channel_id = 11")
    db.execute(stored, "UPDATE channels SET parent_id = 10, is_unsupported = true WHERE channel_id = 10")
    # Neither a meter of another site nor the meter itself is a parent; a sensor and a refused channel have no energy.
    assert db.fetch_all(stored, query, (SITE_ID,)) == [(10, None, False, 900), (11, None, False, None)]
