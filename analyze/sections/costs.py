"""Work out what a site's energy costs: flat against time of use, demand, peaks and their makers, bills, carbon.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING, Any

from analyze.money.bills import bill_months, project_bill
from analyze.money.carbon import NO_FACTOR
from analyze.money.cost_case import CostCase, describe_basis, prepare_case, why_not
from analyze.money.cost_texts import build_recommendations
from analyze.money.demand_analysis import build_demand_analysis, build_peak_drivers
from analyze.money.site_demand import SiteDemand
from analyze.money.tariff_rates import price_intervals
from analyze.money.tou_analysis import build_load_shift, build_tou_analysis
from analyze.week.intervals import WeekScope, in_window, period_weeks
from config.tariff_model import SiteTariffs

if TYPE_CHECKING:
    import pandas as pd

_SHAVING_STEP_PCT = 10


def analyze_cost(
    site: SiteDemand,
    scope: WeekScope,
    tariffs: SiteTariffs,
    *,
    holidays: Collection[date] = (),
    history: pd.DataFrame | None = None,
    electrical: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Return the section "costOptimization".

    Parameters
    ----------
    site
        The site's energy and demand (`sum_site_demand`), of baseline and period, or longer back, which makes more of
        the ratchet known.
    tariffs
        What the site pays and what that is compared with (`config.site_file`).
    holidays
        The site's local days that are billed as holidays, where a tariff has no list of its own.
    history
        `epoch_s` and `mean_kw` of the site by the hour, of the months before `site` (`load_site_hours`), for the
        ratchet.
    electrical
        The electrical quantities of the period's meters (`load_electrical`), for a charge on reactive demand.

    Returns
    -------
    dict
        As the report's contract has it, in the tariffs' currency, with `peak_drivers`, `bills`, `bill_comparison`,
        `carbon`, and `basis`, which tells the methods; or `refusals.unavailable`.

    Notes
    -----
    The flat side is the site's own tariff where that is flat, else what it is compared with; the time-of-use side is
    the other one. Demand is charged as on the site's own tariff, or, where that has no demand charge, as on the other.
    Energy is the best estimate, the same as `consumption.importedKwh`; demand is what flowed at least (see
    `site_demand`). Month: a calendar month stands for itself; else the energy of the period × 730.5 h / the hours
    with readings, at the rates of the calendar month in which the period's middle lies. Year: twelve months like this
    one, each at its own rates; the seasons of the load are not known from a week.
    """
    refusal = why_not(site, scope, tariffs)
    if refusal:
        return refusal
    case = prepare_case(site, scope, tariffs, holidays, history, electrical)
    in_period = in_window(case.site, scope.period)
    flat_cost, tou_cost = (
        price_intervals(case.site, side, scope.tz, holidays=holidays)[in_period] for side in (case.flat, case.tou)
    )
    shift = build_load_shift(case.period, case.tou[-1].tariff, case.month.month - 1, case.scale, holidays=holidays)
    tou = build_tou_analysis(case.period, flat_cost, tou_cost, case.tou, shift, holidays=holidays)
    demand = build_demand_analysis(case.demand_case, scope)
    drivers = build_peak_drivers(site.period.rows, site.roots, case.demand_case, scope)
    comparison = _compare_bills(case)
    # One day is no sample of a month: nobody is sent to the utility, or to shift work, for a Saturday's rates.
    is_long = period_weeks(scope) >= 1
    demand["recommendations"] = _recommend(demand, tou, comparison, case, tariffs) if is_long else []
    return {
        "tou_analysis": tou,
        "demand_analysis": demand,
        "combined_summary": _combine(tou, demand, case, tariffs),
        "peak_drivers": drivers,
        "bill_comparison": comparison,
        "bills": _bills(case, scope, tariffs),
        "carbon": _carbon(case, tariffs),
        "basis": describe_basis(case, site, scope, tariffs),
    }


def _recommend(
    demand: dict[str, Any],
    tou: dict[str, Any],
    comparison: dict[str, Any],
    case: CostCase,
    tariffs: SiteTariffs,
) -> list[dict[str, Any]]:
    # Nobody can change to rates that none charges.
    can_switch = case.other is not None and not (tariffs.is_assumed or case.other.is_assumption)
    saving = comparison["switch_monthly_savings"] if can_switch else 0.0
    pays_tou, pays_demand = _pays(case, tariffs)
    levers_on = _levers_on(case, tariffs)
    return build_recommendations(
        demand,
        {**tou, "switch_monthly_savings": saving, "switch_to": case.other.name if case.other else None},
        pays_tou=pays_tou,
        pays_demand=pays_demand,
        only_on=None if levers_on == case.own.name else levers_on,
    )


