"""Reads a rate as the Utility Rate Database (URDB) writes it, so that its page can be typed in as a table ``[urdb]``.

Field names and meanings: https://openei.org/services/doc/rest/util_rates/?version=8. Amounts are `rate` + `adj`; the
last tier has no `max`. What this pipeline cannot bill (units other than kWh and kW, reactive power) is refused, not
passed over.
"""

from __future__ import annotations

import numpy as np

from config.tariff_model import (
    MONTHS_PER_YEAR,
    SCHEDULE_SHAPE,
    DemandCharge,
    EnergyRates,
    Ratchet,
    RatePeriod,
    Tier,
    schedule_of,
)
from config.tariff_schedule import schedule_of_tables
from config.toml_table import TomlTable

_ENERGY = ("energyratestructure", "energyweekdayschedule", "energyweekendschedule")
_DEMAND = ("demandratestructure", "demandweekdayschedule", "demandweekendschedule", "demandrateunit", "demandwindow",
           "demandratchetpercentage", "flatdemandstructure", "flatdemandmonths", "flatdemandunit", "lookbackpercent",
           "lookbackrange")  # fmt: skip
_FIXED = ("fixedchargefirstmeter", "fixedchargeunits", "fixedmonthlycharge", "mincharge", "minchargeunits")
_FIXED_UNITS = ("$/month", "$/day")
# URDB's percentage has no months of its own: the year that the billed month closes.
_RATCHET_MONTHS = 11


def urdb_energy(table: TomlTable) -> EnergyRates:
    """Return the energy charges of a table ``[urdb]``."""
    table.allow_only(*_ENERGY, *_DEMAND, *_FIXED)
    tiers = _structure(table, "energyratestructure", "kWh")
    cells = schedule_of_tables(table, "energyweekdayschedule", "energyweekendschedule", len(tiers))
    return EnergyRates(
        tuple(RatePeriod(f"period_{n}", own) for n, own in enumerate(tiers)), schedule_of(cells), "period"
    )


def urdb_demand(table: TomlTable) -> tuple[DemandCharge, ...]:
    """Return the demand charges: one for each period and for each set of flat months that costs anything."""
    for name in ("demandrateunit", "flatdemandunit"):
        table.choice(name, ("kW",), "kW")
    ratchet, charges = _ratchet(table), []
    if "demandratestructure" in table.values:
        structure = _structure(table, "demandratestructure", "kW")
        cells = schedule_of_tables(table, "demandweekdayschedule", "demandweekendschedule", len(structure))
        charges += [(f"period_{n}", tiers, np.where(cells == n, 0, -1)) for n, tiers in enumerate(structure)]
    if "flatdemandstructure" in table.values:
        structure = _structure(table, "flatdemandstructure", "kW")
        months = _flat_months(table, len(structure))
        for n, tiers in enumerate(structure):
            cells = np.full(SCHEDULE_SHAPE, -1)
            cells[months == n] = 0
            charges.append((f"flat_{n}", tiers, cells))
    return tuple(
        DemandCharge(name, tiers, schedule_of(cells), ratchet)
        for name, tiers, cells in charges
        if any(tier.rate for tier in tiers) and (cells == 0).any()
    )


def urdb_fixed(table: TomlTable) -> dict[str, float]:
    """Return `fixed_monthly`, `fixed_daily` and `minimum_monthly` [currency]."""
    unit = table.choice("fixedchargeunits", _FIXED_UNITS, "$/month")
    table.choice("minchargeunits", ("$/month",), "$/month")
    if {"fixedchargefirstmeter", "fixedmonthlycharge"} <= set(table.values):
        table.refuse("fixedmonthlycharge", "stands beside fixedchargefirstmeter, its newer name; keep one of them")
    fixed = table.number("fixedchargefirstmeter", 0.0)
    return {
        "fixed_monthly": table.number("fixedmonthlycharge", 0.0) + (fixed if unit == "$/month" else 0.0),
        "fixed_daily": fixed if unit == "$/day" else 0.0,
        "minimum_monthly": table.number("mincharge", 0.0),
    }


def urdb_demand_interval_s(table: TomlTable, default_s: int) -> int:
    """Return the demand interval, which URDB's `demandwindow` gives in minutes [s]."""
    return 60 * table.whole("demandwindow", default_s // 60, low=1, high=60)


def _structure(table: TomlTable, name: str, unit: str) -> list[tuple[Tier, ...]]:
    """Return the tiers of each period of a list of lists of ``{max, rate, adj, unit}``."""
    value = table.values.get(name)
    right = "a list (periods) of lists (tiers) such as [[{ max = 1000, rate = 0.1 }, { rate = 0.08 }]]"
    if not (isinstance(value, list) and value and all(isinstance(own, list) and own for own in value)):
        table.refuse_value(name, right)
    if not all(isinstance(tier, dict) for own in value for tier in own):
        table.refuse_value(name, right)
    periods = []
    for number, own in enumerate(value):
        rows = [TomlTable(table.path, tier, f"{table.key(name)}[{number}][{n}]") for n, tier in enumerate(own)]
        periods.append(_tiers(rows, unit))
    return periods


def _tiers(rows: list[TomlTable], unit: str) -> tuple[Tier, ...]:
    tiers, below = [], 0.0
    for row in rows:
        row.allow_only("max", "rate", "adj", "unit")
        row.choice("unit", (unit,), unit)
        rate = row.number("rate", 0.0) + row.number("adj", 0.0, low=-np.inf)
        if row is rows[-1]:
            if "max" in row.values:
                row.refuse("max", "closes the last tier; leave it out, so that the tier has no end")
            tiers.append(Tier(rate))
            break
        up_to = row.number("max")
        if up_to <= below:
            row.refuse_value("max", f"more than {below:g}, where the tier before ends")
        tiers.append(Tier(rate, up_to))
        below = up_to
    return tuple(tiers)


def _flat_months(table: TomlTable, count: int) -> np.ndarray:
    value = table.values.get("flatdemandmonths", [0] * MONTHS_PER_YEAR)
    if (
        isinstance(value, list)
        and len(value) == MONTHS_PER_YEAR
        and all(type(n) is int and 0 <= n < count for n in value)
    ):
        return np.array(value)
    return table.refuse_value("flatdemandmonths", f"12 numbers from 0 to {count - 1}, one a month, January first")


def _ratchet(table: TomlTable) -> Ratchet | None:
    pct, months = table.number("lookbackpercent", 0.0, high=1.0), table.whole("lookbackrange", 0, low=0, high=12)
    if pct and months:
        return Ratchet(100 * pct, months)
    shares = table.values.get("demandratchetpercentage", [0.0])
    right = "12 equal shares from 0 to 1, such as 0.8 for 80 %"
    if not (isinstance(shares, list) and shares and all(type(s) in (int, float) for s in shares)):
        table.refuse_value("demandratchetpercentage", right)
    if len(set(shares)) > 1 or not 0 <= shares[0] <= 1:
        table.refuse_value("demandratchetpercentage", right)
    return Ratchet(100 * shares[0], _RATCHET_MONTHS) if shares[0] else None
