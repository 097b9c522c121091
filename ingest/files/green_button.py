"""Green Button files, the form in which utilities of the US and Canada hand out interval data: which readings, in kWh.

Starts are UTC epochs by the standard, so no clock change can confuse them. Only what the customer used is taken: energy
that flowed back (flow direction 19), registers that only count up, and other commodities are left out, and named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ingest.files.espi_reader import Entry, RawReading, read_espi
from ingest.files.layout import ENERGY_COLUMN, POWER_COLUMN, clean_channel_name
from ingest.files.local_grid import is_off_grid, part_length_s
from ingest.files.parse import ChannelRows, FilePart, complete_energy_and_power, in_parts, sort_out_repeats
from ingest.files.reject_file import REJECT_NUMBER, REJECT_PROJECTED
from ingest.files.survey import MIN_AGREEMENT, check_interval
from ingest.files.times import REJECT_TIME, check_range
from ingest.storage.plausibility import REJECT_EMPTY, REJECT_OFF_GRID, REJECT_WRONG_RESOLUTION
from lib.date_utils import Window
from lib.errors import DataError

# ESPI's unit of measure (UnitSymbolKind) → column of `readings` and factor to its unit.
_UNITS = {"72": (ENERGY_COLUMN, 1e-3), "38": (POWER_COLUMN, 1e-3)}
_RECEIVED = "19"  # FlowDirectionKind "reverse": from the customer to the grid
_NET = "4"  # FlowDirectionKind "net": negative where more flowed back
_REGISTERS = {"1": "bulk quantity", "2": "continuous cumulative", "3": "cumulative", "9": "summation"}
_PROJECTED = "12"  # QualityOfReading "projected"
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


class Meter(NamedTuple):
    """A series of readings that is taken: its channel, its intervals, and how to turn a value into ours."""

    channel: str
    interval_s: int
    column: str
    factor: float
    is_net: bool


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
    """

    path: Path
    meters: dict[int, Meter]
    left_out: list[str]
    zone_hint: str
    standard_offset_s: int | None

    @property
    def channels(self) -> list[str]:
        """The names of the channels."""
        return list(dict.fromkeys(meter.channel for meter in self.meters.values()))


class _Series(NamedTuple):
    """A MeterReading of the file, before it is decided whether it is taken."""

    usage_point: str
    channel: str
    reading_type: dict[str, str]
    interval_s: int
    entries: list[int]


def survey_green_button(path: Path, *, interval_s: int | None = None, channel_name: str | None = None) -> GreenButton:
    """Read a whole file once and decide which series are taken.

    Raises
    ------
    DataError
        When it holds no series that can be taken.
    """
    durations: dict[int, Counter[str]] = {}
    entries: list[Entry] = []
    for entries_so_far, readings in read_espi(path):
        entries = entries_so_far
        for reading in readings:
            durations.setdefault(reading.entry, Counter())[reading.duration] += 1
    series = _list_series(entries, durations, interval_s, path.name)
    meters, left_out = _choose(series)
    if not meters:
        reasons = "; ".join(left_out) or "there are no interval readings in it"
        raise DataError(f"{path.name}: nothing to import ({reasons}); download the interval data of the meter")
    channels = sorted({meter.channel for meter in meters.values()})
    if channel_name is not None:
        if len(channels) > 1:
            raise DataError(f"{path.name}: has {len(channels)} meters, so one --channel-name cannot fit; leave it out")
        meters = {key: meter._replace(channel=channel_name) for key, meter in meters.items()}
    return GreenButton(path, meters, left_out, *_local_time(entries))


def read_green_button(file: GreenButton, clock: ZoneInfo, now_s: float) -> Iterator[FilePart]:
    """Yield the readings of a file, part by part.

    Parameters
    ----------
    clock
        The site's zone: intervals may start on its hours.
    now_s
        The present, epoch seconds.
    """
    for _, readings in read_espi(file.path):
        taken = [reading for reading in readings if reading.entry in file.meters]
        if taken:
            yield _parse_part(pd.DataFrame(taken, columns=list(RawReading._fields)), file, clock, now_s)


def _list_series(
    entries: list[Entry], durations: dict[int, Counter[str]], interval_s: int | None, label: str
) -> list[_Series]:
    """Return every series of readings with what its entries link to."""
    by_path = {entry.path: entry for entry in entries if entry.path}
    types = [entry for entry in entries if entry.kind == "ReadingType"]
    names = _usage_point_names(entries)
    blocks: dict[str, list[int]] = {}
    for number in durations:
        blocks.setdefault(_parent_path(entries[number]), []).append(number)
    result = []
    for path, numbers in blocks.items():
        meter_reading = by_path.get(path, Entry())
        linked = (by_path.get(href) for href in meter_reading.links.get("related", []))
        reading_type = next((entry for entry in linked if entry is not None and entry.kind == "ReadingType"), None)
        if reading_type is None and len(types) == 1:
            reading_type = types[0]
        if reading_type is None:
            raise DataError(f"{label}: readings under {path!r} say no unit (no ReadingType is linked); ask the utility")
        usage_point = _parent_path(meter_reading)
        if usage_point not in names:
            usage_point = next(iter(names), "")
        lengths = sum((durations[number] for number in numbers), Counter())
        subject = f"{label}, {path.rpartition('/')[2] or 'readings'}"
        length = interval_s or _agreed_length(lengths, reading_type.values.get("intervalLength", ""), subject)
        result.append(_Series(usage_point, names.get(usage_point, "Meter"), reading_type.values, length, numbers))
    return result


