"""A finding as it stands after a week: the row of `v_findings` and `v_finding_weeks`, and its states. Pure."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class FindingState(StrEnum):
    """Where a finding stands, by the reports alone."""

    NEW = "new"
    OPEN = "open"
    SOLVED = "solved"  # not there in two weeks in which it could have been
    BACK = "back"  # there again after it was solved


class WeekStatus(StrEnum):
    """What one week says of a finding."""

    SEEN = "seen"
    PERSISTS = "persists"  # no longer claimed, but its load is still there
    BLIND = "blind"  # the meter was silent, faulty or left out
    CLEAR = "clear"


class Said(StrEnum):
    """What a person said of a finding."""

    PLANNED = "planned"
    DONE = "done"
    NOT_NEEDED = "not-needed"  # nothing needs to be done: it may run
    WRONG = "wrong"  # there is no such thing
    OPEN = "open"  # what was said before is taken back


class FollowedFinding(NamedTuple):
    """A finding after a week; energy in kWh, costs in `currency`. The fields are columns of `v_findings`."""

    site_id: int
    finding_id: str
    kind: str
    cause: str | None
    meter_id: int | None
    meter_name: str | None
    title: str
    confidence: str
    pattern: str | None
    currency: str | None
    week: date
    status: str
    state: str
    is_solved_now: bool
    episode: int
    since_week: date
    week_number: int
    weeks_there: int
    last_there_week: date | None
    clear_weeks: int
    back_after_weeks: int | None
    energy_kwh: float | None
    cost: float | None
    energy_so_far_kwh: float | None
    cost_so_far: float | None
    last_energy_kwh: float | None
    last_cost: float | None
    is_grown: bool
    said: str | None
    said_by: str | None
    said_at: datetime | None
    owner: str | None
    due: date | None
    done_on: date | None
    note: str | None
    basis_kwh: float | None
    is_silent: bool

    @property
    def is_open(self) -> bool:
        """Whether it is not solved, and nobody said that it may stay."""
        return self.state != FindingState.SOLVED and not self.is_silent


def rank_by_money(findings: list[FollowedFinding]) -> list[FollowedFinding]:
    """Return findings by what they cost a week, the dearest of each currency first; those without a price last."""
    return sorted(
        findings,
        key=lambda each: (
            each.last_cost is None, each.currency or "", -(each.last_cost or 0.0), each.site_id, each.finding_id,
        ),
    )  # fmt: skip
