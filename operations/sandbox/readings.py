"""`GET /readings/{channelId}`: from query parameters to the reply's JSON."""

from __future__ import annotations

import json
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from werkzeug.datastructures import MultiDict

from operations.sandbox.date_words import WORDS, Span, parse_span
from operations.sandbox.noise import Columns
from operations.sandbox.profiles import DAY_ACTIONS, Action, compute_day
from operations.sandbox.replies import ServiceError
from operations.sandbox.site_model import FIELD_UNITS, METER_TYPE_ID, Catalogue, Channel

_DAY_S = 86400
_HOUR_S = 3600
SERVED_DECIMALS = 6
RESOLUTIONS_S = (60, 900, 1800, 3600, _DAY_S)

# Longest range [days] that each asked resolution is answered at, and the resolution then used; beyond the last rung
# it is days. The service publishes no table; that 60 s over a week comes back at 1800 s, and that 90 days at 900 s
# are given, is what is known.
_LADDERS: dict[str, tuple[tuple[int, int], ...]] = {
    "60": ((1, 60), (3, 900), (200, 1800), (400, 3600)),
    "900": ((100, 900), (400, 3600)),
    "1800": ((200, 1800), (400, 3600)),
    "3600": ((400, 3600),),
    "86400": (),
    "auto": ((2, 900), (14, 1800), (100, 3600)),
}
_COUNTERS = tuple(f"{name}{phase}" for name in ("E", "Ex", "RE", "AE") for phase in ("", 1, 2, 3))


