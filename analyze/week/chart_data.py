"""The series that the report's pages draw, so that a page only has to draw. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source
from analyze.money.site_demand import SiteDemand
from analyze.week.intervals import WeekScope, channel_names, energy_meters, in_window, number_channels
from lib.date_utils import list_local_days, local_midnight
from lib.stats_utils import sum_by_place

Floats = npt.NDArray[np.float64]

_SECONDS_PER_HOUR = 3600
_CELLS = 7 * 24
_MIN_HEAT_COVER = 0.5  # as of a main meter that speaks for its branch
_LEAST_KW = 1e-9  # so that a site at rest divides by no zero
_MAX_SILENT_SHARE = 0.2  # of the site's mean power; as of quarantine, beyond it the others are not the site


def build_charts(
    sections: dict[str, Any], site: SiteDemand, intervals: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    """Return the report's `charts`.

    Parameters
    ----------
    sections
        The report's sections; the three lists of the contract repeat what they hold.
    site
        The best that is known of each interval, and the meters whose sum is the site.
    intervals
        All intervals, bad ones included.
    """
    of_roots = site.best.of_period(scope).of_channels(site.roots)
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
        "siteLoad": _list_hours(site_load(of_roots, scope), scope),
        "heatMap24x7": heat_map(of_roots, scope),
        "completenessByDay": completeness_by_day(intervals, scope),
        "costByPeriod": [
            {"name": name, "kwh": part["kwh"], "cost": part["cost"], "hours": part["hours"]}
            for name, part in cost.get("period_breakdown", {}).items()
        ],
        "forecastBand": sections["forecast"].get("forecast", []),
    }


def site_load(of_roots: BestEnergy, scope: WeekScope) -> pd.DataFrame:
    """Return the site's energy of each UTC hour of the period beside what is expected, by `epoch_s`.

    Parameters
    ----------
    of_roots
        The root meters' intervals of the period.

    Returns
    -------
    pd.DataFrame
        `actual_kwh`, of which `estimated_kwh` is not as metered; `expected_kwh` with its band `low_kwh` to `high_kwh`,
        in which a meter without a basis counts as it was; `meters`, how many of the root meters were valid in the hour.
        An hour of which nothing is known is NaN, NaN and 0. Nothing is expected where meters without a basis bring more
        than `_MAX_SILENT_SHARE` of the hour's energy. The band of several meters is as if they strayed apart from each
        other, by which it is narrower than the sum of theirs.
    """
    rows = of_roots.rows
    start, end = (int(moment.timestamp()) for moment in scope.period)
    first = start // _SECONDS_PER_HOUR
    size = -(-end // _SECONDS_PER_HOUR) - first
    hour = rows["epoch_s"].to_numpy(dtype="int64") // _SECONDS_PER_HOUR - first
    kwh, expected = rows["kwh"].to_numpy(), rows["expected_kwh"].to_numpy()
    known, has_basis = ~np.isnan(kwh), ~np.isnan(expected)
    as_metered = rows["source"].isin([Source.METERED, Source.CAUGHT_UP]).to_numpy()
    channel, ids = number_channels(rows)

    def total(values: Floats) -> Floats:
        return sum_by_place(hour, np.nan_to_num(values), size)

    count = total(known.astype(float))
    unbased = total(np.where(has_basis, 0.0, np.abs(kwh)))
    is_told = (total((known & has_basis).astype(float)) > 0) & (unbased <= _MAX_SILENT_SHARE * total(np.abs(kwh)))
    middle = total(np.where(has_basis, expected, kwh))
    cell = hour * max(ids.size, 1) + channel

    def reach(name: str) -> Floats:
        """Return the root of the sum over the meters of the squares of how far their hour may stray."""
        apart = np.nan_to_num(rows[name].to_numpy() - expected)
        by_meter = sum_by_place(cell, apart, size * max(ids.size, 1)).reshape(size, -1)
        return np.sqrt((by_meter**2).sum(axis=1))

    valid = (rows["source"] <= Source.CAUGHT_UP).to_numpy()
    heard = np.bincount(np.unique(cell[valid]) // max(ids.size, 1), minlength=size)
    return pd.DataFrame(
        {
            "actual_kwh": np.where(count > 0, total(kwh), np.nan),
            "estimated_kwh": np.where(count > 0, total(np.where(as_metered, 0.0, kwh)), np.nan),
            "expected_kwh": np.where(is_told, middle, np.nan),
            "low_kwh": np.where(is_told, middle - reach("expected_low_kwh"), np.nan),
            "high_kwh": np.where(is_told, middle + reach("expected_high_kwh"), np.nan),
            "meters": heard,
        },
        index=pd.Index((np.arange(size) + first) * _SECONDS_PER_HOUR, name="epoch_s"),
    )


def _list_hours(load: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    local = pd.to_datetime(load.index, unit="s", utc=True).tz_convert(scope.tz)
    columns = (load[name] for name in load.columns)
    return [
        {
            "timestamp": moment.isoformat(),
            "actualKwh": _number(actual),
            "estimatedKwh": _number(estimated),
            "expectedKwh": _number(expected),
            "lowKwh": _number(low),
            "highKwh": _number(high),
            "meters": int(meters),
        }
        for moment, actual, estimated, expected, low, high, meters in zip(local, *columns, strict=True)
    ]


def heat_map(of_roots: BestEnergy, scope: WeekScope) -> list[list[float | None]]:
    """Return the site's mean power [kW] by weekday (Monday first) and hour of the wall clock.

    Parameters
    ----------
    of_roots
        The root meters' intervals of the period, of which the valid ones count.

    Notes
    -----
    A cell is the sum of the meters' mean powers, each over what it has of these hours: a missing quarter of an hour is
    no lull. Meters that have nothing of a cell are not in it, as in `site_load`; where they make up more than
    `_MAX_SILENT_SHARE` of the site's mean power the cell is None. One that covers less than `_MIN_HEAT_COVER` of the
    period is in no cell.
    """
    rows = of_roots.rows[of_roots.is_valid]
    code, ids = number_channels(rows)
    cell, shape = code * _CELLS + rows["hour_of_week"].to_numpy(dtype="int64"), (len(ids), _CELLS)
    kwh, hours = (sum_by_place(cell, rows[name], len(ids) * _CELLS).reshape(shape) for name in ("kwh", "hours"))
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
    ids, days = np.array(sorted(names), dtype="int64"), list_local_days(scope.period, scope.tz)
    edges = [max(local_midnight(day, scope.tz), scope.period.start).timestamp() for day in days]
    length_h = np.diff([*edges, scope.period.end.timestamp()]) / _SECONDS_PER_HOUR
    day = np.searchsorted(edges, rows["epoch_s"], side="right") - 1
    cell = np.searchsorted(ids, rows["channel_id"]) * len(days) + day
    covered_h = sum_by_place(cell, rows["hours"], ids.size * len(days)).reshape(ids.size, len(days))
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


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
