"""What charts look like, and how their colours follow the page's."""

from __future__ import annotations

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


def page_svg(svg: str, label_id: str) -> str:
    """Return a chart for within a page, in the page's colours.

    Parameters
    ----------
    label_id
        Of the element whose text says what the chart shows.
    """
    for name, color in PALETTE.items():
        svg = svg.replace(f'"{color}"', f'"var(--{name})"')
    return svg.replace("<svg", f'<svg role="img" aria-labelledby="{label_id}"', 1)


def paper_svg(svg: str) -> str:
    """Return a chart for the PDF, which needs to be told its font."""
    return svg.replace("<svg", f'<svg font-family="{FONT_NAME}, DejaVu Sans"', 1)
