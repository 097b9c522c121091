"""The few sentences and sums that stand at the head of the report. Pure."""

from __future__ import annotations

from typing import Any

_MAX_RISKS, _MAX_OPPORTUNITIES = 5, 3
_ESTIMATE_MIN_SHARE = 0.005  # below half a percent of the total an estimate is not worth a sentence


def total_potential_savings(wins: list[dict[str, Any]], cost: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return the sum of the quick wins of medium and high confidence.

    `unconfirmedWeeklyKwh` is what the wins of low confidence observe on top: mostly habits, which may have reasons.
    `costOptimizationMonthly` and `…Annual` are what moving load and shaving peaks may bring on the tariff; they are 0
    where `costOptimizationStatus` says that the section is unavailable.
    """
    levers = cost.get("combined_summary", {})
    believed = [win for win in wins if win["confidence"] != "low"]
    unconfirmed = [win for win in wins if win["confidence"] == "low"]
    return {
        "weeklyKwh": round(sum(win["impact"]["weeklyKwh"] for win in believed), 2),
        "weeklyCost": round(sum(win["impact"]["weeklyCost"] for win in believed), 2),
        "estimatedAnnual": round(sum(win["impact"]["annualCost"] for win in believed), 2),
        "unconfirmedWeeklyKwh": round(sum(win["impact"]["weeklyKwh"] for win in unconfirmed), 2),
        "currency": currency,
        "costOptimizationMonthly": levers.get("estimated_monthly_savings_potential", 0.0),
        "costOptimizationAnnual": levers.get("estimated_annual_savings_potential", 0.0),
        "costOptimizationStatus": cost.get("status", "ok"),
    }


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
    lines = [f"The site used {total_kwh:,.0f} kWh from {first} to {last}{_change(consumption)}."]
    if consumption["estimatedKwh"] >= _ESTIMATE_MIN_SHARE * total_kwh and consumption["estimatedKwh"] > 0:
        lines.append(
            f"A further {consumption['estimatedKwh']:,.0f} kWh are estimated from power: their energy is missing."
        )
    wins = [win["impact"] for win in sections["quickWins"] if win["confidence"] != "low"]
    believed, once_kwh = sum(win["weeklyKwh"] > 0 for win in wins), _seen_once_kwh(wins)
    if believed:
        share = f" ({100 * savings['weeklyKwh'] * weeks / total_kwh:.0f} % of its use)" if total_kwh > 0 else ""
        lines.append(
            f"{believed} quick win{'s' * (believed > 1)} could save {savings['weeklyKwh']:,.0f} kWh a week{share}, "
            f"worth {savings['weeklyCost']:,.2f} {savings['currency']} a week."
            + (f" {once_kwh:,.0f} kWh of that were seen on one day, and count once in a year." if once_kwh else "")
        )
    else:
        lines.append("No savings that the data support with medium or high confidence.")
    level = sections["sensorHealth"]["bySeverity"]
    lines.append(
        f"The data are {data_quality['avgCompleteness']:.1f} % complete over {data_quality['energyMeters']} meters; "
        f"{level['high']} sensor issue{'s' * (level['high'] != 1)} of high severity."
    )
    return lines


def _seen_once_kwh(wins: list[dict[str, Any]]) -> float:
    return float(sum(win["weeklyKwh"] for win in wins if win["basis"] == "one_off"))


def _change(consumption: dict[str, Any]) -> str:
    """Return the comparison with the weeks before, in words, or why there is none."""
    change_pct, comparison = consumption["changePct"], consumption["comparison"]
    if change_pct is None:
        return " (nothing to compare it with: no meter has both this period and a week before it nearly full)"
    more_or_less = "more" if change_pct >= 0 else "less"
    meters = (
        ""
        if comparison["meters"] == comparison["ofMeters"]
        else (f" over the {comparison['meters']} of {comparison['ofMeters']} meters that can be compared")
    )
    return f", {abs(change_pct):.0f} % {more_or_less} than usual{meters}"


def _top_risks(sections: dict[str, Any]) -> list[str]:
    """Return what may cost or mislead: sick meters first, then severe anomalies, then the site's peak."""
    risks = [issue["description"] for issue in sections["sensorHealth"]["issues"] if issue["severity"] == "high"]
    for channel in sections["anomalies"]["byChannel"]:
        severe = [event for event in channel["events"] if event["severity"] == "high"]
        if severe:
            excess_kwh = sum(event["excessKwh"] for event in severe)
            times = "once" if len(severe) == 1 else f"{len(severe)} times"
            risks.append(f"{channel['channelName']}: {excess_kwh:.0f} kWh far above usual, {times}")
    risks += [
        f"Site peak of {spike['peakPower']:.0f} kW at {spike['start'][:16].replace('T', ' ')} "
        f"(usual peak {spike['usualPeakPower']:.0f} kW)"
        for spike in sections["spikes"]["siteSpikes"][:1]
    ]
    return risks[:_MAX_RISKS]
