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

from analyze.load.savings_level import HISTORY_DAYS, MIN_FIT_DAYS, YEAR_DAYS
from analyze.load.savings_model import extrapolated_share
from analyze.meters.bad_intervals import any_fault, find_bad_intervals
from analyze.week.intervals import WeekScope, prepare_intervals
from config.site_file import IngestLimits
from config.thresholds import Thresholds
from lib.date_utils import add_local_time

_NEARER = "look at a meter nearer to what was changed"
_NO_DIFFERENCE = f"there is no difference to be seen; {_NEARER}"
_DAYS_PER_WEEK = 7
_WEATHER = "store the outdoor temperatures (ingest/ingest_weather.py)"


class Wasted(NamedTuple):
    """The days before the change in which the meter wasted what the change ended, and was not as it is else.

    From the local day `since` on it did so, and from `whole_from` on all the time.
    """

    since: date
    whole_from: date


class Sides(NamedTuple):
    """The hours before and after the change, how many days there are, and how much of them the hours cover [%].

    All have `day`, counted from the first that is no baseline: the day of the change, or the one on which a waste
    began. `before` reaches back as far as anything is compared with it; the days and their share are of the year that a
    model is fitted to. `wasted` are the hours of `Wasted`; none without.
    """

    before: pd.DataFrame
    wasted: pd.DataFrame
    after: pd.DataFrame
    before_days: int
    after_days: int
    covered_pct: tuple[float, float]

    @property
    def has_temperature(self) -> bool:
        """Whether every hour has an outdoor temperature."""
        return "temp_c" in self.before

    @property
    def fitted(self) -> pd.DataFrame:
        """The hours that a model is fitted to: of the last 52 weeks."""
        return self.before[self.before["day"] >= -YEAR_DAYS]


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
    rows = hourly[np.isfinite(hourly["energy_kwh"].astype("float64"))].sort_values("timestamp")
    if "temp_c" in rows:
        known = rows["temp_c"].notna()
        rows = rows[known] if known.any() else rows.drop(columns="temp_c")
    start = pd.to_datetime(rows["timestamp"], utc=True)
    rows = add_local_time(rows.assign(interval_start=start), tz).reset_index(drop=True)
    if "temp_c" in rows:
        rows["temp_day_c"] = rows.rolling("24h", on="interval_start")["temp_c"].mean()
    number = rows["local_time"].to_numpy().astype("datetime64[D]").astype("int64")
    until = wasted.since if wasted else change
    day, ahead = number - _number_of(until), (change - until).days
    is_holiday = np.isin(number, [_number_of(each) for each in holidays])
    rows = rows.assign(day=day)
    limit = config.savings.max_days
    sides, counts, covered = [], [], []
    for away, farthest in ((-day, HISTORY_DAYS), (day - ahead, limit)):
        # Readings reach from the change to the farthest day that has any; holes in between count as missing.
        reach = (away > 0) & (away <= farthest)
        days = int(away[reach].max(initial=0))
        near = reach & (away <= limit)
        covered.append(min(100.0, 100 * np.count_nonzero(near) / (24 * min(days, limit))) if days else 0.0)
        counts.append(days)
        sides.append(rows[reach & ~is_holiday].reset_index(drop=True))
    is_wasted = np.zeros(len(rows), dtype=bool)
    if wasted:
        is_wasted = (number >= _number_of(wasted.whole_from)) & (day < ahead) & ~is_holiday
    waste = rows[is_wasted].reset_index(drop=True)
    return Sides(sides[0], waste, sides[1], counts[0], counts[1], (covered[0], covered[1]))


def _number_of(day: date) -> int:
    """Return a local day as days since 1 January 1970."""
    return int(np.datetime64(day).astype("int64"))


def missing_before(sides: Sides, config: Thresholds) -> list[dict[str, Any]]:
    """Return what the readings before the change lack for a model of them."""
    floor = config.savings.min_completeness_pct
    if sides.before_days < MIN_FIT_DAYS:
        known = f"{sides.before_days} days before the change are known"
        return [lack("baseline_too_short", f"{known}; {MIN_FIT_DAYS} are needed; fetch or import earlier ones")]
    if sides.covered_pct[0] < floor:
        covered = f"readings cover {sides.covered_pct[0]:.0f} % of the days before the change"
        return [
            lack("baseline_incomplete", f"{covered}; {floor:.0f} % is needed: fill the gaps, or fetch earlier days")
        ]
    if not sides.has_temperature and sides.before_days < YEAR_DAYS:
        return [_season_unknown(sides)]
    return []


