"""The readings of a channel: new ones go in, what is NULL is filled, what stands stays. Nothing here commits."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import errors as pg_errors
from psycopg2 import sql

from ingest.storage.binary_copy import DOUBLE_COLUMNS, columns_with_values, encode_binary_rows
from ingest.storage.revisions import StagedRows, fill_missing, record_revisions, survey_staged
from lib import db
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from ingest.storage.attempts import Attempt

# First half of the key under which a channel is locked while it is loaded; no other lock of this project has two.
_CHANNEL_LOCK_CLASS = 7_230_419


class Stored(NamedTuple):
    """What became of the rows of one load.

    `inserted` were new; `filled` stood, and got a value that they lacked, the first of them at `first_filled_at`.
    """

    inserted: int
    filled: int
    first_filled_at: datetime | None = None


def check_resolution(conn: Connection, channel_id: int, window: Window, interval_s: int) -> None:
    """Refuse to put intervals of one length among intervals of another: they would count the energy twice.

    Raises
    ------
    DataError
        When the channel holds another length within the window.
    """
    row = db.fetch_one(
        conn,
        "SELECT interval_s FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s"
        " AND interval_s <> %s LIMIT 1",
        (channel_id, *window, interval_s),
    )
    if row is not None:
        raise DataError(
            f"channel {channel_id}, {window}: holds intervals of {row[0]} s already, and {interval_s} s would count "
            f"the energy twice; use --resolution {row[0]}"
        )


def last_energy_s(conn: Connection, attempt: Attempt, within_hours: float) -> float | None:
    """Return when the record of energy before an attempt's window began, not longer ago than so many hours.

    In epoch seconds; None where there is none.
    """
    start = attempt.window.start
    ((found,),) = db.fetch_all(
        conn,
        "SELECT extract(epoch FROM max(timestamp)) FROM readings WHERE channel_id = %s AND organization_id = %s"
        " AND timestamp < %s AND timestamp >= %s AND energy_kwh IS NOT NULL",
        (attempt.channel_id, attempt.organization_id, start, start - timedelta(hours=within_hours)),
    )
    return None if found is None else float(found)


def insert_readings(
    conn: Connection, site_id: int, channel_id: int, interval_s: int, run_id: int, rows: pd.DataFrame
) -> Stored:
    """Insert the readings of one channel that the database does not have yet; what stands keeps its first values.

    Where the channel has nothing yet between the first and the last of them, as in every first fetch, they go by COPY
    straight into the table. Elsewhere they go by COPY into a staging table, and from there by ``INSERT … ON CONFLICT
    DO NOTHING``, which takes twice as long. A value that a stored row lacks is filled: NULL is not a first value. Where
    the source now reports another value than what stands, that is recorded in `reading_revisions`.

    Parameters
    ----------
    site_id
        The site for which they were fetched; the readings stay its own, wherever the channel moves.
    rows
        `timestamp` (int64, epoch seconds, ascending) and float columns named as in `readings`; NaN becomes NULL.
    """
    if rows.empty:
        return Stored(0, 0)
    constants = {
        "channel_id": channel_id, "organization_id": site_id, "interval_s": interval_s, "ingest_run_id": run_id
    }  # fmt: skip
    if _prepare_load(conn, channel_id, rows) and _copy_unless_taken(conn, constants, rows):
        stored = Stored(len(rows), 0)
    else:
        stored = _insert_new_rows(conn, constants, rows)
    if stored.inserted:
        _queue_new_rows(conn, constants, rows)
    return stored


def _queue_new_rows(conn: Connection, constants: dict[str, int], rows: pd.DataFrame) -> None:
    """Tell the refresh from where to where this run's new rows reach; it sees them and this entry, or neither."""
    db.execute(
        conn,
        "INSERT INTO usage_queue (channel_id, first_at, last_at)"
        " SELECT channel_id, min(timestamp), max(timestamp) FROM readings"
        " WHERE channel_id = %(channel_id)s AND ingest_run_id = %(ingest_run_id)s"
        " AND timestamp BETWEEN to_timestamp(%(first)s) AND to_timestamp(%(last)s) GROUP BY channel_id",
        constants | {"first": int(rows["timestamp"].iloc[0]), "last": int(rows["timestamp"].iloc[-1])},
    )


