"""Equipment that runs while the site is closed: the section "afterHoursWaste". Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.closed_runs import Pattern, RunKind
from analyze.expected.closed_use import NO_RUN, ClosedUse
from analyze.meters.meter_tree import net_of_sub_meters
from analyze.money.annual import Year, plan_year
from analyze.week.intervals import (
    WeekScope,
    channel_names,
    iso_of_seconds,
    period_weeks,
    split_channels,
    sum_by_channel,
    take_window,
)
from analyze.week.refusals import refuse_short_baseline, refuse_silent
from lib.stats_utils import with_columns

FROM_BASELINE, FROM_PERIOD = "baseline_weeks", "report_week"
# What somebody should act on; the other patterns are no waste, or not yet known to be.
ACTED_ON = (Pattern.RECURRING, Pattern.NEW, Pattern.ONCE)
_PARTS = {
    RunKind.LEFT_ON: "leftOn",
    RunKind.CLOSED_DAY: "closedDay",
    RunKind.OVERRUN: "overrun",
    RunKind.NIGHT: "night",
}


def build_section(
    closed: ClosedUse, clean: pd.DataFrame, coverage: pd.DataFrame, scope: WeekScope, year: Year | None = None
) -> dict[str, Any]:
    """Return the section "afterHoursWaste".

    Parameters
    ----------
    closed
        As `find_closed_use` gives it.
    clean
        Valid intervals of baseline and period.
    coverage
        How much of both they cover (`assess_channels`).
    year
        The year ahead, where it is planned already (`plan_year`).

    Notes
    -----
    A meter is listed from `after_hours.min_excess_kwh` on, in the period's runs that its pattern is about
    (`closed_use`), or where it is asked about. `baseline.kw` is what it draws when it is off, None where it never is.
    `isSignificant` is True for the patterns that somebody should act on. `usualExcessKwh` is the median of the weeks
    before and `aboveUsualKwh` the difference to it. `percentOfTotal` is of the meter's own energy in the period.
    `parts` add up to `totalAfterHoursKwh`.

    The sums of `summary` hold what is significant, a sub-meter's excess once, though its parent is listed too;
    `netExcessKwh` is a meter's own part of it. The annual figure is of what recurs, in the operating weeks of the year
    ahead. `asked` names the meters of which nothing says that they can be off, with what they use while closed.
    `closedUse` has of every meter its energy in the closed hours and how many of these are known.
    """
    rows, facts = _rows_of_period(closed, clean, scope), closed.channels
    rows_of, year = split_channels(rows), year or plan_year(scope)
    listed = _list_channels(facts, scope)
    acted_on = [key for key in listed if facts.at[key, "pattern"] in ACTED_ON]
    channel, rate = rows["channel_id"].to_numpy(), rows["rate_per_kwh"].to_numpy()
    net = net_of_sub_meters(
        np.where(np.isin(channel, acted_on), rows["counted_kwh"].to_numpy(), 0.0), rows, scope.meters
    )
    recurs = np.isin(channel, [key for key in acted_on if facts.at[key, "pattern"] == Pattern.RECURRING])
    cost, weekly_cost = net @ rate, (net * recurs) @ rate
    return {
        "summary": {
            "totalMetersWithExcess": len(acted_on),
            "totalExcessKwh": round(float(net.sum()), 2),
            "totalExcessCost": round(float(cost), 2),
            "estimatedAnnualCost": round(
                float(weekly_cost) / max(1.0, period_weeks(scope)) * float(year.weeks.sum()), 2
            ),
        },
        "topMeters": [
            {
                **_meter_entry(key, rows_of[key], facts.loc[key], coverage, scope),
                "netExcessKwh": round(float(net[channel == key].sum()), 2),
                "excessIntervals": _list_runs(key, rows_of[key], closed, scope),
            }
            for key in listed
        ],
        "asked": [
            _asked_entry(key, rows_of[key], facts.loc[key], scope) for key in list_asked(facts) if key in rows_of
        ],
        "notAssessed": _list_unassessed(facts, coverage, scope),
        "closedUse": _list_closed_use(rows),
    }


def _rows_of_period(closed: ClosedUse, clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the period's intervals with what ran in them, and the energy that counts (`counted_kwh`)."""
    period = take_window(clean, scope.period)
    own = closed.rows.loc[period.index]
    counted_kwh = np.where(own["is_counted"].to_numpy(), np.nan_to_num(own["excess_kwh"].to_numpy()), 0.0)
    columns = {str(name): own[name].to_numpy() for name in own}
    return with_columns(period, {**columns, "counted_kwh": counted_kwh})


