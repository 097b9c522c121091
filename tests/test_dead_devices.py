"""Devices that give no answer: all others are whole all the same, in the nightly ingest and in the backfill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import SITE_ID, Service, check_against_truth, govern, ingest

from govern.gaps.ledger import update_gaps
from ingest.runs.gap_windows import close_if_arrived, note_failed, plan_backfill
from ingest.runs.load_site import ingest_readings, ingest_windows
from ingest.runs.registration import register
from ingest.runs.window_queue import Ask, Wanted, WindowQueue
from lib import db
from lib.date_utils import Window
from lib.errors import AuthenticationError, UnreachableError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WINDOW = Window(NOW - 2 * DAY, NOW)
CHANNELS = [*range(162119, 162136)]  # each a device of its own
PLACES = {"first": CHANNELS[:8], "last": CHANNELS[-8:], "amid": CHANNELS[4:12], "by turns": CHANNELS[1::2]}


class Switch:
    """Which channels of a sandbox are dead, and what it was asked for."""

    def __init__(self, service: Service, how: str = "503") -> None:
        self.dead: set[int] = set()
        self.how, self.asked = how, list[int]()
        self.is_site_down = False
        service.app.before_request(self.answer)

    def answer(self) -> Any:
        from flask import request

        if "/readings/" not in request.path:
            return ("down", 503) if self.is_site_down else None
        channel_id = int(request.path.rsplit("/", 1)[1])
        self.asked.append(channel_id)
        if channel_id not in self.dead:
            return None
        if self.how == "silence":
            time.sleep(0.35)
        return {
            "503": ("unavailable", 503),
            "500": ("error", 500),
            "401": ("who?", 401),
            "402": ("expired", 402),
            "garbage": (b"<html>\xff\x00{", 200),
            "silence": ("late", 200),
        }[self.how]


def whole(conn: Connection, service: Service, dead: set[int]) -> None:
    """Assert that all sound channels are whole, and that the others have nothing."""
    check_against_truth(conn, service, WINDOW, set(CHANNELS) - dead)


def backfill(conn: Connection, service: Service, budget: int = 300) -> tuple[list[int], int]:
    """Update the ledger and ask for what is missing; return which channels failed, and the number of windows."""
    now = datetime.now(UTC)
    update_gaps(conn, SITE_ID, now)
    plan = plan_backfill(conn, SITE_ID, now, budget)
    conn.commit()
    site = register(conn, service.client, SITE_ID)
    summary = ingest_windows(conn, service.client, site, plan.wanted, 4, None, close_if_arrived, note_failed)
    return sorted(summary.failed), len(plan.wanted)


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("first", "503"),
        ("last", "500"),
        ("amid", "garbage"),
        ("by turns", "503"),
        ("first", "silence"),
        ("amid", "401"),
    ],
)
def test_dead_channels_leave_all_others_whole(
    conn: Connection, serve: Callable[..., Service], place: str, how: str
) -> None:
    service = serve(now=NOW, planted_weeks=[], timeout_s=0.3 if how == "silence" else 10)
    switch = Switch(service, how)
    switch.dead = set(PLACES[place])
    assert sorted(ingest(conn, service, WINDOW).failed) == PLACES[place]
    whole(conn, service, switch.dead)


def test_backfill_brings_what_sound_channels_lack_though_others_are_dead(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service)
    ingest(conn, service, WINDOW)
    hole = Window(NOW - DAY, NOW - DAY / 2)
    db.execute(conn, "DELETE FROM readings WHERE timestamp >= %s AND timestamp < %s", tuple(hole))
    db.execute(conn, "UPDATE ingestion_logs SET started_at = started_at - interval '2 days'")
    conn.commit()
    switch.dead = set(PLACES["first"])
    # The first turn of the ledger counts the ask of the ingest, which is long ago.
    assert backfill(conn, service) == (PLACES["first"], 17)
    left = db.fetch_all(conn, "SELECT channel_id FROM reading_gaps WHERE state = 'pending' ORDER BY 1")
    assert [channel_id for (channel_id,) in left] == PLACES["first"]
    # The pause holds for what failed; a day later it is asked for again, and is there.
    assert backfill(conn, service) == ([], 0)
    db.execute(conn, "UPDATE reading_gaps SET last_failed_at = last_failed_at - interval '21 hours'")
    switch.dead.clear()
    assert backfill(conn, service) == ([], 16)  # each in halves
    whole(conn, service, set())


def test_one_sound_channel_among_dead_ones_is_whole(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service)
    switch.dead = {*CHANNELS[:-1]}
    assert sorted(ingest(conn, service, WINDOW).failed) == CHANNELS[:-1]
    whole(conn, service, switch.dead)


def test_dead_channel_is_asked_twice_at_most_however_many_windows_it_has(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service)
    switch.dead = {CHANNELS[0]}
    site = register(conn, service.client, SITE_ID)
    wanted = [
        Wanted(channel_id, Window(NOW - (day + 1) * DAY, NOW - day * DAY), 900)
        for day in range(20)
        for channel_id in CHANNELS[:2]
    ]
    # One at a time, so that no two windows of the channel are under way together: five attempts, and two at the end.
    summary = ingest_windows(conn, service.client, site, wanted, workers=1)
    assert summary.failed == [CHANNELS[0]]
    assert switch.asked[-2:] == [CHANNELS[0]] * 2
    assert switch.asked.count(CHANNELS[0]) <= 5 + 5 + 2  # two windows are begun before the first has failed
    assert db.fetch_all(
        conn, "SELECT status, count(*) FROM ingestion_logs WHERE channel_id = %s GROUP BY 1", (CHANNELS[0],)
    ) == [("failed", 21)]
    assert db.fetch_all(conn, "SELECT channel_id, count(*) FROM readings GROUP BY 1") == [(CHANNELS[1], 20 * 96)]


def test_channel_that_is_back_by_the_end_of_the_run_is_whole(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service)
    switch.dead = {CHANNELS[0]}

    @service.app.after_request
    def revive(response: Any) -> Any:
        if len(set(switch.asked)) == len(CHANNELS):
            switch.dead.clear()
        return response

    assert ingest(conn, service, WINDOW).failed == []
    whole(conn, service, set())


def test_service_that_is_down_ends_the_run_soon(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service)
    site = register(conn, service.client, SITE_ID)
    switch.dead, switch.is_site_down = set(CHANNELS), True
    wanted = [Wanted(channel_id, WINDOW, 900) for channel_id in CHANNELS]
    with pytest.raises(UnreachableError, match="no answer after 5 attempts"):
        ingest_windows(conn, service.client, site, wanted, workers=1)
    assert len(set(switch.asked)) <= 4
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE status = 'running'") == [(0,)]


def test_refused_login_ends_the_run(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    site = register(conn, service.client, SITE_ID)
    service.client._token = None
    service.client._basic = "Basic nobody"
    with pytest.raises(AuthenticationError):
        ingest_windows(conn, service.client, site, [Wanted(CHANNELS[0], WINDOW, 900)], workers=1)


def windows(*places: int) -> list[Wanted]:
    """Return a day of each of these channels; one that is named again has the day before."""
    return [
        Wanted(channel_id, Window(*(NOW - (places[:place].count(channel_id) + more) * DAY for more in (1, 0))), 900)
        for place, channel_id in enumerate(places)
    ]


def test_queue_puts_a_silent_device_behind_all_others() -> None:
    # Channels 1 and 2 are of one device.
    one, two, three, more, again = windows(1, 2, 3, 3, 1)
    queue = WindowQueue([one, two, three, more, again], {1: 7, 2: 7, 3: 8})
    assert queue.take() == Ask(one, is_hasty=False)
    assert (queue.note_silence(one), queue.is_suspicious) == ([], False)
    assert queue.take() == Ask(three, is_hasty=False)
    queue.note_answer(three)
    piece = again._replace(window=Window(NOW - DAY - HOUR, NOW - DAY))
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [
        Ask(more, is_hasty=False), Ask(two, is_hasty=True), Ask(piece, is_hasty=True), None,
    ]  # fmt: skip
    assert queue.note_silence(piece) == [again]
    assert queue.given_up == {1}


def test_windows_that_fail_side_by_side_are_all_asked_for_again() -> None:
    """The later one to fail must not take the channel's second ask out of the queue: what waits for it was lost."""
    one, two, three, other = windows(1, 1, 1, 2)
    queue = WindowQueue([one, two, three, other], {1: 7, 2: 8})
    assert [queue.take(), queue.take()] == [Ask(one, is_hasty=False), Ask(two, is_hasty=False)]
    assert (queue.note_silence(one), queue.note_silence(two)) == ([], [])
    assert queue.unasked == {1}
    piece = three._replace(window=Window(three.window.end - HOUR, three.window.end))
    assert [queue.take(), queue.take(), queue.take()] == [Ask(other, is_hasty=False), Ask(piece, is_hasty=True), None]
    queue.note_answer(other)
    queue.note_answer(piece)
    taken = [queue.take(), queue.take(), queue.take()]
    assert [ask.wanted for ask in taken if ask] == [one, three, two]
    assert (queue.take(), queue.unasked) == (None, set())


