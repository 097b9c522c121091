"""Note that this machine is about to mail a scheduled report; exit 3 where another one has begun to.

A server that dies after it mailed a report leaves its job open, and after twelve hours another takes it over. What was
mailed is in the first one's reports/sent_log.jsonl, so the other makes the report, mails it to nobody, and says so.
Of a report that no schedule made nothing is noted. operations/weekly_report.sh asks before it sends.

Stage: govern
Reads: nothing
Writes: scheduled_jobs
Safe to re-run: yes
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schedule.claims import begin_mailing, this_place
from lib import cli, db
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE
from lib.logs import setup_logging


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    parser.add_argument(
        "--start", type=cli.local_day, required=True, metavar="DATE", help="the first day of the report's week"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Note who mails one report; exit 3 where another may have."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern")) as conn:
        other = begin_mailing(conn, args.site, args.start + timedelta(days=7), this_place())
        conn.commit()
    if other is None:
        print(f"site {args.site}, week from {args.start}: this machine mails the report")
        return EXIT_DONE
    print(
        f"site {args.site}: held back: {other} began to mail the report on the week from {args.start} and did not end; "
        "ask there or the recipients who has it, and send it to the others: "
        f"python deliver/send_report.py --site {args.site} --start {args.start}"
    )
    return EXIT_BREAKER_OPEN


if __name__ == "__main__":
    sys.exit(cli.run(main))
