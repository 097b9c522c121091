"""Draws the charts of a page as SVG with Matplotlib: the same drawing for page and PDF. Only scales, never computes."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from deliver.pages.chart_theme import FONTS_DIR, PALETTE, RC_PARAMS
from deliver.words.formats import shorten
from lib.errors import PipelineError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PX_PER_INCH = 72  # Matplotlib's SVG has 72 units an inch; taken as CSS pixels
WIDE_PX, NARROW_PX = 760, 370  # of a desk's column and of a phone's
_NAME_CHARS = {WIDE_PX: 30, NARROW_PX: 16}
_LABEL_SHARE = {WIDE_PX: 0.013, NARROW_PX: 0.034}  # of the longest bar, for each letter behind it
_BAR_PX = 26
_HOURS = (0, 6, 12, 18)


def draw_chart(kind: str, data: dict[str, Any], width_px: int = WIDE_PX) -> str:
    """Return the chart as an SVG element, coloured with `chart_theme.PALETTE`.

    Parameters
    ----------
    kind
        One of `KINDS`.
    data
        What that kind draws: see its function.
    width_px
        `WIDE_PX` or `NARROW_PX`.
    """
    figure_class = _load_matplotlib()
    import matplotlib

    # Its types list each key by name, and no mapping of texts is one.
    with matplotlib.rc_context(RC_PARAMS), warnings.catch_warnings():  # type: ignore[arg-type]
        # A name may hold letters that the font for measuring lacks; the reader's own font has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        height_px, draw = KINDS[kind]
        figure = figure_class(
            figsize=(width_px / _PX_PER_INCH, height_px(data, width_px) / _PX_PER_INCH), layout="constrained"
        )
        axes = figure.subplots()
        draw(axes, data, width_px)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _trim(target.getvalue())


def _load_matplotlib() -> Any:
    try:
        from matplotlib import font_manager
        from matplotlib.figure import Figure
    except ImportError as err:
        raise PipelineError("charts need Matplotlib; run: pip install -r requirements.txt") from err
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in FONTS_DIR.glob("*.ttf"):
        if str(path) not in known:
            font_manager.fontManager.addfont(path)
    return Figure


def _trim(svg: str) -> str:
    """Return the SVG element alone: no prolog, no metadata, no style sheet that would reach the page around it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r"(\d+\.\d{2})\d+", r"\1", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


def _names(names: list[str], width_px: int) -> list[str]:
    return [shorten(name, _NAME_CHARS[width_px]) for name in names]


def _moments(texts: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]


def _day_axis(axes: Axes, timezone: str, width_px: int) -> None:
    """Mark local days: a line at midnight, the weekday in the middle of the day."""
    from matplotlib import dates, ticker

    tz = ZoneInfo(timezone)
    axes.xaxis.set_major_locator(dates.DayLocator(tz=tz))
    axes.xaxis.set_major_formatter(ticker.NullFormatter())
    axes.xaxis.set_minor_locator(dates.HourLocator(byhour=[12], tz=tz))
    axes.xaxis.set_minor_formatter(dates.DateFormatter("%a\n%-d" if width_px == NARROW_PX else "%a %-d %b", tz=tz))
    axes.tick_params(axis="x", which="both", length=0)
    axes.grid(visible=True, axis="x", which="major")


def _rows_axis(axes: Axes, names: list[str], width_px: int) -> None:
    axes.set_yticks(range(len(names)), _names(names, width_px), parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=PALETTE["ink"])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)


def draw_load(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw power over time, with what was to be expected: `times`, `actual`, `expected`, `unit`, `timezone`.

    Optional `low` and `high` bound a band; None in a series is a gap.
    """
    import numpy as np

    times = np.array(_moments(data["times"]), dtype=object)

    def values(key: str) -> list[float]:
        return [float("nan") if value is None else value for value in data[key]]

    if data.get("low"):
        axes.fill_between(times, values("low"), values("high"), color=PALETTE["soft"], linewidth=0, label=data["band"])
    if data.get("expected"):
        axes.plot(times, values("expected"), color=PALETTE["muted"], linewidth=1.2, linestyle=(0, (4, 2)),
                  label=data["expectedLabel"])  # fmt: skip
    if data.get("actual"):
        axes.plot(times, values("actual"), color=PALETTE["accent"], linewidth=1.6, label=data["actualLabel"])
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.margins(x=0)
    axes.set_ylabel(data["unit"])
    _day_axis(axes, data["timezone"], width_px)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0)


def draw_heat_map(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw 7 days × 24 hours: `values` (rows from Monday, None where unknown), `days`, `unit`."""
    import numpy as np

    values = np.array([[np.nan if value is None else value for value in row] for row in data["values"]], dtype=float)
    peak = np.nanmax(values) if np.isfinite(values).any() else 1.0
    share = np.clip(np.nan_to_num(values / (peak if peak > 0 else 1.0)), 0.02, 1)
    for row, hour in np.argwhere(np.isfinite(values)):
        axes.add_patch(_square(hour, row, share[row, hour]))
    axes.set_xlim(-0.5, 23.5)
    axes.set_ylim(6.5, -0.5)
    axes.set_xticks(_HOURS, [f"{hour:02d}:00" for hour in _HOURS])
    axes.set_yticks(range(7), data["days"])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)


