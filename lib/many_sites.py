"""One command for many sites: the script's own `main` for each, in a few processes that stay warm.

What a site's command prints and how it ends is what it prints and how it ends alone. One site's failure is a line in
the log, and the others go on; so do they where a process dies. A run that was killed goes on with the sites that it had
not done.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib
import io
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from lib import cli
from lib.errors import EXIT_BREAKER_OPEN, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, BusyError, DataError, UsageError
from lib.logs import setup_logging
from lib.paths import PROJECT_ROOT
from lib.progress import progress_bar

logger = logging.getLogger(__name__)

NOTES_DIR = PROJECT_ROOT / "data" / "many_sites"

# What a run that was killed had done holds for half a day; later the data are others.
GOES_ON_FOR = timedelta(hours=12)
_MAX_NAMED = 10

Main = Callable[[Sequence[str] | None], int]


class Outcome(NamedTuple):
    """How a site's command ended, and what it printed."""

    exit_code: int
    printed: str


class _Command(NamedTuple):
    """A script, as a module, and its arguments but for the site."""

    module: str
    arguments: tuple[str, ...]


def add_many_arguments(sites: argparse._ActionsContainer, others: argparse._ActionsContainer) -> None:
    """Add ``--sites`` and ``--all`` to the choice of the site, and ``--workers`` and ``--again`` to the others."""
    sites.add_argument("--sites", type=_site_list, metavar="ID,ID,…", help="several sites, side by side")
    sites.add_argument("--all", action="store_true", help="every active site, side by side")
    others.add_argument(
        "--workers", type=cli.positive_int, metavar="N",
        help="processes for several sites (default: one for each core)",
    )  # fmt: skip
    others.add_argument("--again", action="store_true", help="several sites: also those that a killed run had done")


def run(main: Main, list_all: Callable[[], list[int]]) -> int:
    """Run a script for the site that its command line names, or for several; see `lib.cli.run`.

    Parameters
    ----------
    main
        Of the script that calls; for several sites it is called for each, with ``--site`` in the place of the choice.
    list_all
        Returns the sites that ``--all`` means.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_many_arguments(parser, parser)
    try:
        chosen, rest = parser.parse_known_args()
    except argparse.ArgumentError:  # the script's own parser says it, with the script's name
        return cli.run(main)
    if not (chosen.all or chosen.sites) or {"-h", "--help"} & set(rest):
        return cli.run(main)
    return cli.run(lambda _argv: _run_many(_Command(_module_of(main), tuple(rest)), chosen, list_all))


def _site_list(text: str) -> list[int]:
    return sorted({cli.positive_int(part.strip()) for part in text.split(",")})


def _module_of(main: Main) -> str:
    path = Path(main.__code__.co_filename).resolve().relative_to(PROJECT_ROOT)
    return ".".join(path.with_suffix("").parts)


def _run_many(command: _Command, chosen: argparse.Namespace, list_all: Callable[[], list[int]]) -> int:
    from lib.side_by_side import count_cores, work_on  # here, for a run on one site does without

    _check_arguments(command, chosen)
    setup_logging("-v" in command.arguments or "--verbose" in command.arguments)
    site_ids = list_all() if chosen.all else chosen.sites
    if not site_ids:
        raise DataError("the database has no active site; run: python ingest/ingest_to_postgres.py")
    workers = chosen.workers or count_cores()
    with _notes_of(command, site_ids, again=chosen.again) as notes:
        waiting = [site_id for site_id in site_ids if site_id not in notes.done]
        if notes.done:
            logger.info(
                "going on where a run was killed: %d of %d sites are done (--again does all)",
                len(notes.done), len(site_ids),
            )  # fmt: skip
        codes = dict.fromkeys(notes.done, EXIT_DONE)
        with progress_bar(len(waiting), "site") as advance:
            for site_id, ended in work_on(partial(run_site, *command), waiting, workers):
                outcome = ended or Outcome(EXIT_FAILED, "")
                codes[site_id] = outcome.exit_code
                if outcome.exit_code == EXIT_DONE:  # one that failed or was held back is tried again
                    notes.note(site_id)
                print(outcome.printed, end="", flush=True)
                advance(f"site {site_id}")
                if outcome.exit_code == EXIT_USAGE:
                    return EXIT_USAGE  # the arguments are every site's
    return _summarize(codes)


def _check_arguments(command: _Command, chosen: argparse.Namespace) -> None:
    if chosen.all and chosen.sites:
        raise UsageError("--all and --sites can't both be given; leave one out")
    for option in ("--site", "--out"):
        if any(word == option or word.startswith(f"{option}=") for word in command.arguments):
            raise UsageError(f"{option} is for one site; leave it out, or --all and --sites")


def _summarize(codes: dict[int, int]) -> int:
    """Say how many sites ended in which way, and return the worst exit code."""
    counts = Counter(codes.values())
    worst = next((code for code in (EXIT_FAILED, EXIT_USAGE, EXIT_BREAKER_OPEN) if counts[code]), EXIT_DONE)
    parts = [f"{counts[EXIT_DONE]} of {len(codes)} sites done"]
    for code, word in ((EXIT_BREAKER_OPEN, "held back"), (EXIT_FAILED, "failed")):
        if counts[code]:
            named = sorted(site_id for site_id, one in codes.items() if one == code)
            more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
            parts.append(f"{counts[code]} {word} ({', '.join(map(str, named[:_MAX_NAMED]))}{more})")
    level = logging.INFO if worst == EXIT_DONE else logging.ERROR
    logger.log(level, "%s", "; ".join(parts))
    return worst


def run_site(module: str, arguments: Sequence[str], site_id: int) -> Outcome:
    """Run a script's `main` for one site in this process, and return how it ended."""
    sys.argv = [f"{module.replace('.', '/')}.py"]  # as its messages, and the database, name it
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            code = cli.run(importlib.import_module(module).main, ["--site", str(site_id), *arguments])
        except SystemExit as end:  # of argparse
            code = end.code if isinstance(end.code, int) else EXIT_FAILED
    return Outcome(code, printed.getvalue())


# --- What a run has done ----------------------------------------------------------------------------------------------


class _Notes:
    """The sites that a run has done, in a file that it holds while it lasts."""

    def __init__(self, handle: IO[str], done: set[int]) -> None:
        self.done = done
        self._handle = handle

    def note(self, site_id: int) -> None:
        """Note a site that is done."""
        self._handle.write(f"{site_id}\n")
        self._handle.flush()


@contextmanager
def _notes_of(command: _Command, site_ids: list[int], *, again: bool) -> Iterator[_Notes]:
    """Yield what a run of this command, killed within half a day, had done; it is forgotten when this one ends.

    Raises
    ------
    BusyError
        When the same command is at work.
    """
    key = hashlib.sha256(json.dumps([command, site_ids]).encode()).hexdigest()[:16]
    NOTES_DIR.mkdir(parents=True, exist_ok=True)
    path = NOTES_DIR / f"{command.module}-{key}.txt"
    with closing(path.open("a+", encoding="utf-8")) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise BusyError(f"{command.module} is at work on these sites already; wait until it ends") from err
        age = datetime.now(UTC) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
        handle.seek(0)
        done = {int(line) for line in handle.read().split()} if age < GOES_ON_FOR and not again else set()
        if not done:
            handle.truncate(0)
        yield _Notes(handle, done)
        path.unlink(missing_ok=True)
