"""Claim the next job that is due at some site: its sync each morning, its report on Mondays, by its own local clock.

Prints the job, the site, the local day that it is for, for a report the Monday with which its week begins (else the
day again), and "told" where it is worth telling how it ends; nothing where nothing is due. What was claimed is noted as
done by finish_job.py. One that failed or was held back is due again after 1, 2, 4, 8, 16 and 24 hours, ten times in
all; a report that was missed is made up for, four weeks back. operations/run_schedule.sh runs both, every half hour.

Stage: govern
Reads: v_sites
Writes: scheduled_jobs
Safe to re-run: yes; a job is claimed once
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
from govern.schedule.claims import Worker, claim_next, database_clock, this_place
from govern.schedule.due import Job, Times
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    add = parser.add_argument
    add("--wake", required=True, metavar="NAME", help="which run of the schedule asks")
    add("--sync", nargs="*", type=cli.positive_int, default=[], metavar="ID", help="sites that are synced")
    add("--report", nargs="*", type=cli.positive_int, default=[], metavar="ID", help="sites that reports are for")
    add("--time", type=cli.time_of_day, default=Times().sync, metavar="HH:MM", help="of the sync (default: 06:00)")
    add(
        "--weekly-time", type=cli.time_of_day, default=Times().report, metavar="HH:MM",
        help="of the report on Mondays (default: 07:00)",
    )  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Claim one job and print it."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    sites = {Job.SYNC: args.sync, Job.REPORT: args.report}
    with db.connect(load_settings().require_database_url("govern")) as conn:
        worker = Worker(this_place(), args.wake)
        claim = claim_next(conn, sites, Times(args.time, args.weekly_time), worker, database_clock(conn))
        conn.commit()
    if claim is not None:
        due = claim.due
        first_day = due.on - timedelta(days=7) if due.job is Job.REPORT else due.on
        print(due.job, due.site_id, due.on, first_day, "told" if claim.is_told else "quiet")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
