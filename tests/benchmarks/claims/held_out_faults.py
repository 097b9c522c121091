"""Held-out kinds: generation, meters, failures and gaps. Do not look here while tuning an analysis."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build
from benchmarks.claims.held_out_common import some_days, usual_air
from benchmarks.claims.kinds_changes import DEMAND
from benchmarks.claims.kinds_generation import BRIGHT
from benchmarks.claims.kinds_meters import ESTIMATED, frozen, silent
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste
from benchmarks.claims.timeline import Kw, Timeline


def _kind(meter: str, kind: str) -> str:
    """Return the entry of a site file that says what a meter measures."""
    return f'\n[channels."{meter}"]\nkind = "{kind}"\n'


def _imported(t: Timeline, net: Kw) -> float:
    """Return the energy that a main drew from the grid."""
    return t.kwh(np.clip(net, 0, None))


# Generation -------------------------------------------------------------------------------------------------------


def battery_and_solar(seed: int) -> MadeUpSite:
    d = Draw(seed, "battery_and_solar")
    d.place_in("US", "AU", "DE")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    load, made = d.used(t, hours, 6, 24), d.between(20, 35) * t.sunshine()
    power = d.between(5, 9)
    store = np.where(t.between(11, 15), power, np.where(t.between(18, 22), -0.9 * power, 0.1)) * t.wander(0.03)
    net = load - made + store
    truth = Truth(
        "Stores the noon and gives it back in the evening, both named: the main is net of plant and battery.",
        total_kwh=t.kwh(net),
        other_total_kwh=(_imported(t, net), t.kwh(load), t.kwh(load + store)),
        not_a_word=("Turn Solar", "Turn Battery", "Let Solar", "Let Battery", "reversed"),
    )
    toml = hours.toml() + _kind("Solar", "generation") + _kind("Battery", "storage") + _kind("Main", "main")
    kw = {"Main": net, "Solar": made, "Battery": store}
    return build(d, "Battery and solar", t, kw, truth, toml, judges=())


def cogeneration_stops(seed: int) -> MadeUpSite:
    d = Draw(seed, "cogeneration_stops")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    load = d.between(45, 70) * (1 + 0.3 * t.between(6, 21)) * t.by_day(0.03) * t.wander(0.03, 1)
    day = int(d.pick((1, 2)))
    runs = t.between(6, 22) & ~t.stretch(day, 10, day + 2, 12)
    made = t.switched(runs, 20, 0.0, 0.02)
    net = load - made
    truth = Truth(
        "The engine makes twenty kilowatts from six to ten on each day, and stood still for two days of this week: the "
        "main drew what it did not make. A failure of the engine, no waste.",
        total_kwh=t.kwh(net),
        other_total_kwh=(t.kwh(load),),
        not_a_word=("Turn Main", "Let Main", "Turn CHP", "Let CHP"),
    )
    toml = hours.toml() + _kind("CHP", "generation")
    return build(d, "Cogeneration that stops", t, {"Main": net, "CHP": made}, truth, toml, judges=())


def inverter_out(seed: int) -> MadeUpSite:
    d = Draw(seed, "inverter_out")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=(4, 5, 6, 7, 8)), d.office_hours()
    day = int(d.pick((0, 1, 2)))
    load, made = d.used(t, hours, 6, 24), d.between(15, 25) * t.sunshine()
    made = np.where(t.stretch(day, 0, day + 4, 0), 0.0, made)
    net = load - made
    truth = Truth(
        "Four whole days of summer without a watt from the roof, where no day before had none: it is off. A loss of "
        "sun, no waste of load.",
        total_kwh=t.kwh(net),
        other_total_kwh=(_imported(t, net), t.kwh(load)),
        must_find=("Roof plant",),
        not_a_word=("Turn Main", "Let Main", "Turn Roof", "Let Roof"),
    )
    toml = hours.toml() + _kind("Roof plant", "generation") + _kind("Main", "main")
    return build(d, "Solar plant that is off", t, {"Main": net, "Roof plant": made}, truth, toml, judges=())


def wind_turbine(seed: int) -> MadeUpSite:
    d = Draw(seed, "wind_turbine")
    t, hours = d.time(), d.office_hours()
    load = d.used(t, hours, 8, 24)
    made = d.between(10, 16) * np.clip(t.wander(0.9, 18) - 0.4, 0, 1)
    net = load - made
    truth = Truth(
        "A turbine that makes power whenever the wind blows, by night too, named as generation: the main falls below "
        "zero at any hour.",
        total_kwh=t.kwh(net),
        other_total_kwh=(_imported(t, net), t.kwh(load)),
        not_a_word=("Turn Wind", "Let Wind", "Turn Main", "Let Main", "reversed"),
    )
    toml = hours.toml() + _kind("Wind turbine", "generation") + _kind("Main", "main")
    return build(d, "Wind turbine", t, {"Main": net, "Wind turbine": made}, truth, toml, judges=(), has_power=True)


# Meters -----------------------------------------------------------------------------------------------------------


def transformer_lost_below_main(seed: int) -> MadeUpSite:
    d = Draw(seed, "transformer_lost_below_main")
    t, hours = d.time(), d.office_hours()
    machines = d.used(t, hours, 5, d.between(24, 40), sd=0.015)
    fan, rest = d.fan(t, hours, 7), d.used(t, hours, 1.5, 5, sd=0.015)
    shown = machines * np.where(t.since(int(d.pick((1, 2))), 11), 2 / 3, 1.0)
    truth = Truth(
        "One sub-meter shows two thirds of what it did since one moment, by day and night, and the main goes on as "
        "ever: a current transformer of three is out. The total is the main's.",
        must_find=("Machines",),
        not_a_word=("Turn Machines", "Let Machines"),
    )
    kw = {"Main": machines + fan + rest, "Machines": shown, "Fan": fan}
    parents = dict.fromkeys(("Machines", "Fan"), "Main")
    return build(d, "A transformer lost below the main", t, kw, truth, hours.toml(), parents=parents)


def labels_swapped(seed: int) -> MadeUpSite:
    d = Draw(seed, "labels_swapped")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 18)
    fridge, light = t.cycling(d.between(4, 6), 0.3, 14, 10), d.used(t, hours, 0.4, d.between(9, 14))
    swap = t.since(int(d.pick((0, 1))), 11)
    outside = t.is_week & swap & ~hours.mask(t)
    truth = Truth(
        "Since one moment each of two meters shows the other's profile: somebody swapped them. Together they are as "
        "ever; the lights do not run at night.",
        (Waste("Lights", Recurrence.OPEN, t.kwh(fridge, outside)),),
    )
    kw = {
        "Lights": np.where(swap, fridge, light),
        "Cold room": np.where(swap, light, fridge),
        "Sockets": d.used(t, hours, 1, 5),
    }
    return build(d, "Two meters swapped", t, kw, truth, hours.toml())


def counted_twice(seed: int) -> MadeUpSite:
    d = Draw(seed, "counted_twice")
    t, hours = d.time(), d.office_hours()
    fan, light = d.fan(t, hours, 8), d.used(t, hours, 0.5, 7)
    rest = d.used(t, hours, 3, 15)
    main = fan + light + rest
    parents = dict.fromkeys(("Fan", "Lights", "Main (utility)"), "Main")
    truth = Truth("The utility's meter beside the site's own main, named as part of it: one building, counted once.")
    kw = {"Main": main, "Main (utility)": main * d.between(0.993, 0.997), "Fan": fan, "Lights": light}
    return build(d, "A main with a second meter", t, kw, truth, hours.toml(), parents=parents)


def pulses_of_a_kwh(seed: int) -> MadeUpSite:
    d = Draw(seed, "pulses_of_a_kwh")
    t, hours = d.time(intervals=(5,), weeks_before=6), d.office_hours()
    kw = {}
    for name, off_kw, on_kw in (("Lights", 0.5, d.between(7, 12)), ("Workshop", 2.0, d.between(10, 18))):
        counted = np.floor(np.cumsum(d.used(t, hours, off_kw, on_kw) * t.interval_h))
        kw[name] = np.diff(counted, prepend=0.0) / t.interval_h
    truth = Truth(
        "Meters that count whole kilowatt-hours: nothing, nothing, twelve kilowatts, nothing. The energies are right, "
        "and no five minutes are a peak."
    )
    return build(d, "Meters with coarse pulses", t, kw, truth, hours.toml())


def dropouts_as_zeros(seed: int) -> MadeUpSite:
    d = Draw(seed, "dropouts_as_zeros")
    t = d.time(intervals=(15,))
    hours = Opening.on(ALL_DAYS, 8, 20)
    main = d.used(t, hours, 6, d.between(20, 35))
    dropped = d.rng.random(t.hour.size) < 0.02
    shown = np.where(dropped, 0.0, main)
    truth = Truth(
        "Single quarter-hours of nothing, two in a hundred and at any time, on a main that never draws less than five "
        "kilowatts: the logger writes zero where it heard nothing. No load went out.",
        total_tolerance=ESTIMATED,
        other_total_kwh=(t.kwh(shown),),
        may_lack_change=True,
        not_a_word=("Turn Main", "Let Main", "power cut"),
    )
    return build(d, "Dropouts written as zero", t, {"Main": shown}, truth, hours.toml(), real={"Main": main})


def impossible_interval(seed: int) -> MadeUpSite:
    d = Draw(seed, "impossible_interval")
    t, hours = d.time(intervals=(15,)), d.office_hours()
    load = d.used(t, hours, 4, d.between(15, 28))
    day, hour = int(d.pick((1, 2, 3))), d.between(1, 5, 1)
    wrong = np.where(t.stretch(day, hour, day, hour + 0.25), d.between(2200, 3800), load)
    truth = Truth(
        "One quarter-hour of thousands of kilowatts, at night, on a meter of twenty: a counter's slip. It is in no "
        "total and is no peak.",
        may_lack_change=True,
        must_find=("Main",),
        peak_kw=float(load[t.is_week].max()),
    )
    toml = hours.toml() + DEMAND
    return build(d, "One impossible interval", t, {"Main": wrong}, truth, toml, real={"Main": load})


def gap_of_five_weeks(seed: int) -> MadeUpSite:
    d = Draw(seed, "gap_of_five_weeks")
    t, hours = d.time(weeks_before=12), d.office_hours()
    gap = t.is_past & (t.day >= -42) & (t.day < -7)
    whole = {"Fan": d.fan(t, hours, 9), "Lights": d.used(t, hours, 0.5, 8), "Sockets": d.used(t, hours, 1, 6)}
    kw = {name: silent(values, gap) for name, values in whole.items()}
    truth = Truth(
        "Five weeks without any reading, then one week and this one, which are like those before the gap.",
        change_pct=0.0,
        may_lack_change=True,
    )
    return build(d, "A gap of five weeks", t, kw, truth, hours.toml(), real=whole, judges=("total", "next"))


def gateway_off_at_weekends(seed: int) -> MadeUpSite:
    d = Draw(seed, "gateway_off_at_weekends")
    t, hours = d.time(weeks_before=9), Opening.on(WORKDAYS, 7, 17)
    off = ((t.weekday == 4) & (t.hour >= 18)) | (t.weekday >= 5) | ((t.weekday == 0) & (t.hour < 6))
    whole = {"Machines": d.used(t, hours, 1.5, d.between(20, 40)), "Lights": d.used(t, hours, 0.3, 7)}
    kw = {name: silent(values, off) for name, values in whole.items()}
    truth = Truth(
        "No reading from Friday evening to Monday morning, in any week: somebody switches the gateway off with the "
        "lights. What the weekends hold nobody has ever seen; what was seen is as usual.",
        other_total_kwh=(sum(t.kwh(values) for values in kw.values()),),
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        needs_at_least=True,
    )
    return build(d, "A gateway that is off at weekends", t, kw, truth, hours.toml(), real=whole, judges=("total",))


def retired_meter_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "retired_meter_named")
    t, hours = d.time(weeks_before=9), d.office_hours()
    gone = t.since(-int(d.pick((9, 10, 11))))
    main, old = d.used(t, hours, 4, 22), d.fan(t, hours, 5)
    last = t.date_of(int(t.day[np.flatnonzero(gone)[0]]) - 1)
    toml = hours.toml() + f'\n[channels."Old roof unit"]\nuntil = {last}\n'
    truth = Truth(
        "A unit was taken down with its meter in the week before last, as the site's file says: it owes nothing.",
        not_a_word=("Turn Old", "Let Old", "silent", "failed"),
    )
    kw = {"Main": main + np.where(gone, 0.0, old), "Old roof unit": silent(old, gone)}
    return build(
        d, "A retired meter, named", t, kw, truth, toml, parents={"Old roof unit": "Main"}, judges=("total", "next")
    )


def factor_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "factor_named")
    t, hours = d.time(), d.office_hours()
    factor = d.pick((10, 20, 40))
    load, light = d.used(t, hours, 6, d.between(25, 45)), d.used(t, hours, 0.5, 7)
    toml = hours.toml() + f'\n[channels."Main board"]\nunit_factor = {factor}\n'
    truth = Truth("The readings of one meter are to be multiplied, as its operator says: the real use is what counts.")
    kw = {"Main board": load / factor, "Lights annex": light}
    return build(d, "A factor that is named", t, kw, truth, toml, real={"Main board": load})


def main_stuck_parts_whole(seed: int) -> MadeUpSite:
    d = Draw(seed, "main_stuck_parts_whole")
    t, hours = d.time(), d.office_hours()
    parts = {"Fan": d.fan(t, hours, 8), "Lights": d.used(t, hours, 0.5, 8), "Machines": d.used(t, hours, 2, 18)}
    main = sum(parts.values(), np.zeros(t.hour.size)) * 1.01
    day = int(d.pick((0, 1)))
    stuck = frozen(t, main, t.stretch(day, 12, day + int(d.pick((2, 3))), 9))
    truth = Truth(
        "The main shows one value for two days, and its three parts, which hold all of it in all weeks, go on: what "
        "was used is known all the same.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        needs_at_least=True,
        must_name=("Main",),
        not_a_word=("Turn Main", "Let Main"),
    )
    parents = dict.fromkeys(parts, "Main")
    return build(
        d, "A main that stood still", t, {"Main": stuck, **parts}, truth, hours.toml(), parents=parents,
        real={"Main": main}, judges=("total", "next"),
    )  # fmt: skip


def logger_restarted_weekly(seed: int) -> MadeUpSite:
    d = Draw(seed, "logger_restarted_weekly")
    t, hours = d.time(intervals=(15, 30)), d.shop_hours()
    racks = t.cycling(d.between(8, 14), 3, 20, 10)
    gap = (t.weekday == 2) & t.between(2, 4)
    truth = Truth(
        "Two hours without a reading before dawn on each Wednesday: the logger is restarted. The rest is whole, and no "
        "machine was off.",
        total_tolerance=ESTIMATED,
        not_a_word=("failed", "Turn Racks", "Let Racks"),
    )
    kw = {"Racks": silent(racks, gap), "Sales floor": d.used(t, hours, 1, 12)}
    return build(d, "A logger that is restarted each week", t, kw, truth, hours.toml(), real={"Racks": racks})


# Failures and steps -----------------------------------------------------------------------------------------------


def oven_at_two_thirds(seed: int) -> MadeUpSite:
    d = Draw(seed, "oven_at_two_thirds")
    t, hours = d.time(), Opening.on(range(6), 4, 13)
    full = t.switched(hours.mask(t), d.between(24, 45), 0.4, 0.03)
    oven = full * np.where(t.since(int(d.pick((1, 2))), 3) & hours.mask(t), 0.66, 1.0)
    truth = Truth(
        "Two thirds of its power in all hours of work since a morning of this week, and as ever at rest: one element "
        "of three is out. Less energy, and nobody saved it.",
        must_find=("Deck oven",),
        not_a_word=("Turn Deck", "Let Deck"),
    )
    kw = {"Deck oven": oven, "Shop": d.used(t, Opening.on(range(6), 6, 18), 0.6, 6)}
    return build(d, "Oven at two thirds", t, kw, truth, hours.toml(), judges=("total", "change"))


def defrost_heater_stuck(seed: int) -> MadeUpSite:
    d = Draw(seed, "defrost_heater_stuck")
    t, hours = d.time(weeks_before=9), d.shop_hours()
    day, heater = int(d.pick((1, 2))), d.between(4, 7)
    cycle = t.cycling(d.between(5, 8), 0.3, 14, 16)
    right = cycle + heater * (t.between(3, 3.5) | t.between(15, 15.5))
    actual = np.where(t.since(day, 15), cycle + heater, right)
    new = t.kwh(actual - right)
    truth = Truth(
        "Some kilowatts lie under every interval since a defrost of this week that did not end: the heater heats what "
        "the compressor cools. New; the air is as before.",
        (Waste("Freezer", Recurrence.NEW, new, 0.4 * new),),
        must_name=("Freezer",),
    )
    kw = {"Freezer": actual, "Sales floor": d.used(t, hours, 1, 11)}
    return build(
        d, "Defrost that does not end", t, kw, truth, hours.toml(), judges=("total", "change"), temp_c=usual_air(d, t)
    )


def led_retrofit(seed: int) -> MadeUpSite:
    d = Draw(seed, "led_retrofit")
    t, hours = d.time(weeks_before=10), d.office_hours()
    light = d.used(t, hours, 0.5, d.between(12, 22)) * np.where(t.since(-17), 0.45, 1.0)
    truth = Truth(
        "Less than half of the light's power since two and a half weeks, in the same hours: new lamps. Nothing failed "
        "this week, and nothing is left to claim.",
        not_a_word=("failed", "Turn Lights", "Let Lights"),
    )
    kw = {"Lights": light, "Sockets": d.used(t, hours, 1.5, 7), "Fan": d.fan(t, hours, 6)}
    return build(d, "Office with new lamps", t, kw, truth, hours.toml(), judges=("total",))


def second_unit_takes_over(seed: int) -> MadeUpSite:
    d = Draw(seed, "second_unit_takes_over")
    t, hours = d.time(), Opening.on(ALL_DAYS, 0, 24)
    size, dead = d.between(6, 10), t.since(int(d.pick((1, 2))), 4)
    one, two, both = t.cycling(size, 0.2, 15, 15), t.cycling(size, 0.2, 15, 15), t.cycling(size, 0.2, 30, 3)
    truth = Truth(
        "One of two cooling units has been off since a morning of this week, where it never rested for an hour; the "
        "other runs for nearly all of the time and carries its load. A failure, no waste.",
        must_find=("CRAC 1",),
        not_a_word=("Turn CRAC", "Let CRAC"),
    )
    kw = {"CRAC 1": np.where(dead, 0.05 * t.wander(0.01), one), "CRAC 2": np.where(dead, both, two)}
    kw["Racks"] = t.steady(d.between(20, 40), 0.01)
    return build(d, "Second unit takes over", t, kw, truth, hours.toml(), judges=("total", "change"))


def fan_did_not_start(seed: int) -> MadeUpSite:
    d = Draw(seed, "fan_did_not_start")
    t, hours = d.time(intervals=(15, 60)), Opening.on(WORKDAYS, 8, 18)
    day = int(d.pick((1, 2)))
    off = t.stretch(day, 0, day + 2, 0)
    fan = np.where(off, 0.5 * t.wander(0.02), t.switched(hours.mask(t, 1.0), d.between(12, 24), 0.5, 0.02))
    truth = Truth(
        "On two working days the laboratory's exhaust drew its standby alone, while people and lights were there: it "
        "did not start. That is a risk.",
        must_name=("Exhaust",),
        not_a_word=("Turn Exhaust", "Let Exhaust"),
    )
    kw = {"Exhaust": fan, "Lights": d.used(t, hours, 0.5, 8), "Benches": d.used(t, hours, 1.5, 9)}
    return build(
        d, "Exhaust that did not start", t, kw, truth, hours.toml(), judges=("total", "change"), temp_c=usual_air(d, t)
    )


def two_causes_on_one_main(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_causes_on_one_main")
    t, hours = d.time(), d.office_hours()
    size = d.between(7, 12)
    right, heat = d.fan(t, hours, size), t.switched(hours.mask(t, 1.0), d.between(10, 16), 3.0, 0.04)
    nights = some_days(d, range(4), 2)
    fan = np.where(t.nights(nights, 17, 8), np.maximum(right, size * t.wander(0.02)), right)
    day = int(d.pick((1, 2)))
    kiln = np.where(t.stretch(day, 6, day + 2, 20), 0.1 * t.wander(0.02), heat)
    rest = d.used(t, hours, 2, 8)
    truth = Truth(
        "A fan is on through two nights of each week; and an oven that always holds its heat, which may be asked "
        "about, fell out for two and a half days, so that the main lies below its usual. The one does not undo the "
        "other.",
        (
            Waste("Fan", Recurrence.WEEKLY, t.kwh(fan - right)),
            Waste("Oven", Recurrence.ASKED, t.kwh(kiln, t.is_week & ~hours.mask(t)), 0.0),
        ),
        must_find=("Oven",),
    )
    kw = {"Main": fan + kiln + rest, "Fan": fan, "Oven": kiln}
    return build(
        d, "Waste and a failure at once", t, kw, truth, hours.toml(), parents=dict.fromkeys(("Fan", "Oven"), "Main"),
        judges=("total", "change"), temp_c=usual_air(d, t),
    )  # fmt: skip


def five_weeks_of_nights(seed: int) -> MadeUpSite:
    d = Draw(seed, "five_weeks_of_nights")
    t, hours = d.time(weeks_before=4), d.office_hours()
    size = d.between(6, 12)
    right = d.used(t, hours, 0.4, size)
    nights = some_days(d, range(4), 2)
    light = np.where(t.nights(nights, 17, 8), np.maximum(right, size * t.wander(0.02)), right)
    truth = Truth(
        "All the history there is are five weeks, with two nights on in each: it recurs, and the other nights show "
        "what rest is.",
        (Waste("Lights", Recurrence.WEEKLY, t.kwh(light - right)),),
    )
    kw = {"Lights": light, "Sockets": d.used(t, hours, 1, 6)}
    return build(d, "Nights on, in a short history", t, kw, truth, hours.toml(), temp_c=usual_air(d, t))


SCENARIOS = (
    battery_and_solar,
    cogeneration_stops,
    inverter_out,
    wind_turbine,
    transformer_lost_below_main,
    labels_swapped,
    counted_twice,
    pulses_of_a_kwh,
    dropouts_as_zeros,
    impossible_interval,
    gap_of_five_weeks,
    gateway_off_at_weekends,
    retired_meter_named,
    factor_named,
    main_stuck_parts_whole,
    logger_restarted_weekly,
    oven_at_two_thirds,
    defrost_heater_stuck,
    led_retrofit,
    second_unit_takes_over,
    fan_did_not_start,
    two_causes_on_one_main,
    five_weeks_of_nights,
)
