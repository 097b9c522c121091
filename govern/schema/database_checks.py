"""What `check_database.py` looks at: one function a line of its answer. Read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from govern.schema.distribution import is_distributed
from govern.schema.files import MINIMUM_SERVER_VERSION, pending_migrations, read_view_files
from govern.schema.roles import ROLES, existing_roles
from lib import db
from lib.states import BreakerState

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OK, WARN, FAIL = "OK", "WARN", "FAIL"
_SETUP = "run: python govern/setup_database.py"
# Autovacuum comes at a fifth (PostgreSQL's default); twice that means that it does not keep up.
_MAX_DEAD_SHARE = 0.4
_MIN_ROWS_TO_JUDGE = 10_000
# A queue that is older than a day says that the nightly refresh did not run.
_MAX_QUEUE_HOURS = 26


class Health(NamedTuple):
    """One line of the answer."""

    title: str
    state: str
    detail: str
    hint: str = ""


def check_connection(conn: Connection) -> Health:
    """Server, database and user."""
    info = conn.info
    (version,) = db.fetch_all(conn, "SHOW server_version")[0]
    detail = f"PostgreSQL {version}, database {info.dbname}, user {info.user}"
    if conn.server_version < MINIMUM_SERVER_VERSION:
        return Health("connection", FAIL, detail, "PostgreSQL 15 or newer is needed; upgrade the server")
    return Health("connection", OK, detail)


def check_encryption(conn: Connection) -> Health:
    """TLS between here and the server."""
    info = conn.info
    if info.ssl_in_use:
        return Health("encryption", OK, f"{info.ssl_attribute('protocol')}")
    if db.is_local_host(info.host or ""):
        return Health("encryption", OK, "none, and none is needed on this machine")
    return Health("encryption", WARN, "none to a remote host", "take sslmode=disable out of DATABASE_URL")


def check_schema(conn: Connection) -> Health:
    """Migrations and views of this checkout."""
    pending = pending_migrations(conn)
    if pending:
        return Health("schema", FAIL, f"missing: {', '.join(pending)}", _SETUP)
    applied = dict(db.fetch_all(conn, "SELECT name, checksum FROM view_definitions"))
    wanted = read_view_files(is_distributed=is_distributed(conn))
    changed = [view.name for view in wanted if applied.get(view.name) != view.checksum]
    if changed:
        return Health("schema", FAIL, f"views differ: {', '.join(changed)}", _SETUP)
    return Health("schema", OK, f"{len(applied)} views, all migrations applied")


def check_writable(conn: Connection) -> Health:
    """Whether this user may write."""
    (is_standby, is_readonly) = db.fetch_all(
        conn, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean"
    )[0]
    if is_standby or is_readonly:
        return Health("writable", FAIL, "read-only", "use the primary's URL and a role that may write")
    return Health("writable", OK, "yes")


def check_time_zones(conn: Connection) -> Health:
    """Whether the server knows the time zone of every site, and whose clock differs from ours."""
    unknown = db.fetch_all(
        conn,
        "SELECT o.organization_id, o.timezone FROM organizations AS o"
        " WHERE NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = o.timezone) ORDER BY 1",
    )
    session_zone = db.fetch_all(conn, "SHOW timezone")[0][0]
    if unknown:
        names = ", ".join(f"{site} ({zone})" for site, zone in unknown)
        return Health("time zones", FAIL, f"unknown to the server: {names}", "have the vendor set an IANA name")
    return Health("time zones", OK, f"all sites' are known; the session's is {session_zone}, and nothing depends on it")


def check_roles(conn: Connection) -> Health:
    """Which of the stages' roles there are."""
    found = existing_roles(conn)
    if len(found) == len(ROLES):
        return Health("roles", OK, ", ".join(found))
    missing = ", ".join(role for role in ROLES if role not in found)
    return Health("roles", OK if not found else WARN, f"one user for all stages (no {missing})",
                  "for one role a stage run: python govern/setup_roles.py")  # fmt: skip


def check_partitions(conn: Connection) -> Health:
    """Months of readings, and whether their bounds have holes."""
    months = [name for (name,) in db.fetch_all(
        conn,
        "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'readings'::regclass ORDER BY c.relname",
    )]  # fmt: skip
    if not months:
        return Health("partitions", WARN, "no month of readings yet", "run: python ingest/ingest_to_postgres.py")
    span = [name.removeprefix("readings_").replace("_", "-") for name in (months[0], months[-1])]
    return Health("partitions", OK, f"{len(months)} months of readings, {span[0]} to {span[1]}")


