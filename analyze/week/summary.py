"""What stands at the head of the report: its sums, and what needs attention, as facts. Pure.

`deliver.words.week` puts them into sentences.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from analyze.expected.closed_runs import Pattern
from analyze.expected.episodes import LOW
from analyze.expected.steps import ChangeKind
from analyze.money.repairs import REPAIR
from lib.states import Level

_MAX_ATTENTION = 10
_SAVINGS = (Pattern.RECURRING, Pattern.NEW, Pattern.ONCE)
_SAME_KWH = 0.1  # sums that were rounded one by one


class Attention(StrEnum):
    """What a reader should look at."""

    SAVING = "saving"  # a quick win of medium or high confidence
    METER = "meter"  # an issue of high severity
    LEVEL = "level"  # of a load, that changed for good
    HIGH_USE = "high_use"
    LOW_USE = "low_use"
    SITE_PEAK = "site_peak"


def total_potential_savings(wins: list[dict[str, Any]], cost: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return the sum of the quick wins of medium and high confidence.

    `weeklyKwh` and `weeklyCost` hold what recurs and what is new this week; `estimatedAnnual` what recurs alone.
    `onceKwh` and `onceCost` are of single events; weekly and annual sums leave them out. `lowConfidenceKwh` and `…Cost`
    are of the wins of low confidence, as seen in the period; no other sum holds them. `unconfirmedWeeklyKwh` is
    what runs while the site is closed, every week, and may have to: it is asked about, and no saving.
    `costOptimizationMonthly` and `…Annual` are what moving load and shaving peaks may bring on the tariff; they are 0
    where `costOptimizationStatus` says that the section is unavailable. The wins are priced on `tariff`, those two on
    `costOptimizationTariff`; where these are different ones, a site pays only one of them.
    """
    levers = cost.get("combined_summary", {})
    own, other = cost.get("basis", {}).get("tariffs", {}).get("current"), levers.get("tariff")
    believed = [win for win in wins if is_believed(win)]
    doubted = [win["impact"] for win in wins if win.get("pattern") in _SAVINGS and not is_believed(win)]
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
        "lowConfidenceKwh": round(sum(impact["periodKwh"] for impact in doubted), 2),
        "lowConfidenceCost": round(sum(impact["periodCost"] for impact in doubted), 2),
        "unconfirmedWeeklyKwh": round(sum(impact["weeklyKwh"] for impact in asked), 2),
        "unconfirmedWeeklyCost": round(sum(impact["weeklyCost"] for impact in asked), 2),
        "currency": currency,
        "costOptimizationMonthly": levers.get("estimated_monthly_savings_potential", 0.0),
        "costOptimizationAnnual": levers.get("estimated_annual_savings_potential", 0.0),
        "costOptimizationStatus": cost.get("status", "ok"),
        "tariff": own,
        "costOptimizationTariff": other,
    }


def is_believed(win: dict[str, Any]) -> bool:
    """Return whether a quick win is a saving of medium or high confidence."""
    return bool(win.get("pattern") in _SAVINGS and win["confidence"] != Level.LOW)


def build_summary(
    sections: dict[str, Any],
    currency: str,
    total_kwh: float,
    silent: Collection[str] = (),
    weeks: float = 1.0,
) -> dict[str, Any]:
    """Return the facts of the report's summary; money is in `currency`.

    `total_kwh` is what the site used, `weeks` the period's length: savings are by the week, or of the whole period
    where that is shorter. `silent` are the findings (`lastingId`) of which a person said that they may stay: they are
    no risk.
    """
    savings = total_potential_savings(sections["quickWins"], sections["costOptimization"], currency)
    risks = list_risks(sections, silent)
    return {
        "totalPotentialSavings": savings | _recurring(sections["quickWins"], savings, total_kwh, max(1.0, weeks)),
        "risks": risks,
        "attention": list_attention(sections["quickWins"], risks),
    }


def _recurring(
    wins: list[dict[str, Any]], savings: dict[str, Any], total_kwh: float, weeks: float
) -> dict[str, float | None]:
    """Return what of the weekly sums recurs (what is new is the other part of them), and its share of all use."""
    if not any(is_believed(win) and win["pattern"] == Pattern.RECURRING for win in wins):
        return {"recurringKwh": 0.0, "recurringCost": 0.0, "recurringSharePct": None}
    kwh = savings["weeklyKwh"] - savings["newKwh"] / weeks
    return {
        "recurringKwh": round(kwh, 2),
        "recurringCost": round(savings["weeklyCost"] - savings["newCost"] / weeks, 2),
        "recurringSharePct": round(100 * kwh * weeks / total_kwh, 1) if total_kwh > 0 else None,
    }


