"""Mixes of faults drawn at random, upon the real ingest, run after run: in the end nothing is missing or doubled.

A longer run takes more seeds: ``CHAOS_SEEDS=200 .venv/bin/python -m pytest tests/test_chaos.py``. A seed that fails
is repeated with ``-k "[17]"``.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pipeline import LOGIN, SITE_ID, Service, check_against_truth
from test_fault_matrix import EXPECTED

from ingest.eniscope.client import EniscopeClient
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib import db
from lib.date_utils import Window
from lib.errors import PipelineError
from operations.sandbox.fault_kinds import AUTUMN_DOUBLING, BURSTS, KINDS, LISTS, TOKEN, VIRTUAL_CHANNEL
from operations.sandbox.service_faults import FaultPlan

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SEEDS = int(os.environ.get("CHAOS_SEEDS", "3"))
NOW = datetime(2025, 11, 3, 15, tzinfo=UTC)  # the day before, clocks went back in New York
WINDOW = Window(NOW - timedelta(days=2), NOW)
MOST_RUNS = 40
TIMEOUT_S, TOTAL_TIMEOUT_S, HANG_S = 0.8, 2.0, 1.1
SILENT, LATE = ("hang", "stall", "drip"), "time-out"


def draw_plan(rng: random.Random, seed: int) -> FaultPlan:
    """Return some ten kinds of faults, at up to half of the requests together, that come to an end by and by."""
    kinds = rng.sample(sorted(EXPECTED), k=rng.randint(6, 14))
    rates = {kind: rng.uniform(0.3, 1.0) * 0.5 / len(kinds) for kind in kinds}
    limits = {kind: 1 if kind in SILENT or KINDS[kind].scope == LISTS else rng.randint(1, 6) for kind in kinds}
    lasting = {kind: 1.0 for kind in (AUTUMN_DOUBLING, VIRTUAL_CHANNEL) if rng.random() < 0.5}
    return FaultPlan(rates | lasting, seed, limits=limits, hits_in_a_row=rng.randint(1, 6), hang_s=HANG_S)


def run(conn: Connection, service: Service, workers: int) -> bool:
    """Ingest once, with a client of its own as each run of the script has; return whether everything was answered."""
    client = EniscopeClient(
        service.url, *LOGIN, requests_per_second=0, timeout_s=TIMEOUT_S, total_timeout_s=TOTAL_TIMEOUT_S,
        sleep=lambda seconds: None,
    )  # fmt: skip
    try:
        site = register(conn, client, SITE_ID)
        return ingest_readings(conn, client, site, WINDOW, 900, workers).failed == []
    except PipelineError:
        return False
    finally:
        client.close()


def check_lines(conn: Connection, counts: Counter[str]) -> None:
    """Assert that what the sandbox did is counted in `ingestion_logs`, and no more where nothing else does the same."""
    logged: Counter[str] = Counter()
    for what, count in db.fetch_all(
        conn,
        "SELECT what, sum(often::int) FROM ingestion_logs, jsonb_each_text(troubles) AS t (what, often) GROUP BY 1",
    ):
        logged[what.replace(" ahead of ", " behind ")] += count
    struck: Counter[str] = Counter()
    exact = set()
    for kind in set(counts) - set(BURSTS):
        trouble = EXPECTED[kind].trouble
        struck[trouble] += min(counts[kind], 1) if KINDS[kind].scope == LISTS else counts[kind]
        # Others see a token's end too, a busy machine is late by itself, and what vanished is new when it is back.
        if kind not in SILENT and KINDS[kind].scope not in (LISTS, TOKEN):
            exact.add(trouble)
    # Nor is a fault seen in an answer that a busy machine gave too late; then it is a time-out more.
    unseen = {what: count - logged[what] for what, count in struck.items() if logged[what] < count}
    assert sum(unseen.values()) <= max(logged[LATE] - struck[LATE], 0), unseen
    assert {what: logged[what] for what in exact if logged[what] > struck[what]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_the_service_does_the_readings_come_whole(
    conn: Connection, serve: Callable[..., Service], seed: int
) -> None:
    rng = random.Random(f"chaos {seed}")
    plan = draw_plan(rng, seed)
    workers = rng.randint(1, 6)
    calm = FaultPlan(dict.fromkeys(plan.lasting, 1.0))
    register(conn, serve(now=NOW, planted_weeks=[], faults=calm).client, SITE_ID)  # who is new or gone is known
    service = serve(now=NOW, planted_weeks=[], faults=plan)
    for _ in range(MOST_RUNS):
        before = plan.counts.total()
        if run(conn, service, workers) and plan.counts.total() == before:
            break
    assert plan.counts.total() > 0
    check_against_truth(conn, service, WINDOW)
    check_lines(conn, plan.counts)
    assert db.fetch_all(conn, "SELECT DISTINCT status FROM ingestion_logs WHERE finished_at IS NULL") == []
