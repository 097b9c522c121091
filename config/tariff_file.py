"""Reads tariffs (``config/tariffs/<name>.toml`` or ``.json``), in this project's form or in that of the URDB.

The shipped ``default_tou_demand.toml`` shows the form of a tariff, with every key in a comment. A table ``[urdb]`` in
place of energy, demand, fixed and export takes what a rate of the Utility Rate Database says of them (`config.urdb`);
``operations/import_tariff.py`` takes a whole one as downloaded. What cannot be billed is refused, not passed over.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from config.strict_toml import Refusal, Table, about, read_model, suggest
from config.tariff_charges import DemandTable, EnergyTable, ExportTable, FixedTable, RiderTable, TaxTable
from config.tariff_model import Tariff
from config.urdb import UrdbTable
from lib.errors import ConfigError
from lib.paths import TARIFFS_DIR

DEFAULT_FLAT, DEFAULT_TOU = "default_flat", "default_tou_demand"
# No kWh of any tariff costs 5 of these; such a number was meant in cents.
_MAX_PER_KWH, _WITH_CENTS = 5.0, frozenset({"USD", "EUR", "GBP", "CAD", "AUD", "NZD", "CHF", "SGD"})


class TariffFile(Table, frozen=True, kw_only=True):
    """A tariff. Money is in `currency`, hours are the site's own."""

    currency: Annotated[
        str, about("ISO code", pattern="^[A-Z]{3}$", right="a code of three capital letters such as 'USD'")
    ]
    source: Annotated[str, about("Utility, schedule, sheet, URL", right="a text")]
    is_assumption: Annotated[bool, about("True of rates that no utility charges")] = False
    valid_from: Annotated[date, about("First local day; left out is open")] | None = None
    valid_to: Annotated[date, about("Last local day; left out is open")] | None = None
    holidays: Annotated[tuple[date, ...], about("The utility's own; of other years: those of the site")] | None = None
    energy: EnergyTable | None = None
    demand: DemandTable | None = None
    fixed: FixedTable | None = None
    export: ExportTable | None = None
    riders: tuple[RiderTable, ...] = ()
    taxes: tuple[TaxTable, ...] = ()
    urdb: Annotated[UrdbTable, about("In place of energy, demand, fixed and export")] | None = None

    def __post_init__(self) -> None:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise Refusal("valid_to", f"should be {self.valid_from} or later, as valid_from says, not {self.valid_to}")
        if self.urdb is None and self.energy is None:
            raise Refusal("energy", "is missing; it should be a table [energy] with [[energy.periods]], or [urdb]")
        for name in ("energy", "demand", "fixed", "export"):
            if self.urdb is not None and getattr(self, name) is not None:
                raise Refusal(name, "stands beside [urdb]; a tariff is written in one of the two forms")
        self._refuse_cents()

    def _refuse_cents(self) -> None:
        periods = self.energy.periods if self.energy is not None and self.currency in _WITH_CENTS else ()
        for number, period in enumerate(periods):
            highest = max(tier.rate for tier in period.rates())
            if highest > _MAX_PER_KWH:
                key = "tiers" if period.rate_per_kwh is None else "rate_per_kwh"
                problem = f"should be in {self.currency}, not in cents: no kWh costs {highest:g} {self.currency}"
                raise Refusal(("energy", "periods", number, key), problem)

    def to_tariff(self, name: str) -> Tariff:
        """Return what it means."""
        urdb = self.urdb
        energy = self.energy if urdb is None else urdb.to_energy()
        demand = (self.demand or DemandTable()) if urdb is None else urdb.to_demand()
        fixed = (self.fixed or FixedTable()) if urdb is None else urdb.to_fixed()
        export = self.export if urdb is None else urdb.to_export()
        assert energy is not None  # __post_init__ holds it
        return Tariff(
            name=name,
            currency=self.currency,
            source=self.source,
            energy=energy.to_rates(),
            demand=tuple(charge.to_charge() for charge in demand.charges),
            demand_interval_s=60 * demand.interval_minutes,
            fixed_monthly=fixed.monthly_charge,
            fixed_daily=fixed.daily_charge,
            fixed_yearly=fixed.yearly_charge,
            minimum_monthly=fixed.minimum_charge,
            minimum_daily=fixed.minimum_daily_charge,
            minimum_yearly=fixed.minimum_yearly_charge,
            reactive_per_kvar=demand.reactive_per_kvar,
            export=None if export is None else export.rule,
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
