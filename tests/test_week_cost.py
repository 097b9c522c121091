"""What analyzing a week costs, counted in calls: a number that no busy machine changes."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import pandas as pd
from tariff_factory import ASSUMED
from week_factory import NEW_YORK, fill_window, make_meters, make_scope, set_power

from analyze.week.site_week import SiteContext, SiteWeek, analyze_site_week
from config.thresholds import Thresholds
from lib.date_utils import Window

CHANNELS = 17
MOST_CALLS = 530_000  # of Python and C functions; 492,000 when this was written, with pandas 3.1
MOST_FRAMES = 70  # data frames that are built column by column, each the price of a hundred calls; there were 62
WHAT_TO_DO = (
    "analyzing a week of 17 meters has become dearer. Look what asks for it with `python -m cProfile -s tottime`: "
    "what every section needs is made once in analyze/week/findings.py and handed down, and a loop over meters is one "
    "operation on arrays (sum_by_channel, places_by_channel, grouped_quantiles). A new section may raise the ceiling."
)


def analyze_once() -> Callable[[], SiteWeek]:
    """Return a call that analyzes a week with something to find on every fourth meter."""
    meters = make_meters(*range(1, CHANNELS + 1))
    scope = make_scope(meters)
    both = Window(scope.baseline.start, scope.period.end)
    parts = [fill_window(key, both, 5.0 + key, 1.0 + key / 10) for key in range(1, CHANNELS + 1)]
    for key in range(0, CHANNELS, 4):
        parts[key] = set_power(parts[key], "2026-01-13 18:00", "2026-01-14 07:00", 7.0 + key)
    readings = pd.concat(parts, ignore_index=True)
    hour = readings["interval_start"].dt.floor("h").rename("timestamp")
    hourly = readings.groupby(["channel_id", hour])["energy_kwh"].agg(["sum", "size"]).reset_index()
    hourly.columns = ["channel_id", "timestamp", "energy_kwh", "reading_count"]
    electrical = readings.assign(voltage_v=120.0, power_factor=0.97, frequency_hz=60.0)
    context = SiteContext(tariffs=ASSUMED, hourly=hourly, electrical=electrical)
    schedule = scope.schedule

    def run() -> SiteWeek:
        return analyze_site_week(
            readings, meters, scope.period, scope.baseline, NEW_YORK, Thresholds(), schedule, context
        )

    return run


def test_a_week_of_17_meters_takes_no_more_calls_than_it_has_to() -> None:
    run = analyze_once()
    week = run()  # imports, and tables of the calendar
    assert len(week.consumption["byChannel"]) == CHANNELS
    assert len(week.sections["afterHoursWaste"]["topMeters"]) == 5
    profile = cProfile.Profile()
    profile.runcall(run)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    calls = sum(entry[1] for entry in stats.values())
    frames = sum(
        entry[1] for (path, _, name), entry in stats.items() if name == "__init__" and path.endswith("core/frame.py")
    )
    assert calls <= MOST_CALLS, f"{calls:,} calls, of {MOST_CALLS:,}: {WHAT_TO_DO}"
    assert frames <= MOST_FRAMES, f"{frames} data frames, of {MOST_FRAMES}: {WHAT_TO_DO}"
