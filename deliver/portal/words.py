"""What the portal's pages say of a site's state and of its findings. Pure: `now` is given."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from config.limits import MAX_SYNC_AGE_HOURS
from deliver.portal.record import Figures, SiteFacts
from deliver.reports.follow_up import state_words
from deliver.words import formats as fmt
from lib.findings import FollowedFinding
from lib.states import BreakerState, DataSource

STATUS_WORDS = {
    "seen": "seen",
    "persists": "still there",
    "blind": "can’t be judged (meter silent or faulty)",
    "clear": "not seen",
}
GAP_WORDS = {
    "pending": "to be asked for again",
    "vendor_empty": "the service has nothing",
    "accepted": "accepted",
    "refetched": "arrived later",
}


class State(NamedTuple):
    """A state in words, with its tone ("good", "warn", "bad" or "calm")."""

    text: str
    tone: str


def sync_state(facts: SiteFacts, now: datetime) -> State:
    """Return how a site's readings arrive."""
    if facts.reading_end is None:
        return State("No readings yet", "bad")
    until = f"Readings to {fmt.when(facts.reading_end)}"
    if facts.data_source == DataSource.FILE:
        return State(f"{until}, from files", "calm")
    limit = now - timedelta(hours=MAX_SYNC_AGE_HOURS)
    if facts.fetched_at is None or datetime.fromisoformat(facts.fetched_at) < limit:
        return State(f"Late: last fetched {fmt.when(facts.fetched_at)}", "bad")
    if datetime.fromisoformat(facts.reading_end) < limit:
        return State(f"Late: readings end {fmt.when(facts.reading_end)}", "bad")
    if facts.silent_meters:
        return State(f"{until}; {facts.silent_meters} of {fmt.count(facts.meters, 'meter')} silent", "warn")
    if facts.attempts_failed:
        return State(f"{until}; {fmt.count(facts.attempts_failed, 'request')} failed", "warn")
    return State(until, "good")


def quality_state(facts: SiteFacts) -> State:
    """Return what the latest validation says of a site's data."""
    if facts.verdict == BreakerState.MISSING:
        return State("Not checked yet", "warn")
    if facts.verdict == BreakerState.OPEN:
        return State(f"Held back: {fmt.count(facts.failed_checks, 'check')} failed", "bad")
    if not facts.is_current:
        return State("Not checked since the latest readings", "warn")
    if facts.warnings:
        return State(f"Passed, {fmt.count(facts.warnings, 'warning')}", "calm")
    return State("Passed", "good")


def energy_words(figures: Figures) -> str:
    """Return the energy of a period; "at least" where part of it is unknown."""
    if figures.total_kwh is None:
        return fmt.MISSING
    return f"{'at least ' * figures.is_at_least}{fmt.kwh(figures.total_kwh)}"


def period_words(figures: Figures) -> str:
    """Return the days of a report."""
    return fmt.period(figures.start, figures.end)


def version_words(figures: Figures) -> str:
    """Return what is unusual about a report."""
    notes = [f"version {figures.version}"] if figures.version > 1 else []
    return ", ".join([*notes, *(["reported although checks failed"] if figures.is_forced else [])])


def finding_state(finding: FollowedFinding) -> str:
    """Return where a finding stands, and what was said of it."""
    known: dict[str, Any] = {
        "state": finding.state,
        "status": finding.status,
        "weekNumber": finding.week_number,
        "backAfterWeeks": finding.back_after_weeks,
        "isGrown": finding.is_grown,
        "said": finding.said,
        "owner": finding.owner,
        "due": finding.due and finding.due.isoformat(),
    }
    return str(fmt.plain(state_words(known)))
