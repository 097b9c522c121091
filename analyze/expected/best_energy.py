"""The best that is known of each meter's energy, interval by interval: as metered, or as it should have been. Pure.

Totals, costs, peaks, charts and comparisons read this one frame, so that none of them rests on a reading which the same
report calls wrong, and all agree. A reading that is right stands as it is. One whose fault is known is corrected. Any
other, and one that was never received, is replaced by what like days draw. Where nothing tells, it stays unknown, and a
sum over it is a lower bound.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.lookup import Expected, expected_at
from analyze.expected.model import Expectation
from analyze.meters.channel_kinds import channels_of
from analyze.meters.meter_faults import find_unit_factors
from analyze.meters.meter_tree import find_roots, parents_of
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    energy_meters,
    epoch_seconds,
    number_channels,
    starts_within,
    take_channels,
    take_window,
)
from config.site_file import ChannelKind
from lib.date_utils import add_local_time
from lib.stats_utils import sum_by_place, with_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MIN_VALID_RATIO = 0.5  # of the period or of the baseline: a meter of which less is valid is not estimated
_COLUMNS = [
    "channel_id", "interval_start", "interval_s", "hours", "epoch_s", "local_time", "local_hour", "local_weekday",
    "hour_of_week",
]  # fmt: skip
_REGISTERS = ("exported_kwh", "peak_kw")  # of sites that have them (`analyze.meters.registers`)


class Source(IntEnum):
    """Where the energy of an interval comes from."""

    METERED = 0
    CORRECTED = 1  # by the unit's factor, or from the power beside it
    CAUGHT_UP = 2  # metered in one sum over several intervals, and spread over them
    EXPECTED = 3  # what like days draw
    AT_LEAST = 4  # a lower bound: what the sub-meters metered, or a reading below all that the meter ever showed
    UNKNOWN = 5


class BestEnergy(NamedTuple):
    """The energy of the intervals of all energy meters, by channel and time, of baseline and period.

    `rows` has what places an interval in time, and:

    - `kwh`: the best estimate; negative where a main exports, NaN where nothing is known;
    - `low_kwh`, `high_kwh`: what it was at least, and at most;
    - `source`: see `Source`;
    - `exported_kwh` and `peak_kw`, only where a meter of the site tells them: what was fed back, and the highest power;
    - `expected_kwh`, `expected_low_kwh`, `expected_high_kwh`: the model's expectation with its band, `usual_kwh` the
      mean that sums are made of; NaN without a basis.
    """

    rows: pd.DataFrame

    @property
    def is_valid(self) -> pd.Series:
        """Whether a row is as metered, or metered and corrected."""
        return self.rows["source"] <= Source.CAUGHT_UP

    def of_period(self, scope: WeekScope) -> BestEnergy:
        """Return the intervals of the period."""
        return BestEnergy(take_window(self.rows, scope.period))

    def of_channels(self, ids: list[int]) -> BestEnergy:
        """Return the intervals of these meters."""
        return BestEnergy(take_channels(self.rows, ids))


def imported_kwh(rows: pd.DataFrame, column: str = "kwh") -> Floats:
    """Return the energy that each interval imported, by one of the columns of `BestEnergy.rows` [kWh].

    An interval may import and export: where export has a register of its own, only what is net is in `column`.
    """
    net = rows[column].to_numpy(dtype=float)
    imported = np.maximum(net, 0.0)
    if "exported_kwh" not in rows:
        return imported
    exported = rows["exported_kwh"].to_numpy(dtype=float)
    return imported + np.where(exported > 0, np.maximum(exported + np.minimum(net, 0.0), 0.0), 0.0)


def find_best_energy(
    intervals: pd.DataFrame, bad: pd.DataFrame, expectation: Expectation, scope: WeekScope
) -> BestEnergy:
    """Return the best energy of every interval that a meter brought, or should have.

    Parameters
    ----------
    intervals, bad
        All intervals of baseline and period, and their flags (`find_bad_intervals`).
    expectation
        Of the valid ones (`expect_load`).

    Notes
    -----
    - An interval after a hole that brought the energy of all of it is spread over hole and interval, as they usually
      share it.
    - A doubled hour of a clock change holds the right sum, and is spread over both hours.
    - A meter that stands still at a level below all that it ever showed may not be frozen: the load may have failed.
      Its readings then are a lower bound.
    - A meter is due from its first reading to its removal, or to the period's end.
    - Intervals of which nothing is known hold what the sub-meters metered meanwhile, where their main speaks for its
      branch else (`find_roots`).
    """
    kwh, source = _read(intervals, bad)
    holes = _list_holes(intervals, bad, source, scope)
    rows = intervals[[*_COLUMNS, *(name for name in _REGISTERS if name in intervals)]].reset_index(drop=True)
    caught = _group_caught_up(intervals, bad, holes)
    if len(holes):
        rows = pd.concat([rows, holes[_COLUMNS]], ignore_index=True)
        order = np.lexsort((rows["epoch_s"].to_numpy(), rows["channel_id"].to_numpy()))
        rows = rows.iloc[order].reset_index(drop=True)
        hole_source = np.where(holes["group"] >= 0, Source.CAUGHT_UP, Source.EXPECTED)
        kwh, source, caught = (
            np.concatenate(pair)[order]
            for pair in ((kwh, np.full(len(holes), np.nan)), (source, hole_source), (caught, holes["group"].to_numpy()))
        )
    expected = expected_at(expectation, rows)
    source = _give_up(rows, source, kwh, expected, scope)
    best = _fill(rows, kwh, source, caught, expected, scope)
    if "exported_kwh" in best:  # an estimate is net, and tells nothing of both ways
        best["exported_kwh"] = best["exported_kwh"].where(source == Source.METERED, 0.0).fillna(0.0)
    return BestEnergy(_fill_from_below(best, scope) if (source == Source.UNKNOWN).any() else best)


def _read(intervals: pd.DataFrame, bad: pd.DataFrame) -> tuple[Floats, Ints]:
    """Return the energy that each interval brought, corrected where its fault is known, and its source."""
    energy_kwh, power_kw = (intervals[name].to_numpy(dtype=float) for name in ("energy_kwh", "power_kw"))
    by_power_kwh = power_kw * intervals["hours"].to_numpy()
    nowhere = np.zeros(len(intervals), dtype=bool)
    flags = {name: bad[name].to_numpy() for name in bad.columns}
    count = sum(flags.values(), np.zeros(len(intervals), dtype=np.int64))

    def only(name: str) -> Flags:
        return flags.get(name, nowhere) & (count == 1)

    kwh = np.where(np.isnan(energy_kwh), by_power_kwh, energy_kwh)
    source = np.where(np.isnan(energy_kwh), Source.CORRECTED, Source.METERED)
    source = np.where(count > 0, Source.EXPECTED, source)
    source[only("clock_change") | only("catch_up")] = Source.CAUGHT_UP
    by_power = only("register") | only("register_jump") | (only("negative_energy") & (by_power_kwh >= 0))
    by_power &= ~np.isnan(by_power_kwh)
    kwh, source = np.where(by_power, by_power_kwh, kwh), np.where(by_power, Source.CORRECTED, source)
    scaled = only("wrong_unit")
    if scaled.any():
        factor = 10.0 ** find_unit_factors(intervals).to_numpy(dtype=float)
        scaled &= factor != 1
        kwh, source = np.where(scaled, kwh / factor, kwh), np.where(scaled, Source.CORRECTED, source)
    return kwh, source.astype(np.int64)


def _list_holes(intervals: pd.DataFrame, bad: pd.DataFrame, source: Ints, scope: WeekScope) -> pd.DataFrame:
    """Return the intervals that were due and never came; `group` is the row that caught up on them, or -1."""
    channel, start = intervals["channel_id"].to_numpy(), intervals["epoch_s"].to_numpy(dtype="int64")
    length = intervals["interval_s"].to_numpy(dtype="int64")
    end = start + length
    is_last = np.append(channel[1:] != channel[:-1], True)[: channel.size]
    until = np.where(is_last, _due_until(channel, scope), np.append(start[1:], 0)[: start.size])
    count = np.maximum((until - end) // np.maximum(length, 1), 0)
    caught = np.append(source[1:] == Source.CAUGHT_UP, False)[: start.size] & ~is_last
    group = np.where(caught, np.arange(start.size) + 1, -1)
    doubled = _clock_groups(intervals, bad)  # the second pass of a doubled hour is counted in the first
    group = np.where((doubled >= 0) & (until - end <= SECONDS_PER_HOUR), doubled, group)
    row = np.repeat(np.arange(start.size), count)
    nth = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    epoch_s = end[row] + nth * length[row]
    frame = pd.DataFrame(
        {
            "channel_id": channel[row],
            "interval_start": pd.to_datetime(epoch_s, unit="s", utc=True),
            "interval_s": length[row],
            "hours": length[row] / SECONDS_PER_HOUR,
            "epoch_s": epoch_s,
            "group": group[row],
        }
    )
    return add_local_time(frame, scope.tz)


def _due_until(channel: Ints, scope: WeekScope) -> Ints:
    """Return when the last reading of each row's channel was due to end [seconds since 1970]."""
    meters, end_s = energy_meters(scope.meters), scope.period.end.timestamp()
    removed = np.nan_to_num(epoch_seconds(meters["uninstalled_at"]), nan=end_s) if "uninstalled_at" in meters else end_s
    due = dict(zip(meters["channel_id"].astype(int), np.minimum(removed, end_s) + np.zeros(len(meters)), strict=True))
    ids, place = np.unique(channel, return_inverse=True)
    return np.array([int(due.get(int(key), end_s)) for key in ids], dtype="int64")[place] if ids.size else channel


