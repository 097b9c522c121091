"""Puts a month's summary into the report's shape. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from analyze.sections.savings import VERIFIED
from deliver.reports.weekly import site_metadata, warnings_of
from deliver.words import formats as fmt
from deliver.words.bills import bill_days, bill_result
from deliver.words.costs import tell_costs
from deliver.words.locales import written_for
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
        "summary": {"headline": [*warnings, *_headline(month, summary)]},
        "month": month.isoformat()[:7],
        **{key: value for key, value in summary.items() if key != "window"},
        "cost": tell_costs(summary["cost"]),
    }


def _headline(month: date, summary: dict[str, Any]) -> list[str]:
    before, proved = summary["changeOnMonthBefore"], [m for m in summary["measures"] if m["status"] == VERIFIED]
    change = ""
    if before["changePct"] is not None:
        name = f"{date.fromisoformat(before['month'] + '-01'):%B %Y}"
        more = f"{abs(before['changePct']):.1f} % {'more' if before['changePct'] > 0 else 'less'} a day than in {name}"
        change = f", {more}" if round(before["changePct"], 1) else f", as much a day as in {name}"
    lines = [f"The site used {summary['totalKwh']:,.0f} kWh in {month:%B %Y}{change}."]
    if summary.get("mayCountTwice"):
        lines.append("The total may count some energy twice: how the meters fit together is not confirmed yet.")
    lines += [
        f"Utility bill of {bill_days(bill)}: {bill_result(bill)}"
        for bill in (summary.get("utilityBills") or {}).get("bills", [])
        if bill["state"] == "parts"
    ]
    if proved:
        saved = sum(measure["savings"]["savedKwh"] for measure in proved)
        lines.append(f"{len(proved)} of {len(summary['measures'])} measures proved to save, {fmt.kwh(saved)} so far.")
    return lines
