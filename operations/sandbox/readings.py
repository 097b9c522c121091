"""`GET /readings/{channelId}`: from query parameters to the reply's JSON."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from werkzeug.datastructures import MultiDict

from lib.date_utils import local_midnight
from operations.sandbox.noise import Columns
from operations.sandbox.replies import ServiceError
from operations.sandbox.site_model import Catalogue, Channel

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
_COUNTERS = ("E", "E1", "E2", "E3", "Ex", "RE", "AE")


class Span(NamedTuple):
    """A stretch of Unix time [s], the end exclusive."""

    start_s: int
    end_s: int


class Source(Protocol):
    """Where readings come from: the model, or measured files."""

    catalogue: Catalogue

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the finest resolution of a channel [s]."""

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        """Return ``ts`` and all fields of the intervals that have a row."""


def build_reading(source: Source, channel: Channel, args: MultiDict[str, str], now_s: float, is_coarse: bool) -> str:
    """Return the JSON of a reading.

    Parameters
    ----------
    args
        The query parameters.
    now_s
        The service's clock, Unix time [s]; only intervals that are over by then are served.
    is_coarse
        Answer at the next coarser resolution than is due, as the service does at times with long windows.
    """
    fields = _parse_fields(args, channel)
    action = _parse_action(args)
    span = parse_span(args, ZoneInfo(source.catalogue.time_zone), now_s)
    native_s = source.get_resolution_s(channel)
    resolution_s = choose_resolution_s(args.get("res", "auto"), span, native_s)
    if is_coarse:
        resolution_s = next((wider for wider in RESOLUTIONS_S if wider > resolution_s), resolution_s)
    if action == "total":
        # One interval as long as the range; which shape the service gives it is not known.
        resolution_s = max((span.end_s - span.start_s) // native_s * native_s, native_s)
    count = max(0, int(min(span.end_s, now_s) - span.start_s) // resolution_s)
    columns = _compute_columns(source, channel, span.start_s, count, resolution_s, native_s)
    if args.get("showCounters", "0") == "1":
        _accumulate(source, channel, columns, span.start_s, native_s)
    head = {
        "uuid": channel.uuid,
        "name": channel.name,
        "channel": channel.channel_id,
        "organization": channel.organization_id,
        "timeZone": source.catalogue.time_zone,
        "from": span.start_s,
        "to": span.end_s,
        "resolution": resolution_s,
        "action": action,
        "units": {"ts": "Unix Time", **{field: channel.units[field] for field in fields}},
        "recordCount": int(columns["ts"].size),
    }
    records = _records_json(columns, fields)
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


def _records_json(columns: Columns, fields: list[str]) -> str:
    frame = pd.DataFrame(
        {"ts": columns["ts"], **{field: np.round(columns[field], SERVED_DECIMALS) for field in fields}}
    )
    return frame.to_json(orient="records", double_precision=SERVED_DECIMALS)


def _parse_fields(args: MultiDict[str, str], channel: Channel) -> list[str]:
    fields = list(dict.fromkeys(args.getlist("fields[]")))
    if not fields:
        raise ServiceError(500, "Missing Parameter: fields")
    if any(field not in channel.units for field in fields):
        raise ServiceError(500, "Invalid Parameter")
    return fields


def _parse_action(args: MultiDict[str, str]) -> str:
    action = args.get("action", "summarize")
    if action not in ("summarize", "summarise", "total"):
        raise ServiceError(500, "Invalid Parameter: action")
    return "total" if action == "total" else "summarize"


def choose_resolution_s(asked: str, span: Span, native_s: int) -> int:
    """Return the resolution that a range is answered at [s], which need not be the one asked."""
    if asked not in _LADDERS:
        raise ServiceError(500, "Invalid Parameter: res")
    length_s = span.end_s - span.start_s
    # An hour's grace: a local day has 25 hours once a year.
    rungs = (resolution for days, resolution in _LADDERS[asked] if length_s <= days * _DAY_S + _HOUR_S)
    due_s = next(rungs, _DAY_S)
    return next((wider for wider in RESOLUTIONS_S if wider >= due_s and wider % native_s == 0), native_s)


def parse_span(args: MultiDict[str, str], tz: ZoneInfo, now_s: float) -> Span:
    """Return the range that ``daterange`` or two ``daterange[]`` ask for; dates are local midnights."""
    given = args.getlist("daterange[]")
    if not given:
        return _parse_word(args.get("daterange", "today"), tz, datetime.fromtimestamp(now_s, tz).date())
    if len(given) != 2:
        raise ServiceError(500, "Invalid Date Range: two values are needed")
    span = Span(_parse_moment(given[0], tz), _parse_moment(given[1], tz))
    if span.start_s >= span.end_s:
        raise ServiceError(500, "Invalid Date Range: start must be before end")
    return span


def _parse_moment(text: str, tz: ZoneInfo) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return _midnight_s(date.fromisoformat(text), tz)
    except ValueError:
        raise ServiceError(500, "Invalid Date Range: epoch seconds or YYYY-MM-DD") from None


def _midnight_s(day: date, tz: ZoneInfo) -> int:
    return int(local_midnight(day, tz).timestamp())


def _parse_word(word: str, tz: ZoneInfo, today: date) -> Span:
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    tomorrow = today + timedelta(days=1)
    ranges = {
        "today": (today, tomorrow),
        "yesterday": (today - timedelta(days=1), today),
        "thisweek": (monday, monday + timedelta(days=7)),
        "lastweek": (monday - timedelta(days=7), monday),
        "7days": (today - timedelta(days=7), today),
        "30days": (today - timedelta(days=30), today),
        "thismonth": (first, (first + timedelta(days=31)).replace(day=1)),
        "lastmonth": ((first - timedelta(days=1)).replace(day=1), first),
    }
    if word not in ranges:
        raise ServiceError(500, "Invalid Date Range")
    start, end = ranges[word]
    return Span(_midnight_s(start, tz), _midnight_s(end, tz))
