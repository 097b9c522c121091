"""Fetch what is missing, and only that: the pending gaps of the ledger that govern/update_gaps.py derives.

Asks for each gap exactly, stores what comes as every ingest does (a log line a window), and closes the gaps that are
filled. What comes only in part, and what the service has nothing for, is told by the next update_gaps.py. With what is
left of the budget it asks again for readings that lack a field which their channel has by now, newest first, for as
long as that brings values.

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
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.limits import GapLimits
from config.settings import load_settings
from config.site_file import read_site
from ingest.eniscope.account import make_client
from lib import cli, db
from lib.channel_names import describe_channels
from lib.clocks import read_clock
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.gap_asks import count_asks
from lib.logs import setup_logging

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from config.site_file import IngestLimits
    from ingest.eniscope.client import EniscopeClient
    from ingest.runs.load_site import IngestSummary
    from ingest.runs.registration import Site


def refill(
    conn: Connection, client: EniscopeClient, site: Site, budget: int, workers: int, limits: IngestLimits
) -> list[IngestSummary]:
    """Ask again for readings that lack fields, a window a channel at a time; return what each round brought."""
    from ingest.runs.gap_windows import go_on_refilling, plan_refills
    from ingest.runs.load_site import ingest_windows

    rounds: list[IngestSummary] = []
    asked = {channel["channel_id"] for channel in site.channels}
    while wanted := plan_refills(conn, site.site_id, budget, asked):
        conn.commit()
        rounds.append(ingest_windows(conn, client, site, wanted, workers, limits, on_stored=go_on_refilling))
        budget -= len(wanted)
        asked -= {*rounds[-1].failed}
    conn.commit()
    return rounds


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

    from ingest.runs.gap_windows import close_if_arrived, count_closed, note_failed, plan_backfill, plan_refills
    from ingest.runs.load_site import ingest_windows
    from ingest.runs.registration import names_of, register
    from ingest.storage.lease import site_lease

    with (
        db.connect(database_url) as conn,
        site_lease(database_url, args.site, "backfill_gaps", settings.lease_s, on_lost=client.stop),
    ):
        plan = plan_backfill(conn, args.site, read_clock(conn), args.budget, days=args.days, ask_again=args.again)
        is_refill_due = bool(plan_refills(conn, args.site, 1))
        conn.commit()
        if not plan.wanted and not is_refill_due:
            told = count_asks(conn, args.site, read_clock(conn), GapLimits.ask_again_hours).describe_waiting()
            print(f"site {args.site}: no gap is to be asked for now" + (f"; {told}" if told else ""))
            return EXIT_DONE
        site = register(conn, client, args.site, said=said)
        listed = {channel["channel_id"] for channel in site.channels}
        wanted = [item for item in plan.wanted if item.channel_id in listed]
        summary = ingest_windows(
            conn, client, site, wanted, settings.workers, site.limits, close_if_arrived, note_failed
        )
        closed = count_closed(conn, plan.gaps)
        conn.commit()
        rounds = refill(conn, client, site, args.budget - len(wanted), settings.workers, site.limits)
    client.close()
    print(
        f"site {args.site}: asked for {len(plan.gaps):,} gaps in {len(wanted):,} windows; {summary.inserted:,} "
        f"readings arrived, {closed:,} gaps are closed, {plan.left:,} are left for another run"
    )
    if rounds:
        filled = sum(one.filled for one in rounds)
        print(f"site {args.site}: asked again for fields that came later; {filled:,} readings got values they lacked")
    failed = sorted({channel_id for one in (summary, *rounds) for channel_id in one.failed})
    if failed:
        print(
            f"FAILED: channels {describe_channels(failed, names_of(site.channels))}; see ingestion_logs; the next "
            f"nightly run asks again, or now: python ingest/backfill_gaps.py --site {args.site} --again"
        )
    return EXIT_FAILED if failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
