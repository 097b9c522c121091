"""What charts look like, and how their colours follow the page's."""

from __future__ import annotations

import re
from typing import Any

from lib.paths import PROJECT_ROOT

TEMPLATES_DIR = PROJECT_ROOT / "deliver" / "templates"
FONTS_DIR = TEMPLATES_DIR / "fonts"
FONT_NAME = "Inter"

# The light theme's colours; page.css has them as variables of the same names. No two may be equal, as a chart's
# colours are told apart by their value.
PALETTE = {
    "ink": "#1b2430",
    "muted": "#56616f",
    "line": "#dfe4e8",
    "accent": "#0b6b67",
    "soft": "#cfe5e3",
    "warm": "#b4531a",
    "good": "#2b7a3d",
    "bad": "#b3261e",
}
_FONT_FAMILY = re.compile(r" font-family: [^;\"]*;")
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"')

RC_PARAMS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read out, searched and restyled
    "svg.hashsalt": "report",  # the same chart gives the same file
    "svg.id": None,
    "font.family": [FONT_NAME, "DejaVu Sans"],
    "font.size": 12,
    "text.color": PALETTE["ink"],
    "text.parse_math": False,  # a channel's name may hold a dollar sign
    "axes.edgecolor": PALETTE["line"],
    "axes.labelcolor": PALETTE["muted"],
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": PALETTE["line"],
    "grid.linewidth": 0.8,
    "xtick.color": PALETTE["line"],
    "xtick.labelcolor": PALETTE["muted"],
    "ytick.color": PALETTE["line"],
    "ytick.labelcolor": PALETTE["muted"],
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "axes.formatter.use_mathtext": False,
}


def page_svg(svg: str, key: str, label_id: str) -> str:
    """Return a chart for within a page: in the page's colours and font, with ids of its own.

    Parameters
    ----------
    key
        Unique on the page.
    label_id
        Of the element whose text says what the chart shows.
    """
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'((?:xlink:)?href=")#', rf"\1#{key}-", svg).replace("url(#", f"url(#{key}-")
    for name, color in PALETTE.items():
        svg = svg.replace(color, f"var(--{name})")
    svg = _SIZE.sub(r"\1", _FONT_FAMILY.sub("", svg))
    return svg.replace("<svg", f'<svg role="img" aria-labelledby="{label_id}"', 1)
