"""What was metered over the days of a bill, and what the site's tariff makes of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyze.bills.compare import Measured
from analyze.expected.best_energy import imported_kwh
from analyze.load.site_hours import whole_hours
from analyze.money.bills import bill_months
from analyze.money.cost_case import demand_before, why_not
from analyze.money.site_demand import bound_demand, mean_demand
from analyze.money.tariff_time import hides_peaks
from analyze.week.intervals import SECONDS_PER_HOUR, channel_names, in_window
from config.tariff_model import DEFAULT_DEMAND_INTERVAL_S
from lib.date_utils import local_day_window

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from analyze.week.findings import WeekData
    from config.tariff_model import SiteTariffs
    from lib.report_types.bills import MeteredBill

_WHOLE_PCT = 99.5  # less of a bill's days metered, and their energy is a lower bound; a quarter of what may differ
_DAY_RATIO = 0.95  # of a day's hours; what the others are worth is a thousandth of a bill
_LEAST_KW = 0.001


def measure_bill(
    data: WeekData, first: date, last: date, tariffs: SiteTariffs, history: pd.DataFrame | None = None
) -> Measured:
    """Return what was metered on the local days `first` to `last`, which are the period of `data`.

    Parameters
    ----------
    tariffs
        What the site pays; an assumed tariff makes no amount, for no bill is held against an assumption.
    history
        Demand by the hour from before, for a ratchet (`load_site_hours`).

    Notes
    -----
    Energy is what the site's root meters imported, as metered: an estimate is no measurement to hold a bill against, so
    where more than half a percent of it is estimated or missing the rest is a lower bound. Demand is the highest mean
    power over the interval of the site's tariff. A bill of several months has no amount where each has a peak to pay
    and the bill does not tell the months (`hides_peaks`).
    """
    scope, site = data.scope, data.site
    own = site.energy[in_window(site.energy, scope.period)]
    tariff = tariffs.tariff_on(last)
    interval_s = tariff.demand_interval_s if tariff else DEFAULT_DEMAND_INTERVAL_S
    demand = bound_demand(mean_demand(site.demand, interval_s, scope), interval_s)
    rows = demand[in_window(demand, scope.period)]
    length_h = (scope.period.end - scope.period.start).total_seconds() / SECONDS_PER_HOUR
    covered_pct = 100 * float((own["hours"] * own["covered_ratio"]).sum()) / length_h
    used_kwh, estimated_kwh = float(own["used_kwh"].sum()), float(own["estimated_kwh"].sum())
    metered_kwh = used_kwh - estimated_kwh
    is_estimated = estimated_kwh > (1 - _WHOLE_PCT / 100) * used_kwh
    is_at_least = bool(covered_pct < _WHOLE_PCT or site.left_out or is_estimated)
    peak_kw = float(rows["mean_kw"].max()) if len(rows) else None
    told_h = float(rows.loc[~rows["is_estimated"].astype(bool), "hours"].sum())
    is_peak_at_least = peak_kw is not None and (
        100 * told_h / length_h < _WHOLE_PCT or bool((rows["high_kwh"] / rows["hours"]).max() > peak_kw + _LEAST_KW)
    )
    bills = []
    is_priced = not (is_at_least or tariffs.is_assumed or why_not(site, scope, tariffs))
    is_hidden = is_priced and hides_peaks(tariffs.current, first, last)
    if is_priced and not is_hidden:
        bills = bill_months(
            site.energy,
            demand,
            tariffs.current,
            scope.tz,
            holidays=data.pricing.holidays,
            billed_peaks_kw=dict(tariffs.billed_peaks_kw),
            history=demand_before(history, site.energy, scope),
            period=(first, last),
        )
    is_metered = bool(site.roots) and covered_pct > 0
    metered: MeteredBill = {
        "kwh": round(metered_kwh, 3) if is_metered else None,
        "isAtLeast": is_at_least,
        "coveredPct": round(min(covered_pct, 100.0), 1),
        "kw": round(peak_kw, 3) if is_metered and peak_kw is not None else None,
        "isKwAtLeast": bool(is_peak_at_least),
        "demandIntervalMinutes": round((int(rows["interval_s"].iloc[0]) if len(rows) else interval_s) / 60, 2),
        "amount": round(sum(bill["total"] for bill in bills), 2) if bills else None,
        "tariff": tariff.name if tariff and not tariffs.is_assumed else None,
        "currency": tariff.currency if tariff and not tariffs.is_assumed else None,
    }
    if is_hidden:
        metered["noAmount"] = "peaks_by_month"
    return Measured(metered, _billed_kw(bills), _by_meter(data))


def _billed_kw(bills: list[dict[str, object]]) -> float | None:
    """Return the demand that the tariff bills at any hour, ratchet or minimum included."""
    highest: dict[str, float] = {}
    for bill in bills:
        lines = bill["lines"]
        assert isinstance(lines, list)
        own: dict[str, float] = {}
        for line in lines:
            if line["kind"] in ("demand", "ratchet", "minimum_demand"):
                own[line["name"]] = own.get(line["name"], 0.0) + line["quantity"]
        for name, kw in own.items():
            highest[name] = max(kw, highest.get(name, 0.0))
    return max(highest.values(), default=None)


def _by_meter(data: WeekData) -> Mapping[str, float]:
    """Return what each meter of the site's total, and below it, imported in the period [kWh], by name."""
    rows, names = data.site.period.rows, channel_names(data.scope.meters)
    kwh = pd.Series(np.nan_to_num(imported_kwh(rows))).groupby(rows["channel_id"].to_numpy()).sum()
    return {names[int(key)]: float(value) for key, value in kwh.items()}


def daily_imports(hourly: pd.DataFrame, meters: pd.DataFrame, roots: list[int], tz: ZoneInfo) -> dict[date, float]:
    """Return the energy of each local day that the root meters cover but for an hour, at the mean of the others [kWh].

    Parameters
    ----------
    hourly
        Of the root meters (`load_hourly`).

    Notes
    -----
    A site that feeds back is left out, for the net of an hour does not tell what was imported within it.
    """
    if hourly.empty or bool((hourly["energy_kwh"] < 0).any()):
        return {}
    whole = whole_hours(hourly, meters)
    whole = whole[whole["channel_id"].isin(roots)]
    day = whole["timestamp"].dt.tz_convert(tz).dt.date
    sums = whole.groupby(day)["energy_kwh"].agg(["sum", "count"])
    return {
        each: float(kwh) * due / count
        for each, kwh, count in zip(sums.index, sums["sum"], sums["count"], strict=True)
        if count >= _DAY_RATIO * (due := len(roots) * _hours_of(each, tz))
    }


def _hours_of(day: date, tz: ZoneInfo) -> int:
    start, end = local_day_window(day, day, tz)
    return round((end - start) / timedelta(hours=1))
