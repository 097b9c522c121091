"""The few sentences and sums that stand at the head of the report. Pure."""

from __future__ import annotations

from typing import Any

from analyze.expected.comparison import NotComparable

_MAX_RISKS, _MAX_OPPORTUNITIES = 5, 3
_MAX_NAMES = 3
_NOT_COMPARABLE = {
    NotComparable.NO_LIKE_DAYS: "too few similar days before it",
    NotComparable.TOO_LITTLE_VALID: "too many readings are missing or wrong",
    NotComparable.GENERATION: "the meter shows use net of generation",
    NotComparable.NEXT_TO_NOTHING: "next to nothing is usual",
}
_ESTIMATE_MIN_SHARE = 0.005  # below half a percent of the total an estimate is not worth a sentence


def total_potential_savings(wins: list[dict[str, Any]], cost: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return the sum of the quick wins of medium and high confidence that come back every week.

    `onceKwh` and `onceCost` are those that were seen on one day: nothing says that they will come again, so they are in
    no sum of a week or of a year. `unconfirmedWeeklyKwh` is what the wins of low confidence observe on top every week:
    mostly habits, which may have reasons.
    `costOptimizationMonthly` and `…Annual` are what moving load and shaving peaks may bring on the tariff; they are 0
    where `costOptimizationStatus` says that the section is unavailable. The wins are priced on `tariff`, those two on
    `costOptimizationTariff`; where these are different ones, `note` says that a site pays only one of them.
    """
    levers = cost.get("combined_summary", {})
    own, other = cost.get("basis", {}).get("tariffs", {}).get("current"), levers.get("tariff")
    believed = [win for win in wins if win["confidence"] != "low"]
    unconfirmed = [win["impact"] for win in wins if win["confidence"] == "low" and not is_seen_once(win)]
    weekly = [win["impact"] for win in believed if not is_seen_once(win)]
    once = [win["impact"] for win in believed if is_seen_once(win)]
    return {
        "weeklyKwh": round(sum(impact["weeklyKwh"] for impact in weekly), 2),
        "weeklyCost": round(sum(impact["weeklyCost"] for impact in weekly), 2),
        "estimatedAnnual": round(sum(impact["annualCost"] for impact in weekly), 2),
        "onceKwh": round(sum(impact["annualKwh"] for impact in once), 2),
        "onceCost": round(sum(impact["annualCost"] for impact in once), 2),
        "unconfirmedWeeklyKwh": round(sum(impact["weeklyKwh"] for impact in unconfirmed), 2),
        "currency": currency,
        "costOptimizationMonthly": levers.get("estimated_monthly_savings_potential", 0.0),
        "costOptimizationAnnual": levers.get("estimated_annual_savings_potential", 0.0),
        "costOptimizationStatus": cost.get("status", "ok"),
        "tariff": own,
        "costOptimizationTariff": other,
        "note": _exclusive_note(own, other),
    }


def is_seen_once(win: dict[str, Any]) -> bool:
    """Return whether a quick win is an event of one day, whose `annualKwh` and `annualCost` are the event alone."""
    return win["impact"]["basis"] == "one_off"


def _exclusive_note(own: str | None, other: str | None) -> str | None:
    if own == other:
        return None
    return (
        f"Quick wins are priced on {own}; what moving load and lowering the peak could save is on {other}. "
        "A site pays one of the two: these savings do not add up."
    )


def build_summary(
    sections: dict[str, Any], consumption: dict[str, Any], data_quality: dict[str, Any], currency: str, weeks: float
) -> dict[str, Any]:
    """Return the report's summary: what a reader who reads nothing else should know; money is in `currency`.

    `weeks` is the period's length: savings are by the week, or of the whole period where that is shorter.
    """
    savings = total_potential_savings(sections["quickWins"], sections["costOptimization"], currency)
    return {
        "headline": _headline(sections, consumption, data_quality, savings, max(1.0, weeks)),
        "topRisks": _top_risks(sections),
        "topOpportunities": [win["title"] for win in sections["quickWins"] if win["confidence"] != "low"][
            :_MAX_OPPORTUNITIES
        ],
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


def _savings_lines(wins: list[dict[str, Any]], savings: dict[str, Any], weeks: float, total_kwh: float) -> list[str]:
    """Return what comes back every week, and apart from it what was seen once."""
    believed = [win for win in wins if win["confidence"] != "low" and win["impact"]["weeklyKwh"] > 0]
    once = sum(is_seen_once(win) for win in believed)
    weekly, lines = len(believed) - once, []
    if weekly:
        share = f" ({100 * savings['weeklyKwh'] * weeks / total_kwh:.0f} % of its use)" if total_kwh > 0 else ""
        lines.append(
            f"{weekly} quick win{'s' * (weekly > 1)} could save {savings['weeklyKwh']:,.0f} kWh a week{share}, "
            f"worth {savings['weeklyCost']:,.2f} {savings['currency']} a week."
        )
    if once:
        more = f"{once}{' more' if weekly else ''} quick win{'s' * (once > 1)}"
        lines.append(
            f"{more} {'were each' if once > 1 else 'was'} seen on one day only: {savings['onceKwh']:,.0f} kWh, worth "
            f"{savings['onceCost']:,.2f} {savings['currency']} once, in no figure of a week or a year."
        )
    return lines or ["No savings that the data support with medium or high confidence."]


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


def _top_risks(sections: dict[str, Any]) -> list[str]:
    """Return what may cost or mislead: sick meters first, then severe anomalies, then the site's peak."""
    risks = [issue["description"] for issue in sections["sensorHealth"]["issues"] if issue["severity"] == "high"]
    for channel in sections["anomalies"]["byChannel"]:
        incidents = {event["incident"] for event in channel["events"] if event["severity"] == "high"}
        if incidents:  # all that belongs to them, for the gravest event alone bears their severity
            own = [event["excessKwh"] for event in channel["events"] if event["incident"] in incidents]
            spells = "once" if len(own) == 1 else f"in {len(own)} spells"
            risks.append(f"{channel['channelName']}: {sum(own):,.0f} kWh far above usual, {spells}")
    risks += [
        f"Site peak of {spike['peakPower']:.0f} kW for {spike['duration']} at {spike['start'][:16].replace('T', ' ')} "
        f"(usual peak {spike['usualPeakPower']:.0f} kW)"
        for spike in sections["spikes"]["siteSpikes"][:1]
    ]
    return risks[:_MAX_RISKS]
