"""List the records in quarantine: what came, why it is not among the readings, and by which number it can be let in.

Stage: ingest
Reads: rejected_readings
Writes: nothing
Safe to re-run: yes

Examples:
  python ingest/list_rejects.py --site 23271
  python ingest/list_rejects.py --site 23271 --reason power_over_limit --json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from ingest.storage.plausibility import READMITTABLE, REASONS
from ingest.storage.rejects import StoredReject, load_rejects
from lib import cli, db
from lib.channel_names import CHANNEL_HELP, find_channel
from lib.date_utils import format_utc
from lib.errors import EXIT_DONE
from lib.logs import clean_text, setup_logging
from lib.site_channels import load_names

DEFAULT_LIMIT = 100
_RAW_SHOWN = 160


def print_reject(reject: StoredReject) -> None:
    """Print one record on one line."""
    moment = format_utc(reject.timestamp) if reject.timestamp else "no time"
    raw = clean_text(json.dumps(reject.raw, ensure_ascii=False))[:_RAW_SHOWN]
    note = ""
    if reject.has_reading:
        note = " (its interval has a reading by now)"
    elif reject.reason not in READMITTABLE:
        note = " (has no place, so it cannot be let in)"
    print(
        f"  {reject.reject_id}: channel {reject.channel_id} {clean_text(reject.channel_name)!r}, {moment}, "
        f"{reject.reason}, seen {reject.seen_count} times{note}: {raw}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print one site's quarantine, the newest first."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--channel", type=cli.channel_word, metavar="CHANNEL", help=f"only this channel: {CHANNEL_HELP}"
    )
    parser.add_argument("--reason", choices=REASONS, help="only for this reason")
    parser.add_argument(
        "--limit",
        type=cli.positive_int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="print at most (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the records as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("ingest"), readonly=True) as conn:
        names = load_names(conn, args.site)
        channel_id = None if args.channel is None else find_channel(args.channel, names, f"site {args.site}")
        total, rejects = load_rejects(conn, args.site, channel_id, args.reason, args.limit)
    if args.json:
        cli.print_json([reject._asdict() for reject in rejects])
        return EXIT_DONE
    print(
        f"site {args.site}: {total:,} records in quarantine{f', {len(rejects)} shown' if total > len(rejects) else ''}"
    )
    for reject in rejects:
        print_reject(reject)
    if any(reject.reason in READMITTABLE and not reject.has_reading for reject in rejects):
        print(f"to let one in: python ingest/readmit_rejects.py --site {args.site} --by NAME NUMBER…")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
