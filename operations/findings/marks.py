"""Stores what a person says of a finding; what was said before stays. The one thing that `operations` writes into the
database."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from lib import db
from lib.findings import Said

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_INSERT = """
INSERT INTO finding_marks (organization_id, finding_id, state, made_by, seen_week, owner, due, done_on, note)
VALUES (%(site_id)s, %(finding_id)s, %(state)s, %(made_by)s,
    (SELECT max(week) FROM v_report_weeks WHERE site_id = %(site_id)s),
    %(owner)s, %(due)s, %(done_on)s, %(note)s)
"""
_HISTORY = """
SELECT organization_id, finding_id, state, made_by, owner, due, done_on, note, made_at::date
FROM finding_marks WHERE organization_id = %s AND finding_id = %s ORDER BY mark_id
"""


class Mark(NamedTuple):
    """What one person said of one finding; `made_on` is the UTC day, None before it is stored."""

    site_id: int
    finding_id: str
    state: Said
    made_by: str
    owner: str | None = None
    due: date | None = None
    done_on: date | None = None
    note: str | None = None
    made_on: date | None = None


def store_mark(conn: Connection, mark: Mark) -> None:
    """Store a mark beside those before it. Does not commit."""
    db.execute(conn, _INSERT, mark._asdict() | {"state": str(mark.state)})


def list_marks(conn: Connection, site_id: int, finding_id: str) -> list[Mark]:
    """Return all that was said of a finding, in order."""
    return [
        Mark(site, finding, Said(state), *rest)
        for site, finding, state, *rest in db.fetch_all(conn, _HISTORY, (site_id, finding_id))
    ]
