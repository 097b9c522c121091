"""Say of a finding what became of it, and list findings.

A finding has the same id in every week: `lastingId` in the weekly report, and the first word of each line of --list.
The id that a report gives a single event (findingId) is understood too. What is marked `not-needed` (it may run) or
`wrong` (there is no such thing) is no longer told, unless it grows by half; `done` starts a measurement of what it
saves, from the day --on; `open` takes an earlier mark back. What was said before stays in the history of the finding.

Stage: operations
Reads: v_findings, v_finding_weeks, v_savings_ledger, v_judged_findings, v_sites, finding_marks; data/alert_mutes.json,
       reports/finding_mails.jsonl
Writes: finding_marks, with --state
Safe to re-run: yes; the newest mark counts

Examples:
  python operations/mark_finding.py --list
  python operations/mark_finding.py --list --site 23271 --csv > findings.csv
  python operations/mark_finding.py --site 23271 after_hours-162126 --state planned --by "J. Ortiz" --due 2026-12-15
  python operations/mark_finding.py --site 23271 after_hours-162126 --state done --by "J. Ortiz" --on 2026-12-10
  python operations/mark_finding.py --site 23271 after_hours-162126 --history
  python operations/mark_finding.py --ledger
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.alert_mutes import STATE_DIR, load_mutes
from lib.date_utils import format_utc, parse_timezone
from lib.errors import EXIT_DONE, DataError, UsageError
from lib.findings import FindingState, FollowedFinding, Said, rank_by_money, total_judged, total_ledger
from lib.logs import clean_text, setup_logging
from lib.paths import FINDING_MAILS
from lib.readings import (
    load_finding_weeks,
    load_findings,
    load_judged,
    load_ledger,
    load_site,
    load_site_names,
)
from lib.report_findings import FindingKind, lasting_id
from operations.findings.listing import (
    accuracy_line,
    describe_money,
    describe_state,
    ledger_line,
    list_lines,
    total_line,
    write_table,
)
from operations.findings.marks import Mark, list_mailed, list_marks, store_mark

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_MOST_NAMED = 5
_MAILED = "told by mail, in no recorded weekly report yet"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("finding", nargs="?", metavar="FINDING", help="id of the finding")
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="its site; with --list only this one")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--state", choices=[str(each) for each in Said], help="what became of it")
    action.add_argument("--list", action="store_true", help="list findings, the dearest first")
    action.add_argument("--ledger", action="store_true", help="what was claimed, done, and measured to have been saved")
    action.add_argument("--accuracy", action="store_true", help="how many of the judged findings were right, by kind")
    action.add_argument("--history", action="store_true", help="show its weeks, and all that was said of it")
    parser.add_argument("--by", type=cli.reason_text, metavar="NAME", help="who says so; needed with --state")
    parser.add_argument("--owner", type=cli.reason_text, metavar="NAME", help="who takes care of it")
    parser.add_argument("--due", type=parse_day, metavar="DATE", help="by which local day (YYYY-MM-DD)")
    parser.add_argument("--on", type=parse_day, metavar="DATE", help="when it was done (default: today at the site)")
    parser.add_argument("--note", type=cli.reason_text, metavar="TEXT", help="what else there is to say")
    parser.add_argument("--kind", choices=[str(each) for each in FindingKind], help="list only findings of this kind")
    parser.add_argument("--all", action="store_true", help="list what is solved or accepted too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="list as CSV")
    form.add_argument("--json", action="store_true", help="list as JSON")
    return parser


def parse_day(text: str) -> date:
    """Parse a local day, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r} should be a day such as 2026-12-15") from err


def check_arguments(args: argparse.Namespace) -> None:
    """Raise a UsageError where arguments do not go together."""
    if args.list or args.ledger or args.accuracy:
        if args.finding:
            raise UsageError("--list, --ledger and --accuracy take no FINDING; --history shows a single one")
        if not args.list and (args.csv or args.all):
            raise UsageError("--csv and --all belong to --list; leave them out, or list")
        return
    if not (args.finding and args.site):
        raise UsageError("give --site ID and the id of a FINDING; --list shows them")
    if args.csv or args.json or args.all or args.kind:
        raise UsageError("--csv, --json, --kind and --all belong to --list; leave them out, or list")
    if args.state and not args.by:
        raise UsageError("a mark is somebody's word; say whose with --by NAME")
    if args.on and args.state != Said.DONE:
        raise UsageError("--on is the day on which it was done; give it with --state done")


def find_finding(conn: Connection, site_id: int, text: str) -> FollowedFinding | None:
    """Return the finding of the site that an id means; of what is the same as another, that one.

    None where a mail told of it, and no recorded report yet.

    Raises
    ------
    DataError
        When the site has none of this id.
    """
    known = {finding.finding_id: finding for finding in load_findings(conn, site_id)}
    found = known.get(text) or known.get(_lasting(text) or "")
    if found is None and text in list_mailed(FINDING_MAILS, site_id):
        return None
    if found is None:
        some = ", ".join([each.finding_id for each in rank_by_money(list(known.values()))][:_MOST_NAMED])
        hint = f"it has {len(known)}, such as {some}" if some else "it has none: record its reports first"
        raise DataError(f"site {site_id} has no finding {text!r}; {hint}; --list --site {site_id} shows all")
    if found.same_as:
        logger.info("%s is the same as %s, which began first", found.finding_id, found.same_as)
        return known[found.same_as]
    return found


