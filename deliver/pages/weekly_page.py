"""Lays out the weekly report: what it says and what it is worth, what to do, then the evidence. Pure."""

from __future__ import annotations

from itertools import compress
from typing import Any

from analyze.week.summary import why_not_compared
from deliver.pages import parts
from deliver.pages.common import (
    SEVERITY_TONES,
    currency_of,
    energy_used,
    estimated_part,
    is_available,
    notices,
    on_usual,
    provenance,
    quick_win_finding,
    reason_of,
    site_line,
    without_notices,
)
from deliver.pages.parts import Part
from deliver.pages.weekly_evidence import (
    after_hours_blocks,
    anomaly_blocks,
    completeness_blocks,
    load_blocks,
    spike_blocks,
)
from deliver.pages.weekly_follow_up import follow_up_blocks, follow_up_line
from deliver.pages.weekly_money import cost_blocks, energy_charges_tile, forecast_blocks
from deliver.words import formats as fmt


def build_weekly_page(report: dict[str, Any]) -> Part:
    """Return the page of a weekly report, of any version: sections that it lacks are not shown."""
    meta, sections = report["metadata"], report["sections"]
    currency = currency_of(report)
    wins = [quick_win_finding(win, index, currency) for index, win in enumerate(sections.get("quickWins") or [], 1)]
    is_counted = [win["confidence"] != "low" for win in sections.get("quickWins") or []]
    is_asked = [win["type"] == "confirm" for win in sections.get("quickWins") or []]
    return parts.page(
        "weekly",
        "Weekly energy report",
        meta["site"]["siteName"],
        " · ".join(filter(None, [fmt.period(meta["period"]["start"], meta["period"]["end"]), site_line(meta["site"])])),
        notices=notices(report),
        headline=[*without_notices(report), *follow_up_line(report)],
        hero=_hero(report, currency),
        tiles=_tiles(report, currency),
        sections=[
            parts.section("quick-wins", "What to do first", [
                parts.findings(list(compress(wins, is_counted)), full=2)
                or parts.text("Nothing above 10 kWh a week.")
            ]),
            parts.section("to-confirm", "To confirm: runs every week while closed", [
                parts.findings(list(compress(wins, is_asked)))
            ], "Not included in any total. Ask who is responsible for it."),
            parts.section("uncounted", "Low confidence", [
                parts.findings([
                    win for win, counts, asked in zip(wins, is_counted, is_asked, strict=True) if not counts | asked
                ])
            ], "Not included in any total."),
            parts.section("since-last-week", "Findings from week to week", follow_up_blocks(report)),
            parts.section("attention", "What needs attention", [parts.bullets(report["summary"]["topRisks"])]),
            parts.section("load", "The week’s load", load_blocks(report)),
            parts.section("after-hours", "After hours", after_hours_blocks(report, currency)),
            parts.section("anomalies", "Out of the ordinary", anomaly_blocks(report)),
            parts.section("spikes", "Short peaks", spike_blocks(report)),
            parts.section("cost", "What it costs", cost_blocks(
                sections, currency, report["summary"]["totalPotentialSavings"].get("note")
            )),
            parts.section("forecast", "The week ahead", forecast_blocks(report)),
            parts.section("meters", "Are the meters right?", _meter_blocks(sections)),
            parts.section("data", "How complete the data are", completeness_blocks(report)),
        ],
        footer=provenance(report),
    )  # fmt: skip


def _hero(report: dict[str, Any], currency: str | None) -> Part:
    savings = report["summary"]["totalPotentialSavings"]
    unconfirmed = savings.get("unconfirmedWeeklyKwh") or 0
    once = savings.get("onceKwh") or 0
    new = savings.get("newKwh") or 0
    notes = []
    if savings["weeklyKwh"]:
        annual = fmt.money(savings["estimatedAnnual"], currency)
        year = f", about {annual} a year" if savings["estimatedAnnual"] else ""
        notes.append(f"{fmt.kwh(savings['weeklyKwh'])} this week{year}")
    if new:
        notes.append(f"{fmt.kwh(new)} of it new this week")
    if once:
        notes.append(f"one-time: {fmt.kwh(once)}, {fmt.money(savings['onceCost'], currency)}, not in the totals")
    if unconfirmed:
        notes.append(f"to confirm: {fmt.kwh(unconfirmed)} a week")
    return parts.tile(
        "Could be saved",
        f"{fmt.money(savings['weeklyCost'], currency)} a week",
        "; ".join(notes) or "nothing found this week",
        "good" if savings["weeklyKwh"] else "calm",
    )


def _tiles(report: dict[str, Any], currency: str | None) -> list[Part]:
    use, quality = report["consumption"], report["dataQuality"]
    usual = "; ".join(filter(None, [on_usual(use) or why_not_compared(use), estimated_part(use)]))
    health = report["sections"]["sensorHealth"]
    tiles = [parts.tile("Energy used", energy_used(use), usual)]
    cost = report["sections"].get("costOptimization") or {}
    if is_available(cost):
        tiles.append(energy_charges_tile(cost, currency))
    peak = (report["sections"].get("spikes") or {}).get("sitePeak")
    if peak:
        load = f"{'at least ' if peak.get('isAtLeast') else ''}{fmt.kw(peak['powerKw'])}"
        tiles.append(parts.tile("Highest load", load, fmt.span(peak["start"], peak["end"])))
    waste = report["sections"]["afterHoursWaste"]["summary"]
    wasting = fmt.count(waste["totalMetersWithExcess"], "meter")
    tiles += [
        parts.tile("After-hours excess", fmt.kwh(waste["totalExcessKwh"]),
                   f"{fmt.money(waste['totalExcessCost'], currency)} on {wasting}",
                   "warn" if waste["totalExcessKwh"] else "good"),
        parts.tile("Data complete", fmt.pct(quality["avgCompleteness"], 1),
                   fmt.count(health["bySeverity"]["high"], "serious meter issue"),
                   "warn" if health["bySeverity"]["high"] else "good"),
    ]  # fmt: skip
    return tiles


def _meter_blocks(sections: dict[str, Any]) -> list[Part | None]:
    health = sections.get("sensorHealth") or {}
    issues = health.get("issues") or []
    refused = health.get("notAssessed") or []
    return [
        parts.text("Readings that a meter got wrong are left out of every finding on this page."),
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
        f"The electrical supply was assessed on {meters}: {level['high']} issues of high, "
        f"{level['medium']} of medium and {level['low']} of low severity. The electrical health report lists them."
    )


_ISSUE_KINDS = {"base_load_step": "step of the base load"}


def _issue(issue: dict[str, Any], index: int) -> Part:
    kind = _ISSUE_KINDS.get(issue["type"], issue["type"].replace("_", " "))
    facts = [("Meter", f"{issue['channelName']} ({issue['channelId']})"), ("Kind", kind)]
    if issue.get("start"):
        facts.append(("When", fmt.span(issue["start"], issue.get("end"))))
    if issue.get("lastReading"):
        facts.append(("Last reading", fmt.when(issue["lastReading"])))
    if issue.get("missingIntervals"):
        facts.append(("Missing intervals", fmt.number(issue["missingIntervals"], 0)))
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
    return f"Not assessed: {str(item.get('check', '')).replace('_', ' ')} on {meters}; missing: {missing}{later}."
