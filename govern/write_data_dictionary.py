"""Write docs/reference/data_dictionary.md: every table, view and column, as the database itself describes them.

Stage: govern
Reads: the database's catalogue
Writes: docs/reference/data_dictionary.md
Safe to re-run: yes; the file is replaced whole
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging
from lib.paths import PROJECT_ROOT, write_atomically

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DICTIONARY = PROJECT_ROOT / "docs" / "reference" / "data_dictionary.md"
_INTRO = """# Data dictionary

<!-- Generated; do not edit. To make this page anew: python govern/write_data_dictionary.py -->

What the database says of itself. Layer 1 is what came from outside, Layer 2 is computed from it, Layer 3 are the views
that analyses, reports and BI tools read; only these keep their names and columns. Times are UTC unless a column is
called local.
"""
_LAYERS = (
    (3, "Layer 3: business views"),
    (2, "Layer 2: use per hour and day"),
    (1, "Layer 1: raw readings, logs, verdicts"),
)
# Tables and views of the schema, without the partitions, whose columns are their parent's.
_COLUMNS = """
SELECT
    CASE WHEN c.relkind = 'v' THEN 3 WHEN c.relname LIKE 'mv\\_%%' OR c.relname LIKE 'usage\\_%%' THEN 2 ELSE 1 END,
    c.relname,
    coalesce(obj_description(c.oid, 'pg_class'), ''),
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    a.attnotnull,
    coalesce(col_description(c.oid, a.attnum), '')
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY c.relname, a.attnum
"""


class Column(NamedTuple):
    """One column of a table or view, with what is said of both."""

    layer: int
    relation: str
    relation_comment: str
    name: str
    type: str
    is_required: bool
    comment: str


def load_columns(conn: Connection) -> list[Column]:
    """Return every column of every table and view, by name of the relation."""
    return [Column(*row) for row in db.fetch_all(conn, _COLUMNS, {})]


def render_dictionary(columns: list[Column]) -> str:
    """Return the page."""
    parts = [_INTRO]
    for layer, title in _LAYERS:
        parts.append(f"## {title}\n")
        of_layer = [column for column in columns if column.layer == layer]
        for relation, group in groupby(of_layer, key=lambda column: column.relation):
            parts.append(_render_relation(relation, list(group)))
    return "\n".join(parts)


def _render_relation(relation: str, columns: list[Column]) -> str:
    is_view = columns[0].layer == 3  # whose columns may be null for all that PostgreSQL knows
    rows = [
        f"| `{column.name}` | {column.type}{'' if is_view or not column.is_required else ', required'} "
        f"| {column.comment.replace('|', chr(92) + '|')} |"
        for column in columns
    ]
    return "\n".join([f"### {relation}", "", columns[0].relation_comment, "", "| column | type | meaning |",
                      "|---|---|---|", *rows, ""])  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page from the database that the settings name."""
    args = cli.script_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url(), readonly=True) as conn:
        columns = load_columns(conn)
    write_atomically(DICTIONARY, render_dictionary(columns))
    print(DICTIONARY.relative_to(PROJECT_ROOT))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
