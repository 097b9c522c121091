"""Draws the head of a report's page as the body of a mail: what it says, what it is worth, what to do first. Pure but
for the template that it reads."""

from __future__ import annotations

from typing import Any

from deliver.pages.chart_theme import TEMPLATES_DIR
from deliver.pages.parts import Part
from lib.html_templates import load_template

_MOST_ROWS = 5


def render_mail_html(page: Part, link: str = "") -> str:
    """Return the mail's HTML, with the address of the report's page in the portal; every text is escaped."""
    return load_template(TEMPLATES_DIR / "mail.html.j2").render(page=page, sections=_sections(page), link=link) + "\n"


def render_mail_text(page: Part, link: str = "") -> str:
    """Return the same as plain text, for programs that show no HTML."""
    lines = [page["eyebrow"], page["title"], page["subtitle"], ""]
    lines += [f"! {notice['text']}" for notice in page["notices"]]
    if page["hero"]:
        label = f"{page['hero']['label']}: " if page["hero"]["label"] else ""
        lines += [*filter(None, [label + page["hero"]["value"], page["hero"]["note"], *page["assumptions"]]), ""]
    lines += page["headline"]
    for section in _sections(page):
        lines += ["", section["title"]]
        for row in section["rows"]:
            amount = f" ({' '.join(filter(None, [row['amount'], row['amount_note']]))})" if row["amount"] else ""
            lines += [f"- {row['title']}{amount}", *([f"  {row['step']}"] if row["step"] else [])]
    lines += ["", f"Read it on the web: {link}"] if link else []
    return "\n".join([*lines, "", "The report is attached."]) + "\n"


def _sections(page: Part) -> list[dict[str, Any]]:
    """Return the page's first section with findings, as rows of title, first step and amount."""
    for section in page["sections"]:
        found = [item for block in section["blocks"] if block["type"] == "findings" for item in block["items"]]
        if found:
            return [{"title": section["title"], "rows": [_row(item) for item in found[:_MOST_ROWS]]}]
    return []


def _row(item: Part) -> dict[str, str]:
    return {
        "title": item["title"],
        "step": " ".join(filter(None, [_sentence(item["badge"]), *item["steps"][:1]])),
        "amount": item["amount"],
        "amount_note": item["amountNote"],
    }


def _sentence(badge: str) -> str:
    """Return as a sentence what must be known of a finding, such as that nobody vouches for it."""
    return f"{badge[0].upper()}{badge[1:]}." if badge else ""
