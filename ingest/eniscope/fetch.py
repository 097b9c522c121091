"""Asks for one channel's readings until the answer can be used: the right fields, at the resolution asked."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.eniscope.client import EniscopeClient, in_haste
from ingest.eniscope.field_sets import FieldAnswer, FieldAsks, FieldSet
from ingest.eniscope.normalize import (
    FIELD_COLUMNS,
    IncompleteReplyError,
    ParsedReadings,
    check_reply,
    parse_fields,
    parse_readings,
    parse_resolution,
    quarantine_resolution,
    to_floats,
)
from ingest.eniscope.troubles import note_trouble
from ingest.storage.binary_copy import columns_with_values
from ingest.storage.plausibility import PLACELESS, Reject, Rules
from lib.date_utils import Window, align_down
from lib.errors import ApiError, RefusedError, RefusedWindowError, UnsupportedFieldsError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

# How much to ask at once. The service answers long windows at a coarser resolution without saying so; a month of
# quarter-hours and a day of minutes come as asked. Memory is bounded by one window per worker.
WINDOW_DAYS = {60: 1, 900: 30, 1800: 60, 3600: 90}
NARROWEST_WINDOW = timedelta(hours=6)
# For which the channel of a refused window is asked, to tell whether it is the window that is refused.
PROBE_LENGTH = timedelta(hours=1)

_NO_LIMITS = Rules()


class UnusableReplyError(ApiError):
    """Nothing of a reply could be stored; `quarantined` holds its records."""

    def __init__(self, message: str, quarantined: list[Reject]) -> None:
        super().__init__(message)
        self.quarantined = quarantined


class ChannelReadings(NamedTuple):
    """A usable answer: the parsed rows, and what it says of the channel's fields."""

    rows: pd.DataFrame
    fetched: int
    rejects: dict[str, int]
    quarantined: list[Reject]
    answer: FieldAnswer


