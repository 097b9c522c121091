"""The few sentences and sums that stand at the head of the report. Pure."""

from __future__ import annotations

from typing import Any

_MAX_RISKS, _MAX_OPPORTUNITIES = 5, 3


def total_potential_savings(wins: list[dict[str, Any]]) -> dict[str, float]:
    """Return the sum of the quick wins; the parts of the tariff analysis are 0 until that is run.

    `believedWeeklyKwh` leaves out the wins of low confidence.
    """
    believed = [win for win in wins if win["confidence"] != "low"]
    return {
        "believedWeeklyKwh": round(sum(win["impact"]["weeklyKwh"] for win in believed), 2),
        "weeklyKwh": round(sum(win["impact"]["weeklyKwh"] for win in wins), 2),
        "weeklyCost": round(sum(win["impact"]["weeklyCost"] for win in wins), 2),
        "estimatedAnnual": round(sum(win["impact"]["annualCost"] for win in wins), 2),
        "costOptimizationMonthly": 0.0,
        "costOptimizationAnnual": 0.0,
    }


def build_summary(
    sections: dict[str, Any], consumption: dict[str, Any], data_quality: dict[str, Any]
) -> dict[str, Any]:
    """Return the report's summary: what a reader who reads nothing else should know."""
    savings = total_potential_savings(sections["quickWins"])
    return {
        "headline": _headline(sections, consumption, data_quality, savings),
        "topRisks": _top_risks(sections),
        "topOpportunities": [win["title"] for win in sections["quickWins"][:_MAX_OPPORTUNITIES]],
        "totalPotentialSavings": savings,
    }


def _headline(
    sections: dict[str, Any],
    consumption: dict[str, Any],
    data_quality: dict[str, Any],
    savings: dict[str, float],
) -> list[str]:
    total_kwh, change_pct = consumption["totalKwh"], consumption["changePct"]
    first, last = consumption["daily"][0]["date"], consumption["daily"][-1]["date"]
    if not data_quality["channelsAnalyzed"]:
        return [f"No sound readings from {first} to {last}; see the sensors' health."]
    change = ""
    if change_pct is not None:
        more_or_less = "more" if change_pct >= 0 else "less"
        change = f", {abs(change_pct):.0f} % {more_or_less} than usual ({consumption['usualKwh']:,.0f} kWh)"
    lines = [f"The site used {total_kwh:,.0f} kWh from {first} to {last}{change}."]
    wins = len(sections["quickWins"])
    if wins:
        share = f" ({100 * savings['weeklyKwh'] / total_kwh:.0f} % of it)" if total_kwh > 0 else ""
        lines.append(
            f"{wins} quick win{'s' * (wins > 1)} could save {savings['weeklyKwh']:,.0f} kWh a week{share}, "
            f"{savings['believedWeeklyKwh']:,.0f} kWh of that with medium or high confidence."
        )
    level = sections["sensorHealth"]["bySeverity"]
    lines.append(
        f"The data are {data_quality['avgCompleteness']:.1f} % complete over {data_quality['energyMeters']} meters; "
        f"{level['high']} sensor issue{'s' * (level['high'] != 1)} of high severity."
    )
    return lines


def _top_risks(sections: dict[str, Any]) -> list[str]:
    """Return what may cost or mislead: sick meters first, then severe anomalies, then the site's peak."""
    risks = [issue["description"] for issue in sections["sensorHealth"]["issues"] if issue["severity"] == "high"]
    severe = [event for event in sections["anomalies"]["timeline"] if event["severity"] == "high"]
    risks += [
        f"{event['channelName']}: {event['excessKwh']:.0f} kWh above usual from {event['start'][:16].replace('T', ' ')}"
        for event in sorted(severe, key=lambda event: -event["excessKwh"])
    ]
    risks += [
        f"Site peak of {spike['peakPower']:.0f} kW at {spike['start'][:16].replace('T', ' ')} "
        f"(usual peak {spike['usualPeakPower']:.0f} kW)"
        for spike in sections["spikes"]["siteSpikes"][:1]
    ]
    return risks[:_MAX_RISKS]
