"""Times of interval files: from text to UTC, with the hours that a clock change repeats or skips. Pure.

A wall-clock time within the repeated hour of autumn stands for two moments. In a file whose times run one way the order
tells which: the clock is seen to jump back. A wall-clock time within the skipped hour of spring stands for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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
EPOCH_S, EPOCH_MS, EXCEL_DAYS = "epoch seconds", "epoch milliseconds", "days of Excel"
_DATES = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
    "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d-%b-%y",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%H%M", "%H.%M")
_NUMBER_FORMATS = (EPOCH_S, EPOCH_MS, EXCEL_DAYS)
# Dates alone would say nothing of an interval, but a file may write midnight without its 00:00.
CANDIDATE_FORMATS = (
    ISO_FORMAT, *(f"{day} {time}" for day, time in product(_DATES, _TIMES)), "%Y%m%d%H%M", "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S", *_NUMBER_FORMATS, *_DATES,
)  # fmt: skip

REJECT_TIME = "unreadable_time"
REJECT_SKIPPED_HOUR = "skipped_local_hour"
REJECT_AMBIGUOUS = "ambiguous_local_hour"
REJECT_TOO_OLD = "too_old"

# A time of day, and its offset: Z, UTC, +00, -05:00, " -0500".
_OFFSET = r"^(.*\d:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?)\s*(?:([+-])(\d{2}):?(\d{2})?|[Zz]|UTC|GMT)$"
# A word behind a time of day: EST, CEST, ET.
_ZONE_WORD = r"^(.*\d(?:\s?[AaPp]\.?[Mm]\.?)?)\s*\(?(?!AM\b|PM\b)([A-Z]{2,5})\)?$"
_MIDNIGHT_24 = r"(?<=[T ])24(?=(?::00){0,2}$)"
# Spaces on both sides: " -05:00" is an offset.
_RANGE = r"\s*(\d.*?\d:\d{2}.*?)\s+(?:to|until|bis|-|–|—)\s+\d.*"
_MOMENT = r"^@(\d+)\s*$"  # as `ingest.files.day_rows` writes it
_HALF_DAY = r"\s*([AaPp])\.?\s?[Mm]\.?"
_DAY_S = 86_400
_FIRST_YEAR, _LAST_YEAR = 1700, 2200
_PROBED_TEXTS = 200
_FIRST_EPOCH_S, _LAST_EPOCH_S = 315_532_800, 4_102_444_800  # 1980 to 2100
_EXCEL_EPOCH_DAYS = 25_569  # 1970-01-01 as Excel counts
_EXCEL_FIRST_DAY, _EXCEL_LAST_DAY = 29_221, 73_051  # 1980 to 2100
_EXCEL_ROUNDING_S = 5.0  # four decimals of a day

Floats = npt.NDArray[np.float64]


def start_of_range(text: pd.Series) -> pd.Series:
    """Return the starts of texts such as ``2026-03-02 00:00 to 2026-03-02 01:00``; other texts as they are."""
    return text.str.replace(_RANGE, r"\1", regex=True)


def are_ranges(text: pd.Series) -> bool:
    """Return whether all texts name a start and an end."""
    known = text.dropna()
    return bool(len(known)) and bool(known.str.fullmatch(_RANGE).all())


def count_readable(text: pd.Series, formats: Iterable[str]) -> Counter[str]:
    """Return format → how many of the times it reads; formats that read none are left out."""
    written = text.value_counts()
    plain = written.index.to_series().reset_index(drop=True)
    signs = set("".join(plain.iloc[:: max(len(plain) // _PROBED_TEXTS, 1)].tolist()).casefold())
    formats = [name for name in formats if _could_fit(name, signs)]
    counts = {name: int(written[_parse_distinct(plain, name, {})[0].notna().to_numpy()].sum()) for name in formats}
    return Counter({name: count for name, count in counts.items() if count})


def _could_fit(date_format: str, signs: set[str]) -> bool:
    """Return whether texts of these signs can be of a format: trying all on every text would cost too much."""
    if date_format in _NUMBER_FORMATS:
        return True
    day, _, _ = date_format.partition(" ")
    needed = {sign for sign in "/.," if sign in day} | ({"m"} if "%p" in date_format else set())
    needed |= {":"} if ":" in date_format else {"."} if "%H.%M" in date_format else set()
    has_month = "%b" not in date_format or bool(signs & set("aeou"))
    return needed <= signs and has_month and ("-" not in day or "-" in signs or date_format == ISO_FORMAT)


def choose_format(
    readable: Counter[str],
    label: str,
    *,
    month_first: bool | None = None,
    joined: Mapping[str, int] | None = None,
) -> str:
    """Return the one format that reads the most times of a whole file.

    Parameters
    ----------
    month_first
        Of 01/02/2026, whether the file's format is known to put the month first; None where nothing says it.
    joined
        Format → how many rows come one interval after the row before: read the wrong way, the days of a record do not
        follow each other.

    Raises
    ------
    DataError
        When none does, or day and month can be told apart nowhere in the file.
    """
    if not readable:
        raise DataError(
            f"{label}: the times cannot be read; give --date-format, such as '%d/%m/%Y %H:%M', or export them in full "
            "(a spreadsheet rounds 1772427600000 to 1.77243E+12)"
        )
    most = max(readable.values())
    best = [name for name in readable if readable[name] == most]
    if ISO_FORMAT in best:
        return ISO_FORMAT
    if len(best) > 1 and month_first is not None:
        best = [name for name in best if name.lstrip("%").startswith("m" if month_first else "d")] or best
    if len(best) > 1 and joined:
        most = max(joined.get(name, 0) for name in best)
        best = [name for name in best if joined.get(name, 0) == most]
    if len(best) > 1:
        raise DataError(f"{label}: its dates fit {' and '.join(best)}; say which with --date-format '{best[0]}'")
    return best[0]


def zone_words(text: pd.Series) -> set[str]:
    """Return the words of zones that stand behind the times, such as EST and EDT; UTC and GMT are offsets."""
    distinct = pd.Series(text.dropna().unique(), dtype=object)
    ends = distinct[distinct.str.contains(r"[A-Z]\)?\s*$", regex=True)].str.strip()
    words = set(ends.str.extract(_ZONE_WORD)[1].dropna().unique().tolist()) if len(ends) else set()
    return words - {"UTC", "GMT", "AM", "PM"}


def parse_walls(
    text: pd.Series, date_format: str, word_offsets_s: Mapping[str, int] | None = None
) -> tuple[pd.Series, Floats]:
    """Return the wall-clock time of each text, and its moment where the text bears an offset.

    Parameters
    ----------
    text
        Times as the file writes them. ``24:00`` is the midnight that ends its day.
    word_offsets_s
        Word of a zone behind a time → its offset [s]; words that it does not have say nothing.

    Returns
    -------
    pd.Series
        Naive datetime64 to the second; NaT where it cannot be read.
    (n,) floats
        Epoch seconds of the times with an offset; NaN elsewhere.
    """
    # The channels of a long file share their times, and each is read once.
    codes, written = pd.factorize(text.fillna(""))
    wall, exact = _parse_distinct(pd.Series(written), date_format, word_offsets_s or {})
    return pd.Series(wall.to_numpy()[codes], index=text.index), exact[codes]


def to_moments(
    wall: pd.Series,
    exact: Floats,
    channel: npt.NDArray[np.int64],
    clock: ZoneInfo,
    interval_s: float,
    is_end: bool,
    *,
    is_strict: bool = False,
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
    is_strict
        An hour that the clock repeats, and that stands once, is ambiguous, not the first of the two.
    """
    reason = np.full(len(wall), "", dtype=object)
    moment = exact.copy()
    is_naive = np.isnan(exact)
    readable = is_naive & wall.notna().to_numpy()
    if readable.any():
        local = wall[readable]
        if is_end:
            local = _late_midnights(local, channel[readable], interval_s)
        own = channel[readable]
        if is_end and keeps_clock(local, own, clock, interval_s):
            starts = local - pd.Timedelta(seconds=interval_s)
            moment[readable], reason[readable] = _localize(starts, own, clock, is_end=False, is_strict=is_strict)
            moment[readable] += interval_s
        else:
            moment[readable], reason[readable] = _localize(local, own, clock, is_end, is_strict=is_strict)
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


