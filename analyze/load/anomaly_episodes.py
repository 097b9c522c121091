"""Which intervals of the period lie unusually high or low: two independent tests, and episodes without small breaks.

Pure. The residual of each interval to its expected load (`power_grid.left_out_levels`) is averaged over three hours and
has to pass both tests:

- *change*: it is more than `min_scales` times the usual residual of its hour and kind of day, after what the
  two days around share (a heat wave, a quiet week) is forgiven;
- *novelty*: it is more than `novelty_ratio` (for lows `low_novelty_ratio`) times the 95th percentile
  of what the baseline weeks showed there.

References
----------
Rousseeuw, P. J. and Croux, C. (1993), "Alternatives to the Median Absolute Deviation", Journal of the American
Statistical Association 88(424), doi:10.1080/01621459.1993.10476408, for the scale. Baseline residuals are those of
left-out weeks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.load_response import subtract_response
from analyze.load.power_grid import (
    PowerGrid,
    kind_of_day_hour,
    kind_quantiles,
    lay_out_channels,
    left_out_levels,
    rolling_any,
    rolling_mean,
    surrounding_median,
)
from analyze.week.intervals import WeekScope, baseline_week_numbers, in_window
from lib.date_utils import Window
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
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
_EDGE_RATIO = 0.5  # of `min_ratio`: an episode's own intervals deviate at least this much
_SHAPE_QUANTILE = 0.9


class _Usual(NamedTuple):
    """What is usual for each step of a grid; all (C, T)."""

    expected_kw: Floats
    edges_kw: dict[str, Floats]  # of the hour and its neighbours, by direction
    shift_kw: Floats
    around_kw: Floats  # what the two days share
    scale_kw: Floats
    novel_kw: dict[str, Floats]  # beyond it is more than the baseline showed, by direction
    is_new_shape: Flags


def find_episodes(
    clean: pd.DataFrame, scope: WeekScope, shift_kw: pd.Series, assessed: pd.Series, response_kw: pd.Series
) -> pd.DataFrame:
    """Return the intervals of the period that are unusual, and the episode that each belongs to.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period, by channel and time.
    shift_kw
        By index of `clean`: how much the level has changed for good by then [kW] (`load_steps`). A rise is expected
        from then on, and so is a fall; the way back is not held to be an anomaly either.
    assessed
        By index of `clean`: True for the intervals of the period that may be judged.
    response_kw
        By index of `clean`: the power that answers to the temperature (`load_response`), which is expected.

    Returns
    -------
    pd.DataFrame
        By index of `clean`: `event_id` (1, 2, …), `expected_kw`, `direction` ("high" or "low"), and one boolean column
        for each of `VIEWS` (level: without forgiving; shape: the day's residuals scatter as on no baseline day). A
        break of at most `max_break_intervals` and `max_break_minutes` becomes part of its episode; a
        hole in the readings, or the other direction, ends it.
    """
    rows = clean[in_window(clean, Window(scope.baseline.start, scope.period.end))]
    parts, count = [], 0
    for grid in lay_out_channels(rows, baseline_week_numbers(rows, scope)) if len(rows) else []:
        may_judge = grid.lay(assessed.reindex(rows.index, fill_value=False), fill=0.0) > 0
        rest = subtract_response(grid, rows, response_kw)
        found = _judge(rest, grid.lay(shift_kw.reindex(rows.index, fill_value=0.0), fill=0.0), may_judge, scope)
        found["expected_kw"] += grid.power_kw - rest.power_kw
        inside = found["event_id"][grid.channel, grid.time] > 0
        cells = (grid.channel[inside], grid.time[inside])
        table = pd.DataFrame(
            {name: values[cells] for name, values in found.items()}, index=rows.index[grid.row[inside]]
        )
        parts.append(table.assign(event_id=table["event_id"] + count))
        count += int(found["event_id"].max())
    empty = {"event_id": int, "expected_kw": float, "direction": object, **dict.fromkeys(VIEWS, bool)}
    return pd.concat(parts) if parts else pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()})


def _judge(grid: PowerGrid, shift_kw: Floats, may_judge: Flags, scope: WeekScope) -> dict[str, npt.NDArray[Any]]:
    """Return `event_id`, `expected_kw`, `direction` and the views of each cell of the grid."""
    config, usual = scope.config, _describe_usual(grid, shift_kw, scope)
    width = _SMOOTH_H * grid.per_hour
    least_kw = config.anomalies.min_ratio * np.abs(rolling_mean(usual.expected_kw + shift_kw, width))
    edge_kw = _EDGE_RATIO * config.anomalies.min_ratio * np.abs(usual.expected_kw)
    shape = grid.power_kw.shape
    event, expected_kw = np.zeros(shape, dtype=np.int64), usual.expected_kw.copy()
    direction, views = np.full(shape, "", dtype=object), {name: np.zeros(shape, dtype=bool) for name in VIEWS}
    for name, sign in ((HIGH, 1), (LOW, -1)):
        known_shift = np.clip(shift_kw, 0.0, None) if sign > 0 else np.clip(shift_kw, None, 0.0)
        outside = sign * (grid.power_kw - usual.edges_kw[name] - known_shift)
        forgiven = outside - np.clip(sign * usual.around_kw, 0.0, None)
        smooth = rolling_mean(forgiven, width)
        is_change = (smooth > config.anomalies.min_scales * usual.scale_kw) & (smooth > least_kw)
        is_novel = smooth > usual.novel_kw[name]
        near = rolling_any(is_change & is_novel & (grid.fold < 0), 2 * _REACH_H * grid.per_hour + 1)
        hit = near & may_judge & (forgiven > usual.scale_kw) & (forgiven > edge_kw) & (event == 0)
        episode = _number_runs(_close_breaks(hit, grid, scope), int(event.max()))
        event = np.where(event == 0, episode, event)
        direction[hit] = name
        expected_kw = np.where(hit, usual.expected_kw + known_shift, expected_kw)
        views["change"] |= hit & rolling_any(is_change, width)
        views["novelty"] |= hit & rolling_any(is_novel, width)
        views["level"] |= hit & (outside > config.anomalies.min_scales * usual.scale_kw)
        views["shape"] |= hit & usual.is_new_shape
    return {"event_id": event, "expected_kw": expected_kw, "direction": direction, **views}


def _describe_usual(grid: PowerGrid, shift_kw: Floats, scope: WeekScope) -> _Usual:
    config, baseline = scope.config, grid.fold >= 0
    expected, lowest, highest = left_out_levels(grid)
    residual = grid.power_kw - expected - shift_kw
    around = surrounding_median(grid, residual, _SURROUND_H)
    if baseline.any():  # a load that is left on for days is not forgiven as weather
        drift = _MAX_DRIFT_RATIO * nan_quantiles(np.abs(around[:, baseline]), [_NOVEL_QUANTILE])
        around = np.clip(around, -drift, drift)
    usual = rolling_mean(residual - around, _SMOOTH_H * grid.per_hour)
    kind = kind_of_day_hour(grid.hour_of_week)
    low, high = np.moveaxis(
        kind_quantiles(grid, usual, baseline, [1 - _NOVEL_QUANTILE, _NOVEL_QUANTILE])[:, kind], 2, 0
    )
    novel = {HIGH: config.anomalies.novelty_ratio * high, LOW: -config.anomalies.low_novelty_ratio * low}
    scale = _scales(grid, usual, baseline)[:, kind]
    return _Usual(expected, {HIGH: highest, LOW: lowest}, shift_kw, around, scale, novel, _new_shapes(grid, residual))


def _scales(grid: PowerGrid, usual: Floats, baseline: Flags) -> Floats:
    """Return the usual residual by channel, kind of day and hour [kW]: 1.4826 · median, half the channel's at least."""
    size = np.abs(usual)
    cell = kind_quantiles(grid, size, baseline, [0.5])[..., 0]
    whole = nan_quantiles(size[:, baseline], [0.5])
    low, high = nan_quantiles(grid.power_kw, [0.05, 0.95]).T
    floor = np.fmax(_MAD_TO_STD / 2 * whole, np.maximum(_MIN_SCALE_RATIO * (high - low), 1e-9)[:, None])
    return np.fmax(_MAD_TO_STD * cell, floor)


def _new_shapes(grid: PowerGrid, residual: Floats) -> Flags:
    """Return True on local days whose residuals scatter more than on nine tenths of the channel's baseline days."""
    first = np.flatnonzero(np.diff(grid.day, prepend=-1))
    value, known = np.nan_to_num(residual), ~np.isnan(residual)
    count = np.maximum(np.add.reduceat(known, first, axis=1), 1)
    mean = np.add.reduceat(value, first, axis=1) / count
    spread = np.sqrt(np.maximum(np.add.reduceat(value**2, first, axis=1) / count - mean**2, 0.0))
    is_baseline = grid.fold[first] >= 0
    if not is_baseline.any():
        return np.zeros(residual.shape, dtype=bool)
    limit = nan_quantiles(spread[:, is_baseline], [_SHAPE_QUANTILE])
    return np.repeat(spread > limit, np.diff(first, append=residual.shape[1]), axis=1)


def _close_breaks(hit: Flags, grid: PowerGrid, scope: WeekScope) -> Flags:
    """Return `hit` with short breaks between two flagged cells filled, where nothing is missing in them."""
    longest = min(
        scope.config.anomalies.max_break_intervals, int(60 * scope.config.anomalies.max_break_minutes / grid.step_s)
    )
    known, closed = ~np.isnan(grid.power_kw), hit.copy()
    for length in range(1, longest + 1):
        if hit.shape[1] <= length + 1:
            break
        inner = hit[:, : -length - 1] & hit[:, length + 1 :]
        for offset in range(1, length + 1):
            inner = inner & known[:, offset : offset - length - 1 or None]
        for offset in range(1, length + 1):
            closed[:, offset : offset + inner.shape[1]] |= inner
    return closed


def _number_runs(flags: Flags, after: int) -> npt.NDArray[np.int64]:
    """Return the runs of each row numbered from `after` + 1 on, 0 where there is none."""
    starts = flags & ~np.concatenate([np.zeros((len(flags), 1), dtype=bool), flags[:, :-1]], axis=1)
    return np.where(flags, np.cumsum(starts.ravel()).reshape(flags.shape) + after, 0)
