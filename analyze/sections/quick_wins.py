"""Rank what can be saved within weeks: each kilowatt-hour counted once, with what to do and who does it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.closed_runs import Pattern
from analyze.expected.closed_use import ClosedUse
from analyze.money.annual import Year, annual_amounts
from analyze.money.attribution import HIGH, KINDS, LOW, MID, OBSERVED, claim_column
from analyze.money.pricing import Pricing, mean_rate
from analyze.money.quick_win_texts import DESCRIBE, WinFacts, describe_question
from analyze.money.repairs import list_repairs
from analyze.sections.confidence import Confidence, Doubt, weigh_doubts
from analyze.week.intervals import (
    WeekScope,
    list_runs,
    local_iso,
    period_weeks,
    starts_new_run,
    starts_within,
    sum_by_channel,
)
from lib.states import Level
from lib.stats_utils import label_runs

# How far a saving is believed, and what it takes, when wins are ranked: ranking aids, not probabilities or hours.
CONFIDENCE_WEIGHTS = {Level.HIGH: 1.0, Level.MEDIUM: 0.7, Level.LOW: 0.4}
EFFORT_WEIGHTS = {Level.LOW: 1.0, Level.MEDIUM: 2.0, Level.HIGH: 4.0}
_PATTERN_WEIGHTS = {Pattern.RECURRING: 1.0, Pattern.NEW: 1.0, Pattern.ONCE: 0.5, Pattern.ASKED: 0.25}
_MOST = 0.5  # of a saving that its low bound must reach to be sure
_ALIKE_SHARE = 0.9  # of a claim's intervals whose weather must be known and like the baseline's
_FAR_RATIO = 10.0  # times the highest of the weeks before: a new load, or another unit
_LIVE_SHARE = 0.05
_MIN_COMPLETE_PCT = 95.0
_ENOUGH_WEEKS = 3
_SHARP_H = 12.0  # a shorter event is no change of weather
_MAX_INTERVALS = 20  # stretches of time listed as evidence
_DOUBTFUL_ISSUES = (Level.HIGH, Level.MEDIUM)
_HARMLESS_ISSUES = ("gap", "missing_data", "stale", "negative_energy", "catch_up")  # of readings, not of the meter
CONFIRM = "confirm"


class Basis(StrEnum):
    """What a win's amounts are of."""

    OPERATING_WEEKS = "operating_weeks"  # every week; the year is the operating weeks ahead
    THIS_WEEK = "this_week"  # new: this week's alone, nobody knows whether it goes on
    ONE_OFF = "one_off"  # the event alone
    UNCONFIRMED = "unconfirmed"  # what is asked about


_BASES = {
    Pattern.RECURRING: Basis.OPERATING_WEEKS,
    Pattern.NEW: Basis.THIS_WEEK,
    Pattern.ONCE: Basis.ONE_OFF,
    Pattern.ASKED: Basis.UNCONFIRMED,
}


class Findings(NamedTuple):
    """The sections of the analyses that wins are made from."""

    sensor_health: dict[str, Any]
    after_hours: dict[str, Any]
    anomalies: dict[str, Any]


class _Case(NamedTuple):
    """One meter's claims of one kind: the intervals that have any, and the finding behind them.

    `month_rates` are those of the intervals (`Pricing.month_rates`); `usual_share` is what part of this week's amount a
    mean week has.
    """

    kind: str
    pattern: Pattern
    finding: dict[str, Any]
    rows: pd.DataFrame
    month_rates: np.ndarray
    usual_share: float

    def kwh(self, measure: str) -> np.ndarray:
        return self.rows[claim_column(self.kind, measure)].to_numpy()