def _pays(case: CostCase, tariffs: SiteTariffs) -> tuple[bool, bool]:
    """Return whether the site pays by time of use, and for demand: by its own tariff, or by the assumed ones."""
    return tariffs.is_assumed or not case.own.is_flat, tariffs.is_assumed or bool(case.own.demand)


def _levers_on(case: CostCase, tariffs: SiteTariffs) -> str:
    """Return the tariff on which moving load and shaving the peak pay: the site's own, or where that is only assumed
    and rewards neither, the one beside it."""
    is_other = tariffs.is_assumed and case.own.is_flat and not case.own.demand
    return case.other.name if case.other and is_other else case.own.name


def _combine(tou: dict[str, Any], demand: dict[str, Any], case: CostCase, tariffs: SiteTariffs) -> dict[str, Any]:
    """Return `combined_summary`: the period's costs, and what two levers on the bill are worth.

    The potential is a tenth of the dearest energy moved and a tenth of the peak shaved, each as far as the site's own
    tariff rewards it (or the assumed one). `tou_optimized_cost` is the measured load on the time-of-use tariff:
    nothing is taken as moved in it. `tariff` is the one on which the potential is to be had.
    """
    shift, step = tou["load_shift_opportunity"], demand["shaving_scenarios"][1]
    has_tou, has_demand = _pays(case, tariffs)
    shift_month, shift_year = (shift[f"likely_{one}_savings"] if has_tou else 0.0 for one in ("monthly", "annual"))
    shave_month, shave_year = (step[f"{one}_savings"] if has_demand else 0.0 for one in ("monthly", "annual"))
    return {
        "total_energy_kwh": tou["total_kwh"],
        "current_flat_cost": tou["flat_total_cost"],
        "tou_optimized_cost": tou["tou_total_cost"],
        "demand_charge": demand["monthly_demand_charge"],
        "estimated_monthly_savings_potential": round(shift_month + shave_month, 2),
        "estimated_annual_savings_potential": round(shift_year + shave_year, 2),
        "load_shift_monthly": shift_month,
        "peak_shaving_monthly": shave_month,
        "currency": case.own.currency,
        "tariff": _levers_on(case, tariffs),
    }


def _compare_bills(case: CostCase) -> dict[str, Any]:
    """Return a month like this period billed on both tariffs, all charges counted, ratchets only on the one charged.

    Without a second tariff `compared_with` and `switch_monthly_savings` are None.
    """
    charged = case.demand_case.tariff
    bills = [
        project_bill(
            case.period,
            case.demand_case.rows,
            tariff,
            case.month,
            case.scale,
            holidays=case.holidays,
            peaks=case.demand_case.peaks if tariff is charged else None,
        )
        for tariff in (case.own, case.other)
        if tariff is not None
    ]
    own, other = bills[0], bills[1] if case.other else None
    saving = round(own["total"] - other["total"], 2) if other else None
    comparison = {"current": own, "compared_with": other, "switch_monthly_savings": saving}
    return comparison | {"days_scaled_up": round(float(case.period["hours"].sum()) / 24, 2)}


def _bills(case: CostCase, scope: WeekScope, tariffs: SiteTariffs) -> list[dict[str, Any]]:
    """Return the bills on the site's own tariff: months that are whole, and those that the period touches."""
    bills = bill_months(
        case.site,
        case.demand,
        tariffs.current,
        scope.tz,
        holidays=case.holidays,
        billed_peaks_kw=dict(tariffs.billed_peaks_kw),
        history=case.history,
    )
    first = scope.period.start.astimezone(scope.tz).date().isoformat()
    return [bill for bill in bills if bill["is_complete"] or bill["end"] >= first]


def _carbon(case: CostCase, tariffs: SiteTariffs) -> dict[str, Any]:
    """Return what the period's energy emits [kg CO2e], or why that is not known."""
    if tariffs.carbon is None:
        return NO_FACTOR
    kg = float(case.period["used_kwh"].sum()) * tariffs.carbon.kg_per_kwh
    return {
        "kg_co2e": round(kg, 2),
        "monthly_kg_co2e": round(kg * case.scale, 2),
        "factor_kg_per_kwh": tariffs.carbon.kg_per_kwh,
        "source": tariffs.carbon.source,
    }
