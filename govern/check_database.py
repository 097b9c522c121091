"""Say whether the database is reachable, up to date and filled: one line a check, with a hint where one fails.

Looks at connection, TLS, migrations and views, whether it may write, months, freshness of Layer 2, readings, breakers,
time zones, roles, sizes and dead rows. The URL is never shown.

Stage: govern
Reads: the database's catalogue and counts
Writes: nothing
Safe to re-run: yes

Exit codes: 0 all well · 1 something failed · 2 bad arguments
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schema.database_checks import FAIL, check_all
from lib import cli, db
from lib.errors import EXIT_DONE, EXIT_FAILED
from lib.logs import clean_text, setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the checks; exit 1 when any failed."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--connection-only", action="store_true", help="only try to connect")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url("govern"), readonly=True) as conn:
        health = check_all(conn, args.connection_only)
    if args.json:
        cli.print_json([line._asdict() for line in health])
    else:
        for line in health:
            hint = f" — {line.hint}" if line.hint else ""
            print(f"{line.state:4}  {line.title}: {clean_text(line.detail)}{hint}")
    return EXIT_FAILED if any(line.state == FAIL for line in health) else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
