"""Bills worked out by hand: tests of analyze/money/bills.py, tariff_rates.py, demand_charges.py."""

from datetime import date

import numpy as np
import pytest
from tariff_factory import (
    FLAT_ENERGY,
    RATCHET,
    SCOPE,
    SEASONS,
    TIERED_TOU,
    TIERS,
    lines_of,
    make_site,
    make_tariff,
)
from week_factory import NEW_YORK

from analyze.money.bills import bill_months
from analyze.money.site_demand import mean_demand
from analyze.money.tariff_time import hides_peaks
from config.tariff_model import TariffSpan

JANUARY = make_site(date(2026, 1, 1), date(2026, 1, 31))  # 744 hours at 10 kW: 7440 kWh


def bill(site, tariff, **more):
    return bill_months(site, site, tariff, NEW_YORK, **more)


def test_flat():
    (january,) = bill(JANUARY, make_tariff(FLAT_ENERGY))
    # 7440 kWh × 0.10
    assert january == {
        "month": "2026-01",
        "start": "2026-01-01",
        "end": "2026-01-31",
        "tariff": "test",
        "currency": "USD",
        "coverage_pct": 100.0,
        "covered_days": 31.0,
        "days": 31,
        "is_complete": True,
        "estimated_kwh": 0.0,
        "energy_kwh": 7440.0,
        "lines": [{"kind": "energy", "name": "all", "quantity": 7440.0, "unit": "kWh", "rate": 0.1, "amount": 744.0}],
        "total": 744.0,
    }


def test_seasons_weekends_and_holidays():
    holidays = {date(2026, 1, 1), date(2026, 7, 3)}
    july = make_site(date(2026, 7, 1), date(2026, 7, 31))
    winter, summer = (bill(site, make_tariff(SEASONS), holidays=holidays)[0] for site in (JANUARY, july))
    # January: 22 weekdays − New Year = 21 × 6 h × 10 kW = 1260 kWh × 0.20; the other 6180 kWh × 0.08.
    assert lines_of(winter) == {("energy", "winter_peak"): 252.0, ("energy", "off_peak"): 494.4}
    # July: 23 weekdays − the 3rd = 22 × 6 h × 10 kW = 1320 kWh × 0.30; the other 6120 kWh × 0.08.
    assert lines_of(summer) == {("energy", "summer_peak"): 396.0, ("energy", "off_peak"): 489.6}
    # A tariff that has its own list of holidays, here none, bills New Year as a Thursday: 22 × 60 kWh × 0.20.
    (own_list,) = bill(JANUARY, make_tariff("holidays = []\n" + SEASONS), holidays=holidays)
    assert lines_of(own_list)[("energy", "winter_peak")] == 264.0


def test_tiers():
    (january,) = bill(JANUARY, make_tariff(TIERS))
    # 1000 × 0.10 + 1000 × 0.08 + 5440 × 0.06
    assert [line["amount"] for line in january["lines"]] == [100.0, 80.0, 326.4]
    assert january["total"] == 506.4


def test_tiers_by_period_and_by_month():
    # 22 weekdays × 6 h × 10 kW = 1320 kWh at the peak, 6120 kWh else.
    (by_period,) = bill(JANUARY, make_tariff(TIERED_TOU.replace("BASIS", "period")))
    # Peak: 1320 × 0.20. Rest: 3720 × 0.10 + 2400 × 0.05.
    assert [line["amount"] for line in by_period["lines"]] == [264.0, 372.0, 120.0]
    (by_month,) = bill(JANUARY, make_tariff(TIERED_TOU.replace("BASIS", "month")))
    # Half of the month's 7440 kWh, so half of each period, lies in each tier: 660 × 0.20 and × 0.10, 3060 × 0.10 and
    # × 0.05.
    assert [line["amount"] for line in by_month["lines"]] == [132.0, 66.0, 306.0, 153.0]
    assert bill(JANUARY, make_tariff(TIERED_TOU.replace('tier_basis = "BASIS"', ""))) == [by_month]


def peak_by_month(peaks):
    return lambda frame: np.where(
        (frame["local_time"].dt.day == 10) & (frame["local_hour"] == 14), frame["local_time"].dt.month.map(peaks), 10.0
    )


