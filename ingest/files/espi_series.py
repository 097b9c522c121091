"""The series of readings of a Green Button file, and which of them are the use of each meter. Pure.

Only what the customer used is taken, by what the file says of each series and never by its place: electricity,
delivered, by interval, over all phases, energy before demand. Every other series is named with the reason.

References
----------
NAESB REQ.21 (ESPI): UsagePoint, MeterReading, ReadingType and their enumerations.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from config.site_file import FileMapping
from ingest.files.columns import ENERGY_COLUMN, POWER_COLUMN
from ingest.files.espi_reader import Entry
from ingest.files.survey import LONGEST_INTERVAL_S, MIN_AGREEMENT, check_interval
from ingest.files.value_columns import clean_channel_name
from lib.errors import DataError

# ESPI's unit of measure (UnitSymbolKind) → column of `readings` and factor to its unit.
_UNITS = {"72": (ENERGY_COLUMN, 1e-3), "38": (POWER_COLUMN, 1e-3)}
_UNIT_NUMBERS = {"wh": ("72", 0), "kwh": ("72", 3), "mwh": ("72", 6), "w": ("38", 0), "kw": ("38", 3), "mw": ("38", 6)}
# FlowDirectionKind: none, forward (to the customer); net counts only where nothing else does.
_DELIVERED, _NET = ("", "0", "1"), "4"
_FLOWS = {
    "19": "energy delivered to the grid (flow direction 19)",
    "20": "energy of both directions (flow direction 20)",
}
# AccumulationKind: none, delta, indicating, instantaneous; all others count up or hold a bound.
_BY_INTERVAL = ("", "0", "4", "6", "12")
_REGISTERS = {
    "1": "bulk quantity", "2": "continuous cumulative", "3": "cumulative", "9": "summation", "14": "bounded quantity",
}  # fmt: skip
_ELECTRICITY = ("", "0", "1", "2")  # CommodityKind: none, electricity by secondary and primary metering
_SERVICES = {"0": "electricity", "1": "gas", "2": "water", "4": "heat", "10": "cooling"}
_QUALIFIERS = ("", "0", "2", "4", "12")  # DataQualifierKind: none, average, excess …, normal
_SINGLE_PHASES = frozenset({"128", "129", "132", "136", "64", "65", "66", "72", "32", "33", "40"})


class Meter(NamedTuple):
    """A series of readings that is taken: its channel, its intervals, and how to turn a value into ours."""

    channel: str
    interval_s: int
    column: str
    factor: float
    is_net: bool


@dataclass
class Found:
    """What the readings of one entry say of their times."""

    durations: Counter[str] = field(default_factory=Counter)
    first_s: float = np.inf
    last_s: float = -np.inf


@dataclass
class Series:
    """A MeterReading of the file, before it is decided whether it is taken."""

    path: str
    usage_point: str
    channel: str
    service: str
    reading_type: dict[str, str] | None
    interval_s: int | None
    entries: list[int]
    first_s: float
    last_s: float

    @property
    def uom(self) -> str:
        """The unit of measure."""
        return self.value("uom")

    def value(self, name: str) -> str:
        """Return what the ReadingType says, "" where it says nothing."""
        return (self.reading_type or {}).get(name, "")


class _Links:
    """Which entry belongs to which: by the links up, by the paths themselves, or by the links down."""

    def __init__(self, entries: list[Entry]) -> None:
        self.by_path: dict[str, Entry] = {}
        self._above: dict[str, Entry] = {}
        for entry in entries:
            if entry.path and entry.kind:
                self.by_path.setdefault(entry.path, entry)
            for path in entry.links.get("related", []):
                self._above.setdefault(path, entry)

    def parent_of(self, entry: Entry, kind: str) -> Entry | None:
        """Return the entry of a kind that another belongs to, or None where nothing says it."""
        ups = entry.links.get("up", [])
        paths = [*ups, *(_outer(up) for up in ups), _outer(_outer(entry.path))]
        for path in paths:
            above = self.by_path.get(path)
            if above is not None and above.kind == kind:
                return above
        for path in (entry.path, *ups, _outer(entry.path)):
            above = self._above.get(path) if path else None
            if above is not None and above.kind == kind:
                return above
        return None


def _outer(path: str) -> str:
    return path.rpartition("/")[0]


def list_series(entries: list[Entry], found: dict[int, Found], given: FileMapping, label: str) -> list[Series]:
    """Return every series of readings with what its entries link to."""
    links = _Links(entries)
    points = list({id(entry): entry for entry in entries if entry.kind == "UsagePoint"}.values())
    points = list({point.path or id(point): point for point in reversed(points)}.values())[::-1]
    names = _usage_point_names(points)
    types = _distinct_types(entries)
    blocks: dict[str, list[int]] = {}
    readings: dict[str, Entry] = {}
    for number in found:
        entry = entries[number] if number >= 0 else Entry()
        above = links.parent_of(entry, "MeterReading")
        path = above.path if above is not None and above.path else _series_path(entry)
        blocks.setdefault(path, []).append(number)
        if above is not None:
            readings[path] = above
    chosen = _given_series(given, blocks, label)
    result = []
    for path, numbers in blocks.items():
        reading = readings.get(path)
        first = entries[numbers[0]] if numbers[0] >= 0 else Entry()
        if given.types_by_order:
            reading_type = _type_above(entries, numbers[0])
        else:
            reading_type = _reading_type(first, reading, links, types)
        point = links.parent_of(reading, "UsagePoint") if reading is not None else None
        point = point or _point_by_path(path, points) or (points[0] if len(points) == 1 else None)
        if point is None and len(points) > 1 and not given.series:
            flags = " ".join(f'--series "{_short(one)}=NAME"' for one in blocks)
            raise DataError(
                f"{label}: does not say to which of its {len(points)} usage points the readings {path!r} belong; "
                f"name each series: {flags}"
            )
        merged = sum((found[number].durations for number in numbers), Counter())
        declared = (reading_type or {}).get("intervalLength", "")
        result.append(
            Series(
                path,
                path if given.series else (point.path if point is not None else ""),
                chosen.get(path, "") if given.series else names.get(id(point), "Meter"),
                point.values.get("serviceKind", "") if point is not None else "",
                _with_unit(reading_type, given),
                _agreed_length(merged, declared, entries, numbers),
                numbers,
                min(found[number].first_s for number in numbers),
                max(found[number].last_s for number in numbers),
            )
        )
    return [one for one in result if not given.series or one.path in chosen]


def _series_path(entry: Entry) -> str:
    """Return the path under which readings without a MeterReading lie.

    ``…/MeterReading/2/IntervalBlock/1`` lies in the collection ``…/MeterReading/2/IntervalBlock``, which the link
    ``up`` may name, and that belongs to ``…/MeterReading/2``.
    """
    if "/IntervalBlock" in entry.path:
        return entry.path.partition("/IntervalBlock")[0]
    up = next(iter(entry.links.get("up", [])), "")
    return up.partition("/IntervalBlock")[0] if "/IntervalBlock" in up else up or _outer(_outer(entry.path))


def _point_by_path(path: str, points: list[Entry]) -> Entry | None:
    return next((point for point in points if point.path and path.startswith(f"{point.path}/")), None)


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _given_series(given: FileMapping, blocks: dict[str, list[int]], label: str) -> dict[str, str]:
    """Return path → channel of the series that the operator names."""
    chosen = {}
    for text in given.series:
        link, _, name = text.rpartition("=")
        matches = [path for path in blocks if path == link or path.endswith(f"/{link}")]
        if len(matches) != 1 or not name.strip():
            shown = ", ".join(map(repr, map(_short, blocks)))
            raise DataError(f"{label}: --series {text!r} names {len(matches)} of its series; they are {shown}")
        chosen[matches[0]] = name.strip()
    return chosen


def _distinct_types(entries: list[Entry]) -> list[dict[str, str]]:
    types: list[dict[str, str]] = []
    for entry in entries:
        if entry.kind == "ReadingType" and entry.values not in types:
            types.append(entry.values)
    return types


def _reading_type(
    first: Entry, reading: Entry | None, links: _Links, types: list[dict[str, str]]
) -> dict[str, str] | None:
    """Return what a series' ReadingType says: its own, or the file's only one; None where nothing says it."""
    if first.has_type:
        return first.values
    for href in reading.links.get("related", []) if reading is not None else []:
        linked = links.by_path.get(href)
        if linked is not None and linked.kind == "ReadingType":
            return linked.values
    return types[0] if len(types) == 1 else None


def _type_above(entries: list[Entry], number: int) -> dict[str, str] | None:
    """Return what the ReadingType next above an entry says, where files tell by order what belongs together."""
    above = (entry.values for entry in reversed(entries[: max(number, 0)]) if entry.kind == "ReadingType")
    return next(above, None)


def _with_unit(reading_type: dict[str, str] | None, given: FileMapping) -> dict[str, str] | None:
    """Return a ReadingType with the operator's unit, where it says none itself."""
    if given.unit is None or (reading_type or {}).get("uom"):
        return reading_type
    uom, power = _UNIT_NUMBERS[given.unit.casefold()]
    return (reading_type or {}) | {"uom": uom, "powerOfTenMultiplier": str(power)}


