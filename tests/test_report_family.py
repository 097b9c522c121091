"""The reports beside the weekly one: their numbers, schemas, pages and PDFs, with hostile names in all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from report_factory import NAMED_HOURS, NOW, checked_week, make_report
from site_factory import SITE_ID, TIMEZONE, make_site
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE, read_html, squeeze, words_of_pdf
from test_verify_savings import make_hours, verify
from week_factory import make_meters, spaced

from analyze.week import loading
from analyze.week.asset_health import rate_assets
from analyze.week.monthly_summary import summarize_months
from analyze.week.portfolio import total_sites
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.site_file import Branding, load_site
from deliver.files.report_files import check_report
from deliver.files.versions import replace_report, save_report
from deliver.generate_monthly_summary import parse_month
from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page
from deliver.pages.mail_body import render_mail_html, render_mail_text
from deliver.pages.pdf_pages import render_pdf
from deliver.reports.family import assemble_asset_report, assemble_customer_report, assemble_electrical_report
from deliver.reports.monthly import assemble_monthly_report
from deliver.reports.portfolio import assemble_portfolio_report, held_row, site_row
from deliver.reports.weekly import assemble_report
from deliver.words.customer import customer_result
from deliver.words.meters import describe_reason
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from lib import db
from lib import readings as readings_lib
from lib.date_utils import Window, add_months, last_complete_month, last_complete_week, local_day_window, local_midnight
from lib.errors import ConfigError, UsageError
from lib.html_templates import keep_names_whole

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PIXEL = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI5IiBoZWlnaHQ9IjkiLz4="
BRAND = Branding("Acme <Energy>", "#7a1f5c", PIXEL, "Jane #Doe, jane@example.com")
MONTH = date(2026, 1, 1)


def monthly_summary() -> dict[str, Any]:
    """Return a summary as the database would give it, with a measure of each verdict."""
    monthly = pd.DataFrame(
        [(1, date(2026, 1, 1), 3100.0, 31), (1, date(2025, 12, 1), 2480.0, 31), (1, date(2025, 1, 1), 6200.0, 31),
         (2, date(2026, 1, 1), 310.0, 31), (2, date(2025, 12, 1), 50.0, 5)],
        columns=["channel_id", "local_month", "energy_kwh", "days"],
    )  # fmt: skip
    window = Window(local_midnight(MONTH, TIMEZONE), local_midnight(date(2026, 2, 1), TIMEZONE))
    savings = {"expectedKwh": 900.0, "usedKwh": 700.0, "savedKwh": 200.0, "lowKwh": 150.0, "highKwh": 250.0,
               "confidencePct": 90, "savedPct": 22.2, "savedCost": 24.0, "currency": "GBP"}  # fmt: skip
    lack = {"code": "after_short", "message": "28 days after the change", "possibleFrom": "2026-03-01"}
    measures = [
        {"name": HOSTILE_NAMES[0], "channelId": 1, "change": "2025-12-01", "status": "verified_saving", "missing": [],
         "savings": savings},
        {"name": "New pump", "channelId": 2, "change": "2026-02-01", "status": "insufficient_data", "missing": [lack],
         "savings": None},
    ]  # fmt: skip
    months = summarize_months(monthly, make_meters(1, 2).assign(channel_name=list(HOSTILE_NAMES[1:3])), MONTH)
    cost = {"status": "unavailable", "reason": "no tariff"}
    return {**months, "window": window, "cost": cost, "measures": measures}


def family(schedule: Schedule = NAMED_HOURS) -> dict[str, dict[str, Any]]:
    """Return one report of every kind beside the weekly one, by its schema, with hostile names."""
    checked = checked_week(HOSTILE_NAMES, HOSTILE_SITE, schedule)
    weekly = assemble_report(*checked, now=NOW)
    window = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00", "timezone": "America/New_York"}
    held = held_row(checked.site._replace(site_id=8, site_name=HOSTILE_NAMES[0]), "it was never validated")
    monthly = assemble_monthly_report(checked.site, checked.status, MONTH, monthly_summary(), None, NOW)
    return {
        "customer_report": assemble_customer_report(checked, BRAND, NOW),
        "asset_health": assemble_asset_report(checked, NOW),
        "electrical_health": assemble_electrical_report(checked, NOW),
        "monthly_summary": monthly,
        "portfolio_overview": assemble_portfolio_report(
            [site_row(checked.site, weekly), held], window, NOW, [], {"ledger": [], "judged": []}
        ),
    }


REPORTS = family()


@pytest.mark.parametrize("schema", REPORTS)
def test_every_report_keeps_its_contract_and_shows_hostile_names_as_text(schema: str) -> None:
    report = json.loads(json.dumps(REPORTS[schema], allow_nan=False))
    check_report(report, schema)
    page = build_page(report)
    parsed = read_html(render_html(page))
    # With charts there are their words, and one script more or two.
    assert [tag for tag, _ in parsed.elements].count("script") in (1, 3, 4)
    assert not [attrs for _, attrs in parsed.elements if any(name.startswith("on") for name in attrs)]
    paper = squeeze(words_of_pdf(render_pdf(page)))
    text = squeeze("".join(parsed.words))
    for shown in (page["title"], *page["headline"], *(tile["value"] for tile in page["tiles"])):
        assert squeeze(shown) in text
        assert squeeze(shown) in paper
    assert squeeze(HOSTILE_NAMES[0]) in text
    assert squeeze(HOSTILE_NAMES[0]) in paper


@pytest.mark.parametrize("schema", REPORTS)
@pytest.mark.parametrize(("save", "newest"), [(save_report, "report.v2.json"), (replace_report, "report.json")])
def test_every_report_has_versions(schema: str, save: Callable[..., Any], newest: str, tmp_path: Path) -> None:
    report = json.loads(json.dumps(REPORTS[schema], allow_nan=False))
    save(report, tmp_path / "report.json", schema)
    changed = report | {"summary": report["summary"] | {"headline": ["It changed."]}}
    saved = save(changed, tmp_path / "report.json", schema)
    assert (saved.path.name, saved.report["metadata"]["version"]) == (newest, 2)
    assert len(list(tmp_path.iterdir())) == 2
    (notice,) = [one["text"] for one in build_page(saved.report)["notices"] if "replaces version 1" in one["text"]]
    assert notice.endswith("no total changed, only details did.")


def test_customer_report_says_what_the_weekly_report_says_and_bears_the_brand() -> None:
    weekly, customer = make_report(HOSTILE_NAMES, HOSTILE_SITE), REPORTS["customer_report"]
    savings = weekly["summary"]["totalPotentialSavings"]
    assert customer["savings"]["estimatedAnnual"] == savings["estimatedAnnual"]
    assert customer["energy"]["totalKwh"] == weekly["consumption"]["totalKwh"]
    believed = [win["findingId"] for win in weekly["sections"]["quickWins"]
                if win["confidence"] != "low" and win["type"] != "repair"]  # fmt: skip
    assert [action["findingId"] for action in customer["actions"]] == believed
    assert len(believed) == 2
    markup = render_html(build_page(json.loads(json.dumps(customer))))
    parsed = read_html(markup)
    logo = next(attrs for tag, attrs in parsed.elements if tag == "img")
    assert (logo["src"], logo["alt"]) == (PIXEL, "Acme <Energy>")
    assert "--accent: #7a1f5c" in markup
    assert "Jane #Doe, jane@example.com" in " ".join(parsed.words)


def test_customer_reads_the_worth_of_the_actions_that_are_listed_and_the_carbon_of_the_energy_told() -> None:
    checked = checked_week()
    sections = checked.week.sections
    win = next(win for win in sections["quickWins"] if win["confidence"] != "low" and win["impact"]["weeklyKwh"])
    carbon = {"kgCo2e": 160.0, "factorKgPerKwh": 0.4, "source": "a grid"}
    week = checked.week._replace(
        sections=sections | {"quickWins": [win] * 8}, consumption=checked.week.consumption | {"carbon": carbon}
    )
    report = assemble_customer_report(checked._replace(week=week), BRAND, NOW)
    assert (len(report["actions"]), report["carbon"]) == (5, carbon)
    for key, name in (("weeklyKwh", "weeklyKwh"), ("weeklyCost", "weeklyCost"), ("annualCost", "estimatedAnnual")):
        assert report["savings"][name] == pytest.approx(sum(action[key] for action in report["actions"]), abs=0.01)
    assert report["savings"]["weeklyCost"] == pytest.approx(5 * 23.70, abs=0.01)
    assert report["summary"]["headline"][-1] == "The weekly report has 3 more, not included in these figures."
    emitted = next(tile for tile in build_page(report)["tiles"] if tile["label"] == "Carbon")
    assert emitted["value"].startswith("160")


def test_assumed_opening_hours_are_told_to_every_reader() -> None:
    reports = family(ASSUMED_SCHEDULE)
    weekly, customer = make_report(schedule=ASSUMED_SCHEDULE), reports["customer_report"]
    portfolio = reports["portfolio_overview"]
    note = weekly["sections"]["afterHoursWaste"]["schedule"]["note"]
    assert spaced(note) == "Opening hours not confirmed: Mon–Fri 7 am–6 pm assumed."
    for report in (weekly, customer):
        page = build_page(json.loads(json.dumps(report)))
        assert page["assumptions"] == ["Price not confirmed: $0.12 per kWh assumed.", note]
        for shown in (
            render_html(page),
            words_of_pdf(render_pdf(page)),
            render_mail_html(page),
            render_mail_text(page),
        ):
            for line in page["assumptions"]:
                assert squeeze(line) in squeeze(shown)
        assert ("config/sites/7.toml" in render_html(page)) == (report is weekly)
    site = portfolio["sites"][0]["siteName"]
    assert portfolio["summary"]["assumptions"] == [f"Opening hours not confirmed at {site}."]
    assert portfolio["summary"]["assumptions"][0] in portfolio["summary"]["headline"]
    assert "toml" not in " ".join(portfolio["summary"]["headline"])


def test_customer_reads_which_step_is_of_one_event_and_over_which_meters_the_week_is_compared() -> None:
    report = assemble_customer_report(checked_week(), BRAND, NOW)
    assert spaced(report["summary"]["headline"][:3]) == [
        "This week your building used at least 1,206 kWh, 28 % above normal (3 of 4 meters compared). 2 things you "
        "can do.",
        "New this week: 198 kWh, $23.70. If it goes on, it costs as much every week.",
        "One-time: 45.0 kWh, $5.40, not in the weekly or annual totals.",
    ]
    assert report["savings"]["estimatedAnnual"] == 0.0
    page = build_page(report)
    (items,) = (block["items"] for block in page["sections"][0]["blocks"])
    assert [(item["amountNote"], item["facts"][0][0]) for item in items] == [
        ("new this week", "Energy"),
        ("one-time", "Energy"),
    ]
    assert page["tiles"][0]["label"] == "You used, at least"
    assert spaced(page["hero"]["note"]) == "Energy cost $144.66; you could save $23.70 a week (198 kWh)."
    ahead = report | {"outlook": {"expectedKwh": 2319.0, "changePct": -5.0}}
    (note,) = (tile["note"] for tile in build_page(ahead)["tiles"] if tile["label"].startswith("Expected"))
    assert spaced(note) == "−5 % on the same hours of the last 7 days"


def test_customer_is_told_what_to_check_where_nothing_is_certain() -> None:
    """Nobody named the opening hours, so what ran while closed is no saving; it is no quiet week either."""
    report = assemble_customer_report(checked_week(schedule=ASSUMED_SCHEDULE), BRAND, NOW)
    low = [win["title"] for win in make_report(schedule=ASSUMED_SCHEDULE)["sections"]["quickWins"]
           if win["confidence"] == "low"]  # fmt: skip
    assert report["toCheck"] == low != []
    page = build_page(json.loads(json.dumps(report | {"actions": []})))
    told = page["sections"][0]["blocks"]
    assert [block["type"] for block in told] == ["text", "list"]
    assert spaced(told[1]["items"]) == spaced(low)
    assert customer_result(report["energy"], report["metadata"]["period"], 0, 2).endswith(" 2 things to check.")
    assert customer_result(report["energy"], report["metadata"]["period"], 0, 0).endswith(" Nothing for you to do.")


def test_customer_with_a_single_event_is_promised_nothing_a_year() -> None:
    checked = checked_week()
    wins = checked.week.sections["quickWins"]
    once = [win for win in wins if win["impact"]["basis"] == "one_off" and win["confidence"] != "low"]
    week = checked.week._replace(sections=checked.week.sections | {"quickWins": once * 6})
    report = assemble_customer_report(checked._replace(week=week), BRAND, NOW)
    assert spaced(report["summary"]["headline"][1:]) == [
        "One-time: 225 kWh, $27.00, not in the weekly or annual totals.",
        "The weekly report has 1 more, not included in these figures.",
    ]
    assert "save" not in build_page(report)["hero"]["note"]


def test_a_portfolio_row_names_the_currency_that_its_savings_are_in() -> None:
    checked = checked_week()
    week = checked.week._replace(
        sections=checked.week.sections | {"costOptimization": {"status": "unavailable", "reason": "no total"}}
    )
    checked = checked._replace(week=week, site=checked.site._replace(currency_code="GBP"))
    row = site_row(checked.site, assemble_report(*checked, now=NOW))
    assert row["currency"] == week.summary["totalPotentialSavings"]["currency"] == "USD"


def test_assets_are_rated_by_the_worst_that_was_found() -> None:
    def issue(channel_id: int, severity: str) -> dict[str, Any]:
        name = f"meter {channel_id}"
        return {"channelId": channel_id, "channelName": name, "severity": severity, "type": "clock_change"}

    def row(channel_id: int, kwh: float | None) -> dict[str, Any]:
        return {"channelId": channel_id, "channelName": f"meter {channel_id}", "energyKwh": kwh, "peakKw": kwh}

    sections = {
        "sensorHealth": {
            "issues": [issue(1, "high"), issue(1, "low"), issue(2, "low"), issue(3, "low"), issue(3, "low")]
        },
        "afterHoursWaste": {"topMeters": [
            {"channelId": 4, "isSignificant": True, "impact": {"excessKwh": 12.4}, "findingId": "after_hours-4"},
            {"channelId": 5, "isSignificant": False, "impact": {"excessKwh": 11.0}},
        ]},
        "anomalies": {"byChannel": []},
        "electricalHealth": {"meters": [{"channelId": 6, "issues": [
            {"severity": "medium", "type": "voltage", "findingId": "electrical-6"}]}]},
    }  # fmt: skip
    use = {"byChannel": [row(channel_id, None if channel_id == 7 else 0.0) for channel_id in range(1, 9)]}
    quality = {"byChannel": [{"channelId": channel_id, "completenessPct": 100.0} for channel_id in range(1, 9)]}
    rated = rate_assets(sections, use, quality)
    assert {asset["channelId"]: asset["status"] for asset in rated["assets"]} == {
        1: "red", 3: "amber", 4: "amber", 6: "amber", 7: "grey", 2: "green", 5: "green", 8: "green",
    }  # fmt: skip
    assert [asset["channelId"] for asset in rated["assets"]] == [1, 3, 4, 6, 7, 2, 5, 8]
    assert rated["summary"] == {"red": 1, "amber": 3, "green": 3, "grey": 1}
    assert [reason["severity"] for reason in rated["assets"][0]["reasons"]] == ["high", "low"]
    (waste,) = rated["assets"][2]["reasons"]
    assert (waste["about"], waste["severity"], waste["findingId"]) == ("use", "medium", "after_hours-4")
    assert spaced(describe_reason(waste)) == "12.4 kWh left running while the site was closed"


def test_an_asset_says_whose_fault_it_is_and_no_power_bears_the_name_of_another() -> None:
    page = build_page(json.loads(json.dumps(assemble_asset_report(checked_week(), NOW))))
    fault = "Well pump, its meter: no readings for the last 6.5 days of the period"
    assert page["hero"]["value"] == (
        "1 needs immediate action: Well pump. 2 need a look. 1 of 4 pieces of equipment in order."
    )
    assert page["tiles"][3]["note"] == "not assessed, and no fault known"
    attention, every = (section["blocks"][0] for section in page["sections"])
    assert attention["items"][0]["title"] == fault
    assert spaced(attention["items"][1]["title"]) == "Air handler 2: voltage below 114 V for 7 days, lowest 112 V"
    assert "Base load" not in [column["label"] for column in every["columns"]]


def test_an_unmeasured_supply_is_not_praised() -> None:
    checked = checked_week()
    electrical = checked.week.sections["electricalHealth"]
    missing = [{"channelId": 1, "channelName": "a", "measure": "current_thd", "missing": "current distortion"}]
    bare = electrical | {
        "summary": electrical["summary"] | {"metersAssessed": 0, "totalIssues": 0},
        "meters": [],
        "siteIssues": [],
        "notAssessed": missing,
    }
    week = checked.week._replace(sections=checked.week.sections | {"electricalHealth": bare})
    report = assemble_electrical_report(checked._replace(week=week), NOW)
    told = "Nothing could be assessed: no meter sent electrical quantities in the period."
    assert report["summary"]["headline"] == [told]
    page = build_page(report)
    assert [tile["label"] for tile in page["tiles"]] == ["Meters assessed"]
    assert page["sections"][0]["blocks"] == [{"type": "note", "text": told, "tone": "calm"}]
    assert page["sections"][-1]["blocks"][0]["items"] == ["Current THD on 1 meter; missing: current distortion."]


def test_months_are_compared_a_day_and_like_with_like() -> None:
    summary = monthly_summary()
    assert summary["totalKwh"] == 3410
    # Meter 2 has five days in December, so it is left out: 100 a day against 80.
    assert summary["changeOnMonthBefore"] == {"month": "2025-12", "meters": 1, "changePct": 25.0}
    assert summary["changeOnYearBefore"] == {"month": "2025-01", "meters": 1, "changePct": -50.0}
    assert [month["month"] for month in summary["trend"]] == [f"2025-{month:02d}" for month in range(1, 13)] + [
        "2026-01"
    ]
    assert summary["trend"][-2] == {"month": "2025-12", "energyKwh": 2530.0, "coveredPct": 58.1}
    assert summary["trend"][5] == {"month": "2025-06", "energyKwh": None, "coveredPct": 0.0}
    shares = [(row["channelId"], row["sharePct"], row["changePct"]) for row in summary["byChannel"]]
    assert shares == [(1, 90.9, 25.0), (2, 9.1, None)]


def test_months_that_are_partly_covered_are_counted_in_english() -> None:
    report = REPORTS["monthly_summary"]
    for covered, words in (([50.0, 100.0], "1 of them is not complete"), ([50.0, 50.0], "2 of them are not"),
                           ([100.0, 100.0], "2 months with readings.")):  # fmt: skip
        trend = [{"month": f"2026-0{number}", "energyKwh": 1.0, "coveredPct": pct}
                 for number, pct in enumerate(covered, 1)]  # fmt: skip
        (chart,) = build_page(report | {"trend": trend})["sections"][0]["blocks"]
        assert words in chart["summary"]


def test_sub_meters_are_not_counted_with_their_main_meter() -> None:
    monthly = pd.DataFrame(
        [(1, MONTH, 1000.0, 31), (2, MONTH, 400.0, 31)], columns=["channel_id", "local_month", "energy_kwh", "days"]
    )
    summary = summarize_months(monthly, make_meters(1, 2, parents={2: 1}), MONTH)
    assert summary["totalKwh"] == 1000
    assert [(row["channelId"], row["isRoot"], row["sharePct"]) for row in summary["byChannel"]] == [
        (1, True, 100.0), (2, False, 40.0),
    ]  # fmt: skip


def test_sub_meters_stand_in_for_a_main_meter_that_died_in_the_month() -> None:
    monthly = pd.DataFrame(
        [(1, MONTH, 70.0, 2), (2, MONTH, 600.0, 31), (3, MONTH, 400.0, 31)],
        columns=["channel_id", "local_month", "energy_kwh", "days"],
    )
    summary = summarize_months(monthly, make_meters(1, 2, 3, parents={2: 1, 3: 1}), MONTH)
    assert summary["totalKwh"] == 1000
    assert [(row["channelId"], row["isRoot"]) for row in summary["byChannel"]] == [(2, True), (3, True), (1, False)]


@pytest.mark.parametrize(
    ("saved", "badge", "amount"),
    [(0.2, "a saving is proved", "€9.60"), (-0.2, "it uses more than before", ""), (0.0, "not yet", "")],
)
def test_the_verdict_on_a_measure_is_told_in_its_own_currency(saved: float, badge: str, amount: str) -> None:
    hours = make_hours(saved=saved, noise=0.0 if saved else 0.02)
    verdict = verify(hours)
    if verdict["savings"]:
        verdict["savings"] |= {"savedCost": 9.6, "currency": "EUR"}
    summary = monthly_summary() | {"measures": [{"name": "LED", "channelId": 1, **verdict}]}
    checked = checked_week()
    report = assemble_monthly_report(checked.site, checked.status, MONTH, summary, None, NOW)
    assert any("1 of 1 measure proved to save" in line for line in report["summary"]["headline"]) == (saved > 0)
    section = next(part for part in build_page(report)["sections"] if part["id"] == "savings")
    (finding,) = section["blocks"][0]["items"]
    assert (finding["badge"], finding["amount"]) == (badge, amount)
    facts = dict(finding["facts"])
    is_more = verdict["savings"]["savedKwh"] < 0
    assert ("Used more" in facts, "Saved" in facts) == (is_more, not is_more)
    assert facts["Used more" if is_more else "Saved"][0].isdigit()


def test_a_channel_in_quarantine_is_in_no_sum_of_the_month_either(monkeypatch: pytest.MonkeyPatch) -> None:
    site = checked_week().site
    monthly = pd.DataFrame(
        [(1, MONTH, 1000.0, 31), (2, MONTH, 90000.0, 31)], columns=["channel_id", "local_month", "energy_kwh", "days"]
    )
    left_out = readings_lib.QuarantinedChannel(2, "meter 2", ["spike"], "jumps", "look", 99.0, NOW)
    for name, value in {"load_site": site, "load_meters": make_meters(1, 2), "load_monthly": monthly,
                        "load_quarantined": [left_out], "load_findings": []}.items():  # fmt: skip
        monkeypatch.setattr(readings_lib, name, lambda conn, site_id, value=value: value)
    week = checked_week().week
    monkeypatch.setattr(loading, "_analyze_period", lambda *_: week)
    summary = loading.load_month(None, 7, MONTH, NOW + timedelta(days=31))
    assert (summary["totalKwh"], [row["channelId"] for row in summary["byChannel"]]) == (1000.0, [1])


def test_month_of_the_calendar() -> None:
    assert last_complete_month(date(2026, 1, 1)) == date(2025, 12, 1)
    assert last_complete_month(date(2026, 3, 31)) == date(2026, 2, 1)
    assert [add_months(date(2026, 1, 1), n) for n in (-13, -1, 11)] == [
        date(2024, 12, 1),
        date(2025, 12, 1),
        date(2026, 12, 1),
    ]
    assert parse_month("2026-01", date(2026, 2, 1)) == MONTH
    with pytest.raises(UsageError, match="is not over yet"):
        parse_month("2026-02", date(2026, 2, 28))
    for text in ("2026-13", "January", "2026-1-1", ""):
        with pytest.raises(UsageError, match="is no month"):
            parse_month(text, date(2026, 2, 1))


def test_currencies_are_never_added_up() -> None:
    def row(currency: str | None, amount: float) -> dict[str, Any]:
        return {
            "status": "ok",
            "currency": currency,
            "dataSource": "eniscope",
            "totalKwh": 10.0,
            "savingsWeekly": amount,
            "savingsAnnual": 52 * amount,
        }

    totals = total_sites([row("USD", 1), row("EUR", 2), row("USD", 3), row(None, 5), {"status": "held_back"}])
    assert (totals["sites"], totals["totalKwh"]) == (4, 40.0)
    assert [(one["currency"], one["sites"], one["savingsWeekly"]) for one in totals["savings"]] == [
        ("EUR", 1, 2), (None, 1, 5), ("USD", 2, 4),
    ]  # fmt: skip


def test_a_total_of_which_a_part_is_unknown_is_told_as_at_least() -> None:
    window = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00", "timezone": "America/New_York"}
    row = next(row for row in REPORTS["portfolio_overview"]["sites"] if row["status"] == "ok") | {"seriousIssues": 0}
    whole = row | {"siteId": 1, "dataSource": "file", "totalKwh": 100.0, "isAtLeast": False}
    part = row | {"siteId": 2, "dataSource": "file", "totalKwh": 50.0, "isAtLeast": True}
    made_up = row | {"siteId": 3, "dataSource": "sandbox", "totalKwh": 5.0, "isAtLeast": True}
    for rows, told, tile in (
        ([whole, made_up], "1 site used 100 kWh this week: 1 above normal.", "Energy used"),
        ([whole, part, made_up], "2 sites used at least 150 kWh this week: 2 above normal.", "Energy used, at least"),
    ):
        report = assemble_portfolio_report(rows, window, NOW, [], {"ledger": [], "judged": []})
        check_report(report, "portfolio_overview")
        assert spaced([report["summary"]["result"]]) == [told]
        assert build_page(report)["tiles"][0]["label"] == tile


@pytest.mark.parametrize(
    "text, shown",
    [
        ("AHU-1B and Well Pump", '<span class="whole">AHU-1B</span> and Well Pump'),
        ("RTU-1, RTU-2.", '<span class="whole">RTU-1</span>, <span class="whole">RTU-2</span>.'),
        ('A-<b>-C & "D-1"', 'A-&lt;b&gt;-C &amp; &#34;<span class="whole">D-1</span>&#34;'),
        ("Dampfkesselhaus-Nord", "Dampfkesselhaus-Nord"),  # 15 letters: too long to be kept whole on a phone
        ("Kesselhaus12-Nord", '<span class="whole">Kesselhaus12-Nord</span>'),
        ("−4 % - none", "−4 % - none"),
    ],
)
def test_a_name_is_not_parted_at_its_hyphen(text: str, shown: str) -> None:
    assert str(keep_names_whole(text)) == shown


def test_made_up_sites_are_marked_and_in_no_total_with_measured_ones() -> None:
    window = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00", "timezone": "America/New_York"}
    row = next(row for row in REPORTS["portfolio_overview"]["sites"] if row["status"] == "ok")
    measured = row | {"siteId": 1, "siteName": "Bakery", "dataSource": "file", "totalKwh": 100.0}
    made_up = row | {"siteId": 2, "siteName": "Toy", "dataSource": "sandbox", "totalKwh": 5000.0}
    both = assemble_portfolio_report([made_up, measured], window, NOW, [], {"ledger": [], "judged": []})
    check_report(both, "portfolio_overview")
    assert (both["totals"]["sites"], both["totals"]["totalKwh"], both["totals"]["sandboxSitesLeftOut"]) == (1, 100.0, 1)
    warning = "SANDBOX DATA, made up and not measured, of Toy (2): marked below, and in no total."
    told = spaced(both["summary"]["headline"])
    assert told[:2] == [
        warning,
        "1 site used at least 100 kWh this week: 1 above normal. 1 site has serious meter issues.",
    ]
    page = render_html(build_page(both))
    assert "Toy (sandbox, made up)" in page
    assert "Bakery (sandbox" not in page
    alone = assemble_portfolio_report([made_up], window, NOW, [], {"ledger": [], "judged": []})
    assert alone["totals"]["totalKwh"] == 5000.0
    assert alone["warnings"] == [
        "SANDBOX DATA: made up for trying and testing. Nothing here was measured in a building."
    ]


def test_brand_is_read_and_a_sites_own_goes_before(tmp_path: Path) -> None:
    assert load_site(7, tmp_path, branding_file=tmp_path / "branding.toml").branding == Branding()
    (tmp_path / "acme.svg").write_bytes(b"<svg/>")
    (tmp_path / "branding.toml").write_text(
        '[branding]\nname = "Acme"\ncolor = "#0B6B67"\nlogo = "acme.svg"\ncontact = "me"\n'
    )
    (tmp_path / "7.toml").write_text('[branding]\nname = "Acme North"\n')
    brand = load_site(7, tmp_path, branding_file=tmp_path / "branding.toml").branding
    assert brand == Branding("Acme North", "#0b6b67", "data:image/svg+xml;base64,PHN2Zy8+", "me")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('color = "red"', "should be a color such as"),
        ('color = "#ffcc00"', "a darker color: its contrast with white must be 4.5"),
        ('logo = "missing.png"', "a PNG, JPEG or SVG file that exists"),
        ('logo = "branding.toml"', "a PNG, JPEG or SVG file"),
        ('logo = "large.png"', "a file of at most 200 kB"),
        ('colour = "#000000"', "branding.colour is not known; did you mean color"),
    ],
)
def test_brand_that_cannot_be_meant_is_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "large.png").write_bytes(b"x" * 200_001)
    (tmp_path / "branding.toml").write_text(f"[branding]\n{line}\n")
    with pytest.raises(ConfigError, match=message):
        _ = load_site(7, tmp_path, branding_file=tmp_path / "branding.toml").branding


def test_measures_are_read_by_date(tmp_path: Path) -> None:
    assert load_site(7, tmp_path).measures == []
    (tmp_path / "7.toml").write_text(
        '[[measures]]\nname = "b"\nchannel = 2\ndate = 2026-02-01\n'
        '[[measures]]\nname = "a"\nchannel = 1\ndate = 2026-01-01\n'
    )
    assert load_site(7, tmp_path).measures == [("a", 1, date(2026, 1, 1)), ("b", 2, date(2026, 2, 1))]
    (tmp_path / "7.toml").write_text('[[measures]]\nname = "b"\nchannel = 2\ndate = "soon"\n')
    with pytest.raises(ConfigError, match=r"measures\[1\].date should be a date"):
        load_site(7, tmp_path)


@pytest.mark.slow
def test_scripts_write_from_the_database_and_respect_the_breaker(
    conn: Connection, database_url: str, run_script: Callable[..., Any], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    week = local_day_window(*last_complete_week(now, TIMEZONE), TIMEZONE)
    make_site(conn, now.replace(minute=0, second=0, microsecond=0), days=75)
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    env = {"DATABASE_URL": database_url}
    scripts = {
        "customer_report": "generate_customer_report", "asset_health": "generate_asset_health",
        "electrical_health": "generate_electrical_health", "monthly_summary": "generate_monthly_summary",
    }  # fmt: skip
    for schema, script in scripts.items():
        out = tmp_path / f"{schema}.json"
        done = run_script(f"deliver/{script}.py", "--site", str(SITE_ID), "--out", out, "--html", env=env)
        assert (done.returncode, done.stderr) == (0, ""), schema
        report = json.loads(out.read_text(encoding="utf-8"))
        check_report(report, schema)
        headline = spaced(report["summary"]["headline"])
        assert done.stdout.splitlines() == [str(out), str(out.with_suffix(".html")), *headline]
    out = tmp_path / "portfolio.json"
    portfolio = ("deliver/generate_portfolio.py", "--reports", tmp_path, "--out", out)
    assert run_script(*portfolio, env=env).returncode == 3
    (row,) = json.loads(out.read_text(encoding="utf-8"))["sites"]
    assert row["reason"].startswith(
        f"no report for this week is recorded; run: bash operations/weekly_report.sh --site {SITE_ID}"
    )
    weekly = tmp_path / "weekly.json"
    assert (
        run_script("deliver/generate_weekly_report.py", "--site", str(SITE_ID), "--out", weekly, env=env).returncode
        == 0
    )
    assert run_script("govern/record_report.py", weekly, env=env).returncode == 0
    done = run_script(*portfolio, env=env)
    assert done.returncode == 0, done.stderr
    overview = json.loads(out.read_text(encoding="utf-8"))
    check_report(overview, "portfolio_overview")
    assert "1 site more with a report, energy +" in overview["delta"]["text"]
    (row,) = overview["sites"]
    (total_kwh,) = db.fetch_all(
        conn, "SELECT sum(energy_kwh) FROM readings WHERE timestamp >= %s AND timestamp < %s", week
    )[0]
    assert (row["status"], row["totalKwh"]) == ("ok", pytest.approx(total_kwh, abs=1e-3))

    db.execute(conn, "DELETE FROM validation_runs")
    conn.commit()
    for script in scripts.values():
        held = run_script(f"deliver/{script}.py", "--site", str(SITE_ID), "--out", tmp_path / "held.json", env=env)
        assert (held.returncode, held.stdout) == (3, ""), script
        assert f"no report for site {SITE_ID}: not validated yet; run: python govern/" in held.stderr
    assert not (tmp_path / "held.json").exists()
