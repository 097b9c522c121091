"""The few sentences and sums that stand at the head of the report. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from analyze.expected.closed_runs import Pattern
from analyze.expected.comparison import NotComparable
from analyze.expected.episodes import LOW
from analyze.expected.steps import ChangeKind
from analyze.money.repairs import REPAIR
from analyze.sections.confidence import Level

_MAX_RISKS, _MAX_OPPORTUNITIES = 5, 3
_SAVINGS = (Pattern.RECURRING, Pattern.NEW, Pattern.ONCE)
_MAX_NAMES = 3
_SAME_KWH = 0.1  # sums that were rounded one by one
_NOT_COMPARABLE = {
    NotComparable.NO_LIKE_DAYS: "too few similar days before it",
    NotComparable.TOO_LITTLE_VALID: "too many readings are missing or wrong",
    NotComparable.GENERATION: "the meter shows use net of generation",
    NotComparable.NEXT_TO_NOTHING: "next to nothing is usual",
}
_ESTIMATE_MIN_SHARE = 0.005  # below half a percent of the total an estimate is not worth a sentence


def total_potential_savings(wins: list[dict[str, Any]], cost: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return the sum of the quick wins of medium and high confidence.

    `weeklyKwh` and `weeklyCost` hold what recurs and what is new this week; `estimatedAnnual` what recurs alone.
    `onceKwh` and `onceCost` are of single events; weekly and annual sums leave them out. `unconfirmedWeeklyKwh` is
    what runs while the site is closed, every week, and may have to: it is asked about, and no saving.
    `costOptimizationMonthly` and `…Annual` are what moving load and shaving peaks may bring on the tariff; they are 0
    where `costOptimizationStatus` says that the section is unavailable. The wins are priced on `tariff`, those two on
    `costOptimizationTariff`; where these are different ones, `note` says that a site pays only one of them.
    """
    levers = cost.get("combined_summary", {})
    own, other = cost.get("basis", {}).get("tariffs", {}).get("current"), levers.get("tariff")
    believed = [win for win in wins if is_believed(win)]
    asked = [win["impact"] for win in wins if win.get("pattern") == Pattern.ASKED]
    weekly = [win["impact"] for win in believed if win["pattern"] in (Pattern.RECURRING, Pattern.NEW)]
    once = [win["impact"] for win in believed if win["pattern"] == Pattern.ONCE]
    new = [win["impact"] for win in believed if win["pattern"] == Pattern.NEW]
    return {
        "weeklyKwh": round(sum(impact["weeklyKwh"] for impact in weekly), 2),
        "weeklyCost": round(sum(impact["weeklyCost"] for impact in weekly), 2),
        "estimatedAnnual": round(sum(impact["annualCost"] for impact in weekly), 2),
        "newKwh": round(sum(impact["periodKwh"] for impact in new), 2),
        "newCost": round(sum(impact["periodCost"] for impact in new), 2),
        "onceKwh": round(sum(impact["periodKwh"] for impact in once), 2),
        "onceCost": round(sum(impact["periodCost"] for impact in once), 2),
        "unconfirmedWeeklyKwh": round(sum(impact["weeklyKwh"] for impact in asked), 2),
        "unconfirmedWeeklyCost": round(sum(impact["weeklyCost"] for impact in asked), 2),
        "currency": currency,
        "costOptimizationMonthly": levers.get("estimated_monthly_savings_potential", 0.0),
        "costOptimizationAnnual": levers.get("estimated_annual_savings_potential", 0.0),
        "costOptimizationStatus": cost.get("status", "ok"),
        "tariff": own,
        "costOptimizationTariff": other,
        "note": _exclusive_note(own, other),
    }


def is_believed(win: dict[str, Any]) -> bool:
    """Return whether a quick win is a saving of medium or high confidence."""
    return bool(win.get("pattern") in _SAVINGS and win["confidence"] != Level.LOW)


def _exclusive_note(own: str | None, other: str | None) -> str | None:
    if own == other:
        return None
    return (
        f"Quick wins are priced on {own}; what moving load and lowering the peak could save is on {other}. "
        "A site pays one of the two: these savings do not add up."
    )


def build_summary(
    sections: dict[str, Any],
    consumption: dict[str, Any],
    data_quality: dict[str, Any],
    currency: str,
    weeks: float,
    silent: Collection[str] = (),
) -> dict[str, Any]:
    """Return the report's summary: what a reader who reads nothing else should know; money is in `currency`.

    `weeks` is the period's length: savings are by the week, or of the whole period where that is shorter. `silent` are
    the findings (`lastingId`) of which a person said that they may stay: they are no risk.
    """
    savings = total_potential_savings(sections["quickWins"], sections["costOptimization"], currency)
    return {
        "headline": _headline(sections, consumption, data_quality, savings, max(1.0, weeks)),
        "topRisks": _top_risks(sections, silent),
        "topOpportunities": _top_opportunities(sections["quickWins"]),
        "totalPotentialSavings": savings,
    }


