"""Check voltage, frequency, currents, harmonics and power factor against the limits of ANSI, NEMA, IEEE and EN.

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.electrical_quantities import (
    QUANTITIES,
    Measured,
    Quantity,
    Supply,
    find_supply,
    measure_frequency,
    measure_quantities,
)
from analyze.meters.meter_tree import parents_of
from analyze.week.intervals import (
    Columns,
    WeekScope,
    channel_names,
    energy_meters,
    prepare_intervals,
    split_columns,
    take_window,
)
from analyze.week.refusals import insufficient
from config.tariff_model import PowerFactorClause
from lib.states import Level


class _Excess(NamedTuple):
    """How long a quantity was outside its limit."""

    hours: float
    share: float
    severe_hours: float
    severe_share: float


def check_electrical_health(
    readings: pd.DataFrame, scope: WeekScope, clause: PowerFactorClause | None = None
) -> dict[str, Any]:
    """Return the state of supply and load of each meter over the period.

    Parameters
    ----------
    readings
        As `lib.readings.load_electrical` gives them; every electrical column is optional, NaN is missing.
    scope
        Its period and thresholds; the baseline is not looked at.

    Returns
    -------
    dict
        `summary`, `meters` (with `measures` and `issues`), `siteIssues` (the frequency, which all meters share), and
        `notAssessed`: what could not be judged and why.

    Notes
    -----
    What each quantity is and where its limit comes from is told in `electrical_quantities`. An issue is made of
    `electrical.min_hours` or more outside the limit: "low"; "medium" for more than `electrical.max_share` of the
    assessed time (EN 50160 counts 95 % of the week) or that long beyond the severe limit; "high" for more than that
    share beyond the severe limit. Of currents, distortion and power factor, which wear and cost but do not break,
    "high" is told as "medium" and "medium" as "low".
    """
    rows = prepare_intervals(_with_energy(readings), scope.meters, scope.tz)
    rows = _without_empty(take_window(rows, scope.period))
    supply = find_supply(rows, scope.config)
    roots = set(energy_meters(scope.meters)["channel_id"].astype(int)) - set(parents_of(scope.meters))
    meters: list[dict[str, Any]] = []
    missing, rows_of = [], split_columns(rows)
    for channel_id, name in channel_names(energy_meters(scope.meters)).items():
        entry = {"channelId": channel_id, "channelName": name}
        own = rows_of.get(channel_id, {})
        measured = measure_quantities(own, supply, scope.config) if own else {}
        missing += [
            {**entry, "measure": item.key, **insufficient("not_measured", item.needs, None)}
            for item in QUANTITIES
            if item.key not in measured and item.key != "voltage_level"  # looked at where "voltage" cannot be
        ]
        if not measured:
            continue
        measures = _summarise_measures(measured, own, supply, channel_id)
        if channel_id in roots and clause is not None:
            measures |= _power_factor_penalty(measures, own, clause)
        judged = [item for item in QUANTITIES if item.key in measured and item.key != "frequency"]
        found = [_issue(item, measured[item.key], own, scope) for item in judged]
        issues = [{**entry, **issue} for issue in found if issue is not None]
        meters.append({**entry, "measures": measures, "issues": issues})
    site_issues = _frequency_issues(rows, supply, scope)
    every = [issue for meter in meters for issue in meter["issues"]] + site_issues
    return {
        "summary": {
            "metersAssessed": len(meters),
            "metersAffected": sum(bool(meter["issues"]) for meter in meters),
            "totalIssues": len(every),
            "bySeverity": {level: sum(issue["severity"] == level for issue in every) for level in Level},
            "nominalFrequencyHz": supply.frequency_hz,
        },
        "meters": meters,
        "siteIssues": site_issues,
        "notAssessed": missing,
    }


def _with_energy(readings: pd.DataFrame) -> pd.DataFrame:
    """Return `readings` with energy and power columns, and rows that measure anything but these kept as zero power."""
    missing = {name: np.nan for name in ("energy_kwh", "power_kw") if name not in readings}
    frame = readings.assign(**missing)
    voltage = frame["voltage_v"].notna() if "voltage_v" in frame else pd.Series(False, index=frame.index)
    no_load = frame["energy_kwh"].isna() & frame["power_kw"].isna() & voltage
    return frame.assign(power_kw=frame["power_kw"].mask(no_load, 0.0))


def _without_empty(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` without the electrical quantities that no meter tells."""
    floats = [str(name) for name, dtype in rows.dtypes.items() if dtype == np.float64]
    empty = [name for name in floats if len(rows) and np.isnan(rows[name].to_numpy()).all()]
    return rows.drop(columns=empty)


