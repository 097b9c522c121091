"""What has to be true of the database after a year of syncs, worked out from the table of what happened."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import year_source as year
from pipeline import SITE_ID

from lib import db
from operations.sandbox.service_faults import FaultPlan

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

GONE_QUIET = [year.HOLES[3], year.HOLES[4]]  # pending when the year ends


def check_every_interval(conn: Connection, asked_from_s: int, asked_until_s: int) -> None:
    """Assert that what is present and what the ledger holds open are, together and apart, what should exist."""
    for channel_id in year.INSTALLED:
        should_exist = expected_starts(channel_id, asked_from_s, asked_until_s)
        present = stored_starts(conn, channel_id)
        np.testing.assert_array_equal(present, arrived(channel_id, should_exist, asked_until_s))
        by_state = ledger_starts(conn, channel_id)
        everything = np.sort(np.concatenate([present, *by_state.values()]))
        np.testing.assert_array_equal(everything, should_exist)
        assert {state: starts.tolist() for state, starts in by_state.items()} == holes_by_state(
            channel_id, asked_until_s
        )


def expected_starts(channel_id: int, asked_from_s: int, asked_until_s: int) -> year.Seconds:
    """Return the intervals that should exist of what was asked for."""
    installed_s, uninstalled_s = year.life_s(channel_id)
    return np.arange(max(asked_from_s, installed_s), min(asked_until_s, uninstalled_s), year.STEP_S, dtype=np.int64)


def arrived(channel_id: int, starts: year.Seconds, now_s: int) -> year.Seconds:
    """Return those of the intervals that the service has by now."""
    return starts[year.arrival_s(channel_id, starts) <= now_s]


def stored_starts(conn: Connection, channel_id: int) -> year.Seconds:
    """Return the intervals of a meter that are stored, in order."""
    query = "SELECT extract(epoch FROM timestamp)::bigint FROM readings WHERE channel_id = %s ORDER BY 1"
    return np.array([start_s for (start_s,) in db.fetch_all(conn, query, (channel_id,))], dtype=np.int64)


def ledger_starts(conn: Connection, channel_id: int) -> dict[str, year.Seconds]:
    """Return state → the intervals that the ledger holds open, each gap taken apart."""
    query = (
        "SELECT state, extract(epoch FROM gap_start)::bigint, extract(epoch FROM gap_end)::bigint, missing_count"
        " FROM reading_gaps WHERE channel_id = %s AND state <> 'refetched' ORDER BY gap_start"
    )
    found: dict[str, list[year.Seconds]] = {}
    for state, start_s, end_s, count in db.fetch_all(conn, query, (channel_id,)):
        starts = np.arange(start_s, end_s, year.STEP_S, dtype=np.int64)
        assert len(starts) == count
        found.setdefault(state, []).append(starts)
    return {state: np.concatenate(parts) for state, parts in found.items()}


def holes_by_state(channel_id: int, asked_until_s: int) -> dict[str, list[int]]:
    """Return state → the intervals that never came, by the table."""
    found: dict[str, list[int]] = {}
    for hole in year.HOLES:
        if hole.channel_id == channel_id:
            is_young, is_accepted = hole in GONE_QUIET, hole is year.ACCEPTED
            state = "pending" if is_young else "accepted" if is_accepted else "vendor_empty"
            found.setdefault(state, []).extend(range(hole.start_s, min(hole.end_s, asked_until_s), year.STEP_S))
    return found


def check_energy(conn: Connection, asked_until_s: int) -> None:
    """Assert the energy of each reading, each hour and each local day, and that the three come to the same."""
    truth = pd.concat([_true_rows(conn, channel_id, asked_until_s) for channel_id in year.INSTALLED])
    local = truth["time"].dt.tz_convert(year.TIMEZONE)
    truth = truth.assign(raw=truth["time"], hourly=truth["time"].dt.floor("h"), daily=local.dt.date)
    queries = {
        "raw": "SELECT channel_id, timestamp, energy_kwh, 1 FROM readings ORDER BY 1, 2",
        "hourly": "SELECT meter_id, hour, total_kwh, reading_count FROM mv_hourly_usage ORDER BY 1, 2",
        "daily": "SELECT meter_id, local_date, total_kwh, reading_count FROM mv_daily_usage ORDER BY 1, 2",
    }
    totals = []
    for layer, query in queries.items():
        wanted = truth.groupby(["channel_id", layer])["kwh"].agg(["sum", "count"]).reset_index()
        found = pd.DataFrame(db.fetch_all(conn, query), columns=wanted.columns)
        assert list(found["channel_id"]) == list(wanted["channel_id"])
        assert list(found[layer]) == list(wanted[layer]), layer
        assert list(found["count"]) == list(wanted["count"]), layer
        np.testing.assert_allclose(found["sum"].astype(float), wanted["sum"], rtol=1e-9, err_msg=layer)
        totals.append(float(found["sum"].sum()))
    np.testing.assert_allclose(totals, truth["kwh"].sum(), rtol=1e-9)


def _true_rows(conn: Connection, channel_id: int, now_s: int) -> pd.DataFrame:
    starts = arrived(channel_id, stored_starts(conn, channel_id), now_s)
    return pd.DataFrame(
        {
            "channel_id": channel_id,
            "time": pd.to_datetime(starts, unit="s", utc=True),
            "kwh": year.true_energy_wh(channel_id, starts) / 1000,
        }
    )


def check_log(conn: Connection, days: list[date], source: year.YearSource, plan: FaultPlan) -> None:
    """Assert that every attempt has its line: each night, each answer of the service, each request it refused."""
    nights = db.fetch_all(
        conn,
        "SELECT (started_at AT TIME ZONE %s)::date, bool_or(status = 'failed'), bool_or(status = 'done')"
        " FROM ingestion_logs WHERE organization_id = %s GROUP BY 1 ORDER BY 1",
        (year.TIMEZONE.key, SITE_ID),
    )
    down = {date.fromisoformat(day) for day in year.SERVICE_DOWN}
    assert nights == [(day, day in down, day not in down) for day in days]
    ((answered, retries, unfinished),) = db.fetch_all(
        conn,
        "SELECT count(*) FILTER (WHERE channel_id <> 0 AND status = 'done'),"
        " sum(retries) FILTER (WHERE status = 'done'),"
        " count(*) FILTER (WHERE status NOT IN ('done', 'failed') OR finished_at IS NULL) FROM ingestion_logs",
    )
    assert (answered, retries, unfinished) == (source.answers, plan.counts.total(), 0)
    assert plan.counts.total() > 0
    validated = db.fetch_all(
        conn,
        "SELECT DISTINCT (started_at AT TIME ZONE %s)::date FROM validation_runs WHERE organization_id = %s ORDER BY 1",
        (year.TIMEZONE.key, SITE_ID),
    )
    assert validated == [(day,) for day in days]


def check_nothing_is_left_open(conn: Connection) -> None:
    """Assert that no transaction, lease, queue or quarantine of records is left behind."""
    left = {
        "transactions": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
        "leases": "SELECT count(*) FROM ingest_leases",
        "queued": "SELECT count(*) FROM usage_queue",
        "rejects": "SELECT count(*) FROM rejected_readings",
        "revisions": "SELECT count(*) FROM reading_revisions",
    }
    assert {what: db.fetch_all(conn, query)[0][0] for what, query in left.items()} == dict.fromkeys(left, 0)
