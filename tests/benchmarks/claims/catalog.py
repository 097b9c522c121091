"""All kinds of made-up sites: those that one may look at, and those that are held out.

Held-out kinds were written without a look at the analyses. Once their reports were looked at one by one, they move to
the open ones, and new ones take their place.
"""

from __future__ import annotations

from benchmarks.claims import (
    held_out_calendar,
    held_out_faults,
    held_out_trades,
    held_out_waste,
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
    *kinds_use_more.SCENARIOS,
    *kinds_meters_more.SCENARIOS,
)
HELD_OUT: tuple[Scenario, ...] = (
    *held_out_trades.SCENARIOS,
    *held_out_waste.SCENARIOS,
    *held_out_calendar.SCENARIOS,
    *held_out_faults.SCENARIOS,
)
