"""The flat files for Tableau: whole values, hostile names, both clock changes, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from breaker_factory import SITE_WINDOW, build_site, change
from site_factory import SITE_ID, TIMEZONE, make_site, register_site, store_readings

from deliver.export_for_tableau import build_parser, export_site, refuse_other_site, resolve_days
from deliver.files.tableau import require_hyper, require_parquet
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.usage.refresh import refresh_views
from lib import db
from lib.date_utils import Window, local_day_window
from lib.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "deliver/export_for_tableau.py"
DAY = local_day_window(date(2026, 1, 20), date(2026, 1, 20), TIMEZONE)
NOW = datetime(2026, 1, 25, 15, tzinfo=UTC)
FILES = [f"tableau_{name}.csv" for name in ("channel_summary", "daily_summary", "hourly_patterns", "readings")]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def two_readings(window: Window) -> pd.DataFrame:
    """The window's first two quarter-hours: 1 kWh at 4 kW, and energy missing at 0 kW."""
    start = int(window.start.timestamp())
    return pd.DataFrame({"timestamp": [start, start + 900], "energy_kwh": [1.0, np.nan], "power_kw": [4.0, 0.0]})


@pytest.fixture
def stored(conn: Connection) -> Connection:
    """Meter 10 with two readings at the beginning of a day; meter 11 without any."""
    register_site(conn)
    store_readings(conn, DAY, {10: two_readings(DAY), 11: two_readings(DAY).iloc[:0]})
    refresh_views(conn)
    return conn


def test_every_file_holds_the_values_of_the_readings(stored: Connection, tmp_path: Path) -> None:
    paths = export_site(stored, SITE_ID, TIMEZONE, DAY, "csv", tmp_path)
    assert [path.name for path in paths] == FILES
    channels, days, hours, readings = map(rows_of, paths)
    meter = {"site_id": str(SITE_ID), "site_name": "Test school", "meter_id": "10", "meter_name": "meter 10"}
    unmeasured = dict.fromkeys(
        ["reactive_power_kvar", "voltage_v", "current_a", "power_factor", "frequency_hz", "temperature_c",
         "relative_humidity_pct"], "",
    )  # fmt: skip
    at = meter | {"device_name": "", "interval_s": "900"} | unmeasured
    assert readings == [
        at | {"timestamp_utc": "2026-01-20 05:00:00", "timestamp_local": "2026-01-20 00:00:00",
              "energy_kwh": "1", "power_kw": "4"},
        at | {"timestamp_utc": "2026-01-20 05:15:00", "timestamp_local": "2026-01-20 00:15:00",
              "energy_kwh": "", "power_kw": "0"},
    ]  # fmt: skip
    assert days == [
        meter | {"date_local": "2026-01-20", "day_start_utc": "2026-01-20 05:00:00",
                 "day_end_utc": "2026-01-21 05:00:00", "weekday_iso": "2", "energy_kwh": "1", "mean_power_kw": "2",
                 "min_power_kw": "0", "max_power_kw": "4", "reading_count": "1",
                 "completeness_pct": str(100 / 96)},
    ]  # fmt: skip
    assert hours == [
        meter | {"weekday_iso": "2", "hour_local": "0", "hours_counted": "1", "mean_energy_kwh": "1",
                 "mean_power_kw": "2", "max_power_kw": "4"},
    ]  # fmt: skip
    assert [row["meter_id"] for row in channels] == ["10", "11"]
    assert channels[0] | meter == channels[0]
    assert channels[0]["peak_hour_local"] == "2026-01-20 00:00:00"
    assert channels[0]["peak_hour_utc"] == "2026-01-20 05:00:00"
    assert {name: channels[1][name] for name in ("energy_kwh", "days_with_readings", "peak_power_kw")} == {
        "energy_kwh": "", "days_with_readings": "", "peak_power_kw": "",
    }  # fmt: skip


