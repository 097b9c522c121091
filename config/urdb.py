"""The form in which the Utility Rate Database writes a rate, and what it means in this project's own.

See https://openei.org/services/doc/rest/util_rates/?version=8: amounts are `rate` + `adj`, the last tier has no `max`.
Where the database leaves open what is meant, NREL's System Advisor Model (SAM) decides: the month's kWh fill the tiers
whatever the periods, holidays have the hours of weekends, and a yearly charge is billed by the twelfth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

from config.strict_toml import Place, Refusal, Table, about
from config.tariff_charges import (
    DemandChargeTable,
    DemandTable,
    DemandTier,
    EnergyPeriod,
    EnergyTable,
    EnergyTier,
    ExportTable,
    FixedTable,
    RatchetTable,
)
from config.tariff_model import DEFAULT_DEMAND_INTERVAL_S, MONTHS_PER_YEAR, ExportRule, TierUnit
from config.tariff_windows import Window

_HOURS_PER_DAY = 24
# URDB's percentage has no months of its own: the year that the billed month closes.
_RATCHET_MONTHS = 11

Amount = Annotated[float, about("Amount", ge=0)]
Rows = Sequence[Sequence[int]]


class UrdbTier(Table, frozen=True):
    """A tier as URDB has it."""

    max: Annotated[float, about("End of the tier; none for the last", ge=0)] | None = None
    rate: Annotated[float, about("Currency per kWh or kW")] = 0.0
    adj: Annotated[float, about("Added to the rate")] = 0.0
    unit: str | None = None
    sell: Annotated[float, about("What an exported kWh earns", ge=0)] = 0.0


HourTable = Annotated[
    tuple[tuple[Annotated[int, about("Period", ge=0)], ...], ...],
    about("12 rows (January first) of 24 period numbers", right="12 rows (January first) of 24 period numbers"),
]
UrdbTiers = tuple[tuple[UrdbTier, ...], ...]
_STRUCTURE_RIGHT = "a list (periods) of lists (tiers) such as [[{ max = 1000, rate = 0.1 }, { rate = 0.08 }]]"
Structure = Annotated[UrdbTiers, about("Tiers by period", min_length=1, right=_STRUCTURE_RIGHT)]
ExportWord = Literal["Net Metering", "Net Billing Instantaneous", "Net Billing Hourly", "Buy All Sell All"]


class UrdbTable(Table, frozen=True, kw_only=True):
    """A rate as the Utility Rate Database writes it."""

    energyratestructure: Structure
    energyweekdayschedule: HourTable
    energyweekendschedule: HourTable
    demandratestructure: Structure | None = None
    demandweekdayschedule: HourTable | None = None
    demandweekendschedule: HourTable | None = None
    demandrateunit: Literal["kW"] = "kW"
    demandwindow: Annotated[int, about("Demand interval [minutes]", ge=1, le=60)] = DEFAULT_DEMAND_INTERVAL_S // 60
    demandratchetpercentage: tuple[Annotated[float, about("Share", ge=0, le=1)], ...] = ()
    demandreactivepowercharge: Amount = 0.0
    flatdemandstructure: Structure | None = None
    flatdemandmonths: tuple[Annotated[int, about("Period", ge=0)], ...] | None = None
    flatdemandunit: Literal["kW"] = "kW"
    coincidentratestructure: Structure | None = None
    coincidentrateschedule: HourTable | None = None
    coincidentrateunit: Literal["kW"] = "kW"
    lookbackpercent: Annotated[float, about("Share", ge=0, le=1)] = 0.0
    lookbackrange: Annotated[int, about("Months", ge=0, le=12)] = 0
    lookbackmonths: tuple[Annotated[int, about("1 where the month's peak counts", ge=0, le=1)], ...] = ()
    fixedchargefirstmeter: Amount | None = None
    fixedchargeunits: Literal["$/month", "$/day", "$/year"] = "$/month"
    fixedmonthlycharge: Amount | None = None
    mincharge: Amount = 0.0
    minchargeunits: Literal["$/month", "$/day", "$/year"] = "$/month"
    minmonthlycharge: Amount = 0.0
    annualmincharge: Amount = 0.0
    usenetmetering: bool = False
    dgrules: ExportWord | None = None

    def __post_init__(self) -> None:
        if self.fixedmonthlycharge is not None and self.fixedchargefirstmeter is not None:
            raise Refusal("fixedmonthlycharge", "stands beside fixedchargefirstmeter, its newer name; keep one of them")
        self.to_energy(), self.to_demand()

    def to_energy(self) -> EnergyTable:
        """Return the energy charges, without periods that hold at no time."""
        tiers = _check_tiers(self.energyratestructure, "energyratestructure")
        weekday, weekend = (self._rows(name, len(tiers)) for name in ("energyweekdayschedule", "energyweekendschedule"))
        hours = {n: sum(row.count(n) for row in (*weekday, *weekend)) for n in range(len(tiers))}
        used = sorted((n for n in hours if hours[n]), key=lambda n: hours[n] == max(hours.values()))
        return EnergyTable(
            periods=tuple(
                # The last one takes the rest: of those that hold most of the time, the last.
                _energy_period(tiers[n], n, windows_of(weekday, weekend, n) if n != used[-1] else ())
                for n in used
            ),
        )

    def to_demand(self) -> DemandTable:
        """Return the demand charges: one for each period, and for each set of flat months, that costs anything."""
        charges = (*self._period_charges(), *self._flat_charges(), *self._coincident_charges())
        return DemandTable(
            interval_minutes=self.demandwindow, charges=charges, reactive_per_kvar=self.demandreactivepowercharge
        )

    def to_fixed(self) -> FixedTable:
        """Return the fixed charges and minimums."""
        fixed = {"$/month": self.fixedmonthlycharge or 0.0, "$/day": 0.0, "$/year": 0.0}
        fixed[self.fixedchargeunits] += self.fixedchargefirstmeter or 0.0
        least = {"$/month": self.minmonthlycharge, "$/day": 0.0, "$/year": self.annualmincharge}
        least[self.minchargeunits] = max(least[self.minchargeunits], self.mincharge)
        return FixedTable(
            monthly_charge=fixed["$/month"],
            daily_charge=fixed["$/day"],
            yearly_charge=fixed["$/year"],
            minimum_charge=least["$/month"],
            minimum_daily_charge=least["$/day"],
            minimum_yearly_charge=least["$/year"],
        )

    def to_export(self) -> ExportTable | None:
        """Return how export is credited; None where the rate does not say, or buys and sells all at two meters."""
        if self.usenetmetering or self.dgrules == "Net Metering":
            return ExportTable(rule=ExportRule.NET_METERING)
        sells = any(tier.sell for own in self.energyratestructure for tier in own)
        is_billed = self.dgrules in ("Net Billing Instantaneous", "Net Billing Hourly") or self.dgrules is None
        return ExportTable(rule=ExportRule.NET_BILLING) if sells and is_billed else None

    def _period_charges(self) -> Iterator[DemandChargeTable]:
        if self.demandratestructure is not None:
            structure = _check_tiers(self.demandratestructure, "demandratestructure")
            names = ("demandweekdayschedule", "demandweekendschedule")
            weekday, weekend = (self._rows(name, len(structure)) for name in names)
            for n, tiers in enumerate(structure):
                yield from _demand_charge(f"period_{n}", tiers, windows_of(weekday, weekend, n), self._ratchet())

    def _flat_charges(self) -> Iterator[DemandChargeTable]:
        if self.flatdemandstructure is None:
            return
        structure, months = _check_tiers(self.flatdemandstructure, "flatdemandstructure"), self.flatdemandmonths
        if months is None and len(structure) == 1:
            months = (0,) * MONTHS_PER_YEAR
        if months is None or len(months) != MONTHS_PER_YEAR or max(months) >= len(structure):
            right = f"12 numbers from 0 to {len(structure) - 1}, one a month, January first"
            problem = (
                f"is missing; it should be {right}" if months is None else f"should be {right}, not {list(months)}"
            )
            raise Refusal("flatdemandmonths", problem)
        rows = [(number,) * _HOURS_PER_DAY for number in months]
        for n, tiers in enumerate(structure):
            yield from _demand_charge(f"flat_{n}", tiers, windows_of(rows, rows, n), self._ratchet())

    def _coincident_charges(self) -> Iterator[DemandChargeTable]:
        """Yield the charges on the utility's peak, without its moments, which only the utility knows."""
        if self.coincidentratestructure is not None:
            structure = _check_tiers(self.coincidentratestructure, "coincidentratestructure")
            rows = self._rows("coincidentrateschedule", len(structure))
            for n, tiers in enumerate(structure):
                for charge in _demand_charge(f"coincident_{n}", tiers, windows_of(rows, rows, n), None):
                    yield DemandChargeTable(
                        name=charge.name, tiers=charge.tiers, rate_per_kw=charge.rate_per_kw, system_peaks=(),
                        months=charge.months, days=charge.days, hours=charge.hours, when=charge.when,
                    )  # fmt: skip

    def _rows(self, name: str, periods: int) -> Rows:
        """Return a table of 12 rows (months) of 24 period numbers."""
        rows: Rows | None = getattr(self, name)
        right = f"12 rows (January first) of 24 period numbers from 0 to {periods - 1}"
        if rows is None:
            raise Refusal(name, f"is missing; it should be {right}")
        if len(rows) != MONTHS_PER_YEAR or any(len(row) != _HOURS_PER_DAY or max(row) >= periods for row in rows):
            raise Refusal(name, f"should be {right}")
        return rows

    def _ratchet(self) -> RatchetTable | None:
        shares = self.demandratchetpercentage
        if self.lookbackpercent and any(shares):
            problem = "stands beside lookbackpercent; keep the one that the utility's sheet has"
            raise Refusal("demandratchetpercentage", problem)
        if self.lookbackpercent:
            return self._lookback()
        if len(shares) not in (0, MONTHS_PER_YEAR) or len(set(shares)) > 1:
            raise Refusal("demandratchetpercentage", "should be 12 equal shares from 0 to 1, such as 0.8 for 80 %")
        share = next(iter(shares), 0.0)
        return RatchetTable(pct=round(100 * share, 6), months=_RATCHET_MONTHS) if share else None

    def _lookback(self) -> RatchetTable:
        flags = self.lookbackmonths
        if flags and len(flags) != MONTHS_PER_YEAR:
            raise Refusal("lookbackmonths", f"should be 12 numbers, 1 where a month's peak counts, not {list(flags)}")
        months = tuple(n for n, counts in enumerate(flags, 1) if counts)
        if not months and not self.lookbackrange:
            right = "should be the number of months before, as the utility's sheet has it, or lookbackmonths be given"
            raise Refusal("lookbackrange", right)
        of = () if len(months) == MONTHS_PER_YEAR else months
        return RatchetTable(
            pct=round(100 * self.lookbackpercent, 6), months=self.lookbackrange or _RATCHET_MONTHS, of=of
        )


