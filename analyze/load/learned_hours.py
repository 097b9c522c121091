"""Opening hours learned from the load itself, and where they contradict the declared ones. Pure.

A day's running block is the stretch whose power stays above half-way between the channel's base and its plateau: the
contiguous block with the largest sum of the power's distance from half-way, each distance limited to half the swing
(Bentley's maximum-sum segment), so that a dip at noon does not end it and a blip at night does not begin it.

References
----------
J. Bentley (1984), "Programming pearls: algorithm design techniques", Communications of the ACM 27(9),
doi:10.1145/358234.381162. The half-way crossing between base and peak load as start and end of the day: P. Price
(2010), "Methods for Analyzing Electric Load Shape and its Variability", LBNL-3713E, doi:10.2172/985909.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.schedules import is_open
from analyze.meters.completeness import assess_channels
from analyze.week.intervals import WeekScope, channel_names, in_window, list_channels, split_channels
from analyze.week.refusals import SHORT_BASELINE, insufficient, refuse_short_baseline
from config.opening_hours import MINUTES_PER_DAY, Day, Schedule

if TYPE_CHECKING:
    from config.thresholds import Thresholds

_BASE_QUANTILE, _PLATEAU_QUANTILE = 0.05, 0.95
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_FULL_DAY_HOURS = 21.5  # nine tenths of a day; the day of 23 hours is full too
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class LearnedDay(NamedTuple):
    """When a channel usually runs on a weekday [minutes after local midnight]; equal ends mean that it does not."""

    start_min: int
    end_min: int
    days: int


class LearnedHours(NamedTuple):
    """What a channel's load says about its hours; without `code` it could be learned."""

    base_kw: float
    plateau_kw: float
    week: tuple[LearnedDay | None, ...]  # Monday first; None where the weekday has no regular hours
    code: str | None
    reason: str


def learn_hours(rows: pd.DataFrame, config: Thresholds) -> LearnedHours:
    """Return the usual start and end of each weekday of one channel.

    Parameters
    ----------
    rows
        Sound intervals of one channel over the baseline weeks, in order of time, with `local_time`, `mean_kw` [kW] and
        `hours`.

    Returns
    -------
    LearnedHours
        Refused with `short_baseline` where no weekday has `min_days` full days, and with `no_rhythm` where
        the load swings by less than `min_swing_ratio` of its plateau, or starts and ends at random (median
        deviation above `max_spread_min` on every weekday that runs).

    Notes
    -----
    Base and plateau are the 5th and 95th percentile of the power. Start and end of a weekday are the medians over its
    days, so that a holiday among four weeks changes nothing; they are as fine as the intervals are long.
    """
    if rows.empty:
        return LearnedHours(np.nan, np.nan, (None,) * 7, SHORT_BASELINE, "no sound readings in the baseline weeks")
    base_kw, plateau_kw = map(float, np.quantile(rows["mean_kw"].to_numpy(), [_BASE_QUANTILE, _PLATEAU_QUANTILE]))
    blocks = _daily_blocks(rows, base_kw, plateau_kw, config)
    if all(len(days) < config.learned_hours.min_days for days in blocks):
        reason = f"no weekday has {config.learned_hours.min_days} full days in the baseline weeks"
        return LearnedHours(base_kw, plateau_kw, (None,) * 7, SHORT_BASELINE, reason)
    if plateau_kw <= 0 or plateau_kw - base_kw < config.learned_hours.min_swing_ratio * plateau_kw:
        alike = f"day and night are too alike: {base_kw:.2f} to {plateau_kw:.2f} kW"
        reason = alike if plateau_kw > 0 else "it is off for nineteen hours out of twenty or more"
        return LearnedHours(base_kw, plateau_kw, (None,) * 7, "no_rhythm", reason)
    week = tuple(_learned_day(days, config) for days in blocks)
    if not any(day is not None and day.end_min > day.start_min for day in week):
        return LearnedHours(base_kw, plateau_kw, week, "no_rhythm", "it starts and ends at no regular time of the day")
    return LearnedHours(base_kw, plateau_kw, week, None, "")


