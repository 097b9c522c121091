"""Meters that are wrong, silent, new, or nested: doubt reaches the total, the peak and the comparison too."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import Draw, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, site_total
from benchmarks.claims.timeline import Kw, Mask, Timeline

ESTIMATED = 0.06  # of the total: what an estimate of missing or wrong readings may be off


def frozen(t: Timeline, kw: Kw, where: Mask) -> Kw:
    """Return a meter that shows its last value before `where` all through it."""
    before = np.flatnonzero(where)[0] - 1
    return np.where(where, round(float(kw[before]), 4), kw)


def silent(kw: Kw, where: Mask) -> Kw:
    """Return a meter that gives no readings in `where`."""
    return np.where(where, np.nan, kw)


def _three(d: Draw, t: Timeline) -> tuple[dict[str, Kw], str]:
    """Return three meters of an office that are no part of each other, and its hours as TOML."""
    hours = d.office_hours()
    kw = {"Fan": d.fan(t, hours, 8), "Lights": d.used(t, hours, 0.6, 7), "Sockets": d.used(t, hours, 1.5, 5)}
    return kw, hours.toml()


def _faulty(seed: int, kind: str, factor: float) -> MadeUpSite:
    d = Draw(seed, kind)
    t = d.time()
    right, toml = _three(d, t)
    right["Sockets"] = 0.5 * right["Sockets"]  # so that no value is beyond what the import takes
    day = int(d.pick((1, 2, 3)))
    wrong = right["Sockets"] * np.where(t.since(day, d.between(8, 14, 1)), factor, 1.0)
    truth = Truth(
        f"One meter shows {factor:g} times what it did, from one interval to the next, and keeps its profile: its "
        "transformer or unit was changed. What it counted since is to be divided, not paid.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        must_name=("Sockets",),
        not_a_word=("Turn Sockets", "Let Sockets"),
    )
    return build(
        d, f"A meter × {factor:g}", t, {**right, "Sockets": wrong}, truth, toml, real=right, judges=("total", "change")
    )


def times_ten(seed: int) -> MadeUpSite:
    return _faulty(seed, "times_ten", 10.0)


def times_thousand(seed: int) -> MadeUpSite:
    return _faulty(seed, "times_thousand", 1000.0)


def stuck_for_days(seed: int) -> MadeUpSite:
    d = Draw(seed, "stuck_for_days")
    t = d.time()
    right, toml = _three(d, t)
    day = int(d.pick((0, 1)))
    kw = {**right, "Lights": frozen(t, right["Lights"], t.stretch(day, 11, day + int(d.pick((2, 3))), 12))}
    truth = Truth(
        "Exactly one value for days, on a meter that otherwise follows the hours: it stood still. The total holds an "
        "estimate for it, or is told as what is known.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        must_name=("Lights",),
        needs_at_least=True,
        not_a_word=("Turn Lights", "Let Lights"),
    )
    return build(d, "A meter that stood still for days", t, kw, truth, toml, real=right)


def two_days_missing(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_days_missing")
    t = d.time()
    right, toml = _three(d, t)
    first = int(d.pick((1, 2)))
    gap = t.on_days(first, first + 1)
    truth = Truth(
        "No meter has a reading on two working days: their use can be estimated, or the total is a lower bound.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        needs_at_least=True,
    )
    kw = {name: silent(values, gap) for name, values in right.items()}
    return build(d, "Two days without any reading", t, kw, truth, toml, real=right, judges=("total", "change", "next"))


def main_silent_half_a_day(seed: int) -> MadeUpSite:
    d = Draw(seed, "main_silent_half_a_day")
    t, hours = d.time(), d.office_hours()
    fan, light = d.fan(t, hours, 8), d.used(t, hours, 0.6, 7)
    main = fan + light + d.used(t, hours, 4, d.between(15, 25))
    day = int(d.pick((1, 2, 3)))
    kw = {"Main": silent(main, t.stretch(day, 7, day, 19)), "Fan": fan, "Lights": light}
    truth = Truth(
        "The main gave nothing for twelve hours of a working day; its sub-meters cover less than half of it.",
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        needs_at_least=True,
    )
    parents = dict.fromkeys(("Fan", "Lights"), "Main")
    return build(
        d, "A main that was silent for half a day", t, kw, truth, hours.toml(), parents=parents, real={"Main": main}
    )


def counter_catches_up(seed: int) -> MadeUpSite:
    d = Draw(seed, "counter_catches_up")
    t = d.time()
    right, toml = _three(d, t)
    day = int(d.pick((1, 2)))
    gap = t.stretch(day, 9, day + 1, 15)
    energy = np.where(gap, np.nan, right["Fan"] * t.interval_h)
    energy[np.flatnonzero(gap)[-1] + 1] += t.kwh(right["Fan"], gap)
    truth = Truth(
        "Silent for thirty hours; then one interval brings the energy of all of them. Nothing is lost; it is no peak.",
        may_lack_change=True,
        not_a_word=("Turn Fan", "Let Fan"),
    )
    kw = {**right, "Fan": silent(right["Fan"], gap)}
    return build(d, "A counter that catches up", t, kw, truth, toml, real=right, energy_kwh={"Fan": energy},
                 judges=("total", "next"))  # fmt: skip


def filled_by_a_line(seed: int) -> MadeUpSite:
    d = Draw(seed, "filled_by_a_line")
    t = d.time(intervals=(15,))
    right, toml = _three(d, t)
    day, hour = int(d.pick((0, 1, 2))), d.between(6, 14, 1)
    where = np.flatnonzero(t.stretch(day, hour, day, hour + d.between(18, 30, 1)))
    load = right["Lights"].copy()
    load[where] = np.linspace(load[where[0] - 1], load[where[-1] + 1], where.size + 2)[1:-1]
    truth = Truth(
        "A straight line for a day and a night: a logger filled a gap. These are no measurements.",
        total_kwh=t.kwh(load + right["Fan"] + right["Sockets"]),
        other_total_kwh=(t.kwh(site_total(right, {})),),
        total_tolerance=ESTIMATED,
        may_lack_change=True,
        must_find=("Lights",),
        not_a_word=("Turn Lights", "Let Lights"),
    )
    return build(d, "A gap filled by a line", t, {**right, "Lights": load}, truth, toml, real=right, judges=("next",))


def parts_exceed_main(seed: int) -> MadeUpSite:
    d = Draw(seed, "parts_exceed_main")
    t, hours = d.time(), d.office_hours()
    fan, light, plug = d.fan(t, hours, 9), d.used(t, hours, 0.6, 8), d.used(t, hours, 1, 5)
    floor = light + plug
    main = (fan + floor) * d.between(0.965, 0.985)
    kw = {"Main": main, "Fan": fan, "Floor 1": floor, "Lights 1": light, "Sockets 1": plug}
    parents = {"Fan": "Main", "Floor 1": "Main", "Lights 1": "Floor 1", "Sockets 1": "Floor 1"}
    truth = Truth("Parts add up to two or three percent more than the main: within what two meters may differ.")
    return build(d, "Parts that exceed the main a little", t, kw, truth, hours.toml(), parents=parents)


def nested_left_on(seed: int) -> MadeUpSite:
    d = Draw(seed, "nested_left_on")
    t, hours = d.time(), d.office_hours()
    fan, plug = d.fan(t, hours, 6), d.used(t, hours, 1, 5)
    right = d.used(t, hours, 0.4, 8)
    day = int(d.pick((0, 1)))
    light = np.where(t.since(day, 16) & (right < 8), 8 * t.wander(0.02), right)
    kw = {"Main": fan + plug + light + 1, "Floor 2": plug + light, "Lights 2": light, "Fan": fan}
    parents = {"Floor 2": "Main", "Lights 2": "Floor 2", "Fan": "Main"}
    truth = Truth(
        "Lights two levels below the main are on since a day of this week; main and floor show the same energy again.",
        (wasted("Lights 2", Recurrence.NEW, t, light, right),),
        must_name=("Lights 2",),
    )
    return build(
        d, "Left on, two levels below the main", t, kw, truth, hours.toml(), parents=parents, judges=("total", "change")
    )


def new_meter(seed: int) -> MadeUpSite:
    d = Draw(seed, "new_meter")
    t, hours = d.time(), d.office_hours()
    main, fan = d.used(t, hours, 5, 25), d.fan(t, hours, 7)
    kw = {"Main": main + fan, "Fan": silent(fan, ~t.since(1, 10))}
    truth = Truth(
        "A sub-meter begins on Tuesday: of what is usual for it nothing is known yet.",
        not_a_word=("Turn Fan", "Let Fan"),
    )
    return build(d, "A meter that began this week", t, kw, truth, hours.toml(), parents={"Fan": "Main"})


def peak_beside_silence(seed: int) -> MadeUpSite:
    d = Draw(seed, "peak_beside_silence")
    t, hours = d.time(intervals=(15,)), d.office_hours()
    main, annex = d.used(t, hours, 6, 25), d.used(t, hours, 0.8, 3)
    day = int(d.pick((1, 2, 3)))
    burst = t.on_days(day) & t.between(10, 11)
    extra = d.between(30, 45)
    building = np.where(burst, main + extra, main)
    kw = {"Building": building, "Annex": silent(annex, t.stretch(day - 1, 8, day + 1, 8))}
    toml = hours.toml() + '\n[tariff]\nname = "default_tou_demand"\n'
    truth = Truth(
        "The highest quarter-hours of the week fall while a small meter was silent: the peak is at least the "
        "building's, and the month is billed by it.",
        (wasted("Building", Recurrence.ONCE, t, building, main),),
        total_tolerance=ESTIMATED,
        needs_at_least=True,
        may_lack_change=True,
        peak_kw=float(building[t.is_week].max()),
    )
    return build(d, "The peak beside a silent meter", t, kw, truth, toml, real={"Annex": annex}, judges=("total",))


SCENARIOS = (
    times_ten,
    times_thousand,
    stuck_for_days,
    two_days_missing,
    main_silent_half_a_day,
    counter_catches_up,
    filled_by_a_line,
    parts_exceed_main,
    nested_left_on,
    new_meter,
    peak_beside_silence,
)
