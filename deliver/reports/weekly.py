"""Puts the week's findings into the report's shape. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analyze.week.evidence import brief_evidence
from analyze.week.finding_names import METHODS
from deliver.reports.compact import compact_attention, compact_sections, compact_week, compact_wins
from deliver.reports.follow_up import brief_finding, describe_follow_up
from deliver.words.actions import tell_wins
from deliver.words.costs import tell_costs
from deliver.words.hours import describe_schedule
from deliver.words.locales import written_for
from deliver.words.meters import tell_meters
from deliver.words.week import tell_week
from lib.date_utils import Window
from lib.report_findings import list_findings
from lib.report_schema import REPORT_VERSION
from lib.states import BreakerState, DataSource, Reach

if TYPE_CHECKING:
    from analyze.week.site_week import SiteWeek
    from lib.alert_mutes import Mute
    from lib.readings import Site, ValidationStatus
    from lib.report_types.basics import Stretch
    from lib.report_types.head import MadeMetadata, MadePeriodMetadata, Period


SOURCE_NOTES: dict[str, str] = {
    DataSource.ENISCOPE: "Readings from the Eniscope service.",
    DataSource.FILE: "Readings imported from interval files.",
    DataSource.SANDBOX: "SANDBOX DATA: made up for trying and testing. Nothing here was measured in a building.",
}
_MEASURED_SOURCES = frozenset({DataSource.ENISCOPE, DataSource.FILE})


def assemble_report(
    site: Site, status: ValidationStatus, week: SiteWeek, forced_reason: str | None, now: datetime,
    mutes: Sequence[Mute] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return the report as `schemas/weekly_report.schema.json` describes it.

    `forced_reason` is why it is written although the data are held back; None when they may pass. Of the `mutes` those
    are told that keep something of the site quiet now.
    """
    with written_for(site.country):
        return _assemble(site, status, week, forced_reason, now, mutes)


def _assemble(
    site: Site, status: ValidationStatus, week: SiteWeek, forced_reason: str | None, now: datetime,
    mutes: Sequence[Mute],
) -> dict[str, Any]:  # fmt: skip
    metadata = build_metadata(site, status, week, forced_reason, now)
    week = week._replace(sections=tell_sections(week.sections))
    return {
        "metadata": metadata,
        "summary": _summary(site, status, week, forced_reason, metadata["period"]),
        **compact_week(week),
        "sections": compact_sections(week.sections, metadata["period"]),
        "methods": METHODS,
        **_follow_up(week, metadata["period"], [mute for mute in mutes if mute.concerns(site.site_id, now)]),
    }


def _follow_up(week: SiteWeek, period: Period, mutes: Sequence[Mute]) -> dict[str, Any]:
    if week.follow_up is None:
        return {}
    tz = ZoneInfo(week.timezone)
    muted = [{"kind": mute.kind, "until": _iso(mute.until, tz), "reason": mute.reason} for mute in mutes]
    follow_up = _told_again(week.follow_up, week.sections)
    told = {"text": describe_follow_up(follow_up), "mutes": muted}
    brief = {
        "findings": [brief_finding(each) for each in follow_up["findings"]],
        "accepted": compact_wins(follow_up["accepted"]),
    }
    return {"followUp": brief_evidence(follow_up | brief, period) | told}


