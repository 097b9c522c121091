"""A real HTTP server on loopback that keeps what it was asked, and answers as told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Listener(NamedTuple):
    """A server that runs: its address, what came, and the status codes of its next answers (then 200)."""

    url: str
    received: list[tuple[str, str, Any]]
    statuses: list[int]


@contextmanager
def run_web_server() -> Iterator[Listener]:
    """Run a server whose every path takes anything."""
    received: list[tuple[str, str, Any]] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received.append((self.command, self.path, json.loads(body) if body else None))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815  (the library's names)

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Listener(f"http://127.0.0.1:{server.server_port}", received, statuses)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
