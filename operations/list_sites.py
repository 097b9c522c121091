"""List the sites: id, name, time zone, newest reading and state, one site a line.

These are the sites that the database has, and those that have a file in config/sites. A file that says
is_active = false under [sync] takes its site out of the nightly jobs, which is said. With --ids it prints the ids alone
of the sites that are fetched from the service (without any, the default site), or with --reports of those that reports
are for, which may come from files too. Which channels a file leaves out is logged.

Stage: operations
Reads: v_sites, v_ingestion_health, v_validation_status, config/sites/*.toml
Writes: nothing
Safe to re-run: yes
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import SiteConfig, list_configured_sites, list_inactive_sites, read_sites
from lib import cli, db
from lib.date_utils import parse_timezone
from lib.errors import EXIT_DONE, UsageError
from lib.logs import clean_text, setup_logging
from lib.readings import (
    ValidationStatus,
    describe_failed,
    load_ingestion_health,
    load_site_sources,
    load_sites,
    load_validation_statuses,
)
from lib.states import BreakerState, DataSource
from operations.health.ingestion import FETCHED_SOURCES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)


def choose_sites(sources: dict[int, str], configured: list[int], inactive: set[int], for_reports: bool) -> list[int]:
    """Return the sites to work on, in order.

    Parameters
    ----------
    sources
        Site id → where its readings come from, of the sites in the database.
    configured, inactive
        Sites that have a file, and those that are taken out by it.
    """
    if not sources and not configured:
        return [cli.DEFAULT_SITE_ID]
    wanted = {site_id for site_id, source in sources.items() if for_reports or source in FETCHED_SOURCES}
    # A file may be there before the first ingest; one of a site that came from files does not make it fetchable.
    wanted |= {site_id for site_id in configured if site_id not in sources}
    return sorted(wanted - inactive)


def describe_parts(sites: Mapping[int, SiteConfig]) -> list[str]:
    """Return of each site whose file names what belongs to it which channels it leaves out, or takes alone."""
    lines = []
    for site_id, said in sorted(sites.items()):
        for verb, names in (("leaves out", said.file.site.exclude), ("takes only", said.file.site.include)):
            if names:
                lines.append(f"site {site_id}: its file {verb} {', '.join(map(str, names))}")
    return lines


class Listed(NamedTuple):
    """One site as the list shows it."""

    site_id: int
    name: str
    zone: str
    newest: str
    state: str


def describe_sites(conn: Connection, inactive: set[int], configured: list[int]) -> list[Listed]:
    """Return every site that is known, by id, with what an operator asks first."""
    statuses = load_validation_statuses(conn)
    health = {one.site_id: one for one in load_ingestion_health(conn)}
    sites = load_sites(conn)
    listed = []
    for site in sites:
        newest = health[site.site_id].newest_reading_end if site.site_id in health else None
        moment = "no readings" if newest is None else f"{newest.astimezone(_zone(site.timezone)):%Y-%m-%d %H:%M}"
        source = " (from files)" if site.is_of_files else " (made up)" if site.data_source == DataSource.SANDBOX else ""
        state = "not synced (is_active = false)" if site.site_id in inactive else _state(statuses[site.site_id])
        listed.append(Listed(site.site_id, clean_text(site.site_name), site.timezone, f"{moment}{source}", state))
    for site_id in set(configured) - {site.site_id for site in sites}:
        state = "not synced (is_active = false)" if site_id in inactive else "not fetched yet"
        listed.append(Listed(site_id, "-", "-", "no readings", state))
    return sorted(listed)


def _zone(name: str) -> tzinfo:
    try:
        return parse_timezone(name)
    except UsageError:
        return UTC


def _state(status: ValidationStatus) -> str:
    if status.validated_at is None:
        return "not validated yet"
    if status.verdict == BreakerState.OPEN:
        return f"held back, {describe_failed(status.blocking_checks)}"
    return "passed" if status.is_current else "passed, to be validated again"


def print_table(rows: list[Listed]) -> None:
    """Print the sites under each other, each column as wide as it must be."""
    table = [("site", "name", "time zone", "newest reading", "state"), *((str(row[0]), *row[1:]) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the sites, or their ids."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--ids", action="store_true", help="print the ids alone, of the sites that are fetched")
    parser.add_argument("--reports", action="store_true", help="with --ids: of the sites that reports are for")
    args = parser.parse_args(argv)
    if args.reports and not args.ids:
        parser.error("--reports chooses ids; give --ids with it")
    setup_logging(args.verbose)
    configured, inactive = list_configured_sites(), list_inactive_sites()
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        sources = load_site_sources(conn) if args.ids else {}
        rows = [] if args.ids else describe_sites(conn, inactive, configured)
    if args.ids:
        for site_id in choose_sites(sources, configured, inactive, args.reports):
            print(site_id)
    else:
        print_table(rows)
    for line in describe_parts(read_sites()):
        logger.info("%s", line)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
