"""What the model expects of any interval, whether or not it was valid, or received at all. Pure."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import SECONDS_PER_DAY
from analyze.expected.day_types import DayKind
from analyze.expected.model import Expectation, ExpectedDays
from analyze.week.intervals import places_of

Floats = npt.NDArray[np.float64]

_MIN_FOLDS = 2  # baseline weeks whose mean error is known, for it to be taken off


class Expected(NamedTuple):
    """What is expected of each row [kW], NaN without a basis.

    `usual_kw` is the mean that like days lead to, which energy adds up from: the median of a load that runs in bursts
    is nothing.
    """

    expected_kw: Floats
    low_kw: Floats
    high_kw: Floats
    usual_kw: Floats


def expected_at(expectation: Expectation, rows: pd.DataFrame) -> Expected:
    """Return what is expected of each of `rows`.

    Parameters
    ----------
    rows
        `channel_id`, `interval_s` [s] and `local_time` of baseline or period, by channel.
    """
    found = Expected(*(np.full(len(rows), np.nan) for _ in Expected._fields))
    channel, length_s = rows["channel_id"].to_numpy(dtype="int64"), rows["interval_s"].to_numpy()
    wall_s = rows["local_time"].to_numpy().astype("datetime64[s]").astype("int64")
    for block in expectation.blocks:
        matrix = block.matrix
        place = places_of(channel, matrix.channel_ids)
        day = matrix.types.place_of(wall_s // SECONDS_PER_DAY)
        inside = (place >= 0) & (length_s == matrix.step_s) & (day >= 0) & (day < matrix.types.size)
        at = place[inside], day[inside], wall_s[inside] % SECONDS_PER_DAY // matrix.step_s
        usual_kw = block.expected_kw + mean_error_kw(block)[:, :, None]
        levels = (block.expected_kw, block.low_kw, block.high_kw, usual_kw)
        for values, of_block in zip(found, levels, strict=True):
            values[inside] = of_block[at]
    return found


def mean_error_kw(block: ExpectedDays) -> Floats:
    """Return by how much the mean power of a day lies above what is expected of it (C × D) [kW].

    The median over the baseline weeks of their mean error, on open and on closed days apart; of regular days, where
    there are any, for a holiday is one of a kind.
    """
    matrix = block.matrix
    error_kw = matrix.power_kw - block.expected_kw
    result = np.zeros(error_kw.shape[:2])
    for is_closed in (False, True):
        days = matrix.types.is_closed == is_closed
        regular = days & (matrix.types.kind == DayKind.REGULAR)
        judged = regular if (regular & (matrix.fold >= 0)).any() else days
        folds = range(int(matrix.fold.max()) + 1)
        weeks = np.array([_mean(error_kw[:, judged & (matrix.fold == fold)]) for fold in folds])
        if not len(weeks) or not days.any():
            continue
        enough = (~np.isnan(weeks)).sum(axis=0) >= _MIN_FOLDS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # channels of which no week is known
            middle = np.nanmedian(weeks, axis=0)
        result[:, days] = np.where(enough, np.nan_to_num(middle), 0.0)[:, None]
    return result


def _mean(error_kw: Floats) -> Floats:
    """Return the mean of what is known of (C, n, S), by channel."""
    count = np.count_nonzero(~np.isnan(error_kw), axis=(1, 2))
    return np.divide(np.nansum(error_kw, axis=(1, 2)), count, out=np.full(count.shape, np.nan), where=count > 0)
