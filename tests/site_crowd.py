"""Many sites from one: its rows copied under other ids; and what each statement reads, by the server's plans."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extensions import cursor as plain_cursor

from lib import db

if TYPE_CHECKING:
    import pytest
    from psycopg2.extensions import connection as Connection

OFFSET = 1_000_000  # between the ids of a site and those of its copy
_IDS = re.compile(
    r"(organization|site|channel|meter|device|fetch|reject|change|override|mark|log)_id|([a-z_]*_)?run_id"
)
_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'bigint'::regtype
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, a.attnum
"""


def copy_site(conn: Connection, others: int) -> None:
    """Copy all rows of the one site that is there, under other ids, `others` times, and commit; as a superuser."""
    tables: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for table, column, is_number in db.fetch_all(conn, _COLUMNS):
        tables[table].append((column, is_number))
    db.execute(conn, "SET LOCAL session_replication_role = replica")
    for table, columns in tables.items():
        if any(_IDS.fullmatch(name) for name, _ in columns):
            _copy_rows(conn, table, columns, others)
    conn.commit()


def _copy_rows(conn: Connection, table: str, columns: list[tuple[str, bool]], others: int) -> None:
    copied = sql.SQL(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        " SELECT {values} FROM generate_series(1, %(others)s) AS copy, {table} ON CONFLICT DO NOTHING"
    ).format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
        values=sql.SQL(", ").join(_copied_value(*column) for column in columns),
    )
    db.execute(conn, copied, {"others": others, "offset": OFFSET})


def _copied_value(name: str, is_number: bool) -> sql.Composable:
    column = sql.Identifier(name)
    if _IDS.fullmatch(name) and is_number:  # 0 stands for none, or for the whole system
        return sql.SQL("CASE WHEN {0} = 0 THEN 0 ELSE {0} + copy * %(offset)s END").format(column)
    return sql.SQL("md5({} || copy)").format(column) if name == "file_sha256" else column


class BlockCounter:
    """Runs each statement under EXPLAIN first, takes that back, and adds up the blocks that it read.

    Parameters
    ----------
    by_index
        Read by an index what can be: a table that holds one site alone is read whole, and without one, otherwise.
    """

    def __init__(self, *, by_index: bool) -> None:
        self.blocks: Counter[str] = Counter()
        self._by_index = by_index

    def run(self, cursor: plain_cursor, query: str | bytes | sql.Composable, values: Any) -> None:
        """Count what each statement of a query reads, and run it."""
        text = query.as_string(cursor) if isinstance(query, sql.Composable) else _as_text(query)
        bound = _as_text(cursor.mogrify(query, values) if values is not None else cursor.mogrify(query))
        parts, told = bound.split(";\n"), text.split(";\n")
        for n, statement in enumerate(parts):
            if statement.strip():
                self.count(cursor, statement, told[n] if len(told) == len(parts) else statement)
                plain_cursor.execute(cursor, statement)

    def count(self, cursor: plain_cursor, statement: str, told: str) -> None:
        """Count what a statement reads, under what is `told` of it: the statement without its values."""
        statement = re.sub(r"^(\s*--.*\n|\s+|(SET|SAVEPOINT)[^;]*;)+", "", statement)
        if not re.match(r"(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement) or "advisory" in statement:
            return
        with cursor.connection.cursor(cursor_factory=plain_cursor) as other:
            other.execute("SAVEPOINT explained")
            if self._by_index:
                other.execute("SET LOCAL enable_seqscan = off")
            other.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
            ((plans,),) = other.fetchall()
            other.execute("ROLLBACK TO SAVEPOINT explained")
        plan = plans[0]["Plan"]
        self.blocks[name_of(told)] += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def _as_text(query: str | bytes) -> str:
    return query.decode() if isinstance(query, bytes) else query


def name_of(statement: str) -> str:
    """Return a statement on one line without its comments and moments, as it is counted."""
    without_comments = re.sub(r"^\s*--.*$", "", statement, flags=re.MULTILINE)
    return re.sub(r"'\d{4}-\d\d-\d\dT[^']*'", "?", " ".join(without_comments.split()))


@contextmanager
def count_blocks(monkeypatch: pytest.MonkeyPatch, *, by_index: bool = False) -> Iterator[BlockCounter]:
    """Count the blocks that every statement within reads, whoever runs it."""
    counter = BlockCounter(by_index=by_index)

    def begin(cursor: Any) -> None:
        if cursor._is_first():
            plain_cursor.execute(cursor, db._beginning())

    def execute(self: Any, query: Any, vars: Any = None) -> None:
        begin(self)
        counter.run(self, query, vars)

    def copy_expert(self: Any, query: Any, file: Any, size: int = 8192) -> None:
        begin(self)
        text = query.as_string(self) if isinstance(query, sql.Composable) else query
        if match := re.fullmatch(r"COPY \((.*)\) TO STDOUT.*", text, flags=re.DOTALL):
            counter.count(self, match[1], match[1])
        plain_cursor.copy_expert(self, query, file, size)

    with monkeypatch.context() as patch:
        patch.setattr(db._Cursor, "execute", execute)
        patch.setattr(db._Cursor, "copy_expert", copy_expert)
        yield counter
