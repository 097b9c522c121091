"""Tests of analyze/cost_model.py and of what it is made of: the section, worked out by hand, and its refusals."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tariff_factory import ASSUMED, FLAT_ENERGY, PEAK, RATCHET, SCOPE, constant, cost_of, lines_of, make_tariff
from week_factory import make_meters, make_scope, set_power, spaced

from analyze.money.cost_texts import render_text
from config.site_file import load_site
from config.tariff_file import DEFAULT_FLAT, DEFAULT_TOU, load_tariff
from config.tariff_model import Carbon, SiteTariffs, TariffSpan
from deliver.pages.weekly_meters import operator_blocks
from deliver.words.costs import tell_costs
from lib.date_utils import Window, local_day_window

METERS = SCOPE.meters


def told(section):
    """Return the section's notes, its comparison, and titles and details of its advice as a report has them."""
    words = tell_costs(section)
    advice = words["demand_analysis"]["recommendations"]
    return (
        spaced(words["basis"]["notes"]), spaced(words["bill_comparison"]["text"]),
        spaced([item["title"] for item in advice]), spaced([item["detail"] for item in advice]),
    )  # fmt: skip


def test_a_week_at_forty_kilowatts():
    section = cost_of(constant(1, 40.0))
    # 168 h × 40 kW = 6720 kWh × 0.12. Weekdays 12–18: 30 h; 7–12 and 18–21: 40 h; the other 98 h.
    # 1200 × 0.20 + 1600 × 0.10 + 3920 × 0.06 = 240 + 160 + 235.20; 806.40 − 635.20 = 171.20, 21.23 %.
    # All of the 1200 kWh moved saves 0.14 each: 168 in the week, × 730.5 / 168 = 730.50 a month.
    assert section["tou_analysis"] == {
        "total_kwh": 6720.0,
        "flat_rate": 0.12,
        "flat_total_cost": 806.4,
        "tou_total_cost": 635.2,
        "tou_vs_flat_savings": 171.2,
        "tou_vs_flat_pct": 21.23,
        "period_breakdown": {
            "on_peak": {"kwh": 1200.0, "cost": 240.0, "hours": 30.0, "pct_of_total_kwh": 17.86, "rate": 0.2},
            "off_peak": {"kwh": 3920.0, "cost": 235.2, "hours": 98.0, "pct_of_total_kwh": 58.33, "rate": 0.06},
            "mid_peak": {"kwh": 1600.0, "cost": 160.0, "hours": 40.0, "pct_of_total_kwh": 23.81, "rate": 0.1},
        },
        "load_shift_opportunity": {
            "on_peak_kwh": 1200.0,
            "potential_savings_per_kwh": 0.14,
            "max_monthly_savings": 730.5,
            "assumed_shiftable_pct": 10.0,
            "likely_monthly_savings": 73.05,
            "likely_annual_savings": 876.6,
        },
    }
    # A tenth of the peak: 4 kW × 12 = 48 a month, with 73.05 for the tenth of the load that moves.
    assert section["combined_summary"] == {
        "total_energy_kwh": 6720.0,
        "current_flat_cost": 806.4,
        "tou_optimized_cost": 635.2,
        "demand_charge": 480.0,
        "estimated_monthly_savings_potential": 121.05,
        "estimated_annual_savings_potential": 1452.6,
        "load_shift_monthly": 73.05,
        "peak_shaving_monthly": 48.0,
        "currency": "USD",
        "tariff": DEFAULT_TOU,
    }
    assert section["basis"]["monthly_scale"] == 4.3482
    assert section["basis"]["tariffs"]["is_assumed"]
    notes, text, _, details = told(section)
    assert notes[0] == (
        "The site's own tariff is not known. Savings are what the site would save on an assumed flat price."
    )
    # The month, flat: 806.40 × 730.5 / 168; on time of use: 635.20 × 730.5 / 168 + 480.
    assert section["bill_comparison"]["current"]["total"] == 3506.4
    assert section["bill_comparison"]["compared_with"]["total"] == 3241.99
    assert section["bill_comparison"]["days_scaled_up"] == 7.0
    assert text == (
        "With all charges, a month like these 7 days costs $3,506 on an assumed flat price and would cost $3,242 on an "
        "assumed time-of-use tariff with a demand charge: $264.41 less. Scaled up from these days; not a bill."
    )
    # Nobody knows that the site is on the tariff that charges for its peaks.
    assert len(details) == 3
    for detail in details:
        assert detail.startswith("If the site were on an assumed time-of-use tariff with a demand charge: ")
    assert "80 % of this peak would be billed for the 11 months after it" in details[-1]
    assert section["carbon"]["status"] == "unavailable"


