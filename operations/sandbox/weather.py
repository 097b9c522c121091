"""The outside of the model: dry-bulb temperature, the school's calendar, and the wall clock, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd

from operations.sandbox.noise import Floats, Ints, make_key, smooth_noise, smooth_step

MINUTES_PER_DAY = 1440
_DAYS_PER_YEAR = 365.2425

# Coastal plain of North Carolina: January about 5 °C, July about 26 °C, coldest in the third week of January.
_MEAN_TEMP_C = 15.5
_SEASON_SWING_C = 10.5
_COLDEST_DAY_OF_YEAR = 20
_DIURNAL_SWING_C = 5.0
_WARMEST_UTC_HOUR = 20.0  # mid-afternoon by the sun, whatever the wall clock does

_OPENS_MIN, _CLOSES_MIN, _RAMP_MIN = 6 * 60 + 15, 16 * 60 + 30, 60
_BREAK_LEVEL = 0.35  # offices and cleaning while the pupils are away
_SUMMER_BREAK = ((6, 11), (8, 10))  # month and day; then the building fills up again over three weeks
_REFILL_DAYS = 21
_WINTER_BREAK = ((12, 22), (1, 2))


@dataclass(frozen=True)
class Surroundings:
    """What the loads of a stretch of minutes depend on; all arrays run over its minutes."""

    minutes: Ints  # since the Unix epoch
    local_minutes: Ints  # the same, as the wall clock counts them
    minute_of_day: Ints
    is_weekend: np.ndarray
    school_level: Floats  # 0 closed … 1 ordinary school day, for the whole local day
    occupancy: Floats  # 0–1: the level within opening hours, with a ramp at either end
    temp_c: Floats


def outdoor_temp_c(seed: int, minutes: Ints) -> Floats:
    """Return the dry-bulb temperature [°C] at minutes since the Unix epoch."""
    day = minutes / MINUTES_PER_DAY
    season = -np.cos(2 * np.pi * (day - _COLDEST_DAY_OF_YEAR) / _DAYS_PER_YEAR)
    spells = 3.0 * smooth_noise(make_key(seed, "weather", "front"), minutes, 4 * MINUTES_PER_DAY)
    spells += 2.0 * smooth_noise(make_key(seed, "weather", "day"), minutes, MINUTES_PER_DAY)
    sky = smooth_noise(make_key(seed, "weather", "sky"), minutes, 2 * MINUTES_PER_DAY)
    hour = minutes % MINUTES_PER_DAY / 60.0
    diurnal = _DIURNAL_SWING_C * (1.0 + 0.3 * sky) * np.cos(2 * np.pi * (hour - _WARMEST_UTC_HOUR) / 24.0)
    return _MEAN_TEMP_C + _SEASON_SWING_C * season + spells + diurnal


@lru_cache(maxsize=512)
def school_level(day: date) -> float:
    """Return how busy the school is on a local day: 0 closed, 1 an ordinary school day."""
    if day.weekday() >= 5 or day in _public_holidays(day.year):
        return 0.0
    month_day = (day.month, day.day)
    if month_day >= _WINTER_BREAK[0] or month_day <= _WINTER_BREAK[1]:
        return _BREAK_LEVEL
    if _SUMMER_BREAK[0] <= month_day < _SUMMER_BREAK[1]:
        return _BREAK_LEVEL
    days_back = (day - date(day.year, *_SUMMER_BREAK[1])).days
    if 0 <= days_back < _REFILL_DAYS:
        return _BREAK_LEVEL + (1.0 - _BREAK_LEVEL) * days_back / _REFILL_DAYS
    return 1.0


@lru_cache(maxsize=64)
def _public_holidays(year: int) -> frozenset[date]:
    thanksgiving_friday = pd.Timestamp(year, 11, 1) + pd.offsets.WeekOfMonth(week=3, weekday=3) + pd.Timedelta(days=1)
    return frozenset({*holidays.country_holidays("US", years=year), thanksgiving_friday.date()})


@lru_cache(maxsize=32)
def get_surroundings(seed: int, first_minute: int, count: int, time_zone: str) -> Surroundings:
    """Return the surroundings of `count` minutes from `first_minute` (a multiple of 15) on."""
    minutes = np.arange(first_minute, first_minute + count, dtype=np.int64)
    local = _local_minutes(minutes, time_zone)
    day, minute_of_day = np.divmod(local, MINUTES_PER_DAY)
    days, position = np.unique(day, return_inverse=True)
    level = np.array([school_level(date.fromordinal(_EPOCH_ORDINAL + int(number))) for number in days])[position]
    opening = smooth_step((minute_of_day - _OPENS_MIN) / _RAMP_MIN) * smooth_step(
        (_CLOSES_MIN + _RAMP_MIN - minute_of_day) / _RAMP_MIN
    )
    is_weekend = (day + 3) % 7 >= 5  # day 0 of the epoch was a Thursday
    return Surroundings(
        minutes, local, minute_of_day, is_weekend, level, level * opening, outdoor_temp_c(seed, minutes)
    )


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def _local_minutes(minutes: Ints, time_zone: str) -> Ints:
    """Return wall-clock minutes; offsets are looked up each quarter of an hour, which no zone's change falls within."""
    quarters = pd.to_datetime(minutes[::15], unit="m", utc=True)
    wall = quarters.tz_convert(ZoneInfo(time_zone)).tz_localize(None)
    offset_min = (wall - quarters.tz_localize(None)) // pd.Timedelta(minutes=1)
    return minutes + np.repeat(offset_min.to_numpy(dtype=np.int64), 15)[: minutes.size]
