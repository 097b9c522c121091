"""Tests of analyze/quick_wins.py, and of the tree of meters that keeps its sums honest."""

from datetime import date

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
    spaced,
    tell,
)

from analyze.meters.meter_tree import net_of_sub_meters, parents_of, root_of_channels
from analyze.money.annual import plan_year
from analyze.sections.quick_wins import render_text
from analyze.week.intervals import prepare_intervals
from analyze.week.site_week import SiteContext, analyze_site_week
from config.opening_hours import ASSUMED_SCHEDULE, Schedule, Span, Term
from config.tariff_model import SiteTariffs, TariffSpan
from deliver.reports.weekly import tell_sections, titles_of
from deliver.words.actions import closed_times
from deliver.words.hours import describe_week
from deliver.words.locales import written_for
from lib.date_utils import Window, local_day_window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


NAMED = Schedule(ASSUMED_SCHEDULE.week)  # the same hours, but somebody named them
OFF_KW, LEFT_KW = 1.0, 8.0
NIGHT_H = 13.0  # from 18:00 to 07:00
NIGHT_KWH = NIGHT_H * (LEFT_KW - OFF_KW)


def analyze(readings, meters=METERS, config=None, schedule=NAMED):
    scope = make_scope(meters, config=config)
    return analyze_site_week(readings, meters, scope.period, scope.baseline, NEW_YORK, scope.config, schedule)


def left_on(channel_id, kw, base=None):
    """Return readings of a meter that was left on in the night of Tuesday the 13th."""
    base = fill_window(channel_id, BOTH, 5.0, 1.0) if base is None else base
    return set_power(base, "2026-01-13 18:00", "2026-01-14 07:00", kw)


def left_on_weekly(channel_id, kw=LEFT_KW, weeks=(0, 1, 2, 3, 4)):
    """Return readings of a meter that is left on in the nights of Tuesday and Thursday of some of the five weeks."""
    readings = fill_window(channel_id, BOTH, 5.0, 1.0)
    for week in weeks:
        for day in (1, 3):
            evening = pd.Timestamp("2025-12-15 18:00") + pd.Timedelta(days=7 * week + day)
            readings = set_power(readings, str(evening), str(evening + pd.Timedelta(hours=13)), kw)
    return readings


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


def title_of(week):
    """Return how a report calls the only win of a week."""
    (win,) = tell_sections(week.sections)["quickWins"]
    return spaced(win["title"])


def test_what_comes_back_every_week_is_worth_a_year():
    week = analyze(left_on_weekly(1))
    (win,) = week.sections["quickWins"]
    assert (win["type"], win["pattern"], win["impact"]["basis"]) == ("after_hours", "recurring", "operating_weeks")
    assert win["impact"]["weeklyKwh"] == pytest.approx(2 * NIGHT_KWH, rel=0.01)
    assert win["impact"]["weeklyCost"] == pytest.approx(0.12 * 2 * NIGHT_KWH, rel=0.01)
    assert win["impact"]["annualCost"] == pytest.approx(0.12 * 2 * NIGHT_KWH * 52.2, rel=0.01)
    assert win["when"]["nights"] == {"days": ["Tue", "Wed", "Thu", "Fri"], "hours": ["18:00-07:00"]}
    # Nobody knows the weather, and it might matter.
    assert (win["confidence"], win["doubts"], win["priority"]) == ("medium", ["weather_unknown"], "high")
    (told,) = tell_sections(week.sections)["quickWins"]
    assert titles_of(tell_sections(week.sections)) == {"after_hours-1": told["title"]}  # so a morning's mail calls it
    assert told["impact"]["annualBasis"]["text"] == (
        "a year is 52.2 operating weeks like this one from 19\N{NO-BREAK SPACE}January 2026 on, "
        "each month at its own rates; "
        "how the load changes with the seasons is not known"
    )
    assert spaced(told["title"]) == "Turn meter 1 off nights (18:00–07:00): 182 kWh a week"
    assert "It did so in 4 of the 4 weeks before, 182 kWh in a normal one." in spaced(told["description"])
    savings = week.summary["totalPotentialSavings"]
    assert savings["weeklyKwh"] == win["impact"]["weeklyKwh"]
    assert (savings["newKwh"], savings["onceKwh"], savings["unconfirmedWeeklyKwh"]) == (0, 0, 0)
    assert savings["estimatedAnnual"] == win["impact"]["annualCost"]


