"""Layer 2 after a refresh: what changed is computed again, all of it and nothing else, beside readers and loads."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from site_factory import METERS, SITE_ID, register_site

from govern.schema.files import apply_migrations, apply_views
from govern.usage import refresh as refresh
from govern.usage.refresh import Pending, Refreshed, rebuild_views, refresh_views, split_batches
from ingest.storage import readings, sites
from lib import db
from lib.paths import MIGRATIONS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

QUARTER = timedelta(minutes=15)
# The Sunday on which New York's clocks go back; the Azores' went back a week before, at a midnight that came twice.
AUTUMN = datetime(2025, 11, 2, 4, tzinfo=UTC)
AZORES_AUTUMN = datetime(2025, 10, 26, 0, tzinfo=UTC)
SPRING = datetime(2026, 3, 8, 5, tzinfo=UTC)


def insert(
    conn: Connection,
    channel_id: int,
    start: datetime,
    energy_kwh: list[float | None],
    run_id: int = 1,
    site_id: int = SITE_ID,
) -> int:
    """Store quarter-hours from `start` on, with a power of four times the energy."""
    energy = np.array(energy_kwh, dtype=float)
    rows = pd.DataFrame(
        {
            "timestamp": int(start.timestamp()) + 900 * np.arange(len(energy)),
            "energy_kwh": energy,
            "power_kw": 4 * energy,
        }
    )
    return readings.insert_readings(conn, site_id, channel_id, 900, run_id, rows).inserted


def layer_2(conn: Connection) -> tuple[list[Any], list[Any]]:
    """Return the hours and the days that Layer 2 holds."""
    columns = "max_kw, total_kwh, reading_count, covered_s, missing_count, negative_count"
    return (
        db.fetch_all(conn, f"SELECT meter_id, hour, {columns} FROM mv_hourly_usage ORDER BY 1, 2"),
        db.fetch_all(conn, f"SELECT meter_id, local_date, {columns} FROM mv_daily_usage ORDER BY 1, 2"),
    )


def expected_layer_2(
    conn: Connection, timezone: str, channel_ids: tuple[int, ...] = METERS
) -> tuple[list[Any], list[Any]]:
    """Return what Layer 2 should hold of the channels, added up here from the raw rows."""
    groups: tuple[dict[Any, list[Any]], dict[Any, list[Any]]] = ({}, {})
    query = "SELECT channel_id, timestamp, energy_kwh FROM readings WHERE channel_id = ANY (%s)"
    for channel_id, moment, energy in db.fetch_all(conn, query, (list(channel_ids),)):
        hour = moment.astimezone(UTC).replace(minute=0)
        day = moment.astimezone(ZoneInfo(timezone)).date()
        for group, label in zip(groups, (hour, day), strict=True):
            group.setdefault((channel_id, label), []).append(energy)

    def summary(energies: list[float | None]) -> tuple[Any, ...]:
        found = [energy for energy in energies if energy is not None]
        total = pytest.approx(sum(found)) if found else None
        highest = 4 * max(found) if found else None
        negative = sum(energy < 0 for energy in found)
        return highest, total, len(found), 900 * len(found), len(energies) - len(found), negative

    hours, days = ([(*key, *summary(group[key])) for key in sorted(group)] for group in groups)
    return hours, days


def queue(conn: Connection) -> list[Any]:
    return db.fetch_all(conn, "SELECT channel_id, first_at, last_at FROM usage_queue ORDER BY change_id")


@pytest.fixture
def site(conn: Connection) -> Connection:
    """A registered site with two meters and no readings."""
    register_site(conn)
    conn.commit()
    return conn


loads = st.lists(
    st.tuples(
        st.sampled_from(METERS),
        st.integers(-120, 120),  # quarter-hours from the clock change
        st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.5, -2.0])), min_size=1, max_size=12),
        st.booleans(),  # refresh after it
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loads=loads,
    case=st.sampled_from(
        [
            ("America/New_York", AUTUMN),
            ("America/New_York", SPRING),
            ("Asia/Kolkata", SPRING),
            ("Atlantic/Azores", AZORES_AUTUMN),
        ]
    ),
)
@example(loads=[(10, 0, [1.0] * 8, True)], case=("Atlantic/Azores", AZORES_AUTUMN))
def test_any_order_of_loads_and_refreshes_leaves_what_the_raw_rows_add_up_to(
    site: Connection, loads: list[Any], case: tuple[str, datetime]
) -> None:
    timezone, middle = case
    site.rollback()
    for table in ("readings", "mv_hourly_usage", "mv_daily_usage", "usage_queue", "usage_state"):
        db.execute(site, f"DELETE FROM {table}")
    db.execute(site, "UPDATE organizations SET timezone = %s", (timezone,))
    for run_id, (channel_id, offset, energy_kwh, is_refreshed) in enumerate(loads):
        insert(site, channel_id, middle + offset * QUARTER, energy_kwh, run_id)
        if is_refreshed:
            refresh_views(site)
    refresh_views(site)
    assert layer_2(site) == expected_layer_2(site, timezone)
    assert queue(site) == []


def test_late_row_of_three_months_ago_costs_its_hour_and_its_day(site: Connection) -> None:
    insert(site, 10, SPRING - timedelta(days=90), [1.0] * 4 * 24 * 91)
    assert refresh_views(site) == Refreshed(1, 91 * 24, 92)
    db.execute(site, "DELETE FROM readings WHERE channel_id = 10 AND timestamp = %s", (SPRING - timedelta(days=80),))
    rebuild_views(site)
    # A wide window is asked again, and brings the one row that had been missing.
    assert insert(site, 10, SPRING - timedelta(days=90), [1.0] * 4 * 24 * 91, run_id=2) == 1
    assert queue(site) == [(10, SPRING - timedelta(days=80), SPRING - timedelta(days=80))]
    assert refresh_views(site) == Refreshed(1, 1, 1)
    assert layer_2(site) == expected_layer_2(site, "America/New_York")


def test_nothing_new_is_nothing_to_do(site: Connection) -> None:
    insert(site, 10, AUTUMN, [1.0, 2.0])
    assert refresh_views(site) == Refreshed(1, 1, 1)
    assert insert(site, 10, AUTUMN, [9.0, 9.0], run_id=2) == 0
    assert queue(site) == []
    assert refresh_views(site) == Refreshed(0, 0, 0)


def test_load_that_is_rolled_back_leaves_nothing_to_refresh(site: Connection) -> None:
    insert(site, 10, AUTUMN, [1.0])
    site.rollback()
    assert queue(site) == []


def test_only_the_site_that_is_asked_for_is_refreshed(site: Connection) -> None:
    other = {"organization_id": 5, "name": "other", "timezone": "UTC"}
    sites.register_site(site, other, [], [{"channel_id": 50, "organization_id": 5, "name": "x"}], "eniscope")
    insert(site, 10, AUTUMN, [1.0])
    insert(site, 50, AUTUMN, [1.0], site_id=5)
    assert refresh_views(site, 5) == Refreshed(1, 1, 1)
    assert [row[0] for row in queue(site)] == [10]


def test_site_that_cannot_be_refreshed_stops_no_other(
    site: Connection, database_url: str, run_script: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    other = {"organization_id": 5, "name": "other", "timezone": "UTC"}
    sites.register_site(site, other, [], [{"channel_id": 50, "organization_id": 5, "name": "x"}], "eniscope")
    for channel_id in METERS:
        insert(site, channel_id, AUTUMN, [1.0] * 4)
    insert(site, 50, AUTUMN, [1.0] * 4, site_id=5)
    # As after a restore into a server whose list of time zones is older.
    db.execute(site, "UPDATE organizations SET timezone = 'Mars/Olympus' WHERE organization_id = 5")
    site.commit()
    assert refresh_views(site) == Refreshed(2, 2, 2, (5,))
    assert 'site 5 could not be refreshed: PostgreSQL: time zone "Mars/Olympus" not recognized' in caplog.text
    assert layer_2(site) == expected_layer_2(site, "America/New_York")
    assert [row[0] for row in queue(site)] == [50]
    insert(site, 10, AUTUMN + timedelta(hours=1), [2.0])
    site.commit()
    done = run_script("govern/refresh_views.py", env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stdout.split(" in ")[0]) == (1, "refreshed 1 hours and 1 days of 1 channels")
    # Once it moves to a zone that is known, all it has is computed.
    db.execute(site, "UPDATE organizations SET timezone = 'Asia/Kolkata' WHERE organization_id = 5")
    assert refresh_views(site) == Refreshed(1, 1, 1)
    # A site that moves to an unknown one keeps its days as they were cut, and the others go on.
    before = layer_2(site)
    db.execute(site, "UPDATE organizations SET timezone = 'Mars/Olympus' WHERE organization_id = 5")
    insert(site, 11, AUTUMN + timedelta(days=1), [2.0])
    assert refresh_views(site) == Refreshed(1, 1, 1, (5,))
    assert [row for row in layer_2(site)[1] if row[0] == 50] == [row for row in before[1] if row[0] == 50]


def test_rows_removed_by_hand_go_with_a_rebuild(site: Connection) -> None:
    insert(site, 10, AUTUMN, [1.0] * 96)
    insert(site, 11, AUTUMN, [1.0] * 96)
    refresh_views(site)
    db.execute(site, "DELETE FROM readings WHERE channel_id = 10 OR timestamp < %s", (AUTUMN + timedelta(hours=3),))
    assert refresh_views(site) == Refreshed(0, 0, 0)
    rebuild_views(site, SITE_ID)
    assert layer_2(site) == expected_layer_2(site, "America/New_York")
    assert {row[0] for row in layer_2(site)[1]} == {11}


def test_site_that_moves_to_another_time_zone_has_its_days_cut_anew(site: Connection) -> None:
    insert(site, 10, datetime(2026, 1, 20, 6, tzinfo=UTC), [1.0] * 4)  # one o'clock in New York
    refresh_views(site)
    assert [row[1] for row in layer_2(site)[1]] == [date(2026, 1, 20)]
    register_site(site, timezone="America/Los_Angeles")
    site.commit()
    refresh_views(site)
    assert [row[1] for row in layer_2(site)[1]] == [date(2026, 1, 19)]
    assert layer_2(site) == expected_layer_2(site, "America/Los_Angeles")
    assert refresh_views(site) == Refreshed(0, 0, 0)


def test_batches_hold_whole_channels() -> None:
    pending = [Pending(number, 7, days, AUTUMN, AUTUMN) for number, days in enumerate((3.0, 3.0, 9.0, 1.0, 1.0), 1)]
    batches = split_batches(pending, 6)
    assert [[item.channel_id for item in batch] for batch in batches] == [[1, 2], [3], [4, 5]]
    assert list(split_batches([], 6)) == []


def test_refresh_that_is_killed_leaves_whole_channels_and_the_rest_queued(
    site: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel_id in METERS:
        insert(site, channel_id, AUTUMN, [1.0] * 96)
    site.commit()
    work = refresh._refresh_channels

    def die_at_the_second(conn: Connection, channel_ids: list[int]) -> Refreshed:
        done = work(conn, channel_ids)
        if channel_ids == [METERS[1]]:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(refresh, "_refresh_channels", die_at_the_second)
    with pytest.raises(KeyboardInterrupt), db.connect(database_url) as conn:
        refresh_views(conn, batch_channel_days=1)
    hours, days = layer_2(site)
    assert (len(hours), [row[:2] for row in days]) == (24, [(10, date(2025, 11, 2))])
    assert [row[0] for row in queue(site)] == [11]
    monkeypatch.undo()
    refresh_views(site)
    assert layer_2(site) == expected_layer_2(site, "America/New_York")


def test_readers_see_the_whole_day_before_and_after_and_wait_for_nothing(site: Connection, database_url: str) -> None:
    insert(site, 10, AUTUMN, [1.0] * 96)
    refresh_views(site)
    insert(site, 10, AUTUMN + 96 * QUARTER, [1.0] * 4)  # the day has 25 hours
    site.commit()
    total = "SELECT sum(total_kwh), count(*) FROM mv_hourly_usage"
    with db.connect(database_url) as reader:
        db.execute(reader, "SET lock_timeout = '2s'")
        assert db.fetch_all(reader, total) == [(96.0, 24)]  # its transaction stays open
        db.execute(site, "SET lock_timeout = '2s'")
        refresh._refresh_channels(site, [10])
        assert db.fetch_all(reader, total) == [(96.0, 24)]
        site.commit()
        assert db.fetch_all(reader, total) == [(100.0, 25)]


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen within ten seconds"
        time.sleep(0.02)


def count_waiting(conn: Connection) -> int:
    """Return how many sessions of the database wait for an advisory lock at this moment."""
    # Within a transaction the list of sessions is kept, and behind a pool the one that waits may be newer.
    db.execute(conn, "SELECT pg_stat_clear_snapshot()")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    return db.fetch_all(conn, waiting)[0][0]


def test_slower_refresh_does_not_overwrite_what_a_quicker_one_saw_later(site: Connection, database_url: str) -> None:
    insert(site, 10, AUTUMN, [1.0])
    site.commit()
    with db.connect(database_url) as slow, db.connect(database_url) as quick:
        refresh._refresh_channels(slow, [10])  # computed, not yet committed
        insert(site, 10, AUTUMN + QUARTER, [2.0])
        site.commit()
        thread = threading.Thread(target=refresh_views, args=(quick,), daemon=True)
        thread.start()
        try:
            _wait_until(lambda: count_waiting(site) == 1)
        finally:
            slow.commit()
            thread.join()
    assert layer_2(site) == expected_layer_2(site, "America/New_York")
    assert layer_2(site)[0][0][3] == 3.0
    assert queue(site) == []


def test_new_month_is_made_beside_open_readers_and_loads(site: Connection, database_url: str) -> None:
    insert(site, 10, AUTUMN, [1.0])
    site.commit()
    with db.connect(database_url) as reader, db.connect(database_url) as load:
        db.fetch_all(reader, "SELECT count(*) FROM readings")
        insert(load, 11, AUTUMN, [1.0])
        db.execute(site, "SET lock_timeout = '2s'")
        assert insert(site, 10, AUTUMN + timedelta(days=40), [1.0]) == 1
        site.commit()
        assert db.fetch_all(reader, "SELECT count(*) FROM readings") == [(2,)]


def test_two_loads_that_need_the_same_new_month_both_succeed(site: Connection, database_url: str) -> None:
    with db.connect(database_url) as second:
        insert(site, 10, AUTUMN, [1.0])  # makes the month, not yet committed
        inserted: list[int] = []
        thread = threading.Thread(target=lambda: inserted.append(insert(second, 11, AUTUMN, [1.0])), daemon=True)
        thread.start()
        try:
            _wait_until(lambda: count_waiting(site) == 1)
        finally:
            site.commit()
            thread.join()
        second.commit()
    assert inserted == [1]


# The two views as databases made before migration 0006 have them.
OLD_VIEWS = """
CREATE MATERIALIZED VIEW mv_hourly_usage AS
SELECT channel_id AS meter_id, date_trunc('hour', timestamp, 'UTC') AS hour, sum(energy_kwh) AS total_kwh
FROM readings GROUP BY channel_id, date_trunc('hour', timestamp, 'UTC');
CREATE MATERIALIZED VIEW mv_daily_usage AS
SELECT channel_id AS meter_id, timestamp::date AS local_date, sum(energy_kwh) AS total_kwh
FROM readings GROUP BY channel_id, timestamp::date;
CREATE VIEW v_readings_hourly AS SELECT meter_id, hour, total_kwh FROM mv_hourly_usage;
CREATE VIEW v_readings_daily AS SELECT meter_id, local_date, total_kwh FROM mv_daily_usage;
CREATE VIEW v_readings_monthly AS SELECT meter_id, sum(total_kwh) AS total_kwh FROM v_readings_daily GROUP BY meter_id;
INSERT INTO view_definitions (name, checksum) VALUES ('mv_hourly_usage', '-'), ('mv_daily_usage', '-'),
    ('v_readings_hourly', '-'), ('v_readings_daily', '-'), ('v_readings_monthly', '-');
