"""A database from before a reading carried its site: every reading is kept, and gets the site of its channel."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.gaps.ledger import count_gaps
from govern.schema.files import apply_migrations, apply_views
from govern.usage.refresh import Refreshed, refresh_views
from lib import db
from lib.paths import MIGRATIONS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

THIS = "0018_keep_history_at_its_site.sql"
FIRST, LAST = datetime(2025, 12, 20, tzinfo=UTC), datetime(2026, 2, 10, tzinfo=UTC)
UNKNOWN = 999  # a channel that no site registered
SITES = {10: 1, 11: 1, 20: 2, UNKNOWN: 0}

OLD_ROWS = """
INSERT INTO organizations (organization_id, name, timezone, data_source)
VALUES (1, 'one', 'America/New_York', 'eniscope'), (2, 'two', 'Asia/Kolkata', 'eniscope');
INSERT INTO channels (channel_id, organization_id, name, fields)
VALUES (10, 1, 'a', '{E,P}'), (11, 1, 'b', '{E,P}'), (20, 2, 'c', '{E,P}');
INSERT INTO channel_facts (channel_id, organization_id, kind) VALUES (10, 1, 'main');
SELECT ensure_reading_partitions(%(first)s, %(last)s);
INSERT INTO readings (channel_id, timestamp, interval_s, energy_kwh, power_kw, voltage_v, ingest_run_id)
SELECT key, moment, 900, key + 0.25, 4 * key + 1, NULL, 1
FROM unnest(%(channels)s::bigint[]) AS key
CROSS JOIN generate_series(%(first)s, %(last)s::timestamptz - interval '1 second', interval '15 minutes') AS moment
WHERE NOT (key = 10 AND moment >= '2026-01-10 00:00Z' AND moment < '2026-01-10 06:00Z');
INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, interval_s, data_source,
    status, finished_at)
SELECT 1, c.organization_id, c.channel_id, %(first)s, %(last)s, 900, 'eniscope', 'done', now() FROM channels AS c;
INSERT INTO usage_queue (channel_id, first_at, last_at)
SELECT channel_id, min(timestamp), max(timestamp) FROM readings GROUP BY 1;
INSERT INTO reading_gaps (channel_id, gap_start, gap_end, interval_s, kind, state, asks_count_from)
VALUES (10, '2026-01-10 00:00Z', '2026-01-10 06:00Z', 900, 'interior', 'pending', '2026-01-10 06:00Z');
INSERT INTO reading_gap_scans (channel_id, scanned_from, scanned_until, scanned_at)
VALUES (10, %(first)s, %(last)s, now());
INSERT INTO reading_revisions (channel_id, timestamp, column_name, old_value, new_value, ingest_run_id)
VALUES (20, %(first)s, 'energy_kwh', 20.25, 21, 1);
INSERT INTO rejected_readings (channel_id, interval_s, reason, raw, record_key, first_run_id, last_run_id)
VALUES (20, 900, 'unparsable', '{}', 'k', 1, 1);
INSERT INTO usage_state (channel_id, timezone, refreshed_at)
VALUES (10, 'America/New_York', now()), (20, 'Asia/Kolkata', now());
SELECT ensure_month_partitions('mv_hourly_usage', %(first)s, %(last)s);
INSERT INTO mv_hourly_usage SELECT channel_id, date_trunc('hour', timestamp, 'UTC'), avg(power_kw), max(power_kw),
    sum(energy_kwh), count(*), 3600, 0, 0 FROM readings WHERE channel_id = 20 GROUP BY 1, 2;
INSERT INTO mv_daily_usage SELECT channel_id, (timestamp AT TIME ZONE 'Asia/Kolkata')::date, avg(power_kw),
    min(power_kw), max(power_kw), sum(energy_kwh), count(*), 900 * count(*), 0, 0
