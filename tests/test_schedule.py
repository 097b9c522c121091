"""Each site's own Monday: what is due by the clocks of the sites, done once, whoever wakes how often."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from wrapper_tree import CLAIM, FINISH, REPORT, Tree

from govern.schedule import claims
from govern.schedule.claims import LEASE, Claim, State, Worker, begin_mailing, claim_next, finish
from govern.schedule.due import MAX_TRIES, Due, Job, Times, last_due, next_try_at
from lib import db
from lib.errors import DataError
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# By offsets of whole hours, halves and, where the clocks change by one, of half an hour; both halves of the globe.
ZONES = {
    1: "America/Los_Angeles",
    2: "America/Chicago",
    3: "America/St_Johns",
    4: "Asia/Kolkata",
    5: "Australia/Lord_Howe",
}
SITES: dict[Job, Any] = {Job.SYNC: tuple(ZONES), Job.REPORT: tuple(ZONES)}
ONE_SITE: dict[Job, Any] = {Job.SYNC: (2,), Job.REPORT: (2,)}
US, THEM = Worker("us:/srv", "1"), Worker("them:/srv", "1")
HOUR = timedelta(hours=1)
MONDAY = date(2026, 1, 19)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def store_sites(conn: Connection, zones: dict[int, str] | None = None) -> None:
    for site_id, zone in (zones or ZONES).items():
        db.execute(
            conn,
            "INSERT INTO organizations (organization_id, name, timezone, data_source)"
            " VALUES (%s, 'Site', %s, 'eniscope')",
            (site_id, zone),
        )
    conn.commit()


def claim(
    conn: Connection,
    now: datetime,
    worker: Worker = US,
    sites: dict[Job, Any] | None = None,
    times: Times | None = None,
) -> Claim | None:
    found = claim_next(conn, ONE_SITE if sites is None else sites, times or Times(), worker, now)
    conn.commit()
    return found


def end(conn: Connection, claimed: Claim, exit_code: int, worker: Worker = US) -> State:
    due = claimed.due
    state = finish(conn, due.site_id, due.job, due.on, exit_code, worker)
    conn.commit()
    return state


def begin_schedule(conn: Connection, now: datetime, sites: dict[Job, Any] | None = None) -> None:
    """Let the schedule begin at a moment at which nothing is freshly due."""
    assert claim(conn, now, sites=sites) is None


# --- When a job is due ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "sync", "report"),
    [
        # The very moment, and the second before it.
        ("America/Los_Angeles", "2026-01-19T15:00:00", "2026-01-19T14:00", "2026-01-19T15:00"),
        ("America/Los_Angeles", "2026-01-19T14:59:59", "2026-01-19T14:00", "2026-01-12T15:00"),
        ("America/Los_Angeles", "2026-01-19T13:59:59", "2026-01-18T14:00", "2026-01-12T15:00"),
        # Its Monday begins on UTC's Sunday.
        ("Australia/Lord_Howe", "2026-01-18T20:00:00", "2026-01-18T19:00", "2026-01-18T20:00"),
        ("Asia/Kolkata", "2026-01-19T01:30:00", "2026-01-19T00:30", "2026-01-19T01:30"),
        ("Asia/Kathmandu", "2026-01-19T01:15:00", "2026-01-19T00:15", "2026-01-19T01:15"),
        # Both clock changes: 6:00 is an hour nearer to midnight UTC, and as far again.
        ("America/Chicago", "2026-03-09T12:00:00", "2026-03-09T11:00", "2026-03-09T12:00"),
        ("America/Chicago", "2026-11-02T13:00:00", "2026-11-02T12:00", "2026-11-02T13:00"),
        ("Australia/Lord_Howe", "2026-04-05T20:30:00", "2026-04-05T19:30", "2026-04-05T20:30"),
        ("Pacific/Kiritimati", "2026-01-18T17:00:00", "2026-01-18T16:00", "2026-01-18T17:00"),
    ],
)
def test_jobs_are_due_by_the_clock_of_the_site(zone: str, now: str, sync: str, report: str) -> None:
    found = [last_due(7, job, ZoneInfo(zone), Times(), utc(now)) for job in Job]
    assert [due.at for due in found] == [utc(sync), utc(report)]
    local = [moment.astimezone(ZoneInfo(zone)) for moment in (utc(sync), utc(report))]
    assert found == [Due(7, job, moment.date(), moment) for job, moment in zip(Job, local, strict=True)]
    assert [moment.time() for moment in local] == [time(6), time(7)]


def test_a_time_that_a_clock_change_skips_or_repeats_comes_once_a_day() -> None:
    zone, times = ZoneInfo("America/Chicago"), Times(sync=time(2, 30))
    skipped = last_due(7, Job.SYNC, zone, times, utc("2026-03-08T20:00"))
    assert (skipped.on, skipped.at) == (date(2026, 3, 8), utc("2026-03-08T08:30"))
    repeated = last_due(7, Job.SYNC, zone, Times(sync=time(1, 30)), utc("2026-11-01T20:00"))
    assert (repeated.on, repeated.at) == (date(2026, 11, 1), utc("2026-11-01T06:30"))


def test_pauses_between_tries_grow_to_a_day_and_end() -> None:
    began = utc("2026-01-19T13:00")
    pauses = [next_try_at(began, tries) for tries in range(1, MAX_TRIES + 1)]
    minutes = [None if at is None else (at - began) / timedelta(minutes=1) + 5 for at in pauses]
    assert minutes == [60, 120, 240, 480, 960, 1440, 1440, 1440, 1440, None]


# --- A year -----------------------------------------------------------------------------------------------------------


class Done(NamedTuple):
    job: Job
    site_id: int
    on: date
    at: datetime


FIRST_WAKE, LAST_WAKE = utc("2026-01-04T12:00:07"), utc("2027-01-05T11:00:07")  # from a Sunday on, for a year


def is_off(moment: datetime) -> bool:
    """Tell when the server is off: a whole day, a Monday in all zones, and ten days with two Mondays."""
    return utc("2026-03-08T18:30") <= moment < utc("2026-03-09T18:30") or utc("2026-05-15T00:30") <= moment < utc(
        "2026-05-25T18:30"
    )


def wakes() -> Iterator[datetime]:
    """Yield each hour's wake of a server in UTC."""
    moment = FIRST_WAKE
    while moment <= LAST_WAKE:
        if not is_off(moment):
            yield moment
        moment += HOUR


