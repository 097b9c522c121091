"""Facts about each meter's load in the period: base, peak, load factor, load duration, energy per floor area. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.channel_kinds import channels_of, using_meters
from analyze.meters.meter_tree import root_of_channels
from analyze.week.intervals import (
    Columns,
    WeekScope,
    channel_names,
    channels_within,
    in_window,
    iso_of_seconds,
    split_columns,
    take_window,
)
from analyze.week.refusals import day_after, insufficient
from config.site_file import ChannelKind

_DURATION_PCTS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)  # of the time, the power is at least …
_FULL_DAY_RATIO = 0.9
_DAYS_PER_YEAR = 365.25


_LEAST_POWER_KW = 0.001  # below one watt there is no load to put into proportion


def build_load_facts(
    clean: pd.DataFrame,
    scope: WeekScope,
    floor_area_m2: float | None = None,
    site_kwh: float | None = None,
    valid: pd.DataFrame | None = None,
    *,
    clean_now: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Return base load, peak, load factor and load duration of each meter, and the site's energy use intensity.

    Parameters
    ----------
    clean
        Sound intervals (`analyze.week.intervals.prepare_intervals` without the flagged ones). Those of the period are
        looked at; all of them for the energy use intensity, which needs a year. Of a main that exports those of the
        nights (`show_load`).
    floor_area_m2
        Of the site [m²]; None where it is not known.
    site_kwh
        What the site used in the period, as the report's total has it [kWh]; None takes
        the sound intervals of the root meters.

    valid
        All valid intervals, where `clean` lacks some of them; of a main the import counts.
    clean_now
        The period's rows of `clean`, where they are cut already.

    Returns
    -------
    dict
        `channels`, one entry per meter of use, and `energyUseIntensity`. What cannot be told is
        ``{"status": "insufficient_data", "code", "missing", "possibleFrom"}``.

    Notes
    -----
    - base load [kW]: the median over local days of the day's lowest power; a day counts when nine tenths of it are
      there. Behind solar panels it is that of the nights. Below `load_facts.min_days` such days it is not told.
    - load factor: mean over peak of the interval power (IEC 60050, 691-10-02).
    - peak to base: peak over base load; None where the base load is 0.
    - load duration: the power that is reached or exceeded for p percent of the measured time.
    - near-peak hours: the time at `near_peak_ratio` of the peak or above [h].
    """
    shown = take_window(clean if clean_now is None else clean_now, scope.period)
    names = channel_names(using_meters(scope.meters))
    rows = shown
    if valid is not None:
        rows = _imported(shown if len(valid) == len(clean) else take_window(valid, scope.period), scope)
    lows = _daily_lows(shown, scope)
    rows_of, lows_of = split_columns(rows), split_columns(lows)
    return {
        "channels": [
            {
                "channelId": channel_id,
                "channelName": name,
                **_facts(rows_of.get(channel_id, {}), lows_of.get(channel_id, {}).get("low_kw", np.empty(0)), scope),
            }
            for channel_id, name in names.items()
        ],
        "energyUseIntensity": _energy_use_intensity(clean, scope, floor_area_m2, site_kwh),
    }


def _facts(rows: Columns, lows_kw: npt.NDArray[np.float64], scope: WeekScope) -> dict[str, Any]:
    needed = scope.config.load_facts.min_days
    if len(lows_kw) < needed:
        later = day_after(scope.period.end, needed - len(lows_kw), scope.tz)
        missing = f"{needed} nearly full days of sound readings in the period; there are {len(lows_kw)}"
        return insufficient("too_few_days", missing, later)
    power_kw, hours = rows["mean_kw"], rows["hours"]
    peak, base_kw = int(np.argmax(power_kw)), float(np.median(lows_kw))
    peak_kw, mean_kw = float(power_kw[peak]), float(np.average(power_kw, weights=hours))
    near_peak = (power_kw >= scope.config.load_facts.near_peak_ratio * peak_kw) & (power_kw > 0)
    return {
        "status": "ok",
        "daysAssessed": len(lows_kw),
        "baseLoadKw": round(base_kw, 3),
        "meanKw": round(mean_kw, 3),
        "peakKw": round(peak_kw, 3),
        "peakAt": iso_of_seconds(rows["epoch_s"][[peak]], scope.tz)[0],
        "loadFactor": round(mean_kw / peak_kw, 3) if peak_kw >= _LEAST_POWER_KW else None,
        "peakToBase": round(peak_kw / base_kw, 2) if base_kw >= _LEAST_POWER_KW else None,
        "baseLoadSharePct": round(100 * base_kw / mean_kw, 1) if mean_kw >= _LEAST_POWER_KW else None,
        "nearPeakHours": round(float(hours[near_peak].sum()), 2),
        "loadDuration": [
            {"timePct": pct, "powerKw": round(value, 3)}
            for pct, value in zip(_DURATION_PCTS, _load_duration_kw(power_kw, hours), strict=True)
        ],
    }


