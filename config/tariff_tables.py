"""The form of ``[tariff]`` in a site's file: what an operator can say of what the site pays."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from config.strict_toml import Refusal, Table, about

_ONE_PRICE = "one of name, periods, flat_rate_usd_per_kwh and flat_rate_per_kwh"
_SAYS_PRICE = ("name", "periods", "flat_rate_usd_per_kwh", "flat_rate_per_kwh")


class TariffPeriodTable(Table, frozen=True, kw_only=True):
    """A tariff and the days on which the site is on it."""

    name: Annotated[str, about("A file of config/tariffs/")]
    first: Annotated[date, about("First day; left out: the tariff's own")] | None = msgspec.field(
        default=None, name="from"
    )
    last: Annotated[date, about("Last day; left out: the tariff's own")] | None = msgspec.field(default=None, name="to")


class PowerFactorTable(Table, frozen=True, kw_only=True):
    """A penalty: the billed demand is raised by target / power factor."""

    target_ratio: Annotated[float, about("Power factor below which it is charged", gt=0, le=1)]
    penalty_usd_per_kw: Annotated[float, about("For each kW that is added", ge=0)]


Peaks = dict[
    Annotated[str, about("Month", pattern=r"^\d{4}-(0[1-9]|1[0-2])$", right="a month such as 2025-08")],
    Annotated[float, about("Billed peak [kW]", ge=0)],
]


class TariffTable(Table, frozen=True):
    """What the site pays: a flat rate, or a tariff of config/tariffs/. Without either, a flat rate is assumed."""

    # No kWh of any tariff costs 5 USD; such a number was meant in cents.
    flat_rate_usd_per_kwh: Annotated[float, about("One price for every kWh", ge=0, le=5)] | None = None
    flat_rate_per_kwh: Annotated[float, about("The same in another currency", ge=0, le=1000)] | None = None
    currency: (
        Annotated[
            str,
            about(
                "Of flat_rate_per_kwh: its ISO code",
                pattern="^[A-Z]{3}$",
                right="a code of three capital letters such as 'EUR'",
            ),
        ]
        | None
    ) = None
    name: Annotated[str, about("A file of config/tariffs/; the shipped ones are assumptions")] | None = None
    periods: Annotated[tuple[TariffPeriodTable, ...], about("Where it changed", min_length=1)] | None = None
    compare_with: Annotated[str, about("What the report compares it with")] | None = None
    billed_peaks_kw: Annotated[Peaks, about("Peaks on bills older than the readings, for a ratchet")] = {}
    power_factor: PowerFactorTable | None = None

    def __post_init__(self) -> None:
        named = [name for name in _SAYS_PRICE if getattr(self, name) is not None]
        if len(named) > 1:
            raise Refusal(named[0], f"and {named[1]} both say what the site pays; give {_ONE_PRICE}")
        if (self.currency is None) != (self.flat_rate_per_kwh is None):
            given = "currency" if self.flat_rate_per_kwh is None else "flat_rate_per_kwh"
            beside = "flat_rate_per_kwh; a tariff's file says its own" if given == "currency" else "currency = 'EUR'"
            raise Refusal(given, f"should stand beside {beside}")

    @property
    def is_named(self) -> bool:
        """Whether the file says what the site pays."""
        return any(getattr(self, name) is not None for name in _SAYS_PRICE)