class _When(NamedTuple):
    """The windows of a table of this project, as it takes one of them or several."""

    months: tuple[int, ...] | None = None
    days: tuple[str, ...] | None = None
    hours: tuple[tuple[float, float], ...] | None = None
    when: tuple[Window, ...] | None = None


def windows_of(weekday: Rows, weekend: Rows, number: int) -> tuple[Window, ...]:
    """Return the windows in which period `number` holds, by tables of 12 rows (months) of 24 period numbers."""
    months_of: dict[tuple[str | None, tuple[tuple[int, int], ...]], list[int]] = defaultdict(list)
    for month, rows in enumerate(zip(weekday, weekend, strict=True), 1):
        runs = [_runs([period == number for period in row]) for row in rows]
        named = [(None, runs[0])] if runs[0] == runs[1] else list(zip(("weekday", "weekend"), runs, strict=True))
        for day, own in named:
            if own:
                months_of[day, own].append(month)
    return tuple(
        Window(
            months=None if len(months) == MONTHS_PER_YEAR else tuple(months),
            days=None if day is None else (day,),  # type: ignore[arg-type]  # one of DayName
            hours=None if own == ((0, _HOURS_PER_DAY),) else own,
        )
        for (day, own), months in months_of.items()
    )


def _runs(holds: Sequence[bool]) -> tuple[tuple[int, int], ...]:
    """Return the runs of hours that are true as (from, to); one past midnight is one run."""
    edges = [hour for hour in range(_HOURS_PER_DAY + 1) if (hour and holds[hour - 1]) != (hour < 24 and holds[hour])]
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == _HOURS_PER_DAY:
        runs = [*runs[1:-1], (runs[-1][0], runs[0][1])]
    return tuple(runs)


