"""Held-out kinds: hours, holidays, breaks, clock changes and weather. Do not look here while tuning an analysis."""

from __future__ import annotations

from datetime import date

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.held_out_common import some_days, usual_air
from benchmarks.claims.kinds_calendar import (
    CLOCK_CHANGES,
    closed_days,
    exception_toml,
    holiday_weeks,
    shut,
    term_toml,
)
from benchmarks.claims.kinds_weather import MILD, SUMMER, WINTER, cooling, heating
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste

# Hours ------------------------------------------------------------------------------------------------------------


def open_on_holiday_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "open_on_holiday_named")
    place = d.place_in("US", "GB", "AU")
    monday, _ = d.pick(holiday_weeks(place))
    t, hours = d.time(monday), Opening.on(ALL_DAYS, 8, 21)
    short = closed_days(t, place) & ~t.between(11, 16)
    kw = {
        "Sales floor": shut(t, d.used(t, hours, 0.6, d.between(10, 25)), short, 0.6),
        "Air conditioning": shut(t, d.fan(t, hours, 9), short, 0.4),
        "Freezers": t.cycling(5, 0.3, 14, 10),
    }
    toml = hours.toml(place) + 'holiday_hours = ["11:00-16:00"]\n'
    truth = Truth(
        "Open for five hours on the holiday, as named: short, and in order.",
        not_a_word=("Turn Sales", "Let Sales", "Turn Air", "Let Air", "failed"),
    )
    return build(d, "Store with holiday hours", t, kw, truth, toml, judges=("total", "next"))


def library_in_the_vacation(seed: int) -> MadeUpSite:
    d = Draw(seed, "library_in_the_vacation")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(d.monday((3, 6, 7, 12)), weeks_before=8), Opening.on(ALL_DAYS, 8, 23)
    late = t.since(0) & ~((t.weekday < 5) & t.between(10, 16))
    kw = {
        "Reading rooms": shut(t, d.used(t, hours, 1, d.between(15, 30)), late, 1.0),
        "Ventilation": shut(t, d.fan(t, hours, 12), late, 0.5),
        "Servers": t.steady(3, 0.01),
    }
    toml = hours.toml() + term_toml(t.date_of(-110), t.date_of(-1))
    toml += '\n[schedule.outside_terms]\nweekdays = ["10:00-16:00"]\n\n[channels."Servers"]\nmust_run = true\n'
    truth = Truth(
        "The first week of the vacation, with the shorter hours that are named for it: half the use, and in order.",
        is_comparable=False,
        not_a_word=("failed", "Turn Reading", "Let Reading", "Turn Ventilation", "Let Ventilation"),
    )
    return build(d, "Library in the vacation", t, kw, truth, toml, judges=("total", "next"))


def long_evenings_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "long_evenings_named")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(d.pick((date(2024, 12, 9), date(2025, 12, 8)))), Opening.on(range(6), 9, 19)
    long = Opening.on(range(6), 9, 22)
    is_long = (t.day >= 0) & (t.day < 13)
    ordinary, longer = d.used(t, hours, 0.7, 16), d.used(t, long, 0.7, 16)
    kw = {
        "Sales floor": np.where(is_long, longer, ordinary),
        "Air handler": np.where(is_long, d.fan(t, long, 9), d.fan(t, hours, 9)),
    }
    toml = hours.toml() + "".join(
        exception_toml(t.date_of(day), t.date_of(day + 5), '"09:00-22:00"', "Christmas shopping") for day in (0, 7)
    )
    truth = Truth(
        "Open three hours longer on six evenings, as named, and used as long: more energy, no waste.",
        not_a_word=("Turn Sales", "Let Sales", "Turn Air", "Let Air"),
    )
    return build(d, "Long evenings before Christmas", t, kw, truth, toml, judges=("total",))


def back_after_two_closed_weeks(seed: int) -> MadeUpSite:
    d = Draw(seed, "back_after_two_closed_weeks")
    t, hours = d.time(weeks_before=int(d.between(7, 12, 1))), d.office_hours()
    closed = t.is_past & (t.day >= -14)
    kw = {
        "Workshop": shut(t, d.used(t, hours, 2, d.between(20, 45)), closed, 2.0),
        "Air handler": shut(t, d.fan(t, hours, 9), closed, 0.4),
        "Lights": shut(t, d.used(t, hours, 0.4, 8), closed, 0.4),
    }
    toml = hours.toml() + exception_toml(t.date_of(-14), t.date_of(-1), reason="company holidays")
    truth = Truth(
        "Two closed weeks, as named, and then a week like all the open ones before them.",
        change_pct=0.0,
        may_lack_change=True,
        not_a_word=("Turn Workshop", "Let Workshop", "Turn Air", "Let Air"),
    )
    return build(d, "Back after two closed weeks", t, kw, truth, toml, judges=("total", "next"))


