"""The weekly report's script: what the breaker holds back, what is written, and what is refused."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from breaker_factory import build_site, change
from site_factory import SITE_ID, TIMEZONE, make_rows, make_site, register_site, store_readings
from week_factory import spaced

from analyze.week.loading import load_week
from config.site_file import SiteConfig, read_site
from config.tariff_model import SiteTariffs, TariffSpan
from deliver import generate_weekly_report
from deliver.files.report_files import FORCED_LOG, check_report
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from govern.override_breaker import store_override
from govern.usage.refresh import refresh_views
from ingest.storage import sites
from lib import cli, db
from lib.date_utils import Window, last_complete_week, local_day_window
from lib.errors import PipelineError
from lib.readings import load_site_hours

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
    assert done.stdout.splitlines() == [str(out), *spaced(report["summary"]["headline"])]
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
        (hold_back_unasked, "this week isn't fully ingested yet (ingested up to "),
        (hold_back_unvalidated, "not validated yet; run: python govern/validate_data.py --site 23271"),
        (hold_back_outdated, "validated before the latest ingest; run: python govern/validate_data.py"),
        (
            hold_back_open,
            "1 check failed: quarantine_within_limits (2 of 2 meters with 100 % of the site's energy are quar",
        ),
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
    assert f"Z ERROR no report for site 23271: {problem}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
    force = ("--site", "23271", "--out", out, "--force", "--reason", "the board\nmeets today")
    done = run_script(SCRIPT, *force, env={"DATABASE_URL": database_url})
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    validation = report["metadata"]["validation"]
    assert (validation["isForced"], validation["forcedReason"]) == (True, "the board meets today")
    assert report["summary"]["headline"][0].startswith("FORCED: ")
    assert report["summary"]["headline"][0].endswith(": the board meets today.")
    (noted,) = map(json.loads, (tmp_path / FORCED_LOG).read_text(encoding="utf-8").splitlines())
    assert noted == {
        "at": report["metadata"]["generatedAt"], "by": getpass.getuser(), "siteId": SITE_ID,
        "period": report["metadata"]["period"], "verdict": validation["verdict"],
        "isCurrent": validation["isCurrent"], "blockingChecks": validation["blockingChecks"],
        "forcedReason": "the board meets today",
    }  # fmt: skip


def test_override_lets_the_report_pass_and_is_printed_in_it(
    validated_site: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    hold_back_open(validated_site)
    env, out = {"DATABASE_URL": database_url}, tmp_path / "report.json"
    store_override(validated_site, SITE_ID, "the ratio is known", "Ada", datetime(2100, 1, 1, tzinfo=UTC))
    validated_site.commit()
    assert run_script(SCRIPT, "--site", "23271", "--out", out, env=env).returncode == 0
    headline = json.loads(out.read_text())["summary"]["headline"]
    assert headline[0] == (
        "FORCED: written although the validation holds these data back (quarantine_within_limits): "
        "the ratio is known, decided by Ada until 2100-01-01T00:00Z."
    )
    # The decision is about the quarantine, so what is in there is in the report.
    assert {line.split(":")[0] for line in headline[1:3]} == {"DOUBTFUL"}
    assert {channel["channelId"] for channel in json.loads(out.read_text())["consumption"]["byChannel"]} == {10, 11}
    # It was no decision about days that were never asked for ...
    hold_back_unasked(validated_site)
    validated_site.commit()
    done = run_script(SCRIPT, "--site", "23271", "--out", out, env=env)
    assert (done.returncode, "this week isn't fully ingested yet" in done.stderr) == (3, True)
    # ... nor about what arrived since.
    hold_back_outdated(validated_site)
    assert run_script(SCRIPT, "--site", "23271", "--out", out, env=env).returncode == 3


def test_quarantined_channel_is_left_out_and_named(
    conn: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    build_site(conn, Window(WEEK.end - timedelta(days=35), WEEK.end))
    change(conn, "power_kw = power_kw * 10000", channel_id=13, at=WEEK.start, hours=1)
    db.execute(conn, "UPDATE channels SET name = '<b>Kitchen</b>' WHERE channel_id = 13")
    conn.commit()
    validate(conn)
    out = tmp_path / "report.json"
    done = run_script(SCRIPT, "--site", "23271", "--out", out, env={"DATABASE_URL": database_url})
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    (left_out,) = report["dataQuality"]["quarantinedChannels"]
    assert left_out | {"since": None, "reason": None, "hint": None} == {
        "channelId": 13, "channelName": "<b>Kitchen</b>", "checks": ["power_plausible"], "energySharePct": 13.8,
        "since": None, "reason": None, "hint": None, "isLeftOut": True,
    }  # fmt: skip
    assert report["summary"]["headline"][0].startswith(
        "LEFT OUT: <b>Kitchen</b> (channel 13, 13.8 % of the site's energy): 4 rows above 5000 kW, highest "
    )
    assert 13 not in {channel["channelId"] for channel in report["consumption"]["byChannel"]}
    assert 13 not in {channel["channelId"] for channel in report["dataQuality"]["byChannel"]}
    assert 13 not in {issue["channelId"] for issue in report["sections"]["sensorHealth"]["issues"]}
    (sound_kwh,) = db.fetch_all(
        conn,
        "SELECT sum(energy_kwh) FROM readings WHERE channel_id IN (10, 14, 15, 16, 17)"
        " AND timestamp >= %s AND timestamp < %s",
        WEEK,
    )[0]
    assert report["consumption"]["totalKwh"] == pytest.approx(sound_kwh, abs=1e-3)


BAD_ARGUMENTS: list[tuple[list[str], int, str]] = [
    (["--site", "5"], 1, "site 5 is not in the database"),
    (["--site", "0"], 2, "should be a whole number of 1 or more"),
    ([], 2, "--site"),
    (["--site", "23271", "--force"], 2, "--force and --reason TEXT belong together"),
    (["--site", "23271", "--reason", "why"], 2, "--force and --reason TEXT belong together"),
    (["--site", "23271", "--force", "--reason", "  "], 2, "a reason should have words"),
    (["--site", "23271", "--timezone", "Mars/Olympus"], 2, "unknown time zone 'Mars/Olympus'"),
    (["--site", "23271", "--start", "2026-02-10", "--end", "2026-02-01"], 2, "before it starts"),
    (["--site", "23271", "--start", "2020-01-06", "--end", "2020-01-12"], 1, "has no readings in 2020-01-06"),
    (["--site", "23271", "--start", "2020-01-06"], 1, "has no readings in 2020-01-06T05:00Z..2020-01-13T05:00Z"),
    (["--site", "23271", "--end", "2126-01-12"], 2, "in the future"),
    (["--site", "23271", "--out", "/proc/nowhere/report.json"], 2, "report.json is not a place for a file"),
]


def test_bad_arguments_end_in_one_line_and_the_right_code(
    validated_site: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    for arguments, expected, message in BAD_ARGUMENTS:
        try:
            code: object = cli.run(generate_weekly_report.main, arguments)
        except SystemExit as ended:  # as argparse ends
            code = ended.code
        out, err = capfd.readouterr()
        assert (code, out) == (expected, ""), arguments
        assert message in err
        assert len(err.splitlines()) == 1, arguments


def test_text_from_outside_arrives_unharmed_and_cannot_forge_output(
    conn: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    name = 'RTU "1" <script>alert(1)</script> =cmd() 🍳\u202e\nforged line'
    make_site(conn, WEEK.end, days=35)
    sites.register_site(
        conn,
        {"organization_id": SITE_ID, "name": name, "timezone": TIMEZONE.key},
        [],
        [{"channel_id": 10, "organization_id": SITE_ID, "name": name}],
        "eniscope",
    )
    db.execute(conn, "DELETE FROM readings WHERE channel_id = 10 AND timestamp >= %s", (WEEK.end - timedelta(days=2),))
    conn.commit()
    out = tmp_path / "report.json"
    done = run_script(
        SCRIPT, "--site", "23271", "--force", "--reason", "a test", "--out", out, env={"DATABASE_URL": database_url}
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["metadata"]["site"]["siteName"] == name
    assert name in {channel["channelName"] for channel in report["consumption"]["byChannel"]}
    assert not any(line.startswith("forged line") for line in done.stdout.splitlines() + done.stderr.splitlines())
    assert "\u202e" not in done.stdout + done.stderr


def test_hours_of_a_site_add_up_its_meters_where_each_of_them_reports(conn: Connection) -> None:
    window = Window(WEEK.end - timedelta(days=2), WEEK.end)
    silent = window.start + timedelta(hours=5)
    rows = make_rows(window, mean_kw=11.0)
    rows = rows[~rows["timestamp"].between(silent.timestamp(), silent.timestamp() + 3599)]
    register_site(conn)
    store_readings(conn, window, {11: rows})
    refresh_views(conn)
    hours = load_site_hours(conn, SITE_ID, window, [10, 11])
    by_hand = dict(
        db.fetch_all(
            conn,
            "SELECT extract(epoch FROM date_trunc('hour', timestamp))::bigint, sum(power_kw) / 4 FROM readings"
            " GROUP BY 1 HAVING count(*) = 8",
        )
    )
    assert len(hours) == 47
    assert int(silent.timestamp()) not in set(hours["epoch_s"])
    assert dict(zip(hours["epoch_s"], hours["mean_kw"], strict=True)) == pytest.approx(by_hand)
    (alone,) = load_site_hours(conn, SITE_ID, Window(silent, silent + timedelta(hours=1)), [10])["epoch_s"]
    assert alone == int(silent.timestamp())


def test_a_ratchet_knows_the_same_months_whether_its_tariff_is_assumed_or_named(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_site(conn, WEEK.end, days=80)
    assumed = read_site(SITE_ID).tariffs
    named = SiteTariffs((TariffSpan(assumed.compare_with),), assumed.current[0].tariff)
    known = []
    for tariffs in (assumed, named):
        monkeypatch.setattr(SiteConfig, "tariffs", tariffs)
        _, week = load_week(conn, SITE_ID, None, None, None, WEEK.end)
        (charge,) = week.sections["costOptimization"]["demand_analysis"]["demand_charges"]
        known.append(charge["ratchet"])
    assert known[0] == known[1]
    assert known[0]["months_known"] >= 1  # 80 days hold a whole month before that of the week


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
    assert "not validated yet" in done.stderr
