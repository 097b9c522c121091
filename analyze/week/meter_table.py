"""The energy of a period's meters side by side: by interval and by local day, as a workbook shows them. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.best_energy import Source
from analyze.week.intervals import channel_names

if TYPE_CHECKING:
    from analyze.week.site_week import SiteWeek

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class MeterTable(NamedTuple):
    """One row a stretch of time, one column a meter.

    `kwh` is the best that is known of the energy (`analyze.expected.best_energy`), NaN where nothing is; `is_estimated`
    whether any of it is not as metered.
    """

    names: list[str]
    channel_ids: list[int]
    kwh: Floats
    is_estimated: Flags


class MeterTables(NamedTuple):
    """The tables of a period: `local_starts` is the site's wall clock, on which an hour of autumn comes twice."""

    local_starts: list[datetime]
    utc_starts: list[datetime]
    by_interval: MeterTable
    days: list[date]
    by_day: MeterTable


def tabulate_meters(week: SiteWeek) -> MeterTables:
    """Return the energy of all meters of an analyzed period, by interval and by local day."""
    scope = week.data.scope
    rows = week.data.site.best.of_period(scope).rows
    rows = rows.assign(is_estimated=rows["source"] > Source.CAUGHT_UP, local_date=rows["local_time"].dt.date)
    names = channel_names(scope.meters)
    intervals, by_interval = _pivot(rows, "interval_start", names)
    days, by_day = _pivot(rows, "local_date", names)
    local = rows.drop_duplicates("interval_start").set_index("interval_start")["local_time"]
    return MeterTables(
        [moment.to_pydatetime() for moment in local.loc[intervals]],
        [moment.to_pydatetime().replace(tzinfo=None) for moment in intervals],
        by_interval,
        list(days),
        by_day,
    )


def _pivot(rows: pd.DataFrame, key: str, names: dict[int, str]) -> tuple[pd.Index, MeterTable]:
    groups = rows.groupby([key, "channel_id"])
    kwh = groups["kwh"].sum(min_count=1).unstack("channel_id").sort_index()
    estimated = groups["is_estimated"].any().unstack("channel_id").reindex_like(kwh)
    channel_ids = [int(channel_id) for channel_id in kwh.columns]
    return kwh.index, MeterTable(
        [names[channel_id] for channel_id in channel_ids],
        channel_ids,
        kwh.to_numpy(dtype=float).round(6),
        estimated.to_numpy(dtype=object) == True,  # noqa: E712 - a stretch without an interval is missing
    )