def _square(hour: int, row: int, share: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((hour - 0.46, row - 0.46), 0.92, 0.92, facecolor=PALETTE["warm"], alpha=float(share), linewidth=0)


def draw_bars(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw one bar a name with its label behind it: `names`, `values`, `labels`, and optionally `tones` and `limit`."""
    colors = [PALETTE[_TONE_COLORS[tone]] for tone in data.get("tones") or ["calm"] * len(data["names"])]
    bars = axes.barh(range(len(data["names"])), [value or 0 for value in data["values"]], color=colors, height=0.6)
    _rows_axis(axes, data["names"], width_px)
    for bar, label in zip(bars, data["labels"], strict=True):
        axes.annotate(label, (max(bar.get_width(), 0), bar.get_y() + bar.get_height() / 2), xytext=(5, 0),
                      textcoords="offset points", va="center", color=PALETTE["muted"], parse_math=False)  # fmt: skip
    longest = max((len(label) for label in data["labels"]), default=0)
    top = data.get("limit") or max(max(bar.get_width() for bar in bars), 1e-9)
    axes.set_xlim(0, top * (1 + longest * _LABEL_SHARE[width_px]))
    axes.set_xticks([])


def draw_timeline(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw events as bars over the period: `events` (`name`, `start`, `end`, `tone`), `start`, `end`, `timezone`."""
    from matplotlib import dates

    names = list(dict.fromkeys(event["name"] for event in data["events"]))
    for event in data["events"]:
        first, last = (dates.date2num(moment) for moment in _moments([event["start"], event["end"]]))
        axes.barh(names.index(event["name"]), max(last - first, 0.02), left=first, height=0.5,
                  color=PALETTE[_TONE_COLORS[event["tone"]]])  # fmt: skip
    axes.set_xlim(*(dates.date2num(moment) for moment in _moments([data["start"], data["end"]])))
    axes.xaxis_date(tz=ZoneInfo(data["timezone"]))
    _rows_axis(axes, names, width_px)
    _day_axis(axes, data["timezone"], width_px)


def draw_ranges(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw from what is usual to what was reached: `names`, `usual`, `reached`, `unit`."""
    for row, (usual, reached) in enumerate(zip(data["usual"], data["reached"], strict=True)):
        if usual is not None:
            axes.plot([usual, reached], [row, row], color=PALETTE["warm"], linewidth=2, alpha=0.5)
            axes.plot(usual, row, "o", color=PALETTE["muted"], markersize=5)
        axes.plot(reached, row, "o", color=PALETTE["warm"], markersize=8)
    _rows_axis(axes, data["names"], width_px)
    axes.set_xlim(left=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(data["unit"])


def draw_columns(axes: Axes, data: dict[str, Any], width_px: int) -> None:
    """Draw one column a label: `labels`, `values` (None is no column), `unit`, `usual` (optional level)."""
    places = range(len(data["labels"]))
    axes.bar(places, [value or 0 for value in data["values"]], color=PALETTE["accent"], width=0.62)
    if data.get("usual"):
        axes.axhline(data["usual"], color=PALETTE["muted"], linewidth=1.2, linestyle=(0, (4, 2)))
    labels = data["labels"]
    if width_px != WIDE_PX:
        # "Mon 16 Nov" would run into its neighbours.
        labels = ["\n".join(label.split()[:2]) for label in labels]
    step = max(1, len(labels) // (12 if width_px == WIDE_PX else 6))
    axes.set_xticks(list(places)[::step], labels[::step])
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_ylabel(data["unit"])


def _fixed(wide_px: int, narrow_px: int) -> Callable[[dict[str, Any], int], int]:
    return lambda data, width_px: wide_px if width_px == WIDE_PX else narrow_px


def _by_rows(extra_px: int) -> Callable[[dict[str, Any], int], int]:
    def height(data: dict[str, Any], width_px: int) -> int:
        rows = len(data["names"]) if "names" in data else len({event["name"] for event in data["events"]})
        return extra_px + _BAR_PX * max(rows, 1)

    return height


_TONE_COLORS = {"calm": "accent", "good": "good", "warn": "warm", "bad": "bad"}
# What a chart is called → how high it is, and what draws it.
KINDS: dict[str, tuple[Callable[[dict[str, Any], int], int], Callable[..., None]]] = {
    "load": (_fixed(205, 240), draw_load),
    "heat_map": (_fixed(165, 190), draw_heat_map),
    "bars": (_by_rows(8), draw_bars),
    "timeline": (_by_rows(34), draw_timeline),
    "ranges": (_by_rows(44), draw_ranges),
    "columns": (_fixed(150, 180), draw_columns),
}
