"""Power of many channels as arrays, channels × steps of time, so that none is gone through by itself. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import SECONDS_PER_HOUR
from lib.date_utils import HOURS_PER_WEEK
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = 48  # hours of working days, then hours of weekends


class PowerGrid(NamedTuple):
    """Channels of one interval length on one axis of time; C channels, T steps, from the first reading to the last."""

    channel_ids: Ints  # (C,)
    step_s: int
    power_kw: Floats  # (C, T), NaN where nothing was measured
    hour_of_week: Ints  # (T,) on the site's wall clock; 0 where no channel has a reading
    minute: Ints  # (T,) of the hour, on the wall clock
    day: Ints  # (T,) local day, counted from 0
    fold: Ints  # (T,) number of the baseline week, −1 outside the baseline
    row: Ints  # places of its intervals among the rows that it was made of
    channel: Ints  # of each of these intervals, its place in `channel_ids` …
    time: Ints  # … and on the axis of time

    @property
    def per_hour(self) -> int:
        """How many steps an hour has, one at least."""
        return max(SECONDS_PER_HOUR // self.step_s, 1)

    def lay(self, values: npt.ArrayLike, fill: float = np.nan) -> Floats:
        """Return `values`, one for each row that the grid was made of, as an array (C, T)."""
        result = np.full(self.power_kw.shape, fill)
        result[self.channel, self.time] = np.asarray(values, dtype=float)[self.row]
        return result


def lay_out_channels(rows: pd.DataFrame, fold: Ints) -> list[PowerGrid]:
    """Return a grid for each length of interval among `rows`; a channel that changed its interval is in several.

    Parameters
    ----------
    rows
        Intervals by channel and time: `channel_id`, `epoch_s`, `interval_s` [s], `hour_of_week`, `local_time`,
        `mean_kw` [kW].
    fold
        For each row the baseline week that it lies in, −1 for none.
    """
    length_s = rows["interval_s"].to_numpy()
    return [_lay_out(rows, fold, np.flatnonzero(length_s == step_s), int(step_s)) for step_s in np.unique(length_s)]


def _lay_out(rows: pd.DataFrame, fold: Ints, row: Ints, step_s: int) -> PowerGrid:
    ids, channel = np.unique(rows["channel_id"].to_numpy(dtype="int64")[row], return_inverse=True)
    epoch_s = rows["epoch_s"].to_numpy(dtype="int64")[row]
    time = (epoch_s - epoch_s.min()) // step_s
    steps = int(time.max()) + 1
    wall_min = rows["local_time"].to_numpy().astype("datetime64[m]").astype("int64")[row]
    power_kw = np.full((ids.size, steps), np.nan)
    power_kw[channel, time] = rows["mean_kw"].to_numpy(dtype=float)[row]
    labels = {"hour_of_week": 0, "minute": 0, "day": -1, "fold": -1}
    values = (rows["hour_of_week"].to_numpy(dtype="int64")[row], wall_min % 60, wall_min // 1440, fold[row])
    axes = {name: np.full(steps, empty, dtype=np.int64) for name, empty in labels.items()}
    for axis, value in zip(axes.values(), values, strict=True):
        axis[time] = value
    axes["day"] = np.maximum.accumulate(axes["day"])  # a step without readings belongs to the day before it
    axes["day"] -= axes["day"].min()
    return PowerGrid(ids, step_s, power_kw, **axes, row=row, channel=channel, time=time)


def left_out_levels(grid: PowerGrid) -> tuple[Floats, Floats, Floats]:
    """Return what each step should have drawn, judged by the baseline weeks without its own [kW].

    Returns
    -------
    (C, T) floats, three times
        The level of the hour of the week; the lowest and the highest level of the hour itself and its two neighbours,
        so that a start an hour early or late is no anomaly. NaN where no other week says anything.

    Notes
    -----
    The level is the median of the hour of the week, or of the hour of the kind of day (working or weekend), or the mean
    of both: whichever left the smallest mean absolute error in the left-out weeks, by channel and kind of day. Four
    Tuesdays know little, and twenty working days more, where they are alike.
    """
    table, weekend = _by_week(grid), grid.hour_of_week >= 5 * 24
    levels = {}
    found = np.full((3, *grid.power_kw.shape), np.nan)
    for number in np.unique(grid.fold):
        own = grid.fold == number
        levels[number] = _candidate_levels(np.delete(table, number, axis=1) if number >= 0 else table)
        found[:, :, own] = levels[number][:, :, grid.hour_of_week[own]]
    error = np.abs(grid.power_kw - found)
    chosen = [np.argmin(_mean(error[:, :, (grid.fold >= 0) & part]), axis=0) for part in (~weekend, weekend)]
    channel = np.arange(grid.channel_ids.size)
    for number, candidates in levels.items():
        own = grid.fold == number
        level = np.concatenate(
            [candidates[chosen[0], channel, : 5 * 24], candidates[chosen[1], channel, 5 * 24 :]], axis=1
        )
        around = np.stack([level, np.roll(level, 1, axis=1), np.roll(level, -1, axis=1)])
        for line, values in zip(found, (level, around.min(axis=0), around.max(axis=0)), strict=True):
            line[:, own] = values[:, grid.hour_of_week[own]]
    return found[0], found[1], found[2]


def _mean(values: Floats) -> Floats:
    """Return the mean along the last axis of what is there, infinity where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    return np.divide(
        np.where(known, values, 0.0).sum(axis=-1), count, out=np.full(count.shape, np.inf), where=count > 0
    )


