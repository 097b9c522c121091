"""Walks from a finding back to the intervals that it is made of, with the quality and counted part of each. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from analyze.load.hour_of_week import profile_period
from analyze.meters.bad_intervals import find_bad_intervals
from analyze.money.attribution import KINDS, claim_column
from analyze.sections import after_hours
from analyze.sections.anomalies import find_anomalies
from analyze.sections.spikes import assess_spikes, find_spikes
from analyze.week.intervals import WeekScope, in_window, period_weeks, prepare_intervals
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    pass

SOUND = "sound"
_AGREE = 0.02  # kWh or currency: figures in a report are rounded to a hundredth
_DEFICIT, _EXCESS = "deficitKwh", "excessKwh"


class _Counted(NamedTuple):
    """What a method counts of each interval [kWh], above (or below) which power [kW], at which rate [currency/kWh].

    All by the interval's index; a finding that is no saving has no rate.
    """

    kwh: pd.Series
    reference_kw: pd.Series
    rate_per_kwh: pd.Series | None = None


def find_finding(report: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Return the finding of the report with this id.

    Raises
    ------
    DataError
        When it has none; the message names some that it has.
    """
    found = {item["findingId"]: item for item in _walk(report["sections"]) if item.get("findingId")}
    if finding_id not in found:
        known = ", ".join(list(found)[:5]) or "none: it was written before findings had ids; write it anew"
        raise DataError(f"the report has no finding {finding_id!r}; it has {len(found)}, such as {known}")
    return found[finding_id]


def _walk(value: Any) -> list[dict[str, Any]]:
    """Return all objects within a JSON value, the first ones of equal depth in reading order."""
    if isinstance(value, dict):
        return [value, *(item for part in value.values() for item in _walk(part))]
    return [item for part in value for item in _walk(part)] if isinstance(value, list) else []


def trace_finding(
    finding: dict[str, Any], readings: pd.DataFrame, claims: pd.DataFrame, scope: WeekScope
) -> dict[str, Any]:
    """Return the intervals behind a finding, and whether what is counted of them adds up to what it says.

    Parameters
    ----------
    finding
        Of the weekly report, with `findingId` and `evidence`.
    readings
        Of all meters, of baseline and period (`lib.readings.load_readings`).
    claims
        The savings by interval, as the week analyzed anew has them (`SiteWeek.claims`).

    Returns
    -------
    dict
        `intervals`, a frame: `interval_start` (UTC), `channel_id`, `mean_kw`, `used_kwh`, `quality` ("sound", or why it
        was left out), `is_after_hours` by the schedule, `reference_kw` that the method compares with, `counted_kwh`;
        and of a saving its `rate_per_kwh`; `countedKwh` and `reportedKwh`, `countedCost` and `reportedCost`, None where
        the finding claims none; `agrees`, whether they are the same; None where there is nothing to compare.
    """
    evidence = finding["evidence"]
    window = Window(*(datetime.fromisoformat(evidence[key]) for key in ("start", "end")))
    intervals = prepare_intervals(readings, scope.meters, scope.tz, scope.schedule)
    intervals = intervals[in_window(intervals, Window(scope.baseline.start, scope.period.end))]
    bad = find_bad_intervals(intervals, scope.config)
    counted = _count(finding, intervals[~bad.any(axis=1)], claims, scope)
    rows = intervals[in_window(intervals, window)]
    if evidence["channelIds"]:
        rows = rows[rows["channel_id"].isin(evidence["channelIds"])]
    nothing = pd.Series(float("nan"), index=rows.index)
    counted = counted or _Counted(nothing, nothing)
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
    """Return the reasons for which each interval was left out, or `SOUND`."""
    reasons = pd.Series(SOUND, index=bad.index, dtype=object)
    for name in bad.columns:
        reasons = reasons.where(~bad[name], reasons.where(reasons != SOUND, "") + f" {name}")
    return reasons.str.strip()


def _reported_kwh(finding: dict[str, Any]) -> float | None:
    if finding.get("direction") == "low":
        return finding[_DEFICIT]
    impact = finding.get("impact", {})
    values = (impact.get("weeklyKwh"), impact.get(_EXCESS), finding.get(_EXCESS), finding.get("totalExcessKwh"))
    return next((value for value in values if value is not None), None)


def _count(finding: dict[str, Any], clean: pd.DataFrame, claims: pd.DataFrame, scope: WeekScope) -> _Counted | None:
    """Return what the method counts of each interval, as the week's analysis does; None where it counts no energy."""
    method = finding["evidence"]["method"]
    if method not in ("after_hours_excess", "hour_of_week_excess", "hour_of_week_peak", "attributed_saving"):
        return None
    if not finding["evidence"]["channelIds"] or method == "attributed_saving" and finding["type"] not in KINDS:
        return None  # of the site as a whole, which no single meter's intervals make up; or a repair
    baselines = after_hours.estimate_baselines(clean, scope)
    resting_kw = clean["channel_id"].map(baselines["baseline_kw"])
    shut_kwh = after_hours.after_hours_excess_kwh(clean, baselines)
    if method == "after_hours_excess":
        return _Counted(shut_kwh, resting_kw)
    profiled = profile_period(clean, scope)
    anomalies = find_anomalies(profiled, clean, scope)
    spikes = find_spikes(assess_spikes(profiled, scope), scope.config, min_power_kw=scope.config.spikes.min_power_kw)
    expected_kw = anomalies["expected_kwh"] / anomalies["hours"]
    if method == "hour_of_week_excess":
        is_low = finding.get("direction") == "low"
        return _Counted(anomalies["deficit_kwh" if is_low else "excess_kwh"], expected_kw)
    if method == "hour_of_week_peak":
        return _Counted(spikes["excess_kwh"], spikes["p95_kw"])
    reference = {"after_hours": resting_kw, "anomaly": expected_kw, "spike": spikes["p95_kw"]}
    places = pd.MultiIndex.from_frame(clean[["channel_id", "interval_start"]])
    claimed = claims.set_index(["channel_id", "interval_start"]).reindex(places).set_axis(clean.index)
    return _Counted(
        claimed[claim_column(finding["type"])].fillna(0.0),
        reference.get(finding["type"], pd.Series(float("nan"), index=clean.index)),
        claimed["rate_per_kwh"],
    )