def test_days_without_a_reading_count_in_the_completeness_of_all_days(stored: Connection, tmp_path: Path) -> None:
    window = local_day_window(date(2026, 1, 18), date(2026, 1, 21), TIMEZONE)
    export_site(stored, SITE_ID, TIMEZONE, window, "csv", tmp_path)
    row = rows_of(tmp_path / "tableau_channel_summary.csv")[0]
    assert row["days_with_readings"] == "1"
    assert float(row["completeness_pct"]) == pytest.approx(100 / 96 / 4)  # one reading of the 384 of four days


@pytest.mark.parametrize("day, intervals", [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_clock_change_days_are_whole_and_their_hours_told_apart(
    conn: Connection, tmp_path: Path, day: date, intervals: int
) -> None:
    window = local_day_window(day, day, TIMEZONE)
    register_site(conn)
    store_readings(conn, Window(window.start - timedelta(days=1), window.end + timedelta(days=1)))
    refresh_views(conn)
    export_site(conn, SITE_ID, TIMEZONE, window, "csv", tmp_path)
    readings = [row for row in rows_of(tmp_path / "tableau_readings.csv") if row["meter_id"] == "10"]
    assert len(readings) == len({row["timestamp_utc"] for row in readings}) == intervals
    local = [row["timestamp_local"] for row in readings]
    assert {stamp[:10] for stamp in local} == {day.isoformat()}
    assert local.count(f"{day} 01:15:00") == (2 if intervals == 100 else 1)
    assert local.count(f"{day} 02:15:00") == (0 if intervals == 92 else 1)
    (row,) = [row for row in rows_of(tmp_path / "tableau_daily_summary.csv") if row["meter_id"] == "10"]
    assert (row["reading_count"], row["completeness_pct"]) == (str(intervals), "100")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1"])
def test_a_name_that_a_spreadsheet_would_run_becomes_text(stored: Connection, tmp_path: Path, name: str) -> None:
    db.execute(stored, "UPDATE channels SET name = %s WHERE channel_id = 10", (name,))
    for path in export_site(stored, SITE_ID, TIMEZONE, DAY, "csv", tmp_path):
        row = next(row for row in rows_of(path) if row["meter_id"] == "10")
        assert row["meter_name"] == "'" + name, path.name


@pytest.mark.parametrize("name", ['a,"b"\nc', "<script>alert(1)</script>", "‮evil", "Ünïcode", "a=b"])
def test_any_other_name_arrives_as_it_is(stored: Connection, tmp_path: Path, name: str) -> None:
    db.execute(stored, "UPDATE channels SET name = %s WHERE channel_id = 10", (name,))
    for path in export_site(stored, SITE_ID, TIMEZONE, DAY, "csv", tmp_path):
        assert next(row for row in rows_of(path) if row["meter_id"] == "10")["meter_name"] == name, path.name


def test_a_failure_leaves_the_old_file(stored: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "tableau_channel_summary.csv"
    old.write_text("old", encoding="utf-8")

    def break_off(conn: Connection, query: str, params: Any, handle: Any, *, header: bool) -> None:
        handle.write(b"half a")
        raise RuntimeError("the server went away")

    monkeypatch.setattr(db, "copy_out", break_off)
    with pytest.raises(RuntimeError, match="went away"):
        export_site(stored, SITE_ID, TIMEZONE, DAY, "csv", tmp_path)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]


def test_parquet_holds_typed_columns(stored: Connection, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an optional extra")
    db.execute(stored, "UPDATE channels SET name = E'=a\n\"b\",' WHERE channel_id = 10")
    paths = export_site(stored, SITE_ID, TIMEZONE, DAY, "parquet", tmp_path)
    table = parquet.read_table(paths[3])
    assert table.column("meter_name").to_pylist() == ['=a\n"b",'] * 2
    assert table.column("energy_kwh").to_pylist() == [1.0, None]
    assert table.column("timestamp_utc").to_pylist()[0] == datetime(2026, 1, 20, 5)
    assert [str(table.schema.field(name).type) for name in ("meter_id", "interval_s", "voltage_v")] == [
        "int64", "int32", "double",
    ]  # fmt: skip
    assert parquet.read_table(paths[0]).column("is_energy_meter").to_pylist() == [True, True]
    assert parquet.read_table(paths[1]).column("date_local").to_pylist() == [date(2026, 1, 20)]


def test_hyper_holds_the_same_rows(stored: Connection, tmp_path: Path) -> None:
    pantab = pytest.importorskip("pantab", reason="pantab is an optional extra")
    paths = export_site(stored, SITE_ID, TIMEZONE, DAY, "hyper", tmp_path)
    table = pantab.frame_from_hyper(paths[3], table="tableau_readings", return_type="pyarrow")
    assert table.column("energy_kwh").to_pylist() == [1.0, None]
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in paths]


@pytest.mark.parametrize("require, package", [(require_parquet, "pyarrow"), (require_hyper, "pantab")])
def test_a_missing_extra_says_what_to_install(
    require: Callable[[], Any], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=f"{package}, which is not installed; run: python -m pip install"):
        require()


def days_asked(*arguments: str, ingested_until: datetime | None = NOW) -> Window:
    return resolve_days(build_parser().parse_args(["--site", "1", *arguments]), TIMEZONE, ingested_until, NOW)


def test_days_are_whole_local_ones_up_to_the_last_that_was_ingested() -> None:
    assert days_asked("--days", "1") == local_day_window(date(2026, 1, 24), date(2026, 1, 24), TIMEZONE)
    behind = datetime(2026, 1, 23, 4, 59, tzinfo=UTC)  # 23:59 local on the 22nd
    expected = local_day_window(date(2026, 1, 20), date(2026, 1, 21), TIMEZONE)
    assert days_asked("--days", "2", ingested_until=behind) == expected
    assert days_asked("--start", "2026-01-20", "--end", "2026-01-21") == expected
    with pytest.raises(UsageError, match="either --days or"):
        days_asked("--days", "2", "--start", "2026-01-20")


def test_script_writes_what_the_breaker_lets_pass(
    conn: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    midnight = datetime.now(UTC).astimezone(TIMEZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    make_site(conn, midnight.astimezone(UTC), days=10)
    arguments = ("--site", str(SITE_ID), "--days", "3", "--out", tmp_path / "out")
    done = run_script(SCRIPT, *arguments, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stdout) == (3, "")
    assert "no export for site 23271: not validated yet" in done.stderr
    assert not (tmp_path / "out").exists()
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    done = run_script(SCRIPT, *arguments, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(tmp_path / "out" / name) for name in FILES]
    assert (
        len(rows_of(tmp_path / "out" / "tableau_readings.csv"))
        == 2
        * db.fetch_one(
            conn,
            "SELECT count(*) FROM readings WHERE channel_id = 10 AND timestamp >= %s",
            ((midnight - timedelta(days=3)).astimezone(UTC),),
        )[0]
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet", "hyper"])
def test_files_of_another_site_are_not_replaced(stored: Connection, tmp_path: Path, suffix: str) -> None:
    if suffix != "csv":
        pytest.importorskip("pyarrow")
    if suffix == "hyper":
        pytest.importorskip("pantab")
    refuse_other_site(SITE_ID, suffix, tmp_path)  # nothing is there
    export_site(stored, SITE_ID, TIMEZONE, DAY, suffix, tmp_path)
    refuse_other_site(SITE_ID, suffix, tmp_path)
    with pytest.raises(UsageError, match=rf"holds the files of site {SITE_ID}, which .*--out {tmp_path}_5\)"):
        refuse_other_site(5, suffix, tmp_path)


def test_channel_in_quarantine_is_in_no_file(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    change(conn, "power_kw = 5001", channel_id=13, at=SITE_WINDOW.start)
    validate_site(conn, SITE_ID, read_checks())
    for path in export_site(conn, SITE_ID, TIMEZONE, SITE_WINDOW, "csv", tmp_path):
        channels = {row["meter_id"] for row in rows_of(path)}
        assert {"12", "14"} <= channels, path.name
        assert "13" not in channels, path.name


def test_an_unknown_site_is_named(database_url: str, run_script: Callable[..., Any]) -> None:
    done = run_script(SCRIPT, "--site", "7", env={"DATABASE_URL": database_url})
    assert done.returncode == 1
    assert "site 7 is not in the database" in done.stderr
