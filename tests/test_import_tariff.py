"""Tests of operations/import_tariff.py: rates of the Utility Rate Database as they are downloaded."""

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tariff_factory import make_site
from week_factory import NEW_YORK

from analyze.money.bills import bill_months
from config.tariff_file import load_tariff
from config.tariff_model import ExportRule, Ratchet, Tier, TierUnit
from lib.errors import ConfigError, UsageError
from operations.import_tariff import build_parser, write_tariff
from operations.tariffs import tariff_text
from operations.tariffs.urdb_answer import import_rate

NO_FILE = Path("rate.json")
FLAT_DEMAND = {"flatdemandstructure": [[{"rate": 10}]], "flatdemandmonths": [0] * 12}
SELLS = [[{"rate": 0.1, "sell": 0.03}], [{"rate": 0.1}]]


def schedule(period_at):
    return [[period_at(month, hour) for hour in range(24)] for month in range(1, 13)]


ALWAYS = schedule(lambda month, hour: 0)
RATE = {
    "label": "6757525f259975f54b0eccbf",
    "uri": "https://apps.openei.org/USURDB/rate/view/6757525f259975f54b0eccbf",
    "utility": "Acme Power & Light",
    "name": "GS-2 TOU",
    "eiaid": 17,
    "approved": True,
    "is_default": False,
    "startdate": 1727762400,  # 1 October 2024, 6:00 UTC
    "sector": "Commercial",
    "servicetype": "Bundled",
    "country": "USA",
    "revisions": [1727762400],
    "latest_update": 1727762400,
    "source": "https://acme.example/gs2.pdf",
    "energyratestructure": [[{"unit": "kWh", "rate": 0.05, "adj": 0.01}], [{"unit": "kWh", "rate": 0.15}]],
    "energyweekdayschedule": schedule(lambda month, hour: int(month in (6, 7, 8) and 12 <= hour < 18)),
    "energyweekendschedule": ALWAYS,
    "fixedchargefirstmeter": 25,
    "fixedchargeunits": "$/month",
}


def imported(**more):
    return import_rate({**RATE, **more}, NO_FILE, today=date(2026, 1, 1))


