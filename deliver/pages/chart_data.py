"""Writes down the charts of a page for its script: each clock and each series once. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from deliver.pages.parts import Part
from deliver.words import formats as fmt
from deliver.words.charts import WORDS
from lib.date_utils import local_midnight

# What could end the script's element, or a line of a script, is written as JSON may have it.
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def charts_of(page: Part) -> Iterator[tuple[str, Part]]:
    """Yield the charts of hours of a page, each with its key."""
    for section in page["sections"]:
        for block in section["blocks"]:
            if block["type"] == "chart" and block["kind"] == "load":
                yield block["key"], block
            for item in block["items"] if block["type"] == "findings" else ():
                if item.get("chart"):
                    yield item["chart"]["key"], item["chart"]


def script_data(page: Part) -> str:
    """Return what the script of a page draws, as JSON that is safe within a page; empty where there is no chart.

    `clocks` say when each value of a series begins, `series` hold the values, `charts` name by their keys which clock
    and which series they are drawn from. Charts that are not of hours have what they say in their drawing.
    """
    clocks: dict[tuple[str, ...], int] = {}
    series: dict[tuple[float | None, ...], int] = {}
    if not any(block["type"] == "chart" for section in page["sections"] for block in section["blocks"]):
        return ""
    charts = {key: _describe(chart, clocks, series) for key, chart in charts_of(page)}
    zones = {chart["clock"]: block["data"]["timezone"] for chart, (_, block) in
             zip(charts.values(), charts_of(page), strict=True)}  # fmt: skip
    whole = {
        "words": WORDS | {"hours": [fmt.hour(hour) for hour in range(24)]},
        "clocks": [_clock(times, zones[place]) for times, place in clocks.items()],
        "series": list(series),
        "charts": charts,
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _describe(
    chart: Part, clocks: dict[tuple[str, ...], int], series: dict[tuple[float | None, ...], int]
) -> dict[str, Any]:
    data = chart["data"]

    def place(values: list[float | None]) -> int:
        return series.setdefault(tuple(values), len(series))

    lines = [
        {"role": role, "label": data[f"{name}Label"], "series": place(data[name])}
        for name, role in (("actual", "used"), ("expected", "normal"))
        if data.get(name)
    ]
    lines += [{"role": "meter", "label": meter["label"], "series": place(meter["values"])}
              for meter in data.get("meters") or []]  # fmt: skip
    band = (
        {"band": {"label": data["band"], "series": [place(data["low"]), place(data["high"])]}}
        if data.get("low")
        else {}
    )
    return {
        "title": chart["title"],
        "unit": data["unit"],
        "isSmall": bool(data.get("isSmall")),
        "clock": clocks.setdefault(tuple(data["times"]), len(clocks)),
        "lines": lines,
        "spans": [{"kind": each["kind"], "label": each["label"], "from": _seconds(each["start"]),
                   "to": _seconds(each["end"])} for each in data.get("spans") or []],
        **band,
    }  # fmt: skip


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _clock(times: tuple[str, ...], timezone: str) -> dict[str, Any]:
    """Return when the values of a series begin: in seconds since 1970, and in words on the site's wall clock."""
    start, step = _seconds(times[0]), _seconds(times[1]) - _seconds(times[0]) if len(times) > 1 else 3600
    return {
        "start": start,
        "step": step,
        "labels": [fmt.when(text) for text in times],
        "hours": [int(text[11:13]) if text[14:16] == "00" else -1 for text in times],
        "days": _days(start, start + step * len(times), ZoneInfo(timezone)),
    }


def _days(start: int, end: int, zone: ZoneInfo) -> list[dict[str, Any]]:
    day, days = datetime.fromtimestamp(start, zone).date(), []
    while (begins := int(local_midnight(day, zone).timestamp())) < end:
        ends = int(local_midnight(day + timedelta(days=1), zone).timestamp())
        days.append({"label": fmt.day(day.isoformat()), "short": f"{day:%a} {day.day}", "from": max(begins, start),
                     "to": min(ends, end)})  # fmt: skip
        day += timedelta(days=1)
    return days
