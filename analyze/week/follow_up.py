"""What became of the findings of earlier weeks, and which of this week's somebody has accepted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from analyze.week.intervals import period_weeks
from analyze.week.site_week import SiteWeek
from analyze.week.summary import build_summary
from lib.findings import FindingState, FollowedFinding, WeekStatus, rank_by_money
from lib.states import Level

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from lib.readings import AcceptedGap

_THERE = (WeekStatus.SEEN, WeekStatus.PERSISTS)


def follow_findings(
    week: SiteWeek,
    findings: Sequence[FollowedFinding],
    own_week: date,
    last_week: date | None,
    gaps: Sequence[AcceptedGap],
    savings: Sequence[dict[str, Any]],
    tz: ZoneInfo,
) -> SiteWeek:
    """Return the week with `follow_up`, and without the wins of which somebody said that they may stay.

    Parameters
    ----------
    findings
        All of the site, as they are after this week.
    own_week, last_week
        Monday of the week itself, and of the newest week that was reported before; None where there is none.
    gaps
        Readings that somebody said will not come.
    savings
        What the findings that are done have saved (`done_savings.describe_saving`).

    Notes
    -----
    Silent wins leave the section and the summary; `followUp.accepted` lists them. `counts` are of what is told: neither
    silent, nor of low confidence, nor the same as another. A finding whose meter cannot be judged this week (`blind`),
    or that is not seen for the first time (`notSeen`), is open but counts apart.
    """
    silent = {finding.finding_id for finding in findings if finding.is_silent}
    wins = week.sections["quickWins"]
    accepted = [win for win in wins if win.get("lastingId") in silent]
    sections = week.sections | {"quickWins": [win for win in wins if win.get("lastingId") not in silent]}
    own = [each for each in findings if each.same_as is None]
    told = [each for each in own if not each.is_silent and (each.confidence != Level.LOW or each.said is not None)]
    shown = [each for each in own if each.state != FindingState.SOLVED or each.is_solved_now]
    return week._replace(
        sections=sections,
        summary=build_summary(
            sections,
            week.data.pricing.tariff.currency,
            week.consumption["totalKwh"],
            silent,
            period_weeks(week.data.scope),
        ),
        follow_up={
            "week": own_week.isoformat(),
            "lastWeek": last_week and last_week.isoformat(),
            "counts": _count(told, own),
            "findings": [_describe(finding) for finding in rank_by_money(shown)],
            "accepted": accepted,
            "savings": list(savings),
            "acceptedGaps": [
                {
                    "channelId": gap.channel_id,
                    "channelName": gap.channel_name,
                    "start": gap.gap_start.astimezone(tz).isoformat(),
                    "end": gap.gap_end.astimezone(tz).isoformat(),
                    "reason": gap.reason,
                    "acceptedBy": gap.accepted_by,
                }
                for gap in gaps
            ],
        },
    )


def is_still_open(finding: FollowedFinding) -> bool:
    """Return whether a finding was there before and is there this week."""
    return finding.state == FindingState.OPEN and finding.status in _THERE


def _count(told: Sequence[FollowedFinding], every: Sequence[FollowedFinding]) -> dict[str, int]:
    """Return how many findings there are of each state."""
    lasting = [each for each in told if each.state != FindingState.SOLVED]
    states = Counter(each.state for each in lasting)
    statuses = Counter(each.status for each in lasting)
    return {
        "new": states[FindingState.NEW],
        "open": sum(is_still_open(each) for each in lasting),
        "back": states[FindingState.BACK],
        "solved": sum(each.is_solved_now for each in told),
        "notSeen": statuses[WeekStatus.CLEAR],
        "blind": statuses[WeekStatus.BLIND],
        "grown": sum(each.is_grown for each in told),
        "accepted": sum(each.is_silent and each.state != FindingState.SOLVED for each in every),
    }


def _describe(finding: FollowedFinding) -> dict[str, Any]:
    """Return a finding as the report holds it."""
    return {
        "lastingId": finding.finding_id,
        "kind": finding.kind,
        "channelId": finding.meter_id,
        "channelName": finding.meter_name,
        "title": finding.title,
        "confidence": finding.confidence,
        "state": finding.state,
        "status": finding.status,
        "isSolvedNow": finding.is_solved_now,
        "isGrown": finding.is_grown,
        "isSilent": finding.is_silent,
        "sinceWeek": finding.since_week.isoformat(),
        "weekNumber": finding.week_number,
        "weeksThere": finding.weeks_there,
        "backAfterWeeks": finding.back_after_weeks,
        "weeklyKwh": _rounded(finding.last_energy_kwh),
        "weeklyCost": _rounded(finding.last_cost),
        "kwhSoFar": _rounded(finding.energy_so_far_kwh),
        "costSoFar": _rounded(finding.cost_so_far),
        "currency": finding.currency,
        "said": finding.said,
        "saidBy": finding.said_by,
        "owner": finding.owner,
        "due": finding.due and finding.due.isoformat(),
        "doneOn": finding.done_on and finding.done_on.isoformat(),
        "note": finding.note,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