def _candidate_levels(table: Floats) -> Floats:
    """Return three levels by channel and hour of the week, of a table channels × weeks × 168 × steps of the hour."""
    channels, weeks, _, steps = table.shape
    by_hour = np.moveaxis(table, 1, 2).reshape(channels, HOURS_PER_WEEK, weeks * steps)
    of_hour = nan_quantiles(by_hour, [0.5])[..., 0]
    days = by_hour.reshape(channels, 7, 24, weeks * steps)
    working, weekend = (
        nan_quantiles(np.moveaxis(part, 1, 2).reshape(channels, 24, -1), [0.5])[..., 0]
        for part in (days[:, :5], days[:, 5:])
    )
    of_kind = np.concatenate([working] * 5 + [weekend] * 2, axis=1)
    of_hour = np.where(np.isnan(of_hour), of_kind, of_hour)
    return np.stack([of_hour, of_kind, (of_hour + of_kind) / 2])


def _by_week(grid: PowerGrid) -> Floats:
    """Return the baseline's power as channels × weeks × 168 × steps of the hour.

    Of the two passes of autumn's repeated hour the first is kept.
    """
    steps, weeks = grid.per_hour, int(grid.fold.max()) + 1
    slot = grid.minute * 60 // min(grid.step_s, SECONDS_PER_HOUR)
    inside = np.flatnonzero(grid.fold >= 0)
    cell = (grid.fold[inside] * HOURS_PER_WEEK + grid.hour_of_week[inside]) * steps + slot[inside]
    cells, first = np.unique(cell, return_index=True)
    table = np.full((grid.channel_ids.size, max(weeks, 0) * HOURS_PER_WEEK * steps), np.nan)
    table[:, cells] = grid.power_kw[:, inside[first]]
    return table.reshape(grid.channel_ids.size, -1, HOURS_PER_WEEK, steps)


def kind_quantiles(grid: PowerGrid, values: Floats, within: Flags, quantiles: npt.ArrayLike) -> Floats:
    """Return quantiles of `values` by channel, kind of day and hour, pooled over that hour ± 1 h.

    Parameters
    ----------
    values : (C, T) floats
    within : (T,) booleans
        The steps to take them of.

    Returns
    -------
    (C, 48, q) floats
        NaN where there is no value.
    """
    of_kind = within & (kind_of_day_hour(grid.hour_of_week) == np.arange(KINDS)[:, None])
    result = np.full((len(values), KINDS, np.size(quantiles)), np.nan)
    for number in range(KINDS):
        day, hour = number // 24 * 24, number % 24
        near = of_kind[[day + (hour + shift) % 24 for shift in (-1, 0, 1)]].any(axis=0)
        if near.any():
            result[:, number] = nan_quantiles(values[:, near], quantiles)
    return result


def kind_of_day_hour(hour_of_week: Ints) -> Ints:
    """Return 0–23 for the hours of working days and 24–47 for those of weekends."""
    return hour_of_week % 24 + 24 * (hour_of_week >= 5 * 24)


def rolling_mean(values: Floats, width: int) -> Floats:
    """Return the mean over `width` steps around each one, of what is there; NaN where nothing is."""
    known = ~np.isnan(values)
    total, count = (_rolling_sum(part, width) for part in (np.where(known, values, 0.0), known.astype(float)))
    return np.divide(total, count, out=np.full(values.shape, np.nan), where=count > 0.5)


def rolling_any(flags: Flags, width: int) -> Flags:
    """Return True where any of the `width` steps around is."""
    return _rolling_sum(flags.astype(float), width) > 0.5


def _rolling_sum(values: Floats, width: int) -> Floats:
    before, after = width // 2, (width - 1) // 2
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    at = np.arange(values.shape[1])
    return total[:, np.minimum(at + after + 1, values.shape[1])] - total[:, np.maximum(at - before, 0)]


def surrounding_median(grid: PowerGrid, values: Floats, hours: int) -> Floats:
    """Return the median over `hours` around each step, told by the hour: of the hourly means."""
    channels, steps = values.shape
    length = -(-steps // grid.per_hour)
    padded = np.full((channels, length * grid.per_hour), np.nan)
    padded[:, :steps] = values
    hourly = rolling_mean(padded, grid.per_hour)[:, grid.per_hour // 2 :: grid.per_hour]
    width = max(hours * SECONDS_PER_HOUR // max(grid.step_s, SECONDS_PER_HOUR), 1)
    edges = np.pad(hourly, ((0, 0), (width // 2, width // 2)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(edges, 2 * (width // 2) + 1, axis=1)
    return np.repeat(nan_quantiles(windows, [0.5])[..., 0], grid.per_hour, axis=1)[:, :steps]
