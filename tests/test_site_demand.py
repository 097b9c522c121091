"""Tests of analyze/money/site_demand.py, and of what the section makes of meters that fail."""

import numpy as np
import pandas as pd
import pytest
from tariff_factory import SCOPE, constant, cost_of, site_of
from week_factory import WEEK, make_meters, make_scope, set_power


def test_site_is_the_sum_of_its_roots_and_estimates_what_is_missing():
    """A quarter-hour of the third meter is missing: its energy is what it always is, its demand the band's low end."""
    meters = make_meters(1, 2, 3, parents={2: 1})
    scope = make_scope(meters)
    third = constant(3, 7.0)
    third = third[third["interval_start"] != pd.Timestamp("2026-01-14 17:00Z")]
    site = site_of(pd.concat([constant(1, 10.0), constant(2, 4.0), third]), scope)
    assert (site.roots, site.left_out, site.is_at_least) == ([1, 3], [], False)
    assert set(site.energy["mean_kw"]) == {17.0}
    assert len(site.energy) == len(site.demand) == 35 * 96
    missing = site.energy[~site.energy["is_whole"]]
    assert (missing["epoch_s"].tolist(), missing["estimated_kwh"].tolist()) == ([1768410000], [1.75])
    assert site.demand.loc[site.demand["is_estimated"], "mean_kw"].tolist() == [17.0]  # it never strays


def test_a_hole_without_like_days_counts_as_nothing_and_the_total_is_a_lower_bound():
    scope = make_scope(make_meters(1, 3))
    third = constant(3, 7.0, SCOPE.period)
    day = third["interval_start"].between("2026-01-14 05:00Z", "2026-01-15 04:45Z")
    site = site_of(pd.concat([constant(1, 10.0, SCOPE.period), third[~day]]), scope)
    assert (site.left_out, site.is_at_least) == ([], True)
    assert site.energy["used_kwh"].sum() == 168 * 10 + 144 * 7
    assert site.demand.loc[site.demand["is_estimated"], "mean_kw"].tolist() == [10.0] * 96
    assert set(site.demand.loc[site.demand["is_estimated"], "high_kwh"]) == {float("inf")}


def test_a_main_that_is_silent_for_half_a_day_is_estimated_and_not_replaced_by_its_sub_meters():
    """Main 10 kW, sub-meter 9.9 kW: half a day of the main is missing, so the sub-meter has metered more."""
    scope = make_scope(make_meters(1, 2, parents={2: 1}))
    main = constant(1, 10.0)
    hole = main["interval_start"].between("2026-01-14 05:00Z", "2026-01-14 16:45Z")
    site = site_of(pd.concat([main[~hole], constant(2, 9.9)]), scope)
    assert (site.roots, site.is_at_least) == ([1], False)
    in_week = site.energy["epoch_s"] >= SCOPE.period.start.timestamp()
    assert site.energy.loc[in_week, ["used_kwh", "estimated_kwh"]].sum().tolist() == [1680.0, 120.0]
    # Without history its sub-meter tells what flowed at least.
    site = site_of(pd.concat([main[~hole & (main["interval_start"] >= WEEK.start)], constant(2, 9.9, WEEK)]), scope)
    assert (site.roots, site.is_at_least) == ([1], True)
    assert site.energy["used_kwh"].sum() == pytest.approx(156 * 10 + 12 * 9.9)


def test_what_one_meter_exports_takes_nothing_from_what_another_draws():
    scope = make_scope(make_meters(1, 2))
    site = site_of(pd.concat([constant(1, -8.0, WEEK), constant(2, 5.0, WEEK)]), scope)
    assert set(site.energy["mean_kw"]) == set(site.demand["mean_kw"]) == {5.0}


def test_dead_main_meter_is_stood_for_by_its_sub_meters():
    meters = make_meters(1, 2, 3, parents={2: 1, 3: 1})
    scope = make_scope(meters)
    readings = pd.concat([constant(1, 10.0, SCOPE.baseline), constant(2, 4.0), constant(3, 5.0)])
    section = cost_of(readings, scope)
    assert section["tou_analysis"]["total_kwh"] == 9 * 168.0


def test_small_meter_that_fails_is_left_out_and_named():
    scope = make_scope(make_meters(1, 2))
    readings = pd.concat([constant(1, 97.0), constant(2, 3.0, SCOPE.baseline)])
    section = cost_of(readings, scope)
    assert section["basis"]["left_out_meters"] == [{"channelId": 2, "channelName": "meter 2", "usual_share_pct": 3.0}]
    assert {"code": "left_out", "meters": ["meter 2"], "pct": 3.0} in section["basis"]["notes"]


