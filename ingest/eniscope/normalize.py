"""Turns replies of the Eniscope API into rows in our units. Pure: no network, no database, no clock.

The service is lax about types (numbers and epochs come as strings, beside true nulls and booleans), so everything is
parsed leniently, and what cannot be read is counted and left out rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ingest.storage.plausibility import (
    REJECT_UNPARSABLE,
    REJECT_WRONG_RESOLUTION,
    Reject,
    Rules,
    collect_rejects,
    count_reasons,
    find_reasons,
    keep_first,
    tell_unparsable,
)
from lib.date_utils import Window
from lib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Field of the service → column of `readings` and the unit it comes in when the reply does not say.
FIELD_COLUMNS: dict[str, tuple[str, str]] = {
    "E": ("energy_kwh", "Wh"),
    "P": ("power_kw", "W"),
    "P1": ("power_l1_kw", "W"),
    "P2": ("power_l2_kw", "W"),
    "P3": ("power_l3_kw", "W"),
    "Q": ("reactive_power_kvar", "VAr"),
    "S": ("apparent_power_kva", "VA"),
    "V": ("voltage_v", "V"),
    "V1": ("voltage_l1_v", "V"),
    "V2": ("voltage_l2_v", "V"),
    "V3": ("voltage_l3_v", "V"),
    "I": ("current_a", "A"),
    "I1": ("current_l1_a", "A"),
    "I2": ("current_l2_a", "A"),
    "I3": ("current_l3_a", "A"),
    "In": ("current_neutral_a", "A"),
    "PF": ("power_factor", ""),
    "F": ("frequency_hz", "Hz"),
    "D": ("thd_current_pct", "%"),
    "T": ("temperature_c", "°C"),
    "RH": ("relative_humidity_pct", "%"),
    "CO2": ("co2_ppm", "ppm"),
    "Ex": ("exported_energy_kwh", "Wh"),
    "Pmax": ("peak_power_kw", "W"),
}
SENSOR_FIELDS = ("T", "RH", "CO2")
EXTRA_FIELDS = ("Ex", "Pmax")  # a meter that lacks them lacks nothing
METER_FIELDS = tuple(name for name in FIELD_COLUMNS if name not in (*SENSOR_FIELDS, *EXTRA_FIELDS))

# Unit that a field comes in by default → what the reply may say instead, and the factor to our column. Energy and power
# are kept in thousands. Compared without case: the service writes VAr, users have seen Var.
_UNIT_FACTORS: dict[str, dict[str, float]] = {
    "Wh": {"wh": 1e-3, "kwh": 1.0, "mwh": 1e3},
    "W": {"w": 1e-3, "kw": 1.0, "mw": 1e3},
    "VAr": {"var": 1e-3, "kvar": 1.0},
    "VA": {"va": 1e-3, "kva": 1.0},
    "V": {"v": 1.0, "kv": 1e3},
    "A": {"a": 1.0, "ma": 1e-3, "ka": 1e3},
    "": {"": 1.0, "pf": 1.0, "none": 1.0, "%": 1e-2},
    "Hz": {"hz": 1.0},
    "%": {"%": 1.0, "": 1.0, "percent": 1.0},
    "°C": {"°c": 1.0, "c": 1.0, "degc": 1.0, "celsius": 1.0},
    "ppm": {"ppm": 1.0, "": 1.0},
}
_ESSENTIAL_FIELDS = frozenset({"E", "P"})
_LARGEST_VALUE = 1e30  # far beyond any quantity here, and within what the narrower columns hold
_LATEST_EPOCH_S = 1e11  # a larger time stamp is in milliseconds

_BIGINT_LIMIT, _INTEGER_LIMIT = 2**63, 2**31
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,30}")  # a longer one is no id, and too long to be read at all
_NO_LIMITS = Rules()
# A day of minutes has 1,440 records and a month of quarter-hours 2,976, however often each may come.
MAX_RECORDS = 100_000


class ParsedReadings(NamedTuple):
    """What a reply holds.

    Attributes
    ----------
    rows
        `timestamp` (int64, epoch seconds UTC, interval start, ascending and unique) and a float64 column for each
        field asked, in our units; NaN is missing.
    fetched
        Records in the reply.
    rejects
        Reason → how many records were left out for it. A record without any value counts as `empty`: it says that
        nothing was measured yet, and storing it would keep the value out when it comes.
    quarantined
        The records among them that cannot be right or cannot be placed, for `ingest.storage.rejects`.
    """

    rows: pd.DataFrame
    fetched: int
    rejects: dict[str, int]
    quarantined: list[Reject]


def parse_organization(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the row of `organizations`; a missing time zone raises DataError, for local days depend on it."""
    site_id = parse_int(raw.get("organizationId"))
    timezone = parse_text(raw.get("timeZone"))
    if timezone is None:
        raise DataError(f"site {site_id}: the service gives no time zone; have the vendor set it")
    lines = [parse_text(raw.get(key)) for key in ("address1", "address2", "address3")]
    latitude, longitude = _parse_place(raw.get("lat"), raw.get("lng"))
    return {
        "organization_id": site_id,
        "name": parse_text(raw.get("organizationName")) or f"Site {site_id}",
        "parent_id": parse_int(raw.get("parentId")),
        "timezone": timezone,
        "currency_code": parse_text(raw.get("currencyCode")),
        "currency_symbol": parse_text(raw.get("currencySymbol")),
        "address": ", ".join(line for line in lines if line) or None,
        "city": parse_text(raw.get("city")),
        "state": parse_text(raw.get("state")),
        "post_code": parse_text(raw.get("postCode")),
        "country": parse_text(raw.get("country")),
        "latitude": latitude,
        "longitude": longitude,
        "status": parse_text(raw.get("status")),
    }


