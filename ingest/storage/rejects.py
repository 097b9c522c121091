"""Keeps the records that cannot be right or cannot be placed, each once, with its reason; nothing here commits."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2.extras import execute_values

from ingest.storage.plausibility import Reject
from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_MAX_RAW_LENGTH = 4_000  # a record of this service has some 600 characters; more is no record
_EARLIEST_S, _LATEST_S = 0.0, 4_102_444_800.0  # 1970 to 2100: what lies outside is no moment of a meter

# What a person has not let in yet.
_SELECT = """
SELECT
    q.reject_id, q.channel_id, coalesce(m.name, c.name), q.timestamp, q.interval_s, q.reason, q.raw, q.reading,
    q.seen_count,
    EXISTS (SELECT FROM readings AS r WHERE r.channel_id = q.channel_id AND r.timestamp = q.timestamp),
    count(*) OVER ()
FROM channel_sites AS m
JOIN rejected_readings AS q USING (channel_id, organization_id)
JOIN channels AS c ON c.channel_id = m.channel_id
WHERE m.organization_id = %(site_id)s AND q.readmitted_at IS NULL
"""
_CHOSEN = """
    AND (%(channel_id)s::bigint IS NULL OR q.channel_id = %(channel_id)s)
    AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
"""


class StoredReject(NamedTuple):
    """A record in quarantine; see `ingest.storage.plausibility.Reject`."""

    reject_id: int
    channel_id: int
    channel_name: str
    timestamp: datetime | None
    interval_s: int
    reason: str
    raw: Any
    reading: dict[str, float] | None
    seen_count: int
    has_reading: bool


def load_rejects(
    conn: Connection, site_id: int, channel_id: int | None, reason: str | None, limit: int
) -> tuple[int, list[StoredReject]]:
    """Return how many records of a site are in quarantine, and the newest of them."""
    rows = db.fetch_all(
        conn,
        f"{_SELECT}{_CHOSEN} ORDER BY q.timestamp DESC NULLS FIRST, q.reject_id LIMIT %(limit)s",
        {"site_id": site_id, "channel_id": channel_id, "reason": reason, "limit": limit},
    )
    return rows[0][-1] if rows else 0, [StoredReject(*row[:-1]) for row in rows]


def load_rejects_by_id(conn: Connection, site_id: int, reject_ids: Sequence[int]) -> list[StoredReject]:
    """Return the records with these numbers, as far as the site has them in quarantine."""
    rows = db.fetch_all(
        conn,
        f"{_SELECT} AND q.reject_id = ANY (%(reject_ids)s) ORDER BY q.reject_id",
        {"site_id": site_id, "reject_ids": list(reject_ids)},
    )
    return [StoredReject(*row[:-1]) for row in rows]


def store_rejects(
    conn: Connection, site_id: int, channel_id: int, interval_s: int, run_id: int, rejects: Sequence[Reject]
) -> int:
    """Put records into quarantine; one that is there already is counted.

    Parameters
    ----------
    site_id
        The site for which they came.
    interval_s
        Length of the intervals asked for, or that the file has [s].
    run_id
        The run that brought them.

    Returns
    -------
    int
        How many there are, each once.
    """
    rows = {}
    for reject in rejects:
        raw = encode_raw(reject.raw)
        key = hashlib.sha256(f"{reject.reason}\n{raw}".encode()).hexdigest()
        reading = None if reject.reading is None else json.dumps(reject.reading, allow_nan=False)
        rows[key] = (
            channel_id,
            site_id,
            _moment(reject.timestamp_s),
            interval_s,
            reject.reason,
            raw,
            reading,
            key,
            run_id,
            run_id,
        )
    if rows:
        with conn.cursor() as cursor:
            execute_values(
                cursor,
                "INSERT INTO rejected_readings (channel_id, organization_id, timestamp, interval_s, reason, raw,"
                " reading, record_key, first_run_id, last_run_id) VALUES %s"
                " ON CONFLICT (channel_id, record_key) DO UPDATE SET last_seen_at = excluded.last_seen_at,"
                " last_run_id = excluded.last_run_id,"
                " seen_count = rejected_readings.seen_count + 1, reading = excluded.reading",
                list(rows.values()),
            )
    return len(rows)


def encode_raw(raw: Any) -> str:
    """Return a record as JSON that PostgreSQL can keep; what is too long is kept as its first characters."""
    text = json.dumps(_keepable(raw), ensure_ascii=True, sort_keys=True, default=str)
    if len(text) <= _MAX_RAW_LENGTH:
        return text
    return json.dumps({"cut": text[:_MAX_RAW_LENGTH]})


def _keepable(value: Any) -> Any:
    """Return a value without what JSON or PostgreSQL cannot hold: NaN, infinities, NUL, lone surrogates."""
    if isinstance(value, dict):
        return {_keepable(str(key)): _keepable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_keepable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return value


def _moment(timestamp_s: float | None) -> datetime | None:
    if timestamp_s is None or not _EARLIEST_S < timestamp_s < _LATEST_S:
        return None
    return datetime.fromtimestamp(timestamp_s, UTC)
