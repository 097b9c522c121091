"""Forecast a site's energy for the next seven days, hour by hour, with a band that holds four hours out of five.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_hourly (90 days before the first hour that is forecast)
Writes: nothing; the section "forecast" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.date_utils import local_midnight, parse_start, parse_timezone
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the forecast of one site."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--from", dest="first_day", metavar="DATE", help="first local day (default: today)")
    parser.add_argument("--json", action="store_true", help="print the section as the weekly report holds it")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)

    from analyze.sections.forecast import render_text
    from analyze.week.loading import load_forecast
    from config.settings import load_settings
    from lib import db, readings

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        site = readings.load_site(conn, args.site)
        tz = parse_timezone(site.timezone)
        today = local_midnight(datetime.now(UTC).astimezone(tz).date(), tz)
        start = parse_start(args.first_day, tz) if args.first_day else today
        section, left_out = load_forecast(conn, site, start)
    if args.json:
        cli.print_json(section)
        return 0
    print(f"{site.site_name} (site {site.site_id}), from {start.astimezone(tz):%Y-%m-%d}, {tz}")
    print(render_text(section))
    if left_out:
        print(f"left out, for want of data: channels {', '.join(map(str, left_out))}")
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