def test_demand_and_ratchet():
    site = make_site(date(2026, 2, 1), date(2026, 3, 31), peak_by_month({2: 100.0, 3: 40.0}))
    february, march = bill(site, make_tariff(RATCHET))
    assert lines_of(february)[("demand", "facility")] == 1200.0  # 100 kW × 12
    assert ("ratchet", "facility") not in lines_of(february)
    # 80 % of 100 kW are billed in March: 40 measured and 40 by the ratchet, × 12.
    assert lines_of(march)[("demand", "facility")] == 480.0
    assert lines_of(march)[("ratchet", "facility")] == 480.0
    assert next(x for x in march["lines"] if x["kind"] == "ratchet")["note"] == "1 of 11 earlier months are known"


SUMMER = FLAT_ENERGY + (
    '[[demand.charges]]\nname = "summer"\nmonths = [6, 7, 8]\nrate_per_kw = 10\n'
    "ratchet = { pct = 80, months = 11MORE }\n"
)


def test_ratchet_of_a_summer_charge_looks_back_on_the_winter():
    site = make_site(date(2026, 1, 1), date(2026, 6, 30), peak_by_month({1: 90.0, 2: 80.0, 6: 60.0}))
    june = bill(site, make_tariff(SUMMER.replace("MORE", "")))[-1]
    # The charge has no hours in January, yet its 90 kW are a peak of the months before: 80 % of them are 72 kW.
    assert lines_of(june)[("demand", "summer")] == 600.0
    assert lines_of(june)[("ratchet", "summer")] == 120.0
    assert next(x for x in june["lines"] if x["kind"] == "ratchet")["note"] == "5 of 11 earlier months are known"
    # With the peaks of the year before from the bills all are known: 80 % of the 100 kW of July are 80 kW.
    before = {f"2025-{month:02d}": 100.0 if month == 7 else 50.0 for month in range(7, 13)}
    june = bill(site, make_tariff(SUMMER.replace("MORE", "")), billed_peaks_kw=before)[-1]
    assert lines_of(june)[("ratchet", "summer")] == 200.0
    assert next(x for x in june["lines"] if x["kind"] == "ratchet")["note"] == "11 of 11 earlier months are known"


@pytest.mark.parametrize(("first_day", "known"), [(4, 1), (5, 0)])
def test_month_known_in_part_counts_with_its_peak_and_is_not_called_known(first_day, known):
    # Of May's 31 days 28 are 90.3 %, 27 are 87.1 %.
    site = make_site(date(2026, 5, first_day), date(2026, 6, 30), peak_by_month({5: 100.0, 6: 60.0}))
    june = bill(site, make_tariff(SUMMER.replace("MORE", "")))[-1]
    line = next(x for x in june["lines"] if x["kind"] == "ratchet")
    assert (line["amount"], line["note"]) == (200.0, f"{known} of 11 earlier months are known")


def test_ratchet_on_the_peaks_of_some_months_only():
    site = make_site(date(2026, 1, 1), date(2026, 6, 30), peak_by_month({1: 90.0, 2: 80.0, 6: 60.0}))
    june = bill(site, make_tariff(SUMMER.replace("MORE", ", of = [2, 7]")))[-1]
    assert lines_of(june)[("ratchet", "summer")] == 40.0  # 80 % of February's 80 kW, less 60, × 10
    assert next(x for x in june["lines"] if x["kind"] == "ratchet")["note"] == "1 of 2 earlier months are known"


def test_ratchet_of_a_charge_on_certain_hours_of_the_summer_looks_at_these_hours_of_the_winter():
    text = SUMMER.replace("MORE", "").replace("months = [6", "hours = [[12, 18]]\nmonths = [6")
    # January: 90 kW at 14:00 on the 10th, and 200 kW at 20:00, which the charge does not look at.
    winter = peak_by_month({1: 90.0, 6: 60.0})
    site = make_site(
        date(2026, 1, 1),
        date(2026, 6, 30),
        lambda f: np.where((f["local_time"].dt.month == 1) & (f["local_hour"] == 20), 200.0, winter(f)),
    )
    assert lines_of(bill(site, make_tariff(text))[-1])[("ratchet", "summer")] == 120.0


def test_months_that_a_ratchet_does_not_know_are_told_where_it_bills_nothing_more():
    site = make_site(date(2026, 5, 1), date(2026, 6, 30), peak_by_month({5: 75.0, 6: 60.0}))
    june = bill(site, make_tariff(SUMMER.replace("MORE", "")))[-1]
    (line,) = [line for line in june["lines"] if line["name"] == "summer"]
    # 80 % of 75 kW are the 60 kW that were measured.
    assert (line["kind"], line["amount"]) == ("demand", 600.0)
    assert line["note"] == "1 of 11 earlier months are known; the ratchet may bill more"


