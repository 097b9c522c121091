"""What the tests share: a real PostgreSQL of their own, a database for each test, the sandbox over real HTTP."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
import real_cron
from file_import import importer  # noqa: F401  (fixture)
from real_cron import synced_by_cron  # noqa: F401  (fixture)
from scripted_server import client, naps, server  # noqa: F401  (fixtures)
from throwaway_folder import throwaway_folder
from wrapper_tree import fake_crontab, tree  # noqa: F401  (fixtures)

from config.site_file import read_site
from govern.schema.files import apply_migrations, apply_views
from lib import db, logs
from lib.paths import PROJECT_ROOT
from operations.postgres.server import ensure_database, start_server

if TYPE_CHECKING:
    from pipeline import Service
    from psycopg2.extensions import connection as Connection

TEMPLATE_DATABASE = "energy_template"
_database_numbers = itertools.count(1)

ServeSandbox = Callable[..., "Service"]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_configure(config: pytest.Config) -> None:
    """Let what all processes of a run share begin in the one that hands the tests out."""
    real_cron.register(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the fast tests first, so that a plain mistake shows within seconds.

    Each of two processes gets half of the list at first. The second begins with the slow ones, so that none of them is
    left for the end, when the other has nothing to do.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    fast = [item for item in items if not item.get_closest_marker("slow")]
    first = len(items) // 2 if hasattr(config, "workerinput") else len(fast)
    items[:] = [*fast[:first], *slow, *fast[first:]]


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    yield
    logs._secrets.clear()


@pytest.fixture(autouse=True)
def _forget_site_files() -> Iterator[None]:
    yield
    read_site.cache_clear()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests."""
    for name in list(os.environ):
        if name == "DATABASE_URL" or "ENISCOPE_" in name or name.startswith("WEATHER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ENV_FILE", os.devnull)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests use another server: another version, or one behind a pooling proxy."""
    parser.addoption(
        "--postgres-url", help="a server to test on, as its superuser: postgresql://postgres@/postgres?host=…&port=…"
    )


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder for the data of servers, which are stopped when this process of the tests ends, and if it is killed.

    Not tmp_path: pytest closes the folder above it to all other users whenever another pytest starts, and run by root
    the server is another user.
    """
    with throwaway_folder("energy-tests-") as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config, servers_folder: Path) -> Iterator[str]:
    """URL of the maintenance database of a server that lives as long as the tests, or of the one that is named."""
    if named := pytestconfig.getoption("--postgres-url"):
        yield named
        return
    # The data of a test need not survive a power cut.
    yield start_server(servers_folder / "postgres", settings={"fsync": "off", "max_connections": "60"})


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """A database with the whole schema, from which each test's own is copied in a moment."""
    url = ensure_database(postgres_url, TEMPLATE_DATABASE)
    with db.connect(url) as conn:
        apply_migrations(conn)
        apply_views(conn)
    return url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """URL of a new database without any table."""
    name = f"test_{next(_database_numbers)}"
    yield ensure_database(postgres_url, name)
    _administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """URL of a new database with the schema and no rows."""
    name = f"test_{next(_database_numbers)}"
    _administer(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE_DATABASE}"')
    yield template_database.replace(TEMPLATE_DATABASE, name)
    _administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to a new database with the schema."""
    with db.connect(database_url) as connection:
        yield connection


@pytest.fixture
def serve() -> Iterator[ServeSandbox]:
    """Start sandboxes over real HTTP for a test, each with a client that does not really sleep."""
    from pipeline import LOGIN, Service

    from ingest.eniscope.client import EniscopeClient
    from operations.sandbox.api import create_app
    from operations.sandbox.server import serve_in_thread

    running: list[tuple[EniscopeClient, Callable[[], None]]] = []

    def start(
        login: tuple[str, str, str] = LOGIN, timeout_s: float = 10, total_timeout_s: float = 60, **options: Any
    ) -> Service:
        app = create_app(**options)
        url, stop = serve_in_thread(app)
        asker = EniscopeClient(
            url, *login, requests_per_second=0, timeout_s=timeout_s, total_timeout_s=total_timeout_s,
            sleep=lambda seconds: None,
        )  # fmt: skip
        running.append((asker, stop))
        return Service(app, url, asker)

    yield start
    for asker, stop in running:
        asker.close()
        stop()


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Run a project script as a process of its own, with nothing of this machine's settings."""

    def run(script: str, *args: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ENV_FILE": os.devnull}
        return subprocess.run(
            [sys.executable, str(PROJECT_ROOT / script), *map(str, args)],
            env=environment | (env or {}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def _administer(url: str, statement: str) -> None:
    """Run a statement that refuses to be within a transaction."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
