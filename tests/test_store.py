"""Rows into a real PostgreSQL: exact, once, and logged."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.eniscope.field_sets import ChannelFields
from ingest.storage import attempts, readings, sites
from lib import db
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

START_S = 1_768_885_200  # 2026-01-20 05:00 UTC
ORGANIZATION = {"organization_id": 1, "name": "Site", "timezone": "America/New_York"}
CHANNEL = {"channel_id": 10, "organization_id": 1, "name": "RTU-1"}


def frame(*energy_kwh: float | None, start_s: int = START_S, **columns: list[float]) -> pd.DataFrame:
    timestamp = start_s + 900 * np.arange(len(energy_kwh))
    return pd.DataFrame({"timestamp": timestamp, "energy_kwh": np.array(energy_kwh, dtype=float), **columns})


def stored(conn: Connection) -> list[tuple[Any, ...]]:
    return db.fetch_all(
        conn,
        "SELECT channel_id, extract(epoch FROM timestamp)::bigint, interval_s, energy_kwh, power_kw, voltage_v"
        " FROM readings ORDER BY 1, 2",
    )


def test_readings_arrive_exactly_and_nan_is_null(conn: Connection) -> None:
    rows = frame(0.1, None, 0.0, -2.5, power_kw=[0.4, 1e-300, np.nan, 3.0], voltage_v=[120.25, np.nan, np.nan, 0.0])
    assert readings.insert_readings(conn, 1, 10, 900, 1, rows).inserted == 4
    assert stored(conn) == [
        (10, START_S, 900, 0.1, 0.4, 120.25),
        (10, START_S + 900, 900, None, 1e-300, None),
        (10, START_S + 1800, 900, 0.0, None, None),
        (10, START_S + 2700, 900, -2.5, 3.0, 0.0),
    ]


def test_first_value_stays_and_duplicates_are_not_counted(conn: Connection) -> None:
    assert readings.insert_readings(conn, 1, 10, 900, 1, frame(1.0, 2.0)).inserted == 2
    assert readings.insert_readings(conn, 1, 10, 900, 2, frame(9.0, 9.0, 3.0)).inserted == 1
    assert [row[3] for row in stored(conn)] == [1.0, 2.0, 3.0]


def test_row_that_slips_in_before_the_copy_costs_nothing(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readings.insert_readings(conn, 1, 10, 900, 1, frame(1.0, start_s=START_S + 900)).inserted == 1
    monkeypatch.setattr(readings, "_prepare_load", lambda *_: True)  # as if it had come after the look
    assert readings.insert_readings(conn, 1, 10, 900, 2, frame(7.0, 8.0, 9.0)).inserted == 2
    assert [row[3] for row in stored(conn)] == [7.0, 1.0, 9.0]


def test_two_loads_of_one_channel_take_turns(conn: Connection, database_url: str) -> None:
    readings.insert_readings(conn, 1, 12, 900, 1, frame(4.0))
    conn.commit()  # the month stands
    readings.insert_readings(conn, 1, 10, 900, 1, frame(1.0, 2.0))
    second: list[int] = []

    def load() -> None:
        with db.connect(database_url) as other:
            # Another channel does not wait.
            readings.insert_readings(other, 1, 11, 900, 2, frame(5.0))
            second.append(readings.insert_readings(other, 1, 10, 900, 2, frame(8.0, 9.0, 3.0)).inserted)
            other.commit()

    thread = threading.Thread(target=load)
    thread.start()
    thread.join(timeout=0.3)
    assert (thread.is_alive(), second) == (True, [])
    conn.commit()
    thread.join(timeout=10)
    assert second == [1]
    assert [row[3] for row in stored(conn)] == [1.0, 2.0, 3.0, 5.0, 4.0]


def test_partitions_are_made_for_the_months_needed(conn: Connection) -> None:
    last_quarter_of_january = int(datetime(2026, 1, 31, 23, 45, tzinfo=UTC).timestamp())
    assert readings.insert_readings(conn, 1, 10, 900, 1, frame(1.0, 2.0, start_s=last_quarter_of_january)).inserted == 2
    partitions = db.fetch_all(
        conn, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass ORDER BY 1"
    )
    assert partitions == [("readings_2026_01",), ("readings_2026_02",)]
    (count,) = db.fetch_all(conn, "SELECT count(*) FROM readings_2026_02")[0]
    assert count == 1


def test_nothing_to_insert_is_no_error(conn: Connection) -> None:
    assert readings.insert_readings(conn, 1, 10, 900, 1, frame()).inserted == 0
    assert (
        readings.insert_readings(conn, 1, 10, 900, 1, frame(None, None)).inserted == 2
    )  # rows that say "nothing measured"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))] * 2),
        min_size=1,
        max_size=40,
    )
)
def test_any_pattern_of_missing_values_comes_back_as_it_went(
    conn: Connection, pairs: list[tuple[float | None, float | None]]
) -> None:
    conn.rollback()
    rows = frame(*[energy for energy, _ in pairs], power_kw=[np.nan if p is None else p for _, p in pairs])
    assert readings.insert_readings(conn, 1, 10, 900, 1, rows).inserted == len(pairs)
    assert [row[3:5] for row in stored(conn)] == pairs


def test_attempts_are_logged_from_start_to_end(conn: Connection) -> None:
    window = Window(datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))
    run_id = attempts.start_run(conn, 1)
    attempt = attempts.Attempt(run_id, 1, 10, window, 900, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    assert db.fetch_all(conn, "SELECT status, finished_at FROM ingestion_logs") == [("running", None)]
    attempts.finish_attempt(
        conn,
        attempt,
        log_id,
        attempts.STATUS_DONE,
        fetched=96,
        inserted=90,
        duplicate=5,
        rejected=1,
        error="1 off_grid",
    )
    assert db.fetch_all(
        conn,
        "SELECT run_id, organization_id, channel_id, window_start, window_end, interval_s, data_source, status,"
        " fetched, inserted, duplicate, rejected, error, finished_at >= started_at FROM ingestion_logs",
    ) == [(run_id, 1, 10, *window, 900, "eniscope", "done", 96, 90, 5, 1, "1 off_grid", True)]


def test_attempts_of_a_killed_run_are_closed_by_the_next(conn: Connection) -> None:
    window = Window(datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))
    for minutes_ago in (90, 5):
        log_id = attempts.start_attempt(conn, attempts.Attempt(7, 1, 10, window, 900, "eniscope"))
        db.execute(
            conn,
            "UPDATE ingestion_logs SET started_at = started_at - %s WHERE log_id = %s",
            (timedelta(minutes=minutes_ago), log_id),
        )
    assert attempts.start_run(conn, 1) == attempts.start_run(conn, 1) - 1
    statuses = db.fetch_all(conn, "SELECT status FROM ingestion_logs ORDER BY log_id")
    assert statuses == [("interrupted",), ("running",)]


def test_descriptions_follow_the_service_and_rows_stay(conn: Connection) -> None:
    sites.register_site(conn, ORGANIZATION, [], [CHANNEL], "eniscope")
    sites.register_site(conn, ORGANIZATION, [], [CHANNEL | {"name": "RTU-1 (roof)"}], "eniscope")
    assert db.fetch_all(conn, "SELECT name FROM channels") == [("RTU-1 (roof)",)]
    db.execute(conn, "UPDATE channels SET updated_at = '2026-01-01'")
    sites.register_site(conn, ORGANIZATION, [], [CHANNEL | {"name": "RTU-1 (roof)"}], "eniscope")
    assert db.fetch_all(conn, "SELECT updated_at::date::text FROM channels") == [("2026-01-01",)]  # nothing changed


def test_sandbox_and_service_never_mix(conn: Connection) -> None:
    sites.register_site(conn, ORGANIZATION, [], [CHANNEL], "sandbox")
    sites.check_source(conn, 1, "eniscope")  # nothing stored yet: the account may still be set right
    readings.insert_readings(conn, 1, 10, 900, 1, frame(1.0))
    sites.check_source(conn, 1, "sandbox")
    with pytest.raises(DataError, match="holds readings of the sandbox"):
        sites.check_source(conn, 1, "eniscope")


def test_fields_of_a_channel_are_remembered(conn: Connection) -> None:
    sites.register_site(conn, ORGANIZATION, [], [CHANNEL], "sandbox")
    sites.save_fields(conn, 10, ("E", "P"))
    (known,) = sites.load_channel_fields(conn, 1).values()
    assert (known.seen, known.asked, known.is_proven) == (("E", "P"), ("E", "P"), True)
    moment = datetime(2026, 1, 20, 5, tzinfo=UTC)
    whole = ChannelFields(("E", "V"), ("E",), moment, 3, moment, moment)
    sites.save_channel_fields(conn, 10, whole)
    assert sites.load_channel_fields(conn, 1) == {10: whole}
    sites.mark_unsupported(conn, 10)
    assert sites.load_channel_fields(conn, 1) == {}
    assert db.fetch_all(conn, "SELECT is_unsupported FROM channels") == [(True,)]
