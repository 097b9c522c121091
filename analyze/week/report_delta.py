"""What a newer version of a report says otherwise than the older one. Pure."""

from __future__ import annotations

from typing import Any

# What two runs over the same data differ in.
_OF_THE_RUN = ("generatedAt", "version", "supersedes", "validatedAt")
# What is said of other reports, and of findings by people.
_OF_OTHERS = ("delta", "followUp")


# Where the kinds of report have what a period used, and what can be saved a week.
_ENERGY = (("consumption", "totalKwh"), ("energy", "totalKwh"), ("totals", "totalKwh"), ("totalKwh",))
_SAVINGS = (("summary", "totalPotentialSavings", "weeklyCost"), ("savings", "weeklyCost"))


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
        savings the weekly cost of what can be saved; `completeness` in percentage points; `findingsAdded` and
        `findingsGone`, ids. An overview of many sites has `sites` too, those that it has numbers of, and
        `savingsByCurrency`, each as `savings` with its `currency`.
    """
    before, after = set(_finding_ids(old)), set(_finding_ids(new))
    overview = _compare_overviews(old, new) if "totals" in new else {}
    return overview | {
        "energy": _change(_first_at(old, _ENERGY), _first_at(new, _ENERGY), 3),
        "cost": _change(_cost(old), _cost(new), 2),
        "savings": _change(_first_at(old, _SAVINGS), _first_at(new, _SAVINGS), 2),
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


def _compare_overviews(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what changed between two overviews of many sites: a currency that one of them lacks has 0 there."""
    before, after = (
        {entry["currency"]: entry["savingsWeekly"] for entry in _at(report, "totals", "savings") or []}
        for report in (old, new)
    )
    return {
        "sites": _change_at(old, new, ("totals", "sites"), 0),
        "savingsByCurrency": [
            {"currency": currency, **_change(before.get(currency, 0), after.get(currency, 0), 2)}
            for currency in sorted(before.keys() | after.keys(), key=str)
        ],
    }


def _first_at(report: dict[str, Any], places: tuple[tuple[str, ...], ...]) -> float | None:
    """Return the figure at the first of these places that the report has."""
    return next((value for keys in places if isinstance(value := _at(report, *keys), int | float)), None)


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
