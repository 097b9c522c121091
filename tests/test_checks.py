"""Each check trips on exactly what it names, with the right reach: for every file of govern/checks one break."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from breaker_factory import (
    CLOCK_CHANGE,
    END,
    SITE_ID,
    SITE_WINDOW,
    build_site,
    change,
    failed_checks,
    remove,
    validate_both,
)
from conftest import _administer

from config.limits import ValidationLimits
from govern.checks.reader import limit_values, read_checks
from govern.checks.runner import validate_site
from govern.schema.files import read_view_files
from govern.usage.refresh import rebuild_views
from ingest.eniscope import connection_checks
from ingest.storage import attempts
from lib import db
from lib.date_utils import Window, local_midnight, parse_timezone
from lib.readings import load_quarantined, load_validation_status
from operations.postgres.server import ensure_database

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SOUND_DATABASE = "sound_site"
NOON = END - timedelta(days=5, hours=12)
QUARANTINED, WARNED, SITE_HELD, ALL_HELD = "channel", "none", "site", "system"


@pytest.fixture(scope="module")
def sound_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database with the sound site, from which each test's own is copied."""
    ensure_database(postgres_url, "postgres")
    _administer(postgres_url, f'CREATE DATABASE "{SOUND_DATABASE}" TEMPLATE "energy_template"')
    url = template_database.replace("energy_template", SOUND_DATABASE)
    with db.connect(url) as conn:
        build_site(conn)
    yield url
    _administer(postgres_url, f'DROP DATABASE "{SOUND_DATABASE}" WITH (FORCE)')


@pytest.fixture
def site(postgres_url: str, sound_database: str) -> Iterator[Connection]:
    """A connection to a copy of the sound site, to be broken."""
    _administer(postgres_url, f'CREATE DATABASE "broken_site" TEMPLATE "{SOUND_DATABASE}"')
    with db.connect(sound_database.replace(SOUND_DATABASE, "broken_site")) as conn:
        yield conn
    _administer(postgres_url, 'DROP DATABASE "broken_site" WITH (FORCE)')


def keep_asking(conn: Connection, values: str, where: str = "") -> None:
    """Let the ingest have asked 14 h more, with the last 14 h again as readings of them."""
    db.execute(conn, "UPDATE ingestion_logs SET window_end = window_end + interval '14 hours'")
    db.execute(
        conn,
        f"INSERT INTO readings (channel_id, organization_id, timestamp, interval_s, energy_kwh, power_kw,"
        f" ingest_run_id)"
        f" SELECT channel_id, organization_id, timestamp + interval '14 hours', interval_s, {values}, ingest_run_id"
        f" FROM readings WHERE timestamp >= %s {where}",
        (END - timedelta(hours=14),),
    )
    conn.commit()
    rebuild_views(conn)


def copy_channel(conn: Connection) -> None:
    db.execute(
        conn,
        "UPDATE readings AS r SET energy_kwh = original.energy_kwh, power_kw = original.power_kw, power_l1_kw ="
        " original.power_l1_kw, power_l2_kw = original.power_l2_kw, power_l3_kw = original.power_l3_kw"
        " FROM readings AS original WHERE r.channel_id = 14 AND original.channel_id = 13"
        " AND original.timestamp = r.timestamp",
    )
    conn.commit()
    rebuild_views(conn)


def show_as_point(conn: Connection, phases: dict[int, str | None]) -> None:
    for channel_id, phase in phases.items():
        db.execute(
            conn, "UPDATE channels SET meter_id = 500, displayed_phase = %s WHERE channel_id = %s", (phase, channel_id)
        )


def replace_main(conn: Connection) -> None:
    """Let the main end, and a meter of about its size begin, three days before the end."""
    db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id = 10 AND timestamp >= %(at)s OR channel_id = 17 AND timestamp < %(at)s",
        {"at": END - timedelta(days=3)},
    )
    conn.commit()
    rebuild_views(conn)


