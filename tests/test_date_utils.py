"""Windows, local days and the interval grid, over both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import date_utils
from lib.date_utils import Window
from lib.errors import UsageError

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 2, 10, 15, 7, 31, tzinfo=UTC)  # a Tuesday, 10:07:31 in New York


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "quarter_hours"), [(date(2026, 3, 8), 92), (date(2026, 3, 9), 96), (date(2026, 11, 1), 100)]
)
def test_local_day_has_as_many_quarter_hours_as_its_clock(day: date, quarter_hours: int) -> None:
    window = date_utils.local_day_window(day, day, NEW_YORK)
    assert date_utils.expected_intervals(window, 900) == quarter_hours


def test_local_midnight_that_does_not_exist_is_the_first_moment_that_does() -> None:
    # In Santiago the clocks went from 23:59:59 to 01:00 at the beginning of 8 September 2024 (UTC-4 to UTC-3).
    assert date_utils.local_midnight(date(2024, 9, 8), ZoneInfo("America/Santiago")) == utc(2024, 9, 8, 4)


def test_days_window_holds_whole_local_days_and_today_so_far() -> None:
    window = date_utils.resolve_window(None, None, 1, NEW_YORK, NOW, 900)
    assert window == Window(utc(2026, 2, 9, 5), utc(2026, 2, 10, 15))


def test_ninety_days_reach_back_over_the_autumn_change() -> None:
    window = date_utils.resolve_window(None, None, 90, NEW_YORK, utc(2026, 1, 15, 12), 900)
    assert window.start == utc(2025, 10, 17, 4)  # 00:00 EDT
    assert date_utils.expected_intervals(window, 900) == 90 * 96 + 4 + 7 * 4  # the long day, and today until 07:00 EST


def test_dates_are_local_days_with_the_end_day_included() -> None:
    window = date_utils.resolve_window("2026-01-20", "2026-01-26", 90, NEW_YORK, NOW, 900)
    assert window == Window(utc(2026, 1, 20, 5), utc(2026, 1, 27, 5))


def test_date_times_with_offset_are_exact_and_put_on_the_grid() -> None:
    window = date_utils.resolve_window(
        "2026-01-20T06:07:31-05:00", "2026-01-20T12:01+01:00", 90, NEW_YORK, utc(2026, 2, 1), 900
    )
    assert window == Window(utc(2026, 1, 20, 11), utc(2026, 1, 20, 11, 15))


def test_end_in_the_future_is_cut_at_the_last_whole_interval() -> None:
    window = date_utils.resolve_window("2026-02-09", "2026-02-20", 90, NEW_YORK, NOW, 900)
    assert window.end == utc(2026, 2, 10, 15)


def test_days_before_an_end_date_count_the_end_day() -> None:
    window = date_utils.resolve_window(None, "2026-01-26", 7, NEW_YORK, NOW, 900)
    assert window == Window(utc(2026, 1, 20, 5), utc(2026, 1, 27, 5))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-01-26", "2026-01-20", "before it starts"),
        ("2026-02-11", None, "in the future"),
        ("2026-02-30", None, "should be a date"),
        ("yesterday", None, "should be a date"),
        ("2026-01-20T06:00", None, "has no offset"),
        ("0026-01-20", None, "not between 2000 and 2200"),
        ("2026-01-20", "2026-01-20T00:00-05:00", "before it starts"),
    ],
)
def test_dates_that_cannot_be_meant_are_refused(start: str, end: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        date_utils.resolve_window(start, end, 90, NEW_YORK, NOW, 900)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "America", "../etc/passwd", "America/New_York\n"])
def test_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unknown time zone"):
        date_utils.parse_timezone(name)


def test_last_complete_week_is_the_one_before_the_current() -> None:
    assert date_utils.last_complete_week(NOW, NEW_YORK) == (date(2026, 2, 2), date(2026, 2, 8))
    # 03:00 UTC on Monday is still Sunday in New York, and that week is not over.
    assert date_utils.last_complete_week(utc(2026, 2, 9, 3), NEW_YORK) == (date(2026, 1, 26), date(2026, 2, 1))


def test_report_period_defaults_and_open_ends() -> None:
    week = Window(utc(2026, 2, 2, 5), utc(2026, 2, 9, 5))
    assert date_utils.resolve_period(None, None, NEW_YORK, NOW) == week
    assert date_utils.resolve_period("2026-02-02", None, NEW_YORK, NOW) == week
    assert date_utils.resolve_period(None, "2026-02-08", NEW_YORK, NOW) == week
    with pytest.raises(UsageError, match="in the future"):
        date_utils.resolve_period("2026-02-09", "2026-02-15", NEW_YORK, NOW)


WEEK_OF_FEB_2 = Window(utc(2026, 2, 2, 5), utc(2026, 2, 9, 5))
WEEK_OF_JAN_26 = Window(utc(2026, 1, 26, 5), utc(2026, 2, 2, 5))


@pytest.mark.parametrize(
    ("clock", "ingested_until", "week"),
    [
        ("2026-02-08 23:58", "2026-02-08 23:45", WEEK_OF_JAN_26),
        ("2026-02-09 00:03", "2026-02-08 23:45", WEEK_OF_JAN_26),
        ("2026-02-09 00:03", "2026-02-08 06:00", WEEK_OF_JAN_26),
        ("2026-02-09 00:03", None, WEEK_OF_JAN_26),
        ("2026-02-09 00:09", None, WEEK_OF_JAN_26),
        ("2026-02-09 00:10", None, WEEK_OF_FEB_2),
        ("2026-02-09 00:10", "2026-02-09 00:00", WEEK_OF_FEB_2),
        ("2026-02-09 00:15", "2026-02-08 23:45", WEEK_OF_JAN_26),  # it began at 00:09, say
        ("2026-02-09 00:15", "2026-02-09 00:00", WEEK_OF_FEB_2),
        ("2026-02-09 01:10", "2026-02-09 01:00", WEEK_OF_FEB_2),
        ("2026-02-09 01:10", "2026-02-08 23:00", WEEK_OF_JAN_26),  # of hours, begun at 00:09
        ("2026-02-09 02:45", "2026-02-08 23:45", WEEK_OF_JAN_26),
        (
            "2026-02-09 02:46",
            "2026-02-08 23:45",
            WEEK_OF_FEB_2,
        ),  # held back: that ingest is too old
        ("2026-02-09 07:00", "2026-02-08 06:00", WEEK_OF_FEB_2),  # as is one of a day ago
        ("2026-02-09 00:03", "2026-02-09 00:15", WEEK_OF_FEB_2),  # an ingest by a clock that is ahead
        ("2026-02-08 23:58", "2026-02-09 00:15", WEEK_OF_JAN_26),
    ],
)
def test_default_period_is_the_last_week_that_can_have_been_ingested(
    clock: str, ingested_until: str | None, week: Window
) -> None:
    now, until = (text and datetime.fromisoformat(text).replace(tzinfo=NEW_YORK) for text in (clock, ingested_until))
    assert date_utils.resolve_period(None, None, NEW_YORK, now, until) == week


@pytest.mark.parametrize(
    ("zone", "monday", "hours"),
    [
        ("America/New_York", "2026-03-09", 167), ("America/New_York", "2026-11-02", 169),
        ("Europe/Berlin", "2026-03-30", 167), ("Europe/Berlin", "2026-10-26", 169),
        ("Asia/Kolkata", "2026-10-26", 168), ("Australia/Sydney", "2026-10-05", 167),
        ("America/Santiago", "2026-09-07", 167),  # its Sunday of the change begins at 01:00
    ],
)  # fmt: skip
def test_default_period_after_a_clock_change_and_in_other_zones(zone: str, monday: str, hours: int) -> None:
    tz = ZoneInfo(zone)
    midnight = datetime.fromisoformat(monday).replace(tzinfo=tz)
    before = date_utils.resolve_period(None, None, tz, midnight + timedelta(minutes=9, seconds=59))
    after = date_utils.resolve_period(None, None, tz, midnight + timedelta(minutes=10))
    assert after == Window(before.end, midnight)
    assert (after.end - after.start, before.end - before.start) == (timedelta(hours=hours), timedelta(days=7))


def test_days_before_keeps_the_wall_clock_over_a_change() -> None:
    assert date_utils.days_before(utc(2026, 3, 9, 4), 7, NEW_YORK) == utc(2026, 3, 2, 5)
    assert date_utils.days_before(utc(2026, 3, 2, 5), -7, NEW_YORK) == utc(2026, 3, 9, 4)


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2035, 1, 1)),
    st.integers(1, 400 * 24 * 60),
    st.integers(1, 40),
)
def test_split_windows_are_the_whole_without_overlap(start: datetime, minutes: int, days: int) -> None:
    window = Window(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + timedelta(minutes=minutes))
    parts = list(date_utils.split_window(window, days))
    assert (parts[0].start, parts[-1].end) == window
    assert all(left.end == right.start for left, right in zip(parts, parts[1:], strict=False))
    assert all(part.end - part.start == timedelta(days=days) for part in parts[:-1])
    assert timedelta(0) < parts[-1].end - parts[-1].start <= timedelta(days=days, hours=1)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2035, 1, 1)), st.sampled_from([60, 900, 1800, 3600]))
def test_alignment_encloses_the_moment_within_one_interval(moment: datetime, interval_s: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    down, up = date_utils.align_down(moment, interval_s), date_utils.align_up(moment, interval_s)
    assert down <= moment <= up
    assert down.timestamp() % interval_s == up.timestamp() % interval_s == 0
    assert (up - down).total_seconds() in (0, interval_s)


def test_local_columns_over_both_clock_changes() -> None:
    starts = [utc(2026, 3, 8, 6, 45), utc(2026, 3, 8, 7), utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6, 30)]
    local = date_utils.add_local_time(pd.DataFrame({"interval_start": pd.to_datetime(starts, utc=True)}), NEW_YORK)
    assert [str(moment) for moment in local["local_time"]] == [
        "2026-03-08 01:45:00",
        "2026-03-08 03:00:00",
        "2026-11-01 01:30:00",
        "2026-11-01 01:30:00",
    ]
    assert local["local_hour"].tolist() == [1, 3, 1, 1]
    assert local["local_weekday"].tolist() == [6, 6, 6, 6]
    assert local["hour_of_week"].tolist() == [145, 147, 145, 145]
