"""Tests of analyze/meters/channel_kinds.py: what a channel is, told from its readings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_scope, prepare

from analyze.meters.channel_kinds import (
    ChannelKind,
    allow_export,
    channels_of,
    detect_kinds,
    name_kinds,
    settle_kinds,
    show_load,
    using_meters,
)
from analyze.meters.meter_tree import find_roots, parents_of
from analyze.week.intervals import channel_names
from config.site_file import ChannelTable, resolve_channels
from lib.date_utils import Window

BOTH = Window(make_scope(make_meters(1)).baseline.start, WEEK.end)


def clock(window=BOTH):
    """Return readings of 1 kW with the hour of the local day, the day's number and the weekday."""
    frame = fill_window(1, window, 1.0, 1.0)
    local = frame["interval_start"].dt.tz_convert(NEW_YORK)
    hour = (local.dt.hour + local.dt.minute / 60).to_numpy()
    return frame, hour, (local.dt.dayofyear % 366).to_numpy(), local.dt.dayofweek.to_numpy()


def of_power(channel_id, power_kw, window=BOTH):
    frame = clock(window)[0]
    return frame.assign(channel_id=channel_id, power_kw=power_kw, energy_kwh=np.asarray(power_kw) / 4)


FRAME, HOUR, DAY, WEEKDAY = clock()
SUN = np.clip(np.sin((HOUR - 7) / 10 * np.pi), 0, None) * ((HOUR >= 7) & (HOUR < 17)) * (0.4 + 0.1 * (DAY * 7 % 7))
OFFICE = np.where((WEEKDAY < 5) & (HOUR >= 7) & (HOUR < 18), 20.0, 5.0)
SHOP = np.where((HOUR >= 9) & (HOUR < 18), 10.0, 0.0)
LUNCH = np.clip(1 - np.abs(HOUR - 12.5) / 2.5, 0, None) * 10.0
BATTERY = np.where((HOUR >= 1) & (HOUR < 5), 6.0, np.where((HOUR >= 18) & (HOUR < 21), -7.0, 0.0))


@pytest.mark.parametrize(
    ("power_kw", "parent", "kind"),
    [
        (30 * SUN, None, ChannelKind.GENERATION),
        (-30 * SUN, None, ChannelKind.GENERATION),
        (30 * SUN - 0.02 * (SUN == 0), 2, ChannelKind.GENERATION),  # the inverter's standby by night
        (30 * SUN * (WEEKDAY < 5), None, None),  # at rest on weekends: no sun does that
        (SHOP, None, None),
        (LUNCH, None, None),
        (OFFICE, None, None),
        (OFFICE - 25 * SUN, None, ChannelKind.MAIN),
        (OFFICE - 25 * SUN, 2, ChannelKind.MAIN),  # a sub-distribution with panels behind it
        (BATTERY, 2, ChannelKind.STORAGE),
        (np.where(DAY >= 14, -OFFICE, OFFICE), None, None),  # turned round since a Wednesday
        (0 * OFFICE, None, None),
    ],
)
def test_plain_cases_are_told_from_the_readings(power_kw, parent, kind):
    meters = make_meters(1, 2, parents={1: parent} if parent else None)
    intervals = prepare(of_power(1, power_kw), make_scope(meters))[0]
    assert detect_kinds(intervals, meters).get(1) == kind


def test_a_week_of_sun_is_enough_and_six_days_are_not():
    meters = make_meters(1)
    intervals = prepare(of_power(1, 30 * SUN), make_scope(meters))[0]
    last = intervals["local_time"].dt.normalize().max()
    for days, kind in ((7, ChannelKind.GENERATION), (6, None)):
        rows = intervals[intervals["local_time"].dt.normalize() > last - pd.Timedelta(days=days)]
        assert detect_kinds(rows, meters).get(1) == kind


def test_both_signs_on_three_days_make_a_main_and_on_two_do_not():
    meters = make_meters(1)
    for days, kind in ((3, ChannelKind.MAIN), (2, None)):
        power = np.where((days > DAY % 100) & (DAY < 100) & (HOUR == 12), -8.0, OFFICE)
        power = np.where((DAY < 100) & (days + 1 > DAY) & (HOUR >= 12) & (HOUR < 12.5), -8.0, OFFICE)
        assert detect_kinds(prepare(of_power(1, power), make_scope(meters))[0], meters).get(1) == kind


