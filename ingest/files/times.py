"""Times of interval files: from text to UTC, with the hours that a clock change repeats or skips. Pure.

A wall-clock time within the repeated hour of autumn stands for two moments. In a file whose times run one way the order
tells which: the clock is seen to jump back. A wall-clock time within the skipped hour of spring stands for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.storage.plausibility import REJECT_IN_FUTURE
from lib.date_utils import EARLIEST_YEAR
from lib.errors import DataError

ISO_FORMAT = "ISO8601"
_DATES = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
    "%d-%b-%Y", "%d %b %Y", "%b %d, %Y",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
# Dates alone would say nothing of an interval, but a file may write midnight without its 00:00.
CANDIDATE_FORMATS = (ISO_FORMAT, *(f"{day} {time}" for day, time in product(_DATES, _TIMES)), *_DATES)

REJECT_TIME = "unreadable_time"
REJECT_SKIPPED_HOUR = "skipped_local_hour"
REJECT_AMBIGUOUS = "ambiguous_local_hour"
REJECT_TOO_OLD = "too_old"

_HAS_OFFSET = r"(?:[Zz]|[+-]\d{2}:?\d{2})$"
_MIDNIGHT_24 = r"(?<=[T ])24:00(?::00)?$"
_DAY_S = 86_400
_FIRST_YEAR, _LAST_YEAR = 1700, 2200

Floats = npt.NDArray[np.float64]


def count_readable(text: pd.Series, formats: Iterable[str]) -> Counter[str]:
    """Return format → how many of the times it reads; formats that read none are left out."""
    written = text.value_counts()
    plain = written.index.to_series().str.strip().str.replace(_MIDNIGHT_24, "00:00", regex=True)
    counts = {name: int(written[_parse(plain, name).notna().to_numpy()].sum()) for name in formats}
    return Counter({name: count for name, count in counts.items() if count})


def choose_format(readable: Counter[str], label: str) -> str:
    """Return the one format that reads the most times of a whole file.

    Raises
    ------
    DataError
        When none does, or day and month can be told apart nowhere in the file.
    """
    if not readable:
        raise DataError(f"{label}: the times cannot be read; write them as 2026-01-20 06:15, or give --date-format")
    most = max(readable.values())
    best = [name for name in CANDIDATE_FORMATS if readable[name] == most]
    if len(best) > 1:
        raise DataError(f"{label}: its dates fit {' and '.join(best)}; say which with --date-format")
    return best[0]


def parse_walls(text: pd.Series, date_format: str) -> tuple[pd.Series, Floats]:
    """Return the wall-clock time of each text, and its moment where the text bears an offset.

    Parameters
    ----------
    text
        Times as the file writes them. ``24:00`` is the midnight that ends its day.

    Returns
    -------
    pd.Series
        Naive datetime64 to the second; NaT where it cannot be read.
    (n,) floats
        Epoch seconds of the times with an offset; NaN elsewhere.
    """
    # The channels of a long file share their times, and each is read once.
    codes, written = pd.factorize(text.fillna(""))
    wall, exact = _parse_distinct(pd.Series(written), date_format)
    return pd.Series(wall.to_numpy()[codes], index=text.index), exact[codes]


def to_moments(
    wall: pd.Series, exact: Floats, channel: npt.NDArray[np.int64], clock: ZoneInfo, interval_s: float, is_end: bool
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Return the start of each interval in epoch seconds, NaN where there is none, and the reason for that or "".

    Parameters
    ----------
    wall, exact
        As `parse_walls` returns them, in the file's order; the rows of one local day together.
    channel
        Number of the channel of each row: the order of times is looked at within it.
    clock
        Zone of the wall-clock times.
    interval_s
        Length of the intervals [s].
    is_end
        Whether the times are the intervals' ends.
    """
    reason = np.full(len(wall), "", dtype=object)
    moment = exact.copy()
    is_naive = np.isnan(exact)
    readable = is_naive & wall.notna().to_numpy()
    if readable.any():
        local = wall[readable]
        if is_end:
            local = _late_midnights(local, channel[readable], interval_s)
        moment[readable], reason[readable] = _localize(local, channel[readable], clock, is_end)
    reason[np.isnan(moment) & (reason == "")] = REJECT_TIME
    if is_end:
        moment -= interval_s
    return moment, reason


def repeated_hour_passes(step_s: Floats, is_ambiguous: npt.NDArray[np.bool_], shift_s: float) -> Floats:
    """Return for each row of one channel's local day whether it is before (0) or after (1) the clock went back.

    Parameters
    ----------
    step_s
        From the row before to this one on the wall clock [s]; NaN for the first.
    is_ambiguous
        Whether the row's wall-clock time occurs twice.
    shift_s
        By how much the clock goes back [s].

    Returns
    -------
    (n,) floats
        NaN where the order does not tell: the times run both ways. An hour that stands in the file once only is taken
        as the first.
    """
    steps = step_s[~np.isnan(step_s)]
    direction = 1.0 if (steps > 0).sum() >= (steps < 0).sum() else -1.0
    goes_on = np.concatenate(([False], is_ambiguous[1:] & is_ambiguous[:-1]))
    forward = direction * step_s
    shortest = np.min(np.abs(steps[steps != 0]), initial=shift_s)
    # Where the interval is as long as the shift, the clock jumps back to the very same time.
    is_back = goes_on & ((forward < 0) | ((forward == 0) & (shortest >= shift_s)))
    if is_back.sum() > 1 or (~is_back & (forward < 0)).any():
        return np.full(step_s.size, np.nan)
    if not is_back.any():
        return np.zeros(step_s.size)
    after = np.cumsum(is_back) > 0
    return (after if direction > 0 else ~after).astype(float)