def test_holiday_is_billed_off_peak():
    section = cost_of(constant(1, 10.0), holidays={date(2026, 1, 14)})
    hours = {name: row["hours"] for name, row in section["tou_analysis"]["period_breakdown"].items()}
    assert hours == {"on_peak": 24.0, "mid_peak": 32.0, "off_peak": 112.0}


@pytest.mark.parametrize(
    ("head", "energy", "own", "said"),
    [
        ("holidays = [2025-12-25]\n", PEAK, {date(2026, 1, 14)}, "the site's public holidays are billed as holidays."),
        ("holidays = [2025-12-25]\n", PEAK, (), "and no calendar of the site is known: they are billed as other days."),
        ("holidays = [2026-12-25]\n", PEAK, (), None),  # the year is listed
        ("holidays = []\n", PEAK, (), None),  # the utility has none
        ("holidays = [2025-12-25]\n", "", (), None),  # all days cost the same
        ("", PEAK, (), None),
    ],
)
def test_holidays_that_the_tariff_does_not_list_are_told(head, energy, own, said):
    weekdays = energy.replace("hours", 'days = ["weekday"]\nhours')
    tariff = make_tariff(head + weekdays + FLAT_ENERGY)
    tariffs = SiteTariffs((TariffSpan(tariff),), None)
    section = cost_of(constant(1, 10.0), tariffs=tariffs, holidays=own)
    unlisted = [{"tariff": "test", "year": 2026}] if said else None
    assert section["basis"].get("holidays_unlisted") == unlisted
    page = {
        "metadata": {"site": {"siteId": 7}}, "consumption": {}, "dataQuality": {},
        "sections": {"costOptimization": tell_costs(section)},
    }  # fmt: skip
    asks = "Holidays of 2026: add the utility’s to holidays in config/tariffs/test.toml."
    assert (asks in str(operator_blocks(page))) == bool(said)
    notes = [note for note in told(section)[0] if "lists no" in note]
    assert [note.partition(" lists no holidays of 2026")[0] for note in notes] == ["The tariff test"] * bool(said)
    assert all(note.endswith(said) for note in notes)


def test_seasons_make_the_year_of_months_at_their_own_rates():
    summer = '[[demand.charges]]\nname = "{0}"\nmonths = {1}\nrate_per_kw = {2}\n'
    text = (
        '[[energy.periods]]\nname = "peak"\nmonths = [6, 7]\ndays = ["weekday"]\nhours = [[12, 18]]\n'
        + "rate_per_kwh = 0.5\n"
        + FLAT_ENERGY
        + summer.format("summer", [6, 7, 8], 20)
        + summer.format("winter", [1, 2], 5)
    )
    own = SiteTariffs((TariffSpan(make_tariff(text)),), load_tariff(DEFAULT_FLAT))
    section = cost_of(constant(1, 10.0), tariffs=own)
    demand, shift = section["demand_analysis"], section["tou_analysis"]["load_shift_opportunity"]
    assert (demand["monthly_demand_charge"], demand["demand_rate_per_kw"]) == (50.0, 5.0)
    assert demand["annual_demand_charge"] == 700.0  # 10 kW × (3 × 20 + 2 × 5)
    # No dear hours in January.
    assert [shift[key] for key in ("on_peak_kwh", "potential_savings_per_kwh", "max_monthly_savings")] == [0.0] * 3
    # June and July: 300 kWh × 0.40 × 4.348214 × a tenth, twice.
    assert shift["likely_annual_savings"] == 104.36
    # The site's own tariff is the time-of-use side, so the flat side is what it is compared with.
    assert section["basis"]["tariffs"]["flat"] == DEFAULT_FLAT
    assert section["tou_analysis"]["flat_total_cost"] == 201.6


