"""A finding as it stands after a week: the row of `v_findings` and `v_finding_weeks`, and its states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from lib.states import Level


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
    confidence: Level
    pattern: str | None
    currency: str | None
    week: date
    status: WeekStatus
    state: FindingState
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
    said: Said | None
    said_by: str | None
    said_at: datetime | None
    owner: str | None
    due: date | None
    done_on: date | None
    note: str | None
    basis_kwh: float | None
    is_silent: bool
    same_as: str | None

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> FollowedFinding:
        """Return the finding in a row of these columns."""
        read = cls(*row)
        return read._replace(
            confidence=Level(read.confidence),
            status=WeekStatus(read.status),
            state=FindingState(read.state),
            said=None if read.said is None else Said(read.said),
        )

    @property
    def is_open(self) -> bool:
        """Whether it is not solved, nobody said that it may stay, and it is not the same as another."""
        return self.state != FindingState.SOLVED and not self.is_silent and self.same_as is None

    @property
    def is_work(self) -> bool:
        """Whether it is open, and believed or planned by somebody: what lists of open findings count."""
        return self.is_open and (self.confidence != Level.LOW or self.said == Said.PLANNED)


def rank_by_money(findings: list[FollowedFinding]) -> list[FollowedFinding]:
    """Return findings by what they cost a week, the dearest of each currency first; those without a price last."""
    return sorted(
        findings,
        key=lambda each: (
            each.last_cost is None, each.currency or "", -(each.last_cost or 0.0), each.site_id, each.finding_id,
        ),
    )  # fmt: skip


class LedgerEntry(NamedTuple):
    """What a finding that is done was claimed to be and was measured to have saved, a week; columns of
    `v_savings_ledger`."""

    site_id: int
    finding_id: str
    meter_id: int | None
    meter_name: str | None
    kind: str
    title: str
    state: str
    done_on: date
    said_by: str
    owner: str | None
    weeks: int
    status: str
    claimed_kwh: float | None
    claimed_cost: float | None
    saved_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    saved_cost: float | None
    low_cost: float | None
    high_cost: float | None
    currency: str | None
    is_proved: bool
    is_still_there: bool
    missing: list[dict[str, Any]] | None
    week: date


VERIFIED = ("verified_saving", "verified_increase")


class LedgerTotal(NamedTuple):
    """The ledger of one currency: how many findings, and money a week. `claimed_cost` is of those that were judged."""

    currency: str | None
    done: int
    judged: int
    proved: int
    still_there: int
    claimed_cost: float
    low_cost: float
    saved_cost: float
    high_cost: float

    @property
    def realized_pct(self) -> float | None:
        """What was proved, in percent of what was claimed of the same findings; None where none is judged."""
        return 100 * self.saved_cost / self.claimed_cost if self.claimed_cost else None


def total_ledger(entries: Iterable[LedgerEntry]) -> list[LedgerTotal]:
    """Return the sums of a ledger by currency; what was not judged is counted, and in no sum of money."""
    by_currency: dict[str | None, list[LedgerEntry]] = {}
    for entry in entries:
        by_currency.setdefault(entry.currency, []).append(entry)
    return [_total(currency, own) for currency, own in sorted(by_currency.items(), key=lambda pair: str(pair[0]))]


def _total(currency: str | None, entries: list[LedgerEntry]) -> LedgerTotal:
    judged = [each for each in entries if each.status in VERIFIED]
    return LedgerTotal(
        currency,
        done=len(entries),
        judged=len(judged),
        proved=sum(each.is_proved for each in entries),
        still_there=sum(each.is_still_there for each in entries),
        claimed_cost=sum(each.claimed_cost or 0.0 for each in judged),
        low_cost=sum(each.low_cost or 0.0 for each in judged),
        saved_cost=sum(each.saved_cost or 0.0 for each in judged),
        high_cost=sum(each.high_cost or 0.0 for each in judged),
    )


class JudgedKind(NamedTuple):
    """What people said of the findings of one kind at one site; columns of `v_judged_findings`."""

    site_id: int
    kind: str
    judged: int
    acted_on: int  # planned or done
    not_needed: int  # it is there, and may be
    wrong: int

    @property
    def right_pct(self) -> float:
        """How many of the judged findings were there, in percent."""
        return 100 * (self.judged - self.wrong) / self.judged


def total_judged(rows: Iterable[JudgedKind]) -> list[JudgedKind]:
    """Return what people said of all sites together, by kind; the site of the sums is 0."""
    sums: dict[str, JudgedKind] = {}
    for row in rows:
        before = sums.get(row.kind, JudgedKind(0, row.kind, 0, 0, 0, 0))
        counts = (old + new for old, new in zip(before[2:], row[2:], strict=True))
        sums[row.kind] = JudgedKind(0, row.kind, *counts)
    return [sums[kind] for kind in sorted(sums)]
