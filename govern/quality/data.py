"""Gathers what is known of the quality of a site's data over some local days: what the data quality report shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lib import db
from lib.date_utils import Window, format_utc, local_day_window, parse_timezone
from lib.paths import QUALITY_DIR
from lib.readings import Site, ValidationStatus, load_quarantined, load_site, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def load_quality(conn: Connection, site_id: int, days: int, now: datetime) -> dict[str, Any]:
    """Return the quality of the site's data on the last `days` whole local days that were ingested.

    Returns
    -------
    dict
        `site`, `generatedAt`, `days` (dates), `validation`, `verdicts` (by day), `channels` (each with a completeness
        for each day in percent, None where nothing was to be expected; its gaps by state, rejects by reason, revised
        intervals, quarantine and trend), `totals` of the same, and `gapsKnown`: whether the ledger has looked at
        all that was ingested.

    Raises
    ------
    DataError
        When the site is unknown.
    """
    site, status = load_site(conn, site_id), load_validation_status(conn, site_id)
    window, dates = last_whole_days(site, status, days, now)
    parameters = {
        "site_id": site_id,
        "since": window.start,
        "until": window.end,
        "first_date": dates[0],
        "last_date": dates[-1],
    }

    def rows_of(name: str) -> list[tuple[Any, ...]]:
        return db.fetch_all(conn, (QUALITY_DIR / f"{name}.sql").read_text(encoding="utf-8"), parameters)

    names = dict(db.fetch_all(conn, "SELECT meter_id, meter_name FROM v_meters WHERE site_id = %s", (site_id,)))
    channels: dict[int, dict[str, Any]] = {}

    def channel_of(channel_id: int) -> dict[str, Any]:
        return channels.setdefault(channel_id, _new_channel(channel_id, names[channel_id]))

    for meter_id, _day, completeness_pct in rows_of("list_days"):
        channel_of(meter_id)["completenessByDay"].append(completeness_pct)
    for meter_id, state, gaps, intervals in rows_of("count_gaps"):
        channel_of(meter_id)["gaps"][state] = {"gaps": gaps, "intervals": intervals}
    for meter_id, reason, count in rows_of("count_rejects"):
        channel_of(meter_id)["rejects"][reason] = count
    for meter_id, count in rows_of("count_revisions"):
        channel_of(meter_id)["revisedIntervals"] = count
    for item in load_quarantined(conn, site_id):
        channel_of(item.channel_id)["quarantine"] = {
            "checks": item.checks,
            "reason": item.reason,
            "energySharePct": item.energy_share_pct,
            "since": format_utc(item.since),
        }
    for channel in channels.values():
        channel["completenessPct"], channel["trendPoints"] = mean_and_trend(channel["completenessByDay"])
    listed = [channels[key] for key in sorted(channels)]
    return {
        "site": {
            "siteId": site.site_id,
            "siteName": site.site_name,
            "timezone": site.timezone,
            "dataSource": site.data_source,
        },
        "generatedAt": format_utc(now),
        "days": [day.isoformat() for day in dates],
        "validation": _validation(status),
        "verdicts": [
            {"date": day.isoformat(), "verdict": verdict, "reach": reach, "failedChecks": failed, "quarantined": held}
            for day, verdict, reach, failed, held in rows_of("list_verdicts")
        ],
        "channels": listed,
        "gapsKnown": rows_of("gaps_known")[0][0],
        "totals": _totals(listed, len(dates)),
    }


def last_whole_days(site: Site, status: ValidationStatus, days: int, now: datetime) -> tuple[Window, list[date]]:
    """Return the last local days that are over and were asked for: as a window, and one by one."""
    tz = parse_timezone(site.timezone)
    last = min(now, status.ingested_until or now).astimezone(tz).date() - timedelta(days=1)
    dates = [last - timedelta(days=back) for back in reversed(range(days))]
    return local_day_window(dates[0], last, tz), dates


def mean_and_trend(values: list[float | None]) -> tuple[float | None, float | None]:
    """Return the mean of the days' completeness [%], and by how much the newer half exceeds the older [points]."""
    half = len(values) // 2
    older, newer, whole = (_mean(part) for part in (values[:half], values[half:], values))
    trend = None if older is None or newer is None else round(newer - older, 1)
    return None if whole is None else round(whole, 1), trend


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _new_channel(channel_id: int, name: str) -> dict[str, Any]:
    """Return a channel of which nothing is known yet; a sensor has no days here, but may have rejects."""
    return {
        "channelId": channel_id,
        "channelName": name,
        "completenessByDay": [],
        "completenessPct": None,
        "trendPoints": None,
        "gaps": {},
        "rejects": {},
        "revisedIntervals": 0,
        "quarantine": None,
    }


def _validation(status: ValidationStatus) -> dict[str, Any]:
    return {
        "verdict": status.verdict,
        "reach": status.reach,
        "isCurrent": status.is_current,
        "validatedAt": status.validated_at and format_utc(status.validated_at),
        "blockingChecks": status.blocking_checks,
        "warningChecks": status.warning_checks,
        "blockingMessage": status.blocking_message,
        "blockingHint": status.blocking_hint,
        "quarantinedEnergyPct": status.quarantined_energy_pct,
        "overrideReason": status.override_reason,
    }


def _totals(channels: list[dict[str, Any]], day_count: int) -> dict[str, Any]:
    gaps: dict[str, dict[str, int]] = {}
    rejects: dict[str, int] = {}
    for channel in channels:
        for state, count in channel["gaps"].items():
            total = gaps.setdefault(state, {"gaps": 0, "intervals": 0})
            total["gaps"] += count["gaps"]
            total["intervals"] += count["intervals"]
        for reason, count in channel["rejects"].items():
            rejects[reason] = rejects.get(reason, 0) + count
    with_days = [channel["completenessByDay"] for channel in channels if channel["completenessByDay"]]
    by_day = [_mean(values[place] for values in with_days) for place in range(day_count)] if with_days else []
    completeness_pct, trend = mean_and_trend(by_day)
    return {
        "completenessByDay": [None if value is None else round(value, 1) for value in by_day],
        "completenessPct": completeness_pct,
        "trendPoints": trend,
        "gaps": dict(sorted(gaps.items())),
        "rejects": dict(sorted(rejects.items())),
        "revisedIntervals": sum(channel["revisedIntervals"] for channel in channels),
        "quarantinedChannels": sum(channel["quarantine"] is not None for channel in channels),
    }
