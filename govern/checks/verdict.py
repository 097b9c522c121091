"""What a validation run is about, and what comes of it: the shapes that checks, verdicts and their store share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from config.site_file import SiteLimit
from govern.checks.quarantine import Quarantine
from govern.checks.reader import SEVERITY_BLOCK, Check
from lib.channel_names import describe_channel

VERDICT_CLOSED = "closed"
VERDICT_OPEN = "open"
REACH_NONE = "none"
SYSTEM_ID = 0  # stands for the whole system where a site's id would

EXAMPLES_SHOWN = 3


class Finding(NamedTuple):
    """One thing that a check found wrong, with its evidence."""

    channel_id: int | None
    found: int
    text: str
    examples: list[Any]
    severity: str
    channel_name: str | None = None

    @property
    def message(self) -> str:
        """What was found, with the channel it is about."""
        if self.channel_id is None:
            return self.text
        names = {} if self.channel_name is None else {self.channel_id: self.channel_name}
        return f"channel {describe_channel(self.channel_id, names)}: {self.text}"


class CheckResult(NamedTuple):
    """What a check found (nothing means that it passed), and by which of the site's own limits."""

    check: Check
    findings: list[Finding]
    site_limits: tuple[SiteLimit, ...] = ()

    @property
    def is_blocking(self) -> bool:
        """Whether any of it blocks."""
        return any(finding.severity == SEVERITY_BLOCK for finding in self.findings)

    @property
    def message(self) -> str:
        """The first findings in words, or that there are none; and the limits that are the site's own."""
        more = len(self.findings) - EXAMPLES_SHOWN
        shown = "; ".join(finding.message for finding in self.findings[:EXAMPLES_SHOWN]) or "nothing found"
        own = ", ".join(f"{limit.name} = {limit.value}, else {limit.default}" for limit in self.site_limits)
        return shown + (f"; and {more} more" if more > 0 else "") + (f" (the site's own {own})" if own else "")


class Scope(NamedTuple):
    """What a run is about: the site (or `SYSTEM_ID`), its window, and the ingest it has seen."""

    site_id: int
    lookback_start: datetime
    asked_until: datetime | None
    covers_ingest_until: datetime | None
    started_at: datetime
    attempts_since: datetime
    attempts_seen: int


class Verdict(NamedTuple):
    """The outcome of a validation run."""

    validation_run_id: int
    site_id: int
    verdict: str
    results: list[CheckResult]
    reach: str
    quarantines: list[Quarantine]
    site_limits: tuple[SiteLimit, ...] = ()
