"""What the energy used after hours is made of, when it is used, and how much of it is usual. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.schedules import CLOSED_KINDS, closed_kind, closed_within, opens_within
from analyze.week.intervals import (
    WeekScope,
    baseline_week_numbers,
    list_runs,
    local_iso,
    period_weeks,
    starts_new_run,
    weekday_counts,
)
from lib.stats_utils import grouped_quantiles, label_runs, sum_by_place

BASE_LOAD, START_UP, SHUT_DOWN, LEFT_ON, WAVERING = "baseLoad", "startUp", "shutDown", "leftOn", "wavering"
_EXCESS_PARTS = (START_UP, SHUT_DOWN, LEFT_ON, WAVERING)
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_NIGHT_QUANTILE, _NIGHT_QUANTILE_SIGMAS = 0.8, 1.2816  # four fifths of a normal distribution lie within ±1.2816 σ
_NOON = pd.Timedelta(hours=12)
_NIGHTS_PER_WEEK = 7


def usual_excess(clean: pd.DataFrame, excess: pd.Series, baselines: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` what excess is usual for a period of this length, and how much it varies by itself.

    Parameters
    ----------
    clean, excess
        Sound intervals of baseline and period, and the excess of each [kWh] against the one baseline.
    baselines
        As `estimate_baselines` gives them.

    Returns
    -------
    pd.DataFrame
        `usual_kwh`, the median of the baseline weeks, each weekday as often as the period holds it (`weekday_counts`),
        and `noise_kwh`, one standard deviation of such a period's sum.
        A week of which sound readings cover less than `baseline.min_completeness_pct` is left out; NaN where no week
        is left, or the baseline is the period's own.

    Notes
    -----
    The noise is the larger of two estimates, each from few values: 1.4826 · MAD of the weeks' sums, and the 80th
    percentile of the noon-to-noon days' deviations from the median of their weekday / 1.2816 · √7. The second sees a
    load that differs from night to night though four weeks happened to agree (a median deviation would be 0 for a
    machine that runs on one night out of three), the first one that drifts from week to week.
    """
    weeks, ids = scope.config.baseline.weeks, baselines.index.to_numpy()
    number = baseline_week_numbers(clean, scope)
    keep = number >= 0
    channel = np.searchsorted(ids, clean["channel_id"][keep])
    cell = channel * weeks + number[keep]

    def weekly(values: pd.Series) -> npt.NDArray[np.float64]:
        return sum_by_place(cell, values[keep], ids.size * weeks)

    like_period = weekday_counts(scope)[clean["local_weekday"]]
    week_hours = (scope.baseline.end - scope.baseline.start).total_seconds() / 3600 / weeks
    is_full = weekly(clean["hours"]) >= scope.config.baseline.min_completeness_pct / 100 * week_hours
    sums = np.where(is_full, weekly(excess * like_period), np.nan)
    owner = np.repeat(np.arange(ids.size), weeks)
    median, _ = grouped_quantiles(sums, owner, ids.size, [0.5])
    deviation, _ = grouped_quantiles(np.abs(sums - median[owner, 0]), owner, ids.size, [0.5])
    by_week = _MAD_TO_SIGMA * deviation[:, 0]
    by_day = _noise_of_days(clean[keep], excess[keep], channel, ids.size)
    length = period_weeks(scope)
    noise = np.fmax(by_week, by_day * np.sqrt(_NIGHTS_PER_WEEK * length))
    usual = pd.DataFrame({"usual_kwh": median[:, 0], "noise_kwh": noise}, index=baselines.index)
    return usual.where(baselines["source"] == "baseline_weeks")


def _noise_of_days(
    rows: pd.DataFrame, excess: pd.Series, channel: npt.NDArray[np.int64], channel_count: int
) -> npt.NDArray[np.float64]:
    """Return by channel the robust standard deviation of a day's excess about the median of its weekday [kWh]."""
    if rows.empty:
        return np.full(channel_count, np.nan)
    day = (rows["local_time"] - _NOON).dt.normalize()
    daily = excess.groupby([pd.Series(channel, index=rows.index), day]).sum()
    owner = daily.index.get_level_values(0).to_numpy()
    weekday = owner * _NIGHTS_PER_WEEK + daily.index.get_level_values(1).day_of_week.to_numpy()
    median, _ = grouped_quantiles(daily, weekday, channel_count * _NIGHTS_PER_WEEK, [0.5])
    deviation, _ = grouped_quantiles(np.abs(daily - median[weekday, 0]), owner, channel_count, [_NIGHT_QUANTILE])
    return deviation[:, 0] / _NIGHT_QUANTILE_SIGMAS


