"""What changes while the sandbox is in use: fields that come later, channels that move, a license, a refused set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from lib.errors import UsageError
from operations.sandbox import eniscope_sandbox
from operations.sandbox.api import create_app
from operations.sandbox.auth import Credentials
from operations.sandbox.quirks import FieldsFrom, Move, Quirks, parse_fields_from, parse_move

BEFORE = datetime(2026, 2, 2, 14, tzinfo=UTC)
MOMENT = datetime(2026, 2, 2, 15, tzinfo=UTC)
MOMENT_S = 1770044400
RTU_1, RTU_2, DRYER, AIR = 162121, 162122, 162128, 162127
ACCOUNT = Credentials()
HEADERS = {"X-Eniscope-API": ACCOUNT.api_key, "Authorization": f"Basic {ACCOUNT.basic_value}"}

Serve = Callable[..., tuple[FlaskClient, list[datetime]]]


@pytest.fixture
def serve() -> Serve:
    """Return a client of a sandbox, and its clock to be set."""

    def start(**options: Any) -> tuple[FlaskClient, list[datetime]]:
        clock = [BEFORE]
        app = create_app(now=lambda: clock[0], planted_weeks=[], **options)
        return app.test_client(), clock

    return start


def ask(client: FlaskClient, path: str) -> Any:
    reply = client.get(path, headers=HEADERS)
    return reply.get_json(force=True) if reply.status_code == 200 else reply.status


def read(client: FlaskClient, channel: int, *fields: str, day: str = "yesterday") -> Any:
    asked = "&".join(f"fields[]={field}" for field in fields)
    reply = ask(client, f"/readings/{channel}?{asked}&daterange={day}&res=3600")
    return reply if isinstance(reply, str) else reply["records"]


def test_late_fields_are_null_until_the_service_has_them(serve: Serve) -> None:
    late = FieldsFrom(frozenset({"V", "V1"}), MOMENT_S)
    client, clock = serve(quirks=Quirks(late_fields=(late,)))
    rows = read(client, RTU_1, "E", "V", "V1", "V2")
    assert [(row["V"], row["V1"]) for row in rows] == [(None, None)] * 24
    assert all(row["E"] > 0 and row["V2"] > 100 for row in rows)
    clock[0] = MOMENT
    steady, _ = serve()
    assert read(client, RTU_1, "E", "V", "V1", "V2") == read(steady, RTU_1, "E", "V", "V1", "V2")


def test_sensor_may_be_without_values_for_a_time(serve: Serve) -> None:
    late = FieldsFrom(frozenset({"T", "RH", "CO2"}), MOMENT_S)
    client, clock = serve(quirks=Quirks(late_fields=(late,)))
    assert {tuple(row.values())[1:] for row in read(client, AIR, "T", "RH", "CO2")} == {(None, None, None)}
    clock[0] = MOMENT
    assert all(row["T"] > 15 and row["CO2"] > 400 for row in read(client, AIR, "T", "RH", "CO2"))


def test_young_fields_are_null_in_older_records(serve: Serve) -> None:
    noon_s = 1769965200  # 2026-02-01T12:00-05:00
    client, clock = serve(quirks=Quirks(young_fields=(FieldsFrom(frozenset({"V"}), noon_s),)))
    for moment in (BEFORE, MOMENT):
        clock[0] = moment
        rows = read(client, RTU_1, "E", "V", day="yesterday")
        assert [row["ts"] for row in rows if row["V"] is None] == [noon_s - 3600 * back for back in range(12, 0, -1)]
        assert all(row["E"] > 0 for row in rows)


def test_channel_moves_to_another_site_with_its_readings(serve: Serve) -> None:
    client, clock = serve(quirks=Quirks(moves=(Move(DRYER, 24420, MOMENT_S),)))

    def listed(site: int) -> list[str]:
        return [row["dataChannelId"] for row in ask(client, f"/channels?organization={site}")["channels"]]

    day = f"/readings/{DRYER}?fields[]=E&daterange[]=1769922000&daterange[]=1770008400&res=3600"
    before = ask(client, day)
    assert (str(DRYER) in listed(23271), str(DRYER) in listed(24420)) == (True, False)
    clock[0] = MOMENT
    assert (str(DRYER) in listed(23271), str(DRYER) in listed(24420)) == (False, True)
    after = ask(client, day)
    assert (before["organization"], before["timeZone"]) == (23271, "America/New_York")
    assert (after["organization"], after["timeZone"]) == (24420, "America/Denver")
    assert after["records"] == before["records"]
    row = ask(client, f"/channels/{DRYER}")
    assert (row["organizationName"], row["sortCode"]) == ("Hillside School (sandbox)", "1-2-3-23000-24420-")
    assert len(listed(23271)) == 16


def test_license_of_the_first_site_ends(serve: Serve) -> None:
    client, clock = serve(quirks=Quirks(license_ends_s=MOMENT_S))
    assert ask(client, f"/channels/{RTU_1}")["expires"] == str(MOMENT_S)
    assert len(read(client, RTU_1, "E")) == 24
    clock[0] = MOMENT
    assert read(client, RTU_1, "E") == "402 Subscription Expired"
    assert ask(client, "/channels?organization=23271")["meta"]["recordCount"] == 17
    assert len(read(client, 166001, "E")) == 24


def test_larger_set_of_fields_is_refused_once(serve: Serve) -> None:
    client, _ = serve(faults="fields_refused=1:1")
    assert ask(client, "/organizations/23271")["organizationId"] == "23271"
    assert len(read(client, RTU_1, "E", "P")) == 24
    assert read(client, RTU_1, "E", "P", "V") == "500 Invalid Parameter"
    assert len(read(client, RTU_1, "E", "P", "V")) == 24
    assert len(read(client, RTU_2, "E", "P", "V")) == 24


def test_larger_set_of_fields_is_refused_to_each_that_asks(serve: Serve) -> None:
    client, _ = serve(faults="fields_refused=1")
    asked = [read(client, channel, "E", "P", "V") for channel in (RTU_1, RTU_2, RTU_1)]
    assert asked == ["500 Invalid Parameter"] * 3
    assert len(read(client, RTU_1, "E", "P", "V")) == 24  # whoever asks the same again gets through


def test_options_name_a_moment() -> None:
    assert parse_fields_from("--late-fields", "V,V1@2026-02-02T10:00-05:00") == FieldsFrom(
        frozenset({"V", "V1"}), MOMENT_S
    )
    assert parse_move("162128:24420@2026-02-02T15:00+00:00") == Move(DRYER, 24420, MOMENT_S)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--late-fields", "V"], "should say from when on"),
        (["--late-fields", "V,kWh@2026-02-02T10:00-05:00"], "should name fields of the service; kWh is none"),
        (["--young-fields", "V@2026-02-02T10:00"], "--young-fields '2026-02-02T10:00' has no offset"),
        (["--move", "162128@2026-02-02T10:00-05:00"], "a channel and a site by their numbers"),
        (["--move", "162128:7@2026-02-02T10:00-05:00"], "--move should name a site of the sandbox; 7 is none"),
        (["--move", "7:23272@2026-02-02T10:00-05:00"], "--move should name a channel of the sandbox; 7 is none"),
        (["--license-ends", "soon"], "--license-ends 'soon' should be a date-time"),
    ],
)
def test_options_that_cannot_be_meant(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        eniscope_sandbox.main(["--port", "0", *arguments])
