"""Bring the hourly and daily use of Layer 2 up to the raw readings: what changed is computed again, the rest stands.

Stage: govern
Reads: usage_queue (what loads brought), readings
Writes: mv_hourly_usage, mv_daily_usage, usage_state, refresh_runs; takes what it did out of usage_queue
Safe to re-run: yes; a killed run leaves whole days behind, and the rest in the queue

A site whose data cannot be computed with is named and stays in the queue; the others are refreshed (exit code 1).
After rows were changed or removed by hand, --full computes a site's whole history again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.usage.refresh import rebuild_views, record_refresh, refresh_views
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Refresh what changed, or all of it."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="only this site (default: all)")
    parser.add_argument("--full", action="store_true", help="compute the whole history again")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    began = time.perf_counter()
    with db.connect(load_settings().require_database_url("govern")) as conn:
        started_at = read_clock(conn)
        done = (rebuild_views if args.full else refresh_views)(conn, args.site)
        record_refresh(conn, started_at, args.full, done)
        conn.commit()
    seconds = time.perf_counter() - began
    print(f"refreshed {done.hours} hours and {done.days} days of {done.channels} channels in {seconds:.2f} s")
    return EXIT_FAILED if done.failed_sites else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
