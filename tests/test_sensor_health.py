"""Tests of the masks of bad intervals, of completeness, and of analyze/sensor_health.py."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from analyze.intervals import prepare_intervals
from analyze.meters.bad_intervals import flag_flat_line, flag_stuck
from analyze.meters.catch_up import flag_catch_up
from analyze.sensor_health import build_section, channel_completeness
from config.report_config import ReportConfig
from lib.date_utils import Window, local_day_window
from tests.week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, prepare, set_power

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def intervals_of(power_kw, interval_s=3600, start="2026-01-12 05:00Z"):
    return prepare_intervals(make_readings(1, start, power_kw, interval_s), METERS, NEW_YORK, ReportConfig())


def health(readings, meters=METERS, scope=None):
    scope = scope or make_scope(meters)
    intervals, bad, _ = prepare(readings, scope)
    return build_section(intervals, bad, scope)


def kinds(section):
    return [(issue["type"], issue["severity"]) for issue in section["issues"]]


def drop(readings, start, end):
    moment = readings["interval_start"]
    return readings[(moment < pd.Timestamp(start, tz="UTC")) | (moment >= pd.Timestamp(end, tz="UTC"))]


def flag(intervals, **changes):
    return flag_stuck(
        intervals, **{"min_hours": 3, "min_power_kw": 0.01, "tolerance_ratio": 1e-6, "recurring_runs": 4, **changes}
    ).tolist()


def test_stuck_is_the_same_value_for_long_enough():
    intervals = intervals_of([5.0, 7.0, 7.0, 7.0, 6.0, 0.0, 0.0, 0.0, 4.0, 4.0])
    assert flag(intervals) == [False, True, True, True, False, False, False, False, False, False]


def test_what_an_idle_transformer_shows_is_not_stuck():
    assert (
        flag(intervals_of([1.0, 0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 1e-310, 1e-310]))
        == [False] * 5 + [True] * 3 + [False] * 2
    )


def test_a_small_steady_load_that_moves_is_not_stuck():
    assert flag(intervals_of([0.05, 0.0501, 0.05, 0.0499, 0.05, 0.0501, 0.05, 0.0499, 0.05, 0.0501])) == [False] * 10


def test_a_standby_to_which_a_coarse_meter_returns_is_not_stuck():
    nightly = [0.5, 0.5, 0.5, 3.0]
    assert flag(intervals_of(nightly * 3))[:3] == [True] * 3
    assert not any(flag(intervals_of(nightly * 4)))


def test_a_hole_or_missing_power_does_not_free_a_stuck_meter():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0, 7.0, 7.0, 7.0, 7.0, 3.0], 3600)
    readings.loc[2, ["power_kw", "energy_kwh"]] = np.nan
    readings.loc[3, "power_kw"] = np.nan  # its energy still says 7 kW
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
    assert flag(intervals) == [False, True, True, True, False]


def test_stuck_does_not_run_on_into_the_next_channel():
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 05:00Z", [1.0, 7.0, 7.0], 3600),
            make_readings(2, "2026-01-12 05:00Z", [7.0, 7.0, 1.0], 3600),
        ]
    )
    assert not any(flag(prepare_intervals(readings, make_meters(1, 2), NEW_YORK, ReportConfig())))


def test_catch_up_needs_a_hole_before_and_more_energy_than_its_power_gives():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 10)
    readings.loc[3, "energy_kwh"] = 9.0  # no hole before it
    readings.loc[6, "energy_kwh"] = 1.6  # after the hole, 3.2 × 0.5 kWh
    readings.loc[8, "energy_kwh"] = 1.5  # after the second, 3 × and no more
    readings = readings.drop(index=[5, 7])
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False, False, False, False, False, True, False, False]


def test_catch_up_without_power_is_measured_by_the_usual_energy():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 9).assign(power_kw=np.nan)
    readings.loc[8, "energy_kwh"] = 19.6
    intervals = prepare_intervals(readings.drop(index=range(4, 8)), METERS, NEW_YORK, ReportConfig())
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False] * 4 + [True]


@pytest.mark.parametrize("interval_s", [900, 3600])
def test_catch_up_whose_power_follows_the_energy(interval_s):
    hours, meters = interval_s / 3600, make_meters(1, interval_s=interval_s)
    readings = fill_window(1, BOTH, 5.0, 1.0, interval_s=interval_s)
    start = readings["interval_start"]
    hole = start.between(pd.Timestamp("2026-01-13 23:00Z"), pd.Timestamp("2026-01-14 09:00Z"), inclusive="left")
    last = start == pd.Timestamp("2026-01-14 09:00Z")  # 04:00 in New York: 1 kW, after ten hours at 1 kW
    caught_up = readings.assign(energy_kwh=readings["energy_kwh"].mask(last, 10 + hours))
    caught_up = caught_up.assign(power_kw=caught_up["energy_kwh"] / hours)
    issues = health(caught_up[~hole], meters)["issues"]
    (issue,) = [issue for issue in issues if issue["type"] == "catch_up"]
    assert issue["energyKwh"] == pytest.approx(10 + hours)
    assert (issue["gapStart"], issue["start"]) == ("2026-01-13T18:00:00-05:00", "2026-01-14T04:00:00-05:00")
    # Silent: nothing was missed before it; too little to be the whole; a load that goes on at this level.
    assert "catch_up" not in [issue["type"] for issue in health(caught_up, meters)["issues"]]
    half = readings.assign(
        energy_kwh=readings["energy_kwh"].mask(last, 5.0), power_kw=readings["power_kw"].mask(last, 5.0 / hours)
    )
    assert "catch_up" not in [issue["type"] for issue in health(half[~hole], meters)["issues"]]
    goes_on = set_power(readings, "2026-01-14 04:00", "2026-01-14 12:00", 11.0 / hours)
    assert "catch_up" not in [issue["type"] for issue in health(goes_on[~hole], meters)["issues"]]


def test_flat_line_is_far_steadier_than_the_channel_ever_is():
    baseline = Window(datetime(2026, 1, 11, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC))
    live = [1.0, 2.0] * 12
    flat = [1.5, 1.501, 1.5, 1.501, 1.5, 1.501]
    intervals = intervals_of(live + flat + [9.0], start="2026-01-11 00:00Z")
    options = {"window_hours": 4, "max_variance_kw2": 0.01, "min_steadier_ratio": 10}
    mask = flag_flat_line(intervals, baseline, **options).tolist()
    assert mask == [False] * 27 + [True] * 3 + [False]
    idle = intervals_of(live + [0.0] * 6 + [9.0], start="2026-01-11 00:00Z")
    assert not flag_flat_line(idle, baseline, **options).any()
    # A load that is always as steady as that is itself, not flat.
    steady = intervals_of([1.5, 1.501] * 15, start="2026-01-11 00:00Z")
    assert not flag_flat_line(steady, baseline, **options).any()


def test_completeness_counts_null_rows_as_missing():
    readings = make_readings(1, "2026-01-12 05:00Z", [1.0] * 10)
    readings.loc[2, ["energy_kwh", "power_kw"]] = np.nan
    readings.loc[3, "power_kw"] = np.nan
    readings.loc[4, ["energy_kwh", "power_kw"]] = 0.0
    window = Window(datetime(2026, 1, 12, 5, tzinfo=UTC), datetime(2026, 1, 12, 10, tzinfo=UTC))
    row = channel_completeness(readings, METERS, window).iloc[0].tolist()
    assert row == [1, 20, 9, 45.0]


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100), (date(2026, 1, 12), 96)]
)
def test_expected_intervals_of_days_with_clock_changes(day, expected):
    window = local_day_window(day, day, NEW_YORK)
    readings = fill_window(1, window, 5.0, 1.0)
    row = channel_completeness(readings, METERS, window).iloc[0].tolist()
    assert row == [1, expected, expected, 100.0]


def test_completeness_counts_from_installation_and_in_the_meters_own_interval():
    meters = make_meters(1, 2, 3).assign(interval_s=pd.array([900, 3600, None], dtype="Int64"))
    meters["installed_at"] = pd.to_datetime(pd.Series(["2026-01-12 08:00Z", None, None]), utc=True)
    window = Window(datetime(2026, 1, 12, 5, tzinfo=UTC), datetime(2026, 1, 12, 10, tzinfo=UTC))
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 08:00Z", [1.0] * 8),
            make_readings(2, "2026-01-12 05:00Z", [1.0] * 5, 3600),
        ]
    )
    table = channel_completeness(readings, meters, window)
    assert table["expected_intervals"].tolist() == [8, 5, 8]  # the third by the median of the others, 2250 s
    assert table["completeness_pct"].tolist() == [100.0, 100.0, 0.0]
    whole = channel_completeness(readings, meters, window, since_installation=False)
    assert whole["expected_intervals"].tolist()[0] == 20


def test_a_healthy_meter_has_no_issue():
    section = health(fill_window(1, BOTH, 5.0, 1.0))
    assert section == {
        "summary": [],
        "totalIssues": 0,
        "bySeverity": {"high": 0, "medium": 0, "low": 0},
        "issues": [],
        "notAssessed": [
            {
                "check": "phases",
                "status": "insufficient_data",
                "code": "no_phase_power",
                "missing": "power of each of three phases",
                "possibleFrom": None,
                "channelIds": [1],
            },
            {
                "check": "sum_of_sub_meters",
                "status": "insufficient_data",
                "code": "no_meter_tree",
                "missing": "a parent or sub-meters of the channel",
                "possibleFrom": None,
                "channelIds": [1],
            },
        ],
    }


def test_idle_equipment_at_zero_has_no_issue():
    assert health(fill_window(1, BOTH, 0.0, 0.0))["totalIssues"] == 0


def test_a_dead_meter_is_dead_and_nothing_else():
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-11 00:00", "2026-01-20 00:00"))
    assert kinds(section) == [("dead", "high")]
    issue = section["issues"][0]
    # The last interval starts 23:45 UTC and ends at midnight, 8 days and 5 hours before the period's end.
    assert issue["lastReading"] == "2026-01-10T18:45:00-05:00"
    assert issue["hoursSince"] == "197.0"
    assert section["summary"] == [
        {
            "type": "dead",
            "count": 1,
            "affectedChannels": 1,
            "description": "reported in the baseline weeks, nothing in the period",
        }
    ]


def test_a_meter_that_never_reported_is_not_called_dead_and_an_air_sensor_is_not_judged():
    meters = make_meters(1, 2, 3)
    meters.loc[2, "is_energy_meter"] = False
    section = health(fill_window(1, BOTH, 5.0, 1.0), meters)
    assert kinds(section) == [("no_data", "medium")]
    assert section["issues"][0]["channelId"] == 2


def test_a_removed_meter_is_not_missed():
    meters = METERS.assign(uninstalled_at=pd.to_datetime(pd.Series(["2026-01-10 00:00Z"]), utc=True))
    readings = drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-10 00:00", "2026-01-20 00:00")
    assert health(readings, meters)["totalIssues"] == 0


@pytest.mark.parametrize(
    ("silent_from", "expected"),
    [
        ("2026-01-19 03:00", []),  # 2.0 h before the end at 05:00 UTC
        ("2026-01-19 02:45", [("stale", "medium")]),
        ("2026-01-18 05:00", [("missing_data", "medium"), ("stale", "medium")]),  # 24.0 h, and a seventh of the week
        ("2026-01-18 04:45", [("missing_data", "medium"), ("stale", "high")]),
    ],
)
def test_staleness_is_judged_at_the_periods_end(silent_from, expected):
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), silent_from, "2026-01-20 00:00"))
    assert sorted(kinds(section)) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2026-01-14 12:30", []),  # two intervals
        ("2026-01-14 12:45", [("gap", "low")]),
        ("2026-01-14 18:00", [("gap", "low")]),  # 6.0 h
        ("2026-01-14 18:15", [("gap", "medium")]),
    ],
)
def test_gaps_are_longer_than_two_intervals_and_never_high(end, expected):
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 12:00", end))
    assert kinds(section) == expected
    if expected:
        issue = section["issues"][0]
        assert issue["start"] == "2026-01-14T07:00:00-05:00"
        assert pd.Timestamp(issue["end"]) == pd.Timestamp(end, tz="UTC")
        assert issue["missingIntervals"] == (pd.Timestamp(end) - pd.Timestamp("2026-01-14 12:00")) / pd.Timedelta("15m")


def test_a_gap_that_began_before_the_period_counts_from_its_start():
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-10 00:00", "2026-01-12 06:00"))
    assert kinds(section) == [("gap", "low")]
    assert section["issues"][0]["start"] == "2026-01-12T00:00:00-05:00"
    assert section["issues"][0]["missingIntervals"] == 4


def test_null_rows_are_a_gap():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(pd.Timestamp("2026-01-14 12:00Z"), pd.Timestamp("2026-01-14 12:45Z"))
    readings.loc[hit, ["energy_kwh", "power_kw"]] = np.nan
    assert health(readings)["issues"][0]["missingIntervals"] == 4


def test_missing_more_than_a_tenth_is_an_issue():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    in_week = readings["interval_start"] >= pd.Timestamp(WEEK.start)
    number = np.where(in_week, np.arange(len(readings)) % 9, 1)  # every ninth interval: 11.1 %
    section = health(readings[number != 0])
    assert kinds(section) == [("missing_data", "medium")]
    assert (section["issues"][0]["missingIntervals"], section["issues"][0]["completenessPct"]) == (75, 88.8)


def test_stuck_in_the_period_is_high_and_tells_when_it_froze():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(pd.Timestamp("2026-01-12 03:00Z"), pd.Timestamp("2026-01-12 08:45Z"))
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [7.5, 1.875]
    section = health(readings)
    assert kinds(section) == [("stuck", "high")]
    assert section["issues"][0]["start"] == "2026-01-11T22:00:00-05:00"
    assert section["issues"][0]["hours"] == 6.0


def test_catch_up_and_negative_energy_give_their_evidence():
    readings = drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 12:00", "2026-01-14 14:00").reset_index(drop=True)
    after = readings.index[readings["interval_start"] == pd.Timestamp("2026-01-14 14:00Z")][0]
    readings.loc[after, "energy_kwh"] = 11.25
    readings.loc[[after + 10, after + 20], "energy_kwh"] = [-3.0, -1.0]
    issues = {issue["type"]: issue for issue in health(readings)["issues"]}
    assert set(issues) == {"gap", "catch_up", "register_reset"}
    catch_up = issues["catch_up"]
    assert (catch_up["gapStart"], catch_up["gapEnd"]) == ("2026-01-14T07:00:00-05:00", "2026-01-14T09:00:00-05:00")
    assert catch_up["energyKwh"] == 11.25
    assert (issues["register_reset"]["intervals"], issues["register_reset"]["energyKwh"]) == (2, -4.0)


# --- Is it the meter or the building? ---------------------------------------------------------------------------------

DAY, NIGHT = 12.0, 4.0


def healthy(**columns):
    """Return five weeks of a load that swings daily, on which a fault is put."""
    return fill_window(1, BOTH, DAY, NIGHT).assign(**columns)


def between(readings, start, end):
    """Return the rows from `start` up to `end` on the local wall clock."""
    moment = readings["interval_start"]
    return (moment >= pd.Timestamp(start, tz=NEW_YORK)) & (moment < pd.Timestamp(end, tz=NEW_YORK))


def scale(readings, rows, factor, columns=("energy_kwh", "power_kw")):
    return readings.assign(**{name: readings[name].mask(rows, readings[name] * factor) for name in columns})


def with_phases(readings, shares=(0.35, 0.33, 0.32)):
    named = {f"power_l{number}_kw": share * readings["power_kw"] for number, share in enumerate(shares, start=1)}
    return readings.assign(**named)


def set_phase(readings, rows, factor, phase=2):
    """Return `readings` of which one phase is `factor` times itself within `rows`, and the sums follow."""
    name = f"power_l{phase}_kw"
    change = (readings[name] * (factor - 1)).where(rows, 0.0)
    readings = readings.assign(**{name: readings[name] + change}, power_kw=readings["power_kw"] + change)
    return readings.assign(energy_kwh=readings["energy_kwh"] + change / 4)


def flagged(readings, meters=METERS):
    """Return by name how many intervals each mask flags."""
    _, bad, _ = prepare(readings, make_scope(meters))
    return {name: int(count) for name, count in bad.sum().items() if count}


WHOLE_WEEK = ("2026-01-12", "2026-01-19")


def test_three_sound_phases_have_no_issue():
    section = health(with_phases(healthy()))
    assert kinds(section) == []
    assert [entry["check"] for entry in section["notAssessed"]] == ["sum_of_sub_meters"]
    assert flagged(with_phases(healthy())) == {}


def test_find_bad_intervals_names_the_known_reasons_always_and_others_where_they_occur():
    _, bad, _ = prepare(healthy(), SCOPE)
    assert list(bad.columns) == ["stuck", "catch_up", "negative_energy"]
    assert bad.dtypes.astype(str).tolist() == ["bool"] * 3


@pytest.mark.parametrize("factor", [1000.0, 100.0, 10.0, 0.1, 0.01, 0.001])
def test_a_wrong_unit_is_told_with_its_factor(factor):
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14", "2026-01-17"), factor)
    section = health(readings)
    assert kinds(section) == [("wrong_unit", "high")]
    issue = section["issues"][0]
    assert issue["description"] == f"meter 1: {factor:g} times its own usual level for 72 h"
    assert (issue["start"], issue["end"], issue["hours"]) == (
        "2026-01-14T00:00:00-05:00",
        "2026-01-17T00:00:00-05:00",
        72.0,
    )
    assert flagged(readings) == {"wrong_unit": 288}


def test_a_wrong_unit_from_midday_on_is_masked_from_midday_on():
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14 15:00", "2026-01-19"), 1000.0)
    assert flagged(readings) == {"wrong_unit": 36 + 4 * 96}


@pytest.mark.parametrize("factor", [2.0, 5.0, 6.5, 15.0, 0.2, 0.5])
def test_a_load_that_doubles_is_no_wrong_unit(factor):
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14", "2026-01-17"), factor)
    assert flagged(readings) == {}


def test_a_flat_load_that_goes_up_tenfold_may_be_a_load_but_a_hundredfold_is_not():
    flat = fill_window(1, BOTH, 4.0, 4.0)
    rows = between(flat, "2026-01-14", "2026-01-17")
    assert flagged(scale(flat, rows, 10.0)) == {}
    assert flagged(scale(flat, rows, 100.0)) == {"wrong_unit": 288}


def test_a_frozen_level_of_operation_is_stuck_though_the_level_recurs():
    """Four weeks of a machine that runs at exactly 7 kW for eight hours a day, and then for three days on end."""
    readings = healthy()
    local = readings["interval_start"].dt.tz_convert(NEW_YORK)
    steady = (local.dt.hour >= 8) & (local.dt.hour < 16)
    power = readings["power_kw"].where(readings["power_kw"] < 6).fillna(NIGHT).mask(steady, 7.0)
    readings = readings.assign(power_kw=power, energy_kwh=power / 4)
    assert flagged(readings) == {}
    rows = between(readings, "2026-01-14 08:00", "2026-01-17 16:00")
    readings = readings.assign(power_kw=power.mask(rows, 7.0), energy_kwh=(power / 4).mask(rows, 1.75))
    assert flagged(readings) == {"stuck": 80 * 4}
    assert kinds(health(readings)) == [("stuck", "high")]


def test_a_coarse_meter_repeats_itself_by_nature_and_may_still_be_stuck():
    readings = healthy()
    steps = np.random.default_rng(4).choice([0.0, 2.0], len(readings), p=[0.8, 0.2]).cumsum() % 8 + 20
    readings = readings.assign(power_kw=steps, energy_kwh=steps / 4)
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 15:00")
    assert flagged(readings.assign(power_kw=readings["power_kw"].mask(rows, 24.0))) == {}
    rows = between(readings, "2026-01-14 08:00", "2026-01-16 08:00")
    assert flagged(readings.assign(power_kw=readings["power_kw"].mask(rows, 24.0)))["stuck"] >= 192


def test_zero_on_a_load_that_never_rests_is_doubted_and_on_one_that_does_is_not():
    readings = healthy()
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 15:00")
    section = health(scale(readings, rows, 0.0))
    assert kinds(section) == [("zero", "medium")]
    assert section["issues"][0]["description"] == "meter 1: exactly zero on a load that never rests for 7 h"
    assert flagged(scale(readings, rows, 0.0)) == {"zero": 28}
    assert flagged(scale(readings, between(readings, "2026-01-14 08:00", "2026-01-14 13:45"), 0.0)) == {}
    assert flagged(scale(readings, between(readings, "2026-01-14", "2026-01-16"), 0.0)) == {"zero": 192}
    rests = scale(readings, readings["interval_start"].dt.minute == 0, 0.001)
    assert flagged(scale(rests, rows, 0.0)) == {}


@pytest.mark.parametrize("factor", [0.0, 0.2, 8.0])
def test_a_register_that_does_not_count_what_the_power_says(factor):
    readings = healthy()
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 20:00")
    readings = scale(readings, rows, factor, ["energy_kwh"])
    section = health(readings)
    assert kinds(section) == [("register", "medium")]
    text = f"meter 1: its energy is {factor:.3g} times what its power gives for 12 h"
    assert section["issues"][0]["description"] == text
    assert flagged(readings) == {"register": 48}


def test_pulses_beside_mean_power_are_not_a_faulty_register():
    readings = healthy()
    pulses = np.floor(readings["energy_kwh"].cumsum() / 5.0) * 5.0
    readings = readings.assign(energy_kwh=pulses.diff().fillna(0.0))
    section = health(readings)
    assert kinds(section) == [("quantised", "low")]
    assert (section["issues"][0]["pulseKwh"], section["issues"][0]["typicalPulses"]) == (5.0, 1.0)
    assert flagged(readings) == {}


def test_one_absurd_energy_is_a_register_jump():
    readings = healthy()
    row = between(readings, "2026-01-14 08:00", "2026-01-14 08:15")
    section = health(scale(readings, row, 5000.0, ["energy_kwh"]))
    assert kinds(section) == [("register_jump", "medium")]
    assert section["issues"][0]["hours"] == 0.25
    assert flagged(scale(readings, row, 3.0, ["energy_kwh"])) == {}


@pytest.mark.parametrize(("factor", "expected"), [(0.96, []), (0.94, ["register_drift"]), (1.06, ["register_drift"])])
def test_under_reading_against_the_register(factor, expected):
    readings = healthy()
    section = health(scale(readings, between(readings, *WHOLE_WEEK), factor, ["energy_kwh"]))
    assert kinds(section) == [(kind, "medium") for kind in expected]
    if expected:
        assert (section["issues"][0]["registerRatio"], section["issues"][0]["usualRatio"]) == (factor, 1.0)


def test_a_register_that_strays_for_two_days_is_not_drifting():
    readings = healthy()
    rows = between(readings, "2026-01-14", "2026-01-16")
    assert kinds(health(scale(readings, rows, 0.5, ["energy_kwh"]))) == []


@pytest.mark.parametrize(
    ("factor", "kind", "title"),
    [
        (-1.0, "phase_reversed", "power of phase 2 is negative"),
        (0.0, "phase_missing", "phase 2 carries nothing while the others do"),
    ],
)
def test_a_reversed_or_missing_phase_is_found_and_only_it(factor, kind, title):
    readings = with_phases(healthy())
    rows = between(readings, "2026-01-14 08:00", "2026-01-15 08:00")
    section = health(set_phase(readings, rows, factor))
    assert kinds(section) == [(kind, "high")]
    assert section["issues"][0]["description"] == f"meter 1: {title} for 24 h"
    assert flagged(set_phase(readings, rows, factor)) == {kind: 96}
    short = between(readings, "2026-01-14 08:00", "2026-01-14 13:45")
    assert flagged(set_phase(readings, short, factor)) == {}


def test_a_load_on_two_phases_and_a_phase_that_rests_every_night_miss_nothing():
    assert kinds(health(with_phases(healthy(), (0.5, 0.5, 0.0)))) == []
    readings = with_phases(healthy())
    assert flagged(set_phase(readings, readings["power_kw"] < 6, 0.0)) == {}


def test_phase_imbalance_is_low():
    section = health(with_phases(healthy(), (0.54, 0.25, 0.21)))
    assert kinds(section) == [("phase_imbalance", "low")]
    assert section["issues"][0]["imbalancePct"] == 62.0
    assert kinds(health(with_phases(healthy(), (0.49, 0.28, 0.23)))) == []


def test_power_that_runs_backwards_since_the_period_is_a_reversed_clamp():
    readings = healthy()
    section = health(scale(readings, between(readings, *WHOLE_WEEK), -1.0))
    assert ("reversed", "high") in kinds(section)
    assert {kind for kind, _ in kinds(section)} <= {"reversed"}
    assert kinds(health(scale(readings, readings["power_kw"] > 0, -1.0))) == [("reversed", "medium")]


def test_feeding_in_by_day_is_the_nature_of_a_meter_with_generation():
    readings = healthy()
    hour = readings["interval_start"].dt.tz_convert(NEW_YORK).dt.hour
    section = health(scale(readings, (hour >= 11) & (hour < 14), -1.0))
    assert kinds(section) == [("negative_energy", "low")]


def site_of(main_factor=1.0, sub_factor=1.0, period_only=True):
    """Return a main meter of 20/8 kW with two sub-meters of a quarter each."""
    meters = make_meters(1, 2, 3, parents={2: 1, 3: 1})
    parts = [fill_window(key, BOTH, kw, kw / 2) for key, kw in ((1, 20.0), (2, 5.0), (3, 5.0))]
    week = between(parts[0], *WHOLE_WEEK) if period_only else parts[0]["power_kw"] > 0
    parts[0], parts[1] = scale(parts[0], week, main_factor), scale(parts[1], week, sub_factor)
    return pd.concat(parts), meters


def test_main_and_sub_meters_that_agree_have_no_issue():
    assert kinds(health(*site_of())) == []
    assert kinds(health(*site_of(main_factor=0.5 / 1.04, period_only=False))) == []  # 104 %, within the tolerance


def test_sub_meters_that_exceed_their_main():
    section = health(*site_of(main_factor=0.5 / 1.06, period_only=False))
    assert kinds(section) == [("sum_mismatch", "medium")]
    assert (section["issues"][0]["coveredPct"], section["issues"][0]["subMeterIds"]) == (106.0, [2, 3])


def test_a_sub_meter_that_lost_a_share_shows_in_the_sum():
    section = health(*site_of(main_factor=1.3, period_only=True))  # 50 % before, 38 % now: within 15 points
    assert [kind for kind, _ in kinds(section)] == ["base_load_step"]
    section = health(*site_of(main_factor=1.5, period_only=True))
    assert sorted(kinds(section)) == [("base_load_step", "low"), ("sum_shift", "low")]
    assert next(issue for issue in section["issues"] if issue["type"] == "sum_shift")["coveredPct"] == 33.3


@pytest.mark.parametrize(("added_kw", "expected"), [(0.0, []), (0.9, []), (1.5, ["base_load_step"])])
def test_a_step_in_base_load_tells_when_it_came(added_kw, expected):
    readings = healthy()
    rows = between(readings, "2026-01-15", "2026-01-19")
    power = readings["power_kw"] + np.where(rows, added_kw, 0.0)
    section = health(readings.assign(power_kw=power, energy_kwh=power / 4))
    assert kinds(section) == [(kind, "low") for kind in expected]
    if expected:
        issue = section["issues"][0]
        assert issue["start"] == "2026-01-15T00:00:00-05:00"
        # Of 96 values the tenth percentile is the second of the seven steps on weekdays (0.98667 × 4 kW) and the first
        # on weekends (0.98 × 4 kW); the four days from Thursday on hold two of each.
        assert (issue["usualBaseKw"], issue["baseKw"]) == (3.947, 5.433)


def test_a_step_of_two_days_is_not_yet_one():
    readings = healthy()
    power = readings["power_kw"] + np.where(between(readings, "2026-01-17", "2026-01-19"), 1.5, 0.0)
    assert kinds(health(readings.assign(power_kw=power, energy_kwh=power / 4))) == []


def autumn(is_absent=True, ids=(1,), hourly=False):
    """Return the weeks to Sunday 2 November 2025, whose repeated hour stands doubled in its first pass."""
    week = local_day_window(date(2025, 10, 27), date(2025, 11, 2), NEW_YORK)
    meters = make_meters(*ids, interval_s=3600 if hourly else 900)
    scope = make_scope(meters, week)
    window = Window(scope.baseline.start, week.end)
    parts = [fill_window(key, window, DAY, NIGHT, interval_s=3600 if hourly else 900) for key in ids]
    readings = pd.concat(parts, ignore_index=True)
    moment = readings["interval_start"]
    first = (moment >= pd.Timestamp("2025-11-02 05:00Z")) & (moment < pd.Timestamp("2025-11-02 06:00Z"))
    second = (moment >= pd.Timestamp("2025-11-02 06:00Z")) & (moment < pd.Timestamp("2025-11-02 07:00Z"))
    readings = scale(readings, first, 2.0)
    return (readings[~second] if is_absent else scale(readings, second, 0.0)), scope


@pytest.mark.parametrize("is_absent", [True, False])
@pytest.mark.parametrize("hourly", [True, False])
def test_the_repeated_hour_of_autumn_doubled(is_absent, hourly):
    readings, scope = autumn(is_absent, hourly=hourly)
    intervals, bad, clean = prepare(readings, scope)
    section = build_section(intervals, bad, scope)
    assert kinds(section) == [("clock_change", "low")]
    assert section["issues"][0]["start"] == "2025-11-02T01:00:00-04:00"
    hours = intervals.loc[bad["clock_change"], "hours"].sum()
    assert hours == (1 if is_absent else 2)
    assert len(clean) == len(intervals) - bad["clock_change"].sum()


def test_a_load_too_small_to_tell_follows_the_logger_of_its_neighbours():
    readings, scope = autumn(ids=(1, 2, 3))
    readings = scale(readings, readings["channel_id"] == 3, 0.001)
    intervals, bad, _ = prepare(readings, scope)
    assert intervals.loc[bad["clock_change"], "channel_id"].value_counts().to_dict() == {1: 4, 2: 4, 3: 4}


def test_sound_clock_changes_flag_nothing():
    for first, last in ((date(2025, 10, 27), date(2025, 11, 2)), (date(2026, 3, 2), date(2026, 3, 8))):
        week = local_day_window(first, last, NEW_YORK)
        scope = make_scope(METERS, week)
        readings = fill_window(1, Window(scope.baseline.start, week.end), DAY, NIGHT)
        intervals, bad, _ = prepare(readings, scope)
        assert not bad.any(axis=None)
        assert build_section(intervals, bad, scope)["totalIssues"] == 0


def test_a_load_that_really_doubles_in_the_first_pass_is_believed():
    readings, scope = autumn(is_absent=False)
    moment = readings["interval_start"]
    second = (moment >= pd.Timestamp("2025-11-02 06:00Z")) & (moment < pd.Timestamp("2025-11-02 07:00Z"))
    power = readings["power_kw"].mask(second, NIGHT * (1 + 1e-3 * np.arange(len(readings)) % 0.02))
    _, bad, _ = prepare(readings.assign(power_kw=power, energy_kwh=power / 4), scope)
    assert not bad.any(axis=None)


def test_an_outage_in_the_second_pass_alone_is_a_gap():
    readings, scope = autumn()
    moment = readings["interval_start"]
    first = (moment >= pd.Timestamp("2025-11-02 05:00Z")) & (moment < pd.Timestamp("2025-11-02 06:00Z"))
    intervals, bad, _ = prepare(scale(readings, first, 0.5), scope)
    assert kinds(build_section(intervals, bad, scope)) == [("gap", "low")]


def test_no_reading_and_a_single_one():
    columns = ["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]
    assert kinds(health(pd.DataFrame({name: [] for name in columns}))) == [("no_data", "medium")]
    single = make_readings(1, "2026-01-14 12:00Z", [5.0])
    section = health(with_phases(single))
    assert sorted(kind for kind, _ in kinds(section)) == ["missing_data", "stale"]
    assert {entry["check"]: entry["possibleFrom"] for entry in section["notAssessed"]} == {
        "base_load_step": "2026-02-02",
        "sum_of_sub_meters": None,
    }
