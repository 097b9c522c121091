"""When a job of a site is due: at a time of its own local day, or of its own local Monday. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

# A report that nobody made is made up for as long as its week is of use to somebody.
CATCH_UP_WEEKS = 4
# A wake comes every half hour, of entries of old every hour: what became due longer ago belongs to one before.
FRESH = timedelta(hours=1)
# What failed or was held back is tried again after 1, 2, 4, 8, 16, 24, 24 … hours: for five days in all.
MAX_TRIES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(hours=1), timedelta(days=1)
_WAKE_TOLERANCE = timedelta(minutes=5)  # a wake that begins a moment early counts


class Job(StrEnum):
    """What is done for a site by itself."""

    SYNC = "sync"
    REPORT = "report"


class Times(NamedTuple):
    """At what time of the site's local day each job is due; the report is due on Mondays."""

    sync: time = time(6)
    report: time = time(7)


class Due(NamedTuple):
    """A job that became due: `on` is the local day, or Monday, that it is for."""

    site_id: int
    job: Job
    on: date
    at: datetime


def last_due(site_id: int, job: Job, zone: ZoneInfo, times: Times, now: datetime) -> Due:
    """Return the latest moment, `now` included, at which the job became due.

    Where a clock change skips the time of day, it is due when the clock has jumped; where it repeats it, the first
    time. Either way a local day has one.
    """
    on = now.astimezone(zone).date() + timedelta(days=1)
    if job is Job.REPORT:
        on += timedelta(days=7 - on.weekday())
    while (due := _due_on(site_id, job, on, zone, times)).at > now:
        on -= _period(job)
    return due


def earlier(due: Due, zone: ZoneInfo, times: Times, periods: int = 1) -> Due:
    """Return the due moment that lies so many days, or weeks, before."""
    return _due_on(due.site_id, due.job, due.on - periods * _period(due.job), zone, times)


def candidates(newest: Due, zone: ZoneInfo, times: Times) -> list[Due]:
    """Return what may still be done of a job, oldest first: one sync fetches for all days, a report is for one week."""
    if newest.job is Job.SYNC:
        return [newest]
    return [earlier(newest, zone, times, weeks) for weeks in range(CATCH_UP_WEEKS - 1, -1, -1)]


def next_try_at(tried_at: datetime, tries: int) -> datetime | None:
    """Return when a job that did not succeed is to be tried again; None after the last try."""
    if tries >= MAX_TRIES:
        return None
    pause = min(_FIRST_PAUSE * 2 ** max(tries - 1, 0), _LONGEST_PAUSE)
    return tried_at + pause - _WAKE_TOLERANCE


def _due_on(site_id: int, job: Job, on: date, zone: ZoneInfo, times: Times) -> Due:
    local = datetime.combine(on, times.sync if job is Job.SYNC else times.report, tzinfo=zone)
    return Due(site_id, job, on, local.astimezone(UTC))


def _period(job: Job) -> timedelta:
    return timedelta(days=1 if job is Job.SYNC else 7)
