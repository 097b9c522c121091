"""Interval files for tests, the import of them in this process, and what came of it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest import import_csv
from lib import cli, db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FILE_SITE_ID = 900_001
ZONE = "America/New_York"
LONG_HEADER = "channel,timestamp,energy_kwh"

Import = Callable[..., int]


@pytest.fixture
def importer(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Run the script in this process; return its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*args: object, site: int = FILE_SITE_ID) -> int:
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
