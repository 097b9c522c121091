"""Lays out the portal's own pages: all sites, a site, its findings and their history, its data quality. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from deliver.portal import links
from deliver.portal.layout import Cell, Item, Page, Section, Table, Tile, leads_to
from deliver.portal.record import Figures, SiteFacts
from deliver.portal.report_pages import Link
from deliver.portal.sites import SiteState
from deliver.portal.words import (
    GAP_WORDS,
    STATUS_WORDS,
    energy_words,
    finding_state,
    period_words,
    quality_state,
    sync_state,
    version_words,
)
from deliver.reports.follow_up import ACTION_WORDS, how_often
from deliver.words import formats as fmt
from lib.findings import FollowedFinding, rank_by_money
from lib.states import BreakerState, DataSource

_SHOWN_FINDINGS = 10  # on a site's own page
_SITE_COLUMNS = ("Site", "Week", "Used", "Against normal", "Could save a week", "Open findings", "Data", "Sync")
_WEEK_COLUMNS = ("Week", "Used", "Against normal", "Could save a week", "Data complete", "Note")
_MONTH_COLUMNS = ("Month", "Used", "Change a day on the month before")


def index_page(sites: Sequence[SiteFacts], now: datetime) -> Page:
    """Return the page of all sites."""
    newest = max((facts.week for facts in sites if facts.week), default=None)
    late = sum(sync_state(facts, now).tone == "bad" for facts in sites)
    held = sum(quality_state(facts).tone == "bad" for facts in sites)
    behind = sum(facts.week != newest for facts in sites) if newest else len(sites)
    tiles = [
        Tile("Sites", fmt.number(len(sites), 0)),
        Tile("Open findings", fmt.number(sum(facts.open_findings for facts in sites), 0)),
        Tile("Readings late", fmt.count(late, "site"), tone="bad" if late else "good"),
        Tile("Held back", fmt.count(held, "site"), tone="bad" if held else "good"),
        Tile("Newest week missing", fmt.count(behind, "site"), tone="warn" if behind else "good",
             note=f"week of {fmt.long_day(newest.isoformat())}" if newest else "no report yet"),
    ]  # fmt: skip
    rows = [_site_row(facts, newest, now) for facts in sites]
    table = Table("All sites", _SITE_COLUMNS, rows, search="Find a site by name, place or number")
    ends = [facts.reading_end for facts in sites if facts.reading_end]
    return Page(
        links.INDEX, "Energy portal", "All sites", "", [], tiles,
        [Section("sites", "Sites", "Each row is on the site’s newest week with a report. Press a heading to sort; "
                 "amounts in different currencies are sorted by their number.", table=table)],
        newest=max(ends, key=datetime.fromisoformat, default=""),
    )  # fmt: skip


def _site_row(facts: SiteFacts, newest: date | None, now: datetime) -> list[Cell]:
    figures, sync, quality = facts.figures, sync_state(facts, now), quality_state(facts)
    where = ", ".join(filter(None, [facts.place, str(facts.site_id)]))
    made_up = "made-up data (sandbox), " * (facts.data_source == DataSource.SANDBOX)
    name = Cell(
        facts.name or str(facts.site_id), facts.name.casefold(), links.site_page(facts.site_id), made_up + where
    )
    findings = Cell(fmt.number(facts.open_findings, 0), facts.open_findings, links.findings_page(facts.site_id))
    state = [findings, _quality_cell(facts), Cell(sync.text, facts.reading_end and _seconds(facts.reading_end),
                                                  tone=sync.tone)]  # fmt: skip
    if facts.week is None:
        return [name, Cell("No report yet", note=facts.week_problem or quality.text), *_no_figures(), *state]
    if figures is None:
        return [name, Cell(f"Week of {fmt.long_day(facts.week.isoformat())}", facts.week.toordinal(),
                           note=facts.week_problem), *_no_figures(), *state]  # fmt: skip
    note = ", ".join(filter(None, [version_words(figures), "an earlier week" * (facts.week != newest)]))
    week = Cell(period_words(figures), facts.week.toordinal(), links.week_page(facts.site_id, facts.week), note)
    return [name, week, *_figure_cells(figures), *state]


def _quality_cell(facts: SiteFacts) -> Cell:
    quality, complete = quality_state(facts), facts.figures.completeness_pct if facts.figures else None
    text = f"{fmt.pct(complete, 1)} complete" if complete is not None else fmt.MISSING
    return Cell(text, complete, links.quality_page(facts.site_id), quality.text, quality.tone)


def _figure_cells(figures: Figures) -> list[Cell]:
    return [
        Cell(energy_words(figures), figures.total_kwh),
        Cell(fmt.signed_pct(figures.change_pct), figures.change_pct),
        Cell(fmt.money(figures.savings_weekly, figures.currency), figures.savings_weekly),
    ]


def _no_figures() -> list[Cell]:
    return [Cell(fmt.MISSING), Cell(fmt.MISSING), Cell(fmt.MISSING)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def trail(site: str, place: str, here: str = "", earlier: str = "", later: str = "") -> list[Link]:
    """Return the way from a page of a site to its other pages, and of a report's page (`here`) to its neighbours."""
    site_id = links.site_of(place) or 0
    ways = [
        Link("All sites", leads_to(links.INDEX, place)),
        Link(site, leads_to(links.site_page(site_id), place)),
        Link("Findings", leads_to(links.findings_page(site_id), place)),
        Link("Data quality", leads_to(links.quality_page(site_id), place)),
    ]
    before = [Link("← Earlier", leads_to(earlier, place), "prev")] if earlier else []
    after = [Link("Later →", leads_to(later, place), "next")] if later else []
    own = leads_to(place, place)
    known = [Link(link.label) if link.href == own else link for link in ways]
    return [*known, *before, Link(here), *after] if here else known


