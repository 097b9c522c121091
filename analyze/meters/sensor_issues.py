"""The single findings about a meter's health: one function per kind of issue. Pure.

Each takes the present intervals of baseline and period (`prepare_intervals`) and returns issues as the
section "sensorHealth" lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.bad_intervals import flag_flat_line
from analyze.meters.completeness import channel_completeness
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    channel_names,
    energy_meters,
    epoch_seconds,
    in_window,
    list_runs,
    places_by_channel,
    starts_new_run,
    starts_within,
)
from lib.states import Level
from lib.stats_utils import label_runs

_SAID_APART = ("type", "severity", "channelId", "channelName", "findingId", "lastingId", "evidence")
_RARELY = 0.01  # share of the baseline's intervals
# The types of issue, in the order in which a section counts them.
ISSUE_TYPES = (
    "dead", "stuck", "stale", "missing_data", "gap", "catch_up", "wrong_unit", "unit_change", "reversed",
    "phase_reversed", "phase_missing", "zero", "interpolated", "register", "register_jump", "impossible",
    "register_reset", "negative_energy", "clock_change", "register_drift", "sum_mismatch", "sum_shift",
    "phase_imbalance", "base_load_step", "no_generation", "quantised", "flat_line", "no_data",
)  # fmt: skip


def find_gaps(intervals: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the holes before an interval of the period that are longer than `gap_min_intervals`.

    Parameters
    ----------
    intervals
        Present intervals of baseline and period; a hole that began in the baseline is counted from the period's start.

    Returns
    -------
    pd.DataFrame
        `channel_id`, `start_s`, `end_s` (seconds since 1970, end excluded), `missing`. A channel without an earlier
        reading is missed from its installation on, if that is known.
    """
    channel, begun_s, length_s = (intervals[name].to_numpy() for name in ("channel_id", "epoch_s", "interval_s"))
    own = np.flatnonzero(starts_within(intervals, scope.period))
    is_first = (own == 0) | (channel[own] != channel[own - 1])
    known_from = np.where(is_first, np.nan, (begun_s + length_s)[own - 1])
    known_from[is_first] = _installed_s(channel[own[is_first]], scope)
    start_s = np.maximum(known_from, scope.period.start.timestamp())
    missing = np.round((begun_s[own] - start_s) / length_s[own])
    is_gap = missing > scope.config.sensors.gap_min_intervals
    own = own[is_gap]
    return pd.DataFrame(
        {"channel_id": channel[own], "start_s": start_s[is_gap], "end_s": begun_s[own], "missing": missing[is_gap]},
        index=intervals.index[own],
    )


def _installed_s(channel: npt.NDArray[np.int64], scope: WeekScope) -> list[float]:
    """Return when each of these channels was installed [seconds since 1970], NaN where that is not known."""
    meters = energy_meters(scope.meters)
    installed = dict(zip(meters["channel_id"].tolist(), epoch_seconds(meters["installed_at"]).tolist(), strict=True))
    return [installed.get(key, np.nan) for key in channel.tolist()]


def make_issue(kind: str, severity: Level, channel_id: int, scope: WeekScope, **more: Any) -> dict[str, Any]:
    """Return an issue as the section lists it; `more` are the facts of its kind."""
    name = channel_names(scope.meters)[int(channel_id)]
    return {
        "type": kind,
        "severity": severity,
        "channelId": int(channel_id),
        "channelName": name,
        **more,
    }


def facts_line(issue: dict[str, Any]) -> str:
    """Return the facts of an issue in one line, such as ``start 2026-01-12T00:00:00-05:00, hours 7.0``."""
    return ", ".join(f"{key} {value}" for key, value in issue.items() if key not in _SAID_APART)


def iso(seconds: float, scope: WeekScope) -> str:
    """Return seconds since 1970 as ISO 8601 on the site's wall clock."""
    return datetime.fromtimestamp(int(seconds), scope.tz).isoformat()


