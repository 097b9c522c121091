"""The log of every attempt: what was asked for, how it ended, what went wrong. Nothing here commits.

The script does, one channel and window at a time, readings and their log line together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg2.extras import Json

from ingest.eniscope.troubles import Troubles
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


STATUS_DONE = "done"
STATUS_UNSUPPORTED = "unsupported"
STATUS_FAILED = "failed"

# An attempt that is still "running" after this long was killed: the client's retries end within minutes.
_ABANDONED_AFTER = "1 hour"
# An hour of slack: clocks differ by minutes.
_TAKE_BACK_FUTURE_WINDOWS = """
UPDATE ingestion_logs
SET window_start = least(window_start, date_trunc('hour', %(now)s::timestamptz)),
    window_end = date_trunc('hour', %(now)s::timestamptz),
    error = 'asked for up to ' || window_end::text || ', in the future: a clock was fast'
WHERE organization_id = %(site_id)s
    AND channel_id IN (SELECT channel_id FROM channel_sites WHERE organization_id = %(site_id)s)
    AND window_end > %(now)s::timestamptz + interval '1 hour'
"""
_TAKE_BACK_FUTURE_DATES = """
UPDATE ingestion_logs
SET started_at = least(started_at, %(now)s::timestamptz), finished_at = %(now)s::timestamptz
WHERE organization_id = %(site_id)s AND finished_at > %(now)s::timestamptz + interval '1 hour'
"""


class Attempt(NamedTuple):
    """One request for one channel over one window, as `ingestion_logs` keeps it."""

    run_id: int
    organization_id: int
    channel_id: int
    window: Window
    interval_s: int
    data_source: str


def start_run(conn: Connection, site_id: int) -> int:
    """Return the number of a new run; attempts of the site that a killed run left behind are closed.

    What a run with a fast clock logged for the future is taken back first: it was never asked for, and until then
    nothing would count as up to date.
    """
    # A value, for Citus takes no clock in an UPDATE.
    ((now,),) = db.fetch_all(conn, "SELECT clock_timestamp()")
    for statement in (_TAKE_BACK_FUTURE_WINDOWS, _TAKE_BACK_FUTURE_DATES):
        db.execute(conn, statement, {"site_id": site_id, "now": now})
    db.execute(
        conn,
        "UPDATE ingestion_logs SET status = 'interrupted', finished_at = statement_timestamp(),"
        " error = 'the run ended before this attempt did; run again to fetch the window'"
        " WHERE organization_id = %s AND status = 'running' AND started_at < statement_timestamp() - %s::interval",
        (site_id, _ABANDONED_AFTER),
    )
    (run_id,) = db.fetch_all(conn, "SELECT nextval('ingest_run_ids')")[0]
    return run_id


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
    filled: int = 0,
    rejected: int = 0,
    error: str | None = None,
    troubles: Troubles | None = None,
) -> None:
    """Log how an attempt ended, what went wrong on the way, and how many stored intervals it brought otherwise."""
    troubles = troubles or Troubles()
    db.execute(
        conn,
        "UPDATE ingestion_logs SET finished_at = statement_timestamp(), status = %s, fetched = %s, inserted = %s,"
        " duplicate = %s, filled = %s, rejected = %s, error = %s, retries = %s, troubles = %s, data_source = %s,"
        " revised = (SELECT count(DISTINCT r.timestamp) FROM reading_revisions AS r"
        " WHERE r.channel_id = %s AND r.timestamp >= %s AND r.timestamp < %s AND r.ingest_run_id = %s)"
        " WHERE channel_id = %s AND log_id = %s",
        (
            status,
            fetched,
            inserted,
            duplicate,
            filled,
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


def describe_rejects(rejects: dict[str, int]) -> str | None:
    """Return the rejects in words for the log, or None when there are none."""
    return "; ".join(f"{count} {reason}" for reason, count in sorted(rejects.items())) or None
