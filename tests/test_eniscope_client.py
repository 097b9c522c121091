"""The client against a scripted server over real HTTP: authentication, retries, pages, and what it never does."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scripted_server import ScriptedServer, answer, page

from ingest.eniscope.client import EniscopeClient, basic_authorization
from ingest.eniscope.troubles import Troubles, gather_troubles
from lib.date_utils import Window
from lib.errors import AccessError, ApiError, AuthenticationError, UnreachableError, UnsupportedFieldsError
from lib.logs import remember_secrets

WINDOW = Window(datetime(2026, 1, 20, 5, tzinfo=UTC), datetime(2026, 1, 21, 5, tzinfo=UTC))


def test_vendors_authorization_vector() -> None:
    assert basic_authorization("api@someorg.com", "thisismypassword") == (
        "Basic YXBpQHNvbWVvcmcuY29tOjMxNDM1MDA4NjkzY2U2OTc2ZjQ1ZGVkYzU1MzJlMmMx"
    )


def test_credentials_travel_in_headers_only(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"organizationId": "1"})]
    client.get_organization(1)
    path, query, headers = server.requests[0]
    assert (path, query) == ("/v1/organizations/1", {})
    assert headers["X-Eniscope-API"] == "the-key"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).startswith(b"api@someorg.com:")
    assert "X-Eniscope-Token" not in headers


def test_newest_token_replaces_the_login(server: ScriptedServer, client: EniscopeClient) -> None:
    ok = {"organizationId": 1}
    server.answers = [answer(ok, X_Eniscope_Token="t1"), answer(ok, X_Eniscope_Token="t2"), answer(ok)]
    for _ in range(3):
        client.get_organization(1)
    assert [headers.get("X-Eniscope-Token") for _, _, headers in server.requests] == [None, "t1", "t2"]
    assert ["Authorization" in headers for _, _, headers in server.requests] == [True, False, False]


@pytest.mark.parametrize("status", [401, 419])
def test_expired_token_logs_in_again_once(server: ScriptedServer, client: EniscopeClient, status: int) -> None:
    ok = {"organizationId": 1}
    server.answers = [answer(ok, X_Eniscope_Token="t1"), answer(status=status), answer(ok, X_Eniscope_Token="t2")]
    client.get_organization(1)
    assert client.get_organization(1) == ok
    assert ["Authorization" in headers for _, _, headers in server.requests] == [True, False, True]


def test_refused_login_fails_at_once_and_shows_no_secret(
    server: ScriptedServer, client: EniscopeClient, naps: list[float]
) -> None:
    server.answers = [answer(status=401, reason="Clé refusée")]
    with pytest.raises(AuthenticationError, match="HTTP 401 Clé refusée.*VITE_ENISCOPE_PASSWORD") as failure:
        client.get_organization(1)
    assert (len(server.requests), naps) == (1, [])
    assert "the-key" not in str(failure.value)
    assert "thisismypassword" not in str(failure.value)


@pytest.mark.parametrize("status", [403, 404])
def test_foreign_site_is_named(server: ScriptedServer, client: EniscopeClient, status: int) -> None:
    server.answers = [answer(status=status, reason="No")]
    with pytest.raises(AccessError, match="site 7: not found or not this account's"):
        client.get_organization(7)
    assert len(server.requests) == 1


def test_first_403_may_be_a_wrong_password_and_a_later_one_is_not(
    server: ScriptedServer, client: EniscopeClient
) -> None:
    server.answers = [answer(status=403, reason="Forbidden")]
    with pytest.raises(AccessError, match=r"\(HTTP 403 Forbidden\), or, .* is wrong; check VITE_ENISCOPE_EMAIL"):
        client.get_organization(7)
    server.answers = [answer({"organizationId": 7}), answer(status=403, reason="Forbidden")]
    client.get_organization(7)
    with pytest.raises(AccessError, match=r"account's \(HTTP 403 Forbidden\); check the id and the account"):
        client.get_organization(8)


def test_403_that_names_the_credentials_is_a_refused_login(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"error": "Invalid credentials"}, status=403, reason="Forbidden")]
    with pytest.raises(AuthenticationError, match="refused the login .*VITE_ENISCOPE_EMAIL and VITE_ENISCOPE_PASSWORD"):
        client.get_organization(7)


def test_another_organization_in_the_reply_is_refused(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"organizationId": 8})]
    with pytest.raises(AccessError, match="another organization"):
        client.get_organization(7)


def test_passing_faults_are_retried_with_growing_pauses(
    server: ScriptedServer, client: EniscopeClient, naps: list[float]
) -> None:
    server.answers = [
        answer(status=503),
        answer(b"<html>proxy error</html>"),
        answer(b'{"organizationId": 1', Content_Length="400"),  # cut off
        answer({"organizationId": 1}),
    ]
    assert client.get_organization(1) == {"organizationId": 1}
    assert naps == [1.0, 2.0, 4.0]


def test_service_that_stays_down_is_given_up(server: ScriptedServer, client: EniscopeClient, naps: list[float]) -> None:
    server.answers = [answer(status=500, reason="Oops")]
    with pytest.raises(UnreachableError, match=r"channel 5, 2026-01-20T05:00Z\.\..*5 attempts \(HTTP 500 Oops\)"):
        client.get_readings(5, WINDOW, 900, ["E"])
    assert (len(server.requests), naps) == (5, [1.0, 2.0, 4.0, 8.0])


def test_nobody_listening_is_given_up() -> None:
    client = EniscopeClient("http://127.0.0.1:9", "k", "e", "p", requests_per_second=0, sleep=lambda seconds: None)
    with pytest.raises(UnreachableError, match="cannot connect"):
        client.get_organization(1)
    client.close()


def test_rate_limit_pauses_everyone_for_the_time_named(server: ScriptedServer, naps: list[float]) -> None:
    client = EniscopeClient(server.url, "k", "e", "p", requests_per_second=0, sleep=naps.append)
    server.answers = [answer(status=429, Retry_After="3"), answer(status=429), answer({"organizationId": 1})]
    client.get_organization(1)
    client.close()
    # Slept where the next turn is taken: what the server named, then the second step of 8, 16, 32.
    assert naps == [pytest.approx(3, abs=0.5), pytest.approx(3 + 16, abs=3.5)]


def test_steady_refusal_of_fields_is_not_retried(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer(b"", status=500, reason="Invalid Parameter")]
    with pytest.raises(UnsupportedFieldsError):
        client.get_readings(5, WINDOW, 900, ["E", "P"])
    assert len(server.requests) == 1


def test_other_refusals_are_told(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer(status=402, reason="Subscription expired")]
    with pytest.raises(ApiError, match=r"license has ended \(HTTP 402 Subscription expired\); have the vendor renew"):
        client.get_readings(5, WINDOW, 900, ["E"])


def test_redirect_is_not_followed(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer(status=302, reason="Found", Location="http://127.0.0.1:9/steal")]
    with pytest.raises(ApiError, match="HTTP 302 Found"):
        client.get_organization(1)
    assert len(server.requests) == 1


def test_readings_are_asked_in_the_services_words(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"records": []})]
    client.get_readings(59155, WINDOW, 900, ["E", "P"])
    path, query, _ = server.requests[0]
    assert path == "/v1/readings/59155"
    assert query == {
        "fields[]": ["E", "P"],
        "daterange[]": ["1768885200", "1768971600"],
        "res": ["900"],
        "action": ["summarize"],
        "showCounters": ["0"],
    }


def test_every_page_is_read(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [page(1, 3, 5, 1, 2), page(2, 3, 5, 3, 4), page(3, 3, 5, 5)]
    assert [channel["dataChannelId"] for channel in client.get_channels(1)] == [1, 2, 3, 4, 5]
    assert [query["page"] for _, query, _ in server.requests] == [["1"], ["2"], ["3"]]


def test_list_that_shifts_between_pages_is_read_again(server: ScriptedServer, client: EniscopeClient) -> None:
    # Channel 1 goes away after page 1, so that channel 3 slides onto it and is missed.
    server.answers = [page(1, 2, 4, 1, 2), page(2, 2, 4, 4), page(1, 2, 3, 2, 3), page(2, 2, 3, 4)]
    assert [channel["dataChannelId"] for channel in client.get_channels(1)] == [2, 3, 4]


def test_list_that_never_adds_up_is_refused(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [page(1, 1, 9, 1, 2)]
    with pytest.raises(ApiError, match="counts 9 but lists 2"):
        client.get_channels(1)


def test_list_under_another_key_and_without_meta(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"result": [{"deviceId": 1}]})]
    assert client.get_devices(1) == [{"deviceId": 1}]


def test_sandbox_is_recognised_by_its_header(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer({"organizationId": 1}), answer({"organizationId": 1}, X_Eniscope_Sandbox="1")]
    client.get_organization(1)
    assert client.source == "eniscope"
    client.get_organization(1)
    assert client.source == "sandbox"


def test_what_was_cured_is_noted_all_the_same(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [
        answer({"organizationId": 1}, X_Eniscope_Token="t1"),
        answer(status=503, reason="Busy"),
        answer(status=503, reason="Busy"),
        answer(status=419, reason="Gone"),
        answer({"organizationId": 1}, Content_Type="text/html"),
    ]
    client.get_organization(1)
    with gather_troubles(Troubles()) as troubles:
        client.get_organization(1)
    assert troubles.retries == 3
    assert troubles.counts == {"HTTP 503 Busy": 2, "HTTP 419 Gone": 1, "JSON under the content type text/html": 1}
    client.get_organization(1)
    assert troubles.retries == 3  # what comes after the block is not counted


def test_failure_is_noted_with_what_led_to_it(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [answer(b"{"), answer(status=402, reason="Subscription expired")]
    with pytest.raises(ApiError), gather_troubles(Troubles()) as troubles:
        client.get_organization(1)
    assert (troubles.retries, dict(troubles.counts)) == (
        1,
        {"the body is not JSON": 1, "HTTP 402 Subscription expired": 1},
    )


def test_secret_in_a_reason_is_not_noted(server: ScriptedServer, client: EniscopeClient) -> None:
    remember_secrets(["hunter2-token"])
    server.answers = [answer(status=503, reason="hunter2-token is busy"), answer({"organizationId": 1})]
    with gather_troubles(Troubles()) as troubles:
        client.get_organization(1)
    assert list(troubles.counts) == ["HTTP 503 *** is busy"]


@pytest.mark.parametrize(("minutes", "words"), [(7, "7 min ahead of"), (-12, "12 min behind"), (1, None)])
def test_wrong_clock_is_noticed(
    server: ScriptedServer, client: EniscopeClient, minutes: int, words: str | None
) -> None:
    said = datetime.now(UTC) + timedelta(minutes=minutes)
    server.answers = [answer({"organizationId": 1}, Date=format_datetime(said, usegmt=True))]
    with gather_troubles(Troubles()) as troubles:
        client.get_organization(1)
    assert list(troubles.counts) == ([f"the service's clock is {words} ours"] if words else [])
    assert client.clock_offset / timedelta(minutes=1) == pytest.approx(minutes, abs=0.1)


def test_counts_that_change_between_pages_are_not_believed(server: ScriptedServer, client: EniscopeClient) -> None:
    whole = [page(1, 2, 3, 1, 2), page(2, 2, 3, 3)]
    server.answers = [page(1, 1, 2, 1, 2), page(1, 2, 4, 1, 2), page(2, 2, 3, 3), *whole]
    # By itself, the first page is whole: nothing says that it is wrong.
    assert [channel["dataChannelId"] for channel in client.get_channels(1)] == [1, 2]
    with gather_troubles(Troubles()) as troubles:
        assert [channel["dataChannelId"] for channel in client.get_channels(1)] == [1, 2, 3]
    assert troubles.counts == {"the list of channels changed while it was read": 1}


def test_full_page_need_not_be_the_last(server: ScriptedServer, client: EniscopeClient) -> None:
    server.answers = [page(1, 1, 100, *range(100)), page(2, 2, 130, *range(100, 130))] * 3
    assert len(client.get_channels(1)) == 130
    assert len(server.requests) == 6  # the pages never agreed, so all were read three times
