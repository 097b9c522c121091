"""Adds to a page what its charts can be asked for: meters, closed hours, what is left out, a chart for each finding.

Nothing is computed: series and times are the report's (`charts.hourly`). Pure.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from deliver.pages import parts
from deliver.pages.parts import Part
from deliver.pages.weekly_evidence import times_of
from deliver.words import charts as words
from lib.date_utils import local_midnight

Series = list[float | None]
_MOST_CHARTS = 40  # of findings on one page; each is some 5 kB of drawing


class _Hours(NamedTuple):
    """The hours of a report: when each begins, of which meters they are known, and what a chart of any of them marks.

    `meters` has name, use and normal use of each meter by its id; `left_out` the spans of each.
    """

    times: list[str]
    timezone: str
    meters: dict[int, tuple[str, Series, Series | None]]
    closed: list[Part]
    estimated: list[Part]
    left_out: dict[int, list[Part]]


def explorable(page: Part, report: dict[str, Any]) -> Part:
    """Return the page with its charts of hours made richer, and with a chart for each finding on a meter."""
    hourly = (report.get("charts") or {}).get("hourly")
    if not hourly:
        return page
    hours = _read_hours(hourly, report["metadata"]["period"]["timezone"])
    found = dict(list(_list_findings(report, hours).items())[:_MOST_CHARTS])
    sections = [
        section | {"blocks": [_richer(block, hours, found) for block in section["blocks"]]}
        for section in page["sections"]
    ]
    return page | {"sections": sections}


def _read_hours(hourly: dict[str, Any], timezone: str) -> _Hours:
    times, zone = times_of(hourly, timezone), ZoneInfo(timezone)
    meters = {
        meter["channelId"]: (
            meter["channelName"],
            _scaled(meter["actual"], meter["unitKwh"]),
            _scaled(meter["expected"], meter["unitKwh"]) if "expected" in meter else None,
        )
        for meter in hourly.get("meters") or []
    }
    holidays = [
        span("holiday", _midnight(row["date"], 0, zone), _midnight(row["date"], 1, zone), row["name"])
        for row in hourly["holidays"]
    ]
    closed = [span("closed", row["start"], row["end"], words.CLOSED) for row in hourly["closed"]]
    left_out: dict[int, list[Part]] = {}
    for row in hourly.get("leftOut") or []:
        part = span("leftOut", row["start"], row["end"], words.LEFT_OUT)
        left_out.setdefault(row["channelId"], []).append(part)
    return _Hours(times, timezone, meters, closed + holidays, _estimated(hourly, times), left_out)


def _midnight(day: str, days_after: int, zone: ZoneInfo) -> str:
    return local_midnight(date.fromisoformat(day) + timedelta(days=days_after), zone).isoformat()


def _scaled(values: list[int | None], unit_kwh: float) -> Series:
    return [None if value is None else round(value * unit_kwh, 6) for value in values]


def _estimated(hourly: dict[str, Any], times: list[str]) -> list[Part]:
    """Return the runs of hours in which part of the site's energy is not as metered."""
    end = datetime.fromisoformat(times[-1]) + timedelta(seconds=hourly["intervalSeconds"])
    edges = [*times, end.isoformat()]
    runs: list[list[int]] = []
    for place, value in enumerate(hourly["estimatedKwh"]):
        if not value:
            continue
        if runs and runs[-1][1] == place:
            runs[-1][1] = place + 1
        else:
            runs.append([place, place + 1])
    return [span("estimated", edges[first], edges[last], words.ESTIMATED) for first, last in runs]


def span(kind: str, start: str, end: str, label: str) -> Part:
    """Return a stretch of time that a chart marks: "closed", "holiday", "leftOut", "estimated" or "counted"."""
    return {"kind": kind, "start": start, "end": end, "label": label}


def _richer(block: Part, hours: _Hours, found: dict[str, Part]) -> Part:
    if block["type"] == "findings":
        return block | {"items": [item | {"chart": found.get(item["id"])} for item in block["items"]]}
    if block["type"] != "chart" or block["kind"] != "load" or block["data"]["times"] != hours.times:
        return block
    own = [{"label": name, "values": used} for name, used, _ in hours.meters.values()]
    return block | {"data": block["data"] | {"meters": own, "spans": hours.closed + hours.estimated}}


def _list_findings(report: dict[str, Any], hours: _Hours) -> dict[str, Part]:
    """Return the charts of the findings of a report by their ids: those to act on first."""
    sections = report.get("sections") or {}
    charts: dict[str, Part] = {}
    for win in sections.get("quickWins") or []:
        _add(charts, win, (win.get("evidence") or {}).get("intervals"), hours)
    for meter in (sections.get("afterHoursWaste") or {}).get("topMeters") or []:
        _add(charts, meter, meter.get("excessIntervals"), hours)
    for event in (sections.get("anomalies") or {}).get("timeline") or []:
        _add(charts, event, [event], hours)
    for issue in (sections.get("sensorHealth") or {}).get("issues") or []:
        _add(charts, issue, [issue] if issue.get("start") and issue.get("end") else [], hours, is_counted=False)
    return charts


def _add(
    charts: dict[str, Part], item: dict[str, Any], spans: list[Any] | None, hours: _Hours, *, is_counted: bool = True
) -> None:
    key, channel = item.get("findingId"), item.get("channelId")
    if not key or key in charts or channel not in hours.meters:
        return
    name, used, normal = hours.meters[channel]
    marked = [span("counted" if is_counted else "leftOut", part["start"], part["end"],
                   words.COUNTED if is_counted else words.LEFT_OUT) for part in spans or []]  # fmt: skip
    left_out = hours.left_out.get(channel, []) if is_counted or not marked else []
    shaded = words.COUNTED if marked and is_counted else words.LEFT_OUT if marked or left_out else ""
    summary = words.finding_summary(name, shaded, has_normal=normal is not None)
    charts[key] = parts.chart("load", words.finding_chart(name), summary, {
        "times": hours.times, "timezone": hours.timezone, "unit": "kWh per hour", "isSmall": True,
        "actual": used, "actualLabel": words.USED,
        "expected": normal, "expectedLabel": words.NORMAL,
        "spans": hours.closed + left_out + marked,
    })  # fmt: skip
