"""Keep alerts quiet until a day: for works on a meter, or a site that is known to be offline.

A mute always ends. What is still wrong then is told then. Without --site it is for all sites, without --kind for every
kind of alert.

Stage: operations
Reads: data/alert_mutes.json
Writes: data/alert_mutes.json
Safe to re-run: yes; the same mute replaces the one before

Examples:
  python operations/mute_alerts.py --site 23271 --until 2026-12-01 --reason "panel works until Monday"
  python operations/mute_alerts.py --list
  python operations/mute_alerts.py --site 23271 --clear
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.alert_mutes import FINDING, STATE_DIR, Mute, load_mutes
from lib.date_utils import format_utc, parse_end, parse_timezone
from lib.errors import EXIT_DONE, UsageError
from lib.logs import clean_text, setup_logging
from operations.alerts.episodes import KINDS
from operations.alerts.files import hold, save_mutes


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="only alerts of this site")
    parser.add_argument("--kind", choices=(*KINDS, FINDING), help="only alerts of this kind")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--until", metavar="WHEN", help="last UTC day (2026-12-01), or a moment with offset")
    action.add_argument("--clear", action="store_true", help="take the mute of this --site and --kind back")
    action.add_argument("--list", action="store_true", help="show the mutes that hold now")
    parser.add_argument("--reason", metavar="TEXT", help="why; needed with --until")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Set, clear or list mutes."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    now = datetime.now(UTC)
    with hold(STATE_DIR):
        mutes = [mute for mute in load_mutes(STATE_DIR) if mute.until > now]
        if not args.list:
            mutes = [mute for mute in mutes if (mute.kind, mute.site_id) != (args.kind, args.site)]
            if args.until:
                mutes.append(_new_mute(args, now))
            save_mutes(mutes, STATE_DIR)
    for kind, site_id, until, reason in mutes:
        site = "all sites" if site_id is None else f"site {site_id}"
        print(f"{site}, {kind or 'every kind'}: muted until {format_utc(until)} ({clean_text(reason)})")
    if not mutes:
        print("no mutes hold")
    return EXIT_DONE


def _new_mute(args: argparse.Namespace, now: datetime) -> Mute:
    until = parse_end(args.until, parse_timezone("UTC"), "--until")
    if until <= now:
        raise UsageError(f"--until {args.until} is over already; give a later day")
    if not (args.reason or "").strip():
        raise UsageError("a mute has no reason for whoever wonders why nothing was said; give --reason")
    return Mute(args.kind, args.site, until, args.reason.strip())


if __name__ == "__main__":
    sys.exit(cli.run(main))
