"""What a newer version of a report says otherwise than the older one. Pure."""

from __future__ import annotations

from typing import Any

# What two runs over the same data differ in.
_OF_THE_RUN = ("generatedAt", "version", "supersedes", "validatedAt")
# What is said of other reports, and of findings by people.
_OF_OTHERS = ("delta", "followUp")


def content_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report without what only says when, as which version, and after which others it was written."""
    metadata = {key: value for key, value in report["metadata"].items() if key not in _OF_THE_RUN}
    return {**{key: value for key, value in report.items() if key not in _OF_OTHERS}, "metadata": metadata}


def compare_reports(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what changed between two versions of a report on one period.

    Returns
    -------
    dict
        `energy`, `cost` and `savings`, each ``{"before", "after", "change", "changePct"}`` (None where this kind of
        report has no such figure); energy is kWh of the period, cost the period's energy on the site's own tariff,
        savings the quick wins' weekly cost; `completeness` in percentage points; `findingsAdded` and `findingsGone`,
        ids.
    """
    before, after = set(_finding_ids(old)), set(_finding_ids(new))
    return {
        "energy": _change_at(old, new, ("consumption", "totalKwh"), 3),
        "cost": _change(_cost(old), _cost(new), 2),
        "savings": _change_at(old, new, ("summary", "totalPotentialSavings", "weeklyCost"), 2),
        "completeness": _change_at(old, new, ("dataQuality", "avgCompleteness"), 1),
        "findingsAdded": sorted(after - before),
        "findingsGone": sorted(before - after),
    }


def _cost(report: dict[str, Any]) -> float | None:
    """Return what the period's energy costs: on the flat side where the site pays that, else by time of use."""
    tou = _at(report, "sections", "costOptimization", "tou_analysis")
    if tou is None:
        return None
    tariffs = _at(report, "sections", "costOptimization", "basis", "tariffs") or {}
    return tou["tou_total_cost" if tariffs.get("current") == tariffs.get("time_of_use") else "flat_total_cost"]


def _at(report: dict[str, Any], *keys: str) -> Any:
    """Return what stands in the report under these keys, or None where it has no such part."""
    value: Any = report
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _change_at(old: dict[str, Any], new: dict[str, Any], keys: tuple[str, ...], digits: int) -> dict[str, float | None]:
    return _change(_at(old, *keys), _at(new, *keys), digits)


def _change(before: float | None, after: float | None, digits: int) -> dict[str, float | None]:
    if before is None or after is None:
        return {"before": before, "after": after, "change": None, "changePct": None}
    change_pct = round(100 * (after / before - 1), 1) if before else None
    return {"before": before, "after": after, "change": round(after - before, digits), "changePct": change_pct}


def _finding_ids(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["findingId"]] if "findingId" in value else []
        return own + [item for part in value.values() for item in _finding_ids(part)]
    return [item for part in value for item in _finding_ids(part)] if isinstance(value, list) else []
