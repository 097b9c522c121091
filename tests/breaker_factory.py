"""A sound site of several meters for the tests of the circuit breaker, and how its parts are broken.

Channel 10 is the main of 11 and 12; 13 to 17 stand beside it and carry a seventh of the site's energy each; 18 measures
temperature. Everything a check looks at is stored and sound, over an autumn clock change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from site_factory import make_rows

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site, validate_system
from govern.checks.verdict import Verdict
from govern.usage.refresh import rebuild_views
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITE_ID = 23271
END = datetime(2025, 11, 6, 5, tzinfo=UTC)  # a local midnight
CLOCK_CHANGE = datetime(2025, 11, 2, 6, tzinfo=UTC)
SITE_WINDOW = Window(END - timedelta(days=12, hours=1), END)  # whole local days: the change adds an hour
MEAN_KW = {10: 8.0, 11: 2.0, 12: 3.0, 13: 4.0, 14: 4.1, 15: 4.2, 16: 4.3, 17: 4.4}
PARENTS = {11: 10, 12: 10}
SENSOR_ID = 18


def build_site(conn: Connection, window: Window = SITE_WINDOW, site_id: int = SITE_ID, offset: int = 0) -> None:
    """Store the site with its readings over `window` and refresh the views; `offset` is added to channel ids."""
    channels = [
        {"channel_id": key + offset, "organization_id": site_id, "name": f"meter {key + offset}",
         "parent_id": PARENTS[key] + offset if key in PARENTS else None, "is_metering_point": key != SENSOR_ID}
        for key in (*MEAN_KW, SENSOR_ID)
    ]  # fmt: skip
    organization = {"organization_id": site_id, "name": f"site {site_id}", "timezone": "America/New_York"}
    sites.register_site(conn, organization, [], channels, "eniscope")
    run_id = attempts.start_run(conn, site_id)
    for key in (*MEAN_KW, SENSOR_ID):
        sites.save_fields(conn, key + offset, ("E", "P") if key in MEAN_KW else ("T",))
        rows = make_rows(window, MEAN_KW.get(key, 1.0))
        if key == SENSOR_ID:
            rows = rows[["timestamp"]].assign(temperature_c=20.0 + rows["power_kw"])
        else:
            third = rows["power_kw"] / 3
            rows = rows.assign(power_l1_kw=third, power_l2_kw=third, power_l3_kw=third, voltage_v=120.0,
                               power_factor=0.9, frequency_hz=60.0)  # fmt: skip
        attempt = attempts.Attempt(run_id, site_id, key + offset, window, 900, "eniscope")
        log_id = attempts.start_attempt(conn, attempt)
        inserted = readings.insert_readings(conn, site_id, key + offset, 900, run_id, rows).inserted
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows), inserted=inserted)
    conn.commit()
    rebuild_views(conn)


def change(
    conn: Connection, assignment: str, channel_id: int = 13, at: datetime | None = None, hours: float = 0
) -> None:
    """Update the readings of one channel: all of them, or those within `hours` (or the one) from `at` on; refresh."""
    since, until = at or SITE_WINDOW.start, at + timedelta(hours=hours or 0.25) if at else SITE_WINDOW.end
    touched = db.execute(
        conn,
        f"UPDATE readings SET {assignment} WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
        (channel_id, since, until),
    )
    assert touched
    conn.commit()
    rebuild_views(conn)


def remove(conn: Connection, at: datetime, hours: float, channel_id: int = 13) -> None:
    """Delete readings of one channel within `hours` from `at` on, and refresh."""
    touched = db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
        (channel_id, at, at + timedelta(hours=hours)),
    )
    assert touched
    conn.commit()
    rebuild_views(conn)


def validate_both(conn: Connection, site_id: int = SITE_ID) -> tuple[Verdict, Verdict]:
    """Validate the site and then the system, and commit each."""
    conn.rollback()
    checks = read_checks()
    site = validate_site(conn, site_id, checks)
    conn.commit()
    system = validate_system(conn, checks)
    conn.commit()
    return site, system


def failed_checks(*verdicts: Verdict) -> list[str]:
    """Return the names of the checks that found something, by name."""
    return sorted(result.check.name for verdict in verdicts for result in verdict.results if result.findings)
