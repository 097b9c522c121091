"""Versions of a report: nothing is written without a change, and late data never overwrite what was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_factory import make_report

from analyze.week.report_delta import compare_reports
from deliver.files.versions import describe_delta, latest_version, replace_report, save_report
from deliver.pages.kinds import build_page
from lib.errors import DataError, PipelineError, UsageError

SCHEMA = "weekly_report"


def with_late_data(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report as it would be with 100 kWh more, dearer by a seventh, and another finding."""
    later = json.loads(json.dumps(report))
    later["metadata"]["generatedAt"] = "2026-01-21T07:00:00-05:00"
    later["consumption"]["totalKwh"] = report["consumption"]["totalKwh"] + 100
    later["sections"]["costOptimization"]["tou_analysis"]["flat_total_cost"] += 340
    win = later["sections"]["quickWins"][0]
    for item in later["summary"].get("attention") or []:
        item["findingId"] = item["findingId"] + "-2" * (item["findingId"] == win["findingId"])
    win["findingId"] += "-2"
    return later


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return make_report()


def test_the_same_findings_are_written_once(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "weekly.json"
    first = save_report(report, path, SCHEMA)
    assert (first.path, first.is_new, first.report["metadata"]["version"]) == (path, True, 1)
    before = path.read_bytes()
    again = json.loads(json.dumps(report))
    again["metadata"]["generatedAt"] = "2026-01-20T07:00:00-05:00"
    second = save_report(again, path, SCHEMA)
    assert (second.path, second.is_new) == (path, False)
    assert second.report["metadata"]["generatedAt"] == report["metadata"]["generatedAt"]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["weekly.json"]


def test_late_data_make_a_version_that_says_what_changed(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "weekly.json"
    save_report(report, path, SCHEMA)
    before = path.read_bytes()
    saved = save_report(with_late_data(report), path, SCHEMA)
    assert saved.path == tmp_path / "weekly.v2.json"
    assert path.read_bytes() == before
    assert saved.report["metadata"]["version"] == 2
    assert saved.report["metadata"]["supersedes"] == "weekly.json"
    total = report["consumption"]["totalKwh"]
    delta = saved.report["delta"]
    assert delta["energy"]["change"] == 100
    assert delta["energy"]["changePct"] == round(100 * 100 / total, 1) == 8.3
    assert (delta["cost"]["change"], delta["savings"]["change"]) == (340, 0)
    win = report["sections"]["quickWins"][0]["findingId"]
    assert (delta["findingsAdded"], delta["findingsGone"]) == ([f"{win}-2"], [win])
    assert "energy +8.3 %, +100 kWh" in delta["text"].replace("\N{NO-BREAK SPACE}", " ")
    assert "+$340.00, 1 finding new, 1 finding gone." in delta["text"]
    notices = [notice["text"] for notice in build_page(saved.report)["notices"]]
    assert [text for text in notices if text.startswith("This version replaces version 1: energy +8.3")]

    same = save_report(with_late_data(report), path, SCHEMA)
    assert (same.path, same.is_new) == (saved.path, False)
    third = save_report(report, path, SCHEMA)
    assert third.path == tmp_path / "weekly.v3.json"
    assert third.report["delta"]["energy"]["change"] == -100
    assert latest_version(path) == 3


def test_versions_are_counted_by_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "weekly_1.json"
    assert latest_version(path) == 0
    for name in ("weekly_1.json", "weekly_1.v2.json", "weekly_1.v10.json", "weekly_11.v30.json", "weekly_1.v40.html",
                 "weekly_1.vx.json", "weekly_1.v0.json"):  # fmt: skip
        (tmp_path / name).write_text("{}")
    assert latest_version(path) == 10


def test_file_that_is_no_report_is_not_compared_with(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "weekly.json"
    path.write_text("not json")
    with pytest.raises(DataError, match="is no JSON"):
        save_report(report, path, SCHEMA)
    assert path.read_text() == "not json"


def test_delta_of_reports_without_costs_says_what_it_can(report: dict[str, Any]) -> None:
    old, new = (json.loads(json.dumps(report)) for _ in range(2))
    for one in (old, new):
        one["sections"]["costOptimization"] = {"status": "unavailable", "reason": "no tariff"}
    delta = compare_reports(old, new)
    assert delta["cost"] == {"before": None, "after": None, "change": None, "changePct": None}
    assert describe_delta(delta, 1, "USD") == "This version replaces version 1: no total changed, only details did."
    old["consumption"]["totalKwh"] = 0
    delta = compare_reports(old, new)
    assert delta["energy"]["changePct"] is None
    assert "energy +1,2" in describe_delta(delta, 1, "USD")


def test_a_chosen_place_holds_the_newest_and_the_older_stand_beside_it(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "current.json"
    assert replace_report(report, path, SCHEMA).is_new
    first = path.read_bytes()
    again = json.loads(json.dumps(report))
    again["metadata"]["generatedAt"] = "2026-01-20T07:00:00-05:00"
    assert replace_report(again, path, SCHEMA) == (path, json.loads(first), False)
    assert path.read_bytes() == first
    saved = replace_report(with_late_data(report), path, SCHEMA)
    assert (saved.path, saved.is_new) == (path, True)
    metadata = json.loads(path.read_text())["metadata"]
    assert (metadata["version"], metadata["supersedes"]) == (2, "current.v1.json")
    assert (tmp_path / "current.v1.json").read_bytes() == first
    assert json.loads(path.read_text())["delta"]["energy"]["change"] == 100
    replace_report(report, path, SCHEMA)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["current.json", "current.v1.json", "current.v2.json"]
    assert json.loads(path.read_text())["delta"]["energy"]["change"] == -100


@pytest.mark.parametrize("change", [("period", {"start": "2026-01-05T00:00:00-05:00"}), ("site", {"siteId": 8})])
def test_a_report_on_something_else_takes_the_place(
    report: dict[str, Any], tmp_path: Path, change: tuple[str, dict[str, Any]]
) -> None:
    path = tmp_path / "current.json"
    key, values = change
    other = report | {"metadata": report["metadata"] | {key: report["metadata"][key] | values}}
    replace_report(other, path, SCHEMA)
    replace_report(report, path, SCHEMA)
    assert json.loads(path.read_text())["metadata"]["version"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["current.json"]


@pytest.mark.parametrize("content", ["not json", "[]", "{}", '{"metadata": 3}', '{"metadata": {"site": 3}}'])
def test_what_is_no_report_is_not_replaced_where_somebody_said_so(
    report: dict[str, Any], tmp_path: Path, content: str
) -> None:
    path = tmp_path / "current.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="was not written by this script"):
        replace_report(report, path, SCHEMA)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("current.json", content)]


def test_a_report_that_breaks_its_contract_leaves_everything_as_it_was(report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "current.json"
    replace_report(report, path, SCHEMA)
    broken = with_late_data(report) | {"charts": 3}
    before = path.read_bytes()
    with pytest.raises(PipelineError, match="breaks weekly_report.schema.json"):
        replace_report(broken, path, SCHEMA)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["current.json"]