def test_ratchet_on_months_that_stand_on_bills():
    site = make_site(date(2026, 2, 1), date(2026, 2, 28), peak_by_month({2: 100.0}))
    # February looks back to March 2025: 80 % of 212.5 kW = 170 kW; the higher one of February 2025 is over.
    (february,) = bill(site, make_tariff(RATCHET), billed_peaks_kw={"2025-02": 900.0, "2025-03": 212.5})
    assert lines_of(february)[("ratchet", "facility")] == 840.0  # (170 − 100) × 12


def test_demand_windows_tiers_and_minimum():
    text = (
        FLAT_ENERGY
        + '[[demand.charges]]\nname = "peak"\ndays = ["weekday"]\nhours = [[12, 18]]\nrate_per_kw = 8\n'
        + '[[demand.charges]]\nname = "any"\ntiers = [{ up_to_kw = 20, rate_per_kw = 0 }, { rate_per_kw = 5 }]\n'
        + '[[demand.charges]]\nname = "summer"\nmonths = [7]\nrate_per_kw = 99\n'
        + '[[demand.charges]]\nname = "least"\nrate_per_kw = 1\nminimum_kw = 75\n'
    )

    # Sunday the 4th at 13:00 60 kW, Monday the 5th at 13:00 30 kW, Monday at 19:00 50 kW, else 10 kW.
    def kw(frame):
        day, hour = frame["local_time"].dt.day, frame["local_hour"]
        return np.select([(day == 4) & (hour == 13), (day == 5) & (hour == 13), (day == 5) & (hour == 19)],
                         [60.0, 30.0, 50.0], 10.0)  # fmt: skip

    (january,) = bill(make_site(date(2026, 1, 1), date(2026, 1, 31), kw), make_tariff(text))
    amounts = lines_of(january)
    assert amounts[("demand", "peak")] == 240.0  # 30 × 8
    assert amounts[("demand", "any")] == 200.0  # (60 − 20) × 5
    assert ("demand", "summer") not in amounts
    assert amounts[("demand", "least")] == 60.0
    assert amounts[("minimum_demand", "least")] == 15.0  # 75 − 60


def test_coincident_demand_is_that_at_the_announced_moment():
    text = (
        FLAT_ENERGY + '[[demand.charges]]\nname = "cp"\nrate_per_kw = 10\nsystem_peaks = [2026-01-14T17:00:00-05:00]\n'
    )
    site = make_site(date(2026, 1, 1), date(2026, 2, 28), lambda f: np.where(f["local_hour"] == 17, 25.0, 90.0))
    january, february = bill(site, make_tariff(text))
    assert lines_of(january)[("demand", "cp")] == 250.0  # 25 kW from 17:00 to 18:00 on the 14th, × 10
    hole = site[site["local_time"] != "2026-01-14 17:00"]
    for unknown in (february, bill(hole, make_tariff(text))[0]):
        line = next(line for line in unknown["lines"] if line["kind"] == "demand")
        assert (line["amount"], line["note"][:34]) == (0.0, "the system's peak of this month is")


def test_fixed_riders_minimum_and_taxes_in_their_order():
    text = (
        "[fixed]\nmonthly_charge = 5\nminimum_charge = 25\n"
        + FLAT_ENERGY
        + '[[riders]]\nname = "fuel"\nper_kwh = 0.01\n[[riders]]\nname = "green"\npct = 10\non = ["energy"]\n'
        + '[[taxes]]\nname = "state"\npct = 6\n[[taxes]]\nname = "local"\nper_kwh = 0.002\n'
    )
    small = JANUARY.assign(used_kwh=JANUARY["used_kwh"] * 100 / 7440)  # 100 kWh
    (january,) = bill(small, make_tariff(text))
    assert lines_of(january) == {
        ("energy", "all"): 10.0,
        ("fixed", "monthly charge"): 5.0,
        ("rider", "fuel"): 1.0,  # 100 × 0.01
        ("rider", "green"): 1.0,  # 10 % of 10
        ("minimum", "minimum charge"): 8.0,  # 25 − 17
        ("tax", "state"): 1.5,  # 6 % of 25
        ("tax", "local"): 0.2,  # 100 × 0.002
    }
    assert january["total"] == 26.7
    # 7440 kWh are far above the minimum: 744 + 5 + 74.4 + 74.4 = 897.8; taxes 53.868 + 14.88.
    (large,) = bill(JANUARY, make_tariff(text))
    assert ("minimum", "minimum charge") not in lines_of(large)
    assert large["total"] == 966.55


