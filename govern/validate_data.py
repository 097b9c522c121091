"""Check a site's data and store the verdict that lets reports out or holds them back.

Stage: govern
Reads: raw tables, materialized views, govern/checks/*.sql
Writes: validation_runs, validation_results
Safe to re-run: yes; each run stores a verdict of its own, and the latest counts

Exit codes: 0 the data may pass · 1 the validation could not run · 2 bad arguments · 3 the data are held back
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.validation import SEVERITY_BLOCK, VERDICT_OPEN, Verdict, read_checks, validate_site
from lib import cli, db
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE
from lib.logs import clean_text, setup_logging


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as other programs read it."""
    return {
        "siteId": verdict.site_id,
        "validationRunId": verdict.validation_run_id,
        "verdict": verdict.verdict,
        "checks": [
            {
                "name": result.check.name,
                "severity": result.check.severity,
                "asserts": result.check.asserts,
                "passed": not result.findings,
                "findings": result.findings,
                "hint": result.check.hint,
            }
            for result in verdict.results
        ],
    }


def print_verdict(verdict: Verdict) -> None:
    """Print one line a check, what to do about those that failed, and the verdict."""
    for result in verdict.results:
        failed_word = "BLOCK" if result.check.severity == SEVERITY_BLOCK else "WARN"
        print(f"{failed_word if result.findings else 'ok':5}  {result.check.name}: {clean_text(result.message)}")
        if result.findings:
            print(f"       {result.check.hint}")
    failed = sum(bool(result.findings) for result in verdict.results)
    print(f"site {verdict.site_id}: breaker {verdict.verdict} ({len(verdict.results)} checks, {failed} failed)")


def main(argv: Sequence[str] | None = None) -> int:
    """Validate one site; exit 3 when its data are held back."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    checks = read_checks()
    with db.connect(load_settings().require_database_url("govern")) as conn:
        verdict = validate_site(conn, args.site, checks)
        conn.commit()
    if args.json:
        cli.print_json(as_json(verdict))
    else:
        print_verdict(verdict)
    return EXIT_BREAKER_OPEN if verdict.verdict == VERDICT_OPEN else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
