"""Draws the charts of a page as SVG, the same drawing for page and PDF. Only scales, never computes. Pure.

Each mark carries what it says in words (`data-tip`), which the page's script shows to who points at it or steps to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from html import escape
from typing import Any
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

from deliver.pages.chart_theme import PALETTE
from deliver.words import formats as fmt
from lib.date_utils import local_midnight

WIDE_PX, NARROW_PX = 760, 370  # of a desk's column and of a phone's
_NAME_CHARS = {WIDE_PX: 30, NARROW_PX: 16}
_FONT_PX, _SMALL_PX = 12, 11
_LETTER, _WIDE_LETTER = 0.62, 1.05  # of a font's size: how wide a letter is, and one of Chinese, Japanese or Korean
_BAR_PX = 26
_HOURS = (0, 6, 12, 18)
_STEPS = (1, 2, 2.5, 5, 10)  # of a scale, times a power of ten
_TICKS = 4
_LEVELS = 5  # of the heat map's legend
_LEAST_SHARE = 0.02  # so that an hour of no power is told from one that is not known
_SHADES = {"closed": ("line", "0.45"), "holiday": ("soft", "0.9"), "leftOut": ("bad", "0.2"),
           "estimated": ("bad", ""), "counted": ("warm", "0.2")}  # fmt: skip
_STRIPS = ("leftOut", "estimated")
_TONE_COLORS = {"calm": "accent", "good": "good", "warn": "warm", "bad": "bad"}

Attribute = str | float


@dataclass
class Drawing:
    """An SVG as it grows; lengths are in pixels from the upper left corner."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def add(self, name: str, body: str = "", **attributes: Attribute) -> None:
        """Add an element; `_` in an attribute's name stands for a hyphen."""
        told = "".join(f' {key.replace("_", "-")}="{escape(_shown(value))}"' for key, value in attributes.items())
        self.parts.append(f"<{name}{told}>{escape(body)}</{name}>" if body else f"<{name}{told}/>")

    def write(
        self, x: float, y: float, text: str, *, anchor: str = "start", size: int = _SMALL_PX, fill: str = "muted"
    ) -> None:
        """Add a text whose middle is at the height `y`."""
        self.add("text", text, x=x, y=y + 0.35 * size, text_anchor=anchor, font_size=size, fill=PALETTE[fill])

    def rule(self, x1: float, y1: float, x2: float, y2: float, color: str = "line", width: float = 0.8) -> None:
        """Add a straight line."""
        self.add("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", stroke=PALETTE[color], stroke_width=width)

    def svg(self) -> str:
        """Return the whole element."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" fill="none">'
        return head + "".join(self.parts) + "</svg>"


@dataclass(frozen=True)
class _Scale:
    """How a value becomes a place: linear from `low` at `first` to `high` at `last`."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) / ((self.high - self.low) or 1.0) * (self.last - self.first)


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
    return KINDS[kind](data, width_px).svg()


def _shown(value: Attribute) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def _length(text: str, size: int = _FONT_PX) -> float:
    """Return about how wide a text is [px]."""
    return size * sum(_WIDE_LETTER if east_asian_width(char) in "WF" else _LETTER for char in text)


def _ticks(low: float, high: float) -> list[float]:
    """Return about four round values from `low` to above `high`."""
    high = high if high > low else low + 1.0
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in _STEPS if each * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _tick_text(value: float, step: float) -> str:
    return fmt.number(value, next((digits for digits in range(9) if math.isclose(round(step, digits), step)), 9))


def _value_axis(drawing: Drawing, values: Iterable[float], left: float, top: float, bottom: float, unit: str) -> _Scale:
    """Draw the rules and labels of an upright scale, with its unit above it; return the scale."""
    known = list(values)
    ticks = _ticks(min(0.0, *known), max(0.0, *known)) if known else [0.0, 1.0]
    scale = _Scale(ticks[0], ticks[-1], bottom, top)
    for value in ticks:
        drawing.rule(left, scale(value), drawing.width, scale(value))
        drawing.write(left - 6, scale(value), _tick_text(value, ticks[1] - ticks[0]), anchor="end")
    drawing.write(0, 7, unit)
    return scale


