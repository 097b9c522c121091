"""Faults of known kind, size and place, put into measured weeks. Pure.

`KINDS` is the list of them, and `inject` makes the readings as the meter would have sent them. A fault never touches a
reading outside its own start and end. Where each goes is drawn in `fault_plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.measured_meters import HOUR_S, MeasuredWeek

from analyze.week.intervals import is_after_hours
from lib.date_utils import add_local_time

Mask = npt.NDArray[np.bool_]
WITHIN, TO_END, REPEATED_HOUR = "within", "to_end", "repeated_hour"  # where in the week a kind of fault is put
MIN_MOVED_RATIO = 0.2  # what is altered carries this share of the week's mean or more: half of nothing is nothing
MIN_DAY_TO_NIGHT = 1.5  # what is left on must first have been off
MAX_ZERO_RATIO = 0.01  # a meter that often reads zero by itself isn't dead when it does


class Fault(NamedTuple):
    """One injected event: the truth that the findings are held against."""

    kind: str
    channel_id: int
    size: float
    hours: float
    start: pd.Timestamp
    end: pd.Timestamp  # excluded


class Kind(NamedTuple):
    """How a kind of fault is made: its sizes and durations, where in the week it is put, and what it does."""

    sizes: tuple[float, ...]
    hours: tuple[float, ...]  # 0 is one interval, whatever its length
    place: str
    apply: Callable[[MeasuredWeek, Mask, float], pd.DataFrame]
    is_possible: Callable[[MeasuredWeek, Mask, float], bool]


def set_power(readings: pd.DataFrame, hit: Mask, power_kw: npt.ArrayLike) -> pd.DataFrame:
    """Return `readings` with `power_kw` and the energy that belongs to it where `hit`."""
    kwh = power_kw * readings["interval_s"] / HOUR_S
    return readings.assign(
        power_kw=readings["power_kw"].mask(hit, power_kw), energy_kwh=readings["energy_kwh"].mask(hit, kwh)
    )


def freeze(week: MeasuredWeek, hit: Mask, _size: float) -> pd.DataFrame:
    """Repeat the first value."""
    return set_power(week.readings, hit, week.readings["power_kw"].to_numpy()[hit][0])


def remove(week: MeasuredWeek, hit: Mask, _size: float) -> pd.DataFrame:
    """Leave the rows out."""
    return week.readings[~hit].reset_index(drop=True)


def scale(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Multiply power and energy by `size`."""
    return set_power(week.readings, hit, week.readings["power_kw"] * size)


