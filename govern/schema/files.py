"""Brings a database to the schema of this checkout: migrations once each, view files whenever they changed.

The functions commit: each migration is a unit of work with its own record, and so is the set of views.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from govern.schema.distribution import is_distributed
from lib import db
from lib.errors import DatabaseError
from lib.paths import MIGRATIONS_DIR, VIEWS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

BUSINESS_DIR = VIEWS_DIR / "3_business"
CITUS_DIR = VIEWS_DIR / "citus"
MINIMUM_SERVER_VERSION = 150000

# Held for one transaction at a time, so that it works through a transaction-pooling proxy.
_SCHEMA_LOCK_KEY = 7_230_419_001

_BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Migrations applied to this database.';
COMMENT ON COLUMN schema_migrations.name IS 'File name in govern/schema.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file as it was applied.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When.';
CREATE TABLE IF NOT EXISTS view_definitions (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE view_definitions IS 'View files applied to this database.';
COMMENT ON COLUMN view_definitions.name IS 'Name of the view.';
COMMENT ON COLUMN view_definitions.checksum IS 'SHA-256 of the file as it was applied.';
COMMENT ON COLUMN view_definitions.applied_at IS 'When.';
"""


class ViewFile(NamedTuple):
    """A view and the file that is its complete definition."""

    name: str
    definition: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the definition."""
        return _checksum(self.definition)


def apply_migrations(conn: Connection, folder: Path = MIGRATIONS_DIR) -> list[str]:
    """Apply the migrations that this database has not seen; return their names.

    Raises
    ------
    DatabaseError
        When the server is too old, a file fails, or an applied file has changed since.
    """
    if conn.server_version < MINIMUM_SERVER_VERSION:
        raise DatabaseError(f"PostgreSQL {conn.server_version // 10000} is too old; version 15 or newer is needed")
    lock_schema(conn)
    db.execute(conn, _BOOKKEEPING)
    conn.commit()
    return [path.name for path in sorted(folder.glob("*.sql")) if _apply_migration(conn, path)]


def pending_migrations(conn: Connection, folder: Path = MIGRATIONS_DIR) -> list[str]:
    """Return the names of the migrations that this database has not seen."""
    if db.fetch_one(conn, "SELECT to_regclass('schema_migrations')") == (None,):
        return [path.name for path in sorted(folder.glob("*.sql"))]
    applied = {name for (name,) in db.fetch_all(conn, "SELECT name FROM schema_migrations")}
    return [path.name for path in sorted(folder.glob("*.sql")) if path.name not in applied]


def _apply_migration(conn: Connection, path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    lock_schema(conn)
    row = db.fetch_one(conn, "SELECT checksum FROM schema_migrations WHERE name = %s", (path.name,))
    if row is None:
        db.execute(conn, text)
        db.execute(conn, "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", (path.name, _checksum(text)))
    elif row[0] != _checksum(text):
        _mend_former(conn, path, row[0], _checksum(text))
    is_done = row is not None and row[0] == _checksum(text)
    conn.commit()
    return not is_done


def _mend_former(conn: Connection, path: Path, former: str, checksum: str) -> None:
    """Bring a database on which an earlier form of a migration was applied to the present form, and note that.

    Raises
    ------
    DatabaseError
        When that form is none that was ever published.
    """
    mend = path.parent / "mends" / f"{path.stem}.{former[:12]}.sql"
    if not mend.exists():
        raise DatabaseError(
            f"migration {path.name} was changed after it was applied; restore the file and put the change "
            "into a new migration"
        )
    db.execute(conn, mend.read_text(encoding="utf-8"))
    db.execute(conn, "UPDATE schema_migrations SET checksum = %s WHERE name = %s", (checksum, path.name))


def read_view_files(*, is_distributed: bool = False) -> list[ViewFile]:
    """Return every view of Layer 3, in the order in which they are created.

    Parameters
    ----------
    is_distributed
        Take the form of a view that Citus can spread, where it has one of its own.
    """
    paths = {path.name: path for path in BUSINESS_DIR.glob("*.sql")}
    if is_distributed:
        paths |= {path.name: path for path in CITUS_DIR.glob("*.sql")}
    return [
        ViewFile(path.stem.lstrip("0123456789_"), path.read_text(encoding="utf-8")) for _, path in sorted(paths.items())
    ]


def views_differ(conn: Connection) -> bool:
    """Return whether the database has other views than the files of this checkout."""
    if db.fetch_one(conn, "SELECT to_regclass('view_definitions')") == (None,):
        return True
    applied = dict(db.fetch_all(conn, "SELECT name, checksum FROM view_definitions"))
    return applied != {view.name: view.checksum for view in read_view_files(is_distributed=is_distributed(conn))}


def apply_views(conn: Connection) -> list[str]:
    """Make the database's views those of the files, in one transaction; return the names of those made anew.

    They cost nothing to make, so all are made anew as soon as any file changed; readers see the old set or the new one.
    """
    lock_schema(conn)
    wanted = read_view_files(is_distributed=is_distributed(conn))
    applied = dict(db.fetch_all(conn, "SELECT name, checksum FROM view_definitions"))
    if applied == {view.name: view.checksum for view in wanted}:
        conn.commit()
        return []
    if applied:
        names = sql.SQL(", ").join(map(sql.Identifier, applied))
        db.execute(conn, sql.SQL("DROP VIEW {}").format(names))
    db.execute(conn, "DELETE FROM view_definitions")
    for view in wanted:
        db.execute(conn, view.definition)
        db.execute(conn, "INSERT INTO view_definitions (name, checksum) VALUES (%s, %s)", (view.name, view.checksum))
    conn.commit()
    return [view.name for view in wanted]


def lock_schema(conn: Connection) -> None:
    """Let no other setup of this database go on until the transaction ends."""
    db.take_turn(conn, "%s", (_SCHEMA_LOCK_KEY,), "setup of the database")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
