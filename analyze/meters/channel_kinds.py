"""What each channel measures: a load, generation, storage, or a meter that tells import and export. Pure.

The site's file names it. Where it does not, the plain cases are told from the readings: power that follows the sun, and
a sign that changes within days. Whatever is not plain stays a load.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analyze.week.intervals import energy_meters, number_channels
from config.site_file import ChannelKind, SiteChannel
from lib.energy_flows import LEAST_KW, NOTHING_RATIO, find_flows

_SHOULDER_H = 2  # the sun shines before a meter exports
_NO_USE = (ChannelKind.GENERATION, ChannelKind.STORAGE, ChannelKind.SENSOR)


def kinds_of(meters: pd.DataFrame) -> dict[int, ChannelKind]:
    """Return the kind of each channel; a load where nothing is said."""
    ids = meters["channel_id"].astype(int).tolist()
    if "kind" not in meters:
        return dict.fromkeys(ids, ChannelKind.LOAD)
    named = zip(ids, meters["kind"].tolist(), strict=True)
    return {key: ChannelKind.LOAD if pd.isna(kind) else ChannelKind(kind) for key, kind in named}


def using_meters(meters: pd.DataFrame) -> pd.DataFrame:
    """Return the energy meters that measure what is used: no generation, no storage."""
    energy = energy_meters(meters)
    # A site has a few dozen meters and is asked for them often: plain values are quicker than a column of text.
    is_using = [kind not in _NO_USE for kind in energy["kind"].tolist()] if "kind" in energy else [True]
    return energy if all(is_using) else energy[is_using].reset_index(drop=True)


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
    place, ids = number_channels(intervals)
    hour = intervals["local_time"].to_numpy().astype("datetime64[h]").astype("int64")
    flows = find_flows(place, len(ids), hour, intervals["mean_kw"].to_numpy(), intervals["hours"].to_numpy())
    has_parent = dict(zip(meters["channel_id"].astype(int), meters["parent_channel_id"].notna(), strict=True))
    kinds: dict[int, ChannelKind] = {}
    for number, key in enumerate(ids.tolist()):
        if flows.follows_sun[number]:
            kinds[key] = ChannelKind.GENERATION
        elif flows.goes_both_ways[number]:
            is_storage = has_parent.get(key, False) and not flows.exports_by_midday[number]
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
        exports = own & (kw < -np.maximum(NOTHING_RATIO * np.quantile(np.abs(kw[own]), 0.95), LEAST_KW))
        if exports.any():
            sunny = hour[exports]
            keep &= ~(own & (hour >= sunny.min() - _SHOULDER_H) & (hour <= sunny.max() + _SHOULDER_H))
    return rows if keep.all() else rows[keep]
