"""List the sites that the nightly jobs are for, one id a line.

These are the sites that the database has from the service, and those that have a file in config/sites; without any, the
default site. A file that says is_active = false under [sync] takes its site out. A site that came from files is listed
with --reports, for it has no service to be fetched from but may have a report. Which channels a file leaves out is
logged.

Stage: operations
Reads: v_sites, config/sites/*.toml
Writes: nothing
Safe to re-run: yes
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import SiteConfig, list_configured_sites, list_inactive_sites, read_sites
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging
from lib.readings import load_site_sources
from operations.health.ingestion import FETCHED_SOURCES

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


def main(argv: Sequence[str] | None = None) -> int:
    """Print the sites' ids."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--reports", action="store_true", help="the sites that reports are for")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        sources = load_site_sources(conn)
    for site_id in choose_sites(sources, list_configured_sites(), list_inactive_sites(), args.reports):
        print(site_id)
    for line in describe_parts(read_sites()):
        logger.info("%s", line)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
