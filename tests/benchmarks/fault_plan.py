"""Where each injected fault goes: drawn with a seed, so that the same one gives the same faults. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from benchmarks.fault_injection import KINDS, REPEATED_HOUR, TO_END, Fault, hit_by
from benchmarks.measured_meters import QUARTER_S, MeasuredWeek, Meter, complete_weeks, measured_week

from config.thresholds import Thresholds
from lib.date_utils import Window

MARGIN_HOURS = 3  # a fault within the week keeps this far from its ends
EVENTS_PER_KIND = 14  # and seed; three seeds make 42
QUARTER_HOUR_SHARE = 1 / 3  # of the faults go to 15-minute meters, of which there are few
WEEKS_TRIED = 3  # of a meter, before another meter's turn


def draw_fault(kind: str, size: float, hours: float, week: MeasuredWeek, rng: np.random.Generator) -> Fault | None:
    """Return a fault of this kind somewhere in the week, or None where the week's load makes it none."""
    step = timedelta(seconds=int(week.meters["interval_s"].iloc[0]))
    length = max(step, timedelta(hours=hours))
    start = _place(KINDS[kind].place, length, step, week, rng)
    if start is None:
        return None
    begin, end = pd.Timestamp(start), pd.Timestamp(min(start + length, week.period.end))
    fault = Fault(kind, int(week.meters["channel_id"].iloc[0]), size, hours, begin, end)
    hit = hit_by(week, fault)
    is_whole = KINDS[kind].place == REPEATED_HOUR or hit.sum() * step >= 0.99 * (end - begin)
    return fault if is_whole and KINDS[kind].is_possible(week, hit, size) else None


def _place(
    place: str, length: timedelta, step: timedelta, week: MeasuredWeek, rng: np.random.Generator
) -> datetime | None:
    """Return the moment at which a fault of this length begins, on the interval grid; None where there is none."""
    period = week.period
    if place == REPEATED_HOUR:
        return repeated_hour(period, week.tz)
    if place == TO_END or length >= period.end - period.start - 2 * timedelta(hours=MARGIN_HOURS):
        return max(period.start, period.end - length)
    room = period.end - period.start - length - 2 * timedelta(hours=MARGIN_HOURS)
    return period.start + timedelta(hours=MARGIN_HOURS) + step * int(rng.integers(0, room // step + 1))


def repeated_hour(period: Window, tz: ZoneInfo) -> datetime | None:
    """Return when the first pass of the hour begins that the clocks of autumn repeat within `period`, or None."""
    hours = pd.date_range(period.start, period.end, freq="h", inclusive="left")
    offset = pd.Series([moment.utcoffset() for moment in hours.tz_convert(tz)])
    back = np.flatnonzero(offset.diff() < pd.Timedelta(0))
    return hours[back[0] - 1].to_pydatetime() if back.size else None


def plan_faults(meters: list[Meter], seed: int, config: Thresholds) -> Iterator[tuple[MeasuredWeek, Fault]]:
    """Yield `EVENTS_PER_KIND` faults of each kind, spread over sizes, durations and meters, no meter's week used twice.

    A kind yields fewer where too few weeks can hold it.
    """
    free = {meter.channel_id: complete_weeks(meter, config) for meter in meters}
    for number, (kind, facts) in enumerate(KINDS.items()):
        rng = np.random.default_rng([seed, number])
        order = [meters[index] for index in rng.permutation(len(meters))]
        variants = list(product(facts.sizes, facts.hours))
        for count in range(EVENTS_PER_KIND):
            is_quarter = rng.random() < QUARTER_HOUR_SHARE
            turn = sorted(order, key=lambda meter, first=is_quarter: (meter.interval_s == QUARTER_S) != first)
            variant = variants[(seed * EVENTS_PER_KIND + count) % len(variants)]  # the next seed goes on with the next
            drawn = ((meter, _draw(kind, *variant, meter, free[meter.channel_id], rng)) for meter in turn)
            meter, found = next((pair for pair in drawn if pair[1] is not None), (None, None))
            if found is None:
                break
            order.append(order.pop(order.index(meter)))  # the next fault goes to another
            yield found


def _draw(
    kind: str, size: float, hours: float, meter: Meter, free: list[Window], rng: np.random.Generator
) -> tuple[MeasuredWeek, Fault] | None:
    """Return a week of the meter, no longer free, with a fault in it; None where none of a few can hold it."""
    is_any = KINDS[kind].place != REPEATED_HOUR
    usable = [period for period in free if is_any or period.end - period.start > timedelta(days=7)]
    for index in rng.permutation(len(usable))[:WEEKS_TRIED]:
        week = measured_week([meter], usable[index], Thresholds())
        fault = draw_fault(kind, size, hours, week, rng)
        if fault is not None:
            free.remove(week.period)
            return week, fault
    return None
