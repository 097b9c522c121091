"""What the analyses share: readings on local time, windows and unbroken runs.

Pure. An *interval* is one reading of an energy meter that has a value, labelled by its start in UTC; its length is the
row's own ``interval_s``. Zero is data, NaN and infinity are missing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load import schedules
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.site_file import IngestLimits
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH
from lib.date_utils import Window, add_local_time, days_before
from lib.stats_utils import with_columns

if TYPE_CHECKING:
    from config.thresholds import Thresholds

Columns = Mapping[str, npt.NDArray[Any]]  # of the same intervals, by name
Flags = npt.NDArray[np.bool_]

SECONDS_PER_HOUR = 3600
_MAX_SPAN_RATIO = 4  # steps from the first to the last reading for each reading, before sorting takes less room


class WeekScope(NamedTuple):
    """What a week's analysis is about: the site's meters, the two windows (UTC), its zone and its thresholds.

    Without a `schedule`, the assumed one holds. `limits` say what a record can be at all, as the ingest has it.
    """

    meters: pd.DataFrame
    period: Window
    baseline: Window
    tz: ZoneInfo
    config: Thresholds
    schedule: Schedule = ASSUMED_SCHEDULE
    limits: IngestLimits = IngestLimits()


def energy_meters(meters: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `meters` that measure energy, by channel id; sensors of other things are left out."""
    is_energy = meters["is_energy_meter"].to_numpy(dtype=bool)
    energy = meters if is_energy.all() else meters[is_energy]
    channel = energy["channel_id"].to_numpy(dtype="int64")
    if (channel[1:] < channel[:-1]).any():
        energy = energy.sort_values("channel_id")
    return energy if isinstance(energy.index, pd.RangeIndex) else energy.reset_index(drop=True)


def channel_names(meters: pd.DataFrame) -> dict[int, str]:
    """Return the name of every channel by its id."""
    named = zip(meters["channel_id"].tolist(), meters["channel_name"].tolist(), strict=True)
    return {int(key): str(name) for key, name in named}


def epoch_seconds(moments: pd.Series) -> npt.NDArray[np.float64]:
    """Return UTC moments as seconds since 1970, NaN where there is none."""
    is_told = isinstance(moments.dtype, pd.DatetimeTZDtype)
    stamps = (moments if is_told else pd.to_datetime(moments, utc=True)).array.as_unit("us")
    return np.where(stamps.isna(), np.nan, stamps.asi8 / 1e6)


def local_iso(moments: pd.Series, tz: ZoneInfo) -> list[str]:
    """Return UTC moments as ISO 8601 on the site's wall clock, with its offset."""
    return iso_of_seconds(np.floor(epoch_seconds(moments)).astype("int64"), tz)


def iso_of_seconds(epoch_s: npt.NDArray[np.int64], tz: ZoneInfo) -> list[str]:
    """Return seconds since 1970 as ISO 8601 on the site's wall clock, with its offset."""
    return [datetime.fromtimestamp(second, tz).isoformat() for second in epoch_s.tolist()]


def prepare_intervals(
    readings: pd.DataFrame, meters: pd.DataFrame, tz: ZoneInfo, schedule: Schedule = ASSUMED_SCHEDULE
) -> pd.DataFrame:
    """Return the intervals of the energy meters, on local time.

    Parameters
    ----------
    readings
        `channel_id`, `interval_start` (datetime64, UTC), `interval_s` [s], `energy_kwh`, `power_kw`; unique on the
        first two, in any order.
    tz
        The site's zone, on whose wall clock business hours and the hour of the week are told.
    schedule
        The opening hours.

    Returns
    -------
    pd.DataFrame
        By channel and time, without rows that have neither energy nor power. Added: `mean_kw` (the power, or energy
        over hours where the power is missing), `used_kwh` (the energy, or power times hours where it is missing),
        `hours`, `epoch_s` (start, seconds since 1970), `is_after_hours`, `rate_per_kwh` (the flat rate, until
        `pricing.set_rates` puts the tariff's in its place), and what `add_local_time` adds.
    """
    frame = _sound_rows(readings, energy_meters(meters)["channel_id"].to_numpy(dtype="int64"))
    energy_kwh, power_kw = frame["energy_kwh"].to_numpy(), frame["power_kw"].to_numpy()
    hours = frame["interval_s"].to_numpy() / SECONDS_PER_HOUR
    columns = {
        "hours": hours,
        "mean_kw": np.where(np.isnan(power_kw), energy_kwh / hours, power_kw),
        "used_kwh": np.where(np.isnan(energy_kwh), power_kw * hours, energy_kwh),
        "epoch_s": epoch_seconds(frame["interval_start"]).astype("int64"),
        "rate_per_kwh": np.full(hours.size, ASSUMED_RATE_USD_PER_KWH),
    }
    frame = add_local_time(with_columns(frame, columns), tz)
    return with_columns(frame, {"is_after_hours": is_after_hours(frame, schedule).to_numpy()})


