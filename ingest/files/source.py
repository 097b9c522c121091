"""One door for every kind of interval file: what channels a file has, and its readings part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from config.site_file import FileMapping
from ingest.files import clock_doubts
from ingest.files.columns import find_time_columns, key_of
from ingest.files.day_rows import DayColumns, find_day_columns, kept_columns, reshaped
from ingest.files.formats import BY_NAME, Format, recognise_format
from ingest.files.green_button import GreenButton, read_green_button, survey_green_button
from ingest.files.hour_numbers import are_hours
from ingest.files.interval_file import (
    SAMPLE_ROWS,
    FileKind,
    Table,
    filled_down,
    find_kind,
    known_format,
    open_bytes,
    open_table,
)
from ingest.files.layout import Layout, declared_layout, named_layout, with_given
from ingest.files.nem12 import HEADER, is_nem12, read_nem12
from ingest.files.parse import FilePart, cut_at_day, parse_part
from ingest.files.survey import FileFacts, survey_table
from ingest.files.tables import take_table
from ingest.files.time_columns import find_stamped_columns, one_row_each
from ingest.files.times import CANDIDATE_FORMATS, EPOCH_MS, EPOCH_S, are_ranges, count_readable, parse_walls
from lib.errors import DataError, UsageError

_SNIFFED_BYTES = 512
_GREEN_BUTTON = "green-button"


class Column(NamedTuple):
    """A column of a file, and what it was taken for, or why it was left out."""

    name: str
    role: str


@dataclass(frozen=True)
class FileSource:
    """A file that was surveyed.

    Attributes
    ----------
    channels
        Channel → length of its intervals [s].
    notes
        What the operator should know, one line each.
    standard_offset_s
        The offset of the site's zone in winter [s], where the file says it.
    read
        Yields its readings, given the zone of times without an offset, and the present in epoch seconds.
    columns
        What each column was taken for.
    check_clock
        Raises a DataError where the file's times contradict a zone.
    """

    name: str
    channels: dict[str, int]
    notes: list[str]
    standard_offset_s: int | None
    read: Callable[[ZoneInfo, float], Iterator[FilePart]]
    columns: list[Column] = field(default_factory=list)
    check_clock: Callable[[ZoneInfo], None] = lambda clock: None


def open_source(path: Path, given: FileMapping, known: frozenset[str] = frozenset()) -> FileSource:
    """Survey a file of any kind.

    Parameters
    ----------
    given
        What the operator says of it.
    known
        Channels that the site's file describes.

    Raises
    ------
    DataError
        When it cannot be read, does not tell what is needed, or can be read two ways.
    """
    known_format(given.format, path.name)
    kind = find_kind(path, given)
    if not kind.is_workbook:
        with open_bytes(kind) as handle:
            is_xml = handle.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
        if is_xml or given.format == _GREEN_BUTTON:
            return _open_green_button(kind, given)
        if is_nem12(kind):
            return _open_nem12(kind, given, set(known))
    table = open_table(kind, given)
    if given.table:
        table = take_table(table, given.table, _time_place(table.header, given))
    try:
        days = find_day_columns(table.header)
    except DataError as err:
        raise DataError(f"{path.name}: {err}") from err
    if days is not None:
        return _open_days(table, days, given, set(known))
    stamped = find_stamped_columns(table.header)
    if stamped:
        return _open_stamped(table, stamped, given, set(known))
    form = _format_of(table, given)
    if form is not None:
        layout = declared_layout(form, table.header, given, table.name)
    else:
        layout = named_layout(table.header, given, _exact_column(table), set(known), table.name)
        layout = _without_texts(layout, table, given)
    layout = _with_hours(layout, table)
    if given.fill_down:
        table = filled_down(table, layout.time_positions[0])
    return _table_source(table, layout, given, set(known))


def _time_place(header: Sequence[str], given: FileMapping) -> int:
    """Return the place of the first column of times of a header."""
    cells = [cell.strip() for cell in header]
    named = next((name.strip() for name in (*given.start, *given.end) if name.strip() in cells), None)
    if named is not None:
        return cells.index(named)
    form = recognise_format(header)
    keys = [key_of(cell) for cell in header]
    declared = next((key for one in (*form.start, *form.end) for key in one if key in keys), None) if form else None
    return keys.index(declared) if declared else (find_time_columns(cells) or (0,))[0]


def _format_of(table: Table, given: FileMapping) -> Format | None:
    """Return the format of a file: the one that is given, or the one that its header has; None with a mapping."""
    if given.format is not None:
        return BY_NAME[given.format]
    has_mapping = given.start or given.end or given.meter or given.where
    return None if has_mapping else recognise_format(table.header)


def _exact_column(table: Table) -> int | None:
    """Return the place of a column whose cells bear an offset or count seconds; a text one goes before."""
    numbers = None
    for place in range(len(table.header)):
        cells = table.sample[place].dropna()
        if cells.empty:
            continue
        counts = count_readable(cells, CANDIDATE_FORMATS[:1])
        if counts.total() > len(cells) / 2:
            _, exact = parse_walls(cells, CANDIDATE_FORMATS[0])
            if (exact == exact).sum() > len(cells) / 2:
                return place
        elif numbers is None and any(word in key_of(table.header[place]) for word in ("time", "epoch", "unix")):
            found = count_readable(cells, (EPOCH_S, EPOCH_MS))
            numbers = place if found.total() > len(cells) / 2 else None
    return numbers


def _without_texts(layout: Layout, table: Table, given: FileMapping) -> Layout:
    """Return a layout without the columns of values that hold no number, where the unit is the operator's."""
    if given.columns or not given.unit or len(layout.values) < 2:
        return layout
    texts = [
        value
        for value in layout.values
        if (cells := table.sample[value.position].dropna()).size and not cells.str.contains(r"\d", regex=True).any()
    ]
    left = {layout.header[value.position]: "holds no numbers" for value in texts}
    unsure = tuple(value.position for value in texts)
    values = tuple(value for value in layout.values if value not in texts)
    return replace(layout, values=values, left_out=layout.left_out | left, unsure=layout.unsure + unsure)


