"""The interval after a hole in the readings that brings the energy of the whole hole. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import SECONDS_PER_HOUR, number_channels, starts_new_run
from lib.date_utils import HOURS_PER_WEEK
from lib.stats_utils import grouped_quantiles

if TYPE_CHECKING:
    from config.site_file import IngestLimits

_SUM_MIN, _SUM_MAX = 0.6, 1.6  # of what is usual in hole and interval together: a day's load differs by that much
_MIN_JUMP = 2.0  # times the interval's own usual energy, and the next interval's


def flag_catch_up(
    intervals: pd.DataFrame, *, min_ratio: float, min_energy_kwh: float, min_missing: int = 3
) -> pd.Series:
    """Flag the interval after a hole that carries the energy of the whole hole.

    Parameters
    ----------
    intervals
        `channel_id`, `epoch_s`, `interval_s` [s], `hour_of_week`, `local_time`, `energy_kwh`, `power_kw`, `mean_kw`,
        `hours`; by channel and time.
    min_ratio
        Flag energy above this many times power × hours. Where the power is missing, the channel's 95th percentile of
        energy in intervals that follow no hole stands for it.
    min_energy_kwh
        Leave smaller energies alone [kWh].
    min_missing
        Where the service derives the power from the same energy, the two agree. After a hole of this many intervals or
        more, energy is flagged that is usual for hole and interval together (60 to 160 % of their hour-of-week
        medians) and twice what is usual for the interval alone, and twice what follows.
    """
    new_run = starts_new_run(intervals)
    after_hole = new_run & (intervals["channel_id"] == intervals["channel_id"].shift())
    if not after_hole.any():
        return after_hole
    energy_kwh = intervals["energy_kwh"]
    expected_kwh = (intervals["power_kw"].abs() * intervals["hours"]).fillna(_usual_high_kwh(intervals, ~new_run))
    is_high = (energy_kwh > min_ratio * expected_kwh) | _is_sum_of_hole(intervals, after_hole, min_missing)
    return after_hole & is_high & (energy_kwh > min_energy_kwh)


def flag_beyond_limit(intervals: pd.DataFrame, caught_up: pd.Series, limits: IngestLimits) -> pd.Series:
    """Flag which of the intervals that `caught_up` no outage explains: more than the channel carries in that time.

    Ingest (`find_impossible`) and the check energy_plausible judge by the same limits: the time since the record of
    energy before, at most `max_catch_up_hours`.
    """
    beyond, at = np.zeros(len(intervals), dtype=bool), np.flatnonzero(caught_up)
    if at.size:
        channel, epoch_s, energy_kwh = (intervals[name].to_numpy() for name in ("channel_id", "epoch_s", "energy_kwh"))
        with_energy = np.where(np.isnan(energy_kwh), -1, np.arange(len(intervals)))
        last = np.maximum.accumulate(with_energy)[at - 1]  # a record that caught up has one of its channel before it
        is_known = (last >= 0) & (channel[last] == channel[at])
        elapsed_s = np.where(is_known, epoch_s[at] - epoch_s[last], np.inf)
        elapsed_s = np.minimum(elapsed_s, limits.max_catch_up_hours * SECONDS_PER_HOUR)
        elapsed_s = np.maximum(elapsed_s, intervals["interval_s"].to_numpy()[at])
        most_kw = np.array([limits.max_power_of(int(key)) for key in channel[at]])
        beyond[at] = np.abs(energy_kwh[at]) * SECONDS_PER_HOUR > most_kw * elapsed_s
    return pd.Series(beyond, index=intervals.index)


def _usual_high_kwh(intervals: pd.DataFrame, keep: pd.Series) -> pd.Series:
    """Return for each interval its channel's 95th percentile of energy [kWh] over the intervals to `keep`."""
    code, ids = number_channels(intervals)
    high, _ = grouped_quantiles(intervals["energy_kwh"].where(keep), code, len(ids), [0.95])
    return pd.Series(high[code, 0], index=intervals.index)


def _is_sum_of_hole(intervals: pd.DataFrame, after_hole: pd.Series, min_missing: int) -> pd.Series:
    code, ids = number_channels(intervals)
    cell = code * HOURS_PER_WEEK + intervals["hour_of_week"].to_numpy(dtype="int64")
    usual_kw, _ = grouped_quantiles(intervals["mean_kw"], cell, len(ids) * HOURS_PER_WEEK, [0.5])
    usual_kw = np.nan_to_num(usual_kw.reshape(-1, HOURS_PER_WEEK))
    at = np.flatnonzero(after_hole)
    end_s = (intervals["epoch_s"] + intervals["interval_s"]).to_numpy()
    own_hours, channel = intervals["hours"].to_numpy()[at], code[at]
    gap_hours = (intervals["epoch_s"].to_numpy()[at] - end_s[at - 1]) / 3600
    begins = cell[at] % HOURS_PER_WEEK + intervals["local_time"].dt.minute.to_numpy()[at] / 60
    up_to = [_usual_kwh_until(usual_kw, channel, begins + hours) for hours in (-gap_hours, 0.0, own_hours)]
    energy_kwh = intervals["energy_kwh"].to_numpy()
    is_next = np.append(~starts_new_run(intervals).to_numpy()[1:], False)[at]
    next_kwh = np.where(is_next, energy_kwh[np.minimum(at + 1, energy_kwh.size - 1)], 0.0)
    found = (
        (gap_hours >= (min_missing - 0.5) * own_hours)
        & (energy_kwh[at] > _MIN_JUMP * np.fmax(up_to[2] - up_to[1], next_kwh))
        & (energy_kwh[at] > _SUM_MIN * (up_to[2] - up_to[0]))
        & (energy_kwh[at] < _SUM_MAX * (up_to[2] - up_to[0]))
    )
    result = np.zeros(len(intervals), dtype=bool)
    result[at] = found
    return pd.Series(result, index=intervals.index)


def _usual_kwh_until(
    usual_kw: npt.NDArray[np.float64], channel: npt.NDArray[np.int64], hours: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the usual energy [kWh] from a Monday's midnight until `hours` after it, which may lie weeks before it."""
    total = np.concatenate([np.zeros((len(usual_kw), 1)), np.cumsum(usual_kw, axis=1)], axis=1)
    weeks, rest = np.divmod(hours, HOURS_PER_WEEK)
    hour = np.minimum(rest.astype(np.int64), HOURS_PER_WEEK - 1)
    return weeks * total[channel, -1] + total[channel, hour] + (rest - hour) * usual_kw[channel, hour]
