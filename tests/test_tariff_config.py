"""Tests of config/tariff_file.py and config/site_tariffs.py: what may be written, and what it means."""

import math
import re
from datetime import date

import numpy as np
import pytest
from tariff_factory import FLAT_ENERGY, HEAD, PEAK, make_tariff, urdb_text

from config.site_file import load_site
from config.tariff_file import DEFAULT_FLAT, DEFAULT_TOU, load_tariff
from config.tariff_model import Carbon, Ratchet, Tier
from lib.errors import ConfigError

MONDAY, SATURDAY, SUNDAY, HOLIDAY = 0, 5, 6, 7


def names_of(tariff, month, day, *times):
    """Return the energy periods at "HH:MM" times."""
    cells = tariff.energy.schedule.array()[month - 1, day]
    slots = [int(time[:2]) * 4 + int(time[3:]) // 15 for time in times]
    return [tariff.energy.periods[cells[slot]].name for slot in slots]


def test_shipped_flat_rate():
    flat = load_tariff(DEFAULT_FLAT)
    assert (flat.currency, flat.is_flat, flat.demand, flat.fixed_monthly) == ("USD", True, (), 0.0)
    assert flat.is_assumption
    assert [period.tiers for period in flat.energy.periods] == [(Tier(0.12),)]


def test_shipped_time_of_use_and_demand():
    tou = load_tariff(DEFAULT_TOU)
    rates = {period.name: period.tiers[0].rate for period in tou.energy.periods}
    assert rates == {"on_peak": 0.20, "mid_peak": 0.10, "off_peak": 0.06}
    by_hour = names_of(tou, 5, MONDAY, *(f"{hour:02d}:45" for hour in range(24)))
    assert by_hour == ["off_peak"] * 7 + ["mid_peak"] * 5 + ["on_peak"] * 6 + ["mid_peak"] * 3 + ["off_peak"] * 3
    for day in (SATURDAY, SUNDAY, HOLIDAY):
        assert set(names_of(tou, 5, day, "00:00", "13:00", "19:00")) == {"off_peak"}
    (charge,) = tou.demand
    assert (charge.tiers, charge.ratchet, charge.is_all_hours) == ((Tier(12.0),), Ratchet(80.0, 11), True)
    assert (tou.demand_interval_s, tou.is_flat) == (900, False)


def test_windows_on_the_quarter_hour_past_midnight_and_in_parts():
    text = (
        '[[energy.periods]]\nname = "night"\nhours = [["22:30", 6.25]]\nrate_per_kwh = 1\n'
        '[[energy.periods]]\nname = "peak"\nrate_per_kwh = 2\n'
        'when = [{ months = [7], days = ["mon"], hours = [[8, 24]] }, { days = ["sat"], hours = [[8, 9]] }]\n'
    ) + FLAT_ENERGY
    tariff = make_tariff(text)
    assert names_of(tariff, 7, MONDAY, "06:00", "06:15", "08:00", "22:15", "22:30", "00:00") == [
        "night", "all", "peak", "peak", "night", "night"
    ]  # fmt: skip
    assert names_of(tariff, 6, MONDAY, "08:00") == ["all"]
    assert names_of(tariff, 6, SATURDAY, "08:45", "09:00") == ["peak", "all"]


def test_holiday_is_a_sunday_unless_it_is_named():
    sunday = '[[energy.periods]]\nname = "sunday"\ndays = ["sun"]\nrate_per_kwh = 1\n' + FLAT_ENERGY
    assert names_of(make_tariff(sunday), 1, HOLIDAY, "12:00") == ["sunday"]
    named = '[[energy.periods]]\nname = "feast"\ndays = ["holiday"]\nrate_per_kwh = 1\n' + sunday
    assert names_of(make_tariff(named), 1, HOLIDAY, "12:00") == ["feast"]
    assert names_of(make_tariff(named), 1, SUNDAY, "12:00") == ["sunday"]


def test_urdb_form_means_the_same_as_the_named_one():
    urdb, named = make_tariff(urdb_text()), load_tariff(DEFAULT_TOU)
    own_name = {"period_0": "off_peak", "period_1": "mid_peak", "period_2": "on_peak"}
    names = [own_name[period.name] for period in urdb.energy.periods]
    right = np.array([[period.name for period in named.energy.periods].index(name) for name in names])
    assert (right[urdb.energy.schedule.array()] == named.energy.schedule.array()).all()
    rates = {period.name: [(tier.rate, tier.up_to) for tier in period.tiers] for period in urdb.energy.periods}
    assert rates == {
        "period_0": [(0.06, math.inf)],
        "period_1": [(0.10, math.inf)],
        "period_2": [(0.2, 500), (0.3, math.inf)],
    }
    assert {urdb.energy.tier_basis, named.energy.tier_basis} == {"month"}


def test_urdb_demand_fixed_charges_and_ratchet():
    text = urdb_text(
        demandratestructure="[[{ rate = 4 }], [{ rate = 9 }], [{ rate = 0 }]]",
        demandweekdayschedule=str([[0] * 12 + [1] * 6 + [0] * 6] * 12),
        demandweekendschedule=str([[0] * 24] * 12),
        flatdemandstructure="[[{ rate = 3 }], [{ rate = 5 }]]",
        flatdemandmonths="[0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0]",
        demandratchetpercentage=str([0.5] * 12),
        demandwindow="30",
        fixedchargefirstmeter="1.5",
        fixedchargeunits="'$/day'",
        mincharge="20",
    )
    tariff = make_tariff(text)
    base, peak, winter, summer = tariff.demand
    assert [charge.tiers[0].rate for charge in tariff.demand] == [4.0, 9.0, 3.0, 5.0]
    assert {charge.ratchet for charge in tariff.demand} == {Ratchet(50.0, 11)}
    slots = np.flatnonzero(peak.schedule.array()[3, MONDAY] == 0)
    assert (slots[0], slots[-1]) == (48, 71)  # 12:00 to 18:00
    assert not (base.schedule.array()[3, MONDAY, 48:72] == 0).any()
    assert [bool((c.schedule.array()[6] == 0).all()) for c in (winter, summer)] == [False, True]
    assert summer.is_all_hours
    assert not peak.is_all_hours
    assert (tariff.demand_interval_s, tariff.fixed_daily, tariff.fixed_monthly, tariff.minimum_monthly) == (
        1800, 1.5, 0.0, 20.0
    )  # fmt: skip


def test_file_that_is_missing_or_no_toml(tmp_path):
    (tmp_path / "broken.toml").write_text("currency = ")
    with pytest.raises(ConfigError, match=r"broken.toml, line 1: Invalid value"):
        load_tariff("broken", tmp_path)
    for name in ("acme", "../acme"):
        with pytest.raises(ConfigError, match=r"there is no tariff '.*acme' in .*; known: broken"):
            load_tariff(name, tmp_path)


@pytest.fixture
def folder(tmp_path):
    texts = {
        "old": HEAD + "valid_to = 2025-12-31\n" + FLAT_ENERGY,
        "new": HEAD + "valid_from = 2026-01-01\n" + PEAK + FLAT_ENERGY,
        "euro": HEAD.replace("USD", "EUR") + FLAT_ENERGY,
    }
    for name in (DEFAULT_FLAT, DEFAULT_TOU):
        texts[name] = HEAD + (FLAT_ENERGY if name == DEFAULT_FLAT else PEAK + FLAT_ENERGY)
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def load_tariffs(folder, text):
    (folder / "7.toml").write_text(text)
    return load_site(7, folder, folder).tariffs


def test_site_without_a_tariff_has_the_assumed_ones(folder):
    for text in (None, "[thresholds]\nbusiness_start_hour = 6\n"):
        site = load_site(7, folder, folder).tariffs if text is None else load_tariffs(folder, text)
        assert (site.is_assumed, site.carbon, site.compare_with.name) == (True, None, DEFAULT_TOU)
        assert site.tariff_on(date(1999, 1, 1)).name == DEFAULT_FLAT


def test_a_shipped_tariff_stays_an_assumption_where_a_site_names_it(tmp_path):
    (tmp_path / "7.toml").write_text(f'[tariff]\nname = "{DEFAULT_TOU}"\n')
    site = load_site(7, tmp_path).tariffs
    assert (site.is_assumed, site.current[0].tariff.name, site.compare_with.name) == (True, DEFAULT_TOU, DEFAULT_FLAT)


def test_site_with_tariffs_by_date_peaks_and_carbon(folder):
    text = (
        '[tariff]\nperiods = [{ name = "new" }, { name = "old", from = 2025-03-01 }]\n'
        "billed_peaks_kw = { 2025-08 = 212.5 }\n"
        '[carbon]\nkg_per_kwh = 0.37\nsource = "a grid, 2023"\n'
    )
    site = load_tariffs(folder, text)
    days = (date(2025, 2, 28), date(2025, 3, 1), date(2025, 12, 31), date(2026, 1, 1))
    assert [tariff and tariff.name for tariff in map(site.tariff_on, days)] == [None, "old", "old", "new"]
    assert (site.is_assumed, site.compare_with.name) == (False, DEFAULT_FLAT)  # the one in force is no flat rate
    assert (site.carbon, site.billed_peaks_kw) == (Carbon(0.37, "a grid, 2023"), (("2025-08", 212.5),))
    assert load_tariffs(folder, '[tariff]\nname = "old"\n').compare_with.name == DEFAULT_TOU
    assert load_tariffs(folder, '[tariff]\nname = "old"\ncompare_with = "new"\n').compare_with.name == "new"


def test_a_site_that_pays_in_another_currency_needs_no_second_tariff(folder):
    named = load_tariffs(folder, '[tariff]\nname = "euro"\n')
    priced = load_tariffs(folder, '[tariff]\nflat_rate_per_kwh = 31.5\ncurrency = "JPY"\n')
    assert (named.compare_with, named.is_assumed, named.ratchet_months) == (None, False, 0)
    (span,) = priced.current
    assert (priced.compare_with, priced.is_assumed) == (None, False)
    assert (span.tariff.currency, span.tariff.energy.periods[0].tiers[0].rate) == ("JPY", 31.5)
    assert span.tariff.source == "flat_rate_per_kwh of the site's file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[thresholds]\nflat_rate_usd_per_kwh = 0.14\n[tariff]\nname = "old"\n',
            "thresholds.flat_rate_usd_per_kwh and [tariff] both say what the site pays; take one of them out",
        ),
        ("tariff = 'old'\n", "tariff should be a table: [tariff]"),
        ('[tariff]\nname = "gone"\n', "tariff.name should be another, or be corrected: there is no tariff 'gone'"),
        ('[tariff]\nname = "old"\nrate = 1\n', "tariff.rate is not known"),
        ('[tariff]\nname = "euro"\ncompare_with = "old"\n', "compare_with should be a tariff in EUR (old is in USD)"),
        (
            '[tariff]\nperiods = [{ name = "old" }, { name = "euro", from = 2026-01-01 }]\n',
            "tariff.periods should be tariffs in one currency, not in EUR, USD",
        ),
        ("[tariff]\nflat_rate_per_kwh = 31\n", "flat_rate_per_kwh should stand beside currency = 'EUR'"),
        ('[tariff]\ncurrency = "JPY"\n', "currency should stand beside flat_rate_per_kwh"),
        ('[tariff]\nname = "old"\nflat_rate_per_kwh = 1\ncurrency = "EUR"\n', "both say what the site pays"),
        (
            '[tariff]\nperiods = [{ name = "old" }, { name = "new", from = 2025-12-01 }]\n',
            "2026-01-01 or later, from when",
        ),
        ('[tariff]\nperiods = [{ name = "old", to = 2026-02-01 }]\n', "2025-12-31 or earlier, until when old is valid"),
        (
            '[tariff]\nperiods = [{ name = "default_flat" }, { name = "new" }]\n',
            "tariff.periods overlap: default_flat and new",
        ),
        ('[tariff]\nname = "old"\nbilled_peaks_kw = { 2025 = 1 }\n', "tariff.billed_peaks_kw.2025 should be a month"),
        ("[carbon]\nkg_per_kwh = 390\nsource = 'x'\n", "carbon.kg_per_kwh should be a number from 0 to 5"),
        ("[carbon]\nkg_per_kwh = 0.39\n", "carbon.source is missing"),
    ],
)
def test_mistakes_in_a_sites_file(folder, text, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load_tariffs(folder, text)
    assert "7.toml: " in str(caught.value)
