"""Which columns of an interval file hold its values: those whose names say a quantity, or that are given. Pure.

What a header leaves open is a `DataError` that says what to give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from config.site_file import FileMapping
from ingest.eniscope.normalize import FIELD_COLUMNS, parse_text
from ingest.files.columns import (
    ENERGY_COLUMN,
    QUANTITY_WORDS,
    UNIT_NAMES,
    UNITS,
    Meaning,
    key_of,
    meanings_of,
    split_unit,
)
from lib.errors import DataError

_READING_COLUMNS = {column for column, _ in FIELD_COLUMNS.values()}
_NO_UNIT = "no unit in its name"


class ValueColumn(NamedTuple):
    """A column of values: its place in the file, the channel (None: the row says), the column of `readings`, factor.

    The factor is None where a column of units has yet to be read (see `ingest.files.survey`).
    """

    position: int
    channel: str | None
    target: str
    factor: float | None


def clean_channel_name(name: str) -> str | None:
    """Return a channel's name on one line with single spaces, or None where there is none."""
    text = parse_text(name.strip().removeprefix('="').removesuffix('"'))
    return " ".join(text.split()) if text else None


def single_name(given: FileMapping, label: str) -> str:
    """Return the channel's name in a file of one meter."""
    return clean_channel_name(given.channel_name or label.split(".")[0]) or label


class Header(NamedTuple):
    """A header, and what is known of it before its values are looked for.

    Attributes
    ----------
    has_units
        Whether a column says the unit row by row.
    has_meter
        Whether a column names the meter row by row.
    known
        Channels that the site's file describes.
    label
        Name of the file.
    """

    cells: Sequence[str]
    given: FileMapping
    has_units: bool
    has_meter: bool
    known: set[str]
    label: str


class _Candidate(NamedTuple):
    """A column that may hold values: its place and name, and what the name says.

    `is_quantity` is a name such as energy or usage, `is_own` a column of `readings`, and `is_unsure` a name whose W may
    be no unit.
    """

    place: int
    cell: str
    channel: str
    unit: str | None
    is_quantity: bool
    is_own: bool
    is_unsure: bool


def find_values(header: Header, rest: Sequence[int]) -> tuple[list[ValueColumn], dict[str, str]]:
    """Return the columns of values among the places `rest`, and of the others why they are left out.

    Raises
    ------
    DataError
        When none is known, or one can be read two ways.
    """
    left_out: dict[str, str] = {}
    meanings = meanings_of(header.cells[place] for place in rest)
    found = (_candidate(header, place, meanings[header.cells[place]], left_out) for place in rest)
    candidates = [one for one in found if one is not None]
    if not candidates:
        raise _nothing_known(header, left_out)
    _check_meanings(header, candidates, meanings)
    candidates = _with_unit_of_their_own(header, candidates, left_out)
    is_long = header.has_meter or any(one.is_quantity or one.is_own for one in candidates)
    if is_long and not header.given.columns:
        candidates = _of_one_meter_a_row(header, candidates, left_out)
    values = [_value(header, one, is_long) for one in candidates]
    _check_each_once(values, header.cells, header.label)
    return values, left_out


def _candidate(header: Header, place: int, meaning: Meaning, left_out: dict[str, str]) -> _Candidate | None:
    """Return what a column's name says of its values; None, with the reason in `left_out`, where it has none."""
    given, cell = header.given, header.cells[place]
    name, unit, is_unsure = split_unit(cell)
    is_quantity, is_own = key_of(name) in QUANTITY_WORDS, key_of(cell) in _READING_COLUMNS
    if meaning in (Meaning.RATE, Meaning.EXTREME) and not given.columns:
        left_out[cell] = str(meaning)
        return None
    if unit is None and not is_own and not given.unit and not (is_quantity and header.has_units):
        if given.columns and not (header.has_units and header.has_meter):
            raise DataError(f"{header.label}: column {cell!r} says no unit; give --unit")
        if not given.columns or not header.has_units:
            left_out[cell] = _NO_UNIT
            return None
        is_quantity = True
    one = _Candidate(place, cell, clean_channel_name(name) or "", unit, is_quantity, is_own, is_unsure)
    if is_unsure and one.channel not in header.known and not (given.columns and given.unit):
        raise DataError(
            f"{header.label}: the W of {cell!r} may be the unit or part of the name; name every column of values "
            "with --column COLUMN and the unit with --unit"
        )
    return one


