"""Sites, their devices and channels, as the service or a file describes them. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extras import execute_values

from ingest.eniscope.field_sets import ChannelFields, in_order
from lib import db
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


_CLOSE_STAY = """
UPDATE channel_sites AS m
SET name = c.name, installed_at = c.installed_at, uninstalled_at = c.uninstalled_at,
    member_until = greatest(m.member_from, upper(m.away), asked.until, stored.until)
FROM channels AS c
CROSS JOIN (
    -- What another run is about to store of it, it stores for the site that it asks for.
    SELECT max(window_end) AS until FROM ingestion_logs
    WHERE channel_id = %(channel_id)s AND organization_id = %(from_site_id)s AND status IN ('running', 'done')
) AS asked
CROSS JOIN (
    SELECT max(timestamp + interval_s * interval '1 second') AS until FROM readings
    WHERE channel_id = %(channel_id)s AND organization_id = %(from_site_id)s
) AS stored
WHERE c.channel_id = %(channel_id)s AND m.channel_id = c.channel_id AND m.organization_id = %(from_site_id)s
"""
_OPEN_STAY = """
INSERT INTO channel_sites AS m (channel_id, organization_id, member_from)
SELECT channel_id, %(site_id)s, member_until
FROM channel_sites
WHERE channel_id = %(channel_id)s AND organization_id = %(from_site_id)s
ON CONFLICT (channel_id, organization_id) DO UPDATE SET
    -- It comes back. A stay in which nothing was asked for leaves no trace.
    member_from = CASE WHEN m.member_until > m.member_from THEN m.member_from ELSE excluded.member_from END,
    away = CASE
        WHEN m.member_until > m.member_from
            THEN m.away + tstzmultirange(tstzrange(m.member_until, greatest(m.member_until, excluded.member_from)))
        ELSE m.away
    END,
    member_until = 'infinity', name = NULL, installed_at = NULL, uninstalled_at = NULL
"""


def check_source(conn: Connection, site_id: int, data_source: str, channel_ids: Collection[int] = ()) -> None:
    """Refuse to mix the sandbox's readings with a service's in one site or, wherever it was before, in one channel.

    Parameters
    ----------
    channel_ids
        The channels that the source lists.

    Raises
    ------
    DataError
        When the site, or one of the channels, already holds readings of another source.
    """
    row = db.fetch_one(
        conn,
        "SELECT data_source FROM organizations AS o WHERE organization_id = %s AND data_source <> %s AND EXISTS"
        " (SELECT FROM channel_sites AS m JOIN readings AS r USING (channel_id, organization_id)"
        " WHERE m.organization_id = %s)",
        (site_id, data_source, site_id),
    )
    if row is not None:
        raise DataError(
            f"site {site_id}: this database holds readings of the {row[0]}, and these would come from the "
            f"{data_source}; use another database (DATABASE_URL) for them, or another site's number"
        )
    row = db.fetch_one(
        conn,
        "SELECT m.channel_id, m.organization_id, o.data_source"
        " FROM channel_sites AS m JOIN organizations AS o USING (organization_id)"
        " WHERE m.channel_id = ANY (%s) AND m.organization_id <> %s AND o.data_source <> %s AND EXISTS"
        " (SELECT FROM readings AS r WHERE r.channel_id = m.channel_id AND r.organization_id = m.organization_id)"
        " ORDER BY m.channel_id LIMIT 1",
        (list(channel_ids), site_id, data_source),
    )
    if row is not None:
        raise DataError(
            f"site {site_id}, channel {row[0]}: this database holds its readings of the {row[2]} (site {row[1]}), and "
            f"these would come from the {data_source}; use another database (DATABASE_URL) for them"
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

    Of a channel that was known at another site, the stay there ends where it was last asked for, and that here begins.

    Parameters
    ----------
    is_whole_list
        Whether `channels` are all that the source has: a file may hold some of a site's only.
    """
    _upsert(conn, "organizations", "organization_id", [organization | {"data_source": data_source}])
    _upsert(conn, "devices", "device_id", devices)
    listed = [channel["channel_id"] for channel in channels]
    site_id = organization["organization_id"]
    for channel_id, from_site_id in find_moved(conn, site_id, listed).items():
        stays = {"channel_id": channel_id, "from_site_id": from_site_id, "site_id": site_id}
        db.execute(conn, _CLOSE_STAY, stays)
        db.execute(conn, _OPEN_STAY, stays)
    _upsert(conn, "channels", "channel_id", channels)
    db.execute(
        conn,
        "INSERT INTO channel_sites (channel_id, organization_id)"
        " SELECT channel_id, organization_id FROM channels WHERE channel_id = ANY (%s) ON CONFLICT DO NOTHING",
        (listed,),
    )
    if not is_whole_list:
        return
    # A channel that the service lists no longer is expected to report no longer; its readings stay.
    db.execute(
        conn,
        "UPDATE channels SET is_listed = (channel_id = ANY (%s))"
        " WHERE organization_id = %s AND is_listed <> (channel_id = ANY (%s))",
        (listed, site_id, listed),
    )


