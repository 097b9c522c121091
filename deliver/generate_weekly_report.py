"""Write a site's weekly energy report as JSON.

Without --start and --end the report is on the last complete local week, Monday to Sunday, beside the four weeks
before it; with one of them, on the seven local days that begin or close there. Channels that the site's validation
quarantines are left out and named. The report is refused while the validation holds the whole site back, unless that
was overridden (govern/override_breaker.py, which stores who decided and why) or is forced with a reason.

Stage: deliver (calls analyze)
Reads: Layer 3 views
Writes: reports/weekly_report_<site>_<first day>.json; with --html and --pdf the page and the PDF beside it; with
        --force a line in forced_reports.jsonl beside it
Safe to re-run: yes; where late data change a report that is there, the new one becomes <name>.v2.json and says what
        changed, and the old one stays; without a change nothing is written. A file given by --out is replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back (see --force)

Examples:
  python deliver/generate_weekly_report.py --site 23271
  python deliver/generate_weekly_report.py --site 23271 --start 2026-01-20 --end 2026-01-26 --out reports/my-report.json
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.date_utils import Window, format_utc, parse_timezone, resolve_period
from lib.errors import EXIT_DONE, BreakerOpenError, DataError
from lib.logs import clean_text, setup_logging
from lib.paths import REPORTS_DIR
from lib.progress import progress_bar
from lib.readings import ValidationStatus, load_site, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

SCHEMA_NAME = "weekly_report"
QUARANTINE_CHECK = "quarantine_within_limits"  # it blocks when too much of a site is in quarantine


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    cli.add_window_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it")
    parser.add_argument("--html", action="store_true", help="draw it as a page too")
    parser.add_argument("--pdf", action="store_true", help="set it as a PDF too")
    parser.add_argument("--timezone", metavar="ZONE", help="IANA zone to count days in (default: the site's)")
    parser.add_argument("--force", action="store_true", help="write it although the data are held back; needs --reason")
    parser.add_argument(
        "--reason", type=cli.reason_text, metavar="TEXT", help="why it is forced; printed in the report"
    )
    return parser


def ask_breaker(status: ValidationStatus, site_id: int, period: Window, force_reason: str | None) -> str | None:
    """Return None when the data may pass by themselves, else the reason for which they pass all the same.

    Raises
    ------
    BreakerOpenError
        When the data are held back, and neither forced nor overridden; it names the check and the remedy.
    """
    run_again = f"run: python govern/validate_data.py --site {site_id}"
    ingested_until = status.ingested_until
    if status.verdict == "missing":
        problem = f"it was never validated; {run_again}"
    elif not status.is_current:
        problem = f"its validation is older than its latest ingest; {run_again}"
    elif status.verdict == "open":
        checks = ", ".join(status.blocking_checks)
        problem = f"check {checks} failed ({status.blocking_message}); {status.blocking_hint}"
    elif ingested_until is None or ingested_until < period.end:
        # Days that were never asked for would look like a site full of silent meters.
        reached = format_utc(ingested_until) if ingested_until else "no day"
        problem = (
            f"it was ingested up to {reached}, and the period ends at {format_utc(period.end)}; "
            f"run the ingest, then {run_again.removeprefix('run: ')}"
        )
    else:
        return None
    reason = force_reason or _overridden(status)
    if reason is None:
        raise BreakerOpenError(f"site {site_id} is held back: {problem}")
    logger.warning("site %d is held back, the report is written all the same (%s): %s", site_id, reason, problem)
    return reason


def _overridden(status: ValidationStatus) -> str | None:
    """Return the decision that covers what holds the data back, if there is one; it covers no outdated validation."""
    if status.verdict != "open" or not status.is_current or status.override_until is None:
        return None
    return f"{status.override_reason}, decided by {status.override_by} until {format_utc(status.override_until)}"


def build_report(conn: Connection, args: argparse.Namespace, now: datetime) -> dict[str, Any]:
    """Ask the breaker, have the week analyzed, and put the findings into the report's shape."""
    from analyze.site_week import load_and_analyze
    from deliver.weekly_report import assemble_report

    with progress_bar(2, "step") as advance:
        tz = parse_timezone(args.timezone or load_site(conn, args.site).timezone)
        period = resolve_period(args.start, args.end, tz, now)
        status = load_validation_status(conn, args.site)
        forced_reason = ask_breaker(status, args.site, period, args.reason if args.force else None)
        advance("validation")
        # Who forces a report past its quarantine wants what is in there.
        keeps_quarantined = forced_reason is not None and QUARANTINE_CHECK in status.blocking_checks
        site, week = load_and_analyze(
            conn, args.site, args.start, args.end, args.timezone, now, keeps_quarantined=keeps_quarantined
        )
        if not week.data_quality["channelsAnalyzed"]:
            raise DataError(
                f"site {args.site} has no readings in {week.period}; "
                f"run: python ingest/ingest_to_postgres.py --site {args.site} for these days"
            )
        advance("analyzed")
        return assemble_report(site, status, week, forced_reason=forced_reason, now=now)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print where it is, with its headline."""
    from deliver.report_files import check_report, note_forced, write_pages, write_report
    from deliver.report_versions import save_report

    parser = build_parser()
    args = parser.parse_args(argv)
    if args.force != bool(args.reason):
        parser.error("--force and --reason TEXT belong together: say why held-back data are to leave")
    setup_logging(args.verbose)
    now = datetime.now(UTC)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        report = build_report(conn, args, now)
    folder = args.out.parent if args.out else REPORTS_DIR
    if args.force:
        note_forced(report, folder)  # first: nothing forced leaves unnoted
    if args.out:
        check_report(report, SCHEMA_NAME)
        path = args.out
        write_report(report, path)
    else:
        first_day = report["metadata"]["period"]["start"][:10]
        path, report, is_new = save_report(
            report, REPORTS_DIR / f"weekly_report_{args.site}_{first_day}.json", SCHEMA_NAME
        )
        if not is_new:
            logger.info("site %d: nothing changed since %s was written", args.site, path.name)
    for written in (path, *write_pages(report, path.with_suffix(""), html=args.html, pdf=args.pdf)):
        print(written)
    for line in report["summary"]["headline"]:
        print(clean_text(line))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
