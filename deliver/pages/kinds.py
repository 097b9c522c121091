"""Which page belongs to which report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliver.pages.customer_page import build_customer_page
from deliver.pages.explore import explorable
from deliver.pages.health_pages import build_asset_page, build_electrical_page
from deliver.pages.monthly_page import build_monthly_page
from deliver.pages.older_reports import modernize
from deliver.pages.parts import Part
from deliver.pages.portfolio_page import build_portfolio_page
from deliver.pages.weekly_page import build_weekly_page
from deliver.words.formats import plain
from deliver.words.locales import written_for
from lib.errors import DataError

BUILDERS: dict[str, Callable[[dict[str, Any]], Part]] = {
    "weekly": build_weekly_page,
    "customer": build_customer_page,
    "asset_health": build_asset_page,
    "electrical_health": build_electrical_page,
    "monthly": build_monthly_page,
    "portfolio": build_portfolio_page,
}


def identity_of(report: dict[str, Any]) -> str:
    """Return what tells a report from every other, its versions included; its page carries it."""
    meta = report["metadata"]
    site_id, start = (meta.get("site") or {}).get("siteId", "all"), (meta.get("period") or {}).get("start")
    version = meta.get("version", 1)
    return f"{meta.get('reportKind', 'weekly')} {site_id} {start} version {version} of {meta['generatedAt']}"


def build_page(report: dict[str, Any]) -> Part:
    """Return the page of a report, whose kind is its ``metadata.reportKind``; without one it is a weekly report.

    Raises
    ------
    DataError
        When it is no report of ours.
    """
    kind = report.get("metadata", {}).get("reportKind", "weekly") if isinstance(report, dict) else None
    if kind not in BUILDERS:
        raise DataError(f"it is of the unknown kind {str(kind)[:40]!r}; known: {', '.join(BUILDERS)}")
    try:
        country = _country_of(report)
        with written_for(country):
            report = modernize(plain(report))
            page = explorable(BUILDERS[kind](report), report)
            return page | {"report": identity_of(report), "country": country}
    except (LookupError, TypeError, AttributeError, ValueError, OSError) as err:  # a zone's name is a file's
        raise DataError(
            f"it is no {kind} report as its schema describes it ({type(err).__name__}: {err}); generate it anew"
        ) from err


def _country_of(report: dict[str, Any]) -> str | None:
    """Return the country whose readers a report is for; None for an overview of sites in several."""
    site = report["metadata"].get("site") or report["metadata"]
    return site.get("country")
