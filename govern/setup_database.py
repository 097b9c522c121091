"""Make a database ready, or bring it to the schema of this checkout.

Stage: govern
Reads: govern/schema/*.sql, govern/views/*/*.sql
Writes: tables, views and their bookkeeping in DATABASE_URL; the rights of the roles, where setup_roles.py made them
Safe to re-run: yes; what stands is left as it is
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schema.distribution import distribute
from govern.schema.files import apply_migrations, apply_views
from govern.schema.preconditions import check_preconditions
from govern.schema.roles import apply_grants, existing_roles
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Apply what is missing and say what it was."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--citus", action="store_true", help="also spread the tables over the machines of a Citus")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url()) as conn:
        check_preconditions(conn)
        migrations = apply_migrations(conn)
        spread = distribute(conn) if args.citus else []
        views = apply_views(conn)
        if existing_roles(conn):
            apply_grants(conn)  # a view that was made anew has lost them
            conn.commit()
    if spread:
        print(f"spread or copied to every machine: {', '.join(spread)}")
    if not migrations and not views:
        print("database is up to date")
        return EXIT_DONE
    print(f"applied {len(migrations)} migrations and {len(views)} views: {', '.join(migrations + views)}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
