"""Check a site's data and store the verdict that lets reports out or holds them back.

Each check is a file of govern/checks. A channel that one of them blocks is quarantined: reports go out without it. Too
much in quarantine, or a check of the whole site, holds the site back; a check of the whole system holds all sites back.
docs/guides/data_quality.md says of each check what it means and what to do. [validation] in config/sites/<id>.toml
sets limits of a site's own.

Stage: govern
Reads: raw tables, materialized views, govern/checks/*.sql, config/sites/*.toml
Writes: validation_runs, validation_results, validation_findings, channel_quarantines; channel_facts (what the site's
    file says of its channels)
Safe to re-run: yes; each run stores a verdict of its own, and the latest counts

Exit codes: 0 the data may pass · 1 a validation could not run · 2 bad arguments · 3 data are held back
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import list_inactive_sites, read_site
from govern.checks.channel_facts import store_channel_facts
from govern.checks.reader import SEVERITY_BLOCK, Check, read_checks, render_checks, settable_limits
from govern.checks.runner import validate_site, validate_system
from govern.checks.verdict import SYSTEM_ID, VERDICT_OPEN, CheckResult, Verdict
from lib import cli, db
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, EXIT_FAILED, ConfigError, DatabaseError, DataError
from lib.logs import clean_text, setup_logging
from lib.paths import SITES_DIR
from lib.progress import progress_bar
from lib.readings import describe_failed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    chosen = parser.add_mutually_exclusive_group()
    cli.add_site_argument(chosen)
    chosen.add_argument("--all", action="store_true", help="every active site that has channels, side by side")
    chosen.add_argument("--list-checks", action="store_true", help="print what is checked, as a Markdown table")
    parser.add_argument(
        "--workers", type=cli.positive_int, metavar="N", help="with --all: processes (default: one for each core)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON; with --all a list of verdicts, the system's last"
    )
    return parser


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as other programs read it."""
    return {
        "siteId": verdict.site_id,
        "validationRunId": verdict.validation_run_id,
        "verdict": verdict.verdict,
        "reach": verdict.reach,
        "siteLimits": [limit._asdict() for limit in verdict.site_limits],
        "quarantinedChannels": [
            {
                "channelId": item.channel_id,
                "checks": item.check_names,
                "reason": item.reason,
                "energySharePct": item.energy_share_pct,
            }
            for item in verdict.quarantines
        ],
        "checks": [
            {
                "name": result.check.name,
                "severity": result.check.severity,
                "scope": result.check.scope,
                "asserts": result.check.asserts,
                "passed": not result.findings,
                "findings": [
                    {
                        "channelId": finding.channel_id,
                        "severity": finding.severity,
                        "found": finding.found,
                        "message": finding.text,
                        "examples": finding.examples,
                    }
                    for finding in result.findings
                ],
                "hint": result.check.hint,
            }
            for result in verdict.results
        ],
    }


def print_verdict(verdict: Verdict) -> None:
    """Print one line a check, what to do about those that failed, and the verdict."""
    for result in verdict.results:
        failed_word = "BLOCK" if result.is_blocking else "WARN"
        print(f"{failed_word if result.findings else 'ok':5}  {result.check.name}: {clean_text(result.message)}")
        if result.findings:
            print(f"       {result.check.hint}")
        for line in lines_to_write(result):
            print(f"         {line}")
    blocks = sum(result.is_blocking for result in verdict.results)
    warns = sum(bool(result.findings) for result in verdict.results) - blocks
    for item in verdict.quarantines:
        share = "" if item.energy_share_pct is None else f" ({item.energy_share_pct:.1f} % of the site's energy)"
        print(f"channel {item.channel} is quarantined{share}: {clean_text(item.reason)}")
    for limit in verdict.site_limits:
        print(f"the site's own limit: {limit.name} = {limit.value}, else {limit.default}")
    outcome = "passed without the quarantined channels" if blocks else "passed"
    if verdict.verdict == VERDICT_OPEN:
        outcome = f"held back, {describe_failed([check.name for check in failed_checks(verdict)])}"
    warnings = f", {warns} warning{'s' * (warns > 1)}" if warns else ""
    print(f"{subject_of(verdict)}: {outcome}{warnings} ({len(verdict.results)} checks)")


