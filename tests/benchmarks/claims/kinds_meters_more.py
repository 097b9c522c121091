"""More kinds of generation, meters, failures and peaks. They were held out once, and are open now."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import WORKDAYS, Draw, Opening, build
from benchmarks.claims.kinds_changes import DEMAND
from benchmarks.claims.kinds_generation import BRIGHT
from benchmarks.claims.kinds_meters import ESTIMATED, frozen, silent
from benchmarks.claims.kinds_waste import left_on
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste

# Generation -------------------------------------------------------------------------------------------------------


def solar_metered_negative(seed: int) -> MadeUpSite:
    d = Draw(seed, "solar_metered_negative")
    d.place_in("US", "AU", "GB")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    load, made = d.used(t, hours, 6, 25), d.between(15, 35) * t.sunshine()
    toml = hours.toml() + '\n[channels."PV"]\nkind = "generation"\n'
    truth = Truth(
        "The plant's meter counts below zero what it makes; the main is net of it, and its sub-meter is below it.",
        total_kwh=t.kwh(load - made),
        other_total_kwh=(t.kwh(np.clip(load - made, 0, None)), t.kwh(load)),
        not_a_word=("PV", "reversed"),
    )
    kw = {"Main": load - made, "PV": -made}
    return build(d, "Solar metered below zero", t, kw, truth, toml, parents={"PV": "Main"}, judges=())


def sunny_after_dull(seed: int) -> MadeUpSite:
    d = Draw(seed, "sunny_after_dull")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    sun = t.sunshine() * np.where(t.is_week, 1.0, 0.35)
    net = d.used(t, hours, 5, 20) - d.between(20, 30) * sun
    truth = Truth(
        "Draws far less than in the dull weeks before, and feeds back at noon: the sun. Nothing failed, nothing is "
        "saved.",
        other_total_kwh=(t.kwh(np.clip(net, 0, None)),),
        not_a_word=("failed", "reversed", "Turn Main", "Let Main"),
    )
    return build(d, "A sunny week after dull ones", t, {"Main": net}, truth, hours.toml(), judges=("total",))


def base_step_behind_solar(seed: int) -> MadeUpSite:
    d = Draw(seed, "base_step_behind_solar")
    d.place_in("US", "DE")
    t, hours = d.time(months=BRIGHT), d.office_hours()
    extra = d.between(4, 7) * t.since(0, 12)
    right = d.used(t, hours, 5, 20, sd=0.015) - 18 * t.sunshine()
    truth = Truth(
        "Every night since Monday lies some kilowatts above all nights before; by day the sun hides it.",
        (Waste("Main", Recurrence.NEW, t.kwh(extra), 0.0),),
        other_total_kwh=(t.kwh(np.clip(right + extra, 0, None)),),
        must_name=("Main",),
    )
    return build(d, "Base load up behind solar", t, {"Main": right + extra}, truth, hours.toml(), judges=("total",))


# Meters -----------------------------------------------------------------------------------------------------------


def divided_by_ten(seed: int) -> MadeUpSite:
    d = Draw(seed, "divided_by_ten")
    t, hours = d.time(), d.office_hours()
    fan, machines = d.fan(t, hours, 9), d.used(t, hours, 3, d.between(20, 35))
    wrong = machines / np.where(t.since(int(d.pick((1, 2))), 13), 10.0, 1.0)
    truth = Truth(
        "A tenth of what it showed, from one interval to the next, with the same profile: a factor was lost. What was "
        "used is ten times what is counted since.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        must_name=("Machines",),
        needs_at_least=True,
    )
    kw, real = {"Fan": fan, "Machines": wrong}, {"Machines": machines}
    return build(d, "A meter ÷ 10", t, kw, truth, hours.toml(), real=real, judges=("total", "change"))


def dead_at_zero(seed: int) -> MadeUpSite:
    d = Draw(seed, "dead_at_zero")
    t, hours = d.time(), d.shop_hours()
    racks, day = t.cycling(d.between(12, 20), 5, 20, 10), int(d.pick((0, 1, 2)))
    gone, floor = t.stretch(day, 9, day + 3, 15), d.used(t, hours, 1, 10)
    truth = Truth(
        "Exactly nothing for three days, on racks that never drew less than five kilowatts: the meter is dead, or the "
        "goods are lost. It has to be told; the total may count it as it is, or estimated.",
        total_tolerance=ESTIMATED,
        other_total_kwh=(t.kwh(np.where(gone, 0.0, racks) + floor),),
        may_lack_change=True,
        needs_at_least=True,
        must_name=("Racks",),
    )
    kw, real = {"Racks": np.where(gone, 0.0, racks), "Sales floor": floor}, {"Racks": racks}
    return build(d, "A meter at zero for three days", t, kw, truth, hours.toml(), real=real, judges=("total",))


def reversed_transformer(seed: int) -> MadeUpSite:
    d = Draw(seed, "reversed_transformer")
    t, hours = d.time(), d.office_hours()
    fan, light = d.fan(t, hours, 9), d.used(t, hours, 0.6, 8)
    wrong = light * np.where(t.since(int(d.pick((1, 2, 3))), 10), -1.0, 1.0)
    truth = Truth(
        "The same profile below zero since one moment, on lights: its transformer was turned round. The main is right.",
        must_name=("Lights",),
        not_a_word=("Turn Lights", "Let Lights"),
    )
    kw = {"Main": fan + light + d.used(t, hours, 2, 8), "Fan": fan, "Lights": wrong}
    return build(
        d, "A transformer turned round", t, kw, truth, hours.toml(), parents=dict.fromkeys(("Fan", "Lights"), "Main")
    )


def clock_of_a_meter_off(seed: int) -> MadeUpSite:
    d = Draw(seed, "clock_of_a_meter_off")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 18)
    right = t.switched(hours.mask(t, 0.5, 0.5), d.between(6, 12), 0.3)
    steps = round(1 / t.interval_h) * int(d.pick((-1, 1)))
    fan = np.where(t.since(0), np.roll(right, steps), right)
    truth = Truth(
        "One meter runs an hour early, or late, since Monday, and the others do not: its clock is off. What seems to "
        "run outside the hours does not.",
        (Waste("Fan", Recurrence.OPEN, t.kwh(np.where(hours.mask(t, 0.5, 0.5), 0.0, fan - 0.3))),),
    )
    kw = {"Fan": fan, "Lights": d.used(t, hours, 0.5, 7), "Sockets": d.used(t, hours, 1, 5)}
    return build(d, "A meter whose clock is off", t, kw, truth, hours.toml(), judges=("total", "change"))


def replaced_meter(seed: int) -> MadeUpSite:
    d = Draw(seed, "replaced_meter")
    t, hours = d.time(), d.office_hours()
    load = d.used(t, hours, 5, d.between(18, 35))
    swap = t.since(int(d.pick((1, 2))), 11)
    truth = Truth(
        "One meter ends and another begins in the same interval, at the same level: it was replaced. Together they "
        "are the site; the old one does not owe anything.",
        may_lack_change=True,
        total_tolerance=ESTIMATED,
    )
    kw = {"Main (old)": silent(load, swap), "Main (new)": silent(load, ~swap)}
    real = {"Main (old)": np.where(swap, 0.0, load), "Main (new)": np.where(swap, load, 0.0)}
    return build(d, "A meter that was replaced", t, kw, truth, hours.toml(), real=real, judges=("total",))


def old_fault_then_dead(seed: int) -> MadeUpSite:
    d = Draw(seed, "old_fault_then_dead")
    t, hours = d.time(), d.office_hours()
    right = d.used(t, hours, 4, d.between(12, 20))
    load = frozen(t, right, t.stretch(-16, 9, -14, 15))
    load = np.where(t.stretch(2, 9, 5, 9), 0.0, load)
    truth = Truth(
        "Stood still for two days some weeks ago, and shows nothing for three days now, where it never drew less than "
        "three kilowatts: dead, whatever it did then.",
        total_tolerance=ESTIMATED,
        other_total_kwh=(t.kwh(load + 2.0),),
        may_lack_change=True,
        needs_at_least=True,
        must_name=("Panel A",),
    )
    kw = {"Panel A": load, "Server": 2.0 * t.wander(0.01)}
    return build(
        d, "A dead meter with an old fault", t, kw, truth, hours.toml(), real={"Panel A": right}, judges=("total",)
    )


def power_cut(seed: int) -> MadeUpSite:
    d = Draw(seed, "power_cut")
    t, hours = d.time(), d.office_hours()
    day, start = int(d.pick((1, 2, 3))), d.between(9, 12, 1)
    off = t.stretch(day, start, day, start + d.between(2, 4, 1))
    kw = {
        "Fan": np.where(off, 0.0, d.fan(t, hours, 9)),
        "Lights": np.where(off, 0.0, d.used(t, hours, 0.6, 8)),
        "Sockets": np.where(off, 0.0, d.used(t, hours, 1.5, 6)),
    }
    truth = Truth(
        "Every meter at zero in the same hours of a working day: the power was out. What was used is as metered."
    )
    return build(d, "A power cut", t, kw, truth, hours.toml(), judges=("total", "next"))


def meter_silent_all_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "meter_silent_all_week")
    t, hours = d.time(), d.office_hours()
    fan = d.fan(t, hours, 8)
    main = fan + d.used(t, hours, 4, 20)
    truth = Truth("A sub-meter has been silent since before the week; the main is whole, and so is the total.",
                  must_name=("Fan",))  # fmt: skip
    kw = {"Main": main, "Fan": silent(fan, t.since(-2, 8))}
    return build(d, "A sub-meter that is silent", t, kw, truth, hours.toml(), parents={"Fan": "Main"})


# Failures, steps and peaks ----------------------------------------------------------------------------------------


def freezer_fails(seed: int) -> MadeUpSite:
    d = Draw(seed, "freezer_fails")
    t, hours = d.time(), d.shop_hours()
    freezer = t.cycling(d.between(6, 12), 0.4, 20, 12)
    freezer = np.where(t.since(int(d.pick((4, 5))), 15), 0.35 * t.wander(0.01), freezer)
    truth = Truth(
        "Only its electronics since Friday or Saturday: the freezer stands, and the goods thaw.",
        must_name=("Freezer 3",),
    )
    kw = {"Freezer 3": freezer, "Sales floor": d.used(t, hours, 1, 12)}
    return build(d, "A freezer that failed", t, kw, truth, hours.toml(), judges=("total",))


def step_down(seed: int) -> MadeUpSite:
    d = Draw(seed, "step_down")
    t, hours = d.time(), d.office_hours()
    load = d.used(t, hours, 5, d.between(18, 35), sd=0.015) * np.where(t.since(1), 0.7, 1.0)
    truth = Truth(
        "Three tenths down since Tuesday, by day and by night alike: one step, and no waste.", must_find=("Main",)
    )
    return build(d, "One step down", t, {"Main": load}, truth, hours.toml(), judges=("total", "change"))


def base_creeps_up(seed: int) -> MadeUpSite:
    d = Draw(seed, "base_creeps_up")
    t, hours = d.time(weeks_before=10), d.office_hours()
    extra = 0.45 * np.clip(t.day + 42, 0, None) / 7
    right = d.used(t, hours, 3, 16, sd=0.015)
    truth = Truth(
        "Half a kilowatt more in each week, by night and by day, since six weeks: something is added, week by week. "
        "How much of it could go, the data do not say.",
        (Waste("Main", Recurrence.OPEN, t.kwh(extra * np.ones(t.hour.size))),),
    )
    return build(d, "Base load that creeps up", t, {"Main": right + extra}, truth, hours.toml(), judges=("total",))


def staggering_pays(seed: int) -> MadeUpSite:
    d = Draw(seed, "staggering_pays")
    t, hours = d.time(intervals=(15,)), Opening.on(WORKDAYS, 8, 18)
    start = (t.weekday < 5) & t.between(8, 8.5)
    kw = {
        "Chiller": t.switched(hours.mask(t), 20, 0.5) + 45 * start,
        "Kiln": t.switched(hours.mask(t), 12, 0.3) + 35 * start,
        "Lights": d.used(t, hours, 0.5, 7),
    }
    truth = Truth(
        "Two machines start at eight together on a tariff with demand: to part them saves charges, no energy."
    )
    return build(
        d,
        "Machines that start together, demand tariff",
        t,
        kw,
        truth,
        hours.toml() + DEMAND,
        judges=("total", "change", "peak", "next"),
    )


def two_weeks_with_nights(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_weeks_with_nights")
    t, hours = d.time(weeks_before=2), d.office_hours()
    right = d.used(t, hours, 0.4, d.between(7, 12))
    nights = [7 * week + day for week in (-2, -1, 0) for day in (0, 2, 3)]
    actual = left_on(d, t, right, t.nights(nights, 17, 8), float(np.quantile(right, 0.95)))
    truth = Truth(
        "Three nights of each of three weeks, which is all the history there is: it recurs as far as can be seen; a "
        "report may sign it, or wait.",
        (Waste("Lights", Recurrence.WEEKLY, t.kwh(actual - right), 0.0),),
    )
    kw = {"Lights": actual, "Sockets": d.used(t, hours, 1, 5)}
    return build(d, "Nights on, with two weeks of history", t, kw, truth, hours.toml(), judges=("total",))


SCENARIOS = (
    solar_metered_negative,
    sunny_after_dull,
    base_step_behind_solar,
    divided_by_ten,
    dead_at_zero,
    reversed_transformer,
    clock_of_a_meter_off,
    replaced_meter,
    old_fault_then_dead,
    power_cut,
    meter_silent_all_week,
    freezer_fails,
    step_down,
    base_creeps_up,
    staggering_pays,
    two_weeks_with_nights,
)
