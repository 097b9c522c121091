"""Stretches in which equipment runs while the site is closed, and whether they come back every week. Pure.

A *closed block* is an unbroken stretch of closed time: a night, a weekend, a holiday with the nights around it. A *run*
is an unbroken stretch of running within a block (`running`). What a run is, its place in the block tells:

- `LEFT_ON`: it goes on from the opening hours for longer than they are usually overrun, or up to the next ones;
- `CLOSED_DAY`: it stands alone, by day, on a day that the site stays closed;
- `OVERRUN`: it ends, or begins, within `OVERRUN_H` of the opening hours: a schedule longer than the opening hours;
- `NIGHT`: it stands alone in the night: a pump, a heater, a charger that is meant to run then.
"""

from __future__ import annotations

from enum import StrEnum
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
_TOUCH_H = 1.0  # of the opening hours: powers are means over two hours, so an edge is as blurred
_MIN_LEFT_H = 3.0
_MIN_NIGHT_H = 1.0
_DAY_HOURS = (6, 20)  # by day
_MIN_WEEK_COVER = 0.7  # of a week's closed time that must be known for the week to say anything
RECURRING_WEEKS = 2  # of the weeks before
NEW_BLOCKS = 3


class RunKind(StrEnum):
    """What a run is."""

    LEFT_ON = "left_on"
    CLOSED_DAY = "closed_day"
    OVERRUN = "overrun"
    NIGHT = "night"


class Pattern(StrEnum):
    """How often something was seen."""

    RECURRING = "recurring"  # in this week and in two of the four before it
    NEW = "new"  # in this week only, in three closed blocks or more
    ONCE = "once"  # in this week only, in one block or two
    ASKED = "asked"  # in every week, as steadily by night as by day: nothing says that it can be off
    USUAL = "usual"  # at its own times in every week: a schedule


class ClosedRuns(NamedTuple):
    """The runs of one matrix. `table` has by run: `channel` (place in the matrix), `kind`, `week` (fold), `block`,
    `hours`; `first` and `end` (slots on the wall clock, end excluded); `excess_kwh` above the off level.
    """

    table: pd.DataFrame
    weeks_known: Flags  # (C, W) baseline weeks of which enough is known


def list_closed_runs(matrix: DayMatrix, running: Running) -> ClosedRuns:
    """Return the runs of all channels, in order of channel and time."""
    slot_h = matrix.step_s / SECONDS_PER_HOUR
    block, edges = _number_blocks(running.is_closed)
    table = _find_runs(running.runs, block)
    hours = (table["end"] - table["first"]).to_numpy() * slot_h
    begins, ends = edges[table["block"].to_numpy() - 1].T
    touch = max(round(_TOUCH_H / slot_h), 1)
    after_opening = (table["first"].to_numpy() - begins < touch) & (begins > 0)
    before_opening = (ends - table["end"].to_numpy() < touch) & (ends < block.size)
    by_day = _is_by_day(matrix, table)
    kind = np.select(
        [
            (after_opening | before_opening) & (hours > OVERRUN_H),
            after_opening | before_opening,
            by_day & (hours >= _MIN_LEFT_H),
        ],
        [RunKind.LEFT_ON, RunKind.OVERRUN, RunKind.CLOSED_DAY],
        RunKind.NIGHT,
    )
    excess = np.nan_to_num(matrix.power_kw.reshape(running.runs.shape) - running.off_kw[:, None]).clip(min=0) * slot_h
    total = np.concatenate([np.zeros((len(excess), 1)), np.cumsum(excess, axis=1)], axis=1)
    channel = table["channel"].to_numpy()
    kwh = total[channel, table["end"].to_numpy()] - total[channel, table["first"].to_numpy()]
    week = np.repeat(matrix.fold, matrix.slots)[table["first"].to_numpy()]
    long = hours >= _MIN_NIGHT_H
    table = table.assign(kind=kind, hours=hours, excess_kwh=kwh, week=week)[long].reset_index(drop=True)
    return ClosedRuns(table, _weeks_known(matrix, running))


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


def _is_by_day(matrix: DayMatrix, table: pd.DataFrame) -> Flags:
    """Return whether half of a run or more lies by day on days that the site stays closed."""
    hour = np.tile(matrix.hour_of_slot, matrix.types.size)
    closed_day = np.repeat(matrix.types.is_closed, matrix.slots)
    by_day = closed_day & (hour >= _DAY_HOURS[0]) & (hour < _DAY_HOURS[1])
    total = np.concatenate([[0], np.cumsum(by_day)])
    first, end = table["first"].to_numpy(), table["end"].to_numpy()
    return 2 * (total[end] - total[first]) >= end - first


def _weeks_known(matrix: DayMatrix, running: Running) -> Flags:
    known = ~np.isnan(running.smooth_kw[:, running.is_closed])
    week = np.repeat(matrix.fold, matrix.slots)[running.is_closed]
    weeks = range(int(matrix.fold.max()) + 1)
    return np.column_stack([known[:, week == n].mean(axis=1) >= _MIN_WEEK_COVER for n in weeks] or [known[:, :0]])


def judge_pattern(runs: pd.DataFrame, weeks_known: Flags) -> Pattern | None:
    """Return the pattern of one channel's runs of kinds that belong together, or None where this week has none.

    Parameters
    ----------
    runs
        Rows of `ClosedRuns.table`.
    weeks_known : (W,) booleans
        The channel's baseline weeks of which enough is known.
    """
    now = runs.loc[runs["week"] == PERIOD, "block"].nunique()
    if not now:
        return None
    before = np.unique(runs.loc[runs["week"] >= 0, "week"])
    if np.count_nonzero(weeks_known[before]) >= RECURRING_WEEKS:
        return Pattern.RECURRING
    return Pattern.NEW if now >= NEW_BLOCKS and not before.size else Pattern.ONCE
