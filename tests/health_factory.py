"""Weeks of one meter on which a fault is put, and what the section "sensorHealth" says of them."""

import pandas as pd
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, make_scope, prepare

from analyze.sections.sensors import build_section
from analyze.week.intervals import prepare_intervals
from config.report_config import ReportConfig
from lib.date_utils import Window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
DAY, NIGHT = 12.0, 4.0  # kW of `healthy`
WHOLE_WEEK = ("2026-01-12", "2026-01-19")


def intervals_of(power_kw, interval_s=3600, start="2026-01-12 05:00Z"):
    return prepare_intervals(make_readings(1, start, power_kw, interval_s), METERS, NEW_YORK, ReportConfig())


def health(readings, meters=METERS, scope=None):
    scope = scope or make_scope(meters)
    intervals, bad, _ = prepare(readings, scope)
    return build_section(intervals, bad, scope)


def kinds(section):
    return [(issue["type"], issue["severity"]) for issue in section["issues"]]


def drop(readings, start, end):
    moment = readings["interval_start"]
    return readings[(moment < pd.Timestamp(start, tz="UTC")) | (moment >= pd.Timestamp(end, tz="UTC"))]


def healthy(**columns):
    """Return five weeks of a load that swings daily, on which a fault is put."""
    return fill_window(1, BOTH, DAY, NIGHT).assign(**columns)


def between(readings, start, end):
    """Return the rows from `start` up to `end` on the local wall clock."""
    moment = readings["interval_start"]
    return (moment >= pd.Timestamp(start, tz=NEW_YORK)) & (moment < pd.Timestamp(end, tz=NEW_YORK))


def scale(readings, rows, factor, columns=("energy_kwh", "power_kw")):
    return readings.assign(**{name: readings[name].mask(rows, readings[name] * factor) for name in columns})


def with_phases(readings, shares=(0.35, 0.33, 0.32)):
    named = {f"power_l{number}_kw": share * readings["power_kw"] for number, share in enumerate(shares, start=1)}
    return readings.assign(**named)


def set_phase(readings, rows, factor, phase=2):
    """Return `readings` of which one phase is `factor` times itself within `rows`, and the sums follow."""
    name = f"power_l{phase}_kw"
    change = (readings[name] * (factor - 1)).where(rows, 0.0)
    readings = readings.assign(**{name: readings[name] + change}, power_kw=readings["power_kw"] + change)
    return readings.assign(energy_kwh=readings["energy_kwh"] + change / 4)


def flagged(readings, meters=METERS):
    """Return by name how many intervals each mask flags."""
    _, bad, _ = prepare(readings, make_scope(meters))
    return {name: int(count) for name, count in bad.sum().items() if count}
