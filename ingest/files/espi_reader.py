"""Reads the XML of a Green Button file (ESPI in an Atom feed) as a stream: entries with their links, and readings.

Expat of the standard library is spoken to directly: elements are forgotten as they close, so memory stays flat, and a
document type declaration, the only place where entities can be declared, is refused as it begins. So nothing that a
file says is ever fetched or expanded, and no further library is needed for that.

References
----------
NAESB REQ.21 (ESPI) as the Green Button Alliance publishes it, greenbuttonalliance.github.io.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit
from xml.parsers import expat

from ingest.files.interval_file import FileKind, open_bytes
from lib.bounded_files import MIB
from lib.errors import DataError

_RESOURCES = ("UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters", "IntervalBlock")
_READ_BYTES = 1 << 18
# Far beyond any Green Button file, and little for this machine.
_MAX_DEPTH = 100
_MAX_TEXT_LENGTH = 64 * 1024  # characters of one element
_MAX_TOKEN_BYTES = MIB  # a tag with its attributes, a comment
_MAX_KEPT = 500_000  # entries, links and values: what is kept while the readings go by
# Parts of an IntervalReading by their parent and name; `interval` of a block has a start and duration of its own.
_READING_PARTS = {
    ("timePeriod", "start"): "start",
    ("timePeriod", "duration"): "duration",
    ("IntervalReading", "value"): "value",
    ("ReadingQuality", "quality"): "quality",
}


@dataclass(slots=True)
class Block:
    """The interval of an IntervalBlock as the file writes it, and how many of its readings have no time."""

    start: str = ""
    duration: str = ""
    untimed: int = 0


@dataclass(slots=True)
class Entry:
    """One entry of the feed.

    Attributes
    ----------
    kind
        The resource in it, such as ``MeterReading``; "" for one that is not used here. Of several, the last.
    has_type, blocks
        Whether a ReadingType is in it, and its blocks of readings.
    links
        Relation (``self``, ``up``, ``related``) → paths, without host and outer slashes.
    values
        Texts of the resource's own elements, such as ``uom``.
    """

    kind: str = ""
    title: str = ""
    has_type: bool = False
    blocks: tuple[Block, ...] = ()
    links: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The entry's own path, "" where it has none."""
        return next(iter(self.links.get("self", [])), "")


class RawReading(NamedTuple):
    """An IntervalReading as the file writes it: texts, "" where missing; `entry` counts the feed's entries from 0.

    One without a time of its own has the start of its block, and its number within it.
    """

    entry: int
    line: int
    start: str
    duration: str
    value: str
    quality: str
    block_start: str = ""
    number: int = 0


