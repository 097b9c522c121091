"""Who does what is due: each job of a site is claimed in the database, so that two servers, or a rerun, do it once.

The database's clock decides, so that servers whose clocks differ agree. Nothing here commits.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from govern.schedule.due import (
    CATCH_UP_WEEKS,
    FRESH,
    MAX_TRIES,
    Due,
    Job,
    Times,
    candidates,
    earlier,
    last_due,
    next_try_at,
)
from lib import db
from lib.date_utils import local_midnight, parse_timezone
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, DataError, UsageError
from lib.paths import PROJECT_ROOT
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

# Longer than a job takes whose steps keep to their limits; after it, whoever claimed it is taken for dead.
LEASE = timedelta(hours=12)


class State(StrEnum):
    """What became of a job."""

    SKIPPED = "skipped"
    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"


class Worker(NamedTuple):
    """Who claims: a folder on a machine, where one wake runs at a time, and the wake."""

    place: str
    wake: str


class Claim(NamedTuple):
    """A job that is ours to do."""

    due: Due
    tries: int
    is_mailed_elsewhere: bool = False  # another machine may have mailed it, and did not end

    @property
    def is_told(self) -> bool:
        """Whether to tell how it ends: at the first try and the last, and not each time in between."""
        return self.is_mailed_elsewhere or self.tries in (1, MAX_TRIES)


class _Known(NamedTuple):
    state: State
    tries: int
    claimed_at: datetime
    claimed_by: str
    claimed_in: str
    mailed_by: str | None = None


_Rows = dict[tuple[int, Job], dict[date, _Known]]

_CLAIM = """
INSERT INTO scheduled_jobs AS known
    (organization_id, job, due_on, due_at, state, tries, claimed_at, claimed_by, claimed_in)
VALUES (%(site)s, %(job)s, %(on)s, %(at)s, 'running', 1, %(now)s, %(place)s, %(wake)s)
ON CONFLICT (organization_id, job, due_on) DO UPDATE
SET state = 'running', tries = known.tries + 1, claimed_at = excluded.claimed_at, claimed_by = excluded.claimed_by,
    claimed_in = excluded.claimed_in, finished_at = NULL, exit_code = NULL
WHERE (known.state, known.tries, known.claimed_at) = (%(known_state)s, %(known_tries)s, %(known_claimed_at)s)
RETURNING tries
"""

_SKIP = """
INSERT INTO scheduled_jobs (organization_id, job, due_on, due_at, state, tries, claimed_at, claimed_by, claimed_in)
VALUES (%s, %s, %s, %s, 'skipped', 0, %s, %s, %s) ON CONFLICT DO NOTHING
"""

_BEGIN_MAILING = """
UPDATE scheduled_jobs
SET mailed_by = coalesce(mailed_by, %(place)s),
    tries = CASE WHEN mailed_by <> %(place)s THEN %(last_try)s ELSE tries END
