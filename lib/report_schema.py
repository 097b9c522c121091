"""Reads a report's file as what it may be: data from outside, until its published schema has been held against it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.errors import DataError
from lib.paths import SCHEMAS_DIR

REPORT_VERSION = "1.4"  # raised whenever a schema asks for more than before
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
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
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


def check_schema(report: dict[str, Any], path: Path, *, may_lack_keys: bool = False) -> None:
    """Raise a DataError that names the place where a report is not as the schema of its kind has it.

    Parameters
    ----------
    may_lack_keys
        Ask for no key but those of `metadata`, which every version wrote. What the report has must be right.
    """
    metadata = report.get("metadata")
    kind = metadata.get("reportKind", "weekly") if isinstance(metadata, dict) else "weekly"
    if not isinstance(kind, str) or kind not in SCHEMA_NAMES:
        raise DataError(f"{path} is of the unknown kind {str(kind)[:40]!r}; known: {', '.join(SCHEMA_NAMES)}")
    if found := find_breach(report, SCHEMA_NAMES[kind], may_lack_keys=may_lack_keys):
        raise DataError(f"{path} is no {kind} report as its schema describes it ({found}); generate it anew")


def is_older(report: dict[str, Any]) -> bool:
    """Return whether a report says that a version of this project wrote it whose schemas asked for less."""
    metadata = report.get("metadata")
    said = metadata.get("reportVersion") if isinstance(metadata, dict) else None
    return isinstance(said, str) and bool(_VERSION.fullmatch(said)) and _parts(said) < _parts(REPORT_VERSION)


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def find_breach(report: dict[str, Any], schema_name: str, *, may_lack_keys: bool = False) -> str | None:
    """Return where and how a report breaks a schema; None where it keeps it."""
    from jsonschema_rs import validator_for

    schema = json.loads((SCHEMAS_DIR / f"{schema_name}.schema.json").read_text(encoding="utf-8"))
    parts = [_of_metadata(schema), _strip(schema)] if may_lack_keys else [schema]
    try:
        errors = (error for part in parts for error in validator_for(part).iter_errors(report))
        error = next(errors, None)
    except (ValueError, OverflowError, RecursionError) as err:  # numbers and depths that are none of JSON
        return f"{type(err).__name__}: {err}"[:_MAX_MESSAGE_LENGTH]
    if error is None:
        return None
    place = ".".join(map(str, error.instance_path)) or "its top"
    return f"{place}: {error.message}"[:_MAX_MESSAGE_LENGTH]


def _of_metadata(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a report's schema that asks for `metadata` with its keys, and for no other key."""
    return {
        "required": ["metadata"],
        "properties": {"metadata": schema["properties"]["metadata"]},
        "$defs": schema["$defs"],
    }


def _strip(part: Any) -> Any:
    """Return a part of a schema without its lists of required keys; forms that only these tell apart may all hold."""
    if isinstance(part, list):
        return [_strip(each) for each in part]
    if not isinstance(part, dict):
        return part
    names = {"oneOf": "anyOf"}
    kept = {key: value for key, value in part.items() if key != "required" or not isinstance(value, list)}
    return {names.get(key, key): _strip(value) for key, value in kept.items()}


def read_checked_report(path: Path) -> dict[str, Any]:
    """Return the report in the file `path`, which keeps the schema of its kind.

    One that an earlier version wrote may lack keys that are asked for today; what it has must be right.

    Raises
    ------
    DataError
        When it cannot be read, or is no such report.
    """
    try:
        report = parse_report(read_whole(path, MAX_REPORT_BYTES), path)
    except OSError as err:
        raise DataError(f"cannot read {path}: {err.strerror or err}; check the path") from err
    check_schema(report, path, may_lack_keys=is_older(report))
    return report


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
