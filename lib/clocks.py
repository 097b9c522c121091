"""Whether this machine's clock can be believed: what is dated by a wrong one misleads every later run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lib.date_utils import format_utc
from lib.errors import ConfigError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Clocks that nobody sets drift by seconds a day. A whole day apart, one was set wrong, or never.
MAX_CLOCK_DIFFERENCE = timedelta(days=1)


def read_clock(conn: Connection) -> datetime:
    """Return the present moment, UTC, by the database, whose clock dates what is stored.

    Raises
    ------
    ConfigError
        When this machine's clock differs from it by more than a day.
    """
    from lib import db  # scripts of analyze say what is wrong with their arguments before the driver is imported

    ((stored_by,),) = db.fetch_all(conn, "SELECT clock_timestamp()")
    check_clocks(datetime.now(UTC), stored_by.astimezone(UTC), "the database's")
    return stored_by.astimezone(UTC)


def check_clocks(ours: datetime, theirs: datetime, whose: str) -> None:
    """Raise a ConfigError when two clocks differ by more than a day.

    Parameters
    ----------
    whose
        Whose clock the other one is, such as "the service's".
    """
    difference = ours - theirs
    if abs(difference) <= MAX_CLOCK_DIFFERENCE:
        return
    side = "ahead of" if difference > timedelta(0) else "behind"
    raise ConfigError(
        f"this machine's clock is {abs(difference) / timedelta(days=1):,.1f} days {side} {whose} ({format_utc(ours)} "
        f"here, {format_utc(theirs)} there); set the one that is wrong, then run again: nothing was done"
    )
