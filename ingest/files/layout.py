"""What the columns of an interval file are: as a format declares them, as they are named, or as is given. Pure.

*Long*: a row is one interval of one meter, with a column that names the meter, or none where the file is of a single
one. *Wide*: a row is one interval of all meters, a column each. What a header leaves open is a `DataError` that says
what to give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from config.site_file import FileMapping
from ingest.eniscope.normalize import FIELD_COLUMNS, parse_text
from ingest.files.columns import (
    CALENDAR_NAMES,
    END_NAMES,
    ENERGY_COLUMN,
    HARMLESS_NAMES,
    HOUR_NAMES,
    METER_NAMES,
    PLAIN_NAMES,
    QUANTITY_WORDS,
    START_NAMES,
    SUPPLY_POINT_NAMES,
    UNIT_COLUMN_NAMES,
    UNIT_NAMES,
    UNITS,
    Meaning,
    bare,
    find_time_columns,
    first_of,
    key_of,
    meanings_of,
    split_unit,
    zone_said,
)
from ingest.files.formats import Format
from lib.errors import DataError

_READING_COLUMNS = {column for column, _ in FIELD_COLUMNS.values()}


class ValueColumn(NamedTuple):
    """A column of values: its place in the file, the channel (None: the row says), the column of `readings`, factor.

    The factor is None where a column of units has yet to be read (see `ingest.files.survey`).
    """

    position: int
    channel: str | None
    target: str
    factor: float | None


@dataclass(frozen=True)
class Layout:
    """What the columns of a file are.

    Attributes
    ----------
    time_positions
        The place of the time, or those of the date and the time of day.
    is_end
        Whether the times are ends; None where neither header nor operator says it.
    is_utc
        Whether the header says that the times are UTC.
    end_position
        The place of the end, or of its time of day, where the times are starts.
    is_hour, first_hour
        The time of day is the number of an hour, and which of them begins at midnight.
    is_range
        The cell of the time holds start and end.
    meter_is_spare
        The column of the meter counts only where it names several.
    where
        Place → what a row says there, without case, to be used.
    unsure
        Places of columns that nobody has said anything of.
    left_out
        Column → why it is left out.
    is_register, is_read_at_end
        The values count up; each is read at the time of its row, or at the end of the interval that begins there.
    strict_hours
        A repeated hour that stands once is refused, as the file has one column for it.
    month_first
        As the format has it.
    """

    header: tuple[str, ...]
    time_positions: tuple[int, ...]
    is_end: bool | None
    is_utc: bool = False
    end_position: int | None = None
    is_hour: bool = False
    first_hour: int = 0
    is_range: bool = False
    meter: int | None = None
    meter_is_spare: bool = False
    unit_position: int | None = None
    values: tuple[ValueColumn, ...] = ()
    where: tuple[tuple[int, frozenset[str]], ...] = ()
    unsure: tuple[int, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    is_register: bool = False
    is_read_at_end: bool = False
    strict_hours: bool = False
    month_first: bool | None = None
    format: str = ""


def clean_channel_name(name: str) -> str | None:
    """Return a channel's name on one line with single spaces, or None where there is none."""
    text = parse_text(name.strip().removeprefix('="').removesuffix('"'))
    return " ".join(text.split()) if text else None


def single_name(given: FileMapping, label: str) -> str:
    """Return the channel's name in a file of one meter."""
    return clean_channel_name(given.channel_name or label.split(".")[0]) or label


