"""From the rows of an interval file to readings in our units, and what of them cannot be stored. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.files.cell_units import without_units
from ingest.files.columns import ENERGY_COLUMN, POWER_COLUMN
from ingest.files.local_grid import is_off_grid, part_length_s, split_intervals
from ingest.files.registers import differences
from ingest.files.reject_file import REJECT_CELLS, REJECT_CHANNEL, REJECT_CONFLICT, REJECT_NUMBER, REJECT_RESET
from ingest.files.survey import FileFacts, channel_names, rows_of_use, time_text
from ingest.files.times import check_range, parse_walls, to_moments
from ingest.files.value_columns import ValueColumn
from ingest.storage.plausibility import REJECT_EMPTY, REJECT_OFF_GRID, REJECT_REPEATED, REJECT_WRONG_RESOLUTION
from lib.date_utils import Window

_EMPTY_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "#n/a", "no data"})
_LARGEST_VALUE = 1e30  # far beyond any quantity here, and within what the narrower columns hold


class ChannelRows(NamedTuple):
    """One channel's readings of a part of a file.

    Attributes
    ----------
    window
        From the first to the last interval that the part names, with values or without.
    rows
        `timestamp` (int64, epoch seconds UTC, interval start, ascending and unique) and float columns of `readings`.
    lines
        The line in the file of each of `rows`.
    fetched
        Intervals that the part names.
    rejects
        Reason → how many of them were left out for it, empty ones included.
    """

    channel: str
    window: Window
    interval_s: int
    rows: pd.DataFrame
    lines: npt.NDArray[np.int64]
    fetched: int
    rejects: dict[str, int]


class FilePart(NamedTuple):
    """What a part of a file holds: readings by channel, and the rejects with their lines (empty ones left out)."""

    channels: list[ChannelRows]
    rejects: pd.DataFrame


def parse_part(
    chunk: pd.DataFrame,
    facts: FileFacts,
    clock: ZoneInfo,
    now_s: float,
    counters: dict[tuple[str, str], tuple[float, float]] | None = None,
) -> FilePart:
    """Turn a part of a file into readings.

    Parameters
    ----------
    chunk
        As `interval_file.read_chunks` yields it; the rows of one local day are never parted.
    clock
        Zone of times without an offset.
    now_s
        The present, epoch seconds: an interval that is not over yet is left out.
    counters
        Of registers, what the parts before ended with; it is kept up.
    """
    chunk = rows_of_use(chunk, facts.layout)
    text = time_text(chunk, facts.layout)
    names = _names_by_row(chunk, facts)
    start_s, reason = _parse_times(text, names, facts, clock, now_s)
    reason[chunk.iloc[:, len(facts.table.header) :].notna().any(axis=1).to_numpy()] = REJECT_CELLS
    is_blank = chunk.isna().all(axis=1).to_numpy()
    is_sound = (reason == "") & ~is_blank
    rejects = [_reject_rows(chunk.index, names, text, None, reason)[~is_sound & ~is_blank]]
    channels = []
    for name, values in _values_by_channel(names, facts).items():
        own = np.ones(len(chunk), dtype=bool) if facts.layout.meter is None else (names == name).to_numpy()
        sound = own & is_sound
        if sound.any():
            rows, rejected = _channel_rows(
                name, chunk[sound], text[sound], values, start_s[sound], facts, {} if counters is None else counters
            )
            lost = Counter(rows.rejects) + Counter(reason[own & ~is_sound & ~is_blank].tolist())
            fetched = int((own & ~is_blank).sum())
            part_s = part_length_s(clock, rows.interval_s, now_s)
            channels.append(in_parts(rows._replace(fetched=fetched, rejects=dict(lost)), part_s))
            rejects.append(rejected)
    return FilePart(channels, pd.concat(rejects, ignore_index=True))


def in_parts(rows: ChannelRows, part_s: int) -> ChannelRows:
    """Return one channel's readings in parts of `part_s` seconds, which divides its intervals."""
    count = rows.interval_s // part_s
    return rows._replace(
        interval_s=part_s,
        rows=split_intervals(rows.rows, rows.interval_s, part_s),
        lines=np.repeat(rows.lines, count),
        fetched=rows.fetched * count,
        rejects={reason: number * count for reason, number in rows.rejects.items()},
    )


def cut_at_day(chunk: pd.DataFrame, facts: FileFacts) -> int:
    """Return how many rows of a chunk belong to whole local days: the rest is to be read with the next chunk.

    The order within a day tells the two passes of its repeated hour apart, so a day is never parted. A chunk of one
    single day is whole.
    """
    wall, _ = parse_walls(time_text(chunk, facts.layout), facts.date_format)
    day = wall.ffill().dt.normalize().to_numpy()
    is_other = day != day[-1]
    return int(np.flatnonzero(is_other)[-1]) + 1 if is_other.any() else len(chunk)


