"""Tests of analyze/week/finding_names.py: every finding has a name that stays, and evidence back to intervals."""

import json
from datetime import datetime

import pandas as pd
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_scope, set_power

from analyze.week.finding_names import METHODS
from analyze.week.site_week import SiteContext, analyze_site_week
from lib.date_utils import Window

SCOPE = make_scope(make_meters(1, 2, 3))
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def site():
    """A meter left on for a night with an anomaly and a spike by day, a dead one, and one that runs on weekends."""
    busy = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 8.0)
    busy = set_power(busy, "2026-01-14 09:00", "2026-01-14 13:00", 20.0)
    busy = set_power(busy, "2026-01-15 10:00", "2026-01-15 10:15", 40.0)
    weekend = fill_window(3, BOTH, 5.0, 1.0)
    local = weekend["interval_start"].dt.tz_convert(NEW_YORK)
    runs = (local.dt.day_of_week >= 5) & local.dt.hour.between(8, 19)
    weekend.loc[runs, ["power_kw", "energy_kwh"]] *= 5.0
    return pd.concat([busy, fill_window(2, SCOPE.baseline, 4.0, 4.0), weekend])


def analyze(readings, seed=None):
    meters = make_meters(1, 2, 3)
    electrical = readings[readings["channel_id"] == 1].assign(voltage_v=130.0)
    if seed is not None:
        readings, meters = (frame.sample(frac=1, random_state=seed) for frame in (readings, meters))
    context = SiteContext(electrical=electrical)
    return analyze_site_week(readings, meters, WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config, context=context).sections


def findings_of(part):
    """Yield every dict within `part` that has a name, once for each place in which it stands."""
    if isinstance(part, dict):
        if "findingId" in part:
            yield part
        for value in part.values():
            yield from findings_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from findings_of(value)


def test_every_finding_has_a_name_of_its_own():
    sections = analyze(site())
    by_name = {}
    for finding in findings_of(sections):
        assert by_name.setdefault(finding["findingId"], finding) == finding
    assert set(by_name) >= {
        "meter_dead-2-20260112T0445Z",
        "after_hours-1-20260112T0500Z",
        "anomaly-1-20260113T2300Z",
        "anomaly-1-20260114T1400Z",
        "spike-1-20260115T1500Z",
        "schedule-3-20260112T0500Z",
        "electrical_voltage-1-20260112T0500Z",
        "win_after_hours-1-20260112T0500Z",
    }
    lists = [
        sections["sensorHealth"]["issues"],
        sections["afterHoursWaste"]["topMeters"],
        sections["anomalies"]["timeline"],
        sections["spikes"]["topSpikes"],
        sections["quickWins"],
        sections["scheduleDisagreements"]["findings"],
        sections["electricalHealth"]["meters"][0]["issues"],
    ]
    assert all(lists)
    assert all("findingId" in finding for found in lists for finding in found)


def test_names_depend_on_nothing_but_the_findings():
    assert json.dumps(analyze(site(), seed=3)) == json.dumps(analyze(site()))


def test_evidence_leads_to_method_channel_and_window():
    for finding in findings_of(analyze(site())):
        evidence = finding["evidence"]
        assert evidence["method"] in METHODS
        assert evidence["channelIds"] == ([finding["channelId"]] if "channelId" in finding else [])
        assert datetime.fromisoformat(evidence["start"]) < datetime.fromisoformat(evidence["end"])
    (meter, *_) = analyze(site())["afterHoursWaste"]["topMeters"]
    assert meter["evidence"]["reference"] == {"baseline": meter["baseline"]}