def stumble_over(
    service: Service, channel_ids: list[int], moment: datetime | None = None, longest: timedelta | None = None,
    refusal: tuple[str, int] = ("unavailable", 503),
) -> list[timedelta]:  # fmt: skip
    """Refuse windows of these channels that hold a moment, or are too long; return how long those asked for were."""
    asked: list[timedelta] = []

    @service.app.before_request
    def answer() -> Any:
        from flask import request

        if "/readings/" not in request.path or int(request.path.rsplit("/", 1)[1]) not in channel_ids:
            return None
        start, end = (datetime.fromtimestamp(int(text), UTC) for text in request.args.getlist("daterange[]"))
        asked.append(end - start)
        is_too_long = longest is not None and end - start > longest
        return refusal if is_too_long or (moment is not None and start <= moment < end) else None

    return asked


def missing(conn: Connection, window: Window) -> dict[int, int]:
    """Return channel → how many of the window's quarter-hours it lacks, of those that lack any."""
    rows = db.fetch_all(conn, "SELECT channel_id, count(*) FROM readings GROUP BY 1")
    whole_count = (window.end - window.start) // timedelta(minutes=15)
    return {key: whole_count - count for key, count in rows if count < whole_count}


@pytest.mark.parametrize(
    "refusal", [("unavailable", 503), ("error", 500), ("Invalid Parameter", 500), ("too much", 400), ("wide", 413)]
)
def test_interval_over_which_the_service_stumbles_costs_no_more_than_its_hour(
    conn: Connection, serve: Callable[..., Service], refusal: tuple[str, int]
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    one, other = CHANNELS[0], CHANNELS[5]
    asked = stumble_over(service, [one, other], NOW - DAY / 2, refusal=refusal)
    assert sorted(ingest(conn, service, WINDOW).failed) == [one, other]
    lacking = missing(conn, WINDOW)
    # Of 48 hours, halved until they are an hour at most.
    assert lacking.keys() == {one, other} and max(lacking.values()) <= 3
    assert len(asked) < 2 * 60
    # The night after, what is left is asked for once, and no more comes.
    db.execute(conn, "UPDATE ingestion_logs SET started_at = started_at - interval '2 days'")
    conn.commit()
    assert backfill(conn, service) == ([one, other], 2)
    assert missing(conn, WINDOW) == lacking


@pytest.mark.parametrize("refusal", [("error", 500), ("Invalid Parameter", 500), ("too long", 400)])
def test_windows_too_long_for_the_service_are_asked_for_in_parts(
    conn: Connection, serve: Callable[..., Service], refusal: tuple[str, int]
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    asked = stumble_over(service, CHANNELS, longest=7 * DAY, refusal=refusal)
    window = Window(NOW - 40 * DAY, NOW)
    site = register(conn, service.client, SITE_ID, CHANNELS[:2])
    summary = ingest_readings(conn, service.client, site, window, 900, workers=4)
    assert (summary.failed, summary.unsupported) == ([], [])
    check_against_truth(conn, service, window, CHANNELS[:2])
    assert len(asked) < 2 * 100
    # What is whole is not told as missing, though its windows failed as wholes.
    govern(conn)
    assert db.fetch_all(conn, "SELECT is_passed FROM validation_results WHERE check_name = 'ingest_complete'") == [
        (True,)
    ]


def test_reply_that_is_cut_at_a_number_of_records_is_asked_for_in_halves(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(now=NOW, planted_weeks=[])

    @service.app.after_request
    def cut(response: Any) -> Any:
        reply = json.loads(response.get_data())
        if isinstance(reply, dict) and len(reply.get("records", [])) > 100:
            response.set_data(json.dumps(reply | {"records": reply["records"][:100]}))
        return response

    summary = ingest(conn, service, WINDOW, CHANNELS[:1])
    assert (summary.failed, summary.troubles.counts) == ([], {"fewer records came than it counts": 1})
    check_against_truth(conn, service, WINDOW, CHANNELS[:1])


@pytest.mark.parametrize(("devices", "is_suspicious"), [((7, 7, 7, 8), False), ((7, 8, 9, 10), True)])
def test_service_is_suspected_after_three_devices_and_not_three_channels(
    devices: tuple[int, ...], is_suspicious: bool
) -> None:
    asks = windows(1, 2, 3, 4)
    queue = WindowQueue(asks, dict(zip((1, 2, 3, 4), devices, strict=True)))
    for ask in asks[:3]:
        queue.take()
        queue.note_silence(ask)
    # Of two devices one is left.
    assert queue.is_suspicious == is_suspicious


def test_budget_is_shared_and_what_failed_waits_its_turn(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    month = Window(NOW - 10 * DAY, NOW)
    ingest(conn, service, month, CHANNELS[:3])
    dead, one, two = CHANNELS[:3]
    for day in range(1, 10):
        db.execute(
            conn,
            "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
            (dead, NOW - day * DAY, NOW - day * DAY + HOUR),
        )
    for channel_id in (one, two):
        db.execute(
            conn,
            "DELETE FROM readings WHERE channel_id = %s AND timestamp >= %s AND timestamp < %s",
            (channel_id, NOW - 9 * DAY, NOW - 9 * DAY + HOUR),
        )
    db.execute(conn, "UPDATE ingestion_logs SET started_at = started_at - interval '2 days'")
    now = datetime.now(UTC)
    update_gaps(conn, SITE_ID, now)
    # Nine gaps of the dead one, all newer, and one of each other: everyone has a turn before anyone has a second.
    plan = plan_backfill(conn, SITE_ID, now, 3)
    assert sorted(wanted.channel_id for wanted in plan.wanted) == [dead, one, two]
    assert plan.left == 8
    note_failed(conn, plan.wanted[0])
    failed = plan.gaps[0][1]
    conn.commit()
    assert failed not in [window for _, window in plan_backfill(conn, SITE_ID, now, 99).gaps]
    day_later = plan_backfill(conn, SITE_ID, now + DAY, 99)
    # Of its channel it is the last one now, though it is the newest.
    assert [window for channel_id, window in day_later.gaps if channel_id == dead][-1] == failed
    # Asking again for all that is missing does not lose when it was asked.
    update_gaps(conn, SITE_ID, now, is_full=True)
    assert plan_backfill(conn, SITE_ID, now + DAY, 99).gaps == day_later.gaps


def test_gap_beyond_the_budget_is_asked_for_part_by_part(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, planted_weeks=[])
    switch = Switch(service, "402")
    ingest(conn, service, Window(NOW - 100 * DAY, NOW), CHANNELS[:1])
    db.execute(conn, "DELETE FROM readings WHERE timestamp < %s AND timestamp > %s", (NOW - DAY, NOW - 95 * DAY))
    db.execute(conn, "DELETE FROM ingestion_logs WHERE channel_id <> 0 AND mod(log_id, 2) = 0")
    db.execute(conn, "UPDATE ingestion_logs SET started_at = started_at - interval '2 days'")
    now = datetime.now(UTC)
    update_gaps(conn, SITE_ID, now)
    conn.commit()
    site = register(conn, service.client, SITE_ID)
    switch.dead = set(CHANNELS)
    asked = []
    for _ in range(4):
        (wanted,) = plan_backfill(conn, SITE_ID, now, 1, ask_again=True).wanted
        asked.append(wanted.window.start)
        ingest_windows(conn, service.client, site, [wanted], 1, None, close_if_arrived, note_failed)
    assert len(set(asked[:3])) == 3  # all parts of it
    assert asked[3] == asked[0]
