"""Compare a meter before and after a change with what it was expected to use, and say whether a saving is proved.

Stage:  analyze
Reads:  v_sites, v_meters, v_quarantined_channels, v_findings (other changes); v_readings_hourly, v_readings_enriched
        (of the meter), v_weather_hourly (from a year and six weeks before the change to a year after it)
Writes: nothing; the verdict to stdout
Safe to re-run: yes, it only reads; later runs know more
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.channel_names import CHANNEL_HELP, describe_channel, find_channel
from lib.clocks import read_clock
from lib.date_utils import parse_start, parse_timezone
from lib.logs import clean_text, setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the verdict on one change of one meter."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--channel", type=cli.channel_word, required=True, metavar="CHANNEL", help=f"the meter: {CHANNEL_HELP}"
    )
    parser.add_argument("--change", required=True, metavar="DATE", help="local day of the change (YYYY-MM-DD)")
    parser.add_argument("--json", action="store_true", help="print the verdict for a machine")
    args = parser.parse_args(argv)

    setup_logging(args.verbose)

    from config.settings import load_settings
    from lib import db
    from lib.readings import load_channel_names, load_site

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        parse_start(args.change, parse_timezone(load_site(conn, args.site).timezone), "--change")
        names = load_channel_names(conn, args.site)
        channel_id = find_channel(args.channel, names, f"site {args.site}")

        from analyze.sections.savings import render_text  # pandas is imported after all checks
        from analyze.week.loading import load_verdict

        data, change, result = load_verdict(conn, args.site, channel_id, args.change, read_clock(conn))
    if args.json:
        cli.print_json({"siteId": args.site, "channelId": channel_id, **result})
    else:
        channel = describe_channel(channel_id, names)
        print(f"{clean_text(data.site.site_name)} (site {args.site}), channel {channel}, change on {change}, {data.tz}")
        print(render_text(result))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
