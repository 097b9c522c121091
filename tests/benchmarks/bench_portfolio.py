"""Measure a night and a Monday of many sites, and whether they grow as the sites do.

Run: .venv/bin/python tests/benchmarks/bench_portfolio.py [SITES …]      (default: 50 200)
One site of the sandbox (17 channels, six weeks of quarter-hours) is copied under other ids. Then, for each number of
sites: the night's refresh of one more day of each channel, the validation of all sites, and the reports of Monday, also
with page and PDF. The project's own scripts do it, on all cores. Printed are the wall clock, the processor time of
the scripts for each site, and their largest process.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import sandbox_process, temporary_database
from site_crowd import copy_site

from govern.usage.refresh import refresh_views
from ingest.eniscope.client import EniscopeClient
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window, align_down

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITE_ID = 23271
DAYS = 42
WHOLE_SITES = 2_000
ROOMS = ("analyze", "config", "deliver", "govern", "lib")


class Taken(NamedTuple):
    """What a script took: wall clock and processor time [s]."""

    wall_s: float
    cpu_s: float


def store_site(conn: Connection, end: datetime) -> None:
    """Fetch six weeks of the sandbox's site."""
    with sandbox_process() as (api_url, *login):
        client = EniscopeClient(api_url, *login, requests_per_second=0)
        site = register(conn, client, SITE_ID)
        ingest_readings(conn, client, site, Window(end - timedelta(days=DAYS), end), 900, workers=4)
        client.close()
    conn.commit()


def run(root: Path, url: str, script: str, *arguments: str) -> Taken:
    """Run a script of the copy and return what it took; what it holds back or finds is no failure."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, str(root / script), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"{script} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(time.perf_counter() - began, cpu_s)


def queue_last_day(conn: Connection, end: datetime) -> None:
    """Say of every channel that its last day changed, as a night's load does."""
    db.execute(
        conn,
        "INSERT INTO usage_queue (channel_id, first_at, last_at) SELECT channel_id, %s, %s FROM channel_sites",
        (end - timedelta(days=1), end - timedelta(minutes=15)),
    )
    conn.commit()


def measure(sites: int, root: Path, end: datetime) -> None:
    """Make so many sites, and print what a night and a Monday of them take."""
    with temporary_database() as url:
        with db.connect(url) as conn:
            store_site(conn, end)
            copy_site(conn, sites - 1)
            refresh_views(conn)
            conn.commit()
            conn.autocommit = True
            db.execute(conn, "VACUUM ANALYZE")
            conn.autocommit = False
            queue_last_day(conn, end)
        tasks = {
            "refresh of a day": ("govern/refresh_views.py",),
            "validation of all": ("govern/validate_data.py", "--all"),
            "weekly reports, JSON": ("deliver/generate_weekly_report.py", "--all"),
            "the same with page and PDF": ("deliver/generate_weekly_report.py", "--all", "--html", "--pdf"),
        }
        for name, command in tasks.items():
            shutil.rmtree(root / "reports", ignore_errors=True)
            taken = run(root, url, *command)
            print(f"{sites} sites, {name}: {taken.wall_s:.1f} s, {taken.wall_s / sites:.2f} s a site "
                  f"({taken.cpu_s / sites:.2f} s of the scripts' processor time); "
                  f"{WHOLE_SITES:,} sites: {taken.wall_s * WHOLE_SITES / sites / 60:.0f} min", flush=True)  # fmt: skip
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{sites} sites: the largest process so far took {largest:.0f} MB", flush=True)


def main() -> None:
    """Measure each number of sites."""
    counts = [int(word) for word in sys.argv[1:]] or [50, 200]
    end = align_down(datetime.now(UTC), 900)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for room in ROOMS:  # a copy, whose reports are its own
            shutil.copytree(_PROJECT_ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
        for count in counts:
            measure(count, root, end)


if __name__ == "__main__":
    main()
