"""Whether a site's readings still arrive, and which sites the nightly jobs are for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from site_factory import SITE_ID, make_site, register_site

from config.site_file import (
    SiteFile,
    list_configured_sites,
    list_inactive_sites,
    load_site,
    read_sites,
)
from lib import db
from lib.errors import ConfigError, DataError
from lib.readings import IngestionHealth, load_ingestion_health
from operations import check_ingestion_health, send_alerts
from operations.health.ingestion import FAIL, OK, WARN, judge_site, judge_sites
from operations.list_sites import choose_sites, describe_parts

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "operations/check_ingestion_health.py"
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
MAX_AGE = timedelta(hours=30)
WELL = IngestionHealth(SITE_ID, "School", "eniscope", NOW, NOW, NOW - timedelta(minutes=15), 2, 0, 0, None)


@pytest.mark.parametrize(
    "change, level, words",
    [
        ({}, OK, "readings up to 2026-01-20T11:45Z"),
        ({"last_success_at": None, "latest_error": "401"}, FAIL, "never fetched with success (401); run: bash"),
        ({"last_success_at": NOW - timedelta(hours=31)}, FAIL, "last fetched 31 h ago (2026-01-19T05:00Z); run: bash"),
        ({"newest_reading_end": None}, FAIL, "fetched, but no reading came"),
        ({"newest_reading_end": NOW - timedelta(hours=31)}, FAIL, "fetched, but its readings end 31 h ago"),
        ({"newest_reading_end": NOW - timedelta(hours=30)}, OK, "readings up to"),
        ({"attempts_failed": 3, "latest_error": "time-out"}, WARN, "3 attempts of the latest run failed (time-out)"),
        ({"license_ends_at": NOW + timedelta(days=29)}, WARN, "a license ends on 2026-02-18; have the vendor renew it"),
        ({"license_ends_at": NOW - timedelta(days=1)}, WARN, "a license ended on 2026-01-19; have the vendor renew it"),
        ({"license_ends_at": NOW + timedelta(days=30)}, OK, "readings up to"),
        ({"channels_reduced": 2, "reduced_since": NOW}, WARN, "the service answers fewer fields for 2 channels since"),
        ({"channels_silent": 1}, WARN, "1 of 2 channels silent for a day or more"),
    ],
)
def test_a_site_is_judged_by_its_silence(change: dict[str, Any], level: str, words: str) -> None:
    judgement = judge_site(WELL._replace(**change), NOW, MAX_AGE)
    assert judgement.level == level
    assert judgement.message.startswith(words)


def test_sites_from_files_are_not_judged_and_no_site_is_no_health() -> None:
    from_file = WELL._replace(data_source="file", last_success_at=None)
    assert [one.level for one in judge_sites([from_file, WELL], NOW, MAX_AGE)] == [OK]
    with pytest.raises(DataError, match="no site to look at"):
        judge_sites([from_file], NOW, MAX_AGE)


def test_view_tells_success_reach_silence_and_failures(conn: Connection) -> None:
    end = datetime(2026, 1, 20, 5, tzinfo=UTC)
    make_site(conn, end, days=3)
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 11 AND timestamp >= %s", (end - timedelta(days=2),))
    db.execute(
        conn,
        "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, interval_s,"
        " data_source, status, finished_at, error) VALUES (99, %s, 10, now(), now(), 900, 'eniscope', 'failed', %s,"
        " 'too slow')",
        (SITE_ID, end),
    )
    (health,) = load_ingestion_health(conn)
    assert health._replace(last_attempt_at=None, last_success_at=None) == IngestionHealth(
        SITE_ID, "Test school", "eniscope", None, None, end, 2, 1, 1, "too slow"
    )
    assert health.last_success_at is not None
    assert load_ingestion_health(conn, 7) == []


def test_a_site_without_any_attempt_is_there_too(conn: Connection) -> None:
    register_site(conn)
    assert load_ingestion_health(conn) == [
        IngestionHealth(SITE_ID, "Test school", "eniscope", None, None, None, 2, 2, 0, None)
    ]


def test_script_ends_with_3_when_a_site_needs_attention(
    conn: Connection, database_url: str, run_script: Callable[..., Any]
) -> None:
    make_site(conn, datetime.now(UTC).replace(minute=0, second=0, microsecond=0), days=2)
    done = run_script(SCRIPT, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"OK    site {SITE_ID} Test school: readings up to ")
    db.execute(conn, "UPDATE ingestion_logs SET finished_at = finished_at - interval '2 days'")
    conn.commit()
    done = run_script(SCRIPT, "--json", env={"DATABASE_URL": database_url})
    assert done.returncode == 3
    assert [(site["site_id"], site["level"]) for site in json.loads(done.stdout)] == [(SITE_ID, "FAIL")]


# --- Which sites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sources, configured, inactive, for_reports, expected",
    [
        ({}, [], set(), False, [23271]),
        ({}, [5], set(), False, [5]),
        ({5: "eniscope", 3: "sandbox", 4: "file"}, [4, 5, 6], set(), False, [3, 5, 6]),
        ({5: "eniscope", 3: "sandbox", 4: "file"}, [4, 5, 6], set(), True, [3, 4, 5, 6]),
        ({5: "eniscope", 3: "eniscope"}, [5], {5}, True, [3]),
    ],
)
def test_sites_are_those_of_the_service_and_of_the_configuration(
    sources: dict[int, str], configured: list[int], inactive: set[int], for_reports: bool, expected: list[int]
) -> None:
    assert choose_sites(sources, configured, inactive, for_reports) == expected


def test_what_a_file_leaves_out_is_told(tmp_path: Path) -> None:
    (tmp_path / "7.toml").write_text('[site]\nexclude = ["House dryer", 162130]\n', encoding="utf-8")
    (tmp_path / "8.toml").write_text('[site]\ninclude = ["RTU-1"]\n', encoding="utf-8")
    (tmp_path / "9.toml").write_text("[building]\nfloor_area_m2 = 10\n", encoding="utf-8")
    sites = {site_id: load_site(site_id, tmp_path) for site_id in (7, 8, 9)}
    assert describe_parts(sites) == [
        "site 7: its file leaves out House dryer, 162130",
        "site 8: its file takes only RTU-1",
    ]


def test_script_lists_the_sites_of_the_database(
    conn: Connection, database_url: str, run_script: Callable[..., Any]
) -> None:
    register_site(conn)
    register_site(conn, organization_id=9)
    conn.commit()
    register_site(conn, organization_id=31, name="bad\x1b[31m shop", timezone="Europe/Berlin")
    db.execute(conn, "UPDATE organizations SET data_source = 'file' WHERE organization_id = 31")
    conn.commit()
    env = {"DATABASE_URL": database_url}
    for args, printed in ((["--ids"], "9\n23271\n"), (["--ids", "--reports"], "9\n31\n23271\n")):
        done = run_script("operations/list_sites.py", *args, env=env)
        assert (done.returncode, done.stdout) == (0, printed)
    assert run_script("operations/list_sites.py", "--reports", env=env).returncode == 2
    done = run_script("operations/list_sites.py", env=env)
    assert done.returncode == 0, done.stderr
    lines = [re.split(r"\s{2,}", line) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["site", "9", "31", "23271"]
    assert lines[2] == ["31", r"bad\x1b[31m shop", "Europe/Berlin", "no readings (from files)", "not validated yet"]


def test_delivery_is_read_from_the_sites_file(tmp_path: Path) -> None:
    assert load_site(1, tmp_path).file == SiteFile()
    (tmp_path / "1.toml").write_text(
        '[sync]\nis_active = false\n[report]\nrecipients = ["a@example.com", "b@example.com"]\n'
        '[alerts]\nrecipients = ["c@example.com"]\n[thresholds]\nbaseline_weeks = 6\n'
    )
    (tmp_path / "12.toml").write_text("")
    (tmp_path / "notes.toml").write_text("")
    file = load_site(1, tmp_path).file
    assert (file.sync.is_active, file.report.recipients) == (False, ("a@example.com", "b@example.com"))
    assert (file.alerts.recipients, file.thresholds.baseline.weeks) == (("c@example.com",), 6)
    assert list_configured_sites(tmp_path) == [1, 12]
    assert list_inactive_sites(tmp_path) == {1}


def test_a_mistake_in_one_sites_file_concerns_that_site_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.toml").write_text("[sync]\nis_active = false\n")
    (tmp_path / "2.toml").write_text("[sync]\nactive = true\n")
    (tmp_path / "3.toml").write_text("[sync\n")
    assert list_inactive_sites(tmp_path) == {1}
    assert list(read_sites(tmp_path)) == [1]
    assert f"site 2: {tmp_path}/2.toml: sync.active is not known; did you mean is_active?" in caplog.text
    assert f"site 3: {tmp_path}/3.toml, line 1: Expected" in caplog.text


def test_a_site_that_left_is_watched_no_longer(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register_site(conn)
    register_site(conn, organization_id=9)
    conn.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    found = send_alerts.find_conditions(database_url, NOW, MAX_AGE, {9})
    assert [(one.kind, one.site_id) for one in found or ()] == [("stale", SITE_ID)]
    monkeypatch.setattr(check_ingestion_health, "list_inactive_sites", lambda: {9})
    assert check_ingestion_health.main([]) == 3
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [["FAIL", "site", str(SITE_ID)]]
    assert check_ingestion_health.main(["--site", "9"]) == 3


@pytest.mark.parametrize(
    "text, problem",
    [
        ('[sync]\nis_active = "no"', "sync.is_active should be true or false"),
        ("[sync]\nactive = true", "sync.active is not known"),
        ('[report]\nrecipients = "a@example.com"', "report.recipients should be a list"),
        ('[report]\nrecipients = ["a@example.com, b@example.com"]', r"report.recipients\[1\] should be a mail address"),
        ('[alerts]\nrecipients = ["Name <a@example.com>"]', r"alerts.recipients\[1\] should be a mail address"),
        (
            '[alerts]\nrecipients = ["a@example.com\\nBcc: b@example.com"]',
            r"alerts.recipients\[1\] should be a mail address",
        ),
    ],
)
def test_a_mistake_in_the_delivery_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "1.toml").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        load_site(1, tmp_path)
