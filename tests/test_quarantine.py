"""Records that cannot be right: out of the readings, into quarantine with their reason, each once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline import SITE_ID, Service

from config.site_file import IngestLimits, load_site
from ingest.runs.load_site import IngestSummary, ingest_readings
from ingest.runs.registration import register
from ingest.storage.plausibility import Reject
from ingest.storage.rejects import store_rejects
from lib import db
from lib.date_utils import Window
from lib.errors import ConfigError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
START = NOW - timedelta(hours=2)
START_S = int(START.timestamp())
CHANNEL = 162121


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    return db.fetch_all(
        conn,
        "SELECT reason, timestamp, raw, reading, seen_count, first_run_id, last_run_id FROM rejected_readings"
        " WHERE channel_id = %s ORDER BY reject_id",
        (CHANNEL,),
    )


def ingest_spoilt(
    conn: Connection,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[list[dict[str, Any]]], None],
    limits: IngestLimits | None = None,
) -> IngestSummary:
    """Ingest two hours of one channel, whose records are spoilt on the way."""
    ask = service.client.get_readings

    def get_readings(*args: Any) -> dict[str, Any]:
        reply = ask(*args)
        spoil(reply["records"])
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(service.client, "get_readings", get_readings)
        site = register(conn, service.client, SITE_ID, [CHANNEL])
        return ingest_readings(conn, service.client, site, Window(START, NOW), 900, 1, limits)


def test_same_record_is_kept_once_and_counted(conn: Connection) -> None:
    reject = Reject("negative_energy", START_S, {"ts": START_S, "E": -5}, {"energy_kwh": -0.005})
    other = Reject("off_grid", START_S + 91, {"ts": START_S + 91})
    assert store_rejects(conn, SITE_ID, CHANNEL, 900, 1, [reject, reject, other]) == 2
    assert store_rejects(conn, SITE_ID, CHANNEL, 900, 2, [reject]) == 1
    assert store_rejects(conn, SITE_ID, CHANNEL, 900, 3, []) == 0
    assert rows(conn) == [
        ("negative_energy", START, {"ts": START_S, "E": -5}, {"energy_kwh": -0.005}, 2, 1, 2),
        ("off_grid", START + timedelta(seconds=91), {"ts": START_S + 91}, None, 1, 1, 1),
    ]


hostile = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile, st.none() | st.floats())
def test_any_record_can_be_kept(conn: Connection, raw: Any, timestamp_s: float | None) -> None:
    conn.rollback()
    assert store_rejects(conn, SITE_ID, CHANNEL, 900, 1, [Reject("unparsable", timestamp_s, raw)]) == 1
    assert len(rows(conn)) == 1


def test_endless_record_is_cut(conn: Connection) -> None:
    store_rejects(conn, SITE_ID, CHANNEL, 900, 1, [Reject("unparsable", None, {"E": "9" * 100_000})])
    assert len(json.dumps(rows(conn)[0][2])) < 5_000


def test_what_cannot_be_right_is_logged_and_not_stored(
    conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(records: list[dict[str, Any]]) -> None:
        records[1]["E"] = -abs(records[1]["E"]) - 1
        records[2]["P"] = 70_000
        records[3]["ts"] += 91
        del records[4]["ts"]

    service = serve(now=NOW, planted_weeks=[])
    limits = IngestLimits(channel_max_power_kw={CHANNEL: 69.0})
    for number in (1, 2):
        summary = ingest_spoilt(conn, service, monkeypatch, spoil, limits)
        assert (summary.failed, summary.inserted, summary.rejected) == ([], 4 if number == 1 else 0, 4)
    kept = db.fetch_all(conn, "SELECT timestamp FROM readings ORDER BY 1")
    assert kept == [(START + timedelta(minutes=15 * number),) for number in (0, 5, 6, 7)]
    found = {(row[0], row[1], row[4]) for row in rows(conn)}
    assert found == {
        ("negative_energy", START + timedelta(minutes=15), 2),
        ("power_over_limit", START + timedelta(minutes=30), 2),
        ("off_grid", START + timedelta(minutes=45, seconds=91), 2),
        ("no_timestamp", None, 2),
    }
    ((error,),) = db.fetch_all(conn, "SELECT DISTINCT error FROM ingestion_logs WHERE channel_id = %s", (CHANNEL,))
    assert error == "1 negative_energy; 1 no_timestamp; 1 off_grid; 1 power_over_limit"


def test_reply_of_which_nothing_can_be_placed_fails_and_is_kept(
    conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(records: list[dict[str, Any]]) -> None:
        for record in records:
            record["ts"] += 91

    summary = ingest_spoilt(conn, serve(now=NOW, planted_weeks=[]), monkeypatch, spoil)
    assert summary.failed == [CHANNEL]
    assert [row[0] for row in rows(conn)] == ["off_grid"] * 8


def test_records_at_another_resolution_are_kept_apart(
    conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    ask = service.client.get_readings

    def get_coarse(channel_id: int, window: Window, interval_s: int, fields: Any) -> dict[str, Any]:
        return ask(channel_id, window, 3600, fields)

    monkeypatch.setattr(service.client, "get_readings", get_coarse)
    site = register(conn, service.client, SITE_ID, [CHANNEL])
    assert ingest_readings(conn, service.client, site, Window(START, NOW), 900, 1).failed == [CHANNEL]
    assert [row[:2] for row in rows(conn)] == [
        ("wrong_resolution", START), ("wrong_resolution", START + timedelta(hours=1)),
    ]  # fmt: skip
    assert db.fetch_all(conn, "SELECT count(*) FROM readings") == [(0,)]


def test_limits_of_a_site_stand_in_its_file(tmp_path: Path) -> None:
    assert load_site(1, tmp_path).file.ingest == IngestLimits()
    (tmp_path / "1.toml").write_text(
        "[ingest]\nmax_power_kw = 400\nmax_future_minutes = 5\n[ingest.channel_max_power_kw]\n162121 = 60.0\n"
    )
    limits = load_site(1, tmp_path).file.ingest
    assert (limits.max_power_of(162121), limits.max_power_of(7), limits.max_future_minutes) == (60.0, 400.0, 5.0)
    for wrong, message in (
        ("max_power = 4", "ingest.max_power is not known; did you mean max_power_kw"),
        ("max_power_kw = -1", "a number of 0 or more"),
        ("[ingest.channel_max_power_kw]\nrtu = 4", "should be a channel id"),
    ):
        (tmp_path / "1.toml").write_text(f"[ingest]\n{wrong}\n")
        with pytest.raises(ConfigError, match=message):
            load_site(1, tmp_path)


# --- listing and letting in -------------------------------------------------------------------------------------------


@pytest.fixture
def quarantined(conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Two hours of a channel with one record for each of three reasons; reason → its number."""

    def spoil(records: list[dict[str, Any]]) -> None:
        records[1] |= {"E": -1500, "P": 3000}
        records[2]["P"] = 70_000
        records[3]["ts"] += 91

    limits = IngestLimits(channel_max_power_kw={CHANNEL: 69.0})
    ingest_spoilt(conn, serve(now=NOW, planted_weeks=[]), monkeypatch, spoil, limits)
    return dict(db.fetch_all(conn, "SELECT reason, reject_id FROM rejected_readings"))


