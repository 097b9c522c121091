"""Tell by mail and webhook, the morning after, what a site's last seven days found that cannot wait for the report.

A finding is told once it is confirmed: in two nights, or from a cost a week on ([report] tell_from_cost); of medium or
high confidence; and neither in a recorded report nor told before. A grave fault of a meter or the supply is told at
once. On Mondays findings are left to the weekly report. What is over is told once more: with the next news, or on
Sunday. Two days before a public holiday ([schedule] country) the mail names what can be off, and the day after what was
left running. At most [report] max_finding_mails mails go out a site-week (Monday to Sunday, default 1) to each of those
who get the site's alerts; the rest waits for the weekly report. Mutes hold (mute_alerts.py, kind "finding").

Stage: deliver (calls analyze)
Reads: Layer 3 views, config/sites, data/alert_mutes.json
Writes: reports/finding_mails.jsonl; mails and webhook posts
Safe to re-run: yes; what was told is told no more, and whom it did not reach is told by the next run

Exit codes: 0 told, or nothing to tell · 1 somebody could not be told · 2 bad arguments · 3 the data are held back

Examples:
  python deliver/tell_findings.py --site 23271
  python deliver/tell_findings.py --site 23271 --dry-run
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import Settings, load_settings
from deliver.files.sent_log import FAILED, SENDING, SENT, open_sent_log, read_entries, write_state
from lib import cli, db
from lib.alert_mutes import FINDING, STATE_DIR, Subject, load_mutes
from lib.clocks import read_clock
from lib.date_utils import last_seven_days, parse_timezone
from lib.errors import EXIT_DONE, EXIT_FAILED, BreakerOpenError, DeliveryError
from lib.logs import clean_text, setup_logging
from lib.paths import FINDING_MAILS
from lib.readings import load_site, load_validation_status
from lib.webhook import post_json

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from analyze.week.loading import Morning
    from analyze.week.news import HolidayNote

logger = logging.getLogger(__name__)

_TOLD_STATES = (SENDING, SENT)  # one whose sending was cut off may have arrived
_MAIL = "mail:"  # before the address of a recipient
_MONDAY, _SUNDAY = 0, 6


class Told(NamedTuple):
    """What one recipient was told of a site: findings whose end is still to be told, each with the Monday of the week
    in which they were told; how many messages came this week; and holidays."""

    findings: dict[str, date]
    mails: int
    holidays: set[str]


class News(NamedTuple):
    """A message: its subject, its text, and the findings for programs."""

    subject: str
    text: str
    findings: list[dict[str, Any]]


def read_told(entries: Sequence[dict[str, Any]], site_id: int, recipient: str, monday: date) -> Told:
    """Return what the log says a recipient was told of a site; `monday` begins the week of today."""
    findings: dict[str, date] = {}
    holidays: set[str] = set()
    keys = set()
    last = {(entry["report"], entry["recipient"]): entry for entry in entries}
    for entry in last.values():
        is_own = entry.get("siteId") == site_id and entry["recipient"] == recipient
        if not is_own or entry["state"] not in _TOLD_STATES:
            continue
        week = date.fromisoformat(entry["week"])
        findings |= dict.fromkeys(entry["findings"], week)
        findings = {key: told for key, told in findings.items() if key not in entry["over"]}
        holidays.update(entry["holidays"])
        if week == monday:
            keys.add(entry["report"])
    return Told(findings, len(keys), holidays)


def list_addresses(settings: Settings, site_id: int) -> tuple[str, ...]:
    """Return who gets the site's alerts by mail; nobody where no server for it is named."""
    if not settings.smtp_host:
        return ()

    from config.site_file import read_site

    return read_site(site_id).file.alerts.recipients or settings.alert_recipients


def list_recipients(settings: Settings, site_id: int) -> list[str]:
    """Return the names of the ways by which a site's alerts go."""
    webhook = ["webhook"] if settings.alert_webhook_url else []
    return [*webhook, *(f"{_MAIL}{address}" for address in list_addresses(settings, site_id))]


def make_way(settings: Settings, site_id: int, recipient: str, message: News) -> Callable[[], None]:
    """Return what tells the message to one recipient."""
    if recipient.startswith(_MAIL):
        return _mail(settings, recipient.removeprefix(_MAIL), message)
    url = settings.alert_webhook_url or ""
    payload = {"text": f"{message.subject}\n{message.text}", "kind": FINDING, "siteId": site_id}
    return lambda: post_json(url, payload | {"findings": message.findings})


def _mail(settings: Settings, address: str, message: News) -> Callable[[], None]:
    from lib.mailer import MailServer, build_message, send_message

    sender = settings.require_mail_from()  # before anything is noted as sent
    server = MailServer(
        settings.smtp_host or "", settings.smtp_port, settings.smtp_security, settings.smtp_user, settings.smtp_password
    )

    def send() -> None:
        mail = build_message(
            sender, address, message.subject, message.text,
            message_id=f"<{uuid4()}@energy-pipeline>", sent_at_s=time.time(),
        )  # fmt: skip
        send_message(server, mail)

    return send


