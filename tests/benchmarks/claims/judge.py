"""Holds a weekly report against the truth about its site. Pure: takes the report's JSON.

Two questions: is the report right as a whole, and is each of its claims true? The first is answered in sentences, one
for each thing that is wrong; the second gives precision, recall, and the share of true claims by confidence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth

Report = dict[str, Any]

SLACK_KWH = 10.0  # a week: below it a report need not speak
CLAIM_RATIO, ONCE_RATIO = 1.2, 1.3  # of the truth, at most
FOUND_RATIO = 0.7  # of the truth, at least
NEW_RATIO = 0.6  # of what began this week: the first night may be within the usual
WEEKS_A_YEAR, HIGHEST_PRICE = 53, 0.25  # per kWh, above every shipped tariff
SLACK_MONEY = 25.0  # a year
TOTAL_SLACK_KWH = 1.0
CHANGE_POINTS, INCOMPARABLE_PCT = 6.0, 15.0
PEAK_LOW, PEAK_HIGH = 0.98, 1.10
FORECAST_RATIO, FORECAST_SLACK_KWH = 0.10, 5.0
ONE_OFF = "one_off"
MONEY_ONLY = ("stagger", "demand", "peak")  # types of quick wins that save charges, and no energy


class Claim(NamedTuple):
    """A quick win that claims energy.

    Attributes
    ----------
    is_yearly
        True where it has money a year.
    """

    meter: str
    confidence: str
    kwh: float
    is_once: bool
    is_yearly: bool


class JudgedClaim(NamedTuple):
    """A claim, and how much of it is true [kWh]."""

    claim: Claim
    true_kwh: float
    is_true: bool


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a report, and the energies behind precision and recall [kWh a week].

    `claimed` is the headline's sum a week, `backed` the part of it that is true; `recurring` is what recurs every week,
    `found` the part of it that is claimed.
    """

    problems: tuple[str, ...]
    claims: tuple[JudgedClaim, ...] = ()
    claimed: float = 0.0
    backed: float = 0.0
    recurring: float = 0.0
    found: float = 0.0


def judge(report: Report, site: MadeUpSite) -> Verdict:
    """Return how the report fares."""
    truth, savings = site.truth, report["summary"]["totalPotentialSavings"]
    problems = [
        *_judge_savings(savings, truth),
        *_judge_use(report, truth),
        *_judge_costs(report, site),
        *_judge_words(report, site),
    ]
    weekly = float(savings["weeklyKwh"])
    recurring = truth.kwh(Recurrence.WEEKLY)
    supported = truth.kwh(Recurrence.WEEKLY, Recurrence.NEW, Recurrence.OPEN)
    return Verdict(
        tuple(problems),
        tuple(judge_claims(list_claims(report), site)),
        claimed=weekly,
        backed=min(weekly, supported),
        recurring=recurring,
        found=min(weekly, recurring),
    )


# The report as a whole --------------------------------------------------------------------------------------------


