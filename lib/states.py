"""The codes with which findings, reports and validation name and grade things."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How grave a thing is (severity), how sure a claim (confidence), how urgent a step (priority)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class BreakerState(StrEnum):
    """What the circuit breaker says of a site's data."""

    CLOSED = "closed"  # they may pass
    OPEN = "open"  # a blocking check failed
    MISSING = "missing"  # never validated


class Reach(StrEnum):
    """How far the worst finding of a validation reaches."""

    NONE = "none"
    CHANNEL = "channel"
    SITE = "site"
    SYSTEM = "system"


class DataSource(StrEnum):
    """Where a site's readings come from."""

    ENISCOPE = "eniscope"
    FILE = "file"
    SANDBOX = "sandbox"  # made up for trying and testing


class Advice(StrEnum):
    """What can be done about the bill."""

    SHAVE_PEAK = "shave_peak"
    SHIFT_LOAD = "shift_load"
    SWITCH_TARIFF = "switch_tariff"
    PAY_RATCHET = "pay_ratchet"  # of an earlier peak
    GUARD_RATCHET = "guard_ratchet"


class CostNote(StrEnum):
    """What a reader of the costs should know about their basis."""

    SHORT = "short"  # less than a week
    TARIFF_ASSUMED = "tariff_assumed"
    NOT_COMPARED = "not_compared"
    OTHER_ASSUMED = "other_assumed"  # the tariff that the site's own is compared with
    SCALE = "scale"  # from the period to a month; none of a calendar month
    YEAR = "year"
    PEAK = "peak"
    EXCLUDED = "excluded"  # riders and taxes
    HOLIDAYS = "holidays"  # of years that the tariff's list does not name
    RATCHET_MONTHS = "ratchet_months"  # of those that it looks back on
    RATCHET_HOURS = "ratchet_hours"  # before that day the means of hours are known
    LEFT_OUT = "left_out"
    AT_LEAST = "at_least"
