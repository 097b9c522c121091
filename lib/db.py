"""Connections to PostgreSQL, and rows in and out by COPY. Driver errors leave here as `DatabaseError`.

Nothing here relies on session state, so it works through a transaction-pooling proxy: read-only is said for each
transaction, and there are no options at connect. Helpers never commit; scripts do.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, parse_dsn
from psycopg2.extensions import cursor as cursor_class

from lib.errors import ConfigError, DatabaseError
from lib.logs import clean_text, remember_secrets

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

logger = logging.getLogger(__name__)

_LIMIT_SET_FIRST = re.compile(rb"(?:SET LOCAL (?:lock_timeout = (\d+)|random_page_cost = [\d.]+); )+")
CONNECT_TIMEOUT_S = 15  # a serverless host may have to wake up first
READ_TIMEOUT = "15min"  # a million rows leave in seconds; what takes this long will not come to an end
LOCK_TIMEOUT_S = 30  # what holds a lock of ours holds it for one channel and window: seconds at most
TURN_TIMEOUT_S = 15 * 60  # where two scripts take turns, as two refreshes do
_KEEPALIVES = {
    "keepalives_idle": 60,
    "keepalives_interval": 15,
    "keepalives_count": 4,
}  # a server that is gone is missed
_MAX_HOLDERS = 3
_told_turns: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()  # what each session was said to wait for
_SETUP_HINT = "run: python govern/setup_database.py"


class _Cursor(cursor_class):
    """Begins each transaction with a limit to how long it waits for a lock, and with what a page costs.

    By the transaction, for behind a pooling proxy a setting of the session would be another's; and together with its
    first statement, so that it costs no journey of its own. The server's usual price of a page out of turn is that of a
    disk that turns: by it, the readings of all sites would be gone through for those of one in ten.
    """

    def execute(self, query: str | bytes | Composable, vars: Any = None) -> None:
        """Run a statement, the first of a transaction behind the setting of its limit."""
        if self._is_first():
            query, vars = f"{_beginning()}; ".encode() + self.mogrify(query, vars), None
        super().execute(query, vars)

    def copy_expert(self, sql: str | bytes | Composable, file: Any, size: int = 8192) -> None:
        """Copy rows in or out; the limit is set first where this begins a transaction."""
        if self._is_first():
            super().execute(_beginning())
        super().copy_expert(sql, file, size)

    def _is_first(self) -> bool:
        connection = self.connection
        return connection.info.transaction_status == TRANSACTION_STATUS_IDLE and not connection.autocommit


def _lock_timeout(seconds: float) -> str:
    return f"SET LOCAL lock_timeout = {round(seconds * 1000)}"


def _beginning() -> str:
    return f"{_lock_timeout(LOCK_TIMEOUT_S)}; SET LOCAL random_page_cost = 1.1"


@contextmanager
def connect(database_url: str, *, readonly: bool = False) -> Iterator[Connection]:
    """Yield a connection and close it; what was not committed is rolled back.

    Parameters
    ----------
    database_url
        A ``postgresql://`` URL or a libpq connection string.
    readonly
        Begin every transaction READ ONLY.

    Raises
    ------
    ConfigError
        When the URL cannot be read.
    DatabaseError
        When the server cannot be reached, or a statement within the block fails.
    """
    parameters: dict[str, Any] = connection_parameters(database_url)
    try:
        # What the URL says of these goes above.
        conn = psycopg2.connect(**_session_defaults() | parameters, cursor_factory=_Cursor)
    except psycopg2.Error as err:
        hint = "check DATABASE_URL"
        if "does not support SSL" in str(err):
            hint = "a remote host must offer TLS; in a network that you trust, add sslmode=disable to DATABASE_URL"
        raise DatabaseError(f"cannot connect to PostgreSQL: {_one_line(err)}; {hint}") from err
    try:
        if readonly:
            # One snapshot for all that a reader asks: the verdict and the readings it is about.
            conn.set_session(readonly=True, isolation_level="REPEATABLE READ")
            execute(conn, "SET LOCAL statement_timeout = %s", (READ_TIMEOUT,))
        yield conn
    except pg_errors.LockNotAvailable as err:
        if not conn.closed:
            conn.rollback()  # what we hold ourselves holds nobody up while we look
        raise DatabaseError(_describe_wait(err, parameters)) from err
    except psycopg2.Error as err:
        raise wrap_error(err) from err
    finally:
        conn.close()


def _session_defaults() -> dict[str, Any]:
    """Return the parameters of a session; its name tells whoever looks at the server which script it is."""
    name = f"energy-pipeline {Path(sys.argv[0]).name}".strip()
    return {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": name, **_KEEPALIVES}


_HOLDERS = """
SELECT a.pid, a.application_name, a.usename, a.state, to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
    coalesce(string_agg(DISTINCT c.relname, ', '), 'a turn')
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
LEFT JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
    AND c.relnamespace <> 'pg_catalog'::regnamespace
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()
    AND CASE WHEN %(is_turn)s THEN l.locktype = 'advisory' ELSE c.relname = coalesce(%(table)s, c.relname) END
    AND coalesce(a.xact_start <= clock_timestamp() - %(waited_s)s * interval '1 second', true)
