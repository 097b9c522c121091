"""Bring the portal up to date: a folder of pages on all sites and weeks that any web server or file share can hold.

It has a page of all sites, which can be sorted and searched; of each site its weeks and months, as the recorded reports
tell them, its findings with their history, and its data quality. Links are relative and last: sites/<site>/
week-<Monday>.html. Where PORTAL_URL names the address at which the folder is published, mails lead there. Who may read
it is the affair of whoever hosts it (docs/guides/portal.md).

Only what changed is written. Pages of sites, weeks and months that are gone are removed, and nothing else: a folder
that another program filled is refused. The weekly and the daily run call it for the site that they are at.

Stage: deliver
Reads: Layer 3 views, the recorded reports in reports/
Writes: the folder portal/, or PORTAL_DIR, or --out; what it published is kept in its .portal.json
Safe to re-run: yes; two at once wait for each other, and a run that was cut off is finished by the next

Exit codes: 0 up to date · 1 a report has no page (the log says why), or the folder can't be written · 2 bad arguments

Examples:
  python deliver/publish_portal.py
  python deliver/publish_portal.py --site 23271 --out /srv/www/energy
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_DONE, EXIT_FAILED, DataError
from lib.logs import setup_logging
from lib.paths import PORTAL_DIR, REPORTS_DIR
from lib.readings import Site, load_site, load_sites

if TYPE_CHECKING:
    import argparse

    from deliver.portal.record import Folder

logger = logging.getLogger(__name__)

DEFAULT_WEEKS = 53  # a year, so that the same week of last year is there


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--site",
        type=cli.positive_int,
        action="append",
        metavar="ID",
        help="bring only this one up to date (default: all)",
    )
    parser.add_argument(
        "--out", type=cli.folder, metavar="DIR", help="the portal's folder (default: PORTAL_DIR, portal/)"
    )
    parser.add_argument(
        "--reports", type=cli.folder, default=REPORTS_DIR, metavar="DIR",
        help="folder of the recorded reports (default: reports/)",
    )  # fmt: skip
    parser.add_argument(
        "--weeks", type=cli.positive_int, default=DEFAULT_WEEKS, metavar="N",
        help="newest weeks and months to show of each site (default: %(default)s)",
    )  # fmt: skip
    return parser


def choose_sites(every: Sequence[Site], wanted: Sequence[int] | None, folder: Folder) -> list[Site]:
    """Return the sites to bring up to date: those wanted, and what the portal knows nothing of yet; else all."""
    if wanted is None:
        return list(every)
    return [site for site in every if site.site_id in wanted or site.site_id not in folder.sites]


def main(argv: Sequence[str] | None = None) -> int:
    """Bring the portal up to date, and print where it is and how much changed."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()
    out = args.out or settings.portal_dir or PORTAL_DIR

    from deliver.portal.publish import publish_sites
    from deliver.portal.record import check_is_own, open_folder

    check_is_own(out)
    with (
        db.connect(settings.require_database_url("deliver"), readonly=True) as conn,
        open_folder(out, conn.info.dbname) as folder,
    ):
        for site_id in args.site or ():
            load_site(conn, site_id)
        every = load_sites(conn)
        if not every:
            raise DataError("the database has no site; run: python ingest/ingest_to_postgres.py")
        own = choose_sites(every, args.site, folder)
        problems = publish_sites(conn, folder, every, own, args.reports, read_clock(conn), args.weeks)
        written, removed = len(folder.written), len(folder.removed)
    for problem in problems:
        logger.error("no page: %s", problem)
    sites = "1 site" if len(every) == 1 else f"{len(every)} sites"
    print(f"{out}: {len(folder.pages)} pages of {sites}, {written} written, {removed} removed")
    return EXIT_FAILED if problems else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
