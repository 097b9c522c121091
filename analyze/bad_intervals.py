"""Masks of intervals that no analysis should believe: frozen values, catch-up energy after an outage, negative energy.

Pure: intervals (see `analyze.intervals.prepare_intervals`) and keyword thresholds in, a boolean Series out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.intervals import SECONDS_PER_HOUR, in_window, starts_new_run
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.report_config import ReportConfig
    from lib.date_utils import Window

_KEY_DIGITS = 6  # two stuck levels are the same one when they agree to this many digits
_MIN_WINDOW_INTERVALS = 4  # the variance of fewer values says nothing about flatness
_STEADIEST_QUANTILE = 0.10


def find_bad_intervals(intervals: pd.DataFrame, config: ReportConfig) -> pd.DataFrame:
    """Return for each interval whether it is `stuck`, a `catch_up`, or of `negative_energy`: three boolean columns."""
    return pd.DataFrame(
        {
            "stuck": flag_stuck(
                intervals,
                min_hours=config.flat_min_hours,
                min_power_kw=config.stuck_min_power_kw,
                tolerance_ratio=config.stuck_tolerance_ratio,
                recurring_runs=config.stuck_recurring_runs,
            ),
            "catch_up": flag_catch_up(
                intervals, min_ratio=config.catch_up_min_ratio, min_energy_kwh=config.catch_up_min_energy_kwh
            ),
            "negative_energy": intervals["energy_kwh"] < 0,
        }
    )


def flag_stuck(
    intervals: pd.DataFrame, *, min_hours: float, min_power_kw: float, tolerance_ratio: float, recurring_runs: int
) -> pd.Series:
    """Flag power that repeats the same non-zero value for hours, as a frozen register does.

    Parameters
    ----------
    intervals
        `channel_id`, `mean_kw` [kW], `hours`; by channel and time. A hole does not end a run: a meter that comes back
        with its old value is no less suspect.
    min_hours
        Flag runs whose intervals add up to this many hours [h] or more.
    min_power_kw
        At or below this the load is off [kW], and a constant value is to be expected.
    tolerance_ratio
        Values are the same when they differ by no more than this share of the value.
    recurring_runs
        A level to which the channel returns in this many separate long runs is the standby of a coarsely resolved
        meter, and is not flagged.
    """
    power_kw = intervals["mean_kw"].to_numpy()
    change_kw = np.abs(np.diff(power_kw, prepend=np.nan))
    other_channel = (intervals["channel_id"] != intervals["channel_id"].shift()).to_numpy()
    is_first = other_channel | ~(change_kw <= tolerance_ratio * np.abs(power_kw))
    run = np.cumsum(is_first) - 1
    long = np.bincount(run, weights=intervals["hours"]) >= min_hours
    level_kw = power_kw[is_first]
    long &= np.abs(level_kw) > min_power_kw
    keys = pd.DataFrame({"channel": intervals["channel_id"].to_numpy()[is_first], "kw": _significant(level_kw)})[long]
    returns = keys.groupby(["channel", "kw"])["kw"].transform("size").to_numpy()
    stuck = np.zeros(long.size, dtype=bool)
    stuck[long] = returns < recurring_runs
    return pd.Series(stuck[run], index=intervals.index, dtype=bool)


def _significant(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `values` rounded to the digits that tell levels apart."""
    magnitude = np.floor(np.log10(np.maximum(np.abs(values), np.finfo(float).eps)))
    scale = 10.0 ** (magnitude - _KEY_DIGITS + 1)
    return np.round(values / scale) * scale


