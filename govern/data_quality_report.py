"""Show how good a site's data are: completeness by channel and day, gaps, rejects, restatements, quarantines, trend.

Stage: govern
Reads: Layer 3 views, validation results
Writes: nothing in the database; with --html one page that needs nothing else
Safe to re-run: yes; the page is replaced whole

Examples:
  python govern/data_quality_report.py --site 23271
  python govern/data_quality_report.py --site 23271 --days 90 --html reports/data_quality_23271.html
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.quality.data import load_quality
from govern.quality.page import render_html, render_text
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.html_templates import is_page
from lib.logs import setup_logging
from lib.paths import write_atomically

DEFAULT_DAYS = 30  # a month on one line of a terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Print the quality of one site, and draw it where asked to."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--days", type=cli.day_count, default=DEFAULT_DAYS, metavar="N", help="whole local days (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--html", type=cli.output_file(is_page), metavar="FILE", help="draw it as a page too")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern"), readonly=True) as conn:
        quality = load_quality(conn, args.site, args.days, datetime.now(UTC))
    if args.html:
        write_atomically(args.html, render_html(quality))
    if args.json:
        cli.print_json(quality)
    else:
        print(render_text(quality))
        if args.html:
            print(args.html)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
