"""Reads reports that were recorded: the same bytes that govern/record_report.py saw, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.errors import DataError
from lib.readings import StoredReport


def stored_path(stored: StoredReport, folder: Path) -> Path:
    """Return where a recorded report's file is; only its name is recorded."""
    return folder / Path(stored.file_name).name


def read_stored(stored: StoredReport, folder: Path) -> dict[str, Any]:
    """Return a recorded report from its file; its schema was checked when it was recorded.

    Raises
    ------
    DataError
        When the file is gone, or is not the one that was recorded.
    """
    path = stored_path(stored, folder)
    try:
        content = read_whole(path, MAX_REPORT_BYTES)
    except OSError as err:
        raise DataError(
            f"its report {path.name} can't be read ({err.strerror or err}); look for it in {folder}"
        ) from err
    if hashlib.sha256(content).hexdigest() != stored.file_sha256:
        raise DataError(
            f"its report {path.name} was changed after it was recorded; run: python govern/record_report.py {path}"
        )
    report: dict[str, Any] = orjson.loads(content)
    return report