def notes(**more):
    """Return what is said of a rate beyond what is said of `RATE`."""
    return [f"{key} {reason}" for key, reason in imported(**more).not_kept if key != "holidays"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tariffs").mkdir()
    return tmp_path


def run(folder, document, *arguments, suffix=".json"):
    path = folder / f"rate{suffix}"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    args = build_parser().parse_args([str(path), *arguments])
    return write_tariff(args.file, args.name, args.item, args.currency, args.replace, folder / "tariffs")


def test_answer_of_the_api_becomes_a_tariff_file(folder):
    path, remarks = run(folder, {"items": [RATE]})
    assert path == folder / "tariffs" / "acme_power_light_gs_2_tou.toml"
    assert remarks == ["holidays are not in the database; those of the site have the hours of its weekends"]
    assert (
        path.read_text()
        == """\
# Made of a rate of OpenEI's Utility Rate Database by operations/import_tariff.py.
#
# Not billed, or not without more:
# - holidays are not in the database; those of the site have the hours of its weekends
#
currency = "USD"
source = "Acme Power & Light, GS-2 TOU; URDB 6757525f259975f54b0eccbf; \
https://apps.openei.org/USURDB/rate/view/6757525f259975f54b0eccbf; https://acme.example/gs2.pdf"
valid_from = 2024-10-01

[[energy.periods]]
name = "period_1"
months = [6, 7, 8]
days = ["weekday"]
hours = [[12, 18]]
rate_per_kwh = 0.15

[[energy.periods]]
name = "period_0"
rate_per_kwh = 0.06

[fixed]
monthly_charge = 25
"""
    )


def test_file_means_what_the_rate_means(folder):
    more = {
        "energyratestructure": [
            [{"max": 200, "rate": 0.1, "unit": "kWh/kW"}, {"rate": 0.08, "unit": "kWh/kW"}],
            [{"max": 300, "rate": 0.2, "unit": "kWh/kw"}, {"rate": 0.1, "adj": 0.03, "unit": "kWh/kw"}],
        ],
        "flatdemandstructure": [[{"rate": 10}], [{"rate": 14.5, "adj": 0.25, "max": 50}, {"rate": 12}]],
        "flatdemandmonths": [0] * 5 + [1] * 3 + [0] * 4,
        "flatdemandunit": "kW",
        "demandrateunit": "kW",
        "demandunits": "kW",
        "demandratestructure": [[{"rate": 0}], [{"rate": 7.5}]],
        "demandweekdayschedule": schedule(lambda month, hour: int(hour >= 22 or hour < 6)),
        "demandweekendschedule": ALWAYS,
        "demandwindow": 30.0,
        "demandreactivepowercharge": 0.3,
        "coincidentratestructure": [[{"rate": 4}]],
        "coincidentrateschedule": ALWAYS,
        "lookbackpercent": 0.8,
        "lookbackmonths": [False] * 5 + [True] * 4 + [False] * 3,
        "fixedchargefirstmeter": 3.5,
        "fixedchargeunits": "$/day",
        "mincharge": 1200,
        "minchargeunits": "$/year",
        "dgrules": "Net Metering",
    }
    path, remarks = run(folder, {"items": [{**RATE, **more}]}, "--name", "acme")
    tariff = load_tariff("acme", folder / "tariffs")
    assert path.stem == "acme"
    summer, rest = tariff.energy.periods
    assert (summer.tier_unit, summer.tiers) == (TierUnit.KWH_PER_KW, (Tier(0.2, 300), Tier(0.13)))
    assert (rest.tier_unit, rest.tiers) == (TierUnit.KWH_PER_KW, (Tier(0.1, 200), Tier(0.08)))
    assert tariff.energy.tier_basis == "month"
    night, winter, flat_summer, coincident = tariff.demand
    assert {charge.ratchet for charge in (night, winter, flat_summer)} == {Ratchet(80, 11, (6, 7, 8, 9))}
    assert (night.name, night.tiers, winter.tiers) == ("period_1", (Tier(7.5),), (Tier(10),))
    holds = night.schedule.array()[0] == 0
    assert holds[0].reshape(24, 4).all(axis=1).nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5, 22, 23]
    assert not holds[5:].any()
    assert flat_summer.tiers == (Tier(14.75, 50), Tier(12))
    assert (coincident.system_peaks, coincident.ratchet) == ((), None)
    assert (tariff.demand_interval_s, tariff.reactive_per_kvar, tariff.export) == (1800, 0.3, ExportRule.NET_METERING)
    assert (tariff.fixed_daily, tariff.minimum_yearly, tariff.minimum_monthly) == (3.5, 1200, 0)
    assert [remark.split()[0] for remark in remarks] == [
        "coincidentratestructure", "demandreactivepowercharge", "energyratestructure", "holidays"
    ]  # fmt: skip


def test_one_rate_alone_in_json_or_toml(folder):
    flat = {**RATE, "energyratestructure": [[]]}
    toml = "\n".join(f"{key} = {json.dumps(value)}" for key, value in flat.items())
    toml = toml.replace("[[]]", "[[{ rate = 0.05, adj = 0.01 }], [{ rate = 0.15 }]]")
    for document, suffix in ((RATE, ".json"), (toml, ".toml")):
        path, _ = run(folder, document, "--replace", suffix=suffix)
        assert load_tariff(path.stem, folder / "tariffs").fixed_monthly == 25