def test_savings_have_taxes_and_the_tier_that_the_month_reaches():
    text = PEAK.replace("rate_per_kwh = 1", "tiers = [{ up_to_kwh = 500, rate_per_kwh = 0.2 }, { rate_per_kwh = 0.5 }]")
    text = '[energy]\ntier_basis = "period"\n' + text + FLAT_ENERGY
    text += '[[demand.charges]]\nname = "d"\nrate_per_kw = 12\n[[taxes]]\nname = "t"\npct = 10\n'
    own = SiteTariffs((TariffSpan(make_tariff(text)),), load_tariff(DEFAULT_FLAT))
    section = cost_of(constant(1, 10.0), tariffs=own)
    shift, step = section["tou_analysis"]["load_shift_opportunity"], section["demand_analysis"]["shaving_scenarios"][1]
    # The week's 420 kWh at the peak are 1826 in the month, so the last costs 0.50: (0.50 − 0.10) × 1.10.
    assert (shift["on_peak_kwh"], shift["potential_savings_per_kwh"]) == (420.0, 0.44)
    assert step["monthly_savings"] == 13.2  # 1 kW × 12 × 1.10
    assert section["demand_analysis"]["monthly_demand_charge"] == 120.0


@pytest.mark.parametrize(("last_day", "scale", "method"), [(31, 1.0, "calendar_month"), (30, 1.0146, "covered_hours")])
def test_a_calendar_month_costs_what_its_energy_costs(last_day: int, scale: float, method: str) -> None:
    """January has 744 hours, an average month 730.5: its charges are its own."""
    scope = make_scope(METERS, local_day_window(date(2026, 1, 1), date(2026, 1, last_day), SCOPE.tz))
    section = cost_of(constant(1, 10.0, Window(scope.baseline.start, scope.period.end)), scope)
    assert (section["basis"]["monthly_scale"], section["basis"]["monthly_method"]) == (scale, method)
    (energy,) = section["bill_comparison"]["current"]["lines"]
    hours = 24 * last_day
    assert section["tou_analysis"]["flat_total_cost"] == pytest.approx(10 * hours * 0.12)
    assert energy["amount"] == pytest.approx(10 * hours * scale * 0.12, rel=1e-4)
    assert told(section)[1].startswith(
        "With all charges, the month costs" if last_day == 31 else "With all charges, a month like these 30 days costs"
    )


def test_site_on_a_flat_rate_gains_nothing_by_shifting_and_may_be_told_to_switch():
    own = make_tariff(FLAT_ENERGY.replace("0.10", "0.30"), "dear")
    other = replace(load_tariff(DEFAULT_TOU), name="acme_tou", is_assumption=False)
    section = cost_of(constant(1, 10.0), tariffs=SiteTariffs((TariffSpan(own),), other))
    assert section["combined_summary"]["estimated_monthly_savings_potential"] == 0.0
    # 1680 kWh × 0.30 × 730.5 / 168 = 2191.50, against 158.80 × 730.5 / 168 + 10 kW × 12 = 810.50.
    assert section["bill_comparison"]["switch_monthly_savings"] == 1381.0
    assert told(section)[2] == [
        "Ask whether the site may change to acme tou"
    ]  # it pays neither for hours nor for peaks
    assert "kind switch_tariff, to acme_tou, monthly 1381.0" in render_text(section)
    # Rates that are only assumed are no tariff to change to.
    section = cost_of(constant(1, 10.0), tariffs=SiteTariffs((TariffSpan(own),), load_tariff(DEFAULT_TOU)))
    assert section["demand_analysis"]["recommendations"] == []
    assert section["basis"]["tariffs"]["is_comparison_assumed"]
    assert told(section)[0][0] == (
        "The site's tariff is compared with an assumed time-of-use tariff with a demand charge, no utility's tariff."
    )


def test_less_than_a_week_recommends_nothing():
    """A Wednesday alone, a third of it at the peak, is no reason to change tariffs or shifts."""
    day = make_scope(METERS, local_day_window(date(2026, 1, 14), date(2026, 1, 14), SCOPE.tz))
    week = cost_of(constant(1, 40.0))["demand_analysis"]["recommendations"]
    section = cost_of(constant(1, 40.0), day)
    assert (len(week) > 0, section["demand_analysis"]["recommendations"]) == (True, [])
    assert any("less than a week" in note for note in told(section)[0])


