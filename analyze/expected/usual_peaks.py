"""How high each meter usually reaches: at the hour of the day on like days, at any hour, and at its highest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyze.expected.day_matrix import DayMatrix
from analyze.expected.wall_time import flat, group_of_slots, group_quantiles
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]

_HIGH_QUANTILE = 0.95


class UsualPeaks(NamedTuple):
    """How high each interval's channel usually reaches, by the baseline weeks (n,) [kW]; NaN without them.

    `p95_kw` is the 95th percentile of the hour ± 1 h on days that the site opens, or stays closed; `channel_p95_kw` is
    that of all hours; `weekly_max_kw` is the lowest of the weeks' highest values: what it reaches in every week, if
    only for a twentieth of the time.
    """

    p95_kw: Floats
    channel_p95_kw: Floats
    weekly_max_kw: Floats


def find_usual_peaks(matrices: Sequence[DayMatrix], size: int) -> UsualPeaks:
    """Return how high each of the `size` rows that the matrices were made of usually reaches."""
    usual = UsualPeaks(*(np.full(size, np.nan) for _ in UsualPeaks._fields))
    for matrix in matrices:
        power_kw, before = flat(matrix.power_kw), matrix.fold >= 0
        slot = matrix.day * matrix.slots + matrix.slot
        by_group = group_quantiles(matrix, power_kw, before, [_HIGH_QUANTILE])[..., 0]
        usual.p95_kw[matrix.row] = by_group[matrix.channel, group_of_slots(matrix)[slot]]
        whole = nan_quantiles(flat(matrix.power_kw[:, before]), [_HIGH_QUANTILE])[:, 0]
        usual.channel_p95_kw[matrix.row] = whole[matrix.channel]
        usual.weekly_max_kw[matrix.row] = _weekly_max(matrix)[matrix.channel]
    return usual


def _weekly_max(matrix: DayMatrix) -> Floats:
    """Return the lowest of the baseline weeks' highest values (C,) [kW]."""
    weeks = [matrix.power_kw[:, matrix.fold == number] for number in np.unique(matrix.fold[matrix.fold >= 0])]
    if not weeks:
        return np.full(len(matrix.channel_ids), np.nan)
    highest = np.stack([np.fmax.reduce(week.reshape(len(week), -1), axis=1) for week in weeks], axis=1)
    return np.asarray(np.fmin.reduce(highest, axis=1))
