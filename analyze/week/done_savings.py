"""What findings that somebody called done have saved: when they are measured, and against which claim. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from analyze.load.other_changes import MeterChange
from analyze.load.savings_data import Wasted, lack
from analyze.load.savings_level import MIN_FIT_DAYS, YEAR_DAYS
from lib.findings import FollowedFinding, Said, WeekStatus
from lib.report_findings import DAYS_PER_WEEK, FindingKind

HORIZON_WEEKS = (4, 13, 52)  # after which the saving is told
WAITING = "waiting"
_THERE = (WeekStatus.SEEN, WeekStatus.PERSISTS)
_MEASURED_KINDS = (FindingKind.AFTER_HOURS, FindingKind.HIGH_USE, FindingKind.LEVEL_UP)


class Claim(NamedTuple):
    """What a finding was before it was done: since when it was there, and its mean energy and cost a week."""

    since: date
    weekly_kwh: float
    weekly_cost: float | None
    currency: str | None


class Before(NamedTuple):
    """The days before a change: the first one that counts (None: all that are known), and those that were wasted, where
    they are no baseline of their own."""

    first: date | None
    wasted: Wasted | None


ALL_BEFORE = Before(None, None)
# What is missing of the days before, by the codes of a verdict.
NO_BASELINE = ("baseline_too_short", "baseline_incomplete", "baseline_without_energy", "season_unknown")


def list_done(findings: Sequence[FollowedFinding], until: date) -> list[FollowedFinding]:
    """Return the findings whose saving is measured at a meter: those done before the local day `until`."""
    return [
        finding
        for finding in findings
        if finding.said == Said.DONE
        and finding.meter_id is not None
        and finding.kind in _MEASURED_KINDS
        and finding.done_on is not None
        and finding.done_on < until
    ]


def changes_of(done: Sequence[FollowedFinding]) -> list[MeterChange]:
    """Return what was changed, of findings that are done: each meter and day once, by the first of its findings."""
    changes: dict[tuple[int, date], MeterChange] = {}
    for finding in done:
        if finding.meter_id is not None and finding.done_on is not None:
            key = finding.meter_id, finding.done_on
            changes.setdefault(key, MeterChange(finding.title, *key))
    return list(changes.values())


def weeks_measured(done_on: date, until: date) -> int:
    """Return how many weeks after the day of the change are over by `until`, of those that are told; 0 for none yet."""
    return max((weeks for weeks in HORIZON_WEEKS if measured_on(done_on, weeks) <= until), default=0)


def measured_on(done_on: date, weeks: int) -> date:
    """Return the local day after so many whole weeks; the day of the change belongs to neither side."""
    return done_on + timedelta(days=DAYS_PER_WEEK * weeks + 1)


def claim_of(weeks: Sequence[FollowedFinding], done_on: date) -> Claim | None:
    """Return what a finding was in the weeks before it was done, the last time that it was there."""
    before = [week for week in weeks if week.week < done_on and week.energy_so_far_kwh]
    if not before:
        return None
    last = before[-1]
    cost = None if last.cost_so_far is None else last.cost_so_far / last.weeks_there
    return Claim(last.since_week, (last.energy_so_far_kwh or 0.0) / last.weeks_there, cost, last.currency)


def baseline_of(weeks: Sequence[FollowedFinding], claim: Claim | None, done_on: date) -> Before:
    """Return which days before the change its saving is held against.

    What was there for eight weeks or more is a baseline of its own: weeks before it would be taken for a part of what
    is saved. What was there for less is told by what it used above the weeks in which it was not. The week in which it
    was first seen counts for either only where there are too few others: it may have begun on any day of it.
    """
    if claim is None:
        return ALL_BEFORE
    second = claim.since + timedelta(days=DAYS_PER_WEEK)
    if (done_on - claim.since).days >= MIN_FIT_DAYS:
        return Before(second if (done_on - second).days >= MIN_FIT_DAYS else claim.since, None)
    earlier = [week.week for week in weeks if week.week < claim.since and week.status in _THERE]
    first = max(earlier) + timedelta(days=DAYS_PER_WEEK) if earlier else None
    whole_from = second if (done_on - second).days >= DAYS_PER_WEEK else claim.since
    return Before(first, Wasted(claim.since, whole_from) if whole_from < done_on else None)


def hold_against_the_year(before: Before, done_on: date) -> Before:
    """Return which days count where no temperatures tell the season: weeks of a waste are no baseline then.

    They are told by what they used above the year before them.
    """
    if before.first is None or before.wasted is not None or (done_on - before.first).days >= YEAR_DAYS:
        return before
    return Before(None, Wasted(before.first, before.first))


def describe_saving(
    finding: FollowedFinding, claim: Claim | None, weeks: int, verdict: dict[str, Any] | None, until: date
) -> dict[str, Any]:
    """Return the saving of a finding as the report holds it; amounts are of a week.

    Parameters
    ----------
    verdict
        As `verify_savings` gives it; None before the first horizon.
    until
        Local day after the report's period.
    """
    done_on = finding.done_on
    assert done_on is not None
    ahead = [measured_on(done_on, each) for each in HORIZON_WEEKS if each > weeks]
    savings = (verdict or {}).get("savings")
    return {
        "lastingId": finding.finding_id,
        "channelId": finding.meter_id,
        "channelName": finding.meter_name,
        "title": finding.title,
        "doneOn": done_on.isoformat(),
        "weeks": weeks,
        "isNew": weeks > 0 and (until - measured_on(done_on, weeks)).days < DAYS_PER_WEEK,
        "nextOn": ahead[0].isoformat() if ahead else None,
        "status": WAITING if verdict is None else verdict["status"],
        "missing": [] if verdict is None else verdict["missing"],
        "claimed": None
        if claim is None
        else {
            "weeklyKwh": round(claim.weekly_kwh, 2),
            "weeklyCost": None if claim.weekly_cost is None else round(claim.weekly_cost, 2),
        },
        "savedKwh": _by_week(verdict, ("lowKwh", "savedKwh", "highKwh")),
        "savedCost": _by_week(verdict, ("lowCost", "savedCost", "highCost")),
        "currency": savings["currency"] if savings else (claim.currency if claim else finding.currency),
    }


def _by_week(verdict: dict[str, Any] | None, keys: tuple[str, str, str]) -> dict[str, float] | None:
    """Return low bound, likely saving and high bound a week, over the days that were measured."""
    if not verdict or not verdict["savings"]:
        return None
    per_week = DAYS_PER_WEEK / verdict["after"]["days"]
    values = (verdict["savings"][key] * per_week for key in keys)
    return {name: round(float(value), 2) for name, value in zip(("low", "likely", "high"), values, strict=True)}


def not_metered() -> dict[str, Any]:
    """Return the verdict on a meter that the site has no more."""
    text = "the meter is not among those that count at the site; see [site] and [channels] in its file"
    return {"status": "insufficient_data", "missing": [lack("not_metered", text, None)], "savings": None}
