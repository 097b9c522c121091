"""A year of weekly reports of one small school, for the tests of findings that live across weeks.

Four meters by the hour, in steady weather, from Monday 2 December 2024 on, of which the first four weeks are baseline:
what is planted in them is written out here, so that a reader knows what each finding must say.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from site_factory import TIMEZONE

from lib.date_utils import local_midnight

FIRST_DAY = date(2024, 12, 2)
BASELINE_WEEKS = 4
WEEKS = 52  # that are reported
AHU, BOILER, KITCHEN, PUMP = METERS = (10, 11, 12, 13)
RATE = 0.12  # USD a kWh, the assumed flat rate


class Waste(NamedTuple):
    """A load that is left on from closing to opening on the nights after some weekdays (0 is Monday), in some weeks."""

    meter: int
    first_week: int  # of the report, from 1
    last_week: int
    kw: float
    nights: tuple[int, ...] = (0, 2, 3)


def monday(week: int) -> date:
    """Return the first day of the period of report number `week`."""
    return FIRST_DAY + timedelta(weeks=BASELINE_WEEKS + week - 1)


def make_year(wastes: list[Waste], silent: tuple[int, int, int] | None = None, weeks: int = WEEKS) -> pd.DataFrame:
    """Return the readings of the meters by the hour: `channel_id`, `timestamp` [s], `energy_kwh`, `power_kw`.

    Parameters
    ----------
    silent
        A meter, and the first and the last week in which it sends nothing.
    """
    start = local_midnight(FIRST_DAY, TIMEZONE)
    end = local_midnight(FIRST_DAY + timedelta(weeks=BASELINE_WEEKS + weeks), TIMEZONE)
    moments = pd.date_range(start, end, freq="h", inclusive="left")
    local = moments.tz_convert(TIMEZONE)
    day = (local.tz_localize(None).normalize() - pd.Timestamp(FIRST_DAY)).days.to_numpy()
    week, weekday, hour = day // 7 - BASELINE_WEEKS + 1, day % 7, local.hour.to_numpy()
    is_open = (weekday < 5) & (hour >= 7) & (hour < 18)
    night_of = np.where(hour < 7, weekday - 1, weekday) % 7  # the weekday on whose evening the night began
    is_night = ((hour >= 18) | (hour < 7)) & (night_of < 5)
    week_of_night = np.where((hour < 7) & (weekday == 0), week - 1, week)
    frames = []
    for number, meter in enumerate(METERS):
        rng = np.random.default_rng(meter)
        kw = np.where(is_open, 8.0 + 2 * number, 0.5) * rng.normal(1, 0.03, len(moments))
        for waste in wastes:
            is_on = is_night & (week_of_night >= waste.first_week) & (week_of_night <= waste.last_week)
            if waste.meter == meter:
                kw += np.where(is_on & np.isin(night_of, waste.nights), waste.kw, 0.0)
        keeps = np.ones(len(moments), dtype=bool)
        if silent and silent[0] == meter:
            keeps = (week < silent[1]) | (week > silent[2])
        frames.append(pd.DataFrame({
            "channel_id": meter, "timestamp": moments.as_unit("s").asi8, "energy_kwh": kw, "power_kw": kw,
        })[keeps])  # fmt: skip
    return pd.concat(frames, ignore_index=True)
