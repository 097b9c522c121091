"""Buildings in which nothing is wrong: nothing may be claimed, and the week reads as one."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste, site_total


def quiet_office(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_office")
    t, hours = d.time(), d.office_hours()
    size = d.between(4, 60)
    kw = {"Main": d.used(t, hours, 0.25 * size, size), "Lifts": t.bursts(hours.mask(t), 30, 5, 0.2 * size, 0.02 * size)}
    truth = Truth("Follows its hours as in the weeks before; the base by night is a quarter of the day, as usual.")
    return build(d, "Quiet office", t, kw, truth, hours.toml())


def quiet_shop(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_shop")
    t, hours = d.time(), d.shop_hours()
    light, fridge = d.used(t, hours, 0.3, d.between(5, 20)), t.cycling(d.between(1, 3), 0.05, 14, 20)
    truth = Truth("Open on seven days, as named; the fridge cycles as it always does.")
    return build(d, "Quiet shop", t, {"Sales floor": light, "Drinks fridge": fridge}, truth, hours.toml())


def quiet_restaurant(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_restaurant")
    t = d.time()
    late = {4: ((11.0, 25.0),), 5: ((11.0, 25.0),), 6: ((10.0, 22.0),)}
    hours = Opening({**dict.fromkeys((1, 2, 3), ((11.0, 23.0),)), **late})
    meal = np.where(t.between(12, 14) | t.between(18, 21), 1.0, 0.55)
    kitchen = d.used(t, hours, 0.5, d.between(12, 35)) * meal
    kw = {"Kitchen": kitchen, "Dining room": d.used(t, hours, 0.2, 6), "Cold room": t.cycling(4, 0.2, 10, 12)}
    truth = Truth("Closed on Mondays, open past midnight on two days: all of it named, and the same in every week.")
    return build(d, "Restaurant open past midnight", t, kw, truth, hours.toml())


def quiet_church(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_church")
    t, hours = d.time(), Opening({2: ((18.0, 21.0),), 6: ((8.0, 13.0),)})
    hall = d.used(t, hours, 0.3, d.between(8, 25), sd=0.06)
    truth = Truth("Used for eight hours a week, at the named ones; at all others next to nothing.")
    return build(d, "Church, Sunday and Wednesday", t, {"Nave": hall, "Office": t.steady(0.4)}, truth, hours.toml())


def quiet_three_shifts(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_three_shifts")
    t = d.time(intervals=(15, 60))
    hours = Opening({0: ((6.0, 24.0),), **dict.fromkeys((1, 2, 3, 4), ((0.0, 24.0),)), 5: ((0.0, 6.0),)})
    line = np.where(hours.mask(t), 1.0, 0.12) * (1 - 0.25 * t.between(22, 6)) * d.between(80, 600)
    kw = {"Line 1": line * t.wander(0.08, 2), "Compressed air": t.switched(hours.mask(t), 40, 5, 0.06)}
    truth = Truth("Three shifts from Monday 06:00 to Saturday 06:00, named as such.")
    return build(d, "Factory of three shifts", t, kw, truth, hours.toml())


def data_center(seed: int) -> MadeUpSite:
    d = Draw(seed, "data_center")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    it = t.steady(d.between(40, 300), 0.01)
    kw = {"UPS A": it, "UPS B": it * 0.93 * t.wander(0.01), "CRAC units": 0.3 * it * t.wander(0.05, 3)}
    return build(d, "Data center", t, kw, Truth("Named as open around the clock, and steady."), hours.toml())


def huge_hospital(seed: int) -> MadeUpSite:
    d = Draw(seed, "huge_hospital")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    ward = d.between(1500, 3000) * (1 + 0.25 * np.sin((t.hour - 8) / 24 * 2 * np.pi)) * t.wander(0.03, 2)
    kw = {"Incomer": ward, "Imaging": t.bursts(t.between(8, 18) & (t.weekday < 5), 40, 10, 90, 12)}
    truth = Truth("Thousands of kilowatts around the clock; imaging comes in bursts by day, as always.")
    return build(d, "Hospital", t, kw, truth, hours.toml(), parents={"Imaging": "Incomer"}, real={"Incomer": ward})


def tiny_loads(seed: int) -> MadeUpSite:
    d = Draw(seed, "tiny_loads")
    t, hours = d.time(), d.office_hours()
    kw = {"Sockets": d.used(t, hours, 0.02, 0.25, sd=0.2), "Door": t.bursts(hours.mask(t), 20, 5, 0.8, 0.005)}
    truth = Truth("A few kilowatt-hours a week: nothing here can be worth a line, however odd a quarter-hour.")
    return build(d, "Storage unit", t, kw, truth, hours.toml(), judges=("total",))


def quiet_clinic(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_clinic")
    t = d.time()
    hours = Opening({**dict.fromkeys(WORKDAYS, ((7.5, 19.0),)), 5: ((8.0, 13.0),)})
    kw = {
        "Practice": d.used(t, hours, 2, d.between(8, 20)),
        "X-ray": t.bursts(hours.mask(t), 12, 3, 25, 0.6),
        "Vaccine fridge": t.cycling(0.5, 0.03, 12, 25),
        "Ventilation": d.fan(t, hours, 5),
    }
    truth = Truth("Works the hours that it names; the X-ray stands by at night, and the fridge must.")
    return build(d, "Clinic", t, kw, truth, hours.toml())


def many_meters(seed: int) -> MadeUpSite:
    d = Draw(seed, "many_meters")
    t, hours = d.time(intervals=(15,), weeks_before=6), d.office_hours()
    parts = {f"Lights {n}": d.used(t, hours, 0.3, d.between(2, 8), sd=0.05) for n in range(1, 7)}
    parts |= {f"Fan {n}": d.fan(t, hours, d.between(2, 9)) for n in range(1, 5)}
    parts |= {f"Pump {n}": t.cycling(d.between(1, 4), 0.05, d.between(8, 30), d.between(8, 30)) for n in range(1, 4)}
    parts |= {f"Lift {n}": t.bursts(hours.mask(t), d.between(20, 60), 4, d.between(5, 12), 0.2) for n in range(1, 3)}
    main = site_total(parts, {}) + d.used(t, hours, 3, 12)
    truth = Truth("Fifteen sub-meters of all kinds, none of them wrong: so many chances to claim something.")
    parents = dict.fromkeys(parts, "Main")
    return build(d, "Office with many meters", t, {"Main": main, **parts}, truth, hours.toml(), parents=parents)


def cleaning_crew(seed: int) -> MadeUpSite:
    d = Draw(seed, "cleaning_crew")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 17)
    evening = (t.weekday < 5) & t.between(18, d.between(20, 21, 0.5))
    light = np.where(hours.mask(t, 0.5, 0.5), 9.0, np.where(evening, 6.0, 0.4)) * t.wander(0.03)
    truth = Truth(
        "Lights for some hours after closing on every working day, at the same times in every week: cleaning, or a "
        "habit. It may be asked about; that it can be saved cannot be signed.",
        (Waste("Lights", Recurrence.ASKED, t.kwh(np.where(evening & ~hours.mask(t, 0.5, 0.5), light, 0.0)), 0.0),),
    )
    return build(
        d, "Office with an evening crew", t, {"Lights": light, "Sockets": d.used(t, hours, 1, 4)}, truth, hours.toml()
    )


SCENARIOS = (
    quiet_office,
    quiet_shop,
    quiet_restaurant,
    quiet_church,
    quiet_three_shifts,
    data_center,
    huge_hospital,
    tiny_loads,
    quiet_clinic,
    many_meters,
    cleaning_crew,
)