def compare_channels(conn: Connection, site_id: int, channel_ids: Collection[int]) -> tuple[list[int], list[int]]:
    """Return which channels of a known site are new, and which are listed no longer."""
    rows = db.fetch_all(conn, "SELECT channel_id FROM channels WHERE organization_id = %s AND is_listed", (site_id,))
    known = {channel_id for (channel_id,) in rows}
    if not known:
        return [], []
    return sorted(set(channel_ids) - known), sorted(known - set(channel_ids))


def find_moved(conn: Connection, site_id: int, channel_ids: Collection[int]) -> dict[int, int]:
    """Return channel id → the site at which it is known, of those that are known at another."""
    rows = db.fetch_all(
        conn,
        "SELECT channel_id, organization_id FROM channels WHERE channel_id = ANY (%s) AND organization_id <> %s"
        " ORDER BY channel_id",
        (list(channel_ids), site_id),
    )
    return dict(rows)


def load_begins(conn: Connection, site_id: int) -> dict[int, datetime]:
    """Return channel id → since when it belongs to the site, of those that were at another before."""
    rows = db.fetch_all(
        conn,
        "SELECT channel_id, greatest(member_from, upper(away)) FROM channel_sites"
        " WHERE organization_id = %s AND (member_from > '-infinity' OR away <> '{}')",
        (site_id,),
    )
    return dict(rows)


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


def load_channel_fields(conn: Connection, site_id: int) -> dict[int, ChannelFields]:
    """Return channel id → what is known of its fields, of the channels of which anything is."""
    rows = db.fetch_all(
        conn,
        "SELECT channel_id, fields, asked_fields, full_ask_at, refusals, reduced_since, refill_before FROM channels"
        " WHERE organization_id = %s AND (fields IS NOT NULL OR full_ask_at IS NOT NULL)",
        (site_id,),
    )
    return {
        channel_id: ChannelFields(in_order(seen or ()), in_order(asked or ()), *others)
        for channel_id, seen, asked, *others in rows
    }


def save_channel_fields(conn: Connection, channel_id: int, known: ChannelFields) -> None:
    """Remember what is known of a channel's fields; the service serves it."""
    _save_fields(conn, channel_id, known, is_unsupported=False)


def mark_unsupported(conn: Connection, channel_id: int) -> None:
    """Remember that the service refuses every set of fields for a channel."""
    _save_fields(conn, channel_id, ChannelFields(), is_unsupported=True)


def save_fields(conn: Connection, channel_id: int, fields: Sequence[str]) -> None:
    """Remember which fields a channel has where nothing need be learned from values: they are asked for as they are."""
    names = in_order(fields)
    save_channel_fields(conn, channel_id, ChannelFields(names, names, datetime.now(UTC)))


def _save_fields(conn: Connection, channel_id: int, known: ChannelFields, *, is_unsupported: bool) -> None:
    db.execute(
        conn,
        "UPDATE channels SET fields = %(seen)s, asked_fields = %(asked)s, full_ask_at = %(full_ask_at)s,"
        " refusals = %(refusals)s, reduced_since = %(reduced_since)s, refill_before = %(refill_before)s,"
        " is_unsupported = %(is_unsupported)s WHERE channel_id = %(channel)s"
        " AND (fields, asked_fields, full_ask_at, refusals, reduced_since, refill_before, is_unsupported)"
        " IS DISTINCT FROM (%(seen)s::text[], %(asked)s::text[], %(full_ask_at)s::timestamptz, %(refusals)s,"
        " %(reduced_since)s::timestamptz, %(refill_before)s::timestamptz, %(is_unsupported)s)",
        {
            "channel": channel_id,
            "seen": list(known.seen) or None,
            "asked": list(known.asked) or None,
            "full_ask_at": known.full_ask_at,
            "refusals": known.refusals,
            "reduced_since": known.reduced_since,
            "refill_before": known.refill_before,
            "is_unsupported": is_unsupported,
        },
    )
