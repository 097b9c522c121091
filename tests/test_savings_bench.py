"""Tests of tests/benchmarks/bench_savings.py and savings_cases.py: what is planted is known, and how it is counted."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from benchmarks.bench_savings import Beside, describe_group, render_section
from benchmarks.savings_cases import (
    Case,
    Load,
    Outcome,
    Promise,
    cut_hours,
    is_wrong_sign,
    make_year_hours,
    plan_cases,
)

TZ = ZoneInfo("America/New_York")


def outcome(planted=0.0, status="insufficient_data", saved=0.0, half=0.05, truth=None):
    return Outcome("measured, held out", "x", 365, 91, 5, planted, status, "", planted if truth is None else truth,
                   saved, saved - half, saved + half, None)  # fmt: skip


def test_a_group_is_counted_by_hand():
    outcomes = [
        outcome(), outcome(saved=0.04), outcome(saved=0.06, status="verified_saving"),
        outcome(half=np.nan), outcome(0.2, "verified_saving", 0.2), outcome(0.2, "insufficient_data", 0.1),
        outcome(0.1, "verified_increase", -0.1), outcome(-0.1, "verified_saving", 0.1),
    ]  # fmt: skip
    # Of the four cases with nothing planted one has no range; of the other three one range does not hold zero.
    assert describe_group("g", outcomes) == ("| g | 88 % of 4 | 67 % | ±5 % | 33 % | 50 % | 100 % | 100 % | 2 |")
    assert [is_wrong_sign(each) for each in outcomes] == [False] * 6 + [True, True]
    assert describe_group("none", []) == "| none | – of 0 | – | – | – | – | – | – | 0 |"


def test_the_section_tells_promises_and_opendsm():
    kept = [Promise("made up", True), Promise("made up", False), Promise("made up", None)]
    text = render_section([outcome()], kept, [Beside("sample", 91, 0.06, 0.04, 0.1, 0.11)])
    assert "3 dates were given for a verdict, most of them 20 days after the change; of the 2 that the\n" in text
    assert "  readings reach, 1 were kept (50 %)." in text
    assert "Ours is 1.50 times as wide on average (goal: 1.5 at most)" in text
    assert "| sample | 91 | ±6.0 % | ±4.0 % | 10.0 % | 11.0 % |" in text


def test_what_is_planted_is_taken_off_every_hour_after_the_change():
    stamps = pd.date_range("2025-01-01", "2025-03-01", freq="h", tz=TZ, inclusive="left")
    hours = pd.DataFrame({"timestamp": stamps.tz_convert("UTC"), "energy_kwh": 10.0})
    case = Case(Load("x", "made up", TZ, hours), date(2025, 2, 1), 20, 10, 0.2)
    rows = cut_hours(case)
    local = rows["timestamp"].dt.tz_convert(TZ)
    assert (local.iloc[0], local.iloc[-1]) == (
        pd.Timestamp("2025-01-12", tz=TZ), pd.Timestamp("2025-02-11 23:00", tz=TZ)
    )  # fmt: skip
    assert rows["energy_kwh"].tolist() == [10.0] * (20 * 24) + [8.0] * (11 * 24)


def test_cases_lie_within_the_readings():
    hours = make_year_hours(1, 0.6, 0.0)
    assert len(hours) == (365 + 366 + 365) * 24
    cases = list(plan_cases(Load("x", "made up", TZ, hours)))
    assert {(case.change.month, case.before_days) for case in cases} == {
        (month, days) for month in (2, 5, 8, 11) for days in (240, 365, 400, 500, 730)
    }
    assert {case.change.year for case in cases if case.after_days == 28} == {2025}
    november = {each.change for each in cases if each.change.month == 11 and each.after_days == 91}
    assert november == {date(2024, 11, 10)}


def test_made_up_meters_answer_to_their_weather():
    plain, cools, heats = (
        make_year_hours(1, *slopes)["energy_kwh"].to_numpy() for slopes in ((0.0, 0.0), (0.6, 0.0), (0.0, 0.4))
    )
    summer, winter = cools / plain, heats / plain
    month = make_year_hours(1, 0.0, 0.0)["timestamp"].dt.tz_convert(TZ).dt.month.to_numpy()
    assert summer[month == 7].mean() > 1.2 > summer[month == 1].mean() == pytest.approx(1.0)
    assert winter[month == 1].mean() > 1.2 > winter[month == 7].mean()