def _judge_savings(savings: dict[str, Any], truth: Truth) -> list[str]:
    weekly, once = float(savings["weeklyKwh"]), float(savings.get("onceKwh", 0.0))
    asked, yearly = float(savings.get("unconfirmedWeeklyKwh", 0.0)), float(savings["estimatedAnnual"])
    recurring, new = truth.kwh(Recurrence.WEEKLY), truth.kwh(Recurrence.NEW)
    may_be_open = truth.kwh(Recurrence.OPEN)
    problems = []
    if weekly > CLAIM_RATIO * (recurring + new + may_be_open) + SLACK_KWH:
        problems.append(f"{weekly:,.0f} kWh a week claimed, {recurring + new + may_be_open:,.0f} true")
    if weekly < (least := _least(truth, Recurrence.WEEKLY, FOUND_RATIO)):
        problems.append(f"{weekly:,.0f} kWh a week claimed of {recurring:,.0f} that recur ({least:,.0f} expected)")
    if yearly > ONCE_RATIO * WEEKS_A_YEAR * HIGHEST_PRICE * recurring + SLACK_MONEY:
        problems.append(f"{yearly:,.0f} a year promised on {recurring:,.0f} kWh a week that recur")
    if once > ONCE_RATIO * (truth.kwh(Recurrence.ONCE) + new + may_be_open) + SLACK_KWH:
        problems.append(f"{once:,.0f} kWh called one-time, {truth.kwh(Recurrence.ONCE):,.0f} true")
    if weekly + once < (least := _least(truth, Recurrence.NEW, NEW_RATIO)):
        problems.append(f"{weekly + once:,.0f} kWh reported of {new:,.0f} that are new ({least:,.0f} expected)")
    if asked < (least := _least(truth, Recurrence.ASKED, FOUND_RATIO)):
        size = truth.kwh(Recurrence.ASKED)
        problems.append(f"{asked:,.0f} kWh a week to confirm of {size:,.0f} ({least:,.0f} expected)")
    return problems


def _least(truth: Truth, kind: Recurrence, ratio: float) -> float:
    """Return the energy of a kind that has to be told."""
    return sum(
        max(0.0, ratio * waste.kwh - SLACK_KWH) if waste.least_kwh is None else waste.least_kwh
        for waste in truth.wastes
        if waste.recurrence is kind
    )


def _judge_use(report: Report, truth: Truth) -> list[str]:
    used, problems = report["consumption"], []
    total, change = used["totalKwh"], used["changePct"]
    if truth.total_kwh is not None and not _is_total_right(float(total), report, truth):
        problems.append(f"total {total:,.0f} kWh, actual {truth.total_kwh:,.0f}")
    if not truth.is_comparable:
        if change is not None and abs(change) > INCOMPARABLE_PCT:
            problems.append(f"change {change:+.0f} %, and no earlier week is comparable")
    elif truth.change_pct is not None and not _is_change_right(change, truth.change_pct, truth.may_lack_change):
        told = "unknown" if change is None else f"{change:+.0f} %"
        problems.append(f"change {told}, actual {truth.change_pct:+.0f} %")
    return problems


def _is_change_right(told_pct: float | None, true_pct: float, may_be_unknown: bool) -> bool:
    return may_be_unknown if told_pct is None else abs(told_pct - true_pct) <= CHANGE_POINTS


def _is_total_right(total: float, report: Report, truth: Truth) -> bool:
    assert truth.total_kwh is not None
    right = (truth.total_kwh, *truth.other_total_kwh)
    if any(abs(total - true) <= truth.total_tolerance * abs(true) + TOTAL_SLACK_KWH for true in right):
        return True
    return truth.needs_at_least and total <= truth.total_kwh and "at least" in _told(report)


def _judge_costs(report: Report, site: MadeUpSite) -> list[str]:
    truth, problems = site.truth, []
    sections = report["sections"]
    peak = sections["costOptimization"].get("demand_analysis", {}).get("billing_peak_kw")
    if truth.peak_kw is not None and peak is not None:
        if peak < PEAK_LOW * truth.peak_kw:
            problems.append(f"peak {peak:,.1f} kW, actual {truth.peak_kw:,.1f}")
        if peak > PEAK_HIGH * truth.peak_kw:
            problems.append(f"peak {peak:,.1f} kW, was never above {truth.peak_kw:,.1f}")
    ahead = sections["forecast"].get("summary", {}).get("total_predicted_kwh")
    if truth.next_week_kwh is not None and not _is_forecast_right(ahead, truth.next_week_kwh):
        problems.append(f"forecast {ahead:,.0f} kWh, actual {truth.next_week_kwh:,.0f}")
    if not site.has_demand_charge:
        problems += [
            f"advises spreading load without a known demand charge: {win['title']}"
            for win in _believed(report)
            if win["type"].startswith(MONEY_ONLY) or "stagger" in win["title"].lower()
        ]
    return problems