def _with_hours(layout: Layout, table: Table) -> Layout:
    """Return a layout that knows whether its times are ranges, or its second column of them numbers of hours."""
    if len(layout.time_positions) < 2:
        is_range = are_ranges(table.sample[layout.time_positions[0]])
        return replace(layout, is_range=True, is_end=False) if is_range else layout
    if layout.is_hour:
        return layout
    return replace(layout, is_hour=are_hours(table.sample[layout.time_positions[1]]))


def _table_source(table: Table, layout: Layout, given: FileMapping, known: set[str]) -> FileSource:
    facts = survey_table(table, with_given(layout, given), given, known)
    label = "ends" if facts.layout.is_end else "starts"
    lengths = sorted(set(facts.interval_s.values()))
    notes = [
        f"{facts.row_count:,} rows, {len(facts.interval_s)} channels, intervals of "
        f"{' and '.join(f'{length / 60:g}' for length in lengths)} minutes, times are interval {label}"
    ]
    if layout.format:
        notes.append(f"format {layout.format}")
    if facts.layout.left_out:
        notes.append(f"left out, as no quantity kept here: columns {', '.join(facts.layout.left_out)}")
    if facts.tally.left_rows:
        notes.append(f"left out: {facts.tally.left_rows:,} rows that are not use")
    notes += table.notes

    def zone_of(clock: ZoneInfo) -> ZoneInfo:
        return ZoneInfo("UTC") if facts.layout.is_utc else clock

    def read(clock: ZoneInfo, now_s: float) -> Iterator[FilePart]:
        counters: dict[tuple[str, str], tuple[float, float]] = {}
        own = facts
        if facts.tally.zone_words and not given.clock:
            span = facts.tally.first_s[facts.date_format], facts.tally.last_s[facts.date_format]
            own = facts._replace(word_offsets_s=clock_doubts.offsets_of(clock, *span))
        for chunk in _whole_days(own, zone_of(clock)):
            yield parse_part(chunk, own, zone_of(clock), now_s, counters)

    def check_clock(clock: ZoneInfo) -> None:
        clock_doubts.check_clock(facts, zone_of(clock))

    return FileSource(table.name, facts.interval_s, notes, None, read, _columns_of(facts), check_clock)


def _columns_of(facts: FileFacts) -> list[Column]:
    """Return what each column was taken for."""
    layout = facts.layout
    roles = dict.fromkeys(layout.time_positions, f"time of the interval's {'end' if layout.is_end else 'start'}")
    if layout.meter is not None:
        roles[layout.meter] = "names the meter"
    if layout.unit_position is not None:
        roles[layout.unit_position] = "unit"
    for place, words in layout.where:
        roles[place] = f"only rows that say {' or '.join(sorted(words))}"
    for value in layout.values:
        what = "register of " if layout.is_register else ""
        factor = "" if value.factor in (None, 1.0) else f" × {value.factor:g}"
        roles[value.position] = f"{what}{value.target}{factor}{f' of {value.channel!r}' if value.channel else ''}"
    return [
        Column(name, roles.get(place) or f"left out: {layout.left_out.get(name, 'part of the time')}")
        for place, name in enumerate(layout.header)
        if name
    ]


