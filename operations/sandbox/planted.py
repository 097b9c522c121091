"""The plan of what is wrong on purpose: faults of the metering and wastes of energy, in chosen local weeks.

Wastes change what the site really used; faults change only what the meters report of it. Both lie inside the planted
week and nowhere else (but for the dead channel, which falls silent on the Sunday before, so that it is already stale
when the week begins).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from operations.sandbox.noise import Floats, Ints, make_key, smooth_noise, uniform

STUCK_METER = "stuck_meter"
GAP = "gap"
CATCH_UP_DELTA = "catch_up_delta"
LEFT_ON_OVERNIGHT = "left_on_overnight"
ANOMALY = "anomaly"
SPIKES = "spikes"
DEAD_CHANNEL = "dead_channel"

WASTES = (LEFT_ON_OVERNIGHT, ANOMALY, SPIKES)
OUTAGES = (GAP, CATCH_UP_DELTA, DEAD_CHANNEL)

_MON, _TUE, _WED, _THU, _FRI, _SAT, _SUN = range(7)
_CLOSING_H, _OPENING_H = 18, 6

_DESCRIPTIONS = {
    STUCK_METER: "the meter repeats one reading; power and energy stand still at a value above zero",
    GAP: "the meter has lost power; the energy of the time is lost",
    CATCH_UP_DELTA: "communication is lost; the first record afterwards carries the energy of the whole outage",
    LEFT_ON_OVERNIGHT: "equipment is left on through the nights and the weekend",
    ANOMALY: "equipment draws far more than is usual for these hours",
    SPIKES: "a single interval far above what is usual for its hour",
    DEAD_CHANNEL: "the channel delivers nothing at all",
}


@dataclass(frozen=True)
class Planted:
    """One planted fault or waste; minutes are since the Unix epoch, ends exclusive."""

    kind: str
    load: str
    windows: tuple[tuple[int, int], ...]
    has_null_rows: bool = False  # of an outage: rows without values instead of no rows

    @property
    def start_min(self) -> int:
        """The first minute."""
        return self.windows[0][0]

    @property
    def end_min(self) -> int:
        """The first minute after it."""
        return self.windows[-1][1]

    @property
    def description(self) -> str:
        """What it is, for a reader."""
        if self.kind in OUTAGES:
            return f"{_DESCRIPTIONS[self.kind]}; {'rows without values' if self.has_null_rows else 'rows are absent'}"
        return _DESCRIPTIONS[self.kind]

    def covers(self, minutes: Ints) -> np.ndarray:
        """Return which of `minutes` lie within it."""
        inside = np.zeros(minutes.shape, dtype=bool)
        for first, last in self.windows:
            inside |= (minutes >= first) & (minutes < last)
        return inside


def plan_weeks(mondays: Sequence[date], tz: ZoneInfo) -> tuple[Planted, ...]:
    """Return what is planted in the local weeks that begin on `mondays`."""
    return tuple(item for monday in sorted(set(mondays)) for item in _plan_week(monday, tz))


def _plan_week(monday: date, tz: ZoneInfo) -> list[Planted]:
    def at(day: int, hour: int, minute: int = 0) -> int:
        local = datetime.combine(monday + timedelta(days=day), time(hour, minute), tzinfo=tz)
        return int(local.timestamp()) // 60

    week_end = at(_SUN + 1, 0)
    nights = [(at(day, _CLOSING_H), at(day + 1, _OPENING_H)) for day in (_MON, _TUE, _WED, _THU)]
    return [
        Planted(STUCK_METER, "ahu_1b", ((at(_TUE, 9), at(_WED, 15)),)),
        Planted(GAP, "rtu_2", ((at(_THU, 8), at(_THU, 15)),)),
        Planted(GAP, "rtu_2", ((at(_FRI, 13), at(_FRI, 16)),), has_null_rows=True),
        Planted(CATCH_UP_DELTA, "rtu_3", ((at(_TUE, 7), at(_TUE, 17)),)),
        Planted(LEFT_ON_OVERNIGHT, "ahu_2", (*nights, (at(_FRI, _CLOSING_H), week_end))),
        Planted(ANOMALY, "rtu_1", ((at(_WED, 10), at(_WED, 15)),)),
        Planted(SPIKES, "kitchen_cold", ((at(_MON, 10, 30), at(_MON, 10, 45)),)),
        Planted(SPIKES, "kitchen_cold", ((at(_THU, 13, 15), at(_THU, 13, 30)),)),
        Planted(SPIKES, "kitchen_cold", ((at(_FRI, 9, 45), at(_FRI, 10, 0)),)),
        Planted(DEAD_CHANNEL, "well_pump", ((at(-1, 3), week_end),)),
    ]


def compute_extra_kw(seed: int, item: Planted, minutes: Ints) -> Floats:
    """Return the power that a waste adds [kW]; 0 outside it."""
    key = make_key(seed, "planted", item.kind, item.start_min)
    if item.kind == LEFT_ON_OVERNIGHT:
        extra_kw = 3.0 + 0.18 * smooth_noise(key, minutes, 40)
    elif item.kind == ANOMALY:
        extra_kw = 7.4 + 0.5 * smooth_noise(key, minutes, 30)
    else:
        extra_kw = 12.2 + 2.6 * uniform(key, np.zeros_like(minutes))
    return np.where(item.covers(minutes), extra_kw, 0.0)
