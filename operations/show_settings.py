"""Show which settings the environment and .env give, with secrets masked; or tell a shell script whether one is there.

The shell never reads .env itself: its values may hold quotes, blanks, # and : that a shell would take for its own.

    --has database      exit 0 when DATABASE_URL is set, 1 when not
    --has credentials   exit 0 when the Eniscope key, e-mail and password are all set, 1 when none is, 2 when only some

Stage: operations
Reads: the environment, .env
Writes: nothing
Safe to re-run: yes
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import CREDENTIAL_VARIABLES, Settings, load_settings
from lib import cli
from lib.errors import EXIT_DONE, EXIT_FAILED, UsageError
from lib.logs import clean_text, setup_logging

_MASK = "(set, not shown)"
_ABSENT = "(not set)"


def render_settings(settings: Settings) -> list[str]:
    """Return one line for each setting; those that `repr` leaves out are secrets and masked."""
    lines = []
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        shown = _ABSENT if value in (None, (), {}) else clean_text(str(value)) if setting.repr else _MASK
        lines.append(f"{setting.name:<20} {shown}")
    return lines


def has_credentials(settings: Settings) -> bool:
    """Return whether all Eniscope credentials are set.

    Raises
    ------
    UsageError
        When only some are: whoever set them means the service, and must not get the sandbox instead.
    """
    missing = settings.missing_credentials
    if 0 < len(missing) < len(CREDENTIAL_VARIABLES):
        raise UsageError(f"some Eniscope credentials are set, but not {', '.join(missing)}; set all, or none")
    return not missing


def main(argv: Sequence[str] | None = None) -> int:
    """Print the settings, or answer by the exit code."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--has", choices=("database", "credentials"), help="answer by the exit code alone")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()
    if args.has is None:
        print("\n".join(render_settings(settings)))
        return EXIT_DONE
    is_there = bool(settings.database_url) if args.has == "database" else has_credentials(settings)
    return EXIT_DONE if is_there else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(cli.run(main))
