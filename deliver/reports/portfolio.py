"""Puts the weeks of many sites side by side. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyze.week.portfolio import SANDBOX, total_sites
from deliver.reports.follow_up import ACTION_WORDS
from deliver.reports.weekly import SOURCE_NOTES
from deliver.words import formats as fmt
from lib.errors import DataError
from lib.report_schema import REPORT_VERSION
from lib.states import Level

if TYPE_CHECKING:
    from lib.readings import Site

_MOST_ACTIONS = 3  # in the headline


def site_row(site: Site, report: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a site whose weekly report is stored.

    Raises
    ------
    DataError
        When an earlier version of this project wrote it, which did not tell all of this.
    """
    try:
        return _site_row(site, report)
    except (KeyError, TypeError) as err:
        raise DataError(f"its report is of an earlier version, which does not tell {err}; generate it anew") from err


def _site_row(site: Site, report: dict[str, Any]) -> dict[str, Any]:
    savings, use, sections = report["summary"]["totalPotentialSavings"], report["consumption"], report["sections"]
    return {
        "siteId": site.site_id,
        "siteName": site.site_name,
        "status": "ok",
        "currency": savings["currency"],
        "dataSource": site.data_source,
        "isForced": report["metadata"]["validation"]["isForced"],
        "totalKwh": use["totalKwh"],
        "isAtLeast": use["isAtLeast"],
        "mayCountTwice": use["mayCountTwice"],
        "changePct": use["changePct"],
        "savingsKwh": savings["weeklyKwh"],
        "savingsWeekly": savings["weeklyCost"],
        "savingsAnnual": savings["estimatedAnnual"],
        "afterHoursKwh": sections["afterHoursWaste"]["summary"]["totalExcessKwh"],
        "schedule": sections["afterHoursWaste"]["schedule"],
        "seriousIssues": sections["sensorHealth"]["bySeverity"][Level.HIGH],
        "completenessPct": report["dataQuality"]["avgCompleteness"],
    }


def held_row(site: Site, reason: str) -> dict[str, Any]:
    """Return the row of a site of which nothing may be said, and why."""
    return {"siteId": site.site_id, "siteName": site.site_name, "status": "held_back", "reason": reason}


def assemble_portfolio_report(
    rows: list[dict[str, Any]],
    period: dict[str, str],
    now: datetime,
    actions: list[dict[str, Any]],
    results: dict[str, Any],
) -> dict[str, Any]:
    """Return the report as `schemas/portfolio_overview.schema.json` describes it.

    `actions` and `results` are those of `analyze.week.portfolio`.
    """
    totals = total_sites(rows)
    shown = [row for row in rows if row["status"] == "ok"]
    warnings = _warn_of_sandbox(shown, totals["sandboxSitesLeftOut"])
    held = len(rows) - len(shown)
    headline = [f"{totals['sites']} site{'s' * (totals['sites'] != 1)} used {totals['totalKwh']:,.0f} kWh."]
    if held:
        headline.append(f"{fmt.count(held, 'site')} without a report for this week: see why below.")
    forced = ", ".join(f"{row['siteName']} ({row['siteId']})" for row in shown if row.get("isForced"))
    if forced:
        headline.append(f"Reported although checks failed: {forced}. Its own report says why.")
    headline += [
        f"{ACTION_WORDS.get(action['kind'], action['kind'])}: {fmt.count(action['sites'], 'site')}, "
        f"{fmt.money(action['weeklyCost'], action['currency'])} a week."
        for action in actions[:_MOST_ACTIONS]
        if action["weeklyCost"]
    ]
    twice = ", ".join(f"{row['siteName']} ({row['siteId']})" for row in shown if row.get("mayCountTwice"))
    if twice:
        headline.append(f"Some energy may be counted twice at {twice}: see the questions of their validation.")
    assumed = ", ".join(f"{row['siteName']} ({row['siteId']})" for row in shown if row["schedule"]["isAssumed"])
    if assumed:
        headline.append(f"Opening hours are assumed at {assumed}; name them in config/sites/<id>.toml.")
    return {
        "metadata": {
            "generatedAt": now.isoformat(timespec="seconds"),
            "reportKind": "portfolio",
            "reportVersion": REPORT_VERSION,
            "period": period,
        },
        "summary": {"headline": [*warnings, *headline]},
        "warnings": warnings,
        "totals": totals,
        "sites": rows,
        "actions": actions,
        **results,
    }


def _warn_of_sandbox(shown: list[dict[str, Any]], left_out: int) -> list[str]:
    """Return what a reader must know of made-up sites: that all are, or which are, and that no total has them."""
    made_up = [row for row in shown if row["dataSource"] == SANDBOX]
    if not made_up:
        return []
    if not left_out:
        return [SOURCE_NOTES[SANDBOX]]
    names = ", ".join(f"{row['siteName']} ({row['siteId']})" for row in made_up)
    return [f"SANDBOX DATA, made up and not measured, of {names}: marked below, and in no total."]
