"""The form in which the Utility Rate Database writes a rate.

See https://openei.org/services/doc/rest/util_rates/?version=8: amounts are `rate` + `adj`, the last tier has no `max`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np

from config.strict_toml import Refusal, Table, about
from config.tariff_charges import FixedTable, closed_tiers
from config.tariff_model import (
    DEFAULT_DEMAND_INTERVAL_S,
    MONTHS_PER_YEAR,
    SCHEDULE_SHAPE,
    SLOTS_PER_HOUR,
    DemandCharge,
    EnergyRates,
    Ratchet,
    RatePeriod,
    Tier,
    schedule_of,
)
from config.tariff_windows import Cells

# URDB's percentage has no months of its own: the year that the billed month closes.
_RATCHET_MONTHS = 11

Amount = Annotated[float, about("Amount", ge=0)]


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
        periods = tuple(RatePeriod(f"period_{n}", own) for n, own in enumerate(tiers))
        return EnergyRates(periods, schedule_of(cells), "month")

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
        periods.append(closed_tiers([(tier.rate + tier.adj, tier.max) for tier in own], (key, number), "max"))
    return periods
