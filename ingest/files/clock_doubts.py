"""Whether a file's wall-clock times are those of a zone's clock: what its days of clock changes prove. Pure.

A file that keeps standard time all year has the hour that spring skips, with values, and the hour that autumn repeats
once. Read by the clock, half of its year lies an hour off.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ingest.files.survey import FileFacts, channel_names, rows_of_use, time_text
from ingest.files.times import keeps_clock, parse_walls
from lib.errors import DataError

_DAY_S = 86_400
_HOUR_S = 3600
_SHORT_DAY_HOURS = 23
_ZONES_OF_WORDS = {
    "EST": "Etc/GMT+5", "EDT": "America/New_York", "ET": "America/New_York", "CST": "Etc/GMT+6",
    "CDT": "America/Chicago", "CT": "America/Chicago", "MST": "Etc/GMT+7", "MDT": "America/Denver",
    "MT": "America/Denver", "PST": "Etc/GMT+8", "PDT": "America/Los_Angeles", "PT": "America/Los_Angeles",
    "MEZ": "Etc/GMT-1", "CET": "Etc/GMT-1", "CEST": "Europe/Berlin", "MESZ": "Europe/Berlin", "BST": "Europe/London",
    "AEST": "Etc/GMT-10", "AEDT": "Australia/Sydney",
}  # fmt: skip


def check_clock(facts: FileFacts, clock: ZoneInfo) -> None:
    """Refuse a file whose times contradict the zone's clock, unless the operator says that they keep it.

    Raises
    ------
    DataError
        When they prove standard time, or leave open which pass of a repeated hour they are.
    """
    first, last = facts.tally.first_s.get(facts.date_format), facts.tally.last_s.get(facts.date_format)
    if facts.tally.zone_words and not facts.given.clock:
        _check_words(facts, clock)
        return
    if facts.given.clock or facts.is_counted or first is None or last is None or not facts.tally.has_wall:
        return
    changes = list_changes(clock, first, last)
    if not changes or facts.layout.is_register:
        return
    days = {day for day, _, _ in changes}
    found = [_rows_of_days(chunk, facts, days) for chunk in facts.table.chunks(None, "")]
    rows = pd.concat([one for one in found if len(one)] or [pd.DataFrame(columns=["day", "wall", "channel", "value"])])
    if rows.empty:
        return
    interval_s = min(facts.interval_s.values())
    seen_spring = False
    for day, gap_start, gap_end in changes:
        own = rows[rows["day"] == day]
        if own.empty:
            continue
        for _, one in own.groupby("channel"):
            if gap_end > gap_start:
                seen_spring |= _check_spring(one, facts, clock, day, gap_start, gap_end, interval_s)
            else:
                _check_autumn(one, facts, clock, day, gap_end, gap_start, interval_s, seen_spring)


def offsets_of(clock: ZoneInfo, first_s: float, last_s: float) -> dict[str, int]:
    """Return the words of a zone, such as EST and EDT, and their offsets [s], in the years of a record."""
    years = range(datetime.fromtimestamp(first_s, UTC).year, datetime.fromtimestamp(last_s, UTC).year + 1)
    moments = [datetime(year, month, 1, tzinfo=clock) for year in years for month in (1, 7)]
    return {moment.tzname() or "": int((moment.utcoffset() or timedelta(0)).total_seconds()) for moment in moments}


def _check_words(facts: FileFacts, clock: ZoneInfo) -> None:
    """Raise where the words of zones behind the times are not those of the zone, or not at these times."""
    words = sorted(facts.tally.zone_words)
    first, last = facts.tally.first_s[facts.date_format], facts.tally.last_s[facts.date_format]
    offsets_s = offsets_of(clock, first, last)
    unknown = [word for word in words if word not in offsets_s]
    if unknown:
        raise DataError(
            f"{facts.table.name}: its times end with {', '.join(words)}, and the clock of {clock} shows "
            f"{', '.join(offsets_s)}; give --clock {_ZONES_OF_WORDS.get(unknown[0], 'ZONE')}, the zone that they keep"
        )
    for chunk in facts.table.chunks(None, ""):
        text = time_text(rows_of_use(chunk, facts.layout), facts.layout)
        wall, exact = parse_walls(text, facts.date_format, offsets_s)
        known = ~np.isnan(exact) & wall.notna().to_numpy()
        shown = pd.Series(pd.to_datetime(exact[known], unit="s", utc=True)).dt.tz_convert(clock).dt.tz_localize(None)
        if (shown.to_numpy() != wall[known].to_numpy()).any():
            standard = _standard(clock, int(first // _DAY_S))
            raise DataError(
                f"{facts.table.name}: its times end with {', '.join(words)} also where the clock of {clock} shows "
                f"another; give --clock {standard} if they keep that all year, or --clock {clock} if it is only a name"
            )


def list_changes(clock: ZoneInfo, first_s: float, last_s: float) -> list[tuple[int, float, float]]:
    """Return the clock changes between two times of a wall clock [s since 1970 on it].

    Returns
    -------
    list of (day, before, after)
        Day since 1970, and the wall clock [s] before and after the change: it skips from `before` on to `after`, or
        goes back to it.
    """
    changes = []
    day = int(first_s // _DAY_S)
    while day <= last_s // _DAY_S:
        begin = datetime(1970, 1, 1) + timedelta(days=day)  # noqa: DTZ001  (of the wall clock)
        offsets = [(begin + timedelta(days=n)).replace(tzinfo=clock).utcoffset() for n in (0, 1)]
        if offsets[0] != offsets[1] and offsets[0] is not None and offsets[1] is not None:
            moment = begin.replace(tzinfo=clock).astimezone(UTC)
            for _ in range(4 * 24 + 8):
                later = moment + timedelta(minutes=15)
                if later.astimezone(clock).utcoffset() != moment.astimezone(clock).utcoffset():
                    break
                moment = later
            before = later.timestamp() + offsets[0].total_seconds()
            changes.append((day, before, later.timestamp() + offsets[1].total_seconds()))
        day += 1
    return changes


def _rows_of_days(chunk: pd.DataFrame, facts: FileFacts, days: set[int]) -> pd.DataFrame:
    """Return the rows of a chunk on some days: start on the wall clock [s], channel, and whether it has use."""
    chunk = rows_of_use(chunk, facts.layout)
    wall, exact = parse_walls(time_text(chunk, facts.layout), facts.date_format)
    seconds = ((wall - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(dtype=float)
    start = seconds - (min(facts.interval_s.values()) if facts.layout.is_end else 0)
    with np.errstate(invalid="ignore"):
        day = np.floor(start / _DAY_S)
    keep = np.isin(day, list(days)) & np.isnan(exact)
    chunk = chunk[keep]
    names = "" if facts.layout.meter is None else channel_names(chunk, facts.layout).to_numpy()
    values = pd.DataFrame({value.position: chunk[value.position] for value in facts.layout.values})
    has_use = values.apply(lambda cells: cells.str.contains(r"[1-9]", regex=True, na=False)).any(axis=1)
    return pd.DataFrame(
        {"day": day[keep], "wall": start[keep], "end": seconds[keep], "channel": names, "value": has_use.to_numpy()}
    )


def _check_spring(
    rows: pd.DataFrame, facts: FileFacts, clock: ZoneInfo, day: int, before: float, after: float, interval_s: int
) -> bool:
    """Raise where the skipped hour is there, whole and with use; return whether the day is there and lacks it."""
    inside = rows[(rows["wall"] >= before) & (rows["wall"] < after)]
    if facts.layout.is_hour and inside["value"].any() and len(rows) == _SHORT_DAY_HOURS:
        raise DataError(
            f"{facts.table.name}: {_date(day)} has 23 hours, and that which the clock of {clock} skips is among them; "
            "give --counted-hours if its hours are numbered from midnight, 1 to 23 on that day"
        )
    if (
        inside["value"].any()
        and len(inside) >= (after - before) / interval_s
        and not _is_label_ahead(rows, facts, before)
    ):
        raise DataError(
            f"{facts.table.name}: its times seem to keep standard time all year: {_date(day)} has the hour that the "
            f"clock of {clock} skips; give --clock {_standard(clock, day)}, or --clock {clock} if that hour is a fault"
        )
    return len(rows) * interval_s >= 20 * _HOUR_S and inside.empty


def _is_label_ahead(rows: pd.DataFrame, facts: FileFacts, before: float) -> bool:
    """Return whether ends are labeled by the clock that has jumped already: then the interval before lacks."""
    return bool(facts.layout.is_end) and before not in rows["end"].to_numpy()


def _check_autumn(
    rows: pd.DataFrame,
    facts: FileFacts,
    clock: ZoneInfo,
    day: int,
    first: float,
    last: float,
    interval_s: int,
    seen_spring: bool,
) -> None:
    """Raise where the repeated hour stands once in a whole day, or where its ends can be read two ways."""
    inside = rows[(rows["wall"] >= first) & (rows["wall"] < last)]
    is_twice = inside["wall"].duplicated().any() or rows["end"].duplicated().any()
    if facts.layout.is_end and interval_s < last - first and not facts.given.ends_by_start:
        ends = pd.Series(pd.to_datetime(rows["end"].to_numpy(), unit="s")).dt.as_unit("s")
        if keeps_clock(ends, np.zeros(len(rows), dtype=np.int64), clock, interval_s):
            raise DataError(
                f"{facts.table.name}: on {_date(day)}, when the clock goes back, its ends are the start's clock plus "
                "the interval, as no clock shows them; give --ends-by-start if that is so"
            )
    is_whole = len(rows) * interval_s == _DAY_S
    if is_twice or not is_whole or seen_spring or facts.layout.strict_hours:
        return
    raise DataError(
        f"{facts.table.name}: {_date(day)} has 24 hours, and by the clock of {clock} it has 25; give --clock "
        f"{_standard(clock, day)} if its times keep standard time all year, or --clock {clock} if an hour is missing"
    )


def _date(day: int) -> str:
    return str((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date())


def _standard(clock: ZoneInfo, day: int) -> str:
    """Return the zone of standard time, as --clock takes it."""
    year = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).year
    offsets = [datetime(year, month, 1, tzinfo=clock).utcoffset() or timedelta(0) for month in (1, 7)]
    hours = min(offsets) / timedelta(hours=1)
    return f"Etc/GMT{-int(hours):+d}" if hours == int(hours) and hours else "UTC" if not hours else "ZONE"
