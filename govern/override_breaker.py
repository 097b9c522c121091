"""Let a site's held-back data into reports all the same, for a while and for a stored reason.

The decision covers the checks that hold the site back now. It ends when it runs out, and as soon as another check
blocks; every report written meanwhile prints the reason and who decided.

Stage: govern
Reads: v_validation_status
Writes: breaker_overrides
Safe to re-run: yes; each run stores a decision of its own, and the latest counts

Exit codes: 0 stored · 1 nothing is held back that could be let through · 2 bad arguments

Example:
  python govern/override_breaker.py --site 23271 --reason "meter 7 was swapped, its gap is known" --by "J. Ortiz"
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.clocks import read_clock
from lib.date_utils import format_utc
from lib.errors import EXIT_DONE, DataError, UsageError
from lib.logs import clean_text, setup_logging
from lib.states import BreakerState

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

DEFAULT_HOURS = 24  # a decision about today's data says nothing about next week's


def store_override(conn: Connection, site_id: int, reason: str, made_by: str, expires_at: datetime) -> list[str]:
    """Store that the site's held-back data may pass until then; return the checks it is about; does not commit.

    Raises
    ------
    DataError
        When the site is unknown, or its current validation holds nothing back.
    """
    row = db.fetch_one(
        conn,
        "SELECT verdict, is_current, validation_run_id, blocking_checks FROM v_validation_status WHERE site_id = %s",
        (site_id,),
    )
    if row is None:
        raise DataError(f"site {site_id} is not in the database; check --site")
    verdict, is_current, run_id, checks = row
    if verdict != BreakerState.OPEN or not is_current:
        state = "is not held back" if verdict == BreakerState.CLOSED and is_current else "has no current validation"
        raise DataError(f"site {site_id} {state}; run: python govern/validate_data.py --site {site_id}")
    db.execute(
        conn,
        "INSERT INTO breaker_overrides (organization_id, validation_run_id, check_names, reason, made_by, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (site_id, run_id, checks, reason, made_by, expires_at),
    )
    return checks


def account_name() -> str:
    """Return the name of the account that runs this.

    Raises
    ------
    UsageError
        When the account has no name, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as err:  # KeyError: before Python 3.13
        raise UsageError("this account has no name; say who decides with --by NAME") from err


def main(argv: Sequence[str] | None = None) -> int:
    """Store the decision and say what it covers."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    parser.add_argument("--reason", type=cli.reason_text, required=True, metavar="TEXT", help="why; printed in reports")
    parser.add_argument(
        "--by",
        type=cli.reason_text,
        metavar="NAME",
        help="who decided; printed in reports (default: the name of the account that runs this)",
    )
    parser.add_argument(
        "--hours", type=cli.positive_int, default=DEFAULT_HOURS, help="how long it holds (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    made_by = args.by or account_name()
    with db.connect(load_settings().require_database_url("govern")) as conn:
        expires_at = read_clock(conn) + timedelta(hours=args.hours)
        checks = store_override(conn, args.site, args.reason, made_by, expires_at)
        conn.commit()
    print(f"site {args.site}: {', '.join(checks)} overridden until {format_utc(expires_at)} by {clean_text(made_by)}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
