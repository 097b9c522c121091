"""Measure a refresh after a daily sync, with a month of history and with twelve, against a full REFRESH of the same.

Run: .venv/bin/python tests/benchmarks/bench_refresh.py
Each sync brings one new day of forty channels, and one row that is three months late. The full refresh is that of two
materialized views with the same columns, made beside the tables in the same database.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import temporary_database
from benchmarks.stored_history import make_ten_fields, register_sites, store_days

from govern.usage.refresh import refresh_views
from ingest.storage import readings
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITES = 2
HISTORY_DAYS = (30, 12 * 30)
SYNCS = 15
TODAY = datetime(2026, 3, 1, tzinfo=UTC)
# Three months, and off every grid, so that the row is surely new.
LATE_BY = timedelta(days=90, minutes=7)

WHOLE_VIEWS = """
CREATE MATERIALIZED VIEW whole_hourly AS
SELECT channel_id, date_trunc('hour', timestamp, 'UTC') AS hour, avg(power_kw), max(power_kw) AS max_kw,
    sum(energy_kwh), count(energy_kwh), coalesce(sum(interval_s) FILTER (WHERE energy_kwh IS NOT NULL), 0) AS covered_s,
    count(*) - count(energy_kwh) AS missing_count, count(*) FILTER (WHERE energy_kwh < 0) AS negative_count
FROM readings
GROUP BY channel_id, date_trunc('hour', timestamp, 'UTC');
CREATE UNIQUE INDEX ON whole_hourly (channel_id, hour);
CREATE MATERIALIZED VIEW whole_daily AS
SELECT r.channel_id, (r.timestamp AT TIME ZONE o.timezone)::date AS local_date, avg(power_kw), min(power_kw),
    max(power_kw) AS max_kw, sum(energy_kwh), count(energy_kwh),
    coalesce(sum(interval_s) FILTER (WHERE energy_kwh IS NOT NULL), 0) AS covered_s,
    count(*) - count(energy_kwh) AS missing_count, count(*) FILTER (WHERE energy_kwh < 0) AS negative_count
FROM readings AS r JOIN organizations AS o USING (organization_id)
GROUP BY r.channel_id, (r.timestamp AT TIME ZONE o.timezone)::date;
CREATE UNIQUE INDEX ON whole_daily (channel_id, local_date);
"""
REFRESH_WHOLE = "REFRESH MATERIALIZED VIEW whole_hourly; REFRESH MATERIALIZED VIEW whole_daily"


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def time_syncs(conn: Connection, channel_ids: list[int]) -> float:
    """Return the median seconds of a refresh after a sync of one day and a late row."""
    late = make_ten_fields(Window(TODAY - LATE_BY, TODAY - LATE_BY + timedelta(minutes=15)))
    seconds = []
    for sync in range(SYNCS):
        store_days(conn, channel_ids, TODAY + timedelta(days=sync), 1, run_id=10 + sync)
        channel_id = channel_ids[sync]
        assert readings.insert_readings(conn, channel_id // 1000, channel_id, 900, 10 + sync, late).inserted == 1
        conn.commit()
        seconds.append(seconds_of(lambda: refresh_views(conn)))
    return statistics.median(seconds)


def refresh_whole(conn: Connection) -> None:
    """Refresh the two materialized views, and commit."""
    db.execute(conn, "REFRESH MATERIALIZED VIEW whole_hourly; REFRESH MATERIALIZED VIEW whole_daily")
    conn.commit()


def check_alike(conn: Connection) -> None:
    """Stop when the two ways disagree: the times would say nothing then."""
    for ours, whole, label in (
        ("mv_hourly_usage", "whole_hourly", "hour"),
        ("mv_daily_usage", "whole_daily", "local_date"),
    ):
        ((differing, count),) = db.fetch_all(
            conn,
            "SELECT count(*) FILTER (WHERE (abs(u.total_kwh - w.sum) < 1e-6 AND reading_count = w.count) IS NOT TRUE),"
            f" count(*) FROM {ours} AS u FULL JOIN {whole} AS w ON w.channel_id = u.meter_id AND w.{label} = u.{label}",
        )
        assert differing == 0 < count, f"{differing} of {count} rows of {ours} differ from {whole}"


def bench_history(days: int) -> tuple[float, float]:
    """Fill a new database with a history, and time both kinds of refresh on it."""
    with temporary_database() as url, db.connect(url) as conn:
        channel_ids = register_sites(conn, SITES)
        count = store_days(conn, channel_ids, TODAY - timedelta(days=days), days, run_id=1)
        first_s = seconds_of(lambda: refresh_views(conn))
        db.execute(conn, WHOLE_VIEWS)
        conn.commit()
        refresh_s = time_syncs(conn, channel_ids)
        whole_s = statistics.median(seconds_of(lambda: refresh_whole(conn)) for _ in range(3))
        check_alike(conn)
    print(f"{days} days of history, {count:,} readings (first refresh of all {first_s:.2f} s): a day's refresh "
          f"{refresh_s:.3f} s, a full REFRESH {whole_s:.3f} s: {whole_s / refresh_s:.1f} times as long")  # fmt: skip
    return refresh_s, whole_s


def main() -> None:
    """Time both with a month of history, then with twelve."""
    (short_s, _), (long_s, _) = (bench_history(days) for days in HISTORY_DAYS)
    print(f"history × {HISTORY_DAYS[1] // HISTORY_DAYS[0]}: a day's refresh takes {long_s / short_s:.2f} times as long "
          f"(median of {SYNCS} syncs)")  # fmt: skip


if __name__ == "__main__":
    main()
