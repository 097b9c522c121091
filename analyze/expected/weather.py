"""How much of each load answers to the outdoor temperature, and at which hours. Pure.

A load answers to the weather only while it runs, so each hour of open and of closed days has slopes of its own:

    response(t) = c[g] · max(T − b_c, 0) + h[g] · max(b_h − T, 0)

with g the hour of the day on days that the site opens, or stays closed; b_c and b_h the balance points of the channel.
Both slopes are zero or more. The response is used only where it makes the errors of left-out weeks smaller.

References
----------
- Kissock, J. K., Haberl, J. S., Claridge, D. E. (2003), "Inverse Modeling Toolkit: Numerical Algorithms", ASHRAE
  Transactions 109(2): change-point models.
- Mathieu, J. L. et al. (2011), "Quantifying Changes in Building Electricity Use, With Application to Demand Response",
  IEEE Transactions on Smart Grid 2(3), doi:10.1109/TSG.2011.2145010: time of week and temperature together.
"""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import HOURS_PER_DAY, DayMatrix
from analyze.week.intervals import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

GROUPS = 2 * HOURS_PER_DAY
_COOLING_BASES_C = np.arange(6.0, 25.0, 1.0)
_HEATING_BASES_C = np.arange(2.0, 21.0, 1.0)
_MAX_ERROR_SCALES = 4.0  # what lies further from the first fit is held out of the second
_MAD_TO_STD = 1.4826
_RIDGE_K2 = 1.0  # steadies the slope of an hour that saw one temperature only: it leans on the others
_MAX_HOLE_S = 1.5 * SECONDS_PER_HOUR  # of the weather, to be bridged
_BEYOND_K = 10.0  # the lines go on for this long outside of the temperatures that the baseline saw
EXTRAPOLATED_K = 2.0  # a day whose mean lies further out than this is of other weather than the baseline's
_BEYOND_DOUBT = 0.3  # of what the lines say out there, either way


class WeatherResponse(NamedTuple):
    """What the temperature explains. `kw` (C × D × S) is 0 for channels that it explains nothing of.

    `doubt_kw` is how much of it is guessed, as the baseline saw no such temperature. `is_used` (C,) tells for which
    channels it explains anything; `is_alike` (D,) the days whose mean temperature is known and at most `EXTRAPOLATED_K`
    outside of the baseline's. `temp_c` (D × S) is the temperature in the middle of each slot [°C], NaN where it is not
    known.
    """

    kw: Floats
    doubt_kw: Floats
    is_used: Flags
    is_alike: Flags
    temp_c: Floats


class _Arm(NamedTuple):
    """One side of the response: temperature beyond a balance point [K], (N,), and each channel's slopes (C, G)."""

    is_cooling: bool
    base_c: Floats  # (C,)
    slope: Floats


def respond_to_weather(
    matrix: DayMatrix, weather: pd.DataFrame | None, tz: ZoneInfo, *, min_gain_pct: float, min_coverage_pct: float
) -> WeatherResponse:
    """Return the part of each interval's power that answers to the temperature [kW].

    Parameters
    ----------
    weather
        `timestamp` (start of the UTC hour) and `temp_c` [°C]; None where nothing is known.
    min_gain_pct
        How much smaller the mean absolute error of left-out weeks must become.
    min_coverage_pct
        Of the baseline, for which a temperature must be known.

    Returns
    -------
    WeatherResponse
        `kw` is NaN where a channel answers to the temperature, and that is missing.
    """
    channels, size, slots = matrix.power_kw.shape
    temp = _temperature(matrix, weather, tz)
    before = matrix.fold >= 0
    if not before.any() or 100 * (~np.isnan(temp[before])).mean() < min_coverage_pct:
        zero = np.zeros(matrix.power_kw.shape)
        return WeatherResponse(zero, zero, np.zeros(channels, bool), np.zeros(size, bool), temp)
    hourly_kw, hourly_c = _hourly(matrix, matrix.power_kw), _hourly(matrix, temp[None])[0]
    group = _groups(matrix)
    arms, keep = _fit(hourly_kw, hourly_c, group, np.broadcast_to(before[:, None], hourly_c.shape))
    used = _is_better(hourly_kw, hourly_c, group, matrix.fold, arms, keep, min_gain_pct)
    low, high = float(np.nanmin(hourly_c[before])), float(np.nanmax(hourly_c[before]))
    of_slot = group[:, matrix.hour_of_slot]
    kw, seen_kw = (
        sum(_power(arm, np.clip(temp, low - beyond, high + beyond), of_slot) for arm in arms)
        for beyond in (_BEYOND_K, 0.0)
    )
    is_used = used[:, None, None]
    doubt_kw = np.where(is_used, _BEYOND_DOUBT * np.abs(kw - seen_kw), 0.0)
    return WeatherResponse(np.where(is_used, kw, 0.0), doubt_kw, used, _alike_days(hourly_c, before), temp)


