"""What the scripts that print one section of the week have in common: arguments, connection, output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from lib import cli
from lib.logs import setup_logging


def run_section(
    docstring: str | None, argv: Sequence[str] | None, section: str, render_text: Callable[[Any], str]
) -> int:
    """Analyse one period of one site and print a section of it, as text or with `--json`.

    Parameters
    ----------
    section
        A key of `SiteWeek.sections`.
    render_text
        Turns that section into lines.
    """
    parser = cli.script_parser(docstring)
    cli.add_site_argument(parser)
    cli.add_window_arguments(parser)
    parser.add_argument("--timezone", metavar="ZONE", help="IANA zone instead of the site's own")
    parser.add_argument("--json", action="store_true", help="print the section as the weekly report holds it")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)

    from analyze.site_week import load_and_analyze
    from config.settings import load_settings
    from lib import db

    with db.connect(load_settings().require_database_url(), readonly=True) as conn:
        site, week = load_and_analyze(conn, args.site, args.start, args.end, args.timezone, datetime.now(UTC))
    if args.json:
        cli.print_json(week.sections[section])
    else:
        print(f"{site.site_name} (site {site.site_id}), {week.period}, {week.timezone}")
        print(render_text(week.sections[section]))
    return 0
