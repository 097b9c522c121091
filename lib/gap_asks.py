"""Which pending gaps are asked for, and when: what the gap ledger tells and what the backfill does are one fact."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from lib import db
from lib.date_utils import format_utc

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# An ask of the future is of a time when a clock was fast, and holds nothing back.
CLOCK_SLACK = timedelta(hours=1)
# Lengths of intervals that the service is asked for at all [s].
ASKED_INTERVALS_S = (60, 900, 1800, 3600)

_COUNT = """
SELECT
    count(*) FILTER (WHERE is_fetched AND waits_until IS NULL),
    count(*) FILTER (WHERE is_fetched AND waits_until IS NOT NULL),
    min(waits_until) FILTER (WHERE is_fetched),
    count(*) FILTER (WHERE NOT is_fetched)
FROM (
    SELECT
        c.is_listed AND NOT c.is_unsupported AND g.interval_s = ANY (%(interval_s)s) AS is_fetched,
        CASE WHEN greatest(g.last_asked_at, g.last_failed_at) BETWEEN %(since)s AND %(until)s
            THEN greatest(g.last_asked_at, g.last_failed_at) + %(pause)s END AS waits_until
    FROM channels AS c JOIN reading_gaps AS g USING (channel_id, organization_id)
    WHERE c.organization_id = %(site_id)s AND g.state = 'pending'
) AS gap
"""


class GapAsks(NamedTuple):
    """How many pending gaps are due, wait after an ask of late, or are not asked for at all."""

    due: int
    waiting: int
    waits_until: datetime | None
    never: int

    def describe_waiting(self) -> str:
        """Return in words what waits; empty where nothing does."""
        if self.waits_until is None:
            return ""
        verb = "waits" if self.waiting == 1 else "wait"
        return f"{self.waiting:,} asked for lately {verb} until {format_utc(self.waits_until)} (--again asks now)"


def count_asks(conn: Connection, site_id: int, now: datetime, pause_hours: float) -> GapAsks:
    """Return what becomes of the site's pending gaps; `pause_hours` after an ask, answered or not, one waits."""
    pause = timedelta(hours=pause_hours)
    parameters = {
        "site_id": site_id, "interval_s": list(ASKED_INTERVALS_S),
        "pause": pause, "since": now - pause, "until": now + CLOCK_SLACK,
    }  # fmt: skip
    return GapAsks(*db.fetch_all(conn, _COUNT, parameters)[0])