def _is_forecast_right(told_kwh: float | None, true_kwh: float) -> bool:
    """Return whether a forecast is near; a refusal is no error."""
    return told_kwh is None or abs(told_kwh - true_kwh) <= FORECAST_RATIO * abs(true_kwh) + FORECAST_SLACK_KWH


def _judge_words(report: Report, site: MadeUpSite) -> list[str]:
    truth, told = site.truth, _told(report)
    advised = told + " " + " ".join(win["title"] for win in _believed(report)).lower()
    found = _found(report)
    unnamed = [name for name in truth.must_name if name.lower() not in told]
    problems = [f"headline, risks and opportunities do not name {name}" for name in unnamed]
    problems += [f"no finding about {name}" for name in truth.must_find if name not in found]
    problems += [f"mentions {word}" for word in truth.not_a_word if word.lower() in advised]
    return problems


def _told(report: Report) -> str:
    summary = report["summary"]
    return " ".join([*summary["headline"], *summary["topRisks"], *summary["topOpportunities"]]).lower()


def _believed(report: Report) -> list[dict[str, Any]]:
    return [win for win in report["sections"]["quickWins"] if win["confidence"] != "low"]


def _found(report: Report) -> str:
    """Return all that the findings say, as text."""
    sections = report["sections"]
    lists = {
        "sensors": sections["sensorHealth"].get("issues"),
        "anomalies": sections["anomalies"].get("byChannel"),
        "steps": sections["anomalies"].get("steps"),
        "after hours": sections["afterHoursWaste"].get("topMeters"),
        "spikes": sections["spikes"].get("topSpikes"),
        "wins": sections["quickWins"],
        "summary": report["summary"],
    }
    return json.dumps(lists, ensure_ascii=False)


# Claim by claim ---------------------------------------------------------------------------------------------------


def list_claims(report: Report) -> list[Claim]:
    """Return the quick wins that claim energy, the surest first."""
    claims = []
    for win in report["sections"]["quickWins"]:
        impact = win["impact"]
        is_once = impact.get("basis") == ONE_OFF
        kwh = max(float(impact.get("weeklyKwh") or 0.0), float(impact.get("annualKwh") or 0.0) if is_once else 0.0)
        if kwh > 0:
            is_yearly = not is_once and float(impact.get("annualCost") or 0.0) > 0
            claims.append(Claim(str(win.get("channelName", "")), win["confidence"], kwh, is_once, is_yearly))
    return sorted(claims, key=lambda claim: ("high", "medium", "low").index(claim.confidence))


def judge_claims(claims: list[Claim], site: MadeUpSite) -> list[JudgedClaim]:
    """Return each claim with what is true of it; what one claim has used up backs no other.

    A claim is true where waste of its meter (or of one that its energy is part of, or the other way round) that comes
    back as the claim says is as large, within the judge's ratio and slack.
    """
    left = [waste.kwh for waste in site.truth.wastes]
    judged = []
    for claim in claims:
        true_kwh = 0.0
        for place, waste in enumerate(site.truth.wastes):
            if waste.recurrence in _backing(claim) and site.is_related(claim.meter, waste.meter):
                taken = min(left[place], claim.kwh - true_kwh)
                left[place] -= taken
                true_kwh += taken
        is_true = true_kwh > 0 and claim.kwh <= ONCE_RATIO * true_kwh + SLACK_KWH
        judged.append(JudgedClaim(claim, true_kwh, is_true))
    return judged


def _backing(claim: Claim) -> set[Recurrence]:
    """Return which kinds of waste can back a claim."""
    if claim.confidence == "low":  # a question rather than a claim
        return set(Recurrence)
    if claim.is_yearly:
        return {Recurrence.WEEKLY}
    if claim.is_once:
        return {Recurrence.ONCE, Recurrence.NEW, Recurrence.OPEN}
    return {Recurrence.WEEKLY, Recurrence.NEW, Recurrence.OPEN}
