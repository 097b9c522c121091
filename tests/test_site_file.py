"""Tests of the site file's model: what it refuses and how, former names, channels, the example, the schema."""

import json
import math
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from config import in_force
from config.former_names import former_places
from config.in_force import Origin, list_facts
from config.site_file import (
    ChannelKind,
    ChannelTable,
    IngestLimits,
    SiteFile,
    ValidationTable,
    list_configured_sites,
    load_site,
    read_site,
    resolve_channels,
)
from config.strict_toml import known_at, known_fields, known_type, render_place
from config.tariff_file import TariffFile
from config.thresholds import Thresholds
from govern.checks.reader import read_checks, settable_limits
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT, SITES_DIR
from operations.reference.site_example import render_example, render_schema

REMEDY = "run: python operations/write_reference.py"


def load(folder: Path, text: str | bytes, site_id: int = 7):
    (folder / f"{site_id}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    site = load_site(site_id, folder)
    assert site.schedule and site.tariffs and site.branding  # what is found out only when it is asked for
    return site


def refused(folder: Path, text: str | bytes) -> str:
    """Return what is said of a file, without its folder."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{folder}/7.toml") or message.startswith(f"cannot read {folder}/7.toml")
    return message.replace(f"{folder}/", "")


# --- Every mistake is one line that names place and remedy ------------------------------------------------------------

MISTAKES = {
    # Tables and keys that are not known.
    "[shedule]\nweekdays = []": ": [shedule] is not known; did you mean [schedule]?",
    '[tarif]\nname = "x"': ": [tarif] is not known; did you mean [tariff]?",
    'recipients = ["a@example.com"]': ": recipients is not known; it belongs under [report] or [alerts]",
    '[schedule]\nrecipients = ["a@example.com"]': (
        ": schedule.recipients is not known; it belongs under [report] or [alerts]"
    ),
    "[thresholds.spike]\nmin_power_kw = 1": ": [thresholds.spike] is not known; did you mean [thresholds.spikes]?",
    "[thresholds.baseline]\nweek = 1": ": thresholds.baseline.week is not known; did you mean weeks?",
    "[thresholds]\nspike_min_powr_kw = 1": (
        ": thresholds.spike_min_powr_kw is not known; did you mean thresholds.spikes.min_power_kw?"
    ),
    "[thresholds]\nquick_win_new_ratio = 1": (
        ": thresholds.quick_win_new_ratio is gone (nothing used it); take it out"
    ),
    "[thresholds]\nquick_win_high_annual_usd = 500": (
        ": thresholds.quick_win_high_annual_usd is gone ([thresholds.quick_wins] high_annual_kwh is in kWh, "
        "for every currency); take it out"
    ),
    "[validation]\nmax_lag = 1": ": validation.max_lag is not known; did you mean max_lag_hours or max_lag_intervals?",
    '[channels."PV"]\ntype = "load"': (
        ": channels.PV.type is not known; known here: equipment, kind, must_run, parent, unit_factor, until"
    ),
    '[[tariff.periods]]\nname = "x"\nform = 1': ": tariff.periods[1].form is not known; did you mean from?",
    # Values that cannot be meant.
    "[thresholds]\nbusiness_weekdays = [9]": (
        ": thresholds.business_weekdays[1] should be a whole number from 0 to 6, not 9"
    ),
    '[thresholds]\nanomaly_method = "robust"': (
        ": thresholds.anomaly_method is gone (one model says what is usual, and nothing else can be chosen); "
        "take it out"
    ),
    "[thresholds]\nbaseline_weeks = 0": (
        ": thresholds.baseline_weeks (now thresholds.baseline.weeks) should be a whole number from 1 to 52, not 0"
    ),
    "[thresholds.baseline]\nweeks = 53": ": thresholds.baseline.weeks should be a whole number from 1 to 52, not 53",
    "[thresholds.baseline]\nweeks = 4.0": (
        ": thresholds.baseline.weeks should be a whole number from 1 to 52, not 4.0"
    ),
    "[thresholds.spikes]\nmin_power_kw = nan": (
        ": thresholds.spikes.min_power_kw should be a number of 0 or more, not nan"
    ),
    "[thresholds.spikes]\nmin_power_kw = inf": (
        ": thresholds.spikes.min_power_kw should be a number of 0 or more, not inf"
    ),
    "[thresholds.spikes]\nmin_power_kw = true": (
        ": thresholds.spikes.min_power_kw should be a number of 0 or more, not true"
    ),
    "[thresholds.electrical]\npower_factor_min_ratio = 1": (
        ": thresholds.electrical.power_factor_min_ratio should be a number from 0, below 1, not 1"
    ),
    "[thresholds.electrical]\nfrequency_band_hz = 0": (
        ": thresholds.electrical.frequency_band_hz should be a number above 0, not 0"
    ),
    "[tariff]\nflat_rate_usd_per_kwh = -0.1": ": tariff.flat_rate_usd_per_kwh should be a number from 0 to 5, not -0.1",
    "[tariff]\nflat_rate_usd_per_kwh = 14": ": tariff.flat_rate_usd_per_kwh should be a number from 0 to 5, not 14",
    '[tariff]\nname = ""': ": tariff.name should be a text in quotes, not ''",
    "[tariff]\nbilled_peaks_kw = { 2025-13 = 1 }": (
        ": tariff.billed_peaks_kw.2025-13 should be a month such as 2025-08, not '2025-13'"
    ),
    '[report]\nrecipients = ["a@example.com", " "]': (
        ": report.recipients[2] should be a mail address such as \"name@example.com\", not ' '"
    ),
    '[channels."PV"]\nkind = "generatoin"': (
        ": channels.PV.kind should be one of load, generation, storage, main, sensor, not 'generatoin'; did you "
        "mean generation?"
    ),
    '[channels."A B"]\nunit_factor = 0': ': channels."A B".unit_factor should be a number above 0, not 0',
    '[channels."A"]\nuntil = "2026-01-31"': (
        ": channels.A.until should be a date such as 2026-01-31, without quotes, not '2026-01-31'"
    ),
    "[channels]\nA = 3": ": channels.A should be a table: [channels.A], not 3",
    "[ingest.channel_max_power_kw]\nmain = 3": (
        ": ingest.channel_max_power_kw.main should be a channel id, such as 162121, not 'main'"
    ),
    '[schedule]\nweekdays = ["07:00-12:00", "11:00-18:00"]': (
        ": schedule.weekdays should be spans in order of time that do not overlap, not ['07:00-12:00', '11:00-18:00']"
    ),
    '[schedule]\nweekdays = ["13:00-18:00", "07:00-12:00"]': (
        ": schedule.weekdays should be spans in order of time that do not overlap, not ['13:00-18:00', '07:00-12:00']"
    ),
    "[[schedule.terms]]\nstart = 2026-02-01\nend = 2026-01-31": (
        ": schedule.terms[1].end should be on or after its start, 2026-02-01, not 2026-01-31"
    ),
    "[schedule]\nholiday_hours = 3": (
        ': schedule.holiday_hours should be a list of spans such as ["07:00-12:00", "13:00-18:00"], not 3'
    ),
    "[carbon]\nkg_per_kwh = 0.3": ": carbon.source is missing; it should be a text in quotes",
    "measures = 3": ": measures should be a list of tables: [[measures]], not 3",
    "thresholds = 3": ": thresholds should be a table: [thresholds], not 3",
    # Two that say the same.
    "[thresholds]\nbusiness_start_hour = 8\n[schedule]\nweekdays = []": (
        ": thresholds.business_start_hour and [schedule] both say when the site is open; take it out"
    ),
    '[thresholds]\nflat_rate_usd_per_kwh = 0.1\n[tariff]\nname = "default_flat"': (
        ": thresholds.flat_rate_usd_per_kwh and [tariff] both say what the site pays; take one of them out"
    ),
    "[thresholds]\nspike_min_power_kw = 1\n[thresholds.spikes]\nmin_power_kw = 2": (
        ": thresholds.spike_min_power_kw and its new name min_power_kw are both there; take the former out"
    ),
    '[tariff]\nname = "default_flat"\nflat_rate_usd_per_kwh = 0.1': (
        ": tariff.name and flat_rate_usd_per_kwh both say what the site pays; give one of name, periods, "
        "flat_rate_usd_per_kwh and flat_rate_per_kwh"
    ),
    # No TOML, or no text.
    "[sync]\nis_active = fals\n": ", line 2: Invalid value; correct that line",
    "[sync\n": ", line 1: Expected ']' at the end of a table declaration; correct that line",
    "a = 1\r\na = 2\r\n": ", line 2: Cannot overwrite a value; correct that line",
    "day = 2026-02-30": ", line 1: Invalid date or datetime; correct that line",
    "x = " + "[" * 5000: ": nested too deep; correct it",
    b"[sync]\n# caf\xe9\n": ", line 2: not UTF-8 text; save the file as UTF-8",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items())
def test_a_mistake_is_one_line_that_names_place_and_remedy(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refused(tmp_path, text) == f"7.toml{message}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "7.toml").mkdir()
    with pytest.raises(ConfigError, match=r"^cannot read .*7\.toml: Is a directory; let this user read the file$"):
        load_site(7, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\ufeff[sync]\r\nis_active = false\r\n",
        '[schedule]\nweekdays = ["07:00-18:00"]\ncountry = "US"\nstate = "NY"\n',
        '[schedule]\nweekdays = []\nsunday = ["22:00-06:00"]\n',
        "[[schedule.exceptions]]\nstart = 2025-12-22\nend = 2026-01-04\nhours = []\n",
        '[tariff]\nname = "default_tou_demand"\n',
        '[channels."PV inverter"]\nkind = "generation"\n[channels."162126"]\nmust_run = true\n',
    ],
)
def test_what_sites_say_is_understood(tmp_path: Path, text: str) -> None:
    site = load(tmp_path, text)
    assert site.file.sync.is_active == ("is_active" not in text)


def test_a_mistake_in_a_tariff_in_json_is_told_alike(tmp_path: Path) -> None:
    tariff = {"currency": "USD", "source": "x", "valid_from": "2026-01-01", "energy": {"periods": []}}
    period = {"name": "all", "rate_per_kwh": 0.1}

    def message(text: str) -> str:
        (tmp_path / "acme.json").write_text(text)
        (tmp_path / "7.toml").write_text('[tariff]\nname = "acme"\n')
        with pytest.raises(ConfigError) as caught:
            assert load_site(7, tmp_path, tmp_path).tariffs
        return (
            str(caught.value)
            .replace(f"{tmp_path}/", "")
            .removeprefix("7.toml: tariff.name should be another, or be corrected: ")
        )

    assert message(json.dumps(tariff)) == (
        "acme.json: energy.periods should be a list of tables: [[energy.periods]], not []"
    )
    assert message('{"a": 1,\n"a": 2}') == "acme.json: a stands there twice; correct it"
    assert message('{"a": 1,\n"b" 2}') == "acme.json, line 2: Expecting ':' delimiter; correct that line"
    assert message("[]") == "acme.json: should hold one JSON object; put what it says between braces"
    good = tariff | {"energy": {"periods": [period]}}
    for name, text in (("acme", json.dumps(good)), ("default_tou_demand", json.dumps(good))):
        (tmp_path / f"{name}.json").write_text(text)
    site = load_site(7, tmp_path, tmp_path)
    assert site.tariffs.current[0].tariff.valid_from == date(2026, 1, 1)


# --- Former names -----------------------------------------------------------------------------------------------------


def test_every_former_threshold_has_a_place_and_its_default_there() -> None:
    places = former_places()
    assert len(set(places.values())) == len(places) > 80
    for place in places.values():
        assert known_at(SiteFile, place) is not None, place
    known = (
        ("temperature_min_gain_pct", "thresholds.expected.temperature_min_gain_pct"),
        ("after_hours_min_power_kw", "thresholds.after_hours.min_power_kw"),
        ("quick_win_min_weekly_kwh", "thresholds.quick_wins.min_weekly_kwh"),
        ("electrical_min_power_kw", "thresholds.electrical.min_power_kw"),
        ("nominal_voltage_v", "thresholds.electrical.nominal_voltage_v"),
        ("flat_rate_usd_per_kwh", "tariff.flat_rate_usd_per_kwh"),
        ("power_factor_target_ratio", "tariff.power_factor.target_ratio"),
    )
    assert [render_place(places[former]) for former, _ in known] == [now for _, now in known]


def test_a_file_of_former_names_keeps_working(tmp_path: Path) -> None:
    text = (
        "[thresholds]\nflat_rate_usd_per_kwh = 0.15\nbaseline_weeks = 6\nspike_tall_ratio = 3\n"
        "power_factor_target_ratio = 0.9\npower_factor_penalty_usd_per_kw = 12\n[thresholds.spikes]\nmax_hours = 2\n"
    )
    site = load(tmp_path, text)
    assert site.thresholds == msgspec.convert(
        {"baseline": {"weeks": 6}, "spikes": {"tall_ratio": 3.0, "max_hours": 2.0}}, Thresholds
    )
    clause = site.tariffs.power_factor
    assert clause is not None
    assert (clause.target_ratio, clause.penalty_usd_per_kw, site.tariffs.is_assumed) == (0.9, 12.0, False)
    assert site.tariffs.current[0].tariff.energy.periods[0].tiers[0].rate == 0.15


# --- Read once --------------------------------------------------------------------------------------------------------


def test_a_site_is_read_once_a_process_and_each_site_for_itself(tmp_path: Path) -> None:
    (tmp_path / "7.toml").write_text("[sync]\nis_active = false\n")
    assert not read_site(7, tmp_path).file.sync.is_active
    (tmp_path / "7.toml").write_text("[sync]\nis_active = true\n")
    assert read_site(7, tmp_path) is read_site(7, tmp_path)
    assert not read_site(7, tmp_path).file.sync.is_active
    assert read_site(8, tmp_path).file == SiteFile()


def test_a_site_is_read_without_what_only_analyses_need() -> None:
    code = "import sys; from config.site_file import read_sites; read_sites(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- Channels ---------------------------------------------------------------------------------------------------------

NAMES = {10: "Main", 20: "PV inverter", 30: "HVAC", 40: "HVAC", 50: "20"}


def resolve(folder: Path, text: str):
    site = load(folder, text)
    return resolve_channels(site.file.channels, NAMES, site.path)


def test_channels_are_known_by_name_and_by_id(tmp_path: Path) -> None:
    found = resolve(
        tmp_path,
        '[channels."PV inverter"]\nkind = "generation"\nparent = "Main"\n'
        '[channels.30]\nmust_run = true\nequipment = "hvac"\nunit_factor = 0.001\nuntil = 2026-01-31\nparent = 10\n',
    )
    assert {key: (one.parent_id, one.facts.kind, one.facts.must_run) for key, one in found.items()} == {
        20: (10, ChannelKind.GENERATION, False),
        30: (10, None, True),
    }
    assert found[30].facts == ChannelTable(
        must_run=True, parent=10, until=date(2026, 1, 31), unit_factor=0.001, equipment="hvac"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[channels."PV invertor"]',
            "\"PV invertor\" names no channel of this site: 'PV invertor'; did you mean PV inverter?",
        ),
        ("[channels.Boiler]", "Boiler names no channel of this site: 'Boiler'; known: 20, HVAC, Main, PV inverter"),
        ("[channels.99]", "99 names no channel of this site: '99'; known: 20, HVAC, Main, PV inverter"),
        ("[channels.HVAC]", "HVAC names 2 channels: 'HVAC'; use the id, one of 30, 40"),
        ('[channels."20"]\n[channels."PV inverter"]', "\"PV inverter\" and '20' are one channel, 20; keep one of them"),
        (
            '[channels.Main]\nparent = "Main"',
            "Main.parent should be another meter, for a meter is no part of itself: 10 → 10",
        ),
        (
            '[channels.Main]\nparent = 30\n[channels.30]\nparent = "PV inverter"\n[channels.20]\nparent = "Main"',
            "Main.parent should be another meter, for a meter is no part of itself: 10 → 30 → 20 → 10",
        ),
        ('[channels.30]\nparent = "Mian"', "30.parent names no channel of this site: 'Mian'; did you mean Main?"),
    ],
)
def test_channels_that_cannot_be_told_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/7.toml: channels.{message}"


# --- The example, the schema, and what they are made from -------------------------------------------------------------


def test_example_and_schema_are_current() -> None:
    assert (SITES_DIR / "example.toml").read_text(encoding="utf-8") == render_example(), REMEDY
    assert (SITES_DIR / "site.schema.json").read_text(encoding="utf-8") == render_schema(), REMEDY


def test_the_example_loads_and_is_no_site(tmp_path: Path) -> None:
    text = render_example()
    assert load(tmp_path, text).file == SiteFile()
    (tmp_path / "example.toml").write_text(text)
    assert list_configured_sites(tmp_path) == [7]
    assert list_configured_sites() == [int(path.stem) for path in SITES_DIR.glob("*.toml") if path.stem.isdecimal()]


def example_keys() -> list[tuple[str, str]]:
    """Return each key of the example beside its table's head."""
    head, keys = "", []
    for line in render_example().splitlines():
        if re.match(r"#?\[", line):
            head = line.removeprefix("#")
        elif re.match(r"#\w+ = ", line):
            keys.append((head, line.removeprefix("#")))
    return keys


REQUIRED = {
    "[[schedule.terms]]": "start = 2026-01-05\nend = 2026-06-11\n",
    "[[schedule.exceptions]]": "date = 2026-02-13\n",
    "[[tariff.periods]]": 'name = "default_flat"\n',
    "[tariff.power_factor]": "target_ratio = 0.9\npenalty_usd_per_kw = 1\n",
    "[carbon]": 'kg_per_kwh = 0.3\nsource = "x"\n',
    "[[bills.periods]]": "start = 2026-01-01\nend = 2026-01-31\nkwh = 1\n",
    "[[measures]]": 'name = "x"\nchannel = 1\ndate = 2026-01-01\n',
    "[schedule]": 'weekdays = ["07:00-18:00"]\n',
}
WITH = {"start": "end = 2027-01-01\n", "end": "start = 2026-12-24\n", "state": 'country = "US"\n', "logo": ""}
BESIDE = {
    "state": WITH["state"],
    "flat_rate_per_kwh": 'currency = "EUR"\n',
    "currency": "flat_rate_per_kwh = 0.3\n",
    "date_format": 'file = "x.csv"\n',
    "decimal": 'file = "x.csv"\n',
}


@pytest.mark.parametrize(("head", "line"), example_keys())
def test_every_key_of_the_example_can_be_said(tmp_path: Path, head: str, line: str) -> None:
    key = line.split(" = ")[0]
    required = "" if head == "[[schedule.exceptions]]" and key in WITH else REQUIRED.get(head, "")
    others = "".join(one + "\n" for one in required.splitlines() if not one.startswith(f"{key} ="))
    others += WITH.get(key, "") if head == "[[schedule.exceptions]]" else BESIDE.get(key, "")
    above = '[bills]\nfile = "x.csv"\n' if head == "[bills.columns]" else ""
    others = "" if head.startswith("[files") else others
    (tmp_path / "7.toml").write_text(f"{above}{head}\n{others}{line}\n")
    assert load_site(7, tmp_path).file


def test_the_example_has_every_key_of_the_model() -> None:
    heads = {re.sub(r"[\[\]]", "", head): set() for head, _ in example_keys()}
    for head, line in example_keys():
        heads[re.sub(r"[\[\]]", "", head)].add(line.split(" = ")[0])
    expected = {}
    for place in tables_of():
        known = known_at(SiteFile, place)
        assert known is not None
        keys = {key for key, (inner, _) in known_fields(known).items() if not is_table(inner.type)}
        if keys:
            expected[re.sub(r"\[\d+\]", "", render_place(place))] = keys
    assert heads == expected


def test_the_schema_takes_what_the_model_takes() -> None:
    validator = jsonschema_rs.Draft202012Validator(json.loads(render_schema()))
    assert validator.is_valid({"schedule": {"weekdays": ["07:00-18:00"]}, "channels": {"PV": {"kind": "generation"}}})
    assert not validator.is_valid({"shedule": {}})
    assert not validator.is_valid({"thresholds": {"baseline": {"weeks": 0}}})
    assert not validator.is_valid({"schedule": {"weekdays": ["7-18"]}})


def test_limits_of_checks_are_those_of_the_checks() -> None:
    known = known_fields(known_type(ValidationTable))
    shared = {"max_power_kw": 5000, "max_catch_up_hours": 744}  # said under [ingest]
    assert {name: one.default for name, (one, _) in known.items()} | shared == settable_limits(read_checks())
    assert {name: getattr(IngestLimits(), name) for name in shared} == shared


# --- Properties -------------------------------------------------------------------------------------------------------


def is_table(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.VarTupleType):
        return isinstance(kind.item_type, inspect.StructType)
    return isinstance(kind, inspect.StructType) or (
        isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.StructType)
    )