def shift_through_the_clock_change(seed: int) -> MadeUpSite:
    d = Draw(seed, "shift_through_the_clock_change")
    place = d.place_in("US", "GB", "DE", "AU")
    if place.zone in ("America/Phoenix", "Australia/Brisbane"):
        place = d.place_in("GB")
    monday = date(*d.pick(CLOCK_CHANGES["GB" if place.country == "DE" else place.country]))
    t = d.time(monday, intervals=(30, 60), weeks_before=8)
    hours = Opening(dict.fromkeys((2, 3, 4, 5), ((22.0, 30.0),)))
    kw = {
        "Ovens": d.used(t, hours, 3, d.between(40, 90)),
        "Mixers": d.used(t, hours, 0.3, 12),
        "Cold room": t.cycling(5, 0.3, 12, 13),
    }
    truth = Truth(
        "Bakes through the night in which the clocks change: the shift is an hour shorter or longer on the meter, and "
        "the same on the wall.",
        not_a_word=("Turn Ovens", "Let Ovens", "Turn Mixers", "Let Mixers"),
    )
    return build(d, "Night shift and a clock change", t, kw, truth, hours.toml())


def restaurant_in_two_sittings(seed: int) -> MadeUpSite:
    d = Draw(seed, "restaurant_in_two_sittings")
    t = d.time(intervals=(5, 15), weeks_before=7)
    hours = Opening(dict.fromkeys(range(1, 7), ((11.5, 14.5), (18.0, 24.0))))
    size = d.between(6, 11)
    right = t.switched(hours.mask(t, 0.5, 0.5), size, 0.3, 0.02)
    pauses = t.on_days(*some_days(d, range(1, 7), 4))
    actual = np.where(pauses & t.between(15, 17.5), size * t.wander(0.02), right)
    waste = wasted("Hood", Recurrence.WEEKLY, t, actual, right)
    truth = Truth(
        "Closed from half past two to six, as named. On four afternoons of each week the hood runs through the pause, "
        "on two it rests: recurring, if one does not take it for preparing.",
        (Waste(waste.meter, waste.recurrence, waste.kwh, 0.0),),
    )
    kw = {"Hood": actual, "Kitchen": d.used(t, hours, 0.8, 24), "Dining room": d.used(t, hours, 0.3, 7)}
    return build(d, "Restaurant in two sittings", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


def bank_with_a_noon_break(seed: int) -> MadeUpSite:
    d = Draw(seed, "bank_with_a_noon_break")
    t = d.time(intervals=(15, 30))
    whole = ((8.5, 12.5), (14.0, 17.0))
    hours = Opening({**dict.fromkeys((0, 1, 3, 4), whole), 2: ((8.5, 12.5),)})
    light = t.switched(hours.mask(t, 0.25, 0.25), d.between(6, 12), 0.4)
    kw = {"Lights": light, "Tills": d.used(t, hours, 1.2, 5), "Cash machines": t.steady(0.8, 0.01)}
    truth = Truth("Rests at noon and on Wednesday afternoons, as named; nothing to say.", not_a_word=("failed",))
    return build(d, "Bank with a noon break", t, kw, truth, hours.toml())


def shifts_that_alternate(seed: int) -> MadeUpSite:
    d = Draw(seed, "shifts_that_alternate")
    t, hours = d.time(intervals=(15, 60)), Opening.on(WORKDAYS, 6, 22)
    is_early = (t.day // 7) % 2 == int(d.pick((0, 1)))
    early, late = Opening.on(WORKDAYS, 6, 14), Opening.on(WORKDAYS, 14, 22)
    kw = {
        name: np.where(is_early, d.used(t, early, off_kw, on_kw), d.used(t, late, off_kw, on_kw))
        for name, off_kw, on_kw in (("Packing line", 1.5, d.between(25, 60)), ("Lights", 0.4, 8.0))
    }
    truth = Truth(
        "One shift, early in one week and late in the next, both within the named hours: the profile changes by the "
        "week, the energy does not."
    )
    return build(d, "Warehouse with alternating shifts", t, kw, truth, hours.toml())


def stocktaking_night(seed: int) -> MadeUpSite:
    d = Draw(seed, "stocktaking_night")
    t, hours = d.time(), Opening.on(range(6), 9, 20)
    day = int(d.pick((1, 2, 3)))
    night = t.stretch(day, 20, day + 1, 2)
    usual = {"Sales floor": d.used(t, hours, 1, 14), "Stock room": d.used(t, hours, 0.3, 5), "Tills": t.steady(0.6)}
    kw = usual | {
        "Sales floor": np.where(night, 13 * t.wander(0.02), usual["Sales floor"]),
        "Stock room": np.where(night, 4.5 * t.wander(0.02), usual["Stock room"]),
    }
    toml = hours.toml() + exception_toml(t.date_of(day), t.date_of(day), '"09:00-02:00"', "stocktaking")
    truth = Truth(
        "Worked until two in one night, as named by an exception that runs past midnight: nothing is wasted.",
        not_a_word=("Turn Sales", "Let Sales", "Turn Stock", "Let Stock"),
    )
    return build(d, "Stocktaking at night, named", t, kw, truth, toml, judges=("total",))


# Weather ----------------------------------------------------------------------------------------------------------


def setback_lost(seed: int) -> MadeUpSite:
    d = Draw(seed, "setback_lost")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=WINTER, weeks_before=11), Opening.on(WORKDAYS, 7, 18)
    temp, per_k = t.temperature(d.between(3, 7), 3, 1.2), d.between(1.2, 2.0)
    day, state = int(d.pick((0, 1))), d.rng.bit_generator.state
    is_occupied = hours.mask(t, 2.0)
    right = heating(t, temp, np.where(is_occupied, 1.0, 0.5), per_k)
    d.rng.bit_generator.state = state
    actual = heating(t, temp, np.where(is_occupied | t.since(day, 18), 1.0, 0.5), per_k)
    new = wasted("Electric heating", Recurrence.NEW, t, actual, right)
    truth = Truth(
        "Heats by night and at the weekend as by day since an evening of this week; before, it fell to half. It is no "
        "colder than in the weeks before.",
        (Waste(new.meter, new.recurrence, new.kwh, 0.4 * new.kwh),),
        must_name=("Electric heating",),
    )
    kw = {"Electric heating": actual, "Lights": d.used(t, hours, 0.5, 9)}
    return build(d, "Heating without its setback", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def chiller_ignores_a_cool_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "chiller_ignores_a_cool_week")
    d.place_in("US", "DE")
    t, hours = d.time(months=SUMMER, weeks_before=12), d.office_hours()
    temp = t.temperature(d.between(19, 22), 5, 2.0) - 6 * t.is_week
    felt = np.where(t.is_week, temp + 6, temp)
    runs, per_k = hours.mask(t, 1.0).astype(float), d.between(1.5, 3)
    state = d.rng.bit_generator.state
    right = cooling(t, temp, runs, per_k)
    d.rng.bit_generator.state = state
    actual = cooling(t, felt, runs, per_k)
    truth = Truth(
        "Follows the air in all weeks before; in this cool one it draws what a warm one would take. Above what the "
        "weather explains, in the hours of use: a valve, a sensor, or a room full of people.",
        (wasted("Chiller", Recurrence.OPEN, t, actual, right),),
    )
    kw = {"Chiller": actual, "Lights": d.used(t, hours, 0.5, 9)}
    return build(d, "Chiller in a cool week", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def monday_after_a_cold_weekend(seed: int) -> MadeUpSite:
    d = Draw(seed, "monday_after_a_cold_weekend")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=WINTER, weeks_before=10), Opening.on(WORKDAYS, 7, 18)
    temp = t.temperature(d.between(4, 7), 3) - 5 * np.isin(t.day, (-2, -1, 0))
    recovers = (t.weekday == 0) & t.between(3, 8)
    setback = np.where(recovers, 1.7, np.where(hours.mask(t, 2.0), 1.0, 0.5))
    heat = heating(t, temp, setback, d.between(1, 2))
    truth = Truth(
        "Warms the building up from three o'clock on every Monday, and harder after a cold weekend: that is how it "
        "gets warm by seven. That it heats an empty building at all may be asked.",
        (Waste("Heat pumps", Recurrence.ASKED, t.kwh(heat, t.is_week & ~hours.mask(t)), 0.0),),
        not_a_word=("Turn Heat", "Let Heat"),
    )
    kw = {"Heat pumps": heat, "Lights": d.used(t, hours, 0.5, 9)}
    return build(d, "Monday after a cold weekend", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def cold_store_in_unknown_warmth(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_store_in_unknown_warmth")
    d.place_in("US", "AU", "GB")
    t, hours = d.time(months=MILD, intervals=(30, 60)), d.shop_hours()
    temp = t.temperature(13, 6, 2) + 6 * t.is_week
    store = t.cycling(d.between(8, 16), 0.4, 14, 16, 0.5 + 0.035 * np.clip(temp, 0, None))
    truth = Truth(
        "Runs for more of the time, on all days and nights of this week and smoothly: warm weather, which nobody "
        "stored, or a fault. No one can sign a saving.",
    )
    kw = {"Cold store": store, "Sales floor": d.used(t, hours, 1, 10)}
    return build(d, "Cold store in unknown warmth", t, kw, truth, hours.toml(), judges=("total",))


def heating_season_begins(seed: int) -> MadeUpSite:
    d = Draw(seed, "heating_season_begins")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=(10,), weeks_before=8), Opening.on(WORKDAYS, 7, 18)
    temp = t.temperature(16, 3, 0.8) - 8 * t.since(0)
    demand = d.between(1.5, 3) * np.clip(11 - temp, 0, None) * np.where(hours.mask(t, 2.0), 1.0, 0.6)
    heat = (demand + 0.1) * t.wander(0.05)
    truth = Truth(
        "The first cold week of autumn, and the first in which the heating runs, by night too. The stored weather "
        "explains it, although no week before shows how much is usual.",
        (Waste("Heating", Recurrence.ASKED, t.kwh(heat), 0.0),),
        not_a_word=("Turn Heating", "Let Heating"),
    )
    kw = {"Heating": heat, "Lights": d.used(t, hours, 0.5, 9), "Sockets": d.used(t, hours, 1, 6)}
    return build(d, "The heating season begins", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def precools_on_hot_mornings(seed: int) -> MadeUpSite:
    d = Draw(seed, "precools_on_hot_mornings")
    d.place_in("US", "AU")
    t = d.time(months=(6, 7, 8) if d.place.country == "US" else (12, 1, 2), weeks_before=12)
    hours = Opening.on(WORKDAYS, 8, 18)
    hot_days = [7 * week + day for week, day in ((-11, 2), (-9, 1), (-7, 3), (-4, 0), (-4, 1), (-2, 3))] + [1, 2, 3]
    is_hot = t.on_days(*hot_days)
    temp = t.temperature(21, 5, 1.0) + 8 * is_hot
    runs = hours.mask(t, 1.0) | (is_hot & t.between(4, 8))
    chiller = cooling(t, temp, runs.astype(float), d.between(1.2, 2.2))
    early = t.kwh(chiller, t.is_week & is_hot & t.between(4, 7))
    truth = Truth(
        "Starts at four instead of seven on hot days, this week on three of them, as on each hot day before: it "
        "precools, as the weather asks.",
        (Waste("Chiller", Recurrence.ASKED, early, 0.0),),
        not_a_word=("Turn Chiller", "Let Chiller"),
    )
    kw = {"Chiller": chiller, "Lights": d.used(t, hours, 0.5, 9)}
    return build(d, "Precooling on hot mornings", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def church_preheats(seed: int) -> MadeUpSite:
    d = Draw(seed, "church_preheats")
    d.place_in("GB", "DE", "US")
    t, hours = d.time(months=WINTER, weeks_before=9), Opening({6: ((9.5, 12.0),)})
    temp = t.temperature(d.between(2, 6), 3)
    runs = ((t.weekday == 5) & (t.hour >= 15)) | ((t.weekday == 6) & (t.hour < 11.5))
    heat = np.where(runs, d.between(18, 30) + 0.6 * np.clip(8 - temp, 0, None), 0.3) * t.wander(0.03)
    truth = Truth(
        "Heats from Saturday afternoon on for a service on Sunday, in each week of winter: stone is slow. Whether "
        "eighteen hours are needed may be asked.",
        (Waste("Nave heating", Recurrence.ASKED, t.kwh(heat, t.is_week & ~hours.mask(t)), 0.0),),
    )
    kw = {"Nave heating": heat, "Lights": d.used(t, hours, 0.2, 5), "Office": t.steady(0.3)}
    return build(d, "Church that preheats", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


SCENARIOS = (
    open_on_holiday_named,
    library_in_the_vacation,
    long_evenings_named,
    back_after_two_closed_weeks,
    shift_through_the_clock_change,
    restaurant_in_two_sittings,
    bank_with_a_noon_break,
    shifts_that_alternate,
    stocktaking_night,
    setback_lost,
    chiller_ignores_a_cool_week,
    monday_after_a_cold_weekend,
    cold_store_in_unknown_warmth,
    heating_season_begins,
    precools_on_hot_mornings,
    church_preheats,
)