def test_carbon():
    tariffs = SiteTariffs(ASSUMED.current, ASSUMED.compare_with, carbon=Carbon(0.4, "a grid"))
    assert cost_of(constant(1, 10.0), tariffs=tariffs)["carbon"] == {
        "kg_co2e": 672.0,  # 1680 × 0.4
        "monthly_kg_co2e": 2922.0,  # × 730.5 / 168
        "factor_kg_per_kwh": 0.4,
        "source": "a grid",
    }


def test_month_of_readings_has_whole_bills():
    scope = make_scope(METERS, local_day_window(date(2026, 1, 26), date(2026, 2, 1), SCOPE.tz))
    window = local_day_window(date(2025, 12, 29), date(2026, 2, 1), SCOPE.tz)
    section = cost_of(constant(1, 10.0, window), scope)
    assert [(bill["month"], bill["is_complete"]) for bill in section["bills"]] == [
        ("2026-01", True),
        ("2026-02", False),
    ]
    assert lines_of(section["bills"][0]) == {("energy", "flat"): 892.8}  # 7440 kWh × 0.12
    assert section["basis"]["rates_of_month"] == "2026-01"  # Thursday's


@pytest.mark.parametrize(("first", "hours"), [(date(2026, 3, 2), 167), (date(2026, 10, 26), 169)])
def test_weeks_in_which_the_clocks_change(first, hours):
    scope = make_scope(METERS, local_day_window(first, first + timedelta(days=6), SCOPE.tz))
    section = cost_of(constant(1, 10.0, Window(scope.baseline.start, scope.period.end)), scope)
    assert section["tou_analysis"]["total_kwh"] == 10.0 * hours
    by_period = section["tou_analysis"]["period_breakdown"]
    assert {name: row["hours"] for name, row in by_period.items()} == {
        "on_peak": 30.0,
        "mid_peak": 40.0,
        "off_peak": hours - 70.0,  # the change is on a Sunday night
    }
    assert section["basis"]["monthly_scale"] == round(730.5 / hours, 4)


ENDED = SiteTariffs((TariffSpan(load_tariff(DEFAULT_FLAT), None, date(2026, 1, 15)),), load_tariff(DEFAULT_TOU))
EXPIRED = SiteTariffs(ASSUMED.current, make_tariff("valid_to = 2026-01-14\n" + FLAT_ENERGY, "expired"))


@pytest.mark.parametrize(
    ("readings", "tariffs", "code", "reason"),
    [
        (constant(1, 10.0, SCOPE.baseline), ASSUMED, "main_meters_missing", "meter 1 did not report enough of the"),
        (constant(1, 10.0)[:0], ASSUMED, "no_total", "no meter has reported enough of the period"),
        (constant(1, 0.0), ASSUMED, "no_energy", "the site used no energy in the period"),
        (constant(1, 10.0), ENDED, "no_tariff", "no tariff of the site holds on 2026-01-16"),
        (constant(1, 10.0), EXPIRED, "comparison_not_valid", "the tariff to compare with, expired, does not hold on"),
    ],
)
def test_refusals_say_what_is_missing(readings, tariffs, code, reason):
    section = cost_of(readings, tariffs=tariffs)
    assert (section["status"], section["code"], section["possibleFrom"]) == ("unavailable", code, None)
    assert section["missing"]
    assert reason in section["reason"]
    assert render_text(section).startswith("unavailable: ")


def test_meters_that_take_turns_are_estimated_and_one_that_is_silent_too_long_is_refused():
    """Each of two meters misses every fifth quarter-hour, never the same; then one alone misses two in five."""
    first, second = constant(1, 10.0), constant(2, 10.0)
    number = np.arange(len(first))
    readings = pd.concat([first[number % 5 != 0], second[number % 5 != 2]])
    section = cost_of(readings, make_scope(make_meters(1, 2)))
    assert section["tou_analysis"]["total_kwh"] == 20 * 168.0
    assert (section["basis"]["estimated_kwh"], section["basis"]["is_at_least"]) == (10 * 268 / 4, False)
    assert section["basis"]["demand_coverage_pct"] == 60.1
    section = cost_of(first[number % 5 < 3])
    assert "valid readings of the main meters cover 59.8 % of the period; 70 % is needed" in section["reason"]
    assert (section["code"], section["possibleFrom"]) == ("low_coverage", "2026-01-26")


