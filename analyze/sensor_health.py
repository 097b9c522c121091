"""Find meters that are dead, silent, stuck or incomplete, judged as of the end of the period.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it)
Writes: nothing; the section "sensorHealth" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze import sensor_issues
from analyze.bad_intervals import find_bad_intervals
from analyze.completeness import channel_completeness
from analyze.intervals import WeekScope
from analyze.sensor_issues import ISSUE_TYPES, SEVERITIES
from lib import cli

__all__ = ["build_section", "channel_completeness", "find_bad_intervals", "main", "render_text"]


def build_section(intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return the section "sensorHealth".

    Parameters
    ----------
    intervals
        All present intervals (`prepare_intervals`), bad ones included.
    bad
        Their flags (`find_bad_intervals`).

    Notes
    -----
    "high" is kept for meters that are dead, stuck, or silent for more than `stale_high_after_hours`. `lastReading` is
    the start of the last interval, and `hoursSince` counts from its end to the end of the period (or to the meter's
    removal). A dead meter has no further issues of absence.
    """
    issues = [
        *sensor_issues.find_absences(intervals, scope),
        *sensor_issues.list_gap_issues(intervals, scope),
        *sensor_issues.list_stuck_issues(intervals, bad["stuck"], scope),
        *sensor_issues.list_flat_line_issues(intervals, bad["stuck"], scope),
        *sensor_issues.list_catch_up_issues(intervals, bad["catch_up"], scope),
        *sensor_issues.list_negative_issues(intervals, bad["negative_energy"], scope),
    ]
    issues.sort(key=lambda issue: (SEVERITIES.index(issue["severity"]), issue["channelId"], issue.get("start", "")))
    return {
        "summary": _summarise(issues),
        "totalIssues": len(issues),
        "bySeverity": {level: sum(issue["severity"] == level for issue in issues) for level in SEVERITIES},
        "issues": issues,
    }


def _summarise(issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {kind: [issue["channelId"] for issue in issues if issue["type"] == kind] for kind in ISSUE_TYPES}
    return [
        {"type": kind, "count": len(ids), "affectedChannels": len(set(ids)), "description": ISSUE_TYPES[kind][0]}
        for kind, ids in found.items()
        if ids
    ]


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    level = section["bySeverity"]
    lines = [f"{section['totalIssues']} issues: {level['high']} high, {level['medium']} medium, {level['low']} low"]
    lines += [f"{issue['severity']:<7} {issue['type']:<16} {issue['description']}" for issue in section["issues"]]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period."""
    from analyze import week_script  # here, for it imports this module

    return week_script.run_section(__doc__, argv, "sensorHealth", render_text)


if __name__ == "__main__":
    sys.exit(cli.run(main))