@pytest.mark.parametrize(
    ("weeks", "pattern", "share"),
    [((2, 3, 4), "recurring", 3 / 5), ((3, 4), "once", None), ((4,), "once", None)],
)
def test_recurring_is_this_week_and_two_of_the_four_before(weeks, pattern, share):
    (win,) = analyze(left_on_weekly(1, weeks=weeks)).sections["quickWins"]
    assert win["pattern"] == pattern
    # A year has the mean of the known weeks, and only of what recurs.
    annual = 0.12 * 2 * NIGHT_KWH * share * 52.2 if share else 0.0
    assert win["impact"]["annualCost"] == pytest.approx(annual, rel=0.01)


def test_a_night_left_on_is_told_once_and_is_in_no_sum():
    week = analyze(left_on(1, LEFT_KW))
    (win,) = week.sections["quickWins"]
    assert (win["pattern"], win["impact"]["basis"]) == ("once", "one_off")
    assert title_of(week) == "meter 1 was left on nights (18:00–07:00): 91.0 kWh, one-time"
    assert (win["impact"]["annualCost"], win["impact"]["annualKwh"]) == (0.0, 0.0)
    savings = week.summary["totalPotentialSavings"]
    assert (savings["weeklyKwh"], savings["weeklyCost"], savings["estimatedAnnual"]) == (0, 0, 0)
    assert savings["onceKwh"] == win["impact"]["periodKwh"] == pytest.approx(NIGHT_KWH, rel=0.01)
    assert spaced(tell(week)["headline"][1]) == "One-time: 91.0 kWh, $10.92, not in the weekly or annual totals."
    assert render_text([win]).startswith("    91.0 kWh once     10.92 USD  priority")


@pytest.mark.parametrize(("nights", "pattern"), [(2, "once"), (3, "new")])
def test_three_nights_of_this_week_alone_are_new(nights, pattern):
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in range(12, 12 + nights):
        readings = set_power(readings, f"2026-01-{day} 18:00", f"2026-01-{day + 1} 07:00", LEFT_KW)
    week = analyze(readings)
    (win,) = week.sections["quickWins"]
    assert (win["pattern"], win["impact"]["annualCost"]) == (pattern, 0.0)
    savings = week.summary["totalPotentialSavings"]
    new_kwh = nights * NIGHT_KWH if pattern == "new" else 0.0
    assert savings["weeklyKwh"] == savings["newKwh"] == pytest.approx(new_kwh, rel=0.01)


def test_one_weekend_is_one_stretch_however_many_midnights_it_spans():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-16 18:00", "2026-01-19 00:00", LEFT_KW)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["pattern"], win["impact"]["periodKwh"]) == ("once", pytest.approx(54 * 7, rel=0.01))


def test_what_is_never_off_is_asked_about_and_saves_nothing():
    always = fill_window(2, BOTH, 4.0, 4.0)
    week = analyze(pd.concat([fill_window(1, BOTH, 5.0, 1.0), always]), make_meters(1, 2))
    (win,) = week.sections["quickWins"]
    assert (win["type"], win["pattern"], win["confidence"], win["doubts"]) == ("confirm", "asked", "low", ["needed"])
    assert title_of(week) == "Confirm whether meter 2 must run while closed: 452 kWh a week"
    savings = week.summary["totalPotentialSavings"]
    assert (savings["weeklyKwh"], savings["onceKwh"], savings["estimatedAnnual"]) == (0, 0, 0)
    assert savings["unconfirmedWeeklyKwh"] == pytest.approx(113 * 4, rel=0.01)
    assert spaced(tell(week)["topOpportunities"]) == [title_of(week)]
    assert tell(week)["headline"][1].startswith("To confirm: meter 2 runs every week while the site is closed, 452")


def test_hours_that_nobody_named_make_a_claim_low():
    readings = left_on_weekly(1)
    (win,) = analyze(readings, schedule=ASSUMED_SCHEDULE).sections["quickWins"]
    assert (win["confidence"], win["priority"], win["impact"]["annualCost"]) == ("low", "low", 0.0)
    assert "assumed_hours" in win["doubts"]
    assumed = analyze(readings, schedule=ASSUMED_SCHEDULE)
    assert assumed.summary["totalPotentialSavings"]["weeklyKwh"] == 0.0
    assert spaced(tell(assumed)["headline"][1]) == "Low confidence: 182 kWh, $21.84, not included in any total."
    week = [[[420, 1080]]] * 5 + [[], []]
    assert assumed.sections["afterHoursWaste"]["schedule"] == {"isAssumed": True, "week": week}
    assert analyze(readings).sections["afterHoursWaste"]["schedule"] == {"isAssumed": False, "week": week}


