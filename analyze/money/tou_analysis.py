"""Flat against time of use, and what moving load out of the dearest hours would save. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.tariff_rates import MonthSize, adders_per_kwh, marginal_rates, saving_factor
from analyze.money.tariff_time import Cells, Spans, at_month, energy_periods, find_cells, list_segments
from config.tariff_model import MONTHS_PER_YEAR, Tariff
from lib.stats_utils import sum_by_place

# How much of the dearest hours' energy a building may be able to move: an assumption, not a measurement. A tenth is
# the second of the contract's four steps for the peak; all of it (`max_monthly_savings`) no building can move.
SHIFTABLE_PCT = 10.0


def build_tou_analysis(
    period: pd.DataFrame,
    flat_cost: pd.Series,
    tou_cost: pd.Series,
    tou: Spans,
    shift: dict[str, float],
    *,
    holidays: Collection[date],
) -> dict[str, Any]:
    """Return `tou_analysis` of the contract.

    Parameters
    ----------
    period
        The site's intervals in the period.
    flat_cost, tou_cost
        Energy charge of each [currency] (`price_intervals`).
    tou
        The tariff with time-of-use periods, by date.
    shift
        As `build_load_shift` gives it.

    Notes
    -----
    Energy charges only; `flat_rate` is what a kWh costs on average. Savings are positive where time of use is cheaper.
    """
    kwh, flat, cost = (float(column.sum()) for column in (period["used_kwh"], flat_cost, tou_cost))
    return {
        "total_kwh": round(kwh, 3),
        "flat_rate": round(flat / kwh, 6) if kwh > 0 else 0.0,
        "flat_total_cost": round(flat, 2),
        "tou_total_cost": round(cost, 2),
        "tou_vs_flat_savings": round(flat - cost, 2),
        "tou_vs_flat_pct": round(100 * (flat - cost) / flat, 2) if flat else 0.0,
        "period_breakdown": _breakdown(period, tou_cost, tou, holidays),
        "load_shift_opportunity": shift,
    }


def _breakdown(period: pd.DataFrame, cost: pd.Series, tou: Spans, holidays: Collection[date]) -> dict[str, Any]:
    names = np.full(len(period), "", dtype=object)
    for segment, rows in list_segments(period, tou):
        energy = segment.tariff.energy
        labels = np.array([own.name for own in energy.periods], dtype=object)
        names[rows] = labels[energy_periods(find_cells(period[rows], segment.tariff, holidays), energy)]
    columns = [np.nan_to_num(values.to_numpy(dtype=float)) for values in (period["used_kwh"], cost, period["hours"])]
    present = dict.fromkeys(names.tolist())  # in order of time
    sums = [(name, *(float(values[names == name].sum()) for values in columns)) for name in present]
    total = float(columns[0].sum())
    return {
        name: {
            "kwh": round(kwh, 3),
            "cost": round(own_cost, 2),
            "hours": round(hours, 2),
            "pct_of_total_kwh": round(100 * kwh / total, 2) if total > 0 else 0.0,
            "rate": round(own_cost / kwh, 6) if kwh > 0 else 0.0,
        }
        for name, kwh, own_cost, hours in sorted(sums, key=lambda part: (-part[2], -part[1]))
    }


def shift_value(
    used_kwh: npt.NDArray[np.float64], cells: Cells, tariff: Tariff, month: int, scale: float, peak_kw: float = 0.0
) -> tuple[float, float]:
    """Return (kWh in the dearest hours, what moving one to the cheapest saves [currency]) if `month` were like this.

    Parameters
    ----------
    used_kwh, cells
        Energy of the period's intervals, and where they stand in the schedules.
    month
        0 = January; its rates are taken.
    scale
        Times the period's energy makes a month's, for the tiers.
    peak_kw
        The demand that tiers of hours' use are measured by.

    Notes
    -----
    Dear and cheap are by the marginal rate, among the time-of-use periods that the intervals fall into.
    """
    energy = tariff.energy
    number = energy_periods(at_month(cells, month), energy)
    kwh = sum_by_place(number, used_kwh, len(energy.periods))
    rates = marginal_rates(kwh, energy, MonthSize(peak_kw=peak_kw), scale)
    rates = rates * saving_factor(tariff, "energy") + adders_per_kwh(tariff)
    present = np.bincount(number, minlength=len(energy.periods)) > 0
    if not present.any():
        return 0.0, 0.0
    dear, cheap = rates[present].max(), rates[present].min()
    if dear == cheap:
        return 0.0, 0.0
    return float(kwh[present & (rates == dear)].sum()), float(dear - cheap)


def build_load_shift(
    period: pd.DataFrame, tariff: Tariff, month: int, scale: float, *, holidays: Collection[date]
) -> dict[str, float]:
    """Return `load_shift_opportunity`: the ceiling, and what a tenth of it comes to.

    `on_peak_kwh` is of the period; the monthly figures are × `scale`, the annual one adds up twelve months like this,
    each at its own rates.
    """
    cells, kwh = find_cells(period, tariff, holidays), period["used_kwh"].to_numpy()
    peak_kw = float(period["mean_kw"].max())
    on_peak_kwh, spread = shift_value(kwh, cells, tariff, month, scale, peak_kw)
    values = (shift_value(kwh, cells, tariff, n, scale, peak_kw) for n in range(MONTHS_PER_YEAR))
    annual = sum(month_kwh * saving for month_kwh, saving in values) * scale
    monthly, share = on_peak_kwh * spread * scale, SHIFTABLE_PCT / 100
    return {
        "on_peak_kwh": round(on_peak_kwh, 3),
        "potential_savings_per_kwh": round(spread, 6),
        "max_monthly_savings": round(monthly, 2),
        "assumed_shiftable_pct": SHIFTABLE_PCT,
        "likely_monthly_savings": round(share * monthly, 2),
        "likely_annual_savings": round(share * annual, 2),
    }
