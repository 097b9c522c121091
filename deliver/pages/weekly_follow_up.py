"""Lays out what became of the findings of earlier weeks. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.parts import Part
from deliver.reports.follow_up import followed_findings, is_told, saving_words, state_words
from deliver.words import formats as fmt

_MUTED = {"finding": "Mails about new findings"}
_COLUMNS = [
    parts.column("Finding"),
    parts.column("Where it stands"),
    parts.column("A week", "right"),
    parts.column("So far", "right"),
]


def follow_up_line(report: dict[str, Any]) -> list[str]:
    """Return the sentence of the head; nothing in a first report, and in those of before."""
    text = (report.get("followUp") or {}).get("text")
    return [text] if text else []


def follow_up_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    follow_up = report.get("followUp") or {}
    followed = [each for each in followed_findings(report) if not each["isSilent"]]
    told = sum(map(is_told, followed))
    doubtful = f" and {len(followed) - told} of low confidence" if told < len(followed) else ""
    all_new = ", all new: this is the first report" if follow_up and follow_up["lastWeek"] is None else ""
    return f"{fmt.count(told, 'finding')}{doubtful}{all_new}"


def follow_up_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the findings that are followed, the dearest first, and what people accepted."""
    follow_up = report.get("followUp") or {}
    followed = [each for each in followed_findings(report) if not each["isSilent"]]
    accepted = [each for each in followed_findings(report) if each["isSilent"]]
    return [
        parts.table("Findings, by what they cost a week", _COLUMNS, [_row(each) for each in followed]),
        parts.bullets([saving_words(each) for each in follow_up.get("savings") or []]),
        parts.bullets([_accepted(each) for each in accepted]),
        parts.bullets([_gap(gap) for gap in follow_up.get("acceptedGaps") or []]),
        parts.bullets([_mute(mute) for mute in follow_up.get("mutes") or []]),
    ]


def _row(finding: dict[str, Any]) -> list[parts.Cell]:
    currency = finding["currency"]
    return [
        finding["title"],
        state_words(finding),
        (fmt.money(finding["weeklyCost"], currency), finding["weeklyCost"]),
        (fmt.money(finding["costSoFar"], currency), finding["costSoFar"]),
    ]


def _accepted(finding: dict[str, Any]) -> str:
    note = f": {finding['note']}" if finding["note"] else ""
    return f"Marked {finding['said'].replace('-', ' ')} by {finding['saidBy']}{note} — {finding['title']}"


def _mute(mute: dict[str, Any]) -> str:
    what = "All messages about this site" if mute["kind"] is None else _MUTED.get(mute["kind"], "Alerts")
    return f"{what} are muted until {fmt.when(mute['until'])}: {mute['reason']}"


def _gap(gap: dict[str, Any]) -> str:
    who = f" (accepted by {gap['acceptedBy']})" if gap["acceptedBy"] else ""
    reason = f": {gap['reason']}" if gap["reason"] else ""
    return f"{gap['channelName']}: no readings {fmt.span(gap['start'], gap['end'])}{reason}{who}"
