"""Which way of writing dates and clock times a site's readers are used to, and which paper they print on. Pure.

All texts are English. The site's country decides whether the sixteenth of November is ``Nov 16`` or ``16 Nov``, and six
in the evening ``6 pm`` or ``18:00``. Numbers keep the English separators everywhere: ``2.219`` within an English
sentence would be read as two and a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

# English as written across Europe: the day before the month, and 24 hours. It can be misread by nobody.
DEFAULT_LOCALE = "en_150"
_LETTER_COUNTRIES = frozenset({"US", "CA", "MX", "PH", "CL", "CO", "VE", "GT", "CR", "PA", "DO", "PR"})
_MORE_NAMES = {"usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "uk": "GB"}
_current: ContextVar[str] = ContextVar("locale", default=DEFAULT_LOCALE)


@contextmanager
def written_for(country: str | None) -> Iterator[None]:
    """Write dates and clock times as readers in this country are used to, within the block.

    Parameters
    ----------
    country
        ISO 3166 code or English name of the site's country, as the service tells it.
    """
    token = _current.set(locale_of(country))
    try:
        yield
    finally:
        _current.reset(token)


def current_locale() -> str:
    """Return the locale in force."""
    return _current.get()


@lru_cache
def locale_of(country: str | None) -> str:
    """Return the English locale of a country; `DEFAULT_LOCALE` where there is none, or no such country."""
    from babel.localedata import exists

    code = country_code(country)
    return f"en_{code}" if code and exists(f"en_{code}") else DEFAULT_LOCALE


def paper_of(country: str | None) -> str:
    """Return the paper of a country's printers, as Typst names it."""
    return "us-letter" if country_code(country) in _LETTER_COUNTRIES else "a4"


@lru_cache
def country_code(country: str | None) -> str | None:
    """Return the ISO 3166 code of a country given by code or by English name; None for anything else."""
    name = (country or "").strip()
    if len(name) == 2 and name.isalpha() and name.isascii():
        return {"UK": "GB"}.get(name.upper(), name.upper())
    return (_MORE_NAMES | _codes_by_name()).get(name.lower())


@lru_cache
def _codes_by_name() -> dict[str, str]:
    from babel import Locale

    return {name.lower(): code for code, name in Locale("en").territories.items() if len(code) == 2}
