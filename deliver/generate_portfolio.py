"""Write the overview of all sites: one row a site, from the weekly reports that are recorded.

Without --start it is on the newest week that half of the reported sites have a recorded report for. Nothing is analyzed
anew. A site without a report for that week has a row that says why, and no numbers: never those of another week.
Where to go on Monday: the open findings of the recorded weekly reports, those of one kind added up, with the sites
behind each; what was proved to be saved; and how many of the findings that people judged were right.

Stage: deliver
Reads: Layer 3 views, config/sites, the recorded weekly reports in reports/
Writes: reports/portfolio_<first day>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A report given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 written, and no site has a report for the week

Examples:
  python deliver/generate_portfolio.py --html
  python deliver/generate_portfolio.py --sites 23271 23272 --start 2026-11-16 --html --pdf
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import read_site
from deliver.reports.site_report import (
    add_output_arguments,
    add_reports_argument,
    add_workbook_argument,
    check_places,
    deliver_report,
)
from lib import cli, db
from lib.clocks import read_clock
from lib.date_utils import Window, last_complete_week, parse_timezone, resolve_period
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, DataError
from lib.logs import clean_text, setup_logging
from lib.readings import (
    Site,
    ValidationStatus,
    WeekReport,
    load_findings,
    load_judged,
    load_ledger,
    load_site,
    load_site_sources,
    load_validation_statuses,
    load_week_reports,
)

if TYPE_CHECKING:
    from lib.report_types.head import Period
    from lib.report_types.portfolio import HeldRow, SiteRow

logger = logging.getLogger(__name__)


def choose_week(reports: Sequence[WeekReport], sites: Sequence[Site], now: datetime) -> date:
    """Return the Monday of the newest week that half of the reported sites have a report for.

    Half, as on a Monday morning the sites in the west have none yet, and one that fell silent gets none. Without any
    report it is the last week that is over at all of them.
    """
    counts = Counter(each.week for each in reports if each.first_day == each.week)
    half = len({each.report.site_id for each in reports}) / 2
    over = min(last_complete_week(now, parse_timezone(site.timezone))[0] for site in sites)
    return max((week for week, count in counts.items() if count >= half), default=max(counts, default=over))


def build_row(
    site: Site, status: ValidationStatus, week: WeekReport | None, period: Window, folder: Path
) -> SiteRow | HeldRow:
    """Return the row of one site's week: the numbers of its recorded report, or why there are none."""
    from deliver.files.stored import read_stored
    from deliver.reports.portfolio import held_row, site_row

    if week is None or week.first_day != week.week:
        return held_row(site, _why_none(site, status, week, period))
    try:
        return site_row(site, read_stored(week.report, folder))
    except DataError as err:
        return held_row(site, clean_text(str(err)))


def _why_none(site: Site, status: ValidationStatus, week: WeekReport | None, period: Window) -> str:
    from deliver.reports.site_report import describe_hold

    if week is not None:
        return f"only a report on the seven days from {week.first_day:%B} {week.first_day.day} is recorded"
    if hold := describe_hold(status, site.site_id, period):
        return clean_text(f"{hold.why}; {hold.remedy}")
    first_day = period.start.astimezone(parse_timezone(site.timezone)).date()
    again = f"run: bash operations/weekly_report.sh --site {site.site_id} --start {first_day}"
    return f"no report for this week is recorded; {again}"


def parse_monday(text: str) -> date:
    """Parse the first day of a week, for argparse."""
    day = cli.local_day(text)
    if day.weekday():
        raise argparse.ArgumentTypeError(f"{text!r} should be a Monday, the first day of a week")
    return day


def _week_of(site: Site, monday: date, now: datetime) -> Window:
    return resolve_period(monday.isoformat(), None, parse_timezone(site.timezone), now)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the overview and print where it is, with its headline."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--sites", type=cli.positive_int, nargs="+", metavar="ID", help="these (default: all active ones)"
    )
    parser.add_argument("--start", type=parse_monday, metavar="MONDAY", help="week to report on (default: see above)")
    add_reports_argument(parser)
    add_output_arguments(parser)
    add_workbook_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    check_places(args)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        now = read_clock(conn)
        chosen = args.sites or [key for key in load_site_sources(conn) if read_site(key).file.sync.is_active]
        if not chosen:
            raise DataError("the database has no active site; run: python ingest/ingest_to_postgres.py")
        sites, statuses = [load_site(conn, site_id) for site_id in chosen], load_validation_statuses(conn)
        reports = [each for each in load_week_reports(conn) if each.report.site_id in chosen]
        monday = args.start or choose_week(reports, sites, now)
        own = {each.report.site_id: each for each in reports if each.week == monday}
        weeks = {site.site_id: _week_of(site, monday, now) for site in sites}
        rows = [
            build_row(site, statuses[site.site_id], own.get(site.site_id), weeks[site.site_id], args.reports)
            for site in sites
        ]

        from analyze.week.portfolio import sum_actions, sum_results
        from deliver.reports.portfolio import assemble_portfolio_report

        names = {site.site_id: site.site_name for site in sites}
        actions = sum_actions(load_findings(conn), names, {site.site_id: site.data_source for site in sites})
        results = sum_results(load_ledger(conn), load_judged(conn), names)
    tz, period = parse_timezone(sites[0].timezone), weeks[sites[0].site_id]
    start, end = (moment.astimezone(tz).isoformat() for moment in period)
    told: Period = {"start": start, "end": end, "timezone": tz.key}
    report = assemble_portfolio_report(rows, told, now.astimezone(tz), actions, results)
    deliver_report(cast(dict[str, Any], report), "portfolio_overview", args, f"portfolio_{start[:10]}")
    if any(row["status"] == "ok" for row in rows):
        return EXIT_DONE
    logger.error("no site has a report for this week; the overview says of each why, and what to do")
    return EXIT_BREAKER_OPEN


if __name__ == "__main__":
    sys.exit(cli.run(main))
