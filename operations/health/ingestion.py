"""Judges for each site whether its readings still arrive, and says what to do where they do not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from config.limits import MAX_SYNC_AGE_HOURS
from lib.date_utils import format_utc
from lib.errors import DataError
from lib.logs import clean_text
from lib.readings import IngestionHealth
from lib.states import DataSource

DEFAULT_MAX_AGE_HOURS = MAX_SYNC_AGE_HOURS
LICENSE_WARNING = timedelta(days=30)
OK, WARN, FAIL = "OK", "WARN", "FAIL"
FETCHED_SOURCES = (DataSource.ENISCOPE, DataSource.SANDBOX)


class Judgement(NamedTuple):
    """One site's state, in a word and in words."""

    health: IngestionHealth
    level: str
    message: str


def judge_site(health: IngestionHealth, now: datetime, max_age: timedelta) -> Judgement:
    """Return how well a site is being fetched, with what to do where it is not."""
    sync = f"run: bash operations/daily_sync.sh --site {health.site_id}"
    error = f" ({clean_text(health.latest_error)})" if health.latest_error else ""
    if health.last_success_at is None:
        return Judgement(health, FAIL, f"never fetched with success{error}; {sync}")
    if now - health.last_success_at > max_age:
        return Judgement(health, FAIL, f"last fetched {_ago(health.last_success_at, now)}{error}; {sync}")
    if health.newest_reading_end is None:
        return Judgement(health, FAIL, "fetched, but no reading came; ask the vendor whether the devices are online")
    if now - health.newest_reading_end > max_age:
        reach = f"fetched, but its readings end {_ago(health.newest_reading_end, now)}"
        return Judgement(health, FAIL, f"{reach}; ask the vendor whether the devices are online")
    problems = []
    if health.attempts_failed:
        problems.append(f"{health.attempts_failed} attempts of the latest run failed{error}; {sync}")
    if health.channels_silent:
        problems.append(
            f"{health.channels_silent} of {health.channels_listed} channels silent for a day or more; "
            f"python analyze/sensor_health.py --site {health.site_id} names them"
        )
    if health.channels_reduced:
        since = f" since {format_utc(health.reduced_since)}" if health.reduced_since else ""
        problems.append(
            f"the service answers fewer fields for {health.channels_reduced} channels{since}; the sync asks for all "
            "again and fills what is missing; if it stays so for a week, ask the vendor"
        )
    if health.license_ends_at and health.license_ends_at < now + LICENSE_WARNING:
        verb = "ended" if health.license_ends_at <= now else "ends"
        day = f"{health.license_ends_at:%Y-%m-%d}"
        problems.append(f"a license {verb} on {day}; have the vendor renew it, or its channels are refused")
    if problems:
        return Judgement(health, WARN, "; ".join(problems))
    return Judgement(health, OK, f"readings up to {format_utc(health.newest_reading_end)}")


def _ago(moment: datetime, now: datetime) -> str:
    return f"{(now - moment) / timedelta(hours=1):.0f} h ago ({format_utc(moment)})"


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as other programs read it; ages in hours."""
    return {"level": judgement.level, "message": judgement.message, **judgement.health._asdict()}


def judge_sites(found: list[IngestionHealth], now: datetime, max_age: timedelta) -> list[Judgement]:
    """Return a judgement for every site that is fetched from a service.

    Raises
    ------
    DataError
        When there is none: a monitor that looks at nothing must not say that all is well.
    """
    judged = [judge_site(health, now, max_age) for health in found if health.data_source in FETCHED_SOURCES]
    if not judged:
        raise DataError("no site to look at; run: python ingest/ingest_to_postgres.py --site ID")
    return judged
