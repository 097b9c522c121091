"""Drop whole months of old readings; their hours and days stay in Layer 2, and so do the reports' monthly figures.

Stage: govern
Reads: readings, mv_hourly_usage, mv_daily_usage, usage_queue
Writes: drops partitions of readings; raw_retention says so (only with --drop)
Safe to re-run: yes; without --drop it only shows what would go

What needs single intervals cannot look back further than what is kept: the report of a week needs five weeks, the
forecast 90 days, and proving savings a year before the measure. A month goes only when Layer 2 holds all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.checks.reader import limit_values, read_checks
from govern.usage.refresh import lock_refresh
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_DONE, DatabaseError, DataError, UsageError
from lib.logs import setup_logging
from lib.paths import USAGE_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The forecast looks 90 days back, and the month that is running is never whole.
MIN_KEPT_MONTHS = 4
# How long readers may have to wait behind this script, which waits for those before it.
_LOCK_TIMEOUT_S = 10


class OldMonth(NamedTuple):
    """A partition of readings that is older than what is kept."""

    name: str
    start: datetime
    end: datetime
    size_bytes: int


def kept_from(now: datetime, months: int) -> datetime:
    """Return the start of the month, in UTC, that lies `months` whole months before the one of `now`."""
    index = now.year * 12 + now.month - 1 - months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def list_old_months(conn: Connection, before: datetime) -> list[OldMonth]:
    """Return the months of readings that end at `before` or earlier, the oldest first."""
    rows = db.fetch_all(
        conn,
        "SELECT inhrelid::regclass::text, pg_total_relation_size(inhrelid) FROM pg_inherits"
        " WHERE inhparent = 'readings'::regclass ORDER BY 1",
    )
    months = []
    for name, size_bytes in rows:
        start = datetime.strptime(name, "readings_%Y_%m").replace(tzinfo=UTC)
        month = OldMonth(name, start, kept_from(start, -1), size_bytes)
        if month.end <= before:
            months.append(month)
    return months


def drop_months(conn: Connection, months: list[OldMonth]) -> None:
    """Drop the months and note it, unless Layer 2 lacks something of them; does not commit.

    Raises
    ------
    DataError
        When Layer 2 does not hold all of a month.
    DatabaseError
        When a load came between.
    psycopg2.errors.LockNotAvailable
        When somebody reads or writes them for too long; `db.connect` says who.
    """
    from psycopg2 import errors as pg_errors  # here, so that a Python without it is told what to do
    from psycopg2 import sql

    since, until = months[0].start, months[-1].end
    names = [month.name for month in months]
    tables = sql.SQL(", ").join(map(sql.Identifier, names))
    lock_refresh(conn)
    try:
        # Nobody may write into these months any more; who reads them may go on until they are dropped.
        db.execute_within(conn, sql.SQL("LOCK TABLE {} IN SHARE MODE").format(tables), _LOCK_TIMEOUT_S)
        _check_layer_2(conn, since, until)
        db.execute_within(conn, sql.SQL("DROP TABLE {}").format(tables), _LOCK_TIMEOUT_S)
    except pg_errors.DeadlockDetected as err:
        raise DatabaseError(
            "the readings are in use, nothing was dropped; run again when no ingest or report is at work"
        ) from err
    db.execute(conn, "INSERT INTO raw_retention (raw_kept_from, dropped) VALUES (%s, %s)", (until, names))


def _check_layer_2(conn: Connection, since: datetime, until: datetime) -> None:
    ((queued,),) = db.fetch_all(
        conn,
        "SELECT count(*) FROM usage_queue AS q JOIN channels AS c USING (channel_id)"
        " WHERE q.first_at < %s AND q.last_at >= %s",
        (until, since),
    )
    if queued:
        raise DataError(
            f"{queued} changes before {until:%Y-%m-%d} are not in Layer 2; run: python govern/refresh_views.py"
        )
    parameters = {
        "since": since,
        "until": until,
        "tolerance_kwh": limit_values(read_checks())["reconciliation_tolerance_kwh"],
    }
    unsafe = db.fetch_all(conn, (USAGE_DIR / "unsafe_to_drop.sql").read_text(encoding="utf-8"), parameters)
    if unsafe:
        shown = ", ".join(str(channel_id) for (channel_id,) in unsafe[:5])
        raise DataError(
            f"Layer 2 does not hold all readings before {until:%Y-%m-%d} of {len(unsafe)} channels ({shown}); "
            "run: python govern/refresh_views.py --full"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Show the old months, and drop them when told to."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--keep-months", type=cli.positive_int, required=True, metavar="N",
        help=f"whole months to keep besides the running one, {MIN_KEPT_MONTHS} or more; 13 keep a year for comparison",
    )  # fmt: skip
    parser.add_argument("--drop", action="store_true", help="drop them; without it, only show them")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    if args.keep_months < MIN_KEPT_MONTHS:
        raise UsageError(
            f"--keep-months should be {MIN_KEPT_MONTHS} or more, which reports need, not {args.keep_months}"
        )
    with db.connect(load_settings().require_database_url()) as conn:
        months = list_old_months(conn, kept_from(read_clock(conn), args.keep_months))
        for month in months:
            print(f"{month.name}  {month.size_bytes / 1e6:,.1f} MB")
        if args.drop and months:
            drop_months(conn, months)
            conn.commit()
    verb = "dropped" if args.drop else "would drop (add --drop)"
    print(f"{verb}: {len(months)} months, {sum(month.size_bytes for month in months) / 1e6:,.1f} MB")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
