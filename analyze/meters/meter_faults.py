"""Masks of intervals in which the meter, not the building, makes the value: unit, register, clock, zero.

Pure: intervals (`analyze.week.intervals.prepare_intervals`) and thresholds in, boolean Series out. Each rule judges a
channel by its own other weeks only, and holds back where a load could do the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import SECONDS_PER_HOUR, number_channels, starts_new_run
from lib.date_utils import HOURS_PER_WEEK
from lib.stats_utils import grouped_quantiles, label_runs

_ON_THE_FACTOR = 0.25  # decades: an interval within 10^±0.25 of the factor agrees with it
_DAY_ON_THE_FACTOR = 0.1  # decades, for a whole day's median: within ±25 %
_MOST = 0.8  # of the intervals of a day, or of a channel
_SHAPED_RATIO = 1.5  # a day profile whose high is this many times its low has a shape to be recognised by
_FAR_DAY_RATIO = 5.0  # a day off by ten is off by more than this, even among half as many others
_FAR_FACTOR = 2  # decades: no load goes up a hundredfold, whatever its shape
_DOUBLE_MIN, _DOUBLE_MAX = 1.6, 2.6  # two hours' energy over one hour's of the neighbours
_NOTHING_RATIO = 0.05
_FAR_RATIO = 10.0  # times all else that a live load ever draws: no load does that for one interval
_LIVE_RATIO = 0.05  # median over highest: what mostly stands idle may well reach far more in use
_RUNNING_START = 8.0  # times the mean, from which on a highest is looked at; ten times all others lies above it


def long_runs(flags: pd.Series, intervals: pd.DataFrame, min_hours: float) -> pd.Series:
    """Return `flags` without the runs whose intervals add up to less than `min_hours` [h]; a hole ends a run."""
    if not flags.any():
        return flags
    run = label_runs(flags, starts_new_run(intervals)).to_numpy()
    hours = np.bincount(run, weights=intervals["hours"])
    return pd.Series((run > 0) & (hours[run] >= min_hours), index=flags.index)


def power_decades(intervals: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return log10 of each interval's power over its channel's median at that hour of the week, and that median [kW].

    NaN where either is not above zero.
    """
    code, ids = number_channels(intervals)
    cell = code * HOURS_PER_WEEK + intervals["hour_of_week"].to_numpy(dtype="int64")
    power_kw = intervals["mean_kw"].to_numpy()
    median_kw = grouped_quantiles(power_kw, cell, len(ids) * HOURS_PER_WEEK, [0.5])[0][cell, 0]
    with np.errstate(all="ignore"):  # zero, negative and denormal power have no decades that mean anything
        decades = np.log10(power_kw / median_kw)
    return np.where(np.isfinite(decades), decades, np.nan), median_kw


def find_unit_factors(intervals: pd.DataFrame) -> pd.Series:
    """Return the power of ten by which each interval's level is off its channel's own level: 0 where it is not.

    Notes
    -----
    A wrong unit or multiplier scales every value alike, by night and by day. So a local day is off by 10^k when its
    median lies within 25 % of 10^k times the hour-of-week medians of all weeks at hand, and four fifths of its
    intervals lie within 10^±0.25 of that. It is judged only on channels that else keep to their profile (four fifths
    of the intervals within 10^±0.25 of it); and for k = ±1, which a load could do, only where the day's profile has a
    shape (high ≥ 1.5 × low) to be recognised by. Days without a shape, as a weekend's, that lie between or beside such
    days and are off by the same join them, and so do intervals of the days beside these: the fault may begin at noon.
    Of a factor of a hundred or more those join that lie nearer to it than to their own level, at the edges of the
    opening hours too.
    A fault that lasts for more than half of the weeks becomes the rule, and the rest is then called off.
    """
    nowhere = pd.Series(0, index=intervals.index, dtype="int64")
    suspects = _has_far_day(intervals)
    if not suspects.any():
        return nowhere
    intervals = intervals[suspects]
    decades, median_kw = power_decades(intervals)
    code, ids = number_channels(intervals)
    day = intervals["local_time"].to_numpy().astype("datetime64[D]").astype("int64")
    width = int(day.max() - day.min()) + 3  # an empty day before and after each channel's
    cell = code * width + day - day.min() + 1
    channel = np.repeat(np.arange(len(ids)), width)
    is_off = _off_days(decades, median_kw, cell, channel)
    off = np.where(_keeps_to_profile(decades, code, len(ids))[channel], is_off, 0)
    nearer = np.abs(decades - off[cell]) < np.abs(decades)
    factor = np.where(nearer, off[cell], 0)
    for beside in (off[cell - 1], off[cell + 1]):
        is_far = (np.abs(beside) >= _FAR_FACTOR) & (np.abs(decades - beside) < np.abs(decades))
        joins = (factor == 0) & ((np.abs(decades - beside) <= _ON_THE_FACTOR) | is_far)
        factor = np.where(joins, beside, factor)
    nowhere[suspects] = factor.astype("int64")
    return nowhere


