"""Forecast a site's energy for the next seven days, hour by hour, with a band that holds four hours out of five.

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.expected.day_types import DayKind, label_days
from analyze.load.forecast_model import MIN_LIKE_DAYS, Floats, Ints, Kinds, Weeks, error_quantiles, predict_week
from analyze.load.site_hours import metered_by_hour, total_by_hour
from analyze.week.intervals import WeekScope, local_iso
from analyze.week.refusals import day_after, unavailable
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.thresholds import Thresholds
from lib.date_utils import HOURS_PER_WEEK, days_before
from lib.stats_utils import sum_by_place

_HOUR = pd.Timedelta(hours=1)
_EPOCH = pd.Timestamp("1970-01-01")
_NUMBERS = ["predicted_kwh", "lower_bound", "upper_bound"]
_STABLE_PCT = 2.0  # a smaller change is called stable; a day more or less of sun moves a week by as much


def forecast_hours(
    hourly: pd.DataFrame,
    bad: pd.DataFrame,
    scope: WeekScope,
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
    hours = total_by_hour(_leave_out(hourly, bad), scope.meters, scope.config)
    metered = metered_by_hour(hourly, scope.meters)
    section = forecast_site(
        hours.hourly, scope.period.end, scope.tz, scope.schedule, site_id=site_id, config=scope.config, metered=metered
    )
    if last_week_kwh is not None and "summary" in section:
        section["summary"]["total_last_7d_actual_kwh"] = round(last_week_kwh, 3)
    return {**section, "leftOutChannels": hours.excluded_ids}


def _leave_out(hourly: pd.DataFrame, bad: pd.DataFrame) -> pd.DataFrame:
    """Return the hours in which no interval is one of `bad`."""
    if bad.empty:
        return hourly
    wrong = pd.MultiIndex.from_arrays([bad["channel_id"], bad["interval_start"].dt.floor("h")])
    return hourly[~pd.MultiIndex.from_arrays([hourly["channel_id"], hourly["timestamp"]]).isin(wrong)]


class _History(NamedTuple):
    """The hours before the forecast, as measured and as weeks."""

    actual_kwh: pd.Series
    weeks: Weeks


def forecast_site(
    hourly: pd.DataFrame,
    horizon_start: datetime,
    tz: ZoneInfo,
    schedule: Schedule = ASSUMED_SCHEDULE,
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
    schedule
        The opening hours: each day is forecast, and learned from, as one of its kind (`label_days`).
    metered
        All the energy of each hour (`metered_by_hour`), for `total_last_7d_actual_kwh`; None takes that of `hourly`.

    Notes
    -----
    See `forecast_model` for the method and its accuracy. Where a day to come has no like days, the section is refused:
    a total of the others would be taken for the week's. Forecast and band are not below 0 unless some hour of the
    history is, as behind a net meter. `trend_change_pct` compares with the same hours of the last seven days, those
    without data left out, so that a silent meter is not taken for a trend.
    """
    config = config or Thresholds()
    start = pd.Timestamp(horizon_start).tz_convert("UTC").ceil("h")
    history = _lay_out(hourly, start, tz, schedule, config)
    kwh = history.weeks.kwh
    covered_pct = 100 * np.isfinite(kwh[-config.forecast.min_weeks :]).mean()
    if covered_pct < config.forecast.min_completeness_pct:
        return _refuse_short(covered_pct, start, tz, config)
    end = days_before(start.to_pydatetime(), -config.forecast.horizon_days, tz)
    moments = pd.date_range(start, end, freq="h", inclusive="left")
    column = _columns(moments, start, tz)
    weeks = [
        _predict(history.weeks, ahead, config.forecast.band_share)
        for ahead in range(int(column[-1]) // HOURS_PER_WEEK + 1)
    ]
    numbers = np.concatenate(weeks)[column]
    table = pd.DataFrame(np.maximum(numbers, min(0.0, float(np.nanmin(kwh)))), columns=_NUMBERS)
    table.insert(0, "timestamp", moments)
    if table["predicted_kwh"].isna().any():
        return _refuse_unlike(table, tz, config)
    since = days_before(start.to_pydatetime(), 7, tz)
    every = history.actual_kwh if metered is None else metered
    last_kwh = float(every[(every.index >= since) & (every.index < start)].sum())
    return _section(table, history, start, tz, site_id, config, last_kwh)


def _predict(weeks: Weeks, ahead: int, share: float) -> Floats:
    """Return the hours of a week, so many after the first: what is predicted, and its band (168 × 3) [kWh]."""
    predicted = predict_week(weeks, len(weeks.kwh), ahead)
    low, high = error_quantiles(weeks, predicted, share)
    return np.stack([predicted.kwh, predicted.kwh + low, predicted.kwh + high], axis=-1).reshape(HOURS_PER_WEEK, -1)


def _refuse_short(covered_pct: float, start: pd.Timestamp, tz: ZoneInfo, config: Thresholds) -> dict[str, Any]:
    needed = f"{config.forecast.min_completeness_pct:.0f} %"
    span = f"the {config.forecast.min_weeks} weeks before {start:%Y-%m-%d}"
    reason = f"hours with data of every main meter cover {covered_pct:.0f} % of {span}; {needed} is needed"
    lacking = 7 * config.forecast.min_weeks * (config.forecast.min_completeness_pct - covered_pct) / 100
    possible = day_after(start.to_pydatetime(), lacking, tz) if covered_pct > 0 else None
    return unavailable("short_history", reason, f"whole hours of every main meter on {needed} of {span}", possible)


def _refuse_unlike(table: pd.DataFrame, tz: ZoneInfo, config: Thresholds) -> dict[str, Any]:
    """Return the refusal of a week with days of a kind that the history does not know."""
    unknown = table.loc[table["predicted_kwh"].isna(), "timestamp"].dt.tz_convert(tz)
    days = ", ".join(f"{day:%a %Y-%m-%d}" for day in sorted(set(unknown.dt.date)))
    span = f"the {config.forecast.history_days} days before"
    reason = f"{days}: fewer than {MIN_LIKE_DAYS} days with such opening hours lie in {span}"
    return unavailable("no_like_days", reason, f"{MIN_LIKE_DAYS} days with the opening hours of {days} in {span}")


def _columns(moments: pd.DatetimeIndex, start: pd.Timestamp, tz: ZoneInfo) -> Ints:
    """Return how many hours of the wall clock lie from `start` to each moment; negative before it."""
    local = moments.tz_convert(tz).tz_localize(None)
    return ((local - start.tz_convert(tz).tz_localize(None)) // _HOUR).to_numpy(dtype=np.int64)


def _lay_out(
    hourly: pd.DataFrame, start: pd.Timestamp, tz: ZoneInfo, schedule: Schedule, config: Thresholds
) -> _History:
    """Return the history as weeks of 168 hours of the wall clock, the last of which ends at `start`.

    The hour that autumn repeats is the mean of its two; the one that spring skips is missing.
    """
    count = -(-config.forecast.history_days * 24 // HOURS_PER_WEEK)
    kwh = np.full(count * HOURS_PER_WEEK, np.nan)
    moments = pd.DatetimeIndex(pd.to_datetime(hourly["timestamp"], utc=True))
    first = start - pd.Timedelta(days=config.forecast.history_days)
    energy = hourly["energy_kwh"].astype("float64").to_numpy()
    keep = (moments >= first) & (moments < start) & np.isfinite(energy)
    moments, energy = moments[keep], energy[keep]
    position = _columns(moments, start, tz) + kwh.size
    keep = (position >= 0) & (position < kwh.size)
    count_of = np.bincount(position[keep], minlength=kwh.size)
    total = sum_by_place(position[keep], energy[keep], kwh.size)
    np.divide(total, count_of, out=kwh, where=count_of > 0)
    actual = pd.Series(energy, index=moments)
    kinds = _label_hours(start, tz, count, -(-config.forecast.horizon_days // 7), schedule)
    return _History(actual, Weeks(kwh.reshape(count, 7, 24), kinds))


def _label_hours(start: pd.Timestamp, tz: ZoneInfo, before: int, after: int, schedule: Schedule) -> Kinds:
    """Return the kinds of the hours of so many weeks before and after `start`, as rows of 7 × 24."""
    hours = np.arange(-before * HOURS_PER_WEEK, after * HOURS_PER_WEEK)
    since = start.tz_convert(tz).tz_localize(None) - _EPOCH
    day = (since // _HOUR + hours) // 24
    types = label_days(int(day[0]), int(day[-1] - day[0]) + 1, schedule)
    rests = types.is_closed & (types.kind != DayKind.REGULAR)
    shape, place = (before + after, 7, 24), types.place_of(day)
    exact, opening, weekday = (values[place].reshape(shape) for values in (types.exact, types.hours, types.weekday))
    return Kinds(exact, opening, weekday, types.is_closed[place].reshape(shape), rests[place].reshape(shape))


def _section(
    table: pd.DataFrame,
    history: _History,
    start: pd.Timestamp,
    tz: ZoneInfo,
    site_id: int,
    config: Thresholds,
    last_week_kwh: float,
) -> dict[str, Any]:
    moments, predicted = pd.DatetimeIndex(table["timestamp"]), table["predicted_kwh"].to_numpy()
    last = history.actual_kwh[history.actual_kwh.index >= days_before(start.to_pydatetime(), 7, tz)]
    same = _same_hours(predicted, _columns(moments, start, tz), _columns(pd.DatetimeIndex(last.index), start, tz))
    known_kwh = last.to_numpy()[np.isfinite(same)]
    last_kwh, same_kwh = float(known_kwh.sum()), float(np.nansum(same))
    flow_kwh = float(np.abs(known_kwh).sum())  # behind a net meter, import and export may cancel out
    change_pct = 100 * (same_kwh - last_kwh) / flow_kwh if flow_kwh > 0 else 0.0
    direction = "stable" if abs(change_pct) < _STABLE_PCT else "increasing" if change_pct > 0 else "decreasing"
    rows = zip(local_iso(table["timestamp"], tz), table[_NUMBERS].round(3).to_numpy().tolist(), strict=True)
    return {
        "forecast": [{"timestamp": moment, **dict(zip(_NUMBERS, row, strict=True))} for moment, row in rows],
        "summary": {
            "site_id": site_id,
            "horizon_days": config.forecast.horizon_days,
            "training_rows": len(history.actual_kwh),
            "forecast_hours": len(table),
            "total_predicted_kwh": round(float(predicted.sum()), 3),
            "total_last_7d_actual_kwh": round(last_week_kwh, 3),
            "daily_forecast": _list_days(moments, predicted, tz),
            "trend_direction": direction,
            "trend_change_pct": round(change_pct, 2),
            "band_pct": 80,
        },
    }


def _same_hours(predicted_kwh: Floats, column: Ints, last_column: Ints) -> Floats:
    """Return what is predicted for the same hours of the week as those of the last one (NaN for none) [kWh]."""
    size = max(int(column.max()) + 1, HOURS_PER_WEEK)
    count, total = np.bincount(column, minlength=size), sum_by_place(column, predicted_kwh, size)
    mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return mean[last_column % HOURS_PER_WEEK]


def _list_days(moments: pd.DatetimeIndex, predicted_kwh: Floats, tz: ZoneInfo) -> list[dict[str, Any]]:
    """Return the forecast of each local day, and its highest hour."""
    day = moments.tz_convert(tz).tz_localize(None).to_numpy().astype("datetime64[D]")
    first = np.concatenate([[0], np.flatnonzero(day[1:] != day[:-1]) + 1])
    sums, highest = np.add.reduceat(predicted_kwh, first), np.maximum.reduceat(predicted_kwh, first)
    return [
        {"date": str(date), "predicted_kwh": round(float(kwh), 3), "peak_hour_kwh": round(float(peak), 3)}
        for date, kwh, peak in zip(day[first], sums, highest, strict=True)
    ]


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
