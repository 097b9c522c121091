"""Held-out kinds: trades in which nothing is wrong, or one may ask. Do not look here while tuning an analysis."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build
from benchmarks.claims.held_out_common import ALL_WEEKS, random_days, some_days, usual_air
from benchmarks.claims.kinds_calendar import exception_toml
from benchmarks.claims.kinds_changes import DEMAND
from benchmarks.claims.kinds_weather import WINTER, heating
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste


def _must_run(*meters: str) -> str:
    """Return the entries of a site file by which these meters have to run."""
    return "".join(f'\n[channels."{meter}"]\nmust_run = true\n' for meter in meters)


# Quiet ------------------------------------------------------------------------------------------------------------


def cinema(seed: int) -> MadeUpSite:
    d = Draw(seed, "cinema")
    t = d.time(intervals=(5, 15), weeks_before=6)
    late = dict.fromkeys((4, 5), ((12.0, 26.0),))
    hours = Opening({**dict.fromkeys((0, 1, 2, 3), ((14.0, 24.0),)), **late, 6: ((11.0, 24.0),)})
    shows = hours.mask(t) & (t.hour % 2.5 < 2.0)
    kw = {
        "Projectors": t.switched(shows, d.between(12, 25), 1.2, 0.03),
        "Hall air": d.fan(t, hours, d.between(8, 15)),
        "Foyer": d.used(t, hours, 1, 9),
    }
    return build(d, "Cinema", t, kw, Truth("Shows of two hours until two at night, as named."), hours.toml())


def coin_laundry(seed: int) -> MadeUpSite:
    d = Draw(seed, "coin_laundry")
    t, hours = d.time(intervals=(5, 15), weeks_before=6), Opening.on(ALL_DAYS, 6, 23)
    machines = int(d.between(4, 8, 1))
    kw = {
        "Dryers": np.sum([t.bursts(hours.mask(t), 7, 35, 5, 0.02) for _ in range(machines)], axis=0),
        "Washers": np.sum([t.bursts(hours.mask(t), 8, 30, 2.2, 0.02) for _ in range(machines)], axis=0),
        "Water heater": t.cycling(12, 0.1, 8, 20, 1 + hours.mask(t)),
        "Lights": d.used(t, hours, 0.2, 2),
    }
    truth = Truth("Each machine when a customer comes; more or fewer of them is no finding.")
    return build(d, "Coin laundry", t, kw, truth, hours.toml(), judges=("total",))


def car_wash(seed: int) -> MadeUpSite:
    d = Draw(seed, "car_wash")
    t, hours = d.time(), Opening.on(range(6), 7, 20)
    is_dry = ~random_days(d, t, 0.25)
    busy = np.where(t.weekday >= 4, 1.5, 0.8) * t.by_day(0.35)
    tunnel = t.bursts(hours.mask(t) & is_dry, d.between(50, 90), 5, d.between(40, 80), 0.6) * np.where(is_dry, busy, 1)
    truth = Truth(
        "Nobody washes a car in the rain: idle days in each week, on any weekday, and crowds on sunny Saturdays.",
        not_a_word=("failed", "Turn Tunnel", "Let Tunnel"),
    )
    vacuums = t.bursts(hours.mask(t) & is_dry, 40, 6, 6, 0.1)
    kw = {
        "Tunnel": tunnel,
        "Vacuums": vacuums,
        "Shop": d.used(t, hours, 0.8, 4),
    }
    return build(d, "Car wash", t, kw, truth, hours.toml(), judges=("total",))


def greenhouse(seed: int) -> MadeUpSite:
    d = Draw(seed, "greenhouse")
    d.place_in("GB", "DE", "US")
    t, hours = d.time(months=WINTER, weeks_before=10), Opening.on(range(6), 7, 16)
    temp = t.temperature(d.between(3, 7), 3)
    kw = {
        "Grow lights": t.switched(t.between(0, 8) | t.between(16, 18), d.between(30, 70), 0.2, 0.01),
        "Heat pumps": heating(t, temp, np.ones(t.hour.size), d.between(1, 2), 18),
        "Packing room": d.used(t, hours, 0.8, 7),
    }
    truth = Truth(
        "Gives its plants light by night, on the cheap rate, and the operator says that it must; it is warm at all "
        "hours by the weather.",
        (Waste("Heat pumps", Recurrence.ASKED, t.kwh(kw["Heat pumps"], t.is_week & ~hours.mask(t)), 0.0),),
        not_a_word=("Grow lights",),
    )
    toml = hours.toml() + DEMAND + _must_run("Grow lights")
    return build(d, "Greenhouse", t, kw, truth, toml, judges=("total",), temp_c=temp)


def brewery(seed: int) -> MadeUpSite:
    d = Draw(seed, "brewery")
    t, hours = d.time(), Opening.on(WORKDAYS, 5, 18)
    brews = some_days(d, range(4), 2)
    cools = np.isin(t.day, brews) | np.isin(t.day - 1, brews)
    kw = {
        "Kettles": t.switched(t.on_days(*brews) & t.between(5, 13), d.between(30, 60), 0.3, 0.05),
        "Glycol chiller": t.cycling(d.between(8, 14), 0.3, 10, 18, 1 + 1.0 * cools),
        "Bottling": d.used(t, hours, 0.5, 8),
    }
    truth = Truth(
        "Two brews a week, on days that change, and the chiller works for a day and a half after each: beer.",
        not_a_word=("Turn Kettles", "Let Kettles", "Turn Glycol", "Let Glycol"),
    )
    toml = hours.toml() + _must_run("Glycol chiller")
    return build(d, "Brewery", t, kw, truth, toml, judges=("total",))


def defrost_clock_drifts(seed: int) -> MadeUpSite:
    d = Draw(seed, "defrost_clock_drifts")
    t, hours = d.time(intervals=(5, 15), weeks_before=8), Opening.on(ALL_DAYS, 8, 21)
    defrost = ((t.clock + d.between(0.03, 0.06) * t.day) % 8) < 0.5
    kw = {
        "Frozen aisle": t.cycling(d.between(9, 16), 3, 18, 9, 1 + 0.2 * hours.mask(t)) + d.between(5, 9) * defrost,
        "Dairy wall": t.cycling(6, 1, 14, 12, 1 + 0.3 * hours.mask(t)),
        "Sales floor": d.used(t, hours, 1, 18),
    }
    truth = Truth(
        "Defrosts every eight hours by a clock that gains minutes a day, so that the hour of its peaks moves from week "
        "to week: no more and no less than before.",
        not_a_word=("Turn Frozen", "Let Frozen"),
    )
    return build(d, "Supermarket whose defrosts drift", t, kw, truth, hours.toml())


def ice_rink(seed: int) -> MadeUpSite:
    d = Draw(seed, "ice_rink")
    t, hours = d.time(months=(10, 11, 12, 1, 2, 3)), Opening.on(ALL_DAYS, 9, 22)
    air = usual_air(d, t)
    charger = t.switched(t.between(22.5, 3), d.between(4, 8), 0.05, 0.03)
    kw = {
        "Ice plant": t.cycling(d.between(50, 90), 4, 22, 14, 0.8 + 0.02 * np.clip(air, 0, None)),
        "Hall lights": d.used(t, hours, 0.6, 16),
        "Ice machine charger": charger,
    }
    truth = Truth(
        "Freezes around the clock, which it must, and charges its ice machine each night after closing: a question at "
        "most.",
        (Waste("Ice machine charger", Recurrence.ASKED, t.kwh(charger), 0.0),),
        not_a_word=("Turn Ice plant", "Let Ice plant"),
    )
    toml = hours.toml() + _must_run("Ice plant")
    return build(d, "Ice rink", t, kw, truth, toml, judges=("total",), temp_c=air)


def fire_station(seed: int) -> MadeUpSite:
    d = Draw(seed, "fire_station")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    always = np.ones(t.hour.size, dtype=bool)
    kw = {
        "Quarters": (2 + 2.5 * t.between(6, 22)) * t.by_day(0.06) * t.wander(0.06, 1),
        "Vehicle hall": t.bursts(always, d.between(2, 5), 40, d.between(8, 15), 0.6),
        "Breathing air": t.bursts(always, 1.5, 60, 11, 0.1),
    }
    truth = Truth("Alarms at any hour, by night too, named as open around the clock.")
    return build(d, "Fire station", t, kw, truth, hours.toml(), judges=("total",))


def theater_evenings_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "theater_evenings_named")
    t, hours = d.time(), Opening.on(WORKDAYS, 9, 17)
    evenings = (3, 4, 5)
    plays = t.on_days(*evenings) & t.between(18, 23.5)
    kw = {
        "Stage": np.where(plays, d.between(25, 50) * t.wander(0.08), 0.8 * t.wander(0.03)),
        "Hall air": np.where(plays, 11 * t.wander(0.02), 0.4 * t.wander(0.03)),
        "Workshop": d.used(t, hours, 0.7, 9),
    }
    spans = ('"09:00-17:00", "18:00-23:30"', '"09:00-17:00", "18:00-23:30"', '"18:00-23:30"')
    toml = hours.toml() + "".join(
        exception_toml(t.date_of(day), t.date_of(day), text, "performance")
        for day, text in zip(evenings, spans, strict=True)
    )
    truth = Truth(
        "Three performances after weeks without any, each named as an exception: work.",
        not_a_word=("Turn Stage", "Let Stage", "Turn Hall", "Let Hall"),
    )
    return build(d, "Theater with named evenings", t, kw, truth, toml, judges=("total",))


def duty_and_standby_by_turns(seed: int) -> MadeUpSite:
    d = Draw(seed, "duty_and_standby_by_turns")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    size, is_even = d.between(5, 12), (t.day // 7) % 2 == 0
    kw = {
        "Chilled water pump 1": t.switched(is_even, size, 0.03),
        "Chilled water pump 2": t.switched(~is_even, size, 0.03),
        "Wards": 40 * (1 + 0.3 * t.between(7, 20)) * t.by_day(0.03) * t.wander(0.03, 1),
    }
    truth = Truth(
        "Two pumps that change over on each Monday: one begins, one ends, and together they draw what they drew.",
        not_a_word=("Turn Chilled", "Let Chilled", "failed"),
    )
    return build(d, "Pumps that take turns", t, kw, truth, hours.toml())


def load_shed_for_the_grid(seed: int) -> MadeUpSite:
    d = Draw(seed, "load_shed_for_the_grid")
    t, hours = d.time(intervals=(15, 30)), Opening.on(WORKDAYS, 7, 19)
    day = int(d.pick((1, 2, 3)))
    event, after = t.stretch(day, 14, day, 18), t.stretch(day, 18, day, 19)
    chiller = t.switched(hours.mask(t, 0.5), d.between(25, 45), 0.6, 0.03)
    kw = {
        "Chillers": chiller * np.where(event, 0.35, np.where(after, 1.25, 1.0)),
        "Offices": d.used(t, hours, 3, 18),
    }
    truth = Truth(
        "A third of the chillers' power for four hours of one afternoon, and a little more in the hour after: shed on "
        "request. Nothing is wasted and nothing broke down for days.",
        not_a_word=("Turn Chillers", "Let Chillers"),
    )
    return build(d, "Load shed for the grid", t, kw, truth, hours.toml(), judges=("total", "change", "next"))


def short_cycling(seed: int) -> MadeUpSite:
    d = Draw(seed, "short_cycling")
    t, hours = d.time(intervals=(5,), weeks_before=6), Opening.on(ALL_DAYS, 8, 20)
    size = d.between(8, 14)
    slow, quick = t.cycling(size, 0.3, 15, 15), t.cycling(size, 0.3, 4, 4)
    kw = {"Chill room": np.where(t.since(int(d.pick((0, 1, 2)))), quick, slow), "Shop": d.used(t, hours, 1, 9)}
    truth = Truth(
        "Switches four times as often since a day of this week, and draws as much as before: bad for the compressor, "
        "no energy to save."
    )
    return build(d, "Compressor that switches too often", t, kw, truth, hours.toml(), judges=("total", "change"))


# To be asked, or open ---------------------------------------------------------------------------------------------


def hotel_with_a_congress(seed: int) -> MadeUpSite:
    d = Draw(seed, "hotel_with_a_congress")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    extra = 1 + d.between(0.25, 0.4) * (t.is_week & t.stretch(1, 12, 4, 14))
    guests = 0.6 + 0.4 * t.between(6, 9) + 0.5 * t.between(18, 23)
    usual = {
        "Rooms": d.between(25, 60) * guests * t.by_day(0.04) * t.wander(0.04, 1),
        "Kitchen": t.switched(t.between(6, 22), 14, 2, 0.06),
        "Laundry": t.switched(t.between(8, 16), 12, 0.4, 0.08),
    }
    kw = {name: values * extra for name, values in usual.items()}
    truth = Truth(
        "For three days every meter is up alike, by the hours of guests: a full house, as far as one can see. One "
        "stretch, and nothing that could be switched off.",
        tuple(Waste(name, Recurrence.OPEN, t.kwh(kw[name] - usual[name])) for name in kw),
    )
    return build(d, "Hotel with a congress", t, kw, truth, hours.toml(), judges=("total", "change"))


def cold_store_by_tariff(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_store_by_tariff")
    t, hours = d.time(), Opening.on(range(6), 6, 18)
    duty = np.where(t.between(21, 6), 3.0, np.where(t.between(15, 21), 0.3, 0.9))
    store = t.cycling(d.between(25, 60), 2, 15, 15, duty)
    truth = Truth(
        "Cools deep by night, on the cheap rate, and coasts through the dear evening: what it draws while closed is "
        "what it need not draw later. It may be asked about.",
        (Waste("Cold store", Recurrence.ASKED, t.kwh(store, t.is_week & ~hours.mask(t)), 0.0),),
        not_a_word=("Turn Cold store", "Let Cold store"),
    )
    kw = {"Cold store": store, "Docks": d.used(t, hours, 1, 10)}
    return build(d, "Cold store that follows the tariff", t, kw, truth, hours.toml() + DEMAND)


def grain_dryer(seed: int) -> MadeUpSite:
    d = Draw(seed, "grain_dryer")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(months=(8, 9, 10), weeks_before=9), Opening.on(range(6), 7, 18)
    season = t.since(-int(d.between(18, 24, 1))) & ~random_days(d, t, 0.2)
    dryer = t.switched(season, d.between(20, 50), 0.2, 0.04)
    truth = Truth(
        "By day and night since the harvest came in, three weeks ago, with a day off now and then: a season, which "
        "ends by itself. A question at most, and no year's money.",
        (Waste("Grain dryer", Recurrence.ASKED, t.kwh(dryer, t.is_week & ~hours.mask(t)), 0.0),),
    )
    kw = {"Grain dryer": dryer, "Yard": d.used(t, hours, 1, 8)}
    return build(d, "Grain dryer in the harvest", t, kw, truth, hours.toml(), judges=("total",))


def hall_for_hire(seed: int) -> MadeUpSite:
    d = Draw(seed, "hall_for_hire")
    t = d.time()
    booked = [7 * week + int(day) for week in ALL_WEEKS for day in d.rng.choice(7, int(d.between(2, 4, 1)), False)]
    used = t.on_days(*booked) & t.between(18, 23)
    kw = {
        "Hall": t.switched(used, d.between(10, 22), 0.4, 0.06),
        "Bar": t.switched(used, 5, 0.6, 0.05),
        "Office": t.steady(0.5),
    }
    truth = Truth(
        "Evenings that somebody booked, two to four a week, at weekends too; nobody named hours, and none are kept.",
        tuple(Waste(name, Recurrence.ASKED, t.kwh(kw[name], t.is_week & used), 0.0) for name in ("Hall", "Bar"))
        if t.kwh(kw["Hall"], t.is_week & used) > 0
        else (),
    )
    return build(d, "Hall for hire, hours not named", t, kw, truth, "", judges=("total",))


def van_depot(seed: int) -> MadeUpSite:
    d = Draw(seed, "van_depot")
    t, hours = d.time(intervals=(15, 60)), Opening.on(range(6), 6, 18)
    vans = int(d.between(6, 12, 1))
    need_h = np.clip(5 + t.shift_by_day(1.0), 2, 8)
    plugged = np.isin(t.weekday, range(6)) & (t.hour >= 18) & (t.hour < 18 + need_h)
    charge = t.switched(plugged, 7.0 * vans, 0.1, 0.04)
    truth = Truth(
        "The fleet charges when it is back, from six in the evening, on six days of each week: its fuel. The hour "
        "may be worth a question, the energy is not wasted.",
        (Waste("Van chargers", Recurrence.ASKED, t.kwh(charge), 0.0),),
        not_a_word=("Turn Van", "Let Van"),
    )
    depot = d.used(t, hours, 2, 14)
    kw = {"Main": depot + charge, "Van chargers": charge}
    toml = hours.toml() + '\n[channels."Van chargers"]\nequipment = "ev_charging"\n'
    return build(
        d,
        "Van depot that charges at night",
        t,
        kw,
        truth,
        toml,
        parents={"Van chargers": "Main"},
        judges=("total", "change"),
    )


def always_on_in_many_places(seed: int) -> MadeUpSite:
    d = Draw(seed, "always_on_in_many_places")
    t, hours = d.time(), d.office_hours()
    small = {f"Copier {n}": t.steady(d.between(0.1, 0.25), 0.02) for n in range(1, 5)}
    vents = t.steady(d.between(1.5, 3), 0.02)
    kw = {"Toilet fans": vents, "Lights": d.used(t, hours, 0.4, 9), **small}
    closed = t.is_week & ~hours.mask(t)
    asked = t.kwh(vents, closed)
    copiers = tuple(Waste(name, Recurrence.ASKED, t.kwh(values, closed), 0.0) for name, values in small.items())
    truth = Truth(
        "Fans and copiers that never rest: the fans are worth a question, each copier hardly is.",
        (Waste("Toilet fans", Recurrence.ASKED, asked, 0.6 * asked), *copiers),
        must_find=("Toilet fans",),
    )
    return build(d, "Small loads that never rest", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


def gym_hours_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "gym_hours_not_named")
    t = d.time()
    real = Opening({**dict.fromkeys(WORKDAYS, ((6.0, 22.0),)), **dict.fromkeys((5, 6), ((9.0, 20.0),))})
    kw = {"Gym floor": d.used(t, real, 1, d.between(10, 22)), "Ventilation": d.fan(t, real, 8)}
    late = t.is_week & real.mask(t) & ~((t.weekday < 5) & t.between(7, 18))
    truth = Truth(
        "Used from six to ten and on both days of the weekend, by each meter and in each week. Nobody named hours: "
        "at most a question.",
        tuple(Waste(name, Recurrence.ASKED, t.kwh(values, late), 0.0) for name, values in kw.items()),
    )
    return build(d, "Gym, hours not named", t, kw, truth, "")


SCENARIOS = (
    cinema,
    coin_laundry,
    car_wash,
    greenhouse,
    brewery,
    defrost_clock_drifts,
    ice_rink,
    fire_station,
    theater_evenings_named,
    duty_and_standby_by_turns,
    load_shed_for_the_grid,
    short_cycling,
    hotel_with_a_congress,
    cold_store_by_tariff,
    grain_dryer,
    hall_for_hire,
    van_depot,
    always_on_in_many_places,
    gym_hours_not_named,
)