def parse_device(raw: dict[str, Any], site_id: int) -> dict[str, Any] | None:
    """Return the row of `devices`, or None for a record without an id."""
    device_id = parse_id(raw.get("deviceId"))
    if device_id is None or parse_int(raw.get("organizationId")) not in (None, site_id):
        return None
    return {
        "device_id": device_id,
        "organization_id": site_id,
        "name": parse_text(raw.get("deviceName")) or f"Device {device_id}",
        "device_type_id": parse_int(raw.get("deviceTypeId"), _INTEGER_LIMIT),
        "uuid": parse_text(raw.get("uuId")),
        "status": parse_text(raw.get("status")),
    }


def parse_channel(raw: dict[str, Any], site_id: int) -> dict[str, Any] | None:
    """Return the row of `channels`, or None for a record without an id or of another site."""
    channel_id = parse_id(raw.get("dataChannelId"))
    if channel_id is None or parse_int(raw.get("organizationId")) not in (None, site_id):
        return None
    return {
        "channel_id": channel_id,
        "organization_id": site_id,
        "device_id": parse_int(raw.get("deviceId")),
        "name": parse_text(raw.get("channelName")) or f"Channel {channel_id}",
        # No hierarchy of energy: the device id of the gateway, the same for all that report through it.
        "gateway_id": parse_int(raw.get("parentId")),
        "meter_id": parse_int(raw.get("meterId")),
        "uuid": parse_text(raw.get("uuId")),
        "device_type_id": parse_int(raw.get("deviceTypeId"), _INTEGER_LIMIT),
        "data_type": parse_text(raw.get("dataType")),
        "displayed_phase": parse_text(raw.get("displayedPhase")),
        "is_metering_point": parse_bool(raw.get("isMeteringPoint")),
        "installed_at": parse_epoch(raw.get("installedTs")),
        "uninstalled_at": parse_epoch(raw.get("uninstalledTs")),
        "license_ends_at": parse_epoch(raw.get("expires")),
        "status": parse_text(raw.get("status")),
    }


def parse_fields(raw: Any) -> tuple[str, ...]:
    """Return the fields that we keep among those a ``/fields`` reply names, whatever its shape."""
    return tuple(name for name in FIELD_COLUMNS if name in set(_strings_in(raw)))


def parse_resolution(reply: dict[str, Any]) -> int | None:
    """Return the resolution that the reply says it has, in seconds, or None when it says none."""
    return parse_int(reply.get("resolution"))


def parse_readings(
    reply: dict[str, Any], window: Window, interval_s: int, fields: Iterable[str], rules: Rules = _NO_LIMITS
) -> ParsedReadings:
    """Turn a reply to ``/readings/{channelId}`` into rows.

    Parameters
    ----------
    window
        The window asked, on the grid of `interval_s`.
    fields
        The fields asked; a record without one of them has NaN there.
    rules
        What a record of this channel can be at all.

    Raises
    ------
    DataError
        When the reply has no list of records, or a unit that we cannot turn into ours.
    """
    import pandas as pd

    records = _records_of(reply)
    objects = [record for record in records if isinstance(record, dict)]
    told = reply.get("units")
    units = told if isinstance(told, dict) else {}
    fields = tuple(fields)
    columns = {
        FIELD_COLUMNS[field][0]: to_floats([record.get(field) for record in objects]) * _unit_factor(field, units)
        for field in fields
    }
    timestamp = _to_epoch_s([record.get("ts") for record in objects])
    reasons = find_reasons(timestamp, columns, window, interval_s, rules)
    essential = {field: columns[FIELD_COLUMNS[field][0]] for field in fields if field in _ESSENTIAL_FIELDS}
    tell_unparsable(reasons, objects, fields, essential)
    keep = keep_first(timestamp, reasons)
    quarantined = [Reject(REJECT_UNPARSABLE, None, record) for record in records if not isinstance(record, dict)]
    rejects = count_reasons(reasons)
    if quarantined:
        rejects[REJECT_UNPARSABLE] = rejects.get(REJECT_UNPARSABLE, 0) + len(quarantined)
    quarantined += collect_rejects(objects, timestamp, columns, reasons, keep)
    rows = {"timestamp": timestamp[keep].astype(np.int64)} | {name: column[keep] for name, column in columns.items()}
    return ParsedReadings(pd.DataFrame(rows), len(records), rejects, quarantined)


