"""Find meters that draw more than their resting power outside business hours. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.load.after_hours_parts import (
    WAVERING,
    describe_parts,
    label_parts,
    list_episodes,
    usual_excess,
)
from analyze.load.night_floors import compare_floors
from analyze.meters.completeness import assess_channels
from analyze.meters.meter_tree import net_of_sub_meters
from analyze.money.annual import plan_year
from analyze.week.intervals import WeekScope, channel_names, in_window, number_channels, period_weeks
from analyze.week.refusals import refuse_short_baseline, refuse_silent
from lib.stats_utils import grouped_quantiles

FROM_BASELINE, FROM_PERIOD = "baseline_weeks", "report_week"
RUNNING, NIGHTS = "running", "nights"  # rules of the resting power
LISTED, ABOVE_USUAL = "listed", "above_usual"  # rules of significance
NEW, RAISED, WAVERS, HABIT, UNKNOWN = "new", "raised", "wavers", "habit", "unknown"  # patterns


def resting_power_kw(
    after_hours: pd.DataFrame, *, quantile: float, min_power_kw: float, rule: str = RUNNING
) -> pd.Series:
    """Return each channel's resting power: a low quantile of what it draws after hours.

    Parameters
    ----------
    after_hours
        Intervals outside business hours, with `channel_id` and `mean_kw` [kW].
    quantile
        0–1; the contract's is 0.05.
    min_power_kw
        Power at or below this counts as off [kW].
    rule
        "running", the contract's, leaves the time off out, so that a machine that is switched off now and then keeps
        its standby as baseline. Where it is off on most nights, that makes its running power the baseline, and leaving
        it on is invisible: "nights" leaves the time off in for a channel that is off for half of the time or more.
        Where nothing lies above `min_power_kw`, the quantile is of all the values under either.

    Returns
    -------
    pd.Series
        kW by `channel_id`; definition 7 of Hyndman & Fan (1996).
    """
    code, ids = number_channels(after_hours)
    power_kw = after_hours["mean_kw"]
    running, on = grouped_quantiles(power_kw.where(power_kw > min_power_kw), code, len(ids), [quantile])
    resting, total = grouped_quantiles(power_kw, code, len(ids), [quantile])
    is_off = (on == 0) | ((rule == NIGHTS) & (2 * on <= total))
    return pd.Series(np.where(is_off, resting[:, 0], running[:, 0]), index=ids, dtype="float64")


def estimate_baselines(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` its `baseline_kw` [kW] and the `source` of it.

    The baseline weeks are the source where sound readings cover `baseline.min_completeness_pct` of them, else the
    period itself where it is as complete, else there is none: NaN and None. `baseline_pct` and `period_pct` tell.
    """
    config = scope.config
    result = assess_channels(clean, scope)
    for name, window in ((FROM_BASELINE, scope.baseline), (FROM_PERIOD, scope.period)):
        rows = clean.loc[clean["is_after_hours"] & in_window(clean, window), ["channel_id", "mean_kw"]]
        result[name] = resting_power_kw(
            rows,
            quantile=config.after_hours.baseline_quantile,
            min_power_kw=config.after_hours.min_power_kw,
            rule=config.after_hours.rest_rule,
        ).reindex(result.index)
    floor = config.baseline.min_completeness_pct
    has_baseline = (result["baseline_pct"] >= floor) & result[FROM_BASELINE].notna()
    has_period = (result["period_pct"] >= floor) & result[FROM_PERIOD].notna()
    return result.assign(
        baseline_kw=result[FROM_BASELINE].where(has_baseline, result[FROM_PERIOD].where(has_period)),
        source=np.select([has_baseline, has_period], [FROM_BASELINE, FROM_PERIOD], default=""),
    )


def after_hours_excess_kwh(intervals: pd.DataFrame, baselines: pd.DataFrame) -> pd.Series:
    """Return for each interval max(0, power − baseline) × hours [kWh]; 0 in business hours and without a baseline."""
    code, ids = number_channels(intervals)
    above_kw = intervals["mean_kw"].to_numpy() - baselines["baseline_kw"].reindex(ids).to_numpy()[code]
    excess_kwh = np.nan_to_num(np.maximum(above_kw, 0.0) * intervals["hours"].to_numpy())
    return pd.Series(np.where(intervals["is_after_hours"], excess_kwh, 0.0), index=intervals.index)


