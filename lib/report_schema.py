"""Reads a report's file as what it may be: data from outside, until its published schema has been held against it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.errors import DataError
from lib.paths import SCHEMAS_DIR

# metadata.reportKind → its schema's name; a report without a kind is a weekly one.
SCHEMA_NAMES = {
    "weekly": "weekly_report",
    "customer": "customer_report",
    "asset_health": "asset_health",
    "electrical_health": "electrical_health",
    "monthly": "monthly_summary",
    "portfolio": "portfolio_overview",
}
_MAX_MESSAGE_LENGTH = 200
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON has it; no text in it may be stored


def parse_report(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object in a file's content.

    Raises
    ------
    DataError
        When it is none: no UTF-8, no JSON (without NaN and half characters), nested too deep, with a NUL, or a list.
    """
    try:
        report = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
        text = json.dumps(report, ensure_ascii=False, allow_nan=False)
        text.encode()
    except RecursionError as err:
        raise DataError(f"{path} is no report (nested too deep); give a file that a script of deliver wrote") from err
    except ValueError as err:
        reason = str(err)[:_MAX_MESSAGE_LENGTH]
        raise DataError(f"{path} is no JSON ({reason}); give a report that a script of deliver wrote") from err
    if not isinstance(report, dict) or _NUL.search(text):
        raise DataError(f"{path} is no report; give a file that a script of deliver wrote")
    return report


def check_schema(report: dict[str, Any], path: Path) -> None:
    """Raise a DataError that names the place where a report is not as the schema of its kind has it."""
    metadata = report.get("metadata")
    kind = metadata.get("reportKind", "weekly") if isinstance(metadata, dict) else "weekly"
    if not isinstance(kind, str) or kind not in SCHEMA_NAMES:
        raise DataError(f"{path} is of the unknown kind {str(kind)[:40]!r}; known: {', '.join(SCHEMA_NAMES)}")
    if found := find_breach(report, SCHEMA_NAMES[kind]):
        raise DataError(f"{path} is no {kind} report as its schema describes it ({found}); generate it anew")


def find_breach(report: dict[str, Any], schema_name: str) -> str | None:
    """Return where and how a report breaks a schema; None where it keeps it."""
    from jsonschema_rs import validator_for

    schema = json.loads((SCHEMAS_DIR / f"{schema_name}.schema.json").read_text(encoding="utf-8"))
    try:
        error = next(iter(validator_for(schema).iter_errors(report)), None)
    except (ValueError, OverflowError, RecursionError) as err:  # numbers and depths that are none of JSON
        return f"{type(err).__name__}: {err}"[:_MAX_MESSAGE_LENGTH]
    if error is None:
        return None
    place = ".".join(map(str, error.instance_path)) or "its top"
    return f"{place}: {error.message}"[:_MAX_MESSAGE_LENGTH]


def read_checked_report(path: Path) -> dict[str, Any]:
    """Return the report in the file `path`, which keeps the schema of its kind.

    Raises
    ------
    DataError
        When it cannot be read, or is no such report.
    """
    try:
        report = parse_report(read_whole(path, MAX_REPORT_BYTES), path)
    except OSError as err:
        raise DataError(f"cannot read {path}: {err.strerror or err}; check the path") from err
    check_schema(report, path)
    return report


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
