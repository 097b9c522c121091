"""The facts of an interval file that only its whole record tells: interval length, date format, decimal sign.

The first of two passes over the file: what a few rows would suggest, such as which number of 01/02/2026 is the day, is
not taken for granted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.files.interval_file import Dialect, read_chunks, sniff_dialect
from ingest.files.layout import UNITS, Layout, LayoutOptions, clean_channel_name, recognise_layout
from ingest.files.times import CANDIDATE_FORMATS, ISO_FORMAT, choose_format, count_readable, parse_walls
from lib.errors import DataError

MIN_DIFFERENCES = 20
MIN_AGREEMENT = 0.95  # holes and stray rows make the rest; below it the record has two lengths, or none
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 60, 3600

MAX_CHANNELS = 10_000  # of one file; the largest sites have some hundreds

_SAMPLE_ROWS = 1000
_MAX_UNITS = 100
# A record of chance has as many distances as rows; beyond so many, the rare ones are only counted.
_MAX_DISTANCES, _KEPT_DISTANCES, _OTHER_DISTANCE = 20_000, 1_000, -1


class FileFacts(NamedTuple):
    """All that is needed to turn a file's rows into readings.

    Attributes
    ----------
    interval_s
        Channel → length of its intervals [s].
    date_format
        As `strptime` has it, or ``ISO8601``.
    decimal
        The decimal sign.
    """

    path: Path
    dialect: Dialect
    layout: Layout
    date_format: str
    decimal: str
    interval_s: dict[str, int]
    row_count: int


@dataclass
class _Tally:
    """What is counted over all chunks."""

    formats: list[str]
    row_count: int = 0
    readable: Counter[str] = field(default_factory=Counter)
    units: set[str] = field(default_factory=set)
    channels: dict[str, int] = field(default_factory=dict)
    differences: dict[str, dict[int, Counter[int]]] = field(default_factory=dict)  # by format, then channel number
    signs: Counter[str] = field(default_factory=Counter)


def survey_file(
    path: Path, options: LayoutOptions, *, interval_s: int | None = None, date_format: str | None = None
) -> FileFacts:
    """Read a whole file once and return its facts.

    Parameters
    ----------
    interval_s, date_format
        What the operator says; None has it established from the file.

    Raises
    ------
    DataError
        When the file does not tell a fact, or contradicts itself.
    """
    dialect = sniff_dialect(path)
    layout = recognise_layout(dialect.header, options, path.name)
    tally = _Tally([date_format] if date_format else list(CANDIDATE_FORMATS))
    for chunk in read_chunks(path, dialect):
        _count_chunk(chunk, layout, tally)
        _check_tally(tally, path.name)
    if not tally.channels:
        raise DataError(f"{path.name}: there is nothing below its header; export it again")
    if layout.unit_position is not None and options.unit is None:
        layout = recognise_layout(dialect.header, options._replace(unit=_only_unit(tally.units, path.name)), path.name)
    chosen = choose_format(tally.readable, path.name)
    lengths = {}
    for channel, number in tally.channels.items():
        subject = f"{path.name}, channel {channel!r}"
        found = tally.differences.get(chosen, {}).get(number, Counter())
        lengths[channel] = check_interval(interval_s or establish_interval(found, subject), subject)
    decimal = _decimal_sign(tally.signs, dialect.delimiter, path.name)
    return FileFacts(path, dialect, layout, chosen, decimal, lengths, tally.row_count)


def time_text(chunk: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return the times of a chunk's rows as text."""
    first, *rest = (chunk[place] for place in layout.time_positions)
    return first.str.cat(rest, sep=" ") if rest else first