WHERE organization_id = %(site)s AND job = 'report' AND due_on = %(on)s
RETURNING mailed_by
"""

_FINISH = """
UPDATE scheduled_jobs SET state = %s, finished_at = clock_timestamp(), exit_code = %s
WHERE organization_id = %s AND job = %s AND due_on = %s AND state = 'running' AND claimed_by = %s
"""


def claim_next(
    conn: Connection, sites: dict[Job, Collection[int]], times: Times, worker: Worker, now: datetime
) -> Claim | None:
    """Claim the next job that is due: syncs before reports, the oldest first; None where nothing is.

    Parameters
    ----------
    sites
        For which sites each job is done.
    now
        By the database's clock.
    """
    # The future is claimed by a clock that was wrong: what it did then must not stand for what is due then.
    db.execute(conn, "DELETE FROM scheduled_jobs WHERE due_at > %s", (now,))
    zones = _load_zones(conn)
    ends = _load_file_ends(conn)
    while True:
        rows = _load_rows(conn, now)
        listed = _list_due(conn, sites, times, worker, now, zones, rows)
        due = next((one for one in listed if _is_there(one, zones, ends)), None)
        if due is None:
            return None
        known = rows.get((due.site_id, due.job), {}).get(due.on)
        tries = _claim(conn, due, known, worker, now)
        if tries is not None:
            return Claim(due, tries, known is not None and _is_mailed_elsewhere(known, worker))
        # Another was quicker, and may be at the sync that the next report is to wait for: look again.


def finish(conn: Connection, site_id: int, job: Job, on: date, exit_code: int, worker: Worker) -> State:
    """Note how a job ended that this worker claimed.

    Raises
    ------
    DataError
        When it is not this worker's.
    """
    state = _state_of(job, exit_code)
    if not db.execute(conn, _FINISH, (state, exit_code, site_id, job, on, worker.place)):
        raise DataError(f"site {site_id}: its {job} of {on} is not claimed by this machine; nothing to note")
    return state


def begin_mailing(conn: Connection, site_id: int, on: date, place: str) -> str | None:
    """Note that a place is about to mail the report that was due on a Monday; return who else has begun to, or None.

    Where another has, this was the last try: who has the report is for a person to find out. Of a report that the
    schedule does not know, nothing is noted.
    """
    parameters = {"site": site_id, "on": on, "place": place, "last_try": MAX_TRIES}
    row = db.fetch_one(conn, _BEGIN_MAILING, parameters)
    return None if row is None or row[0] == place else str(row[0])


def this_place() -> str:
    """Return what tells this folder on this machine from others."""
    return f"{socket.gethostname()}:{PROJECT_ROOT}"


def database_clock(conn: Connection) -> datetime:
    """Return the present by the database's clock."""
    (now,) = db.fetch_all(conn, "SELECT clock_timestamp()")[0]
    return now


def _state_of(job: Job, exit_code: int) -> State:
    if exit_code == EXIT_DONE:
        return State.DONE
    if exit_code == EXIT_BREAKER_OPEN:  # a sync has done its work then; a report was not made
        return State.DONE if job is Job.SYNC else State.HELD
    return State.FAILED


def _list_due(
    conn: Connection,
    sites: dict[Job, Collection[int]],
    times: Times,
    worker: Worker,
    now: datetime,
    zones: dict[int, ZoneInfo],
    rows: _Rows,
) -> Iterator[Due]:
    for job in Job:
        found: list[Due] = []
        for site_id in sites.get(job, ()):
            zone, known = zones.get(site_id), rows.setdefault((site_id, job), {})
            if zone is None and job is Job.REPORT:
                continue  # nothing is stored of it yet
            # The first sync brings the zone, so it waits for no time of day.
            newest = last_due(site_id, job, zone or ZoneInfo("UTC"), times, now)
            if not known and zone is not None:
                begun = newest if now - newest.at >= FRESH else earlier(newest, zone, times)
                _skip(conn, begun, worker, now)
                known[begun.on] = _Known(State.SKIPPED, 0, now, worker.place, worker.wake)
            found += _open_ones(candidates(newest, zone or ZoneInfo("UTC"), times), known, worker, now)
        if job is Job.REPORT:
            found = [due for due in found if not _is_syncing(rows.get((due.site_id, Job.SYNC), {}), worker, now)]
        yield from sorted(found, key=lambda due: (due.at, due.site_id))


def _open_ones(dues: Iterable[Due], known: dict[date, _Known], worker: Worker, now: datetime) -> list[Due]:
    """Return those that are to be done now, of a site's job: not what was due before the schedule began."""
    begun = min(known, default=None)
    return [
        due
        for due in dues
        if (due.on not in known and (begun is None or due.on > begun))
        or (due.on in known and _is_open(known[due.on], worker, now))
    ]


