"""Leaves out of a report's JSON what stands in it twice, or in a report of its own. Pure.

What the contract names keeps its name and type; a list that repeats another holds the keys that the contract gives it.
Of the others a key is left out whose value says nothing: null, zero, false. An hour to come has three digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analyze.week.evidence import brief_evidence
from lib.states import Level

if TYPE_CHECKING:
    from analyze.week.site_week import SiteWeek
    from lib.report_types.basics import Stretch

_OF_EPISODE = ("channelId", "channelName", "start", "end", "peakPower", "excessKwh", "context")
_OF_SPIKE = ("start", "end", "duration", "intervals", "peakPower", "totalExcessKwh")
_OF_BAR = ("channelId", "start", "end", "excessKwh", "totalExcessKwh", "context")
_OF_REFUSAL = ("measure", "status", "code", "missing", "possibleFrom", "reason")
# How an episode was found and grouped; analyze/anomaly_detection.py shows it.
_SCORES = ("views", "dayShare", "intervals", "incident")
_OF_FIT = ("channelId", "cvRmsePct", "nmbePct", "reason")
_OF_DRIVER = (
    "channel_id", "channel_name", "kw_at_peak", "share_pct", "usual_kw", "above_usual_kw", "monthly_savings",
)  # fmt: skip
_OF_RISK = ("kwh", "periods", "isWhileClosed", "description", "issue")  # what the sentence says
_MAY_LACK = {  # keys that are left out where they say nothing
    "episode": ("partOf", "deficitKwh"),
    "meter": ("parentChannelId", "yearBeforeKwh", "estimatedKwh", "isAtLeast"),
    "quality": ("excludedIntervals", "excludedKwh"),
}
_FORECAST = ("predicted_kwh", "lower_bound", "upper_bound")


def compact_sections(sections: dict[str, Any], period: Stretch) -> dict[str, Any]:
    """Return a week's sections as the weekly report holds them.

    `timeline` and `topSpikes` have an event with its keys, the lists by channel only what it is. The electrical health
    report has the quantities of each meter, the issues of low severity, and the meters without one. A curve of load
    duration is a list. analyze/anomaly_detection.py tells more of how well each meter is predicted. Evidence is brief
    (`brief_evidence`).

    Parameters
    ----------
    period
        The report's, with `start` and `end`.
    """
    anomalies = _brief_events(sections["anomalies"], _OF_EPISODE)
    told = sections | {
        "anomalies": anomalies
        | {
            "timeline": [_brief_episode(event) for event in anomalies["timeline"]],
            "expectedLoad": [_lean(_take(fit, _OF_FIT), ("reason",)) for fit in anomalies["expectedLoad"]],
        },
        "spikes": _brief_events(sections["spikes"], _OF_SPIKE),
        "afterHoursWaste": _brief_after_hours(sections["afterHoursWaste"]),
        "quickWins": compact_wins(sections["quickWins"]),
        "forecast": _brief_forecast(sections["forecast"]),
        "costOptimization": _brief_costs(sections["costOptimization"]),
        "scheduleDisagreements": sections["scheduleDisagreements"]
        | {"notAssessed": _by_reason(sections["scheduleDisagreements"]["notAssessed"])},
    }
    if "meters" in (electrical := sections.get("electricalHealth") or {}):
        graves = [_grave_only(meter) for meter in electrical["meters"]]
        told["electricalHealth"] = electrical | {
            "meters": [meter for meter in graves if meter["issues"]],
            "notAssessed": _by_reason(electrical["notAssessed"]),
        }
    if "channels" in (facts := sections.get("loadFacts") or {}):
        told["loadFacts"] = facts | _curves_as_lists(facts["channels"])
    return brief_evidence(told, period)


def compact_week(week: SiteWeek) -> dict[str, Any]:
    """Return a week's `consumption`, `charts` and `dataQuality` as the weekly report holds them."""
    used, quality = week.consumption, week.data_quality
    return {
        "consumption": used | {"byChannel": [_lean(row, _MAY_LACK["meter"]) for row in used["byChannel"]]},
        "charts": compact_charts(week.charts),
        "dataQuality": quality | {"byChannel": [_brief_quality(row) for row in quality["byChannel"]]},
    }


