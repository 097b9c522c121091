"""Writes tables as one Excel workbook: real numbers, dates and times, and text that is never taken for a formula."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.paths import begins_with, open_atomically

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Value = str | float | int | bool | date | datetime | None

CREATOR = "Eniscope energy pipeline"  # in the properties of every workbook of ours: they may be replaced
_MOST_TEXT = 32_767  # characters that Excel takes in a cell
_MOST_WIDTH, _LEAST_WIDTH = 60, 8  # of a column, in characters
_FORMULA_START = re.compile(r"\s*[=+@-]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")


class Kind(StrEnum):
    """How the values of a column are shown."""

    TEXT = "text"
    WHOLE = "whole"
    ENERGY = "energy"
    POWER = "power"
    MONEY = "money"
    PERCENT = "percent"  # 12.5 is 12.5 %, as in the report
    DAY = "day"
    MOMENT = "moment"


_NUMBER_FORMATS = {
    Kind.WHOLE: "#,##0",
    Kind.ENERGY: "#,##0.000",
    Kind.POWER: "#,##0.00",
    Kind.MONEY: "#,##0.00",
    Kind.PERCENT: '0.0" %"',
    Kind.DAY: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
}


class Column(NamedTuple):
    """A column: its heading and how its values are shown."""

    label: str
    kind: Kind = Kind.TEXT


class Row(NamedTuple):
    """A row whose values have kinds of their own, or some of which are estimated, by their place."""

    values: Sequence[Value]
    kinds: Sequence[Kind] = ()
    estimated: Sequence[int] = ()


class Sheet(NamedTuple):
    """A sheet: a table with its headings in the first row."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]


def write_workbook(sheets: Sequence[Sheet], created: datetime, path: Path) -> None:
    """Write the sheets as one workbook, whole or not at all.

    Parameters
    ----------
    created
        Stands in its properties, so that the same report makes the same file.
    """
    from xlsxwriter import Workbook

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(buffer, options) as book:
        book.set_properties({"author": CREATOR, "created": created.replace(tzinfo=None)})
        for sheet in sheets:
            _write_sheet(book, sheet)
    with open_atomically(path) as handle:
        handle.write(buffer.getvalue())


def is_workbook(path: Path) -> bool:
    """Return whether a file is a workbook that this module wrote."""
    if not begins_with(b"PK")(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive, archive.open("docProps/core.xml") as properties:
            return CREATOR.encode() in properties.read(10_000)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError):
        return False


def _write_sheet(book: Workbook, sheet: Sheet) -> None:
    page = book.add_worksheet(sheet.name)
    heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    formats = _formats(book)
    widths = [len(column.label) * 0.7 for column in sheet.columns]
    for place, column in enumerate(sheet.columns):
        page.write_string(0, place, _clean(column.label), heading)
    for number, row in enumerate(sheet.rows, 1):
        for place, value in enumerate(row.values):
            kind = row.kinds[place] if row.kinds else sheet.columns[place].kind
            text = _write(page, number, place, value, formats[kind, place in row.estimated], formats[_QUOTED])
            widths[place] = max(widths[place], len(text))
    for place, width in enumerate(widths):
        page.set_column(place, place, min(max(width + 2, _LEAST_WIDTH), _MOST_WIDTH))
    page.freeze_panes(1, 1)
    if sheet.rows:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)


_QUOTED = (Kind.TEXT, True)


def _formats(book: Workbook) -> dict[tuple[Kind, bool], Format]:
    """Return the format of each kind, plain and estimated; a text that begins as a formula does is marked as text."""
    found: dict[tuple[Kind, bool], Format] = {}
    for kind in Kind:
        for is_estimated in (False, True):
            look: dict[str, Any] = {"valign": "top"}
            if kind is Kind.TEXT:
                look |= {"text_wrap": True, "num_format": "@"} | ({"quote_prefix": True} if is_estimated else {})
            else:
                look |= {"num_format": _NUMBER_FORMATS[kind]}
                look |= {"italic": True, "font_color": "#7A4A00"} if is_estimated else {}
            found[kind, is_estimated] = book.add_format(look)
    return found


def _write(page: Worksheet, row: int, place: int, value: Value, form: Format, quoted: Format) -> str:
    """Write a value as what it is and return about what is shown of it; None leaves the cell empty."""
    if value is None or value != value:  # NaN  # noqa: PLR0124
        return ""
    if isinstance(value, bool):
        page.write_string(row, place, "yes" if value else "no", form)
        return "yes"
    if isinstance(value, int | float):
        page.write_number(row, place, value, form)
        return f"{value:,.2f}"
    if isinstance(value, date):
        page.write_datetime(row, place, value.replace(tzinfo=None) if isinstance(value, datetime) else value, form)
        return "2026-01-12 00:00" if isinstance(value, datetime) else "2026-01-12"
    text = _clean(value)
    page.write_string(row, place, text, quoted if _FORMULA_START.match(text) else form)
    return max(text.splitlines(), key=len, default="")


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)[:_MOST_TEXT]
