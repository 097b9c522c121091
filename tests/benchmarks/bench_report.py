"""Measure the weekly report as a whole process against the least that any report could cost.

Run: .venv/bin/python tests/benchmarks/bench_report.py
The floor is a process that imports pandas and psycopg2 and fetches the same rows by COPY. Both run in turn, so that a
slow moment of the machine hits both; the ratio is the median over the pairs. `bench_analyze.py` times the analyses
alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import sandbox_process, temporary_database

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.usage.refresh import refresh_views
from ingest.eniscope.client import EniscopeClient
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window, align_down, resolve_period

SITE_ID = 23271
ROUNDS = 9
FLOOR = """
import io, sys
import pandas, psycopg2
conn = psycopg2.connect(sys.argv[1])
buffer = io.BytesIO()
with conn.cursor() as cursor:
    cursor.copy_expert(
        "COPY (SELECT meter_id, extract(epoch FROM timestamp)::bigint, interval_s, energy_kwh, power_kw"
        " FROM v_readings_enriched WHERE site_id = 23271 AND timestamp >= '%s' AND timestamp < '%s')"
        " TO STDOUT (FORMAT csv)" % (sys.argv[2], sys.argv[3]), buffer)
buffer.seek(0)
print(len(pandas.read_csv(buffer, header=None)))
"""


def seconds_of(command: list[str], url: str) -> tuple[float, str]:
    """Return how long a command takes as a process, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def main() -> None:
    """Fill a database from the sandbox, then time both processes in turn."""
    now = datetime.now(UTC)
    end = align_down(now, 900)
    with temporary_database() as url, sandbox_process() as (api_url, *login):
        client = EniscopeClient(api_url, *login, requests_per_second=0)
        with db.connect(url) as conn:
            site = register(conn, client, SITE_ID)
            ingest_readings(conn, client, site, Window(end - timedelta(days=45), end), 900, workers=4)
            refresh_views(conn)
            validate_site(conn, SITE_ID, read_checks())
            conn.commit()
        client.close()
        period = resolve_period(None, None, site.timezone, now)
        start, end_of_period = (period.start - timedelta(days=28)).isoformat(), period.end.isoformat()
        with tempfile.TemporaryDirectory() as folder:
            out = str(Path(folder) / "report.json")
            script = str(_PROJECT_ROOT / "deliver" / "generate_weekly_report.py")
            floor = [sys.executable, "-c", FLOOR, url, start, end_of_period]
            report = [sys.executable, script, "--site", str(SITE_ID), "--out", out]
            pairs = [(seconds_of(report, url)[0], *seconds_of(floor, url)) for _ in range(ROUNDS)]
    report_s, floor_s = (statistics.median(column) for column in list(zip(*pairs, strict=True))[:2])
    ratio = statistics.median(a / b for a, b, _ in pairs)
    print(f"weekly report: {report_s:.2f} s; floor ({pairs[0][2].strip()} rows fetched): {floor_s:.2f} s; "
          f"ratio {ratio:.2f} (median of {ROUNDS} pairs)")  # fmt: skip


if __name__ == "__main__":
    main()
