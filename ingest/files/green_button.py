"""Green Button files, the form in which utilities of the US and Canada hand out interval data: which readings, in kWh.

Starts are UTC epochs by the standard, so no clock change can confuse them. `espi_series` chooses the series.

References
----------
NAESB REQ.21 (ESPI): UsagePoint, MeterReading, ReadingType and their enumerations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from config.site_file import FileMapping
from ingest.files.espi_reader import Entry, RawReading, read_espi
from ingest.files.espi_series import Found, Meter, check_batch, choose_series, list_series
from ingest.files.interval_file import FileKind
from ingest.files.local_grid import is_off_grid, part_length_s
from ingest.files.parse import ChannelRows, FilePart, complete_energy_and_power, in_parts, sort_out_repeats
from ingest.files.reject_file import REJECT_FAILED, REJECT_NUMBER, REJECT_PROJECTED
from ingest.files.times import REJECT_TIME, check_range
from ingest.storage.plausibility import REJECT_EMPTY, REJECT_OFF_GRID, REJECT_WRONG_RESOLUTION
from lib.date_utils import Window
from lib.errors import DataError

_PROJECTED, _FAILED = "12", "18"  # QualityOfReading
# Standard offset [h] and whether there is summer time → the zone that most such sites of the US lie in.
_US_ZONES = {
    (-5, True): "America/New_York",
    (-6, True): "America/Chicago",
    (-7, True): "America/Denver",
    (-7, False): "America/Phoenix",
    (-8, True): "America/Los_Angeles",
    (-9, True): "America/Anchorage",
    (-10, False): "Pacific/Honolulu",
}


class GreenButton(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    meters
        Number of an entry with readings → its meter; entries of series that are left out have none.
    left_out
        One line for each series that is left out, with the reason.
    zone_hint
        What the file says of its local time, in words, or "".
    standard_offset_s
        The zone's offset in winter [s], where the file says it.
    has_factor
        Whether the operator gave a factor.
    """

    kind: FileKind
    meters: dict[int, Meter]
    left_out: list[str]
    zone_hint: str
    standard_offset_s: int | None
    has_factor: bool = False


def survey_green_button(kind: FileKind, given: FileMapping) -> GreenButton:
    """Read a whole file once and decide which series are taken.

    Raises
    ------
    DataError
        When it holds no series that can be taken, or does not say whose readings are which.
    """
    label = kind.path.name
    found: dict[int, Found] = {}
    entries: list[Entry] = []
    for entries_so_far, readings in read_espi(kind, has_factor=given.factor is not None):
        entries = entries_so_far
        for reading in readings:
            one = found.setdefault(reading.entry, Found())
            one.durations[reading.duration] += 1
            if reading.start.isdigit() and len(reading.start) < 12:
                start = int(reading.start)
                one.first_s, one.last_s = min(one.first_s, start), max(one.last_s, start)
    series = list_series(entries, found, given, label)
    check_batch(entries, series, given, label)
    meters, left_out = choose_series(series, given, label)
    if not meters:
        reasons = "; ".join(left_out) or "there are no interval readings in it"
        raise DataError(
            f"{label}: nothing to import ({reasons}); if none of this helps, ask the utility for "
            "its interval data (use by 15, 30 or 60 minutes)"
        )
    channels = sorted({meter.channel for meter in meters.values()})
    if given.channel_name is not None:
        if len(channels) > 1:
            raise DataError(f"{label}: has {len(channels)} meters, so one --channel-name cannot fit; leave it out")
        meters = {key: meter._replace(channel=given.channel_name) for key, meter in meters.items()}
    return GreenButton(kind, meters, left_out, *_local_time(entries), given.factor is not None)


def read_green_button(file: GreenButton, clock: ZoneInfo, now_s: float) -> Iterator[FilePart]:
    """Yield the readings of a file, part by part.

    Parameters
    ----------
    clock
        The site's zone: intervals may start on its hours.
    now_s
        The present, epoch seconds.
    """
    for _, readings in read_espi(file.kind, has_factor=file.has_factor):
        taken = [reading for reading in readings if reading.entry in file.meters]
        if taken:
            yield _parse_part(pd.DataFrame(taken, columns=list(RawReading._fields)), file, clock, now_s)