@pytest.mark.parametrize(
    ("first", "last", "night_kwh", "rest_kwh"),
    [
        # March: 31 × 4 h less the skipped 2:00 = 123 h of night; 743 − 123 = 620 h else.
        (date(2026, 3, 1), date(2026, 3, 31), 1230.0, 6200.0),
        # November: 30 × 4 h and the repeated 1:00 = 121 h of night; 721 − 121 = 600 h else.
        (date(2026, 11, 1), date(2026, 11, 30), 1210.0, 6000.0),
    ],
)
def test_clock_changes(first, last, night_kwh, rest_kwh):
    text = '[[energy.periods]]\nname = "night"\nhours = [[0, 4]]\nrate_per_kwh = 1\n' + FLAT_ENERGY
    (month,) = bill(make_site(first, last), make_tariff(text))
    assert [line["quantity"] for line in month["lines"]] == [night_kwh, rest_kwh]
    assert month["is_complete"]


def test_tariff_that_changes_within_a_month_is_billed_by_days():
    old = make_tariff("[fixed]\nmonthly_charge = 31\n" + TIERS, "old")
    new = make_tariff("[fixed]\nmonthly_charge = 62\ndaily_charge = 1\n" + FLAT_ENERGY.replace("0.10", "0.20"), "new")
    first, second = bill(JANUARY, (TariffSpan(old, None, date(2026, 1, 15)), TariffSpan(new, date(2026, 1, 16))))
    # 15 of 31 days: 3600 kWh; the tiers end at 1000 × 15/31 = 483.871 and 967.742:
    # 48.387 + 38.710 + 2632.258 × 0.06 = 157.935; fixed 15.
    assert [line["amount"] for line in first["lines"]] == [48.39, 38.71, 157.94, 15.0]
    # 16 days: 3840 kWh × 0.20, 62 × 16/31, 16 × 1.
    assert [line["amount"] for line in second["lines"]] == [768.0, 32.0, 16.0]
    assert [(part["start"], part["end"]) for part in (first, second)] == [
        ("2026-01-01", "2026-01-15"),
        ("2026-01-16", "2026-01-31"),
    ]


def test_demand_and_minimum_of_a_part_of_a_month_are_billed_by_days():
    old = make_tariff(RATCHET, "old")
    new = make_tariff("[fixed]\nminimum_charge = 3100\n" + FLAT_ENERGY, "new")
    spans = (TariffSpan(old, None, date(2026, 1, 15)), TariffSpan(new, date(2026, 1, 16)))
    first, second = bill(JANUARY, spans, billed_peaks_kw={"2025-12": 25.0})
    # 15 of 31 days: 10 kW × 12 × 15/31, and the ratchet's 80 % of 25 kW − 10 kW the same; 3600 kWh × 0.10.
    assert [line["amount"] for line in first["lines"]] == [360.0, 58.06, 58.06]
    # 16 of 31 days: 3840 kWh × 0.10, and up to 3100 × 16/31 = 1600.
    assert [line["amount"] for line in second["lines"]] == [384.0, 1216.0]


def test_peaks_on_bills_say_nothing_about_a_charge_on_certain_hours():
    text = RATCHET.replace("ratchet =", "hours = [[12, 18]]\nratchet =")
    (january,) = bill(JANUARY, make_tariff(text), billed_peaks_kw={"2025-12": 25.0})
    assert lines_of(january)[("demand", "facility")] == 120.0
    assert ("ratchet", "facility") not in lines_of(january)


def test_rates_that_change_within_the_hour():
    site = make_site(date(2026, 1, 5), date(2026, 1, 5), step_s=900)
    half = '[[energy.periods]]\nname = "half"\nhours = [["12:30", "12:45"]]\nrate_per_kwh = 1\n'
    (part,) = bill(site, make_tariff(half + FLAT_ENERGY))
    assert [line["quantity"] for line in part["lines"]] == [2.5, 237.5]


def test_part_of_a_month_is_billed_as_metered_and_says_so():
    week = make_site(date(2026, 1, 12), date(2026, 1, 18))
    (part,) = bill(week, make_tariff(FLAT_ENERGY))
    assert (part["total"], part["coverage_pct"], part["is_complete"]) == (168.0, 22.6, False)


