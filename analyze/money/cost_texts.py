"""The costs in words: what to do about the bill, and the section as text. Pure: it says figures, and computes none."""

from __future__ import annotations

from typing import Any

# A peak that comes back in this many hours of the day or fewer can be scheduled around.
NARROW_PEAK_HOURS = 4
# Priority by what it is worth a month, in kWh at the site's mean energy rate, so that it holds in any currency: about a
# technician's half day, 200 USD at 0.12, and a third of it.
HIGH_MONTHLY_KWH = 1650.0
MEDIUM_MONTHLY_KWH = 500.0
_SHAVING_STEP_PCT = 10  # the contract's second step: most sites reach it by staggering starts


def build_recommendations(
    demand: dict[str, Any],
    tou: dict[str, Any],
    drivers: list[dict[str, Any]],
    currency: str,
    *,
    pays_tou: bool,
    pays_demand: bool,
    only_on: str | None = None,
) -> list[dict[str, str]]:
    """Return recommendations `{priority, category, title, detail}`, those worth most first.

    `pays_tou` and `pays_demand` tell what the site's bill rewards: nobody is told to earn what another tariff pays.
    Where the site's own tariff is not known, `only_on` names the one that would reward it; None is the site's own.
    """
    found = [_switch(tou, currency)]
    if pays_tou:
        found.append(_shift(tou["load_shift_opportunity"], currency, only_on))
    if pays_demand:
        found.append(_shave(demand, drivers, currency, only_on))
        found += [_ratchet(charge, demand, only_on) for charge in demand["demand_charges"] if "ratchet" in charge]
    kept = sorted((item for item in found if item), key=lambda item: -item[0])
    return [{"priority": _priority(monthly, tou["flat_rate"]), **advice} for monthly, advice in kept]


def _priority(monthly: float, rate_per_kwh: float) -> str:
    """Return how much an advice matters that is worth `monthly`, where a kWh costs `rate_per_kwh` on average."""
    kwh = monthly / rate_per_kwh if rate_per_kwh > 0 else 0.0
    return "high" if kwh >= HIGH_MONTHLY_KWH else "medium" if kwh >= MEDIUM_MONTHLY_KWH else "low"


def _advice(monthly: float, category: str, title: str, detail: str) -> tuple[float, dict[str, str]]:
    return monthly, {"category": category, "title": title, "detail": detail}


def _on_tariff(only_on: str | None) -> str:
    return f"Were the site on {only_on}: " if only_on else ""


def _saves(only_on: str | None) -> str:
    return "would save" if only_on else "saves"


def _shave(
    demand: dict[str, Any], drivers: list[dict[str, Any]], currency: str, only_on: str | None
) -> tuple[float, dict[str, str]] | None:
    step = next(one for one in demand["shaving_scenarios"] if one["reduction_pct"] == _SHAVING_STEP_PCT)
    if step["annual_savings"] <= 0:
        return None
    hours = demand["peak_concentration_hours"]
    when = (
        f"It comes within a tenth of its height only in the hours that begin at {_say_hours(hours)}: stagger what "
        "starts then. "
        if len(hours) <= NARROW_PEAK_HOURS
        else f"{len(hours)} hours of the day come within a tenth of it, so it is a level rather than a moment. "
    )
    top = next((driver for driver in drivers if driver["above_usual_kw"] > 0), None)
    who = (
        f"{top['channel_name']} drew {top['kw_at_peak']:.1f} kW at the peak, {top['above_usual_kw']:.1f} kW above its "
        f"usual for the hour; held at that it {_saves(only_on)} {top['monthly_savings']:.2f} {currency} a month."
        if top
        else ""
    )
    title = f"Lower the peak of {demand['billing_peak_kw']:.1f} kW by {_SHAVING_STEP_PCT} %"
    amounts = f"{step['monthly_savings']:.2f} {currency} this month, {step['annual_savings']:.2f} a year"
    worth = f"{_on_tariff(only_on)}{'w' if only_on else 'W'}orth {amounts}. "
    return _advice(step["annual_savings"] / 12, "demand", title, (worth + when + who).strip())


def _say_hours(hours: list[int]) -> str:
    return ", ".join(f"{hour:02d}:00" for hour in hours)


def _shift(shift: dict[str, float], currency: str, only_on: str | None) -> tuple[float, dict[str, str]] | None:
    if shift["likely_monthly_savings"] <= 0:
        return None
    detail = (
        f"{_on_tariff(only_on)}{shift['on_peak_kwh']:,.0f} kWh of the period fell into the dearest hours; each that "
        f"moves to the cheapest {_saves(only_on)} {shift['potential_savings_per_kwh']:.3f} {currency}. "
        f"If {shift['assumed_shiftable_pct']:.0f} % of them can move: {shift['likely_monthly_savings']:.2f} {currency} "
        "a month. Candidates: charging, pre-cooling, hot water, washing."
    )
    return _advice(shift["likely_monthly_savings"], "load_shift", "Move load out of the dearest hours", detail)


