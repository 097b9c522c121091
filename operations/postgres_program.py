"""Run one of PostgreSQL's own programs (pg_dump, pg_restore, psql) on the database in DATABASE_URL.

The program is the first one found that is not older than the server: on the PATH, or among those of the embedded
server. Its connection goes through a service file that only this user can read, for arguments are shown to everybody
who lists processes.

Stage: operations
Reads: DATABASE_URL
Writes: what the program writes
Safe to re-run: as the program is

Exit codes: those of the program, or 1 where it could not be started
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli, db
from lib.errors import ConfigError
from lib.logs import setup_logging
from operations.postgres.server import programs_dir

PROGRAMS = ("pg_dump", "pg_restore", "psql")
_SERVICE = "energy"
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
_NO_LIMIT = b"SET lock_timeout = 0;\n"
_LAST_SETTING = b"SET row_security"


def find_program(name: str, server_major: int) -> Path:
    """Return the first program of that name that is not older than the server.

    Raises
    ------
    ConfigError
        When there is none; it says what to install.
    """
    on_path = shutil.which(name)
    found = [Path(on_path)] if on_path else []
    try:
        found.append(programs_dir() / name)
    except ConfigError:
        if not found:
            raise
    for path in found:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.search(r"\b(\d+)(?:\.\d+|devel|beta|rc)", version)
        if major and int(major[1]) >= server_major:
            return path
    raise ConfigError(
        f"no {name} of PostgreSQL {server_major} or newer was found; "
        f"install it (Debian: postgresql-client-{server_major})"
    )


def service_file(parameters: dict[str, str]) -> str:
    """Return connection parameters as the text of a service file.

    Raises
    ------
    ConfigError
        When a value has a line break, which such a file cannot hold.
    """
    if any("\n" in value or "\r" in value for value in parameters.values()):
        raise ConfigError("DATABASE_URL has a line break in a value; take it out")
    return "\n".join([f"[{_SERVICE}]", *(f"{name}={value}" for name, value in parameters.items())]) + "\n"


def run_program(database_url: str, name: str, arguments: Sequence[str]) -> int:
    """Run a program on the database and return its exit code."""
    with db.connect(database_url) as conn:
        server_major = conn.server_version // 10_000
        parameters = {key: value for key, value in db.connection_parameters(database_url).items() if value}
    program = find_program(name, server_major)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as service:  # mode 0600
        service.write(service_file(parameters))
        service.flush()
        with_service = ["env", f"PGSERVICEFILE={service.name}"]
        database = f"--dbname=service={_SERVICE}"
        if name == "pg_restore":
            psql: list[str | Path] = [
                find_program("psql", server_major),
                "--no-psqlrc",
                "--quiet",
                "--output=/dev/null",
            ]
            runner = [*with_service, *psql, "--set=ON_ERROR_STOP=1", database]
            return restore_by_psql([program, "--file=-", *arguments], runner)
        return subprocess.run([*with_service, program, database, *arguments], check=False).returncode


def restore_by_psql(writer: Sequence[str | Path], runner: Sequence[str | Path]) -> int:
    """Have `writer` write SQL and `runner` run it in one transaction; return the exit code of the one that failed.

    pg_restore itself begins with a setting that servers before 17 do not know, and its archives cannot be read by the
    pg_restore of such a server. It would also wait without end for a lock; here it waits as long as all scripts do.
    """
    limit = f"SET lock_timeout = {round(db.LOCK_TIMEOUT_S * 1000)};\n".encode()
    with subprocess.Popen(runner, stdin=subprocess.PIPE) as running, subprocess.Popen(
        writer, stdout=subprocess.PIPE
    ) as writing:  # fmt: skip
        assert running.stdin is not None
        assert writing.stdout is not None
        with suppress(BrokenPipeError):  # psql met an error, said so, and left
            running.stdin.write(b"BEGIN;\n")
            for line in writing.stdout:
                if line != _UNKNOWN_BEFORE_17:
                    running.stdin.write(limit if line == _NO_LIMIT else line)
                if line.startswith(_LAST_SETTING):
                    break  # from here on it could be data
            shutil.copyfileobj(writing.stdout, running.stdin)
            writing.stdout.close()
            # Without this line psql ends, and the server takes everything back. The settings of the restore (an empty
            # search_path among them) would stay in a session that a pool hands to the next.
            if writing.wait() == 0:
                running.stdin.write(b"RESET ALL;\nCOMMIT;\n")
        writing.stdout.close()
        with suppress(BrokenPipeError):
            running.stdin.close()
    return running.returncode or writing.returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that is named first with the arguments that follow."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("arguments", nargs="*", help="of the program, behind --")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    return run_program(load_settings().require_database_url(), args.program, args.arguments)


if __name__ == "__main__":
    sys.exit(cli.run(main))
