"""Failures, steps, drifts, peaks, and histories that are short or have holes."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste

DEMAND = '\n[tariff]\nname = "default_tou_demand"\n'


def heating_fails(seed: int) -> MadeUpSite:
    d = Draw(seed, "heating_fails")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(months=(11, 12, 1, 2)), d.office_hours()
    heat = t.switched(t.between(5, 20) & (t.weekday < 5), d.between(12, 25), d.between(6, 10), 0.1)
    day = int(d.pick((0, 1, 2)))
    heat = np.where(t.stretch(day, 11, day + 2, d.between(9, 18, 1)), 0.25, heat) * t.wander(0.01)
    truth = Truth(
        "Nothing for two days of winter, where it never was less than six kilowatts: it failed.",
        must_name=("Electric heating",),
    )
    kw = {"Electric heating": heat, "Everything else": d.used(t, hours, 3, 12)}
    return build(d, "Heating that failed for two days", t, kw, truth, hours.toml())


def lights_dead_by_day(seed: int) -> MadeUpSite:
    d = Draw(seed, "lights_dead_by_day")
    t, hours = d.time(), d.office_hours()
    light = d.used(t, hours, 0.3, d.between(10, 18))
    light = np.where(t.on_days(2, 3), 0.3 * t.wander(0.04), light)
    truth = Truth(
        "On two working days the lights drew what they draw at night: off, by a breaker or by somebody. That is news.",
        must_name=("Lights hall B",),
    )
    kw = {"Lights hall B": light, "Machines": d.used(t, hours, 3, 30)}
    return build(d, "Lights off on two working days", t, kw, truth, hours.toml())


def step_up(seed: int) -> MadeUpSite:
    d = Draw(seed, "step_up")
    t, hours = d.time(), d.office_hours()
    day, ratio = int(d.pick((1, 2))), d.between(1.22, 1.4)
    right = d.used(t, hours, 5, d.between(18, 35), sd=0.015)
    load = right * np.where(t.since(day), ratio, 1.0)
    truth = Truth(
        "Everything is a quarter to two fifths up since a day of this week, by day and by night alike: one step. It "
        "is new; whether it can be saved nobody can tell.",
        (Waste("Main", Recurrence.NEW, t.kwh(load - right), 0.0),),
        must_name=("Main",),
    )
    return build(d, "One step up", t, {"Main": load}, truth, hours.toml(), judges=("total", "change"))


def step_up_kw(seed: int) -> MadeUpSite:
    d = Draw(seed, "step_up_kw")
    t, hours = d.time(), d.office_hours()
    day, extra = int(d.pick((0, 1, 2))), d.between(4, 7)
    right = d.used(t, hours, 5, 22, sd=0.015)
    load = right + extra * t.since(day, 14)
    truth = Truth(
        "Some kilowatts more since an afternoon of this week, by day and night: something was added, or is left on.",
        (Waste("Distribution board", Recurrence.NEW, t.kwh(load - right), 0.0),),
        must_name=("Distribution board",),
    )
    return build(
        d, "Some kilowatts more", t, {"Distribution board": load}, truth, hours.toml(), judges=("total", "change")
    )


def filter_clogs(seed: int) -> MadeUpSite:
    d = Draw(seed, "filter_clogs")
    t, hours = d.time(weeks_before=8), d.office_hours()
    growth = 1.01 ** np.clip(t.day + 28, 0, None)
    right = d.fan(t, hours, d.between(6, 12))
    fan = right * growth
    truth = Truth(
        "A percent more on each day since four weeks, while it runs: a filter that clogs, or the season. It is in the "
        "hours of use, so how much of it can be saved is open.",
        (Waste("Supply fan", Recurrence.OPEN, t.kwh(fan - right)),),
    )
    kw = {"Supply fan": fan, "Everything else": d.used(t, hours, 4, 18)}
    return build(d, "A fan that draws more each day", t, kw, truth, hours.toml(), judges=("total",))


def peak_moves(seed: int) -> MadeUpSite:
    d = Draw(seed, "peak_moves")
    t, hours = d.time(intervals=(15,)), d.office_hours()
    extra, before, now = d.between(15, 30), d.between(13, 15, 1), d.between(9, 11, 1)
    work = t.weekday < 5
    load = d.used(t, hours, 5, 22)
    load = load + extra * (work & np.where(t.is_week, t.between(now, now + 1), t.between(before, before + 1)))
    truth = Truth("The hour of the daily peak moved; nothing was added and nothing can be saved.")
    return build(
        d,
        "A daily peak that moved",
        t,
        {"Main": load},
        truth,
        hours.toml() + DEMAND,
        judges=("total", "change", "peak"),
    )


def starts_together(seed: int) -> MadeUpSite:
    d = Draw(seed, "starts_together")
    t, hours = d.time(intervals=(15,)), Opening.on(WORKDAYS, 8, 18)
    start = (t.weekday < 5) & t.between(8, 8.5)
    chiller = t.switched(hours.mask(t), 20, 0.5) + 45 * start
    oven = t.switched(hours.mask(t), 10, 0.3) + 30 * start
    truth = Truth("Two machines start at eight on every working day, on a tariff without demand: it costs nothing.")
    return build(
        d, "Machines that start together, flat rate", t, {"Chiller": chiller, "Oven": oven}, truth, hours.toml()
    )


def one_tall_spike(seed: int) -> MadeUpSite:
    d = Draw(seed, "one_tall_spike")
    t, hours = d.time(intervals=(15,)), d.office_hours()
    load, day = d.used(t, hours, 5, 25), int(d.pick((1, 2, 3)))
    spike = t.on_days(day) & t.between(14, 14.5)
    actual = load + d.between(60, 90) * spike
    truth = Truth(
        "Half an hour of several times the usual, once: it sets the month's demand, and its energy is small.",
        (wasted("Main", Recurrence.ONCE, t, actual, load),),
    )
    return build(
        d, "One tall spike", t, {"Main": actual}, truth, hours.toml() + DEMAND, judges=("total", "change", "peak")
    )


def three_weeks_old(seed: int) -> MadeUpSite:
    d = Draw(seed, "three_weeks_old")
    t, hours = d.time(weeks_before=int(d.pick((1, 2, 3)))), d.office_hours()
    kw = {"Fan": d.fan(t, hours, 9), "Lights": d.used(t, hours, 0.5, 8)}
    truth = Truth("One to three weeks of history, all alike: nothing to claim.")
    return build(d, "A site of a few weeks", t, kw, truth, hours.toml(), judges=("total",))


def first_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "first_week")
    t, hours = d.time(weeks_before=0), d.office_hours()
    kw = {"Fan": d.fan(t, hours, 9), "Lights": d.used(t, hours, 0.5, 8)}
    truth = Truth("The first week there is: no usual, no change, no claim.", is_comparable=False)
    return build(d, "A site's first week", t, kw, truth, hours.toml(), judges=("total",))


def history_with_holes(seed: int) -> MadeUpSite:
    d = Draw(seed, "history_with_holes")
    t = d.time(weeks_before=11)
    hours = d.office_hours()
    whole = {"Fan": d.fan(t, hours, 9), "Main": d.used(t, hours, 4, 20)}
    lost = {name: t.is_past & np.isin(t.day, d.rng.choice(np.arange(-28, 0), 4, replace=False)) for name in whole}
    kw = {name: np.where(lost[name], np.nan, values) for name, values in whole.items()}
    truth = Truth("Some days of the weeks before are missing; this week is whole and as ever.", may_lack_change=True)
    return build(d, "A history with holes", t, kw, truth, hours.toml(), real=whole)


def lights_in_autumn(seed: int) -> MadeUpSite:
    d = Draw(seed, "lights_in_autumn")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(months=(9, 10), weeks_before=9), d.office_hours()
    light = d.used(t, hours, 0.5, 8) * (1 + 0.008 * np.clip(t.day + 35, 0, None))
    truth = Truth(
        "A little more light in every week of autumn, in the hours of use: the days grow shorter.",
        (Waste("Lights", Recurrence.OPEN, 0.1 * t.kwh(light)),),
    )
    return build(
        d,
        "Lights in autumn",
        t,
        {"Lights": light, "Sockets": d.used(t, hours, 1.5, 5)},
        truth,
        hours.toml(),
        judges=("total",),
    )


SCENARIOS = (
    heating_fails,
    lights_dead_by_day,
    step_up,
    step_up_kw,
    filter_clogs,
    peak_moves,
    starts_together,
    one_tall_spike,
    three_weeks_old,
    first_week,
    history_with_holes,
    lights_in_autumn,
)
