"""What the site used in the period, and how good the data behind it are. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source, imported_kwh
from analyze.expected.comparison import (
    LEAST_KWH,
    Comparison,
    NotComparable,
    compare_channels,
    compare_with_usual,
    list_special_days,
)
from analyze.meters.bad_intervals import any_fault
from analyze.meters.channel_kinds import kinds_of
from analyze.meters.meter_tree import parents_of
from analyze.money.carbon import emissions
from analyze.money.gross_use import generated_kwh
from analyze.money.pricing import Pricing
from analyze.money.site_demand import SiteDemand
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    Flags,
    WeekScope,
    channel_names,
    energy_meters,
    places_by_channel,
    starts_within,
    sum_by_channel,
)
from config.tariff_model import Carbon
from lib.date_utils import list_local_days
from lib.stats_utils import sum_by_place


def build_consumption(
    site: SiteDemand,
    gross: BestEnergy | None,
    covered: pd.DataFrame,
    valid: pd.DataFrame,
    scope: WeekScope,
    pricing: Pricing,
    carbon: Carbon | None,
) -> dict[str, Any]:
    """Return what was used: in all, by channel, by local day, and beside what is usual; its cost and its carbon.

    Parameters
    ----------
    site
        The best that is known of each interval, and which meters make up the site (`sum_site_demand`).
    gross
        What the site uses of grid and generation together (`measure_gross`), where that is metered.
    covered
        How much of the period the readings of each meter cover (`channel_completeness`).
    valid
        The valid intervals of baseline and period.
    pricing, carbon
        What the site pays for a kWh, and what one emits, where that is known.

    Notes
    -----
    `cost` is the energy charge of `importedKwh` alone: demand, fixed charges, riders and taxes stand in the section
    "costOptimization".

    `totalKwh` is the best estimate of the root meters' energy, net of what they exported: `meteredKwh` as metered and
    `estimatedKwh` corrected, or what like days draw (`best_energy`). `isAtLeast` tells that part of it is unknown and
    counts as nothing; `notEstimated` names the meters. `importedKwh` and `exportedKwh` add up the intervals above and
    below zero, or, of a meter with a register of export, what it counted each way. `grossKwh` is the total with what
    the site generated itself (`generatedKwh`), where a main and generation are metered; then the comparison is of it,
    for the sun decides what a main imports. `peakKw` of a meter is the highest mean power of a valid interval.
    A value without anything behind it is None, not 0.
    """
    best, of_roots = site.period, site.of_roots
    kwh = of_roots.rows["kwh"].fillna(0.0)
    in_kwh = float(np.nansum(imported_kwh(of_roots.rows)))
    total_kwh, estimated_kwh = float(kwh.sum()), float(kwh.where(is_estimated(of_roots.rows), 0.0).sum())
    energy_cost = pricing.energy_cost(_as_imported(of_roots.rows))
    return {
        "totalKwh": round(total_kwh, 3),
        "meteredKwh": round(total_kwh - estimated_kwh, 3),
        "estimatedKwh": round(estimated_kwh, 3),
        "isAtLeast": site.is_at_least,
        "notEstimated": _list_unknown(of_roots, site, scope),
        "importedKwh": round(in_kwh, 3),
        "exportedKwh": round(abs(in_kwh - total_kwh), 3),
        **_own_generation(best, total_kwh, gross, scope),
        **_describe_comparison(_compare(of_roots, gross, site, scope), scope),
        "byChannel": _by_channel(best, covered, _peaks_kw(valid, scope), set(site.roots), scope),
        "daily": _by_day(of_roots.rows, scope),
        "cost": {
            "energyCost": round(energy_cost, 2),
            **pricing.describe(),
            "averagePerKwh": round(energy_cost / in_kwh, 6) if in_kwh > 0 else None,
            "kind": "energy",
        },
        "carbon": emissions(in_kwh, carbon),
    }


def _own_generation(
    best: BestEnergy, total_kwh: float, gross: BestEnergy | None, scope: WeekScope
) -> dict[str, float | None]:
    made_kwh = generated_kwh(best, scope)
    return {
        "generatedKwh": _number(made_kwh, 3),
        "grossKwh": None if gross is None or made_kwh is None else round(total_kwh + made_kwh, 3),
    }


def _compare(of_roots: BestEnergy, gross: BestEnergy | None, site: SiteDemand, scope: WeekScope) -> Comparison:
    """Return the comparison of what was imported, or of all that was used where the import depends on the sun."""
    found = compare_with_usual(of_roots, scope, site.left_out_pct)
    if gross is None or found.reason != NotComparable.GENERATION:
        return found
    return compare_with_usual(gross.of_period(scope), scope, site.left_out_pct)


def is_estimated(rows: pd.DataFrame) -> pd.Series:
    """Return which intervals of `BestEnergy.rows` are not as metered."""
    return (rows["source"] != Source.METERED) & (rows["source"] != Source.CAUGHT_UP)


def _as_imported(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(energy_kwh=np.nan_to_num(imported_kwh(rows)))


def _list_unknown(of_roots: BestEnergy, site: SiteDemand, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the meters of the total of which part is unknown, and how many hours of the period that are."""
    rows, names = of_roots.rows, channel_names(scope.meters)
    unknown = rows[rows["source"] >= Source.AT_LEAST].groupby("channel_id")["hours"].sum()
    period_h = (scope.period.end - scope.period.start).total_seconds() / SECONDS_PER_HOUR
    hours = {**{entry["channelId"]: period_h for entry in site.left_out}, **unknown.to_dict()}
    return [
        {"channelId": int(key), "channelName": names[int(key)], "unknownHours": round(float(value), 2)}
        for key, value in sorted(hours.items())
    ]


