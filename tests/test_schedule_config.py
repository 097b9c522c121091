"""Tests of [schedule] of config/site_file.py: config/opening_hours.py."""

import builtins
from datetime import date

import pytest

from config import opening_hours
from config.opening_hours import DayException, Schedule, Span, Term, list_holidays
from config.site_file import load_site
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT

SHUT = ((),) * 7


def load(tmp_path, text):
    (tmp_path / "7.toml").write_text(text, encoding="utf-8")
    site = load_site(7, tmp_path)
    assert site.schedule
    return site


def test_without_a_file_the_contracts_hours_hold(tmp_path):
    facts = load_site(7, tmp_path)
    assert facts.schedule == Schedule(week=((Span(420, 1080),),) * 5 + ((), ()), is_assumed=True)
    assert facts.file.building.floor_area_m2 is None


def test_former_business_hours_are_the_sites_own(tmp_path):
    hours = "[thresholds]\nbusiness_weekdays = [5]\nbusiness_start_hour = 8\n"
    site = load(tmp_path, "[building]\nfloor_area_m2 = 5200\n" + hours)
    assert site.schedule.week == ((), (), (), (), (), (Span(480, 1080),), ())
    assert not site.schedule.is_assumed
    assert site.file.building.floor_area_m2 == 5200.0


def test_former_business_hours_past_midnight_keep_their_weekday(tmp_path):
    hours = "business_start_hour = 22\nbusiness_end_hour = 2\nbusiness_weekdays = [4]\n"
    schedule = load(tmp_path, "[thresholds]\n" + hours).schedule
    assert schedule.week == ((), (), (), (), (Span(0, 120), Span(1320, 1440)), (), ())


def test_everything_that_a_file_may_say(tmp_path):
    facts = load(
        tmp_path,
        """
        [schedule]
        monday = ["07:00-12:00", "13:30-18:00"]
        tuesday = []
        wednesday = []
        thursday = []
        friday = ["22:00-02:00"]
        saturday = ["00:00-24:00"]
        country = "US"
        state = "NC"
        holiday_hours = ["10:00-14:00"]
        terms = [{start = 2026-01-05, end = 2026-06-11, name = "spring"}]
        outside_terms = {monday = ["08:00-12:00"]}
        exceptions = [
          {date = 2026-02-13, hours = ["07:00-12:00"], reason = "staff meeting"},
          {start = 2026-03-30, end = 2026-04-03},
        ]
        [building]
        floor_area_m2 = 810.5
        """,
    )
    assert facts.schedule == Schedule(
        week=((Span(420, 720), Span(810, 1080)), (), (), (), (Span(1320, 1560),), (Span(0, 1440),), ()),
        exceptions=(
            DayException(date(2026, 2, 13), date(2026, 2, 13), (Span(420, 720),), "staff meeting"),
            DayException(date(2026, 3, 30), date(2026, 4, 3), (), ""),
        ),
        terms=(Term(date(2026, 1, 5), date(2026, 6, 11), "spring"),),
        outside_terms=((Span(480, 720),), (), (), (), (), (), ()),
        country="US",
        state="NC",
        holiday_hours=(Span(600, 840),),
    )
    assert facts.file.building.floor_area_m2 == 810.5


def test_weekdays_stand_for_monday_to_friday_and_a_day_of_its_own_goes_above(tmp_path):
    schedule = load(tmp_path, '[schedule]\nweekdays = ["06:00-22:00"]\nfriday = []\nsunday = ["10:00-12:00"]').schedule
    assert schedule.week == (*((Span(360, 1320),),) * 4, (), (), (Span(600, 720),))
    assert not schedule.is_assumed


