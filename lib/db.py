"""Connections to PostgreSQL, and rows in and out by COPY. Driver errors leave here as `DatabaseError`.

Nothing here relies on session state, so it works through a transaction-pooling proxy: read-only is said for each
transaction, and there are no options at connect. Helpers never commit; scripts do.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from lib.errors import ConfigError, DatabaseError
from lib.logs import clean_text, remember_secrets

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

CONNECT_TIMEOUT_S = 15  # a serverless host may have to wake up first
READ_TIMEOUT = "15min"  # a million rows leave in seconds; what takes this long will not come to an end
_SETUP_HINT = "run: python govern/setup_database.py"


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
        conn = psycopg2.connect(**parameters, connect_timeout=CONNECT_TIMEOUT_S, application_name="energy-pipeline")
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
    except psycopg2.Error as err:
        raise wrap_error(err) from err
    finally:
        conn.close()


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