def _energy_period(tiers: Sequence[UrdbTier], number: int, windows: tuple[Window, ...]) -> EnergyPeriod:
    when, rates = _when(windows), [EnergyTier(rate_per_kwh=amount_of(tier), up_to_kwh=tier.max) for tier in tiers]
    is_one = len(rates) == 1
    return EnergyPeriod(
        name=f"period_{number}",
        rate_per_kwh=rates[0].rate_per_kwh if is_one else None,
        tiers=None if is_one else tuple(rates),
        tier_unit=unit_of(tiers[0]) if not is_one else TierUnit.KWH,
        sell_per_kwh=tiers[0].sell,
        months=when.months,
        days=when.days,  # type: ignore[arg-type]  # of DayName
        hours=when.hours,
        when=when.when,
    )


def _demand_charge(
    name: str, tiers: Sequence[UrdbTier], windows: tuple[Window, ...], ratchet: RatchetTable | None
) -> Iterator[DemandChargeTable]:
    """Yield the charge where it costs anything at any time."""
    if not windows or not any(amount_of(tier) for tier in tiers):
        return
    when, rates = _when(windows), [DemandTier(rate_per_kw=amount_of(tier), up_to_kw=tier.max) for tier in tiers]
    is_one = len(rates) == 1
    yield DemandChargeTable(
        name=name,
        rate_per_kw=rates[0].rate_per_kw if is_one else None,
        tiers=None if is_one else tuple(rates),
        ratchet=ratchet,
        months=when.months,
        days=when.days,  # type: ignore[arg-type]  # of DayName
        hours=when.hours,
        when=when.when,
    )


