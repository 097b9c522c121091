"""The parts that every report's page is made of. HTML and PDF are drawn from these same parts. Pure.

::

    page      kind, eyebrow, title, subtitle, notices, hero, assumptions, headline, tiles, sections, footer, paper
    section   id, title, intro, fact, isFolded, blocks
    block     text | note | list | findings | chart | table | fold

Values are texts already: what is drawn from them can only be laid out, never computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Part = dict[str, Any]
Cell = str | tuple[str, float | None]  # a text, or a text with the number that it is sorted by

TONES = ("good", "warn", "bad", "calm")
NO_BRAND = {"name": "", "logo": "", "color": "", "contact": ""}
_SHOWN_ROWS, _SHOWN_FINDINGS = 10, 8  # of a table and a list on paper; the page holds them all


def page(kind: str, eyebrow: str, title: str, subtitle: str, **parts: Any) -> Part:
    """Return a page; `parts` are those that it has of notices, hero, assumptions, headline, tiles, sections, footer,
    brand, paper (``a4`` or ``us-letter``), and subject of the mail."""
    empty: Part = {
        "notices": [], "headline": [], "hero": None, "assumptions": [], "tiles": [], "sections": [], "footer": [],
        "brand": NO_BRAND, "paper": "a4", "subject": "", "report": "",
    }  # fmt: skip
    known = empty | parts
    known["sections"] = [part for part in known["sections"] if part and part["blocks"]]
    return {"kind": kind, "eyebrow": eyebrow, "title": title, "subtitle": subtitle, **known}


def notice(tone: str, text: str) -> Part:
    """Return what a reader must know before any number."""
    return {"tone": tone, "text": text}


def tile(label: str, value: str, note: str = "", tone: str = "calm") -> Part:
    """Return one figure with what it is."""
    return {"label": label, "value": value, "note": note, "tone": tone}


def section(
    key: str, title: str, blocks: Sequence[Part | None], intro: str = "", *, fact: str = "", is_folded: bool = False
) -> Part:
    """Return a section; blocks that are None are left out, and a section without any is not shown.

    Parameters
    ----------
    fact
        What the section comes to, in one line: all that is read of a folded one until it is opened, and on paper.
    is_folded
        Closed on the page until it is asked for.
    """
    shown = [block for block in blocks if block]
    return {"id": key, "title": title, "intro": intro, "fact": fact, "isFolded": is_folded, "blocks": shown}


def text(*paragraphs: str) -> Part | None:
    """Return running text."""
    kept = [paragraph for paragraph in paragraphs if paragraph]
    return {"type": "text", "paragraphs": kept} if kept else None


def note(body: str, tone: str = "calm") -> Part | None:
    """Return a remark set apart from the text."""
    return {"type": "note", "text": body, "tone": tone} if body else None


def bullets(items: Sequence[str]) -> Part | None:
    """Return a list of sentences."""
    return {"type": "list", "items": list(items)} if items else None


def finding(
    key: str,
    title: str,
    *,
    tone: str = "calm",
    badge: str = "",
    amount: str = "",
    amount_note: str = "",
    body: str = "",
    steps: Sequence[str] = (),
    facts: Sequence[tuple[str, str]] = (),
    evidence: Part | None = None,
    chart: Part | None = None,
) -> Part:
    """Return something found: one line that opens to what it rests on.

    Parameters
    ----------
    facts
        Pairs of label and value.
    evidence
        A table, shown when the finding is opened.
    chart
        What `chart` returns, shown there too.
    """
    note = amount_note if amount else ""
    return {
        "id": key, "title": title, "tone": tone, "badge": badge, "amount": amount, "amountNote": note,
        "body": body, "steps": list(steps), "facts": [list(pair) for pair in facts], "evidence": evidence,
        "chart": chart,
    }  # fmt: skip


def findings(items: Sequence[Part], *, full: int = 0) -> Part | None:
    """Return findings below one another; on paper, which cannot be opened, the first `full` in full, others briefly."""
    return {"type": "findings", "items": list(items), "full": full, "shown": _SHOWN_FINDINGS} if items else None


def column(label: str, align: str = "left") -> Part:
    """Return a table's column; numbers are aligned to the right."""
    return {"label": label, "align": align}


def table(
    caption: str,
    columns: Sequence[Part],
    rows: Sequence[Sequence[Cell]],
    *,
    is_folded: bool = False,
    is_sortable: bool = False,
    tones: Sequence[str] = (),
    shown: int = _SHOWN_ROWS,
) -> Part | None:
    """Return a table, whose first column is the row's header; None without rows.

    Parameters
    ----------
    is_folded
        Closed on the page until it is asked for, and left out of the PDF: the numbers behind a chart.
    tones
        One per row, where rows are good or bad.
    shown
        So many rows at most are set on paper.
    """
    if not rows:
        return None
    cells = [[{"text": cell, "sort": None} if isinstance(cell, str) else {"text": cell[0], "sort": cell[1]}
              for cell in row] for row in rows]  # fmt: skip
    return {
        "type": "table", "caption": caption, "columns": list(columns), "rows": cells, "isFolded": is_folded,
        "isSortable": is_sortable, "tones": list(tones), "shownRows": shown,
    }  # fmt: skip


def chart(kind: str, title: str, summary: str, data: Part, numbers: Part | None = None) -> Part:
    """Return a chart.

    Parameters
    ----------
    kind
        A function of `deliver.pages.charts`, which draws `data`.
    summary
        What the chart shows, in a sentence: its text alternative, and its caption.
    numbers
        The numbers behind it, as a folded table.
    """
    return {"type": "chart", "kind": kind, "title": title, "summary": summary, "data": data, "numbers": numbers}


def fold(label: str, blocks: Sequence[Part | None]) -> Part | None:
    """Return blocks that are closed on the page until they are asked for, and left out on paper; None without any."""
    shown = [block for block in blocks if block]
    return {"type": "fold", "label": label, "blocks": shown, "isFolded": True} if shown else None
