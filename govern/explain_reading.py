"""Show where one reading came from, and what was decided about it.

For a channel and a moment: the stored row, the run and request that brought it, what the service said later, marks and
rejects, the gap that it would be missing in, the hour and day that hold it, and the validations that looked at it.

Stage: govern
Reads: readings, ingestion_logs, reading_revisions, reading_marks, rejected_readings, reading_gaps, Layer 2,
       validation_runs, report_runs
Writes: nothing
Safe to re-run: yes

Examples:
  python govern/explain_reading.py --channel 162126 --at 2026-01-20T06:15-05:00
  python govern/explain_reading.py --channel "AHU-2" --site 23271 --at 2026-01-20
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.channel_names import CHANNEL_HELP, describe_channel, find_channel
from lib.date_utils import format_utc, parse_start, parse_timezone
from lib.errors import EXIT_DONE, DataError
from lib.logs import clean_text, setup_logging
from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

QUERIES_DIR = PROJECT_ROOT / "govern" / "lineage"
# In the order in which a reading meets them; each is a file of QUERIES_DIR.
STEPS = {
    "reading": "Stored reading",
    "requests": "Requests whose window holds it",
    "revisions": "What the service said later (kept beside, never applied)",
    "marks": "Marks",
    "rejects": "Records that were refused",
    "gaps": "Gaps that hold it",
    "usage": "Hour and local day that hold it",
    "validations": "Latest validations that looked at it",
    "reports": "Reports on a period that holds it",
}

# The site that the channel belonged to then.
_SITE = """
SELECT organization_id FROM channel_sites
WHERE channel_id = %(channel_id)s AND member_from <= %(moment)s AND NOT away @> %(moment)s::timestamptz
ORDER BY member_until > %(moment)s DESC, member_from DESC
LIMIT 1
"""
# What an empty step means, where that is not that there is nothing.
_EMPTY = {"reports": "none recorded (govern/record_report.py records one; operations/weekly_report.sh does)"}


class _Channel(NamedTuple):
    name: str
    timezone: str


def list_channels(conn: Connection, site_id: int | None) -> dict[int, _Channel]:
    """Return channel id → its name and zone where it belongs now, else where it belonged; of the site, or of all."""
    rows = db.fetch_all(
        conn,
        "SELECT DISTINCT ON (m.channel_id) m.channel_id, coalesce(m.name, c.name), o.timezone"
        " FROM channel_sites AS m JOIN channels AS c USING (channel_id)"
        " JOIN organizations AS o ON o.organization_id = m.organization_id"
        " WHERE %(site)s::bigint IS NULL OR m.organization_id = %(site)s"
        " ORDER BY m.channel_id, m.member_until DESC",
        {"site": site_id},
    )
    return {channel_id: _Channel(*row) for channel_id, *row in rows}


def explain_reading(conn: Connection, channel_id: int, moment: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return step → its rows, for the interval of a channel that holds `moment`.

    Raises
    ------
    DataError
        When the database does not know the channel.
    """
    from psycopg2.extras import RealDictCursor  # here, so that a Python without it is told what to do

    row = db.fetch_one(conn, _SITE, {"channel_id": channel_id, "moment": moment})
    if row is None:
        raise DataError(f"channel {channel_id} is not in the database; check --channel")
    parameters = {"channel_id": channel_id, "site_id": row[0], "moment": moment}
    steps = {}
    for step in STEPS:
        with conn.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute((QUERIES_DIR / f"{step}.sql").read_text(encoding="utf-8"), parameters)
            steps[step] = [dict(found) for found in cursor.fetchall()]
    return steps


def render_text(steps: dict[str, list[dict[str, Any]]]) -> str:
    """Return the steps as lines for a reader; values that are missing are left out."""
    lines = []
    for step, title in STEPS.items():
        lines.append(f"{title}:" if steps[step] else f"{title}: {_EMPTY.get(step, 'none')}")
        for row in steps[step]:
            known = [f"{name} {clean_text(str(value))}" for name, value in row.items() if value is not None]
            lines.append("  " + ", ".join(known))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Explain one reading."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--channel", type=cli.channel_word, required=True, metavar="CHANNEL", help=f"channel (meter): {CHANNEL_HELP}"
    )
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="where several sites have such a name")
    parser.add_argument(
        "--at", required=True, metavar="WHEN", help="a moment with offset, or a local day (its first interval)"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern"), readonly=True) as conn:
        channels = list_channels(conn, args.site)
        names = {channel_id: channel.name for channel_id, channel in channels.items()}
        where = "the database" if args.site is None else f"site {args.site}"
        channel_id = find_channel(args.channel, names, where)
        moment = parse_start(args.at, parse_timezone(channels[channel_id].timezone), "--at")
        steps = explain_reading(conn, channel_id, moment)
    if args.json:
        cli.print_json(steps)
    else:
        print(f"channel {describe_channel(channel_id, names)}, the interval that holds {format_utc(moment)}")
        print(render_text(steps))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
