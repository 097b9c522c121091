"""Four roles with the least that each stage needs, and the grants that make them so.

=============== ============================================================================================
energy_ingest   adds readings and what belongs to them; fills what they lack, changes no value, sees no verdict
energy_govern   reads everything; keeps Layer 2 and the gap ledger; adds verdicts and decisions, and changes none
energy_analyze  reads the views of Layer 3
energy_deliver  reads the views of Layer 3
=============== ============================================================================================

The owner of the schema, who runs setup_database.py and the dropping of old months, is none of them. Nothing here
commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import errors as pg_errors
from psycopg2 import sql

from govern.schema.files import lock_schema
from lib import db
from lib.errors import DatabaseError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

INGEST, GOVERN, ANALYZE, DELIVER = ROLES = ("energy_ingest", "energy_govern", "energy_analyze", "energy_deliver")

_READ, _ADD, _KEEP, _ALL = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE, DELETE"
# What ingest may do with a table; with all others nothing. ON CONFLICT needs SELECT beside INSERT.
INGEST_RIGHTS = {
    "organizations": _KEEP,
    "devices": _KEEP,
    "channels": _KEEP,
    "channel_sites": _KEEP,
    "readings": _ADD,
    "reading_revisions": _ADD,
    "reading_marks": _ADD,
    "rejected_readings": _KEEP,
    "reading_gaps": "SELECT, UPDATE",
    "ingestion_logs": _KEEP,
    "ingest_leases": _ALL,
    "usage_queue": _ADD,
    "weather_hourly": _KEEP,
    "weather_fetches": _KEEP,
}
# What govern may do with a table beyond reading it.
GOVERN_RIGHTS = {
    "mv_hourly_usage": "SELECT, INSERT, DELETE",
    "mv_daily_usage": "SELECT, INSERT, DELETE",
    "usage_queue": "SELECT, INSERT, DELETE",
    "usage_state": _KEEP,
    "reading_gaps": _ALL,
    "reading_gap_scans": _KEEP,
    "reading_marks": _ADD,
    "channel_facts": "SELECT, INSERT, DELETE",
    # What was found and decided is added to, and never rewritten.
    "validation_runs": _ADD,
    "validation_results": _ADD,
    "validation_findings": _ADD,
    "channel_quarantines": _ADD,
    "breaker_overrides": _ADD,
    "refresh_runs": _ADD,
    "report_runs": _ADD,
    "scheduled_jobs": _ALL,
    "forced_reports": _ADD,
    "report_weeks": _ADD,
    "report_findings": _ADD,
    "report_meters": _ADD,
    "report_savings": _ADD,
    "finding_marks": _ADD,
}
# These work with the rights of the schema's owner, so each is for those who need it alone.
FUNCTIONS = {
    "ensure_reading_partitions": (INGEST,),
    "fill_readings": (INGEST,),
    "ensure_usage_partitions": (GOVERN,),
    "ensure_month_partitions": (),
}
# Settings of a session that logs in as the role. A hanging reader must not keep old rows from being cleaned up.
ROLE_SETTINGS = {
    INGEST: {"idle_in_transaction_session_timeout": "30min"},
    GOVERN: {"idle_in_transaction_session_timeout": "30min"},
    ANALYZE: {"statement_timeout": "15min", "default_transaction_read_only": "on"},
    DELIVER: {"statement_timeout": "15min", "default_transaction_read_only": "on"},
}

_RELATIONS = """
SELECT c.relname, c.relkind = 'v'
FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY c.relname
"""


def existing_roles(conn: Connection) -> list[str]:
    """Return those of `ROLES` that the server has."""
    found = {name for (name,) in db.fetch_all(conn, "SELECT rolname FROM pg_roles")}
    return [role for role in ROLES if role in found]


def create_roles(conn: Connection) -> list[str]:
    """Create the roles that the server lacks, without a login, and return their names.

    Raises
    ------
    DatabaseError
        When this user may not create roles.
    """
    missing = [role for role in ROLES if role not in existing_roles(conn)]
    try:
        for role in missing:
            db.execute(conn, sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        for role in missing:
            for name, value in ROLE_SETTINGS[role].items():
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                db.execute(conn, statement.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))
    except pg_errors.InsufficientPrivilege as err:
        raise DatabaseError(
            "this user may not create roles; have an administrator run this script, or go on with one user for all "
            "stages (docs/setup/NEON_SETUP_GUIDE.md, Roles)"
        ) from err
    return missing


def apply_grants(conn: Connection) -> int:
    """Give each role that exists just its rights on the schema as it is now; return how many grants were made."""
    lock_schema(conn)  # two setups that grant at once would fail
    roles = existing_roles(conn)
    relations = db.fetch_all(conn, _RELATIONS)
    grants = 0
    for role in roles:
        name = sql.Identifier(role)
        db.execute(conn, sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name))
        db.execute(conn, sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        for relation, is_view in relations:
            rights = rights_on(role, relation, is_view)
            if rights:
                statement = sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), sql.Identifier(relation), name)
                db.execute(conn, statement)
                grants += 1
    for function, users in FUNCTIONS.items():
        routine = sql.SQL("FUNCTION {}").format(sql.Identifier(function))
        if roles:
            everybody = sql.SQL(", ").join([sql.SQL("PUBLIC"), *map(sql.Identifier, roles)])
            db.execute(conn, sql.SQL("REVOKE EXECUTE ON {} FROM {}").format(routine, everybody))
        for role in users:
            if role in roles:
                db.execute(conn, sql.SQL("GRANT EXECUTE ON {} TO {}").format(routine, sql.Identifier(role)))
    if INGEST in roles:
        db.execute(conn, sql.SQL("GRANT USAGE ON SEQUENCE ingest_run_ids TO {}").format(sql.Identifier(INGEST)))
    return grants


def rights_on(role: str, relation: str, is_view: bool) -> str:
    """Return a role's rights on a table or view, as GRANT takes them; empty for none."""
    if role in (ANALYZE, DELIVER):
        return _READ if is_view else ""
    if role == INGEST:
        return INGEST_RIGHTS.get(relation, "")
    return GOVERN_RIGHTS.get(relation, _READ)