def parse_numbers(text: pd.Series, decimal: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the numbers of a column, NaN where there is none, and which cells hold something that is no number."""
    plain = text.fillna("").str.strip()
    is_empty = plain.str.casefold().isin(_EMPTY_WORDS).to_numpy()
    values = pd.to_numeric(plain, errors="coerce")
    if decimal == "," or (values.isna().to_numpy() & ~is_empty).any():
        digits = plain.str.replace(r"(?<=\d)[\s' ](?=\d)", "", regex=True)
        digits = digits.str.replace("." if decimal == "," else ",", "", regex=False)
        values = pd.to_numeric(digits.str.replace(decimal, ".", regex=False), errors="coerce")
    numbers = values.to_numpy(dtype=float, na_value=np.nan, copy=True)
    numbers[~(np.abs(numbers) < _LARGEST_VALUE) | is_empty] = np.nan
    return numbers, np.isnan(numbers) & ~is_empty


def is_other_length(
    start_s: npt.NDArray[np.float64], channel: npt.NDArray[np.int64], interval_s: int, is_end: bool
) -> npt.NDArray[np.bool_]:
    """Return which rows of a record of two lengths are intervals of another length than `interval_s`.

    An interval reaches to the next row, and a row of an end from the one before. A hole is as long as it likes: the
    last interval before it is like the one before.
    """
    result = np.zeros(start_s.size, dtype=bool)
    for number in np.unique(channel):
        rows = np.flatnonzero((channel == number) & ~np.isnan(start_s))
        rows = rows[np.argsort(start_s[rows], kind="stable")]
        step = np.diff(start_s[rows])
        before, after = np.concatenate(([np.nan], step)), np.concatenate((step, [np.nan]))
        own, other = (before, after) if is_end else (after, before)
        # What the step across does not tell, its neighbor tells, unless that is one of the other length.
        beyond = np.concatenate((own[:1], own[:-1])) if is_end else np.concatenate((own[1:], own[-1:]))
        is_hole = np.isnan(own) | ((own > interval_s) & (own != beyond))
        result[rows] = (own != interval_s) & ~(is_hole & (other == interval_s))
    return result


def complete_energy_and_power(rows: pd.DataFrame, interval_s: int) -> pd.DataFrame:
    """Return rows with energy [kWh] and mean power [kW], each completed from the other where it is missing.

    Over an interval they are one quantity: energy = mean power × hours.
    """
    hours = interval_s / 3600
    energy = rows[ENERGY_COLUMN] if ENERGY_COLUMN in rows else pd.Series(np.nan, index=rows.index)
    power = rows[POWER_COLUMN] if POWER_COLUMN in rows else pd.Series(np.nan, index=rows.index)
    if energy.isna().all() and power.isna().all():
        return rows
    return rows.assign(**{ENERGY_COLUMN: energy.fillna(power * hours), POWER_COLUMN: power.fillna(energy / hours)})


def sort_out_repeats(start_s: npt.NDArray[np.float64], values: pd.DataFrame) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return which rows repeat an earlier one's interval, and of each whether it says the same or contradicts it."""
    _, first, inverse = np.unique(start_s, return_index=True, return_inverse=True)
    repeats = np.flatnonzero(first[inverse] != np.arange(start_s.size))
    table = values.to_numpy(dtype=float)
    mine, kept = table[repeats], table[first[inverse[repeats]]]
    is_same = (np.isclose(mine, kept, rtol=1e-12, atol=0) | np.isnan(mine)).all(axis=1)
    return repeats, [REJECT_REPEATED if same else REJECT_CONFLICT for same in is_same.tolist()]


def _names_by_row(chunk: pd.DataFrame, facts: FileFacts) -> pd.Series:
    """Return the channel of each row; the name of no channel where every row is of all of them."""
    if facts.layout.meter is None:
        return pd.Series("", index=chunk.index, dtype=object)
    return channel_names(chunk, facts.layout)


def _values_by_channel(names: pd.Series, facts: FileFacts) -> dict[str, list[ValueColumn]]:
    """Return the columns of values of each channel that has rows in this part."""
    if facts.layout.meter is not None:
        return dict.fromkeys(pd.unique(names.dropna()), list(facts.layout.values))
    groups: dict[str, list[ValueColumn]] = {}
    for value in facts.layout.values:
        groups.setdefault(str(value.channel), []).append(value)
    return groups


def _parse_times(
    text: pd.Series, names: pd.Series, facts: FileFacts, clock: ZoneInfo, now_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.object_]]:
    """Return of each row its interval's start [epoch s], NaN where there is none, and why it is left out or ""."""
    codes, uniques = pd.factorize(names)
    shared = next(iter(facts.interval_s.values()))
    # A row without a channel has the code −1, and takes the last length.
    interval_s = np.array([facts.interval_s.get(name, shared) for name in uniques] + [shared], dtype=np.int64)[codes]
    wall, exact = parse_walls(text, facts.date_format, facts.word_offsets_s)
    start_s = np.full(len(text), np.nan)
    reason = np.full(len(text), "", dtype=object)
    for length in np.unique(interval_s).tolist():
        own = interval_s == length
        is_end = bool(facts.layout.is_end) and not facts.layout.is_register
        start_s[own], own_reason = to_moments(
            wall[own], exact[own], codes[own], clock, length, is_end, is_strict=facts.layout.strict_hours
        )
        check_range(start_s[own], own_reason, now_s, length)
        placeable = np.where(own_reason == "", start_s[own], np.nan)
        own_reason[is_off_grid(placeable, length, clock, np.isnan(exact[own]))] = REJECT_OFF_GRID
        reason[own] = own_reason
    if facts.given.only_minutes:
        other = is_other_length(start_s, codes, facts.given.only_minutes * 60, bool(facts.layout.is_end))
        reason[other & (reason == "")] = REJECT_WRONG_RESOLUTION
    reason[names.isna().to_numpy()] = REJECT_CHANNEL
    return start_s, reason