def declared_layout(form: Format, header: Sequence[str], given: FileMapping, label: str) -> Layout:
    """Return the layout of a file of a known format.

    Raises
    ------
    DataError
        When the header does not have what the format declares.
    """
    keys = [key_of(cell) for cell in header]
    # The last of columns of one name: what Ameren writes beside it is the same again by the hour.
    places = {key: place for place, key in enumerate(keys)}

    def places_of(sets: tuple[tuple[str, ...], ...]) -> tuple[int, ...]:
        return next((tuple(places[key] for key in one) for one in sets if set(one) <= set(keys)), ())

    times = places_of(form.start) or places_of(form.end)
    meter = places.get(form.meter or form.meter_if_several)
    unit = places.get(form.unit_column) if form.unit_column else None
    chosen = [(places[key], own) for key, own in form.values if key in places]
    if given.columns:
        chosen = [(place, own) for place, own in chosen if header[place].strip() in given.columns]
    if not times or not chosen:
        raise DataError(f"{label}: is not of the format {form.name}; leave --format out, or see --list-formats")
    channel = None if meter is not None else single_name(given, label)
    values = []
    for place, own in chosen:
        named = own or (given.unit if unit is None else None)
        if not named and unit is None:
            raise DataError(f"{label}: column {header[place].strip()!r} says no unit; give --unit")
        target, factor = UNITS[named.casefold()] if named else (ENERGY_COLUMN, None)
        values.append(ValueColumn(place, channel, target, factor))
    where = tuple((places[key], frozenset(words)) for key, words in form.where if key in places)
    used = {*times, meter, unit, *(value.position for value in values), *(place for place, _ in where)}
    return Layout(
        tuple(cell.strip() for cell in header),
        times,
        bool(form.end and not places_of(form.start)) if given.interval_end is None else given.interval_end,
        is_range=form.is_range,
        meter=meter,
        meter_is_spare=bool(form.meter_if_several) and meter is not None,
        unit_position=unit if any(value.factor is None for value in values) else None,
        values=tuple(values),
        where=where,
        left_out={
            cell.strip(): f"not use, or no reading (format {form.name})"
            for place, cell in enumerate(header)
            if place not in used and keys[place]
        },
        month_first=form.month_first,
        is_register=form.is_register,
        is_read_at_end=form.is_register,
        format=form.name,
    )


def named_layout(header: Sequence[str], given: FileMapping, exact: int | None, known: set[str], label: str) -> Layout:
    """Return the layout of a file by the names of its columns and what the operator says of them.

    Parameters
    ----------
    exact
        Place of a column whose times bear an offset: it goes before separate columns of date and time.
    known
        Channels that the site's file describes: their names are taken as they are.
    label
        Name of the file: it names the file in errors, and the channel of a file that names none.

    Raises
    ------
    DataError
        When the header leaves something open.
    """
    keys = [key_of(cell) for cell in header]
    cells = [cell.strip() for cell in header]
    times = _places(cells, given.start or given.end, "--start" if given.start else "--end", label)
    _check_not_ends(cells, keys, given, label)
    times = times or (() if exact is None else (exact,)) or find_time_columns(cells) or ()
    if not times:
        raise DataError(f"{label}: no column of times is known; name it with --start COLUMN or --end COLUMN")
    zone = next((said for place in times if (said := zone_said(cells[place]))), None)
    if zone is not None and not given.clock:
        raise DataError(
            f"{label}: its times are said to be {zone}; give --clock, such as Etc/GMT+5 for UTC−5 all year, or the "
            "site's zone"
        )
    used = set(times)
    meter, is_spare = _meter_place(cells, keys, given, used, label)
    unit_position = first_of(keys, UNIT_COLUMN_NAMES, used)
    if meter is not None:
        used.add(meter)
    if unit_position is not None:
        used.add(unit_position)
    where = _where(cells, given, label)
    used |= {place for place, _ in where}
    left = set(_places(cells, given.leave_out, "--leave-out", label))
    rest = [place for place in range(len(cells)) if place not in used | left and keys[place]]
    if given.columns:
        wanted = set(_places(cells, given.columns, "--column", label))
        rest = [place for place in rest if place in wanted]
    values, left_out = _values(cells, rest, given, unit_position is not None, meter, known, label)
    taken = {value.position for value in values}
    unsure = tuple(
        place for place, key in enumerate(keys) if key and place not in used | taken | left and not _is_time(key)
    )
    for place in unsure:
        left_out.setdefault(cells[place], "no energy or power kept here")
    return Layout(
        tuple(cells),
        times,
        _label_of(keys, times, given),
        end_position=next((at for at, key in enumerate(keys) if bare(key) in END_NAMES and at not in times), None),
        is_utc=any(keys[place].endswith(("_utc", "_gmt")) for place in times),
        is_hour=len(times) > 1 and bare(keys[times[1]]) in HOUR_NAMES | {"hour_ending", "hour_beginning"},
        meter=meter,
        meter_is_spare=is_spare,
        unit_position=unit_position if given.unit or any(value.factor is None for value in values) else None,
        values=tuple(values),
        where=where,
        unsure=unsure,
        left_out=left_out,
    )


