"""Let records in from quarantine: a person says that they were right after all.

They go the way of every reading: what stands keeps its first value, and the log has a line for each channel. Each is
marked as readmitted. Records that have no place among the readings are refused; so is one whose site is not --site.

Stage: ingest
Reads: rejected_readings
Writes: readings, reading_marks, rejected_readings, ingestion_logs
Safe to re-run: yes; what is let in already is named and left

Examples:
  python ingest/readmit_rejects.py --site 23271 --by "J. Ortiz" 17 18
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Let the records in, channel by channel, and say what became of them."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="who says that they are right")
    parser.add_argument(
        "reject_ids", type=cli.positive_int, nargs="+", metavar="NUMBER", help="as list_rejects.py says"
    )
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    if not args.by.strip():
        parser.error("--by needs a name: it is somebody's word")
    settings = load_settings()
    database_url = settings.require_database_url("ingest")

    from ingest.runs.readmit import check_readmittable, readmit_channel
    from ingest.storage.lease import site_lease

    with (
        db.connect(database_url) as conn,
        site_lease(database_url, args.site, "readmit_rejects", settings.lease_s),
    ):
        by_channel = check_readmittable(conn, args.site, args.reject_ids)
        inserted = 0
        for channel_id, rejects in by_channel.items():
            inserted += readmit_channel(conn, args.site, channel_id, rejects, args.by.strip())
            conn.commit()
    count = sum(map(len, by_channel.values()))
    print(f"site {args.site}: {count} records let in, {inserted} of them new readings; the others' intervals had one")
    print("bring the views up to them: python govern/refresh_views.py")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
