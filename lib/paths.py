"""Where things are, derived from this file so that any working directory will do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lib.errors import PipelineError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

ENV_FILE = PROJECT_ROOT / ".env"
SITES_DIR = PROJECT_ROOT / "config" / "sites"
MIGRATIONS_DIR = PROJECT_ROOT / "govern" / "schema"
VIEWS_DIR = PROJECT_ROOT / "govern" / "views"
CHECKS_DIR = PROJECT_ROOT / "govern" / "checks"
USAGE_DIR = PROJECT_ROOT / "govern" / "usage"
GAPS_DIR = PROJECT_ROOT / "govern" / "gaps"
QUALITY_DIR = PROJECT_ROOT / "govern" / "quality"
REPORTS_DIR = PROJECT_ROOT / "reports"
EXPORTS_DIR = PROJECT_ROOT / "exports"


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` once the block has ended well; a reader never sees a part of it.

    Raises
    ------
    PipelineError
        When the folder or the file cannot be written; the old file is then untouched.
    """
    temporary = None
    path = path.resolve()  # through a symbolic link, which stays
    if path.exists() and not path.is_file():
        raise PipelineError(f"cannot write {path}: it is no regular file; choose another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
            temporary = Path(handle.name)
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        # mkstemp makes private files; a report is for whoever may read its folder.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as err:
        raise PipelineError(f"cannot write {path}: {err.strerror or err}; choose another place") from err
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all; raises as `open_atomically` does."""
    with open_atomically(path) as handle:
        handle.write(text.encode("utf-8"))
