"""Computes hourly and daily use again where the raw readings changed, in batches of whole channels.

`refresh_views` commits batch by batch, so that a kill leaves whole days behind and the rest in the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2

from lib import db
from lib.code_version import code_version
from lib.paths import USAGE_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

# One transaction computes about this much: two million quarter-hours, some seconds. A channel is never split.
BATCH_CHANNEL_DAYS = 20_000

# Two refreshes take turns, transaction by transaction: the older snapshot of one must not overwrite what the other
# computed from newer rows. A transaction's lock works through a pooling proxy.
_REFRESH_LOCK_KEY = 7_230_419_002


class Pending(NamedTuple):
    """A channel with queued changes: how many days they span, from when to when."""

    channel_id: int
    site_id: int
    span_days: float
    first_at: datetime
    last_at: datetime


class Refreshed(NamedTuple):
    """What a refresh computed anew, and the sites whose data it could not compute with."""

    channels: int
    hours: int
    days: int
    failed_sites: tuple[int, ...] = ()


def refresh_views(
    conn: Connection, site_id: int | None = None, batch_channel_days: float = BATCH_CHANNEL_DAYS
) -> Refreshed:
    """Compute the hours and days that queued changes touch, and commit them in batches of whole channels.

    Parameters
    ----------
    site_id
        Only this site's channels; None for all.
    batch_channel_days
        How much one transaction computes, in days of one channel.
    """
    _queue_moved_days(conn)
    pending = [Pending(*row) for row in db.fetch_all(conn, _read_sql("list_pending"), {"site_id": site_id})]
    conn.commit()
    if pending:
        # In a transaction of its own: Citus can spread a new month only where nothing ran on all machines before.
        _ensure_months(conn, min(item.first_at for item in pending), max(item.last_at for item in pending))
        conn.commit()
    total = Refreshed(0, 0, 0)
    for batch in split_batches(pending, batch_channel_days):
        done = _refresh_batch(conn, batch)
        total = _add((total, done))
        logger.info("%d channels, %d hours, %d days", *done[:3])
    return total


def rebuild_views(conn: Connection, site_id: int | None = None) -> Refreshed:
    """Compute the whole history of a site, or of all, again: for after rows were changed or removed by hand."""
    channels = db.fetch_all(
        conn,
        "SELECT DISTINCT channel_id FROM channel_sites"
        " WHERE %(site_id)s::bigint IS NULL OR organization_id = %(site_id)s",
        {"site_id": site_id},
    )
    _queue_history(conn, [channel_id for (channel_id,) in channels])
    return refresh_views(conn, site_id)


def split_batches(pending: Iterable[Pending], batch_channel_days: float) -> Iterator[list[Pending]]:
    """Yield lists of channels, each list as long as its channels' days fit into a batch, and never empty."""
    batch: list[Pending] = []
    filled_days = 0.0
    for item in pending:
        if batch and filled_days + item.span_days > batch_channel_days:
            yield batch
            batch, filled_days = [], 0.0
        batch.append(item)
        filled_days += item.span_days
    if batch:
        yield batch


def lock_refresh(conn: Connection) -> None:
    """Keep other refreshes waiting until the transaction ends."""
    db.take_turn(conn, "%s", (_REFRESH_LOCK_KEY,), "refresh")


def _refresh_batch(conn: Connection, batch: list[Pending]) -> Refreshed:
    """Compute a batch and commit it; where a site's data cannot be computed with, the other sites' all the same."""
    try:
        done = _refresh_channels(conn, [item.channel_id for item in batch])
        conn.commit()
        return done
    except psycopg2.DataError as err:  # such as a time zone that the server does not know
        conn.rollback()
        site_ids = sorted({item.site_id for item in batch})
        if len(site_ids) == 1:
            logger.error("site %d could not be refreshed: %s", site_ids[0], db.wrap_error(err))
            return Refreshed(0, 0, 0, tuple(site_ids))
        parts = [[item for item in batch if item.site_id == site_id] for site_id in site_ids]
        return _add(_refresh_batch(conn, part) for part in parts)


def _add(parts: Iterable[Refreshed]) -> Refreshed:
    channels, hours, days, failed_sites = zip(Refreshed(0, 0, 0), *parts, strict=True)
    return Refreshed(sum(channels), sum(hours), sum(days), sum(failed_sites, ()))


def _refresh_channels(conn: Connection, channel_ids: list[int]) -> Refreshed:
    """Take the channels' changes out of the queue and compute what they touch, as one transaction."""
    lock_refresh(conn)
    # Before the changes are read: should the site move to another time zone in between, the next refresh will see it.
    db.execute(
        conn,
        "INSERT INTO usage_state (channel_id, organization_id, timezone, refreshed_at)"
        " SELECT m.channel_id, m.organization_id, o.timezone, now()"
        " FROM channel_sites AS m JOIN organizations AS o USING (organization_id) WHERE m.channel_id = ANY (%s)"
        " ON CONFLICT (channel_id, organization_id)"
        " DO UPDATE SET timezone = excluded.timezone, refreshed_at = excluded.refreshed_at",
        (channel_ids,),
    )
    taken = db.fetch_all(conn, _read_sql("take_changes"), {"channel_ids": channel_ids})
    hours, days = ([row[1:] for row in taken if row[0] == grain] for grain in ("hour", "day"))
    if not hours:
        return Refreshed(0, 0, 0)  # another refresh was quicker, or the readings were dropped since
    # A load that ended since may have brought the first rows of a month.
    _ensure_months(conn, min(since for *_, since, _ in hours), max(until for *_, until in hours) - timedelta(hours=1))
    hour_count = db.execute(conn, _read_sql("mv_hourly_usage"), _as_parameters(hours))
    day_count = db.execute(conn, _read_sql("mv_daily_usage"), _as_parameters(days)) if days else 0
    return Refreshed(len({channel_id for channel_id, *_ in hours}), hour_count, day_count)


def _ensure_months(conn: Connection, first: datetime, last: datetime) -> None:
    db.execute(conn, "SELECT ensure_usage_partitions(%s, %s)", (first, last))


def _as_parameters(stretches: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the stretches column by column, and the bounds of all together."""
    names = ("channel_ids", "site_ids", "timezones", "since", "until")
    columns = dict(zip(names, map(list, zip(*stretches, strict=True)), strict=True))
    return columns | {"first": min(columns["since"]), "last": max(columns["until"])}


def _queue_moved_days(conn: Connection) -> None:
    """Queue the history of the channels of a site that moved to another time zone: their days are others now."""
    moved = db.fetch_all(
        conn,
        "SELECT DISTINCT s.channel_id FROM usage_state AS s JOIN organizations AS o USING (organization_id)"
        " WHERE s.timezone <> o.timezone",
    )
    _queue_history(conn, [channel_id for (channel_id,) in moved])


def _queue_history(conn: Connection, channel_ids: list[int]) -> None:
    if channel_ids:
        db.execute(conn, _read_sql("queue_history"), {"channel_ids": channel_ids})


def record_refresh(conn: Connection, started_at: datetime, is_full: bool, done: Refreshed) -> None:
    """Write the row of a refresh that ended; does not commit."""
    db.execute(
        conn,
        "INSERT INTO refresh_runs (started_at, is_full, rows_changed, code_version) VALUES (%s, %s, %s, %s)",
        (started_at, is_full, done.hours + done.days, code_version()),
    )


def _read_sql(name: str) -> str:
    return (USAGE_DIR / f"{name}.sql").read_text(encoding="utf-8")