def first_wake(moment: datetime) -> datetime:
    """Return the wake that finds what became due at `moment`."""
    wake = moment.replace(minute=0, second=7)
    while wake < moment or is_off(wake):
        wake += HOUR
    return wake


@pytest.mark.slow
def test_a_year_in_five_zones_on_two_servers_makes_each_report_on_its_own_monday_and_once(conn: Connection) -> None:
    store_sites(conn)
    done: list[Done] = []
    for wake in wakes():
        # The second server wakes with the first on some days only, as one that is moved from or to does.
        for worker in (US, THEM) if wake.day < 10 else (US,):
            while claimed := claim(conn, wake, worker, SITES):
                done.append(Done(claimed.due.job, claimed.due.site_id, claimed.due.on, wake))
                assert end(conn, claimed, 0, worker) is State.DONE
    expected = []
    for site_id, zone in ZONES.items():
        tz = ZoneInfo(zone)
        for number in range(368):
            day = date(2026, 1, 4) + timedelta(days=number)
            sync, report = (datetime.combine(day, time(hour), tzinfo=tz).astimezone(UTC) for hour in (6, 7))
            if sync < FIRST_WAKE - HOUR:
                continue
            if day.weekday() == 0 and first_wake(report) <= LAST_WAKE:
                expected.append(Done(Job.REPORT, site_id, day, first_wake(report)))
            # A sync fetches what was missed: of the days of an outage there is one, when the server is back.
            if first_wake(sync) < min(sync + timedelta(days=1), LAST_WAKE + HOUR):
                expected.append(Done(Job.SYNC, site_id, day, first_wake(sync)))
    assert Counter(done) == Counter(expected)
    assert sum(one.job is Job.REPORT for one in done) == 5 * 53
    late = [one for one in done if one.job is Job.REPORT and one.at.astimezone(ZoneInfo(ZONES[one.site_id])).hour != 7]
    assert {one.on for one in late} == {date(2026, 3, 9), date(2026, 5, 18), date(2026, 5, 25)}


# --- What was missed, failed, or is at work ---------------------------------------------------------------------------


def test_the_first_wake_does_what_has_just_become_due_and_nothing_of_before(conn: Connection) -> None:
    store_sites(conn)
    fresh = claim(conn, utc("2026-01-19T13:59:59"))  # Chicago's Monday 7:59
    assert fresh is not None and fresh.due == Due(2, Job.REPORT, MONDAY, utc("2026-01-19T13:00"))
    store_sites(conn, {9: "America/Chicago"})
    assert claim(conn, utc("2026-01-19T14:00"), sites={Job.REPORT: (9,)}) is None
    next_week = claim(conn, utc("2026-01-26T13:00"), sites={Job.REPORT: (9,)})
    assert next_week is not None and next_week.due.on == date(2026, 1, 26)