def _usage_point_names(points: list[Entry]) -> dict[int, str]:
    """Return the name of each usage point: its title, or with what tells it apart where the title does not."""
    titles = Counter(clean_channel_name(entry.title) for entry in points)
    numbers = Counter((clean_channel_name(entry.title), entry.path.rpartition("/")[2]) for entry in points)
    parts = [entry.path.split("/") for entry in points]
    common = set.intersection(*map(set, parts)) if parts else set()
    names = {}
    for entry in points:
        title, number = clean_channel_name(entry.title), entry.path.rpartition("/")[2]
        if title and titles[title] == 1:
            names[id(entry)] = title
        elif numbers[title, number] == 1:
            names[id(entry)] = f"{title or 'Usage point'} {number}".strip()
        else:
            names[id(entry)] = "-".join(part for part in entry.path.split("/") if part not in common)
    return names


def check_batch(entries: list[Entry], series: list[Series], given: FileMapping, label: str) -> None:
    """Refuse a batch for a third party, which may hold the meters of several customers, unless points are named."""
    points = [entry for entry in entries if entry.kind == "UsagePoint"]
    is_batch = any("/Batch" in f"/{up}" for entry in points for up in entry.links.get("up", []))
    if is_batch and not given.points and not given.series:
        names = list(dict.fromkeys(one.channel for one in series))
        flags = " ".join(f'--point "{name}"' for name in names[:5])
        raise DataError(
            f"{label}: is a batch for a third party, which may hold several customers' meters; name this site's: "
            f"{flags}, or --point all"
        )
    unknown = sorted(set(given.points) - {"all"} - {one.channel for one in series})
    if unknown:
        there = ", ".join(dict.fromkeys(repr(one.channel) for one in series))
        raise DataError(f"{label}: has no usage point {unknown[0]!r}; they are {there}")


