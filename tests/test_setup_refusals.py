"""Setup on a database that is not ours alone: refused whole, or brought to the present form from any earlier one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govern import setup_database
from govern.schema import files
from lib import cli, db
from lib.paths import MIGRATIONS_DIR

MENDS = MIGRATIONS_DIR / "mends"
FIRST_0001 = "0001_create_raw_tables.f381bda0be66.sql"
FIRST_0008 = "0008_create_findings_and_quarantines.04bb822379ee.sql"
RELATIONS = (
    "SELECT n.nspname, c.relname, c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2"
)
COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default, col_description(table_name::regclass,"
    " ordinal_position) FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)

Setup = Callable[[], tuple[int, str]]


@pytest.fixture
def set_up(empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Setup:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)

    def run() -> tuple[int, str]:
        code = cli.run(setup_database.main, [])
        return code, capsys.readouterr().err

    return run


def look(url: str, query: str) -> list[tuple[Any, ...]]:
    with db.connect(url, readonly=True) as conn:
        return db.fetch_all(conn, query)


def change(url: str, *statements: str) -> None:
    with db.connect(url) as conn:
        for statement in statements:
            db.execute(conn, statement)
        conn.commit()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_an_encoding_that_cannot_hold_every_name_is_refused(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    name = f"old_{encoding.lower()}"
    with db.connect(empty_database_url) as conn:
        old_name = conn.info.dbname
        conn.autocommit = True
        db.execute(
            conn, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    url = empty_database_url.replace(old_name, name)
    monkeypatch.setenv("DATABASE_URL", url)
    try:
        assert cli.run(setup_database.main, []) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"database {name} is in {encoding}, which cannot hold every name; nothing was changed" in line
        assert "ENCODING 'UTF8' TEMPLATE template0" in line
        assert look(url, RELATIONS) == []
    finally:
        with db.connect(empty_database_url) as conn:
            conn.autocommit = True
            db.execute(conn, f"DROP DATABASE {name}")


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ("CREATE TABLE readings (id bigint)", "readings"),
        ("CREATE TABLE scheduled_jobs (id bigint)", "scheduled_jobs"),
        ("CREATE TABLE schema_migrations (version text)", "schema_migrations"),
        ("CREATE TABLE schema_migrations (name text PRIMARY KEY)", "schema_migrations"),
        ("CREATE TABLE view_definitions (name text, body text)", "view_definitions"),
        ("CREATE VIEW v_readings_monthly AS SELECT 1 AS total", "v_readings_monthly"),
        ("CREATE MATERIALIZED VIEW mv_daily_usage AS SELECT 1 AS total", "mv_daily_usage"),
        ("CREATE SEQUENCE ingest_run_ids", "ingest_run_ids"),
        ("CREATE FUNCTION fill_readings() RETURNS int LANGUAGE sql AS 'SELECT 1'", "fill_readings"),
    ],
)
def test_what_another_application_has_is_left_alone_and_nothing_of_ours_is_left(
    empty_database_url: str, set_up: Setup, theirs: str, name: str
) -> None:
    change(empty_database_url, theirs, "CREATE TABLE customers (id bigint)")
    before = look(empty_database_url, RELATIONS)
    for _ in range(2):
        code, said = set_up()
        (line,) = said.splitlines()
        assert code == 1
        assert f"relations of another application under names that are needed here: {name}; nothing was changed" in line
        assert look(empty_database_url, RELATIONS) == before


def test_tables_of_other_names_are_no_hindrance(empty_database_url: str, set_up: Setup) -> None:
    change(
        empty_database_url,
        "CREATE TABLE customers (id bigint)",
        "CREATE SCHEMA app",
        "CREATE TABLE app.readings (id int)",
    )
    assert set_up() == (0, "")
    assert set_up() == (0, "")


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_a_view_of_ones_own_is_named_before_what_it_reads_is_replaced(
    empty_database_url: str, set_up: Setup, kind: str
) -> None:
    assert set_up() == (0, "")
    own = f"CREATE {kind} bi.my_meters AS SELECT site_id FROM v_meters"
    change(empty_database_url, "CREATE SCHEMA bi", own)
    assert set_up() == (0, ""), "nothing is to be replaced"
    change(empty_database_url, "UPDATE view_definitions SET checksum = 'older' WHERE name = 'v_sites'")
    before = look(empty_database_url, RELATIONS)
    code, said = set_up()
    (line,) = said.splitlines()
    assert (code, "bi.my_meters (reads v_meters); nothing was changed" in line) == (1, True), line
    assert look(empty_database_url, RELATIONS) == before
    change(empty_database_url, f"DROP {kind} bi.my_meters")
    assert set_up() == (0, "")
    change(empty_database_url, own)


def test_two_setups_at_once_both_end_well(empty_database_url: str, run_script: Callable[..., Any]) -> None:
    ended: list[Any] = []

    def run() -> None:
        ended.append(run_script("govern/setup_database.py", env={"DATABASE_URL": empty_database_url}))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(done.returncode, "ERROR" in done.stderr) for done in ended] == [(0, False)] * 2
    assert len(look(empty_database_url, "SELECT name FROM schema_migrations")) == len(
        list(MIGRATIONS_DIR.glob("*.sql"))
    )


def first_form(mend: str) -> str:
    """Return a migration as it was first published: without the lines that were written into it later."""
    name, digest, _ = mend.split(".")
    text = (MIGRATIONS_DIR / f"{name}.sql").read_text(encoding="utf-8")
    if mend == FIRST_0001:
        later = ("is_listed ", "channels.is_listed", "covers_from ", "validation_runs.covers_from")
        text = "".join(line for line in text.splitlines(True) if not any(word in line for word in later))
    else:
        begin = text.index("CREATE TABLE forced_reports")
        end = text.index("\n\n", text.index("forced_reports.recorded_at")) + 2
        text = text[:begin] + text[end:]
    assert hashlib.sha256(text.encode()).hexdigest().startswith(digest)
    return text


@pytest.mark.parametrize("mend", [FIRST_0001, FIRST_0008])
def test_a_database_of_the_first_commits_is_brought_to_the_present_form(
    empty_database_url: str, database_url: str, set_up: Setup, tmp_path: Path, mend: str
) -> None:
    name = mend.split(".")[0]
    for path in MIGRATIONS_DIR.glob("*.sql"):
        if path.stem <= name:
            text = first_form(mend) if path.stem == name else path.read_text(encoding="utf-8")
            (tmp_path / path.name).write_text(text, encoding="utf-8")
    with db.connect(empty_database_url) as conn:
        files.apply_migrations(conn, tmp_path)
        if mend == FIRST_0001:
            db.execute(
                conn,
                "INSERT INTO validation_runs (organization_id, started_at, finished_at, verdict, checks_run, limits)"
                " VALUES (7, '2025-11-23T06:00Z', '2025-11-23T06:01Z', 'closed', 20, '{}')",
            )
        conn.commit()
    assert set_up() == (0, "")
    assert set_up() == (0, "")
    assert look(empty_database_url, COLUMNS) == look(database_url, COLUMNS)
    stored = "SELECT name, checksum FROM schema_migrations ORDER BY 1"
    assert look(empty_database_url, stored) == look(database_url, stored)
    if mend == FIRST_0001:
        assert look(empty_database_url, "SELECT covers_from = finished_at FROM validation_runs") == [(True,)]


def test_each_mend_is_of_a_migration_and_tested() -> None:
    assert sorted(path.name for path in MENDS.iterdir()) == [FIRST_0001, FIRST_0008]
    assert {path.name.split(".")[0] for path in MENDS.iterdir()} <= {path.stem for path in MIGRATIONS_DIR.glob("*.sql")}
