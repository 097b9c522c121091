"""The embedded server is created, started, found again, survives what befalls it, and stops."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import psycopg2.extras
import pytest

from lib.errors import ConfigError, DatabaseError
from lib.paths import PROJECT_ROOT
from operations.postgres import server
from operations.postgres.server import ensure_database, is_running, start_server, stop_server

SCRIPT = PROJECT_ROOT / "operations" / "embedded_postgres.py"
QUICK = {"fsync": "off"}


@pytest.fixture
def folder(servers_folder: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir=servers_folder))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(folder: Path) -> Iterator[Path]:
    path = folder / "data" / "postgres"
    yield path
    stop_server(path)


def run_embedded(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | environment, cwd="/")


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postmaster.pid").read_text().splitlines()[0])


def kill_server(data_dir: Path) -> None:
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)
    give_up_at = time.monotonic() + 10
    while is_running(data_dir):
        assert time.monotonic() < give_up_at, "the killed server does not end"
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["plain", "with a space", "Zähler", "50%, it's #1 & more?", "l" * 120])
def test_server_starts_and_stops_whatever_its_folder_is_called(folder: Path, name: str) -> None:
    data_dir = folder / name / "postgres"
    try:
        url = ensure_database(start_server(data_dir, settings=QUICK), "energy")
        assert query(url, "SELECT current_database(), current_setting('data_directory')") == [("energy", str(data_dir))]
        socket_dir = query(url, "SHOW unix_socket_directories")[0][0]
        assert Path(str(socket_dir)).stat().st_mode & 0o077 == 0, "others can reach a server that asks no password"
    finally:
        stop_server(data_dir)
    assert not is_running(data_dir)
    assert Path(str(socket_dir)).exists() is (Path(str(socket_dir)) == data_dir)


def test_script_prints_the_url_only_and_each_action_may_be_repeated(data_dir: Path) -> None:
    # A variable of a developer's own PostgreSQL must neither reach the server nor the connection.
    foreign = {"PGPORT": "6543", "PGDATA": "/nonexistent", "PGDATABASE": "elsewhere", "PGCLIENTENCODING": "LATIN1"}
    here = ("--data-dir", data_dir)
    assert run_embedded("stop", *here).returncode == 0
    assert (run_embedded("status", *here).stdout, run_embedded("status", *here).returncode) == ("stopped\n", 1)
    refused = run_embedded("url", *here)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is not running" in refused.stderr

    started = run_embedded("start", *here, **foreign)
    assert started.returncode == 0, started.stderr
    url = started.stdout.removesuffix("\n")
    assert url == f"postgresql://postgres@/energy?host={data_dir}&port=5432"
    assert query(url, "SHOW client_encoding") == [("UTF8",)]
    query(url, "CREATE TABLE kept (value int)")
    assert run_embedded("start", *here).stdout == f"{url}\n"
    assert run_embedded("start", *here, "--database", "other").stdout == url.replace("energy?", "other?") + "\n"
    assert run_embedded("url", *here).stdout == f"{url}\n"
    assert run_embedded("status", *here).stdout == "running\n"

    for _ in range(2):
        assert run_embedded("stop", *here).returncode == 0
    assert run_embedded("status", *here).stdout == "stopped\n"
    assert run_embedded("start", *here).stdout == f"{url}\n"
    assert query(url, "SELECT count(*) FROM kept") == [(0,)]


def test_database_name_is_taken_literally(data_dir: Path) -> None:
    name = 'läs"t; DROP DATABASE energy/?'
    url = ensure_database(start_server(data_dir, settings=QUICK), name)
    assert query(url, "SELECT current_database()") == [(name,)]
    assert ensure_database(start_server(data_dir), name) == url


def test_two_starts_at_once_give_one_server(data_dir: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: run_embedded("start", "--data-dir", data_dir), range(2)))
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert runs[0].stdout == runs[1].stdout
    assert query(runs[0].stdout.strip(), "SELECT 1") == [(1,)]


def test_server_killed_during_a_query_starts_again(data_dir: Path) -> None:
    url = start_server(data_dir)
    query(url, "CREATE TABLE kept AS SELECT 7 AS value")
    # The session outlives the server until its query ends, and PostgreSQL waits for that.
    connection = psycopg2.connect(url, async_=True)
    psycopg2.extras.wait_select(connection)
    cursor = connection.cursor()
    # A session that waits notices the server's end at once; one that computes does not.
    cursor.execute("DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1.5 s' LOOP END LOOP; END $$")
    time.sleep(0.2)
    kill_server(data_dir)
    assert query(start_server(data_dir), "SELECT value FROM kept") == [(7,)]
    connection.close()


def test_pid_of_a_dead_server_that_another_process_has_now_is_left_alone(data_dir: Path) -> None:
    url = start_server(data_dir)
    old_pid = postmaster_pid(data_dir)
    with subprocess.Popen(["sleep", "60"]) as innocent:
        try:
            kill_server(data_dir)
            pid_file = data_dir / "postmaster.pid"
            pid_file.write_text(pid_file.read_text().replace(str(old_pid), str(innocent.pid), 1))
            assert not is_running(data_dir)
            stop_server(data_dir)
            assert start_server(data_dir) == url
            assert query(url, "SELECT 1") == [(1,)]
            stop_server(data_dir)
            assert innocent.poll() is None, "the innocent process was ended"
        finally:
            innocent.kill()


def test_another_server_that_has_the_pid_now_is_left_alone(data_dir: Path, folder: Path) -> None:
    other_dir = folder / "other"
    try:
        other_url = start_server(other_dir, settings=QUICK)
        start_server(data_dir, settings=QUICK)
        old_pid = postmaster_pid(data_dir)
        kill_server(data_dir)
        pid_file = data_dir / "postmaster.pid"
        pid_file.write_text(pid_file.read_text().replace(str(old_pid), str(postmaster_pid(other_dir)), 1))
        assert not is_running(data_dir)
        stop_server(data_dir)
        assert query(other_url, "SELECT 1") == [(1,)]
        assert query(start_server(data_dir), "SHOW data_directory") == [(str(data_dir),)]
    finally:
        stop_server(other_dir)


def test_creation_that_died_half_way_leaves_nothing_broken(data_dir: Path) -> None:
    unfinished = data_dir.parent / f".{data_dir.name}.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert query(start_server(data_dir, settings=QUICK), "SELECT 1") == [(1,)]
    assert not unfinished.exists()


def test_failed_start_is_told_in_one_line_with_reason_and_log(data_dir: Path) -> None:
    start_server(data_dir, settings=QUICK)
    stop_server(data_dir)
    with (data_dir / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = nonsense\n")
    failed = run_embedded("start", "--data-dir", data_dir)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert len(failed.stderr.splitlines()) == 1
    assert "configuration file" in failed.stderr
    assert str(data_dir / "server.log") in failed.stderr


def test_folder_of_something_else_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DatabaseError, match="holds other files than PostgreSQL's"):
        start_server(folder)
    with pytest.raises(DatabaseError, match="is not a folder"):
        start_server(folder / "notes.txt")
    assert (folder / "notes.txt").read_text() == "mine"


def test_data_of_another_version_are_refused(folder: Path) -> None:
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 16"):
        start_server(folder)


def test_missing_package_is_told_with_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_WHEEL", "no_such_package")
    with pytest.raises(ConfigError, match="requirements.txt"):
        start_server(data_dir)
