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
from typing import Any, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.delivery_config import list_inactive_sites
from config.settings import load_settings
from lib import cli, db
from lib.date_utils import format_utc
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, DataError
from lib.logs import clean_text, setup_logging
from lib.readings import IngestionHealth, load_ingestion_health

# A daily sync asks up to now. A day and a quarter of silence means that one was missed, not merely late.
DEFAULT_MAX_AGE_HOURS = 30
OK, WARN, FAIL = "OK", "WARN", "FAIL"
FETCHED_SOURCES = ("eniscope", "sandbox")


class Judgement(NamedTuple):
    """One site's state, in a word and in words."""

    health: IngestionHealth
    level: str
    message: str


def judge_site(health: IngestionHealth, now: datetime, max_age: timedelta) -> Judgement:
    """Return how well a site is being fetched, with what to do where it is not."""
    sync = f"run: bash operations/daily_sync.sh --site {health.site_id}"
    error = f" ({clean_text(health.latest_error)})" if health.latest_error else ""
    if health.last_success_at is None:
        return Judgement(health, FAIL, f"never fetched with success{error}; {sync}")
    if now - health.last_success_at > max_age:
        return Judgement(health, FAIL, f"last fetched {_ago(health.last_success_at, now)}{error}; {sync}")
    if health.newest_reading_end is None:
        return Judgement(health, FAIL, "fetched, but no reading came; ask the vendor whether the devices are online")
    if now - health.newest_reading_end > max_age:
        reach = f"fetched, but its readings end {_ago(health.newest_reading_end, now)}"
        return Judgement(health, FAIL, f"{reach}; ask the vendor whether the devices are online")
    problems = []
    if health.attempts_failed:
        problems.append(f"{health.attempts_failed} attempts of the latest run failed{error}; {sync}")
    if health.channels_silent:
        problems.append(
            f"{health.channels_silent} of {health.channels_listed} channels silent for a day or more; "
            f"python analyze/sensor_health.py --site {health.site_id} names them"
        )
    if problems:
        return Judgement(health, WARN, "; ".join(problems))
    return Judgement(health, OK, f"readings up to {format_utc(health.newest_reading_end)}")


def _ago(moment: datetime, now: datetime) -> str:
    return f"{(now - moment) / timedelta(hours=1):.0f} h ago ({format_utc(moment)})"


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as other programs read it; ages in hours."""
    return {"level": judgement.level, "message": judgement.message, **judgement.health._asdict()}


def judge_sites(found: list[IngestionHealth], now: datetime, max_age: timedelta) -> list[Judgement]:
    """Return a judgement for every site that is fetched from a service.

    Raises
    ------
    DataError
        When there is none: a monitor that looks at nothing must not say that all is well.
    """
    judged = [judge_site(health, now, max_age) for health in found if health.data_source in FETCHED_SOURCES]
    if not judged:
        raise DataError("no site to look at; run: python ingest/ingest_to_postgres.py --site ID")
    return judged


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