GROUP BY a.pid, a.application_name, a.usename, a.state, a.xact_start
ORDER BY bool_and(l.mode = 'AccessShareLock'), a.xact_start
LIMIT %(limit)s
"""


def _describe_wait(err: psycopg2.Error, parameters: dict[str, Any]) -> str:
    """Return, in words, for what a statement waited in vain, and who holds it; asked over a connection of its own."""
    query = bytes(getattr(err.cursor, "query", None) or b"")
    is_turn = b"pg_advisory_xact_lock" in query
    named = re.search(r'relation "([^"]+)"', err.diag.context or "")
    set_first = _LIMIT_SET_FIRST.match(query)
    waited_s = int(set_first[1]) / 1000 if set_first else LOCK_TIMEOUT_S
    table = named[1] if named else None
    # A little less, for the holder may have begun with us.
    asked = {"table": table, "is_turn": is_turn, "waited_s": 0.9 * waited_s, "limit": _MAX_HOLDERS}
    try:
        with closing(psycopg2.connect(**_session_defaults() | parameters)) as other:
            holders = fetch_all(other, _HOLDERS, asked)
    except psycopg2.Error as failure:
        return f"waited {waited_s:g} s for a lock; who holds it cannot be told ({_one_line(failure)}); run again"
    what = f"on {table}" if table else "on the turn of another script" if is_turn else "on a table"
    if not holders:
        return f"waited {waited_s:g} s for a lock {what}; whoever held it has let go: run again"
    told = "; ".join(_describe_holder(*holder) for holder in holders)
    return (
        f"waited {waited_s:g} s for a lock {what}; {told}; close that session, or end it with "
        f"SELECT pg_terminate_backend({holders[0][0]}), then run again"
    )


def _describe_holder(
    pid: int, application: str | None, role: str | None, state: str | None, since: str | None, tables: str
) -> str:
    """Return a session that holds locks in words; what another role's session does is not shown to everyone."""
    since_text = f"{state or 'active'} since {since} UTC" if since else "not shown to this role"
    name = clean_text(application or "without a name")
    return f"process {pid} ({name!r} of {clean_text(role or 'another role')}, {since_text}) holds {tables}"


def take_turn(conn: Connection, key: str, params: Any, what: str) -> None:
    """Hold an advisory lock until the transaction ends; where another holds it, say so and wait, longer than for rows.

    A script that takes a turn for each of its transactions says it once.

    Parameters
    ----------
    key
        SQL of the lock's one or two numbers, such as ``%s, hashint8(%s)``.
    what
        What the other one is, such as "refresh".
    """
    ((is_ours,),) = fetch_all(conn, f"SELECT pg_try_advisory_xact_lock({key})", params)
    if is_ours:
        return
    told = _told_turns.setdefault(conn, set())
    if what not in told:
        logger.warning("waiting for another %s to end, %g minutes at most", what, TURN_TIMEOUT_S / 60)
        told.add(what)
    execute(
        conn,
        f"{_lock_timeout(TURN_TIMEOUT_S)}; SELECT pg_advisory_xact_lock({key}); {_lock_timeout(LOCK_TIMEOUT_S)}",
        params,
    )


def execute_within(conn: Connection, statement: Composable, seconds: float) -> None:
    """Run a statement that waits for a lock no longer than `seconds`, for others have to wait behind it."""
    limit, usual = (sql.SQL(_lock_timeout(each)) for each in (seconds, LOCK_TIMEOUT_S))
    execute(conn, sql.SQL("; ").join([limit, statement, usual]))