@settings(max_examples=15, deadline=None)
@given(kw=st.lists(st.floats(0, 300), min_size=2, max_size=2), seed=st.integers(0, 99))
def test_order_of_rows_changes_nothing_and_no_cost_is_negative(kw, seed):
    rng = np.random.default_rng(seed)
    scope = make_scope(make_meters(1, 2))
    rows = pd.concat([constant(key, 1.0) for key in (1, 2)], ignore_index=True)
    power = rng.gamma(2.0, np.array(kw)[rows["channel_id"] - 1] + 0.01)
    rows = rows.assign(power_kw=power, energy_kwh=power / 4)
    section = cost_of(rows, scope)
    assert cost_of(rows.sample(frac=1.0, random_state=seed), scope) == section
    tou, demand = section["tou_analysis"], section["demand_analysis"]
    assert min(tou["flat_total_cost"], tou["tou_total_cost"], demand["monthly_demand_charge"]) >= 0
    parts = tou["period_breakdown"].values()
    assert sum(part["cost"] for part in parts) == pytest.approx(tou["tou_total_cost"], abs=0.03)
    assert sum(part["kwh"] for part in parts) == pytest.approx(tou["total_kwh"], abs=0.01)
    savings = [step["monthly_savings"] for step in demand["shaving_scenarios"]]
    assert savings == sorted(savings)
    assert all(0 <= saving <= demand["monthly_demand_charge"] for saving in savings)
    for driver in section["peak_drivers"]["drivers"]:
        assert -0.01 <= driver["monthly_savings"] <= demand["monthly_demand_charge"] + 0.01


def test_a_site_in_another_zone_is_billed_by_its_own_clock():
    scope = make_scope(METERS, tz=ZoneInfo("Asia/Kolkata"), period=SCOPE.period)
    section = cost_of(constant(1, 10.0), scope)
    assert section["tou_analysis"]["period_breakdown"]["on_peak"]["hours"] == 30.0
    readings = set_power(constant(1, 10.0), "2026-01-14 12:30", "2026-01-14 12:45", 50.0, scope.tz)
    demand = cost_of(readings, scope)["demand_analysis"]
    assert demand["peak_timestamp"] == "2026-01-14T12:30:00+05:30"


def test_shipped_defaults_are_what_a_site_without_a_file_gets(tmp_path):
    assert load_site(1, tmp_path).tariffs == ASSUMED


RATCHET_SITE = SiteTariffs((TariffSpan(make_tariff(RATCHET)),), load_tariff(DEFAULT_FLAT))


def test_the_hours_of_a_year_fill_the_ratchet():
    """A week at 40 kW; in August the site drew 90 kW for an hour, and 500 kW in an hour that the intervals know too."""
    august = np.arange(
        pd.Timestamp("2025-08-01 04:00Z").timestamp(), pd.Timestamp("2025-09-01 04:00Z").timestamp(), 3600
    )
    peak_s, late_s = (pd.Timestamp(text).timestamp() for text in ("2025-08-05 18:00Z", "2026-01-05 18:00Z"))
    hours = pd.DataFrame(
        {"epoch_s": [*august, late_s], "mean_kw": [*np.where(august == peak_s, 90.0, 30.0), 500.0]}
    ).astype({"epoch_s": "int64"})
    (charge,) = cost_of(constant(1, 40.0), tariffs=RATCHET_SITE, history=hours)["demand_analysis"]["demand_charges"]
    assert (charge["measured_kw"], charge["billed_kw"], charge["cost"]) == (40.0, 72.0, 864.0)  # 80 % of 90
    # August is known whole; of December, half, which is in the intervals.
    assert (charge["ratchet"]["months_known"], charge["ratchet"]["months_needed"]) == (1, 11)
    section = cost_of(constant(1, 40.0), tariffs=RATCHET_SITE, history=hours)
    (bill,) = [bill for bill in section["bills"] if bill["month"] == "2026-01"]
    assert lines_of(bill)["ratchet", "facility"] == 32 * 12.0
    assert any("Before Mon, 15 Dec only hourly averages" in note for note in told(section)[0])
    (alone,) = cost_of(constant(1, 40.0), tariffs=RATCHET_SITE)["demand_analysis"]["demand_charges"]
    assert alone["billed_kw"] == 40.0
