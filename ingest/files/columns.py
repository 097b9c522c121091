"""What the name of a column says: a time, a meter, a unit, energy that was used, or something else. Pure.

A name is recognised as a whole or not at all. What can mean two things is told apart here (`Meaning`), so that
`ingest.files.layout` can ask instead of guess: energy that flowed back, another commodity, a price for a kWh.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

ENERGY_COLUMN, POWER_COLUMN = "energy_kwh", "power_kw"
# Unit, without case → column of `readings` and the factor to its unit. MW is the megawatt: no meter reports milliwatts.
UNITS: dict[str, tuple[str, float]] = {
    "wh": (ENERGY_COLUMN, 1e-3),
    "kwh": (ENERGY_COLUMN, 1.0),
    "mwh": (ENERGY_COLUMN, 1e3),
    "w": (POWER_COLUMN, 1e-3),
    "kw": (POWER_COLUMN, 1.0),
    "mw": (POWER_COLUMN, 1e3),
}
UNIT_NAMES = ("Wh", "kWh", "MWh", "W", "kW", "MW")

DATE_NAMES = frozenset({"date", "local_date", "day", "usage_date", "reading_date", "read_date"})
TIME_OF_DAY_NAMES = frozenset(
    {"time", "start_time", "time_of_day", "local_time", "interval_start", "start", "usage_start_time"}
)
HOUR_NAMES = frozenset({"hour", "hr", "hour_of_day", "he"})
PLAIN_NAMES = frozenset(
    {"timestamp", "time_stamp", "datetime", "date_time", "time", "local_time", "date_and_time", "reading_time"}
)
START_NAMES = frozenset(
    {
        "start", "start_time", "interval_start", "period_start", "usage_start", "start_date_time", "start_datetime",
        "start_date", "interval_beginning", "hour_beginning", "from",
    }
)  # fmt: skip
END_NAMES = frozenset(
    {
        "end", "end_time", "interval_end", "interval_ending", "hour_ending", "period_end", "period_ending", "usage_end",
        "end_date_time", "end_datetime",
    }
)  # fmt: skip
_CLOCK_WORDS = ("_local", "_utc", "_gmt", "_est", "_edt", "_cst", "_cdt", "_mst", "_mdt", "_pst", "_pdt")

METER_NAMES = frozenset(
    {
        "channel", "channel_name", "channel_id", "meter", "meter_name", "meter_id", "meter_number", "circuit", "device",
        "point", "building", "building_id",
    }
)  # fmt: skip
# They name the meter where the file holds several; a file of one supply point is named as the operator likes.
SUPPLY_POINT_NAMES = frozenset(
    {"mpan", "mprn", "esiid", "esi_id", "nmi", "ean", "ean_code", "serial_number", "meter_serial_number", "asset_name"}
)
UNIT_COLUMN_NAMES = frozenset({"unit", "units", "uom", "unit_of_measure"})
QUANTITY_WORDS = frozenset(
    {
        "", "energy", "power", "value", "usage", "use", "consumption", "reading", "meter_reading", "demand", "load",
        "active_energy", "active_power", "import", "delivered",
    }
)  # fmt: skip
# They vary from row to row and tell no series from another.
CALENDAR_NAMES = frozenset(
    {
        "year", "month", "day", "hour", "minute", "weekday", "day_of_week", "week", "quarter", "date", "time", "season",
        "day_type", "time_category", "is_weekend", "unix_timestamp", "epoch",
    }
)  # fmt: skip
HARMLESS_NAMES = frozenset(
    {
        "status", "quality", "flag", "flags", "estimated", "estimated_actual", "note", "notes", "comment", "comments",
        "weather", "events_occurred", "reading_quality", "validation_status", "ersatzwert",
    }
)  # fmt: skip

# kWh, and as portals and building systems write it: kWhs, kW-hr, kW·h, kWatts, Watts, kilowatt-hours.
_UNIT = r"[kM]?W(?:[-·]?hr?s?|atts?(?:[- ]?hours?)?)?|kilowatt[- ]?hours?"
_BRACKETED = re.compile(rf"^(?P<name>.*?)\s*[\[(]\s*(?P<unit>{_UNIT})\s*[\])]\s*$", re.IGNORECASE)
_SUFFIXED = re.compile(rf"^(?P<name>.*?)(?:^|[\s_.-])(?P<unit>{_UNIT})\s*$", re.IGNORECASE)
_RATE = re.compile(
    r"(?:/|\bper\b)\s*[kM]?Wh?\b|\b[kM]?Wh?\s*(?:/|\bper\b)\s*\w|[$€£¥₹]|\b(?:price|pricing|cost|costs|amount|"
    r"tariff rate|unit rate|co2|gco2|carbon|emissions?|intensity)\b",
    re.IGNORECASE,
)
# In words of any language that compounds: Netzeinspeisung, SolarProduction, Energia immessa.
_EXPORT_STEMS = re.compile(
    r"export|outflow|inject|injekt|injet|surplus|solar|photovolt|generat|returned|redeliver|teruglever|teruggelever|einspeis|"
    r"immess|immission|vertid|excedent|solcelle|inmatning|feed in|to (?:the )?grid|to utility"
)
_EXPORT_WORDS = frozenset({"feedin", "pv"})
_PERHAPS_EXPORT_WORDS = frozenset(
    {"production", "produced", "produktion", "producción", "produzione", "return", "received", "out", "yield"}
)
_SERIES_WORDS = frozenset(
    {
        "channel", "register", "meter", "circuit", "phase", "id", "number", "no", "code", "type", "direction", "kind",
        "class", "category", "obis", "stream", "device", "point", "serial", "tariff", "series",
    }
)  # fmt: skip
_FACTOR_WORDS = frozenset({"multiplier", "multiplikator", "ratio", "scaling"})
_EXTREME_WORDS = frozenset({"max", "maximum", "peak", "min", "minimum", "highest", "lowest"})
_COMMODITY_WORDS = frozenset(
    {
        "gas", "natural", "heat", "heating", "cooling", "steam", "water", "hot", "cold", "chilled", "district", "fuel",
        "oil", "propane", "lpg", "diesel", "biomass", "gaz", "erdgas", "wärme", "fernwärme", "warmte", "wasser", "eau",
        "chaleur", "varme", "calor",
    }
)  # fmt: skip
_GENERIC_WORDS = frozenset(
    {
        "load", "energy", "usage", "use", "consumption", "total", "meter", "demand", "power", "reading", "value",
        "interval", "active", "to", "from", "grid", "the", "of", "electricity", "main", "site", "ac", "dc", "t1", "t2",
        "1", "2", "3", "a", "b", "c", "low", "normal", "tariff", "system", "plant",
        "inverter", "wh", "kwh", "w", "kw", "mwh",
    }
)  # fmt: skip


_OBIS = re.compile(r"(?<![\d.])(?:\d{1,2}-\d{1,3}:)?(\d{1,2})\.(?:6|7|8|9|29)\.\d{1,2}(?![\d.])")
# Codes that mean something only beside each other → what each is: UK settlement, Ausgrid, NEM12, Spain.


class Meaning(StrEnum):
    """What a column of numbers is, by its name."""

    USE = "use"
    RATE = "a price or rate, no energy"
    EXPORT = "energy that is generated or flows back"
    EXTREME = "a maximum or minimum, no mean of the interval"
    COMMODITY = "another commodity than electricity"
    REACTIVE = "reactive energy"


# Codes that tell something only beside each other, and what is no use among them: UK settlement, Ausgrid, NEM12, Spain.
_CODE_SETS: tuple[tuple[frozenset[str], dict[str, Meaning]], ...] = (
    (
        frozenset({"ai", "ae", "ri", "re"}),
        {"ae": Meaning.EXPORT, "ri": Meaning.REACTIVE, "re": Meaning.REACTIVE},
    ),
    (frozenset({"gc", "cl", "gg"}), {"gg": Meaning.EXPORT}),
    (
        frozenset({"e1", "e2", "e3", "b1", "b2", "q1", "k1"}),
        {"b1": Meaning.EXPORT, "b2": Meaning.EXPORT, "q1": Meaning.REACTIVE, "k1": Meaning.REACTIVE},
    ),
    (frozenset({"ae", "as", "r1", "r2", "r3", "r4"}), {"as": Meaning.EXPORT}),
)


class UnitOfName(NamedTuple):
    """A column's name without its unit, the unit or None, and whether a lone W may be part of the name instead."""

    name: str
    unit: str | None
    is_unsure: bool = False


