"""Forecast a site's energy for the next seven days, hour by hour, with a band that holds four hours out of five.

It is the forecast that a report on the seven days before would hold.

Stage:  analyze
Reads:  v_sites, v_meters, v_quarantined_channels, v_readings_enriched (five weeks before the first hour that is
        forecast), v_readings_hourly (90 days before it)
Writes: nothing; the section "forecast" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.channel_names import describe_channels
from lib.clocks import read_clock
from lib.date_utils import parse_start, parse_timezone
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the forecast of one site."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--from", dest="first_day", metavar="DATE", help="first local day (default: today)")
    parser.add_argument("--json", action="store_true", help="print the section as the weekly report holds it")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)

    from config.settings import load_settings
    from lib import db
    from lib.readings import load_site

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        tz = parse_timezone(load_site(conn, args.site).timezone)
        if args.first_day:
            parse_start(args.first_day, tz, "--from")  # refused before pandas is imported

        from analyze.sections.forecast import render_text
        from analyze.week.loading import load_forecast

        data, start, section = load_forecast(conn, args.site, args.first_day, read_clock(conn))
    if args.json:
        cli.print_json(section)
        return 0
    print(f"{data.site.site_name} (site {args.site}), from {start.astimezone(data.tz):%Y-%m-%d}, {data.tz}")
    print(render_text(section))
    if left_out := section.get("leftOutChannels"):
        names = dict(zip(data.meters["channel_id"], data.meters["channel_name"], strict=True))
        print(f"left out, for want of data: channels {describe_channels(left_out, names)}")
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
