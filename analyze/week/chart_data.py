"""The series that the report's pages draw, so that a page only has to draw. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source
from analyze.load.schedules import is_open_at
from analyze.meters.completeness import presence_of
from analyze.money.site_demand import SiteDemand
from analyze.week.intervals import (
    WeekScope,
    channel_names,
    energy_meters,
    iso_of_seconds,
    list_runs,
    local_iso,
    number_channels,
    starts_new_run,
    starts_within,
)
from config.opening_hours import list_holidays
from lib.date_utils import list_local_days, local_midnight, wall_seconds
from lib.states import Level
from lib.stats_utils import sum_by_place

Floats = npt.NDArray[np.float64]

_SECONDS_PER_HOUR = 3600
_CELLS = 7 * 24
_MIN_HEAT_COVER = 0.5  # as of a main meter that speaks for its branch
_LEAST_KW = 1e-9  # so that a site at rest divides by no zero
_MOST_METERS = 30  # whose hours are in a report; those with a finding are in any case
_MOST_SPANS = 60  # of wrong readings
_CLOSED_STEP_S = 300
_LEAST_STEPS, _LEAST_UNIT_KWH = 100, 0.001  # in how many steps a meter's highest hour is told, and the finest
_SITE_SERIES = {
    "actual_kwh": "actualKwh",
    "estimated_kwh": "estimatedKwh",
    "expected_kwh": "expectedKwh",
}
_MAX_SILENT_SHARE = 0.2  # of the site's mean power; as of quarantine, beyond it the others are not the site


def build_charts(
    sections: dict[str, Any], site: SiteDemand, intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    """Return the report's `charts`.

    Parameters
    ----------
    sections
        The report's sections; the three lists of the contract repeat what they hold.
    site
        The best that is known of each interval, and the meters whose sum is the site.
    intervals, bad
        All intervals, and their flags (`find_bad_intervals`).
    """
    of_roots = site.of_roots
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
        "hourly": hourly_series(site, intervals, bad, sections, scope),
        "heatMap24x7": heat_map(of_roots, scope),
        "dailyCompleteness": daily_completeness(intervals, scope),
        "costByPeriod": [
            {"name": name, "kwh": part["kwh"], "cost": part["cost"], "hours": part["hours"]}
            for name, part in cost.get("period_breakdown", {}).items()
        ],
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
    source = rows["source"].to_numpy()
    as_metered = (source == Source.METERED) | (source == Source.CAUGHT_UP)
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

    valid = source <= Source.CAUGHT_UP
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


def hourly_series(
    site: SiteDemand, intervals: pd.DataFrame, bad: pd.DataFrame, sections: dict[str, Any], scope: WeekScope
) -> dict[str, Any]:
    """Return the hours of the period, for the site and for each meter, with what a chart of them marks.

    Returns
    -------
    dict
        `start` and `intervalSeconds` place the values of all series, which are kWh; None is an hour of which nothing is
        known. `actualKwh`, `estimatedKwh` and `expectedKwh` are the site's, as `site_load` has them. `meters` are the
        energy meters, the largest first, each with its `actual`, and with its `expected` where a finding is measured
        by it, as whole numbers of `unitKwh`. `closed` and `holidays` say when the site is not open, `leftOut` which
        stretches of a meter's readings are wrong.
    """
    period = site.best.of_period(scope)
    load = site_load(period.of_channels(site.roots), scope)
    return {
        "start": datetime.fromtimestamp(int(load.index[0]), scope.tz).isoformat(),
        "intervalSeconds": _SECONDS_PER_HOUR,
        **{key: _series(load[name].to_numpy(dtype=float)) for name, key in _SITE_SERIES.items()},
        "meters": _meter_series(period, sections, load.index.to_numpy(dtype="int64"), scope),
        "closed": closed_spans(scope),
        "holidays": [
            {"date": day.isoformat(), "name": name}
            for day, name in sorted(list_holidays(scope.schedule, _years(scope)).items())
            if day in list_local_days(scope.period, scope.tz)
        ],
        "leftOut": left_out_spans(intervals, bad, scope),
    }


def _channels_of(*lists: list[dict[str, Any]]) -> list[int]:
    return sorted({item["channelId"] for found in lists for item in found if item.get("channelId") is not None})


def _meter_series(
    period: BestEnergy, sections: dict[str, Any], starts_s: npt.NDArray[np.int64], scope: WeekScope
) -> list[dict[str, Any]]:
    """Return each meter's hours: those with a finding, and the largest others up to `_MOST_METERS`.

    What was expected stands beside those that drew more, or otherwise, than it. A meter at rest has none, and one whose
    intervals are longer than an hour.
    """
    anomalies = sections["anomalies"]
    above = _channels_of(
        sections["quickWins"], sections["afterHoursWaste"]["topMeters"], anomalies["steps"],
        [event for event in anomalies["timeline"] if event["direction"] == "high" or event["severity"] != Level.LOW],
    )  # fmt: skip
    found = _channels_of(anomalies["timeline"], sections["spikes"]["topSpikes"]) + above
    rows = period.rows[period.rows["interval_s"] <= _SECONDS_PER_HOUR]
    place, ids = number_channels(rows)
    hour = rows["epoch_s"].to_numpy(dtype="int64") // _SECONDS_PER_HOUR - starts_s[0] // _SECONDS_PER_HOUR
    cell, size = place * starts_s.size + hour, ids.size * starts_s.size

    def by_hour(name: str) -> Floats:
        """Return the sum of each hour; NaN where one of its intervals is unknown, or there is none."""
        values = rows[name].to_numpy(dtype=float)
        is_known = sum_by_place(cell, (~np.isnan(values)).astype(float), size) > 0
        is_whole = sum_by_place(cell, np.isnan(values).astype(float), size) == 0
        total = sum_by_place(cell, np.nan_to_num(values), size)
        return np.where(is_known & is_whole, total, np.nan).reshape(ids.size, starts_s.size)

    actual, expected = by_hour("kwh"), by_hour("expected_kwh")
    used_kwh = np.nansum(np.abs(actual), axis=1)
    is_found, has_expected = np.isin(ids, found), np.isin(ids, above)
    order = np.lexsort((ids, -used_kwh, ~is_found))[: max(_MOST_METERS, int(is_found.sum()))]
    names = channel_names(scope.meters)
    return [
        {
            "channelId": int(ids[n]),
            "channelName": names[int(ids[n])],
            **_in_units(actual[n], expected[n] if has_expected[n] else None),
        }
        for n in sorted(order.tolist(), key=lambda n: (-used_kwh[n], ids[n]))
        if used_kwh[n] or is_found[n] and not np.isnan(actual[n]).all()
    ]


def _in_units(actual: Floats, expected: Floats | None) -> dict[str, Any]:
    """Return a meter's series as whole numbers of a unit that is fine enough for a chart: half of the JSON's size."""
    series = {"actual": actual} | ({} if expected is None or np.isnan(expected).all() else {"expected": expected})
    peak = max(float(np.nanmax(np.abs(values))) for values in series.values())
    exponent = math.floor(math.log10(max(peak / _LEAST_STEPS, _LEAST_UNIT_KWH)))
    unit = next(
        step * 10.0**exponent for step in (5, 2, 1) if step * 10.0**exponent * _LEAST_STEPS <= peak or step == 1
    )
    return {"unitKwh": round(unit, 6)} | {
        name: [None if value != value else int(value) for value in np.round(values / unit).tolist()]  # NaN is None
        for name, values in series.items()
    }


def closed_spans(scope: WeekScope) -> list[dict[str, str]]:
    """Return when the site is closed within the period, told to five minutes."""
    start, end = (int(moment.timestamp()) for moment in scope.period)
    starts_s = np.arange(start, end, _CLOSED_STEP_S)
    is_closed = ~is_open_at(wall_seconds(starts_s, scope.tz) // 60, scope.schedule)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_closed, [False])).astype("int8")))
    ends_s = np.append(starts_s, end)[edges]
    texts = iso_of_seconds(ends_s.astype("int64"), scope.tz)
    return [{"start": first, "end": last} for first, last in zip(texts[::2], texts[1::2], strict=True)]


def left_out_spans(intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the stretches of the period in which a meter's readings are wrong, the longest `_MOST_SPANS` of them."""
    rows = intervals[
        np.logical_or.reduce([bad[name].to_numpy() for name in bad]) & starts_within(intervals, scope.period)
    ]
    if rows.empty:
        return []
    runs = list_runs(rows, starts_new_run(rows).cumsum())
    kept = runs.sort_values("hours", ascending=False, kind="stable").head(_MOST_SPANS).sort_index()
    return [
        {"channelId": int(channel), "start": start, "end": end}
        for channel, start, end in zip(
            kept["channel_id"], local_iso(kept["start"], scope.tz), local_iso(kept["end"], scope.tz), strict=True
        )
    ]


