"""Walk from a finding's money back to the readings: rate and tariff, formula, schedule, intervals, quality, runs.

The intervals are read again, and what the method counts of them is added up again; where that no longer makes the
report's figure, the data or the settings have changed since, and the exit code is 3.

FINDING_ID is the findingId of one event, or the lastingId that a finding has in every week. --list names all, with
where each stands.

Stage: deliver (calls analyze)
Reads: a weekly report's JSON; Layer 3 views; config/sites
Writes: nothing; the explanation to stdout
Safe to re-run: yes, it only reads

Exit codes: 0 the intervals make the figure · 1 failed · 2 bad arguments · 3 they no longer do

Examples:
  python deliver/explain_finding.py reports/weekly_report_23271_2026-11-16.json win_after_hours-162126-20261116T0500Z
  python deliver/explain_finding.py REPORT.json FINDING_ID --intervals 200
  python deliver/explain_finding.py REPORT.json --list
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, UsageError
from lib.logs import clean_text, setup_logging

_DEFAULT_ROWS = 24


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("report", type=cli.input_file, metavar="REPORT.json", help="a weekly report")
    parser.add_argument("finding_id", nargs="?", metavar="FINDING_ID", help="the id of one of its findings")
    parser.add_argument("--list", action="store_true", help="list the report's findings with their ids")
    parser.add_argument(
        "--intervals", type=cli.positive_int, default=_DEFAULT_ROWS, metavar="N",
        help="show the N intervals of which most is counted (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print everything, with every interval, as JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the way from the finding to its intervals."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)

    from deliver.files.report_files import read_weekly_report

    if args.list == bool(args.finding_id):
        raise UsageError("give the id of a finding, or --list to see them; not both")
    report = read_weekly_report(args.report)

    from analyze.week.finding_trace import find_finding  # pandas is imported after these checks
    from analyze.week.loading import load_trace
    from deliver.reports.explanation import explanation_json, explanation_lines, list_lines

    if args.list:
        for line in list_lines(report):
            print(clean_text(line))
        return EXIT_DONE
    finding = find_finding(report, args.finding_id)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        trace = load_trace(conn, report, finding, read_clock(conn))
    if args.json:
        cli.print_json(explanation_json(report, finding, trace))
    else:
        for line in explanation_lines(report, finding, trace, args.intervals):
            print(clean_text(line))
    return EXIT_BREAKER_OPEN if trace["agrees"] is False else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
