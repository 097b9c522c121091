"""The charges of a tariff file in this project's own form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from config.strict_toml import Place, Refusal, Table, about
from config.tariff_model import (
    DEFAULT_DEMAND_INTERVAL_S,
    MAX_PERIODS,
    Adder,
    DemandCharge,
    EnergyRates,
    ExportRule,
    Ratchet,
    RatePeriod,
    Tier,
    TierUnit,
    schedule_of,
)
from config.tariff_windows import Month, Windows, cells_of, check_complete

_PEAKS_RIGHT = "a list of date-times with offset such as [2026-07-14T16:00:00-05:00]"

Charges = Literal["energy", "demand", "fixed"]
Name = Annotated[str, about("Name", right="a text")]


class EnergyTier(Table, frozen=True):
    """A price of energy up to an amount a month."""

    rate_per_kwh: Annotated[float, about("Currency per kWh", ge=0)]
    up_to_kwh: Annotated[float, about("End of the tier in tier_unit; none for the last", ge=0)] | None = None


class DemandTier(Table, frozen=True):
    """A price of demand up to an amount."""

    rate_per_kw: Annotated[float, about("Currency per kW", ge=0)]
    up_to_kw: Annotated[float, about("End of the tier, kW; none for the last", ge=0)] | None = None


class EnergyPeriod(Windows, frozen=True, kw_only=True):
    """A time-of-use period. The first one that covers a time holds."""

    name: Name
    rate_per_kwh: Annotated[float, about("Currency per kWh", ge=0)] | None = None
    tiers: Annotated[tuple[EnergyTier, ...], about("In place of one rate", min_length=1)] | None = None
    tier_unit: Annotated[
        TierUnit, about("What up_to_kwh counts: a month's or a day's kWh, or those per kW of demand")
    ] = TierUnit.KWH
    sell_per_kwh: Annotated[float, about("What an exported kWh earns, with [export]", ge=0)] = 0.0

    def __post_init__(self) -> None:
        Windows.__post_init__(self)
        self.rates()

    def to_period(self) -> RatePeriod:
        """Return what it means."""
        return RatePeriod(self.name, self.rates(), self.tier_unit, self.sell_per_kwh)

    def rates(self) -> tuple[Tier, ...]:
        """Return the tiers."""
        rows = None if self.tiers is None else [(tier.rate_per_kwh, tier.up_to_kwh) for tier in self.tiers]
        return _tiers(self.rate_per_kwh, rows, "rate_per_kwh", "up_to_kwh")


class RatchetTable(Table, frozen=True, kw_only=True):
    """At least `pct` percent of the highest peak of the months before is billed."""

    pct: Annotated[float, about("Percent", ge=0, le=100)]
    months: Annotated[int, about("Months before", ge=1, le=24)]
    of: Annotated[tuple[Month, ...], about("Months whose peaks count; left out: all")] = ()

    def to_ratchet(self) -> Ratchet:
        """Return what it means."""
        return Ratchet(self.pct, self.months, self.of)


class DemandChargeTable(Windows, frozen=True, kw_only=True):
    """A charge on the month's highest demand within its windows."""

    name: Name
    rate_per_kw: Annotated[float, about("Currency per kW", ge=0)] | None = None
    tiers: Annotated[tuple[DemandTier, ...], about("In place of one rate", min_length=1)] | None = None
    ratchet: RatchetTable | None = None
    minimum_kw: Annotated[float, about("Billed at least", ge=0)] = 0.0
    system_peaks: Annotated[tuple[datetime, ...], about("The utility's peaks", right=_PEAKS_RIGHT)] | None = None

    def __post_init__(self) -> None:
        Windows.__post_init__(self)
        self.rates()
        if any(peak.tzinfo is None for peak in self.system_peaks or ()):
            raise Refusal(
                "system_peaks", "should be a list of date-times with offset such as 2026-07-14T16:00:00-05:00"
            )
        if self.system_peaks is not None and self.ratchet is not None:
            raise Refusal("ratchet", "stands beside system_peaks; a coincident charge has none")

    def rates(self) -> tuple[Tier, ...]:
        """Return the tiers."""
        rows = None if self.tiers is None else [(tier.rate_per_kw, tier.up_to_kw) for tier in self.tiers]
        return _tiers(self.rate_per_kw, rows, "rate_per_kw", "up_to_kw")

    def to_charge(self) -> DemandCharge:
        """Return what it means."""
        ratchet = None if self.ratchet is None else self.ratchet.to_ratchet()
        peaks = None if self.system_peaks is None else tuple(sorted(self.system_peaks))
        cells = schedule_of(cells_of([self]))
        return DemandCharge(self.name, self.rates(), cells, ratchet, self.minimum_kw, peaks)


