"""Where readers find a page of the portal, for mails: only where it was published, so that no link leads nowhere."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from deliver.portal import links
from lib.paths import PORTAL_DIR

if TYPE_CHECKING:
    from config.settings import Settings


def address_of_page(settings: Settings, place: str) -> str:
    """Return the web address of a page; empty where PORTAL_URL names none, or the page is not in the portal."""
    folder = settings.portal_dir or PORTAL_DIR
    if settings.portal_url is None or not (folder / place).is_file():
        return ""
    return links.address(settings.portal_url, place)


def address_of_report(settings: Settings, report: dict[str, Any]) -> str:
    """Return the web address of a weekly or monthly report's page; empty for other kinds, which have none."""
    meta = report["metadata"]
    site_id, kind = (meta.get("site") or {}).get("siteId"), meta.get("reportKind", "weekly")
    pages = {"weekly": links.week_page, "monthly": links.month_page}
    if kind not in pages or site_id is None:
        return ""
    return address_of_page(settings, pages[kind](site_id, date.fromisoformat(meta["period"]["start"][:10])))