def _list_closed_use(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what each meter used while the site was closed, whether that is told or not."""
    shut = sum_by_channel(rows, ("used_kwh", "hours"), rows["is_after_hours"].to_numpy())
    return [
        {"channelId": key, "closedKwh": round(kwh, 3), "closedHours": round(hours, 2)}
        for key, (kwh, hours) in shut.items()
    ]


def _list_channels(facts: pd.DataFrame, scope: WeekScope) -> list[int]:
    """Return the channels whose runs are large enough to be told: what should be acted on first, then by size."""
    least_kwh = scope.config.after_hours.min_excess_kwh
    columns = (facts[name].tolist() for name in ("pattern", "counted_kwh"))
    told = [
        (pattern not in ACTED_ON, -kwh, int(key))
        for key, pattern, kwh in zip(facts.index.tolist(), *columns, strict=True)
        if isinstance(pattern, Pattern) and pattern != Pattern.ASKED and kwh >= least_kwh
    ]
    return [key for _, _, key in sorted(told)]


def list_asked(facts: pd.DataFrame) -> list[int]:
    """Return the channels of `ClosedUse.channels` that only the operator can tell to be needed."""
    return [int(key) for key in facts.index[facts["pattern"] == Pattern.ASKED]]


def _meter_entry(
    channel_id: int, rows: pd.DataFrame, facts: pd.Series, coverage: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    shut = rows[rows["is_after_hours"]]
    counted = shut["counted_kwh"]
    excess_kwh, used_kwh = float(counted.sum()), float(rows["used_kwh"].sum())
    has_baseline = coverage.at[channel_id, "baseline_pct"] >= scope.config.baseline.min_completeness_pct
    usual_kwh = float(facts["usual_kwh"])
    return {
        "channelId": channel_id,
        "channelName": channel_names(scope.meters)[channel_id],
        "baseline": {
            "kw": round(float(facts["off_kw"]), 3),
            "source": FROM_BASELINE if has_baseline else FROM_PERIOD,
        },
        "thisWeek": {
            "totalAfterHoursKwh": round(float(shut["used_kwh"].sum()), 2),
            "excessAfterHoursKwh": round(excess_kwh, 2),
            "avgPowerKw": round(float(np.average(shut["mean_kw"], weights=shut["hours"])), 3),
            "maxPowerKw": round(float(shut["mean_kw"].max()), 3),
            "minPowerKw": round(float(shut["mean_kw"].min()), 3),
            "intervals": len(shut),
        },
        "impact": {
            "excessKwh": round(excess_kwh, 2),
            "excessCost": round(float(counted @ shut["rate_per_kwh"]), 2),
            "percentOfTotal": round(100 * excess_kwh / used_kwh, 1) if used_kwh > 0 else 0.0,
        },
        "usualExcessKwh": None if np.isnan(usual_kwh) else round(usual_kwh, 2),
        "aboveUsualKwh": None if np.isnan(usual_kwh) else round(excess_kwh - usual_kwh, 2),
        "pattern": str(facts["pattern"]),
        "isSignificant": facts["pattern"] in ACTED_ON,
        "blocks": int(facts["blocks"]),
        "weeksSeen": int(facts["weeks_seen"]),
        "weeksKnown": int(facts["weeks_known"]),
        "parts": _parts(shut),
    }


def _parts(shut: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the closed hours' energy and cost by what ran; the rest is what the meter draws when nothing does."""
    excess = np.where(shut["run"] == NO_RUN, 0.0, shut["excess_kwh"].fillna(0.0))
    excess = np.minimum(excess, shut["used_kwh"].clip(lower=0.0))
    rate = shut["rate_per_kwh"].to_numpy()
    rest = shut["used_kwh"].to_numpy() - excess
    amounts = {"baseLoad": (rest.sum(), rest @ rate)}
    for kind, name in _PARTS.items():
        own = np.where(shut["run"] == kind, excess, 0.0)
        amounts[name] = (own.sum(), own @ rate)
    return {name: {"kwh": round(float(kwh), 2), "cost": round(float(cost), 2)} for name, (kwh, cost) in amounts.items()}


def _list_runs(channel_id: int, rows: pd.DataFrame, closed: ClosedUse, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the period's runs that the channel's pattern is about, the largest of them in order of time."""
    runs = closed.runs[(closed.runs["channel_id"] == channel_id) & (closed.runs["week"] < 0)]
    runs = runs[runs["is_counted"].astype(bool)].nlargest(scope.config.lists.max_findings, "excess_kwh")
    runs = runs.sort_values("start_s")
    start_s, power_kw = rows["epoch_s"].to_numpy(), rows["mean_kw"].to_numpy()
    texts = (iso_of_seconds(runs[name].to_numpy(dtype="int64"), scope.tz) for name in ("start_s", "end_s"))
    return [
        {
            "start": start,
            "end": end,
            "excessKwh": round(float(run.excess_kwh), 2),
            "maxPowerKw": round(_highest(power_kw[(start_s >= run.start_s) & (start_s < run.end_s)]), 3),
        }
        for start, end, run in zip(*texts, runs.itertuples(), strict=True)
    ]


def _highest(values: npt.NDArray[np.float64]) -> float:
    return float(values.max()) if values.size else 0.0


def _asked_entry(channel_id: int, rows: pd.DataFrame, facts: pd.Series, scope: WeekScope) -> dict[str, Any]:
    shut = rows[rows["is_after_hours"]]
    kwh = shut["counted_kwh"] if facts["can_be_off"] else _usual_part(shut, float(facts["closed_kw"]))
    return {
        "channelId": channel_id,
        "channelName": channel_names(scope.meters)[channel_id],
        "closedKw": round(float(facts["closed_kw"]), 3),
        "openKw": round(float(facts["open_kw"]), 3),
        "kwh": round(float(kwh.sum()), 2),
        "cost": round(float(kwh @ shut["rate_per_kwh"]), 2),
    }


def _usual_part(shut: pd.DataFrame, closed_kw: float) -> pd.Series:
    """Return what a meter used while closed, no more in all than at its usual level: what rose is told as a step."""
    used_kwh, usual_kwh = float(shut["used_kwh"].sum()), closed_kw * float(shut["hours"].sum())
    return shut["used_kwh"] * min(1.0, usual_kwh / used_kwh) if used_kwh > 0 else shut["used_kwh"]


def _list_unassessed(facts: pd.DataFrame, coverage: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    names, floor = channel_names(scope.meters), scope.config.baseline.min_completeness_pct
    result = []
    for row in coverage.itertuples():
        if row.Index in facts.index and row.period_pct > 0 and max(row.baseline_pct, row.period_pct) >= floor:
            continue
        reason = (
            f"valid readings cover {row.baseline_pct:.1f} % of the baseline weeks and {row.period_pct:.1f} % of "
            f"the period; {floor:.0f} % of either is needed"
        )
        refusal = refuse_silent()
        if row.period_pct > 0:
            refusal = refuse_short_baseline(row.baseline_pct, row.period_pct, reason, scope)
        result.append({"channelId": int(row.Index), "channelName": names[int(row.Index)], **refusal})
    return result


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    summary = section["summary"]
    count, kwh = summary["totalMetersWithExcess"], summary["totalExcessKwh"]
    lines = [f"{count} meter{'s' * (count != 1)} ran while the site was closed: {kwh:.1f} kWh"]
    for meter in section["topMeters"]:
        usual = "unknown" if meter["usualExcessKwh"] is None else f"{meter['usualExcessKwh']:.1f}"
        lines.append(
            f"{meter['impact']['excessKwh']:9.1f} kWh (usually {usual})  {meter['pattern']:<9}  "
            f"{meter['channelName']}, off at {meter['baseline']['kw']:.2f} kW, "
            f"drew {meter['thisWeek']['avgPowerKw']:.2f} kW"
        )
    lines += [
        f"{meter['kwh']:9.1f} kWh while closed, every week: is {meter['channelName']} needed then?"
        for meter in section["asked"]
    ]
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)
