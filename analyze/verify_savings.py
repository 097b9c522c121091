"""Compare a meter before and after a change with what it was expected to use, and say whether a saving is proved.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_hourly, v_weather_hourly (up to a year on either side of the change)
Writes: nothing; the verdict to stdout
Safe to re-run: yes, it only reads; later runs know more
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.date_utils import parse_start, parse_timezone
from lib.errors import DataError, UsageError
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the verdict on one change of one meter."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--channel", type=cli.positive_int, required=True, metavar="ID", help="the meter's channel id")
    parser.add_argument("--change", required=True, metavar="DATE", help="local day of the change (YYYY-MM-DD)")
    parser.add_argument("--json", action="store_true", help="print the verdict for a machine")
    args = parser.parse_args(argv)

    setup_logging(args.verbose)

    from analyze.sections.savings import render_text
    from analyze.week.loading import load_savings
    from config.settings import load_settings
    from lib import db, readings

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        site = readings.load_site(conn, args.site)
        tz = parse_timezone(site.timezone)
        change, now = parse_start(args.change, tz).astimezone(tz).date(), datetime.now(UTC)
        if change > now.astimezone(tz).date():
            raise UsageError(f"--change {change} is still to come at site {args.site}; give the day of a change made")
        if args.channel not in set(readings.load_meters(conn, args.site)["channel_id"]):
            raise DataError(f"site {args.site} has no channel {args.channel}; check --channel")
        result = load_savings(conn, site, args.channel, change, now)
    if args.json:
        cli.print_json({"siteId": args.site, "channelId": args.channel, **result})
    else:
        print(f"{site.site_name} (site {site.site_id}), channel {args.channel}, change on {change}, {tz}")
        print(render_text(result))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
