"""What each meter usually draws at each hour of the week, as the baseline weeks tell it. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.meters.completeness import assess_channels
from analyze.week.intervals import WeekScope, channel_names, in_window
from analyze.week.refusals import refuse_few_samples, refuse_short_baseline, refuse_silent
from lib.date_utils import HOURS_PER_WEEK
from lib.stats_utils import grouped_quantiles

_PROFILE_QUANTILES = (0.25, 0.5, 0.75, 0.95)
_SPREAD_QUANTILES = (0.05, 0.95)


def add_hour_of_week_profile(rows: pd.DataFrame, baseline_rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with what their channel usually draws at their hour of the week.

    Parameters
    ----------
    rows, baseline_rows
        Intervals with `channel_id`, `hour_of_week` and `mean_kw` [kW]; the second say what is usual.

    Returns
    -------
    pd.DataFrame
        `rows` with `q25_kw`, `q50_kw`, `q75_kw`, `p95_kw` and `samples` of their hour of the week, and, over all hours
        of the channel, `channel_p95_kw` and `spread_kw` (p95 − p5); NaN and 0 where the baseline holds nothing.
    """
    ids = np.unique(np.concatenate([rows["channel_id"], baseline_rows["channel_id"]]).astype("int64"))
    channel = np.searchsorted(ids, baseline_rows["channel_id"])
    power_kw = baseline_rows["mean_kw"].to_numpy()
    baseline_cell = channel * HOURS_PER_WEEK + baseline_rows["hour_of_week"].to_numpy(dtype="int64")
    cells, samples = grouped_quantiles(power_kw, baseline_cell, ids.size * HOURS_PER_WEEK, _PROFILE_QUANTILES)
    spread, _ = grouped_quantiles(power_kw, channel, ids.size, _SPREAD_QUANTILES)
    wanted = np.searchsorted(ids, rows["channel_id"])
    cell = wanted * HOURS_PER_WEEK + rows["hour_of_week"].to_numpy(dtype="int64")
    found = dict(zip(("q25_kw", "q50_kw", "q75_kw", "p95_kw"), cells[cell].T, strict=True))
    low, high = spread.T
    return rows.assign(**found, samples=samples[cell], channel_p95_kw=high[wanted], spread_kw=(high - low)[wanted])


def profile_period(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the period's intervals with the profile of their hour of the week, and whether it can be trusted.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period.

    Returns
    -------
    pd.DataFrame
        As `add_hour_of_week_profile`, with `baseline_pct` (how much of the baseline weeks the channel's sound readings
        cover) and `is_assessed`: True where sound readings cover
        `baseline.min_completeness_pct` of the channel's baseline weeks, and the hour of the week has
        `hour_of_week_min_samples` values or more.
    """
    baseline = clean[in_window(clean, scope.baseline)]
    rows = add_hour_of_week_profile(clean[in_window(clean, scope.period)], baseline)
    covered_pct = rows["channel_id"].map(assess_channels(clean, scope)["baseline_pct"])
    return assess_rows(rows.assign(baseline_pct=covered_pct), scope, scope.config.baseline.hour_of_week_min_samples)


def assess_rows(profiled: pd.DataFrame, scope: WeekScope, min_samples: int) -> pd.DataFrame:
    """Return `profiled` with `is_assessed` for a method that wants `min_samples` values in the hour of the week."""
    is_trusted = profiled["baseline_pct"] >= scope.config.baseline.min_completeness_pct
    return profiled.assign(is_assessed=is_trusted & (profiled["samples"] >= min_samples))


def list_unassessed(
    profiled: pd.DataFrame, clean: pd.DataFrame, scope: WeekScope, min_samples: int
) -> list[dict[str, Any]]:
    """Return the meters of which no interval of the period could be compared with its hour of the week, and why."""
    config, names = scope.config, channel_names(scope.meters)
    assessed = profiled.groupby("channel_id")["is_assessed"].any()
    result = []
    for row in assess_channels(clean, scope).itertuples():
        if assessed.get(row.Index, False):
            continue
        if row.period_pct == 0:
            refusal = refuse_silent()
        elif row.baseline_pct < config.baseline.min_completeness_pct:
            needed = f"{config.baseline.min_completeness_pct:.0f} % is needed"
            reason = f"sound readings cover {row.baseline_pct:.1f} % of the baseline weeks; {needed}"
            refusal = refuse_short_baseline(row.baseline_pct, row.period_pct, reason, scope)
        else:
            refusal = refuse_few_samples(min_samples, scope)
        result.append({"channelId": int(row.Index), "channelName": names[int(row.Index)], **refusal})
    return result
