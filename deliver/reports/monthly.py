"""Puts a month's summary into the report's shape. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from analyze.sections.savings import VERIFIED
from deliver.reports.weekly import site_metadata, warnings_of
from deliver.words import formats as fmt
from deliver.words.bills import bill_days, bill_result
from deliver.words.costs import tell_costs
from deliver.words.family import month_result
from deliver.words.locales import written_for
from deliver.words.week import price_assumptions
from lib.date_utils import parse_timezone
from lib.readings import Site, ValidationStatus


def assemble_monthly_report(
    site: Site, status: ValidationStatus, month: date, summary: dict[str, Any], forced_reason: str | None, now: datetime
) -> dict[str, Any]:
    """Return the report as `schemas/monthly_summary.schema.json` describes it.

    Parameters
    ----------
    summary
        As `analyze.week.loading.load_month` gives it.
    """
    with written_for(site.country):
        return _assemble(site, status, month, summary, forced_reason, now)


def _assemble(
    site: Site, status: ValidationStatus, month: date, summary: dict[str, Any], forced_reason: str | None, now: datetime
) -> dict[str, Any]:
    window = summary["window"]
    tz = parse_timezone(site.timezone)
    warnings = warnings_of(site, status, forced_reason)
    return {
        "metadata": site_metadata(site, status, window, forced_reason, now, "monthly", tz),
        "summary": _summary(month, summary, warnings),
        "month": month.isoformat()[:7],
        **{key: value for key, value in summary.items() if key != "window"},
        "cost": tell_costs(summary["cost"]),
    }


def _summary(month: date, summary: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Return what happened in the month, what is not confirmed, and what money takes for granted."""
    proved = [measure for measure in summary["measures"] if measure["status"] == VERIFIED]
    result, notes = month_result(month, summary, len(proved)), _notes(summary, proved)
    assumptions = price_assumptions(summary.get("energyCost") or {})
    return {
        "result": result, "notes": notes, "assumptions": assumptions, "headline": [*warnings, result, *notes],
    }  # fmt: skip


def _notes(summary: dict[str, Any], proved: list[dict[str, Any]]) -> list[str]:
    lines = []
    if summary.get("mayCountTwice"):
        lines.append("Some energy may be counted twice: how the meters fit together is not confirmed yet.")
    lines += [
        f"Utility bill of {bill_days(bill)}: {bill_result(bill)}"
        for bill in (summary.get("utilityBills") or {}).get("bills", [])
        if bill["state"] == "parts"
    ]
    if proved:
        saved = sum(measure["savings"]["savedKwh"] for measure in proved)
        measures = fmt.count(len(summary["measures"]), "measure")
        lines.append(f"{len(proved)} of {measures} proved to save, {fmt.kwh(saved)} so far.")
    return lines