def key_of(cell: str) -> str:
    """Return a column's name in lower case with single underscores, by which it is recognised."""
    return re.sub(r"[^a-z0-9]+", "_", cell.casefold()).strip("_")


def bare(key: str) -> str:
    """Return a key without the clock that it names at its end."""
    for word in _CLOCK_WORDS:
        key = key.removesuffix(word)
    return key


def canonical_unit(text: str) -> str:
    """Return a unit as `UNITS` has it."""
    text = text.strip().casefold()
    is_energy = "h" in text.removeprefix("kilowatt")
    prefix = {"k": "k", "m": "M"}.get(text[0], "")
    return f"{prefix}W{'h' if is_energy else ''}"


def unit_in(text: str) -> str | None:
    """Return the unit that a cell of a column of units says: as a whole, or in brackets at its end."""
    if re.fullmatch(_UNIT, text.strip(), re.IGNORECASE):
        return canonical_unit(text)
    match = _BRACKETED.match(text)
    return canonical_unit(match["unit"]) if match else None


def split_unit(cell: str) -> UnitOfName:
    """Return a column's name and the unit that it ends with."""
    text = cell.strip()
    if _RATE.search(text):
        return UnitOfName(text, None)
    if match := _BRACKETED.match(text):
        return UnitOfName(match["name"].strip(" _-"), canonical_unit(match["unit"]))
    if match := _SUFFIXED.match(text):
        name = match["name"].strip(" _-")
        is_letter = match["unit"] in ("W", "w") and key_of(name) not in QUANTITY_WORDS
        return UnitOfName(name, canonical_unit(match["unit"]), is_letter)
    return UnitOfName(text, None)


