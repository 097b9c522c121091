"""How every script speaks on the command line: help from its docstring, one-line errors, shared arguments."""

from __future__ import annotations

import argparse
import errno
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, time
from pathlib import Path
from typing import Any, NoReturn, TextIO

from lib import describe_missing_package
from lib.errors import EXIT_FAILED, EXIT_USAGE, PipelineError, UsageError
from lib.logs import clean_text, setup_logging
from lib.paths import check_file, check_folder

DEFAULT_SITE_ID = 23271
_MAX_ID = 2**63 - 1  # what PostgreSQL's bigint holds
_MAX_DAYS = 36_500
WINDOW_HELP = (
    "a date (YYYY-MM-DD) is the site's local day, the end day included; "
    "a date-time with offset (2026-01-20T06:00-05:00) is exact, the end exclusive"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: error: {clean_text(message)} (see --help)", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


def script_parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return a parser whose description is the script's docstring, with `-v` added."""
    parser = _Parser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show traces of errors")
    return parser


def positive_int(text: str) -> int:
    """Parse a whole number of one or more, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= _MAX_ID:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number of 1 or more")
    return value


def day_count(text: str) -> int:
    """Parse a number of days, for argparse: no meter of this kind is older than `_MAX_DAYS`."""
    value = positive_int(text)
    if value > _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} should be {_MAX_DAYS} days or less")
    return value


def time_of_day(text: str) -> time:
    """Parse a time such as 06:00, for argparse."""
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} should be a time of day such as 06:00")
    return time.fromisoformat(text)


def local_day(text: str) -> date:
    """Parse a date such as 2026-01-20, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} should be a date such as 2026-01-20") from None


def reason_text(text: str) -> str:
    """Parse a reason, for argparse: some words, on one line."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a reason should have words, for whoever asks why")
    return " ".join(text.split())


def input_file(text: str) -> Path:
    """Parse the path of a file to read, for argparse; see `lib.paths.check_file`."""
    return _checked(lambda: check_file(Path(text)))


def output_file(is_own: Callable[[Path], bool]) -> Callable[[str], Path]:
    """Return what parses the path of a file to write, for argparse; `is_own` as `lib.paths.check_file` takes it."""
    return lambda text: _checked(lambda: check_file(Path(text), is_own))


def folder(text: str) -> Path:
    """Parse the path of a folder that is there or can be made, for argparse."""
    return _checked(lambda: check_folder(Path(text)))


def _checked(check: Callable[[], Path]) -> Path:
    try:
        return check()
    except UsageError as err:
        raise argparse.ArgumentTypeError(str(err)) from err


def add_site_argument(parser: argparse._ActionsContainer, *, required: bool = False) -> None:
    """Add `--site`, the organization id."""
    if required:
        parser.add_argument("--site", type=positive_int, required=True, metavar="ID", help="site (organization) id")
        return
    parser.add_argument(
        "--site",
        type=positive_int,
        default=DEFAULT_SITE_ID,
        metavar="ID",
        help="site (organization) id (default: %(default)s)",
    )


def channel_word(text: str) -> str:
    """Parse a channel's name or id, for argparse; `lib.channel_names.find_channel` knows which channel it is."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} should be a channel's name or id")
    return text


def add_window_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--start` and `--end`, understood alike by every script."""
    parser.add_argument("--start", metavar="WHEN", help=f"start of the window: {WINDOW_HELP}")
    parser.add_argument("--end", metavar="WHEN", help="end of the window, in the same forms")


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout; a NaN in it is a defect and raises ValueError."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def run(main: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Run a script's `main` and turn any error into one line on stderr and an exit code."""
    was_closed = _prepare_streams()
    setup_logging()
    if was_closed:
        logging.getLogger(__name__).warning("stdout is closed, and results go nowhere; leave it open, or name a file")
    try:
        code = main(argv)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output (head, less) went away: nothing is left to say to it.
        _give_up(sys.stdout)
        return EXIT_FAILED
    except PipelineError as err:
        failure: BaseException = err
        code, message = err.exit_code, str(err)
    except KeyboardInterrupt as err:
        failure = err
        code, message = EXIT_FAILED, "interrupted; what was committed is kept, run again to continue"
    except Exception as err:  # the last line of defence: a defect must still end as one line and an exit code
        failure = err
        code, message = EXIT_FAILED, _describe_unexpected(err)
    logger = logging.getLogger(__name__)
    logger.error("%s", message, exc_info=failure if logger.isEnabledFor(logging.DEBUG) else None)
    return code


def _prepare_streams() -> bool:
    """Make stdout and stderr take any text, and return whether stdout was closed.

    One that is closed leads nowhere from now on: else the next file or connection would get its number, and what is
    printed. Letters that an encoding lacks are shown as codes.
    """
    was_closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - it stays open to the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return was_closed


def _give_up(stream: TextIO) -> None:
    """Lead what the stream still holds nowhere, or Python would complain of it after the last line."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def _describe_unexpected(err: Exception) -> str:
    missing = describe_missing_package(err)
    if missing is not None:
        return missing
    if isinstance(err, OSError) and err.errno == errno.ENOSPC:
        with suppress(OSError, ValueError):
            _give_up(sys.stdout)
        return f"no space is left on the disk ({err.filename or 'output'}); make room, and run again"
    return f"unexpected {type(err).__name__}: {err}; run again with -v for the trace"
