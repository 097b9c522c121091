"""A server that gives answers of a script over real HTTP, and a client of it that does not really sleep."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.eniscope.client import EniscopeClient

Answer = tuple[int, str, dict[str, str], bytes]


def answer(body: Any = None, status: int = 200, reason: str = "OK", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, reason, {name.replace("_", "-"): value for name, value in headers.items()}, content


def page(number: int, of: int, count: int, *ids: int) -> Answer:
    meta = {"currentPage": number, "recordsPerPage": 100, "recordCount": str(count), "pageCount": of}
    return answer({"channels": [{"dataChannelId": key} for key in ids], "meta": meta})


class ScriptedServer:
    """Gives the answers of a list, the last one for ever, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                scripted.requests.append((parts.path, parse_qs(parts.query), dict(self.headers)))
                answers = scripted.answers
                status, reason, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
                # http.server writes Latin-1; the service writes UTF-8 bytes.
                self.send_response_only(status, reason.encode().decode("latin-1"))
                self.send_header("Content-Length", headers.pop("Content-Length", str(len(content))))
                self.send_header("Connection", "close")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    thread = threading.Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
    thread.join()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def client(server: ScriptedServer, naps: list[float]) -> Iterator[EniscopeClient]:
    made = EniscopeClient(
        server.url + "/v1", "the-key", "api@someorg.com", "thisismypassword", requests_per_second=0, timeout_s=2,
        sleep=naps.append,
    )  # fmt: skip
    yield made
    made.close()
