"""Masks of intervals that no analysis should believe: frozen values, catch-up energy, and what `meter_faults` knows.

Pure: intervals (see `analyze.week.intervals.prepare_intervals`) and keyword thresholds in, a boolean Series out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.catch_up import flag_beyond_limit, flag_catch_up
from analyze.meters.interpolated import flag_interpolated, smallest_change_kw
from analyze.meters.meter_faults import (
    find_unit_factors,
    flag_clock_change,
    flag_impossible,
    flag_register,
    flag_register_jump,
    flag_zero,
)
from analyze.meters.phase_faults import find_phase_faults
from analyze.week.intervals import SECONDS_PER_HOUR, number_channels, starts_within
from config.site_file import IngestLimits
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.thresholds import Thresholds
    from lib.date_utils import Window

_KEY_DIGITS = 6  # two stuck levels are the same one when they agree to this many digits
_MIN_WINDOW_INTERVALS = 4  # the variance of fewer values says nothing about flatness
_STEADIEST_QUANTILE = 0.10
_PRIOR_TRIALS = 100  # a few repeats among a few values do not yet make a coarse meter
_USUAL_LIMITS = IngestLimits()
ALWAYS_NAMED = ("stuck", "catch_up", "negative_energy")


def find_bad_intervals(
    intervals: pd.DataFrame, config: Thresholds, limits: IngestLimits = _USUAL_LIMITS
) -> pd.DataFrame:
    """Return for each interval why it should not be believed: one boolean column for each reason.

    What is more than a channel can carry by `limits` is no catch-up, but a register that was set.

    `stuck`, `catch_up` and `negative_energy` are always there (`ALWAYS_NAMED`), the others only where they flag
    something, so that a report names what occurred.
    """
    frozen = flag_stuck(
        intervals,
        min_hours=config.sensors.flat_min_hours,
        min_power_kw=config.sensors.stuck_min_power_kw,
        tolerance_ratio=config.sensors.stuck_tolerance_ratio,
        recurring_runs=config.sensors.stuck_recurring_runs,
        max_repeat_ratio=config.sensors.stuck_max_repeat_ratio,
        longer_ratio=config.sensors.stuck_longer_ratio,
    )
    ratio, least_kwh = config.sensors.catch_up_min_ratio, config.sensors.catch_up_min_energy_kwh
    catch_up = flag_catch_up(
        intervals, min_ratio=ratio, min_energy_kwh=least_kwh, min_missing=config.sensors.gap_min_intervals + 1
    )
    beyond = flag_beyond_limit(intervals, catch_up, limits)
    clock = flag_clock_change(intervals, min_energy_kwh=least_kwh)
    register = flag_register(
        intervals,
        max_ratio=ratio,
        min_power_kw=config.sensors.stuck_min_power_kw,
        min_hours=config.sensors.flat_min_hours,
    )
    live = intervals.assign(mean_kw=intervals["mean_kw"].mask(frozen))
    phases = find_phase_faults(intervals, config)
    named = {
        "stuck": frozen,
        "catch_up": catch_up & ~beyond & ~clock,
        "negative_energy": intervals["energy_kwh"] < 0,
        "wrong_unit": find_unit_factors(live) != 0,
        "register": register,
        "register_jump": ~clock
        & (
            beyond
            | flag_register_jump(
                intervals, min_ratio=ratio, min_energy_kwh=least_kwh, recurring_runs=config.sensors.stuck_recurring_runs
            )
        ),
        "clock_change": clock,
        "interpolated": flag_interpolated(intervals, min_hours=config.sensors.interpolated_min_hours),
        **{kind: number > 0 for kind, number in phases.items()},
    }
    named["impossible"] = flag_impossible(
        intervals,
        intervals["mean_kw"].mask(_any_of(named)),
        recurring_runs=config.sensors.stuck_recurring_runs,
        min_live_hours=config.sensors.zero_min_live_hours,
    )
    named["zero"] = _flag_zero(intervals, named, config)
    return pd.DataFrame({name: mask for name, mask in named.items() if name in ALWAYS_NAMED or mask.any()})


def _flag_zero(intervals: pd.DataFrame, faults: dict[str, pd.Series], config: Thresholds) -> pd.Series:
    """Return the zeros of loads that never rest, by what is sound of them: without the other `faults`."""
    return flag_zero(
        intervals,
        ~_any_of(faults),
        min_hours=config.sensors.flat_min_hours,
        max_runs=config.sensors.zero_max_runs,
        min_floor_ratio=config.sensors.zero_min_floor_ratio,
        min_live_hours=config.sensors.zero_min_live_hours,
    )


def _any_of(faults: dict[str, pd.Series]) -> pd.Series:
    first = next(iter(faults.values()))
    return pd.Series(np.logical_or.reduce([mask.to_numpy() for mask in faults.values()]), index=first.index)


def any_fault(bad: pd.DataFrame) -> pd.Series:
    """Return for each interval whether it should not be believed, by its flags (`find_bad_intervals`)."""
    return _any_of({str(name): bad[name] for name in bad.columns})


def flag_stuck(
    intervals: pd.DataFrame,
    *,
    min_hours: float,
    min_power_kw: float,
    tolerance_ratio: float,
    recurring_runs: int,
    max_repeat_ratio: float = np.inf,
    longer_ratio: float = 3.0,
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
    max_repeat_ratio
        A channel whose shorter runs hold a greater share of repeats is a coarse meter, which repeats itself by nature:
        of its runs only those count that outlast the `recurring_runs`-th longest by `longer_ratio`.
    longer_ratio
        A run that outlasts every other at its level by this is flagged though the level recurs, if the level lies
        above the channel's lower quartile: a standby may last over a holiday, a level of operation does not.
    """
    power_kw = intervals["mean_kw"].to_numpy()
    change_kw = np.abs(np.diff(power_kw, prepend=np.nan))
    code, ids = number_channels(intervals)
    is_first = (np.diff(code, prepend=-1) != 0) | ~(change_kw <= tolerance_ratio * np.abs(power_kw))
    run = np.cumsum(is_first) - 1
    runs = pd.DataFrame(
        {"channel": code[is_first], "kw": power_kw[is_first], "size": np.bincount(run, minlength=int(is_first.sum()))}
    ).assign(hours=np.bincount(run, weights=intervals["hours"]))
    is_on = runs["kw"].abs() > min_power_kw
    long = runs[is_on & (runs["hours"] >= min_hours)]
    if long.empty:
        return pd.Series(False, index=intervals.index)
    short = runs[is_on & (runs["hours"] < min_hours)]
    enough_hours = _natural_hours(long, short, len(ids), max_repeat_ratio, recurring_runs) * longer_ratio
    long = long[long["hours"] >= enough_hours[long["channel"]]]
    at_level = long.assign(kw=_significant(long["kw"].to_numpy())).groupby(["channel", "kw"])["hours"]
    quartile_kw = grouped_quantiles(power_kw, code, len(ids), [0.25])[0][long["channel"], 0]
    second = at_level.transform(lambda hours: hours.nlargest(2).iloc[-1])
    is_longer = (long["hours"] > longer_ratio * second) & (long["kw"] > quartile_kw)
    stuck = np.zeros(len(runs), dtype=bool)
    stuck[long.index[(at_level.transform("size") < recurring_runs) | is_longer]] = True
    return pd.Series(stuck[run], index=intervals.index, dtype=bool)


