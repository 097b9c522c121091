"""Months, days and hours in a tariff file, and the cells of a schedule that they cover."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt

from config.strict_toml import Refusal, Table, about
from config.tariff_model import DAY_TYPES, HOLIDAY, MONTHS_PER_YEAR, SCHEDULE_SHAPE, SLOTS_PER_HOUR, SUNDAY

Cells = npt.NDArray[np.int8]

_DAY_GROUPS = {
    **{name: (number,) for number, name in enumerate(DAY_TYPES)},
    "weekday": (0, 1, 2, 3, 4),
    "weekend": (5, 6),
}
_SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR
_MINUTES_PER_SLOT = 60 // SLOTS_PER_HOUR
_HOURS_RIGHT = "a list of [from, to] pairs in hours (7, 8.5) or texts ('08:30'), on the quarter hour, from 0 to 24"

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "weekday", "weekend"]
Month = Annotated[int, about("Month", ge=1, le=MONTHS_PER_YEAR, right="a list of months from 1 to 12")]


class Window(Table, frozen=True):
    """Months, days and hours; what is left out covers all."""

    months: Annotated[tuple[Month, ...], about("Months, 1 to 12", min_length=1)] | None = None
    days: Annotated[tuple[DayName, ...], about("Days", min_length=1)] | None = None
    hours: (
        Annotated[
            tuple[tuple[float | str, float | str], ...],
            about("[from, to) on the local clock; may run past midnight", min_length=1, right=_HOURS_RIGHT),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        self.slots()

    def slots(self) -> npt.NDArray[np.bool_]:
        """Return for each quarter hour of a day whether it lies within the hours."""
        slots = np.zeros(_SLOTS_PER_DAY, dtype=bool)
        for pair in ((0.0, 24.0),) if self.hours is None else self.hours:
            first, last = (_slot_of(end) for end in pair)
            if first is None or last is None or first in (last, _SLOTS_PER_DAY):
                raise Refusal("hours", f"should be {_HOURS_RIGHT}, not {list(map(list, self.hours or ()))}")
            if first < last:
                slots[first:last] = True
            else:
                slots[first:], slots[:last] = True, True
        return slots

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return the cells of a schedule that the window covers."""
        months, days = np.zeros(MONTHS_PER_YEAR, dtype=bool), np.zeros(len(DAY_TYPES), dtype=bool)
        months[[month - 1 for month in self.months or range(1, MONTHS_PER_YEAR + 1)]] = True
        days[[number for name in self.days or DAY_TYPES for number in _DAY_GROUPS[name]]] = True
        return months[:, None, None] & days[None, :, None] & self.slots()[None, None, :]


class Windows(Window, frozen=True):
    """One window, or a list of them."""

    when: (
        Annotated[
            tuple[Window, ...],
            about(
                "In place of months, days and hours",
                min_length=1,
                right="a list of one window or more, such as [{ days = ['weekday'], hours = [[7, 12]] }]",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        for name in ("months", "days", "hours"):
            if self.when is not None and getattr(self, name) is not None:
                raise Refusal(name, "stands beside when; put it into each window there")
        Window.__post_init__(self)

    def windows(self) -> Sequence[Window]:
        """Return the windows."""
        return (self,) if self.when is None else self.when


def cells_of(periods: Sequence[Windows]) -> Cells:
    """Return for each cell the number of the first of `periods` that covers it, or −1.

    Notes
    -----
    A holiday is billed as a Sunday, unless some window of the structure names ``holiday``.
    """
    cells = np.full(SCHEDULE_SHAPE, -1, dtype=np.int8)
    for number, period in reversed(list(enumerate(periods))):
        for window in period.windows():
            cells[window.mask()] = number
    named = {day for period in periods for window in period.windows() for day in window.days or ()}
    if "holiday" not in named:
        cells[:, HOLIDAY] = cells[:, SUNDAY]
    return cells


def check_complete(cells: Cells) -> None:
    """Refuse periods that leave a time without a rate."""
    holes = np.argwhere(cells < 0)
    if len(holes):
        month, day, slot = (int(part) for part in holes[0])
        hour, minute = divmod(slot * _MINUTES_PER_SLOT, 60)
        moment = f"{date(2001, month + 1, 1):%B}, {DAY_TYPES[day]}, {hour:02d}:{minute:02d}"
        raise Refusal(
            "periods", f"leave a time without a rate: {moment}; a last period without days and hours takes the rest"
        )


def _slot_of(value: float | str) -> int | None:
    """Return the quarter hour that `value` means, 0–96, or None."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{1,2}):([0-5]\d)", value)
        if match is None:
            return None
        value = int(match[1]) + int(match[2]) / 60
    slot = value * SLOTS_PER_HOUR
    return round(slot) if 0 <= value <= 24 and abs(slot - round(slot)) < 1e-9 else None
