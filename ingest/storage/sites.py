"""Sites, their devices and channels, as the service or a file describes them. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extras import execute_values

from lib import db
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


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


def load_names(conn: Connection, site_id: int) -> dict[int, str]:
    """Return channel id → name of every channel of the site, listed or not."""
    return dict(db.fetch_all(conn, "SELECT channel_id, name FROM channels WHERE organization_id = %s", (site_id,)))


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
