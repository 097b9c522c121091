"""Loads that cycle, dwell or burst: described by their own habits, not by a percentile of single intervals."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste


def cold_rooms(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_rooms")
    t, hours = d.time(intervals=(15, 30, 60)), d.shop_hours()
    busy = 1 + 0.35 * hours.mask(t)
    defrost = t.switched(t.between(3, 3.5) | t.between(15, 15.5), d.between(4, 9), 0.0, 0.02)
    kw = {
        "Chill room": t.cycling(d.between(3, 7), 0.2, 11, 17, busy),
        "Freezer": t.cycling(d.between(5, 11), 0.3, 25, 15, busy) + defrost,
        "Sales floor": d.used(t, hours, 0.6, 12),
    }
    return build(d, "Cold rooms with defrost", t, kw, Truth("Cycle and defrost as in every week."), hours.toml())


def duty_grown(seed: int) -> MadeUpSite:
    d = Draw(seed, "duty_grown")
    t, hours = d.time(), d.shop_hours()
    day, on_kw = int(d.pick((0, 1, 2))), d.between(8, 16)
    state = d.rng.bit_generator.state
    right = t.cycling(on_kw, 0.3, 12, 18)
    d.rng.bit_generator.state = state
    actual = t.cycling(on_kw, 0.3, 12, 18, np.where(t.since(day, 8), 3.0, 1.0))
    truth = Truth(
        "Runs two thirds of the time instead of two fifths since a day of this week, at the same power, in air as warm "
        "as before: it works harder for the same cold. New, and worth this week's money.",
        (Waste("Freezer", Recurrence.NEW, t.kwh(actual - right), 0.0),),
        must_name=("Freezer",),
    )
    kw = {"Freezer": actual, "Sales floor": d.used(t, hours, 0.6, 10)}
    temp = t.temperature(15, 4)
    return build(
        d, "Freezer that runs for more of the time", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp
    )


def car_chargers(seed: int) -> MadeUpSite:
    d = Draw(seed, "car_chargers")
    t, hours = d.time(intervals=(5, 15, 15)), d.office_hours()
    day = t.between(7, 19) & (t.weekday < 5)
    ev = t.bursts(day, d.between(2, 5), d.between(35, 90), d.between(22, 80), 0.05)
    base = d.used(t, hours, 5, 30)
    truth = Truth("Cars come and go by day, as in every week: use, no waste.", not_a_word=("Car chargers",))
    return build(d, "Car chargers by day", t, {"Main": base + ev, "Car chargers": ev}, truth, hours.toml(),
                 parents={"Car chargers": "Main"}, judges=("total",))  # fmt: skip


def ovens_in_batches(seed: int) -> MadeUpSite:
    d = Draw(seed, "ovens_in_batches")
    t = d.time()
    hours = Opening.on((0, 1, 2, 3, 4, 5), 5, 15)
    oven = t.bursts(hours.mask(t), d.between(2, 4), 75, d.between(20, 45), 0.3)
    kw = {"Deck oven": oven, "Prover": t.cycling(3, 0.3, 20, 25), "Shop": d.used(t, hours, 0.6, 5)}
    truth = Truth("A batch more or less, earlier or later: the day's orders.")
    return build(d, "Bakery with batches", t, kw, truth, hours.toml(), judges=("total",))


def night_rate_heater(seed: int) -> MadeUpSite:
    d = Draw(seed, "night_rate_heater")
    t, hours = d.time(), Opening.on(ALL_DAYS, 6, 23)
    need_h = np.clip(3 + t.shift_by_day(0.6), 1, 5)
    boiler = t.switched(t.hour < need_h, d.between(9, 24), 0.05, 0.01)
    truth = Truth(
        "Heats water from midnight for some hours, every night, and never by day: on the cheap rate, for the guests' "
        "morning. It may be asked about.",
        (Waste("Water heater", Recurrence.ASKED, t.kwh(boiler), 0.0),),
    )
    toml = hours.toml() + '\n[tariff]\nname = "default_tou_demand"\n'
    return build(
        d, "Water heater on the night rate", t, {"Water heater": boiler, "House": d.used(t, hours, 5, 14)}, truth, toml
    )


def air_compressor_idles(seed: int) -> MadeUpSite:
    d = Draw(seed, "air_compressor_idles")
    t = d.time(intervals=(15, 60))
    hours = Opening.on(WORKDAYS, 6, 22)
    size = d.between(30, 75)
    air = np.where(hours.mask(t), size * (0.75 + 0.1 * t.wander(0.3)), 0.35 * size) * t.wander(0.05)
    idle = Waste("Air compressor", Recurrence.ASKED, t.kwh(np.where(hours.mask(t), 0.0, air)), 0.0)
    truth = Truth(
        "Idles at a third of its size on all nights and weekends: leaks, or users that need air. A question.", (idle,)
    )
    kw = {"Air compressor": air, "Machines": d.used(t, hours, 3, 50)}
    return build(d, "Air compressor that idles", t, kw, truth, hours.toml())


def stayed_on_between_cycles(seed: int) -> MadeUpSite:
    d = Draw(seed, "stayed_on_between_cycles")
    t, hours = d.time(), Opening.on(WORKDAYS, 7, 17)
    right = np.where(hours.mask(t), t.cycling(12, 1.0, 20, 20), 0.2 * t.wander(0.05))
    cycling_on = t.cycling(12, 1.0, 20, 20)
    nights = [7 * week + day for week in range(-13, 2) for day in (0, 1, 3)]
    actual = np.where(t.nights(nights, 17, 7), cycling_on, right)
    truth = Truth(
        "Cycles in its hours and rests at night, but on three nights of every week it cycles on.",
        (wasted("Heat sealer", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Heat sealer": actual, "Lights": d.used(t, hours, 0.4, 6)}
    return build(d, "Machine that cycles on through some nights", t, kw, truth, hours.toml())


SCENARIOS = (
    cold_rooms,
    duty_grown,
    car_chargers,
    ovens_in_batches,
    night_rate_heater,
    air_compressor_idles,
    stayed_on_between_cycles,
)
