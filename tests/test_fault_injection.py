"""The accuracy benchmark's own tools: what is injected is exactly what it says, and the scores are worked by hand.

Synthetic weeks only; the measured data are not needed.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy_page import TOGETHER, LabelledScore, replace_labelled
from benchmarks.detections import (
    OURS,
    Finding,
    Outcome,
    best_f1,
    is_about,
    is_borne_out,
    judge,
    list_false_alerts,
    list_plain_findings,
    precision_and_recall,
    roc_auc,
    score_events,
)
from benchmarks.fault_injection import KINDS, Fault, inject
from benchmarks.fault_plan import draw_fault, plan_faults, repeated_hour
from benchmarks.measured_meters import MeasuredWeek, Meter, complete_weeks, to_readings, to_utc
from week_factory import NEW_YORK, WEEK, fill_window, make_meters

from analyze.week.site_week import baseline_before
from config.thresholds import Thresholds
from lib.date_utils import Window, local_day_window

CONFIG = Thresholds()
BASELINE = baseline_before(WEEK, NEW_YORK, CONFIG)
MONDAY_NOON = pd.Timestamp("2026-01-12 12:00", tz=NEW_YORK).tz_convert("UTC")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def week() -> MeasuredWeek:
    """One meter: 40 kW on weekdays 7–18, else 10 kW, with a 2 % wiggle; hourly."""
    readings = fill_window(1, Window(BASELINE.start, WEEK.end), 40, 10, interval_s=3600)
    return MeasuredWeek(readings, make_meters(1, interval_s=3600), WEEK, BASELINE, NEW_YORK)


def fault_of(kind: str, size: float, hours: int, start: pd.Timestamp = MONDAY_NOON) -> Fault:
    return Fault(kind, 1, size, hours, start, start + hours * HOUR)


def row_of(week: MeasuredWeek, moment: pd.Timestamp) -> int:
    return int(np.flatnonzero(week.readings["interval_start"] == moment)[0])


def powers(readings: pd.DataFrame) -> list[float]:
    """The six hours from Monday 11:00 on, as the fault leaves them; it covers the four from 12:00 on."""
    first = readings["interval_start"].searchsorted(MONDAY_NOON - HOUR)
    return readings["power_kw"].iloc[first : first + 6].tolist()


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        pytest.param("stuck", 1, lambda kw: [kw[0], kw[1], kw[1], kw[1], kw[1], kw[5]], id="stuck"),
        pytest.param("dead, zeros", 0, lambda kw: [kw[0], 0, 0, 0, 0, kw[5]], id="zeros"),
        pytest.param("anomaly high", 1.5, lambda kw: [kw[0], *(1.5 * v for v in kw[1:5]), kw[5]], id="high"),
        pytest.param("reversed sign", -1, lambda kw: [kw[0], *(-v for v in kw[1:5]), kw[5]], id="reversed"),
        # The 95th percentile of a load that is at 40 kW a third of the time lies in the upper half of its wiggle.
        pytest.param("spike", 3, lambda kw: [kw[0], *[3 * 40 * (1 + 0.02 * 2 / 3)] * 4, kw[5]], id="spike"),
        # The median is a night hour's.
        pytest.param("step in base load", 0.5, lambda kw: [kw[0], *(v + 5 for v in kw[1:5]), kw[5]], id="step"),
    ],
)
def test_a_fault_sets_power_within_its_hours_and_nothing_else(week, kind, size, expected) -> None:
    before = week.readings.copy()
    altered = inject(week, fault_of(kind, size, 4))
    assert powers(altered) == pytest.approx(expected(powers(before)), rel=2e-3)
    pd.testing.assert_series_equal(altered["energy_kwh"], altered["power_kw"], check_names=False)  # hourly
    first = row_of(week, MONDAY_NOON)
    others = np.r_[0:first, first + 4 : len(before)]
    pd.testing.assert_frame_equal(altered.iloc[others], before.iloc[others])
    pd.testing.assert_frame_equal(week.readings, before)


def test_a_gap_takes_the_rows_and_leaves_the_others(week) -> None:
    first = row_of(week, MONDAY_NOON)
    expected = week.readings.drop(index=range(first, first + 4)).reset_index(drop=True)
    pd.testing.assert_frame_equal(inject(week, fault_of("gap", 0, 4)), expected)


@pytest.mark.parametrize(("size", "power_follows"), [(1, False), (2, True)])
def test_a_catch_up_brings_the_energy_of_the_hole_in_its_last_interval(week, size, power_follows) -> None:
    first = row_of(week, MONDAY_NOON)
    four = week.readings.iloc[first : first + 4]
    altered = inject(week, fault_of("catch-up", size, 4))
    assert len(altered) == len(week.readings) - 3
    assert altered["interval_start"].iloc[first] == MONDAY_NOON + 3 * HOUR
    assert altered["energy_kwh"].iloc[first] == pytest.approx(four["energy_kwh"].sum())
    wanted_kw = four["energy_kwh"].sum() if power_follows else four["power_kw"].iloc[-1]
    assert altered["power_kw"].iloc[first] == pytest.approx(wanted_kw)
    assert altered["energy_kwh"].sum() == pytest.approx(week.readings["energy_kwh"].sum())


@pytest.mark.parametrize(("size", "power_follows"), [(100, False), (-100, True)])
def test_a_register_reset_takes_many_mean_intervals_off_one(week, size, power_follows) -> None:
    first, usual_kwh = row_of(week, MONDAY_NOON), week.readings["energy_kwh"]
    altered = inject(week, fault_of("register reset", size, 1))
    expected_kwh = usual_kwh.iloc[first] - 100 * usual_kwh.mean()
    assert altered["energy_kwh"].iloc[first] == pytest.approx(expected_kwh)
    wanted_kw = expected_kwh if power_follows else week.readings["power_kw"].iloc[first]
    assert altered["power_kw"].iloc[first] == pytest.approx(wanted_kw)
    assert (altered["energy_kwh"] != usual_kwh).sum() == 1


def test_left_on_lifts_the_nights_of_the_week_halfway_to_the_day(week) -> None:
    start = pd.Timestamp(WEEK.start)
    altered = inject(week, fault_of("left on overnight", 0.5, 168, start))
    changed = (altered["power_kw"] != week.readings["power_kw"]).to_numpy()
    local = altered["interval_start"].dt.tz_convert(NEW_YORK)
    is_open = (local.dt.hour >= 7) & (local.dt.hour < 18) & (local.dt.day_of_week < 5)
    assert (changed == ((altered["interval_start"] >= start) & ~is_open)).all()
    assert altered["power_kw"][changed].to_numpy() == pytest.approx(25, rel=0.012)


@pytest.mark.parametrize(("has_second_pass", "expected_kw"), [(True, 12.0), (False, 10.0)])
def test_a_doubled_clock_change_puts_both_passes_into_the_first(has_second_pass, expected_kw) -> None:
    autumn = local_day_window(date(2025, 10, 27), date(2025, 11, 2), NEW_YORK)
    baseline = baseline_before(autumn, NEW_YORK, CONFIG)
    readings = fill_window(1, Window(baseline.start, autumn.end), 40, 10, interval_s=3600)
    first = pd.Timestamp("2025-11-02T05:00Z")
    is_first, is_second = readings["interval_start"] == first, readings["interval_start"] == first + HOUR
    power_kw = readings["power_kw"].mask(is_first, 5.0).mask(is_second, 7.0)
    readings = readings.assign(power_kw=power_kw, energy_kwh=power_kw)
    readings = readings[has_second_pass | ~is_second].reset_index(drop=True)
    week = MeasuredWeek(readings, make_meters(1, interval_s=3600), autumn, baseline, NEW_YORK)
    altered = inject(week, fault_of("clock-change doubling", 2, 2, first))
    expected = readings[readings["interval_start"] != first + HOUR].reset_index(drop=True)
    power_kw = expected["power_kw"].mask(expected["interval_start"] == first, expected_kw)
    pd.testing.assert_frame_equal(altered, expected.assign(power_kw=power_kw, energy_kwh=power_kw))


def test_the_repeated_hour_is_the_first_pass_in_autumn_and_none_else() -> None:
    autumn = local_day_window(date(2025, 10, 27), date(2025, 11, 2), NEW_YORK)
    assert repeated_hour(autumn, NEW_YORK) == pd.Timestamp("2025-11-02T05:00Z")
    assert repeated_hour(WEEK, NEW_YORK) is None
    assert repeated_hour(local_day_window(date(2026, 3, 2), date(2026, 3, 8), NEW_YORK), NEW_YORK) is None


@pytest.mark.parametrize("kind", [name for name, facts in KINDS.items() if facts.place != "repeated_hour"])
def test_every_kind_can_be_drawn_inside_the_week_and_changes_something(week, kind) -> None:
    size, hours = KINDS[kind].sizes[0], KINDS[kind].hours[0]
    drawn = (draw_fault(kind, size, hours, week, np.random.default_rng(seed)) for seed in range(50))
    fault = next(item for item in drawn if item is not None)
    assert WEEK.start <= fault.start < fault.end <= WEEK.end
    assert fault.end - fault.start == max(hours, 1) * HOUR
    assert not inject(week, fault).equals(week.readings)


def test_the_plan_repeats_with_its_seed_and_uses_no_week_twice() -> None:
    whole = local_day_window(date(2025, 1, 6), date(2026, 1, 4), NEW_YORK)
    meters = [
        Meter(key, f"meter {key}", "site", NEW_YORK, 3600, fill_window(key, whole, 40, 10, interval_s=3600))
        for key in (1, 2)
    ]
    plan = [(week.period, fault) for week, fault in plan_faults(meters, 7, CONFIG)]
    assert [fault for _, fault in plan] == [fault for _, fault in plan_faults(meters, 7, CONFIG)]
    used = [(fault.channel_id, period) for period, fault in plan]
    assert len(used) == len(set(used)) > 80
    sizes = [(fault.size, fault.hours) for seed in (7, 8, 9) for _, fault in plan_faults(meters, seed, CONFIG)
             if fault.kind == "stuck"]  # fmt: skip
    assert sizes == [(1, hours) for _ in range(14) for hours in (72, 8, 24)]


def test_long_zeros_and_missing_values_have_no_row_and_short_zeros_have() -> None:
    start = pd.Series(pd.date_range("2026-01-01", periods=200, freq="h", tz="UTC"))
    energy_kwh = pd.Series([0.0] * 72 + [5.0] * 50 + [0.0] * 71 + [np.nan] + [5.0] * 6)
    readings = to_readings(9, start, energy_kwh, 3600)
    assert readings["interval_start"].iloc[0] == start[72]
    assert readings["energy_kwh"].tolist() == [5.0] * 50 + [0.0] * 71 + [5.0] * 6


def test_local_times_skip_the_lost_hour_and_take_the_first_pass() -> None:
    local = pd.Series(pd.to_datetime(["2026-03-08 02:30", "2026-11-01 01:00", "2026-11-01 02:00"]))
    expected = pd.to_datetime(pd.Series([None, "2026-11-01 05:00", "2026-11-01 07:00"]), utc=True)
    assert to_utc(local, "America/New_York").tolist()[1:] == expected.tolist()[1:]
    assert to_utc(local, "America/New_York").isna().tolist() == [True, False, False]


def test_complete_weeks_ask_for_the_baseline_too(week) -> None:
    meter = Meter(1, "meter", "site", NEW_YORK, 3600, week.readings)
    assert complete_weeks(meter, CONFIG) == [WEEK]
    holed = week.readings.drop(index=range(100, 110)).reset_index(drop=True)  # 10 of 672 h: 1.5 %
    assert complete_weeks(meter._replace(readings=holed), CONFIG) == []


def finding(kind: str, start_h: float, end_h: float, severity: str = "medium") -> Finding:
    return Finding(kind, severity, 1, MONDAY_NOON + start_h * HOUR, MONDAY_NOON + end_h * HOUR)


@pytest.mark.parametrize(
    ("start_h", "end_h", "expected"),
    [(0, 4, True), (3, 9, True), (-2, 0, False), (4, 6, False), (3.5, 4.5, True), (-18, 22, False), (-17, 22, True)],
)
def test_a_finding_is_about_a_fault_when_a_tenth_of_it_lies_inside(start_h, end_h, expected) -> None:
    # Four hours of fault: of 40 h a tenth lies inside, and "more than" is asked; of 39 h it is more.
    assert is_about(finding("x", start_h, end_h), fault_of("gap", 0, 4)) is expected


def test_judging_tells_found_false_and_late(week) -> None:
    readings = inject(week, fault_of("gap", 0, 4))
    said = [finding("gap", 1, 4), finding("gap", 2, 4), finding("gap", 10, 12), finding("spike", 0, 4)]
    outcome = judge(fault_of("gap", 0, 4), said, [finding("spike", 0, 4)], readings, {"gap"})
    # Two are about it and count once; the one at 10 h is where readings are; the spike was there without the fault.
    assert outcome == Outcome(True, 1, 1.0, ("gap",))


def test_absence_is_a_fact_only_where_no_reading_is(week) -> None:
    readings = inject(week, fault_of("gap", 0, 4))
    assert is_borne_out(finding("gap", 0, 4), readings)
    assert not is_borne_out(finding("gap", 0, 6), readings)
    assert not is_borne_out(finding("spike", 0, 4), readings)
    assert not is_borne_out(finding("gap", -1, 4), readings)
    assert is_borne_out(finding("stale", -1, 4), readings)  # its start is the last reading
    assert is_borne_out(finding("missing_data", -30, 4), readings)  # 4 of 34 h
    assert not is_borne_out(finding("missing_data", -40, 4), readings)
    said = [finding("gap", 0, 4), finding("gap", 8, 12), finding("stuck", 8, 12), finding("spike", 0, 1, "low")]
    assert list_false_alerts(said, readings) == said[1:3]


def test_recall_precision_and_f1_of_events() -> None:
    outcomes = [
        Outcome(True, 0, 0, ()),
        Outcome(True, 1, 2, ()),
        Outcome(False, 2, np.nan, ()),
        Outcome(True, 0, 0, ()),
    ]
    # 3 of 4 found; 3 of the 6 things said are about a fault; 2 · 0.75 · 0.5 / 1.25.
    assert score_events(outcomes) == pytest.approx((0.75, 0.5, 0.6))
    recall, precision, f1 = score_events([Outcome(False, 0, np.nan, ())])
    assert (recall, f1) == (0, 0)
    assert np.isnan(precision)


def test_roc_auc_counts_pairs_and_halves_ties() -> None:
    # Pairs (positive, negative): 3>1, 3>2, 2>1, 2=2 → 3.5 of 4.
    assert roc_auc([True, False, True, False], [3, 1, 2, 2]) == pytest.approx(0.875)
    assert roc_auc([True, True, False], [1, 1, 1]) == pytest.approx(0.5)


def test_best_f1_calls_equal_scores_together() -> None:
    # ≥ 3: 1 of 1, misses 1 → 2/3. ≥ 2: 2 of 3 → 0.8. All four: 2 of 4 → 2/3.
    assert best_f1([True, False, True, False], [3, 1, 2, 2]) == pytest.approx(0.8)
    assert best_f1([False, True], [1, 0]) == pytest.approx(2 / 3)


def test_the_plain_rules_find_what_they_say(week) -> None:
    for kind, size, word in (
        ("spike", 3, "spike"),
        ("anomaly high", 3, "anomaly_high"),
        ("gap", 0, "gap"),
        ("stuck", 1, "flat"),
    ):
        fault = fault_of(kind, size, 8 if kind == "stuck" else 4)
        fresh = {item.kind for item in list_plain_findings(week, inject(week, fault)) if is_about(item, fault)}
        assert word in fresh, kind


def test_precision_and_recall_by_hand():
    assert precision_and_recall([1, 1, 0, 0, 0], [1, 0, 1, 1, 0]) == (pytest.approx(1 / 3), 0.5)
    assert precision_and_recall([1, 0], [0, 0]) == (0.0, 0.0)


def test_the_part_of_the_labelled_buildings_is_replaced_and_the_rest_of_the_page_stays():
    head, more = "# Accuracy\n\n## Labelled buildings\n\n", "\n\n## More\n\nit\n"
    page = f"{head}old\n\n## Weak spots\n\n- spike: F1.\n- building 1: old.{more}"
    scores = [
        LabelledScore("building 1", 10, 2, OURS, 0.95, 0.7, 0.5, 0.6),
        LabelledScore(TOGETHER, 10, 2, OURS, 0.95, 0.7, 0.5, 0.71),
    ]
    new = replace_labelled(page, scores)
    assert new.startswith(f"{head}Hours that people called")
    assert "| building 1 | 10 | 2 | ours | 0.950 | 0.700 | 0.50 | 0.60 |\n" in new
    assert new.endswith(f"## Weak spots\n\n- spike: F1.\n- together: precision 0.500 (goal 0.6).{more}")
    assert replace_labelled(new, scores) == new
