"""The energy of a whole site by hour, from its root meters. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analyze.meters.meter_tree import root_of_channels
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    energy_meters,
    epoch_seconds,
    list_channels,
    number_channels,
    number_steps,
    take_channels,
)
from config.thresholds import Thresholds
from lib.stats_utils import sum_by_place


class SiteHours(NamedTuple):
    """The energy of a site by hour, and the root meters that it leaves out for want of data."""

    hourly: pd.DataFrame
    excluded_ids: list[int]


def whole_hours(hourly: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `hourly` of whose meter every interval of the hour is there; arguments as `total_by_hour`."""
    length_s = meters["interval_s"].to_numpy(dtype=float, na_value=SECONDS_PER_HOUR)
    known = dict(zip(meters["channel_id"].tolist(), np.minimum(length_s, SECONDS_PER_HOUR).tolist(), strict=True))
    code, ids = number_channels(hourly)
    expected = SECONDS_PER_HOUR / np.array([known.get(key, np.nan) for key in ids.tolist()])[code]
    count, kwh = (hourly[name].to_numpy(dtype=float) for name in ("reading_count", "energy_kwh"))
    return hourly[(count >= expected) & ~np.isnan(kwh)]


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
    whole = take_channels(whole, roots)
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
    rows = take_channels(hourly, _roots(hourly, meters))
    kwh = rows["energy_kwh"].to_numpy(dtype=float)
    known = ~np.isnan(kwh)
    hour = (epoch_seconds(rows["timestamp"])[known]).astype("int64")
    place, starts_s = number_steps(hour, SECONDS_PER_HOUR)
    moments = pd.to_datetime(starts_s, unit="s", utc=True).rename("timestamp")
    return pd.Series(sum_by_place(place, kwh[known], starts_s.size), index=moments, name="energy_kwh")


def _roots(hourly: pd.DataFrame, meters: pd.DataFrame) -> list[int]:
    return [key for key, root in root_of_channels(meters, set(list_channels(hourly))).items() if key == root]
