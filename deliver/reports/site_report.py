"""What the scripts of all reports on one site share: arguments, the circuit breaker, the analysis, and the files."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from config.settings import load_settings
from deliver.files.report_files import is_report, page_places
from lib import cli, db
from lib.clocks import read_clock
from lib.date_utils import Window, format_utc, last_complete_week, local_day_window, parse_timezone, resolve_period
from lib.errors import EXIT_DONE, BreakerOpenError, DataError, UsageError
from lib.logs import clean_text, setup_logging
from lib.many_sites import add_many_arguments
from lib.paths import REPORTS_DIR, check_file
from lib.progress import progress_bar
from lib.readings import Site, ValidationStatus, describe_failed, load_site, load_validation_status
from lib.states import BreakerState

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from psycopg2.extensions import connection as Connection

    from analyze.week.meter_table import MeterTables
    from analyze.week.site_week import SiteWeek

logger = logging.getLogger(__name__)

WEEKLY = "weekly_report"  # name of its schema
QUARANTINE_CHECK = "quarantine_within_limits"  # it blocks when too much of a site is in quarantine


class CheckedWeek(NamedTuple):
    """A site's analyzed period, the validation behind it, and for what reason it passed where it was held back."""

    site: Site
    status: ValidationStatus
    week: SiteWeek
    forced_reason: str | None


def report_parser(docstring: str | None, *, has_window: bool = True) -> argparse.ArgumentParser:
    """Return a command line with the site or the sites, the window, what to write and where, and ``--force``."""
    parser = cli.script_parser(docstring)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--site", type=cli.positive_int, metavar="ID", help="site (organization) id")
    add_many_arguments(chosen, parser)
    if has_window:
        cli.add_window_arguments(parser)
        parser.add_argument("--timezone", metavar="ZONE", help="IANA zone to count days in (default: the site's)")
    add_output_arguments(parser)
    parser.add_argument("--force", action="store_true", help="write it although the data are held back; needs --reason")
    parser.add_argument(
        "--reason", type=cli.reason_text, metavar="TEXT", help="why it is forced; printed in the report"
    )
    return parser


def force_reason_of(args: argparse.Namespace) -> str | None:
    """Return why the report is forced, None where it is not.

    Raises
    ------
    UsageError
        When one of `--force` and `--reason` stands there without the other.
    """
    if args.force != bool(args.reason):
        raise UsageError(
            "--force and --reason TEXT belong together; say why held-back data are to leave, or leave both out"
        )
    return args.reason


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--out``, ``--html`` and ``--pdf``."""
    parser.add_argument(
        "--out",
        type=cli.output_file(is_report),
        metavar="FILE.json",
        help="where to write it; an older version of it is kept beside, as FILE.v1.json, and no other file replaced",
    )
    parser.add_argument("--html", action="store_true", help="draw it as a page too")
    parser.add_argument("--pdf", action="store_true", help="set it as a PDF too")


def add_reports_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--reports``, where the recorded reports are."""
    parser.add_argument(
        "--reports", type=cli.folder, default=REPORTS_DIR, metavar="DIR",
        help="folder of the recorded reports (default: reports/)",
    )  # fmt: skip


def add_workbook_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--xlsx``."""
    parser.add_argument("--xlsx", action="store_true", help="write it as an Excel workbook too")


def check_places(args: argparse.Namespace) -> None:
    """Raise a UsageError where the pages beside ``--out`` would replace something else, or the report itself."""
    if args.out is None:
        return
    for page, is_own in page_places(args.out.with_suffix(""), html=args.html, pdf=args.pdf, xlsx=_wants_workbook(args)):
        if page == args.out:
            raise UsageError(f"--out {args.out} is where the page goes; name the report's file, which ends in .json")
        check_file(page, is_own)


def _wants_workbook(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "xlsx", False))  # not every kind of report has one


class Hold(NamedTuple):
    """Why a site's data are held back, and what to do about it."""

    why: str
    remedy: str


