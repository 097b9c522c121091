"""A small site for the sandbox to serve over a year, all of it known: what exists, and when the service has it.

Four meters of quarter-hours in New York. What happens to them is a table, in local time; nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from operations.sandbox.site_model import METER_TYPE_ID, Catalogue, Channel

TIMEZONE = ZoneInfo("America/New_York")
STEP_S = 900
MAIN, LATE, SPRING, AUTUMN = 1001, 1002, 1003, 1004
NEVER = np.inf
Seconds = npt.NDArray[np.int64]


def at(local: str) -> int:
    """Return a local moment as Unix time [s]; `+` after it means the second pass of a repeated hour."""
    moment = datetime.fromisoformat(local.removesuffix("+")).replace(tzinfo=TIMEZONE, fold=local.endswith("+"))
    return int(moment.timestamp())


@dataclass(frozen=True)
class Delay:
    """A stretch of one meter that the service has only from `arrives` on, or never."""

    channel_id: int
    start_s: int
    end_s: int
    arrives_s: float


def delay(channel_id: int, start: str, end: str, arrives: str | None = None) -> Delay:
    return Delay(channel_id, at(start), at(end), NEVER if arrives is None else at(arrives))


# The lives of the meters: the one that appears in spring, and the one that is taken out in autumn.
INSTALLED = {MAIN: "2024-11-01", LATE: "2024-11-01", SPRING: "2025-04-15T14:00", AUTUMN: "2024-11-01"}
UNINSTALLED = {AUTUMN: "2025-10-20T16:00"}

HOLES = [  # that never fill
    delay(MAIN, "2025-05-06T02:00", "2025-05-06T03:30"),
    delay(MAIN, "2025-08-12T13:00", "2025-08-12T14:00"),  # a person accepts this one
    delay(AUTUMN, "2025-10-18T00:00", "2025-10-18T06:00"),
    delay(MAIN, "2026-02-24T10:00", "2026-02-24T11:00"),  # too young for a verdict when the year ends
    delay(LATE, "2026-02-25T12:00", "2026-03-31T00:00"),  # silent when the year ends
]
ACCEPTED = HOLES[1]
LATE_DATA = [
    delay(MAIN, "2025-03-09T01:30", "2025-03-09T04:00", "2025-03-10T09:00"),  # over the lost hour of spring
    delay(LATE, "2025-06-10T12:00", "2025-06-14T09:00", "2025-06-14T09:00"),  # a long weekend offline
    delay(LATE, "2025-09-01T00:00", "2025-10-11T08:00", "2025-10-11T08:00"),  # given up on, and back after 40 days
    delay(MAIN, "2025-11-02T01:00+", "2025-11-02T02:00", "2025-11-05T12:00"),  # the second pass of one o'clock
    delay(SPRING, "2025-04-15T14:00", "2025-04-16T00:00", "2025-04-19T12:00"),  # from its first moment on
]
DELAYS = HOLES + LATE_DATA

# Local dates. The service answers nothing on these mornings; nobody asks on those; and it is a bad night on these.
SERVICE_DOWN = {"2025-07-04", "2025-07-05", "2025-11-02"}
SERVER_OFF = {f"2025-12-{day}" for day in range(20, 27)}
BAD_NIGHTS = {"2025-03-09", "2025-10-20", "2026-01-15"}


class MeterOfEnergy(Channel):
    """A meter with two fields only, which refuses what its type promises besides, as some do."""

    @property
    def units(self) -> dict[str, str]:
        return {"E": "Wh", "P": "W"}


class YearSource:
    """What the service has at the moment that `clock` tells; counts its answers."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.answers = 0

    @property
    def catalogue(self) -> Catalogue:
        """The meters that are or were installed by now."""
        now_s = self._clock().timestamp()
        channels = [_make_channel(channel_id, now_s) for channel_id, since in INSTALLED.items() if at(since) <= now_s]
        return Catalogue(tuple(channels), "A year (sandbox)", TIMEZONE.key)

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the length of its intervals [s]."""
        return STEP_S

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> dict[str, np.ndarray]:
        """Return the intervals that the service has by now."""
        assert resolution_s == STEP_S
        self.answers += 1
        starts = start_s + STEP_S * np.arange(count)
        starts = starts[arrival_s(channel.channel_id, starts) <= self._clock().timestamp()]
        energy_wh = true_energy_wh(channel.channel_id, starts)
        return {"ts": starts, "E": energy_wh, "P": energy_wh * (3600 / STEP_S)}


def true_energy_wh(channel_id: int, starts: Seconds) -> npt.NDArray[np.float64]:
    """Return the energy of intervals [Wh]: lower by night, and never twice quite the same."""
    day_share = starts % 86_400 / 86_400
    return np.round(250.0 * (channel_id - 1000) * (1.2 + np.sin(2 * np.pi * day_share)) + starts // STEP_S % 97, 3)


def life_s(channel_id: int) -> tuple[int, float]:
    """Return from when until when a meter is installed, Unix time [s]."""
    return at(INSTALLED[channel_id]), at(UNINSTALLED[channel_id]) if channel_id in UNINSTALLED else NEVER


def arrival_s(channel_id: int, starts: Seconds) -> npt.NDArray[np.float64]:
    """Return from when on the service has each interval, Unix time [s]; NEVER for those that it never gets."""
    installed_s, uninstalled_s = life_s(channel_id)
    arrivals = np.where((starts >= installed_s) & (starts < uninstalled_s), starts + STEP_S, NEVER)
    for late in DELAYS:
        if late.channel_id == channel_id:
            arrivals[(starts >= late.start_s) & (starts < late.end_s)] = late.arrives_s
    return arrivals


def _make_channel(channel_id: int, now_s: float) -> MeterOfEnergy:
    installed_s, uninstalled_s = life_s(channel_id)
    return MeterOfEnergy(
        channel_id=channel_id,
        name=f"Meter {channel_id}",
        load="year",
        device_id=1,
        device_name="Gateway",
        device_type_id=METER_TYPE_ID,
        uuid=f"5410EC00000{channel_id - 1000}0001",
        installed_s=installed_s,
        uninstalled_s=int(uninstalled_s) if uninstalled_s <= now_s else None,
    )
