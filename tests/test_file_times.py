"""Times of interval files: what a text means in UTC, through both clock changes, and how long an interval is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.files.survey import check_interval, count_differences, establish_interval
from ingest.files.times import (
    CANDIDATE_FORMATS,
    ISO_FORMAT,
    choose_format,
    count_readable,
    parse_walls,
    to_moments,
)
from lib.errors import DataError

NEW_YORK = ZoneInfo("America/New_York")
QUARTER_S = 900


def moments(
    texts: list[str],
    *,
    zone: ZoneInfo = NEW_YORK,
    interval_s: int = QUARTER_S,
    is_end: bool = False,
    date_format: str = ISO_FORMAT,
    channels: list[int] | None = None,
) -> list[str]:
    """Return for each text its interval's start in UTC, or the reason why there is none."""
    wall, exact = parse_walls(pd.Series(texts, dtype=object), date_format)
    numbers = np.zeros(len(texts), dtype=np.int64) if channels is None else np.array(channels)
    start_s, reason = to_moments(wall, exact, numbers, zone, interval_s, is_end)
    return [
        why or datetime.fromtimestamp(seconds, UTC).strftime("%m-%d %H:%M")
        for seconds, why in zip(start_s.tolist(), reason.tolist(), strict=True)
    ]


def day_of_quarters(first: str, last: str, zone: ZoneInfo = NEW_YORK) -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq="15min", tz="UTC", inclusive="left").tz_convert(zone)


def test_offsets_are_exact_and_naive_times_are_the_sites_clock() -> None:
    texts = ["2026-01-20T06:00:00Z", "2026-01-20 06:00-05:00", "2026-01-20 06:00", "2026-07-20 06:00", "noon", ""]
    assert moments(texts) == [
        "01-20 06:00", "01-20 11:00", "01-20 11:00", "07-20 10:00", "unreadable_time", "unreadable_time",
    ]  # fmt: skip


def test_hour_that_the_clock_skips_is_refused() -> None:
    texts = ["2026-03-08 01:45", "2026-03-08 02:00", "2026-03-08 02:15", "2026-03-08 03:00"]
    skipped = "skipped_local_hour"
    assert moments(texts) == ["03-08 06:45", skipped, skipped, "03-08 07:00"]
    # As an end, 02:00 is the moment at which the clock jumps; some files write it so, others 03:00.
    assert moments(texts, is_end=True) == ["03-08 06:30", "03-08 06:45", skipped, "03-08 06:45"]


