"""Brings a portal's folder up to date: what changed is written, what is gone is removed, all else is left alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deliver.portal import links
from deliver.portal.layout import Page, draw, source_of_page
from deliver.portal.pages import findings_page, index_page, quality_page, site_page, trail
from deliver.portal.record import Figures, Folder, SiteFacts, source_of
from deliver.portal.report_pages import Link, publish_report
from deliver.portal.sites import SiteState, facts_of, load_states
from deliver.words import formats as fmt
from deliver.words.locales import written_for
from lib.date_utils import parse_timezone
from lib.errors import DataError
from lib.logs import clean_text
from lib.readings import Site, StoredReport, load_history

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

# Of a week or a month: its first day, what its report says, and why it has no page.
Period = tuple[date, Figures | None, str]


def publish_sites(
    conn: Connection, folder: Folder, every: Sequence[Site], own: Sequence[Site], reports_dir: Path, now: datetime,
    most_weeks: int,
) -> list[str]:  # fmt: skip
    """Bring the pages of the sites `own` up to date, and that of `every` site; return the problems met.

    Pages of sites that are none of `every` are removed; those of the others are left as they are.
    """
    problems: list[str] = []
    names = {site.site_id for site in every}
    wanted = {place for place in folder.pages if (links.site_of(place) or 0) in names - {site.site_id for site in own}}
    for state in load_states(conn, own, most_weeks):
        with written_for(state.site.country):
            wanted |= _publish_site(conn, folder, state, reports_dir, now, problems)
    for gone in folder.sites.keys() - names:
        del folder.sites[gone]
    countries = {site.country for site in every}
    with written_for(countries.pop() if len(countries) == 1 else None):
        _put(folder, index_page([folder.sites[site.site_id] for site in every], now))
    folder.keep_only(wanted | {links.INDEX})
    return problems


def _publish_site(
    conn: Connection, folder: Folder, state: SiteState, reports_dir: Path, now: datetime, problems: list[str]
) -> set[str]:
    """Bring a site's pages up to date and return their places."""
    facts, key = facts_of(state), state.site.site_id
    days = [_month_of(each, state.site) for each in state.months]
    week_places = [links.week_page(key, each.week) for each in state.weeks]
    month_places = [links.month_page(key, day) for day in days]
    fixed = {links.site_page(key), links.findings_page(key), links.quality_page(key)}
    folder.announce({*week_places, *month_places, *fixed})
    labels = [f"Week of {fmt.long_day(each.week.isoformat())}" for each in state.weeks]
    weeks = _publish_periods(
        folder, facts.name, week_places, labels, [each.report for each in state.weeks], reports_dir, problems
    )
    months = _publish_periods(
        folder, facts.name, month_places, [f"{day:%B %Y}" for day in days], state.months, reports_dir, problems
    )
    told = [(each.week, *said) for each, said in zip(state.weeks, weeks, strict=True)]
    told_months = [(day, *said) for day, said in zip(days, months, strict=True)]
    facts = folder.sites[key] = _with_newest(facts, told)
    there = {
        place for place, (figures, _) in zip([*week_places, *month_places], [*weeks, *months], strict=True) if figures
    }
    _put(folder, site_page(state, facts, told, told_months, now))
    _put(folder, quality_page(state, facts, told))
    _put_findings(conn, folder, state, facts, there)
    return there | fixed


def _with_newest(facts: SiteFacts, weeks: Sequence[Period]) -> SiteFacts:
    if not weeks:
        return facts
    week, figures, problem = weeks[-1]
    return msgspec.structs.replace(facts, week=week, figures=figures, week_problem=problem)


def _publish_periods(
    folder: Folder, name: str, places: Sequence[str], labels: Sequence[str], reports: Sequence[StoredReport],
    reports_dir: Path, problems: list[str],
) -> list[tuple[Figures | None, str]]:  # fmt: skip
    """Bring the pages of a site's weeks or months in, and return what their reports say, or why one has no page."""
    found: list[tuple[Figures | None, str]] = []
    for index, (place, label, stored) in enumerate(zip(places, labels, reports, strict=True)):
        earlier = places[index - 1] if index else ""
        later = places[index + 1] if index + 1 < len(places) else ""
        ways: list[Link] = trail(name, place, label, earlier, later)
        try:
            found.append((publish_report(folder, place, stored, ways, reports_dir), ""))
        except DataError as err:
            problems.append(clean_text(f"site {stored.site_id}, {label}: {err}"))
            found.append((None, clean_text(str(err))))
    return found


def _put_findings(conn: Connection, folder: Folder, state: SiteState, facts: SiteFacts, there: set[str]) -> None:
    """Bring the page of findings up to date; its history is only asked for where something may have changed."""
    place = links.findings_page(state.site.site_id)
    frame = findings_page(state, facts, [], set())
    source = source_of(source_of_page(frame), [each.report.report_run_id for each in state.weeks], sorted(there))
    if folder.is_there(place, source):
        return
    page = findings_page(state, facts, load_history(conn, state.site.site_id), there)
    folder.put(place, draw(page), source)


def _put(folder: Folder, page: Page) -> None:
    source = source_of_page(page)
    if not folder.is_there(page.place, source):
        folder.put(page.place, draw(page), source)


def _month_of(stored: StoredReport, site: Site) -> date:
    """Return the first day of a monthly report's period, by the site's calendar."""
    assert stored.period_start is not None, "a monthly report has a period"
    return stored.period_start.astimezone(parse_timezone(site.timezone)).date()
