"""What the site's file says of a channel reaches Layer 3 with a validation, and every stage that reads it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from file_import import FILE_SITE_ID, LONG_HEADER, ZONE, Import, quarters, write
from pipeline import govern

from analyze.week.loading import load_week
from config.site_file import ChannelKind, ChannelTable, load_site
from govern import validate_data
from govern.checks.channel_facts import store_channel_facts
from ingest.runs.load_file import find_exporting
from lib import cli, db
from lib.date_utils import parse_timezone
from lib.errors import EXIT_BREAKER_OPEN, ConfigError
from lib.readings import load_meters

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FILE = """
[channels."PV inverter"]
kind = "generation"
[channels."Main"]
kind = "main"
[channels."12"]
must_run = true
parent = "Main"
[channels."Weather"]
kind = "sensor"
"""


@pytest.fixture
def site(conn: Connection) -> Connection:
    db.execute(
        conn,
        "INSERT INTO organizations (organization_id, name, timezone, data_source) VALUES"
        " (7, 'Shop', 'UTC', 'file'), (8, 'Other', 'UTC', 'file');"
        "INSERT INTO channels (channel_id, organization_id, name) VALUES (10, 7, 'Main'), (11, 7, 'PV inverter'),"
        " (12, 7, 'Server room'), (13, 7, 'Weather'), (20, 8, 'Main');"
        "INSERT INTO channel_sites (channel_id, organization_id) SELECT channel_id, organization_id FROM channels",
    )
    return conn


def store(conn: Connection, folder: Path, site_id: int, text: str) -> int:
    (folder / f"{site_id}.toml").write_text(text, encoding="utf-8")
    return store_channel_facts(conn, load_site(site_id, folder))


def meters_of(conn: Connection, site_id: int) -> list[list[object]]:
    meters = load_meters(conn, site_id).astype(object)
    columns = ["channel_id", "kind", "must_run", "parent_channel_id", "is_energy_meter"]
    return meters[columns].where(meters[columns].notna(), None).to_numpy().tolist()


def test_the_view_of_meters_tells_what_the_file_says(site: Connection, tmp_path: Path) -> None:
    assert store(site, tmp_path, 8, '[channels.Main]\nkind = "storage"\n') == 1
    assert store(site, tmp_path, 7, FILE) == 4
    assert meters_of(site, 7) == [
        [10, "main", False, None, True],
        [11, "generation", False, None, True],
        [12, None, True, 10, True],
        [13, "sensor", False, None, False],
    ]
    # What the file says no longer is gone, and the other site's stays.
    assert store(site, tmp_path, 7, '[channels.Main]\nkind = "load"\n') == 1
    assert [row[1] for row in meters_of(site, 7)] == ["load", None, None, None]
    assert meters_of(site, 8) == [[20, "storage", False, None, True]]


def test_a_validation_brings_it(
    site: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(validate_data, "SITES_DIR", tmp_path)
    (tmp_path / "7.toml").write_text(FILE, encoding="utf-8")
    assert cli.run(validate_data.main, ["--site", "7"]) == EXIT_BREAKER_OPEN, "a site without readings is held back"
    assert [row[1] for row in meters_of(site, 7)] == ["main", "generation", None, "sensor"]


def test_a_channel_that_the_site_lacks_is_refused(site: Connection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no channel of this site: 'PV invertor'"):
        store(site, tmp_path, 7, '[channels."PV invertor"]\nkind = "generation"\n')


def test_export_of_a_file_with_energy_alone_goes_the_whole_way(
    conn: Connection, importer: Import, tmp_path: Path
) -> None:
    """Two weeks at 3 kWh an hour, of which from ten to fourteen two are fed back; nobody names what the meter is."""
    hours = quarters("2026-01-12", 96 * 14)[::4]
    lines = [f"Main,{moment:%Y-%m-%d %H:%M},{-2.0 if 10 <= moment.hour < 14 else 3.0}" for moment in hours]
    assert importer("--net", "--timezone", ZONE, write(tmp_path / "main.csv", [LONG_HEADER, *lines])) == 0
    assert db.fetch_all(conn, "SELECT FROM rejected_readings") == []
    govern(conn, FILE_SITE_ID)
    now = datetime(2026, 1, 27, 12, tzinfo=parse_timezone(ZONE))
    use = load_week(conn, FILE_SITE_ID, "2026-01-19", None, None, now)[1].consumption
    assert (use["importedKwh"], use["exportedKwh"], use["totalKwh"]) == (7 * 20 * 3.0, 7 * 4 * 2.0, 7 * (60.0 - 8.0))
    assert [row["kind"] for row in use["byChannel"]] == ["main"]


def test_a_channel_that_the_file_calls_a_main_or_generation_may_export_from_its_first_record() -> None:
    tables = {
        name: ChannelTable(kind=ChannelKind(kind))
        for name, kind in (("A", "main"), (" B", "generation"), ("C", "load"))
    }
    assert find_exporting(tables, ["A", "B", "C", "D"]) == {"A", "B"}
