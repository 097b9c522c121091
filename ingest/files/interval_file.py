"""Opens an interval file as it comes, gzipped, in any encoding and delimiter, behind a preamble; reads it in chunks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from ingest.files.layout import find_time_columns
from lib.bounded_files import MAX_LINE_BYTES, MIB, buffered, open_bounded
from lib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

CHUNK_CELLS = 600_000  # some 100 MB as text while a chunk is parsed, whatever the length of the file
MAX_CHUNK_BYTES = 64 * MIB  # a hundred bytes a cell; a time with its offset has thirty
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENCODINGS = ("utf-8", "cp1252")  # the second reads every file that a spreadsheet in Europe or America saved
_DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE_LINES = 60  # utilities put name, address and account above the table
_SNIFFED_CHARACTERS = 65_536
_SPARE_COLUMNS = 4  # a row with more cells than the header is read, to be rejected by itself


class Dialect(NamedTuple):
    """How a file is written: `header_line` counts from 1."""

    encoding: str
    delimiter: str
    header_line: int
    header: list[str]


def sniff_dialect(path: Path) -> Dialect:
    """Return how a file is written.

    Raises
    ------
    DataError
        When it cannot be read, or no line in its beginning is a header with a column of times.
    """
    encoding = _sniff_encoding(path)
    with open_text(path, encoding) as handle:
        lines = handle.read(_SNIFFED_CHARACTERS).splitlines()[:_PREAMBLE_LINES]
    for number, line in enumerate(lines, 1):
        rows = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in _DELIMITERS}
        delimiter, cells = max(rows.items(), key=lambda item: len(item[1]))
        if len(cells) > 1 and find_time_columns(cells) is not None:
            return Dialect(encoding, delimiter, number, cells)
    raise DataError(
        f"{path.name}: no header line with a column of times in its first {_PREAMBLE_LINES} lines; "
        "name it timestamp (or interval_end), or date and time"
    )


def read_chunks(path: Path, dialect: Dialect) -> Iterator[pd.DataFrame]:
    """Yield the rows below the header as text, in parts of bounded size.

    Returns
    -------
    Iterator of pd.DataFrame
        Columns 0, 1, 2 … as in the header and some to spare; an empty cell is NaN. The index is the line in the file,
        where no cell holds a line break.

    Raises
    ------
    DataError
        When a line cannot be told into cells.
    """
    import pandas as pd

    width = len(dialect.header) + _SPARE_COLUMNS
    bounds = {"max_line_bytes": MAX_LINE_BYTES, "max_part_bytes": MAX_CHUNK_BYTES}
    with (
        open_bounded(path, **bounds) as bounded,
        io.TextIOWrapper(buffered(bounded), encoding=dialect.encoding, newline="") as handle,
    ):
        try:
            with pd.read_csv(
                handle,
                sep=dialect.delimiter,
                skiprows=dialect.header_line,
                header=None,
                names=range(width),
                index_col=False,
                dtype=str,
                keep_default_na=False,
                na_values=[""],
                skip_blank_lines=False,
                chunksize=max(CHUNK_CELLS // len(dialect.header), 1),
            ) as chunks:
                for chunk in chunks:
                    bounded.begin_part()
                    chunk.index += dialect.header_line + 1
                    yield chunk
        except pd.errors.EmptyDataError as err:
            raise DataError(f"{path.name}: there is nothing below its header; export it again") from err
        except (pd.errors.ParserError, csv.Error) as err:
            raise DataError(f"{path.name}: cannot be told into cells ({err}); correct that line") from err


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[TextIO]:
    """Yield a file as text, gzipped or not; no line of it is longer than any row of readings."""
    with (
        open_bounded(path, max_line_bytes=MAX_LINE_BYTES) as bounded,
        io.TextIOWrapper(buffered(bounded), encoding=encoding, newline="") as handle,
    ):
        yield handle


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """Yield a file's bytes, unpacked where it is gzipped, whatever its name; raises as `open_bounded` does."""
    with open_bounded(path) as bounded, buffered(bounded) as handle:
        yield handle


def _sniff_encoding(path: Path) -> str:
    """Return the encoding by the byte order mark, or the first that reads the whole file."""
    with open_bytes(path) as handle:
        start = handle.read(3)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            if _is_readable_as(path, encoding):
                return encoding
            raise DataError(f"{path.name}: is not in the encoding that its first bytes name; save it as CSV in UTF-8")
    for encoding in _ENCODINGS:
        if _is_readable_as(path, encoding):
            return encoding
    raise DataError(f"{path.name}: is neither UTF-8 nor Windows text; save it as CSV in UTF-8")


def _is_readable_as(path: Path, encoding: str) -> bool:
    try:
        with open_text(path, encoding) as handle:
            while handle.read(_SNIFFED_CHARACTERS):
                pass
    except UnicodeDecodeError:
        return False
    return True