def _alike_days(hourly_c: Floats, before: Flags) -> Flags:
    """Return the days whose mean temperature is known and not far outside of those of the baseline."""
    mean_c = np.where(np.isnan(hourly_c).any(axis=1), np.nan, hourly_c.mean(axis=1))
    low, high = np.nanmin(mean_c[before], initial=np.inf), np.nanmax(mean_c[before], initial=-np.inf)
    return (mean_c >= low - EXTRAPOLATED_K) & (mean_c <= high + EXTRAPOLATED_K)


def _temperature(matrix: DayMatrix, weather: pd.DataFrame | None, tz: ZoneInfo) -> Floats:
    """Return the temperature in the middle of each slot (D × S) [°C], NaN where it is not known."""
    shape = (matrix.types.size, matrix.slots)
    known = None if weather is None else weather[weather["temp_c"].notna()]
    if known is None or known.empty:
        return np.full(shape, np.nan)
    hour_s = pd.DatetimeIndex(pd.to_datetime(known["timestamp"], utc=True)).as_unit("s").asi8 + SECONDS_PER_HOUR // 2
    at_s = matrix.starts_utc(tz).as_unit("s").asi8 + matrix.step_s / 2
    after = np.searchsorted(hour_s, at_s)
    nearest = np.minimum(
        np.abs(hour_s[np.clip(after, 0, hour_s.size - 1)] - at_s), np.abs(hour_s[np.clip(after - 1, 0, None)] - at_s)
    )
    temp = np.interp(at_s, hour_s, known["temp_c"].to_numpy(dtype=float))
    return np.where(nearest <= _MAX_HOLE_S, temp, np.nan).reshape(shape)


