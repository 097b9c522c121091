"""The claims benchmark's own arithmetic: reports of a few keys, held against truths that a reader can work out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.accuracy_page import FINDINGS, keep_section, marks_of, replace_section
from benchmarks.claims import catalog
from benchmarks.claims.building import ALL_DAYS, Draw, Opening, Place, usual_change_pct
from benchmarks.claims.claims_page import render_text
from benchmarks.claims.judge import Verdict, judge
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste
from benchmarks.claims.stored_frames import file_rows, store
from benchmarks.claims.tally import Outcome, add_up, calibrate
from benchmarks.claims.timeline import Timeline
from benchmarks.claims.whole_way import site_file

from config.site_file import load_site

MONDAY = date(2025, 3, 24)  # the clocks of Berlin change on its Sunday


def timeline(interval_min: int = 60, weeks_before: int = 4) -> Timeline:
    return Timeline(MONDAY, "Europe/Berlin", np.random.default_rng(1), interval_min, weeks_before)


def site(truth: Truth, toml: str = "", parents: dict[str, str] | None = None) -> MadeUpSite:
    t = timeline()
    return MadeUpSite("kind", "A site", t, {"Main": np.full(t.hour.size, 2.0)}, toml, truth, parents or {})


def win(kwh: float, confidence: str = "high", meter: str = "Main", **more: Any) -> dict[str, Any]:
    impact = {"weeklyKwh": kwh, "annualCost": 6 * kwh, "annualKwh": 52 * kwh, "basis": "operating_weeks"}
    impact |= {key: more.pop(key) for key in list(more) if key in impact}
    return {"title": f"Turn {meter} off", "type": "after_hours", "channelName": meter, "confidence": confidence,
            "impact": impact} | more  # fmt: skip


def report(wins: list[dict[str, Any]] | None = None, **values: Any) -> dict[str, Any]:
    """Return a report on 1,000 kWh, as usual, that claims nothing; `values` go over its sums."""
    savings = dict.fromkeys(("weeklyKwh", "estimatedAnnual", "onceKwh", "unconfirmedWeeklyKwh"), 0.0)
    used = {"totalKwh": 1000.0, "changePct": 0.0}
    demand, ahead = {"billing_peak_kw": 10.0}, {"total_predicted_kwh": 1000.0}
    for table in (savings, used, demand, ahead):
        table |= {key: values.pop(key) for key in list(values) if key in table}
    summary = {"headline": ["The site used 1,000 kWh."], "topRisks": [], "topOpportunities": []} | values
    sections = {
        "quickWins": wins or [],
        "sensorHealth": {"issues": []},
        "anomalies": {"byChannel": [], "steps": []},
        "afterHoursWaste": {"topMeters": []},
        "spikes": {"topSpikes": []},
        "costOptimization": {"demand_analysis": demand},
        "forecast": {"summary": ahead},
    }
    return {"summary": summary | {"totalPotentialSavings": savings}, "consumption": used, "sections": sections}


QUIET = Truth("Nothing is wrong.", total_kwh=1000.0, change_pct=0.0, next_week_kwh=1000.0)


def truth_of(recurrence: Recurrence, kwh: float, least_kwh: float | None = None) -> Truth:
    return replace(QUIET, wastes=(Waste("Main", recurrence, kwh, least_kwh),))


def problems(truth: Truth, of: dict[str, Any], toml: str = "") -> tuple[str, ...]:
    return judge(of, site(truth, toml)).problems


@pytest.mark.parametrize(
    ("truth", "values", "expected"),
    [
        (QUIET, {}, ()),
        (QUIET, {"weeklyKwh": 10.0}, ()),
        (QUIET, {"weeklyKwh": 10.1}, ("10 kWh a week claimed, 0 true",)),
        (truth_of(Recurrence.WEEKLY, 100), {"weeklyKwh": 130.0}, ()),
        (truth_of(Recurrence.WEEKLY, 100), {"weeklyKwh": 131.0}, ("131 kWh a week claimed, 100 true",)),
        (truth_of(Recurrence.WEEKLY, 100), {"weeklyKwh": 60.0}, ()),
        (
            truth_of(Recurrence.WEEKLY, 100),
            {"weeklyKwh": 59.0},
            ("59 kWh a week claimed of 100 that recur (60 expected)",),
        ),
        (truth_of(Recurrence.WEEKLY, 100, 25.0), {"weeklyKwh": 25.0}, ()),
        # 1.3 × 53 weeks × 100 kWh × 0.25, and 25 more
        (truth_of(Recurrence.WEEKLY, 100), {"weeklyKwh": 100.0, "estimatedAnnual": 1747.0}, ()),
        (
            truth_of(Recurrence.WEEKLY, 100),
            {"weeklyKwh": 100.0, "estimatedAnnual": 1748.0},
            ("1,748 a year promised on 100 kWh a week that recur",),
        ),
        (truth_of(Recurrence.NEW, 100), {"weeklyKwh": 100.0}, ()),
        (truth_of(Recurrence.NEW, 100), {"onceKwh": 50.0}, ()),
        (
            truth_of(Recurrence.NEW, 100),
            {"onceKwh": 49.0},
            ("49 kWh reported of 100 that are new (50 expected)",),
        ),
        (truth_of(Recurrence.ONCE, 100), {"onceKwh": 140.0}, ()),
        (truth_of(Recurrence.ONCE, 100), {"onceKwh": 141.0}, ("141 kWh called one-time, 100 true",)),
        (truth_of(Recurrence.ONCE, 100), {"weeklyKwh": 100.0}, ("100 kWh a week claimed, 0 true",)),
        (truth_of(Recurrence.ASKED, 100), {"unconfirmedWeeklyKwh": 60.0}, ()),
        (
            truth_of(Recurrence.ASKED, 100),
            {"unconfirmedWeeklyKwh": 59.0},
            ("59 kWh a week to confirm of 100 (60 expected)",),
        ),
        (truth_of(Recurrence.OPEN, 100), {"weeklyKwh": 130.0}, ()),
        (truth_of(Recurrence.OPEN, 100), {}, ()),
    ],
)
def test_energy_is_claimed_as_it_comes_back(truth: Truth, values: dict[str, float], expected: tuple[str, ...]) -> None:
    assert problems(truth, report(**values)) == expected


@pytest.mark.parametrize(
    ("truth", "values", "expected"),
    [
        (QUIET, {"totalKwh": 1031.0}, ()),
        (QUIET, {"totalKwh": 1032.0}, ("total 1,032 kWh, actual 1,000",)),
        (replace(QUIET, other_total_kwh=(1500.0,)), {"totalKwh": 1500.0}, ()),
        (QUIET, {"totalKwh": 800.0, "headline": ["At least 800 kWh."]}, ("total 800 kWh, actual 1,000",)),
        (replace(QUIET, needs_at_least=True), {"totalKwh": 800.0, "headline": ["At least 800 kWh."]}, ()),
        (replace(QUIET, needs_at_least=True), {"totalKwh": 800.0}, ("total 800 kWh, actual 1,000",)),
        (QUIET, {"changePct": 6.0}, ()),
        (QUIET, {"changePct": -6.1}, ("change -6 %, actual +0 %",)),
        (QUIET, {"changePct": None}, ("change unknown, actual +0 %",)),
        (replace(QUIET, may_lack_change=True), {"changePct": None}, ()),
        (replace(QUIET, is_comparable=False), {"changePct": -15.0}, ()),
        (
            replace(QUIET, is_comparable=False),
            {"changePct": -15.1},
            ("change -15 %, and no earlier week is comparable",),
        ),
        (replace(QUIET, peak_kw=10.2), {"billing_peak_kw": 10.0}, ()),
        (replace(QUIET, peak_kw=10.3), {"billing_peak_kw": 10.0}, ("peak 10.0 kW, actual 10.3",)),
        (replace(QUIET, peak_kw=9.0), {"billing_peak_kw": 10.0}, ("peak 10.0 kW, was never above 9.0",)),
        (QUIET, {"total_predicted_kwh": 1105.0}, ()),
        (QUIET, {"total_predicted_kwh": 1106.0}, ("forecast 1,106 kWh, actual 1,000",)),
        (QUIET, {"total_predicted_kwh": None}, ()),
    ],
)
def test_totals_change_peak_and_forecast(truth: Truth, values: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert problems(truth, report(**values)) == expected


def test_meters_are_named_found_or_passed_over_as_the_truth_says() -> None:
    named = replace(QUIET, must_name=("Fan",), must_find=("Pump",))
    assert problems(named, report()) == ("headline, risks and opportunities do not name Fan", "no finding about Pump")
    told = report([win(0.0, "low", "Pump")], topRisks=["FAN: 80 kWh above usual"])
    assert problems(named, told) == ()
    silent = replace(QUIET, not_a_word=("turn fan",))
    assert problems(silent, report([win(5.0, "low", "Fan")])) == ()
    assert problems(silent, report([win(5.0, "medium", "Fan")])) == ("mentions turn fan",)


def test_spreading_load_is_advice_where_a_peak_costs_money() -> None:
    advice = report([win(0.0, "medium", type="spike", title="Stagger what starts with Main")])
    expected = ("advises spreading load without a known demand charge: Stagger what starts with Main",)
    assert problems(QUIET, advice) == expected
    assert problems(QUIET, advice, toml='[tariff]\nname = "default_tou_demand"\n') == ()


def test_a_claim_is_true_as_far_as_waste_of_its_meter_backs_it_once() -> None:
    truth = replace(QUIET, wastes=(Waste("Lights", Recurrence.WEEKLY, 100.0), Waste("Fan", Recurrence.ONCE, 50.0)))
    parents = {"Lights": "Main", "Fan": "Main"}
    claims = [
        win(90.0, "high", "Lights"),
        win(40.0, "medium", "Main"),  # 10 are left of the lights; the fan's waste does not come back
        win(45.0, "medium", "Fan", basis="one_off", annualKwh=45.0),
        win(60.0, "medium", "Fan"),
        win(5.0, "low", "Fan"),
    ]
    verdict = judge(report(claims, weeklyKwh=190.0), site(truth, parents=parents))
    assert [(judged.true_kwh, judged.is_true) for judged in verdict.claims] == [
        (90.0, True),
        (10.0, False),
        (45.0, True),
        (0.0, False),
        (5.0, True),
    ]
    assert (verdict.claimed, verdict.backed, verdict.recurring, verdict.found) == (190.0, 100.0, 100.0, 100.0)
    rows = calibrate([Outcome("kind", 1, False, verdict)])
    assert [tuple(row) for row in rows] == [
        ("high", 1, 1, 90.0, 90.0),
        ("medium", 3, 1, 145.0, 55.0),
        ("low", 1, 1, 5.0, 5.0),
    ]


def test_sums_and_what_is_shown_of_held_out_kinds() -> None:
    outcomes = [
        Outcome("open_kind", 1, False, Verdict(("wrong",), (), 200.0, 50.0, 0.0, 0.0)),
        Outcome("secret_kind", 1, True, Verdict((), (), 0.0, 0.0, 80.0, 40.0)),
    ]
    total = add_up(outcomes)
    assert tuple(total) == (2, 1, 200.0, 50.0, 80.0, 40.0)
    assert (total.precision, total.recall) == (0.25, 0.5)
    assert (add_up(outcomes[:1]).recall, add_up(outcomes[1:]).precision) == (None, None)
    assert "secret_kind" not in render_text(outcomes, opens_held_out=False)
    assert "ok   secret_kind 1" in render_text(outcomes, opens_held_out=True)
    assert "held-out kinds: 1 of 1 reports right" in render_text(outcomes, opens_held_out=False)


def test_section_of_the_page_is_replaced_and_kept() -> None:
    begin, end = marks_of("claims")
    page = replace_section("# Accuracy\n\ntext\n", "first")
    assert page == f"# Accuracy\n\ntext\n\n{begin}\nfirst\n{end}\n"
    assert replace_section(page + "more\n", "second") == f"# Accuracy\n\ntext\n\n{begin}\nsecond\n{end}\nmore\n"
    assert keep_section("# New\n", page) == f"# New\n\n{begin}\nfirst\n{end}\n"
    assert keep_section("# New\n", "# Old\n") == "# New\n"
    both = replace_section(page, "told", FINDINGS)
    assert keep_section("# New\n", both) == "# New" + both.removeprefix("# Accuracy\n\ntext")
    assert replace_section(both, "first") == both


def test_calendar_of_a_made_up_site_follows_the_wall_clock() -> None:
    t = timeline()
    assert t.is_week.sum() == 167  # an hour less on Sunday
    assert t.stretch(6, 0, 6, 4).sum() == 3
    assert t.nights([5], 22, 6).sum() == 7
    assert t.week_of(-1).sum() == 168
    hours = Opening({5: ((20.0, 26.0),)})
    assert t.hour[hours.mask(t) & t.is_week].tolist() == [20.0, 21.0, 22.0, 23.0, 0.0, 1.0]
    assert hours.toml(Place("Europe/Berlin", "DE", "NW")).splitlines()[-4:] == [
        'saturday = ["20:00-02:00"]',
        "sunday = []",
        'country = "DE"',
        'state = "NW"',
    ]
    load = np.where(t.is_week, 1.1, 1.0)
    assert usual_change_pct(t, load) == pytest.approx(100 * (167 * 1.1 / 168 - 1))


def test_stored_frames_hold_what_an_import_would_keep() -> None:
    t = timeline(30, 0)
    kw = {"Main": np.where(np.arange(t.hour.size) == 1, np.nan, 3.0), "Sub": np.full(t.hour.size, -1.0)}
    made_up = MadeUpSite("kind", "A site", t, kw, "", QUIET, {"Sub": "Main"}, has_power=False)
    frames = store(made_up, 7)
    rows = file_rows(made_up)
    assert (len(rows), rows.columns.tolist()) == (2 * t.hour.size - 1, ["channel", "interval_start", "energy_kwh"])
    # Energy alone that is negative may be a counter's reset, and goes into quarantine.
    assert (len(frames.readings), len(frames.resets)) == (t.hour.size - 1, t.hour.size)
    assert frames.readings.loc[0, ["energy_kwh", "power_kw"]].tolist() == [1.5, 3.0]
    assert frames.hourly["energy_kwh"].head(2).tolist() == [1.5, 3.0]
    ids = frames.meters.set_index("channel_name")["channel_id"]
    assert frames.meters.set_index("channel_name")["parent_channel_id"].to_dict()["Sub"] == ids["Main"]


def test_site_file_stands_only_while_the_report_is_made(tmp_path: Any) -> None:
    made_up = site(QUIET, toml="[schedule]\n")
    with site_file(made_up, 7, tmp_path / "sites"):
        assert (tmp_path / "sites" / "7.toml").read_text() == "[schedule]\n"
        with pytest.raises(FileExistsError), site_file(made_up, 7, tmp_path / "sites"):
            pass
    assert not (tmp_path / "sites").exists()


def test_kinds_differ_by_seed_and_are_the_same_for_one() -> None:
    draws = [Draw(seed, "kind").rng.integers(1 << 40) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert Draw(1, "other").rng.integers(1 << 40) != draws[0]
    names = [scenario.__name__ for scenario in (*catalog.OPEN, *catalog.HELD_OUT)]
    assert len(set(names)) == len(names) >= 200
    assert 3 * len(catalog.HELD_OUT) >= len(names)


@pytest.mark.parametrize("scenario", (*catalog.OPEN, *catalog.HELD_OUT), ids=lambda scenario: scenario.__name__)
def test_every_kind_can_be_drawn_and_says_why(scenario: Any) -> None:
    made_up = scenario(5)
    assert made_up.kind == scenario.__name__
    assert len(made_up.truth.why) > 20
    assert set(made_up.parents) | set(made_up.parents.values()) <= set(made_up.kw)
    assert {waste.meter for waste in made_up.truth.wastes} <= set(made_up.kw)
    assert all(waste.kwh > 0 for waste in made_up.truth.wastes)
    assert all(values.shape == made_up.time.hour.shape for values in made_up.kw.values())
    assert Opening.on(ALL_DAYS, 0, 24).mask(made_up.time).all()


@pytest.mark.parametrize("scenario", (*catalog.OPEN, *catalog.HELD_OUT), ids=lambda scenario: scenario.__name__)
def test_what_a_kind_says_agrees_with_what_it_draws(scenario: Any, tmp_path: Path) -> None:
    made_up = scenario(6)
    (tmp_path / "7.toml").write_text(made_up.toml, encoding="utf-8")
    load_site(7, sites_dir=tmp_path)  # every table and key is known
    for meter, values in made_up.kw.items():
        wasted_kwh = sum(waste.kwh for waste in made_up.truth.wastes if waste.meter == meter)
        assert wasted_kwh <= made_up.time.kwh(np.clip(values, 0, None)) + 0.01
    assert all(0 <= (waste.least_kwh or 0) <= waste.kwh for waste in made_up.truth.wastes)
    if made_up.temp_c is not None:
        assert made_up.temp_c.shape == made_up.time.hour.shape
        assert np.abs(made_up.temp_c).max() < 50


def test_half_of_the_held_out_kinds_with_waste_in_named_hours_know_their_weather() -> None:
    sites = [scenario(1) for scenario in catalog.HELD_OUT]
    claimable = [
        site
        for site in sites
        if site.truth.kwh(Recurrence.WEEKLY, Recurrence.NEW) > 0 and site.toml.startswith("[schedule]")
    ]
    assert len(claimable) >= 20
    assert 2 * sum(site.temp_c is not None for site in claimable) >= len(claimable)
