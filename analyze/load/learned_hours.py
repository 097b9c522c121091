"""Where the hours that a load keeps (`lib.learned_hours`) contradict the declared ones. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analyze.load.schedules import is_open
from analyze.meters.completeness import assess_channels
from analyze.week.intervals import (
    WeekScope,
    channel_names,
    list_channels,
    pick,
    places_by_channel,
    starts_within,
)
from analyze.week.refusals import insufficient, refuse_short_baseline
from config.opening_hours import MINUTES_PER_DAY, Schedule
from lib.learned_hours import NO_RHYTHM, SHORT_BASELINE, LearnedDay, LearnedHours, Load, learn_hours

if TYPE_CHECKING:
    from config.thresholds import Thresholds

_COLUMNS = ["channel_id", "local_time", "local_weekday", "hours", "mean_kw", "rate_per_kwh"]


def find_disagreements(clean: pd.DataFrame, scope: WeekScope, coverage: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return the channels that usually run well outside the declared hours.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period.
    coverage
        How much of both they cover (`assess_channels`), where it is known.

    Returns
    -------
    dict
        `findings`, the largest energy first, and `notAssessed`, refused with a reason. Of each finding `kwh` [kWh]
        and `hours` are the period's: energy above base power within the learned hours while the site is closed.

    Notes
    -----
    A finding needs `disagreement_min` minutes before opening and after closing together, on
    `disagreement_weekdays` weekdays, or one whole weekday that is declared closed. Running for less than the
    declared hours is none: an oven need not bake from opening to closing.
    """
    schedule = scope.schedule
    names, coverage = channel_names(scope.meters), assess_channels(clean, scope) if coverage is None else coverage
    now = starts_within(clean, scope.period)
    load, rows_of = _load_before(clean, scope)
    findings, refused = [], []
    for channel_id in list_channels(clean):
        learned = learn_hours(load.of_rows(rows_of.get(channel_id, slice(0))), scope.config.learned_hours)
        identity = {"channelId": channel_id, "channelName": names[channel_id]}
        if learned.code is not None:
            refused.append({**identity, **_refuse(learned, coverage.loc[channel_id], scope)})
        elif outside := outside_minutes(learned, schedule, scope.config):
            rows = pick(clean, now & (clean["channel_id"].to_numpy() == channel_id), _COLUMNS)
            rows["is_closed"] = ~is_open(rows, schedule)
            findings.append({**identity, **_describe(learned, outside, rows, schedule, scope.config)})
    findings.sort(key=lambda finding: (-finding["kwh"], finding["channelId"]))
    return {"findings": findings, "notAssessed": refused}


def _load_before(clean: pd.DataFrame, scope: WeekScope) -> tuple[Load, dict[int, slice]]:
    """Return the load of all channels in the baseline weeks, and which part of it each has."""
    own = starts_within(clean, scope.baseline)
    load = Load(*(clean[name].to_numpy()[own] for name in Load._fields))
    return load, places_by_channel(clean["channel_id"].to_numpy(dtype="int64")[own])


def _refuse(learned: LearnedHours, covered: pd.Series, scope: WeekScope) -> dict[str, Any]:
    """Return why nothing was learned; a load without rhythm has none however long one waits."""
    if learned.code == SHORT_BASELINE:
        return refuse_short_baseline(covered["baseline_pct"], covered["period_pct"], learned.reason, scope)
    missing = "a load that starts and ends its day at regular times"
    return insufficient(NO_RHYTHM, missing, None) | {"reason": learned.reason}


def outside_minutes(learned: LearnedHours, schedule: Schedule, config: Thresholds) -> dict[int, tuple[int, int]]:
    """Return by weekday the minutes that a channel runs before opening and after closing; empty for no finding.

    On a weekday that is declared closed all its minutes count as before opening.
    """
    outside = {}
    for weekday, (day, declared) in enumerate(zip(learned.week, schedule.week, strict=True)):
        if day is None or day.end_min <= day.start_min:
            continue
        if declared:
            opens, closes = declared[0].start_min, declared[-1].end_min
            early = max(0, min(opens, day.end_min) - day.start_min)
            late = max(0, day.end_min - max(closes, day.start_min))
        else:
            early, late = day.end_min - day.start_min, 0
        if early + late >= config.learned_hours.disagreement_min:
            outside[weekday] = (early, late)
    has_closed_day = any(not schedule.week[weekday] for weekday in outside)
    return outside if len(outside) >= config.learned_hours.disagreement_weekdays or has_closed_day else {}


def _describe(
    learned: LearnedHours,
    outside: dict[int, tuple[int, int]],
    closed: pd.DataFrame,
    schedule: Schedule,
    config: Thresholds,
) -> dict[str, Any]:
    minute = closed["local_time"].dt.hour * 60 + closed["local_time"].dt.minute
    starts = np.array([day.start_min if day else 0 for day in learned.week])
    ends = np.array([day.end_min if day else 0 for day in learned.week])
    weekday = closed["local_weekday"].to_numpy(dtype=int)
    is_within = (minute >= starts[weekday]) & (minute < ends[weekday]) & np.isin(weekday, list(outside))
    rows = closed[is_within & closed["is_closed"]]
    above_kwh = (rows["mean_kw"] - learned.base_kw).clip(lower=0) * rows["hours"]
    kwh = float(above_kwh.sum())
    return {
        "weekdays": [
            {
                "weekday": number,
                "learned": _text(learned.week[number]),
                "declared": [f"{_clock(span.start_min)}-{_clock(span.end_min)}" for span in schedule.week[number]],
                "earlyMinutes": early,
                "lateMinutes": late,
            }
            for number, (early, late) in outside.items()
        ],
        "hours": round(float(rows["hours"].sum()), 2),
        "kwh": round(kwh, 2),
        "cost": round(float(above_kwh @ rows["rate_per_kwh"]), 2),
        "baseKw": round(learned.base_kw, 3),
        "plateauKw": round(learned.plateau_kw, 3),
    }


def _text(day: LearnedDay | None) -> str:
    return "" if day is None else f"{_clock(day.start_min)}-{_clock(day.end_min)}"


def _clock(minute: int) -> str:
    return "24:00" if minute == MINUTES_PER_DAY else f"{minute // 60 % 24:02d}:{minute % 60:02d}"