def tables_of(kind=SiteFile, place: tuple = ()) -> list[tuple]:
    """Return the places of all tables of fixed keys, with one row of each list and one channel."""
    known = known_at(kind, place)
    assert known is not None
    if isinstance(known.type, inspect.DictType):
        name = {"files": "portal", "owners": "Bakery"}.get(str(place[-1]), "PV inverter")
        return tables_of(kind, (*place, name)) if is_table(known.type) else []
    if isinstance(known.type, inspect.VarTupleType):
        return tables_of(kind, (*place, 0)) if is_table(known.type) else []
    if not isinstance(known.type, inspect.StructType):
        return []
    below = [one for key in known_fields(known) for one in tables_of(kind, (*place, key))]
    return [place, *below]


def nested(place: tuple, value):
    """Return a document that has `value` at `place`."""
    for step in reversed(place):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def toml(value) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def write(folder: Path, document: dict) -> None:
    (folder / "7.toml").write_text("".join(f"{json.dumps(key)} = {toml(item)}\n" for key, item in document.items()))


@pytest.mark.parametrize("kind", [SiteFile, TariffFile], ids=lambda kind: kind.__name__)
def test_tables_are_found_at_every_level(kind) -> None:
    places = tables_of(kind)
    assert len(places) > 10
    assert max(map(len, places)) >= 3


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(tables_of()), key=st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True), value=st.integers(0, 9)
)
def test_an_unknown_key_at_any_level_is_refused(tmp_path: Path, place: tuple, key: str, value: int) -> None:
    known = known_at(SiteFile, (*place, key))
    if known is not None:
        return
    write(tmp_path, nested(place, {key: value}))
    with pytest.raises(ConfigError) as caught:
        load_site(7, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    # A table whose required keys are missing may be told of these first.
    assert f"{render_place((*place, key))} is not known" in message or f"{render_place(place)}." in message


def values_of(kind: inspect.Type) -> st.SearchStrategy:
    """Return values that a plain key takes, as TOML says them."""
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    if isinstance(kind, inspect.EnumType):
        return st.sampled_from([member.value for member in kind.cls])
    if isinstance(kind, inspect.IntType):
        return st.integers(int(kind.ge or 0), min(int(kind.le or 1000), 10**6))
    assert isinstance(kind, inspect.FloatType)
    low = kind.ge if kind.ge is not None else (kind.gt or 0) + 1e-3
    high = kind.le if kind.le is not None else kind.lt - 1e-3 if kind.lt is not None else 1e6
    return st.floats(low, high, allow_nan=False)


SPANS = st.sampled_from([["07:00-18:00"], [], ["07:00-12:00", "13:00-18:00"], ["22:00-06:00"], ["00:00-24:00"]])
DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
PERIODS = st.tuples(DAYS, st.integers(0, 30)).map(lambda pair: {"start": pair[0], "end": pair[0] + timedelta(pair[1])})
CHANNELS = st.dictionaries(
    TEXTS,
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from([kind.value for kind in ChannelKind]),
            "must_run": st.booleans(),
            "parent": TEXTS | st.integers(1, 10**9),
            "until": DAYS,
            "unit_factor": st.floats(1e-6, 1e6),
        },
    ),
    max_size=3,
)


