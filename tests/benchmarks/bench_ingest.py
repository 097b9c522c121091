"""Measure the ingest: end to end, its load step against a bare COPY, its pace against the limit, its memory.

Run: .venv/bin/python tests/benchmarks/bench_ingest.py [PART…]        (parts: rate load pace memory; default: all)

rate    readings a second for 17 channels × 90 days of quarter-hours from the sandbox, which runs on the same cores,
        of the wall clock and of the processor time of ingest, sandbox and database together
load    the load step's rate, as a ratio of the rate of a bare COPY of the same rows into the same table
pace    a run against a sandbox with 200 ms latency, as a ratio of the time that the pacing limit itself takes
memory  peak memory of the script for 90 days and for 5 years of 17 channels, from a stub of the service
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

import numpy as np
import pandas as pd
import psutil
from benchmarks.bench_setup import CREDENTIALS, sandbox_process, temporary_database
from psycopg2.extensions import connection as Connection

from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.fetch import fetch_channel
from ingest.eniscope.field_sets import FieldAsks
from ingest.eniscope.normalize import METER_FIELDS
from ingest.runs.load_site import IngestSummary, ingest_readings
from ingest.runs.registration import register
from ingest.storage import readings, sites
from lib import db
from lib.date_utils import Window, align_down

SITE_ID = 23271
DAYS = 90
FIVE_YEARS_DAYS = 1826
ROUNDS = 7
WORKERS = 4
TEN_FIELDS = METER_FIELDS[:10]


def last_days(days: int) -> Window:
    """Return the window of `days` days that ends now."""
    end = align_down(datetime.now(UTC), 900)
    return Window(end - timedelta(days=days), end)


def run_once(
    conn: Connection, client: EniscopeClient, fields: tuple[str, ...], window: Window, workers: int = WORKERS
) -> IngestSummary:
    """Ingest into an empty database, asking the meters for `fields`."""
    site = register(conn, client, SITE_ID)
    for channel in site.channels:
        if channel["is_metering_point"]:
            sites.save_fields(conn, channel["channel_id"], fields)
    conn.commit()
    return ingest_readings(conn, client, site, window, 900, workers)


def bench_rate() -> None:
    """Print readings a second of whole runs into empty databases, and how busy the loading thread was."""
    with sandbox_process() as (url, *login), temporary_database() as database_url:
        for fields, title in ((METER_FIELDS, "cold sandbox"), (METER_FIELDS, "warm"), *[(TEN_FIELDS, "warm")] * 3):
            client = EniscopeClient(url, *login, requests_per_second=0)
            with db.connect(database_url) as conn, load_time() as load_s:
                db.execute(conn, "TRUNCATE readings, channels, channel_sites, ingestion_logs")
                conn.commit()
                began, cpu_began = time.perf_counter(), cpu_time(conn)
                summary = run_once(conn, client, fields, last_days(DAYS))
                seconds, cpu_s = time.perf_counter() - began, cpu_time(conn) - cpu_began
            client.close()
            assert summary.inserted == summary.fetched - summary.rejected - summary.empty
            print(
                f"end to end, {title}: {summary.fetched:,} readings, {len(fields)} fields, {seconds:.2f} s, "
                f"{summary.fetched / seconds:,.0f} readings/s; loading took {sum(load_s) / seconds:.0%} of the time; "
                f"{cpu_s:.2f} s of processor time in all, {summary.fetched / cpu_s:,.0f} readings a second of it"
            )


def cpu_time(conn: Connection) -> float:
    """Return the processor time [s] that ingest, sandbox and database server took so far.

    On a machine that others use too it says more than the clock on the wall does.
    """
    ((backend_id,),) = db.fetch_all(conn, "SELECT pg_backend_pid()")
    server = psutil.Process(backend_id).parent()
    me = psutil.Process()
    processes = [me, *me.children(recursive=True), server, *server.children()]
    return sum(sum(process.cpu_times()[:2]) for process in {process.pid: process for process in processes}.values())


@contextmanager
def load_time() -> Iterator[list[float]]:
    """Yield a list of the seconds that each load takes within the block."""
    seconds: list[float] = []
    insert = readings.insert_readings

    def timed(*args: object) -> readings.Stored:
        began = time.perf_counter()
        try:
            return insert(*args)
        finally:
            seconds.append(time.perf_counter() - began)

    readings.insert_readings = timed
    try:
        yield seconds
    finally:
        readings.insert_readings = insert


def bench_load() -> None:
    """Print how the load step compares with a bare COPY of the same rows into the same table."""
    with sandbox_process() as (url, *login), temporary_database() as database_url, db.connect(database_url) as conn:
        client = EniscopeClient(url, *login, requests_per_second=0)
        site = register(conn, client, SITE_ID)
        meters = [channel["channel_id"] for channel in site.channels if channel["is_metering_point"]]
        for fields in (TEN_FIELDS, METER_FIELDS):
            fetched = {
                key: fetch_channel(client, key, last_days(30), 900, FieldAsks((fields,), fields, True)).rows
                for key in meters
            }
            compare_load(conn, {key: rows for key, rows in fetched.items() if len(rows)}, len(fields))
        client.close()


def compare_load(conn: Connection, frames: dict[int, pd.DataFrame], field_count: int) -> None:
    """Load and copy the same rows by turns, a transaction for each channel; print the ratios of the medians."""
    count = sum(map(len, frames.values()))
    readings.insert_readings(conn, SITE_ID, 0, 900, 0, next(iter(frames.values())))  # makes the partitions
    conn.commit()
    buffers = [bare_copy_text(key, rows) for key, rows in frames.items()]
    copies, loads, repeats = [], [], []
    for _ in range(ROUNDS):
        copies.append(timed_after_truncate(conn, lambda: [bare_copy(conn, *buffer) for buffer in buffers]))
        loads.append(timed_after_truncate(conn, lambda: [load(conn, key, rows) for key, rows in frames.items()]))
        began = time.perf_counter()
        assert sum(load(conn, key, rows) for key, rows in frames.items()) == 0
        repeats.append(time.perf_counter() - began)
    copy, first, again = map(statistics.median, (copies, loads, repeats))
    print(
        f"load step, {field_count} fields: {count:,} rows in {first:.2f} s, {copy / first:.2f} × the rate of a bare "
        f"COPY ({copy:.2f} s, from CSV made beforehand); all of them again in {again:.2f} s (medians of {ROUNDS})"
    )


def timed_after_truncate(conn: Connection, work: Callable[[], object]) -> float:
    """Return how long `work` takes on an empty table."""
    db.execute(conn, "TRUNCATE readings")
    conn.commit()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def load(conn: Connection, channel_id: int, rows: pd.DataFrame) -> int:
    """Load as the ingest does; return how many rows were new."""
    inserted = readings.insert_readings(conn, SITE_ID, channel_id, 900, 1, rows).inserted
    conn.commit()
    return inserted


def bare_copy(conn: Connection, columns: str, text: str) -> None:
    """Copy text into the table, and nothing else."""
    with conn.cursor() as cursor:
        cursor.copy_expert(f"COPY readings ({columns}) FROM STDIN (FORMAT csv)", io.StringIO(text))
    conn.commit()


def bare_copy_text(channel_id: int, rows: pd.DataFrame) -> tuple[str, str]:
    """Return the columns and the CSV of the same rows as `readings` holds them."""
    moments = pd.to_datetime(rows["timestamp"], unit="s", utc=True).astype(str)
    whole = rows.assign(
        timestamp=moments, channel_id=channel_id, organization_id=SITE_ID, interval_s=np.int64(900),
        ingest_run_id=np.int64(1),
    )  # fmt: skip
    return ", ".join(whole.columns), whole.to_csv(index=False, header=False)


def bench_pace() -> None:
    """Print how long a run takes against a service with 200 ms latency, and what the limit alone would take."""
    with sandbox_process("--latency-ms", "200") as (url, *login), temporary_database() as database_url:
        for rate, workers in ((2.0, WORKERS), (5.0, WORKERS), (10.0, 2 * WORKERS)):
            client = EniscopeClient(url, *login, requests_per_second=rate)
            turns = count_turns(client)
            with db.connect(database_url) as conn:
                db.execute(conn, "TRUNCATE readings, ingestion_logs")
                began = time.perf_counter()
                run_once(conn, client, TEN_FIELDS, last_days(DAYS), workers)
                seconds = time.perf_counter() - began
            client.close()
            allowed = len(turns) / rate
            print(
                f"pace, 200 ms latency, {workers} workers, {rate:g} requests/s: {len(turns)} requests in "
                f"{seconds:.1f} s, {seconds / allowed:.2f} × the {allowed:.1f} s that the limit takes"
            )


def count_turns(client: EniscopeClient) -> list[float]:
    """Return a list that grows with each request of the client."""
    turns: list[float] = []
    wait = client._pacer.wait

    def counted() -> float:
        turns.append(wait())
        return turns[-1]

    client._pacer.wait = counted
    return turns


def bench_memory() -> None:
    """Print the peak memory of the script for a short and a long backfill from the stub."""
    peaks = []
    with stub_process() as url, temporary_database() as database_url:
        for days in (DAYS, FIVE_YEARS_DAYS):
            with db.connect(database_url) as conn:
                db.execute(conn, "TRUNCATE readings, channels, channel_sites, ingestion_logs")
                conn.commit()
            peak_mb, line = run_script(url, database_url, days)
            peaks.append(peak_mb)
            print(f"memory, {days} days of 17 channels from the stub: peak {peak_mb:.0f} MB; {line}")
    print(f"memory, five years against {DAYS} days: {peaks[1] / peaks[0]:.2f} ×")


def run_script(url: str, database_url: str, days: int) -> tuple[float, str]:
    """Run the ingest script; return its peak resident memory [MB] and the first line that it prints."""
    names = ("ENISCOPE_API_KEY", "ENISCOPE_EMAIL", "ENISCOPE_PASSWORD")
    settings = {"DATABASE_URL": database_url, "ENISCOPE_API_URL": url, "ENISCOPE_REQUESTS_PER_SECOND": "0"}
    script = [sys.executable, str(_PROJECT_ROOT / "ingest" / "ingest_to_postgres.py"), "--days", str(days)]
    process = subprocess.Popen(
        script,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull}
        | settings
        | dict(zip(names, CREDENTIALS, strict=True)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    return usage.ru_maxrss / 1024, output.splitlines()[0]


@contextmanager
def stub_process() -> Iterator[str]:
    """Yield the URL of a stub of the service."""
    stub = Path(__file__).resolve().parent / "stub_service.py"
    process = subprocess.Popen([sys.executable, str(stub)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


PARTS = {"rate": bench_rate, "load": bench_load, "pace": bench_pace, "memory": bench_memory}


def main(names: Sequence[str]) -> None:
    """Run the parts that are named, or all."""
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
