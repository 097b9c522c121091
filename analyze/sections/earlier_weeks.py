"""What each meter used in the same days of last week and of last year. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.expected.best_energy import Source
from analyze.money.site_demand import SiteDemand
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, starts_within, sum_by_channel
from lib.date_utils import Window, days_before

DAYS_PER_WEEK = 7
DAYS_PER_YEAR = 364  # the same weekdays a year before
_MIN_COVER_RATIO = 0.95  # of the hours; with less of them a sum would look like a change
_LONGEST = timedelta(days=DAYS_PER_WEEK, hours=1)  # a week in which clocks go back


def year_before(period: Window, tz: ZoneInfo) -> Window:
    """Return the same weekdays a year before the period."""
    return Window(*(days_before(moment, DAYS_PER_YEAR, tz) for moment in period))


def add_earlier_weeks(
    consumption: dict[str, Any], site: SiteDemand, hours_before: pd.DataFrame | None, scope: WeekScope
) -> None:
    """Add `weekBeforeKwh` and `yearBeforeKwh` to what was used, in all and by meter.

    Parameters
    ----------
    consumption
        The section (`build_consumption`).
    hours_before
        The hours of a year before (`year_before`, `lib.readings.load_hourly`), as metered.

    Notes
    -----
    Both are of the same weekdays. A meter of which less than 95 % of these days is known has None, and the site's sum
    is None where one of the meters of its total has. Nothing is told of a period longer than a week.
    """
    week, year = _week_before(site, scope), _year_before(hours_before, scope)
    for name, sums in (("weekBeforeKwh", week), ("yearBeforeKwh", year)):
        for row in consumption["byChannel"]:
            row[name] = _rounded(sums.get(row["channelId"]))
        of_roots = [sums.get(row["channelId"]) for row in consumption["byChannel"] if row["isRoot"]]
        known = [kwh for kwh in of_roots if kwh is not None]
        consumption[name] = _rounded(sum(known)) if known and len(known) == len(of_roots) else None


def _week_before(site: SiteDemand, scope: WeekScope) -> dict[int, float]:
    if scope.period.end - scope.period.start > _LONGEST:
        return {}
    window = Window(*(days_before(moment, DAYS_PER_WEEK, scope.tz) for moment in scope.period))
    rows = site.best.rows
    valid = (rows["source"].to_numpy() <= Source.EXPECTED) & ~np.isnan(rows["kwh"].to_numpy())
    return _covered(sum_by_channel(rows, ("kwh", "hours"), valid & starts_within(rows, window)), window)


def _year_before(hours: pd.DataFrame | None, scope: WeekScope) -> dict[int, float]:
    if hours is None or hours.empty or scope.period.end - scope.period.start > _LONGEST:
        return {}
    known = hours[hours["energy_kwh"].notna()].assign(hours=1.0)
    return _covered(sum_by_channel(known, ("energy_kwh", "hours")), year_before(scope.period, scope.tz))


def _covered(sums: dict[int, list[float]], window: Window) -> dict[int, float]:
    """Return the energy of the meters of which enough hours are known, by their sums of energy and hours."""
    least_hours = _MIN_COVER_RATIO * (window.end - window.start).total_seconds() / SECONDS_PER_HOUR
    return {key: kwh for key, (kwh, hours) in sums.items() if hours >= least_hours}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