def check_sizes(conn: Connection) -> Health:
    """Size of the database and of the readings in it."""
    (total, readings, rows) = db.fetch_all(
        conn,
        "SELECT pg_size_pretty(pg_database_size(current_database())), pg_size_pretty(coalesce(sum("
        "pg_total_relation_size(c.oid)), 0)), coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint"
        " FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'readings'::regclass",
    )[0]
    return Health("size", OK, f"{total} in all, {readings} of it readings (about {rows:,})")


def check_dead_rows(conn: Connection) -> Health:
    """Tables whose dead rows autovacuum does not clear away."""
    bloated = db.fetch_all(
        conn,
        "SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables"
        " WHERE n_live_tup + n_dead_tup >= %s AND n_dead_tup > %s * (n_live_tup + n_dead_tup) ORDER BY n_dead_tup DESC",
        (_MIN_ROWS_TO_JUDGE, _MAX_DEAD_SHARE),
    )
    if bloated:
        names = ", ".join(f"{name} ({dead:,} of {dead + live:,})" for name, dead, live in bloated[:3])
        return Health("dead rows", WARN, names, f"run: VACUUM ANALYZE {bloated[0][0]}; and see that autovacuum is on")
    return Health("dead rows", OK, "few")


def check_freshness(conn: Connection) -> Health:
    """Whether Layer 2 has taken up what loads brought."""
    (waiting, hours) = db.fetch_all(
        conn,
        "SELECT count(*), extract(epoch FROM clock_timestamp() - min(queued_at)) / 3600 FROM usage_queue",
    )[0]
    if not waiting:
        return Health("freshness", OK, "hours and days hold all readings")
    detail = f"{waiting} changes wait for the refresh, the oldest for {hours:.1f} h"
    return Health("freshness", WARN if hours > _MAX_QUEUE_HOURS else OK, detail, "run: python govern/refresh_views.py")


def check_readings(conn: Connection) -> Health:
    """Sites and the newest reading."""
    (sites, meters, newest) = db.fetch_all(
        conn,
        "SELECT count(DISTINCT site_id), count(*), to_char(max(timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        " FROM v_latest_readings",
    )[0]
    if not meters:
        return Health("readings", WARN, "none yet", "run: python ingest/ingest_to_postgres.py")
    return Health("readings", OK, f"{meters} meters of {sites} sites, newest {newest} UTC")


def check_strays(conn: Connection) -> Health:
    """Readings of the last month of channels that no site has: no view shows them, and no load brought them."""
    (channels, rows, one) = db.fetch_all(
        conn,
        "SELECT count(DISTINCT r.channel_id), count(*), min(r.channel_id) FROM readings AS r"
        " LEFT JOIN channel_sites AS m USING (channel_id, organization_id)"
        " WHERE m.channel_id IS NULL AND r.timestamp >= now() - interval '31 days'",
    )[0]
    if rows:
        detail = f"{rows:,} of the last 31 days belong to no site, of {channels} channels such as {one}"
        return Health("strays", WARN, detail, "have these rows removed, and ingest the site that they are of")
    return Health("strays", OK, "each reading of the last 31 days belongs to a site")


def check_breakers(conn: Connection) -> Health:
    """The validation verdict of each site."""
    rows = db.fetch_all(conn, "SELECT site_id, verdict, is_current FROM v_validation_status ORDER BY site_id")
    held = [f"{site} {verdict if is_current else 'outdated'}" for site, verdict, is_current in rows
            if verdict != BreakerState.CLOSED or not is_current]  # fmt: skip
    if held:
        return Health(
            "breakers", WARN, f"sites held back: {', '.join(held)}", "run: python govern/validate_data.py --site ID"
        )
    return Health("breakers", OK, f"{len(rows)} sites may pass")


CONNECTION_CHECKS: tuple[Callable[[Connection], Health], ...] = (check_connection, check_encryption)
SCHEMA_CHECKS = (check_schema, check_writable)
DATA_CHECKS = (
    check_partitions, check_freshness, check_readings, check_strays, check_breakers, check_time_zones, check_roles,
    check_sizes, check_dead_rows,
)  # fmt: skip


def check_all(conn: Connection, connection_only: bool) -> list[Health]:
    """Run the checks; those of the data only where the schema stands."""
    health = [check(conn) for check in CONNECTION_CHECKS]
    if connection_only or any(line.state == FAIL for line in health):
        return health
    health += [check(conn) for check in SCHEMA_CHECKS]
    if all(line.state != FAIL for line in health if line.title == "schema"):
        health += [check(conn) for check in DATA_CHECKS]
    return health
