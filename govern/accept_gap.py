"""Accept a gap: a person says that its readings will not come and why. It is not asked for any more.

Takes every open gap of the channel that lies within --start and --end. --withdraw takes an acceptance back.

Stage: govern
Reads: reading_gaps
Writes: reading_gaps
Safe to re-run: yes; what is accepted already stays as it was accepted

Examples:
  python govern/accept_gap.py --site 23271 --channel 162121 --start 2026-01-20 --end 2026-01-22 \\
      --by "J. Ortiz" --reason "panel was rebuilt"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.gaps.ledger import accept_gaps, withdraw_acceptance
from lib import cli, db
from lib.date_utils import Window, parse_end, parse_start, parse_timezone
from lib.errors import EXIT_DONE, DataError, UsageError
from lib.logs import setup_logging

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--channel", type=cli.positive_int, required=True, metavar="ID", help="channel of the gap")
    parser.add_argument("--start", required=True, metavar="WHEN", help=f"not before: {cli.WINDOW_HELP}")
    parser.add_argument("--end", required=True, metavar="WHEN", help="not after, in the same forms")
    parser.add_argument("--by", metavar="NAME", help="who accepts it")
    parser.add_argument("--reason", metavar="TEXT", help="why its readings will not come")
    parser.add_argument("--withdraw", action="store_true", help="take an acceptance back; the gap is pending again")
    return parser


def find_window(conn: Connection, site_id: int, channel_id: int, start: str, end: str) -> Window:
    """Return the window that the arguments mean on the site's calendar."""
    row = db.fetch_one(
        conn,
        "SELECT o.timezone FROM channel_sites AS m JOIN organizations AS o USING (organization_id)"
        " WHERE m.channel_id = %s AND o.organization_id = %s",
        (channel_id, site_id),
    )
    if row is None:
        raise UsageError(f"site {site_id} has no channel {channel_id}; check --site and --channel")
    tz = parse_timezone(row[0])
    window = Window(parse_start(start, tz), parse_end(end, tz))
    if window.start >= window.end:
        raise UsageError(f"--end {end} lies before --start {start}; give a later one")
    return window


def main(argv: Sequence[str] | None = None) -> int:
    """Accept the gaps, or take their acceptance back; exit 1 when there is none."""
    parser = build_parser()
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    if not args.withdraw and not (args.by and args.by.strip() and args.reason and args.reason.strip()):
        parser.error("--by and --reason are needed: an acceptance is somebody's word")
    now = datetime.now(UTC)
    with db.connect(load_settings().require_database_url("govern")) as conn:
        window = find_window(conn, args.site, args.channel, args.start, args.end)
        if args.withdraw:
            count = withdraw_acceptance(conn, args.channel, window, now)
        else:
            count = accept_gaps(conn, args.channel, window, args.by.strip(), args.reason.strip(), now)
        conn.commit()
    word = "accepted" if args.withdraw else "open"
    if not count:
        raise DataError(
            f"channel {args.channel}, {window}: no {word} gap lies wholly within; "
            f"python govern/update_gaps.py --site {args.site} --list shows them"
        )
    print(f"channel {args.channel}, {window}: {count} gaps {'pending again' if args.withdraw else 'accepted'}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