def raise_children(conn: Connection) -> None:
    for channel_id in (11, 12):
        change(
            conn,
            "energy_kwh = energy_kwh * 3, power_kw = power_kw * 3, power_l1_kw = power_kw, power_l2_kw = power_kw,"
            " power_l3_kw = power_kw",
            channel_id,
        )


def coarsen(conn: Connection) -> None:
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 13 AND extract(epoch FROM timestamp)::bigint % 1800 <> 0")
    change(conn, "energy_kwh = energy_kwh * 2, interval_s = 1800")


def mix_resolutions(conn: Connection) -> None:
    run_id = attempts.start_run(conn, SITE_ID)
    attempt = attempts.Attempt(run_id, SITE_ID, 13, Window(NOON, NOON + timedelta(minutes=30)), 1800, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=1, inserted=1)
    change(conn, "interval_s = 1800, energy_kwh = energy_kwh * 2", at=NOON)


def fold_repeated_hour(conn: Connection) -> None:
    change(
        conn,
        "energy_kwh = energy_kwh * 2, power_kw = power_kw * 2, power_l1_kw = power_l1_kw * 2,"
        " power_l2_kw = power_l2_kw * 2, power_l3_kw = power_l3_kw * 2",
        at=CLOCK_CHANGE - timedelta(hours=1), hours=1,
    )  # fmt: skip
    remove(conn, CLOCK_CHANGE, hours=1)


def store_unknown_channel(conn: Connection) -> None:
    db.execute(conn, "SELECT ensure_reading_partitions(now() - interval '1 day', now())")
    db.execute(
        conn,
        "INSERT INTO readings (channel_id, organization_id, timestamp, interval_s, energy_kwh, ingest_run_id)"
        " VALUES (999, 0, date_trunc('hour', now() - interval '1 day'), 900, 1, 1)",
    )
    db.execute(  # as whatever stores readings says
        conn, "INSERT INTO usage_queue (channel_id, first_at, last_at) VALUES (999, now() - interval '1 day', now())"
    )
    conn.commit()
    rebuild_views(conn)


def forget_refresh(conn: Connection) -> None:
    db.execute(
        conn,
        "UPDATE readings SET energy_kwh = energy_kwh + 0.01 WHERE channel_id = 13 AND timestamp = %s",
        (SITE_WINDOW.start + timedelta(days=1),),
    )


def queue_change(conn: Connection) -> None:
    db.execute(conn, "INSERT INTO usage_queue (channel_id, first_at, last_at) VALUES (13, %s, %s)", (NOON, NOON))


def store_verdicts(conn: Connection, verdict: str, count: int, failed_check: str | None = None) -> None:
    """Store verdicts of other sites, as an earlier run of this hour would have left them."""
    for site_id in range(1, count + 1):
        ((run_id,),) = db.fetch_all(
            conn,
            "INSERT INTO validation_runs (organization_id, started_at, verdict, checks_run, covers_from, limits)"
            " VALUES (%s, now(), %s, 1, now(), '{}') RETURNING validation_run_id",
            (site_id, verdict),
        )
        if failed_check:
            db.execute(
                conn,
                "INSERT INTO validation_results VALUES (%s, %s, 'block', false, 1, 'channel 7 differs', 'refresh')",
                (run_id, failed_check),
            )


def replace_view(conn: Connection, view: str, template: str) -> None:
    (definition,) = db.fetch_all(conn, "SELECT pg_get_viewdef(%s::regclass)", (view,))[0]
    db.execute(conn, f"CREATE OR REPLACE VIEW {view} AS " + template.replace("DEFINITION", definition.rstrip("; \n")))