class _Week(NamedTuple):
    """What wins are weighed by: what was found, the valid intervals and how much they cover, and what a kWh is worth.

    `rate_per_kwh` is the mean of the period.
    """

    findings: Findings
    closed: ClosedUse
    clean: pd.DataFrame
    coverage: pd.DataFrame
    rate_per_kwh: float
    scope: WeekScope
    pricing: Pricing
    year: Year

    def usual_kw(self, channel_id: int) -> npt.NDArray[np.float64]:
        """Return the power of a meter in the weeks before the period."""
        own = (self.clean["channel_id"].to_numpy() == channel_id) & starts_within(self.clean, self.scope.baseline)
        power_kw: npt.NDArray[np.float64] = self.clean["mean_kw"].to_numpy()[own]
        return power_kw[~np.isnan(power_kw)]


def build_section(
    claims: pd.DataFrame,
    findings: Findings,
    closed: ClosedUse,
    clean: pd.DataFrame,
    coverage: pd.DataFrame,
    scope: WeekScope,
    pricing: Pricing,
    year: Year,
) -> list[dict[str, Any]]:
    """Return the section "quickWins": the best savings first, then the meters to repair.

    Parameters
    ----------
    claims
        As `claim_savings` gives them, with `rate_per_kwh` and `is_weather_alike`.
    closed
        What runs while the site is closed, which tells how often that was seen.
    clean
        Valid intervals of baseline and period.
    coverage
        How much of both they cover (`assess_channels`).
    pricing, year
        What a kWh is worth, now and in the year ahead.

    Notes
    -----
    One win per meter and kind whose avoidable energy is `quick_wins.min_weekly_kwh` a week or more, ranked by weekly
    cost × weight of its confidence / weight of its effort; at most `quick_wins.max_listed`, the repairs and questions
    among them.

    `impact` is of the avoidable energy (`addressableWaste.kwh.mid`); `observedWaste` is all that lies above the
    reference. `pattern` tells how often it was seen, and `impact.basis` what the amounts are of: only what recurs has
    amounts of a year, by the mean of the weeks that are known. A claim of low confidence has none either.
    `verifiedSavings` stays open until `verify_savings` has seen weeks after a change. Costs are Σ kWh × marginal rate
    of the interval; `low` and `high` are those of `attribution`.

    Wins of type "confirm" ask whether a load must run while the site is closed: they save nothing until answered.
    """
    week = _Week(findings, closed, clean, coverage, mean_rate(clean), scope, pricing, year)
    wins = [_win(case, week) for case in _list_cases(claims, findings, closed, scope, pricing)]
    wins += [_question(entry, scope, pricing) for entry in findings.after_hours["asked"]
             if entry["kwh"] >= scope.config.quick_wins.min_weekly_kwh * max(1.0, period_weeks(scope))]  # fmt: skip
    wins.sort(key=lambda win: (-win["rankScore"], win["channelId"], win["type"]))
    repairs = list_repairs(findings.sensor_health, clean, scope, pricing)
    most = scope.config.quick_wins.max_listed
    return wins[: most - min(len(repairs), most // 3)] + repairs[: most // 3]


def _list_cases(
    claims: pd.DataFrame, findings: Findings, closed: ClosedUse, scope: WeekScope, pricing: Pricing
) -> Iterator[_Case]:
    weeks = max(1.0, period_weeks(scope))
    sums = sum_by_channel(claims, [claim_column(kind) for kind in KINDS])
    for number, kind in enumerate(KINDS):
        worth = [key for key, kwh in sums.items() if kwh[number] / weeks >= scope.config.quick_wins.min_weekly_kwh]
        if not worth:
            continue
        rows = claims[(claims[claim_column(kind, OBSERVED)] > 0) & claims["channel_id"].isin(worth)]
        rates = pricing.month_rates(rows)
        for channel_id in worth:
            finding = _finding_of(kind, channel_id, findings)
            if finding is None:
                continue
            own = (rows["channel_id"] == channel_id).to_numpy()
            pattern, share = Pattern.ONCE, 1.0
            if kind == "after_hours":
                facts = closed.channels.loc[channel_id]
                pattern, share = facts["pattern"], _usual_share(facts, weeks)
            yield _Case(kind, pattern, finding, rows[own], rates[:, own], share)


def _usual_share(facts: pd.Series, weeks: float) -> float:
    """Return the mean of the known weeks and of this one, over this one's energy, at most 1."""
    own_kwh = facts["counted_kwh"] / weeks
    mean_kwh = (facts["before_kwh"] + own_kwh) / (facts["weeks_known"] + 1)
    return float(min(1.0, mean_kwh / own_kwh)) if own_kwh > 0 else 1.0


def _finding_of(kind: str, channel_id: int, findings: Findings) -> dict[str, Any] | None:
    """Return the finding that a kind of win is about."""
    entries = findings.after_hours["topMeters"] if kind == "after_hours" else findings.anomalies["byChannel"]
    return next((entry for entry in entries if entry["channelId"] == channel_id), None)


def _doubts(case: _Case, week: _Week) -> Iterator[Doubt]:
    """Yield what keeps a claim from being sure."""
    channel_id = int(case.finding["channelId"])
    if period_weeks(week.scope) < 1:
        yield Doubt.SHORT_PERIOD
    if week.coverage.loc[channel_id].min() < _MIN_COMPLETE_PCT:
        yield Doubt.INCOMPLETE
    issues = [issue for issue in week.findings.sensor_health["issues"] if issue["channelId"] == channel_id]
    if any(issue["severity"] in _DOUBTFUL_ISSUES and issue["type"] not in _HARMLESS_ISSUES for issue in issues):
        yield Doubt.METER
    before_kw = week.usual_kw(channel_id)
    # What stood idle may well reach more in use.
    is_live = before_kw.size > 0 and np.median(before_kw) >= _LIVE_SHARE * before_kw.max()
    if is_live and case.rows["mean_kw"].max() > _FAR_RATIO * before_kw.max():
        yield Doubt.FAR_BEYOND
    if case.kwh(LOW).sum() < _MOST * case.kwh(MID).sum():
        yield Doubt.SPREAD
    is_alike = bool(case.rows["is_weather_alike"].mean() >= _ALIKE_SHARE)
    if case.kind == "after_hours":
        yield from _closed_doubts(week.closed.channels.loc[channel_id], is_alike, week.scope)
    else:
        yield Doubt.IN_USE
        longest = max(_hours_of(event) for event in case.finding["events"])
        was_grave = any(event["severity"] == Level.HIGH for event in case.finding["events"])
        if not is_alike and (longest > _SHARP_H or not was_grave):
            yield Doubt.MAY_BE_WEATHER


def _closed_doubts(facts: pd.Series, is_alike: bool, scope: WeekScope) -> Iterator[Doubt]:
    if scope.schedule.is_assumed:
        yield Doubt.ASSUMED_HOURS
    if facts["weeks_known"] < _ENOUGH_WEEKS:
        yield Doubt.FEW_WEEKS if facts["weeks_known"] else Doubt.NO_WEEKS_BEFORE
    if facts["is_at_own_time"] and (facts["follows_weather"] or not is_alike):
        yield Doubt.MAY_BE_WEATHER
    elif not is_alike:
        # What rose smoothly over whole days may be the weather's, however steady its nights are.
        is_switched = facts["is_steady"] and not (facts["pattern"] == Pattern.NEW and facts["rose_by_day"])
        yield Doubt.WEATHER_UNKNOWN if is_switched else Doubt.MAY_BE_WEATHER


def _hours_of(event: dict[str, Any]) -> float:
    return float((pd.Timestamp(event["end"]) - pd.Timestamp(event["start"])).total_seconds() / 3600)


def _win(case: _Case, week: _Week) -> dict[str, Any]:
    scope, pricing, year, per_kwh = week.scope, week.pricing, week.year, week.rate_per_kwh
    channel_id = int(case.finding["channelId"])
    confidence = weigh_doubts(_doubts(case, week))
    weeks, rate = max(1.0, period_weeks(scope)), case.rows["rate_per_kwh"].to_numpy()
    kwh = {name: float(case.kwh(name).sum()) / weeks for name in (OBSERVED, LOW, MID, HIGH)}
    cost = {name: float(case.kwh(name) @ rate) / weeks for name in (OBSERVED, LOW, MID, HIGH)}
    annual = {name: _annual(case, name, confidence, scope, year) for name in (LOW, MID, HIGH)}
    facts: WinFacts = DESCRIBE[case.kind](case.finding, case.rows, scope)
    weight = CONFIDENCE_WEIGHTS[confidence.level] / EFFORT_WEIGHTS[Level(facts.effort.split(":")[0])]
    basis = _describe_basis(case.pattern, channel_id, year)
    return {
        "type": case.kind,
        "pattern": str(case.pattern),
        "priority": _priority(annual[MID][1] / per_kwh, cost[MID] / per_kwh, confidence.level, scope),
        "impact": {
            "weeklyKwh": round(kwh[MID], 2),
            "weeklyCost": round(cost[MID], 2),
            "annualCost": round(annual[MID][1], 2),
            "annualKwh": round(annual[MID][0], 2),
            "annualCostRange": {"low": round(annual[LOW][1], 2), "high": round(annual[HIGH][1], 2)},
            "periodKwh": round(kwh[MID] * weeks, 2),
            "periodCost": round(cost[MID] * weeks, 2),
            "currency": pricing.tariff.currency,
            "basis": basis["method"],
            "annualBasis": basis,
        },
        "observedWaste": {"kwh": round(kwh[OBSERVED], 2), "cost": round(cost[OBSERVED], 2)},
        "addressableWaste": {
            unit: {name: round(amount[name], 2) for name in (LOW, MID, HIGH)}
            for unit, amount in (("kwh", kwh), ("cost", cost))
        },
        "verifiedSavings": _not_verified(channel_id),
        **_advice(facts, confidence),
        "rankScore": round(cost[MID] * weight * _PATTERN_WEIGHTS[case.pattern], 4),
        "channelId": channel_id,
        "channelName": case.finding["channelName"],
        "evidence": _evidence(case, scope, pricing),
        "sources": case.finding.get("events", [case.finding]),
    }


def _describe_basis(pattern: Pattern, channel_id: int, year: Year) -> dict[str, Any]:
    """Return what a win's amounts are of."""
    if pattern == Pattern.RECURRING:
        return year.describe(channel_id)
    return {"method": str(_BASES[pattern])}


def _annual(case: _Case, measure: str, confidence: Confidence, scope: WeekScope, year: Year) -> tuple[float, float]:
    """Return (kWh, currency) of a year: zero unless it recurs and is believed."""
    if case.pattern != Pattern.RECURRING or confidence.level == Level.LOW:
        return 0.0, 0.0
    kwh = case.usual_share * case.kwh(measure)
    return annual_amounts(kwh, case.month_rates, year.weeks_of(int(case.finding["channelId"])), scope)


def _question(entry: dict[str, Any], scope: WeekScope, pricing: Pricing) -> dict[str, Any]:
    """Return the win that asks whether a load must run while the site is closed."""
    weeks = max(1.0, period_weeks(scope))
    kwh, cost = entry["kwh"] / weeks, entry["cost"] / weeks
    confidence = weigh_doubts([Doubt.NEEDED])
    return {
        "type": CONFIRM,
        "pattern": str(Pattern.ASKED),
        "priority": Level.LOW,
        "impact": {
            "weeklyKwh": round(kwh, 2),
            "weeklyCost": round(cost, 2),
            "annualCost": 0.0,
            "annualKwh": 0.0,
            "currency": pricing.tariff.currency,
            "basis": str(Basis.UNCONFIRMED),
        },
        **_advice(describe_question(), confidence),
        "rankScore": round(cost * CONFIDENCE_WEIGHTS[Level.LOW] * _PATTERN_WEIGHTS[Pattern.ASKED], 4),
        "channelId": entry["channelId"],
        "channelName": entry["channelName"],
        "evidence": {"method": "closed_use"},
        "sources": [],
    }


def _advice(facts: WinFacts, confidence: Confidence) -> dict[str, Any]:
    """Return whose a win or a question is, what to expect, and how sure it is."""
    return {
        "when": facts.when,
        "expectedAfter": facts.expected_after,
        "confidence": str(confidence.level),
        "doubts": [str(doubt) for doubt in confidence.doubts],
        "owner": facts.owner,
        "effort": facts.effort,
    }


def _not_verified(channel_id: int) -> dict[str, Any]:
    return {
        "status": "insufficient_data",
        "code": "no_change_yet",
        "missing": "the day of a change, and four weeks after it: then run "
        f"python analyze/verify_savings.py --channel {channel_id} --change DATE",
        "possibleFrom": None,
    }


def _evidence(case: _Case, scope: WeekScope, pricing: Pricing) -> dict[str, Any]:
    """Return the stretches of time that a win claims, the largest of them in order of time, and the rate they bear."""
    kwh = case.kwh(MID)
    columns = ["channel_id", "interval_start", "interval_s", "epoch_s", "hours"]
    claimed = case.rows[columns].assign(kwh=kwh, cost=kwh * case.rows["rate_per_kwh"].to_numpy())
    run_id = label_runs(claimed["kwh"] > 0, starts_new_run(claimed))
    runs = list_runs(claimed, run_id, kwh=("kwh", "sum"), cost=("cost", "sum"))
    largest = np.argsort(-runs["kwh"].to_numpy(), kind="stable")[:_MAX_INTERVALS]
    top = runs.iloc[np.sort(largest)]  # runs are in order of time
    total_kwh = float(claimed["kwh"].sum())
    return {
        "intervals": [
            {"start": start, "end": end, "kwh": round(float(kwh), 3)}
            for start, end, kwh in zip(
                local_iso(top["start"], scope.tz), local_iso(top["end"], scope.tz), top["kwh"], strict=True
            )
        ],
        "intervalsInAll": len(runs),
        "rate": pricing.describe() | {"averagePerKwh": round(float(claimed["cost"].sum()) / total_kwh, 6)},
    }


def _priority(annual_kwh: float, weekly_kwh: float, level: Level, scope: WeekScope) -> Level:
    """Return the priority by what a year costs, or ten weeks of what is new; what is believed little comes last.

    Both in kilowatt-hours at the site's mean rate, which means the same in every currency.
    """
    if level == Level.LOW:
        return Level.LOW
    worth_kwh = max(annual_kwh, 10 * weekly_kwh)
    if worth_kwh >= scope.config.quick_wins.high_annual_kwh:
        return Level.HIGH
    return Level.MEDIUM if worth_kwh >= scope.config.quick_wins.medium_annual_kwh else Level.LOW


def render_text(section: list[dict[str, Any]]) -> str:
    """Return the section as lines for a reader: the facts of each win, as the report puts them into words."""
    if not section:
        return "no quick wins in this period"
    return "\n".join(
        f"{_amount_text(win)}  priority {win['priority']:<6}  {win['type']} {win['channelName']} "
        f"(confidence {win['confidence']})"
        for win in section
    )


def _amount_text(win: dict[str, Any]) -> str:
    impact = win["impact"]
    unit = {Pattern.RECURRING: "kWh/week", Pattern.NEW: "kWh new ", Pattern.ONCE: "kWh once"}
    label = unit.get(win.get("pattern", ""), "kWh     ")
    return f"{impact['weeklyKwh']:8.1f} {label}  {impact['weeklyCost']:8.2f} {impact['currency']}"
