"""The Excel workbook of a report: read back cell by cell, it says what the report's JSON says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from report_factory import NAMES, NOW, checked_week, make_report
from test_report_family import REPORTS

from analyze.week.meter_table import tabulate_meters
from deliver.files.report_files import page_places, write_report, write_report_workbook
from deliver.files.workbook import Column, Kind, Row, Sheet, is_workbook, write_workbook
from lib.errors import UsageError

FORMULAS = (
    "=1+1",
    "+SUM(A1)",
    "-2",
    "@A1",
    " =HYPERLINK(0)",
    "{=1}",
    "http://a.example",
    "00012",
    "1e5",
    "#N/A",
    "_x0041_",
)


def read(path: Path) -> dict[str, list[list[Any]]]:
    """Return the values of each sheet; there are no formulas in any."""
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink]
    return {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book}


def local(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def test_workbook_says_what_the_report_says(tmp_path: Path) -> None:
    report = make_report()
    path = write_report_workbook(report, tmp_path / "week")
    sheets = read(path)
    assert list(sheets) == ["Summary", "Findings", "Events", "Meter issues", "Meters", "Days"]
    use, savings = report["consumption"], report["summary"]["totalPotentialSavings"]
    figures = dict(map(tuple, sheets["Summary"][1:]))
    assert {key: figures[key] for key in (
        "Site", "Site number", "From (local)", "To (local)", "Energy used (kWh)", "At least so much, part is unknown",
        "Change against normal (%)", "Energy charges (USD)", "Tariff is assumed", "Could be saved a week (USD)",
        "One-time, not in the totals (kWh)", "Data complete (%)",
    )} == {
        "Site": "Test school", "Site number": 7, "From (local)": datetime(2026, 1, 12),
        "To (local)": datetime(2026, 1, 19), "Energy used (kWh)": use["totalKwh"],
        "At least so much, part is unknown": "yes", "Change against normal (%)": use["changePct"],
        "Energy charges (USD)": use["cost"]["energyCost"], "Tariff is assumed": "yes",
        "Could be saved a week (USD)": savings["weeklyCost"], "One-time, not in the totals (kWh)": savings["onceKwh"],
        "Data complete (%)": report["dataQuality"]["avgCompleteness"],
    }  # fmt: skip
    assert [value for label, value in sheets["Summary"] if label == "What it says"] == report["summary"]["headline"]
    assert [row[:2] + row[7:12] for row in sheets["Findings"][1:]] == [
        [win["title"], win.get("channelName"), *(win["impact"].get(key) for key in
         ("weeklyKwh", "weeklyCost", "annualCost", "periodKwh", "periodCost"))]
        for win in report["sections"]["quickWins"]
    ]  # fmt: skip
    events, spikes = report["sections"]["anomalies"]["timeline"], report["sections"]["spikes"]["topSpikes"]
    assert [row[1:5] + row[6:8] for row in sheets["Events"][1:]] == [
        [each["channelName"], each["channelId"], local(each["start"]), local(each["end"]), each["peakPower"],
         each["excessKwh"] if "excessKwh" in each else each["totalExcessKwh"]]
        for each in [*events, *spikes]
    ]  # fmt: skip
    assert [row[0:4] + row[6:7] for row in sheets["Meter issues"][1:]] == [
        [each["channelName"], each["channelId"], each["type"].replace("_", " "), each["severity"], each["description"]]
        for each in report["sections"]["sensorHealth"]["issues"]
    ]
    keys = (
        "channelName",
        "channelId",
        "energyKwh",
        "estimatedKwh",
        "expectedKwh",
        "changePct",
        "peakKw",
        "completenessPct",
    )
    assert [row[:8] for row in sheets["Meters"][1:]] == [
        [each.get(key, 0) if key == "estimatedKwh" else each[key] for key in keys] for each in use["byChannel"]
    ]
    assert sheets["Days"][1:] == [
        [datetime.fromisoformat(day["date"]), day["energyKwh"], day["estimatedKwh"]] for day in use["daily"]
    ]


def test_meters_by_day_and_interval_add_up_to_the_report(tmp_path: Path) -> None:
    report, tables = make_report(), tabulate_meters(checked_week().week)
    sheets = read(write_report_workbook(report, tmp_path / "week", tables))
    head, *days = sheets["Meters by day"]
    assert head == ["Day", *(f"{name} ({number}, kWh)" for number, name in enumerate(NAMES, 1))]
    assert [row[0] for row in days] == [datetime(2026, 1, 12) + timedelta(days=number) for number in range(7)]
    by_channel = {each["channelId"]: each["energyKwh"] for each in report["consumption"]["byChannel"]}
    for place, channel_id in enumerate(tables.by_day.channel_ids, 1):
        assert sum(row[place] or 0 for row in days) == pytest.approx(by_channel[channel_id], abs=1e-3)
    for row, day in zip(days, report["consumption"]["daily"], strict=True):
        assert sum(value or 0 for value in row[1:]) == pytest.approx(day["energyKwh"], abs=1e-3)
    head, *intervals = sheets["Interval data"]
    assert head[:3] == ["Start (local)", "Start (UTC)", "Air handler 2 (1, kWh)"]
    assert len(intervals) == 672
    assert intervals[0][:2] == [datetime(2026, 1, 12), datetime(2026, 1, 12, 5)]
    for place, channel_id in enumerate(tables.by_interval.channel_ids, 2):
        assert sum(row[place] or 0 for row in intervals) == pytest.approx(by_channel[channel_id], abs=1e-3)
    assert [row[5] for row in intervals[47:50]] == [
        0.050667,
        None,
        None,
    ]  # the well pump ends at noon: unknown, not zero


def test_numbers_and_times_have_formats_and_the_head_stays(tmp_path: Path) -> None:
    path = write_report_workbook(make_report(), tmp_path / "week", tabulate_meters(checked_week().week))
    book = openpyxl.load_workbook(path)
    assert {sheet.freeze_panes for sheet in book} == {"B2"}
    assert book["Days"]["A2"].number_format == "yyyy-mm-dd"
    assert book["Days"]["B2"].number_format == "#,##0.000"
    assert book["Interval data"]["A2"].number_format == "yyyy-mm-dd hh:mm"
    assert book["Findings"]["I2"].number_format == "#,##0.00"
    assert book["Summary"].column_dimensions["A"].width > 20
    assert book["Findings"].auto_filter.ref.startswith("A1:R")


def test_text_is_never_a_formula_a_link_or_a_number(tmp_path: Path) -> None:
    path = tmp_path / "hostile.xlsx"
    rows = [Row([text, float(number)]) for number, text in enumerate(FORMULAS)]
    write_workbook([Sheet("a", [Column("=evil()"), Column("n", Kind.ENERGY)], rows)], NOW, path)
    assert read(path)["a"] == [["=evil()", "n"], *([text, float(number)] for number, text in enumerate(FORMULAS))]
    sheet = openpyxl.load_workbook(path)["a"]
    assert [bool(sheet.cell(row, 1).quotePrefix) for row in range(2, 8)] == [
        True, True, True, True, True, False
    ]  # fmt: skip


def test_hostile_names_and_odd_values_keep_the_file_whole(tmp_path: Path) -> None:
    report = make_report()
    report["metadata"]["site"]["siteName"] = "=cmd|' /C calc'!A0\x07\u202e"
    report["sections"]["quickWins"][0]["title"] = "x" * 40_000
    sheets = read(write_report_workbook(report, tmp_path / "week"))
    assert sheets["Summary"][1] == ["Site", "=cmd|' /C calc'!A0"]
    assert len(sheets["Findings"][1][0]) == 32_767
    odd = [Row([None, float("nan"), True, date(2026, 3, 1), -0.5])]
    columns = [Column("a"), Column("b", Kind.ENERGY), Column("c"), Column("d", Kind.DAY), Column("e", Kind.MONEY)]
    write_workbook([Sheet("odd", columns, odd)], NOW, tmp_path / "odd.xlsx")
    assert read(tmp_path / "odd.xlsx")["odd"][1] == [None, None, "yes", datetime(2026, 3, 1), -0.5]


def test_the_repeated_hour_is_told_apart_by_utc(tmp_path: Path) -> None:
    tables = tabulate_meters(checked_week().week)
    twice = tables._replace(
        local_starts=[datetime(2025, 11, 2, 1)] * 2, utc_starts=[datetime(2025, 11, 2, 5), datetime(2025, 11, 2, 6)],
        by_interval=tables.by_interval._replace(
            kwh=np.ones((2, 4)), is_estimated=np.array([[False] * 4, [True, False, False, False]])
        ),
    )  # fmt: skip
    path = write_report_workbook(make_report(), tmp_path / "week", twice)
    assert [row[:3] for row in read(path)["Interval data"][1:]] == [
        [datetime(2025, 11, 2, 1), datetime(2025, 11, 2, 5), 1],
        [datetime(2025, 11, 2, 1), datetime(2025, 11, 2, 6), 1],
    ]  # fmt: skip
    sheet = openpyxl.load_workbook(path)["Interval data"]
    assert [bool(sheet.cell(row, 3).font.italic) for row in (2, 3)] == [False, True]


def test_other_kinds_of_report(tmp_path: Path) -> None:
    monthly, portfolio = REPORTS["monthly_summary"], REPORTS["portfolio_overview"]
    sheets = read(write_report_workbook(monthly, tmp_path / "month"))
    assert list(sheets) == ["Summary", "Months", "Meters"]
    assert [row[2] for row in sheets["Meters"][1:]] == [each["energyKwh"] for each in monthly["byChannel"]]
    assert sheets["Months"][-1][0] == datetime.fromisoformat(f"{monthly['trend'][-1]['month']}-01")
    sheets = read(write_report_workbook(portfolio, tmp_path / "portfolio"))
    assert [row[1:3] for row in sheets["Sites"][1:]] == [
        [site["siteId"], site.get("totalKwh")] for site in portfolio["sites"]
    ]
    with pytest.raises(UsageError, match="a customer report has no workbook; leave out --xlsx"):
        write_report_workbook(REPORTS["customer_report"], tmp_path / "customer")


def test_only_a_workbook_of_ours_is_replaced(tmp_path: Path) -> None:
    path = write_report_workbook(make_report(), tmp_path / "week")
    first = path.read_bytes()
    assert is_workbook(path)
    assert write_report_workbook(make_report(), tmp_path / "week") == path
    assert path.read_bytes() == first  # the same report makes the same file
    theirs = openpyxl.Workbook()
    theirs.save(path)
    ((_, is_own),) = page_places(tmp_path / "week", html=False, pdf=False, xlsx=True)
    assert not is_own(path)
    with pytest.raises(UsageError, match="was not written by this script"):
        write_report_workbook(make_report(), tmp_path / "week")
    path.write_bytes(b"PK no zip")
    assert not is_workbook(path)


def test_script_writes_it_from_the_json(tmp_path: Path, run_script: Callable[..., Any]) -> None:
    report = tmp_path / "week.json"
    write_report(make_report(), report)
    done = run_script("deliver/render_report.py", str(report), "--xlsx")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/week.xlsx\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["week.json", "week.xlsx"]
