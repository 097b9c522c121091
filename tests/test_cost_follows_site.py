"""One site among fifty costs what it costs alone: what each statement of each stage reads is counted by its plans."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import TEMPLATE_DATABASE, _administer
from site_crowd import copy_site, count_blocks, name_of
from site_factory import SITE_ID, register_site, store_readings

from govern.checks.reader import SCOPE_SYSTEM, read_checks
from govern.checks.runner import validate_site
from govern.gaps.ledger import update_gaps
from govern.usage.refresh import refresh_views
from lib import cli, db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

OTHERS = 49
DAYS = 30
END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
WEEK = (END - timedelta(days=14)).date()  # a day in a week that is whole
MONDAY = WEEK - timedelta(days=WEEK.weekday())
ALLOWED_RATIO = 1.5
# An index of fifty sites has a level more than that of one, and a table of two dozen blocks is still read whole.
SLACK_BLOCKS = 24
# What is about the whole system reads a few blocks of each site; not one of its readings.
BLOCKS_A_SITE = 6

WEEKLY = ("--site", str(SITE_ID), "--start", str(MONDAY))
STAGES = {
    "govern.validate_data": ("--site", str(SITE_ID)),
    "govern.update_gaps": ("--site", str(SITE_ID)),
    "govern.refresh_views": (),
    "govern.data_quality_report": ("--site", str(SITE_ID), "--html", "{folder}/quality.html"),
    "govern.explain_reading": ("--channel", "10", "--at", (END - timedelta(days=3)).isoformat()),
    "deliver.generate_weekly_report": (*WEEKLY, "--out", "{folder}/weekly.json"),
    "govern.record_report": ("{folder}/weekly.json",),
    "govern.note_mailing": WEEKLY,
    "deliver.generate_monthly_summary": ("--site", str(SITE_ID), "--out", "{folder}/monthly.json"),
    "deliver.tell_findings": ("--site", str(SITE_ID)),
    "deliver.export_for_tableau": ("--site", str(SITE_ID), "--out", "{folder}/tableau"),
    "analyze.forecast": ("--site", str(SITE_ID)),
    "analyze.verify_savings": (
        "--site", str(SITE_ID), "--channel", "10", "--change", str((END - timedelta(days=10)).date()),
    ),
    "ingest.list_rejects": ("--site", str(SITE_ID)),
    "operations.mark_finding": ("--list", "--site", str(SITE_ID)),
    "operations.check_ingestion_health": ("--site", str(SITE_ID)),
}  # fmt: skip


@pytest.fixture(scope="module")
def alone_and_crowd(postgres_url: str, template_database: str) -> Iterator[tuple[str, str]]:
    """URLs of a database with one site of six weeks and its verdicts, and of one with it and 49 others like it."""
    names = ("cost_alone", "cost_crowd")
    alone, crowd = (template_database.replace(TEMPLATE_DATABASE, name) for name in names)
    _administer(postgres_url, f'CREATE DATABASE "cost_alone" TEMPLATE "{TEMPLATE_DATABASE}"')
    with db.connect(alone) as conn:
        register_site(conn)
        for days in range(DAYS, 0, -2):
            store_readings(conn, Window(END - timedelta(days=days), END - timedelta(days=days - 2)))
        refresh_views(conn)
        update_gaps(conn, SITE_ID, END)
        for _ in range(5):
            conn.commit()
            validate_site(conn, SITE_ID, read_checks())
        conn.commit()
    _administer(postgres_url, 'CREATE DATABASE "cost_crowd" TEMPLATE "cost_alone"')
    with db.connect(crowd) as conn:
        copy_site(conn, OTHERS)
    for url in (alone, crowd):
        _administer(url, "VACUUM ANALYZE")
    yield alone, crowd
    for name in names:
        _administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def read_by(script: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, alone: bool) -> dict[str, int]:
    """Return the blocks that each statement of a script reads."""
    arguments = [part.replace("{folder}", str(folder)) for part in STAGES[script]]
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(sys, "argv", [script])
    main = importlib.import_module(script).main
    with count_blocks(monkeypatch, by_index=alone) as counter:
        code = cli.run(main, arguments)
    assert code == 0
    return counter.blocks


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder for what the scripts write about each database."""
    return tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("crowd")


