"""What to do about the bill, as facts, and the section of costs as lines for a terminal. Pure."""

from __future__ import annotations

from typing import Any

from lib.states import Advice, Level

# A peak that comes back in this many hours of the day or fewer can be scheduled around.
NARROW_PEAK_HOURS = 4
# Priority by what it is worth a month, in kWh at the site's mean energy rate, so that it holds in any currency: about a
# technician's half day, 200 USD at 0.12, and a third of it.
HIGH_MONTHLY_KWH = 1650.0
MEDIUM_MONTHLY_KWH = 500.0
_SHAVING_STEP_PCT = 10  # the contract's second step: most sites reach it by staggering starts


_Worth = tuple[float, dict[str, Any]]  # of a month, and the recommendation


def build_recommendations(
    demand: dict[str, Any],
    tou: dict[str, Any],
    *,
    pays_tou: bool,
    pays_demand: bool,
    only_on: str | None = None,
) -> list[dict[str, Any]]:
    """Return recommendations `{priority, category, kind, on_tariff}`, those worth most first.

    `pays_tou` and `pays_demand` tell what the site's bill rewards: nobody is told to earn what another tariff pays.
    Where the site's own tariff is not known, `only_on` names the one that would reward it; None is the site's own.
    """
    found = [_switch(tou)]
    if pays_tou:
        found.append(_shift(tou["load_shift_opportunity"], only_on))
    if pays_demand:
        found.append(_shave(demand, only_on))
        found += [_ratchet(charge, demand, only_on) for charge in demand["demand_charges"] if "ratchet" in charge]
    kept = sorted((item for item in found if item), key=lambda item: -item[0])
    return [{"priority": _priority(monthly, tou["flat_rate"]), **advice} for monthly, advice in kept]


def _priority(monthly: float, rate_per_kwh: float) -> Level:
    """Return how much an advice matters that is worth `monthly`, where a kWh costs `rate_per_kwh` on average."""
    kwh = monthly / rate_per_kwh if rate_per_kwh > 0 else 0.0
    return Level.HIGH if kwh >= HIGH_MONTHLY_KWH else Level.MEDIUM if kwh >= MEDIUM_MONTHLY_KWH else Level.LOW


def _advice(worth: float, category: str, kind: Advice, on_tariff: str | None, **facts: Any) -> _Worth:
    return worth, {"category": category, "kind": str(kind), "on_tariff": on_tariff, **facts}


def _shave(demand: dict[str, Any], only_on: str | None) -> _Worth | None:
    step = next(one for one in demand["shaving_scenarios"] if one["reduction_pct"] == _SHAVING_STEP_PCT)
    if step["annual_savings"] <= 0:
        return None
    is_narrow = len(demand["peak_concentration_hours"]) <= NARROW_PEAK_HOURS
    facts = {"reduction_pct": _SHAVING_STEP_PCT, "is_narrow": is_narrow}
    return _advice(step["annual_savings"] / 12, "demand", Advice.SHAVE_PEAK, only_on, **facts)


def _shift(shift: dict[str, float], only_on: str | None) -> _Worth | None:
    if shift["likely_monthly_savings"] <= 0:
        return None
    return _advice(shift["likely_monthly_savings"], "load_shift", Advice.SHIFT_LOAD, only_on)


def _switch(tou: dict[str, Any]) -> _Worth | None:
    saving = tou.get("switch_monthly_savings", 0.0)
    if saving <= 0:
        return None
    return _advice(saving, "tariff", Advice.SWITCH_TARIFF, None, to=tou["switch_to"], monthly=saving)


def _ratchet(charge: dict[str, Any], demand: dict[str, Any], only_on: str | None) -> _Worth:
    if charge["billed_kw"] > charge["measured_kw"]:
        extra = (charge["billed_kw"] - charge["measured_kw"]) * demand["demand_rate_per_kw"]
        return _advice(extra, "ratchet", Advice.PAY_RATCHET, only_on, charge=charge["name"])
    return _advice(0.0, "ratchet", Advice.GUARD_RATCHET, only_on, charge=charge["name"])


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader: its facts, as the report puts them into words."""
    if "reason" in section:
        return f"unavailable: {section['reason']}"
    tou, demand, unit = section["tou_analysis"], section["demand_analysis"], section["basis"]["currency"]
    tariffs, total = section["basis"]["tariffs"], section["combined_summary"]
    lines = [
        f"{tou['total_kwh']:.1f} kWh of energy alone: {tou['flat_total_cost']:.2f} {unit} on {tariffs['flat']}, "
        f"{tou['tou_total_cost']:.2f} on {tariffs['time_of_use']}",
        f"a month on {' or '.join(_bill_text(bill) for bill in _compared(section['bill_comparison']))}",
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
    lines += [f"{advice['priority']}: {_facts(advice)}" for advice in demand["recommendations"]]
    return "\n".join(lines + [_facts(note) for note in section["basis"]["notes"]])


def _compared(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [bill for bill in (comparison["current"], comparison["compared_with"]) if bill]


def _bill_text(bill: dict[str, Any]) -> str:
    return f"{bill['tariff']} {bill['total']:.2f} {bill['currency']}"


def _facts(item: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in item.items() if key != "priority" and value is not None)
