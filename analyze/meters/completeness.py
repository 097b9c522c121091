"""How much of a window each meter's readings cover. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import WeekScope, energy_meters, epoch_seconds, places_of
from lib.date_utils import Window

Floats = npt.NDArray[np.float64]

_LEAST_HISTORY_S = 7 * 86_400  # of other meters, from which on a meter without any before the window is a new one


class _Rows(NamedTuple):
    """Rows that hold a value: the place of their channel among the meters, their start and their length [s]."""

    place: npt.NDArray[np.int64]
    start_s: npt.NDArray[np.int64] | Floats
    length_s: npt.NDArray[np.int64]

    def within(self, window: Window) -> _Rows:
        """Return those that start within `window`."""
        inside = (self.start_s >= window.start.timestamp()) & (self.start_s < window.end.timestamp())
        return _Rows(self.place[inside], self.start_s[inside], self.length_s[inside])


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
        reading, if that is earlier than the date given, or where no date is known and the weeks before, of which others
        have readings, hold none of it). False counts the whole window.

    Returns
    -------
    pd.DataFrame
        `channel_id`, `expected_intervals`, `present_intervals` (whole numbers, in the meter's own interval) and
        `completeness_pct`, 0–100 or NaN where nothing was to be expected. A meter that never reported is measured by
        the site's usual interval.
    """
    energy = energy_meters(meters)
    known = _valued_rows(readings, energy)
    rows = known.within(window)
    opens, closes = (np.full(len(energy), moment.timestamp()) for moment in window)
    if since_installation:
        opens, closes = _presence(known, energy, window)
    expected, present, pct = _measure(rows, closes - opens, _step_s(energy))
    return pd.DataFrame(
        {
            "channel_id": energy["channel_id"].to_numpy(dtype="int64"),
            "expected_intervals": expected.astype("int64"),
            "present_intervals": present.astype("int64"),
            "completeness_pct": pct,
        }
    )


def presence_of(readings: pd.DataFrame, meters: pd.DataFrame, window: Window) -> tuple[Floats, Floats]:
    """Return from when to when within `window` each energy meter was there [s since 1970], as `meters` lists them."""
    energy = energy_meters(meters)
    return _presence(_valued_rows(readings, energy), energy, window)


def _presence(known: _Rows, energy: pd.DataFrame, window: Window) -> tuple[Floats, Floats]:
    rows = known.within(window)
    first, last = np.full(len(energy), np.inf), np.full(len(energy), -np.inf)
    begins_s = rows.start_s.astype(float)  # `ufunc.at` is ten times slower where it has to convert
    np.minimum.at(first, rows.place, begins_s)
    np.maximum.at(last, rows.place, begins_s + rows.length_s)
    installed_s, start_s = epoch_seconds(energy["installed_at"]), window.start.timestamp()
    is_before = known.start_s < start_s
    was_there = np.bincount(known.place[is_before], minlength=len(energy)) > 0
    looks_back = bool(is_before.any()) and start_s - float(known.start_s.min()) >= _LEAST_HISTORY_S
    is_new = looks_back & ~was_there & np.isnan(installed_s) & np.isfinite(first)
    opens = np.minimum(np.fmax(np.full(len(energy), start_s), installed_s), first)
    closes = np.fmin(np.full(len(energy), window.end.timestamp()), epoch_seconds(energy["uninstalled_at"]))
    return np.where(is_new, first, opens), np.maximum(closes, last)


def _step_s(energy: pd.DataFrame) -> Floats:
    """Return the interval of each meter [s]; the usual one of the site where it never reported."""
    step_s = energy["interval_s"].to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(step_s), np.nanmedian(step_s), step_s) if not np.isnan(step_s).all() else step_s


def _measure(rows: _Rows, length_s: Floats, step_s: Floats) -> tuple[Floats, ...]:
    """Return by meter the intervals due in `length_s` seconds, those that there are, and these in percent."""
    expected = np.nan_to_num(np.floor(np.clip(length_s, 0, None) / step_s))
    covered_s = np.bincount(rows.place, weights=rows.length_s, minlength=step_s.size)
    present = np.nan_to_num(np.round(covered_s / step_s))
    with np.errstate(divide="ignore", invalid="ignore"):
        pct = np.where(expected > 0, np.minimum(100.0, 100.0 * present / expected), np.nan)
    return expected, present, pct


def _valued_rows(readings: pd.DataFrame, energy: pd.DataFrame) -> _Rows:
    """Return the rows of energy meters with an energy, or with a power where the channel has no energy anywhere."""
    place = places_of(readings["channel_id"].to_numpy(dtype="int64"), energy["channel_id"].to_numpy(dtype="int64"))
    has_value = ~np.isnan(readings["energy_kwh"].to_numpy(dtype=float))
    if not has_value.all():
        of_channel = np.bincount(place[has_value] + 1, minlength=len(energy) + 1)[1:] > 0
        is_power_only = np.append(~of_channel, False)[place]
        has_value = has_value | (is_power_only & readings["power_kw"].notna().to_numpy(dtype=bool))
    # Prepared intervals bring the epoch along; converting half a hundred thousand time stamps again costs most of this.
    has_epoch = "epoch_s" in readings
    start_s = readings["epoch_s"].to_numpy() if has_epoch else epoch_seconds(readings["interval_start"])
    rows = _Rows(place, start_s, readings["interval_s"].to_numpy())
    keep = has_value & (place >= 0)
    return rows if keep.all() else _Rows(*(values[keep] for values in rows))


def assess_channels(clean: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` how much of both whole windows is covered: `baseline_pct` and `period_pct`, 0–100."""
    energy = energy_meters(scope.meters)
    rows, step_s = _valued_rows(clean, energy), _step_s(energy)
    covered = []
    for window in (scope.baseline, scope.period):
        length_s = np.full(len(energy), (window.end - window.start).total_seconds())
        covered.append(np.nan_to_num(_measure(rows.within(window), length_s, step_s)[2]))
    index = pd.Index(energy["channel_id"].to_numpy(dtype="int64"), name="channel_id")
    return pd.DataFrame(np.column_stack(covered), index=index, columns=["baseline_pct", "period_pct"])
