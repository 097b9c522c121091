"""Lays out what the weekly report says of money and of the week ahead. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import SEVERITY_TONES, is_available, reason_of
from deliver.pages.parts import Part
from deliver.words import formats as fmt


def cost_blocks(sections: dict[str, Any], currency: str | None, savings_note: str | None = None) -> list[Part | None]:
    """Return the cost by period of the day, all charges compared, the demand charge and who made the peak.

    `savings_note` tells of savings on tariffs of which a site pays only one.
    """
    cost = sections.get("costOptimization")
    if not is_available(cost):
        return [parts.note(f"Not worked out: {reason_of(cost)}.")]
    tou, demand = cost["tou_analysis"], cost["demand_analysis"]
    periods = sorted(tou["period_breakdown"].items(), key=lambda pair: -pair[1]["rate"])
    columns = [parts.column("Period")] + [
        parts.column(label, "right") for label in ("Energy", "Share", "Rate per kWh", "Cost")
    ]
    rows = [
        [name.replace("_", "-"), fmt.kwh(row["kwh"]), fmt.pct(row["pct_of_total_kwh"]),
         fmt.rate(row["rate"], currency), fmt.money(row["cost"], currency)]
        for name, row in periods
    ]  # fmt: skip
    summary = (
        f"Energy alone: {fmt.money(tou['tou_total_cost'], currency)} on time of use, "
        f"{fmt.money(tou['flat_total_cost'], currency)} on the flat rate; demand and other charges come on top."
    )
    return [
        parts.chart("bars", "Cost by period", summary, {
            "names": [name.replace("_", "-") for name, _ in periods],
            "values": [row["cost"] for _, row in periods],
            "labels": [f"{fmt.money(row['cost'], currency)} · {fmt.kwh(row['kwh'])}" for _, row in periods],
        }),
        parts.table("Energy and cost by period", columns, rows),
        parts.text(cost["bill_comparison"].get("text", "")),
        parts.text(_demand_sentence(cost, currency)),
        parts.text(savings_note or ""),
        _drivers_table(cost, currency),
        parts.findings([_advice(item, index) for index, item in enumerate(demand.get("recommendations") or [], 1)]),
        parts.bullets((cost.get("basis") or {}).get("notes") or []),
    ]  # fmt: skip


def _pays_demand(tariffs: dict[str, Any]) -> bool:
    """Return whether the demand charges of the section are the site's own, or assumed to be."""
    return bool(tariffs["demand"]) and (tariffs["is_assumed"] or tariffs["demand"] == tariffs["current"])


def _demand_sentence(cost: dict[str, Any], currency: str | None) -> str:
    demand, tariffs = cost["demand_analysis"], cost["basis"]["tariffs"]
    least = "at least " if demand.get("is_peak_at_least") else ""
    peak = f"The billing peak is {least}{fmt.kw(demand['billing_peak_kw'])}, {fmt.when(demand['peak_timestamp'])}"
    monthly = fmt.money(demand["monthly_demand_charge"], currency)
    if not tariffs["demand"]:
        return f"{peak}; the tariff has no charge on it."
    if not _pays_demand(tariffs):
        return f"{peak}; the site's tariff has no charge on it, {tariffs['demand']} would charge {monthly} a month."
    rate = fmt.money(demand["demand_rate_per_kw"], currency)
    if tariffs["demand"] != tariffs["current"]:
        assumed = f"on {tariffs['demand']}, which is assumed"
        return f"{peak}; {assumed}, its demand charges would come to {monthly} a month, at {rate} for the last kW."
    return f"{peak}; its demand charges come to {monthly} a month, at {rate} for the last kW."


def _drivers_table(cost: dict[str, Any], currency: str | None) -> Part | None:
    tariffs = cost["basis"]["tariffs"]
    pays, is_own = _pays_demand(tariffs), tariffs["demand"] == tariffs["current"]
    shaving = "Shaving it, a month" if is_own else f"Shaving it on {tariffs['demand']}, a month"
    labels = ("At the peak", "Share", "Usual", *([shaving] if pays else []))
    columns = [parts.column("Meter")] + [parts.column(label, "right") for label in labels]
    rows = [
        [row["channel_name"], fmt.kw(row["kw_at_peak"]), fmt.pct(row["share_pct"]), fmt.kw(row["usual_kw"]),
         *([fmt.money(row["monthly_savings"], currency)] if pays else [])]
        for row in (cost.get("peak_drivers") or {}).get("drivers") or []
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


def energy_charges_tile(cost: dict[str, Any], currency: str | None) -> Part:
    """Return the energy charges on the site's own tariff, and what a month on the other would be with all charges.

    Its energy alone would mislead: what is cheap by the kilowatt-hour often asks for the peak as well.
    """
    tou, tariffs = cost["tou_analysis"], cost["basis"]["tariffs"]
    sides = [(tou["flat_total_cost"], "the flat rate"), (tou["tou_total_cost"], "time of use")]
    own, other = sides[::-1] if tariffs["current"] == tariffs["time_of_use"] else sides
    more = -cost["bill_comparison"]["switch_monthly_savings"]  # than on the site's own
    amount = f"{fmt.money(abs(more), currency)} a month {'more' if more >= 0 else 'less'}"
    note = f"for {fmt.kwh(tou['total_kwh'])}; with all charges {other[1]} would be {amount}"
    return parts.tile("Energy charges", fmt.money(own[0], currency), note)


def forecast_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the week ahead with its band."""
    section = report["sections"].get("forecast")
    if not is_available(section):
        return [parts.note(f"No forecast: {reason_of(section)}.")]
    hours, total = section["forecast"], section["summary"]
    band_pct = total.get("band_pct", 80)
    summary = (
        f"{fmt.kwh(total['total_predicted_kwh'])} are expected in {total['horizon_days']} days, after "
        f"{fmt.kwh(total['total_last_7d_actual_kwh'])} in the last week; over the hours that can be compared that is "
        f"{fmt.signed_pct(total['trend_change_pct'])}. The band holds {band_pct} of 100 hours."
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
            "band": f"{band_pct} % band", "unit": "kWh per hour",
            "timezone": report["metadata"]["period"]["timezone"],
        }),
        parts.table("Forecast by day", columns, rows, is_folded=True),
    ]  # fmt: skip
