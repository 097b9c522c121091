"""Windows, local days and the interval grid. Pure: no clock, no settings; `now` is always an argument.

Everything is kept in UTC and labelled by the interval's start. A site's local day has 23, 24 or 25 hours, so days and
weeks are counted on the local calendar and only then turned into UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from lib.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

HOURS_PER_WEEK = 168
_EPOCH_HOUR_OF_WEEK = 3 * 24  # 1 January 1970 was a Thursday
_QUARTER_S, _LEAST_QUARTERS = 900, 4 * 24 * 31  # a span up to which every quarter hour is looked up
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_LONGEST_REMAINDER = timedelta(hours=1)
# The newest interval may still be filling while the devices upload, and what is stored first stays: an ingest asks for
# none that ended less than this before it began.
SETTLING_TIME = timedelta(minutes=10)
# From the moment up to which an ingest asks until its readings are reported on: the interval that it cut off (an hour
# at most), the run itself, refresh and validation.
INGEST_TO_REPORT_TIME = timedelta(hours=3)
# Sub-meters of this kind are younger; a year outside is a slip of the keyboard.
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200


class Window(NamedTuple):
    """A stretch of time in UTC: `start` included, `end` excluded."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{format_utc(self.start)}..{format_utc(self.end)}"


def format_utc(moment: datetime) -> str:
    """Return `moment` as ``2026-01-20T05:00Z``, with seconds only where it has any."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if moment.second else "%Y-%m-%dT%H:%MZ")


def parse_timezone(name: str) -> ZoneInfo:
    """Return the IANA time zone called `name`.

    Raises
    ------
    UsageError
        When no such zone exists.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as err:  # OSError: a name that is a folder, such as "America"
        raise UsageError(f"unknown time zone {name!r}; give an IANA name such as America/New_York") from err


def local_midnight(day: date, tz: ZoneInfo) -> datetime:
    """Return the UTC moment at which the local day `day` begins.

    Where a clock change skips midnight (as in some zones of the Americas), it is the first moment that exists.
    """
    return datetime.combine(day, time(), tzinfo=tz).astimezone(UTC)


def local_day_window(first: date, last: date, tz: ZoneInfo) -> Window:
    """Return the window of the local days from `first` to `last`, both included."""
    return Window(local_midnight(first, tz), local_midnight(last + timedelta(days=1), tz))


def align_down(moment: datetime, interval_s: int) -> datetime:
    """Return the last multiple of `interval_s` on the UTC clock that is not after `moment`."""
    epoch = int(moment.timestamp() // interval_s) * interval_s
    return datetime.fromtimestamp(epoch, UTC)


def align_up(moment: datetime, interval_s: int) -> datetime:
    """Return the first multiple of `interval_s` on the UTC clock that is not before `moment`."""
    aligned = align_down(moment, interval_s)
    return aligned if aligned == moment else aligned + timedelta(seconds=interval_s)


def _parse_when(text: str, option: str) -> date | datetime:
    try:
        if len(text) <= len("2026-01-20"):
            value: date | datetime = date.fromisoformat(text)
        else:
            value = datetime.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"{option} {text!r} should be a date (2026-01-20), or a date-time with offset") from err
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise UsageError(f"{option} {text!r} is not between {EARLIEST_YEAR} and {LATEST_YEAR}; check the year")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(f"{option} {text!r} has no offset; write {text}-05:00, or a bare date for a local day")
        return value.astimezone(UTC)
    return value


def parse_start(text: str, tz: ZoneInfo, option: str = "--start") -> datetime:
    """Return the UTC moment that `--start` means: the local day's beginning, or the exact moment.

    `option` is the name of the option that said it, for messages.
    """
    value = _parse_when(text, option)
    return value if isinstance(value, datetime) else local_midnight(value, tz)


def parse_end(text: str, tz: ZoneInfo, option: str = "--end") -> datetime:
    """Return the exclusive UTC moment that `--end` means: the local day's close, or the exact moment."""
    value = _parse_when(text, option)
    return value if isinstance(value, datetime) else local_midnight(value + timedelta(days=1), tz)


