"""What a week of the period comes to in a year: operating weeks, seasons of the tariff and of the load. Pure.

A week's saving × 52 would take a school to be open in July and every month to be priced like this one. Here a year is
the 365 days after the period:

    annual = Σ_m w_m · l_m · Σ_i kWh_i · r_im / weeks of the period

over the calendar months m and the period's intervals i: w_m are the operating weeks of the month by the site's
schedule (terms, holidays, exceptions), r_im the tariff's marginal rate of the interval as if it lay in month m, and l_m
the channel's energy in month m of the twelve months before over that of the months in which the period lies; l_m is 1
where a whole year is not stored, and the basis then says that the load's seasons are not known.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.schedules import hours_of_day
from analyze.week.intervals import WeekScope, period_weeks
from config.opening_hours import list_holidays
from config.tariff_model import MONTHS_PER_YEAR

Floats = npt.NDArray[np.float64]

DAYS_PER_YEAR = 365
_HALF = 0.5
_MIN_COVER_RATIO = 0.9  # of a month's days: the month in which a meter was installed says little of its season


class Year(NamedTuple):
    """The year ahead: operating weeks by calendar month (January first), and what they rest on.

    `load_index` holds the l_m of each channel whose year is known.
    """

    first: date
    weeks: Floats
    is_operating: bool
    load_index: dict[int, Floats]

    def weeks_of(self, channel_id: int) -> Floats:
        """Return how many weeks like the period's each month holds for a channel."""
        return self.weeks * self.load_index.get(channel_id, np.ones(MONTHS_PER_YEAR))

    def describe(self, channel_id: int) -> dict[str, Any]:
        """Return the basis of a channel's annual figures."""
        knows_load = channel_id in self.load_index
        return {
            "method": "operating_weeks",
            "weeks": round(float(self.weeks.sum()), 2),
            "weeksOf": "operating" if self.is_operating else "closed",
            "from": self.first.isoformat(),
            "loadSeasons": "measured" if knows_load else "unknown",
        }


def plan_year(scope: WeekScope, monthly: pd.DataFrame | None = None) -> Year:
    """Return the year after the period.

    Parameters
    ----------
    monthly
        `channel_id`, `local_month` (its first day), `energy_kwh`, `days` covered, of the channels' months as far
        back as they are stored; None where they were not loaded.

    Notes
    -----
    A week of the year operates by the share of its usual opening days that it opens on. Where the period itself opens
    on less than half of the days that its weekdays would have it open on (a vacation), it stands for the weeks that are
    closed, and those are counted.
    """
    first = scope.period.end.astimezone(scope.tz).date()
    opens_on = [bool(day) for day in scope.schedule.week]
    usual_per_week = sum(opens_on)
    days = [first + timedelta(days=n) for n in range(DAYS_PER_YEAR)]
    start = scope.period.start.astimezone(scope.tz).date()
    own = [start + timedelta(days=n) for n in range(max(1, (first - start).days))]
    month = np.array([day.month - 1 for day in days])
    all_weeks = np.bincount(month, minlength=MONTHS_PER_YEAR) / 7
    index = _load_index(scope, monthly)
    if not usual_per_week:
        return Year(first, all_weeks, False, index)
    opens = _opens_on(days + own, scope)
    operating = np.bincount(month, weights=opens[: len(days)], minlength=MONTHS_PER_YEAR) / usual_per_week
    operating = np.minimum(operating, all_weeks * 7 / usual_per_week)
    is_operating = opens[len(days) :].sum() >= _HALF * sum(opens_on[day.weekday()] for day in own)
    return Year(first, operating if is_operating else np.maximum(all_weeks - operating, 0.0), bool(is_operating), index)


def _opens_on(days: list[date], scope: WeekScope) -> Floats:
    schedule = scope.schedule
    holidays = list_holidays(schedule, range(min(days).year, max(days).year + 1))
    return np.array([bool(hours_of_day(day, schedule, holidays)) for day in days], dtype=float)


def _load_index(scope: WeekScope, monthly: pd.DataFrame | None) -> dict[int, Floats]:
    """Return l_m of each channel that has readings on nine tenths of the days of each of the twelve months before."""
    if monthly is None or monthly.empty:
        return {}
    month = monthly["local_month"].to_numpy(dtype="datetime64[M]")  # months since 1970
    last = np.datetime64(scope.period.end.astimezone(scope.tz).date(), "M")
    number = (last - month).astype(np.int64)
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    days, kwh = (monthly[name].to_numpy(dtype=float) for name in ("days", "energy_kwh"))
    chosen = (number >= 1) & (number <= MONTHS_PER_YEAR) & (days >= _MIN_COVER_RATIO * length)
    ids, place = np.unique(monthly["channel_id"].to_numpy(dtype=np.int64)[chosen], return_inverse=True)
    daily_kwh = np.full((ids.size, MONTHS_PER_YEAR), np.nan)
    daily_kwh[place, month[chosen].astype(np.int64) % MONTHS_PER_YEAR] = (kwh / np.maximum(days, 1))[chosen]
    middle = scope.period.start + (scope.period.end - scope.period.start) / 2
    own_kwh = daily_kwh[:, middle.astimezone(scope.tz).month - 1]
    is_told = (own_kwh > 0) & (daily_kwh >= 0).all(axis=1)  # NaN is neither
    return {int(ids[n]): daily_kwh[n] / own_kwh[n] for n in np.flatnonzero(is_told)}


def annual_amounts(kwh: Floats, rates: Floats, weeks: Floats, scope: WeekScope) -> tuple[float, float]:
    """Return (kWh, currency) in the year ahead of what `kwh` of some intervals of the period come to.

    Parameters
    ----------
    kwh : (n,) floats
    rates : (12, n) floats
        The marginal rate of each interval as if it lay in each month [currency/kWh] (`Pricing.month_rates`).
    weeks : (12,) floats
        `Year.weeks_of` the channel.
    """
    length = max(1.0, period_weeks(scope))  # a shorter period is not blown up to a week
    return float(kwh.sum() * weeks.sum() / length), float(weeks @ (rates @ kwh) / length)