def connection_parameters(database_url: str) -> dict[str, str]:
    """Return libpq's parameters of a URL; to a remote host TLS is required where the URL does not say otherwise.

    Raises
    ------
    ConfigError
        When libpq would misread the URL. Its password is kept out of every message.

    Notes
    -----
    A password with a bare ``@``, ``/`` or ``:`` spills over into the host, the port or the name of the database, which
    the driver's errors then quote.
    """
    unreadable = ConfigError(
        "DATABASE_URL cannot be read; write the special characters of the password percent-encoded "
        "(@ as %40, / as %2F, : as %3A, # as %23, % as %25)"
    )
    try:
        parts = parse_dsn(database_url)
    except psycopg2.Error:
        raise unreadable from None  # the driver's own message quotes the URL
    host, port, database = (parts.get(name, default) for name, default in (("host", ""), ("port", "1"), ("dbname", "")))
    is_socket_folder = host.startswith("/")
    if re.search(r"[@\s]", host) and not is_socket_folder or "@" in database or not re.fullmatch(r"[\d,]*", port):
        raise unreadable
    remember_secrets([parts.get("password")])
    return parts if is_local_host(host) else {"sslmode": "require"} | parts


def is_local_host(host: str) -> bool:
    """Return whether `host` is this machine: a socket's folder, a loopback address, or nothing at all."""
    return host in ("", "localhost", "::1") or host.startswith(("/", "127."))


def wrap_error(err: psycopg2.Error) -> DatabaseError:
    """Return the driver's error as a `DatabaseError` that says what to do next."""
    if isinstance(err, (pg_errors.UndefinedTable, pg_errors.UndefinedColumn, pg_errors.UndefinedFunction)):
        hint = f"the schema is missing or old; {_SETUP_HINT}"
    elif isinstance(err, pg_errors.ReadOnlySqlTransaction):
        hint = "the database takes no writes (a read replica, or a read-only user?); use the primary's URL"
    elif isinstance(err, pg_errors.InsufficientPrivilege):
        hint = "this user lacks the right; grant it, or use another role in DATABASE_URL"
    elif isinstance(err, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        hint = "the connection failed; what was committed is kept, run again to continue"
    else:
        hint = "run again with -v for the trace"
    return DatabaseError(f"PostgreSQL: {_one_line(err)}; {hint}")


def _one_line(err: psycopg2.Error) -> str:
    text = clean_text(" ".join(str(err).split()))
    return text or type(err).__name__


def fetch_all(conn: Connection, sql: str | Composable, params: Any = None) -> list[tuple[Any, ...]]:
    """Run a query and return its rows."""
    with conn.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def fetch_one(conn: Connection, sql: str | Composable, params: Any = None) -> tuple[Any, ...] | None:
    """Run a query and return its first row, or None when there is none."""
    rows = fetch_all(conn, sql, params)
    return rows[0] if rows else None


def execute(conn: Connection, sql: str | Composable, params: Any = None) -> int:
    """Run a statement and return how many rows it touched."""
    with conn.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def copy_frame(conn: Connection, query: str, params: Any, dtypes: dict[str, Any]) -> pd.DataFrame:
    """Return a query's rows as a frame, moved by COPY: several times quicker than a cursor for tens of thousands.

    Parameters
    ----------
    query
        A SELECT with ``%s`` or ``%(name)s`` places; its columns stand in the order of `dtypes`.
    dtypes
        Column name → pandas dtype. NULL becomes NaN.
    """
    import pandas as pd

    buffer = io.BytesIO()
    with conn.cursor() as cursor:
        bound = cursor.mogrify(query, params).decode(conn_encoding(conn))
        cursor.copy_expert(f"COPY ({bound}) TO STDOUT (FORMAT csv)", buffer)
    buffer.seek(0)
    return pd.read_csv(buffer, header=None, names=list(dtypes), dtype=dtypes, keep_default_na=False, na_values=[""])


def copy_out(conn: Connection, query: str, params: Any, handle: IO[bytes], *, header: bool = False) -> None:
    """Write a query's rows to `handle` as CSV in UTF-8, as they come: nothing is held in memory.

    Parameters
    ----------
    query
        A SELECT with ``%s`` or ``%(name)s`` places. NULL becomes an empty cell, an empty text a quoted one.
    """
    with conn.cursor() as cursor:
        bound = cursor.mogrify(query, params).decode(conn_encoding(conn))
        options = "FORMAT csv, ENCODING 'UTF8'" + (", HEADER" if header else "")
        cursor.copy_expert(f"COPY ({bound}) TO STDOUT ({options})", handle)


def column_types(conn: Connection, query: str, params: Any) -> dict[str, int]:
    """Return a query's column names with PostgreSQL's number of their type (``pg_type.oid``); no row is fetched."""
    with conn.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM ({}) AS described LIMIT 0").format(sql.SQL(query)), params)
        return {column.name: column.type_code for column in cursor.description or ()}


def conn_encoding(conn: Connection) -> str:
    """Return the Python name of the connection's encoding."""
    from psycopg2.extensions import encodings

    return encodings[conn.encoding]
