"""Send a report by mail: its head as the body, the PDF attached, to the recipients that the site's file names.

Takes the report's JSON, or with --site the newest report of that site: the weekly one, the customer's, or both, as
`kind` under [report] of its file says. Each recipient gets each version of a report once: reports/sent_log.jsonl
remembers. A corrected version goes to those who had an earlier one, and says what it corrects. A message whose sending
was cut off (by a kill, a power failure) may have arrived and is not sent again by itself; --resend sends it. Without
recipients nothing is sent, and that is no failure.

Stage: deliver
Reads: a report's JSON and PDF (set anew where it is missing or older), config/sites/<id>.toml, SMTP settings
Writes: reports/sent_log.jsonl, the PDF; mails; with --preview the mail beside the report, as .eml and .mail.html
Safe to re-run: yes

Exit codes: 0 sent, or nothing to send, or --dry-run · 1 a recipient could not be reached · 2 bad arguments

Examples:
  python deliver/send_report.py --site 23271 --dry-run
  python deliver/send_report.py --site 23271 --preview
  python deliver/send_report.py reports/weekly_report_23271_2026-11-16.json --to manager@example.com
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import Settings, load_settings
from deliver.files.sent_log import FAILED, SENDING, SENT, last_states, open_sent_log, write_state
from lib import cli
from lib.errors import EXIT_DONE, EXIT_FAILED, ConfigError, DataError, DeliveryError, UsageError
from lib.logs import setup_logging
from lib.paths import REPORTS_DIR, SITES_DIR

logger = logging.getLogger(__name__)

SENT_LOG = REPORTS_DIR / "sent_log.jsonl"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "report", nargs="?", type=cli.input_file, metavar="REPORT.json", help="what a script of deliver wrote"
    )
    what.add_argument("--site", type=cli.positive_int, metavar="ID", help="the newest report of this site")
    parser.add_argument(
        "--start", type=cli.local_day, metavar="DATE", help="with --site: the report on the week that begins then"
    )
    parser.add_argument("--to", nargs="+", metavar="ADDRESS", help="these recipients instead of the site's")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent to whom, and send nothing")
    parser.add_argument("--preview", action="store_true", help="write the mail as it would go out, and send nothing")
    parser.add_argument("--resend", action="store_true", help="send also to those who have it already")
    return parser


def newest_report(site_id: int, folder: Path, start: date | None = None, kind: str = "weekly") -> Path:
    """Return a site's newest report of a kind: of its latest period, or the one from `start`, the latest version.

    Raises
    ------
    DataError
        When there is none.
    """
    pattern = re.compile(rf"{kind}_report_{site_id}_(\d{{4}}-\d\d-\d\d)(?:\.v(\d+))?\.json")
    found = [(match[1], int(match[2] or 1), match[0]) for path in folder.glob("*.json")
             if (match := pattern.fullmatch(path.name)) and start in (None, date.fromisoformat(match[1]))]  # fmt: skip
    if not found:
        week = f" --start {start}" if start else ""
        raise DataError(
            f"site {site_id} has no {kind} report{f' from {start}' if start else ''} in {folder}; "
            f"run: python deliver/generate_{kind}_report.py --site {site_id}{week}"
        )
    return folder / max(found)[2]


def choose_recipients(to: Sequence[str] | None, report: dict[str, Any]) -> list[str]:
    """Return the addresses to send to, each once: those of `--to`, else those of the site's file.

    Raises
    ------
    UsageError
        When one of `to` cannot be an address.
    """
    from config.site_file import is_address, read_site

    if to is None:
        site = report.get("metadata", {}).get("site", {}).get("siteId")
        to = read_site(site, SITES_DIR).file.report.recipients if site else ()
    wrong = [address for address in to if not is_address(address)]
    if wrong:
        raise UsageError(f"--to {wrong[0]!r} is no mail address; give name@example.com")
    return list(dict.fromkeys(to))


def send_to_all(
    path: Path, report: dict[str, Any], recipients: list[str], settings: Settings, log: IO[str], is_resend: bool
) -> int:
    """Send the report to those who do not have it yet; return how many could not be reached."""
    from deliver.files.mails import make_mail, report_key, without_news
    from lib.mailer import MailServer, send_message

    key, states, mail, failures = report_key(path, report), last_states(log), None, 0
    server = MailServer(
        settings.smtp_host or "", settings.smtp_port, settings.smtp_security, settings.smtp_user, settings.smtp_password
    )
    sender, left_out = settings.require_mail_from(), without_news(path, report, recipients, states)
    for recipient in recipients:
        state = None if is_resend else states.get((key, recipient))
        if state == SENT:
            logger.info("%s: %s has it already", key, recipient)
            continue
        if recipient in left_out and not is_resend:
            logger.info("%s: %s had no earlier version and gets no correction; --resend sends it", key, recipient)
            continue
        if state == SENDING:
            logger.warning("%s: an earlier sending to %s was cut off; --resend sends it again", key, recipient)
            continue
        mail = mail or make_mail(path, report, settings)
        message_id = f"<{uuid4()}@energy-pipeline>"
        message = mail.to(sender, recipient, message_id, time.time())
        write_state(log, key, recipient, SENDING, messageId=message_id)
        try:
            send_message(server, message)
        except DeliveryError as err:
            write_state(log, key, recipient, FAILED, error=str(err))
            logger.error("%s", err)
            failures += 1
            continue
        write_state(log, key, recipient, SENT, messageId=message_id)
        print(f"sent {path.name} to {recipient}")
    return failures


def say_recipients(path: Path, report: dict[str, Any], recipients: list[str], settings: Settings, log: IO[str]) -> None:
    """Print what would be sent to whom, and what is missing for it."""
    from deliver.files.mails import report_key, without_news

    states, key = last_states(log), report_key(path, report)
    left_out = without_news(path, report, recipients, states)
    for recipient in recipients:
        known = "had no earlier version" if recipient in left_out else "would be sent"
        print(f"{path.name} to {recipient}: {states.get((key, recipient), known)}")
    if problem := describe_missing_server(settings):
        print(f"but for now nothing can be sent: {problem}")


def describe_missing_server(settings: Settings) -> str | None:
    """Return what is missing to send mail at all, or None."""
    try:
        settings.require_mail_from()
    except ConfigError as err:
        return str(err)
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Send one report to its recipients."""
    from lib.report_schema import read_checked_report

    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    if args.report and args.start:
        raise UsageError("--start goes with --site; a file says itself which week it is on")
    if args.dry_run and args.preview:
        raise UsageError("--dry-run says who would get it, --preview writes what; give one of them")
    paths = [args.report] if args.report else wanted_reports(args.site, args.start)
    return max(_deliver(path, read_checked_report(path), args) for path in paths)