def thresholds() -> st.SearchStrategy:
    groups = {}
    for group, (known, _) in known_fields(known_type(Thresholds)).items():
        keys = {key: values_of(inner.type) for key, (inner, _) in known_fields(known).items()}
        groups[group] = st.fixed_dictionaries({}, optional=keys)
    return st.fixed_dictionaries({}, optional=groups)


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "thresholds": thresholds(),
        "channels": CHANNELS,
        "schedule": st.fixed_dictionaries(
            {"weekdays": SPANS},
            optional={"sunday": SPANS, "holiday_hours": SPANS, "terms": st.lists(PERIODS, max_size=2)},
        ),
        "tariff": st.fixed_dictionaries({}, optional={"flat_rate_usd_per_kwh": st.floats(0, 5), "compare_with": TEXTS}),
        "sync": st.fixed_dictionaries({"is_active": st.booleans()}),
        "building": st.fixed_dictionaries({"floor_area_m2": st.floats(1, 1e6)}),
        "measures": st.lists(
            st.fixed_dictionaries({"name": TEXTS, "channel": st.integers(1, 10**9), "date": DAYS}), max_size=2
        ),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENTS)
def test_a_valid_file_is_read_as_it_was_meant(tmp_path: Path, document: dict) -> None:
    write(tmp_path, document)
    file = load_site(7, tmp_path).file
    assert file == msgspec.convert(document, SiteFile, str_keys=True)
    # And what was read says the same again.
    said = {name: value for name, value in said_of(file).items() if value}
    write(tmp_path, said)
    assert load_site(7, tmp_path).file == file


