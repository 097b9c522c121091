"""Migrations and views in a real PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from govern.schema import files
from lib import db
from lib.errors import DatabaseError
from lib.paths import USAGE_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def test_second_setup_finds_nothing_to_do(empty_database_url: str) -> None:
    with db.connect(empty_database_url) as conn:
        assert files.apply_migrations(conn) == [path.name for path in sorted(
            files.MIGRATIONS_DIR.glob("*.sql"))]  # fmt: skip
        assert set(files.apply_views(conn)) == {view.name for view in files.read_view_files()}
        assert files.apply_migrations(conn) == []
        assert files.apply_views(conn) == []
        assert files.pending_migrations(conn) == []


def test_migration_that_fails_leaves_no_trace(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id bigint);")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE half (id bigint); SELECT * FROM nowhere;")
    with pytest.raises(DatabaseError, match="nowhere"), db.connect(empty_database_url) as conn:
        files.apply_migrations(conn, tmp_path)
    with db.connect(empty_database_url) as conn:
        assert db.fetch_all(conn, "SELECT name FROM schema_migrations") == [("0001_good.sql",)]
        assert db.fetch_one(conn, "SELECT to_regclass('half')") == (None,)


def test_applied_migration_that_changed_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (id bigint);")
    with db.connect(empty_database_url) as conn:
        files.apply_migrations(conn, tmp_path)
        (tmp_path / "0001_first.sql").write_text("CREATE TABLE b (id bigint);")
        with pytest.raises(DatabaseError, match="0001_first.sql was changed after it was applied"):
            files.apply_migrations(conn, tmp_path)


def test_two_setups_at_once_both_succeed(empty_database_url: str) -> None:
    failures: list[Exception] = []

    def set_up() -> None:
        try:
            with db.connect(empty_database_url) as conn:
                files.apply_migrations(conn)
                files.apply_views(conn)
        except Exception as err:  # kept for the main thread to see
            failures.append(err)

    threads = [threading.Thread(target=set_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_changed_view_file_is_applied_without_touching_other_layers(conn: Connection) -> None:
    view_and_table = "SELECT 'v_sites'::regclass::oid, 'mv_hourly_usage'::regclass::oid"
    ((view, table),) = db.fetch_all(conn, view_and_table)
    db.execute(conn, "UPDATE view_definitions SET checksum = 'older' WHERE name = 'v_sites'")
    assert "v_sites" in files.apply_views(conn)
    ((new_view, same_table),) = db.fetch_all(conn, view_and_table)
    assert (new_view != view, same_table == table) == (True, True)


def test_every_column_is_commented(conn: Connection) -> None:
    bare = db.fetch_all(
        conn,
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
        " AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
        " AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2",
    )
    assert bare == []


def test_view_files_begin_with_grain_units_and_time_zone() -> None:
    definitions = [*files.BUSINESS_DIR.glob("*.sql"), *USAGE_DIR.glob("mv_*.sql")]
    assert len(definitions) > 2
    for path in definitions:
        head = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("--"))
        assert "Grain:" in head, path.name
        assert "Time zone:" in head, path.name


def test_old_server_is_refused(conn: Connection) -> None:
    class Old:
        server_version = 140009

    with pytest.raises(DatabaseError, match="PostgreSQL 14 is too old"):
        files.apply_migrations(Old())  # type: ignore[arg-type]
