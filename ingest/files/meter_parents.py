"""Which channel of a site of files hangs below which: as the operator says it, and a warning where nobody did.

A file names its columns and says nothing of how the meters are wired. A sub-meter's energy has passed through its main
meter too, so that without the tree a site's total counts it twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib import db
from lib.errors import UsageError
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


# Meters of class 1 with transformers of class 1 may be 2 % apart on either side (IEC 62053-21, IEC 61869-2).
_METER_TOLERANCE_RATIO = 0.96
# In nearly all intervals; a few may lack a reading below, or hold a meter's noise.
_MIN_HOLDING_RATIO = 0.95
_MIN_COMPARED = 24  # below a day of hours one load is larger than the others by chance
_COMPARED_DAYS = 30  # the newest of the site

_HOLDING_OTHERS = """
WITH newest AS (
    SELECT max(l.window_end) AS until FROM ingestion_logs AS l
    WHERE l.organization_id = %(site_id)s AND l.channel_id <> 0 AND l.inserted > 0
),
power AS (
    SELECT r.channel_id, r.timestamp, r.energy_kwh * 3600 / r.interval_s AS kw
    FROM channels AS c
    JOIN readings AS r USING (channel_id)
    WHERE c.organization_id = %(site_id)s
        AND r.energy_kwh IS NOT NULL
        AND r.timestamp >= (SELECT until FROM newest) - %(days)s * interval '1 day'
),
moments AS (
    SELECT timestamp, sum(kw) AS total_kw
    FROM power
    GROUP BY timestamp
    HAVING sum(kw) > 0 AND count(*) >= 2 AND count(*) = (SELECT count(DISTINCT channel_id) FROM power)
)
SELECT c.name
FROM power AS p
JOIN moments AS m USING (timestamp)
JOIN channels AS c USING (channel_id)
GROUP BY c.channel_id, c.name
HAVING count(*) >= %(min_compared)s
    AND count(*) FILTER (WHERE p.kw >= %(tolerance)s * (m.total_kw - p.kw)) >= %(min_holding)s * count(*)
ORDER BY sum(p.kw) DESC
LIMIT 1
"""


def parse_parents(texts: Sequence[str]) -> dict[str, str | None]:
    """Return channel → the channel above it, None for none, from texts such as ``Oven=Main`` and ``Oven=``.

    Raises
    ------
    UsageError
        When a text is no such pair, or a channel is given two parents or itself.
    """
    parents: dict[str, str | None] = {}
    for text in texts:
        child, sign, parent = (part.strip() for part in text.partition("="))
        if not child or not sign or child == parent:
            raise UsageError(f'--parent {text!r} should be CHANNEL=MAIN, such as --parent "Oven=Main"')
        if parents.get(child, parent) != (parent or None) and child in parents:
            raise UsageError(f"--parent gives {child!r} two parents; give one")
        parents[child] = parent or None
    return parents


def check_is_of_files(conn: Connection, site_id: int, parents: Mapping[str, str | None]) -> None:
    """Refuse to name parents at a site that the service is asked for; the message has the lines for the site's file.

    Raises
    ------
    UsageError
        When the site is not of files.
    """
    row = db.fetch_one(conn, "SELECT data_source FROM organizations WHERE organization_id = %s", (site_id,))
    if not parents or row in (None, (DataSource.FILE,)):
        return
    lines = ", ".join(
        f"[channels.{_quote(child)}] with parent = {_quote(parent or '')}" for child, parent in parents.items()
    )
    raise UsageError(
        f"site {site_id} is fetched from the service, so --parent has no say; "
        f"write in config/sites/{site_id}.toml: {lines}"
    )


def _quote(text: str) -> str:
    """Return a text as TOML quotes it."""
    return json.dumps(text, ensure_ascii=False)


def store_parents(conn: Connection, site_id: int, parents: Mapping[str, str | None]) -> None:
    """Store what hangs below what; of channels that are not named nothing changes. Does not commit.

    Raises
    ------
    UsageError
        When the site has no channel of that name, or the tree would lead back to where it began.
    """
    if not parents:
        return
    rows = db.fetch_all(
        conn, "SELECT name, channel_id, parent_id FROM channels WHERE organization_id = %s ORDER BY name", (site_id,)
    )
    ids = {name: channel_id for name, channel_id, _ in rows}
    check_parents(site_id, parents, list(ids))
    tree = {channel_id: parent_id for _, channel_id, parent_id in rows}
    tree |= {ids[child]: ids[parent] if parent else None for child, parent in parents.items()}
    for child in parents:
        above, seen = tree.get(ids[child]), {ids[child]}
        while above is not None:
            if above in seen:
                raise UsageError(f"site {site_id}: --parent would hang {child!r} below itself; check the pairs")
            seen.add(above)
            above = tree.get(above)
        db.execute(
            conn,
            "UPDATE channels SET parent_id = %(parent)s, updated_at = statement_timestamp()"
            " WHERE channel_id = %(child)s AND parent_id IS DISTINCT FROM %(parent)s",
            {"child": ids[child], "parent": tree[ids[child]]},
        )


def check_parents(site_id: int, parents: Mapping[str, str | None], names: Sequence[str]) -> None:
    """Raise a UsageError where a name of `parents` is none of the site's channels."""
    unknown = sorted({name for pair in parents.items() for name in pair if name and name not in names})
    if unknown:
        raise UsageError(
            f"site {site_id} has no channel {unknown[0]!r} for --parent; its channels are {', '.join(map(repr, names))}"
        )


def find_unnamed_main(conn: Connection, site_id: int) -> str | None:
    """Return the channel that seems to hold all others of the site, where nobody said what hangs below what."""
    named = "SELECT FROM channels WHERE organization_id = %s AND parent_id IS NOT NULL LIMIT 1"
    if db.fetch_one(conn, named, (site_id,)) is not None:
        return None
    row = db.fetch_one(
        conn,
        _HOLDING_OTHERS,
        {
            "site_id": site_id,
            "days": _COMPARED_DAYS,
            "min_compared": _MIN_COMPARED,
            "tolerance": _METER_TOLERANCE_RATIO,
            "min_holding": _MIN_HOLDING_RATIO,
        },
    )
    return None if row is None else row[0]