class _Reader:
    """The handlers of an expat parser, and what they have gathered so far."""

    def __init__(self, label: str, *, has_factor: bool) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add_text
        self.entries: list[Entry] = []
        self.readings: list[RawReading] = []
        self._label = label
        self._has_factor = has_factor
        self._multiplier: int | None = None  # of the readings themselves
        self._stack: list[str] = []
        self._text = ""
        self._parts: dict[str, str] = {}
        self._line = 0
        self._kept = 0
        self._fed_bytes = 0

    def feed(self, data: bytes, is_last: bool) -> None:
        """Take in what comes next of the file.

        Raises
        ------
        DataError
            When it is not well-formed, declares a document type, or has a part too large for any Green Button file.
        """
        self._fed_bytes += len(data)
        try:
            self.parser.Parse(data, is_last)
        except expat.ExpatError as err:
            raise DataError(f"{self._label}: is no sound XML ({err}); download it again") from err
        if self._fed_bytes - max(self.parser.CurrentByteIndex, 0) > _MAX_TOKEN_BYTES + _READ_BYTES:
            self._refuse_size("a tag or comment")

    def _refuse_size(self, what: str) -> NoReturn:
        raise DataError(
            f"{self._label}: has {what} larger than any Green Button file has; it is not read further, "
            "download it again"
        )

    def _keep(self) -> None:
        """Count what is kept to the end of the file."""
        self._kept += 1
        if self._kept > _MAX_KEPT:
            self._refuse_size("a number of entries, links and values")

    def _refuse(self, *_: object) -> None:
        raise DataError(f"{self._label}: declares a document type, as no Green Button file does; it is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._text = ""
        if len(self._stack) >= _MAX_DEPTH:
            self._refuse_size("a depth of elements")
        if local == "entry":
            self._keep()
            self.entries.append(Entry())
        elif self.entries and local == "link" and self._stack[-1] == "entry":
            self._keep()
            path = urlsplit(attributes.get("href", "")).path.strip("/")
            self.entries[-1].links.setdefault(attributes.get("rel", ""), []).append(path)
        elif self.entries and local in _RESOURCES and "content" in self._stack[-2:]:
            self.entries[-1].kind = local
            self.entries[-1].has_type |= local == "ReadingType"
            if local == "IntervalBlock":
                self._keep()
                self.entries[-1].blocks += (Block(),)
        elif local == "IntervalReading":
            self._parts, self._line = {}, self.parser.CurrentLineNumber
        self._stack.append(local)

    def _add_text(self, text: str) -> None:
        self._text += text
        if len(self._text) > _MAX_TEXT_LENGTH:
            self._refuse_size("a text")

    def _end(self, name: str) -> None:
        local = self._stack.pop()
        parent = self._stack[-1] if self._stack else ""
        text, self._text = self._text.strip(), ""
        if "IntervalReading" in self._stack:
            if part := _READING_PARTS.get((parent, local)):
                self._parts[part] = text
            elif parent == "IntervalReading" and local == "powerOfTenMultiplier":
                self._take_multiplier(text)
        elif local == "IntervalReading":
            self._add_reading()
        elif parent == "interval" and self.entries and self.entries[-1].blocks and local in ("start", "duration"):
            setattr(self.entries[-1].blocks[-1], local, text)
        elif parent == "ServiceCategory" and local == "kind" and self.entries:
            self.entries[-1].values["serviceKind"] = text
        elif self.entries and local == "title" and parent == "entry":
            self.entries[-1].title = text
        elif self.entries and parent == self.entries[-1].kind:
            self._keep()
            self.entries[-1].values[local] = text

    def _take_multiplier(self, text: str) -> None:
        """Refuse a multiplier in a reading, unless the operator says what the values are to be multiplied by."""
        if not re.fullmatch(r"[+-]?\d{1,2}", text):
            raise DataError(f"{self._label}: a reading's multiplier {text[:20]!r} is no power of ten; ask the utility")
        if self._multiplier not in (None, int(text)):
            raise DataError(
                f"{self._label}: its readings bear multipliers of their own, and different ones, which the standard "
                "does not know; ask the utility for a file by the standard, with a multiplier in the ReadingType"
            )
        self._multiplier = int(text)
        if not self._has_factor:
            raise DataError(
                f"{self._label}: a reading bears a multiplier of its own ({text}), which the standard does not know; "
                f"give --factor {10.0 ** int(text):g} if it counts besides that of the ReadingType, or --factor 1 if "
                "it repeats it; a bill of the same days tells"
            )

    def _add_reading(self) -> None:
        """Take in the reading that ends here; one before the first entry has no series."""
        start, duration, value, quality = (
            self._parts.get(part, "") for part in ("start", "duration", "value", "quality")
        )
        block = self.entries[-1].blocks[-1] if self.entries and self.entries[-1].blocks else Block()
        number = block.untimed
        block.untimed += start == ""
        self.readings.append(
            RawReading(len(self.entries) - 1, self._line, start, duration, value, quality, block.start, number)
        )


def read_espi(kind: FileKind, *, has_factor: bool = False) -> Iterator[tuple[list[Entry], list[RawReading]]]:
    """Yield, part by part, all entries so far and the readings new in this part.

    Parameters
    ----------
    has_factor
        Whether the operator says what the values are to be multiplied by, so that a reading may bear a multiplier.

    Raises
    ------
    DataError
        As `_Reader.feed` does.
    """
    reader = _Reader(kind.path.name, has_factor=has_factor)
    with open_bytes(kind) as handle:
        is_last = False
        while not is_last:
            data = handle.read(_READ_BYTES)
            is_last = not data
            reader.feed(data, is_last)
            yield reader.entries, reader.readings
            reader.readings = []
