"""Hourly intervals of zones that are half an hour, or three quarters, from UTC: as parts that lie in one UTC hour."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from file_import import LONG_HEADER, Import, rejects_of, stored, write
from pipeline import govern

from ingest.files.local_grid import is_off_grid, part_length_s, split_intervals
from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW_S = 1_780_000_000.0  # 2026-05-28


@pytest.mark.parametrize(
    ("zone", "interval_s", "part_s"),
    [
        ("America/New_York", 3600, 3600), ("Etc/GMT+8", 3600, 3600), ("UTC", 900, 900),
        ("Asia/Kolkata", 3600, 1800), ("Asia/Kolkata", 1800, 1800), ("Asia/Kolkata", 900, 900),
        ("Australia/Adelaide", 3600, 1800), ("America/St_Johns", 3600, 1800),
        ("Asia/Kathmandu", 3600, 900), ("Asia/Kathmandu", 1800, 900), ("Asia/Kathmandu", 300, 300),
        ("Australia/Lord_Howe", 3600, 1800),  # +10:30 in winter, +11 in summer
    ],
)  # fmt: skip
def test_part_fits_the_zone_and_utc(zone: str, interval_s: int, part_s: int) -> None:
    assert part_length_s(ZoneInfo(zone), interval_s, NOW_S) == part_s


def test_grid_is_that_of_the_wall_clock_and_of_utc_where_the_time_has_an_offset() -> None:
    kolkata, hour = ZoneInfo("Asia/Kolkata"), 3600
    starts = np.array([1800.0, 3600.0, 2700.0, math.nan])  # 05:30 UTC and the like start an hour there
    assert is_off_grid(starts, hour, kolkata, np.ones(4, dtype=bool)).tolist() == [False, True, True, False]
    assert is_off_grid(starts, hour, kolkata, np.zeros(4, dtype=bool)).tolist() == [False, False, True, False]
    assert is_off_grid(starts, 900, kolkata, np.ones(4, dtype=bool)).tolist() == [False] * 4
    new_york = is_off_grid(starts, hour, ZoneInfo("America/New_York"), np.zeros(4, dtype=bool))
    assert new_york.tolist() == [True, False, True, False]


def test_parts_share_the_energy_and_keep_the_rest() -> None:
    rows = pd.DataFrame({"timestamp": [1800, 9000], "energy_kwh": [3.0, math.nan], "power_kw": [3.0, 5.0]})
    parts = split_intervals(rows, 3600, 1800)
    expected = {
        "timestamp": [1800, 3600, 9000, 10_800],
        "energy_kwh": [1.5, 1.5, math.nan, math.nan],
        "power_kw": [3.0, 3.0, 5.0, 5.0],
    }
    pd.testing.assert_frame_equal(parts, pd.DataFrame(expected))
    assert split_intervals(rows, 3600, 3600) is rows


def hourly_lines(zone: str, first: str, last: str) -> tuple[list[str], pd.DatetimeIndex]:
    """Return a file of every hour on the wall clock; the energy counts up."""
    starts = pd.date_range(first, last, freq="h", tz=zone, inclusive="left")
    return [LONG_HEADER, *(f"Main,{t:%Y-%m-%d %H:%M},{n}" for n, t in enumerate(starts))], starts


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("Asia/Kolkata", "2026-01-19", "2026-02-02", 14 * 24),
        ("Australia/Adelaide", "2025-09-29", "2025-10-13", 14 * 24 - 1),  # summer time begins on 5 October
        ("Australia/Adelaide", "2026-03-30", "2026-04-13", 14 * 24 + 1),  # and ends on 5 April
        ("Asia/Kathmandu", "2026-01-19", "2026-02-02", 14 * 24),
    ],
    ids=["Kolkata", "Adelaide, spring", "Adelaide, autumn", "Kathmandu"],
)
def test_hours_of_the_wall_clock_arrive_where_they_belong(
    conn: Connection, importer: Import, tmp_path: Path, zone: str, first: str, last: str, hours: int
) -> None:
    lines, starts = hourly_lines(zone, first, last)
    assert len(starts) == hours
    path = write(tmp_path / "hours.csv", lines)
    assert importer("--timezone", zone, "--no-register", path) == 0
    assert importer("--no-register", path) == 0, "importing again repeats nothing"
    part_s = part_length_s(ZoneInfo(zone), 3600, NOW_S)
    count = 3600 // part_s
    moments = [start + pd.Timedelta(seconds=k * part_s) for start in starts for k in range(count)]
    expected = {
        ("Main", moment.tz_convert("UTC").strftime("%m-%d %H:%M")): (n // count / count, float(n // count), part_s)
        for n, moment in enumerate(moments)
    }
    assert stored(conn, "energy_kwh, power_kw, interval_s") == expected

    assert govern(conn, 900_001) == "closed"
    daily = db.fetch_all(conn, "SELECT local_date::text, total_kwh FROM v_readings_daily ORDER BY 1")
    by_day = pd.Series(range(hours), index=starts).groupby(starts.strftime("%Y-%m-%d")).sum()
    assert daily == [(day, pytest.approx(total)) for day, total in by_day.items()]
    assert db.fetch_all(conn, "SELECT status, sum(fetched), sum(inserted), sum(duplicate), sum(rejected)"
        " FROM ingestion_logs WHERE channel_id <> 0 GROUP BY status") == [
        ("done", 2 * hours * count, hours * count, hours * count, 0)
    ]  # fmt: skip


def test_hour_beside_the_grid_is_listed_once(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, _ = hourly_lines("Asia/Kolkata", "2026-01-19", "2026-01-21")
    path = write(tmp_path / "hours.csv", [*lines, "Main,2026-01-20 05:00,9", "Main,2026-01-21 00:30,9"])
    assert importer("--timezone", "Asia/Kolkata", "--no-register", path) == 0
    told = "hours.csv: its hours are not those of UTC: each interval is stored as 2 of 30 minutes"
    assert told in capsys.readouterr().err
    assert rejects_of(path) == [
        ("50", "Main", "2026-01-20 05:00", "9", "conflicting"),
        ("51", "Main", "2026-01-21 00:30", "", "off_grid"),
    ]
    assert len(stored(conn)) == 2 * 48


def test_file_in_utc_needs_no_parts(conn: Connection, importer: Import, tmp_path: Path) -> None:
    starts = pd.date_range("2026-01-19", periods=48, freq="h", tz="UTC")
    path = write(tmp_path / "utc.csv", ["timestamp_utc,Main (kWh)", *(f"{t:%Y-%m-%d %H:%M},2" for t in starts)])
    assert importer("--timezone", "Asia/Kolkata", path) == 0
    assert set(stored(conn, "energy_kwh, interval_s").values()) == {(2.0, 3600)}
    assert min(stored(conn)) == ("Main", f"{datetime(2026, 1, 19):%m-%d} 00:00")
