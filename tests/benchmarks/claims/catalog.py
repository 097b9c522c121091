"""All kinds of made-up sites: those that one may look at, and those that are held out."""

from __future__ import annotations

from benchmarks.claims import (
    kinds_calendar,
    kinds_changes,
    kinds_duty,
    kinds_generation,
    kinds_meters,
    kinds_meters_more,
    kinds_quiet,
    kinds_use_more,
    kinds_waste,
    kinds_weather,
)
from benchmarks.claims.made_up_site import Scenario

OPEN: tuple[Scenario, ...] = (
    *kinds_quiet.SCENARIOS,
    *kinds_waste.SCENARIOS,
    *kinds_calendar.SCENARIOS,
    *kinds_weather.SCENARIOS,
    *kinds_duty.SCENARIOS,
    *kinds_generation.SCENARIOS,
    *kinds_meters.SCENARIOS,
    *kinds_changes.SCENARIOS,
)
HELD_OUT: tuple[Scenario, ...] = (*kinds_use_more.SCENARIOS, *kinds_meters_more.SCENARIOS)
