"""Find stretches in which a meter draws far more than it usually does at that hour of the week.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it)
Writes: nothing; the section "anomalies" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze.hour_of_week import list_unassessed
from analyze.intervals import WeekScope, channel_names, list_runs, local_iso, starts_new_run
from analyze.meter_tree import net_of_sub_meters
from lib import cli
from lib.stats_utils import label_runs


def upper_fence_kw(profile: pd.DataFrame, *, iqr_multiplier: float, min_iqr_ratio: float) -> pd.Series:
    """Return the power above which an interval is far out for its hour of the week: Q3 + k · IQR [kW].

    Parameters
    ----------
    profile
        `q25_kw`, `q75_kw` of the hour of the week and `spread_kw` (p95 − p5) of the channel, see
        `add_hour_of_week_profile`.
    iqr_multiplier
        k; 3 is Tukey's outer fence.
    min_iqr_ratio
        The interquartile range is taken as at least this share of the channel's spread. An hour with 16 nearly equal
        values has a range near 0, and any wiggle would be far out; 0 gives the plain fence.

    References
    ----------
    J. W. Tukey (1977), Exploratory Data Analysis, Addison-Wesley, section 2D.
    """
    iqr_kw = (profile["q75_kw"] - profile["q25_kw"]).clip(lower=min_iqr_ratio * profile["spread_kw"])
    return profile["q75_kw"] + iqr_multiplier * iqr_kw


def find_anomalies(profiled: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the intervals of the period that belong to an anomaly.

    An anomaly is `anomaly_min_intervals` or more consecutive intervals above the fence (a hole ends it) whose excess
    over the median of the hour of the week adds up to `anomaly_min_excess_kwh`.

    Parameters
    ----------
    profiled
        Sound intervals of the period with their hour-of-week profile (`profile_period`).

    Returns
    -------
    pd.DataFrame
        Rows of `profiled` with `event_id` (1, 2, …), `expected_kwh` (the median's) and `excess_kwh` (0 or more).
    """
    config = scope.config
    fence_kw = upper_fence_kw(
        profiled, iqr_multiplier=config.anomaly_iqr_multiplier, min_iqr_ratio=config.anomaly_min_iqr_ratio
    )
    expected_kwh = profiled["q50_kw"] * profiled["hours"]
    excess_kwh = (profiled["mean_kw"] * profiled["hours"] - expected_kwh).clip(lower=0)
    rows = profiled.assign(expected_kwh=expected_kwh, excess_kwh=excess_kwh)
    run_id = label_runs(rows["is_assessed"] & (rows["mean_kw"] > fence_kw), starts_new_run(rows))
    run = rows.groupby(run_id)["excess_kwh"]
    is_event = (run.transform("size") >= config.anomaly_min_intervals) & (
        run.transform("sum") >= config.anomaly_min_excess_kwh
    )
    events = rows[(run_id > 0) & is_event]
    return events.assign(event_id=run_id[events.index].factorize()[0] + 1)


def build_section(
    anomalies: pd.DataFrame, profiled: pd.DataFrame, clean: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    """Return the section "anomalies".

    Parameters
    ----------
    anomalies
        As `find_anomalies` gives them.
    profiled, clean
        What they were found in; they tell which meters could not be assessed.

    Notes
    -----
    `context` is where most of an event's excess lies. `severity` is "high" for `anomaly_high_excess_kwh` or more at
    `anomaly_high_actual_ratio` times the expected energy, "medium" from `anomaly_medium_excess_kwh` on. The summary's
    `totalExcessKwh` holds a sub-meter's excess once, though its parent's event is listed too.
    """
    events = _list_events(anomalies, scope)
    net_kwh = net_of_sub_meters(anomalies["excess_kwh"], anomalies, scope.meters)
    ids = sorted({event["channelId"] for event in events})
    by_channel = [_channel_entry([event for event in events if event["channelId"] == key]) for key in ids]
    by_channel.sort(key=lambda entry: (-entry["totalExcessKwh"], entry["channelId"]))
    return {
        "summary": {
            "totalEvents": len(events),
            "affectedChannels": len(ids),
            "totalExcessKwh": round(float(net_kwh.sum()), 2),
        },
        "timeline": sorted(events, key=lambda event: (pd.Timestamp(event["start"]), event["channelId"])),
        "byChannel": by_channel,
        "notAssessed": list_unassessed(profiled, clean, scope),
    }


def _list_events(anomalies: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    names = channel_names(scope.meters)
    runs = list_runs(
        anomalies.assign(shut_kwh=anomalies["excess_kwh"].where(anomalies["is_after_hours"], 0.0)),
        anomalies["event_id"],
        peak_kw=("mean_kw", "max"),
        excess_kwh=("excess_kwh", "sum"),
        expected_kwh=("expected_kwh", "sum"),
        actual_kwh=("used_kwh", "sum"),
        shut_kwh=("shut_kwh", "sum"),
    )
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    return [
        {
            "channelId": int(run.channel_id),
            "channelName": names[int(run.channel_id)],
            "start": run.start_text,
            "end": run.end_text,
            "intervals": int(run.intervals),
            "peakPower": round(float(run.peak_kw), 3),
            "excessKwh": round(float(run.excess_kwh), 2),
            "expectedKwh": round(float(run.expected_kwh), 2),
            "actualKwh": round(float(run.actual_kwh), 2),
            "context": "after_hours" if run.shut_kwh > run.excess_kwh / 2 else "business_hours",
            "severity": _severity(run.excess_kwh, run.expected_kwh, scope),
        }
        for run in runs.itertuples()
    ]


def _severity(excess_kwh: float, expected_kwh: float, scope: WeekScope) -> str:
    config = scope.config
    is_doubled = excess_kwh + expected_kwh >= config.anomaly_high_actual_ratio * expected_kwh
    if excess_kwh >= config.anomaly_high_excess_kwh and is_doubled:
        return "high"
    return "medium" if excess_kwh >= config.anomaly_medium_excess_kwh else "low"


def _channel_entry(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "channelId": events[0]["channelId"],
        "channelName": events[0]["channelName"],
        "anomalyCount": len(events),
        "totalExcessKwh": round(float(np.sum([event["excessKwh"] for event in events])), 2),
        "events": events,
    }


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    summary = section["summary"]
    lines = [f"{summary['totalEvents']} events, {summary['totalExcessKwh']:.1f} kWh above what is usual"]
    lines += [
        f"{event['start']}  {event['excessKwh']:8.1f} kWh  {event['severity']:<6}  {event['channelName']} "
        f"(peak {event['peakPower']:.1f} kW, {event['context']})"
        for event in section["timeline"]
    ]
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period."""
    from analyze import week_script  # here, for it imports this module

    return week_script.run_section(__doc__, argv, "anomalies", render_text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
