"""Tables with a column of dates and one of hour numbers: 0 to 23, 1 to 24, HE01, and hour 25 of the long day. Pure.

Hour 1 of a table that has no hour 0 is 0:00 to 1:00. Where the clock changes a table either names the hours of the wall
clock (in autumn an hour stands twice, in spring one is missing) or counts them from midnight, up to 25 and 23.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lib.date_utils import local_midnight

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

LONG_DAY_HOURS = 25
_HOUR = r"^\s*(?:HE|H|hour)?\s*0?(\d{1,2})(?:\.0|:00(?::00)?)?\s*$"
_PLAIN_HOUR = r"\s*(?:HE|H)?\d{1,2}(?:\.0)?\s*"


def are_hours(cells: pd.Series) -> bool:
    """Return whether all cells that are not empty are numbers of hours, none with minutes."""
    known = cells.dropna()
    return bool(len(known)) and bool(known.str.fullmatch(_PLAIN_HOUR, case=False).all())


def numbers_of(cells: pd.Series) -> set[int]:
    """Return the numbers of hours in a column."""
    import re

    found = (re.match(_HOUR, text, re.IGNORECASE) for text in cells.dropna().unique())
    return {int(match[1]) for match in found if match}


def clock_of(cells: pd.Series, first_hour: int) -> pd.Series:
    """Return hour numbers as the time of day at which they begin; what is no number stays as it is."""
    import re

    texts = {}
    for text in cells.dropna().unique():
        match = re.match(_HOUR, text, re.IGNORECASE)
        texts[text] = f"{int(match[1]) - first_hour:02d}:00" if match else text.strip()
    return cells.map(texts)


def counted_from_midnight(
    chunks: Callable[[ZoneInfo | None, str], Iterator[pd.DataFrame]],
    places: tuple[int, ...],
    first_hour: int,
) -> Callable[[ZoneInfo | None, str], Iterator[pd.DataFrame]]:
    """Return chunks in which the hours of days of 23 or 25 are moments, written ``@`` and the epoch second.

    Parameters
    ----------
    places
        Of the date and the hour.
    first_hour
        The number of the hour that begins at midnight.
    """

    def rewritten(clock: ZoneInfo | None, date_format: str) -> Iterator[pd.DataFrame]:
        for chunk in chunks(clock, date_format):
            if clock is not None:
                _count_hours(chunk, places, first_hour, clock, date_format)
            yield chunk

    return rewritten


def _count_hours(
    chunk: pd.DataFrame, places: tuple[int, ...], first_hour: int, clock: ZoneInfo, date_format: str
) -> None:
    """Write the moments of the days on which the clock changes into a chunk."""
    import pandas as pd

    date, hour = places
    form = "ISO8601" if date_format == "ISO8601" else date_format.split(" ")[0]
    for text in chunk[date].dropna().unique():
        day = pd.to_datetime(text.strip(), format=form, errors="coerce")
        if pd.isna(day):
            continue
        days = (day.date(), (day + pd.Timedelta(days=1)).date())
        start_s, end_s = (int(local_midnight(one, clock).timestamp()) for one in days)
        if end_s - start_s == 24 * 3600:
            continue
        rows = chunk.index[chunk[date].eq(text)]
        numbers = pd.to_numeric(chunk.loc[rows, hour].str.extract(_HOUR, expand=False), errors="coerce") - first_hour
        known = numbers.index[numbers.between(0, (end_s - start_s) / 3600 - 1)]
        chunk.loc[known, date] = [f"@{start_s + int(number) * 3600}" for number in numbers[known]]
        chunk.loc[known, hour] = ""
