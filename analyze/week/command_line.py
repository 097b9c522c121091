"""What the scripts that print one section of the week have in common: arguments, connection, output."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib import cli
from lib.clocks import read_clock
from lib.date_utils import parse_timezone
from lib.logs import setup_logging
from lib.paths import write_atomically

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection


def section_parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script that prints one section."""
    parser = cli.script_parser(docstring)
    cli.add_site_argument(parser)
    cli.add_window_arguments(parser)
    parser.add_argument("--timezone", metavar="ZONE", help="IANA zone instead of the site's own")
    parser.add_argument("--json", action="store_true", help="print the section as the weekly report holds it")
    return parser


def print_section(args: argparse.Namespace, section: str, render_text: Callable[[Any], str]) -> int:
    """Analyse the period that the arguments mean and print one section of it, as text or with `--json`.

    Parameters
    ----------
    section
        A key of `SiteWeek.sections`.
    render_text
        Turns that section into lines; what it needs it imports when it is called.
    """
    setup_logging(args.verbose)
    with _connect(args) as conn:
        from analyze.week.loading import load_week

        site, week = load_week(conn, args.site, args.start, args.end, args.timezone, read_clock(conn))
    if args.json:
        cli.print_json(week.sections[section])
    else:
        print(f"{site.site_name} (site {site.site_id}), {week.period}, {week.timezone}")
        print(render_text(week.sections[section]))
    return 0


def write_scores(args: argparse.Namespace) -> int:
    """Write `channel_id,timestamp,score,is_anomaly` for every interval of the window that the arguments mean."""
    setup_logging(args.verbose)
    with _connect(args) as conn:
        from analyze.week.loading import load_scores

        window, scores = load_scores(conn, args.site, args.start, args.end, args.timezone, read_clock(conn))
    write_atomically(args.scores, format_scores(scores))
    logging.getLogger(__name__).info(
        "site %s, %s: %d intervals scored, %d of them anomalous, in %s",
        args.site, window, len(scores), scores["is_anomaly"].sum(), args.scores,
    )  # fmt: skip
    return 0


@contextmanager
def _connect(args: argparse.Namespace) -> Iterator[Connection]:
    """Connect, and refuse a site, zone or window that cannot be meant before anything heavy is imported."""
    from config.settings import load_settings
    from lib import db, readings

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        site = readings.load_site(conn, args.site)
        tz = parse_timezone(args.timezone or site.timezone)
        readings.load_period(conn, args.site, args.start, args.end, tz, read_clock(conn))
        yield conn


SCORES_START = b"channel_id,timestamp,score,is_anomaly\n"


def format_scores(scores: pd.DataFrame) -> str:
    """Return scores as CSV text, times as UTC in ISO 8601."""
    text = scores.assign(
        timestamp=scores["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        is_anomaly=scores["is_anomaly"].map({True: "true", False: "false"}),
    )
    return text.to_csv(index=False, float_format="%.4f", lineterminator="\n")
