"""Find meters that draw more than their resting power outside business hours.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it)
Writes: nothing; the section "afterHoursWaste" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze.completeness import assess_channels
from analyze.intervals import (
    WeekScope,
    baseline_week_numbers,
    channel_names,
    in_window,
    list_runs,
    local_iso,
    period_weeks,
    starts_new_run,
)
from analyze.meter_tree import net_of_sub_meters
from lib import cli
from lib.stats_utils import grouped_quantiles, label_runs

FROM_BASELINE, FROM_PERIOD = "baseline_weeks", "report_week"


def resting_power_kw(after_hours: pd.DataFrame, *, quantile: float, min_power_kw: float) -> pd.Series:
    """Return each channel's resting power: a low quantile of what it draws after hours while it draws anything.

    Parameters
    ----------
    after_hours
        Intervals outside business hours, with `channel_id` and `mean_kw` [kW].
    quantile
        0–1; the contract's is 0.05.
    min_power_kw
        Power at or below this counts as off [kW] and is left out, so that a machine that is switched off now and then
        keeps its standby as baseline. Where nothing lies above it, the quantile is of all the values.

    Returns
    -------
    pd.Series
        kW by `channel_id`; definition 7 of Hyndman & Fan (1996).
    """
    code, ids = pd.factorize(after_hours["channel_id"])
    power_kw = after_hours["mean_kw"]
    running, _ = grouped_quantiles(power_kw.where(power_kw > min_power_kw), code, len(ids), [quantile])
    resting, _ = grouped_quantiles(power_kw, code, len(ids), [quantile])
    return pd.Series(np.where(np.isnan(running), resting, running)[:, 0], index=ids, dtype="float64")


def estimate_baselines(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` its `baseline_kw` [kW] and the `source` of it.

    The baseline weeks are the source where sound readings cover `baseline_min_completeness_pct` of them, else the
    period itself where it is as complete, else there is none: NaN and None. `baseline_pct` and `period_pct` tell.
    """
    config = scope.config
    result = assess_channels(clean, scope)
    for name, window in ((FROM_BASELINE, scope.baseline), (FROM_PERIOD, scope.period)):
        rows = clean[clean["is_after_hours"] & in_window(clean, window)]
        result[name] = resting_power_kw(
            rows, quantile=config.after_hours_baseline_quantile, min_power_kw=config.after_hours_min_power_kw
        ).reindex(result.index)
    floor = config.baseline_min_completeness_pct
    has_baseline = (result["baseline_pct"] >= floor) & result[FROM_BASELINE].notna()
    has_period = (result["period_pct"] >= floor) & result[FROM_PERIOD].notna()
    return result.assign(
        baseline_kw=result[FROM_BASELINE].where(has_baseline, result[FROM_PERIOD].where(has_period)),
        source=np.select([has_baseline, has_period], [FROM_BASELINE, FROM_PERIOD], default=""),
    )


def after_hours_excess_kwh(intervals: pd.DataFrame, baselines: pd.DataFrame) -> pd.Series:
    """Return for each interval max(0, power − baseline) × hours [kWh]; 0 in business hours and without a baseline."""
    above_kw = intervals["mean_kw"] - intervals["channel_id"].map(baselines["baseline_kw"])
    return (above_kw.clip(lower=0) * intervals["hours"]).where(intervals["is_after_hours"], 0.0).fillna(0.0)


