"""Findings about a meter over the whole period: its faults, its drift, its sub-meters, its base load. Pure.

Each returns issues as "sensorHealth" lists them. All but `list_fault_issues` take the sound intervals of baseline and
period: these meters can still be read, so nothing is masked and no severity is high.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.bad_intervals import any_fault
from analyze.meters.channel_kinds import channels_of
from analyze.meters.meter_faults import find_unit_factors
from analyze.meters.meter_tree import parents_of
from analyze.meters.phase_faults import PHASE_COLUMNS, find_phase_faults
from analyze.meters.sensor_issues import iso, make_issue
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    in_window,
    number_channels,
    places_by_channel,
    split_channels,
    starts_within,
)
from config.site_file import ChannelKind
from lib.states import Level
from lib.stats_utils import grouped_quantiles

Floats = npt.NDArray[np.float64]

# What `find_bad_intervals` flags, and how grave it is; "high" where the readings mislead for long.
FAULT_SEVERITIES = {
    "wrong_unit": Level.HIGH,
    "phase_reversed": Level.HIGH,
    "phase_missing": Level.HIGH,
    "register": Level.MEDIUM,
    "register_jump": Level.MEDIUM,
    "impossible": Level.MEDIUM,
    "zero": Level.MEDIUM,
    "interpolated": Level.MEDIUM,
    "clock_change": Level.LOW,
}
_OF_PHASE = ("phase_reversed", "phase_missing")
_WITH_NUMBER = (*_OF_PHASE, "wrong_unit", "register", "register_jump", "impossible")
_DAY_S, _DAY_H = 86_400, 24
_WITHOUT_RATIO, _GRAVE_DAYS = 0.05, 2
_BASE_QUANTILE = 0.1
_FULL_DAY_RATIO = 0.9
_STEP_DIGITS = 6  # decimals of a kWh that are compared when steps are looked for


def list_fault_issues(intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return one issue per channel and kind of fault that flags intervals of the period.

    `hours` counts the flagged intervals of the period, `start` and `end` span them; `since` is the first flagged one
    of baseline and period together. What misleads for more than `sensors.stale_high_after_hours` is of high severity.
    """
    in_period, issues = in_window(intervals, scope.period), []
    for kind, usual_level in FAULT_SEVERITIES.items():
        if kind not in bad or not (bad[kind] & in_period).any():
            continue
        evidence = _evidence(kind, intervals, bad, scope)
        flagged = intervals.assign(evidence=evidence, in_period=in_period)[bad[kind]]
        for channel_id, rows in flagged.groupby("channel_id"):
            inside = rows[rows["in_period"]]
            if inside.empty:
                continue
            hours, last, level = float(inside["hours"].sum()), inside.iloc[-1], usual_level
            more = {
                "start": iso(inside["epoch_s"].iloc[0], scope),
                "end": iso(last["epoch_s"] + last["interval_s"], scope),
                "since": iso(rows["epoch_s"].iloc[0], scope),
                "hours": round(hours, 2),
            }
            if hours > scope.config.sensors.stale_high_after_hours and level == Level.MEDIUM:
                level = Level.HIGH
            more |= _told_evidence(kind, float(inside["evidence"].median()))
            issues.append(make_issue(kind, level, int(channel_id), scope, **more))
    return issues


