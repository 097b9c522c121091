"""How much of each load the outdoor temperature explains, and how well the rest is foreseen. Pure.

References
----------
CalTRACK Methods 2.0, 2.2 (data sufficiency) and ASHRAE Guideline 14-2014, 5.2.11.3 (CV(RMSE), NMBE); see `fit_quality`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.load.expected_load import fit_expected_load
from analyze.load.fit_quality import check_sufficiency, describe_quality
from analyze.load.power_grid import PowerGrid, lay_out_channels, left_out_levels
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    baseline_week_numbers,
    channel_names,
    in_window,
    split_channels,
)
from lib.date_utils import Window

_PROFILE, _WITH_TEMPERATURE = "profile", "profile+temperature"


def respond_to_temperature(clean: pd.DataFrame, scope: WeekScope, weather: pd.DataFrame | None) -> pd.Series:
    """Return the part of each interval's power that answers to the temperature [kW], by index of `clean`.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period, by channel and time.
    weather
        `timestamp` (start of the UTC hour) and `temp_c` [°C]; None where nothing is known.

    Returns
    -------
    pd.Series
        Only of channels whose load the temperature explains (`fit_expected_load`: less error in left-out weeks, enough
        data); others are absent. NaN where the temperature is missing: such an interval cannot be judged. Up to
        `temperature_beyond_k` outside of what the baseline saw, the outermost slope goes on, for a hot week is mostly
        hotter than those before it; further out it is level.
    """
    nothing = pd.Series(dtype="float64", index=clean.index[:0])
    if weather is None or not weather["temp_c"].notna().any():
        return nothing
    rows = clean[in_window(clean, Window(scope.baseline.start, scope.period.end))]
    hour_s = rows["epoch_s"] // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    known = pd.to_datetime(weather["timestamp"], utc=True)
    by_hour = pd.Series(
        weather["temp_c"].to_numpy(dtype=float), index=(known - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    )
    temp_c = hour_s.map(by_hour[~by_hour.index.duplicated()])
    before = in_window(rows, scope.baseline)
    model = fit_expected_load(rows[before], scope.config, temp_c=temp_c[before])
    parts = [nothing]
    for channel_id, response in model.responses.items():
        if model.fit.at[channel_id, "is_sufficient"]:
            own = temp_c[rows["channel_id"] == channel_id]
            kw = response.power_kw(own.to_numpy(dtype=float), beyond_k=scope.config.expected.temperature_beyond_k)
            parts.append(pd.Series(kw, index=own.index))
    return pd.concat(parts)


def describe_expected(clean: pd.DataFrame, scope: WeekScope, response_kw: pd.Series) -> list[dict[str, Any]]:
    """Return for each channel the model that foresees its load, and the errors of left-out baseline weeks.

    `cvRmsePct` and `nmbePct` are those of ASHRAE Guideline 14 with no parameter taken off, for no error is of data that
    the level was fitted to; `isSufficient` and `reason` after CalTRACK. None where no week could be left out.
    """
    rows = clean[in_window(clean, scope.baseline)]
    names, entries = channel_names(scope.meters), []
    answers = response_kw.reindex(rows.index)
    rows_of = split_channels(rows)
    with_temperature = set(rows.loc[answers.notna(), "channel_id"])
    for grid in lay_out_channels(rows, baseline_week_numbers(rows, scope)) if len(rows) else []:
        rest = subtract_response(grid, rows, response_kw)
        error_kw = rest.power_kw - left_out_levels(rest)[0]
        for number, channel_id in enumerate(grid.channel_ids.tolist()):
            used = ~np.isnan(error_kw[number])
            actual = grid.power_kw[number, used]
            quality = describe_quality(actual, actual - error_kw[number, used], 0)
            sufficiency = check_sufficiency(rows_of[channel_id], scope.config)
            entries.append(
                {
                    "channelId": channel_id,
                    "channelName": names[channel_id],
                    "model": _WITH_TEMPERATURE if channel_id in with_temperature else _PROFILE,
                    "samples": quality["samples"],
                    "cvRmsePct": _rounded(quality["cv_rmse_pct"]),
                    "nmbePct": _rounded(quality["nmbe_pct"]),
                    "coveragePct": round(float(sufficiency["coverage_pct"]), 1),
                    "isSufficient": bool(sufficiency["is_sufficient"]),
                    "reason": sufficiency["reason"],
                }
            )
    return sorted(entries, key=lambda entry: entry["channelId"])


def subtract_response(grid: PowerGrid, rows: pd.DataFrame, response_kw: pd.Series) -> PowerGrid:
    """Return the grid of `rows` without the power that answers to the temperature."""
    if response_kw.empty:
        return grid
    answers = response_kw.reindex(rows.index)
    answers = answers.mask(~rows.index.isin(response_kw.index), 0.0)
    return grid._replace(power_kw=grid.power_kw - grid.lay(answers))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 1)
