"""What an electricity tariff is made of. Money is in the tariff's own currency.

The parts follow the Utility Rate Database of OpenEI (URDB, https://openei.org/wiki/Utility_Rate_Database): energy
rates by period and tier, with a schedule that says which period holds; demand rates likewise; fixed and minimum
charges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

MONTHS_PER_YEAR = 12
SLOTS_PER_HOUR = 4  # tariffs change their rates at quarter hours at the finest, and many on the half hour
DAY_TYPES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
SUNDAY, HOLIDAY = DAY_TYPES.index("sun"), DAY_TYPES.index("holiday")
MAX_PERIODS = 127  # numbers of a schedule's cells are of one byte
SCHEDULE_SHAPE = (MONTHS_PER_YEAR, len(DAY_TYPES), 24 * SLOTS_PER_HOUR)

ASSUMED_RATE_USD_PER_KWH = 0.12  # the contract's, of config/tariffs/default_flat.toml, where no tariff is known at all
DEFAULT_DEMAND_INTERVAL_S = 900  # the usual demand interval of United States utilities


@dataclass(frozen=True)
class Schedule:
    """Which rate period holds in each quarter hour of the year; build it with `schedule_of`."""

    cells: bytes

    def array(self) -> npt.NDArray[np.int8]:
        """Return period numbers by month (0 = January), kind of day (`DAY_TYPES`) and quarter hour; −1 is none."""
        return np.frombuffer(self.cells, dtype=np.int8).reshape(SCHEDULE_SHAPE)


def schedule_of(array: npt.NDArray[np.int8]) -> Schedule:
    """Return the schedule that `array`, of `SCHEDULE_SHAPE`, describes."""
    return Schedule(np.ascontiguousarray(array, dtype=np.int8).tobytes())


class TierUnit(StrEnum):
    """What the ends of energy tiers are counted in: kWh a month or a day, or hours' use of the month's demand."""

    KWH = "kWh"
    KWH_DAILY = "kWh daily"
    KWH_PER_KW = "kWh/kW"
    KWH_PER_KW_DAILY = "kWh/kW daily"


@dataclass(frozen=True)
class Tier:
    """A rate, per kWh or kW, for the part of a month's quantity up to `up_to` (kWh or kW) and above the tier before."""

    rate: float
    up_to: float = math.inf


@dataclass(frozen=True)
class RatePeriod:
    """A named time-of-use period and its energy rates [currency/kWh], lowest tier first.

    `sell_per_kwh` is what a kWh that is exported in the period earns, where the tariff's export rule asks for it.
    """

    name: str
    tiers: tuple[Tier, ...]
    tier_unit: TierUnit = TierUnit.KWH
    sell_per_kwh: float = 0.0


@dataclass(frozen=True)
class EnergyRates:
    """Energy charges. `tier_basis` tells what fills the tiers: the ``month``'s kWh, or each ``period``'s of the month.

    With ``month``, each tier's energy is spread over the periods in proportion to their use, as utilities with a
    baseline allowance do. A period's tiers may end elsewhere than another's, as a winter's do.
    """

    periods: tuple[RatePeriod, ...]
    schedule: Schedule
    tier_basis: str = "month"

    @property
    def has_tiers(self) -> bool:
        """Whether the price of a kWh depends on how much the month brings."""
        return any(len(period.tiers) > 1 for period in self.periods)


@dataclass(frozen=True)
class Ratchet:
    """At least `pct` percent of the highest peak of the `months` calendar months before is billed.

    With `of`, only the peaks of these calendar months count (1 = January), such as the summer's.
    """

    pct: float
    months: int
    of: tuple[int, ...] = ()

    def counts(self, month: int) -> bool:
        """Return whether the peaks of the calendar month `month` (1 = January) count."""
        return not self.of or month in self.of


@dataclass(frozen=True)
class DemandCharge:
    """A charge on the month's highest demand [currency/kW] within the cells of `schedule` that are 0.

    Without `system_peaks` it is the customer's own peak (non-coincident); with them the mean of its demand at those
    announced moments of the utility's peak (coincident).
    """

    name: str
    tiers: tuple[Tier, ...]
    schedule: Schedule
    ratchet: Ratchet | None = None
    minimum_kw: float = 0.0
    system_peaks: tuple[datetime, ...] | None = None

    @property
    def is_all_hours(self) -> bool:
        """Whether it looks at every hour of the months in which it applies."""
        by_month = (self.schedule.array() == 0).reshape(MONTHS_PER_YEAR, -1)
        return bool((by_month.all(axis=1) == by_month.any(axis=1)).all())


