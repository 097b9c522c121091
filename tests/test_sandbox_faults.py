"""The sandbox's service faults, one by one and as a whole, as a client meets them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from lib.errors import UsageError
from lib.paths import PROJECT_ROOT
from operations.sandbox.api import create_app
from operations.sandbox.auth import Credentials
from operations.sandbox.fault_kinds import BURSTS, KINDS, LASTING, LISTS, MIXES, describe_kinds, parse_faults
from operations.sandbox.server import serve_in_thread
from operations.sandbox.service_faults import FaultPlan, make_fault_plan
from operations.sandbox.spoiling import stringify_numbers

NOW = datetime(2026, 2, 2, 14, tzinfo=UTC)
CHANNELS = "/channels?organization=23271"
READING = "/readings/162121?fields[]=E&fields[]=P&daterange=yesterday&res=900"
ACCOUNT = Credentials()
HEADERS = {"X-Eniscope-API": ACCOUNT.api_key, "Authorization": f"Basic {ACCOUNT.basic_value}"}


def make_client(*force: str | None, **settings: Any) -> FlaskClient:
    return create_app(now=NOW, planted_weeks=[], faults=FaultPlan(force=force, **settings)).test_client()


def read_twice(kind: str, path: str = READING) -> tuple[Any, Any]:
    """Return a reading with the fault, and the same one without."""
    client = make_client(kind)
    return tuple(json.loads(client.get(path, headers=HEADERS).data) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [
        ("429", "429 Too Many Requests", None),
        ("429_retry_after", "429 Too Many Requests", "1"),
        ("500", "500 Internal Server Error", None),
        ("502", "502 Bad Gateway", None),
        ("503", "503 Service Unavailable", None),
        ("402", "402 Subscription Expired", None),
        ("403", "403 Forbidden", None),
        ("409", "409 Conflict", None),
        ("412", "412 Precondition Failed", None),
    ],
)
def test_refusals(kind: str, status: str, retry_after: str | None) -> None:
    client = make_client(kind)
    reply = client.get(CHANNELS, headers=HEADERS)
    assert (reply.status, reply.headers.get("Retry-After"), reply.data) == (status, retry_after, b"")
    assert client.get(CHANNELS, headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"), [("expired_token", "419 Authentication Timeout"), ("refused_token", "401 Unknown Token")]
)
def test_token_ends_early(kind: str, status: str) -> None:
    client = make_client(None, kind)
    token = client.get(CHANNELS, headers=HEADERS).headers["X-Eniscope-Token"]
    by_token = {"X-Eniscope-API": ACCOUNT.api_key, "X-Eniscope-Token": token}
    assert client.get("/channels", headers=by_token).status == status
    # However it was refused, it is of no use any more.
    assert client.get("/channels", headers=by_token).status == "419 Authentication Timeout"
    assert client.get(CHANNELS, headers=HEADERS).status_code == 200


@pytest.mark.parametrize(("kind", "members"), BURSTS.items())
def test_burst_strikes_whoever_asks(kind: str, members: tuple[str, ...]) -> None:
    client = make_client(kind)
    paths = ["/channels", "/devices", "/meters", "/organizations", "/events", "/alarms", "/fields/20"]
    statuses = [client.get(path, headers=HEADERS).status_code for path in paths]
    assert statuses == [*(int(member[:3]) for member in members), 200]
    plan = client.application.extensions["sandbox"]["faults"]
    assert plan.counts == {kind: 1} | {member: members.count(member) for member in members}


def test_list_of_channels_changes() -> None:
    client = make_client("page_count", "page_count", "channel_vanishes", "channel_appears")
    replies = [json.loads(client.get(CHANNELS, headers=HEADERS).data) for _ in range(5)]
    sizes = [(len(reply["channels"]), reply["meta"]["recordCount"]) for reply in replies]
    assert sizes == [(17, 37), (17, 8), (16, 16), (18, 18), (17, 17)]
    assert [reply["meta"]["pageCount"] for reply in replies[:2]] == [2, 1]
    assert replies[3]["channels"][-1]["dataChannelId"] == "180001"


def test_fault_that_finds_nothing_to_spoil_is_not_counted() -> None:
    client = make_client("page_count", "no_ts", "coarse")
    for path in ("/devices", READING.replace("900", "86400"), READING):
        assert client.get(path, headers=HEADERS).status_code == 200
    assert client.application.extensions["sandbox"]["faults"].counts == {}


def test_clock_is_slow_then_fast() -> None:
    client = make_client("wrong_clock", "wrong_clock", None)
    replies = [client.get(READING.replace("yesterday", "today"), headers=HEADERS) for _ in range(3)]
    now = datetime.now(UTC)
    assert [round((reply.date - now).total_seconds() / 60) for reply in replies[:2]] == [-7, 7]
    # 14:00 UTC less seven minutes: the last quarter of an hour is not over yet.
    assert [json.loads(reply.data)["recordCount"] for reply in replies] == [35, 36, 36]


def test_lasting_faults_are_part_of_the_site() -> None:
    client = make_client(rates={"virtual_channel": 1.0, "counter_reset": 1.0})
    assert json.loads(client.get(CHANNELS, headers=HEADERS).data)["meta"]["recordCount"] == 18
    for field in ("E", "T"):
        reply = client.get(f"/readings/180900?fields[]={field}&daterange=yesterday&res=900", headers=HEADERS)
        assert reply.status == "500 Invalid Parameter"
    reply = client.get("/readings/162123?fields[]=E&daterange=30days&res=900", headers=HEADERS)
    negative = [row["ts"] for row in json.loads(reply.data)["records"] if row["E"] < 0]
    assert len(negative) == 3
    assert [ts % 864_000 for ts in negative] == [0, 0, 0]


def test_faults_are_named_on_the_command_line() -> None:
    mix = parse_faults("typical,503=0.05,hang=0.01:3,virtual_channel")
    assert mix.rates == MIXES["typical"] | {"503": 0.05, "hang": 0.01, "virtual_channel": 0.02}
    assert (mix.limits, mix.lasting) == ({"hang": 3}, {"virtual_channel"})
    for wrong in ("explosion", "503=x", "503=1.5", "503=1.2.3", "503:"):
        with pytest.raises(UsageError, match="--faults"):
            parse_faults(wrong)


def test_every_fault_is_told_and_documented() -> None:
    table = (PROJECT_ROOT / "docs" / "guides" / "sandbox.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        assert f"  {name} " in describe_kinds()
        assert f"| `{name}` | {kind.scope} | {kind.meaning} |" in table


def test_limit_ends_a_fault() -> None:
    plan = FaultPlan({"500": 1.0}, limits={"500": 3})
    hits = [plan.choose("/channels", f"GET {number}", has_token=False) for number in range(6)]
    assert hits == ["500", "500", "500", None, None, None]


def test_records_without_time() -> None:
    spoilt, sound = read_twice("no_ts")
    assert (len(spoilt["records"]), spoilt["recordCount"]) == (96, 96)
    assert [number for number, row in enumerate(spoilt["records"]) if "ts" not in row] == list(range(4, 96, 9))
    assert [row["E"] for row in spoilt["records"]] == [row["E"] for row in sound["records"]]


def test_duplicate_records() -> None:
    spoilt, sound = read_twice("duplicates")
    assert len(spoilt["records"]) == spoilt["recordCount"] == 96 + 11
    assert list({row["ts"]: row for row in spoilt["records"]}.values()) == sound["records"]


def test_records_out_of_order() -> None:
    spoilt, sound = read_twice("disorder")
    assert spoilt["records"] != sound["records"]
    assert sorted(spoilt["records"], key=lambda row: row["ts"]) == sound["records"]


def test_silent_coarsening_spares_windows_of_a_day() -> None:
    spoilt, sound = read_twice("coarse", READING.replace("yesterday", "lastweek"))
    assert (spoilt["resolution"], sound["resolution"]) == (1800, 900)
    assert len(spoilt["records"]) * 2 == len(sound["records"])
    spoilt, sound = read_twice("coarse")
    assert spoilt == sound


def test_numbers_as_strings() -> None:
    spoilt, sound = read_twice("strings")
    assert spoilt == stringify_numbers(sound)
    assert spoilt["records"][0]["ts"] == str(sound["records"][0]["ts"])
    assert stringify_numbers([1, 0.5, None, True, {"a": "b"}]) == ["1", "0.5", None, True, {"a": "b"}]


def test_html_under_status_200_and_json_under_the_wrong_type() -> None:
    client = make_client("html", "wrong_type")
    page, mistyped = (client.get(CHANNELS, headers=HEADERS) for _ in range(2))
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert page.data.startswith(b"<!DOCTYPE html>")
    assert mistyped.content_type == "text/html; charset=utf-8"
    assert len(json.loads(mistyped.data)["channels"]) == 17


@pytest.fixture
def base_url(request: pytest.FixtureRequest) -> Iterator[str]:
    url, stop = serve_in_thread(create_app(now=NOW, planted_weeks=[], faults=request.param))
    yield url
    stop()


@pytest.mark.parametrize("base_url", [FaultPlan(force=["truncated"])], indirect=True)
def test_truncated_body_breaks_the_connection(base_url: str) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(base_url + READING, headers=HEADERS, timeout=5)
    assert requests.get(base_url + READING, headers=HEADERS, timeout=5).json()["recordCount"] == 96


@pytest.mark.parametrize("base_url", [FaultPlan(force=["gzip"])], indirect=True)
def test_body_that_cannot_be_unpacked(base_url: str) -> None:
    with pytest.raises(requests.exceptions.ContentDecodingError):
        requests.get(base_url + READING, headers=HEADERS, timeout=5)
    assert requests.get(base_url + READING, headers=HEADERS, timeout=5).json()["recordCount"] == 96


@pytest.mark.parametrize("base_url", [FaultPlan(force=["stall"], hang_s=30.0)], indirect=True)
def test_body_stops_in_the_middle(base_url: str) -> None:
    with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
        requests.get(base_url + READING, headers=HEADERS, timeout=0.5)
    assert requests.get(base_url + READING, headers=HEADERS, timeout=5).json()["recordCount"] == 96


@pytest.mark.parametrize("base_url", [FaultPlan(force=["hang"], hang_s=30.0)], indirect=True)
def test_hanging_reply_outlasts_the_client_and_not_the_server(base_url: str) -> None:
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(base_url + "/channels", headers=HEADERS, timeout=0.3)
    assert requests.get(base_url + "/channels", headers=HEADERS, timeout=5).status_code == 200
    assert time.monotonic() - started < 5


def test_forced_faults_wait_for_their_path() -> None:
    client = make_client("503", force_path="/readings")
    assert client.get("/v1/channels", headers=HEADERS).status_code == 200
    assert client.get("/v1" + READING, headers=HEADERS).status_code == 503


def test_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown faults"):
        FaultPlan(force=["explosion"])


def draw(seed: int, requests_: int = 3000, urls: int = 40) -> list[str | None]:
    plan = make_fault_plan("all", seed)
    return [plan.choose("/readings/1", f"GET {number % urls}", has_token=True) for number in range(requests_)]


def test_faults_are_the_same_for_the_same_seed() -> None:
    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    passing = {kind for kind in MIXES["all"] if KINDS[kind].scope not in (LASTING, LISTS)}
    assert {kind for kind in draw(1) if kind} == passing - set(BURSTS)


def test_faults_do_not_hang_on_the_order_of_the_requests() -> None:
    def hits(order: list[int]) -> dict[int, str | None]:
        plan = FaultPlan({"500": 0.2, "html": 0.2}, seed=3)
        return {number: plan.choose("/readings/1", f"GET {number}", has_token=True) for number in order}

    assert hits(list(range(50))) == hits(list(range(49, -1, -1)))


def test_same_request_is_never_hit_three_times_in_a_row() -> None:
    plan = FaultPlan({"500": 1.0})
    hits = [plan.choose("/channels", "GET /channels", has_token=False) for _ in range(9)]
    assert hits == ["500", "500", None] * 3


@pytest.mark.parametrize("name", ["none", "typical", "all"])
def test_patient_client_gets_every_channel(name: str) -> None:
    app = create_app(now=NOW, planted_weeks=[], faults=name)
    app.extensions["sandbox"]["faults"].hang_s = 0.0
    client = app.test_client()
    for channel_id in range(162119, 162136):
        fields = "T" if channel_id == 162127 else "E"
        path = f"/readings/{channel_id}?fields[]={fields}&daterange=yesterday&res=900"
        replies = (client.get(path, headers=HEADERS) for _ in range(3))
        assert any(reply.status_code == 200 and b'"recordCount": 96' in reply.data for reply in replies)
    counts = app.extensions["sandbox"]["faults"].counts
    assert (sum(counts.values()) == 0) == (name == "none")
