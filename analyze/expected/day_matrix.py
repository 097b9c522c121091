"""Power of several meters by local day and time of day, so that like days lie beneath each other. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_types import DayTypes, label_days
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, number_channels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

SECONDS_PER_DAY = 86_400
HOURS_PER_DAY = 24
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
PERIOD = -1  # the fold of the days to be judged; baseline weeks count from 0


class DayMatrix(NamedTuple):
    """Power of the channels that share one length of interval, C × D × S.

    S is the number of intervals of a day of 24 hours on the wall clock. In spring an hour of them stays empty; in
    autumn the repeated hour holds the mean of its two passes. `fold` (D,) is the number of the baseline week that a day
    lies in, `PERIOD` for the period's days. `row`, `channel`, `day` and `slot` say where each interval of the frame
    that the matrix was made of has its place.
    """

    channel_ids: Ints
    step_s: int
    power_kw: Floats
    types: DayTypes
    fold: Ints
    row: Ints
    channel: Ints
    day: Ints
    slot: Ints

    @property
    def per_hour(self) -> int:
        """How many intervals an hour has, one at least."""
        return max(SECONDS_PER_HOUR // self.step_s, 1)

    @property
    def slots(self) -> int:
        """How many intervals a day of 24 hours has."""
        return int(self.power_kw.shape[2])

    @property
    def hour_of_slot(self) -> Ints:
        """The hour of the day in which each slot begins."""
        return np.arange(self.slots) * self.step_s // SECONDS_PER_HOUR

    def starts_utc(self, tz: ZoneInfo) -> pd.DatetimeIndex:
        """Return the UTC start of each slot of each day (D · S); of a repeated hour the first pass."""
        midnight_s = (self.types.first + np.arange(self.types.size))[:, None] * SECONDS_PER_DAY
        wall = pd.DatetimeIndex((midnight_s + np.arange(self.slots) * self.step_s).ravel().astype("datetime64[s]"))
        return wall.tz_localize(tz, ambiguous=np.ones(wall.size, bool), nonexistent="shift_forward").tz_convert("UTC")

    def rows_of(self, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """Return the value of `values` (C × D × S) for each of the matrix's rows."""
        return values[self.channel, self.day, self.slot]


def lay_out_days(rows: pd.DataFrame, scope: WeekScope) -> list[DayMatrix]:
    """Return a matrix for each length of interval among `rows`; a channel that changed its interval is in several.

    Parameters
    ----------
    rows
        Intervals by channel and time: `channel_id`, `interval_s` [s], `local_time`, `mean_kw` [kW].

    Notes
    -----
    All matrices span the same days: from the first of the baseline to the last of the period.
    """
    moments = (scope.baseline.start, scope.period.start, scope.period.end - timedelta(microseconds=1))
    first, start, last = (_day_number(moment.astimezone(scope.tz)) for moment in moments)
    size = max(last - first + 1, 1)
    schedule = scope.schedule
    types = label_days(first, size, schedule)
    weeks = scope.config.baseline.weeks
    back = (start - 1 - (first + np.arange(size))) // 7
    fold = np.where(back < 0, PERIOD, np.clip(weeks - 1 - back, 0, weeks - 1))
    length_s = rows["interval_s"].to_numpy()
    return [
        _lay_out(rows, np.flatnonzero(length_s == step_s), int(step_s), types, fold) for step_s in np.unique(length_s)
    ]


def _day_number(local: datetime) -> int:
    """Return the local day as days since 1 January 1970."""
    return local.date().toordinal() - _EPOCH_ORDINAL


def _lay_out(rows: pd.DataFrame, row: Ints, step_s: int, types: DayTypes, fold: Ints) -> DayMatrix:
    channel, ids = number_channels(rows.iloc[row])
    wall_s = rows["local_time"].to_numpy()[row].astype("datetime64[s]").astype("int64")
    day = types.place_of(wall_s // SECONDS_PER_DAY)
    inside = (day >= 0) & (day < types.size)
    row, channel, day, wall_s = row[inside], channel[inside], day[inside], wall_s[inside]
    slots = -(-SECONDS_PER_DAY // step_s)
    slot = wall_s % SECONDS_PER_DAY // step_s
    cell = (channel * types.size + day) * slots + slot
    kw = rows["mean_kw"].to_numpy(dtype=float)[row]
    size = len(ids) * types.size * slots
    known = ~np.isnan(kw)
    count = np.bincount(cell[known], minlength=size)
    total = np.bincount(cell[known], weights=kw[known], minlength=size)
    power_kw = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return DayMatrix(ids, step_s, power_kw.reshape(len(ids), types.size, slots), types, fold, row, channel, day, slot)
