"""The sandbox's further sites: a main panel with its parts, a house beside a school, several views of one point."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from operations.sandbox import further_sites as sites
from operations.sandbox.api import create_app, make_site
from operations.sandbox.auth import Credentials
from operations.sandbox.generator import GeneratedSite
from operations.sandbox.noise import Columns
from operations.sandbox.truth import describe_site

NOW = datetime(2026, 7, 13, 14, tzinfo=UTC)
MONDAY = date(2026, 7, 6)
ACCOUNT = Credentials()
HEADERS = {"X-Eniscope-API": ACCOUNT.api_key, "Authorization": f"Basic {ACCOUNT.basic_value}"}
START_S = 1783296000  # 2026-07-06T00:00Z
QUARTER_S, QUARTERS = 900, 5 * 96
# What recorded replies show of how far energy strays: from its phases, and from mean power times hours.
MOST_PHASE_ERROR, MOST_POWER_ERROR = 0.0006, 0.0013


@pytest.fixture(scope="module")
def site() -> GeneratedSite:
    """All sites; the last complete week is planted in the first."""
    return make_site(7, NOW, [MONDAY])


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(now=NOW, planted_weeks=[]).test_client()


def read(site: GeneratedSite, channel_id: int, resolution_s: int = QUARTER_S) -> Columns:
    channel = site.catalogue.find_channel(channel_id)
    assert channel is not None
    return site.compute_fields(channel, START_S, QUARTERS * QUARTER_S // resolution_s, resolution_s)


def list_channels(client: FlaskClient, site_id: int) -> list[dict[str, Any]]:
    reply = client.get(f"/channels?organization={site_id}&limit=0", headers=HEADERS)
    return reply.get_json(force=True)["channels"]


def test_market_is_a_main_panel_and_its_parts(site: GeneratedSite) -> None:
    energy = {key: read(site, key)["E"] for key in range(sites.MAIN, sites.SOLAR)}
    carried = energy[sites.PANEL_A] + energy[sites.ROOFTOP] + energy[sites.VENTILATION]
    np.testing.assert_allclose(energy[sites.MAIN], carried, rtol=2 * MOST_POWER_ERROR)
    assert (energy[sites.MAIN] != carried).all()
    within = energy[sites.BAKERY] + energy[sites.COLD_ROOMS]
    np.testing.assert_allclose(energy[sites.PANEL_A], 1.02 * within, rtol=2 * MOST_POWER_ERROR)


def test_gateway_of_the_market_has_the_number_of_one_of_its_channels(client: FlaskClient) -> None:
    channels = list_channels(client, sites.MARKET_ID)
    assert [(row["dataChannelId"], row["channelName"]) for row in channels] == [
        ("164301", "Main Panel"),
        ("164302", "Panel A"),
        ("164303", "Rooftop Unit"),
        ("164304", "Ventilation"),
        ("164305", "Bakery Ovens"),
        ("164306", "Cold Rooms"),
        ("164307", "Solar Roof"),
    ]
    assert {row["parentId"] for row in channels} == {"164303"}
    gateway = client.get("/devices/164303", headers=HEADERS).get_json(force=True)
    assert (gateway["deviceName"], gateway["deviceTypeId"]) == ("Market Hybrid 8", "16")


def test_roof_of_panels_feeds_by_day(site: GeneratedSite) -> None:
    roof = read(site, sites.SOLAR)
    feeds = roof["P"] < 0
    assert 0.4 < feeds.mean() < 0.65
    np.testing.assert_allclose(roof["E"] - roof["Ex"], roof["P"] / 4, rtol=MOST_POWER_ERROR)
    assert (roof["Ex"][~feeds] < 5).all()
    assert (roof["E"][feeds] < 4).all()
    assert 30 < roof["Ex"].sum() / 5000 < 80  # kWh a day
    daily = read(site, sites.SOLAR, 86400)
    for field in ("E", "Ex"):
        np.testing.assert_allclose(daily[field], roof[field].reshape(-1, 96).sum(axis=1), rtol=MOST_POWER_ERROR)
    assert (read(site, sites.MAIN)["Ex"] == 0).all()


def test_grid_connection_tells_import_from_export(site: GeneratedSite) -> None:
    grid, *parts = (read(site, key) for key in range(sites.GRID, sites.INVERTER + 1))
    np.testing.assert_allclose(grid["P"], sum(part["P"] for part in parts), atol=1e-6)
    assert 0.2 < (grid["P"] < 0).mean() < 0.6
    np.testing.assert_allclose(grid["E"] - grid["Ex"], grid["P"] / 4, rtol=MOST_POWER_ERROR, atol=3.0)
    # Within a quarter-hour about noon it may do both, minute by minute.
    assert ((grid["E"] > 1) & (grid["Ex"] > 1)).sum() > 10
    minutes = read(site, sites.GRID, 60)
    for phase in "123":  # each phase counts by itself
        wh = minutes[f"P{phase}"].reshape(-1, 15) / 60
        for field, counted in (("E", np.maximum(wh, 0)), ("Ex", np.maximum(-wh, 0))):
            np.testing.assert_allclose(grid[field + phase], counted.sum(axis=1), rtol=MOST_POWER_ERROR, atol=1e-6)


def test_views_of_a_point_share_its_meter(client: FlaskClient) -> None:
    channels = list_channels(client, sites.STORE_ID)
    keys = ("dataChannelId", "channelName", "displayedPhase", "dataType", "meterId", "uuId")
    panel, rack = ("41301", "5410EC9B40600001"), ("41302", "5410EC9B40600002")
    assert [tuple(row[key] for key in keys) for row in channels] == [
        ("166001", "Store Panel", "system", "grid meter", *panel),
        ("166002", "Store Panel L1", "phase1", "grid meter", *panel),
        ("166003", "Store Panel L2", "phase2", "grid meter", *panel),
        ("166004", "Store Panel L3", "phase3", "grid meter", *panel),
        ("166005", "Store Panel Pulses", "pulse", "pulse", *panel),
        ("166011", "Compressor Rack L1", "phase1", "grid meter", *rack),
        ("166012", "Compressor Rack L2", "phase2", "grid meter", *rack),
        ("166013", "Compressor Rack L3", "phase3", "grid meter", *rack),
        ("166021", "Store Lights", "system", "grid meter", "41303", "5410EC9B40600003"),
        ("166031", "Air Sense Store", "system", "environmental", None, "5410EC9B40600501"),
    ]
    assert len({row["deviceId"] for row in channels}) == 4
    meters = client.get("/organizations/24530/meters", headers=HEADERS).get_json(force=True)["meters"]
    assert [row["meterId"] for row in meters] == ["41301", "41302", "41303"]
    # As recorded: the channel's row names no gateway, that of its meter does.
    assert {row["parentId"] for row in channels} == {None}
    assert {row["parentId"] for row in meters} == {"4801003"}
    of_gateway = client.get("/devices/4801003/channels", headers=HEADERS).get_json(force=True)
    assert of_gateway["meta"]["recordCount"] == 10
    below = client.get("/meters/41301/channels?displayedPhase=phase*", headers=HEADERS).get_json(force=True)
    assert [row["dataChannelId"] for row in below["channels"]] == ["166002", "166003", "166004"]


def test_phases_add_up_to_the_whole_and_pulses_count_it(site: GeneratedSite) -> None:
    whole = read(site, sites.STORE_PANEL)
    phases = [read(site, sites.STORE_PANEL + phase) for phase in (1, 2, 3)]
    np.testing.assert_allclose(sum(phase["P"] for phase in phases), whole["P"])
    np.testing.assert_allclose(sum(phase["E"] for phase in phases), whole["E"], rtol=2 * MOST_POWER_ERROR)
    for number, phase in enumerate(phases, start=1):
        np.testing.assert_array_equal(phase["V"], whole[f"V{number}"])
        assert set(phase) == {"ts", "E", "Ex", "RE", "AE", "P", "Q", "S", "V", "U", "I", "PF", "D", "F"}
    pulses = read(site, sites.STORE_PANEL + 4)
    assert set(pulses) == {"ts", "pulse"}
    np.testing.assert_allclose(10.0 * pulses["pulse"], whole["E"], rtol=2 * MOST_POWER_ERROR, atol=5.0)


def test_view_refuses_what_it_does_not_show(client: FlaskClient) -> None:
    def ask(channel_id: int, fields: str) -> Any:
        reply = client.get(f"/readings/{channel_id}?{fields}&daterange=yesterday&res=3600", headers=HEADERS)
        return reply.get_json(force=True)["records"][0] if reply.status_code == 200 else reply.status

    assert ask(sites.STORE_PANEL + 4, "fields[]=E&fields[]=P") == "500 Invalid Parameter"
    counted = ask(sites.STORE_PANEL + 4, "fields[]=pulse&fields[]=E")
    assert counted["pulse"] > 10
    assert counted["E"] is None
    shown = ask(sites.RACK, "fields[]=E&fields[]=E1")
    assert (shown["E"] > 0, shown["E1"]) == (True, None)


def test_energy_strays_by_hundredths_of_a_per_cent(site: GeneratedSite) -> None:
    for channel_id in (sites.ROOFTOP, sites.DRYER, sites.STORE_PANEL):
        row = read(site, channel_id)
        runs = row["P"] > 0
        from_phases = row["E"][runs] / (row["E1"] + row["E2"] + row["E3"])[runs] - 1
        from_power = row["E"][runs] / (row["P"][runs] / 4) - 1
        assert 0.0001 < np.abs(from_phases).max() <= MOST_PHASE_ERROR
        assert 0.0001 < np.abs(from_power).max() <= MOST_POWER_ERROR
        assert (row["E"][~runs] == 0).all()


def test_voltage_is_the_mean_of_three_phases_unused_ones_too(site: GeneratedSite) -> None:
    for channel_id, used in ((sites.STORE_LIGHTS, 1), (sites.DRYER, 2)):
        row = read(site, channel_id)
        np.testing.assert_allclose(row["V"], (row["V1"] + row["V2"] + row["V3"]) / 3)
        assert 75 < row["V"].min() < row["V"].max() < 103
        for phase in range(used + 1, 4):
            assert (row[f"E{phase}"] == 0).all()
            assert (row[f"I{phase}"] == 0).all()
            assert 40 < row[f"V{phase}"].min() < row[f"V{phase}"].max() < 80
    assert read(site, sites.ROOFTOP)["V"].min() > 115


def test_test_channel_is_a_twin_of_the_dryer(site: GeneratedSite, client: FlaskClient) -> None:
    dryer, twin = read(site, sites.DRYER), read(site, sites.TEST)
    np.testing.assert_array_equal(twin["P"], dryer["P"])
    assert dryer["P"].max() > 1000
    np.testing.assert_allclose(twin["E"], dryer["E"], rtol=2 * MOST_POWER_ERROR)
    assert (twin["E"] != dryer["E"])[dryer["E"] > 0].all()
    rows = {row["channelName"]: row for row in list_channels(client, sites.HILLSIDE_ID)}
    assert list(rows) == [
        *("Kitchen", "RTU-1", "AHU-1", "AHU-2", "Dryer", "Refrigerator", "Air Conditioner", "Water Heater", "Test"),
    ]
    assert rows["Test"]["meterId"] != rows["Dryer"]["meterId"]
    assert {rows[name]["parentId"] for name in ("Kitchen", "RTU-1", "AHU-1", "AHU-2")} == {"4801001"}
    assert {rows[name]["parentId"] for name in ("Dryer", "Test")} == {"4801002"}


def test_highest_power_is_that_of_a_minute(site: GeneratedSite) -> None:
    minutes, quarters, hours = (read(site, sites.BAKERY, length_s) for length_s in (60, 900, 3600))
    np.testing.assert_array_equal(quarters["Pmax"], minutes["P"].reshape(-1, 15).max(axis=1))
    np.testing.assert_array_equal(hours["Pmax"], minutes["P"].reshape(-1, 60).max(axis=1))
    assert (quarters["Pmax"] > quarters["P"]).all()


def test_each_site_answers_in_its_own_zone(client: FlaskClient) -> None:
    firsts = {}
    for channel_id in (162121, sites.MAIN, sites.DRYER, sites.STORE_PANEL):
        query = "fields[]=E&daterange=yesterday&res=3600"
        reply = client.get(f"/readings/{channel_id}?{query}", headers=HEADERS).get_json(force=True)
        firsts[reply["organization"]] = (reply["timeZone"], reply["from"], reply["recordCount"])
    assert firsts == {
        23271: ("America/New_York", 1783828800, 24),
        24310: ("America/Chicago", 1783832400, 24),
        24420: ("America/Denver", 1783836000, 24),
        24530: ("America/New_York", 1783828800, 24),
    }


def test_installation_is_a_local_midnight(client: FlaskClient) -> None:
    installed = {
        site_id: {row["installedTs"] for row in list_channels(client, site_id)}
        for site_id in (sites.MARKET_ID, sites.HILLSIDE_ID, sites.STORE_ID)
    }
    assert installed == {24310: {"1672552800"}, 24420: {"1672556400"}, 24530: {"1672549200"}}


def test_what_is_planted_stays_in_the_first_site(site: GeneratedSite) -> None:
    healthy = make_site(7, NOW, [])
    for channel in (one for further in site.catalogue.further_sites for one in further.channels):
        with_plan, without = read(site, channel.channel_id), read(healthy, channel.channel_id)
        for field, values in with_plan.items():
            np.testing.assert_array_equal(values, without[field])


def test_truth_tells_what_contains_what(site: GeneratedSite) -> None:
    market, hillside, store, farm = describe_site(site)["otherSites"]
    assert (market["siteId"], market["siteName"], market["timeZone"]) == (
        24310, "Market Hall (sandbox)", "America/Chicago",
    )  # fmt: skip
    assert {row["channelId"]: row["contains"] for row in market["channels"] if row["contains"]} == {
        164301: [164302, 164303, 164304],
        164302: [164305, 164306],
    }
    assert farm["channels"][0]["contains"] == [167002, 167003, 167004]
    assert {row["channelId"]: row["drawsLike"] for row in hillside["channels"] if row["drawsLike"]} == {165015: 165011}
    assert [row["displayedPhase"] for row in store["channels"] if row["meterId"] == 41302] == [
        "phase1", "phase2", "phase3",
    ]  # fmt: skip
