"""How high each meter usually reaches: at the hour of the day on like days, at any hour, and at its highest. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import DayMatrix
from analyze.expected.model import Expectation
from analyze.expected.wall_time import flat, group_of_slots, group_quantiles
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]

_HIGH_QUANTILE = 0.95


def find_usual_peaks(expectation: Expectation) -> pd.DataFrame:
    """Return for each row of the expectation how high its channel usually reaches, by the baseline weeks.

    Returns
    -------
    pd.DataFrame
        By index of the rows, kW: `p95_kw`, the 95th percentile of the hour ± 1 h on days that the site opens, or stays
        closed; `channel_p95_kw`, of all hours; `weekly_max_kw`, the lowest of the weeks' highest values: what
        it reaches in every week, if only for a twentieth of the time. NaN without baseline weeks.
    """
    rows = expectation.rows
    table = {name: np.full(len(rows), np.nan) for name in ("p95_kw", "channel_p95_kw", "weekly_max_kw")}
    for block in expectation.blocks:
        matrix = block.matrix
        power_kw, before = flat(matrix.power_kw), matrix.fold >= 0
        slot = matrix.day * matrix.slots + matrix.slot
        by_group = group_quantiles(matrix, power_kw, before, [_HIGH_QUANTILE])[..., 0]
        table["p95_kw"][matrix.row] = by_group[matrix.channel, group_of_slots(matrix)[slot]]
        whole = nan_quantiles(flat(matrix.power_kw[:, before]), [_HIGH_QUANTILE])[:, 0]
        table["channel_p95_kw"][matrix.row] = whole[matrix.channel]
        table["weekly_max_kw"][matrix.row] = _weekly_max(matrix)[matrix.channel]
    return pd.DataFrame(table, index=rows.index)


def _weekly_max(matrix: DayMatrix) -> Floats:
    """Return the lowest of the baseline weeks' highest values (C,) [kW]."""
    weeks = [matrix.power_kw[:, matrix.fold == number] for number in np.unique(matrix.fold[matrix.fold >= 0])]
    if not weeks:
        return np.full(len(matrix.channel_ids), np.nan)
    highest = np.stack([np.fmax.reduce(week.reshape(len(week), -1), axis=1) for week in weeks], axis=1)
    return np.asarray(np.fmin.reduce(highest, axis=1))
