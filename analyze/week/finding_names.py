"""Gives every finding of a week a name that stays the same, and says by which method it was found. Pure.

A name is kind, channel and start (UTC), such as ``anomaly-162126-20260113T2300Z``: the same week analysed again names
its findings alike, and an event that two reports hold has one name in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from analyze.week.evidence import REFERENCES
from analyze.week.intervals import WeekScope
from lib.date_utils import Window
from lib.report_findings import SITE, lasting_id

# What each method computes; a finding's `evidence.method` is a key of it.
METHODS = {
    "meter_check": "A rule on the meter's own readings; see analyze/meters and config/thresholds.py.",
    "closed_use": "Σ (power − what the meter draws when it is off) × hours of what runs while the site is closed "
    "[kWh]. See analyze/expected/closed_use.py.",
    "like_day_excess": "Σ (power − expected power) × hours over an episode [kWh]; expected: like days in the baseline "
    "weeks, and the weather. See analyze/expected/model.py and episodes.py.",
    "usual_peak": "Σ max(0, power − p95 of the hour on like days) × hours [kWh]. See analyze/expected/usual_peaks.py.",
    "level_change": "Mean power since a change point, beside what was expected [kW]. See analyze/expected/steps.py.",
    "learned_hours": "Σ max(0, power − base power) × hours within learned and outside declared hours [kWh]. See "
    "analyze/load/learned_hours.py.",
    "electrical_limit": "Hours in which a quantity is beyond the limit of the standard named. See "
    "analyze/meters/electrical_quantities.py.",
    "attributed_saving": "The part of the findings named in findingIds that no other win claims [kWh], × the tariff's "
    "marginal rate of each interval. See analyze/sections/quick_wins.py.",
}


class _Group(NamedTuple):
    """Findings of one list: their kind (with type), and the method behind them."""

    kind: str
    method: str
    findings: list[dict[str, Any]]


def name_findings(sections: dict[str, Any], scope: WeekScope) -> None:
    """Add `findingId` and `evidence` to every finding of `sections`, in place: lists that share an event share both.

    Notes
    -----
    `evidence` has `method`, `start` and `end` (of the finding, or of the period where it is about all of it),
    `channelIds` (empty for the site), and `reference`: what was compared with. Should two findings come to the same
    name, the later one in the report's order has ``-2`` after it. A win's `sources` become `evidence.findingIds`.
    `lastingId` is the same in every week (`lib.report_findings`).
    """
    taken: dict[str, int] = {}
    for group in _list_groups(sections):
        for finding in group.findings:
            channel = finding.get("channelId", SITE)
            window = _window_of(finding, scope.period)
            kind = group.kind.format(type=finding.get("type"))
            name = f"{kind}-{channel}-{window.start.astimezone(UTC):%Y%m%dT%H%MZ}"
            taken[name] = taken.get(name, 0) + 1
            finding["findingId"] = name if taken[name] == 1 else f"{name}-{taken[name]}"
            sources = finding.pop("sources", None)
            finding["evidence"] = {
                "method": group.method,
                "channelIds": [] if channel == SITE else [channel],
                "start": window.start.astimezone(scope.tz).isoformat(),
                "end": window.end.astimezone(scope.tz).isoformat(),
                "reference": {
                    key: finding[key] for key in REFERENCES.get(group.method, ()) if finding.get(key) is not None
                },
                **({} if sources is None else {"findingIds": [source["findingId"] for source in sources]}),
                **finding.get("evidence", {}),
            }
            if (lasting := lasting_id(finding, sources or ())) is not None:
                finding["lastingId"] = lasting


def _window_of(finding: dict[str, Any], period: Window) -> Window:
    """Return the finding's own time, as far as it has one."""
    start = finding.get("start") or finding.get("at") or finding.get("lastReading")
    end = finding.get("end")
    return Window(
        datetime.fromisoformat(start) if start else period.start, datetime.fromisoformat(end) if end else period.end
    )


def _list_groups(sections: dict[str, Any]) -> Iterator[_Group]:
    """Yield the lists of findings; a quick win comes after the findings that it is made of."""
    yield _Group("meter_{type}", "meter_check", sections["sensorHealth"]["issues"])
    yield _Group("after_hours", "closed_use", sections["afterHoursWaste"]["topMeters"])
    anomalies, spikes = sections["anomalies"], sections["spikes"]
    yield _Group("anomaly", "like_day_excess", anomalies["timeline"])
    yield _Group("level_change", "level_change", anomalies["steps"])
    for channel in spikes["byChannel"]:
        yield _Group("spike", "usual_peak", channel["events"])
    yield _Group("site_spike", "usual_peak", spikes["siteSpikes"])
    disagreements = sections["scheduleDisagreements"]["findings"]
    yield _Group("schedule", "learned_hours", disagreements)
    electrical = sections["electricalHealth"]
    for issues in (*(meter["issues"] for meter in electrical.get("meters", [])), electrical.get("siteIssues", [])):
        yield _Group("electrical_{type}", "electrical_limit", issues)
    yield _Group("win_{type}", "attributed_saving", sections["quickWins"])