def _local_time(entries: list[Entry]) -> tuple[str, int | None]:
    """Return what the file says of its local time, in words, and the standard offset [s]."""
    values = next((entry.values for entry in entries if entry.kind == "LocalTimeParameters"), {})
    try:
        offset_s, has_summer = int(values["tzOffset"]), int(values.get("dstOffset") or 0) != 0
    except (KeyError, ValueError):
        return "", None
    zone = _US_ZONES.get((offset_s // 3600, has_summer)) if offset_s % 3600 == 0 else None
    words = f"the file's local time is UTC{offset_s / 3600:+g} h {'with' if has_summer else 'without'} summer time"
    return words + (f", in the US that is {zone}" if zone else ""), offset_s


def _parse_part(table: pd.DataFrame, file: GreenButton, clock: ZoneInfo, now_s: float) -> FilePart:
    channels, rejects = [], []
    for meter in dict.fromkeys(file.meters.values()):
        own = table[[file.meters[entry] == meter for entry in table["entry"]]]
        if len(own):
            rows, rejected = _meter_rows(own.reset_index(drop=True), meter, clock, now_s)
            channels += [rows] if rows is not None else []
            rejects.append(rejected)
    return FilePart(channels, pd.concat(rejects, ignore_index=True))


def _meter_rows(
    table: pd.DataFrame, meter: Meter, clock: ZoneInfo, now_s: float
) -> tuple[ChannelRows | None, pd.DataFrame]:
    start_s = pd.to_numeric(table["start"], errors="coerce").to_numpy(dtype=float, copy=True)
    untimed = (table["start"] == "").to_numpy() & (table["block_start"] != "").to_numpy()
    if untimed.any():
        block_s = pd.to_numeric(table["block_start"], errors="coerce").to_numpy(dtype=float)
        start_s[untimed] = (block_s + table["number"].to_numpy() * meter.interval_s)[untimed]
    duration_s = pd.to_numeric(table["duration"], errors="coerce").fillna(meter.interval_s).to_numpy(dtype=float)
    value = pd.to_numeric(table["value"], errors="coerce").to_numpy(dtype=float)
    reason = np.full(len(table), "", dtype=object)
    reason[np.isnan(start_s)] = REJECT_TIME
    check_range(start_s, reason, now_s, meter.interval_s)
    placeable = np.where(reason == "", start_s, np.nan)
    reason[is_off_grid(placeable, meter.interval_s, clock, np.zeros(len(table), dtype=bool))] = REJECT_OFF_GRID
    reason[(reason == "") & (duration_s != meter.interval_s)] = REJECT_WRONG_RESOLUTION
    reason[(reason == "") & (table["quality"] == _PROJECTED).to_numpy()] = REJECT_PROJECTED
    reason[(reason == "") & (table["quality"] == _FAILED).to_numpy()] = REJECT_FAILED
    reason[(reason == "") & (table["value"] == "").to_numpy()] = REJECT_EMPTY
    reason[(reason == "") & ~np.isfinite(value)] = REJECT_NUMBER
    values = pd.DataFrame({meter.column: value * meter.factor})
    kept = np.flatnonzero(reason == "")
    repeats, repeat_reasons = sort_out_repeats(start_s[kept], values.iloc[kept])
    reason[kept[repeats]] = repeat_reasons
    kept = np.delete(kept, repeats)
    kept = kept[np.argsort(start_s[kept], kind="stable")]
    rows = values.iloc[kept].reset_index(drop=True)
    if meter.is_net:
        # Energy and power that are negative alike are taken for what they are: power fed back.
        rows = complete_energy_and_power(rows, meter.interval_s)
    rows.insert(0, "timestamp", start_s[kept].astype(np.int64))
    is_listed = (reason != "") & (reason != REJECT_EMPTY)
    rejected = table.assign(channel=meter.channel, time=table["start"], reason=reason)[is_listed]
    rejected = rejected[["line", "channel", "time", "value", "reason"]]
    placed = start_s[np.isin(reason, ("", REJECT_EMPTY))]
    if not placed.size:
        return None, rejected
    window = Window(*(datetime.fromtimestamp(s, UTC) for s in (placed.min(), placed.max() + meter.interval_s)))
    lost = dict(Counter(reason[reason != ""].tolist()))
    lines = table["line"].to_numpy()[kept]
    part = ChannelRows(meter.channel, window, meter.interval_s, rows, lines, len(table), lost)
    return in_parts(part, part_length_s(clock, meter.interval_s, now_s)), rejected
