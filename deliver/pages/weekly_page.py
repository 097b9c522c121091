"""Lays out the weekly report: what it says and what it is worth, what to do, then the evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deliver.pages import parts
from deliver.pages.common import (
    SEVERITY_TONES,
    assumptions_of,
    attention_findings,
    attention_of,
    currency_of,
    estimated_part,
    is_available,
    notices,
    provenance,
    quick_win_finding,
    reason_of,
    site_line,
    subject_of,
    without_notices,
)
from deliver.pages.parts import Part
from deliver.pages.weekly_evidence import (
    after_hours_blocks,
    after_hours_fact,
    anomaly_blocks,
    anomaly_fact,
    completeness_blocks,
    completeness_fact,
    hour_blocks,
    hour_fact,
    load_blocks,
    spike_blocks,
    spike_fact,
)
from deliver.pages.weekly_follow_up import follow_up_blocks, follow_up_fact, follow_up_line
from deliver.pages.weekly_meters import meter_blocks, operator_blocks
from deliver.pages.weekly_money import (
    cost_blocks,
    cost_fact,
    energy_cost_tile,
    forecast_blocks,
    forecast_fact,
    money_line,
)
from deliver.words import formats as fmt
from deliver.words.locales import paper_of
from deliver.words.meters import check_name, fault_name
from deliver.words.week import why_not_compared


def build_weekly_page(report: dict[str, Any]) -> Part:
    """Return the page of a weekly report, of any version: sections that it lacks are not shown.

    What happened, what needs attention, the meters and the load are read at a glance; each further section is one line
    that opens to its evidence.
    """
    meta, sections = report["metadata"], report["sections"]
    currency = currency_of(report)
    wins = sections.get("quickWins") or []
    told = {item.get("winId") for item in attention_of(report)}
    asked = [win for win in wins if win["type"] == "confirm"]
    rest = [win for win in wins if win["type"] != "confirm" and win.get("findingId") not in told]
    return parts.page(
        "weekly",
        "Weekly energy report",
        meta["site"]["siteName"],
        " · ".join(filter(None, [fmt.period(meta["period"]["start"], meta["period"]["end"]), site_line(meta["site"])])),
        notices=notices(report),
        headline=[*report["summary"].get("notes", without_notices(report)[1:]), *follow_up_line(report)],
        hero=_hero(report, currency),
        subject=subject_of(report),
        assumptions=assumptions_of(report),
        tiles=_tiles(report, currency),
        sections=[
            parts.section("attention", "What needs attention", [
                attention_findings(report, currency) or parts.text("Nothing this week.")
            ]),
            parts.section("to-confirm", "To confirm", [
                parts.findings([quick_win_finding(win, index, currency) for index, win in enumerate(asked, 1)])
            ], "Runs every week while the site is closed. Not included in any total: ask who is responsible."),
            parts.section("by-meter", "Energy by meter", meter_blocks(report)),
            parts.section("load", "The week’s load", load_blocks(report)),
            _fold("uncounted", "Low confidence", [
                parts.findings([quick_win_finding(win, index, currency) for index, win in enumerate(rest, 1)])
            ], f"{fmt.count(len(rest), 'finding')}, not included in any total"),
            _fold("since-last-week", "Findings from week to week", follow_up_blocks(report), follow_up_fact(report)),
            _fold("hours", "By weekday and hour", hour_blocks(report), hour_fact(report)),
            _fold("after-hours", "After hours", after_hours_blocks(report, currency),
                  after_hours_fact(report, currency)),
            _fold("anomalies", "Out of the ordinary", anomaly_blocks(report), anomaly_fact(report)),
            _fold("spikes", "Short peaks", spike_blocks(report), spike_fact(report)),
            _fold("cost", "What it costs", cost_blocks(
                sections, currency, report["summary"]["totalPotentialSavings"].get("note")
            ), cost_fact(report, currency)),
            _fold("forecast", "The week ahead", forecast_blocks(report), forecast_fact(report)),
            _fold("meters", "Are the meters right?", _meter_issue_blocks(sections), _meter_fact(sections)),
            _fold("data", "How complete the data are", completeness_blocks(report), completeness_fact(report)),
            _fold("operator", "For the operator", operator_blocks(report), "settings that make this report better"),
        ],
        footer=provenance(report),
        paper=paper_of(meta["site"].get("country")),
    )  # fmt: skip


def _fold(key: str, title: str, blocks: Sequence[Part | None], fact: str) -> Part:
    return parts.section(key, title, blocks, fact=fact, is_folded=True)


def _hero(report: dict[str, Any], currency: str | None) -> Part:
    summary = report["summary"]
    result = summary.get("result") or without_notices(report)[0]
    return parts.tile("", result, money_line(report, currency))


def _tiles(report: dict[str, Any], currency: str | None) -> list[Part]:
    use, quality = report["consumption"], report["dataQuality"]
    usual = f"normal: {fmt.kwh(use['usualKwh'])}" if use.get("usualKwh") is not None else why_not_compared(use)
    tiles = [parts.tile(_least("Energy used", use.get("isAtLeast")), fmt.kwh(use["totalKwh"]),
                        "; ".join(filter(None, [usual, estimated_part(use)])))]  # fmt: skip
    if use.get("cost"):
        tiles.append(energy_cost_tile(use["cost"], currency))
    peak = (report["sections"].get("spikes") or {}).get("sitePeak")
    if peak:
        when = fmt.span(peak["start"], peak["end"])
        tiles.append(parts.tile(_least("Highest load", peak.get("isAtLeast")), fmt.kw(peak["powerKw"]), when))
    waste = report["sections"]["afterHoursWaste"]["summary"]
    health = report["sections"]["sensorHealth"]
    serious = health["bySeverity"]["high"]
    tiles += [
        parts.tile("Left running while closed", fmt.kwh(waste["totalExcessKwh"]),
                   f"{fmt.money(waste['totalExcessCost'], currency)} on "
                   f"{fmt.count(waste['totalMetersWithExcess'], 'meter')}" if waste["totalExcessKwh"] else "",
                   "warn" if waste["totalExcessKwh"] else "good"),
        parts.tile("Data complete", fmt.pct(quality["avgCompleteness"], 1),
                   fmt.count(serious, "serious meter issue") if serious else "no serious meter issue",
                   "warn" if serious else "good"),
    ]  # fmt: skip
    return tiles


def _least(label: str, is_at_least: bool | None) -> str:
    return f"{label}, at least" if is_at_least else label


def _meter_fact(sections: dict[str, Any]) -> str:
    issues = (sections.get("sensorHealth") or {}).get("issues") or []
    if not issues:
        return "no meter shows a fault"
    meters = len({issue["channelId"] for issue in issues})
    return f"{fmt.count(len(issues), 'issue')} on {fmt.count(meters, 'meter')}"


def _meter_issue_blocks(sections: dict[str, Any]) -> list[Part | None]:
    health = sections.get("sensorHealth") or {}
    issues = health.get("issues") or []
    refused = health.get("notAssessed") or []
    return [
        parts.text("Wrong readings are left out of every finding on this page."),
        parts.findings([_issue(issue, index) for index, issue in enumerate(issues, 1)])
        or parts.note("No meter shows a fault.", "good"),
        parts.bullets([_refusal(item) for item in refused]),
        parts.text(_supply_sentence(sections.get("electricalHealth"))),
    ]


def _supply_sentence(electrical: dict[str, Any] | None) -> str:
    if not is_available(electrical):
        return ""
    summary = electrical["summary"]
    level = summary["bySeverity"]
    if not summary["metersAssessed"]:
        return "The electrical supply could not be assessed: no meter sent electrical quantities in the period."
    meters = fmt.count(summary["metersAssessed"], "meter")
    return (
        f"Electrical supply of {meters}: {level['high']} high, {level['medium']} medium and {level['low']} low "
        "severity issues. The electrical health report lists them."
    )


def _issue(issue: dict[str, Any], index: int) -> Part:
    facts = [("Meter", f"{issue['channelName']} ({issue['channelId']})"), ("Kind", fault_name(issue["type"]))]
    if issue.get("start"):
        facts.append(("When", fmt.span(issue["start"], issue.get("end"))))
    if issue.get("lastReading"):
        facts.append(("Last reading", fmt.when(issue["lastReading"])))
    if issue.get("missingIntervals"):
        facts.append(("Missing readings", fmt.number(issue["missingIntervals"], 0)))
    return parts.finding(
        issue.get("findingId") or f"meter-{index}",
        issue["description"],
        tone=SEVERITY_TONES[issue["severity"]],
        badge=issue["severity"],
        steps=[issue["recommendation"]] if issue.get("recommendation") else [],
        facts=facts,
    )


def _refusal(item: dict[str, Any]) -> str:
    meters = fmt.count(len(item.get("channelIds") or []), "meter")
    later = f", possible from {fmt.long_day(item['possibleFrom'])}" if item.get("possibleFrom") else ""
    missing = item.get("missing") or reason_of(item)
    return f"Not assessed: {check_name(str(item.get('check', '')))} on {meters}; missing: {missing}{later}."
