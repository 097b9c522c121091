"""Say in plain words whether address, key, login, site, channels and a sample reading are right, and what to fix.

One line for each: OK, WARN (it works, but look at this) or FAIL (it does not). Each channel is asked for its last day,
and the fields that it has are named. Nothing is stored, and no secret is shown.

Stage: ingest
Reads: the Eniscope API
Writes: nothing
Safe to re-run: yes

Exit codes: 0 an ingest will work · 1 something has to be fixed first · 2 bad arguments
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import Settings, load_settings
from ingest.eniscope.account import make_client
from lib import cli
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.logs import clean_text, setup_logging

if TYPE_CHECKING:
    from ingest.eniscope.connection_checks import ChannelLook, Finding

_LONGEST_PAUSE_S = 1.0  # somebody is waiting: between attempts no longer than this
_DEFAULT_CHANNELS = 50


def look(settings: Settings, site_id: int, channels: int, now: datetime) -> tuple[list[Finding], list[ChannelLook]]:
    """Run the checks, each only where the one before it leaves something to ask."""
    from ingest.eniscope import connection_checks as checks

    findings = list(checks.check_settings(settings))
    if any(finding.level == checks.FAIL for finding in findings):
        return findings, []
    client = make_client(settings, sleep=lambda seconds: time.sleep(min(seconds, _LONGEST_PAUSE_S)))
    try:
        account, site = checks.check_account(client, site_id)
        findings += account
        if site is None:
            return findings, []
        findings += checks.check_site(site)
        listed, rows = checks.list_channels(client, site_id, now)
        looks = list(checks.look_at_channels(client, rows[:channels], now))
    finally:
        client.close()
    findings += [*listed, *(finding for finding, _ in looks)]
    if len(rows) > channels:
        more = f"only the first {channels} of {len(rows)} were asked"
        findings.append(checks.Finding("channels", checks.OK, more, "give --channels to ask more"))
    return findings, [channel for _, channel in looks]


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Keep the warnings of the rooms below out of the log: what matters stands in the findings."""
    logger = logging.getLogger("ingest")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def as_json(site_id: int, findings: Sequence[Finding], channels: Sequence[ChannelLook]) -> dict[str, Any]:
    """Return the findings as other programs read them."""
    return {
        "siteId": site_id,
        "isUsable": all(finding.level != "FAIL" for finding in findings),
        "checks": [
            {
                "check": finding.check,
                "level": finding.level,
                "message": clean_text(finding.message),
                "hint": clean_text(finding.hint),
            }
            for finding in findings
        ],
        "channels": [
            {
                "channelId": channel.channel_id,
                "channelName": clean_text(channel.name),
                "fields": list(channel.fields),
                "newestAt": channel.newest_at.isoformat() if channel.newest_at else None,
                "newest": channel.newest,
            }
            for channel in channels
        ],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Look at one site; exit 1 when something has to be fixed."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument(
        "--channels",
        type=cli.positive_int,
        default=_DEFAULT_CHANNELS,
        metavar="N",
        help="ask at most so many channels (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings for a machine")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with nullcontext() if args.verbose else _quiet_log():
        findings, channels = look(load_settings(), args.site, args.channels, datetime.now(UTC))
    if args.json:
        cli.print_json(as_json(args.site, findings, channels))
    else:
        for finding in findings:
            print(f"{finding.level:4}  {clean_text(finding.check)}: {clean_text(finding.message)}")
            if finding.hint:
                print(f"      {clean_text(finding.hint)}")
    return EXIT_FAILED if any(finding.level == "FAIL" for finding in findings) else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
