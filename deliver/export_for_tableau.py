"""Export a site's readings and summaries as flat files for Tableau, Power BI or a spreadsheet.

Writes four files: tableau_readings, tableau_daily_summary, tableau_channel_summary and tableau_hourly_patterns, as CSV,
or with --format parquet or hyper. They hold the last --days whole local days, or the days from --start to --end; every
time stands there in UTC and on the site's wall clock. Refused while the site's validation holds the data back.

Stage: deliver
Reads: v_sites, v_meters, v_readings_enriched, v_readings_hourly, v_readings_daily, v_validation_status
Writes: exports/tableau/tableau_*.csv (.parquet, .hyper), or the folder of --out
Safe to re-run: yes; each file is replaced whole. Those of another site are not: give each further site its own --out

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back

Examples:
  python deliver/export_for_tableau.py --site 23271 --days 90
  python deliver/export_for_tableau.py --site 23271 --start 2026-01-01 --end 2026-01-31 --format parquet
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from deliver.files.tableau import require_hyper, require_parquet, stored_site, write_csv, write_hyper, write_parquet
from deliver.reports.site_report import ask_breaker
from lib import cli, db
from lib.clocks import read_clock
from lib.date_utils import Window, local_day_window, parse_timezone, resolve_period
from lib.errors import EXIT_DONE, UsageError
from lib.logs import setup_logging
from lib.paths import EXPORTS_DIR, begins_with, check_file
from lib.progress import progress_bar
from lib.readings import load_site, load_validation_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

QUERIES_DIR = _PROJECT_ROOT / "deliver" / "exports"
DEFAULT_DAYS = 90
_WRITERS = {"csv": write_csv, "parquet": write_parquet, "hyper": write_hyper}
# What a file of each format begins with; all have the site's column first.
_STARTS = {"csv": b"site_id,", "parquet": b"PAR1", "hyper": b"HyPer"}
# A missing extra is said before the database is asked for anything.
_REQUIREMENTS = {"parquet": require_parquet, "hyper": require_hyper}


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    parser.add_argument(
        "--days", type=cli.day_count, metavar="N", help=f"the last N whole local days (default: {DEFAULT_DAYS})"
    )
    cli.add_window_arguments(parser)
    parser.add_argument("--format", choices=sorted(_WRITERS), default="csv", help="default: %(default)s")
    parser.add_argument(
        "--out",
        type=cli.folder,
        default=EXPORTS_DIR / "tableau",
        metavar="DIR",
        help="folder (default: exports/tableau)",
    )
    return parser


def resolve_days(args: argparse.Namespace, tz: ZoneInfo, ingested_until: datetime | None, now: datetime) -> Window:
    """Return the window of local days that the arguments mean; `--days` counts back from the last whole day there is.

    Raises
    ------
    UsageError
        When `--days` stands beside `--start` or `--end`, or the dates cannot be meant.
    """
    if args.start is None and args.end is None:
        next_day = min(now, ingested_until or now).astimezone(tz).date()
        first_day = next_day - timedelta(days=args.days or DEFAULT_DAYS)
        return local_day_window(first_day, next_day - timedelta(days=1), tz)
    if args.days is not None:
        raise UsageError("--days counts back from today; give either --days or --start and --end")
    return resolve_period(args.start, args.end, tz, now)


def refuse_other_site(site_id: int, suffix: str, folder: Path) -> None:
    """Raise a UsageError where the folder's files are those of another site: they would be gone, without a word.

    The file of meters tells: it has a row for every meter of its site, also where no reading was exported.
    """
    there = stored_site(folder / f"tableau_channel_summary.{suffix}")
    if there not in (None, site_id):
        raise UsageError(
            f"{folder} holds the files of site {there}, which those of site {site_id} would replace; give it a folder "
            f"of its own (--out {folder}_{site_id}), or remove the files"
        )


def check_places(folder: Path, suffix: str) -> None:
    """Raise a UsageError where a file of the export would replace something else."""
    for query in QUERIES_DIR.glob("*.sql"):
        check_file(folder / f"{query.stem}.{suffix}", begins_with(_STARTS[suffix]))


def export_site(conn: Connection, site_id: int, tz: ZoneInfo, window: Window, suffix: str, folder: Path) -> list[Path]:
    """Write the four files from one snapshot of the database; return their paths."""
    first, last = window.start.astimezone(tz), (window.end - timedelta(microseconds=1)).astimezone(tz)
    params: dict[str, Any] = {"site_id": site_id, "start": window.start, "end": window.end}
    params |= {"first_day": first.date(), "last_day": last.date()}
    queries = sorted(QUERIES_DIR.glob("*.sql"))
    paths = []
    with progress_bar(len(queries), "file") as advance:
        for query in queries:
            path = folder / f"{query.stem}.{suffix}"
            _WRITERS[suffix](conn, query.read_text(encoding="utf-8"), params, path)
            paths.append(path)
            advance(path.name)
    return paths


def main(argv: Sequence[str] | None = None) -> int:
    """Export one site and print where the files are."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    if args.format in _REQUIREMENTS:
        _REQUIREMENTS[args.format]()
    check_places(args.out, args.format)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        tz = parse_timezone(load_site(conn, args.site).timezone)
        status = load_validation_status(conn, args.site)
        window = resolve_days(args, tz, status.ingested_until, read_clock(conn))
        refuse_other_site(args.site, args.format, args.out)
        ask_breaker(status, args.site, window, force_reason=None, what="export")
        paths = export_site(conn, args.site, tz, window, args.format, args.out)
    for path in paths:
        print(path)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