def _season_unknown(sides: Sides) -> dict[str, Any]:
    """Return the lack of a year before, without which a season looks like a change."""
    known = f"without outdoor temperatures a season looks like a change: {sides.before_days} days before it are known"
    needed = f"{YEAR_DAYS} are needed, so that the same season of the year before is among them"
    return lack("season_unknown", f"{known}; {needed}: fetch or import earlier ones, or {_WEATHER}")


def missing_after(sides: Sides, change: date, config: Thresholds) -> list[tuple[dict[str, Any], int]]:
    """Return what the readings after the change lack, each with how many days after it would do."""
    needed, floor = config.savings.min_days, config.savings.min_completeness_pct
    if sides.after_days < needed:
        known = f"{sides.after_days} days after the change are known"
        text = f"{known}; {needed} are needed, the last of them {change + timedelta(days=needed)}"
        return [(lack("after_too_short", text), needed)]
    if sides.covered_pct[1] < floor:
        # So many whole days more bring the share up to the floor.
        more = sides.after_days * (floor - sides.covered_pct[1]) / max(100 - floor, 1e-9)
        text = f"readings cover {sides.covered_pct[1]:.0f} % of the days after the change; {floor:.0f} % is needed"
        return [(lack("after_incomplete", text), int(np.ceil(sides.after_days + more)))]
    return []


def missing_temperatures(sides: Sides, config: Thresholds) -> list[dict[str, Any]]:
    """Return a lack where too many hours after the change were colder or warmer than nearly all before."""
    if not sides.has_temperature or sides.after.empty:
        return []
    outside_pct = 100 * extrapolated_share(sides.fitted, sides.after)
    if outside_pct <= config.savings.max_extrapolated_pct:
        return []
    text = (
        f"{outside_pct:.0f} % of the hours after the change were colder or warmer than nearly all before it; fetch or "
        "import earlier readings, of the same season"
    )
    return [lack("temperature_range", text)]


def level_changed(log_level: float) -> dict[str, Any]:
    """Return that the load before the change was not that of the year before, by the logarithm of its level."""
    change_pct = 100 * np.expm1(log_level)
    than = f"{abs(change_pct):.0f} % {'more' if change_pct > 0 else 'less'} than the year before it tells"
    remedy = "something else changed; if it is known, name it and its day under [[measures]]"
    return lack("level_changed", f"in the four weeks before the change the meter used {than}: {remedy}")


def other_step(change: date, week: int) -> dict[str, Any]:
    """Return that the difference began in another week than that of the change."""
    day, side = change + timedelta(days=7 * week), "after" if week > 0 else "before"
    when = f"the weeks tell that the difference began about {day}, {abs(week)} weeks {side} the change"
    return lack("other_step", f"{when}: if the work was done then, name that day; else something else changed")


def season_of_days_unknown(days: int, needed: int) -> dict[str, Any]:
    """Return the lack of days after the change that have the same season of the year before."""
    known = f"of {days} days after the change is known what the same season of the year before was like"
    return lack("season_unknown", f"{known}; {needed} are needed: fetch or import earlier readings, or {_WEATHER}")


def uncertain(ratio: float, possible: date | None, config: Thresholds) -> dict[str, Any]:
    """Return that the difference is too small beside its uncertainty, and when it will not be, if that is known."""
    if not np.isfinite(ratio):
        return lack("within_uncertainty", _NO_DIFFERENCE)
    limit_pct = 100 * config.savings.max_uncertainty_ratio
    text = f"the uncertainty is {100 * ratio:.0f} % of the difference; {limit_pct:.0f} % is allowed (68 % confidence)"
    if possible is None:
        text += f": too small to be told from this meter's own ups and downs; {_NEARER}"
    return lack("within_uncertainty", text, possible)


def lack(code: str, message: str, possible_from: date | None = None) -> dict[str, Any]:
    """Return one reason why a claim has to wait."""
    return {"code": code, "message": message, "possibleFrom": possible_from and possible_from.isoformat()}
