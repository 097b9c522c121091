"""Files with a row for each day and a column for each interval of it, turned into a row for each interval.

Columns are times of day (00:00 … 23:30 are starts, 00:30 … 00:00 ends), ranges (00:00-00:15), or numbers (H1 … H24).
Times of day are the wall clock's. Numbers count from the local midnight, so that a 25th column is the hour that autumn
repeats; a day whose number of values is not that of its intervals cannot be placed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ingest.files.columns import DATE_NAMES, bare, key_of, split_unit
from lib.errors import DataError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

# Columns of a day → length of their intervals [min]; with an hour more they are of a day of 25 hours.
_COUNTS = {24: 60, 25: 60, 48: 30, 50: 30, 96: 15, 100: 15}
_CLOCK = r"(\d{1,2})[:.](\d{2})(?::00)?\s*([ap]\.?m\.?)?"
_TIME_OF_DAY = re.compile(rf"^(?:\D{{0,8}}\s)?{_CLOCK}$", re.IGNORECASE)
_FOUR_DIGITS = re.compile(r"^(\d{2})([0-5]\d)()$")  # 0015 … 2400
_RANGE = re.compile(rf"^{_CLOCK}\s*(?:-|–|to|_)\s*{_CLOCK}$", re.IGNORECASE)
_NUMBER = re.compile(r"^(?:h|hr|hour|he|hh|p|period|sp|int|interval|v|kwh|value|read|reading)?[ _.-]*0*(\d{1,3})$")
_LEAST_COLUMNS = 20
_DAY_MIN = 24 * 60


class DayColumns(NamedTuple):
    """The columns of a day: places, start of each from midnight [min], length [min], their unit, whether numbered."""

    places: list[int]
    starts_min: list[int]
    interval_min: int
    unit: str | None
    is_numbered: bool


def find_day_columns(header: Sequence[str]) -> DayColumns | None:
    """Return the columns of a header that are the intervals of a day, or None where it has none.

    Raises
    ------
    DataError
        When there are too many of them for chance, and they make no day.
    """
    split = [split_unit(cell) for cell in header]
    for is_numbered, minutes_of in ((False, _minutes), (True, _number)):
        found = [(place, minutes_of(one.name)) for place, one in enumerate(split)]
        marked = [(place, value) for place, value in found if value is not None]
        if len(marked) < _LEAST_COLUMNS:
            continue
        places, values = [place for place, _ in marked], [value for _, value in marked]
        units = {split[place].unit for place in places}
        unit = units.pop() if len(units) == 1 else None
        interval = _COUNTS.get(len(marked))
        starts = None if interval is None else _starts(values, interval, is_numbered)
        if interval is None or starts is None:
            raise DataError(
                f"a row seems to be a day, with {len(marked)} columns of times that make no day of 24, 25, 48, 50, 96 "
                "or 100 intervals; export it with a row for each interval"
            )
        return DayColumns(places, starts, interval, unit, is_numbered)
    return None


def kept_columns(header: Sequence[str], days: DayColumns, named: Sequence[str] = ()) -> tuple[int, list[int]]:
    """Return the place of the date, and those of the other columns that go with every interval.

    Parameters
    ----------
    named
        The operator's name of the column of dates, if any.

    Raises
    ------
    DataError
        When no column is the date.
    """
    keys = [bare(key_of(cell)) for cell in header]
    dates = {*DATE_NAMES, "datum", "giorno", "fecha", "timestamp", "data"}
    wanted = {key_of(name) for name in named}
    place = next(
        (at for at, key in enumerate(keys) if (key_of(header[at]) in wanted if wanted else key in dates)), None
    )
    if place is None:
        likely = next(
            (cell.strip() for cell, key in zip(header, keys, strict=True) if "date" in key.split("_")), "COLUMN"
        )
        raise DataError(
            "a row is a day, and no column is known to be the date; give --format day-columns and name it with "
            f'--start "{likely}"'
        )
    repeated = {key for key, count in Counter(keys).items() if count > 1}
    others = [
        at
        for at, key in enumerate(keys)
        if at != place and at not in days.places and key and key not in repeated and "total" not in key
    ]
    return place, others


def as_intervals(
    chunk: pd.DataFrame, days: DayColumns, date: int, others: Sequence[int], clock: ZoneInfo | None, date_format: str
) -> pd.DataFrame:
    """Return a part of such a file with a row for each interval: the other columns, its start, and its value.

    Parameters
    ----------
    clock, date_format
        Zone and format of the times, None and "" while they are not known. With them the starts of a numbered day on
        which the clock changes are moments, written ``@`` and the epoch second.
    """
    import pandas as pd

    count = len(days.places)
    texts = chunk[date].fillna("").str.strip().str.replace(r"[ T]00:00(:00)?$", "", regex=True)
    times = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in days.starts_min]
    cells = chunk[days.places].to_numpy(dtype=object)
    starts = [[f"{text} {time}" for time in times] for text in texts]
    if days.is_numbered and clock is not None:
        for at, text in enumerate(texts):
            filled = int(pd.notna(cells[at]).sum())
            starts[at] = _on_change_day(starts[at], text, filled, days, clock, date_format)
    table = {n: chunk[place].to_numpy().repeat(count) for n, place in enumerate(others)}
    table |= {len(others): [one for row in starts for one in row], len(others) + 1: cells.reshape(-1)}
    result = pd.DataFrame(table, index=chunk.index.repeat(count), dtype=object)
    is_blank = chunk.isna().all(axis=1).to_numpy().repeat(count)
    # The 25th hour is written on one day of the year.
    is_extra = pd.Series([minute >= _DAY_MIN for minute in days.starts_min] * len(chunk)).to_numpy()
    return result[~is_blank & ~(is_extra & result[len(others) + 1].isna().to_numpy())]


def _on_change_day(
    plain: list[str], text: str, filled: int, days: DayColumns, clock: ZoneInfo, date_format: str
) -> list[str]:
    """Return the starts of a numbered day: as they are on most, as moments on one of 23 or 25 hours."""
    import pandas as pd

    form = "ISO8601" if date_format == "ISO8601" else date_format.split(" ")[0]
    day = pd.to_datetime(text, format=form, errors="coerce")
    if pd.isna(day):
        return plain
    first = day.tz_localize(clock)
    intervals = round(((day + timedelta(days=1)).tz_localize(clock) - first) / pd.Timedelta(minutes=days.interval_min))
    if intervals == _DAY_MIN // days.interval_min:
        return plain
    if filled != intervals:
        return [f"{text} ({filled} values, {intervals} intervals)"] * len(plain)
    return [f"@{int(first.timestamp()) + minute * 60}" for minute in days.starts_min]


def reshaped(
    chunks: Iterator[pd.DataFrame],
    days: DayColumns,
    date: int,
    others: Sequence[int],
    clock: ZoneInfo | None,
    date_format: str,
) -> Iterator[pd.DataFrame]:
    """Yield the chunks of such a file with a row for each interval."""
    for chunk in chunks:
        yield as_intervals(chunk, days, date, others, clock, date_format)


def _minutes(name: str) -> int | None:
    text = name.strip()
    match = _TIME_OF_DAY.match(text) or _RANGE.match(text) or _FOUR_DIGITS.match(text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").casefold()[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    value = hour * 60 + minute
    # A range is told from a time by its sign: its start counts.
    return value - _DAY_MIN * 10 if _RANGE.match(name.strip()) else value


def _number(name: str) -> int | None:
    match = _NUMBER.match(name.strip().casefold())
    return int(match[1]) if match else None


def _starts(values: list[int], interval: int, is_numbered: bool) -> list[int] | None:
    """Return the start of each column from midnight [min], or None where they make no day."""
    if is_numbered:
        if values == list(range(1, len(values) + 1)):
            return [(value - 1) * interval for value in values]
        return [value * interval for value in values] if values == list(range(len(values))) else None
    if values[0] < 0:
        values = [value + _DAY_MIN * 10 for value in values]
    if len(values) * interval != _DAY_MIN:
        return None
    starts = list(range(0, _DAY_MIN, interval))
    ends = [*starts[1:], 0]
    if values == starts:
        return starts
    return starts if values in (ends, [*ends[:-1], _DAY_MIN]) else None
