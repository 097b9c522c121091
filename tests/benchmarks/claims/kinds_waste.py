"""Equipment that runs while the building is closed: once, since a few days, in every week, or for a reason."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste
from benchmarks.claims.timeline import Kw, Mask, Timeline


def left_on(d: Draw, t: Timeline, right: Kw, when: Mask, on_kw: float) -> Kw:
    """Return `right`, but on in `when`."""
    return np.where(when, np.maximum(right, on_kw * t.wander(0.02)), right)


def one_night(seed: int) -> MadeUpSite:
    d = Draw(seed, "one_night")
    t, hours = d.time(), d.office_hours()
    size, day = d.between(8, 30), int(d.between(0, 3, 1))
    right = d.fan(t, hours, size)
    actual = left_on(d, t, right, t.nights([day], 17, 8), size)
    kw = {"Supply fan": actual, "Everything else": d.used(t, hours, 4, 18)}
    waste = wasted("Supply fan", Recurrence.ONCE, t, actual, right)
    truth = Truth("On through one night; it began and ended.", (waste,))
    return build(d, "Fan left on for one night", t, kw, truth, hours.toml())


def one_weekend(seed: int) -> MadeUpSite:
    d = Draw(seed, "one_weekend")
    t, hours = d.time(), d.office_hours()
    size = d.between(6, 25)
    right = d.fan(t, hours, size)
    actual = left_on(d, t, right, t.stretch(4, 17, 7, 0), size)
    light = d.used(t, hours, 0.5, 7)
    rest = d.used(t, hours, 3, 12)
    kw = {"Main": actual + light + rest, "Roof unit": actual, "Lights": light}
    truth = Truth(
        "On from Friday evening to the week's end: two midnights, and one event.",
        (wasted("Roof unit", Recurrence.ONCE, t, actual, right),),
        must_find=("Roof unit",),
    )
    return build(
        d,
        "Roof unit left on for a weekend",
        t,
        kw,
        truth,
        hours.toml(),
        parents=dict.fromkeys(("Roof unit", "Lights"), "Main"),
    )


def since_tuesday(seed: int) -> MadeUpSite:
    d = Draw(seed, "since_tuesday")
    t, hours = d.time(), d.office_hours()
    size, day = d.between(5, 20), int(d.pick((0, 1, 2)))
    right = d.fan(t, hours, size)
    actual = left_on(d, t, right, t.since(day, 17), size)
    kw = {"Air handler": actual, "Everything else": d.used(t, hours, 4, 15)}
    truth = Truth(
        "Never off since an evening of this week: four nights and a weekend, worth this week's money.",
        (wasted("Air handler", Recurrence.NEW, t, actual, right),),
        must_name=("Air handler",),
    )
    return build(d, "Air handler on since a day", t, kw, truth, hours.toml(), judges=("total", "change"))


def nights_every_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "nights_every_week")
    t, hours = d.time(), d.office_hours()
    size, most = d.between(5, 15), int(d.pick((2, 3)))
    nights = [7 * week + int(day) for week in range(-13, 2) for day in d.rng.choice(4, most, replace=False)]
    right = d.used(t, hours, 0.05 * size, size)
    actual = left_on(d, t, right, t.nights(nights, 16, 9), size)
    kw = {"Lights floor 2": actual, "Sockets": d.used(t, hours, 2, 6)}
    truth = Truth(
        "Whole nights, a few in each week and not the same ones; on the other nights it is off, so it can be.",
        (wasted("Lights floor 2", Recurrence.WEEKLY, t, actual, right),),
    )
    return build(d, "Lights on some nights of every week", t, kw, truth, hours.toml())


def never_off(seed: int) -> MadeUpSite:
    d = Draw(seed, "never_off")
    t, hours = d.time(), d.office_hours()
    pump = t.steady(d.between(3, 12))
    running = Waste("Circulation pump", Recurrence.ASKED, t.kwh(pump, t.is_week & ~hours.mask(t)))
    running = Waste(running.meter, running.recurrence, running.kwh, 0.6 * running.kwh)
    kw = {"Circulation pump": pump, "Lights": d.used(t, hours, 0.5, 8)}
    truth = Truth(
        "The same by night as by day, in every week: it may have to run. The size is known, the need is not.",
        (running,),
        must_name=("Circulation pump",),
    )
    return build(d, "Pump that never rests", t, kw, truth, hours.toml())


def must_run(seed: int) -> MadeUpSite:
    d = Draw(seed, "must_run")
    t, hours = d.time(), d.office_hours()
    kw = {"Server room": t.steady(d.between(3, 12), 0.01), "Lights": d.used(t, hours, 0.5, 8)}
    toml = hours.toml() + '\n[channels."Server room"]\nmust_run = true\n'
    truth = Truth("The operator says that it has to run.", not_a_word=("Server room",))
    return build(d, "Server room that must run", t, kw, truth, toml)


def starts_earlier(seed: int) -> MadeUpSite:
    d = Draw(seed, "starts_earlier")
    t, hours = d.time(weeks_before=9), Opening.on(WORKDAYS, 8, 18)
    size, earlier_h = d.between(8, 25), d.between(0.5, 0.75, 0.25)
    lead = 0.5 + np.clip((t.day // 7 + 6) * earlier_h, 0, None)  # six weeks ago it began
    right = t.switched(hours.mask(t, 0.5), size, 0.3)
    actual = np.where(hours.mask(t, lead) & ~hours.mask(t, 0.5), size, right)
    creep = wasted("Air handler", Recurrence.OPEN, t, actual, right)
    kw = {"Air handler": actual, "Everything else": d.used(t, hours, 4, 15)}
    truth = Truth(
        "Starts earlier in every week; by now hours before opening. It began before the baseline, so how early is "
        "early enough is a matter of judgement: that the hours do not fit has to be told.",
        (creep,),
        must_find=("Air handler",),
    )
    return build(d, "Air handler that starts earlier each week", t, kw, truth, hours.toml(), judges=("total",))


def hours_wrongly_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "hours_wrongly_named")
    t, named = d.time(), Opening.on(WORKDAYS, 8, 16)
    real = Opening.on(WORKDAYS, 6, 20)
    kw = {"Workshop": d.used(t, real, 1.5, d.between(15, 40)), "Lights": d.used(t, real, 0.4, 7)}
    late = t.is_week & real.mask(t) & ~named.mask(t)
    truth = Truth(
        "Every meter works from six to eight in the evening on every working day: the named hours are wrong, or the "
        "building is used longer. A question, no saving.",
        tuple(Waste(name, Recurrence.ASKED, t.kwh(values, late), 0.0) for name, values in kw.items()),
    )
    return build(d, "Hours named wrongly", t, kw, truth, named.toml())


def nights_hours_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "nights_hours_not_named")
    t, hours = d.time(), Opening.on(WORKDAYS, 7, 18)
    nights = [7 * week + day for week in range(-13, 2) for day in (0, 2, 3)]
    right = d.used(t, hours, 0.3, 8)
    actual = left_on(d, t, right, t.nights(nights, 17, 8), 8)
    asked = wasted("Lights", Recurrence.ASKED, t, actual, right)
    truth = Truth(
        "On three nights of every week, but nobody named the hours: low at most, in no headline.",
        (Waste(asked.meter, asked.recurrence, asked.kwh, 0.0),),
    )
    return build(
        d, "Lights on at night, hours not named", t, {"Lights": actual, "Sockets": d.used(t, hours, 2, 5)}, truth, ""
    )


def dusk_to_dawn(seed: int) -> MadeUpSite:
    d = Draw(seed, "dusk_to_dawn")
    t, hours = d.time(months=(2, 3, 4, 8, 9, 10)), d.shop_hours()
    rise, sets = t.daylight()
    lamps = t.switched((t.hour < rise) | (t.hour >= sets), d.between(3, 12), 0.0, 0.01)
    truth = Truth(
        "On from dusk to dawn, and follows the sun through the weeks: outdoor lighting does its work.",
        (Waste("Parking lights", Recurrence.ASKED, t.kwh(lamps), 0.0),),
        not_a_word=("Turn Parking", "Let Parking"),
    )
    kw = {"Parking lights": lamps, "Sales floor": d.used(t, hours, 1, 12)}
    return build(d, "Parking lights that follow the sun", t, kw, truth, hours.toml(), judges=("total", "next"))


def late_event(seed: int) -> MadeUpSite:
    d = Draw(seed, "late_event")
    t, hours = d.time(), d.office_hours()
    party = t.stretch(5, 17, 6, 1)
    hall = d.used(t, hours, 1, 15)
    kw = {"Hall": np.where(party, 14 * t.wander(0.05), hall), "Kitchen": d.used(t, hours, 0.5, 6)}
    truth = Truth(
        "One Saturday evening of use, outside the named hours: an event, or one oversight; once either way.",
        (wasted("Hall", Recurrence.ONCE, t, kw["Hall"], hall),),
    )
    return build(d, "An event on a Saturday night", t, kw, truth, hours.toml())


def tenant_moved_out(seed: int) -> MadeUpSite:
    d = Draw(seed, "tenant_moved_out")
    t, hours = d.time(), d.office_hours()
    day = int(d.pick((-2, 1)))
    suite = d.used(t, hours, 2, d.between(10, 20))
    suite = np.where(t.since(day), 0.6 * t.wander(0.03), suite)
    truth = Truth(
        "One suite falls to its standby and stays there: a change, no waste, and nothing that failed for sure."
    )
    kw = {"Suite 300": suite, "Common areas": d.used(t, hours, 4, 15)}
    return build(d, "A tenant moved out", t, kw, truth, hours.toml(), judges=("total", "change"))


def generator_test(seed: int) -> MadeUpSite:
    d = Draw(seed, "generator_test")
    t, hours = d.time(), d.office_hours()
    test = t.on_days(*range(-91 + 1, 8, 28)) & t.between(10, 10.5)
    kw = {"Generator panel": t.switched(test, d.between(20, 60), 0.9), "Main": d.used(t, hours, 8, 30)}
    truth = Truth(
        "Half an hour every fourth Tuesday, and a block heater in between: a test, as always.",
        not_a_word=("Turn Generator", "Let Generator"),
    )
    return build(d, "Generator that is tested each month", t, kw, truth, hours.toml())


def saturday_shift(seed: int) -> MadeUpSite:
    d = Draw(seed, "saturday_shift")
    t = d.time()
    hours = Opening({**dict.fromkeys(WORKDAYS, ((6.0, 22.0),)), 5: ((6.0, 14.0),)})
    kw = {"Presses": d.used(t, hours, 4, d.between(40, 120)), "Air": t.cycling(15, 4, 20, 12)}
    return build(d, "Saturday shift, named", t, kw, Truth("Works the hours that it names."), hours.toml())


def always_open_pool(seed: int) -> MadeUpSite:
    d = Draw(seed, "always_open_pool")
    t, hours = d.time(), Opening.on(ALL_DAYS, 6, 22)
    pump = t.switched(t.between(4, 20), d.between(4, 11), 0.0, 0.02)
    truth = Truth("The filter runs its sixteen hours on each day, from before opening: what a pool needs.")
    return build(
        d, "Pool with a filter pump", t, {"Filter pump": pump, "Hall": d.used(t, hours, 3, 18)}, truth, hours.toml()
    )


SCENARIOS = (
    one_night,
    one_weekend,
    since_tuesday,
    nights_every_week,
    never_off,
    must_run,
    starts_earlier,
    hours_wrongly_named,
    nights_hours_not_named,
    dusk_to_dawn,
    late_event,
    tenant_moved_out,
    generator_test,
    saturday_shift,
    always_open_pool,
)
