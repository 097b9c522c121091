"""Forecast a site's energy for the next seven days, hour by hour, with a band that holds four hours out of five.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.forecast_model import Weeks, error_quantiles, predict_week
from analyze.load.site_hours import metered_by_hour, total_by_hour
from analyze.week.intervals import WeekScope
from analyze.week.refusals import day_after, unavailable
from config.thresholds import Thresholds
from lib.date_utils import HOURS_PER_WEEK, days_before

_HOUR = pd.Timedelta(hours=1)
_SUNDAY = 6
_STABLE_PCT = 2.0  # a smaller change is called stable; a day more or less of sun moves a week by as much


def forecast_hours(
    hourly: pd.DataFrame,
    bad: pd.DataFrame,
    scope: WeekScope,
    holidays: Collection[date],
    site_id: int,
    last_week_kwh: float | None = None,
) -> dict[str, Any]:
    """Return the section "forecast" of the seven days after the period.

    Parameters
    ----------
    hourly
        Of the root meters up to the period's end (`lib.readings.load_hourly`).
    bad
        Intervals that a meter got wrong: their hours are left out of the history.
    last_week_kwh
        What the site used in the seven local days before the period's end, as its intervals tell it: where days begin
        between two UTC hours, the hours cannot. None takes the hours.
    """
    wrong = pd.MultiIndex.from_arrays([bad["channel_id"], bad["interval_start"].dt.floor("h")])
    is_wrong = pd.MultiIndex.from_arrays([hourly["channel_id"], hourly["timestamp"]]).isin(wrong)
    hours = total_by_hour(hourly[~is_wrong], scope.meters, scope.config)
    metered = metered_by_hour(hourly, scope.meters)
    section = forecast_site(
        hours.hourly, scope.period.end, scope.tz, holidays, site_id=site_id, config=scope.config, metered=metered
    )
    if last_week_kwh is not None and "summary" in section:
        section["summary"]["total_last_7d_actual_kwh"] = round(last_week_kwh, 3)
    return {**section, "leftOutChannels": hours.excluded_ids}


def forecast_site(
    hourly: pd.DataFrame,
    horizon_start: datetime,
    tz: ZoneInfo,
    holidays: Collection[date] | None = None,
    *,
    site_id: int = 0,
    config: Thresholds | None = None,
    metered: pd.Series | None = None,
) -> dict[str, Any]:
    """Return the section "forecast": the seven local days from `horizon_start` on.

    Parameters
    ----------
    hourly
        `timestamp` (start of the UTC hour) and `energy_kwh` of whole hours; missing hours have no row or NaN. What is
        not before `horizon_start`, or more than 90 days before it, is left out.
    holidays
        Local days on which the site is closed: they are forecast as a Sunday, and nothing is learned from them.
    metered
        All the energy of each hour (`metered_by_hour`), for `total_last_7d_actual_kwh`; None takes that of `hourly`.

    Notes
    -----
    See `forecast_model` for the method and its accuracy. Forecast and band are not below 0 unless some hour of the
    history is. `trend_change_pct` compares with the same hours of the last seven days, those without data left out, so
    that a silent meter is not taken for a trend.
    """
    config = config or Thresholds()
    start = pd.Timestamp(horizon_start).tz_convert("UTC").ceil("h")
    weeks = _lay_out(hourly, start, tz, frozenset(holidays or ()), config)
    covered_pct = 100 * np.isfinite(weeks.kwh[-config.forecast.min_weeks :]).mean()
    if covered_pct < config.forecast.min_completeness_pct:
        needed = f"{config.forecast.min_completeness_pct:.0f} %"
        span = f"the {config.forecast.min_weeks} weeks before {start:%Y-%m-%d}"
        reason = f"hours with data of every main meter cover {covered_pct:.0f} % of {span}; {needed} is needed"
        lacking = 7 * config.forecast.min_weeks * (config.forecast.min_completeness_pct - covered_pct) / 100
        possible = day_after(start.to_pydatetime(), lacking, tz) if covered_pct > 0 else None
        return unavailable("short_history", reason, f"whole hours of every main meter on {needed} of {span}", possible)
    predicted = predict_week(weeks.kwh)
    low, high = error_quantiles(weeks.kwh, predicted, config.forecast.band_share)
    end = days_before(start.to_pydatetime(), -config.forecast.horizon_days, tz)
    moments = pd.date_range(start, end, freq="h", inclusive="left")
    column = _like_sunday(moments, _columns(moments, start, tz), tz, weeks.holidays)
    floor = min(0.0, float(np.nanmin(weeks.kwh)))
    table = pd.DataFrame(
        {
            "timestamp": moments,
            "predicted_kwh": np.maximum(predicted, floor)[column],
            "lower_bound": np.maximum(predicted + low, floor)[column],
            "upper_bound": np.maximum(predicted + high, floor)[column],
        }
    )
    since = days_before(start.to_pydatetime(), 7, tz)
    every = weeks.actual_kwh if metered is None else metered
    last_kwh = float(every[(every.index >= since) & (every.index < start)].sum())
    return _section(table, weeks, start, tz, site_id, config, last_kwh)


def _columns(moments: pd.DatetimeIndex, start: pd.Timestamp, tz: ZoneInfo) -> npt.NDArray[np.int64]:
    """Return how many hours of the wall clock lie from `start` to each moment; negative before it."""
    local = moments.tz_convert(tz).tz_localize(None)
    return ((local - start.tz_convert(tz).tz_localize(None)) // _HOUR).to_numpy(dtype=np.int64)


def _lay_out(
    hourly: pd.DataFrame, start: pd.Timestamp, tz: ZoneInfo, holidays: frozenset[date], config: Thresholds
) -> Weeks:
    """Return the history as rows of 168 hours of the wall clock, the last of which ends at `start`.

    The hour that autumn repeats is the mean of its two; the one that spring skips is missing, as holidays are.
    """
    count = -(-config.forecast.history_days * 24 // HOURS_PER_WEEK)
    kwh = np.full(count * HOURS_PER_WEEK, np.nan)
    moments = pd.DatetimeIndex(pd.to_datetime(hourly["timestamp"], utc=True))
    first = start - pd.Timedelta(days=config.forecast.history_days)
    energy = hourly["energy_kwh"].astype("float64").to_numpy()
    keep = (moments >= first) & (moments < start) & np.isfinite(energy)
    moments, energy = moments[keep], energy[keep]
    position = _columns(moments, start, tz) + kwh.size
    days = np.array(list(holidays), dtype=object)
    is_holiday = np.isin(moments.tz_convert(tz).date, days) if holidays else np.zeros(moments.size, dtype=bool)
    keep = (position >= 0) & (position < kwh.size) & ~is_holiday
    mean = pd.Series(energy[keep]).groupby(position[keep]).mean()
    kwh[mean.index.to_numpy(dtype=int)] = mean
    actual = pd.Series(energy, index=moments)
    return Weeks(kwh.reshape(count, HOURS_PER_WEEK), actual, holidays)


def _like_sunday(
    moments: pd.DatetimeIndex, column: npt.NDArray[np.int64], tz: ZoneInfo, holidays: frozenset[date]
) -> npt.NDArray[np.int64]:
    """Return which hour of the week each moment is forecast as: its own, or the same hour of Sunday on a holiday."""
    local = moments.tz_convert(tz)
    days_on = (_SUNDAY - local.day_of_week.to_numpy()) % 7
    is_holiday = np.array([day in holidays for day in local.date], dtype=bool)
    return (column + np.where(is_holiday, 24 * days_on, 0)) % HOURS_PER_WEEK


def _section(
    table: pd.DataFrame,
    weeks: Weeks,
    start: pd.Timestamp,
    tz: ZoneInfo,
    site_id: int,
    config: Thresholds,
    last_week_kwh: float,
) -> dict[str, Any]:
    local = table["timestamp"].dt.tz_convert(tz)
    last = weeks.actual_kwh[weeks.actual_kwh.index >= days_before(start.to_pydatetime(), 7, tz)]
    by_column = table["predicted_kwh"].groupby(_columns(pd.DatetimeIndex(table["timestamp"]), start, tz)).mean()
    same = by_column.reindex(_columns(pd.DatetimeIndex(last.index), start, tz) % HOURS_PER_WEEK).to_numpy()
    last_kwh, same_kwh = float(last[np.isfinite(same)].sum()), float(np.nansum(same))
    change_pct = 100 * (same_kwh / last_kwh - 1) if last_kwh > 0 else 0.0
    direction = "stable" if abs(change_pct) < _STABLE_PCT else "increasing" if change_pct > 0 else "decreasing"
    daily = table.groupby(local.dt.date)["predicted_kwh"].agg(["sum", "max"])
    numbers = ["predicted_kwh", "lower_bound", "upper_bound"]
    rows = table[numbers].round(3).assign(timestamp=[moment.isoformat() for moment in local])
    return {
        "forecast": rows[["timestamp", *numbers]].to_dict("records"),
        "summary": {
            "site_id": site_id,
            "horizon_days": config.forecast.horizon_days,
            "training_rows": len(weeks.actual_kwh),
            "forecast_hours": len(table),
            "total_predicted_kwh": round(float(table["predicted_kwh"].sum()), 3),
            "total_last_7d_actual_kwh": round(last_week_kwh, 3),
            "daily_forecast": [
                {
                    "date": day.isoformat(),
                    "predicted_kwh": round(float(row["sum"]), 3),
                    "peak_hour_kwh": round(float(row["max"]), 3),
                }
                for day, row in daily.iterrows()
            ],
            "trend_direction": direction,
            "trend_change_pct": round(change_pct, 2),
            "band_pct": 80,
        },
    }


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    if "summary" not in section:
        return f"no forecast: {section['reason']}"
    summary = section["summary"]
    lines = [
        f"{summary['total_predicted_kwh']:,.0f} kWh in {summary['horizon_days']} days, {summary['trend_direction']} "
        f"({summary['trend_change_pct']:+.1f} % on the last 7 days)"
    ]
    lines += [
        f"{day['date']}  {day['predicted_kwh']:10,.1f} kWh  peak {day['peak_hour_kwh']:8,.1f} kWh in an hour"
        for day in summary["daily_forecast"]
    ]
    return "\n".join(lines)
