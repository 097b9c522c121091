"""What is wrong with a meter, with the supply, or with the hours of a load, in words. Pure.

The analyses give facts and codes (`analyze.meters`, `analyze.sections.electrical`); each kind has its sentence here,
what to do about it, and a short name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from deliver.words import formats as fmt
from deliver.words.hours import WEEKDAYS, clock_times, list_days

Facts = dict[str, Any]


class _Kind(NamedTuple):
    """How an issue of a meter is called, what its kind means, what to do about it, and what one shows."""

    name: str
    meaning: str
    advice: str
    tell: Callable[[Facts], str]


def tell_meters(sections: dict[str, Any]) -> dict[str, Any]:
    """Return a week's sections with the issues of meters, supply and schedules in words."""
    health, schedules = sections["sensorHealth"], sections["scheduleDisagreements"]
    told = {
        "sensorHealth": health
        | {
            "issues": [tell_issue(issue) for issue in health["issues"]],
            "summary": [line | {"description": KINDS[line["type"]].meaning} for line in health["summary"]],
        },
        "scheduleDisagreements": schedules
        | {"findings": [item | {"description": describe_hours(item)} for item in schedules["findings"]]},
    }
    electrical = sections.get("electricalHealth") or {}
    if "meters" in electrical:
        told["electricalHealth"] = electrical | {
            "meters": [meter | {"issues": list(map(tell_supply, meter["issues"]))} for meter in electrical["meters"]],
            "siteIssues": list(map(tell_supply, electrical["siteIssues"])),
        }
    return sections | told


def tell_issue(issue: Facts) -> dict[str, Any]:
    """Return an issue of a meter with its `description` and `recommendation`."""
    text = f"{issue['channelName']}: {describe_issue(issue)}"
    return issue | {"description": text, "recommendation": KINDS[issue["type"]].advice}


def describe_issue(issue: Facts) -> str:
    """Return what an issue shows, without the name of its meter."""
    return KINDS[issue["type"]].tell(issue)


def fault_name(kind: str) -> str:
    """Return how a kind of issue is called."""
    return KINDS[kind].name if kind in KINDS else kind.replace("_", " ")


def check_name(check: str) -> str:
    """Return how a check of meters is called that could not be made."""
    return _CHECKS.get(check, check.replace("_", " "))


_CHECKS = {
    "phases": "the balance of phases",
    "register_drift": "energy beside power",
    "base_load_step": "a changed base load",
    "sum_of_sub_meters": "sub-meters beside their main",
}


def _absent(issue: Facts) -> str:
    return f"no readings; the last came {fmt.when(issue['lastReading'])}"


def _silent(issue: Facts) -> str:
    return f"no readings for the last {fmt.duration(float(issue['hoursSince']))} of the period"


def _gap(issue: Facts) -> str:
    return f"no readings for {_hours(issue)}"


def _catch_up(issue: Facts) -> str:
    return f"{fmt.kwh(issue['energyKwh'])} in one reading after {fmt.duration(issue['gapHours'])} without any"


def _negative(issue: Facts) -> str:
    return f"negative energy in {fmt.count(issue['intervals'], 'reading')}, {fmt.kwh(issue['energyKwh'])} in all"


def _factor(issue: Facts) -> str:
    return f"{issue['factor']:g}"


def _register_jump(issue: Facts) -> str:
    what = f"{_factor(issue)} times what its power gives" if "factor" in issue else "absurdly high"
    return f"its energy is {what} in single readings, {_hours(issue)} in all"


def _unit_change(issue: Facts) -> str:
    return f"{_factor(issue)} times its level before {fmt.day(issue['since'])}; one of the two is wrong"


def _drift(issue: Facts) -> str:
    less_or_more = "less" if issue["driftPct"] < 0 else "more"
    return f"its register counts {fmt.pct(abs(issue['driftPct']), 1)} {less_or_more} energy than its power gives"


def _sum_shift(issue: Facts) -> str:
    low, high = (fmt.pct(share) for share in issue["coveredBeforePct"])
    return f"its sub-meters cover {fmt.pct(issue['coveredPct'])} of it, {low} to {high} before"


def _imbalance(issue: Facts) -> str:
    phases = ", ".join(fmt.kw(power) for power in issue["phaseKw"])
    return f"its phases carry {phases} on average, {fmt.pct(issue['imbalancePct'])} out of balance"


def _base_load(issue: Facts) -> str:
    base, usual = fmt.kw(issue["baseKw"]), fmt.kw(issue["usualBaseKw"])
    return f"base load of {base} for {fmt.count(issue['days'], 'day')}, normally {usual}"


def _no_generation(issue: Facts) -> str:
    days, least = fmt.count(issue["days"], "whole day"), fmt.kwh(issue["leastBeforeKwh"])
    return f"no generation on {days}; every day before brought {least} or more"