def list_unit_changes(intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the channels whose level went up or down by a power of ten before the period, and stayed there.

    Most of the weeks lie after the change, so `find_unit_factors` calls the days before it wrong. Which of the two
    levels is right, the readings do not tell; nothing of the period is masked.
    """
    if "wrong_unit" not in bad:
        return []
    flagged = bad["wrong_unit"].to_numpy()
    factor, issues = _evidence("wrong_unit", intervals, bad, scope).to_numpy(), []
    for channel_id, rows in split_channels(intervals).items():
        of_channel = flagged[rows.index]
        until = int(np.argmin(of_channel))
        if not of_channel[0] or of_channel[until:].any():
            continue
        moment_s, ratio = rows["epoch_s"].iloc[until], 1 / float(np.median(factor[rows.index[:until]]))
        more = {"since": iso(moment_s, scope), "factor": round(ratio, 6)}
        issues.append(make_issue("unit_change", Level.MEDIUM, channel_id, scope, **more))
    return issues


def _evidence(kind: str, intervals: pd.DataFrame, bad: pd.DataFrame, scope: WeekScope) -> pd.Series:
    """Return the number that belongs to a fault: a factor, a phase, or a ratio of energies."""
    if kind == "wrong_unit":
        return 10.0 ** find_unit_factors(intervals.assign(mean_kw=intervals["mean_kw"].mask(bad["stuck"])))
    if kind in _OF_PHASE:
        return find_phase_faults(intervals, scope.config)[kind]
    if kind == "impossible":
        power_kw = intervals["mean_kw"].abs()
        return power_kw / power_kw.mask(any_fault(bad)).groupby(intervals["channel_id"]).transform("max")
    due_kwh = intervals["power_kw"].abs() * intervals["hours"]
    return intervals["energy_kwh"] / due_kwh.where(due_kwh > 0)


def _told_evidence(kind: str, number: float) -> dict[str, float | int]:
    """Return the number that belongs to a fault as its issue has it: `phase`, or `factor`; nothing where unknown."""
    if math.isnan(number) or kind not in _WITH_NUMBER:
        return {}
    return {"phase": round(number)} if kind in _OF_PHASE else {"factor": float(f"{number:.3g}")}


def list_imbalance_issues(clean: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the channels of which one phase carries far more or less than the others over the period.

    The imbalance is the greatest deviation of a phase's mean power from the mean of the three, over that mean (the
    formula of NEMA MG-1 for voltages). A phase below `phase_usual_min_ratio` of the mean is not in regular use, and
    the channel is not three-phase.
    """
    config = scope.config
    issues: list[dict[str, Any]] = []
    if not set(PHASE_COLUMNS) <= set(clean.columns):
        return issues
    is_told = ~np.logical_or.reduce([np.isnan(clean[name].to_numpy(dtype=float)) for name in PHASE_COLUMNS])
    is_told &= starts_within(clean, scope.period)
    if not is_told.any():
        return issues
    rows = clean.loc[is_told, ["channel_id", *PHASE_COLUMNS]]
    for channel_id, phase_kw in rows.groupby("channel_id")[list(PHASE_COLUMNS)].mean().iterrows():
        mean_kw = phase_kw.mean()
        least_kw = config.meters.phase_usual_min_ratio * mean_kw
        if 3 * mean_kw <= config.meters.phase_min_power_kw or phase_kw.min() < least_kw:
            continue
        imbalance_pct = 100 * (phase_kw - mean_kw).abs().max() / mean_kw
        if imbalance_pct > config.meters.phase_imbalance_max_pct:
            phases = [round(float(value), 3) for value in phase_kw]
            more = {"imbalancePct": round(float(imbalance_pct), 1), "phaseKw": phases}
            issues.append(make_issue("phase_imbalance", Level.LOW, int(channel_id), scope, **more))
    return issues


def _local_days(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    return rows["local_time"].to_numpy().astype("datetime64[D]").astype("int64")


def list_register_drift_issues(clean: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the channels whose energy register strays from mean power × hours.

    Judged by the median of the period's daily ratios, on `drift_min_days` days or more; a day counts when the power
    gives 0.1 kWh or more (`catch_up_min_energy_kwh`). A class 1 meter holds 1 % (IEC 62053-21); the limit leaves room
    for power that is sampled rather than averaged.
    """
    config, issues = scope.config, []
    ratios, days = _daily_register_ratios(clean, scope)
    for channel_id, (usual, ratio), count in zip(number_channels(clean)[1].tolist(), ratios, days[:, 1], strict=True):
        if count < config.meters.drift_min_days or not 100 * abs(ratio - 1) > config.meters.register_max_drift_pct:
            continue
        usual_ratio = None if np.isnan(usual) else round(float(usual), 4)
        more = {"registerRatio": round(float(ratio), 4), "usualRatio": usual_ratio}
        more["driftPct"] = round(100 * (float(ratio) - 1), 1)
        issues.append(make_issue("register_drift", Level.MEDIUM, channel_id, scope, **more))
    return issues


def _daily_register_ratios(clean: pd.DataFrame, scope: WeekScope) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the median of the days' energy over power × hours, and how many days that is of.

    Both by channel, before the period (first column) and in it; a day counts when power gives enough to judge by.
    """
    code, ids = number_channels(clean)
    due_kwh, energy_kwh = clean["power_kw"].to_numpy() * clean["hours"].to_numpy(), clean["energy_kwh"].to_numpy()
    known = ~np.isnan(due_kwh) & ~np.isnan(energy_kwh)
    day, in_period = _local_days(clean), starts_within(clean, scope.period)
    first = int(day.min()) if len(clean) else 0
    width = int(day.max()) - first + 1 if len(clean) else 0
    owner = 2 * code + in_period
    cell = (owner * width + day - first)[known]
    size = 2 * len(ids) * width
    kwh = np.bincount(cell, weights=energy_kwh[known], minlength=size)
    due = np.bincount(cell, weights=due_kwh[known], minlength=size)
    enough = due >= scope.config.sensors.catch_up_min_energy_kwh
    ratio = np.divide(kwh, due, out=np.full(size, np.nan), where=enough)
    median, days = grouped_quantiles(ratio, np.repeat(np.arange(2 * len(ids)), width), 2 * len(ids), [0.5])
    return median.reshape(-1, 2), days.reshape(-1, 2)


def list_sum_issues(clean: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the parents that count less than their sub-meters together, or whose uncounted share has jumped.

    Over the steps that parent and all its direct sub-meters fill with sound intervals. Two meters of class 1 differ by
    2 % at most, current transformers included by about `sum_max_excess_pct`. The share that no sub-meter counts may
    be anything; it is reported when it leaves the range of the baseline weeks by `sum_max_shift_pct` points.
    """
    config = scope.config
    issues: list[dict[str, Any]] = []
    children: dict[int, list[int]] = {}
    for child, parent in parents_of(scope.meters).items():
        children.setdefault(parent, []).append(child)
    for parent, below in sorted(children.items()):
        steps = _matched_steps(clean, parent, below)
        weeks = (steps.index.to_numpy() - scope.period.start.timestamp()) // (7 * _DAY_S)
        sums = steps.groupby(np.where(weeks >= 0, 0, weeks)).sum()
        if 0 not in sums.index or sums.loc[0, "own"] <= config.sensors.catch_up_min_energy_kwh:
            continue
        covered_pct = 100 * sums["below"] / sums["own"]
        now_pct, before = covered_pct[0], covered_pct.drop(0)
        evidence = {"subMeterIds": sorted(below), "coveredPct": round(float(now_pct), 1)}
        if now_pct > 100 + config.meters.sum_max_excess_pct:
            issues.append(make_issue("sum_mismatch", Level.MEDIUM, parent, scope, **evidence))
        elif len(before) > 1 and max(before.min() - now_pct, now_pct - before.max()) > config.meters.sum_max_shift_pct:
            evidence["coveredBeforePct"] = [round(float(edge), 1) for edge in (before.min(), before.max())]
            issues.append(make_issue("sum_shift", Level.LOW, parent, scope, **evidence))
    return issues


def _matched_steps(clean: pd.DataFrame, parent: int, below: list[int]) -> pd.DataFrame:
    """Return `own` and `below` [kWh] by the start [s] of the steps that all of these meters fill."""
    rows = clean[clean["channel_id"].isin([parent, *below])]
    step_s = int(rows["interval_s"].max()) if len(rows) else SECONDS_PER_HOUR
    start = (rows["epoch_s"] // step_s * step_s).rename("start")
    table = rows.groupby([start, "channel_id"])[["used_kwh", "interval_s"]].sum().unstack()
    table = table.reindex(columns=pd.MultiIndex.from_product([["used_kwh", "interval_s"], [parent, *below]]))
    table = table[(table["interval_s"] == step_s).all(axis=1)]["used_kwh"]
    return pd.DataFrame({"own": table[parent], "below": table[below].sum(axis=1)})


def list_generation_issues(intervals: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the generation that brought nothing on whole days of the period, where no day before it was without.

    A day counts that is nine tenths there; it is without where it brought a twentieth of the lowest day before or less.
    Two days or more are of high severity: one may be snow, or the darkest of the year.
    """
    generation = channels_of(scope.meters, ChannelKind.GENERATION)
    if not generation:
        return []
    rows = intervals[intervals["channel_id"].isin(generation)]
    day = rows["local_time"].dt.normalize()
    days = (
        rows.assign(kwh=rows["energy_kwh"].abs(), end_s=rows["epoch_s"] + rows["interval_s"])
        .groupby(["channel_id", day])
        .agg(kwh=("kwh", "sum"), hours=("hours", "sum"), start_s=("epoch_s", "min"), end_s=("end_s", "max"))
    )
    days = days[days["hours"] >= _FULL_DAY_RATIO * _DAY_H].reset_index()
    is_now = days["start_s"] >= scope.period.start.timestamp()
    issues = []
    for channel_id, own in days[is_now].groupby("channel_id"):
        before_kwh = days.loc[~is_now & (days["channel_id"] == channel_id), "kwh"]
        if before_kwh.size < scope.config.meters.base_step_min_baseline_days:
            continue
        without = own[own["kwh"] <= _WITHOUT_RATIO * before_kwh.min()] if before_kwh.min() > 0 else own.iloc[:0]
        if without.empty:
            continue
        count = len(without)
        more: dict[str, Any] = {
            "start": iso(without["start_s"].min(), scope),
            "end": iso(without["end_s"].max(), scope),
        }
        more |= {"days": count, "leastBeforeKwh": round(float(before_kwh.min()), 2)}
        level = Level.HIGH if count >= _GRAVE_DAYS else Level.MEDIUM
        issues.append(make_issue("no_generation", level, int(channel_id), scope, **more))
    return issues


def list_base_step_issues(base_loads: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the channels whose base load has left the range of the baseline weeks and stays outside.

    The base load of a local day is the 10th percentile of its power; nine tenths of the day must be there. Reported
    when it lies above every day of the baseline (or below) by `base_step_min_ratio` of their median and by
    `base_step_min_kw`, for `drift_min_days` days or more up to the last full day. It may be equipment that now runs
    by night as well as a clamp that has shifted, so it is low. `base_loads` are `daily_base_loads`.
    """
    config, issues = scope.config, []
    every_start_s, every_base_kw = base_loads["start_s"].to_numpy(), base_loads["base_kw"].to_numpy()
    for channel_id, own in places_by_channel(base_loads["channel_id"].to_numpy(dtype="int64")).items():
        start_s, base_kw = every_start_s[own], every_base_kw[own]
        in_baseline, in_period = (
            (start_s >= window.start.timestamp()) & (start_s < window.end.timestamp())
            for window in (scope.baseline, scope.period)
        )
        before, now = base_kw[in_baseline], base_kw[in_period]
        if before.size < config.meters.base_step_min_baseline_days or now.size < config.meters.drift_min_days:
            continue
        usual_kw = float(np.median(before))
        margin_kw = max(config.meters.base_step_min_ratio * usual_kw, config.meters.base_step_min_kw)
        for sign, edge_kw in ((1, before.max()), (-1, before.min())):
            outside = sign * (now - edge_kw) > margin_kw
            run = int(np.argmin(outside[::-1])) if not outside.all() else outside.size
            if run >= config.meters.drift_min_days:
                new_kw = float(np.median(now[-run:]))
                more: dict[str, Any] = {"start": iso(start_s[in_period][-run], scope), "baseKw": round(new_kw, 3)}
                more |= {"usualBaseKw": round(usual_kw, 3), "days": run}
                issues.append(make_issue("base_load_step", Level.LOW, channel_id, scope, **more))
    return issues


def daily_base_loads(clean: pd.DataFrame) -> pd.DataFrame:
    """Return `channel_id`, `start_s` (first interval) and `base_kw` [kW] of each nearly full local day."""
    code, ids = number_channels(clean)
    if not len(ids):
        return pd.DataFrame({"channel_id": [], "start_s": [], "base_kw": []})
    day = _local_days(clean)
    first, width = int(day.min()), int(day.max() - day.min()) + 1
    cell = code * width + day - first
    cells = len(ids) * width
    base_kw = grouped_quantiles(clean["mean_kw"], cell, cells, [_BASE_QUANTILE])[0][:, 0]
    start_s = np.full(cells, np.inf)
    np.minimum.at(start_s, cell, clean["epoch_s"].to_numpy(dtype=float))
    hours = np.bincount(cell, weights=clean["hours"], minlength=cells)
    full = hours >= _FULL_DAY_RATIO * 24
    return pd.DataFrame({"channel_id": np.repeat(ids, width), "start_s": start_s, "base_kw": base_kw})[full]


def list_quantised_issues(clean: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the channels whose energy comes in pulses so large that an interval holds only a few.

    The pulse is the smallest difference of any two values; all values must be whole multiples of it, and the median of
    those above zero at most `quantised_max_steps` of them. One interval is then uncertain by a pulse.
    """
    config, issues = scope.config, []
    every_kwh = clean["energy_kwh"].to_numpy()
    for channel_id, own in places_by_channel(clean["channel_id"].to_numpy(dtype="int64")).items():
        energy_kwh = every_kwh[own]
        values = np.unique(np.round(energy_kwh[energy_kwh >= 0], _STEP_DIGITS))
        above = energy_kwh[energy_kwh > 10.0**-_STEP_DIGITS]
        if len(above) < config.meters.quantised_min_intervals or len(values) < 2:
            continue
        pulse_kwh = min(float(np.diff(values).min()), values[values > 0][0])
        steps, typical = values / pulse_kwh, float(np.median(above)) / pulse_kwh
        off = np.abs(steps - np.round(steps)).max()
        if off > config.meters.quantised_tolerance_steps or typical > config.meters.quantised_max_steps:
            continue
        more = {"pulseKwh": round(pulse_kwh, 6), "typicalPulses": round(typical, 1)}
        issues.append(make_issue("quantised", Level.LOW, channel_id, scope, **more))
    return issues
