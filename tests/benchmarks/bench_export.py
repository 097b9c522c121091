"""Measure the export of a million readings as CSV: whole process, against the bare COPY of the same query.

Run: .venv/bin/python tests/benchmarks/bench_export.py
Peak memory is that of the export's process, for a tenth of the rows and for all of them: flat means the same.
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

import numpy as np
import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import temporary_database

from deliver.export_for_tableau import QUERIES_DIR
from deliver.files.tableau import FORMULA_START
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.usage.refresh import refresh_views
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window

SITE_ID, CHANNELS, DAYS, ROUNDS = 23271, 17, 613, 5
SCRIPT = _PROJECT_ROOT / "deliver" / "export_for_tableau.py"
# Runs its arguments and prints the peak memory of the process [KiB].
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def fill(url: str, window: Window) -> None:
    """Store a site of `CHANNELS` meters, its readings over the window, and a verdict that lets them pass."""
    organization = {"organization_id": SITE_ID, "name": "Bench", "timezone": "America/New_York"}
    meters = range(1, CHANNELS + 1)
    channels = [{"channel_id": key, "organization_id": SITE_ID, "name": f"meter {key}"} for key in meters]
    stamps = np.arange(int(window.start.timestamp()), int(window.end.timestamp()), 900)
    noise = np.random.default_rng(1)
    with db.connect(url) as conn:
        sites.register_site(conn, organization, [], channels, "eniscope")
        run_id = attempts.start_run(conn, SITE_ID)
        for key in meters:
            sites.save_fields(conn, key, ("E", "P"))
            power = 5 + noise.random(stamps.size)
            rows = pd.DataFrame(
                {"timestamp": stamps, "energy_kwh": power / 4, "power_kw": power, "voltage_v": 120 + power}
            )
            attempt = attempts.Attempt(run_id, SITE_ID, key, window, 900, "eniscope")
            log_id = attempts.start_attempt(conn, attempt)
            readings.insert_readings(conn, SITE_ID, key, 900, run_id, rows)
            attempts.finish_attempt(
                conn, attempt, log_id, attempts.STATUS_DONE, fetched=stamps.size, inserted=stamps.size
            )
        conn.commit()
        refresh_views(conn)
        validate_site(conn, SITE_ID, read_checks())
        conn.commit()


def export(url: str, days: int, folder: str) -> tuple[float, int]:
    """Return seconds and peak memory [MiB] of one export."""
    command = [sys.executable, str(SCRIPT), "--site", str(SITE_ID), "--days", str(days), "--out", folder]
    began = time.perf_counter()
    environment = os.environ | {"DATABASE_URL": url}
    command = [sys.executable, "-c", MEASURE, *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout.split()[-1]) // 1024


def bare_copy(url: str, window: Window) -> float:
    """Return the seconds of the readings' query alone, its rows thrown away."""
    query = (QUERIES_DIR / "tableau_readings.sql").read_text(encoding="utf-8")
    params = {"site_id": SITE_ID, "start": window.start, "end": window.end, "formula": FORMULA_START}
    with db.connect(url, readonly=True) as conn, Path(os.devnull).open("wb") as sink:
        began = time.perf_counter()
        db.copy_out(conn, query, params, sink)
        return time.perf_counter() - began


def main() -> None:
    """Fill a database, then time both in turn."""
    midnight = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    window = Window(midnight - timedelta(days=DAYS), midnight)
    with temporary_database() as url, tempfile.TemporaryDirectory() as folder:
        fill(url, window)
        pairs = [(*export(url, DAYS, folder), bare_copy(url, window)) for _ in range(ROUNDS)]
        rows = sum(1 for _ in (Path(folder) / "tableau_readings.csv").open("rb")) - 1
        _, tenth_mib = export(url, DAYS // 10, folder)
    seconds, peak_mib, copy_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{rows:,} readings as CSV, all four files: {seconds:.2f} s; the bare COPY of the readings: {copy_s:.2f} s "
          f"(medians of {ROUNDS})")  # fmt: skip
    print(f"peak memory {peak_mib} MiB; with a tenth of the days {tenth_mib} MiB")


if __name__ == "__main__":
    main()
