"""The two sides of a change, and whether they are enough to judge it by. Pure.

References
----------
CalTRACK 2.0, section 2.2, https://docs.caltrack.org/en/latest/methods.html: length and completeness of a baseline.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.savings_model import DRIFT_MIN_DAYS, extrapolated_share
from analyze.meters.bad_intervals import any_fault, find_bad_intervals
from analyze.week.intervals import WeekScope, prepare_intervals
from config.site_file import IngestLimits
from config.thresholds import Thresholds
from lib.date_utils import add_local_time

_NEARER = "look at a meter nearer to what was changed"
_NO_DIFFERENCE = f"there is no difference to be seen; {_NEARER}"
_DAYS_PER_WEEK = 7
_MAX_WAIT_DAYS = 730  # who would have to wait longer will hardly know: too much else changes


class Wasted(NamedTuple):
    """The days before the change in which the meter wasted what the change ended, and was not as it is else.

    From the local day `since` on it did so, and from `whole_from` on all the time.
    """

    since: date
    whole_from: date


class Sides(NamedTuple):
    """The hours before and after the change, how many days there are, and how much of them the hours cover [%].

    `before` reaches back a year and has `days_before`; the model is fitted to the last `fit_days` of it. `wasted` are
    the hours of `Wasted`, which `before` ends with; none without.
    """

    before: pd.DataFrame
    wasted: pd.DataFrame
    after: pd.DataFrame
    before_days: int
    after_days: int
    covered_pct: tuple[float, float]
    fit_days: int


def add_temperature(hourly: pd.DataFrame, weather: pd.DataFrame, config: Thresholds) -> pd.DataFrame:
    """Return hours with `temp_c` where the weather of `savings.min_completeness_pct` of them is known, else without.

    Parameters
    ----------
    hourly
        With `timestamp` (UTC, start of the hour).
    weather
        `timestamp`, `temp_c` [°C], as `load_weather` returns them.

    Notes
    -----
    Hours without a temperature are left out as soon as others have one (`split_sides`), so a temperature that is known
    of a few weeks only would cost all the others.
    """
    known = weather.loc[weather["temp_c"].notna(), ["timestamp", "temp_c"]]
    rows = hourly.merge(known, how="left", on="timestamp")
    covered_pct = 100 * rows["temp_c"].notna().mean() if len(rows) else 0.0
    return rows if covered_pct >= config.savings.min_completeness_pct else hourly


def leave_out_wrong_hours(hourly: pd.DataFrame, readings: pd.DataFrame, change: date, scope: WeekScope) -> pd.DataFrame:
    """Return the hours of a meter in which no interval is wrong (`find_bad_intervals`).

    Parameters
    ----------
    readings
        The same meter's intervals (`load_readings`) over the same time.

    Notes
    -----
    They are judged in blocks of a report's length, baseline and period, counted from the change on either side: within
    such a block a level is compared with itself, and what the change did is no fault.
    """
    intervals = prepare_intervals(readings, scope.meters, scope.tz)
    day = (intervals["local_time"].to_numpy().astype("datetime64[D]") - np.datetime64(change)).astype("int64")
    block = _number_blocks(day, _DAYS_PER_WEEK * (scope.config.baseline.weeks + 1))
    bad = find_bad_intervals(intervals.assign(channel_id=block), scope.config, _limits_of(intervals, scope))
    wrong = intervals.loc[any_fault(bad), "interval_start"].dt.floor("h")
    return hourly[~hourly["timestamp"].isin(wrong)]


def _limits_of(intervals: pd.DataFrame, scope: WeekScope) -> IngestLimits:
    """Return the limits of the meter that the intervals are of, as those of every block of it."""
    most_kw = [scope.limits.max_power_of(int(key)) for key in intervals["channel_id"].unique()]
    return IngestLimits(max(most_kw, default=0.0), max_catch_up_hours=scope.limits.max_catch_up_hours)


def _number_blocks(day: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Return for each day before (below 0) or after the change its block of `length` days, the last of either longer.

    What is left over at the ends joins the block beside it: of two weeks nobody can say which of them is wrong.
    """
    most = day.max(initial=0) + 1, -day.min(initial=0)
    after, before = (max(count // length, 1) for count in most)
    return np.clip(day // length, -before, after - 1)


def split_sides(
    hourly: pd.DataFrame, change: date, tz: ZoneInfo, config: Thresholds, holidays: frozenset[date],
    wasted: Wasted | None = None,
) -> Sides:  # fmt: skip
    """Return the hours on either side of the change; those without a temperature are left out where others have one.

    With `wasted` the side before ends where the waste began.
    """
    until = wasted.since if wasted else change
    rows = hourly[np.isfinite(hourly["energy_kwh"].astype("float64"))].sort_values("timestamp")
    has_temperature = "temp_c" in rows and bool(rows["temp_c"].notna().any())
    if has_temperature:
        rows = rows[rows["temp_c"].notna()]
    limit = config.savings.max_days if has_temperature else config.savings.max_days_without_temp
    start = pd.to_datetime(rows["timestamp"], utc=True)
    rows = add_local_time(rows.assign(interval_start=start), tz).reset_index(drop=True)
    day = rows["local_time"].dt.date
    offset = pd.Series(
        [(value - change).days if value >= change else min((value - until).days, 0) for value in day],
        index=rows.index, dtype="int64",
    )  # fmt: skip
    is_wasted = pd.Series(
        [wasted is not None and wasted.whole_from <= value < change for value in day], index=rows.index, dtype=bool
    )
    is_holiday = pd.Series([value in holidays for value in day], index=rows.index, dtype=bool)
    sides, counts, covered = [], [], []
    rows = rows.assign(days_before=-offset)
    for side, farthest in (((offset < 0), config.savings.max_days), ((offset > 0), limit)):
        # Readings reach from the change to the farthest day that has any; holes in between count as missing.
        near = side & (offset.abs() <= limit)
        days = int(offset[near].abs().max()) if near.any() else 0
        covered.append(min(100.0, 100 * int(near.sum()) / (24 * days)) if days else 0.0)
        counts.append(days)
        sides.append(rows[side & (offset.abs() <= farthest) & ~is_holiday].reset_index(drop=True))
    waste = rows[is_wasted & ~is_holiday].reset_index(drop=True)
    return Sides(sides[0], waste, sides[1], counts[0], counts[1], (covered[0], covered[1]), limit)


def missing_data(sides: Sides, change: date, config: Thresholds) -> list[dict[str, Any]]:
    """Return what the readings lack before any model is fitted."""
    needed, floor = config.savings.min_days, config.savings.min_completeness_pct
    missing = []
    if sides.before_days < needed:
        known = f"{sides.before_days} days before the change are known"
        text = f"{known}; {needed} are needed; fetch or import earlier ones"
        missing.append(lack("baseline_too_short", text, None))
    elif sides.covered_pct[0] < floor:
        covered = f"readings cover {sides.covered_pct[0]:.0f} % of the days before the change"
        text = f"{covered}; {floor:.0f} % is needed: fill the gaps, or fetch earlier days"
        missing.append(lack("baseline_incomplete", text, None))
    if sides.after_days < needed:
        text = f"{sides.after_days} days after the change are known; {needed} are needed"
        missing.append(lack("after_too_short", text, change + timedelta(days=needed + 1)))
    elif sides.covered_pct[1] < floor:
        # So many whole days more bring the share up to the floor.
        more = sides.after_days * (floor - sides.covered_pct[1]) / max(100 - floor, 1e-9)
        text = f"readings cover {sides.covered_pct[1]:.0f} % of the days after the change; {floor:.0f} % is needed"
        missing.append(
            lack("after_incomplete", text, change + timedelta(days=int(np.ceil(sides.after_days + more)) + 1))
        )
    return missing


def missing_temperatures(sides: Sides, config: Thresholds) -> list[dict[str, Any]]:
    """Return a lack where too many hours after the change were colder or warmer than any before."""
    low, high = sides.before["temp_c"].min(), sides.before["temp_c"].max()
    outside_pct = 100 * extrapolated_share(sides.before, sides.after)
    if outside_pct <= config.savings.max_extrapolated_pct:
        return []
    text = (
        f"{outside_pct:.0f} % of the hours after the change lie outside {low:.0f} to {high:.0f} °C, the temperatures "
        "before it; wait for the same season"
    )
    return [lack("temperature_range", text, None)]


def uncertain(ratio: float, days: float, change: date, config: Thresholds) -> dict[str, Any]:
    """Return the lack of days: the ratio falls with their square root, should the saving and the noise stay alike."""
    wanted = days * (ratio / config.savings.max_uncertainty_ratio) ** 2 if np.isfinite(ratio) else np.inf
    possible = change + timedelta(days=int(np.ceil(wanted)) + 1) if wanted <= _MAX_WAIT_DAYS else None
    limit_pct = 100 * config.savings.max_uncertainty_ratio
    text = f"the uncertainty is {100 * ratio:.0f} % of the difference; {limit_pct:.0f} % is allowed (68 % confidence)"
    if possible is None:
        text += f": too small to be told from this meter's own ups and downs; {_NEARER}"
    return lack("within_uncertainty", text if np.isfinite(ratio) else _NO_DIFFERENCE, possible)


def drift_unknown(before_days: int, change: date) -> dict[str, Any]:
    """Return the lack of days before the change, and from which change on those that are known would do."""
    short, what = DRIFT_MIN_DAYS - before_days, "to see how far the expectation drifts by itself"
    if short <= 0:
        return lack("drift_unknown", f"the days before the change have too many gaps {what}; fill them", None)
    first = change + timedelta(days=short)
    known = f"{before_days} days before the change are known; {DRIFT_MIN_DAYS} are needed {what}"
    remedy = f"fetch or import earlier ones; a change on {first} or later could be judged as it is"
    return lack("drift_unknown", f"{known}: {remedy}", None)


def lack(code: str, message: str, possible_from: date | None) -> dict[str, Any]:
    """Return one reason why a claim has to wait."""
    return {"code": code, "message": message, "possibleFrom": possible_from and possible_from.isoformat()}
