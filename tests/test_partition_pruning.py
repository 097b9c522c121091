"""What the main readers really read: the months that they ask for, and no other, shown by EXPLAIN ANALYZE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from site_factory import SITE_ID, make_rows, register_site, store_readings

from govern.checks import runner
from govern.checks.reader import read_checks
from govern.gaps.ledger import update_gaps
from govern.usage.refresh import refresh_views
from ingest.storage import attempts, sites
from ingest.storage.readings import insert_readings
from lib import db, readings
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

END = datetime(2026, 5, 20, 4, tzinfo=UTC)
DAY = timedelta(days=1)
RECENT = {"readings_2026_04", "readings_2026_05"}  # what the look-back of 45 days reaches


def scans_of(node: dict[str, Any]) -> Iterator[str]:
    """Yield the tables that a plan did read: a part that was never executed does not count."""
    if "Relation Name" in node and node["Actual Loops"] > 0:
        yield node["Relation Name"]
    for part in node.get("Plans", []):
        yield from scans_of(part)


class Watch:
    """Runs each statement under EXPLAIN ANALYZE first, takes that back, and remembers which partitions it read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: set[str] = set()
        for name in ("execute", "fetch_all", "copy_frame"):
            monkeypatch.setattr(db, name, self._watched(getattr(db, name)))

    def _watched(self, run: Any) -> Any:
        def watched(conn: Connection, query: Any, params: Any = None, *rest: Any) -> Any:
            text = query if isinstance(query, str) else query.as_string(conn)
            for statement in re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE).split(";\n"):
                if re.search(r"\b(readings|v_readings\w*|mv_hourly_usage)\b", statement) and "ensure_" not in statement:
                    self.explain(conn, statement, params)
                result = run(conn, statement, params, *rest) if statement.strip() else None
            return result

        return watched

    def explain(self, conn: Connection, statement: str, params: Any) -> None:
        """Run a statement, take it back, and remember what it read."""
        with conn.cursor() as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
            ((plans,),) = cursor.fetchall()
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        self.read |= {name for plan in plans for name in scans_of(plan["Plan"])}

    def months(self, table: str = "readings") -> set[str]:
        """Return the partitions of a table that were read."""
        return {name for name in self.read if re.fullmatch(table + r"_\d{4}_\d\d", name)}


@pytest.fixture
def seven_months(conn: Connection) -> Connection:
    """A site with readings from November to May, refreshed."""
    register_site(conn)
    store_readings(conn, Window(END - 190 * DAY, END))
    refresh_views(conn)
    update_gaps(conn, SITE_ID, END)
    conn.commit()
    db.execute(conn, "ANALYZE")
    conn.commit()
    return conn


def test_a_first_look_at_half_a_year_does_not_wait_for_statistics(conn: Connection) -> None:
    """Right after a first load the server knows nothing of the tables: the ledger took 45 s for two meters."""
    register_site(conn)
    store_readings(conn, Window(END - 190 * DAY, END))
    db.execute(conn, "SET LOCAL statement_timeout = '15s'")
    assert update_gaps(conn, SITE_ID, END)
    assert db.fetch_all(conn, "SELECT count(*) FROM reading_gap_scans") == [(2,)]


