"""A database and a sandbox for the benchmarks, each gone when its block ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from throwaway_folder import throwaway_folder

from govern.schema.files import apply_migrations, apply_views
from lib import db
from operations.postgres.server import ensure_database, start_server

SANDBOX = _PROJECT_ROOT / "operations" / "sandbox" / "eniscope_sandbox.py"
CREDENTIALS = ("sandbox-key", "sandbox@example.com", "sandbox-password")


@contextmanager
def temporary_database() -> Iterator[str]:
    """Yield the URL of a new database with the schema, on a server with its default settings."""
    with throwaway_folder("energy-bench-") as folder:
        url = ensure_database(start_server(folder / "postgres"), "bench")
        with db.connect(url) as conn:
            apply_migrations(conn)
            apply_views(conn)
        yield url


@contextmanager
def sandbox_process(*options: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield URL, key, e-mail and password of a sandbox that runs as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url_file = Path(folder) / "url"
        command = [sys.executable, str(SANDBOX), "--port", "0", "--url-file", str(url_file), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not url_file.exists():
                if process.poll() is not None:
                    raise SystemExit("the sandbox did not start")
                time.sleep(0.05)
            yield (url_file.read_text().strip(), *CREDENTIALS)
        finally:
            process.terminate()
            process.wait()
