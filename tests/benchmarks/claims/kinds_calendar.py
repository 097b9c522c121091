"""Holidays, closures, terms, exceptions and clock changes: days are compared with days of their kind."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from benchmarks.claims.building import FIRST_MONDAY, MONDAYS, WORKDAYS, Draw, Opening, Place, build, wasted
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth
from benchmarks.claims.timeline import Kw, Mask, Timeline

# The weeks of clock changes, by country: its first day is the Monday before the Sunday of the change.
CLOCK_CHANGES = {
    "US": ((2024, 10, 28), (2025, 3, 3), (2025, 10, 27), (2026, 3, 2)),
    "GB": ((2024, 3, 25), (2024, 10, 21), (2025, 3, 24), (2025, 10, 20), (2026, 3, 23)),
    "AU": ((2024, 9, 30), (2025, 3, 31), (2025, 9, 29), (2026, 3, 30)),
}


@cache
def holidays_of(place: Place) -> frozenset[date]:
    """Return the public holidays of a place in the years that sites are drawn from."""
    import holidays

    return frozenset(holidays.country_holidays(place.country, subdiv=place.state, years=range(2023, 2028)))


def holiday_weeks(place: Place, offset_weeks: int = 0) -> list[tuple[date, int]]:
    """Return Mondays of weeks with exactly one holiday on a working day, and its weekday.

    Parameters
    ----------
    offset_weeks
        The holiday lies so many weeks before the week that is returned. Other holidays on working days lie at least
        five weeks before, and none in the week after, so that this one is the only one to tell.
    """
    days = sorted(day for day in holidays_of(place) if day.weekday() < 5)
    weeks = []
    for monday in (FIRST_MONDAY + timedelta(weeks=n) for n in range(MONDAYS)):
        near = [day for day in days if monday - timedelta(weeks=5) <= day < monday + timedelta(weeks=2)]
        own = monday - timedelta(weeks=offset_weeks)
        if len(near) == 1 and own <= near[0] < own + timedelta(weeks=1):
            weeks.append((monday, near[0].weekday()))
    return weeks


def closed_days(t: Timeline, place: Place) -> Mask:
    """Return True on the public holidays of a place."""
    days = [(day - t.monday).days for day in holidays_of(place)]
    return np.isin(t.day, days)


def shut(t: Timeline, kw: Kw, mask: Mask, off_kw: float) -> Kw:
    """Return a load that is at its lowest where `mask` is True."""
    return np.where(mask, off_kw * t.wander(0.03), kw)


def exception_toml(first: date, last: date, hours: str = "", reason: str = "") -> str:
    """Return an entry of `[[schedule.exceptions]]`."""
    return f'\n[[schedule.exceptions]]\nstart = {first}\nend = {last}\nhours = [{hours}]\nreason = "{reason}"\n'


def term_toml(first: date, last: date) -> str:
    """Return an entry of `[[schedule.terms]]`."""
    return f"\n[[schedule.terms]]\nstart = {first}\nend = {last}\n"


def closed_on_holiday(seed: int) -> MadeUpSite:
    d = Draw(seed, "closed_on_holiday")
    place = d.place_in("US", "GB", "DE", "AU")
    monday, _ = d.pick(holiday_weeks(place))
    t, hours = d.time(monday), d.office_hours()
    load = shut(t, d.used(t, hours, 4, d.between(15, 40)), closed_days(t, place), 4)
    truth = Truth(
        "Closed on the one holiday that its country has this week: like any closed day, so the week is as usual.",
        change_pct=0.0,
        may_lack_change=True,
        not_a_word=("below usual",),
    )
    return build(d, "Closed on a named holiday", t, {"Main": load}, truth, hours.toml(place))


def holiday_before(seed: int) -> MadeUpSite:
    d = Draw(seed, "holiday_before")
    place = d.place_in("US", "GB", "DE", "AU")
    monday, _ = d.pick(holiday_weeks(place, int(d.pick((1, 2, 3)))))
    t, hours = d.time(monday), d.office_hours()
    closed = closed_days(t, place)
    fan = shut(t, d.fan(t, hours, 9), closed, 0.4)
    light = shut(t, d.used(t, hours, 0.5, 7), closed, 0.5)
    truth = Truth("A holiday lies in the weeks before; this week is an ordinary one.", change_pct=0.0)
    return build(d, "A holiday in the weeks before", t, {"Fan": fan, "Lights": light}, truth, hours.toml(place))


def closure_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "closure_week")
    t, hours = d.time(), d.office_hours()
    closed = t.on_days(0, 1, 2, 3, 4)
    kw = {
        "Presses": shut(t, d.used(t, hours, 2, d.between(25, 60)), closed, 2),
        "Lights": shut(t, d.used(t, hours, 0.4, 6), closed, 0.4),
    }
    toml = hours.toml() + exception_toml(t.date_of(0), t.date_of(4), reason="works holiday")
    truth = Truth(
        "Closed all week, as named: nothing failed, and the open weeks before are no measure of it.",
        is_comparable=False,
        not_a_word=("below usual", "failed"),
    )
    return build(d, "Closed for a week, named", t, kw, truth, toml, judges=("total", "next"))


def closure_before(seed: int) -> MadeUpSite:
    d = Draw(seed, "closure_before")
    t, hours = d.time(weeks_before=10), d.shop_hours()
    week = int(d.pick((-2, -3)))
    closed = t.week_of(week)
    load = shut(t, d.used(t, hours, 2, d.between(10, 30)), closed, 2)
    toml = hours.toml() + exception_toml(t.date_of(7 * week), t.date_of(7 * week + 6), reason="refit")
    truth = Truth("One of the weeks before was closed, as named; the three others are like this one.", change_pct=0.0)
    return build(d, "A closed week among those before", t, {"Shop": load}, truth, toml)


def first_term_week(seed: int) -> MadeUpSite:
    d = Draw(seed, "first_term_week")
    d.place_in("US", "GB", "DE")
    t = d.time(d.pick([date(2024, 8, 26), date(2024, 9, 2), date(2025, 8, 25), date(2025, 9, 1)]), weeks_before=7)
    hours = Opening.on(WORKDAYS, 7.5, 16)
    holiday = t.is_past
    kw = {
        "Classrooms": shut(t, d.used(t, hours, 0.6, d.between(12, 30)), holiday, 0.6),
        "Air handlers": shut(t, d.fan(t, hours, d.between(10, 25)), holiday, 1.0),
        "Servers": t.steady(2.5),
    }
    toml = hours.toml() + term_toml(t.date_of(0), t.date_of(110))
    truth = Truth(
        "The weeks before were holidays: there is no week like this one to compare with.",
        is_comparable=False,
        not_a_word=("Classrooms", "Air handlers"),
    )
    return build(d, "School, first week of the term", t, kw, truth, toml, judges=("total",))


def exception_opening(seed: int) -> MadeUpSite:
    d = Draw(seed, "exception_opening")
    t, hours = d.time(), Opening.on(WORKDAYS, 9, 18)
    sale = t.on_days(5) & t.between(9, 17)
    floor = d.used(t, hours, 1, d.between(12, 25))
    floor = np.where(sale, 12 * t.wander(0.03), floor)
    toml = hours.toml() + exception_toml(t.date_of(5), t.date_of(5), '"09:00-17:00"', "stock sale")
    truth = Truth("Open on this Saturday, as named: a day of work, no waste.", not_a_word=("Sat",))
    return build(
        d, "An extra opening, named", t, {"Showroom": floor, "Server": t.steady(0.5)}, truth, toml, judges=("total",)
    )


def school_break(seed: int) -> MadeUpSite:
    d = Draw(seed, "school_break")
    d.place_in("US", "GB", "DE")
    t, hours = d.time(d.monday((2, 10)), weeks_before=7), Opening.on(WORKDAYS, 8, 16)
    kw = {
        "Classrooms": shut(t, d.used(t, hours, 0.6, d.between(12, 30)), t.is_week, 0.6),
        "Kitchen": shut(t, d.used(t, hours, 0.8, 9), t.is_week, 0.8),
    }
    toml = hours.toml() + term_toml(t.date_of(-80), t.date_of(-3)) + term_toml(t.date_of(7), t.date_of(60))
    truth = Truth(
        "Half-term, named by the terms' dates: closed, as it should be; nothing failed.",
        is_comparable=False,
        not_a_word=("Classrooms", "Kitchen"),
    )
    return build(d, "School in its half-term break", t, kw, truth, toml, judges=("total", "next"))


def clock_change(seed: int) -> MadeUpSite:
    d = Draw(seed, "clock_change")
    place = d.place_in("US", "GB", "DE", "AU")
    if place.zone in ("America/Phoenix", "Australia/Brisbane"):  # they keep one clock all year
        place = d.place_in("GB")
    changes = CLOCK_CHANGES["GB" if place.country == "DE" else place.country]
    monday = date(*d.pick(changes)) + timedelta(weeks=int(d.pick((0, 0, 1, 2))))
    t, hours = d.time(monday, intervals=(15, 30, 60)), d.shop_hours()
    kw = {"Shop": d.used(t, hours, 2, d.between(10, 30)), "Freezer": t.cycling(2.5, 0.1, 15, 15)}
    truth = Truth("The clocks change in the week or shortly before; on the wall clock all is as ever.")
    return build(d, "A week with a clock change", t, kw, truth, hours.toml())


def holiday_week_ahead(seed: int) -> MadeUpSite:
    d = Draw(seed, "holiday_week_ahead")
    place = d.place_in("US", "GB", "DE")
    monday = d.pick((date(2024, 12, 16), date(2025, 12, 15)))
    t, hours = d.time(monday, weeks_before=11), d.office_hours()
    closed = t.since(7)
    load = shut(t, d.used(t, hours, 4, d.between(15, 40)), closed | closed_days(t, place), 4)
    toml = hours.toml(place) + exception_toml(t.date_of(7), t.date_of(20), reason="between the years")
    truth = Truth("Closed from next Monday on, as named: the forecast has to know it.")
    return build(d, "A closure in the week ahead", t, {"Main": load}, truth, toml, judges=("total", "next"))


def night_shift(seed: int) -> MadeUpSite:
    d = Draw(seed, "night_shift")
    t = d.time()
    hours = Opening(dict.fromkeys((0, 1, 2, 3), ((20.0, 30.0),)))
    line = d.used(t, hours, 6, d.between(40, 120))
    truth = Truth("Works four nights a week, each of which belongs to the evening on which it begins.")
    return build(
        d, "Bakery that works at night", t, {"Ovens": line, "Cold room": t.cycling(5, 0.3, 12, 14)}, truth, hours.toml()
    )


def late_night_after_shift(seed: int) -> MadeUpSite:
    d = Draw(seed, "late_night_after_shift")
    t = d.time()
    hours = Opening(dict.fromkeys(WORKDAYS, ((18.0, 26.0),)))
    right = d.used(t, hours, 0.5, 9)
    nights = [7 * week + day for week in range(-13, 2) for day in (1, 3)]
    after_closing = np.logical_or.reduce([t.stretch(day + 1, 2, day + 1, 14) for day in nights])
    actual = np.where(after_closing, 9 * t.wander(0.02), right)
    truth = Truth(
        "A bar that closes at two; on two nights of every week the lights stay on until the next noon.",
        (wasted("Lights", Recurrence.WEEKLY, t, actual, right),),
    )
    return build(
        d,
        "Bar with lights on after closing",
        t,
        {"Lights": actual, "Coolers": t.cycling(3, 0.2, 12, 14)},
        truth,
        hours.toml(),
    )


SCENARIOS = (
    closed_on_holiday,
    holiday_before,
    closure_week,
    closure_before,
    first_term_week,
    exception_opening,
    school_break,
    clock_change,
    holiday_week_ahead,
    night_shift,
    late_night_after_shift,
)
