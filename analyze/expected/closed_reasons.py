"""Why equipment may have to run while the site is closed: it is cold, or people are at work. Pure."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from analyze.expected.running import Running
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MIN_KNOWN_SHARE = 0.9  # of the closed time, of which the temperature must be known
_LEVELS = (0.05, 0.98)  # quantiles of the closed time, at rest and running
_ON_SHARE = 0.3  # of the way from one to the other
_MIN_H = 4.0  # of running, and of rest, to compare
_MIN_NIGHTS = 4
_MIN_RUN_H = 3.0  # in a night, for it to be one in which it ran
_SEPARATED = 0.9  # chance that a time at which it runs is colder (or warmer) than one at which it rests
_WORKING_SHARE = 0.7  # of what the site's equipment draws when it runs


class Thermostat(StrEnum):
    """At what a channel that follows the weather was seen to follow it."""

    BY_HOURS = "by_hours"  # it runs at the hours that are cold, or warm
    BY_DAYS = "by_days"  # it runs in the nights before days that are cold, or warm


def follow_thermostat(running: Running, response_kw: Floats, temp_c: Floats, step_h: float) -> list[Thermostat | None]:
    """Return for each channel (C,) whether it runs while closed just when it is cold, or just when it is warm.

    Frost protection, a set point, or a chiller that starts early on hot days: that it runs says something of the
    weather, and nothing of forgetfulness.

    Parameters
    ----------
    response_kw : (C, D, S) floats
        The part of the power that answers to the weather, which is no part of `running`.
    temp_c : (D, S) floats
        Temperature of each slot [°C], NaN where it is not known.

    Notes
    -----
    The measure is the area under the ROC curve, which is the rank sum of Mann and Whitney (1947).
    """
    temp = temp_c.ravel()
    judged = running.is_closed & ~np.isnan(running.smooth_kw)
    known = judged & ~np.isnan(temp)
    follows: list[Thermostat | None] = [None] * len(running.runs)
    total_kw = running.smooth_kw + response_kw.reshape(running.smooth_kw.shape)
    low_kw, high_kw = nan_quantiles(np.where(known, total_kw, np.nan), _LEVELS).T
    above = total_kw > (low_kw + _ON_SHARE * (high_kw - low_kw))[:, None]
    nights = _number_nights(running.is_closed)
    day_c = _following_day(temp_c, nights)
    for number in np.flatnonzero((running.runs & known).any(axis=1)):
        if known[number].sum() < _MIN_KNOWN_SHARE * judged[number].sum():
            continue
        on, off = known[number] & above[number], known[number] & ~above[number]
        ran = np.bincount(nights[running.runs[number]], minlength=day_c.size) * step_h >= _MIN_RUN_H
        seen = np.isin(np.arange(day_c.size), nights[judged[number]]) & ~np.isnan(day_c)
        if _are_apart(temp[on], temp[off], _MIN_H / step_h):
            follows[number] = Thermostat.BY_HOURS
        elif _are_apart(day_c[ran & seen], day_c[~ran & seen], _MIN_NIGHTS):
            follows[number] = Thermostat.BY_DAYS
    return follows


def _number_nights(is_closed: Flags) -> Ints:
    """Return the number of the unbroken closed stretch that each slot belongs to, 0 while open."""
    starts = is_closed & ~np.concatenate([[False], is_closed[:-1]])
    return np.where(is_closed, np.cumsum(starts), 0)


def _following_day(temp_c: Floats, nights: Ints) -> Floats:
    """Return for each night (by number) the mean temperature of the day on which it ends [°C]."""
    slots = temp_c.shape[1]
    last = np.zeros(int(nights.max(initial=0)) + 1, dtype=np.int64)
    last[nights] = np.arange(nights.size)
    mean_c = np.full(len(temp_c), np.nan)
    is_known = ~np.isnan(temp_c).any(axis=1)
    mean_c[is_known] = temp_c[is_known].mean(axis=1)
    result = mean_c[last // slots]
    result[0] = np.nan
    return np.asarray(result)


def _are_apart(on: Floats, off: Floats, least: float) -> bool:
    """Return whether two sets of temperatures, each with `least` values, hardly overlap."""
    if min(on.size, off.size) < least:
        return False
    area = _area_under_curve(on, off)
    return max(area, 1 - area) >= _SEPARATED


def _area_under_curve(on: Floats, off: Floats) -> float:
    """Return the chance that a value of `on` is above one of `off`; a tie is half a chance."""
    ordered = np.sort(off)
    below = np.searchsorted(ordered, on, "left") + np.searchsorted(ordered, on, "right")
    return float(below.mean() / (2 * off.size))


def find_shift(on_kw: Floats, may_rest: Flags, runs_on_closed_days: Flags) -> Flags:
    """Return the channels (C,) that run on closed days because the site works then, as far as its meters show.

    Where nearly all that can be off runs together in every week, people are more likely to be there than one switch is
    to be wrong: the opening hours are in question.

    Parameters
    ----------
    on_kw
        What each draws when it runs [kW].
    may_rest, runs_on_closed_days
        Whether it can be off, and whether it runs on closed days in every week.
    """
    runs = may_rest & runs_on_closed_days
    of_kw = np.nansum(on_kw[may_rest])
    together = runs.sum() >= 2 or may_rest.sum() == 1
    return runs if together and np.nansum(on_kw[runs]) >= _WORKING_SHARE * of_kw else np.zeros_like(runs)
