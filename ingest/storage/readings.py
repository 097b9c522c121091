"""Writes what was fetched: sites, devices, channels, readings, and the log of every attempt.

Nothing here commits; the script does, one channel and window at a time, readings and their log line together.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2 import errors as pg_errors
from psycopg2 import sql
from psycopg2.extras import Json, execute_values

from ingest.eniscope.troubles import Troubles
from ingest.storage.binary_copy import DOUBLE_COLUMNS, encode_binary_rows
from ingest.storage.revisions import record_revisions
from lib import db
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

STATUS_DONE = "done"
STATUS_UNSUPPORTED = "unsupported"
STATUS_FAILED = "failed"

# An attempt that is still "running" after this long was killed: the client's retries end within minutes.
_ABANDONED_AFTER = "1 hour"

# First half of the key under which a channel is locked while it is loaded; no other lock of this project has two.
_CHANNEL_LOCK_CLASS = 7_230_419


class Attempt(NamedTuple):
    """One request for one channel over one window, as `ingestion_logs` keeps it."""

    run_id: int
    organization_id: int
    channel_id: int
    window: Window
    interval_s: int
    data_source: str


def start_run(conn: Connection, site_id: int) -> int:
    """Return the number of a new run; attempts of the site that a killed run left behind are closed."""
    db.execute(
        conn,
        "UPDATE ingestion_logs SET status = 'interrupted', finished_at = statement_timestamp(),"
        " error = 'the run ended before this attempt did; run again to fetch the window'"
        " WHERE organization_id = %s AND status = 'running' AND started_at < statement_timestamp() - %s::interval",
        (site_id, _ABANDONED_AFTER),
    )
    (run_id,) = db.fetch_all(conn, "SELECT nextval('ingest_run_ids')")[0]
    return run_id


def check_source(conn: Connection, site_id: int, data_source: str) -> None:
    """Refuse to mix the sandbox's readings with a service's in one site.

    Raises
    ------
    DataError
        When the site already holds readings of the other source.
    """
    row = db.fetch_one(
        conn,
        "SELECT data_source FROM organizations AS o WHERE organization_id = %s AND data_source <> %s AND EXISTS"
        " (SELECT FROM channels AS c JOIN readings AS r USING (channel_id) WHERE c.organization_id = %s)",
        (site_id, data_source, site_id),
    )
    if row is not None:
        raise DataError(
            f"site {site_id}: this database holds readings of the {row[0]}, and these would come from the "
            f"{data_source}; use another database (DATABASE_URL) for them, or another site's number"
        )


def check_timezone(conn: Connection, site_id: int, timezone: str) -> None:
    """Refuse a time zone that PostgreSQL does not know: it would stop the refresh of every site.

    Raises
    ------
    DataError
        When it does not know it.
    """
    if db.fetch_one(conn, "SELECT FROM pg_timezone_names WHERE name = %s", (timezone,)) is None:
        raise DataError(
            f"site {site_id}: PostgreSQL does not know its time zone {timezone!r}; have the vendor set another"
        )


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


def register_site(
    conn: Connection,
    organization: dict[str, Any],
    devices: Sequence[dict[str, Any]],
    channels: Sequence[dict[str, Any]],
    data_source: str,
    *,
    is_whole_list: bool = True,
) -> None:
    """Insert the site, its devices and channels, or bring their descriptions up to date.

    Parameters
    ----------
    is_whole_list
        Whether `channels` are all that the source has: a file may hold some of a site's only.
    """
    _upsert(conn, "organizations", "organization_id", [organization | {"data_source": data_source}])
    _upsert(conn, "devices", "device_id", devices)
    _upsert(conn, "channels", "channel_id", channels)
    if not is_whole_list:
        return
    # A channel that the service lists no longer is expected to report no longer; its readings stay.
    listed = [channel["channel_id"] for channel in channels]
    db.execute(
        conn,
        "UPDATE channels SET is_listed = (channel_id = ANY (%s))"
        " WHERE organization_id = %s AND is_listed <> (channel_id = ANY (%s))",
        (listed, organization["organization_id"], listed),
    )


def compare_channels(conn: Connection, site_id: int, channel_ids: Collection[int]) -> tuple[list[int], list[int]]:
    """Return which channels of a known site are new, and which are listed no longer."""
    rows = db.fetch_all(conn, "SELECT channel_id FROM channels WHERE organization_id = %s AND is_listed", (site_id,))
    known = {channel_id for (channel_id,) in rows}
    if not known:
        return [], []
    return sorted(set(channel_ids) - known), sorted(known - set(channel_ids))


def _upsert(conn: Connection, table: str, key: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    columns = list(rows[0])
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) VALUES %s ON CONFLICT ({key}) DO UPDATE SET {updates},"
        " updated_at = excluded.updated_at WHERE ({current}) IS DISTINCT FROM ({offered})"
    ).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        key=sql.Identifier(key),
        updates=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in columns if column != key
        ),
        current=sql.SQL(", ").join(sql.Identifier(table, column) for column in columns),
        offered=sql.SQL(", ").join(sql.Identifier("excluded", column) for column in columns),
    )
    with conn.cursor() as cursor:
        execute_values(cursor, statement.as_string(conn), [[row[column] for column in columns] for row in rows])


def load_known_fields(conn: Connection, site_id: int) -> dict[int, tuple[str, ...]]:
    """Return channel id → the fields that the service accepted for it before."""
    rows = db.fetch_all(
        conn,
        "SELECT channel_id, fields FROM channels WHERE organization_id = %s AND fields IS NOT NULL",
        (site_id,),
    )
    return {channel_id: tuple(fields) for channel_id, fields in rows}


def save_fields(conn: Connection, channel_id: int, fields: Sequence[str] | None) -> None:
    """Remember which fields a channel has; None marks it as one that the service does not serve."""
    db.execute(
        conn,
        "UPDATE channels SET fields = %(fields)s, is_unsupported = %(is_unsupported)s WHERE channel_id = %(channel)s"
        " AND (fields, is_unsupported) IS DISTINCT FROM (%(fields)s::text[], %(is_unsupported)s)",
        {
            "channel": channel_id,
            "fields": None if fields is None else list(fields),
            "is_unsupported": fields is None,
        },
    )


def start_attempt(conn: Connection, attempt: Attempt) -> int:
    """Log that an attempt begins; return its number.

    Its commit need not wait for the disk: the commit of what the attempt brings does, and makes this one safe too.
    """
    (log_id,) = db.fetch_all(
        conn,
        "SET LOCAL synchronous_commit = off;"
        " INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, interval_s,"
        " data_source, status) VALUES (%s, %s, %s, %s, %s, %s, %s, 'running') RETURNING log_id",
        (
            attempt.run_id,
            attempt.organization_id,
            attempt.channel_id,
            attempt.window.start,
            attempt.window.end,
            attempt.interval_s,
            attempt.data_source,
        ),
    )[0]
    return log_id


def finish_attempt(
    conn: Connection,
    attempt: Attempt,
    log_id: int,
    status: str,
    *,
    fetched: int = 0,
    inserted: int = 0,
    duplicate: int = 0,
    rejected: int = 0,
    error: str | None = None,
    troubles: Troubles | None = None,
) -> None:
    """Log how an attempt ended, what went wrong on the way, and how many stored intervals it brought otherwise."""
    troubles = troubles or Troubles()
    db.execute(
        conn,
        "UPDATE ingestion_logs SET finished_at = statement_timestamp(), status = %s, fetched = %s, inserted = %s,"
        " duplicate = %s, rejected = %s, error = %s, retries = %s, troubles = %s, data_source = %s,"
        " revised = (SELECT count(DISTINCT r.timestamp) FROM reading_revisions AS r"
        " WHERE r.channel_id = %s AND r.timestamp >= %s AND r.timestamp < %s AND r.ingest_run_id = %s)"
        " WHERE channel_id = %s AND log_id = %s",
        (
            status,
            fetched,
            inserted,
            duplicate,
            rejected,
            error,
            troubles.retries,
            _json(troubles),
            attempt.data_source,
            attempt.channel_id,
            *attempt.window,
            attempt.run_id,
            attempt.channel_id,
            log_id,
        ),
    )


def note_troubles(conn: Connection, attempt: Attempt, log_id: int, troubles: Troubles) -> None:
    """Add what went wrong to an attempt that has been closed already."""
    db.execute(
        conn,
        "UPDATE ingestion_logs SET retries = %s, troubles = %s WHERE channel_id = %s AND log_id = %s",
        (troubles.retries, _json(troubles), attempt.channel_id, log_id),
    )


def _json(troubles: Troubles) -> Json | None:
    return Json(troubles.counts) if troubles.counts else None


def interrupt_run(conn: Connection, run_id: int, reason: str) -> None:
    """Close the attempts that a run leaves behind when it ends early."""
    db.execute(
        conn,
        "UPDATE ingestion_logs SET status = 'interrupted', finished_at = statement_timestamp(), error = %s"
        " WHERE run_id = %s AND status = 'running'",
        (reason, run_id),
    )


def insert_readings(conn: Connection, channel_id: int, interval_s: int, run_id: int, rows: pd.DataFrame) -> int:
    """Insert the readings of one channel that the database does not have yet; what stands keeps its first value.

    Where the channel has nothing yet between the first and the last of them, as in every first fetch, they go by COPY
    straight into the table. Elsewhere they go by COPY into a staging table, and from there by ``INSERT … ON CONFLICT
    DO NOTHING``, which takes twice as long; where the source now reports another value than what stands, that is
    recorded in `reading_revisions`.

    Parameters
    ----------
    rows
        `timestamp` (int64, epoch seconds, ascending) and float columns named as in `readings`; NaN becomes NULL.

    Returns
    -------
    int
        How many were new.
    """
    if rows.empty:
        return 0
    constants = {"channel_id": channel_id, "interval_s": interval_s, "ingest_run_id": run_id}
    is_copied = _prepare_load(conn, channel_id, rows) and _copy_unless_taken(conn, constants, rows)
    inserted = len(rows) if is_copied else _insert_new_rows(conn, constants, rows)
    if inserted:
        _queue_for_refresh(conn, constants, rows)
    return inserted


def _queue_for_refresh(conn: Connection, constants: dict[str, int], rows: pd.DataFrame) -> None:
    """Tell the refresh from where to where this run's new rows reach; it sees them and this entry, or neither."""
    db.execute(
        conn,
        "INSERT INTO usage_queue (channel_id, first_at, last_at)"
        " SELECT channel_id, min(timestamp), max(timestamp) FROM readings"
        " WHERE channel_id = %(channel_id)s AND ingest_run_id = %(ingest_run_id)s"
        " AND timestamp BETWEEN to_timestamp(%(first)s) AND to_timestamp(%(last)s) GROUP BY channel_id",
        constants | {"first": int(rows["timestamp"].iloc[0]), "last": int(rows["timestamp"].iloc[-1])},
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


def _insert_new_rows(conn: Connection, constants: dict[str, int], rows: pd.DataFrame) -> int:
    """Insert the rows that are not in `readings` yet, by way of a staging table; return how many they were."""
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
    if inserted < len(rows):
        values = [column for column in rows.columns if column != "timestamp"]
        narrow = frozenset(values) - DOUBLE_COLUMNS
        span_s = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1])
        record_revisions(conn, constants["channel_id"], constants["ingest_run_id"], values, narrow, span_s)
    db.execute(conn, "DROP TABLE readings_staging")
    return inserted


def _copy_rows(conn: Connection, table: str, constants: dict[str, int], rows: pd.DataFrame) -> None:
    # A column without any value need not travel.
    values = rows.drop(columns="timestamp")
    values = values.loc[:, values.notna().any()]
    columns = [*constants, "timestamp", *values.columns]
    statement = sql.SQL("COPY {table} ({names}) FROM STDIN (FORMAT binary)").format(
        table=sql.Identifier(table), names=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor:
        cursor.copy_expert(statement, io.BytesIO(encode_binary_rows(rows["timestamp"].to_numpy(), values, constants)))


def describe_rejects(rejects: dict[str, int]) -> str | None:
    """Return the rejects in words for the log, or None when there are none."""
    return "; ".join(f"{count} {reason}" for reason, count in sorted(rejects.items())) or None
