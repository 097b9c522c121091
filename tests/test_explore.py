"""What a page's charts can be asked: the data of its script, a chart for each finding, and the library that draws."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import Any

import pytest
from report_factory import make_report
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE, read_html

from deliver.pages import parts
from deliver.pages.chart_data import charts_of, script_data
from deliver.pages.chart_theme import TEMPLATES_DIR
from deliver.pages.charts import draw_chart
from deliver.pages.html_page import _with_chart_keys, render_html
from deliver.pages.kinds import build_page

# Of uplot 1.6.32 as the npm registry has it; https://github.com/leeoniya/uPlot
LIBRARY = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
NIGHT_HOURS = slice(24 + 18, 48 + 7)  # from Tuesday evening to Wednesday morning


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return _with_chart_keys(build_page(make_report()))


@pytest.fixture(scope="module")
def told(page: dict[str, Any]) -> dict[str, Any]:
    return json.loads(script_data(page))


def series_of(told: dict[str, Any], chart: dict[str, Any], role: str) -> list[float | None]:
    (line,) = [line for line in chart["lines"] if line["role"] == role]
    return told["series"][line["series"]]


def chart_of(page: dict[str, Any], told: dict[str, Any], finding: str) -> dict[str, Any]:
    items = [item for section in page["sections"] for block in section["blocks"] if block["type"] == "findings"
             for item in block["items"]]  # fmt: skip
    return told["charts"][next(item for item in items if item["id"].startswith(finding))["chart"]["key"]]


def test_the_library_is_the_one_that_was_looked_at() -> None:
    folder = TEMPLATES_DIR / "vendor" / "uplot"
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == LIBRARY
    scripts = [folder / "uPlot.iife.min.js", TEMPLATES_DIR / "explore.js", TEMPLATES_DIR / "page.js"]
    ways = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function"
    assert not re.search(ways, "".join(path.read_text() for path in scripts))


def test_the_sites_chart_has_its_meters_and_what_it_marks(page: dict[str, Any], told: dict[str, Any]) -> None:
    hourly = make_report()["charts"]["hourly"]
    chart = next(chart for key, chart in told["charts"].items() if key.startswith("load-"))
    assert series_of(told, chart, "used") == hourly["actualKwh"]
    assert series_of(told, chart, "normal") == hourly["expectedKwh"]
    assert [line["label"] for line in chart["lines"] if line["role"] == "meter"] == [
        meter["channelName"] for meter in hourly["meters"]
    ]
    clock = told["clocks"][chart["clock"]]
    assert (clock["start"], clock["step"], len(clock["labels"])) == (1768194000, 3600, 168)
    assert [day["to"] - day["from"] for day in clock["days"]] == [86400] * 7
    assert (clock["days"][0]["short"], clock["hours"][25]) == ("Mon 12", 1)
    nights = [(span["from"] - clock["start"], span["to"] - clock["start"]) for span in chart["spans"]
              if span["kind"] == "closed"]  # fmt: skip
    assert nights[:2] == [(0, 7 * 3600), (18 * 3600, 31 * 3600)]


def test_a_finding_opens_to_its_meter_and_the_stretches_it_counts(page: dict[str, Any], told: dict[str, Any]) -> None:
    """Air handler 2 was left on for four nights at 4.8 kW, where 1 kW is normal."""
    chart = chart_of(page, told, "win_after_hours-1")
    counted = [(span["to"] - span["from"]) / 3600 for span in chart["spans"] if span["kind"] == "counted"]
    assert counted == [13.0, 13.0, 13.0, 13.5]
    used, normal = (series_of(told, chart, role)[NIGHT_HOURS] for role in ("used", "normal"))
    assert used == pytest.approx([4.8] * 13, abs=0.15)
    assert normal == pytest.approx([1.0] * 13, abs=0.15)
    assert "Air handler 2" in chart["title"]


def test_every_finding_on_a_meter_with_hours_has_a_chart_and_each_key_is_drawn_once(page: dict[str, Any]) -> None:
    keys = [key for key, _ in charts_of(page)]
    assert len(keys) == len(set(keys))
    drawn = [attrs["data-chart"] for tag, attrs in read_html(render_html(page)).elements if tag == "figure"]
    assert set(keys) <= set(drawn)
    assert len(drawn) == len(set(drawn))


def test_series_and_clocks_are_written_once(told: dict[str, Any]) -> None:
    assert len({json.dumps(values) for values in told["series"]}) == len(told["series"])
    assert len(told["clocks"]) == 2  # of the week, and of the forecast
    lines = sum(len(chart["lines"]) for chart in told["charts"].values())
    assert lines > 2 * len(told["series"])


def test_hostile_names_cannot_leave_the_script_s_data() -> None:
    names = ("</script><script>alert(1)</script>", "<!-- & ]]>", "a\u2028b\u2029c", HOSTILE_NAMES[0])
    markup = render_html(build_page(make_report(names, site_name=HOSTILE_SITE)))
    (data,) = re.findall(r'<script type="application/json" id="chart-data">(.*?)</script>', markup, flags=re.DOTALL)
    assert not re.search("[<>&\u2028\u2029]", data)
    labels = {line["label"] for chart in json.loads(data)["charts"].values() for line in chart["lines"]}
    assert names[0] in labels
    assert names[1] in labels
    assert [attrs.get("type") for tag, attrs in read_html(markup).elements if tag == "script"] == [
        "application/json", None, None, None,
    ]  # fmt: skip


def test_only_the_page_s_own_scripts_may_run() -> None:
    markup = render_html(build_page(make_report()))
    policy = re.search(r"script-src ([^\"]*)", markup)
    assert policy is not None
    scripts = re.findall(r"<script>(.*?)</script>", markup, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert html.unescape(policy[1]) == " ".join(f"'sha256-{digest}'" for digest in hashes)
    assert len(markup.encode()) < 400_000


def test_a_page_without_charts_has_no_script_of_them() -> None:
    page = parts.page("monthly", "a", "b", "c", sections=[parts.section("s", "t", [parts.text("no chart")])])
    markup = render_html(page)
    assert "chart-data" not in markup
    assert [tag for tag, _ in read_html(markup).elements].count("script") == 1


def test_a_page_without_hours_has_no_library() -> None:
    report = make_report()
    del report["charts"]["hourly"]
    report["sections"]["forecast"] = {"status": "unavailable", "reason": "none"}
    markup = render_html(build_page(report))
    assert "var uPlot" not in markup
    assert '"charts":{}' in markup  # bars and cells tell their values all the same


def test_a_holiday_is_marked_from_midnight_to_midnight_by_its_name() -> None:
    report = make_report()
    report["charts"]["hourly"]["holidays"] = [{"date": "2026-01-14", "name": "<Founders' Day>"}]
    report["charts"]["hourly"]["leftOut"] = [
        {"channelId": 1, "start": "2026-01-15T03:00:00-05:00", "end": "2026-01-15T04:30:00-05:00"}
    ]
    page = _with_chart_keys(build_page(report))
    told = json.loads(script_data(page))
    load = next(chart for key, chart in told["charts"].items() if key.startswith("load-"))
    (holiday,) = [span for span in load["spans"] if span["kind"] == "holiday"]
    start = told["clocks"][load["clock"]]["start"]
    assert (holiday["from"] - start, holiday["to"] - start) == (48 * 3600, 72 * 3600)
    assert holiday["label"] == "<Founders' Day>"
    assert "&lt;Founders&#x27; Day&gt;" in draw_chart("load", next(block for key, block in charts_of(page)
                                                                   if key.startswith("load-"))["data"])  # fmt: skip
    of_first = chart_of(page, told, "win_after_hours-1")
    assert [span["to"] - span["from"] for span in of_first["spans"] if span["kind"] == "leftOut"] == [5400]
    of_third = chart_of(page, told, "win_anomaly-3")
    assert [span for span in of_third["spans"] if span["kind"] == "leftOut"] == []


def test_hours_that_are_partly_estimated_are_marked_as_one_stretch() -> None:
    report = make_report()
    hourly = report["charts"]["hourly"]
    hourly["estimatedKwh"] = [0] * 168
    hourly["estimatedKwh"][5:8] = [0.2, 1.5, 0.1]
    hourly["estimatedKwh"][167] = 2
    page = _with_chart_keys(build_page(report))
    told = json.loads(script_data(page))
    load = next(chart for key, chart in told["charts"].items() if key.startswith("load-"))
    start = told["clocks"][load["clock"]]["start"]
    marked = [(span["from"] - start, span["to"] - start) for span in load["spans"] if span["kind"] == "estimated"]
    assert marked == [(5 * 3600, 8 * 3600), (167 * 3600, 168 * 3600)]
