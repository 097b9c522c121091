"""From a stored figure back to where it came from: runs, versions, and what was decided about a reading."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import make_report
from site_factory import SITE_ID, make_site

from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.explain_reading import STEPS, explain_reading, render_text
from govern.record_report import main as record_main
from govern.record_report import record_report
from govern.refresh_views import main as refresh_main
from lib import db
from lib.code_version import code_version
from lib.errors import DataError
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

END = datetime(2026, 1, 20, 5, tzinfo=UTC)
MOMENT = datetime(2026, 1, 19, 11, 20, tzinfo=UTC)  # within the interval of 11:15, 06:15 local


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_version_is_the_commit_of_a_checkout_a_worktree_and_packed_references(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "package.json").write_text('{"version": "1.2.3"}')
    assert code_version(folder) == "1.2.3"
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    commit = git(folder, "rev-parse", "HEAD")
    assert code_version(folder) == commit[:12]
    git(folder, "worktree", "add", "-q", "-b", "other", str(tmp_path / "worktree"))
    assert code_version(tmp_path / "worktree") == commit[:12]
    git(folder, "pack-refs", "--all")
    assert code_version(folder) == code_version(tmp_path / "worktree") == commit[:12]
    git(folder, "checkout", "-q", "--detach")
    assert code_version(folder) == commit[:12]


def test_a_reading_is_explained_step_by_step(conn: Connection) -> None:
    make_site(conn, END, days=3)
    validate_site(conn, SITE_ID, read_checks())
    db.execute(
        conn,
        "INSERT INTO reading_revisions (channel_id, organization_id, timestamp, column_name, old_value, new_value,"
        " ingest_run_id) VALUES (10, 23271, %(at)s, 'energy_kwh', 2.5, 3.5, 9),"
        " (10, 23271, %(later)s, 'energy_kwh', 1, 2, 9)",
        {"at": MOMENT.replace(minute=15), "later": MOMENT.replace(minute=30)},
    )
    db.execute(
        conn,
        "INSERT INTO reading_marks (channel_id, timestamp, mark, detail) VALUES (10, %s, 'catch_up', '5 × usual')",
        (MOMENT.replace(minute=15),),
    )
    steps = explain_reading(conn, 10, MOMENT)
    (reading,) = steps["reading"]
    assert reading["timestamp"] == MOMENT.replace(minute=15)
    (request,) = steps["requests"]
    assert request["run_id"] == reading["ingest_run_id"]
    assert (request["window_start"], request["window_end"]) == (END - timedelta(days=3), END)
    assert [row["new_value"] for row in steps["revisions"]] == [3.5]
    assert [row["mark"] for row in steps["marks"]] == ["catch_up"]
    assert [(row["grain"], row["period"][:10], row["reading_count"]) for row in steps["usage"]] == [
        ("hour", "2026-01-19", 4),
        ("local day", "2026-01-19", 96),
    ]
    assert [row["code_version"] for row in steps["validations"]] == [code_version()]
    assert (steps["rejects"], steps["gaps"], steps["reports"]) == ([], [], [])
    text = render_text(steps)
    assert "mark catch_up, detail 5 × usual" in text
    assert "Gaps that hold it: none" in text
    assert list(steps) == list(STEPS)


def test_a_reading_that_is_not_there_is_explained_too(conn: Connection) -> None:
    make_site(conn, END, days=1)
    steps = explain_reading(conn, 10, END + timedelta(days=1))
    assert {name for name, rows in steps.items() if rows} == set()
    with pytest.raises(DataError, match="channel 7 is not in the database"):
        explain_reading(conn, 7, END)


def test_script_explains_in_words_and_as_json(
    conn: Connection, database_url: str, run_script: Callable[..., Any]
) -> None:
    make_site(conn, END, days=1)
    arguments = ("--channel", "10", "--at", "2026-01-19T06:20-05:00")
    done = run_script("govern/explain_reading.py", *arguments, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Stored reading:\n  channel_id 10, timestamp 2026-01-19 11:15:00+00:00, interval_s 900" in done.stdout
    assert "Reports on a period that holds it: none recorded (govern/record_report.py records one" in done.stdout
    assert "Marks: none\n" in done.stdout
    done = run_script("govern/explain_reading.py", *arguments, "--json", env={"DATABASE_URL": database_url})
    assert json.loads(done.stdout)["reading"][0]["channel_id"] == 10
    by_name = ("--channel", "meter 10", "--site", "23271", "--at", "2026-01-19")
    done = run_script("govern/explain_reading.py", *by_name, env={"DATABASE_URL": database_url})
    assert done.stdout.splitlines()[:3] == [
        "channel 10 'meter 10', the interval that holds 2026-01-19T05:00Z",  # the site's day, not London's
        "Stored reading:",
        done.stdout.splitlines()[2],
    ]
    assert "timestamp 2026-01-19 05:00:00+00:00" in done.stdout
    for wrong, why in (
        (("--channel", "10", "--at", "soon"), "--at 'soon' should be a date"),
        (("--channel", "meter 12", "--at", "2026-01-19"), "the database has no channel 'meter 12'"),
        (("--channel", "10", "--site", "5", "--at", "2026-01-19"), "site 5 has no channel '10'; it has none"),
    ):
        refused = run_script("govern/explain_reading.py", *wrong, env={"DATABASE_URL": database_url})
        assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr


def test_a_report_is_recorded_once_with_its_validation_and_thresholds(conn: Connection, tmp_path: Path) -> None:
    make_site(conn, END, days=3)
    verdict = validate_site(conn, SITE_ID, read_checks())
    report = make_report()
    later = datetime.now(UTC) + timedelta(minutes=1)
    report["metadata"] |= {"generatedAt": later.isoformat(), "site": report["metadata"]["site"] | {"siteId": SITE_ID}}
    path = tmp_path / "weekly_report_23271_2026-01-12.json"
    path.write_text(json.dumps(report))
    report_run_id = record_report(conn, path)
    assert report_run_id is not None
    assert record_report(conn, path) is None
    ((kind, validation_run_id, version, thresholds, name),) = db.fetch_all(
        conn,
        "SELECT kind, validation_run_id, code_version, thresholds, file_name FROM report_runs"
        " WHERE report_run_id = %s AND period_start = '2026-01-12T05:00Z' AND NOT is_forced",
        (report_run_id,),
    )
    assert (kind, validation_run_id, version, name) == ("weekly", verdict.validation_run_id, code_version(), path.name)
    assert thresholds["baseline"]["weeks"] == 4
    steps = explain_reading(conn, 10, datetime(2026, 1, 17, 12, tzinfo=UTC))
    assert [row["report_run_id"] for row in steps["reports"]] == [report_run_id]


def test_a_forced_report_is_recorded_with_its_reason(conn: Connection, tmp_path: Path) -> None:
    report = make_report()
    report["metadata"]["validation"] |= {
        "isForced": True, "forcedReason": "the board meets today", "blockingChecks": ["layers_agree"],
    }  # fmt: skip
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    report_run_id = record_report(conn, path)
    assert db.fetch_all(
        conn, "SELECT report_run_id, organization_id, check_names, reason FROM forced_reports"
    ) == [(report_run_id, 7, ["layers_agree"], "the board meets today")]  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", '{"metadata": {}}', '{"metadata": {"generatedAt": "x", "site": 3}}'])
def test_what_is_no_report_is_not_recorded(conn: Connection, tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(DataError, match="report.json is no (report|JSON|weekly report)"):
        record_report(conn, path)
    with pytest.raises(DataError, match="cannot read"):
        record_report(conn, tmp_path / "absent.json")


def test_a_file_that_is_no_report_does_not_keep_the_others_out(
    conn: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    (tmp_path / "a.json").write_text("")
    (tmp_path / "b.json").write_text(json.dumps(make_report()))
    assert record_main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1
    assert db.fetch_all(conn, "SELECT file_name FROM report_runs") == [("b.json",)]


def test_a_refresh_leaves_a_row(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    make_site(conn, END, days=1)
    conn.commit()
    assert refresh_main(["--full"]) == 0
    assert refresh_main([]) == 0
    rows = db.fetch_all(conn, "SELECT is_full, rows_changed, code_version FROM refresh_runs ORDER BY refresh_run_id")
    # Two channels: 24 hours and one local day each, then nothing.
    assert rows == [(True, 2 * (24 + 1), code_version()), (False, 0, code_version())]


def test_data_dictionary_says_what_the_database_says(conn: Connection) -> None:
    from govern.write_data_dictionary import DICTIONARY, load_columns, render_dictionary

    columns = load_columns(conn)
    assert not [column for column in columns if not column.comment or not column.relation_comment]
    assert DICTIONARY.read_text(encoding="utf-8") == render_dictionary(columns), (
        "run: python govern/write_data_dictionary.py"
    )
    assert PROJECT_ROOT in DICTIONARY.parents
