"""Interval files through the import: layouts, units, rejects, and the whole way to a report."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from measured_hours import measured_file, office, steel_plant
from pipeline import check_energy_in_every_layer, govern, report_of
from site_factory import SITE_ID, register_site, store_readings

from ingest import import_csv, interval_file
from ingest.file_layout import LayoutOptions, recognise_layout
from ingest.file_source import FileOptions, open_source
from ingest.load_file import FIRST_FILE_CHANNEL_ID, channel_id_of
from lib import cli, db
from lib.date_utils import Window, last_complete_week, local_day_window
from lib.errors import DataError
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITE = 900_001
ZONE = "America/New_York"
LONG_HEADER = "channel,timestamp,energy_kwh"

Import = Callable[..., int]


@pytest.fixture
def importer(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Run the script in this process; return its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*args: object, site: int = SITE) -> int:
        return cli.run(import_csv.main, ["--site", str(site), *map(str, args)])

    return run


def write(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def quarters(first: str, count: int) -> list[datetime]:
    start = datetime.fromisoformat(first)
    return [start + timedelta(minutes=15 * number) for number in range(count)]


def stored(conn: Connection, columns: str = "energy_kwh") -> dict[tuple[str, str], tuple[float, ...]]:
    """Return (channel's name, start in UTC) → values."""
    conn.rollback()
    rows = db.fetch_all(
        conn,
        f"SELECT c.name, to_char(r.timestamp AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), {columns}"
        " FROM readings AS r JOIN channels AS c USING (channel_id)",
    )
    return {(name, moment): tuple(values) for name, moment, *values in rows}


def rejects_of(path: Path) -> list[tuple[str, ...]]:
    with path.with_name(f"{path.name}.rejects.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    assert header == ["file", "line", "channel", "time", "value", "reason", "fix"]
    assert all(row[0] == path.name and row[-1] for row in rows)
    return [tuple(row[1:-1]) for row in rows]


def long_lines(channels: Iterable[str], moments: Iterable[datetime], value: str = "1.5") -> list[str]:
    return [LONG_HEADER, *(f"{name},{m:%Y-%m-%d %H:%M},{value}" for m in moments for name in channels)]


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
        (run, channel_id_of(SITE, name), "done", 96, new, 96 - new, 0, "file", timedelta(days=1))
        for run, new in ((0, 96), (1, 0))
        for name in ("Main", "RTU 1")
    ]


def test_ids_of_channels_are_stable_and_out_of_the_services_reach(
    conn: Connection, importer: Import, tmp_path: Path
) -> None:
    assert channel_id_of(SITE, "Main") == 6_047_585_791_819_088
    ids = {channel_id_of(site, name) for site in range(50) for name in ("Main", "main", "RTU 1", "")}
    assert len(ids) == 200
    assert all(FIRST_FILE_CHANNEL_ID <= one < 2**53 for one in ids)
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20 00:00", 30)))
    assert importer("--timezone", ZONE, path) == 0
    db.execute(conn, "UPDATE channels SET name = 'another'")
    conn.commit()
    assert importer(path) == 1, "an id that is taken by another name is refused"
    assert db.fetch_all(conn, "SELECT status, error FROM ingestion_logs ORDER BY log_id DESC LIMIT 1") == [
        ("failed", "channel 'Main' would get the id of 'another' of site 900001; rename it")
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
    assert importer("--timezone", "Europe/Berlin", packed) == 0
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


def test_what_cannot_be_stored_is_listed_with_line_reason_and_fix(
    conn: Connection, importer: Import, tmp_path: Path
) -> None:
    lines = long_lines(["Main"], quarters("2026-03-08 00:00", 8) + quarters("2026-03-08 03:00", 30))
    lines += [
        "Main,2026-03-08 02:15,1",
        "Main,whenever,1",
        "Main,2026-03-08 12:07,1",
        "Main,2026-03-08 12:15,lots",
        "Main,2026-03-08 12:30,",
        "",
        "Main,2026-03-08 03:00,1.5",
        "Main,2026-03-08 03:15,9",
        "Main,2126-03-08 12:30,1",
        "Main,1926-03-08 12:30,1",
        ",2026-03-08 12:30,1",
        "Main,2026-03-08 12:30,1,2",
        "Main,2026-03-08 12:45,-3",
        "Main,2026-03-08 13:00,1e9",
        '"=HYPERLINK(""http://x"")",soon,1',
    ]
    path = write(tmp_path / "bad.csv", lines)
    assert importer("--timezone", ZONE, "--interval-minutes", 15, path) == 1, "of one channel nothing can be used"
    assert sorted(rejects_of(path), key=lambda row: int(row[0])) == [
        ("40", "Main", "2026-03-08 02:15", "", "skipped_local_hour"),
        ("41", "Main", "whenever", "", "unreadable_time"),
        ("42", "Main", "2026-03-08 12:07", "", "off_grid"),
        ("43", "Main", "2026-03-08 12:15", "lots", "unreadable_number"),
        ("46", "Main", "2026-03-08 03:00", "1.5", "repeated"),
        ("47", "Main", "2026-03-08 03:15", "9", "conflicting"),
        ("48", "Main", "2126-03-08 12:30", "", "in_future"),
        ("49", "Main", "1926-03-08 12:30", "", "too_old"),
        ("50", "", "2026-03-08 12:30", "", "no_channel"),
        ("51", "Main", "2026-03-08 12:30", "", "too_many_cells"),
        ("52", "Main", "2026-03-08T16:45:00Z", "-3.0", "negative_energy"),
        ("53", "Main", "2026-03-08T17:00:00Z", "1000000000.0", "energy_over_limit"),
        ("54", '\'=HYPERLINK("http://x")', "soon", "", "unreadable_time"),
    ]
    assert set(stored(conn).values()) == {(1.5,)}
    assert len(stored(conn)) == 38
    assert db.fetch_all(
        conn, "SELECT reason, raw ->> 'line', reading ->> 'energy_kwh' FROM rejected_readings ORDER BY 2"
    ) == [("negative_energy", "52", "-3.0"), ("energy_over_limit", "53", "1000000000.0")]
    ((*counts, errors),) = db.fetch_all(
        conn,
        "SELECT sum(fetched), sum(inserted), sum(rejected), string_agg(error, '; ') FROM ingestion_logs"
        " WHERE channel_id <> 0",
    )
    assert counts == [50, 38, 12], "12 without the rows of no channel and of the one that failed, with the empty one"
    assert all(f"1 {reason}" in errors for reason in ("conflicting", "empty", "skipped_local_hour", "negative_energy"))

    # Put right, the file brings what was missing, and the rejects of before are gone.
    lines[38:] = ["Main,2026-03-08 12:15,1.5"]
    assert importer("--interval-minutes", 15, write(path, lines)) == 0
    assert len(stored(conn)) == 39
    assert not path.with_name("bad.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("lines", "args", "message"),
    [
        ([], [], "no header line with a column of times"),
        ([LONG_HEADER], [], "nothing below its header"),
        (["channel,when,kwh", "a,2026-01-01,1"], [], "no header line with a column of times"),
        (["timestamp,A,B", "2026-01-01 00:00,1,2"], [], "the columns say no unit; give --unit"),
        (["timestamp,A (kW)", "2026-01-01 00:00,1"], ["--unit", "kWh"], "is in kW, and --unit says kWh"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 3)), [], "3 times are too few to tell the interval's length"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 3)), ["--interval-minutes", "7"], "must divide an hour"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 30)), ["--column", "X"], "has no column X; check --column"),
        ([LONG_HEADER, *(f"A,0{n}/02/2026 00:00,1" for n in range(1, 9))], [], "say which with --date-format"),
        (
            [LONG_HEADER, 'A,2026-01-20,"1,5"', "A,2026-01-21,2.5"],
            ["--interval-minutes", "15"],
            "both comma and dot as the decimal",
        ),
    ],
)
def test_file_that_does_not_tell_what_is_needed_is_refused(
    conn: Connection,
    importer: Import,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    args: list[str],
    message: str,
) -> None:
    assert importer("--timezone", ZONE, *args, write(tmp_path / "file.csv", lines)) == 1
    assert message in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT FROM organizations") == []


