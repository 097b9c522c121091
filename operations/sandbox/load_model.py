"""The loads of the sites: real power [kW] minute by minute, before any planted fault.

Each load is a function of (random streams, surroundings). It is elementwise over the minutes, so it can be asked for
any stretch; callers ask for whole blocks all the same, since the last bits of numpy's sines may depend on an array's
length, and "the same value whatever window is asked" is meant to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from operations.sandbox.noise import (
    Floats,
    cycle,
    jitter,
    make_key,
    slot_events,
    smooth_noise,
    smooth_step,
)
from operations.sandbox.weather import MINUTES_PER_DAY, Surroundings

Load = Callable[["Streams", Surroundings], Floats]
_UNREST_RATIO = 0.012  # minute-to-minute unrest of every running load, relative


class Streams:
    """The random streams of one channel, by name."""

    def __init__(self, seed: int, channel_id: int) -> None:
        self._seed, self._channel_id = seed, channel_id

    def key(self, name: str) -> np.uint64:
        """Return the key of the stream called `name`."""
        return make_key(self._seed, self._channel_id, name)

    def curve(self, name: str, around: Surroundings, period_min: int) -> Floats:
        """Return a smooth curve within [−1, 1]."""
        return smooth_noise(self.key(name), around.minutes, period_min)


def compute_load_kw(load: str, streams: Streams, around: Surroundings) -> Floats:
    """Return the real power of a load [kW]: exactly 0 where it is switched off, negative only of what generates."""
    power_kw = LOADS[load](streams, around)
    unrest = 1.0 + _UNREST_RATIO * jitter(streams.key("unrest"), around.minutes)
    return power_kw * unrest if load in GENERATORS else np.maximum(power_kw * unrest, 0.0)


def _hours(around: Surroundings, opens_h: float, closes_h: float, ramp_min: float) -> Floats:
    """Return 1 between two wall-clock hours and 0 outside, with ramps inside."""
    minute = around.minute_of_day.astype(np.float64)
    return smooth_step((minute - opens_h * 60) / ramp_min) * smooth_step((closes_h * 60 - minute) / ramp_min)


# --- the school ------------------------------------------------------------------------------------------------------


def _kitchen_ovens(streams: Streams, around: Surroundings) -> Floats:
    minutes = around.minutes
    standby_kw = 0.42 + 0.05 * streams.curve("standby", around, 45)
    hood_kw = 0.9 * around.school_level * _hours(around, 6.75, 13.5, 25)
    baking = around.school_level * _hours(around, 8.75, 12.75, 40)
    busy = 0.62 + 0.14 * streams.curve("menu", around, 70) + 0.06 * streams.curve("menu_day", around, MINUTES_PER_DAY)
    ovens_kw = sum(
        capacity_kw * baking * cycle(streams.key(name), minutes, busy, period_min, 0.35)
        for name, capacity_kw, period_min in (("oven_1", 4.2, 11), ("oven_2", 3.6, 13), ("warmer", 1.8, 17))
    )
    return standby_kw + hood_kw + ovens_kw


def _kitchen_cold(streams: Streams, around: Surroundings) -> Floats:
    minutes, doors = around.minutes, around.occupancy
    warmth = 0.006 * (around.temp_c - 15.0)
    cooler = cycle(streams.key("cooler"), minutes, 0.55 + warmth + 0.12 * doors, 19, 0.2)
    freezer = cycle(streams.key("freezer"), minutes, 0.60 + warmth + 0.08 * doors, 26, 0.2)
    fans_kw = 1.15 + 0.04 * streams.curve("fans", around, 90)
    washing = around.school_level * _hours(around, 11.25, 14.25, 20)
    booster_kw = 3.2 * washing * cycle(streams.key("booster"), minutes, 0.45, 9, 0.5)
    return fans_kw + 1.5 * cooler + 1.3 * freezer + 0.6 * doors + booster_kw


def _rtu(fan_kw: float, compressor_kw: float, gain: float) -> Load:
    def load(streams: Streams, around: Surroundings) -> Floats:
        minutes, occupied, temp_c = around.minutes, around.occupancy, around.temp_c
        hot, cold = np.maximum(temp_c - 16.0, 0.0), np.maximum(9.0 - temp_c, 0.0)
        day_duty = occupied * gain * (0.30 + 0.022 * hot + 0.026 * cold)
        setback = 0.018 * np.maximum(temp_c - 21.0, 0.0) + 0.022 * np.maximum(6.0 - temp_c, 0.0)
        drift = 1.0 + 0.22 * streams.curve("gains", around, 110)
        duty = (day_duty + (1.0 - occupied) * gain * setback) * drift
        compressor = cycle(streams.key("compressor"), minutes, duty, 8, 0.4)
        setback_fan = 0.9 * cycle(streams.key("fan"), minutes, duty + 0.12, 30, 0.4)
        fan = np.maximum(np.minimum(occupied * 4.0, 1.0), setback_fan)
        crankcase_kw = 0.11 + 0.015 * streams.curve("crankcase", around, 35)
        return crankcase_kw + fan_kw * fan + compressor_kw * compressor

    return load


def _ahu(night_kw: float, day_kw: float) -> Load:
    def load(streams: Streams, around: Surroundings) -> Floats:
        pressure = 0.06 * streams.curve("pressure", around, 25)
        filters = 0.03 * streams.curve("filters", around, 5 * MINUTES_PER_DAY)
        weather = 0.0025 * np.abs(around.temp_c - 16.0)
        return (night_kw + (day_kw - night_kw) * around.occupancy) * (1.0 + pressure + filters + weather)

    return load


# --- the house -------------------------------------------------------------------------------------------------------


def _dryer(streams: Streams, around: Surroundings) -> Floats:
    chance = np.where(around.is_weekend, 0.65, 0.38)
    run = slot_events(streams.key("run"), around.local_minutes, MINUTES_PER_DAY, chance, (600, 1230), (36, 52))
    drying = run.elapsed_min < 0.55 * run.length_min
    thermostat = cycle(streams.key("thermostat"), around.minutes, 0.5, 6, 0.3)
    heater_kw = (4.0 + 0.3 * run.draw) * (drying | thermostat) * (run.elapsed_min < run.length_min - 4)
    return np.where(run.is_on, 0.28 + heater_kw, 0.0)


def _refrigerator(streams: Streams, around: Surroundings) -> Floats:
    warmth = 0.003 * (around.temp_c - 15.0)
    kitchen = 0.05 * _hours(around, 6.5, 22.0, 120)
    compressor = cycle(streams.key("compressor"), around.minutes, 0.42 + warmth + kitchen, 47, 0.25)
    defrost = slot_events(streams.key("defrost"), around.minutes, 660, 1.0, (30, 600), (14, 22))
    return 0.006 + 0.125 * compressor * ~defrost.is_on + 0.41 * defrost.is_on


def _air_conditioner(streams: Streams, around: Surroundings) -> Floats:
    evening = 0.06 * _hours(around, 15.0, 23.0, 60)
    duty = np.where(around.temp_c > 19.5, 0.055 * (around.temp_c - 19.0) + evening, 0.0)
    running = cycle(streams.key("compressor"), around.minutes, np.minimum(duty, 0.8), 17, 0.3)
    return np.where(running, 2.3 + 0.02 * (around.temp_c - 24.0), 0.0)


def _oven(streams: Streams, around: Surroundings) -> Floats:
    run = slot_events(streams.key("run"), around.local_minutes, MINUTES_PER_DAY, 0.72, (975, 1110), (32, 68))
    preheats = run.elapsed_min < 11
    thermostat = cycle(streams.key("thermostat"), around.minutes, 0.38, 5, 0.3)
    return np.where(run.is_on, 0.07 + 2.9 * (preheats | thermostat), 0.0)


def _water_heater(streams: Streams, around: Surroundings) -> Floats:
    hour = around.minute_of_day // 120 * 2  # slots are two hours long, and so are the chances
    chance = np.select([(hour >= 6) & (hour < 10), (hour >= 18) & (hour < 22), (hour >= 10)], [0.8, 0.75, 0.3], 0.04)
    draw = slot_events(streams.key("draw"), around.local_minutes, 120, chance, (0, 85), (9, 31))
    upkeep = slot_events(streams.key("upkeep"), around.minutes, 420, 1.0, (0, 400), (5, 8))
    return np.where(draw.is_on | upkeep.is_on, 4.4, 0.0)


def _lighting(streams: Streams, around: Surroundings) -> Floats:
    base_kw = 0.13 + 0.015 * streams.curve("standby", around, 30)
    people = 0.75 + 0.25 * streams.curve("people", around, 150)
    morning, evening = _hours(around, 5.75, 9.0, 60), _hours(around, 16.5, 23.25, 90)
    daytime = np.where(around.is_weekend, 0.35, 0.15) * _hours(around, 8.0, 18.0, 60)
    chance = np.where(morning + evening > 0.2, 0.5, 0.0)
    plugs = slot_events(streams.key("plugs"), around.local_minutes, 90, chance, (0, 80), (3, 12))
    return base_kw + people * (0.22 * morning + 0.42 * evening + daytime) + 0.9 * plugs.is_on


def _dishwasher(streams: Streams, around: Surroundings) -> Floats:
    run = slot_events(streams.key("run"), around.local_minutes, MINUTES_PER_DAY, 0.62, (1140, 1275), (78, 108))
    share = run.elapsed_min / run.length_min
    heats = ((share > 0.08) & (share < 0.26)) | ((share > 0.62) & (share < 0.78))
    return np.where(run.is_on, 0.07 + 1.15 * heats, 0.0)


def _well_pump(streams: Streams, around: Surroundings) -> Floats:
    hour = around.minute_of_day // 30 * 0.5
    chance = np.select([(hour >= 6) & (hour < 9), (hour >= 17) & (hour < 22), (hour >= 9)], [0.85, 0.75, 0.4], 0.08)
    run = slot_events(streams.key("run"), around.local_minutes, 30, chance, (0, 24), (2, 6))
    inrush = 1.0 + 0.25 * (run.elapsed_min == 0)
    return np.where(run.is_on, (1.02 + 0.08 * run.draw) * inrush, 0.0)


def _small(streams: Streams, around: Surroundings) -> Floats:
    return 0.2 + 0.05 * streams.curve("drift", around, 60) + 0.3 * _hours(around, 8.0, 18.0, 60)


def _solar(streams: Streams, around: Surroundings) -> Floats:
    """A roof of panels: negative by day, when it feeds; what the inverter needs by night."""
    sun_h = around.minute_of_day / 60.0 - 12.5
    height = np.maximum(np.cos(np.pi * sun_h / 13.0), 0.0) * (np.abs(sun_h) < 6.5)
    clouds = 0.72 + 0.28 * streams.curve("clouds", around, 40)
    return 0.015 - 9.5 * height * clouds


LOADS: dict[str, Load] = {
    "kitchen_ovens": _kitchen_ovens,
    "kitchen_cold": _kitchen_cold,
    "rtu_1": _rtu(0.55, 5.4, 1.05),
    "rtu_2": _rtu(0.50, 4.9, 1.0),
    "rtu_3": _rtu(0.45, 4.3, 0.95),
    "ahu_1a": _ahu(1.75, 2.6),
    "ahu_1b": _ahu(1.40, 2.1),
    "ahu_2": _ahu(1.10, 2.0),
    "dryer": _dryer,
    "refrigerator": _refrigerator,
    "air_conditioner": _air_conditioner,
    "oven": _oven,
    "water_heater": _water_heater,
    "lighting": _lighting,
    "dishwasher": _dishwasher,
    "well_pump": _well_pump,
    "small": _small,
    "solar": _solar,
}
GENERATORS = frozenset({"solar"})
COMPOSITE = "composite"  # the power of other channels

# Reactive over real power, tan φ: fan motors of rooftop units are poorly loaded, heaters are purely resistive.
TAN_PHI = {
    **{"kitchen_ovens": 0.12, "kitchen_cold": 0.55, "rtu_1": 1.15, "rtu_2": 1.1, "rtu_3": 1.2},
    **{"ahu_1a": 0.4, "ahu_1b": 0.42, "ahu_2": 0.38, "dryer": 0.06, "refrigerator": 0.5, "air_conditioner": 0.35},
    **{"oven": 0.02, "water_heater": 0.01, "lighting": 0.3, "dishwasher": 0.15, "well_pump": 0.6, "small": 0.25},
    **{"solar": 0.05, COMPOSITE: 0.0},
}