def _has_far_day(intervals: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return the intervals of channels with a day whose mean power is five times their usual day's, or a fifth."""
    code, ids = number_channels(intervals)
    day = intervals["local_time"].to_numpy().astype("datetime64[D]").astype("int64")
    width = int(day.max() - day.min()) + 1 if day.size else 1
    cell, cells = code * width + day - (day.min() if day.size else 0), len(ids) * width
    power_kw = intervals["mean_kw"].to_numpy()
    known = ~np.isnan(power_kw)
    with np.errstate(all="ignore"):
        mean_kw = np.bincount(cell[known], weights=power_kw[known], minlength=cells) / np.bincount(
            cell[known], minlength=cells
        )
        channel = np.repeat(np.arange(len(ids)), width)
        usual_kw = grouped_quantiles(mean_kw, channel, len(ids), [0.5])[0][channel, 0]
        far = (mean_kw > _FAR_DAY_RATIO * usual_kw) | (mean_kw * _FAR_DAY_RATIO < usual_kw)
    return np.bincount(channel[far], minlength=len(ids))[code] > 0


def _keeps_to_profile(
    decades: npt.NDArray[np.float64], code: npt.NDArray[np.int64], channels: int
) -> npt.NDArray[np.bool_]:
    """Return which channels keep to their hour-of-week medians, intervals off by a power of ten left aside."""
    keeps = np.bincount(code, weights=np.abs(decades) <= _ON_THE_FACTOR, minlength=channels)
    nearest = np.round(decades)
    aside = (nearest != 0) & (np.abs(decades - nearest) <= _ON_THE_FACTOR)
    count = np.bincount(code, minlength=channels)
    judged = count - np.bincount(code, weights=aside, minlength=channels)
    return (keeps >= _MOST * judged) & (keeps > count / 2)


def _off_days(
    decades: npt.NDArray[np.float64],
    median_kw: npt.NDArray[np.float64],
    cell: npt.NDArray[np.int64],
    channel: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return for each cell (a local day of its `channel`) the power of ten that it is off by, 0 for none."""
    cells = channel.size
    middle = grouped_quantiles(decades, cell, cells, [0.5])[0][:, 0]
    off = np.nan_to_num(np.round(middle))
    off[np.abs(middle - off) > _DAY_ON_THE_FACTOR] = 0
    agrees = np.bincount(cell, weights=np.abs(decades - off[cell]) <= _ON_THE_FACTOR, minlength=cells)
    count = np.bincount(cell, minlength=cells)
    off[agrees < _MOST * count] = 0
    low_high = grouped_quantiles(median_kw, cell, cells, [0.1, 0.9])[0]
    shaped = (np.abs(off) >= _FAR_FACTOR) | (low_high[:, 1] >= _SHAPED_RATIO * low_high[:, 0])
    return _reach_out(off, shaped & (off != 0), count > 0, channel)


def _reach_out(
    off: npt.NDArray[np.float64],
    judged: npt.NDArray[np.bool_],
    has_data: npt.NDArray[np.bool_],
    channel: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the factors of the days `judged`, and of those that follow on them, or lead up to them, with the same."""
    known = np.flatnonzero(has_data)  # days without any reading part nothing
    factor, owner = off[known], channel[known]
    is_new = (np.diff(factor, prepend=np.nan) != 0) | (np.diff(owner, prepend=-1) != 0)
    run = np.cumsum(is_new) - 1
    holds = np.bincount(run, weights=judged[known])[run] > 0 if known.size else judged[known]
    result = np.zeros_like(off)
    result[known] = np.where(holds, factor, 0.0)
    return result


def flag_register(intervals: pd.DataFrame, *, max_ratio: float, min_power_kw: float, min_hours: float) -> pd.Series:
    """Flag stretches in which the energy register does not count what the power says, or counts far too much.

    Parameters
    ----------
    intervals
        With `energy_kwh` [kWh], `power_kw` [kW] and `hours`.
    max_ratio
        Off when energy is above this many times power × hours, or below its part, in each interval and in sum.
    min_power_kw
        Where both lie at or below this, nothing is to be compared [kW].
    min_hours
        Shorter stretches are left alone [h].
    """
    expected = (intervals["power_kw"].abs() * intervals["hours"]).to_numpy()
    energy, least = intervals["energy_kwh"].to_numpy(), min_power_kw * intervals["hours"].to_numpy()
    comparable = (energy >= 0) & (np.fmax(energy, expected) > least)
    off = comparable & ((energy > max_ratio * expected) | (energy * max_ratio < expected))
    runs = long_runs(pd.Series(off, index=intervals.index), intervals, min_hours)
    if not runs.any():
        return runs
    run = label_runs(runs, starts_new_run(intervals)).to_numpy()
    counted, due = (np.bincount(run, weights=np.nan_to_num(values))[run] for values in (energy, expected))
    return runs & ((counted > max_ratio * due) | (counted * max_ratio < due))


def flag_register_jump(
    intervals: pd.DataFrame, *, min_ratio: float, min_energy_kwh: float, recurring_runs: int
) -> pd.Series:
    """Flag single intervals whose energy is absurd against their own power, without a hole before them.

    Energy above `min_ratio` times power × hours, above `min_ratio` times any of the neighbouring intervals', and above
    `min_energy_kwh` [kWh]: the counter was set, exchanged or has overflowed. A channel with `recurring_runs` of them or
    more counts in coarse pulses, and that is its nature.
    """
    energy, expected = intervals["energy_kwh"], intervals["power_kw"].abs() * intervals["hours"]
    neighbour = np.fmax(energy.shift(), energy.shift(-1))
    is_high = (energy > min_ratio * expected) & (energy > min_ratio * neighbour) & (energy > min_energy_kwh)
    jumps = is_high & ~starts_new_run(intervals)
    if not jumps.any():
        return jumps
    return jumps & (jumps.groupby(intervals["channel_id"]).transform("sum") < recurring_runs)


def flag_impossible(
    intervals: pd.DataFrame, power_kw: pd.Series, *, recurring_runs: int, min_live_hours: float
) -> pd.Series:
    """Flag single intervals whose power is more than ten times all that a live load draws at any other time.

    Parameters
    ----------
    power_kw
        Of the intervals [kW]; NaN where another fault is known, which then is no measure of what the load draws.
    recurring_runs
        A channel with so many of them or more does that by nature.
    min_live_hours
        So much of the load itself must be known to say how high it goes [h].

    Notes
    -----
    A live load draws a twentieth of its highest, or more, in half of its intervals: what mostly stands idle may well
    reach far more once it is used.
    """
    kw, hours = power_kw.abs().to_numpy(dtype=float), intervals["hours"].to_numpy()
    code, ids = number_channels(intervals)
    flags, known = np.zeros(len(intervals), dtype=bool), ~np.isnan(kw)
    count = np.maximum(np.bincount(code[known], minlength=len(ids)), 1)
    mean_kw = np.bincount(code[known], weights=kw[known], minlength=len(ids)) / count
    for channel in np.unique(code[known & (kw > _RUNNING_START * mean_kw[code])]):
        own = np.flatnonzero(known & (code == channel))
        if hours[own].sum() < min_live_hours:
            continue
        order = own[np.argsort(kw[own])[::-1]][:recurring_runs]
        falls = np.flatnonzero(kw[order[:-1]] > _FAR_RATIO * kw[order[1:]])
        if not falls.size:
            continue
        found, next_kw = order[: falls[0] + 1], kw[order[falls[0] + 1]]
        is_single = (np.diff(np.sort(found)) > 1).all()
        if is_single and np.median(kw[own]) >= _LIVE_RATIO * next_kw > 0:
            flags[found] = True
    return pd.Series(flags, index=intervals.index)


def flag_zero(
    intervals: pd.DataFrame,
    sound: pd.Series,
    *,
    min_hours: float,
    max_runs: int,
    min_floor_ratio: float,
    min_live_hours: float,
) -> pd.Series:
    """Flag exact zeros for hours on a load that never else comes near zero.

    Parameters
    ----------
    sound
        True where no other fault is known: what a meter showed while it was wrong does not tell how low its load goes.
        It has to do where there is not enough else: a meter that stood still for weeks and shows zero now is dead.
    min_hours
        Shorter stretches of zero are left alone [h].
    max_runs
        A channel with more such stretches is one that is switched off.
    min_floor_ratio
        The load never comes near zero when its lowest hundredth stays above this share of its median.
    min_live_hours
        So much of the load itself must be known to say how low it goes [h]; or half of what there is, if that is less.
    """
    power_kw = intervals["mean_kw"]
    is_zero = power_kw == 0
    runs = long_runs(is_zero, intervals, min_hours)
    if not runs.any():
        return runs
    code, ids = number_channels(intervals)
    hours = intervals["hours"].to_numpy()
    needed = np.minimum(min_live_hours, np.bincount(code, weights=hours) / 2)
    is_enough = np.bincount(code, weights=hours * (sound & ~runs)) >= needed
    basis = ~runs & (sound | ~is_enough[code])
    is_known = np.bincount(code, weights=hours * basis) >= needed
    low_median = grouped_quantiles(power_kw.where(basis), code, len(ids), [0.01, 0.5])[0]
    live = (low_median[:, 0] > 0) & (low_median[:, 0] >= min_floor_ratio * low_median[:, 1])
    starts = runs & ~(runs.shift(fill_value=False) & ~starts_new_run(intervals))
    count = np.bincount(code, weights=starts, minlength=len(ids))
    return runs & (live & (count <= max_runs) & is_known)[code]


def flag_clock_change(intervals: pd.DataFrame, *, min_energy_kwh: float) -> pd.Series:
    """Flag both passes of a repeated local hour of which the first holds the energy of both, and the second nothing.

    Parameters
    ----------
    intervals
        With `local_time`, whose distance from UTC tells the change; the second pass may be absent or zero.
    min_energy_kwh
        Below this in the neighbouring hours a ratio compares rounding errors [kWh].

    Notes
    -----
    Compared with the mean of the hours before and after: at two in the morning loads are steady. Where two channels or
    more are doubled, the whole logger is: every channel with a first pass and nothing in the second joins them, though
    its load is too small or too restless to tell.
    """
    flags = pd.Series(False, index=intervals.index)
    found: list[tuple[int, bool, npt.NDArray[np.int64]]] = []
    start, channel = intervals["epoch_s"].to_numpy(), intervals["channel_id"].to_numpy()
    offset_s = intervals["local_time"].to_numpy().astype("datetime64[s]").astype("int64") - start
    back = np.flatnonzero((np.diff(offset_s) == -SECONDS_PER_HOUR) & (np.diff(channel) == 0)) + 1
    energy, length = intervals["used_kwh"].to_numpy(), intervals["interval_s"].to_numpy()
    for row in map(int, back):
        first_s = start[row - 1] + length[row - 1] - SECONDS_PER_HOUR
        near = np.arange(max(row - 180, 0), min(row + 180, start.size))  # three hours of minutes
        near = near[channel[near] == channel[row]]
        hour = (start[near] - first_s) // SECONDS_PER_HOUR
        sums = [energy[near[hour == number]].sum() for number in (-1, 0, 1, 2)]
        counts = [int(length[near[hour == number]].sum()) for number in (-1, 0, 2)]
        usual = (sums[0] + sums[3]) / 2
        if counts[1] != SECONDS_PER_HOUR or abs(sums[2]) > _NOTHING_RATIO * abs(usual):
            continue
        is_whole = counts[0] == counts[2] == SECONDS_PER_HOUR and usual > min_energy_kwh
        is_double = is_whole and _DOUBLE_MIN <= sums[1] / usual <= _DOUBLE_MAX
        found.append((int(first_s), is_double, near[(hour == 0) | (hour == 1)]))
    sure = [moment for moment, is_double, _ in found if is_double]
    for moment, is_double, rows in found:
        if is_double or sure.count(moment) > 1:
            flags.iloc[rows] = True
    return flags