def site_page(
    state: SiteState,
    facts: SiteFacts,
    weeks: Sequence[tuple[date, Figures | None, str]],
    months: Sequence[tuple[date, Figures | None, str]],
    now: datetime,
) -> Page:
    """Return a site's page; of each week and month its day, what its report says, and why it has no page."""
    place, sync, quality = links.site_page(facts.site_id), sync_state(facts, now), quality_state(facts)
    work = rank_by_money([each for each in state.findings if each.is_work])
    shown = [_finding_row(each, place) for each in work[:_SHOWN_FINDINGS]]
    newest = facts.figures
    tiles = [
        Tile("Open findings", fmt.number(len(work), 0)),
        Tile("Data quality", quality.text, tone=quality.tone),
        Tile("Sync", sync.text, tone=sync.tone),
    ]
    headline = Section("newest", f"Newest week: {period_words(newest)}" if newest else "", lines=newest.headline) \
        if newest else None  # fmt: skip
    sections = [
        headline,
        Section("findings", "Open findings", _more(len(work)), table=_table("Open findings, by what they cost", (
            "Finding", "Where it stands", "A week"), shown)),
        Section("weeks", "Weeks", table=_table("Weeks, the newest first", _WEEK_COLUMNS,
                [_week_row(facts.site_id, *week, place) for week in reversed(weeks)])),
        Section("months", "Months", table=_table("Months, the newest first", _MONTH_COLUMNS,
                [_month_row(facts.site_id, *month, place) for month in reversed(months)])),
    ]  # fmt: skip
    return Page(
        place, "Site", facts.name or str(facts.site_id),
        " · ".join(filter(None, [facts.place, f"number {facts.site_id}", state.site.timezone])),
        trail(facts.name, place), tiles, [each for each in sections if each],
        newest=facts.reading_end or "",
    )  # fmt: skip


def _more(count: int) -> str:
    if not count:
        return "None."
    return f"The {_SHOWN_FINDINGS} that cost most; the page of findings has all {count}." * (count > _SHOWN_FINDINGS)


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table | None:
    return Table(caption, columns, rows) if rows else None


