"""Killed at any moment, by process or by connection: the next run heals, and nothing is doubled, lost or left open.

The short run takes a few rounds. ``KILL_TEST_ROUNDS=100 bash operations/run_tests.sh tests/test_kill_anywhere.py`` is
the long one, and ``KILL_TEST_SEED`` chooses other moments.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import LOGIN, SITE_ID, Service

from govern.gaps.ledger import update_gaps
from ingest.storage.lease import site_lease
from lib import db
from lib.errors import BusyError
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
ROUNDS = int(os.environ.get("KILL_TEST_ROUNDS", "6"))
SEED = int(os.environ.get("KILL_TEST_SEED", "1"))
CHANNELS = [str(162119 + number) for number in range(6)]
INGEST = ["ingest/ingest_to_postgres.py", "--start", "2026-02-03", "--end", "2026-02-05", "--resolution", "60",
          "--channels", *CHANNELS]  # fmt: skip
BACKFILL = ["ingest/backfill_gaps.py", "--again"]
ROWS = "SELECT * FROM readings ORDER BY channel_id, timestamp"

Run = Callable[[list[str]], "subprocess.Popen[str]"]


def environment(database_url: str, api_url: str, lease_s: float = 0.5) -> dict[str, str]:
    names = ("VITE_ENISCOPE_API_KEY", "VITE_ENISCOPE_EMAIL", "VITE_ENISCOPE_PASSWORD")
    return dict(zip(names, LOGIN, strict=True)) | {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATABASE_URL": database_url,
        "VITE_ENISCOPE_API_URL": api_url,
        "ENISCOPE_REQUESTS_PER_SECOND": "0",
        "ENISCOPE_LEASE_SECONDS": str(lease_s),
    }


@pytest.fixture
def begin(database_url: str, serve: Callable[..., Service]) -> Iterator[Run]:
    """Start a script as a process of its own, against a sandbox that takes its time."""
    service = serve(now=NOW, planted_weeks=[], latency_s=0.01)
    processes = []

    def start(command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PROJECT_ROOT / command[0]), *command[1:]],
            env=environment(database_url, service.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a process that must end well."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, output + errors


def cut_connections(conn: Connection) -> int:
    """End every other connection to this database, as a restart of the server would; return how many there were."""
    cut = db.fetch_all(
        conn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    conn.commit()
    return len(cut)


def check_nothing_is_open(conn: Connection) -> None:
    """Assert that no other connection, transaction or lock is left within a moment."""
    give_up_at = time.monotonic() + 10
    while True:
        others = db.fetch_all(
            conn,
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        locks = db.fetch_all(
            conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )  # fmt: skip
        conn.rollback()
        if not others and locks == [(0,)]:
            return
        assert time.monotonic() < give_up_at, (others, locks)
        time.sleep(0.05)


def disturb(conn: Connection, process: subprocess.Popen[str], chance: random.Random, usual_s: float) -> str:
    """Kill the process or its connections at a moment of chance; return what was done."""
    try:
        process.wait(timeout=chance.uniform(0.2, usual_s))
    except subprocess.TimeoutExpired:
        if chance.random() < 0.7:
            process.kill()
            process.communicate()
            return "killed"
        cut = cut_connections(conn)
        output, errors = process.communicate(timeout=120)
        # Between two connections, or with none but the lease's, it goes on and ends well.
        assert process.returncode in (0, 1), output + errors
        assert "Traceback" not in errors
        return "cut" if cut else "untouched"
    process.communicate()
    return "done"


def check_log(conn: Connection) -> None:
    """Assert that the readings are exactly those that the log says were inserted: one transaction holds both."""
    ((logged, stored),) = db.fetch_all(
        conn,
        "SELECT (SELECT coalesce(sum(inserted), 0) FROM ingestion_logs WHERE status = 'done'),"
        " (SELECT count(*) FROM readings)",
    )
    conn.rollback()
    assert logged == stored


@pytest.mark.slow
def test_ingest_killed_anywhere_is_healed_by_the_next(conn: Connection, begin: Run) -> None:
    began = time.monotonic()
    finish(begin(INGEST))
    usual_s = time.monotonic() - began
    columns = ROWS.replace("*", "channel_id, timestamp, interval_s, energy_kwh, power_kw, voltage_v")
    truth = db.fetch_all(conn, columns)
    assert len(truth) == 3 * 1440 * len(CHANNELS)
    chance, outcomes = random.Random(SEED), []
    for number in range(ROUNDS):
        if number % 4 == 0:  # begin anew now and then, so that every stage of the load is met
            db.execute(conn, "TRUNCATE readings, ingestion_logs")
            conn.commit()
        outcomes.append(disturb(conn, begin(INGEST), chance, usual_s))
        check_nothing_is_open(conn)
        check_log(conn)
    finish(begin(INGEST))
    assert db.fetch_all(conn, columns) == truth
    check_log(conn)
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE status = 'running'") == [(0,)]
    assert db.fetch_all(conn, "SELECT count(*) FROM ingest_leases") == [(0,)]
    check_nothing_is_open(conn)
    assert {"killed", "cut"} & set(outcomes), outcomes


@pytest.mark.slow
def test_backfill_killed_anywhere_is_healed_by_the_next(conn: Connection, begin: Run) -> None:
    finish(begin(INGEST))
    truth = db.fetch_all(conn, ROWS.replace("*", "channel_id, timestamp, energy_kwh"))
    chance = random.Random(SEED)
    start = datetime(2026, 2, 3, 5, tzinfo=UTC)
    for channel in CHANNELS:
        for day in range(3):
            hole = start + timedelta(days=day, minutes=chance.randrange(60, 1000))
            db.execute(
                conn,
                "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
                (int(channel), hole, hole + timedelta(minutes=chance.randrange(1, 300))),
            )
    missing = len(truth) - db.fetch_all(conn, "SELECT count(*) FROM readings")[0][0]
    update_gaps(conn, SITE_ID, datetime.now(UTC))
    conn.commit()
    began, outcomes = time.monotonic(), []
    for _ in range(max(ROUNDS // 2, 2)):
        outcomes.append(disturb(conn, begin(BACKFILL), chance, 2.0))
        check_nothing_is_open(conn)
    assert time.monotonic() > began
    finish(begin(BACKFILL))
    assert db.fetch_all(conn, ROWS.replace("*", "channel_id, timestamp, energy_kwh")) == truth
    counts = update_gaps(conn, SITE_ID, datetime.now(UTC))
    conn.commit()
    assert {count.state: count.intervals for count in counts if count.gaps} == {"refetched": missing}
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE status = 'running'") == [(0,)]


def test_second_ingest_waits_and_leaves_and_a_killed_one_is_outwaited(
    conn: Connection, database_url: str, begin: Run
) -> None:
    command = ["ingest/ingest_to_postgres.py", "--start", "2026-02-03", "--end", "2026-02-03"]
    with site_lease(database_url, SITE_ID, "a long backfill", 1.0):
        refused = begin(command)
        output, errors = refused.communicate(timeout=60)
        assert (refused.returncode, output) == (1, "")
        lines = errors.splitlines()
        assert len(lines) == 2
        assert "site 23271: waiting for a long backfill on " in lines[0]
        assert "is at work; let it end, and run again" in lines[1]
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs") == [(0,)]
    killed = begin(command)
    wait_for(lambda: bool(db.fetch_all(conn, "SELECT FROM ingest_leases")), conn)
    killed.kill()
    killed.communicate()
    again = begin(command)
    output, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert "17 channels" in output


def test_two_at_once_store_everything_once(conn: Connection, begin: Run) -> None:
    both = [begin(INGEST[:5]) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 1]), outputs
    check_log(conn)
    assert db.fetch_all(conn, "SELECT count(*), count(DISTINCT (channel_id, timestamp)) FROM readings") == [
        (17 * 3 * 96,) * 2
    ]


def wait_for(condition: Callable[[], bool], conn: Connection) -> None:
    give_up_at = time.monotonic() + 20
    while not condition():
        conn.rollback()
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    conn.rollback()


def test_lease_is_renewed_over_a_cut_connection_and_given_back(conn: Connection, database_url: str) -> None:
    with site_lease(database_url, 5, "first", 1.0):
        wait_for(lambda: _leases(conn, "first") == 1, conn)
        time.sleep(0.4)
        cut_connections(conn)
        time.sleep(1.2)  # longer than the term
        with pytest.raises(BusyError, match="first on .* is at work"), site_lease(database_url, 5, "second", 0.5):
            pass
        with site_lease(database_url, 6, "other site", 0.5):
            assert _leases(conn, "other site") == 1
    assert db.fetch_all(conn, "SELECT count(*) FROM ingest_leases") == [(0,)]


def test_holder_learns_that_the_lease_is_lost(conn: Connection, database_url: str) -> None:
    lost = threading.Event()
    with site_lease(database_url, 5, "suspended", 0.5, on_lost=lost.set):
        db.execute(conn, "UPDATE ingest_leases SET holder = 'somebody else'")
        conn.commit()
        assert lost.wait(5)
    # What is another's is not given back.
    assert _leases(conn, "somebody else") == 1


def _leases(conn: Connection, script: str) -> int:
    (count,) = db.fetch_all(
        conn, "SELECT count(*) FROM ingest_leases WHERE starts_with(holder, %s) AND expires_at > now()", (script,)
    )[0]
    conn.rollback()
    return count


# --- through PgBouncer ------------------------------------------------------------------------------------------------

PGBOUNCER = shutil.which("pgbouncer", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")


@contextmanager
def transaction_pool(database_url: str) -> Iterator[str]:
    """Yield the URL of a PgBouncer in front of a database that gives each transaction whatever session is free."""
    target = dict(part.split("=", 1) for part in db_parameters(database_url))
    folder = Path(tempfile.mkdtemp(prefix="energy-pool-"))  # short, for a socket's path may not be long
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"energy = host={target['host']} port={target['port']} dbname={target['dbname']} user=postgres\n"
        "[pgbouncer]\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nlisten_port = 6543\n"
        f"unix_socket_dir = {folder}\nlisten_addr =\nauth_type = any\nauth_file = {folder}/users.txt\n"
        f"logfile = {folder}/log\npidfile = {folder}/pid\n"
    )
    command = [str(PGBOUNCER), str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:  # it refuses to run as root; the server's own user stands ready
        shutil.chown(folder, "pgserver")
        command = ["runuser", "-u", "pgserver", "--", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + 10
        while not (folder / ".s.PGSQL.6543").exists():
            assert process.poll() is None and time.monotonic() < give_up_at, "PgBouncer did not start"
            time.sleep(0.05)
        yield f"postgresql://postgres@/energy?host={folder}&port=6543"
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def db_parameters(database_url: str) -> list[str]:
    from psycopg2.extensions import parse_dsn

    return [f"{key}={value}" for key, value in parse_dsn(database_url).items()]


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (Debian: apt-get install pgbouncer)")
def test_every_stage_works_through_a_transaction_pool(
    conn: Connection,
    empty_database_url: str,
    serve: Callable[..., Service],
    run_script: Callable[..., Any],
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    with transaction_pool(empty_database_url) as url:
        env = environment(url, service.url, lease_s=2.0)
        for script, *arguments in (
            ["govern/setup_database.py"],
            ["ingest/ingest_to_postgres.py", "--start", "2026-02-01", "--end", "2026-02-09"],
            ["govern/update_gaps.py"],
            ["ingest/backfill_gaps.py"],
            ["ingest/ingest_to_postgres.py", "--start", "2026-02-08", "--end", "2026-02-09"],
            ["govern/refresh_views.py"],
            ["govern/validate_data.py"],
        ):
            done = run_script(script, *arguments, env=env)
            assert done.returncode == 0, (script, done.stdout, done.stderr)
        with db.connect(url) as pooled:
            assert db.fetch_all(pooled, "SELECT count(*) FROM readings") == [(17 * 9 * 96,)]
        with site_lease(url, SITE_ID, "first", 2.0):
            refused = run_script("ingest/backfill_gaps.py", env=env)
            assert (refused.returncode, "first on" in refused.stderr) == (1, True)