def _hourly(matrix: DayMatrix, values: Floats) -> Floats:
    """Return the hourly means of (…, D, S) values as (…, D, 24); of what is known of an hour."""
    if matrix.slots == HOURS_PER_DAY:
        return values
    known = ~np.isnan(values)
    first = np.searchsorted(matrix.hour_of_slot, np.arange(HOURS_PER_DAY))
    if matrix.slots < HOURS_PER_DAY:
        return values[..., np.minimum(first, matrix.slots - 1)]
    total = np.add.reduceat(np.where(known, values, 0.0), first, axis=-1)
    count = np.add.reduceat(known.astype(float), first, axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _groups(matrix: DayMatrix) -> Ints:
    """Return the group of each day and hour (D × 24)."""
    return np.arange(HOURS_PER_DAY) + HOURS_PER_DAY * matrix.types.is_closed[:, None].astype(np.int64)


def _beyond(temp_c: Floats, base_c: Floats | float, is_cooling: bool) -> Floats:
    return np.clip(temp_c - base_c if is_cooling else base_c - temp_c, 0.0, None)


def _power(arm: _Arm, temp_c: Floats, group: Ints) -> Floats:
    """Return an arm's power (C, D, n) at temperatures (D, n) of groups (D, n)."""
    return arm.slope[:, group] * _beyond(temp_c[None], arm.base_c[:, None, None], arm.is_cooling)


class _Sums(NamedTuple):
    """Sums over the hours of each channel and group (C, G), with means taken off."""

    xx: Floats
    xy: Floats

    @property
    def slope(self) -> Floats:
        """The slopes, zero or more; those of open and of closed days lean on what each have in common."""
        xx, xy = (part.reshape(-1, 2, HOURS_PER_DAY) for part in self)
        shared = xy.sum(axis=2, keepdims=True) / (xx.sum(axis=2, keepdims=True) + _RIDGE_K2)
        return np.clip((xy + _RIDGE_K2 * shared) / (xx + _RIDGE_K2), 0.0, None).reshape(self.xx.shape)

    @property
    def gain(self) -> Floats:
        """How much smaller the squared error becomes, by channel."""
        return (2 * self.slope * self.xy - self.slope**2 * self.xx).sum(axis=1)


def _sums(y: Floats, x: Floats, weight: Floats, member: Floats) -> _Sums:
    """Return the sums of y (C, N) and x (C or 1, N) with weights (C, N) by group; `member` is (N, G)."""
    count = np.maximum(weight @ member, 1e-9)
    sx, sy = (weight * x) @ member, (weight * y) @ member
    return _Sums((weight * x * x) @ member - sx * sx / count, (weight * x * y) @ member - sx * sy / count)


def _fit(power_kw: Floats, temp_c: Floats, group: Ints, within: Flags) -> tuple[list[_Arm], Flags]:
    """Return both arms of every channel, and which hours (C, N) they were fitted to."""
    channels = power_kw.shape[0]
    y, temp, flat = power_kw.reshape(channels, -1), temp_c.ravel(), group.ravel()
    known = ~np.isnan(y) & ~np.isnan(temp) & within.ravel()
    y, temp = np.nan_to_num(y), np.nan_to_num(temp)
    member = (flat[:, None] == np.arange(GROUPS)).astype(float)
    keep = known
    arms: list[_Arm] = []
    for _ in range(2):
        arms = _fit_arms(y, temp, keep.astype(float), member)
        rest = y - sum(_response(arm, temp, member) for arm in arms)
        error = np.abs(rest - _group_means(rest, keep.astype(float), member)[:, flat])
        scale = np.array([np.median(e[k]) if k.any() else 0.0 for e, k in zip(error, known, strict=True)])
        keep = known & (error <= np.maximum(_MAX_ERROR_SCALES * _MAD_TO_STD * scale, 1e-9)[:, None])
    return arms, keep


def _group_means(y: Floats, weight: Floats, member: Floats) -> Floats:
    return ((weight * y) @ member) / np.maximum(weight @ member, 1e-9)


def _fit_arms(y: Floats, temp: Floats, weight: Floats, member: Floats) -> list[_Arm]:
    """Return the cooling and the heating arm; whichever explains more of a channel is fitted first."""
    cooling, cooling_gain = _best_arm(y, temp, weight, member, True)
    heating, heating_gain = _best_arm(y, temp, weight, member, False)
    cools_first = cooling_gain >= heating_gain
    first = np.where(cools_first[:, None], _response(cooling, temp, member), _response(heating, temp, member))
    second_cooling, _ = _best_arm(y - first, temp, weight, member, True)
    second_heating, _ = _best_arm(y - first, temp, weight, member, False)
    return [_choose(cools_first, cooling, second_cooling), _choose(cools_first, second_heating, heating)]


def _choose(flags: Flags, yes: _Arm, no: _Arm) -> _Arm:
    return _Arm(yes.is_cooling, np.where(flags, yes.base_c, no.base_c), np.where(flags[:, None], yes.slope, no.slope))


def _response(arm: _Arm, temp: Floats, member: Floats) -> Floats:
    """Return an arm's power (C, N) at the temperatures (N,)."""
    return arm.slope @ member.T * _beyond(temp, arm.base_c[:, None], arm.is_cooling)


def _best_arm(y: Floats, temp: Floats, weight: Floats, member: Floats, is_cooling: bool) -> tuple[_Arm, Floats]:
    """Return each channel's best arm of one side, and how much smaller it makes the squared error (C,)."""
    bases = _COOLING_BASES_C if is_cooling else _HEATING_BASES_C
    sums = [_sums(y, _beyond(temp, base, is_cooling)[None], weight, member) for base in bases]
    gain = np.array([part.gain for part in sums])
    best = np.argmax(gain, axis=0)
    channel = np.arange(y.shape[0])
    slope = np.array([part.slope for part in sums])[best, channel]
    return _Arm(is_cooling, bases[best], slope), gain[best, channel]


def _is_better(
    power_kw: Floats, temp_c: Floats, group: Ints, fold: Ints, arms: list[_Arm], keep: Flags, min_gain_pct: float
) -> Flags:
    """Return the channels of which left-out weeks are met better with the temperature than without."""
    channels = power_kw.shape[0]
    y, temp, flat = np.nan_to_num(power_kw.reshape(channels, -1)), np.nan_to_num(temp_c.ravel()), group.ravel()
    member = (flat[:, None] == np.arange(GROUPS)).astype(float)
    fold_of = np.repeat(fold, temp_c.shape[1])
    plain, fitted = np.zeros(channels), np.zeros(channels)
    for number in np.unique(fold[fold >= 0]):
        out = keep & (fold_of == number)
        weight = (keep & (fold_of != number)).astype(float)
        rest = y.copy()
        response = np.zeros_like(y)
        for arm in arms:
            x = _beyond(temp, arm.base_c[:, None], arm.is_cooling)
            own = _sums(rest, x, weight, member).slope @ member.T * x
            rest, response = rest - own, response + own
        plain += np.where(out, np.abs(y - _group_means(y, weight, member)[:, flat]), 0.0).sum(axis=1)
        fitted += np.where(out, np.abs(rest - _group_means(rest, weight, member)[:, flat]), 0.0).sum(axis=1)
    return (plain > 0) & (fitted < (1 - min_gain_pct / 100) * plain)
