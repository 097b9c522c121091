"""Reads tariffs (``config/tariffs/<name>.toml`` or ``.json``), in this project's form or in that of the URDB.

The shipped ``default_tou_demand.toml`` shows the form of a tariff, with every key in a comment. A table ``[urdb]`` in
place of energy, demand and fixed takes a page of the Utility Rate Database as it is written there
(https://openei.org/services/doc/rest/util_rates/?version=8): amounts are `rate` + `adj`, the last tier has no `max`.
What this pipeline cannot bill (units other than kWh and kW, reactive power) is refused, not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt

from config.strict_toml import Place, Refusal, Table, about, read_model, suggest
from config.tariff_model import (
    DAY_TYPES,
    DEFAULT_DEMAND_INTERVAL_S,
    HOLIDAY,
    MONTHS_PER_YEAR,
    SCHEDULE_SHAPE,
    SLOTS_PER_HOUR,
    SUNDAY,
    Adder,
    DemandCharge,
    EnergyRates,
    Ratchet,
    RatePeriod,
    Tariff,
    Tier,
    schedule_of,
)
from lib.errors import ConfigError
from lib.paths import TARIFFS_DIR

DEFAULT_FLAT, DEFAULT_TOU = "default_flat", "default_tou_demand"

Cells = npt.NDArray[np.int8]

_DAY_GROUPS = {
    **{name: (number,) for number, name in enumerate(DAY_TYPES)},
    "weekday": (0, 1, 2, 3, 4),
    "weekend": (5, 6),
}
_SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR
_MINUTES_PER_SLOT = 60 // SLOTS_PER_HOUR
_HOURS_RIGHT = "a list of [from, to] pairs in hours (7, 8.5) or texts ('08:30'), on the quarter hour, from 0 to 24"
_PEAKS_RIGHT = "a list of date-times with offset such as [2026-07-14T16:00:00-05:00]"
# URDB's percentage has no months of its own: the year that the billed month closes.
_RATCHET_MONTHS = 11

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "weekday", "weekend"]
Charges = Literal["energy", "demand", "fixed"]
Amount = Annotated[float, about("Amount", ge=0)]
Name = Annotated[str, about("Name", right="a text")]
Month = Annotated[int, about("Month", ge=1, le=MONTHS_PER_YEAR, right="a list of months from 1 to 12")]


class Window(Table, frozen=True):
    """Months, days and hours; what is left out covers all."""

    months: Annotated[tuple[Month, ...], about("Months, 1 to 12", min_length=1)] | None = None
    days: Annotated[tuple[DayName, ...], about("Days", min_length=1)] | None = None
    hours: (
        Annotated[
            tuple[tuple[float | str, float | str], ...],
            about("[from, to) on the local clock; may run past midnight", min_length=1, right=_HOURS_RIGHT),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        self.slots()

    def slots(self) -> npt.NDArray[np.bool_]:
        """Return for each quarter hour of a day whether it lies within the hours."""
        slots = np.zeros(_SLOTS_PER_DAY, dtype=bool)
        for pair in ((0.0, 24.0),) if self.hours is None else self.hours:
            first, last = (_slot_of(end) for end in pair)
            if first is None or last is None or first in (last, _SLOTS_PER_DAY):
                raise Refusal("hours", f"should be {_HOURS_RIGHT}, not {list(map(list, self.hours or ()))}")
            if first < last:
                slots[first:last] = True
            else:
                slots[first:], slots[:last] = True, True
        return slots

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return the cells of a schedule that the window covers."""
        months, days = np.zeros(MONTHS_PER_YEAR, dtype=bool), np.zeros(len(DAY_TYPES), dtype=bool)
        months[[month - 1 for month in self.months or range(1, MONTHS_PER_YEAR + 1)]] = True
        days[[number for name in self.days or DAY_TYPES for number in _DAY_GROUPS[name]]] = True
        return months[:, None, None] & days[None, :, None] & self.slots()[None, None, :]


