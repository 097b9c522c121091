"""Run a stand-in for the Eniscope Core API on this machine, for trying the pipeline without an account.

It serves site 23271, a school's meters and a small house's circuits, made up by a model: the same seed gives the same
data, to the last digit, whatever is asked and when. In chosen weeks faults and wastes are planted for the analyses to
find; --truth prints them. Further sites (24310, 24420, 24530, 24640) have what real accounts have: a main panel and its
parts, a house beside a school, several channels of one point, generation behind the meter. With --replay it serves
measured interval files instead.

Point the pipeline at it with VITE_ENISCOPE_API_URL set to the printed address, and the published credentials below.

Stage: operations
Reads: nothing, or the files given with --replay
Writes: nothing, or the file given with --url-file
Safe to re-run: yes

Examples:
  python operations/sandbox/eniscope_sandbox.py --port 8750
  python operations/sandbox/eniscope_sandbox.py --now 2026-02-02T09:00-05:00 --planted-week 2026-01-26 --truth
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.date_utils import parse_timezone
from lib.errors import EXIT_DONE, UsageError
from lib.logs import setup_logging
from lib.paths import begins_with, write_atomically
from operations.sandbox.api import DEFAULT_SEED, create_app, make_site
from operations.sandbox.auth import SANDBOX_API_KEY, SANDBOX_EMAIL, SANDBOX_PASSWORD, Credentials
from operations.sandbox.fault_kinds import describe_kinds, parse_faults
from operations.sandbox.quirks import Quirks, parse_fields_from, parse_moment, parse_move
from operations.sandbox.replay import DEFAULT_INTERVAL_MIN, load_replay
from operations.sandbox.server import LOOPBACK, serve_in_thread
from operations.sandbox.service_faults import MOST_HITS_IN_A_ROW, FaultPlan
from operations.sandbox.site_model import SITE_ID, TIME_ZONE
from operations.sandbox.truth import describe_site

logger = logging.getLogger(__name__)

_MONDAY = 0
_PARENT_CHECK_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop, or print what is planted."""
    args, parent = _parse_arguments(argv), os.getppid()
    setup_logging(args.verbose)
    now = _parse_now(args.now)
    planted_weeks = _parse_planted_weeks(args.planted_week)
    mix = parse_faults(args.faults)
    if args.truth:
        site = make_site(args.seed, now or _real_now(), planted_weeks, lasting_faults=mix.lasting)
        cli.print_json(describe_site(site))
        return EXIT_DONE
    parse_timezone(args.replay_timezone)
    replay = load_replay(args.replay, args.replay_timezone, args.replay_interval_minutes) if args.replay else None
    app = create_app(
        seed=args.seed,
        now=now,
        planted_weeks=planted_weeks,
        faults=FaultPlan(
            mix.rates, args.faults_seed or args.seed, limits=mix.limits, hits_in_a_row=args.faults_in_a_row
        ),
        latency_s=args.latency_ms / 1000.0,
        credentials=Credentials(args.api_key, args.email, args.password),
        replay=replay,
        replay_timezone=args.replay_timezone,
        quirks=_parse_quirks(args),
    )
    if not args.host.startswith("127."):
        logger.warning("listening on %s, where other machines may reach it", args.host)
    url, stop = serve_in_thread(app, args.host, args.port)
    try:
        _wait_for_signal(url, args, parent)
    finally:
        stop()
    return EXIT_DONE


