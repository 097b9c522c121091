"""What the section of costs says beside its figures: which tariff costs less, what to do about the bill, on what the
figures rest. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deliver.words import formats as fmt
from deliver.words.hours import join
from lib.states import Advice, CostNote

Facts = dict[str, Any]
_MINUTES_PER_HOUR = 60


def tell_costs(section: Facts) -> Facts:
    """Return the section `costOptimization` with its comparison, advice and notes in words; a refused one as it is."""
    if "reason" in section:
        return section
    demand, basis = section["demand_analysis"], section["basis"]
    advice = [_tell_advice(item, section) for item in demand["recommendations"]]
    return section | {
        "demand_analysis": demand | {"recommendations": advice},
        "bill_comparison": section["bill_comparison"] | {"text": _comparison(section)},
        "basis": basis | {"notes": [_NOTES[note["code"]](note) for note in basis["notes"]]},
    }


def tariff_title(name: str) -> str:
    """Return how a tariff is called: the shipped ones are assumptions, others bear the name of their file."""
    return _SHIPPED.get(name, name.replace("_", " "))


_SHIPPED = {
    "default_flat": "an assumed flat price",
    "default_tou_demand": "an assumed time-of-use tariff with a demand charge",
    "flat_rate": "its flat price",
}


def _comparison(section: Facts) -> str:
    """Return which of two tariffs a month costs less on, all charges counted; one like so many days, or this one."""
    found = section["bill_comparison"]
    own, other, saving = (found[key] for key in ("current", "compared_with", "switch_monthly_savings"))
    is_month = section["basis"]["monthly_method"] == "calendar_month"
    month = "the month" if is_month else f"a month like these {fmt.duration(24 * round(found['days_scaled_up']))}"
    scaled = "" if is_month else " Scaled up from these days; not a bill."
    costs = f"With all charges, {month} costs {_money(own['total'], own)} on {tariff_title(own['tariff'])}"
    if other is None:
        return f"{costs}.{scaled}"
    verdict = f"{_money(abs(saving), own)} {'less' if saving > 0 else 'more'}" if saving else "as much"
    would = f"would cost {_money(other['total'], own)} on {tariff_title(other['tariff'])}"
    return f"{costs} and {would}: {verdict}.{scaled}"


def _money(amount: float, priced: Facts) -> str:
    return fmt.money(amount, priced["currency"])


def _tell_advice(item: Facts, section: Facts) -> Facts:
    title, detail = _ADVICE[item["kind"]](item, section)
    if item["on_tariff"]:
        detail = f"If the site were on {tariff_title(item['on_tariff'])}: {detail[0].lower()}{detail[1:]}"
    return item | {"title": title, "detail": detail}


def _shave(item: Facts, section: Facts) -> tuple[str, str]:
    demand, basis = section["demand_analysis"], section["basis"]
    step = next(one for one in demand["shaving_scenarios"] if one["reduction_pct"] == item["reduction_pct"])
    hours, near = demand["peak_concentration_hours"], f"within {fmt.pct(10)} of its height"
    when = (
        f"The peak comes {near} only at {_clock_hours(hours)}: stagger what starts then."
        if item["is_narrow"]
        else f"The load comes {near} in {len(hours)} hours of the day: it is a level rather than a moment."
    )
    worth = f"{_money(step['monthly_savings'], basis)} this month, {_money(step['annual_savings'], basis)} a year"
    title = f"Lower the peak of {fmt.kw(demand['billing_peak_kw'])} by {fmt.pct(item['reduction_pct'])}"
    return title, " ".join(filter(None, [f"Worth {worth}.", when, _driver(item, section)]))


def _driver(item: Facts, section: Facts) -> str:
    """Return which meter made the peak."""
    drivers = section["peak_drivers"]["drivers"]
    top = next((driver for driver in drivers if driver["above_usual_kw"] > 0), None)
    if top is None:
        return ""
    saves = "would save" if item["on_tariff"] else "saves"
    return (
        f"{top['channel_name']} drew {fmt.kw(top['kw_at_peak'])} at the peak, {fmt.kw(top['above_usual_kw'])} above "
        f"normal for the hour; at normal, that {saves} {_money(top['monthly_savings'], section['basis'])} a month."
    )


def _clock_hours(hours: Sequence[int]) -> str:
    """Return hours of the day such as ``10 am–1 pm``, those in a row as one stretch."""
    starts = [hour for hour in hours if hour - 1 not in hours]
    ends = [next(hour for hour in range(start, 25) if hour not in hours) for start in starts]
    spans = zip(starts, ends, strict=True)
    return join([fmt.clock_span(first * _MINUTES_PER_HOUR, last * _MINUTES_PER_HOUR) for first, last in spans])


def _shift(item: Facts, section: Facts) -> tuple[str, str]:
    shift, basis = section["tou_analysis"]["load_shift_opportunity"], section["basis"]
    saves = "would save" if item["on_tariff"] else "saves"
    price = fmt.rate(shift["potential_savings_per_kwh"], basis["currency"])
    return "Move load out of the most expensive hours", (
        f"The most expensive hours took {fmt.kwh(shift['on_peak_kwh'])} of the period. Each kWh moved to the cheapest "
        f"hours {saves} {price}; if {fmt.pct(shift['assumed_shiftable_pct'])} can move, "
        f"{_money(shift['likely_monthly_savings'], basis)} a month. Candidates: charging, pre-cooling, hot water, "
        "washing."
    )


def _switch(item: Facts, section: Facts) -> tuple[str, str]:
    saving, to = _money(item["monthly"], section["basis"]), tariff_title(item["to"])
    return f"Ask whether the site may change to {to}", (
        f"A month like this period costs {saving} less on it, all charges included. Check it against a year of bills "
        "and the tariff's conditions before asking for the change."
    )


def _charge_of(item: Facts, section: Facts) -> Facts:
    charges: list[Facts] = section["demand_analysis"]["demand_charges"]
    return next(charge for charge in charges if charge["name"] == item["charge"])


def _pay_ratchet(item: Facts, section: Facts) -> tuple[str, str]:
    charge, is_other = _charge_of(item, section), bool(item["on_tariff"])
    verb, still = ("would set", "would still be") if is_other else ("sets", "is still being")
    return f"An earlier peak {still} paid", (
        f"An earlier peak {verb} the {charge['name']} charge: {fmt.kw(charge['billed_kw'])} billed, "
        f"{fmt.kw(charge['measured_kw'])} drawn. Lower peaks pay off only when that month leaves the "
        f"{charge['ratchet']['months_needed']} months that count."
    )


def _guard_ratchet(item: Facts, section: Facts) -> tuple[str, str]:
    charge, verb = _charge_of(item, section), "would be" if item["on_tariff"] else "is"
    ratchet = charge["ratchet"]
    return f"Guard against a peak above {fmt.kw(charge['billed_kw'])}", (
        f"{fmt.pct(ratchet['pct'])} of this peak {verb} billed for the {ratchet['months_needed']} months after it as "
        "well (a ratchet), whatever is drawn then. One interval is enough; set an alarm a little below it."
    )


_ADVICE: dict[str, Callable[[Facts, Facts], tuple[str, str]]] = {
    Advice.SHAVE_PEAK: _shave,
    Advice.SHIFT_LOAD: _shift,
    Advice.SWITCH_TARIFF: _switch,
    Advice.PAY_RATCHET: _pay_ratchet,
    Advice.GUARD_RATCHET: _guard_ratchet,
}


def _scaled(note: Facts) -> str:
    scaled = (
        f"Monthly figures are the period's × {fmt.number(note['scale'], 2)}: an average month has 730.5 hours."
        if note["scale"]
        else "Monthly figures are this month's."
    )
    return f"Energy is as metered; what is missing or wrong is estimated from similar days. {scaled}"


def _ratchet_months(note: Facts) -> str:
    known, needed = note["monthsKnown"], fmt.count(note["monthsNeeded"], "month")
    return (
        f"The ratchet of the {note['charge']} charge looks back {needed}, and {known} of them "
        f"{'is' if known == 1 else 'are'} known: the billed demand can be higher than stated."
    )


def _holidays(note: Facts) -> str:
    """Return how the holidays of a year are billed that the tariff's list does not name."""
    lacking = f"The tariff {tariff_title(note['tariff'])} lists no holidays of {note['year']}"
    if note["isOfSite"]:
        return f"{lacking}: the site's public holidays are billed as holidays."
    return f"{lacking}, and no calendar of the site is known: they are billed as other days."


