"""Decide whether it is the meter or the building: dead, silent, stuck, wrongly scaled or wired meters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from analyze.meters import meter_checks, sensor_issues
from analyze.meters.bad_intervals import any_fault, find_bad_intervals
from analyze.meters.channel_kinds import find_resets
from analyze.meters.completeness import channel_completeness
from analyze.meters.meter_tree import parents_of
from analyze.meters.phase_faults import PHASE_COLUMNS
from analyze.meters.sensor_issues import ISSUE_TYPES, facts_line
from analyze.week.intervals import WeekScope, channels_within, starts_within
from lib.states import Level

__all__ = ["build_section", "channel_completeness", "find_bad_intervals", "render_text"]


def build_section(
    intervals: pd.DataFrame,
    bad: pd.DataFrame,
    scope: WeekScope,
    resets: pd.DataFrame | None = None,
    clean: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Return the section "sensorHealth".

    Parameters
    ----------
    intervals
        All present intervals (`prepare_intervals`), bad ones included.
    bad
        Their flags (`find_bad_intervals`).
    resets
        Intervals with negative energy that never came among the readings, for quarantine holds them; prepared alike.

    clean
        Those that show what is used (`WeekData.clean`); None takes all that are not bad.

    Notes
    -----
    "high" is kept for meters that are dead, stuck, or silent for more than `stale_high_after_hours`, that tell a wrong
    unit, or that miss a phase or count it backwards. `lastReading` is the start of the last interval, and `hoursSince`
    counts from its end to the end of the period (or to the meter's removal). A dead meter has no further issues of
    absence. `notAssessed` lists the checks that lack data, each with what is missing and when it will be possible.
    """
    is_bad = any_fault(bad)
    clean = intervals[~is_bad] if clean is None else clean
    base_loads = meter_checks.daily_base_loads(clean)
    doubled = bad.get("clock_change", pd.Series(False, index=intervals.index))
    issues = [
        *sensor_issues.find_absences(intervals, scope),
        *sensor_issues.list_gap_issues(intervals, doubled, scope),
        *sensor_issues.list_stuck_issues(intervals, bad["stuck"], scope),
        *sensor_issues.list_flat_line_issues(intervals, is_bad, scope),
        *sensor_issues.list_catch_up_issues(intervals, bad["catch_up"], scope),
        *sensor_issues.list_negative_issues(intervals, bad["negative_energy"], scope),
        *(
            []
            if resets is None
            else sensor_issues.list_negative_issues(resets, find_resets(resets, scope.meters), scope)
        ),
        *meter_checks.list_fault_issues(intervals, bad, scope),
        *meter_checks.list_unit_changes(intervals, bad, scope),
        *meter_checks.list_imbalance_issues(clean, scope),
        *meter_checks.list_register_drift_issues(clean, scope),
        *meter_checks.list_sum_issues(clean, scope),
        *meter_checks.list_generation_issues(intervals, scope),
        *meter_checks.list_base_step_issues(base_loads, scope),
        *meter_checks.list_quantised_issues(clean, scope),
    ]
    issues.sort(key=lambda issue: (list(Level).index(issue["severity"]), issue["channelId"], issue.get("start", "")))
    return {
        "summary": _summarise(issues),
        "totalIssues": len(issues),
        "bySeverity": {level: sum(issue["severity"] == level for issue in issues) for level in Level},
        "issues": issues,
        "notAssessed": _list_unassessed(clean, base_loads, scope),
    }


def _list_resets(resets: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    return sensor_issues.list_negative_issues(resets, find_resets(resets, scope.meters), scope)


def _list_unassessed(clean: pd.DataFrame, base_loads: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the checks that no channel, or not each, has the data for, and why."""
    reporting = sorted(channels_within(clean, scope.period))
    with_phases, with_both = (
        _channels_with(names, clean, scope) for names in (PHASE_COLUMNS, ("energy_kwh", "power_kw"))
    )
    days = base_loads[base_loads["start_s"] < scope.period.start.timestamp()]["channel_id"].value_counts()
    needed = scope.config.meters.base_step_min_baseline_days
    later = (scope.period.end + timedelta(days=needed)).astimezone(scope.tz).date().isoformat()
    lacking = {
        ("phases", "no_phase_power", "power of each of three phases", None): with_phases,
        ("register_drift", "no_energy_beside_power", "both energy and power", None): with_both,
        ("base_load_step", "short_baseline", f"{needed} nearly full days before the period", later): set(
            days.index[days >= needed]
        ),
        ("sum_of_sub_meters", "no_meter_tree", "which meters are part of which", None): {
            key for pair in parents_of(scope.meters).items() for key in pair
        },
    }
    return [
        {
            "check": check,
            "status": "insufficient_data",
            "code": code,
            "missing": missing,
            "possibleFrom": possible_from,
            "channelIds": [key for key in reporting if key not in able],
        }
        for (check, code, missing, possible_from), able in lacking.items()
        if set(reporting) - able
    ]


def _channels_with(names: Sequence[str], clean: pd.DataFrame, scope: WeekScope) -> set[int]:
    """Return the channels of which an interval of the period has all of these columns."""
    if not set(names) <= set(clean.columns):
        return set()
    own = np.flatnonzero(starts_within(clean, scope.period))
    known = ~np.logical_or.reduce([np.isnan(clean[name].to_numpy(dtype=float)[own]) for name in names])
    return set(clean["channel_id"].to_numpy()[own[known]].tolist())


def _summarise(issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {kind: [issue["channelId"] for issue in issues if issue["type"] == kind] for kind in ISSUE_TYPES}
    return [{"type": kind, "count": len(ids), "affectedChannels": len(set(ids))} for kind, ids in found.items() if ids]


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader: the facts of each issue, as the report puts them into words."""
    level = section["bySeverity"]
    lines = [f"{section['totalIssues']} issues: {level['high']} high, {level['medium']} medium, {level['low']} low"]
    lines += [
        f"{issue['severity']:<7} {issue['type']:<16} {issue['channelName']}: {facts_line(issue)}"
        for issue in section["issues"]
    ]
    return "\n".join(lines)