def _week_row(site_id: int, monday: date, figures: Figures | None, problem: str, place: str) -> list[Cell]:
    if figures is None:
        name = Cell(f"Week of {fmt.long_day(monday.isoformat())}", monday.toordinal())
        return [name, *_no_figures(), Cell(fmt.MISSING), Cell(problem)]
    week = Cell(period_words(figures), monday.toordinal(), leads_to(links.week_page(site_id, monday), place))
    complete = Cell(fmt.pct(figures.completeness_pct, 1), figures.completeness_pct)
    return [week, *_figure_cells(figures), complete, Cell(version_words(figures) or fmt.MISSING)]


def _month_row(site_id: int, month: date, figures: Figures | None, problem: str, place: str) -> list[Cell]:
    name = f"{month:%B %Y}"
    if figures is None:
        return [Cell(name, month.toordinal(), note=problem), Cell(fmt.MISSING), Cell(fmt.MISSING)]
    return [
        Cell(name, month.toordinal(), leads_to(links.month_page(site_id, month), place)),
        Cell(energy_words(figures), figures.total_kwh),
        Cell(fmt.signed_pct(figures.change_pct), figures.change_pct),
    ]


def anchor_of(finding_id: str) -> str:
    """Return the name by which an address leads to a finding on its page."""
    return f"finding-{re.sub(r'[^A-Za-z0-9_-]', '-', finding_id)}"


def _finding_row(finding: FollowedFinding, place: str) -> list[Cell]:
    way = leads_to(links.findings_page(finding.site_id), place)
    return [
        Cell(fmt.plain(finding.title), fmt.plain(finding.title).casefold(), f"{way}#{anchor_of(finding.finding_id)}"),
        Cell(finding_state(finding), finding_state(finding)),
        Cell(fmt.money(finding.last_cost, finding.currency), finding.last_cost),
    ]


def findings_page(state: SiteState, facts: SiteFacts, history: Sequence[FollowedFinding], pages: set[str]) -> Page:
    """Return the page of a site's findings; `history` has each after each week, `pages` those that weeks have."""
    place = links.findings_page(facts.site_id)
    weeks = {key: list(rows) for key, rows in groupby(history, key=lambda each: each.finding_id)}
    ranked = rank_by_money(list(state.findings))

    def items(tone: str, kept: Sequence[FollowedFinding]) -> list[Item]:
        return [_item(each, tone, weeks.get(each.finding_id, []), place, pages) for each in kept]

    work = [each for each in ranked if each.is_work]
    open_ = [each for each in ranked if each.is_open and not each.is_work]
    silent = [each for each in ranked if each.is_silent and each.state != "solved"]
    solved = [each for each in ranked if each.state == "solved"]
    same = [each for each in ranked if each.same_as is not None and each.state != "solved" and not each.is_silent]
    return Page(
        place, "Findings", facts.name or str(facts.site_id),
        "Where each stands after the newest report, and week by week.",
        trail(facts.name, place), [Tile("Open", fmt.number(len(work), 0)),
                                               Tile("Solved", fmt.number(len(solved), 0), tone="good")],
        [Section("open", "Open", "" if work else "None.", lines=() if work else ["Nothing is open."],
                 items=items("warn", work)),
         Section("low", "Low confidence", "Not included in any total.", items=items("calm", open_)),
         Section("same", "Counted under another finding", "The same waste, found in another way.",
                 items=items("calm", same)),
         Section("accepted", "Marked as not needed or wrong", items=items("calm", silent)),
         Section("solved", "Solved", items=items("good", solved))],
    )  # fmt: skip


