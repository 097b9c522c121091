"""Files with a row for each meter and a column for each time, turned into a row for each interval. Pure.

The header's own times, such as 2026-03-02T00:00:00.000Z, are the times of the readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_STAMP = re.compile(r"^\s*(\d{4}-\d{2}-\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{4})[T ]\d{1,2}:\d{2}")
_LEAST_COLUMNS = 12


def find_stamped_columns(header: Sequence[str]) -> list[int]:
    """Return the places of the columns whose names are times, none where they are too few for chance."""
    places = [place for place, cell in enumerate(header) if _STAMP.match(cell)]
    return places if len(places) >= _LEAST_COLUMNS else []


def one_row_each(
    chunks: Iterator[pd.DataFrame], header: Sequence[str], places: Sequence[int], others: Sequence[int]
) -> Iterator[pd.DataFrame]:
    """Yield the chunks of such a file with a row for each interval: the other columns, its time, and its value."""
    import numpy as np
    import pandas as pd

    stamps = [header[place].strip() for place in places]
    for chunk in chunks:
        chunk = chunk[chunk[list(places)].notna().any(axis=1)]
        count = len(places)
        table = {n: chunk[place].to_numpy().repeat(count) for n, place in enumerate(others)}
        table[len(others)] = np.tile(np.array(stamps, dtype=object), len(chunk))
        table[len(others) + 1] = chunk[list(places)].to_numpy(dtype=object).reshape(-1)
        yield pd.DataFrame(table, index=chunk.index.repeat(count), dtype=object)
