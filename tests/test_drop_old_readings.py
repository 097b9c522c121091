"""Old months of readings go; their hours and days stay, and nothing mistakes what was dropped for missing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg2
import pytest
from breaker_factory import build_site, failed_checks, validate_both
from site_factory import SITE_ID, make_rows, register_site, store_readings

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.drop_old_readings import drop_months, kept_from, list_old_months
from govern.gaps.ledger import load_open_gaps, update_gaps
from govern.usage.refresh import Refreshed, rebuild_views, refresh_views
from ingest.storage import readings
from lib import db
from lib.date_utils import Window
from lib.errors import DatabaseError, DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
WHOLE = Window(datetime(2025, 11, 20, 5, tzinfo=UTC), datetime(2026, 5, 20, 4, tzinfo=UTC))
KEPT_FROM = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def half_a_year(conn: Connection) -> Connection:
    """A sound site with six months of readings, refreshed; its second meter peaks a quarter of a day later."""
    register_site(conn)
    late = make_rows(WHOLE, mean_kw=11.0)
    power_kw = np.roll(late["power_kw"], 24)  # in step with the first it would look like its main
    store_readings(conn, WHOLE, {11: late.assign(power_kw=power_kw, energy_kwh=power_kw / 4)})
    refresh_views(conn)
    return conn


def layer_2(conn: Connection) -> tuple[list[Any], list[Any]]:
    return (
        db.fetch_all(conn, "SELECT * FROM mv_hourly_usage ORDER BY meter_id, hour"),
        db.fetch_all(conn, "SELECT * FROM mv_daily_usage ORDER BY meter_id, local_date"),
    )


def drop(conn: Connection) -> None:
    drop_months(conn, list_old_months(conn, kept_from(NOW, 4)))
    conn.commit()


def test_months_are_counted_back_over_the_new_year() -> None:
    assert kept_from(NOW, 4) == KEPT_FROM
    assert kept_from(NOW, 5) == datetime(2025, 12, 1, tzinfo=UTC)
    assert kept_from(datetime(2026, 1, 31, 23, tzinfo=UTC), 12) == datetime(2025, 1, 1, tzinfo=UTC)


def test_only_whole_old_months_are_listed(half_a_year: Connection) -> None:
    months = list_old_months(half_a_year, KEPT_FROM)
    assert [month.name for month in months] == ["readings_2025_11", "readings_2025_12"]
    assert all(month.size_bytes > 0 for month in months)
    assert list_old_months(half_a_year, datetime(2025, 11, 30, tzinfo=UTC)) == []


def test_hours_and_days_outlive_the_readings_and_every_refresh(half_a_year: Connection) -> None:
    before = layer_2(half_a_year)
    drop(half_a_year)
    assert db.fetch_all(half_a_year, "SELECT min(timestamp) FROM readings") == [(KEPT_FROM,)]
    assert refresh_views(half_a_year) == Refreshed(0, 0, 0)
    assert layer_2(half_a_year) == before
    rebuild_views(half_a_year)
    # The old year's last local day reaches into the new year's first hours, and is not cut down to them.
    assert layer_2(half_a_year) == before
    assert before[1][41][:2] == (10, date(2025, 12, 31))


def test_site_that_moves_afterwards_settles(half_a_year: Connection) -> None:
    drop(half_a_year)
    register_site(half_a_year, timezone="America/Los_Angeles")
    db.execute(half_a_year, "DELETE FROM readings WHERE channel_id = 11")
    half_a_year.commit()
    assert refresh_views(half_a_year).channels == 2
    assert refresh_views(half_a_year) == Refreshed(0, 0, 0)


def test_what_was_dropped_is_neither_missing_nor_wrong(half_a_year: Connection) -> None:
    db.execute(half_a_year, "UPDATE channels SET installed_at = %s", (WHOLE.start,))
    drop(half_a_year)
    update_gaps(half_a_year, SITE_ID, NOW, is_full=True, from_installation=True)
    assert load_open_gaps(half_a_year, SITE_ID) == []
    half_a_year.commit()
    verdict = validate_site(half_a_year, SITE_ID, read_checks())
    assert [result.check.name for result in verdict.results if result.findings] == []


def test_site_that_ended_before_them_holds_nobody_back(half_a_year: Connection) -> None:
    ended = Window(KEPT_FROM - timedelta(days=12), KEPT_FROM + timedelta(days=9))
    build_site(half_a_year, ended, 7, offset=100)
    gone = Window(KEPT_FROM - timedelta(days=12), KEPT_FROM - timedelta(days=9))
    build_site(half_a_year, gone, 8, offset=200)
    drop(half_a_year)
    site, system = validate_both(half_a_year, 7)
    assert (failed_checks(site, system), site.verdict) == ([], "closed")
    # Of this one no single reading is left, so it cannot be reported on; what Layer 2 kept of it is no fault.
    site, system = validate_both(half_a_year, 8)
    assert (failed_checks(site, system), site.reach) == (["newest_readings_arrived", "site_has_readings"], "site")


def test_no_load_brings_a_part_of_it_back(half_a_year: Connection) -> None:
    drop(half_a_year)
    rows = make_rows(Window(KEPT_FROM - timedelta(hours=1), KEPT_FROM + timedelta(hours=1)))
    with pytest.raises(Exception, match="readings before 2026-01-01 were dropped for good"):
        readings.insert_readings(half_a_year, SITE_ID, 10, 900, 99, rows)
    half_a_year.rollback()
    assert db.fetch_one(half_a_year, "SELECT to_regclass('readings_2025_12')") == (None,)


def test_nothing_goes_that_layer_2_lacks(half_a_year: Connection) -> None:
    months = list_old_months(half_a_year, KEPT_FROM)
    insert = "UPDATE readings SET energy_kwh = energy_kwh + 1 WHERE channel_id = 11 AND timestamp = %s"
    db.execute(half_a_year, insert, (WHOLE.start,))
    with pytest.raises(DataError, match=r"Layer 2 does not hold all readings before 2026-01-01 of 1 channels \(11\)"):
        drop_months(half_a_year, months)
    half_a_year.rollback()
    late = make_rows(Window(WHOLE.start - timedelta(hours=1), WHOLE.start))
    readings.insert_readings(half_a_year, SITE_ID, 10, 900, 99, late)
    half_a_year.commit()
    with pytest.raises(DataError, match="1 changes before 2026-01-01 are not in Layer 2"):
        drop_months(half_a_year, months)
    half_a_year.rollback()
    db.execute(half_a_year, "UPDATE mv_daily_usage SET reading_count = 95 WHERE local_date = '2025-12-10'")
    db.execute(half_a_year, "DELETE FROM usage_queue")
    db.execute(half_a_year, "DELETE FROM readings WHERE ingest_run_id = 99")
    with pytest.raises(DataError, match=r"of 2 channels \(10, 11\)"):
        drop_months(half_a_year, months)
    assert len(list_old_months(half_a_year, KEPT_FROM)) == 2


@pytest.mark.parametrize(
    "statement",
    ["SELECT count(*) FROM readings", "LOCK TABLE readings_2025_11 IN ROW EXCLUSIVE MODE"],  # a reader, a writer
)
def test_months_in_use_stay_and_who_uses_them_is_told(
    half_a_year: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr("govern.drop_old_readings._LOCK_TIMEOUT_S", 0.1)
    months = list_old_months(half_a_year, KEPT_FROM)
    half_a_year.commit()
    with closing(psycopg2.connect(database_url, application_name="psql of Ann")) as user:
        db.execute(user, statement)
        pid = user.info.backend_pid
        told = (
            rf"waited 0\.1 s for a lock on a table; process {pid} \('psql of Ann' of .*, idle in transaction "
            rf"since 20.* holds .*readings_2025_11.*; close that session, or end it "
            rf"with SELECT pg_terminate_backend\({pid}\)"
        )
        with pytest.raises(DatabaseError, match=told), db.connect(database_url) as mine:
            drop_months(mine, months)
    assert list_old_months(half_a_year, KEPT_FROM) == months


def test_script_shows_first_and_drops_when_told(
    half_a_year: Connection, database_url: str, run_script: Callable
) -> None:
    env = {"DATABASE_URL": database_url}
    script = "govern/drop_old_readings.py"
    too_few = run_script(script, "--keep-months", "3", env=env)
    assert (too_few.returncode, "4 or more" in too_few.stderr) == (2, True)
    shown = run_script(script, "--keep-months", "4", env=env)
    assert shown.returncode == 0, shown.stderr
    months = len(list_old_months(half_a_year, kept_from(datetime.now(UTC), 4)))
    assert f"would drop (add --drop): {months} months" in shown.stdout
    assert db.fetch_all(half_a_year, "SELECT count(*) FROM raw_retention") == [(0,)]
    half_a_year.commit()
    dropped = run_script(script, "--keep-months", "4", "--drop", env=env)
    assert f"dropped: {months} months" in dropped.stdout
    assert len(list_old_months(half_a_year, datetime.now(UTC))) == 7 - months
