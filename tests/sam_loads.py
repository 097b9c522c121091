"""Loads of a year by the hour, by formula: what the bills that SAM worked out are of.

SAM's year begins on a Monday and has no leap day and no daylight saving time: 2018 in UTC is such a year.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HOURS = np.arange(8760)
LOADS = ("office", "plant")
MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
MONTH = np.repeat(np.arange(12), 24 * MONTH_DAYS)  # 0 = January, of each hour


def load_kw(name: str) -> Floats:
    """Return the mean power of each hour of the year [kW]; each hour differs a little, so that peaks stand alone."""
    hour, day = HOURS % 24, HOURS // 24
    noise = np.modf(np.abs(np.sin(HOURS * 12.9898)) * 43758.5453)[0]
    season = np.cos(2 * np.pi * (day - 200) / 365)  # 1 in the middle of July
    if name == "office":
        is_open = (day % 7 < 5) & (hour >= 7) & (hour < 19)
        cooling = np.where(is_open, 90 * np.maximum(season, 0) * np.sin(np.pi * (hour - 6) / 14), 0)
        return np.round(35 + np.where(is_open, 110, 0) + cooling + 12 * noise, 3)
    shifts = np.where((hour >= 6) & (hour < 22), 260, 180) * np.where(day % 7 == 6, 0.55, 1.0)
    heating = 70 * np.maximum(-season, 0)
    start_up = np.where((hour == 6) & (day % 7 == 0), 95, 0)  # Monday mornings
    return np.round(shifts + heating + start_up + 25 * noise, 3)


def sun_kw(name: str) -> Floats:
    """Return what a generator at the load makes in each hour [kW]: more than the load on many days of the summer."""
    hour, day = HOURS % 24, HOURS // 24
    season = 0.7 - 0.3 * np.cos(2 * np.pi * (day - 172 + 182.5) / 365)
    clouds = 0.5 + 0.5 * np.modf(np.abs(np.sin((day + 1) * 78.233)) * 43758.5453)[0]
    shape = np.where((hour >= 6) & (hour < 19), np.sin(np.pi * (hour - 5.5) / 13), 0)
    return np.round((520 if name == "office" else 1500) * season * clouds * np.maximum(shape, 0), 3)