def _switch(tou: dict[str, Any], currency: str) -> tuple[float, dict[str, str]] | None:
    saving = tou.get("switch_monthly_savings", 0.0)
    if saving <= 0:
        return None
    detail = (
        f"A month like this period costs {saving:.2f} {currency} less on {tou['switch_to']}, all charges counted. "
        "Check it against a year of bills and the tariff's conditions before asking for the change."
    )
    return _advice(saving, "tariff", f"Ask whether the site may change to {tou['switch_to']}", detail)


def _ratchet(
    charge: dict[str, Any], demand: dict[str, Any], only_on: str | None
) -> tuple[float, dict[str, str]] | None:
    ratchet = charge["ratchet"]
    if charge["billed_kw"] > charge["measured_kw"]:
        detail = (
            f"{'an' if only_on else 'An'} earlier peak {'would make' if only_on else 'makes'} the {charge['name']} "
            f"charge bill {charge['billed_kw']:.1f} kW, though only {charge['measured_kw']:.1f} kW were drawn. Lower "
            f"peaks pay only after that month leaves the {ratchet['months_needed']} months that count."
        )
        extra = (charge["billed_kw"] - charge["measured_kw"]) * demand["demand_rate_per_kw"]
        title = "An earlier peak would still be paid" if only_on else "An earlier peak is still being paid"
        return _advice(extra, "ratchet", title, _on_tariff(only_on) + detail)
    detail = (
        f"{ratchet['pct']:.0f} % of this peak {'would be' if only_on else 'is'} billed for the "
        f"{ratchet['months_needed']} months after it as well, whatever is drawn then; a single interval is enough. "
        "Alarm at nine tenths of it."
    )
    title = f"Guard against a peak above {charge['billed_kw']:.1f} kW"
    return _advice(0.0, "ratchet", title, _on_tariff(only_on) + detail)


def describe_comparison(comparison: dict[str, Any], days: float, is_month: bool) -> str:
    """Return which of two tariffs a month costs less on, all charges counted; one like so many days, or this one."""
    own, other, saving = (comparison[key] for key in ("current", "compared_with", "switch_monthly_savings"))
    unit, verdict = own["currency"], "as much"
    if saving:
        verdict = f"{abs(saving):,.2f} {unit} {'less' if saving > 0 else 'more'}"
    month = "the month" if is_month else f"a month like these {days:.0f} days"
    scaled = "" if is_month else " Scaled up from these days; not a bill."
    if other is None:
        return f"With all charges, {month} costs {own['total']:,.2f} {unit} on {own['tariff']}.{scaled}"
    return (
        f"With all charges, {month} costs {own['total']:,.2f} {unit} on {own['tariff']} and would cost "
        f"{other['total']:,.2f} {unit} on {other['tariff']}: {verdict}.{scaled}"
    )


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    if "reason" in section:
        return f"unavailable: {section['reason']}"
    tou, demand, unit = section["tou_analysis"], section["demand_analysis"], section["basis"]["currency"]
    tariffs, total = section["basis"]["tariffs"], section["combined_summary"]
    lines = [
        f"{tou['total_kwh']:.1f} kWh of energy alone: {tou['flat_total_cost']:.2f} {unit} on {tariffs['flat']}, "
        f"{tou['tou_total_cost']:.2f} on {tariffs['time_of_use']}",
        section["bill_comparison"]["text"],
        f"peak {demand['billing_peak_kw']:.1f} kW at {demand['peak_timestamp']}: "
        f"{demand['monthly_demand_charge']:.2f} {unit} a month on {tariffs['demand'] or 'no demand charge'}",
        f"moving a tenth of the on-peak energy and lowering the peak by {_SHAVING_STEP_PCT} % would save "
        f"{total['estimated_monthly_savings_potential']:.2f} {unit} a month on {total['tariff']}",
    ]
    lines += [
        f"{driver['kw_at_peak']:9.1f} kW of the peak ({driver['share_pct']:.0f} %)  {driver['channel_name']}, "
        f"normally {driver['usual_kw']:.1f} kW: at that, {driver['monthly_savings']:.2f} {unit} a month less"
        for driver in section["peak_drivers"]["drivers"]
    ]
    for bill in section["bills"]:
        metered = f"{bill['covered_days']:g} of {bill['days']} days metered"
        lines.append(f"bill {bill['start']} to {bill['end']} on {bill['tariff']}, {metered}")
        lines += [f"{line['amount']:12.2f}  {line['kind']} {line['name']}" for line in bill["lines"]]
        lines.append(f"{bill['total']:12.2f}  {bill['currency']}")
    lines += [f"{advice['priority']}: {advice['title']}. {advice['detail']}" for advice in demand["recommendations"]]
    return "\n".join(lines + section["basis"]["notes"])
