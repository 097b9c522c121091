"""How numbers, money and times are written: once, so that page and PDF say the same. Pure.

Texts of the reports are English, so numbers are written the English way; the currency is the site's. A value that is
missing is a dash, never a zero.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

MISSING = "–"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_WHOLE_FROM = 100  # a number of a hundred or more is read without decimals
_WHOLE_MONEY_FROM = 1000
# They reorder or hide the text around them; a name that holds one must not change the sentence it stands in.
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
_SPACES = re.compile(r"\s+")
# Words of a script that runs from right to left, with what stands between them.
_RTL = r"\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_RIGHT_TO_LEFT = re.compile(rf"[{_RTL}](?:[^A-Za-z{_RTL}]*[{_RTL}])*")
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def plain(value: Any) -> Any:
    """Return a JSON value whose texts are one line each, without control characters and bidirectional overrides.

    Everything in a report that came from outside (names above all) is hostile; markup is escaped where it is written.
    Words from right to left are set apart, so that the number that follows them stays where it belongs.
    """
    if isinstance(value, str):
        text = _SPACES.sub(" ", value.translate(_BIDI_CONTROLS)).strip()
        text = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn"))
        return _RIGHT_TO_LEFT.sub(lambda match: f"{_ISOLATE}{match.group()}{_END_ISOLATE}", text)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def shorten(text: str, length: int) -> str:
    """Return `text`, or its head with an ellipsis where it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def number(value: float | None, digits: int | None = None, unit: str = "") -> str:
    """Return a number with thousands separators; without `digits` as many as its size deserves."""
    if value is None:
        return MISSING
    if digits is None:
        digits = 0 if abs(value) >= _WHOLE_FROM or value == 0 else 1
    rounded = round(value, digits) or 0.0  # never "−0"
    text = f"{rounded:,.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return f"{text}{_NO_BREAK}{unit}" if unit else text


def kwh(value: float | None) -> str:
    """Return an energy [kWh]."""
    return number(value, unit="kWh")


def kw(value: float | None) -> str:
    """Return a power [kW], to a hundred watts, or ten where it is small."""
    return number(value, 1 if value is None or abs(value) >= 1 else 2, "kW")


def pct(value: float | None, digits: int = 0) -> str:
    """Return a percentage."""
    return number(value, digits, "%")


def count(items: int, what: str) -> str:
    """Return a number of things, such as ``1 meter`` or ``1,200 meters``."""
    return f"{items:,} {what}{'s' * (items != 1)}"


def signed_pct(value: float | None, digits: int = 0) -> str:
    """Return a change in percent, with its sign."""
    if value is None:
        return MISSING
    return f"{'+' if round(value, digits) > 0 else ''}{pct(value, digits)}"


def money(value: float | None, currency: str | None, *, cents: bool | None = None) -> str:
    """Return an amount in the site's currency; without decimals from a thousand on, unless `cents`.

    A site without a known currency gets the bare amount: a guessed sign would be a false statement.
    """
    if value is None:
        return MISSING
    has_cents = abs(value) < _WHOLE_MONEY_FROM and value != 0 if cents is None else cents
    symbol, decimals = _currency(currency)
    amount = f"{abs(value):,.{decimals if has_cents else 0}f}"
    sign = "\N{MINUS SIGN}" if value < 0 and float(amount.replace(",", "")) else ""
    gap = _NO_BREAK if symbol[-1:].isalpha() else ""
    return f"{sign}{symbol}{gap}{amount}"


def rate(value: float | None, currency: str | None) -> str:
    """Return the price of a unit: with two decimals more than an amount, for a kilowatt-hour costs cents."""
    if value is None:
        return MISSING
    symbol, decimals = _currency(currency)
    gap = _NO_BREAK if symbol[-1:].isalpha() else ""
    return f"{symbol}{gap}{number(value, decimals + 2)}"


@lru_cache
def _currency(code: str | None) -> tuple[str, int]:
    """Return the sign of an ISO 4217 currency and how many decimals it has."""
    from babel.numbers import get_currency_precision, get_currency_symbol

    return (get_currency_symbol(code, locale="en"), get_currency_precision(code)) if code else ("", 2)


def when(text: str | None) -> str:
    """Return a moment of the report as ``Mon 16 Nov 18:00``, on the site's wall clock."""
    return MISSING if not text else _day_and_time(datetime.fromisoformat(text))


def span(start: str | None, end: str | None) -> str:
    """Return a stretch of time; its end without the day where that is the same."""
    if not start or not end:
        return when(start or end)
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    tail = f"{last:%H:%M}" if first.date() == last.date() else _day_and_time(last)
    return f"{_day_and_time(first)} – {tail}"


def day(text: str) -> str:
    """Return a local date as ``Mon 16 Nov``."""
    value = date.fromisoformat(text[:10])
    return f"{value:%a} {value.day} {value:%b}"


def long_day(text: str) -> str:
    """Return a local date as ``16 November 2026``."""
    value = date.fromisoformat(text[:10])
    return f"{value.day} {value:%B %Y}"


def period(start: str, end: str) -> str:
    """Return the local days from `start` to before `end`, as ``16 – 22 November 2026``."""
    first = datetime.fromisoformat(start).date()
    last = (datetime.fromisoformat(end) - timedelta(seconds=1)).date()
    if first == last:
        return f"{first.day} {first:%B %Y}"
    head = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        head += f" {first:%B}" if first.year == last.year else f" {first:%B %Y}"
    return f"{head} – {last.day} {last:%B %Y}"


def _day_and_time(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b} {moment:%H:%M}"