def test_quarantine_is_listed(
    quarantined: dict[str, int], database_url: str, run_script: Callable[..., Any], conn: Connection
) -> None:
    db.execute(conn, "UPDATE channels SET name = E'RTU\\x1b[31m-1'")
    conn.commit()
    env = {"DATABASE_URL": database_url}
    done = run_script("ingest/list_rejects.py", env=env)
    assert done.returncode == 0, done.stderr
    first, *lines, last = done.stdout.splitlines()
    assert first == "site 23271: 3 records in quarantine"
    assert "\x1b" not in done.stdout
    number = quarantined["off_grid"]
    assert lines[0].startswith(f"  {number}: channel {CHANNEL} 'RTU")
    assert "2026-02-10T13:46:31Z, off_grid, seen 1 times (has no place, so it cannot be let in): {" in lines[0]
    assert '"E": -1500' in lines[2]
    assert last == "to let one in: python ingest/readmit_rejects.py --site 23271 --by NAME NUMBER…"
    done = run_script("ingest/list_rejects.py", "--reason", "negative_energy", "--json", env=env)
    (record,) = json.loads(done.stdout)
    assert (record["reject_id"], record["reading"]["energy_kwh"]) == (quarantined["negative_energy"], -1.5)
    assert run_script("ingest/list_rejects.py", "--limit", "1", env=env).stdout.startswith(
        "site 23271: 3 records in quarantine, 1 shown\n"
    )


