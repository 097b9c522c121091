"""Say for each site whether its readings still arrive: for a monitoring system, or a person in doubt.

One line a site: OK, WARN (channels silent, or parts of the latest run failed) or FAIL (never fetched, no success within
--max-age-hours, or the readings end that long ago), with what to do. Sites that only came from files are not fetched,
and not judged; neither is one that its file takes out of the sync, unless --site asks for it.

Stage: operations
Reads: v_ingestion_health, config/sites/*.toml
Writes: nothing
Safe to re-run: yes

Exit codes: 0 all well (or only warnings) · 1 the check itself failed · 2 bad arguments · 3 a site needs attention
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import list_inactive_sites
from lib import cli, db
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE
from lib.logs import clean_text, setup_logging
from lib.readings import load_ingestion_health
from operations.health.ingestion import DEFAULT_MAX_AGE_HOURS, FAIL, as_json, judge_sites


def main(argv: Sequence[str] | None = None) -> int:
    """Judge one site or all; exit 3 when one needs attention."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="only this site (default: all)")
    parser.add_argument(
        "--max-age-hours",
        type=cli.positive_int,
        default=DEFAULT_MAX_AGE_HOURS,
        metavar="N",
        help="silence that is too long (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a list of sites as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        found = load_ingestion_health(conn, args.site)
    if args.site is None:
        left = list_inactive_sites()
        found = [health for health in found if health.site_id not in left]
    judged = judge_sites(found, datetime.now(UTC), timedelta(hours=args.max_age_hours))
    if args.json:
        cli.print_json([as_json(judgement) for judgement in judged])
    else:
        for health, level, message in judged:
            print(f"{level:<4}  site {health.site_id} {clean_text(health.site_name)}: {message}")
    return EXIT_BREAKER_OPEN if any(judgement.level == FAIL for judgement in judged) else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
