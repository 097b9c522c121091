"""Tests of analyze/money/tariff_rates.py: prices of intervals, and what the last kilowatt-hour costs."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tariff_factory import FLAT_ENERGY, RATCHET, SEASONS, TIERED_TOU, TIERS, make_site, make_tariff
from week_factory import NEW_YORK, make_readings

from analyze.money.bills import bill_months
from analyze.money.tariff_rates import marginal_rate_per_kwh, price_intervals, split_energy
from config.tariff_model import TariffSpan

JANUARY = make_site(date(2026, 1, 1), date(2026, 1, 31))  # 744 hours at 10 kW: 7440 kWh


def test_marginal_rate_is_that_of_the_highest_tier_reached():
    # The month reaches tier 3; a week of it, 1680 kWh, would not, but the month goes on: 1680 × 744/168 = 7440.
    week = make_site(date(2026, 1, 12), date(2026, 1, 18))
    tiers = make_tariff(TIERS)
    for site in (JANUARY, week):
        assert set(marginal_rate_per_kwh(site, tiers, NEW_YORK)) == {0.06}
        # The average price is that of the whole month: 506.4 / 7440.
        assert price_intervals(site, tiers, NEW_YORK).sum() == pytest.approx(site["used_kwh"].sum() * 506.4 / 7440)
    # Period basis: the peak's 1320 kWh stay in its first tier. Month basis: the month's last kWh lies in the second, at
    # 0.1774 × 0.10 + 0.8226 × 0.05 = 0.05887, and as one of the peak it is dearer than the mean by half of
    # 0.20 − 0.11774 and half of 0.10 − 0.05887: 0.12056. One of the rest: 0.04556.
    for basis, peak, rest in (("period", 0.20, 0.05), ("month", 0.12056, 0.04556)):
        rates = marginal_rate_per_kwh(JANUARY, make_tariff(TIERED_TOU.replace("BASIS", basis)), NEW_YORK).round(5)
        noon = JANUARY["local_time"] == "2026-01-05 12:00"
        assert (set(rates[noon]), set(rates[JANUARY["local_hour"] == 9])) == ({peak}, {rest})


def test_tiers_of_a_part_of_a_month_end_earlier():
    spans = (TariffSpan(make_tariff(TIERS), None, date(2026, 1, 15)),)
    # As in the bill of these 15 days: 3600 kWh for 245.03; of the days after it nothing is known.
    costs = price_intervals(JANUARY, spans, NEW_YORK)
    assert costs.sum() == pytest.approx(245.03, abs=0.01)
    assert costs.notna().sum() == 15 * 24


def test_split_adds_up_to_the_energy_that_it_splits():
    energy = make_tariff(TIERS).energy
    # A quarter of a month: 1600 kWh of it end as 1000, 1000 and 4400 of the whole.
    assert split_energy(np.array([1600.0]), energy, month_scale=4.0)[0].tolist() == [250.0, 250.0, 1100.0]


def test_marginal_rate_has_riders_and_taxes():
    text = FLAT_ENERGY + (
        '[[riders]]\nname = "fuel"\nper_kwh = 0.02\n[[riders]]\nname = "green"\npct = 10\non = ["energy"]\n'
        '[[riders]]\nname = "grid"\npct = 50\non = ["demand"]\n'
        '[[taxes]]\nname = "state"\npct = 5\n[[taxes]]\nname = "local"\nper_kwh = 0.001\n'
    )
    # (0.10 × 1.10 + 0.02) × 1.05 + 0.001
    assert set(marginal_rate_per_kwh(JANUARY, make_tariff(text), NEW_YORK).round(9)) == {0.1375}


def test_marginal_rate_of_meters_follows_the_hour_and_needs_the_site_for_tiers():
    meters = pd.concat([make_readings(key, "2026-01-12 16:45Z", [1.0] * 2) for key in (1, 2)], ignore_index=True)
    meters = meters.assign(hours=0.25, used_kwh=0.25)
    # 11:45 and 12:00 on a Monday in New York.
    assert list(marginal_rate_per_kwh(meters, make_tariff(SEASONS), NEW_YORK)) == [0.08, 0.20, 0.08, 0.20]
    with pytest.raises(ValueError, match="needs the site's intervals"):
        marginal_rate_per_kwh(meters, make_tariff(TIERS), NEW_YORK)
    assert set(marginal_rate_per_kwh(meters, make_tariff(TIERS), NEW_YORK, site=JANUARY)) == {0.06}
    ended = make_tariff("valid_to = 2025-12-31\n" + FLAT_ENERGY)
    assert marginal_rate_per_kwh(meters, ended, NEW_YORK).isna().all()


TARIFFS = [make_tariff(text) for text in (FLAT_ENERGY, SEASONS, TIERS, TIERED_TOU.replace("BASIS", "month"), RATCHET)]
WEEKS = st.lists(st.floats(0, 500), min_size=24, max_size=24)


def site_of(day_kw):
    return make_site(date(2026, 1, 1), date(2026, 2, 28), lambda f: np.array(day_kw)[f["local_hour"]])


@settings(max_examples=25, deadline=None)
@given(day_kw=WEEKS, number=st.integers(0, len(TARIFFS) - 1))
def test_bills_are_not_negative_and_intervals_add_up_to_their_energy_lines(day_kw, number):
    site, tariff = site_of(day_kw), TARIFFS[number]
    cost = price_intervals(site, tariff, NEW_YORK)
    assert (cost >= 0).all()
    bills = bill_months(site, site, tariff, NEW_YORK)
    assert all(line["amount"] >= 0 for one in bills for line in one["lines"])
    energy = sum(line["amount"] for one in bills for line in one["lines"] if line["kind"] == "energy")
    assert cost.sum() == pytest.approx(energy, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(day_kw=WEEKS, number=st.sampled_from([0, 1, 4]), cut=st.integers(1, 58 * 24))
def test_untiered_costs_add_up_over_any_cut_and_order(day_kw, number, cut):
    site, tariff = site_of(day_kw), TARIFFS[number]
    whole = price_intervals(site, tariff, NEW_YORK)
    parts = [price_intervals(part, tariff, NEW_YORK) for part in (site.iloc[:cut], site.iloc[cut:])]
    pd.testing.assert_series_equal(pd.concat(parts), whole)
    shuffled = site.sample(frac=1.0, random_state=cut)
    pd.testing.assert_series_equal(price_intervals(shuffled, tariff, NEW_YORK).sort_index(), whole)


@settings(max_examples=25, deadline=None)
@given(day_kw=WEEKS, number=st.integers(0, 3), row=st.integers(0, 743))
def test_marginal_rate_is_what_the_bill_falls_by(day_kw, number, row):
    # 10 kW as a floor puts the month well above its tiers' ends: the little taken away crosses none.
    site = site_of(np.array(day_kw) + 10.0)[lambda f: f["local_time"].dt.month == 1]
    less = site.assign(used_kwh=site["used_kwh"].where(site.index != site.index[row], site["used_kwh"] - 0.001))
    costs = [price_intervals(one, TARIFFS[number], NEW_YORK).sum() for one in (site, less)]
    rate = marginal_rate_per_kwh(site, TARIFFS[number], NEW_YORK).iloc[row]
    fall = (costs[0] - costs[1]) / 0.001
    assert fall == pytest.approx(rate, abs=1e-6)


def test_wall_clock_columns_come_from_the_zone():
    bare = JANUARY.drop(columns=["local_time", "local_hour", "local_weekday", "hour_of_week"])
    expected = marginal_rate_per_kwh(JANUARY, TARIFFS[1], NEW_YORK)
    pd.testing.assert_series_equal(marginal_rate_per_kwh(bare, TARIFFS[1], NEW_YORK), expected)
