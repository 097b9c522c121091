"""Checks a report against its published schema and writes it whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib.errors import PipelineError
from lib.paths import PROJECT_ROOT, write_atomically

SCHEMAS_DIR = PROJECT_ROOT / "deliver" / "schemas"


def check_report(report: dict[str, Any], schema_name: str) -> None:
    """Raise a PipelineError when the report breaks the contract that its readers rely on."""
    from jsonschema_rs import validator_for

    schema = json.loads((SCHEMAS_DIR / f"{schema_name}.schema.json").read_text(encoding="utf-8"))
    error = next(iter(validator_for(schema).iter_errors(report)), None)
    if error is not None:
        place = ".".join(map(str, error.instance_path)) or "its top"
        raise PipelineError(
            f"the report breaks {schema_name}.schema.json at {place}: {error.message[:200]}; "
            "nothing was written, please report this defect"
        )


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON, whole or not at all; a NaN in it is a defect and raises ValueError."""
    write_atomically(path, json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