def _clock_groups(intervals: pd.DataFrame, bad: pd.DataFrame) -> Ints:
    """Return for each interval of a doubled hour the first row of both passes, or -1."""
    if "clock_change" not in bad:
        return np.full(len(intervals), -1, dtype=np.int64)
    channel, doubled = intervals["channel_id"].to_numpy(), bad["clock_change"].to_numpy()
    before = np.concatenate([[False], doubled[:-1] & (channel[1:] == channel[:-1])])
    first = np.maximum.accumulate(np.where(doubled & ~before, np.arange(channel.size), 0))
    return np.where(doubled, first, -1)


def _group_caught_up(intervals: pd.DataFrame, bad: pd.DataFrame, holes: pd.DataFrame) -> Ints:
    """Return for each interval the group of intervals whose energy came in one sum, or -1."""
    group = _clock_groups(intervals, bad)
    with_hole = np.unique(holes["group"].to_numpy()[holes["group"].to_numpy() >= 0])
    group[with_hole] = with_hole  # the row that a hole's group is named after holds its energy
    return group


def _give_up(rows: pd.DataFrame, source: Ints, kwh: Floats, expected: Expected, scope: WeekScope) -> Ints:
    """Return `source` with UNKNOWN where an interval has no basis, or its meter too few valid intervals.

    AT_LEAST where it has a reading that lies below all that the meter ever showed (energies of holes are NaN).
    """
    doubtful = source == Source.EXPECTED
    if not doubtful.any():
        return source
    code, ids = number_channels(rows)
    valid, hours = source <= Source.CAUGHT_UP, rows["hours"].to_numpy()
    lowest = np.full(len(ids), np.inf)
    with np.errstate(invalid="ignore"):
        np.minimum.at(lowest, code[valid], (kwh / hours)[valid])
        is_low = doubtful & (kwh > 0) & (kwh / hours < lowest[code])
    is_poor = np.zeros(len(rows), dtype=bool)
    period = starts_within(rows, scope.period)
    for part in (period, ~period):
        due = sum_by_place(code[part], hours[part], len(ids))
        known = sum_by_place(code[part & valid], hours[part & valid], len(ids))
        is_poor |= part & (known < MIN_VALID_RATIO * due)[code]
    source = np.where(doubtful & (is_poor | np.isnan(expected.usual_kw)), Source.UNKNOWN, source)
    return np.where(is_low, Source.AT_LEAST, source)


