"""Brings what a site's file says of its channels into the database, where the views of Layer 3 tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from config.site_file import SiteConfig

_INSERT = (
    "INSERT INTO channel_facts (channel_id, organization_id, kind, must_run, parent_id) VALUES (%s, %s, %s, %s, %s)"
)


def store_channel_facts(conn: Connection, site: SiteConfig) -> int:
    """Store what the site's file says of each channel, in place of what it said before; return how many it names.

    Raises
    ------
    ConfigError
        When the file names a channel that the site does not have.
    """
    names = dict(
        db.fetch_all(conn, "SELECT channel_id, name FROM channels WHERE organization_id = %s", (site.site_id,))
    )
    rows = [
        (key, site.site_id, channel.facts.kind, channel.facts.must_run, channel.parent_id)
        for key, channel in sorted(site.channels(names).items())
    ]
    db.execute(conn, "DELETE FROM channel_facts WHERE organization_id = %s", (site.site_id,))
    for row in rows:
        db.execute(conn, _INSERT, row)
    return len(rows)