def test_measured_and_imported_readings_and_made_up_ones_never_mix(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register_site(conn, source="sandbox")
    store_readings(conn, Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20 00:00", 30)))
    assert importer("--timezone", ZONE, path, site=SITE_ID) == 1
    assert "holds readings of the sandbox, and these would come from the file" in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT data_source FROM organizations") == [("sandbox",)]


def test_other_interval_length_of_a_stored_channel_is_refused(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        importer("--timezone", ZONE, write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 96)))) == 0
    )
    hourly = long_lines(["Main", "New"], quarters("2026-01-20", 96)[::4])
    assert importer("--interval-minutes", 60, write(tmp_path / "b.csv", hourly)) == 1
    captured = capsys.readouterr()
    assert "holds intervals of 900 s already" in captured.err
    assert "FAILED: channels 'Main'" in captured.out
    assert len(stored(conn)) == 96 + 24, "the other channel goes on"


def test_time_zone_is_asked_for_once_and_never_changed_silently(
    importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 30)))
    assert importer(path) == 1
    assert "is new here; give its --timezone" in capsys.readouterr().err
    assert importer("--timezone", "Mars/Olympus", path) == 2
    assert importer("--timezone", ZONE, path) == 0
    assert importer("--timezone", "Europe/Berlin", path) == 1
    assert "is stored with the time zone America/New_York, not Europe/Berlin" in capsys.readouterr().err


