"""Turns what people write into schedules: named windows of months, days and hours, or URDB's 12 × 24 tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from config.tariff_model import (
    DAY_TYPES,
    HOLIDAY,
    MONTHS_PER_YEAR,
    SCHEDULE_SHAPE,
    SLOTS_PER_HOUR,
    SUNDAY,
    Schedule,
    schedule_of,
)
from config.toml_table import TomlTable

WINDOW_KEYS = ("months", "days", "hours", "when")
_DAY_GROUPS = {
    **{name: (number,) for number, name in enumerate(DAY_TYPES)},
    "weekday": (0, 1, 2, 3, 4),
    "weekend": (5, 6),
}
_MONTH_NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December")  # fmt: skip
_SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR
_MINUTES_PER_SLOT = 60 // SLOTS_PER_HOUR


def schedule_of_windows(periods: Sequence[TomlTable]) -> npt.NDArray[np.int8]:
    """Return for each cell the number of the first of `periods` that covers it, or −1.

    Parameters
    ----------
    periods
        Tables with `months` (1–12), `days` (mon … sun, weekday, weekend, holiday) and `hours` ([from, to) pairs on the
        local clock, such as ``[[7, 12], ["18:00", "21:30"]]``; a pair may run past midnight), or a list `when` of such
        tables. What is left out covers all.

    Notes
    -----
    A holiday is billed as a Sunday, unless some window of the structure names ``holiday``.
    """
    windows = [_windows_of(period) for period in periods]
    cells = np.full(SCHEDULE_SHAPE, -1, dtype=np.int8)
    for number, own in reversed(list(enumerate(windows))):
        for window in own:
            cells[_window_mask(window)] = number
    if not any("holiday" in window.values.get("days", ()) for own in windows for window in own):
        cells[:, HOLIDAY] = cells[:, SUNDAY]
    return cells


def _windows_of(period: TomlTable) -> list[TomlTable]:
    if "when" not in period.values:
        return [period]
    for name in ("months", "days", "hours"):
        if name in period.values:
            period.refuse(name, f"stands beside {period.key('when')}; put it into each window there")
    windows = period.tables("when")
    if not windows:
        period.refuse_value("when", "a list of one window or more, such as [{ days = ['weekday'], hours = [[7, 12]] }]")
    for window in windows:
        window.allow_only("months", "days", "hours")
    return windows


def _window_mask(window: TomlTable) -> npt.NDArray[np.bool_]:
    months, days = np.zeros(MONTHS_PER_YEAR, dtype=bool), np.zeros(len(DAY_TYPES), dtype=bool)
    months[[month - 1 for month in months_of(window)]] = True
    days[_days_of(window)] = True
    return months[:, None, None] & days[None, :, None] & _slots_of(window)[None, None, :]


def months_of(window: TomlTable) -> list[int]:
    """Return the months, 1–12, that the key `months` names; all where it is left out."""
    value = window.values.get("months", list(range(1, MONTHS_PER_YEAR + 1)))
    if isinstance(value, list) and value and all(type(m) is int and 1 <= m <= MONTHS_PER_YEAR for m in value):
        return value
    return window.refuse_value("months", "a list of months from 1 to 12, such as [6, 7, 8, 9]")


def _days_of(window: TomlTable) -> list[int]:
    value = window.values.get("days", list(DAY_TYPES))
    if isinstance(value, list) and value and all(isinstance(d, str) and d in _DAY_GROUPS for d in value):
        return [number for name in value for number in _DAY_GROUPS[name]]
    return window.refuse_value("days", "a list out of " + ", ".join(_DAY_GROUPS))


def _slots_of(window: TomlTable) -> npt.NDArray[np.bool_]:
    slots = np.zeros(_SLOTS_PER_DAY, dtype=bool)
    value = window.values.get("hours", [[0, 24]])
    if not isinstance(value, list) or not value:
        window.refuse_value("hours", _HOURS_RIGHT)
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            window.refuse_value("hours", _HOURS_RIGHT)
        first, last = (_slot_of(end) for end in pair)
        if first is None or last is None or first in (last, _SLOTS_PER_DAY):
            window.refuse_value("hours", _HOURS_RIGHT)
        if first < last:
            slots[first:last] = True
        else:
            slots[first:], slots[:last] = True, True
    return slots


_HOURS_RIGHT = "a list of [from, to] pairs in hours (7, 8.5) or texts ('08:30'), on the quarter hour, from 0 to 24"


def _slot_of(value: Any) -> int | None:
    """Return the quarter hour that `value` means, 0–96, or None."""
    if isinstance(value, str):
        hour, _, minute = value.partition(":")
        if not (hour.isdigit() and minute.isdigit() and len(minute) == 2 and int(minute) < 60):
            return None
        value = int(hour) + int(minute) / 60
    if type(value) not in (int, float) or not 0 <= value <= 24:
        return None
    slot = value * SLOTS_PER_HOUR
    return round(slot) if abs(slot - round(slot)) < 1e-9 else None


def check_complete(table: TomlTable, name: str, cells: npt.NDArray[np.int8]) -> Schedule:
    """Return the schedule of `cells`, or raise a ConfigError that names a time for which no period is given."""
    holes = np.argwhere(cells < 0)
    if len(holes):
        month, day, slot = holes[0]
        hour, minute = divmod(int(slot) * _MINUTES_PER_SLOT, 60)
        moment = f"{_MONTH_NAMES[month]}, {DAY_TYPES[day]}, {hour:02d}:{minute:02d}"
        table.refuse(
            name, f"leave a time without a rate: {moment}; a last period without days and hours takes the rest"
        )
    return schedule_of(cells)


def schedule_of_tables(table: TomlTable, weekday: str, weekend: str, count: int) -> npt.NDArray[np.int8]:
    """Return the cells of URDB's two tables of 12 rows (months) of 24 period numbers; holidays follow the weekend's."""
    cells = np.empty(SCHEDULE_SHAPE, dtype=np.int8)
    cells[:, :5] = _table_of(table, weekday, count)[:, None, :]
    cells[:, 5:] = _table_of(table, weekend, count)[:, None, :]
    return cells


def _table_of(table: TomlTable, name: str, count: int) -> npt.NDArray[np.int64]:
    rows = table.values.get(name)
    right = f"12 rows (January first) of 24 period numbers from 0 to {count - 1}"
    if not isinstance(rows, list) or len(rows) != MONTHS_PER_YEAR:
        table.refuse_value(name, right)
    for row in rows:
        if not (isinstance(row, list) and len(row) == 24 and all(type(n) is int and 0 <= n < count for n in row)):
            table.refuse_value(name, right)
    return np.repeat(np.array(rows, dtype=np.int64), SLOTS_PER_HOUR, axis=1)
