"""Note how a job ended that claim_job.py gave out.

Stage: govern
Reads: nothing
Writes: scheduled_jobs
Safe to re-run: no; a job ends once, and one that is not claimed by this machine is refused
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schedule.claims import Worker, finish, this_place
from govern.schedule.due import Job
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    parser.add_argument("--job", type=Job, choices=list(Job), required=True, help="which of the site's jobs")
    parser.add_argument("--due-on", type=cli.local_day, required=True, metavar="DATE", help="the day that it was for")
    parser.add_argument("--exit-code", type=int, required=True, metavar="N", help="how it ended")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Note one job's end and print what it counts as."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern")) as conn:
        state = finish(conn, args.site, args.job, args.due_on, args.exit_code, Worker(this_place(), ""))
        conn.commit()
    print(f"{args.job} of site {args.site}, {args.due_on}: {state}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
