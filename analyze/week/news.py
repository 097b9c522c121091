"""What is told between two weekly reports: findings that are new and confirmed, and holidays. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from lib.findings import FindingState, FollowedFinding, rank_by_money
from lib.report_findings import FindingKind, ReportFinding

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from analyze.expected.closed_use import ClosedUse
    from config.opening_hours import Schedule

CONFIRMING_NIGHTS = 2  # closed blocks in which it ran
DAYS_AHEAD = 2  # of a holiday
_MIN_HOLIDAY_KWH = 10.0  # of a meter on one holiday; as of every other claim
_MOST_METERS = 5
_LOW, _HIGH = "low", "high"


class HolidayNote(NamedTuple):
    """A holiday to come, with the meters that can be off on it, or one that is over, with those that were not.

    `meters` are pairs of name and size: kW when on before it, kWh used after it.
    """

    day: date
    name: str
    is_over: bool
    meters: list[tuple[str, float]]


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
        and each.confidence != _LOW
        and each.finding_id not in known
        and each.finding_id in seen
        and _is_confirmed(seen[each.finding_id], min_cost)
    ]
    return rank_by_money(news)


def _is_confirmed(finding: ReportFinding, min_cost: float) -> bool:
    if finding.kind == FindingKind.METER:
        return finding.confidence == _HIGH  # its severity: dead, silent for a day, stuck, miswired
    if (finding.cost or 0.0) >= min_cost:
        return True
    return int(finding.facts.get("blocks") or 0) >= CONFIRMING_NIGHTS


def find_holidays(
    today: date, schedule: Schedule, names: Mapping[date, str], closed: ClosedUse, meter_names: Mapping[int, str],
    tz: ZoneInfo,
) -> list[HolidayNote]:  # fmt: skip
    """Return what there is to say of a holiday in two days, and of one that was yesterday.

    Parameters
    ----------
    names
        Holidays by local day; one on which the site would be closed anyway, or has hours, is not told.
    """
    notes = []
    ahead, behind = today + timedelta(days=DAYS_AHEAD), today - timedelta(days=1)
    if _is_free(ahead, schedule, names) and (meters := _can_be_off(closed, meter_names)):
        notes.append(HolidayNote(ahead, names[ahead], is_over=False, meters=meters))
    if _is_free(behind, schedule, names) and (meters := _were_on(behind, closed, meter_names, tz)):
        notes.append(HolidayNote(behind, names[behind], is_over=True, meters=meters))
    return notes


def _is_free(day: date, schedule: Schedule, names: Mapping[date, str]) -> bool:
    """Return whether a holiday closes a day that would be open."""
    return day in names and not schedule.holiday_hours and bool(schedule.week[day.weekday()])


def _can_be_off(closed: ClosedUse, names: Mapping[int, str]) -> list[tuple[str, float]]:
    channels = closed.channels
    able = channels[channels["can_be_off"].astype(bool)] if len(channels) else channels
    largest = able.sort_values("on_kw", ascending=False).head(_MOST_METERS)
    return [(names[int(key)], round(float(kw), 1)) for key, kw in largest["on_kw"].items()]


def _were_on(day: date, closed: ClosedUse, names: Mapping[int, str], tz: ZoneInfo) -> list[tuple[str, float]]:
    """Return the meters that ran on a local day, with what they used in the runs that touch it."""
    start, end = (
        datetime.combine(each, datetime.min.time(), tz).timestamp() for each in (day, day + timedelta(days=1))
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