def _told_again(follow_up: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """Return the findings that are followed in the words of this report, where they are in it."""
    accepted = tell_wins(follow_up["accepted"], sections)
    titles = titles_of(sections, accepted)
    findings = [each | {"title": titles.get(each["lastingId"], each["title"])} for each in follow_up["findings"]]
    return follow_up | {"findings": findings, "accepted": accepted}


def titles_of(sections: dict[str, Any], accepted: Sequence[dict[str, Any]] = ()) -> dict[str, str]:
    """Return how the findings of a week are called, by their lasting id; `sections` are in words already."""
    body = {"sections": sections, "summary": {}, "followUp": {"accepted": accepted}}
    return {finding.finding_id: finding.title for finding in list_findings(body)}


def build_metadata(
    site: Site, status: ValidationStatus, week: SiteWeek, forced_reason: str | None, now: datetime, kind: str = "weekly"
) -> MadePeriodMetadata:
    """Return the `metadata` of a report of this `kind` on an analyzed period."""
    tz = ZoneInfo(week.timezone)
    return {
        **site_metadata(site, status, week.period, forced_reason, now, kind, tz),
        "baseline": {**_window(week.baseline, tz), "weeksCount": week.baseline_weeks},
        "dataResolution": week.data_resolution,
    }


def site_metadata(
    site: Site,
    status: ValidationStatus,
    period: Window,
    forced_reason: str | None,
    now: datetime,
    kind: str,
    tz: ZoneInfo,
) -> MadeMetadata:
    """Return the part of `metadata` that every report on a site has."""
    source = DataSource(site.data_source)
    return {
        "generatedAt": _iso(now, tz),
        "reportKind": kind,
        "validatedAt": None if status.validated_at is None else _iso(status.validated_at, tz),
        "reportVersion": REPORT_VERSION,
        "site": {
            "siteId": site.site_id,
            "siteName": site.site_name,
            "address": site.address,
            "city": site.city,
            "country": site.country,
            "currencyCode": site.currency_code,
        },
        "period": {**_window(period, tz), "timezone": tz.key},
        "dataSource": {"kind": source, "note": SOURCE_NOTES[source]},
        "validation": {
            "verdict": BreakerState(status.verdict),
            "isCurrent": status.is_current,
            "reach": None if status.reach is None else Reach(status.reach),
            "isForced": forced_reason is not None,
            "forcedReason": forced_reason,
            "blockingChecks": status.blocking_checks,
            "warningChecks": status.warning_checks,
        },
    }


def warnings_of(site: Site, status: ValidationStatus, forced_reason: str | None) -> list[str]:
    """Return what a reader must know before any number, in every report."""
    warnings = []
    if site.data_source not in _MEASURED_SOURCES:
        warnings.append(SOURCE_NOTES[site.data_source])
    if forced_reason is not None:
        why = ", ".join(status.blocking_checks) or "not validated, or not up to date"
        warnings.append(f"FORCED: written although the validation holds these data back ({why}): {forced_reason}.")
    return warnings


def tell_sections(sections: dict[str, Any]) -> dict[str, Any]:
    """Return the report's sections with their facts in words."""
    after_hours, told = sections["afterHoursWaste"], tell_meters(sections)
    told |= {"afterHoursWaste": after_hours | {"schedule": describe_schedule(after_hours["schedule"])}}
    told |= {"costOptimization": tell_costs(sections["costOptimization"])} if "costOptimization" in sections else {}
    return told | {"quickWins": tell_wins(sections["quickWins"], told)}


def _summary(
    site: Site, status: ValidationStatus, week: SiteWeek, forced_reason: str | None, period: Period
) -> dict[str, Any]:
    quarantined = [_describe_quarantined(channel) for channel in week.data_quality["quarantinedChannels"]]
    told = tell_week(week.summary, week.sections, week.consumption, week.data_quality, period)
    warnings = warnings_of(site, status, forced_reason)
    return told | {
        "headline": [*warnings, *quarantined, *told["headline"]],
        "notes": [*quarantined, *told["notes"]],
        "attention": compact_attention(told["attention"]),
    }


def _describe_quarantined(channel: dict[str, Any]) -> str:
    share = channel["energySharePct"]
    size = "" if share is None else f", {share:g} % of the site's energy"
    word = "LEFT OUT" if channel["isLeftOut"] else "DOUBTFUL"
    return f"{word}: {channel['channelName']} (channel {channel['channelId']}{size}): {channel['reason']}."


def _window(window: Window, tz: ZoneInfo) -> Stretch:
    return {"start": _iso(window.start, tz), "end": _iso(window.end, tz)}


def _iso(moment: datetime, tz: ZoneInfo) -> str:
    return moment.astimezone(tz).isoformat(timespec="seconds")
