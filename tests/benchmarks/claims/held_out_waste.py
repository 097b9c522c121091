"""Held-out kinds: waste that recurs, that is new, that happens once. Do not look here while tuning an analysis."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import or_

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.held_out_common import ALL_WEEKS, some_days, usual_air
from benchmarks.claims.kinds_calendar import (
    CLOCK_CHANGES,
    closed_days,
    exception_toml,
    holiday_weeks,
    shut,
    term_toml,
)
from benchmarks.claims.kinds_generation import BRIGHT
from benchmarks.claims.kinds_waste import left_on
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste
from benchmarks.claims.timeline import Mask, Timeline


def _stretches(t: Timeline, days: Iterable[int], start_h: float, end_h: float) -> Mask:
    """Return True from an hour of each of these days up to an hour, which may lie beyond its midnight."""
    return reduce(or_, (t.stretch(day, start_h, day, end_h) for day in days))


# In every week ----------------------------------------------------------------------------------------------------


def friday_nights(seed: int) -> MadeUpSite:
    d = Draw(seed, "friday_nights")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 18)
    size = d.between(7, 14)
    right = d.used(t, hours, 0.4, size)
    actual = left_on(d, t, right, _stretches(t, [7 * week + 4 for week in ALL_WEEKS], 17, 35), size)
    fan, plug = d.fan(t, hours, 8), d.used(t, hours, 1.5, 6)
    kw = {"Main": actual + fan + plug + 1.5, "Lights hall": actual, "Fan": fan, "Sockets": plug}
    truth = Truth(
        "On every Friday the lights stay on until eleven on Saturday morning, and on no other night: the last one out "
        "forgets them. Seventeen hours a week.",
        (wasted("Lights hall", Recurrence.WEEKLY, t, actual, right),),
    )
    parents = dict.fromkeys(("Lights hall", "Fan", "Sockets"), "Main")
    return build(d, "Lights on in Friday nights", t, kw, truth, hours.toml(), parents=parents, temp_c=usual_air(d, t))


def every_second_weekend(seed: int) -> MadeUpSite:
    d = Draw(seed, "every_second_weekend")
    t, hours = d.time(weeks_before=int(d.between(8, 13, 1))), d.office_hours()
    size = d.between(6, 15)
    right = d.fan(t, hours, size)
    weekends = _stretches(t, [7 * week + 4 for week in range(-12, 1, 2)], 16, 79)
    actual = left_on(d, t, right, weekends, size)
    waste = wasted("Air handler 2", Recurrence.WEEKLY, t, actual, right)
    truth = Truth(
        "Runs through every second weekend, this one too: one of two crews leaves it on. It recurs; the mean week "
        "has half of what this week shows, and either can be told.",
        (Waste(waste.meter, waste.recurrence, waste.kwh, 0.3 * waste.kwh),),
    )
    kw = {"Air handler 2": actual, "Lights": d.used(t, hours, 0.5, 9), "Servers": t.steady(2)}
    toml = hours.toml() + '\n[channels."Servers"]\nmust_run = true\n'
    return build(d, "Every second weekend", t, kw, truth, toml, judges=("total",))


def hood_forgotten(seed: int) -> MadeUpSite:
    d = Draw(seed, "hood_forgotten")
    t = d.time(intervals=(5, 15), weeks_before=8)
    hours = Opening({**dict.fromkeys((1, 2, 3, 6), ((11.0, 23.0),)), **dict.fromkeys((4, 5), ((11.0, 25.0),))})
    size = d.between(5, 9)
    right = d.fan(t, hours, size)
    ends = some_days(d, (1, 2, 3, 4, 5, 6), 3)
    actual = left_on(d, t, right, _stretches(t, ends, 22, 34), size)
    truth = Truth(
        "On three nights of each week, and not the same ones, the hood runs until the morning's delivery. On the "
        "other nights it stops with the kitchen.",
        (wasted("Kitchen hood", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Kitchen hood": actual, "Kitchen": d.used(t, hours, 0.8, 22), "Cold room": t.cycling(4, 0.2, 10, 13)}
    return build(d, "Kitchen hood that is forgotten", t, kw, truth, hours.toml(), judges=("total",))


def fan_runs_on_past_the_people(seed: int) -> MadeUpSite:
    d = Draw(seed, "fan_runs_on_past_the_people")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 17.5)
    size, end = d.between(10, 22), d.between(21, 22.5, 0.5)
    right = t.switched(hours.mask(t, 0.5), size, 0.3, 0.02)
    late = (t.weekday < 5) & t.between(17.5, end)
    actual = np.where(late, size * t.wander(0.02), right)
    waste = wasted("Supply air", Recurrence.WEEKLY, t, actual, right)
    truth = Truth(
        "Runs three to five hours longer than people, lights and sockets, on each working day, and then stops. "
        "Recurring; or a purge that somebody set: a report may sign it or ask.",
        (Waste(waste.meter, waste.recurrence, waste.kwh, 0.0),),
    )
    kw = {"Supply air": actual, "Lights": d.used(t, hours, 0.5, 9), "Sockets": d.used(t, hours, 1, 6)}
    return build(d, "Fan that runs on in the evening", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


def air_left_pressurized(seed: int) -> MadeUpSite:
    d = Draw(seed, "air_left_pressurized")
    t, hours = d.time(weeks_before=int(d.between(6, 12, 1))), Opening.on(WORKDAYS, 6, 15)
    size = d.between(15, 30)
    right = np.where(hours.mask(t), t.cycling(size, 0.4 * size, 9, 6), 0.2 * t.wander(0.03))
    weekends = _stretches(t, [7 * week + 4 for week in (-11, -9, -8, -6, -4, -3, -1, 0, 1)], 15, 72)
    actual = np.where(weekends, t.cycling(size, 0.3, 4, 12), right)
    truth = Truth(
        "On this weekend and on three of the four before, the compressor feeds leaks; on the others, and on all "
        "nights, it is off, and nobody misses it.",
        (wasted("Air compressor", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Air compressor": actual, "Machines": d.used(t, hours, 2, 35), "Lights": d.used(t, hours, 0.3, 6)}
    return build(
        d,
        "Compressed air left on over weekends",
        t,
        kw,
        truth,
        hours.toml(),
        judges=("total",),
        temp_c=usual_air(d, t),
    )


def sterilizer_hot_at_night(seed: int) -> MadeUpSite:
    d = Draw(seed, "sterilizer_hot_at_night")
    t, hours = d.time(intervals=(5, 15), weeks_before=7), Opening.on(WORKDAYS, 7.5, 17.5)
    size = d.between(5, 8)
    right = np.where(hours.mask(t), t.cycling(2.2 * size, 0.8 * size, 12, 25), 0.15 * t.wander(0.05))
    nights = t.nights(some_days(d, range(4), 3), 17.5, 7.5)
    actual = np.where(nights, size * t.wander(0.04), right)
    light, plug, cold = d.used(t, hours, 0.4, 7), d.used(t, hours, 1, 6), t.cycling(0.6, 0.04, 12, 22)
    board = actual + cold
    kw = {
        "Main": board + light + plug + 1.0,
        "Board B": board,
        "Sterilizer": actual,
        "Vaccine fridge": cold,
        "Lights": light,
        "Sockets": plug,
    }
    parents = {"Sterilizer": "Board B", "Vaccine fridge": "Board B"}
    parents |= dict.fromkeys(("Board B", "Lights", "Sockets"), "Main")
    toml = hours.toml() + '\n[channels."Vaccine fridge"]\nmust_run = true\n'
    truth = Truth(
        "Kept hot on three nights of each week, off on the others; board and main show the same energy again.",
        (wasted("Sterilizer", Recurrence.WEEKLY, t, actual, right),),
    )
    return build(d, "Sterilizer kept hot at night", t, kw, truth, toml, parents=parents)


def closed_mondays(seed: int) -> MadeUpSite:
    d = Draw(seed, "closed_mondays")
    t, hours = d.time(intervals=(30, 60)), Opening(dict.fromkeys(range(1, 7), ((10.0, 18.0),)))
    size = d.between(9, 20)
    right = t.switched(hours.mask(t, 1.0), size, 0.4, 0.02)
    actual = np.where((t.weekday == 0) & t.between(9, 18), size * t.wander(0.02), right)
    truth = Truth(
        "The museum is closed on Mondays, as named, and its air handler does not know it: no light, no visitor, the "
        "fan as on any day.",
        (wasted("Gallery air", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Gallery air": actual, "Gallery lights": d.used(t, hours, 0.4, 12), "Café": d.used(t, hours, 0.8, 6)}
    return build(d, "Museum, closed on Mondays", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


def cooled_at_night_in_summer(seed: int) -> MadeUpSite:
    d = Draw(seed, "cooled_at_night_in_summer")
    d.place_in("US", "AU")
    t = d.time(months=(6, 7, 8) if d.place.country == "US" else (12, 1, 2), weeks_before=9)
    hours = Opening.on(WORKDAYS, 8, 18)
    temp = t.temperature(d.between(22, 25), 5, 1.0)
    demand = d.between(0.8, 1.4) * np.clip(temp - 14, 0, None) * t.wander(0.04)
    right = np.where(hours.mask(t, 1.0), demand, 0.25 * t.wander(0.03))
    actual = np.where(t.nights(some_days(d, range(4), 2), 18, 7), demand, right)
    truth = Truth(
        "Cools an empty building on two nights of each week, and not on others that are as warm: somebody turns the "
        "thermostat down and leaves.",
        (wasted("Air conditioning", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Air conditioning": actual, "Lights": d.used(t, hours, 0.4, 8)}
    return build(d, "Cooled on some summer nights", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def yard_lights_by_day(seed: int) -> MadeUpSite:
    d = Draw(seed, "yard_lights_by_day")
    t, hours = d.time(months=(2, 3, 4, 8, 9, 10)), Opening.on(range(6), 7, 19)
    rise, sets = t.daylight()
    size = d.between(6, 12)
    is_dark = (t.hour < rise) | (t.hour >= sets)
    right = t.switched(is_dark, size, 0.02, 0.01)
    actual = np.where(t.on_days(*some_days(d, ALL_DAYS, 3)), size * t.wander(0.01), right)
    waste = wasted("Yard lights", Recurrence.WEEKLY, t, actual, right)
    truth = Truth(
        "They follow the dusk, and on three days of each week they burn through the daylight too: the switch stands "
        "on manual. It lies in the hours of use, so a report may sign or ask.",
        (
            Waste(waste.meter, waste.recurrence, waste.kwh, 0.0),
            Waste("Yard lights", Recurrence.ASKED, t.kwh(np.where(is_dark, actual, 0.0)), 0.0),
        ),
    )
    kw = {"Yard lights": actual, "Warehouse": d.used(t, hours, 2, 18)}
    return build(d, "Yard lights on by day", t, kw, truth, hours.toml(), judges=("total",))


def nights_over_clock_change(seed: int) -> MadeUpSite:
    d = Draw(seed, "nights_over_clock_change")
    place = d.place_in("US", "GB", "DE", "AU")
    if place.zone in ("America/Phoenix", "Australia/Brisbane"):
        place = d.place_in("DE")
    monday = date(*d.pick(CLOCK_CHANGES["GB" if place.country == "DE" else place.country]))
    t, hours = d.time(monday, intervals=(15, 30), weeks_before=9), d.office_hours()
    size = d.between(7, 14)
    right = d.fan(t, hours, size)
    nights = [*some_days(d, range(4), 1), *(7 * week + 5 for week in ALL_WEEKS)]
    actual = left_on(d, t, right, t.nights(nights, 19, 7), size)
    truth = Truth(
        "On in every Saturday night, the one in which the clocks change too, and in one night before it, in each week.",
        (wasted("Extract fan", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Extract fan": actual, "Lights": d.used(t, hours, 0.5, 8), "Sockets": d.used(t, hours, 1, 5)}
    return build(d, "Nights on, and a clock change", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


def workshop_saturday_afternoons(seed: int) -> MadeUpSite:
    d = Draw(seed, "workshop_saturday_afternoons")
    t = d.time()
    hours = Opening({**dict.fromkeys(WORKDAYS, ((7.0, 16.0),)), 5: ((7.0, 12.0),)})
    size = d.between(9, 18)
    right = d.fan(t, hours, size)
    saturdays = [7 * week + 5 for week in ALL_WEEKS if week not in (-2, -7, -10)]
    actual = left_on(d, t, right, _stretches(t, saturdays, 12, 18), size)
    truth = Truth(
        "Work ends at noon on Saturdays, the dust extractor runs on until six; on one Saturday of five it stops with "
        "the work, as on all other days.",
        (wasted("Dust extractor", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Dust extractor": actual, "Saws": d.used(t, hours, 1, 28), "Lights": d.used(t, hours, 0.3, 5)}
    return build(d, "Dust extractor on Saturdays", t, kw, truth, hours.toml(), judges=("total",))


def day_lights_of_a_night_plant(seed: int) -> MadeUpSite:
    d = Draw(seed, "day_lights_of_a_night_plant")
    t, hours = d.time(), Opening(dict.fromkeys(WORKDAYS, ((21.0, 29.0),)))
    size = d.between(7, 13)
    right = d.used(t, hours, 0.3, size)
    days = some_days(d, range(1, 5), 3)  # the shift that began on the evening before
    actual = left_on(d, t, right, _stretches(t, days, 5, 20), size)
    truth = Truth(
        "Works from nine in the evening to five, as named. On three days of each week the lights stay on after it, "
        "all day: closed is by day here.",
        (wasted("Hall lights", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Hall lights": actual, "Line": d.used(t, hours, 2, 40), "Cooling": t.cycling(5, 0.3, 12, 12)}
    toml = hours.toml() + '\n[channels."Cooling"]\nmust_run = true\n'
    return build(d, "Night plant with lights by day", t, kw, truth, toml, temp_c=usual_air(d, t))


def two_units_by_turns(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_units_by_turns")
    t, hours = d.time(intervals=(30,)), d.office_hours()
    sizes = d.between(5, 9), d.between(6, 11)
    rights = [d.fan(t, hours, size) for size in sizes]
    nights = [some_days(d, range(4), count) for count in (2, 3)]
    actuals = [
        left_on(d, t, right, t.nights(evenings, 17, 8), size)
        for right, evenings, size in zip(rights, nights, sizes, strict=True)
    ]
    rest, names = d.used(t, hours, 3, 14), ("Roof unit 1", "Roof unit 2")
    kw = {"Main": actuals[0] + actuals[1] + rest, **dict(zip(names, actuals, strict=True))}
    truth = Truth(
        "Two units, each on through some nights of each week, now the one and now the other: both rest on other "
        "nights, so neither has to run.",
        tuple(
            wasted(name, Recurrence.WEEKLY, t, actual, right)
            for name, actual, right in zip(names, actuals, rights, strict=True)
        ),
    )
    parents = dict.fromkeys(names, "Main")
    return build(d, "Two roof units by turns", t, kw, truth, hours.toml(), parents=parents, temp_c=usual_air(d, t))


def hourly_escalator(seed: int) -> MadeUpSite:
    d = Draw(seed, "hourly_escalator")
    t, hours = d.time(intervals=(60,)), Opening.on(ALL_DAYS, 9, 21)
    size = d.between(6, 11)
    up, down = d.fan(t, hours, size), d.fan(t, hours, size)
    actual = left_on(d, t, up, t.nights(some_days(d, ALL_DAYS, 4), 20, 9), 0.9 * size)
    truth = Truth(
        "One escalator of two runs through four nights of each week, in hourly energies; the other shows that it "
        "need not.",
        (wasted("Escalator up", Recurrence.WEEKLY, t, actual, up),),
    )
    kw = {"Escalator up": actual, "Escalator down": down, "Mall": d.used(t, hours, 8, 45)}
    return build(d, "Escalator at night, hourly", t, kw, truth, hours.toml(), temp_c=usual_air(d, t), has_power=False)


def nights_behind_solar(seed: int) -> MadeUpSite:
    d = Draw(seed, "nights_behind_solar")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    size = d.between(6, 12)
    right = d.fan(t, hours, size)
    actual = left_on(d, t, right, t.nights(some_days(d, range(4), 2), 17, 8), size)
    load, made = actual + d.used(t, hours, 4, 18), d.between(20, 35) * t.sunshine()
    kw = {"Main": load - made, "Solar": made, "Supply air": actual}
    toml = hours.toml() + '\n[channels."Solar"]\nkind = "generation"\n\n[channels."Main"]\nkind = "main"\n'
    truth = Truth(
        "Behind a main that feeds back by day, one fan is on through two nights of each week.",
        (wasted("Supply air", Recurrence.WEEKLY, t, actual, right),),
        total_kwh=t.kwh(load - made),
        other_total_kwh=(t.kwh(np.clip(load - made, 0, None)), t.kwh(load)),
        not_a_word=("Turn Solar", "Let Solar"),
    )
    return build(
        d,
        "Nights on, behind solar",
        t,
        kw,
        truth,
        toml,
        parents={"Supply air": "Main"},
        judges=(),
        temp_c=usual_air(d, t),
    )


def waste_in_term_only(seed: int) -> MadeUpSite:
    d = Draw(seed, "waste_in_term_only")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(d.monday((2, 3, 11)), weeks_before=9), Opening.on(WORKDAYS, 8, 16)
    size = d.between(8, 14)
    is_break = (t.day >= -14) & (t.day < 0)
    right = shut(t, d.used(t, hours, 0.5, size), is_break, 0.5)
    nights = some_days(d, range(4), 2, [week for week in ALL_WEEKS if week not in (-2, -1)])
    actual = left_on(d, t, right, t.nights(nights, 16, 8), size)
    truth = Truth(
        "Two weeks of break lie before this one, named and dark. In this week and in the weeks of term before the "
        "break, the lights are on through two nights: it recurs in term.",
        (wasted("Classroom lights", Recurrence.WEEKLY, t, actual, right),),
    )
    kw = {"Classroom lights": actual, "Kitchen": shut(t, d.used(t, hours, 0.6, 9), is_break, 0.6)}
    toml = hours.toml() + term_toml(t.date_of(-100), t.date_of(-17)) + term_toml(t.date_of(0), t.date_of(60))
    return build(d, "Lights at night, in term", t, kw, truth, toml, judges=("total", "next"), temp_c=usual_air(d, t))


def mended_on_wednesday(seed: int) -> MadeUpSite:
    d = Draw(seed, "mended_on_wednesday")
    t, hours = d.time(weeks_before=8), d.office_hours()
    size = d.between(7, 15)
    right = d.fan(t, hours, size)
    nights = [7 * week + day for week in ALL_WEEKS for day in range(4) if 7 * week + day < 2]
    actual = left_on(d, t, right, t.nights(nights, 17, 8), size)
    waste = wasted("Supply fan", Recurrence.WEEKLY, t, actual, right)
    truth = Truth(
        "On through the nights of all weeks before, and of Monday and Tuesday; off since Wednesday. It recurred; it "
        "may be mended. A report may tell what this week lost, or that it ended.",
        (Waste(waste.meter, waste.recurrence, waste.kwh, 0.0),),
    )
    kw = {"Supply fan": actual, "Lights": d.used(t, hours, 0.5, 9)}
    return build(d, "Nights on, mended on Wednesday", t, kw, truth, hours.toml(), judges=("total", "change"))


def shop_window(seed: int) -> MadeUpSite:
    d = Draw(seed, "shop_window")
    t, hours = d.time(), Opening.on(range(6), 9.5, 19)
    window = t.switched(t.between(7, d.between(25, 26, 0.5) - 24), d.between(2.5, 5), 0.02, 0.01)
    kw = {"Window lights": window, "Sales floor": d.used(t, hours, 0.5, 10)}
    truth = Truth(
        "From seven in the morning to after one at night, on every day, Sundays too: a window that is meant to be "
        "seen, or a time switch that nobody thought about. A question.",
        (Waste("Window lights", Recurrence.ASKED, t.kwh(window, t.is_week & ~hours.mask(t)), 0.0),),
    )
    return build(d, "Shop window", t, kw, truth, hours.toml())


# New this week ----------------------------------------------------------------------------------------------------


def starts_at_four(seed: int) -> MadeUpSite:
    d = Draw(seed, "starts_at_four")
    t, hours = d.time(weeks_before=10), Opening.on(WORKDAYS, 8, 18)
    size = d.between(14, 26)
    right = t.switched(hours.mask(t, 1.0), size, 0.4, 0.02)
    actual = np.where(t.since(0) & hours.mask(t, 4.0) & ~hours.mask(t, 1.0), size * t.wander(0.02), right)
    truth = Truth(
        "Since Monday it starts at four instead of at seven, on each working day, in air as in the weeks before: five "
        "times three hours, worth this week's money.",
        (wasted("Air handler", Recurrence.NEW, t, actual, right),),
        must_find=("Air handler",),
    )
    kw = {"Air handler": actual, "Lights": d.used(t, hours, 0.5, 9), "Sockets": d.used(t, hours, 1, 6)}
    return build(
        d,
        "Air handler that starts at four",
        t,
        kw,
        truth,
        hours.toml(),
        judges=("total", "change"),
        temp_c=usual_air(d, t),
    )


def three_separate_nights(seed: int) -> MadeUpSite:
    d = Draw(seed, "three_separate_nights")
    t, hours = d.time(intervals=(15, 60), weeks_before=9), d.office_hours()
    size = d.between(7, 16)
    right = d.used(t, hours, 0.3, size)
    actual = left_on(d, t, right, t.nights([0, 2, 4], 17, 8), size)
    truth = Truth(
        "On in three nights of this week with rest between them, and in none of the weeks before: new.",
        (wasted("Lights floor 4", Recurrence.NEW, t, actual, right),),
        must_find=("Lights floor 4",),
    )
    floor = d.used(t, hours, 0.3, size)
    kw = {"Main": actual + floor + 2.0 * t.wander(0.02), "Lights floor 3": floor, "Lights floor 4": actual}
    parents = dict.fromkeys(("Lights floor 3", "Lights floor 4"), "Main")
    return build(
        d,
        "Three separate nights",
        t,
        kw,
        truth,
        hours.toml(),
        parents=parents,
        judges=("total", "change"),
        temp_c=usual_air(d, t),
    )


def asked_and_raised(seed: int) -> MadeUpSite:
    d = Draw(seed, "asked_and_raised")
    t, hours = d.time(weeks_before=10), d.office_hours()
    level, day = d.between(3.5, 6), int(d.pick((0, 1)))
    usual = t.steady(level, 0.01)
    pump = usual * np.where(t.since(day, 13), d.between(1.7, 2.1), 1.0)
    asked = t.kwh(usual, t.is_week & ~hours.mask(t))
    truth = Truth(
        "A pump that runs around the clock in all weeks, which is a question; and since a day of this week it draws "
        "nearly twice as much, which is new.",
        (
            Waste("Circulation pump", Recurrence.ASKED, asked, 0.3 * asked),
            Waste("Circulation pump", Recurrence.NEW, t.kwh(pump - usual), 0.0),
        ),
        must_name=("Circulation pump",),
    )
    kw = {"Circulation pump": pump, "Lights": d.used(t, hours, 0.5, 9)}
    return build(
        d,
        "Pump that runs always, and now twice",
        t,
        kw,
        truth,
        hours.toml(),
        judges=("total", "change"),
    )


def closure_left_on(seed: int) -> MadeUpSite:
    d = Draw(seed, "closure_left_on")
    t, hours = d.time(weeks_before=9), Opening.on(WORKDAYS, 7, 16)
    closed = t.on_days(0, 1, 2, 3, 4)
    size = d.between(9, 18)
    running = t.switched(hours.mask(t, 0.5, 0.5), size, 0.4, 0.02)
    right = shut(t, running, closed, 0.4)
    kw = {
        "Paint shop air": running,
        "Presses": shut(t, d.used(t, hours, 2, 35), closed, 2),
        "Lights": shut(t, d.used(t, hours, 0.4, 7), closed, 0.4),
    }
    toml = hours.toml() + exception_toml(t.date_of(0), t.date_of(4), reason="works holiday")
    truth = Truth(
        "Closed for the week, as named: presses and lights are off, and one air handler runs its program on five "
        "days. This week only.",
        (wasted("Paint shop air", Recurrence.NEW, t, running, right),),
        is_comparable=False,
        must_find=("Paint shop air",),
        not_a_word=("Turn Presses", "Let Presses"),
    )
    return build(d, "Left on in a closed week", t, kw, truth, toml, judges=("total",), temp_c=usual_air(d, t))


def never_off_hours_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "never_off_hours_not_named")
    t, hours = d.time(weeks_before=8), Opening.on(WORKDAYS, 7, 18)
    size = d.between(8, 18)
    right = d.fan(t, hours, size)
    actual = left_on(d, t, right, t.since(int(d.pick((0, 1))), 17), size)
    new = wasted("Exhaust fan", Recurrence.NEW, t, actual, right)
    truth = Truth(
        "Nobody named hours; but the fan rested on every night of the weeks before and on none since an evening of "
        "this week. That it is new does not hang on the hours; that it is waste does.",
        (Waste(new.meter, new.recurrence, new.kwh, 0.0),),
        must_find=("Exhaust fan",),
    )
    kw = {"Exhaust fan": actual, "Lights": d.used(t, hours, 0.5, 8)}
    return build(d, "Fan never off, hours not named", t, kw, truth, "", judges=("total", "change"))


# Once, or open ----------------------------------------------------------------------------------------------------


def both_pumps(seed: int) -> MadeUpSite:
    d = Draw(seed, "both_pumps")
    t, hours = d.time(intervals=(30, 60)), Opening.on(ALL_DAYS, 0, 24)
    size = d.between(5, 9)
    is_even = (t.day // 7) % 2 == 0
    spare = t.since(int(d.pick((0, 1, 2))), 10) & t.is_week
    first, second = t.switched(is_even, size, 0.02), t.switched(~is_even | spare, size, 0.02)
    truth = Truth(
        "Two pumps that take turns by the week, as duty and standby; this week both run. More flow may be needed, or "
        "the change-over failed: the size is known, the need is not.",
        (Waste("Pump B", Recurrence.OPEN, t.kwh(second, t.is_week & spare)),),
    )
    kw = {"Pump A": first, "Pump B": second, "House": d.used(t, Opening.on(ALL_DAYS, 6, 23), 6, 22)}
    return build(d, "Duty and standby pump, both on", t, kw, truth, hours.toml(), judges=("total",))


def storm_pump(seed: int) -> MadeUpSite:
    d = Draw(seed, "storm_pump")
    t, hours = d.time(), d.office_hours()
    size, day = d.between(6, 12), int(d.pick((1, 2, 4)))
    usual = t.bursts(np.ones(t.hour.size, dtype=bool), 6, 6, size, 0.05)
    pump = np.where(t.stretch(day, 15, day + 1, 11), size * t.wander(0.02), usual)
    truth = Truth(
        "A sump pump with a few short runs a day, and once twenty hours without a pause: rain, or a valve. It is over.",
        (wasted("Sump pump", Recurrence.ONCE, t, pump, usual),),
    )
    kw = {"Sump pump": pump, "Main": d.used(t, hours, 4, 22)}
    return build(d, "Sump pump in a storm", t, kw, truth, hours.toml(), judges=("total",))


def one_unit_on_a_holiday(seed: int) -> MadeUpSite:
    d = Draw(seed, "one_unit_on_a_holiday")
    place = d.place_in("US", "GB", "DE", "AU")
    monday, weekday = d.pick(holiday_weeks(place))
    t, hours = d.time(monday), Opening.on(WORKDAYS, 8, 18)
    size = d.between(9, 20)
    closed = closed_days(t, place)
    running = t.switched(hours.mask(t, 1.0), size, 0.4, 0.02)
    unit = np.where(closed & ~t.on_days(weekday), 0.4 * t.wander(0.03), running)
    right = np.where(closed, 0.4 * t.wander(0.03), running)
    light, plug = shut(t, d.used(t, hours, 0.5, 9), closed, 0.5), shut(t, d.used(t, hours, 1, 6), closed, 1.0)
    kw = {"Main": unit + light + plug + 1.0, "Air handler": unit, "Lights": light, "Sockets": plug}
    truth = Truth(
        "A named holiday: lights and sockets rest, and the air handler runs as on a working day. One day, once.",
        (wasted("Air handler", Recurrence.ONCE, t, unit, right),),
        must_find=("Air handler",),
    )
    parents = dict.fromkeys(("Air handler", "Lights", "Sockets"), "Main")
    return build(
        d,
        "One unit on a holiday",
        t,
        kw,
        truth,
        hours.toml(place),
        parents=parents,
        judges=("total",),
        temp_c=usual_air(d, t),
    )


def long_weekend_on(seed: int) -> MadeUpSite:
    d = Draw(seed, "long_weekend_on")
    place = d.place_in("US", "GB", "AU")
    weeks = [monday for monday, weekday in holiday_weeks(place) if weekday == 0]  # the holiday is a Monday
    t, hours = d.time(d.pick(weeks)), Opening.on(WORKDAYS, 8, 18)
    size = d.between(6, 14)
    right = shut(t, d.used(t, hours, 0.4, size), closed_days(t, place), 0.4)
    actual = left_on(d, t, right, t.stretch(-3, 17, 1, 8), size)
    truth = Truth(
        "On from Friday to Tuesday over a long weekend, of which Monday lies in this week: one stretch, once.",
        (wasted("Lights", Recurrence.ONCE, t, actual, right),),
        must_find=("Lights",),
    )
    kw = {"Lights": actual, "Sockets": shut(t, d.used(t, hours, 1, 6), closed_days(t, place), 1.0)}
    return build(
        d,
        "On over a long weekend",
        t,
        kw,
        truth,
        hours.toml(place),
        judges=("total",),
        temp_c=usual_air(d, t),
    )


def up_and_back(seed: int) -> MadeUpSite:
    d = Draw(seed, "up_and_back")
    t, hours = d.time(), d.office_hours()
    extra, day = d.between(5, 9), int(d.pick((0, 1)))
    right = d.used(t, hours, 4, 24, sd=0.015)
    actual = right + extra * t.stretch(day, 10, day + 2, d.between(14, 17, 1))
    truth = Truth(
        "Some kilowatts more for two days and nights, and then as before: a heater, a pump, a guest. One stretch.",
        (wasted("Main", Recurrence.ONCE, t, actual, right),),
        must_find=("Main",),
    )
    return build(d, "Up for two days, and back", t, {"Main": actual}, truth, hours.toml(), judges=("total", "change"))


SCENARIOS = (
    friday_nights,
    every_second_weekend,
    hood_forgotten,
    fan_runs_on_past_the_people,
    air_left_pressurized,
    sterilizer_hot_at_night,
    closed_mondays,
    cooled_at_night_in_summer,
    yard_lights_by_day,
    nights_over_clock_change,
    workshop_saturday_afternoons,
    day_lights_of_a_night_plant,
    two_units_by_turns,
    hourly_escalator,
    nights_behind_solar,
    waste_in_term_only,
    mended_on_wednesday,
    shop_window,
    starts_at_four,
    three_separate_nights,
    asked_and_raised,
    closure_left_on,
    never_off_hours_not_named,
    both_pumps,
    storm_pump,
    one_unit_on_a_holiday,
    long_weekend_on,
    up_and_back,
)