def wanted_reports(site_id: int, start: date | None) -> list[Path]:
    """Return the newest report of each kind that the site's file has mailed."""
    from config.site_file import read_site

    kinds = read_site(site_id, SITES_DIR).file.report.kinds
    return [newest_report(site_id, REPORTS_DIR, start, kind) for kind in kinds]


def _deliver(path: Path, report: dict[str, Any], args: argparse.Namespace) -> int:
    """Send one report, or show what would be sent; return the exit code."""
    from deliver.files.mails import write_preview

    recipients, settings = choose_recipients(args.to, report), load_settings()
    if args.preview:
        print(*write_preview(path, report, recipients, settings), sep="\n")
        return EXIT_DONE
    if not recipients:
        print(f"nobody to send {path.name} to: no recipients under [report] in config/sites/<id>.toml")
        return EXIT_DONE
    with open_sent_log(SENT_LOG) as log:
        if args.dry_run:
            say_recipients(path, report, recipients, settings, log)
            return EXIT_DONE
        if problem := describe_missing_server(settings):
            raise ConfigError(
                f"{path.name} is written and goes to nobody yet: {problem}; "
                f"then run: python deliver/send_report.py {path}"
            )
        failures = send_to_all(path, report, recipients, settings, log, args.resend)
    return EXIT_FAILED if failures else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
