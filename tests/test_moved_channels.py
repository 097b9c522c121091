"""A channel that moves to another site: its history stays where it was measured, in every layer and on both sites."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from pipeline import SITE_ID, Service, govern, ingest, report_of
from site_factory import make_rows

from config.site_file import load_site
from govern.checks.channel_facts import store_channel_facts
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site, validate_system
from govern.explain_reading import explain_reading
from govern.gaps.ledger import load_open_gaps, update_gaps
from govern.quality.data import load_quality
from govern.usage.refresh import Refreshed, rebuild_views, refresh_views
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.field_sets import ChannelFields
from ingest.runs import registration
from ingest.runs.gap_windows import plan_backfill, plan_refills
from ingest.runs.load_site import Wanted
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window
from lib.errors import AccessError, DataError, UnreachableError
from lib.readings import load_readings
from operations.sandbox.quirks import Move, Quirks

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DRYER = 162128
OTHER_SITE = 24420  # in Denver, two hours behind
OLD_SITE_WEEKS = Window(datetime(2026, 1, 5, 5, tzinfo=UTC), datetime(2026, 2, 10, 5, tzinfo=UTC))
MOVE_AT = OLD_SITE_WEEKS.end  # how far the old site was asked
NOW = MOVE_AT + timedelta(days=7)
FORTNIGHT = Window(NOW - timedelta(days=14), NOW)
MONDAY = datetime(2026, 2, 9, 5, tzinfo=UTC)  # in the week before it the channel was at the old site throughout


class Clock:
    """The service's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = MOVE_AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(serve: Callable[..., Service], clock: Clock) -> Service:
    """A service whose dryer moves to another site an hour after the old one was asked last."""
    moved_at = int((MOVE_AT + timedelta(hours=1)).timestamp())
    return serve(now=clock, quirks=Quirks(moves=(Move(DRYER, OTHER_SITE, moved_at),)))


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without what tells when it was made."""
    return {key: part for key, part in report.items() if key not in ("metadata", "validation")}


def stays(conn: Connection, channel_id: int) -> list[tuple[Any, ...]]:
    return db.fetch_all(
        conn,
        "SELECT organization_id, nullif(member_from, '-infinity'), nullif(member_until, 'infinity'), away::text,"
        " name FROM channel_sites WHERE channel_id = %s ORDER BY organization_id",
        (channel_id,),
    )


def counts(conn: Connection) -> dict[int, list[Any]]:
    """Return by site how many readings of the dryer it has, the first and the last."""
    rows = db.fetch_all(
        conn,
        "SELECT organization_id, count(*), min(timestamp), max(timestamp) FROM readings WHERE channel_id = %s"
        " GROUP BY 1",
        (DRYER,),
    )
    return {site_id: found for site_id, *found in rows}


# --- The whole way ----------------------------------------------------------------------------------------------------


def test_the_old_sites_past_stays_whole_and_the_new_site_begins_at_the_move(
    conn: Connection, service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ingest(conn, service, OLD_SITE_WEEKS)
    assert govern(conn) == "closed"
    before = report_of(conn, MONDAY)
    (whole,) = [row for row in before["dataQuality"]["byChannel"] if row["channelId"] == DRYER]
    assert whole["completenessPct"] == 100.0

    clock.now = NOW
    summary = ingest(conn, service, FORTNIGHT, site_id=OTHER_SITE)
    assert f"site {OTHER_SITE}, channel {DRYER} 'Dryer': a channel has moved here from site {SITE_ID}" in caplog.text
    ((troubles,),) = db.fetch_all(
        conn, "SELECT troubles FROM ingestion_logs WHERE channel_id = 0 AND organization_id = %s", (OTHER_SITE,)
    )
    assert troubles == {f"a channel has moved here from site {SITE_ID}": 1}
    assert not summary.failed
    quarter = timedelta(minutes=15)
    assert counts(conn) == {
        SITE_ID: [36 * 96, OLD_SITE_WEEKS.start, MOVE_AT - quarter],
        OTHER_SITE: [7 * 96, MOVE_AT, NOW - quarter],
    }
    assert stays(conn, DRYER) == [
        (SITE_ID, None, MOVE_AT, "{}", "Dryer"),
        (OTHER_SITE, MOVE_AT, None, "{}", None),
    ]

    ingest(conn, service, FORTNIGHT)  # the old site, without it
    assert govern(conn) == "closed"
    assert figures(report_of(conn, MONDAY)) == figures(before)

    assert govern(conn, OTHER_SITE) == "closed"
    report = report_of(conn, NOW, OTHER_SITE)
    (moved,) = [row for row in report["dataQuality"]["byChannel"] if row["channelId"] == DRYER]
    assert moved["completenessPct"] == 100.0


# --- Layer by layer, on two small sites -------------------------------------------------------------------------------

HERE, THERE, THIRD = 7, 8, 9
ZONES = {HERE: "America/New_York", THERE: "Asia/Kolkata", THIRD: "UTC"}
QUARTER = timedelta(minutes=15)
START = datetime(2026, 1, 20, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def register_at(conn: Connection, site_id: int, *channel_ids: int, source: str = "eniscope", **columns: Any) -> None:
    """Register a site with just these channels, as the service lists them."""
    organization = {"organization_id": site_id, "name": f"site {site_id}", "timezone": ZONES[site_id]}
    channels = [
        {"channel_id": key, "organization_id": site_id, "name": f"meter {key}"} | columns for key in channel_ids
    ]
    sites.register_site(conn, organization, [], channels, source)


def store(conn: Connection, site_id: int, window: Window, channel_id: int = 10, kw: float = 4.0) -> None:
    """Store a window of quarter-hours as an ingest of the site does, and commit."""
    run_id = attempts.start_run(conn, site_id)
    rows = make_rows(window, kw)
    attempt = attempts.Attempt(run_id, site_id, channel_id, window, 900, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    readings.insert_readings(conn, site_id, channel_id, 900, run_id, rows)
    attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows), inserted=len(rows))
    sites.save_fields(conn, channel_id, ("E", "P"))
    conn.commit()


@pytest.fixture
def moved(conn: Connection) -> Connection:
    """Channel 10: two days at one site, the third at another, moved within an hour; channel 11 stays."""
    register_at(conn, HERE, 10, 11)
    store(conn, HERE, Window(START, START + 2 * DAY + QUARTER))
    store(conn, HERE, Window(START, START + 3 * DAY), channel_id=11)
    register_at(conn, THERE, 10)
    register_at(conn, HERE, 11)
    store(conn, THERE, Window(START + 2 * DAY + QUARTER, START + 3 * DAY))
    refresh_views(conn)
    conn.commit()
    return conn


def sums_of(conn: Connection, query: str) -> dict[int, tuple[Any, ...]]:
    return {site_id: tuple(found) for site_id, *found in db.fetch_all(conn, query)}


def test_every_layer_tells_the_sites_apart(moved: Connection) -> None:
    at = START + 2 * DAY + QUARTER
    assert stays(moved, 10) == [(HERE, None, at, "{}", "meter 10"), (THERE, at, None, "{}", None)]
    raw = sums_of(
        moved, "SELECT organization_id, count(*), sum(energy_kwh) FROM readings WHERE channel_id = 10 GROUP BY 1"
    )
    assert {key: count for key, (count, _) in raw.items()} == {HERE: 193, THERE: 95}
    expected = {key: (pytest.approx(kwh),) for key, (_, kwh) in raw.items()}
    for view, column in (
        ("v_readings_enriched", "energy_kwh"),
        ("v_readings_hourly", "total_kwh"),
        ("v_readings_daily", "total_kwh"),
        ("v_readings_monthly", "total_kwh"),
    ):
        query = f"SELECT site_id, sum({column}) FROM {view} WHERE meter_id = 10 GROUP BY 1"
        assert sums_of(moved, query) == expected, view
    # The hour of the move has a row of each, and each day is one of the site's own calendar.
    hour = "SELECT site_id, reading_count FROM v_readings_hourly WHERE meter_id = 10 AND hour = %s ORDER BY 1"
    assert db.fetch_all(moved, hour, (START + 2 * DAY,)) == [(HERE, 1), (THERE, 3)]
    days = "SELECT site_id, local_date::text, reading_count FROM v_readings_daily WHERE meter_id = 10 ORDER BY 1, 2"
    assert db.fetch_all(moved, days) == [
        (HERE, "2026-01-20", 96), (HERE, "2026-01-21", 96), (HERE, "2026-01-22", 1),
        (THERE, "2026-01-22", 53), (THERE, "2026-01-23", 42),
    ]  # fmt: skip
    latest = "SELECT site_id, timestamp FROM v_latest_readings WHERE meter_id = 10 ORDER BY 1"
    assert db.fetch_all(moved, latest) == [(HERE, START + 2 * DAY), (THERE, START + 3 * DAY - QUARTER)]
    meters = "SELECT site_id, installed_at, uninstalled_at, is_listed, interval_s FROM v_meters WHERE meter_id = 10"
    assert db.fetch_all(moved, f"{meters} ORDER BY 1") == [(HERE, None, at, False, 900), (THERE, at, None, True, 900)]
    assert len(load_readings(moved, HERE, Window(START, START + 9 * DAY), [10])) == 193


def test_a_refresh_finds_nothing_to_do_and_a_rebuild_makes_the_same(moved: Connection) -> None:
    query = "SELECT * FROM mv_hourly_usage ORDER BY meter_id, hour, site_id"
    before = db.fetch_all(moved, query)
    days = db.fetch_all(moved, "SELECT * FROM mv_daily_usage ORDER BY meter_id, local_date, site_id")
    assert refresh_views(moved) == Refreshed(0, 0, 0)
    rebuild_views(moved, THERE)
    assert db.fetch_all(moved, query) == before
    assert db.fetch_all(moved, "SELECT * FROM mv_daily_usage ORDER BY meter_id, local_date, site_id") == days


@pytest.mark.parametrize("site_id", [HERE, THERE])
def test_no_check_finds_anything_at_either_site(moved: Connection, site_id: int) -> None:
    verdict = validate_site(moved, site_id, read_checks())
    found = {result.check.name: result.message for result in verdict.results if result.findings}
    assert found.keys() <= {"channels_differ", "mains_named"}, found  # the made-up loads are alike
    assert validate_system(moved, read_checks()).verdict == "closed"


def test_the_ledger_expects_each_site_to_have_its_own(moved: Connection) -> None:
    hour = timedelta(hours=1)
    db.execute(
        moved,
        "DELETE FROM readings WHERE channel_id = 10 AND (timestamp >= %s AND timestamp < %s"
        " OR timestamp >= %s AND timestamp < %s)",
        (START + DAY + hour, START + DAY + 2 * hour, START + 2 * DAY + 4 * hour, START + 2 * DAY + 6 * hour),
    )
    for site_id in (HERE, THERE, HERE):
        update_gaps(moved, site_id, START + 4 * DAY)
    gaps = {site_id: [(gap.channel_id, gap.window) for gap in load_open_gaps(moved, site_id)] for site_id in ZONES}
    there = (10, Window(START + 2 * DAY + 4 * hour, START + 2 * DAY + 6 * hour))
    assert gaps == {HERE: [(10, Window(START + DAY + hour, START + DAY + 2 * hour))], THERE: [there], THIRD: []}
    # Only the site that the service lists it at can ask for it, and it asks for its own.
    assert plan_backfill(moved, HERE, START, 9, ask_again=True).gaps == []
    assert plan_backfill(moved, THERE, START, 9, ask_again=True).gaps == [there]
    rebuild_views(moved)
    quality = load_quality(moved, HERE, 3, START + 3 * DAY)
    assert {row["channelId"]: row["completenessByDay"] for row in quality["channels"]} == {
        10: [100.0, 95.8, None],
        11: [100.0, 100.0, 100.0],
    }


def test_a_channel_that_comes_back_has_one_row_and_keeps_all(moved: Connection) -> None:
    register_at(moved, HERE, 10, 11)
    back = Window(START + 3 * DAY, START + 4 * DAY)
    store(moved, HERE, back)
    refresh_views(moved)
    at = START + 2 * DAY + QUARTER
    ((away,),) = db.fetch_all(
        moved,
        "SELECT away = tstzmultirange(tstzrange(%s, %s)) FROM channel_sites WHERE channel_id = 10"
        " AND organization_id = %s",
        (at, back.start, HERE),
    )
    assert away
    assert sites.load_begins(moved, HERE) == {10: back.start}
    assert [row[:3] for row in stays(moved, 10)] == [(HERE, None, None), (THERE, at, back.start)]
    update_gaps(moved, HERE, START + 5 * DAY)
    update_gaps(moved, THERE, START + 5 * DAY)
    assert (load_open_gaps(moved, HERE), load_open_gaps(moved, THERE)) == ([], [])
    days = "SELECT reading_count FROM v_readings_daily WHERE meter_id = 10 AND site_id = %s ORDER BY local_date"
    assert db.fetch_all(moved, days, (HERE,)) == [(96,), (96,), (1,), (96,)]
    rows = "SELECT count(*) FROM v_meters WHERE meter_id = 10 AND site_id = %s"
    assert db.fetch_all(moved, rows, (HERE,)) == [(1,)]
    register_at(moved, THIRD, 10)  # and goes on to a third
    assert [row[:3] for row in stays(moved, 10)] == [
        (HERE, None, back.end), (THERE, at, back.start), (THIRD, back.end, None)
    ]  # fmt: skip


def test_a_channel_of_which_nothing_was_asked_moves_whole(conn: Connection) -> None:
    register_at(conn, HERE, 10)
    register_at(conn, THERE, 10)
    assert sites.load_begins(conn, THERE) == {}
    assert db.fetch_all(conn, "SELECT site_id, installed_at FROM v_meters") == [(THERE, None)]


@pytest.mark.parametrize(
    ("status", "begins_after"),
    [(attempts.STATUS_FAILED, 2 * DAY), (attempts.STATUS_DONE, 3 * DAY), (None, 3 * DAY)],
)
def test_a_stay_ends_where_the_old_site_was_answered_or_is_being_asked(
    conn: Connection, status: str | None, begins_after: timedelta
) -> None:
    register_at(conn, HERE, 10)
    store(conn, HERE, Window(START, START + 2 * DAY))
    last = Window(START + 2 * DAY, START + 3 * DAY)
    attempt = attempts.Attempt(attempts.start_run(conn, HERE), HERE, 10, last, 900, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    if status is not None:  # else it is still running
        attempts.finish_attempt(conn, attempt, log_id, status)
    register_at(conn, THERE, 10)
    assert sites.load_begins(conn, THERE) == {10: START + begins_after}


def test_fields_that_came_after_the_move_are_asked_again_for_the_new_sites_readings_alone(conn: Connection) -> None:
    """At the old site no voltage was stored, and the service would bring it for that time as well."""
    register_at(conn, HERE, 10)
    store(conn, HERE, Window(START, START + DAY))
    register_at(conn, THERE, 10)
    second = Window(START + DAY, START + 2 * DAY)
    store(conn, THERE, second)
    fields = ("E", "P", "V")
    sites.save_channel_fields(conn, 10, ChannelFields(fields, fields, START, refill_before=START + 3 * DAY))
    assert plan_refills(conn, THERE, 10) == [Wanted(10, second, 900)]
    db.execute(conn, "UPDATE readings SET voltage_v = 120 WHERE organization_id = %s", (THERE,))
    assert plan_refills(conn, THERE, 10) == []


def test_made_up_and_measured_readings_never_meet_in_a_channel(moved: Connection) -> None:
    sites.check_source(moved, THIRD, "eniscope", [10, 11])
    with pytest.raises(DataError, match=rf"site {THIRD}, channel 10: .* its readings of the eniscope \(site {HERE}\)"):
        sites.check_source(moved, THIRD, "sandbox", [10, 11])
    sites.check_source(moved, THIRD, "sandbox", [12])
    # One that was only listed there holds nothing, whatever the site's others hold.
    register_at(moved, HERE, 11, 13)
    sites.check_source(moved, THIRD, "sandbox", [13])
    # The site that it left still holds what was measured there.
    register_at(moved, THIRD, 11)
    with pytest.raises(DataError, match=f"site {HERE}: this database holds readings of the eniscope"):
        sites.check_source(moved, HERE, "sandbox")


def test_each_sites_file_describes_what_it_measured_there(moved: Connection, tmp_path: Path) -> None:
    register_at(moved, THERE, 10, name="renamed")
    for site_id, text in (
        (HERE, '[channels."meter 10"]\nunit_factor = 2\n'),
        (THERE, "[channels.renamed]\nmust_run = true\n"),
    ):
        (tmp_path / f"{site_id}.toml").write_text(text, encoding="utf-8")
        assert store_channel_facts(moved, load_site(site_id, tmp_path)) == 1
    meters = "SELECT site_id, meter_name, unit_factor, must_run FROM v_meters WHERE meter_id = 10 ORDER BY 1"
    assert db.fetch_all(moved, meters) == [(HERE, "meter 10", 2.0, False), (THERE, "renamed", 1.0, True)]
    raw = sums_of(moved, "SELECT organization_id, sum(power_kw) FROM readings WHERE channel_id = 10 GROUP BY 1")
    seen = sums_of(moved, "SELECT site_id, sum(power_kw) FROM v_readings_enriched WHERE meter_id = 10 GROUP BY 1")
    assert seen == {HERE: (pytest.approx(2 * raw[HERE][0]),), THERE: (pytest.approx(raw[THERE][0]),)}


def test_views_of_a_point_that_moved_together_still_count_once(conn: Connection) -> None:
    phases = {10: "system", 11: "phase1", 12: "phase2"}

    def register_all(site_id: int) -> None:
        organization = {"organization_id": site_id, "name": "s", "timezone": "UTC"}
        channels = [
            {"channel_id": key, "organization_id": site_id, "name": f"m{key}", "meter_id": 5, "displayed_phase": phase}
            for key, phase in phases.items()
        ]
        sites.register_site(conn, organization, [], channels, "eniscope")

    register_all(HERE)
    for key in phases:
        store(conn, HERE, Window(START, START + DAY), channel_id=key)
    counted = "SELECT site_id, meter_id FROM v_meters WHERE is_counted ORDER BY 1"
    assert db.fetch_all(conn, counted) == [(HERE, 10)]
    register_all(THERE)
    assert db.fetch_all(conn, counted) == [(HERE, 10), (THERE, 10)]


def test_a_reading_is_explained_by_the_site_that_it_was_fetched_for(moved: Connection) -> None:
    for moment, site_id in ((START + DAY, HERE), (START + 2 * DAY + 4 * QUARTER, THERE)):
        steps = explain_reading(moved, 10, moment)
        assert [row["organization_id"] for row in steps["reading"]] == [site_id]
        assert {row["site_id"] for row in steps["usage"]} == {site_id}


# --- Listed at two sites ----------------------------------------------------------------------------------------------


class TwoLists:
    """A service that lists what it is told to, or fails to."""

    source, nearest_clock_offset = "eniscope", timedelta(0)

    def __init__(self) -> None:
        self.listed: dict[int, list[int] | Exception] = {HERE: [10, 11], THERE: [10, 12]}

    def get_organization(self, site_id: int) -> dict[str, Any]:
        return {"organizationId": site_id, "organizationName": f"site {site_id}", "timeZone": ZONES[site_id]}

    def get_devices(self, site_id: int) -> list[dict[str, Any]]:
        return []

    def get_channels(self, site_id: int) -> list[dict[str, Any]]:
        listed = self.listed[site_id]
        if isinstance(listed, Exception):
            raise listed
        return [{"dataChannelId": str(key), "channelName": f"meter {key}"} for key in listed]


def register_by(conn: Connection, service: TwoLists, site_id: int) -> list[int]:
    """Register a site and return which channels are to be asked."""
    site = registration.register(conn, cast(EniscopeClient, service), site_id)
    return [channel["channel_id"] for channel in site.channels]


def test_a_channel_that_two_sites_list_stays_at_the_first_and_that_is_said(
    conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    service = TwoLists()
    assert register_by(conn, service, HERE) == [10, 11]
    for _ in range(2):
        assert register_by(conn, service, THERE) == [12]
        assert register_by(conn, service, HERE) == [10, 11]
    assert [row[:3] for row in stays(conn, 10)] == [(HERE, None, None)]
    said = f"site {THERE}, channel 10 'meter 10': listed at site {HERE} too, which keeps it"
    assert caplog.text.count(said) == 2
    assert "has moved" not in caplog.text
    troubles = "SELECT DISTINCT troubles FROM ingestion_logs WHERE organization_id = %s"
    assert db.fetch_all(conn, troubles, (THERE,)) == [({f"a channel is listed at site {HERE} too, which keeps it": 1},)]

    # Not known is no move; listed no longer is.
    service.listed[HERE] = UnreachableError("down")
    assert register_by(conn, service, THERE) == [12]
    service.listed[HERE] = [11]
    assert register_by(conn, service, THERE) == [10, 12]
    assert f"site {THERE}, channel 10 'meter 10': a channel has moved here from site {HERE}" in caplog.text
    service.listed[HERE] = [10, 11]  # and now it is the other's
    assert register_by(conn, service, HERE) == [11]


@pytest.mark.parametrize("text", ["[site]\nexclude = [10]\n", "[sync]\nis_active = false\n", None])
def test_a_site_that_leaves_a_channel_out_or_is_gone_keeps_it_from_no_other(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setattr(registration, "read_site", lambda site_id: load_site(site_id, tmp_path))
    service = TwoLists()
    register_by(conn, service, HERE)
    if text is None:
        service.listed[HERE] = AccessError("not this account's")
    else:
        (tmp_path / f"{HERE}.toml").write_text(text, encoding="utf-8")
    assert register_by(conn, service, THERE) == [10, 12]


# --- Until, at a site of files ----------------------------------------------------------------------------------------


def test_a_replaced_main_of_a_site_of_files_ends(conn: Connection, tmp_path: Path) -> None:
    register_at(conn, HERE, 10, 11, source="file")
    window = Window(START, START + 4 * DAY)
    for key in (10, 11):
        store(conn, HERE, window, channel_id=key)
    refresh_views(conn)
    (tmp_path / f"{HERE}.toml").write_text('[channels."meter 10"]\nuntil = 2026-01-21\n', encoding="utf-8")
    store_channel_facts(conn, load_site(HERE, tmp_path))
    end = START + 2 * DAY
    meters = "SELECT meter_id, uninstalled_at FROM v_meters ORDER BY 1"
    assert db.fetch_all(conn, meters) == [(10, end), (11, None)]
    for view, column in (("v_readings_enriched", "timestamp"), ("v_readings_hourly", "hour")):
        rows = db.fetch_all(conn, f"SELECT meter_id, max({column}) < %s FROM {view} GROUP BY 1 ORDER BY 1", (end,))
        assert rows == [(10, True), (11, False)]
    assert db.fetch_all(conn, "SELECT count(*) FROM v_readings_daily WHERE meter_id = 10") == [(2,)]
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 10 AND timestamp >= %s", (end + DAY,))
    update_gaps(conn, HERE, START + 5 * DAY)
    assert load_open_gaps(conn, HERE) == []
    conn.commit()
    verdict = validate_site(conn, HERE, read_checks())
    assert "days_whole" not in [result.check.name for result in verdict.results if result.findings]
