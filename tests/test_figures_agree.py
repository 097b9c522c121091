"""Every figure on a surface is in the report's JSON, and figures of one thing are equal on all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from report_factory import checked_week, make_report
from test_report_family import REPORTS, squeeze, words_of_pdf
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_scope, spaced

from analyze.meters.completeness import channel_completeness
from analyze.sections.spikes import note_longer_events
from analyze.week.chart_data import daily_completeness
from analyze.week.intervals import prepare_intervals
from analyze.week.site_week import baseline_before
from config.thresholds import Thresholds
from deliver.pages.kinds import build_page
from deliver.pages.mail_body import render_mail_text
from deliver.pages.pdf_pages import render_pdf
from deliver.portal.report_pages import figures_of as list_figures
from deliver.reports.portfolio import site_row
from lib.date_utils import Window

# 2,219 kWh, 36.9 kW, $266.28, 7 %; figures without a unit are counts, dates and clock times.
_FIGURE = re.compile(r"(?P<sign>[−-]?)(?P<money>[$])?(?P<number>\d[\d,]*(?:\.\d+)?)(?P<unit> (?:kWh|kW|V|%))?")


def numbers_of(value: Any) -> Iterator[float]:
    """Yield all numbers of a report."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield abs(float(value))
    elif isinstance(value, dict):
        yield from numbers_of(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from numbers_of(item)


def figures_of(texts: Iterator[str]) -> Iterator[tuple[str, float, int]]:
    """Yield each amount of money, energy, power and share in the texts, with its decimals."""
    for text in texts:
        for match in _FIGURE.finditer(spaced(text)):
            if match["money"] or match["unit"]:
                number = match["number"].replace(",", "")
                yield match.group(), float(number), len(number.partition(".")[2])


def texts_of(part: Any) -> Iterator[str]:
    """Yield the texts of a page's parts, without the data of charts."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for key, item in part.items():
            if key not in ("data", "id"):
                yield from texts_of(item)
    elif isinstance(part, list):
        for item in part:
            yield from texts_of(item)


# A share of two figures that stand beside it, and a limit of the page's own colors.
_DERIVED = re.compile(r"of it while running|^Red: a serious meter issue")


def reports() -> dict[str, dict[str, Any]]:
    """Return a report of each kind."""
    return {"weekly": make_report(), **REPORTS}


def missing_figures(texts: Iterator[str], report: Any) -> tuple[int, list[str]]:
    """Return how many figures the texts tell, and those of them that are not in the report."""
    known = sorted(numbers_of(report))
    told = list(figures_of(text for text in texts if not _DERIVED.search(text)))
    return len(told), [
        text
        for text, number, digits in told
        if not any(round(value, digits) == number or abs(value - number) <= 0.5 * 10**-digits for value in known)
    ]


@pytest.mark.parametrize(("kind", "least"), [
    ("weekly", 60), ("customer_report", 10), ("monthly_summary", 4), ("asset_health", 10), ("electrical_health", 1),
    ("portfolio_overview", 4),
])  # fmt: skip
def test_every_figure_of_a_page_is_in_its_report(kind: str, least: int) -> None:
    report = json.loads(json.dumps(reports()[kind]))
    page = build_page(report)
    texts = texts_of({key: page[key] for key in ("hero", "assumptions", "tiles", "headline", "sections")})
    # What a piece of equipment shows is a finding of the week, with the figures that it has there.
    known = [report, make_report()["sections"]] if kind == "asset_health" else report
    count, missing = missing_figures(texts, known)
    assert count > least
    assert missing == []


@pytest.mark.parametrize("kind", ["weekly", "customer_report"])
def test_every_figure_of_the_mail_and_the_pdf_is_in_the_report(kind: str) -> None:
    report = json.loads(json.dumps(reports()[kind]))
    page = build_page(report)
    for shown in (render_mail_text(page), page["subject"]):
        count, missing = missing_figures(iter(shown.splitlines()), report)
        assert count > 0
        assert missing == []
    words = words_of_pdf(render_pdf(page))
    told = {text for text, _, _ in figures_of(texts_of({"hero": page["hero"], "tiles": page["tiles"]}))}
    assert told
    for text in told:
        assert squeeze(text) in squeeze(words)


def test_a_site_has_one_energy_change_and_saving_on_page_portfolio_and_portal() -> None:
    """The row of a site in the overview of all is the head of its own report."""
    report = make_report()
    row = site_row(checked_week().site, report)
    use, savings = report["consumption"], report["summary"]["totalPotentialSavings"]
    assert (row["totalKwh"], row["changePct"]) == (use["totalKwh"], use["changePct"])
    assert (row["savingsWeekly"], row["savingsAnnual"]) == (savings["weeklyCost"], savings["estimatedAnnual"])
    figures = list_figures(report)
    assert (figures.total_kwh, figures.change_pct) == (use["totalKwh"], use["changePct"])
    assert figures.savings_weekly == savings["weeklyCost"]


def test_a_peak_within_a_longer_event_is_told_there_alone() -> None:
    report = make_report()
    peaks = report["sections"]["spikes"]["topSpikes"]
    events = report["sections"]["anomalies"]["timeline"]
    event = next(event for event in events if event["direction"] == "high")
    template = {"duration": "1 h", "intervals": 4, "peakPower": 9.0, "totalExcessKwh": 3.0, "usualPeakPower": 2.0}
    inside = template | {key: event[key] for key in ("channelId", "channelName", "start", "end")}
    outside = inside | {"end": "2027-01-01T00:00:00-05:00"}
    note_longer_events([inside, outside], events)
    part = {key: event[key] for key in ("start", "end", "excessKwh")}
    assert (inside["partOf"], outside["partOf"]) == (part, None)
    peaks[:] = [inside, outside]
    (section,) = (section for section in build_page(report)["sections"] if section["id"] == "spikes")
    assert section["fact"] == "1 peak on 1 meter"
    (table,) = (block for block in section["blocks"] if block["type"] == "table")
    assert len(table["rows"]) == 1
    assert "Part of a longer event" in " ".join(section["blocks"][-1]["paragraphs"])


def test_one_event_has_one_size_on_every_list() -> None:
    report = make_report()
    page = build_page(report)
    (meter, *_) = report["sections"]["afterHoursWaste"]["topMeters"]
    (item, *_) = report["summary"]["attention"]
    win = next(win for win in report["sections"]["quickWins"] if win["findingId"] == item["winId"])
    assert meter["channelId"] == win["channelId"]
    assert meter["impact"]["excessKwh"] == win["impact"]["periodKwh"] == 197.5
    sections = {section["id"]: section for section in page["sections"]}
    assert spaced(sections["after-hours"]["fact"]) == "198 kWh, $23.70 on 1 meter left running while closed"
    assert spaced(sections["attention"]["blocks"][0]["items"][0]["amount"]) == "$23.70"


def test_the_hours_of_the_chart_add_up_to_the_total() -> None:
    report = make_report()
    hours = sum(kwh or 0.0 for kwh in report["charts"]["hourly"]["actualKwh"])
    days = sum(day["energyKwh"] or 0.0 for day in report["consumption"]["daily"])
    meters = sum(row["energyKwh"] or 0.0 for row in report["consumption"]["byChannel"] if row["isRoot"])
    total = report["consumption"]["totalKwh"]
    assert [days, meters] == pytest.approx([total] * 2, abs=0.01)
    assert hours == pytest.approx(total, abs=168 * 0.005)  # each hour is rounded


@pytest.mark.parametrize(("begins", "expected", "by_day"), [
    (date(2026, 1, 15), 384, [None, None, None, 100.0, 100.0, 100.0, 100.0]),
    (date(2026, 1, 12), 672, [100.0] * 7),
])  # fmt: skip
def test_a_meter_is_complete_from_its_first_reading_on(begins: date, expected: int, by_day: list[float | None]) -> None:
    """Nobody knows when it was installed; the other meter has readings of the weeks before, this one has none."""
    both = Window(baseline_before(WEEK, NEW_YORK, Thresholds()).start, WEEK.end)
    start = WEEK.start + timedelta(days=(begins - date(2026, 1, 12)).days)
    import pandas as pd

    readings = pd.concat([fill_window(1, both, 2.0, 2.0), fill_window(2, Window(start, WEEK.end), 3.0, 3.0)])
    scope = make_scope(make_meters(1, 2))
    intervals = prepare_intervals(readings, scope.meters, NEW_YORK)
    row = channel_completeness(intervals, scope.meters, WEEK).iloc[1]
    assert (row["expected_intervals"], row["completeness_pct"]) == (expected, 100.0)
    assert daily_completeness(intervals, scope)["channels"][1]["completenessPct"] == by_day


def test_a_part_of_a_main_is_told_as_such_beside_it() -> None:
    report = make_report()
    part, main = report["consumption"]["byChannel"][:2]
    (meter, *_) = report["sections"]["afterHoursWaste"]["topMeters"]
    meters = [meter | {key: row[key] for key in ("channelId", "channelName")} for row in (main, part)]
    report["sections"]["afterHoursWaste"]["topMeters"] = meters
    part["parentChannelId"] = main["channelId"]
    (section,) = (section for section in build_page(report)["sections"] if section["id"] == "after-hours")
    names = section["blocks"][0]["data"]["names"]
    assert names == [main["channelName"], f"{part['channelName']} (part of {main['channelName']})"]
