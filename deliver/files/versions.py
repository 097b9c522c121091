"""Keeps every version of a report that was written: late data make a new one beside the old, with what changed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from analyze.week.report_delta import compare_reports, content_of
from deliver.files.report_files import check_report, read_report, write_report
from deliver.pages.common import currency_of
from deliver.words import formats as fmt
from lib.errors import DataError

# Two files with the same of these, on the same site, are versions of one report.
_IDENTITY = ("reportKind", "period")


class SavedReport(NamedTuple):
    """The newest version of a report, where it is, and whether it was written just now."""

    path: Path
    report: dict[str, Any]
    is_new: bool


def version_path(path: Path, version: int) -> Path:
    """Return where a version of the report `path` is: ``report.json``, then ``report.v2.json`` and so on."""
    return path if version == 1 else path.with_name(f"{path.stem}.v{version}.json")


def latest_version(path: Path) -> int:
    """Return the number of the newest version beside `path`, 0 where there is none."""
    pattern = re.compile(rf"{re.escape(path.stem)}(?:\.v([1-9]\d*))?\.json")
    found = (pattern.fullmatch(file.name) for file in path.parent.glob("*.json"))
    return max((int(match[1] or 1) for match in found if match), default=0)


def save_report(report: dict[str, Any], path: Path, schema_name: str) -> SavedReport:
    """Write the report unless its newest version says the same; a newer version says what it changes.

    An older version is never touched. A file that is there and is no report of this kind raises a DataError.
    """
    number = latest_version(path)
    if number == 0:
        return _write(report, path, 1, schema_name)
    newest = version_path(path, number)
    old = read_report(newest)
    if content_of(old) == content_of(report):
        return SavedReport(newest, old, is_new=False)
    report = _with_delta(report, old, number, newest)
    return _write(report, version_path(path, number + 1), number + 1, schema_name)


def replace_report(report: dict[str, Any], path: Path, schema_name: str) -> SavedReport:
    """Write the report to a place that somebody chose, which always holds the newest.

    An older version of it that stands there is kept beside as ``.v1.json`` and so on; another report is replaced,
    and any other file raises a UsageError.
    """
    old = _find_older(path, report)
    if old is None:
        return _write(report, path, 1, schema_name)
    if content_of(old) == content_of(report):
        return SavedReport(path, old, is_new=False)
    number = old["metadata"].get("version", 1)
    kept = path.with_name(f"{path.stem}.v{number}.json")
    report = _with_delta(report, old, number, kept)
    check_report(report, schema_name)
    write_report(old, kept)
    return _write(report, path, number + 1, schema_name)


def _find_older(path: Path, report: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the file `path` says of the same site and period in the same kind of report, if it does."""
    try:
        old = read_report(path)
    except DataError:
        return None  # nothing is there, or no report
    metadata, wanted = old.get("metadata"), report["metadata"]
    if not isinstance(metadata, dict) or _site_id(metadata) != _site_id(wanted):
        return None
    return old if all(metadata.get(key) == wanted.get(key) for key in _IDENTITY) else None


def _site_id(metadata: dict[str, Any]) -> Any:
    site = metadata.get("site")  # the overview of all sites has none
    return site.get("siteId") if isinstance(site, dict) else None


def _with_delta(report: dict[str, Any], old: dict[str, Any], number: int, superseded: Path) -> dict[str, Any]:
    """Return the report with what it changes in `old`, which is version `number` and stands in `superseded`."""
    delta = compare_reports(old, report)
    return report | {
        "delta": delta | {"text": describe_delta(delta, number, currency_of(report))},
        "metadata": report["metadata"] | {"supersedes": superseded.name},
    }


def _write(report: dict[str, Any], path: Path, version: int, schema_name: str) -> SavedReport:
    report = report | {"metadata": report["metadata"] | {"version": version}}
    check_report(report, schema_name)
    write_report(report, path)
    return SavedReport(path, report, is_new=True)


def describe_delta(delta: dict[str, Any], old_version: int, currency: str | None) -> str:
    """Return what a version changes in one sentence, such as ``Energy +2.1 % (+50 kWh), cost +2.0 % (+$340)``."""
    parts = [
        _describe_sites(delta),
        _describe("energy", delta["energy"], fmt.kwh),
        _describe("cost", delta["cost"], lambda value: fmt.money(value, currency)),
        _describe("savings", delta["savings"], lambda value: fmt.money(value, currency)),
    ]
    parts += [
        _describe("savings", change, partial(fmt.money, currency=change["currency"]))
        for change in delta.get("savingsByCurrency") or []
    ]
    added, gone = len(delta["findingsAdded"]), len(delta["findingsGone"])
    parts += [f"{count} finding{'s' * (count > 1)} {what}" for count, what in ((added, "new"), (gone, "gone")) if count]
    changed = ", ".join(filter(None, parts)) or "no total changed, only details did"
    return f"This version replaces version {old_version}: {changed}."


def _describe_sites(delta: dict[str, Any]) -> str:
    change = int((delta.get("sites") or {}).get("change") or 0)
    return f"{fmt.count(abs(change), 'site')} {'more' if change > 0 else 'fewer'} with a report" if change else ""


def _describe(name: str, change: dict[str, float | None], write: Any) -> str:
    amount = change["change"]
    if not amount:
        return ""
    sign = "+" if amount > 0 else ""
    pct = f"{fmt.signed_pct(change['changePct'], 1)}, " if change["changePct"] is not None else ""
    return f"{name} {pct}{sign}{write(amount)}"