def test_the_example_of_the_guide_is_a_working_week(tmp_path):
    text = (
        (PROJECT_ROOT / "docs/guides/onboarding.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    )
    schedule = load(tmp_path, text).schedule
    assert all(schedule.week[:5])
    assert load_site(7, tmp_path).tariffs.current[-1].tariff.name == "default_tou_demand"


def test_a_file_that_names_holidays_only_still_assumes_the_hours(tmp_path):
    assert load(tmp_path, '[schedule]\ncountry = "US"').schedule.is_assumed
    assert load(tmp_path, "[schedule]\noutside_terms = {weekdays = []}").schedule.is_assumed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[schedule]\nmonday = ["06:00-22:00"]\nwednesday = []', r"not tuesday, thursday, friday; give"),
        ('[schedule]\nsaturday = ["06:00-22:00"]', r"but not monday, .*friday; .* weekdays = \[\"07:00-18:00\"\] for"),
        ('[schedule]\nweekdays = "06:00-22:00"', r"schedule\.weekdays should be a list of spans such as"),
        ("schedule = 3", r"7\.toml: schedule should be a table: \[schedule\], not 3"),
        ("[schedule]\nmontag = []", r"schedule\.montag is not known; known here: country, "),
        ('[schedule]\nmonday = "07:00-18:00"', r"schedule\.monday should be a list of spans such as"),
        ('[schedule]\nmonday = ["7-18"]', r"schedule\.monday\[1\] should be spans such as \"07:00-18:00\".*not '7-18'"),
        ('[schedule]\nmonday = ["07:00-24:30"]', r"schedule\.monday\[1\] should be spans such as"),
        ('[schedule]\nmonday = ["24:00-02:00"]', r"schedule\.monday\[1\] should be spans such as"),
        ('[schedule]\nmonday = ["07:00-07:00"]', r"spans that are not empty"),
        ('[schedule]\nmonday = ["07:00-12:00", "11:00-18:00"]', r"spans in order of time that do not overlap"),
        ("[schedule]\nmonday = [7]", r"schedule\.monday\[1\] should be spans such as .* not 7"),
        ('[schedule]\nstate = "NC"', r"schedule\.state should stand beside country"),
        ("[schedule]\ncountry = 1", r'schedule\.country should be a code in quotes, such as "US", not 1'),
        ('[schedule]\ncountry = "XX"', r"7\.toml: schedule\.country should be another: no public holidays are known"),
        ('[schedule]\ncountry = "US"\nstate = "QQ"', r"country 'US' with state 'QQ'; use ISO codes"),
        ("[schedule]\nterms = 1", r"schedule\.terms should be a list of tables: \[\[schedule\.terms\]\]"),
        (
            "[[schedule.terms]]\nstart = 2026-01-05",
            r"schedule\.terms\[1\]\.end is missing; it should be a date",
        ),
        ('[[schedule.terms]]\nstart = "2026-01-05"\nend = 2026-02-01', r"terms\[1\]\.start should be a date"),
        ("[[schedule.terms]]\nstart = 2026-01-05T00:00:00\nend = 2026-02-01", r"terms\[1\]\.start should be a date"),
        (
            "[[schedule.terms]]\nstart = 2026-03-05\nend = 2026-02-01",
            r"terms\[1\]\.end should be on or after",
        ),
        (
            "[[schedule.exceptions]]\ndate = 2026-03-05\nend = 2026-03-06",
            r"exceptions\[1\] should have either",
        ),
        ("[[schedule.exceptions]]\ndate = 2026-03-05\nopen = true", r"schedule\.exceptions\[1\]\.open is not known"),
        ("[schedule.outside_terms]\nmon = []", r"schedule\.outside_terms\.mon is not known; did you mean monday"),
        (
            "[building]\nfloor_area_m2 = 0",
            r"building\.floor_area_m2 should be a number above 0",
        ),
        ("[building]\nfloor_area_m2 = true", r"building\.floor_area_m2"),
        ("[building]\nfloor_area_m2 = nan", r"building\.floor_area_m2"),
        ("[building]\narea = 3", r"building\.area is not known; known here: floor_area_m2"),
        ("[schedule", r"7\.toml, line 1: Expected"),
    ],
)
def test_mistakes_name_file_key_and_what_is_right(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "7.toml" in str(caught.value)


def test_public_holidays_follow_country_and_state():
    days = list_holidays(Schedule(SHUT, country="US", state="NC"), [2026])
    assert days[date(2026, 1, 19)] == "Martin Luther King Jr. Day"
    assert date(2026, 4, 3) in days  # Good Friday, not a holiday of the whole country
    assert date(2026, 4, 3) not in list_holidays(Schedule(SHUT, country="US"), [2026])
    assert date(2027, 1, 1) not in days
    assert list_holidays(Schedule(SHUT), [2026]) == {}


def test_an_absent_package_is_told_with_the_way_out(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_holidays(name, *args, **kwargs):
        if name == "holidays":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    opening_hours._holidays_of.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without_holidays)
    assert load(tmp_path, '[schedule]\nweekdays = ["07:00-18:00"]').schedule.country is None  # not needed, not imported
    with pytest.raises(ConfigError, match=r"need the package 'holidays'; run: pip install -r requirements\.txt"):
        load(tmp_path, '[schedule]\ncountry = "US"')