def _natural_hours(
    long: pd.DataFrame, short: pd.DataFrame, channels: int, max_repeat_ratio: float, rank: int
) -> npt.NDArray[np.float64]:
    """Return for each channel how long its values repeat by nature [h]: 0, or the `rank`-th longest of a coarse one."""
    repeats = np.bincount(short["channel"], weights=short["size"] - 1, minlength=channels)
    trials = np.bincount(short["channel"], weights=short["size"], minlength=channels) + _PRIOR_TRIALS
    ranked = pd.concat([long, short]).sort_values("hours", ascending=False).groupby("channel")["hours"].nth(rank - 1)
    nth = pd.concat([long, short])["channel"].reindex(ranked.index)
    hours = np.zeros(channels)
    hours[nth] = ranked
    return np.where(repeats > max_repeat_ratio * trials, hours, 0.0)


def _significant(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `values` rounded to the digits that tell levels apart."""
    magnitude = np.floor(np.log10(np.maximum(np.abs(values), np.finfo(float).eps)))
    scale = 10.0 ** (magnitude - _KEY_DIGITS + 1)
    return np.round(values / scale) * scale


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
    No window is steadier than the meter's resolution q lets tell: its standard deviation is q/√12 at least.

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
    power_kw = intervals["mean_kw"].to_numpy()
    code, ids = number_channels(intervals)
    change_kw = np.where(np.diff(code, prepend=-1) != 0, np.nan, np.diff(power_kw, prepend=np.nan))
    least_kw = smallest_change_kw(change_kw, code, len(ids))[code] / np.sqrt(12)
    std_kw = np.maximum(_rolling(intervals, intervals["mean_kw"], window_hours, "std"), least_kw)
    before = np.where(starts_within(intervals, baseline), std_kw, np.nan)
    usual_kw = grouped_quantiles(before, code, len(ids), [_STEADIEST_QUANTILE])[0][code, 0]
    is_flat = (std_kw**2 < max_variance_kw2) & (usual_kw > 0) & (std_kw * min_steadier_ratio <= usual_kw)
    if is_flat.any():  # seldom, and only then the lowest of each window need be known
        is_flat &= _rolling(intervals, intervals["mean_kw"].abs(), window_hours, "min") > 0
    return pd.Series(is_flat, index=intervals.index)


def window_intervals(interval_s: npt.ArrayLike, hours: float) -> npt.NDArray[np.int64]:
    """Return how many intervals of `interval_s` seconds make up `hours` hours, rounded up."""
    return np.ceil(hours * SECONDS_PER_HOUR / np.asarray(interval_s)).astype("int64")


def _rolling(intervals: pd.DataFrame, power_kw: pd.Series, hours: float, statistic: str) -> npt.NDArray[np.float64]:
    """Return a statistic of the power over the window ending at each interval, NaN where the window has a hole."""
    result = np.full(len(intervals), np.nan)
    channel, start, length_s = (intervals[name].to_numpy() for name in ("channel_id", "epoch_s", "interval_s"))
    for interval_s in np.unique(length_s):
        count = int(window_intervals(interval_s, hours))
        if count < _MIN_WINDOW_INTERVALS:
            continue
        rolling = power_kw.rolling(count)
        values = rolling.std(ddof=0) if statistic == "std" else rolling.min()
        back = count - 1
        is_whole = length_s == interval_s
        is_whole[:back] = False
        is_whole[back:] &= (channel[back:] == channel[:-back]) & (start[back:] - start[:-back] == back * interval_s)
        result = np.where(is_whole, values, result)
    return result
