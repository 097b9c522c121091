"""Reads NEM12, the form of interval data in the Australian market, as a row for each interval.

Records: 200 begins a register of a meter (NMI), 300 is a day of it, 400 tells the quality of a part of that day. Times
are those of the market, UTC+10 all year.

References
----------
AEMO, Meter Data File Format Specification NEM12 & NEM13.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.files.interval_file import CHUNK_CELLS, FileKind, find_encoding, open_text
from lib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

HEADER = ["register", "unit", "timestamp", "value"]
_MISSING = "N"  # quality: null data


def is_nem12(kind: FileKind) -> bool:
    """Return whether a file begins as NEM12 does."""
    with open_text(kind, find_encoding(kind)) as handle:
        first = handle.readline()
        second = handle.readline()
    cells, below = first.split(","), second.split(",")
    return cells[:2] == ["100", "NEM12"] or (cells[0] == "200" and len(cells) >= 9 and below[0] == "300")


def read_nem12(kind: FileKind, registers: set[str]) -> Iterator[pd.DataFrame]:
    """Yield the intervals of use; the letters of all registers of the file are put into `registers`.

    Raises
    ------
    DataError
        When a record does not have what the format says.
    """

    rows: list[tuple[int, str, str, str, str | None]] = []
    with open_text(kind, find_encoding(kind)) as handle:
        name = unit = ""
        length = 0
        is_use = False
        day: list[tuple[int, str, str, str, str | None]] = []
        for number, cells in enumerate(csv.reader(handle), 1):
            code = cells[0].strip() if cells else ""
            if code == "400" and len(cells) > 3 and day:
                if cells[3].strip()[:1] == _MISSING:
                    first, last = int(cells[1]), int(cells[2])
                    day[first - 1 : last] = [(*one[:4], None) for one in day[first - 1 : last]]
                continue
            rows += day
            day = []
            if len(rows) * len(HEADER) > CHUNK_CELLS:
                yield _frame(rows)
                rows = []
            if code == "200":
                if len(cells) < 9 or not cells[8].strip().isdigit():
                    raise DataError(f"{kind.path.name}: line {number} is no record 200 of NEM12; ask the retailer")
                suffix = cells[4].strip() or cells[3].strip()
                registers.add(suffix)
                name, unit, length = f"{cells[1].strip()} {suffix}", cells[7].strip(), int(cells[8])
                is_use = suffix.upper().startswith("E") and unit.casefold() in ("wh", "kwh", "mwh")
            elif code == "300" and is_use:
                count = 24 * 60 // length if length else 0
                if not count or len(cells) < count + 3:
                    raise DataError(f"{kind.path.name}: line {number} has not {count} values; ask the retailer")
                text, quality = cells[1].strip(), cells[count + 2].strip()[:1]
                for n, value in enumerate(cells[2 : count + 2]):
                    minute = n * length
                    start = f"{text[:4]}-{text[4:6]}-{text[6:8]} {minute // 60:02d}:{minute % 60:02d}:00+10:00"
                    day.append((number, name, unit, start, None if quality == _MISSING else value.strip() or None))
        rows += day
    if rows:
        yield _frame(rows)


def _frame(rows: list[tuple[int, str, str, str, str | None]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=["line", 0, 1, 2, 3], dtype=object).set_index("line")
    table.index = table.index.astype("int64")
    return table