def _queue_stretch(conn: Connection, channel_id: int, first: datetime, last: datetime) -> None:
    """Tell the refresh that energy or power changed between these intervals."""
    db.execute(
        conn,
        "INSERT INTO usage_queue (channel_id, first_at, last_at) VALUES (%s, %s, %s)",
        (channel_id, first, last),
    )


def _prepare_load(conn: Connection, channel_id: int, rows: pd.DataFrame) -> bool:
    """Lock the channel until the transaction ends, make the months needed; return whether no row stands in between.

    The three statements travel together, and each sees what was committed before it: what another run of this channel
    did until it let go of the lock is seen by the last.
    """
    (is_vacant,) = db.fetch_all(
        conn,
        "SELECT pg_advisory_xact_lock(%(lock)s, hashint8(%(channel)s));"
        " SELECT ensure_reading_partitions(to_timestamp(%(first)s), to_timestamp(%(last)s));"
        " SELECT NOT EXISTS (SELECT FROM readings WHERE channel_id = %(channel)s"
        " AND timestamp BETWEEN to_timestamp(%(first)s) AND to_timestamp(%(last)s))",
        {
            "lock": _CHANNEL_LOCK_CLASS,
            "channel": channel_id,
            "first": int(rows["timestamp"].iloc[0]),
            "last": int(rows["timestamp"].iloc[-1]),
        },
    )[0]
    return is_vacant


def _copy_unless_taken(conn: Connection, constants: dict[str, int], rows: pd.DataFrame) -> bool:
    """Copy the rows straight into `readings`; return False, with nothing done, if one of them stands there already.

    Among the loads of this project the channel's lock rules that out; the savepoint is for whatever else may write.
    """
    db.execute(conn, "SAVEPOINT before_copy")
    try:
        _copy_rows(conn, "readings", constants, rows)
    except pg_errors.UniqueViolation:
        db.execute(conn, "ROLLBACK TO SAVEPOINT before_copy")
        return False
    return True


def _insert_new_rows(conn: Connection, constants: dict[str, int], rows: pd.DataFrame) -> Stored:
    """Insert the rows that are not in `readings` yet, by way of a staging table, and fill what the others lack."""
    columns = [*constants, *rows.columns]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    db.execute(conn, sql.SQL("CREATE TEMP TABLE readings_staging AS SELECT {} FROM readings LIMIT 0").format(names))
    _copy_rows(conn, "readings_staging", constants, rows)
    inserted = db.execute(
        conn,
        sql.SQL("INSERT INTO readings ({names}) SELECT {names} FROM readings_staging ON CONFLICT DO NOTHING").format(
            names=names
        ),
    )
    values = columns_with_values(rows.drop(columns="timestamp"))
    stored = Stored(inserted, 0)
    if values and inserted < len(rows):
        filled, first = _complete_stored_rows(conn, constants, rows, values)
        stored = Stored(inserted, filled, first)
    db.execute(conn, "DROP TABLE readings_staging")
    return stored


def _complete_stored_rows(
    conn: Connection, constants: dict[str, int], rows: pd.DataFrame, values: list[str]
) -> tuple[int, datetime | None]:
    """Fill what the stored rows lack of the staged ones, and record where these say otherwise.

    Returns how many were filled, and the first moment of them.

    One look tells whether there is anything to do: most rows come again just as they stand.
    """
    span_s = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1])
    staged = StagedRows(constants["channel_id"], constants["ingest_run_id"], tuple(values), span_s)
    found = survey_staged(conn, staged)
    filled = fill_missing(conn, staged) if found.lacking else 0
    if found.first_use_at is not None and found.last_use_at is not None:
        _queue_stretch(conn, staged.channel_id, found.first_use_at, found.last_use_at)
    if found.differing:
        record_revisions(conn, staged, frozenset(values) - DOUBLE_COLUMNS)
    return filled, found.first_lacking_at


def _copy_rows(conn: Connection, table: str, constants: dict[str, int], rows: pd.DataFrame) -> None:
    # A column without any value need not travel.
    values = rows.drop(columns="timestamp")
    values = values[columns_with_values(values)]
    columns = [*constants, "timestamp", *values.columns]
    statement = sql.SQL("COPY {table} ({names}) FROM STDIN (FORMAT binary)").format(
        table=sql.Identifier(table), names=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor:
        cursor.copy_expert(statement, io.BytesIO(encode_binary_rows(rows["timestamp"].to_numpy(), values, constants)))
