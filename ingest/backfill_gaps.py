"""Fetch what is missing, and only that: the pending gaps of the ledger that govern/update_gaps.py derives.

Asks for each gap exactly, stores what comes as every ingest does (a log line a window), and closes the gaps that are
filled. What comes only in part, and what the service has nothing for, is told by the next update_gaps.py.

Stage: ingest
Reads: the Eniscope API, reading_gaps
Writes: readings, reading_gaps, reading_revisions, rejected_readings, ingestion_logs; descriptions as the ingest does
Safe to re-run: yes; what was asked for within the last hours is not asked for again

Examples:
  python ingest/backfill_gaps.py --site 23271 --budget 300
  python ingest/backfill_gaps.py --site 23271 --days 90 --again      # once more, and what was found empty too
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.limits import GapLimits
from config.settings import load_settings
from config.site_file import read_site
from ingest.eniscope.account import make_client
from lib import cli, db
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Backfill one site's gaps; exit 1 when any window failed."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--budget",
        type=cli.positive_int,
        default=GapLimits.nightly_requests,
        metavar="REQUESTS",
        help="ask for this many windows at most, one request each (default: %(default)s)",
    )
    parser.add_argument(
        "--days", type=cli.day_count, metavar="N", help="only gaps that end within the last N days (default: all)"
    )
    parser.add_argument(
        "--again", action="store_true", help="ask also for what was asked for just now, or found to be empty"
    )
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()
    database_url = settings.require_database_url("ingest")
    said = read_site(args.site)
    client = make_client(settings)

    from ingest.runs.gap_windows import close_if_arrived, count_closed, plan_backfill
    from ingest.runs.load_site import ingest_windows
    from ingest.runs.registration import register
    from ingest.storage.lease import site_lease

    with (
        db.connect(database_url) as conn,
        site_lease(database_url, args.site, "backfill_gaps", settings.lease_s, on_lost=client.stop),
    ):
        plan = plan_backfill(conn, args.site, datetime.now(UTC), args.budget, days=args.days, ask_again=args.again)
        conn.commit()
        if not plan.wanted:
            print(f"site {args.site}: no gap is to be asked for now")
            return EXIT_DONE
        site = register(conn, client, args.site, said=said)
        listed = {channel["channel_id"] for channel in site.channels}
        wanted = [item for item in plan.wanted if item.channel_id in listed]
        summary = ingest_windows(
            conn, client, site, wanted, settings.workers, said.file.ingest, on_stored=close_if_arrived
        )
        closed = count_closed(conn, plan.gaps)
        conn.commit()
    client.close()
    print(
        f"site {args.site}: asked for {len(plan.gaps):,} gaps in {len(wanted):,} windows; {summary.inserted:,} "
        f"readings arrived, {closed:,} gaps are closed, {plan.left:,} are left for another run"
    )
    if summary.failed:
        print(f"FAILED: channels {', '.join(map(str, summary.failed))}; see ingestion_logs, and run again")
    return EXIT_FAILED if summary.failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
