"""A folder that goes with the process that asked for it, and with it the PostgreSQL servers whose data it holds.

A process of its own, the guard, does the clearing up: it waits for the end of its input, which comes when the folder is
given back, and as well when the tests are killed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib.errors import PipelineError
from operations.postgres.server import stop_server


@contextmanager
def throwaway_folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder; at the end its servers are stopped and it is removed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    # In a session of its own, so that a Ctrl-C meant for the tests does not end it.
    guard = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        guard.communicate()


def clear(folder: Path) -> None:
    """Stop every server whose data lie in the folder, and remove it."""
    for pid_file in folder.rglob("postmaster.pid"):
        with suppress(PipelineError):  # the others are to be stopped all the same
            stop_server(pid_file.parent)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clear(Path(sys.argv[1]))