def test_a_reports_week_reads_its_month(seven_months: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    week = Window(datetime(2026, 2, 9, 5, tzinfo=UTC), datetime(2026, 2, 16, 5, tzinfo=UTC))
    watch = Watch(monkeypatch)
    assert len(readings.load_readings(seven_months, SITE_ID, week)) == 2 * 7 * 96
    assert len(readings.load_electrical(seven_months, SITE_ID, week)) == 2 * 7 * 96
    assert len(readings.load_hourly(seven_months, SITE_ID, week)) == 2 * 7 * 24
    assert watch.months() == {"readings_2026_02"}
    assert watch.months("mv_hourly_usage") == {"mv_hourly_usage_2026_02"}


def test_a_refresh_reads_the_months_that_changed(seven_months: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    store_readings(seven_months, Window(END, END + DAY))
    late = make_rows(Window(END - 220 * DAY, END - 219 * DAY))  # the middle of October, seven months late
    insert_readings(seven_months, SITE_ID, 10, 900, 9, late)
    watch = Watch(monkeypatch)
    assert refresh_views(seven_months).channels == 2
    assert watch.months() == {"readings_2025_10", "readings_2026_05"}
    assert watch.months("mv_hourly_usage") == {"mv_hourly_usage_2025_10", "mv_hourly_usage_2026_05"}


def test_a_validation_reads_its_look_back(seven_months: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch)
    run_check = runner._run_check

    def explain_first(conn: Connection, check: runner.Check, parameters: dict[str, Any]) -> Any:
        watch.explain(conn, check.query, parameters)
        return run_check(conn, check, parameters)

    monkeypatch.setattr(runner, "_run_check", explain_first)
    runner.validate_site(seven_months, SITE_ID, read_checks())
    assert watch.months() == RECENT
    assert watch.months("mv_hourly_usage") == {"mv_hourly_usage_2026_04", "mv_hourly_usage_2026_05"}


def test_the_gap_ledger_reads_what_was_asked_since(seven_months: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    db.execute(seven_months, "UPDATE reading_gap_scans SET scanned_at = scanned_at - interval '1 day'")
    db.execute(seven_months, "UPDATE ingestion_logs SET finished_at = %s", (END - 10 * DAY,))
    store_readings(seven_months, Window(END - DAY, END + DAY))
    watch = Watch(monkeypatch)
    update_gaps(seven_months, SITE_ID, END + DAY)
    # The oldest reading of a channel says from when on it is expected; the oldest month is asked for that alone.
    assert watch.months() - {"readings_2025_11"} == {"readings_2026_05"}


def blocks_by_check(conn: Connection, meters: int) -> dict[str, int]:
    """Return how many blocks each check reads of a site with a main, its parts and two points with three views."""
    organization = {"organization_id": SITE_ID, "name": "School", "timezone": "UTC"}
    views = {1: "system", 2: "phase1", 3: "phase2", 4: "system", 5: "phase1", 6: "phase2"}
    channels = [
        {
            "channel_id": key, "organization_id": SITE_ID, "name": f"m{key}", "parent_id": 10 if key > 10 else None,
            "meter_id": 1 + (key - 1) // 3 if key in views else None, "displayed_phase": views.get(key),
        }
        for key in range(1, meters + 1)
    ]  # fmt: skip
    sites.register_site(conn, organization, [], channels, "eniscope")
    window = Window(END - 10 * DAY, END)
    run_id = attempts.start_run(conn, SITE_ID)
    for key in range(1, meters + 1):
        attempt = attempts.Attempt(run_id, SITE_ID, key, window, 900, "eniscope")
        log_id = attempts.start_attempt(conn, attempt)
        insert_readings(conn, SITE_ID, key, 900, run_id, make_rows(window, float(key)))
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=960, inserted=960)
    refresh_views(conn)
    conn.commit()
    db.execute(conn, "ANALYZE")
    conn.commit()
    blocks: dict[str, int] = {}

    def explain_first(conn: Connection, check: runner.Check, parameters: dict[str, Any]) -> list[Any]:
        with conn.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {check.query}", parameters)
            ((plans,),) = cursor.fetchall()
        blocks[check.name] = plans[0]["Plan"]["Shared Hit Blocks"] + plans[0]["Plan"]["Shared Read Blocks"]
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "_run_check", explain_first)
        runner.validate_site(conn, SITE_ID, read_checks())
    conn.rollback()
    return blocks


def test_what_a_check_reads_grows_with_the_meters_and_not_with_their_pairs(conn: Connection) -> None:
    few, many = blocks_by_check(conn, 12), blocks_by_check(conn, 48)
    assert few["mains_hold_children"] > 0
    assert {name: (few[name], count) for name, count in many.items() if count > 8 * few[name] + 100} == {}
