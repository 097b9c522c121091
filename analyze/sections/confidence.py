"""How sure a claim is, and what keeps it from being surer. Pure.

High: of claims called so, nine in ten are true on sites never seen (docs/accuracy.md measures it). It needs opening
hours that somebody named, weather that is known or shown not to matter, three like weeks, nearly complete readings, and
no doubt about the meter. Low claims are in no headline and no sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from lib.states import Level


class Doubt(StrEnum):
    """What keeps a claim from being surer."""

    ASSUMED_HOURS = "assumed_hours"  # nobody named the opening hours
    SHORT_PERIOD = "short_period"  # less than a week: one day is no sample of seven
    NO_WEEKS_BEFORE = "no_weeks_before"
    FEW_WEEKS = "few_weeks"
    MAY_BE_WEATHER = "may_be_weather"
    WEATHER_UNKNOWN = "weather_unknown"
    INCOMPLETE = "incomplete"
    METER = "meter"  # sensor health has an issue with it
    FAR_BEYOND = "far_beyond"  # ten times what the meter ever showed: it may be of another unit
    SPREAD = "spread"  # the low bound is less than half of the claim
    IN_USE = "in_use"  # while the site is open, more use may be more work
    NEEDED = "needed"  # nothing says that it can be off


_LOW = frozenset(
    {
        Doubt.ASSUMED_HOURS,
        Doubt.SHORT_PERIOD,
        Doubt.NO_WEEKS_BEFORE,
        Doubt.MAY_BE_WEATHER,
        Doubt.NEEDED,
        Doubt.FAR_BEYOND,
    }
)


class Confidence(NamedTuple):
    """A level, and the doubts that it rests on."""

    level: Level
    doubts: tuple[Doubt, ...]


def weigh_doubts(doubts: Iterable[Doubt]) -> Confidence:
    """Return the confidence of a claim with these doubts: one grave doubt makes it low, any other medium."""
    found = tuple(sorted(set(doubts)))
    if _LOW & set(found):
        return Confidence(Level.LOW, found)
    return Confidence(Level.MEDIUM if found else Level.HIGH, found)
