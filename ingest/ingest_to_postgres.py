"""Fetch a site's interval readings from the Eniscope API and store them in PostgreSQL.

Registers the site, its devices and channels, asks every channel for the window, and inserts the readings that are
new. What stands already keeps its values, and gets those that it lacks. Without --start the window is the last --days
local days and today so far.

Stage: ingest
Reads: the Eniscope API
Writes: organizations, devices, channels, readings, reading_revisions, rejected_readings, ingestion_logs
Safe to re-run: yes; a run that was killed is made up for by the next one

Examples:
  python ingest/ingest_to_postgres.py --site 23271 --days 90
  python ingest/ingest_to_postgres.py --site 23271 --start 2026-01-20 --end 2026-01-26
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import read_site
from ingest.eniscope.account import make_client
from lib import cli, db
from lib.channel_names import CHANNEL_HELP, describe_channel, describe_channels
from lib.clocks import read_clock
from lib.date_utils import SETTLING_TIME, Window, parse_end, parse_start, parse_timezone, resolve_window
from lib.errors import EXIT_DONE, EXIT_FAILED, UsageError
from lib.logs import setup_logging

if TYPE_CHECKING:
    from ingest.runs.load_site import IngestSummary

logger = logging.getLogger(__name__)

DEFAULT_DAYS = 90
DEFAULT_RESOLUTION_S = 900
RESOLUTIONS_S = (60, 900, 1800, 3600)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--days", type=cli.day_count, default=DEFAULT_DAYS, metavar="N", help="local days (default: %(default)s)"
    )
    cli.add_window_arguments(parser)
    parser.add_argument(
        "--resolution",
        type=int,
        choices=RESOLUTIONS_S,
        default=DEFAULT_RESOLUTION_S,
        help="interval length in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--channels",
        type=cli.channel_word,
        nargs="+",
        metavar="CHANNEL",
        help=f"only these channels, each by {CHANNEL_HELP} (default: all)",
    )
    return parser


def check_window_arguments(args: argparse.Namespace) -> None:
    """Raise a UsageError for dates that no time zone could make sense of, before anything is asked."""
    start = args.start and parse_start(args.start, parse_timezone("UTC"))
    end = args.end and parse_end(args.end, parse_timezone("UTC"))
    # A day of slack: dates are the site's, whose zone is not known yet; resolve_window has the last word.
    if start and end and start >= end + timedelta(days=1):
        raise UsageError(f"--end {args.end} lies before --start {args.start}; give a later one")


def last_settled(now: datetime, clock_offset: timedelta) -> datetime:
    """Return the moment before which intervals are whole, by our clocks and by the service's.

    Parameters
    ----------
    now
        The present moment by this machine's clock or the database's, whichever is behind: what is logged as asked for
        is never in the future.
    clock_offset
        The service's clock less `now`: where ours is fast, an interval that seems to be over is still filling there.
    """
    return now + min(clock_offset, timedelta(0)) - SETTLING_TIME


def print_summary(summary: IngestSummary, window: Window, seconds: float, names: Mapping[int, str]) -> None:
    """Print what the run did, on one line for the site and one for each kind of trouble; `names` are by channel id."""
    rate = summary.fetched / seconds if seconds else 0.0
    filled = f", {summary.filled:,} of them filled" if summary.filled else ""
    print(
        f"site {summary.site_id} {window}: {summary.channels} channels, {summary.fetched:,} readings fetched, "
        f"{summary.inserted:,} new, {summary.duplicate:,} already there{filled}; {summary.empty:,} empty, "
        f"{summary.rejected:,} rejected; {seconds:.1f} s, {rate:,.0f} readings/s"
    )
    if summary.is_sandbox:
        print("these readings are the SANDBOX's: made up for trying and testing, not measured")
    if summary.troubles.counts:
        print(f"transient errors ({summary.troubles.retries} requests repeated): {summary.troubles}")
    if summary.left_out:
        told = describe_channels((channel["channel_id"] for channel in summary.left_out), names)
        print(f"left out by config/sites/{summary.site_id}.toml: {told}")
    if summary.unsupported:
        print(f"not served by the API: channels {describe_channels(summary.unsupported, names)}")
    if summary.license_note:
        print(summary.license_note)
    if summary.reduced:
        told = "; ".join(
            f"{describe_channel(key, names)} (only {' '.join(fields)})"
            for key, fields in sorted(summary.reduced.items())
        )
        print(f"fewer fields than asked for, and asked for again in later runs: channels {told}")
    if summary.refillable:
        print(
            f"fields that earlier readings lack: channels {describe_channels(summary.refillable, names)}; the nightly "
            f"backfill asks for them again, or now: python ingest/backfill_gaps.py --site {summary.site_id}"
        )
    if summary.failed:
        print(f"FAILED: channels {describe_channels(summary.failed, names)}; see ingestion_logs, and run again")


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest one site's window; exit 1 when any channel failed."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    check_window_arguments(args)
    settings = load_settings()
    database_url = settings.require_database_url("ingest")
    said = read_site(args.site)
    client = make_client(settings)

    from ingest.runs.load_site import ingest_readings
    from ingest.runs.registration import names_of, register
    from ingest.storage.lease import site_lease

    began = time.monotonic()
    with (
        db.connect(database_url) as conn,
        site_lease(database_url, args.site, "ingest_to_postgres", settings.lease_s, on_lost=client.stop),
    ):
        read_clock(conn)  # refuse before anything is logged
        site = register(conn, client, args.site, args.channels, said)
        ours = datetime.now(UTC)
        now = min(ours, read_clock(conn))
        settled = last_settled(now, ours + client.clock_offset - now)
        window = resolve_window(args.start, args.end, args.days, site.timezone, settled, args.resolution)
        summary = ingest_readings(conn, client, site, window, args.resolution, settings.workers, site.limits)
    client.close()
    print_summary(summary, window, time.monotonic() - began, names_of([*site.channels, *site.left_out]))
    return EXIT_FAILED if summary.failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
