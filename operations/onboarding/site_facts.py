"""Reads what a proposal rests on from the Layer 3 views: the site, its channels and its newest weeks of readings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from psycopg2 import sql

from lib import db
from lib.date_utils import Window, parse_timezone
from lib.errors import DataError
from lib.readings import load_readings, load_site

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

WEEKS = 12  # the newest: two years of wiring and of habits are not one
MAX_STEP_S = 3600  # of intervals that can be compared; a day's total follows every other one
_FROM_FILES = "file"


class SiteFacts(NamedTuple):
    """What the service, or an import, says of the site."""

    site_id: int
    name: str
    timezone: str
    city: str | None
    state: str | None
    country: str | None
    currency_code: str | None


class ChannelFacts(NamedTuple):
    """A channel as `v_meters` shows it, with the end of its newest reading; `gateway` is the MAC of its device."""

    meter_id: int
    meter_name: str
    gateway: str | None
    parent_meter_id: int | None
    is_energy_meter: bool
    interval_s: int | None
    kind: str | None
    must_run: bool
    is_counted: bool
    counted_by: int | None
    is_excluded: bool
    is_parent_named: bool
    unit_factor: float
    point_id: int
    point_view: str | None
    newest_end: datetime | None

    @property
    def is_of_none(self) -> bool:
        """Whether it is said to be part of none."""
        return self.parent_meter_id is None and self.is_parent_named


class SiteData(NamedTuple):
    """What a proposal rests on: `rows` as `load_readings` gives them, and which meters can be `compared`."""

    site: SiteFacts
    tz: ZoneInfo
    channels: list[ChannelFacts]
    window: Window
    rows: pd.DataFrame
    compared: list[int]


_CHANNELS = """
SELECT
    m.meter_id, m.meter_name, left(lower(m.device_uuid), 12), m.parent_meter_id, m.is_energy_meter, m.interval_s,
    m.kind, m.must_run, m.is_counted, m.counted_by, m.is_excluded, m.is_parent_named, m.unit_factor, m.point_id,
    m.point_view,
    latest.timestamp + latest.interval_s * interval '1 second'
FROM v_meters AS m
LEFT JOIN v_latest_readings AS latest ON latest.site_id = m.site_id AND latest.meter_id = m.meter_id
WHERE m.site_id = %s
ORDER BY m.meter_id
"""


def load_site_data(conn: Connection, site_id: int) -> SiteData:
    """Return what the database has of a site.

    Raises
    ------
    DataError
        When it does not know the site, or has no reading of it.
    """
    source = load_site(conn, site_id).data_source
    columns = sql.SQL(", ").join(map(sql.Identifier, ("site_name", *SiteFacts._fields[2:])))
    row = db.fetch_one(conn, sql.SQL("SELECT site_id, {} FROM v_sites WHERE site_id = %s").format(columns), (site_id,))
    assert row is not None  # load_site found it
    site = SiteFacts(*row)
    channels = [ChannelFacts(*values) for values in db.fetch_all(conn, _CHANNELS, (site_id,))]
    newest = max((one.newest_end for one in channels if one.newest_end is not None), default=None)
    if newest is None:
        command = (
            f"python ingest/import_csv.py --site {site_id} FILE.csv"
            if source == _FROM_FILES
            else f"python ingest/ingest_to_postgres.py --site {site_id} --days 90"
        )
        raise DataError(f"site {site_id} has no readings to propose anything from; run first: {command}")
    window = Window(newest - timedelta(weeks=WEEKS), newest)
    compared = [
        one.meter_id
        for one in channels
        if one.is_energy_meter
        and one.is_counted
        and one.interval_s is not None
        and one.interval_s <= MAX_STEP_S
        and one.newest_end is not None
        and one.newest_end > window.start
    ]
    return SiteData(
        site,
        parse_timezone(site.timezone),
        channels,
        window,
        load_readings(conn, site_id, window),
        compared,
    )
