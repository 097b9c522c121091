"""What each channel measures: a load, generation, storage, or a meter that tells import and export. Pure.

The site's file names it. Where it does not, the plain cases are told from the readings: power that follows the sun, and
a sign that changes within days. Whatever is not plain stays a load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import energy_meters, number_channels
from config.site_file import ChannelKind, SiteChannel
from lib.stats_utils import grouped_quantiles, sum_by_place

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOURS_PER_DAY = 24
SECONDS_PER_DAY = 86_400
_NOTHING_RATIO = 0.02  # of the channel's p95: below it nothing flows
_LEAST_KW = 0.01
_BOTH_SIGNS_H = 0.5  # of either sign in a day
_BOTH_SIGNS_DAYS = 3  # a meter that was turned round has one such day
_MIDDAY_H = (8, 17)
_SHOULDER_H = 2  # the sun shines before a meter exports
_BY_MIDDAY = 0.7  # of the negative time: it is the sun's
_MIN_SUN_DAYS = 7
_WHOLE_DAY_H = 20
_SUN_EVERY_DAY = 0.95  # of the days
_DARK_DAY_RATIO = 0.02  # of the fullest day: less, and the sun did not shine on that day
_SUN_SPAN_H = (6, 18)
_SUN_NOON_H = (10.0, 15.0)
_SUN_MISFIT = 0.12  # mean distance from a half sine of its height; a rectangle is 0.36 off
_WEEKEND_RATIO = (0.5, 2.0)  # the sun knows no weekend
_SATURDAY = 5
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


_NO_USE = (ChannelKind.GENERATION, ChannelKind.STORAGE, ChannelKind.SENSOR)


class _Days(NamedTuple):
    """Hours above and below zero of each channel and day (C, D), and the mean power by hour (C, D, 24) [kW]."""

    first: int
    positive_h: Floats
    negative_h: Floats
    midday_negative_h: Floats
    hourly_kw: Floats
    ids: npt.NDArray[np.int64]


def kinds_of(meters: pd.DataFrame) -> dict[int, ChannelKind]:
    """Return the kind of each channel; a load where nothing is said."""
    if "kind" not in meters:
        return dict.fromkeys(meters["channel_id"].astype(int).tolist(), ChannelKind.LOAD)
    named = zip(meters["channel_id"].astype(int), meters["kind"], strict=True)
    return {key: ChannelKind.LOAD if pd.isna(kind) else ChannelKind(kind) for key, kind in named}


def using_meters(meters: pd.DataFrame) -> pd.DataFrame:
    """Return the energy meters that measure what is used: no generation, no storage."""
    energy = energy_meters(meters)
    if "kind" not in energy or not (no_use := energy["kind"].isin(_NO_USE).to_numpy()).any():
        return energy
    return energy[~no_use].reset_index(drop=True)


def channels_of(meters: pd.DataFrame, *kinds: ChannelKind) -> list[int]:
    """Return the ids of the channels of these kinds, in order."""
    return sorted(key for key, kind in kinds_of(meters).items() if kind in kinds)


def name_kinds(meters: pd.DataFrame, channels: Mapping[int, SiteChannel]) -> pd.DataFrame:
    """Return `meters` with what the site's file says of each.

    `kind`, missing where it says none; `must_run`; `parent_channel_id` where it says one, or none; `is_energy_meter`
    False for what it calls a sensor.
    """
    kinds = {key: channel.facts.kind for key, channel in channels.items()}
    needed = {key for key, channel in channels.items() if channel.facts.must_run}
    sensors = {key for key, kind in kinds.items() if kind == ChannelKind.SENSOR}
    parents = {key: channel.parent_id for key, channel in channels.items() if channel.facts.parent is not None}
    channel = meters["channel_id"].astype(int)
    return meters.assign(
        parent_channel_id=meters["parent_channel_id"].where(
            ~channel.isin(list(parents)), channel.map(parents).astype("Int64")
        ),
        kind=[kinds.get(key) for key in channel],
        must_run=channel.isin(needed),
        is_energy_meter=meters["is_energy_meter"] & ~channel.isin(sensors),
    )


def settle_kinds(meters: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """Return `meters` with a `kind` for every channel, and whether its site's file names it (`is_kind_named`).

    Parameters
    ----------
    meters
        With `kind` where the file names one, missing elsewhere; the column may be absent. What was settled before
        stays.
    intervals
        Of baseline and period (`prepare_intervals`).
    """
    if "is_kind_named" in meters:
        return meters
    named = meters["kind"] if "kind" in meters else pd.Series(None, index=meters.index, dtype=object)
    is_named = named.notna()
    found = {} if is_named.all() else detect_kinds(intervals, meters)
    seen = meters["channel_id"].map(lambda channel_id: found.get(channel_id, ChannelKind.LOAD))
    return meters.assign(kind=named.where(is_named, seen).astype(str), is_kind_named=is_named)


def detect_kinds(intervals: pd.DataFrame, meters: pd.DataFrame) -> dict[int, ChannelKind]:
    """Return the channels that are plainly something else than a load.

    Notes
    -----
    - Power of one sign that is nothing by night, rises and falls as a half sine by day, and does so on weekends as on
      weekdays, is generation, whatever its sign.
    - A meter that shows both signs, half an hour or more of each, on three days or more, tells import and export:
      a main. Beneath another meter, and not about noon, it is a storage.
    """
    if intervals.empty:
        return {}
    days = _sum_days(intervals)
    has_parent = dict(zip(meters["channel_id"].astype(int), meters["parent_channel_id"].notna(), strict=True))
    both = ((days.positive_h >= _BOTH_SIGNS_H) & (days.negative_h >= _BOTH_SIGNS_H)).sum(axis=1) >= _BOTH_SIGNS_DAYS
    negative_h = days.negative_h.sum(axis=1)
    by_midday = days.midday_negative_h.sum(axis=1) >= _BY_MIDDAY * negative_h
    one_sign = (negative_h == 0) | (days.positive_h.sum(axis=1) == 0)
    sun = one_sign & _follows_sun(days)
    kinds: dict[int, ChannelKind] = {}
    for place, key in enumerate(days.ids.tolist()):
        if sun[place]:
            kinds[key] = ChannelKind.GENERATION
        elif both[place]:
            is_storage = has_parent.get(key, False) and not by_midday[place]
            kinds[key] = ChannelKind.STORAGE if is_storage else ChannelKind.MAIN
    return kinds


def allow_export(bad: pd.DataFrame, intervals: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return the flags of bad intervals without negative energy that its own power, or register of export, confirms.

    Parameters
    ----------
    bad
        As `find_bad_intervals` gives them.
    """
    may_export = channels_of(meters, ChannelKind.MAIN, ChannelKind.GENERATION, ChannelKind.STORAGE)
    if not bad["negative_energy"].any() or not (may_export or "exported_kwh" in intervals):
        return bad
    is_export = intervals["channel_id"].isin(may_export) & (intervals["mean_kw"] < 0)
    if "exported_kwh" in intervals:
        is_export |= intervals["exported_kwh"] > 0
    return bad.assign(negative_energy=bad["negative_energy"] & ~is_export)