def _check_not_ends(cells: Sequence[str], keys: Sequence[str], given: FileMapping, label: str) -> None:
    """Raise where the column that is given for the starts bears the name of ends."""
    named = [place for place, cell in enumerate(cells) if cell in {name.strip() for name in given.start}]
    if given.interval_end is None and any(bare(keys[place]) in END_NAMES for place in named):
        flags = " ".join(f'--end "{name}"' for name in given.start)
        raise DataError(
            f"{label}: {cells[named[0]]!r} seems to be the intervals' ends; give {flags}, or --no-interval-end beside "
            "--start if it holds their starts"
        )


def with_given(layout: Layout, given: FileMapping) -> Layout:
    """Return a layout with what the operator says of registers."""
    return layout if given.register is None else replace(layout, is_register=given.register)


def _places(cells: Sequence[str], names: Sequence[str], flag: str, label: str) -> tuple[int, ...]:
    """Return the places of columns that the operator names."""
    found = []
    for name in names:
        matches = [place for place, cell in enumerate(cells) if cell == name.strip()]
        head, sign, number = name.strip().rpartition("#")
        if not matches and sign and number.isdigit():
            matches = [place for place, cell in enumerate(cells) if cell == head][int(number) - 1 : int(number)]
        if not matches:
            raise DataError(f"{label}: has no column {name.strip()}; check {flag}")
        found += matches if flag == "--column" else matches[:1]
    return tuple(found)


def _meter_place(
    cells: Sequence[str], keys: Sequence[str], given: FileMapping, used: set[int], label: str
) -> tuple[int | None, bool]:
    """Return the place of the column that names the meter, and whether it counts only where it names several."""
    if given.meter:
        return _places(cells, (given.meter,), "--meter", label)[0], False
    place = first_of(keys, METER_NAMES, used)
    if place is not None:
        return place, False
    place = first_of(keys, SUPPLY_POINT_NAMES, used)
    return place, place is not None


def _where(cells: Sequence[str], given: FileMapping, label: str) -> tuple[tuple[int, frozenset[str]], ...]:
    wanted: dict[int, set[str]] = {}
    for text in given.where:
        # A value may hold the sign, and a column may, so the split that names a column counts.
        parts = text.split("=")
        pairs = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts))]
        name, value = next((pair for pair in pairs if pair[0].strip() in cells), pairs[0])
        wanted.setdefault(_places(cells, (name,), "--where", label)[0], set()).add(value.strip().casefold())
    return tuple((place, frozenset(values)) for place, values in wanted.items())


def _is_time(key: str) -> bool:
    return bare(key) in CALENDAR_NAMES | PLAIN_NAMES | START_NAMES | END_NAMES


def is_harmless(name: str) -> bool:
    """Return whether a column may change from row to row without telling series apart."""
    return key_of(name) in HARMLESS_NAMES or _is_time(key_of(name))


def _label_of(keys: Sequence[str], times: Sequence[int], given: FileMapping) -> bool | None:
    """Return whether the times are ends; None where nothing says it."""
    if given.interval_end is not None:
        return given.interval_end
    if given.start or given.end:
        # --start is what a refusal names first; what the record itself says of its ends is still looked at.
        return True if given.end else None
    names = [bare(keys[place]) for place in times]
    if any(name in END_NAMES for name in names):
        return True
    is_start = any(name in START_NAMES or name.startswith("start_") or name.endswith("_start") for name in names)
    return False if is_start else None


