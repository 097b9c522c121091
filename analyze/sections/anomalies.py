"""Find stretches in which a meter draws far more, or far less, than it usually does at that hour of the week. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.load.anomaly_episodes import HIGH, LOW, VIEWS, find_episodes
from analyze.load.anomaly_events import channel_entry, list_events
from analyze.load.anomaly_scores import score_readings
from analyze.load.hour_of_week import assess_rows, list_unassessed
from analyze.load.load_response import describe_expected
from analyze.load.load_steps import LevelChange, find_level_changes, list_steps, shift_by_interval
from analyze.meters.meter_tree import net_of_sub_meters
from analyze.week.intervals import WeekScope, in_window, starts_new_run
from lib.stats_utils import label_runs

__all__ = ["build_section", "find_anomalies", "score_readings", "upper_fence_kw"]

ROBUST, TUKEY = "robust", "tukey"
_HOURS_PER_DAY = 24
_NO_RESPONSE = pd.Series(dtype="float64")
_MIN_SAMPLES = 3  # in the hour of the week, for a median; the robust tests pool the hours around


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


def find_anomalies(
    profiled: pd.DataFrame,
    clean: pd.DataFrame,
    scope: WeekScope,
    changes: list[LevelChange] | None = None,
    response_kw: pd.Series | None = None,
) -> pd.DataFrame:
    """Return the intervals of the period that belong to an anomaly.

    Parameters
    ----------
    profiled
        Sound intervals of the period with their hour-of-week profile (`profile_period`).
    clean
        Sound intervals of baseline and period.
    changes
        Levels that changed for good (`find_level_changes`), where they are known already.
    response_kw
        By index of `clean`: what answers to the temperature (`respond_to_temperature`), and so is expected; the fence
        of Tukey knows no weather.

    Returns
    -------
    pd.DataFrame
        Rows of `profiled` with `event_id` (1, 2, …), `direction` ("high" or "low"; one per event), `expected_kwh`,
        `excess_kwh` and `deficit_kwh` (0 or more; a low event has no excess), `usual_day_kwh` (the mean day of the
        channel's baseline), and the boolean views that saw them.

    Notes
    -----
    An anomaly has `min_intervals` or more intervals whose excess (or deficit) adds up to
    `min_excess_kwh`. By `method`:

    - "robust": both tests of `anomaly_episodes`, high and low, `min_hours` or longer, with small breaks; below
      `medium_excess_kwh` the day's shape must be unusual too, for a mild night shifts a load a little as well;
    - "tukey": consecutive intervals above the fence (`upper_fence_kw`), high only; a hole ends an event.
    """
    if scope.config.anomalies.method == TUKEY:
        judged = _judge_tukey(profiled, scope)
    else:
        changes = find_level_changes(clean, scope) if changes is None else changes
        judged = _judge(profiled, clean, scope, changes, _NO_RESPONSE if response_kw is None else response_kw)
    sign = np.where(judged.groupby("event_id")["direction"].transform("max") == LOW, -1.0, 1.0)
    expected_kwh = judged["expected_kw"] * judged["hours"]
    beyond_kwh = (sign * (judged["mean_kw"] * judged["hours"] - expected_kwh)).clip(lower=0)
    judged = judged.assign(
        direction=np.where(sign < 0, LOW, HIGH),
        expected_kwh=expected_kwh,
        excess_kwh=beyond_kwh.where(sign > 0, 0.0),
        deficit_kwh=beyond_kwh.where(sign < 0, 0.0),
    ).drop(columns="expected_kw")
    before = clean.loc[in_window(clean, scope.baseline), ["channel_id", "mean_kw"]]
    usual_kw = before["mean_kw"].groupby(before["channel_id"]).mean()
    judged = judged.assign(usual_day_kwh=judged["channel_id"].map(usual_kw).astype(float) * _HOURS_PER_DAY)
    run = judged.assign(beyond_kwh=beyond_kwh).groupby("event_id")
    is_event = (run["hours"].transform("size") >= scope.config.anomalies.min_intervals) & (
        run["beyond_kwh"].transform("sum") >= scope.config.anomalies.min_excess_kwh
    )
    if scope.config.anomalies.method == ROBUST:
        is_event &= run["hours"].transform("sum") >= scope.config.anomalies.min_hours
        is_large = run["beyond_kwh"].transform("sum") >= scope.config.anomalies.medium_excess_kwh
        is_event &= is_large | run["shape"].transform("any")
    events = judged[is_event].sort_values(["channel_id", "epoch_s"])
    return events.assign(event_id=events["event_id"].factorize()[0] + 1)


def _judge_tukey(profiled: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    config = scope.config
    fence_kw = upper_fence_kw(
        profiled, iqr_multiplier=config.anomalies.iqr_multiplier, min_iqr_ratio=config.anomalies.min_iqr_ratio
    )
    is_above = profiled["is_assessed"] & (profiled["mean_kw"] > fence_kw)
    run_id = label_runs(is_above, starts_new_run(profiled))
    views = {name: name == "level" for name in VIEWS}
    return profiled.assign(event_id=run_id, expected_kw=profiled["q50_kw"], direction=HIGH, **views)[run_id > 0]


def _judge(
    profiled: pd.DataFrame, clean: pd.DataFrame, scope: WeekScope, changes: list[LevelChange], response_kw: pd.Series
) -> pd.DataFrame:
    assessed = _assessed(profiled, scope)["is_assessed"]
    found = find_episodes(clean, scope, shift_by_interval(clean, changes), assessed, response_kw)
    return profiled.loc[found.index].assign(**found)


def _assessed(profiled: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    return assess_rows(profiled, scope, _min_samples(scope))


def _min_samples(scope: WeekScope) -> int:
    """Return how many values of an hour of the week the method in use wants; the robust one pools neighbours."""
    return scope.config.baseline.hour_of_week_min_samples if scope.config.anomalies.method == TUKEY else _MIN_SAMPLES


def build_section(
    anomalies: pd.DataFrame,
    profiled: pd.DataFrame,
    clean: pd.DataFrame,
    scope: WeekScope,
    changes: list[LevelChange] | None = None,
    response_kw: pd.Series | None = None,
) -> dict[str, Any]:
    """Return the section "anomalies".

    Parameters
    ----------
    anomalies
        As `find_anomalies` gives them.
    profiled, clean
        What they were found in; they tell which meters could not be assessed.
    changes, response_kw
        As in `find_anomalies`.

    Notes
    -----
    `timeline` holds high and low episodes; a low one has `excessKwh` 0, its `deficitKwh`, and at most medium severity.
    `byChannel` and the summary are of the high ones, for a deficit is no saving; `belowUsualEvents` (also `lowEvents`,
    its first name) counts the others. It is a matter of direction: `bySeverity` counts all episodes by severity.
    Levels that changed for good stand in `steps`, once each. `expectedLoad` tells how well each meter is foreseen.

    `context` is where most of an event's excess lies, `dayShare` the excess (or deficit) over a usual day's energy.
    `severity` is "medium" from `medium_excess_kwh` and `medium_day_share` on (a low event:
    `low_medium_day_share`, for it costs nothing), "high" at `high_excess_kwh` and
    `high_actual_ratio` times the expected energy too. Of the events of one `incident` (`incidents`) the gravest
    alone keeps its severity; the others are "low" and name it in `partOf`. `confidence` is "high" when all four of
    `views` saw it, "medium" with three. The summary's `totalExcessKwh` holds a sub-meter's excess once, though its
    parent's event is listed too.
    """
    events = list_events(anomalies, scope)
    high = [event for event in events if event["direction"] == HIGH]
    net_kwh = net_of_sub_meters(anomalies["excess_kwh"], anomalies, scope.meters)
    ids = sorted({event["channelId"] for event in high})
    by_channel = [channel_entry([event for event in high if event["channelId"] == key]) for key in ids]
    by_channel.sort(key=lambda entry: (-entry["totalExcessKwh"], entry["channelId"]))
    is_robust = scope.config.anomalies.method == ROBUST
    if changes is None:
        changes = find_level_changes(clean, scope) if is_robust else []
    return {
        "summary": {
            "totalEvents": len(high),
            "affectedChannels": len(ids),
            "totalExcessKwh": round(float(net_kwh.sum()), 2),
            "lowEvents": len(events) - len(high),
            "belowUsualEvents": len(events) - len(high),
            "bySeverity": {
                level: sum(event["severity"] == level for event in events) for level in ("high", "medium", "low")
            },
        },
        "timeline": events,
        "byChannel": by_channel,
        "steps": list_steps(changes, scope) if is_robust else [],
        "expectedLoad": describe_expected(clean, scope, _NO_RESPONSE if response_kw is None else response_kw),
        "notAssessed": list_unassessed(_assessed(profiled, scope), clean, scope, _min_samples(scope)),
    }


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    summary = section["summary"]
    lines = [f"{summary['totalEvents']} events, {summary['totalExcessKwh']:.1f} kWh above what is usual"]
    lines += [
        f"{event['start']}  {event['excessKwh'] - event['deficitKwh']:8.1f} kWh  {event['severity']:<6}  "
        f"{event['channelName']} "
        f"(peak {event['peakPower']:.1f} kW, {event['context']})"
        for event in section["timeline"]
    ]
    lines += [
        f"{step['at']}  {step['kind']} of {step['channelName']} from {step['beforeKw']:.1f} to {step['afterKw']:.1f} kW"
        for step in section["steps"]
    ]
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)
