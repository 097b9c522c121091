"""Draws a page's parts as one HTML file that needs nothing else: no network, no file beside it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from deliver.pages.chart_data import charts_of, script_data
from deliver.pages.chart_theme import TEMPLATES_DIR, page_svg
from deliver.pages.charts import NARROW_PX, WIDE_PX, draw_chart
from deliver.pages.parts import Part
from deliver.words.locales import written_for
from lib.html_templates import load_template

if TYPE_CHECKING:
    from jinja2 import Template

_LIBRARY, _LIBRARY_STYLE = "vendor/uplot/uPlot.iife.min.js", "vendor/uplot/uPlot.min.css"


def render_html(page: Part) -> str:
    """Return the page as HTML.

    Every text is escaped by the templates' autoescape; the charts, whose texts `charts` escapes, are the only markup
    that is let through. What the script draws is data, as JSON. A content security policy forbids all but this file's
    own style and scripts.
    """
    template = load_template(TEMPLATES_DIR / "page.html.j2")
    page = _with_chart_keys(page)
    with written_for(page.get("country")):
        return _render(template, page)


def _render(template: Template, page: Part) -> str:
    from markupsafe import Markup  # it comes with Jinja2

    data = script_data(page)
    has_hours = any(charts_of(page))
    scripts = ["page.js", *([_LIBRARY] if has_hours else []), *(["explore.js"] if data else [])]
    styles = ["page.css", *([_LIBRARY_STYLE] if has_hours else []), *(["explore.css"] if data else [])]
    return template.render(
        page=page,
        style=Markup("".join(map(_read, styles)) + _brand_style(page["brand"])),
        chart_data=Markup(data),
        scripts=[Markup(_read(name)) for name in scripts],
        script_hashes=" ".join(f"'{_digest(_read(name))}'" for name in scripts),
        chart_svg=lambda block: Markup(_chart_markup(block)),
    ) + "\n"  # fmt: skip


def _read(name: str) -> str:
    return (TEMPLATES_DIR / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """Return a script's hash, by which the policy lets it run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _with_chart_keys(page: Part) -> Part:
    """Return the page with a key for each chart, unique on it."""
    sections = [section | {"blocks": _with_keys(section["blocks"], section["id"])} for section in page["sections"]]
    return page | {"sections": sections}


def _with_keys(blocks: list[Part], prefix: str) -> list[Part]:
    """Return the blocks, with what is folded into them, each with a key of its own."""
    return [_with_key(block, f"{prefix}-{place}") for place, block in enumerate(blocks)]


def _with_key(block: Part, key: str) -> Part:
    if block["type"] == "fold":
        return block | {"key": key, "blocks": _with_keys(block["blocks"], key)}
    if block["type"] != "findings":
        return block | {"key": key}
    items = [
        item | {"chart": item["chart"] | {"key": f"{key}-{n}"}} if item.get("chart") else item
        for n, item in enumerate(block["items"])
    ]
    return block | {"items": items}


def _chart_markup(block: dict[str, Any]) -> str:
    """Return the chart for a desk and for a phone, of which the style sheet shows one; a small one once."""
    is_small = block["data"].get("isSmall")
    drawings = (("", NARROW_PX),) if is_small else (("wide", WIDE_PX), ("narrow", NARROW_PX))
    return "".join(
        f'<div class="{name}">'
        + page_svg(draw_chart(block["kind"], block["data"], width), f"{block['key']}-text")
        + "</div>"
        for name, width in drawings
    )


def _brand_style(brand: dict[str, Any]) -> str:
    """Return the brand's colour as the page's accent; `config.site_file` has checked that it is one."""
    if not brand.get("color"):
        return ""
    light, dark = brand["color"], f"color-mix(in srgb, {brand['color']} 45%, white)"
    in_the_dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --accent: {dark}; }} }}"
    return f":root {{ --accent: {light}; }}\n{in_the_dark}\n"
