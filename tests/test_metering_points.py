"""Each metering point counts once, and what the site's file leaves out, ends or corrects holds in every layer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from site_factory import make_rows

from analyze.meters.metering_points import NotCounted, Reason, find_not_counted, keep_counted
from config.site_file import SiteConfig, load_site
from govern.checks.channel_facts import store_channel_facts
from govern.checks.reader import limit_values, read_checks
from govern.checks.runner import validate_site
from govern.gaps.ledger import load_open_gaps, update_gaps
from govern.schema.files import apply_migrations, apply_views
from govern.usage.refresh import refresh_views
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window
from lib.errors import ConfigError
from lib.paths import MIGRATIONS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

POINT = "5410ECA8722E000"


def channel(key: int, site_id: int = 7, **columns: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("meter_id", "uuid", "displayed_phase", "data_type", "uninstalled_at", "parent_id"))
    return {"channel_id": key, "organization_id": site_id, "name": f"meter {key}", **empty, **columns}


def store(conn: Connection, *channels: dict[str, Any], site_id: int = 7, source: str = "eniscope") -> None:
    organization = {"organization_id": site_id, "name": f"site {site_id}", "timezone": "America/New_York"}
    sites.register_site(conn, organization, [], channels, source)
    for row in channels:
        sites.save_fields(conn, row["channel_id"], ("E", "P"))


def say(conn: Connection, folder: Path, text: str, site_id: int = 7) -> SiteConfig:
    (folder / f"{site_id}.toml").write_text(text, encoding="utf-8")
    said = load_site(site_id, folder)
    store_channel_facts(conn, said)
    return said


def counted_by(conn: Connection, site_id: int = 7) -> dict[int, int | None | str]:
    """Return meter id → "counted", "excluded", or the meter that stands for it."""
    rows = db.fetch_all(
        conn,
        "SELECT meter_id, is_counted, counted_by, is_excluded FROM v_meters WHERE site_id = %s ORDER BY meter_id",
        (site_id,),
    )
    return {
        key: "counted" if is_counted else "excluded" if is_excluded else by for key, is_counted, by, is_excluded in rows
    }


def parents(conn: Connection, site_id: int = 7) -> dict[int, int]:
    query = "SELECT meter_id, parent_meter_id FROM v_meters WHERE site_id = %s AND parent_meter_id IS NOT NULL"
    return dict(db.fetch_all(conn, query, (site_id,)))


# --- One point counts once --------------------------------------------------------------------------------------------


def test_the_whole_stands_for_its_phases_and_its_pulse_input(conn: Connection) -> None:
    point = {"meter_id": 500}
    store(
        conn,
        channel(1, **point, displayed_phase="system"),
        channel(2, **point, displayed_phase="phase1"),
        channel(3, **point, displayed_phase="Phase 2"),
        channel(4, **point, displayed_phase="L3"),
        channel(5, **point, displayed_phase=None, data_type="pulse meter"),
        channel(6, **point, displayed_phase="neutral?"),
        channel(10, meter_id=501, displayed_phase="phase1"),
        channel(11, displayed_phase="phase1"),
    )
    # The other site has a meter of the same number.
    store(conn, channel(20, 8, **point, displayed_phase="phase1"), site_id=8)
    assert counted_by(conn) == {1: "counted", 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 10: "counted", 11: "counted"}
    assert counted_by(conn, 8) == {20: "counted"}


def test_a_point_is_told_by_its_meter_or_by_its_hardware_id(conn: Connection) -> None:
    store(
        conn,
        channel(1, meter_id=500, uuid=f"{POINT}1", displayed_phase="system"),
        channel(2, meter_id=500, displayed_phase="1"),
        channel(3, uuid=f"{POINT}1".lower(), displayed_phase="2"),
        channel(4, meter_id=0, uuid=f"{POINT}2", displayed_phase="system"),  # 0 is no meter
        channel(5, meter_id=0, uuid="5410ECA8722E", displayed_phase="3"),  # of the device, not of a point
    )
    assert counted_by(conn) == {1: "counted", 2: 1, 3: 1, 4: "counted", 5: "counted"}


GONE = {"uninstalled_at": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("how", ["not there", "ended", "not listed", "not served", "without values", "left out"])
def test_the_phases_count_where_there_is_no_whole(conn: Connection, tmp_path: Path, how: str) -> None:
    point = {"meter_id": 500}
    whole = channel(1, **point, displayed_phase="system")
    phases = [channel(key, **point, displayed_phase=f"phase{key - 1}") for key in (2, 3, 4)]
    pulse = channel(5, **point, data_type="pulse")
    if how != "not there":
        store(conn, whole | (GONE if how == "ended" else {}), *phases, pulse)
    if how in ("not there", "not listed"):
        store(conn, *phases, pulse)
    if how == "not served":
        db.execute(conn, "UPDATE channels SET is_unsupported = true, fields = NULL WHERE channel_id = 1")
    if how == "without values":
        db.execute(conn, "UPDATE channels SET fields = NULL WHERE channel_id = 1")
    if how == "left out":
        say(conn, tmp_path, "[site]\nexclude = [1]\n")
    other = {"not there": {}, "left out": {1: "excluded"}, "not served": {1: "counted"}}.get(how, {1: 2})
    assert counted_by(conn) == {**other, 2: "counted", 3: "counted", 4: "counted", 5: 2}


def test_what_does_not_tell_whole_from_part_counts_as_it_is(conn: Connection) -> None:
    store(
        conn,
        channel(1, meter_id=500, displayed_phase="system"),
        channel(2, meter_id=500, displayed_phase="System"),
        channel(3, meter_id=500, displayed_phase="phase1"),
        channel(4, meter_id=501, displayed_phase="R"),
        channel(5, meter_id=501, displayed_phase="S"),
        channel(6, meter_id=502, data_type="pulse"),
        channel(7, meter_id=502, data_type="pulse"),
    )
    assert counted_by(conn) == {
        1: "counted",
        2: "counted",
        3: 1,
        4: "counted",
        5: "counted",
        6: "counted",
        7: "counted",
    }


def test_a_sensor_is_no_view_of_a_meter(conn: Connection) -> None:
    store(conn, channel(1, meter_id=500, displayed_phase="system"), channel(2, meter_id=500))
    sites.save_fields(conn, 2, ("T", "RH"))
    assert counted_by(conn) == {1: "counted", 2: "counted"}


# --- Parents ----------------------------------------------------------------------------------------------------------


def test_the_file_says_what_is_part_of_what_or_of_nothing(conn: Connection, tmp_path: Path) -> None:
    store(
        conn,
        channel(1),
        channel(2, parent_id=1),
        channel(3, parent_id=1),
        channel(4, meter_id=500, displayed_phase="system"),
        channel(5, meter_id=500, displayed_phase="phase1"),
        channel(6),
        source="file",
    )
    assert parents(conn) == {2: 1, 3: 1}
    say(
        conn,
        tmp_path,
        '[channels.2]\nparent = ""\n[channels.3]\nparent = 2\n[channels.4]\nparent = 1\n[channels.6]\nparent = 5\n',
    )
    # A meter below a view hangs below the one that stands for it.
    assert parents(conn) == {3: 2, 4: 1, 6: 4}
    assert counted_by(conn)[5] == 4
    # Who says what a view is part of says that it counts.
    say(conn, tmp_path, '[channels.5]\nparent = ""\n')
    assert parents(conn) == {2: 1, 3: 1}
    assert counted_by(conn)[5] == "counted"


def test_an_ingest_stores_the_gateway_and_undoes_no_parent(conn: Connection, tmp_path: Path) -> None:
    from ingest.eniscope.normalize import parse_channel

    raw = {"dataChannelId": "162122", "channelName": "Dryer", "organizationId": "7", "parentId": "162121"}
    main = parse_channel(raw | {"dataChannelId": "162121", "channelName": "Main"}, 7)
    part = parse_channel(raw, 7)
    assert main is not None
    assert part is not None
    assert part["gateway_id"] == 162121
    assert "parent_id" not in part
    organization = {"organization_id": 7, "name": "s", "timezone": "UTC"}
    sites.register_site(conn, organization, [], [main, part], "eniscope")
    assert parents(conn) == {}
    say(conn, tmp_path, "[channels.Dryer]\nparent = 162121\n")
    sites.register_site(conn, organization, [], [main, part], "eniscope")
    assert parents(conn) == {162122: 162121}


# --- What belongs to the site -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('exclude = ["House dryer", 162126]', {162125, 162126}),
        ('include = ["RTU-1", "162124"]', {162125, 162126}),
        ("", set()),
    ],
)
def test_the_file_says_what_belongs_to_the_site(tmp_path: Path, text: str, expected: set[int]) -> None:
    names = {162123: "RTU-1", 162124: "RTU-2", 162125: "House dryer", 162126: "Test"}
    (tmp_path / "7.toml").write_text(f"[site]\n{text}\n", encoding="utf-8")
    assert load_site(7, tmp_path).excluded(names) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('exclude = ["Dryer"]', "names no channel of this site: 'Dryer'; known: House, School, Twin"),
        ('include = ["Twin"]', "names 2 channels: 'Twin'; use the id, one of 3, 4"),
        ('exclude = ["House"]\ninclude = [1]', "should not stand beside include"),
        ("exclude = [1, 2, 3, 4]", "leaves out every channel of the site"),
        ("exclude = [true]", "exclude"),
    ],
)
def test_a_mistake_in_what_belongs_to_the_site_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "7.toml").write_text(f"[site]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_site(7, tmp_path).excluded({1: "House", 2: "School", 3: "Twin", 4: "Twin"})


# --- Until, and the factor --------------------------------------------------------------------------------------------

END = datetime(2026, 3, 16, 4, tzinfo=UTC)  # midnight in New York
WINDOW = Window(END - timedelta(days=6), END)


def fill(conn: Connection, kw_by_meter: dict[int, float], site_id: int = 7) -> None:
    run_id = attempts.start_run(conn, site_id)
    for key, kw in kw_by_meter.items():
        rows = make_rows(WINDOW, kw).assign(power_l1_kw=lambda rows: rows["power_kw"])
        attempt = attempts.Attempt(run_id, site_id, key, WINDOW, 900, "eniscope")
        log_id = attempts.start_attempt(conn, attempt)
        readings.insert_readings(conn, site_id, key, 900, run_id, rows)
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows), inserted=len(rows))
    conn.commit()
    refresh_views(conn)


SUMS = {
    "intervals": "SELECT meter_id, round(sum(energy_kwh)::numeric, 3)::float8 FROM v_readings_enriched GROUP BY 1",
    "power": "SELECT meter_id, round((sum(power_kw) / 4)::numeric, 3)::float8 FROM v_readings_enriched GROUP BY 1",
    "hours": "SELECT meter_id, round(sum(total_kwh)::numeric, 3)::float8 FROM v_readings_hourly GROUP BY 1",
    "days": "SELECT meter_id, round(sum(total_kwh)::numeric, 3)::float8 FROM v_readings_daily GROUP BY 1",
    "months": "SELECT meter_id, round(sum(total_kwh)::numeric, 3)::float8 FROM v_readings_monthly GROUP BY 1",
}


def test_a_factor_and_an_end_hold_in_every_layer_and_every_check_passes(conn: Connection, tmp_path: Path) -> None:
    store(conn, channel(1), channel(2), channel(3))
    fill(conn, {1: 4.0, 2: 3000.0, 3: 2.0})
    before = {name: dict(db.fetch_all(conn, query)) for name, query in SUMS.items()}
    whole = before["days"]
    say(conn, tmp_path, "[channels.2]\nunit_factor = 0.001\n[channels.3]\nuntil = 2026-03-12\n")
    db.execute(conn, "SELECT 1")
    three_days = db.fetch_one(
        conn, "SELECT sum(energy_kwh) FROM readings WHERE channel_id = 3 AND timestamp < '2026-03-13 04:00+00'"
    )
    assert three_days is not None
    expected = {1: whole[1], 2: round(whole[2] / 1000, 3), 3: round(three_days[0], 3)}
    for name, query in SUMS.items():
        assert dict(db.fetch_all(conn, query)) == pytest.approx(expected, abs=2e-3), name
    (row,) = db.fetch_all(
        conn, "SELECT power_l1_kw, pg_typeof(power_l1_kw)::text FROM v_readings_enriched WHERE meter_id = 2 LIMIT 1"
    )
    assert row == (pytest.approx(3.0, rel=0.6), "real")
    # What is stored is as it came, and nothing blocks: the end is in nobody's way.
    assert db.fetch_one(conn, "SELECT max(power_kw) > 3000 FROM readings WHERE channel_id = 2") == (True,)
    conn.commit()
    verdict = validate_site(conn, 7, read_checks())
    assert [(r.check.name, r.message) for r in verdict.results if r.findings] == []


def test_a_factor_is_for_every_energy_and_power_and_for_nothing_else(conn: Connection, tmp_path: Path) -> None:
    store(conn, channel(1))
    fill(conn, {1: 4.0})
    query = "SELECT attname FROM pg_attribute WHERE attrelid = 'readings'::regclass AND attnum > 0 ORDER BY attnum"
    columns = [name for (name,) in db.fetch_all(conn, query) if name.endswith(("_kwh", "_kw", "_kvar", "_kva", "_v"))]
    assert len(columns) > 12
    db.execute(conn, "UPDATE readings SET " + ", ".join(f"{name} = 8" for name in columns))
    say(conn, tmp_path, "[channels.1]\nunit_factor = 0.5\n")
    (row,) = db.fetch_all(conn, f"SELECT DISTINCT {', '.join(columns)} FROM v_readings_enriched")
    assert dict(zip(columns, row, strict=True)) == {name: 8 if name.endswith("_v") else 4 for name in columns}


def test_a_meter_that_ended_or_is_left_out_lacks_nothing(conn: Connection, tmp_path: Path) -> None:
    store(conn, channel(1), channel(2), channel(3))
    fill(conn, {1: 4.0, 2: 3.0, 3: 2.0})
    late = Window(END, END + timedelta(days=3))
    run_id = attempts.start_run(conn, 7)
    for key in (1, 2, 3):
        log_id = attempts.start_attempt(conn, attempt := attempts.Attempt(run_id, 7, key, late, 900, "eniscope"))
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE)
    say(conn, tmp_path, "[channels.2]\nuntil = 2026-03-15\n[site]\nexclude = [3]\n")
    update_gaps(conn, 7, late.end, is_full=True)
    assert [(gap.channel_id, gap.window) for gap in load_open_gaps(conn, 7)] == [(1, late)]
    conn.commit()
    refresh_views(conn)
    verdict = validate_site(conn, 7, read_checks())
    named = {
        (result.check.name, found.channel_id)
        for result in verdict.results
        for found in result.findings
        if found.channel_id is not None
    }
    assert named == {("channels_reporting", 1), ("days_whole", 1)}


@pytest.mark.parametrize(
    ("whole_kwh", "phases_kwh", "days", "lacking_s", "is_told"),
    [
        (100.0, (35.0, 35.0, 34.9), 3, 0, False),
        (100.0, (35.0, 35.0, 35.1), 3, 0, True),
        (100.0, (35.0, 35.0, 35.1), 2, 0, False),
        (100.0, (35.0, 35.0, 35.1), 3, 900, False),  # the phases measured a quarter of an hour more
        (104.9, (40.0, 30.0, 30.0), 3, 0, False),
        (105.1, (40.0, 30.0, 30.0), 3, 0, True),
        (105.1, (50.0, 50.0), 3, 0, False),  # two of three phases are less than the whole
        (100.0, (53.0, 52.1), 3, 0, True),
    ],
)
def test_phases_are_held_against_the_whole_on_days_that_both_measured_alike(
    conn: Connection, whole_kwh: float, phases_kwh: tuple[float, ...], days: int, lacking_s: int, is_told: bool
) -> None:
    kwh_of = dict(enumerate((whole_kwh, *phases_kwh), start=1))
    views = {key: "system" if key == 1 else f"phase{key - 1}" for key in kwh_of}
    store(conn, *(channel(key, meter_id=70, displayed_phase=view) for key, view in views.items()))
    for key, kwh in kwh_of.items():
        db.execute(
            conn,
            "INSERT INTO mv_daily_usage (meter_id, site_id, local_date, total_kwh, reading_count, covered_s,"
            " missing_count, negative_count) SELECT %s, 7, %s + day, %s, 96, %s, 0, 0"
            " FROM generate_series(0, %s) AS day",
            (key, WINDOW.start.date(), kwh, 86_400 - (lacking_s if key == 1 else 0), days - 1),
        )
    (check,) = [check for check in read_checks() if check.name == "phases_match_system"]
    parameters = limit_values([check]) | {"site_id": 7, "lookback_start": WINDOW.start}
    found = db.fetch_all(conn, check.query, parameters)
    assert [row[:2] for row in found] == ([(1, days)] if is_told else [])


# --- What analyze makes of it -----------------------------------------------------------------------------------------


def meters(parents: dict[int, int], counted_by: dict[int, int]) -> pd.DataFrame:
    keys = [1, 2, 3, 4, 5]
    return pd.DataFrame(
        {
            "channel_id": keys,
            "channel_name": [f"meter {key}" for key in keys],
            "parent_channel_id": pd.array([parents.get(key) for key in keys], dtype="Int64"),
            "counted_by": pd.array([counted_by.get(key) for key in keys], dtype="Int64"),
        }
    )


def test_what_hangs_below_a_channel_left_out_hangs_below_the_next_above() -> None:
    frame = meters({2: 1, 3: 2, 5: 4}, {4: 3})
    kept = keep_counted(frame, [2, 4])
    assert kept["channel_id"].tolist() == [1, 3, 5]
    # 3 was below 2, which was below 1; 5 below 4, for which 3 stands.
    assert kept["parent_channel_id"].tolist() == [pd.NA, 1, 3]
    assert keep_counted(meters({1: 2, 2: 1}, {}), [2])["parent_channel_id"].isna().all()


def test_the_file_goes_above_what_the_database_was_told(tmp_path: Path) -> None:
    frame = meters({}, {2: 1, 3: 1, 4: 5})
    (tmp_path / "7.toml").write_text('[channels.3]\nparent = ""\n[site]\nexclude = [5]\n', encoding="utf-8")
    said, names = load_site(7, tmp_path), {key: f"meter {key}" for key in range(1, 6)}
    assert find_not_counted(frame, said.channels(names), said.excluded(names)) == [
        NotCounted(2, "meter 2", Reason.VIEW, 1),
        NotCounted(5, "meter 5", Reason.EXCLUDED, None),
    ]


# --- What stood there before ------------------------------------------------------------------------------------------


def test_only_parents_that_came_from_the_service_are_cleared(empty_database_url: str, tmp_path: Path) -> None:
    """A database of before: `--parent` at a site of files stays, the gateway goes to a column of its own."""
    for path in MIGRATIONS_DIR.glob("*.sql"):
        if path.name < "0017":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with db.connect(empty_database_url) as conn:
        apply_migrations(conn, tmp_path)
        db.execute(
            conn,
            "INSERT INTO organizations (organization_id, name, timezone, data_source)"
            " VALUES (1, 'school', 'UTC', 'eniscope'), (2, 'sandbox', 'UTC', 'sandbox'), (3, 'bakery', 'UTC', 'file');"
            "INSERT INTO channels (channel_id, organization_id, name, parent_id)"
            " VALUES (10, 1, 'a', 11), (11, 1, 'b', 11), (20, 2, 'c', 99), (30, 3, 'oven', 31), (31, 3, 'main', NULL);"
            "INSERT INTO channel_facts (channel_id, organization_id, kind, parent_id)"
            " VALUES (10, 1, NULL, 11), (11, 1, 'main', NULL)",
        )
        conn.commit()
        apply_migrations(conn)
        apply_views(conn)
        stored = "SELECT channel_id, gateway_id, parent_id FROM channels ORDER BY 1"
        assert db.fetch_all(conn, stored) == [
            (10, 11, None), (11, 11, None), (20, 99, None), (30, None, 31), (31, None, None)
        ]  # fmt: skip
        # What a file said before it could say "of none" is what it says.
        assert parents(conn, 1) == {10: 11}
        assert parents(conn, 3) == {30: 31}
        named = "SELECT meter_id FROM v_meters WHERE is_parent_named"
        assert db.fetch_all(conn, named) == [(10,)]


def test_what_a_record_can_be_is_told_in_the_unit_in_which_it_comes(tmp_path: Path) -> None:
    (tmp_path / "7.toml").write_text(
        "[ingest]\nmax_power_kw = 400\nchannel_max_power_kw = {2 = 60}\n"
        "[channels.Chiller]\nunit_factor = 0.001\n[channels.2]\nunit_factor = 0.5\n[channels.3]\nkind = 'load'\n",
        encoding="utf-8",
    )
    limits = load_site(7, tmp_path).ingest_limits({1: "Chiller", 2: "RTU", 3: "Oven"})
    assert [limits.max_power_of(key) for key in (1, 2, 3)] == [400_000.0, 120.0, 400.0]
