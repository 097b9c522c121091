"""Brings what a site's file says of its channels into the database, where the views of Layer 3 tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.site_file import ChannelTable, SiteChannel
from lib import db
from lib.site_channels import load_names

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from config.site_file import SiteConfig

_INSERT = (
    "INSERT INTO channel_facts (channel_id, organization_id, kind, must_run, is_parent_named, parent_id, counts_until,"
    " unit_factor, is_excluded, max_power_kw) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def store_channel_facts(conn: Connection, site: SiteConfig) -> int:
    """Store what the site's file says of each channel, in place of what it said before; return how many it names.

    A channel that moved away is still described by the file: what it measured here stays here.

    Raises
    ------
    ConfigError
        When the file names a channel that the site does not have.
    """
    names = load_names(conn, site.site_id)
    said, excluded = site.channels(names), site.excluded(names)
    db.execute(conn, "DELETE FROM channel_facts WHERE organization_id = %s", (site.site_id,))
    carried = site.file.ingest.channel_max_power_kw
    keys = sorted(said.keys() | excluded | (carried.keys() & names.keys()))
    for key in keys:
        channel = said.get(key, SiteChannel(key, ChannelTable()))
        facts = channel.facts
        db.execute(
            conn,
            _INSERT,
            (
                key, site.site_id, facts.kind, facts.must_run, facts.parent is not None, channel.parent_id,
                facts.until, facts.unit_factor, key in excluded, carried.get(key),
            ),
        )  # fmt: skip
    return len(keys)
