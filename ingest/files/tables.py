"""Files with several tables one below the other: of two meters, of use and export, or a month below the other. Pure.

A line is the header of another table where its cells hold no numbers and name a time. The same header again, right
below the last reading, goes on with the same table, as where files were joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ingest.files.columns import find_time_columns, key_of
from ingest.files.formats import recognise_format
from ingest.files.interval_file import SAMPLE_ROWS, Table
from lib.errors import DataError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd


class HeaderLine(NamedTuple):
    """A header amid the rows of a file: its line, its cells, and the line with which what stands above it begins."""

    line: int
    cells: list[str]
    begins: int


def find_headers(chunk: pd.DataFrame, place: int, header: Sequence[str]) -> list[HeaderLine]:
    """Return the headers of other tables among a chunk's rows.

    Parameters
    ----------
    place
        Of the time, or the date.
    """
    import numpy as np
    import pandas as pd

    codes, texts = pd.factorize(chunk[place])
    has_digit = np.array([any(sign.isdigit() for sign in text) for text in texts] + [False])
    is_data = has_digit[codes]
    if is_data.all():
        return []
    found = []
    for at in (~is_data & chunk[place].notna().to_numpy()).nonzero()[0].tolist():
        cells = [cell.strip() if isinstance(cell, str) else "" for cell in chunk.iloc[at].tolist()]
        if not _is_header(cells, header):
            continue
        first = at
        while first > 0 and not is_data[first - 1]:
            first -= 1
        if first < at or not _is_same(cells, header):
            found.append(HeaderLine(int(chunk.index[at]), cells, int(chunk.index[first])))
    return found


def take_table(table: Table, number: int, place: int) -> Table:
    """Return one of the tables of a file that stand one below the other, counted from 1.

    Raises
    ------
    DataError
        When the file has fewer.
    """
    headers = [line for chunk in table.chunks(None, "") for line in find_headers(chunk, place, table.header)]
    if not 1 <= number <= len(headers) + 1:
        raise DataError(f"{table.name}: has {len(headers) + 1} tables one below the other; check --table")
    own = headers[number - 2] if number > 1 else None
    header = table.header
    if own is not None:
        header = list(own.cells)
        while header and not header[-1]:
            header.pop()
    first = own.line if own is not None else -1
    stop = headers[number - 1].begins if number <= len(headers) else None

    def chunks(clock: ZoneInfo | None, dates: str) -> Iterator[pd.DataFrame]:
        for chunk in table.chunks(clock, dates):
            rows = chunk[(chunk.index > first) & (chunk.index < (stop or chunk.index.max() + 1))]
            if len(rows):
                yield rows
            if stop is not None and len(chunk) and chunk.index[-1] >= stop:
                return

    sample = next(chunks(None, ""), None)
    if sample is None:
        raise DataError(f"{table.name}: there is nothing in table {number}; check --table")
    return replace(table, header=header, sample=sample.iloc[:SAMPLE_ROWS], chunks=chunks)


def check_tables(headers: Sequence[HeaderLine], label: str) -> None:
    """Raise where a file has several tables one below the other."""
    if headers:
        names = ", ".join(cell for cell in headers[0].cells if cell)
        raise DataError(
            f"{label}: has {len(headers) + 1} tables one below the other; line {headers[0].line} begins another "
            f"({names[:120]}); give --table 1 for the first, or --table 2"
        )


def _is_same(cells: Sequence[str], header: Sequence[str]) -> bool:
    return [key_of(cell) for cell in cells if cell] == [key_of(cell) for cell in header if cell.strip()]


def _is_header(cells: Sequence[str], header: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell]
    if len(known) < 2 or any(cell[0].isdigit() for cell in known):
        return False
    if recognise_format(cells) is not None or find_time_columns(cells) is not None:
        return True
    own = {key_of(cell) for cell in header if cell.strip()}
    return sum(key_of(cell) in own for cell in known) * 2 >= len(known)
