"""Gives a report of an earlier version the shape that the pages read today, as far as it knows. Pure."""

from __future__ import annotations

from typing import Any

_SITE_SERIES = ("actualKwh", "estimatedKwh", "expectedKwh")


def modernize(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report with its charts' series as reports of version 1.4 have them.

    Before, `charts.siteLoad` had an object for each hour, and `charts.completenessByDay` one for each day of a meter.
    """
    charts = report.get("charts")
    if not isinstance(charts, dict):
        return report
    told = dict(charts)
    if charts.get("siteLoad") and "hourly" not in charts:
        told["hourly"] = _as_series(charts["siteLoad"])
    if charts.get("completenessByDay") and "dailyCompleteness" not in charts:
        told["dailyCompleteness"] = _as_table(charts["completenessByDay"])
    return report | {"charts": told}


def _as_series(hours: list[dict[str, Any]]) -> dict[str, Any]:
    empty: dict[str, Any] = {"start": hours[0]["timestamp"], "intervalSeconds": 3600, "meters": [], "closed": [],
                             "holidays": [], "leftOut": []}  # fmt: skip
    return empty | {name: [hour.get(name) for hour in hours] for name in _SITE_SERIES}


def _as_table(channels: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "days": [day["date"] for day in channels[0]["days"]],
        "channels": [
            {
                "channelId": channel["channelId"],
                "channelName": channel["channelName"],
                "completenessPct": [day["completenessPct"] for day in channel["days"]],
            }
            for channel in channels
        ],
    }
