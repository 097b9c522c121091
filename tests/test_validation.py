"""The circuit breaker: how far a finding reaches, what is stored of it, and when there is no verdict."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from breaker_factory import END, SITE_ID, SITE_WINDOW, build_site, change, failed_checks, remove, validate_both
from hypothesis import given
from hypothesis import strategies as st
from site_factory import make_rows, make_site, register_site, store_readings

from config.limits import ValidationLimits
from config.site_file import load_site
from govern import validate_data
from govern.checks.quarantine import Blocked, MeterEnergy, describe_excess, quarantine_channels, site_energy_kwh
from govern.checks.reader import Check, read_checks, render_checks, settable_limits
from govern.checks.runner import validate_site, validate_system
from govern.checks.verdict import CheckResult
from govern.override_breaker import store_override
from govern.usage.refresh import rebuild_views
from ingest.storage import attempts
from ingest.storage.sites import register_site as register_bare_site
from lib import db
from lib.date_utils import Window
from lib.errors import ConfigError, DataError
from lib.paths import PROJECT_ROOT
from lib.readings import load_quarantined, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

BAD_ENERGY = "energy_kwh = energy_kwh * 0.3"
CHANNEL_CHECK = "energy_matches_power"
QUARANTINE = "quarantine_within_limits"
NOON = END - timedelta(days=5, hours=12)


def break_site(conn: Connection, site_id: int) -> None:
    """Hold a site back as a whole: nothing of its last days arrived."""
    db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id IN (SELECT channel_id FROM channels WHERE organization_id = %s)"
        " AND timestamp >= %s",
        (site_id, END - timedelta(hours=20)),
    )
    conn.commit()
    rebuild_views(conn)


# --- Reach ------------------------------------------------------------------------------------------------------------


def test_one_bad_channel_is_quarantined_with_its_share_and_the_site_passes(conn: Connection) -> None:
    build_site(conn)
    # Beyond any meter, so that its own energy says nothing of its share; its power does.
    change(conn, "energy_kwh = energy_kwh * 10000")
    site, system = validate_both(conn)
    assert (site.verdict, site.reach, system.verdict) == ("closed", "channel", "closed")
    (item,) = load_quarantined(conn, SITE_ID)
    assert (item.channel_id, item.channel_name) == (13, "meter 13")
    assert item.checks == ["energy_matches_power", "energy_plausible"]
    assert item.reason == "energy is 10000.000 times its power"
    # 4.0 of 8 (the main, its children within it) + 4.0 + 4.1 + 4.2 + 4.3 + 4.4 kW.
    assert item.energy_share_pct == pytest.approx(100 * 4.0 / 29.0, abs=0.01)
    status = load_validation_status(conn, SITE_ID)
    assert (status.verdict, status.reach, status.blocking_checks) == ("closed", "channel", [])
    assert status.quarantined_energy_pct == pytest.approx(100 * 4.0 / 29.0, abs=0.01)


def test_too_much_of_the_energy_in_quarantine_holds_the_site_back(conn: Connection) -> None:
    build_site(conn)
    change(conn, BAD_ENERGY, 13)
    change(conn, BAD_ENERGY, 14)
    site, _ = validate_both(conn)
    assert (site.verdict, site.reach) == ("open", "site")
    assert failed_checks(site) == [CHANNEL_CHECK, QUARANTINE]
    status = load_validation_status(conn, SITE_ID)
    assert status.blocking_checks == [QUARANTINE]
    # 4.0 and 4.1 of 29 kW.
    assert status.blocking_message == (
        "2 of 8 meters with 28 % of the site's energy are quarantined (at most 20 % of the energy and 50 % of the"
        " meters may be): channel 13 'meter 13': energy is 0.300 times its power"
    )
    assert [item.channel_id for item in load_quarantined(conn, SITE_ID)] == [13, 14]


def test_system_failure_holds_every_site_back_until_it_is_mended(conn: Connection) -> None:
    build_site(conn)
    build_site(conn, site_id=5, offset=100)
    validate_both(conn, 5)
    db.execute(
        conn, "UPDATE readings SET energy_kwh = energy_kwh + 1 WHERE channel_id = 13 AND timestamp = %s", (NOON,)
    )
    conn.commit()
    site, system = validate_both(conn)
    assert failed_checks(site, system) == ["layers_agree", "reconciliation_holds"]
    other = load_validation_status(conn, 5)
    assert (other.verdict, other.reach, other.blocking_checks) == ("open", "system", ["reconciliation_holds"])
    assert other.blocking_hint.startswith("run: python govern/refresh_views.py")
    # A refresh that is due explains the difference, and holds nobody else back.
    db.execute(conn, "INSERT INTO usage_queue (channel_id, first_at, last_at) VALUES (13, %s, %s)", (NOON, NOON))
    conn.commit()
    assert failed_checks(*validate_both(conn)) == ["layers_agree", "layers_up_to_date"]
    assert load_validation_status(conn, 5).verdict == "closed"
    rebuild_views(conn)
    validate_both(conn)
    assert (load_validation_status(conn, 5).verdict, load_validation_status(conn, 5).reach) == ("closed", "none")


def test_one_bad_site_of_five_stops_no_other_and_three_stop_all(conn: Connection) -> None:
    sites = range(1, 6)
    for site_id in sites:
        build_site(conn, Window(END - timedelta(days=3), END), site_id, offset=100 * site_id)
    break_site(conn, 1)
    for site_id in sites:
        _, system = validate_both(conn, site_id)
    assert system.verdict == "closed"
    assert {site: load_validation_status(conn, site).verdict for site in sites} == {
        1: "open", 2: "closed", 3: "closed", 4: "closed", 5: "closed"
    }  # fmt: skip
    for site_id in (2, 3):
        break_site(conn, site_id)
        _, system = validate_both(conn, site_id)
    assert failed_checks(system) == ["most_sites_pass"]
    assert {load_validation_status(conn, site).reach for site in sites} == {"system"}


def test_new_channel_warns_where_an_old_one_is_quarantined(conn: Connection) -> None:
    build_site(conn)
    change(conn, BAD_ENERGY)
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 13 AND timestamp < %s", (END - timedelta(hours=23),))
    conn.commit()
    rebuild_views(conn)
    site, _ = validate_both(conn)
    assert (failed_checks(site), site.verdict, site.reach) == ([CHANNEL_CHECK], "closed", "none")
    (result,) = [result for result in site.results if result.findings]
    assert result.message == "channel 13 'meter 13': energy is 0.300 times its power (new: its history is short)"
    assert load_quarantined(conn, SITE_ID) == []
    # What no meter can carry is wrong from the first interval on.
    change(conn, "power_kw = 5001", at=END - timedelta(hours=2))
    validate_both(conn)
    assert [item.checks for item in load_quarantined(conn, SITE_ID)] == [["power_plausible"]]


def test_quarantine_keeps_its_age_until_the_channel_is_sound(conn: Connection) -> None:
    build_site(conn)
    change(conn, BAD_ENERGY)
    validate_both(conn)
    (first,) = load_quarantined(conn, SITE_ID)
    validate_both(conn)
    assert [item.since for item in load_quarantined(conn, SITE_ID)] == [first.since]
    change(conn, "energy_kwh = energy_kwh / 0.3")
    validate_both(conn)
    assert load_quarantined(conn, SITE_ID) == []
    change(conn, BAD_ENERGY)
    validate_both(conn)
    (again,) = load_quarantined(conn, SITE_ID)
    assert again.since > first.since


METERS = [MeterEnergy(1, None, 60.0), MeterEnergy(2, 1, 30.0), MeterEnergy(3, 1, 10.0), MeterEnergy(4, None, 40.0)]


@pytest.mark.parametrize(
    ("held", "shares", "excess"),
    [
        ([3], [10.0], None),
        ([3, 9], [10.0, 0.0], None),  # 9 is no energy meter
        ([2], [30.0], "1 of 4 meters with 30 % of the site's energy are quarantined"),
        ([1, 2], [60.0, 30.0], "2 of 4 meters with 60 % of the site's energy"),  # the child is within its main
        ([3, 4], [10.0, 40.0], "2 of 4 meters with 50 % of the site's energy"),
    ],
)
def test_share_in_quarantine_counts_every_kilowatt_hour_once(
    held: list[int], shares: list[float], excess: str | None
) -> None:
    quarantines = quarantine_channels([Blocked(key, "c", "wrong", "mend it") for key in held], METERS)
    assert [item.energy_share_pct for item in quarantines] == shares
    said = describe_excess(quarantines, METERS, ValidationLimits())
    assert said is None if excess is None else said.startswith(excess)


def test_site_whose_energy_nobody_knows_is_judged_by_its_meters() -> None:
    meters = [MeterEnergy(key, None, 0.0) for key in (1, 2, 3)]
    one, two = (quarantine_channels([Blocked(k, "c", "x", "h") for k in held], meters) for held in ([1], [1, 2]))
    assert describe_excess(one, meters, ValidationLimits()) is None
    assert describe_excess(two, meters, ValidationLimits()).startswith("2 of 3 meters with an unknown share")


@given(st.dictionaries(st.integers(1, 9), st.tuples(st.integers(1, 9), st.floats(0, 1e6)), min_size=1))
def test_any_tree_even_a_ring_has_a_site_total_between_its_largest_meter_and_the_sum(
    tree: dict[int, tuple[int, float]],
) -> None:
    meters = [MeterEnergy(key, parent, kwh) for key, (parent, kwh) in tree.items()]
    total = site_energy_kwh(meters)
    assert max(meter.typical_kwh for meter in meters) <= total + 1e-6
    assert total <= sum(meter.typical_kwh for meter in meters) + 1e-6


# --- What cannot be trusted is no verdict -----------------------------------------------------------------------------


def test_half_a_site_is_enough_and_less_is_not(conn: Connection) -> None:
    window = Window(END - timedelta(days=7), END)
    register_site(conn)
    rows = make_rows(window)
    # One meter whole and the other half: 75 % of the site. With 332 of the first's 672 left it is below a half.
    store_readings(conn, window, {10: rows, 11: rows[rows.index >= 336]})
    rebuild_views(conn)
    assert "most_readings_arrived" not in failed_checks(*validate_both(conn))
    remove(conn, window.start, hours=85, channel_id=10)
    assert "most_readings_arrived" in failed_checks(*validate_both(conn))


def test_later_ingest_makes_the_verdict_outdated(conn: Connection) -> None:
    window = make_site(conn, END)
    validate_both(conn)
    assert load_validation_status(conn, SITE_ID).is_current
    store_readings(conn, window)  # brings nothing new, but who could know without looking
    assert not load_validation_status(conn, SITE_ID).is_current
    validate_both(conn)
    assert load_validation_status(conn, SITE_ID).is_current


def test_verdict_from_before_attempts_were_counted_is_judged_by_their_moments(conn: Connection) -> None:
    window = make_site(conn, END)
    validate_both(conn)
    db.execute(conn, "UPDATE validation_runs SET attempts_seen = NULL")
    assert load_validation_status(conn, SITE_ID).is_current
    store_readings(conn, window)
    assert not load_validation_status(conn, SITE_ID).is_current


def test_attempt_that_stored_nothing_leaves_the_verdict(conn: Connection) -> None:
    window = make_site(conn, END)
    validate_both(conn)
    attempt = attempts.Attempt(attempts.start_run(conn, SITE_ID), SITE_ID, 10, window, 900, "eniscope")
    attempts.finish_attempt(
        conn, attempt, attempts.start_attempt(conn, attempt), attempts.STATUS_FAILED, error="HTTP 503"
    )
    conn.commit()
    assert load_validation_status(conn, SITE_ID).is_current


def test_ingest_that_ends_before_a_validation_and_commits_after_it_outdates_the_verdict(
    conn: Connection, database_url: str
) -> None:
    window = make_site(conn, END)
    with db.connect(database_url) as other:
        attempt = attempts.Attempt(attempts.start_run(other, SITE_ID), SITE_ID, 10, window, 900, "eniscope")
        log_id = attempts.start_attempt(other, attempt)
        other.commit()
        attempts.finish_attempt(other, attempt, log_id, attempts.STATUS_DONE)
        validate_both(conn)
        assert load_validation_status(conn, SITE_ID).is_current
        other.commit()
    conn.rollback()
    assert not load_validation_status(conn, SITE_ID).is_current


def test_site_that_was_never_validated_is_missing_a_verdict(conn: Connection) -> None:
    register_site(conn)
    status = load_validation_status(conn, SITE_ID)
    assert (status.verdict, status.is_current, status.reach) == ("missing", False, None)


def test_one_sites_verdict_is_not_anothers(conn: Connection) -> None:
    make_site(conn, END)
    register_bare_site(conn, {"organization_id": 5, "name": "empty", "timezone": "UTC"}, [], [], "eniscope")
    conn.commit()
    assert failed_checks(validate_both(conn, 5)[0]) == ["site_has_readings"]
    assert validate_both(conn)[0].verdict == "closed"


def test_unknown_site_and_missing_checks_are_refused(conn: Connection, tmp_path: Path) -> None:
    checks = read_checks()
    with pytest.raises(DataError, match="site 99 is not in the database"):
        validate_site(conn, 99, checks)
    with pytest.raises(DataError, match="a validation that checks nothing is none"):
        read_checks(tmp_path)
    conn.rollback()
    with pytest.raises(DataError, match="a validation that checks nothing is none"):
        validate_system(conn, [check for check in checks if check.scope != "system"])


@pytest.mark.parametrize(
    "text",
    [
        "-- asserts something\nSELECT 1",
        "-- asserts something\n-- Scope: channel\nSELECT 1",
        "-- asserts something\n-- Scope: planet\n-- Hint: do it\nSELECT 1",
        "-- asserts something\n-- Scope: site\n-- Limit: max_kw = lots (of it)\n-- Hint: do it\nSELECT 1",
        "-- asserts something\n-- Scope: site\n-- Limit: max_kw = 5\n-- Hint: a limit has a source\nSELECT 1",
        "-- Scope: site\n-- Hint: do it\nSELECT 1",
    ],
)
def test_file_that_is_no_check_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "block_x.sql").write_text(text)
    with pytest.raises(DataError, match=r"block_x\.sql is no check"):
        read_checks(tmp_path)


def test_limit_with_two_values_is_refused(tmp_path: Path) -> None:
    for number in (1, 2):
        text = f"-- asserts\n-- Scope: site\n-- Limit: max_kw = {number} (source)\n-- Hint: do\nSELECT 1"
        (tmp_path / f"warn_{number}.sql").write_text(text)
    with pytest.raises(DataError, match="limit max_kw has two values"):
        read_checks(tmp_path)


def make_check(query: str, scope: str = "channel", severity: str = "block") -> Check:
    return Check("made_up", severity, scope, "asserts", (), 0, "hint", query)


def test_check_that_cannot_be_run_blocks_and_the_others_still_run(conn: Connection) -> None:
    build_site(conn)
    change(conn, BAD_ENERGY)
    verdict = validate_site(conn, SITE_ID, [make_check("SELECT 1 / 0"), *read_checks()])
    conn.commit()
    assert (failed_checks(verdict), verdict.verdict) == ([CHANNEL_CHECK, "made_up"], "open")
    assert "made_up" in load_validation_status(conn, SITE_ID).blocking_checks
    assert "could not be run: division by zero" in load_validation_status(conn, SITE_ID).blocking_message


def test_check_that_hangs_is_given_up_and_blocks(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    register_site(conn)
    conn.commit()
    monkeypatch.setattr("govern.checks.runner._CHECK_TIMEOUT", "100ms")
    hanging, quick = (
        make_check(f"{pause}SELECT 7::bigint AS channel_id, 1 AS found, 'x' AS finding, NULL AS examples")
        for pause in ("WITH pause AS MATERIALIZED (SELECT pg_sleep(30)) SELECT * FROM pause, (", "")
    )
    hanging = hanging._replace(query=f"{hanging.query}) AS answer")
    verdict = validate_site(conn, SITE_ID, [hanging, quick._replace(name="quick")])
    assert verdict.verdict == "open"
    assert [result.message for result in verdict.results[:2]] == [
        "the check could not be run: canceling statement due to statement timeout", "channel 7: x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "query"),
    [
        ("channel", "SELECT 1"),
        ("channel", "SELECT NULL::bigint AS channel_id, 1 AS found, 'x' AS finding, NULL::jsonb AS examples"),
        ("site", "SELECT 7 AS channel_id, 1 AS found, 'x' AS finding, NULL::jsonb AS examples"),
        ("channel", "SELECT 7 AS channel_id, n AS found, 'x' AS finding, NULL::jsonb AS examples"
                    " FROM generate_series(1, 2) AS n"),
    ],
)  # fmt: skip
def test_check_that_answers_in_another_form_is_refused(conn: Connection, scope: str, query: str) -> None:
    register_site(conn)
    conn.commit()
    with pytest.raises(DataError, match="check made_up does not return channel_id, found, finding, examples"):
        validate_site(conn, SITE_ID, [make_check(query, scope)])


# --- A site's own limits ----------------------------------------------------------------------------------------------


def write_limits(folder: Path, text: str, site_id: int = SITE_ID) -> Path:
    (folder / f"{site_id}.toml").write_text(f"[validation]\n{text}\n", encoding="utf-8")
    return folder


def test_site_sets_limits_of_its_own_and_they_stand_in_the_verdict(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    break_site(conn, SITE_ID)
    checks = read_checks()

    def validate(text: str) -> dict[str, CheckResult]:
        site_limits = load_site(SITE_ID, write_limits(tmp_path, text)).limits(settable_limits(checks))
        verdict = validate_site(conn, SITE_ID, checks, site_limits=site_limits)
        conn.commit()
        return {result.check.name: result for result in verdict.results}

    assert validate("")["newest_readings_arrived"].is_blocking
    found = validate("max_lag_hours = 24\nmin_temperature_c = -60.5")
    assert found["newest_readings_arrived"].message == "nothing found (the site's own max_lag_hours = 24, else 12)"
    assert found["channels_reporting"].message == "nothing found (the site's own max_lag_hours = 24, else 12)"
    assert found["power_plausible"].message == "nothing found"
    status = load_validation_status(conn, SITE_ID)
    assert (status.verdict, status.reach) == ("closed", "none")
    ((in_force, own, shown),) = db.fetch_all(
        conn,
        "SELECT r.limits, r.site_limits, v.site_limits FROM v_validation_status AS v"
        " JOIN validation_runs AS r USING (validation_run_id)",
    )
    assert (in_force["max_lag_hours"], in_force["min_temperature_c"], in_force["max_power_kw"]) == (24, -60.5, 5000)
    assert own == shown == {
        "max_lag_hours": {"value": 24, "default": 12}, "min_temperature_c": {"value": -60.5, "default": -40}
    }  # fmt: skip
    conn.rollback()
    # The main alone reaches more than 7 kW.
    found = validate("max_lag_hours = 24\nmax_quarantined_energy_pct = 10\n[ingest]\nmax_power_kw = 7")
    assert found["power_plausible"].message.startswith("channel 10 'meter 10': ")
    assert found["power_plausible"].message.endswith(" (the site's own max_power_kw = 7, else 5000)")
    assert "(at most 10 % of the energy" in found[QUARANTINE].message
    assert found[QUARANTINE].message.endswith(" (the site's own max_quarantined_energy_pct = 10.0, else 20.0)")


def test_site_without_a_file_or_table_has_the_limits_of_all(tmp_path: Path) -> None:
    assert load_site(SITE_ID, tmp_path).limits({"max_kw": 5}) == ()
    (tmp_path / f"{SITE_ID}.toml").write_text("[thresholds]\n")
    assert load_site(SITE_ID, tmp_path).limits({"max_kw": 5}) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_lag_hour = 24", r"validation\.max_lag_hour is not known; did you mean max_lag_hours\?"),
        ("max_held_sites_pct = 90", r"validation\.max_held_sites_pct is not known; "),
        ("lookback_days = 9", r"validation\.lookback_days is not known; known here: max_children_ratio, "),
        ("max_power_kw = 9", r"validation\.max_power_kw is one limit with .* move it: max_power_kw under \[ingest\]"),
        ("max_catch_up_hours = 9", r"validation\.max_catch_up_hours is one limit with "),
        ("max_lag_hours = true", r"validation\.max_lag_hours should be a number of 0 or more, not true"),
        ("max_lag_hours = -1", r"validation\.max_lag_hours should be a number of 0 or more, not -1"),
        ("max_temperature_c = nan", r"validation\.max_temperature_c should be a number of 0 or more, not nan"),
        (
            "min_temperature_c = '-60'",
            r"validation\.min_temperature_c should be a number of -273.15 or more, not '-60'",
        ),
    ],
)
def test_limit_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"{SITE_ID}\.toml: {problem}"):
        load_site(SITE_ID, write_limits(tmp_path, text)).limits(settable_limits(read_checks()))


def test_broken_file_of_one_site_holds_up_no_other(
    conn: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for site_id in (1, 2, 3):
        build_site(conn, SITE_WINDOW._replace(start=END - timedelta(days=3)), site_id, offset=100 * site_id)
    (tmp_path / "3.toml").write_text("[sync]\nis_active = false\n")  # it left, so nobody waits for its readings
    write_limits(tmp_path, "max_lag = 1", 1)
    write_limits(tmp_path, "max_lag_hours = 99", 2)
    monkeypatch.setattr(validate_data, "SITES_DIR", tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert validate_data.main(["--all", "--workers", "1"]) == 1
    printed = capsys.readouterr()
    assert f"site 1 could not be validated: {tmp_path}/1.toml: validation.max_lag is not known" in printed.err
    assert "the site's own limit: max_lag_hours = 99, else 12\nsite 2: passed" in printed.out
    assert [load_validation_status(conn, site).verdict for site in (1, 2, 3)] == ["missing", "closed", "missing"]


# --- Overrides --------------------------------------------------------------------------------------------------------


def test_override_covers_what_was_decided_about_until_it_runs_out(conn: Connection) -> None:
    build_site(conn)
    now = datetime.now(UTC)
    validate_both(conn)
    with pytest.raises(DataError, match="site 23271 is not held back"):
        store_override(conn, SITE_ID, "why", "me", now + timedelta(hours=1))
    with pytest.raises(DataError, match="site 9 is not in the database"):
        store_override(conn, 9, "why", "me", now + timedelta(hours=1))
    break_site(conn, SITE_ID)
    validate_both(conn)
    assert store_override(conn, SITE_ID, "old", "me", now - timedelta(hours=1)) == ["newest_readings_arrived"]
    assert load_validation_status(conn, SITE_ID).override_reason is None
    until = now + timedelta(hours=1)
    store_override(conn, SITE_ID, "gateway is being swapped", "me", until)
    conn.commit()
    status = load_validation_status(conn, SITE_ID)
    assert status.verdict == "open"
    assert (status.override_reason, status.override_by, status.override_until) == (
        "gateway is being swapped", "me", until
    )  # fmt: skip
    for channel_id in (13, 14, 15):
        change(conn, BAD_ENERGY, channel_id)
    validate_both(conn)
    assert load_validation_status(conn, SITE_ID).override_reason is None


# --- The script -------------------------------------------------------------------------------------------------------


def test_script_prints_stores_and_exits_by_verdict(conn: Connection, database_url: str, run_script: Callable) -> None:
    build_site(conn)
    env = {"DATABASE_URL": database_url}
    done = run_script("govern/validate_data.py", "--site", "23271", "--json", env=env)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["siteId"], shown["verdict"], shown["reach"]) == (SITE_ID, "closed", "none")
    assert all(check["passed"] and check["hint"] and check["asserts"] for check in shown["checks"])
    assert {check["scope"] for check in shown["system"]["checks"]} == {"system"}
    change(conn, BAD_ENERGY, 13)
    done = run_script("govern/validate_data.py", "--site", "23271", env=env)
    assert done.returncode == 0
    assert "BLOCK  energy_matches_power: channel 13 'meter 13': energy is 0.300 times its power" in done.stdout
    assert "channel 13 'meter 13' is quarantined (" in done.stdout
    assert "site 23271: passed without the quarantined channels (" in done.stdout
    assert done.stderr == ""
    change(conn, BAD_ENERGY, 14)
    done = run_script("govern/validate_data.py", "--site", "23271", env=env)
    assert done.returncode == 3
    failed = f"1 check failed: {QUARANTINE}"
    assert f"site 23271: held back, {failed}" in done.stdout
    assert f"Z ERROR no report for site 23271: {failed}; look at the checks that quarantine" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    reason = "the transformer ratio\nis known"
    done = run_script("govern/override_breaker.py", "--site", "23271", "--reason", reason, "--by", "J. Ortiz", env=env)
    assert (done.returncode, done.stdout.split(" until ")[0]) == (0, f"site 23271: {QUARANTINE} overridden")
    assert done.stdout.endswith(" by J. Ortiz\n")
    assert load_validation_status(conn, SITE_ID).override_by == "J. Ortiz"
    done = run_script("govern/override_breaker.py", "--site", "23271", "--reason", reason, env=env)
    assert load_validation_status(conn, SITE_ID).override_by == getpass.getuser()
    assert load_validation_status(conn, SITE_ID).override_reason == "the transformer ratio is known"
    assert run_script("govern/override_breaker.py", "--site", "23271", "--reason", " ", env=env).returncode == 2
    assert run_script("govern/validate_data.py", "--site", "99", env=env).returncode == 1


def test_all_sites_are_validated_though_one_of_them_cannot_be(
    conn: Connection, database_url: str, run_script: Callable
) -> None:
    env = {"DATABASE_URL": database_url}
    for site_id in (1, 2, 3):
        build_site(conn, SITE_WINDOW._replace(start=END - timedelta(days=3)), site_id, offset=100 * site_id)
    break_site(conn, 2)
    done = run_script("govern/validate_data.py", "--all", "--json", env=env)
    assert done.returncode == 3
    shown = json.loads(done.stdout)
    assert [(item["siteId"], item["verdict"]) for item in shown] == [
        (1, "closed"), (2, "open"), (3, "closed"), (0, "closed")
    ]  # fmt: skip
    db.execute(conn, "DELETE FROM organizations WHERE organization_id = 1")
    conn.commit()
    done = run_script("govern/validate_data.py", "--all", "--json", env=env)
    assert done.returncode == 1
    assert "site 1 could not be validated: site 1 is not in the database" in done.stderr
    assert [item["siteId"] for item in json.loads(done.stdout)] == [2, 3, 0]


def test_guide_holds_every_check_as_its_file_declares_it() -> None:
    guide = (PROJECT_ROOT / "docs" / "guides" / "data_quality.md").read_text(encoding="utf-8")
    assert render_checks(read_checks()) in guide