def said_of(value):
    """Return a model as a document, without what is not set."""
    if isinstance(value, msgspec.Struct):
        names = {field.name: field.encode_name for field in msgspec.structs.fields(value)}
        return {
            encoded: said_of(getattr(value, name))
            for name, encoded in names.items()
            if getattr(value, name) not in (None, "")
        }
    if isinstance(value, dict):
        return {str(key): said_of(item) for key, item in value.items()}
    return [said_of(item) for item in value] if isinstance(value, tuple) else value


# --- What is in force -------------------------------------------------------------------------------------------------


def test_what_is_in_force_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_force, "BRANDING_FILE", tmp_path / "branding.toml")
    (tmp_path / "branding.toml").write_text('[branding]\nname = "Acme"\n')
    (tmp_path / "7.toml").write_text("[thresholds]\nbaseline_weeks = 6\n[validation]\nmax_lag_hours = 48\n")
    site = load_site(7, tmp_path, branding_file=tmp_path / "branding.toml")
    facts = {(fact.table, fact.key): fact[2:] for fact in list_facts(site)}
    assert facts["thresholds.baseline", "weeks"] == (6, Origin.FILE, f"{tmp_path}/7.toml, as thresholds.baseline_weeks")
    assert facts["thresholds.baseline", "min_completeness_pct"] == (70.0, Origin.DEFAULT, "contract")
    assert facts["validation", "max_lag_hours"] == (48.0, Origin.FILE, f"{tmp_path}/7.toml")
    assert facts["validation", "max_lag_intervals"][:2] == (8, Origin.DEFAULT)
    assert facts["schedule", "weekdays"] == (["07:00-18:00"], Origin.ASSUMED, "nobody named the hours")
    assert facts["tariff", "flat_rate_usd_per_kwh"] == (0.12, Origin.ASSUMED, "config/tariffs/default_flat.toml")
    assert facts["branding", "name"] == ("Acme", Origin.BRANDING, f"{tmp_path}/branding.toml")
    assert facts["building", "floor_area_m2"] == (None, Origin.UNSET, "")
    assert not any(isinstance(fact[0], float) and math.isnan(fact[0]) for fact in facts.values())


def test_show_settings_prints_a_site_and_keeps_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://u:hush@h/d\n")
    run = [sys.executable, str(PROJECT_ROOT / "operations/show_settings.py"), "--site", "999999"]
    environment = {"ENV_FILE": str(tmp_path / ".env"), "PATH": "/usr/bin:/bin"}
    text = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert "config/sites/999999.toml: no such file, the defaults hold" in text
    assert re.search(r"^weeks +  ?= 4 +default \(contract\)$", text, re.MULTILINE)
    assert "hush" not in text
    made = subprocess.run([*run, "--json"], env=environment, capture_output=True, text=True, check=True).stdout
    shown = json.loads(made)
    assert (shown["site"]["siteId"], shown["site"]["hasFile"]) == (999999, False)
    assert "hush" not in made