def test_a_small_dead_meter_leaves_the_month_nearly_as_well_metered():
    """Of 97 kW and 3 kW the small one dies on Wednesday at noon; the month is metered from the 1st to the 18th."""
    scope = make_scope(make_meters(1, 2))
    small = constant(2, 3.0)
    readings = pd.concat([constant(1, 97.0), small[small["interval_start"] < pd.Timestamp("2026-01-14 17:00Z")]])
    site = site_of(readings, scope)
    dead = site.energy["epoch_s"] >= pd.Timestamp("2026-01-14 17:00Z").timestamp()
    assert site.energy.loc[dead, "covered_ratio"].to_numpy() == pytest.approx(0.97)
    assert site.energy.loc[~dead, "covered_ratio"].to_numpy() == pytest.approx(1.0)
    assert site.energy["mean_kw"].to_numpy() == pytest.approx(np.where(dead, 97.0, 100.0))  # less than half is known
    assert site.is_at_least
    january = next(bill for bill in cost_of(readings, scope)["bills"] if bill["month"] == "2026-01")
    # 13.5 days of all, and 4.5 days of 97 %, of 31.
    assert (january["covered_days"], january["days"], january["is_complete"]) == (17.9, 31, False)
    assert january["coverage_pct"] == pytest.approx(100 * (13.5 + 4.5 * 0.97) / 31, abs=0.06)


def test_finer_data_are_billed_by_the_quarter_hour_and_coarser_as_they_are():
    five = constant(1, 10.0, interval_s=300)
    moment = five["interval_start"] == pd.Timestamp("2026-01-14 17:05Z")
    five.loc[moment, ["power_kw", "energy_kwh"]] = [40.0, 40.0 / 12]
    scope = make_scope(make_meters(1, interval_s=300))
    section = cost_of(five, scope)
    assert section["demand_analysis"]["billing_peak_kw"] == 20.0  # (10 + 40 + 10) / 3
    hourly = cost_of(constant(1, 10.0, interval_s=3600), make_scope(make_meters(1, interval_s=3600)))
    assert hourly["basis"]["demand_interval_minutes"] == 60
    assert hourly["tou_analysis"]["tou_total_cost"] == 158.8


def test_a_missing_day_is_estimated_and_export_is_no_income():
    readings = constant(1, 10.0)
    section = cost_of(readings[readings["interval_start"] < pd.Timestamp("2026-01-18 05:00Z")])
    assert (section["basis"]["coverage_pct"], section["basis"]["estimated_kwh"]) == (85.7, 240.0)
    assert section["tou_analysis"]["total_kwh"] == 1680.0
    assert section["bill_comparison"]["current"]["energy_kwh"] == 7305.0
    export = set_power(readings, "2026-01-17 10:00", "2026-01-17 14:00", -50.0)
    assert cost_of(export)["tou_analysis"]["total_kwh"] == 1640.0


def test_the_peak_counts_what_a_doubtful_meter_drew_at_least():
    """40 kW for an hour while a meter of 5 to 7 kW is silent: 45 kW at least, and it may have been 47."""
    scope = make_scope(make_meters(1, 2))
    small = constant(2, 5.0)
    small["power_kw"] += 2.0 * (np.arange(len(small)) % 96 >= 48)
    small["power_kw"] += np.where(np.arange(len(small)) % 7 == 0, -1.0, 0.0)
    small["energy_kwh"] = small["power_kw"] / 4
    silent = small["interval_start"].between("2026-01-14 12:00Z", "2026-01-14 23:45Z")
    readings = set_power(constant(1, 20.0), "2026-01-14 13:00", "2026-01-14 14:00", 40.0)
    known = cost_of(pd.concat([readings, small]), scope)["demand_analysis"]
    assert (known["billing_peak_kw"], known["is_peak_estimated"], known["is_peak_at_least"]) == (47.0, False, False)
    told = cost_of(pd.concat([readings, small[~silent]]), scope)["demand_analysis"]
    assert (told["is_peak_estimated"], told["is_peak_at_least"]) == (True, True)
    assert 44.0 <= told["billing_peak_kw"] < 47.0
    assert told["shaving_scenarios"][0]["reduced_peak_kw"] == pytest.approx(0.95 * told["billing_peak_kw"], abs=1e-3)
