"""Measure a day of a twentieth of the load that the design is for, and extrapolate three years of the whole.

Run: .venv/bin/python tests/benchmarks/bench_growth.py
100 sites of 20 channels store two weeks of quarter-hours with ten fields, then one day more, which is what is timed:
the load without the service, and the refresh. Bytes are those of tables and indexes after VACUUM. The whole is 2,000
sites over three years; daily times grow with the sites, and not with the years (bench_refresh.py).
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import temporary_database
from benchmarks.stored_history import CHANNELS_PER_SITE, register_sites, store_days

from govern.usage.refresh import refresh_views
from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITES, WHOLE_SITES = 100, 2_000
YEARS = 3
HISTORY_DAYS = 14
TODAY = datetime(2026, 2, 20, tzinfo=UTC)
# Rows that a channel's day adds to the tables that take most of the room.
ROWS_A_DAY = {"readings": 96, "mv_hourly_usage": 24, "mv_daily_usage": 1}


def bytes_a_row(conn: Connection, table: str) -> float:
    """Return the bytes of a table, its partitions and their indexes, for each row."""
    ((size, count),) = db.fetch_all(
        conn,
        "SELECT pg_total_relation_size(%(table)s::regclass) + coalesce((SELECT sum(pg_total_relation_size(inhrelid))"
        f" FROM pg_inherits WHERE inhparent = %(table)s::regclass), 0), (SELECT count(*) FROM {table})",
        {"table": table},
    )
    return float(size) / count


def time_day(conn: Connection, channel_ids: list[int]) -> tuple[float, float]:
    """Store and refresh one more day of every channel; return the seconds of each."""
    began = time.perf_counter()
    count = store_days(conn, channel_ids, TODAY, 1, run_id=2)
    load_s = time.perf_counter() - began
    assert count == 96 * len(channel_ids)
    began = time.perf_counter()
    done = refresh_views(conn)
    refresh_s = time.perf_counter() - began
    assert (done.channels, done.hours) == (len(channel_ids), 24 * len(channel_ids))
    return load_s, refresh_s


def print_extrapolation(bytes_by_table: dict[str, float], load_s: float, refresh_s: float) -> None:
    """Print what the whole takes: rows and bytes after three years, minutes every night."""
    channel_days = WHOLE_SITES * CHANNELS_PER_SITE * 365 * YEARS
    total_bytes = 0.0
    for table, rows in ROWS_A_DAY.items():
        size = channel_days * rows * bytes_by_table[table]
        total_bytes += size
        print(f"  {table}: {channel_days * rows / 1e6:,.0f} million rows, {size / 1e9:,.0f} GB")
    factor = WHOLE_SITES / SITES
    print(f"  together {total_bytes / 1e9:,.0f} GB; a night's load {load_s * factor / 60:.1f} min without the service, "
          f"refresh {refresh_s * factor / 60:.1f} min")  # fmt: skip


def main() -> None:
    """Measure the sample, and print it and the whole."""
    with temporary_database() as url, db.connect(url) as conn:
        channel_ids = register_sites(conn, SITES)
        store_days(conn, channel_ids, TODAY - timedelta(days=HISTORY_DAYS), HISTORY_DAYS, run_id=1)
        refresh_views(conn)
        load_s, refresh_s = time_day(conn, channel_ids)
        conn.autocommit = True
        db.execute(conn, "VACUUM ANALYZE")
        bytes_by_table = {table: bytes_a_row(conn, table) for table in ROWS_A_DAY}
    readings = 96 * len(channel_ids)
    print(f"{SITES} sites × {CHANNELS_PER_SITE} channels, a day of {readings:,} readings on {HISTORY_DAYS} days: "
          f"load {load_s:.1f} s, refresh {refresh_s:.1f} s")  # fmt: skip
    print("bytes a row, with indexes: " + ", ".join(f"{table} {size:.0f}" for table, size in bytes_by_table.items()))
    print(f"{WHOLE_SITES:,} sites, {YEARS} years:")
    print_extrapolation(bytes_by_table, load_s, refresh_s)


if __name__ == "__main__":
    main()
