"""How far each of the period's intervals lies above the references of the findings, and how sure these are. Pure.

Every reference comes from the baseline weeks, and so does its spread:

| kind        | reference (mid)                              | low saving: above          | high saving: above       |
|-------------|----------------------------------------------|----------------------------|--------------------------|
| after_hours | resting power of all baseline weeks          | the week that rested worst | the week that rested best |
| base_load   | median base load of the baseline days        | their third quartile       | their first quartile     |
| anomaly     | expected power of the hour of the week       | expected + (q75 − q50)     | expected − (q50 − q25)   |
| spike       | p95 of the hour of the week                  | the spike's threshold      | q75 of the hour          |
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.after_hours_parts import LEFT_ON, label_parts
from analyze.meters.meter_checks import daily_base_loads
from analyze.money.attribution import Excess
from analyze.sections.after_hours import FROM_BASELINE, after_hours_excess_kwh, resting_power_kw
from analyze.week.intervals import WeekScope, baseline_week_numbers

Floats = npt.NDArray[np.float64]

_QUARTILES = (0.25, 0.5, 0.75)


def measure_excess(
    profiled: pd.DataFrame,
    clean: pd.DataFrame,
    baselines: pd.DataFrame,
    issues: list[dict[str, Any]],
    anomalies: pd.DataFrame,
    spikes: pd.DataFrame,
    scope: WeekScope,
) -> dict[str, Excess]:
    """Return the excess of each kind over its references, for the period's rows of `clean`.

    Parameters
    ----------
    profiled, clean
        The period's sound intervals with their hour-of-week profile (`profile_period`); those of baseline and period.
    baselines
        Resting powers (`estimate_baselines`).
    issues
        Of sensor health, which tell where the base load has stepped up.
    anomalies, spikes
        As `find_anomalies` and `find_spikes` give them: rows of `clean` with the profile of their hour of the week.
    """
    return {
        "after_hours": _after_hours(profiled, clean, baselines, scope),
        "base_load": _base_load(profiled, clean, issues, scope),
        "anomaly": _anomaly(profiled, anomalies),
        "spike": _spike(profiled, spikes, scope),
    }


def _after_hours(rows: pd.DataFrame, clean: pd.DataFrame, baselines: pd.DataFrame, scope: WeekScope) -> Excess:
    """Return the excess above the resting power of the meters that the section lists; avoidable is what was left on."""
    mid = after_hours_excess_kwh(rows, baselines)
    is_listed = mid.groupby(rows["channel_id"]).transform("sum") >= scope.config.after_hours.min_excess_kwh
    mid = mid.where(is_listed, 0.0)
    best, worst = rest_range_kw(clean, baselines, scope)
    low, high = (
        after_hours_excess_kwh(rows, baselines.assign(baseline_kw=rest_kw)).where(is_listed, 0.0)
        for rest_kw in (worst, best)
    )
    part = label_parts(rows[is_listed], mid[is_listed], baselines["baseline_kw"], scope)["part"]
    left_on = (part.reindex(rows.index) == LEFT_ON).to_numpy()
    return Excess(low.to_numpy(), mid.to_numpy(), high.to_numpy(), left_on)


def rest_range_kw(clean: pd.DataFrame, baselines: pd.DataFrame, scope: WeekScope) -> tuple[pd.Series, pd.Series]:
    """Return by channel the lowest and the highest resting power of the single baseline weeks [kW].

    The resting power of all weeks lies within; where that is the period's own, nothing is known of its spread and both
    are equal to it.
    """
    config, rest = scope.config, baselines["baseline_kw"]
    shut = clean.loc[clean["is_after_hours"], ["channel_id", "epoch_s", "mean_kw"]]
    number = baseline_week_numbers(shut, scope)
    weekly = [
        resting_power_kw(
            shut[number == week],
            quantile=config.after_hours.baseline_quantile,
            min_power_kw=config.after_hours.min_power_kw,
            rule=config.after_hours.rest_rule,
        ).reindex(rest.index)
        for week in range(config.baseline.weeks)
    ]
    table = pd.concat([rest, *(own.where(baselines["source"] == FROM_BASELINE) for own in weekly)], axis=1)
    return table.min(axis=1), table.max(axis=1)


def _base_load(rows: pd.DataFrame, clean: pd.DataFrame, issues: list[dict[str, Any]], scope: WeekScope) -> Excess:
    """Return what a risen base load adds to each interval from its step on: no more than lies above the usual power.

    What was left on by night raises the day's lowest power too; by day it usually runs, and nothing is lost then.
    """
    steps = [step for step in issues if step["type"] == "base_load_step" and step["baseKw"] > step["usualBaseKw"]]
    low, mid, high = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    days = daily_base_loads(clean) if steps else pd.DataFrame()
    for step in steps:
        own = days[(days["channel_id"] == step["channelId"]) & (days["start_s"] < scope.period.start.timestamp())]
        quartiles = np.quantile(own["base_kw"], _QUARTILES[::-1])
        start_s = datetime.fromisoformat(step["start"]).timestamp()
        hit = ((rows["channel_id"] == step["channelId"]) & (rows["epoch_s"] >= start_s)).to_numpy()
        above_kw = (rows["mean_kw"] - rows["q50_kw"])[hit].fillna(0.0).clip(lower=0)
        for values, usual_kw in zip((low, mid, high), quartiles, strict=True):
            values[hit] = above_kw.clip(upper=max(0.0, step["baseKw"] - usual_kw)) * rows["hours"][hit]
    return Excess(low, mid, high, mid > 0)


def _anomaly(rows: pd.DataFrame, anomalies: pd.DataFrame) -> Excess:
    mid = anomalies["excess_kwh"].to_numpy()
    up, down = (
        ((anomalies[upper] - anomalies[lower]) * anomalies["hours"]).fillna(0.0).to_numpy()
        for upper, lower in (("q75_kw", "q50_kw"), ("q50_kw", "q25_kw"))
    )
    high = np.where(mid > 0, mid + down, 0.0)
    return _spread(rows, anomalies, (np.clip(mid - up, 0.0, None), mid, high))


def _spike(rows: pd.DataFrame, spikes: pd.DataFrame, scope: WeekScope) -> Excess:
    power_kw, hours = spikes["mean_kw"], spikes["hours"]
    references = (scope.config.spikes.p95_multiplier * spikes["p95_kw"], spikes["p95_kw"], spikes["q75_kw"])
    low, mid, high = (((power_kw - reference).clip(lower=0) * hours).to_numpy() for reference in references)
    return _spread(rows, spikes, (low, mid, high))


def _spread(rows: pd.DataFrame, found: pd.DataFrame, values: tuple[Floats, Floats, Floats]) -> Excess:
    """Return the values of the rows that were `found` as those of all `rows`, 0 elsewhere."""
    low, mid, high = (pd.Series(value, index=found.index).reindex(rows.index, fill_value=0.0) for value in values)
    return Excess(low.to_numpy(), mid.to_numpy(), high.to_numpy(), mid.to_numpy() > 0)