class Windows(Window, frozen=True):
    """One window, or a list of them."""

    when: (
        Annotated[
            tuple[Window, ...],
            about(
                "In place of months, days and hours",
                min_length=1,
                right="a list of one window or more, such as [{ days = ['weekday'], hours = [[7, 12]] }]",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        for name in ("months", "days", "hours"):
            if self.when is not None and getattr(self, name) is not None:
                raise Refusal(name, "stands beside when; put it into each window there")
        Window.__post_init__(self)

    def windows(self) -> Sequence[Window]:
        """Return the windows."""
        return (self,) if self.when is None else self.when


class EnergyTier(Table, frozen=True):
    """A price of energy up to an amount a month."""

    rate_per_kwh: Annotated[float, about("Currency per kWh", ge=0)]
    up_to_kwh: Annotated[float, about("End of the tier, kWh a month; none for the last", ge=0)] | None = None


class DemandTier(Table, frozen=True):
    """A price of demand up to an amount."""

    rate_per_kw: Annotated[float, about("Currency per kW", ge=0)]
    up_to_kw: Annotated[float, about("End of the tier, kW; none for the last", ge=0)] | None = None


class EnergyPeriod(Windows, frozen=True, kw_only=True):
    """A time-of-use period. The first one that covers a time holds."""

    name: Name
    rate_per_kwh: Annotated[float, about("Currency per kWh", ge=0)] | None = None
    tiers: Annotated[tuple[EnergyTier, ...], about("In place of one rate", min_length=1)] | None = None

    def __post_init__(self) -> None:
        Windows.__post_init__(self)
        self.rates()

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
    tier_basis: Annotated[Literal["period", "month"], about("Whose kWh fill the tiers")] = "period"

    def __post_init__(self) -> None:
        names = [period.name for period in self.periods]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise Refusal(("periods", number, "name"), f"should be a name that no other period has, not {name!r}")
        ends = {tuple(tier.up_to for tier in period.rates()) for period in self.periods}
        if self.tier_basis == "month" and len(ends) > 1:
            raise Refusal("tier_basis", "is 'month', so the tiers of all periods should end at the same kWh")
        _check_complete(cells_of(self.periods))

    def to_rates(self) -> EnergyRates:
        """Return what it means."""
        periods = tuple(RatePeriod(period.name, period.rates()) for period in self.periods)
        return EnergyRates(periods, schedule_of(cells_of(self.periods)), self.tier_basis)


class DemandTable(Table, frozen=True):
    """Demand charges."""

    interval_minutes: Annotated[int, about("Over which demand is averaged", ge=1, le=60)] = (
        DEFAULT_DEMAND_INTERVAL_S // 60
    )
    charges: tuple[DemandChargeTable, ...] = ()


class FixedTable(Table, frozen=True):
    """Charges that do not depend on use."""

    monthly_charge: Annotated[float, about("A month", ge=0)] = 0.0
    daily_charge: Annotated[float, about("A day", ge=0)] = 0.0
    minimum_charge: Annotated[float, about("A month at least", ge=0)] = 0.0


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


class UrdbTier(Table, frozen=True):
    """A tier as URDB has it."""

    max: Annotated[float, about("End of the tier; none for the last", ge=0)] | None = None
    rate: Amount = 0.0
    adj: Annotated[float, about("Added to the rate")] = 0.0
    unit: str | None = None


HourTable = Annotated[
    tuple[tuple[Annotated[int, about("Period", ge=0)], ...], ...],
    about("12 rows (January first) of 24 period numbers", right="12 rows (January first) of 24 period numbers"),
]
UrdbTiers = tuple[tuple[UrdbTier, ...], ...]
_STRUCTURE_RIGHT = "a list (periods) of lists (tiers) such as [[{ max = 1000, rate = 0.1 }, { rate = 0.08 }]]"
Structure = Annotated[UrdbTiers, about("Tiers by period", min_length=1, right=_STRUCTURE_RIGHT)]


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
    flatdemandstructure: Structure | None = None
    flatdemandmonths: tuple[Annotated[int, about("Period", ge=0)], ...] = (0,) * MONTHS_PER_YEAR
    flatdemandunit: Literal["kW"] = "kW"
    lookbackpercent: Annotated[float, about("Share", ge=0, le=1)] = 0.0
    lookbackrange: Annotated[int, about("Months", ge=0, le=12)] = 0
    fixedchargefirstmeter: Amount | None = None
    fixedchargeunits: Literal["$/month", "$/day"] = "$/month"
    fixedmonthlycharge: Amount | None = None
    mincharge: Amount = 0.0
    minchargeunits: Literal["$/month"] = "$/month"

    def __post_init__(self) -> None:
        if self.fixedmonthlycharge is not None and self.fixedchargefirstmeter is not None:
            raise Refusal("fixedmonthlycharge", "stands beside fixedchargefirstmeter, its newer name; keep one of them")
        if len(set(self.demandratchetpercentage)) > 1:
            raise Refusal("demandratchetpercentage", "should be 12 equal shares from 0 to 1, such as 0.8 for 80 %")
        self.to_rates(), self.to_charges()

    def to_rates(self) -> EnergyRates:
        """Return the energy charges."""
        tiers = _urdb_tiers(self.energyratestructure, "energyratestructure", "kWh")
        cells = self._cells("energyweekdayschedule", "energyweekendschedule", len(tiers))
        return EnergyRates(tuple(RatePeriod(f"period_{n}", own) for n, own in enumerate(tiers)), schedule_of(cells))

    def to_charges(self) -> tuple[DemandCharge, ...]:
        """Return the demand charges: one for each period and for each set of flat months that costs anything."""
        return tuple(
            DemandCharge(name, tiers, schedule_of(cells), self._ratchet())
            for name, tiers, cells in (*self._period_charges(), *self._flat_charges())
            if any(tier.rate for tier in tiers) and (cells == 0).any()
        )

    def _period_charges(self) -> Iterator[tuple[str, tuple[Tier, ...], Cells]]:
        if self.demandratestructure is not None:
            structure = _urdb_tiers(self.demandratestructure, "demandratestructure", "kW")
            cells = self._cells("demandweekdayschedule", "demandweekendschedule", len(structure))
            for n, tiers in enumerate(structure):
                yield f"period_{n}", tiers, np.where(cells == n, 0, -1).astype(np.int8)

    def _flat_charges(self) -> Iterator[tuple[str, tuple[Tier, ...], Cells]]:
        if self.flatdemandstructure is None:
            return
        structure = _urdb_tiers(self.flatdemandstructure, "flatdemandstructure", "kW")
        months = self.flatdemandmonths
        if len(months) != MONTHS_PER_YEAR or max(months) >= len(structure):
            right = f"12 numbers from 0 to {len(structure) - 1}, one a month, January first"
            raise Refusal("flatdemandmonths", f"should be {right}, not {list(months)}")
        for n, tiers in enumerate(structure):
            cells = np.full(SCHEDULE_SHAPE, -1, dtype=np.int8)
            cells[np.array(months) == n] = 0
            yield f"flat_{n}", tiers, cells

    def _cells(self, weekday: str, weekend: str, periods: int) -> Cells:
        """Return the cells of two tables of 12 rows (months) of 24 period numbers; holidays follow the weekend's."""
        cells = np.empty(SCHEDULE_SHAPE, dtype=np.int8)
        for name, days in ((weekday, slice(0, 5)), (weekend, slice(5, None))):
            rows = getattr(self, name)
            right = f"12 rows (January first) of 24 period numbers from 0 to {periods - 1}"
            if rows is None:
                raise Refusal(name, f"is missing; it should be {right}")
            if len(rows) != MONTHS_PER_YEAR or any(len(row) != 24 or max(row) >= periods for row in rows):
                raise Refusal(name, f"should be {right}")
            cells[:, days] = np.repeat(np.array(rows, dtype=np.int8), SLOTS_PER_HOUR, axis=1)[:, None, :]
        return cells

    def _ratchet(self) -> Ratchet | None:
        if self.lookbackpercent and self.lookbackrange:
            return Ratchet(100 * self.lookbackpercent, self.lookbackrange)
        share = next(iter(self.demandratchetpercentage), 0.0)
        return Ratchet(100 * share, _RATCHET_MONTHS) if share else None

    def to_fixed(self) -> FixedTable:
        """Return the fixed charges."""
        first, monthly = self.fixedchargefirstmeter or 0.0, self.fixedmonthlycharge or 0.0
        is_daily = self.fixedchargeunits == "$/day"
        return FixedTable(
            monthly_charge=monthly + (0.0 if is_daily else first),
            daily_charge=first if is_daily else 0.0,
            minimum_charge=self.mincharge,
        )


class TariffFile(Table, frozen=True, kw_only=True):
    """A tariff. Money is in `currency`, hours are the site's own."""

    currency: Annotated[
        str, about("ISO code", pattern="^[A-Z]{3}$", right="a code of three capital letters such as 'USD'")
    ]
    source: Annotated[str, about("Utility, schedule, sheet, URL", right="a text")]
    is_assumption: Annotated[bool, about("True of rates that no utility charges")] = False
    valid_from: Annotated[date, about("First local day; left out is open")] | None = None
    valid_to: Annotated[date, about("Last local day; left out is open")] | None = None
    holidays: Annotated[tuple[date, ...], about("The utility's own; left out: those of the site")] | None = None
    energy: EnergyTable | None = None
    demand: DemandTable | None = None
    fixed: FixedTable | None = None
    riders: tuple[RiderTable, ...] = ()
    taxes: tuple[TaxTable, ...] = ()
    urdb: Annotated[UrdbTable, about("In place of energy, demand and fixed")] | None = None

    def __post_init__(self) -> None:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise Refusal("valid_to", f"should be {self.valid_from} or later, as valid_from says, not {self.valid_to}")
        if self.urdb is None and self.energy is None:
            raise Refusal("energy", "is missing; it should be a table [energy] with [[energy.periods]], or [urdb]")
        for name in ("energy", "demand", "fixed"):
            if self.urdb is not None and getattr(self, name) is not None:
                raise Refusal(name, "stands beside [urdb]; a tariff is written in one of the two forms")

    def to_tariff(self, name: str) -> Tariff:
        """Return what it means."""
        demand, fixed = self.demand or DemandTable(), self.fixed or FixedTable()
        minutes, charges = demand.interval_minutes, tuple(charge.to_charge() for charge in demand.charges)
        if self.urdb is not None:
            minutes, charges, fixed = self.urdb.demandwindow, self.urdb.to_charges(), self.urdb.to_fixed()
        rates = self.energy or self.urdb
        assert rates is not None  # __post_init__ holds it
        return Tariff(
            name=name,
            currency=self.currency,
            source=self.source,
            energy=rates.to_rates(),
            demand=charges,
            demand_interval_s=60 * minutes,
            fixed_monthly=fixed.monthly_charge,
            fixed_daily=fixed.daily_charge,
            minimum_monthly=fixed.minimum_charge,
            riders=tuple(rider.to_adder() for rider in self.riders),
            taxes=tuple(tax.to_adder() for tax in self.taxes),
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            holidays=None if self.holidays is None else tuple(sorted(self.holidays)),
            is_assumption=self.is_assumption,
        )


def load_tariff(name: str, tariffs_dir: Path = TARIFFS_DIR) -> Tariff:
    """Return the tariff of ``<name>.toml`` or ``<name>.json``.

    Raises
    ------
    ConfigError
        When there is no such file, or anything in it is missing, unknown, or of the wrong form.
    """
    files = {path.stem: path for suffix in ("json", "toml") for path in tariffs_dir.glob(f"*.{suffix}")}
    if name not in files:
        raise ConfigError(f"there is no tariff {name!r} in {tariffs_dir}; {suggest(name, files)}")
    return read_model(files[name], TariffFile).to_tariff(name)


def cells_of(periods: Sequence[Windows]) -> Cells:
    """Return for each cell the number of the first of `periods` that covers it, or −1.

    Notes
    -----
    A holiday is billed as a Sunday, unless some window of the structure names ``holiday``.
    """
    cells = np.full(SCHEDULE_SHAPE, -1, dtype=np.int8)
    for number, period in reversed(list(enumerate(periods))):
        for window in period.windows():
            cells[window.mask()] = number
    named = {day for period in periods for window in period.windows() for day in window.days or ()}
    if "holiday" not in named:
        cells[:, HOLIDAY] = cells[:, SUNDAY]
    return cells


def _check_complete(cells: Cells) -> None:
    """Refuse periods that leave a time without a rate."""
    holes = np.argwhere(cells < 0)
    if len(holes):
        month, day, slot = (int(part) for part in holes[0])
        hour, minute = divmod(slot * _MINUTES_PER_SLOT, 60)
        moment = f"{date(2001, month + 1, 1):%B}, {DAY_TYPES[day]}, {hour:02d}:{minute:02d}"
        raise Refusal(
            "periods", f"leave a time without a rate: {moment}; a last period without days and hours takes the rest"
        )


def _slot_of(value: float | str) -> int | None:
    """Return the quarter hour that `value` means, 0–96, or None."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{1,2}):([0-5]\d)", value)
        if match is None:
            return None
        value = int(match[1]) + int(match[2]) / 60
    slot = value * SLOTS_PER_HOUR
    return round(slot) if 0 <= value <= 24 and abs(slot - round(slot)) < 1e-9 else None


def _tiers(
    rate: float | None, rows: Sequence[tuple[float, float | None]] | None, rate_key: str, end_key: str
) -> tuple[Tier, ...]:
    """Return the tiers that one rate, or a list of rates and ends, gives."""
    if (rate is None) == (rows is None):
        example = f"[{{ {end_key} = 1000, {rate_key} = 0.1 }}, …]"
        raise Refusal(rate_key, f"or tiers should be given, one of the two; tiers = {example}")
    return (Tier(rate),) if rate is not None else _closed_tiers(rows or (), ("tiers",), end_key)


def _closed_tiers(rows: Sequence[tuple[float, float | None]], key: Place, end_key: str) -> tuple[Tier, ...]:
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


def _urdb_tiers(structure: UrdbTiers, key: str, unit: str) -> list[tuple[Tier, ...]]:
    """Return the tiers of each period."""
    periods = []
    for number, own in enumerate(structure):
        if not own:
            raise Refusal(key, f"should be {_STRUCTURE_RIGHT}")
        for n, tier in enumerate(own):
            if tier.unit not in (None, unit):
                raise Refusal((key, number, n, "unit"), f"should be one of {unit}, not {tier.unit!r}")
            if tier.rate + tier.adj < 0:
                raise Refusal((key, number, n, "adj"), "should leave rate + adj at 0 or more")
        periods.append(_closed_tiers([(tier.rate + tier.adj, tier.max) for tier in own], (key, number), "max"))
    return periods