def _quantised(issue: Facts) -> str:
    pulse, typical = f"{issue['pulseKwh']:.4g}\N{NO-BREAK SPACE}kWh", fmt.number(issue["typicalPulses"], 0)
    return f"counts in steps of {pulse}, about {typical} in a reading"


def _hours(issue: Facts) -> str:
    return fmt.duration(issue["hours"])


def _exact_kw(issue: Facts) -> str:
    return f"{issue['powerKw']:g}\N{NO-BREAK SPACE}kW"


KINDS = {
    "dead": _Kind("no readings", "no readings in the period, though there were before",
                  "Check the meter's power, fuse and network.", _absent),
    "no_data": _Kind("no readings", "no readings at all", "Commission the meter, or mark it as removed.",
                     lambda _: "no readings in the period nor in the weeks before it"),
    "stale": _Kind("no recent readings", "no readings at the end of the period",
                   "Check the meter's network; then backfill the gap.", _silent),
    "missing_data": _Kind("readings missing", "too many readings are missing",
                          "Backfill the period; if nothing comes, check the meter's network.",
                          lambda issue: f"{fmt.pct(issue['missingPct'], 1)} of its readings are missing"),
    "gap": _Kind("readings missing", "readings missing between others",
                 "Backfill the gap; if nothing comes, accept it as lost.", _gap),
    "stuck": _Kind("stuck at one value", "the same value, not zero, for hours",
                   "Restart the meter. Its values are left out of all findings.",
                   lambda issue: f"exactly {_exact_kw(issue)} for {_hours(issue)}"),
    "zero": _Kind("stuck at zero", "exactly zero on a load that is never off",
                  "Ask whether power was off; if not, check the plug of the CT.",
                  lambda issue: f"exactly zero for {_hours(issue)}, on a load that is never off"),
    "flat_line": _Kind("unusually steady", "far steadier than normal",
                       "Compare with the load on site; a CT may have come off.",
                       lambda issue: f"unusually steady at {_exact_kw(issue)} for {_hours(issue)}"),
    "interpolated": _Kind("values filled in", "values on a straight line",
                          "Ask how the logger fills gaps; these values were not measured.",
                          lambda issue: f"values on a straight line for {_hours(issue)}, as a filled gap has"),
    "catch_up": _Kind("energy of an outage in one reading", "the energy of an outage in one reading",
                      "Nothing to repair if the outage is known. It is left out of all findings.", _catch_up),
    "wrong_unit": _Kind("wrong unit", "level off by a power of ten",
                        "Correct the unit or CT ratio in the set-up; then fetch the readings again.",
                        lambda issue: f"{_factor(issue)} times its own normal level for {_hours(issue)}"),
    "unit_change": _Kind("unit changed", "level changed by a power of ten",
                         "Compare with the meter's display. If a unit was corrected then, nothing is wrong.",
                         _unit_change),
    "reversed": _Kind("power flows backwards", "power flows backwards",
                      "Turn the CT round, or mark the meter as generation.", _negative),
    "negative_energy": _Kind("negative energy", "energy below zero at times",
                             "Normal with generation behind the meter. It is left out of all findings.", _negative),
    "register_reset": _Kind("register reset", "energy below zero, power not",
                            "Note when the counter was reset or exchanged. It is left out of all findings.",
                            _negative),
    "phase_reversed": _Kind("one phase reversed", "one phase is negative",
                            "Turn the CT of that phase round: its energy is subtracted.",
                            lambda issue: f"power of phase {issue['phase']} is negative for {_hours(issue)}"),
    "phase_missing": _Kind(
        "one phase missing", "one phase carries nothing",
        "Check the CT and the fuse of that phase; a third of the energy may be missing.",
        lambda issue: f"phase {issue['phase']} carries nothing for {_hours(issue)} while the others do",
    ),
    "phase_imbalance": _Kind("phases out of balance", "phases far out of balance",
                             "Spread the loads over the phases; check that the CTs fit.", _imbalance),
    "register": _Kind("energy does not match power", "energy far from what the power gives",
                      "Check pulse weight and unit of the energy register.",
                      lambda issue: f"its energy is {_factor(issue)} times what its power gives for {_hours(issue)}"),
    "register_jump": _Kind("absurd energy value", "one absurd energy value",
                           "Note whether the counter was exchanged or overflowed. It is left out of all findings.",
                           _register_jump),
    "register_drift": _Kind("energy drifts from power", "energy strays from the power",
                            "Compare the register with the display; check the CT ratio.", _drift),
    "impossible": _Kind(
        "impossible value", "far beyond all that the meter ever shows",
        "Ask the vendor about this value. It is left out of all findings.",
        lambda issue: f"{_factor(issue)} times the highest power it shows at any other time, in single readings, "
                      f"{_hours(issue)} in all",
    ),
    "clock_change": _Kind(
        "repeated hour counted once", "the repeated hour stands in one reading",
        "Nothing to repair: the sum of both hours is right.",
        lambda _: "the energy of the repeated hour stands in its first pass, none in its second",
    ),
    "sum_mismatch": _Kind(
        "sub-meters exceed it", "sub-meters exceed their main", "Check CT ratios and which meter is part of which.",
        lambda issue: f"its sub-meters add up to {fmt.pct(issue['coveredPct'])} of it; one of them is wrong, or it is",
    ),
    "sum_shift": _Kind("share of sub-meters changed", "the sub-meters' share has changed",
                       "Look for a sub-meter that lost a phase, or for a new load.", _sum_shift),
    "base_load_step": _Kind("base load changed", "the base load has changed",
                            "Find what now runs, or stands still, by night; check the CT.", _base_load),
    "no_generation": _Kind("no generation", "no generation on whole days",
                           "Check inverter and breaker; then what the meter shows.", _no_generation),
    "quantised": _Kind("coarse pulses", "energy comes in coarse pulses",
                       "Read it by the hour. A finer pulse weight would help.", _quantised),
}  # fmt: skip


