"""What the pages of all reports share: where they come from, how a finding is laid out. Pure."""

from __future__ import annotations

from typing import Any, TypeGuard

from deliver.pages import parts
from deliver.pages.parts import Part
from deliver.reports.follow_up import followed_findings, state_words
from deliver.words import formats as fmt
from deliver.words.week import mail_subject
from lib.states import BreakerState, DataSource, Level

SEVERITY_TONES = {Level.HIGH: "bad", Level.MEDIUM: "warn", Level.LOW: "calm"}
CONFIDENCE_TONES = {Level.HIGH: "good", Level.MEDIUM: "calm", Level.LOW: "warn"}
# What amounts are of that are none of every week.
_OF_THE_PERIOD = {"one_off": "one-time", "this_week": "new this week"}
_BASIS = {"every_week": "every week like this one"}

_LEAST_ESTIMATED_RATIO = 0.005  # of the total; less is not worth a word


def is_available(part: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Return whether a part of a report was worked out, rather than refused with a reason."""
    if not part:
        return False
    return bool(part.get("status", "ok") == "ok")


def reason_of(part: dict[str, Any] | None) -> str:
    """Return why a part of a report is not there."""
    part = part or {}
    return part.get("reason") or part.get("missing") or "this version of the report has none"


def currency_of(report: dict[str, Any]) -> str | None:
    """Return the ISO 4217 code of the amounts; None for an overview of many sites.

    It is the one in which savings are priced, else the tariff's, else the site's: without a tariff in its file a site
    has its savings on an assumed one, whose currency need not be the site's own.
    """
    savings = report["summary"].get("totalPotentialSavings") or {}
    cost = (report.get("sections") or {}).get("costOptimization") or {}
    site = report["metadata"].get("site") or {}
    tariff = (cost.get("combined_summary") or {}).get("currency") or (report.get("cost") or {}).get("currency")
    return savings.get("currency") or tariff or site.get("currencyCode")


def subject_of(report: dict[str, Any]) -> str:
    """Return the subject of the mail; empty for a report of before, which tells no result."""
    result, meta = report["summary"].get("result"), report["metadata"]
    return mail_subject(meta["site"]["siteName"], result, meta["period"]) if result else ""


def site_line(site: dict[str, Any]) -> str:
    """Return the site's address on one line."""
    return ", ".join(str(site[key]) for key in ("address", "city", "country") if site.get(key))


def notices(report: dict[str, Any]) -> list[Part]:
    """Return what must be known before any number: made-up data, a forced report, an earlier version."""
    meta = report["metadata"]
    found = []
    source = meta.get("dataSource") or {}
    if source.get("kind") == DataSource.SANDBOX:
        found.append(parts.notice("warn", source["note"]))
    found += [parts.notice("bad", line) for line in report["summary"]["headline"] if line.startswith("FORCED: ")]
    if report.get("delta"):
        found.append(parts.notice("calm", report["delta"]["text"]))
    return found


def assumptions_of(report: dict[str, Any]) -> list[str]:
    """Return what the amounts take for granted and nobody confirmed; older reports tell the hours alone."""
    told = report["summary"].get("assumptions")
    if told is not None:
        return list(told)
    return list(filter(None, [opening_hours_of(report).get("note")]))


def attention_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what needs attention (`summary.attention`); of older reports the wins that they count."""
    told = report["summary"].get("attention")
    if told is not None:
        return list(told)
    wins = report["sections"].get("quickWins") or []
    return [{"winId": win.get("findingId"), "text": win["title"]} for win in wins if win["confidence"] != Level.LOW]


def attention_findings(report: dict[str, Any], currency: str | None) -> Part | None:
    """Return each thing that needs attention, once: what to do about it, where a quick win says so."""
    wins = {win.get("findingId"): win for win in report["sections"].get("quickWins") or []}
    followed = {each["lastingId"]: each for each in followed_findings(report)}
    items = []
    for index, item in enumerate(attention_of(report), 1):
        win, standing = wins.get(item.get("winId")), followed.get(item.get("lastingId"))
        badge = _standing(item, standing)
        if win is not None:
            items.append(quick_win_finding(win, index, currency, badge=badge))
        else:
            cost = (standing or {}).get("weeklyCost")
            amount = fmt.money(cost, currency) if cost else ""
            items.append(
                parts.finding(
                    f"attention-{index}", item["text"], tone="warn", badge=badge, amount=amount,
                    amount_note="this week", facts=_risk_facts(item),
                )
            )  # fmt: skip
    return parts.findings(items, full=len(items))


def _standing(item: dict[str, Any], followed: dict[str, Any] | None) -> str:
    """Return what a reader must know of a thing beside its size: that nobody vouches for it, or how old it is."""
    if item.get("winId") and item.get("isCounted") is False and item.get("kind") != "meter":
        return "low confidence, not in any total"
    return "" if followed is None or followed["state"] == "new" else state_words(followed)


def _risk_facts(item: dict[str, Any]) -> list[tuple[str, str]]:
    return [("When", fmt.span(item["start"], item.get("end")))] if item.get("start") else []


def opening_hours_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return the opening hours that a report's findings rest on; empty where it has none, or none that it tells."""
    section = (report.get("sections") or {}).get("afterHoursWaste") or {}
    return report.get("schedule") or section.get("schedule") or {}


def result_of(report: dict[str, Any]) -> str:
    """Return the first sentence of a report: what happened."""
    return str(report["summary"].get("result") or without_notices(report)[0])


def without_notices(report: dict[str, Any]) -> list[str]:
    """Return the sentences of the summary without the warnings, which stand apart."""
    warnings = {part["text"] for part in notices(report)}
    return [line for line in report["summary"]["headline"] if line not in warnings]


def provenance(report: dict[str, Any]) -> list[str]:
    """Return where the numbers come from, for the foot of the page."""
    meta = report["metadata"]
    validation, baseline = meta.get("validation") or {}, meta.get("baseline")
    written = f"Written {fmt.long_day(meta['generatedAt'])}, {fmt.clock(meta['generatedAt'])}"
    version = meta.get("version") or 1
    lines = [written + (f", version {version} of this period" if version > 1 else "") + "."]
    if meta.get("dataResolution"):
        lines.append(f"{resolution(meta['dataResolution'])}; local times ({meta['period']['timezone']}).")
    if baseline:
        lines.append(
            f"Normal is based on the {fmt.count(baseline['weeksCount'], 'week')} of "
            f"{fmt.period(baseline['start'], baseline['end'])}."
        )
    if validation:
        lines.append(f"Data checks: {verdict_words(validation)}.")
    return lines


_VERDICTS: dict[str, str] = {
    BreakerState.CLOSED: "passed",
    BreakerState.OPEN: "failed",
    BreakerState.MISSING: "not run yet",
}


def verdict_words(validation: dict[str, Any]) -> str:
    """Return how the checks of the data ended, such as ``passed, 3 warnings``."""
    warned = len(validation.get("warningChecks") or [])
    verdict = _VERDICTS.get(str(validation["verdict"]), str(validation["verdict"]))
    return f"{verdict}, {fmt.count(warned, 'warning')}" if warned else verdict


def resolution(text: str) -> str:
    """Return how far readings lie apart, from ``900s (15min)``: ``15-minute readings``."""
    seconds = int(text.split("s")[0]) if text[:1].isdigit() else 0
    if not seconds:
        return "Readings of unknown length"
    return f"{seconds // 60}-minute readings" if seconds >= 60 else f"{seconds}-second readings"


def asset_line(asset: dict[str, Any]) -> str:
    """Return an asset with the first reason for its colour, and that it is its meter's where that has the fault."""
    first = asset["reasons"][0]
    return f"{asset['channelName']}{', its meter' if first['about'] == 'meter' else ''}: {first['text']}"


def energy_used(use: dict[str, Any]) -> str:
    """Return the energy of a period; "at least" where part of it is unknown, which older reports do not tell."""
    return f"{'at least ' if use.get('isAtLeast') else ''}{fmt.kwh(use['totalKwh'])}"


def estimated_part(use: dict[str, Any]) -> str:
    """Return how much of the energy is estimated; empty for less than half a percent, and in reports of before."""
    estimated_kwh = use.get("estimatedKwh") if "meteredKwh" in use else None
    if not estimated_kwh or abs(estimated_kwh) < _LEAST_ESTIMATED_RATIO * abs(use["totalKwh"]):
        return ""
    return f"{fmt.kwh(estimated_kwh)} estimated"


def quick_win_finding(win: dict[str, Any], index: int, currency: str | None, *, badge: str = "") -> Part:
    """Return a quick win: its worth in one line, what to do and why when opened."""
    impact = win["impact"]
    (energy_kwh, cost), often = worth_of(impact), how_often(impact)
    facts = [("Energy", f"{fmt.kwh(energy_kwh)} {often}")] if energy_kwh else []
    facts += [] if seen_once(impact) else _annual_facts(impact, currency)
    facts += _expectation_facts(win)
    for label, key in (("Confidence", "confidence"), ("For", "owner"), ("Effort", "effort")):
        if win.get(key):
            facts.append((label, str(win[key])))
    if win.get("channelName"):
        facts.append(("Meter", f"{win['channelName']} ({win['channelId']})"))
    return parts.finding(
        win.get("findingId") or f"win-{index}",
        win["title"],
        tone=SEVERITY_TONES[win["priority"]],
        badge=badge,
        amount=fmt.money(cost, currency) if energy_kwh else "",
        amount_note=often,
        body=win["description"] + _annual_basis(impact),
        steps=win["recommendations"],
        facts=facts,
    )


def seen_once(impact: dict[str, Any]) -> bool:
    """Return whether an impact is of an event of one day, which is no amount of a week or of a year."""
    return impact.get("basis") == "one_off"


def worth_of(impact: dict[str, Any]) -> tuple[float, float]:
    """Return the energy [kWh] and the cost that an impact tells: of a week, or of what was seen this week alone."""
    if impact.get("basis") in _OF_THE_PERIOD and "periodKwh" in impact:
        return impact["periodKwh"], impact["periodCost"]
    if seen_once(impact) and "annualKwh" in impact:  # as older reports have it
        return impact["annualKwh"], impact["annualCost"]
    return impact["weeklyKwh"], impact["weeklyCost"]


def how_often(impact: dict[str, Any]) -> str:
    """Return what an impact's amounts are of, to stand behind them."""
    return _OF_THE_PERIOD.get(impact.get("basis", ""), "a week")


def _annual_facts(impact: dict[str, Any], currency: str | None) -> list[tuple[str, str]]:
    if not impact.get("annualCost"):
        return []
    bounds = impact.get("annualCostRange")
    span = f" ({fmt.money(bounds['low'], currency)} to {fmt.money(bounds['high'], currency)})" if bounds else ""
    return [("A year", fmt.money(impact["annualCost"], currency) + span)]


def _annual_basis(impact: dict[str, Any]) -> str:
    """Return what the annual figure takes for granted, as a sentence."""
    if impact.get("basis") in _OF_THE_PERIOD:
        text = (impact.get("annualBasis") or {}).get("text") or "not in the weekly or annual totals"
        return f" {text[0].upper()}{text[1:]}."
    basis = (impact.get("annualBasis") or {}).get("text") or _BASIS.get(impact.get("basis", ""), "")
    if not basis or not impact.get("annualCost"):
        return ""
    return f" {basis[0].upper()}{basis[1:]}." if basis.startswith("a year is") else f" A year is {basis}."


def _expectation_facts(win: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was observed of it, what it should look like afterwards, and what a repair is about."""
    facts = []
    observed, after, at_stake = win.get("observedWaste"), win.get("expectedAfter"), win.get("atStake")
    if observed and observed["kwh"] != win["impact"]["weeklyKwh"] and not seen_once(win["impact"]):
        facts.append(("Observed", f"{fmt.kwh(observed['kwh'])} a week above the reference"))
    if after and after.get("powerKw") is not None:
        facts.append(("Afterwards", f"{fmt.kw(after['powerKw'])} {after['of']}"))
    if at_stake:
        facts.append(("Usually measures", f"{fmt.kwh(at_stake['usualWeeklyKwh'])} a week"))
    return facts