def _when(windows: tuple[Window, ...]) -> _When:
    if len(windows) != 1:
        return _When(when=windows or None)
    return _When(windows[0].months, windows[0].days, windows[0].hours)  # type: ignore[arg-type]  # whole hours


def amount_of(tier: UrdbTier) -> float:
    """Return what a kWh or kW of the tier costs; rounded where a sum of decimals has left 0.09999999999999999."""
    return round(tier.rate + tier.adj, 9)


def unit_of(tier: UrdbTier) -> TierUnit:
    """Return what the tier's end counts; kWh where it does not say."""
    return next(unit for unit in TierUnit if unit.casefold() == (tier.unit or "kWh").casefold())


def _check_tiers(structure: UrdbTiers, key: str) -> UrdbTiers:
    """Return the structure where each period has tiers of one unit that follow each other, none below nothing."""
    known = list(TierUnit) if key == "energyratestructure" else ["kW"]
    for number, own in enumerate(structure):
        if not own:
            raise Refusal(key, f"should be {_STRUCTURE_RIGHT}")
        below = 0.0
        for n, tier in enumerate(own):
            _check_tier(tier, (key, number, n), known)
            if (tier.unit or known[0]).casefold() != (own[0].unit or known[0]).casefold():
                raise Refusal((key, number, n, "unit"), "should be the same in all tiers of a period")
            is_last = n == len(own) - 1
            if is_last != (tier.max is None):
                right = "closes the last tier; leave it out, so that the tier has no end"
                raise Refusal((key, number, n, "max"), right if is_last else f"should be more than {below:g}")
            if tier.max is not None and tier.max <= below:
                raise Refusal((key, number, n, "max"), f"should be more than {below:g}, where the tier before ends")
            below = tier.max or below
    return structure


def _check_tier(tier: UrdbTier, place: Place, units: Sequence[str]) -> None:
    if tier.unit is not None and tier.unit.casefold() not in {unit.casefold() for unit in units}:
        raise Refusal((*place, "unit"), f"should be one of {', '.join(units)}, not {tier.unit!r}")
    if amount_of(tier) < 0:
        raise Refusal((*place, "adj"), "should leave rate + adj at 0 or more")