def usual_excess_kwh(clean: pd.DataFrame, baselines: pd.DataFrame, scope: WeekScope) -> pd.Series:
    """Return by `channel_id` the median of the excess over the baseline weeks, for a period of this length [kWh].

    Counted as in the period, against the same baseline. A week of which sound readings cover less than
    `baseline_min_completeness_pct` is left out; NaN where no week is left, or the baseline is the period's own.
    """
    weeks, ids = scope.config.baseline_weeks, baselines.index.to_numpy()
    number = baseline_week_numbers(clean, scope)
    keep = number >= 0
    cell = np.searchsorted(ids, clean["channel_id"][keep]) * weeks + number[keep]

    def weekly(values: pd.Series) -> npt.NDArray[np.float64]:
        return np.bincount(cell, weights=values[keep], minlength=ids.size * weeks)

    week_hours = (scope.baseline.end - scope.baseline.start).total_seconds() / 3600 / weeks
    is_full = weekly(clean["hours"]) >= scope.config.baseline_min_completeness_pct / 100 * week_hours
    excess = np.where(is_full, weekly(after_hours_excess_kwh(clean, baselines)), np.nan)
    median, _ = grouped_quantiles(excess, np.repeat(np.arange(ids.size), weeks), ids.size, [0.5])
    usual = pd.Series(median[:, 0] * period_weeks(scope), index=baselines.index)
    return usual.where(baselines["source"] == FROM_BASELINE)


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
    The sums of `summary` hold a sub-meter's excess once, though its parent is listed too; `netExcessKwh` is its own
    part. Annual figures take every week to be like this one.
    """
    config = scope.config
    period = clean[in_window(clean, scope.period)]
    excess = after_hours_excess_kwh(period, baselines)
    total = excess.groupby(period["channel_id"]).sum()
    listed = total[total >= config.after_hours_min_excess_kwh].sort_index().sort_values(ascending=False, kind="stable")
    net = net_of_sub_meters(excess.where(period["channel_id"].isin(listed.index), 0.0), period, scope.meters)
    net_by_channel = pd.Series(net, index=period.index).groupby(period["channel_id"]).sum()
    usual = usual_excess_kwh(clean, baselines, scope)
    is_listed = period["channel_id"].isin(listed.index)
    episodes = _list_episodes(period[is_listed], excess[is_listed], scope)
    cost = net.sum() * config.flat_rate_usd_per_kwh
    return {
        "summary": {
            "totalMetersWithExcess": len(listed),
            "totalExcessKwh": round(float(net.sum()), 2),
            "totalExcessCost": round(float(cost), 2),
            "estimatedAnnualCost": round(float(cost / period_weeks(scope) * config.weeks_per_year), 2),
        },
        "topMeters": [
            {
                **_meter_entry(period[period["channel_id"] == key], excess, baselines.loc[key], usual[key], scope),
                "netExcessKwh": round(float(net_by_channel[key]), 2),
                "excessIntervals": episodes[key],
                "isSignificant": bool(total[key] >= config.after_hours_min_excess_kwh),
            }
            for key in listed.index
        ],
        "notAssessed": _not_assessed(baselines, scope),
    }


def _meter_entry(
    rows: pd.DataFrame, excess: pd.Series, baseline: pd.Series, usual_kwh: float, scope: WeekScope
) -> dict[str, Any]:
    channel_id = int(rows["channel_id"].iloc[0])
    shut = rows[rows["is_after_hours"]]
    excess_kwh, used_kwh = float(excess[shut.index].sum()), float(rows["used_kwh"].sum())
    is_known = not np.isnan(usual_kwh)
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
            "excessCost": round(excess_kwh * scope.config.flat_rate_usd_per_kwh, 2),
            "percentOfTotal": round(100 * excess_kwh / used_kwh, 1) if used_kwh > 0 else 0.0,
        },
        "usualExcessKwh": round(float(usual_kwh), 2) if is_known else None,
        "aboveUsualKwh": round(excess_kwh - float(usual_kwh), 2) if is_known else None,
    }


def _list_episodes(period: pd.DataFrame, excess: pd.Series, scope: WeekScope) -> dict[int, list[dict[str, Any]]]:
    """Return by channel the unbroken stretches of excess, the largest of them, in order of time."""
    rows = period.assign(excess_kwh=excess)
    run_id = label_runs(rows["excess_kwh"] > 0, starts_new_run(rows))
    runs = list_runs(rows, run_id, excess_kwh=("excess_kwh", "sum"), max_kw=("mean_kw", "max"))
    runs = runs.sort_values("excess_kwh", ascending=False, kind="stable")
    runs = runs.groupby("channel_id").head(scope.config.top_list_max).sort_values(["channel_id", "start"])
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    episodes: dict[int, list[dict[str, Any]]] = {}
    for run in runs.itertuples():
        episode = {"start": run.start_text, "end": run.end_text}
        episode |= {"excessKwh": round(float(run.excess_kwh), 2), "maxPowerKw": round(float(run.max_kw), 3)}
        episodes.setdefault(int(run.channel_id), []).append(episode)
    return episodes


def _not_assessed(baselines: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    names, floor = channel_names(scope.meters), scope.config.baseline_min_completeness_pct
    result = []
    for row in baselines[baselines["baseline_kw"].isna() | (baselines["period_pct"] == 0)].itertuples():
        if row.period_pct == 0:
            reason = "no sound readings in the period"
        else:
            reason = (
                f"sound readings cover {row.baseline_pct:.1f} % of the baseline weeks and {row.period_pct:.1f} % of "
                f"the period; {floor:.0f} % of either is needed"
            )
        entry = {"channelId": int(row.Index), "channelName": names[int(row.Index)]}
        result.append({**entry, "code": "insufficient_data", "reason": reason})
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


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period."""
    from analyze import week_script  # here, for it imports this module

    return week_script.run_section(__doc__, argv, "afterHoursWaste", render_text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
