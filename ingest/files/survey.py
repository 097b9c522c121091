"""The facts of an interval file that only its whole record tells: interval length, date format, decimal sign, doubts.

The first of two passes over the file: what a few rows would suggest, such as which number of 01/02/2026 is the day, is
not taken for granted. What is counted here on the way is judged by the rules of `ingest.files.doubts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.site_file import FileMapping
from ingest.files import doubts, hour_numbers
from ingest.files.cell_units import without_units
from ingest.files.columns import CALENDAR_NAMES, DATE_NAMES, ENERGY_COLUMN, PLAIN_NAMES, UNITS, bare, key_of
from ingest.files.interval_file import Table
from ingest.files.layout import Layout
from ingest.files.tables import check_tables, find_headers
from ingest.files.tally import Kinds, Tally, Trend
from ingest.files.times import CANDIDATE_FORMATS, choose_format, count_readable, parse_walls, start_of_range, zone_words
from ingest.files.value_columns import clean_channel_name, single_name
from lib.errors import DataError

MIN_DIFFERENCES = 20
MIN_AGREEMENT = 0.95  # holes and stray rows make the rest; below it the record has two lengths, or none
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 60, 3600

MAX_CHANNELS = 10_000  # of one file; the largest sites have some hundreds

_SAMPLE_ROWS = 300
_MAX_UNITS = 100
# A record of chance has as many distances as rows; beyond so many, the rare ones are only counted.
_MAX_DISTANCES, _KEPT_DISTANCES, _OTHER_DISTANCE = 20_000, 1_000, -1
_DAY_S, _MINUTES_S = 86_400, 300
_MAX_KINDS = 50  # different texts of a column, beyond which it does not tell series apart
_KEPT_ODD_TIMES, _KEPT_TEXTS = 200, 10
_RUN_STEPS = 3  # equal steps one after another that are no gap


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
    is_counted
        Numbers of hours count from midnight, also on the days on which the clock changes.
    word_offsets_s
        Word of a zone behind the times → its offset [s] in the site's zone.
    """

    table: Table
    given: FileMapping
    layout: Layout
    date_format: str
    decimal: str
    interval_s: dict[str, int]
    row_count: int
    tally: Tally
    is_counted: bool = False
    word_offsets_s: Mapping[str, int] = MappingProxyType({})


def survey_table(table: Table, layout: Layout, given: FileMapping, known: set[str]) -> FileFacts:
    """Read a whole file once and return its facts.

    Parameters
    ----------
    given
        What the operator says; what is None has to be established from the file.
    known
        Channels that the site's file describes.

    Raises
    ------
    DataError
        When the file does not tell a fact, contradicts itself, or can be read two ways.
    """
    date_format = given.date_format or ""
    if layout.is_hour and date_format.endswith("%H"):
        date_format += ":%M"  # as `time_text` writes an hour
    tally = Tally([date_format] if date_format else list(CANDIDATE_FORMATS))
    for chunk in table.chunks(None, ""):
        if not given.table:
            tally.headers += find_headers(chunk, layout.time_positions[0], table.header)
        _count_chunk(chunk, layout, tally)
        _check_tally(tally, table.name)
    check_tables(tally.headers, table.name)
    doubts.check_dates(tally, given, table.name)
    if not tally.channels:
        if tally.left_rows:
            raise DataError(f"{table.name}: no row is use ({tally.left_rows:,} are left out); check --where")
        raise DataError(f"{table.name}: there is nothing below its header; export it again")
    if layout.unit_position is not None:
        column = layout.header[layout.unit_position]
        layout = _with_unit(layout, doubts.only_unit(tally.units, column, given, table.name))
    if layout.meter_is_spare and len(tally.channels) <= 1:
        layout, tally.channels = _without_meter(layout, given, table.name), {single_name(given, table.name): 0}
    layout, tally.channels = _named_as_given(layout, tally.channels, given)
    chosen = choose_format(
        tally.readable, table.name, month_first=layout.month_first, joined=_count_joined(tally.differences)
    )
    doubts.check_odd_times(tally, chosen, given, table.name)
    doubts.check_series(tally, layout, given, known, table.name)
    lengths = _lengths(tally, given, chosen, _stated_length_s(table, layout, chosen), table.name)
    layout = doubts.settle_label(tally, layout, given, chosen, min(lengths.values()), table.name)
    is_counted = layout.is_hour and (given.counted_hours or hour_numbers.LONG_DAY_HOURS in tally.hours)
    if is_counted:
        chunks = hour_numbers.counted_from_midnight(table.chunks, layout.time_positions, layout.first_hour)
        table = replace(table, chunks=chunks)
    if given.factor:
        values = tuple(value._replace(factor=(value.factor or 1.0) * given.factor) for value in layout.values)
        layout = replace(layout, values=values)
    decimal = doubts.decimal_sign(tally.signs, table.delimiter, given, table.name)
    return FileFacts(table, given, layout, chosen, decimal, lengths, tally.row_count, tally, is_counted)