def label_parts(period: pd.DataFrame, excess: pd.Series, baseline_kw: pd.Series, scope: WeekScope) -> pd.DataFrame:
    """Return `period` with the excess of each interval, what it is part of, and the kind of closed time.

    Parameters
    ----------
    period, excess
        Sound intervals of the period, and the excess of each [kWh].
    baseline_kw
        Resting power by `channel_id` [kW].

    Returns
    -------
    pd.DataFrame
        Added: `excess_kwh`; `kind` ("night", "weekend", "holiday", or "" in opening hours); `part` of intervals that
        have an excess: "startUp" up to `after_hours.start_up_min` before opening, "shutDown" up to
        `after_hours.shut_down_min` after closing, else "leftOn" above `after_hours.left_on_ratio` times the resting
        power, else "wavering". What is not excess is the base load.
    """
    config, schedule = scope.config, scope.schedule
    rest_kw = period["channel_id"].map(baseline_kw)
    labels = np.select(
        [
            excess.to_numpy() <= 0,
            opens_within(period, schedule, config.after_hours.start_up_min).to_numpy(),
            closed_within(period, schedule, config.after_hours.shut_down_min).to_numpy(),
            (period["mean_kw"] > config.after_hours.left_on_ratio * rest_kw).to_numpy(),
        ],
        ["", START_UP, SHUT_DOWN, LEFT_ON],
        default=WAVERING,
    )
    return period.assign(excess_kwh=excess, part=labels, kind=closed_kind(period, schedule))


def describe_parts(rows: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return one meter's after-hours energy by part and by kind of closed time, its worst nights and its profile.

    Parameters
    ----------
    rows
        One channel's intervals of the period, as `label_parts` gives them.

    Notes
    -----
    The five `parts` add up to `totalAfterHoursKwh`; the three kinds of `byKind` to it and to the excess. A night lasts
    from noon to noon and bears the date of its evening. `profile24x7` holds the mean power [kW] of the whole period by
    weekday (Monday first) and hour, None where there is no reading.
    """
    shut = rows[rows["is_after_hours"].to_numpy(dtype=bool)]
    excess, used, hours = (shut[column].to_numpy() for column in ("excess_kwh", "used_kwh", "hours"))
    rate = shut["rate_per_kwh"].to_numpy()
    excess_cost = excess * rate
    part, kind = shut["part"].to_numpy(), shut["kind"].to_numpy()
    amounts = {BASE_LOAD: (float(used.sum() - excess.sum()), float((used - excess) @ rate))}
    amounts |= {n: (float(excess[part == n].sum()), float(excess_cost[part == n].sum())) for n in _EXCESS_PARTS}
    return {
        "parts": {name: {"kwh": round(kwh, 2), "cost": round(cost, 2)} for name, (kwh, cost) in amounts.items()},
        "byKind": {
            name: {
                "totalKwh": round(float(used[kind == name].sum()), 2),
                "excessKwh": round(float(excess[kind == name].sum()), 2),
                "excessCost": round(float(excess_cost[kind == name].sum()), 2),
                "hours": round(float(hours[kind == name].sum()), 2),
            }
            for name in CLOSED_KINDS
        },
        "worstNights": _worst_nights(shut, scope),
        "profile24x7": _profile(rows),
    }


def _worst_nights(shut: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    evening = (shut["local_time"] - _NOON).to_numpy().astype("datetime64[D]")
    nights, first = np.unique(evening, return_index=True)  # rows are in order of time
    if not nights.size:
        return []
    excess_kwh = np.add.reduceat(shut["excess_kwh"].to_numpy(), first)
    cost = np.add.reduceat((shut["excess_kwh"] * shut["rate_per_kwh"]).to_numpy(), first)
    max_kw = np.maximum.reduceat(shut["mean_kw"].to_numpy(), first)
    worst = np.argsort(-excess_kwh, kind="stable")[: scope.config.after_hours.worst_nights]
    return [
        {
            "night": str(nights[n]),
            "excessKwh": round(float(excess_kwh[n]), 2),
            "excessCost": round(float(cost[n]), 2),
            "maxPowerKw": round(float(max_kw[n]), 3),
        }
        for n in worst
        if excess_kwh[n] > 0
    ]


def _profile(rows: pd.DataFrame) -> list[list[float | None]]:
    kwh, hours = (rows["mean_kw"] * rows["hours"]).to_numpy(), rows["hours"].to_numpy()
    cell = rows["hour_of_week"].to_numpy(dtype="int64")
    energy, length = (np.bincount(cell, weights=values, minlength=168).reshape(7, 24) for values in (kwh, hours))
    return [
        [round(float(e / n), 3) if n > 0 else None for e, n in zip(*day, strict=True)]
        for day in zip(energy, length, strict=True)
    ]


def list_episodes(period: pd.DataFrame, excess: pd.Series, scope: WeekScope) -> dict[int, list[dict[str, Any]]]:
    """Return by channel the unbroken stretches of excess, the largest of them, in order of time."""
    rows = period.assign(excess_kwh=excess)
    run_id = label_runs(rows["excess_kwh"] > 0, starts_new_run(rows))
    runs = list_runs(rows, run_id, excess_kwh=("excess_kwh", "sum"), max_kw=("mean_kw", "max"))
    runs = runs.sort_values("excess_kwh", ascending=False, kind="stable")
    runs = runs.groupby("channel_id").head(scope.config.lists.max_findings).sort_values(["channel_id", "start"])
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    episodes: dict[int, list[dict[str, Any]]] = {}
    for run in runs.itertuples():
        episode = {"start": run.start_text, "end": run.end_text}
        episode |= {"excessKwh": round(float(run.excess_kwh), 2), "maxPowerKw": round(float(run.max_kw), 3)}
        episodes.setdefault(int(run.channel_id), []).append(episode)
    return episodes
