"""Runs the checks of ``govern/checks`` on a site and stores the verdict: the circuit breaker.

A check is one file. Its name begins with its severity, its first comment line says what it asserts, the line that
starts with ``Hint:`` says what to do, and its query returns one row of text for each thing that is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2.extras import execute_values

from config.validation_config import ValidationLimits
from lib import db
from lib.code_version import code_version
from lib.errors import DataError
from lib.paths import CHECKS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SEVERITY_BLOCK = "block"
SEVERITY_WARN = "warn"
VERDICT_CLOSED = "closed"
VERDICT_OPEN = "open"

_EXAMPLES_SHOWN = 3

_SCOPE = """
SELECT
    coalesce(max(window_end) FILTER (WHERE channel_id <> 0), clock_timestamp()) - %s * interval '1 day',
    max(finished_at),
    clock_timestamp()
FROM ingestion_logs
WHERE organization_id = %s
"""


class Check(NamedTuple):
    """One check, as its file says it."""

    name: str
    severity: str
    asserts: str
    hint: str
    query: str


class CheckResult(NamedTuple):
    """What a check found; nothing means that it passed."""

    check: Check
    findings: list[str]

    @property
    def message(self) -> str:
        """The first findings in words, or that there are none."""
        if not self.findings:
            return "nothing found"
        more = len(self.findings) - _EXAMPLES_SHOWN
        return "; ".join(self.findings[:_EXAMPLES_SHOWN]) + (f"; and {more} more" if more > 0 else "")


class Verdict(NamedTuple):
    """The outcome of a validation run."""

    validation_run_id: int
    site_id: int
    verdict: str
    results: list[CheckResult]


def read_checks(folder: Path = CHECKS_DIR) -> list[Check]:
    """Return the checks of a folder, by name.

    Raises
    ------
    DataError
        When there are none (a validation without checks would pass everything), or one is not in the form.
    """
    checks = [_read_check(path) for path in sorted(folder.glob("*.sql"))]
    if not checks:
        raise DataError(f"no checks in {folder}; a validation that checks nothing is none: restore the folder")
    return checks


def _read_check(path: Path) -> Check:
    severity, _, name = path.stem.partition("_")
    text = path.read_text(encoding="utf-8")
    comments = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
    hints = [line.removeprefix("Hint:").strip() for line in comments if line.startswith("Hint:")]
    if severity not in (SEVERITY_BLOCK, SEVERITY_WARN) or not comments or len(hints) != 1:
        raise DataError(f"{path.name} is no check: it needs block_ or warn_ before its name, an assertion and a Hint:")
    query = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return Check(name, severity, comments[0], hints[0], query)


def validate_site(
    conn: Connection, site_id: int, checks: list[Check], limits: ValidationLimits | None = None
) -> Verdict:
    """Run the checks on one snapshot of the site's data and store what they found; does not commit.

    Raises
    ------
    DataError
        When the site is unknown: its breaker could not be told from another's.
    """
    limits = limits or ValidationLimits()
    # One snapshot for all checks, so that an ingest beside them cannot make them contradict each other.
    db.execute(conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    if db.fetch_one(conn, "SELECT FROM organizations WHERE organization_id = %s", (site_id,)) is None:
        raise DataError(
            f"site {site_id} is not in the database; check --site, "
            f"or run: python ingest/ingest_to_postgres.py --site {site_id}"
        )
    ((lookback_start, covers_ingest_until, started_at),) = db.fetch_all(conn, _SCOPE, (limits.lookback_days, site_id))
    parameters = limits.as_parameters() | {"site_id": site_id, "lookback_start": lookback_start}
    results = [
        CheckResult(check, [finding for (finding,) in db.fetch_all(conn, check.query, parameters)]) for check in checks
    ]
    is_blocked = any(result.findings and result.check.severity == SEVERITY_BLOCK for result in results)
    verdict = VERDICT_OPEN if is_blocked else VERDICT_CLOSED
    scope = (started_at, covers_ingest_until, lookback_start)
    run_id = _store(conn, site_id, scope, verdict, limits, results)
    return Verdict(run_id, site_id, verdict, results)


def _store(
    conn: Connection,
    site_id: int,
    scope: tuple[Any, Any, Any],
    verdict: str,
    limits: ValidationLimits,
    results: list[CheckResult],
) -> int:
    ((run_id,),) = db.fetch_all(
        conn,
        "INSERT INTO validation_runs (organization_id, started_at, covers_ingest_until, covers_from, verdict,"
        " checks_run, limits, code_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING validation_run_id",
        (site_id, *scope, verdict, len(results), json.dumps(limits.as_parameters()), code_version()),
    )
    rows = [
        (run_id, r.check.name, r.check.severity, not r.findings, len(r.findings), r.message, r.check.hint)
        for r in results
    ]
    with conn.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO validation_results (validation_run_id, check_name, severity, is_passed, finding_count,"
            " message, hint) VALUES %s",
            rows,
        )
    return run_id