def build_section(clean: pd.DataFrame, baselines: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return the section "afterHoursWaste".

    Parameters
    ----------
    clean
        Sound intervals of baseline and period.
    baselines
        As `estimate_baselines` gives them.

    Notes
    -----
    `percentOfTotal` is the excess as a percentage of the meter's own energy in the period. `usualExcessKwh` is the
    median of the baseline weeks and `aboveUsualKwh` the difference to it: near 0 is a habit, a large value is new.
    `isSignificant` follows `after_hours.significance_rule`: by "above_usual" the difference is at least
    `after_hours.min_excess_kwh` and `after_hours.noise_multiplier` times `noiseKwh`, or something stayed on in every
    night (`night_floors`); by "listed", the contract's, every listed meter is. `pattern` says "new" where it stayed on
    in every night, or the difference is significant and `after_hours.new_ratio` of the meter's usual energy after
    hours; "raised" where it is significant only, as in a week of other weather; else "wavers" where most of the excess
    lies near the resting power, else "habit"; "unknown" without baseline weeks. `usualFloorKw` and `floorKw` are the
    medians of the nights' floors. `parts`, `byKind`, `worstNights` and `profile24x7` are those of `after_hours_parts`.
    The sums of `summary` hold a sub-meter's excess once, though its parent is listed too; `netExcessKwh` is its own
    part. The annual figure takes every operating week of the year ahead to be like this one; a period that is shorter
    is taken for a whole week, for nobody saw the rest of it.
    """
    config = scope.config
    period = clean[in_window(clean, scope.period)]
    excess = after_hours_excess_kwh(period, baselines)
    total = excess.groupby(period["channel_id"]).sum()
    listed = total[total >= config.after_hours.min_excess_kwh].sort_index().sort_values(ascending=False, kind="stable")
    net = net_of_sub_meters(excess.where(period["channel_id"].isin(listed.index), 0.0), period, scope.meters)
    net_by_channel = pd.Series(net, index=period.index).groupby(period["channel_id"]).sum()
    usual = usual_excess(clean, after_hours_excess_kwh(clean, baselines), baselines, scope)
    usual = usual.join(compare_floors(clean, scope))
    is_listed = period["channel_id"].isin(listed.index)
    episodes = list_episodes(period[is_listed], excess[is_listed], scope)
    labelled = label_parts(period[is_listed], excess[is_listed], baselines["baseline_kw"], scope)
    rows_of = dict(iter(labelled.groupby("channel_id")))
    cost = float(net @ period["rate_per_kwh"].to_numpy())
    return {
        "summary": {
            "totalMetersWithExcess": len(listed),
            "totalExcessKwh": round(float(net.sum()), 2),
            "totalExcessCost": round(cost, 2),
            "estimatedAnnualCost": round(cost / max(1.0, period_weeks(scope)) * float(plan_year(scope).weeks.sum()), 2),
        },
        "topMeters": [
            {
                **_meter_entry(rows_of[key], baselines.loc[key], scope),
                **_compare(float(total[key]), usual.loc[key], rows_of[key], scope),
                **describe_parts(rows_of[key], scope),
                "netExcessKwh": round(float(net_by_channel[key]), 2),
                "excessIntervals": episodes[key],
            }
            for key in listed.index
        ],
        "notAssessed": _not_assessed(baselines, scope),
    }


def _meter_entry(rows: pd.DataFrame, baseline: pd.Series, scope: WeekScope) -> dict[str, Any]:
    channel_id = int(rows["channel_id"].iloc[0])
    shut = rows[rows["is_after_hours"]]
    excess_kwh, used_kwh = float(shut["excess_kwh"].sum()), float(rows["used_kwh"].sum())
    return {
        "channelId": channel_id,
        "channelName": channel_names(scope.meters)[channel_id],
        "baseline": {"kw": round(float(baseline["baseline_kw"]), 3), "source": baseline["source"]},
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
            "excessCost": round(float(shut["excess_kwh"] @ shut["rate_per_kwh"]), 2),
            "percentOfTotal": round(100 * excess_kwh / used_kwh, 1) if used_kwh > 0 else 0.0,
        },
    }


def _compare(excess_kwh: float, usual: pd.Series, rows: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return how a meter's excess and its nights' floors compare with the baseline weeks, and what pattern that is."""
    usual_kwh, noise_kwh = float(usual["usual_kwh"]), float(usual["noise_kwh"])
    is_known, above_kwh = not np.isnan(usual_kwh), excess_kwh - usual_kwh
    least_kwh = max(scope.config.after_hours.min_excess_kwh, scope.config.after_hours.noise_multiplier * noise_kwh)
    pattern = (
        _pattern(above_kwh, above_kwh >= least_kwh, bool(usual["is_raised"]), rows, scope) if is_known else UNKNOWN
    )
    is_listed_rule = scope.config.after_hours.significance_rule == LISTED
    numbers = {
        "usualExcessKwh": (usual_kwh, 2),
        "aboveUsualKwh": (above_kwh, 2),
        "noiseKwh": (noise_kwh, 2),
        "usualFloorKw": (float(usual["usual_floor_kw"]), 3),
        "floorKw": (float(usual["floor_kw"]), 3),
    }
    return {
        **{key: None if np.isnan(value) else round(value, digits) for key, (value, digits) in numbers.items()},
        "pattern": pattern,
        "isSignificant": pattern in (NEW, RAISED) or is_listed_rule,
    }


def _pattern(above_kwh: float, is_above: bool, is_raised: bool, rows: pd.DataFrame, scope: WeekScope) -> str:
    shut = rows[rows["is_after_hours"]]
    usual_used_kwh = float(shut["used_kwh"].sum()) - above_kwh
    if is_raised and above_kwh >= scope.config.after_hours.min_excess_kwh:
        return NEW
    if is_above:
        return NEW if above_kwh >= scope.config.after_hours.new_ratio * usual_used_kwh else RAISED
    wavering_kwh = float(rows["excess_kwh"][rows["part"] == WAVERING].sum())
    return WAVERS if wavering_kwh >= rows["excess_kwh"].sum() / 2 else HABIT


def _not_assessed(baselines: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    names, floor = channel_names(scope.meters), scope.config.baseline.min_completeness_pct
    result = []
    for row in baselines[baselines["baseline_kw"].isna() | (baselines["period_pct"] == 0)].itertuples():
        reason = (
            f"sound readings cover {row.baseline_pct:.1f} % of the baseline weeks and {row.period_pct:.1f} % of "
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
    lines = [f"{count} meters, {kwh:.1f} kWh above their resting power after hours"]
    for meter in section["topMeters"]:
        usual = "unknown" if meter["usualExcessKwh"] is None else f"{meter['usualExcessKwh']:.1f}"
        lines.append(
            f"{meter['impact']['excessKwh']:9.1f} kWh (usually {usual})  {meter['channelName']}, "
            f"rests at {meter['baseline']['kw']:.2f} kW, drew {meter['thisWeek']['avgPowerKw']:.2f} kW"
        )
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)