def test_the_sites_file_goes_above_the_readings():
    meters = make_meters(1, 2, 3, parents={3: 1}).assign(kind=["main", None, None])
    readings = pd.concat([of_power(1, OFFICE), of_power(2, 30 * SUN), of_power(3, OFFICE / 2)])
    settled = settle_kinds(meters, prepare(readings, make_scope(meters))[0])
    assert settled["kind"].tolist() == ["main", "generation", "load"]
    assert settled["is_kind_named"].tolist() == [True, False, False]
    assert settle_kinds(settled, prepare(readings, make_scope(meters))[0].iloc[:0]) is settled
    assert channels_of(settled, ChannelKind.GENERATION, ChannelKind.MAIN) == [1, 2]
    assert using_meters(settled)["channel_id"].tolist() == [1, 3]


def test_what_the_sites_file_says_is_on_the_meters():
    tables = {
        "meter 2": ChannelTable(kind=ChannelKind.GENERATION),
        "meter 3": ChannelTable(must_run=True, parent="meter 1"),
        "4": ChannelTable(kind=ChannelKind.SENSOR),
    }
    meters = make_meters(1, 2, 3, 4, parents={2: 1})
    named = name_kinds(meters, resolve_channels(tables, channel_names(meters), Path("7.toml")))
    assert named["kind"].fillna("").tolist() == ["", "generation", "", "sensor"]
    assert named["must_run"].tolist() == [False, False, True, False]
    assert named["parent_channel_id"].fillna(0).tolist() == [0, 1, 1, 0]
    assert named["is_energy_meter"].tolist() == [True, True, True, False]


def test_generation_and_storage_are_no_part_of_the_sum():
    meters = make_meters(1, 2, 3, 4, parents={2: 1, 3: 1}).assign(kind=["main", "load", "storage", "generation"])
    rows = pd.DataFrame({"channel_id": [1, 2, 3, 4], "hours": [1.0, 1.0, 1.0, 1.0]})
    assert find_roots(rows, meters) == {1}
    assert find_roots(rows[rows["channel_id"] != 1], meters) == {2}
    assert parents_of(meters) == {2: 1}


def test_export_is_no_fault_of_a_meter_that_may_export():
    meters = make_meters(1, 2).assign(kind=["main", "load"])
    intervals = pd.DataFrame({"channel_id": [1, 1, 2], "mean_kw": [-4.0, 4.0, -4.0]})
    bad = pd.DataFrame({"stuck": [False, True, False], "negative_energy": [True, True, True]})
    assert allow_export(bad, intervals, meters).to_dict("list") == {
        "stuck": [False, True, False],
        "negative_energy": [False, True, True],  # the second row is a counter that was reset
    }


def test_of_a_meter_that_exports_the_nights_show_the_load():
    """It exports from eight to fifteen o'clock: from six to eighteen the sun may shine."""
    meters = make_meters(1, 3).assign(kind=["main", "load"])
    power = np.where((HOUR >= 8) & (HOUR < 15.5), -3.0, 5.0)
    intervals = prepare(pd.concat([of_power(1, power), of_power(3, OFFICE)]), make_scope(meters))[0]
    shown = show_load(intervals, meters)
    hours = set(shown.loc[shown["channel_id"] == 1, "local_hour"])
    assert hours == {0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23}
    assert (shown["channel_id"] == 3).sum() == (intervals["channel_id"] == 3).sum()


def test_a_main_shows_the_load_with_what_is_generated_and_without_what_is_stored():
    """Panels beside the main, a battery below it; of the battery an hour is missing, of which the main says nothing."""
    meters = make_meters(1, 2, 3, 4, parents={3: 1, 4: 1}).assign(kind=["main", "generation", "storage", "load"])
    battery = of_power(3, BATTERY)
    lost = battery["interval_start"].between("2026-01-14 12:00Z", "2026-01-14 12:45Z")
    readings = pd.concat(
        [of_power(1, OFFICE - 30 * SUN + BATTERY), of_power(2, -30 * SUN), battery[~lost], of_power(4, OFFICE / 2)]
    )
    shown = show_load(prepare(readings, make_scope(meters))[0], meters)
    assert set(shown["channel_id"]) == {1, 4}
    own = shown[shown["channel_id"] == 1]
    assert own["mean_kw"].to_numpy() == pytest.approx(OFFICE[~lost.to_numpy()])
    assert own["used_kwh"].to_numpy() == pytest.approx(OFFICE[~lost.to_numpy()] / 4)
    assert shown.loc[shown["channel_id"] == 4, "mean_kw"].to_numpy() == pytest.approx(OFFICE / 2)


def test_where_all_is_load_nothing_is_copied():
    meters = make_meters(1)
    intervals = prepare(of_power(1, OFFICE), make_scope(meters))[0]
    assert show_load(intervals, meters) is intervals
