"""Proposed site files: of generated sites of known wiring, of small sites by hand, of names that break things."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from generated_sites import GeneratedSite, make_site
from onboard_factory import (
    MONDAY,
    SITE,
    ZONE,
    Floats,
    Proposed,
    channel,
    confirm_all,
    load_text,
    parents_of,
    propose_for,
    read_tables,
)

from lib.date_utils import Window
from lib.learned_hours import LearnedDay, LearnedHours
from lib.meter_sums import Confidence
from lib.paths import PROJECT_ROOT
from lib.toml_text import quote
from operations.onboarding.evidence import gather_evidence
from operations.onboarding.opening import propose_hours
from operations.onboarding.proposal import propose_site

MEASURED = PROJECT_ROOT.parent / "shared" / "data" / "rsf_office_end_uses_hourly.csv.gz"
SHAPES = ("flat", "main", "rest", "nested", "nested_rest", "two", "solar", "beside")


def generate(seed: int, interval_s: int, shape: str) -> GeneratedSite:
    """Return a site; "beside" is one of a main and its parts beside single loads of another house."""
    weeks = 6 if interval_s < 3600 else 10
    if shape != "beside":
        return make_site(seed, interval_s, weeks, shape)
    school, house = make_site(seed, interval_s, weeks, "rest"), make_site(seed + 500, interval_s, weeks, "flat")
    return school.beside([900 + key for key in house.grid.ids], house.grid.kwh)


@pytest.mark.parametrize("interval_s", [900, 3600])
def test_nearly_all_parents_are_proposed_and_none_is_wrong_for_sure(interval_s: int) -> None:
    """At 24 sites of each length of interval, with names that say nothing."""
    total = right = 0
    wrong: list[tuple[str, Confidence]] = []
    for place, shape in enumerate(SHAPES * 3):
        site = generate(300 + place, interval_s, shape)
        channels = [channel(key, f"Meter {key}", interval_s=interval_s) for key in sorted(site.grid.ids)]
        kwh_of = {key: site.kwh_of(key)[:, 0] for key in site.grid.ids}
        found = parents_of(propose_for(channels, kwh_of, interval_s))
        generation = set(site.grid.ids) - set(site.parents) if shape == "solar" else set()
        total += len(site.parents)
        right += sum(found.get(part, (0,))[0] == main for part, main in site.parents.items())
        wrong += [
            (shape, sure)
            for part, (main, sure) in found.items()
            if site.parents.get(part) != main and part not in generation
        ]
    assert total > 120
    assert right >= 0.95 * total
    assert [one for one in wrong if one[1] is Confidence.HIGH] == []
    assert len(wrong) <= 0.04 * total


QUARTERS = np.arange(4 * 7 * 96)
HOUR, WEEKDAY = QUARTERS % 96 / 4, QUARTERS // 96 % 7


def loads() -> dict[str, Floats]:
    """Return four weeks of quarter-hours [kWh] of a shop from a Monday on, each load with a will of its own."""
    rng = np.random.default_rng(7)
    is_open = (HOUR >= 8) & (HOUR < 18) & (WEEKDAY < 5)
    cycles = np.repeat(rng.random(QUARTERS.size // 3) < 0.8, 3)
    return {
        "rtu": np.where(is_open, np.where(cycles, 2.0, 0.5), 0.1) * rng.uniform(0.95, 1.05, QUARTERS.size),
        "lights": np.where(is_open, 1.0 + 0.3 * np.repeat(rng.random(QUARTERS.size // 4), 4), 0.05),
        "freezer": np.where(np.repeat(rng.random(QUARTERS.size // 2) < 0.6, 2), 0.8, 0.1),
        "sun": 2.0 * np.clip(np.sin(np.pi * (HOUR - 6) / 12), 0, None) * rng.uniform(0.5, 1.0, 28).repeat(96),
    }


def expected(name: str) -> str:
    """Return an expected file, checked by hand against what is known of the loads."""
    return (Path(__file__).parent / "expected_files" / name).read_text(encoding="utf-8")


def test_a_shop_with_a_main_a_copy_and_a_view() -> None:
    own = loads()
    channels = [
        channel(1, "Main Panel"),
        channel(2, "RTU-1"),
        channel(3, "Beleuchtung"),
        channel(4, "Freezer"),
        channel(5, "Test"),
        channel(6, "RTU-1 L1", is_counted=False, counted_by=2, point_id=2, point_view="phase"),
        channel(7, "Air Sense", is_energy_meter=False),
        channel(8, "Storage", newest_end=None),
    ]
    kwh_of = {1: own["rtu"] + own["lights"] + own["freezer"], 2: own["rtu"], 3: own["lights"], 4: own["freezer"]}
    text = propose_for(channels, kwh_of | {5: own["rtu"]})
    assert text == expected("proposed_shop.toml")


def test_a_shop_that_the_sun_feeds_of_which_something_is_said_already() -> None:
    own = loads()
    channels = [
        channel(1, "Netz", is_parent_named=True),
        channel(2, "RTU-1", must_run=True, unit_factor=2.0),
        channel(3, "Freezer", kind="load", must_run=True),
        channel(4, "Fridge"),
        channel(9, "Inverter"),
        channel(10, "House", is_excluded=True, is_counted=False),
    ]
    grid = own["rtu"] + own["freezer"] + own["lights"] - own["sun"]
    kwh_of = {1: grid, 2: own["rtu"], 3: own["freezer"], 4: own["lights"], 9: -own["sun"]}
    site = SITE._replace(country="Deutschland", state=None, currency_code="EUR")
    assert propose_for(channels, kwh_of, site=site) == expected("proposed_sunny_shop.toml")


HOSTILE = [
    'say "hi" \\ and \\u0041',
    "line\nbreak\r\n[tariff]\nflat_rate_usd_per_kwh = 9",
    '"""',
    "'''",
    "]] # [channels.x]",
    "[[measures]]",
    'parent = "1"  # high: forged',
    "\u202egnp.exe\u2069",
    "עברית عربى",
    "\x00\x1b[31m\x7f\x85\u2028",
    "\ud800",
    "x" * 5000,
    "",
    "# high: forged",
    "💡 Licht",
]


