"""The site's peaks: what they cost, when they come, and what lower ones would save. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.meter_tree import parents_of
from analyze.money.demand_charges import (
    DemandLine,
    Peaks,
    charges_by_month,
    demand_lines,
    demand_lines_of_each,
    marginal_rate_per_kw,
)
from analyze.money.site_demand import energy_matrix
from analyze.money.tariff_rates import saving_factor
from analyze.money.tariff_time import Cells
from analyze.week.intervals import WeekScope, channel_names, local_iso
from config.tariff_model import Tariff
from lib.stats_utils import grouped_quantiles

SHAVING_PCT = (5, 10, 15, 20)  # contract
TOP_PEAK_EVENTS = 5
TOP_DRIVERS = 10
# The hours of the day that come within a tenth of the billing peak are those where shaving has to work.
CONCENTRATION_SHARE = 0.9
_WEEKEND = (5, 6)
_LEAST_KW = 0.001  # a peak that may be higher by less than this may not be higher


class DemandCase(NamedTuple):
    """The demand of a period, and what it is billed on.

    `rows` is the period's demand over the demand interval, `cells` its place in the schedules; `month` (``2026-01``)
    is the calendar month it is billed as; `peaks` are the months' peaks by charge, for the ratchet. `tariff` is None
    where no demand is charged.
    """

    rows: pd.DataFrame
    cells: Cells
    tariff: Tariff | None
    month: str
    peaks: Mapping[str, Peaks]

    def lines(self) -> list[DemandLine]:
        """Return the month's demand charges."""
        if self.tariff is None:
            return []
        return demand_lines(self.rows, self.cells, self.tariff, self.month, self.peaks)

    def savings(self, demands_kw: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return what each of the (k, n) demands would save (in this month, in a year) against the measured one.

        In the tariff's currency, with percentage riders and taxes. This month's ratchet is held against it; the year
        is twelve months like this one, each at its own rates, so that the ratchet follows the lower peak.
        """
        if self.tariff is None:
            return np.zeros(len(demands_kw)), np.zeros(len(demands_kw))
        factor = saving_factor(self.tariff, "demand")
        now = sum(line.cost for line in self.lines())
        each = demand_lines_of_each(demands_kw, self.rows, self.cells, self.tariff, self.month, self.peaks)
        month = now - np.array([sum(line.cost for line in lines) for lines in each])
        year = self.annual_charge() - charges_by_month(demands_kw, self.cells, self.tariff).sum(axis=1)
        return factor * month, factor * year

    def annual_charge(self) -> float:
        """Return what the measured demand would cost in twelve months like this one, each at its own rates."""
        if self.tariff is None:
            return 0.0
        return float(charges_by_month(self.rows["mean_kw"].to_numpy(), self.cells, self.tariff).sum())


def demand_rate(case: DemandCase) -> float:
    """Return what one kW less at every billed peak saves in the month [currency/kW]; riders and taxes not counted."""
    own = [line for line in case.lines() if line.is_known and line.measured_kw > 0]
    return float(sum(marginal_rate_per_kw(line.measured_kw, line.charge) for line in own))


def build_demand_analysis(case: DemandCase, scope: WeekScope) -> dict[str, Any]:
    """Return `demand_analysis` of the contract, without its recommendations.

    Notes
    -----
    `billing_peak_kw` is the highest mean power over the demand interval in the period, at any hour. Where a meter was
    not valid, what it drew at least counts: `is_peak_estimated` tells that it does so in the peak itself, and
    `is_peak_at_least` that the peak may have been higher.
    `monthly_demand_charge` the demand charges of the month if its peaks are those of the period, with what is known of
    the ratchet. `peak_timestamp` is the start of the interval. `top_peak_events` has the highest interval of each day.
    """
    rows, kw, hour = (
        case.rows,
        case.rows["mean_kw"].to_numpy(dtype=float),
        case.rows["local_hour"].to_numpy(dtype="int64"),
    )
    at, is_weekend = int(np.argmax(kw)), rows["local_weekday"].to_numpy() >= min(_WEEKEND)
    peak, lines = float(kw[at]), case.lines()
    return {
        "billing_peak_kw": round(peak, 3),
        "is_peak_estimated": bool(rows["is_estimated"].iloc[at]),
        "is_peak_at_least": bool((rows["high_kwh"] / rows["hours"]).max() > peak + _LEAST_KW),
        "peak_timestamp": local_iso(rows["interval_start"].iloc[[at]], scope.tz)[0],
        "demand_rate_per_kw": round(demand_rate(case), 6),
        "monthly_demand_charge": round(sum(line.cost for line in lines), 2),
        "annual_demand_charge": round(case.annual_charge(), 2),
        "top_peak_events": _top_events(rows, scope),
        "shaving_scenarios": _scenarios(case),
        "load_profile": [
            {"hour": h, "avg_kw": round(float(kw[hour == h].mean()), 3), "max_kw": round(float(kw[hour == h].max()), 3)}
            for h in np.unique(hour).tolist()
        ],
        "weekday_peak_kw": round(float(kw[~is_weekend].max()), 3) if (~is_weekend).any() else 0.0,
        "weekend_peak_kw": round(float(kw[is_weekend].max()), 3) if is_weekend.any() else 0.0,
        "peak_concentration_hours": np.unique(hour[kw >= CONCENTRATION_SHARE * peak]).tolist() if peak > 0 else [],
        "demand_charges": [_charge_entry(line) for line in lines],
    }


def _charge_entry(line: DemandLine) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": line.charge.name,
        "measured_kw": round(line.measured_kw, 3),
        "billed_kw": round(line.billed_kw, 3),
        "cost": round(line.cost, 2),
    }
    if line.charge.ratchet:
        entry["ratchet"] = {
            "pct": line.charge.ratchet.pct,
            "floor_kw": round(line.floor_kw, 3),
            "months_known": line.months_known,
            "months_needed": line.months_needed,
            "is_complete": line.months_known == line.months_needed,
        }
    if not line.is_known:
        entry["note"] = "the system's peak of this month is not announced, or was not metered; nothing is billed for it"
    return entry


def _top_events(rows: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    order = np.lexsort((rows["epoch_s"].to_numpy(), -rows["mean_kw"].to_numpy()))
    day = rows["local_time"].to_numpy().astype("datetime64[D]")[order]
    first_of_day = np.sort(np.unique(day, return_index=True)[1])[:TOP_PEAK_EVENTS]
    top = rows.iloc[order[first_of_day]]
    return [
        {"timestamp": text, "demand_kw": round(float(kw), 3), "hour_of_day": int(hour), "day_of_week": day}
        for text, kw, hour, day in zip(
            local_iso(top["interval_start"], scope.tz),
            top["mean_kw"],
            top["local_hour"],
            top["local_time"].dt.day_name(),
            strict=True,
        )
    ]


def _scenarios(case: DemandCase) -> list[dict[str, Any]]:
    """Return what capping the demand at so many percent below the billing peak saves."""
    kw = case.rows["mean_kw"].to_numpy()
    caps = kw.max() * (1 - np.array(SHAVING_PCT) / 100)
    months, years = case.savings(np.minimum(kw, caps[:, None]))
    return [
        {
            "reduction_pct": pct,
            "reduced_peak_kw": round(float(cap), 3),
            "monthly_savings": round(float(month), 2),
            "annual_savings": round(float(year), 2),
        }
        for pct, cap, month, year in zip(SHAVING_PCT, caps, months, years, strict=True)
    ]


def build_peak_drivers(intervals: pd.DataFrame, roots: list[int], case: DemandCase, scope: WeekScope) -> dict[str, Any]:
    """Return which meters made the billing peak, and what shaving each is worth.

    Parameters
    ----------
    intervals
        Of the period, of all meters (`BestEnergy.rows`).
    roots
        The meters whose sum is the site's demand.

    Notes
    -----
    Each kW stands at the meter nearest to the load: a parent counts with what its sub-meters do not show
    (`is_remainder`). `usual_kw` is the meter's median at that hour of the day, on weekdays or on weekends, in the
    period. `monthly_savings` prices the month again with the meter held down to its usual wherever it is above it, and
    `monthly_savings_10pct` with a tenth less of it throughout: the site's next-highest peak, and its ratchet, limit
    what is saved, so the savings of several meters do not add up. `monthly_charge_share` is kW × rate.
    """
    rows = case.rows
    own_kw = _net_power(intervals, roots, rows, scope)
    site_kw = rows["mean_kw"].to_numpy()
    position, rate = int(site_kw.argmax()), demand_rate(case)
    at_peak = own_kw.iloc[position].dropna()
    at_peak = at_peak[at_peak > 0].sort_values(ascending=False, kind="stable")
    top = at_peak.head(TOP_DRIVERS)
    meters_kw = own_kw[top.index].to_numpy().T
    usual_kw = _usual_kw(meters_kw, rows)
    above_kw = np.nan_to_num(np.clip(meters_kw - usual_kw, 0.0, None))
    months, years = case.savings(np.maximum(site_kw - above_kw, 0.0))
    tenths, _ = case.savings(np.maximum(site_kw - 0.1 * np.nan_to_num(meters_kw), 0.0))
    names, parents = channel_names(scope.meters), set(parents_of(scope.meters).values())
    drivers = [
        {
            "channel_id": int(key),
            "channel_name": names[int(key)],
            "is_remainder": int(key) in parents,
            "kw_at_peak": round(float(kw), 3),
            "share_pct": round(100 * float(kw) / site_kw[position], 1),
            "usual_kw": round(float(usual_kw[n, position]), 3),
            "above_usual_kw": round(float(above_kw[n, position]), 3),
            "monthly_charge_share": round(float(kw) * rate, 2),
            "monthly_savings": round(float(months[n]), 2),
            "annual_savings": round(float(years[n]), 2),
            "monthly_savings_10pct": round(float(tenths[n]), 2),
        }
        for n, (key, kw) in enumerate(top.items())
    ]
    stamp = local_iso(rows["interval_start"].iloc[[position]], scope.tz)[0]
    return {"peak_timestamp": stamp, "peak_kw": round(float(site_kw[position]), 3), "drivers": drivers}


def _usual_kw(meters_kw: npt.NDArray[np.float64], rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return each meter's median (m, n) at that hour of the day, on weekdays or on weekends [kW]."""
    is_weekend = rows["local_weekday"].to_numpy(dtype="int64") >= min(_WEEKEND)
    group, groups = rows["local_hour"].to_numpy(dtype="int64") + 24 * is_weekend, 2 * 24
    cell = (np.arange(len(meters_kw))[:, None] * groups + group).ravel()
    return grouped_quantiles(meters_kw.ravel(), cell, len(meters_kw) * groups, [0.5])[0][cell, 0].reshape(
        meters_kw.shape
    )


def _net_power(intervals: pd.DataFrame, roots: list[int], rows: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return kW by demand interval and meter beneath `roots`, each without what its own sub-meters show."""
    step_s = int(rows["interval_s"].iloc[0])
    parents = parents_of(scope.meters)
    least = intervals[["channel_id", "epoch_s", "interval_s"]].assign(used_kwh=intervals["low_kwh"].clip(lower=0.0))
    kw = energy_matrix(least, step_s).reindex(rows["epoch_s"]) * 3600 / step_s
    column = {int(key): place for place, key in enumerate(kw.columns)}
    of_meters, net = kw.to_numpy(), kw.to_numpy().copy()
    for child, parent in parents.items():
        if child in column and parent in column:
            net[:, column[parent]] -= np.nan_to_num(of_meters[:, column[child]])
    kept = [key for key in column if _has_root(key, parents, set(roots))]
    return pd.DataFrame(np.maximum(net[:, [column[key] for key in kept]], 0.0), index=kw.index, columns=kept)


def _has_root(channel_id: int, parents: dict[int, int], roots: set[int]) -> bool:
    while channel_id not in roots and channel_id in parents:
        channel_id = parents[channel_id]
    return channel_id in roots
