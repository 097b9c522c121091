"""Opens an interval file as it comes: text, gzipped, in a ZIP, a workbook, in any encoding and delimiter; in chunks."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from config.site_file import FileMapping
from ingest.files.columns import find_time_columns, key_of, unit_in
from ingest.files.day_rows import find_day_columns
from ingest.files.formats import BY_NAME, recognise_format
from ingest.files.time_columns import find_stamped_columns
from lib.bounded_files import MAX_LINE_BYTES, MIB, BoundedReader, buffered, open_bounded
from lib.errors import DataError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

CHUNK_CELLS = 600_000  # some 100 MB as text while a chunk is parsed, whatever the length of the file
MAX_CHUNK_BYTES = 64 * MIB  # a hundred bytes a cell; a time with its offset has thirty
SAMPLE_ROWS = 200
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENCODINGS = ("utf-8", "cp1252")  # the second reads every file that a spreadsheet in Europe or America saved
_DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE_LINES = 60  # utilities put name, address and account above the table
_SNIFFED_CHARACTERS = 65_536
_SPARE_COLUMNS = 4  # a row with more cells than the header is read, to be rejected by itself
_DATE = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|^\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}")
_CLOCK_TIME = re.compile(r"(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?")
_HOUR_WORDS = frozenset(
    {"hora", "heure", "stunde", "uhrzeit", "zeit", "ora", "uur", "tijd", "hour", "time", "klokkeslett"}
)
_ZIP_MAGIC, _EMPTY_ZIP_MAGIC = b"PK\x03\x04", b"PK\x05\x06"
_SNIFFED_START = 1024
# The first bytes of what is no text → what it is, and what to do.
_STRANGE_KINDS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook of before 2007 (.xls) or with a password; save it as plain .xlsx",
    b"%PDF": "a PDF; ask for the interval data as CSV or Excel",
    _ZIP_MAGIC: "a ZIP or workbook within the ZIP; unpack the outer one, and import what it holds",
    b"\x1f\x8b": "packed within the ZIP (gzip); unpack the ZIP, and import what it holds",
    b"PAR1": "Parquet; save it as CSV",
    b"7z\xbc\xaf": "a 7z archive; unpack it, and import what it holds",
    b"Rar!": "a RAR archive; unpack it, and import what it holds",
}
_WORKBOOK_PART = "xl/workbook.xml"


class FileKind(NamedTuple):
    """What a file is: `member` is the file within a ZIP, `is_workbook` an Excel workbook."""

    path: Path
    member: str | None = None
    is_workbook: bool = False


class Dialect(NamedTuple):
    """How a file is written: `header_line` counts from 1, and is the last line above the rows."""

    encoding: str
    delimiter: str
    header_line: int
    header: list[str]


Chunks = Callable[["ZoneInfo | None", str], "Iterator[pd.DataFrame]"]


@dataclass(frozen=True)
class Table:
    """A file as rows of text.

    Attributes
    ----------
    sample
        Its first rows.
    chunks
        Yields its rows in parts of bounded size, given the zone of its times and the format of its dates (None and ""
        while they are not known). Columns 0, 1, 2 … are as in the header, and some to spare; an empty cell is NaN. The
        index is the line in the file, where no cell holds a line break.
    """

    name: str
    header: list[str]
    delimiter: str
    sample: pd.DataFrame
    chunks: Chunks
    notes: list[str] = field(default_factory=list)


def filled_down(table: Table, place: int) -> Table:
    """Return a table in which an empty cell of a column holds what stands above it."""
    import pandas as pd

    def chunks(clock: ZoneInfo | None, dates: str) -> Iterator[pd.DataFrame]:
        last: object = None
        for chunk in table.chunks(clock, dates):
            cells = chunk[place].ffill()
            if last is not None:
                cells = cells.fillna(last)
            is_blank = chunk.isna().all(axis=1)
            last = cells.iloc[-1] if pd.notna(cells.iloc[-1]) else last
            chunk = chunk.copy()
            chunk[place] = cells.mask(is_blank)
            yield chunk

    return replace(table, chunks=chunks)


def find_kind(path: Path, given: FileMapping) -> FileKind:
    """Return what a file is.

    Raises
    ------
    DataError
        When it is a ZIP of several files, and none is named.
    """
    with open_bytes(FileKind(path), is_raw=True) as handle:
        start = handle.read(_SNIFFED_START)
    if start.startswith(_EMPTY_ZIP_MAGIC):
        raise DataError(f"{path.name}: is a ZIP without a file; download it again")
    if not start.startswith(_ZIP_MAGIC):
        return _checked_text(FileKind(path))
    try:
        with zipfile.ZipFile(path) as archive:
            names = [one.filename for one in archive.infolist() if not one.is_dir()]
    except (OSError, zipfile.BadZipFile) as err:
        raise DataError(f"cannot read {path}: {err}; check the file") from err
    if _WORKBOOK_PART in names:
        return FileKind(path, is_workbook=True)
    if "xl/workbook.bin" in names:
        raise DataError(f"{path.name}: is a binary Excel workbook (.xlsb); save it as .xlsx, and import that")
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if not names:
        raise DataError(f"{path.name}: is a ZIP without a file; download it again")
    if given.member is None and len(names) == 1:
        return _checked_text(FileKind(path, names[0]))
    if given.member not in names:
        shown = ", ".join(f'--member "{name}"' for name in names[:10])
        raise DataError(f"{path.name}: is a ZIP of {len(names)} files; name one: {shown}")
    return _checked_text(FileKind(path, given.member))


def _checked_text(kind: FileKind) -> FileKind:
    """Return the kind of a file that is text; raise a DataError, with what to do, for one that is something else."""
    with open_bytes(kind) as handle:
        start = handle.read(_SNIFFED_START)
    name = f"{kind.path.name}, {kind.member}" if kind.member else kind.path.name
    if not start.strip():
        raise DataError(f"{name}: is empty; download it again")
    found = next((words for magic, words in _STRANGE_KINDS.items() if start.startswith(magic)), None)
    head = start.lstrip(b"\xef\xbb\xbf \r\n\t")[:200].lower()
    if found is None and head.startswith((b"<html", b"<!doctype html", b"<table", b"<style")):
        found = (
            "a web page, as some portals name .xls; open it in a spreadsheet, save it as .xlsx or CSV, and import that"
        )
    if found is None and head[:1] in (b"{", b"["):
        found = "JSON; import the CSV, Excel or Green Button export of the portal"
    if found is not None:
        raise DataError(f"{name}: is {found}")
    return kind


def open_table(kind: FileKind, given: FileMapping) -> Table:
    """Return a text file or a sheet as a table.

    Raises
    ------
    DataError
        When it cannot be read, or no line in its beginning is a header.
    """
    if kind.is_workbook:
        from ingest.files.workbook import open_sheet

        rows = open_sheet(kind.path, given.sheet)
        return _row_table(kind.path.name, rows, given)
    dialect = sniff_dialect(kind, given)
    sample = next(read_chunks(kind, dialect, SAMPLE_ROWS), None)
    if sample is None:
        raise DataError(f"{kind.path.name}: there is nothing below its header; export it again")
    dialect, sample = _with_units_row(dialect, sample)
    return Table(
        kind.path.name, dialect.header, dialect.delimiter, sample, lambda clock, dates: read_chunks(kind, dialect)
    )


def sniff_dialect(kind: FileKind, given: FileMapping) -> Dialect:
    """Return how a text file is written.

    Raises
    ------
    DataError
        When it cannot be read, or no line in its beginning is a header with a column of times.
    """
    encoding = _sniff_encoding(kind)
    with open_text(kind, encoding) as handle:
        lines = handle.read(_SNIFFED_CHARACTERS).splitlines()[:_PREAMBLE_LINES]
    split = []
    for line in lines:
        rows = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in _DELIMITERS}
        split.append(max(rows.items(), key=lambda item: len(item[1])))
    number = _header_number([cells for _, cells in split], given, kind.path.name)
    delimiter, cells = split[number]
    cells = _joined_names(split[number - 1][1] if number else [], cells)
    return Dialect(encoding, delimiter, number + 1, cells)


def _header_number(rows: Sequence[Sequence[str]], given: FileMapping, label: str) -> int:
    """Return which row is the header: the one of a format, else with a column of times."""
    named = {name.strip() for name in (*given.start, *given.end)}
    if given.table and not any(named <= {cell.strip() for cell in cells} for cells in rows):
        named = set()  # they are those of a table further below
    for number, cells in enumerate(rows):
        if len(cells) < 2:
            continue
        if named:
            if named <= {cell.strip() for cell in cells}:
                return number
        elif recognise_format(cells) or find_time_columns(cells) is not None or find_stamped_columns(cells):
            return number
    if named:
        raise DataError(f"{label}: no line in its beginning has the columns {', '.join(sorted(named))}; check --start")
    likely = _likely_header(rows)
    if likely is not None and find_day_columns(likely) is not None:
        return next(number for number, cells in enumerate(rows) if cells is likely)
    if all(len(cells) == 1 and any(sign in cells[0] for sign in _DELIMITERS) for cells in rows[:3]):
        raise DataError(f"{label}: each whole line is in quotes; open it in a spreadsheet and save it again as CSV")
    names = f"; its columns seem to be {', '.join(cell.strip() for cell in likely if cell.strip())}" if likely else ""
    flags = " ".join(f'--start "{name}"' for name in _likely_times(rows, likely)) or '--start "COLUMN"'
    raise DataError(
        f"{label}: no header line with a column of times in its first {_PREAMBLE_LINES} lines{names[:300]}; say which "
        f"column is the time, such as {flags} (or --end), and if need be --meter, --column and --unit"
    )


def _joined_names(above: Sequence[str], header: Sequence[str]) -> list[str]:
    """Return a header whose repeated names bear the name of the group that stands above them, as merged cells do."""
    names = [cell.strip() for cell in header]
    repeated = {name for name in names if name and names.count(name) > 1}
    if not repeated or sum(bool(cell.strip()) for cell in above) < 2 or recognise_format(header):
        return list(header)
    groups: list[str] = []
    for place in range(len(names)):
        own = above[place].strip() if place < len(above) else ""
        groups.append(own or (groups[-1] if groups else ""))
    joined = [
        f"{group} {name}" if name in repeated and group else name for group, name in zip(groups, names, strict=True)
    ]
    return joined if len(set(joined)) > len(set(names)) else list(header)


def _likely_times(rows: Sequence[Sequence[str]], header: Sequence[str] | None) -> list[str]:
    """Return the columns that seem to be the time, or date and time of day, by the row below the header."""
    at = next((n for n, cells in enumerate(rows) if cells is header), None)
    below = rows[at + 1] if header is not None and at is not None else ()
    pairs = [(name.strip(), cell.strip()) for name, cell in zip(header or (), below, strict=False)]
    dated = next((pair for pair in pairs if _DATE.search(pair[1])), None)
    if dated is None:
        return [name for name, cell in pairs if _CLOCK_TIME.search(cell)][:1]
    if _CLOCK_TIME.search(dated[1]):
        return [dated[0]]
    timed = next((name for name, cell in pairs if _CLOCK_TIME.fullmatch(cell)), None)
    timed = timed or next((name for name, _ in pairs if key_of(name) in _HOUR_WORDS), None)
    return [dated[0], timed] if timed else [dated[0]]


def _likely_header(rows: Sequence[Sequence[str]]) -> Sequence[str] | None:
    """Return the row that seems to be the header: no numbers in it, and a number in the one below."""

    def has_number(cells: Sequence[str]) -> bool:
        return any(cell.strip()[:1].isdigit() and len(cell.strip()) < 20 for cell in cells)

    found = [
        above
        for above, below in zip(rows, rows[1:], strict=False)
        if len(above) > 1 and len(below) >= len(above) - 1 and has_number(below) and sum(map(bool, above)) > 1
    ]
    return next((cells for cells in found if not has_number(cells)), found[0] if found else None)


def read_chunks(kind: FileKind, dialect: Dialect, rows: int | None = None) -> Iterator[pd.DataFrame]:
    """Yield the rows below the header as text, in parts of bounded size; with `rows` only the first of them.

    Raises
    ------
    DataError
        When a line cannot be told into cells.
    """
    import pandas as pd

    name = kind.path.name
    width = len(dialect.header) + _SPARE_COLUMNS
    with (
        _open(kind, max_line_bytes=MAX_LINE_BYTES, max_part_bytes=MAX_CHUNK_BYTES) as bounded,
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
                nrows=rows,
                chunksize=max(CHUNK_CELLS // len(dialect.header), 1),
            ) as chunks:
                for chunk in chunks:
                    bounded.begin_part()
                    chunk.index += dialect.header_line + 1
                    yield chunk
        except pd.errors.EmptyDataError as err:
            raise DataError(f"{name}: there is nothing below its header; export it again") from err
        except (pd.errors.ParserError, csv.Error) as err:
            raise DataError(f"{name}: cannot be told into cells ({err}); correct that line") from err


def _with_units_row(dialect: Dialect, sample: pd.DataFrame) -> tuple[Dialect, pd.DataFrame]:
    """Return a dialect whose header has the units that a row of units below it names."""
    if sample.empty:
        return dialect, sample
    cells = ["" if cell != cell else str(cell).strip() for cell in sample.iloc[0].tolist()]
    units = [cell.strip("()[]") for cell in cells]
    if not any(unit_in(unit) for unit in units) or any(unit[:1].isdigit() for unit in units):
        return dialect, sample
    if cells[0]:
        return dialect, sample
    header = [f"{name} ({unit})" if unit else name for name, unit in zip(dialect.header, units, strict=False)]
    return dialect._replace(header=header, header_line=dialect.header_line + 1), sample.iloc[1:]


def _row_table(name: str, rows: Callable[[], Iterator[list[str]]], given: FileMapping) -> Table:
    """Return a sheet's rows as a table."""
    import pandas as pd

    first = [row for _, row in zip(range(_PREAMBLE_LINES), rows(), strict=False)]
    number = _header_number(first, given, name)
    header = _joined_names(first[number - 1] if number else [], first[number])
    while header and not header[-1].strip():
        header = header[:-1]
    width = len(header) + _SPARE_COLUMNS

    def frame(lines: list[list[str]], begin: int) -> pd.DataFrame:
        cells = [(line + [""] * width)[:width] for line in lines]
        table = pd.DataFrame(cells, columns=range(width), dtype=object)
        table.index += begin
        return table.where(table != "")

    def chunks(clock: ZoneInfo | None, dates: str) -> Iterator[pd.DataFrame]:
        most = max(CHUNK_CELLS // width, 1)
        kept: list[list[str]] = []
        line = number + 1
        for at, row in enumerate(rows()):
            if at <= number:
                continue
            kept.append(row)
            if len(kept) == most:
                yield frame(kept, line + 1)
                line, kept = line + len(kept), []
        if kept:
            yield frame(kept, line + 1)

    sample = next(chunks(None, ""), None)
    if sample is None:
        raise DataError(f"{name}: there is nothing below its header; export it again")
    dialect, rest = _with_units_row(Dialect("", "\t", number + 1, header), sample.iloc[:SAMPLE_ROWS])
    if dialect.header_line > number + 1:
        number += 1
    return Table(name, dialect.header, "", rest, chunks)


@contextmanager
def _open(
    kind: FileKind, *, max_line_bytes: int | None = None, max_part_bytes: int | None = None, is_raw: bool = False
) -> Iterator[BoundedReader]:
    """Yield a file's bytes within bounds, out of its ZIP if it is in one."""
    if kind.member is None:
        if is_raw:
            with _open_raw(kind.path) as reader:
                yield reader
            return
        with open_bounded(kind.path, max_line_bytes=max_line_bytes, max_part_bytes=max_part_bytes) as reader:
            yield reader
        return
    try:
        with zipfile.ZipFile(kind.path) as archive, archive.open(kind.member) as stream:
            yield BoundedReader(
                stream,
                kind.path.name,
                packed_bytes=max(archive.getinfo(kind.member).compress_size, 1),
                max_line_bytes=max_line_bytes,
                max_part_bytes=max_part_bytes,
            )
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as err:
        raise DataError(f"cannot read {kind.member} in {kind.path}: {err}; unpack it, and import that file") from err


@contextmanager
def _open_raw(path: Path) -> Iterator[BoundedReader]:
    try:
        with path.open("rb") as raw:
            yield BoundedReader(raw, path.name)
    except OSError as err:
        raise DataError(f"cannot read {path}: {err.strerror or err}; check the file") from err


@contextmanager
def open_text(kind: FileKind, encoding: str) -> Iterator[TextIO]:
    """Yield a file as text; no line of it is longer than any row of readings."""
    with (
        _open(kind, max_line_bytes=MAX_LINE_BYTES) as bounded,
        io.TextIOWrapper(buffered(bounded), encoding=encoding, newline="") as handle,
    ):
        yield handle


@contextmanager
def open_bytes(kind: FileKind, *, is_raw: bool = False) -> Iterator[io.BufferedReader]:
    """Yield a file's bytes, unpacked unless `is_raw`; raises as `open_bounded` does."""
    with _open(kind, is_raw=is_raw) as bounded, buffered(bounded) as handle:
        yield handle


def find_encoding(kind: FileKind) -> str:
    """Return the encoding of a text file."""
    return _sniff_encoding(kind)


def _sniff_encoding(kind: FileKind) -> str:
    """Return the encoding by the byte order mark, by where its zeros are, or the first that reads the whole file."""
    name = kind.path.name
    with open_bytes(kind) as handle:
        start = handle.read(4096)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            if _is_readable_as(kind, encoding):
                return encoding
            raise DataError(f"{name}: is not in the encoding that its first bytes name; save it as CSV in UTF-8")
    half = max(len(start) // 2, 1)
    odd, even = start[1::2].count(0) / half, start[::2].count(0) / half
    likely = ("utf-16-le",) if odd > 0.4 > even else ("utf-16-be",) if even > 0.4 > odd else _ENCODINGS
    for encoding in likely:
        if _is_readable_as(kind, encoding):
            return encoding
    raise DataError(f"{name}: is neither UTF-8 nor Windows text; save it as CSV in UTF-8")


def _is_readable_as(kind: FileKind, encoding: str) -> bool:
    try:
        with open_text(kind, encoding) as handle:
            while handle.read(_SNIFFED_CHARACTERS):
                pass
    except UnicodeDecodeError:
        return False
    return True


def known_format(name: str | None, label: str) -> None:
    """Raise a DataError for a format that is not known."""
    if name is not None and name not in BY_NAME and name != "green-button":
        raise DataError(f"{label}: no format {name!r} is known; see --list-formats")
