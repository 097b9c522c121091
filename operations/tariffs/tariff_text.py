"""Writes a tariff file in this project's own form."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any

import msgspec

from config.strict_toml import Table
from config.tariff_file import TariffFile
from lib.toml_text import quote

_LISTED = {"energy": "periods", "demand": "charges"}  # which key of a table is a list of tables
_WIDTH = 116


def render_tariff(tariff: TariffFile, remarks: Iterable[str]) -> str:
    """Return the text of a tariff file, with `remarks` as comments at its head."""
    given = _given(tariff)
    lines = [f"# {line}".rstrip() for remark in remarks for line in _wrap(remark)]
    lines += [f"{key} = {_value(value)}" for key, value in given.items() if not isinstance(value, dict)]
    for name, table in given.items():
        if isinstance(table, dict):
            lines += _table(name, table, _LISTED.get(name))
    return "\n".join(lines) + "\n"


def _given(table: Table) -> dict[str, Any]:
    """Return what differs from the defaults, tables as dictionaries; a name first."""
    result = {}
    for field in sorted(msgspec.structs.fields(table), key=lambda field: field.name != "name"):
        value = getattr(table, field.name)
        if value != field.default:
            result[field.encode_name] = _builtin(value)
    return result


def _builtin(value: Any) -> Any:
    if isinstance(value, Table):
        return _given(value)
    return [_builtin(own) for own in value] if isinstance(value, tuple) else value


def _table(name: str, table: dict[str, Any], listed: str | None) -> Iterator[str]:
    rows = table.pop(listed, []) if listed else []
    if table:
        yield from ("", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items()))
    for row in rows:
        yield from ("", f"[[{name}.{listed}]]", *(f"{key} = {_value(value)}" for key, value in row.items()))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(own)}" for key, own in value.items()) + " }"
    if isinstance(value, list):
        text = "[" + ", ".join(map(_value, value)) + "]"
        is_long = len(text) > _WIDTH and any(isinstance(own, dict) for own in value)
        return "[\n" + "".join(f"  {_value(own)},\n" for own in value) + "]" if is_long else text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Enum | str):
        return quote(str(value))
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def _wrap(text: str) -> Iterator[str]:
    # Of a text from outside no character may end the comment.
    yield from textwrap.wrap(quote(text)[1:-1].replace('\\"', '"'), _WIDTH, subsequent_indent="    ") or [""]
