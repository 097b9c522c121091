"""The actions that make one day of many: which shape the service gives them is not recorded, so this is our own.

A profile has a record for each time of day, on the first local day of the range; the least and the greatest day are
served as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from operations.sandbox.noise import Columns


class Action(StrEnum):
    """What the service makes of the intervals of a range."""

    SUMMARIZE = "summarize"
    TOTAL = "total"
    AVERAGE_DAY = "averageday"
    TYPICAL_DAY = "typicalday"
    MEDIAN_DAY = "medianday"
    MEAN_DAY = "meanday"
    MIN_DAY = "minday"
    MAX_DAY = "maxday"


_STATISTICS = {
    **{Action.AVERAGE_DAY: "mean", Action.MEAN_DAY: "mean"},
    **{Action.TYPICAL_DAY: "median", Action.MEDIAN_DAY: "median"},
}
DAY_ACTIONS = frozenset({*_STATISTICS, Action.MIN_DAY, Action.MAX_DAY})


def compute_day(columns: Columns, fields: Sequence[str], action: Action, tz: ZoneInfo) -> Columns:
    """Return one day of the days in `columns`.

    Parameters
    ----------
    columns
        ``ts``, the starts of the intervals [Unix s], and the fields.
    fields
        Those to keep; the first decides which day is the least and which the greatest.
    tz
        Whose midnights part the days.
    """
    if columns["ts"].size == 0 or not fields:
        return columns
    frame = pd.DataFrame({field: columns[field] for field in fields} | {"ts": columns["ts"]})
    wall = pd.to_datetime(frame["ts"], unit="s", utc=True).dt.tz_convert(tz).dt.tz_localize(None)
    day = wall.dt.normalize()
    if action in _STATISTICS:
        of_day_s = ((wall - day).dt.total_seconds()).astype(np.int64)
        profile = frame[list(fields)].groupby(of_day_s).agg(_STATISTICS[action])
        first_s = int(frame["ts"].iloc[0]) - int(of_day_s.iloc[0])
        return {"ts": first_s + profile.index.to_numpy(), **{field: profile[field].to_numpy() for field in fields}}
    totals = frame.groupby(day)[fields[0]].sum(min_count=1)
    chosen = frame[day == (totals.idxmin() if action == Action.MIN_DAY else totals.idxmax())]
    return {name: chosen[name].to_numpy() for name in frame}