def test_one_price_needs_no_schedule():
    more = {"energyratestructure": [[{"rate": 0.1}]], "energyweekdayschedule": None, "energyweekendschedule": None}
    assert [period.rates() for period in imported(**more).tariff.energy.periods] == [(Tier(0.1),)]
    with pytest.raises(ConfigError, match="energyweekdayschedule is missing"):
        imported(energyweekdayschedule=None)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        (1727762400, date(2024, 10, 1)),
        (1727762400.0, date(2024, 10, 1)),
        ("1727762400", date(2024, 10, 1)),
        ("2024-10-01T00:00:00.000Z", date(2024, 10, 1)),
        (date(2024, 10, 1), date(2024, 10, 1)),
        (None, None),
    ],
)
def test_dates_are_read_as_they_are_written(written, day):
    assert imported(startdate=written).tariff.valid_from == day


def test_numbers_may_be_written_as_decimals():
    more = FLAT_DEMAND | {"lookbackpercent": 0.5, "lookbackmonths": [1.0] * 12, "lookbackrange": 11.0}
    decimals = [[float(period) for period in row] for row in RATE["energyweekdayschedule"]]
    found = imported(**more, energyweekdayschedule=decimals).tariff
    assert found.energy == imported().tariff.energy
    assert [charge.ratchet.to_ratchet() for charge in found.demand.charges] == [Ratchet(50, 11)]
    with pytest.raises(
        ConfigError, match=r"energyweekdayschedule\[1\]\[1\] should be a whole number of 0 or more, not 0.5"
    ):
        imported(energyweekdayschedule=[[0.5] * 24] * 12)


def test_one_of_several_rates_is_to_be_chosen(folder):
    other = {**RATE, "label": "two", "name": "GS-1", "startdate": 1704067200}
    with pytest.raises(UsageError, match=r"holds 2 rates; give --item: 6757.*; two \(Acme .*GS-1, from 2024-01-01\)"):
        run(folder, {"items": [RATE, other]})
    path, _ = run(folder, {"items": [RATE, other]}, "--item", "two")
    assert path.stem == "acme_power_light_gs_1"
    with pytest.raises(UsageError, match="give --item"):
        run(folder, {"items": [RATE, other]}, "--item", "three")


