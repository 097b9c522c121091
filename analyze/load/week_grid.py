"""A channel's power laid out on the local wall clock as weeks × slots of the week. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_types import DayKind, label_days
from analyze.week.intervals import SECONDS_PER_HOUR
from lib.stats_utils import nan_quantiles

if TYPE_CHECKING:
    from config.opening_hours import Schedule

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

DAYS_PER_WEEK = 7
_SECONDS_PER_DAY, _SECONDS_PER_WEEK = 86_400, 604_800
_MONDAY = pd.Timestamp("1970-01-05")  # a Monday, so that weeks count from it on the wall clock
_MONDAY_DAY = 4  # days since 1 January 1970
_WORKING_DAYS = 5  # Monday to Friday
_SUNDAY = 6


class WeekGrid(NamedTuple):
    """Where each interval of a channel lies on the local wall clock, and the power laid out on it.

    `is_named_closed` (weeks × 7) are the days that the calendar closes: holidays, exceptions and breaks without opening
    hours. `is_closed_day` and `is_weekend` are of each interval: on such a day; on a Saturday or Sunday.
    """

    week: Ints
    slot: Ints
    day: Ints
    step_s: int
    power_kw: Floats  # weeks × slots, NaN where nothing was measured
    is_named_closed: Flags
    is_closed_day: Flags
    is_weekend: Flags

    @property
    def slots_a_day(self) -> int:
        """How many slots a local day has; one at least."""
        return _slots_a_day(self.power_kw.shape[1])

    @property
    def sunday_slot(self) -> Ints:
        """The slot of a Sunday at each interval's time of day."""
        sunday = _SUNDAY * self.slots_a_day + self.slot % self.slots_a_day
        return np.minimum(sunday, self.power_kw.shape[1] - 1)

    def closed_slots(self) -> tuple[Flags, Flags]:
        """Return for each slot, all weeks in a row, whether its day is one of rest, and whether the calendar says so.

        Days of rest are Saturdays, Sundays, and those that the calendar closes.
        """
        weekday = _weekdays(np.arange(self.power_kw.shape[1]), self.power_kw.shape[1])
        named = self.is_named_closed[:, weekday]
        return ((weekday >= _WORKING_DAYS) | named).ravel(), named.ravel()


def lay_out(intervals: pd.DataFrame, schedule: Schedule | None = None) -> WeekGrid:
    """Return the power of one channel laid out by week and slot of the week on the wall clock.

    In autumn two intervals share a slot, with their mean; the hour that spring skips is missing. Slots are as long as
    most intervals.

    Parameters
    ----------
    intervals
        `local_time`, `interval_s` [s], `mean_kw` [kW], by time.
    schedule
        The site's calendar, for the days that it closes; None closes none.
    """
    step_s = int(intervals["interval_s"].mode().iloc[0])
    wall_s = ((intervals["local_time"] - _MONDAY) // pd.Timedelta(seconds=1)).to_numpy(dtype="int64")
    first = int(wall_s.min()) // _SECONDS_PER_WEEK
    week, slot = wall_s // _SECONDS_PER_WEEK - first, wall_s % _SECONDS_PER_WEEK // step_s
    weeks, slots = int(week.max()) + 1, -(-_SECONDS_PER_WEEK // step_s)
    power_kw = intervals["mean_kw"].to_numpy(dtype=float)
    total = np.bincount(week * slots + slot, weights=power_kw, minlength=weeks * slots)
    count = np.bincount(week * slots + slot, minlength=weeks * slots)
    mean_kw = np.divide(total, count, out=np.full(total.size, np.nan), where=count > 0)
    day = wall_s // _SECONDS_PER_DAY
    closed = _named_closed(_MONDAY_DAY + first * DAYS_PER_WEEK, weeks, schedule)
    weekday = _weekdays(slot, slots)
    return WeekGrid(
        week,
        slot,
        day - day.min(),
        step_s,
        mean_kw.reshape(weeks, slots),
        is_named_closed=closed,
        is_closed_day=closed[week, weekday],
        is_weekend=weekday >= _WORKING_DAYS,
    )


def _slots_a_day(slots: int) -> int:
    return max(slots // DAYS_PER_WEEK, 1)


def _weekdays(slot: Ints, slots: int) -> Ints:
    """Return the weekday of slots of the week, 0 is Monday; what no whole day holds is Sunday's."""
    return np.minimum(slot // _slots_a_day(slots), _SUNDAY)


def _named_closed(first_day: int, weeks: int, schedule: Schedule | None) -> Flags:
    if schedule is None or not (schedule.country or schedule.exceptions or schedule.terms):
        return np.zeros((weeks, DAYS_PER_WEEK), dtype=bool)
    types = label_days(first_day, weeks * DAYS_PER_WEEK, schedule)
    return (types.is_closed & (types.kind != DayKind.REGULAR)).reshape(weeks, DAYS_PER_WEEK)


def moving_sums(values: Floats, widths: tuple[int, ...]) -> list[Floats]:
    """Return for each of the odd `widths` the sum of `values` within so many around each; those beyond count 0."""
    edge = max(widths) // 2
    total = np.empty(values.size + 2 * edge + 1)
    total[: edge + 1] = 0.0
    np.cumsum(values, out=total[edge + 1 : edge + 1 + values.size])
    total[edge + 1 + values.size :] = total[edge + values.size]
    starts = [edge - width // 2 for width in widths]
    return [
        total[start + width : start + width + values.size] - total[start : start + values.size]
        for start, width in zip(starts, widths, strict=True)
    ]


def moving_mean(values: Floats, widths: tuple[int, ...]) -> list[Floats]:
    """Return for each of the odd `widths` the mean of what is known around each value; NaN where nothing is."""
    known = ~np.isnan(values)
    is_whole = bool(known.all())
    sums = moving_sums(values if is_whole else np.where(known, values, 0.0), widths)
    counts = _counts_within(values.size, widths) if is_whole else moving_sums(known.astype(float), widths)
    return [total / np.where(count > 0.5, count, np.nan) for total, count in zip(sums, counts, strict=True)]


def _counts_within(size: int, widths: tuple[int, ...]) -> list[Floats]:
    """Return for each width how many of `size` values lie around each of them."""
    counts = []
    for width in widths:
        count = np.full(size, float(width))
        missing = np.arange(width // 2, 0, -1.0)[:size]
        count[: missing.size] -= missing
        count[size - missing.size :] -= missing[::-1]
        counts.append(count)
    return counts


def rolling_quantile(values: Floats, reach: int, quantile: float) -> Floats:
    """Return for each row the quantile of the rows around it, column by column.

    The window is 2 · `reach` + 1 rows long everywhere: at the ends it is moved inwards. NaN is left out; NaN where
    nothing is known.

    Parameters
    ----------
    values : (n, …) floats
    """
    rows = len(values)
    size = min(2 * reach + 1, rows)
    start = np.clip(np.arange(rows) - reach, 0, rows - size)
    windows = np.lib.stride_tricks.sliding_window_view(values, size, axis=0)
    result: Floats = nan_quantiles(windows, [quantile])[..., 0][start]
    return result


def slots_of(hours: float, step_s: int) -> int:
    """Return how many slots make about so many hours, as an odd number."""
    return int(hours * SECONDS_PER_HOUR / step_s) // 2 * 2 + 1
