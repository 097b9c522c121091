"""Tests of lines that a logger drew across a gap: told from steady, coarse and smooth loads."""

import numpy as np
import pandas as pd
import pytest
from health_factory import BOTH, between, flagged, health, kinds
from week_factory import fill_window, make_meters

from deliver.words.meters import describe_issue


def restless(interval_s=900, decimals=3, seed=7):
    """Return five weeks of a load that is never twice the same."""
    frame = fill_window(1, BOTH, 12.0, 4.0, interval_s=interval_s)
    noise = np.random.default_rng(seed).normal(1.0, 0.05, len(frame))
    power = (frame["power_kw"] * noise).round(decimals)
    return frame.assign(power_kw=power, energy_kwh=power * interval_s / 3600)


def draw_line(readings, start, end, decimals=None):
    """Return `readings` whose values from `start` up to `end` lie on the line between their neighbours."""
    rows, power = np.flatnonzero(between(readings, start, end)), readings["power_kw"].to_numpy().copy()
    line = np.linspace(power[rows[0] - 1], power[rows[-1] + 1], rows.size + 2)[1:-1]
    power[rows] = line if decimals is None else line.round(decimals)
    return readings.assign(power_kw=power, energy_kwh=power * readings["interval_s"] / 3600)


@pytest.mark.parametrize("decimals", [None, 3])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-01-14 16:00", "2026-01-14 18:45", {}),  # 11 intervals
        ("2026-01-14 16:00", "2026-01-14 19:00", {"interpolated": 12}),
        ("2026-01-14 12:00", "2026-01-15 00:00", {"interpolated": 48}),
        ("2026-01-14 12:00", "2026-01-15 12:15", {"interpolated": 97}),
    ],
)
def test_a_straight_line_of_three_hours_is_filled_in(start, end, expected, decimals):
    assert flagged(draw_line(restless(), start, end, decimals)) == expected


@pytest.mark.parametrize(("end", "expected"), [("15:00", {}), ("16:00", {"interpolated": 4})])
def test_hourly_meters_need_four_intervals(end, expected):
    assert flagged(draw_line(restless(3600), "2026-01-14 12:00", f"2026-01-14 {end}")) == expected


def test_a_line_is_told_as_a_fault_of_its_own_and_only_on_its_channel():
    drawn = draw_line(restless(), "2026-01-14 12:00", "2026-01-15 00:00")
    other = restless(seed=8).assign(channel_id=2)
    section = health(pd.concat([drawn, other], ignore_index=True), make_meters(1, 2))
    assert kinds(section) == [("interpolated", "medium")]
    issue = section["issues"][0]
    assert (issue["channelId"], issue["start"], issue["hours"]) == (1, "2026-01-14T12:00:00-05:00", 12.0)
    assert describe_issue(issue) == "values on a straight line for 12 hours, as a filled gap has"


def test_a_machine_that_is_mostly_off_is_judged_by_what_it_does_while_it_moves():
    readings = restless()
    off = readings["power_kw"] < 6
    readings = readings.assign(
        power_kw=readings["power_kw"].mask(off, 0.0), energy_kwh=readings["energy_kwh"].mask(off, 0)
    )
    assert flagged(draw_line(readings, "2026-01-14 12:00", "2026-01-14 19:00", 3)) == {"interpolated": 28}


def test_steady_coarse_and_smooth_loads_have_lines_by_nature():
    readings = restless()
    position = np.arange(len(readings))
    loads = {
        "constant": np.full(len(readings), 5.0),
        "jitter of a coarse meter": 5.0 + position % 2 * 0.1,
        "coarse steps": np.round(10 + 5 * np.sin(position / 96 * 2 * np.pi)),
        "saw": position % 24 * 0.25 + 1,
        "smooth": 10 + 5 * np.sin(position / 96 * 2 * np.pi),
        "smooth, in tenths": np.round(10 + 5 * np.sin(position / 96 * 2 * np.pi), 1),
    }
    for name, power in loads.items():
        frame = readings.assign(power_kw=power, energy_kwh=power / 4)
        assert "interpolated" not in flagged(frame), name


def test_a_hole_ends_a_line():
    drawn = draw_line(restless(), "2026-01-14 12:00", "2026-01-14 17:00")
    assert flagged(drawn) == {"interpolated": 20}
    assert flagged(drawn[~between(drawn, "2026-01-14 14:30", "2026-01-14 14:45")]) == {}
