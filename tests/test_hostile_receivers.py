"""Webhooks, heartbeats and mail servers that drip, never end or lead elsewhere: told in time, and in little memory."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from web_server import Listener, run_web_server

from lib import mailer, webhook
from lib.errors import DeliveryError
from lib.mailer import MailServer, build_message, send_message

# What a test gives it, of which the limits are a part; far below what the server would go on for.
LIMIT_S = 0.4
PATIENCE_S = 20 * LIMIT_S
MAX_MEMORY_KIB = 40 * 1024

Talk = Callable[[socket.socket], None]


@pytest.fixture
def serve_raw() -> Iterator[Callable[[Talk], int]]:
    """Let a function talk to whoever connects; return the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def begin(talk: Talk) -> int:
        def handle(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                talk(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listening.getsockname()[1])

    yield begin
    listening.close()


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_BACKOFF", 0.0)
    monkeypatch.setattr(webhook, "TOTAL_TIMEOUT_S", LIMIT_S, raising=False)
    monkeypatch.setattr(mailer, "TOTAL_TIMEOUT_S", LIMIT_S, raising=False)


@contextlib.contextmanager
def in_time_and_little_memory() -> Iterator[None]:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - began < PATIENCE_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_MEMORY_KIB


def drip(connection: socket.socket, start: bytes, drop: bytes) -> None:
    connection.sendall(start)
    for _ in range(600):
        connection.sendall(drop)
        time.sleep(0.05)


def flood(connection: socket.socket, start: bytes, drop: bytes) -> None:
    connection.sendall(start)
    for _ in range(400):  # 400 MB
        connection.sendall(drop * (1_000_000 // len(drop)))


# --- Webhook and heartbeat --------------------------------------------------------------------------------------------


def answering(talk: Callable[[socket.socket, bytes, bytes], None], start: bytes, drop: bytes) -> Talk:
    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        talk(connection, start, drop)

    return answer


@pytest.mark.parametrize(
    "talk",
    [
        answering(drip, b"", b"H"),
        answering(drip, b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
        answering(drip, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        answering(flood, b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
        answering(flood, b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        answering(flood, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        answering(flood, b"", b"x"),
    ],
)
def test_a_webhook_without_an_end_is_told_as_no_answer(serve_raw: Callable[[Talk], int], talk: Talk) -> None:
    url = f"http://127.0.0.1:{serve_raw(talk)}/secret-token"
    with in_time_and_little_memory(), pytest.raises(DeliveryError, match="no answer from the host 127.0.0.1") as caught:
        webhook.post_json(url, {"text": "x"})
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize("status", [b"200 OK", b"503 Busy"])
@pytest.mark.parametrize("talk", [drip, flood])
def test_a_body_matters_to_nobody_and_is_not_read(
    serve_raw: Callable[[Talk], int], talk: Callable[[socket.socket, bytes, bytes], None], status: bytes
) -> None:
    port = serve_raw(answering(talk, b"HTTP/1.1 " + status + b"\r\n\r\n", b"x"))
    url = f"http://127.0.0.1:{port}/beat"
    with in_time_and_little_memory():
        if status == b"200 OK":
            webhook.ping(url)
        else:
            with pytest.raises(DeliveryError, match="answered 503 Busy"):
                webhook.ping(url)


def test_a_pause_of_a_day_is_not_waited_for(serve_raw: Callable[[Talk], int], monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    ours = threading.current_thread()
    talk = answering(lambda connection, start, _: connection.sendall(start), (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"
    ), b"")  # fmt: skip
    port = serve_raw(talk)
    monkeypatch.setattr(webhook, "_BACKOFF", 1.0)
    # The servers' threads sleep too.
    monkeypatch.setattr(time, "sleep", lambda s: pauses.append(s) if threading.current_thread() is ours else None)
    with pytest.raises(DeliveryError, match="answered 503"):
        webhook.ping(f"http://127.0.0.1:{port}/beat")
    assert pauses == [1.0, 2.0, 4.0]


def test_a_redirect_to_another_host_is_not_followed(serve_raw: Callable[[Talk], int]) -> None:
    with run_web_server() as other:
        assert isinstance(other, Listener)
        head = f"HTTP/1.1 307 There\r\nLocation: {other.url}/hook\r\nContent-Length: 0\r\n\r\n".encode()
        port = serve_raw(answering(lambda connection, start, _: connection.sendall(start), head, b""))
        with pytest.raises(DeliveryError, match="answered 307 There"):
            webhook.post_json(f"http://127.0.0.1:{port}/hook", {"text": "x"})
        assert other.received == []


# --- Mail -------------------------------------------------------------------------------------------------------------


def hand_in(port: int, waits_s: tuple[float, ...] = ()) -> None:
    message = build_message(
        "from@example.com", "to@example.com", "Report", "text", message_id="<1@x>", sent_at_s=1_800_000_000.0
    )
    send_message(
        MailServer("127.0.0.1", port, "none", None, None), message, waits_s=waits_s, sleep=lambda seconds: None
    )


def after_greeting(talk: Callable[[socket.socket, bytes, bytes], None], start: bytes, drop: bytes) -> Talk:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        connection.recv(65_536)
        talk(connection, start, drop)

    return answer


@pytest.mark.parametrize(
    "talk",
    [
        lambda connection: drip(connection, b"", b"2"),
        lambda connection: drip(connection, b"", b"220-still\r\n"),
        lambda connection: flood(connection, b"", b"220-still\r\n"),
        lambda connection: flood(connection, b"220 ", b"x"),
        after_greeting(drip, b"", b"250-SIZE\r\n"),
        after_greeting(flood, b"", b"250-SIZE\r\n"),
        after_greeting(flood, b"550-", b"no, \r\n550-"),
    ],
)
def test_a_mail_server_without_an_end_is_given_up(serve_raw: Callable[[Talk], int], talk: Talk) -> None:
    with in_time_and_little_memory(), pytest.raises(DeliveryError, match="mail to to@example.com by 127") as caught:
        hand_in(serve_raw(talk))
    assert len(str(caught.value)) < 600


def test_a_long_refusal_is_cut(serve_raw: Callable[[Talk], int]) -> None:
    port = serve_raw(lambda connection: connection.sendall(b"554-" + b"no, " * 1000 + b"\r\n554 no\r\n"))
    with pytest.raises(DeliveryError, match="554 no, no, ") as caught:
        hand_in(port)
    assert len(str(caught.value)) < 600


def test_a_goodbye_that_fails_does_not_send_a_message_twice(serve_raw: Callable[[Talk], int]) -> None:
    handed_in = count()

    def take(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        reader = connection.makefile("rb")
        for line in reader:
            command = line.split()[0].upper()
            if command == b"QUIT":
                connection.sendall(b"421 busy\r\n")
            elif command == b"DATA":
                connection.sendall(b"354 go on\r\n")
                while reader.readline() != b".\r\n":
                    pass
                next(handed_in)
                connection.sendall(b"250 taken\r\n")
            else:
                connection.sendall(b"250 fine\r\n")

    hand_in(serve_raw(take), waits_s=(0.0, 0.0))
    assert next(handed_in) == 1
