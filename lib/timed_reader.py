"""The bytes that come on a socket until a moment, and not without end: a drip begins no time-out anew."""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class TimedReader(io.RawIOBase):
    """The bytes that come on a socket until a moment of the monotonic clock.

    Parameters
    ----------
    until_s
        The moment, of `time.monotonic`; a read beyond it raises TimeoutError.
    max_bytes
        How much may come in all, None for any; what comes beyond raises an OSError.
    """

    def __init__(self, sock: socket.socket, until_s: float, max_bytes: int | None = None) -> None:
        self._sock, self._until_s = sock, until_s
        self._left_bytes = float("inf") if max_bytes is None else max_bytes
        self._read_timeout_s = sock.gettimeout() or float("inf")
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return True: a reader of `io` asks."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what comes next and return how much that is."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(min(left_s, self._read_timeout_s))
        count = self._raw.readinto(buffer)
        self._left_bytes -= count or 0
        if self._left_bytes < 0:
            raise OSError("the answer is longer than any of its kind")
        return count

    def close(self) -> None:
        """Close the reader; the socket stays."""
        self._raw.close()
        super().close()
