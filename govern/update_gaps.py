"""Derive which readings are missing and what became of them: the gap ledger. Run it after every ingest.

Looks at what was asked for since the last time, and at the gaps that it touches; --full looks at everything. Also marks
readings that hold the energy of an outage before them, or of both passes of a repeated hour.

Stage: govern
Reads: readings, channels, ingestion_logs, config/sites/<id>.toml
Writes: reading_gaps, reading_gap_scans, reading_marks, channel_facts (what the file says of channels)
Safe to re-run: yes; what has not changed is left as it is

Examples:
  python govern/update_gaps.py --site 23271 --list
  python govern/update_gaps.py --site 23271 --from-installation     # then backfill_gaps.py fetches the whole history
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.limits import GapLimits
from config.settings import load_settings
from config.site_file import read_site
from govern.checks.channel_facts import store_channel_facts
from govern.gaps.ledger import STATE_PENDING, GapCount, OpenGap, load_open_gaps, update_gaps
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_DONE
from lib.gap_asks import GapAsks, count_asks
from lib.logs import clean_text, setup_logging
from lib.paths import SITES_DIR
from lib.readings import load_site


def print_counts(site_id: int, counts: list[GapCount], is_of_files: bool, asks: GapAsks) -> None:
    """Print the ledger on one line, and what becomes of what is pending."""
    states = "; ".join(f"{count.gaps:,} {count.state} ({count.intervals:,} intervals)" for count in counts)
    print(f"site {site_id}: {states}")
    if not any(count.state == STATE_PENDING and count.gaps for count in counts):
        return
    if is_of_files:
        print("pending ones close when a file that holds them is imported: python ingest/import_csv.py")
        return
    if asks.due:
        print(f"pending: {asks.due:,} to be fetched by: python ingest/backfill_gaps.py --site {site_id}")
    if asks.waiting:
        print(f"pending: {asks.describe_waiting()}")
    if asks.never:
        print(f"pending: {asks.never:,} not asked for, as the service does not list or serve their channels so")


def print_gap(gap: OpenGap) -> None:
    """Print one open gap."""
    name, reason = clean_text(gap.channel_name), f": {clean_text(gap.reason)}" if gap.reason else ""
    print(
        f"  channel {gap.channel_id} {name!r} {gap.window}: {gap.missing_count:,} intervals, {gap.kind}, {gap.state}, "
        f"asked {gap.asked_count} time{'s' * (gap.asked_count != 1)}{reason}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Update one site's ledger and print it."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--full", action="store_true", help="look at everything, not only at what changed")
    parser.add_argument(
        "--from-installation",
        action="store_true",
        help="expect readings since each channel was installed, even of days never asked for",
    )
    parser.add_argument("--list", action="store_true", help="print every open gap")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern")) as conn:
        said = read_site(args.site, SITES_DIR)
        store_channel_facts(conn, said)  # which channels are left out, and which ended
        counts = update_gaps(
            conn,
            args.site,
            read_clock(conn),
            carried=said.file.ingest,
            is_full=args.full,
            from_installation=args.from_installation,
        )
        conn.commit()
        gaps = load_open_gaps(conn, args.site) if args.list else []
        asks = count_asks(conn, args.site, read_clock(conn), GapLimits.ask_again_hours)
        is_of_files = load_site(conn, args.site).is_of_files
    print_counts(args.site, counts, is_of_files, asks)
    for gap in gaps:
        print_gap(gap)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
