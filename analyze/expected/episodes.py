"""Which intervals of the period lie unusually high or low: two independent tests, and episodes without small breaks.

Pure. The residual of each interval to its expected load is averaged over three hours and has to pass both tests:

- *change*: it is more than `min_scales` times the usual residual of its hour and kind of day, after what the two days
  around share (a heat wave, a quiet week) is forgiven;
- *novelty*: it is more than `novelty_ratio` (for lows `low_novelty_ratio`) times the 95th percentile of what the
  baseline weeks showed there.

The limits are those of `Thresholds.anomalies`.

References
----------
Rousseeuw, P. J. and Croux, C. (1993), "Alternatives to the Median Absolute Deviation", Journal of the American
Statistical Association 88(424), doi:10.1080/01621459.1993.10476408, for the scale. Baseline residuals are those of
left-out weeks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import DayMatrix
from analyze.expected.model import Expectation, ExpectedDays
from analyze.expected.running import closed_slots
from analyze.expected.wall_time import (
    flat,
    group_of_slots,
    group_quantiles,
    neighbours,
    rolling_any,
    rolling_mean,
    surrounding_median,
)
from analyze.week.intervals import WeekScope
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HIGH, LOW = "high", "low"
VIEWS = ("level", "change", "novelty", "shape")
_SMOOTH_H = 3
_SURROUND_H = 48  # forgiving what two days share leaves an event of up to a day in sight
_REACH_H = 2  # an episode's edges are sought this far around what was flagged
_MAD_TO_STD = 1.4826
_NOVEL_QUANTILE = 0.95
_MAX_DRIFT_RATIO = 3.0  # forgiven at most: this many times the 95th percentile of the baseline's own drift
_MIN_SCALE_RATIO = 0.02  # of the channel's p95 − p5: smaller residuals matter to nobody
_EDGE_RATIO = 0.5  # of `anomalies.min_ratio`: an episode's own intervals deviate at least this much
_SHAPE_QUANTILE = 0.9
_BEYOND_RATIO = 1.1


class _Usual(NamedTuple):
    """What is usual for each slot of a matrix; all (C, N)."""

    expected_kw: Floats
    edges_kw: dict[str, Floats]  # of the hour and its neighbours, by direction
    around_kw: Floats  # what the two days share
    scale_kw: Floats
    novel_kw: dict[str, Floats]  # beyond it is more than the baseline showed, by direction
    is_new_shape: Flags


def find_episodes(
    expectation: Expectation, shifts: list[Floats], assessed: Collection[int], scope: WeekScope
) -> pd.DataFrame:
    """Return the intervals of the period that are unusual, and the episode that each belongs to.

    Parameters
    ----------
    shifts
        For each block of the expectation how much the level has changed for good by then [kW], C × D × S (`steps`). A
        rise is expected from then on, and so is a fall; the way back is not held to be an anomaly either.
    assessed
        The channels that may be judged.

    Returns
    -------
    pd.DataFrame
        By index of the expectation's rows: `event_id` (1, 2, …), `expected_kw`, `direction` ("high" or "low"), and one
        boolean column for each of `VIEWS` (level: without forgiving; shape: the day's residuals scatter as on no
        baseline day), and `is_beyond`: over three hours, and over its day, it drew clearly more than any baseline week
        did while the site was open, or closed. A break of at most `max_break_intervals` and `max_break_minutes` becomes
        part of its episode; a hole in the readings, or the other direction, ends it.
    """
    parts, count = [], 0
    for block, shift_kw in zip(expectation.blocks, shifts, strict=True):
        matrix = block.matrix
        found = _judge(block, flat(shift_kw), np.isin(matrix.channel_ids, list(assessed)), scope)
        slot = matrix.day * matrix.slots + matrix.slot
        inside = found["event_id"][matrix.channel, slot] > 0
        cells = (matrix.channel[inside], slot[inside])
        index = expectation.rows.index[matrix.row[inside]]
        table = pd.DataFrame({name: values[cells] for name, values in found.items()}, index=index)
        parts.append(table.assign(event_id=table["event_id"] + count))
        count += int(found["event_id"].max(initial=0))
    flags = dict.fromkeys((*VIEWS, "is_beyond"), bool)
    empty = {"event_id": int, "expected_kw": float, "direction": object, **flags}
    return pd.concat(parts) if parts else pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()})


def _judge(block: ExpectedDays, shift_kw: Floats, assessed: Flags, scope: WeekScope) -> dict[str, npt.NDArray[Any]]:
    """Return `event_id`, `expected_kw`, `direction` and the views of each slot of a block."""
    matrix, config = block.matrix, scope.config
    power_kw, usual = flat(matrix.power_kw), _describe_usual(block, shift_kw, scope)
    in_period = np.repeat(matrix.fold < 0, matrix.slots)
    may_judge = assessed[:, None] & in_period & ~np.isnan(power_kw)
    width = _SMOOTH_H * matrix.per_hour
    least_kw = config.anomalies.min_ratio * np.abs(rolling_mean(usual.expected_kw + shift_kw, width))
    edge_kw = _EDGE_RATIO * config.anomalies.min_ratio * np.abs(usual.expected_kw)
    event, expected_kw = np.zeros(power_kw.shape, dtype=np.int64), usual.expected_kw.copy()
    direction, views = np.full(power_kw.shape, "", dtype=object), {n: np.zeros(power_kw.shape, bool) for n in VIEWS}
    for name, sign in ((HIGH, 1), (LOW, -1)):
        known_shift = np.clip(shift_kw, 0.0, None) if sign > 0 else np.clip(shift_kw, None, 0.0)
        outside = sign * (power_kw - usual.edges_kw[name] - known_shift) - flat(block.weather.doubt_kw)
        forgiven = outside - np.clip(sign * usual.around_kw, 0.0, None)
        smooth = rolling_mean(forgiven, width)
        is_change = (smooth > config.anomalies.min_scales * usual.scale_kw) & (smooth > least_kw)
        is_novel = smooth > usual.novel_kw[name]
        near = rolling_any(is_change & is_novel & in_period, 2 * _REACH_H * matrix.per_hour + 1)
        hit = near & may_judge & (forgiven > usual.scale_kw) & (forgiven > edge_kw) & (event == 0)
        episode = _number_runs(_close_breaks(hit, matrix, scope), int(event.max(initial=0)))
        event = np.where(event == 0, episode, event)
        direction[hit] = name
        expected_kw = np.where(hit, usual.expected_kw + known_shift, expected_kw)
        views["change"] |= hit & rolling_any(is_change, width)
        views["novelty"] |= hit & rolling_any(is_novel, width)
        views["level"] |= hit & (outside > config.anomalies.min_scales * usual.scale_kw)
        views["shape"] |= hit & usual.is_new_shape
    beyond = _find_beyond(matrix, power_kw, closed_slots(matrix, scope.schedule))
    return {"event_id": event, "expected_kw": expected_kw, "direction": direction, **views, "is_beyond": beyond}


def _find_beyond(matrix: DayMatrix, power_kw: Floats, is_closed: Flags) -> Flags:
    """Return where the mean of three hours is clearly above the highest of the baseline weeks, open or closed alike.

    What a charger or an oven draws at other hours than usual is no more than it draws every week; and where the highest
    of one week is far from that of the next, a new highest is no news. Nor is a day that uses no more than others did:
    there the load has only moved.
    """
    smooth_kw = rolling_mean(power_kw, _SMOOTH_H * matrix.per_hour)
    week, beyond = np.repeat(matrix.fold, matrix.slots), np.ones(power_kw.shape, dtype=bool)
    for alike in (is_closed, ~is_closed):
        weeks = [smooth_kw[:, alike & (week == number)] for number in np.unique(week[alike & (week >= 0)])]
        if not weeks:
            continue
        highest_kw = np.nan_to_num(np.stack([np.fmax.reduce(values, axis=1) for values in weeks], axis=1))
        top_kw = highest_kw.max(axis=1)
        least_kw = np.maximum(_BEYOND_RATIO * top_kw, 2 * top_kw - np.median(highest_kw, axis=1))
        beyond[:, alike] = smooth_kw[:, alike] > least_kw[:, None]
    return beyond & np.repeat(_find_beyond_days(matrix), matrix.slots, axis=1)


def _find_beyond_days(matrix: DayMatrix) -> Flags:
    """Return the days (C × D) that use more than any baseline day that opens, or stays closed, as they do."""
    kw, baseline, beyond = _daily_mean(matrix.power_kw), matrix.fold >= 0, np.ones(matrix.power_kw.shape[:2], bool)
    for is_closed in (False, True):
        alike = matrix.types.is_closed == is_closed
        if (alike & baseline).any():
            highest_kw = np.nan_to_num(np.fmax.reduce(kw[:, alike & baseline], axis=1))
            beyond[:, alike] = kw[:, alike] > highest_kw[:, None]
    return beyond


def _daily_mean(power_kw: Floats) -> Floats:
    """Return the mean of what is known of each day (C × D); NaN where nothing is."""
    known = ~np.isnan(power_kw)
    total, count = np.where(known, power_kw, 0.0).sum(axis=2), known.sum(axis=2)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _describe_usual(block: ExpectedDays, shift_kw: Floats, scope: WeekScope) -> _Usual:
    matrix, config = block.matrix, scope.config
    power_kw, expected = flat(matrix.power_kw), flat(block.expected_kw)
    baseline = np.repeat(matrix.fold >= 0, matrix.slots)
    lowest, highest = neighbours(expected, matrix.per_hour)
    residual = power_kw - expected - shift_kw
    around = surrounding_median(matrix, residual, _SURROUND_H)
    if baseline.any():  # a load that is left on for days is not forgiven as weather
        drift = _MAX_DRIFT_RATIO * nan_quantiles(np.abs(around[:, baseline]), [_NOVEL_QUANTILE])
        around = np.clip(around, -drift, drift)
    usual = rolling_mean(residual - around, _SMOOTH_H * matrix.per_hour)
    group = group_of_slots(matrix)
    pair = group_quantiles(matrix, usual, matrix.fold >= 0, [1 - _NOVEL_QUANTILE, _NOVEL_QUANTILE])[:, group]
    low, high = np.moveaxis(np.nan_to_num(pair), 2, 0)
    novel = {HIGH: config.anomalies.novelty_ratio * high, LOW: -config.anomalies.low_novelty_ratio * low}
    scale = _scales(matrix, usual, baseline)[:, group]
    edges = {HIGH: highest, LOW: lowest}
    return _Usual(expected, edges, np.nan_to_num(around), scale, novel, _new_shapes(matrix, residual))


def _scales(matrix: DayMatrix, usual: Floats, baseline: Flags) -> Floats:
    """Return the usual residual by channel and group [kW]: 1.4826 · median, half the channel's at least."""
    size = np.abs(usual)
    cell = group_quantiles(matrix, size, matrix.fold >= 0, [0.5])[..., 0]
    whole = nan_quantiles(size[:, baseline], [0.5])
    low, high = nan_quantiles(flat(matrix.power_kw), [0.05, 0.95]).T
    floor = np.fmax(_MAD_TO_STD / 2 * whole, np.maximum(_MIN_SCALE_RATIO * (high - low), 1e-9)[:, None])
    return np.fmax(_MAD_TO_STD * cell, floor)


