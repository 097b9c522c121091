"""Measure the ingest: end to end from the sandbox, and its load step against a bare COPY of the same rows.

Run: .venv/bin/python tests/benchmarks/bench_ingest.py
Prints readings a second for 17 channels × 90 days of quarter-hours, cold (the sandbox still has to make the readings
up) and warm, and the ratio of bare COPY time to load time, both measured in this run.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests" / "benchmarks")]

import numpy as np
import pandas as pd
from bench_setup import sandbox_process, temporary_database

from ingest import store
from ingest.eniscope_client import EniscopeClient
from ingest.fetch import fetch_channel
from ingest.load_site import ingest_readings, register
from ingest.normalize import METER_FIELDS
from lib import db
from lib.date_utils import Window, align_down

SITE_ID = 23271
DAYS = 90
ROUNDS = 5


def bench_end_to_end(client: EniscopeClient, window: Window) -> None:
    """Print readings a second of whole runs into empty databases."""
    for title in ("cold sandbox", "warm sandbox", "warm sandbox"):
        with temporary_database() as url, db.connect(url) as conn:
            began = time.perf_counter()
            site = register(conn, client, SITE_ID)
            summary = ingest_readings(conn, client, site, window, 900, workers=4)
            seconds = time.perf_counter() - began
        assert summary.inserted == summary.fetched - summary.rejected
        print(f"end to end, {title}: {summary.fetched:,} readings, {len(METER_FIELDS)} fields, "
              f"{seconds:.2f} s, {summary.fetched / seconds:,.0f} readings/s")  # fmt: skip


def bench_load(client: EniscopeClient, window: Window) -> None:
    """Print how the load step compares with a bare COPY of the same rows into the same table."""
    with temporary_database() as url, db.connect(url) as conn:
        site = register(conn, client, SITE_ID)
        part = Window(window.start, window.start + timedelta(days=30))
        frames = {
            channel["channel_id"]: fetch_channel(client, channel["channel_id"], part, 900, [METER_FIELDS]).rows
            for channel in site.channels
            if channel["is_metering_point"]
        }
        frames = {key: rows for key, rows in frames.items() if len(rows)}
        count = sum(map(len, frames.values()))
        store.insert_readings(conn, 0, 900, 0, next(iter(frames.values())))  # makes the partitions
        conn.commit()
        loads, copies = [], []
        for _ in range(ROUNDS):
            db.execute(conn, "TRUNCATE readings")
            conn.commit()
            began = time.perf_counter()
            for key, rows in frames.items():
                assert store.insert_readings(conn, key, 900, 1, rows) == len(rows)
                conn.commit()
            loads.append(time.perf_counter() - began)
            db.execute(conn, "TRUNCATE readings")
            conn.commit()
            buffers = [bare_copy_text(key, rows) for key, rows in frames.items()]
            began = time.perf_counter()
            for columns, buffer in buffers:
                with conn.cursor() as cursor:
                    cursor.copy_expert(f"COPY readings ({columns}) FROM STDIN (FORMAT csv)", io.StringIO(buffer))
                conn.commit()
            copies.append(time.perf_counter() - began)
    load, copy = statistics.median(loads), statistics.median(copies)
    print(f"load step: {count:,} rows in {load:.2f} s; bare COPY (csv, made beforehand) in {copy:.2f} s; "
          f"load runs at {copy / load:.2f} × the bare COPY's rate (median of {ROUNDS})")  # fmt: skip


def bare_copy_text(channel_id: int, rows: pd.DataFrame) -> tuple[str, str]:
    """Return the columns and the CSV of the same rows as `readings` holds them."""
    moments = pd.to_datetime(rows["timestamp"], unit="s", utc=True).astype(str)
    whole = rows.assign(timestamp=moments, channel_id=channel_id, interval_s=np.int64(900), ingest_run_id=np.int64(1))
    return ", ".join(whole.columns), whole.to_csv(index=False, header=False)


def main() -> None:
    """Run both benchmarks against one sandbox."""
    end = align_down(datetime.now(UTC), 900)
    window = Window(end - timedelta(days=DAYS), end)
    with sandbox_process() as (url, key, email, password):
        client = EniscopeClient(url, key, email, password, requests_per_second=0)
        bench_end_to_end(client, window)
        bench_load(client, window)
        client.close()


if __name__ == "__main__":
    main()
