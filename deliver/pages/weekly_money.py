"""Lays out what the weekly report says of money and of the week ahead. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import SEVERITY_TONES, is_available, reason_of
from deliver.pages.parts import Part
from deliver.words import formats as fmt

_LEAST_MONEY = 1.0  # a month; less is not worth a row


def cost_blocks(sections: dict[str, Any], currency: str | None, savings_note: str | None = None) -> list[Part | None]:
    """Return the cost by period of the day where the site pays by it, the peak and who made it; the rest is folded.

    `savings_note` tells of savings on tariffs of which a site pays only one.
    """
    cost = sections.get("costOptimization")
    if not is_available(cost):
        return [parts.note(f"Not worked out: {reason_of(cost)}.")]
    demand, tariffs = cost["demand_analysis"], cost["basis"]["tariffs"]
    is_own = tariffs["current"] == tariffs["time_of_use"]
    has_periods = len(cost["tou_analysis"]["period_breakdown"]) > 1
    advice = [_advice(item, index) for index, item in enumerate(demand.get("recommendations") or [], 1)]
    return [
        *(_period_blocks(cost, currency) if is_own and has_periods else []),
        parts.text(_demand_sentence(cost, currency)),
        _drivers_table(cost, currency),
        *([] if cost["bill_comparison"]["compared_with"] is None else [
            parts.fold("What another tariff would change", [
                parts.text(compare_tariffs(cost, currency)),
                *([] if is_own else _period_blocks(cost, currency)),
                parts.text(savings_note or ""),
            ])
        ]),
        parts.fold("Ideas for the bill", [parts.findings(advice)]),
        parts.fold("How this was calculated", [parts.bullets((cost.get("basis") or {}).get("notes") or [])]),
    ]  # fmt: skip


def _period_blocks(cost: dict[str, Any], currency: str | None) -> list[Part | None]:
    """Return what the energy costs by period of the time-of-use tariff, and whose tariff that is."""
    tou, tariffs = cost["tou_analysis"], cost["basis"]["tariffs"]
    periods = sorted(tou["period_breakdown"].items(), key=lambda pair: -pair[1]["rate"])
    columns = [parts.column("Period")] + [
        parts.column(label, "right") for label in ("Energy", "Share", "Price per kWh", "Cost")
    ]
    rows = [
        [name.replace("_", "-"), fmt.kwh(row["kwh"]), fmt.pct(row["pct_of_total_kwh"]),
         fmt.rate(row["rate"], currency), fmt.money(row["cost"], currency)]
        for name, row in periods
    ]  # fmt: skip
    whose = "" if tariffs["current"] == tariffs["time_of_use"] else ", if the site paid by time of use"
    summary = (
        f"Energy alone: {fmt.money(tou['tou_total_cost'], currency)}{whose}. Demand and other charges come on top."
    )
    return [
        parts.chart("bars", "Cost by period of the day", summary, {
            "names": [name.replace("_", "-") for name, _ in periods],
            "values": [row["cost"] for _, row in periods],
            "labels": [f"{fmt.money(row['cost'], currency)} · {fmt.kwh(row['kwh'])}" for _, row in periods],
        }),
        parts.table("Energy and cost by period of the day", columns, rows),
    ]  # fmt: skip


def compare_tariffs(cost: dict[str, Any], currency: str | None) -> str:
    """Return which tariff a month costs less on, with all charges."""
    compared, tariffs = cost["bill_comparison"], cost["basis"]["tariffs"]
    own, other, saving = (compared[key] for key in ("current", "compared_with", "switch_monthly_savings"))
    name = "A time-of-use tariff" if tariffs["current"] == tariffs["flat"] else "A flat price"
    assumed = " (assumed rates)" if tariffs.get("is_comparison_assumed") or tariffs["is_assumed"] else ""
    totals = (
        f"{fmt.money(other['total'], currency)} instead of {fmt.money(own['total'], currency)}, all charges included"
    )
    if not saving:
        return f"{name}{assumed} would cost the same: {totals}."
    change = f"{fmt.money(abs(saving), currency)} {'less' if saving > 0 else 'more'} a month"
    return f"{name}{assumed} would cost {change}: {totals}."


def _pays_demand(tariffs: dict[str, Any]) -> bool:
    """Return whether the demand charges of the section are the site's own, or assumed to be."""
    return bool(tariffs["demand"]) and (tariffs["is_assumed"] or tariffs["demand"] == tariffs["current"])


def _demand_sentence(cost: dict[str, Any], currency: str | None) -> str:
    demand, tariffs = cost["demand_analysis"], cost["basis"]["tariffs"]
    least = "at least " if demand.get("is_peak_at_least") else ""
    peak = f"Billing peak: {least}{fmt.kw(demand['billing_peak_kw'])}, {fmt.when(demand['peak_timestamp'])}."
    monthly = fmt.money(demand["monthly_demand_charge"], currency)
    if not tariffs["demand"]:
        return f"{peak} The tariff has no charge on it."
    rate = f"{fmt.money(demand['demand_rate_per_kw'], currency)} per kW"
    if tariffs["demand"] == tariffs["current"]:
        return f"{peak} Demand charges: {monthly} a month, {rate}."
    if not _pays_demand(tariffs):
        return f"{peak} The site's tariff has no charge on it; the other tariff would charge {monthly} a month."
    return f"{peak} No charge on it is confirmed; an assumed tariff would charge {monthly} a month, {rate}."


