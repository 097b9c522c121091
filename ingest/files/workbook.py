"""Reads a sheet of an Excel workbook, row by row, as text; formulas count by the values that Excel stored."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from lib.bounded_files import MAX_PACKED_RATIO, MIB
from lib.errors import DataError

_MAX_BYTES = 1024 * MIB  # unpacked; a year of 15 minutes of fifty meters has some 60 MB


def open_sheet(path: Path, sheet: str | None) -> Callable[[], Iterator[list[str]]]:
    """Return what yields the rows of a sheet, each cell as text, dates as ISO 8601.

    Raises
    ------
    DataError
        When it is no sound workbook, or has several sheets and none is named.
    """
    _check_size(path)
    names, visible = _sheet_names(path)
    if sheet is None and len(visible) == 1:
        sheet = visible[0]
    if sheet not in names:
        shown = ", ".join(f'--sheet "{name}"' for name in names[:10]) or "it has none"
        raise DataError(f"{path.name}: is an Excel workbook with {len(names)} sheets; name one: {shown}")
    chosen = sheet

    def rows() -> Iterator[list[str]]:
        with _Opened(path) as book:
            sheet = book[chosen]
            # A sheet may claim more columns than it has, and every row would be filled up to them.
            sheet.reset_dimensions()
            for row in sheet.iter_rows(values_only=True):
                yield [_text_of(cell) for cell in row]

    return rows


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(one.file_size for one in archive.infolist())
    if unpacked > _MAX_BYTES or unpacked > max(MAX_PACKED_RATIO * path.stat().st_size, 256 * MIB):
        raise DataError(f"{path.name}: unpacks to {unpacked // MIB:,} MB; save the sheet as CSV, and import that")


def _sheet_names(path: Path) -> tuple[list[str], list[str]]:
    """Return the names of all sheets, and of those that are not hidden."""
    with _Opened(path) as book:
        names = [sheet.title for sheet in book.worksheets]
        return names, [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]


class _Opened:
    """A workbook that is closed again; what openpyxl makes of a broken one is one error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        from openpyxl import load_workbook

        self._book: Any = None
        try:
            self._book = load_workbook(self._path, read_only=True, data_only=True)
        except Exception as err:
            raise self._refusal(err) from err
        return self._book

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._book is not None:
            self._book.close()
        if isinstance(error, (KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile, AttributeError)):
            raise self._refusal(error) from error

    def _refusal(self, err: BaseException) -> DataError:
        said = str(err).splitlines()[0][:120] if str(err) else type(err).__name__
        return DataError(
            f"{self._path.name}: cannot be read as an Excel workbook ({said}); save the sheet as CSV, and import that"
        )


def _text_of(cell: object) -> str:
    """Return a cell as a CSV file would have it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return repr(cell) if isinstance(cell, float) else str(cell)