def test_an_event_by_day_is_a_win_of_its_own_and_worth_it_once():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 08:00", "2026-01-14 12:00", 20.0)
    week = analyze(readings)
    (win,) = week.sections["quickWins"]
    assert (win["type"], win["pattern"], win["confidence"], win["doubts"]) == ("anomaly", "once", "medium", ["in_use"])
    assert win["impact"]["periodKwh"] == pytest.approx(60.0, abs=0.3)
    assert win["impact"]["annualCost"] == 0.0
    assert title_of(week) == "Find out why meter 1 ran high Wed, 14 Jan, 08:00 – 12:00: 60.0 kWh above normal"
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] == 0.0


@pytest.mark.parametrize(("days", "wins"), [((13, 14), 1), ((13, 14, 15), 0)])
def test_what_comes_on_three_days_by_day_is_no_event(days, wins):
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in days:
        readings = set_power(readings, f"2026-01-{day} 08:00", f"2026-01-{day} 12:00", 20.0)
    assert len(analyze(readings).sections["quickWins"]) == wins


def test_what_only_moved_within_the_week_saves_nothing():
    """An hour's work on Wednesday instead of Thursday: 20 kWh more, and as much less."""
    readings = fill_window(1, BOTH, 10.0, 1.0)
    readings = set_power(readings, "2026-01-14 08:00", "2026-01-14 12:00", 19.0)
    readings = set_power(readings, "2026-01-15 08:00", "2026-01-15 12:00", 1.0)
    week = analyze(readings)
    assert week.sections["anomalies"]["summary"]["totalEvents"] == 1
    assert week.sections["quickWins"] == []


def test_what_was_seen_once_in_a_month_is_told_whole():
    period = local_day_window(date(2026, 1, 12), date(2026, 2, 11), NEW_YORK)
    scope = make_scope(METERS, period)
    readings = fill_window(1, Window(scope.baseline.start, period.end), 5.0, 1.0)
    readings = set_power(readings, "2026-01-14 08:00", "2026-01-14 12:00", 20.0)
    week = analyze_site_week(readings, METERS, period, scope.baseline, NEW_YORK, scope.config, NAMED)
    (win,) = week.sections["quickWins"]
    assert win["impact"]["weeklyKwh"] == pytest.approx(60 * 7 / 31, abs=0.1)
    assert win["impact"]["periodKwh"] == pytest.approx(60, abs=0.3)
    savings = week.summary["totalPotentialSavings"]
    assert (savings["weeklyKwh"], savings["estimatedAnnual"]) == (0, 0)
    assert (savings["onceKwh"], savings["onceCost"]) == (pytest.approx(60, abs=0.3), pytest.approx(7.2, abs=0.04))


def test_several_stretches_are_told_in_all_and_not_as_the_largest_of_them():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day, kw in ((13, 20.0), (14, 25.0)):
        readings = set_power(readings, f"2026-01-{day} 08:00", f"2026-01-{day} 12:00", kw)
    title = title_of(analyze(readings))
    assert title.endswith("ran high 2 times, most Wed, 14 Jan, 08:00 – 12:00: 140 kWh in all above normal")


def test_short_spikes_are_told_and_are_no_saving():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in (12, 13, 14):
        readings = set_power(readings, f"2026-01-{day} 09:15", f"2026-01-{day} 09:45", 25.0)
    week = analyze(readings)
    assert week.sections["spikes"]["summary"]["totalEvents"] == 3
    assert week.sections["quickWins"] == []


