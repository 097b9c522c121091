"""Puts findings into the shapes of the reports beside the weekly one. Formats only: numbers come from `analyze`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyze.week.summary import describe_change, is_believed, total_potential_savings
from deliver.pages.common import asset_line, is_available
from deliver.reports.weekly import assemble_report, build_metadata, warnings_of
from deliver.words import formats as fmt

if TYPE_CHECKING:
    from config.site_file import Branding
    from deliver.reports.site_report import CheckedWeek

_MAX_ACTIONS = 5
_ENERGY = (
    "totalKwh", "meteredKwh", "estimatedKwh", "isAtLeast", "mayCountTwice", "usualKwh", "changePct", "comparison",
    "daily",
)  # fmt: skip
_SAVINGS = ("weeklyKwh", "weeklyCost", "estimatedAnnual", "newKwh", "newCost", "onceKwh", "onceCost")


def assemble_customer_report(checked: CheckedWeek, branding: Branding, now: datetime) -> dict[str, Any]:
    """Return the week for people who run the building, not the meters: what was used, what to do, what it is worth.

    The savings are those of the actions that it lists, `_MAX_ACTIONS` at most; `moreActions` counts the others.
    """
    weekly = assemble_report(*checked, now=now)
    sections, use, forecast = weekly["sections"], weekly["consumption"], weekly["sections"]["forecast"]
    wins = [win for win in sections["quickWins"] if is_believed(win)]
    more, wins = len(wins[_MAX_ACTIONS:]), wins[:_MAX_ACTIONS]
    savings = total_potential_savings(wins, sections["costOptimization"], use["cost"]["currency"])
    report = {
        "metadata": weekly["metadata"] | {"reportKind": "customer"},
        "branding": branding._asdict(),
        "energy": {key: use[key] for key in _ENERGY},
        "cost": {"energyCost": use["cost"]["energyCost"], "currency": use["cost"]["currency"]},
        "carbon": use["carbon"],
        "savings": {key: savings[key] for key in _SAVINGS},
        "actions": [
            {
                "findingId": win.get("findingId"),
                "title": win["title"],
                "steps": win["recommendations"],
                "who": win["owner"],
                "effort": win["effort"],
                "weeklyKwh": win["impact"]["weeklyKwh"],
                "weeklyCost": win["impact"]["weeklyCost"],
                "annualCost": win["impact"]["annualCost"],
                "annualKwh": win["impact"]["annualKwh"],
                "periodKwh": win["impact"]["periodKwh"],
                "periodCost": win["impact"]["periodCost"],
                "basis": win["impact"]["basis"],
            }
            for win in wins
        ],
        "schedule": sections["afterHoursWaste"]["schedule"],
        "moreActions": more,
        "outlook": {
            "expectedKwh": forecast["summary"]["total_predicted_kwh"],
            "changePct": forecast["summary"]["trend_change_pct"],
        }
        if is_available(forecast)
        else None,
        "data": {
            "completenessPct": weekly["dataQuality"]["avgCompleteness"],
            "meters": weekly["dataQuality"]["energyMeters"],
            "metersInTrouble": len(
                {issue["channelId"] for issue in sections["sensorHealth"]["issues"] if issue["severity"] == "high"}
            ),
        },
        "charts": {"siteLoad": weekly["charts"]["siteLoad"]},
    }
    warnings = warnings_of(checked.site, checked.status, checked.forced_reason)
    return report | {"summary": {"headline": [*warnings, *_customer_headline(report)]}}


def _customer_headline(report: dict[str, Any]) -> list[str]:
    energy, savings, currency = report["energy"], report["savings"], currency_of_customer(report)
    compared = describe_change(energy) if energy["changePct"] is not None else ""
    least = "at least " if energy["isAtLeast"] else ""
    lines = [f"Your building used {least}{energy['totalKwh']:,.0f} kWh of electricity{compared}."]
    if energy.get("mayCountTwice"):
        lines.append("This total may count some energy twice: how the meters fit together is not confirmed yet.")
    recurring, new, once = (
        sum(action["basis"] == basis for action in report["actions"])
        for basis in ("operating_weeks", "this_week", "one_off")
    )
    if recurring:
        year = fmt.money(savings["estimatedAnnual"], currency)
        lines.append(f"{_steps(recurring)} could save about {year} a year.")
    if new:
        worth = fmt.money(savings["newCost"], currency)
        lines.append(f"New this week: {savings['newKwh']:,.0f} kWh, {worth}. If it goes on, as much every week.")
    if once:
        worth = fmt.money(savings["onceCost"], currency)
        lines.append(f"One-time: {savings['onceKwh']:,.0f} kWh, {worth}, not in the weekly or annual totals.")
    more = report["moreActions"]
    if more:
        lines.append(f"The weekly report has {more} more, which {'is' if more == 1 else 'are'} not in these figures.")
    return lines if report["actions"] else [*lines, "We found nothing this week that is worth your time."]


def _steps(count: int) -> str:
    return "One step" if count == 1 else f"{count} steps"


def currency_of_customer(report: dict[str, Any]) -> str | None:
    """Return the currency of a customer report's amounts."""
    return (report["cost"] or {}).get("currency") or report["metadata"]["site"].get("currencyCode")


def assemble_asset_report(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    """Return every piece of equipment with its colour and the reasons for it."""
    from analyze.week.asset_health import rate_assets

    week = checked.week
    rated = rate_assets(week.sections, week.consumption, week.data_quality)
    count = rated["summary"]
    headline = [
        f"{count['red']} red, {count['amber']} amber, {count['green']} green, {count['grey']} not assessed.",
        *(asset_line(asset) for asset in rated["assets"] if asset["status"] == "red"),
    ]
    return _with_head(checked, "asset_health", now, headline) | {"counts": count, "assets": rated["assets"]}


def assemble_electrical_report(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    """Return the state of the supply: voltage, balance, frequency, currents, harmonics, power factor."""
    electrical = checked.week.sections["electricalHealth"]
    if not is_available(electrical):
        headline = [f"Not assessed: {electrical.get('reason') or electrical.get('missing')}."]
    elif not electrical["summary"]["metersAssessed"]:
        headline = ["Nothing could be assessed: no meter sent electrical quantities in the period."]
    else:
        total, level = electrical["summary"]["totalIssues"], electrical["summary"]["bySeverity"]
        headline = [
            f"{fmt.count(total, 'issue')} on {fmt.count(electrical['summary']['metersAssessed'], 'meter')}: "
            f"{level['high']} of high, {level['medium']} of medium, {level['low']} of low severity."
        ]
    return _with_head(checked, "electrical_health", now, headline) | {"electrical": electrical}


def _with_head(checked: CheckedWeek, kind: str, now: datetime, headline: list[str]) -> dict[str, Any]:
    warnings = warnings_of(checked.site, checked.status, checked.forced_reason)
    return {
        "metadata": build_metadata(*checked, now=now, kind=kind),
        "summary": {"headline": [*warnings, *headline]},
    }
