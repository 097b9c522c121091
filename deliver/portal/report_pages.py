"""Takes the page of a recorded report into the portal: as it was drawn with the report, or drawn now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deliver.files.stored import read_stored, stored_path
from deliver.pages.chart_theme import TEMPLATES_DIR
from deliver.portal.record import Figures, Folder, source_of
from deliver.words.formats import plain
from lib.bounded_files import MAX_REPORT_BYTES, read_whole
from lib.errors import DataError
from lib.html_templates import load_template
from lib.readings import StoredReport

if TYPE_CHECKING:
    from jinja2 import Template

# Names are escaped, so that none can hold these.
_TRAIL = re.compile(r"<!-- trail -->.*?<!-- /trail -->", re.DOTALL)


class Link(NamedTuple):
    """A way to another page, beside the one that it stands on; without an address it is this page."""

    label: str
    href: str = ""
    rel: str = ""


def publish_report(
    folder: Folder, place: str, stored: StoredReport, trail: Sequence[Link], reports_dir: Path
) -> Figures | None:
    """Bring a report's page into the folder with its `trail`, and return what lists show of it.

    A page that is there already is only led on to its new neighbours; its report need not be kept for that.

    Raises
    ------
    DataError
        When the report's file is gone or was changed, or it cannot be drawn.
    """
    source, trail_source = stored.file_sha256, source_of(trail, _trail_text())
    known = folder.pages.get(place)
    if known is not None and folder.is_there(place, source, known.trail):
        if known.trail == trail_source:
            return known.figures
        text, figures = folder.read(place), known.figures
    else:
        report = read_stored(stored, reports_dir)
        text, figures = _draw(report, stored_path(stored, reports_dir).with_suffix(".html")), figures_of(report)
    folder.put(place, _TRAIL.sub(lambda _: _draw_trail(trail), text, count=1), source, trail_source, figures)
    return figures


def _draw(report: dict[str, Any], beside: Path) -> str:
    """Return the report's page: the one beside its file where that is of this very report, else a new one."""
    from markupsafe import escape

    from deliver.pages.kinds import build_page, identity_of  # it takes a second, and most runs draw nothing

    mark = f'<meta name="report" content="{escape(identity_of(report))}">'
    try:
        text = read_whole(beside, MAX_REPORT_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if mark in text and _TRAIL.search(text):
        return text
    from deliver.pages.html_page import render_html

    try:
        return render_html(build_page(report))
    except (ArithmeticError, LookupError, TypeError, ValueError) as err:
        raise DataError(f"its page can't be drawn ({type(err).__name__}: {err}); generate the report anew") from err


def figures_of(report: dict[str, Any]) -> Figures:
    """Return what lists show of a report, as far as it tells it: earlier versions told less."""
    meta = report["metadata"]
    use, savings = report.get("consumption") or {}, (report.get("summary") or {}).get("totalPotentialSavings") or {}
    change = use.get("changePct", (report.get("changeOnMonthBefore") or {}).get("changePct"))
    return Figures(
        start=meta["period"]["start"],
        end=meta["period"]["end"],
        version=meta.get("version", 1),
        is_forced=bool((meta.get("validation") or {}).get("isForced")),
        total_kwh=use.get("totalKwh", report.get("totalKwh")),
        is_at_least=bool(use.get("isAtLeast")),
        change_pct=change,
        savings_weekly=savings.get("weeklyCost"),
        currency=savings.get("currency"),
        completeness_pct=(report.get("dataQuality") or {}).get("avgCompleteness"),
        headline=tuple(plain((report.get("summary") or {}).get("headline") or [])),
    )


def _draw_trail(trail: Sequence[Link]) -> str:
    return f"<!-- trail -->{_trail_template().render(trail=trail)}<!-- /trail -->"


@cache
def _trail_template() -> Template:
    return load_template(TEMPLATES_DIR / "portal_trail.html.j2")


@cache
def _trail_text() -> str:
    return (TEMPLATES_DIR / "portal_trail.html.j2").read_text(encoding="utf-8")
