"""How much of a window each meter's readings cover. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.intervals import WeekScope, energy_meters, epoch_seconds
from lib.date_utils import Window


def channel_completeness(
    readings: pd.DataFrame, meters: pd.DataFrame, window: Window, *, since_installation: bool = True
) -> pd.DataFrame:
    """Return how much of `window` each energy meter's readings cover.

    Parameters
    ----------
    readings
        `channel_id`, `interval_start` (UTC), `interval_s` [s], `energy_kwh`, `power_kw`. A row without energy is
        missing, unless its channel measures power only.
    since_installation
        Count from the meter's installation to its removal, where they fall within the window (and from its first
        reading, if that is earlier than the date given). False counts the whole window.

    Returns
    -------
    pd.DataFrame
        `channel_id`, `expected_intervals`, `present_intervals` (whole numbers, in the meter's own interval) and
        `completeness_pct`, 0–100 or NaN where nothing was to be expected. A meter that never reported is measured by
        the site's usual interval.
    """
    energy = energy_meters(meters)
    ids = energy["channel_id"].to_numpy(dtype="int64")
    start_s, end_s = window.start.timestamp(), window.end.timestamp()
    # Prepared intervals bring the epoch along; converting half a hundred thousand time stamps again costs most of this.
    has_epoch = "epoch_s" in readings
    epoch_s = readings["epoch_s"].to_numpy(dtype=float) if has_epoch else epoch_seconds(readings["interval_start"])
    channel = readings["channel_id"].to_numpy(dtype="int64")
    keep = _has_value(readings, channel) & (epoch_s >= start_s) & (epoch_s < end_s) & np.isin(channel, ids)
    code = np.searchsorted(ids, channel[keep])
    length_s = readings["interval_s"].to_numpy(dtype=float)[keep]
    covered_s = np.bincount(code, weights=length_s, minlength=ids.size)

    opens, closes = np.full(ids.size, start_s), np.full(ids.size, end_s)
    if since_installation:
        first, last = np.full(ids.size, np.inf), np.full(ids.size, -np.inf)
        np.minimum.at(first, code, epoch_s[keep])
        np.maximum.at(last, code, epoch_s[keep] + length_s)
        opens = np.minimum(np.fmax(opens, epoch_seconds(energy["installed_at"])), first)
        closes = np.maximum(np.fmin(closes, epoch_seconds(energy["uninstalled_at"])), last)
    step_s = pd.to_numeric(energy["interval_s"]).astype("float64")
    step_s = step_s.fillna(step_s.median()).to_numpy()
    expected = np.nan_to_num(np.floor(np.clip(closes - opens, 0, None) / step_s))
    present = np.nan_to_num(np.round(covered_s / step_s))
    with np.errstate(divide="ignore", invalid="ignore"):
        pct = np.where(expected > 0, np.minimum(100.0, 100.0 * present / expected), np.nan)
    return pd.DataFrame(
        {
            "channel_id": ids,
            "expected_intervals": expected.astype("int64"),
            "present_intervals": present.astype("int64"),
            "completeness_pct": pct,
        }
    )


def _has_value(readings: pd.DataFrame, channel: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return True where a row has an energy, or a power on a channel that has no energy anywhere."""
    has_energy = readings["energy_kwh"].notna().to_numpy(dtype=bool)
    if has_energy.all():
        return has_energy
    is_power_only = ~np.isin(channel, np.unique(channel[has_energy]))
    return has_energy | (is_power_only & readings["power_kw"].notna().to_numpy(dtype=bool))


def assess_channels(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` how much of both whole windows is covered: `baseline_pct` and `period_pct`, 0–100."""
    windows = {"baseline_pct": scope.baseline, "period_pct": scope.period}
    parts = {
        name: channel_completeness(clean, scope.meters, window, since_installation=False)
        .set_index("channel_id")["completeness_pct"]
        .fillna(0.0)
        for name, window in windows.items()
    }
    return pd.DataFrame(parts)