class Source(Protocol):
    """Where readings come from: the model, or measured files."""

    @property
    def catalogue(self) -> Catalogue:
        """What the account can see by now."""

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the finest resolution of a channel [s]."""

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        """Return ``ts`` and all fields of the intervals that have a row."""


def build_reading(
    source: Source,
    channel: Channel,
    args: MultiDict[str, str],
    now_s: float,
    *,
    is_coarse: bool = False,
    is_lenient: bool = False,
) -> str:
    """Return the JSON of a reading.

    Parameters
    ----------
    args
        The query parameters.
    now_s
        The service's clock, Unix time [s]; only intervals that are over by then are served.
    is_coarse
        Answer at the next coarser resolution than is due, as the service does at times with long windows.
    is_lenient
        Answer nulls where the channel has none of the fields asked, in place of refusing.
    """
    fields = _parse_fields(args, channel, is_lenient)
    action = _parse_action(args)
    time_zone = source.catalogue.zone_of(channel)
    span = parse_span(args, ZoneInfo(time_zone), now_s)
    native_s = source.get_resolution_s(channel)
    resolution_s = choose_resolution_s(args.get("res", "auto"), span, native_s)
    if is_coarse:
        resolution_s = next((wider for wider in RESOLUTIONS_S if wider > resolution_s), resolution_s)
    if action == Action.TOTAL:
        # One interval as long as the range; which shape the service gives it is not known.
        resolution_s = max((span.end_s - span.start_s) // native_s * native_s, native_s)
    count = max(0, int(min(span.end_s, now_s) - span.start_s) // resolution_s)
    columns = _compute_columns(source, channel, span.start_s, count, resolution_s, native_s)
    if args.get("showCounters", "0") == "1":
        _accumulate(source, channel, columns, span.start_s, native_s)
    served = _served_fields(fields, channel, columns, is_lenient)
    if action in DAY_ACTIONS:
        served = compute_day(served, [field for field in served if field != "ts"], action, ZoneInfo(time_zone))
    head = {
        "uuid": channel.uuid,
        "name": channel.name,
        "channel": channel.channel_id,
        "organization": channel.organization_id,
        "timeZone": time_zone,
        "from": span.start_s,
        "to": span.end_s,
        "resolution": resolution_s,
        "action": action,
        "units": {"ts": "Unix Time", **{field: FIELD_UNITS[field] for field in fields}},
        "recordCount": int(served["ts"].size),
    }
    records = _records_json(served)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "records": {records}, "operatingHours": {{}}}}'


def _compute_columns(
    source: Source, channel: Channel, start_s: int, count: int, resolution_s: int, native_s: int
) -> Columns:
    """Return the columns of the intervals; they start at `start_s` to the second, though data go by whole intervals."""
    off_grid_s = start_s % min(native_s, _HOUR_S)
    columns = source.compute_fields(channel, start_s - off_grid_s, count, resolution_s)
    return {**columns, "ts": columns["ts"] + off_grid_s}


def _accumulate(source: Source, channel: Channel, columns: Columns, start_s: int, native_s: int) -> None:
    """Turn the usage of the intervals into readings of counters that began at installation."""
    before = dict.fromkeys(_COUNTERS, 0.0)
    at_s = channel.installed_s
    for step_s in (max(900, native_s), native_s):
        count = max(0, start_s - at_s) // step_s
        if count:
            past = source.compute_fields(channel, at_s, count, step_s)
            before = {name: before[name] + float(np.nansum(past[name])) for name in _COUNTERS if name in past}
            at_s += count * step_s
    for name in _COUNTERS:
        if name in columns:
            usage = columns[name]
            columns[name] = np.where(np.isnan(usage), np.nan, before[name] + np.nancumsum(usage))


def _served_fields(fields: list[str], channel: Channel, columns: Columns, is_lenient: bool) -> Columns:
    """Return what the records hold: a field that the channel lacks is null with a meter, and left out with others."""
    nulls = np.full(columns["ts"].size, np.nan)
    served: Columns = {"ts": columns["ts"]}
    for field in fields:
        if field in channel.units:
            served[field] = columns[field]
        elif is_lenient or channel.device_type_id == METER_TYPE_ID:
            served[field] = nulls
    return served


def _records_json(columns: Columns) -> str:
    rounded = {name: values if name == "ts" else np.round(values, SERVED_DECIMALS) for name, values in columns.items()}
    return pd.DataFrame(rounded).to_json(orient="records", double_precision=SERVED_DECIMALS)


def _parse_fields(args: MultiDict[str, str], channel: Channel, is_lenient: bool) -> list[str]:
    """Return the fields asked, without ``ts``, which every record has.

    Raises
    ------
    ServiceError
        When a field is none, or when the channel has none of those asked. Some of them it may lack.
    """
    given = list(dict.fromkeys(args.getlist("fields[]")))
    if not given:
        raise ServiceError(500, "Missing Parameter: fields")
    fields = [field for field in given if field != "ts"]
    has_any = not fields or any(field in channel.units for field in fields)
    is_known = all(field in FIELD_UNITS for field in fields)
    if not is_known or not channel.units or not (has_any or is_lenient):
        raise ServiceError(500, "Invalid Parameter")
    return fields


def _parse_action(args: MultiDict[str, str]) -> Action:
    action = args.get("action", Action.SUMMARIZE)
    try:
        return Action.SUMMARIZE if action == "summarise" else Action(action)
    except ValueError:
        raise ServiceError(500, "Invalid Parameter: action") from None


def choose_resolution_s(asked: str, span: Span, native_s: int) -> int:
    """Return the resolution that a range is answered at [s], which need not be the one asked."""
    if asked not in _LADDERS:
        raise ServiceError(500, "Invalid Parameter: res")
    length_s = span.end_s - span.start_s
    # An hour's grace: a local day has 25 hours once a year.
    rungs = (resolution for days, resolution in _LADDERS[asked] if length_s <= days * _DAY_S + _HOUR_S)
    due_s = next(rungs, _DAY_S)
    return next((wider for wider in RESOLUTIONS_S if wider >= due_s and wider % native_s == 0), native_s)


def options_json(channel: Channel) -> dict[str, Any]:
    """Return what can be asked of a channel."""
    return {
        "filters": {
            "fields": ["ts", *channel.units],
            "action": [action.value for action in Action],
            "res": list(_LADDERS),
            "daterange": list(WORDS),
            "showCounters": ["0", "1"],
        }
    }
