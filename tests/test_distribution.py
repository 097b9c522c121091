"""A database spread over machines: what goes where, and that every key allows it. Citus itself is stood in for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from site_factory import make_site

from govern.distribution import REFERENCE_TABLES, distribute, is_distributed, plan_distribution
from govern.refresh_views import rebuild_views
from govern.schema_files import apply_views, read_view_files
from lib import db
from lib.errors import DatabaseError, DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What Citus offers, by its names and its argument names; it only writes down what it was asked for.
CITUS = """
CREATE TABLE pg_dist_partition (logicalrelid regclass, spread_by text, colocate_with text);
CREATE FUNCTION create_distributed_table(table_name regclass, distribution_column text,
    colocate_with text DEFAULT 'default') RETURNS void LANGUAGE sql
    AS 'INSERT INTO pg_dist_partition VALUES (table_name, distribution_column, colocate_with)';
CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void LANGUAGE sql
    AS 'INSERT INTO pg_dist_partition VALUES (table_name, NULL, NULL)';
ALTER EXTENSION plpgsql ADD TABLE pg_dist_partition;
"""
SPREAD = {
    "readings": "channel_id",
    "ingestion_logs": "channel_id",
    "mv_daily_usage": "meter_id",
    "mv_hourly_usage": "meter_id",
    "reading_gap_scans": "channel_id",
    "reading_gaps": "channel_id",
    "reading_marks": "channel_id",
    "reading_revisions": "channel_id",
    "rejected_readings": "channel_id",
    "usage_queue": "channel_id",
    "usage_state": "channel_id",
}


@pytest.fixture
def citus(conn: Connection) -> Connection:
    db.execute(conn, CITUS)
    conn.commit()
    return conn


def test_what_grows_goes_by_channel_and_the_rest_everywhere(conn: Connection) -> None:
    plan = plan_distribution(conn)
    assert {table: column for table, column in plan.items() if column} == SPREAD
    assert next(iter(plan)) == "readings"
    assert {table for table, column in plan.items() if column is None} <= REFERENCE_TABLES
    tables = db.fetch_all(
        conn,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition",
    )
    assert {name for (name,) in tables} == set(plan) | {"schema_migrations", "view_definitions"}


def test_table_that_nobody_classified_is_refused(conn: Connection) -> None:
    db.execute(conn, "CREATE TABLE notes (note_id bigint PRIMARY KEY)")
    with pytest.raises(DataError, match=r"table notes cannot be spread by channel \(it has none\)"):
        plan_distribution(conn)
    db.execute(conn, "ALTER TABLE notes ADD channel_id bigint")
    with pytest.raises(DataError, match="unique keys without it: notes_pkey"):
        plan_distribution(conn)
    db.execute(conn, "ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD PRIMARY KEY (channel_id, note_id)")
    assert plan_distribution(conn)["notes"] == "channel_id"


def test_no_table_refers_to_another_and_none_has_a_trigger(conn: Connection) -> None:
    # Between tables that are spread differently, Citus has neither.
    assert db.fetch_all(conn, "SELECT conname FROM pg_constraint WHERE contype = 'f'") == []
    assert db.fetch_all(conn, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []


def test_identity_columns_are_whole_and_on_no_partitioned_table(conn: Connection) -> None:
    # Citus 12 spreads identity columns of bigint, and none of a partitioned table.
    identities = db.fetch_all(
        conn,
        "SELECT c.relname, format_type(a.atttypid, a.atttypmod), c.relkind FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attidentity <> '' AND c.relnamespace = 'public'::regnamespace",
    )
    assert {kind for _, kind, _ in identities} == {"bigint"}
    assert {relkind for _, _, relkind in identities} == {"r"}


def test_setup_spreads_each_table_once(citus: Connection) -> None:
    assert not is_distributed(citus)
    plan = plan_distribution(citus)
    assert distribute(citus) == list(plan)
    recorded = db.fetch_all(citus, "SELECT logicalrelid::text, spread_by, colocate_with FROM pg_dist_partition")
    neighbours = {table: "none" if table == "readings" else "readings" for table in SPREAD}
    assert recorded == [(table, column, neighbours.get(table)) for table, column in plan.items()]
    assert is_distributed(citus)
    assert distribute(citus) == []


def test_views_for_citus_show_the_same(citus: Connection) -> None:
    make_site(citus, datetime(2026, 2, 9, 5, tzinfo=UTC))
    db.execute(citus, "DELETE FROM readings WHERE channel_id = 11 AND timestamp > '2026-02-05 12:00+00'")
    rebuild_views(citus)
    queries = [
        "SELECT * FROM v_latest_readings ORDER BY meter_id",
        "SELECT meter_id, interval_s FROM v_meters ORDER BY meter_id",
    ]
    before = [db.fetch_all(citus, query) for query in queries]
    assert [len(rows) for rows in before] == [2, 2]
    distribute(citus)
    assert "v_latest_readings" in apply_views(citus)
    assert apply_views(citus) == []
    assert "DISTINCT ON" in db.fetch_all(citus, "SELECT pg_get_viewdef('v_latest_readings'::regclass)")[0][0]
    assert [db.fetch_all(citus, query) for query in queries] == before


def test_views_for_citus_compute_no_growing_table_row_by_row() -> None:
    # For each row of a copied table Citus cannot ask a spread one for a LIMIT, or for a sum without GROUP BY.
    for view in read_view_files(is_distributed=True):
        for lateral in re.findall(r"LATERAL \((.*?)\n\s*\) AS", view.definition, flags=re.DOTALL):
            growing = set(re.findall(r"\w+", lateral)) & set(SPREAD)
            assert not growing or "GROUP BY" in lateral, (view.name, growing)


def test_database_without_citus_is_told_so(conn: Connection, database_url: str, run_script: Callable) -> None:
    with pytest.raises(DatabaseError, match="this database has no Citus"):
        distribute(conn)
    done = run_script("govern/setup_database.py", "--citus", env={"DATABASE_URL": database_url})
    assert (done.returncode, "CREATE EXTENSION citus" in done.stderr) == (1, True)


def test_script_spreads_and_then_applies_the_views(citus: Connection, database_url: str, run_script: Callable) -> None:
    done = run_script("govern/setup_database.py", "--citus", env={"DATABASE_URL": database_url})
    assert done.returncode == 0, done.stderr
    assert "spread or copied to every machine: readings, " in done.stdout
    assert "v_latest_readings" in done.stdout
    again = run_script("govern/setup_database.py", "--citus", env={"DATABASE_URL": database_url})
    assert again.stdout == "database is up to date\n"
    assert run_script("govern/check_database.py", env={"DATABASE_URL": database_url}).returncode == 0
