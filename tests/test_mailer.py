"""Mail over real SMTP: TLS, login, retries, refusals, and names that would break a header."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mail_server import PASSWORD, RunningServer, free_port, run_mail_server

from lib import logs
from lib.errors import DeliveryError
from lib.mailer import Attachment, MailServer, build_message, send_message


@pytest.fixture(scope="module", params=["starttls", "tls", "none"])
def any_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_mail_server(tmp_path_factory.mktemp("mail"), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_mail_server(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture(autouse=True)
def _clean_inbox(request: pytest.FixtureRequest) -> None:
    for name in {"running", "any_server"} & set(request.fixturenames):
        inbox = request.getfixturevalue(name).inbox
        inbox.messages.clear(), inbox.logins.clear(), inbox.replies.clear()


def a_message(recipient: str = "to@example.com", subject: str = "Weekly report") -> object:
    return build_message(
        "from@example.com", recipient, subject, "plain ü", message_id="<1@energy-pipeline>", html="<b>rich</b>",
        attachments=(Attachment("report.pdf", b"%PDF-1.7 \x00", "pdf"),), sent_at_s=1_800_000_000.0,
    )  # fmt: skip


def trust(running: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))


def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing to wait for")


def test_message_arrives_whole_over_every_kind_of_connection(
    any_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(any_server, monkeypatch)
    send_message(any_server.server, a_message(), sleep=no_sleep)
    (message,) = any_server.inbox.messages
    assert any_server.inbox.logins == [any_server.server.user is not None]
    assert (message["From"], message["To"], message["Subject"]) == (
        "from@example.com",
        "to@example.com",
        "Weekly report",
    )
    assert (message["Message-ID"], message["Date"]) == ("<1@energy-pipeline>", "Fri, 15 Jan 2027 08:00:00 +0000")
    assert message.get_body(("plain",)).get_content().strip() == "plain ü"
    assert message.get_body(("html",)).get_content().strip() == "<b>rich</b>"
    (attachment,) = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type()) == ("report.pdf", "application/pdf")
    assert attachment.get_content() == b"%PDF-1.7 \x00"


def test_an_unknown_certificate_is_not_trusted(running: RunningServer) -> None:
    with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        send_message(running.server, a_message(), sleep=no_sleep)
    assert running.inbox.messages == []


def test_passing_trouble_is_tried_again(running: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(running, monkeypatch)
    running.inbox.replies += ["451 greylisted, come again", "421 busy"]
    waited: list[float] = []
    send_message(running.server, a_message(), waits_s=(1.0, 2.0, 3.0), sleep=waited.append)
    assert (len(running.inbox.messages), waited) == (1, [1.0, 2.0])


@pytest.mark.parametrize(
    "replies, waits, reason",
    [(["550 no such user"], [], "550 no such user"), (["451 later"] * 3, [1.0, 2.0], "451 later")],
)
def test_a_refusal_is_final_and_names_the_recipient(
    running: RunningServer, monkeypatch: pytest.MonkeyPatch, replies: list[str], waits: list[float], reason: str
) -> None:
    trust(running, monkeypatch)
    running.inbox.replies += replies
    waited: list[float] = []
    with pytest.raises(DeliveryError, match=f"mail to to@example.com by 127.0.0.1:.* failed: {reason}; check"):
        send_message(running.server, a_message(), waits_s=(1.0, 2.0), sleep=waited.append)
    assert waited == waits
    assert running.inbox.messages == []


def test_a_wrong_password_is_final_and_not_shown(running: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(running, monkeypatch)
    logs.remember_secrets(["not-the-password", PASSWORD])
    server = running.server._replace(password="not-the-password")
    with pytest.raises(DeliveryError, match="535") as caught:
        send_message(server, a_message(), sleep=no_sleep)
    assert "not-the-password" not in str(caught.value)


def test_a_server_that_is_not_there_is_tried_again() -> None:
    waited: list[float] = []
    with pytest.raises(DeliveryError, match="refused"):
        send_message(
            MailServer("127.0.0.1", free_port(), "none", None, None), a_message(), waits_s=(1.0,), sleep=waited.append
        )
    assert waited == [1.0]


@pytest.mark.parametrize("name", ["a\r\nBcc: everyone@example.com", "\x1b[31mred", "‮evil", "=?utf-8?q?x?="])
def test_a_hostile_name_stays_within_the_subject(
    running: RunningServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trust(running, monkeypatch)
    send_message(running.server, a_message(subject=f"Report of {name}"), sleep=no_sleep)
    (message,) = running.inbox.messages
    assert message["Bcc"] is None
    assert message["To"] == "to@example.com"
    assert message["Subject"] is not None and str(message["Subject"]).startswith("Report of ")
    assert "\n" not in str(message["Subject"]) and "\x1b" not in str(message["Subject"])
