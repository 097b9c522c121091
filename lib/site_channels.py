"""Names of a site's channels, for `ingest` and `govern`, which know the tables below the views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def load_names(conn: Connection, site_id: int) -> dict[int, str]:
    """Return channel id → name of every channel that belongs or belonged to the site, listed or not."""
    rows = db.fetch_all(
        conn,
        "SELECT m.channel_id, coalesce(m.name, c.name) FROM channel_sites AS m JOIN channels AS c USING (channel_id)"
        " WHERE m.organization_id = %s",
        (site_id,),
    )
    return dict(rows)
