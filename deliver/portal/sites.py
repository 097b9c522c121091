"""Reads what the portal tells of each site from Layer 3 views; figures of weeks come from the recorded reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from deliver.portal.record import SiteFacts
from deliver.words.formats import plain
from lib.date_utils import parse_timezone
from lib.findings import FollowedFinding
from lib.readings import (
    CountedGaps,
    CountedRejects,
    FailedCheck,
    IngestionHealth,
    QuarantinedChannel,
    Site,
    StoredReport,
    ValidationStatus,
    WeekReport,
    count_gaps,
    count_rejects,
    load_all_quarantined,
    load_failed_checks,
    load_findings,
    load_ingestion_health,
    load_month_reports,
    load_validation_statuses,
    load_week_reports,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class SiteState(NamedTuple):
    """All that the pages of a site are made from, but for the reports themselves."""

    site: Site
    status: ValidationStatus
    health: IngestionHealth
    weeks: list[WeekReport]  # the newest last
    months: list[StoredReport]
    findings: list[FollowedFinding]
    failed: list[FailedCheck]
    gaps: list[CountedGaps]
    rejects: list[CountedRejects]
    quarantined: list[QuarantinedChannel]


def load_states(conn: Connection, sites: Sequence[Site], most_weeks: int) -> list[SiteState]:
    """Return the states of these sites, with the newest `most_weeks` reported weeks of each and as many months."""
    ids = [site.site_id for site in sites]
    only = ids[0] if len(ids) == 1 else None
    statuses = load_validation_statuses(conn)
    health = {each.site_id: each for each in load_ingestion_health(conn, only)}
    weeks: dict[int, list[WeekReport]] = {key: [] for key in ids}
    months: dict[int, list[StoredReport]] = {key: [] for key in ids}
    findings: dict[int, list[FollowedFinding]] = {key: [] for key in ids}
    for week in load_week_reports(conn, only):
        weeks.get(week.report.site_id or 0, []).append(week)
    for month in load_month_reports(conn, only):
        months.get(month.site_id or 0, []).append(month)
    for finding in load_findings(conn, only):
        findings.get(finding.site_id, []).append(finding)
    failed, gaps, rejects = load_failed_checks(conn, ids), count_gaps(conn, ids), count_rejects(conn, ids)
    quarantined = load_all_quarantined(conn, ids)
    return [
        SiteState(
            site, statuses[key], health[key], weeks[key][-most_weeks:], months[key][-most_weeks:], findings[key],
            failed.get(key, []), gaps.get(key, []), rejects.get(key, []), quarantined.get(key, []),
        )
        for key, site in zip(ids, sites, strict=True)
    ]  # fmt: skip


def facts_of(state: SiteState) -> SiteFacts:
    """Return what the list of all sites shows of a site, without its newest week."""
    site, status, health = state.site, state.status, state.health
    return SiteFacts(
        site_id=site.site_id,
        name=plain(site.site_name),
        place=plain(", ".join(filter(None, [site.address, site.city, site.country]))),
        data_source=site.data_source,
        verdict=status.verdict,
        is_current=status.is_current,
        failed_checks=len(status.blocking_checks),
        warnings=len(status.warning_checks),
        held_because=plain(status.blocking_message),
        reading_end=_local(health.newest_reading_end, site),
        fetched_at=_local(health.last_success_at, site),
        attempts_failed=health.attempts_failed,
        meters=health.channels_listed,
        silent_meters=health.channels_silent,
        country=site.country,
        open_findings=sum(each.is_work for each in state.findings),
    )


def _local(moment: datetime | None, site: Site) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(parse_timezone(site.timezone)).isoformat(timespec="seconds")