def _describe_comparison(found: Comparison, scope: WeekScope) -> dict[str, Any]:
    is_told = found.reason is None
    return {
        "usualKwh": round(found.usual_kwh, 3) if is_told else None,
        "changePct": round(found.change_pct, 1) if found.change_pct is not None else None,
        "comparison": {
            "meters": found.meters,
            "ofMeters": found.of_meters,
            "actualKwh": round(found.actual_kwh, 3),
            "coveragePct": round(found.coverage_pct, 1),
            "reason": found.reason,
            "specialDays": [
                {"date": day.isoformat(), "kind": kind.name.lower(), "name": name, "isClosed": is_closed}
                for day, kind, name, is_closed in list_special_days(scope)
            ],
        },
    }


def _by_channel(
    best: BestEnergy, covered: pd.DataFrame, peak_kw: dict[int, float], roots: set[int], scope: WeekScope
) -> list[dict[str, Any]]:
    names, kinds, rows = channel_names(scope.meters), kinds_of(scope.meters), best.rows
    is_known = rows["kwh"].notna().to_numpy()
    energy_kwh = {key: kwh for key, (kwh,) in sum_by_channel(rows, ("kwh",), is_known).items()}
    estimated_kwh = {key: kwh for key, (kwh,) in sum_by_channel(rows, ("kwh",), is_estimated(rows).to_numpy()).items()}
    at_least = set(rows["channel_id"].to_numpy()[(rows["source"] >= Source.AT_LEAST).to_numpy()].tolist())
    compared, parents = _compared_kwh(best, scope), parents_of(scope.meters)
    return [
        {
            "channelId": key,
            "channelName": names[key],
            "kind": kinds[key],
            "energyKwh": _number(energy_kwh.get(key), 3),
            "estimatedKwh": round(float(estimated_kwh.get(key, 0.0)), 3),
            "isAtLeast": key in at_least,
            **_beside_usual(compared.get(key)),
            "peakKw": _number(peak_kw.get(key), 3),
            "completenessPct": _number(pct, 1),
            "isRoot": key in roots,
            "parentChannelId": parents.get(key),
        }
        for key, pct in zip(covered["channel_id"].tolist(), covered["completeness_pct"].tolist(), strict=True)
    ]


def _peaks_kw(valid: pd.DataFrame, scope: WeekScope) -> dict[int, float]:
    """Return by channel the highest mean power of a valid interval of the period [kW]."""
    own = starts_within(valid, scope.period)
    channel, power_kw = (valid[name].to_numpy()[own] for name in ("channel_id", "mean_kw"))
    return {key: float(np.fmax.reduce(power_kw[rows])) for key, rows in places_by_channel(channel).items()}


