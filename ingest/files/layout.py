"""What the columns of an interval file are: as a format declares them, as they are named, or as is given. Pure.

*Long*: a row is one interval of one meter, with a column that names the meter, or none where the file is of a single
one. *Wide*: a row is one interval of all meters, a column each. What a header leaves open is a `DataError` that says
what to give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from config.site_file import FileMapping
from ingest.files.columns import (
    CALENDAR_NAMES,
    END_NAMES,
    ENERGY_COLUMN,
    HARMLESS_NAMES,
    HOUR_NAMES,
    METER_NAMES,
    PLAIN_NAMES,
    START_NAMES,
    SUPPLY_POINT_NAMES,
    UNIT_COLUMN_NAMES,
    UNITS,
    bare,
    find_time_columns,
    first_of,
    key_of,
    zone_said,
)
from ingest.files.formats import Format
from ingest.files.value_columns import Header, ValueColumn, find_values, single_name
from lib.errors import DataError


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
    described = Header(cells, given, unit_position is not None, meter is not None, known, label)
    values, left_out = find_values(described, rest)
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