def check_range(start_s: Floats, reason: npt.NDArray[np.object_], now_s: float, interval_s: float) -> None:
    """Enter the reason of intervals that are not over yet, or older than any meter, into `reason`."""
    earliest = pd.Timestamp(year=EARLIEST_YEAR, month=1, day=1, tz=UTC).timestamp()
    with np.errstate(invalid="ignore"):
        reason[(reason == "") & (start_s + interval_s > now_s)] = REJECT_IN_FUTURE
        reason[(reason == "") & (start_s < earliest)] = REJECT_TOO_OLD


def _parse_distinct(text: pd.Series, date_format: str) -> tuple[pd.Series, Floats]:
    plain = text.str.strip()
    ends_day = plain.str.contains(_MIDNIGHT_24, regex=True)
    plain = plain.where(~ends_day, plain.str.replace(_MIDNIGHT_24, "00:00", regex=True))
    has_offset = plain.str.contains(_HAS_OFFSET, regex=True).to_numpy()
    exact = np.full(len(plain), np.nan)
    wall = pd.Series(pd.NaT, index=text.index, dtype="datetime64[s]")
    if has_offset.any():
        exact[has_offset] = _to_epoch_s(
            _within_reach(
                pd.to_datetime(plain[has_offset], format=ISO_FORMAT, utc=True, errors="coerce").dt.tz_localize(None)
            )
        )
        wall[has_offset] = pd.to_datetime(exact[has_offset], unit="s").as_unit("s")
    if not has_offset.all():
        wall[~has_offset] = _parse(plain[~has_offset], date_format) + pd.to_timedelta(
            ends_day[~has_offset].astype("int64"), unit="D"
        )
    return wall, exact


def _localize(
    wall: pd.Series, channel: npt.NDArray[np.int64], clock: ZoneInfo, is_end: bool
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Return epoch seconds of wall-clock times, NaN where there are none, and the reason for that or ""."""
    first = wall.dt.tz_localize(clock, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    second = wall.dt.tz_localize(clock, ambiguous=np.zeros(len(wall), dtype=bool), nonexistent="shift_forward")
    early, late = (_to_epoch_s(series.dt.tz_convert("UTC").dt.tz_localize(None)) for series in (first, second))
    reason = np.full(len(wall), "", dtype=object)
    is_skipped = (first.dt.tz_localize(None) != wall).to_numpy(copy=True)
    if is_end and is_skipped.any():
        # An interval that ends as the clock jumps may bear the time that was about to come.
        before = (wall[is_skipped] - pd.Timedelta(seconds=1)).dt.tz_localize(clock, ambiguous="NaT", nonexistent="NaT")
        is_skipped[is_skipped] = before.isna().to_numpy()
    is_ambiguous = early != late
    passes = np.zeros(len(wall))
    if is_ambiguous.any():
        passes = _passes_by_day(wall, channel, is_ambiguous, (late - early)[is_ambiguous].max())
    moment = np.where(is_ambiguous & (passes > 0), late, early)
    reason[is_ambiguous & np.isnan(passes)] = REJECT_AMBIGUOUS
    reason[is_skipped] = REJECT_SKIPPED_HOUR
    moment[reason != ""] = np.nan
    return moment, reason


def _passes_by_day(
    wall: pd.Series, channel: npt.NDArray[np.int64], is_ambiguous: npt.NDArray[np.bool_], shift_s: float
) -> Floats:
    """Return `repeated_hour_passes` for the local days and channels that have a repeated hour, a few in a file."""
    passes = np.zeros(len(wall))
    seconds = _to_epoch_s(wall)
    day = seconds // _DAY_S
    for number, date in set(zip(channel[is_ambiguous].tolist(), day[is_ambiguous].tolist(), strict=True)):
        rows = np.flatnonzero((channel == number) & (day == date))
        step = np.diff(seconds[rows], prepend=np.nan)
        passes[rows] = repeated_hour_passes(step, is_ambiguous[rows], shift_s)
    return passes


def _late_midnights(wall: pd.Series, channel: npt.NDArray[np.int64], interval_s: float) -> pd.Series:
    """Return interval ends with the midnight that closes a day put after it, where the file dates it back.

    Some files write 00:15 … 23:45, 00:00 all with the day's own date. Such a midnight is a step back of a day less one
    interval from the row before, which no other order of times shows.
    """
    seconds = _to_epoch_s(wall)
    order = np.argsort(channel, kind="stable")
    step = np.diff(seconds[order], prepend=np.nan)
    step[np.diff(channel[order], prepend=-1) != 0] = np.nan
    is_late = np.zeros(len(wall), dtype=bool)
    is_late[order] = (step == interval_s - _DAY_S) & (seconds[order] % _DAY_S == 0)
    return wall + pd.to_timedelta(is_late.astype("int64"), unit="D")


def _parse(text: pd.Series, date_format: str) -> pd.Series:
    """Return naive times; a text with an offset in it is read as UTC, which serves to count what can be read."""
    parsed = pd.to_datetime(text, format=date_format, errors="coerce", utc=date_format == ISO_FORMAT)
    parsed = parsed.dt.tz_localize(None) if date_format == ISO_FORMAT else parsed
    return _within_reach(parsed).dt.round("s").dt.as_unit("s")


def _within_reach(naive: pd.Series) -> pd.Series:
    """Return times without those of years that no meter has seen and pandas, counting nanoseconds, cannot hold."""
    return naive.where(naive.dt.year.between(_FIRST_YEAR, _LAST_YEAR))


def _to_epoch_s(naive: pd.Series) -> Floats:
    """Return naive times as seconds since 1970, NaN for NaT."""
    return ((naive - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