def _headline(
    sections: dict[str, Any],
    consumption: dict[str, Any],
    data_quality: dict[str, Any],
    savings: dict[str, float],
    weeks: float,
) -> list[str]:
    total_kwh = consumption["totalKwh"]
    first, last = consumption["daily"][0]["date"], consumption["daily"][-1]["date"]
    if not data_quality["channelsAnalyzed"]:
        return [f"No sound readings from {first} to {last}; see the sensors' health."]
    least = "at least " if consumption["isAtLeast"] else ""
    lines = [f"The site used {least}{total_kwh:,.0f} kWh from {first} to {last}{describe_change(consumption)}."]
    lines += _describe_questions(data_quality.get("openQuestions", []))
    lines += _describe_doubt(consumption)
    exported_kwh = consumption["exportedKwh"]
    if exported_kwh >= _ESTIMATE_MIN_SHARE * (abs(total_kwh) + exported_kwh) and exported_kwh > 0:
        lines.append(
            f"That is net of {exported_kwh:,.0f} kWh fed back; costs are of what was drawn, and hold no income for it."
        )
    lines += _savings_lines(sections["quickWins"], savings, weeks, total_kwh)
    level = sections["sensorHealth"]["bySeverity"]
    lines.append(
        f"The data are {data_quality['avgCompleteness']:.1f} % complete over {data_quality['energyMeters']} meters; "
        f"{level['high']} sensor issue{'s' * (level['high'] != 1)} of high severity."
    )
    return lines


def _describe_doubt(consumption: dict[str, Any]) -> list[str]:
    """Return what of the total is not as metered, and what is not in it."""
    lines, estimated_kwh = [], consumption["estimatedKwh"]
    if abs(estimated_kwh) >= _ESTIMATE_MIN_SHARE * abs(consumption["totalKwh"]) and estimated_kwh != 0:
        lines.append(f"{estimated_kwh:,.0f} kWh of it are estimated: readings are missing or wrong.")
    unknown = [row["channelName"] for row in consumption["notEstimated"]]
    if consumption["isAtLeast"] and unknown:
        names = ", ".join(unknown[:_MAX_NAMES]) + (
            f" and {len(unknown) - _MAX_NAMES} more" * (len(unknown) > _MAX_NAMES)
        )
        lines.append(f"Part of the energy is unknown and not included: {names}.")
    return lines


def _describe_questions(questions: list[dict[str, Any]]) -> list[str]:
    """Return that the total may hold energy twice, and which meters it is about."""
    names = list(dict.fromkeys(question["channelName"] for question in questions))
    if not names:
        return []
    shown = names if len(names) <= _MAX_NAMES else [*names[:_MAX_NAMES], f"{len(names) - _MAX_NAMES} more"]
    verb = "fits" if len(names) == 1 else "fit"
    return [f"The total may count some energy twice: not confirmed how {_join(shown)} {verb} with the other meters."]


def _top_opportunities(wins: list[dict[str, Any]]) -> list[str]:
    """Return the titles of the best savings, then of the questions, and of the repairs."""
    first = [win["title"] for win in wins if is_believed(win)]
    asked = [win["title"] for win in wins if win.get("pattern") == Pattern.ASKED]
    return [*first, *asked, *(win["title"] for win in wins if win["type"] == REPAIR)][:_MAX_OPPORTUNITIES]


def _savings_lines(wins: list[dict[str, Any]], savings: dict[str, Any], weeks: float, total_kwh: float) -> list[str]:
    """Return what could be saved every week, what is new, what happened once, and what is asked."""
    believed, currency = [win for win in wins if is_believed(win)], savings["currency"]
    recurring_kwh = savings["weeklyKwh"] - savings["newKwh"] / max(1.0, weeks)
    recurring_cost = savings["weeklyCost"] - savings["newCost"] / max(1.0, weeks)
    lines = []
    if any(win["pattern"] == Pattern.RECURRING for win in believed):
        share = f" ({100 * recurring_kwh * weeks / total_kwh:.0f} % of its use)" if total_kwh > 0 else ""
        lines.append(
            f"Equipment that runs while the site is closed, every week: {recurring_kwh:,.0f} kWh a week{share}, "
            f"{recurring_cost:,.2f} {currency}."
        )
    if savings["newKwh"]:
        lines.append(
            f"New this week, left on while the site was closed: {savings['newKwh']:,.0f} kWh, "
            f"{savings['newCost']:,.2f} {currency}. If it goes on, as much every week."
        )
    if savings["onceKwh"]:
        lines.append(
            f"One-time: {savings['onceKwh']:,.0f} kWh, {savings['onceCost']:,.2f} {currency}, not in the weekly or "
            "annual totals."
        )
    if savings["unconfirmedWeeklyKwh"]:
        names = [win["channelName"] for win in wins if win.get("pattern") == Pattern.ASKED]
        verb = "runs" if len(names) == 1 else "run"
        lines.append(
            f"To confirm: {_join(names)} {verb} every week while the site is closed, "
            f"{savings['unconfirmedWeeklyKwh']:,.0f} kWh a week."
        )
    return lines or ["No savings that the data support with medium or high confidence."]


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def why_not_compared(consumption: dict[str, Any]) -> str:
    """Return in words why a period is not compared; reports of before tell no reason."""
    reason = (consumption.get("comparison") or {}).get("reason")
    return f"not comparable: {_NOT_COMPARABLE[reason]}" if reason in _NOT_COMPARABLE else "no week to compare with"


