"""Quality at a glance: completeness by local day, gaps, rejects, restatements, quarantines and their trend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from breaker_factory import CLOCK_CHANGE, END, SITE_ID, SITE_WINDOW, build_site, change, remove, validate_both

from govern.data_quality_report import main
from govern.quality.data import load_quality, mean_and_trend
from govern.quality.page import level_of, render_html, render_text
from lib import db
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = END + timedelta(hours=9)
HOSTILE = '<script>alert("1")</script>\x1b[31m'


@pytest.fixture
def site(conn: Connection) -> Connection:
    """The sound site, of which channel 13 lacks hours, was rejected, restated and quarantined."""
    build_site(conn)
    remove(conn, datetime(2025, 11, 2, 4, tzinfo=UTC), hours=25)  # the whole day of the clock change
    remove(conn, datetime(2025, 11, 4, 5, tzinfo=UTC), hours=6)  # a quarter of a day
    change(conn, "power_kw = 5001", at=END - timedelta(hours=6))
    gaps = [
        (13, datetime(2025, 11, 2, 4, tzinfo=UTC), datetime(2025, 11, 3, 5, tzinfo=UTC), "vendor_empty"),
        (13, datetime(2025, 11, 4, 5, tzinfo=UTC), datetime(2025, 11, 4, 11, tzinfo=UTC), "pending"),
        (14, END - timedelta(days=40), SITE_WINDOW.start + timedelta(hours=1), "refetched"),
    ]
    for gap in gaps:
        db.execute(
            conn,
            "INSERT INTO reading_gaps (organization_id, channel_id, gap_start, gap_end, state, interval_s, kind,"
            " asks_count_from) VALUES (23271, %s, %s, %s, %s, 900, 'interior', now())",
            gap,
        )
    for channel_id, reason in ((13, "off_grid"), (13, "off_grid"), (18, "in_future")):
        db.execute(
            conn,
            "INSERT INTO rejected_readings (organization_id, channel_id, timestamp, interval_s, reason, raw,"
            " record_key, first_run_id, last_run_id)"
            " VALUES (23271, %s, %s, 900, %s, '{}', gen_random_uuid()::text, 1, 1)",
            (channel_id, CLOCK_CHANGE, reason),
        )
    for column in ("energy_kwh", "power_kw"):  # one interval, two values
        db.execute(
            conn,
            "INSERT INTO reading_revisions (organization_id, channel_id, timestamp, column_name, old_value, new_value,"
            " ingest_run_id) VALUES (23271, 13, %s, %s, 0.5, 1, 1)",
            (CLOCK_CHANGE, column),
        )
    db.execute(  # as an earlier version noted a value that came later for a NULL: it is no restatement
        conn,
        "INSERT INTO reading_revisions (organization_id, channel_id, timestamp, column_name, new_value, ingest_run_id)"
        " VALUES (23271, 13, %s, 'voltage_v', 120, 1)",
        (CLOCK_CHANGE + timedelta(hours=3),),
    )
    conn.commit()
    validate_both(conn)
    return conn


def test_quality_tells_what_happened_to_each_channel(site: Connection) -> None:
    quality = load_quality(site, SITE_ID, 12, NOW)
    assert quality["days"] == [f"2025-10-{day}" for day in range(25, 32)] + [f"2025-11-0{day}" for day in range(1, 6)]
    channels = {channel["channelId"]: channel for channel in quality["channels"]}
    assert list(channels) == [10, 11, 12, 13, 14, 15, 16, 17, 18]
    broken, sound = channels[13], channels[15]
    # A day of 25 hours that is whole is 100 %, and one that is missing is 0 %.
    assert sound["completenessByDay"] == [100.0] * 12
    assert broken["completenessByDay"] == [100.0] * 8 + [0.0, 100.0, 75.0, 100.0]
    assert (broken["completenessPct"], broken["trendPoints"]) == (89.6, -20.8)
    assert broken["gaps"] == {
        "vendor_empty": {"gaps": 1, "intervals": 100},
        "pending": {"gaps": 1, "intervals": 24},
    }
    assert channels[14]["gaps"] == {"refetched": {"gaps": 1, "intervals": 4}}  # as far as it lies within the days
    assert (broken["rejects"], broken["revisedIntervals"]) == ({"off_grid": 2}, 1)
    assert broken["quarantine"]["checks"] == ["power_plausible"]
    assert channels[18] == {
        "channelId": 18, "channelName": "meter 18", "completenessByDay": [], "completenessPct": None,
        "trendPoints": None, "gaps": {}, "rejects": {"in_future": 1}, "revisedIntervals": 0, "quarantine": None,
    }  # fmt: skip
    totals = quality["totals"]
    # Seven of eight meters are whole.
    assert totals["completenessByDay"][8] == 87.5
    assert (totals["rejects"], totals["revisedIntervals"]) == ({"in_future": 1, "off_grid": 2}, 1)
    assert totals["quarantinedChannels"] == 1
    (verdict,) = load_quality(site, SITE_ID, 12, datetime.now(UTC))["verdicts"]
    assert verdict | {"date": None} == {
        "date": None, "verdict": "closed", "reach": "channel", "failedChecks": 2, "quarantined": 1,
    }  # fmt: skip


def test_nothing_is_expected_before_a_meter_began_nor_after_it_went(conn: Connection) -> None:
    build_site(conn)
    remove(conn, SITE_WINDOW.start, hours=84)  # 13 began at noon of the fourth day
    db.execute(
        conn, "UPDATE channels SET uninstalled_at = %s WHERE channel_id = 14", (END - timedelta(days=1, hours=9),)
    )
    remove(conn, END - timedelta(days=1, hours=9), hours=33, channel_id=14)
    db.execute(conn, "UPDATE channels SET installed_at = %s WHERE channel_id = 15", (SITE_WINDOW.start,))
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 15")
    db.execute(conn, "DELETE FROM mv_daily_usage WHERE meter_id = 15")
    db.execute(conn, "UPDATE channels SET installed_at = NULL WHERE channel_id = 16")
    db.execute(conn, "DELETE FROM mv_daily_usage WHERE meter_id = 16")
    channels = {
        item["channelId"]: item["completenessByDay"] for item in load_quality(conn, SITE_ID, 12, NOW)["channels"]
    }
    assert channels[13] == [None] * 4 + [100.0] * 8
    assert channels[14] == [100.0] * 10 + [None] * 2
    assert channels[15] == [None] + [0.0] * 11  # installed, and never heard of
    assert channels[16] == [None] * 12  # nobody knows since when


def test_days_end_with_the_last_whole_one_that_was_asked_for(conn: Connection) -> None:
    build_site(conn)
    db.execute(conn, "UPDATE ingestion_logs SET window_end = %s", (END - timedelta(hours=1),))
    assert load_quality(conn, SITE_ID, 3, NOW)["days"] == ["2025-11-02", "2025-11-03", "2025-11-04"]
    with pytest.raises(DataError, match="site 7 is not in the database"):
        load_quality(conn, 7, 3, NOW)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None)),
        ([None, None], (None, None)),
        ([50.0], (50.0, None)),
        ([None, 80.0, 90.0, 100.0], (90.0, 15.0)),
        ([100.0, 50.0, None, None], (75.0, None)),
    ],
)
def test_trend_is_the_newer_half_against_the_older(
    values: list[float | None], expected: tuple[float | None, float | None]
) -> None:
    assert mean_and_trend(values) == expected


@pytest.mark.parametrize(
    ("pct", "mark"),
    [(None, " "), (0.0, "·"), (0.1, "░"), (49.9, "░"), (50.0, "▒"), (90.0, "▓"), (99.5, "█"), (104.0, "█")],
)
def test_a_day_is_told_by_its_mark(pct: float | None, mark: str) -> None:
    assert level_of(pct)[0] == mark


def test_terminal_shows_the_strip_and_no_escape_of_a_name(site: Connection) -> None:
    db.execute(site, "UPDATE channels SET name = %s WHERE channel_id = 13", (HOSTILE,))
    lines = render_text(load_quality(site, SITE_ID, 12, NOW)).splitlines()
    (row,) = [line for line in lines if line.startswith("        13 ")]
    assert "████████·█▒█   89.6   -20.8        124        2        1 quarantined" in row
    assert "\x1b" not in "".join(lines)
    assert "gaps: 1 pending (24 intervals), 1 refetched (4 intervals), 1 vendor_empty (100 intervals)" in lines
    assert "rejects: 1 in_future, 2 off_grid" in lines
    assert any(line.startswith("quarantined: channel 13 since 20") for line in lines)


def test_page_needs_nothing_else_and_escapes_every_text(site: Connection) -> None:
    db.execute(site, "UPDATE channels SET name = %s WHERE channel_id = 13", (HOSTILE,))
    db.execute(site, "UPDATE channel_quarantines SET reason = %s", (HOSTILE,))
    page = render_html(load_quality(site, SITE_ID, 12, NOW))
    assert escape(HOSTILE).replace("&quot;", "&#34;") in page
    assert not re.search(r"<script|https?://|<link|<img|\bsrc=", page)
    assert page.count('<i class="none" title="2025-11-02: 0.0 %">') == 1
    assert page.count('<i class="half" title="2025-11-04: 75.0 %">') == 1
    # Eight meters and all of them together, twelve days each.
    assert len(re.findall(r'<i class="\w+" title=', page)) == 9 * 12
    assert page.count('<span class="flag">quarantined</span>') == 1


def test_script_prints_draws_and_says_json(
    site: Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    path = tmp_path / "new" / "quality.html"
    assert main(["--site", str(SITE_ID), "--days", "5", "--html", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["--site", str(SITE_ID), "--days", "5", "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert shown["days"] == ["2025-11-01", "2025-11-02", "2025-11-03", "2025-11-04", "2025-11-05"]
    assert shown["validation"]["reach"] == "channel"


def test_unknown_site_ends_in_one_line(database_url: str, run_script: Callable[..., Any]) -> None:
    done = run_script("govern/data_quality_report.py", "--site", "7", env={"DATABASE_URL": database_url})
    assert done.returncode == 1
    assert "site 7 is not in the database" in done.stderr
