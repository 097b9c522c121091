"""What the report says of each anomaly: from intervals to entries of the section. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.intervals import WeekScope, channel_names, list_runs, local_iso
from analyze.load.anomaly_episodes import VIEWS

_HIGH_VIEWS, _MEDIUM_VIEWS = 4, 3  # views that agree


def list_events(anomalies: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one entry per event of `find_anomalies`, in order of time."""
    names = channel_names(scope.meters)
    beyond_kwh = anomalies["excess_kwh"] + anomalies["deficit_kwh"]
    runs = list_runs(
        anomalies.assign(shut_kwh=beyond_kwh.where(anomalies["is_after_hours"], 0.0)),
        anomalies["event_id"],
        peak_kw=("mean_kw", "max"),
        direction=("direction", "first"),
        excess_kwh=("excess_kwh", "sum"),
        deficit_kwh=("deficit_kwh", "sum"),
        expected_kwh=("expected_kwh", "sum"),
        actual_kwh=("used_kwh", "sum"),
        shut_kwh=("shut_kwh", "sum"),
        **{name: (name, "max") for name in VIEWS},
    )
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    runs = runs.sort_values(["start", "channel_id"])
    return [
        {
            "channelId": int(run.channel_id),
            "channelName": names[int(run.channel_id)],
            "start": run.start_text,
            "end": run.end_text,
            "intervals": int(run.intervals),
            "direction": run.direction,
            "peakPower": round(float(run.peak_kw), 3),
            "excessKwh": round(float(run.excess_kwh), 2),
            "deficitKwh": round(float(run.deficit_kwh), 2),
            "expectedKwh": round(float(run.expected_kwh), 2),
            "actualKwh": round(float(run.actual_kwh), 2),
            "context": "after_hours" if run.shut_kwh > (run.excess_kwh + run.deficit_kwh) / 2 else "business_hours",
            "severity": _severity(run.excess_kwh, run.deficit_kwh, run.expected_kwh, scope),
            **_confidence([name for name in VIEWS if getattr(run, name)]),
        }
        for run in runs.itertuples()
    ]


def _confidence(views: list[str]) -> dict[str, Any]:
    count = len(views)
    level = "high" if count >= _HIGH_VIEWS else "medium" if count >= _MEDIUM_VIEWS else "low"
    return {"views": views, "confidence": level}


def _severity(excess_kwh: float, deficit_kwh: float, expected_kwh: float, scope: WeekScope) -> str:
    config = scope.config
    is_doubled = excess_kwh + expected_kwh >= config.anomaly_high_actual_ratio * expected_kwh
    if excess_kwh >= config.anomaly_high_excess_kwh and is_doubled:
        return "high"
    return "medium" if excess_kwh + deficit_kwh >= config.anomaly_medium_excess_kwh else "low"


def channel_entry(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of a channel with these events, one or more."""
    return {
        "channelId": events[0]["channelId"],
        "channelName": events[0]["channelName"],
        "anomalyCount": len(events),
        "totalExcessKwh": round(float(np.sum([event["excessKwh"] for event in events])), 2),
        "events": events,
    }
