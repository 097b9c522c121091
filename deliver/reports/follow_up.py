"""Puts into words what became of the findings of earlier weeks. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from datetime import date
from typing import Any

from deliver.words import formats as fmt
from lib.report_findings import FindingKind
from lib.states import Level

_MOST_NAMED = 2
# What there is to do about findings of a kind.
ACTION_WORDS = {
    "after_hours": "After-hours schedules",
    "high_use": "Use far above normal",
    "low_use": "Use far below normal",
    "level_up": "Level that rose",
    "level_down": "Level that fell",
    "meter": "Meters to repair",
    "electrical": "Electrical supply",
}
# What a report's finding has where it says nothing: nobody said or priced anything, and nothing happened to it.
_BLANK: dict[str, Any] = dict.fromkeys(
    ("channelId", "channelName", "backAfterWeeks", "weeklyKwh", "weeklyCost", "kwhSoFar", "costSoFar", "currency",
     "said", "saidBy", "owner", "due", "doneOn", "note"),
) | {"isSolvedNow": False, "isGrown": False, "isSilent": False}  # fmt: skip


def brief_finding(finding: dict[str, Any]) -> dict[str, Any]:
    """Return a finding that is followed as a report holds it: without the keys that say nothing."""
    return {key: value for key, value in finding.items() if key not in _BLANK or value is not _BLANK[key]}


def followed_findings(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings that a report follows, with all keys."""
    return [_BLANK | each for each in (report.get("followUp") or {}).get("findings") or []]


def describe_follow_up(follow_up: dict[str, Any]) -> str:
    """Return the sentence that begins ``Since last week:``; empty in the first report, which has nothing before it."""
    if follow_up["lastWeek"] is None:
        return ""
    counts, told = follow_up["counts"], [each for each in follow_up["findings"] if is_told(each)]
    parts = [
        _part(counts["solved"], "solved", [_rate(each) for each in told if each["isSolvedNow"]]),
        _part(counts["open"], "still open", [_open(each) for each in told if _is_open(each)]),
        _part(counts["back"], "back", [_back(each) for each in told if each["state"] == "back"]),
        _part(counts["new"], "new", [_rate(each) for each in told if each["state"] == "new"]),
        _part(counts["grown"], "grown by half or more", [_name(each) for each in told if each["isGrown"]]),
        _part(counts["notSeen"], "not seen this week", []),
        _part(counts["blind"], "can't be judged (meter silent or faulty)", []),
        _part(counts["accepted"], "marked as not needed or wrong", []),
    ]
    changes = f"{_since(follow_up)}: {', '.join(filter(None, parts)) or 'nothing changed'}."
    return " ".join([changes, *(saving_words(each) for each in follow_up["savings"] if each["isNew"])])


def saving_words(saving: dict[str, Any]) -> str:
    """Return what a finding that is done has saved, or what is missing to know it."""
    name, currency = saving["channelName"] or "the site", saving["currency"]
    weeks = fmt.count(saving["weeks"], "week")
    if saving["status"] == "waiting":
        return f"{name}: done on {fmt.long_day(saving['doneOn'])}, measured from {fmt.long_day(saving['nextOn'])}."
    if saving["status"] == "insufficient_data":
        missing = "; ".join(entry["message"] for entry in saving["missing"])
        return f"{name}: not proved after {weeks}: {missing}."
    cost, claimed = saving["savedCost"], (saving["claimed"] or {}).get("weeklyCost")
    low, likely, high = (fmt.money(cost[key], currency) for key in ("low", "likely", "high"))
    beside = f", claimed {fmt.money(claimed, currency)}" if claimed is not None else ""
    if saving["status"] == "verified_increase":
        return f"{name}: uses more than before it was done, after {weeks}: {likely} a week ({low} to {high}{beside})."
    return f"{name}: proved after {weeks}: {likely} a week saved ({low} to {high}{beside})."


def _since(follow_up: dict[str, Any]) -> str:
    last, own = (date.fromisoformat(follow_up[key]) for key in ("lastWeek", "week"))
    if (own - last).days <= 7:
        return "Since last week"
    return f"Since the report on the week of {fmt.long_day(last.isoformat())}"


def is_told(finding: dict[str, Any]) -> bool:
    """Return whether a finding is counted: not accepted, and believed or marked by somebody."""
    return not finding["isSilent"] and (finding["confidence"] != Level.LOW or finding["said"] is not None)


def _is_open(finding: dict[str, Any]) -> bool:
    return finding["state"] == "open" and finding["status"] in ("seen", "persists")


def _part(count: int, what: str, details: list[str]) -> str:
    known = [detail for detail in details if detail][:_MOST_NAMED]
    names = f" ({'; '.join(known)})" if known else ""
    return f"{count} {what}{names}" if count else ""


def _name(finding: dict[str, Any]) -> str:
    return str(finding["channelName"] or "the site")


def _rate(finding: dict[str, Any]) -> str:
    cost = finding["weeklyCost"]
    often = how_often(finding["kind"])
    return f"{_name(finding)}: {fmt.money(cost, finding['currency'])} {often}" if cost else _name(finding)


def how_often(kind: str, pattern: str | None = None) -> str:
    """Return what the cost of a finding is of: an event has its own, what is new that of its week, all else recurs."""
    if kind == FindingKind.HIGH_USE or pattern == "once":
        return "one-time"
    return "that week" if pattern == "new" else "a week"


def _open(finding: dict[str, Any]) -> str:
    cost = finding["costSoFar"]
    so_far = f", {fmt.money(cost, finding['currency'])} so far" if cost else ""
    return f"{_name(finding)}: week {finding['weekNumber']}{so_far}"


def _back(finding: dict[str, Any]) -> str:
    return f"{_name(finding)}, after {fmt.count(finding['backAfterWeeks'], 'week')}"


def state_words(finding: dict[str, Any]) -> str:
    """Return where a finding stands, and what was said of it."""
    words = {
        "new": "new",
        "open": f"open, week {finding['weekNumber']}",
        "back": f"back after {fmt.count(finding['backAfterWeeks'] or 0, 'week')}",
        "solved": "solved",
    }[finding["state"]]
    if finding["state"] == "open":
        words += {"clear": ", not seen this week", "blind": ", can't be judged this week"}.get(finding["status"], "")
    grown = ", grown" * finding["isGrown"]
    said = finding["said"] if finding["said"] not in (None, "open") else None
    return f"{words}{grown}" + (f"; {said.replace('-', ' ')}{_owner(finding)}" if said else "")


def _owner(finding: dict[str, Any]) -> str:
    due = f"due {fmt.long_day(finding['due'])}" if finding["due"] and finding["said"] == "planned" else ""
    details = ", ".join(filter(None, [finding["owner"], due]))
    return f" ({details})" if details else ""
