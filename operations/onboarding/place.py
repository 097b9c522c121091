"""The country and state of a site, as the holidays know them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from lib.meter_sums import Confidence
from operations.onboarding.names import plain

# As people write them, beside the codes and English names that the package of holidays has.
_ALSO = {
    "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
    "deutschland": "DE", "osterreich": "AT", "schweiz": "CH", "suisse": "CH", "espana": "ES", "italia": "IT",
    "nederland": "NL", "holland": "NL", "belgie": "BE", "belgique": "BE", "mexico": "MX", "brasil": "BR",
}  # fmt: skip


class HolidayPlace(NamedTuple):
    """Codes of country and state; `note` says what was not understood."""

    country: str | None
    state: str | None
    confidence: Confidence
    note: str = ""


def find_place(country: str | None, state: str | None) -> HolidayPlace:
    """Return the codes that the service's words mean: "US", "USA" or "United States"; "NC" or "North Carolina"."""
    if not country or not country.strip():
        return HolidayPlace(None, None, Confidence.LOW, "no country is stored with the site")
    code = _country_code(country)
    if code is None:
        return HolidayPlace(
            None, None, Confidence.LOW, "no public holidays are known for the country that is stored with the site"
        )
    if not state or not state.strip():
        return HolidayPlace(
            code, None, Confidence.MEDIUM, "no state is stored with the site, so only national holidays count"
        )
    found = _state_code(code, state.strip())
    if found is None:
        return HolidayPlace(
            code, None, Confidence.MEDIUM, "no holidays are known for the state that is stored with the site"
        )
    return HolidayPlace(code, found, Confidence.HIGH)


def guess_country(timezone: str) -> str | None:
    """Return the code of the country whose zone it is, where it has holidays; None where it is no single country's."""
    from importlib.resources import files  # here, for few commands need it

    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    codes = [code for code, _, zone, *_ in rows if zone == timezone]
    return _country_code(codes[0]) if len(codes) == 1 else None


def _country_code(text: str) -> str | None:
    from holidays.registry import COUNTRIES  # here, for few commands need it

    wanted = plain(text)
    if wanted in _ALSO:
        return _ALSO[wanted]
    for name, (_, *codes) in COUNTRIES.items():
        if wanted in {name.replace("_", " "), *(code.casefold() for code in codes)}:
            return str(codes[0])
    return None


def _state_code(country: str, text: str) -> str | None:
    import holidays

    place = holidays.country_holidays(country)
    wanted = text.casefold()
    for code in place.subdivisions:
        aliases = place.get_subdivision_aliases().get(code, [])
        if wanted in {str(name).casefold() for name in (code, *aliases)}:
            return str(code) if str(code).isascii() and str(code).isupper() else None
    return None