def _fill(
    rows: pd.DataFrame, kwh: Floats, source: Ints, caught: Ints, expected: Expected, scope: WeekScope
) -> pd.DataFrame:
    hours = rows["hours"].to_numpy()
    both_ways = (ChannelKind.MAIN, ChannelKind.GENERATION, ChannelKind.STORAGE)
    may_export = rows["channel_id"].isin(channels_of(scope.meters, *both_ways)).to_numpy()
    floor = np.where(may_export, -np.inf, 0.0)
    by_model = {name: np.maximum(kw * hours, floor) for name, kw in expected._asdict().items()}
    kwh = _spread(kwh, source, caught, by_model["usual_kw"], hours)
    usual, low, high = by_model["usual_kw"], by_model["low_kw"], by_model["high_kw"]
    is_expected, is_unknown, is_spread, is_low = (
        source == kind for kind in (Source.EXPECTED, Source.UNKNOWN, Source.CAUGHT_UP, Source.AT_LEAST)
    )
    kwh = np.where(is_expected, usual, np.where(is_unknown, np.nan, kwh))
    least = np.where(is_spread, np.fmin(np.nan_to_num(low), kwh), np.where(is_expected, np.fmin(low, kwh), kwh))
    most = np.where(is_spread | is_expected | is_low, np.where(np.isnan(high), np.inf, np.fmax(high, kwh)), kwh)
    return with_columns(
        rows,
        {
            "kwh": kwh,
            "low_kwh": np.where(is_unknown, np.where(may_export, -np.inf, 0.0), least),
            "high_kwh": np.where(is_unknown, np.inf, most),
            "source": source,
            "expected_kwh": by_model["expected_kw"],
            "expected_low_kwh": low,
            "expected_high_kwh": high,
            "usual_kwh": usual,
        },
    )