def _axis_width(values: Iterable[float]) -> float:
    """Return how much room the labels of an upright scale take [px]."""
    known = list(values)
    ticks = _ticks(min(0.0, *known), max(0.0, *known)) if known else [0.0, 1.0]
    return 8 + max(_length(_tick_text(value, ticks[1] - ticks[0]), _SMALL_PX) for value in ticks)


def _local_days(start: datetime, end: datetime, timezone: str) -> list[tuple[date, float, float]]:
    """Return the local days between two moments with their beginning and end, in seconds since 1970."""
    tz = ZoneInfo(timezone)
    day, days = start.astimezone(tz).date(), []
    while (begins := local_midnight(day, tz).timestamp()) < end.timestamp():
        day += timedelta(days=1)
        ends = local_midnight(day, tz).timestamp()
        days.append((day - timedelta(days=1), max(begins, start.timestamp()), min(ends, end.timestamp())))
    return days


def _day_axis(drawing: Drawing, x: _Scale, top: float, bottom: float, days: list[tuple[date, float, float]]) -> None:
    """Draw a rule at each midnight, and the day's name in its middle."""
    is_narrow = drawing.width <= NARROW_PX
    room = (30 if is_narrow else 72) * len(days)
    every = max(1, math.ceil(room / abs(x.last - x.first)))
    for place, (day, begins, ends) in enumerate(days):
        drawing.rule(x(begins), top, x(begins), bottom)
        if place % every:
            continue
        middle = x((begins + ends) / 2)
        lines = [f"{day:%a}", str(day.day)] if is_narrow else [fmt.day(day.isoformat())]
        for line, text in enumerate(lines):
            drawing.write(middle, bottom + 11 + 13 * line, text, anchor="middle")


def _path(points: Sequence[tuple[float, float | None]], y: _Scale) -> str:
    """Return the path through the points, with a gap at each None."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x, y(value)))
    return "".join(_run(run) for run in runs if run)


def _run(places: Sequence[tuple[float, float]]) -> str:
    """Return an unbroken path, told in steps of tenths of a pixel: half as long as by places."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in places]
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in zip(tenths, tenths[1:], strict=False)]
    told = " ".join(f"{dx / 10:g} {dy / 10:g}" for dx, dy in steps)
    start = f"M{tenths[0][0] / 10:g} {tenths[0][1] / 10:g}"
    return f"{start}l{told.replace(' -', '-')}" if steps else f"{start}h0"


def _band(xs: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], y: _Scale) -> str:
    """Return the outline of the band between two series, in as many parts as it has gaps."""
    parts: list[list[tuple[float, float, float]]] = [[]]
    for x, under, over in zip(xs, low, high, strict=True):
        if under is None or over is None:
            parts.append([])
        else:
            parts[-1].append((x, under, over))
    outlines = []
    for part in filter(None, parts):
        there, back = [(x, y(over)) for x, _, over in part], [(x, y(under)) for x, under, _ in reversed(part)]
        outlines.append(f"{_run([*there, *back])}Z")
    return "".join(outlines)


def _legend(drawing: Drawing, left: float, entries: list[tuple[str, str, str]]) -> None:
    """Draw what the lines and areas mean, above the chart: pairs of mark ("line", "dashes", "area"), colour, label."""
    x = left
    for mark, color, label in entries:
        if mark == "area":
            drawing.add("rect", x=x, y=2, width=16, height=10, fill=PALETTE[color])
        else:
            dash = {"stroke_dasharray": "5 3"} if mark == "dashes" else {}
            drawing.add("path", d=f"M{x:.1f} 7h16", stroke=PALETTE[color], stroke_width=2, **dash)
        drawing.write(x + 21, 7, label)
        x += 21 + _length(label, _SMALL_PX) + 18


