"""The sandbox serving measured files, and its command line."""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from flask.testing import FlaskClient

from lib.errors import DataError, UsageError
from lib.paths import PROJECT_ROOT
from operations.sandbox import eniscope_sandbox
from operations.sandbox.api import create_app
from operations.sandbox.auth import Credentials
from operations.sandbox.replay import load_replay, prepare_replay

NEW_YORK = "America/New_York"
NOW = datetime(2026, 2, 2, 14, tzinfo=UTC)
ACCOUNT = Credentials()
HEADERS = {"X-Eniscope-API": ACCOUNT.api_key, "Authorization": f"Basic {ACCOUNT.basic_value}"}
START_S = 1767243600  # 2026-01-01T00:00-05:00
SCRIPT = PROJECT_ROOT / "operations" / "sandbox" / "eniscope_sandbox.py"


def measured(rows: int = 8, **columns: Any) -> pd.DataFrame:
    times = pd.date_range("2026-01-01T00:00-05:00", periods=rows, freq="15min")
    return pd.DataFrame({"channel": "Main", "timestamp": [time_.isoformat() for time_ in times], **columns})


def read(client: FlaskClient, channel_id: int = 1001, **query: Any) -> Any:
    query = {"fields[]": ["E", "P"], "daterange[]": [START_S, START_S + 7200], "res": 900, **query}
    reply = client.get(f"/readings/{channel_id}", query_string=query, headers=HEADERS)
    return json.loads(reply.data) if reply.status_code == 200 else reply.status


def serve(table: pd.DataFrame, **settings: Any) -> FlaskClient:
    return create_app(now=NOW, replay=table, **settings).test_client()


def test_own_resolution_gives_the_values_back() -> None:
    energy_kwh = [1.25, 0.0, 2.5, -0.5, 3.123456789, None, 1.0, 0.75]
    reply = read(serve(measured(energy_kwh=energy_kwh)))
    assert (reply["name"], reply["channel"], reply["resolution"], reply["recordCount"]) == ("Main", 1001, 900, 8)
    assert [row["ts"] for row in reply["records"]] == [START_S + 900 * number for number in range(8)]
    assert [row["E"] for row in reply["records"]] == [1250, 0, 2500, -500, 3123.456789, None, 1000, 750]
    assert [row["P"] for row in reply["records"]] == [5000, 0, 10000, -2000, 12493.827156, None, 4000, 3000]


def test_power_gives_energy_and_optional_columns_are_served() -> None:
    table = measured(2, power_kw=[4.0, 8.0], voltage_v=[120.5, 121.0], current_a=[10, 20], power_factor=[0.9, 0.8])
    records = read(serve(table), **{"fields[]": ["E", "V", "I", "PF", "S"]})["records"]
    assert records == [
        {"ts": START_S, "E": 1000, "V": 120.5, "I": 10, "PF": 0.9, "S": None},
        {"ts": START_S + 900, "E": 2000, "V": 121, "I": 20, "PF": 0.8, "S": None},
    ]


def test_coarser_sums_energy_and_averages_power_finer_comes_back_coarser() -> None:
    client = serve(measured(energy_kwh=[1.0, 2.0, 3.0, 4.0, 5.0, None, 7.0, 8.0]))
    assert read(client, res=3600)["records"] == [
        {"ts": START_S, "E": 10000, "P": 10000},
        {"ts": START_S + 3600, "E": 20000, "P": pytest.approx(26666.666667)},
    ]
    assert read(client, res=60)["resolution"] == 900
    hourly = serve(measured(8, energy_kwh=1.0).iloc[::4], replay_interval_min=60)
    assert [read(hourly, res=res)["resolution"] for res in (60, 900, 3600)] == [3600] * 3


def test_each_name_is_a_channel_of_the_site() -> None:
    table = pd.concat([measured(2, energy_kwh=1.0), measured(2, energy_kwh=2.0).assign(channel="42")])
    client = serve(table, replay_timezone="Europe/Berlin")
    channels = json.loads(client.get("/channels", headers=HEADERS).data)["channels"]
    assert [(row["dataChannelId"], row["channelName"], row["organizationId"]) for row in channels] == [
        ("1001", "Main", "23271"),
        ("1002", "42", "23271"),
    ]
    assert {row["uuId"] for row in channels} == {"5410EC0000000001", "5410EC0000000002"}
    site = json.loads(client.get("/organizations/23271", headers=HEADERS).data)
    assert (site["organizationName"], site["timeZone"]) == ("Replay site", "Europe/Berlin")
    assert [row["E"] for row in read(client, 1002)["records"]] == [2000, 2000]


def prepare(times: list[str], caplog: pytest.LogCaptureFixture, **columns: Any) -> tuple[list[str], list[str]]:
    table = pd.DataFrame({"channel": "a", "timestamp": times, "energy_kwh": 1.0, **columns})
    with caplog.at_level(logging.WARNING):
        rows = prepare_replay(table, NEW_YORK)
    return [datetime.fromtimestamp(ts, UTC).strftime("%d %H:%M") for ts in rows["ts"]], caplog.messages


