"""Stores what a recorded weekly report found. Once a report: what stands is never changed. Nothing here commits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lib import db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from lib.report_findings import ReportWeek

_INSERT_WEEK = """
INSERT INTO report_weeks (report_run_id, organization_id, week, first_day, period_start, period_end, generated_at)
VALUES (%(report_run_id)s, %(site_id)s, %(week)s, %(first_day)s, %(period_start)s, %(period_end)s, %(generated_at)s)
ON CONFLICT (report_run_id) DO NOTHING
"""
_INSERT_FINDINGS = """
INSERT INTO report_findings
SELECT %(report_run_id)s, %(site_id)s, f.*
FROM jsonb_to_recordset(%(rows)s::jsonb) AS f (
    finding_id text, kind text, cause text, channel_id bigint, meter_name text, title text,
    energy_kwh double precision, cost double precision, currency text, confidence text, pattern text,
    level_kw double precision, rest_kw double precision, facts jsonb
)
"""
_INSERT_METERS = """
INSERT INTO report_meters
SELECT %(report_run_id)s, %(site_id)s, m.*
FROM jsonb_to_recordset(%(rows)s::jsonb) AS m (
    channel_id bigint, mean_kw double precision, closed_kw double precision, completeness_pct double precision,
    is_doubtful boolean
)
"""
_INSERT_SAVINGS = """
INSERT INTO report_savings
SELECT %(report_run_id)s, %(site_id)s, s.*
FROM jsonb_to_recordset(%(rows)s::jsonb) AS s (
    finding_id text, done_on date, weeks integer, status text, claimed_kwh double precision,
    claimed_cost double precision, saved_kwh double precision, low_kwh double precision, high_kwh double precision,
    saved_cost double precision, low_cost double precision, high_cost double precision, currency text, facts jsonb
)
"""


def store_week(conn: Connection, report_run_id: int, week: ReportWeek) -> bool:
    """Store what a report found; return False where it was stored before."""
    run: dict[str, Any] = {"report_run_id": report_run_id, "site_id": week.site_id}
    if not db.execute(conn, _INSERT_WEEK, week._asdict() | run):
        return False
    parts = ((_INSERT_FINDINGS, week.findings), (_INSERT_METERS, week.meters), (_INSERT_SAVINGS, week.savings))
    for statement, rows in parts:
        db.execute(conn, statement, run | {"rows": json.dumps([row._asdict() for row in rows])})
    return True