def get_type_fields(client: EniscopeClient, device_type_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return device type → the fields that the service lists for it; a type without a usable list is left out."""
    fields = {}
    for device_type_id in device_type_ids:
        try:
            fields[device_type_id] = parse_fields(client.get_fields(device_type_id))
        except ApiError as err:
            # The list only saves a refused request for each channel; without it the fields are found by asking.
            logger.debug("no field list for device type %d: %s", device_type_id, err)
    return {device_type_id: names for device_type_id, names in fields.items() if names}


def fetch_channel(
    client: EniscopeClient,
    channel_id: int,
    window: Window,
    interval_s: int,
    asks: FieldAsks,
    rules: Rules = _NO_LIMITS,
) -> ChannelReadings:
    """Return a channel's readings over a window; `rules` say what they can be at all.

    The first set of fields that brings a value is taken, or the first that is accepted where none does or where the
    channel's fields are proven. A set that holds all of a refused one is not tried, nor one whose fields all had no
    value.

    Raises
    ------
    UnsupportedFieldsError
        When the channel refuses every set.
    RefusedWindowError
        When it refuses every set, or any, for the window, but not for the window's last hour.
    ApiError, DataError
        When the service does not answer, or not in a way that can be used.
    """
    refusal: UnsupportedFieldsError | None = None
    refused: list[FieldSet] = []
    empty: ChannelReadings | None = None
    for fields in asks.sets:
        if any(set(other) <= set(fields) for other in refused) or (empty and set(fields) <= set(empty.answer.asked)):
            continue
        try:
            parts = _fetch_at_resolution(client, channel_id, window, interval_s, fields, rules)
        except UnsupportedFieldsError as err:
            refusal = err
            refused.append(fields)
            continue
        except RefusedError as err:
            raise _judge_refusal(err, client, channel_id, window, interval_s, asks) from err
        result = _check_usable(_join(parts, fields), channel_id, window)
        if result.answer.seen or asks.is_proven:
            return _with_refused(result, refused)
        empty = empty or result
    if empty:
        return _with_refused(empty, refused)
    if refusal is None:
        raise UnsupportedFieldsError(f"channel {channel_id}: there are no fields to ask for; ask the vendor what it is")
    raise _judge_refusal(refusal, client, channel_id, window, interval_s, asks)


def _judge_refusal(
    refusal: ApiError, client: EniscopeClient, channel_id: int, window: Window, interval_s: int, asks: FieldAsks
) -> ApiError:
    """Return a RefusedWindowError where the channel answers for the last hour of the window, else the refusal."""
    piece = Window(max(window.start, window.end - PROBE_LENGTH), window.end)
    if piece == window or not asks.sets:
        return refusal
    try:
        with in_haste():
            reply = client.get_readings(channel_id, piece, interval_s, min(asks.sets, key=len))
    except ApiError as err:
        logger.debug("channel %d, %s: refused as well: %s", channel_id, piece, err)
        return refusal
    _note_oddities(reply, interval_s)
    return RefusedWindowError(
        f"channel {channel_id}, {window}: refused as a whole ({refusal}); asked for in parts, run again if they fail"
    )


def _with_refused(result: ChannelReadings, refused: list[FieldSet]) -> ChannelReadings:
    return result._replace(answer=replace(result.answer, refused=tuple(refused)))


def _fetch_at_resolution(
    client: EniscopeClient, channel_id: int, window: Window, interval_s: int, fields: tuple[str, ...], rules: Rules
) -> list[ParsedReadings]:
    """Return the parsed replies that together cover the window, narrowed for as long as they come too coarse."""
    reply = client.get_readings(channel_id, window, interval_s, fields)
    width = window.end - window.start
    try:
        check_reply(reply, channel_id, window)
    except IncompleteReplyError:
        if width <= NARROWEST_WINDOW:
            raise
        note_trouble("fewer records came than it counts")
        return _fetch_halves(client, channel_id, window, interval_s, fields, rules)
    resolution_s = _note_oddities(reply, interval_s)
    if resolution_s == interval_s:
        return [parse_readings(reply, window, interval_s, fields, rules)]
    if resolution_s is None or width <= NARROWEST_WINDOW:
        raise UnusableReplyError(
            f"channel {channel_id}, {window}: asked for {interval_s} s, got {resolution_s} s; "
            "nothing of it was stored, choose another --resolution",
            quarantine_resolution(reply),
        )
    return _fetch_halves(client, channel_id, window, interval_s, fields, rules)


def _fetch_halves(
    client: EniscopeClient, channel_id: int, window: Window, interval_s: int, fields: tuple[str, ...], rules: Rules
) -> list[ParsedReadings]:
    logger.debug("channel %d, %s: asking for halves", channel_id, window)
    middle = align_down(window.start + (window.end - window.start) / 2, interval_s)
    halves = (Window(window.start, middle), Window(middle, window.end))
    return [
        part for half in halves for part in _fetch_at_resolution(client, channel_id, half, interval_s, fields, rules)
    ]


def _note_oddities(reply: dict[str, Any], interval_s: int) -> int | None:
    """Note what is unusual about a reply, and return the resolution that it says it has [s]."""
    for oddity in find_oddities(reply):
        note_trouble(oddity)
    resolution_s = parse_resolution(reply)
    if resolution_s != interval_s:
        note_trouble(f"came at {resolution_s} s, not {interval_s} s")
    return resolution_s


def find_oddities(reply: dict[str, Any]) -> list[str]:
    """Return, in words, what is unusual about the records of a reply though they can be used."""
    import pandas as pd

    records = reply.get("records")
    if not isinstance(records, list) or not records:
        return []
    given = [record.get("ts") if isinstance(record, dict) else None for record in records]
    types = set(map(type, given))
    known = [time for time in given if isinstance(time, (int, float, str))]
    times = pd.Series(to_floats(known)).dropna()
    signs = {
        "records without a time": len(known) < len(given),
        "numbers came as strings": str in types,
        "records came twice": bool(times.duplicated().any()),
        "records out of order": bool((times.diff() < 0).any()),
    }
    return [what for what, is_seen in signs.items() if is_seen]


def _check_usable(result: ChannelReadings, channel_id: int, window: Window) -> ChannelReadings:
    """Raise an error when there were records and none could be placed: that is a fault, not an empty window."""
    lost = sum(count for reason, count in result.rejects.items() if reason in PLACELESS)
    if lost and lost == result.fetched:
        raise UnusableReplyError(
            f"channel {channel_id}, {window}: none of the {lost} records could be used "
            f"({', '.join(sorted(result.rejects))}); the service may have changed",
            result.quarantined,
        )
    return result


def _join(parts: list[ParsedReadings], fields: tuple[str, ...]) -> ChannelReadings:
    import pandas as pd

    rejects: Counter[str] = Counter()
    for part in parts:
        rejects.update(part.rejects)
    rows = parts[0].rows if len(parts) == 1 else pd.concat([part.rows for part in parts], ignore_index=True)
    quarantined = [reject for part in parts for reject in part.quarantined]
    valued = set(columns_with_values(rows))
    seen = tuple(field for field in fields if FIELD_COLUMNS[field][0] in valued)
    return ChannelReadings(
        rows, sum(part.fetched for part in parts), dict(rejects), quarantined, FieldAnswer(fields, seen)
    )
