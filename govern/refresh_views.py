"""Bring the materialized views up to the raw readings, without making readers wait.

Stage: govern
Reads: readings
Writes: the materialized views of Layer 2
Safe to re-run: yes
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from psycopg2 import sql

from config.settings import load_settings
from govern.schema_files import read_view_files
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)


def refresh_views(conn: Connection) -> dict[str, float]:
    """Refresh each materialized view CONCURRENTLY and commit it.

    Returns
    -------
    dict
        View name → seconds it took.
    """
    seconds = {}
    for view in read_view_files():
        if not view.is_materialized:
            continue
        began = time.perf_counter()
        db.execute(conn, sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(sql.Identifier(view.name)))
        conn.commit()
        seconds[view.name] = time.perf_counter() - began
        logger.info("refreshed %s in %.2f s", view.name, seconds[view.name])
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Refresh all materialized views."""
    args = cli.script_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url()) as conn:
        seconds = refresh_views(conn)
    print(f"refreshed {len(seconds)} views in {sum(seconds.values()):.2f} s")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
