"""What is told between two weekly reports: findings that are new and confirmed, and named closures. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from analyze.load.schedules import hours_of_day
from config.opening_hours import list_holidays
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH
from lib.findings import FindingState, FollowedFinding, rank_by_money
from lib.report_findings import DAYS_PER_WEEK, FindingKind, ReportFinding
from lib.states import Level

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from analyze.expected.closed_use import ClosedUse
    from config.opening_hours import Schedule

CONFIRMING_NIGHTS = 2  # closed blocks in which it ran
DAYS_AHEAD = 2  # of a closure
_MAX_CLOSURE_DAYS = 120  # either side; a summer is one
_TOLD_BY_SEVERITY = (FindingKind.METER, FindingKind.ELECTRICAL)
_TELL_FROM_USD = 50.0  # a week, where a kWh costs the assumed rate; it rises and falls with the price in any currency
_MIN_HOLIDAY_KWH = 10.0  # of a meter on one holiday; as of every other claim
_MOST_METERS = 5


class Closure(NamedTuple):
    """Local days, from first to last, on which the site would be open but for a holiday, an exception or a break."""

    first: date
    last: date
    name: str


class HolidayNote(NamedTuple):
    """A closure to come, with the meters that can be off in it, or one that is over, with those that were not.

    `meters` are pairs of name and size: kW when on before it, kWh used after it (of its last seven days).
    """

    day: date
    last: date
    name: str
    is_over: bool
    meters: list[tuple[str, float]]


def tell_from_cost(rate_per_kwh: float | None) -> float:
    """Return the cost of a week from which a finding is told after its first night, at the site's mean energy rate."""
    return _TELL_FROM_USD * (rate_per_kwh or ASSUMED_RATE_USD_PER_KWH) / ASSUMED_RATE_USD_PER_KWH


def choose_news(
    found: Sequence[FollowedFinding],
    facts: Sequence[ReportFinding],
    known: Collection[str],
    min_cost: float,
) -> list[FollowedFinding]:
    """Return the findings of the last seven days that are news, the dearest first.

    Parameters
    ----------
    found
        The findings after these days.
    facts
        What was found in them.
    known
        Findings that a report or a mail told already, and that are not over.
    min_cost
        Of a week; from it on a finding need not be seen for two nights.
    """
    seen = {finding.finding_id: finding for finding in facts}
    news = [
        each
        for each in found
        if each.state in (FindingState.NEW, FindingState.BACK)
        and not each.is_silent
        and each.same_as is None
        and each.confidence != Level.LOW
        and each.finding_id not in known
        and each.finding_id in seen
        and _is_confirmed(seen[each.finding_id], min_cost)
    ]
    return rank_by_money(news)


def _is_confirmed(finding: ReportFinding, min_cost: float) -> bool:
    if finding.kind in _TOLD_BY_SEVERITY:
        return (
            finding.confidence == Level.HIGH
        )  # its severity: dead, silent for a day, stuck, miswired; a phase that is lost
    if (finding.cost or 0.0) >= min_cost:
        return True
    return int(finding.facts.get("blocks") or 0) >= CONFIRMING_NIGHTS


def find_holidays(
    today: date, schedule: Schedule, closed: ClosedUse, meter_names: Mapping[int, str], tz: ZoneInfo
) -> list[HolidayNote]:
    """Return what there is to say of a closure that begins in two days, and of one whose last day was yesterday."""
    notes = []
    ahead, behind = today + timedelta(days=DAYS_AHEAD), today - timedelta(days=1)
    coming, past = find_closure(ahead, schedule), find_closure(behind, schedule)
    if coming and coming.first == ahead and (meters := _can_be_off(closed, meter_names)):
        notes.append(HolidayNote(*coming, is_over=False, meters=meters))
    if past and past.last == behind:
        first = max(past.first, today - timedelta(days=DAYS_PER_WEEK))
        if meters := _were_on(first, behind, closed, meter_names, tz):
            notes.append(HolidayNote(*past, is_over=True, meters=meters))
    return notes


def find_closure(day: date, schedule: Schedule) -> Closure | None:
    """Return the named closure that a local day is part of; None on a day that is open, or closed in every week.

    Days that are closed in every week lie within a closure, and neither begin nor end it: a holiday on a Friday and the
    one on the Monday after it are one.
    """
    own = _closed_by(day, schedule)
    if own is None:
        return None
    names = {day: own}
    for step in (timedelta(days=-1), timedelta(days=1)):
        each = day
        for _ in range(_MAX_CLOSURE_DAYS):
            each += step
            name = _closed_by(each, schedule)
            if name is not None:
                names[each] = name
            elif schedule.week[each.weekday()]:
                break
    in_order = dict.fromkeys(names[each] for each in sorted(names))
    return Closure(min(names), max(names), ", ".join(in_order))


def _closed_by(day: date, schedule: Schedule) -> str | None:
    """Return the name of what closes a day that its week would have open; None where nothing does, or has no name."""
    if not schedule.week[day.weekday()]:
        return None
    holidays = list_holidays(schedule, [day.year])
    if hours_of_day(day, schedule, holidays):
        return None
    for exception in reversed(schedule.exceptions):
        if exception.start <= day <= exception.end:
            return exception.reason or None
    if day in holidays:
        return holidays[day]
    before = max((term for term in schedule.terms if term.end < day), key=lambda term: term.end, default=None)
    return f"break after {before.name}" if before and before.name else None


def _can_be_off(closed: ClosedUse, names: Mapping[int, str]) -> list[tuple[str, float]]:
    channels = closed.channels
    able = channels[channels["can_be_off"].astype(bool)] if len(channels) else channels
    largest = able.sort_values("on_kw", ascending=False).head(_MOST_METERS)
    return [(names[int(key)], round(float(kw), 1)) for key, kw in largest["on_kw"].items()]


def _were_on(
    first: date, last: date, closed: ClosedUse, names: Mapping[int, str], tz: ZoneInfo
) -> list[tuple[str, float]]:
    """Return the meters that ran on these local days, with what they used in the runs that touch them."""
    start, end = (
        datetime.combine(each, datetime.min.time(), tz).timestamp() for each in (first, last + timedelta(days=1))
    )
    runs: pd.DataFrame = closed.runs
    own = runs[(runs["start_s"] < end) & (runs["end_s"] > start) & (runs["week"] < 0)]
    shared = own["end_s"].clip(upper=end) - own["start_s"].clip(lower=start)
    kwh = (own["excess_kwh"] * shared / (own["end_s"] - own["start_s"])).groupby(own["channel_id"]).sum()
    large = kwh[kwh >= _MIN_HOLIDAY_KWH].sort_values(ascending=False).head(_MOST_METERS)
    return [(names[int(key)], round(float(value), 1)) for key, value in large.items()]


def describe_news(finding: FollowedFinding) -> dict[str, Any]:
    """Return a finding as a program is told of it."""
    return {
        "lastingId": finding.finding_id,
        "title": finding.title,
        "channelName": finding.meter_name,
        "state": finding.state,
        "confidence": finding.confidence,
        "weeklyKwh": finding.last_energy_kwh,
        "weeklyCost": finding.last_cost,
        "currency": finding.currency,
    }
