"""The circuit breaker: each check trips on exactly what it names, and a verdict that cannot be trusted is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from site_factory import SITE_ID, make_rows, make_site, register_site, store_readings

from govern.refresh_views import rebuild_views, refresh_views
from govern.validation import Verdict, read_checks, validate_site
from ingest import store
from lib import db
from lib.date_utils import Window
from lib.errors import DataError
from lib.readings import load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

END = datetime(2026, 2, 9, 5, tzinfo=UTC)
Break = Callable[["Connection", Window], None]


def validate(conn: Connection) -> Verdict:
    conn.rollback()
    verdict = validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    return verdict


def failed(verdict: Verdict) -> list[str]:
    return [result.check.name for result in verdict.results if result.findings]


def test_sound_site_may_pass_and_the_verdict_is_stored(conn: Connection) -> None:
    make_site(conn, END)
    verdict = validate(conn)
    assert (verdict.verdict, failed(verdict)) == ("closed", [])
    assert db.fetch_all(conn, "SELECT verdict, checks_run, covers_ingest_until IS NOT NULL FROM validation_runs") == [
        ("closed", len(verdict.results), True)
    ]
    status = load_validation_status(conn, SITE_ID)
    assert (status.verdict, status.is_current, status.blocking_checks) == ("closed", True, [])


def _delete_all(conn: Connection, window: Window) -> None:
    db.execute(conn, "DELETE FROM readings")
    rebuild_views(conn)


def _delete_last_day(conn: Connection, window: Window) -> None:
    db.execute(conn, "DELETE FROM readings WHERE timestamp >= %s", (window.end - timedelta(hours=13),))
    rebuild_views(conn)


def _delete_interior(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "DELETE FROM readings WHERE timestamp BETWEEN %s AND %s",
        (window.end - timedelta(days=6), window.end - timedelta(hours=6)),
    )
    rebuild_views(conn)


def _shift_off_grid(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "UPDATE readings SET timestamp = timestamp + interval '91 seconds'"
        " WHERE channel_id = 10 AND timestamp >= %s AND timestamp < %s",
        (window.end - timedelta(days=3), window.end - timedelta(days=3) + timedelta(minutes=45)),
    )
    rebuild_views(conn)


def _mix_resolutions(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "UPDATE readings SET interval_s = 1800 WHERE channel_id = 10 AND timestamp = %s",
        (window.end - timedelta(days=2),),
    )


def _exceed_power(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "UPDATE readings SET power_kw = 5001 WHERE channel_id = 11 AND timestamp = %s",
        (window.end - timedelta(days=2),),
    )
    rebuild_views(conn)


def _multiply_energy(conn: Connection, window: Window) -> None:
    db.execute(conn, "UPDATE readings SET energy_kwh = energy_kwh * 100 WHERE channel_id = 10")
    rebuild_views(conn)


def _exceed_energy(conn: Connection, window: Window) -> None:
    # 1,251 kWh in a quarter of an hour are 5,004 kW.
    db.execute(
        conn,
        "UPDATE readings SET energy_kwh = -1251 WHERE channel_id = 11 AND timestamp = %s",
        (window.end - timedelta(days=2),),
    )
    rebuild_views(conn)


def _forget_refresh(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "UPDATE readings SET energy_kwh = energy_kwh + 0.01 WHERE channel_id = 10 AND timestamp = %s",
        (window.end - timedelta(days=9),),
    )


def _fail_attempt(conn: Connection, window: Window) -> None:
    db.execute(conn, "UPDATE ingestion_logs SET status = 'failed', error = 'HTTP 500' WHERE channel_id = 11")


def _reject_records(conn: Connection, window: Window) -> None:
    db.execute(
        conn, "UPDATE ingestion_logs SET rejected = 3, error = '1 no_timestamp; 2 repeated' WHERE channel_id = 11"
    )
    db.execute(conn, "UPDATE ingestion_logs SET rejected = 2, error = '2 repeated' WHERE channel_id = 10")


def _reset_counter(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "UPDATE readings SET energy_kwh = -3 WHERE channel_id = 11 AND timestamp = %s",
        (window.end - timedelta(days=2),),
    )
    rebuild_views(conn)


def _silence_channel(conn: Connection, window: Window) -> None:
    db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id = 11 AND timestamp >= %s",
        (window.end - timedelta(hours=13),),
    )
    rebuild_views(conn)


@pytest.mark.parametrize(
    ("break_it", "expected", "verdict"),
    [
        (_delete_all, ["newest_readings_arrived", "site_has_readings"], "open"),
        (_delete_last_day, ["newest_readings_arrived", "channels_reporting"], "open"),
        (_delete_interior, ["most_readings_arrived"], "open"),
        (_shift_off_grid, ["time_stamps_on_grid"], "open"),
        (_mix_resolutions, ["one_resolution"], "open"),
        (_exceed_power, ["power_plausible"], "open"),
        (_multiply_energy, ["energy_matches_power"], "open"),
        (_exceed_energy, ["energy_plausible", "no_negative_energy"], "open"),
        (_forget_refresh, ["layers_agree"], "open"),
        (_fail_attempt, ["ingest_complete"], "closed"),
        (_reject_records, ["no_rejects"], "closed"),
        (_reset_counter, ["no_negative_energy"], "closed"),
        (_silence_channel, ["channels_reporting"], "closed"),
    ],
)
def test_each_check_trips_on_what_it_names_alone(
    conn: Connection, break_it: Break, expected: list[str], verdict: str
) -> None:
    window = make_site(conn, END)
    break_it(conn, window)
    conn.commit()
    result = validate(conn)
    assert (failed(result), result.verdict) == (expected, verdict)
    status = load_validation_status(conn, SITE_ID)
    assert sorted(status.blocking_checks + status.warning_checks) == sorted(expected)


def test_every_check_is_broken_by_a_test_above() -> None:
    cases = test_each_check_trips_on_what_it_names_alone.pytestmark[0].args[1]
    assert {name for _, names, _ in cases for name in names} == {check.name for check in read_checks()}


def test_findings_name_the_channel_and_the_figure(conn: Connection) -> None:
    window = make_site(conn, END)
    _multiply_energy(conn, window)
    (finding,) = [result.message for result in validate(conn).results if result.findings]
    assert finding == "channel 10: energy is 100.000 times its power"


def test_half_a_site_is_enough_and_less_is_not(conn: Connection) -> None:
    window = Window(END - timedelta(days=7), END)
    register_site(conn)
    rows = make_rows(window)
    # One meter whole and the other half: 75 % of the site. With 332 of the first's 672 left it is below a half.
    store_readings(conn, window, {10: rows, 11: rows[rows.index >= 336]})
    refresh_views(conn)
    assert failed(validate(conn)) == []
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 10 AND timestamp < %s", (END - timedelta(hours=83),))
    rebuild_views(conn)
    assert failed(validate(conn)) == ["most_readings_arrived"]


def test_later_ingest_makes_the_verdict_outdated(conn: Connection) -> None:
    window = make_site(conn, END)
    validate(conn)
    assert load_validation_status(conn, SITE_ID).is_current
    store_readings(conn, window)  # brings nothing new, but who could know without looking
    assert not load_validation_status(conn, SITE_ID).is_current
    validate(conn)
    assert load_validation_status(conn, SITE_ID).is_current


def test_site_that_was_never_validated_is_missing_a_verdict(conn: Connection) -> None:
    register_site(conn)
    status = load_validation_status(conn, SITE_ID)
    assert (status.verdict, status.is_current) == ("missing", False)


def test_one_sites_verdict_is_not_anothers(conn: Connection) -> None:
    make_site(conn, END)
    store.register_site(conn, {"organization_id": 5, "name": "empty", "timezone": "UTC"}, [], [], "eniscope")
    conn.commit()
    verdict = validate_site(conn, 5, read_checks())
    conn.commit()
    assert failed(verdict) == ["site_has_readings"]
    assert validate(conn).verdict == "closed"


def test_unknown_site_and_missing_checks_are_refused(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="site 99 is not in the database"):
        validate_site(conn, 99, read_checks())
    with pytest.raises(DataError, match="a validation that checks nothing is none"):
        read_checks(tmp_path)
    (tmp_path / "block_x.sql").write_text("-- asserts something\nSELECT 1")
    with pytest.raises(DataError, match="block_x.sql is no check"):
        read_checks(tmp_path)


def test_script_stores_prints_and_exits_by_verdict(conn: Connection, database_url: str, run_script: Callable) -> None:
    window = make_site(conn, END)
    env = {"DATABASE_URL": database_url}
    done = run_script("govern/validate_data.py", "--site", "23271", "--json", env=env)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["siteId"], shown["verdict"]) == (SITE_ID, "closed")
    assert all(check["passed"] and check["hint"] and check["asserts"] for check in shown["checks"])
    _multiply_energy(conn, window)
    done = run_script("govern/validate_data.py", "--site", "23271", env=env)
    assert done.returncode == 3
    assert "BLOCK  energy_matches_power: channel 10: energy is 100.000 times its power" in done.stdout
    assert "breaker open" in done.stdout
