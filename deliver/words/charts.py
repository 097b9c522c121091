"""What the charts say around their numbers. The page's script has its words from here as well."""

from __future__ import annotations

CLOSED = "closed"
LEFT_OUT = "readings left out"
ESTIMATED = "partly estimated"
COUNTED = "counted in this finding"
USED = "used"
NORMAL = "normal"

# Of the script.
WORDS = {
    "all": "Whole period",
    "days": "Zoom into a day",
    "lines": "Show or hide",
    "meters": "Meters",
    "read": "Point at the chart, or use the arrow keys, to read values. Drag to zoom.",
    "readMarks": "Point at a mark, or use the arrow keys, to read it.",
    "unknown": "not known",
}


def finding_chart(meter_name: str) -> str:
    """Return the title of a finding's own chart."""
    return f"{meter_name}, hour by hour"


def finding_summary(meter_name: str, shaded: str, *, has_normal: bool) -> str:
    """Return what a finding's own chart shows; `shaded` is what is marked in it, besides closed hours."""
    normal = f" beside its normal use ({NORMAL}, dashed)" if has_normal else ""
    return f"What {meter_name} used in each hour{normal}." + (f" Shaded: {shaded}." if shaded else "")
