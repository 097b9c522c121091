"""Draw a report's JSON as a page (HTML) and as a PDF, from the JSON alone.

Takes every kind of report that deliver writes, and any version of it. The page is one file that needs no network.
Without --html, --pdf and --xlsx it draws page and PDF. The Excel workbook (--xlsx) of a weekly, monthly or portfolio
report has its figures and findings as numbers; generate_weekly_report.py --xlsx adds meters by day and intervals.

Stage: deliver
Reads: a report's JSON
Writes: REPORT.html, REPORT.pdf and REPORT.xlsx beside it, or in --out
Safe to re-run: yes; the files are replaced whole

Exit codes: 0 written · 1 failed · 2 bad arguments

Examples:
  python deliver/render_report.py reports/weekly_report_23271_2026-11-16.json
  python deliver/render_report.py reports/weekly_report_23271_2026-11-16.json --html --out public/
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.errors import EXIT_DONE
from lib.logs import setup_logging
from lib.paths import check_file


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("report", type=cli.input_file, metavar="REPORT.json", help="what a script of deliver wrote")
    parser.add_argument("--html", action="store_true", help="write the page")
    parser.add_argument("--pdf", action="store_true", help="write the PDF")
    parser.add_argument("--xlsx", action="store_true", help="write the Excel workbook, without intervals")
    parser.add_argument("--out", type=cli.folder, metavar="DIR", help="folder to write into (default: the report's)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the report, and print where each file is."""
    from deliver.files.report_files import page_places, write_pages, write_report_workbook
    from lib.report_schema import read_checked_report

    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    both = not (args.html or args.pdf or args.xlsx)
    is_html, is_pdf = args.html or both, args.pdf or both
    stem = (args.out or args.report.parent) / args.report.stem
    for path, is_own in page_places(stem, html=is_html, pdf=is_pdf, xlsx=args.xlsx):
        check_file(path, is_own)
    report = read_checked_report(args.report)
    written = write_pages(report, stem, html=is_html, pdf=is_pdf)
    written += [write_report_workbook(report, stem)] if args.xlsx else []
    for path in written:
        print(path)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