def _new_shapes(matrix: DayMatrix, residual: Floats) -> Flags:
    """Return True on local days whose residuals scatter more than on nine tenths of the channel's baseline days."""
    by_day = residual.reshape(matrix.power_kw.shape)
    value, known = np.nan_to_num(by_day), ~np.isnan(by_day)
    count = np.maximum(known.sum(axis=2), 1)
    mean = value.sum(axis=2) / count
    spread = np.sqrt(np.maximum((value**2).sum(axis=2) / count - mean**2, 0.0))
    is_baseline = matrix.fold >= 0
    if not is_baseline.any():
        return np.zeros(residual.shape, dtype=bool)
    limit = nan_quantiles(spread[:, is_baseline], [_SHAPE_QUANTILE])
    return np.repeat(spread > limit, matrix.slots, axis=1)


def _close_breaks(hit: Flags, matrix: DayMatrix, scope: WeekScope) -> Flags:
    """Return `hit` with short breaks between two flagged slots filled, where nothing is missing in them."""
    longest = min(
        scope.config.anomalies.max_break_intervals, int(60 * scope.config.anomalies.max_break_minutes / matrix.step_s)
    )
    known, closed = ~np.isnan(flat(matrix.power_kw)), hit.copy()
    for length in range(1, longest + 1):
        if hit.shape[1] <= length + 1:
            break
        inner = hit[:, : -length - 1] & hit[:, length + 1 :]
        for offset in range(1, length + 1):
            inner = inner & known[:, offset : offset - length - 1 or None]
        for offset in range(1, length + 1):
            closed[:, offset : offset + inner.shape[1]] |= inner
    return closed


def _number_runs(flags: Flags, after: int) -> Ints:
    """Return the runs of each row numbered from `after` + 1 on, 0 where there is none."""
    starts = flags & ~np.concatenate([np.zeros((len(flags), 1), dtype=bool), flags[:, :-1]], axis=1)
    return np.where(flags, np.cumsum(starts.ravel()).reshape(flags.shape) + after, 0)
