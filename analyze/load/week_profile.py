"""Medians by hour of the week, and the errors that they make in weeks which were left out of them. Pure and vectorised.

References
----------
Rousseeuw, P. J. and Croux, C. (1993), "Alternatives to the Median Absolute Deviation", Journal of the American
Statistical Association 88(424), doi:10.1080/01621459.1993.10476408, for 1.4826 · median as a scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.date_utils import HOURS_PER_WEEK
from lib.stats_utils import grouped_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MAD_TO_STD = 1.4826  # of a normal distribution
_SECONDS_PER_WEEK = 604_800
_MAX_FOLDS = 8  # a long baseline is left out in eight blocks of weeks rather than week by week
_KINDS = 48  # hours of working days, then hours of weekends
_MIN_SCALE_RATIO = 0.02  # of the channel's p95 − p5; a perfectly regular load has no scale of its own


class ProfileRows(NamedTuple):
    """The baseline as arrays, one element per interval."""

    power_kw: Floats
    channel: Ints  # place in channel_ids
    hour: Ints  # of the week
    fold: Ints
    keep: Flags

    def of(self, mask: Flags) -> ProfileRows:
        """Return the rows for which `mask` is true."""
        return ProfileRows(self.power_kw[mask], self.channel[mask], self.hour[mask], self.fold[mask], self.keep[mask])


def fit_profile(rows: ProfileRows, n: int) -> tuple[Floats, Floats, Floats]:
    """Return level and scale (n × 168) [kW], and each channel's mean absolute error in left-out weeks [kW]."""
    error = np.full(rows.hour.size, np.nan)
    for number in np.unique(rows.fold):
        own = rows.fold == number
        others = week_levels(rows._replace(keep=rows.keep & ~own), n)
        error[own] = np.abs(rows.power_kw[own] - others[rows.channel[own], rows.hour[own]])
    error[~rows.keep] = np.nan
    known = ~np.isnan(error)
    count = np.bincount(rows.channel[known], minlength=n)
    total = np.bincount(rows.channel[known], weights=error[known], minlength=n)
    mean = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    return week_levels(rows, n), _scales(rows, error, n), mean


def week_levels(rows: ProfileRows, n: int) -> Floats:
    """Return the median by channel and hour of the week; an hour without a value takes its kind of day's."""
    value = np.where(rows.keep, rows.power_kw, np.nan)
    level, _ = grouped_quantiles(value, rows.channel * HOURS_PER_WEEK + rows.hour, n * HOURS_PER_WEEK, [0.5])
    level = level.reshape(n, HOURS_PER_WEEK)
    if np.isnan(level).any():
        of_kind, _ = grouped_quantiles(value, rows.channel * _KINDS + kind_of_day_hour(rows.hour), n * _KINDS, [0.5])
        level = np.where(
            np.isnan(level), of_kind.reshape(n, _KINDS)[:, kind_of_day_hour(np.arange(HOURS_PER_WEEK))], level
        )
    return level


def _scales(rows: ProfileRows, error: Floats, n: int) -> Floats:
    """Return 1.4826 · median error by kind of day and hour, pooled over ±1 h, and at least half the channel's own.

    NaN for a channel of which no week could be left out and foreseen.
    """
    kind = kind_of_day_hour(rows.hour)
    around = np.concatenate([kind // 24 * 24 + (kind + shift) % 24 for shift in (-1, 0, 1)])
    cell, _ = grouped_quantiles(np.tile(error, 3), np.tile(rows.channel * _KINDS, 3) + around, n * _KINDS, [0.5])
    whole, _ = grouped_quantiles(error, rows.channel, n, [0.5])
    spread, _ = grouped_quantiles(rows.power_kw, rows.channel, n, [0.05, 0.95])
    floor = np.maximum(_MAD_TO_STD / 2 * whole[:, 0], _MIN_SCALE_RATIO * (spread[:, 1] - spread[:, 0]))
    scale = np.fmax(_MAD_TO_STD * cell.reshape(n, _KINDS), np.maximum(floor, 1e-9)[:, None])
    return scale[:, kind_of_day_hour(np.arange(HOURS_PER_WEEK))]


def foresee(intervals: pd.DataFrame, fold: Ints) -> pd.DataFrame:
    """Return what each interval should have drawn, judged by the baseline weeks without its own.

    Parameters
    ----------
    intervals
        `channel_id`, `hour_of_week`, `mean_kw` [kW].
    fold
        The baseline week of each interval, 0 or more, or −1 for one outside the baseline, judged by all of it.

    Returns
    -------
    pd.DataFrame
        `expected_kw`, and `low_kw` and `high_kw`: the lowest and highest level of the hour itself and
        its two neighbours, so that a start an hour early or late is not taken for an anomaly. NaN where no other
        week says anything.
    """
    ids, channel = np.unique(intervals["channel_id"].to_numpy(dtype="int64"), return_inverse=True)
    hour = intervals["hour_of_week"].to_numpy(dtype="int64")
    rows = ProfileRows(intervals["mean_kw"].to_numpy(dtype=float), channel, hour, fold, fold >= 0)
    found = np.full((3, hour.size), np.nan)
    for number in np.unique(fold):
        own = fold == number
        level = week_levels(rows._replace(keep=rows.keep & ~own), ids.size)
        around = np.stack([level, np.roll(level, 1, axis=1), np.roll(level, -1, axis=1)])
        for line, table in zip(found, (level, around.min(axis=0), around.max(axis=0)), strict=True):
            line[own] = table[channel[own], hour[own]]
    return pd.DataFrame(dict(zip(("expected_kw", "low_kw", "high_kw"), found, strict=True)), index=intervals.index)


def kind_of_day_hour(hour_of_week: Ints) -> Ints:
    """Return 0–23 for the hours of working days and 24–47 for those of weekends."""
    return hour_of_week % 24 + 24 * (hour_of_week >= 5 * 24)


def fold_by_week(epoch_s: pd.Series) -> Ints:
    """Return for each interval the block of weeks that it is left out with."""
    if epoch_s.empty:
        return np.zeros(0, dtype=np.int64)
    week = ((epoch_s - epoch_s.min()) // _SECONDS_PER_WEEK).to_numpy(dtype="int64")
    weeks = int(week.max()) + 1
    return week if weeks <= _MAX_FOLDS else week * _MAX_FOLDS // weeks
