"""Reads a rate in this project's own form: named periods with months, days and hours. See default_tou_demand.toml."""

from __future__ import annotations

from typing import Any

from config.tariff_model import (
    DEFAULT_DEMAND_INTERVAL_S,
    Adder,
    DemandCharge,
    EnergyRates,
    Ratchet,
    RatePeriod,
    Tier,
    schedule_of,
)
from config.tariff_schedule import WINDOW_KEYS, check_complete, schedule_of_windows
from config.toml_table import TomlTable


def named_rates(root: TomlTable) -> dict[str, Any]:
    """Return the fields of a `Tariff` that the tables energy, demand and fixed give."""
    fixed = root.table("fixed") or TomlTable(root.path, {}, "fixed")
    fixed.allow_only("monthly_charge", "daily_charge", "minimum_charge")
    demand = root.table("demand") or TomlTable(root.path, {}, "demand")
    demand.allow_only("interval_minutes", "charges")
    minutes = demand.whole("interval_minutes", DEFAULT_DEMAND_INTERVAL_S // 60, low=1, high=60)
    return {
        "energy": _energy(root),
        "demand": tuple(_demand_charge(charge) for charge in demand.tables("charges")),
        "demand_interval_s": 60 * minutes,
        "fixed_monthly": fixed.number("monthly_charge", 0.0),
        "fixed_daily": fixed.number("daily_charge", 0.0),
        "minimum_monthly": fixed.number("minimum_charge", 0.0),
    }


def _energy(root: TomlTable) -> EnergyRates:
    energy = root.table("energy")
    if energy is None:
        root.refuse_value("energy", "a table [energy] with [[energy.periods]], or [urdb]")
    energy.allow_only("tier_basis", "periods")
    tables = energy.tables("periods")
    if not tables:
        energy.refuse_value("periods", "a list of one period or more: [[energy.periods]]")
    periods = []
    for table in tables:
        table.allow_only("name", "rate_per_kwh", "tiers", *WINDOW_KEYS)
        periods.append(RatePeriod(table.text("name"), _tiers(table, "kwh")))
        if len({period.name for period in periods}) < len(periods):
            table.refuse_value("name", "a name that no other period has")
    basis = energy.choice("tier_basis", ("period", "month"), "period")
    if basis == "month" and len({tuple(tier.up_to for tier in period.tiers) for period in periods}) > 1:
        energy.refuse("tier_basis", "is 'month', so the tiers of all periods should end at the same kWh")
    return EnergyRates(tuple(periods), check_complete(energy, "periods", schedule_of_windows(tables)), basis)


def _tiers(table: TomlTable, unit: str) -> tuple[Tier, ...]:
    """Return the tiers that `rate_per_<unit>` or `tiers` gives."""
    rate, end = f"rate_per_{unit}", f"up_to_{unit}"
    if ("tiers" in table.values) == (rate in table.values):
        table.refuse(rate, f"or tiers should be given, one of the two; tiers = [{{ {end} = 1000, {rate} = 0.1 }}, …]")
    if rate in table.values:
        return (Tier(table.number(rate)),)
    tiers, below, rows = [], 0.0, table.tables("tiers")
    if not rows:
        table.refuse_value("tiers", f"a list such as [{{ {end} = 1000, {rate} = 0.1 }}, {{ {rate} = 0.08 }}]")
    for row in rows[:-1]:
        row.allow_only(rate, end)
        up_to = row.number(end)
        if up_to <= below:
            row.refuse_value(end, f"more than {below:g}, where the tier before ends")
        tiers.append(Tier(row.number(rate), up_to))
        below = up_to
    if end in rows[-1].values:
        rows[-1].refuse(end, "closes the last tier; leave it out, so that the tier has no end")
    rows[-1].allow_only(rate)
    return (*tiers, Tier(rows[-1].number(rate)))


def _demand_charge(table: TomlTable) -> DemandCharge:
    table.allow_only("name", "rate_per_kw", "tiers", "ratchet", "minimum_kw", "system_peaks", *WINDOW_KEYS)
    ratchet = table.table("ratchet")
    if ratchet:
        ratchet.allow_only("pct", "months")
    peaks = table.moments("system_peaks")
    if peaks is not None and ratchet:
        table.refuse("ratchet", "stands beside system_peaks; a coincident charge has none")
    return DemandCharge(
        name=table.text("name"),
        tiers=_tiers(table, "kw"),
        schedule=schedule_of(schedule_of_windows([table])),
        ratchet=ratchet and Ratchet(ratchet.number("pct", high=100), ratchet.whole("months", low=1, high=24)),
        minimum_kw=table.number("minimum_kw", 0.0),
        system_peaks=peaks,
    )


def read_adders(root: TomlTable, name: str) -> tuple[Adder, ...]:
    """Return the riders or taxes; a tax is on all that stands before it, so only a rider says what it is on."""
    adders = []
    for table in root.tables(name):
        table.allow_only("name", "per_kwh", "pct", *(("on",) if name == "riders" else ()))
        if ("per_kwh" in table.values) == ("pct" in table.values):
            table.refuse("per_kwh", "or pct should be given, one of the two")
        on = table.values.get("on", list(Adder.on))
        if not (isinstance(on, list) and on and all(isinstance(o, str) and o in Adder.on for o in on)):
            table.refuse_value("on", "a list out of " + ", ".join(Adder.on))
        per_kwh, pct = table.number("per_kwh", 0.0, low=-1e3), table.number("pct", 0.0, low=-100.0)
        adders.append(Adder(table.text("name"), per_kwh, pct, tuple(on)))
    return tuple(adders)
