"""Which hours of weather a site lacks, and those that came, stored; nothing here commits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ingest.weather.client import Place, Weather
from ingest.weather.providers import HOUR_S, VALUE_COLUMNS
from lib import db
from lib.date_utils import Window
from lib.errors import DataError
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Reanalyses are first published from forecasts and preliminary observations: Open-Meteo's ECMWF data follow after two
# days and ERA5 after five, NASA POWER's within about a week; by then all of them have settled.
PROVISIONAL_DAYS = 7
_LONGEST_STRETCH_DAYS = 366  # a reply of a few hundred kilobytes
_BRIDGED_DAYS = 3  # days that are there already and are asked for again, rather than to send one more request

_UPSERT = """
INSERT INTO weather_hourly (organization_id, timestamp, temp_c, relative_humidity_pct, irradiance_w_m2, is_provisional,
    source, fetch_id)
SELECT %s, to_timestamp(hour_s), temp_c, relative_humidity_pct, irradiance_w_m2, is_provisional, %s, %s
FROM weather_staging
ON CONFLICT (organization_id, timestamp) DO UPDATE
SET temp_c = excluded.temp_c,
    relative_humidity_pct = excluded.relative_humidity_pct,
    irradiance_w_m2 = excluded.irradiance_w_m2,
    is_provisional = excluded.is_provisional,
    source = excluded.source,
    fetch_id = excluded.fetch_id
WHERE weather_hourly.is_provisional OR weather_hourly.temp_c IS NULL
"""


class WeatherSite(NamedTuple):
    """A site as far as its weather goes; `first_reading_at` is None before the first."""

    site_id: int
    data_source: str
    place: Place
    first_reading_at: datetime | None


def load_weather_site(conn: Connection, site_id: int) -> WeatherSite:
    """Return the site.

    Raises
    ------
    DataError
        When it is unknown, or has no coordinates.
    """
    row = db.fetch_one(
        conn,
        "SELECT data_source, latitude, longitude FROM organizations WHERE organization_id = %s",
        (site_id,),
    )
    if row is None:
        raise DataError(f"site {site_id} is not in the database; check --site, or ingest its readings first")
    data_source, latitude, longitude = row
    if latitude is None or longitude is None:
        raise DataError(
            f"site {site_id}: has no coordinates, so no weather; have the vendor set them, or give "
            "--latitude and --longitude to import_csv.py"
        )
    return WeatherSite(site_id, data_source, Place(latitude, longitude), _first_reading_at(conn, site_id))


def _first_reading_at(conn: Connection, site_id: int) -> datetime | None:
    """Return the start of the site's first reading, asked for by channel: that is one look into each's index."""
    channels = db.fetch_all(conn, "SELECT channel_id FROM channel_sites WHERE organization_id = %s", (site_id,))
    # The bound leaves out what a channel measured before it came to the site.
    first = (
        "SELECT min(r.timestamp) FROM readings AS r WHERE r.channel_id = %(channel)s AND r.organization_id = %(site)s"
        " AND r.timestamp >= (SELECT member_from FROM channel_sites"
        " WHERE channel_id = %(channel)s AND organization_id = %(site)s)"
    )
    found = [db.fetch_all(conn, first, {"channel": key, "site": site_id})[0][0] for (key,) in channels]
    return min(filter(None, found), default=None)


def load_settled_days(conn: Connection, site_id: int, window: Window) -> set[date]:
    """Return the UTC days of which every hour is stored and settled."""
    rows = db.fetch_all(
        conn,
        "SELECT (timestamp AT TIME ZONE 'UTC')::date FROM weather_hourly WHERE organization_id = %s"
        " AND timestamp >= %s AND timestamp < %s AND NOT is_provisional AND temp_c IS NOT NULL"
        " GROUP BY 1 HAVING count(*) = 24",
        (site_id, *window),
    )
    return {day for (day,) in rows}


def missing_stretches(first: date, last: date, settled: set[date]) -> Iterator[tuple[date, date]]:
    """Yield first and last day of the stretches to ask for: short, few, and with hardly a day that is settled."""
    start: date | None = None
    end = first
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day in settled:
            continue
        is_near = start is not None and (day - end).days <= _BRIDGED_DAYS + 1
        if start is not None and is_near and (day - start).days < _LONGEST_STRETCH_DAYS:
            end = day
            continue
        if start is not None:
            yield start, end
        start = end = day
    if start is not None:
        yield start, end


def day_window(first: date, last: date) -> Window:
    """Return the window of whole UTC days, both included."""
    return Window(
        datetime.combine(first, time(), tzinfo=UTC), datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC)
    )


def start_fetch(conn: Connection, site_id: int, window: Window) -> int:
    """Log that an attempt begins; return its number."""
    ((fetch_id,),) = db.fetch_all(
        conn,
        "INSERT INTO weather_fetches (organization_id, source, window_start, window_end, status)"
        " VALUES (%s, '', %s, %s, 'running') RETURNING fetch_id",
        (site_id, *window),
    )
    return fetch_id


def finish_fetch(
    conn: Connection, site_id: int, fetch_id: int, source: str, fetched: int, stored: int, error: str | None = None
) -> None:
    """Log how an attempt ended: well, where there is no error."""
    db.execute(
        conn,
        "UPDATE weather_fetches SET finished_at = statement_timestamp(), source = %s, fetched = %s, stored = %s,"
        " status = %s, error = %s WHERE organization_id = %s AND fetch_id = %s",
        (source, fetched, stored, "failed" if error else "done", error, site_id, fetch_id),
    )


def check_weather_source(site: WeatherSite, weather: Weather) -> None:
    """Raise a DataError where made-up weather would meet a measured site, or the other way round."""
    is_made_up = weather.source == DataSource.SANDBOX
    if is_made_up != (site.data_source == DataSource.SANDBOX):
        raise DataError(
            f"site {site.site_id}: its readings are from the {site.data_source}, and this weather is from the "
            f"{weather.source}; the sandbox and measured data never mix: check WEATHER_API_URL"
        )


def store_weather(
    conn: Connection, site_id: int, fetch_id: int, weather: Weather, window: Window, now: datetime
) -> tuple[int, int]:
    """Store the hours of `window` that are over; one that is settled keeps its first values.

    Returns
    -------
    int, int
        Hours that came, and those of them that were new or replaced a provisional one.
    """
    start_s, end_s = window.start.timestamp(), min(window.end.timestamp(), now.timestamp() - HOUR_S + 1)
    hours = weather.hours
    hours = hours[(hours["hour_s"] >= start_s) & (hours["hour_s"] < end_s)]
    if hours.empty:
        return 0, 0
    provisional_from_s = (now - timedelta(days=PROVISIONAL_DAYS)).timestamp()
    table = hours.assign(is_provisional=hours["hour_s"] >= provisional_from_s)
    text = io.StringIO()
    table.to_csv(text, columns=["hour_s", *VALUE_COLUMNS, "is_provisional"], header=False, index=False)
    text.seek(0)
    db.execute(
        conn,
        "CREATE TEMP TABLE weather_staging (hour_s bigint, temp_c real, relative_humidity_pct real,"
        " irradiance_w_m2 real, is_provisional boolean)",
    )
    with conn.cursor() as cursor:
        cursor.copy_expert("COPY weather_staging FROM STDIN (FORMAT csv)", text)
    stored = db.execute(conn, _UPSERT, (site_id, weather.source, fetch_id))
    db.execute(conn, "DROP TABLE weather_staging")
    return len(table), stored
