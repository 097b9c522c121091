"""Record reports that were written: what each was made from, by which code, under which thresholds.

`deliver` only reads the database, so this stage writes the row; operations/weekly_report.sh runs both. A report without
a row is no worse, but it cannot be traced from the database. The same file is recorded once. What a weekly report found
is stored with it (v_findings follows it from week to week), also of a report that was recorded before that was kept.

Stage: govern
Reads: a report's JSON, v_validation_status, config
Writes: report_runs, forced_reports, report_weeks, report_findings, report_meters
Safe to re-run: yes
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import read_site
from govern.findings.store import store_week
from lib import cli, db
from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.code_version import code_version
from lib.errors import EXIT_DONE, EXIT_FAILED, DataError
from lib.logs import setup_logging
from lib.report_findings import ReportWeek, read_week
from lib.report_schema import check_schema, is_older, parse_report

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_INSERT = """
INSERT INTO report_runs (organization_id, kind, version, period_start, period_end, generated_at, validation_run_id,
    is_forced, code_version, thresholds, file_name, file_sha256)
VALUES (%(site_id)s, %(kind)s, %(version)s, %(start)s, %(end)s, %(generated_at)s,
    (SELECT max(validation_run_id) FROM validation_runs
     WHERE organization_id = %(site_id)s AND finished_at <= %(generated_at)s),
    %(is_forced)s, %(code_version)s, %(thresholds)s, %(file_name)s, %(sha256)s)
ON CONFLICT (file_sha256) DO NOTHING
RETURNING report_run_id
"""

_RECORDED = """
SELECT r.report_run_id, r.kind <> 'weekly' OR w.report_run_id IS NOT NULL
FROM report_runs AS r LEFT JOIN report_weeks AS w USING (report_run_id)
WHERE r.file_sha256 = %s
"""

_INSERT_FORCED = """
INSERT INTO forced_reports (report_run_id, organization_id, check_names, reason)
VALUES (%(report_run_id)s, %(site_id)s, %(blocking_checks)s, %(forced_reason)s)
"""


def record_report(conn: Connection, path: Path) -> int | None:
    """Record the report and return its run's number; None where all of it stands already. Does not commit.

    What an earlier version of this project wrote may lack what schemas ask for since: it is recorded without its
    findings where they cannot be read.

    Raises
    ------
    DataError
        When it cannot be read, or is no report.
    """
    content = _read(path)
    row = db.fetch_one(conn, _RECORDED, (hashlib.sha256(content).hexdigest(),))
    if row is not None:
        report_run_id, is_whole = row
        return None if is_whole else _store_later(conn, report_run_id, content, path)
    report = parse_report(content, path)
    check_schema(report, path, may_lack_keys=is_older(report))
    return _insert(conn, _values_of(report, path, content), _read_week(report, path))


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, MAX_REPORT_BYTES)
    except OSError as err:
        raise DataError(f"cannot read {path}: {err.strerror or err}; check the path") from err


def _read_week(report: dict[str, Any], path: Path) -> ReportWeek | None:
    """Return what a report found; None where it is no weekly one, or an older one that lacks what that takes."""
    try:
        return read_week(report)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as err:
        # A zone that is not known is a KeyError too.
        if type(err) is KeyError and is_older(report):
            said = report["metadata"]["reportVersion"]
            logger.info("%s is of report version %s, which lacks %s: recorded without its findings", path, said, err)
            return None
        raise DataError(f"{path} is no report ({err!r}); give a file that a script of deliver wrote") from err


def _insert(conn: Connection, values: dict[str, Any], week: ReportWeek | None) -> int | None:
    row = db.fetch_one(conn, _INSERT, values)
    if row is None:  # another run has just recorded it
        return None
    if values["is_forced"]:
        db.execute(conn, _INSERT_FORCED, values | {"report_run_id": row[0]})
    if week is not None:
        store_week(conn, row[0], week)
    return row[0]


def _values_of(report: dict[str, Any], path: Path, content: bytes) -> dict[str, Any]:
    import msgspec  # here, so that a Python without it is told what to do

    metadata = report["metadata"]
    site_id, period = metadata.get("site", {}).get("siteId"), metadata.get("period", {})
    validation = metadata.get("validation", {})
    return {
        "site_id": site_id,
        "kind": metadata.get("reportKind", "weekly"),
        "version": metadata.get("version", 1),
        "start": period.get("start"),
        "end": period.get("end"),
        "generated_at": metadata["generatedAt"],
        "is_forced": bool(validation.get("isForced", False)),
        "forced_reason": validation.get("forcedReason") or "none was given",
        "blocking_checks": list(validation.get("blockingChecks", [])),
        "code_version": code_version(),
        "thresholds": json.dumps(msgspec.to_builtins(read_site(site_id).thresholds) if site_id else {}),
        "file_name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _store_later(conn: Connection, report_run_id: int, content: bytes, path: Path) -> int | None:
    """Store what a report found that was recorded before that was kept; None where there is nothing that can be."""
    try:
        week = read_week(parse_report(content, path))
    except (DataError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as err:
        logger.debug("%s is recorded; what it found cannot be read: %r", path, err)
        return None
    return report_run_id if week is not None and store_week(conn, report_run_id, week) else None


def main(argv: Sequence[str] | None = None) -> int:
    """Record the reports that are new to the database; a file that cannot be read does not stop the others."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "reports", type=cli.input_file, nargs="+", metavar="REPORT.json", help="what a script of deliver wrote"
    )
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    failures = 0
    with db.connect(load_settings().require_database_url("govern")) as conn:
        for path in args.reports:
            try:
                report_run_id = record_report(conn, path)
            except DataError as err:
                logger.error("%s", err)
                failures += 1
                continue
            conn.commit()
            if report_run_id is not None:
                print(f"{path.name}: report run {report_run_id}")
    return EXIT_FAILED if failures else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