def test_naive_times_in_the_repeated_hour_follow_the_order_of_the_file(caplog: pytest.LogCaptureFixture) -> None:
    wall = ["00:45", "01:00", "01:15", "01:30", "01:45", "01:00", "01:15", "01:30", "01:45", "02:00"]
    times, warnings = prepare([f"2025-11-02 {hour}" for hour in wall], caplog)
    quarters = pd.date_range("2025-11-02T04:45Z", periods=10, freq="15min")
    assert times == [quarter.strftime("%d %H:%M") for quarter in quarters]
    assert warnings == []


def test_rows_that_cannot_be_placed_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    times = ["01:45", "02:00", "02:15", "03:00", "03:07", "03:15", "03:15"]
    kept, warnings = prepare([f"2026-03-08T{hour}:00" for hour in times], caplog)
    assert kept == ["08 06:45", "08 07:00", "08 07:15"]
    assert warnings == [
        "replay: left out 2 rows at a local time that the clock skips, or without a time",
        "replay: left out 1 rows off the interval grid",
        "replay: left out 1 duplicates",
    ]


def test_interval_length_may_stand_in_the_table() -> None:
    rows = prepare_replay(measured(4, energy_kwh=1.0, interval_minutes=5), NEW_YORK)
    assert rows["interval_s"].tolist() == [300] * 4
    assert rows["P"].tolist() == pytest.approx([12000.0] * 4)
    with pytest.raises(DataError, match="several lengths"):
        prepare_replay(measured(2, energy_kwh=1.0, interval_minutes=[5, 15]), NEW_YORK)
    with pytest.raises(UsageError, match="1 to 60 minutes"):
        prepare_replay(measured(2, energy_kwh=1.0, interval_minutes=["5", "five"]).iloc[1:], NEW_YORK)
    with pytest.raises(UsageError, match="1 to 60 minutes"):
        prepare_replay(measured(2, energy_kwh=1.0), NEW_YORK, 1440)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (measured(1), "should have the columns"),
        (measured(1, energy_kwh=1.0).drop(columns="channel"), "should have the columns"),
        (measured(2, energy_kwh=1.0).assign(timestamp=["2026-01-01T00:00", "2026-01-01T00:15Z"]), "mixes times"),
    ],
)
def test_unusable_tables_are_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare_replay(table, NEW_YORK)


def test_files_plain_and_gzipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    measured(3, energy_kwh=1.0).to_csv(plain, index=False)
    packed.write_bytes(gzip.compress(measured(4, energy_kwh=2.0).to_csv(index=False).encode()))
    rows = load_replay([plain, packed], NEW_YORK)
    assert rows["E"].tolist() == [1000.0, 1000.0, 1000.0, 2000.0]
    assert caplog.messages == ["all files: left out 3 duplicates between files"]
    with pytest.raises(DataError, match="cannot read"):
        load_replay([tmp_path / "none.csv"], NEW_YORK)


# --- the command line ------------------------------------------------------------------------------------------------


def test_truth_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert eniscope_sandbox.main(["--truth", "--now", "2026-02-02T09:00-05:00"]) == 0
    truth = json.loads(capsys.readouterr().out)
    assert (truth["siteId"], truth["seed"], truth["timeZone"], len(truth["channels"])) == (23271, 7, NEW_YORK, 17)
    assert truth["planted"][0] == {
        "kind": "stuck_meter",
        "channelId": 162125,
        "channelName": "AHU-1B",
        "start": "2026-01-27T14:00:00+00:00",
        "end": "2026-01-28T20:00:00+00:00",
        "description": "the meter repeats one reading; power and energy stand still at a value above zero",
        "stuckKw": truth["planted"][0]["stuckKw"],
        "hours": 30.0,
        "intervals": 120,
    }


def test_planted_weeks_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    weeks = ["--planted-week", "2026-01-05", "--planted-week", "2026-01-19"]
    eniscope_sandbox.main(["--truth", "--now", "2026-02-02T09:00-05:00", *weeks])
    starts = [entry["start"][:10] for entry in json.loads(capsys.readouterr().out)["planted"]]
    assert (len(starts), starts[0], starts[10]) == (20, "2026-01-06", "2026-01-20")
    eniscope_sandbox.main(["--truth", "--planted-week", "none"])
    assert json.loads(capsys.readouterr().out)["planted"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--now", "2026-02-02T09:00"], "has no offset"),
        (["--now", "soon"], "should be a date-time"),
        (["--planted-week", "2026-01-06"], "should be a Monday"),
        (["--planted-week", "week 3"], "should be a Monday"),
        (["--replay-timezone", "Mars/Base"], "unknown time zone"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        eniscope_sandbox.main(arguments)


def test_script_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    command = [sys.executable, str(SCRIPT), "--port", "0", "--seed", "3", "--url-file", str(url_file)]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = url_file.read_text().strip()
        assert line == f"Sandbox of the Eniscope API on {url} (site 23271, seed 3); stop with Ctrl-C\n"
        assert requests.get(f"{url}/v1/organizations", headers=HEADERS, timeout=5).status_code == 200
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - started < 5
