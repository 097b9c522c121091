"""How numbers, money and times are written: once, so that page, PDF and mail say the same. Pure.

Numbers are written the English way, dates and clock times as the site's readers are used to (`deliver.words.locales`);
the currency is the site's. A value that is missing is a dash, never a zero. No number breaks off its unit.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from deliver.words.locales import current_locale

MISSING = "–"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_WHOLE_FROM = 100  # a number of a hundred or more is read without decimals
_WHOLE_MONEY_FROM = 1000
# They reorder or hide the text around them; a name that holds one must not change the sentence it stands in.
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
_SPACES = re.compile(r"\s{2,}|[^\S\u00a0]")  # a single no-break space stays
_MINUTES_PER_HOUR, _HOURS_PER_DAY = 60, 24
_MINUTES_PER_DAY = _HOURS_PER_DAY * _MINUTES_PER_HOUR
_DAYS_FROM_HOURS = 72
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY_AND_MONTH = re.compile(rf"{_MONTH} \d{{1,2}}\b|\b\d{{1,2}} {_MONTH}")
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
    """Return an energy [kWh]; what rounds to nothing is 0, without decimals."""
    return number(0.0 if value is not None and round(value, 1) == 0 else value, unit="kWh")


def kw(value: float | None) -> str:
    """Return a power [kW], to a hundred watts, or ten where it is small; what rounds to nothing is 0."""
    if value is not None and round(value, 2) == 0:
        return number(0.0, 0, "kW")
    return number(value, 1 if value is None or abs(value) >= 1 else 2, "kW")


def duration(hours: float) -> str:
    """Return a length of time, as ``45 minutes``, ``7 hours``, ``1.5 hours``, or ``3.5 days`` from three days on."""
    if hours < 1:
        return count(round(hours * _MINUTES_PER_HOUR), "minute")
    length, unit = (hours / _HOURS_PER_DAY, "day") if hours >= _DAYS_FROM_HOURS else (hours, "hour")
    digits = 0 if round(length, 1) == round(length) else 1
    return f"{length:,.{digits}f} {unit}{'s' * (round(length, 1) != 1)}"


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
    """Return the price of a unit: with up to two decimals more than an amount, for a kilowatt-hour costs cents."""
    if value is None:
        return MISSING
    symbol, decimals = _currency(currency)
    gap = _NO_BREAK if symbol[-1:].isalpha() else ""
    whole, _, rest = number(value, decimals + 2).partition(".")
    digits = rest[:decimals] + rest[decimals:].rstrip("0")
    return f"{symbol}{gap}{whole}{'.' if digits else ''}{digits}"


@lru_cache
def _currency(code: str | None) -> tuple[str, int]:
    """Return the sign of an ISO 4217 currency and how many decimals it has."""
    from babel.numbers import get_currency_precision, get_currency_symbol

    return (get_currency_symbol(code, locale="en"), get_currency_precision(code)) if code else ("", 2)


def when(text: str | None) -> str:
    """Return a moment of the report as ``Mon, Nov 16, 6 pm``, on the site's wall clock."""
    return MISSING if not text else _day_and_time(datetime.fromisoformat(text))


def span(start: str | None, end: str | None) -> str:
    """Return a stretch of time; its end without the day where that is the same."""
    if not start or not end:
        return when(start or end)
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    last_day = (last - timedelta(seconds=1)).date() if last > first else last.date()
    is_midnight = last_day < last.date()
    clock = _end_of_day() if is_midnight else _clock(last)
    tail = clock if first.date() == last_day else f"{_day(last_day)}, {clock}"
    return f"{_day_and_time(first)} – {tail}"


def clock(text: str) -> str:
    """Return the clock time of a moment of the report as ``6 pm``, ``11:30 am``, or ``18:00``."""
    return _clock(datetime.fromisoformat(text))


def clock_span(start_minute: int, end_minute: int) -> str:
    """Return a stretch of a day as ``7 am–6 pm``; both are minutes since midnight, 1440 is its end."""
    if (start_minute, end_minute) == (0, _MINUTES_PER_DAY):
        return "all day"
    first, last = (_of_minute(minute) for minute in (start_minute, end_minute))
    return f"{first}–{_end_of_day() if end_minute == _MINUTES_PER_DAY else last}"


