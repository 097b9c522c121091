"""What a finding rests on, in full and as a report's JSON has it: without what the finding itself says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.report_types.basics import Stretch

# The keys of a finding that its method compared with.
REFERENCES = {
    "closed_use": ("baseline",),
    "like_day_excess": ("expectedKwh",),
    "level_change": ("beforeKw",),
    "usual_peak": ("usualPeakPower",),
    "learned_hours": ("weekdays", "baseKw"),
    "electrical_limit": ("limit", "source"),
    "attributed_saving": ("expectedAfter",),
}


def _told_by(finding: dict[str, Any], period: Stretch) -> dict[str, Any]:
    """Return what a finding says of its evidence: meters, time (the period's where it has none) and references."""
    keys = REFERENCES.get(finding["evidence"]["method"], ())
    return {
        "channelIds": [] if finding.get("channelId") is None else [finding["channelId"]],
        "start": finding.get("start") or finding.get("at") or finding.get("lastReading") or period["start"],
        "end": finding.get("end") or period["end"],
        "reference": {key: finding[key] for key in keys if finding.get(key) is not None},
    }


def whole_evidence(finding: dict[str, Any], period: Stretch) -> dict[str, Any]:
    """Return the finding of a report with all of its evidence.

    Parameters
    ----------
    finding
        With `evidence`, in full or brief.
    period
        The report's, with `start` and `end`.
    """
    if "method" not in (finding.get("evidence") or {}):
        return finding
    return finding | {"evidence": _told_by(finding, period) | finding["evidence"]}


def brief_evidence(value: Any, period: Stretch) -> Any:
    """Return a part of a report whose findings have as evidence only what they do not say themselves."""
    if isinstance(value, list):
        return [brief_evidence(item, period) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: brief_evidence(item, period) for key, item in value.items() if key != "evidence"}
    if "evidence" in value:
        told = _told_by(value, period)
        kept["evidence"] = {
            key: item for key, item in value["evidence"].items() if key not in told or item != told[key]
        }
    return kept
