"""Reads what a verdict is about besides the checks, and stores verdicts with their evidence. Nothing here commits."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2.extras import execute_values

from govern.checks.quarantine import MeterEnergy, quarantined_energy_pct
from lib import db
from lib.code_version import code_version

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from govern.checks.verdict import Scope, Verdict

# By its mean power where it has one: registers jump and have multipliers of their own, and a channel that is blocked
# for a hundredfold energy must not seem to be the largest of the site. For the same reason the median day.
_METER_ENERGIES = """
SELECT
    m.meter_id,
    m.parent_meter_id,
    greatest(coalesce(
        percentile_cont(0.5) WITHIN GROUP (ORDER BY u.avg_kw) * 24,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY u.total_kwh),
        0
    ), 0) * m.unit_factor
FROM v_meters AS m
LEFT JOIN mv_daily_usage AS u
    ON u.meter_id = m.meter_id AND u.site_id = m.site_id AND u.local_date >= %(lookback_start)s::timestamptz::date
WHERE m.site_id = %(site_id)s AND m.is_energy_meter AND m.is_counted
GROUP BY m.meter_id, m.parent_meter_id, m.unit_factor
"""

_WARMING_UP = """
SELECT r.channel_id
FROM channel_sites AS m
JOIN readings AS r USING (channel_id, organization_id)
WHERE m.organization_id = %(site_id)s AND r.timestamp >= %(lookback_start)s
GROUP BY r.channel_id
HAVING max(r.timestamp) < min(r.timestamp) + %(days)s * interval '1 day'
"""

# As v_meters tells it as soon as the verdict is stored.
_STOOD_FOR = """
WITH meters AS MATERIALIZED (
    SELECT meter_id, counted_by, point_view FROM v_meters WHERE site_id = %(site_id)s AND is_listed
)
SELECT whole.meter_id
FROM meters AS whole
JOIN meters AS phase ON phase.counted_by = whole.meter_id AND phase.point_view = 'phase'
WHERE whole.meter_id = ANY (%(blocked)s) AND whole.point_view = 'whole'
GROUP BY whole.meter_id
HAVING count(*) >= 3 AND NOT bool_or(phase.meter_id = ANY (%(blocked)s))
"""

_PREVIOUS_QUARANTINES = """
SELECT q.channel_id, q.since
FROM channel_quarantines AS q
WHERE q.validation_run_id = (
    SELECT v.validation_run_id FROM validation_runs AS v
    WHERE v.organization_id = %(site_id)s
    ORDER BY v.validation_run_id DESC
    LIMIT 1
)
"""


def load_meter_energies(conn: Connection, site_id: int, since: datetime) -> list[MeterEnergy]:
    """Return what each energy meter of the site carries on a usual day since then."""
    rows = db.fetch_all(conn, _METER_ENERGIES, {"site_id": site_id, "lookback_start": since})
    return [MeterEnergy(*row) for row in rows]


def load_stood_for(conn: Connection, site_id: int, blocked: Collection[int]) -> frozenset[int]:
    """Return which of the blocked channels show a point as a whole whose phases are all there, and count instead."""
    rows = db.fetch_all(conn, _STOOD_FOR, {"site_id": site_id, "blocked": list(blocked)})
    return frozenset(channel_id for (channel_id,) in rows)


def load_warming_up(conn: Connection, site_id: int, days: int, since: datetime) -> frozenset[int]:
    """Return the channels of the site whose history since then is shorter than so many days."""
    rows = db.fetch_all(conn, _WARMING_UP, {"site_id": site_id, "days": days, "lookback_start": since})
    return frozenset(channel_id for (channel_id,) in rows)


def store_verdict(
    conn: Connection, verdict: Verdict, scope: Scope, limits: dict[str, Any], meters: list[MeterEnergy]
) -> int:
    """Store a verdict with its results, findings and quarantines; return the number of its run."""
    previous = dict(db.fetch_all(conn, _PREVIOUS_QUARANTINES, {"site_id": verdict.site_id}))
    energy_pct = quarantined_energy_pct(verdict.quarantines, meters)
    own = {limit.name: {"value": limit.value, "default": limit.default} for limit in verdict.site_limits}
    ((run_id,),) = db.fetch_all(
        conn,
        "INSERT INTO validation_runs (organization_id, started_at, covers_ingest_until, covers_from, verdict,"
        " checks_run, limits, site_limits, reach, quarantined_energy_pct, code_version, attempts_since,"
        " attempts_seen)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " RETURNING validation_run_id",
        (
            verdict.site_id, scope.started_at, scope.covers_ingest_until, scope.lookback_start, verdict.verdict,
            len(verdict.results), json.dumps(limits), json.dumps(own), verdict.reach, energy_pct, code_version(),
            scope.attempts_since, scope.attempts_seen,
        ),
    )  # fmt: skip
    results = [
        (run_id, r.check.name, r.check.severity, r.check.scope, not r.findings, len(r.findings), r.message,
         r.check.hint)
        for r in verdict.results
    ]  # fmt: skip
    findings = [
        (run_id, r.check.name, f.channel_id or 0, f.severity, f.found, f.text, json.dumps(f.examples))
        for r in verdict.results
        for f in r.findings
    ]
    quarantines = [
        (run_id, q.channel_id, q.check_names, q.reason, q.hint, q.energy_share_pct,
         previous.get(q.channel_id, scope.started_at))
        for q in verdict.quarantines
    ]  # fmt: skip
    with conn.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO validation_results (validation_run_id, check_name, severity, scope, is_passed, finding_count,"
            " message, hint) VALUES %s",
            results,
        )
        execute_values(
            cursor,
            "INSERT INTO validation_findings (validation_run_id, check_name, channel_id, severity, found, message,"
            " examples) VALUES %s",
            findings,
        )
        execute_values(
            cursor,
            "INSERT INTO channel_quarantines (validation_run_id, channel_id, check_names, reason, hint,"
            " energy_share_pct, since) VALUES %s",
            quarantines,
        )
    return run_id