def _sound_rows(readings: pd.DataFrame, ids: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the rows of these channels that have an energy or a power, by channel and time; infinity is missing."""
    columns = {name: readings[name].to_numpy(dtype=float) for name in ("energy_kwh", "power_kw")}
    columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}
    channel = readings["channel_id"].to_numpy(dtype="int64")
    keep = (places_of(channel, ids) >= 0) & ~np.logical_and.reduce([np.isnan(values) for values in columns.values()])
    frame = readings.assign(
        channel_id=channel,
        interval_start=pd.to_datetime(readings["interval_start"], utc=True),
        interval_s=readings["interval_s"].to_numpy(dtype="int64"),
        **columns,
    )
    frame = frame if keep.all() else frame[keep]
    start, channel = frame["interval_start"].array.asi8, channel[keep]
    is_in_order = (channel[1:] > channel[:-1]) | (channel[1:] == channel[:-1]) & (start[1:] >= start[:-1])
    if not is_in_order.all():
        frame = frame.iloc[np.lexsort((start, channel))]
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.astype(object)
    return frame


def is_after_hours(local: pd.DataFrame, schedule: Schedule = ASSUMED_SCHEDULE) -> pd.Series:
    """Return True where an interval starts outside opening hours on the site's wall clock, told to the minute.

    Parameters
    ----------
    local
        `local_time`, `local_hour` and `local_weekday` as `add_local_time` gives them.
    """
    return ~schedules.is_open(local, schedule)


def in_window(intervals: pd.DataFrame, window: Window) -> pd.Series:
    """Return True for the intervals that start within `window`."""
    return pd.Series(starts_within(intervals, window), index=intervals.index)


def starts_within(intervals: pd.DataFrame, window: Window) -> Flags:
    """Return the same as `in_window`, as an array."""
    # Intervals start on whole seconds, and comparing whole numbers takes half the time.
    start_s, end_s = (math.ceil(moment.timestamp()) for moment in window)
    epoch_s = intervals["epoch_s"].to_numpy()
    return (epoch_s >= start_s) & (epoch_s < end_s)


def take_window(intervals: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return the intervals that start within `window`; the frame itself, which is not copied, where all of them do."""
    inside = starts_within(intervals, window)
    return intervals if inside.all() else intervals[inside]


def pick(rows: pd.DataFrame, inside: Flags, names: Sequence[str]) -> pd.DataFrame:
    """Return some columns of some rows, under their index; a filter of the whole frame would copy every column."""
    at = np.flatnonzero(inside)
    return pd.DataFrame({name: rows[name].array.take(at) for name in names}, index=rows.index.take(at))


def take_channels(rows: pd.DataFrame, channel_ids: Collection[int]) -> pd.DataFrame:
    """Return the rows of these channels; the frame itself, which is not copied, where all of them are."""
    inside = places_of(rows["channel_id"].to_numpy(dtype="int64"), np.array(sorted(channel_ids), dtype="int64")) >= 0
    return rows if inside.all() else rows[inside]


def channels_within(intervals: pd.DataFrame, window: Window) -> set[int]:
    """Return the ids of the channels that have an interval starting within `window`."""
    channel = intervals["channel_id"].to_numpy(dtype="int64")[starts_within(intervals, window)]
    return set(_first_of_runs(channel)[1].tolist())


def places_by_channel(channel: npt.NDArray[np.int64]) -> dict[int, slice]:
    """Return which rows each channel has, by its id; `channel` is that of each row, and those of one stand together."""
    first, heads = _first_of_runs(channel)
    ends = [*first[1:].tolist(), channel.size]
    return {key: slice(*edges) for key, *edges in zip(heads.tolist(), first.tolist(), ends, strict=False)}


def split_channels(rows: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Return the rows of each channel, which must stand together: slices, where a filter for each would copy them."""
    return {key: rows.iloc[own] for key, own in places_by_channel(rows["channel_id"].to_numpy(dtype="int64")).items()}


def split_columns(rows: pd.DataFrame) -> dict[int, Columns]:
    """Return the numbers of each channel, whose rows must stand together: where many columns of few rows are read."""
    names = [name for name, dtype in rows.dtypes.items() if isinstance(dtype, np.dtype) and dtype.kind in "fiub"]
    columns = {str(name): rows[name].to_numpy() for name in names}
    return {
        key: {name: values[own] for name, values in columns.items()}
        for key, own in places_by_channel(rows["channel_id"].to_numpy(dtype="int64")).items()
    }


def list_channels(rows: pd.DataFrame) -> list[int]:
    """Return the ids of the channels that `rows` are of, in order."""
    return np.unique(_first_of_runs(rows["channel_id"].to_numpy(dtype="int64"))[1]).tolist()


def number_channels(rows: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each row the place of its channel among the ids, and these, in order.

    As `numpy.unique` with its inverse, but rows of one channel stand together, so few numbers have to be sorted.
    """
    channel = rows["channel_id"].to_numpy(dtype="int64")
    first, heads = _first_of_runs(channel)
    ids, place = np.unique(heads, return_inverse=True)
    return np.repeat(place, np.diff(first, append=channel.size)), ids


def sum_by_channel(rows: pd.DataFrame, names: Sequence[str], inside: Flags | None = None) -> dict[int, list[float]]:
    """Return the sums of some columns by channel, of the channels that have any row; NaN counts as nothing.

    Parameters
    ----------
    inside
        The rows that count; None takes all.
    """
    code, ids = number_channels(rows)
    keep = np.ones(code.size, dtype=bool) if inside is None else inside
    count = np.bincount(code[keep], minlength=ids.size)
    columns = (np.nan_to_num(rows[name].to_numpy(dtype=float))[keep] for name in names)
    sums = [np.bincount(code[keep], weights=values, minlength=ids.size).tolist() for values in columns]
    return {key: list(own) for key, rows_of, *own in zip(ids.tolist(), count.tolist(), *sums, strict=True) if rows_of}


def places_of(channel: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each element of `channel` its place in the ascending `ids`, −1 where it is none of them."""
    first, heads = _first_of_runs(channel)
    place = np.searchsorted(ids, heads)
    found = place < ids.size
    found[found] = ids[place[found]] == heads[found]
    return np.repeat(np.where(found, place, -1), np.diff(first, append=channel.size))


def _first_of_runs(values: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal values begins, and its value."""
    is_first = np.ones(values.size, dtype=bool)
    is_first[1:] = values[1:] != values[:-1]
    first = np.flatnonzero(is_first)
    return first, values[first]


def number_steps(start_s: npt.NDArray[np.int64], step_s: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each start the place of its step of time among those that occur, and where these begin [s], in order.

    As `numpy.unique` with its inverse; but of readings nearly every step occurs, so they are ticked off, not sorted.
    """
    step = start_s // step_s
    first = int(step.min()) if step.size else 0
    span = int(step.max()) - first + 1 if step.size else 0
    if span > _MAX_SPAN_RATIO * step.size:
        steps, place = np.unique(step, return_inverse=True)
        return place, steps * step_s
    occurs = np.zeros(span, dtype=bool)
    occurs[step - first] = True
    return (np.cumsum(occurs) - 1)[step - first], (np.flatnonzero(occurs) + first) * step_s


def starts_new_run(intervals: pd.DataFrame) -> pd.Series:
    """Return True where an interval does not continue the row before it: another channel, or a hole in time."""
    channel, start, length = (intervals[name].to_numpy() for name in ("channel_id", "epoch_s", "interval_s"))
    is_new = np.ones(len(intervals), dtype=bool)
    is_new[1:] = (channel[1:] != channel[:-1]) | (start[1:] != (start + length)[:-1])
    return pd.Series(is_new, index=intervals.index)


def list_runs(rows: pd.DataFrame, run_id: pd.Series, **columns: tuple[str, str]) -> pd.DataFrame:
    """Return one row per run: `channel_id`, `start` and `end` (UTC, end excluded), `intervals`, `hours`, and more.

    Parameters
    ----------
    rows
        Intervals by channel and time.
    run_id
        For each of `rows` its run, or 0 for none (see `label_runs`).
    **columns
        Further aggregates of a column, "sum", "mean", "max", "min" or "first": ``peak_kw=("mean_kw", "max")``.
    """
    number = run_id.to_numpy()
    member = np.flatnonzero(number > 0)
    member = member[np.argsort(number[member], kind="stable")]
    first = np.flatnonzero(np.diff(number[member], prepend=0))
    last = np.append(first[1:], member.size)[: first.size] - 1
    start, length_s = rows["interval_start"].array, rows["interval_s"].to_numpy()
    runs = {
        "channel_id": rows["channel_id"].to_numpy()[member[first]],
        "start": start[member[first]],
        "end": start[member[last]] + length_s[member[last]].astype("timedelta64[s]"),
        "intervals": last - first + 1,
        "hours": _reduce(rows["hours"].to_numpy()[member], first, "sum"),
    }
    runs |= {name: _reduce(rows[column].to_numpy()[member], first, how) for name, (column, how) in columns.items()}
    return pd.DataFrame(runs, index=pd.Index(number[member][first], name="run_id"))


def _reduce(values: npt.NDArray[Any], first: npt.NDArray[np.int64], how: str) -> npt.NDArray[Any]:
    """Return one value for each group of consecutive `values`, which begin at `first`; NaN is left out."""
    if how == "first" or not first.size:
        return values[first]
    if how in ("max", "min"):
        return {"max": np.fmax, "min": np.fmin}[how].reduceat(values, first)
    total = np.add.reduceat(np.nan_to_num(values), first)
    return total if how == "sum" else total / np.add.reduceat(~np.isnan(values), first)


def baseline_week_numbers(intervals: pd.DataFrame, scope: WeekScope) -> npt.NDArray[np.int64]:
    """Return for each interval its week before the period on the local calendar: 0 is the last one, −1 is none."""
    weeks = scope.config.baseline.weeks
    edges = [days_before(scope.period.start, 7 * (weeks - n), scope.tz).timestamp() for n in range(weeks + 1)]
    number = weeks - np.searchsorted(edges, intervals["epoch_s"], side="right")
    return np.where((number >= 0) & (number < weeks), number, -1)


def weekday_counts(scope: WeekScope) -> npt.NDArray[np.float64]:
    """Return how often the period holds each weekday (Monday first); the seven add up to 7 × `period_weeks`.

    Energy of a baseline week, each day times its count, is what is usual for a period of any length: a Sunday is
    compared with Sundays.
    """
    first, last = (moment.astimezone(scope.tz).replace(tzinfo=None) for moment in scope.period)
    counts, day = np.zeros(7), first
    while day < last:
        midnight = datetime.combine(day.date() + timedelta(days=1), datetime.min.time())
        end = min(midnight, last)
        counts[day.weekday()] += (end - day).total_seconds() / 86_400
        day = end
    return counts


def period_weeks(scope: WeekScope) -> float:
    """Return the period's length in local weeks: 1.0 for Monday to Sunday, whatever the clocks do meanwhile."""
    first, last = (moment.astimezone(scope.tz).replace(tzinfo=None) for moment in scope.period)
    return (last - first).total_seconds() / (7 * 86_400)
