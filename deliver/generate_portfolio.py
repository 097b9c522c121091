"""Write the overview of all sites: one row a site, for the last complete week of each.

A site whose data are held back has a row that says why, and no numbers; a site that fails does not stop the others.

Stage: deliver (calls analyze)
Reads: Layer 3 views, config/sites
Writes: reports/portfolio_<first day>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A file given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 written, and every site is held back

Examples:
  python deliver/generate_portfolio.py --html
  python deliver/generate_portfolio.py --sites 23271 23272 --html --pdf
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.delivery_config import load_delivery_config
from config.settings import load_settings
from deliver.site_report import add_output_arguments, deliver_report, describe_hold
from lib import cli, db
from lib.date_utils import parse_timezone, resolve_period
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, DataError, PipelineError
from lib.logs import clean_text, setup_logging
from lib.readings import load_site, load_site_sources, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def build_row(conn: Connection, site_id: int, now: datetime) -> dict[str, Any]:
    """Return the row of one site: its numbers, or why there are none."""
    from analyze.week.loading import load_week
    from deliver.portfolio_report import held_row, site_row
    from deliver.site_report import CheckedWeek

    site = load_site(conn, site_id)
    status = load_validation_status(conn, site_id)
    try:
        period = resolve_period(None, None, parse_timezone(site.timezone), now)
        if hold := describe_hold(status, site_id, period):
            return held_row(site, f"{hold.why}; {hold.remedy}")
        _, week = load_week(conn, site_id, None, None, None, now)
    except PipelineError as err:
        return held_row(site, clean_text(str(err)))
    if not week.data_quality["channelsAnalyzed"]:
        return held_row(site, "it has no sound readings in the week")
    return site_row(CheckedWeek(site, status, week, forced_reason=None))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the overview and print where it is, with its headline."""
    from deliver.portfolio_report import assemble_portfolio_report

    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--sites", type=cli.positive_int, nargs="+", metavar="ID", help="these (default: all active ones)"
    )
    add_output_arguments(parser)
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    now = datetime.now(UTC)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        chosen = args.sites or [key for key in load_site_sources(conn) if load_delivery_config(key).is_active]
        if not chosen:
            raise DataError("the database has no active site; run: python ingest/ingest_to_postgres.py")
        rows = [build_row(conn, site_id, now) for site_id in chosen]
        tz = parse_timezone(load_site(conn, chosen[0]).timezone)
    period = resolve_period(None, None, tz, now)
    window = {key: getattr(period, key).astimezone(tz).isoformat() for key in ("start", "end")}
    report = assemble_portfolio_report(rows, {**window, "timezone": tz.key}, now.astimezone(tz))
    deliver_report(report, "portfolio_overview", args, f"portfolio_{window['start'][:10]}")
    return EXIT_DONE if any(row["status"] == "ok" for row in rows) else EXIT_BREAKER_OPEN


if __name__ == "__main__":
    sys.exit(cli.run(main))
