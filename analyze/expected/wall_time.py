"""Rolling and pooled statistics on the wall clock: arrays C × N, with N = days × intervals of a day. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyze.expected.day_matrix import HOURS_PER_DAY, DayMatrix
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

GROUPS = 2 * HOURS_PER_DAY


def flat(values: Floats) -> Floats:
    """Return C × D × S as C × N."""
    return values.reshape(values.shape[0], -1)


def group_of_slots(matrix: DayMatrix) -> Ints:
    """Return for each slot (N,) its hour of the day, plus 24 on days that the site stays closed."""
    return (HOURS_PER_DAY * matrix.types.is_closed[:, None] + matrix.hour_of_slot).ravel()


def rolling_mean(values: Floats, width: int) -> Floats:
    """Return the mean over `width` slots around each one, of what is there; NaN where nothing is."""
    known = ~np.isnan(values)
    total, count = (rolling_sum(part, width) for part in (np.where(known, values, 0.0), known.astype(float)))
    return np.divide(total, count, out=np.full(values.shape, np.nan), where=count > 0.5)


def rolling_any(flags: Flags, width: int) -> Flags:
    """Return True where any of the `width` slots around is."""
    return np.asarray(rolling_sum(flags.astype(float), width) > 0.5)


def rolling_sum(values: Floats, width: int) -> Floats:
    """Return the sum over `width` slots around each one; beyond the edges nothing is added."""
    before, after = width // 2, (width - 1) // 2
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    at = np.arange(values.shape[1])
    return np.asarray(total[:, np.minimum(at + after + 1, values.shape[1])] - total[:, np.maximum(at - before, 0)])


def group_quantiles(matrix: DayMatrix, values: Floats, within: Flags, quantiles: npt.ArrayLike) -> Floats:
    """Return quantiles of `values` (C, N) by group (C, 48, q), pooled over the hour ± 1 h; NaN where there is none.

    Parameters
    ----------
    within : (N,) booleans
        The slots to take them of.
    """
    group = group_of_slots(matrix)
    result = np.full((len(values), GROUPS, np.size(quantiles)), np.nan)
    slots_of = [np.flatnonzero(within & (group == number)) for number in range(GROUPS)]
    for number in np.unique(group):
        kind, hour = number // HOURS_PER_DAY * HOURS_PER_DAY, number % HOURS_PER_DAY
        near = np.concatenate([slots_of[kind + (hour + shift) % HOURS_PER_DAY] for shift in (-1, 0, 1)])
        if near.size:
            result[:, number] = nan_quantiles(values[:, near], quantiles)
    return result


def surrounding_median(matrix: DayMatrix, values: Floats, hours: int) -> Floats:
    """Return the median over `hours` around each slot, told by the hour: of the hourly means."""
    per_hour, steps = matrix.per_hour, values.shape[1]
    hourly = rolling_mean(values, per_hour)[:, per_hour // 2 :: per_hour]
    width = max(hours * 3600 // max(matrix.step_s, 3600), 1)
    edges = np.pad(hourly, ((0, 0), (width // 2, width // 2)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(edges, 2 * (width // 2) + 1, axis=1)
    return np.repeat(nan_quantiles(windows, [0.5])[..., 0], per_hour, axis=1)[:, :steps]


def neighbours(values: Floats, shift: int) -> tuple[Floats, Floats]:
    """Return the lowest and the highest of each value and those `shift` slots before and after it."""
    shifted = [values]
    for step in (-shift, shift):
        moved = np.roll(values, step, axis=1)
        edge = slice(None, step) if step > 0 else slice(step, None)
        moved[:, edge] = values[:, edge]
        shifted.append(moved)
    stack = np.stack(shifted)
    return np.fmin.reduce(stack), np.fmax.reduce(stack)
