"""The series that the report's pages draw, so that a page only has to draw. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import WeekScope, channel_names, energy_meters, in_window, number_channels
from lib.date_utils import local_midnight

_SECONDS_PER_HOUR = 3600
_CELLS = 7 * 24
_MIN_HEAT_COVER = 0.5  # as of a main meter that speaks for its branch
_LEAST_KW = 1e-9  # so that a site at rest divides by no zero
_MAX_SILENT_SHARE = 0.2  # of the site's mean power; as of quarantine, beyond it the others are not the site


def build_charts(
    sections: dict[str, Any], profiled: pd.DataFrame, intervals: pd.DataFrame, roots: set[int], scope: WeekScope
) -> dict[str, Any]:
    """Return the report's `charts`.

    Parameters
    ----------
    sections
        The report's sections; the three lists of the contract repeat what they hold.
    profiled
        Sound intervals of the period with their hour-of-week profile (`profile_period`).
    intervals
        All intervals, bad ones included.
    roots
        The meters whose sum is the site.
    """
    root_rows = profiled[profiled["channel_id"].isin(roots)]
    cost = sections["costOptimization"].get("tou_analysis", {})
    return {
        "afterHoursRanking": [
            {
                "name": meter["channelName"],
                "excessKwh": meter["impact"]["excessKwh"],
                "cost": meter["impact"]["excessCost"],
            }
            for meter in sections["afterHoursWaste"]["topMeters"]
        ],
        "anomalyTimeline": sections["anomalies"]["timeline"],
        "spikeEvents": sections["spikes"]["topSpikes"],
        "siteLoad": _list_hours(site_load(root_rows, scope), scope),
        "heatMap24x7": heat_map(root_rows, scope),
        "completenessByDay": completeness_by_day(intervals, scope),
        "costByPeriod": [
            {"name": name, "kwh": part["kwh"], "cost": part["cost"], "hours": part["hours"]}
            for name, part in cost.get("period_breakdown", {}).items()
        ],
        "forecastBand": sections["forecast"].get("forecast", []),
    }


def site_load(profiled: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the site's energy of each UTC hour of the period, beside what is usual, by `epoch_s`.

    Parameters
    ----------
    profiled
        The root meters' sound intervals with `q50_kw`, the baseline median of their hour of the week.

    Returns
    -------
    pd.DataFrame
        `actual_kwh`; `expected_kwh`, in which a meter without history counts as it was; `meters`, how many of the root
        meters have readings in the hour. An hour without any is NaN, NaN and 0. Actual and expected are of the same
        intervals, so that a silent meter is no saving.
    """
    start, end = (int(moment.timestamp()) for moment in scope.period)
    first = start // _SECONDS_PER_HOUR
    size = -(-end // _SECONDS_PER_HOUR) - first
    hour = profiled["epoch_s"].to_numpy(dtype="int64") // _SECONDS_PER_HOUR - first
    expected = (profiled["q50_kw"].fillna(profiled["mean_kw"]) * profiled["hours"]).to_numpy()
    count = np.bincount(hour, minlength=size)
    channel, _ = pd.factorize(profiled["channel_id"])
    pairs = np.unique(hour * (channel.max(initial=0) + 1) + channel) // (channel.max(initial=0) + 1)

    def total(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(count > 0, np.bincount(hour, weights=values, minlength=size), np.nan)

    return pd.DataFrame(
        {
            "actual_kwh": total(profiled["used_kwh"].to_numpy()),
            "expected_kwh": total(expected),
            "meters": np.bincount(pairs, minlength=size),
        },
        index=pd.Index((np.arange(size) + first) * _SECONDS_PER_HOUR, name="epoch_s"),
    )


def _list_hours(load: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    local = pd.to_datetime(load.index, unit="s", utc=True).tz_convert(scope.tz)
    return [
        {
            "timestamp": moment.isoformat(),
            "actualKwh": _number(actual),
            "expectedKwh": _number(expected),
            "meters": int(meters),
        }
        for moment, actual, expected, meters in zip(local, *(load[name] for name in load.columns), strict=True)
    ]


def heat_map(rows: pd.DataFrame, scope: WeekScope) -> list[list[float | None]]:
    """Return the site's mean power [kW] by weekday (Monday first) and hour of the wall clock.

    Parameters
    ----------
    rows
        The root meters' sound intervals of the period.

    Notes
    -----
    A cell is the sum of the meters' mean powers, each over what it has of these hours: a missing quarter of an hour is
    no lull. Meters that have nothing of a cell are not in it, as in `site_load`; where they make up more than
    `_MAX_SILENT_SHARE` of the site's mean power the cell is None. One that covers less than `_MIN_HEAT_COVER` of the
    period is in no cell.
    """
    code, ids = number_channels(rows)
    cell, shape = code * _CELLS + rows["hour_of_week"].to_numpy(dtype="int64"), (len(ids), _CELLS)
    kwh, hours = (
        np.bincount(cell, weights=rows[name], minlength=len(ids) * _CELLS).reshape(shape)
        for name in ("used_kwh", "hours")
    )
    period_hours = (scope.period.end - scope.period.start).total_seconds() / _SECONDS_PER_HOUR
    kept = hours.sum(axis=1) >= _MIN_HEAT_COVER * period_hours
    if not kept.any():
        return np.full((7, 24), None).tolist()
    kwh, hours = kwh[kept], hours[kept]
    meter_kw = kwh.sum(axis=1) / hours.sum(axis=1)
    silent_share = np.where(hours > 0, 0.0, meter_kw[:, None]).sum(axis=0) / max(meter_kw.sum(), _LEAST_KW)
    known_kw = np.divide(kwh, hours, out=np.zeros_like(kwh), where=hours > 0).sum(axis=0)
    is_told = (silent_share <= _MAX_SILENT_SHARE) & (hours > 0).any(axis=0)
    site_kw = np.where(is_told, known_kw, np.nan)
    return [[_number(value) for value in day] for day in site_kw.reshape(7, 24)]


def completeness_by_day(intervals: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return for each energy meter how much of each local day of the period its readings cover [%].

    A day that the period holds in part is measured by that part; days of 23 and 25 hours by their own length.
    """
    rows = intervals[in_window(intervals, scope.period)]
    names = channel_names(energy_meters(scope.meters))
    ids, days = np.array(sorted(names), dtype="int64"), _days_of(scope)
    edges = [max(local_midnight(day, scope.tz), scope.period.start).timestamp() for day in days]
    length_h = np.diff([*edges, scope.period.end.timestamp()]) / _SECONDS_PER_HOUR
    day = np.searchsorted(edges, rows["epoch_s"], side="right") - 1
    cell = np.searchsorted(ids, rows["channel_id"]) * len(days) + day
    covered_h = np.bincount(cell, weights=rows["hours"], minlength=ids.size * len(days)).reshape(ids.size, len(days))
    pct = np.minimum(100.0, 100.0 * covered_h / length_h)
    return [
        {
            "channelId": int(key),
            "channelName": names[int(key)],
            "days": [
                {"date": local.isoformat(), "completenessPct": round(float(p), 1)}
                for local, p in zip(days, own, strict=True)
            ],
        }
        for key, own in zip(ids, pct, strict=True)
    ]


def _days_of(scope: WeekScope) -> list[date]:
    first = scope.period.start.astimezone(scope.tz).date()
    last = (scope.period.end - timedelta(microseconds=1)).astimezone(scope.tz).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