def channel_names(chunk: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return the clean name of the channel of each row in a file that names it row by row; None where it is missing."""
    names = chunk[layout.channel_position]
    return names.map({name: clean_channel_name(name) for name in names.dropna().unique()}).astype(object)


def count_differences(epoch_s: npt.NDArray[np.float64], channel: npt.NDArray[np.int64]) -> dict[int, Counter[int]]:
    """Return channel → how often each distance in time [s] lies between two of its rows that follow each other."""
    known = ~np.isnan(epoch_s)
    epoch_s, channel = epoch_s[known], channel[known]
    order = np.argsort(channel, kind="stable")
    same = np.diff(channel[order]) == 0
    differences = np.abs(np.diff(epoch_s[order]))[same].astype(np.int64)
    of_channel = channel[order][1:][same]
    pairs, counts = np.unique(np.column_stack([of_channel, differences]), axis=0, return_counts=True)
    result: dict[int, Counter[int]] = {}
    for (number, difference), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if difference:
            result.setdefault(number, Counter())[difference] = count
    return result


def establish_interval(differences: Counter[int], subject: str) -> int:
    """Return the interval's length [s] that nearly all distances of a whole record agree on.

    Raises
    ------
    DataError
        When there are too few of them, or they do not agree.
    """
    total = sum(differences.values())
    if total < MIN_DIFFERENCES:
        raise DataError(
            f"{subject}: {total + 1} times are too few to tell the interval's length; give --interval-minutes"
        )
    (length, count), *_ = differences.most_common(1)
    if count < MIN_AGREEMENT * total:
        raise DataError(
            f"{subject}: only {100 * count / total:.1f} % of its times are {length / 60:g} minutes apart and "
            f"{100 * MIN_AGREEMENT:.0f} % are needed to take that for the interval; give --interval-minutes"
        )
    return length


def check_interval(interval_s: int, subject: str) -> int:
    """Return the length if reports can be made of it, whole minutes that divide an hour; else raise a DataError."""
    is_usable = SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S
    if not is_usable or LONGEST_INTERVAL_S % interval_s or interval_s % SHORTEST_INTERVAL_S:
        raise DataError(
            f"{subject}: intervals of {interval_s / 60:g} minutes cannot be used; they must divide an hour "
            "(1, 5, 10, 15, 30, 60 …)"
        )
    return interval_s


def _count_chunk(chunk: pd.DataFrame, layout: Layout, tally: _Tally) -> None:
    text = time_text(chunk, layout)
    if tally.row_count == 0 and len(tally.formats) > 1:
        tally.formats = _likely_formats(text)
    tally.row_count += len(chunk)
    readable = count_readable(text, tally.formats)
    tally.readable.update(readable)
    numbers = _number_channels(chunk, layout, tally.channels)
    for date_format in readable:
        wall, exact = parse_walls(text, date_format)
        seconds = ((wall - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
        found = count_differences(np.where(np.isnan(exact), seconds, exact), numbers)
        for number, differences in found.items():
            known = tally.differences.setdefault(date_format, {}).setdefault(number, Counter())
            known.update(differences)
            _forget_rare(known)
    if layout.unit_position is not None:
        tally.units |= set(chunk[layout.unit_position].dropna().str.strip().unique())
    for value in layout.values:
        _count_signs(chunk[value.position], tally.signs)


def _check_tally(tally: _Tally, label: str) -> None:
    """Raise a DataError when a file names more channels or units than any site has."""
    for names, most, what in ((tally.channels, MAX_CHANNELS, "channels"), (tally.units, _MAX_UNITS, "units")):
        if len(names) > most:
            raise DataError(
                f"{label}: names more than {most:,} {what}; is that column the one of {what}? Name its columns"
            )


def _forget_rare(distances: Counter[int]) -> None:
    """Count the rare ones of very many distances together: their sum stays, so that agreement is judged as before."""
    if len(distances) <= _MAX_DISTANCES:
        return
    common = dict(distances.most_common(_KEPT_DISTANCES))
    others = distances.total() - sum(common.values())
    distances.clear()
    distances.update(common)
    distances[_OTHER_DISTANCE] += others


def _likely_formats(text: pd.Series) -> list[str]:
    """Return the formats that read something of a file's beginning; trying all on every row would cost too much."""
    counts = count_readable(text.iloc[:_SAMPLE_ROWS], CANDIDATE_FORMATS)
    return [ISO_FORMAT] if ISO_FORMAT in counts else list(counts)


def _number_channels(chunk: pd.DataFrame, layout: Layout, channels: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return the number of each row's channel, −1 where it has none; channels new to the file are added."""
    if layout.channel_position is None:
        for value in layout.values:
            channels.setdefault(str(value.channel), 0)
        return np.zeros(len(chunk), dtype=np.int64)
    names = channel_names(chunk, layout)
    for name in names.dropna().unique():
        channels.setdefault(name, len(channels))
    return names.map(channels).fillna(-1).to_numpy(dtype=np.int64)


def _count_signs(text: pd.Series, signs: Counter[str]) -> None:
    has_comma, has_dot = (text.str.contains(sign, regex=False, na=False) for sign in (",", "."))
    if not has_comma.any():
        signs["dot"] += int(has_dot.any())
        return
    both = text[has_comma & has_dot]
    comma_is_last = both.str.rfind(",") > both.str.rfind(".")
    signs["comma last"] += int(comma_is_last.sum())
    signs["dot last"] += int((~comma_is_last).sum())
    signs["dot"] += int((has_dot & ~has_comma).any())
    grouped = text[has_comma & ~has_dot].str.fullmatch(r"\s*[+-]?\d{1,3}(?:,\d{3})+\s*")
    signs["comma alone"] += int((~grouped).sum())
    signs["comma for thousands"] += int(grouped.sum())


def _decimal_sign(signs: Counter[str], delimiter: str, label: str) -> str:
    """Return the decimal sign of a file's numbers.

    Raises
    ------
    DataError
        When commas and dots contradict each other.
    """
    is_comma = bool(signs["comma last"] or signs["comma alone"])
    is_dot = bool(signs["dot last"] or (signs["dot"] and not signs["comma last"]))
    if is_comma and is_dot:
        raise DataError(f"{label}: its numbers use both comma and dot as the decimal sign; make them alike")
    if signs["comma for thousands"] and not is_comma and not is_dot:
        # 1,234 and nothing else: where commas part the cells they group thousands, elsewhere they are the decimal sign.
        return "." if delimiter == "," else ","
    return "," if is_comma else "."


def _only_unit(units: set[str], label: str) -> str:
    known = sorted({unit for unit in units if unit.casefold() in UNITS})
    if len(known) != 1 or len(units) != 1:
        raise DataError(
            f"{label}: its column of units says {', '.join(sorted(units)) or 'nothing'}; "
            "split the file by unit, or give --unit"
        )
    return known[0]
