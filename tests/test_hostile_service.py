"""A service that breaks the rules: answers without end, floods, lists and headers that make no sense."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme
from scripted_server import ScriptedServer, answer, page

from config.settings import Settings
from ingest.eniscope.account import make_client
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.normalize import parse_channel, parse_device, parse_int, parse_organization, parse_readings
from ingest.eniscope.troubles import Troubles, gather_troubles
from ingest.ingest_to_postgres import last_settled
from ingest.runs.registration import register
from lib import db
from lib import http_limits as limits
from lib.date_utils import Window
from lib.errors import ApiError, ConfigError, UnreachableError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

START = datetime(2026, 1, 20, 5, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
START_S = int(START.timestamp())
SITE = {"organizationId": 1}


@contextmanager
def dripping_server(head: bytes, *, pause_s: float = 0.05) -> Iterator[str]:
    """Send `head` and then one byte after another, for ever, to everyone who connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(head)
                while not over.wait(pause_s):
                    connection.sendall(b"x")
            except OSError:
                return  # the client has had enough

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
    ],
    ids=["length", "chunked", "until it closes", "header"],
)
def test_answer_that_only_drips_is_given_up_in_time(head: bytes) -> None:
    with dripping_server(head) as url:
        dripped = EniscopeClient(
            url, "k", "e", "p", requests_per_second=0, timeout_s=5, total_timeout_s=0.3, sleep=lambda seconds: None
        )
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="time-out"):
            dripped.get_organization(1)
        dripped.close()
    assert time.monotonic() - began == pytest.approx(5 * 0.3, abs=1.0)


def test_limit_holds_by_way_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{") as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        behind = EniscopeClient(
            "http://service.invalid", "k", "e", "p", requests_per_second=0, total_timeout_s=0.2, sleep=lambda _: None
        )
        with pytest.raises(UnreachableError, match="time-out"):
            behind.get_organization(1)
        behind.close()


