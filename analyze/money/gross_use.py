"""What a site uses of the grid and of its own generation together, where both are metered. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source, find_best_energy
from analyze.expected.model import expect_load
from analyze.meters.bad_intervals import ALWAYS_NAMED
from analyze.meters.channel_kinds import channels_of
from analyze.money.site_demand import SiteDemand, energy_matrix
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope
from config.site_file import ChannelKind
from lib.date_utils import add_local_time

_GROSS_ID = -2  # the sum goes through the same functions as a meter


def measure_gross(site: SiteDemand, scope: WeekScope, weather: pd.DataFrame | None) -> BestEnergy | None:
    """Return the energy that the site used, as the intervals of one meter; None where it imports all of it.

    Import less export, and what the site generated: only that tells whether it used more than usual, for the sun
    decides what a main imports. Steps in which one of the meters is not valid are estimated.
    """
    rows = _parts_of(site, scope)
    if rows is None:
        return None
    step_s = int(rows["interval_s"].max())
    kwh = energy_matrix(rows.assign(used_kwh=rows["kwh"]), step_s).sum(axis=1, skipna=False).dropna()
    intervals = _as_intervals(kwh, step_s, scope)
    own = scope._replace(meters=_one_meter(step_s))
    none_bad = pd.DataFrame(False, index=intervals.index, columns=list(ALWAYS_NAMED))
    return find_best_energy(intervals, none_bad, expect_load(intervals, own, weather), own)


def _parts_of(site: SiteDemand, scope: WeekScope) -> pd.DataFrame | None:
    """Return the valid intervals of the root meters and of the generation, this above zero; None without either."""
    generation = channels_of(scope.meters, ChannelKind.GENERATION)
    if not generation or not set(site.roots) & set(channels_of(scope.meters, ChannelKind.MAIN)):
        return None
    rows = site.best.of_channels([*site.roots, *generation]).rows
    rows = rows[rows["source"] <= Source.CORRECTED]
    if not rows["channel_id"].isin(generation).any():
        return None
    made = rows["channel_id"].isin(generation)
    return rows.assign(kwh=np.where(made, rows["kwh"].abs(), rows["kwh"]))


def generated_kwh(best: BestEnergy, scope: WeekScope) -> float | None:
    """Return what the site's own generation made in the intervals of `best` [kWh]; None where it is not metered."""
    generation = channels_of(scope.meters, ChannelKind.GENERATION)
    rows = best.of_channels(generation).rows if generation else best.rows.iloc[:0]
    return None if rows.empty else float(rows.groupby("channel_id")["kwh"].sum().abs().sum())


def _as_intervals(kwh: pd.Series, step_s: int, scope: WeekScope) -> pd.DataFrame:
    epoch_s, hours = kwh.index.to_numpy(dtype="int64"), step_s / SECONDS_PER_HOUR
    frame = pd.DataFrame(
        {
            "channel_id": _GROSS_ID,
            "interval_start": pd.to_datetime(epoch_s, unit="s", utc=True),
            "interval_s": step_s,
            "energy_kwh": kwh.to_numpy(),
            "power_kw": kwh.to_numpy() / hours,
            "hours": hours,
            "mean_kw": kwh.to_numpy() / hours,
            "used_kwh": kwh.to_numpy(),
            "epoch_s": epoch_s,
        }
    )
    return add_local_time(frame, scope.tz)


def _one_meter(step_s: int) -> pd.DataFrame:
    nothing = pd.to_datetime(pd.Series([None]), utc=True)
    return pd.DataFrame(
        {
            "channel_id": [_GROSS_ID],
            "channel_name": ["Use"],
            "parent_channel_id": pd.array([None], dtype="Int64"),
            "is_energy_meter": [True],
            "interval_s": [step_s],
            "installed_at": nothing,
            "uninstalled_at": nothing,
        }
    )