def compact_charts(charts: dict[str, Any]) -> dict[str, Any]:
    """Return a week's charts as the weekly report holds them."""
    return charts | {
        "anomalyTimeline": [_take(event, _OF_BAR) for event in charts["anomalyTimeline"]],
        "spikeEvents": [_take(event, (*_OF_BAR, "peakPower")) for event in charts["spikeEvents"]],
        "heatMap24x7": [[None if kw is None else _three_digits(kw) for kw in day] for day in charts["heatMap24x7"]],
    }


def compact_attention(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what needs attention without what its sentence says, or the quick win that it leads to."""
    return [_without(item, *_OF_RISK, *(("start", "end") if item.get("winId") else ())) for item in items]


def _brief_episode(event: dict[str, Any]) -> dict[str, Any]:
    return _lean(_without(event, *_SCORES), _MAY_LACK["episode"])


def _brief_quality(row: dict[str, Any]) -> dict[str, Any]:
    """Return how whole a meter's readings are; all that were expected are there where it does not say how many. Its
    name stands with its days (`charts.dailyCompleteness`)."""
    is_whole = row["presentIntervals"] == row["expectedIntervals"]
    return _lean(_without(row, "channelName", *(["presentIntervals"] if is_whole else [])), _MAY_LACK["quality"])


def _brief_after_hours(section: dict[str, Any]) -> dict[str, Any]:
    """Return what ran while closed, with those parts of each meter's energy that are some."""
    meters = [
        meter | {"parts": {name: part for name, part in meter["parts"].items() if part["kwh"]}}
        for meter in section["topMeters"]
    ]
    return section | {"topMeters": meters}


def compact_wins(wins: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return quick wins without the answer that nobody has proved them yet."""
    is_open = [(win.get("verifiedSavings") or {}).get("status") == "insufficient_data" for win in wins]
    return [_without(win, "verifiedSavings") if each else win for win, each in zip(wins, is_open, strict=True)]


def _brief_forecast(forecast: dict[str, Any]) -> dict[str, Any]:
    if "forecast" not in forecast:
        return forecast
    hours = [hour | {key: _three_digits(hour[key]) for key in _FORECAST} for hour in forecast["forecast"]]
    return forecast | {"forecast": hours}


def _three_digits(value: float) -> float:
    """Return a number with three digits, or as many as it has before the point."""
    return round(value, 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0)


def _brief_costs(costs: dict[str, Any]) -> dict[str, Any]:
    if "peak_drivers" not in costs:
        return costs
    drivers = [_take(driver, _OF_DRIVER) for driver in costs["peak_drivers"]["drivers"]]
    return costs | {"peak_drivers": costs["peak_drivers"] | {"drivers": drivers}}


def _brief_events(section: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    channels = [
        channel | {"events": [_take(event, keys) for event in channel["events"]]} for channel in section["byChannel"]
    ]
    return section | {"byChannel": channels}


def _grave_only(meter: dict[str, Any]) -> dict[str, Any]:
    """Return a meter's supply without its quantities, what is of low severity, and what to do about the rest."""
    issues = [_without(issue, "recommendation") for issue in meter["issues"] if issue["severity"] != Level.LOW]
    return _without(meter, "measures") | {"issues": issues}


def _by_reason(refusals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what could not be assessed, with the meters of which it is true, instead of each meter for itself."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for refusal in refusals:
        found.setdefault(tuple(refusal.get(key) for key in _OF_REFUSAL), []).append(refusal["channelId"])
    return [
        {key: value for key, value in zip(_OF_REFUSAL, reason, strict=True) if value is not None} | {"channelIds": ids}
        for reason, ids in found.items()
    ]


def _curves_as_lists(channels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the channels with their curves of load duration as lists, and once the shares of time that they are at."""
    curves = [channel["loadDuration"] for channel in channels if "loadDuration" in channel]
    return {
        "durationPct": [point["timePct"] for point in curves[0]] if curves else [],
        "channels": [
            _without(channel, "loadDuration")
            | {"durationKw": [_three_digits(point["powerKw"]) for point in channel["loadDuration"]]}
            if "loadDuration" in channel
            else channel
            for channel in channels
        ],
    }


def _lean(item: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return an item without those of the keys that say nothing."""
    return {key: value for key, value in item.items() if value or key not in keys}


def _take(item: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: item[key] for key in keys if key in item}


def _without(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in keys}
