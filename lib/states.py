"""The words that findings, reports and validation grade things with."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How grave a thing is (severity), how sure a claim (confidence), how urgent a step (priority)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Verdict(StrEnum):
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
