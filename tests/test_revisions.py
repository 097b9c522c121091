"""Another value for a stored interval is recorded, never applied; one for a value that was missing fills it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from psycopg2 import errors as pg_errors

from ingest.storage import attempts, readings
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

START_S = 1_768_885_200  # 2026-01-20 05:00 UTC
DAY = Window(datetime(2026, 1, 20, 5, tzinfo=UTC), datetime(2026, 1, 21, 5, tzinfo=UTC))


def frame(energy_kwh: list[float], **columns: list[float]) -> pd.DataFrame:
    timestamp = START_S + 900 * np.arange(len(energy_kwh))
    return pd.DataFrame({"timestamp": timestamp, "energy_kwh": energy_kwh, **columns})


def ingest(conn: Connection, run_id: int, rows: pd.DataFrame) -> int | None:
    """Store rows as an attempt of their own; return how many revisions its log line counts."""
    attempt = attempts.Attempt(run_id, 1, 10, DAY, 900, "eniscope")
    log_id = attempts.start_attempt(conn, attempt)
    stored = readings.insert_readings(conn, 1, 10, 900, run_id, rows)
    attempts.finish_attempt(
        conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows), inserted=stored.inserted, filled=stored.filled
    )
    return db.fetch_all(conn, "SELECT revised FROM ingestion_logs WHERE log_id = %s", (log_id,))[0][0]


def revisions(conn: Connection) -> list[tuple[Any, ...]]:
    return db.fetch_all(
        conn,
        "SELECT (extract(epoch FROM timestamp)::bigint - %s) / 900, column_name, old_value, new_value, ingest_run_id"
        " FROM reading_revisions WHERE channel_id = 10 ORDER BY 1, 2, 4",
        (START_S,),
    )


def test_each_distinct_value_is_recorded_once_and_the_first_stays(conn: Connection) -> None:
    first = frame([1.0, 2.0, 3.0], power_kw=[4.0, 8.0, 12.0], voltage_v=[120.31, 120.3, 120.2])
    assert ingest(conn, 1, first) == 0
    assert ingest(conn, 2, first) == 0
    later = frame([1.0, 2.5, 3.0], power_kw=[4.0, 10.0, 12.0], voltage_v=[120.31, 120.3, 119.9])
    assert ingest(conn, 3, later) == 2  # intervals, not values
    assert ingest(conn, 4, later) == 0  # known by now
    assert ingest(conn, 5, frame([1.0, 2.75])) == 1
    assert revisions(conn) == [
        (1, "energy_kwh", 2.0, 2.5, 3),
        (1, "energy_kwh", 2.0, 2.75, 5),
        (1, "power_kw", 8.0, 10.0, 3),
        (2, "voltage_v", 120.2, 119.9, 3),
    ]
    stored = db.fetch_all(conn, "SELECT energy_kwh, power_kw FROM readings ORDER BY timestamp")
    assert stored == [(1.0, 4.0), (2.0, 8.0), (3.0, 12.0)]


def test_rounding_is_no_revision_and_zero_is_a_value(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0, 1000.0, 0.0, 5.0]))
    assert ingest(conn, 2, frame([1.0 + 9e-7, 1000.0009, 1e-10, 0.0])) == 1
    assert revisions(conn) == [(3, "energy_kwh", 5.0, 0.0, 2)]


def stored(conn: Connection, *columns: str) -> list[tuple[Any, ...]]:
    return db.fetch_all(conn, f"SELECT {', '.join(columns)} FROM readings WHERE channel_id = 10 ORDER BY timestamp")


def logged(conn: Connection) -> list[tuple[Any, ...]]:
    return db.fetch_all(conn, "SELECT run_id, inserted, filled, revised FROM ingestion_logs ORDER BY log_id")


def queued(conn: Connection) -> list[tuple[Any, ...]]:
    """Return the stretches that wait for the refresh as numbers of intervals, and empty the queue."""
    rows = db.fetch_all(
        conn,
        "SELECT (extract(epoch FROM first_at)::bigint - %s) / 900, (extract(epoch FROM last_at)::bigint - %s) / 900"
        " FROM usage_queue WHERE channel_id = 10 ORDER BY change_id",
        (START_S, START_S),
    )
    db.execute(conn, "DELETE FROM usage_queue")
    return rows


def test_value_that_comes_late_fills_the_null_and_a_missing_one_takes_nothing(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0, np.nan, 3.0], power_kw=[4.0, 8.0, np.nan]))
    later = frame([np.nan, 2.0, 3.0], power_kw=[4.0, np.nan, 12.0], voltage_v=[120.5, np.nan, 0.0])
    assert ingest(conn, 2, later) == 0
    assert stored(conn, "energy_kwh", "power_kw", "voltage_v", "ingest_run_id") == [
        (1.0, 4.0, 120.5, 1), (2.0, 8.0, None, 1), (3.0, 12.0, 0.0, 1),
    ]  # fmt: skip
    assert revisions(conn) == []
    assert ingest(conn, 3, later) == 0  # nothing is lacking any more
    assert logged(conn) == [(1, 3, 0, 0), (2, 0, 3, 0), (3, 0, 0, 0)]


def test_one_row_may_be_filled_and_revised_and_the_next_be_new(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0, 2.0], voltage_v=[120.0, np.nan]))
    assert ingest(conn, 2, frame([1.5, 2.5, 3.0], voltage_v=[121.0, 119.0, 118.0])) == 2
    assert stored(conn, "energy_kwh", "voltage_v") == [(1.0, 120.0), (2.0, 119.0), (3.0, 118.0)]
    assert revisions(conn) == [
        (0, "energy_kwh", 1.0, 1.5, 2), (0, "voltage_v", 120.0, 121.0, 2), (1, "energy_kwh", 2.0, 2.5, 2),
    ]  # fmt: skip
    assert logged(conn) == [(1, 2, 0, 0), (2, 1, 1, 2)]


def test_refresh_is_told_of_filled_energy_and_power_and_of_nothing_else(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0, np.nan, np.nan, 4.0], power_kw=[4.0, 8.0, 12.0, np.nan], voltage_v=[np.nan] * 4))
    assert queued(conn) == [(0, 3)]
    ingest(conn, 2, frame([1.0, np.nan, np.nan, 4.0], voltage_v=[120.0] * 4))
    assert queued(conn) == []
    ingest(conn, 3, frame([1.0, 2.0, 3.0, 4.0]))
    assert queued(conn) == [(1, 2)]
    ingest(conn, 4, frame([1.0, 2.0, 3.0, 4.0], power_kw=[4.0, 8.0, 12.0, 16.0]))
    assert queued(conn) == [(3, 3)]
    assert logged(conn) == [(1, 4, 0, 0), (2, 0, 4, 0), (3, 0, 2, 0), (4, 0, 1, 0)]


def test_function_that_fills_takes_no_place_and_no_other_channel(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0, np.nan]))
    readings.insert_readings(conn, 1, 11, 900, 1, frame([np.nan, np.nan], voltage_v=[1.0, 1.0]))
    moments = [datetime.fromtimestamp(START_S + 900 * number, UTC) for number in range(2)]
    fill = "SELECT fill_readings(10, %s, %s, %s::float8[])"
    offered = [[5.0, 50.0], [6.0, float("nan")]]
    assert db.fetch_all(conn, fill, (["energy_kwh", "voltage_v"], moments, offered)) == [(2,)]
    assert stored(conn, "energy_kwh", "voltage_v") == [(1.0, 50.0), (6.0, None)]
    assert db.fetch_all(conn, "SELECT count(energy_kwh) FROM readings WHERE channel_id = 11") == [(0,)]
    conn.commit()
    for place in ("channel_id", "organization_id", "timestamp", "interval_s", "ingest_run_id"):
        with pytest.raises(pg_errors.InsufficientPrivilege, match="place, length and run are not filled"):
            db.execute(conn, fill, (["energy_kwh", place], moments, offered))
        conn.rollback()


def test_new_rows_beside_revised_ones_are_inserted(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0]))
    assert ingest(conn, 2, frame([1.5, 2.0])) == 1
    assert db.fetch_all(conn, "SELECT energy_kwh FROM readings ORDER BY timestamp") == [(1.0,), (2.0,)]


def test_other_channels_are_not_compared(conn: Connection) -> None:
    ingest(conn, 1, frame([1.0]))
    assert readings.insert_readings(conn, 1, 11, 900, 2, frame([9.0])).inserted == 1
    readings.insert_readings(conn, 1, 11, 900, 3, frame([9.0]))
    assert db.fetch_all(conn, "SELECT count(*) FROM reading_revisions") == [(0,)]
