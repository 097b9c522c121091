"""Write the overview of all sites: one row a site, for the last week that can have been ingested at all of them.

A site whose data are held back has a row that says why, and no numbers; a site that fails does not stop the others.
Where to go on Monday: the open findings of the recorded weekly reports, those of one kind added up, with the sites
behind each; what was proved to be saved; and how many of the findings that people judged were right.

Stage: deliver (calls analyze)
Reads: Layer 3 views, config/sites
Writes: reports/portfolio_<first day>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A report given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 written, and every site is held back

Examples:
  python deliver/generate_portfolio.py --html
  python deliver/generate_portfolio.py --sites 23271 23272 --html --pdf
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import read_site
from deliver.reports.site_report import add_output_arguments, check_places, deliver_report, describe_hold
from lib import cli, db
from lib.date_utils import last_complete_week, parse_timezone, reportable_until, resolve_period
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, DataError, PipelineError
from lib.logs import clean_text, setup_logging
from lib.readings import (
    Site,
    ValidationStatus,
    load_findings,
    load_judged,
    load_ledger,
    load_site,
    load_site_sources,
    load_validation_statuses,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)


def last_common_week(sites: Sequence[Site], statuses: Mapping[int, ValidationStatus], now: datetime) -> date:
    """Return the Monday, by each site's calendar, of the last week that can have been ingested to its end at all."""
    reach = [(reportable_until(now, statuses[site.site_id].ingested_until), site.timezone) for site in sites]
    return min(last_complete_week(moment, parse_timezone(zone))[0] for moment, zone in reach)


def build_row(conn: Connection, site: Site, status: ValidationStatus, monday: date, now: datetime) -> dict[str, Any]:
    """Return the row of one site's week from this Monday: its numbers, or why there are none."""
    from analyze.week.loading import load_week
    from deliver.reports.portfolio import held_row, site_row
    from deliver.reports.site_report import CheckedWeek

    try:
        period = resolve_period(monday.isoformat(), None, parse_timezone(site.timezone), now)
        if hold := describe_hold(status, site.site_id, period):
            return held_row(site, f"{hold.why}; {hold.remedy}")
        _, week = load_week(conn, site.site_id, monday.isoformat(), None, None, now)
    except PipelineError as err:
        return held_row(site, clean_text(str(err)))
    if not week.data_quality["channelsAnalyzed"]:
        return held_row(site, "it has no sound readings in the week")
    return site_row(CheckedWeek(site, status, week, forced_reason=None))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the overview and print where it is, with its headline."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--sites", type=cli.positive_int, nargs="+", metavar="ID", help="these (default: all active ones)"
    )
    add_output_arguments(parser)
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    check_places(args)
    now = datetime.now(UTC)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        chosen = args.sites or [key for key in load_site_sources(conn) if read_site(key).file.sync.is_active]
        if not chosen:
            raise DataError("the database has no active site; run: python ingest/ingest_to_postgres.py")
        sites, statuses = [load_site(conn, site_id) for site_id in chosen], load_validation_statuses(conn)
        monday = last_common_week(sites, statuses, now)
        rows = [build_row(conn, site, statuses[site.site_id], monday, now) for site in sites]

        from analyze.week.portfolio import sum_actions, sum_results
        from deliver.reports.portfolio import assemble_portfolio_report

        names = {site.site_id: site.site_name for site in sites}
        actions = sum_actions(load_findings(conn), names, {site.site_id: site.data_source for site in sites})
        results = sum_results(load_ledger(conn), load_judged(conn), names)
    tz = parse_timezone(sites[0].timezone)
    period = resolve_period(monday.isoformat(), None, tz, now)
    window = {key: getattr(period, key).astimezone(tz).isoformat() for key in ("start", "end")}
    report = assemble_portfolio_report(rows, {**window, "timezone": tz.key}, now.astimezone(tz), actions, results)
    deliver_report(report, "portfolio_overview", args, f"portfolio_{window['start'][:10]}")
    if any(row["status"] == "ok" for row in rows):
        return EXIT_DONE
    logger.error("every site is held back; the overview says of each why, and what to do")
    return EXIT_BREAKER_OPEN


if __name__ == "__main__":
    sys.exit(cli.run(main))