def test_a_site_without_a_zone_is_synced_at_once_and_by_its_own_clock_from_then_on(conn: Connection) -> None:
    first = claim(conn, utc("2026-01-19T16:00"))
    assert first is not None and (first.due.job, first.due.on) == (Job.SYNC, MONDAY)
    end(conn, first, 0)
    store_sites(conn, {2: "America/Los_Angeles"})
    assert claim(conn, utc("2026-01-19T17:00")) is None
    second = claim(conn, utc("2026-01-20T14:00"))
    assert second is not None and (second.due.job, second.due.on) == (Job.SYNC, date(2026, 1, 20))


def test_weeks_that_were_missed_are_made_up_for_oldest_first_and_not_without_end(conn: Connection) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-06T20:00"))
    made = []
    while claimed := claim(conn, utc("2026-03-03T20:00")):
        made.append((claimed.due.job, claimed.due.on))
        end(conn, claimed, 0)
    weeks = [date(2026, 2, 9), date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2)]
    assert made == [(Job.SYNC, date(2026, 3, 3)), *((Job.REPORT, week) for week in weeks)]


@pytest.mark.parametrize(
    ("job", "exit_code", "state", "is_again"),
    [
        (Job.SYNC, 0, State.DONE, False),
        (Job.SYNC, 3, State.DONE, False),
        (Job.SYNC, 1, State.FAILED, True),
        (Job.REPORT, 0, State.DONE, False),
        (Job.REPORT, 3, State.HELD, True),
        (Job.REPORT, 2, State.FAILED, True),
        (Job.REPORT, 137, State.FAILED, True),
    ],
)
def test_what_failed_or_was_held_back_is_tried_again(
    conn: Connection, job: Job, exit_code: int, state: State, is_again: bool
) -> None:
    store_sites(conn)
    sites = {job: (2,)}
    begin_schedule(conn, utc("2026-01-18T20:00"), sites)
    first = claim(conn, utc("2026-01-19T13:00:07"), sites=sites)
    assert first is not None and first.is_told
    assert end(conn, first, exit_code) is state
    assert claim(conn, utc("2026-01-19T13:50"), sites=sites) is None
    again = claim(conn, utc("2026-01-19T14:00:02"), sites=sites)
    assert (again is not None) is is_again
    if again is not None:
        assert (again.due, again.tries, again.is_told) == (first.due, 2, False)
        end(conn, again, exit_code)
        assert claim(conn, utc("2026-01-19T15:00:02"), sites=sites) is None
        assert claim(conn, utc("2026-01-19T16:00:02"), sites=sites) is not None


def test_tries_end_and_the_last_is_told(conn: Connection) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-18T20:00"), {Job.REPORT: (2,)})
    told = []
    for hour in range(7 * 24 - 1):
        if claimed := claim(conn, utc("2026-01-19T13:00:07") + hour * HOUR, sites={Job.REPORT: (2,)}):
            end(conn, claimed, 3)
            told.append((hour, claimed.is_told))
    hours = [0, 1, 3, 7, 15, 31, 55, 79, 103, 127]
    assert told == [(hour, hour in (0, 127)) for hour in hours]


def test_a_job_that_was_cut_off_is_taken_up_by_its_machine_at_once_and_by_another_after_the_lease(
    conn: Connection,
) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-18T20:00"), {Job.REPORT: (2,)})
    began = utc("2026-01-19T13:00:07")
    first = claim(conn, began, sites={Job.REPORT: (2,)})
    assert first is not None
    assert claim(conn, began, sites={Job.REPORT: (2,)}) is None, "a wake does not claim its own job twice"
    assert claim(conn, began + LEASE - HOUR, THEM, {Job.REPORT: (2,)}) is None
    next_wake = US._replace(wake="2")
    second = claim(conn, began + HOUR, next_wake, {Job.REPORT: (2,)})
    assert second is not None and (second.due, second.tries) == (first.due, 2)
    third = claim(conn, began + HOUR + LEASE, THEM, {Job.REPORT: (2,)})
    assert third is not None and (third.due, third.tries) == (first.due, 3)
    with pytest.raises(DataError, match="is not claimed by this machine"):
        end(conn, second, 0, next_wake)
    conn.rollback()
    assert end(conn, third, 0, THEM) is State.DONE