def resolve_window(
    start: str | None, end: str | None, days: int, tz: ZoneInfo, now: datetime, interval_s: int
) -> Window:
    """Return the window that the arguments ask for, on the interval grid and not beyond the last whole interval.

    Parameters
    ----------
    start, end
        What the operator wrote, or None. Without `end` the window ends now; without `start` it begins `days` local
        days before the end, and without both at a midnight, so that ``--days 1`` at any hour holds the whole of
        yesterday and today so far.
    days
        Local days, one or more.
    interval_s
        The grid in seconds. `start` is moved down to it and `end` up: a window off the grid would make the service
        return near-duplicates of stored intervals.

    Raises
    ------
    UsageError
        When the dates are malformed, in reverse, or wholly in the future.
    """
    last_whole = align_down(now, interval_s)
    end_utc = last_whole if end is None else min(align_up(parse_end(end, tz), interval_s), last_whole)
    if start is not None:
        start_utc = parse_start(start, tz)
    elif end is not None:
        start_utc = days_before(parse_end(end, tz), days, tz)
    else:
        start_utc = local_midnight(last_whole.astimezone(tz).date() - timedelta(days=days), tz)
    start_utc = align_down(start_utc, interval_s)
    if start_utc >= last_whole:
        raise UsageError(f"the window starts at {format_utc(start_utc)}, in the future; choose an earlier --start")
    if start_utc >= end_utc:
        raise UsageError(
            f"the window ends ({format_utc(end_utc)}) before it starts ({format_utc(start_utc)}); give a later --end"
        )
    return Window(start_utc, end_utc)


def last_complete_week(now: datetime, tz: ZoneInfo) -> tuple[date, date]:
    """Return Monday and Sunday of the last local week that is wholly over at `now`."""
    today = now.astimezone(tz).date()
    monday = today - timedelta(days=today.weekday() + 7)
    return monday, monday + timedelta(days=6)


def last_seven_days(now: datetime, tz: ZoneInfo) -> Window:
    """Return the seven whole local days before today's."""
    today = now.astimezone(tz).date()
    return local_day_window(today - timedelta(days=7), today - timedelta(days=1), tz)