def _count_joined(differences: dict[str, dict[int, Counter[int]]]) -> dict[str, int]:
    """Return format → how many rows come one interval, the most common distance, after the row before."""
    joined: dict[str, int] = {}
    for name, by_channel in differences.items():
        common = [found.most_common(1)[0] for found in by_channel.values() if found]
        joined[name] = sum(count for step, count in common if step <= LONGEST_INTERVAL_S)
    return joined


def _stated_length_s(table: Table, layout: Layout, date_format: str) -> int | None:
    """Return how long the rows say that they are, by their start and end [s]; None where they do not agree on it."""
    if layout.end_position is None or layout.is_hour:
        return None
    end = table.sample[layout.end_position]
    if len(layout.time_positions) > 1:
        end = table.sample[layout.time_positions[0]].str.cat(end, sep=" ")
    begin_s, end_s = (_moments_s(text, date_format) for text in (time_text(table.sample, layout), end))
    length_s = (end_s - begin_s)[~np.isnan(end_s - begin_s)]
    length_s = np.where(length_s < 0, length_s + _DAY_S, length_s)
    # The last minute or second of an interval, 00:59 or 00:59:59, as well as its end.
    for short_s in (1, 60):
        length_s = np.where((length_s + short_s) % _MINUTES_S == 0, length_s + short_s, length_s)
    if length_s.size < table.sample[layout.end_position].notna().sum() * MIN_AGREEMENT or not length_s.size:
        return None
    lengths, counts = np.unique(length_s, return_counts=True)
    return int(lengths[counts.argmax()]) if counts.max() >= MIN_AGREEMENT * length_s.size else None


