"""The sandbox as a service: who may ask, lists, and how readings are cut out of time."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from operations.sandbox.api import create_app
from operations.sandbox.auth import Credentials
from operations.sandbox.date_words import Span
from operations.sandbox.readings import choose_resolution_s
from operations.sandbox.server import serve_in_thread

NOW = datetime(2026, 2, 2, 14, 7, 30, tzinfo=UTC)  # a Monday, 09:07:30 in New York
RTU_1, AIR = 162121, 162127
DAY = 86400
JAN_28 = 1769576400  # 2026-01-28T00:00-05:00


def make_client(**settings: Any) -> FlaskClient:
    return create_app(**{"now": NOW, "planted_weeks": [], **settings}).test_client()


def headers_of(credentials: Credentials | None = None, **more: str) -> dict[str, str]:
    account = credentials or Credentials()
    return {"X-Eniscope-API": account.api_key, "Authorization": f"Basic {account.basic_value}", **more}


def get(client: FlaskClient, path: str, **query: Any) -> TestResponse:
    query = {name.replace("__", "[]"): value for name, value in query.items()}
    return client.get(path, query_string=query, headers=headers_of())


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_client()


# --- who may ask -----------------------------------------------------------------------------------------------------


def test_vendors_authorization_vector_is_accepted() -> None:
    account = Credentials("key", "api@someorg.com", "thisismypassword")
    assert hashlib.md5(b"thisismypassword").hexdigest() == "31435008693ce6976f45dedc5532e2c1"
    value = "YXBpQHNvbWVvcmcuY29tOjMxNDM1MDA4NjkzY2U2OTc2ZjQ1ZGVkYzU1MzJlMmMx"
    assert account.basic_value == value
    reply = make_client(credentials=account).get(
        "/organizations", headers={"X-Eniscope-API": "key", "Authorization": f"Basic {value}"}
    )
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"X-Eniscope-API": "wrong"}, "401 Invalid API Key"),
        ({"X-Eniscope-API": ""}, "401 Invalid API Key"),
        ({"Authorization": ""}, "401 Unauthorised – check e-mail and password"),
        ({"Authorization": "Basic !!!"}, "401 Unauthorised – check e-mail and password"),
        (
            {"Authorization": "Basic " + base64.b64encode(b"sandbox@example.com:sandbox-password").decode()},
            "401 Unauthorised – check e-mail and password",
        ),
        ({"X-Eniscope-Token": "never-issued"}, "401 Unknown Token"),
    ],
)
def test_wrong_credentials_are_refused(client: FlaskClient, changed: dict[str, str], status: str) -> None:
    reply = client.get("/organizations", headers=headers_of() | changed)
    assert reply.status.encode("latin-1").decode() == status
    assert reply.data == b""
    assert reply.headers["X-Eniscope-Sandbox"] == "1"
    assert "X-Eniscope-Token" not in reply.headers


def test_token_replaces_basic_until_it_expires() -> None:
    seconds = [0.0]
    client = make_client(token_lifetime_s=60.0, monotonic=lambda: seconds[0])
    token = get(client, "/organizations").headers["X-Eniscope-Token"]
    by_token = {"X-Eniscope-API": "sandbox-key", "X-Eniscope-Token": token}
    seconds[0] = 59.9
    assert client.get("/organizations", headers=by_token).status_code == 200
    seconds[0] = 60.0
    reply = client.get("/organizations", headers=by_token)
    assert reply.status == "419 Authentication Timeout"
    assert get(client, "/organizations").status_code == 200


def test_token_is_renewed_now_and_then() -> None:
    client = make_client()
    token = get(client, "/organizations").headers["X-Eniscope-Token"]
    by_token = {"X-Eniscope-API": "sandbox-key", "X-Eniscope-Token": token}
    replies = [client.get("/organizations", headers=by_token) for _ in range(26)]
    renewed = [reply.headers["X-Eniscope-Token"] for reply in replies if "X-Eniscope-Token" in reply.headers]
    assert len(renewed) == 1
    assert client.get("/organizations", headers=by_token | {"X-Eniscope-Token": renewed[0]}).status_code == 200


# --- lists -----------------------------------------------------------------------------------------------------------


def test_site_has_17_channels_on_one_page(client: FlaskClient) -> None:
    reply = get(client, "/channels", organization="23271").get_json(force=True)
    assert reply["meta"] == {"currentPage": 1, "recordsPerPage": 20, "recordCount": 17, "pageCount": 1}
    assert [channel["dataChannelId"] for channel in reply["channels"]] == [str(i) for i in range(162119, 162136)]
    first = reply["channels"][0]
    assert first["channelName"] == 'Kitchen Panel "K1" <Ovens & Hood>'
    assert (first["organizationId"], first["uuId"], first["tariffId"]) == ("23271", "5410EC8A1F2E0001", None)
    assert (first["isMeteringPoint"], first["costEnabled"], first["deviceTypeId"]) == (True, False, "20")


def test_uuids_are_unique_and_in_the_vendors_form(client: FlaskClient) -> None:
    channels = get(client, "/channels", organization=23271).get_json(force=True)["channels"]
    assert len({channel["uuId"] for channel in channels}) == 17
    points = [channel["uuId"][12:] for channel in channels]
    eight = [f"{number:04X}" for number in range(1, 9)]
    assert points == [*eight, "0501", *eight]


# The keys of the recorded replies.
DEVICE_KEYS = {
    *("links", "deviceId", "uuId", "parentId", "organizationId", "subscriptionId", "deviceTypeId", "binaryStoreId"),
    *("serviceAgreementId", "deviceName", "registered", "dataPlan", "expires", "renewed", "nominalCode", "status"),
    *("createdBy", "modifiedBy", "createdTs", "modifiedTs", "vendor", "vendor_id", "vendor_format_id"),
    *("vendor_parent_id", "sortCode", "organizationName"),
}
PULSE_KEYS = {"pulseLabel", "pulseUnits", "pulseRatio", "pulseEnergyRatio", "temperatureEnabled"}
CHANNEL_KEYS = {
    *DEVICE_KEYS,
    *PULSE_KEYS,
    *("interfaceName", "dataChannelId", "tariffId", "timePeriodId", "displayedPhase", "channelName", "sortOrder"),
    *("installedTs", "uninstalledTs", "dataType", "meterId", "isMeteringPoint", "costEnabled"),
}
METER_KEYS = {
    *DEVICE_KEYS,
    *PULSE_KEYS,
    *("meterId", "deviceTypeInterfaceId", "dataType", "ct", "vs", "channels", "dataReceivedTs", "interface"),
}
ORGANIZATION_KEYS = {
    *("organizationId", "links", "groupId", "parentId", "appliableSubscriptionId", "organizationName"),
    *("defaultEmailAddress", "defaultLanguageCode", "defaultAddressId", "organizationKey", "logo", "status"),
    *("timeZone", "currencyCode", "nominalCode", "accountingCode", "taxCode", "organizationType", "divisionLabel"),
    *("licenseDiscount", "carbonUnits", "carbonRatio", "temperatureType", "regId", "logInCounter", "lastLogIn"),
    *("marketingOptIn", "thirdPartyOptIn", "createdBy", "modifiedBy", "createdTs", "modifiedTs", "addressId"),
    *("address1", "address2", "address3", "state", "city", "postCode", "country", "lat", "lng", "telephone", "fax"),
    *("sortCode", "currencySymbol"),
}
NOT_STRINGS = {"links": dict, "interface": dict, "isMeteringPoint": bool, "costEnabled": bool}


def check_row(row: dict[str, Any], keys: set[str]) -> None:
    """Assert that a row has the recorded keys, and their types: strings beside nulls."""
    assert set(row) == keys
    for key, value in row.items():
        assert value is None or isinstance(value, NOT_STRINGS.get(key, str)), key


def test_rows_have_the_recorded_keys_and_types(client: FlaskClient) -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        return get(client, f"/{name}", limit=0).get_json(force=True)[name]

    by_name = {
        "channels": CHANNEL_KEYS,
        "devices": DEVICE_KEYS,
        "meters": METER_KEYS,
        "organizations": ORGANIZATION_KEYS,
    }
    for name, keys in by_name.items():
        assert rows(name)
        for row in rows(name):
            check_row(row, keys)
    check_row(get(client, f"/v1/channels/{RTU_1}").get_json(force=True), CHANNEL_KEYS)
    check_row(get(client, "/organizations/23271").get_json(force=True), ORGANIZATION_KEYS)


def test_one_channel_as_the_service_words_it(client: FlaskClient) -> None:
    channel = get(client, f"/channels/{RTU_1}").get_json(force=True)
    told = {key: channel[key] for key in CHANNEL_KEYS - {"links"} if channel[key] not in (None, "", "0", "1")}
    assert told == {
        "deviceId": "4723",
        "uuId": "5410EC8A1F2E0003",
        "parentId": "4711",
        "organizationId": "23271",
        "deviceTypeId": "20",
        "binaryStoreId": "2",
        "deviceName": "Meter 3",
        "registered": "1672603200",
        "dataPlan": "120",
        "expires": "1987963200",
        "createdBy": "1047",
        "createdTs": "1672603200",
        "interfaceName": "Onboard",
        "dataChannelId": "162121",
        "displayedPhase": "system",
        "channelName": "RTU-1",
        "sortOrder": "121",
        "installedTs": "1672549200",
        "dataType": "grid meter",
        "meterId": "33418",
        "sortCode": "1-2-3-23000-23271-",
        "organizationName": "Wilson Center (sandbox)",
        "isMeteringPoint": True,
        "costEnabled": False,
    }


def test_organizations_are_the_own_one_and_those_below(client: FlaskClient) -> None:
    rows = get(client, "/organizations").get_json(force=True)["organizations"]
    assert [(row["organizationId"], row["parentId"], row["sortCode"]) for row in rows] == [
        ("23000", None, "1-2-3-23000-"),
        ("23271", "23000", "1-2-3-23000-23271-"),
        ("23272", "23271", "1-2-3-23000-23271-23272-"),
        ("24310", "23000", "1-2-3-23000-24310-"),
        ("24420", "23000", "1-2-3-23000-24420-"),
        ("24530", "23000", "1-2-3-23000-24530-"),
        ("24640", "23000", "1-2-3-23000-24640-"),
    ]
    assert get(client, "/channels", organization="23272").get_json(force=True)["channels"] == []


def test_pages_and_their_limits() -> None:
    client = make_client(extra_channels=110)

    def page(**query: Any) -> tuple[list[str], dict[str, int]]:
        reply = get(client, "/channels", organization=23271, **query).get_json(force=True)
        return [channel["dataChannelId"] for channel in reply["channels"]], reply["meta"]

    ids, meta = page(limit=0)
    assert len(set(ids)) == 127
    assert meta == {"currentPage": 1, "recordsPerPage": 0, "recordCount": 127, "pageCount": 0}
    assert page(page=7)[0] == ids[120:]
    assert page(page=7)[1] == {"currentPage": 7, "recordsPerPage": 20, "recordCount": 127, "pageCount": 7}
    assert page(page=2, limit=500) == (
        ids[100:],
        {"currentPage": 2, "recordsPerPage": 100, "recordCount": 127, "pageCount": 2},
    )
    assert page(page=8)[0] == []
    assert get(client, "/channels", page="x").status == "500 Invalid Parameter: page"


def test_each_metering_point_is_a_device_below_its_gateway(client: FlaskClient) -> None:
    devices = get(client, "/devices", organization="23271", limit=0).get_json(force=True)["devices"]
    gateways = [(row["deviceId"], row["deviceName"], row["uuId"]) for row in devices if row["deviceTypeId"] == "16"]
    assert gateways == [("4711", "School Hybrid 8", "5410EC8A1F2E"), ("4713", "House Hybrid 8", "5410EC8A3B70")]
    assert [row["parentId"] for row in devices if row["deviceTypeId"] == "16"] == [None, None]
    points = [(row["deviceName"], row["uuId"], row["parentId"]) for row in devices if row["deviceTypeId"] == "20"]
    assert points == [
        *((f"Meter {number}", f"5410EC8A1F2E{number:04X}", "4711") for number in range(1, 9)),
        *((f"Meter {number}", f"5410EC8A3B70{number:04X}", "4713") for number in range(1, 9)),
    ]
    air = next(row for row in devices if row["deviceTypeId"] == "51")
    assert (air["deviceName"], air["uuId"], air["parentId"]) == ("Air Sense 1", "5410EC8A1F2E0501", "4711")
    channels = get(client, "/channels", organization=23271).get_json(force=True)["channels"]
    point_by_id = {row["deviceId"]: row["uuId"] for row in devices}
    assert all(point_by_id[channel["deviceId"]] == channel["uuId"] for channel in channels)


def test_each_metering_point_is_a_meter_once(client: FlaskClient) -> None:
    meters = get(client, "/meters", organization=23271, limit=0).get_json(force=True)["meters"]
    channels = get(client, "/channels", organization=23271).get_json(force=True)["channels"]
    assert [row["meterId"] for row in meters] == [row["meterId"] for row in channels if row["meterId"] is not None]
    assert [row["channels"] for row in meters] == ["3"] * 8 + ["1"] * 8


def test_fields_tell_units(client: FlaskClient) -> None:
    rows = get(client, "/fields/51").get_json(force=True)["result"]
    assert rows == [
        {"field": "T", "units": "°C", "name": "Temperature"},
        {"field": "RH", "units": "%", "name": "Relative Humidity"},
        {"field": "CO2", "units": "ppm", "name": "Carbon Dioxide"},
    ]
    unit_by_field = {row["field"]: row["units"] for row in get(client, "/fields/20").get_json(force=True)["result"]}
    assert (unit_by_field["E"], unit_by_field["U3"], unit_by_field["RE"]) == ("Wh", "V", "VArh")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/organizations/99001", "403 Forbidden – another customer’s organization"),
        ("/channels?organization=99001", "403 Forbidden – another customer’s organization"),
        ("/readings/990011?fields[]=E", "403 Forbidden – another customer’s channel"),
        ("/organizations/5", "404 Unknown organization"),
        ("/channels?organization=5", "404 Unknown organization"),
        ("/channels/5", "404 Not found – channels 5"),
        ("/readings/5?fields[]=E", "404 Not found – channel 5"),
        ("/nothing", "404 Unknown resource"),
        ("/fields/1", "404 Unknown device type"),
    ],
)
def test_refusals_speak_in_the_reason_phrase(client: FlaskClient, path: str, status: str) -> None:
    reply = client.get(path, headers=headers_of())
    assert reply.status.encode("latin-1").decode() == status
    assert reply.data == b""


# --- readings --------------------------------------------------------------------------------------------------------


def read(client: FlaskClient, channel: int = RTU_1, fields: tuple[str, ...] = ("E",), **query: Any) -> Any:
    reply = get(client, f"/v1/readings/{channel}", fields__=list(fields), **query)
    return reply.get_json(force=True) if reply.status_code == 200 else reply.status


def test_reading_has_the_recorded_shape(client: FlaskClient) -> None:
    reply = read(client, fields=("E", "P", "PF"), daterange__=[JAN_28, JAN_28 + 1800], res=900)
    records = reply.pop("records")
    assert reply == {
        "uuid": "5410EC8A1F2E0003",
        "name": "RTU-1",
        "channel": RTU_1,
        "organization": 23271,
        "timeZone": "America/New_York",
        "from": JAN_28,
        "to": JAN_28 + 1800,
        "resolution": 900,
        "action": "summarize",
        "units": {"ts": "Unix Time", "E": "Wh", "P": "W", "PF": ""},
        "recordCount": 2,
        "operatingHours": {},
    }
    assert [list(row) for row in records] == [["ts", "E", "P", "PF"]] * 2
    assert [row["ts"] for row in records] == [JAN_28, JAN_28 + 900]


def test_buckets_start_at_the_requested_second(client: FlaskClient) -> None:
    start = JAN_28 + 4 * 3600 + 51 * 60 + 31
    rows = read(client, fields=("E",), daterange__=[start, start + 3600], res=900)["records"]
    assert [row["ts"] - start for row in rows] == [0, 900, 1800, 2700]
    minute = start - 31
    minutes = read(client, fields=("E",), daterange__=[minute, minute + 3600], res=60)["records"]
    assert len(minutes) == 60
    assert rows[1]["E"] == pytest.approx(sum(row["E"] for row in minutes[15:30]), abs=1e-4)


def test_dates_are_local_midnights_and_the_end_is_exclusive(client: FlaskClient) -> None:
    by_date = read(client, daterange__=["2026-01-28", "2026-01-29"], res=3600)
    by_epoch = read(client, daterange__=[JAN_28, JAN_28 + DAY], res=3600)
    assert by_date == by_epoch
    assert by_date["records"][-1]["ts"] == JAN_28 + DAY - 3600


@pytest.mark.parametrize(
    ("day", "after", "quarters"), [("2026-03-08", "2026-03-09", 92), ("2025-11-02", "2025-11-03", 100)]
)
def test_local_days_of_clock_changes(day: str, after: str, quarters: int) -> None:
    client = make_client(now=datetime(2026, 4, 1, tzinfo=UTC))
    reply = read(client, daterange__=[day, after], res=900)
    assert reply["recordCount"] == len({row["ts"] for row in reply["records"]}) == quarters


@pytest.mark.parametrize(
    ("word", "start", "end"),
    [
        ("today", "2026-02-02", "2026-02-03"),
        ("yesterday", "2026-02-01", "2026-02-02"),
        ("lastweek", "2026-01-26", "2026-02-02"),
        ("7days", "2026-01-26", "2026-02-02"),
        ("30days", "2026-01-03", "2026-02-02"),
        ("thismonth", "2026-02-01", "2026-03-01"),
        ("lastmonth", "2026-01-01", "2026-02-01"),
        ("thisweek", "2026-02-02", "2026-02-09"),
        ("90days", "2025-11-04", "2026-02-02"),
        ("thisquarter", "2026-01-01", "2026-04-01"),
        ("lastquarter", "2025-10-01", "2026-01-01"),
        ("thisyear", "2026-01-01", "2027-01-01"),
        ("lastyear", "2025-01-01", "2026-01-01"),
    ],
)
def test_words_for_ranges(client: FlaskClient, word: str, start: str, end: str) -> None:
    by_dates = read(client, daterange__=[start, end], res=3600)
    assert read(client, daterange=word, res=3600) == read(client, daterange__=[word], res=3600) == by_dates


def test_nothing_is_served_before_it_is_over(client: FlaskClient) -> None:
    rows = read(client, daterange="today", res=900)["records"]
    assert rows[-1]["ts"] + 900 == datetime(2026, 2, 2, 14, 0, tzinfo=UTC).timestamp()
    assert read(client, daterange__=["2026-02-03", "2026-02-05"], res=900)["records"] == []


def test_nothing_is_served_from_before_installation(client: FlaskClient) -> None:
    installed = int(get(client, f"/channels/{RTU_1}").get_json(force=True)["installedTs"])
    assert installed == datetime(2023, 1, 1, 5, tzinfo=UTC).timestamp()
    rows = read(client, daterange__=[installed - DAY, installed + 1800], res=900)["records"]
    assert [row["ts"] for row in rows] == [installed, installed + 900]


@pytest.mark.parametrize(
    ("asked", "days", "answered"),
    [
        ("60", 1, 60),
        ("60", 2, 900),
        ("60", 7, 1800),
        ("900", 90, 900),
        ("900", 101, 3600),
        ("1800", 300, 3600),
        ("3600", 400, 3600),
        ("3600", 500, DAY),
        ("auto", 1, 900),
        ("auto", 7, 1800),
        ("auto", 90, 3600),
        ("86400", 3, DAY),
    ],
)
def test_long_ranges_come_back_coarser(asked: str, days: int, answered: int) -> None:
    assert choose_resolution_s(asked, Span(0, days * DAY), 60) == answered


def test_reply_says_which_resolution_it_is(client: FlaskClient) -> None:
    reply = read(client, daterange="lastweek", res=60)
    assert (reply["resolution"], reply["recordCount"]) == (1800, 336)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"res": 123}, "500 Invalid Parameter: res"),
        ({"action": "bestday"}, "500 Invalid Parameter: action"),
        ({"daterange": "someday"}, "500 Invalid Date Range"),
        ({"daterange__": [JAN_28]}, "500 Invalid Date Range"),
        ({"daterange__": [JAN_28, JAN_28 + 1, JAN_28 + 2]}, "500 Invalid Date Range: two values are needed"),
        ({"daterange__": [JAN_28, JAN_28]}, "500 Invalid Date Range: start must be before end"),
        ({"daterange__": ["28/01/2026", JAN_28]}, "500 Invalid Date Range: epoch seconds or YYYY-MM-DD"),
        ({"fields": ()}, "500 Missing Parameter: fields"),
        ({"fields": ("E", "kWh")}, "500 Invalid Parameter"),
        ({"fields": ("T", "RH")}, "500 Invalid Parameter"),
        ({"fields": ("E", "P", "V"), "channel": AIR}, "500 Invalid Parameter"),
    ],
)
def test_what_the_service_cannot_answer(client: FlaskClient, query: dict[str, Any], status: str) -> None:
    assert read(client, **{"daterange": "yesterday", **query}) == status


def test_time_is_a_field_that_may_be_asked(client: FlaskClient) -> None:
    reply = read(client, fields=("ts", "E"), daterange="yesterday", res=3600)
    assert reply == read(client, fields=("E",), daterange="yesterday", res=3600)
    times = read(client, fields=("ts",), daterange="yesterday", res=3600)["records"]
    assert times == [{"ts": row["ts"]} for row in reply["records"]]


def test_known_field_that_a_device_lacks_is_null_or_absent(client: FlaskClient) -> None:
    meter = read(client, fields=("E", "T", "cost"), daterange="yesterday", res=3600)
    assert meter["units"] == {"ts": "Unix Time", "E": "Wh", "T": "°C", "cost": "USD"}
    assert {(row["T"], row["cost"]) for row in meter["records"]} == {(None, None)}
    assert all(row["E"] > 0 for row in meter["records"])
    air = read(client, AIR, ("T", "E"), daterange="yesterday", res=3600)
    assert {tuple(row) for row in air["records"]} == {("ts", "T")}


def test_device_without_any_of_the_fields_may_answer_nulls() -> None:
    client = make_client(faults="null_replies")
    rows = read(client, fields=("T", "RH", "CO2"), daterange="yesterday", res=3600)["records"]
    assert [(row["T"], row["RH"], row["CO2"]) for row in rows] == [(None, None, None)] * 24
    rows = read(client, AIR, ("E", "P"), daterange="yesterday", res=3600)["records"]
    assert [(row["E"], row["P"]) for row in rows] == [(None, None)] * 24


def test_license_that_has_ended_is_402() -> None:
    ends = datetime(2032, 12, 29, 20, tzinfo=UTC)  # ten years of 365 days after the registration
    moments = [NOW]
    client = make_client(now=lambda: moments[0])
    assert get(client, f"/channels/{RTU_1}").get_json(force=True)["expires"] == str(int(ends.timestamp()))
    day = {"daterange__": ["2026-01-28", "2026-01-29"], "res": 3600}
    moments[0] = ends - timedelta(seconds=1)
    assert read(client, **day)["recordCount"] == 24
    moments[0] = ends
    assert read(client, **day) == "402 Subscription Expired"


def test_air_sense_answers_its_own_fields(client: FlaskClient) -> None:
    reply = read(client, AIR, ("T", "RH", "CO2"), daterange="yesterday", res=3600)
    assert reply["units"] == {"ts": "Unix Time", "T": "°C", "RH": "%", "CO2": "ppm"}
    assert reply["recordCount"] == 24
    assert all(15 < row["T"] < 28 and 15 <= row["RH"] <= 90 and 400 < row["CO2"] < 1200 for row in reply["records"])


def test_total_is_one_record(client: FlaskClient) -> None:
    total = read(client, fields=("E", "P"), daterange="yesterday", action="total")
    hourly = read(client, fields=("E", "P"), daterange="yesterday", res=3600)["records"]
    assert total["action"] == "total"
    assert total["records"] == [
        {
            "ts": hourly[0]["ts"],
            "E": pytest.approx(sum(row["E"] for row in hourly), abs=1e-3),
            "P": pytest.approx(sum(row["P"] for row in hourly) / 24, abs=1e-3),
        }
    ]


@pytest.mark.parametrize("action", ["averageday", "meanday", "typicalday", "medianday", "minday", "maxday"])
def test_day_that_stands_for_many(client: FlaskClient, action: str) -> None:
    days = [f"2026-01-{day}" for day in (28, 29, 30, 31)]
    hourly = [
        [row["E"] for row in read(client, daterange__=span, res=3600)["records"]]
        for span in zip(days, days[1:], strict=False)
    ]
    reply = read(client, daterange__=[days[0], days[-1]], res=3600, action=action)
    expected = {
        "minday": min(hourly, key=sum),
        "maxday": max(hourly, key=sum),
        **dict.fromkeys(("averageday", "meanday"), [sum(hour) / 3 for hour in zip(*hourly, strict=True)]),
        **dict.fromkeys(("typicalday", "medianday"), [sorted(hour)[1] for hour in zip(*hourly, strict=True)]),
    }
    assert (reply["action"], reply["recordCount"]) == (action, 24)
    assert [row["E"] for row in reply["records"]] == pytest.approx(expected[action], abs=1e-5)


def test_options_name_what_can_be_asked(client: FlaskClient) -> None:
    reply = client.options(f"/v1//readings/{AIR}/", headers=headers_of())
    filters = reply.get_json(force=True)["filters"]
    assert filters["fields"] == ["ts", "T", "RH", "CO2"]
    assert filters["action"] == [
        *("summarize", "total", "averageday", "typicalday", "medianday", "meanday", "minday", "maxday"),
    ]
    assert client.options("/readings/5/", headers=headers_of()).status_code == 404
    assert client.options(f"/readings/{AIR}/").status == "401 Invalid API Key"


def test_counters_grow_by_the_usage(client: FlaskClient) -> None:
    usage = read(client, daterange="yesterday", res=3600)["records"]
    counters = read(client, daterange="yesterday", res=3600, showCounters=1)["records"]
    assert counters[0]["E"] > 1e6  # years of use
    steps = [later["E"] - earlier["E"] for earlier, later in zip(counters, counters[1:], strict=False)]
    assert steps == pytest.approx([row["E"] for row in usage[1:]], abs=1e-3)


# --- over real HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[str]:
    url, stop = serve_in_thread(create_app(now=NOW, planted_weeks=[date(2026, 1, 26)]))
    yield url
    stop()
    stop()


def ask(url: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", path, headers=headers_of())
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_served_over_http_with_utf8_reasons(served: str) -> None:
    assert served.startswith("http://127.0.0.1:")
    response, body = ask(served, "/v1/organizations/99001")
    assert response.reason.encode("latin-1").decode() == "Forbidden – another customer’s organization"
    assert (response.status, body) == (403, b"")
    response, body = ask(served, f"/readings/{RTU_1}?fields[]=E&daterange=yesterday&res=900")
    assert response.headers["X-Eniscope-Sandbox"] == "1"
    assert json.loads(body)["recordCount"] == 96


def test_connection_is_refused_after_stop() -> None:
    url, stop = serve_in_thread(create_app(now=NOW))
    stop()
    with pytest.raises(ConnectionError):
        ask(url, "/organizations")