def describe_hold(status: ValidationStatus, site_id: int, period: Window) -> Hold | None:
    """Return why the site's data are held back, or None where they may pass."""
    run_again = f"run: python govern/validate_data.py --site {site_id}"
    if status.verdict == BreakerState.MISSING:
        return Hold("not validated yet", run_again)
    if not status.is_current:
        return Hold("validated before the latest ingest", run_again)
    if status.verdict == BreakerState.OPEN:
        return Hold(f"{describe_failed(status.blocking_checks)} ({status.blocking_message})", str(status.blocking_hint))
    return _describe_unasked(status, site_id, period)


def _describe_unasked(status: ValidationStatus, site_id: int, period: Window) -> Hold | None:
    """Return that the period was not asked for to its end: such days would look like a site full of silent meters."""
    ingested_until = status.ingested_until
    if ingested_until is not None and ingested_until >= period.end:
        return None
    reached = f"ingested up to {format_utc(ingested_until)}" if ingested_until else "nothing is ingested"
    is_week = abs(period.end - period.start - timedelta(days=7)) <= timedelta(hours=1)
    name = "this week" if is_week else "this period"
    return Hold(
        f"{name} isn't fully ingested yet ({reached}, it ends at {format_utc(period.end)})",
        f"run the ingest, then python govern/validate_data.py --site {site_id}",
    )


def ask_breaker(
    status: ValidationStatus, site_id: int, period: Window, force_reason: str | None, what: str = "report"
) -> str | None:
    """Return None when the data may pass by themselves, else the reason for which they pass all the same.

    Parameters
    ----------
    what
        What there will not be when they may not.

    Raises
    ------
    BreakerOpenError
        When the data are held back, and neither forced nor overridden; it says why, and what to do.
    """
    hold = describe_hold(status, site_id, period)
    if hold is None:
        return None
    reason = force_reason
    if reason is None and (decision := _overridden(status)):
        # It is about checks that failed, and not about days that were never asked for.
        unasked = _describe_unasked(status, site_id, period)
        hold, reason = (unasked, None) if unasked else (hold, decision)
    if reason is None:
        raise BreakerOpenError(f"no {what} for site {site_id}: {hold.why}; {hold.remedy}")
    logger.warning("site %d is held back, the report is written all the same (%s): %s", site_id, reason, hold.why)
    return reason


def _overridden(status: ValidationStatus) -> str | None:
    """Return the decision that covers what holds the data back, if there is one; it covers no outdated validation."""
    if status.verdict != BreakerState.OPEN or not status.is_current or status.override_until is None:
        return None
    return f"{status.override_reason}, decided by {status.override_by} until {format_utc(status.override_until)}"


def tell_of_newer_week(period: Window, tz: ZoneInfo, now: datetime, *, is_of_files: bool = False) -> None:
    """Log that a newer week than the report's is over, where its last readings could not be ingested yet."""
    newest = local_day_window(*last_complete_week(now, tz), tz)
    if newest.end <= period.end:
        return
    if is_of_files:
        logger.info("this is the last week that the site's files hold to its end; import newer ones for a later week")
    else:
        logger.warning(
            "the week that ended at %s can't be fully ingested yet, so this is about the week before; "
            "ingest, validate and report again later today for the newer one",
            format_utc(newest.end),
        )


