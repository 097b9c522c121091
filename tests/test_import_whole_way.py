"""Interval files of months: in parts, killed in the middle, and measured ones as far as the report."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from file_import import FILE_SITE_ID, LONG_HEADER, ZONE, Import, long_lines, quarters, stored, write
from measured_hours import measured_file, office, steel_plant
from pipeline import check_energy_in_every_layer, govern, report_of

from config.site_file import FileMapping
from ingest.files import interval_file
from ingest.files.source import open_source
from lib import db
from lib.date_utils import last_complete_week, local_day_window, parse_timezone
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def test_memory_does_not_grow_with_the_file_and_chunks_change_nothing(
    conn: Connection, importer: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = pd.date_range("2025-10-20", "2025-11-10", freq="15min", tz=ZONE, inclusive="left")
    lines = [
        LONG_HEADER,
        *(f"{name},{start:%Y-%m-%d %H:%M},{n / 16}" for n, start in enumerate(starts) for name in "AB"),
    ]
    path = write(tmp_path / "long.csv", lines)
    # The eighth cut would lie just between the two passes of the repeated hour: 2 × (13 × 96 + 8) rows.
    monkeypatch.setattr(interval_file, "CHUNK_CELLS", 3 * 314)
    assert importer("--timezone", ZONE, "--no-register", path) == 0
    expected = {
        (name, start.tz_convert("UTC").strftime("%m-%d %H:%M")): (n / 16,)
        for n, start in enumerate(starts)
        for name in "AB"
    }
    assert stored(conn) == expected

    def peak_bytes(days: int) -> int:
        moments = quarters("2025-01-01", 96 * days)
        source = open_source(write(tmp_path / "peak.csv", long_lines("ABCD", moments)), FileMapping())
        tracemalloc.start()
        for _ in source.read(parse_timezone(ZONE), datetime(2026, 1, 1, tzinfo=UTC).timestamp()):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    monkeypatch.setattr(interval_file, "CHUNK_CELLS", 3 * 3_000)
    assert peak_bytes(60) < 1.4 * peak_bytes(30)


@pytest.mark.slow
def test_import_that_was_killed_is_made_up_for_by_the_next(
    conn: Connection, database_url: str, tmp_path: Path, importer: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = [f"RTU {number}" for number in range(30)]
    path = write(tmp_path / "big.csv", long_lines(channels, quarters("2026-01-01", 96 * 20)))
    environment = os.environ | {"DATABASE_URL": database_url, "ENISCOPE_LEASE_SECONDS": "0.5"}
    command = [
        sys.executable,
        str(PROJECT_ROOT / "ingest/import_csv.py"),
        "--site",
        str(FILE_SITE_ID),
        "--timezone",
        ZONE,
    ]
    conn.autocommit = True
    with subprocess.Popen([*command, str(path)], env=environment, stderr=subprocess.DEVNULL) as process:
        query = "SELECT count(*) FROM ingestion_logs WHERE status = 'done' AND channel_id <> 0"
        while process.poll() is None and db.fetch_one(conn, query) < (2,):
            time.sleep(0.01)
        process.kill()
    (done,) = db.fetch_one(conn, query) or (0,)
    assert 2 <= done < len(channels), "killed in the middle"
    # The last day comes with the next part; each channel's part is there whole or not at all.
    counts = db.fetch_all(conn, "SELECT DISTINCT count(*) FROM readings GROUP BY channel_id")
    assert counts == [(96 * 19,)]
    monkeypatch.setenv("ENISCOPE_LEASE_SECONDS", "0.5")
    assert importer(path) == 0
    assert db.fetch_all(conn, "SELECT count(*), sum(energy_kwh) FROM readings") == [(30 * 1920, 30 * 1920 * 1.5)]
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE status = 'running'") == [(0,)]


@pytest.mark.parametrize(
    ("name", "args", "load", "now"),
    [
        # Pacific Standard Time all year; the week of the report holds the change to summer time.
        pytest.param(
            "b59_office_15min.csv.gz",
            ["--timezone", "America/Los_Angeles", "--clock", "Etc/GMT+8"],
            office,
            datetime(2019, 3, 13, 12, tzinfo=UTC),
            id="office",
        ),
        pytest.param(
            "steel_plant_15min.csv.gz",
            ["--timezone", "Asia/Seoul"],
            steel_plant,
            datetime(2018, 6, 20, 12, tzinfo=UTC),
            id="steel plant",
        ),
    ],
)
@pytest.mark.slow
def test_measured_file_goes_the_whole_way(
    conn: Connection,
    importer: Import,
    tmp_path: Path,
    name: str,
    args: list[str],
    load: Callable[[], tuple[pd.DataFrame, str]],
    now: datetime,
) -> None:
    measured, zone = load()
    # The file as it would have been at `now`: validation looks at the last days imported.
    raw = pd.read_csv(measured_file(name), dtype=str)
    is_known = (measured["start"] < now) & (measured["start"] >= now - timedelta(days=80))
    path = tmp_path / "building.csv"
    raw[is_known].to_csv(path, index=False)
    assert importer(*args, path) == 0
    known = measured[is_known & (measured["start"].dt.minute % 15 == 0)]
    assert sum(kwh for (kwh,) in stored(conn).values()) == pytest.approx(known["energy_kwh"].sum(), abs=1e-3)

    assert govern(conn, FILE_SITE_ID) == "closed"
    report = report_of(conn, now, FILE_SITE_ID)
    assert report["metadata"]["dataSource"] == {"kind": "file", "note": "Readings imported from interval files."}
    assert report["metadata"]["dataResolution"] == "900s (15min)"
    week = local_day_window(*last_complete_week(now, ZoneInfo(zone)), ZoneInfo(zone))
    of_week = known[(known["start"] >= week.start) & (known["start"] < week.end)]
    assert report["consumption"]["totalKwh"] == pytest.approx(of_week["energy_kwh"].sum(), abs=1e-3)
    check_energy_in_every_layer(conn, report, sound_meters=1)
