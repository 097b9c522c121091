"""Stretches that lie on a straight line: what a logger or an export has filled in, and no meter measured. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import SECONDS_PER_HOUR, number_channels, starts_new_run

Floats = npt.NDArray[np.float64]

_EXACT_RATIO = 1e-6  # of the value: how far arithmetic in double precision and six digits may be off a line
_ROUNDED_STEPS = 1.01  # three values of a line, rounded, bend by at most one step
_OFF_CHORD_STEPS = 1.2  # from the line through two rounded values a third is at most one step away
_MIN_SLOPE = 0.5  # of what it may bend, each interval; a line that rises by less is not told from a steady load
_MIN_INTERVALS = 4  # that bend by nothing
_MAX_CHANCES = 1e-3  # lines expected by chance among the channel's intervals, above which there is no fault


def flag_interpolated(intervals: pd.DataFrame, *, min_hours: float) -> pd.Series:
    """Flag power that follows a straight line, up or down, for hours.

    Parameters
    ----------
    intervals
        `channel_id`, `epoch_s`, `interval_s` [s], `mean_kw` [kW]; by channel and time.
    min_hours
        Shorter lines are left alone [h], and those of fewer than four intervals.

    Notes
    -----
    On a line the second difference vanishes. The values are tried as they are, and as if the line had been rounded to
    the smallest change that the channel shows. How often the channel's other intervals bend so little tells how likely
    the stretch is by chance: a coarse or smooth load has such stretches by nature, and is left alone. A line without
    slope is `flag_stuck`'s.
    """
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    code, ids = number_channels(intervals)
    change_kw = np.where(starts_new_run(intervals), np.nan, np.diff(power_kw, prepend=np.nan))
    change_kw[1:][np.diff(intervals["interval_s"]) != 0] = np.nan
    step_kw = smallest_change_kw(change_kw, code, len(ids))[code]
    exact_kw = _EXACT_RATIO * np.abs(power_kw)
    load = _Load(power_kw, change_kw, np.append(change_kw[1:], np.nan), code, _min_intervals(intervals, min_hours))
    on_line = _find_lines(load, exact_kw, exact_kw)
    on_line |= _find_lines(load, _ROUNDED_STEPS * step_kw + exact_kw, _OFF_CHORD_STEPS * step_kw + exact_kw)
    return pd.Series(on_line, index=intervals.index)


class _Load(NamedTuple):
    """The power of all channels one after another.

    `before_kw` and `after_kw` are the changes on either side (NaN across a hole), `needed` is how many intervals make a
    line.
    """

    power_kw: Floats
    before_kw: Floats
    after_kw: Floats
    code: npt.NDArray[np.int64]
    needed: npt.NDArray[np.int64]


def _min_intervals(intervals: pd.DataFrame, min_hours: float) -> npt.NDArray[np.int64]:
    length_s = intervals["interval_s"].to_numpy()
    return np.maximum(np.ceil(min_hours * SECONDS_PER_HOUR / length_s), _MIN_INTERVALS).astype("int64")


def smallest_change_kw(change_kw: Floats, code: npt.NDArray[np.int64], channels: int) -> Floats:
    """Return the smallest change that each channel ever shows [kW]: what its meter resolves; 0 where it has none.

    `code` numbers the channel of each change, in order.
    """
    moved = np.abs(change_kw) > 0
    size_kw, first = np.where(moved, np.abs(change_kw), np.inf), np.searchsorted(code, np.arange(channels))
    smallest = np.minimum.reduceat(size_kw, first) if channels else size_kw
    return np.where(np.isfinite(smallest), smallest, 0.0)


def _find_lines(load: _Load, bend_kw: Floats, off_kw: Floats) -> npt.NDArray[np.bool_]:
    """Return the intervals within lines that bend by no more than `bend_kw` and stray by no more than `off_kw`."""
    before, after, code = load.before_kw, load.after_kw, load.code
    bends_little = np.abs(after - before) <= bend_kw
    is_straight = bends_little & (before * after > 0) & (np.abs(after + before) > 2 * _MIN_SLOPE * bend_kw)
    edge = np.diff(is_straight, prepend=False) | (np.diff(code, prepend=-1) != 0)
    first = np.flatnonzero(edge & is_straight)
    borders = np.append(np.flatnonzero(edge), code.size)
    size = borders[np.searchsorted(borders, first, side="right")] - first
    long = size >= load.needed[first]
    first, size = first[long], size[long]
    found = np.zeros(code.size, dtype=bool)
    if not first.size:
        return found
    unlikely = _chances(load, bends_little, first, size) <= _MAX_CHANCES
    for begins, count in zip(first[unlikely].tolist(), size[unlikely].tolist(), strict=True):
        joined = slice(begins - 1, begins + count + 1)  # with the two values that the line joins
        values = load.power_kw[joined]
        off = np.abs(values - np.linspace(values[0], values[-1], values.size))
        found[begins : begins + count] = (off <= off_kw[joined]).all()
    return found


def _chances(
    load: _Load,
    bends_little: npt.NDArray[np.bool_],
    first: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
) -> Floats:
    """Return for each run how many of its length the channel's other intervals would make by chance.

    Of those that move, for a line does: what stands still, as a machine that is off, says nothing about them.
    """
    moves = (load.before_kw != 0) & (load.after_kw != 0) & ~np.isnan(load.after_kw - load.before_kw)
    trials = np.bincount(load.code, weights=moves)[load.code[first]]
    little = np.bincount(load.code, weights=moves & bends_little)[load.code[first]]
    share = (little - size + 1) / (trials - size + 1)
    return trials * np.clip(share, 0.0, 1.0) ** size
