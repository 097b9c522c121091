"""Measure the analyses alone, data loaded, and how they grow with channels, baseline weeks, and a year of scores.

Run: .venv/bin/python tests/benchmarks/bench_analyze.py
Times are of the processor, the least of several runs, so that what else the machine does counts little. A site of
twice the channels is the sandbox's own with every channel twice; growth is told as time over that of the smallest, and
is linear where it is no larger than the factor beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from zoneinfo import ZoneInfo

import msgspec
import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import sandbox_process, temporary_database

from analyze.load.anomaly_scores import score_readings
from analyze.week import loading
from analyze.week.site_week import SiteContext, SiteWeek, analyze_site_week, baseline_before
from config.opening_hours import Schedule
from config.site_file import read_site
from config.thresholds import Thresholds
from govern.usage.refresh import refresh_views
from ingest.eniscope.client import EniscopeClient
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db, readings
from lib.date_utils import Window, align_down

SITE_ID = 23271
ROUNDS = 7
CHANNEL_FACTORS = (1, 2, 4)
BASELINE_WEEKS = (4, 8, 16)
_ID_STEP = 1_000_000  # between a channel and its copy


class Week(NamedTuple):
    """What `analyze_site_week` takes."""

    readings: pd.DataFrame
    meters: pd.DataFrame
    period: Window
    baseline: Window
    tz: ZoneInfo
    config: Thresholds
    schedule: Schedule
    context: SiteContext


def processor_seconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the least processor time that `work` takes."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def load_week(url: str, now: datetime, baseline_weeks: int | None = None) -> Week:
    """Return what the last complete week's analysis is called with, once its data are loaded."""
    said = read_site(SITE_ID)
    config = set_weeks(said.thresholds, baseline_weeks or said.thresholds.baseline.weeks)
    said = replace(said, file=msgspec.structs.replace(said.file, thresholds=config))
    loaded: list[Week] = []

    def keep_and_analyze(*arguments: Any) -> SiteWeek:
        loaded.append(Week(*arguments))
        return analyze_site_week(*arguments)

    with (
        db.connect(url, readonly=True) as conn,
        mock.patch.object(loading, "read_site", lambda _: said),
        mock.patch.object(loading, "analyze_site_week", keep_and_analyze),
    ):
        loading.load_week(conn, SITE_ID, None, None, None, now)
    return loaded[0]._replace(context=loaded[0].context._replace(intervals=None))  # the parts below are other frames


def set_weeks(config: Thresholds, weeks: int) -> Thresholds:
    """Return the thresholds with another number of baseline weeks."""
    return msgspec.structs.replace(config, baseline=msgspec.structs.replace(config.baseline, weeks=weeks))


def with_baseline(week: Week, weeks: int) -> Week:
    """Return the same week beside fewer weeks before it."""
    config = set_weeks(week.config, weeks)
    baseline = baseline_before(week.period, week.tz, config)
    rows = week.readings[week.readings["interval_start"] >= pd.Timestamp(baseline.start)]
    return week._replace(readings=rows, baseline=baseline, config=config)


def with_channels(week: Week, factor: int) -> Week:
    """Return the same week of a site with every channel `factor` times."""

    def widen(frame: pd.DataFrame | None) -> pd.DataFrame | None:
        if frame is None or "channel_id" not in frame:
            return frame
        ids = [name for name in ("channel_id", "parent_channel_id") if name in frame]
        copies = [frame.assign(**{name: frame[name] + n * _ID_STEP for name in ids}) for n in range(factor)]
        return pd.concat(copies, ignore_index=True)

    context = week.context
    wide = {name: widen(getattr(context, name)) for name in ("hourly", "electrical", "monthly", "resets")}
    return week._replace(
        readings=widen(week.readings), meters=widen(week.meters), context=context._replace(**wide)
    )  # fmt: skip


def fill(url: str, login: tuple[str, str, str, str], window: Window, channel_ids: list[int] | None = None) -> None:
    """Ingest a window of quarter-hours from the sandbox."""
    client = EniscopeClient(*login, requests_per_second=0)
    with db.connect(url) as conn:
        site = register(conn, client, SITE_ID, channel_ids)
        ingest_readings(conn, client, site, window, 900, workers=4)
        refresh_views(conn)
        conn.commit()
    client.close()


def print_growth(name: str, sizes: list[int], seconds: list[float]) -> None:
    """Print how the time grows with a size, both beside the smallest."""
    parts = (
        f"{size} {name}: {taken:.2f} s (× {taken / seconds[0]:.2f} for × {size / sizes[0]:g})"
        for size, taken in zip(sizes, seconds, strict=True)
    )
    print("; ".join(parts))


def measure_weeks(login: tuple[str, str, str, str], now: datetime) -> int:
    """Print the times of a site-week, and how they grow; return the id of one of its channels."""
    end = align_down(now, 900)
    with temporary_database() as url:
        fill(url, login, Window(end - timedelta(days=7 * (max(BASELINE_WEEKS) + 2)), end))
        week = load_week(url, now, max(BASELINE_WEEKS))
    usual = with_baseline(week, min(BASELINE_WEEKS))
    channels = int(usual.readings["channel_id"].nunique())
    taken = processor_seconds(lambda: analyze_site_week(*usual))
    print(f"all analyses of a site-week ({channels} channels with energy, 1 + 4 weeks), data loaded: {taken:.2f} s")
    wide = [with_channels(usual, factor) for factor in CHANNEL_FACTORS]
    seconds = [processor_seconds(lambda one=one: analyze_site_week(*one), 3) for one in wide]
    print_growth("channels", [channels * factor for factor in CHANNEL_FACTORS], seconds)
    long = [with_baseline(week, weeks) for weeks in BASELINE_WEEKS]
    seconds = [processor_seconds(lambda one=one: analyze_site_week(*one), 3) for one in long]
    print_growth("baseline weeks", list(BASELINE_WEEKS), seconds)
    return int(usual.readings["channel_id"].iloc[0])


def measure_scores(login: tuple[str, str, str, str], now: datetime, channel_id: int) -> None:
    """Print what scoring a year of quarter-hours of one channel takes, alone and as a process."""
    end = align_down(now, 86_400)
    window = Window(end - timedelta(days=365), end)
    script = str(_PROJECT_ROOT / "analyze" / "anomaly_detection.py")
    with temporary_database() as url, tempfile.TemporaryDirectory() as folder:
        fill(url, login, window, [channel_id])
        with db.connect(url, readonly=True) as conn:
            rows, meters = readings.load_readings(conn, SITE_ID, window), readings.load_meters(conn, SITE_ID)
            tz = ZoneInfo(readings.load_site(conn, SITE_ID).timezone)
        taken = processor_seconds(lambda: score_readings(rows, meters, tz, Thresholds()))
        command = [sys.executable, script, "--site", str(SITE_ID), "--scores", str(Path(folder) / "scores.csv")]
        command += ["--start", window.start.isoformat(), "--end", window.end.isoformat()]
        began = time.perf_counter()
        subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=True, capture_output=True)
        whole = time.perf_counter() - began
    print(f"scores of a year ({len(rows):,} quarter-hours of one channel): {taken:.2f} s; whole process: {whole:.2f} s")


def main() -> None:
    """Measure both against a sandbox of its own."""
    now = datetime.now(UTC)
    with sandbox_process() as login:
        measure_scores(login, now, measure_weeks(login, now))


if __name__ == "__main__":
    main()