class EnergyTable(Table, frozen=True, kw_only=True):
    """Energy charges."""

    periods: Annotated[tuple[EnergyPeriod, ...], about("Periods, the first that covers a time holds", min_length=1)]
    tier_basis: Annotated[Literal["period", "month"], about("Whose kWh fill the tiers")] = "month"

    def __post_init__(self) -> None:
        names = [period.name for period in self.periods]
        if len(names) > MAX_PERIODS:
            raise Refusal("periods", f"should be {MAX_PERIODS} or fewer, not {len(names)}")
        for number, name in enumerate(names):
            if name in names[:number]:
                raise Refusal(("periods", number, "name"), f"should be a name that no other period has, not {name!r}")
        check_complete(cells_of(self.periods))

    def to_rates(self) -> EnergyRates:
        """Return what it means."""
        periods = tuple(period.to_period() for period in self.periods)
        return EnergyRates(periods, schedule_of(cells_of(self.periods)), self.tier_basis)


class DemandTable(Table, frozen=True):
    """Demand charges."""

    interval_minutes: Annotated[int, about("Over which demand is averaged", ge=1, le=60)] = (
        DEFAULT_DEMAND_INTERVAL_S // 60
    )
    charges: tuple[DemandChargeTable, ...] = ()
    reactive_per_kvar: Annotated[float, about("Currency per kVAr of the month's highest reactive demand", ge=0)] = 0.0


class FixedTable(Table, frozen=True):
    """Charges that do not depend on use."""

    monthly_charge: Annotated[float, about("A month", ge=0)] = 0.0
    daily_charge: Annotated[float, about("A day", ge=0)] = 0.0
    yearly_charge: Annotated[float, about("A year, billed by the twelfth", ge=0)] = 0.0
    minimum_charge: Annotated[float, about("A month at least", ge=0)] = 0.0
    minimum_daily_charge: Annotated[float, about("A day of the month at least", ge=0)] = 0.0
    minimum_yearly_charge: Annotated[float, about("A year at least, billed with December", ge=0)] = 0.0


class ExportTable(Table, frozen=True):
    """How exported energy is credited; without it export earns nothing."""

    rule: Annotated[ExportRule, about("net_billing at sell_per_kwh, or net_metering against the import of its period")]


class TaxTable(Table, frozen=True, kw_only=True):
    """A tax, on all that stands before it."""

    name: Name
    per_kwh: Annotated[float, about("Currency per kWh", ge=-1000, le=1000)] | None = None
    pct: Annotated[float, about("Percent", ge=-100, le=1000)] | None = None

    def __post_init__(self) -> None:
        if (self.per_kwh is None) == (self.pct is None):
            raise Refusal("per_kwh", "or pct should be given, one of the two")

    def to_adder(self) -> Adder:
        """Return what it means."""
        return Adder(self.name, self.per_kwh or 0.0, self.pct or 0.0)


class RiderTable(TaxTable, frozen=True, kw_only=True):
    """A rider; a percentage may be on some charges only."""

    on: Annotated[tuple[Charges, ...], about("Charges that a percentage is on", min_length=1)] = (
        "energy",
        "demand",
        "fixed",
    )

    def to_adder(self) -> Adder:
        """Return what it means."""
        return Adder(self.name, self.per_kwh or 0.0, self.pct or 0.0, self.on)


def _tiers(
    rate: float | None, rows: Sequence[tuple[float, float | None]] | None, rate_key: str, end_key: str
) -> tuple[Tier, ...]:
    """Return the tiers that one rate, or a list of rates and ends, gives."""
    if (rate is None) == (rows is None):
        example = f"[{{ {end_key} = 1000, {rate_key} = 0.1 }}, …]"
        raise Refusal(rate_key, f"or tiers should be given, one of the two; tiers = {example}")
    return (Tier(rate),) if rate is not None else closed_tiers(rows or (), ("tiers",), end_key)


def closed_tiers(rows: Sequence[tuple[float, float | None]], key: Place, end_key: str) -> tuple[Tier, ...]:
    """Return the tiers of (rate, end), each of which ends above the one before; the last has no end."""
    tiers, below = [], 0.0
    for number, (rate, up_to) in enumerate(rows):
        place = (*key, number, end_key)
        if number == len(rows) - 1:
            if up_to is not None:
                raise Refusal(place, "closes the last tier; leave it out, so that the tier has no end")
            tiers.append(Tier(rate))
        elif up_to is None or up_to <= below:
            raise Refusal(place, f"should be more than {below:g}, where the tier before ends")
        else:
            tiers.append(Tier(rate, up_to))
            below = up_to
    return tuple(tiers)
