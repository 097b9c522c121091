"""Loads that follow the weather: what it explains is no waste, whether it is stored or not."""

from __future__ import annotations

import numpy as np
from benchmarks.claims.building import WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth
from benchmarks.claims.timeline import Kw, Timeline

SUMMER, WINTER, MILD = (5, 6, 7, 8, 9), (11, 12, 1, 2), (3, 4, 5, 10)


def cooling(t: Timeline, temp_c: Kw, runs: Kw, kw_per_k: float, from_c: float = 14.0) -> Kw:
    """Return a chiller that answers to the air above `from_c`, where `runs` lets it."""
    return runs * (1.0 + kw_per_k * np.clip(temp_c - from_c, 0, None)) * t.wander(0.04) + 0.3 * t.wander(0.05)


def heating(t: Timeline, temp_c: Kw, setback: Kw, kw_per_k: float, below_c: float = 16.0) -> Kw:
    """Return a heating that answers to the air below `below_c`."""
    return (setback * kw_per_k * np.clip(below_c - temp_c, 0, None) + 0.5) * t.wander(0.05)


def _hot_week(seed: int, kind: str, is_known: bool) -> MadeUpSite:
    d = Draw(seed, kind)
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=SUMMER), d.office_hours()
    temp = t.temperature(d.between(16, 20)) + d.between(6, 9) * t.is_week
    chiller = cooling(t, temp, hours.mask(t, 1.0, 1.0).astype(float), d.between(1.5, 4))
    truth = Truth(
        "Runs in its hours as always, and harder in the heat"
        + (
            ": the weather explains it."
            if is_known
            else "; without weather nobody can tell it from a fault, so no one can sign."
        ),
        not_a_word=("Turn Chiller", "Let Chiller"),
    )
    kw = {"Chiller": chiller, "Everything else": d.used(t, hours, 4, 18)}
    return build(d, f"Chiller in a heat wave, weather {'known' if is_known else 'unknown'}", t, kw, truth, hours.toml(),
                 judges=("total",), temp_c=temp if is_known else None)  # fmt: skip


def heat_wave_known(seed: int) -> MadeUpSite:
    return _hot_week(seed, "heat_wave_known", True)


def heat_wave_unknown(seed: int) -> MadeUpSite:
    return _hot_week(seed, "heat_wave_unknown", False)


def chiller_on_hot_nights(seed: int) -> MadeUpSite:
    d = Draw(seed, "chiller_on_hot_nights")
    d.place_in("US")
    t, hours = d.time(months=SUMMER, weeks_before=12), d.office_hours()
    temp = t.temperature(d.between(20, 23), 6) + 5 * (t.is_week | t.week_of(-3))
    chiller = cooling(t, temp, np.ones(t.hour.size), d.between(1.0, 2.5), 21.0)
    truth = Truth(
        "Cools at night too whenever it is warm enough, in every hot week: a set point, which power does not "
        "show. The weather explains the difference from the cooler weeks.",
        not_a_word=("Turn Chiller", "Let Chiller"),
    )
    kw = {"Chiller": chiller, "Everything else": d.used(t, hours, 4, 18)}
    return build(d, "Chiller that cools on hot nights", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def cold_snap_known(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_snap_known")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=WINTER, weeks_before=11), d.office_hours()
    temp = t.temperature(d.between(4, 8), 3) - d.between(5, 7) * (t.is_week & (t.weekday > 1))
    setback = np.where(hours.mask(t, 2.0), 1.0, 0.6)
    kw = {"Heat pumps": heating(t, temp, setback, d.between(1, 3)), "Lights": d.used(t, hours, 0.5, 9)}
    truth = Truth("Colder from Wednesday on, and the heating answers as it does in every week.")
    return build(d, "Heating in a cold snap, weather known", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def cold_store_by_weather(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_store_by_weather")
    d.place_in("US", "AU")
    t, hours = d.time(months=MILD), d.shop_hours()
    temp = t.temperature(14, 6, 2.5) + 5 * t.is_week
    store = t.cycling(d.between(6, 14), 0.4, 14, 16, 0.55 + 0.03 * np.clip(temp, 0, None))
    truth = Truth("Runs for more of the time in warmer air, by day and night: the goods have to stay cold.")
    kw = {"Cold store": store, "Sales floor": d.used(t, hours, 1, 10)}
    return build(d, "Cold store in a warm week", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def heat_and_cool_together(seed: int) -> MadeUpSite:
    d = Draw(seed, "heat_and_cool_together")
    d.place_in("US", "DE")
    t, hours = d.time(months=MILD), d.office_hours()
    runs = hours.mask(t, 1.5, 0.5)
    kw = {
        "Reheat": t.switched(runs, d.between(6, 12), 0.2, 0.08),
        "Chiller": t.switched(runs, d.between(8, 16), 0.3, 0.08),
        "Lights": d.used(t, hours, 0.5, 7),
    }
    truth = Truth(
        "Heats and cools in the same hours of every working day. Some of it is wasted, and how much the meters do not "
        "show: worth a look, no kilowatt-hours to sign."
    )
    return build(d, "Heating and cooling at once", t, kw, truth, hours.toml(), temp_c=t.temperature(15))


def left_on_in_heat(seed: int) -> MadeUpSite:
    d = Draw(seed, "left_on_in_heat")
    d.place_in("US", "DE")
    t, hours = d.time(months=SUMMER), Opening.on(WORKDAYS, 8, 18)
    temp = t.temperature(18) + 7 * t.is_week
    chiller = cooling(t, temp, hours.mask(t, 1.0).astype(float), 2.5)
    right = d.fan(t, hours, 12)
    fan = np.where(t.stretch(4, 18, 7, 0), 12 * t.wander(0.02), right)
    kw = {"Chiller": chiller, "Extract fan": fan, "Lights": d.used(t, hours, 0.5, 7)}
    truth = Truth(
        "Two things at once: heat, which explains the chiller, and a fan left on over the weekend, once.",
        (wasted("Extract fan", Recurrence.ONCE, t, fan, right),),
        must_find=("Extract fan",),
        not_a_word=("Turn Chiller", "Let Chiller"),
    )
    return build(d, "A fan left on in a heat wave", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


SCENARIOS = (
    heat_wave_known,
    heat_wave_unknown,
    chiller_on_hot_nights,
    cold_snap_known,
    cold_store_by_weather,
    heat_and_cool_together,
    left_on_in_heat,
)