def _spread(kwh: Floats, source: Ints, caught: Ints, usual_kwh: Floats, hours: Floats) -> Floats:
    """Return `kwh` with the energy of a hole spread over it, as it is usually shared, else evenly."""
    member = np.flatnonzero(caught >= 0)
    if not member.size:
        return kwh
    _, group = np.unique(caught[member], return_inverse=True)
    total = np.bincount(group, weights=np.nan_to_num(kwh[member]))
    by_usual, by_time = np.bincount(group, weights=usual_kwh[member]), np.bincount(group, weights=hours[member])
    has_usual = (by_usual > 0)[group]  # NaN is not
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(has_usual, usual_kwh[member] / by_usual[group], hours[member] / by_time[group])
    spread = kwh.copy()
    spread[member] = total[group] * share
    return spread


def _valid_period(best: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    return best[(best["source"] <= Source.CAUGHT_UP) & starts_within(best, scope.period)]


def _fill_from_below(best: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return `best` with what the sub-meters metered in the intervals that nothing is known of their main."""
    parents, roots = parents_of(scope.meters), find_roots(_valid_period(best, scope), scope.meters)
    channel, source = best["channel_id"].to_numpy(), best["source"].to_numpy()
    kwh, low, epoch_s = best["kwh"].to_numpy().copy(), best["low_kwh"].to_numpy().copy(), best["epoch_s"].to_numpy()
    source = source.copy()
    for main in sorted(set(parents.values()) & roots):
        own = np.flatnonzero((channel == main) & (source == Source.UNKNOWN))
        below = np.isin(channel, [key for key, parent in parents.items() if parent == main])
        below &= source <= Source.CAUGHT_UP
        if not own.size or not below.any():
            continue
        steps, place = np.unique(epoch_s[below], return_inverse=True)
        sums = np.bincount(place, weights=kwh[below])
        at = np.searchsorted(steps, epoch_s[own])
        at[at == steps.size] = 0
        found = steps[at] == epoch_s[own]
        kwh[own[found]] = low[own[found]] = np.maximum(sums[at[found]], 0.0)
        source[own[found]] = Source.AT_LEAST
    return best.assign(kwh=kwh, low_kwh=low, source=source)
