"""Clients of the kind that others have published, against the sandbox over real HTTP: their calls, written anew.

One asks with Basic credentials and a slash at the end of some paths; one logs in at the root, keeps the token, asks
for the fields by OPTIONS and runs twenty calls side by side; one logs in by listing the organizations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from operations.sandbox.auth import Credentials

if TYPE_CHECKING:
    from pipeline import Service

NOW = datetime(2026, 2, 2, 14, 7, 30, tzinfo=UTC)
JAN_26, FEB_2 = 1769403600, 1770008400  # local midnights
ACCOUNT = Credentials()
SITE_ID = 23271


@pytest.fixture
def url(serve: Callable[..., Service]) -> str:
    """The address of a sandbox."""
    return serve(now=NOW, planted_weeks=[date(2026, 1, 26)]).url


class BasicClient:
    """Sends the key and Basic credentials with every request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._headers = {
            "X-Eniscope-API": ACCOUNT.api_key,
            "Accept": "/",
            "Authorization": f"Basic {ACCOUNT.basic_value}",
        }

    def get(self, path: str, **params: Any) -> Any:
        reply = requests.get(
            f"{self._url}{path}", params=params.pop("params", params), headers=self._headers, timeout=10
        )
        assert reply.status_code == 200, reply.reason
        return reply.json()


def test_script_that_goes_from_meters_to_readings(url: str) -> None:
    client = BasicClient(url)
    client.get("/")
    meters = client.get(f"/v1/organizations/{SITE_ID}/metersbelow")["metersbelow"]
    rtu = next(meter for meter in meters if meter["uuId"] == "5410EC8A1F2E0003")
    channels = client.get(f"/v1/channels/?uuid={rtu['uuId'].lower()}")["channels"]
    keys = ("organizationName", "organizationId", "uuId", "dataChannelId", "channelName", "displayedPhase")
    assert [tuple(channel[key] for key in keys) for channel in channels] == [
        ("Wilson Center (sandbox)", "23271", "5410EC8A1F2E0003", "162121", "RTU-1", "system"),
    ]
    fields = ["ts", *(f"{name}{phase}" for name in ("E", "P", "I") for phase in ("", 1, 2, 3))]
    reply = client.get(
        f"/v1/readings/{channels[0]['dataChannelId']}/",
        params={"action": "summarize", "daterange[]": [str(JAN_26), str(FEB_2)], "res": "60", "fields[]": fields},
    )
    assert (reply["from"], reply["to"], reply["resolution"], reply["recordCount"]) == (JAN_26, FEB_2, 1800, 336)
    assert list(reply["records"][0]) == fields
    assert reply["records"][-1]["ts"] == FEB_2 - 1800


class TokenClient:
    """Logs in at the root and goes on with the token; its base has a slash at the end, and so have its paths."""

    def __init__(self, url: str) -> None:
        self._base = f"{url}/v1/"
        self._session = requests.Session()
        headers = {"X-Eniscope-API": ACCOUNT.api_key, "Accept": "text/json"}
        reply = self._session.get(
            self._base, headers=headers | {"Authorization": f"Basic {ACCOUNT.basic_value}"}, timeout=10
        )
        self._session.headers.update(headers | {"X-Eniscope-Token": reply.headers["X-Eniscope-Token"]})

    def ask(self, path: str, method: str = "GET") -> Any:
        reply = self._session.request(method, self._base + path, timeout=10)
        reply.raise_for_status()
        return reply.json()

    def list_fields(self, channel_id: str) -> list[str]:
        fields: list[str] = self.ask(f"/readings/{channel_id}/", "OPTIONS")["filters"]["fields"]
        return fields

    def read(self, channel_id: str, start_s: int, end_s: int, fields: list[str]) -> Any:
        asked = "".join(f"fields[]={field}&" for field in fields)
        return self.ask(
            f"readings/{channel_id}/?action=summarise&{asked}daterange[]={start_s}&daterange[]={end_s}&res=900"
        )

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def token_client(url: str) -> Iterator[TokenClient]:
    client = TokenClient(url)
    yield client
    client.close()


def test_library_that_asks_for_everything(token_client: TokenClient) -> None:
    client = token_client
    assert client.ask("")["email"] == "sandbox@example.com"
    by_id = client.ask(f"organizations/?id={SITE_ID}")["organizations"]
    by_name = client.ask("organizations/?name=Wilson%20Center%20(sandbox)")["organizations"]
    assert [row["organizationId"] for row in by_id] == [row["organizationId"] for row in by_name] == ["23271"]
    reply = client.ask(f"channels/?organization={SITE_ID}&limit=0")
    assert (len(reply["channels"]), reply["meta"]["pageCount"]) == (17, 0)
    for channel in reply["channels"]:
        fields = client.list_fields(channel["dataChannelId"])
        records = client.read(channel["dataChannelId"], FEB_2 - 7200, FEB_2, fields)["records"]
        assert all(list(record) == fields for record in records)
    alarms = client.ask(f"alarms/?organization={SITE_ID}&limit=0")["alarms"]
    for alarm in alarms:
        rule = client.ask(f"alarms/{alarm['alarmId']}/alarmrules/")["alarmrules"][0]
        period = client.ask(f"alarms/{alarm['alarmId']}/alarmperiods/")["alarmperiods"][0]
        assert rule.pop("links") and period.pop("links")
        assert (rule["field"], rule["alarmId"], period["alarmId"]) == ("P", alarm["alarmId"], alarm["alarmId"])
    assert len(alarms) == 1
    events = client.ask(f"events/?organization={SITE_ID}&daterange[]=today&limit=0")
    assert (events["events"], events["meta"]["pageCount"]) == ([], 0)


def test_twenty_calls_side_by_side(token_client: TokenClient) -> None:
    wanted = [(str(162119 + number % 8), JAN_26 + 86400 * (number % 6)) for number in range(40)]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one: token_client.read(one[0], one[1], one[1] + 86400, ["E"]), wanted))
    assert [(str(reply["channel"]), reply["from"]) for reply in replies] == wanted


def test_proxy_that_logs_in_by_listing(url: str) -> None:
    headers = {"X-Eniscope-API": ACCOUNT.api_key, "Accept": "text/json"}
    basic = headers | {"Authorization": f"Basic {ACCOUNT.basic_value}"}
    token = requests.get(f"{url}/v1/1/organizations", headers=basic, timeout=10).headers["x-eniscope-token"]
    by_token = headers | {"X-Eniscope-Token": token}

    def ask(path: str, **params: Any) -> Any:
        reply = requests.get(f"{url}{path}", params=params, headers=by_token, timeout=10)
        reply.raise_for_status()
        return reply.json()

    site = ask(f"/organizations/{SITE_ID}")
    assert (site["organizationId"], site["organizationName"], site["city"]) == (
        "23271", "Wilson Center (sandbox)", "Wilson",
    )  # fmt: skip
    assert ask("/devices", organization=SITE_ID)["meta"]["recordCount"] == 19
    channels = ask("/channels", organization=SITE_ID)["channels"]
    assert channels[2]["dataChannelId"] == "162121"
    query = {"action": "summarize", "res": "3600", "fields[]": ["E", "P", "In", "I"]}
    query["daterange[]"] = [str(JAN_26), str(JAN_26 + 86400)]
    reply = ask("/readings/162121", **query)
    assert [list(record) for record in reply["records"]] == [["ts", "E", "P", "In", "I"]] * 24