def _moments_s(text: pd.Series, date_format: str) -> npt.NDArray[np.float64]:
    wall, exact = parse_walls(text, date_format)
    written = ((wall - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
    return np.where(np.isnan(exact), written, exact)


def _lengths(tally: Tally, given: FileMapping, date_format: str, stated_s: int | None, label: str) -> dict[str, int]:
    """Return channel → length of its intervals [s]; a channel of few rows that fits the others has theirs.

    Parameters
    ----------
    stated_s
        The length that the rows themselves say, by their start and end.

    Raises
    ------
    DataError
        When a channel's rows do not tell it, or tell two.
    """
    explicit = given.only_minutes or given.interval_minutes
    lengths: dict[str, int] = {}
    few: dict[str, Counter[int]] = {}
    for channel, number in tally.channels.items():
        subject = f"{label}, channel {channel!r}"
        if stated_s and not given.only_minutes and stated_s <= LONGEST_INTERVAL_S:
            found = tally.differences.get(date_format, {}).get(number, Counter())
            lengths[channel] = check_interval(doubts.settle_stated(found, stated_s, given, subject), subject)
            continue
        found = tally.differences.get(date_format, {}).get(number, Counter())
        doubts.check_lengths(found, tally.runs.get(date_format, {}).get(number, Counter()), given, subject)
        if explicit or found.total() >= MIN_DIFFERENCES:
            lengths[channel] = check_interval(
                explicit * 60 if explicit else establish_interval(found, subject), subject
            )
        else:
            few[channel] = found
    common = set(lengths.values())
    for channel, found in few.items():
        subject = f"{label}, channel {channel!r}"
        fits = len(common) == 1 and found and found.most_common(1)[0][0] in common
        lengths[channel] = next(iter(common)) if fits else check_interval(establish_interval(found, subject), subject)
    return {channel: lengths[channel] for channel in tally.channels}


def time_text(chunk: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return the times of a chunk's rows as text."""
    first, *rest = (chunk[place] for place in layout.time_positions)
    if layout.is_range:
        return start_of_range(first)
    if not rest:
        return first
    if layout.is_hour:
        rest = [hour_numbers.clock_of(rest[0], layout.first_hour)]
    day = first.str.replace(r"[ T]00:00(?::00)?$", "", regex=True)
    return day.str.cat(rest, sep=" ")


def rows_of_use(chunk: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the rows of a chunk that say what the rows of use say."""
    for place, words in layout.where:
        texts = chunk[place]
        chunk = chunk[texts.map({one: one.strip().casefold() in words for one in texts.dropna().unique()}).eq(True)]
    return chunk


def channel_names(chunk: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return the clean name of the channel of each row in a file that names it row by row; None where it is missing."""
    names = chunk[layout.meter]
    return names.map({name: clean_channel_name(name) for name in names.dropna().unique()}).astype(object)


def count_differences(epoch_s: npt.NDArray[np.float64], channel: npt.NDArray[np.int64]) -> dict[int, Counter[int]]:
    """Return channel → how often each distance in time [s] lies between two of its rows that follow each other."""
    return _count_steps(*_steps(epoch_s, channel))


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


def _with_unit(layout: Layout, unit: str) -> Layout:
    target, factor = UNITS[unit.casefold()]
    values = tuple(v if v.factor is not None else v._replace(target=target, factor=factor) for v in layout.values)
    return replace(layout, values=values)


def _without_meter(layout: Layout, given: FileMapping, label: str) -> Layout:
    name = single_name(given, label)
    return replace(layout, meter=None, values=tuple(value._replace(channel=name) for value in layout.values))


def _named_as_given(layout: Layout, channels: dict[str, int], given: FileMapping) -> tuple[Layout, dict[str, int]]:
    """Return layout and channels with the name that the operator gives the only channel."""
    if given.channel_name is None or len(channels) != 1 or layout.meter is not None:
        return layout, channels
    name = clean_channel_name(given.channel_name) or given.channel_name
    values = tuple(value._replace(channel=name) for value in layout.values)
    return replace(layout, values=values), {name: next(iter(channels.values()))}


def _count_chunk(chunk: pd.DataFrame, layout: Layout, tally: Tally) -> None:
    used = rows_of_use(chunk, layout)
    tally.left_rows += len(chunk) - len(used)
    if used.empty:
        return
    chunk = used
    text = time_text(chunk, layout)
    if tally.row_count == 0 and len(tally.formats) > 1:
        tally.formats = _likely_formats(text)
    tally.row_count += len(chunk)
    tally.timed_rows += int(text.notna().sum())
    written = pd.Series(text.dropna().unique())
    tally.has_24 = tally.has_24 or bool(written.str.contains(r"[T ]24:00(?::00)?\s*$", regex=True).any())
    tally.zone_words |= zone_words(written)
    if len(layout.time_positions) > 1:
        date, time_of_day = (chunk[place].notna() for place in layout.time_positions)
        tally.dateless += int((time_of_day & ~date).sum())
    readable = count_readable(text, tally.formats)
    tally.readable.update(readable)
    numbers = _number_channels(chunk, layout, tally.channels)
    if layout.is_hour:
        tally.hours |= hour_numbers.numbers_of(chunk[layout.time_positions[1]])
    for date_format in readable:
        wall, exact = parse_walls(text, date_format)
        odd = tally.odd_times.setdefault(date_format, [])
        if len(odd) < _KEPT_ODD_TIMES:
            odd += text[wall.isna() & text.notna()].iloc[: _KEPT_ODD_TIMES - len(odd)].tolist()
        written = ((wall - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
        tally.has_wall |= bool((np.isnan(exact) & ~np.isnan(written)).any())
        if not np.isnan(written).all():
            tally.first_s[date_format] = min(tally.first_s.get(date_format, np.inf), float(np.nanmin(written)))
            tally.last_s[date_format] = max(tally.last_s.get(date_format, -np.inf), float(np.nanmax(written)))
        _count_series(chunk, layout, tally, date_format, np.where(np.isnan(exact), written, exact), numbers)
    if layout.unit_position is not None:
        tally.units |= set(chunk[layout.unit_position].dropna().str.strip().unique())
    for value in layout.values:
        _count_values(chunk[value.position], value.position, value.target, numbers, layout, tally)
    _count_kinds(chunk, layout, tally)
    _count_repeats(chunk, text, numbers, layout, tally)


def _count_series(
    chunk: pd.DataFrame,
    layout: Layout,
    tally: Tally,
    date_format: str,
    epoch_s: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.int64],
) -> None:
    """Count the distances between the times of each channel; in a wide file, of the rows where it has a value."""
    found = [_steps(epoch_s, numbers)]
    if layout.meter is None and len(layout.values) > 1:
        found = []
        whole: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
        done: set[str] = set()
        for value in layout.values:
            if str(value.channel) in done:
                continue
            done.add(str(value.channel))
            number = tally.channels[str(value.channel)]
            has = chunk[value.position].notna().to_numpy()
            if not has.all():
                steps, of = _steps(np.where(has, epoch_s, np.nan), np.zeros(len(chunk), dtype=np.int64))
            else:
                whole = whole or _steps(epoch_s, np.zeros(len(chunk), dtype=np.int64))
                steps, of = whole
            found.append((steps, of + number))
    for steps, of in found:
        for target, counted in ((tally.differences, _count_steps(steps, of)), (tally.runs, _count_runs(steps, of))):
            for number, differences in counted.items():
                known = target.setdefault(date_format, {}).setdefault(number, Counter())
                known.update(differences)
                _forget_rare(known)


def _steps(
    epoch_s: npt.NDArray[np.float64], channel: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distances [s] between rows of one channel that follow each other, and the channel of each."""
    known = ~np.isnan(epoch_s)
    epoch_s, channel = epoch_s[known], channel[known]
    order = np.argsort(channel, kind="stable")
    same = np.diff(channel[order]) == 0
    return np.abs(np.diff(epoch_s[order]))[same].astype(np.int64), channel[order][1:][same]


def _count_steps(steps: npt.NDArray[np.int64], channel: npt.NDArray[np.int64]) -> dict[int, Counter[int]]:
    result: dict[int, Counter[int]] = {}
    if not steps.size:
        return result
    pairs, counts = np.unique(np.column_stack([channel, steps]), axis=0, return_counts=True)
    for (number, difference), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if difference:
            result.setdefault(number, Counter())[difference] = count
    return result


def _count_runs(steps: npt.NDArray[np.int64], channel: npt.NDArray[np.int64]) -> dict[int, Counter[int]]:
    """Return the distances that come `_RUN_STEPS` times one after another."""
    if steps.size < _RUN_STEPS:
        return {}
    is_run = np.ones(steps.size - _RUN_STEPS + 1, dtype=bool)
    for shift in range(1, _RUN_STEPS):
        end = steps.size - _RUN_STEPS + 1 + shift
        is_run &= (steps[shift:end] == steps[: is_run.size]) & (channel[shift:end] == channel[: is_run.size])
    return _count_steps(steps[: is_run.size][is_run], channel[: is_run.size][is_run])


def _count_values(
    cells: pd.Series, place: int, target: str, numbers: npt.NDArray[np.int64], layout: Layout, tally: Tally
) -> None:
    """Count the signs in a column of values, and how it rises and falls."""
    values = pd.to_numeric(cells, errors="coerce")
    is_odd = (values.isna() & cells.notna()).to_numpy()
    array = values.to_numpy(dtype=float, na_value=np.nan)
    if is_odd.any():
        _count_signs(cells[is_odd], tally.signs)
        plain, scale = without_units(cells[is_odd], target, None)
        odd = plain.str.replace(r"[\s']", "", regex=True).str.replace(",", ".", regex=False)
        array = array.copy()
        array[is_odd] = pd.to_numeric(odd, errors="coerce").to_numpy(dtype=float, na_value=np.nan) * scale
    plain = cells[~is_odd].dropna()
    if len(plain):
        has_dot = (array[~is_odd & ~np.isnan(array)] % 1 != 0).any() or plain.iloc[:1000].str.contains(
            ".", regex=False
        ).any()
        tally.signs["dot"] += int(has_dot)
        tally.signs["plain"] += 1
        _count_grouped_dots(plain, tally.signs)
    if target != ENERGY_COLUMN:
        return
    names = [tally.channels[str(v.channel)] for v in layout.values if v.position == place and v.channel is not None]
    codes = np.full(len(cells), names[0], dtype=np.int64) if names and layout.meter is None else numbers
    _count_trend(array, codes, place, tally)


def _count_trend(array: npt.NDArray[np.float64], codes: npt.NDArray[np.int64], place: int, tally: Tally) -> None:
    known = ~np.isnan(array) & (codes >= 0)
    array, codes = array[known], codes[known]
    if not array.size:
        return
    order = np.argsort(codes, kind="stable")
    step = np.diff(array[order])
    same = np.diff(codes[order]) == 0
    size = int(codes.max()) + 1
    counts = (
        np.bincount(codes, minlength=size),
        np.bincount(codes[order][1:][same & (step > 0)], minlength=size),
        np.bincount(codes[order][1:][same & (step < 0)], minlength=size),
        np.bincount(codes[array < 0], minlength=size),
    )
    for number in np.unique(codes).tolist():
        trend = tally.trends.setdefault((place, number), Trend())
        trend.count += int(counts[0][number])
        trend.rises += int(counts[1][number])
        trend.falls += int(counts[2][number])
        trend.negatives += int(counts[3][number])


def _count_kinds(chunk: pd.DataFrame, layout: Layout, tally: Tally) -> None:
    """Count the texts of the columns that nobody has said anything of."""
    for place in layout.unsure:
        kinds = tally.kinds.setdefault(place, Kinds())
        if not kinds.is_open:
            continue
        codes, texts = pd.factorize(chunk[place])
        if not len(texts):
            continue
        kinds.texts |= {str(text).strip() for text in texts[: _MAX_KINDS + 1]}
        known = codes[codes >= 0]
        kinds.changes += int((np.diff(known) != 0).sum()) + int(kinds.last not in (None, texts[known[0]]))
        kinds.last = texts[known[-1]]
        kinds.is_open = len(kinds.texts) <= _MAX_KINDS and len(texts) <= _MAX_KINDS


def _count_repeats(
    chunk: pd.DataFrame, text: pd.Series, numbers: npt.NDArray[np.int64], layout: Layout, tally: Tally
) -> None:
    """Count the rows that name the same instant of the same channel with another value, and what tells them apart."""
    keys = pd.DataFrame({"time": text.to_numpy(), "channel": numbers})
    repeated = (keys.duplicated(keep=False) & keys["time"].notna()).to_numpy()
    if not repeated.any():
        return
    rows = chunk[repeated]
    group = keys[repeated].groupby(["time", "channel"], sort=False).ngroup().to_numpy()
    values = pd.concat([rows[value.position].fillna("").astype(str) for value in layout.values], axis=1).agg(
        "|".join, axis=1
    )
    differs = pd.Series(values.to_numpy()).groupby(group).transform("nunique").to_numpy() > 1
    if not differs.any():
        return
    tally.repeats += int(differs.sum())
    times = keys["time"][repeated][differs].astype(str)
    tally.repeat_hours |= set(times.str.replace(r":\d{2}(:\d{2})?.*$", "", regex=True).unique()[:1000].tolist())
    for place in range(len(layout.header)):
        if (
            place in layout.time_positions
            or place in {value.position for value in layout.values}
            or place == layout.meter
        ):
            continue
        if bare(key_of(layout.header[place])) in CALENDAR_NAMES - PLAIN_NAMES - DATE_NAMES:
            continue
        cells = pd.Series(rows[place].fillna("").to_numpy())
        told = cells.groupby(group).transform("nunique").to_numpy() > 1
        if told[differs].any():
            tally.telling[place] += int(told[differs].sum())
            tally.telling_texts.setdefault(place, cells[told].unique()[:_KEPT_TEXTS].tolist())


def _check_tally(tally: Tally, label: str) -> None:
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
    most = max(counts.values(), default=0)
    iso = CANDIDATE_FORMATS[0]
    if counts.get(iso, 0) == most and most:
        return [iso]
    return [name for name, count in counts.items() if count >= most / 2] or list(counts)


def _number_channels(chunk: pd.DataFrame, layout: Layout, channels: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return the number of each row's channel, −1 where it has none; channels new to the file are added."""
    if layout.meter is None:
        for value in layout.values:
            channels.setdefault(str(value.channel), len(channels))
        return np.zeros(len(chunk), dtype=np.int64)
    names = channel_names(chunk, layout)
    for name in names.dropna().unique():
        channels.setdefault(name, len(channels))
    return names.map(channels).fillna(-1).to_numpy(dtype=np.int64)


def _count_signs(text: pd.Series, signs: Counter[str]) -> None:
    has_comma, has_dot = (text.str.contains(sign, regex=False, na=False) for sign in (",", "."))
    if not has_comma.any():
        return
    both = text[has_comma & has_dot]
    comma_is_last = both.str.rfind(",") > both.str.rfind(".")
    signs["comma last"] += int(comma_is_last.sum())
    signs["dot last"] += int((~comma_is_last).sum())
    alone = text[has_comma & ~has_dot]
    # No group of thousands begins with a lone zero; two commas are no decimals.
    grouped = alone.str.fullmatch(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})+\s*")
    signs["comma twice"] += int(alone.str.fullmatch(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}\s*").sum())
    signs["comma alone"] += int((~grouped & alone.str.fullmatch(r"\s*[+-]?\d*,\d+\s*")).sum())
    signs["comma for thousands"] += int(grouped.sum())


def _count_grouped_dots(text: pd.Series, signs: Counter[str]) -> None:
    """Count what may be whole numbers with dots for thousands: 1.125 beside 875."""
    has_dot = text.str.contains(".", regex=False)
    grouped = text[has_dot].str.fullmatch(r"\s*[+-]?[1-9]\d{0,2}(?:\.\d{3})+\s*")
    signs["dot for thousands"] += int(grouped.sum())
    signs["dot else"] += int((~grouped).sum())
    signs["whole"] += int((~has_dot).sum())
