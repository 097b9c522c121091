"""Leaves out of a report's JSON what stands in it twice, or in a report of its own. Pure.

What the contract names keeps its name and type; a list that repeats another holds the keys that the contract gives it.
"""

from __future__ import annotations

from typing import Any

from analyze.week.evidence import brief_evidence

_OF_EPISODE = ("channelId", "channelName", "start", "end", "peakPower", "excessKwh", "context")
_OF_SPIKE = ("channelId", "channelName", "start", "end", "duration", "intervals", "peakPower", "totalExcessKwh")
_OF_BAR = ("channelId", "start", "end", "excessKwh", "totalExcessKwh", "context")
_OF_REFUSAL = ("measure", "status", "code", "missing", "possibleFrom", "reason")
_SCORES = ("views", "dayShare")  # by which an episode was found; analyze/anomaly_detection.py shows them


def compact_sections(sections: dict[str, Any], period: dict[str, Any]) -> dict[str, Any]:
    """Return a week's sections as the weekly report holds them.

    `timeline` and `topSpikes` have an event with its keys, the lists by channel only what it is. The electrical health
    report has the quantities of each meter, and the issues of low severity. A curve of load duration is a list.
    Evidence is brief (`brief_evidence`).

    Parameters
    ----------
    period
        The report's, with `start` and `end`.
    """
    anomalies = _brief_events(sections["anomalies"], _OF_EPISODE)
    told = sections | {
        "anomalies": anomalies | {"timeline": [_without(event, *_SCORES) for event in anomalies["timeline"]]},
        "spikes": _brief_events(sections["spikes"], _OF_SPIKE),
        "scheduleDisagreements": sections["scheduleDisagreements"]
        | {"notAssessed": _by_reason(sections["scheduleDisagreements"]["notAssessed"])},
    }
    if "meters" in (electrical := sections.get("electricalHealth") or {}):
        told["electricalHealth"] = electrical | {
            "meters": [_grave_only(meter) for meter in electrical["meters"]],
            "notAssessed": _by_reason(electrical["notAssessed"]),
        }
    if "channels" in (facts := sections.get("loadFacts") or {}):
        told["loadFacts"] = facts | _curves_as_lists(facts["channels"])
    return brief_evidence(told, period)


def compact_charts(charts: dict[str, Any]) -> dict[str, Any]:
    """Return a week's charts as the weekly report holds them."""
    return charts | {
        "anomalyTimeline": [_take(event, _OF_BAR) for event in charts["anomalyTimeline"]],
        "spikeEvents": [_take(event, (*_OF_BAR, "peakPower")) for event in charts["spikeEvents"]],
    }


def _brief_events(section: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    channels = [
        channel | {"events": [_take(event, keys) for event in channel["events"]]} for channel in section["byChannel"]
    ]
    return section | {"byChannel": channels}


def _grave_only(meter: dict[str, Any]) -> dict[str, Any]:
    """Return a meter's supply without its quantities and what is of low severity."""
    issues = [issue for issue in meter["issues"] if issue["severity"] != "low"]
    return _without(meter, "measures") | {"issues": issues}


def _by_reason(refusals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what could not be assessed, with the meters of which it is true, instead of each meter for itself."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for refusal in refusals:
        found.setdefault(tuple(refusal.get(key) for key in _OF_REFUSAL), []).append(refusal["channelId"])
    return [
        {
            key: value
            for key, value in zip(_OF_REFUSAL, reason, strict=True)
            if value is not None or key == "possibleFrom"
        }
        | {"channelIds": ids}
        for reason, ids in found.items()
    ]


def _curves_as_lists(channels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the channels with their curves of load duration as lists, and once the shares of time that they are at."""
    curves = [channel["loadDuration"] for channel in channels if "loadDuration" in channel]
    return {
        "durationPct": [point["timePct"] for point in curves[0]] if curves else [],
        "channels": [
            _without(channel, "loadDuration") | {"durationKw": [point["powerKw"] for point in channel["loadDuration"]]}
            if "loadDuration" in channel
            else channel
            for channel in channels
        ],
    }


def _take(item: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: item[key] for key in keys if key in item}


def _without(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in keys}
