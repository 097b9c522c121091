"""Stretches in which equipment runs while the site is closed, and whether they come back every week. Pure.

A *closed block* is an unbroken stretch of closed time: a night, a weekend, a holiday with the nights around it. A *run*
is an unbroken stretch of running within a block (`running`). What a run is, its place in the block tells:

- `LEFT_ON`: it goes on from the opening hours for longer than they are usually overrun, or through a pause of
  `_MIN_LEFT_H` or more up to the next ones;
- `CLOSED_DAY`: it stands alone, by day, on a day that the site stays closed;
- `OVERRUN`: it ends, or begins, within `OVERRUN_H` of the opening hours: a schedule longer than the opening hours;
- `NIGHT`: it stands alone in the night: a pump, a heater, a charger that is meant to run then.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import PERIOD, DayMatrix
from analyze.expected.running import Running
from analyze.week.intervals import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OVERRUN_H = 4.0
_SPLIT_H = 12.0  # of a new week, from which on a run that began in the week before is a run of its own there
_TOUCH_H = 1.0  # of the opening hours: powers are means over two hours, so an edge is as blurred
_MIN_LEFT_H = 3.0
_MIN_NIGHT_H = 1.0
_DAY_HOURS = (6, 20)  # by day
_MIN_WEEK_COVER = 0.7  # of a week's closed time that must be known for the week to say anything
RECURRING_WEEKS = 2  # of the weeks before
NEW_BLOCKS = 3
_SCHEDULE_SHARE = (
    0.8  # of like blocks, or of their hours: what runs in nearly all of them is meant to, as far as we see
)
_EVERY_BLOCK = 0.95  # of the nights: then it is meant to run in each, however long
_SCHEDULE_SPREAD_H = 1.0  # between the quartiles of its runs


class RunKind(StrEnum):
    """What a run is."""

    LEFT_ON = "left_on"
    CLOSED_DAY = "closed_day"
    OVERRUN = "overrun"
    NIGHT = "night"


class Pattern(StrEnum):
    """How often something was seen."""

    RECURRING = "recurring"  # in this week and in two of the four before it
    NEW = "new"  # in three closed blocks or more, of this week or since the one before
    ONCE = "once"  # in this week only, in one block or two
    ASKED = "asked"  # in every week, as steadily by night as by day: nothing says that it can be off
    USUAL = "usual"  # at its own times in every week: a schedule
    STEP = "step"  # its whole level rose, by day as well: told as a step


class Runs(NamedTuple):
    """Some runs of one channel, as columns of `ClosedRuns.table` (R,); `row` is their place in it."""

    row: Ints
    kind: npt.NDArray[np.object_]
    week: Ints
    block: Ints
    hours: Floats
    is_days: Flags
    is_whole: Flags
    excess_kwh: Floats

    def where(self, chosen: Flags) -> Runs:
        """Return those of them that are chosen."""
        return Runs._make(column[chosen] for column in self)

    def of_kinds(self, kinds: Sequence[RunKind]) -> Runs:
        """Return those of some kinds."""
        return self.where(np.logical_or.reduce([self.kind == kind for kind in kinds]))

    @property
    def now(self) -> Runs:
        """Those of the period."""
        return self.where(self.week == PERIOD)


class ClosedRuns(NamedTuple):
    """The runs of one matrix.

    `table` has by run: `channel` (place in the matrix), `kind`, `week` (fold), `block` (from 1), `hours`, `is_days`
    (whether most of it lies on closed days), `is_whole` (from closing to opening); `first` and `end` (slots on the wall
    clock, end excluded); `excess_kwh` above the off level.

    `weeks_known` (C, W) are the baseline weeks of which enough is known. `known_h` and `run_h` (C, B) are the hours of
    each block that are known, and that run; `blocks_days` (B,) tells which blocks hold a closed day.
    """

    table: pd.DataFrame
    weeks_known: Flags
    known_h: Floats
    run_h: Floats
    blocks_days: Flags

    def by_channel(self) -> list[Runs]:
        """Return the runs of each channel."""
        table = self.table
        whole = Runs._make([np.arange(len(table)), *(table[name].to_numpy() for name in Runs._fields[1:])])
        edges = np.searchsorted(table["channel"].to_numpy(), np.arange(len(self.weeks_known) + 1))
        return [Runs._make(column[first:end] for column in whole) for first, end in pairwise(edges)]


def list_closed_runs(matrix: DayMatrix, running: Running) -> ClosedRuns:
    """Return the runs of all channels, in order of channel and time."""
    slot_h = matrix.step_s / SECONDS_PER_HOUR
    block, edges = _number_blocks(running.is_closed)
    table = _split_by_week(_find_runs(running.runs, block), matrix)
    hours = (table["end"] - table["first"]).to_numpy() * slot_h
    begins, ends = edges[table["block"].to_numpy() - 1].T
    touch = max(round(_TOUCH_H / slot_h), 1)
    after_opening = (table["first"].to_numpy() - begins < touch) & (begins > 0)
    before_opening = (ends - table["end"].to_numpy() < touch) & (ends < block.size)
    by_day, is_whole = _is_by_day(matrix, table), after_opening & before_opening
    kind = np.select(
        [
            (after_opening | before_opening) & (hours > OVERRUN_H) | is_whole & (hours >= _MIN_LEFT_H),
            after_opening | before_opening,
            by_day & (hours >= _MIN_LEFT_H),
        ],
        [RunKind.LEFT_ON, RunKind.OVERRUN, RunKind.CLOSED_DAY],
        RunKind.NIGHT,
    )
    excess = np.nan_to_num(running.power_kw - running.off_kw[:, None]).clip(min=0) * slot_h
    channel = table["channel"].to_numpy()
    kwh = sum_between(excess, table["first"].to_numpy(), table["end"].to_numpy(), channel)
    table = table.assign(
        kind=kind,
        hours=hours,
        excess_kwh=kwh,
        week=np.repeat(matrix.fold, matrix.slots)[table["first"].to_numpy()],
        is_days=_lies_within(np.repeat(matrix.types.is_closed, matrix.slots), table),
        is_whole=is_whole,
    )[hours >= _MIN_NIGHT_H].reset_index(drop=True)
    every = np.arange(len(matrix.channel_ids))[:, None]
    known_h, run_h = (
        sum_between(part.astype(float), edges[:, 0], edges[:, 1], every) * slot_h
        for part in (~np.isnan(running.smooth_kw), running.runs)
    )
    return ClosedRuns(table, _weeks_known(matrix, running), known_h, run_h, _holds_closed_day(matrix, edges))


def sum_between(values: Floats, first: Ints, end: Ints, channel: Ints) -> Floats:
    """Return the sums of `values` (C, N) from `first` up to `end` of a channel."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(total[channel, end] - total[channel, first])


