"""The energy of a whole site by hour, from its root meters. Pure."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from analyze.intervals import SECONDS_PER_HOUR, energy_meters, list_channels
from analyze.meters.meter_tree import root_of_channels
from config.report_config import ReportConfig


class SiteHours(NamedTuple):
    """The energy of a site by hour, and the root meters that it leaves out for want of data."""

    hourly: pd.DataFrame
    excluded_ids: list[int]


def whole_hours(hourly: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `hourly` of whose meter every interval of the hour is there; arguments as `total_by_hour`."""
    interval_s = pd.to_numeric(meters.set_index("channel_id")["interval_s"]).fillna(SECONDS_PER_HOUR)
    expected = SECONDS_PER_HOUR / hourly["channel_id"].map(interval_s).clip(upper=SECONDS_PER_HOUR)
    return hourly[(hourly["reading_count"] >= expected) & hourly["energy_kwh"].notna()]


def total_by_hour(hourly: pd.DataFrame, meters: pd.DataFrame, config: ReportConfig) -> SiteHours:
    """Return the energy of the site's root meters added up, in the hours that all of them cover.

    Parameters
    ----------
    hourly
        `channel_id`, `timestamp` (start of the UTC hour), `energy_kwh`, `reading_count`, as `load_hourly` gives them.
    meters
        All channels of the site, with `interval_s` [s].

    Notes
    -----
    A root meter that covers less than `forecast_min_completeness_pct` of the hours between the first and the last of
    the site, or has been silent on the last day, is left out: without it, no hour would be whole. An hour counts as
    covered when all its intervals are there.
    """
    roots = [key for key, root in root_of_channels(meters, set(list_channels(hourly))).items() if key == root]
    whole = whole_hours(hourly, energy_meters(meters))
    table = whole[whole["channel_id"].isin(roots)].pivot(index="timestamp", columns="channel_id", values="energy_kwh")
    if table.empty:
        return SiteHours(pd.DataFrame({"timestamp": table.index, "energy_kwh": []}), sorted(roots))
    table = table.reindex(pd.date_range(table.index[0], table.index[-1], freq="h", name="timestamp"))
    is_full = table.notna().mean() >= config.forecast_min_completeness_pct / 100
    is_alive = table.tail(24).notna().any()
    kept = [key for key in table.columns if is_full[key] and is_alive[key]]
    total = table[kept].sum(axis=1, skipna=False, min_count=1).rename("energy_kwh")
    return SiteHours(total.dropna().reset_index(), sorted(set(roots) - set(kept)))