def _nothing_known(header: Header, left_out: dict[str, str]) -> DataError:
    reason = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "no column left"
    if _NO_UNIT in left_out.values():
        return DataError(
            f"{header.label}: no column of values is known ({reason}); the columns say no unit; give --unit, and the "
            "columns with --column COLUMN"
        )
    return DataError(
        f"{header.label}: no column of energy or power ({reason}); give a file of interval energy, or name the column "
        "with --column COLUMN --unit kWh"
    )


def _check_meanings(header: Header, candidates: Sequence[_Candidate], meanings: dict[str, Meaning]) -> None:
    """Raise where a column seems to be no use, and nobody said which columns are to be stored."""
    if header.given.columns:
        return
    odd = [one for one in candidates if meanings[one.cell] is not Meaning.USE and one.channel not in header.known]
    if odd:
        use = [one.cell for one in candidates if one not in odd] or [odd[0].cell]
        flags = " ".join(f'--column "{name}"' for name in use)
        others = len({one.cell for one in odd}) - 1
        raise DataError(
            f"{header.label}: column {odd[0].cell!r} seems to be {meanings[odd[0].cell]}"
            f"{f', as {others} more' if others else ''}; name the columns to store: {flags}"
        )


def _with_unit_of_their_own(header: Header, candidates: list[_Candidate], left_out: dict[str, str]) -> list[_Candidate]:
    """Return the candidates: one without a unit of its own counts only where none has one."""
    if header.given.columns or not any(one.unit or one.is_own for one in candidates):
        return candidates
    kept = [one for one in candidates if one.unit or one.is_own or (one.is_quantity and header.has_units)]
    left_out |= {one.cell: f"{_NO_UNIT}, and others have one" for one in candidates if one not in kept}
    return kept


def _of_one_meter_a_row(header: Header, candidates: list[_Candidate], left_out: dict[str, str]) -> list[_Candidate]:
    """Return the candidates that are quantities of the meter of each row, not meters of their own."""
    kept = [one for one in candidates if one.is_quantity or one.is_own]
    if not kept and header.has_meter:
        if len(candidates) > 1:
            names = ", ".join(one.cell for one in candidates)
            raise DataError(
                f"{header.label}: names a meter row by row, and has columns {names}; choose one with --column"
            )
        kept = candidates
    reason = "the file names its meter another way; take it with --column"
    left_out |= {one.cell: reason for one in candidates if one not in kept}
    return kept


def _value(header: Header, one: _Candidate, is_long: bool) -> ValueColumn:
    """Return one column of values."""
    given = header.given
    channel = None if header.has_meter else one.channel
    if channel is not None and is_long and (one.is_quantity or one.is_own):
        channel = single_name(given, header.label)
    if one.is_unsure and given.unit:
        return ValueColumn(one.place, None if header.has_meter else one.cell, *UNITS[given.unit.casefold()])
    if one.is_own and one.unit is None:
        return ValueColumn(one.place, channel, key_of(one.cell), 1.0)
    if one.unit is not None and given.unit is not None and one.unit.casefold() != given.unit.casefold():
        raise DataError(
            f"{header.label}: column {one.cell!r} is in {one.unit}, and --unit says {given.unit}; leave --unit out"
        )
    unit = one.unit or given.unit
    if unit is not None:
        return ValueColumn(one.place, channel, *UNITS[unit.casefold()])
    if header.has_units:
        return ValueColumn(one.place, channel, ENERGY_COLUMN, None)
    raise DataError(f"{header.label}: column {one.cell!r} says no unit; give --unit, one of {', '.join(UNIT_NAMES)}")


def _check_each_once(values: Sequence[ValueColumn], cells: Sequence[str], label: str) -> None:
    seen: dict[tuple[str | None, str], int] = {}
    for value in values:
        first = seen.setdefault((value.channel, value.target), value.position)
        if first != value.position:
            names = [cells[first], cells[value.position]]
            if names[0] == names[1]:
                places = [place for place, cell in enumerate(cells) if cell == names[0]]
                names = [f"{names[0]}#{places.index(place) + 1}" for place in (first, value.position)]
            flags = " or ".join(f'--column "{name}"' for name in names)
            raise DataError(
                f"{label}: columns {' and '.join(map(repr, names))} are the same quantity; choose one: {flags}"
            )