def test_record_is_let_in_once_marked_and_logged(
    quarantined: dict[str, int], database_url: str, run_script: Callable[..., Any], conn: Connection
) -> None:
    numbers = [str(quarantined[reason]) for reason in ("negative_energy", "power_over_limit")]
    command = ["ingest/readmit_rejects.py", "--by", "J. Ortiz", *numbers]
    env = {"DATABASE_URL": database_url}
    done = run_script(*command, env=env)
    assert done.stdout.splitlines()[0] == (
        "site 23271: 2 records let in, 2 of them new readings; the others' intervals had one"
    ), done.stderr
    stored = db.fetch_all(
        conn,
        "SELECT r.timestamp, r.interval_s, r.energy_kwh, r.power_kw, m.mark, m.detail FROM readings AS r"
        " JOIN reading_marks AS m USING (channel_id, timestamp) ORDER BY 1",
    )
    assert [row[:2] for row in stored] == [(START + timedelta(minutes=minutes), 900) for minutes in (15, 30)]
    assert stored[0][2:] == (-1.5, 3.0, "readmitted", "negative_energy, let in by J. Ortiz")
    assert stored[1][3] == 70.0
    assert db.fetch_all(
        conn, "SELECT status, fetched, inserted, data_source FROM ingestion_logs ORDER BY log_id DESC LIMIT 1"
    ) == [("done", 2, 2, "quarantine")]
    assert db.fetch_all(conn, "SELECT reason FROM v_rejected_readings") == [("off_grid",)]
    again = run_script(*command, env=env)
    assert (again.returncode, "in quarantine, or it is let in already" in again.stderr) == (2, True)
    assert db.fetch_all(conn, "SELECT count(*) FROM readings") == [(7,)]


def test_what_has_no_place_or_stands_already_is_not_let_in(
    quarantined: dict[str, int], database_url: str, run_script: Callable[..., Any], conn: Connection
) -> None:
    env = {"DATABASE_URL": database_url}
    off_grid, negative = str(quarantined["off_grid"]), str(quarantined["negative_energy"])
    refused = run_script("ingest/readmit_rejects.py", "--by", "J", negative, off_grid, env=env)
    assert refused.returncode == 2
    assert f"record {off_grid} (off_grid) has no place among the readings" in refused.stderr
    assert db.fetch_all(conn, "SELECT count(*) FROM rejected_readings WHERE readmitted_at IS NOT NULL") == [(0,)]
    db.execute(
        conn,
        "INSERT INTO readings (channel_id, organization_id, timestamp, interval_s, energy_kwh, ingest_run_id)"
        " VALUES (%s, %s, %s, 900, 2, 9)",
        (CHANNEL, SITE_ID, START + timedelta(minutes=15)),
    )
    conn.commit()
    done = run_script("ingest/readmit_rejects.py", "--by", "J", negative, env=env)
    assert "1 records let in, 0 of them new readings" in done.stdout
    # What stands stays; the other value is noted, and what stands is not marked as let in.
    assert db.fetch_all(
        conn, "SELECT old_value, new_value FROM reading_revisions WHERE column_name = 'energy_kwh'"
    ) == [(2.0, -1.5)]
    assert db.fetch_all(conn, "SELECT count(*) FROM reading_marks") == [(0,)]


def test_register_reset_is_still_reported_though_its_record_is_not_stored(conn: Connection) -> None:
    from site_factory import make_site

    from analyze.week.loading import load_week

    end = datetime(2026, 2, 9, 5, tzinfo=UTC)
    make_site(conn, end, days=36)
    moments = [end - timedelta(days=2, minutes=minutes) for minutes in (0, 45)]
    for moment in moments:
        db.execute(conn, "DELETE FROM readings WHERE channel_id = 10 AND timestamp = %s", (moment,))
    rejects = [
        Reject("negative_energy", moment.timestamp(), {"E": energy}, {"energy_kwh": energy / 1000, "power_kw": 1.0})
        for moment, energy in ((moments[0], -3000), (moments[0], -4000), (moments[1], -1500))
    ]
    for reject in rejects:
        store_rejects(conn, SITE_ID, 10, 900, 1, [reject])
    conn.commit()
    _, week = load_week(conn, SITE_ID, "2026-02-02", "2026-02-08", None, end + timedelta(days=1))
    (issue,) = [item for item in week.sections["sensorHealth"]["issues"] if item["type"] == "register_reset"]
    assert (issue["channelId"], issue["severity"], issue["intervals"], issue["energyKwh"]) == (10, "medium", 2, -5.5)
    assert week.data_quality["byChannel"][0]["completenessPct"] == pytest.approx(100 * 670 / 672, abs=0.06)
