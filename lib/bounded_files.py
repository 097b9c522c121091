"""Reads files from outside within bounds, so that none can take the memory or the days of this machine.

Three things are bounded: a file that is read whole (`read_whole`), a line and a part of a file that is read as a
stream, and what a packed file unpacks to (`BoundedReader`).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lib.errors import DataError

MIB = 1024 * 1024
MAX_SETTINGS_BYTES = 4 * MIB  # a site's file of a thousand channels has some 200 kB
MAX_REPORT_BYTES = 64 * MIB  # a weekly report of a thousand channels has some 10 MB
MAX_LINE_BYTES = MIB  # a header of five thousand columns has some 200 kB
# Packed text of meters shrinks to a tenth, that of meters at rest to a hundredth; packed zeros to a thousandth.
MAX_PACKED_RATIO = 250
PACKED_FROM_BYTES = 256 * MIB  # below that, time and memory are too small to matter

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 1 << 18


class _Source(Protocol):
    """What is read in pieces: an open file, a gzip file, a member of a zip."""

    def read(self, size: int, /) -> bytes: ...


def read_whole(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file that cannot be large.

    Raises
    ------
    OSError
        When it cannot be read.
    DataError
        When it has more than `max_bytes`; no more than that is read.
    """
    with path.open("rb") as handle:
        content = handle.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise DataError(
            f"{path} is larger than {max_bytes // MIB} MB, as no file of its kind is; check whether it is the right one"
        )
    return content


class BoundedReader(io.RawIOBase):
    """The bytes of a stream; a read beyond its bounds raises a `DataError` that names the file.

    Parameters
    ----------
    name
        Of the file, for messages.
    packed_bytes
        The length of the packed file that `stream` unpacks (gzip, a member of a zip); None where it is not packed.
    max_line_bytes
        The longest line; None where lines do not matter, as in XML. One that lies within a single read is not measured.
    max_part_bytes
        What may be read between two calls of `begin_part`; None where the file is not read by parts.
    """

    def __init__(
        self,
        stream: _Source,
        name: str,
        *,
        packed_bytes: int | None = None,
        max_line_bytes: int | None = None,
        max_part_bytes: int | None = None,
    ) -> None:
        self._stream, self._name = stream, name
        self._packed_bytes, self._max_line_bytes, self._max_part_bytes = packed_bytes, max_line_bytes, max_part_bytes
        self._read_bytes = self._line_bytes = self._part_bytes = 0

    def readable(self) -> bool:
        """Return True: a reader of `io` asks."""
        return True

    def begin_part(self) -> None:
        """Let the next part begin, which may take `max_part_bytes` again."""
        self._part_bytes = 0

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what comes next and return how much that is."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._check_packed(len(data))
        self._check_lines(data)
        self._check_part(len(data))
        return len(data)

    def _check_packed(self, count: int) -> None:
        self._read_bytes += count
        if self._packed_bytes is None or self._read_bytes <= PACKED_FROM_BYTES:
            return
        if self._read_bytes > MAX_PACKED_RATIO * self._packed_bytes:
            raise DataError(
                f"{self._name}: unpacks to more than {MAX_PACKED_RATIO} times its size, as no readings do; "
                "it is not read further, export it again"
            )

    def _check_lines(self, data: bytes) -> None:
        if self._max_line_bytes is None:
            return
        last_break = max(data.rfind(b"\n"), data.rfind(b"\r"))
        first_break = min((place for sign in (b"\n", b"\r") if (place := data.find(sign)) >= 0), default=len(data))
        if self._line_bytes + first_break > self._max_line_bytes:
            raise DataError(
                f"{self._name}: a line is longer than {self._max_line_bytes // 1024:,} kB, as no row of readings is; "
                "it is not read further, export it again"
            )
        self._line_bytes = len(data) - last_break - 1 + (self._line_bytes if last_break < 0 else 0)

    def _check_part(self, count: int) -> None:
        self._part_bytes += count
        if self._max_part_bytes is not None and self._part_bytes > self._max_part_bytes:
            raise DataError(
                f"{self._name}: its rows are longer than those of any export, or a quote is not closed; "
                "it is not read further, export it again"
            )


@contextmanager
def open_bounded(
    path: Path, *, max_line_bytes: int | None = None, max_part_bytes: int | None = None
) -> Iterator[BoundedReader]:
    """Yield a file's bytes within bounds, unpacked where it is gzipped, whatever its name.

    Raises
    ------
    DataError
        When it cannot be read, or goes beyond a bound.
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP_MAGIC
            packed_bytes = raw.seek(0, io.SEEK_END) if is_packed else None
            raw.seek(0)
            stream: _Source = gzip.GzipFile(fileobj=raw) if is_packed else raw
            yield BoundedReader(
                stream,
                path.name,
                packed_bytes=packed_bytes,
                max_line_bytes=max_line_bytes,
                max_part_bytes=max_part_bytes,
            )
    except (OSError, EOFError, zlib.error) as err:
        raise DataError(f"cannot read {path}: {getattr(err, 'strerror', None) or err}; check the file") from err


def buffered(reader: BoundedReader) -> io.BufferedReader:
    """Return a reader that may be asked for any number of bytes."""
    return io.BufferedReader(reader, _BUFFER_BYTES)