def test_what_a_server_began_to_mail_before_it_died_no_other_mails(conn: Connection) -> None:
    store_sites(conn)
    sites = {Job.REPORT: (2,)}
    begin_schedule(conn, utc("2026-01-18T20:00"), sites)
    began = utc("2026-01-19T13:00:07")
    ours = claim(conn, began, sites=sites)
    assert ours is not None
    on = ours.due.on
    # The one that has it may mail it, and again; then its mail server is away.
    assert begin_mailing(conn, 2, on, US.place) is None
    assert begin_mailing(conn, 2, on, US.place) is None
    assert end(conn, ours, 1) is State.FAILED
    # It is tried again by the one that knows who has it.
    assert claim(conn, began + 2 * HOUR, THEM, sites) is None
    again = claim(conn, began + 2 * HOUR, US._replace(wake="2"), sites)
    assert again is not None and (again.tries, again.is_told) == (2, False)
    # That one dies; the other makes the report, once, is told, and mails it to nobody.
    theirs = claim(conn, began + 2 * HOUR + LEASE, THEM, sites)
    assert theirs is not None and (theirs.due, theirs.is_told) == (ours.due, True)
    assert begin_mailing(conn, 2, on, THEM.place) == US.place
    assert end(conn, theirs, 3, THEM) is State.HELD
    for worker in (THEM, US):
        assert claim(conn, began + timedelta(days=3), worker._replace(wake="3"), sites) is None
    # What died before it began to mail is mailed by whoever takes it over; a report made by hand is none of this.
    assert begin_mailing(conn, 2, on + timedelta(days=7), THEM.place) is None


def test_a_report_waits_for_the_sync_that_another_server_does(conn: Connection) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-18T20:00"))
    sync = claim(conn, utc("2026-01-19T12:59"), THEM)
    assert sync is not None and sync.due.job is Job.SYNC
    assert claim(conn, utc("2026-01-19T13:00")) is None
    end(conn, sync, 1, THEM)
    report = claim(conn, utc("2026-01-19T13:01"))
    assert report is not None and report.due.job is Job.REPORT


def test_what_a_clock_that_was_wrong_did_stands_for_nothing(conn: Connection) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-18T20:00"), {Job.REPORT: (2,)})
    wrong = claim(conn, utc("2026-02-16T13:00:07"), sites={Job.REPORT: (2,)})
    while wrong:
        end(conn, wrong, 0)
        wrong = claim(conn, utc("2026-02-16T13:00:07"), sites={Job.REPORT: (2,)})
    right = claim(conn, utc("2026-01-26T13:00:07"), sites={Job.REPORT: (2,)})
    assert right is not None and right.due.on == MONDAY
    weeks = "SELECT due_on FROM scheduled_jobs WHERE due_at > %s"
    assert db.fetch_all(conn, weeks, (utc("2026-01-26T13:00:07"),)) == []


def test_a_site_from_files_is_due_for_the_weeks_that_they_hold(conn: Connection) -> None:
    """Chicago's week of the 12th ends at 06:00 UTC on the 19th; the site beside it is fetched and due as ever."""
    store_sites(conn, {2: "America/Chicago", 3: "America/Chicago"})
    db.execute(conn, "UPDATE organizations SET data_source = 'file' WHERE organization_id = 2")
    reports: dict[Job, Any] = {Job.REPORT: (2, 3)}
    begin_schedule(conn, utc("2026-01-14T20:00"), reports)

    def import_until(moment: str) -> None:
        db.execute(
            conn,
            "INSERT INTO ingestion_logs (run_id, organization_id, channel_id, window_start, window_end, interval_s,"
            " status, data_source) VALUES (1, 2, 10, '2026-01-01', %s, 900, 'done', 'file')",
            (utc(moment),),
        )

    import_until("2026-01-19T05:45")
    monday = utc("2026-01-19T13:00")
    other = claim(conn, monday, sites=reports)
    assert other is not None and other.due.site_id == 3
    assert end(conn, other, 0) is State.DONE
    assert claim(conn, monday, sites=reports) is None
    import_until("2026-01-19T06:00")
    late = claim(conn, monday + timedelta(days=3), sites=reports)
    assert late is not None and (late.due.site_id, late.due.on) == (2, MONDAY)
    assert end(conn, late, 0) is State.DONE
    # Its files have ended: the other's Mondays go on, and nothing of it is due or fails.
    later = claim(conn, utc("2026-01-26T13:00"), sites=reports)
    assert later is not None and later.due.site_id == 3
    assert end(conn, later, 0) is State.DONE
    assert claim(conn, utc("2026-01-26T13:00"), sites=reports) is None


