"""What the columns of an interval file mean: which is the time, which the channel, which a value in what unit. Pure.

Two layouts are known. *Long*: a row is one interval of one channel, with a column that names the channel, or none where
the file is of a single meter. *Wide*: a row is one interval of all channels, a column each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.eniscope.normalize import FIELD_COLUMNS, parse_text
from lib.errors import DataError

ENERGY_COLUMN, POWER_COLUMN = "energy_kwh", "power_kw"
# Unit, without case → column of `readings` and the factor to its unit. MW is the megawatt: no meter reports milliwatts.
UNITS: dict[str, tuple[str, float]] = {
    "wh": (ENERGY_COLUMN, 1e-3),
    "kwh": (ENERGY_COLUMN, 1.0),
    "mwh": (ENERGY_COLUMN, 1e3),
    "w": (POWER_COLUMN, 1e-3),
    "kw": (POWER_COLUMN, 1.0),
    "mw": (POWER_COLUMN, 1e3),
}
UNIT_NAMES = ("Wh", "kWh", "MWh", "W", "kW", "MW")

_READING_COLUMNS = {column for column, _ in FIELD_COLUMNS.values()}
_DATE_NAMES = {"date", "local_date", "day", "usage_date", "reading_date"}
_TIME_OF_DAY_NAMES = {"time", "start_time", "time_of_day", "local_time", "hour", "interval_start", "start"}
_START_NAMES = {
    "timestamp", "time_stamp", "datetime", "date_time", "time", "local_time", "start", "start_time", "interval_start",
    "period_start", "usage_start", "start_date_time", "start_datetime",
}  # fmt: skip
_END_NAMES = {
    "end", "end_time", "interval_end", "interval_ending", "hour_ending", "period_end", "period_ending", "usage_end",
    "end_date_time", "end_datetime",
}  # fmt: skip
_CLOCK_WORDS = ("_local", "_utc", "_gmt")
_CHANNEL_NAMES = {
    "channel", "channel_name", "channel_id", "meter", "meter_name", "meter_id", "meter_number", "circuit", "device",
    "point", "building", "building_id",
}  # fmt: skip
_UNIT_COLUMN_NAMES = {"unit", "units", "uom", "unit_of_measure"}
_QUANTITY_WORDS = {
    "", "energy", "power", "value", "usage", "use", "consumption", "reading", "meter_reading", "demand", "load",
    "active_energy", "active_power", "import", "delivered",
}  # fmt: skip
_UNIT_SUFFIX = re.compile(r"^(?P<name>.*?)(?:^|[\s_(\[/-])(?P<unit>[kM]?Wh?)[)\]]?\s*$", re.IGNORECASE)


class ValueColumn(NamedTuple):
    """A column of values: its place in the file, the channel (None: the row says), the column of `readings`, factor.

    The factor is None where a column of units has yet to be read (see `ingest.files.survey`).
    """

    position: int
    channel: str | None
    target: str
    factor: float | None


class Layout(NamedTuple):
    """What the columns of a file are; `time_positions` holds one place, or those of the date and the time of day."""

    header: list[str]
    time_positions: tuple[int, ...]
    is_end: bool
    is_utc: bool
    channel_position: int | None
    unit_position: int | None
    values: list[ValueColumn]
    ignored: list[str]


class LayoutOptions(NamedTuple):
    """What the operator says of the columns; None leaves it to the header."""

    unit: str | None = None
    is_end: bool | None = None
    channel_name: str | None = None
    columns: Sequence[str] | None = None


def recognise_layout(header: Sequence[str], options: LayoutOptions, label: str) -> Layout:
    """Return the meaning of a header's columns.

    Parameters
    ----------
    header
        Cells of the header line.
    label
        Name of the file: it names the file in errors, and the channel of a file that names none.

    Raises
    ------
    DataError
        When the header does not say what is needed, or contradicts the options.
    """
    keys = [_key_of(cell) for cell in header]
    times = find_time_columns(header)
    if times is None:
        raise DataError(f"{label}: no column of times; name it timestamp (or interval_end), or date and time")
    used = set(times)
    channel_position = _first(keys, _CHANNEL_NAMES, used)
    unit_position = _first(keys, _UNIT_COLUMN_NAMES, used)
    used |= {place for place in (channel_position, unit_position) if place is not None}
    rest = [(place, cell) for place, cell in enumerate(header) if place not in used and keys[place]]
    if options.columns is not None:
        unknown = sorted(set(options.columns) - {cell.strip() for _, cell in rest})
        if unknown:
            raise DataError(f"{label}: has no column {', '.join(unknown)}; check --column")
        rest = [(place, cell) for place, cell in rest if cell.strip() in options.columns]
    named = [(place, *_quantity_of(cell, options.unit, unit_position is not None, label)) for place, cell in rest]
    if channel_position is not None or any(target is not None and is_quantity for _, target, _, is_quantity in named):
        values = [
            ValueColumn(place, None if channel_position is not None else _single_name(options, label), target, factor)
            for place, target, factor, is_quantity in named
            if target is not None and is_quantity
        ]
    else:
        values = _wide_columns(rest, options.unit, label)
    if not values:
        raise DataError(f"{label}: no column of values is known; name one energy_kwh or power_kw, or give --unit")
    _check_each_once(values, header, label)
    taken = {value.position for value in values}
    ignored = [cell.strip() for place, cell in enumerate(header) if place not in taken | used and keys[place]]
    is_end = any(_bare(keys[place]) in _END_NAMES for place in times)
    return Layout(
        [cell.strip() for cell in header],
        times,
        is_end if options.is_end is None else options.is_end,
        any(keys[place].endswith(("_utc", "_gmt")) for place in times),
        channel_position,
        unit_position,
        values,
        ignored,
    )


def find_time_columns(cells: Sequence[str]) -> tuple[int, ...] | None:
    """Return the places of the time, or of date and time of day, in a header line; None for a line that is none."""
    keys = [_key_of(cell) for cell in cells]
    date = _first(keys, _DATE_NAMES, set())
    if date is not None:
        time_of_day = _first(keys, _TIME_OF_DAY_NAMES, {date})
        if time_of_day is None:
            time_of_day = _first(keys, _END_NAMES, {date})
        return (date,) if time_of_day is None else (date, time_of_day)
    for names in (_START_NAMES, _END_NAMES):
        place = _first(keys, names, set())
        if place is not None:
            return (place,)
    return None


def clean_channel_name(name: str) -> str | None:
    """Return a channel's name on one line with single spaces, or None where there is none."""
    text = parse_text(name)
    return " ".join(text.split()) if text else None


