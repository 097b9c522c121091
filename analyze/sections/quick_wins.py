"""Rank what can be saved within weeks: each kilowatt-hour counted once, with what to do and who does it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analyze.money.annual import Year, annual_amounts
from analyze.money.attribution import HIGH, KINDS, LOW, MID, OBSERVED, claim_column
from analyze.money.pricing import Pricing, mean_rate
from analyze.money.quick_win_texts import DESCRIBE, WinText
from analyze.money.repairs import list_repairs
from analyze.sections.after_hours import HABIT, NEW, RAISED, UNKNOWN, WAVERS
from analyze.week.intervals import WeekScope, in_window, list_runs, local_iso, period_weeks, starts_new_run
from lib.stats_utils import label_runs

# How far a saving is believed, and what it takes, when wins are ranked: ranking aids, not probabilities or hours.
CONFIDENCE_WEIGHTS = {"high": 1.0, "medium": 0.7, "low": 0.4}
EFFORT_WEIGHTS = {"low": 1.0, "medium": 2.0, "high": 4.0}
_MOST = 0.5  # of a meter's after-hours excess; of a saving that its low bound must reach to be sure
_NOON = pd.Timedelta(hours=12)  # a night lasts from noon to noon
HOURS_DOUBTFUL = (
    " Nobody named the site's opening hours, and this meter keeps others than those assumed: name them first, and see "
    "whether anything of this is left."
)
_MAX_INTERVALS = 20  # stretches of time listed as evidence


class Findings(NamedTuple):
    """The sections of the analyses that wins are made from."""

    sensor_health: dict[str, Any]
    after_hours: dict[str, Any]
    anomalies: dict[str, Any]
    spikes: dict[str, Any]
    disagreements: dict[str, Any]


class _Case(NamedTuple):
    """One meter's claims of one kind: the intervals that have any, and the finding behind them.

    `month_rates` are those of the intervals (`Pricing.month_rates`). `is_hours_doubtful` is True where the win rests on
    opening hours that nobody named and that the meter's own load contradicts.
    """

    kind: str
    finding: dict[str, Any]
    rows: pd.DataFrame
    month_rates: np.ndarray
    is_one_off: bool
    is_hours_doubtful: bool

    def kwh(self, measure: str) -> np.ndarray:
        return self.rows[claim_column(self.kind, measure)].to_numpy()


def build_section(
    claims: pd.DataFrame, findings: Findings, clean: pd.DataFrame, scope: WeekScope, pricing: Pricing, year: Year
) -> list[dict[str, Any]]:
    """Return the section "quickWins": the best savings first, then the meters to repair.

    Parameters
    ----------
    claims
        As `claim_savings` gives them, with `rate_per_kwh`.
    clean
        Sound intervals, which tell how the meters behaved in the baseline weeks.
    pricing, year
        What a kWh is worth, now and in the year ahead.

    Notes
    -----
    One win per meter and kind whose avoidable energy is `min_weekly_kwh` a week or more, ranked by weekly
    cost × weight of its confidence / weight of its effort; at most `max_listed`, the repairs among them.

    `impact` is of the avoidable energy (`addressableWaste.kwh.mid`); `observedWaste` is all that lies above the
    reference. What was seen on one day, or one night that is no habit, counts once in a year (`_is_one_off`).
    `verifiedSavings` stays open until `verify_savings` has seen weeks after a change. Costs are Σ kWh ×
    marginal rate of the interval; `low` and `high` are those of `attribution`.

    Confidence: see `_confidence_after_hours` and `_confidence_event`. It is at most "medium" where the low bound is
    below half of the saving, and "low" for a period shorter than a week, as one day is no sample of seven.
    """
    weeks = max(1.0, period_weeks(scope))
    weekly = claims.groupby("channel_id")[[claim_column(kind) for kind in KINDS]].sum() / weeks
    always_on, per_kwh, wins = _always_on_channels(clean, scope), mean_rate(clean), []
    contradicting = _contradict_assumed_hours(findings.disagreements, scope)
    for kind in KINDS:
        worth = weekly.index[weekly[claim_column(kind)] >= scope.config.quick_wins.min_weekly_kwh]
        rows = claims[(claims[claim_column(kind, OBSERVED)] > 0) & claims["channel_id"].isin(worth)]
        rates = pricing.month_rates(rows)
        for channel_id in worth:
            own = (rows["channel_id"] == channel_id).to_numpy()
            finding = _finding_of(kind, int(channel_id), findings)
            is_doubtful = kind == "after_hours" and channel_id in contradicting
            is_one_off = _is_one_off(kind, finding, rows[own])
            case = _Case(kind, finding, rows[own], rates[:, own], is_one_off, is_doubtful)
            wins.append(_win(case, int(channel_id) in always_on, scope, pricing, year, per_kwh))
    wins.sort(key=lambda win: (-win["rankScore"], win["channelId"], win["type"]))
    repairs = list_repairs(findings.sensor_health, clean, scope, pricing)
    most = scope.config.quick_wins.max_listed
    return wins[: most - min(len(repairs), most // 3)] + repairs[: most // 3]


def _finding_of(kind: str, channel_id: int, findings: Findings) -> dict[str, Any]:
    """Return the finding that a kind of win is about; of a base load it is the step that sensor health saw."""
    entries = {
        "after_hours": findings.after_hours["topMeters"],
        "base_load": [issue for issue in findings.sensor_health["issues"] if issue["type"] == "base_load_step"],
        "anomaly": findings.anomalies["byChannel"],
        "spike": findings.spikes["byChannel"],
    }[kind]
    return next(entry for entry in entries if entry["channelId"] == channel_id)


def _contradict_assumed_hours(disagreements: dict[str, Any], scope: WeekScope) -> set[int]:
    """Return the channels that keep other hours than those that are only assumed; none where the site named its own."""
    if not scope.schedule.is_assumed:
        return set()
    return {finding["channelId"] for finding in disagreements["findings"]}


def _always_on_channels(clean: pd.DataFrame, scope: WeekScope) -> set[int]:
    """Return the channels whose mean power by night nearly reaches that by day, over the baseline weeks."""
    rows = clean.loc[in_window(clean, scope.baseline), ["channel_id", "is_after_hours", "mean_kw"]]
    mean_kw = rows.groupby(["channel_id", "is_after_hours"])["mean_kw"].mean().unstack()
    mean_kw = mean_kw.reindex(columns=[False, True])
    return set(mean_kw.index[mean_kw[True] >= scope.config.quick_wins.always_on_ratio * mean_kw[False]].astype(int))


def _confidence(case: _Case, is_always_on: bool, scope: WeekScope) -> str:
    if period_weeks(scope) < 1:
        return "low"
    if case.kind == "after_hours":
        level = _confidence_after_hours(case, is_always_on)
    else:
        level = "medium" if case.kind == "base_load" else _confidence_event(case)
    is_sure = case.kwh(LOW).sum() >= _MOST * case.kwh(MID).sum()
    return level if is_sure or level != "high" else "medium"


def _confidence_after_hours(case: _Case, is_always_on: bool) -> str:
    """Return how far an after-hours win is believed, by the pattern that the section saw.

    What is new this week can be changed back: "high". What is raised, or a habit, may have reasons: "medium", and a
    habit of a meter that draws nearly as much by night as by day "low", for it may have to. What wavers about its rest,
    or has no baseline weeks, is "low"; so is all that rests on assumed opening hours which the load contradicts.
    """
    pattern = case.finding["pattern"]
    if case.is_hours_doubtful or pattern in (WAVERS, UNKNOWN) or case.kwh(MID).sum() < _MOST * case.kwh(OBSERVED).sum():
        return "low"
    return {NEW: "high", RAISED: "medium", HABIT: "low" if is_always_on else "medium"}[pattern]


def _confidence_event(case: _Case) -> str:
    """Return how far an event is believed: a spike is "medium" when it came on two days; an anomaly is "high" when it
    came on two days and once severely, "medium" on either, else "low"."""
    came_back = _count_days(case.finding) > 1
    if case.kind == "spike":
        return "medium" if came_back else "low"
    was_severe = any(event["severity"] == "high" for event in case.finding["events"])
    return ("low", "medium", "high")[came_back + was_severe]


def _is_one_off(kind: str, finding: dict[str, Any], claims: pd.DataFrame) -> bool:
    """Return whether a year holds a win's event once: an event of one day, or one night left on that is no habit."""
    if kind == "after_hours":
        nights = (claims["local_time"] - _NOON).dt.normalize()[claims[claim_column(kind)] > 0]
        return finding["pattern"] in (NEW, RAISED) and nights.nunique() == 1
    return kind in ("anomaly", "spike") and _count_days(finding) == 1


