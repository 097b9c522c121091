"""Intervals that start on the hour of a wall clock which is half an hour, or three quarters, from UTC. Pure.

Everything above the readings counts in UTC hours (the hourly layer, the forecast, the weather), and in Kolkata,
Adelaide or St. John's an hour of the wall clock lies across two of them. There an interval is stored as its parts that
each lie in one: half hours, or quarters, of the same mean power, which is all that a longer interval says of its parts.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.files.columns import ENERGY_COLUMN

_MONTHS = (1, 7)  # winter and summer, on either half of the earth

Floats = npt.NDArray[np.float64]


def part_length_s(clock: ZoneInfo, interval_s: int, now_s: float) -> int:
    """Return the longest length [s] that divides an interval and fits both the zone's hours and those of UTC.

    For zones that are whole hours from UTC that is `interval_s` itself.
    """
    year = datetime.fromtimestamp(now_s, UTC).year
    offsets = (datetime(year, month, 1, tzinfo=clock).utcoffset() for month in _MONTHS)
    return math.gcd(interval_s, *(int(offset.total_seconds()) for offset in offsets if offset is not None))


def is_off_grid(
    start_s: Floats, interval_s: int, clock: ZoneInfo, is_wall: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return which intervals start neither on a multiple of their length on the wall clock, nor on one in UTC.

    Parameters
    ----------
    start_s
        Starts, epoch seconds; NaN is not off the grid.
    is_wall
        Whether a start was read off the wall clock `clock`; then UTC's multiples do not count.
    """
    known = ~np.isnan(start_s)
    moments = pd.to_datetime(start_s[known], unit="s", utc=True)
    wall_s = (moments.tz_convert(clock).tz_localize(None) - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    off = np.zeros(start_s.size, dtype=bool)
    off[known] = (wall_s.to_numpy() % interval_s != 0) & (is_wall[known] | (start_s[known] % interval_s != 0))
    return off


def split_intervals(rows: pd.DataFrame, interval_s: int, part_s: int) -> pd.DataFrame:
    """Return rows in parts of `part_s` seconds: energy is shared out evenly, everything else is the same in each."""
    count = interval_s // part_s
    if count == 1:
        return rows
    parts = rows.loc[rows.index.repeat(count)].reset_index(drop=True)
    parts["timestamp"] += np.tile(np.arange(count) * part_s, len(rows))
    if ENERGY_COLUMN in parts:
        parts[ENERGY_COLUMN] /= count
    return parts
