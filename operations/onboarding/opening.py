"""The opening hours that the loads of a site keep together. Pure."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.opening_hours import MINUTES_PER_DAY, WEEKDAYS
from lib.learned_hours import LearnedDay, LearnedHours
from lib.meter_sums import Confidence

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Hours = tuple[str, ...]

_WORKDAYS = 5
_NEAR_MIN = 60  # meters that differ by less keep the same hours
_ROUND_MIN = 15
_MIN_METERS = 2
_NOON_MIN = 12 * 60


class SiteHours(NamedTuple):
    """Opening hours by key of [schedule], how sure they are, and from how many meters."""

    days: tuple[tuple[str, Hours], ...]
    confidence: Confidence
    reason: str


def propose_hours(learned: Mapping[int, LearnedHours], lighting: Sequence[int]) -> SiteHours | None:
    """Return the hours that the meters keep, None where most keep none in common, or not on every working day.

    Parameters
    ----------
    learned
        By meter, of those that are loads of their own.
    lighting
        Of these, the meters of lights: where they burn about noon they tell best when people are there.
    """
    kept = {key: hours for key, hours in learned.items() if hours.code is None}
    by_light = {key: hours for key, hours in kept.items() if key in lighting and _is_daily(hours)}
    chosen = by_light or kept
    if not chosen:
        return None
    times = np.array([[_times(day) for day in hours.week] for hours in chosen.values()])
    rests = np.array(
        [[day is not None and day.end_min <= day.start_min for day in hours.week] for hours in chosen.values()]
    )
    spans = _spans(times, rests)
    if any(span is None for span in spans[:_WORKDAYS]) or not any(spans):
        return None
    usual = _usual(_usual(times[:, :_WORKDAYS], axis=1), axis=0)
    near = [key for key, hours in kept.items() if _is_near(hours, usual)]
    if 2 * len(set(near) & chosen.keys()) < len(chosen):
        return None
    sure = len(near) >= _MIN_METERS and (bool(by_light) or 2 * len(near) > len(kept))
    lights = f" ({len(by_light)} of them lighting)" if by_light else ""
    counted = f"{len(near)} of {len(kept)} meters with regular hours{lights} keep them within an hour"
    return SiteHours(tuple(_name_days(spans)), Confidence.MEDIUM if sure else Confidence.LOW, counted)


def _is_daily(hours: LearnedHours) -> bool:
    days = [day for day in hours.week if day is not None and day.end_min > day.start_min]
    return bool(days) and all(day.start_min <= _NOON_MIN < day.end_min for day in days)


def _is_near(hours: LearnedHours, usual: Floats) -> bool:
    own = _usual(np.array([_times(day) for day in hours.week[:_WORKDAYS]]), axis=0)
    return bool((np.abs(own - usual) <= _NEAR_MIN).all())


def _times(day: LearnedDay | None) -> tuple[float, float]:
    """Return start and end [minutes]; NaN where it does not run, or at no regular time."""
    if day is None or day.end_min <= day.start_min:
        return (np.nan, np.nan)
    return (float(day.start_min), float(day.end_min))


def _spans(times: Floats, rests: Flags) -> list[Hours | None]:
    """Return the hours of each weekday; None where no meter tells them.

    The working days have common hours, unless most meters begin or end by more than an hour elsewhere than they do on
    the others.
    """
    runs = ~np.isnan(times[:, :, 0])
    own = _usual(times[:, :_WORKDAYS], axis=1)
    common, shift, of_day = _usual(own, axis=0), _usual(times - own[:, None, :], axis=0), _usual(times, axis=0)
    spans: list[Hours | None] = []
    for number in range(len(WEEKDAYS)):
        if not (runs[:, number] | rests[:, number]).any():
            spans.append(None)
        elif 2 * runs[:, number].sum() <= (runs[:, number] | rests[:, number]).sum():
            spans.append(())
        elif np.isnan(shift[number]).any():
            spans.append(_span(of_day[number]))
        else:
            moved = np.where(np.abs(shift[number]) > _NEAR_MIN, shift[number], 0.0)
            spans.append(_span(common + moved))
    return spans


def _usual(times: Floats, axis: int) -> Floats:
    """Return the median of what is known, NaN of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmedian(times, axis=axis))


def _name_days(spans: Sequence[Hours | None]) -> list[tuple[str, Hours]]:
    known = [span or () for span in spans]
    usual = max(known[:_WORKDAYS], key=known[:_WORKDAYS].count)
    named = [("weekdays", usual)]
    named += [(WEEKDAYS[number], span) for number, span in enumerate(known[:_WORKDAYS]) if span != usual]
    return named + [(WEEKDAYS[number], known[number]) for number in range(_WORKDAYS, len(WEEKDAYS))]


def _span(times: Floats) -> Hours:
    start, end = (min(MINUTES_PER_DAY, round(float(minute) / _ROUND_MIN) * _ROUND_MIN) for minute in times)
    return (f"{_clock(start)}-{_clock(end)}",) if end > start else ()


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
