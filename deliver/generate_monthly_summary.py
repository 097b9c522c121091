"""Write a site's month beside the months before it, with its cost and the savings that were verified.

Without --month on the last month of the site's calendar that can have been ingested to its end. What was changed at the
site and when stands under [[measures]] of its file (see config/site_file.py).

Stage: deliver (calls analyze)
Reads: Layer 3 views, config/sites, config/tariffs
Writes: reports/monthly_summary_<site>_<month>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A report given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back (see --force)

Examples:
  python deliver/generate_monthly_summary.py --site 23271 --html --pdf
  python deliver/generate_monthly_summary.py --site 23271 --month 2026-01
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.active_sites import load_active_sites
from config.settings import load_settings
from deliver.reports.site_report import (
    add_workbook_argument,
    ask_breaker,
    check_places,
    deliver_report,
    force_reason_of,
    report_parser,
)
from lib import db, many_sites
from lib.clocks import read_clock
from lib.date_utils import add_months, last_complete_month, local_day_window, parse_timezone, reportable_until
from lib.errors import EXIT_DONE, DataError, UsageError
from lib.logs import setup_logging
from lib.readings import load_site, load_validation_status


def parse_month(text: str, today: date) -> date:
    """Return the first day of the month that `text` names.

    Raises
    ------
    UsageError
        When it is no month, or not over yet.
    """
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError as err:
        raise UsageError(f"--month {text!r} is no month; write it as 2026-01") from err
    if add_months(month, 1) > today:
        raise UsageError(f"--month {text} is not over yet; choose an earlier one")
    return month


def main(argv: Sequence[str] | None = None) -> int:
    """Write the summary and print where it is, with its headline."""
    parser = report_parser(__doc__, has_window=False)
    add_workbook_argument(parser)
    parser.add_argument("--month", metavar="YYYY-MM", help="month of the site's calendar (default: the last one)")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    check_places(args)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        now = read_clock(conn)
        site = load_site(conn, args.site)
        tz = parse_timezone(site.timezone)
        status = load_validation_status(conn, args.site)
        if args.month:
            month = parse_month(args.month, now.astimezone(tz).date())
        else:
            reach = reportable_until(now, status.ingested_until, is_of_files=site.is_of_files)
            month = last_complete_month(reach.astimezone(tz).date())
        window = local_day_window(month, add_months(month, 1) - timedelta(days=1), tz)
        forced_reason = ask_breaker(status, args.site, window, force_reason_of(args))

        from analyze.week.loading import load_month  # pandas is imported after all checks

        summary = load_month(conn, args.site, month, now)
    if not summary["byChannel"]:
        raise DataError(
            f"site {args.site} has no readings in {month:%Y-%m}; "
            f"run: python ingest/ingest_to_postgres.py --site {args.site} for these days"
        )

    from deliver.reports.monthly import assemble_monthly_report

    report = assemble_monthly_report(site, status, month, summary, forced_reason, now)
    deliver_report(report, "monthly_summary", args, f"monthly_summary_{args.site}_{month:%Y-%m}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(many_sites.run(main, lambda: load_active_sites("deliver")))