@pytest.mark.parametrize("is_reversed", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("is_end", [False, True], ids=["starts", "ends"])
def test_repeated_hour_is_told_apart_by_the_order(is_end: bool, is_reversed: bool) -> None:
    starts = day_of_quarters("2026-11-01 04:00", "2026-11-02 05:00")
    assert len(starts) == 100
    labels = starts + pd.Timedelta(minutes=15) if is_end else starts
    texts = [label.strftime("%Y-%m-%d %H:%M") for label in labels]
    expected = [start.tz_convert("UTC").strftime("%m-%d %H:%M") for start in starts]
    if is_reversed:
        texts, expected = texts[::-1], expected[::-1]
    assert moments(texts, is_end=is_end) == expected


def test_hourly_rows_show_the_repeated_hour_by_the_same_time_twice() -> None:
    texts = ["2026-11-01 00:00", "2026-11-01 01:00", "2026-11-01 01:00", "2026-11-01 02:00"]
    assert moments(texts, interval_s=3600) == ["11-01 04:00", "11-01 05:00", "11-01 06:00", "11-01 07:00"]


def test_repeated_hour_that_stands_once_is_the_first() -> None:
    quarters = [f"2026-11-01 {hour}:{minute}" for hour in ("00", "01", "02") for minute in ("00", "15", "30", "45")]
    expected = [f"11-01 {hour}:{minute}" for hour in ("04", "05", "07") for minute in ("00", "15", "30", "45")]
    assert moments(quarters) == expected
    assert moments(quarters[::-1]) == expected[::-1]


def test_order_is_looked_at_within_each_channel() -> None:
    walls = ["2026-11-01 01:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 02:00"]
    texts = [wall for wall in walls for _ in range(2)]
    assert moments(texts, interval_s=1800, channels=[0, 1] * 4) == [
        *["11-01 05:30"] * 2, *["11-01 06:00"] * 2, *["11-01 06:30"] * 2, *["11-01 07:00"] * 2,
    ]  # fmt: skip


def test_times_that_run_both_ways_leave_the_repeated_hour_unknown() -> None:
    texts = ["2026-11-01 03:00", "2026-11-01 01:15", "2026-11-01 02:00", "2026-11-01 00:00", "2026-11-01 01:00"]
    unknown = "ambiguous_local_hour"
    assert moments(texts) == ["11-01 08:00", unknown, "11-01 07:00", "11-01 04:00", unknown]


def test_rows_that_stand_twice_are_no_second_pass() -> None:
    texts = ["2026-11-01 00:45", "2026-11-01 01:00", "2026-11-01 01:00", "2026-11-01 01:15", "2026-11-01 02:00"]
    assert moments(texts) == ["11-01 04:45", "11-01 05:00", "11-01 05:00", "11-01 05:15", "11-01 07:00"]


def test_clock_that_moves_by_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # on 5 April 2026 at 02:00 back to 01:30
    texts = ["2026-04-05 01:15", "2026-04-05 01:30", "2026-04-05 01:45", "2026-04-05 01:30", "2026-04-05 01:45"]
    expected = ["04-04 14:15", "04-04 14:30", "04-04 14:45", "04-04 15:00", "04-04 15:15"]
    assert moments(texts, zone=lord_howe) == expected


def test_midnights_that_files_write_oddly() -> None:
    assert moments(["2026-02-01T23:45", "2026-02-01T24:00", "2026-02-02 00:15"]) == [
        "02-02 04:45", "02-02 05:00", "02-02 05:15",
    ]  # fmt: skip
    # The midnight that ends a day bears that day's date.
    dated_back = ["01/02/2026 23:45", "01/02/2026 00:00", "02/02/2026 00:15"]
    assert moments(dated_back, is_end=True, date_format="%d/%m/%Y %H:%M") == [
        "02-02 04:30", "02-02 04:45", "02-02 05:00",
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(
        ["America/New_York", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Tokyo"]
    ),
    day=st.dates(datetime(2010, 1, 1).date(), datetime(2030, 1, 1).date()),
    minutes=st.sampled_from([5, 15, 30]),
    is_end=st.booleans(),
    is_reversed=st.booleans(),
)
def test_whole_local_times_in_order_come_back_as_they_went(
    zone: str, day: datetime, minutes: int, is_end: bool, is_reversed: bool
) -> None:
    starts = pd.date_range(pd.Timestamp(day, tz="UTC"), periods=3 * 1440 // minutes, freq=f"{minutes}min")
    labels = (starts + pd.Timedelta(minutes=minutes) if is_end else starts).tz_convert(zone)
    texts = labels.strftime("%Y-%m-%d %H:%M").to_list()
    expected = starts.strftime("%m-%d %H:%M").to_list()
    if is_reversed:
        texts, expected = texts[::-1], expected[::-1]
    assert moments(texts, zone=ZoneInfo(zone), interval_s=60 * minutes, is_end=is_end) == expected


def test_day_and_month_are_told_by_the_whole_record_or_not_at_all() -> None:
    early = pd.Series(["01/02/2026 00:00", "02/02/2026 00:00"])
    readable = count_readable(early, CANDIDATE_FORMATS)
    with pytest.raises(DataError, match=r"fit %d/%m/%Y %H:%M and %m/%d/%Y %H:%M; say which with --date-format"):
        choose_format(readable, "file.csv")
    readable.update(count_readable(pd.Series(["13/02/2026 00:00"]), CANDIDATE_FORMATS))
    assert choose_format(readable, "file.csv") == "%d/%m/%Y %H:%M"
    with pytest.raises(DataError, match="cannot be read"):
        choose_format(count_readable(pd.Series(["soon"]), CANDIDATE_FORMATS), "file.csv")


def test_interval_is_what_nearly_all_distances_agree_on() -> None:
    assert establish_interval(Counter({900: 96, 1800: 4}), "file") == 900
    with pytest.raises(DataError, match="only 90.0 % of its times are 15 minutes apart and 95 % are needed"):
        establish_interval(Counter({900: 90, 1800: 10}), "file")
    with pytest.raises(DataError, match="3 times are too few to tell the interval's length"):
        establish_interval(Counter({900: 2}), "file")
    for seconds in (0, 30, 420, 7200, 86_400):
        with pytest.raises(DataError, match="must divide an hour"):
            check_interval(seconds, "file")


def test_distances_are_counted_within_a_channel_and_not_over_missing_times() -> None:
    epoch_s = np.array([0.0, 0.0, 900.0, np.nan, 1800.0, 3600.0, 1800.0])
    channel = np.array([0, 1, 0, 1, 0, 1, 0])
    assert count_differences(epoch_s, channel) == {0: Counter({900: 2}), 1: Counter({3600: 1})}