def _wide_columns(rest: list[tuple[int, str]], unit: str | None, label: str) -> list[ValueColumn]:
    """Return a channel for each column that has a unit: its own, or `unit` where no column has one."""
    split = [(place, *_split_unit(cell)) for place, cell in rest]
    has_own = any(own is not None for _, _, own in split)
    if not has_own and unit is None:
        raise DataError(f"{label}: the columns say no unit; give --unit, one of {', '.join(UNIT_NAMES)}")
    values = []
    for place, name, own in split:
        chosen = own if has_own else unit
        channel = clean_channel_name(name)
        if chosen is None or channel is None:
            continue
        _check_unit(own, unit, name, label)
        values.append(ValueColumn(place, channel, *UNITS[chosen.casefold()]))
    return values


def _quantity_of(
    cell: str, unit: str | None, has_unit_column: bool, label: str
) -> tuple[str | None, float | None, bool]:
    """Return column of `readings`, factor, and whether the name is a quantity's, not a channel's."""
    key = _key_of(cell)
    name, own = _split_unit(cell)
    is_quantity = _key_of(name) in _QUANTITY_WORDS
    if key in _READING_COLUMNS and own is None:
        return key, 1.0, True
    if own is not None:
        _check_unit(own, unit, cell, label)
        return *UNITS[own.casefold()], is_quantity
    if not is_quantity:
        return None, None, False
    if has_unit_column and unit is None:
        return ENERGY_COLUMN, None, True
    return (*UNITS[unit.casefold()], True) if unit else (None, None, True)


def _check_unit(own: str | None, unit: str | None, name: str, label: str) -> None:
    if own is not None and unit is not None and own.casefold() != unit.casefold():
        raise DataError(f"{label}: column {name!r} is in {own}, and --unit says {unit}; leave --unit out")


def _check_each_once(values: list[ValueColumn], header: Sequence[str], label: str) -> None:
    seen: dict[tuple[str | None, str], int] = {}
    for value in values:
        first = seen.setdefault((value.channel, value.target), value.position)
        if first != value.position:
            names = f"{header[first]!r} and {header[value.position]!r}"
            raise DataError(f"{label}: columns {names} are the same quantity; choose one with --column")


def _single_name(options: LayoutOptions, label: str) -> str:
    return clean_channel_name(options.channel_name or label.split(".")[0]) or label


def _split_unit(cell: str) -> tuple[str, str | None]:
    """Return a column's name without the unit it ends with, and that unit."""
    match = _UNIT_SUFFIX.match(cell.strip())
    if match is None:
        return cell.strip(), None
    return match["name"].strip(" _-"), match["unit"]


def _key_of(cell: str) -> str:
    """Return a column's name in lower case with single underscores, by which it is recognised."""
    return re.sub(r"[^a-z0-9]+", "_", cell.casefold()).strip("_")


def _bare(key: str) -> str:
    for word in _CLOCK_WORDS:
        key = key.removesuffix(word)
    return key


def _first(keys: Sequence[str], names: set[str], used: set[int]) -> int | None:
    return next((place for place, key in enumerate(keys) if _bare(key) in names and place not in used), None)