@pytest.fixture
def secure_server(server: ScriptedServer, tmp_path: Path) -> tuple[str, str]:
    """The scripted server behind TLS: its address, and the file of the authority to trust."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    return server.url.replace("http:", "https:"), str(tmp_path / "ca.pem")


def test_limits_hold_over_tls(server: ScriptedServer, secure_server: tuple[str, str]) -> None:
    url, authority = secure_server
    server.answers = [answer({"x": "y" * 100_000}), answer(b"{", Content_Length="9")]
    with requests.Session() as session:
        session.mount("https://", limits.LimitedAdapter(0.5))
        response = session.get(url, verify=authority, timeout=5, stream=True)
        assert json.loads(limits.read_body(response)) == {"x": "y" * 100_000}
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            limits.read_body(session.get(url, verify=authority, timeout=5, stream=True))


@pytest.mark.parametrize("is_packed", [False, True])
def test_flood_is_not_taken_into_memory(
    server: ScriptedServer,
    client: EniscopeClient,
    monkeypatch: pytest.MonkeyPatch,
    is_packed: bool,
) -> None:
    monkeypatch.setattr(limits, "MAX_REPLY_BYTES", 1_000_000)
    flood = json.dumps(SITE | {"x": "0" * 2_000_000}).encode()
    headers = {"Content_Encoding": "gzip"} if is_packed else {}
    server.answers = [answer(gzip.compress(flood) if is_packed else flood, **headers)]
    with pytest.raises(UnreachableError, match="the body is larger than any reply"):
        client.get_organization(1)


def test_json_nested_beyond_reason_is_a_passing_fault(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer(b"[" * 200_000), answer(SITE)]
    with gather_troubles(Troubles()) as troubles:
        assert client.get_organization(1) == SITE
    assert troubles.counts == {"the body is not JSON": 1}


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("0", 0.0), ("7", 7.0), ("99999", 120.0), ("9" * 5000, 1.0), ("-5", 1.0), ("soon", 1.0), ("", 1.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 1.0),
    ],
)  # fmt: skip
def test_time_to_wait_is_read_in_both_forms_and_bounded(
    server: ScriptedServer,
    client: EniscopeClient,
    naps: list[float],
    value: str,
    pause_s: float,
) -> None:
    server.answers = [answer(status=503, Retry_After=value), answer(SITE)]
    assert client.get_organization(1) == SITE
    assert naps == [pause_s]


def test_redirect_takes_no_credentials_to_another_host(server: ScriptedServer, client: EniscopeClient) -> None:
    with dripping_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as elsewhere:
        for status in (301, 302, 303, 307, 308):
            server.answers = [answer(status=status, reason="Moved", Location=f"{elsewhere}/organizations/1")]
            with pytest.raises(ApiError, match=f"HTTP {status} Moved"):
                client.get_organization(1)
    assert len(server.requests) == 5


def test_channel_that_is_listed_twice_by_every_reading_counts_once(
    server: ScriptedServer,
    client: EniscopeClient,
) -> None:
    server.answers = [page(1, 1, 3, 1, 2, 2)]
    with gather_troubles(Troubles()) as troubles:
        assert [channel["dataChannelId"] for channel in client.get_channels(1)] == [1, 2]
    assert troubles.counts == {"the list of channels names some twice": 3}


def test_list_that_hides_another_one_each_time_is_not_taken_for_whole(
    server: ScriptedServer,
    client: EniscopeClient,
) -> None:
    server.answers = [page(1, 1, 3, 1, 2, 2), page(1, 1, 3, 2, 3, 3), page(1, 1, 3, 1, 3, 3)]
    with pytest.raises(ApiError, match="counts 3 but lists 2"):
        client.get_channels(1)


@pytest.mark.parametrize(
    "value", ["+-5", "--5", "9" * 5000, 10**400, "", " ", "-", "1e400", True, [5], 2**63, -(2**63)]
)
def test_no_whole_number(value: Any) -> None:
    assert parse_int(value) is None


@pytest.mark.parametrize("value", [0, "-3", None, "9" * 5000])
def test_channel_without_a_usable_id_is_left_out(value: Any) -> None:
    assert parse_channel({"dataChannelId": value, "organizationId": 1}, 1) is None


@pytest.mark.parametrize("field", ["ts", "E", "P", "V"])
def test_number_without_end_spoils_its_own_record_only(field: str) -> None:
    records = [{"ts": START_S + number * 900, "E": 100.0, "P": 400.0, "V": 230.0} for number in range(3)]
    records[1][field] = 10**400
    parsed = parse_readings({"records": records}, WINDOW, 900, ("E", "P", "V"))
    is_kept = field == "V"  # of a lesser quantity only the value is left out
    assert parsed.rows["timestamp"].tolist() == [START_S, *[START_S + 900] * is_kept, START_S + 1800]
    assert parsed.rejects == ({} if is_kept else {"unparsable": 1})
    assert [reject.raw for reject in parsed.quarantined] == ([] if is_kept else [records[1]])


@pytest.mark.parametrize("value", ["1,5", "abc", "1e999", float("inf"), True, [1], {"a": 1}])
@pytest.mark.parametrize("field", ["E", "P"])
def test_record_whose_energy_or_power_cannot_be_read_is_kept_for_a_person(field: str, value: Any) -> None:
    record = {"ts": START_S, "E": 100.0, "P": 400.0} | {field: value}
    parsed = parse_readings({"records": [record]}, WINDOW, 900, ("E", "P"))
    assert (len(parsed.rows), parsed.rejects) == (0, {"unparsable": 1})
    assert [reject.raw for reject in parsed.quarantined] == [record]


@pytest.mark.parametrize("value", [None, "", "null", "N/A", float("nan"), "NaN"])
def test_record_without_energy_has_its_power(value: Any) -> None:
    parsed = parse_readings({"records": [{"ts": START_S, "E": value, "P": 400.0}]}, WINDOW, 900, ("E", "P"))
    assert parsed.rows["power_kw"].tolist() == [0.4]
    assert parsed.rows["energy_kwh"].isna().tolist() == [True]
    assert parsed.rejects == {}


def test_negative_zero_is_zero() -> None:
    parsed = parse_readings({"records": [{"ts": START_S, "E": -0.0, "P": "-0"}]}, WINDOW, 900, ("E", "P"))
    assert [str(value) for value in parsed.rows.iloc[0, 1:]] == ["0.0", "0.0"]


def test_server_that_gives_the_same_page_for_ever_is_left(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [page(1, 10**9, 10**9, *range(1, 101))]
    with pytest.raises(ApiError, match="counts 1000000000 but lists 100; run again later"):
        client.get_channels(1)
    assert len(server.requests) == 2 * 3  # the page that brings nothing new, at each of three readings


@pytest.mark.parametrize("key", ["ключ", "key\n", "key\x00", "clé"])
def test_key_that_no_header_can_carry_is_told_before_anything_is_asked(key: str) -> None:
    settings = Settings(api_key=key, api_email="e@example.com", api_password="secret-word")
    with pytest.raises(ConfigError, match="VITE_ENISCOPE_API_KEY holds a character that no key has; copy it once more"):
        make_client(settings)


def test_site_whose_place_is_nowhere_has_none() -> None:
    def place(lat: Any, lng: Any) -> tuple[float | None, float | None]:
        raw = {"organizationId": 1, "timeZone": "UTC", "lat": lat, "lng": lng}
        site = parse_organization(raw)
        return site["latitude"], site["longitude"]

    assert place("40.7", "-74") == (40.7, -74.0)
    assert place("0", 0) == place(91, 10) == place(10, -181) == place("1e400", 5) == place(40, None) == (None, None)


def test_type_number_that_no_column_holds_is_left_out() -> None:
    channel = parse_channel({"dataChannelId": 5, "deviceTypeId": 2**31}, 1)
    device = parse_device({"deviceId": 5, "deviceTypeId": str(2**40)}, 1)
    assert channel is not None
    assert device is not None
    assert (channel["device_type_id"], device["device_type_id"]) == (None, None)


class StubbornClient:
    """A client whose service lists what it is given."""

    source = "eniscope"
    nearest_clock_offset = timedelta(0)

    def __init__(self, channel_ids: list[Any]) -> None:
        self.channel_ids = channel_ids

    def get_organization(self, site_id: int) -> dict[str, Any]:
        return {"organizationId": site_id, "organizationName": "School", "timeZone": "America/New_York"}

    def get_devices(self, site_id: int) -> list[dict[str, Any]]:
        return [{"deviceId": "07"}, {"deviceId": 7}]

    def get_channels(self, site_id: int) -> list[dict[str, Any]]:
        return [{"dataChannelId": key, "channelName": f"RTU {number}"} for number, key in enumerate(self.channel_ids)]

    def get_fields(self, device_type_id: int) -> Any:
        return []


def test_one_channel_under_two_spellings_is_one(conn: Connection) -> None:
    register(conn, StubbornClient(["10", "010", 10, "10.0", 11]), 1)  # type: ignore[arg-type]
    rows = db.fetch_all(conn, "SELECT channel_id, name FROM channels ORDER BY 1")
    assert rows == [(10, "RTU 0"), (11, "RTU 4")]


def test_list_that_is_empty_all_at_once_is_not_believed(conn: Connection) -> None:
    register(conn, StubbornClient([10, 11]), 1)  # type: ignore[arg-type]
    with pytest.raises(ApiError, match="site 1: the service lists none of its 2 channels any more; .*run again later"):
        register(conn, StubbornClient([]), 1)  # type: ignore[arg-type]
    assert db.fetch_all(conn, "SELECT count(*) FROM channels WHERE is_listed") == [(2,)]
    assert db.fetch_all(conn, "SELECT status FROM ingestion_logs ORDER BY log_id") == [("done",), ("failed",)]
    register(conn, StubbornClient([]), 2)  # type: ignore[arg-type]  # a site that never had any is only told


@pytest.mark.parametrize(
    ("offset", "settled"),
    [
        (timedelta(minutes=-30), START - timedelta(minutes=40)),
        (timedelta(hours=3), START - timedelta(minutes=10)),
    ],
)
def test_window_ends_where_both_clocks_say_that_it_is_over(offset: timedelta, settled: datetime) -> None:
    assert last_settled(START, offset) == settled