def last_complete_month(today: date) -> date:
    """Return the first day of the month before `today`'s."""
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def add_months(month: date, count: int) -> date:
    """Return the first day of the month `count` months after (or before) the one that begins on `month`."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def reportable_until(now: datetime, ingested_until: datetime | None, *, is_of_files: bool = False) -> datetime:
    """Return the moment up to which readings can have been ingested by `now`.

    Parameters
    ----------
    ingested_until
        Up to where the latest ingest asked, UTC; None where there was none. Where that is `INGEST_TO_REPORT_TIME` ago
        or less, an ingest has just done what could be done. An older one moves nothing: a sync that fails on Monday
        must not turn the report into one on the week before.
    is_of_files
        Whether the site's readings are imported: nobody is late with what its files do not hold.
    """
    if is_of_files and ingested_until is not None:
        return min(ingested_until, now)
    if ingested_until is not None and now - ingested_until <= INGEST_TO_REPORT_TIME:
        return min(ingested_until, now)
    return now - SETTLING_TIME


def resolve_period(
    start: str | None,
    end: str | None,
    tz: ZoneInfo,
    now: datetime,
    ingested_until: datetime | None = None,
    *,
    is_of_files: bool = False,
) -> Window:
    """Return the period that a report or an analysis is about.

    Without `start` and `end` it is the last local week that can have been ingested to its end (`reportable_until`);
    with one of them, the seven local days that begin or close there.

    Raises
    ------
    UsageError
        When the dates are malformed, in reverse, or not wholly over at `now`.
    """
    if start is None and end is None:
        return local_day_window(
            *last_complete_week(reportable_until(now, ingested_until, is_of_files=is_of_files), tz), tz
        )
    start_utc = parse_start(start, tz) if start is not None else days_before(parse_end(end or "", tz), 7, tz)
    end_utc = parse_end(end, tz) if end is not None else days_before(start_utc, -7, tz)
    if start_utc >= end_utc:
        raise UsageError(
            f"the period ends ({format_utc(end_utc)}) before it starts ({format_utc(start_utc)}); give a later --end"
        )
    if end_utc > now:
        raise UsageError(f"the period ends at {format_utc(end_utc)}, in the future; choose days that are over")
    return Window(start_utc, end_utc)


def days_before(moment: datetime, days: int, tz: ZoneInfo) -> datetime:
    """Return the UTC moment `days` local days before `moment`, at the same wall-clock time."""
    local = moment.astimezone(tz)
    return (local.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=tz).astimezone(UTC)


def list_local_days(window: Window, tz: ZoneInfo) -> list[date]:
    """Return the local days that `window` touches, in order."""
    first = window.start.astimezone(tz).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(tz).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def split_window(window: Window, days: int) -> Iterator[Window]:
    """Yield consecutive windows of `days` × 24 h that together are `window`.

    The last one may be longer by what a clock change leaves over: a request of its own for one hour is a waste.
    """
    start = window.start
    while start < window.end:
        end = start + timedelta(days=days)
        if window.end - end <= _LONGEST_REMAINDER:
            end = window.end
        yield Window(start, end)
        start = end


def expected_intervals(window: Window, interval_s: int) -> int:
    """Return how many intervals of `interval_s` seconds start within `window`.

    A local day of 15-minute intervals has 96 of them, 92 when the clocks go forward and 100 when they go back.
    """
    return max(0, int((window.end - window.start).total_seconds()) // interval_s)


def add_local_time(readings: pd.DataFrame, tz: ZoneInfo) -> pd.DataFrame:
    """Return `readings` with the wall-clock columns that schedules and profiles need.

    Parameters
    ----------
    readings
        With `interval_start`, datetime64 in UTC.

    Returns
    -------
    pd.DataFrame
        The same rows with `local_time` (datetime64, naive wall clock), `local_hour` (0–23), `local_weekday`
        (0 = Monday) and `hour_of_week` (0–167, 0 = Monday 00:00). In the repeated hour of autumn two intervals share
        a wall-clock time; `interval_start` still tells them apart.
    """
    import numpy as np

    from lib.stats_utils import with_columns

    starts = readings["interval_start"].array
    # Of many meters few starts are distinct, and no zone has changed its clocks within a quarter hour since 1972: what
    # the wall clock shows is looked up once for each quarter hour.
    step, quarters = _number_quarters(starts.asi8 // (_QUARTER_S * _PER_SECOND[starts.unit]))
    offset_s = wall_seconds(quarters * _QUARTER_S, tz) - quarters * _QUARTER_S
    hour_of_week = ((quarters * _QUARTER_S + offset_s) // 3600 + _EPOCH_HOUR_OF_WEEK) % HOURS_PER_WEEK
    weekday = hour_of_week // 24
    wall = (starts.asi8 + (offset_s * _PER_SECOND[starts.unit])[step]).view(f"datetime64[{starts.unit}]")
    hour_of_week, local_hour, weekday = (
        values.astype(np.int16)[step] for values in (hour_of_week, hour_of_week - 24 * weekday, weekday)
    )
    columns = {"local_time": wall, "local_hour": local_hour, "local_weekday": weekday, "hour_of_week": hour_of_week}
    return with_columns(readings, columns)


def wall_seconds(epoch_s: npt.NDArray[np.int64], tz: ZoneInfo) -> npt.NDArray[np.int64]:
    """Return what the wall clock shows at `epoch_s` [s since 1970], as seconds since its own midnight of 1970."""
    import pandas as pd

    utc = pd.DatetimeIndex(epoch_s.astype("datetime64[s]"), tz="UTC")
    return utc.tz_convert(tz).tz_localize(None).as_unit("s").asi8


def _number_quarters(quarter: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each quarter hour its place among the distinct ones, or among all from the first on, and these."""
    import numpy as np

    first, last = (int(quarter.min()), int(quarter.max())) if quarter.size else (0, -1)
    if last - first >= max(quarter.size, _LEAST_QUARTERS):  # scattered over years
        quarters, place = np.unique(quarter, return_inverse=True)
        return place, quarters
    return quarter - first, np.arange(first, last + 1)