def test_tariff_that_is_there_is_replaced_only_when_told_so(folder):
    run(folder, RATE, "--name", "mine")
    with pytest.raises(UsageError, match="there is a tariff mine already; give another --name, or --replace"):
        run(folder, RATE, "--name", "mine")
    run(folder, {**RATE, "fixedchargefirstmeter": 30}, "--name", "mine", "--replace")
    assert load_tariff("mine", folder / "tariffs").fixed_monthly == 30


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"description": "All\nservice."}, ["description is text, which is not billed: All service."]),
        ({"fixedattrs": [{"Franchise fee": "2 %"}]}, ["fixedattrs is text, which is not billed: Franchise fee: 2 %"]),
        (
            {"peakkwcapacitymin": 20},
            ["peakkwcapacitymin (20) says which customers the rate is for; compare it with the site"],
        ),
        ({"fixedchargeeaaddl": 9}, ["fixedchargeeaaddl (9) is the charge of each further meter; one meter is billed"]),
        (
            {"servicetype": "Delivery"},
            ["servicetype is Delivery: this is a part of what the site pays; the rest is another rate"],
        ),
        (
            {"enddate": 1735689600},
            ["enddate is 2025-01-01: the rate has ended; look for the one that supersedes it"],
        ),
        ({"enddate": 1893456000}, []),
        ({"approved": False}, ["approved is false: nobody has checked the rate; compare it with the utility's sheet"]),
        ({"newcharge": 5}, ["newcharge (5) is not known"]),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": 9}, {"rate": 0.2}], [{"rate": 0.1}]]},
            [
                "energyratestructure has tiers that end elsewhere in hours of the same month; the month's kWh fill each"
                ' of them, or, with tier_basis = "period", the hours\' own'
            ],
        ),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": 500}], [{"rate": 0.1, "max": 1e38, "note": "x"}]]},
            [
                "energyratestructure[1].max ends the last tier at 500; more is billed at its rate",
                "energyratestructure[2].note is not known",
            ],
        ),
        (
            {"dgrules": "Net Metering", "energyratestructure": [[{"rate": 0.1, "sell": 0.03}], [{"rate": 0.1}]]},
            [
                "energyratestructure has sell rates, which net metering does not pay; what is left over is carried on"
                " to later months"
            ],
        ),
        ({"dgrules": "Value of Solar"}, ["dgrules (Value of Solar) is not known; export earns nothing"]),
        (
            {"dgrules": "Value of Solar", "energyratestructure": SELLS},
            [
                "dgrules (Value of Solar) is not known; export earns nothing; write [export] into the tariff's file if"
                " the sheet pays the sell rates"
            ],
        ),
        (
            {"dgrules": "Value of Solar", "usenetmetering": True},
            ["dgrules (Value of Solar) is not known; export is credited by net metering, as usenetmetering says"],
        ),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": "9"}], [{"rate": 0.1, "max": "1e38"}]]},
            ['energyratestructure[1].max ends the last tier at "9"; more is billed at its rate'],
        ),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": [9]}], [{"rate": 0.1, "max": 999999999}]]},
            [
                "energyratestructure[1].max ends the last tier at [9]; more is billed at its rate",
                "energyratestructure[2].max ends the last tier at 1e+09; more is billed at its rate",
            ],
        ),
        ({"energyratestructure": [[{"rate": 0.1, "max": 1e9}], [{"rate": 0.1, "max": None}]]}, []),
        ({"fixedchargefirstmeter": 0, "fixedchargeunits": "$/kVA", "minchargeunits": "", "dgrules": ""}, []),
        (
            {"energyratestructure": [[{"unit": "kWh"}], [{"rate": 0}]]},
            ["energyratestructure has no price at any time; compare it with the utility's sheet"],
        ),
        ({"demandratestructure": [[{"rate": 0}]], "coincidentratestructure": [[{"rate": 0, "unit": "kVA"}]]}, []),
        ({"sheetdate": date(2026, 1, 1)}, ['sheetdate ("2026-01-01") is not known']),
        ({"fueladjustmentsmonthly": [0] * 12, "demandunits": "kVA", "flatdemandunit": "hp"}, []),
        (
            {"dgrules": "Buy All Sell All"},
            ["dgrules is Buy All Sell All, which needs a meter of its own for the generation; no export is credited"],
        ),
    ],
)
def test_what_is_not_billed_is_listed_with_its_reason(more, said):
    assert notes(**more) == said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"energyratestructure": None}, "energyratestructure is missing; download the rate again, with detail=full"),
        ({"fueladjustmentsmonthly": [0.01] * 12}, "fueladjustmentsmonthly is not billed; add the amounts to `adj`"),
        (FLAT_DEMAND | {"flatdemandunit": "kVA"}, "flatdemandunit is 'kVA'; demand is billed in kW of the month's"),
        (FLAT_DEMAND | {"flatdemandunit": "kW daily"}, "flatdemandunit is 'kW daily'"),
        (FLAT_DEMAND | {"demandunits": "hp"}, "demandunits is 'hp'"),
        (FLAT_DEMAND | {"lookbackpercent": 0.8}, "lookbackrange should be the number of months before"),
        (FLAT_DEMAND | {"lookbackpercent": 80, "lookbackrange": 11}, "lookbackpercent should be a number from 0 to 1"),
        (FLAT_DEMAND | {"flatdemandmonths": [1] * 12}, "flatdemandmonths should be 12 numbers from 0 to 0"),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": 9, "sell": 0.1}, {"rate": 0.1}], [{"rate": 1}]]},
            "energyratestructure[1].sell differs between the tiers",
        ),
        ({"energyweekdayschedule": [[0] * 24] * 11}, "energyweekdayschedule should be 12 rows (January first)"),
        ({"fixedchargeunits": "$/hour"}, "fixedchargeunits should be one of"),
        ({"country": "CAN"}, "country is CAN, whose currency is not known; give --currency"),
        (
            {
                "energyratestructure": [[{"rate": number / 1000}] for number in range(288)],
                "energyweekdayschedule": schedule(lambda month, hour: 24 * (month - 1) + hour),
            },
            "periods should be 127 or fewer, not 288",
        ),
        ({"startdate": "soon"}, "startdate should be seconds since 1970, not 'soon'"),
        ({"enddate": 1727000000}, "enddate should be 2024-10-01 or later, as startdate says, not 2024-09-22"),
        ({"country": "A\nB"}, "country is A B, whose currency is not known"),
        ({"fueladjustmentsmonthly": ["0.01"] * 12}, "fueladjustmentsmonthly is not billed"),
        (FLAT_DEMAND | {"flatdemandstructure": [[{"rate": "10"}]]}, "[1][1].rate should be a number, not '10'"),
        (
            {"flatdemandstructure": [[{"rate": 4}], [{"rate": 10}]]},
            "flatdemandmonths is missing; it should be 12 numbers from 0 to 1",
        ),
        (FLAT_DEMAND | {"demandratchetpercentage": [0.8] * 5}, "demandratchetpercentage should be 12 equal shares"),
        (
            FLAT_DEMAND | {"demandratchetpercentage": [0.5] * 12, "lookbackpercent": 0.8, "lookbackrange": 11},
            "demandratchetpercentage stands beside lookbackpercent",
        ),
        (
            {"energyratestructure": [[{"rate": 9.4}], [{"rate": 12.5}]]},
            "energy.periods[1].rate_per_kwh should be in USD, not in cents: no kWh costs 12.5 USD",
        ),
    ],
)
def test_rate_of_which_the_bill_would_be_wrong_is_refused(more, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        imported(**more)
    assert str(caught.value).startswith("rate.json: ")
    assert "\n" not in str(caught.value)


def test_answer_without_a_rate_is_refused(folder):
    with pytest.raises(ConfigError, match="holds no rate but API key missing; download it again, with detail=full"):
        run(folder, {"items": [], "error": "API key missing"})
    with pytest.raises(ConfigError, match="holds no rate but .*API_KEY_INVALID.*; download it again"):
        run(folder, {"error": {"code": "API_KEY_INVALID", "message": "No such key"}})


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        ("<!doctype html>\n<html></html>", ".json", "rate.json: is a web page, not JSON; download it again"),
        ("a,b\n1,2\n", ".csv", "rate.csv should end in .json or .toml, as what it holds; rename it"),
        (json.dumps(RATE)[:-1] + ', "energyattrs": ' + "[" * 900 + "]" * 900 + "}", ".json", "nested too deep"),
    ],
)
def test_file_that_is_no_rate_is_refused_and_nothing_is_written(folder, content, suffix, message):
    with pytest.raises((ConfigError, UsageError), match=re.escape(message)) as caught:
        run(folder, content, suffix=suffix)
    assert "\n" not in str(caught.value)
    assert not list((folder / "tariffs").iterdir())