def _drivers_table(cost: dict[str, Any], currency: str | None) -> Part | None:
    """Return who made the peak, and what it would save to hold each at its normal; meters that save nothing are left
    out where demand is charged."""
    pays = _pays_demand(cost["basis"]["tariffs"])
    drivers = (cost.get("peak_drivers") or {}).get("drivers") or []
    shown = [row for row in drivers if row["monthly_savings"] >= _LEAST_MONEY] if pays else drivers
    labels = ("At the peak", "Share", "Normal", *(["At normal, less a month"] if pays else []))
    columns = [parts.column("Meter")] + [parts.column(label, "right") for label in labels]
    rows = [
        [row["channel_name"], fmt.kw(row["kw_at_peak"]), fmt.pct(row["share_pct"]), fmt.kw(row["usual_kw"]),
         *([fmt.money(row["monthly_savings"], currency)] if pays else [])]
        for row in shown
    ]  # fmt: skip
    return parts.table("Which meters made the peak", columns, rows, shown=6)


def _advice(item: dict[str, Any], index: int) -> Part:
    return parts.finding(
        f"cost-{index}",
        item["title"],
        tone=SEVERITY_TONES.get(item["priority"], "calm"),
        badge=item["category"].replace("_", " "),
        body=item["detail"],
    )


def energy_cost_tile(cost: dict[str, Any], currency: str | None) -> Part:
    """Return what the energy cost, and at which price where nobody confirmed it."""
    rate = cost.get("averagePerKwh")
    price = f"at an assumed {fmt.rate(rate, currency)} per kWh" if cost.get("isAssumed") and rate else ""
    return parts.tile("Energy cost", fmt.money(cost["energyCost"], currency), price or "before demand and taxes")


def money_line(report: dict[str, Any], currency: str | None) -> str:
    """Return what the period cost and what could be saved; nothing is said of a saving of nothing."""
    savings, cost = report["summary"]["totalPotentialSavings"], report["consumption"].get("cost") or {}
    parts_ = [f"Energy cost {fmt.money(cost['energyCost'], currency)}"] if cost else []
    if savings["weeklyKwh"]:
        year = f", about {fmt.money(savings['estimatedAnnual'], currency)} a year" if savings["estimatedAnnual"] else ""
        new = f", {fmt.kwh(savings['newKwh'])} of it new this week" if savings.get("newKwh") else ""
        parts_.append(
            f"could be saved: {fmt.money(savings['weeklyCost'], currency)} a week "
            f"({fmt.kwh(savings['weeklyKwh'])}){year}{new}"
        )
    if savings.get("onceKwh"):
        once = f"{fmt.money(savings['onceCost'], currency)} ({fmt.kwh(savings['onceKwh'])})"
        parts_.append(f"one-time: {once}, not in the totals")
    line = "; ".join(parts_)
    return f"{line[0].upper()}{line[1:]}." if line else ""


def cost_fact(report: dict[str, Any], currency: str | None) -> str:
    """Return the section in one line."""
    cost = report["sections"].get("costOptimization")
    if not is_available(cost):
        return f"not worked out: {reason_of(cost)}"
    demand = cost["demand_analysis"]
    energy = (report["consumption"].get("cost") or {}).get("energyCost")
    least = "at least " if demand.get("is_peak_at_least") else ""
    charges = f"{fmt.money(energy, currency)} of energy; " if energy is not None else ""
    return f"{charges}peak {least}{fmt.kw(demand['billing_peak_kw'])}"


def forecast_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    section = report["sections"].get("forecast")
    if not is_available(section):
        return f"no forecast: {reason_of(section)}"
    total = section["summary"]
    return f"{fmt.kwh(total['total_predicted_kwh'])} expected in {fmt.count(total['horizon_days'], 'day')}"


def forecast_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the week ahead with its band."""
    section = report["sections"].get("forecast")
    if not is_available(section):
        return [parts.note(f"No forecast: {reason_of(section)}.")]
    hours, total = section["forecast"], section["summary"]
    band_pct = total.get("band_pct", 80)
    summary = (
        f"{fmt.kwh(total['total_predicted_kwh'])} expected in {fmt.count(total['horizon_days'], 'day')}, after "
        f"{fmt.kwh(total['total_last_7d_actual_kwh'])} in the last 7 days: {fmt.signed_pct(total['trend_change_pct'])} "
        f"over comparable hours. Shaded: {band_pct}\N{NO-BREAK SPACE}% prediction interval."
    )
    columns = [parts.column("Day"), parts.column("Expected", "right"), parts.column("Highest hour", "right")]
    rows = [
        [fmt.day(day["date"]), fmt.kwh(day["predicted_kwh"]), fmt.kwh(day["peak_hour_kwh"])]
        for day in total["daily_forecast"]
    ]
    return [
        parts.chart("load", "Forecast, hour by hour", summary, {
            "times": [hour["timestamp"] for hour in hours],
            "actual": [hour["predicted_kwh"] for hour in hours], "actualLabel": "expected",
            "low": [hour["lower_bound"] for hour in hours], "high": [hour["upper_bound"] for hour in hours],
            "band": f"{band_pct}\N{NO-BREAK SPACE}% prediction interval", "unit": "kWh per hour",
            "timezone": report["metadata"]["period"]["timezone"],
        }),
        parts.table("Forecast by day", columns, rows, is_folded=True),
    ]  # fmt: skip