def quarantine_resolution(reply: dict[str, Any]) -> list[Reject]:
    """Return all records of a reply that came at another resolution than asked."""
    return [
        Reject(REJECT_WRONG_RESOLUTION, parse_number(record.get("ts")) if isinstance(record, dict) else None, record)
        for record in _records_of(reply)
    ]


def _records_of(reply: dict[str, Any]) -> list[Any]:
    records = reply.get("records")
    if not isinstance(records, list):
        raise DataError("the reply has no list of records; the service may have changed")
    return records


class IncompleteReplyError(DataError):
    """A reply holds fewer records than it says."""


def check_reply(reply: dict[str, Any], channel_id: int, window: Window) -> None:
    """Raise a DataError when the reply is of another channel, or holds more records than any, or fewer than it says."""
    answered = parse_int(reply.get("channel"))
    if answered not in (None, channel_id):
        raise DataError(f"channel {channel_id}, {window}: the service answered for channel {answered}; run again later")
    records, count = reply.get("records"), parse_int(reply.get("recordCount"))
    if not isinstance(records, list):
        return
    if len(records) > MAX_RECORDS:
        raise DataError(
            f"channel {channel_id}, {window}: {len(records):,} records came, which no window has; nothing of them was "
            "stored, run again later, then ask the vendor"
        )
    if count is not None and len(records) < count:
        raise IncompleteReplyError(
            f"channel {channel_id}, {window}: {len(records)} records came of {count}; run again later"
        )


def to_floats(given: list[Any]) -> np.ndarray:
    """Return numbers, also from strings; anything else, infinities and booleans among it, is NaN."""
    import pandas as pd

    kinds = set(map(type, given))
    if int in kinds or not kinds <= {float, str, NoneType}:
        given = [None if _is_no_float(value) else value for value in given]
    if str in kinds:
        column = pd.Series(given, dtype=object)  # its type is not to be inferred: half a surrogate pair is no string
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.array(given, dtype=np.float64)
    return np.where(np.abs(values) < _LARGEST_VALUE, values, np.nan) + 0.0  # −0 becomes 0


def _is_no_float(value: Any) -> bool:
    """Tell what is neither a number that a float can hold nor a text that may be one."""
    if isinstance(value, int):
        return isinstance(value, bool) or abs(value) >= _LARGEST_VALUE
    return not isinstance(value, (float, str))


def _to_epoch_s(given: list[Any]) -> np.ndarray:
    """Return epoch seconds, also from epoch milliseconds."""
    values = to_floats(given)
    return np.where(values > _LATEST_EPOCH_S, values / 1000, values)


def _unit_factor(field: str, units: dict[str, Any]) -> float:
    """Return the factor from the reply's unit to our column's; NaN, so that nothing is stored, for an unknown one.

    Energy and power in an unknown unit are an error: without them the channel says nothing.
    """
    default_unit = FIELD_COLUMNS[field][1]
    unit = default_unit if units.get(field) is None else str(units[field])
    factor = _UNIT_FACTORS[default_unit].get(unit.strip().casefold())
    if factor is None and field in _ESSENTIAL_FIELDS:
        raise DataError(f"field {field} came in {unit!r}, a unit that is not known here; nothing of it was stored")
    return np.nan if factor is None else factor


def _strings_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings_in(item)


def parse_text(value: Any) -> str | None:
    """Return the text without surrounding space and without NUL, which PostgreSQL cannot keep; None if empty."""
    if value is None or isinstance(value, (dict, list)):
        return None
    # A lone surrogate, which JSON can hold, has no UTF-8.
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return text.strip() or None


def parse_number(value: Any) -> float | None:
    """Return a finite number, also from a string, or None."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def _parse_place(lat: Any, lng: Any) -> tuple[float | None, float | None]:
    """Return degrees north and east; none where they are nowhere on earth, or where only nobody has set them (0, 0)."""
    latitude, longitude = parse_number(lat), parse_number(lng)
    if latitude is None or longitude is None or (latitude, longitude) == (0.0, 0.0):
        return None, None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)


def parse_int(value: Any, limit: int = _BIGINT_LIMIT) -> int | None:
    """Return a whole number below `limit`, that of a bigint unless said otherwise, also from a string, or None."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        number = int(value)  # exactly, where a float would round an id of 16 digits
    fraction = parse_number(value) if number is None else None
    if fraction is not None and fraction == int(fraction):
        number = int(fraction)
    return number if number is not None and abs(number) < limit else None


def parse_id(value: Any) -> int | None:
    """Return the number of a device or channel, which is above zero, or None."""
    number = parse_int(value)
    return number if number is not None and number > 0 else None


def parse_bool(value: Any) -> bool | None:
    """Return a truth value, also from 0/1 and from words, or None."""
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(str(value).lower())


def parse_epoch(value: Any) -> datetime | None:
    """Return the UTC moment of an epoch in seconds; zero and the like mean that none is set."""
    seconds = parse_number(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds and 0 < seconds < 1e11 else None