"""


def test_database_with_materialized_views_is_migrated_with_its_figures(empty_database_url: str, tmp_path: Path) -> None:
    shutil.copy(MIGRATIONS_DIR / "0001_create_raw_tables.sql", tmp_path)
    with db.connect(empty_database_url) as conn:
        apply_migrations(conn, tmp_path)
        db.execute(conn, "SELECT ensure_reading_partitions(%s, %s)", (AUTUMN, AUTUMN + timedelta(days=30)))
        db.execute(
            conn,
            "INSERT INTO organizations (organization_id, name, timezone, data_source)"
            " VALUES (1, 'old', 'America/New_York', 'eniscope');"
            "INSERT INTO channels (channel_id, organization_id, name) VALUES (10, 1, 'old');"
            "INSERT INTO readings (channel_id, timestamp, interval_s, energy_kwh, power_kw, ingest_run_id)"
            " SELECT 10, moment, 900, 0.5, 2.0, 1 FROM generate_series(%s::timestamptz, %s, interval '15 minutes')"
            " AS moment",
            (AUTUMN, AUTUMN + timedelta(days=30)),
        )
        db.execute(conn, OLD_VIEWS)
        conn.commit()
        apply_migrations(conn)
        apply_views(conn)
        assert layer_2(conn) == expected_layer_2(conn, "America/New_York")
        assert db.fetch_all(conn, "SELECT count(*) FROM v_readings_hourly") == [(30 * 24 + 1,)]
        assert refresh_views(conn) == Refreshed(0, 0, 0)
