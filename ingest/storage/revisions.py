"""Compares what a source reports with what stands: fills what is missing, records what differs, and overwrites nothing.

The rows offered stand in the temporary table `readings_staging`. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The service writes six decimals of Wh and W, and `real` columns hold seven digits: closer than this is rounding.
TOLERANCE_RATIO = 1e-6
TOLERANCE_ABSOLUTE = 1e-9

_NOTHING = sql.SQL("")
_USE_COLUMNS = ("energy_kwh", "power_kw")  # what Layer 2 is made of

_JOINED = """
FROM readings_staging AS s
JOIN readings AS r ON r.timestamp = s.timestamp
{more}
WHERE r.channel_id = %(channel_id)s
    AND r.timestamp BETWEEN to_timestamp(%(first_s)s) AND to_timestamp(%(last_s)s)
    -- Most rows come again as they stand; only the others are taken apart by column.
    AND ({offered}) IS DISTINCT FROM ({stored})
"""

_SURVEY = """
SELECT
    count(*) FILTER (WHERE {lacks}),
    min(r.timestamp) FILTER (WHERE {lacks}),
    min(r.timestamp) FILTER (WHERE {lacks_use}),
    max(r.timestamp) FILTER (WHERE {lacks_use}),
    count(*) FILTER (WHERE {differs})
"""

_FILL = """
SELECT fill_readings(%(channel_id)s, %(columns)s, array_agg(timestamp ORDER BY timestamp),
    array_agg(ARRAY[{offered}]::double precision[] ORDER BY timestamp))
FROM readings_staging
"""

_REVISIONS = """
INSERT INTO reading_revisions (channel_id, organization_id, timestamp, column_name, old_value, new_value, ingest_run_id)
SELECT r.channel_id, r.organization_id, r.timestamp, v.column_name, v.old_value, v.new_value, %(run_id)s
"""
_REVISED = """
    AND abs(v.new_value - v.old_value)
        > greatest(%(ratio)s * greatest(abs(v.new_value), abs(v.old_value)), %(absolute)s)
ON CONFLICT DO NOTHING
"""


class StagedRows(NamedTuple):
    """What stands in `readings_staging`.

    `columns` are those beside `timestamp` in which any row has a value; `span_s` are the first and the last timestamp,
    epoch seconds, which keep other months' partitions out.
    """

    channel_id: int
    run_id: int
    columns: tuple[str, ...]
    span_s: tuple[int, int]

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the statements here."""
        first_s, last_s = self.span_s
        return {"channel_id": self.channel_id, "run_id": self.run_id, "first_s": first_s, "last_s": last_s}


class Survey(NamedTuple):
    """How the staged rows compare with those that stand.

    `lacking` stored rows lack a value that is offered, the first of them at `first_lacking_at`, energy or power among
    them from `first_use_at` to `last_use_at`; of `differing` rows a value is another.
    """

    lacking: int
    first_lacking_at: datetime | None
    first_use_at: datetime | None
    last_use_at: datetime | None
    differing: int


def survey_staged(conn: Connection, staged: StagedRows) -> Survey:
    """Return how the staged rows compare with those that stand."""
    use = [column for column in _USE_COLUMNS if column in staged.columns]
    statement = sql.SQL(_SURVEY).format(
        lacks=_any_of("{r} IS NULL AND {s} IS NOT NULL", staged.columns),
        lacks_use=_any_of("{r} IS NULL AND {s} IS NOT NULL", use),
        differs=_any_of("{r} <> {s}", staged.columns),
    )
    (row,) = db.fetch_all(conn, statement + _joined(staged), staged.parameters)
    return Survey(*row)


def fill_missing(conn: Connection, staged: StagedRows) -> int:
    """Fill what is NULL in the stored rows from the staged ones; return how many rows got a value."""
    offered = sql.SQL(", ").join(
        sql.SQL("coalesce({}, 'NaN')").format(sql.Identifier(column)) for column in staged.columns
    )
    parameters = staged.parameters | {"columns": list(staged.columns)}
    (filled,) = db.fetch_all(conn, sql.SQL(_FILL).format(offered=offered), parameters)[0]
    return int(filled)


def record_revisions(conn: Connection, staged: StagedRows, narrow: frozenset[str]) -> None:
    """Record where the staged rows differ from the stored ones, each distinct value once.

    A value that the source no longer reports is not a revision: which fields are asked for may change. Nor is one that
    was missing: it is filled.

    Parameters
    ----------
    narrow
        The columns of type ``real``; their values are recorded with the digits they have.
    """

    def side(alias: str, column: str) -> sql.Composable:
        text = sql.Identifier(alias, column)
        return sql.SQL("{}::numeric::double precision").format(text) if column in narrow else text

    pairs = sql.SQL(", ").join(
        sql.SQL("({}, {}, {})").format(sql.Literal(column), side("r", column), side("s", column))
        for column in staged.columns
    )
    by_column = sql.SQL("CROSS JOIN LATERAL (VALUES {}) AS v (column_name, old_value, new_value)").format(pairs)
    db.execute(
        conn,
        sql.SQL(_REVISIONS) + _joined(staged, by_column) + sql.SQL(_REVISED),
        staged.parameters | {"ratio": TOLERANCE_RATIO, "absolute": TOLERANCE_ABSOLUTE},
    )


def _joined(staged: StagedRows, more: sql.Composable = _NOTHING) -> sql.Composed:
    """Return the staged rows beside the stored ones that are not just the same."""
    offered, stored = (
        sql.SQL(", ").join(sql.Identifier(alias, column) for column in staged.columns) for alias in ("s", "r")
    )
    return sql.SQL(_JOINED).format(more=more, offered=offered, stored=stored)


def _any_of(condition: str, columns: Iterable[str]) -> sql.Composable:
    """Return that one of the columns meets a condition on its stored ({r}) and its staged ({s}) value."""
    parts = [
        sql.SQL(condition).format(r=sql.Identifier("r", column), s=sql.Identifier("s", column)) for column in columns
    ]
    return sql.SQL("({})").format(sql.SQL(") OR (").join(parts)) if parts else sql.SQL("false")
