"""Walks from a finding back to the intervals that it is made of, with the quality and counted part of each. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from analyze.money.attribution import KINDS, claim_column
from analyze.week.evidence import whole_evidence
from analyze.week.intervals import WeekScope, in_window, period_weeks
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    from analyze.week.site_week import SiteWeek

VALID = "valid"
_AGREE = 0.02  # kWh or currency: figures in a report are rounded to a hundredth
_DEFICIT, _EXCESS = "deficitKwh", "excessKwh"


class _Counted(NamedTuple):
    """What a method counts of each interval [kWh], above (or below) which power [kW], at which rate [currency/kWh].

    All by the interval's index; a finding that is no saving has no rate.
    """

    kwh: pd.Series
    reference_kw: pd.Series
    rate_per_kwh: pd.Series | None = None


def list_ids(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the items of the report that can be explained, by their ids, quick wins first."""
    wins = report["sections"].get("quickWins") or []
    accepted = (report.get("followUp") or {}).get("accepted") or []
    items = [*wins, *accepted, *_walk(report["sections"])]
    return {item["findingId"]: item for item in items if item.get("findingId")}


def find_finding(report: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Return the item of the report with this id, or the first of the finding that has this id in every week.

    Its evidence is whole.

    Raises
    ------
    DataError
        When it has none; the message names some that it has.
    """
    found = list_ids(report)
    lasting = next((item for item in found.values() if item.get("lastingId") == finding_id), None)
    if lasting is not None:
        return whole_evidence(lasting, report["metadata"]["period"])
    if finding_id not in found:
        known = ", ".join(list(found)[:5]) or "none: it was written before findings had ids; write it anew"
        raise DataError(f"the report has no finding {finding_id!r}; it has {len(found)}, such as {known}")
    return whole_evidence(found[finding_id], report["metadata"]["period"])


def _walk(value: Any) -> list[dict[str, Any]]:
    """Return all objects within a JSON value, the first ones of equal depth in reading order."""
    if isinstance(value, dict):
        return [value, *(item for part in value.values() for item in _walk(part))]
    return [item for part in value for item in _walk(part)] if isinstance(value, list) else []


def trace_finding(finding: dict[str, Any], week: SiteWeek, scope: WeekScope) -> dict[str, Any]:
    """Return the intervals behind a finding, and whether what is counted of them adds up to what it says.

    Parameters
    ----------
    finding
        Of the weekly report, with `findingId` and `evidence`.
    week
        The week analyzed anew, with what its findings were made from.

    Returns
    -------
    dict
        `intervals`, a frame: `interval_start` (UTC), `channel_id`, `mean_kw`, `used_kwh`, `quality` ("valid", or why it
        was left out), `is_after_hours` by the schedule, `reference_kw` that the method compares with, `counted_kwh`;
        and of a saving its `rate_per_kwh`; `countedKwh` and `reportedKwh`, `countedCost` and `reportedCost`, None where
        the finding claims none; `agrees`, whether they are the same; None where there is nothing to compare.
    """
    evidence = finding["evidence"]
    window = Window(*(datetime.fromisoformat(evidence[key]) for key in ("start", "end")))
    intervals, bad = week.data.intervals, week.data.bad
    rows = intervals[in_window(intervals, window)]
    if evidence["channelIds"]:
        rows = rows[rows["channel_id"].isin(evidence["channelIds"])]
    nothing = pd.Series(float("nan"), index=rows.index)
    counted = _count(finding, week) or _Counted(nothing, nothing)
    rows = rows.assign(
        quality=_quality(bad.loc[rows.index]),
        reference_kw=counted.reference_kw.reindex(rows.index),
        counted_kwh=counted.kwh.reindex(rows.index, fill_value=0.0),
        rate_per_kwh=nothing if counted.rate_per_kwh is None else counted.rate_per_kwh.reindex(rows.index),
    )
    columns = ["interval_start", "channel_id", "interval_s", "mean_kw", "used_kwh", "quality", "is_after_hours",
               "reference_kw", "counted_kwh", "rate_per_kwh"]  # fmt: skip
    return {"intervals": rows[columns].reset_index(drop=True), **_compare(finding, rows, scope)}


def _compare(finding: dict[str, Any], rows: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return the sums of what is counted beside what the finding says, and whether they are the same."""
    is_win = finding["evidence"]["method"] == "attributed_saving"
    weeks = max(1.0, period_weeks(scope)) if is_win else 1.0  # a win of a longer period is told by the week
    kwh = round(float(rows["counted_kwh"].sum()) / weeks, 2) if rows["counted_kwh"].notna().any() else None
    has_rate = rows["rate_per_kwh"].notna().any()
    cost = round(float((rows["counted_kwh"] * rows["rate_per_kwh"]).sum()) / weeks, 2) if has_rate else None
    pairs = [(kwh, _reported_kwh(finding)), (cost, finding.get("impact", {}).get("weeklyCost"))]
    told = [abs(counted - said) <= _AGREE for counted, said in pairs if counted is not None and said is not None]
    return {
        "countedKwh": kwh,
        "reportedKwh": pairs[0][1] if kwh is not None else None,
        "countedCost": cost,
        "reportedCost": pairs[1][1] if cost is not None else None,
        "agrees": all(told) if told else None,
    }


def _quality(bad: pd.DataFrame) -> pd.Series:
    """Return the reasons for which each interval was left out, or `VALID`."""
    reasons = pd.Series(VALID, index=bad.index, dtype=object)
    for name in bad.columns:
        reasons = reasons.where(~bad[name], reasons.where(reasons != VALID, "") + f" {name}")
    return reasons.str.strip()


def _reported_kwh(finding: dict[str, Any]) -> float | None:
    if finding.get("direction") == "low":
        return finding[_DEFICIT]
    impact = finding.get("impact", {})
    values = (impact.get("weeklyKwh"), impact.get(_EXCESS), finding.get(_EXCESS), finding.get("totalExcessKwh"))
    return next((value for value in values if value is not None), None)


def _count(finding: dict[str, Any], week: SiteWeek) -> _Counted | None:
    """Return what the method counts of each interval, as the week's analysis does; None where it counts no energy."""
    method, found = finding["evidence"]["method"], week.found
    if method not in ("closed_use", "like_day_excess", "usual_peak", "attributed_saving"):
        return None
    if not finding["evidence"]["channelIds"] or method == "attributed_saving" and finding["type"] not in KINDS:
        return None  # of the site as a whole, which no single meter's intervals make up; or a repair
    if method == "closed_use":
        closed = found.closed.rows
        return _Counted(closed["excess_kwh"].where(closed["is_counted"], 0.0), closed["off_kw"])
    if method == "like_day_excess":
        is_low = finding.get("direction") == "low"
        return _Counted(found.anomalies["deficit_kwh" if is_low else "excess_kwh"], found.anomalies["expected_kw"])
    if method == "usual_peak":
        return _Counted(found.spikes["excess_kwh"], found.spikes["p95_kw"])
    reference = {"after_hours": found.closed.rows["off_kw"], "anomaly": found.anomalies["expected_kw"]}
    claims = week.claims
    return _Counted(claims[claim_column(finding["type"])], reference[finding["type"]], claims["rate_per_kwh"])
