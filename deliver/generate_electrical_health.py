"""Write the health of the electrical supply: voltage, balance, frequency, currents, harmonics, power factor.

On the last complete local week, or on the seven days from --start; each limit with the standard that it is from.

Stage: deliver (calls analyze)
Reads: Layer 3 views
Writes: reports/electrical_health_<site>_<first day>.json; with --html and --pdf the page and the PDF beside it
Safe to re-run: yes; a report that changed becomes <name>.v2.json, and the old one stays. A report given by --out is
        replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back (see --force)

Examples:
  python deliver/generate_electrical_health.py --site 23271 --html --pdf
  python deliver/generate_electrical_health.py --site 23271 --start 2026-01-20
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.active_sites import load_active_sites
from deliver.reports.site_report import CheckedWeek, run_week_report
from lib import many_sites


def _assemble(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    from deliver.reports.family import assemble_electrical_report

    return assemble_electrical_report(checked, now)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print where it is, with its headline."""
    return run_week_report(__doc__, argv, "electrical_health", _assemble)


if __name__ == "__main__":
    sys.exit(many_sites.run(main, lambda: load_active_sites("deliver")))
