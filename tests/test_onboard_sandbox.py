"""Proposals for the sandbox's further sites: written, read, validated by, and reported on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from onboard_factory import Proposed, confirm_all, parents_of, read_tables
from pipeline import report_of
from point_sites import say_and_validate, site_files  # noqa: F401  (fixture)
from test_further_sites_told_right import END, asked, fetch, week_kwh

from config.site_file import load_site
from lib.meter_sums import Confidence
from operations.onboard_site import propose
from operations.sandbox import further_sites as sites

if TYPE_CHECKING:
    from conftest import ServeSandbox
    from psycopg2.extensions import connection as Connection

    from govern.checks.verdict import Verdict

pytestmark = pytest.mark.slow

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


def propose_and_report(
    conn: Connection, serve: ServeSandbox, folder: Path, site_id: int
) -> tuple[str, Verdict, dict[str, Any]]:
    """Return the proposal for a site, and what validation and report say once it is the site's file."""
    fetch(conn, serve, site_id)
    conn.commit()
    text = propose(conn, site_id, folder)
    verdict = say_and_validate(conn, folder, site_id, text)
    assert load_site(site_id, folder).schedule.is_assumed
    assert load_site(site_id, folder).tariffs.is_assumed
    return text, verdict, report_of(conn, END, site_id)


def failed(verdict: Verdict) -> list[str]:
    return [result.check.name for result in verdict.results if result.findings]


def kinds(text: str) -> dict[int, tuple[str, Confidence]]:
    """Return channel → its proposed kind and how sure that is."""
    tables = {name: lines for name, lines in read_tables(text).items() if "kind" in lines}
    return {int(name.split('"')[1]): (lines["kind"].value, lines["kind"].confidence) for name, lines in tables.items()}


def test_panels_and_a_solar_roof_beside_them(conn: Connection, serve: ServeSandbox, site_files: Path) -> None:  # noqa: F811
    text, verdict, report = propose_and_report(conn, serve, site_files, sites.MARKET_ID)
    assert parents_of(text) == {
        sites.PANEL_A: (sites.MAIN, HIGH),
        sites.ROOFTOP: (sites.MAIN, HIGH),
        sites.VENTILATION: (sites.MAIN, HIGH),
        sites.BAKERY: (sites.PANEL_A, HIGH),
        sites.COLD_ROOMS: (sites.PANEL_A, HIGH),
    }
    assert kinds(text) == {sites.MAIN: ('"main"', LOW), sites.SOLAR: ('"generation"', HIGH)}
    assert (failed(verdict), asked(report)) == ([], [])
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, report, sites.MAIN), rel=1e-5)
    # Proposed again with the file in place, all of it is known, and stays.
    conn.commit()
    again = read_tables(propose(conn, sites.MARKET_ID, site_files))
    assert again[f'channels."{sites.BAKERY}"']["parent"] == Proposed(f'"{sites.PANEL_A}"', HIGH, True)
    assert again[f'channels."{sites.SOLAR}"']["kind"] == Proposed('"generation"', HIGH, True)


def test_a_test_twin_and_a_house_beside_a_school_are_asked_about(
    conn: Connection,
    serve: ServeSandbox,
    site_files: Path,  # noqa: F811
) -> None:
    text, verdict, report = propose_and_report(conn, serve, site_files, sites.HILLSIDE_ID)
    assert parents_of(text) == {}
    lines = [line for line in text.splitlines() if "exclude" in line]
    assert [line.split("  # ")[0] for line in lines] == [
        "#exclude = [165015]",
        "#exclude = [165011, 165012, 165013, 165014, 165015]",
    ]
    assert '"Test" (165015) has the readings of "Dryer" (165011) over' in lines[0]
    assert asked(report) == [("mains_named", sites.TEST)]
    assert report["consumption"]["mayCountTwice"]
    say_and_validate(conn, site_files, sites.HILLSIDE_ID, confirm_all(text))
    after = report_of(conn, END, sites.HILLSIDE_ID)
    assert [row["channelId"] for row in after["dataQuality"]["notCounted"]] == [sites.TEST]
    assert (asked(after), after["consumption"]["mayCountTwice"]) == ([], False)
    assert failed(verdict) == ["mains_named"]


def test_views_of_a_point_need_no_line(conn: Connection, serve: ServeSandbox, site_files: Path) -> None:  # noqa: F811
    text, verdict, report = propose_and_report(conn, serve, site_files, sites.STORE_ID)
    assert (parents_of(text), failed(verdict), asked(report)) == ({}, [], [])
    views = [line for line in text.splitlines() if "another view" in line]
    assert [line.split(" is another view")[0] for line in views] == [
        f'# "Store Panel L{number}" ({sites.STORE_PANEL + number})' for number in (1, 2, 3)
    ]
    assert kinds(text)[sites.STORE_AIR] == ('"sensor"', HIGH)


def test_a_grid_connection_that_the_sun_feeds(conn: Connection, serve: ServeSandbox, site_files: Path) -> None:  # noqa: F811
    text, verdict, report = propose_and_report(conn, serve, site_files, sites.FARM_ID)
    assert parents_of(text) == {
        sites.COLD_STORE: (sites.GRID, HIGH),
        sites.SHOP: (sites.GRID, HIGH),
        sites.INVERTER: (sites.GRID, MEDIUM),
    }
    assert kinds(text) == {sites.GRID: ('"main"', HIGH), sites.INVERTER: ('"generation"', HIGH)}
    assert (failed(verdict), asked(report)) == ([], [])
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(conn, report, sites.GRID), rel=1e-5)