def test_names_from_outside_change_nothing_but_comments(tmp_path: Path) -> None:
    own = loads()
    load = own["rtu"] + own["lights"]
    plain, hostile = (
        [channel(1 + place, name) for place, name in enumerate(names)]
        for names in ([f"Meter {n}" for n in range(len(HOSTILE) - 1)] + ["Licht"], HOSTILE)
    )
    kwh_of = {one.meter_id: load * (1 + one.meter_id / 10) for one in plain[:1]} | {15: own["lights"]}
    texts = [
        propose_for(channels, kwh_of, site=SITE._replace(name=channels[1].meter_name, timezone=zone))
        for channels, zone in ((plain, "UTC"), (hostile, "UTC"))
    ]
    names = [{one.meter_id: one.meter_name for one in channels} for channels in (plain, hostile)]
    files = [load_text(text, tmp_path, own_names).file for text, own_names in zip(texts, names, strict=True)]
    assert files[0] == files[1]
    assert len(texts[1].splitlines()) == len(texts[0].splitlines()) == texts[1].count("\n")
    assert texts[1].replace("\n", "").isprintable()
    assert max(map(len, texts[1].splitlines())) < 700
    confirmed = [
        load_text(confirm_all(text), tmp_path, own_names).file for text, own_names in zip(texts, names, strict=True)
    ]
    assert confirmed[0] == confirmed[1]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Main", '"Main"'),
        ("Kühlraum 1", '"Kühlraum 1"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("a\nb\x7f", r'"a\nb\u007F"'),
        ("\u202eb", r'"\u202Eb"'),
        ("\U000e0001", r'"\U000E0001"'),
        ("\ud800", r'"\uFFFD"'),
    ],
)
def test_a_text_is_quoted_on_one_line_that_reads_back(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert tomllib.loads(f"x = {quoted}  # {quoted}")["x"] == text.replace("\ud800", "\ufffd")


def test_what_waits_is_taken_in_force_by_taking_the_sign_away(tmp_path: Path) -> None:
    text = expected("proposed_shop.toml")
    names = {1: "Main Panel", 2: "RTU-1", 3: "Beleuchtung", 4: "Freezer", 5: "Test", 6: "L1", 7: "Air", 8: "Storage"}
    proposed, confirmed = (load_text(one, tmp_path, names) for one in (text, confirm_all(text)))
    assert (proposed.schedule.is_assumed, confirmed.schedule.is_assumed) == (True, False)
    assert (proposed.tariffs.is_assumed, confirmed.tariffs.is_assumed) == (True, False)
    assert (proposed.file.building.floor_area_m2, confirmed.file.building.floor_area_m2) == (None, 1000.0)
    assert (proposed.excluded(names), confirmed.excluded(names)) == (frozenset(), frozenset({5}))
    assert (proposed.schedule.country, proposed.schedule.state) == ("US", "NC")
    assert [span[0] for span in confirmed.schedule.week[:5]] == [(480, 1080)] * 5


def test_a_low_proposal_is_out_of_force() -> None:
    """A single load of a main that is mostly something else, in hourly readings."""
    rng = np.random.default_rng(4)
    part, rest = rng.uniform(0.5, 1.5, 6 * 168) * 2, rng.uniform(0.0, 12.0, 6 * 168)
    channels = [channel(key, name, interval_s=3600) for key, name in ((1, "Main"), (2, "Load"))]
    lines = read_tables(propose_for(channels, {1: part + rest, 2: part}, 3600))
    assert lines['channels."2"'] == {"parent": Proposed('"1"', Confidence.LOW, False)}


@pytest.mark.parametrize(("weeks", "is_proposed"), [(1.9, False), (2.1, True)])
def test_parents_need_two_weeks(weeks: float, is_proposed: bool) -> None:
    own, count = loads(), int(weeks * 7 * 96)
    channels = [channel(1, "Main"), channel(2, "RTU"), channel(3, "Lights")]
    main = own["rtu"] + own["lights"]
    text = propose_for(channels, {1: main[:count], 2: own["rtu"][:count], 3: own["lights"][:count]})
    assert set(parents_of(text)) == ({2, 3} if is_proposed else set())
    assert ("The readings are too few" in text) == (not is_proposed)


def test_a_meter_that_fell_silent_may_have_ended() -> None:
    own = loads()
    gone = [
        channel(key, f"Meter {key}", newest_end=MONDAY + timedelta(days=days)) for key, days in ((2, 13.9), (3, 14.1))
    ]
    text = propose_for([channel(1, "Meter 1"), *gone], {1: own["rtu"]})
    lines = read_tables(text)
    assert lines['channels."2"']["until"] == Proposed("2026-01-18", Confidence.LOW, False)
    assert "until" not in lines['channels."3"']


def test_channels_of_one_point_of_which_none_is_known_to_be_the_whole_are_asked_about() -> None:
    own = loads()
    views = [channel(key, f"View {key}", point_id=1, point_view=None) for key in (1, 2)]
    text = propose_for(views, {1: own["rtu"], 2: own["lights"]})
    assert parents_of(text) == {2: (1, Confidence.LOW)}
    phases = [one._replace(point_view="phase") for one in views]
    assert parents_of(propose_for(phases, {1: own["rtu"], 2: own["lights"]})) == {}


def test_a_home_on_a_gateway_of_its_own_is_asked_about() -> None:
    own = loads()
    school = [channel(1, "RTU-1"), channel(2, "AHU-1"), channel(3, "Lights")]
    home = [
        channel(4, "Dryer", gateway="b"),
        channel(5, "Water Heater", gateway="b"),
        channel(6, "Bedroom", gateway="b"),
    ]
    kwh_of = {key: own["rtu"] + key * own["lights"] for key in range(1, 7)}
    lines = read_tables(propose_for([*school, *home], kwh_of))
    assert lines["site"]["exclude"] == Proposed("[4, 5, 6]", Confidence.LOW, False)
    on_one = [one._replace(gateway="a") for one in (*school, *home)]
    assert "exclude" not in read_tables(propose_for(on_one, kwh_of))["site"]


@pytest.mark.parametrize(
    ("names", "is_home"),
    [
        (("Dryer",), False),  # a laundry of the school's own
        (("Dryer", "Water Heater"), True),
        (("Dryer", "Water Heater", "Pump", "Fan"), True),
        (("Dryer", "Water Heater", "Pump", "Fan", "Boiler"), False),
    ],
)
def test_a_gateway_is_of_a_home_where_two_meters_and_half_of_all_say_so(names: tuple[str, ...], is_home: bool) -> None:
    own = loads()
    below = [channel(10 + place, name, gateway="b") for place, name in enumerate(names)]
    channels = [channel(1, "RTU-1"), channel(2, "AHU-1"), *below]
    kwh_of = {one.meter_id: own["rtu"] + one.meter_id * own["lights"] for one in channels}
    lines = read_tables(propose_for(channels, kwh_of))
    assert ("exclude" in lines["site"]) == is_home


@pytest.mark.parametrize(("exported_kwh", "exports"), [(0.9, False), (1.1, True)])
def test_what_a_register_of_export_counts_by_itself_is_no_export(exported_kwh: float, exports: bool) -> None:
    """A thousandth of what was imported: 28 days of 1000 kWh in all."""
    starts = pd.date_range(MONDAY, periods=28 * 24, freq="h")
    rows = pd.DataFrame({"channel_id": 1, "interval_start": starts, "interval_s": 3600, "power_kw": np.nan})
    rows["energy_kwh"] = 1000 / len(rows)
    rows["exported_energy_kwh"] = exported_kwh / len(rows)
    assert gather_evidence(rows, ZONE, [1], {}, [], [], []).exports == (frozenset({1}) if exports else frozenset())


@pytest.mark.parametrize(("apart_min", "is_common"), [(120, True), (122, False)])
def test_hours_are_common_where_meters_keep_them_within_an_hour(apart_min: int, is_common: bool) -> None:
    """The common ones lie between the two."""

    def keeps(start_min: int) -> LearnedHours:
        day, closed = LearnedDay(start_min, 18 * 60, 4), LearnedDay(0, 0, 4)
        return LearnedHours(0.1, 1.0, (day,) * 5 + (closed,) * 2, None, "")

    hours = propose_hours({1: keeps(480), 2: keeps(480 + apart_min)}, [])
    expected = (("weekdays", ("09:00-18:00",)), ("saturday", ()), ("sunday", ()))
    assert (hours is not None and hours.days) == (expected if is_common else False)
    assert hours is None or hours.confidence is Confidence.MEDIUM


def test_a_site_of_sensors_and_daily_totals_is_proposed_without_parents() -> None:
    channels = [channel(1, "Main", interval_s=86_400), channel(2, "Air Sense", is_energy_meter=False)]
    starts = pd.date_range(MONDAY, periods=28, freq="D")
    rows = pd.DataFrame({"channel_id": 1, "interval_start": starts, "interval_s": 86_400, "energy_kwh": 5.0})
    seen = gather_evidence(rows.assign(power_kw=np.nan), ZONE, [], {}, [], [], [])
    text = propose_site(SITE, ZONE, channels, Window(MONDAY, MONDAY + timedelta(days=28)), seen)
    lines = read_tables(text)
    assert lines['channels."2"'] == {"kind": Proposed('"sensor"', Confidence.HIGH, True)}
    assert (parents_of(text), lines["schedule"]["weekdays"].is_active) == ({}, False)


@pytest.mark.skipif(not MEASURED.exists(), reason=f"{MEASURED} is absent")
@pytest.mark.parametrize("main", ["building_total_kw", "net_kw"])
def test_end_uses_of_a_measured_office_are_found(main: str) -> None:
    """Hours of a year in steps of 2 kW; the net meter imports less than its parts draw while the sun shines."""
    office = pd.read_csv(MEASURED)
    uses = [f"{name}_kw" for name in ("cooling", "heating", "mechanical", "lighting", "plug_loads", "data_center")]
    total = right = 0
    for week in (2, 15, 28):
        hours = office.iloc[48 + week * 168 : 48 + (week + 12) * 168]  # from a Monday on
        kwh_of = {number: hours[name].to_numpy(dtype=float) for number, name in enumerate([*uses, main], start=1)}
        if main == "net_kw":
            kwh_of[8] = hours["pv_kw"].to_numpy(dtype=float)
        channels = [channel(key, f"Meter {key}", interval_s=3600) for key in kwh_of]
        found = parents_of(propose_for(channels, kwh_of, 3600))
        total += len(uses)
        right += sum(found.get(key, (0,))[0] == 7 for key in range(1, 7))
        assert {main for main, sure in found.values() if sure is Confidence.HIGH} <= {7}
        assert 7 not in found
    assert right >= 0.9 * total
