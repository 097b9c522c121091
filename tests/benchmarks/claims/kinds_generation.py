"""Solar, batteries and mains that feed back: generation is never told to rest, billed, or added to use."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import Draw, build
from benchmarks.claims.made_up_site import MadeUpSite, Truth
from benchmarks.claims.timeline import Kw, Timeline

BRIGHT = (3, 4, 5, 6, 7, 8, 9)


def _totals(t: Timeline, net: Kw, load: Kw) -> tuple[float, ...]:
    """Return what "used" may mean besides the net: what was imported, and what was used with own generation."""
    return t.kwh(np.clip(net, 0, None)), t.kwh(load)


def solar_behind_main(seed: int) -> MadeUpSite:
    d = Draw(seed, "solar_behind_main")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    load = d.used(t, hours, 5, 20)
    net = load - d.between(18, 35) * t.sunshine()
    truth = Truth(
        "Draws by night, feeds back at noon: a plant behind the meter. Neither is a fault of the meter.",
        other_total_kwh=_totals(t, net, net)[:1],
        not_a_word=("Turn Main", "Let Main", "reversed"),
    )
    return build(d, "Solar behind the main", t, {"Main": net}, truth, hours.toml(), judges=("total",))


def solar_energy_only(seed: int) -> MadeUpSite:
    d = Draw(seed, "solar_energy_only")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    net = d.used(t, hours, 5, 20) - d.between(18, 35) * t.sunshine()
    truth = Truth(
        "The file has energy alone, below zero at noon of every bright day: fed back, not a counter that was reset.",
        other_total_kwh=_totals(t, net, net)[:1],
        not_a_word=("Turn Main", "Let Main", "reversed", "repair"),
    )
    return build(d, "Solar behind the main, energy only", t, {"Main": net}, truth, hours.toml(), judges=("total",),
                 has_power=False)  # fmt: skip


def solar_metered_positive(seed: int) -> MadeUpSite:
    d = Draw(seed, "solar_metered_positive")
    d.place_in("US", "AU", "DE")
    t, hours = d.time(), d.office_hours()
    load, made = d.used(t, hours, 6, 25), d.between(20, 40) * t.sunshine()
    kw = {"Main": load - made, "Solar roof": made, "Air handler": 0.4 * load}
    toml = hours.toml() + '\n[channels."Solar roof"]\nkind = "generation"\n'
    truth = Truth(
        "The roof's meter counts what it makes; the main is net of it.",
        total_kwh=t.kwh(load - made),
        other_total_kwh=_totals(t, load - made, load),
        not_a_word=("Solar roof",),
    )
    return build(d, "Solar with a meter of its own", t, kw, truth, toml, parents={"Air handler": "Main"}, judges=())


def solar_not_declared(seed: int) -> MadeUpSite:
    d = Draw(seed, "solar_not_declared")
    d.place_in("US", "DE")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    load, made = d.used(t, hours, 6, 25), d.between(20, 40) * t.sunshine()
    truth = Truth(
        "Nobody named the inverter, but its power follows the sun on every day, and is nothing at night.",
        total_kwh=t.kwh(load - made),
        other_total_kwh=_totals(t, load - made, load),
        not_a_word=("Turn Inverter", "Let Inverter", "repair"),
    )
    return build(
        d, "Solar that nobody declared", t, {"Main": load - made, "Inverter": made}, truth, hours.toml(), judges=()
    )


def battery(seed: int) -> MadeUpSite:
    d = Draw(seed, "battery")
    t, hours = d.time(), d.office_hours()
    load = d.used(t, hours, 8, 40)
    power = d.between(8, 15)
    store = np.where(t.between(1, 5), power, np.where(t.between(16, 19) & (t.weekday < 5), -1.2 * power, 0.1))
    store = store * t.wander(0.03)
    toml = hours.toml() + '\n[channels."Battery"]\nkind = "storage"\n'
    truth = Truth(
        "Charges by night and gives back in the evening, as its operator says: storage, neither load nor waste.",
        total_kwh=t.kwh(load + store),
        other_total_kwh=(t.kwh(load),),
        not_a_word=("Battery",),
    )
    kw = {"Main": load + store, "Battery": store}
    return build(d, "Battery behind the main", t, kw, truth, toml, parents={"Battery": "Main"}, judges=())


SCENARIOS = (solar_behind_main, solar_energy_only, solar_metered_positive, solar_not_declared, battery)
