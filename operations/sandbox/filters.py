"""What can be asked of a list besides its pages: filters with ``!`` and ``*``, and an order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from operations.sandbox.replies import ServiceError

Row = dict[str, Any]

_OF_THE_PAGE = frozenset({"page", "limit"})
_SORT = "sort"
_NOT = "!"
_DESCENDING = "-"
_WHOLE_NUMBER = re.compile(r"\d+")


def choose_rows(rows: Sequence[Row], args: Mapping[str, str], key_by_filter: Mapping[str, str]) -> list[Row]:
    """Return the rows that all filters let through, in the order asked.

    Parameters
    ----------
    args
        The query: ``filter=value``, where the value may hold ``*`` for any text and begin with ``!`` for all others;
        ``sort=filter`` or ``sort=-filter``.
    key_by_filter
        The filters of this list, each with the key of the rows that it looks at.

    Raises
    ------
    ServiceError
        When the list does not have a filter, or an order.
    """
    chosen = list(rows)
    for name, value in args.items():
        if name in _OF_THE_PAGE or name == _SORT:
            continue
        if name not in key_by_filter:
            raise ServiceError(500, f"Invalid Parameter: {name}")
        chosen = [row for row in chosen if _matches(row[key_by_filter[name]], value)]
    return _order(chosen, args.get(_SORT), key_by_filter)


def _matches(cell: Any, wanted: str) -> bool:
    pattern = re.escape(wanted.removeprefix(_NOT)).replace(re.escape("*"), ".*")
    is_like = cell is not None and re.fullmatch(pattern, str(cell), re.IGNORECASE | re.DOTALL) is not None
    return is_like != wanted.startswith(_NOT)


def _order(rows: list[Row], asked: str | None, key_by_filter: Mapping[str, str]) -> list[Row]:
    if asked is None:
        return rows
    name = asked.removeprefix(_DESCENDING)
    key = key_by_filter.get(name, name)
    if key not in key_by_filter.values():
        raise ServiceError(500, f"Invalid Parameter: {_SORT}")
    return sorted(rows, key=lambda row: _rank(row[key]), reverse=asked.startswith(_DESCENDING))


def _rank(cell: Any) -> tuple[int, int, str]:
    """Return where a cell stands: numbers by their size, then texts, then what is null."""
    if cell is None:
        return 2, 0, ""
    text = str(cell)
    return (0, int(text), "") if _WHOLE_NUMBER.fullmatch(text) else (1, 0, text.casefold())
