"""Ranges of time as a request names them: a word, dates, or epoch seconds."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from lib.date_utils import local_midnight
from operations.sandbox.replies import ServiceError

_LAST_DAYS = re.compile(r"([1-9]\d{0,2})days")
_WORDS = ("today", "yesterday", "thisweek", "lastweek", "7days", "30days", "thismonth", "lastmonth")
WORDS = (*_WORDS, "thisquarter", "lastquarter", "thisyear", "lastyear")


class Span(NamedTuple):
    """A stretch of Unix time [s], the end exclusive."""

    start_s: int
    end_s: int


def parse_span(args: MultiDict[str, str], tz: ZoneInfo, now_s: float) -> Span:
    """Return the range that ``daterange`` or ``daterange[]`` ask for; dates are local midnights.

    Parameters
    ----------
    args
        The query: a word as either of them, or two ``daterange[]``, each epoch seconds or YYYY-MM-DD.
    now_s
        The service's clock, Unix time [s].
    """
    given = args.getlist("daterange[]") or [args.get("daterange", "today")]
    if len(given) == 1:
        return _parse_word(given[0], tz, datetime.fromtimestamp(now_s, tz).date())
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


def _parse_word(word: str, tz: ZoneInfo, today: date) -> Span:
    if match := _LAST_DAYS.fullmatch(word):
        start, end = today - timedelta(days=int(match[1])), today
    elif word in WORDS:
        start, end = _range_of(word, today)
    else:
        raise ServiceError(500, "Invalid Date Range")
    return Span(_midnight_s(start, tz), _midnight_s(end, tz))


def _range_of(word: str, today: date) -> tuple[date, date]:
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    quarter = first.replace(month=(first.month - 1) // 3 * 3 + 1)
    year = first.replace(month=1)
    return {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "thisweek": (monday, monday + timedelta(days=7)),
        "lastweek": (monday - timedelta(days=7), monday),
        "thismonth": (first, _months_on(first, 1)),
        "lastmonth": (_months_on(first, -1), first),
        "thisquarter": (quarter, _months_on(quarter, 3)),
        "lastquarter": (_months_on(quarter, -3), quarter),
        "thisyear": (year, _months_on(year, 12)),
        "lastyear": (_months_on(year, -12), year),
    }[word]


def _months_on(first: date, months: int) -> date:
    """Return the first of the month that is `months` after that of `first`."""
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _midnight_s(day: date, tz: ZoneInfo) -> int:
    return int(local_midnight(day, tz).timestamp())