def _channel_rows(
    name: str,
    chunk: pd.DataFrame,
    text: pd.Series,
    values: list[ValueColumn],
    start_s: npt.NDArray[np.float64],
    facts: FileFacts,
    counters: dict[tuple[str, str], tuple[float, float]],
) -> tuple[ChannelRows, pd.DataFrame]:
    """Return one channel's readings, from rows that have a start, and the rejects among their values."""
    interval_s = facts.interval_s[name]
    columns, rejected = {}, []
    is_broken = np.zeros(len(chunk), dtype=bool)
    for value in values:
        cells = chunk[value.position]
        assert value.factor is not None, "the survey reads a column of units before its values are"
        numbers, is_unreadable = parse_numbers(cells, facts.decimal)
        if is_unreadable.any():
            odd = np.flatnonzero(is_unreadable)
            plain, scale = without_units(cells.iloc[odd], value.target, value.factor / (facts.given.factor or 1.0))
            own, is_unreadable[odd] = parse_numbers(plain, facts.decimal)
            numbers[odd] = own * scale
        columns[value.target] = numbers * value.factor
        is_broken |= is_unreadable
        rejected.append(_reject_rows(chunk.index, name, text, cells, REJECT_NUMBER)[is_unreadable])
    table = pd.DataFrame(columns)
    is_empty = table.isna().all(axis=1).to_numpy()
    kept = np.flatnonzero(~is_empty)
    repeats, reasons = sort_out_repeats(start_s[kept], table.iloc[kept])
    at = kept[repeats]
    cells = chunk[values[0].position].iloc[at]
    rejected.append(_reject_rows(chunk.index[at], name, text.iloc[at], cells, np.array(reasons, dtype=object)))
    kept = np.delete(kept, repeats)
    kept = kept[np.argsort(start_s[kept], kind="stable")]
    rows = table.iloc[kept].reset_index(drop=True)
    rows.insert(0, "timestamp", start_s[kept].astype(np.int64))
    lines = chunk.index.to_numpy()[kept]
    if facts.layout.is_register:
        # The operator tells the rollover as the file counts.
        rollover = facts.given.rollover and facts.given.rollover * (values[0].factor or 1.0)
        rows, used, reset = differences(
            rows, name, interval_s, rollover, counters, is_read_at_end=facts.layout.is_read_at_end
        )
        at = kept[reset]
        cells = chunk[values[0].position].iloc[at]
        rejected.append(_reject_rows(chunk.index[at], name, text.iloc[at], cells, REJECT_RESET))
        reasons = [*reasons, *[REJECT_RESET] * len(at)]
        lines = lines[used]
    counts = {REJECT_EMPTY: int((is_empty & ~is_broken).sum()), REJECT_NUMBER: int((is_empty & is_broken).sum())}
    window = Window(*(datetime.fromtimestamp(s, UTC) for s in (start_s.min(), start_s.max() + interval_s)))
    lost = +(Counter(counts) + Counter(reasons))
    part = ChannelRows(name, window, interval_s, rows, lines, len(chunk), dict(lost))
    return part, pd.concat(rejected, ignore_index=True)


def _reject_rows(
    lines: pd.Index,
    channel: pd.Series | str,
    text: pd.Series,
    cells: pd.Series | None,
    reason: npt.NDArray[np.object_] | str,
) -> pd.DataFrame:
    """Return rows as the reject file has them."""
    columns = {
        "line": lines.to_numpy(),
        "channel": channel if isinstance(channel, str) else channel.to_numpy(),
        "time": text.to_numpy(),
        "value": "" if cells is None else cells.to_numpy(),
        "reason": reason,
    }
    return pd.DataFrame(columns, index=range(len(lines)))