def find_resets(intervals: pd.DataFrame, meters: pd.DataFrame) -> pd.Series:
    """Return the intervals of negative energy that are no export (`allow_export`)."""
    negative = pd.DataFrame({"negative_energy": intervals["energy_kwh"] < 0}, index=intervals.index)
    return allow_export(negative, intervals, meters)["negative_energy"]


def show_load(valid: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return the intervals that show what is used, and nothing else; `valid` itself where it is all of them.

    Parameters
    ----------
    valid
        By channel and time (`prepare_intervals`), without the bad ones.

    Notes
    -----
    Generation and storage show no use. The main that they hang below, or the site's only one, is taken with what they
    generate and without what they store, where these are valid too. A main that still exports then shows its load by
    night only: the hours from `_SHOULDER_H` before the earliest of the day at which it ever exported to as long after
    the latest are left out.
    """
    others = channels_of(meters, *_NO_USE)
    is_other = valid["channel_id"].isin(others).to_numpy()
    rows = valid[~is_other] if is_other.any() else valid
    for main, below in _owners(meters, valid[is_other]).items():
        rows = _without_others(rows, main, valid[is_other & valid["channel_id"].isin(below).to_numpy()], meters)
    return _nights_of_exporters(rows, meters)


def _owners(meters: pd.DataFrame, others: pd.DataFrame) -> dict[int, list[int]]:
    """Return by main the generation and storage that pass through it, of those that have readings."""
    named = zip(meters["channel_id"].astype(int), meters["parent_channel_id"], strict=True)
    parents = {key: int(parent) for key, parent in named if not pd.isna(parent)}
    using, kinds = using_meters(meters), kinds_of(meters)
    tops = [key for key in using["channel_id"].astype(int) if key not in parents]
    mains = [key for key in tops if kinds[key] == ChannelKind.MAIN]
    owners: dict[int, list[int]] = {}
    for key in sorted({int(key) for key in others["channel_id"].unique()}):
        above: list[int] = []
        parent = parents.get(key, mains[0] if len(mains) == 1 else None)
        while parent is not None and parent not in above:
            above.append(parent)
            owners.setdefault(parent, []).append(key)
            parent = parents.get(parent)
    return owners


def _without_others(rows: pd.DataFrame, main: int, others: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with the main's without what storage takes, and with what generation brings; steps of all alone."""
    own = np.flatnonzero(rows["channel_id"].to_numpy() == main)
    if not own.size:
        return rows
    generation = channels_of(meters, ChannelKind.GENERATION)
    keys = pd.MultiIndex.from_frame(rows.iloc[own][["epoch_s", "interval_s"]])
    change_kw, known = np.zeros(own.size), np.ones(own.size, dtype=bool)
    for key, part in others.groupby("channel_id"):
        kw = part.set_index(["epoch_s", "interval_s"])["mean_kw"].reindex(keys).to_numpy()
        change_kw += np.where(np.isnan(kw), 0.0, np.abs(kw) if key in generation else -kw)
        known &= ~np.isnan(kw)
    change = np.zeros(len(rows))
    change[own] = change_kw
    hours, drop = rows["hours"].to_numpy(), np.zeros(len(rows), dtype=bool)
    drop[own[~known]] = True
    changed = rows.assign(
        mean_kw=rows["mean_kw"] + change,
        power_kw=rows["power_kw"] + change,
        energy_kwh=rows["energy_kwh"] + change * hours,
        used_kwh=rows["used_kwh"] + change * hours,
    )
    return changed[~drop]


def _nights_of_exporters(rows: pd.DataFrame, meters: pd.DataFrame) -> pd.DataFrame:
    channel, keep = rows["channel_id"].to_numpy(), np.ones(len(rows), dtype=bool)
    hour, kw = rows["local_hour"].to_numpy(), rows["mean_kw"].to_numpy()
    for key in channels_of(meters, ChannelKind.MAIN):
        own = channel == key
        if not own.any():
            continue
        exports = own & (kw < -np.maximum(_NOTHING_RATIO * np.quantile(np.abs(kw[own]), 0.95), _LEAST_KW))
        if exports.any():
            sunny = hour[exports]
            keep &= ~(own & (hour >= sunny.min() - _SHOULDER_H) & (hour <= sunny.max() + _SHOULDER_H))
    return rows if keep.all() else rows[keep]


def _sum_days(intervals: pd.DataFrame) -> _Days:
    code, ids = number_channels(intervals)
    hour = intervals["local_time"].to_numpy().astype("datetime64[h]").astype("int64")
    first = int(hour.min()) // HOURS_PER_DAY
    size = int(hour.max()) // HOURS_PER_DAY - first + 1
    kw, length_h = intervals["mean_kw"].to_numpy(), intervals["hours"].to_numpy()
    high_kw = grouped_quantiles(np.abs(kw), code, len(ids), [0.95])[0][:, 0]
    least_kw = np.maximum(_NOTHING_RATIO * high_kw, _LEAST_KW)[code]
    day = code * size + hour // HOURS_PER_DAY - first
    is_negative, of_day = kw < -least_kw, hour % HOURS_PER_DAY
    is_midday = (of_day >= _MIDDAY_H[0]) & (of_day < _MIDDAY_H[1])

    def hours(mask: Flags) -> Floats:
        return sum_by_place(day[mask], length_h[mask], len(ids) * size).reshape(len(ids), size)

    cell, cells, known = day * HOURS_PER_DAY + of_day, len(ids) * size * HOURS_PER_DAY, ~np.isnan(kw)
    count = np.bincount(cell[known], minlength=cells)
    total = sum_by_place(cell[known], kw[known], cells)
    hourly = np.divide(total, count, out=np.full(cells, np.nan), where=count > 0)
    return _Days(
        first,
        hours(kw > least_kw),
        hours(is_negative),
        hours(is_negative & is_midday),
        hourly.reshape(len(ids), size, HOURS_PER_DAY),
        ids,
    )


def _follows_sun(days: _Days) -> Flags:
    """Return the channels whose power is nothing by night and a half sine by day, on all days."""
    kw = np.abs(days.hourly_kw)
    whole = (~np.isnan(kw)).sum(axis=2) >= _WHOLE_DAY_H
    kw = np.where(whole[:, :, None], kw, np.nan)
    count = whole.sum(axis=1)
    sums = np.nansum(kw, axis=2)
    shines = whole & (sums > _DARK_DAY_RATIO * sums.max(axis=1, initial=0.0, keepdims=True))
    weekend = (days.first + np.arange(sums.shape[1]) + _EPOCH_WEEKDAY) % 7 >= _SATURDAY
    ratio = _mean_of(sums, whole & weekend) / np.maximum(_mean_of(sums, whole & ~weekend), 1e-12)
    candidate = (
        (count >= _MIN_SUN_DAYS)
        & (shines.sum(axis=1) >= _SUN_EVERY_DAY * count)
        & (ratio >= _WEEKEND_RATIO[0])
        & (ratio <= _WEEKEND_RATIO[1])
    )
    result = np.zeros(len(days.ids), dtype=bool)
    for place in np.flatnonzero(candidate):
        result[place] = _is_half_sine(np.nanmean(kw[place][whole[place]], axis=0))
    return result


def _mean_of(values: Floats, mask: Flags) -> Floats:
    return (values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def _is_half_sine(profile_kw: Floats) -> bool:
    """Return whether a mean day (24,) is nothing by night and a half sine by day."""
    peak_kw = np.nanmax(profile_kw, initial=0.0)
    light = np.flatnonzero(profile_kw > _NOTHING_RATIO * peak_kw)
    if peak_kw <= _LEAST_KW or not _SUN_SPAN_H[0] <= light.size <= _SUN_SPAN_H[1]:
        return False
    first, last = int(light[0]), int(light[-1])
    noon = float((profile_kw[light] * (light + 0.5)).sum() / profile_kw[light].sum())
    if last - first + 1 != light.size or not _SUN_NOON_H[0] <= noon <= _SUN_NOON_H[1]:
        return False
    sine = np.sin(np.pi * (np.arange(light.size) + 0.5) / light.size)
    height = float((sine * profile_kw[light]).sum() / (sine**2).sum())
    return float(np.mean(np.abs(profile_kw[light] / height - sine))) <= _SUN_MISFIT
