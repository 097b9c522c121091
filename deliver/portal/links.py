"""Where each page of the portal is: by the site's number and the first day of the week, so that links last. Pure."""

from __future__ import annotations

import re
from datetime import date

INDEX = "index.html"
_PAGE = re.compile(
    r"index\.html|sites/[1-9]\d*/(?:index|findings|quality|week-\d{4}-\d\d-\d\d|month-\d{4}-\d\d)\.html", re.ASCII
)


def site_page(site_id: int) -> str:
    """Return the page of a site."""
    return f"sites/{site_id}/index.html"


def findings_page(site_id: int) -> str:
    """Return the page of a site's findings and their history."""
    return f"sites/{site_id}/findings.html"


def quality_page(site_id: int) -> str:
    """Return the page of a site's data quality."""
    return f"sites/{site_id}/quality.html"


def week_page(site_id: int, monday: date) -> str:
    """Return the page of a site's week, which begins on this Monday of its calendar."""
    return f"sites/{site_id}/week-{monday.isoformat()}.html"


def month_page(site_id: int, month: date) -> str:
    """Return the page of a site's month, which begins on this day."""
    return f"sites/{site_id}/month-{month:%Y-%m}.html"


def is_page_place(place: str) -> bool:
    """Return whether a text is a place in the portal where a page may be."""
    return _PAGE.fullmatch(place) is not None


def site_of(place: str) -> int | None:
    """Return the site that a page is of; None for the page of all sites."""
    parts = place.split("/")
    return int(parts[1]) if len(parts) > 1 else None


def address(base_url: str, place: str) -> str:
    """Return the web address of a page of a portal that is published at `base_url`."""
    return f"{base_url.rstrip('/')}/{place}"
