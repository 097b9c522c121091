"""More kinds of buildings, waste, calendar, weather and duty. They were held out once, and are open now."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from benchmarks.claims.building import ALL_DAYS, WORKDAYS, Draw, Opening, build, wasted
from benchmarks.claims.kinds_calendar import (
    CLOCK_CHANGES,
    closed_days,
    exception_toml,
    holiday_weeks,
    shut,
    term_toml,
)
from benchmarks.claims.kinds_waste import left_on
from benchmarks.claims.kinds_weather import WINTER, heating
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste

# Quiet ------------------------------------------------------------------------------------------------------------


def hotel_hours_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "hotel_hours_not_named")
    t = d.time()
    guests = 0.5 + 0.3 * t.between(6, 10) + 0.5 * t.between(17, 23)
    rooms = d.between(20, 60) * guests * t.by_day(0.08) * t.wander(0.05, 1)
    kw = {"Rooms": rooms, "Kitchen": t.switched(t.between(6, 22), 14, 2, 0.1), "Cold room": t.cycling(4, 0.2, 12, 12)}
    truth = Truth("Peaks in the morning and the evening of every day; nobody named hours, and none are kept.")
    return build(d, "Hotel", t, kw, truth, "")


def quiet_gym(seed: int) -> MadeUpSite:
    d = Draw(seed, "quiet_gym")
    t = d.time()
    hours = Opening({**dict.fromkeys(WORKDAYS, ((5.0, 23.0),)), 5: ((7.0, 21.0),), 6: ((8.0, 20.0),)})
    kw = {
        "Hall": d.used(t, hours, 1, d.between(12, 30), sd=0.05),
        "Sauna": t.switched(hours.mask(t) & t.between(10, 22), 15, 0.1, 0.08),
        "Ventilation": d.fan(t, hours, 7),
    }
    return build(d, "Gym", t, kw, Truth("Open early and late on all days, as named."), hours.toml())


def supermarket(seed: int) -> MadeUpSite:
    d = Draw(seed, "supermarket")
    t, hours = d.time(), Opening.on(range(6), 7, 22)
    racks = t.cycling(d.between(18, 40), 6, 18, 9, 1 + 0.3 * hours.mask(t))
    ovens = t.bursts((t.weekday < 6) & t.between(4, 16), 5, 45, 22, 0.4)
    kw = {"Refrigeration racks": racks, "Bakery ovens": ovens, "Sales floor": d.used(t, hours, 5, 30)}
    truth = Truth(
        "The bakery begins at four, as on every day it bakes; the racks never rest.", not_a_word=("racks off",)
    )
    return build(d, "Supermarket with a bakery", t, kw, truth, hours.toml())


def school_with_evening_course(seed: int) -> MadeUpSite:
    d = Draw(seed, "school_with_evening_course")
    d.place_in("US", "GB", "DE")
    t = d.time(d.monday((5, 11)))
    hours = Opening({**dict.fromkeys(WORKDAYS, ((7.5, 16.0),)), 1: ((7.5, 21.0),)})
    kw = {"Classrooms": d.used(t, hours, 1, 16), "Air handlers": d.fan(t, hours, 12)}
    toml = hours.toml() + term_toml(t.date_of(-100), t.date_of(40))
    return build(d, "School with an evening course", t, kw, Truth("Tuesdays run late, as named."), toml)


def dairy_farm(seed: int) -> MadeUpSite:
    d = Draw(seed, "dairy_farm")
    t = d.time()
    hours = Opening(dict.fromkeys(ALL_DAYS, ((5.0, 7.5), (16.0, 18.5))))
    busy = 1 + 1.2 * (t.between(6, 10) | t.between(17, 21))
    kw = {
        "Milking": t.switched(hours.mask(t), d.between(9, 18), 0.3, 0.06),
        "Milk tank": t.cycling(6, 0.1, 10, 20, busy),
    }
    truth = Truth("Milks twice a day, as named, and cools the milk afterwards: that is what the tank is for.")
    return build(d, "Dairy farm", t, kw, truth, hours.toml())


def laboratory(seed: int) -> MadeUpSite:
    d = Draw(seed, "laboratory")
    t, hours = d.time(), d.office_hours()
    bench = t.bursts(np.ones(t.hour.size, dtype=bool), d.between(1.5, 3), 180, d.between(4, 10), 0.8)
    kw = {"Test bench": bench, "Fume hoods": t.steady(6, 0.03), "Offices": d.used(t, hours, 1.5, 9)}
    toml = hours.toml() + '\n[channels."Fume hoods"]\nmust_run = true\n'
    truth = Truth(
        "Runs of hours at any time, by night and on Sundays too, in every week: experiments. It may be asked about.",
        (Waste("Test bench", Recurrence.ASKED, t.kwh(bench, t.is_week & ~hours.mask(t)), 0.0),),
    )
    return build(d, "Laboratory", t, kw, truth, toml, judges=("total",))


def two_shifts_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_shifts_not_named")
    t = d.time(intervals=(15, 60))
    real = Opening({**dict.fromkeys(WORKDAYS, ((5.5, 22.5),)), 5: ((6.0, 13.0),)})
    kw = {"Moulding": d.used(t, real, 12, d.between(80, 250), sd=0.06), "Chillers": t.cycling(40, 8, 20, 15)}
    late = t.is_week & real.mask(t) & ~t.between(7, 18)
    truth = Truth(
        "Works two shifts and Saturday mornings in every week. Nobody named hours; the assumed ones are wrong: at "
        "most a question, nothing in a headline.",
        (Waste("Moulding", Recurrence.ASKED, t.kwh(kw["Moulding"], late), 0.0),),
    )
    return build(d, "Plant of two shifts, hours not named", t, kw, truth, "")


# Running while closed ---------------------------------------------------------------------------------------------


def weekends_as_weekdays(seed: int) -> MadeUpSite:
    d = Draw(seed, "weekends_as_weekdays")
    t, hours = d.time(), d.office_hours()
    right = d.fan(t, hours, d.between(6, 16))
    weekend = (t.weekday >= 5) & t.between(7, 18)
    actual = left_on(d, t, right, weekend, float(np.quantile(right, 0.95)))
    kw = {"Air handler 1": actual, "Lights": d.used(t, hours, 0.4, 7)}
    truth = Truth(
        "Runs on Saturdays and Sundays as on working days, in every week, while lights and people are out. It rests "
        "on all nights: its time switch has seven days where the building has five.",
        (wasted("Air handler 1", Recurrence.WEEKLY, t, actual, right),),
    )
    return build(d, "Air handler with a seven-day program", t, kw, truth, hours.toml())


def more_nights_each_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "more_nights_each_week")
    t, hours = d.time(weeks_before=9), d.office_hours()
    right = d.used(t, hours, 0.4, d.between(8, 14))
    nights = [7 * week + day for week, count in ((-4, 1), (-3, 1), (-2, 2), (-1, 3), (0, 4)) for day in range(count)]
    actual = left_on(d, t, right, t.nights(nights, 17, 8), float(np.quantile(right, 0.95)))
    waste = wasted("Workshop lights", Recurrence.WEEKLY, t, actual, right)
    kw = {"Workshop lights": actual, "Machines": d.used(t, hours, 2, 20)}
    truth = Truth(
        "One night, then two, then three, now four: it recurs and grows. This week's size is its size now; the weeks' "
        "mean would be as defensible.",
        (Waste(waste.meter, waste.recurrence, waste.kwh, 0.35 * waste.kwh),),
        must_find=("Workshop lights",),
    )
    return build(d, "Lights on for more nights each week", t, kw, truth, hours.toml(), judges=("total",))


def two_nights_this_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "two_nights_this_week")
    t, hours = d.time(), d.office_hours()
    right = d.fan(t, hours, d.between(8, 18))
    actual = left_on(d, t, right, t.nights([1, 3], 17, 8), float(np.quantile(right, 0.95)))
    kw = {"Extract fan": actual, "Lights": d.used(t, hours, 0.4, 7)}
    truth = Truth(
        "On in two nights of this week and in none before: two events, not yet a habit.",
        (wasted("Extract fan", Recurrence.OPEN, t, actual, right),),
        must_find=("Extract fan",),
    )
    return build(d, "Fan on in two nights", t, kw, truth, hours.toml())


def on_since_last_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "on_since_last_week")
    t, hours = d.time(weeks_before=9), d.office_hours()
    right = d.fan(t, hours, d.between(6, 15))
    actual = left_on(d, t, right, t.since(-int(d.pick((4, 5, 6))), 17), float(np.quantile(right, 0.95)))
    waste = wasted("Supply fan", Recurrence.OPEN, t, actual, right)
    kw = {"Supply fan": actual, "Lights": d.used(t, hours, 0.4, 7)}
    truth = Truth(
        "On since an evening of last week: in this week and in one before. Real, but two weeks make no year.",
        (waste,),
        must_name=("Supply fan",),
    )
    return build(d, "Fan on since last week", t, kw, truth, hours.toml(), judges=("total",))


def fault_was_last_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "fault_was_last_week")
    t, hours = d.time(weeks_before=9), d.office_hours()
    right = d.fan(t, hours, d.between(6, 15))
    actual = left_on(d, t, right, t.week_of(-1), float(np.quantile(right, 0.95)))
    kw = {"Supply fan": actual, "Lights": d.used(t, hours, 0.4, 7)}
    truth = Truth(
        "Left on all of last week, and in order again: this week is a quiet one.", not_a_word=("below usual",)
    )
    return build(d, "Fan that was on last week", t, kw, truth, hours.toml(), judges=("total", "change", "next"))


def saturday_work_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "saturday_work_not_named")
    t, named = d.time(), Opening.on(WORKDAYS, 6, 17)
    real = Opening({**dict.fromkeys(WORKDAYS, ((6.0, 17.0),)), 5: ((6.0, 13.0),)})
    kw = {"Saws": d.used(t, real, 1.5, d.between(25, 60)), "Lights": d.used(t, real, 0.4, 6)}
    late = t.is_week & (t.weekday == 5) & real.mask(t)
    truth = Truth(
        "Every meter works on Saturday mornings, in every week: a shift that nobody named. A question, no saving.",
        tuple(Waste(name, Recurrence.ASKED, t.kwh(values, late), 0.0) for name, values in kw.items()),
    )
    return build(d, "Saturday shift that nobody named", t, kw, truth, named.toml())


def irrigation(seed: int) -> MadeUpSite:
    d = Draw(seed, "irrigation")
    d.place_in("US", "AU")
    t, hours = d.time(months=(5, 6, 7, 8) if d.place.country == "US" else (11, 12, 1, 2)), d.shop_hours()
    runs = np.isin(t.weekday, (0, 2, 4)) & t.between(2, d.between(4, 5.5, 0.5)) & t.since(-24)
    pump = t.switched(runs, d.between(4, 9), 0.02, 0.02)
    truth = Truth(
        "Three nights a week since the season began, and dry in between: it waters when the sun is down.",
        (Waste("Irrigation pump", Recurrence.ASKED, t.kwh(pump), 0.0),),
    )
    kw = {"Irrigation pump": pump, "Clubhouse": d.used(t, hours, 1, 12)}
    return build(d, "Golf club with irrigation", t, kw, truth, hours.toml(), judges=("total", "next"))


def pump_every_fourth_day(seed: int) -> MadeUpSite:
    d = Draw(seed, "pump_every_fourth_day")
    t, hours = d.time(), d.office_hours()
    phase, start = int(d.pick(range(4))), d.between(0, 20, 1)
    pump = t.switched((t.day % 4 == phase) & t.between(start, min(24, start + 5)), d.between(8, 16), 0.05, 0.02)
    truth = Truth(
        "A tank that is emptied every fourth day, whatever weekday that is.",
        (Waste("Transfer pump", Recurrence.ASKED, t.kwh(pump), 0.0),),
    )
    kw = {"Transfer pump": pump, "Main": d.used(t, hours, 4, 25)}
    return build(d, "Pump that runs every fourth day", t, kw, truth, hours.toml(), judges=("total",))


def tenant_moved_in(seed: int) -> MadeUpSite:
    d = Draw(seed, "tenant_moved_in")
    t, hours = d.time(), d.office_hours()
    suite = np.where(t.since(0), d.used(t, hours, 1.5, d.between(9, 16)), 0.4 * t.wander(0.04))
    truth = Truth(
        "A suite that stood empty works its hours since Monday: a change of use, told once, and no waste by itself.",
        (Waste("Suite 200", Recurrence.OPEN, t.kwh(suite)),),
        must_find=("Suite 200",),
    )
    kw = {"Suite 200": suite, "Common areas": d.used(t, hours, 4, 14)}
    return build(d, "A tenant moved in", t, kw, truth, hours.toml(), judges=("total", "change"))


# Calendar ---------------------------------------------------------------------------------------------------------


def worked_on_holiday(seed: int) -> MadeUpSite:
    d = Draw(seed, "worked_on_holiday")
    place = d.place_in("US", "GB", "DE", "AU")
    monday, weekday = d.pick(holiday_weeks(place))
    t, hours = d.time(monday), d.office_hours()
    load = d.used(t, hours, 4, d.between(15, 30))
    closed = shut(t, load, t.on_days(weekday), 4)
    truth = Truth(
        "Worked on a named holiday as on any day: an exception that nobody named, or an oversight. Once.",
        (Waste("Main", Recurrence.ONCE, t.kwh(load - closed)),),
    )
    return build(d, "Worked on a named holiday", t, {"Main": load}, truth, hours.toml(place), judges=("total",))


def holiday_not_named(seed: int) -> MadeUpSite:
    d = Draw(seed, "holiday_not_named")
    place = d.place_in("US", "GB", "DE")
    monday, weekday = d.pick(holiday_weeks(place))
    t, hours = d.time(monday), d.office_hours()
    closed = t.on_days(weekday)
    kw = {
        "Lights": shut(t, d.used(t, hours, 0.5, d.between(8, 16)), closed, 0.5),
        "Air handler": shut(t, d.fan(t, hours, 10), closed, 0.4),
    }
    truth = Truth(
        "One working day looks like a Sunday on every meter: the building was closed. Nothing failed, nothing is "
        "wasted."
    )
    return build(d, "Closed on a day that nobody named", t, kw, truth, hours.toml(), judges=("total", "next"))


def reopened_after_closure(seed: int) -> MadeUpSite:
    d = Draw(seed, "reopened_after_closure")
    t, hours = d.time(weeks_before=12), d.shop_hours()
    closed = t.is_past & (t.day >= -28)
    kw = {
        "Shop": shut(t, d.used(t, hours, 1, d.between(10, 25)), closed, 0.8),
        "Air conditioning": shut(t, d.fan(t, hours, 9), closed, 0.3),
    }
    toml = hours.toml() + exception_toml(t.date_of(-28), t.date_of(-1), reason="refit")
    truth = Truth(
        "Closed for all four weeks before, as named: they are no measure of a week that is open.",
        is_comparable=False,
        not_a_word=("Turn Shop", "Turn Air", "Let Shop", "Let Air"),
    )
    return build(d, "Shop that reopened after a refit", t, kw, truth, toml, judges=("total",))


def half_days(seed: int) -> MadeUpSite:
    d = Draw(seed, "half_days")
    t, hours = d.time(), Opening.on(WORKDAYS, 8, 17)
    early = t.on_days(3, 4) & (t.hour >= 12)
    kw = {
        "Lights": shut(t, d.used(t, hours, 0.5, d.between(8, 15)), early, 0.5),
        "Air handler": shut(t, d.fan(t, hours, 9), early, 0.4),
    }
    toml = hours.toml() + exception_toml(t.date_of(3), t.date_of(4), '"08:00-12:00"', "half days")
    truth = Truth(
        "Two half days, as named: the afternoons are closed, and that is no failure.", not_a_word=("below usual",)
    )
    return build(d, "Half days, named", t, kw, truth, toml, judges=("total", "next"))


def week_of_christmas(seed: int) -> MadeUpSite:
    d = Draw(seed, "week_of_christmas")
    place = d.place_in("DE", "GB")
    t, hours = d.time(d.pick((date(2024, 12, 23), date(2025, 12, 22)))), d.office_hours()
    first, last = date(t.monday.year, 12, 24), date(t.monday.year + 1, 1, 6)
    closed = t.day >= (first - t.monday).days
    load = shut(t, d.used(t, hours, 3, d.between(15, 35)), closed | closed_days(t, place), 3)
    toml = hours.toml(place) + exception_toml(first, last, reason="Christmas")
    truth = Truth(
        "Closed from the 24th, as named, next week too: low, and rightly so.",
        is_comparable=False,
        not_a_word=("below usual", "failed"),
    )
    return build(d, "The week of Christmas", t, {"Main": load}, truth, toml, judges=("total", "next"))


def timer_kept_old_time(seed: int) -> MadeUpSite:
    d = Draw(seed, "timer_kept_old_time")
    place = d.place_in("US", "GB")
    if place.zone == "America/Phoenix":
        place = d.place_in("GB")
    change = date(*d.pick(CLOCK_CHANGES[place.country])) + timedelta(weeks=1)
    t, hours = d.time(change, weeks_before=9), Opening.on(WORKDAYS, 8, 18)
    is_spring = change.month < 7
    moved_h = 1.0 if is_spring else -1.0  # the wall clock went on (back); the timer did not
    right = t.switched(hours.mask(t, 1.0), 9, 0.3)
    moved = t.switched(hours.mask(t, 1.0 - moved_h, moved_h), 9, 0.3)
    fan = np.where(t.since(0), moved, right)
    outside = t.kwh(np.where(hours.mask(t, 1.0), 0.0, fan - 0.3))
    truth = Truth(
        "An hour off on the wall clock since the clocks changed: a time switch that nobody set. An hour a day runs "
        "outside its former times; whether that is waste is for its operator to say.",
        (Waste("Supply fan", Recurrence.OPEN, outside),),
    )
    kw = {"Supply fan": fan, "Lights": d.used(t, hours, 0.5, 8)}
    return build(d, "Time switch that kept the old time", t, kw, truth, hours.toml(), judges=("total", "change"))


# Weather ----------------------------------------------------------------------------------------------------------


def cold_snap_unknown(seed: int) -> MadeUpSite:
    d = Draw(seed, "cold_snap_unknown")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=WINTER), d.office_hours()
    temp = t.temperature(d.between(4, 8), 3) - d.between(5, 7) * t.is_week
    setback = np.where(hours.mask(t, 2.0), 1.0, 0.55)
    kw = {"Heat pumps": heating(t, temp, setback, d.between(1, 3)), "Lights": d.used(t, hours, 0.5, 9)}
    truth = Truth(
        "Up on every day alike, and smoothly: cold weather, or not; none is stored, so no one can sign a saving.",
        not_a_word=("Turn Heat pumps", "Let Heat pumps"),
    )
    return build(d, "Heating in a cold snap, weather unknown", t, kw, truth, hours.toml(), judges=("total",))


def mild_week_in_winter(seed: int) -> MadeUpSite:
    d = Draw(seed, "mild_week_in_winter")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=WINTER, weeks_before=11), d.office_hours()
    temp = t.temperature(d.between(1, 4), 3) + d.between(8, 10) * t.is_week
    kw = {
        "Heat pumps": heating(t, temp, np.where(hours.mask(t, 2.0), 1.0, 0.6), 2.0),
        "Lights": d.used(t, hours, 0.5, 9),
    }
    truth = Truth(
        "Half the heating in a mild week: the weather explains it; nothing failed.", not_a_word=("failed", "Heat pumps")
    )
    return build(d, "A mild week in winter", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


def frost_protection(seed: int) -> MadeUpSite:
    d = Draw(seed, "frost_protection")
    d.place_in("US", "DE", "GB")
    t, hours = d.time(months=(11, 12), weeks_before=8), d.office_hours()
    temp = t.temperature(6, 3) - 7 * (t.is_week | t.week_of(-3))
    trace = t.switched(temp < 2.0, d.between(5, 12), 0.02, 0.02)
    truth = Truth(
        "Heats pipes and ramps whenever it is below two degrees, by night too: this week and in the cold one before. "
        "Frost protection is needed.",
        (Waste("Trace heating", Recurrence.ASKED, t.kwh(trace), 0.0),) if t.kwh(trace) > 1 else (),
        not_a_word=("Turn Trace", "Let Trace"),
    )
    kw = {"Trace heating": trace, "Main": d.used(t, hours, 4, 20)}
    return build(d, "Trace heating in the frost", t, kw, truth, hours.toml(), judges=("total",), temp_c=temp)


# Duty -------------------------------------------------------------------------------------------------------------


def welding_bursts(seed: int) -> MadeUpSite:
    d = Draw(seed, "welding_bursts")
    t, hours = d.time(intervals=(5, 15), weeks_before=6), Opening.on(WORKDAYS, 6, 15)
    welder = t.bursts(hours.mask(t), d.between(30, 60), 4, d.between(30, 70), 0.3)
    kw = {
        "Welding": welder,
        "Lights": d.used(t, hours, 0.4, 6),
        "Compressor": t.cycling(11, 0.5, 6, 8, 1 + hours.mask(t)),
    }
    truth = Truth("Bursts of minutes all day long; a weld more or less is work.", not_a_word=("Welding",))
    return build(d, "Workshop that welds", t, kw, truth, hours.toml(), judges=("total",))


def daily_start_peak(seed: int) -> MadeUpSite:
    d = Draw(seed, "daily_start_peak")
    t, hours = d.time(intervals=(5, 15)), Opening.on(WORKDAYS, 7, 18)
    load = d.used(t, hours, 4, 20) + d.between(25, 45) * ((t.weekday < 5) & t.between(6.5, 7))
    truth = Truth("The same half-hour of start-up on every working day; on this tariff it costs what its energy costs.")
    return build(d, "A start-up peak on every day", t, {"Main": load}, truth, hours.toml())


SCENARIOS = (
    hotel_hours_not_named,
    quiet_gym,
    supermarket,
    school_with_evening_course,
    dairy_farm,
    laboratory,
    two_shifts_not_named,
    weekends_as_weekdays,
    more_nights_each_week,
    two_nights_this_week,
    on_since_last_week,
    fault_was_last_week,
    saturday_work_not_named,
    irrigation,
    pump_every_fourth_day,
    tenant_moved_in,
    worked_on_holiday,
    holiday_not_named,
    reopened_after_closure,
    half_days,
    week_of_christmas,
    timer_kept_old_time,
    cold_snap_unknown,
    mild_week_in_winter,
    frost_protection,
    welding_bursts,
    daily_start_peak,
)
