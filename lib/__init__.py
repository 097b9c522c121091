"""What every stage shares: errors, paths, command lines, logs, the database, time and statistics."""

from __future__ import annotations

import sys
from types import TracebackType

_OWN_ROOMS = {"config", "lib", "ingest", "govern", "analyze", "deliver", "operations"}


def describe_missing_package(err: BaseException) -> str | None:
    """Return what to do about a package that this Python does not have; None where that is not what is wrong."""
    if not isinstance(err, ModuleNotFoundError) or (err.name or "").partition(".")[0] in _OWN_ROOMS:
        return None
    return (
        f"the package {err.name!r} is missing from {sys.executable}; put bash operations/with_venv.sh in place of "
        "python, which makes the virtual environment that has it, or run: python -m pip install -r requirements.txt"
    )


def _tell_missing_package(kind: type[BaseException], err: BaseException, trace: TracebackType | None) -> None:
    line = describe_missing_package(err)
    if line is None:
        sys.__excepthook__(kind, err, trace)
    else:
        print(line, file=sys.stderr)


# A script imports its packages before its `main` can catch anything.
sys.excepthook = _tell_missing_package
