"""Every script is given the same site: without channels in quarantine, and without what a meter got wrong."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from site_factory import SITE_ID, TIMEZONE, make_rows, register_site, store_readings, store_steady_weather

from analyze import anomaly_detection, electrical_health, forecast, sensor_health, verify_savings
from analyze.week.loading import load_week, open_site
from govern.usage.refresh import refresh_views
from lib import db
from lib.date_utils import Window
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SOUND, DOUBTED = 10, 11
END = datetime(2026, 1, 19, 5, tzinfo=UTC)  # Monday, midnight in New York
START = datetime(2025, 10, 6, 4, tzinfo=UTC)  # Monday, too
CHANGE = "2025-12-01"
WEEK = ["--site", str(SITE_ID), "--start", "2026-01-12", "--end", "2026-01-18"]
NOW = datetime(2026, 1, 20, tzinfo=UTC)

Run = Callable[..., Any]


def _rows(mean_kw: float) -> pd.DataFrame:
    """Return rows of a meter whose unit is wrong by a thousand for three days before the change, and three after."""
    rows = make_rows(Window(START, END), mean_kw)
    moment = pd.to_datetime(rows["timestamp"], unit="s", utc=True).dt.tz_convert(TIMEZONE)
    wrong = moment.between("2025-11-11", "2025-11-14", inclusive="left")
    wrong |= moment.between("2026-01-13", "2026-01-16", inclusive="left")
    columns = ["energy_kwh", "power_kw"]
    rows[columns] = rows[columns].where(~wrong, 1000 * rows[columns])
    return rows.assign(voltage_v=120.0, voltage_l1_v=120.0, frequency_hz=60.0)


@pytest.fixture
def site(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A site of two meters, of which the latest validation doubts one."""
    register_site(conn)
    store_readings(conn, Window(START, END), {SOUND: _rows(2.0), DOUBTED: _rows(500.0)})
    store_steady_weather(conn, Window(START, END))
    refresh_views(conn)
    run = db.fetch_all(
        conn,
        "INSERT INTO validation_runs (organization_id, started_at, verdict, checks_run, covers_ingest_until,"
        " covers_from, limits) VALUES (%s, now(), 'closed', 1, now(), %s, '{}') RETURNING validation_run_id",
        (SITE_ID, START),
    )
    db.execute(
        conn,
        "INSERT INTO channel_quarantines VALUES (%s, %s, '{plausible}', 'jumps', 'look at it', 99.0, now())",
        (run[0][0], DOUBTED),
    )
    conn.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    return conn


@pytest.fixture
def run_json(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a script in this process and return what it prints for a machine."""

    def run(script: Any, *args: str) -> Any:
        assert script.main([*args, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def _as_json(section: Any) -> Any:
    return json.loads(json.dumps(section, allow_nan=False))


def test_the_same_site_for_all(site: Connection) -> None:
    data = open_site(site, SITE_ID)
    assert (data.meters["channel_id"].tolist(), data.left_out) == ([SOUND], [DOUBTED])
    kept = open_site(site, SITE_ID, keeps_quarantined=True)
    assert (kept.meters["channel_id"].tolist(), kept.left_out) == ([SOUND, DOUBTED], [])
    assert [channel.channel_id for channel in kept.quarantined] == [DOUBTED]


def test_sections_of_scripts_are_those_of_the_report(site: Connection, run_json: Run) -> None:
    sections = load_week(site, SITE_ID, "2026-01-12", "2026-01-18", None, NOW)[1].sections
    assert [meter["channelId"] for meter in sections["electricalHealth"]["meters"]] == [SOUND]
    assert run_json(electrical_health, *WEEK) == _as_json(sections["electricalHealth"])
    assert run_json(sensor_health, *WEEK) == _as_json(sections["sensorHealth"])
    predicted = run_json(forecast, "--site", str(SITE_ID), "--from", "2026-01-19")
    assert predicted == _as_json(sections["forecast"])
    # 2.06 kW on average, all week: neither the meter in quarantine nor the three days times a thousand are in it.
    assert predicted["summary"]["total_predicted_kwh"] == pytest.approx(168 * 2.06, rel=0.01)


def test_scripts_tell_a_reader_which_site_and_period(site: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert forecast.main(["--site", str(SITE_ID), "--from", "2026-01-19"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"Test school (site {SITE_ID}), from 2026-01-19, America/New_York"
    assert " kWh in 7 days, " in second
    assert electrical_health.main(WEEK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Test school (site {SITE_ID}), 2026-01-12")
    assert lines[1].startswith("1 meter assessed")


def test_scores_are_of_meters_that_are_trusted(site: Connection, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    assert anomaly_detection.main([*WEEK, "--scores", str(path)]) == 0
    scores = pd.read_csv(path)
    assert scores["channel_id"].unique().tolist() == [SOUND]
    assert len(scores) == 7 * 96  # those that the meter got wrong too


def test_savings_are_judged_by_sound_hours(site: Connection, run_json: Run) -> None:
    arguments = ["--site", str(SITE_ID), "--change", CHANGE]
    verdict = run_json(verify_savings, *arguments, "--channel", str(SOUND))
    # Nothing was changed. With the wrong days a thousandfold use would stand on either side.
    assert verdict["savings"]["savedKwh"] == pytest.approx(0, abs=1)
    assert verdict["savings"]["usedKwh"] == pytest.approx(verdict["savings"]["expectedKwh"], rel=1e-3)
    hours = (END - datetime(2025, 12, 2, 5, tzinfo=UTC)).total_seconds() / 3600 - 72
    assert verdict["savings"]["usedKwh"] == pytest.approx(hours * 2.06, rel=0.01)
    (missing,) = run_json(verify_savings, *arguments, "--channel", str(DOUBTED))["missing"]
    assert missing == {
        "code": "quarantined",
        "message": "the channel is in quarantine: jumps",
        "possibleFrom": None,
    }


def test_one_module_of_analyze_reads() -> None:
    readers = set()
    for path in sorted((PROJECT_ROOT / "analyze").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {func.attr for func in calls if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)
                 and func.value.id == "readings"}  # fmt: skip
        # Looking up the site and the period, as scripts do before they import pandas, reads no reading.
        if any(name.startswith(("load_", "count_")) for name in names - {"load_site", "load_period"}):
            readers.add(path.relative_to(PROJECT_ROOT).as_posix())
    assert readers == {"analyze/week/loading.py"}