def _count_days(finding: dict[str, Any]) -> int:
    """Return on how many local days the events of a finding began."""
    return len({event["start"][:10] for event in finding["events"]})


def _win(
    case: _Case, is_always_on: bool, scope: WeekScope, pricing: Pricing, year: Year, per_kwh: float
) -> dict[str, Any]:
    channel_id, confidence = int(case.finding["channelId"]), _confidence(case, is_always_on, scope)
    weeks, rate = max(1.0, period_weeks(scope)), case.rows["rate_per_kwh"].to_numpy()
    kwh = {name: float(case.kwh(name).sum()) / weeks for name in (OBSERVED, LOW, MID, HIGH)}
    cost = {name: float(case.kwh(name) @ rate) / weeks for name in (OBSERVED, LOW, MID, HIGH)}
    annual = {name: _annual(case, name, cost[name] * weeks, scope, year) for name in (LOW, MID, HIGH)}
    amount = f"{kwh[MID] * weeks:,.0f} kWh" if case.is_one_off else f"{kwh[MID]:,.0f} kWh a week"
    text: WinText = DESCRIBE[case.kind](amount, case.finding, case.rows, scope)
    basis = {"method": "one_off", "text": "the event alone"} if case.is_one_off else year.describe(channel_id)
    weight = CONFIDENCE_WEIGHTS[confidence] / EFFORT_WEIGHTS[text.effort.split(":")[0]]
    return {
        "title": text.title,
        "type": case.kind,
        "priority": _priority(annual[MID][1] / per_kwh, confidence, scope),
        "impact": {
            "weeklyKwh": round(kwh[MID], 2),
            "weeklyCost": round(cost[MID], 2),
            "annualCost": round(annual[MID][1], 2),
            "annualKwh": round(annual[MID][0], 2),
            "annualCostRange": {"low": round(annual[LOW][1], 2), "high": round(annual[HIGH][1], 2)},
            "currency": pricing.tariff.currency,
            "basis": basis["method"],
            "annualBasis": basis,
            "description": (
                f"once: {amount}, seen on one {'night' if case.kind == 'after_hours' else 'day'}; "
                "the annual figure is this event alone"
                if case.is_one_off
                else f"{amount}; the annual figure takes {basis['text']}"
            ),
        },
        "observedWaste": {"kwh": round(kwh[OBSERVED], 2), "cost": round(cost[OBSERVED], 2)},
        "addressableWaste": {
            unit: {name: round(amount[name], 2) for name in (LOW, MID, HIGH)}
            for unit, amount in (("kwh", kwh), ("cost", cost))
        },
        "verifiedSavings": _not_verified(channel_id),
        "description": text.description + (HOURS_DOUBTFUL if case.is_hours_doubtful else ""),
        "recommendations": text.recommendations,
        "when": text.when,
        "expectedAfter": text.expected_after,
        "confidence": confidence,
        "owner": text.owner,
        "effort": text.effort,
        "rankScore": round(cost[MID] * weight, 4),
        "channelId": channel_id,
        "channelName": case.finding["channelName"],
        "evidence": _evidence(case, scope, pricing),
        "sources": case.finding.get("events", [case.finding]),
    }


