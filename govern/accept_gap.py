"""Accept a gap: a person says that its readings will not come and why. It is not asked for any more.

Takes every open gap of the channel that lies within --start and --end. --withdraw takes an acceptance back.

Stage: govern
Reads: reading_gaps
Writes: reading_gaps
Safe to re-run: yes; what is accepted already stays as it was accepted

Examples:
  python govern/accept_gap.py --site 23271 --channel "AHU-2" --start 2026-01-20 --end 2026-01-22 \\
      --by "J. Ortiz" --reason "panel was rebuilt"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.gaps.ledger import (
    STATE_ACCEPTED,
    STATE_PENDING,
    OpenGap,
    accept_gaps,
    load_gaps_of,
    withdraw_acceptance,
)
from lib import cli, db
from lib.channel_names import CHANNEL_HELP, describe_channel, find_channel
from lib.clocks import read_clock
from lib.date_utils import Window, format_utc, parse_end, parse_start, parse_timezone
from lib.errors import EXIT_DONE, DataError, UsageError
from lib.logs import clean_text, setup_logging
from lib.readings import load_channel_names, load_site

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--channel", type=cli.channel_word, required=True, metavar="CHANNEL", help=f"channel of the gap: {CHANNEL_HELP}"
    )
    parser.add_argument("--start", required=True, metavar="WHEN", help=f"not before: {cli.WINDOW_HELP}")
    parser.add_argument("--end", required=True, metavar="WHEN", help="not after, in the same forms")
    parser.add_argument("--by", metavar="NAME", help="who accepts it")
    parser.add_argument("--reason", metavar="TEXT", help="why its readings will not come")
    parser.add_argument("--withdraw", action="store_true", help="take an acceptance back; the gap is pending again")
    return parser


def find_window(start: str, end: str, tz: ZoneInfo) -> Window:
    """Return the window that the arguments mean on the site's calendar."""
    window = Window(parse_start(start, tz), parse_end(end, tz))
    if window.start >= window.end:
        raise UsageError(f"--end {end} lies before --start {start}; give a later one")
    return window


def describe_rest(gaps: list[OpenGap], window: Window, state: str) -> list[str]:
    """Return a line for each gap that the window cuts, for it stays as it was, and one for those that were so before.

    Parameters
    ----------
    gaps
        Those that the window touches, as they were before.
    state
        The state that was asked for.
    """
    lines = []
    for gap in gaps:
        is_within = window.start <= gap.window.start and gap.window.end <= window.end
        if not is_within and (gap.state == STATE_ACCEPTED) != (state == STATE_ACCEPTED):
            start, end = map(format_utc, gap.window)
            lines.append(f"the gap {gap.window} is only cut, and stays {gap.state}: give --start {start} --end {end}")
        elif is_within and gap.state == state:
            by = f" by {clean_text(gap.accepted_by)}" if gap.accepted_by else ""
            lines.append(f"the gap {gap.window} is {state} already{by}")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Accept the gaps, or take their acceptance back; exit 1 when there is none."""
    parser = build_parser()
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    if not args.withdraw and not (args.by and args.by.strip() and args.reason and args.reason.strip()):
        parser.error("--by and --reason are needed: an acceptance is somebody's word")
    with db.connect(load_settings().require_database_url("govern")) as conn:
        now = read_clock(conn)
        tz = parse_timezone(load_site(conn, args.site).timezone)
        names = load_channel_names(conn, args.site)
        channel_id = find_channel(args.channel, names, f"site {args.site}")
        window = find_window(args.start, args.end, tz)
        gaps = load_gaps_of(conn, args.site, channel_id, window)
        if args.withdraw:
            count = withdraw_acceptance(conn, args.site, channel_id, window, now)
        else:
            count = accept_gaps(conn, args.site, channel_id, window, args.by.strip(), args.reason.strip(), now)
        conn.commit()
    return report(args.site, describe_channel(channel_id, names), window, count, gaps, is_withdrawn=args.withdraw)


def report(site_id: int, channel: str, window: Window, count: int, gaps: list[OpenGap], *, is_withdrawn: bool) -> int:
    """Print what was done and what was left; `gaps` are those that the window touches, as they were before."""
    wanted, before = (STATE_PENDING, "accepted") if is_withdrawn else (STATE_ACCEPTED, "open")
    lines = describe_rest(gaps, window, wanted)
    if not count and not any(gap.state == wanted for gap in gaps):
        found = f" ({'; '.join(lines)})" if lines else ""
        raise DataError(
            f"site {site_id}, channel {channel}, {window}: no {before} gap lies wholly within{found}; "
            f"python govern/update_gaps.py --site {site_id} --list shows them"
        )
    done = f"{count} gap{'s' * (count != 1)} {'pending again' if is_withdrawn else 'accepted'}"
    print(f"site {site_id}, channel {channel}, {window}: {done}")
    for line in lines:
        print(f"  {line}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
