"""Show where one reading came from, and what was decided about it.

For a channel and a moment: the stored row, the run and request that brought it, what the service said later, marks and
rejects, the gap that it would be missing in, the hour and day that hold it, and the validations that looked at it.

Stage: govern
Reads: readings, ingestion_logs, reading_revisions, reading_marks, rejected_readings, reading_gaps, Layer 2,
       validation_runs, report_runs
Writes: nothing
Safe to re-run: yes

Example:
  python govern/explain_reading.py --channel 162126 --at 2026-01-20T06:15-05:00
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from psycopg2.extras import RealDictCursor

from config.settings import load_settings
from lib import cli, db
from lib.date_utils import parse_start, parse_timezone
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


def explain_reading(conn: Connection, channel_id: int, moment: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return step → its rows, for the interval of a channel that holds `moment`.

    Raises
    ------
    DataError
        When the database does not know the channel.
    """
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
    parser.add_argument("--channel", type=cli.positive_int, required=True, metavar="ID", help="channel (meter) id")
    parser.add_argument(
        "--at", required=True, metavar="WHEN", help="a moment with offset, or a day (its first interval, UTC)"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    moment = parse_start(args.at, parse_timezone("UTC"))
    with db.connect(load_settings().require_database_url("govern"), readonly=True) as conn:
        steps = explain_reading(conn, args.channel, moment)
    if args.json:
        cli.print_json(steps)
    else:
        print(render_text(steps))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
