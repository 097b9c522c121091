"""Whether something stayed on through every night of the period: the nights' floors against those of the weeks before.

Pure. A night lasts from noon to noon, and its floor is a low quantile of what is drawn while closed. A week's sum of
kilowatt-hours varies with the weather and the cleaners; the floor rises in all nights alike only when something that
used to be switched off is not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import WeekScope, in_window, number_channels
from lib.stats_utils import grouped_quantiles

_NOON = pd.Timedelta(hours=12)
_FLOOR_QUANTILE = 0.2  # an hour of cleaning or of the late shift leaves it where it is
_MIN_NIGHT_H = 6.0  # a night of which less was measured has no floor
_MIN_PERIOD_NIGHTS, _MIN_BASELINE_NIGHTS = 4, 14


def compare_floors(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` the usual night's floor, the period's, and whether something stayed on in every night.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period, by channel and time.

    Returns
    -------
    pd.DataFrame
        `usual_floor_kw` and `floor_kw`, the medians over the nights of baseline and period [kW], and `is_raised`.
        NaN and False below 14 nights of the baseline or 4 of the period.

    Notes
    -----
    Raised is a channel whose lowest night of the period lies above `left_on_night_quantile` of the baseline's nights,
    and whose floor rose by `left_on_min_ratio` of itself and by `left_on_min_swing_ratio` of the way from the median
    of the closed hours to that of the open ones. With q = 0.85, seven independent nights are all that high in
    0.15⁷ ≈ 2 · 10⁻⁶ of the weeks; nights follow each other, so it is the two sizes that hold false alarms back.
    """
    config = scope.config
    rows = clean[in_window(clean, scope.baseline) | in_window(clean, scope.period)]
    code, ids = number_channels(rows)
    names = ("usual_floor_kw", "floor_kw", "lowest_kw", "high_kw")
    if not len(ids):
        return pd.DataFrame(columns=[*names, "is_raised"], index=pd.Index([], name="channel_id"))
    shut, is_period = rows["is_after_hours"].to_numpy(dtype=bool), in_window(rows, scope.period).to_numpy()
    floors = _floors_by_window(rows, code, shut, is_period, len(ids))
    power_kw, before = rows["mean_kw"].to_numpy(), ~is_period
    swing_kw = np.subtract(
        *(grouped_quantiles(np.where(before & part, power_kw, np.nan), code, len(ids), [0.5])[0][:, 0]
          for part in (~shut, shut))
    )  # fmt: skip
    limits, quantile = config.after_hours, config.after_hours.left_on_night_quantile
    (usual, usual_count), (now, now_count) = (
        grouped_quantiles(values, owner, len(ids), quantiles)
        for (values, owner), quantiles in zip(floors, ([0.5, quantile], [0.5, 0.0]), strict=True)
    )
    known = (usual_count >= _MIN_BASELINE_NIGHTS) & (now_count >= _MIN_PERIOD_NIGHTS)
    rise_kw = now[:, 0] - usual[:, 0]
    least_kw = np.fmax(limits.left_on_min_ratio * usual[:, 0], limits.left_on_min_swing_ratio * swing_kw)
    least_kw = np.fmax(least_kw, limits.min_power_kw)
    table = {
        "usual_floor_kw": np.where(known, usual[:, 0], np.nan),
        "floor_kw": np.where(known, now[:, 0], np.nan),
        "is_raised": known & (now[:, 1] > usual[:, 1]) & (rise_kw >= least_kw),
    }
    return pd.DataFrame(table, index=pd.Index(ids, name="channel_id"))


def _floors_by_window(
    rows: pd.DataFrame,
    code: npt.NDArray[np.int64],
    shut: npt.NDArray[np.bool_],
    is_period: npt.NDArray[np.bool_],
    channels: int,
) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Return the floors of the nights [kW] and the channel of each, of the baseline and of the period."""
    night = (rows["local_time"] - _NOON).to_numpy().astype("datetime64[D]").astype("int64")
    night -= night.min()
    width = int(night.max()) + 1
    owner = np.repeat(np.arange(channels), width)
    cell, power_kw, hours = code * width + night, rows["mean_kw"].to_numpy(), rows["hours"].to_numpy()
    found = []
    for inside in (shut & ~is_period, shut & is_period):
        floor = grouped_quantiles(power_kw[inside], cell[inside], channels * width, [_FLOOR_QUANTILE])[0][:, 0]
        long = np.bincount(cell[inside], weights=hours[inside], minlength=channels * width) >= _MIN_NIGHT_H
        found.append((floor[long], owner[long]))
    return found
