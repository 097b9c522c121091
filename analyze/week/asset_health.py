"""Rates each piece of equipment red, amber or green by what the week's analyses found on its meter. Pure.

Notes
-----
A reason is a finding of the weekly report with its severity. Red: one of high severity. Amber: one of medium severity,
or several of low. Green: none, or a single low one. Grey: nothing sound was measured, so nothing can be said; a dead or
stuck meter is red for what it is, a fault of the meter.

A meter's fault says nothing of the equipment behind it, so each reason says what it is about: "meter", "supply", "use".
"""

from __future__ import annotations

from typing import Any

from lib.states import Level

RED, AMBER, GREEN, GREY = "red", "amber", "green", "grey"
_ORDER = (RED, AMBER, GREY, GREEN)
_FEW = 1  # reasons of low severity that alone do not make it amber


def rate_assets(sections: dict[str, Any], consumption: dict[str, Any], data_quality: dict[str, Any]) -> dict[str, Any]:
    """Return `summary`, how many of each colour, and `assets`, the worst first.

    Parameters
    ----------
    sections, consumption, data_quality
        Of an analyzed week (`analyze.week.site_week.SiteWeek`).
    """
    reasons = _collect(sections)
    complete = {row["channelId"]: row["completenessPct"] for row in data_quality["byChannel"]}
    facts = {row["channelId"]: row for row in (sections.get("loadFacts") or {}).get("channels", [])}
    assets = [
        _rate(row, reasons.get(row["channelId"], []), complete.get(row["channelId"]), facts.get(row["channelId"], {}))
        for row in consumption["byChannel"]
    ]
    assets.sort(key=lambda asset: (_ORDER.index(asset["status"]), -len(asset["reasons"]), asset["channelId"]))
    return {
        "summary": {color: sum(asset["status"] == color for asset in assets) for color in (RED, AMBER, GREEN, GREY)},
        "assets": assets,
    }


def _rate(
    row: dict[str, Any], reasons: list[dict[str, Any]], complete_pct: float | None, facts: dict[str, Any]
) -> dict[str, Any]:
    levels = [reason["severity"] for reason in reasons]
    if Level.HIGH in levels:
        status = RED
    elif Level.MEDIUM in levels or levels.count(Level.LOW) > _FEW:
        status = AMBER
    else:
        status = GREEN if row["energyKwh"] is not None else GREY
    return {
        "channelId": row["channelId"],
        "channelName": row["channelName"],
        "status": status,
        "reasons": sorted(reasons, key=lambda reason: list(Level).index(reason["severity"])),
        "energyKwh": row["energyKwh"],
        "peakKw": row["peakKw"],
        "baseLoadKw": facts.get("baseLoadKw"),
        "loadFactor": facts.get("loadFactor"),
        "completenessPct": complete_pct,
    }


def _collect(sections: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Return the reasons by channel, each with the `finding` that it is and its `kind`."""
    found: dict[int, list[dict[str, Any]]] = {}

    def add(about: str, kind: str, severity: Level, finding: dict[str, Any], channel_id: int, name: str | None) -> None:
        reason = {"about": about, "kind": kind, "severity": severity, "finding": finding, "findingId": name}
        found.setdefault(channel_id, []).append(reason)

    for issue in sections["sensorHealth"]["issues"]:
        add("meter", "meter", issue["severity"], issue, issue["channelId"], issue.get("findingId"))
    for meter in (sections.get("electricalHealth") or {}).get("meters", []):
        for issue in meter["issues"]:
            add("supply", "supply", issue["severity"], issue, meter["channelId"], issue.get("findingId"))
    for meter in sections["afterHoursWaste"]["topMeters"]:
        if meter["isSignificant"]:
            add("use", "left_on", Level.MEDIUM, meter, meter["channelId"], meter.get("findingId"))
    for channel in sections["anomalies"]["byChannel"]:
        worst = min(channel["events"], key=lambda event: list(Level).index(event.get("severity", Level.LOW)))
        # An unusual load is a question to its owner, not a proof that something is broken.
        severity = Level.LOW if worst.get("severity", Level.LOW) == Level.LOW else Level.MEDIUM
        add("use", "unusual", severity, channel, channel["channelId"], worst.get("findingId"))
    for step in (sections.get("scheduleDisagreements") or {}).get("findings", []):
        add("use", "hours", Level.LOW, step, step["channelId"], step.get("findingId"))
    return found
