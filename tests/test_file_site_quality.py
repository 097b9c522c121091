"""What govern says of a site of files: what a person with files can do, and not what the service should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from file_import import FILE_SITE_ID, ZONE, Import, long_lines, quarters, write
from pipeline import govern

from govern import update_gaps
from govern.quality.data import load_quality
from govern.quality.page import render_html, render_text
from ingest.runs.load_file import channel_id_of
from lib import cli, db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

UNLOOKED = f"gaps were not looked for since the latest ingest; run: python govern/update_gaps.py --site {FILE_SITE_ID}"


@pytest.fixture
def imported(conn: Connection, importer: Import, tmp_path: Path) -> Connection:
    """Two weeks of which the file lacks a day and the hour that autumn repeats; one number is unreadable."""
    moments = [at for at in quarters("2025-10-27", 96 * 14) if at.date() != datetime(2025, 11, 6).date()]
    lines = long_lines(["Main"], moments)
    lines[5] = lines[5].replace("1.5", "much")
    # By the clock: without a word the import would ask whether the times keep standard time all the year.
    assert importer("--timezone", ZONE, "--clock", ZONE, write(tmp_path / "main.csv", lines)) == 0
    govern(conn, FILE_SITE_ID)
    return conn


def test_hints_are_for_those_who_import(imported: Connection) -> None:
    # Its constant load is stuck, too, which is another matter.
    failed = dict(
        db.fetch_all(
            imported,
            "SELECT check_name, hint FROM validation_results WHERE NOT is_passed"
            " AND check_name <> 'no_stuck_values' ORDER BY check_name",
        )
    )
    assert list(failed) == ["clock_change_whole", "days_whole", "no_rejects"]
    assert failed["days_whole"].startswith("import a file that holds these days whole")
    assert "the file lacks the hour" in failed["clock_change_whole"]
    assert failed["no_rejects"].startswith("FILE.rejects.csv beside the file names line, reason and fix")
    assert not [hint for hint in failed.values() if "service" in hint or "run the ingest" in hint]


def test_gaps_are_none_only_after_somebody_looked(
    imported: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    now = datetime(2025, 11, 10, 12, tzinfo=UTC)
    before = load_quality(imported, FILE_SITE_ID, 13, now)
    assert "gaps: none known\n" in render_text(before)
    assert UNLOOKED in render_text(before)
    assert UNLOOKED in render_html(before)
    assert cli.run(update_gaps.main, ["--site", str(FILE_SITE_ID), "--list"]) == 0
    out = capsys.readouterr().out
    assert "pending ones close when a file that holds them is imported: python ingest/import_csv.py\n" in out
    assert "backfill_gaps" not in out
    assert f"channel {channel_id_of(FILE_SITE_ID, 'Main')} 'Main' 2025-11-06T05:00Z..2025-11-07T05:00Z: 96" in out
    imported.rollback()
    after = load_quality(imported, FILE_SITE_ID, 13, now + timedelta(hours=1))
    # The day, the repeated hour; the unreadable number lies before the 13 days.
    assert "gaps: 2 pending (100 intervals)" in render_text(after)
    assert UNLOOKED not in render_text(after)
    assert "FILE.rejects.csv beside a file lists all of its lines" in render_text(after)
