"""Sets a page's parts as a PDF with Typst. Texts travel as data (JSON), never as markup."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from deliver.pages.chart_theme import FONTS_DIR, PALETTE, TEMPLATES_DIR, paper_svg
from deliver.pages.charts import WIDE_PX, draw_chart
from deliver.pages.parts import Part
from deliver.words.locales import written_for
from lib.errors import PipelineError

_LOGO_ENDINGS = {"data:image/png": "png", "data:image/jpeg": "jpg", "data:image/svg+xml": "svg"}
_ZERO_WIDTH_SPACE = "\u200b"
# A word that is longer than a column is wide could not be broken; names may be such words.
_LONG_WORD = re.compile(r"\S{24}(?=\S)")


def render_pdf(page: Part) -> bytes:
    """Return the page as a PDF (tagged, for screen readers too).

    Raises
    ------
    PipelineError
        When Typst is not installed.
    """
    try:
        import typst
    except ImportError as err:
        raise PipelineError("the PDF needs Typst; run: pip install -r requirements.txt, or leave --pdf out") from err
    files = {"main.typ": (TEMPLATES_DIR / "page.typ").read_bytes()}
    sections = []
    for section in page["sections"]:
        blocks = []
        for block in [] if section["isFolded"] else section["blocks"]:
            if block["type"] == "chart":
                name = f"chart-{len(files)}.svg"
                with written_for(page.get("country")):
                    files[name] = paper_svg(draw_chart(block["kind"], block["data"], WIDE_PX)).encode()
                block = {"type": "chart", "title": block["title"], "summary": block["summary"], "file": name}
            if block["type"] == "findings":
                block = block | {"items": [item | {"chart": None} for item in block["items"]]}
            if not block.get("isFolded"):
                blocks.append(block)
        sections.append({**section, "blocks": blocks})
    brand = dict(page["brand"], logoFile="")
    if brand["logo"]:
        brand["logoFile"] = "logo." + _LOGO_ENDINGS[brand["logo"].split(";")[0]]
        files[brand["logoFile"]] = base64.b64decode(brand["logo"].split(",", 1)[1])
    colors = {**PALETTE, **({"accent": page["brand"]["color"]} if page["brand"]["color"] else {})}
    data = {"page": _breakable({**page, "sections": sections, "brand": brand}), "colors": colors}
    files["data.json"] = json.dumps(data, ensure_ascii=False).encode()
    try:
        # Its types know no files in memory.
        return typst.compile(files, font_paths=[str(FONTS_DIR)])  # type: ignore[call-overload]
    except typst.TypstError as err:
        raise PipelineError(
            f"Typst could not set the PDF ({err}); nothing was written, please report this defect"
        ) from err


def _breakable(value: Any) -> Any:
    """Return the data with places to break long words at."""
    if isinstance(value, str) and not value.startswith("data:"):
        return _LONG_WORD.sub(lambda match: match.group() + _ZERO_WIDTH_SPACE, value)
    if isinstance(value, dict):
        return {key: _breakable(item) for key, item in value.items()}
    return [_breakable(item) for item in value] if isinstance(value, list) else value
