"""Every mistake in a tariff is refused with the file, the key, and what is right."""

import re

import pytest
from tariff_factory import FLAT_ENERGY, HEAD, PEAK, make_tariff, urdb_text

from lib.errors import ConfigError

NINE = "{ up_to_kwh = 9, rate_per_kwh = 1 }"
CHARGE = FLAT_ENERGY + '[[demand.charges]]\nname = "d"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            FLAT_ENERGY + "[fees]\nx = 1",
            "[fees] is not known; known here: currency, [demand], [energy], [export],",
        ),
        (HEAD.replace("USD", "dollars") + FLAT_ENERGY, "currency should be a code of three capital letters"),
        ('currency = "USD"\n' + FLAT_ENERGY, "source is missing; it should be a text"),
        ("", "energy is missing; it should be a table [energy]"),
        ("[energy]\n", "energy.periods is missing; it should be a list of tables: [[energy.periods]]"),
        ("valid_from = 2026-01-01\nvalid_to = 2025-01-01\n" + FLAT_ENERGY, "valid_to should be 2026-01-01 or later"),
        ('valid_from = "2026"\n' + FLAT_ENERGY, "valid_from should be a date such as 2026-01-31, without quotes"),
        ("holidays = [1]\n" + FLAT_ENERGY, "holidays[1] should be a date such as"),
        (FLAT_ENERGY.replace("0.10", "-1"), "energy.periods[1].rate_per_kwh should be a number of 0 or more, not -1"),
        (FLAT_ENERGY.replace("0.10", "nan"), "energy.periods[1].rate_per_kwh should be a number"),
        (FLAT_ENERGY.replace("0.10", "true"), "energy.periods[1].rate_per_kwh should be a number"),
        (FLAT_ENERGY + FLAT_ENERGY, "energy.periods[2].name should be a name that no other period has"),
        (PEAK, "energy.periods leave a time without a rate: January, mon, 00:00"),
        (PEAK.replace("18", "25") + FLAT_ENERGY, "energy.periods[1].hours should be a list of [from, to] pairs"),
        (PEAK.replace("18", "12.1") + FLAT_ENERGY, "on the quarter hour"),
        (PEAK + 'days = ["Monday"]\n' + FLAT_ENERGY, "energy.periods[1].days[1] should be one of fri, holiday, mon,"),
        (PEAK + "months = [0]\n" + FLAT_ENERGY, "energy.periods[1].months[1] should be a list of months from 1 to 12"),
        (PEAK + "when = [{}]\n" + FLAT_ENERGY, "energy.periods[1].hours stands beside when"),
        (
            PEAK + "tiers = [{ rate_per_kwh = 1 }]\n" + FLAT_ENERGY,
            "energy.periods[1].rate_per_kwh or tiers should be given, one of the two",
        ),
        (
            FLAT_ENERGY.replace("rate_per_kwh = 0.10", "tiers = [{ up_to_kwh = 9, rate_per_kwh = 1 }]"),
            "energy.periods[1].tiers[1].up_to_kwh closes the last tier",
        ),
        (
            FLAT_ENERGY.replace(
                "rate_per_kwh = 0.10",
                f"tiers = [{NINE}, {NINE}, {{ rate_per_kwh = 1 }}]",
            ),
            "tiers[2].up_to_kwh should be more than 9",
        ),
        (CHARGE, "demand.charges[1].rate_per_kw or tiers should be given"),
        (
            CHARGE + "rate_per_kw = 1\nratchet = { pct = 180, months = 11 }",
            "charges[1].ratchet.pct should be a number from 0 to 100",
        ),
        (
            CHARGE + "rate_per_kw = 1\nratchet = { pct = 80, months = 0 }",
            "charges[1].ratchet.months should be a whole number",
        ),
        (
            CHARGE + "rate_per_kw = 1\nsystem_peaks = [2026-07-14T16:00:00]",
            "should be a list of date-times with offset",
        ),
        (
            FLAT_ENERGY + "[demand]\ninterval_minutes = 0",
            "demand.interval_minutes should be a whole number from 1 to 60",
        ),
        (
            FLAT_ENERGY + '[[taxes]]\nname = "t"\npct = 1\nper_kwh = 1',
            "taxes[1].per_kwh or pct should be given, one of",
        ),
        (
            FLAT_ENERGY + '[[riders]]\nname = "r"\npct = 1\non = ["all"]',
            "riders[1].on[1] should be one of demand, energy",
        ),
        (urdb_text() + FLAT_ENERGY, "energy stands beside [urdb]"),
        (urdb_text(energyweekdayschedule="[[0]]"), "urdb.energyweekdayschedule should be 12 rows (January first)"),
        (urdb_text(energyweekendschedule=str([[3] * 24] * 12)), "of 24 period numbers from 0 to 2"),
        (
            urdb_text(energyratestructure="[[{ rate = 1, unit = 'kVAh' }]]"),
            "urdb.energyratestructure[1][1].unit should be one of kWh, kWh daily, kWh/kW, kWh/kW daily, not 'kVAh'",
        ),
        (
            urdb_text(energyratestructure="[[{ rate = 1, max = 9 }, { rate = 1, unit = 'kWh/kW' }], [{}], [{}]]"),
            "urdb.energyratestructure[1][2].unit should be the same in all tiers of a period",
        ),
        (
            urdb_text(energyratestructure="[[{ rate = 1 }, { rate = 1 }], [{}], [{}]]"),
            "urdb.energyratestructure[1][1].max should be more than 0",
        ),
        (
            urdb_text(energyratestructure="[[{ rate = 1, max = 9 }], [{}], [{}]]"),
            "urdb.energyratestructure[1][1].max closes the last tier",
        ),
        (
            urdb_text(energyratestructure="[[{ rate = 1, adj = -1.001 }], [{}], [{}]]"),
            "urdb.energyratestructure[1][1].adj should leave rate + adj at 0 or more",
        ),
        (
            urdb_text(flatdemandstructure="[[{ rate = 3 }]]", lookbackpercent="0.8"),
            "urdb.lookbackrange should be the number of months before",
        ),
        (
            urdb_text(flatdemandstructure="[[{ rate = 3 }]]", demandratchetpercentage=str([0.8, *[0.5] * 11])),
            "urdb.demandratchetpercentage should be 12 equal shares",
        ),
        (
            urdb_text(flatdemandstructure="[[{ rate = 3 }]]", flatdemandunit="'kVA'"),
            "urdb.flatdemandunit should be",
        ),
        (
            urdb_text(demandratchetpercentage=str([80] * 12)),
            "demandratchetpercentage[1] should be a number from 0 to 1, not 80",
        ),
        (urdb_text(demandcomments="'x'"), "urdb.demandcomments is not known"),
    ],
)
def test_mistakes_name_file_key_and_what_is_right(text, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        make_tariff(text if text.startswith("currency") else HEAD + text)
    assert "test.toml: " in str(caught.value)
    assert "\n" not in str(caught.value)