def _parent_path(entry: Entry) -> str:
    """Return the path of the resource that an entry belongs to.

    ``…/UsagePoint/1/MeterReading/2`` lies in the collection ``…/UsagePoint/1/MeterReading``, which the link ``up``
    names, and that belongs to ``…/UsagePoint/1``.
    """
    collection = next(iter(entry.links.get("up", [])), entry.path.rpartition("/")[0])
    return collection.rpartition("/")[0]


def _usage_point_names(entries: list[Entry]) -> dict[str, str]:
    """Return path → name of each usage point: its title, with its number where the title does not tell it apart."""
    points = [entry for entry in entries if entry.kind == "UsagePoint"]
    titles = Counter(clean_channel_name(entry.title) for entry in points)
    names = {}
    for entry in points:
        title, number = clean_channel_name(entry.title), entry.path.rpartition("/")[2]
        names[entry.path] = title if title and titles[title] == 1 else f"{title or 'Usage point'} {number}".strip()
    return names


def _agreed_length(durations: Counter[str], declared: str, subject: str) -> int:
    """Return the length [s] that nearly all readings have; those that say none have the declared one."""
    lengths = Counter({(text or declared): 0 for text in durations})
    for text, count in durations.items():
        lengths[text or declared] += count
    (length, count), *_ = lengths.most_common(1)
    if not re.fullmatch(r"\d{1,9}", length) or count < MIN_AGREEMENT * sum(lengths.values()):
        raise DataError(f"{subject}: its intervals have no common length; give --interval-minutes")
    return int(length)


def _choose(series: list[_Series]) -> tuple[dict[int, Meter], list[str]]:
    """Return the meters by entry, one series for each usage point, and what is left out for which reason."""
    left_out: list[str] = []
    candidates: dict[str, list[_Series]] = {}
    for one in series:
        reason = _reason_against(one.reading_type)
        if reason:
            left_out.append(f"{one.channel}: {reason}")
        else:
            candidates.setdefault(one.usage_point, []).append(one)
    meters: dict[int, Meter] = {}
    for group in candidates.values():
        # Energy before power, and of several lengths the finest: the others say the same again.
        group.sort(key=lambda one: (one.reading_type.get("uom") != "72", one.interval_s))
        chosen = group[0]
        for one in group[1:]:
            is_same = (one.reading_type, one.interval_s) == (chosen.reading_type, chosen.interval_s)
            if is_same:
                chosen.entries.extend(one.entries)
            else:
                left_out.append(f"{one.channel}: a series of {one.interval_s} s beside the one that was taken")
        column, factor = _UNITS[chosen.reading_type["uom"]]
        factor *= 10.0 ** _power_of_ten(chosen)
        length = check_interval(chosen.interval_s, chosen.channel)
        is_net = chosen.reading_type.get("flowDirection") == _NET
        meters |= dict.fromkeys(chosen.entries, Meter(chosen.channel, length, column, factor, is_net))
    return meters, left_out


def _power_of_ten(series: _Series) -> int:
    """Return the exponent of a series' multiplier; ESPI knows −12 to 9."""
    text = series.reading_type.get("powerOfTenMultiplier") or "0"
    if not re.fullmatch(r"[+-]?\d{1,2}", text):
        raise DataError(f"{series.channel}: its multiplier {text[:20]!r} is no power of ten; ask the utility")
    return int(text)


def _reason_against(reading_type: dict[str, str]) -> str | None:
    """Return why a series is not use of electricity by interval, or None."""
    uom = reading_type.get("uom", "")
    if uom not in _UNITS:
        return f"unit of measure {uom or '?'} is neither energy (72, Wh) nor power (38, W)"
    if reading_type.get("flowDirection") == _RECEIVED:
        return "energy delivered to the grid (flow direction 19) is not use"
    register = _REGISTERS.get(reading_type.get("accumulationBehaviour", ""))
    return f"a register ({register}), not the use of each interval" if register else None


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
    start_s = pd.to_numeric(table["start"], errors="coerce").to_numpy(dtype=float)
    duration_s = pd.to_numeric(table["duration"], errors="coerce").fillna(meter.interval_s).to_numpy(dtype=float)
    value = pd.to_numeric(table["value"], errors="coerce").to_numpy(dtype=float)
    reason = np.full(len(table), "", dtype=object)
    reason[np.isnan(start_s)] = REJECT_TIME
    check_range(start_s, reason, now_s, meter.interval_s)
    placeable = np.where(reason == "", start_s, np.nan)
    reason[is_off_grid(placeable, meter.interval_s, clock, np.zeros(len(table), dtype=bool))] = REJECT_OFF_GRID
    reason[(reason == "") & (duration_s != meter.interval_s)] = REJECT_WRONG_RESOLUTION
    reason[(reason == "") & (table["quality"] == _PROJECTED).to_numpy()] = REJECT_PROJECTED
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
