"""A year of weekly reports of one small school, for the tests of findings that live across weeks.

Three meters by the hour, in steady weather, from Monday 2 December 2024 on; the first four weeks are baseline. What is
planted in them is written out here, so that a reader knows what each finding must say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from site_factory import SITE_ID, TIMEZONE, store_steady_weather

from analyze.week import loading
from config.site_file import load_site
from deliver.reports.weekly import assemble_report
from govern.record_report import record_report
from govern.usage.refresh import refresh_views
from ingest.storage import attempts, readings, sites
from lib.date_utils import Window, local_midnight
from lib.paths import write_atomically
from lib.readings import ValidationStatus

if TYPE_CHECKING:
    import pytest
    from psycopg2.extensions import connection as Connection

FIRST_DAY = date(2024, 12, 2)
BASELINE_WEEKS = 4
WEEKS = 52  # that are reported
AHU, KITCHEN, PUMP = METERS = (10, 11, 12)
NAMES = {AHU: "AHU-2", KITCHEN: "Kitchen", PUMP: "Well pump"}


class Waste(NamedTuple):
    """A load that is left on from closing to opening on the nights after some weekdays (0 is Monday), in some weeks."""

    meter: int
    first_week: int  # of the report, from 1
    last_week: int
    kw: float
    nights: tuple[int, ...] = (0, 2, 3)


WASTES = (
    Waste(AHU, 2, 4, 6.0),  # fixed in week 5
    Waste(AHU, 9, 17, 6.0),  # back in week 9, fixed for good on the Monday of week 18
    Waste(KITCHEN, 3, WEEKS, 3.0),  # accepted after week 5
    Waste(PUMP, 5, 17, 3.0),
    Waste(PUMP, 13, 17, 4.0),  # it grows
)
SILENT = (PUMP, 18, 22)  # the meter, and the weeks in which it tells nothing
LATE_FROM = 36  # from this week on the school works until nine in the evening
LATE_IN_FILE = 39  # and from this one on its file says so


def monday(week: int) -> date:
    """Return the first day of the period of report number `week`."""
    return FIRST_DAY + timedelta(weeks=BASELINE_WEEKS + week - 1)


def make_year() -> pd.DataFrame:
    """Return the readings of the meters by the hour: `channel_id`, `timestamp` [s], `energy_kwh`, `power_kw`."""
    start, end = (local_midnight(day, TIMEZONE) for day in (FIRST_DAY, monday(WEEKS + 1)))
    moments = pd.date_range(start, end, freq="h", inclusive="left")
    local = moments.tz_convert(TIMEZONE)
    day = (local.tz_localize(None).normalize() - pd.Timestamp(FIRST_DAY)).days.to_numpy()
    week, weekday, hour = day // 7 - BASELINE_WEEKS + 1, day % 7, local.hour.to_numpy()
    closes = np.where(week >= LATE_FROM, 21, 18)
    is_open = (weekday < 5) & (hour >= 7) & (hour < closes)
    evening = np.where(hour < 7, weekday - 1, weekday) % 7  # the weekday on whose evening the night began
    evening_week = np.where((hour < 7) & (weekday == 0), week - 1, week)
    is_night = ~is_open & ((hour >= 18) | (hour < 7)) & (evening < 5)
    frames = []
    for number, meter in enumerate(METERS):
        wiggle = np.random.default_rng(meter).normal(1, 0.03, len(moments))
        kw = np.where(is_open, 8.0 + 2 * number, 0.5) * wiggle
        for waste in (each for each in WASTES if each.meter == meter):
            in_time = (evening_week >= waste.first_week) & (evening_week <= waste.last_week)
            kw += np.where(is_night & in_time & np.isin(evening, waste.nights), waste.kw, 0.0)
        rows = pd.DataFrame({"timestamp": moments.as_unit("s").asi8, "energy_kwh": kw, "power_kw": kw})
        keeps = (meter != SILENT[0]) | (week < SILENT[1]) | (week > SILENT[2])
        frames.append(rows[keeps].assign(channel_id=meter))
    return pd.concat(frames, ignore_index=True)


def store_year(conn: Connection) -> None:
    """Store the school, its year and the steady weather of it, and commit."""
    end = monday(WEEKS + 1)
    store_school(conn, make_year(), NAMES, end)
    store_steady_weather(conn, Window(*(local_midnight(day, TIMEZONE) for day in (FIRST_DAY, end))))


def store_school(conn: Connection, rows_of_all: pd.DataFrame, names: Mapping[int, str], end: date) -> None:
    """Store a school with these meters and their readings by the hour, from FIRST_DAY to `end`, and commit."""
    organization = {"organization_id": SITE_ID, "name": "Test school", "timezone": TIMEZONE.key}
    channels = [{"channel_id": key, "organization_id": SITE_ID, "name": name} for key, name in names.items()]
    sites.register_site(conn, organization, [], channels, "eniscope")
    window = Window(*(local_midnight(day, TIMEZONE) for day in (FIRST_DAY, end)))
    run_id = attempts.start_run(conn, SITE_ID)
    for key, rows in rows_of_all.groupby("channel_id"):
        sites.save_fields(conn, key, ("E", "P"))
        attempt = attempts.Attempt(run_id, SITE_ID, key, window, 3600, "eniscope")
        log_id = attempts.start_attempt(conn, attempt)
        own = rows.drop(columns="channel_id").reset_index(drop=True)
        inserted = readings.insert_readings(conn, SITE_ID, key, 3600, run_id, own).inserted
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(own), inserted=inserted)
    conn.commit()
    refresh_views(conn)
    conn.commit()


def name_hours(folder: Path, closes: str, patch: pytest.MonkeyPatch) -> None:
    """Have the school's file say when it closes."""
    write_atomically(folder / f"{SITE_ID}.toml", f'[schedule]\nweekdays = ["07:00-{closes}"]\n')
    config = load_site(SITE_ID, folder)
    patch.setattr(loading, "read_site", lambda site_id: config)


def replay(
    conn: Connection, folder: Path, patch: pytest.MonkeyPatch, weeks: Sequence[int],
    after: Callable[[int, dict[str, Any]], None],
) -> None:  # fmt: skip
    """Write and record the reports of some weeks in turn; `after` each, something may be said or looked at."""
    for week in weeks:
        if week in (weeks[0], LATE_IN_FILE):
            name_hours(folder, "21:00" if week >= LATE_IN_FILE else "18:00", patch)
        report = write_report(conn, week)
        path = folder / f"weekly_{week}.json"

        path.write_text(json.dumps(report), encoding="utf-8")
        record_report(conn, path)
        conn.commit()
        after(week, report)


def write_report(conn: Connection, week: int) -> dict[str, Any]:
    """Return the weekly report of a week, as deliver writes it on its Monday morning."""
    now = local_midnight(monday(week + 1), TIMEZONE) + timedelta(hours=6)
    site, found = loading.load_week(conn, SITE_ID, monday(week).isoformat(), None, None, now)
    status = ValidationStatus(1, "closed", True, found.period.end, [], [], None, None)
    return assemble_report(site, status, found, None, now)