_NOTES: dict[str, Callable[[Facts], str]] = {
    CostNote.SHORT: lambda _: "Monthly and annual figures rest on less than a week, so nothing is recommended on them.",
    CostNote.TARIFF_ASSUMED: lambda note: (
        f"The site's own tariff is not known. Savings are what the site would save on {tariff_title(note['tariff'])}."
    ),
    CostNote.NOT_COMPARED: lambda note: (
        f"The site's tariff is compared with no other: none in {note['currency']} is named."
    ),
    CostNote.OTHER_ASSUMED: lambda note: (
        f"The site's tariff is compared with {tariff_title(note['tariff'])}, no utility's tariff."
    ),
    CostNote.SCALE: _scaled,
    CostNote.YEAR: lambda _: (
        "Annual figures are twelve months like this period, each at its own rates; how the load changes with the "
        "seasons is not known."
    ),
    CostNote.PEAK: lambda note: (
        f"All main meters have valid readings in {fmt.pct(note['validPct'])} of the period; elsewhere the peak may "
        "have been higher. The monthly demand charge takes the period's peak as the month's."
    ),
    CostNote.EXCLUDED: lambda _: (
        "Costs and charges exclude riders and taxes; savings include percentage adders, bills include all."
    ),
    CostNote.HOLIDAYS: _holidays,
    CostNote.RATCHET_MONTHS: _ratchet_months,
    CostNote.RATCHET_HOURS: lambda note: (
        f"Before {fmt.day(note['before'])} only hourly averages are known for the ratchet. They are lower than the "
        "peaks that are billed, so the billed demand can be higher than stated."
    ),
    CostNote.LEFT_OUT: lambda note: (
        f"Costs do not include what {join(note['meters'])} did not report, normally {fmt.pct(note['pct'], 1)} of the "
        "site's energy."
    ),
    CostNote.AT_LEAST: lambda _: (
        "Part of the period's energy is not known and cannot be estimated: costs are at least these."
    ),
}
