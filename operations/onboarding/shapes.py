"""What the readings of a meter say of its load, and whether that fits what its name says. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.site_file import Equipment

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_HOURS_PER_DAY, _HOURS_PER_WEEK = 24, 168
_NIGHT_H, _DAY_H = (0, 5), (9, 17)
_ON_RATIO = 0.1  # of the high power: more, and it runs
_LEAST_KW = 0.005  # an idle current transformer
_MIN_KNOWN_H = 7 * 24


class Shape(NamedTuple):
    """A load in a few numbers; ratios are of its high power (the 95th percentile of what is not nothing)."""

    mean_kw: float
    base_ratio: float  # the 5th percentile
    on_share: float  # of the time
    night_ratio: float  # mean by night over mean by day
    active_day_share: float  # days on which it runs


class Fit(StrEnum):
    """Whether a load's shape is that of the equipment that the name says."""

    SUPPORTS = "supports"
    NEUTRAL = "neutral"
    CONTRADICTS = "contradicts"


class Verdict(NamedTuple):
    """The fit, and what of the shape says so."""

    fit: Fit
    why: str


def describe_shape(kwh: Floats, local_hours: Places, step_h: float) -> Shape | None:
    """Return the shape of one meter's energy (T,) [kWh], None below a week of readings or where it never runs."""
    known = ~np.isnan(kwh)
    kw, hour = np.abs(kwh[known]) / step_h, local_hours[known] % _HOURS_PER_DAY
    if known.sum() * step_h < _MIN_KNOWN_H or not (kw > _LEAST_KW).any():
        return None
    high_kw = float(np.quantile(kw[kw > _LEAST_KW], 0.95))
    is_on = kw > max(_ON_RATIO * high_kw, _LEAST_KW)
    night, day = (kw[(hour >= first) & (hour < last)] for first, last in (_NIGHT_H, _DAY_H))
    by_day = float(day.mean()) if day.size else 0.0
    days = local_hours[known] // _HOURS_PER_DAY
    active = np.unique(days[is_on]).size / np.unique(days).size
    return Shape(
        float(kw.mean()),
        float(np.quantile(kw, 0.05)) / high_kw,
        float(is_on.mean()),
        float(night.mean()) / max(by_day, 1e-9) if night.size else 1.0,
        active,
    )


def judge_equipment(equipment: Equipment, shape: Shape) -> Verdict:
    """Return whether the shape is what such equipment has."""
    is_steady, runs_on = shape.base_ratio >= 0.85, shape.base_ratio >= 0.6
    match equipment:
        case Equipment.REFRIGERATION:
            if shape.active_day_share < 0.9 or shape.night_ratio < 0.25:
                return Verdict(Fit.CONTRADICTS, "it is off by night or for whole days")
            if 0.4 <= shape.night_ratio <= 1.5:
                return Verdict(Fit.SUPPORTS, "it runs by day and by night")
        case Equipment.IT:
            if shape.base_ratio < 0.2:
                return Verdict(Fit.CONTRADICTS, "it is off at times")
            if runs_on:
                return Verdict(Fit.SUPPORTS, "it never rests")
        case Equipment.LIGHTING:
            if is_steady:
                return Verdict(Fit.CONTRADICTS, "it is never switched")
            if shape.night_ratio <= 0.5 or shape.night_ratio >= 2:
                return Verdict(Fit.SUPPORTS, "day and night differ")
        case Equipment.COOKING:
            if shape.base_ratio >= 0.6 or shape.night_ratio >= 0.8:
                return Verdict(Fit.CONTRADICTS, "it runs by night as by day")
            if shape.night_ratio <= 0.4:
                return Verdict(Fit.SUPPORTS, "it rests by night")
        case Equipment.EV_CHARGING | Equipment.LAUNDRY:
            if shape.on_share > 0.7 and shape.base_ratio > 0.2:
                return Verdict(Fit.CONTRADICTS, "it hardly ever stops")
            if shape.on_share <= 0.4:
                return Verdict(Fit.SUPPORTS, "it is off most of the time")
        case Equipment.HOT_WATER:
            if is_steady:
                return Verdict(Fit.CONTRADICTS, "it is never switched")
            if shape.on_share <= 0.6:
                return Verdict(Fit.SUPPORTS, "it comes and goes")
        case Equipment.ELEVATORS | Equipment.PLUG_LOADS:
            if is_steady and equipment is Equipment.ELEVATORS:
                return Verdict(Fit.CONTRADICTS, "it never changes")
            if shape.night_ratio <= 0.7:
                return Verdict(Fit.SUPPORTS, "it has more by day")
        case Equipment.HVAC | Equipment.COOLING | Equipment.HEATING | Equipment.COMPRESSED_AIR:
            if shape.base_ratio >= 0.95:
                return Verdict(Fit.CONTRADICTS, "it never changes")
            if shape.base_ratio <= 0.6:
                return Verdict(Fit.SUPPORTS, "it goes up and down")
        case _:
            return Verdict(Fit.NEUTRAL, "its load does not contradict")
    return Verdict(Fit.NEUTRAL, "its load does not contradict")