def list_attention(wins: list[dict[str, Any]], risks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what needs attention, each thing once: the savings, then the risks that no quick win tells already.

    `winId` is the quick win that says what to do about it. A win of low confidence is in no sum (`isCounted`), but what
    it rests on may be the event of the week. Questions (`asked`) stand apart.
    """
    believed = [win for win in wins if is_believed(win)]
    items = [_told(Attention.SAVING, win) | _link(win) for win in believed]
    told = {id(win) for win in believed}
    for risk in risks:
        win = next((win for win in wins if _covers(win, risk)), None)
        if win is None:
            items.append(risk)
        elif id(win) not in told:
            told.add(id(win))
            items.append(risk | _link(win))
    items.sort(key=lambda item: item["kind"] == Attention.METER)  # what the building does comes first
    return items[:_MAX_ATTENTION]


def _link(win: dict[str, Any]) -> dict[str, Any]:
    return {"winId": win.get("findingId"), "isCounted": is_believed(win)}


def _covers(win: dict[str, Any], risk: dict[str, Any]) -> bool:
    """Return whether a quick win and a risk are about the same thing."""
    if win.get("pattern") == Pattern.ASKED or win.get("channelId") != risk["channelId"]:
        return False
    if risk["kind"] == Attention.METER:
        return bool(win["type"] == REPAIR)
    return risk["kind"] == Attention.HIGH_USE and win["type"] != REPAIR


def _told(kind: Attention, item: dict[str, Any]) -> dict[str, Any]:
    """Return what an item of the summary says of the item of a section that it is about."""
    known = {key: item.get(key) for key in ("channelId", "channelName", "findingId", "lastingId")}
    return {"kind": str(kind), **known}


def list_risks(sections: dict[str, Any], silent: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return what may cost or mislead: doubtful meters, levels that changed, severe events high and low, the peak."""

    def told(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [item for item in items if item.get("lastingId") not in silent]

    issues, steps = told(sections["sensorHealth"]["issues"]), told(sections["anomalies"]["steps"])
    risks = [
        _told(Attention.METER, issue) | {"issue": issue["type"]} for issue in issues if issue["severity"] == Level.HIGH
    ]
    stepped = {step["channelId"] for step in sections["anomalies"]["steps"]}
    risks += [_tell_step(step) for step in steps if not _is_explained(step)]
    channels = [channel | {"events": told(channel["events"])} for channel in sections["anomalies"]["byChannel"]]
    risks += _tell_high(channels, stepped, _left_on_kwh(sections["afterHoursWaste"]))
    risks += _tell_low(told(sections["anomalies"]["timeline"]), stepped)
    risks += [
        {
            **_told(Attention.SITE_PEAK, spike),
            "powerKw": spike["peakPower"],
            "usualKw": spike["usualPeakPower"],
            "start": spike["start"],
            "end": spike["end"],
        }
        for spike in sections["spikes"]["siteSpikes"][:1]
    ]
    return risks


def _is_explained(step: dict[str, Any]) -> bool:
    """Return whether the weather explains a step: it was unlike the weeks before, and the load follows it."""
    return bool(step["mayBeWeather"] and step.get("followsWeather", False))


def _tell_step(step: dict[str, Any]) -> dict[str, Any]:
    """Return a level that changed for good."""
    rise_kw, before_kw = step["afterKw"] - step["beforeKw"], step["beforeKw"]
    return {
        **_told(Attention.LEVEL, step),
        "beforeKw": before_kw,
        "afterKw": step["afterKw"],
        "risePct": round(100 * rise_kw / before_kw, 1) if before_kw > 0 else None,
        "at": step["at"],
        "excessKwh": step["excessKwh"],
        "isDrift": step["kind"] == ChangeKind.DRIFT,
        "mayBeWeather": step["mayBeWeather"],
    }


def _left_on_kwh(after_hours: dict[str, Any]) -> dict[int, float]:
    """Return by channel what was left on this week while the site was closed [kWh]: new, or once."""
    meters = after_hours.get("topMeters", [])
    return {m["channelId"]: m["impact"]["excessKwh"] for m in meters if m["pattern"] in (Pattern.NEW, Pattern.ONCE)}


def _tell_high(
    channels: list[dict[str, Any]], told: Collection[int], left_on_kwh: dict[int, float]
) -> list[dict[str, Any]]:
    """Return the channels with severe events; one that was left on has the size that it has everywhere else."""
    risks = []
    for channel in channels:
        incidents = {event["incident"] for event in channel["events"] if event["severity"] == Level.HIGH}
        if incidents and channel["channelId"] not in told:
            # All that belongs to them, for the gravest event alone bears their severity.
            own = [event for event in channel["events"] if event["incident"] in incidents]
            gravest = max(own, key=lambda event: event["excessKwh"])
            kwh = sum(event["excessKwh"] for event in own)
            left_kwh = left_on_kwh.get(channel["channelId"], 0.0)
            is_left_on = left_kwh >= kwh - _SAME_KWH
            names = {key: channel[key] for key in ("channelId", "channelName")}
            risks.append(
                {
                    **_told(Attention.HIGH_USE, gravest | names),
                    "kwh": round(left_kwh if is_left_on else kwh, 2),
                    "periods": len(own),
                    "isWhileClosed": is_left_on,
                    "start": gravest.get("start"),
                    "end": gravest.get("end"),
                }
            )
    return risks


def _tell_low(events: list[dict[str, Any]], told: Collection[int]) -> list[dict[str, Any]]:
    """Return the deficits that are no detail: medium or worse, the largest first."""
    low = [event for event in events if event["direction"] == LOW and event["severity"] != Level.LOW]
    low = [event for event in low if event["channelId"] not in told]
    return [
        _told(Attention.LOW_USE, event)
        | {"kwh": event["deficitKwh"], "periods": 1, "start": event["start"], "end": event["end"]}
        for event in sorted(low, key=lambda event: -event["deficitKwh"])
    ]
