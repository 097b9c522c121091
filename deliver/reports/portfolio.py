"""Puts the weeks of many sites side by side. Formats only: every number comes from `analyze`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyze.week.portfolio import total_sites
from deliver.reports.follow_up import ACTION_WORDS, how_often
from deliver.reports.weekly import SOURCE_NOTES
from deliver.words import formats as fmt
from deliver.words.family import portfolio_result, some
from deliver.words.locales import written_for
from lib.errors import DataError
from lib.report_schema import REPORT_VERSION
from lib.states import DataSource, Level

if TYPE_CHECKING:
    from lib.readings import Site
    from lib.report_types.head import Period
    from lib.report_types.portfolio import HeldRow, KindOfAction, PortfolioReport, PortfolioResults, SiteRow

_MOST_ACTIONS = 3  # in the headline


def site_row(site: Site, report: dict[str, Any]) -> SiteRow:
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


def _site_row(site: Site, report: dict[str, Any]) -> SiteRow:
    savings, use, sections = report["summary"]["totalPotentialSavings"], report["consumption"], report["sections"]
    return {
        "siteId": site.site_id,
        "siteName": site.site_name,
        "status": "ok",
        "country": (report["metadata"].get("site") or {}).get("country"),
        "currency": savings["currency"],
        "dataSource": DataSource(site.data_source),
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


def held_row(site: Site, reason: str) -> HeldRow:
    """Return the row of a site of which nothing may be said, and why."""
    return {"siteId": site.site_id, "siteName": site.site_name, "status": "held_back", "reason": reason}


def assemble_portfolio_report(
    rows: list[SiteRow | HeldRow],
    period: Period,
    now: datetime,
    actions: list[KindOfAction],
    results: PortfolioResults,
) -> PortfolioReport:
    """Return the report as `schemas/portfolio_overview.schema.json` describes it.

    `actions` and `results` are those of `analyze.week.portfolio`.
    """
    shown = [row for row in rows if row["status"] == "ok"]
    countries = {row.get("country") for row in shown}
    country = countries.pop() if len(countries) == 1 else None
    with written_for(country):
        return _assemble(rows, shown, period, now, actions, results, country)


def _assemble(
    rows: list[SiteRow | HeldRow],
    shown: list[SiteRow],
    period: Period,
    now: datetime,
    actions: list[KindOfAction],
    results: PortfolioResults,
    country: str | None,
) -> PortfolioReport:
    totals = total_sites(rows)
    warnings = _warn_of_sandbox(shown, totals["sandboxSitesLeftOut"])
    counted = [row for row in shown if row["dataSource"] != DataSource.SANDBOX] or shown
    result, notes = portfolio_result(totals, counted, len(rows) - len(shown)), _notes(shown, actions)
    assumed = [_name(row, shown) for row in shown if row["schedule"]["isAssumed"]]
    assumptions = [f"Opening hours not confirmed at {some(assumed)}."] if assumed else []
    return {
        "metadata": {
            "generatedAt": now.isoformat(timespec="seconds"),
            "reportKind": "portfolio",
            "reportVersion": REPORT_VERSION,
            "period": period,
            "country": country,
        },
        "summary": {
            "result": result,
            "notes": notes,
            "assumptions": assumptions,
            "headline": [*warnings, result, *notes, *assumptions],
        },
        "warnings": warnings,
        "totals": totals,
        "sites": rows,
        "actions": actions,
        "ledger": results["ledger"],
        "judged": results["judged"],
    }


def _notes(shown: list[SiteRow], actions: list[KindOfAction]) -> list[str]:
    """Return what there is to do by money, and which sites' figures are in doubt, one fact each."""
    notes = [
        f"{ACTION_WORDS.get(action['kind'], action['kind'])}: {fmt.count(action['sites'], 'site')}, "
        f"{fmt.money(action['weeklyCost'], action['currency'])} {how_often(action['kind'])}."
        for action in actions[:_MOST_ACTIONS]
        if action["weeklyCost"]
    ]
    if forced := [_name(row, shown) for row in shown if row.get("isForced")]:
        notes.append(f"Reported although checks failed: {some(forced)}. Their own reports say why.")
    if twice := [_name(row, shown) for row in shown if row.get("mayCountTwice")]:
        notes.append(
            f"Some energy may be counted twice at {some(twice)}: how the meters fit together is not confirmed."
        )
    return notes


def _name(row: SiteRow, shown: list[SiteRow]) -> str:
    """Return the name of a site, with its number where another bears it too."""
    is_shared = sum(other["siteName"] == row["siteName"] for other in shown) > 1
    return f"{row['siteName']} ({row['siteId']})" if is_shared else str(row["siteName"])


def _warn_of_sandbox(shown: list[SiteRow], left_out: int) -> list[str]:
    """Return what a reader must know of made-up sites: that all are, or which are, and that no total has them."""
    made_up = [row for row in shown if row["dataSource"] == DataSource.SANDBOX]
    if not made_up:
        return []
    if not left_out:
        return [SOURCE_NOTES[DataSource.SANDBOX]]
    names = ", ".join(f"{row['siteName']} ({row['siteId']})" for row in made_up)
    return [f"SANDBOX DATA, made up and not measured, of {names}: marked below, and in no total."]