def log_registration(conn: Connection) -> None:
    attempt = attempts.Attempt(attempts.start_run(conn, SITE_ID), SITE_ID, 0, Window(END, END), 0, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    db.execute(conn, "UPDATE ingestion_logs SET status = 'failed', error = 'refused' WHERE log_id = %s", (log_id,))


def mark_logs(conn: Connection, assignment: str) -> None:
    db.execute(conn, f"UPDATE ingestion_logs SET {assignment} WHERE channel_id = 13")


def thin_out(conn: Connection) -> None:
    db.execute(
        conn,
        "DELETE FROM readings WHERE timestamp BETWEEN %s AND %s",
        (END - timedelta(days=6), END - timedelta(hours=6)),
    )
    conn.commit()
    rebuild_views(conn)


# Check → how it is broken, how far that reaches, what the finding says, and what cannot but trip with it.
BREAKS: dict[str, tuple[Callable[[Connection], None], str, str, tuple[str, ...]]] = {
    "energy_plausible": (
        lambda conn: change(conn, "energy_kwh = -1251", at=NOON),
        QUARANTINED, "1 rows, worst -1251.0 kWh in 900 s", ("no_negative_energy",),
    ),
    "power_plausible": (
        lambda conn: change(conn, "power_kw = 5001", at=NOON),
        QUARANTINED, "1 rows above 5000 kW, highest 5001.0 kW", (),
    ),
    "energy_matches_power": (
        lambda conn: change(conn, "energy_kwh = energy_kwh * 0.3"),
        QUARANTINED, "energy is 0.300 times its power", (),
    ),
    "phases_add_up": (
        lambda conn: change(conn, "power_l3_kw = NULL"),
        QUARANTINED, "its phases are 0.667 times its total power", (),
    ),
    "one_resolution": (mix_resolutions, QUARANTINED, "intervals of 900 and 1800 s", ()),
    "time_stamps_on_grid": (
        lambda conn: change(conn, "timestamp = timestamp + interval '91 seconds'", at=NOON, hours=0.75),
        QUARANTINED, "3 rows off the grid, first at 2025-10-31T17:01:31Z", (),
    ),
    "no_negative_energy": (
        lambda conn: change(conn, "energy_kwh = -3", at=NOON),
        WARNED, "1 rows, lowest -3.000 kWh", (),
    ),
    "export_matches_power": (
        lambda conn: change(conn, "exported_energy_kwh = energy_kwh, power_kw = 4 * energy_kwh", at=NOON, hours=2),
        WARNED, "in 8 intervals with export, import less export is 0.0 kWh, by its power 6.4", (),
    ),
    "voltage_plausible": (
        lambda conn: change(conn, "voltage_v = 12000", at=NOON),
        WARNED, "1 rows, from 12000 to 12000 V, last at 2025-10-31T17:00Z", (),
    ),
    "power_factor_plausible": (
        lambda conn: change(conn, "power_factor = -90", at=NOON),
        WARNED, "1 rows, from -90 to -90 (no unit), last at 2025-10-31T17:00Z", (),
    ),
    "frequency_plausible": (
        lambda conn: change(conn, "frequency_hz = 600", at=NOON),
        WARNED, "1 rows, from 600 to 600 Hz, last at 2025-10-31T17:00Z", (),
    ),
    "temperature_plausible": (
        lambda conn: change(conn, "temperature_c = 200", channel_id=18, at=NOON),
        WARNED, "1 rows, from 200 to 200 °C, last at 2025-10-31T17:00Z", (),
    ),
    "no_register_jumps": (
        lambda conn: change(conn, "energy_kwh = 50", at=NOON),
        WARNED, "1 rows, worst 50.000 kWh at 2025-10-31T17:00Z", (),
    ),
    "no_stuck_values": (
        lambda conn: change(conn, "power_kw = 4", at=NOON, hours=6),
        WARNED, "4.000 kW for 6.0 h from 2025-10-31T17:00Z", (),
    ),
    "energy_beside_power": (
        lambda conn: change(conn, "energy_kwh = NULL", at=NOON, hours=3),
        WARNED,
        "12 of 1156 intervals have power and no energy, from 2025-10-31T17:00Z to 2025-10-31T19:45Z",
        (),
    ),
    "phases_match_system": (
        lambda conn: show_as_point(conn, {13: "system", 14: "phase1", 15: "phase2", 16: "phase3"}),
        WARNED, "on 12 days it has 1190.8 kWh, its phases 3751.2", (),
    ),
    "points_told_apart": (
        lambda conn: show_as_point(conn, {13: None, 14: "R"}),
        WARNED, "its metering point is shown by 2 channels that all count: meter 13 (13), meter 14 (14)", (),
    ),
    "mains_hold_children": (raise_children, WARNED, "on 12 days it has 2381.7 kWh, the meters below it 4465.7", ()),
    "mains_replaced": (
        replace_main, WARNED,
        "it begins on 2025-11-03, when meter 10 (10) ends, whose parts are meter 11 (11), meter 12 (12): if it took "
        "its place, the total counts them twice",
        ("channels_reporting", "days_whole"),
    ),
    "channels_differ": (copy_channel, WARNED, "the same energy as channel 13 on 12 days", ()),
    "resolution_as_asked": (coarsen, WARNED, "intervals of 1800 s, asked were 900 s", ()),
    "clock_change_whole": (
        fold_repeated_hour, WARNED,
        "at the clock change of 2025-11-02T06:00Z 3600 s about it are missing, and the hour before holds the energy of"
        " two",
        (),
    ),
    "channels_known": (store_unknown_channel, WARNED, "1 unknown channels with 1 rows, such as channel 999", ()),
    "channels_reporting": (
        lambda conn: keep_asking(conn, "energy_kwh, power_kw", "AND channel_id <> 13"),
        WARNED, "nothing since 2025-11-06T04:45Z", (),
    ),
    "days_whole": (
        lambda conn: remove(conn, NOON, hours=3),
        WARNED, "1 days, 0 of them after its last reading, worst 2025-10-31 with 88 %", (),
    ),
    "ingest_complete": (
        lambda conn: mark_logs(conn, "status = 'failed', error = 'HTTP 500'"),
        WARNED, "1 windows, first from 2025-10-25T04:00Z: failed (HTTP 500)", (),
    ),
    "site_registered": (log_registration, WARNED, "failed at ", ()),
    "no_rejects": (
        lambda conn: mark_logs(conn, "rejected = 3, error = '1 no_timestamp; 2 repeated'"),
        WARNED, "1 windows, first from 2025-10-25T04:00Z: 1 no_timestamp; 2 repeated", (),
    ),
    "most_readings_arrived": (
        thin_out, SITE_HELD, "of 5376 expected intervals", ("days_whole",),
    ),
    "newest_readings_arrived": (
        lambda conn: keep_asking(conn, "NULL, NULL"),
        SITE_HELD, "newest reading is of 2025-11-06T04:45Z, asked was up to 2025-11-06T19:00Z", (),
    ),
    "site_has_readings": (
        lambda conn: db.execute(conn, "DELETE FROM ingestion_logs"),
        SITE_HELD, "no reading of energy or power since ", (),
    ),
    "layers_agree": (
        forget_refresh, ALL_HELD, "channel 13: raw 1190.856 kWh in 1156 rows, daily 1190.846 kWh in 1156; channel 13",
        ("reconciliation_holds",),
    ),
    "layers_up_to_date": (
        queue_change, SITE_HELD, "1 channels have readings that wait for a refresh, since ", (),
    ),
    "view_grains_unique": (
        lambda conn: replace_view(conn, "v_readings_monthly", "DEFINITION UNION ALL DEFINITION"),
        SITE_HELD, "v_readings_monthly has 18 rows twice", (),
    ),
    "view_rows_in_band": (
        lambda conn: replace_view(conn, "v_latest_readings", "SELECT * FROM (DEFINITION) AS v WHERE meter_id <> 13"),
        SITE_HELD, "v_latest_readings has 8 rows, expected are 9 to 9", (),
    ),
    "views_keep_contract": (
        lambda conn: db.execute(conn, "ALTER VIEW v_sites RENAME COLUMN city TO town"),
        ALL_HELD, "1 columns are missing or of another type: v_sites.city text", (),
    ),
    "reconciliation_holds": (
        lambda conn: store_verdicts(conn, "open", 1, "layers_agree"),
        ALL_HELD, "1 sites; site 1: channel 7 differs", (),
    ),
    "most_sites_pass": (
        lambda conn: store_verdicts(conn, "open", 3), ALL_HELD, "3 of 4 sites are held back", (),
    ),
}  # fmt: skip


def test_sound_site_trips_nothing(site: Connection) -> None:
    verdicts = validate_both(site)
    assert failed_checks(*verdicts) == []
    assert [(verdict.verdict, verdict.reach) for verdict in verdicts] == [("closed", "none")] * 2


@pytest.mark.parametrize("name", [check.name for check in read_checks()])
def test_check_trips_alone_and_reaches_as_far_as_it_should(site: Connection, name: str) -> None:
    break_it, reach, message, companions = BREAKS[name]
    break_it(site)
    site.commit()
    verdicts = validate_both(site)
    assert failed_checks(*verdicts) == sorted((name, *companions))
    (result,) = [r for verdict in verdicts for r in verdict.results if r.check.name == name]
    assert message in result.findings[0].text
    status = load_validation_status(site, SITE_ID)
    assert status.reach == reach
    assert status.verdict == ("open" if reach in (SITE_HELD, ALL_HELD) else "closed")
    assert (name in status.blocking_checks) == (reach in (SITE_HELD, ALL_HELD))
    quarantined = load_quarantined(site, SITE_ID)
    assert [(item.channel_id, item.checks) for item in quarantined] == ([(13, [name])] if reach == QUARANTINED else [])


def test_every_check_has_a_way_to_be_broken_and_no_other_stands_here() -> None:
    assert set(BREAKS) == {check.name for check in read_checks()}


@pytest.mark.parametrize(
    ("columns", "hours"),
    [
        ("exported_energy_kwh = energy_kwh, power_kw = 4 * energy_kwh", 1.75),  # seven intervals say little
        ("exported_energy_kwh = energy_kwh, power_kw = 0.76 * energy_kwh", 2),  # 9.5 % of what flowed
        ("exported_energy_kwh = 2 * energy_kwh, power_kw = -4 * energy_kwh", 2),
        ("energy_kwh = -energy_kwh, exported_energy_kwh = energy_kwh, power_kw = -4 * energy_kwh", 2),  # net already
    ],
)
def test_an_export_that_the_power_confirms_trips_nothing(site: Connection, columns: str, hours: float) -> None:
    change(site, columns, at=NOON, hours=hours)
    verdict = validate_both(site)[0]
    assert "export_matches_power" not in [result.check.name for result in verdict.results if result.findings]


def test_first_look_at_an_account_judges_as_validation_does() -> None:
    limits = limit_values(read_checks())
    assert limits["max_energy_power_ratio"] == connection_checks.MAX_ENERGY_POWER_RATIO
    assert limits["min_checked_power_kw"] == connection_checks.MIN_CHECKED_POWER_KW
    assert limits["min_checked_intervals"] == connection_checks.MIN_CHECKED_INTERVALS


def test_spring_day_of_23_hours_is_whole_and_its_hole_is_seen(conn: Connection) -> None:
    tz = parse_timezone("America/New_York")
    window = Window(*(local_midnight(datetime(2026, 3, day).date(), tz) for day in (2, 12)))
    build_site(conn, window)
    assert failed_checks(*validate_both(conn)) == []
    # 01:30 to 03:30 on the wall clock of 8 March is one hour.
    remove(conn, datetime(2026, 3, 8, 6, 30, tzinfo=window.start.tzinfo), hours=1)
    site, system = validate_both(conn)
    assert failed_checks(site, system) == ["clock_change_whole"]
    (result,) = [result for result in site.results if result.findings]
    assert result.findings[0].examples == [
        {"at": "2026-03-08T07:00Z", "missing_s": 3600, "is_doubled": False},
    ]


def test_clock_change_of_a_zone_of_half_hours_is_judged_where_it_is(conn: Connection) -> None:
    tz = parse_timezone("Australia/Adelaide")
    window = Window(*(local_midnight(datetime(2025, 10, day).date(), tz) for day in (1, 11)))
    build_site(conn, window)
    db.execute(conn, "UPDATE organizations SET timezone = 'Australia/Adelaide'")
    conn.commit()
    rebuild_views(conn)
    assert failed_checks(*validate_both(conn)) == []
    # 02:00 to 04:00 on the wall clock of 5 October is one hour, and begins at half past four in UTC.
    remove(conn, datetime(2025, 10, 4, 16, 30, tzinfo=window.start.tzinfo), hours=1)
    site, system = validate_both(conn)
    assert failed_checks(site, system) == ["clock_change_whole"]
    (result,) = [result for result in site.results if result.findings]
    assert result.findings[0].examples == [{"at": "2025-10-04T16:30Z", "missing_s": 3600, "is_doubled": False}]


def test_days_after_the_last_reading_are_missed_while_the_channel_is_listed(site: Connection) -> None:
    remove(site, END - timedelta(hours=58), hours=58)  # from 14 o'clock of 3 November on
    verdict, _ = validate_both(site)
    assert failed_checks(verdict) == ["channels_reporting", "days_whole"]
    (finding,) = next(result.findings for result in verdict.results if result.check.name == "days_whole")
    assert finding.text == "3 days, 2 of them after its last reading, worst 2025-11-05 with 0 %"
    assert finding.examples == [
        {"local_date": "2025-11-05", "covered_pct": 0.0, "is_trailing": True},
        {"local_date": "2025-11-04", "covered_pct": 0.0, "is_trailing": True},
        {"local_date": "2025-11-03", "covered_pct": 58.3, "is_trailing": False},
    ]
    # Of a channel that is gone nothing is expected any more, and its last day may be a part of one.
    db.execute(site, "UPDATE channels SET is_listed = false WHERE channel_id = 13")
    site.commit()
    assert failed_checks(*validate_both(site)) == []


def test_channel_that_never_reported_lacks_no_day(site: Connection) -> None:
    remove(site, SITE_WINDOW.start, hours=24 * 13)
    assert failed_checks(*validate_both(site)) == []


def test_clock_change_that_the_look_back_cuts_through_is_not_judged(site: Connection) -> None:
    for days in (3, 4, 5):  # from an hour before the change on, and from a day before and after it
        verdict = validate_site(site, SITE_ID, read_checks(), ValidationLimits(lookback_days=days))
        site.rollback()
        assert failed_checks(verdict) == [], days


def test_contracts_are_about_every_view() -> None:
    views = {view.name for view in read_view_files()}
    checks = {check.name: check.query for check in read_checks()}
    for name in ("views_keep_contract", "view_grains_unique", "view_rows_in_band"):
        assert views <= set(re.findall(r"'(v_\w+)'", checks[name])), name


def test_evidence_is_stored_with_counts_and_examples(site: Connection) -> None:
    change(site, "power_kw = 9000", at=NOON, hours=1)
    validate_both(site)
    assert db.fetch_all(
        site, "SELECT check_name, channel_id, severity, found, message, examples FROM validation_findings"
    ) == [
        (
            "power_plausible", 13, "block", 4, "4 rows above 5000 kW, highest 9000.0 kW",
            [{"timestamp": f"2025-10-31T17:{minute:02d}Z", "power_kw": 9000} for minute in (0, 15, 30)],
        )
    ]  # fmt: skip


def test_checks_prune_the_months_before_the_look_back(site: Connection) -> None:
    db.execute(site, "SELECT ensure_reading_partitions('2024-01-01', '2025-12-01')")
    parameters = {"site_id": SITE_ID, "lookback_start": SITE_WINDOW.start, "asked_until": END, "started_at": END}
    for check in read_checks():
        if "readings AS r" not in check.query:
            continue
        limits = {limit.name: limit.value for limit in check.limits} | parameters
        plan = db.fetch_all(site, f"EXPLAIN (ANALYZE, TIMING off) {check.query}", limits)
        executed = [row for (row,) in plan if " on readings_2024" in row and "never executed" not in row]
        assert not executed, check.name