def _shade(
    drawing: Drawing, spans: list[dict[str, Any]], x: _Scale, top: float, bottom: float
) -> list[tuple[str, str, str]]:
    """Shade stretches of time, below the lines; return their entries of the legend."""
    entries: dict[str, tuple[str, str, str]] = {}
    for span in spans:
        color, opacity = _SHADES[span["kind"]]
        first, last = (min(max(datetime.fromisoformat(span[key]).timestamp(), x.low), x.high)
                       for key in ("start", "end"))  # fmt: skip
        if first >= last:
            continue
        left, width = x(first), max(x(last) - x(first), 1.0)
        if opacity:
            drawing.add("rect", x=left, y=top, width=width, height=bottom - top, fill=PALETTE[color],
                        fill_opacity=opacity)  # fmt: skip
        if span["kind"] in _STRIPS:
            drawing.add("rect", x=left, y=bottom - 3, width=width, height=3, fill=PALETTE[color])
        if span["kind"] == "holiday":
            drawing.write(left + 3, top + 8, fmt.shorten(span["label"], max(2, int(width / 6))), fill="ink")
        elif span["kind"] != "closed":
            entries.setdefault(span["label"], ("area", color, span["label"]))
    return list(entries.values())


def draw_load(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw power over time, with what was to be expected: `times`, `actual`, `expected`, `unit`, `timezone`.

    Optional `low` and `high` bound a band, and `spans` shade stretches of time; None in a series is a gap. A value
    holds from its time to the next.
    """
    drawing = Drawing(width_px, 240 if width_px == NARROW_PX else 205)
    moments = [datetime.fromisoformat(text) for text in data["times"]]
    seconds = [moment.timestamp() for moment in moments]
    step = seconds[1] - seconds[0] if len(seconds) > 1 else 3600.0
    names = [name for name in ("low", "high", "expected", "actual") if data.get(name)]
    values = [value for name in names for value in data[name] if value is not None]
    left, top, bottom = _axis_width(values), 26.0, drawing.height - (32 if width_px == NARROW_PX else 20)
    y = _value_axis(drawing, values, left, top, bottom, "")
    x = _Scale(seconds[0], seconds[-1] + step, left, width_px)
    end = moments[-1] + timedelta(seconds=step)
    shades = _shade(drawing, data.get("spans") or [], x, top, bottom)
    _day_axis(drawing, x, top, bottom, _local_days(moments[0], end, data["timezone"]))
    places = [x(at + step / 2) for at in seconds]
    entries: list[tuple[str, str, str]] = []
    if data.get("low"):
        drawing.add("path", d=_band(places, data["low"], data["high"], y), fill=PALETTE["soft"])
        entries.append(("area", "soft", data["band"]))
    if data.get("expected"):
        line = _path(list(zip(places, data["expected"], strict=True)), y)
        drawing.add("path", d=line, stroke=PALETTE["muted"], stroke_width=1.2, stroke_dasharray="5 3")
        entries.insert(0, ("dashes", "muted", data["expectedLabel"]))
    if data.get("actual"):
        line = _path(list(zip(places, data["actual"], strict=True)), y)
        drawing.add("path", d=line, stroke=PALETTE["accent"], stroke_width=1.6, stroke_linejoin="round",
                    stroke_linecap="round")  # fmt: skip
        entries.insert(0, ("line", "accent", data["actualLabel"]))
    _legend(drawing, left, entries + shades)
    if not shades:
        drawing.write(width_px, 7, data["unit"], anchor="end")
    return drawing


def draw_heat_map(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw 7 days × 24 hours: `values` (rows from Monday, None where unknown), `days`, `unit`, with a legend."""
    cell_h = 20.0 if width_px == WIDE_PX else 21.0
    drawing = Drawing(width_px, 7 * cell_h + 50)
    left = 12 + max(_length(name) for name in data["days"])
    cell_w = (width_px - left) / 24
    known = [value for row in data["values"] for value in row if value is not None]
    peak = max([*known, 0.0]) or 1.0
    for row, (name, values) in enumerate(zip(data["days"], data["values"], strict=True)):
        drawing.write(left - 8, (row + 0.5) * cell_h, name, anchor="end", size=_FONT_PX, fill="ink")
        for hour, value in enumerate(values):
            if value is not None:
                share = min(1.0, max(value / peak, _LEAST_SHARE))
                tip = f"{name}, {fmt.hour(hour)}: {fmt.kw(value)}"
                _cell(drawing, left + hour * cell_w, row * cell_h, cell_w, cell_h, share, tip)
    for hour in _HOURS:
        drawing.write(left + hour * cell_w, 7 * cell_h + 10, fmt.hour(hour))
    _heat_legend(drawing, left, 7 * cell_h + 36, peak)
    return drawing


def _cell(drawing: Drawing, x: float, y: float, width: float, height: float, share: float, tip: str = "") -> None:
    told = {"data_tip": tip} if tip else {}
    drawing.add("rect", x=x + 0.5, y=y + 0.5, width=width - 1, height=height - 1, fill=PALETTE["warm"],
                fill_opacity=f"{share:.2f}", **told)  # fmt: skip


def _heat_legend(drawing: Drawing, left: float, y: float, peak: float) -> None:
    """Draw five shades from none to the highest, with the power of both ends."""
    low, high = fmt.number(0, 0, "kW"), fmt.kw(peak)
    drawing.write(left, y, low)
    x = left + _length(low, _SMALL_PX) + 8
    for level in range(_LEVELS):
        _cell(drawing, x + 22 * level, y - 6, 22, 12, max(level / (_LEVELS - 1), _LEAST_SHARE))
    drawing.write(x + 22 * _LEVELS + 8, y, high)


def _names_column(drawing: Drawing, names: list[str], top: float = 0.0) -> float:
    """Write the names of the rows; return where the chart beside them begins."""
    shown = [fmt.shorten(name, _NAME_CHARS[int(drawing.width)]) for name in names]
    left = min(10 + max((_length(name) for name in shown), default=0.0), 0.45 * drawing.width)
    for row, name in enumerate(shown):
        drawing.write(left - 8, top + (row + 0.5) * _BAR_PX, name, anchor="end", size=_FONT_PX, fill="ink")
    return left


def draw_bars(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw one bar a name with its label behind it: `names`, `values`, `labels`, and optionally `tones` and `limit`."""
    names, labels = data["names"], data["labels"]
    drawing = Drawing(width_px, _BAR_PX * max(len(names), 1) + 8)
    left = _names_column(drawing, names, 4)
    values = [max(value or 0.0, 0.0) for value in data["values"]]
    behind = 8 + max((_length(label) for label in labels), default=0.0)
    x = _Scale(0.0, data.get("limit") or max([*values, 1e-9]), left, max(width_px - behind, left + 20))
    for row, (name, value, label) in enumerate(zip(names, values, labels, strict=True)):
        tone = (data.get("tones") or ["calm"] * len(names))[row]
        drawing.add("rect", x=left, y=4 + (row + 0.2) * _BAR_PX, width=f"{x(value) - left:.2f}", height=0.6 * _BAR_PX,
                    fill=PALETTE[_TONE_COLORS[tone]], data_tip=f"{name}: {label}")  # fmt: skip
        drawing.write(x(value) + 5, 4 + (row + 0.5) * _BAR_PX, label, size=_FONT_PX)
    return drawing


def draw_timeline(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw events as bars over the period: `events` (`name`, `start`, `end`, `tone`), `start`, `end`, `timezone`."""
    names = list(dict.fromkeys(event["name"] for event in data["events"]))
    bottom = _BAR_PX * max(len(names), 1) + 4
    drawing = Drawing(width_px, bottom + (32 if width_px == NARROW_PX else 20))
    left = _names_column(drawing, names)
    start, end = (datetime.fromisoformat(data[key]) for key in ("start", "end"))
    x = _Scale(start.timestamp(), end.timestamp(), left, width_px)
    _day_axis(drawing, x, 0, bottom, _local_days(start, end, data["timezone"]))
    for event in data["events"]:
        first, last = (x(datetime.fromisoformat(event[key]).timestamp()) for key in ("start", "end"))
        drawing.add("rect", x=first, y=(names.index(event["name"]) + 0.25) * _BAR_PX, width=max(last - first, 2.0),
                    height=0.5 * _BAR_PX, fill=PALETTE[_TONE_COLORS[event["tone"]]],
                    data_tip=f"{event['name']}: {fmt.span(event['start'], event['end'])}")  # fmt: skip
    return drawing


def draw_ranges(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw from what is usual to what was reached: `names`, `usual`, `reached`, `unit`."""
    bottom = _BAR_PX * max(len(data["names"]), 1) + 4
    drawing = Drawing(width_px, bottom + 22)
    left = _names_column(drawing, data["names"])
    ticks = _ticks(0.0, max([*data["reached"], *(value for value in data["usual"] if value is not None), 0.0]))
    x = _Scale(0.0, ticks[-1], left + 8, width_px - 40)
    for value in ticks:
        drawing.rule(x(value), 0, x(value), bottom)
        drawing.write(x(value), bottom + 11, _tick_text(value, ticks[1]), anchor="middle")
    drawing.write(width_px, bottom + 11, data["unit"], anchor="end")
    for row, (name, usual, reached) in enumerate(zip(data["names"], data["usual"], data["reached"], strict=True)):
        y, tip = (row + 0.5) * _BAR_PX, f"{name}: {fmt.number(reached, unit=data['unit'])}"
        if usual is not None:
            tip += f", usually {fmt.number(usual, unit=data['unit'])}"
            drawing.rule(x(usual), y, x(reached), y, "warm", 2)
            drawing.add("circle", cx=x(usual), cy=y, r=3, fill=PALETTE["muted"])
        drawing.add("circle", cx=x(reached), cy=y, r=5, fill=PALETTE["warm"], data_tip=tip)
    return drawing


def draw_columns(data: dict[str, Any], width_px: int) -> Drawing:
    """Draw one column a label: `labels`, `values` (None is no column), `unit`, `usual` (optional level)."""
    is_narrow = width_px == NARROW_PX
    drawing = Drawing(width_px, 180 if is_narrow else 150)
    values = [value or 0.0 for value in data["values"]]
    usual = [data["usual"]] if data.get("usual") else []
    left, bottom = _axis_width([*values, *usual]), drawing.height - (32 if is_narrow else 20)
    y = _value_axis(drawing, [*values, *usual], left, 22, bottom, data["unit"])
    room = (width_px - left) / max(len(values), 1)
    every = max(1, len(values) // (6 if is_narrow else 12))
    for place, (label, value) in enumerate(zip(data["labels"], values, strict=True)):
        top, base = sorted((y(value), y(0.0)))
        tip = f"{label}: {fmt.number(data['values'][place], unit=data['unit'])}"
        drawing.add("rect", x=left + (place + 0.19) * room, y=top, width=0.62 * room, height=f"{base - top:.2f}",
                    fill=PALETTE["accent"], data_tip=tip)  # fmt: skip
        if place % every == 0:
            # "Mon 16 Nov" in one line would run into its neighbours.
            lines = label.replace(",", "").split(maxsplit=1) if is_narrow else [label]
            for line, text in enumerate(lines):
                drawing.write(left + (place + 0.5) * room, bottom + 11 + 13 * line, text, anchor="middle")
    for value in usual:
        drawing.add("path", d=f"M{left:.1f} {y(value):.1f}H{width_px}", stroke=PALETTE["muted"], stroke_width=1.2,
                    stroke_dasharray="5 3")  # fmt: skip
    return drawing


# What a chart is called → what draws it.
KINDS: dict[str, Callable[[dict[str, Any], int], Drawing]] = {
    "load": draw_load,
    "heat_map": draw_heat_map,
    "bars": draw_bars,
    "timeline": draw_timeline,
    "ranges": draw_ranges,
    "columns": draw_columns,
}