def allowed_blocks(statement: str, alone: int) -> float:
    """Return how many blocks a statement may read among fifty sites that reads so many alone."""
    system = {name_of(f"SAVEPOINT before_check; {c.query}") for c in read_checks() if c.scope == SCOPE_SYSTEM}
    return alone + BLOCKS_A_SITE * OTHERS if statement in system else ALLOWED_RATIO * alone + SLACK_BLOCKS


def test_a_site_reads_as_much_as_alone(
    alone_and_crowd: tuple[str, str], folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stages in one test, in their order: each leaves behind what the next reads."""
    too_many: dict[tuple[str, str], tuple[int, int]] = {}
    for script in STAGES:
        alone = read_by(script, alone_and_crowd[0], folders[0], monkeypatch, alone=True)
        crowd = read_by(script, alone_and_crowd[1], folders[1], monkeypatch, alone=False)
        assert alone
        assert alone.keys() == crowd.keys()
        too_many |= {
            (script, statement): (alone[statement], blocks)
            for statement, blocks in crowd.items()
            if blocks > allowed_blocks(statement, alone[statement])
        }
    assert not too_many


def test_every_check_is_counted(
    alone_and_crowd: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that the counting passed over would never be found to read the crowd."""
    counted = read_by("govern.validate_data", alone_and_crowd[0], tmp_path, monkeypatch, alone=True)
    asked = {name_of(f"SAVEPOINT before_check; {check.query}") for check in read_checks() if check.query}
    assert asked <= counted.keys()


@pytest.mark.parametrize("view", ["v_readings_enriched", "v_readings_hourly", "v_readings_daily", "v_readings_monthly"])
def test_a_sites_readings_are_read_by_its_meters(view: str, alone_and_crowd: tuple[str, str]) -> None:
    """Of each view of readings the site's rows, each once; its own tables are looked up once, not for each row."""
    counted = []
    for url, by_index in zip(alone_and_crowd, (True, False), strict=True):
        with db.connect(url) as conn, conn.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = %s", (not by_index,))
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {view} WHERE site_id = {SITE_ID}")
            ((plans,),) = cursor.fetchall()
        plan = plans[0]["Plan"]
        counted.append((plan["Actual Rows"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]))
    (alone_rows, alone_blocks), (crowd_rows, crowd_blocks) = counted
    assert alone_rows == crowd_rows > 0
    assert crowd_blocks <= ALLOWED_RATIO * alone_blocks + SLACK_BLOCKS


def test_the_logs_of_years_are_not_read(conn: Connection) -> None:
    """How all sites are is asked at each wake: of each site's thousand old attempts the newest are looked at."""
    register_site(conn)
    store_readings(conn, Window(END - timedelta(days=2), END))
    refresh_views(conn)
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    copy_site(conn, OTHERS)
    _analyze(conn)
    few = {view: _blocks_of(conn, view) for view in ("v_validation_status", "v_ingestion_health")}
    db.execute(
        conn,
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, interval_s,"
        " data_source, started_at, finished_at, fetched, inserted, duplicate, rejected, status)"
        " SELECT -n, organization_id, 10, old, old, 900, 'eniscope', old, old, 0, 0, 0, 0, 'done'"
        " FROM organizations, generate_series(1, 1000) AS n"
        " CROSS JOIN LATERAL (SELECT now() - interval '3 days' - n * interval '1 hour' AS old) AS moment",
    )
    conn.commit()
    _analyze(conn)
    assert db.fetch_all(conn, "SELECT DISTINCT is_current FROM v_validation_status") == [(True,)]
    for view, blocks in few.items():
        assert _blocks_of(conn, view) <= ALLOWED_RATIO * blocks + 2 * OTHERS


def _analyze(conn: Connection) -> None:
    db.execute(conn, "ANALYZE")
    conn.commit()


def _blocks_of(conn: Connection, view: str) -> int:
    with conn.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {view}")
        ((plans,),) = cursor.fetchall()
    return plans[0]["Plan"]["Shared Hit Blocks"] + plans[0]["Plan"]["Shared Read Blocks"]