def _values(
    cells: Sequence[str],
    rest: Sequence[int],
    given: FileMapping,
    has_unit_column: bool,
    meter: int | None,
    known: set[str],
    label: str,
) -> tuple[list[ValueColumn], dict[str, str]]:
    """Return the columns of values, and of the others why they are left out."""
    left_out: dict[str, str] = {}
    candidates, doubtful = [], {}
    meanings = meanings_of(cells[place] for place in rest)
    for place in rest:
        meaning = meanings[cells[place]]
        name, unit, is_unsure = split_unit(cells[place])
        channel = clean_channel_name(name) or ""
        if meaning in (Meaning.RATE, Meaning.EXTREME) and not given.columns:
            left_out[cells[place]] = str(meaning)
            continue
        is_quantity = key_of(name) in QUANTITY_WORDS
        is_own = key_of(cells[place]) in _READING_COLUMNS
        if unit is None and not is_own and not given.unit and not (is_quantity and has_unit_column):
            if given.columns and not (has_unit_column and meter is not None):
                raise DataError(f"{label}: column {cells[place]!r} says no unit; give --unit")
            if not (given.columns and has_unit_column):
                left_out[cells[place]] = "no unit in its name"
                continue
            is_quantity = True
        if meaning is not Meaning.USE and not given.columns and channel not in known:
            doubtful[cells[place]] = str(meaning)
        if is_unsure and channel not in known and not (given.columns and given.unit):
            raise DataError(
                f"{label}: the W of {cells[place]!r} may be the unit or part of the name; name every column of values "
                "with --column COLUMN and the unit with --unit"
            )
        candidates.append((place, channel, unit, is_quantity, is_own, is_unsure))
    if not candidates:
        reason = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise DataError(
            f"{label}: no column of values is known ({reason or 'no column left'}); "
            "the columns say no unit; give --unit, and the columns with --column COLUMN"
            if any(why == "no unit in its name" for why in left_out.values())
            else f"{label}: no column of energy or power ({reason or 'no column left'}); "
            "give a file of interval energy, or name the column with --column COLUMN --unit kWh"
        )
    use = [cells[c[0]] for c in candidates if cells[c[0]] not in doubtful]
    if doubtful:
        flags = " ".join(f'--column "{name}"' for name in use or list(doubtful)[:1])
        raise DataError(
            f"{label}: column {next(iter(doubtful))!r} seems to be {next(iter(doubtful.values()))}"
            f"{f', as {len(doubtful) - 1} more' if len(doubtful) > 1 else ''}; name the columns to store: {flags}"
        )
    # Without a unit of its own a column of a wide file counts only where none has one.
    if any(unit or own for _, _, unit, _, own, _ in candidates) and not given.columns:
        for place, _, unit, is_quantity, own, _ in candidates:
            if not unit and not own and not (is_quantity and has_unit_column):
                left_out[cells[place]] = "no unit in its name, and others have one"
        candidates = [c for c in candidates if cells[c[0]] not in left_out]
    is_long = meter is not None or any(c[3] or c[4] for c in candidates)
    if is_long and not given.columns:
        kept = [c for c in candidates if c[3] or c[4]]
        if not kept and meter is not None:
            kept = candidates if len(candidates) == 1 else []
            if not kept:
                names = ", ".join(cells[c[0]] for c in candidates)
                raise DataError(f"{label}: names a meter row by row, and has columns {names}; choose one with --column")
        for c in candidates:
            if c not in kept:
                left_out[cells[c[0]]] = "the file names its meter another way; take it with --column"
        candidates = kept
    values = [_value(cells, c, given, meter, is_long, has_unit_column, label) for c in candidates]
    _check_each_once(values, cells, label)
    return values, left_out


def _value(
    cells: Sequence[str],
    candidate: tuple[int, str, str | None, bool, bool, bool],
    given: FileMapping,
    meter: int | None,
    is_long: bool,
    has_unit_column: bool,
    label: str,
) -> ValueColumn:
    """Return one column of values."""
    place, name, unit, is_quantity, is_own, is_unsure = candidate
    channel = None if meter is not None else name
    if meter is None and is_long and (is_quantity or is_own):
        channel = single_name(given, label)
    if is_unsure and given.unit:
        return ValueColumn(place, None if meter is not None else cells[place], *UNITS[given.unit.casefold()])
    if is_own and unit is None:
        return ValueColumn(place, channel, key_of(cells[place]), 1.0)
    if unit is not None:
        if given.unit is not None and unit.casefold() != given.unit.casefold():
            raise DataError(
                f"{label}: column {cells[place]!r} is in {unit}, and --unit says {given.unit}; leave --unit out"
            )
        return ValueColumn(place, channel, *UNITS[unit.casefold()])
    if given.unit is None and has_unit_column:
        return ValueColumn(place, channel, ENERGY_COLUMN, None)
    if given.unit is None:
        raise DataError(f"{label}: column {cells[place]!r} says no unit; give --unit, one of {', '.join(UNIT_NAMES)}")
    return ValueColumn(place, channel, *UNITS[given.unit.casefold()])


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
