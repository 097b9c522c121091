"""What the site used in the period, and how good the data behind it are. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.meters.completeness import channel_completeness
from analyze.money.carbon import emissions
from analyze.money.pricing import Pricing
from analyze.week.intervals import (
    WeekScope,
    baseline_week_numbers,
    channel_names,
    energy_meters,
    in_window,
    number_channels,
    weekday_counts,
)
from config.tariff_model import Carbon
from lib.stats_utils import nan_quantiles

_COMPARABLE_PCT = 95.0  # weeks are compared only when both are this full; else a gap looks like a saving
_LEAST_USUAL_KWH = 0.01  # a change against next to nothing says nothing


def build_consumption(
    intervals: pd.DataFrame,
    clean: pd.DataFrame,
    roots: set[int],
    scope: WeekScope,
    pricing: Pricing,
    carbon: Carbon | None,
) -> dict[str, Any]:
    """Return what was used: in all, by channel, by local day, and beside the weeks before; its cost and its carbon.

    Parameters
    ----------
    intervals, clean
        All intervals of baseline and period, and the sound ones.
    roots
        The meters whose sum is the site (`meter_tree.find_roots`).
    pricing, carbon
        What the site pays for a kWh, and what one emits, where that is known.

    Notes
    -----
    `cost` is the energy charge of `totalKwh` alone: demand, fixed charges, riders and taxes stand in the section
    "costOptimization".

    `totalKwh` and `daily` add up the energy as metered, bad intervals included, of the root meters (see
    `meter_tree.reporting_meters`); `estimatedKwh` is what their power says of intervals that lack an energy, and is
    not in the total, and `exportedKwh` what was fed back, which the total is net of. `peakKw` is the highest mean power
    of a sound interval. A value without any reading behind it is None, not 0.
    """
    period = intervals[in_window(intervals, scope.period)]
    root_rows = period[period["channel_id"].isin(roots)]
    estimated = root_rows["used_kwh"].where(root_rows["energy_kwh"].isna(), 0.0)
    total_kwh = float(root_rows["energy_kwh"].sum())
    return {
        "totalKwh": round(total_kwh, 3),
        "estimatedKwh": round(float(estimated.sum()), 3),
        "exportedKwh": round(abs(float(root_rows["energy_kwh"].clip(upper=0.0).sum())), 3),
        **_compare(clean[clean["channel_id"].isin(roots)], roots, scope),
        "byChannel": _by_channel(period, clean[in_window(clean, scope.period)], roots, scope),
        "daily": _by_day(root_rows, scope),
        "cost": {"energyCost": round(pricing.energy_cost(root_rows), 2), **pricing.describe(), "kind": "energy"},
        "carbon": emissions(max(0.0, total_kwh), carbon),
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


def _compare(clean: pd.DataFrame, roots: set[int], scope: WeekScope) -> dict[str, Any]:
    """Return the period beside what is usual, over the root meters that can be compared.

    Like with like: a meter counts when sound energies cover 95 % of the period and of at least one baseline week, and
    its usual is the median of its such weeks, each weekday as often as the period holds it. One dead meter then takes
    no comparison away from the others.
    """
    weeks = scope.config.baseline.weeks
    number = np.where(in_window(clean, scope.period), weeks, baseline_week_numbers(clean, scope))
    known = clean[number >= 0]
    if known.empty:
        nothing = {"meters": 0, "ofMeters": len(roots), "actualKwh": 0.0}
        return {"usualKwh": None, "changePct": None, "comparison": nothing}
    code, ids = number_channels(known)
    cell, shape = code * (weeks + 1) + number[number >= 0], (len(ids), weeks + 1)
    count = np.where(number[number >= 0] < weeks, weekday_counts(scope)[known["local_weekday"]], 1.0)
    energy_kwh, hours = (
        np.bincount(cell, weights=values, minlength=len(ids) * (weeks + 1)).reshape(shape)
        for values in (known["energy_kwh"].fillna(0.0) * count, known["hours"].where(known["energy_kwh"].notna(), 0.0))
    )
    week_hours = (scope.baseline.end - scope.baseline.start).total_seconds() / 3600 / weeks
    period_hours = (scope.period.end - scope.period.start).total_seconds() / 3600
    is_full = hours >= _COMPARABLE_PCT / 100 * np.array([week_hours] * weeks + [period_hours])
    usual_kwh = nan_quantiles(np.where(is_full, energy_kwh, np.nan)[:, :weeks], [0.5])[:, 0]
    is_comparable = is_full[:, weeks] & ~np.isnan(usual_kwh)
    usual, actual = float(usual_kwh[is_comparable].sum()), float(energy_kwh[is_comparable, weeks].sum())
    return {
        "usualKwh": round(usual, 3) if is_comparable.any() else None,
        "changePct": round(100 * (actual / usual - 1), 1) if usual >= _LEAST_USUAL_KWH else None,
        "comparison": {"meters": int(is_comparable.sum()), "ofMeters": len(roots), "actualKwh": round(actual, 3)},
    }


def build_data_quality(
    intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope, other_channels: int
) -> dict[str, Any]:
    """Return how complete the period's data are, and what was left out of the findings.

    Parameters
    ----------
    intervals, bad
        All intervals, and their flags (`find_bad_intervals`).
    other_channels
        How many channels of the site measure something else than energy.

    Notes
    -----
    `avgCompleteness` is the mean over the energy meters of which anything was to be expected, in percent.
    `channelsAnalyzed` counts those with a sound interval in the period. `excluded` is left out of the findings, and
    stays part of the metered total; an interval with two flags counts once in `excluded.intervals`.
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
        "otherChannels": other_channels,
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