def _item(finding: FollowedFinding, tone: str, weeks: Sequence[FollowedFinding], place: str, pages: set[str]) -> Item:
    meter = f"{fmt.plain(finding.meter_name) or 'meter'} ({finding.meter_id})" if finding.meter_id else "whole site"
    facts = [
        ("Kind", ACTION_WORDS.get(finding.kind, finding.kind)),
        ("Meter", meter),
        ("Confidence", finding.confidence),
        ("Since", f"week of {fmt.long_day(finding.since_week.isoformat())}"),
        ("Seen", f"in {fmt.count(finding.weeks_there, 'week')}"),
        ("Cost so far", fmt.money(finding.cost_so_far, finding.currency)),
    ]  # fmt: skip
    if finding.said and finding.said != "open":
        facts.append(("Marked", f"{finding.said.replace('-', ' ')} by {fmt.plain(finding.said_by)}"))
    if finding.note:
        facts.append(("Note", fmt.plain(finding.note)))
    rows = [_history_row(each, place, pages) for each in reversed(weeks)]
    amount = fmt.money(finding.last_cost, finding.currency) if finding.last_cost else ""
    return Item(
        anchor_of(finding.finding_id), fmt.plain(finding.title), finding_state(finding), tone, amount, facts,
        _table("Week by week, the newest first", ("Week", "What it says", "Energy", "Cost"), rows),
        often=how_often(finding.kind, finding.pattern),
    )  # fmt: skip


def _history_row(finding: FollowedFinding, place: str, pages: set[str]) -> list[Cell]:
    page = links.week_page(finding.site_id, finding.week)
    way = leads_to(page, place) if page in pages else ""
    status = STATUS_WORDS.get(finding.status, finding.status)
    return [
        Cell(f"Week of {fmt.long_day(finding.week.isoformat())}", finding.week.toordinal(), way),
        Cell(status, status),
        Cell(fmt.kwh(finding.energy_kwh), finding.energy_kwh),
        Cell(fmt.money(finding.cost, finding.currency), finding.cost),
    ]


def quality_page(state: SiteState, facts: SiteFacts, weeks: Sequence[tuple[date, Figures | None, str]]) -> Page:
    """Return the page of a site's data quality."""
    place, quality = links.quality_page(facts.site_id), quality_state(facts)
    known = [(monday, figures) for monday, figures, _ in reversed(weeks) if figures is not None]
    complete = [
        [Cell(period_words(figures), monday.toordinal(), leads_to(links.week_page(facts.site_id, monday), place)),
         Cell(fmt.pct(figures.completeness_pct, 1), figures.completeness_pct)]
        for monday, figures in known
    ]  # fmt: skip
    left_out = [
        f"{fmt.plain(each.channel_name)} ({each.channel_id}), since {each.since:%B} {each.since.day}: "
        f"{fmt.plain(each.reason)}"
        for each in state.quarantined
    ]
    gaps = [
        [Cell(GAP_WORDS.get(each.state, each.state), each.state), Cell(fmt.number(each.gaps, 0), each.gaps),
         Cell(fmt.number(each.intervals, 0), each.intervals)]
        for each in state.gaps
    ]  # fmt: skip
    rejects = [
        [Cell(fmt.plain(each.reason).replace("_", " "), each.reason), Cell(fmt.number(each.records, 0), each.records)]
        for each in state.rejects
    ]
    return Page(
        place, "Data quality", facts.name or str(facts.site_id), "By the latest check of the data.",
        trail(facts.name, place), [Tile("Latest check", quality.text, tone=quality.tone)],
        [Section("checks", "What the latest check found", lines=[fmt.plain(each.message) for each in state.failed]
                 or ["Nothing."] * (facts.verdict != BreakerState.MISSING)),
         Section("left-out", "Meters left out of the reports", lines=left_out),
         Section("complete", "Complete by week", table=_table("Share of the expected readings", ("Week", "Complete"),
                                                              complete)),
         Section("gaps", "Gaps", table=_table("Gaps in the readings", ("What became of them", "Gaps", "Intervals"),
                                              gaps)),
         Section("rejects", "Records set aside", table=_table("Records that can’t be right", ("Why", "Records"),
                                                              rejects))],
    )  # fmt: skip