def describe_change(consumption: dict[str, Any]) -> str:
    """Return the comparison with the weeks before, in words, or why there is none."""
    change_pct, comparison = consumption["changePct"], consumption["comparison"]
    if change_pct is None:
        return f" ({why_not_compared(consumption)})"
    meters = (
        ""
        if comparison["meters"] == comparison["ofMeters"]
        else (f" over the {comparison['meters']} of {comparison['ofMeters']} meters that can be compared")
    )
    if round(change_pct) == 0:
        return f", as much as usual{meters}"
    return f", {abs(change_pct):.0f} % {'more' if change_pct > 0 else 'less'} than usual{meters}"


def _top_risks(sections: dict[str, Any], silent: Collection[str]) -> list[str]:
    """Return what may cost or mislead: doubtful meters, levels that changed, severe events high and low, the peak."""

    def told(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [item for item in items if item.get("lastingId") not in silent]

    issues, steps = told(sections["sensorHealth"]["issues"]), told(sections["anomalies"]["steps"])
    risks = [issue["description"] for issue in issues if issue["severity"] == "high"]
    stepped = {step["channelId"] for step in sections["anomalies"]["steps"]}
    risks += [_tell_step(step) for step in steps if not _is_explained(step)]
    channels = [channel | {"events": told(channel["events"])} for channel in sections["anomalies"]["byChannel"]]
    risks += _tell_high(channels, stepped, _left_on_kwh(sections["afterHoursWaste"]))
    risks += _tell_low(told(sections["anomalies"]["timeline"]), stepped)
    risks += [
        f"Site peak of {spike['peakPower']:.0f} kW for {spike['duration']} at {spike['start'][:16].replace('T', ' ')} "
        f"(usual peak {spike['usualPeakPower']:.0f} kW)"
        for spike in sections["spikes"]["siteSpikes"][:1]
    ]
    return risks[:_MAX_RISKS]


def _is_explained(step: dict[str, Any]) -> bool:
    """Return whether the weather explains a step: it was unlike the weeks before, and the load follows it."""
    return bool(step["mayBeWeather"] and step.get("followsWeather", False))


def _tell_step(step: dict[str, Any]) -> str:
    """Return a level that changed for good, in a sentence."""
    rise_kw = step["afterKw"] - step["beforeKw"]
    share = f" ({100 * rise_kw / step['beforeKw']:+.0f} %)" if step["beforeKw"] > 0 else ""
    how = "has drifted" if step["kind"] == ChangeKind.DRIFT else "has changed"
    weather = "; it may be the weather" if step["mayBeWeather"] else ""
    return (
        f"{step['channelName']}: its level {how} from {step['beforeKw']:.1f} to {step['afterKw']:.1f} kW{share} since "
        f"{_day(step['at'])}, {step['excessKwh']:+,.0f} kWh this week{weather}"
    )


def _left_on_kwh(after_hours: dict[str, Any]) -> dict[int, float]:
    """Return by channel what was left on this week while the site was closed [kWh]: new, or once."""
    meters = after_hours.get("topMeters", [])
    return {m["channelId"]: m["impact"]["excessKwh"] for m in meters if m["pattern"] in (Pattern.NEW, Pattern.ONCE)}


def _tell_high(channels: list[dict[str, Any]], told: Collection[int], left_on_kwh: dict[int, float]) -> list[str]:
    """Return the channels with severe events; one that was left on has the size that it has everywhere else."""
    risks = []
    for channel in channels:
        incidents = {event["incident"] for event in channel["events"] if event["severity"] == "high"}
        if incidents and channel["channelId"] not in told:
            # All that belongs to them, for the gravest event alone bears their severity.
            own = [event["excessKwh"] for event in channel["events"] if event["incident"] in incidents]
            times = "once" if len(own) == 1 else f"in {len(own)} periods"
            kwh = sum(own)
            if left_on_kwh.get(channel["channelId"], 0.0) >= kwh - _SAME_KWH:
                kwh, times = left_on_kwh[channel["channelId"]], "while the site was closed"
            risks.append(f"{channel['channelName']}: {kwh:,.0f} kWh far above normal, {times}")
    return risks


def _tell_low(events: list[dict[str, Any]], told: Collection[int]) -> list[str]:
    """Return the deficits that are no detail: medium or worse, the largest first."""
    low = [event for event in events if event["direction"] == LOW and event["severity"] != "low"]
    low = [event for event in low if event["channelId"] not in told]
    return [
        f"{event['channelName']}: {event['deficitKwh']:,.0f} kWh below normal from {_time(event['start'])} to "
        f"{_time(event['end'])}"
        for event in sorted(low, key=lambda event: -event["deficitKwh"])
    ]


def _day(text: str) -> str:
    """Return a time in ISO 8601 as ``Wed, May 13``."""
    moment = datetime.fromisoformat(text)
    return f"{moment:%a, %b} {moment.day}"


def _time(text: str) -> str:
    return f"{_day(text)} {text[11:16]}"
