"""Lets records in from quarantine, by the way of every reading; nothing here commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ingest.storage import attempts, readings
from ingest.storage.plausibility import READMITTABLE
from ingest.storage.rejects import StoredReject, load_rejects_by_id
from lib import db
from lib.date_utils import Window, align_down
from lib.errors import UsageError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_MARK = "readmitted"
_SOURCE = "quarantine"  # of the attempt: the service was not asked


def check_readmittable(conn: Connection, site_id: int, reject_ids: Sequence[int]) -> dict[int, list[StoredReject]]:
    """Return the records by channel.

    Raises
    ------
    UsageError
        When one is unknown, of another site, let in already, or has no place among the readings.
    """
    rejects = {reject.reject_id: reject for reject in load_rejects_by_id(conn, site_id, reject_ids)}
    unknown = sorted(set(reject_ids) - set(rejects))
    if unknown:
        raise UsageError(
            f"site {site_id} has no record {', '.join(map(str, unknown))} in quarantine, or it is let in already; "
            f"python ingest/list_rejects.py --site {site_id} lists them"
        )
    by_channel: dict[int, list[StoredReject]] = defaultdict(list)
    for reject in rejects.values():
        if reject.reason not in READMITTABLE or reject.timestamp is None or not reject.reading:
            raise UsageError(
                f"record {reject.reject_id} ({reject.reason}) has no place among the readings; "
                "ingest its window again once the service is right"
            )
        if align_down(reject.timestamp, reject.interval_s) != reject.timestamp:
            raise UsageError(f"record {reject.reject_id} is off the grid of {reject.interval_s} s; it cannot be let in")
        by_channel[reject.channel_id].append(reject)
    return dict(by_channel)


def readmit_channel(conn: Connection, site_id: int, channel_id: int, rejects: Sequence[StoredReject], by: str) -> int:
    """Store the records of one channel as readings, with a log line and a mark each; return how many were new."""
    import pandas as pd

    rows = pd.DataFrame(
        [{"timestamp": int(r.timestamp.timestamp()), **(r.reading or {})} for r in rejects if r.timestamp]
    )
    rows = rows.sort_values("timestamp").drop_duplicates("timestamp").reset_index(drop=True)
    interval_s = rejects[0].interval_s
    moments = [reject.timestamp for reject in rejects if reject.timestamp]
    window = Window(min(moments), max(moments) + timedelta(seconds=interval_s))
    run_id = attempts.start_run(conn, site_id)
    attempt = attempts.Attempt(run_id, site_id, channel_id, window, interval_s, _SOURCE)
    log_id = attempts.start_attempt(conn, attempt)
    readings.check_resolution(conn, channel_id, window, interval_s)
    stored = readings.insert_readings(conn, site_id, channel_id, interval_s, run_id, rows)
    db.execute(
        conn,
        "INSERT INTO reading_marks (channel_id, timestamp, mark, detail) SELECT channel_id, timestamp, %s,"
        " reason || ', let in by ' || %s FROM rejected_readings"
        " WHERE channel_id = %s AND reject_id = ANY (%s)"
        " AND EXISTS (SELECT FROM readings AS r WHERE r.channel_id = rejected_readings.channel_id"
        " AND r.timestamp = rejected_readings.timestamp AND r.ingest_run_id = %s) ON CONFLICT DO NOTHING",
        (_MARK, by, channel_id, [reject.reject_id for reject in rejects], run_id),
    )
    db.execute(
        conn,
        "UPDATE rejected_readings SET readmitted_at = statement_timestamp(), readmitted_by = %s"
        " WHERE channel_id = %s AND reject_id = ANY (%s)",
        (by, channel_id, [reject.reject_id for reject in rejects]),
    )
    attempts.finish_attempt(
        conn,
        attempt,
        log_id,
        attempts.STATUS_DONE,
        fetched=len(rejects),
        inserted=stored.inserted,
        duplicate=len(rejects) - stored.inserted,
        filled=stored.filled,
    )
    return stored.inserted
