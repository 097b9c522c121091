"""Stores what a person says of a finding; what was said before stays. The one thing that `operations` writes into the
database."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lib import db
from lib.errors import PipelineError
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


def list_mailed(path: Path, site_id: int) -> set[str]:
    """Return the findings of a site that mails told, by the log of deliver/tell_findings.py.

    A mail comes days before the weekly report in which its finding stands.
    """
    if not path.exists():
        return set()
    try:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {each for entry in entries if entry.get("siteId") == site_id for each in entry["findings"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise PipelineError(f"cannot read {path}: {err!r}; mend or remove the line") from err


def store_mark(conn: Connection, mark: Mark) -> None:
    """Store a mark beside those before it. Does not commit."""
    db.execute(conn, _INSERT, mark._asdict() | {"state": str(mark.state)})


def list_marks(conn: Connection, site_id: int, finding_id: str) -> list[Mark]:
    """Return all that was said of a finding, in order."""
    return [
        Mark(site, finding, Said(state), *rest)
        for site, finding, state, *rest in db.fetch_all(conn, _HISTORY, (site_id, finding_id))
    ]