def reset_register(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Take `size` mean intervals off the energy, as a counter that begins again does; if `size` < 0, the power too."""
    energy_kwh = week.readings["energy_kwh"]
    lost_kwh = abs(size) * energy_kwh.mean()
    return _add_energy(week.readings, hit, -lost_kwh, with_power=size < 0)


def catch_up(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Leave all rows but the last out, and give it their energy; where `size` is 2, also in its power."""
    last = np.zeros_like(hit)
    last[np.flatnonzero(hit)[-1]] = True
    missed_kwh = week.readings["energy_kwh"][hit & ~last].sum()
    return _add_energy(week.readings, last, missed_kwh, with_power=size == 2)[~hit | last].reset_index(drop=True)


def merge_passes(week: MeasuredWeek, hit: Mask, _size: float) -> pd.DataFrame:
    """Give the first pass of autumn's repeated hour the power of both, and leave the second out.

    A meter whose source keeps one of the passes only gets it twice.
    """
    start, power_kw = week.readings["interval_start"], week.readings["power_kw"]
    first = hit & (start < start[hit].iloc[0] + timedelta(hours=1)).to_numpy()
    second_kw = (start + timedelta(hours=1)).map(pd.Series(power_kw.to_numpy(), index=start))
    is_kept = second_kw[first].notna().all()
    merged = set_power(week.readings, first, power_kw + (second_kw if is_kept else power_kw))
    return merged[~hit | first].reset_index(drop=True)


def draw_line(week: MeasuredWeek, hit: Mask, _size: float) -> pd.DataFrame:
    """Draw a straight line from the value before to the value after, as a logger fills a gap."""
    rows, power_kw = np.flatnonzero(hit), week.readings["power_kw"].to_numpy()
    line_kw = np.zeros(hit.size)
    ends_kw = power_kw[rows[0] - 1], power_kw[min(rows[-1] + 1, hit.size - 1)]
    line_kw[rows] = np.linspace(*ends_kw, rows.size + 2)[1:-1]
    return set_power(week.readings, hit, line_kw)


def _add_energy(readings: pd.DataFrame, hit: Mask, kwh: float, *, with_power: bool) -> pd.DataFrame:
    energy_kwh = readings["energy_kwh"] + np.where(hit, kwh, 0.0)
    derived_kw = energy_kwh * HOUR_S / readings["interval_s"]
    return readings.assign(energy_kwh=energy_kwh, power_kw=np.where(hit & with_power, derived_kw, readings["power_kw"]))


def leave_on(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Outside business hours, draw at least the night's median and `size` of the way from it to the day's."""
    shut, day_kw, night_kw = _day_and_night(week)
    level_kw = night_kw + size * (day_kw - night_kw)
    flicker = 1 + 0.01 * (np.arange(hit.size) * 3 % 7 - 3) / 3  # no measured load repeats itself exactly
    is_lower = (week.readings["power_kw"] < level_kw).to_numpy()
    return set_power(week.readings, hit & shut & is_lower, level_kw * flicker)


def _day_and_night(week: MeasuredWeek) -> tuple[Mask, float, float]:
    shut = is_after_hours(add_local_time(week.readings, week.tz)).to_numpy()
    usual, power_kw = ~in_week(week), week.readings["power_kw"]
    return shut, float(power_kw[usual & ~shut].median()), float(power_kw[usual & shut].median())


def peak(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Draw `size` times the 95th percentile of the baseline weeks."""
    return set_power(week.readings, hit, size * week.readings["power_kw"][~in_week(week)].quantile(0.95))


def step_up(week: MeasuredWeek, hit: Mask, size: float) -> pd.DataFrame:
    """Draw `size` times the median of the baseline weeks more than was measured."""
    added_kw = size * week.readings["power_kw"][~in_week(week)].median()
    return set_power(week.readings, hit, week.readings["power_kw"] + added_kw)


def in_week(week: MeasuredWeek) -> Mask:
    """Return True for the readings of the week itself, False for those of the baseline weeks."""
    return (week.readings["interval_start"] >= week.period.start).to_numpy()


def _is_live(week: MeasuredWeek, hit: Mask, _size: float = 0) -> bool:
    """What is altered carries load, and is all there."""
    power_kw = week.readings["power_kw"]
    return bool(hit.any() and power_kw[hit].mean() >= MIN_MOVED_RATIO * power_kw[in_week(week)].mean() > 0)


def _starts_live(week: MeasuredWeek, hit: Mask, size: float) -> bool:
    kw = week.readings["power_kw"]
    return _is_live(week, hit, size) and kw[hit].nunique() > 1 and kw[hit].iloc[0] >= MIN_MOVED_RATIO * kw.mean()


def _never_rests(week: MeasuredWeek, hit: Mask, size: float) -> bool:
    return _is_live(week, hit, size) and bool((week.readings["power_kw"] <= 0).mean() <= MAX_ZERO_RATIO)


def _rests_at_night(week: MeasuredWeek, hit: Mask, size: float) -> bool:
    _, day_kw, night_kw = _day_and_night(week)
    return _is_live(week, hit, size) and day_kw >= MIN_DAY_TO_NIGHT * night_kw > 0


KINDS = {
    "stuck": Kind((1,), (8, 24, 72), WITHIN, freeze, _starts_live),
    "dead, no readings": Kind((0,), (24, 72, 168), TO_END, remove, _is_live),
    "dead, zeros": Kind((0,), (24, 72, 168), TO_END, scale, _never_rests),
    "gap": Kind((0,), (3, 12, 48), WITHIN, remove, _is_live),
    # Sizes in mean intervals; a negative one stands for a service whose power follows the energy.
    "register reset": Kind((100, 10_000, -100, -10_000), (0,), WITHIN, reset_register, _is_live),
    "catch-up": Kind((1, 2), (4, 12, 48), WITHIN, catch_up, _is_live),
    "left on overnight": Kind((0.5, 0.75, 1.0), (168,), TO_END, leave_on, _rests_at_night),
    "spike": Kind((2, 3, 5), (0, 1), WITHIN, peak, _is_live),
    "anomaly high": Kind((1.5, 2, 3), (3, 6, 12), WITHIN, scale, _is_live),
    "anomaly low": Kind((0.5, 0.3, 0.1), (3, 6, 12), WITHIN, scale, _is_live),
    "step in base load": Kind((0.3, 0.5, 1.0), (72, 120), TO_END, step_up, _is_live),
    "wrong multiplier": Kind((10, 0.1, 1000), (72, 168), TO_END, scale, _is_live),
    "clock-change doubling": Kind((2,), (2,), REPEATED_HOUR, merge_passes, _is_live),
    "reversed sign": Kind((-1,), (6, 24, 168), WITHIN, scale, _is_live),
    "interpolated": Kind((1,), (4, 6, 12, 24), WITHIN, draw_line, _is_live),
}


def inject(week: MeasuredWeek, fault: Fault) -> pd.DataFrame:
    """Return the week's readings with the fault in them; `week` stays as it is."""
    return KINDS[fault.kind].apply(week, hit_by(week, fault), fault.size)


def hit_by(week: MeasuredWeek, fault: Fault) -> Mask:
    """Return True for the readings that start within the fault."""
    start = week.readings["interval_start"]
    return ((start >= fault.start) & (start < fault.end) & (week.readings["channel_id"] == fault.channel_id)).to_numpy()
