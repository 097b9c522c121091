"""Findings as lines for a terminal, and as a table for a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from lib.findings import FindingState, FollowedFinding, JudgedKind, LedgerEntry, LedgerTotal, Said, WeekStatus
from lib.logs import clean_text

COLUMNS = (
    "site_id", "site_name", "finding_id", "title", "state", "said", "confidence", "since_week", "week_number",
    "energy_kwh_a_week", "cost_a_week", "energy_so_far_kwh", "cost_so_far", "currency", "owner", "due", "note",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs such a cell (OWASP, "CSV Injection")


def describe_state(finding: FollowedFinding) -> str:
    """Return where a finding stands, in a few words."""
    words = {
        FindingState.NEW: "new",
        FindingState.OPEN: f"open, week {finding.week_number}",
        FindingState.SOLVED: f"solved, last seen in the week of {finding.last_there_week}",
        FindingState.BACK: f"back after {_weeks(finding.back_after_weeks or 0)}",
    }[FindingState(finding.state)]
    if finding.state != FindingState.SOLVED and finding.status == WeekStatus.BLIND:
        words += ", meter can't be judged this week"
    elif finding.state == FindingState.OPEN and finding.status == WeekStatus.CLEAR:
        words += ", not seen this week"
    if finding.same_as is not None:
        return f"{words}; same as {finding.same_as}"
    if finding.said in (None, Said.OPEN):
        return words
    said = f"{finding.said} ({', '.join(filter(None, [finding.said_by, _due(finding)]))})"
    return f"{words}; {said}"


def _due(finding: FollowedFinding) -> str:
    if finding.said == Said.DONE:
        return f"on {finding.done_on}"
    return f"due {finding.due}" if finding.due and finding.said == Said.PLANNED else ""


def _weeks(count: int) -> str:
    return f"{count} week{'s' * (count != 1)}"


def describe_money(finding: FollowedFinding) -> str:
    """Return what a finding costs a week, and so far; empty where it has no price."""
    if finding.last_cost is None:
        return ""
    so_far = f", {finding.cost_so_far:,.0f} so far" if finding.cost_so_far is not None else ""
    return f"{finding.last_cost:,.2f} {finding.currency} a week{so_far}"


def list_lines(findings: Iterable[FollowedFinding], names: Mapping[int, str]) -> list[str]:
    """Return two lines a finding: its id and where it stands, then what it is and costs."""
    lines = []
    for finding in findings:
        site = f"{names.get(finding.site_id, 'site')} ({finding.site_id})"
        money = ", ".join(filter(None, [describe_money(finding), f"{finding.confidence} confidence"]))
        lines += [f"{finding.finding_id}  {describe_state(finding)}", f"    {finding.title}; {money}; {site}"]
    return [clean_text(line) for line in lines]


def write_table(findings: Iterable[FollowedFinding], names: Mapping[int, str]) -> str:
    """Return the findings as CSV with a head, one row each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in findings:
        writer.writerow([
            each.site_id, _cell(names.get(each.site_id)), each.finding_id, _cell(each.title), each.state, each.said,
            each.confidence, each.since_week, each.week_number, _number(each.last_energy_kwh), _number(each.last_cost),
            _number(each.energy_so_far_kwh), _number(each.cost_so_far), each.currency, _cell(each.owner), each.due,
            _cell(each.note),
        ])  # fmt: skip
    return text.getvalue()


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _cell(text: str | None) -> str | None:
    """Return text from outside as no spreadsheet takes it for a formula."""
    if text is None:
        return None
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def ledger_line(entry: LedgerEntry) -> str:
    """Return what one finding that is done has saved, or what is missing to know it."""
    head = f"{entry.site_id}  {entry.finding_id}  done on {entry.done_on}"
    claimed = "" if entry.claimed_cost is None else f", claimed {entry.claimed_cost:,.2f} {entry.currency} a week"
    if entry.weeks == 0:
        return f"{head}{claimed}: measured after 4 weeks"
    if entry.saved_cost is None or entry.status == "insufficient_data":
        missing = "; ".join(str(each["message"]) for each in entry.missing or [])
        return f"{head}{claimed}: not proved after {entry.weeks} weeks: {missing}"
    lasts = "still there" if entry.is_still_there else f"the finding is {entry.state}"
    word = f"proved, {lasts}" if entry.is_proved else "it uses more than before"
    return (
        f"{head}{claimed}, measured over {entry.weeks} weeks: {entry.saved_cost:,.2f} "
        f"({entry.low_cost:,.2f} to {entry.high_cost:,.2f}); {word}"
    )


def total_line(total: LedgerTotal) -> str:
    """Return the sums of a currency, with the realized share."""
    share = "" if total.realized_pct is None else f"; realized share {total.realized_pct:.0f} % of what was claimed"
    return (
        f"{total.currency}: {total.done} done, {total.judged} judged, {total.proved} proved, "
        f"{total.still_there} still there; {total.saved_cost:,.2f} a week "
        f"({total.low_cost:,.2f} to {total.high_cost:,.2f}) of {total.claimed_cost:,.2f} claimed{share}"
    )


def accuracy_line(row: JudgedKind) -> str:
    """Return how many judged findings of a kind were there."""
    return (
        f"{row.kind}: {row.judged - row.wrong} of {row.judged} right ({row.right_pct:.0f} %): "
        f"{row.acted_on} acted on, {row.not_needed} not needed, {row.wrong} wrong"
    )