def meaning_of(cell: str) -> Meaning:
    """Return what a column of numbers is, by the words of its name."""
    if _RATE.search(cell):
        return Meaning.RATE
    if match := _OBIS.search(cell):
        return Meaning.USE if match[1] == "1" else Meaning.EXPORT if match[1] == "2" else Meaning.REACTIVE
    spaced = _spaced(cell).replace("feed-in", "feedin")
    words = set(re.findall(r"[^\W_]+", spaced))
    if _EXPORT_STEMS.search(" ".join(re.findall(r"[^\W_]+", spaced))) or _EXPORT_WORDS & words:
        return Meaning.EXPORT
    others = words - _GENERIC_WORDS
    if others and others <= _PERHAPS_EXPORT_WORDS:
        return Meaning.EXPORT
    if others and others <= _EXTREME_WORDS and {"kw", "w", "mw"} & words:
        return Meaning.EXTREME
    if others and others <= _COMMODITY_WORDS:
        return Meaning.COMMODITY
    return Meaning.USE


def meanings_of(names: Iterable[str]) -> dict[str, Meaning]:
    """Return what each of some names is that stand beside each other: columns of a header, or texts of a column."""
    names = list(names)
    codes = {name: key_of(split_unit(name).name) for name in names}
    meanings = {name: meaning_of(name) for name in names}
    for known, others in _CODE_SETS:
        own = known & set(codes.values())
        if own - set(others) or own == set(codes.values()):
            meanings |= {name: others[code] for name, code in codes.items() if code in own & set(others)}
    return meanings


def names_series(cell: str) -> bool:
    """Return whether a column is named after what tells series apart, so that its numbers are no measurement."""
    return bool(_SERIES_WORDS & set(re.findall(r"[a-z]+", _spaced(cell))))


def names_factor(cell: str) -> bool:
    """Return whether a column is named after a factor of the values."""
    return bool(_FACTOR_WORDS & set(re.findall(r"[a-z]+", _spaced(cell))))


def _spaced(cell: str) -> str:
    """Return a name in lower case with its words apart, those of ChannelNumber too."""
    return re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", " ", cell).casefold()


def zone_said(cell: str) -> str | None:
    """Return the zone of standard or summer time that a time's column names, other than UTC, or None."""
    match = re.search(r"\b([ECMP][SD]T|(?:UTC|GMT)\s?[+-]\s?\d{1,2}(?::?\d{2})?|CEST|BST)\b", cell)
    return match[1] if match else None


def first_of(keys: Sequence[str], names: frozenset[str], used: set[int]) -> int | None:
    """Return the place of the first key, clock words left aside, that is one of the names."""
    return next((place for place, key in enumerate(keys) if bare(key) in names and place not in used), None)


def find_time_columns(cells: Sequence[str]) -> tuple[int, ...] | None:
    """Return the places of the time, or of date and time of day, in a header line; None for a line that is none."""
    keys = [key_of(cell) for cell in cells]
    date = first_of(keys, DATE_NAMES, set())
    if date is not None:
        for names in (TIME_OF_DAY_NAMES, END_NAMES, HOUR_NAMES):
            time_of_day = first_of(keys, names, {date})
            if time_of_day is not None:
                return (date, time_of_day)
    for names in (PLAIN_NAMES, START_NAMES, END_NAMES):
        place = first_of(keys, names, set())
        if place is not None:
            return (place,)
    return None if date is None else (date,)