def _agreed_length(durations: Counter[str], declared: str, entries: list[Entry], numbers: list[int]) -> int | None:
    """Return the length [s] that nearly all readings have, or the declared one; None where there is none."""
    lengths: Counter[str] = Counter()
    for text, count in durations.items():
        lengths[text or declared] += count
    (length, count), *_ = lengths.most_common(1)
    if not re.fullmatch(r"\d{1,9}", length) or count < MIN_AGREEMENT * sum(lengths.values()) or int(length) == 0:
        return None
    for number in numbers:
        for block in entries[number].blocks if number >= 0 else ():
            fits = block.duration.isdigit() and int(block.duration) == block.untimed * int(length)
            if block.untimed and not (fits and block.start.isdigit()):
                return None
    return int(length)


def choose_series(series: list[Series], given: FileMapping, label: str) -> tuple[dict[int, Meter], list[str]]:
    """Return the meters by entry, one series for each usage point, and what is left out for which reason."""
    left_out: list[str] = []
    candidates: dict[str, list[Series]] = {}
    for one in series:
        reason = _reason_against(one, given)
        if reason:
            left_out.append(f"{one.channel}: {reason}")
        else:
            candidates.setdefault(one.usage_point, []).append(one)
    meters: dict[int, Meter] = {}
    for group in candidates.values():
        taken = _taken(group, left_out, label)
        column, factor = _UNITS[taken[0].uom]
        meter = Meter(
            taken[0].channel,
            check_interval(taken[0].interval_s or 0, f"{label}, {taken[0].channel}"),
            column,
            factor * 10.0 ** _power_of_ten(taken[0]) * (given.factor or 1.0),
            taken[0].value("flowDirection") == _NET,
        )
        meters |= {number: meter for one in taken for number in one.entries}
    return meters, left_out