def _parse_distinct(text: pd.Series, date_format: str, word_offsets_s: Mapping[str, int]) -> tuple[pd.Series, Floats]:
    plain = text.str.strip()
    if date_format in _NUMBER_FORMATS:
        return _parse_counts(plain, date_format)
    parts = plain.str.extract(_OFFSET)
    has_offset = parts[0].notna().to_numpy()
    plain = parts[0].where(has_offset, plain)
    words = None
    if any(one[-1:] == ")" or one[-1:].isupper() for one in plain):
        words = plain.str.extract(_ZONE_WORD)
        plain = words[0].where(words[1].notna(), plain)
    ends_day = plain.str.contains(_MIDNIGHT_24, regex=True)
    if ends_day.any():
        plain = plain.where(~ends_day, plain.str.replace(_MIDNIGHT_24, "00", regex=True))
    wall = _parse(plain, date_format) + pd.to_timedelta(ends_day.astype("int64"), unit="D")
    exact = np.full(len(plain), np.nan)
    if has_offset.any():
        sign = np.where(parts[1] == "-", -1, 1)
        hours, minutes = (pd.to_numeric(parts[n]).fillna(0).to_numpy() for n in (2, 3))
        exact = np.where(has_offset, _to_epoch_s(wall) - sign * (hours * 3600 + minutes * 60), np.nan)
    if words is not None and word_offsets_s:
        word_s = words[1].map(word_offsets_s).to_numpy(dtype=float)
        exact = np.where(np.isnan(word_s), exact, _to_epoch_s(wall) - word_s)
    moments = text.str.extract(_MOMENT)[0]
    if moments.notna().any():
        is_moment = moments.notna().to_numpy()
        exact[is_moment] = moments[is_moment].astype("int64").to_numpy()
        wall[is_moment] = pd.to_datetime(exact[is_moment], unit="s").as_unit("s")
    return wall, exact


