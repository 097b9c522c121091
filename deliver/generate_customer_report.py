"""Write the report for a customer: plain language, few numbers, your brand.

On the last complete local week, or on the seven days from --start; what it says is what the weekly report says of the
same days. Name, color, logo and contact stand in config/branding.toml (see config/site_file.py).

Stage: deliver (calls analyze)
Reads: Layer 3 views, config/branding.toml, config/sites
Writes: reports/customer_report_<site>_<first day>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A report given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back (see --force)

Examples:
  python deliver/generate_customer_report.py --site 23271 --html --pdf
  python deliver/generate_customer_report.py --site 23271 --start 2026-01-20
  python deliver/generate_customer_report.py --site 23271 --where-mailed
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.active_sites import load_active_sites
from deliver.reports.site_report import CheckedWeek, make_week_report, report_parser
from lib import many_sites
from lib.errors import EXIT_DONE


def _assemble(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    from config.site_file import read_site
    from deliver.reports.family import assemble_customer_report

    return assemble_customer_report(checked, read_site(checked.site.site_id).branding, now)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = report_parser(__doc__)
    parser.add_argument(
        "--where-mailed", action="store_true", help="write it only where `kind` of the site's file has it mailed"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print where it is, with its headline."""
    from config.site_file import read_site

    args = build_parser().parse_args(argv)
    if args.where_mailed and "customer" not in read_site(args.site).file.report.kinds:
        return EXIT_DONE
    return make_week_report(args, "customer_report", _assemble)


if __name__ == "__main__":
    sys.exit(many_sites.run(main, lambda: load_active_sites("deliver")))