def _taken(group: list[Series], left_out: list[str], label: str) -> list[Series]:
    """Return the series of a usage point that are its use: the best one, and those that go on where it ends."""
    # Energy before power, delivered before net, all phases before one, and of several lengths the finest.
    group.sort(
        key=lambda one: (
            one.uom != "72",
            one.value("flowDirection") == _NET,
            one.value("phase") in _SINGLE_PHASES,
            one.interval_s or 0,
        )
    )
    chosen, taken = group[0], [group[0]]
    for one in group[1:]:
        if _kind_of(one) != _kind_of(chosen):
            left_out.append(f"{one.channel}: {_beside(one, chosen)}")
        elif one.value("phase") != chosen.value("phase") and one.value("phase") in _SINGLE_PHASES:
            if chosen.value("phase") in _SINGLE_PHASES:
                raise DataError(
                    f"{label}: {chosen.channel!r} has readings by phase and not of all; take each as a channel: "
                    + " ".join(f'--series "{_short(each.path)}=NAME"' for each in group)
                )
            left_out.append(f"{one.channel}: a single phase beside the total")
        elif any(one.first_s <= other.last_s and other.first_s <= one.last_s for other in taken):
            flags = " ".join(
                f'--series "{_short(each.path)}=NAME"' for each in group if _kind_of(each) == _kind_of(chosen)
            )
            raise DataError(
                f"{label}: {chosen.channel!r} has several series of the same kind and times; name each that is a meter "
                f"of its own: {flags}"
            )
        else:
            taken.append(one)
    return taken


def _kind_of(series: Series) -> tuple[object, ...]:
    flow = "1" if series.value("flowDirection") in _DELIVERED else series.value("flowDirection")
    return (series.uom, flow, series.value("powerOfTenMultiplier") or "0", series.interval_s)


def _beside(one: Series, chosen: Series) -> str:
    if one.value("flowDirection") == _NET:
        return "the net of both directions, beside what was delivered"
    return f"a series of {one.interval_s} s beside the one that was taken"


def _power_of_ten(series: Series) -> int:
    """Return the exponent of a series' multiplier; ESPI knows −12 to 9."""
    text = series.value("powerOfTenMultiplier") or "0"
    if not re.fullmatch(r"[+-]?\d{1,2}", text):
        raise DataError(f"{series.channel}: its multiplier {text[:20]!r} is no power of ten; ask the utility")
    return int(text)


def _reason_against(one: Series, given: FileMapping) -> str | None:
    """Return why a series is not use of electricity by interval, or None."""
    if given.points and "all" not in given.points and one.channel not in given.points:
        return "not among --point"
    if one.service not in ("", "0"):
        return f"{_SERVICES.get(one.service, 'service ' + one.service)}, no electricity"
    if one.reading_type is None or not one.uom:
        return (
            "says no unit (no ReadingType is linked, or it has no uom); give --types-by-order if each block stands "
            "below its ReadingType, or --unit if the utility tells it"
        )
    if one.uom not in _UNITS:
        return f"unit of measure {one.uom} is neither energy (72, Wh) nor power (38, W)"
    if one.value("commodity") not in _ELECTRICITY:
        return f"commodity {one.value('commodity')} is not electricity"
    flow = one.value("flowDirection")
    if flow not in (*_DELIVERED, _NET):
        return f"{_FLOWS.get(flow, f'flow direction {flow}')} is not use"
    behaviour = one.value("accumulationBehaviour")
    if behaviour not in _BY_INTERVAL:
        return (
            f"a register ({_REGISTERS.get(behaviour, f'accumulation {behaviour}')}), not the use of each interval; its "
            "file does not say whether it was read at an interval's start or end, so no differences are taken"
        )
    if one.value("dataQualifier") not in _QUALIFIERS:
        return f"data qualifier {one.value('dataQualifier')} is a maximum, minimum or the like"
    if one.interval_s is None:
        return "its intervals have no common length"
    if one.interval_s > LONGEST_INTERVAL_S:
        return f"intervals of {one.interval_s / 3600:g} hours are too long, as findings need an hour or less"
    if given.interval_minutes and one.interval_s != given.interval_minutes * 60:
        return f"intervals of {one.interval_s / 60:g} minutes, and --interval-minutes says {given.interval_minutes}"
    return None
