"""What hangs below what at a site of files: said once, kept, and asked for where a column seems to hold the others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from file_import import FILE_SITE_ID, ZONE, Import, quarters, write
from pipeline import govern

from analyze.week.loading import load_week
from lib import db
from lib.date_utils import parse_timezone

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def bakery(folder: Path, days: int = 7, main: float = 2.0) -> Path:
    """A main meter of 2 kWh a quarter-hour, and an oven of 0.5 and lights of 0.25 below it, from a Monday on."""
    moments = quarters("2026-01-19", 96 * days)
    rows = [f"{moment:%Y-%m-%d %H:%M},{main},0.5,0.25" for moment in moments]
    return write(folder / "bakery.csv", ["timestamp,Main (kWh),Oven (kWh),Lights (kWh)", *rows])


def parents_of(conn: Connection) -> dict[str, str | None]:
    conn.rollback()
    return dict(
        db.fetch_all(
            conn, "SELECT c.name, p.name FROM channels AS c LEFT JOIN channels AS p ON p.channel_id = c.parent_id"
        )
    )


def total_kwh(conn: Connection) -> float:
    govern(conn, FILE_SITE_ID)
    now = datetime(2026, 1, 27, 12, tzinfo=parse_timezone(ZONE))
    _, week = load_week(conn, FILE_SITE_ID, None, None, None, now)
    return week.consumption["totalKwh"]


def test_parents_keep_the_total_from_counting_twice_and_are_kept(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bakery(tmp_path)
    assert importer("--timezone", ZONE, path) == 0
    warning = "channel 'Main' is at nearly all times at least the sum of the others"
    assert warning in capsys.readouterr().out
    assert total_kwh(conn) == pytest.approx(96 * 7 * 2.75)
    assert importer("--parent", "Oven=Main", "--parent", "Lights = Main", path) == 0
    assert warning not in capsys.readouterr().out
    assert total_kwh(conn) == pytest.approx(96 * 7 * 2.0)
    assert importer(path) == 0
    assert parents_of(conn) == {"Main": None, "Oven": "Main", "Lights": "Main"}
    assert importer("--parent", "Oven=", path) == 0
    assert parents_of(conn) == {"Main": None, "Oven": None, "Lights": "Main"}


def test_loads_beside_each_other_are_taken_for_no_tree(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importer("--timezone", ZONE, bakery(tmp_path, main=0.7)) == 0
    assert "at nearly all times" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        (["Oven"], "should be CHANNEL=MAIN"),
        (["Oven=Oven"], "should be CHANNEL=MAIN"),
        (["Oven=Main", "Oven=Lights"], "gives 'Oven' two parents"),
        (["Oven=Maine"], "has no channel 'Maine' for --parent; its channels are 'Lights', 'Main', 'Oven'"),
        (["Oven=Main", "Main=Oven"], "would hang 'Oven' below itself"),
    ],
)
def test_parents_that_make_no_tree_are_refused(
    conn: Connection,
    importer: Import,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    parents: list[str],
    message: str,
) -> None:
    given = [part for pair in parents for part in ("--parent", pair)]
    assert importer("--timezone", ZONE, *given, bakery(tmp_path, days=1)) == 2
    assert message in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT FROM readings") == []
    assert db.fetch_all(conn, "SELECT FROM channels") == []


def test_a_site_of_the_service_is_told_what_to_write_in_its_file(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db.execute(
        conn,
        "INSERT INTO organizations (organization_id, name, timezone, data_source)"
        " VALUES (7, 'School', 'UTC', 'eniscope')",
    )
    conn.commit()
    path = bakery(tmp_path)
    assert importer("--timezone", ZONE, "--parent", "Oven=Main", "--parent", 'The "cold" one=', path, site=7) == 2
    assert (
        "write in config/sites/7.toml: "
        '[channels."Oven"] with parent = "Main", [channels."The \\"cold\\" one"] with parent = ""'
        in capsys.readouterr().err
    )
