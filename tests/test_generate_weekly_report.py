"""The weekly report's script: what the breaker holds back, what is written, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from site_factory import SITE_ID, TIMEZONE, make_site, register_site, store_readings

from deliver.report_files import check_report
from govern.validation import read_checks, validate_site
from ingest import store
from lib import db
from lib.date_utils import Window, last_complete_week, local_day_window
from lib.errors import PipelineError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "deliver/generate_weekly_report.py"
WEEK = local_day_window(*last_complete_week(datetime.now(UTC), TIMEZONE), TIMEZONE)


@pytest.fixture
def validated_site(conn: Connection) -> Connection:
    """A sound, validated site whose readings end with the last complete week."""
    make_site(conn, WEEK.end, days=35)
    validate(conn)
    return conn


def validate(conn: Connection) -> None:
    conn.rollback()
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()


def test_report_is_written_and_its_place_and_headline_printed(
    validated_site: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "new folder" / "report.json"
    done = run_script(SCRIPT, "--site", "23271", "--out", out, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(out.read_text(encoding="utf-8"))
    check_report(report, "weekly_report")
    assert done.stdout.splitlines() == [str(out), *report["summary"]["headline"]]
    assert report["metadata"]["site"] == {
        "siteId": SITE_ID, "siteName": "Test school", "address": None, "city": None, "country": None,
        "currencyCode": None,
    }  # fmt: skip
    assert datetime.fromisoformat(report["metadata"]["period"]["start"]) == WEEK.start
    assert report["metadata"]["dataSource"]["kind"] == "eniscope"
    assert report["metadata"]["validation"]["isForced"] is False
    assert report["metadata"]["dataResolution"] == "900s (15min)"
    (raw_kwh,) = db.fetch_all(
        validated_site, "SELECT sum(energy_kwh) FROM readings WHERE timestamp >= %s AND timestamp < %s", WEEK
    )[0]
    assert report["consumption"]["totalKwh"] == pytest.approx(raw_kwh, abs=1e-3)
    sections = report["sections"]
    assert sections["forecast"]["summary"]["total_last_7d_actual_kwh"] == pytest.approx(raw_kwh, abs=0.01)
    assert sections["costOptimization"]["tou_analysis"]["total_kwh"] == pytest.approx(raw_kwh, abs=0.01)
    levers = sections["costOptimization"]["combined_summary"]
    savings = report["summary"]["totalPotentialSavings"]
    assert savings["costOptimizationMonthly"] == levers["estimated_monthly_savings_potential"]
    assert out.stat().st_mode & 0o444 == 0o444
    assert [path.name for path in out.parent.iterdir()] == ["report.json"]  # no temporary file is left


def hold_back_unvalidated(conn: Connection) -> None:
    db.execute(conn, "DELETE FROM validation_runs")


def hold_back_outdated(conn: Connection) -> None:
    store_readings(conn, Window(WEEK.end - timedelta(hours=1), WEEK.end))


def hold_back_open(conn: Connection) -> None:
    db.execute(conn, "UPDATE readings SET power_kw = 9999 WHERE timestamp = %s", (WEEK.start,))
    conn.commit()
    validate(conn)


def hold_back_unasked(conn: Connection) -> None:
    db.execute(conn, "UPDATE ingestion_logs SET window_end = %s", (WEEK.end - timedelta(days=2),))


@pytest.mark.parametrize(
    ("hold_back", "problem"),
    [
        (hold_back_unasked, "it was ingested up to "),
        (hold_back_unvalidated, "it was never validated; run: python govern/validate_data.py --site 23271"),
        (hold_back_outdated, "its validation is older than its latest ingest; run: python govern/validate_data.py"),
        (hold_back_open, "check power_plausible failed (channel 10: 1 rows above 5000.0 kW"),
    ],
)
def test_held_back_data_are_refused_and_force_is_stamped(
    validated_site: Connection,
    database_url: str,
    run_script: Callable[..., Any],
    tmp_path: Path,
    hold_back: Callable[[Connection], None],
    problem: str,
) -> None:
    hold_back(validated_site)
    validated_site.commit()
    out = tmp_path / "report.json"
    done = run_script(SCRIPT, "--site", "23271", "--out", out, env={"DATABASE_URL": database_url})
    assert done.returncode == 3
    assert "site 23271 is held back" in done.stderr
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
    done = run_script(SCRIPT, "--site", "23271", "--out", out, "--force", env={"DATABASE_URL": database_url})
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["metadata"]["validation"]["isForced"] is True
    assert report["summary"]["headline"][0].startswith("FORCED: ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--site", "5"], 1, "site 5 is not in the database"),
        (["--site", "0"], 2, "is not a whole number of 1 or more"),
        ([], 2, "--site"),
        (["--site", "23271", "--timezone", "Mars/Olympus"], 2, "unknown time zone 'Mars/Olympus'"),
        (["--site", "23271", "--start", "2026-02-10", "--end", "2026-02-01"], 2, "before it starts"),
        (["--site", "23271", "--start", "2020-01-06", "--end", "2020-01-12"], 1, "has no readings in 2020-01-06"),
        (["--site", "23271", "--start", "2020-01-06"], 1, "has no readings in 2020-01-06T05:00Z..2020-01-13T05:00Z"),
        (["--site", "23271", "--end", "2126-01-12"], 2, "in the future"),
        (["--site", "23271", "--out", "/proc/nowhere/report.json"], 1, "cannot write /proc/nowhere/report.json"),
    ],
)
def test_bad_arguments_end_in_one_line_and_the_right_code(
    validated_site: Connection,
    database_url: str,
    run_script: Callable[..., Any],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    done = run_script(SCRIPT, *arguments, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_text_from_outside_arrives_unharmed_and_cannot_forge_output(
    conn: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    name = 'RTU "1" <script>alert(1)</script> =cmd() 🍳\u202e\nforged line'
    make_site(conn, WEEK.end, days=35)
    store.register_site(
        conn,
        {"organization_id": SITE_ID, "name": name, "timezone": TIMEZONE.key},
        [],
        [{"channel_id": 10, "organization_id": SITE_ID, "name": name}],
        "eniscope",
    )
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 10 AND timestamp >= %s", (WEEK.end - timedelta(days=2),))
    conn.commit()
    out = tmp_path / "report.json"
    done = run_script(SCRIPT, "--site", "23271", "--force", "--out", out, env={"DATABASE_URL": database_url})
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["metadata"]["site"]["siteName"] == name
    assert name in {channel["channelName"] for channel in report["consumption"]["byChannel"]}
    assert not any(line.startswith("forged line") for line in done.stdout.splitlines() + done.stderr.splitlines())
    assert "\u202e" not in done.stdout + done.stderr


def test_report_that_breaks_the_contract_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"breaks weekly_report.schema.json at its top: .*nothing was written"):
        check_report({"metadata": {}}, "weekly_report")


def test_site_without_readings_is_held_back_until_validated(
    conn: Connection, database_url: str, run_script: Callable[..., Any]
) -> None:
    register_site(conn)
    conn.commit()
    done = run_script(SCRIPT, "--site", "23271", env={"DATABASE_URL": database_url})
    assert done.returncode == 3
    assert "never validated" in done.stderr
