"""The energy of an outage in one record: ingest, validation and analysis judge it by one limit and by its length."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from breaker_factory import END, SITE_ID, build_site, change
from pipeline import Service
from week_factory import spaced

from analyze.week import loading
from config.site_file import IngestLimits, load_site
from deliver.words.meters import describe_issue
from govern.checks.channel_facts import store_channel_facts
from govern.checks.reader import read_checks, settable_limits
from govern.checks.runner import validate_site
from govern.gaps.ledger import update_gaps
from govern.usage.refresh import rebuild_views
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from ingest.storage.plausibility import REJECT_ENERGY_OVER_LIMIT, Rules, find_impossible
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CHANNEL, OTHER = 13, 14
AFTER = END - timedelta(hours=30)  # the first record after the outage
HOURS = 14
ELAPSED_H = HOURS + 0.25


def outage(conn: Connection, channel_id: int, energy_kwh: float) -> None:
    """Take `HOURS` of a channel away, and give the record after them this energy."""
    start = AFTER - timedelta(hours=HOURS)
    db.execute(
        conn,
        "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
        (channel_id, start, AFTER),
    )
    change(conn, f"energy_kwh = {energy_kwh}", channel_id, at=AFTER)
    rebuild_views(conn)


def found(conn: Connection, folder: Path, said: str = "") -> list[tuple[int | None, str]]:
    """Return what `energy_plausible` finds where the site's file says this."""
    (folder / f"{SITE_ID}.toml").write_text(said)
    checks, site = read_checks(), load_site(SITE_ID, folder)
    store_channel_facts(conn, site)
    conn.commit()
    verdict = validate_site(conn, SITE_ID, checks, site_limits=site.limits(settable_limits(checks)))
    (result,) = (result for result in verdict.results if result.check.name == "energy_plausible")
    conn.rollback()
    return [(finding.channel_id, finding.text) for finding in result.findings]


