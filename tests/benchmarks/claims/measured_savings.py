"""What headlines say can be saved in weeks of measured buildings.

The truth is not known there, and nobody named the hours: a person has to read every saving that is listed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.bench_accuracy import plan_sites
from benchmarks.claims.stored_frames import report_measured
from benchmarks.measured_meters import MeasuredWeek, Meter

from config.thresholds import Thresholds

SEEDS = (201, 202, 203)  # those of docs/accuracy.md


class MeasuredSavings(NamedTuple):
    """What one report on measured meters puts into its headline [kWh]."""

    name: str
    weekly_kwh: float
    once_kwh: float
    titles: tuple[str, ...]


def plan_measured(meters: list[Meter]) -> list[tuple[str, MeasuredWeek]]:
    """Return the site-weeks of the accuracy bench, each with a name."""
    site_of = {meter.channel_id: meter.site for meter in meters}
    weeks = [week for seed in SEEDS for week in plan_sites(meters, seed, Thresholds())]
    return [(f"{site_of[int(week.meters['channel_id'].iloc[0])]} {week.period.start:%Y-%m-%d}", week) for week in weeks]


def read_savings(name: str, report: dict[str, Any]) -> MeasuredSavings:
    """Return what a report claims in its headline."""
    savings = report["summary"]["totalPotentialSavings"]
    believed = [win for win in report["sections"]["quickWins"] if win["confidence"] != "low"]
    titles = tuple(win["title"] for win in believed if win["impact"]["weeklyKwh"] > 0)
    return MeasuredSavings(name, float(savings["weeklyKwh"]), float(savings.get("onceKwh", 0.0)), titles)


def run_measured(task: tuple[str, MeasuredWeek, int]) -> MeasuredSavings:
    """Make the report of one site-week and read its headline."""
    name, week, site_id = task
    return read_savings(name, report_measured(week, site_id))
