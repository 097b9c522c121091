"""The generated site: what every channel reports in any stretch of time, with what is planted applied.

Minutes are made in whole blocks of a week, and quarter-hour means of a block are kept: most requests need no minute.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from operations.sandbox import planted as plan
from operations.sandbox.electricity import (
    EXACT,
    GENERATION_ROWS,
    METER_ROWS,
    Intervals,
    MeteringErrors,
    P,
    Q,
    add_generation_rows,
    compute_air_minutes,
    compute_meter_minutes,
    derive_air_fields,
    derive_meter_fields,
    fill_unused_phases,
    find_peak_w,
)
from operations.sandbox.load_model import GENERATORS, Streams, compute_load_kw
from operations.sandbox.noise import Columns, Floats, make_key, smooth_noise
from operations.sandbox.site_model import AIR_TYPE_ID, PHASE_FIELDS, PULSE, PULSE_WH, Catalogue, Channel
from operations.sandbox.weather import MINUTES_PER_DAY, Surroundings, get_surroundings

BLOCK_MIN = 7 * MINUTES_PER_DAY
QUARTER_MIN = 15
NATIVE_RESOLUTION_S = 60
RESET_LOAD = "rtu_3"
RESET_PERIOD_S = 10 * 86400
RESET_WH = 5e6  # what the counter stood at
# What recorded replies show: phases add up to 0.06 %, energy is mean power times hours to 0.13 %.
_PHASE_ERROR, _TOTAL_ERROR = 0.0007, 0.0006
_ERROR_PERIOD_MIN = 360
_MINUTE_BLOCKS_KEPT = 16  # about 0.9 MB each
_QUARTER_BLOCKS_KEPT = 1500  # about 0.07 MB each: 17 channels for well over a year


class GeneratedSite:
    """The readings of the modelled sites, a pure function of the seed and the plan.

    Parameters
    ----------
    seed
        Chooses the weather and the behaviour of every load.
    catalogue
        The channels.
    items
        What is planted in the first site.
    has_autumn_doubling
        When clocks go back, report the energy of the repeated local hour in its first pass and nothing in its second.
    has_counter_resets
        Every tenth day the counter of one meter begins anew, so that its energy of one interval is negative.
    """

    def __init__(
        self,
        seed: int,
        catalogue: Catalogue,
        items: tuple[plan.Planted, ...] = (),
        *,
        has_autumn_doubling: bool = False,
        has_counter_resets: bool = False,
    ) -> None:
        self.seed, self.catalogue, self.items = seed, catalogue, items
        self._has_autumn_doubling = has_autumn_doubling
        self._has_counter_resets = has_counter_resets
        # A channel that has moved is asked for as one of its new site; what it measures stays what it was.
        self._own = {channel.channel_id: channel for channel in catalogue.all_channels}
        self._planted_ids = {channel.channel_id for channel in catalogue.channels}
        # Caches of the instance, not of the class: a test's small sites are freed with it.
        self._minutes = lru_cache(_MINUTE_BLOCKS_KEPT)(self._make_minutes)
        self._quarters = lru_cache(_QUARTER_BLOCKS_KEPT)(self._make_quarters)
        self._late_wh = lru_cache(256)(self._sum_outage_wh)

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the finest resolution [s]."""
        return NATIVE_RESOLUTION_S

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        """Return all fields of `count` intervals from `start_s` on; rows that do not exist are dropped.

        Returns
        -------
        dict
            Field → values, and ``ts`` → Unix times of the starts, all of one length.
        """
        channel = self._own[channel.channel_id]
        intervals = self._collect(self._point_of(channel), start_s // 60, count, resolution_s // 60)
        starts = start_s + resolution_s * np.arange(count, dtype=np.int64)
        if channel.device_type_id == AIR_TYPE_ID:
            fields = derive_air_fields(intervals)
        else:
            fields = self._derive_fields(channel, intervals, starts, resolution_s)
        exists = (intervals.present_min > 0) | intervals.is_null
        if exists.all():  # nearly always, and then nothing need be copied
            return {"ts": starts, **fields}
        return {"ts": starts[exists], **{name: values[exists] for name, values in fields.items()}}

    def _derive_fields(
        self, channel: Channel, intervals: Intervals, starts: npt.NDArray[np.int64], resolution_s: int
    ) -> dict[str, Floats]:
        if starts.size == 0:
            return dict.fromkeys(channel.units, np.empty(0))
        late = self._catch_up_wh(channel, int(starts[0]) // 60, starts.size, resolution_s // 60)
        phases = channel.phases if channel.is_exact else 3
        fields = derive_meter_fields(intervals, phases, late, self._metering_errors(channel, starts // 60))
        if self._has_counter_resets and channel.load == RESET_LOAD and channel.channel_id in self._planted_ids:
            fields["E"] = fields["E"] - RESET_WH * (starts % RESET_PERIOD_S < resolution_s)
        if channel.displayed_phase == PULSE:
            return {"pulse": np.round(fields["E"] / PULSE_WH)}
        if channel.phase is not None:
            return {name: fields[name if name == "F" else f"{name}{channel.phase}"] for name in PHASE_FIELDS}
        return fields

    def _metering_errors(self, channel: Channel, minutes: npt.NDArray[np.int64]) -> MeteringErrors:
        if channel.is_exact:
            return EXACT
        curves = (
            smooth_noise(make_key(self.seed, channel.channel_id, name), minutes, _ERROR_PERIOD_MIN)
            for name in ("phase_error", "total_error")
        )
        return MeteringErrors(*(curve * most for curve, most in zip(curves, (_PHASE_ERROR, _TOTAL_ERROR), strict=True)))

    def compute_load_kw(self, channel: Channel, around: Surroundings, *, with_wastes: bool = True) -> Floats:
        """Return what a channel really draws [kW], with or without the planted wastes."""
        power_kw = compute_load_kw(channel.load, self._streams_of(channel), around)
        for item in self._items_of(channel, plan.WASTES) if with_wastes else ():
            if item.start_min <= around.minutes[-1] and item.end_min > around.minutes[0]:
                power_kw = power_kw + plan.compute_extra_kw(self.seed, item, around.minutes)
        return power_kw

    def get_surroundings(self, block: int, time_zone: str | None = None) -> Surroundings:
        """Return the surroundings of one block of minutes, in the zone of the first site unless said otherwise."""
        return get_surroundings(self.seed, block * BLOCK_MIN, BLOCK_MIN, time_zone or self.catalogue.time_zone)

    def collect_minutes(self, channel: Channel, start_min: int, end_min: int) -> Floats:
        """Return the primitives of single minutes as they are reported; NaN where nothing is."""
        return self._collect(channel, start_min, end_min - start_min, 1).means

    def _items_of(self, channel: Channel, kinds: tuple[str, ...]) -> list[plan.Planted]:
        if channel.channel_id not in self._planted_ids:
            return []
        return [item for item in self.items if item.load == channel.load and item.kind in kinds]

    def _point_of(self, channel: Channel) -> Channel:
        """Return the one of the views of a point that its minutes are kept for."""
        first = channel if channel.stream_id is None else self._own[channel.stream_id]
        return first if first.meter_id == channel.meter_id else channel

    def _streams_of(self, channel: Channel) -> Streams:
        return Streams(self.seed, channel.channel_id if channel.stream_id is None else channel.stream_id)

    def _true_minutes(self, channel: Channel, block: int) -> Floats:
        around = self.get_surroundings(block, self.catalogue.zone_of(channel))
        streams = self._streams_of(channel)
        if channel.device_type_id == AIR_TYPE_ID:
            return compute_air_minutes(streams, around)
        power_kw = np.zeros(BLOCK_MIN) if channel.parts else self.compute_load_kw(channel, around)
        values = compute_meter_minutes(channel.load, streams, self.seed, channel.phases, power_kw, around)
        if not channel.is_exact:
            fill_unused_phases(values, channel.phases, streams, around)
        for part in channel.parts:
            carried = self._true_minutes(self._own[part], block)
            for rows in (P, Q):
                values[rows] += (1.0 + channel.rest_ratio) * np.nan_to_num(carried[rows])
        return add_generation_rows(values) if self._can_export(channel) else values

    def _can_export(self, channel: Channel) -> bool:
        """Return whether a channel generates, or has a part that does behind it."""
        return channel.load in GENERATORS or any(self._can_export(self._own[part]) for part in channel.parts)

    def _row_count(self, channel: Channel) -> int:
        if channel.device_type_id == AIR_TYPE_ID:
            return 3
        return GENERATION_ROWS if self._can_export(channel) else METER_ROWS

    def _make_minutes(self, channel: Channel, block: int) -> Intervals:
        minutes = np.arange(block * BLOCK_MIN, (block + 1) * BLOCK_MIN, dtype=np.int64)
        values = self._true_minutes(channel, block)
        is_absent = minutes * 60 < channel.installed_s
        is_null = np.zeros_like(is_absent)
        for item in self._items_of(channel, (plan.STUCK_METER,)):
            inside = item.covers(minutes)
            if inside.any():
                home = item.start_min // BLOCK_MIN
                held = values if home == block else self._true_minutes(channel, home)
                values[:, inside] = held[:, item.start_min - home * BLOCK_MIN, None]
        for item in self._items_of(channel, plan.OUTAGES):
            inside = item.covers(minutes)
            is_null |= inside & item.has_null_rows
            is_absent |= inside & (not item.has_null_rows)
        if self._has_autumn_doubling and channel.device_type_id != AIR_TYPE_ID:
            is_absent |= _fold_repeated_hour(values, self.get_surroundings(block, self.catalogue.zone_of(channel)))
        missing = is_absent | is_null
        values[:, missing] = np.nan
        return Intervals(values, find_peak_w(values), (~missing).astype(np.int64), is_null & ~is_absent)

    def _make_quarters(self, channel: Channel, block: int) -> Intervals:
        return _merge(self._minutes(channel, block), QUARTER_MIN)

    def _collect(self, channel: Channel, start_min: int, count: int, step_min: int) -> Intervals:
        """Return the primitives of `count` intervals of `step_min` minutes from `start_min` on."""
        on_quarters = start_min % QUARTER_MIN == 0 and step_min % QUARTER_MIN == 0
        unit, source = (QUARTER_MIN, self._quarters) if on_quarters else (1, self._minutes)
        end_min = start_min + count * step_min
        none = np.empty(0)
        parts = [Intervals(np.empty((self._row_count(channel), 0)), none, none.astype(np.int64), none.astype(bool))]
        for block in range(start_min // BLOCK_MIN, -(-end_min // BLOCK_MIN)):
            base = block * BLOCK_MIN
            cut = slice(max(start_min - base, 0) // unit, (min(end_min, base + BLOCK_MIN) - base) // unit)
            whole = source(channel, block)
            parts.append(Intervals(whole.means[:, cut], whole.peak_w[cut], whole.present_min[cut], whole.is_null[cut]))
        joined = Intervals(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))
        return _merge(joined, step_min // unit, unit)

    def _catch_up_wh(self, channel: Channel, start_min: int, count: int, step_min: int) -> Floats:
        late = np.zeros((3, count))
        for item in self._items_of(channel, (plan.CATCH_UP_DELTA,)):
            bucket = (item.end_min - start_min) // step_min
            if 0 <= bucket < count:
                late[:, bucket] += self._late_wh(channel, item.start_min, item.end_min)
        return late

    def _sum_outage_wh(self, channel: Channel, start_min: int, end_min: int) -> Floats:
        total = np.zeros(3)
        for block in range(start_min // BLOCK_MIN, -(-end_min // BLOCK_MIN)):
            base = block * BLOCK_MIN
            cut = slice(max(start_min - base, 0), min(end_min - base, BLOCK_MIN))
            total += self._true_minutes(channel, block)[P, cut].sum(axis=1) / 60.0
        return total


def _merge(fine: Intervals, group: int, unit_min: int = 1) -> Intervals:
    """Join each `group` intervals into one; a missing one takes no part in the mean."""
    if group == 1:
        return fine
    rows = fine.means.shape[0]
    means = fine.means.reshape(rows, -1, group)
    present = fine.present_min.reshape(-1, group)
    present_min = present.sum(axis=1)
    peak_w = np.fmax.reduce(fine.peak_w.reshape(-1, group), axis=1)
    if (fine.present_min == unit_min).all():
        return Intervals(means.mean(axis=2), peak_w, present_min, np.zeros(present_min.size, dtype=bool))
    weighted = np.where(present > 0, means * present, 0.0).sum(axis=2)
    with np.errstate(invalid="ignore"):
        merged = weighted / np.where(present_min > 0, present_min, np.nan)
    return Intervals(merged, peak_w, present_min, (present_min == 0) & fine.is_null.reshape(-1, group).any(axis=1))


def _fold_repeated_hour(values: Floats, around: Surroundings) -> npt.NDArray[np.bool_]:
    """Move the power of a repeated local hour's second pass into its first; return the minutes left without data."""
    emptied = np.zeros(around.minutes.size, dtype=bool)
    back = np.flatnonzero(np.diff(around.local_minutes) < 0)
    for second in back + 1:
        length = int(around.local_minutes[second - 1] - around.local_minutes[second]) + 1
        first, end = second - length, second + length
        if first >= 0 and end <= emptied.size:
            for rows in (P, Q):
                values[rows, first:second] += values[rows, second:end]
            emptied[second:end] = True
    return emptied