def _parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.script_parser(__doc__)
    parser.epilog = describe_kinds()
    add = parser.add_argument
    add("--host", default=LOOPBACK, help="address to listen on (default: %(default)s, this machine only)")
    add("--port", type=int, default=8750, metavar="N", help="port; 0 picks a free one (default: %(default)s)")
    add(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="N",
        help="chooses weather, loads and faults (default: %(default)s)",
    )
    add(
        "--faults",
        default="none",
        metavar="LIST",
        help="what goes wrong with the service itself: mixes and faults of the tables below, as in "
        "typical,503=0.05,hang=0.01:3 (KIND=SHARE OF THE REQUESTS:HOW OFTEN AT MOST; default: %(default)s)",
    )
    add("--faults-seed", type=int, metavar="N", help="chooses which requests suffer (default: --seed)")
    add(
        "--faults-in-a-row",
        type=cli.positive_int,
        default=MOST_HITS_IN_A_ROW,
        metavar="N",
        help="how often at most the same request suffers before it gets through (default: %(default)s)",
    )
    add(
        "--latency-ms",
        type=int,
        default=0,
        metavar="N",
        help="wait this long before every reply (default: %(default)s)",
    )
    add("--now", metavar="ISO", help="the service's clock, with offset; nothing later is served (default: real time)")
    add(
        "--planted-week",
        action="append",
        metavar="MONDAY",
        help="local week (YYYY-MM-DD) in which faults are planted; may repeat; 'none' plants nothing "
        "(default: the last complete week)",
    )
    add(
        "--replay",
        nargs="+",
        type=cli.input_file,
        metavar="FILE",
        help="serve these measured CSV files (plain or gzipped)",
    )
    add(
        "--replay-timezone",
        default=TIME_ZONE,
        metavar="TZ",
        help="zone of the files' naive times (default: %(default)s)",
    )
    add(
        "--replay-interval-minutes",
        type=cli.positive_int,
        default=DEFAULT_INTERVAL_MIN,
        metavar="N",
        help="interval length where the files have no interval_minutes column (default: %(default)s)",
    )
    add(
        "--late-fields",
        action="append",
        default=[],
        metavar="FIELDS@ISO",
        help="fields that are null in every reply before this moment of the service's clock, as in "
        "V,V1,V2,V3@2026-02-01T00:00-05:00; may repeat",
    )
    add(
        "--young-fields",
        action="append",
        default=[],
        metavar="FIELDS@ISO",
        help="fields that are null in every record that begins before this moment; may repeat",
    )
    add(
        "--move",
        action="append",
        default=[],
        metavar="CHANNEL:SITE@ISO",
        help="a channel that belongs to another site from this moment of the service's clock on; may repeat",
    )
    add("--license-ends", metavar="ISO", help="from this moment on the first site's readings are refused with 402")
    add("--truth", action="store_true", help="print what is planted as JSON, and exit")
    add(
        "--url-file",
        type=cli.output_file(begins_with(b"http")),
        metavar="PATH",
        help="write the base URL to this file once it listens",
    )
    add(
        "--with-parent",
        action="store_true",
        help="stop when the process that started it has ended, be it by kill -9",
    )
    add("--api-key", default=SANDBOX_API_KEY, help="API key to accept (default: %(default)s)")
    add("--email", default=SANDBOX_EMAIL, help="e-mail to accept (default: %(default)s)")
    add("--password", default=SANDBOX_PASSWORD, help="password to accept (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.truth and args.replay:
        parser.error("--truth is for the model; measured files have nothing planted")
    if not 0 <= args.port <= 65535 or args.latency_ms < 0:
        parser.error("--port must be from 0 to 65535 and --latency-ms 0 or more")
    return args


def _parse_quirks(args: argparse.Namespace) -> Quirks:
    return Quirks(
        late_fields=tuple(parse_fields_from("--late-fields", text) for text in args.late_fields),
        young_fields=tuple(parse_fields_from("--young-fields", text) for text in args.young_fields),
        moves=tuple(map(parse_move, args.move)),
        license_ends_s=None if args.license_ends is None else parse_moment("--license-ends", args.license_ends),
    )


def _parse_now(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromtimestamp(parse_moment("--now", text), UTC)


def _parse_planted_weeks(texts: Sequence[str] | None) -> list[date] | None:
    if texts is None:
        return None
    if "none" in texts:
        return []
    try:
        mondays = [date.fromisoformat(text) for text in texts]
    except ValueError as err:
        raise UsageError(f"--planted-week {' '.join(texts)!r} should be a Monday as YYYY-MM-DD, or 'none'") from err
    for monday in mondays:
        if monday.weekday() != _MONDAY:
            raise UsageError(f"--planted-week {monday} should be a Monday")
    return mondays


def _real_now() -> datetime:
    return datetime.now(UTC)


def _wait_for_signal(url: str, args: argparse.Namespace, parent: int) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if args.url_file is not None:
        write_atomically(args.url_file, url + "\n")
    print(f"Sandbox of the Eniscope API on {url} (site {SITE_ID}, seed {args.seed}); stop with Ctrl-C", flush=True)
    while not stopped.wait(_PARENT_CHECK_S if args.with_parent else None):
        if os.getppid() != parent:
            break


if __name__ == "__main__":
    sys.exit(cli.run(main))