def find_absences(intervals: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the issues of meters that are dead, have no data at all, fell silent, or miss too much."""
    config, issues = scope.config, []
    meters = energy_meters(scope.meters)
    start_s, end_s = scope.period.start.timestamp(), scope.period.end.timestamp()
    last = _last_readings(intervals)
    covered = channel_completeness(intervals, scope.meters, scope.period)
    coverage = {key: facts for key, *facts in zip(*(covered[name].tolist() for name in covered), strict=True)}
    installed = np.nan_to_num(epoch_seconds(meters["installed_at"]), nan=-np.inf, neginf=-np.inf)
    removed = np.nan_to_num(epoch_seconds(meters["uninstalled_at"]), nan=np.inf, posinf=np.inf)
    for channel_id, opens, closes in zip(meters["channel_id"], installed, removed, strict=True):
        closes = min(closes, end_s)
        if closes <= start_s or (opens >= end_s and channel_id not in last):
            continue
        if channel_id not in last:
            issues.append(make_issue("no_data", Level.MEDIUM, channel_id, scope))
            continue
        last_s, length_s = last[channel_id]
        hours = (closes - last_s - length_s) / SECONDS_PER_HOUR
        silent = {"lastReading": iso(last_s, scope), "hoursSince": f"{hours:.1f}"}
        if last_s < start_s:
            issues.append(make_issue("dead", Level.HIGH, channel_id, scope, **silent))
            continue
        if hours > config.sensors.stale_after_hours:
            level = Level.HIGH if hours > config.sensors.stale_high_after_hours else Level.MEDIUM
            issues.append(make_issue("stale", level, channel_id, scope, **silent))
        expected, present, pct = coverage[channel_id]
        if 100.0 - pct > config.sensors.missing_max_pct:
            more = {"missingIntervals": int(expected - present), "completenessPct": round(float(pct), 1)}
            more["missingPct"] = round(100.0 - float(pct), 1)
            issues.append(make_issue("missing_data", Level.MEDIUM, channel_id, scope, **more))
    return issues


def _last_readings(intervals: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """Return start and length [s] of each channel's last interval."""
    start_s, length_s = (intervals[name].to_numpy() for name in ("epoch_s", "interval_s"))
    return {
        key: (int(start_s[own.stop - 1]), int(length_s[own.stop - 1]))
        for key, own in places_by_channel(intervals["channel_id"].to_numpy(dtype="int64")).items()
    }


def list_gap_issues(intervals: pd.DataFrame, doubled: pd.Series, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per hole in a channel's readings, but for the hour that is `doubled` in the one before."""
    issues, gaps = [], find_gaps(intervals, scope)
    if gaps.empty:
        return []
    is_counted = doubled.shift(fill_value=False)[gaps.index] & (gaps["end_s"] - gaps["start_s"] <= SECONDS_PER_HOUR)
    for gap in gaps[~is_counted].itertuples():
        hours = (gap.end_s - gap.start_s) / SECONDS_PER_HOUR
        level = Level.MEDIUM if hours > scope.config.sensors.gap_medium_after_hours else Level.LOW
        window = {"start": iso(gap.start_s, scope), "end": iso(gap.end_s, scope)}
        more = {"missingIntervals": int(gap.missing), "hours": round(hours, 2), **window}
        issues.append(make_issue("gap", level, gap.channel_id, scope, **more))
    return issues


def run_issues(
    kind: str, runs: pd.DataFrame, scope: WeekScope, severity_of: Callable[[Any], Level]
) -> list[dict[str, Any]]:
    """Return one issue per run, whose severity `severity_of` gives."""
    issues = []
    for run in runs.itertuples():
        window = {"start": iso(run.start.timestamp(), scope), "end": iso(run.end.timestamp(), scope)}
        more = {"hours": round(float(run.hours), 2), "powerKw": round(float(run.mean_kw), 3)}
        issues.append(make_issue(kind, severity_of(run), run.channel_id, scope, **window, **more))
    return issues


def list_stuck_issues(intervals: pd.DataFrame, stuck: pd.Series, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per frozen value that reaches into the period, from where it froze on."""
    if not stuck.any():
        return []
    power_kw = intervals["mean_kw"]
    moved = (power_kw - power_kw.shift()).abs() > scope.config.sensors.stuck_tolerance_ratio * power_kw.abs()
    run_id = label_runs(stuck, moved | (intervals["channel_id"] != intervals["channel_id"].shift()))
    runs = list_runs(intervals, run_id, mean_kw=("mean_kw", "mean"))
    runs = runs[runs.index.isin(run_id[in_window(intervals, scope.period)])]
    return run_issues("stuck", runs, scope, lambda run: Level.HIGH)


def list_flat_line_issues(intervals: pd.DataFrame, doubted: pd.Series, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per stretch of the period that is far steadier than usual and not `doubted` already."""
    config = scope.config
    flat = flag_flat_line(
        intervals,
        scope.baseline,
        window_hours=config.sensors.flat_min_hours,
        max_variance_kw2=config.sensors.flat_max_variance_kw2,
        min_steadier_ratio=config.sensors.flat_min_steadier_ratio,
    )
    flat &= ~doubted & in_window(intervals, scope.period)
    if not flat.any():
        return []
    run_id = label_runs(flat, starts_new_run(intervals))
    runs = list_runs(intervals, run_id, mean_kw=("mean_kw", "mean"))
    # Each flagged interval ends a flat window, so the stretch began most of a window before the first of them.
    lead_hours = config.sensors.flat_min_hours - runs["hours"] / runs["intervals"]
    runs = runs.assign(start=runs["start"] - pd.to_timedelta(lead_hours, unit="h"), hours=runs["hours"] + lead_hours)

    def severity_of(run: Any) -> Level:
        return Level.MEDIUM if run.hours >= config.sensors.flat_medium_after_hours else Level.LOW

    return run_issues("flat_line", runs, scope, severity_of)


def list_catch_up_issues(intervals: pd.DataFrame, catch_up: pd.Series, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per interval of the period that carries the energy of the hole before it."""
    is_told = catch_up & in_window(intervals, scope.period)
    if not is_told.any():
        return []
    gap_start = (intervals["epoch_s"] + intervals["interval_s"]).shift()
    rows = intervals.assign(gap_start=gap_start)[is_told]
    issues = []
    for row in rows.itertuples():
        gap_hours = (row.epoch_s - row.gap_start) / SECONDS_PER_HOUR
        window = {"start": iso(row.epoch_s, scope), "end": iso(row.epoch_s + row.interval_s, scope)}
        gap = {"gapStart": iso(row.gap_start, scope), "gapEnd": window["start"]}
        more = {"energyKwh": round(row.energy_kwh, 3), "gapHours": round(gap_hours, 2), **gap, **window}
        issues.append(make_issue("catch_up", Level.MEDIUM, row.channel_id, scope, **more))
    return issues


def list_negative_issues(intervals: pd.DataFrame, negative: pd.Series, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per channel with energy below zero in the period, by what its power says meanwhile.

    Power that is not negative: the register was reset. Negative power for `flat_min_hours` or more, in at most a
    hundredth of the baseline: a CT was turned round since (high); in nearly all of it: turned round since ever, or a
    generator (medium). Else the channel feeds in at times, and that is its nature (low).
    """
    if not negative.any():
        return []
    hours, in_baseline = intervals["hours"], in_window(intervals, scope.baseline)
    is_back = intervals["power_kw"] < 0
    shares = is_back[in_baseline].groupby(intervals["channel_id"]).mean()
    rows = intervals.assign(back_hours=hours.where(is_back, 0.0))[negative & in_window(intervals, scope.period)]
    run_id = pd.Series(rows["channel_id"].factorize()[0] + 1, index=rows.index)
    issues = []
    for run in list_runs(rows, run_id, kwh=("energy_kwh", "sum"), back_hours=("back_hours", "sum")).itertuples():
        kind, level = _negative_kind(run, shares.get(run.channel_id, 0.0), scope)
        window = {"start": iso(run.start.timestamp(), scope), "end": iso(run.end.timestamp(), scope)}
        more = {"intervals": int(run.intervals), "energyKwh": round(float(run.kwh), 3), **window}
        issues.append(make_issue(kind, level, run.channel_id, scope, **more))
    return issues


def _negative_kind(run: Any, baseline_share: float, scope: WeekScope) -> tuple[str, Level]:
    if run.back_hours < min(scope.config.sensors.flat_min_hours, run.hours / 2):
        return "register_reset", Level.MEDIUM
    if run.back_hours < scope.config.sensors.flat_min_hours or _RARELY < baseline_share < 1 - _RARELY:
        return "negative_energy", Level.LOW
    return ("reversed", Level.HIGH) if baseline_share <= _RARELY else ("reversed", Level.MEDIUM)