def test_a_tariff_that_would_not_load_is_not_written(folder, monkeypatch):
    run(folder, RATE, "--name", "mine")
    before = (folder / "tariffs" / "mine.toml").read_bytes()
    render = tariff_text.render_tariff
    monkeypatch.setattr(tariff_text, "render_tariff", lambda *given: render(*given).replace("rate_per_kwh", "rate"))
    message = "rate.json: makes a tariff that can't be read: its tariff file: energy.periods"
    for name, more in (("other", []), ("mine", ["--replace"])):
        with pytest.raises(ConfigError, match=message) as caught:
            run(folder, {**RATE, "fixedchargefirstmeter": 30}, "--name", name, *more)
        assert str(caught.value).endswith("; correct the rate, nothing was written")
        assert "\n" not in str(caught.value)
    assert [path.name for path in (folder / "tariffs").iterdir()] == ["mine.toml"]
    assert (folder / "tariffs" / "mine.toml").read_bytes() == before


def test_file_that_is_not_there_is_told(folder):
    with pytest.raises(ConfigError, match=r"^there is no file .*gone\.json; check its name and folder$"):
        write_tariff(folder / "gone.json", None, None, None, False, folder / "tariffs")


def test_suffix_may_be_in_capitals(folder):
    assert run(folder, RATE, suffix=".JSON")[0].name == "acme_power_light_gs_2_tou.toml"


