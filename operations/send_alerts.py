"""Tell by mail and webhook what is wrong: a site held back by its breaker, a stale site, a sync that failed.

Each thing is told once when it begins and once when it is over, also when this runs every hour; what holds all sites
back is told once, not site by site; and nothing is told of a site that its file takes out of the sync. Who is told
stands in .env (ALERT_RECIPIENTS, ALERT_WEBHOOK_URL) and in config/sites/<id>.toml ([alerts] recipients); what was told
in data/alerts.json. What could not be handed in is tried again by the next run.

Stage: operations
Reads: v_validation_status, v_ingestion_health
Writes: data/alerts.json; mails and webhook posts
Safe to re-run: yes

Exit codes: 0 told, or nothing to tell · 1 somebody could not be told · 2 bad arguments
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import Settings, load_settings
from config.site_file import list_inactive_sites, read_sites
from lib import cli, db
from lib.alert_mutes import STATE_DIR, Mute, load_mutes
from lib.date_utils import format_utc
from lib.errors import EXIT_DONE, EXIT_FAILED, DatabaseError, DeliveryError
from lib.logs import clean_text, setup_logging
from lib.mailer import MailServer, build_message, send_message
from lib.paths import SITES_DIR
from lib.readings import ValidationStatus, load_ingestion_health, load_validation_statuses
from lib.states import BreakerState
from lib.webhook import post_json
from operations.alerts.episodes import (
    BREAKER_OPEN,
    NO_DATABASE,
    STALE,
    SYNC_FAILED,
    Condition,
    Episode,
    follow_episodes,
    mark_told,
    pending,
    still_open,
)
from operations.alerts.files import hold, load_episodes, save_episodes
from operations.health.ingestion import DEFAULT_MAX_AGE_HOURS, FAIL, FETCHED_SOURCES, judge_site

logger = logging.getLogger(__name__)

_TITLES = {
    BREAKER_OPEN: "reports are held back",
    STALE: "no new readings",
    SYNC_FAILED: "the sync failed",
    NO_DATABASE: "the database does not answer",
}


class Way(NamedTuple):
    """A way to tell somebody: by mail to one address, or by the webhook."""

    name: str
    tell: Callable[[Episode], None]
    concerns: Callable[[Episode], bool]


def find_conditions(
    database_url: str, now: datetime, max_age: timedelta, inactive: Collection[int] = ()
) -> list[Condition]:
    """Return what is wrong with the sites but for `inactive` ones.

    Raises
    ------
    DatabaseError
        When the database does not say.
    """
    with db.connect(database_url, readonly=True) as conn:
        statuses = load_validation_statuses(conn)
        health = load_ingestion_health(conn)
    found = breaker_conditions({key: status for key, status in statuses.items() if key not in inactive})
    watched = [row for row in health if row.data_source in FETCHED_SOURCES and row.site_id not in inactive]
    judged = [judge_site(row, now, max_age) for row in watched]
    return found + [Condition(STALE, one.health.site_id, one.message) for one in judged if one.level == FAIL]


def breaker_conditions(statuses: Mapping[int, ValidationStatus]) -> list[Condition]:
    """Return which breakers are open: a site's own, each by itself, and that of the whole system, once."""
    found = [
        Condition(BREAKER_OPEN, site_id, clean_text(f"{status.blocking_message}; {status.blocking_hint}"))
        for site_id, status in statuses.items()
        if status.own_verdict == BreakerState.OPEN
    ]
    # What holds every site back is the same for each of them.
    of_system = [status for status in statuses.values() if status.system_message is not None][:1]
    return found + [
        Condition(BREAKER_OPEN, None, clean_text(f"{status.system_message}; {status.system_hint}"))
        for status in of_system
    ]


def sync_conditions(exit_code: int | None, known: list[Episode], site_id: int | None = None) -> list[Condition]:
    """Return which syncs failed: the last, of `site_id` or of all sites, and those of other sites that failed before.

    Without word of a new one, what was known goes on. A sync that ran ends what was told of all sites.
    """
    lasting = [one for one in known if one.kind == SYNC_FAILED and one.ended is None]
    has_run = exit_code in (0, 3)  # 3: it ran, and a breaker is open, which is told by itself
    if exit_code is not None:
        is_over = {site_id, None} if has_run else {site_id}
        lasting = [] if has_run and site_id is None else [one for one in lasting if one.site_id not in is_over]
    conditions = [Condition(one.kind, one.site_id, one.text) for one in lasting]
    if exit_code is None or has_run:
        return conditions
    return [
        *conditions,
        Condition(SYNC_FAILED, site_id, f"it ended with exit code {exit_code}; see logs/daily_sync.log"),
    ]


def headline(episode: Episode) -> str:
    """Return an episode on one line."""
    where = "all sites" if episode.site_id is None else f"site {episode.site_id}"
    if episode.ended is not None:
        return f"Over: {_TITLES[episode.kind]} ({where}), since {format_utc(episode.since)}"
    return f"Alert: {_TITLES[episode.kind]} ({where})"