def _compared_kwh(best: BestEnergy, scope: WeekScope) -> dict[int, tuple[float, float]]:
    """Return what is usual and what was used of the meters that can be compared, by channel [kWh]."""
    table = compare_channels(best, scope)
    table = table[table["is_comparable"]]
    amounts = zip(table["usual_kwh"].tolist(), table["actual_kwh"].tolist(), strict=True)
    return dict(zip(table.index.tolist(), amounts, strict=True))


def _beside_usual(compared: tuple[float, float] | None) -> dict[str, Any]:
    """Return what is usual of one meter, and by how much it used more."""
    if compared is None:
        return {"expectedKwh": None, "changePct": None}
    usual, actual = compared
    change = round(100 * (actual / usual - 1), 1) if usual >= LEAST_KWH else None
    return {"expectedKwh": round(usual, 3), "changePct": change}


def _by_day(rows: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the energy of every local day that the period touches."""
    days = list_local_days(scope.period, scope.tz)
    place = (rows["local_time"].to_numpy().astype("datetime64[D]") - np.datetime64(days[0], "D")).astype(np.int64)
    kwh, estimated = rows["kwh"].to_numpy(dtype=float), is_estimated(rows).to_numpy()
    is_known, known_kwh = ~np.isnan(kwh), np.nan_to_num(kwh)
    count = np.bincount(place[is_known], minlength=len(days))
    sums = sum_by_place(place, known_kwh, len(days)), sum_by_place(place[estimated], known_kwh[estimated], len(days))
    return [
        {
            "date": day.isoformat(),
            "energyKwh": round(energy_kwh, 3) if known else None,
            "estimatedKwh": round(estimated_kwh, 3),
        }
        for day, energy_kwh, estimated_kwh, known in zip(days, *(part.tolist() for part in sums), count, strict=True)
    ]


def build_data_quality(
    intervals: pd.DataFrame, bad: pd.DataFrame, covered: pd.DataFrame, scope: WeekScope, other_channels: int
) -> dict[str, Any]:
    """Return how complete the period's data are, and what was left out of the findings.

    Parameters
    ----------
    intervals, bad
        All intervals, and their flags (`find_bad_intervals`).
    covered
        How much of the period the readings of each meter cover (`channel_completeness`).
    other_channels
        How many channels of the site measure something else than energy.

    Notes
    -----
    `avgCompleteness` is the mean over the energy meters of which anything was to be expected, in percent.
    `channelsAnalyzed` counts those with a sound interval in the period. `excluded` is left out of the findings, and
    replaced in the totals (`best_energy`); an interval with two flags counts once in `excluded.intervals`.
    """
    is_bad, in_period = any_fault(bad).to_numpy(), starts_within(intervals, scope.period)
    names, energy_kwh = channel_names(scope.meters), np.nan_to_num(intervals["energy_kwh"].to_numpy(dtype=float))
    left_out, pct = _sum_left_out(intervals, is_bad & in_period), covered["completeness_pct"]

    def measure(mask: Flags) -> dict[str, Any]:
        return {"intervals": int(mask.sum()), "energyKwh": round(float(energy_kwh[mask].sum()), 3)}

    return {
        "channelsAnalyzed": np.unique(intervals["channel_id"].to_numpy()[in_period & ~is_bad]).size,
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
                "excludedIntervals": left_out.get(int(row.channel_id), (0, 0.0))[0],
                "excludedKwh": round(left_out.get(int(row.channel_id), (0, 0.0))[1], 3),
            }
            for row in covered.itertuples()
        ],
        "excluded": {
            **measure(is_bad & in_period),
            "byReason": {name: measure(bad[name].to_numpy() & in_period) for name in bad.columns},
            "baselineIntervals": int((is_bad & starts_within(intervals, scope.baseline)).sum()),
        },
    }


def _sum_left_out(intervals: pd.DataFrame, is_left_out: Flags) -> dict[int, tuple[int, float]]:
    """Return by channel how many of its intervals are left out, and their energy [kWh]."""
    sums = sum_by_channel(intervals.assign(count=1.0), ("count", "energy_kwh"), is_left_out)
    return {key: (int(count), kwh) for key, (count, kwh) in sums.items()}


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
