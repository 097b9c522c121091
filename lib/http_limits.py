"""What an answer over HTTP may take at most: time in all, however it trickles, and memory, however it is packed.

The time-out of an HTTP library begins anew with each byte that comes, so a connection that drips would hold a worker
for ever. Here every read of the socket gets no more than what is left for the whole answer, headers included.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from lib.timed_reader import TimedReader

# A month of quarter-hours with every field has some two megabytes.
MAX_REPLY_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class OversizedReplyError(requests.RequestException):
    """A body that is larger than any reply can be."""


class LimitedAdapter(HTTPAdapter):
    """Connections whose every answer has to end within `total_timeout_s`, from when the request was sent."""

    def __init__(self, total_timeout_s: float, **options: Any) -> None:
        self._pools = _pool_classes(total_timeout_s)
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the connections that go straight to the service."""
        super().init_poolmanager(*args, **options)
        self._limit(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        """Make the connections that go by way of a proxy."""
        return self._limit(super().proxy_manager_for(proxy, **options))

    def _limit(self, manager: PoolManager) -> PoolManager:
        manager.pool_classes_by_scheme = self._pools
        return manager


def read_body(response: requests.Response) -> bytes:
    """Return the unpacked body of an answer that was asked for as a stream.

    Raises
    ------
    OversizedReplyError
        When it is larger than any reply can be; the rest is not read.
    """
    body = bytearray()
    with response:
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_REPLY_BYTES:
                raise OversizedReplyError
    return bytes(body)


def _pool_classes(total_timeout_s: float) -> dict[str, type[HTTPConnectionPool]]:
    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp.close()
            self.fp = io.BufferedReader(TimedReader(sock, time.monotonic() + total_timeout_s))

    class Connection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
