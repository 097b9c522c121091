"""Reads the JSON of a reply, whatever single records in it hold. Pure.

orjson reads numbers in a third of the time of the standard library, and numbers that come as strings as quickly. It
refuses what that one accepts (NaN and Infinity, half a surrogate pair, numbers beyond a float, other encodings), and
neither tells when a record names a field twice or nests without end. Such a reply is read again, slowly, so that one
odd record does not spoil the others: what cannot be a value becomes a text or a list, and its record is found
unparsable by itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from lib.http_limits import OversizedReplyError

MAX_DEPTH = 20  # a reply has three levels: itself, its list of records, a record
# A month of quarter-hours with every field has 3,000 objects with 75,000 values. Each takes memory many times its text.
_MOST_CONTAINERS, _MOST_VALUES = 500_000, 5_000_000
_LONGEST_NUMBER = 30  # digits; a longer whole number is no id, and Python refuses to read one of thousands
_CUT = '"(nested without end)"'
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def read_json(body: bytes) -> Any:
    """Return the value that a body holds.

    Where an object with a ``ts`` names a key twice with different values, the key has the list of them.

    Raises
    ------
    ValueError
        When the body as a whole is no JSON.
    OversizedReplyError
        When it holds more objects or values than any reply.
    """
    containers = body.count(b"{") + body.count(b"[")
    may_be_large = len(body) > 2 * _MOST_VALUES
    if containers > _MOST_CONTAINERS or (may_be_large and body.count(b",") > _MOST_VALUES):
        raise OversizedReplyError
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_slowly(body)
    return value if _is_plain(value, containers, body) else _read_slowly(body)


def _is_plain(value: Any, brackets: int, body: bytes) -> bool:
    """Tell whether a body holds nothing but three levels, and no key twice, by counting what stands in it.

    A bracket within a text makes a plain body look odd, which costs time and changes nothing.
    """
    containers = keys = 0
    level: list[Any] = [value]
    for depth in range(3):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                containers, keys = containers + 1, keys + len(item)
                if depth < 2:
                    deeper += item.values()
            elif isinstance(item, list):
                containers += 1
                if depth < 2:
                    deeper += item
        level = deeper
    if brackets != containers:
        return False
    # The first is quicker, and does where no text holds a colon.
    return body.count(b":") == keys or body.count(b'":') + body.count(b'" :') == keys


def _read_slowly(body: bytes) -> Any:
    text = body.decode(json.detect_encoding(body), "replace")
    try:
        value = _load(text)
    except RecursionError:
        return _load(_cut_deep(text))
    return _load(_cut_deep(text)) if _is_deep(value) else value


def _load(text: str) -> Any:
    return json.loads(text, parse_int=_parse_int, object_pairs_hook=_keep_both)


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float(digits)


def _keep_both(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a record that says two things of one key keeps both, so that neither is believed."""
    found = dict(pairs)
    if len(found) < len(pairs) and "ts" in found:
        for key in found:
            values = [value for name, value in pairs if name == key]
            if any(value != values[0] for value in values):
                found[key] = values
    return found


def _is_deep(value: Any) -> bool:
    """Tell whether lists and objects lie within each other beyond `MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH):
        members = [list(item.values()) if isinstance(item, dict) else item for item in level]
        level = [item for items in members if isinstance(items, list) for item in items]
        level = [item for item in level if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _cut_deep(text: str) -> str:
    """Return JSON with a text in the place of what lies deeper than `MAX_DEPTH`."""
    pieces, depth, kept_from = [], 0, 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                pieces.append(text[kept_from : token.start()])
        elif mark in "]}":
            depth -= 1
            if depth == MAX_DEPTH:
                pieces.append(_CUT)
                kept_from = token.end()
    if depth > MAX_DEPTH:  # it never closes: no JSON
        return text[:1]
    return "".join([*pieces, text[kept_from:]])
