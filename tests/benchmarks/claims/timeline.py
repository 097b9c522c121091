"""The local calendar of a made-up site, and the loads that are drawn on it.

Everything random comes from one generator, so the same seed gives the same site. Loads are mean powers [kW] of the
intervals of `Timeline.index`, which are labelled by their start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Kw = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

HOURS_PER_DAY, DAYS_PER_WEEK = 24, 7
MIDSUMMER_DAY = 172  # of the year, northern hemisphere
SOUTHERN_ZONES = ("Australia/",)


class Timeline:
    """Whole local days around the report's week, Monday to Sunday.

    Parameters
    ----------
    monday
        First day of the report's week.
    zone
        IANA zone; its clock changes are in the index.
    rng
        Source of everything random.
    interval_min
        Length of an interval [min].
    weeks_before, weeks_after
        Whole weeks before and after the report's.

    Attributes
    ----------
    hour, day, weekday
        Of each interval: hours since local midnight, days since `monday` (0 to 6 in the report's week), Monday = 0.
    is_week
        True in the report's week.
    """

    def __init__(
        self,
        monday: date,
        zone: str,
        rng: np.random.Generator,
        interval_min: int = 15,
        weeks_before: int = 10,
        weeks_after: int = 1,
    ) -> None:
        self.monday, self.zone, self.rng, self.interval_min = monday, zone, rng, interval_min
        first = monday - timedelta(weeks=weeks_before)
        end = monday + timedelta(weeks=1 + weeks_after)
        self.index = pd.date_range(
            pd.Timestamp(first, tz=zone), pd.Timestamp(end, tz=zone), freq=f"{interval_min}min", inclusive="left"
        )
        local = self.index.tz_localize(None)
        self.hour: Kw = np.asarray(local.hour + local.minute / 60, dtype=float)
        self.day = np.asarray((local.normalize() - pd.Timestamp(monday)).days, dtype=np.int64)
        self.weekday = np.asarray(local.day_of_week, dtype=np.int64)
        self.clock: Kw = self.day * float(HOURS_PER_DAY) + self.hour  # wall-clock hours since the first midnight
        self.interval_h = interval_min / 60
        self.is_week: Mask = (self.day >= 0) & (self.day < DAYS_PER_WEEK)
        self.is_past: Mask = self.day < 0

    # When -------------------------------------------------------------------------------------------------------------

    def date_of(self, day: int) -> date:
        """Return the date of a day, counted from the report's Monday."""
        return self.monday + timedelta(days=day)

    def between(self, start_h: float, end_h: float) -> Mask:
        """Return True from one hour of the day to another, past midnight where the end is the earlier."""
        if start_h <= end_h:
            return (self.hour >= start_h) & (self.hour < end_h)
        return (self.hour >= start_h) | (self.hour < end_h)

    def stretch(self, first_day: int, start_h: float, last_day: int, end_h: float) -> Mask:
        """Return True from an hour of one day up to an hour of another."""
        start, end = first_day * HOURS_PER_DAY + start_h, last_day * HOURS_PER_DAY + end_h
        return (self.clock >= start) & (self.clock < end)

    def since(self, day: int, hour: float = 0.0) -> Mask:
        """Return True from an hour of a day on."""
        return self.clock >= day * HOURS_PER_DAY + hour

    def on_days(self, *days: int) -> Mask:
        """Return True on these days, counted from the report's Monday."""
        return np.isin(self.day, days)

    def nights(self, evenings: Sequence[int], start_h: float, end_h: float) -> Mask:
        """Return True in the nights that begin on these days, up to an hour of the morning after."""
        mask = np.zeros(self.hour.size, dtype=bool)
        for day in evenings:
            mask |= self.stretch(day, start_h, day + 1, end_h)
        return mask

    def week_of(self, number: int) -> Mask:
        """Return True in a week: 0 is the report's, −1 the one before."""
        return self.day // DAYS_PER_WEEK == number

    # How much ---------------------------------------------------------------------------------------------------------

    def kwh(self, kw: npt.NDArray[Any], mask: Mask | None = None) -> float:
        """Return the energy of the report's week, or of a mask, without intervals that have no value."""
        return float(np.nansum(kw[self.is_week if mask is None else mask]) * self.interval_h)

    def wander(self, scale: float, memory_h: float = 0.5) -> Kw:
        """Return factors with mean one that wander by `scale` and forget within `memory_h` hours."""
        keep = float(np.exp(-self.interval_h / memory_h))
        steps = self.rng.normal(0, scale * np.sqrt(1 - keep**2), self.hour.size).tolist()
        path = np.fromiter(accumulate(steps, lambda level, step: keep * level + step), float, self.hour.size)
        return np.exp(path - scale**2 / 2)

    def by_day(self, scale: float) -> Kw:
        """Return a factor for each local day, with mean one."""
        first = int(self.day.min())
        factors = np.exp(self.rng.normal(-(scale**2) / 2, scale, int(self.day.max()) - first + 1))
        return factors[self.day - first]

    def shift_by_day(self, sd_h: float) -> Kw:
        """Return hours by which each local day is late."""
        first = int(self.day.min())
        return np.clip(self.rng.normal(0, sd_h, int(self.day.max()) - first + 1), -2 * sd_h, 2 * sd_h)[self.day - first]

    def steady(self, level_kw: float, scale: float = 0.02) -> Kw:
        """Return a load that is always there."""
        return level_kw * self.wander(scale)

    def switched(self, mask: Mask, on_kw: float, off_kw: float, scale: float = 0.03) -> Kw:
        """Return a load that is on where `mask` is True."""
        return np.where(mask, on_kw, off_kw) * self.wander(scale)

    def cycling(
        self,
        on_kw: float,
        off_kw: float,
        on_min: float,
        off_min: float,
        slowness: npt.ArrayLike = 1.0,
        spread: float = 0.15,
    ) -> Kw:
        """Return a load that a thermostat switches: mean power of its minutes.

        Parameters
        ----------
        on_min, off_min
            Mean length of a run and of a rest [min].
        slowness
            Factor on the runs' length, by interval: above one it runs for more of the time.
        spread
            Of each run and rest, as a share of its mean.
        """
        minutes = self.hour.size * self.interval_min
        factor = np.broadcast_to(np.asarray(slowness, dtype=float), self.hour.shape)
        is_on, place = np.zeros(minutes + 1, dtype=bool), 0
        draws = iter(np.clip(self.rng.normal(1, spread, 2 * minutes // max(1, int(on_min + off_min)) * 4 + 64), 0.3, 3))
        while place < minutes:
            run = max(1, round(on_min * factor[place // self.interval_min] * next(draws, 1.0)))
            is_on[place : place + run] = True
            place += run + max(1, round(off_min * next(draws, 1.0)))
        share = is_on[:minutes].reshape(-1, self.interval_min).mean(axis=1)
        return (off_kw + (on_kw - off_kw) * share) * self.wander(0.02)

    def bursts(self, where: Mask, per_day: float, minutes: float, on_kw: float, idle_kw: float) -> Kw:
        """Return a load of short bursts at random moments of `where`, so many on a day of it in the mean."""
        per_interval = per_day / max(1.0, where.sum() / max(1, np.unique(self.day[where]).size))
        starts = where & (self.rng.random(self.hour.size) < per_interval)
        length = max(1, round(minutes / self.interval_min))
        share = min(1.0, minutes / (length * self.interval_min))
        is_on = np.zeros(self.hour.size, dtype=bool)
        for offset in range(length):
            is_on |= np.roll(starts, offset) & (np.arange(self.hour.size) >= offset)
        return np.where(is_on, idle_kw + (on_kw - idle_kw) * share, idle_kw) * self.wander(0.02)

    # The sky ----------------------------------------------------------------------------------------------------------

    def _summer(self) -> Kw:
        """Return how much summer it is, from −1 to 1, by the zone's hemisphere."""
        day_of_year = np.asarray(self.index.day_of_year, dtype=float)
        sign = -1.0 if self.zone.startswith(SOUTHERN_ZONES) else 1.0
        return sign * np.cos((day_of_year - MIDSUMMER_DAY) / 365.25 * 2 * np.pi)

    def temperature(self, mean_c: float, swing_k: float = 5.0, drift_k: float = 1.5) -> Kw:
        """Return outdoor air [°C]: days that wander around `mean_c`, warmest at three in the afternoon."""
        first, days = int(self.day.min()), int(self.day.max() - self.day.min()) + 1
        level = np.fromiter(
            accumulate(self.rng.normal(0, drift_k, days).tolist(), lambda a, b: 0.7 * a + b), float, days
        )
        return mean_c + level[self.day - first] + swing_k * np.cos((self.hour - 15) / HOURS_PER_DAY * 2 * np.pi)

    def daylight(self) -> tuple[Kw, Kw]:
        """Return local sunrise and sunset [h]: days of 8 h in midwinter, 16 h in midsummer."""
        half_h = 6 + 2 * self._summer()
        offsets_h = (
            self.index.tz_localize(None) - self.index.tz_convert("UTC").tz_localize(None)
        ).total_seconds() / 3600
        seasons = [pd.Timestamp(self.monday.year, month, 1, tz=self.zone).utcoffset() for month in (1, 7)]
        standard_h = min(offset.total_seconds() for offset in seasons if offset is not None) / 3600
        noon = 12.2 + np.asarray(offsets_h, dtype=float) - standard_h
        return noon - half_h, noon + half_h

    def sunshine(self) -> Kw:
        """Return the output of a solar plant as a share of its peak, under clouds that change by day."""
        rise, sets = self.daylight()
        clear = np.clip(np.sin((self.hour - rise) / (sets - rise) * np.pi), 0, None) ** 1.3
        is_day = (self.hour > rise) & (self.hour < sets)
        first, days = int(self.day.min()), int(self.day.max() - self.day.min()) + 1
        cloud = self.rng.uniform(0.3, 1.0, days)[self.day - first]
        return np.where(is_day, clear, 0.0) * cloud * np.clip(self.wander(0.1, 1.0), 0, 1.15)
