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
    if known.all():
        return rolling_sum(values, width) / rolling_sum(np.ones((1, values.shape[1])), width)
    total, count = (rolling_sum(part, width) for part in (np.where(known, values, 0.0), known.astype(float)))
    return np.divide(total, count, out=np.full(values.shape, np.nan), where=count > 0.5)


def rolling_any(flags: Flags, width: int) -> Flags:
    """Return True where any of the `width` slots around is."""
    return np.asarray(rolling_sum(flags.astype(float), width) > 0.5)


def rolling_sum(values: Floats, width: int) -> Floats:
    """Return the sum over `width` slots around each one; beyond the edges nothing is added."""
    (rows, size), before = values.shape, width // 2
    until = np.zeros((rows, size + width))  # the sum of all before a slot, from `before` slots before the first one on
    np.cumsum(values, axis=1, out=until[:, before + 1 : before + 1 + size])
    until[:, before + 1 + size :] = until[:, [before + size]]
    return np.asarray(until[:, width:] - until[:, :-width])


def hour_quantiles(matrix: DayMatrix, values: Floats, days: Flags, quantiles: npt.ArrayLike) -> Floats:
    """Return quantiles of `values` (C, N) by hour of the day (C, 24, q), of some days, pooled over the hour ± 1 h.

    NaN where there is none.
    """
    own, hour = values.reshape(len(values), -1, matrix.slots)[:, days], matrix.hour_of_slot
    result = np.full((len(values), HOURS_PER_DAY, np.size(quantiles)), np.nan)
    if not own.shape[1]:
        return result
    if matrix.slots == HOURS_PER_DAY * matrix.per_hour:
        by_hour = np.moveaxis(own.reshape(*own.shape[:2], HOURS_PER_DAY, -1), 2, 1).reshape(
            len(values), HOURS_PER_DAY, -1
        )
        pooled = np.concatenate([np.roll(by_hour, shift, axis=1) for shift in (1, 0, -1)], axis=2)
        return nan_quantiles(pooled, quantiles)
    for number in np.unique(hour):
        near = (hour - number + 1) % HOURS_PER_DAY <= 2  # and the hours beside it
        result[:, number] = nan_quantiles(own[:, :, near].reshape(len(values), -1), quantiles)
    return result


def group_quantiles(matrix: DayMatrix, values: Floats, days: Flags, quantiles: npt.ArrayLike) -> Floats:
    """Return quantiles of `values` (C, N) by group (C, 48, q), pooled over the hour ± 1 h; NaN where there is none.

    Parameters
    ----------
    days : (D,) booleans
        The days to take them of.
    """
    kinds = (hour_quantiles(matrix, values, days & part, quantiles) for part in _parts(matrix.types.is_closed))
    return np.concatenate(list(kinds), axis=1)


def _parts(is_closed: Flags) -> tuple[Flags, Flags]:
    return ~is_closed, is_closed


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