def load_checked_week(conn: Connection, args: argparse.Namespace, now: datetime) -> CheckedWeek:
    """Ask the breaker, and have the period that the arguments mean analyzed.

    Raises
    ------
    BreakerOpenError
        When the data are held back; see `ask_breaker`.
    DataError
        When there are no readings in the period.
    """
    with progress_bar(2, "step") as advance:
        site = load_site(conn, args.site)
        tz = parse_timezone(args.timezone or site.timezone)
        status = load_validation_status(conn, args.site)
        period = resolve_period(args.start, args.end, tz, now, status.ingested_until, is_of_files=site.is_of_files)
        if args.start is None and args.end is None:
            tell_of_newer_week(period, tz, now, is_of_files=site.is_of_files)
        forced_reason = ask_breaker(status, args.site, period, force_reason_of(args))
        advance("validation")

        from analyze.week.loading import load_week  # pandas is imported after all checks

        # Who forces a report past its quarantine wants what is in there.
        keeps_quarantined = forced_reason is not None and QUARANTINE_CHECK in status.blocking_checks
        site, week = load_week(
            conn, args.site, period.start.isoformat(), period.end.isoformat(), args.timezone, now,
            keeps_quarantined=keeps_quarantined,
        )  # fmt: skip
        if not week.data_quality["channelsAnalyzed"]:
            raise DataError(
                f"site {args.site} has no readings in {week.period}; "
                f"run: python ingest/ingest_to_postgres.py --site {args.site} for these days"
            )
        advance("analyzed")
    return CheckedWeek(site, status, week, forced_reason)


def run_week_report(
    docstring: str | None,
    argv: Sequence[str] | None,
    kind: str,
    assemble: Callable[[CheckedWeek, datetime], dict[str, Any]],
) -> int:
    """Do what the scripts of the reports on a site's week do: parse, ask the breaker, analyze, shape, write.

    Parameters
    ----------
    kind
        Name of the report's schema, and the beginning of its file's.
    assemble
        Puts the analyzed week into the report's shape; what it needs it imports when it is called.
    """
    parser = report_parser(docstring)
    if kind == WEEKLY:
        add_workbook_argument(parser)
    return make_week_report(parser.parse_args(argv), kind, assemble)


def make_week_report(
    args: argparse.Namespace, kind: str, assemble: Callable[[CheckedWeek, datetime], dict[str, Any]]
) -> int:
    """Do what `run_week_report` does, with arguments that are parsed already."""
    setup_logging(args.verbose)
    check_places(args)
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        now = read_clock(conn)
        checked = load_checked_week(conn, args, now)
    report = assemble(checked, now)
    first_day = report["metadata"]["period"]["start"][:10]
    tables = None
    if _wants_workbook(args):
        from analyze.week.meter_table import tabulate_meters

        tables = tabulate_meters(checked.week)
    deliver_report(report, kind, args, f"{kind}_{args.site}_{first_day}", tables)
    return EXIT_DONE


def deliver_report(
    report: dict[str, Any], schema_name: str, args: argparse.Namespace, name: str, tables: MeterTables | None = None
) -> None:
    """Check and write the report, draw what was asked for, and print where it is and what it says.

    Parameters
    ----------
    name
        Of the file in ``reports/``, without its ending; there the first version keeps this name. A file given by
        ``--out`` always holds the newest, with the older ones beside it.
    tables
        The energy of its meters by day and interval, for a workbook.
    """
    from deliver.files.report_files import note_forced, write_pages, write_report_workbook
    from deliver.files.versions import replace_report, save_report

    if getattr(args, "force", False):  # the overview of all sites has no such option
        note_forced(report, args.out.parent if args.out else REPORTS_DIR)  # first: nothing forced leaves unnoted
    place = REPORTS_DIR / f"{name}.json"
    if args.out and args.out.resolve() != place.resolve():
        path, report, is_new = replace_report(report, args.out, schema_name)
    else:
        path, report, is_new = save_report(report, place, schema_name)
    if not is_new:
        logger.info("nothing changed since %s was written", path.name)
    for written in (path, *write_pages(report, path.with_suffix(""), html=args.html, pdf=args.pdf)):
        print(written)
    if _wants_workbook(args):
        print(write_report_workbook(report, path.with_suffix(""), tables))
    for line in [*report["summary"]["headline"], (report.get("followUp") or {}).get("text")]:
        if line:
            print(clean_text(line))
