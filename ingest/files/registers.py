"""From the readings of a register, which only counts up, to the use of each interval. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def differences(
    rows: pd.DataFrame,
    channel: str,
    interval_s: int,
    rollover: float | None,
    counters: dict[tuple[str, str], tuple[float, float]],
    *,
    is_read_at_end: bool,
) -> tuple[pd.DataFrame, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the use of each interval that two readings of a register enclose.

    Parameters
    ----------
    rows
        `timestamp` (epoch seconds, ascending) and columns of the register's readings.
    interval_s
        Length of the intervals [s]; a hole between two readings is longer, and its use is not known by interval.
    rollover
        What the register counts to before it begins at zero, in the unit of `rows`; None where it does not.
    counters
        (channel, column) → moment and reading with which the part before ended; kept up.
    is_read_at_end
        A row's time is the start of its interval, and the register was read at its end; else the register was read at
        that time, and the interval that begins there ends with the next row.

    Returns
    -------
    pd.DataFrame
        The same columns with the differences.
    used, reset
        Positions in `rows` from which they are, and those where the register fell.
    """
    time_s = rows["timestamp"].to_numpy(dtype=float)
    kept = np.zeros(len(rows), dtype=bool)
    fell = np.zeros(len(rows), dtype=bool)
    columns: dict[str, npt.NDArray[np.float64]] = {}
    start_s = time_s if is_read_at_end else time_s - interval_s
    for column in rows.columns.drop("timestamp"):
        before_s, before = counters.get((channel, column), (np.nan, np.nan))
        value = rows[column].to_numpy(dtype=float)
        step = np.diff(value, prepend=before)
        is_next = np.diff(time_s, prepend=before_s) == interval_s
        is_fall = step < 0
        if rollover is not None:
            step = np.where(is_fall, step + rollover, step)
            is_fall = step < 0
        fell |= is_fall & is_next
        usable = is_next & ~is_fall & ~np.isnan(step)
        kept |= usable
        columns[column] = np.where(usable, step, np.nan)
        if len(rows):
            counters[(channel, column)] = (float(time_s[-1]), float(value[-1]))
    result = pd.DataFrame({"timestamp": start_s.astype(np.int64), **columns})
    used = np.flatnonzero(kept)
    return result.iloc[used].reset_index(drop=True), used, np.flatnonzero(fell & ~kept)