def _parse_counts(text: pd.Series, date_format: str) -> tuple[pd.Series, Floats]:
    """Return times that are written as a number: epoch seconds or milliseconds, or days of Excel on the wall clock."""
    digits = {EPOCH_S: r"\d{9,10}(?:\.\d+)?", EPOCH_MS: r"\d{12,13}(?:\.0+)?", EXCEL_DAYS: r"\d{5}(?:\.\d+)?"}
    count = pd.to_numeric(text.where(text.str.fullmatch(digits[date_format])), errors="coerce").to_numpy(dtype=float)
    if date_format == EXCEL_DAYS:
        seconds = (count - _EXCEL_EPOCH_DAYS) * _DAY_S
        minute = np.round(seconds / 60) * 60
        seconds = np.where(np.abs(seconds - minute) <= _EXCEL_ROUNDING_S, minute, np.round(seconds))
        seconds[~((count >= _EXCEL_FIRST_DAY) & (count <= _EXCEL_LAST_DAY))] = np.nan
    else:
        seconds = np.round(count / (1000 if date_format == EPOCH_MS else 1))
        seconds[~((seconds >= _FIRST_EPOCH_S) & (seconds <= _LAST_EPOCH_S))] = np.nan
    wall = pd.Series(pd.to_datetime(seconds, unit="s"), index=text.index).dt.as_unit("s")
    return wall, np.full(len(text), np.nan) if date_format == EXCEL_DAYS else seconds


def keeps_clock(wall: pd.Series, channel: npt.NDArray[np.int64], clock: ZoneInfo, interval_s: float) -> bool:
    """Return whether ends are their start's clock plus the interval, where autumn repeats an hour: 1:45, 2:00, 1:15.

    By the clock itself the first pass ends at 1:00 (1:45, 1:00, 1:15): then that label stands twice, and 2:00 once.
    """
    early, late = (
        wall.dt.tz_localize(clock, ambiguous=np.full(len(wall), is_first), nonexistent="shift_forward")
        for is_first in (True, False)
    )
    repeated = (early != late).to_numpy()
    if not repeated.any():
        return False
    # The label that ends the hour is the first behind it, which is no longer repeated.
    before = (wall - pd.Timedelta(seconds=1)).dt.tz_localize(clock, ambiguous="NaT", nonexistent="shift_forward")
    is_last = before.isna().to_numpy() & ~repeated & wall.notna().to_numpy()
    table = pd.DataFrame({"channel": channel, "wall": wall.to_numpy()})
    return bool(table[is_last].duplicated().any())


def _localize(
    wall: pd.Series,
    channel: npt.NDArray[np.int64],
    clock: ZoneInfo,
    is_end: bool,
    *,
    is_strict: bool = False,
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
        if is_strict:
            passes[is_ambiguous] = np.where(_stands_twice(wall, channel)[is_ambiguous], passes[is_ambiguous], np.nan)
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


def _stands_twice(wall: pd.Series, channel: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    table = pd.DataFrame({"channel": channel, "wall": wall.to_numpy()})
    return table.duplicated(keep=False).to_numpy()


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
    """Return naive times; a date without a time of day is its midnight."""
    if "%p" in date_format:
        text = text.str.replace(_HALF_DAY, lambda found: f" {found[1].upper()}M", regex=True)
        date_format = date_format.replace("%M%p", "%M %p")
    if date_format == ISO_FORMAT:
        text = text.where(~text.str.fullmatch(r"[\d.]+", na=False))
    parsed = _within_reach(pd.to_datetime(text, format=date_format, errors="coerce"))
    day, _, time = date_format.partition(" ")
    if time.startswith(("%H:", "%I:")):
        is_day = parsed.isna() & ~text.str.contains(":", regex=False, na=True)
        if is_day.any():
            parsed = parsed.fillna(_within_reach(pd.to_datetime(text[is_day], format=day, errors="coerce")))
    return parsed.dt.round("s").dt.as_unit("s")


def _within_reach(naive: pd.Series) -> pd.Series:
    """Return times without those of years that no meter has seen and pandas, counting nanoseconds, cannot hold."""
    return naive.where(naive.dt.year.between(_FIRST_YEAR, _LAST_YEAR))


def _to_epoch_s(naive: pd.Series) -> Floats:
    """Return naive times as seconds since 1970, NaN for NaT."""
    return ((naive - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
