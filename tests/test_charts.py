"""The charts of the pages: drawn to scale, marked with what they say, and harmless whatever a name holds."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from deliver.pages.chart_theme import PALETTE, page_svg, paper_svg
from deliver.pages.charts import NARROW_PX, WIDE_PX, _ticks, draw_chart

SVG = "{http://www.w3.org/2000/svg}"
HOURS = [f"2026-11-01T{hour:02d}:00:00-04:00" for hour in (0, 1)] + [
    f"2026-11-01T{hour:02d}:00:00-05:00" for hour in range(1, 24)
]  # a day of 25 hours


def parse(kind: str, data: dict[str, Any], width_px: int = WIDE_PX) -> ElementTree.Element:
    return ElementTree.fromstring(draw_chart(kind, data, width_px))


def texts_of(root: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def marks_of(root: ElementTree.Element) -> list[dict[str, str]]:
    return [dict(node.attrib) for node in root.iter() if "data-tip" in node.attrib]


def points_of(path: str) -> list[tuple[float, float]]:
    """Return the places of a path that is told in steps."""
    start, _, steps = path.partition("l")
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", steps)]
    places = [tuple(float(number) for number in start.split())]
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        places.append((places[-1][0] + dx, places[-1][1] + dy))
    return [(x, y) for x, y in places]


def test_names_are_escaped_in_texts_and_in_what_marks_say() -> None:
    data = {
        "names": ["<b>&\"'", "$x_1$ #set"],
        "values": [4, 1],
        "labels": ["<i>4</i>", "$1"],
        "tones": ["warn", "good"],
    }
    svg = draw_chart("bars", data)
    root = ElementTree.fromstring(svg)
    assert set(texts_of(root)) == {"<b>&\"'", "$x_1$ #set", "<i>4</i>", "$1"}
    assert [mark["data-tip"] for mark in marks_of(root)] == ["<b>&\"': <i>4</i>", "$x_1$ #set: $1"]
    assert [mark["fill"] for mark in marks_of(root)] == [PALETTE["warm"], PALETTE["good"]]
    assert draw_chart("bars", data) == svg
    shortened = texts_of(parse("bars", data | {"names": ["W" * 300, "b"]}, NARROW_PX))
    assert "W" * 15 + "…" in shortened


def test_bars_are_as_long_as_their_values() -> None:
    data = {"names": ["a", "b", "c", "d"], "values": [4, 1, 0, None], "labels": ["", "", "", ""]}
    lengths = [float(mark["width"]) for mark in marks_of(parse("bars", data))]
    assert lengths == pytest.approx([lengths[0], lengths[0] / 4, 0, 0], abs=0.02)
    assert lengths[0] > 300


def test_columns_stand_on_zero_and_hang_below_it() -> None:
    data = {"labels": ["Mon 16 Nov", "Tue 17 Nov", "Wed 18 Nov"], "values": [10.0, -5.0, None], "unit": "kWh"}
    first, second, third = marks_of(parse("columns", data))
    assert float(first["height"]) == pytest.approx(2 * float(second["height"]), abs=0.02)
    assert float(first["y"]) + float(first["height"]) == pytest.approx(float(second["y"]), abs=0.1)
    assert third["height"] == "0.00"
    assert second["data-tip"] == "Tue 17 Nov: −5.0\N{NO-BREAK SPACE}kWh"
    assert {"Mon", "16 Nov"} <= set(texts_of(parse("columns", data, NARROW_PX)))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 0.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (0.0, 36.9, [0, 10, 20, 30, 40]),
        (0.0, 40.0, [0, 10, 20, 30, 40]),
        (0.0, 40.1, [0, 20, 40, 60]),
        (-3.0, 9.0, [-5.0, 0.0, 5.0, 10.0]),
        (0.0, 0.034, [0, 0.01, 0.02, 0.03, 0.04]),
    ],
)
def test_scales_have_round_ticks_that_hold_all_values(low: float, high: float, ticks: list[float]) -> None:
    assert _ticks(low, high) == pytest.approx(ticks)


def test_a_line_has_its_gaps_and_a_day_of_25_hours_its_one_midnight() -> None:
    values: list[float | None] = [2.0, None, 4.0, *[1.0] * 22]
    data = {"times": HOURS, "actual": values, "actualLabel": "used", "unit": "kWh", "timezone": "America/New_York"}
    root = parse("load", data)
    (line,) = [node.attrib["d"] for node in root.iter(f"{SVG}path") if node.attrib.get("stroke") == PALETTE["accent"]
               and node.attrib["stroke-width"] == "1.6"]  # fmt: skip
    alone, rest = line.split("M")[1:]
    assert alone.endswith("h0")
    assert len(points_of(rest)) == 23
    heights = [y for _, y in points_of(rest)]
    assert heights[1:] == pytest.approx([heights[1]] * 22)  # of one, below the four before
    assert heights[1] > heights[0]
    days = [text for text in texts_of(root) if "Nov" in text or "Sun" in text]
    assert len(days) == 1


def test_a_band_ends_where_it_is_unknown() -> None:
    data = {"times": HOURS[:4], "actual": [1, 1, 1, 1], "actualLabel": "a", "low": [0, 0, None, 0],
            "high": [2, 2, 2, 2], "band": "80 %", "unit": "kWh", "timezone": "America/New_York"}  # fmt: skip
    (band,) = [node.attrib["d"] for node in parse("load", data).iter(f"{SVG}path")
               if node.attrib.get("fill") == PALETTE["soft"]]  # fmt: skip
    assert [len(points_of(part.rstrip("Z"))) for part in band.split("M")[1:]] == [4, 2]


def test_the_heat_map_has_a_legend_from_none_to_its_highest_hour() -> None:
    values: list[list[float | None]] = [[None] * 24 for _ in range(7)]
    values[0][9], values[6][23] = 12.0, 3.0
    root = parse("heat_map", {"values": values, "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]})
    cells = marks_of(root)
    assert [(cell["data-tip"], cell["fill-opacity"]) for cell in cells] == [
        ("Mon, 09:00: 12.0\N{NO-BREAK SPACE}kW", "1.00"),
        ("Sun, 23:00: 3.0\N{NO-BREAK SPACE}kW", "0.25"),
    ]
    legend = [node.attrib["fill-opacity"] for node in root.iter(f"{SVG}rect") if "data-tip" not in node.attrib]
    assert legend == ["0.02", "0.25", "0.50", "0.75", "1.00"]
    assert texts_of(root)[-2:] == ["0\N{NO-BREAK SPACE}kW", "12.0\N{NO-BREAK SPACE}kW"]


@pytest.mark.parametrize("width", [WIDE_PX, NARROW_PX])
def test_events_lie_where_they_happened(width: int) -> None:
    event = {"name": "a", "start": "2026-01-13T00:00:00-05:00", "end": "2026-01-14T12:00:00-05:00", "tone": "warn"}
    short = event | {"end": "2026-01-13T00:01:00-05:00", "name": "b"}
    data = {"events": [event, short], "start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00",
            "timezone": "America/New_York"}  # fmt: skip
    root = parse("timeline", data, width)
    long_bar, short_bar = marks_of(root)
    left, right = float(long_bar["x"]), float(long_bar["x"]) + float(long_bar["width"])
    day = (right - left) / 1.5
    assert right + 4.5 * day == pytest.approx(width, abs=0.6)
    assert float(short_bar["width"]) == 2.0  # so that it is seen
    assert long_bar["data-tip"].startswith("a: Tue")


def test_a_range_tells_both_ends_and_one_without_a_usual_value_has_one() -> None:
    root = parse("ranges", {"names": ["a", "b"], "usual": [4.0, None], "reached": [16.8, 2.0], "unit": "kW"})
    assert [mark["data-tip"].replace("\N{NO-BREAK SPACE}", " ") for mark in marks_of(root)] == [
        "a: 16.8 kW, usually 4.0 kW", "b: 2.0 kW",
    ]  # fmt: skip
    assert len(list(root.iter(f"{SVG}circle"))) == 3


def test_the_page_s_drawing_follows_its_colors_and_the_paper_s_names_its_font() -> None:
    svg = draw_chart("bars", {"names": ["#0b6b67"], "values": [1], "labels": ["1"]})
    on_page = page_svg(svg, "chart-text")
    assert on_page.startswith('<svg role="img" aria-labelledby="chart-text" ')
    assert not re.search(r'(?:fill|stroke)="#', on_page)
    assert ">#0b6b67</text>" in on_page  # a name stays as it is
    assert 'font-family="Inter, DejaVu Sans"' in paper_svg(svg)
