"""Say whether the database is reachable, up to date and filled: one line a check, with a hint where one fails.

Stage: govern
Reads: the database's catalogue and counts
Writes: nothing
Safe to re-run: yes

Exit codes: 0 all well · 1 something failed · 2 bad arguments
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schema_files import pending_migrations, read_view_files
from lib import cli, db
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.logs import clean_text, setup_logging

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OK, WARN, FAIL = "OK", "WARN", "FAIL"


class Health(NamedTuple):
    """One line of the answer."""

    title: str
    state: str
    detail: str
    hint: str = ""


def check_connection(conn: Connection) -> Health:
    """Server and encryption."""
    info = conn.info
    (version,) = db.fetch_all(conn, "SHOW server_version")[0]
    is_local = info.host.startswith("/") or info.host in ("localhost", "127.0.0.1", "::1")
    detail = f"PostgreSQL {version}, database {info.dbname}, user {info.user}, {'TLS' if info.ssl_in_use else 'no TLS'}"
    if info.ssl_in_use or is_local:
        return Health("connection", OK, detail)
    return Health("connection", WARN, detail, "a remote host without TLS: add ?sslmode=require to DATABASE_URL")


def check_schema(conn: Connection) -> Health:
    """Migrations and views of this checkout."""
    pending = pending_migrations(conn)
    if pending:
        return Health("schema", FAIL, f"missing: {', '.join(pending)}", "run: python govern/setup_database.py")
    applied = dict(db.fetch_all(conn, "SELECT name, checksum FROM view_definitions"))
    changed = [view.name for view in read_view_files() if applied.get(view.name) != view.checksum]
    if changed:
        return Health("schema", FAIL, f"views differ: {', '.join(changed)}", "run: python govern/setup_database.py")
    return Health("schema", OK, f"{len(applied)} views, all migrations applied")


def check_writable(conn: Connection) -> Health:
    """Whether this connection may write."""
    (is_standby, is_readonly) = db.fetch_all(
        conn, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean"
    )[0]
    if is_standby or is_readonly:
        return Health("writable", FAIL, "read-only", "use the primary's URL and a role that may write")
    return Health("writable", OK, "yes")


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


def check_breakers(conn: Connection) -> Health:
    """The validation verdict of each site."""
    rows = db.fetch_all(conn, "SELECT site_id, verdict, is_current FROM v_validation_status ORDER BY site_id")
    held = [f"{site} {verdict if is_current else 'outdated'}" for site, verdict, is_current in rows
            if verdict != "closed" or not is_current]  # fmt: skip
    if held:
        return Health(
            "breakers", WARN, f"sites held back: {', '.join(held)}", "run: python govern/validate_data.py --site ID"
        )
    return Health("breakers", OK, f"{len(rows)} sites may pass")


CONNECTION_CHECKS: tuple[Callable[[Connection], Health], ...] = (check_connection,)
SCHEMA_CHECKS = (check_schema, check_writable)
DATA_CHECKS = (check_readings, check_breakers)


def check_all(conn: Connection, connection_only: bool) -> list[Health]:
    """Run the checks; those of the data only where the schema stands."""
    health = [check(conn) for check in CONNECTION_CHECKS]
    if connection_only:
        return health
    health += [check(conn) for check in SCHEMA_CHECKS]
    if all(line.state != FAIL for line in health):
        health += [check(conn) for check in DATA_CHECKS]
    return health


def main(argv: Sequence[str] | None = None) -> int:
    """Print the checks; exit 1 when any failed."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--connection-only", action="store_true", help="only try to connect")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url(), readonly=True) as conn:
        health = check_all(conn, args.connection_only)
    if args.json:
        cli.print_json([line._asdict() for line in health])
    else:
        for line in health:
            hint = f" — {line.hint}" if line.hint else ""
            print(f"{line.state:4}  {line.title}: {clean_text(line.detail)}{hint}")
    return EXIT_FAILED if any(line.state == FAIL for line in health) else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