FROM readings WHERE channel_id = 20 GROUP BY 1, 2;
-- A view that stands on what is rewritten, as those of the version before do.
CREATE VIEW v_old AS SELECT r.channel_id, r.energy_kwh, u.total_kwh, g.gap_start, f.kind
FROM readings AS r JOIN mv_hourly_usage AS u ON u.meter_id = r.channel_id
LEFT JOIN reading_gaps AS g USING (channel_id) LEFT JOIN channel_facts AS f USING (channel_id);
INSERT INTO view_definitions (name, checksum) VALUES ('v_old', '-');
"""


@pytest.fixture
def old(empty_database_url: str, tmp_path: Path) -> Any:
    """A database with readings, as it stood before this migration."""
    for path in MIGRATIONS_DIR.glob("*.sql"):
        if path.name < THIS:
            shutil.copy(path, tmp_path)
    with db.connect(empty_database_url) as conn:
        apply_migrations(conn, tmp_path)
        db.execute(conn, OLD_ROWS, {"first": FIRST, "last": LAST, "channels": list(SITES)})
        conn.commit()
        yield conn


def rows_of(conn: Connection) -> list[Any]:
    """Return every value of every reading, as it stood before."""
    columns = "channel_id, timestamp, interval_s, energy_kwh, power_kw, voltage_v, ingest_run_id"
    return db.fetch_all(conn, f"SELECT {columns} FROM readings ORDER BY channel_id, timestamp")


def test_every_reading_is_kept_and_gets_the_site_of_its_channel(old: Connection) -> None:
    before = rows_of(old)
    assert len(before) == 4 * 52 * 96 - 24
    assert apply_migrations(old)[0] == THIS
    assert rows_of(old) == before
    assert dict(db.fetch_all(old, "SELECT DISTINCT channel_id, organization_id FROM readings")) == SITES
    months = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass ORDER BY 1"
    assert db.fetch_all(old, months) == [("readings_2025_12",), ("readings_2026_01",), ("readings_2026_02",)]
    members = "SELECT channel_id, organization_id, member_from = '-infinity', member_until = 'infinity'"
    assert db.fetch_all(old, f"{members} FROM channel_sites ORDER BY 1") == [
        (10, 1, True, True), (11, 1, True, True), (20, 2, True, True)
    ]  # fmt: skip
    for table, expected in {
        "reading_gaps": [(10, 1)], "reading_gap_scans": [(10, 1)], "reading_revisions": [(20, 2)],
        "rejected_readings": [(20, 2)], "usage_state": [(10, 1), (20, 2)], "channel_facts": [(10, 1)],
    }.items():  # fmt: skip
        assert db.fetch_all(old, f"SELECT channel_id, organization_id FROM {table} ORDER BY 1") == expected, table
    for table in ("mv_hourly_usage", "mv_daily_usage"):
        assert db.fetch_all(old, f"SELECT DISTINCT meter_id, site_id FROM {table}") == [(20, 2)]


def test_a_new_month_and_a_new_load_go_on_from_there(old: Connection) -> None:
    apply_migrations(old)
    assert "v_meters" in apply_views(old)
    assert db.fetch_one(old, "SELECT to_regclass('v_old')") == (None,)
    assert refresh_views(old)[0] == 3
    old.commit()
    counts = "SELECT site_id, meter_id, sum(reading_count) FROM v_readings_daily GROUP BY 1, 2 ORDER BY 2"
    assert db.fetch_all(old, counts) == [(1, 10, 52 * 96 - 24), (1, 11, 52 * 96), (2, 20, 52 * 96)]
    assert count_gaps(old, 1)[0].intervals == 24
    db.execute(old, "SELECT ensure_reading_partitions(%s, %s)", (LAST, LAST + timedelta(days=40)))
    ((keys,),) = db.fetch_all(
        old, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'readings_2026_03'::regclass AND attname = %s"
        " AND attnotnull", ("organization_id",),
    )  # fmt: skip
    assert keys == 1
    old.commit()
    verdict = validate_site(old, 2, read_checks())
    assert [result.check.name for result in verdict.results if result.is_blocking] == []
    assert refresh_views(old) == Refreshed(0, 0, 0)
