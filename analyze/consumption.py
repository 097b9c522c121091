"""What the site used in the period, and how good the data behind it are. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.completeness import channel_completeness
from analyze.intervals import (
    WeekScope,
    baseline_week_numbers,
    channel_names,
    energy_meters,
    in_window,
    period_weeks,
)
from analyze.meter_tree import root_of_channels

_COMPARABLE_PCT = 95.0  # weeks are compared only when both are this full; else a gap looks like a saving


def build_consumption(intervals: pd.DataFrame, clean: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return what was used: in all, by channel, by local day.

    Parameters
    ----------
    intervals, clean
        All intervals of baseline and period, and the sound ones.

    Notes
    -----
    `totalKwh` and `daily` add up the energy as metered, bad intervals included, of the root meters: those without a
    parent that reports in the period. `peakKw` is the highest mean power of a sound interval. A value without any
    reading behind it is None, not 0. `usualKwh` is the median of the baseline weeks that are at least 95 % complete,
    for a period of this length.
    """
    period = intervals[in_window(intervals, scope.period)]
    reporting = set(period["channel_id"].astype(int))
    root_of = root_of_channels(scope.meters, reporting)
    roots = {channel_id for channel_id, root in root_of.items() if channel_id == root}
    root_rows = period[period["channel_id"].isin(roots)]
    total_kwh, usual_kwh = float(root_rows["energy_kwh"].sum()), _usual_kwh(intervals, roots, scope)
    return {
        "totalKwh": round(total_kwh, 3),
        "usualKwh": usual_kwh and round(usual_kwh, 3),
        "changePct": round(100 * (total_kwh / usual_kwh - 1), 1) if usual_kwh else None,
        "byChannel": _by_channel(period, clean[in_window(clean, scope.period)], roots, scope),
        "daily": _by_day(root_rows, scope),
    }


def _by_channel(
    period: pd.DataFrame, clean_period: pd.DataFrame, roots: set[int], scope: WeekScope
) -> list[dict[str, Any]]:
    names = channel_names(scope.meters)
    energy_kwh = period.groupby("channel_id")["energy_kwh"].sum(min_count=1)
    peak_kw = clean_period.groupby("channel_id")["mean_kw"].max()
    coverage = channel_completeness(period, scope.meters, scope.period)
    return [
        {
            "channelId": int(row.channel_id),
            "channelName": names[int(row.channel_id)],
            "energyKwh": _number(energy_kwh.get(row.channel_id), 3),
            "peakKw": _number(peak_kw.get(row.channel_id), 3),
            "completenessPct": _number(row.completeness_pct, 1),
            "isRoot": int(row.channel_id) in roots,
        }
        for row in coverage.itertuples()
    ]


def _by_day(root_rows: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the energy of every local day that the period touches."""
    energy_kwh = root_rows.groupby(root_rows["local_time"].dt.date)["energy_kwh"].sum(min_count=1)
    first = scope.period.start.astimezone(scope.tz).date()
    last = (scope.period.end - timedelta(microseconds=1)).astimezone(scope.tz).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [{"date": day.isoformat(), "energyKwh": _number(energy_kwh.get(day), 3)} for day in days]


def _usual_kwh(intervals: pd.DataFrame, roots: set[int], scope: WeekScope) -> float | None:
    """Return the median energy of the full baseline weeks, or None without one or when the period is not full."""
    is_root, in_period = intervals["channel_id"].isin(roots), in_window(intervals, scope.period)
    number = np.where(in_period, scope.config.baseline_weeks, baseline_week_numbers(intervals, scope))
    rows = intervals[is_root & (number >= 0)]
    week = pd.Series(number, index=intervals.index)[rows.index]
    weekly = rows.groupby(week)[["energy_kwh", "hours"]].sum()
    period_hours = (scope.period.end - scope.period.start).total_seconds() / 3600
    week_hours = (scope.baseline.end - scope.baseline.start).total_seconds() / 3600 / scope.config.baseline_weeks
    hours = pd.Series(week_hours, index=weekly.index)
    hours[scope.config.baseline_weeks] = period_hours
    full = weekly[weekly["hours"] >= _COMPARABLE_PCT / 100 * len(roots) * hours.reindex(weekly.index)]
    usual = full.drop(index=scope.config.baseline_weeks, errors="ignore")["energy_kwh"]
    if scope.config.baseline_weeks not in full.index or usual.empty:
        return None
    return float(usual.median()) * period_weeks(scope)


def build_data_quality(intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return how complete the period's data are, and what was left out of the findings.

    Parameters
    ----------
    intervals, bad
        All intervals, and their flags (`find_bad_intervals`).

    Notes
    -----
    `avgCompleteness` is the mean over the energy meters of which anything was to be expected, in percent.
    `channelsAnalyzed` counts those with a sound interval in the period. An interval with two flags counts once in
    `excluded.intervals`.
    """
    is_bad, in_period = bad.any(axis=1), in_window(intervals, scope.period)
    names, energy_kwh = channel_names(scope.meters), intervals["energy_kwh"]
    coverage = channel_completeness(intervals, scope.meters, scope.period)
    left_out = intervals[is_bad & in_period].groupby("channel_id")["energy_kwh"].agg(["size", "sum"])
    pct = coverage["completeness_pct"]

    def measure(mask: pd.Series) -> dict[str, Any]:
        return {"intervals": int(mask.sum()), "energyKwh": round(float(energy_kwh[mask].sum()), 3)}

    return {
        "channelsAnalyzed": int(intervals.loc[in_period & ~is_bad, "channel_id"].nunique()),
        "energyMeters": len(energy_meters(scope.meters)),
        "otherChannels": len(scope.meters) - len(energy_meters(scope.meters)),
        "avgCompleteness": round(float(pct.mean()), 1) if pct.notna().any() else 0.0,
        "byChannel": [
            {
                "channelId": int(row.channel_id),
                "channelName": names[int(row.channel_id)],
                "expectedIntervals": int(row.expected_intervals),
                "presentIntervals": int(row.present_intervals),
                "completenessPct": _number(row.completeness_pct, 1),
                "excludedIntervals": int(left_out["size"].get(row.channel_id, 0)),
                "excludedKwh": round(float(left_out["sum"].get(row.channel_id, 0.0)), 3),
            }
            for row in coverage.itertuples()
        ],
        "excluded": {
            **measure(is_bad & in_period),
            "byReason": {name: measure(bad[name] & in_period) for name in bad.columns},
            "baselineIntervals": int((is_bad & in_window(intervals, scope.baseline)).sum()),
        },
    }


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
