"""Backup and restore with PostgreSQL's own programs: what comes back is what was there."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from site_factory import make_site

from lib import db
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT
from operations.postgres_program import find_program, service_file

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EVERYTHING = (
    "SELECT * FROM readings ORDER BY 1, 2", "SELECT * FROM channels ORDER BY 1",
    "SELECT * FROM mv_daily_usage ORDER BY 1, 2",
    "SELECT * FROM ingestion_logs ORDER BY log_id", "SELECT name, checksum FROM schema_migrations ORDER BY 1",
    "SELECT * FROM v_readings_monthly ORDER BY 1", "SELECT obj_description('readings'::regclass)",
)  # fmt: skip


def run(script: str, *args: str | Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", PROJECT_ROOT / "operations" / script, *args],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, "ENV_FILE": os.devnull},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_what_is_restored_is_what_was_backed_up(
    conn: Connection, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    make_site(conn, datetime(2026, 1, 20, 5, tzinfo=UTC), days=2)
    before = [db.fetch_all(conn, query) for query in EVERYTHING]
    conn.rollback()
    for number in range(2):
        (tmp_path / f"energy-2020010{number}T000000Z.dump").touch()
    done = run("backup.sh", "--out", tmp_path, "--keep", "2", url=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    backup = Path(done.stdout.strip())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["energy-20200101T000000Z.dump", backup.name]
    restored = run("restore.sh", backup, url=empty_database_url)
    assert (restored.returncode, restored.stderr) == (0, "")
    with db.connect(empty_database_url) as copy:
        assert [db.fetch_all(copy, query) for query in EVERYTHING] == before
    refused = run("restore.sh", backup, url=empty_database_url)
    assert refused.returncode == 1
    assert "tables and views already" in refused.stderr


@pytest.mark.slow
def test_a_backup_that_is_cut_off_brings_nothing(
    conn: Connection, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    make_site(conn, datetime(2026, 1, 20, 5, tzinfo=UTC), days=2)
    backup = Path(run("backup.sh", "--out", tmp_path, url=database_url).stdout.strip())
    whole = backup.read_bytes()
    backup.write_bytes(whole[: len(whole) - 2_000])  # its last table's data
    failed = run("restore.sh", backup, url=empty_database_url)
    assert (failed.returncode, "nothing was changed" in failed.stderr) == (1, True)
    with db.connect(empty_database_url) as copy:
        assert db.fetch_all(copy, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    done = run("backup.sh", "--out", tmp_path, url="postgresql://nobody:secret-word@127.0.0.1:9/none")
    assert done.returncode == 1
    assert "nothing was written" in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_connection_stands_in_a_private_file() -> None:
    assert service_file({"host": "h", "password": "a = b#"}) == "[energy]\nhost=h\npassword=a = b#\n"
    with pytest.raises(ConfigError, match="line break"):
        service_file({"password": "a\n[other]"})


def test_a_program_older_than_the_server_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_program("pg_dump", 9) == old
    assert find_program("pg_dump", 15) != old
    with pytest.raises(ConfigError, match="no pg_dump of PostgreSQL 99 or newer was found; install it"):
        find_program("pg_dump", 99)