def describe(episode: Episode) -> str:
    """Return an episode in a few lines of plain text."""
    lines = [headline(episode), "", episode.text, "", f"Since {format_utc(episode.since)}"]
    if episode.ended is not None:
        lines[2:3] = ["It is over. It was:", episode.text]
        lines[-1] += f", until {format_utc(episode.ended)}"
    return "\n".join(lines) + "\n"


def list_ways(settings: Settings, sites_dir: Path) -> list[Way]:
    """Return the ways by which somebody wants to be told: of one site, or of what concerns all of them."""
    ways = []
    if settings.alert_webhook_url:
        url = settings.alert_webhook_url

        def post(episode: Episode) -> None:
            post_json(url, _payload(episode))

        ways.append(Way("webhook", post, lambda episode: True))
    if settings.smtp_host:
        own = {site_id: site.file.alerts.recipients for site_id, site in read_sites(sites_dir).items()}
        addresses = {*settings.alert_recipients, *(address for some in own.values() for address in some)}
        ways += [_mail_way(settings, address, own) for address in sorted(addresses)]
    return ways


def _payload(episode: Episode) -> dict[str, str | int | None]:
    """Return what the webhook gets: `text` is what chat services show, the rest is for programs."""
    return {
        "text": f"{headline(episode)}: {episode.text}",
        "kind": episode.kind,
        "siteId": episode.site_id,
        "state": "open" if episode.ended is None else "over",
        "since": episode.since.isoformat(),
        "ended": episode.ended.isoformat() if episode.ended else None,
    }


def _mail_way(settings: Settings, address: str, own: dict[int, tuple[str, ...]]) -> Way:
    server = MailServer(
        settings.smtp_host or "", settings.smtp_port, settings.smtp_security, settings.smtp_user, settings.smtp_password
    )

    def mail(episode: Episode) -> None:
        state = "open" if episode.ended is None else "over"
        message = build_message(
            settings.require_mail_from(), address, headline(episode), describe(episode),
            message_id=f"<{episode.key.replace(':', '.')}.{episode.since:%Y%m%dT%H%M%S}.{state}@energy-pipeline>",
            sent_at_s=time.time(),
        )  # fmt: skip
        send_message(server, message, waits_s=())

    everybody = tuple(each for some in own.values() for each in some)

    def concerns(episode: Episode) -> bool:
        if episode.site_id is None:
            return address in (settings.alert_recipients or everybody)
        return address in (own.get(episode.site_id) or settings.alert_recipients)

    return Way(f"mail:{address}", mail, concerns)


def tell_all(episodes: list[Episode], mutes: list[Mute], ways: list[Way], now: datetime) -> tuple[list[Episode], int]:
    """Tell what is pending by every way; return the episodes as they are then, and how often it failed."""
    by_key, failures = {episode.key: episode for episode in episodes}, 0
    for way in ways:
        for episode in pending(list(by_key.values()), mutes, way.name, now):
            if not way.concerns(episode):
                continue
            try:
                way.tell(episode)
            except DeliveryError as err:
                logger.error("%s", err)
                failures += 1
                continue
            logger.info("told %s: %s", way.name, headline(episode))
            by_key[episode.key] = mark_told(episode, way.name)
    return list(by_key.values()), failures


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--sync-exit-code", type=int, metavar="N", help="how the sync ended that has just run")
    parser.add_argument(
        "--site", type=cli.positive_int, metavar="ID", help="the one site that it was for (default: all of them)"
    )
    parser.add_argument(
        "--max-age-hours", type=cli.positive_int, default=DEFAULT_MAX_AGE_HOURS, metavar="N",
        help="a site whose readings end longer ago is stale (default: %(default)s)",
    )  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Look once, tell what is news, and remember it."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    settings, now = load_settings(), datetime.now(UTC)
    with hold(STATE_DIR):
        known = load_episodes(STATE_DIR)
        sync = sync_conditions(args.sync_exit_code, known, args.site)
        database_url, max_age = settings.require_database_url("deliver"), timedelta(hours=args.max_age_hours)
        try:
            found = find_conditions(database_url, now, max_age, list_inactive_sites(SITES_DIR))
        except DatabaseError as err:
            logger.error("%s", err)
            # What was wrong before is neither over nor known to last.
            silent = {Condition(one.kind, one.site_id, one.text) for one in known if one.ended is None}
            found = [*(one for one in silent if one.kind not in (SYNC_FAILED, NO_DATABASE)),
                     Condition(NO_DATABASE, None, clean_text(str(err)))]  # fmt: skip
        episodes = follow_episodes(known, [*found, *sync], now)
        episodes, failures = tell_all(episodes, load_mutes(STATE_DIR), list_ways(settings, SITES_DIR), now)
        save_episodes(still_open(episodes), STATE_DIR)
    for episode in episodes:
        if episode.ended is None:
            print(f"{headline(episode)}: {clean_text(episode.text)}")
    if all(episode.ended is not None for episode in episodes):
        print("nothing is wrong that alerts tell of")
    return EXIT_FAILED if failures else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