def _holds_closed_day(matrix: DayMatrix, edges: Ints) -> Flags:
    """Return for each block whether it holds a whole closed day."""
    closed = np.concatenate([[0], np.cumsum(matrix.types.is_closed)])
    first, end = -(-edges[:, 0] // matrix.slots), edges[:, 1] // matrix.slots
    return np.asarray(closed[np.maximum(end, first)] - closed[first] > 0)


def _number_blocks(is_closed: Flags) -> tuple[Ints, Ints]:
    """Return the number of each slot's closed block (0 while open), and the first and last (excluded) slot of each."""
    starts = is_closed & ~np.concatenate([[False], is_closed[:-1]])
    stops = is_closed & ~np.concatenate([is_closed[1:], [False]])
    edges = np.column_stack([np.flatnonzero(starts), np.flatnonzero(stops) + 1])
    return np.where(is_closed, np.cumsum(starts), 0), edges


def _find_runs(runs: Flags, block: Ints) -> pd.DataFrame:
    """Return `channel`, `first`, `end` and `block` of the unbroken stretches of `runs` (C, N)."""
    padded = np.pad(runs, ((0, 0), (1, 1)))
    channel, first = np.nonzero(padded[:, 1:-1] & ~padded[:, :-2])
    _, last = np.nonzero(padded[:, 1:-1] & ~padded[:, 2:])
    return pd.DataFrame({"channel": channel, "first": first, "end": last + 1, "block": block[first]})


def _split_by_week(table: pd.DataFrame, matrix: DayMatrix) -> pd.DataFrame:
    """Return the runs, those that go on for `_SPLIT_H` or more in the next week split where it begins.

    What is left on from Friday to Monday morning belongs to the week of the Friday. What is left on over a holiday on
    Monday, too, is a matter of both weeks, and each report tells its part.
    """
    least = round(_SPLIT_H * SECONDS_PER_HOUR / matrix.step_s)
    for midnight in (np.flatnonzero(np.diff(matrix.fold)) + 1) * matrix.slots:
        goes_on = ((table["first"] < midnight) & (table["end"] >= midnight + least)).to_numpy()
        if goes_on.any():
            later = table[goes_on].assign(first=midnight)
            table = pd.concat([table.assign(end=table["end"].mask(goes_on, midnight)), later], ignore_index=True)
    return table.sort_values(["channel", "first"], ignore_index=True)


def _is_by_day(matrix: DayMatrix, table: pd.DataFrame) -> Flags:
    """Return whether half of a run or more lies by day on days that the site stays closed."""
    hour = np.tile(matrix.hour_of_slot, matrix.types.size)
    closed_day = np.repeat(matrix.types.is_closed, matrix.slots)
    return _lies_within(closed_day & (hour >= _DAY_HOURS[0]) & (hour < _DAY_HOURS[1]), table)


def _lies_within(slots: Flags, table: pd.DataFrame) -> Flags:
    """Return whether half of a run or more lies within the slots (N,)."""
    total = np.concatenate([[0], np.cumsum(slots)])
    first, end = table["first"].to_numpy(), table["end"].to_numpy()
    return np.asarray(2 * (total[end] - total[first]) >= end - first)


def _weeks_known(matrix: DayMatrix, running: Running) -> Flags:
    known = ~np.isnan(running.smooth_kw[:, running.is_closed])
    week = np.repeat(matrix.fold, matrix.slots)[running.is_closed]
    weeks = range(int(matrix.fold.max()) + 1)
    slot = np.tile(np.arange(matrix.slots), matrix.types.size)[running.is_closed]
    # A main behind solar shows its load by night alone.
    shown = np.stack([known[:, slot == at].any(axis=1) for at in range(matrix.slots)], axis=1)[:, slot]
    shares = [known[:, week == n].sum(axis=1) / np.maximum(shown[:, week == n].sum(axis=1), 1) for n in weeks]
    return np.column_stack([share >= _MIN_WEEK_COVER for share in shares] or [known[:, :0]])


def judge_pattern(runs: Runs, weeks_known: Flags) -> Pattern | None:
    """Return the pattern of one channel's runs of kinds that belong together, or None where this week has none.

    Parameters
    ----------
    runs
        In order of time.
    weeks_known : (W,) booleans
        The channel's baseline weeks of which enough is known.
    """
    now = np.unique(runs.now.block).size
    if not now:
        return None
    before = np.unique(runs.week[runs.week >= 0])
    if np.count_nonzero(weeks_known[before]) >= RECURRING_WEEKS:
        return Pattern.RECURRING
    return Pattern.NEW if now >= NEW_BLOCKS else Pattern.ONCE


def is_schedule(runs: Runs, found: ClosedRuns, channel: int, *, is_days: bool) -> bool:
    """Return whether a channel runs so in nearly all blocks of a kind (nights, or closed days), weeks before included.

    Then nothing says that it can be off at these times: either it is hardly ever off in such blocks, or it runs in
    nearly each of them for nearly the same time.

    Parameters
    ----------
    runs
        Those of the channel that were left on or ran on closed days.
    """
    is_known = found.known_h[channel] > 0
    alike = (found.blocks_days == is_days) & is_known
    known_h = found.known_h[channel, alike].sum()
    if known_h > 0 and found.run_h[channel, alike].sum() >= _SCHEDULE_SHARE * known_h:
        return True
    nights = np.unique(runs.block[~runs.is_days]) - 1
    if not is_days and alike[nights].sum() >= _EVERY_BLOCK * alike.sum() > 0:
        return True
    own = runs.where((runs.is_days == is_days) & ~runs.is_whole)
    if is_days:  # one run a day, at the most
        return _is_regular(own.hours, int((own.kind == RunKind.CLOSED_DAY).sum()), int(np.ceil(known_h / 24)))
    return _is_regular(own.hours, np.unique(own.block).size, int(is_known.sum()))


def _is_regular(hours: Floats, count: int, of: int) -> bool:
    """Return whether runs come in most of `of` cases, for nearly the same time each."""
    if not count or count < _SCHEDULE_SHARE * of:
        return False
    low, high = np.quantile(hours, [0.25, 0.75])
    return bool(high - low <= _SCHEDULE_SPREAD_H)