def test_label_that_no_rate_or_several_have_is_told(folder):
    with pytest.raises(UsageError, match="holds 1 rate, none of the label zzz; give --item: 6757525f259975f54b0eccbf"):
        run(folder, {"items": [RATE]}, "--item", "zzz")
    with pytest.raises(ConfigError, match="holds 2 rates of the label 6757525f259975f54b0eccbf; keep the one"):
        run(folder, {"items": [RATE, RATE]}, "--item", RATE["label"])


def test_flat_demand_of_one_period_needs_no_months():
    (charge,) = imported(flatdemandstructure=[[{"rate": 10}]]).tariff.demand.charges
    assert (charge.rate_per_kw, charge.months, charge.hours) == (10, None, None)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({}, None),
        ({"usenetmetering": True}, ExportRule.NET_METERING),
        ({"energyratestructure": SELLS}, ExportRule.NET_BILLING),
        ({"energyratestructure": SELLS, "dgrules": ""}, ExportRule.NET_BILLING),
        ({"energyratestructure": SELLS, "dgrules": "Net Billing Hourly"}, ExportRule.NET_BILLING),
        ({"energyratestructure": SELLS, "dgrules": "Value of Solar"}, None),
        ({"energyratestructure": SELLS, "dgrules": "Value of Solar", "usenetmetering": True}, ExportRule.NET_METERING),
    ],
)
def test_rule_of_export(more, rule):
    export = imported(**more).tariff.export
    assert (None if export is None else export.rule) == rule


@pytest.mark.parametrize(
    ("more", "fixed"),
    [
        ({"fixedchargefirstmeter": None, "fixedchargeunits": None}, 0),
        ({"fixedmonthlycharge": 25}, 25),
        ({"fixedmonthlycharge": 0}, 25),
        ({"fixedmonthlycharge": 7, "fixedchargefirstmeter": None}, 7),
    ],
)
def test_fixed_charge_by_either_of_its_names(more, fixed):
    assert imported(**more).tariff.to_tariff("x").fixed_monthly == fixed


def test_coincident_charge_is_billed_once_its_moments_are_filled_in(folder):
    rate = {**RATE, "coincidentratestructure": [[{"rate": 4}]], "coincidentrateschedule": ALWAYS}
    path, _ = run(folder, rate, "--name", "cp")
    january = make_site(date(2025, 1, 1), date(2025, 1, 31), lambda f: np.where(f["local_hour"] == 17, 25.0, 90.0))

    def coincident():
        (bill,) = bill_months(january, january, load_tariff("cp", folder / "tariffs"), NEW_YORK)
        return next(line for line in bill["lines"] if line["name"] == "coincident_0")

    line = coincident()
    assert (line["amount"], line["note"]) == (
        0.0,
        "the system's peak of this month is not announced, or was not metered",
    )
    filled = path.read_text().replace("system_peaks = []", "system_peaks = [2025-01-14T17:00:00-05:00]")
    path.write_text(filled)
    assert (coincident()["quantity"], coincident()["amount"]) == (25.0, 100.0)


def test_currency_of_another_country():
    rate = {**RATE, "country": "CAN"}
    assert import_rate(rate, NO_FILE, "CAD").tariff.currency == "CAD"


def test_text_of_the_database_stays_a_comment(folder):
    path, _ = run(folder, {**RATE, "name": 'x"\n[evil]', "description": 'a\r\u2028b\\"""\n[fixed]\nmonthly_charge = 9'})
    assert load_tariff(path.stem, folder / "tariffs").fixed_monthly == 25