def flag_catch_up(intervals: pd.DataFrame, *, min_ratio: float, min_energy_kwh: float) -> pd.Series:
    """Flag the interval after a hole that carries the energy of the whole hole.

    Parameters
    ----------
    intervals
        `channel_id`, `epoch_s`, `interval_s` [s], `energy_kwh`, `power_kw`, `hours`; by channel and time.
    min_ratio
        Flag energy above this many times power × hours. Where the power is missing, the channel's 95th percentile of
        energy in intervals that follow no hole stands for it.
    min_energy_kwh
        Leave smaller energies alone [kWh].
    """
    new_run = starts_new_run(intervals)
    after_hole = new_run & (intervals["channel_id"] == intervals["channel_id"].shift())
    energy_kwh = intervals["energy_kwh"]
    expected_kwh = (intervals["power_kw"].abs() * intervals["hours"]).fillna(_usual_high_kwh(intervals, ~new_run))
    return after_hole & (energy_kwh > min_ratio * expected_kwh) & (energy_kwh > min_energy_kwh)


def _usual_high_kwh(intervals: pd.DataFrame, keep: pd.Series) -> pd.Series:
    """Return for each interval its channel's 95th percentile of energy [kWh] over the intervals to `keep`."""
    code, ids = pd.factorize(intervals["channel_id"])
    high, _ = grouped_quantiles(intervals["energy_kwh"].where(keep), code, len(ids), [0.95])
    return pd.Series(high[code, 0], index=intervals.index)


def flag_flat_line(
    intervals: pd.DataFrame,
    baseline: Window,
    *,
    window_hours: float,
    max_variance_kw2: float,
    min_steadier_ratio: float,
) -> pd.Series:
    """Flag intervals at which a window of unusually steady, non-zero power ends.

    A window is flat when its variance is below `max_variance_kw2` and its standard deviation is at most a
    `min_steadier_ratio`-th of the 10th percentile of the channel's own windows in the baseline. So a refrigerator, or
    the nightly standby of a machine, which are steady by nature, is flagged only when it is far steadier than itself.

    Parameters
    ----------
    intervals
        `channel_id`, `epoch_s`, `interval_s` [s], `mean_kw` [kW]; by channel and time.
    window_hours
        Length of the window [h]; one with a hole, or of fewer than four intervals, is not judged.

    Returns
    -------
    pd.Series
        Boolean. The window is the `window_hours` up to the end of the flagged interval.
    """
    std_kw = _rolling(intervals, window_hours, "std")
    lowest_kw = _rolling(intervals.assign(mean_kw=intervals["mean_kw"].abs()), window_hours, "min")
    code, ids = pd.factorize(intervals["channel_id"])
    usual, _ = grouped_quantiles(std_kw.where(in_window(intervals, baseline)), code, len(ids), [_STEADIEST_QUANTILE])
    usual_kw = usual[code, 0]
    return (std_kw**2 < max_variance_kw2) & (lowest_kw > 0) & (usual_kw > 0) & (std_kw * min_steadier_ratio <= usual_kw)


def window_intervals(interval_s: npt.ArrayLike, hours: float) -> npt.NDArray[np.int64]:
    """Return how many intervals of `interval_s` seconds make up `hours` hours, rounded up."""
    return np.ceil(hours * SECONDS_PER_HOUR / np.asarray(interval_s)).astype("int64")


def _rolling(intervals: pd.DataFrame, hours: float, statistic: str) -> pd.Series:
    """Return a statistic of `mean_kw` over the window ending at each interval, NaN where the window has a hole."""
    result = pd.Series(np.nan, index=intervals.index)
    channel, start, length_s = (intervals[name] for name in ("channel_id", "epoch_s", "interval_s"))
    for interval_s in np.unique(length_s):
        count = int(window_intervals(interval_s, hours))
        if count < _MIN_WINDOW_INTERVALS:
            continue
        rolling = intervals["mean_kw"].rolling(count)
        values = rolling.std(ddof=0) if statistic == "std" else rolling.min()
        back = count - 1
        is_whole = (channel == channel.shift(back)) & (start - start.shift(back) == back * interval_s)
        result = result.mask(is_whole & (length_s == interval_s), values)
    return result