def load_news(conn: Connection, site_id: int, now: datetime) -> Morning:
    """Return what is news at a site, whoever was told of it.

    Raises
    ------
    BreakerOpenError
        When its data are held back.
    """
    from deliver.reports.site_report import describe_hold

    period = last_seven_days(now, parse_timezone(load_site(conn, site_id).timezone))
    if hold := describe_hold(load_validation_status(conn, site_id), site_id, period):
        raise BreakerOpenError(f"nothing is told of site {site_id}: {hold.why}; {hold.remedy}")

    from analyze.week.loading import load_morning  # pandas is imported after all checks
    from deliver.reports.finding_news import in_words

    return in_words(load_morning(conn, site_id, now))


def choose_untold(morning: Morning, told: Told) -> Morning:
    """Return what one recipient is to be told this morning.

    On a Monday new findings are left to the weekly report, which comes within the hour: a mail would say the same, and
    be missing later in the week. What is over goes along with other news, or alone on the last morning of the week. A
    finding that a mail told counts as known until the report on that week is recorded, which then has the say.
    """
    reported = morning.last_week
    known = {key for key, week in told.findings.items() if reported is None or week > reported}
    news = [each for each in morning.news if each.finding_id not in known]
    if morning.today.weekday() == _MONDAY:
        news = []
    notes = [note for note in morning.holidays if _holiday_key(note) not in told.holidays]
    over = {key: each for key, each in morning.solved.items() if key in told.findings}
    if not (news or notes or morning.today.weekday() == _SUNDAY):
        over = {}
    return morning._replace(news=news, holidays=notes, solved=over)


def _holiday_key(note: HolidayNote) -> str:
    return f"{note.day} {'over' if note.is_over else 'ahead'}"


def make_message(morning: Morning) -> News | None:
    """Return what there is to tell; None for nothing."""
    from analyze.week.news import describe_news
    from deliver.reports.finding_news import news_subject, news_text
    from deliver.words.locales import written_for

    over = list(morning.solved.values())
    if not (morning.news or over or morning.holidays):
        return None
    facts = [describe_news(each) for each in morning.news]
    with written_for(morning.site.country):
        return News(news_subject(morning, over), news_text(morning, over), facts)


def tell_site(conn: Connection, site_id: int, settings: Settings, log: IO[str], now: datetime, *, is_dry: bool) -> int:
    """Tell what is news at a site, within its budget; return how many recipients could not be told.

    Whom a message did not reach is told by the next run, as far as it still is news. The budget and the mutes are asked
    first: an analysis takes a second, and there is none for nobody.
    """
    from config.site_file import read_site

    today = now.astimezone(parse_timezone(load_site(conn, site_id).timezone)).date()
    monday = today - timedelta(days=today.weekday())
    entries = read_entries(log)
    told = {each: read_told(entries, site_id, each, monday) for each in list_recipients(settings, site_id)}
    most = read_site(site_id).file.report.max_finding_mails
    able = {each: own for each, own in told.items() if own.mails < most}
    if not is_dry and (reason := _why_silent(told, able, site_id, now)):
        print(f"site {site_id}: {reason}")
        return 0
    morning = load_news(conn, site_id, now)
    if is_dry:
        able = able or {"nobody": Told({}, 0, set())}
    chosen = {each: choose_untold(morning, own) for each, own in able.items()}
    messages = {each: message for each, own in chosen.items() if (message := make_message(own))}
    if not messages:
        print(f"site {site_id}: nothing to tell")
        return 0
    if is_dry:
        for text in dict.fromkeys(f"{each.subject}\n{each.text}" for each in messages.values()):
            print("\n".join(map(clean_text, text.splitlines())))
        return 0
    key = f"findings of site {site_id} at {now.isoformat(timespec='seconds')}"
    return sum(
        not _tell(make_way(settings, site_id, each, message), message, log, key, each, _said(chosen[each], monday))
        for each, message in messages.items()
    )


def _said(morning: Morning, monday: date) -> dict[str, Any]:
    """Return what the log remembers of a message."""
    return {
        "siteId": morning.site.site_id,
        "week": monday.isoformat(),
        "findings": [each.finding_id for each in morning.news],
        "over": list(morning.solved),
        "holidays": [_holiday_key(note) for note in morning.holidays],
    }


def _why_silent(told: dict[str, Told], able: dict[str, Told], site_id: int, now: datetime) -> str | None:
    """Return why nothing can be told of a site now, or None."""
    if not told:
        return "nobody to tell: name ALERT_RECIPIENTS, or recipients under [alerts] in its file, and SMTP_HOST"
    if not able:
        return "this week's mails are used up, the rest waits for the weekly report"
    if any(mute.covers(Subject(FINDING, site_id), now) for mute in load_mutes(STATE_DIR)):
        return "muted"
    return None


def _tell(
    tell: Callable[[], None], message: News, log: IO[str], key: str, recipient: str, said: dict[str, Any]
) -> bool:
    """Tell one recipient; return whether it went well."""
    write_state(log, key, recipient, SENDING, **said)
    try:
        tell()
    except DeliveryError as err:
        logger.error("%s", err)
        write_state(log, key, recipient, FAILED, **said)
        return False
    write_state(log, key, recipient, SENT, **said)
    print(clean_text(f"told {recipient}: {message.subject}"))
    return True


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    parser.add_argument("--dry-run", action="store_true", help="print what would be told, and tell nobody")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Tell what is news at one site."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()
    with (
        db.connect(settings.require_database_url("deliver"), readonly=True) as conn,
        open_sent_log(FINDING_MAILS) as log,
    ):
        failures = tell_site(conn, args.site, settings, log, read_clock(conn), is_dry=args.dry_run)
    return EXIT_FAILED if failures else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