def _imported(rows: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    power_kw = rows["mean_kw"].to_numpy()
    is_main = np.isin(rows["channel_id"].to_numpy(), channels_of(scope.meters, ChannelKind.MAIN))
    return rows.assign(mean_kw=np.where(is_main, np.maximum(power_kw, 0.0), power_kw)) if is_main.any() else rows


def _daily_lows(rows: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return `channel_id` and `low_kw`, the lowest power, of each nearly full local day, or night, [kW]."""
    channel, day = rows["channel_id"].to_numpy(), rows["local_time"].to_numpy().astype("datetime64[D]")
    is_first = np.ones(len(rows), dtype=bool)  # of its day: rows are by channel and time
    is_first[1:] = (channel[1:] != channel[:-1]) | (day[1:] != day[:-1])
    first = np.flatnonzero(is_first)
    low_kw = np.minimum.reduceat(rows["mean_kw"].to_numpy(), first)
    hours = np.add.reduceat(rows["hours"].to_numpy(), first)
    ids, place = np.unique(channel[first], return_inverse=True)
    longest_h = np.full(ids.size, 24.0)
    of_main = np.isin(ids, channels_of(scope.meters, ChannelKind.MAIN))[place]  # of one that exports, the night
    longest_h[place[of_main]] = 0.0
    np.maximum.at(longest_h, place[of_main], hours[of_main])
    is_full = hours >= _FULL_DAY_RATIO * longest_h[place]
    return pd.DataFrame({"channel_id": channel[first][is_full], "low_kw": low_kw[is_full], "hours": hours[is_full]})


def _load_duration_kw(power_kw: npt.NDArray[np.float64], hours: npt.NDArray[np.float64]) -> list[float]:
    """Return the power reached or exceeded for each of `_DURATION_PCTS` of the time [kW]."""
    order = np.argsort(-power_kw, kind="stable")
    covered_pct = 100 * np.cumsum(hours[order]) / hours.sum()
    index = np.searchsorted(covered_pct, np.array(_DURATION_PCTS) - 1e-9)
    return [float(value) for value in power_kw[order][np.minimum(index, power_kw.size - 1)]]


def _energy_use_intensity(
    clean: pd.DataFrame, scope: WeekScope, floor_area_m2: float | None, site_kwh: float | None
) -> dict[str, Any]:
    """Return kWh per m² of the period and, from a whole year of sound readings, per m² and year.

    The root meters' energy in the year that ends with the period, scaled up for what is missing of it.
    """
    if not floor_area_m2 or floor_area_m2 <= 0:
        return insufficient("no_floor_area", "the floor area of the site, in m²", None)
    reporting = channels_within(clean, scope.period)
    if not reporting:
        return insufficient("no_readings", "sound readings in the period", None)
    roots = {root for root in root_of_channels(scope.meters, reporting).values() if root in reporting}
    rows = clean[clean["channel_id"].isin(roots)]
    sound_kwh = float(rows.loc[in_window(rows, scope.period), "used_kwh"].sum())
    period_kwh = sound_kwh if site_kwh is None else site_kwh
    return {
        "status": "ok",
        "floorAreaM2": floor_area_m2,
        "periodKwhPerM2": round(period_kwh / floor_area_m2, 4),
        "annual": _annual_intensity(rows, len(roots), scope, floor_area_m2),
    }


def _annual_intensity(rows: pd.DataFrame, roots: int, scope: WeekScope, floor_area_m2: float) -> dict[str, Any]:
    facts, end = scope.config.load_facts, scope.period.end
    start = end - timedelta(days=facts.eui_min_history_days)
    year = rows[rows["epoch_s"].between(start.timestamp(), end.timestamp(), inclusive="left")]
    pct = 100 * year["hours"].sum() / (24 * facts.eui_min_history_days * roots)
    if pct < facts.eui_min_completeness_pct:
        first = pd.Timestamp(int(year["epoch_s"].min()), unit="s", tz="UTC")
        possible = (first + pd.Timedelta(days=facts.eui_min_history_days)).tz_convert(scope.tz).date().isoformat()
        missing = f"{facts.eui_min_completeness_pct:.0f} % of {facts.eui_min_history_days} days; there are {pct:.1f} %"
        return insufficient("short_history", missing, possible)
    annual_kwh = float(year["used_kwh"].sum()) / (pct / 100) * _DAYS_PER_YEAR / facts.eui_min_history_days
    return {"status": "ok", "kwhPerM2": round(annual_kwh / floor_area_m2, 2), "completenessPct": round(float(pct), 1)}