def _annual(case: _Case, measure: str, cost: float, scope: WeekScope, year: Year) -> tuple[float, float]:
    """Return (kWh, currency) of a year: the event alone where it was one, else every operating week like this one."""
    kwh = case.kwh(measure)
    if case.is_one_off:
        return float(kwh.sum()), cost
    return annual_amounts(kwh, case.month_rates, year.weeks_of(int(case.finding["channelId"])), scope)


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


def _priority(annual_worth_kwh: float, confidence: str, scope: WeekScope) -> str:
    """Return the priority by what a year of it is worth, in kWh at the site's mean rate: so it holds in any currency.

    What is believed little comes last.
    """
    if confidence == "low":
        return "low"
    if annual_worth_kwh >= scope.config.quick_wins.high_annual_kwh:
        return "high"
    return "medium" if annual_worth_kwh >= scope.config.quick_wins.medium_annual_kwh else "low"


def render_text(section: list[dict[str, Any]]) -> str:
    """Return the section as lines for a reader."""
    if not section:
        return "no quick wins in this period"
    return "\n".join(
        f"{_amount_text(win)}  priority {win['priority']:<6}  {win['title']} (confidence {win['confidence']})"
        for win in section
    )


def _amount_text(win: dict[str, Any]) -> str:
    impact = win["impact"]
    once = impact["basis"] == "one_off"
    kwh, cost = (impact["annualKwh"], impact["annualCost"]) if once else (impact["weeklyKwh"], impact["weeklyCost"])
    return f"{kwh:8.1f} {'kWh once' if once else 'kWh/week'}  {cost:8.2f} {impact['currency']}"
