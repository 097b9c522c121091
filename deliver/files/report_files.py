"""Reads, checks and writes reports: the JSON against its published schema, and the pages drawn from it."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliver.files.workbook import is_workbook
from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.errors import DataError, PipelineError, UsageError
from lib.html_templates import is_page
from lib.paths import begins_with, check_file, open_atomically, write_atomically
from lib.report_schema import find_breach, parse_report, read_checked_report

if TYPE_CHECKING:
    from analyze.week.meter_table import MeterTables

FORCED_LOG = "forced_reports.jsonl"


_REPORT_START = re.compile(rb'\s*\{\s*"metadata"\s*:\s*\{\s*"generatedAt"')
_LARGEST_PDF = 50_000_000  # bytes; ours are a hundredth of it


def is_report(path: Path) -> bool:
    """Return whether a file begins as every report does."""
    with path.open("rb") as handle:
        return _REPORT_START.match(handle.read(1000)) is not None


def is_pdf(path: Path) -> bool:
    """Return whether a file is a PDF that stands beside its report, or that Typst set, as ours are."""
    if not begins_with(b"%PDF-")(path):
        return False
    report = path.with_suffix(".json")
    if report.is_file() and is_report(report):
        return True
    return path.stat().st_size < _LARGEST_PDF and b"(Typst " in path.read_bytes()


def page_places(stem: Path, *, html: bool, pdf: bool, xlsx: bool = False) -> list[tuple[Path, Callable[[Path], bool]]]:
    """Return where the pages go that are asked for, and what tells whether a file there is such a page."""
    places = ((html, "html", is_page), (pdf, "pdf", is_pdf), (xlsx, "xlsx", is_workbook))
    return [(stem.with_name(f"{stem.name}.{ending}"), is_own) for is_wanted, ending, is_own in places if is_wanted]


def check_report(report: dict[str, Any], schema_name: str) -> None:
    """Raise a PipelineError when the report breaks the contract that its readers rely on."""
    if found := find_breach(report, schema_name):
        raise PipelineError(
            f"the report breaks {schema_name}.schema.json at {found}; nothing was written, please report this defect"
        )


def report_text(report: dict[str, Any]) -> str:
    """Return the report as JSON: a line for each part, and within it no spaces, which would be half of the file."""
    lines = []
    for key, part in report.items():
        if isinstance(part, dict):
            inner = ",\n".join(f"{_compact(name)}:{_compact(value)}" for name, value in part.items())
            lines.append(f"{_compact(key)}:{{\n{inner}\n}}")
        else:
            lines.append(f"{_compact(key)}:{_compact(part)}")
    return "{" + ",\n".join(lines) + "}\n"


def _compact(value: Any) -> str:
    return json.dumps(_whole(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _whole(value: Any) -> Any:
    """Return a part of a report with 7 for 7.0, which is the same number of JSON."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON, whole or not at all; a NaN in it is a defect and raises ValueError."""
    check_file(path, is_report)
    write_atomically(path, report_text(report))


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in the file `path`, which an earlier version of this code may have written: unchecked.

    Raises
    ------
    DataError
        When it cannot be read, or is no JSON object.
    """
    try:
        return parse_report(read_whole(path, MAX_REPORT_BYTES), path)
    except OSError as err:
        raise DataError(f"cannot read {path}: {err.strerror or err}; check the path") from err


def read_weekly_report(path: Path) -> dict[str, Any]:
    """Return the weekly report in the file `path`; another kind of report raises a DataError."""
    report = read_checked_report(path)
    if report["metadata"].get("reportKind", "weekly") != "weekly":
        raise DataError(f"{path} is no weekly report; findings are explained from those")
    return report


def write_pages(report: dict[str, Any], stem: Path, *, html: bool, pdf: bool) -> list[Path]:
    """Draw the report and return the files written: `stem` with ``.html`` and ``.pdf``.

    Both are drawn before either is written, so that a failure leaves the old pair.

    Raises
    ------
    UsageError
        When something else is there.
    DataError
        When the report cannot be drawn.
    """
    if not (html or pdf):
        return []
    from deliver.pages.html_page import render_html
    from deliver.pages.kinds import build_page
    from deliver.pages.pdf_pages import render_pdf

    places = [check_file(path, is_own) for path, is_own in page_places(stem, html=html, pdf=pdf)]
    page = build_page(report)
    try:
        contents = [render_pdf(page) if path.suffix == ".pdf" else render_html(page).encode() for path in places]
    except (ArithmeticError, LookupError, TypeError, ValueError) as err:
        # The schema cannot say all that a drawing needs, such as that a logo is one.
        raise DataError(f"the page cannot be drawn ({type(err).__name__}: {err}); generate the report anew") from err
    for path, content in zip(places, contents, strict=True):
        with open_atomically(path) as handle:
            handle.write(content)
    return places


def write_report_workbook(report: dict[str, Any], stem: Path, tables: MeterTables | None = None) -> Path:
    """Write the report as a workbook, `stem` with ``.xlsx``, and return where it is.

    Parameters
    ----------
    tables
        The energy of its meters by day and interval, which a report does not hold; without them it has no such sheets.

    Raises
    ------
    UsageError
        When its kind has no workbook, or something else is there.
    """
    from deliver.files.workbook import write_workbook
    from deliver.reports.workbook import WORKBOOK_KINDS, sheets_of, written_at

    kind = report["metadata"].get("reportKind", "weekly")
    if kind not in WORKBOOK_KINDS:
        raise UsageError(f"a {kind} report has no workbook; leave out --xlsx (known: {', '.join(WORKBOOK_KINDS)})")
    ((path, is_own),) = page_places(stem, html=False, pdf=False, xlsx=True)
    write_workbook(sheets_of(report, tables), written_at(report), check_file(path, is_own))
    return path


def note_forced(report: dict[str, Any], folder: Path) -> None:
    """Append to the `FORCED_LOG` of a folder who forced a report into it, when and why.

    The database is not deliver's to write to.
    """
    metadata = report["metadata"]
    line = {
        "at": metadata["generatedAt"],
        "by": getpass.getuser(),
        "siteId": metadata["site"]["siteId"],
        "period": metadata["period"],
        **{key: metadata["validation"][key] for key in ("verdict", "isCurrent", "blockingChecks", "forcedReason")},
    }
    log = check_file(folder.resolve() / FORCED_LOG)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as err:
        raise PipelineError(f"cannot write {log}: {err.strerror or err}; choose another place with --out") from err
