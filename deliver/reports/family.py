"""Puts findings into the shapes of the reports beside the weekly one. Formats only: numbers come from `analyze`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyze.week.summary import is_believed, total_potential_savings
from deliver.pages.common import asset_line, is_available
from deliver.reports.weekly import assemble_report, build_metadata, warnings_of
from deliver.words.customer import customer_notes, customer_result
from deliver.words.family import asset_result, supply_money, supply_result
from deliver.words.locales import written_for
from deliver.words.meters import describe_reason, tell_meters
from lib.states import Level

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
    with written_for(checked.site.country):
        return _assemble_customer(checked, branding, now)


def _assemble_customer(checked: CheckedWeek, branding: Branding, now: datetime) -> dict[str, Any]:
    weekly = assemble_report(*checked, now=now)
    sections, use, forecast = weekly["sections"], weekly["consumption"], weekly["sections"]["forecast"]
    wins = [win for win in sections["quickWins"] if is_believed(win)]
    more, wins = len(wins[_MAX_ACTIONS:]), wins[:_MAX_ACTIONS]
    to_check = [win["title"] for win in sections["quickWins"] if not is_believed(win) and win["type"] != "repair"]
    savings = total_potential_savings(wins, sections["costOptimization"], use["cost"]["currency"])
    report = {
        "metadata": weekly["metadata"] | {"reportKind": "customer"},
        "branding": branding._asdict(),
        "energy": {key: use[key] for key in _ENERGY},
        "cost": {key: use["cost"][key] for key in ("energyCost", "currency", "isAssumed", "averagePerKwh")},
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
        "toCheck": to_check,
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
                {issue["channelId"] for issue in sections["sensorHealth"]["issues"] if issue["severity"] == Level.HIGH}
            ),
        },
        "charts": {"hourly": _of_site(weekly["charts"]["hourly"])},
    }
    warnings = warnings_of(checked.site, checked.status, checked.forced_reason)
    actions = len(report["actions"]) + more
    result = customer_result(report["energy"], report["metadata"]["period"], actions, len(to_check))
    notes = customer_notes(report, currency_of_customer(report))
    return report | {
        "summary": {
            "result": result,
            "notes": notes,
            "assumptions": weekly["summary"]["assumptions"],
            "headline": [*warnings, result, *notes],
        }
    }


def _of_site(hourly: dict[str, Any]) -> dict[str, Any]:
    """Return the hours of the site without those of its meters."""
    return {key: value for key, value in hourly.items() if key not in ("meters", "leftOut")}


def currency_of_customer(report: dict[str, Any]) -> str | None:
    """Return the currency of a customer report's amounts."""
    return (report["cost"] or {}).get("currency") or report["metadata"]["site"].get("currencyCode")


def assemble_asset_report(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    """Return every piece of equipment with its color and the reasons for it."""
    with written_for(checked.site.country):
        return _assemble_asset(checked, now)


def _assemble_asset(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    from analyze.week.asset_health import rate_assets

    week = checked.week
    rated = rate_assets(week.sections, week.consumption, week.data_quality)
    assets = [_tell_asset(asset) for asset in rated["assets"]]
    count = rated["summary"]
    notes = [f"{asset_line(asset)}." for asset in assets if asset["status"] == "red"]
    head = _with_head(checked, "asset_health", now, asset_result(count, assets), notes)
    return head | {"counts": count, "assets": assets}


def _tell_asset(asset: dict[str, Any]) -> dict[str, Any]:
    """Return a piece of equipment with the reasons for its color in words."""
    reasons = [
        {key: reason[key] for key in ("about", "severity", "findingId")} | {"text": describe_reason(reason)}
        for reason in asset["reasons"]
    ]
    return asset | {"reasons": reasons}


def assemble_electrical_report(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    """Return the state of the supply: voltage, balance, frequency, currents, harmonics, power factor."""
    with written_for(checked.site.country):
        return _assemble_electrical(checked, now)


def _assemble_electrical(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    electrical, notes = tell_meters(checked.week.sections)["electricalHealth"], []
    if not is_available(electrical):
        result = f"Not assessed: {electrical.get('reason') or electrical.get('missing')}."
    elif not electrical["summary"]["metersAssessed"]:
        result = "Nothing could be assessed: no meter sent electrical quantities in the period."
    else:
        result = supply_result(electrical)
        currency = checked.week.summary["totalPotentialSavings"]["currency"]
        notes = list(filter(None, [supply_money(electrical, currency)]))
    return _with_head(checked, "electrical_health", now, result, notes) | {"electrical": electrical}


def _with_head(checked: CheckedWeek, kind: str, now: datetime, result: str, notes: list[str]) -> dict[str, Any]:
    warnings = warnings_of(checked.site, checked.status, checked.forced_reason)
    return {
        "metadata": build_metadata(*checked, now=now, kind=kind),
        "summary": {"result": result, "notes": notes, "headline": [*warnings, result, *notes]},
    }
