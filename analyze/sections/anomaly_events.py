"""What the report says of each anomaly: from intervals to entries of the section. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.expected.episodes import HIGH, VIEWS
from analyze.sections.incidents import number_incidents
from analyze.week.intervals import WeekScope, channel_names, list_runs, local_iso
from lib.states import Level

_HIGH_VIEWS, _MEDIUM_VIEWS = 4, 3  # views that agree


def list_events(anomalies: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one entry per event of `find_anomalies`, in order of time."""
    if anomalies.empty:
        return []
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
        usual_day_kwh=("usual_day_kwh", "first"),
        is_beyond=("is_beyond", "max"),
        **{name: (name, "max") for name in VIEWS},
    )
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    runs = _tell_incidents(_weigh(runs, scope)).sort_values(["start", "channel_id"])
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
            "dayShare": round(float(run.day_share), 3),
            "context": "after_hours" if run.shut_kwh > (run.excess_kwh + run.deficit_kwh) / 2 else "business_hours",
            "severity": run.severity,
            "incident": int(run.incident),
            "partOf": run.part_of,
            **_confidence([name for name in VIEWS if getattr(run, name)]),
        }
        for run in runs.itertuples()
    ]


def _weigh(runs: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the events with `day_share`, their energy beyond the expected over a usual day's, and `severity`."""
    config, is_high = scope.config, runs["direction"] == HIGH
    beyond_kwh = runs["excess_kwh"] + runs["deficit_kwh"]
    usual_kwh = runs["usual_day_kwh"].where(runs["usual_day_kwh"] > 0)
    day_share = (beyond_kwh / usual_kwh).fillna(1.0)  # a load that is usually off, and now is not
    least_share = np.where(is_high, config.anomalies.medium_day_share, config.anomalies.low_medium_day_share)
    matters = (beyond_kwh >= config.anomalies.medium_excess_kwh) & (day_share >= least_share)
    matters &= ~is_high | runs["is_beyond"].astype(bool)  # what other weeks reach as well may only have moved
    is_doubled = runs["excess_kwh"] + runs["expected_kwh"] >= config.anomalies.high_actual_ratio * runs["expected_kwh"]
    is_grave = is_high & is_doubled & (runs["excess_kwh"] >= config.anomalies.high_excess_kwh)
    return runs.assign(
        day_share=day_share, severity=np.select([matters & is_grave, matters], [Level.HIGH, Level.MEDIUM], Level.LOW)
    )


def _tell_incidents(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the events with their `incident` (0 for one of low severity) and, but for its gravest, what it is part of.

    The gravest event of an incident, and of these the one of the greatest share of its day, keeps its severity; the
    others are "low" and name it in `part_of`, so that one cause raises one alert.
    """
    runs = runs.assign(incident=0, part_of=None)
    grave = runs[runs["severity"] != Level.LOW].sort_values(["start", "channel_id"])
    runs.loc[grave.index, "incident"] = number_incidents(grave)
    order = grave.assign(incident=runs["incident"], rank=grave["severity"].map({Level.HIGH: 0, Level.MEDIUM: 1}))
    order = order.sort_values(["incident", "rank", "day_share"], ascending=[True, True, False])
    lead = order.groupby("incident")["channel_id"].transform(lambda ids: ids.index[0])
    follows = lead[lead != lead.index]
    runs.loc[follows.index, "severity"] = Level.LOW
    told = [
        {"channelId": int(runs.at[key, "channel_id"]), "start": runs.at[key, "start_text"]}
        for key in follows.to_numpy()
    ]
    runs["part_of"] = pd.Series(told, index=follows.index, dtype=object).reindex(runs.index)
    return runs.assign(part_of=runs["part_of"].where(runs["part_of"].notna(), None))


def _confidence(views: list[str]) -> dict[str, Any]:
    count = len(views)
    level = Level.HIGH if count >= _HIGH_VIEWS else Level.MEDIUM if count >= _MEDIUM_VIEWS else Level.LOW
    return {"views": views, "confidence": level}


def channel_entry(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of a channel with these events, one or more."""
    return {
        "channelId": events[0]["channelId"],
        "channelName": events[0]["channelName"],
        "anomalyCount": len(events),
        "totalExcessKwh": round(float(np.sum([event["excessKwh"] for event in events])), 2),
        "events": events,
    }
