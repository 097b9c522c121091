"""What the readings of a meter show of where energy flows: it follows the sun, or goes both ways. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.stats_utils import grouped_quantiles, sum_by_place

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

HOURS_PER_DAY = 24
NOTHING_RATIO = 0.02  # of the channel's p95: below it nothing flows
LEAST_KW = 0.01
_BOTH_SIGNS_H = 0.5  # of either sign in a day
_BOTH_SIGNS_DAYS = 3  # a meter that was turned round has one such day
_MIDDAY_H = (8, 17)
_BY_MIDDAY = 0.7  # of the negative time: it is the sun's
_MIN_SUN_DAYS = 7
_WHOLE_DAY_H = 20
_SUN_EVERY_DAY = 0.95  # of the days
_DARK_DAY_RATIO = 0.02  # of the fullest day: less, and the sun did not shine on that day
_SUN_SPAN_H = (6, 18)
_SUN_NOON_H = (10.0, 15.0)
_SUN_MISFIT = 0.12  # mean distance from a half sine of its height; a rectangle is 0.36 off
_WEEKEND_RATIO = (0.5, 2.0)  # the sun knows no weekend
_SATURDAY = 5
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


class Flows(NamedTuple):
    """What is plain of each channel (C,)."""

    follows_sun: Flags
    goes_both_ways: Flags
    exports_by_midday: Flags


class _Days(NamedTuple):
    """Hours above and below zero of each channel and day (C, D), and the mean power by hour (C, D, 24) [kW]."""

    first: int
    positive_h: Floats
    negative_h: Floats
    midday_negative_h: Floats
    hourly_kw: Floats


def find_flows(place: Places, count: int, local_hour: Places, mean_kw: Floats, hours: Floats) -> Flows:
    """Return what the readings of `count` channels show.

    Parameters
    ----------
    place : (N,)
        Channel of each reading, from 0 to `count` - 1.
    local_hour : (N,)
        Hours since 1970 on the site's wall clock.
    mean_kw, hours : (N,)
        Mean power [kW], below zero for export, and length [h].
    """
    days = _sum_days(place, count, local_hour, mean_kw, hours)
    both = ((days.positive_h >= _BOTH_SIGNS_H) & (days.negative_h >= _BOTH_SIGNS_H)).sum(axis=1) >= _BOTH_SIGNS_DAYS
    negative_h = days.negative_h.sum(axis=1)
    by_midday = days.midday_negative_h.sum(axis=1) >= _BY_MIDDAY * negative_h
    one_sign = (negative_h == 0) | (days.positive_h.sum(axis=1) == 0)
    return Flows(one_sign & _follows_sun(days), both, by_midday)


def _sum_days(code: Places, count: int, hour: Places, kw: Floats, length_h: Floats) -> _Days:
    first = int(hour.min()) // HOURS_PER_DAY
    size = int(hour.max()) // HOURS_PER_DAY - first + 1
    high_kw = grouped_quantiles(np.abs(kw), code, count, [0.95])[0][:, 0]
    least_kw = np.maximum(NOTHING_RATIO * high_kw, LEAST_KW)[code]
    day = code * size + hour // HOURS_PER_DAY - first
    is_negative, of_day = kw < -least_kw, hour % HOURS_PER_DAY
    is_midday = (of_day >= _MIDDAY_H[0]) & (of_day < _MIDDAY_H[1])

    def hours(mask: Flags) -> Floats:
        return sum_by_place(day[mask], length_h[mask], count * size).reshape(count, size)

    cell, cells, known = day * HOURS_PER_DAY + of_day, count * size * HOURS_PER_DAY, ~np.isnan(kw)
    known_count = np.bincount(cell[known], minlength=cells)
    total = sum_by_place(cell[known], kw[known], cells)
    hourly = np.divide(total, known_count, out=np.full(cells, np.nan), where=known_count > 0)
    return _Days(
        first,
        hours(kw > least_kw),
        hours(is_negative),
        hours(is_negative & is_midday),
        hourly.reshape(count, size, HOURS_PER_DAY),
    )


def _follows_sun(days: _Days) -> Flags:
    """Return the channels whose power is nothing by night and a half sine by day, on all days."""
    kw = np.abs(days.hourly_kw)
    whole = (~np.isnan(kw)).sum(axis=2) >= _WHOLE_DAY_H
    kw = np.where(whole[:, :, None], kw, np.nan)
    count = whole.sum(axis=1)
    sums = np.nansum(kw, axis=2)
    shines = whole & (sums > _DARK_DAY_RATIO * sums.max(axis=1, initial=0.0, keepdims=True))
    weekend = (days.first + np.arange(sums.shape[1]) + _EPOCH_WEEKDAY) % 7 >= _SATURDAY
    ratio = _mean_of(sums, whole & weekend) / np.maximum(_mean_of(sums, whole & ~weekend), 1e-12)
    candidate = (
        (count >= _MIN_SUN_DAYS)
        & (shines.sum(axis=1) >= _SUN_EVERY_DAY * count)
        & (ratio >= _WEEKEND_RATIO[0])
        & (ratio <= _WEEKEND_RATIO[1])
    )
    result = np.zeros(len(kw), dtype=bool)
    for place in np.flatnonzero(candidate):
        result[place] = _is_half_sine(np.nanmean(kw[place][whole[place]], axis=0))
    return result


def _mean_of(values: Floats, mask: Flags) -> Floats:
    return (values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def _is_half_sine(profile_kw: Floats) -> bool:
    """Return whether a mean day (24,) is nothing by night and a half sine by day."""
    peak_kw = np.nanmax(profile_kw, initial=0.0)
    light = np.flatnonzero(profile_kw > NOTHING_RATIO * peak_kw)
    if peak_kw <= LEAST_KW or not _SUN_SPAN_H[0] <= light.size <= _SUN_SPAN_H[1]:
        return False
    first, last = int(light[0]), int(light[-1])
    noon = float((profile_kw[light] * (light + 0.5)).sum() / profile_kw[light].sum())
    if last - first + 1 != light.size or not _SUN_NOON_H[0] <= noon <= _SUN_NOON_H[1]:
        return False
    sine = np.sin(np.pi * (np.arange(light.size) + 0.5) / light.size)
    height = float((sine * profile_kw[light]).sum() / (sine**2).sum())
    return float(np.mean(np.abs(profile_kw[light] / height - sine))) <= _SUN_MISFIT