def test_demand_interval_averages_finer_data_and_leaves_coarser():
    site = make_site(date(2026, 1, 1), date(2026, 1, 1), lambda f: np.arange(len(f)) % 2 * 20.0, step_s=900)
    half_hours = mean_demand(site, 1800, SCOPE)
    assert (len(half_hours), set(half_hours["mean_kw"])) == (48, {10.0})
    assert mean_demand(site, 900, SCOPE) is site
    assert mean_demand(site, 300, SCOPE) is site
    # A half hour that lacks a quarter has no mean.
    assert len(mean_demand(site.drop(index=5), 1800, SCOPE)) == 47


LISTED = "holidays = [2025-12-25, 2026-01-01, 2026-12-25, 2027-01-01]\n" + SEASONS


@pytest.mark.parametrize(
    ("year", "own", "peak_days"),
    [
        (2026, set(), 21),  # 22 weekdays − New Year, which the tariff lists
        (2026, {date(2026, 1, 19)}, 21),  # the site's are not looked at in a year that is listed
        (2027, {date(2027, 1, 18)}, 19),  # 21 weekdays; of 2027 only New Year is listed, at the end of a list
        (2028, {date(2028, 1, 17)}, 20),  # 21 weekdays; of 2028 nothing
        (2028, set(), 21),
    ],
)
def test_holidays_of_a_year_that_the_tariff_does_not_list_are_those_of_the_site(year, own, peak_days):
    (january,) = bill(make_site(date(year, 1, 1), date(year, 1, 31)), make_tariff(LISTED), holidays=own)
    assert lines_of(january)[("energy", "winter_peak")] == round(peak_days * 60 * 0.20, 2)


FACILITY = FLAT_ENERGY + '[[demand.charges]]\nname = "facility"\nrate_per_kw = 12\n[fixed]\nmonthly_charge = 50\n'


def test_a_bill_of_whole_months_has_the_peak_of_each():
    site = make_site(date(2026, 1, 1), date(2026, 3, 31), lambda f: np.where(f.index == 300, 25.0, 10.0))
    parts = bill(site, make_tariff(FACILITY), period=(date(2026, 1, 1), date(2026, 2, 28)))
    # January 25 kW, February 10 kW; 743 × 10 + 25 and 672 × 10 kWh × 0.10; 50 a month.
    assert [[line["amount"] for line in part["lines"]] for part in parts] == [
        [745.5, 300.0, 50.0],
        [672.0, 120.0, 50.0],
    ]
    # 41 days that are no calendar months stay one piece, of 41/30 months of what is charged by the month.
    (whole,) = bill(site, make_tariff(FACILITY), period=(date(2026, 1, 2), date(2026, 2, 11)))
    assert lines_of(whole)[("fixed", "monthly charge")] == 68.33


@pytest.mark.parametrize(
    ("text", "first", "last", "is_hidden"),
    [
        (FACILITY, date(2026, 1, 2), date(2026, 2, 10), False),  # 40 days: a month read late
        (FACILITY, date(2026, 1, 2), date(2026, 2, 11), True),
        (FACILITY, date(2026, 1, 1), date(2026, 2, 28), False),
        (FACILITY, date(2026, 1, 1), date(2026, 2, 27), True),
        (FACILITY, date(2026, 1, 2), date(2026, 2, 28), True),
        (FLAT_ENERGY, date(2026, 1, 2), date(2026, 2, 11), False),
        ("[demand]\nreactive_per_kvar = 1\n" + FLAT_ENERGY, date(2026, 1, 2), date(2026, 2, 11), True),
        (TIERS, date(2026, 1, 2), date(2026, 2, 11), False),
        (TIERS.replace("tiers", 'tier_unit = "kWh/kW"\ntiers'), date(2026, 1, 2), date(2026, 2, 11), True),
    ],
)
def test_a_long_bill_hides_the_peaks_that_each_of_its_months_pays(text, first, last, is_hidden):
    tariff = make_tariff(text)
    assert hides_peaks(tariff, first, last) == is_hidden
    before = (TariffSpan(tariff, None, date(2026, 1, 1)), TariffSpan(make_tariff(FLAT_ENERGY), date(2026, 1, 2)))
    assert hides_peaks(before, first, last) == (is_hidden and first == date(2026, 1, 1))
