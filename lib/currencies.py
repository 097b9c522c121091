"""How many decimals an amount of a currency has, by ISO 4217. Pure."""

from __future__ import annotations

_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_CENTS = 2


def decimals_of(currency: str | None) -> int:
    """Return the decimals of an amount in the currency of this code; two where it is not known."""
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else _CENTS
