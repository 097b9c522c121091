"""Notes where a source now reports another value than the one stored: recorded, never applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The service writes six decimals of Wh and W, and `real` columns hold seven digits: closer than this is rounding.
TOLERANCE_RATIO = 1e-6
TOLERANCE_ABSOLUTE = 1e-9

_STATEMENT = """
INSERT INTO reading_revisions (channel_id, timestamp, column_name, old_value, new_value, ingest_run_id)
SELECT r.channel_id, r.timestamp, v.column_name, v.old_value, v.new_value, %(run_id)s
FROM readings_staging AS s
JOIN readings AS r ON r.timestamp = s.timestamp
CROSS JOIN LATERAL (VALUES {pairs}) AS v (column_name, old_value, new_value)
WHERE r.channel_id = %(channel_id)s
    AND r.timestamp BETWEEN to_timestamp(%(first_s)s) AND to_timestamp(%(last_s)s)
    -- Most rows come again as they stand; only the others are taken apart by column.
    AND ({offered}) IS DISTINCT FROM ({stored})
    AND v.new_value IS NOT NULL
    AND (v.old_value IS NULL OR abs(v.new_value - v.old_value)
        > greatest(%(ratio)s * greatest(abs(v.new_value), abs(v.old_value)), %(absolute)s))
ON CONFLICT DO NOTHING
"""


def record_revisions(
    conn: Connection,
    channel_id: int,
    run_id: int,
    columns: Sequence[str],
    narrow: frozenset[str],
    span_s: tuple[int, int],
) -> None:
    """Record where the rows in `readings_staging` differ from the stored ones, each distinct value once.

    A value that the source no longer reports is not a revision: which fields are asked for may change.

    Parameters
    ----------
    columns
        The staged columns beside `timestamp`.
    narrow
        Those of type ``real``; their values are recorded with the digits they have.
    span_s
        First and last timestamp of the staged rows, epoch seconds; it keeps other months' partitions out.
    """

    def side(alias: str, column: str) -> sql.Composable:
        text = sql.Identifier(alias, column)
        return sql.SQL("{}::numeric::double precision").format(text) if column in narrow else text

    pairs = sql.SQL(", ").join(
        sql.SQL("({}, {}, {})").format(sql.Literal(column), side("r", column), side("s", column)) for column in columns
    )
    db.execute(
        conn,
        sql.SQL(_STATEMENT).format(
            pairs=pairs,
            offered=sql.SQL(", ").join(sql.Identifier("s", column) for column in columns),
            stored=sql.SQL(", ").join(sql.Identifier("r", column) for column in columns),
        ),
        {
            "channel_id": channel_id,
            "run_id": run_id,
            "first_s": span_s[0],
            "last_s": span_s[1],
            "ratio": TOLERANCE_RATIO,
            "absolute": TOLERANCE_ABSOLUTE,
        },
    )