def _lasting(event_id: str) -> str | None:
    """Return the id of the finding that a report's own id of an event belongs to, as far as the text tells."""
    try:
        return lasting_id({"findingId": event_id})
    except (ValueError, KeyError):
        return None


def make_mark(args: argparse.Namespace, finding: FollowedFinding | None, today: date) -> Mark:
    """Return the mark that the arguments mean; owner and due day stay as they were said before.

    Raises
    ------
    UsageError
        When it was done on a day that is still to come, or before it was there.
    """
    done_on = (args.on or today) if args.state == Said.DONE else None
    if done_on and done_on > today:
        raise UsageError(f"--on {done_on} is still to come at site {args.site}; mark it as planned until then")
    if done_on and finding and done_on < finding.since_week:
        raise UsageError(
            f"--on {done_on} is before {finding.finding_id} was there (since the week of {finding.since_week}); its "
            "saving would be measured over weeks that it lasted: give the day on which it was fixed"
        )
    before = finding if args.state != Said.OPEN else None
    return Mark(
        args.site,
        finding.finding_id if finding else args.finding,
        Said(args.state),
        args.by,
        args.owner or (before.owner if before else None),
        args.due or (before.due if before else None),
        done_on,
        args.note,
    )


def show_list(conn: Connection, args: argparse.Namespace) -> None:
    """Print the findings of a site, or of all."""
    if args.site:
        load_site(conn, args.site)
    names = load_site_names(conn)
    every = load_findings(conn, args.site)
    every = [each for each in every if args.kind in (None, each.kind)]
    shown = rank_by_money([each for each in every if args.all or each.is_open])
    if args.json:
        cli.print_json([each._asdict() for each in shown])
    elif args.csv:
        print(write_table(shown, names), end="")
    else:
        for line in list_lines(shown, names):
            print(line)
        solved = sum(each.state == FindingState.SOLVED for each in every)
        for kind, site_id, until, reason in load_mutes(STATE_DIR):
            if until > datetime.now(UTC) and site_id in (None, args.site or site_id):
                print(clean_text(f"alerts muted until {format_utc(until)}: {_scope(kind, site_id)} ({reason})"))
        accepted = sum(each.is_silent and each.same_as is None for each in every)
        print(f"{len(shown)} findings; {solved} solved, {accepted} accepted (--all)")


def show_ledger(conn: Connection, args: argparse.Namespace) -> None:
    """Print what findings that are done have saved, at a site or at all, and the sums."""
    entries = load_ledger(conn, args.site)
    totals = total_ledger(entries)
    if args.json:
        sums = [total._asdict() | {"realized_pct": total.realized_pct} for total in totals]
        cli.print_json({"findings": [entry._asdict() for entry in entries], "totals": sums})
        return
    for line in [*map(ledger_line, entries), *map(total_line, totals)] or ["nothing is marked as done"]:
        print(clean_text(line))


def show_accuracy(conn: Connection, args: argparse.Namespace) -> None:
    """Print how many of the findings that people judged were right, by kind."""
    rows = load_judged(conn, args.site)
    if args.json:
        cli.print_json([row._asdict() | {"right_pct": row.right_pct} for row in rows])
        return
    for line in [accuracy_line(row) for row in total_judged(rows)] or ["nobody has judged a finding"]:
        print(line)


def _scope(kind: str | None, site_id: int | None) -> str:
    return f"{kind or 'every kind'}, {'all sites' if site_id is None else f'site {site_id}'}"


def show_history(conn: Connection, args: argparse.Namespace, finding: FollowedFinding | None) -> None:
    """Print a finding's weeks, and what was said of it."""
    finding_id = finding.finding_id if finding else args.finding
    print(clean_text(f"{finding_id}: {finding.title if finding else _MAILED}"))
    for week in load_finding_weeks(conn, args.site, finding_id):
        energy = "" if week.energy_kwh is None else f"  {week.energy_kwh:,.0f} kWh"
        print(f"{week.week}  {week.state:<7}{week.status:<9}{energy}{'  grown' * week.is_grown}")
    for mark in list_marks(conn, args.site, finding_id):
        owner = f", owner {mark.owner}" if mark.owner else ""
        days = "".join(f", {word} {day}" for word, day in (("due", mark.due), ("done on", mark.done_on)) if day)
        note = f": {mark.note}" if mark.note else ""
        print(clean_text(f"{mark.made_on}  {mark.state} by {mark.made_by}{owner}{days}{note}"))


def main(argv: Sequence[str] | None = None) -> int:
    """Store a mark, list the findings, or show the history of one."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    check_arguments(args)
    role = "govern" if args.state or args.history else "deliver"
    with db.connect(load_settings().require_database_url(role), readonly=not args.state) as conn:
        for is_wanted, show in ((args.list, show_list), (args.ledger, show_ledger), (args.accuracy, show_accuracy)):
            if is_wanted:
                show(conn, args)
                return EXIT_DONE
        site = load_site(conn, args.site)
        finding = find_finding(conn, args.site, args.finding)
        if args.history:
            show_history(conn, args, finding)
            return EXIT_DONE
        mark = make_mark(args, finding, datetime.now(UTC).astimezone(parse_timezone(site.timezone)).date())
        store_mark(conn, mark)
        conn.commit()
        finding = find_finding(conn, args.site, mark.finding_id)
    print(clean_text(f"{mark.finding_id}: {_where_it_stands(finding) if finding else f'{mark.state}; {_MAILED}'}"))
    return EXIT_DONE


def _where_it_stands(finding: FollowedFinding) -> str:
    money = describe_money(finding)
    return f"{describe_state(finding)}{f'; {money}' if money else ''}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
