"""Rank what can be saved within weeks: each kilowatt-hour counted once, with what to do and who does it.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it)
Writes: nothing; the section "quickWins" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze.intervals import WeekScope, in_window, period_weeks
from analyze.meters.completeness import channel_completeness
from analyze.meters.meter_tree import net_of_sub_meters, root_of_channels
from analyze.money.quick_win_texts import describe_after_hours, describe_anomaly, describe_spike
from lib import cli

KINDS = ("after_hours", "anomaly", "spike")  # in order of precedence
# How far a saving is believed when wins are ranked: a ranking aid, not a probability.
CONFIDENCE_WEIGHTS = {"high": 1.0, "medium": 0.7, "low": 0.4}
_MOST = 0.5  # of a meter's after-hours excess


class Findings(NamedTuple):
    """The sections of the analyses that wins are made from."""

    after_hours: dict[str, Any]
    anomalies: dict[str, Any]
    spikes: dict[str, Any]


def claim_savings(
    intervals: pd.DataFrame,
    clean: pd.DataFrame,
    after_hours_kwh: pd.Series,
    anomalies: pd.DataFrame,
    spikes: pd.DataFrame,
    scope: WeekScope,
) -> pd.DataFrame:
    """Return for each sound interval of the period what could be saved in it, and which finding claims it.

    Parameters
    ----------
    intervals, clean
        All intervals, and the sound ones.
    after_hours_kwh
        Excess of intervals of `clean` [kWh] (`after_hours_excess_kwh`).
    anomalies, spikes
        Rows of `clean` with their `excess_kwh` [kWh].

    Returns
    -------
    pd.DataFrame
        The period's rows of `clean` with `after_hours_kwh`, `anomaly_kwh` and `spike_kwh`, which share no energy.

    Notes
    -----
    1. Intervals flagged as bad claim nothing, nor do channels sound for less than `quick_win_min_sound_pct`.
    2. All three measure the same power from different references up, so an anomaly claims only what goes beyond the
       after-hours excess, and a spike only what goes beyond both.
    3. No interval claims more than its own energy.
    4. A parent claims only what goes beyond its sub-meters (`net_of_sub_meters`).
    5. The claims below a root meter are scaled down, should they exceed the energy that it metered over the period
       (where it missed part of it), so that savings never exceed consumption.
    """
    rows = clean[in_window(clean, scope.period)]
    weekly = after_hours_kwh.reindex(rows.index, fill_value=0.0)
    weekly_total = weekly.groupby(rows["channel_id"]).transform("sum")
    is_listed = weekly_total >= scope.config.after_hours_min_excess_kwh
    excess = np.column_stack(
        [
            weekly.where(is_listed, 0.0),
            anomalies["excess_kwh"].reindex(rows.index, fill_value=0.0),
            spikes["excess_kwh"].reindex(rows.index, fill_value=0.0),
        ]
    )
    ceiling = rows["used_kwh"].clip(lower=0).to_numpy()
    ceiling = np.where(rows["channel_id"].isin(_sound_channels(rows, scope)), ceiling, 0.0)
    reached = np.minimum(np.maximum.accumulate(excess, axis=1), ceiling[:, None])
    total = reached[:, -1]
    net = _limit_to_roots(net_of_sub_meters(total, rows, scope.meters), rows, intervals, scope)
    share = np.divide(net, total, out=np.zeros_like(net), where=total > 0)
    claims = np.diff(reached, axis=1, prepend=0.0) * share[:, None]
    return rows.assign(**{f"{kind}_kwh": claims[:, column] for column, kind in enumerate(KINDS)})


def _sound_channels(rows: pd.DataFrame, scope: WeekScope) -> pd.Series:
    coverage = channel_completeness(rows, scope.meters, scope.period)
    return coverage.loc[coverage["completeness_pct"] >= scope.config.quick_win_min_sound_pct, "channel_id"]


def _limit_to_roots(
    claimed_kwh: np.ndarray, rows: pd.DataFrame, intervals: pd.DataFrame, scope: WeekScope
) -> np.ndarray:
    """Return the claims, scaled so that those below each root do not exceed what it metered [kWh]."""
    metered = intervals[in_window(intervals, scope.period)]
    root_of = root_of_channels(scope.meters, set(metered["channel_id"].astype(int)))
    metered_kwh = metered.groupby("channel_id")["energy_kwh"].sum().clip(lower=0)
    root = rows["channel_id"].map(root_of)
    below_kwh = pd.Series(claimed_kwh, index=rows.index).groupby(root).sum()
    limit = (metered_kwh.reindex(below_kwh.index, fill_value=0.0) / below_kwh).clip(upper=1.0).fillna(1.0)
    return claimed_kwh * root.map(limit).to_numpy(dtype=float)


def build_section(
    claims: pd.DataFrame, findings: Findings, clean: pd.DataFrame, scope: WeekScope
) -> list[dict[str, Any]]:
    """Return the section "quickWins": the best savings first.

    Parameters
    ----------
    claims
        As `claim_savings` gives them.
    clean
        Sound intervals, which tell how the meters behaved in the baseline weeks.

    Notes
    -----
    One win per meter and kind, of `quick_win_min_weekly_kwh` a week or more, at most `quick_wins_max`, ranked by
    weekly cost times the weight of its confidence.

    Confidence of an after-hours win is "low" when the baseline is the period's own, or most of the excess lies below
    `quick_win_left_on_ratio` times the resting power (the load wavers, nothing was left on); "high" when the excess
    is at least `quick_win_new_ratio` times the usual one; "low" again when the meter draws nearly as much by night as
    by day in the baseline weeks (it may have to); else "medium". An anomaly is "high" when it came on two days and
    once severely, "medium" on either, else "low"; a spike is "medium" when it came on two days, else "low".
    A period shorter than a week supports no more than "low". The annual figure of after-hours wins takes every week to
    be like this one; that of an event seen on one day only is the event itself.
    """
    # A shorter period is not blown up to a week: one day is no sample of seven.
    weekly = claims.groupby("channel_id")[[f"{kind}_kwh" for kind in KINDS]].sum() / max(1.0, period_weeks(scope))
    always_on = _always_on_channels(clean, scope)
    wins = []
    for kind in KINDS:
        kwh = weekly[f"{kind}_kwh"]
        for channel_id, weekly_kwh in kwh[kwh >= scope.config.quick_win_min_weekly_kwh].items():
            finding = _finding_of(kind, int(channel_id), findings)
            rows = claims[claims["channel_id"] == channel_id]
            if kind == "after_hours":
                confidence = _confidence_after_hours(finding, rows, int(channel_id) in always_on, scope)
            else:
                confidence = _confidence_event(kind, finding)
            if period_weeks(scope) < 1:
                confidence = "low"
            wins.append(_win(kind, float(weekly_kwh), finding, confidence, rows, scope))
    wins.sort(key=lambda win: (-win["impact"]["weeklyCost"] * CONFIDENCE_WEIGHTS[win["confidence"]], win["channelId"]))
    return wins[: scope.config.quick_wins_max]


def _finding_of(kind: str, channel_id: int, findings: Findings) -> dict[str, Any]:
    entries = {
        "after_hours": findings.after_hours["topMeters"],
        "anomaly": findings.anomalies["byChannel"],
        "spike": findings.spikes["byChannel"],
    }[kind]
    return next(entry for entry in entries if entry["channelId"] == channel_id)


def _always_on_channels(clean: pd.DataFrame, scope: WeekScope) -> set[int]:
    """Return the channels whose mean power by night nearly reaches that by day, over the baseline weeks."""
    rows = clean[in_window(clean, scope.baseline)]
    mean_kw = rows.groupby(["channel_id", "is_after_hours"])["mean_kw"].mean().unstack()
    mean_kw = mean_kw.reindex(columns=[False, True])
    return set(mean_kw.index[mean_kw[True] >= scope.config.quick_win_always_on_ratio * mean_kw[False]].astype(int))


def _confidence_after_hours(meter: dict[str, Any], claims: pd.DataFrame, is_always_on: bool, scope: WeekScope) -> str:
    config, usual_kwh, kwh = scope.config, meter["usualExcessKwh"], claims["after_hours_kwh"]
    was_left_on = claims["mean_kw"] > config.quick_win_left_on_ratio * meter["baseline"]["kw"]
    if usual_kwh is None or kwh[was_left_on].sum() < _MOST * kwh.sum():
        return "low"
    if meter["impact"]["excessKwh"] >= config.quick_win_new_ratio * usual_kwh:
        return "high"
    return "low" if is_always_on else "medium"


def _confidence_event(kind: str, finding: dict[str, Any]) -> str:
    came_back = _count_days(finding) > 1
    if kind == "spike":
        return "medium" if came_back else "low"
    was_severe = any(event["severity"] == "high" for event in finding["events"])
    return ("low", "medium", "high")[came_back + was_severe]


def _count_days(finding: dict[str, Any]) -> int:
    """Return on how many local days the events of a finding began."""
    return len({event["start"][:10] for event in finding["events"]})


def _win(
    kind: str, weekly_kwh: float, finding: dict[str, Any], confidence: str, claims: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    describe = {"after_hours": describe_after_hours, "anomaly": describe_anomaly, "spike": describe_spike}[kind]
    weekly_cost = weekly_kwh * scope.config.flat_rate_usd_per_kwh
    is_one_off = kind != "after_hours" and _count_days(finding) == 1
    annual_cost = weekly_cost * (1.0 if is_one_off else scope.config.weeks_per_year)
    text = describe(weekly_kwh, finding, claims, scope)
    return {
        "title": text.title,
        "type": kind,
        "priority": _priority(annual_cost, confidence, scope),
        "impact": {
            "weeklyKwh": round(weekly_kwh, 2),
            "weeklyCost": round(weekly_cost, 2),
            "annualCost": round(annual_cost, 2),
            "basis": "one_off" if is_one_off else "every_week",
            "description": (
                f"{weekly_kwh:.0f} kWh, seen on one day; the annual figure is this event alone"
                if is_one_off
                else f"{weekly_kwh:.0f} kWh a week; the annual figure takes every week to be like this one"
            ),
        },
        "description": text.description,
        "recommendations": text.recommendations,
        "confidence": confidence,
        "owner": text.owner,
        "effort": text.effort,
        "channelId": finding["channelId"],
        "channelName": finding["channelName"],
    }


def _priority(annual_cost: float, confidence: str, scope: WeekScope) -> str:
    """Return the priority by annual cost; what is believed little comes last."""
    if confidence == "low":
        return "low"
    if annual_cost >= scope.config.quick_win_high_annual_usd:
        return "high"
    return "medium" if annual_cost >= scope.config.quick_win_medium_annual_usd else "low"


def render_text(section: list[dict[str, Any]]) -> str:
    """Return the section as lines for a reader."""
    if not section:
        return "no quick wins in this period"
    return "\n".join(
        f"{win['impact']['weeklyKwh']:8.1f} kWh/week  priority {win['priority']:<6}  {win['title']} "
        f"(confidence {win['confidence']})"
        for win in section
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period."""
    from analyze import week_script  # here, for it imports this module

    return week_script.run_section(__doc__, argv, "quickWins", render_text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
