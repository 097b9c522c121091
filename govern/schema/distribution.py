"""Spreads a database over several machines with Citus 12 or newer: what grows by channel, the rest whole on each.

A table that is not named here grows with the readings and is spread by its channel. Each of its unique keys must hold
the channel then, for a machine can only vouch for its own rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from lib import db
from lib.errors import DatabaseError, DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Small, or asked by site: a whole copy stands on every machine, so that any row of a spread table finds its own there.
REFERENCE_TABLES = frozenset({
    "organizations", "devices", "channels", "channel_sites", "channel_facts", "ingest_leases", "raw_retention",
    "validation_runs", "validation_results", "validation_findings", "channel_quarantines", "breaker_overrides",
    "refresh_runs", "report_runs", "forced_reports", "report_weeks", "report_findings", "report_meters",
    "report_savings", "finding_marks", "scheduled_jobs", "weather_fetches", "weather_hourly",
})  # fmt: skip
# Read by setup and db:check only, on the machine that they speak to.
LOCAL_TABLES = frozenset({"schema_migrations", "view_definitions"})
# What a channel is called in a table, the first that it has.
CHANNEL_COLUMNS = ("channel_id", "meter_id")
# The others stand beside this one: rows of one channel are on one machine.
_FIRST_TABLE = "readings"

_TABLES = """
SELECT
    c.relname,
    ARRAY (
        SELECT a.attname::text FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attname = ANY (%s) ORDER BY a.attname
    ) AS channel_columns,
    ARRAY (
        SELECT i.indexrelid::regclass::text FROM pg_index AS i
        WHERE i.indrelid = c.oid AND i.indisunique AND NOT EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND a.attname = ANY (%s)
        )
    ) AS keys_without_channel
FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname <> %s, c.relname
"""


def plan_distribution(conn: Connection) -> dict[str, str | None]:
    """Return table → the column that it is spread by, None for a whole copy everywhere; in the order to do it.

    Raises
    ------
    DataError
        When a table is neither known as small nor fit to be spread by its channel.
    """
    columns = list(CHANNEL_COLUMNS)
    plan: dict[str, str | None] = {}
    for name, channel_columns, keys_without_channel in db.fetch_all(conn, _TABLES, (columns, columns, _FIRST_TABLE)):
        if name in LOCAL_TABLES:
            continue
        if name in REFERENCE_TABLES:
            plan[name] = None
        elif not channel_columns or keys_without_channel:
            lacking = f"unique keys without it: {', '.join(keys_without_channel)}" if channel_columns else "it has none"
            raise DataError(
                f"table {name} cannot be spread by channel ({lacking}); give its keys the channel, "
                "or name it in govern/schema/distribution.py"
            )
        else:
            plan[name] = channel_columns[0]
    return plan


def is_distributed(conn: Connection) -> bool:
    """Say whether the readings of this database are spread by Citus."""
    return _FIRST_TABLE in _distributed_tables(conn)


def distribute(conn: Connection) -> list[str]:
    """Spread or copy each table that is not yet, and commit it; return their names.

    Raises
    ------
    DatabaseError
        When the database has no Citus.
    """
    if db.fetch_one(conn, "SELECT to_regproc('create_reference_table')") == (None,):
        raise DatabaseError(
            "this database has no Citus; have its administrator run CREATE EXTENSION citus, on every machine, first"
        )
    done = _distributed_tables(conn)
    changed = []
    for table, column in plan_distribution(conn).items():
        if table in done:
            continue
        _distribute_table(conn, table, column)
        conn.commit()
        changed.append(table)
    return changed


def _distribute_table(conn: Connection, table: str, column: str | None) -> None:
    name = sql.Identifier(table).as_string(conn)
    if column is None:
        db.execute(conn, "SELECT create_reference_table(%s)", (name,))
    else:
        neighbour = "none" if table == _FIRST_TABLE else _FIRST_TABLE
        db.execute(conn, "SELECT create_distributed_table(%s, %s, colocate_with => %s)", (name, column, neighbour))


def _distributed_tables(conn: Connection) -> set[str]:
    if db.fetch_one(conn, "SELECT to_regclass('pg_dist_partition')") == (None,):
        return set()
    return {name for (name,) in db.fetch_all(conn, "SELECT logicalrelid::regclass::text FROM pg_dist_partition")}
