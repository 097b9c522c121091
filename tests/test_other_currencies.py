"""Sites that pay in another currency than that of the shipped tariffs, from their file to the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from report_factory import NAMED_HOURS, NOW, analyze_week
from week_factory import NEW_YORK, WEEK

from analyze.week.site_week import SiteContext, SiteWeek, analyze_site_week, baseline_before
from config.site_file import load_site
from config.tariff_model import SiteTariffs
from config.thresholds import Thresholds
from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page
from deliver.reports.weekly import assemble_report
from deliver.words.formats import money
from lib.paths import TARIFFS_DIR
from lib.readings import Site, ValidationStatus
from lib.report_schema import find_breach

_RATES = {"GBP": 0.25, "EUR": 0.30, "JPY": 31.0}
_SIGNS = {"GBP": "£", "EUR": "€", "JPY": "¥"}


def site_tariffs(folder: Path, named: str, currency: str) -> SiteTariffs:
    """Return what a site's file means that says `named`; its folder of tariffs has one by time of use, "own"."""
    rate = _RATES[currency]
    (folder / "own.toml").write_text(
        f'currency = "{currency}"\nsource = "a test"\n[[energy.periods]]\nname = "day"\nhours = [[7, 19]]\n'
        f'rate_per_kwh = {1.5 * rate}\n[[energy.periods]]\nname = "night"\nrate_per_kwh = {rate / 2}\n'
        f'[[demand.charges]]\nname = "capacity"\nrate_per_kw = {600 * rate}\n'
    )
    for name in ("default_flat", "default_tou_demand"):
        (folder / f"{name}.toml").write_bytes((TARIFFS_DIR / f"{name}.toml").read_bytes())
    (folder / "7.toml").write_text(f"[tariff]\n{named}\n")
    return load_site(7, folder, folder).tariffs


def week_on(tariffs: SiteTariffs) -> SiteWeek:
    """Return the week of `report_factory`, priced on these tariffs."""
    readings, meters, _ = analyze_week()
    baseline = baseline_before(WEEK, NEW_YORK, Thresholds())
    context = SiteContext(site_id=7, tariffs=tariffs)
    return analyze_site_week(readings, meters, WEEK, baseline, NEW_YORK, Thresholds(), NAMED_HOURS, context)


def report_on(tariffs: SiteTariffs, currency: str) -> dict[str, Any]:
    """Return the weekly report of that week."""
    site = Site(7, "Test school", NEW_YORK.key, None, None, "GB", currency, "eniscope")
    status = ValidationStatus(1, "closed", True, WEEK.end, [], [], None, None)
    return assemble_report(site, status, week_on(tariffs), forced_reason=None, now=NOW)


@pytest.mark.parametrize("currency", list(_RATES))
@pytest.mark.parametrize("is_flat", [True, False])
def test_one_tariff_is_enough_for_a_report_in_any_currency(tmp_path: Path, currency: str, is_flat: bool) -> None:
    named = f'flat_rate_per_kwh = {_RATES[currency]}\ncurrency = "{currency}"' if is_flat else 'name = "own"'
    report = report_on(site_tariffs(tmp_path, named, currency), currency)
    cost = report["sections"]["costOptimization"]
    assert find_breach(report, "weekly_report") is None
    assert cost["bill_comparison"]["compared_with"] is cost["basis"]["tariffs"]["compared_with"] is None
    assert cost["bill_comparison"]["switch_monthly_savings"] is None
    assert cost["tou_analysis"]["tou_vs_flat_savings"] == 0.0
    assert cost["combined_summary"]["currency"] == report["consumption"]["cost"]["currency"] == currency
    if is_flat:
        assert cost["demand_analysis"]["monthly_demand_charge"] == 0.0
        kwh = report["consumption"]["importedKwh"]
        assert report["consumption"]["cost"]["energyCost"] == pytest.approx(_RATES[currency] * kwh, abs=0.01)
    html = render_html(build_page(report))
    assert _SIGNS[currency] in html
    shown = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", html, flags=re.DOTALL)
    assert "USD" not in shown
    assert "$" not in shown
    assert "another tariff would change" not in shown
    assert f"none in {currency} is named" in shown
    total = money(cost["bill_comparison"]["current"]["total"], currency)
    assert f"costs {total} on " in cost["bill_comparison"]["text"]


def test_advice_matters_as_much_in_yen_as_in_pounds(tmp_path: Path) -> None:
    """The same week at prices that differ by nothing but the money."""
    found = {}
    for currency in _RATES:
        cost = week_on(site_tariffs(tmp_path, 'name = "own"', currency)).sections["costOptimization"]
        found[currency] = [(item["category"], item["priority"]) for item in cost["demand_analysis"]["recommendations"]]
    assert found["GBP"] == found["EUR"] == found["JPY"]
    assert dict(found["JPY"]) == {"demand": "high", "load_shift": "low"}


def test_a_site_without_a_tariff_says_that_its_dollars_are_an_assumption(tmp_path: Path) -> None:
    """No price in pounds is made up: amounts are in the currency of what is assumed, and said to be assumed."""
    tariffs = site_tariffs(tmp_path, "", "GBP")
    report = report_on(tariffs, "GBP")
    assert (tariffs.is_assumed, report["consumption"]["cost"]["currency"]) == (True, "USD")
    shown = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", render_html(build_page(report)), flags=re.DOTALL)
    assert "£" not in shown
    assert "assumed $0.12 per kWh" in shown
