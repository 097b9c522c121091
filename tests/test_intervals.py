"""The numbering of channels and steps that the analyses share, against NumPy's own and plain searches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analyze.week.intervals import list_channels, number_channels, number_steps, places_of

IDS = st.lists(st.integers(0, 6), max_size=30)
# Sparse starts, days or years apart, take the other way than a row of quarter-hours.
STARTS = st.lists(st.integers(-5, 60), max_size=40) | st.lists(st.integers(-(10**9), 10**9), max_size=8)


@given(IDS)
def test_channels_are_numbered_in_order_of_their_ids(ids: list[int]) -> None:
    rows = pd.DataFrame({"channel_id": np.array(ids, dtype="int64")})
    place, found = number_channels(rows)
    assert found.tolist() == sorted(set(ids)) == list_channels(rows)
    assert found[place].tolist() == ids


@given(IDS, st.sets(st.integers(0, 6)))
def test_a_channel_that_is_not_listed_has_no_place(ids: list[int], listed: set[int]) -> None:
    known = sorted(listed)
    places = places_of(np.array(ids, dtype="int64"), np.array(known, dtype="int64"))
    assert places.tolist() == [known.index(key) if key in listed else -1 for key in ids]


@given(STARTS, st.sampled_from([1, 7, 900]))
def test_steps_are_numbered_as_they_occur(starts: list[int], step_s: int) -> None:
    start_s = np.array(starts, dtype="int64")
    place, begins_s = number_steps(start_s, step_s)
    assert begins_s.tolist() == sorted({start // step_s * step_s for start in starts})
    assert begins_s[place].tolist() == [start // step_s * step_s for start in starts]