def hour(number: int) -> str:
    """Return an hour of the day (0 to 23) as ``6 pm`` or ``18:00``."""
    return _of_minute(60 * number)


def day(text: str) -> str:
    """Return a local date as ``Mon, Nov 16``."""
    return _day(date.fromisoformat(text[:10]))


def long_day(text: str) -> str:
    """Return a local date as ``November 16, 2026``."""
    return _pattern("yMMMMd", date.fromisoformat(text[:10]))


def month(text: str) -> str:
    """Return the month of a local date or of ``2026-11`` as ``November 2026``."""
    return _pattern("yMMMM", date.fromisoformat(f"{text[:7]}-01"))


def short_month(text: str) -> str:
    """Return the month of a local date or of ``2026-11`` as ``Nov``, January with its year."""
    first = date.fromisoformat(f"{text[:7]}-01")
    if first.month == 1:
        return _pattern("yMMM", first)
    from babel.dates import format_date

    return format_date(first, "LLL", locale=current_locale())


def period(start: str, end: str) -> str:
    """Return the local days from `start` to before `end`, as ``November 16 – 22, 2026``."""
    return _interval("yMMMMd", datetime.fromisoformat(start).date(), _last_day(end))


def short_period(start: str, end: str) -> str:
    """Return the local days from `start` to before `end` without the year, as ``Nov 16 – 22``."""
    return _interval("MMMd", datetime.fromisoformat(start).date(), _last_day(end))


def days(first: str, last: str) -> str:
    """Return the local days from first to last, both included, as ``January 14 – February 12, 2026``."""
    return _interval("yMMMMd", date.fromisoformat(first), date.fromisoformat(last))


def _last_day(end: str) -> date:
    return (datetime.fromisoformat(end) - timedelta(seconds=1)).date()


def _interval(skeleton: str, first: date, last: date) -> str:
    if first == last:
        return _pattern(skeleton, first)
    from babel.dates import format_interval

    text = format_interval(first, last, skeleton, locale=current_locale())
    return _tidy(re.sub(r"\s*–\s*", " – ", text))


def _day_and_time(moment: datetime) -> str:
    return f"{_day(moment.date())}, {_clock(moment)}"


def _day(value: date) -> str:
    return _pattern("MMMEd", value)


def _clock(moment: datetime) -> str:
    return _of_minute(60 * moment.hour + moment.minute)


@lru_cache(_MINUTES_PER_DAY)
def _of_minute_in(minute: int, locale: str) -> str:
    hour_of_day, rest = divmod(minute % _MINUTES_PER_DAY, 60)
    if not _has_12_hours(locale):
        return f"{hour_of_day:02d}:{rest:02d}"
    if not rest and hour_of_day % 12 == 0:
        return "noon" if hour_of_day else "midnight"
    minutes = f":{rest:02d}" if rest else ""
    return f"{hour_of_day % 12 or 12}{minutes}{_NO_BREAK}{'pm' if hour_of_day >= 12 else 'am'}"


def _of_minute(minute: int) -> str:
    return _of_minute_in(minute, current_locale())


def _end_of_day() -> str:
    return "midnight" if _has_12_hours(current_locale()) else "24:00"


@lru_cache
def _has_12_hours(locale: str) -> bool:
    """Return whether clocks of a locale count to twelve."""
    from babel import Locale

    return "a" in Locale.parse(locale).time_formats["short"].pattern


def _pattern(skeleton: str, value: date) -> str:
    return _pattern_in(skeleton, value, current_locale())


@lru_cache(4096)
def _pattern_in(skeleton: str, value: date, locale: str) -> str:
    from babel.dates import format_skeleton

    return _tidy(format_skeleton(skeleton, value, locale=locale))


def _tidy(text: str) -> str:
    """Return a date with the usual spaces, and with no break between the day's number and its month."""
    plain_text = text.replace("\u2009", " ").replace("\u202f", " ")
    return _DAY_AND_MONTH.sub(lambda match: match.group().replace(" ", _NO_BREAK), plain_text)
