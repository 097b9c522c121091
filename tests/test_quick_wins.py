"""Tests of analyze/quick_wins.py, and of the tree of meters that keeps its sums honest."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tariff_factory import make_tariff
from week_factory import (
    NEW_YORK,
    fill_window,
    make_meters,
    make_readings,
    make_scope,
    make_thresholds,
    set_power,
)

from analyze.meters.meter_tree import net_of_sub_meters, parents_of, root_of_channels
from analyze.money.annual import plan_year
from analyze.money.quick_win_texts import describe_opening
from analyze.sections.quick_wins import render_text
from analyze.week.intervals import prepare_intervals
from analyze.week.site_week import SiteContext, analyze_site_week
from config.opening_hours import ASSUMED_SCHEDULE, Schedule, Span, Term
from config.tariff_model import SiteTariffs, TariffSpan
from lib.date_utils import Window, local_day_window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def analyze(readings, meters=METERS, config=None, schedule=ASSUMED_SCHEDULE):
    scope = make_scope(meters, config=config)
    return analyze_site_week(readings, meters, scope.period, scope.baseline, NEW_YORK, scope.config, schedule)


def left_on(channel_id, kw, base=None):
    base = fill_window(channel_id, BOTH, 5.0, 1.0) if base is None else base
    return set_power(base, "2026-01-13 18:00", "2026-01-14 07:00", kw)


def test_parents_and_roots():
    meters = make_meters(1, 2, 3, 4, 5, 6, parents={2: 1, 3: 2, 4: 9, 5: 6, 6: 5})
    assert parents_of(meters) == {2: 1, 3: 2}  # 9 is not there, and 5 and 6 are each other's parent
    everyone = {1, 2, 3, 4, 5, 6}
    assert root_of_channels(meters, everyone) == {1: 1, 2: 1, 3: 1, 4: 4, 5: 5, 6: 6}
    assert root_of_channels(meters, everyone - {1}) == {1: 1, 2: 2, 3: 2, 4: 4, 5: 5, 6: 6}
    assert root_of_channels(meters, everyone - {2})[3] == 1


def test_net_of_sub_meters_by_hand():
    """Two quarters of a main meter 1, of 2 below it, and of 3 below 2; and one of a meter of its own."""
    meters = make_meters(1, 2, 3, 4, parents={2: 1, 3: 2})
    readings = pd.concat([make_readings(key, "2026-01-12 05:00Z", [1.0, 1.0]) for key in (1, 2, 3, 4)])
    rows = prepare_intervals(readings, meters, NEW_YORK)
    net = net_of_sub_meters([10.0, 4.0, 6.0, 5.0, 2.0, 0.0, 7.0, 7.0], rows, meters)
    assert net.tolist() == [4.0, 0.0, 4.0, 5.0, 2.0, 0.0, 7.0, 7.0]


def test_net_of_sub_meters_of_another_interval():
    meters = make_meters(1, 2, parents={2: 1})
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 05:00Z", [1.0] * 4),
            make_readings(2, "2026-01-12 05:00Z", [1.0], 3600),
        ]
    )
    rows = prepare_intervals(readings, meters, NEW_YORK)
    assert net_of_sub_meters([4.0, 2.0, 2.0, 0.0, 6.0], rows, meters).tolist() == [1.0, 0.5, 0.5, 0.0, 6.0]


def test_a_machine_left_on_is_one_win_with_its_numbers():
    week = analyze(left_on(1, 8.0))
    (win,) = week.sections["quickWins"]
    kwh = week.sections["afterHoursWaste"]["topMeters"][0]["impact"]["excessKwh"]
    assert win["type"] == "after_hours"
    # Half an hour of shutting down and an hour of starting up are no waste; the rest of the night is.
    assert win["title"] == "Let meter 1 rest between 18:00 and 06:00: 81 kWh"
    assert win["observedWaste"]["kwh"] == kwh == pytest.approx(13 * 7.02 + 2, abs=0.05)
    assert win["impact"]["weeklyKwh"] == pytest.approx(11.5 * 7.02, abs=0.05)
    assert win["impact"]["weeklyCost"] == pytest.approx(0.12 * 11.5 * 7.02, abs=0.01)
    # One night in five weeks: nobody saw it come back, so a year has it once.
    assert win["impact"]["annualCost"] == win["impact"]["weeklyCost"]
    assert win["impact"]["description"] == "once: 81 kWh, seen on one night; the annual figure is this event alone"
    assert win["when"]["nights"] == {"days": ["Tue", "Wed"], "hours": ["18:00-06:00"]}
    assert (win["confidence"], win["priority"]) == ("high", "low")
    assert "Mon–Fri 07:00–18:00" in win["description"]
    assert week.sections["anomalies"]["summary"]["totalExcessKwh"] == pytest.approx(91, abs=0.3)  # the same energy
    assert week.summary["totalPotentialSavings"]["onceKwh"] == win["impact"]["weeklyKwh"]


def test_a_machine_left_on_for_two_nights_counts_in_every_operating_week():
    (win,) = analyze(set_power(left_on(1, 8.0), "2026-01-15 18:00", "2026-01-16 07:00", 8.0)).sections["quickWins"]
    assert win["title"].endswith(": 161 kWh a week")
    assert win["impact"]["annualCost"] == pytest.approx(0.12 * 2 * 11.5 * 7.02 * 261 / 5, abs=1.0)
    assert (win["confidence"], win["priority"]) == ("high", "high")


def test_a_load_that_wavers_about_its_rest_is_believed_little():
    rng = np.random.default_rng(7)
    readings = fill_window(1, BOTH, 8.0, 3.0)
    noise = rng.lognormal(0, 0.15, len(readings))
    readings = readings.assign(power_kw=readings["power_kw"] * noise, energy_kwh=readings["energy_kwh"] * noise)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["confidence"], win["priority"]) == ("low", "low")


def test_what_is_believed_little_ranks_below_a_smaller_but_sure_saving():
    rng = np.random.default_rng(7)
    wavering = fill_window(1, BOTH, 16.0, 12.0)
    noise = rng.lognormal(0, 0.15, len(wavering))
    wavering = wavering.assign(power_kw=wavering["power_kw"] * noise, energy_kwh=wavering["energy_kwh"] * noise)
    sure, little = analyze(pd.concat([wavering, left_on(2, 8.0)]), make_meters(1, 2)).sections["quickWins"]
    assert (sure["channelId"], little["channelId"]) == (2, 1)
    assert little["impact"]["weeklyKwh"] > sure["impact"]["weeklyKwh"]


def test_an_anomaly_by_day_is_a_win_of_its_own():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 08:00", "2026-01-14 12:00", 20.0)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["type"], win["confidence"]) == ("anomaly", "medium")
    assert win["impact"]["weeklyKwh"] == pytest.approx(60.0, abs=0.3)
    assert win["title"] == ("Find out why meter 1 ran high on Wed 14 Jan from 08:00 to 12:00: 60 kWh above usual")


def test_what_was_seen_once_in_a_month_is_told_whole_and_counts_once():
    """60 kWh in 31 days are 60 kWh once, and no saving of a week or of a year."""
    period = local_day_window(date(2026, 1, 12), date(2026, 2, 11), NEW_YORK)
    scope = make_scope(METERS, period)
    readings = fill_window(1, Window(scope.baseline.start, period.end), 5.0, 1.0)
    readings = set_power(readings, "2026-01-14 08:00", "2026-01-14 12:00", 20.0)
    week = analyze_site_week(readings, METERS, period, scope.baseline, NEW_YORK, scope.config)
    (win,) = week.sections["quickWins"]
    assert win["impact"]["weeklyKwh"] == pytest.approx(60 * 7 / 31, abs=0.1)
    assert win["impact"]["annualKwh"] == pytest.approx(60, abs=0.3)
    assert win["title"].endswith("ran high on Wed 14 Jan from 08:00 to 12:00: 60 kWh above usual")
    assert win["impact"]["description"].startswith("once: 60 kWh, seen on one day")
    assert week.summary["headline"][1] == (
        "1 quick win was seen on one day only: 60 kWh, worth 7.20 USD once, in no figure of a week or a year."
    )
    savings = week.summary["totalPotentialSavings"]
    assert (savings["weeklyKwh"], savings["weeklyCost"], savings["estimatedAnnual"]) == (0, 0, 0)
    assert (savings["onceKwh"], savings["onceCost"]) == (pytest.approx(60, abs=0.3), pytest.approx(7.2, abs=0.04))
    assert render_text([win]).startswith("    60.0 kWh once      7.20 USD  priority")


def test_several_spans_and_closed_days_are_told_in_whole_words():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in (13, 14, 15, 16):
        readings = set_power(readings, f"2026-01-{day} 02:00", f"2026-01-{day} 04:00", 6.0)
        readings = set_power(readings, f"2026-01-{day} 19:00", f"2026-01-{day} 22:00", 6.0)
    nights = analyze(readings).sections["quickWins"][0]
    assert nights["title"].startswith("Let meter 1 rest between 02:00 and 04:00 and between 19:00 and 22:00: ")
    for day in (17, 18):
        readings = set_power(readings, f"2026-01-{day} 08:00", f"2026-01-{day} 18:00", 6.0)
    both = analyze(readings).sections["quickWins"][0]
    assert both["title"].startswith(
        "Let meter 1 rest between 02:00 and 04:00, between 19:00 and 22:00, and on Sat and Sun: "
    )


def test_several_stretches_are_told_in_all_and_not_as_the_largest_of_them():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day, kw in ((13, 20.0), (14, 25.0)):
        readings = set_power(readings, f"2026-01-{day} 08:00", f"2026-01-{day} 12:00", kw)
    (win,) = analyze(readings).sections["quickWins"]
    assert win["title"].endswith("ran high 2 times, most on Wed 14 Jan from 08:00 to 12:00: 140 kWh in all above usual")


def test_short_spikes_that_add_up_are_a_win():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in (12, 13, 14):
        readings = set_power(readings, f"2026-01-{day} 09:15", f"2026-01-{day} 09:45", 25.0)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["type"], win["confidence"]) == ("spike", "medium")
    assert win["impact"]["weeklyKwh"] == pytest.approx(3 * 0.5 * 19.9, abs=0.1)


def test_a_stuck_night_is_no_win():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(
        pd.Timestamp("2026-01-13 18:00", tz=NEW_YORK), pd.Timestamp("2026-01-14 06:45", tz=NEW_YORK)
    )
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [8.0, 2.0]
    week = analyze(readings)
    (repair,) = week.sections["quickWins"]
    assert (repair["type"], repair["title"]) == ("repair", "Repair the meter of meter 1: stuck")
    assert repair["impact"]["weeklyKwh"] == repair["impact"]["annualCost"] == 0.0
    assert repair["atStake"]["usualWeeklyKwh"] == pytest.approx(55 * 5 + 113, rel=0.01)
    assert repair["evidence"]["findingIds"] == [week.sections["sensorHealth"]["issues"][0]["findingId"]]
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] == 0.0
    assert any(line.startswith("No savings that the data support") for line in week.summary["headline"])


def test_a_broken_meter_earns_its_repair_and_no_advice_on_the_building():
    """Left on for one night, and frozen for the night after: whatever it says, the meter is looked at first."""
    readings = left_on(1, 8.0)
    hit = readings["interval_start"].between(
        pd.Timestamp("2026-01-14 18:00", tz=NEW_YORK), pd.Timestamp("2026-01-15 06:45", tz=NEW_YORK)
    )
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [3.0, 0.75]
    sound = left_on(2, 8.0)
    wins = analyze(pd.concat([readings, sound]), make_meters(1, 2)).sections["quickWins"]
    assert [(win["channelId"], win["type"]) for win in wins] == [(2, "after_hours"), (1, "repair")]


def test_parent_and_sub_meter_do_not_save_the_same_energy():
    sub = left_on(2, 8.0)
    main = left_on(1, 30.0, fill_window(1, BOTH, 15.0, 11.0))
    wins = analyze(pd.concat([main, sub]), make_meters(1, 2, parents={2: 1})).sections["quickWins"]
    wins.sort(key=lambda win: -win["channelId"])
    assert [win["channelId"] for win in wins] == [2, 1]
    separate = analyze(pd.concat([main, sub]), make_meters(1, 2)).sections["quickWins"]
    alone = {win["channelId"]: win["impact"]["weeklyKwh"] for win in separate}
    assert wins[0]["impact"]["weeklyKwh"] == alone[2]
    assert wins[1]["impact"]["weeklyKwh"] == pytest.approx(alone[1] - alone[2], abs=0.3)


def test_ranked_by_what_is_believed_and_limited():
    meters = make_meters(*range(1, 15))
    week = analyze(pd.concat([left_on(key, 4.0 + key) for key in range(1, 15)]), meters)
    wins = week.sections["quickWins"]
    assert [win["channelId"] for win in wins] == list(range(14, 4, -1))
    assert week.summary["totalPotentialSavings"]["onceKwh"] == pytest.approx(
        sum(win["impact"]["annualKwh"] for win in wins)
    )
    assert week.summary["topOpportunities"] == [win["title"] for win in wins[:3]]


TOU = """
currency = "EUR"
source = "a test"
[[energy.periods]]
name = "evening"
hours = [[18, 22]]
rate_per_kwh = 0.50
[[energy.periods]]
name = "summer"
months = [6, 7, 8]
rate_per_kwh = 0.30
[[energy.periods]]
name = "rest"
rate_per_kwh = 0.10
[[taxes]]
name = "tax"
pct = 10
"""
# 7.02 kW too much from 18:30 to 06:00: 3.5 h at 0.50, 8 h at 0.10 (0.30 in summer), 10 % tax on all.
NIGHT_KWH = 2 * 7.02  # in each hour of two nights, 6 kW above the rest and a little
WEEKLY_COST = NIGHT_KWH * (3.5 * 0.50 + 8 * 0.10) * 1.1


def priced(schedule=ASSUMED_SCHEDULE, monthly=None):
    """Return the win of a machine left on for two nights, on a tariff with an evening peak and dear summer nights."""
    tariff = make_tariff(TOU)
    tariffs = SiteTariffs((TariffSpan(tariff),), tariff)
    scope = make_scope(METERS)._replace(schedule=schedule)
    readings = set_power(left_on(1, 8.0), "2026-01-15 18:00", "2026-01-16 07:00", 8.0)
    week = analyze_site_week(
        readings, METERS, scope.period, scope.baseline, NEW_YORK, make_thresholds(), schedule,
        SiteContext(tariffs=tariffs, monthly=monthly),
    )  # fmt: skip
    (win,) = week.sections["quickWins"]
    return win, week


@pytest.mark.parametrize(("currency", "rate"), [("USD", 0.12), ("JPY", 18.0), ("INR", 10.0)])
@pytest.mark.parametrize(("most_kwh", "priority"), [(8500.0, "medium"), (8350.0, "high")])
def test_priority_means_the_same_in_every_currency(currency, rate, most_kwh, priority):
    """161 kWh in each of 261 / 5 operating weeks are 8,428 kWh a year, whatever the money."""
    text = f'currency = "{currency}"\nsource = "a test"\n[[energy.periods]]\nname = "all"\nrate_per_kwh = {rate}\n'
    tariff = make_tariff(text)
    readings = set_power(left_on(1, 8.0), "2026-01-15 18:00", "2026-01-16 07:00", 8.0)
    week = analyze_site_week(
        readings, METERS, SCOPE.period, SCOPE.baseline, NEW_YORK,
        make_thresholds(quick_wins={"high_annual_kwh": most_kwh}), ASSUMED_SCHEDULE,
        SiteContext(tariffs=SiteTariffs((TariffSpan(tariff),), tariff)),
    )  # fmt: skip
    (win,) = week.sections["quickWins"]
    assert win["impact"]["currency"] == currency
    assert win["impact"]["annualCost"] == pytest.approx(rate * win["impact"]["annualKwh"], rel=1e-3)
    assert win["priority"] == priority


def test_each_kilowatt_hour_has_the_price_of_its_hour():
    win, week = priced()
    assert win["impact"]["weeklyCost"] == pytest.approx(WEEKLY_COST, abs=0.02)
    assert win["impact"]["currency"] == week.summary["totalPotentialSavings"]["currency"] == "EUR"
    assert win["evidence"]["rate"]["tariff"] == "test"
    assert win["evidence"]["rate"]["averagePerKwh"] == pytest.approx(WEEKLY_COST / (NIGHT_KWH * 11.5), rel=1e-3)
    (meter,) = week.sections["afterHoursWaste"]["topMeters"]
    # All 13 hours of each night: four of the evening, nine of the night; and little more that wavers.
    assert meter["impact"]["excessCost"] == pytest.approx(NIGHT_KWH * (4 * 0.5 + 9 * 0.1) * 1.1, abs=0.6)
    assert sum(part["cost"] for name, part in meter["parts"].items() if name != "baseLoad") == pytest.approx(
        meter["impact"]["excessCost"], abs=0.03
    )
    assert sum(kind["excessCost"] for kind in meter["byKind"].values()) == pytest.approx(
        meter["impact"]["excessCost"], abs=0.03
    )
    assert {night["night"] for night in meter["worstNights"][:2]} == {"2026-01-13", "2026-01-15"}
    assert meter["worstNights"][0]["excessCost"] == pytest.approx(7.02 * (4 * 0.5 + 9 * 0.1) * 1.1, abs=0.1)


def test_a_year_has_the_tariffs_seasons():
    win, _ = priced()
    # 261 weekdays from 19 January 2026 on are 52.2 weeks; 22 + 23 + 21 of them lie in June, July and August.
    summer = 66 / 5
    dearer = NIGHT_KWH * 8 * (0.30 - 0.10) * 1.1
    assert win["impact"]["annualCost"] == pytest.approx(WEEKLY_COST * 52.2 + dearer * summer, rel=2e-3)
    assert win["impact"]["annualKwh"] == pytest.approx(NIGHT_KWH * 11.5 * 52.2, rel=2e-3)
    assert win["impact"]["annualBasis"]["weeks"] == 52.2


def test_a_year_has_the_terms_of_the_schedule():
    week = ASSUMED_SCHEDULE.week
    terms = (Term(date(2026, 1, 5), date(2026, 3, 29)), Term(date(2026, 6, 1), date(2026, 6, 28)))
    win, _ = priced(schedule=Schedule(week, terms=terms))
    # From Monday 19 January: ten weeks up to 29 March, and four in June.
    assert win["impact"]["annualBasis"]["weeks"] == 14.0
    assert win["impact"]["annualKwh"] == pytest.approx(NIGHT_KWH * 11.5 * 14, rel=2e-3)
    dearer = NIGHT_KWH * 8 * (0.30 - 0.10) * 1.1
    assert win["impact"]["annualCost"] == pytest.approx(WEEKLY_COST * 14 + dearer * 4, rel=2e-3)
    assert "14.0 operating weeks in the year from 2026-01-19" in win["impact"]["description"]


@pytest.mark.parametrize(
    ("first", "last", "weeks"),
    [
        (date(2026, 1, 17), date(2026, 1, 17), 52.2),  # a Saturday, on which it is never open, is no vacation
        (date(2026, 1, 16), date(2026, 1, 18), 52.2),
        (date(2026, 1, 12), date(2026, 1, 18), 52.2),
        (date(2026, 1, 1), date(2026, 1, 31), 52.0),
    ],
)
def test_a_year_of_a_period_of_any_length_has_its_operating_weeks(first, last, weeks):
    year = plan_year(make_scope(METERS, local_day_window(first, last, NEW_YORK)))
    assert year.is_operating
    assert year.weeks.sum() == pytest.approx(weeks, abs=0.25)


def test_a_year_has_the_seasons_of_the_load_where_they_are_known():
    """A meter that used 10 kWh a day from January to June of the year before, and 20 from July to December."""
    months = [date(2025, month, 1) for month in range(1, 13)]
    monthly = pd.DataFrame(
        {
            "channel_id": 1,
            "local_month": months,
            "energy_kwh": [300.0] * 6 + [620.0] * 6,
            "days": [30] * 6 + [31] * 6,
        }
    )
    win, _ = priced(monthly=monthly)
    assert win["impact"]["annualBasis"]["loadSeasons"] == "measured"
    # 132 of the 261 weekdays lie in the half of the year that counts twice.
    assert win["impact"]["annualKwh"] == pytest.approx(NIGHT_KWH * 11.5 * (261 + 132) / 5, rel=3e-3)
    installed = monthly.assign(days=[1, *monthly["days"][1:]], energy_kwh=[2.0, *monthly["energy_kwh"][1:]])
    for months_known in (monthly[:11], installed):  # of the installation's own month nobody knows the season
        unknown, _ = priced(monthly=months_known)
        assert unknown["impact"]["annualKwh"] == pytest.approx(NIGHT_KWH * 11.5 * 261 / 5, rel=3e-3)
    unknown, _ = priced(monthly=monthly[:11])
    assert unknown["impact"]["annualBasis"]["loadSeasons"] == "unknown"


def test_ranked_by_money_confidence_and_effort():
    """Hours of far too much by day on four days, and an hour left on: what a switch can do comes before a search."""
    busy = fill_window(1, BOTH, 5.0, 1.0)
    for day in (12, 13, 14, 15):
        busy = set_power(busy, f"2026-01-{day} 09:15", f"2026-01-{day} 09:45", 45.0)
    wins = analyze(pd.concat([busy, left_on(2, 8.0)]), make_meters(1, 2)).sections["quickWins"]
    assert [win["type"] for win in wins] == ["after_hours", "spike"]
    assert wins[1]["impact"]["weeklyCost"] == pytest.approx(wins[0]["impact"]["weeklyCost"], rel=0.05)
    for win, weight, effort in zip(wins, (1.0, 0.7), (1.0, 2.0), strict=True):
        assert win["rankScore"] == pytest.approx(win["impact"]["weeklyCost"] * weight / effort, abs=0.01)


def test_what_rests_on_assumed_hours_that_the_load_contradicts_is_not_believed():
    """A shop that is open until ten: on hours that nobody named its evenings are no saving that the data support."""
    shop = fill_window(1, BOTH, 5.0, 1.0)
    for day in pd.bdate_range("2025-12-15", "2026-01-16"):
        shop = set_power(shop, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} 22:00", 5.0)
    assumed, named = analyze(shop), analyze(shop, schedule=Schedule(ASSUMED_SCHEDULE.week))
    (win,), (known,) = assumed.sections["quickWins"], named.sections["quickWins"]
    assert (win["type"], win["confidence"], win["priority"]) == ("after_hours", "low", "low")
    assert win["description"].startswith(known["description"])
    assert "this meter keeps others than those assumed" in win["description"].removeprefix(known["description"])
    assert known["confidence"] == "medium"
    assert assumed.summary["totalPotentialSavings"]["weeklyKwh"] == 0.0
    assert assumed.summary["totalPotentialSavings"]["unconfirmedWeeklyKwh"] == win["impact"]["weeklyKwh"] > 70
    assert assumed.sections["afterHoursWaste"]["schedule"] == {
        "isAssumed": True,
        "openingHours": "Mon–Fri 07:00–18:00",
        "note": "Opening hours are assumed: Mon–Fri 07:00–18:00. Name the site's own under [schedule] in "
        "config/sites/0.toml.",
    }
    assert named.sections["afterHoursWaste"]["schedule"] == {
        "isAssumed": False, "openingHours": "Mon–Fri 07:00–18:00", "note": None
    }  # fmt: skip


def test_opening_hours_are_told_as_they_are():
    friday = (Span(7 * 60, 12 * 60), Span(13 * 60, 16 * 60))
    week = (*((Span(7 * 60, 18 * 60),),) * 4, friday, (), ())
    scope = make_scope(METERS)._replace(schedule=Schedule(week))
    assert describe_opening(scope) == "Mon–Thu 07:00–18:00, Fri 07:00–12:00 and 13:00–16:00"
    assert describe_opening(scope._replace(schedule=Schedule(((),) * 7))) == "always closed"
    assert describe_opening(scope._replace(schedule=ASSUMED_SCHEDULE)) == "Mon–Fri 07:00–18:00"
