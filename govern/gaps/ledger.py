"""Derives the gap ledger: what should exist of each channel, what does, and what became of the difference.

The steps are the SQL files of ``govern/gaps``, in the order of their numbers. All of it follows from the readings and
the log of attempts, so it can be derived again at any time; a person's word (accepted) is all that it keeps besides.
Nothing here commits.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from config.limits import GapLimits
from config.site_file import IngestLimits
from lib import db
from lib.date_utils import Window
from lib.errors import DataError
from lib.paths import GAPS_DIR

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

STATE_PENDING = "pending"
STATE_ACCEPTED = "accepted"
STATES = (STATE_PENDING, "vendor_empty", STATE_ACCEPTED, "refetched")

_LOCK_CLASS = 7_230_420  # first half of the key under which a site's ledger is derived; the site is the second
_SCOPE_FILE = "1_find_scope.sql"
_STEPS = ("2_find_missing.sql", "3_reconcile.sql", "5_mark_readings.sql")
_COUNT_FILE = "4_count_asks.sql"
_TEMPORARY = ("gap_scope", "gap_missing", "gap_known", "gap_changes", "gap_pieces", "doubled_hours")


_SELECT_OPEN = (
    "SELECT meter_id, meter_name, gap_start, gap_end, missing_count, kind, state, asked_count, reason, accepted_by"
    " FROM v_reading_gaps WHERE site_id = %s AND state <> 'refetched'"
)


class GapCount(NamedTuple):
    """How much of a site's ledger is in one state."""

    state: str
    gaps: int
    intervals: int


class OpenGap(NamedTuple):
    """A gap that is still open, for people to read."""

    channel_id: int
    channel_name: str
    window: Window
    missing_count: int
    kind: str
    state: str
    asked_count: int
    reason: str | None
    accepted_by: str | None = None


def update_gaps(
    conn: Connection,
    site_id: int,
    now: datetime,
    limits: GapLimits | None = None,
    *,
    carried: IngestLimits | None = None,
    is_full: bool = False,
    from_installation: bool = False,
) -> list[GapCount]:
    """Bring a site's ledger up to its readings and its log, and mark readings that hold more than their interval.

    Parameters
    ----------
    now
        The moment that new states are dated to.
    carried
        What a channel can carry, and how long an outage may be; the defaults where None.
    is_full
        Look at everything. Else only at what was asked for since the last look, and at the gaps that it touches.
    from_installation
        Expect readings since each channel was installed, even of days that were never asked for.

    Raises
    ------
    DataError
        When the site is unknown.
    """
    if db.fetch_one(conn, "SELECT FROM organizations WHERE organization_id = %s", (site_id,)) is None:
        raise DataError(
            f"site {site_id} is not in the database; check --site, "
            f"or run: python ingest/ingest_to_postgres.py --site {site_id}"
        )
    # Until the transaction ends: two derivations of one site would undo each other.
    db.take_turn(conn, "%s, hashint8(%s)", (_LOCK_CLASS, site_id), "update of this site's gaps")
    # A look of the future is of a time when a clock was fast: everything is looked at again.
    db.execute(
        conn,
        "UPDATE reading_gap_scans SET scanned_at = '-infinity'"
        " WHERE organization_id = %s AND scanned_at > clock_timestamp() + interval '1 hour'",
        (site_id,),
    )
    carried = carried or IngestLimits()
    parameters: dict[str, Any] = asdict(limits or GapLimits()) | {
        "max_power_kw": carried.max_power_kw,
        "max_catch_up_hours": carried.max_catch_up_hours,
        "site_id": site_id,
        "now": now,
        "is_full": is_full,
        "from_installation": from_installation,
    }
    db.execute(conn, _read(_SCOPE_FILE), parameters)
    ((first, last),) = db.fetch_all(conn, "SELECT min(look_from), max(look_until) FROM gap_scope")
    if first is not None:
        for name in _STEPS:
            db.execute(conn, _read(name), parameters | {"first": first, "last": last})
    db.execute(conn, _read(_COUNT_FILE), parameters)
    db.execute(conn, f"DROP TABLE IF EXISTS {', '.join(_TEMPORARY)}")
    return count_gaps(conn, site_id)


def count_gaps(conn: Connection, site_id: int) -> list[GapCount]:
    """Return how many gaps and intervals of the site are in each state."""
    rows = db.fetch_all(
        conn,
        "SELECT g.state, count(*), sum(g.missing_count) FROM channel_sites AS m"
        " JOIN reading_gaps AS g USING (channel_id, organization_id) WHERE m.organization_id = %s GROUP BY g.state",
        (site_id,),
    )
    counts = {state: GapCount(state, gaps, intervals) for state, gaps, intervals in rows}
    return [counts.get(state, GapCount(state, 0, 0)) for state in STATES]


def load_open_gaps(conn: Connection, site_id: int) -> list[OpenGap]:
    """Return the gaps of the site that are not refetched, the newest first."""
    rows = db.fetch_all(conn, f"{_SELECT_OPEN} ORDER BY gap_end DESC, meter_id", (site_id,))
    return [_open_gap(row) for row in rows]


def _open_gap(row: tuple[Any, ...]) -> OpenGap:
    return OpenGap(row[0], row[1], Window(row[2], row[3]), *row[4:])


def load_gaps_of(conn: Connection, site_id: int, channel_id: int, window: Window) -> list[OpenGap]:
    """Return the channel's gaps that are not refetched and have an interval in `window`, the oldest first."""
    rows = db.fetch_all(
        conn,
        f"{_SELECT_OPEN} AND meter_id = %s AND gap_start < %s AND gap_end > %s ORDER BY gap_start",
        (site_id, channel_id, window.end, window.start),
    )
    return [_open_gap(row) for row in rows]


def accept_gaps(
    conn: Connection, site_id: int, channel_id: int, window: Window, by: str, reason: str, now: datetime
) -> int:
    """Accept the open gaps that a channel has at the site within `window`; return how many.

    An accepted gap is not asked for any more. Should it arrive all the same, it counts as refetched.
    """
    return db.execute(
        conn,
        "UPDATE reading_gaps SET state = 'accepted', accepted_by = %s, accepted_at = %s, reason = %s, changed_at = %s"
        " WHERE organization_id = %s AND channel_id = %s AND gap_start >= %s AND gap_end <= %s"
        " AND state IN ('pending', 'vendor_empty')",
        (by, now, reason, now, site_id, channel_id, *window),
    )


def withdraw_acceptance(conn: Connection, site_id: int, channel_id: int, window: Window, now: datetime) -> int:
    """Make the accepted gaps of a channel at the site within `window` pending again; return how many."""
    return db.execute(
        conn,
        "UPDATE reading_gaps SET state = 'pending', accepted_by = NULL, accepted_at = NULL, reason = NULL,"
        " asked_count = 0, first_asked_at = NULL, last_asked_at = NULL, last_failed_at = NULL,"
        " asks_count_from = %s, changed_at = %s"
        " WHERE organization_id = %s AND channel_id = %s AND gap_start >= %s AND gap_end <= %s AND state = 'accepted'",
        (now, now, site_id, channel_id, *window),
    )


def _read(name: str, folder: Path = GAPS_DIR) -> str:
    return (folder / name).read_text(encoding="utf-8")
