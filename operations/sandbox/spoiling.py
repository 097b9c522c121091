"""How a sound reply is spoilt: its records, its list, its body."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

HTML_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"
HTML_TYPE = "text/html; charset=utf-8"
APPEARED_CHANNEL_ID = 180001
_DRIPS = 80
_GZIP_HEADER_LENGTH = 10
_INVALID_BLOCK = b"\xff"  # a deflate block of the reserved type


def spoil_records(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the records of a reading, with every ninth or so of them spoilt."""
    if kind == "no_ts":
        return [
            {name: value for name, value in row.items() if name != "ts"} if number % 9 == 4 else row
            for number, row in enumerate(records)
        ]
    if kind == "duplicates":
        return [row for number, row in enumerate(records) for _ in range(2 if number % 9 == 4 else 1)]
    if kind == "disorder":
        return records[1::2] + records[::2]
    return records


def stringify_numbers(value: Any) -> Any:
    """Return a JSON value with every number as a string, as deep as it goes."""
    if isinstance(value, dict):
        return {name: stringify_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [stringify_numbers(item) for item in value]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else value


def spoil_list(reply: dict[str, Any], kind: str, *, is_more: bool) -> dict[str, Any]:
    """Return the page of a list of channels with its counts changed, or one channel less or more.

    Parameters
    ----------
    is_more
        Whether the counts become larger, where they are what is wrong.
    """
    reply = copy.deepcopy(reply)
    channels, meta = reply["channels"], reply["meta"]
    if kind == "page_count":
        page = max(meta["recordsPerPage"], 1)
        meta["recordCount"] = meta["recordCount"] + page if is_more else meta["recordCount"] // 2
        meta["pageCount"] = -(-meta["recordCount"] // page)
    elif kind == "channel_vanishes":
        del channels[len(channels) // 2]
        meta["recordCount"] -= 1
    elif kind == "channel_appears":
        channels.append(channels[-1] | {"dataChannelId": str(APPEARED_CHANNEL_ID), "channelName": "Appeared"})
        meta["recordCount"] += 1
    return reply


def spoil_body(response: Response, kind: str, wait: Callable[[float], Any]) -> bool:
    """Spoil the body of a reply, if `kind` is a fault of bodies; return whether it is.

    Parameters
    ----------
    wait
        Keeps silent for a part of the time that a hanging reply does.
    """
    body = response.get_data()
    if kind == "html":
        response.set_data(HTML_PAGE)
        response.content_type = HTML_TYPE
    elif kind == "wrong_type":
        response.content_type = HTML_TYPE
    elif kind == "truncated":
        response.set_data(body[: len(body) // 2])
        response.headers["Content-Length"] = str(len(body))
    elif kind == "gzip":
        packed = gzip.compress(body)
        response.set_data(packed[:_GZIP_HEADER_LENGTH] + _INVALID_BLOCK + packed[_GZIP_HEADER_LENGTH + 1 :])
        response.headers["Content-Encoding"] = "gzip"
    elif kind in ("stall", "drip"):
        response.response = _stalling(body, wait) if kind == "stall" else _dripping(body, wait)
        response.headers["Content-Length"] = str(len(body))
    else:
        return False
    return True


def _stalling(body: bytes, wait: Callable[[float], Any]) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    wait(1.0)
    yield body[len(body) // 2 :]


def _dripping(body: bytes, wait: Callable[[float], Any]) -> Iterator[bytes]:
    """Yield single bytes, none of them late by itself, for four times as long as a hanging reply is silent."""
    start = len(body) // 2
    end = min(start + _DRIPS, len(body))
    yield body[:start]
    for place in range(start, end):
        wait(4.0 / _DRIPS)
        yield body[place : place + 1]
    yield body[end:]


def spoil_reading(text: str, kind: str) -> str:
    """Return the JSON of a reading with its records spoilt; the same text where there are too few to spoil."""
    reply = json.loads(text)
    if kind == "strings" and reply["records"]:
        return json.dumps(stringify_numbers(reply), ensure_ascii=False)
    spoilt = spoil_records(reply["records"], kind)
    if spoilt == reply["records"]:
        return text
    return json.dumps(reply | {"records": spoilt, "recordCount": len(spoilt)}, ensure_ascii=False)