def _years(scope: WeekScope) -> range:
    return range(scope.period.start.year - 1, scope.period.end.year + 2)


def _series(values: Floats) -> list[float | None]:
    """Return the values as a chart needs them: to 10 Wh, finer where all are small; None for NaN."""
    known = np.abs(values[~np.isnan(values)])
    digits = 3 if not known.size or known.max() < 1 else 2
    return [
        None if value != value else int(value) if value.is_integer() else value
        for value in np.round(values, digits).tolist()
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
    return [[_number(value) for value in day] for day in site_kw.reshape(7, 24).tolist()]


def daily_completeness(intervals: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return for each energy meter how much of each local day of the period its readings cover [%].

    A day that the period holds in part is measured by that part; days of 23 and 25 hours by their own length. So is the
    day of a meter's installation or removal; a day without it has None.
    """
    inside = starts_within(intervals, scope.period)
    channel, epoch_s, hours = (intervals[name].to_numpy()[inside] for name in ("channel_id", "epoch_s", "hours"))
    meters = energy_meters(scope.meters)
    names = channel_names(meters)
    ids, days = np.array(sorted(names), dtype="int64"), list_local_days(scope.period, scope.tz)
    edges = [max(local_midnight(day, scope.tz), scope.period.start).timestamp() for day in days]
    opens, closes = presence_of(intervals, meters, scope.period)
    begins, ends = np.array(edges), np.array([*edges[1:], scope.period.end.timestamp()])
    present_s = np.minimum(ends, closes[:, None]) - np.maximum(begins, opens[:, None])
    length_h = np.maximum(present_s, 0.0) / _SECONDS_PER_HOUR
    day = np.searchsorted(edges, epoch_s, side="right") - 1
    cell = np.searchsorted(ids, channel) * len(days) + day
    covered_h = sum_by_place(cell, hours, ids.size * len(days)).reshape(ids.size, len(days))
    with np.errstate(invalid="ignore", divide="ignore"):
        pct = np.where(length_h > 0, np.minimum(100.0, 100.0 * covered_h / length_h), np.nan)
    return {
        "days": [day.isoformat() for day in days],
        "channels": [
            {
                "channelId": int(key),
                "channelName": names[int(key)],
                "completenessPct": [None if value != value else round(value, 1) for value in own],  # NaN is None
            }
            for key, own in zip(ids.tolist(), pct.tolist(), strict=True)
        ],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)
