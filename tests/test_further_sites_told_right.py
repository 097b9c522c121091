"""The sandbox's further sites, from the service to the report: what would count twice is told right, or asked about."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from pipeline import report_of
from point_sites import say_and_validate, site_files  # noqa: F401  (fixture)

from govern.usage.refresh import refresh_views
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window
from operations.sandbox import further_sites as sites

if TYPE_CHECKING:
    from conftest import ServeSandbox
    from psycopg2.extensions import connection as Connection

pytestmark = pytest.mark.slow
END = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("UTC"))
WINDOW = Window(END - timedelta(weeks=6), END)


def fetch(conn: Connection, serve: ServeSandbox, site_id: int) -> None:
    client = serve(now=END, planted_weeks=[]).client
    ingest_readings(conn, client, register(conn, client, site_id), WINDOW, 900, workers=4)
    refresh_views(conn)


def week_kwh(conn: Connection, report: dict[str, Any], *channels: int) -> float:
    """Return what these channels measured in the report's week, net of what they fed back."""
    period = report["metadata"]["period"]
    row = db.fetch_one(
        conn,
        "SELECT sum(energy_kwh - coalesce(exported_energy_kwh, 0)) FROM readings"
        " WHERE channel_id = ANY (%s) AND timestamp >= %s AND timestamp < %s",
        (list(channels), period["start"], period["end"]),
    )
    assert row is not None
    return float(row[0])


def asked(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(question["check"], question["channelId"]) for question in report["dataQuality"]["openQuestions"]]


def answered(conn: Connection, folder: Path, site_id: int, report: dict[str, Any], *counted: int) -> None:
    """Write the lines that a report names, and assert that nothing is asked then and these channels are the total."""
    lines = [line for question in report["dataQuality"]["openQuestions"] for line in question["lines"]]
    say_and_validate(conn, folder, site_id, "\n".join(lines))
    after = report_of(conn, END, site_id)
    assert asked(after) == []
    assert not after["consumption"]["mayCountTwice"]
    assert after["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, after, *counted), rel=1e-5)


def test_a_panel_within_a_panel_beside_a_solar_roof(conn: Connection, serve: ServeSandbox, site_files: Path) -> None:  # noqa: F811
    fetch(conn, serve, sites.MARKET_ID)
    say_and_validate(conn, site_files, sites.MARKET_ID, "")
    report = report_of(conn, END, sites.MARKET_ID)
    assert asked(report) == [("mains_named", sites.MAIN), ("mains_named", sites.PANEL_A)]
    loads = (sites.MAIN, sites.PANEL_A, sites.ROOFTOP, sites.VENTILATION, sites.BAKERY, sites.COLD_ROOMS)
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, report, *loads), rel=1e-5)
    assert report["consumption"]["mayCountTwice"]
    answered(conn, site_files, sites.MARKET_ID, report, sites.MAIN)
    parents = "SELECT meter_id, parent_meter_id FROM v_meters WHERE parent_meter_id IS NOT NULL ORDER BY 1"
    assert db.fetch_all(conn, parents) == [
        (sites.PANEL_A, sites.MAIN),
        (sites.ROOFTOP, sites.MAIN),
        (sites.VENTILATION, sites.MAIN),
        (sites.BAKERY, sites.PANEL_A),
        (sites.COLD_ROOMS, sites.PANEL_A),
    ]


def test_a_test_channel_is_a_twin_and_the_house_may_be_left_out(
    conn: Connection,
    serve: ServeSandbox,
    site_files: Path,  # noqa: F811
) -> None:
    fetch(conn, serve, sites.HILLSIDE_ID)
    say_and_validate(conn, site_files, sites.HILLSIDE_ID, "")
    report = report_of(conn, END, sites.HILLSIDE_ID)
    assert asked(report) == [("mains_named", sites.TEST)]
    school = (165001, 165002, 165003, 165004)
    house = (sites.DRYER, 165012, 165013, 165014)
    answered(conn, site_files, sites.HILLSIDE_ID, report, *school, *house)
    say_and_validate(conn, site_files, sites.HILLSIDE_ID, f"[site]\ninclude = {list(school)}\n")
    report = report_of(conn, END, sites.HILLSIDE_ID)
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, report, *school), rel=1e-5)
    left_out = [(row["channelId"], row["reason"]) for row in report["dataQuality"]["notCounted"]]
    assert left_out == [(channel_id, "excluded") for channel_id in (*house, sites.TEST)]


def test_views_of_a_point_count_once_without_a_question(
    conn: Connection,
    serve: ServeSandbox,
    site_files: Path,  # noqa: F811
) -> None:
    fetch(conn, serve, sites.STORE_ID)
    verdict = say_and_validate(conn, site_files, sites.STORE_ID, "")
    assert [result.check.name for result in verdict.results if result.findings] == []
    report = report_of(conn, END, sites.STORE_ID)
    rack = (sites.RACK, sites.RACK + 1, sites.RACK + 2)
    counted = (sites.STORE_PANEL, *rack, sites.STORE_LIGHTS)
    assert [row["channelId"] for row in report["consumption"]["byChannel"]] == list(counted)
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, report, *counted), rel=1e-5)
    views = [(row["channelId"], row["countedBy"]) for row in report["dataQuality"]["notCounted"]]
    assert views == [(sites.STORE_PANEL + number, sites.STORE_PANEL) for number in (1, 2, 3)]
    assert asked(report) == []


def test_a_grid_connection_that_the_sun_feeds_holds_its_loads(
    conn: Connection,
    serve: ServeSandbox,
    site_files: Path,  # noqa: F811
) -> None:
    fetch(conn, serve, sites.FARM_ID)
    say_and_validate(conn, site_files, sites.FARM_ID, "")
    report = report_of(conn, END, sites.FARM_ID)
    assert asked(report) == [("mains_named", sites.GRID)]
    assert report["consumption"]["totalKwh"] == pytest.approx(
        week_kwh(conn, report, sites.GRID, sites.COLD_STORE, sites.SHOP), rel=1e-5
    )
    answered(conn, site_files, sites.FARM_ID, report, sites.GRID)