def test_check_stores_nothing_and_needs_no_database(run_script: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 30)))
    done = run_script("ingest/import_csv.py", "--site", SITE, "--timezone", ZONE, "--check", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "site 900001: 1 channels, 30 readings in the files, checked only, nothing stored; 0 empty, 0 rejects\n"
    )
    assert "intervals of 15 minutes, times are interval starts" in done.stderr


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
    assert importer("--timezone", ZONE, path) == 0
    expected = {
        (name, start.tz_convert("UTC").strftime("%m-%d %H:%M")): (n / 16,)
        for n, start in enumerate(starts)
        for name in "AB"
    }
    assert stored(conn) == expected

    def peak_bytes(days: int) -> int:
        moments = quarters("2025-01-01", 96 * days)
        source = open_source(write(tmp_path / "peak.csv", long_lines("ABCD", moments)), FileOptions())
        tracemalloc.start()
        for _ in source.read(import_csv.parse_timezone(ZONE), datetime(2026, 1, 1, tzinfo=UTC).timestamp()):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    monkeypatch.setattr(interval_file, "CHUNK_CELLS", 3 * 3_000)
    assert peak_bytes(100) < 1.5 * peak_bytes(30)


@pytest.mark.slow
def test_import_that_was_killed_is_made_up_for_by_the_next(
    conn: Connection, database_url: str, tmp_path: Path, importer: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = [f"RTU {number}" for number in range(30)]
    path = write(tmp_path / "big.csv", long_lines(channels, quarters("2026-01-01", 96 * 40)))
    environment = os.environ | {"DATABASE_URL": database_url, "ENISCOPE_LEASE_SECONDS": "0.5"}
    command = [sys.executable, str(PROJECT_ROOT / "ingest/import_csv.py"), "--site", str(SITE), "--timezone", ZONE]
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
    assert counts == [(96 * 39,)]
    monkeypatch.setenv("ENISCOPE_LEASE_SECONDS", "0.5")
    assert importer(path) == 0
    assert db.fetch_all(conn, "SELECT count(*), sum(energy_kwh) FROM readings") == [(30 * 3840, 30 * 3840 * 1.5)]
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE status = 'running'") == [(0,)]


def test_header_tells_layouts_apart() -> None:
    def values(header: str, **options: Any) -> list[tuple[str | None, str, float | None]]:
        layout = recognise_layout(header.split(","), LayoutOptions(**options), "file.csv")
        return [value[1:] for value in layout.values]

    assert values("channel,timestamp,energy_kwh,power_w") == [(None, "energy_kwh", 1.0), (None, "power_kw", 1e-3)]
    assert values("timestamp,energy_kwh,voltage_v") == [("file", "energy_kwh", 1.0), ("file", "voltage_v", 1.0)]
    assert values("timestamp,Flow,Window", unit="Wh") == [("Flow", "energy_kwh", 1e-3), ("Window", "energy_kwh", 1e-3)]
    assert values("time,A kWh,B (MW),Outdoor °C") == [("A", "energy_kwh", 1.0), ("B", "power_kw", 1e3)]
    with pytest.raises(DataError, match="are the same quantity; choose one with --column"):
        values("timestamp,A (kWh),A (Wh)")


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

    assert govern(conn, SITE) == "closed"
    report = report_of(conn, now, SITE)
    assert report["metadata"]["dataSource"] == {"kind": "file", "note": "Readings imported from interval files."}
    assert report["metadata"]["dataResolution"] == "900s (15min)"
    week = local_day_window(*last_complete_week(now, ZoneInfo(zone)), ZoneInfo(zone))
    of_week = known[(known["start"] >= week.start) & (known["start"] < week.end)]
    assert report["consumption"]["totalKwh"] == pytest.approx(of_week["energy_kwh"].sum(), abs=1e-3)
    check_energy_in_every_layer(conn, report)