class ExportRule(StrEnum):
    """How exported energy is credited.

    ``net_billing``: each kWh earns its period's sell rate. ``net_metering``: a month's export is taken off the import
    of its period, and what is left over is carried on to the same period of later months.
    """

    NET_BILLING = "net_billing"
    NET_METERING = "net_metering"


@dataclass(frozen=True)
class Adder:
    """A rider or tax: an amount per kWh, or percents of the charges named in `on` (all for a tax)."""

    name: str
    per_kwh: float = 0.0
    pct: float = 0.0
    on: tuple[str, ...] = ("energy", "demand", "fixed")


@dataclass(frozen=True)
class Tariff:
    """A rate structure. `valid_to` is the last day on which it holds; None is open.

    A yearly fixed charge is billed by the twelfth, a yearly minimum with the December of a year that is known whole.
    `reactive_per_kvar` is on the month's highest reactive demand. Without an `export` rule export earns nothing.

    `holidays` are the days that the utility bills as holidays; in years that they do not name, and with None, the
    caller's list holds. `is_assumption` is True of rates that no utility charges, such as the shipped ones.
    """

    name: str
    currency: str
    source: str
    energy: EnergyRates
    demand: tuple[DemandCharge, ...] = ()
    demand_interval_s: int = DEFAULT_DEMAND_INTERVAL_S
    fixed_monthly: float = 0.0
    fixed_daily: float = 0.0
    fixed_yearly: float = 0.0
    minimum_monthly: float = 0.0
    minimum_daily: float = 0.0
    minimum_yearly: float = 0.0
    reactive_per_kvar: float = 0.0
    export: ExportRule | None = None
    riders: tuple[Adder, ...] = ()
    taxes: tuple[Adder, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    holidays: tuple[date, ...] | None = None
    is_assumption: bool = False

    @property
    def is_flat(self) -> bool:
        """Whether a kWh costs the same at any hour of the month."""
        tiers = {period.tiers for period in self.energy.periods}
        return len(tiers) == 1

    @property
    def pays_peaks(self) -> bool:
        """Whether a month's highest demand is charged, or decides what its kWh cost."""
        by_peak = (TierUnit.KWH_PER_KW, TierUnit.KWH_PER_KW_DAILY)
        is_by_use = any(len(period.tiers) > 1 and period.tier_unit in by_peak for period in self.energy.periods)
        return bool(self.demand or self.reactive_per_kvar or is_by_use)


@dataclass(frozen=True)
class TariffSpan:
    """A tariff and the site's local days on which it holds, both included; None is open."""

    tariff: Tariff
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Carbon:
    """What a kWh from the grid emits [kg CO2e/kWh], and who says so."""

    kg_per_kwh: float
    source: str


@dataclass(frozen=True)
class PowerFactorClause:
    """A penalty: the billed demand is raised by target / power factor, at `penalty_usd_per_kw` for each kW added."""

    target_ratio: float
    penalty_usd_per_kw: float


@dataclass(frozen=True)
class SiteTariffs:
    """What the site pays, what that is compared with, and its carbon factor.

    `is_assumed` is True where the site's file names no tariff, so that the shipped defaults stand in, or one that is an
    assumption itself (`Tariff.is_assumption`). `compare_with` is None where no tariff in the site's currency is named
    and none is shipped. `billed_peaks_kw`
    holds the peaks of months that are on the site's bills, as (``2025-08``, kW).
    """

    current: tuple[TariffSpan, ...]
    compare_with: Tariff | None
    is_assumed: bool = False
    carbon: Carbon | None = None
    billed_peaks_kw: tuple[tuple[str, float], ...] = ()
    power_factor: PowerFactorClause | None = None

    @property
    def ratchet_months(self) -> int:
        """The months before a bill that the longest ratchet looks back on, 0 without one."""
        tariffs = (*(span.tariff for span in self.current), self.compare_with)
        charges = (charge for tariff in tariffs if tariff is not None for charge in tariff.demand)
        return max((charge.ratchet.months for charge in charges if charge.ratchet), default=0)

    def tariff_on(self, day: date) -> Tariff | None:
        """Return the tariff that the site is on at the local day `day`, or None."""
        for span in self.current:
            if (span.first is None or span.first <= day) and (span.last is None or day <= span.last):
                return span.tariff
        return None
