"""When each meter runs while the site is closed, and what it draws when it is off. Pure.

A load that is switched has two levels, and the closed hours show both: `off_kw`, what it draws when it is off for
longer than a cycle, and the level at which it runs. A load that is never off has no `off_kw`, and nothing here says
that it could be.

Powers are means over two hours of closed time, so that a compressor's cycle or a defrost is no switching; what answers
to the weather is taken off first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyze.expected.day_matrix import SECONDS_PER_DAY, DayMatrix
from analyze.expected.wall_time import rolling_sum
from analyze.load.schedules import open_minutes
from config.opening_hours import MINUTES_PER_DAY, Schedule
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SMOOTH_H = 2.0
_OFF_QUANTILE = 0.1  # of the closed time: a load that is off for less of it is never off
_ON_QUANTILE = 0.8  # of the open time
_ON_SHARE = 0.25  # of the way from off to on, above which a load runs
_LEAST_RISE = 0.25  # of the off level
_NOISE_SCALES = 4.0
_MAD_TO_STD = 1.4826
_MIN_OFF_SHARE = 0.1  # of the closed time, for a load to be one that can be off
_AS_BY_DAY = 0.7  # of the level that it runs at: from here on a load that is set back by night has not been
_MAX_OFF_RATIO = 0.5  # of the level that it runs at: above that its nights are a setback, not off


class Running(NamedTuple):
    """The states of the channels of one matrix on the wall clock; C × N with N = D · S, in order of time.

    `off_kw` and `on_kw` (C,) are the two levels [kW]; `can_be_off` (C,) is False for a load that the closed time never
    shows off; `rest_ratio` (C,) is what it draws at rest by what it draws while open; `noise_kw` (C,) is how far the
    off level wanders. `is_closed` (N,) is the calendar's; `power_kw` is the power without what answers to the weather,
    `smooth_kw` its mean over two hours of closed time; `runs` tells where a load that can be off runs while closed, and
    where one with a setback draws clearly more than while open.
    """

    off_kw: Floats
    on_kw: Floats
    noise_kw: Floats
    can_be_off: Flags
    rest_ratio: Floats
    is_closed: Flags
    power_kw: Floats
    smooth_kw: Floats
    runs: Flags


def find_running(matrix: DayMatrix, response_kw: Floats, schedule: Schedule, *, min_power_kw: float) -> Running:
    """Return when each channel runs while the site is closed.

    Parameters
    ----------
    response_kw : (C, D, S) floats
        The part of the power that answers to the weather (`WeatherResponse.kw`).
    min_power_kw
        Less than this is off [kW].
    """
    channels = matrix.power_kw.shape[0]
    power_kw = (matrix.power_kw - response_kw).reshape(channels, -1)
    is_closed = closed_slots(matrix, schedule)
    before = np.repeat(matrix.fold >= 0, matrix.slots)
    known = before if before.any() else np.ones_like(before)
    width = max(round(SMOOTH_H * 3600 / matrix.step_s), 1)
    smooth_kw = _mean_within(power_kw, is_closed, width)
    off_kw, on_kw, noise_kw = _levels(power_kw, smooth_kw, is_closed, known, min_power_kw)
    rise_kw = np.maximum.reduce([_ON_SHARE * (on_kw - off_kw), _LEAST_RISE * np.abs(off_kw), _NOISE_SCALES * noise_kw])
    above = smooth_kw > (off_kw + np.maximum(rise_kw, min_power_kw))[:, None]
    judged = is_closed & ~np.isnan(smooth_kw)
    off_share = 1 - (above & judged).sum(axis=1) / np.maximum(judged.sum(axis=1), 1)
    has_two_levels, is_low = off_share >= _MIN_OFF_SHARE, off_kw <= _MAX_OFF_RATIO * on_kw
    rest_ratio = _rest_ratio(matrix, judged & known & ~above, ~is_closed & known)
    is_low &= ~(response_kw.any(axis=(1, 2)) & (rest_ratio > _MAX_OFF_RATIO))
    can_be_off = has_two_levels & is_low
    as_by_day = smooth_kw > (_AS_BY_DAY * on_kw)[:, None]
    is_setback = has_two_levels & ~is_low
    runs = above & judged & (can_be_off[:, None] | (is_setback[:, None] & as_by_day))
    return Running(off_kw, on_kw, noise_kw, can_be_off, rest_ratio, is_closed, power_kw, smooth_kw, runs)


def _rest_ratio(matrix: DayMatrix, is_off: Flags, is_open: Flags) -> Floats:
    """Return what each channel draws when it seems off, by what it draws while open (C,).

    With what answers to the weather: a heater that goes on by night at six tenths has no rest, though its power without
    that answer may have two levels.
    """
    total_kw = matrix.power_kw.reshape(len(is_off), -1)
    off_kw = nan_quantiles(np.where(is_off, total_kw, np.nan), [0.5])[:, 0]
    on_kw = nan_quantiles(total_kw[:, is_open], [_ON_QUANTILE])[:, 0]
    return np.divide(off_kw, on_kw, out=np.full(on_kw.shape, np.nan), where=on_kw > 0)


def closed_slots(matrix: DayMatrix, schedule: Schedule) -> Flags:
    """Return for each slot of each day (N,) whether the site is closed when it begins."""
    minutes = open_minutes(matrix.types.first, matrix.types.size, schedule)
    start_min = np.arange(matrix.slots) * matrix.step_s * MINUTES_PER_DAY // SECONDS_PER_DAY
    return ~minutes[:, start_min].ravel()


def _mean_within(power_kw: Floats, inside: Flags, width: int) -> Floats:
    """Return the mean over `width` slots around each, of those `inside` alone; NaN outside and where nothing is."""
    known = ~np.isnan(power_kw) & inside
    total, count = (rolling_sum(part, width) for part in (np.where(known, power_kw, 0.0), known.astype(float)))
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0.5)
    return np.where(inside, mean, np.nan)


def _levels(
    power_kw: Floats, smooth_kw: Floats, is_closed: Flags, known: Flags, min_power_kw: float
) -> tuple[Floats, Floats, Floats]:
    """Return the off level, the level while open, and how far the off level wanders [kW] (C,)."""
    closed = smooth_kw[:, is_closed & known]
    off_kw = nan_quantiles(closed, [_OFF_QUANTILE])[:, 0]
    is_open = ~is_closed & known
    on_kw = nan_quantiles(power_kw[:, is_open], [_ON_QUANTILE])[:, 0]
    highest = nan_quantiles(power_kw[:, known], [0.95])[:, 0]
    on_kw = np.where(np.isnan(on_kw) | (on_kw <= off_kw + min_power_kw), highest, on_kw)
    near = np.abs(closed - off_kw[:, None])
    near = np.where(closed <= (off_kw + _ON_SHARE * (on_kw - off_kw))[:, None], near, np.nan)
    noise_kw = _MAD_TO_STD * np.nan_to_num(nan_quantiles(near, [0.5])[:, 0])
    return off_kw, on_kw, noise_kw