def lines_to_write(result: CheckResult) -> list[str]:
    """Return the lines for the site's file that answer what a check asks."""
    examples = [finding.examples[0] for finding in result.findings if finding.examples]
    return [clean_text(line) for example in examples for line in example.get("lines", ())]


def failed_checks(verdict: Verdict) -> list[Check]:
    """Return the checks that hold back what the verdict is about: those that block more than single channels."""
    return [
        result.check
        for result in verdict.results
        if any(finding.channel_id is None and finding.severity == SEVERITY_BLOCK for finding in result.findings)
    ]


def subject_of(verdict: Verdict) -> str:
    """Return in words what the verdict is about."""
    return "all sites" if verdict.site_id == SYSTEM_ID else f"site {verdict.site_id}"


def list_sites(conn: Connection) -> list[int]:
    """Return the sites that have channels, by id; without those that left, for nobody asks for their readings."""
    rows = db.fetch_all(conn, "SELECT DISTINCT organization_id FROM channels ORDER BY organization_id")
    conn.rollback()  # each validation begins a transaction of its own
    inactive = list_inactive_sites(SITES_DIR)
    return [site_id for (site_id,) in rows if site_id not in inactive]


def validate_one(conn: Connection, site_id: int, checks: list[Check]) -> Verdict:
    """Validate a site by what its file says: of its channels, and of its limits."""
    site = read_site(site_id, SITES_DIR)
    store_channel_facts(conn, site)
    conn.commit()  # a validation begins a transaction of its own
    return validate_site(conn, site_id, checks, site_limits=site.limits(settable_limits(checks)))


def validate_apart(site_id: int) -> Verdict | None:
    """Validate and commit over a connection of its own; one that fails is logged, and None."""
    try:
        with db.connect(load_settings().require_database_url("govern")) as conn:
            verdict = validate_one(conn, site_id, read_checks())
            conn.commit()
    except (ConfigError, DataError, DatabaseError) as err:
        logger.error("site %d could not be validated: %s", site_id, err)
        return None
    return verdict


def validate_each(site_ids: list[int], workers: int | None) -> list[Verdict]:
    """Validate sites side by side; return the verdicts by site, without those of sites that failed."""
    from lib.side_by_side import count_cores, work_on  # here, for one site does without

    with progress_bar(len(site_ids), "site") as advance:
        verdicts = []
        for site_id, verdict in work_on(validate_apart, site_ids, workers or count_cores()):
            verdicts += [verdict] if verdict else []
            advance(f"site {site_id}")
    return sorted(verdicts, key=lambda verdict: verdict.site_id)


def main(argv: Sequence[str] | None = None) -> int:
    """Validate; exit 3 when data are held back."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    checks = read_checks()
    if args.list_checks:
        print(render_checks(checks))
        return EXIT_DONE
    with db.connect(load_settings().require_database_url("govern")) as conn:
        if args.all:
            site_ids = list_sites(conn)
            verdicts = validate_each(site_ids, args.workers)
        else:
            site_ids = [args.site]
            verdicts = [validate_one(conn, args.site, checks)]
            conn.commit()
        verdicts.append(validate_system(conn, checks))
        conn.commit()
    if args.json:
        shown = [as_json(verdict) for verdict in verdicts]
        cli.print_json(shown if args.all else shown[0] | {"system": shown[1]})
    else:
        for verdict in verdicts:
            print_verdict(verdict)
    if len(verdicts) <= len(site_ids):
        return EXIT_FAILED
    held = [verdict for verdict in verdicts if verdict.verdict == VERDICT_OPEN]
    for verdict in held:
        failed = failed_checks(verdict)
        names, hint = [check.name for check in failed], failed[0].hint
        logger.error("no report for %s: %s; %s", subject_of(verdict), describe_failed(names), hint)
    return EXIT_BREAKER_OPEN if held else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
