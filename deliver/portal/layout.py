"""The parts of the portal's own pages, and how they become HTML. Values are texts already; links lead to neighbours."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from deliver.pages.chart_theme import TEMPLATES_DIR
from deliver.portal.record import source_of
from deliver.portal.report_pages import Link
from lib.html_templates import load_template

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATE, _STYLES, _SCRIPT = "portal.html.j2", ("page.css", "portal.css"), "portal.js"


class Cell(NamedTuple):
    """A cell of a table: its text, a second line, what it is sorted by, where it leads, and its tone."""

    text: str
    sort: float | str | None = None
    href: str = ""
    note: str = ""
    tone: str = ""


class Table(NamedTuple):
    """A table that can be sorted and, with a label for the field, searched; its first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    search: str = ""


class Item(NamedTuple):
    """Something that opens: one line, then facts and a table."""

    key: str
    title: str
    badge: str
    tone: str
    amount: str
    facts: Sequence[tuple[str, str]]
    table: Table | None = None
    often: str = "a week"  # what the amount is of


class Tile(NamedTuple):
    """One figure with what it is."""

    label: str
    value: str
    note: str = ""
    tone: str = "calm"


class Section(NamedTuple):
    """A part of a page; what is empty is not shown."""

    key: str
    title: str
    intro: str = ""
    lines: Sequence[str] = ()
    table: Table | None = None
    items: Sequence[Item] = ()


class Page(NamedTuple):
    """A page of the portal."""

    place: str
    eyebrow: str
    title: str
    subtitle: str
    trail: Sequence[Link]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    newest: str = ""  # when the newest of what it shows was measured, ISO 8601


@lru_cache(maxsize=1024)
def leads_to(place: str, page: str) -> str:
    """Return the way to another place of the portal, relative to this page: it holds on any server, and on a disk."""
    return posixpath.relpath(place, posixpath.dirname(page) or ".")


def source_of_page(page: Page) -> str:
    """Return what tells whether a page would be drawn otherwise than before."""
    return source_of(page, _design())


def draw(page: Page) -> str:
    """Return the page as one HTML file that needs nothing else; every text is escaped."""
    from markupsafe import Markup

    script = _read(_SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        page=page,
        trail=_read_template("portal_trail.html.j2").render(trail=page.trail) if page.trail else "",
        style=Markup("".join(_read(name) for name in _STYLES)),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        markup=Markup,
    ) + "\n"  # fmt: skip


@cache
def _read(name: str) -> str:
    return (TEMPLATES_DIR / name).read_text(encoding="utf-8")


@cache
def _read_template(name: str) -> Template:
    return load_template(TEMPLATES_DIR / name)


def _template() -> Template:
    return _read_template(_TEMPLATE)


@cache
def _design() -> str:
    return source_of([_read(name) for name in (_TEMPLATE, *_STYLES, _SCRIPT, "portal_trail.html.j2")])
