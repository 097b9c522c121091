"""The energy of a whole site by hour, from its root meters. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analyze.meters.meter_tree import root_of_channels
from analyze.week.intervals import SECONDS_PER_HOUR, energy_meters, epoch_seconds, list_channels, number_channels
from config.thresholds import Thresholds


class SiteHours(NamedTuple):
    """The energy of a site by hour, and the root meters that it leaves out for want of data."""

    hourly: pd.DataFrame
    excluded_ids: list[int]


def whole_hours(hourly: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `hourly` of whose meter every interval of the hour is there; arguments as `total_by_hour`."""
    interval_s = pd.to_numeric(meters.set_index("channel_id")["interval_s"]).fillna(SECONDS_PER_HOUR)
    expected = SECONDS_PER_HOUR / hourly["channel_id"].map(interval_s).clip(upper=SECONDS_PER_HOUR)
    return hourly[(hourly["reading_count"] >= expected) & hourly["energy_kwh"].notna()]


def total_by_hour(hourly: pd.DataFrame, meters: pd.DataFrame, config: Thresholds) -> SiteHours:
    """Return the energy of the site's root meters added up, in the hours that all of them cover.

    Parameters
    ----------
    hourly
        `channel_id`, `timestamp` (start of the UTC hour), `energy_kwh`, `reading_count`, as `load_hourly` gives them.
    meters
        All channels of the site, with `interval_s` [s].

    Notes
    -----
    A root meter that covers less than `forecast.min_completeness_pct` of the hours between the first and the last of
    the site, or has been silent on the last day, is left out: without it, no hour would be whole. An hour counts as
    covered when all its intervals are there.
    """
    roots = _roots(hourly, meters)
    whole = whole_hours(hourly, energy_meters(meters))
    whole = whole[whole["channel_id"].isin(roots)]
    if whole.empty:
        return SiteHours(whole[["timestamp", "energy_kwh"]], sorted(roots))
    channel, ids = number_channels(whole)
    hour = (epoch_seconds(whole["timestamp"]) // SECONDS_PER_HOUR).astype("int64")
    table = np.full((int(hour.max() - hour.min()) + 1, ids.size), np.nan)
    table[hour - hour.min(), channel] = whole["energy_kwh"]
    known = ~np.isnan(table)
    kept = (known.mean(axis=0) >= config.forecast.min_completeness_pct / 100) & known[-24:].any(axis=0)
    total = table[:, kept].sum(axis=1) if kept.any() else np.full(len(table), np.nan)
    covered = np.flatnonzero(~np.isnan(total))
    start = pd.to_datetime((covered + hour.min()) * SECONDS_PER_HOUR, unit="s", utc=True)
    site = pd.DataFrame({"timestamp": start, "energy_kwh": total[covered]})
    return SiteHours(site, sorted(set(roots) - set(ids[kept].tolist())))


def metered_by_hour(hourly: pd.DataFrame, meters: pd.DataFrame) -> pd.Series:
    """Return the energy [kWh] that the site's root meters show in each hour, whether or not all of them report.

    Arguments as `total_by_hour`; the index is `timestamp`, and hours without any energy have no entry.
    """
    rows = hourly[hourly["channel_id"].isin(_roots(hourly, meters)) & hourly["energy_kwh"].notna()]
    return rows.groupby("timestamp")["energy_kwh"].sum()


def _roots(hourly: pd.DataFrame, meters: pd.DataFrame) -> list[int]:
    return [key for key, root in root_of_channels(meters, set(list_channels(hourly))).items() if key == root]