def _open_days(table: Table, days: DayColumns, given: FileMapping, known: set[str]) -> FileSource:
    """Survey a file whose rows are days."""
    form = BY_NAME[given.format] if given.format else recognise_format(table.header)
    if form is None or not form.days:
        raise DataError(
            f"{table.name}: a row is a day, and its {len(days.places)} columns are intervals of {days.interval_min} "
            "minutes; give --format day-columns, and with it --unit, --meter and --clock where the file does not tell"
        )
    try:
        date, others = kept_columns(table.header, days, given.start)
    except DataError as err:
        raise DataError(f"{table.name}: {err}") from err
    is_utc = key_of(table.header[date]).endswith(("_utc", "_gmt"))
    header = [table.header[place] for place in others]
    header += ["interval_start_utc" if is_utc else "interval_start", f"value ({days.unit})" if days.unit else "value"]

    def chunks(clock: ZoneInfo | None, date_format: str) -> Iterator[pd.DataFrame]:
        return reshaped(table.chunks(clock, date_format), days, date, others, clock, date_format)

    sample = next(reshaped(iter([table.sample]), days, date, others, None, "")).iloc[:SAMPLE_ROWS]
    kept = set(header)
    dropped = [name.strip() for place, name in enumerate(table.header) if place not in (date, *others, *days.places)]
    note = f"{len(days.places)} columns are the intervals of a day"
    left = sorted({name for name in dropped if name and name not in kept})
    notes = [note, *([f"left out: columns {', '.join(left)}"] if left else [])]
    long = Table(table.name, header, table.delimiter, sample, chunks, notes)
    meter = next((name.strip() for name in header if form.meter and key_of(name) == form.meter), None)
    own = msgspec_replace(given, meter=given.meter or meter, start=(), columns=header[-1:])
    layout = named_layout(header, own, None, known, table.name)
    layout = replace(layout, strict_hours=True, month_first=form.month_first, format=form.name)
    return _table_source(long, layout, own, known)


def _open_stamped(table: Table, places: list[int], given: FileMapping, known: set[str]) -> FileSource:
    """Survey a file with a row for each meter and a column for each time."""
    others = [place for place, name in enumerate(table.header) if place not in places and name.strip()]
    header = [*(table.header[place] for place in others), "timestamp", "value"]
    sample = next(one_row_each(iter([table.sample]), table.header, places, others)).iloc[:SAMPLE_ROWS]
    notes = [f"{len(places)} columns are times, and a row is a meter"]
    long = Table(
        table.name,
        header,
        table.delimiter,
        sample,
        lambda clock, dates: one_row_each(table.chunks(clock, dates), table.header, places, others),
        notes,
    )
    form = BY_NAME["home-assistant-dashboard"]
    own = msgspec_replace(given, columns=("value",))
    if given.format in (None, form.name) and {key_of(name) for name in header} >= form.needs[0]:
        own = msgspec_replace(own, meter=given.meter or form.meter, where=given.where or ("type=grid_consumption",))
    layout = named_layout(header, own, None, known, table.name)
    return _table_source(long, layout, own, known)


def msgspec_replace(given: FileMapping, **changes: object) -> FileMapping:
    """Return what the operator says with some of it changed."""
    import msgspec

    return msgspec.structs.replace(given, **changes)


def _open_nem12(kind: FileKind, given: FileMapping, known: set[str]) -> FileSource:
    """Survey a file of NEM12."""
    form = BY_NAME["nem12"]
    name = kind.path.name
    if given.format != form.name:
        raise DataError(f"{name}: {form.asks}; give --format {form.name}")
    registers: set[str] = set()
    first = next(read_nem12(kind, registers), None)
    if first is None:
        raise DataError(
            f"{name}: has no register of use (E …) in Wh, kWh or MWh, only {', '.join(sorted(registers))}; "
            "ask the retailer for the interval data of the meter"
        )
    plain = msgspec_replace(given, interval_minutes=None, unit=None)
    table = Table(name, HEADER, ",", first.iloc[:SAMPLE_ROWS], lambda clock, dates: read_nem12(kind, registers))
    layout = declared_layout(form, HEADER, plain, name)
    source = _table_source(table, layout, plain, known)
    left = sorted(one for one in registers if not one.upper().startswith("E"))
    if left:
        source.notes.append(f"left out: registers {', '.join(left)}, which are no use")
    return source


def _whole_days(facts: FileFacts, clock: ZoneInfo) -> Iterator[pd.DataFrame]:
    """Yield a file's rows in chunks that never part a local day."""
    kept: list[pd.DataFrame] = []
    for chunk in facts.table.chunks(clock, facts.date_format):
        joined = pd.concat([*kept, chunk])
        cut = cut_at_day(joined, facts)
        if cut < len(joined):
            kept = [joined.iloc[cut:]]
            yield joined.iloc[:cut]
        else:
            kept = []
            yield joined
    if kept:
        yield kept[0]


def _open_green_button(kind: FileKind, given: FileMapping) -> FileSource:
    name = kind.path.name
    if given.interval_end is not None or given.columns or given.date_format or given.start or given.end:
        raise UsageError(
            f"{name}: a Green Button file says its units and times itself; leave out --interval-end, --column, "
            "--start, --end and --date-format"
        )
    file: GreenButton = survey_green_button(kind, given)
    notes = [f"left out: {line}" for line in file.left_out] + ([file.zone_hint] if file.zone_hint else [])
    lengths = {meter.channel: meter.interval_s for meter in file.meters.values()}
    columns = [
        Column(meter.channel, f"{meter.column} × {meter.factor:g}") for meter in dict.fromkeys(file.meters.values())
    ]
    return FileSource(
        name,
        lengths,
        notes,
        None if given.clock else file.standard_offset_s,
        lambda clock, now_s: read_green_button(file, clock, now_s),
        columns,
    )