class _Quantity(NamedTuple):
    """How an electrical quantity is called, its unit and decimals, what a limit is of, and what to do about it."""

    name: str
    unit: str
    digits: int
    advice: str
    of: str = ""


_QUANTITIES = {
    "voltage": _Quantity("voltage", "V", 1, "Have an electrician check the supply, or ask the utility."),
    "voltage_level": _Quantity(
        "voltage of every phase", "V", 1,
        "No supply is like that: check the ratio of the voltage transformers, then the supply.",
    ),
    "voltage_imbalance": _Quantity(
        "voltage imbalance", "%", 1, "Have an electrician check the supply and how single-phase loads are spread.",
    ),
    "frequency": _Quantity(
        "frequency", "Hz", 2, "Normal behind a generator or on an island grid; otherwise check the meters.",
    ),
    "current_imbalance": _Quantity(
        "current imbalance", "%", 1, "Spread single-phase loads over the three phases.", " under load",
    ),
    "neutral_current": _Quantity(
        "neutral current", "%", 0, "Check that the neutral conductor bears it; spread single-phase loads.",
        " of phase current under load",
    ),
    "current_thd": _Quantity(
        "current distortion (THD)", "%", 1, "Look at drives, LED lighting and power supplies; a filter may help.",
        " under load",
    ),
    "power_factor": _Quantity(
        "power factor", "", 2, "Check whether the tariff charges for it; capacitors or newer drives raise it.",
        " under load",
    ),
}  # fmt: skip


def tell_supply(issue: Facts) -> dict[str, Any]:
    """Return an issue of the supply with its `description` and `recommendation`."""
    return issue | {"description": describe_supply(issue), "recommendation": _QUANTITIES[issue["type"]].advice}


def describe_supply(issue: Facts) -> str:
    """Return what an issue of the supply shows, without the name of its meter."""
    quantity, is_below = _QUANTITIES[issue["type"]], issue["isBelow"]
    side, edge = ("below", "lowest") if is_below else ("above", "highest")
    worst = _measured(issue["worst"], quantity)
    return f"{quantity.name} {side} {limit_of(issue)}{quantity.of} for {_hours(issue)}, {edge} {worst}"


def limit_of(issue: Facts) -> str:
    """Return the limit that an issue of the supply is beyond."""
    return _measured(issue["limit"], _QUANTITIES[issue["type"]])


def _measured(value: float, quantity: _Quantity) -> str:
    digits = 0 if round(value, quantity.digits) == round(value) else quantity.digits
    return fmt.number(value, digits, quantity.unit)


def describe_hours(item: Facts) -> str:
    """Return at which hours a meter runs outside those of the site: the most frequent ones, and on which days."""
    texts = {day["weekday"]: f"runs {clock_times([day['learned']])}, {_open_times(day)}" for day in item["weekdays"]}
    common = max(texts.values(), key=list(texts.values()).count)
    days = {is_common: [WEEKDAYS[number] for number, text in texts.items() if (text == common) == is_common]
            for is_common in (True, False)}  # fmt: skip
    others = f"; at other hours on {list_days(days[False])}" if days[False] else ""
    return f"{common} ({list_days(days[True])}){others}"


def _open_times(day: Facts) -> str:
    return f"open {clock_times(day['declared'])}" if day["declared"] else "closed"


def describe_reason(reason: Facts) -> str:
    """Return one reason for the color of a piece of equipment (`analyze.week.asset_health`)."""
    return _REASONS[reason["kind"]](reason["finding"])


def _far_from_normal(channel: Facts) -> str:
    count = channel["anomalyCount"]
    return f"far from normal {'once' if count == 1 else f'{count} times'}"


_REASONS: dict[str, Callable[[Facts], str]] = {
    "meter": describe_issue,
    "supply": describe_supply,
    "left_on": lambda meter: f"{fmt.kwh(meter['impact']['excessKwh'])} left running while the site was closed",
    "unusual": _far_from_normal,
    "hours": describe_hours,
}
