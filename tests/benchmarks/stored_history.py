"""Sites with a history, for the benchmarks of the database: stored as an ingest stores them, with ten fields a row."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

import numpy as np
import pandas as pd

from ingest.storage import readings, sites
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

INTERVAL_S = 900
CHANNELS_PER_SITE = 20
TIMEZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


def register_sites(conn: Connection, count: int) -> list[int]:
    """Store sites of twenty channels each, and return all channel ids."""
    channel_ids = []
    for site_id in range(1, count + 1):
        channels = [
            {"channel_id": site_id * 1000 + k, "organization_id": site_id, "name": f"meter {k}"}
            for k in range(CHANNELS_PER_SITE)
        ]
        organization = {"organization_id": site_id, "name": f"site {site_id}", "timezone": TIMEZONES[site_id % 4]}
        sites.register_site(conn, organization, [], channels, "eniscope")
        channel_ids += [channel["channel_id"] for channel in channels]
    conn.commit()
    return channel_ids


def make_ten_fields(window: Window) -> pd.DataFrame:
    """Return a window's rows with the ten fields that a three-phase meter reports at least."""
    count = int((window.end - window.start).total_seconds()) // INTERVAL_S
    position = np.arange(count)
    power_kw = 5 + 4 * np.sin(position * 2 * np.pi / 96) + 0.01 * (position % 13)
    return pd.DataFrame(
        {
            "timestamp": int(window.start.timestamp()) + INTERVAL_S * position,
            "energy_kwh": power_kw * INTERVAL_S / 3600,
            "power_kw": power_kw,
            "power_l1_kw": power_kw / 3,
            "power_l2_kw": power_kw / 3,
            "power_l3_kw": power_kw / 3,
            "reactive_power_kvar": power_kw * 0.3,
            "voltage_v": 120 + 0.1 * (position % 17),
            "current_a": power_kw * 8,
            "power_factor": np.full(count, 0.95),
            "frequency_hz": 60 + 0.01 * (position % 3),
        }
    )


def store_days(conn: Connection, channel_ids: list[int], start: datetime, days: int, run_id: int) -> int:
    """Store whole days of every channel, one transaction each, as the ingest does; return how many rows were new.

    The channels are those of `register_sites`, whose number begins with that of their site.
    """
    window = Window(start, start + timedelta(days=days))
    rows = make_ten_fields(window)
    inserted = 0
    for channel_id in channel_ids:
        inserted += readings.insert_readings(conn, channel_id // 1000, channel_id, INTERVAL_S, run_id, rows).inserted
        conn.commit()
    return inserted
