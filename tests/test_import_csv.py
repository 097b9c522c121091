"""Interval files through the import: layouts, units, clock changes; what is stored, and that it is stored once."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from file_import import FILE_SITE_ID, LONG_HEADER, ZONE, Import, long_lines, quarters, stored, write

from config.site_file import FileMapping
from ingest.files.layout import named_layout
from ingest.runs.load_file import channel_id_of
from lib import db
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def test_long_file_is_stored_once_however_often_it_is_imported(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "meters.csv", long_lines(["Main", "RTU 1"], quarters("2026-01-20 00:00", 96)))
    assert importer("--timezone", ZONE, "--site-name", "Bakery", path) == 0
    assert importer(path) == 0
    first, second = (line for line in capsys.readouterr().out.splitlines() if line.startswith("site"))
    assert first == ("site 900001: 2 channels, 192 readings in the files, 192 new, 0 already there; 0 empty, 0 rejects")
    assert second.endswith("192 readings in the files, 0 new, 192 already there; 0 empty, 0 rejects")
    assert not path.with_name("meters.csv.rejects.csv").exists()

    rows = stored(conn, "energy_kwh, power_kw, interval_s")
    assert len(rows) == 192
    assert set(rows.values()) == {(1.5, 6.0, 900)}
    assert min(rows) == ("Main", "01-20 05:00")
    assert db.fetch_all(conn, "SELECT name, timezone, data_source FROM organizations") == [("Bakery", ZONE, "file")]
    assert db.fetch_all(
        conn,
        "SELECT run_id - min(run_id) OVER (), channel_id, status, fetched, inserted, duplicate, rejected, data_source,"
        " window_end - window_start FROM ingestion_logs WHERE channel_id <> 0 ORDER BY log_id",
    ) == [
        (run, channel_id_of(FILE_SITE_ID, name), "done", 96, new, 96 - new, 0, "file", timedelta(days=1))
        for run, new in ((0, 96), (1, 0))
        for name in ("Main", "RTU 1")
    ]


def test_channels_of_another_file_stay_listed(conn: Connection, importer: Import, tmp_path: Path) -> None:
    for name in ("Main", "Oven"):
        path = write(tmp_path / f"{name}.csv", long_lines([name], quarters("2026-01-20 00:00", 30)))
        assert importer("--timezone", ZONE, path) == 0
    rows = db.fetch_all(conn, "SELECT name, is_listed, fields FROM channels ORDER BY name")
    assert rows == [("Main", True, ["E", "P"]), ("Oven", True, ["E", "P"])]


def test_wide_file_in_european_dress(conn: Connection, importer: Import, tmp_path: Path) -> None:
    lines = ["Werk Süd;;", "Zeitraum 2026;;", "Datetime;Ofen 1 (kWh);Lüftung [kW];Wetter"]
    for number, moment in enumerate(quarters("2026-01-20 00:00", 40)):
        lines.append(f"{moment:%d.%m.%Y %H:%M};{1000 + number}".replace("1000", "1.000,5") + f";{number},25;mild;")
    path = write(tmp_path / "werk.csv", lines, encoding="cp1252")
    packed = tmp_path / "werk.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert importer("--timezone", "Europe/Berlin", "--no-register", packed) == 0
    rows = stored(conn, "energy_kwh, power_kw")
    assert len(rows) == 80
    assert rows["Ofen 1", "01-19 23:00"] == (1000.5, 4002.0)
    assert rows["Ofen 1", "01-19 23:15"] == (1001.0, 4004.0)
    assert rows["Lüftung", "01-19 23:15"] == (0.3125, 1.25)


@pytest.mark.parametrize(
    ("unit", "energy_kwh"),
    [("Wh", 0.0002), ("kWh", 0.2), ("MWh", 200.0), ("W", 0.000_05), ("kW", 0.05), ("MW", 50.0)],
)
def test_units(conn: Connection, importer: Import, tmp_path: Path, unit: str, energy_kwh: float) -> None:
    lines = ["\ufefftimestamp\tHall", *(f"{moment:%Y-%m-%dT%H:%M}\t0.2" for moment in quarters("2026-01-20", 30))]
    assert importer("--timezone", ZONE, "--unit", unit, write(tmp_path / "hall.tsv", lines)) == 0
    (values,) = set(stored(conn, "energy_kwh, power_kw").values())
    assert values == pytest.approx((energy_kwh, energy_kwh * 4))


def test_text_as_spreadsheets_save_it(conn: Connection, importer: Import, tmp_path: Path) -> None:
    rows = "\r\n".join(
        ["Zeit\ttimestamp\tÖl (kWh)", *(f"x\t{m:%Y-%m-%d %H:%M}\t2" for m in quarters("2026-01-20", 30))]
    )
    path = tmp_path / "excel.txt"
    path.write_bytes(rows.encode("utf-16"))
    assert importer("--timezone", ZONE, path) == 0
    assert min(stored(conn)) == ("Öl", "01-20 05:00")
    assert len(stored(conn)) == 30


def test_date_and_time_columns_and_a_column_of_units(conn: Connection, importer: Import, tmp_path: Path) -> None:
    lines = ["Name,A. Customer", 'Address,"1 Main St, Town"', "", "TYPE,DATE,START TIME,END TIME,USAGE,UNITS,NOTES"]
    for moment in quarters("2026-01-20 00:00", 40):
        end = moment + timedelta(minutes=14)
        lines.append(f'Electric usage,{moment:%m/%d/%Y},{moment:%H:%M},{end:%H:%M},"1,250.5",Wh,')
    path = write(tmp_path / "utility.csv", lines)
    assert importer("--timezone", ZONE, "--channel-name", "Main meter", path) == 0
    rows = stored(conn)
    assert set(rows.values()) == {(1.2505,)}
    assert min(rows) == ("Main meter", "01-20 05:00")


def test_both_clock_changes_arrive_to_the_last_kwh(conn: Connection, importer: Import, tmp_path: Path) -> None:
    starts = pd.date_range("2025-03-01", "2025-12-01", freq="15min", tz=ZONE, inclusive="left")
    energy = np.random.default_rng(3).uniform(0.5, 3.0, len(starts)).round(3)
    ends = (starts + pd.Timedelta(minutes=15)).strftime("%Y-%m-%d %H:%M")
    lines = [
        LONG_HEADER.replace("timestamp", "interval_end"),
        *(f"Main,{t},{e}" for t, e in zip(ends, energy, strict=True)),
    ]
    assert importer("--timezone", ZONE, write(tmp_path / "year.csv", lines)) == 0
    (sums,) = db.fetch_all(conn, "SELECT count(*), sum(energy_kwh), min(timestamp), max(timestamp) FROM readings")
    assert sums == (len(starts), pytest.approx(energy.sum()), starts[0], starts[-1])


def test_newest_first_is_the_same(conn: Connection, importer: Import, tmp_path: Path) -> None:
    header, *rows = long_lines(["Main", "Oven"], quarters("2026-01-30 00:00", 96 * 4))
    path = write(tmp_path / "a.csv", [header, *rows[::-1]])
    assert importer("--timezone", ZONE, path) == 0
    assert importer(path) == 0
    found = db.fetch_all(conn, "SELECT count(*), min(timestamp), max(timestamp) FROM readings GROUP BY channel_id")
    days = (datetime(2026, 1, 30, 5, tzinfo=UTC), datetime(2026, 2, 3, 4, 45, tzinfo=UTC))
    assert found == [(384, *days)] * 2


def test_file_that_keeps_standard_time_all_year(conn: Connection, importer: Import, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-07-01 00:00", 30)))
    assert importer("--timezone", ZONE, "--clock", "Etc/GMT+5", path) == 0
    assert min(stored(conn)) == ("Main", "07-01 05:00")
    assert db.fetch_all(conn, "SELECT timezone FROM organizations") == [(ZONE,)]


def test_check_stores_nothing_and_needs_no_database(run_script: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 30)))
    done = run_script("ingest/import_csv.py", "--site", FILE_SITE_ID, "--timezone", ZONE, "--check", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "a.csv:\n"
        "  'channel': names the meter\n"
        "  'timestamp': time of the interval's start\n"
        "  'energy_kwh': energy_kwh\n"
        "  'Main' 2026-01-20 05:00Z, 15 minutes: energy_kwh 1.5, power_kw 6\n"
        "  'Main' 2026-01-20 05:15Z, 15 minutes: energy_kwh 1.5, power_kw 6\n"
        "  'Main' 2026-01-20 05:30Z, 15 minutes: energy_kwh 1.5, power_kw 6\n"
        "site 900001: 1 channels, 30 readings in the files, checked only, nothing stored; 0 empty, 0 rejects\n"
    )
    assert "intervals of 15 minutes, times are interval starts" in done.stderr


def test_header_tells_layouts_apart() -> None:
    def values(header: str, **options: Any) -> list[tuple[str | None, str, float | None]]:
        layout = named_layout(header.split(","), FileMapping(**options), None, set(), "file.csv")
        return [tuple(value[1:]) for value in layout.values]

    assert values("channel,timestamp,energy_kwh,power_w") == [(None, "energy_kwh", 1.0), (None, "power_kw", 1e-3)]
    assert values("timestamp,energy_kwh,voltage_v") == [("file", "energy_kwh", 1.0), ("file", "voltage_v", 1.0)]
    assert values("timestamp,Flow,Window", unit="Wh") == [("Flow", "energy_kwh", 1e-3), ("Window", "energy_kwh", 1e-3)]
    assert values("time,A kWh,B (MW),Outdoor °C") == [("A", "energy_kwh", 1.0), ("B", "power_kw", 1e3)]
    with pytest.raises(DataError, match="are the same quantity; choose one: --column"):
        values("timestamp,A (kWh),A (Wh)")
