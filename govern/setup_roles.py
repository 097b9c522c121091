"""Make a database role for each stage, with the least that it needs: where one password leaks, not all is lost.

Makes energy_ingest, energy_govern, energy_analyze and energy_deliver, without a login, and gives each its rights on
the schema as it is. setup_database.py renews the rights whenever it changes the schema. To use a role, give it a login
and a password (psql: ALTER ROLE energy_deliver LOGIN; then \\password energy_deliver), and put its URL into .env, for
example as DATABASE_URL_DELIVER; a stage without a URL of its own uses DATABASE_URL.

Stage: govern
Reads: the database's catalogue
Writes: roles and their rights
Safe to re-run: yes
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from govern.schema.roles import ROLES, apply_grants, create_roles
from lib import cli, db
from lib.errors import EXIT_DONE
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Make the roles that are missing, and renew the rights of all."""
    args = cli.script_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)
    with db.connect(load_settings().require_database_url()) as conn:
        made = create_roles(conn)
        grants = apply_grants(conn)
        conn.commit()
    print(f"made {', '.join(made) or 'no role'}; {len(ROLES)} roles have {grants} grants")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
