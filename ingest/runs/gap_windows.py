"""Chooses what to ask for again: gaps of the ledger, and readings that lack fields. Nothing here commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from config.limits import GapLimits
from ingest.eniscope.fetch import WINDOW_DAYS
from ingest.eniscope.normalize import FIELD_COLUMNS
from ingest.runs.window_queue import Wanted, halves
from ingest.storage.readings import Stored
from lib import db
from lib.date_utils import Window, split_window
from lib.gap_asks import ASKED_INTERVALS_S, CLOCK_SLACK

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_STATES = ["pending"]
_STATES_AGAIN = ["pending", "vendor_empty"]


_Gap = tuple[int, list[Window], int]  # channel, the windows to ask for, seconds of an interval


class GapPlan(NamedTuple):
    """What to ask for, and what was left out for the budget's sake."""

    wanted: list[Wanted]
    gaps: list[tuple[int, Window]]
    left: int


def plan_backfill(
    conn: Connection,
    site_id: int,
    now: datetime,
    budget: int,
    *,
    days: int | None = None,
    ask_again: bool = False,
    limits: GapLimits | None = None,
) -> GapPlan:
    """Return the windows to ask for: exactly what is missing, in pieces that the service answers as asked.

    The channels take turns, window by window, so that each has its share of the budget. Of a channel, and among those
    whose turn it is, what was asked for longest ago comes first, answered or not; then the newest. A gap that was asked
    for within the last hours is left for another time, whether or not an answer came. One without an answer the last
    time is asked for in halves, for it may hold an interval over which the service stumbles.

    Parameters
    ----------
    budget
        Ask for this many windows at most; a gap is begun only if it fits, or if it is the first.
    days
        Only gaps that end within this many days before `now`; None for all.
    ask_again
        Ask also for what was asked for just now, and for what the service was found not to have.
    """
    limits = limits or GapLimits()
    rows = db.fetch_all(
        conn,
        "SELECT g.channel_id, g.gap_start, g.gap_end, g.interval_s, greatest(g.last_asked_at, g.last_failed_at) AS at,"
        " coalesce(g.last_failed_at >= greatest(g.last_asked_at, g.last_failed_at), false)"
        " FROM channels AS c JOIN reading_gaps AS g USING (channel_id, organization_id)"
        " WHERE c.organization_id = %s AND c.is_listed AND NOT c.is_unsupported AND g.state = ANY (%s)"
        " AND g.interval_s = ANY (%s)"
        # One that was asked for in the future is of a time when a clock was fast.
        " AND (%s OR coalesce(greatest(g.last_asked_at, g.last_failed_at) NOT BETWEEN %s AND %s, true))"
        " AND (%s::timestamptz IS NULL OR g.gap_end > %s)"
        " ORDER BY at NULLS FIRST, g.asked_count, g.gap_end DESC, g.channel_id",
        (
            site_id,
            _STATES_AGAIN if ask_again else _STATES,
            list(ASKED_INTERVALS_S),
            ask_again,
            now - timedelta(hours=limits.ask_again_hours),
            now + CLOCK_SLACK,
            *[None if days is None else now - timedelta(days=days)] * 2,
        ),
    )
    gaps = [
        (channel_id, _parts_of(channel_id, Window(start, end), interval_s, has_failed=has_failed), interval_s)
        for channel_id, start, end, interval_s, _, has_failed in rows
    ]
    plan = GapPlan([], [], 0)
    for channel_id, parts, interval_s in _by_turns(gaps):
        room = budget - len(plan.wanted)
        if len(parts) > room and plan.gaps:
            continue
        plan.gaps.append((channel_id, Window(parts[0].start, parts[-1].end)))
        chosen = parts if len(parts) <= room else _asked_longest_ago(conn, channel_id, parts)[:room]
        plan.wanted.extend(Wanted(channel_id, part, interval_s) for part in chosen)
    return plan._replace(left=len(rows) - len(plan.gaps))


def _parts_of(channel_id: int, gap: Window, interval_s: int, *, has_failed: bool) -> list[Window]:
    parts = list(split_window(gap, WINDOW_DAYS[interval_s]))
    in_half = halves(Wanted(channel_id, gap, interval_s)) if has_failed and len(parts) == 1 else []
    return [half.window for half in in_half] or parts


def _by_turns(gaps: list[_Gap]) -> list[_Gap]:
    """Return the gaps so that no channel is asked for a further one before all others had as many windows."""
    before: Counter[int] = Counter()
    turns = []
    for gap in gaps:
        turns.append(before[gap[0]])
        before[gap[0]] += len(gap[1])
    return [gap for _, gap in sorted(zip(turns, gaps, strict=True), key=lambda turn_and_gap: turn_and_gap[0])]


def _asked_longest_ago(conn: Connection, channel_id: int, parts: list[Window]) -> list[Window]:
    """Return the parts of a gap with those first that were never asked for by themselves, or longest ago."""
    asked = dict(
        db.fetch_all(
            conn,
            "SELECT window_start, max(started_at) FROM ingestion_logs WHERE channel_id = %s"
            " AND window_start >= %s AND window_end <= %s GROUP BY window_start",
            (channel_id, parts[0].start, parts[-1].end),
        )
    )
    return sorted(parts, key=lambda part: (part.start in asked, asked.get(part.start, part.start)))