def _is_open(known: _Known, worker: Worker, now: datetime) -> bool:
    if known.state in (State.SKIPPED, State.DONE):
        return False
    if known.state is State.RUNNING and _is_alive(known, worker, now):
        return False
    # Who began to mail it knows who has it, and tries again.
    if _is_mailed_elsewhere(known, worker) and now - known.claimed_at < LEASE:
        return False
    # One that was cut off is done at once: nobody knows yet whether it would fail.
    if known.state is State.RUNNING:
        return known.tries < MAX_TRIES
    again_at = next_try_at(known.claimed_at, known.tries)
    return again_at is not None and now >= again_at


def _is_alive(known: _Known, worker: Worker, now: datetime) -> bool:
    """Return whether whoever claimed a job may still be at it; of one folder, only the wake that asks is at work."""
    if known.claimed_by == worker.place:
        return known.claimed_in == worker.wake
    return now - known.claimed_at < LEASE


def _is_mailed_elsewhere(known: _Known, worker: Worker) -> bool:
    return known.mailed_by not in (None, worker.place)


def _is_syncing(known: dict[date, _Known], worker: Worker, now: datetime) -> bool:
    return any(one.state is State.RUNNING and _is_alive(one, worker, now) for one in known.values())


def _claim(conn: Connection, due: Due, known: _Known | None, worker: Worker, now: datetime) -> int | None:
    """Claim a job as it was found, and return how often it was tried with this; None where another was quicker."""
    parameters = {
        "site": due.site_id, "job": due.job, "on": due.on, "at": due.at, "now": now,
        "place": worker.place, "wake": worker.wake, "known_state": known and known.state,
        "known_tries": known and known.tries, "known_claimed_at": known and known.claimed_at,
    }  # fmt: skip
    row = db.fetch_one(conn, _CLAIM, parameters)
    return None if row is None else row[0]


def _skip(conn: Connection, due: Due, worker: Worker, now: datetime) -> None:
    db.execute(conn, _SKIP, (due.site_id, due.job, due.on, due.at, now, worker.place, worker.wake))


def _load_zones(conn: Connection) -> dict[int, ZoneInfo]:
    """Return the zone of each site; one whose zone is unknown is logged, and goes by UTC."""
    zones = {}
    for site_id, name in db.fetch_all(conn, "SELECT site_id, timezone FROM v_sites"):
        try:
            zones[site_id] = parse_timezone(str(name))
        except UsageError as err:
            logger.error("site %d: %s; its jobs go by UTC", site_id, err)
            zones[site_id] = ZoneInfo("UTC")
    return zones


def _load_file_ends(conn: Connection) -> dict[int, datetime]:
    """Return up to where the readings of each site from files go; nobody fetches more of them."""
    return dict(
        db.fetch_all(
            conn,
            "SELECT o.organization_id, max(l.window_end) FROM organizations AS o"
            " JOIN ingestion_logs AS l USING (organization_id)"
            " WHERE o.data_source = %s AND l.status = 'done' AND l.channel_id <> 0 GROUP BY o.organization_id",
            (DataSource.FILE,),
        )
    )


def _is_there(due: Due, zones: dict[int, ZoneInfo], ends: dict[int, datetime]) -> bool:
    """Return whether there is what the job is about: a week that a site's files do not hold has no report."""
    if due.job is not Job.REPORT or due.site_id not in ends:
        return True
    return local_midnight(due.on, zones[due.site_id]) <= ends[due.site_id]


def _load_rows(conn: Connection, now: datetime) -> _Rows:
    """Return what is known of the jobs that may still be done, and of each site's first."""
    rows: _Rows = {}
    query = (
        "SELECT organization_id, job, due_on, state, tries, claimed_at, claimed_by, claimed_in, mailed_by"
        " FROM scheduled_jobs"
        " WHERE due_at >= %s OR state = 'skipped'"
    )
    since = now - timedelta(weeks=CATCH_UP_WEEKS + 1)
    for site_id, job, on, state, *rest in db.fetch_all(conn, query, (since,)):
        rows.setdefault((site_id, Job(job)), {})[on] = _Known(State(state), *rest)
    return rows