def test_a_site_whose_zone_nobody_knows_goes_by_utc(conn: Connection, caplog: pytest.LogCaptureFixture) -> None:
    store_sites(conn, {2: "Mars/Olympus"})
    begin_schedule(conn, utc("2026-01-18T20:00"))
    found = claim(conn, utc("2026-01-19T06:00"))
    assert found is not None and found.due.at == utc("2026-01-19T06:00")
    assert "site 2: unknown time zone 'Mars/Olympus'" in caplog.text


def test_of_two_servers_that_wake_in_the_same_moment_one_does_each_job(database_url: str, conn: Connection) -> None:
    store_sites(conn)
    begin_schedule(conn, utc("2026-01-18T18:00"), SITES)
    now, won, start = utc("2026-01-19T15:00:07"), [], threading.Barrier(6)

    def wake(number: int) -> None:
        with db.connect(database_url) as own:
            start.wait()
            while claimed := claim(own, now, Worker(f"server {number}", "1"), SITES):
                won.append(claimed.due)

    threads = [threading.Thread(target=wake, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Nobody notes an end, so the reports wait for the syncs.
    assert sorted((due.site_id, due.job) for due in won) == [(site_id, Job.SYNC) for site_id in ZONES]


# --- The scripts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real_claims(tree: Tree, database_url: str) -> Callable[..., Any]:
    """Run the schedule among stubs, but for the scripts that claim and finish jobs."""
    for script in (CLAIM, FINISH):
        command = [sys.executable, str(PROJECT_ROOT / script)]
        tree.write(script, f"import os, sys\nos.execv({command[0]!r}, {command!r} + sys.argv[1:])\n")

    def run(*args: str, **options: Any) -> Any:
        return tree.run("operations/run_schedule.sh", *args, DATABASE_URL=database_url, ENV_FILE="/dev/null", **options)

    return run


@pytest.mark.slow
def test_the_wrapper_does_what_is_due_once_and_what_failed_again(
    conn: Connection, tree: Tree, real_claims: Callable[..., Any]
) -> None:
    now = claims.database_clock(conn)
    zone = ZoneInfo("Asia/Kolkata")
    store_sites(conn, {4: zone.key})
    began = (now - timedelta(days=15)).astimezone(zone)
    monday = now.astimezone(zone).date() - timedelta(days=now.astimezone(zone).weekday())
    begin_schedule(conn, began.astimezone(UTC), {Job.REPORT: (4,), Job.SYNC: (4,)})
    db.execute(conn, "DELETE FROM scheduled_jobs WHERE job = 'sync'")
    conn.commit()
    held = real_claims(STUB_SITES="4", codes={REPORT: 3})
    assert held.returncode == 3, held.stderr
    weeks = [line.split("--start ")[1].split()[0] for line in tree.commands if line.startswith(REPORT)]
    assert len(weeks) in (2, 3) and weeks == sorted(weeks)
    assert date.fromisoformat(weeks[-1]) in (monday - timedelta(days=7), monday - timedelta(days=14))
    states = "SELECT state, exit_code, tries FROM scheduled_jobs WHERE job = 'report' AND state <> 'skipped'"
    assert db.fetch_all(conn, states) == [("held", 3, 1)] * len(weeks)
    conn.rollback()
    assert real_claims(STUB_SITES="4").returncode == 0
    assert sum(line.startswith(REPORT) for line in tree.commands) == len(weeks), "an hour has not passed"
    db.execute(conn, "UPDATE scheduled_jobs SET claimed_at = claimed_at - interval '1 hour'")
    conn.commit()
    assert real_claims(STUB_SITES="4").returncode == 0
    assert sum(line.startswith(REPORT) for line in tree.commands) == 2 * len(weeks)
    assert {state for state, *_ in db.fetch_all(conn, states)} == {"done"}


@pytest.mark.parametrize(
    "args",
    [
        [CLAIM, "--wake", "1", "--time", "24:00"],
        [CLAIM, "--wake", "1", "--sync", "0"],
        [FINISH, "--site", "1", "--job", "sync", "--due-on", "yesterday", "--exit-code", "0"],
        [FINISH, "--site", "1", "--job", "lunch", "--due-on", "2026-01-19", "--exit-code", "0"],
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(run_script: Callable[..., Any], args: list[str]) -> None:
    refused = run_script(*args)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "error: argument" in line
