"""Draws a page's parts as one HTML file that needs nothing else: no network, no file beside it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from deliver.pages.chart_theme import TEMPLATES_DIR, page_svg
from deliver.pages.charts import NARROW_PX, WIDE_PX, draw_chart
from deliver.pages.parts import Part
from lib.html_templates import load_template


def render_html(page: Part) -> str:
    """Return the page as HTML.

    Every text is escaped by the templates' autoescape; the charts, whose texts `charts` escapes, are the only markup
    that is let through. A content security policy forbids all but this file's own style and script.
    """
    template = load_template(TEMPLATES_DIR / "page.html.j2")
    from markupsafe import Markup  # it comes with Jinja2

    script = (TEMPLATES_DIR / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        page=_with_chart_keys(page),
        style=Markup((TEMPLATES_DIR / "page.css").read_text(encoding="utf-8") + _brand_style(page["brand"])),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        chart_svg=lambda block: Markup(_chart_markup(block)),
    ) + "\n"  # fmt: skip


def _with_chart_keys(page: Part) -> Part:
    """Return the page with a key for each chart, unique on it."""
    sections = [
        {
            **section,
            "blocks": [{**block, "key": f"{section['id']}-{place}"} for place, block in enumerate(section["blocks"])],
        }
        for section in page["sections"]
    ]
    return {**page, "sections": sections}


def _chart_markup(block: dict[str, Any]) -> str:
    """Return the chart twice, for a desk and for a phone; the style sheet shows one of them."""
    drawings = (("wide", WIDE_PX), ("narrow", NARROW_PX))
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
