"""The first look at an account: what is right, what is wrong and what to do; over real HTTP, and no secret shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from field_source import FieldSource
from flask import Flask, Response
from pipeline import LOGIN, SITE_ID, Service

from ingest import check_connection
from lib import cli
from operations.sandbox.replies import ServiceError, json_response
from operations.sandbox.site_model import FOREIGN_SITE_ID

KEY, EMAIL, PASSWORD = LOGIN
Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Look]:
    """Run the script and return its JSON; no secret may appear in it, or in the log."""

    def run(url: str, *args: object, key: str = KEY, password: str = PASSWORD, email: str = EMAIL) -> dict[str, Any]:
        monkeypatch.setenv("VITE_ENISCOPE_API_URL", url)
        for name, value in (("API_KEY", key), ("EMAIL", email), ("PASSWORD", password)):
            monkeypatch.setenv(f"VITE_ENISCOPE_{name}", value)
        monkeypatch.setenv("ENISCOPE_REQUESTS_PER_SECOND", "0")
        monkeypatch.setattr(check_connection, "_LONGEST_PAUSE_S", 0.0)
        code = cli.run(check_connection.main, ["--json", *map(str, args)])
        captured = capsys.readouterr()
        for secret in filter(None, (key, password)):
            assert secret not in captured.out + captured.err
        result = json.loads(captured.out)
        assert code == (0 if result["isUsable"] else 1)
        return result

    yield run


def levels(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(check["check"], check["level"]) for check in result["checks"] if not check["check"].startswith("channel ")]


def failed(result: dict[str, Any]) -> dict[str, Any]:
    (one,) = [check for check in result["checks"] if check["level"] == "FAIL"]
    return one


def replace_view(app: Flask, endpoint: str, value: Any) -> None:
    """Have the sandbox answer a route with a value, whatever is asked."""
    assert endpoint in app.view_functions
    app.view_functions[endpoint] = lambda **_: value if isinstance(value, Response) else json_response(value)


def test_account_that_is_right(look: Look, serve: Callable[..., Service]) -> None:
    result = look(serve().url)
    assert levels(result) == [
        ("address", "OK"), ("address", "WARN"), ("key", "OK"), ("login", "OK"), ("site", "OK"), ("channels", "OK"),
    ]  # fmt: skip
    assert result["checks"][1]["message"] == "this is the sandbox: its readings are made up"
    assert result["checks"][4]["message"] == "'Wilson Center (sandbox)', time zone America/New_York"
    by_id = {channel["channelId"]: channel for channel in result["channels"]}
    assert len(by_id) == 17
    kinds = {tuple(channel["fields"]) for channel in result["channels"] if channel["fields"]}
    assert ("T", "RH", "CO2") in kinds
    meter = next(channel for channel in result["channels"] if {"E", "P", "V", "PF"} <= set(channel["fields"]))
    assert meter["newest"]["energy_kwh"] == pytest.approx(meter["newest"]["power_kw"] / 4, rel=0.2, abs=0.01)
    line = next(check for check in result["checks"] if check["check"] == f"channel {meter['channelId']}")
    assert line["message"].startswith(f"{meter['channelName']!r} has E P ")


def test_text_is_one_line_a_check_and_a_line_a_hint(
    serve: Callable[..., Service], run_script: Callable[..., Any]
) -> None:
    names = ("VITE_ENISCOPE_API_URL", "VITE_ENISCOPE_API_KEY", "VITE_ENISCOPE_EMAIL", "VITE_ENISCOPE_PASSWORD")
    env = dict(zip(names, (serve().url, *LOGIN), strict=True)) | {"ENISCOPE_REQUESTS_PER_SECOND": "0"}
    done = run_script("ingest/check_connection.py", "--channels", 2, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("      ")]
    assert all(line[:6] in ("OK    ", "WARN  ") for line in lines)
    assert lines[0] == "OK    address: the service answers"
    assert lines[-1] == "OK    channels: only the first 2 of 17 were asked"
    assert not any(secret in done.stdout for secret in (KEY, PASSWORD))


def test_wrong_key_and_wrong_password_are_told_apart(look: Look, serve: Callable[..., Service]) -> None:
    url = serve().url
    wrong_key = look(url, key="k-0123456789")
    assert levels(wrong_key) == [("address", "OK"), ("key", "FAIL")]
    assert failed(wrong_key)["hint"] == "correct VITE_ENISCOPE_API_KEY; the vendor gives it out"
    wrong_password = look(url, password="not the password")
    assert levels(wrong_password) == [("address", "OK"), ("login", "FAIL")]
    assert "VITE_ENISCOPE_PASSWORD" in failed(wrong_password)["hint"]


def test_what_is_not_set_is_named_and_nobody_is_asked(look: Look) -> None:
    result = look("https://core.eniscope.com", key="", password="")
    assert [(check["check"], check["message"]) for check in result["checks"]] == [
        ("key", "VITE_ENISCOPE_API_KEY is not set"),
        ("login", "VITE_ENISCOPE_PASSWORD is not set"),
    ]


@pytest.mark.parametrize("site", [4711, FOREIGN_SITE_ID])
def test_unknown_site_lists_those_of_the_account(look: Look, serve: Callable[..., Service], site: int) -> None:
    result = look(serve().url, "--site", site)
    assert levels(result)[-1] == ("site", "FAIL")
    assert failed(result)["message"].startswith(f"site {site}: not found or not this account's")
    assert failed(result)["hint"].startswith(
        "check --site; this account sees 23000 (Sandbox Energy), 23271 (Wilson Center (sandbox)), 23272"
    )


def test_service_that_forbids_everything_may_mean_the_password(look: Look, serve: Callable[..., Service]) -> None:
    service = serve()

    @service.app.before_request
    def forbid() -> None:
        raise ServiceError(403, "Forbidden")

    result = look(service.url)
    assert levels(result) == [("address", "OK"), ("login", "FAIL")]
    assert (
        "(HTTP 403 Forbidden), or, for it is the first answer, e-mail or password is wrong" in failed(result)["message"]
    )
    assert "VITE_ENISCOPE_PASSWORD" in failed(result)["hint"]
    assert "access to the API and to site 23271" in failed(result)["hint"]


@pytest.mark.parametrize(("days", "words"), [(29.5, "ends on {date}, in 29 days"), (30.5, None)])
def test_license_that_ends_soon_is_warned_of(
    look: Look, serve: Callable[..., Service], days: float, words: str | None
) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    source = FieldSource(lambda: datetime.now(UTC), expires=end)
    result = look(serve(source=source).url)
    told = [check for check in result["checks"] if check["check"] == "license"]
    assert [(check["level"], check["message"]) for check in told] == (
        [("WARN", f"the license of 2 of 2 channels {words.format(date=f'{end:%Y-%m-%d}')}")] if words else []
    )
    if words:
        assert told[0]["hint"].startswith("have the vendor renew it")


def test_unreachable_host(look: Look) -> None:
    result = look("http://127.0.0.1:9")
    assert levels(result) == [("address", "FAIL")]
    assert "cannot connect" in failed(result)["message"]
    assert "check VITE_ENISCOPE_API_URL" in failed(result)["hint"]


def test_login_in_the_clear_is_warned_of(look: Look) -> None:
    result = look("http://core.invalid")
    assert result["checks"][0]["level"] == "WARN"
    assert "everyone on the way can read the login" in result["checks"][0]["hint"]


def test_site_without_channels(look: Look, serve: Callable[..., Service]) -> None:
    service = serve()
    replace_view(service.app, "channels", {"channels": [], "meta": {"pageCount": 0, "recordCount": 0}})
    assert failed(look(service.url))["message"] == "the site has no channels that this account may see"


def test_site_without_a_zone_or_without_a_place(look: Look, serve: Callable[..., Service]) -> None:
    service = serve()
    site = {"organizationId": str(SITE_ID), "organizationName": "Shop", "timeZone": "Nowhere/City"}
    replace_view(service.app, "organizations_one", site)
    assert "unknown time zone 'Nowhere/City'" in failed(look(service.url))["message"]
    replace_view(service.app, "organizations_one", site | {"timeZone": "America/Chicago"})
    result = look(service.url)
    assert ("site", "WARN") in levels(result)
    assert "no coordinates, so no weather" in [check["message"] for check in result["checks"]]


def test_channels_that_are_silent_refuse_or_contradict_themselves(look: Look, serve: Callable[..., Service]) -> None:
    def outcome(records: list[dict[str, Any]] | Response) -> dict[str, Any]:
        service = serve()
        reply = records
        if isinstance(records, list):
            reply = {"resolution": 900, "records": records, "units": {"E": "Wh", "P": "W"}}
        replace_view(service.app, "readings", reply)
        return look(service.url, "--channels", 1)["checks"][-2]

    silent = outcome([])
    assert (silent["level"], "is the device online?" in silent["hint"]) == ("WARN", True)
    refusing = outcome(Response("", status="500 Invalid Parameter"))
    assert refusing["level"] == "WARN"
    assert refusing["message"].endswith("refuses every set of fields")
    broken = outcome(json_response({"resolution": 900, "records": 7}))
    assert (broken["level"], "no list of records" in broken["message"]) == ("FAIL", True)

    newest = int(datetime.now(UTC).timestamp()) // 900 * 900 - 1800
    tenfold = outcome([{"ts": newest - 900 * n, "E": 5000, "P": 2000} for n in range(20)])
    assert tenfold["level"] == "WARN"
    assert tenfold["message"].endswith("energy_kwh 5, power_kw 2; its energy is 10 times its power")
    assert tenfold["hint"].startswith("a wrong unit or multiplier")


def test_hostile_names_stay_on_their_line(look: Look, serve: Callable[..., Service]) -> None:
    service = serve()
    channel = {"dataChannelId": "1", "organizationId": str(SITE_ID), "channelName": "a\nOK    all is well\x1b[2J"}
    replace_view(service.app, "channels", {"channels": [channel], "meta": {"pageCount": 1, "recordCount": 1}})
    result = look(service.url)
    assert "\x1b" not in json.dumps(result, ensure_ascii=False)
    assert "\n" not in result["channels"][0]["channelName"]