def test_a_stuck_night_is_no_win():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(
        pd.Timestamp("2026-01-13 18:00", tz=NEW_YORK), pd.Timestamp("2026-01-14 06:45", tz=NEW_YORK)
    )
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [8.0, 2.0]
    week = analyze(readings)
    (repair,) = week.sections["quickWins"]
    assert (repair["type"], title_of(week)) == ("repair", "Repair the meter of meter 1: stuck at one value")
    assert repair["impact"]["weeklyKwh"] == repair["impact"]["annualCost"] == 0.0
    assert repair["atStake"]["usualWeeklyKwh"] == pytest.approx(55 * 5 + 113, rel=0.01)
    assert repair["evidence"]["findingIds"] == [week.sections["sensorHealth"]["issues"][0]["findingId"]]
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] == 0.0
    assert "No savings found." in tell(week)["headline"]


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
    own = {win["channelId"]: win["impact"]["periodKwh"] for win in wins if win["type"] == "after_hours"}
    assert own[2] == pytest.approx(NIGHT_KWH, rel=0.01)
    assert own.get(1, 0.0) == pytest.approx(13 * (30 - 11) - NIGHT_KWH, rel=0.02) or 1 not in own


def test_ranked_by_what_is_believed_and_limited():
    meters = make_meters(*range(1, 15))
    week = analyze(pd.concat([left_on(key, 4.0 + key) for key in range(1, 15)]), meters)
    wins = week.sections["quickWins"]
    assert [win["channelId"] for win in wins] == list(range(14, 4, -1))
    assert week.summary["totalPotentialSavings"]["onceKwh"] == pytest.approx(
        sum(win["impact"]["periodKwh"] for win in wins)
    )
    told = tell_sections(week.sections)["quickWins"]
    assert tell(week)["topOpportunities"] == [win["title"] for win in told[:3]]


def test_ranked_by_how_often_it_comes():
    """Two nights of every week go before one night of this week that took more."""
    wins = analyze(pd.concat([left_on(1, 15.0), left_on_weekly(2)]), make_meters(1, 2)).sections["quickWins"]
    assert [(win["channelId"], win["pattern"]) for win in wins] == [(2, "recurring"), (1, "once")]
    assert wins[1]["rankScore"] == pytest.approx(wins[1]["impact"]["weeklyCost"] * 0.7 * 0.5, abs=0.01)


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
# 7 kW too much from 18:00 to 07:00: 4 h at 0.50, 9 h at 0.10 (0.30 in summer), 10 % tax on all.
HOURLY_KWH = 2 * 7.0  # in each hour of two nights
WEEKLY_COST = HOURLY_KWH * (4 * 0.50 + 9 * 0.10) * 1.1


def priced(schedule=NAMED, monthly=None, **changes):
    """Return the win of a machine left on for two nights a week, with an evening peak and dear summer nights."""
    tariff = make_tariff(TOU)
    tariffs = SiteTariffs((TariffSpan(tariff),), tariff)
    scope = make_scope(METERS)._replace(schedule=schedule)
    week = analyze_site_week(
        left_on_weekly(1), METERS, scope.period, scope.baseline, NEW_YORK, make_thresholds(**changes), schedule,
        SiteContext(tariffs=tariffs, monthly=monthly),
    )  # fmt: skip
    (win,) = week.sections["quickWins"]
    return win, week


@pytest.mark.parametrize(("currency", "rate"), [("USD", 0.12), ("JPY", 18.0), ("INR", 10.0)])
@pytest.mark.parametrize(("high_kwh", "priority"), [(9600.0, "medium"), (9400.0, "high")])
def test_priority_means_the_same_in_every_currency(currency, rate, high_kwh, priority):
    """182 kWh in each of 261 / 5 operating weeks are 9,500 kWh a year, whatever the money."""
    text = f'currency = "{currency}"\nsource = "a test"\n[[energy.periods]]\nname = "all"\nrate_per_kwh = {rate}\n'
    tariff = make_tariff(text)
    week = analyze_site_week(
        left_on_weekly(1), METERS, SCOPE.period, SCOPE.baseline, NEW_YORK,
        make_thresholds(quick_wins={"high_annual_kwh": high_kwh}), NAMED,
        SiteContext(tariffs=SiteTariffs((TariffSpan(tariff),), tariff)),
    )  # fmt: skip
    (win,) = week.sections["quickWins"]
    assert win["impact"]["currency"] == currency
    assert win["impact"]["annualKwh"] == pytest.approx(9500, rel=0.003)
    assert win["impact"]["annualCost"] == pytest.approx(rate * win["impact"]["annualKwh"], rel=1e-3)
    assert win["priority"] == priority


