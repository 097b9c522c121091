"""What a weekly report leaves out of its JSON can be told from the rest, and reports of before are still drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_factory import analyze_week, make_report
from test_render_report import read_html

from analyze.week.evidence import brief_evidence, whole_evidence
from analyze.week.finding_trace import find_finding
from deliver.files.report_files import check_report, report_text
from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page
from deliver.reports.compact import compact_attention, compact_charts, compact_sections
from deliver.reports.follow_up import brief_finding, followed_findings

PERIOD = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00"}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    made = make_report()
    check_report(made, "weekly_report")
    return made


def findings_of(value: Any) -> list[dict[str, Any]]:
    """Return all items with evidence."""
    if isinstance(value, list):
        return [found for item in value for found in findings_of(item)]
    if not isinstance(value, dict):
        return []
    return ([value] if "evidence" in value else []) + [found for item in value.values() for found in findings_of(item)]


def test_evidence_is_told_in_brief_and_read_in_full(report: dict[str, Any]) -> None:
    full = {item["findingId"]: item["evidence"] for item in findings_of(analyze_week()[-1].sections)}
    brief = {item["findingId"]: item for item in findings_of(report["sections"])}
    assert len(brief) == 20
    for key, item in brief.items():
        assert whole_evidence(item, report["metadata"]["period"])["evidence"] == full[key], key
        assert find_finding(report, key)["evidence"] == full[key]
    methods = {item["evidence"]["method"] for item in brief.values()}
    assert methods >= {"closed_use", "like_day_excess", "usual_peak", "attributed_saving", "meter_check"}
    events = [item["evidence"] for key, item in brief.items() if key.startswith(("anomaly", "spike"))]
    assert [list(evidence) for evidence in events] == [["method"]] * 7


def test_evidence_that_the_finding_does_not_tell_stays() -> None:
    """A finding on the whole site, one that began before the period, and one that was compared with another value."""
    own = {"method": "usual_peak", "channelIds": [], **PERIOD, "reference": {"usualPeakPower": 4.0}}
    site = {"usualPeakPower": 4.0, "evidence": own}
    assert brief_evidence(site, PERIOD)["evidence"] == {"method": "usual_peak"}
    before = own | {"start": "2026-01-01T00:00:00-05:00"}
    other = {"channelId": 7, "usualPeakPower": 5.0, "evidence": before}
    assert brief_evidence(other, PERIOD)["evidence"] == {
        "method": "usual_peak", "channelIds": [], "start": "2026-01-01T00:00:00-05:00",
        "reference": {"usualPeakPower": 4.0},
    }  # fmt: skip
    assert whole_evidence(brief_evidence(other, PERIOD), PERIOD) == other


def test_lists_that_repeat_another_hold_what_the_contract_names(report: dict[str, Any]) -> None:
    week = analyze_week()[-1]
    sections, charts = compact_sections(week.sections, PERIOD), compact_charts(week.charts)
    (first, *_), whole = sections["anomalies"]["byChannel"], week.sections["anomalies"]["byChannel"]
    assert list(first["events"][0]) == ["channelId", "channelName", "start", "end", "peakPower", "excessKwh", "context"]
    assert [len(channel["events"]) for channel in sections["anomalies"]["byChannel"]] == [
        len(channel["events"]) for channel in whole
    ]
    assert [event["start"] for event in charts["anomalyTimeline"]] == [
        event["start"] for event in week.sections["anomalies"]["timeline"]
    ]
    assert "measures" in week.sections["electricalHealth"]["meters"][0]  # what was analyzed is left as it is
    assert list(sections["electricalHealth"]["meters"][0]) == ["channelId", "channelName", "issues"]
    (spike,) = sections["spikes"]["byChannel"][0]["events"]
    assert list(spike) == ["start", "end", "duration", "intervals", "peakPower", "totalExcessKwh"]


def test_what_could_not_be_assessed_names_its_meters_once(report: dict[str, Any]) -> None:
    week = analyze_week()[-1]
    refused = week.sections["electricalHealth"]["notAssessed"]
    told = compact_sections(week.sections, PERIOD)["electricalHealth"]["notAssessed"]
    assert sum(len(item["channelIds"]) for item in told) == len(refused) > len(told)
    assert {(item["measure"], key) for item in told for key in item["channelIds"]} == {
        (item["measure"], item["channelId"]) for item in refused
    }


def test_what_says_nothing_is_left_out(report: dict[str, Any]) -> None:
    week = analyze_week()[-1]
    (whole, *_) = week.data_quality["byChannel"]
    assert (whole["channelId"], whole["presentIntervals"], whole["expectedIntervals"]) == (1, 672, 672)
    assert report["dataQuality"]["byChannel"][0] == {
        "channelId": 1, "expectedIntervals": 672, "completenessPct": 100.0
    }  # fmt: skip
    ended = report["dataQuality"]["byChannel"][3]
    assert (ended["channelId"], ended["presentIntervals"] < ended["expectedIntervals"]) == (4, True)
    assert "parentChannelId" not in report["consumption"]["byChannel"][0]
    for event, told in zip(
        week.sections["anomalies"]["timeline"], report["sections"]["anomalies"]["timeline"], strict=True
    ):
        assert {"partOf", "deficitKwh"} - told.keys() == {
            key for key in ("partOf", "deficitKwh") if not event[key]
        }  # fmt: skip
        assert told.keys().isdisjoint({"views", "dayShare", "intervals", "incident"})
    assert [fit.keys() for fit in report["sections"]["anomalies"]["expectedLoad"]][0] == {
        "channelId", "cvRmsePct", "nmbePct"
    }  # fmt: skip
    assert not any("verifiedSavings" in win for win in report["sections"]["quickWins"])
    assert all(part["kwh"] for meter in report["sections"]["afterHoursWaste"]["topMeters"]
               for part in meter["parts"].values())  # fmt: skip
    assert {key for meter in week.sections["afterHoursWaste"]["topMeters"] for key in meter["parts"]} == {
        "baseLoad", "leftOn", "closedDay", "overrun", "night"
    }  # fmt: skip


def test_attention_has_its_time_only_where_no_quick_win_tells_it() -> None:
    item = {"kind": "high_use", "channelId": 1, "kwh": 9.0, "periods": 2, "isWhileClosed": True, "start": "a",
            "end": "b", "text": "AHU: 9.0 kWh above normal"}  # fmt: skip
    own, of_win = compact_attention([item, item | {"winId": "win_after_hours-1"}])
    assert own == {"kind": "high_use", "channelId": 1, "start": "a", "end": "b", "text": "AHU: 9.0 kWh above normal"}
    assert of_win == {"kind": "high_use", "channelId": 1, "text": own["text"], "winId": "win_after_hours-1"}


def test_hours_to_come_have_three_digits() -> None:
    hour = {"timestamp": "x", "predicted_kwh": 0.12345, "lower_bound": -9.8765, "upper_bound": 12.345}
    sections = analyze_week()[-1].sections | {"forecast": {"forecast": [hour, hour | {"upper_bound": 1234.5678}]}}
    first, second = compact_sections(sections, PERIOD)["forecast"]["forecast"]
    assert first == {"timestamp": "x", "predicted_kwh": 0.123, "lower_bound": -9.88, "upper_bound": 12.3}
    assert second["upper_bound"] == 1235.0


def test_a_finding_that_is_followed_is_read_with_all_its_keys() -> None:
    nothing = dict.fromkeys(
        ("backAfterWeeks", "weeklyKwh", "kwhSoFar", "costSoFar", "said", "saidBy", "owner", "due", "doneOn", "note")
    )
    full = nothing | {
        "lastingId": "meter_silent-1", "state": "open", "channelId": 1, "channelName": "Pump", "weeklyCost": 0.0,
        "currency": "USD", "isSolvedNow": False, "isGrown": True, "isSilent": False,
    }  # fmt: skip
    brief = brief_finding(full)
    assert brief == {"lastingId": "meter_silent-1", "state": "open", "channelId": 1, "channelName": "Pump",
                     "weeklyCost": 0.0, "currency": "USD", "isGrown": True}  # fmt: skip
    assert followed_findings({"followUp": {"findings": [brief]}}) == [full]
    assert followed_findings({}) == []


def test_the_file_has_a_line_for_each_part(report: dict[str, Any]) -> None:
    text = report_text(report)
    assert json.loads(text) == report
    assert text.startswith('{"metadata":{\n"generatedAt":')
    assert '\n"sections":{\n' in text
    assert len(text.splitlines()) == pytest.approx(65, abs=25)
    assert len(text.encode()) < 63_000  # of four meters; the quick start's sixteen come to 65 to 99 kB
    assert '"avgCompleteness":100,' in report_text({"dataQuality": {"avgCompleteness": 100.0, "energyMeters": 4}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        report_text({"metadata": {"generatedAt": float("nan")}})


def as_of_before(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as version 1.3 wrote it: an object for each hour, and evidence in full."""
    older = json.loads(json.dumps(report))
    older["metadata"]["reportVersion"] = "1.3"
    charts = older["charts"]
    hours = charts.pop("hourly")
    starts = [f"2026-01-{12 + n // 24:02d}T{n % 24:02d}:00:00-05:00" for n in range(168)]
    names = ("actualKwh", "expectedKwh", "estimatedKwh")
    charts["siteLoad"] = [
        {"timestamp": at, "meters": 4, "lowKwh": None, "highKwh": None, **{name: hours[name][n] for name in names}}
        for n, at in enumerate(starts)
    ]
    daily = charts.pop("dailyCompleteness")
    charts["completenessByDay"] = [
        {"channelId": row["channelId"], "channelName": row["channelName"],
         "days": [{"date": day, "completenessPct": pct}
                  for day, pct in zip(daily["days"], row["completenessPct"], strict=True)]}
        for row in daily["channels"]
    ]  # fmt: skip
    charts["forecastBand"] = older["sections"]["forecast"]["forecast"]
    older["sections"]["loadFacts"].pop("durationPct")
    for channel in older["sections"]["loadFacts"]["channels"]:
        if "durationKw" in channel:
            channel["loadDuration"] = [{"timePct": 0, "powerKw": kw} for kw in channel.pop("durationKw")]
    for finding in findings_of(older["sections"]):
        finding["evidence"] = whole_evidence(finding, PERIOD)["evidence"]
    return older


def test_a_report_of_before_is_drawn_as_the_one_of_today(
    report: dict[str, Any], tmp_path: Path, run_script: Callable[..., Any]
) -> None:
    older = as_of_before(report)
    path = tmp_path / "older.json"
    path.write_text(json.dumps(older), encoding="utf-8")
    done = run_script("deliver/render_report.py", path, "--html")
    assert (done.returncode, done.stderr) == (0, "")
    today = json.loads(json.dumps(report))
    today["charts"]["hourly"]["meters"] = []  # of which it knew no hours
    markups = (path.with_suffix(".html").read_text("utf-8"), render_html(build_page(today)))
    words, words_today = (" ".join(read_html(markup).words) for markup in markups)
    assert words.replace("report version 1.3", "report version 1.4") == words_today
    assert find_finding(older, "anomaly-3-20260115T1500Z")["evidence"]["reference"]["expectedKwh"] > 0