def _excess(measured: Measured, hours: npt.NDArray[np.float64]) -> _Excess:
    """Return for how long a quantity is beyond its two limits; NaN is not assessed."""
    assessed = hours[~np.isnan(measured.reach)].sum()
    above, far = hours[measured.reach > 1].sum(), hours[measured.severe_reach > 1].sum()
    return _Excess(above, above / assessed, far, far / assessed)


def _severity(excess: _Excess, scope: WeekScope) -> Level | None:
    least, most = scope.config.electrical.min_hours, scope.config.electrical.max_share
    if excess.hours < least:
        return None
    if excess.severe_hours >= least and excess.severe_share > most:
        return Level.HIGH
    return Level.MEDIUM if excess.share > most or excess.severe_hours >= least else Level.LOW


def _issue(item: Quantity, measured: Measured, rows: Columns, scope: WeekScope) -> dict[str, Any] | None:
    """Return the issue that a quantity of one meter makes, or None."""
    excess = _excess(measured, rows["hours"])
    level = _severity(excess, scope)
    if level is None:
        return None
    outside = np.flatnonzero(measured.reach > 1)
    start_s, end_s = int(rows["epoch_s"][outside[0]]), int((rows["epoch_s"] + rows["interval_s"])[outside[-1]])
    worst = float(measured.shown[np.nanargmax(measured.reach)])
    is_below = np.isnan(measured.high) or worst < measured.low
    limit = measured.low if is_below else measured.high
    return {
        "type": item.key,
        "severity": level if item.may_be_high else {Level.HIGH: Level.MEDIUM}.get(level, Level.LOW),
        "start": datetime.fromtimestamp(start_s, scope.tz).isoformat(),
        "end": datetime.fromtimestamp(end_s, scope.tz).isoformat(),
        "hours": round(float(excess.hours), 2),
        "worst": round(worst, 3),
        "limit": round(float(limit), 3),
        "isBelow": bool(is_below),
        "source": item.source,
    }


def _frequency_issues(rows: pd.DataFrame, supply: Supply, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the issue of the grid's frequency: of the median over all meters, for a meter that deviates alone errs."""
    if supply.frequency_hz is None:
        return []
    (item,) = (item for item in QUANTITIES if item.key == "frequency")
    grid = rows.groupby("epoch_s").agg(
        frequency_hz=("frequency_hz", "median"), hours=("hours", "max"), interval_s=("interval_s", "max")
    )
    columns = {str(name): values.to_numpy() for name, values in grid.reset_index().items()}
    issue = _issue(item, measure_frequency(columns, supply, scope.config)["frequency"], columns, scope)
    return [] if issue is None else [issue]


def _summarise_measures(
    measured: dict[str, Measured], rows: Columns, supply: Supply, channel_id: int
) -> dict[str, Any]:
    """Return the median, the 95th percentile away from the ideal, and the nominal values behind the limits."""
    measures: dict[str, Any] = {"nominalVoltageV": supply.voltage_v.get(channel_id)}
    for item in QUANTITIES:
        if item.key not in measured:
            continue
        reach = measured[item.key].reach
        known = ~np.isnan(reach)
        order, values = np.argsort(reach[known]), measured[item.key].shown[known]
        far = values[order[int(np.ceil(0.95 * (order.size - 1)))]]
        measures[item.camel_key] = {
            "median": round(float(np.median(values)), 3),
            "p95FromIdeal": round(float(far), 3),
            "hoursAssessed": round(float(rows["hours"][known].sum()), 2),
        }
    return measures


def _power_factor_penalty(measures: dict[str, Any], rows: Columns, clause: PowerFactorClause) -> dict[str, Any]:
    """Return what the tariff adds for the power factor of a main meter."""
    target, rate = clause.target_ratio, clause.penalty_usd_per_kw
    factor = measures.get("powerFactor", {}).get("median")
    if not (rate and factor and 0 < factor < target):
        return {}
    added_kw = float(rows["mean_kw"].max()) * (target / factor - 1)
    return {"powerFactorPenalty": {"addedKw": round(added_kw, 2), "monthlyCost": round(added_kw * rate, 2)}}


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader: the facts of each issue, as the report puts them into words."""
    summary = section["summary"]
    if not summary["metersAssessed"]:
        return "nothing could be assessed: no meter sent electrical quantities in the period"
    meters, issues = summary["metersAssessed"], summary["totalIssues"]
    lines = [f"{meters} meter{'s' * (meters != 1)} assessed, {issues} issue{'s' * (issues != 1)}"]
    site = [{"channelName": "site", "issues": section["siteIssues"]}]
    lines += [
        f"{issue['severity']:<7} {meter['channelName']}: {issue['type']} {'below' if issue['isBelow'] else 'above'} "
        f"{issue['limit']:g} for {issue['hours']:g} h, at worst {issue['worst']:g}"
        for meter in [*site, *section["meters"]]
        for issue in meter["issues"]
    ]
    return "\n".join(lines)