def told(conn: Connection, folder: Path) -> dict[int, tuple[str, str]]:
    """Return what sensor health tells of the first record after the outage, by channel, under the site's file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "read_site", lambda site_id: load_site(site_id, folder))
        _, week = loading.load_week(
            conn, SITE_ID, "2025-11-03", "2025-11-05", None, END + timedelta(hours=1), keeps_quarantined=True
        )
    conn.rollback()
    return {
        issue["channelId"]: (issue["type"], spaced(describe_issue(issue)))
        for issue in week.sections["sensorHealth"]["issues"]
        if issue["type"] in ("catch_up", "register_jump", "impossible")
    }


def is_accepted(energy_kwh: float, max_power_kw: float, hours: float = ELAPSED_H) -> bool:
    """Return whether the ingest lets the record in."""
    times = np.array([0.0, hours * 3600])
    columns = {"energy_kwh": np.array([1.0, energy_kwh])}
    return not find_impossible(times, columns, 900, Rules(max_power_kw, 744.0))[REJECT_ENERGY_OVER_LIMIT][1]


def test_catch_up_of_an_outage_is_no_fault(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    outage(conn, CHANNEL, 1321.0)
    assert is_accepted(1321.0, 5000.0)
    assert found(conn, tmp_path) == []
    assert told(conn, tmp_path) == {CHANNEL: ("catch_up", "1,321 kWh in one reading after 14 hours without any")}


@pytest.mark.parametrize("limit_kw", [60.0, 100.0])
def test_all_judge_alike_just_below_and_above_the_limit(conn: Connection, tmp_path: Path, limit_kw: float) -> None:
    build_site(conn)
    most = limit_kw * ELAPSED_H
    outage(conn, CHANNEL, most - 1)
    outage(conn, OTHER, most + 1)
    said = f"[ingest.channel_max_power_kw]\n{CHANNEL} = {limit_kw}\n{OTHER} = {limit_kw}\n"
    assert (is_accepted(most - 1, limit_kw), is_accepted(most + 1, limit_kw)) == (True, False)
    expected = [(OTHER, f"1 rows, worst {most + 1:.1f} kWh in {ELAPSED_H * 3600:.0f} s")]
    assert found(conn, tmp_path, said) == expected
    reasons = {CHANNEL: "catch_up", OTHER: "register_jump"}
    assert {key: kind for key, (kind, _) in told(conn, tmp_path).items()} == reasons
    # The same for all channels of the site.
    assert found(conn, tmp_path, f"[ingest]\nmax_power_kw = {limit_kw}\n") == expected
    assert {key: kind for key, (kind, _) in told(conn, tmp_path).items()} == reasons


def test_beyond_the_limit_without_power_is_told_without_a_number(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    outage(conn, CHANNEL, 2 * 60.0 * ELAPSED_H)
    change(conn, "power_kw = NULL, power_l1_kw = NULL, power_l2_kw = NULL, power_l3_kw = NULL", CHANNEL, at=AFTER)
    (tmp_path / f"{SITE_ID}.toml").write_text("[ingest]\nmax_power_kw = 60\n")
    assert told(conn, tmp_path) == {
        CHANNEL: ("register_jump", "its energy is absurdly high in single readings, 15 minutes in all")
    }


def test_without_an_outage_the_own_interval_counts(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    change(conn, "energy_kwh = 1321.0", CHANNEL, at=AFTER)
    assert not is_accepted(1321.0, 5000.0, hours=0.25)
    assert found(conn, tmp_path) == [(CHANNEL, "1 rows, worst 1321.0 kWh in 900 s")]
    # A main that is larger: what the ingest accepts by the site's file, validation accepts.
    assert is_accepted(1321.0, 6000.0, hours=0.25)
    assert found(conn, tmp_path, "[ingest]\nmax_power_kw = 6000\n") == []


def test_outage_beyond_the_longest_counts_as_the_longest(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    outage(conn, CHANNEL, 1000.0)
    said = "[ingest]\nmax_power_kw = 80\nmax_catch_up_hours = {}\n"
    assert found(conn, tmp_path, said.format(13)) == []
    assert told(conn, tmp_path)[CHANNEL][0] == "catch_up"
    assert found(conn, tmp_path, said.format(12)) == [(CHANNEL, "1 rows, worst 1000.0 kWh in 43200 s")]
    assert told(conn, tmp_path)[CHANNEL][0] == "register_jump"


def test_first_record_of_a_run_is_held_against_what_is_stored(conn: Connection, serve: Callable[..., Service]) -> None:
    now = datetime(2026, 2, 10, 15, tzinfo=UTC)
    service = serve(now=now, planted_weeks=[])
    channel_id, begin = 162121, now - timedelta(hours=5)

    @service.app.after_request
    def spoil(response: Any) -> Any:
        reply = json.loads(response.get_data())
        if isinstance(reply, dict) and [record["ts"] for record in reply.get("records", [])][:1] == [begin.timestamp()]:
            reply["records"][0]["E"] = 15_001.0  # Wh, and 60 kW give 15 kWh in a quarter of an hour
            response.set_data(json.dumps(reply))
        return response

    site = register(conn, service.client, 23271, [channel_id])
    limits = IngestLimits(channel_max_power_kw={channel_id: 60.0})
    ingest_readings(conn, service.client, site, Window(begin - timedelta(hours=2), begin), 900, 1, limits)
    ingest_readings(conn, service.client, site, Window(begin, now), 900, 1, limits)
    rejected = db.fetch_all(conn, "SELECT timestamp, reason FROM rejected_readings")
    assert rejected == [(begin, "energy_over_limit")]


def test_marks_of_the_ledger_judge_by_the_same_limit(conn: Connection, tmp_path: Path) -> None:
    build_site(conn)
    outage(conn, CHANNEL, 60.0 * ELAPSED_H - 1)
    outage(conn, OTHER, 60.0 * ELAPSED_H + 1)

    def marked(said: str) -> list[int]:
        (tmp_path / f"{SITE_ID}.toml").write_text(said)
        site = load_site(SITE_ID, tmp_path)
        store_channel_facts(conn, site)
        update_gaps(conn, SITE_ID, END, carried=site.file.ingest, is_full=True)
        rows = db.fetch_all(conn, "SELECT channel_id FROM reading_marks WHERE mark = 'catch_up' ORDER BY 1")
        conn.rollback()
        return [channel_id for (channel_id,) in rows]

    conn.commit()
    assert marked("") == [CHANNEL, OTHER]
    assert marked("[ingest]\nmax_power_kw = 60\n") == [CHANNEL]
    assert marked(f"[ingest.channel_max_power_kw]\n{OTHER} = 60\n") == [CHANNEL]
    assert marked("[ingest]\nmax_power_kw = 60\nmax_catch_up_hours = 14.2\n") == []


def test_hint_destroys_nothing_before_it_is_clear(conn: Connection) -> None:
    (check,) = (check for check in read_checks() if check.name == "energy_plausible")
    for hint in (check.hint, check.file_hint):
        assert hint is not None
        assert hint.startswith("keep the rows until it is clear what they are")
        assert "[ingest]" in hint and hint.index("raise max_power_kw") < hint.index("removed")
    assert datetime.now(UTC) > END
