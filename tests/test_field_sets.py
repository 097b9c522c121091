"""A channel's fields are learned from values: a refusal passes, nulls prove nothing, and what came back is fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from field_source import AIR, MAIN, SECOND, VOLTAGES, counting, refusing
from pipeline import LOGIN, SITE_ID, Service, ingest
from test_late_fields import Clock, counts, serve_fields

from config.site_file import IngestLimits
from ingest import backfill_gaps, ingest_to_postgres
from ingest.eniscope.field_sets import (
    FULL_ASK_EVERY,
    MAX_REFUSALS,
    ChannelFields,
    FieldAnswer,
    FieldBook,
    learn,
    plan_asks,
)
from ingest.eniscope.normalize import EXTRA_FIELDS, METER_FIELDS, SENSOR_FIELDS
from ingest.runs.registration import register
from ingest.storage import sites
from lib import db
from lib.date_utils import Window
from lib.readings import load_ingestion_health, load_meters
from operations.health.ingestion import judge_site

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = NOW + DAY
THREE_DAYS, LAST_TWO = Window(NOW - 3 * DAY, NOW), Window(NOW - 2 * DAY, NOW)
FORTY_DAYS = Window(NOW - 40 * DAY, NOW)
WINDOW = Window(NOW - DAY, NOW)
ALL_FIELDS = (*METER_FIELDS, *EXTRA_FIELDS)
GOOD = ChannelFields(("E", "P", "V"), METER_FIELDS, NOW - DAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def known_of(conn: Connection, channel_id: int = MAIN) -> ChannelFields:
    return sites.load_channel_fields(conn, SITE_ID).get(channel_id, ChannelFields())


def refill(conn: Connection, service: Service, budget: int = 300) -> list[int]:
    """Ask again for what lacks fields, as the nightly backfill does; return how many readings each round filled."""
    site = register(conn, service.client, SITE_ID)
    rounds = backfill_gaps.refill(conn, service.client, site, budget, 4, IngestLimits())
    return [one.filled for one in rounds]


# --- When the largest set is asked for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusals", "wait"),
    [(0, timedelta(days=7)), (1, timedelta(0)), (2, timedelta(hours=20)), (3, timedelta(hours=44)),
     (4, timedelta(hours=92)), (5, timedelta(days=7)), (50, timedelta(days=7))],
)  # fmt: skip
def test_full_set_is_due_at_its_time(refusals: int, wait: timedelta) -> None:
    known = ChannelFields(("E",), ("E",), NOW, refusals)
    assert known.is_full_ask_due(NOW + wait)
    assert not known.is_full_ask_due(NOW + wait - timedelta(seconds=1))


def test_what_was_never_learned_is_asked_in_full() -> None:
    assert ChannelFields(("E",), ("E",)).is_full_ask_due(NOW)
    assert plan_asks(ChannelFields(), (), is_due=True).sets == (ALL_FIELDS, METER_FIELDS, ("E", "P"), SENSOR_FIELDS)
    asks = plan_asks(ChannelFields(("E", "V"), ("E", "P", "V")), ("E", "Ex"), is_due=True)
    assert asks.full == ("E", "P", "V", "Ex")
    assert asks.sets[:4] == (("E", "P", "V", "Ex"), ("E", "P", "V"), ("E", "V"), ("E", "Ex"))
    assert plan_asks(GOOD, (), is_due=False).sets[0] == METER_FIELDS
    assert plan_asks(ChannelFields(("T",), ("T",), NOW), (), is_due=True).full == SENSOR_FIELDS


# --- What an answer teaches -------------------------------------------------------------------------------------------


def taught(state: ChannelFields, answer: FieldAnswer, before: ChannelFields | None = None) -> ChannelFields:
    asks = plan_asks(state, METER_FIELDS, is_due=True)
    return learn(state, before or state, asks, answer, WINDOW, NOW)


def test_full_answer_teaches_what_had_values_and_clears_a_reduction() -> None:
    reduced = ChannelFields(("E", "P"), ("E", "P"), NOW - DAY, 2, NOW - 3 * DAY, NOW - 5 * DAY)
    learned = taught(reduced, FieldAnswer(METER_FIELDS, ("E", "P", "V")))
    # The voltage is new, so what was asked for before this window is to be asked for again.
    assert learned == ChannelFields(("E", "P", "V"), METER_FIELDS, NOW, 0, None, WINDOW.start)


def test_refusal_keeps_what_was_seen_and_counts_once_a_run() -> None:
    answer = FieldAnswer(("E", "P"), ("E", "P"), (METER_FIELDS,))
    once = taught(GOOD, answer)
    assert once == ChannelFields(("E", "P", "V"), ("E", "P"), NOW, 1, NOW, WINDOW.end)
    assert taught(once, answer, GOOD) == once
    assert taught(once, answer).refusals == 2


def test_refusal_where_no_value_came_leaves_no_reading_that_lacks_a_field() -> None:
    """As before a meter was installed: there are no records, whichever fields are asked for."""
    answer = FieldAnswer(("E", "P"), (), (METER_FIELDS,))
    assert taught(ChannelFields(), answer) == ChannelFields((), (), NOW, 1, NOW)
    assert taught(GOOD, answer) == ChannelFields(GOOD.seen, GOOD.asked, NOW, 1, NOW)


def test_fields_that_are_refused_for_weeks_and_never_had_a_value_are_none() -> None:
    state, answer = ChannelFields(("E", "P"), ("E", "P"), NOW), FieldAnswer(("E", "P"), ("E", "P"), (METER_FIELDS,))
    for run in range(1, MAX_REFUSALS + 1):
        state = taught(state, answer)
        assert (state.refusals, state.reduced_since is None) == (run, run == MAX_REFUSALS)
    assert taught(GOOD, answer).seen == ("E", "P", "V")  # of one that had them they are still missed
    lost = taught(ChannelFields(("E", "P", "V"), ("E", "P"), NOW, MAX_REFUSALS, NOW), answer)
    assert lost.reduced_since == NOW


@pytest.mark.parametrize(("listed", "refusals"), [((), 0), (ALL_FIELDS, 1)])
def test_export_is_missed_only_where_the_service_lists_it(listed: tuple[str, ...], refusals: int) -> None:
    asks = plan_asks(ChannelFields(), listed, is_due=True)
    assert asks.sets[:2] == (ALL_FIELDS, METER_FIELDS)
    learned = learn(
        ChannelFields(), ChannelFields(), asks, FieldAnswer(METER_FIELDS, ("E", "P"), (ALL_FIELDS,)), WINDOW, NOW
    )
    assert (learned.refusals, learned.asked, learned.is_full_ask_due(NOW)) == (refusals, METER_FIELDS, refusals == 1)


def test_nulls_teach_nothing_and_what_was_only_accepted_is_replaced() -> None:
    silent = FieldAnswer(METER_FIELDS, ())
    assert taught(ChannelFields(), silent) == ChannelFields()
    assert taught(GOOD, silent) == GOOD
    accepted = ChannelFields(METER_FIELDS, METER_FIELDS)  # as earlier versions kept it
    learned = taught(accepted, FieldAnswer(METER_FIELDS, ("E", "P")))
    assert learned == ChannelFields(("E", "P"), METER_FIELDS, NOW, 0, None, WINDOW.start)


def test_field_that_comes_within_the_first_run_is_asked_for_no_second_time() -> None:
    book = FieldBook({}, {20: METER_FIELDS}, NOW)
    for seen in (("E", "P"), ("E", "P", "PF")):
        known = book.learn(7, book.plan(7, 20), FieldAnswer(METER_FIELDS, seen), WINDOW)
    assert (known.seen, known.refill_before) == (("E", "P", "PF"), None)


def test_book_asks_for_all_twice_a_run_at_most() -> None:
    book = FieldBook({}, {20: METER_FIELDS}, NOW)
    answer = FieldAnswer(("E", "P"), ("E", "P"), (METER_FIELDS,))
    for asked_first in (METER_FIELDS, METER_FIELDS, ("E", "P")):
        asks = book.plan(7, 20)
        assert asks.sets[0] == asked_first
        book.learn(7, asks, answer, WINDOW)
    assert book.state_of(7).refusals == 1
    known = FieldBook({7: GOOD}, {}, NOW)  # nothing is due: the set that it always answered is tried again, too
    for asked_first in (METER_FIELDS, METER_FIELDS, ("E", "P")):
        asks = known.plan(7, 20)
        assert asks.sets[0] == asked_first
        known.learn(7, asks, answer, WINDOW)
    assert known.state_of(7).is_full_ask_due(NOW)


# --- Over HTTP --------------------------------------------------------------------------------------------------------


def test_one_refusal_narrows_nothing_for_ever(
    conn: Connection, serve: Callable[..., Service], clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve_fields(serve, clock)
    with refusing(service.app, VOLTAGES, MAIN) as refused:
        first = ingest(conn, service, THREE_DAYS)
    assert refused
    assert (first.reduced, first.failed) == ({MAIN: ("E", "P")}, [])
    assert counts(conn, "energy_kwh", "voltage_v") == [(MAIN, 288, 0), (SECOND, 288, 288)]
    (health,) = load_ingestion_health(conn)
    assert (health.channels_reduced, health.reduced_since is not None) == (1, True)
    told = judge_site(health._replace(last_success_at=NOW), NOW, DAY)
    assert told.level == "WARN"
    assert "the service answers fewer fields for 1 channels since 20" in told.message
    ingest_to_postgres.print_summary(first, THREE_DAYS, 1.0, {})
    assert "fewer fields than asked for, and asked for again in later runs: channels 4001 (only E P)" in (
        capsys.readouterr().out
    )

    second = ingest(conn, service, THREE_DAYS)
    assert (second.reduced, second.inserted, second.filled) == ({}, 0, 288)
    assert counts(conn, "energy_kwh", "voltage_v") == [(MAIN, 288, 288), (SECOND, 288, 288)]
    assert load_ingestion_health(conn)[0].channels_reduced == 0


def test_refusal_after_good_runs_leaves_a_hole_that_the_backfill_fills(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock)
    ingest(conn, service, Window(NOW - 6 * DAY, NOW - 4 * DAY))
    with refusing(service.app, VOLTAGES, MAIN):
        assert ingest(conn, service, Window(NOW - 4 * DAY, NOW - 2 * DAY)).reduced == {MAIN: ("E", "P")}
    assert "V" in known_of(conn).seen
    assert refill(conn, service) == []  # it still answers fewer: nothing is asked for again
    last = ingest(conn, service, LAST_TWO)
    assert (last.reduced, last.refillable) == ({}, [MAIN])
    assert counts(conn, "energy_kwh", "voltage_l3_v") == [(MAIN, 576, 384), (SECOND, 576, 576)]
    assert refill(conn, service) == [192]
    assert counts(conn, "energy_kwh", "voltage_l3_v") == [(MAIN, 576, 576), (SECOND, 576, 576)]
    assert known_of(conn).refill_before is None


def test_fields_that_came_later_are_fetched_for_the_whole_history(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock, late=dict.fromkeys(VOLTAGES, LATER))
    ingest(conn, service, FORTY_DAYS)
    assert refill(conn, service) == []
    clock.now = LATER
    nightly = ingest(conn, service, LAST_TWO)
    assert (nightly.filled, nightly.refillable) == (2 * 192, [MAIN, SECOND])
    with counting(service.app) as requests:
        assert refill(conn, service, budget=3) == [2 * 2880, 768]  # thirty days of both, then eight of the first
        assert refill(conn, service, budget=3) == [768]
    assert len(requests) == 4
    assert counts(conn, "voltage_v") == [(MAIN, 3840), (SECOND, 3840)]
    assert refill(conn, service) == []


def test_nightly_backfill_asks_again_for_fields_that_came_later(
    conn: Connection, database_url: str, serve: Callable[..., Service], clock: Clock, run_script: Callable[..., Any]
) -> None:
    service = serve_fields(serve, clock, late=dict.fromkeys(VOLTAGES, LATER))
    names = ("VITE_ENISCOPE_API_KEY", "VITE_ENISCOPE_EMAIL", "VITE_ENISCOPE_PASSWORD")
    env = dict(zip(names, LOGIN, strict=True)) | {
        "DATABASE_URL": database_url, "VITE_ENISCOPE_API_URL": service.url, "ENISCOPE_REQUESTS_PER_SECOND": "0",
    }  # fmt: skip
    days = ["--start", "2026-01-01", "--end", "2026-02-09"]
    assert run_script("ingest/ingest_to_postgres.py", *days, env=env).returncode == 0
    idle = run_script("ingest/backfill_gaps.py", env=env)
    assert idle.stdout == "site 23271: no gap is to be asked for now\n"
    clock.now = LATER
    nightly = run_script("ingest/ingest_to_postgres.py", "--start", "2026-02-08", "--end", "2026-02-09", env=env)
    assert "384 already there, 384 of them filled; 0 empty" in nightly.stdout
    lacking = "channels 4001 'Meter 4001', 4002 'Meter 4002'"
    assert f"fields that earlier readings lack: {lacking}; the nightly backfill asks for them again" in nightly.stdout
    backfill = run_script("ingest/backfill_gaps.py", env=env)
    assert (backfill.returncode, backfill.stderr.count("WARNING")) == (0, 0)
    assert backfill.stdout.endswith(
        "site 23271: asked again for fields that came later; 7,296 readings got values they lacked\n"
    )
    assert counts(conn, "energy_kwh", "voltage_v") == [(MAIN, 3840, 3840), (SECOND, 3840, 3840)]


def test_values_that_come_after_days_are_fetched_beyond_what_is_asked_nightly(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    """For five days only power came; then all of it is there. The nightly two days bring the rest along."""
    outage = ("E", Window(NOW - 6 * DAY, NOW - DAY), LATER)
    service = serve_fields(serve, clock, channel_ids=(MAIN,), outage=outage)
    ingest(conn, service, Window(NOW - 10 * DAY, NOW))
    assert counts(conn, "energy_kwh", "power_kw") == [(MAIN, 480, 960)]
    clock.now = LATER
    nightly = ingest(conn, service, LAST_TWO)
    assert (nightly.filled, nightly.refillable) == (96, [MAIN])
    assert refill(conn, service) == [384]
    assert counts(conn, "energy_kwh", "power_kw") == [(MAIN, 960, 960)]
    assert known_of(conn).refill_before is None


def test_values_that_settle_late_at_the_end_send_nobody_back(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(
        serve, clock, channel_ids=(MAIN,), since={"V": NOW - 5 * DAY}, outage=("E", Window(NOW - DAY, NOW), LATER)
    )
    ingest(conn, service, Window(NOW - 10 * DAY, NOW))
    clock.now = LATER
    nightly = ingest(conn, service, LAST_TWO)
    assert (nightly.filled, nightly.refillable) == (96, [])


def test_fields_that_the_past_never_had_are_asked_for_once(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock, channel_ids=(MAIN,), since=dict.fromkeys(VOLTAGES, NOW - DAY))
    ingest(conn, service, Window(FORTY_DAYS.start, NOW - 2 * DAY))
    assert ingest(conn, service, LAST_TWO).refillable == [MAIN]
    with counting(service.app) as requests:
        assert refill(conn, service) == [0]
        assert refill(conn, service) == []
    assert len(requests) == 1
    assert counts(conn, "energy_kwh", "voltage_v") == [(MAIN, 3840, 96)]


def test_nulls_make_no_electricity_meter_of_a_sensor(
    conn: Connection, serve: Callable[..., Service], clock: Clock
) -> None:
    service = serve_fields(serve, clock, channel_ids=(MAIN, AIR))
    ingest(conn, service, THREE_DAYS)
    assert counts(conn, "energy_kwh", "temperature_c") == [(MAIN, 288, 0), (AIR, 0, 288)]
    assert known_of(conn, AIR).seen == ("T", "RH")
    meters = load_meters(conn, SITE_ID).set_index("channel_id")["is_energy_meter"]
    assert meters.to_dict() == {MAIN: True, AIR: False}
    # As an earlier version left one: every field that was accepted, and no temperature.
    db.execute(conn, "DELETE FROM readings WHERE channel_id = %s", (AIR,))
    db.execute(
        conn,
        "UPDATE channels SET fields = %s, asked_fields = %s, full_ask_at = NULL WHERE channel_id = %s",
        (list(METER_FIELDS), list(METER_FIELDS), AIR),
    )
    ingest(conn, service, THREE_DAYS)
    assert counts(conn, "energy_kwh", "temperature_c") == [(MAIN, 288, 0), (AIR, 0, 288)]
    assert load_meters(conn, SITE_ID).set_index("channel_id")["is_energy_meter"].to_dict() == meters.to_dict()


def test_meter_that_is_silent_is_what_it_was(conn: Connection, serve: Callable[..., Service], clock: Clock) -> None:
    service = serve_fields(serve, clock)
    ingest(conn, service, THREE_DAYS)
    before = known_of(conn)
    source = service.app.extensions["sandbox"]["source"]
    source.late = dict.fromkeys(source.catalogue.channels[0].units, LATER)
    silent: Any = ingest(conn, service, LAST_TWO)
    assert (silent.empty, silent.inserted, silent.reduced) == (2 * 192, 0, {})
    assert known_of(conn) == before
    assert timedelta(days=7) == FULL_ASK_EVERY