def _daily_blocks(
    rows: pd.DataFrame, base_kw: float, plateau_kw: float, config: Thresholds
) -> list[list[tuple[int, int]]]:
    """Return by weekday the running block of each full day [minutes]; (0, 0) is a day without one."""
    swing_kw = plateau_kw - base_kw
    blocks: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    hours, local = rows["hours"].to_numpy(), rows["local_time"].to_numpy().astype("datetime64[m]")
    day = local.astype("datetime64[D]")
    minute = (local - day).astype("int64")
    # Far above is no more than at the plateau, else one burst would outweigh the rest of the day.
    above = np.clip(rows["mean_kw"].to_numpy() - (base_kw + plateau_kw) / 2, -swing_kw / 2, swing_kw / 2) * hours
    edges = np.append(np.unique(day, return_index=True)[1], day.size)
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        if hours[start:end].sum() < _FULL_DAY_HOURS:
            continue
        first, last = (start + n for n in _largest_segment(above[start:end]))
        runs = last > first and hours[first:last].sum() >= config.learned_hours.min_run_hours
        closes = int(minute[last - 1] + 60 * hours[last - 1]) if runs else 0
        weekday = (int(day[start].astype("int64")) + _EPOCH_WEEKDAY) % 7
        blocks[weekday].append((int(minute[first]), min(closes, MINUTES_PER_DAY)) if runs else (0, 0))
    return blocks


def _largest_segment(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return first and last (excluded) of the contiguous segment with the largest sum; equal where none is above 0."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    gain = total - np.minimum.accumulate(total)
    last = int(np.argmax(gain))
    return int(np.argmin(total[: last + 1])), last


def _learned_day(blocks: list[tuple[int, int]], config: Thresholds) -> LearnedDay | None:
    if len(blocks) < config.learned_hours.min_days:
        return None
    running = np.array([block for block in blocks if block[1] > block[0]], dtype=float).reshape(-1, 2)
    if 2 * len(running) <= len(blocks):
        return LearnedDay(0, 0, len(blocks))
    middle = np.median(running, axis=0)
    if (np.median(np.abs(running - middle), axis=0) > config.learned_hours.max_spread_min).any():
        return None
    return LearnedDay(int(middle[0]), int(middle[1]), len(blocks))


def find_disagreements(clean: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return the channels that usually run well outside the declared hours.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period.

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
    names, coverage = channel_names(scope.meters), assess_channels(clean, scope)
    baseline, period = clean[in_window(clean, scope.baseline)], clean[in_window(clean, scope.period)]
    closed_of = split_channels(period.assign(is_closed=~is_open(period, schedule)))
    baseline_of, findings, refused = split_channels(baseline), [], []
    for channel_id in list_channels(clean):
        learned = learn_hours(baseline_of.get(channel_id, baseline.iloc[:0]), scope.config)
        identity = {"channelId": channel_id, "channelName": names[channel_id]}
        if learned.code is not None:
            refused.append({**identity, **_refuse(learned, coverage.loc[channel_id], scope)})
        elif outside := outside_minutes(learned, schedule, scope.config):
            rows = closed_of.get(channel_id, period.iloc[:0].assign(is_closed=False))
            findings.append({**identity, **_describe(learned, outside, rows, schedule, scope.config)})
    findings.sort(key=lambda finding: (-finding["kwh"], finding["channelId"]))
    return {"findings": findings, "notAssessed": refused}


def _refuse(learned: LearnedHours, covered: pd.Series, scope: WeekScope) -> dict[str, Any]:
    """Return why nothing was learned; a load without rhythm has none however long one waits."""
    if learned.code == SHORT_BASELINE:
        return refuse_short_baseline(covered["baseline_pct"], covered["period_pct"], learned.reason, scope)
    missing = "a load that starts and ends its day at regular times"
    return insufficient("no_rhythm", missing, None) | {"reason": learned.reason}


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
    texts = {number: f"runs {_text(learned.week[number])}, {_open_text(schedule.week[number])}" for number in outside}
    common = max(texts.values(), key=list(texts.values()).count)
    days = {is_common: [_WEEKDAYS[number] for number, text in texts.items() if (text == common) == is_common]
            for is_common in (True, False)}  # fmt: skip
    others = f"; at other hours on {', '.join(days[False])}" if days[False] else ""
    return {
        "description": f"{common} ({', '.join(days[True])}){others}",
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


def _open_text(day: Day) -> str:
    return f"open {_clock(day[0].start_min)}-{_clock(day[-1].end_min)}" if day else "declared closed"


def _clock(minute: int) -> str:
    return "24:00" if minute == MINUTES_PER_DAY else f"{minute // 60 % 24:02d}:{minute % 60:02d}"
