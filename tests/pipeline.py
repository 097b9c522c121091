"""The stages one after another in this process, for tests of the whole way."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from analyze.week.loading import load_week
from deliver.files.report_files import check_report
from deliver.reports.weekly import assemble_report
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.usage.refresh import refresh_views
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.normalize import FIELD_COLUMNS
from ingest.runs.load_site import IngestSummary, ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window
from lib.readings import load_validation_status
from operations.sandbox.truth import true_readings

if TYPE_CHECKING:
    from flask import Flask
    from psycopg2.extensions import connection as Connection

SITE_ID = 23271
LOGIN = ("sandbox-key", "sandbox@example.com", "sandbox-password")


class Service(NamedTuple):
    """A running sandbox and a client of it."""

    app: Flask
    url: str
    client: EniscopeClient


def ingest(
    conn: Connection, service: Service, window: Window, channels: list[int] | None = None, site_id: int = SITE_ID
) -> IngestSummary:
    """Register the site and ingest a window of quarter-hours."""
    site = register(conn, service.client, site_id, channels)
    return ingest_readings(conn, service.client, site, window, 900, workers=4)


def check_against_truth(
    conn: Connection,
    service: Service,
    window: Window,
    channel_ids: Collection[int] | None = None,
    site_id: int = SITE_ID,
) -> int:
    """Assert that `readings` is what the sandbox's model says, quarter-hour by quarter-hour; return how many they are.

    Of the channels of `channel_ids`, or of all of the site; no others may be there.
    """
    columns = {field: column for field, (column, _) in FIELD_COLUMNS.items()}
    query = (
        f"SELECT channel_id, extract(epoch FROM timestamp), {', '.join(columns.values())} FROM readings ORDER BY 1, 2"
    )
    dtypes = dict.fromkeys(("channel_id", "ts"), "float64") | dict.fromkeys(columns.values(), "float64")
    stored = db.copy_frame(conn, query, None, dtypes)
    site, row_count = service.app.extensions["sandbox"]["source"], 0
    start_s, end_s = (int(moment.timestamp()) for moment in window)
    for channel in site.catalogue.all_channels:
        if channel.organization_id != site_id or (channel_ids is not None and channel.channel_id not in channel_ids):
            continue
        rows = stored[stored["channel_id"] == channel.channel_id]
        is_read = not columns.keys().isdisjoint(channel.units)
        truth = true_readings(site, channel, start_s, end_s, 900) if is_read else {"ts": np.empty(0)}
        np.testing.assert_array_equal(rows["ts"], truth["ts"], err_msg=channel.name)
        for field, column in columns.items():
            expected = truth.get(field, np.full(len(rows), np.nan))
            factor = 1e-3 if FIELD_COLUMNS[field][1] in ("Wh", "W", "VAr", "VA") else 1.0
            # The narrower columns keep seven digits.
            np.testing.assert_allclose(rows[column], expected * factor, rtol=2e-7, err_msg=f"{channel.name} {field}")
        row_count += len(rows)
    assert row_count == len(stored)
    return row_count


def govern(conn: Connection, site_id: int = SITE_ID) -> str:
    """Refresh, validate, and return the verdict."""
    refresh_views(conn)
    verdict = validate_site(conn, site_id, read_checks())
    conn.commit()
    return verdict.verdict


def report_of(conn: Connection, now: datetime, site_id: int = SITE_ID) -> dict[str, Any]:
    """Return the report on the last complete week before `now`, checked against its schema."""
    site, week = load_week(conn, site_id, None, None, None, now)
    status = load_validation_status(conn, site_id)
    report = assemble_report(site, status, week, forced_reason=None, now=now)
    check_report(report, "weekly_report")
    return json.loads(json.dumps(report, allow_nan=False))


def check_energy_in_every_layer(conn: Connection, report: dict[str, Any], sound_meters: int = 5) -> None:
    """Assert that raw, hourly and daily sums of the period agree, and the report with them where no meter failed.

    `sound_meters` is how many meters without a gap or fault the site has at least, so that the check checks some.
    """
    period = report["metadata"]["period"]
    daily_report = report["consumption"]["daily"]
    window = (period["start"], period["end"])
    sums = {
        "raw": ("SELECT sum(energy_kwh) FROM readings WHERE timestamp >= %s AND timestamp < %s", window),
        "hourly": ("SELECT sum(total_kwh) FROM v_readings_hourly WHERE hour >= %s AND hour < %s", window),
        "daily": (
            "SELECT sum(total_kwh) FROM v_readings_daily WHERE local_date = ANY (%s::date[])",
            ([day["date"] for day in daily_report],),
        ),
    }
    use = report["consumption"]
    found = {layer: db.fetch_all(conn, *query)[0][0] for layer, query in sums.items()}
    assert found == pytest.approx(dict.fromkeys(sums, found["raw"]), abs=1e-3)
    assert sum(day["energyKwh"] for day in daily_report) == pytest.approx(use["totalKwh"], abs=0.01)
    assert use["meteredKwh"] + use["estimatedKwh"] == pytest.approx(use["totalKwh"], abs=0.01)
    stored = dict(
        db.fetch_all(
            conn,
            "SELECT channel_id, sum(energy_kwh) FROM readings WHERE timestamp >= %s AND timestamp < %s GROUP BY 1",
            window,
        )
    )
    whole = {
        row["channelId"]
        for row in report["dataQuality"]["byChannel"]
        if row["completenessPct"] == 100.0 and not row.get("excludedIntervals")
    }
    told = {row["channelId"]: row["energyKwh"] for row in use["byChannel"] if row["channelId"] in whole}
    assert len(told) >= sound_meters
    assert told == pytest.approx({key: stored[key] for key in told}, abs=1e-3)
