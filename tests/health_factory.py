"""Weeks of one meter on which a fault is put, and what the section "sensorHealth" says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import pandas as pd
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, make_scope, prepare

from analyze.sections.sensors import build_section
from analyze.week.intervals import WeekScope, prepare_intervals
from lib.date_utils import Window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
DAY, NIGHT = 12.0, 4.0  # kW of `healthy`
WHOLE_WEEK = ("2026-01-12", "2026-01-19")


def intervals_of(power_kw: npt.ArrayLike, interval_s: int = 3600, start: str = "2026-01-12 05:00Z") -> pd.DataFrame:
    return prepare_intervals(make_readings(1, start, power_kw, interval_s), METERS, NEW_YORK)


def health(readings: pd.DataFrame, meters: pd.DataFrame = METERS, scope: WeekScope | None = None) -> dict[str, Any]:
    scope = scope or make_scope(meters)
    intervals, bad, _ = prepare(readings, scope)
    return build_section(intervals, bad, scope)


def kinds(section: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue["type"], issue["severity"]) for issue in section["issues"]]


def drop(readings: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    moment = readings["interval_start"]
    return readings[(moment < pd.Timestamp(start, tz="UTC")) | (moment >= pd.Timestamp(end, tz="UTC"))]


def healthy(**columns: Any) -> pd.DataFrame:
    """Return five weeks of a load that swings daily, on which a fault is put."""
    return fill_window(1, BOTH, DAY, NIGHT).assign(**columns)


def between(readings: pd.DataFrame, start: str, end: str) -> pd.Series:
    """Return the rows from `start` up to `end` on the local wall clock."""
    moment = readings["interval_start"]
    return (moment >= pd.Timestamp(start, tz=NEW_YORK)) & (moment < pd.Timestamp(end, tz=NEW_YORK))


def scale(
    readings: pd.DataFrame, rows: pd.Series, factor: float, columns: Sequence[str] = ("energy_kwh", "power_kw")
) -> pd.DataFrame:
    return readings.assign(**{name: readings[name].mask(rows, readings[name] * factor) for name in columns})


def with_phases(readings: pd.DataFrame, shares: Sequence[float] = (0.35, 0.33, 0.32)) -> pd.DataFrame:
    named = {f"power_l{number}_kw": share * readings["power_kw"] for number, share in enumerate(shares, start=1)}
    return readings.assign(**named)


def set_phase(readings: pd.DataFrame, rows: pd.Series, factor: float, phase: int = 2) -> pd.DataFrame:
    """Return `readings` of which one phase is `factor` times itself within `rows`, and the sums follow."""
    name = f"power_l{phase}_kw"
    change = (readings[name] * (factor - 1)).where(rows, 0.0)
    readings = readings.assign(**{name: readings[name] + change}, power_kw=readings["power_kw"] + change)
    return readings.assign(energy_kwh=readings["energy_kwh"] + change / 4)


def flagged(readings: pd.DataFrame, meters: pd.DataFrame = METERS) -> dict[str, int]:
    """Return by name how many intervals each mask flags."""
    _, bad, _ = prepare(readings, make_scope(meters))
    return {name: int(count) for name, count in bad.sum().items() if count}
