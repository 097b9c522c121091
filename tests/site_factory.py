"""A small stored site for the tests of govern and deliver: two meters, whole days of quarter-hours, all sound."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from govern.usage.refresh import refresh_views
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITE_ID = 23271
METERS = (10, 11)
TIMEZONE = ZoneInfo("America/New_York")


def make_rows(window: Window, mean_kw: float = 2.0, interval_s: int = 900) -> pd.DataFrame:
    """Return sound readings over a window: a load that is lower by night and never twice quite the same."""
    count = int((window.end - window.start).total_seconds()) // interval_s
    position = np.arange(count)
    power_kw = mean_kw * (1 + 0.5 * np.sin(position * 2 * np.pi * interval_s / 86_400) + 0.01 * (position % 7))
    return pd.DataFrame(
        {
            "timestamp": int(window.start.timestamp()) + interval_s * position,
            "energy_kwh": power_kw * interval_s / 3600,
            "power_kw": power_kw,
        }
    )


def register_site(conn: Connection, source: str = "eniscope", **overrides: Any) -> None:
    """Store the site and its two meters."""
    organization = {"organization_id": SITE_ID, "name": "Test school", "timezone": TIMEZONE.key} | overrides
    channels = [{"channel_id": key, "organization_id": SITE_ID, "name": f"meter {key}"} for key in METERS]
    sites.register_site(conn, organization, [], channels, source)
    for key in METERS:
        sites.save_fields(conn, key, ("E", "P"))


def store_readings(conn: Connection, window: Window, rows_by_meter: dict[int, pd.DataFrame] | None = None) -> None:
    """Store readings of both meters, with the log lines that an ingest of the window would leave, and commit."""
    run_id = attempts.start_run(conn, SITE_ID)
    for key in METERS:
        rows = (rows_by_meter or {}).get(key, make_rows(window, mean_kw=float(key)))
        attempt = attempts.Attempt(run_id, SITE_ID, key, window, 900, "eniscope")
        log_id = attempts.start_attempt(conn, attempt)
        inserted = readings.insert_readings(conn, SITE_ID, key, 900, run_id, rows).inserted
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows), inserted=inserted)
    conn.commit()


def make_site(conn: Connection, end: datetime, days: int = 10) -> Window:
    """Store a sound site with `days` days up to `end`, refresh the views, and return the window."""
    window = Window(end - timedelta(days=days), end)
    register_site(conn)
    store_readings(conn, window)
    refresh_views(conn)
    return window


def store_steady_weather(conn: Connection, window: Window, site_id: int = SITE_ID) -> None:
    """Store the same mild day over and over; whoever wants to say that no season was in the readings stores it."""
    db.execute(
        conn,
        "INSERT INTO weather_hourly (organization_id, timestamp, temp_c, source, is_provisional, fetch_id)"
        " SELECT %s, hour, 10 + 5 * sin(extract(hour FROM hour) / 24 * 2 * pi()), 'test', false, 0"
        " FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour', interval '1 hour') AS hour",
        (site_id, window.start, window.end),
    )
    conn.commit()
