"""Where things are, derived from this file so that any working directory will do."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lib.errors import PipelineError, UsageError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

ENV_FILE = PROJECT_ROOT / ".env"
SITES_DIR = PROJECT_ROOT / "config" / "sites"
TARIFFS_DIR = PROJECT_ROOT / "config" / "tariffs"
MIGRATIONS_DIR = PROJECT_ROOT / "govern" / "schema"
VIEWS_DIR = PROJECT_ROOT / "govern" / "views"
CHECKS_DIR = PROJECT_ROOT / "govern" / "checks"
USAGE_DIR = PROJECT_ROOT / "govern" / "usage"
GAPS_DIR = PROJECT_ROOT / "govern" / "gaps"
QUALITY_DIR = PROJECT_ROOT / "govern" / "quality"
SCHEMAS_DIR = PROJECT_ROOT / "deliver" / "schemas"
REPORTS_DIR = PROJECT_ROOT / "reports"
EXPORTS_DIR = PROJECT_ROOT / "exports"
FINDING_MAILS = REPORTS_DIR / "finding_mails.jsonl"  # what was told of findings between two weekly reports
PORTAL_DIR = PROJECT_ROOT / "portal"


# Other names of what a process has open: what is put in their place takes it from whoever reads it.
_OPEN_FILES = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd", "/proc")
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip


def check_file(path: Path, is_own: Callable[[Path], bool] | None = None) -> Path:
    """Return `path` where it is a place to read a file from, or with `is_own` to write one to.

    Nothing but a regular file is ever opened, for a pipe would wait, and a device be read without an end or removed.

    Parameters
    ----------
    is_own
        Whether the regular file that is there was written by the one who asks, and may be replaced. An empty one may
        always.

    Raises
    ------
    UsageError
        When it is a folder, a device, a pipe, a socket or a link to one, or for writing another's file.
    """
    kind = _kind_of(path)
    if kind not in (None, stat.S_IFREG):
        raise UsageError(f"{path} is {_KINDS.get(kind, 'no file')}; give a file")
    if is_own is None:
        return path
    if str(path) == "-" or str(path.absolute()).startswith(_OPEN_FILES):
        raise UsageError(f"{path} is not a place for a file; give a file, whose name is printed")
    check_folder(path.parent)
    try:
        is_free = kind is None or path.stat().st_size == 0 or is_own(path)
    except OSError as err:
        raise UsageError(f"cannot read {path}: {err.strerror or err}; choose another file") from err
    if not is_free:
        raise UsageError(f"{path} is there already and was not written by this script; give another name")
    return path


def check_folder(path: Path) -> Path:
    """Return `path` where it is a folder, or can be made one.

    Raises
    ------
    UsageError
        When it, or what leads to it, is no folder.
    """
    place = path.absolute()
    while (kind := _kind_of(place)) is None and place != place.parent:
        place = place.parent
    if kind != stat.S_IFDIR:
        raise UsageError(f"{place} is {_KINDS.get(kind or 0, 'a file')}; give a folder")
    return path


def _kind_of(path: Path) -> int | None:
    """Return what a path leads to, as `stat.S_IFMT` tells it; None where nothing is there."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        raise UsageError(f"cannot look at {path}: {err.strerror or err}; choose another place") from err


def begins_with(start: bytes) -> Callable[[Path], bool]:
    """Return what tells whether a file begins so."""

    def is_own(path: Path) -> bool:
        with path.open("rb") as handle:
            return handle.read(len(start)) == start

    return is_own


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` once the block has ended well; a reader never sees a part of it.

    Raises
    ------
    UsageError
        When there is something else there than a file.
    PipelineError
        When the folder or the file cannot be written; the old file is then untouched.
    """
    temporary = None
    path = check_file(path).resolve()  # through a symbolic link, which stays
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
