"""What has to be so before setup changes anything: a refusal leaves a database as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from govern.schema.files import lock_schema, pending_migrations, read_view_files, views_differ
from lib import db
from lib.errors import DatabaseError
from lib.paths import MIGRATIONS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_BOOKKEEPING_TABLES = ("schema_migrations", "view_definitions")
_CREATED = re.compile(
    r"^\s*CREATE\s+(?:TABLE|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|FUNCTION|AGGREGATE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)\b(?!\.)",
    re.MULTILINE | re.IGNORECASE,
)
_DROPPED = re.compile(
    r"^\s*DROP\s+(?:TABLE|VIEW|MATERIALIZED\s+VIEW)\s+(?:IF\s+EXISTS\s+)?([\w\s,]+)", re.MULTILINE | re.IGNORECASE
)
_MANY = 6  # names; more are only counted

_EXISTING = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%(names)s)
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY (%(names)s)
ORDER BY 1
"""

# Views (and materialized ones) that read one of the relations named, but for those named themselves.
_READERS = """
SELECT DISTINCT reader.oid::regclass::text, read.relname
FROM pg_depend AS d
JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class AS reader ON reader.oid = r.ev_class
JOIN pg_class AS read ON read.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
WHERE read.relnamespace = 'public'::regnamespace AND read.relname = ANY (%(names)s) AND reader.oid <> read.oid
    AND NOT (reader.relnamespace = 'public'::regnamespace AND reader.relname = ANY (%(names)s))
ORDER BY 1, 2
"""


def check_preconditions(conn: Connection) -> None:
    """Refuse a database that setup cannot bring to the schema of this checkout.

    Raises
    ------
    DatabaseError
        When its encoding cannot hold all names, another application has tables of our names, or somebody's own view
        reads what would be replaced. Nothing was changed.
    """
    lock_schema(conn)  # no other setup is between two migrations now
    is_new = db.fetch_one(conn, "SELECT to_regclass('public.schema_migrations')") == (None,)
    _refuse_foreign_bookkeeping(conn)
    if is_new:
        _refuse_encoding(conn)
    pending = [MIGRATIONS_DIR / name for name in pending_migrations(conn)]
    applied = [path for path in MIGRATIONS_DIR.glob("*.sql") if path not in pending]
    views = {view.name for view in read_view_files()}
    stored = set() if is_new else {name for (name,) in db.fetch_all(conn, "SELECT name FROM view_definitions")}
    ours = _names_in(applied) | stored
    _refuse_foreign_tables(conn, (_names_in(pending) | views) - ours)
    if pending or views_differ(conn):
        _refuse_readers(conn, ours)
    conn.rollback()


def _refuse_encoding(conn: Connection) -> None:
    """Refuse to begin in an encoding that cannot hold every name of a site or meter."""
    (encoding, name) = db.fetch_all(conn, "SELECT current_setting('server_encoding'), current_database()")[0]
    if encoding != "UTF8":
        raise DatabaseError(
            f"database {name} is in {encoding}, which cannot hold every name; nothing was changed, make one that can: "
            "CREATE DATABASE energy ENCODING 'UTF8' TEMPLATE template0"
        )


def _refuse_foreign_bookkeeping(conn: Connection) -> None:
    """Refuse where a table of our bookkeeping's name is another's: the name is a usual one."""
    for table in _BOOKKEEPING_TABLES:
        columns = db.fetch_all(
            conn,
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (f"public.{table}",),
        )
        if columns and {name for (name,) in columns} != {"name", "checksum", "applied_at"}:
            _refuse_names([table])


def _refuse_foreign_tables(conn: Connection, wanted: Iterable[str]) -> None:
    found = [name for (name,) in db.fetch_all(conn, _EXISTING, {"names": sorted(wanted)})]
    if found:
        _refuse_names(found)


def _refuse_names(names: list[str]) -> None:
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    raise DatabaseError(
        f"the schema public has relations of another application under names that are needed here: "
        f"{', '.join(names[:_MANY])}{more}; nothing was changed, give the pipeline a database of its own"
    )


def _refuse_readers(conn: Connection, ours: Iterable[str]) -> None:
    """Refuse to replace what a view of somebody else reads: dropping that is not ours to do."""
    readers = db.fetch_all(conn, _READERS, {"names": sorted(ours)})
    if readers:
        told = ", ".join(f"{reader} (reads {read})" for reader, read in readers[:_MANY])
        more = f" and {len(readers) - _MANY} more" if len(readers) > _MANY else ""
        raise DatabaseError(
            f"views of your own read what is to be replaced: {told}{more}; nothing was changed. Keep their definitions "
            "(SELECT pg_get_viewdef('NAME')), drop them, run this again, and create them anew"
        )


def _names_in(migrations: Iterable[Path]) -> set[str]:
    """Return the names of what migrations create, and of what they drop, which was ours."""
    names: set[str] = set()
    for path in migrations:
        text = path.read_text(encoding="utf-8")
        names |= {name for name in _CREATED.findall(text) if name != "pg_temp"}
        names |= {name.strip() for group in _DROPPED.findall(text) for name in group.split(",")}
    return names
