"""Puts into words what is told between two weekly reports. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deliver.reports.weekly import tell_sections, titles_of
from deliver.words import formats as fmt
from deliver.words.locales import written_for

if TYPE_CHECKING:
    from analyze.week.loading import Morning
    from analyze.week.news import HolidayNote
    from lib.findings import FollowedFinding


def in_words(morning: Morning) -> Morning:
    """Return what is news with its findings called as a report on these days would call them."""
    with written_for(morning.site.country):
        titles = titles_of(tell_sections(morning.sections))
    news = [each._replace(title=titles.get(each.finding_id, each.title)) for each in morning.news]
    return morning._replace(news=news)


def news_subject(morning: Morning, over: Sequence[FollowedFinding]) -> str:
    """Return the subject of a mail."""
    count, site = len(morning.news), f"{morning.site.site_name} ({morning.site.site_id})"
    if count:
        return f"{fmt.count(count, 'new finding')} at {site}"
    if morning.holidays:
        return f"{morning.holidays[0].name} at {site}"
    return f"Over at {site}: {fmt.count(len(over), 'finding')}"


def news_text(morning: Morning, over: Sequence[FollowedFinding]) -> str:
    """Return the mail: what is new, what is over, and what there is to say of a holiday."""
    parts = []
    if morning.news:
        parts += ["New:", *(_new(finding) for finding in morning.news), ""]
    if over:
        parts += ["Over:", *(f"- {each.title} [{each.finding_id}]" for each in over), ""]
    for note in morning.holidays:
        parts += [*_holiday(note), ""]
    site_id = morning.site.site_id
    parts += [
        "Say what became of a finding: python operations/mark_finding.py "
        f"--site {site_id} FINDING --state planned|done|not-needed|wrong --by NAME",
        "More than this waits for the weekly report.",
    ]
    return "\n".join(parts).replace("\N{NO-BREAK SPACE}", " ") + "\n"


def _new(finding: FollowedFinding) -> str:
    cost = f", {fmt.money(finding.last_cost, finding.currency)} in the last seven days" if finding.last_cost else ""
    back = f", back after {fmt.count(finding.back_after_weeks or 0, 'week')}" if finding.state == "back" else ""
    return f"- {finding.title} [{finding.finding_id}]{cost}{back}"


def _holiday(note: HolidayNote) -> list[str]:
    days = fmt.long_day(note.day.isoformat())
    if note.last > note.day:
        days += f" to {fmt.long_day(note.last.isoformat())}"
    if note.is_over:
        head = f"{note.name}, {days}: these were left running."
        return [head, *(f"- {name}: {fmt.kwh(kwh)}" for name, kwh in note.meters)]
    head = f"{note.name}, {days}: the site is closed. These can be off:"
    return [head, *(f"- {name} ({fmt.kw(kw)} when on)" for name, kw in note.meters)]
