"""The sandbox's lists: paths in every spelling, filters and orders, collections below a parent, the smaller lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from operations.sandbox.api import create_app
from operations.sandbox.auth import Credentials

NOW = datetime(2026, 2, 2, 14, 7, 30, tzinfo=UTC)
ACCOUNT = Credentials()
HEADERS = {"X-Eniscope-API": ACCOUNT.api_key, "Authorization": f"Basic {ACCOUNT.basic_value}"}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(now=NOW, planted_weeks=[]).test_client()


def ask(client: FlaskClient, path: str) -> Any:
    """Return the JSON of a reply, or its status where it is none of success."""
    reply = client.get(path, headers=HEADERS)
    return reply.get_json(force=True) if reply.status_code == 200 else reply.status


def names(client: FlaskClient, query: str) -> list[str]:
    return [row["channelName"] for row in ask(client, f"/channels?organization=23271&limit=0&{query}")["channels"]]


@pytest.mark.parametrize("path", ["/channels", "/channels/", "/v1/channels", "/v1/channels/", "/v1/1//channels/"])
def test_path_in_every_spelling(client: FlaskClient, path: str) -> None:
    assert ask(client, path + "?organization=23271")["meta"]["recordCount"] == 17


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/1/"])
def test_root_answers_with_the_user(client: FlaskClient, path: str) -> None:
    reply = client.get(path, headers=HEADERS)
    assert reply.headers["X-Eniscope-Token"]
    user = reply.get_json(force=True)
    assert (user["accountId"], user["email"]) == ("1047", "sandbox@example.com")
    assert client.get(path).status == "401 Invalid API Key"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("uuid=5410ec8a1f2e0003", ["RTU-1"]),
        ("uuid=5410EC8A1F2E0003", ["RTU-1"]),
        ("name=rtu-*", ["RTU-1", "RTU-2", "RTU-3"]),
        ("name=*-1*", ["RTU-1", "AHU-1A", "AHU-1B"]),
        ("name=rtu", []),
        ("name=!*", []),
        ("id=162119", ['Kitchen Panel "K1" <Ovens & Hood>']),
        ("deviceId=4741", ["Dryer"]),
        ("type=51", ["Air Sense Hallway"]),
        ("deviceTypeId=!20", ["Air Sense Hallway"]),
        ("displayedPhase=!system", []),
        ("parent=4713&name=!*e*", ["Lighting & Plugs"]),
        ("name=AHU*&sort=-id", ["AHU-2", "AHU-1B", "AHU-1A"]),
        ("name=AHU*&sort=channelName", ["AHU-1A", "AHU-1B", "AHU-2"]),
    ],
)
def test_filters_and_orders(client: FlaskClient, query: str, expected: list[str]) -> None:
    assert names(client, query) == expected


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/channels?device=4711", "500 Invalid Parameter: device"),
        ("/channels?organisation=23271", "500 Invalid Parameter: organisation"),
        ("/channels?sort=colour", "500 Invalid Parameter: sort"),
        ("/devices?displayedPhase=system", "500 Invalid Parameter: displayedPhase"),
        ("/events?startTs=1", "500 Invalid Parameter: startTs"),
    ],
)
def test_filter_that_is_not_known_is_refused(client: FlaskClient, path: str, status: str) -> None:
    assert ask(client, path) == status


def test_collections_below_a_parent(client: FlaskClient) -> None:
    def listed(path: str, list_key: str, key: str) -> list[str]:
        return [row[key] for row in ask(client, f"{path}?limit=0")[list_key]]

    assert len(listed("/organizations/23271/channels/", "channels", "channelName")) == 17
    assert len(listed("/organizations/23271/devices", "devices", "deviceId")) == 19
    assert len(listed("/organizations/23271/meters", "meters", "meterId")) == 16
    assert listed("/organizations/23272/channels", "channels", "channelName") == []
    assert listed("/devices/4713/meters", "meters", "deviceName") == [f"Meter {number}" for number in range(1, 9)]
    assert len(listed("/devices/4713/channels", "channels", "channelName")) == 8
    assert listed("/devices/4741/channels", "channels", "channelName") == ["Dryer"]
    assert listed("/devices/4711/devices", "devices", "deviceId")[-1] == "4729"
    assert listed("/meters/33418/channels", "channels", "channelName") == ["RTU-1"]
    assert ask(client, "/organizations/23271/channels?name=RTU*")["meta"]["recordCount"] == 3
    for name in ("addresses", "tags", "trendlines", "services", "timeperiods", "webhooks", "issues", "tariffs"):
        assert ask(client, f"/organizations/23271/{name}")[name] == []
    assert ask(client, "/organizations/99001/channels").startswith("403")
    assert ask(client, "/organizations/5/tags").startswith("404")
    assert ask(client, "/devices/5/meters") == "404 Not found \u00e2\u0080\u0093 devices 5"


def test_metersbelow_is_the_organization_with_the_meters_of_its_chain(client: FlaskClient) -> None:
    reply = ask(client, "/v1/organizations/23271/metersbelow")
    meters = reply.pop("metersbelow")
    assert reply == ask(client, "/organizations/23271")
    assert [row["meterId"] for row in meters] == [
        row["meterId"] for row in ask(client, "/organizations/23271/meters?limit=0")["meters"]
    ]
    assert ask(client, "/organizations/23272/metersbelow")["metersbelow"] == []


def test_smaller_lists(client: FlaskClient) -> None:
    types = ask(client, "/deviceTypes")["deviceTypes"]
    assert [(row["deviceTypeId"], row["deviceTypeName"]) for row in types] == [
        ("16", "Eniscope Hybrid 8"),
        ("20", "Metering point"),
        ("51", "Air Sense"),
    ]
    assert [row["accountId"] for row in ask(client, "/accounts")["accounts"]] == ["1047"]
    assert ask(client, "/tariffs")["tariffs"] == []
    assert ask(client, "/events?organization=23271&daterange[]=today&limit=0")["events"] == []
    fields = {row["field"] for row in ask(client, "/fields/")["result"]}
    assert {"E", "Ex3", "RE1", "In", "T", "pulse", "cost"} <= fields
    (alarm,) = ask(client, "/alarms/?organization=23271&limit=0")["alarms"]
    for name in ("alarmrules", "alarmperiods"):
        (row,) = ask(client, f"/alarms/{alarm['alarmId']}/{name}/")[name]
        assert (row["alarmId"], list(row["links"])) == (alarm["alarmId"], ["self"])


def test_nothing_can_be_written(client: FlaskClient) -> None:
    assert client.post("/channels", headers=HEADERS).status == "405 Method Not Allowed"