def test_each_kilowatt_hour_has_the_price_of_its_hour():
    win, week = priced()
    assert win["impact"]["weeklyCost"] == pytest.approx(WEEKLY_COST, rel=0.01)
    assert win["impact"]["currency"] == week.summary["totalPotentialSavings"]["currency"] == "EUR"
    assert win["evidence"]["rate"]["tariff"] == "test"
    assert win["evidence"]["rate"]["averagePerKwh"] == pytest.approx(WEEKLY_COST / (HOURLY_KWH * 13), rel=0.01)
    (meter,) = week.sections["afterHoursWaste"]["topMeters"]
    assert meter["impact"]["excessCost"] == pytest.approx(WEEKLY_COST, rel=0.01)
    assert meter["parts"]["leftOn"]["cost"] == pytest.approx(WEEKLY_COST, rel=0.01)


def test_a_year_has_the_tariffs_seasons():
    win, _ = priced()
    # 261 weekdays from 19 January 2026 on are 52.2 weeks; 22 + 23 + 21 of them lie in June, July and August.
    summer = 66 / 5
    dearer = HOURLY_KWH * 9 * (0.30 - 0.10) * 1.1
    assert win["impact"]["annualCost"] == pytest.approx(WEEKLY_COST * 52.2 + dearer * summer, rel=0.01)
    assert win["impact"]["annualKwh"] == pytest.approx(HOURLY_KWH * 13 * 52.2, rel=0.01)
    assert win["impact"]["annualBasis"]["weeks"] == 52.2


def test_a_year_has_the_terms_of_the_schedule():
    week = ASSUMED_SCHEDULE.week
    terms = (Term(date(2025, 12, 1), date(2026, 3, 29)), Term(date(2026, 6, 1), date(2026, 6, 28)))
    win, _ = priced(schedule=Schedule(week, terms=terms))
    # From Monday 19 January: ten weeks up to 29 March, and four in June.
    assert win["impact"]["annualBasis"]["weeks"] == 14.0
    assert win["impact"]["annualKwh"] == pytest.approx(HOURLY_KWH * 13 * 14, rel=0.01)
    dearer = HOURLY_KWH * 9 * (0.30 - 0.10) * 1.1
    assert win["impact"]["annualCost"] == pytest.approx(WEEKLY_COST * 14 + dearer * 4, rel=0.01)
    basis = win["impact"]["annualBasis"]
    assert (basis["weeksOf"], basis["from"]) == ("operating", "2026-01-19")


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
    assert win["impact"]["annualKwh"] == pytest.approx(HOURLY_KWH * 13 * (261 + 132) / 5, rel=0.01)
    installed = monthly.assign(days=[1, *monthly["days"][1:]], energy_kwh=[2.0, *monthly["energy_kwh"][1:]])
    for months_known in (monthly[:11], installed):  # of the installation's own month nobody knows the season
        unknown, _ = priced(monthly=months_known)
        assert unknown["impact"]["annualKwh"] == pytest.approx(HOURLY_KWH * 13 * 261 / 5, rel=0.01)
    unknown, _ = priced(monthly=monthly[:11])
    assert unknown["impact"]["annualBasis"]["loadSeasons"] == "unknown"


def test_opening_hours_are_told_as_they_are():
    friday = (Span(7 * 60, 12 * 60), Span(13 * 60, 16 * 60))
    week = (*((Span(7 * 60, 18 * 60),),) * 4, friday, (), ())
    assert describe_week(week) == "Mon–Thu 07:00–18:00, Fri 07:00–12:00 and 13:00–16:00"
    assert describe_week(((),) * 7) == "always closed"
    with written_for("US"):
        assert spaced(describe_week(week)) == "Mon–Thu 7 am–6 pm, Fri 7 am–noon and 1 pm–4 pm"


@pytest.mark.parametrize(("nights", "days", "mostly", "told"), [
    (["18:00-06:00"], ["Sat", "Sun"], "both", "nights (6 pm–6 am) and weekends"),
    (["18:00-06:00"], ["Sat", "Sun"], "nights", "nights (6 pm–6 am)"),
    (["18:00-24:00", "04:00-06:00"], [], "nights", "nights (6 pm–midnight and 4 am–6 am)"),
    (["12:00-13:00"], ["Sat"], "both", "between noon and 1 pm and on Sat"),
    ([], ["Mon", "Tue", "Wed"], "closed_days", "on Mon–Wed"),
])  # fmt: skip
def test_closed_times_are_told_as_one_would_say_them(nights, days, mostly, told):
    with written_for("US"):
        when = {"nights": {"days": [], "hours": nights}, "closedDays": days, "mostly": mostly}
        assert spaced(closed_times(when)) == told
