"""The sandbox's made-up data: repeatable, electrically sound, of the right size, with the planted things in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lib.date_utils import local_midnight
from operations.sandbox.api import make_site
from operations.sandbox.catalogue import SCHOOL_LOADS
from operations.sandbox.generator import GeneratedSite
from operations.sandbox.noise import Floats
from operations.sandbox.site_model import METER_UNITS, Channel
from operations.sandbox.truth import describe_planted, describe_site
from operations.sandbox.weather import school_level

TZ = ZoneInfo("America/New_York")
NOW = datetime(2026, 2, 2, 14, tzinfo=UTC)
MONDAY = date(2026, 1, 26)
QUARTER_S, HOUR_S = 900, 3600

Fields = dict[str, Floats]


@pytest.fixture(scope="module")
def site() -> GeneratedSite:
    """With the last complete week planted, as by default."""
    return make_site(7, NOW)


@pytest.fixture(scope="module")
def healthy() -> GeneratedSite:
    return make_site(7, NOW, [])


def epoch(day: date) -> int:
    return int(local_midnight(day, TZ).timestamp())


def channel_of(site: GeneratedSite, load: str) -> Channel:
    return next(channel for channel in site.catalogue.channels if channel.load == load)


def week_of(site: GeneratedSite, load: str, monday: date = MONDAY, weeks: int = 1) -> Fields:
    start_s, end_s = epoch(monday), epoch(monday + timedelta(weeks=weeks))
    return site.compute_fields(channel_of(site, load), start_s, (end_s - start_s) // QUARTER_S, QUARTER_S)


def school_kw(site: GeneratedSite, monday: date) -> Floats:
    return np.sum([week_of(site, load, monday)["P"] for load in SCHOOL_LOADS], axis=0) / 1000.0


# --- repeatable ------------------------------------------------------------------------------------------------------


def test_value_does_not_depend_on_the_window() -> None:
    start_s = epoch(MONDAY)
    for load in ("rtu_1", "dryer", "well_pump", "air"):
        site = make_site(7, NOW)
        channel = channel_of(site, load)
        minutes = site.compute_fields(channel, start_s, 3 * 1440, 60)
        for offset in (0, 613, 1439, 2875):
            alone = make_site(7, NOW).compute_fields(channel, start_s + offset * 60, 7, 60)
            for field, values in alone.items():
                np.testing.assert_array_equal(values, minutes[field][offset : offset + 7])


def test_seed_decides() -> None:
    first, again, other = (week_of(make_site(seed, NOW), "rtu_1")["P"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_coarse_intervals_are_made_of_fine_ones(site: GeneratedSite) -> None:
    channel, start_s = channel_of(site, "kitchen_ovens"), epoch(MONDAY) + 7 * 60  # off the quarter
    minutes = site.compute_fields(channel, start_s, 60 * 24, 60)
    hours = site.compute_fields(channel, start_s, 24, HOUR_S)
    np.testing.assert_allclose(hours["E"], minutes["E"].reshape(24, 60).sum(axis=1))
    for field in ("P2", "Q1", "V3", "F"):
        np.testing.assert_allclose(hours[field], minutes[field].reshape(24, 60).mean(axis=1))


def test_planting_leaves_other_weeks_alone(site: GeneratedSite, healthy: GeneratedSite) -> None:
    for load in {item.load for item in site.items}:
        for monday, weeks in ((MONDAY - timedelta(weeks=3), 2), (MONDAY + timedelta(weeks=1), 1)):
            with_plan, without = (week_of(one, load, monday, weeks) for one in (site, healthy))
            for field, values in with_plan.items():
                # The first record after the dead channel's week is an ordinary one: nothing is caught up.
                np.testing.assert_array_equal(values, without[field])


# --- electrically sound ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution_s", [60, 900, 3600])
def test_laws_of_electricity_hold_for_three_phases(healthy: GeneratedSite, resolution_s: int) -> None:
    row = healthy.compute_fields(channel_of(healthy, "rtu_2"), epoch(MONDAY), 86400 // resolution_s, resolution_s)
    assert set(row) == {"ts", *METER_UNITS}
    np.testing.assert_allclose(row["P"], row["P1"] + row["P2"] + row["P3"])
    np.testing.assert_allclose(row["E"], row["E1"] + row["E2"] + row["E3"])
    np.testing.assert_allclose(row["E"], row["P"] * resolution_s / 3600)
    np.testing.assert_allclose(row["S"] ** 2, row["P"] ** 2 + row["Q"] ** 2)
    np.testing.assert_allclose(row["PF"], row["P"] / row["S"])
    np.testing.assert_allclose(row["I"], (row["I1"] + row["I2"] + row["I3"]) / 3)
    np.testing.assert_allclose(row["V"], (row["V1"] + row["V2"] + row["V3"]) / 3)
    np.testing.assert_allclose(row["U"], np.sqrt(3) * row["V"], rtol=1e-3)
    np.testing.assert_allclose(row["D"], (row["D1"] + row["D2"] + row["D3"]) / 3)
    np.testing.assert_allclose(row["AE"], row["S"] * resolution_s / 3600)
    for phase in "123":
        np.testing.assert_allclose(row[f"I{phase}"], row[f"S{phase}"] / row[f"V{phase}"])
    assert 117 < row["V"].min() < row["V"].max() < 123
    assert 59.95 < row["F"].min() < row["F"].max() < 60.05
    assert (row["In"] < 0.35 * row["I"]).all()
    assert (row["Ex"] == 0).all()


def test_single_phase_circuits_have_one_phase(healthy: GeneratedSite) -> None:
    row = week_of(healthy, "refrigerator")
    for field in ("P", "E", "Q", "S", "I", "V", "D"):
        np.testing.assert_array_equal(row[field], row[f"{field}1"])
        assert np.isnan(row[f"{field}2"]).all()
        assert np.isnan(row[f"{field}3"]).all()
    assert np.isnan(row["U"]).all()


def test_idle_is_exactly_zero_and_standby_never_is(healthy: GeneratedSite) -> None:
    for load in ("dryer", "oven", "air_conditioner", "well_pump"):
        row = week_of(healthy, load)
        idle = row["P"] == 0
        assert idle.mean() > 0.2
        assert (row["E"][idle] == 0).all()
        assert np.isnan(row["PF"][idle]).all()
        assert not np.isnan(row["V"][idle]).any()
    for load in (*SCHOOL_LOADS, "refrigerator", "lighting"):
        assert week_of(healthy, load)["P"].min() > 0


# --- of the right size -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "monday", [date(2026, 1, 12), date(2026, 3, 2), date(2026, 5, 11), date(2026, 7, 13), date(2026, 9, 14)]
)
def test_school_is_of_the_known_size(monday: date) -> None:
    for seed in (1, 7):
        power_kw = school_kw(make_site(seed, datetime(2026, 12, 1, tzinfo=UTC), []), monday)
        hourly = power_kw.reshape(-1, 4).mean(axis=1)
        night_hours = np.arange(hourly.size) % 24 < 5
        daily_kwh = hourly[: hourly.size // 24 * 24].reshape(-1, 24).sum(axis=1)
        assert 175 < daily_kwh.min() < daily_kwh.max() < 380
        assert 15 < hourly.max() < 33
        assert 7 < hourly[night_hours].mean() < 11


def test_no_healthy_load_stands_still(healthy: GeneratedSite) -> None:
    for channel in healthy.catalogue.channels:
        if channel.load == "air":
            continue
        power = week_of(healthy, channel.load, weeks=1)["P"]
        repeats = (np.diff(power) == 0) & (power[1:] > 0)
        assert not repeats.any(), channel.name


def test_school_calendar() -> None:
    levels = [school_level(date.fromisoformat(day)) for day in ("2026-01-20", "2026-01-19", "2026-01-24")]
    assert levels == [1.0, 0.0, 0.0]  # a Tuesday, Martin Luther King Day, a Saturday
    assert school_level(date(2026, 11, 27)) == 0.0  # the Friday after Thanksgiving
    assert school_level(date(2026, 7, 14)) == school_level(date(2025, 12, 30)) == 0.35
    assert 0.35 < school_level(date(2026, 8, 20)) < 1.0


# --- planted ---------------------------------------------------------------------------------------------------------


def select(row: Fields, entry: dict[str, object], key: str) -> Floats:
    start_s, end_s = (datetime.fromisoformat(str(entry[name])).timestamp() for name in ("start", "end"))
    return row[key][(row["ts"] >= start_s) & (row["ts"] < end_s)]


def entries_of(site: GeneratedSite, kind: str) -> list[dict[str, object]]:
    return [entry for entry in describe_planted(site) if entry["kind"] == kind]


def test_truth_lists_every_kind_within_the_week(site: GeneratedSite) -> None:
    kinds = [entry["kind"] for entry in describe_planted(site)]
    assert kinds == [
        *("stuck_meter", "gap", "gap", "catch_up_delta", "left_on_overnight", "anomaly"),
        *("spikes", "spikes", "spikes", "dead_channel"),
    ]
    week = (local_midnight(MONDAY, TZ), local_midnight(MONDAY + timedelta(days=7), TZ))
    for entry in describe_planted(site):
        start, end = (datetime.fromisoformat(str(entry[name])) for name in ("start", "end"))
        earliest = week[0] - timedelta(hours=21) if entry["kind"] == "dead_channel" else week[0]
        assert earliest <= start < end <= week[1]


def test_stuck_meter(site: GeneratedSite) -> None:
    (entry,) = entries_of(site, "stuck_meter")
    row = week_of(site, "ahu_1b")
    stuck_w = select(row, entry, "P")
    assert (stuck_w.size, entry["intervals"], entry["hours"]) == (120, 120, 30.0)
    assert np.ptp(np.round(stuck_w, 6)) == 0
    assert stuck_w[0] / 1000 == pytest.approx(entry["stuckKw"], abs=5e-4)
    assert np.ptp(np.round(select(row, entry, "E"), 6)) == 0
    assert (row["P"] == stuck_w[0]).sum() <= 120


def test_gaps_are_absent_rows_or_rows_without_values(site: GeneratedSite, healthy: GeneratedSite) -> None:
    absent, empty = entries_of(site, "gap")
    row, truth = week_of(site, "rtu_2"), week_of(healthy, "rtu_2")
    assert (absent["missingIntervals"], select(row, absent, "ts").size) == (28, 0)
    assert (empty["missingIntervals"], select(row, empty, "ts").size) == (12, 12)
    for field in METER_UNITS:
        assert np.isnan(select(row, empty, field)).all()
    for entry in (absent, empty):
        assert select(truth, entry, "E").sum() / 1000 == pytest.approx(entry["missedKwh"], abs=1e-3)
    assert row["ts"].size == 672 - 28
    rest = np.isin(truth["ts"], row["ts"][~np.isnan(row["E"])])
    np.testing.assert_array_equal(row["E"][~np.isnan(row["E"])], truth["E"][rest])  # nothing is caught up


def test_catch_up_delta(site: GeneratedSite, healthy: GeneratedSite) -> None:
    (entry,) = entries_of(site, "catch_up_delta")
    row, truth = week_of(site, "rtu_3"), week_of(healthy, "rtu_3")
    assert (entry["missingIntervals"], select(row, entry, "ts").size) == (40, 0)
    assert row["E"].sum() == pytest.approx(truth["E"].sum())
    after_s = datetime.fromisoformat(str(entry["end"])).timestamp()
    late, usual = row["E"][row["ts"] == after_s][0], truth["E"][truth["ts"] == after_s][0]
    assert (late - usual) / 1000 == pytest.approx(entry["catchUpKwh"], abs=1e-3)
    assert row["P"][row["ts"] == after_s] == truth["P"][truth["ts"] == after_s]
    assert late == pytest.approx(sum(row[f"E{phase}"][row["ts"] == after_s][0] for phase in "123"))


@pytest.mark.parametrize(
    ("kind", "load", "least_kw", "most_kw", "hours"),
    [
        ("left_on_overnight", "ahu_2", 2.8, 3.2, 102.0),
        ("anomaly", "rtu_1", 6.9, 7.9, 5.0),
        ("spikes", "kitchen_cold", 12.0, 15.0, 0.25),
    ],
)
def test_wastes_add_what_the_truth_says(
    site: GeneratedSite,
    healthy: GeneratedSite,
    kind: str,
    load: str,
    least_kw: float,
    most_kw: float,
    hours: float,
) -> None:
    row, truth = week_of(site, load), week_of(healthy, load)
    entries = entries_of(site, kind)
    extra_kwh = (row["E"] - truth["E"]) / 1000
    assert extra_kwh.sum() == pytest.approx(sum(float(str(entry["extraKwh"])) for entry in entries), abs=2e-3)
    for entry in entries:
        assert entry["hours"] == hours
        assert least_kw <= float(str(entry["extraKw"])) <= most_kw
        if kind != "left_on_overnight":  # whose windows leave the days out
            assert select(row, entry, "P").max() / 1000 == pytest.approx(entry["peakKw"], abs=1e-3)
    assert (extra_kwh > 1e-9).sum() == round(4 * hours * len(entries))


def test_dead_channel_comes_back_after_the_week(site: GeneratedSite) -> None:
    (entry,) = entries_of(site, "dead_channel")
    start_s = epoch(MONDAY - timedelta(days=1))
    before = site.compute_fields(channel_of(site, "well_pump"), start_s, 96 * 9, QUARTER_S)
    assert before["ts"][11] == start_s + 11 * QUARTER_S  # 02:45 on Sunday is the last
    assert before["ts"][12] == epoch(MONDAY + timedelta(days=7))
    assert entry["missingIntervals"] == 7 * 96 + 84


def test_youngest_circuit_is_seven_weeks_old(site: GeneratedSite) -> None:
    installed = {entry["channelName"]: entry["installed"] for entry in describe_site(site)["channels"]}
    assert installed["Dishwasher"] == "2025-12-08T05:00:00+00:00"
    assert set(installed.values()) == {"2023-01-01T05:00:00+00:00", "2025-12-08T05:00:00+00:00"}


@pytest.mark.parametrize("monday", [date(2026, 3, 2), date(2026, 10, 26)])
def test_planted_weeks_with_a_clock_change(monday: date) -> None:
    site = make_site(3, datetime(2026, 12, 1, tzinfo=UTC), [monday])
    amounts = {entry["kind"]: entry.get("hours", entry.get("missingIntervals")) for entry in describe_planted(site)}
    shift_h = -1 if monday.month == 3 else 1
    assert amounts["left_on_overnight"] == 102 + shift_h
    assert amounts["stuck_meter"] == 30


def test_consecutive_planted_weeks_may_meet() -> None:
    site = make_site(3, NOW, [date(2026, 1, 19), MONDAY])
    assert len(describe_planted(site)) == 20
    assert week_of(site, "well_pump", date(2026, 1, 19))["ts"].size == 0


def test_repeated_hour_of_autumn_can_hold_everything_in_its_first_pass() -> None:
    now, change_day = datetime(2026, 12, 1, tzinfo=UTC), date(2026, 11, 1)
    doubled, plain = (make_site(7, now, [], lasting_faults=faults) for faults in (["autumn_doubling"], []))
    odd, true = (
        one.compute_fields(channel_of(one, "kitchen_cold"), epoch(change_day), 100, QUARTER_S)
        for one in (doubled, plain)
    )
    assert (odd["ts"].size, true["ts"].size) == (96, 100)
    np.testing.assert_allclose(odd["E"][4:8], true["E"][4:8] + true["E"][8:12])
    np.testing.assert_array_equal(odd["E"][8:], true["E"][12:])
    assert odd["E"].sum() == pytest.approx(true["E"].sum())
