"""A database spread over machines: what goes where, and that every key allows it. Citus itself is stood in for."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from site_factory import make_site

from govern.checks import verdict_store
from govern.schema.distribution import REFERENCE_TABLES, distribute, is_distributed, plan_distribution
from govern.schema.files import apply_views, read_view_files
from govern.usage.refresh import rebuild_views
from lib import db
from lib.errors import DatabaseError, DataError
from lib.paths import PROJECT_ROOT

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


def queries() -> dict[str, str]:
    """Return every query of Layer 3 and of govern that stands in a file or in a constant of its own, by name."""
    paths = [path for path in PROJECT_ROOT.glob("govern/*/*.sql") if path.parent.name != "schema"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    texts |= {view.name: view.definition for view in read_view_files(is_distributed=True)}
    texts |= {name: text for name, text in vars(verdict_store).items() if isinstance(text, str) and "SELECT" in text}
    return {name: re.sub(r"--.*", "", text) for name, text in texts.items()}


def statements_of_ingest() -> dict[str, str]:
    """Return every statement that a module of ingest holds, by module and line."""
    found = {}
    for path in PROJECT_ROOT.glob("ingest/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text):
                found[f"{path.name}:{node.lineno}"] = text
    return found


def subqueries(text: str) -> Iterator[str]:
    """Yield every SELECT in parentheses, those within others too."""
    for opening in re.finditer(r"\(\s*SELECT\b", text):
        depth = 0
        for position in range(opening.start(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[position], 0)
            if depth == 0:
                yield text[opening.start() : position + 1]
                break


def asks_row_by_row(text: str) -> list[str]:
    """Return the subqueries that need a LIMIT or an ungrouped sum of a growing table for each row of a copied one.

    Citus refuses them: the rows of the growing table are on several machines then, and nobody merges them.
    """
    copied = "|".join([*sorted(REFERENCE_TABLES), "v_meters", "v_sites"])
    names = set(re.findall(rf"(?:FROM|JOIN)\s+(?:{copied})\s+AS\s+(\w+)", text))
    growing = {*SPREAD, "v_latest_readings", "v_readings_enriched", "v_readings_daily", "v_reading_gaps"}
    found = []
    for subquery in subqueries(text):
        inner = set(re.findall(r"(?:FROM|JOIN)\s+\w+\s+AS\s+(\w+)", subquery))
        is_asked_by_row = any(re.search(rf"\b{name}\.", subquery) for name in names - inner)
        is_sum = "GROUP BY" not in subquery and re.search(r"\b(count|sum|min|max|percentile_cont)\(", subquery)
        if growing & set(re.findall(r"\w+", subquery)) and is_asked_by_row and ("LIMIT" in subquery or is_sum):
            found.append(subquery)
    return found


def test_no_query_asks_a_growing_table_for_each_row_of_a_copied_one() -> None:
    query = "SELECT FROM channels AS c, LATERAL (SELECT FROM readings AS r WHERE r.channel_id = {}.channel_id {})"
    assert asks_row_by_row(query.format("c", "LIMIT 1"))
    assert not asks_row_by_row(query.format("asked", "LIMIT 1"))
    assert not asks_row_by_row(query.format("c", "GROUP BY r.channel_id"))
    assert {name: found for name, text in queries().items() if (found := asks_row_by_row(text))} == {}


def test_changes_of_growing_tables_are_such_as_citus_takes() -> None:
    # No function in the FROM clause, none that depends on the session and takes a column, no local table but in a
    # subquery.
    changes = [
        (name, statement)
        for name, text in queries().items()
        for statement in re.split(r";\s*\n", text)
        if re.search(r"^(UPDATE|DELETE)", statement, flags=re.MULTILINE)
    ]
    assert {name for name, _ in changes} == {
        "3_reconcile.sql", "4_count_asks.sql", "5_mark_readings.sql", "mv_daily_usage.sql", "mv_hourly_usage.sql"
    }  # fmt: skip
    for name, statement in changes:
        outside = statement
        for subquery in subqueries(statement):
            outside = outside.replace(subquery, "")
        assert not re.search(r"\b(unnest|gap_(scope|missing|known|changes|pieces)|doubled_hours)\b", outside), name
        assert not re.search(r"\b(format|to_char|now|clock_timestamp)\(|\w\.\w+ [+-] interval", statement), name


def test_statements_of_ingest_are_such_as_citus_takes() -> None:
    # A change may call nothing that gives another value at each call, and on a conflict nothing but what came.
    statements = statements_of_ingest()
    changes = {name: text.strip() for name, text in statements.items()}
    changes = {name: text for name, text in changes.items() if re.match("UPDATE|DELETE|INSERT", text)}
    assert {name.split(":")[0] for name in changes} >= {
        "attempts.py", "gap_windows.py", "readings.py", "readmit.py", "rejects.py", "sites.py"
    }  # fmt: skip
    for name, text in changes.items():
        changed = text.partition("ON CONFLICT")[2] if text.startswith("INSERT") else text
        assert not re.search(r"\b(clock_timestamp|random|format|to_char)\(", changed), name
        after_conflict = text.partition("DO UPDATE")[2]
        choices = " ".join(re.findall(r"coalesce\([^)]*\(\)|CASE.*?END", text))
        assert not re.search(r"\b(now|statement_timestamp)\(", after_conflict + choices), name
    assert {name: found for name, text in statements.items() if (found := asks_row_by_row(text))} == {}


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