def note_failed(conn: Connection, wanted: Wanted) -> None:
    """Note that a gap was asked for and no answer came: it waits as long as one that was answered."""
    db.execute(
        conn,
        "UPDATE reading_gaps SET last_failed_at = statement_timestamp()"
        " WHERE channel_id = %s AND gap_start <= %s AND gap_end >= %s AND state = ANY (%s)",
        (wanted.channel_id, *wanted.window, _STATES_AGAIN),
    )


def close_if_arrived(conn: Connection, wanted: Wanted, stored: Stored) -> None:
    """Note that a gap was asked for; close it if none of its intervals is missing any more.

    What arrived of a gap only in part is told from the rest by ``govern/update_gaps.py``.
    """
    # A value, for Citus takes no clock in a coalesce or CASE.
    asked_at = db.fetch_all(conn, "SELECT clock_timestamp()")[0][0]
    db.execute(
        conn,
        "UPDATE reading_gaps AS g SET first_asked_at = coalesce(g.first_asked_at, %s),"
        " last_asked_at = %s, changed_at = %s,"
        " state = CASE WHEN arrived.is_whole THEN 'refetched' ELSE g.state END,"
        " reason = CASE WHEN arrived.is_whole THEN 'it arrived' ELSE g.reason END,"
        " closed_at = CASE WHEN arrived.is_whole THEN %s::timestamptz END"
        " FROM reading_gaps AS o CROSS JOIN LATERAL (SELECT count(*) >= o.missing_count AS is_whole FROM readings AS r"
        " WHERE r.channel_id = o.channel_id AND r.timestamp >= o.gap_start AND r.timestamp < o.gap_end) AS arrived"
        " WHERE o.channel_id = %s AND o.gap_start <= %s AND o.gap_end >= %s"
        " AND g.channel_id = o.channel_id AND g.gap_start = o.gap_start AND g.state = ANY (%s)",
        (asked_at, asked_at, asked_at, asked_at, wanted.channel_id, *wanted.window, _STATES_AGAIN),
    )


def count_closed(conn: Connection, gaps: list[tuple[int, Window]]) -> int:
    """Return how many of these gaps are closed by now."""
    return sum(
        db.fetch_one(
            conn,
            "SELECT FROM reading_gaps WHERE channel_id = %s AND gap_start = %s AND gap_end = %s"
            " AND state = 'refetched'",
            (channel_id, *window),
        )
        is not None
        for channel_id, window in gaps
    )


def plan_refills(
    conn: Connection, site_id: int, budget: int, channel_ids: Collection[int] | None = None
) -> list[Wanted]:
    """Return for each channel whose earlier readings lack fields that it has the newest stretch of them, `budget` most.

    A field that comes to a channel, or comes back, may be there for older readings too. Of a channel that still answers
    fewer fields nothing is asked for, and one whose readings lack nothing is done.

    Parameters
    ----------
    channel_ids
        Of these alone; None takes all that are listed.
    """
    rows = db.fetch_all(
        conn,
        "SELECT channel_id, refill_before, fields FROM channels"
        " WHERE organization_id = %s AND refill_before IS NOT NULL"
        " AND reduced_since IS NULL AND fields IS NOT NULL AND is_listed AND NOT is_unsupported"
        " ORDER BY refill_before DESC, channel_id",
        (site_id,),
    )
    wanted: list[Wanted] = []
    for channel_id, before, fields in rows:
        if len(wanted) >= budget:
            break
        if channel_ids is not None and channel_id not in channel_ids:
            continue
        columns = [FIELD_COLUMNS[name][0] for name in fields if name in FIELD_COLUMNS]
        stretch = _find_lacking(conn, site_id, channel_id, before, columns)
        if stretch is None:
            db.execute(conn, "UPDATE channels SET refill_before = NULL WHERE channel_id = %s", (channel_id,))
        else:
            wanted.append(stretch)
    return wanted


def _find_lacking(
    conn: Connection, site_id: int, channel_id: int, before: datetime, columns: list[str]
) -> Wanted | None:
    """Return the stretch that ends with the site's newest reading before a moment that lacks one of the columns."""
    lacks = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(column)) for column in columns)
    row = db.fetch_one(
        conn,
        sql.SQL(
            "SELECT timestamp, interval_s, (SELECT min(timestamp) FROM readings WHERE channel_id = %(channel)s"
            " AND organization_id = %(site)s)"
            " FROM readings WHERE channel_id = %(channel)s AND organization_id = %(site)s AND timestamp < %(before)s"
            " AND interval_s = ANY (%(lengths)s) AND ({}) ORDER BY timestamp DESC LIMIT 1"
        ).format(lacks),
        {"channel": channel_id, "site": site_id, "before": before, "lengths": list(WINDOW_DAYS)},
    )
    if row is None:
        return None
    newest, interval_s, oldest = row
    end = newest + timedelta(seconds=interval_s)
    return Wanted(channel_id, Window(max(oldest, end - timedelta(days=WINDOW_DAYS[interval_s])), end), interval_s)


def go_on_refilling(conn: Connection, wanted: Wanted, stored: Stored) -> None:
    """Note that a stretch was asked for again: go on before it if it brought a value, else there are none to be had."""
    db.execute(
        conn,
        "UPDATE channels SET refill_before = %s WHERE channel_id = %s AND reduced_since IS NULL",
        (wanted.window.start if stored.filled else None, wanted.channel_id),
    )
