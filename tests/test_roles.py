"""Each role can do its stage's work, and nothing that it must not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from field_source import FieldSource
from pipeline import SITE_ID, govern, ingest, report_of
from psycopg2 import errors as pg_errors
from psycopg2 import sql

from analyze.week.loading import load_week
from config.settings import Settings
from config.site_file import FileMapping, IngestLimits
from govern.schema import roles
from govern.schema.roles import ANALYZE, DELIVER, GOVERN, INGEST, ROLES, apply_grants, create_roles
from ingest.files.meter_parents import find_unnamed_main
from ingest.files.reject_file import RejectFile
from ingest.files.source import open_source
from ingest.ingest_weather import choose_providers, fetch_missing
from ingest.runs.load_file import FileSite, ImportSummary, load_source, register_file_site
from ingest.weather.store import load_weather_site
from lib import db
from lib.date_utils import Window
from lib.errors import DatabaseError
from lib.readings import load_weather

if TYPE_CHECKING:
    from conftest import ServeSandbox
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 3, 15, tzinfo=UTC)


@pytest.fixture
def with_roles(conn: Connection) -> Connection:
    create_roles(conn)
    apply_grants(conn)
    conn.commit()
    return conn


@contextmanager
def acting_as(role: str, database_url: str, readonly: bool = False) -> Iterator[Connection]:
    """A session of its own that has just the role's rights."""
    with db.connect(database_url, readonly=readonly) as session:
        db.execute(session, sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
        session.commit()
        yield session


def test_every_stage_does_its_work_as_its_role(with_roles: Connection, database_url: str, serve: ServeSandbox) -> None:
    service = serve(now=NOW)
    with acting_as(INGEST, database_url) as session:
        summary = ingest(session, service, Window(NOW - timedelta(days=40), NOW))
        assert summary.inserted > 0
        assert not summary.failed
    with acting_as(GOVERN, database_url) as session:
        assert govern(session) == "closed"
    with acting_as(ANALYZE, database_url, readonly=True) as session:
        assert load_week(session, SITE_ID, None, None, None, NOW)[1].data_quality["channelsAnalyzed"] > 10
    with acting_as(DELIVER, database_url, readonly=True) as session:
        assert report_of(session, NOW)["metadata"]["validation"]["verdict"] == "closed"


def test_weather_and_files_come_in_as_the_role_of_ingest(
    with_roles: Connection, database_url: str, serve: ServeSandbox, tmp_path: Path
) -> None:
    service = serve(now=NOW)
    with acting_as(INGEST, database_url) as session:
        ingest(session, service, Window(NOW - timedelta(days=1), NOW), [162121])
        site = load_weather_site(session, SITE_ID)
        # Twice, for provisional hours are replaced.
        for _ in range(2):
            providers = choose_providers(Settings(api_url=service.url), site)
            summary = fetch_missing(session, site, providers, 2, NOW, (10, 20))
            assert (summary.failed, summary.stored) == (0, 2 * 24 + 14)

        path = tmp_path / "main.csv"
        starts = (NOW + timedelta(minutes=15 * number) for number in range(30))
        path.write_text("timestamp,kWh\n" + "".join(f"{start.isoformat()},-1\n" for start in starts), encoding="utf-8")
        shop = FileSite(7, "Shop", "UTC")
        source = open_source(path, FileMapping(net=True))
        with RejectFile(tmp_path / "rejects.csv") as rejects:
            run_id = register_file_site(session, shop, list(source.channels), dict.fromkeys(source.channels))
            summary = ImportSummary(7, 1)
            load_source(session, run_id, shop, source, ZoneInfo("UTC"), rejects, IngestLimits(), summary)
        assert (summary.inserted, rejects.counts["negative_energy"]) == (0, 30)
        assert find_unnamed_main(session, 7) is None
    with acting_as(ANALYZE, database_url, readonly=True) as session:
        assert len(load_weather(session, SITE_ID, Window(NOW - timedelta(days=2), NOW))) == 47


def test_values_that_come_later_are_filled_as_the_role_of_ingest(
    with_roles: Connection, database_url: str, serve: ServeSandbox
) -> None:
    moments = [NOW]
    service = serve(
        now=lambda: moments[-1], source=FieldSource(lambda: moments[-1], late={"E": NOW + timedelta(days=1)})
    )
    window = Window(NOW - timedelta(days=1), NOW)
    with acting_as(INGEST, database_url) as session:
        assert ingest(session, service, window).inserted == 2 * 96
        moments.append(NOW + timedelta(days=1))
        assert ingest(session, service, window).filled == 2 * 96
    with acting_as(GOVERN, database_url) as session:
        govern(session)
        assert db.fetch_all(session, "SELECT count(energy_kwh), count(power_kw) FROM readings") == [(192, 192)]
        assert db.fetch_all(session, "SELECT sum(reading_count), sum(missing_count) FROM mv_hourly_usage") == [(192, 0)]


FORBIDDEN = {
    INGEST: [
        "UPDATE readings SET energy_kwh = 0", "DELETE FROM readings", "TRUNCATE readings", "DROP TABLE readings",
        "SELECT * FROM validation_runs", "DELETE FROM mv_daily_usage", "CREATE TABLE mine (x int)",
        "DELETE FROM rejected_readings", "UPDATE reading_revisions SET new_value = 0", "SELECT * FROM v_sites",
        "SELECT ensure_month_partitions('readings', now(), now())", "SELECT setval('ingest_run_ids', 1)",
        "SELECT ensure_usage_partitions(now(), now())", "INSERT INTO breaker_overrides DEFAULT VALUES",
        "SELECT fill_readings(10, '{interval_s}', ARRAY[now()], ARRAY[[60]])",
        "UPDATE readings_2026_01 SET energy_kwh = 0", "DELETE FROM readings_2026_01",
    ],
    GOVERN: [
        "INSERT INTO readings (channel_id, organization_id, timestamp, interval_s, ingest_run_id)"
        " VALUES (1, 1, now(), 900, 1)",
        "UPDATE readings SET energy_kwh = 0", "DELETE FROM readings", "DROP VIEW v_sites",
        "ALTER TABLE readings ADD x int",
        "UPDATE schema_migrations SET checksum = ''", "CREATE TABLE mine (x int)",
        "UPDATE validation_runs SET verdict = 'closed'", "DELETE FROM validation_findings",
        "UPDATE channel_quarantines SET energy_share_pct = 0", "DELETE FROM breaker_overrides",
        "UPDATE breaker_overrides SET expires_at = now()", "UPDATE report_runs SET is_forced = false",
        "UPDATE organizations SET timezone = 'UTC'", "DELETE FROM ingestion_logs", "UPDATE channels SET name = ''",
        "INSERT INTO raw_retention (raw_kept_from, dropped) VALUES (now(), '{}')", "TRUNCATE mv_daily_usage",
        "SELECT ensure_reading_partitions(now(), now())", "SELECT ensure_month_partitions('readings', now(), now())",
        "SELECT nextval('ingest_run_ids')", "SELECT fill_readings(10, '{energy_kwh}', ARRAY[now()], ARRAY[[1]])",
        "INSERT INTO readings_2026_01 SELECT * FROM readings",
    ],
    ANALYZE: ["SELECT * FROM readings", "SELECT * FROM organizations", "INSERT INTO organizations DEFAULT VALUES",
              "DELETE FROM v_sites", "SELECT * FROM mv_hourly_usage", "SELECT nextval('ingest_run_ids')",
              "SELECT * FROM readings_2026_01", "SELECT * FROM mv_hourly_usage_2026_01", "CREATE TABLE mine (x int)"],
    DELIVER: ["SELECT * FROM readings", "SELECT * FROM validation_results", "UPDATE v_sites SET site_name = ''",
              "SELECT ensure_reading_partitions(now(), now())", "COPY v_sites TO '/var/tmp/x'",
              "SELECT ensure_usage_partitions(now(), now())", "SELECT * FROM readings_2026_01",
              "SELECT * FROM breaker_overrides", "SELECT last_value FROM ingest_run_ids"],
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_no_role_does_what_it_must_not(with_roles: Connection, database_url: str, role: str) -> None:
    # Months that are made after the rights were given carry none of their own.
    january = datetime(2026, 1, 9, tzinfo=UTC)
    db.execute(with_roles, "SELECT ensure_reading_partitions(%s, %s)", (january, january))
    db.execute(with_roles, "SELECT ensure_usage_partitions(%s, %s)", (january, january))
    with_roles.commit()
    with acting_as(role, database_url) as session:
        for statement in FORBIDDEN[role]:
            with pytest.raises(pg_errors.InsufficientPrivilege):
                db.execute(session, statement)
            session.rollback()


def test_every_table_that_a_stage_may_touch_exists(with_roles: Connection) -> None:
    tables = {name for (name,) in db.fetch_all(with_roles, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")}
    assert set(roles.INGEST_RIGHTS) <= tables
    assert set(roles.GOVERN_RIGHTS) <= tables


def test_rights_follow_views_that_are_made_anew(
    with_roles: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from govern.setup_database import main

    db.execute(with_roles, "DROP VIEW v_sites CASCADE")
    db.execute(with_roles, "DELETE FROM view_definitions WHERE name = 'v_sites'")
    with_roles.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main([]) == 0
    with acting_as(DELIVER, database_url) as session:
        assert db.fetch_all(session, "SELECT count(*) FROM v_sites") == [(0,)]


def test_readers_log_in_to_a_read_only_session_with_a_time_limit(with_roles: Connection) -> None:
    settings = dict(
        db.fetch_all(
            with_roles,
            "SELECT rolname, setconfig FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole"
            " WHERE rolname = ANY (%s)",
            (list(ROLES),),
        )
    )
    assert settings[DELIVER] == settings[ANALYZE] == ["statement_timeout=15min", "default_transaction_read_only=on"]


def test_making_them_again_changes_nothing(with_roles: Connection) -> None:
    assert create_roles(with_roles) == []
    assert apply_grants(with_roles) == apply_grants(with_roles) > 0


def test_who_may_not_create_roles_is_told_what_to_do(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg2.connect(database_url) as admin, admin.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS without_rights")
        cursor.execute("CREATE ROLE without_rights")
    admin.close()
    monkeypatch.setattr(roles, "ROLES", ("energy_tester",))
    with (
        acting_as("without_rights", database_url) as session,
        pytest.raises(DatabaseError, match="may not create roles; have an administrator"),
    ):
        create_roles(session)
