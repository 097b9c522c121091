"""The gap ledger: what should exist, what does, and what became of the difference; every figure worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from site_factory import METERS, SITE_ID, make_rows, register_site

from config.limits import GapLimits
from govern.gaps.ledger import accept_gaps, update_gaps, withdraw_acceptance
from ingest.eniscope.fetch import WINDOW_DAYS
from ingest.runs.gap_windows import plan_backfill
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window, format_utc
from lib.errors import DataError
from lib.gap_asks import ASKED_INTERVALS_S, CLOCK_SLACK, count_asks

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

METER, OTHER = METERS
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 20, 5, tzinfo=UTC)  # local midnight in New York
END = START + 10 * DAY
WEEK_AND_MORE = Window(START, END)


def ask(
    conn: Connection,
    window: Window,
    rows: pd.DataFrame | None = None,
    *,
    at: datetime | None = None,
    channel_id: int = METER,
    status: str = attempts.STATUS_DONE,
    interval_s: int = 900,
    source: str = "eniscope",
) -> None:
    """Store what one run asked for and got; it asked just after the window was over, or when it is said."""
    run_id = attempts.start_run(conn, SITE_ID)
    attempt = attempts.Attempt(run_id, SITE_ID, channel_id, window, interval_s, source)
    log_id = attempts.start_attempt(conn, attempt)
    if rows is not None:
        readings.insert_readings(conn, SITE_ID, channel_id, interval_s, run_id, rows)
    attempts.finish_attempt(conn, attempt, log_id, status)
    moment = at or window.end + timedelta(minutes=10)
    db.execute(
        conn,
        "UPDATE ingestion_logs SET started_at = %s, finished_at = %s WHERE channel_id = %s AND log_id = %s",
        (moment, moment, channel_id, log_id),
    )
    conn.commit()


def rows_without(window: Window, *holes: Window, interval_s: int = 900) -> pd.DataFrame:
    rows = make_rows(window, interval_s=interval_s)
    keep = np.ones(len(rows), dtype=bool)
    for hole in holes:
        keep &= ~((rows["timestamp"] >= hole.start.timestamp()) & (rows["timestamp"] < hole.end.timestamp()))
    return rows[keep].reset_index(drop=True)


def derive(conn: Connection, now: datetime = END, **options: Any) -> dict[str, tuple[int, int]]:
    """Update the ledger a little later; return state → gaps and intervals, of the states that occur.

    By an hour and ten minutes: then what was asked for until `now` counts as seen, and the next look is at what is new.
    """
    counts = update_gaps(conn, SITE_ID, now + timedelta(minutes=70), **options)
    conn.commit()
    return {count.state: (count.gaps, count.intervals) for count in counts if count.gaps}


def ledger(conn: Connection, channel_id: int = METER) -> list[tuple[Any, ...]]:
    return db.fetch_all(
        conn,
        "SELECT gap_start, gap_end, kind, state, missing_count FROM reading_gaps WHERE channel_id = %s ORDER BY 1",
        (channel_id,),
    )


def hole(days: float, hours: float) -> Window:
    return Window(START + days * DAY, START + days * DAY + hours * HOUR)


@pytest.fixture
def site(conn: Connection) -> Connection:
    register_site(conn)
    conn.commit()
    return conn


def test_interior_and_trailing_gaps_are_found_and_nothing_else(site: Connection) -> None:
    first, last = hole(2, 1), hole(9, 24)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, first, last))
    ask(site, WEEK_AND_MORE, make_rows(WEEK_AND_MORE), channel_id=OTHER)
    assert derive(site) == {"pending": (2, 4 + 96)}
    assert ledger(site) == [(*first, "interior", "pending", 4), (*last, "trailing", "pending", 96)]
    assert ledger(site, OTHER) == []


def test_second_look_changes_no_row(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(2, 1), hole(9, 24)))
    derive(site)
    before = db.fetch_all(site, "SELECT xmin, * FROM reading_gaps ORDER BY gap_start")
    derive(site, END + HOUR)
    derive(site, END + 2 * HOUR, is_full=True)
    assert db.fetch_all(site, "SELECT xmin, * FROM reading_gaps ORDER BY gap_start") == before


def test_gap_that_fills_from_the_middle_leaves_its_ends_pending(site: Connection) -> None:
    gap = hole(2, 6)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, gap))
    derive(site)
    middle = Window(gap.start + 2 * HOUR, gap.start + 3 * HOUR)
    ask(site, middle, make_rows(middle), at=END + HOUR)
    assert derive(site, END + 2 * HOUR) == {"pending": (2, 20), "refetched": (1, 4)}
    assert ledger(site) == [
        (gap.start, middle.start, "interior", "pending", 8),
        (*middle, "interior", "refetched", 4),
        (middle.end, gap.end, "interior", "pending", 12),
    ]
    ask(site, gap, make_rows(gap), at=END + 3 * HOUR)
    assert derive(site, END + 4 * HOUR) == {"refetched": (3, 24)}


def test_silence_grows_and_turns_into_a_gap_when_readings_come_back(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(9, 24)))
    derive(site)
    found = db.fetch_all(site, "SELECT found_at FROM reading_gaps")
    night = Window(END, END + 2 * DAY)
    ask(site, night)
    derive(site, night.end)
    assert ledger(site) == [(START + 9 * DAY, night.end, "trailing", "pending", 3 * 96)]
    assert db.fetch_all(site, "SELECT found_at FROM reading_gaps") == found
    whole = Window(START + 9 * DAY, night.end)
    ask(site, whole, at=night.end + 2 * HOUR)
    back = Window(night.end, night.end + DAY)
    ask(site, back, make_rows(back))
    derive(site, back.end)
    assert ledger(site) == [(*whole, "interior", "pending", 3 * 96)]
    # The asks while it was silent do not count: the device may bring now what it kept.
    assert db.fetch_all(site, "SELECT asked_count FROM reading_gaps") == [(0,)]
    ask(site, whole, at=back.end + 2 * HOUR)
    derive(site, back.end + 3 * HOUR)
    assert db.fetch_all(site, "SELECT asked_count FROM reading_gaps") == [(1,)]


def test_accepted_silence_stays_accepted_while_it_grows(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(9, 24)))
    derive(site)
    assert accept_gaps(site, SITE_ID, METER, WEEK_AND_MORE, "J. Ortiz", "panel is off", END) == 1
    ask(site, Window(END, END + DAY))
    assert derive(site, END + DAY) == {"accepted": (1, 2 * 96)}
    back = Window(END + DAY, END + 2 * DAY)
    ask(site, back, make_rows(back))
    assert derive(site, back.end) == {"accepted": (1, 2 * 96)}
    assert [row[2] for row in ledger(site)] == ["interior"]


def test_expected_is_from_installation_to_removal_within_what_was_asked(site: Connection) -> None:
    installed, removed = START + 2 * DAY + timedelta(minutes=7), START + 8 * DAY + timedelta(minutes=7)
    db.execute(site, "UPDATE channels SET installed_at = %s, uninstalled_at = %s", (installed, removed))
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(0, 72), hole(7, 72)))
    derive(site)
    # On the grid: from the first whole interval on, to the last whole one.
    assert ledger(site) == [
        (START + 2 * DAY + timedelta(minutes=15), START + 3 * DAY, "interior", "pending", 95),
        (START + 7 * DAY, START + 8 * DAY, "interior", "pending", 96),
    ]
    db.execute(site, "UPDATE channels SET uninstalled_at = %s", (START + 7 * DAY,))
    derive(site, END + HOUR)
    assert [row[:2] for row in ledger(site)] == [(START + 2 * DAY + timedelta(minutes=15), START + 3 * DAY)]


def test_without_an_installation_date_the_first_reading_begins_it(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(0, 72), hole(5, 2)))
    derive(site)
    assert ledger(site) == [(*hole(5, 2), "interior", "pending", 8)]


def test_days_never_asked_for_are_a_gap_between_and_on_demand_before(site: Connection) -> None:
    db.execute(site, "UPDATE channels SET installed_at = %s WHERE channel_id = %s", (START - 30 * DAY, METER))
    ask(site, hole(0, 24), make_rows(hole(0, 24)))
    derive(site, START + DAY)
    assert ledger(site) == []
    ask(site, hole(5, 24), make_rows(hole(5, 24)))
    derive(site)
    assert ledger(site) == [(START + DAY, START + 5 * DAY, "interior", "pending", 4 * 96)]
    derive(site, END + HOUR, from_installation=True)
    assert ledger(site)[0] == (START - 30 * DAY, START, "interior", "pending", 30 * 96)


def test_channels_that_are_not_served_or_listed_end_with_their_last_reading(site: Connection) -> None:
    for channel_id in METERS:
        ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(2, 1), hole(9, 24)), channel_id=channel_id)
    db.execute(site, "UPDATE channels SET is_listed = false WHERE channel_id = %s", (METER,))
    db.execute(site, "UPDATE channels SET is_unsupported = true WHERE channel_id = %s", (OTHER,))
    derive(site)
    assert ledger(site) == ledger(site, OTHER) == [(*hole(2, 1), "interior", "pending", 4)]


def test_channel_that_never_reported_is_silent_as_far_as_it_was_asked(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, interval_s=1800)
    derive(site)
    assert ledger(site) == [(START, END, "trailing", "pending", 480)]


@pytest.mark.parametrize("interval_s", [60, 900, 1800, 3600])
def test_each_channel_counts_by_its_own_interval(site: Connection, interval_s: int) -> None:
    window, gap = hole(0, 48), hole(1, 3)
    ask(site, window, rows_without(window, gap, interval_s=interval_s), interval_s=interval_s)
    derive(site, window.end)
    assert ledger(site) == [(*gap, "interior", "pending", 3 * 3600 // interval_s)]


@pytest.mark.parametrize(("day", "count"), [("2026-03-08", 92), ("2025-11-02", 100), ("2026-01-20", 96)])
def test_local_days_have_92_96_or_100_intervals(site: Connection, day: str, count: int) -> None:
    start, end = (
        datetime.fromisoformat(f"{moment}T00:00").replace(tzinfo=store_zone()).astimezone(UTC)
        for moment in (day, str(datetime.fromisoformat(day).date() + DAY))
    )
    window = Window(start - DAY, end + DAY)
    ask(site, window, rows_without(window, Window(start, end)))
    derive(site, window.end)
    assert [row[4] for row in ledger(site)] == [count]


def store_zone() -> Any:
    from site_factory import TIMEZONE

    return TIMEZONE


def test_asked_often_enough_over_long_enough_is_vendor_empty(site: Connection) -> None:
    gap = hole(2, 6)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, gap))
    for days in (1, 2, 3):
        ask(site, gap, at=END + days * DAY)
    assert derive(site, END + 4 * DAY) == {"pending": (1, 24)}  # four asks, in three days
    ask(site, gap, at=END + 6 * DAY, status=attempts.STATUS_FAILED)  # no answer is no ask
    ask(site, gap, at=END + 6 * DAY, source="file")  # nor is a file
    ask(site, Window(gap.start, gap.end - HOUR), at=END + 6 * DAY)  # nor a part
    assert derive(site, END + 8 * DAY) == {"pending": (1, 24)}
    # In two windows, but of one run.
    run_id = attempts.start_run(site, SITE_ID)
    for part in (Window(gap.start, gap.start + HOUR), Window(gap.start + HOUR, gap.end)):
        attempt = attempts.Attempt(run_id, SITE_ID, METER, part, 900, "eniscope")
        attempts.finish_attempt(site, attempt, attempts.start_attempt(site, attempt), attempts.STATUS_DONE)
    db.execute(site, "UPDATE ingestion_logs SET started_at = %s WHERE run_id = %s", (END + 7.1 * DAY, run_id))
    assert derive(site, END + 8 * DAY) == {"vendor_empty": (1, 24)}
    assert db.fetch_all(site, "SELECT asked_count, reason FROM reading_gaps") == [
        (5, "asked 5 times in 7 days; nothing came")
    ]
    ask(site, gap, make_rows(gap), at=END + 9 * DAY)  # it came all the same
    assert derive(site, END + 9 * DAY) == {"refetched": (1, 24)}


def test_silence_is_vendor_empty_only_after_a_month(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(9, 24)))
    for days in range(1, 35):
        ask(site, Window(END + (days - 2) * DAY, END + days * DAY), at=END + days * DAY)
        if days < 10:  # later the nightly two days do not reach its start any more; the backfill does
            ask(site, Window(START + 9 * DAY, END + days * DAY), at=END + days * DAY)
        state = derive(site, END + days * DAY)
        assert list(state) == ["pending" if days < 29 else "vendor_empty"], days
    assert ledger(site)[0][:4] == (START + 9 * DAY, END + 34 * DAY, "trailing", "vendor_empty")
    back = Window(END + 34 * DAY, END + 35 * DAY)
    ask(site, back, make_rows(back))
    assert derive(site, back.end) == {"pending": (1, 35 * 96)}


def test_quarantined_records_are_named_in_a_gap_that_stays(site: Connection) -> None:
    from ingest.storage.plausibility import Reject
    from ingest.storage.rejects import store_rejects

    gap = hole(2, 1)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, gap))
    store_rejects(site, SITE_ID, METER, 900, 1, [Reject("negative_energy", gap.start.timestamp() + 900, {"E": -1})])
    for days in (2, 5, 8):
        ask(site, gap, at=END + days * DAY)
    derive(site, END + 9 * DAY)
    assert db.fetch_all(site, "SELECT state, reason FROM reading_gaps") == [
        ("vendor_empty", "asked 4 times in 7 days; quarantine holds 1 records")
    ]


def test_acceptance_is_kept_through_changes_and_can_be_withdrawn(site: Connection) -> None:
    gap = hole(2, 6)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, gap))
    derive(site)
    assert accept_gaps(site, SITE_ID, METER, Window(gap.start + HOUR, gap.end), "J. Ortiz", "rebuilt", END) == 0
    assert accept_gaps(site, SITE_ID, METER, WEEK_AND_MORE, "J. Ortiz", "rebuilt", END) == 1
    assert accept_gaps(site, SITE_ID, METER, WEEK_AND_MORE, "Somebody", "else", END) == 0
    part = Window(gap.start, gap.start + HOUR)
    ask(site, part, make_rows(part), at=END + HOUR)
    assert derive(site, END + HOUR) == {"accepted": (1, 20), "refetched": (1, 4)}
    assert db.fetch_all(site, "SELECT accepted_by, reason FROM reading_gaps WHERE state = 'accepted'") == [
        ("J. Ortiz", "rebuilt")
    ]
    assert withdraw_acceptance(site, SITE_ID, METER, WEEK_AND_MORE, END) == 1
    assert derive(site, END + HOUR) == {"pending": (1, 20), "refetched": (1, 4)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 95), st.integers(1, 30), st.lists(st.booleans(), min_size=30, max_size=30)),
        min_size=1,
        max_size=6,
    )
)
def test_open_ledger_is_always_exactly_what_is_missing(
    site: Connection, arrivals: list[tuple[int, int, list[bool]]]
) -> None:
    """Whatever arrives in whatever order: look by look, the ledger is the difference."""
    db.execute(site, "TRUNCATE readings, reading_gaps, reading_gap_scans, ingestion_logs")
    db.execute(site, "UPDATE channels SET installed_at = %s", (START,))
    present: set[int] = set()
    asked_until = 0
    for number, (first, length, which) in enumerate(arrivals):
        last = min(first + length, 96)
        arrived = [quarter for quarter in range(first, last) if which[quarter - first]]
        moments = int(START.timestamp()) + 900 * np.array(arrived, dtype=np.int64)
        window = Window(START + first * timedelta(minutes=15), START + last * timedelta(minutes=15))
        rows = pd.DataFrame({"timestamp": moments, "energy_kwh": np.ones(len(arrived))})
        ask(site, window, rows, at=END + number * HOUR)
        present |= set(arrived)
        asked_until = max(asked_until, last)
        derive(site, END + number * HOUR)
        asked_from = min(first for first, _, _ in arrivals[: number + 1])
        open_quarters = {
            quarter
            for start, end, _, state, _ in ledger(site)
            if state != "refetched"
            for quarter in range((start - START) // timedelta(minutes=15), (end - START) // timedelta(minutes=15))
        }
        assert open_quarters == set(range(asked_from, asked_until)) - present


def test_catch_up_after_an_outage_is_marked_and_stored_as_it_came(site: Connection) -> None:
    gap = hole(2, 10)
    rows = rows_without(WEEK_AND_MORE, gap, hole(4, 1))
    late = rows["timestamp"] == int(gap.end.timestamp())
    usual_kwh = float(rows.loc[late, "energy_kwh"].iloc[0])
    rows.loc[late, "energy_kwh"] = 19.629
    ask(site, WEEK_AND_MORE, rows)
    derive(site)
    derive(site, END + HOUR, is_full=True)
    marks = db.fetch_all(site, "SELECT channel_id, timestamp, mark, detail FROM reading_marks")
    assert marks == [(
        METER, gap.end, "catch_up",
        f"19.629 kWh after 10.00 h without readings; usual would be {usual_kwh:.3f} kWh",
    )]  # fmt: skip
    assert db.fetch_one(site, "SELECT energy_kwh FROM readings WHERE timestamp = %s", (gap.end,)) == (19.629,)


def test_catch_up_is_seen_without_power_too(site: Connection) -> None:
    gap = hole(5, 10)
    rows = rows_without(WEEK_AND_MORE, gap).drop(columns="power_kw")
    rows.loc[rows["timestamp"] == int(gap.end.timestamp()), "energy_kwh"] = 9.0
    ask(site, WEEK_AND_MORE, rows)
    derive(site)
    assert db.fetch_all(site, "SELECT timestamp, mark FROM reading_marks") == [(gap.end, "catch_up")]


def test_doubled_hour_of_autumn_is_marked_and_its_hole_explained(site: Connection) -> None:
    first_pass = datetime(2025, 11, 2, 5, tzinfo=UTC)
    window = Window(first_pass - DAY, first_pass + DAY)
    rows = rows_without(window, Window(first_pass + HOUR, first_pass + 2 * HOUR)).assign(energy_kwh=1.0)
    seconds = rows["timestamp"] - int(first_pass.timestamp())
    rows.loc[(seconds >= 0) & (seconds < 3600), "energy_kwh"] = 2.0
    ask(site, window, rows)
    ask(site, window, make_rows(window), channel_id=OTHER)  # a meter that does it right
    derive(site, window.end)
    assert db.fetch_all(site, "SELECT channel_id, timestamp, mark FROM reading_marks ORDER BY timestamp") == [
        (METER, first_pass + number * timedelta(minutes=15), "clock_change") for number in range(4)
    ]
    assert db.fetch_all(site, "SELECT gap_start, reason FROM reading_gaps") == [
        (first_pass + HOUR, "the clock change: its energy stands in the hour before")
    ]


def test_doubled_hour_of_a_zone_of_half_hours_is_the_one_of_its_wall_clock(site: Connection) -> None:
    # In Adelaide clocks went back from 3:00 to 2:00 on 5 April 2026, at 16:30 UTC.
    db.execute(site, "UPDATE organizations SET timezone = 'Australia/Adelaide'")
    first_pass = datetime(2026, 4, 4, 15, 30, tzinfo=UTC)
    window = Window(first_pass - DAY, first_pass + DAY)
    rows = rows_without(window, Window(first_pass + HOUR, first_pass + 2 * HOUR)).assign(energy_kwh=1.0)
    seconds = rows["timestamp"] - int(first_pass.timestamp())
    rows.loc[(seconds >= 0) & (seconds < 3600), "energy_kwh"] = 2.0
    ask(site, window, rows)
    derive(site, window.end)
    assert db.fetch_all(site, "SELECT timestamp, mark FROM reading_marks ORDER BY timestamp") == [
        (first_pass + number * timedelta(minutes=15), "clock_change") for number in range(4)
    ]
    assert db.fetch_all(site, "SELECT gap_start, reason FROM reading_gaps") == [
        (first_pass + HOUR, "the clock change: its energy stands in the hour before")
    ]


def test_look_by_a_fast_clock_hides_nothing_from_the_next(site: Connection) -> None:
    gap, now = hole(2, 6), datetime.now(UTC)
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, gap))
    update_gaps(site, SITE_ID, now + 30 * DAY)  # this machine's clock; attempts are dated by the database's
    site.commit()
    part = Window(gap.start, gap.start + HOUR)
    ask(site, part, make_rows(part), at=now)
    counts = update_gaps(site, SITE_ID, now + 30 * DAY)
    assert {count.state: count.intervals for count in counts if count.gaps} == {"pending": 20, "refetched": 4}


def test_unknown_site_is_refused(conn: Connection) -> None:
    with pytest.raises(DataError, match="site 7 is not in the database"):
        update_gaps(conn, 7, END)


def test_other_sites_are_left_alone(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(2, 1)))
    sites.register_site(site, {"organization_id": 5, "name": "other", "timezone": "UTC"}, [], [], "eniscope")
    update_gaps(site, 5, END)
    assert ledger(site) == []


def test_defaults_ask_at_least_over_a_week() -> None:
    limits = GapLimits()
    assert limits.vendor_empty_asks > 1 and limits.vendor_empty_days >= 7
    assert limits.trailing_vendor_empty_days > limits.vendor_empty_days


def test_scripts_list_accept_and_withdraw(site: Connection, database_url: str, run_script: Callable[..., Any]) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(2, 6)))
    env = {"DATABASE_URL": database_url}
    done = run_script("govern/update_gaps.py", "--site", "23271", "--list", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "site 23271: 1 pending (24 intervals); 0 vendor_empty (0 intervals); 0 accepted (0 intervals); "
        "0 refetched (0 intervals)",
        "pending: 1 to be fetched by: python ingest/backfill_gaps.py --site 23271",
        "  channel 10 'meter 10' 2026-01-22T05:00Z..2026-01-22T11:00Z: 24 intervals, interior, pending, asked 1 time",
    ]
    gap = ["--channel", "METER 10", "--start", "2026-01-22", "--end", "2026-01-22"]
    word = ["--by", "J. Ortiz", "--reason", "rebuilt"]
    subject = "site 23271, channel 10 'meter 10', 2026-01-22T05:00Z..2026-01-23T05:00Z:"
    assert run_script("govern/accept_gap.py", *gap, env=env).returncode == 2
    wrong = run_script("govern/accept_gap.py", "--channel", "99", *gap[2:], *word, env=env)
    assert (wrong.returncode, "site 23271 has no channel '99'" in wrong.stderr) == (2, True)
    cut = ["--channel", "10", "--start", "2026-01-22T06:00Z", "--end", "2026-01-22"]
    refused = run_script("govern/accept_gap.py", *cut, *word, env=env)
    assert refused.returncode == 1
    assert (
        "the gap 2026-01-22T05:00Z..2026-01-22T11:00Z is only cut, and stays pending: "
        "give --start 2026-01-22T05:00Z --end 2026-01-22T11:00Z"
    ) in refused.stderr
    given = ["--channel", "10", "--start", "2026-01-22T05:00Z", "--end", "2026-01-22T11:00Z"]
    done = run_script("govern/accept_gap.py", *given, *word, env=env)
    assert done.stdout == ("site 23271, channel 10 'meter 10', 2026-01-22T05:00Z..2026-01-22T11:00Z: 1 gap accepted\n")
    again = run_script("govern/accept_gap.py", *gap, *word, env=env)
    assert (again.returncode, again.stdout.splitlines()) == (
        0,
        [
            f"{subject} 0 gaps accepted",
            "  the gap 2026-01-22T05:00Z..2026-01-22T11:00Z is accepted already by J. Ortiz",
        ],
    )
    taken_back = run_script("govern/accept_gap.py", *gap, "--withdraw", env=env)
    assert (taken_back.returncode, taken_back.stdout) == (0, f"{subject} 1 gap pending again\n")
    assert run_script("govern/accept_gap.py", *gap, "--withdraw", env=env).returncode == 0
    assert [row[3] for row in ledger(site)] == ["pending"]


def test_a_gap_is_accepted_only_at_the_site_for_which_it_is_said(site: Connection) -> None:
    ask(site, WEEK_AND_MORE, rows_without(WEEK_AND_MORE, hole(2, 6)))
    derive(site)
    assert accept_gaps(site, SITE_ID + 1, METER, WEEK_AND_MORE, "J. Ortiz", "rebuilt", END) == 0
    assert accept_gaps(site, SITE_ID, METER, WEEK_AND_MORE, "J. Ortiz", "rebuilt", END) == 1
    assert withdraw_acceptance(site, SITE_ID + 1, METER, WEEK_AND_MORE, END) == 0
    assert withdraw_acceptance(site, SITE_ID, METER, WEEK_AND_MORE, END) == 1


def test_what_is_told_of_pending_gaps_is_what_the_backfill_does(site: Connection) -> None:
    """One is due, one waits out its pause to the second, one was asked for by a fast clock, one's channel left."""
    assert set(ASKED_INTERVALS_S) == set(WINDOW_DAYS)
    now, pause = END + DAY, timedelta(hours=GapLimits.ask_again_hours)
    moments = (None, now - pause, now - pause - timedelta(seconds=1), now + CLOCK_SLACK + timedelta(seconds=1))
    for number, (at, failed_at) in enumerate(zip(moments, (None, None, now - HOUR, None), strict=True)):
        start = START + number * DAY
        db.execute(
            site,
            "INSERT INTO reading_gaps (channel_id, organization_id, gap_start, gap_end, interval_s, kind, state,"
            " asks_count_from, last_asked_at, last_failed_at)"
            " VALUES (%s, %s, %s, %s, 900, 'interior', 'pending', now(), %s, %s)",
            (METER, SITE_ID, start, start + HOUR, at, failed_at),
        )
    asks = count_asks(site, SITE_ID, now, GapLimits.ask_again_hours)
    plan = plan_backfill(site, SITE_ID, now, 100)
    assert {gap[1].start for gap in plan.gaps} == {START, START + 3 * DAY}
    assert (asks.due, asks.waiting, asks.waits_until, asks.never) == (2, 2, now, 0)
    assert asks.describe_waiting() == f"2 asked for lately wait until {format_utc(now)} (--again asks now)"
    db.execute(site, "UPDATE channels SET is_listed = false WHERE channel_id = %s", (METER,))
    assert count_asks(site, SITE_ID, now, GapLimits.ask_again_hours) == (0, 0, None, 4)
    assert plan_backfill(site, SITE_ID, now, 100).gaps == []
    assert count_asks(site, SITE_ID + 1, now, GapLimits.ask_again_hours) == (0, 0, None, 0)
