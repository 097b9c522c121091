"""Backup and restore with PostgreSQL's own programs: what comes back is what was there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest
from site_factory import make_site
from strange_files import STRANGE, make_strange
from wrapper_tree import stamp_venv

from lib import db
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT
from operations.postgres_program import find_program, run_program, service_file

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Run = Callable[..., subprocess.CompletedProcess[str]]
EVERYTHING = (
    "SELECT * FROM readings ORDER BY 1, 2", "SELECT * FROM channels ORDER BY 1",
    "SELECT * FROM mv_daily_usage ORDER BY 1, 2",
    "SELECT * FROM ingestion_logs ORDER BY log_id", "SELECT name, checksum FROM schema_migrations ORDER BY 1",
    "SELECT * FROM v_readings_monthly ORDER BY 1", "SELECT obj_description('readings'::regclass)",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a wrapper on the project's code with this Python; the .venv of the checkout is left alone."""
    root = tmp_path_factory.mktemp("project")
    for name in ("operations", "config", "lib", "requirements.txt"):
        (root / name).symlink_to(PROJECT_ROOT / name)
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    stamp_venv(root)

    def run_wrapper(script: str, *args: str | Path, url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", root / "operations" / script, *args],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": url, "ENV_FILE": os.devnull},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run_wrapper


@pytest.mark.slow
def test_what_is_restored_is_what_was_backed_up(
    run: Run, conn: Connection, database_url: str, empty_database_url: str, tmp_path: Path
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
    run: Run, conn: Connection, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    make_site(conn, datetime(2026, 1, 20, 5, tzinfo=UTC), days=2)
    backup = Path(run("backup.sh", "--out", tmp_path, url=database_url).stdout.strip())
    whole = backup.read_bytes()
    backup.write_bytes(whole[: len(whole) - 2_000])  # its last table's data
    failed = run("restore.sh", backup, url=empty_database_url)
    assert (failed.returncode, "nothing was changed" in failed.stderr) == (1, True)
    with db.connect(empty_database_url) as copy:
        assert db.fetch_all(copy, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


def test_a_restore_waits_for_no_lock_without_end(
    conn: Connection,
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(db, "LOCK_TIMEOUT_S", 0.5)
    backup = tmp_path / "a.dump"
    assert run_program(database_url, "pg_dump", ["--format=custom", "--no-owner", f"--file={backup}"]) == 0
    restore = ["--no-owner", "--no-privileges", str(backup)]
    with closing(psycopg2.connect(empty_database_url)) as other:
        db.execute(other, "CREATE TABLE channels ()")  # not committed: whoever wants the name has to wait
        assert run_program(empty_database_url, "pg_restore", restore) != 0
        assert "canceling statement due to lock timeout" in capfd.readouterr().err
    assert run_program(empty_database_url, "pg_restore", restore) == 0
    with db.connect(empty_database_url) as copy:
        assert db.fetch_all(copy, "SELECT count(*) FROM schema_migrations") == db.fetch_all(
            conn, "SELECT count(*) FROM schema_migrations"
        )


NOT_OURS = (
    "energy-notes.dump", "energy-2019 old copy.dump", "energy-20200101T000000Z.dump.bak", "energy-20200101.dump",
    "energy-zzz.dump", "x energy-20200101T000000Z.dump", "energy-20200101T000000z.dump", "mine.dump", "energy-*.dump",
)  # fmt: skip


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_older_backups_make_room_for_a_new_one(run: Run, database_url: str, tmp_path: Path, keep: int) -> None:
    folder = tmp_path / "kept here"
    older = [f"energy-2020010{number}T000000Z.dump" for number in (1, 2, 3)]
    later = "energy-29990101T000000Z.dump"  # of a machine whose clock was wrong
    for name in (*NOT_OURS, *older, later, "elsewhere"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("precious")
    (folder / "energy-20190101T000000Z.dump").symlink_to(folder / "elsewhere")
    (folder / "energy-20180101T000000Z.dump").mkdir()
    done = run("backup.sh", "--out", folder, "--keep", str(keep), url=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    (backup,) = map(Path, done.stdout.splitlines())
    assert backup.read_bytes()[:5] == b"PGDMP"
    assert {path.name for path in folder.iterdir()} == {
        *NOT_OURS, *older[len(older) - keep + 1 :], later, "elsewhere", backup.name,
        "energy-20190101T000000Z.dump", "energy-20180101T000000Z.dump",
    }  # fmt: skip


@pytest.mark.parametrize("keep", ["0", "00", "-1", "1.5", "many", "", "9" * 19, "1 2"])
def test_a_number_of_backups_that_cannot_be_meant_is_refused(run: Run, tmp_path: Path, keep: str) -> None:
    done = run("backup.sh", "--out", tmp_path / "new", "--keep", keep, url="postgresql://nobody@127.0.0.1:9/none")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "--keep needs a whole number of 1 or more" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", STRANGE)
def test_a_backup_goes_into_a_folder_only(run: Run, tmp_path: Path, kind: str) -> None:
    place = make_strange(tmp_path, kind)
    if kind == "folder":
        place = place / "file"
        place.write_text("precious")
    done = run("backup.sh", "--out", place, url="postgresql://nobody@127.0.0.1:9/none")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert f"{place} is not a folder; choose another --out" in done.stderr


@pytest.mark.parametrize("kind", STRANGE)
def test_a_restore_takes_a_backup_only(run: Run, tmp_path: Path, kind: str) -> None:
    place = make_strange(tmp_path, kind)
    done = run("restore.sh", place, url="postgresql://nobody@127.0.0.1:9/none")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert f"{place} is not a file; give one that backup.sh wrote" in done.stderr


def test_a_restore_takes_no_other_file(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "notes.dump"
    other.write_text("precious")
    done = run("restore.sh", other, url="postgresql://nobody@127.0.0.1:9/none")
    assert (done.returncode, done.stderr) == (
        2, f"restore.sh: error: {other} is not a backup; give a file that backup.sh wrote\n",
    )  # fmt: skip


def test_a_backup_that_fails_leaves_nothing(run: Run, tmp_path: Path) -> None:
    old = [tmp_path / f"energy-2020010{number}T000000Z.dump" for number in (1, 2)]
    for path in old:
        path.touch()
    done = run("backup.sh", "--out", tmp_path, "--keep", "1", url="postgresql://nobody:secret-word@127.0.0.1:9/none")
    assert done.returncode == 1
    assert "nothing was written" in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert sorted(tmp_path.iterdir()) == old, "none goes for a backup that was not made"


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
