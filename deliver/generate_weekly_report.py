"""Write a site's weekly energy report as JSON.

Without --start and --end the report is on the last local week, Monday to Sunday, that can have been ingested to its
end (the newest readings settle for ten minutes), beside the four weeks before it; with one of them, on the seven local
days that begin or close there. Channels that the site's validation quarantines are left out and named. The report is
refused while the data are held back (checks failed, not validated yet, validated before the latest ingest, or not fully
ingested yet), unless that was overridden (govern/override_breaker.py, which stores who decided and why) or is forced
with a reason.

Stage: deliver (calls analyze)
Reads: Layer 3 views, data/alert_mutes.json
Writes: reports/weekly_report_<site>_<first day>.json; with --html and --pdf the page and the PDF beside it; with
        --xlsx an Excel workbook (summary, findings, meters, meters by day, interval data); with
        --force a line in forced_reports.jsonl beside it
Safe to re-run: yes; where late data change a report that is there, the new one becomes <name>.v2.json and says what
        changed, and the old one stays; without a change nothing is written. A report given by --out is replaced whole.

Exit codes: 0 written · 1 failed · 2 bad arguments · 3 the data are held back (see --force)

Examples:
  python deliver/generate_weekly_report.py --site 23271
  python deliver/generate_weekly_report.py --site 23271 --start 2026-01-20 --end 2026-01-26 --out reports/my-report.json
  python deliver/generate_weekly_report.py --all --html --pdf --workers 4
"""

from __future__ import annotations

import logging
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
from lib.alert_mutes import STATE_DIR, Mute, load_mutes
from lib.errors import PipelineError

logger = logging.getLogger(__name__)


def _assemble(checked: CheckedWeek, now: datetime) -> dict[str, Any]:
    from deliver.reports.weekly import assemble_report

    return assemble_report(*checked, now=now, mutes=_load_mutes())


def _load_mutes() -> list[Mute]:
    """Return the mutes; none, with a warning, where their file cannot be read: no report depends on it."""
    try:
        return load_mutes(STATE_DIR)
    except PipelineError as err:
        logger.warning("the report does not say what is muted: %s", err)
        return []


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print where it is, with its headline."""
    return run_week_report(__doc__, argv, "weekly_report", _assemble)


if __name__ == "__main__":
    sys.exit(many_sites.run(main, lambda: load_active_sites("deliver")))
