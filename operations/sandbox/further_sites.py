"""The sites beside the first: shapes that real accounts have, and that are counted wrongly when taken at face value.

Their energies differ from their phases and from mean power by the hundredths of a per cent that recorded replies show,
and the unused phases of a point report a stray voltage, which the mean of the three includes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from lib.date_utils import local_midnight
from operations.sandbox.load_model import COMPOSITE
from operations.sandbox.site_model import (
    AIR_TYPE_ID,
    METER_TYPE_ID,
    PHASES,
    PULSE,
    SYSTEM_PHASE,
    TIME_ZONE,
    Channel,
    Organization,
    Place,
    Site,
)

ACCOUNT = Organization(23000, "Sandbox Energy")

MARKET_ID, HILLSIDE_ID, STORE_ID, FARM_ID = 24310, 24420, 24530, 24640
_MARKET_NAME, _HILLSIDE_NAME = "Market Hall (sandbox)", "Hillside School (sandbox)"
_STORE_NAME, _FARM_NAME = "Corner Store (sandbox)", "Farm Shop (sandbox)"

# The market: a main panel, the parts of it, a panel within it, and a roof of panels that feeds beside it.
MAIN, PANEL_A, ROOFTOP, VENTILATION, BAKERY, COLD_ROOMS, SOLAR = range(164301, 164308)
_MARKET_GATEWAY_ID = ROOFTOP  # device ids and channel ids overlap: this gateway has the number of a channel

DRYER, TEST = 165011, 165015
STORE_PANEL, RACK, STORE_LIGHTS, STORE_AIR = 166001, 166011, 166021, 166031
GRID, COLD_STORE, SHOP, INVERTER = range(167001, 167005)


class _Point(NamedTuple):
    """A metering point: the channel that shows it first, and what it measures."""

    channel_id: int
    name: str
    load: str
    phases: int = 3
    parts: tuple[int, ...] = ()
    rest_ratio: float = 0.0
    stream_id: int | None = None
    views: tuple[str, ...] = (SYSTEM_PHASE,)


class _Gateway(NamedTuple):
    device_id: int
    name: str
    mac: str
    first_point_id: int
    first_meter_id: int
    points: tuple[_Point, ...]


_MARKET = _Gateway(
    _MARKET_GATEWAY_ID,
    "Market Hybrid 8",
    "5410EC9B2040",
    164321,
    41101,
    (
        _Point(MAIN, "Main Panel", COMPOSITE, parts=(PANEL_A, ROOFTOP, VENTILATION)),
        _Point(PANEL_A, "Panel A", COMPOSITE, parts=(BAKERY, COLD_ROOMS), rest_ratio=0.02),
        _Point(ROOFTOP, "Rooftop Unit", "rtu_2"),
        _Point(VENTILATION, "Ventilation", "ahu_1a"),
        _Point(BAKERY, "Bakery Ovens", "kitchen_ovens"),
        _Point(COLD_ROOMS, "Cold Rooms", "kitchen_cold"),
        _Point(SOLAR, "Solar Roof", "solar"),
    ),
)
_HILLSIDE = (
    _Gateway(
        4801001,
        "School Hybrid 8",
        "5410EC9B3050",
        165101,
        41201,
        (
            _Point(165001, "Kitchen", "kitchen_ovens"),
            _Point(165002, "RTU-1", "rtu_1"),
            _Point(165003, "AHU-1", "ahu_1a"),
            _Point(165004, "AHU-2", "ahu_2"),
        ),
    ),
    _Gateway(
        4801002,
        "House Hybrid 8",
        "5410EC9B3051",
        165111,
        41211,
        (
            _Point(DRYER, "Dryer", "dryer", phases=2),
            _Point(165012, "Refrigerator", "refrigerator", phases=1),
            _Point(165013, "Air Conditioner", "air_conditioner", phases=2),
            _Point(165014, "Water Heater", "water_heater", phases=2),
            _Point(TEST, "Test", "dryer", phases=2, stream_id=DRYER),
        ),
    ),
)
_STORE = _Gateway(
    4801003,
    "Store Hybrid 8",
    "5410EC9B4060",
    166101,
    41301,
    (
        _Point(STORE_PANEL, "Store Panel", "kitchen_cold", views=(SYSTEM_PHASE, *PHASES, PULSE)),
        _Point(RACK, "Compressor Rack", "rtu_3", views=PHASES),
        _Point(STORE_LIGHTS, "Store Lights", "lighting", phases=1),
    ),
)
_FARM = _Gateway(
    4801004,
    "Farm Hybrid 8",
    "5410EC9B5070",
    167101,
    41401,
    (
        _Point(GRID, "Grid Connection", COMPOSITE, parts=(COLD_STORE, SHOP, INVERTER)),
        _Point(COLD_STORE, "Cold Store", "kitchen_cold"),
        _Point(SHOP, "Shop", "lighting"),
        _Point(INVERTER, "Solar Inverter", "solar"),
    ),
)
_VIEW_NAMES = {SYSTEM_PHASE: "", PULSE: " Pulses", **{phase: f" L{n}" for n, phase in enumerate(PHASES, start=1)}}


def build_further_sites(installed_s: int) -> tuple[Site, ...]:
    """Return the sites beside the first.

    Parameters
    ----------
    installed_s
        The midnight of the first site, Unix time [s], that begins the day from which on they all have data.
    """
    day = datetime.fromtimestamp(installed_s, ZoneInfo(TIME_ZONE)).date()
    path = (ACCOUNT.organization_id,)
    market = Organization(
        MARKET_ID, _MARKET_NAME, "America/Chicago", path, Place("St. Louis", "MO", "63101", "38.63", "-90.20")
    )
    hillside = Organization(
        HILLSIDE_ID, _HILLSIDE_NAME, "America/Denver", path, Place("Denver", "CO", "80202", "39.74", "-104.98")
    )
    farm = Organization(
        FARM_ID, _FARM_NAME, "America/Los_Angeles", path, Place("Fresno", "CA", "93701", "36.74", "-119.79")
    )
    store = Organization(STORE_ID, _STORE_NAME, "America/New_York", path)
    return (
        Site(market, _make_channels(market, [_MARKET], day)),
        Site(hillside, _make_channels(hillside, _HILLSIDE, day)),
        Site(store, (*_make_channels(store, [_STORE], day), _make_air(store, installed_s))),
        Site(farm, _make_channels(farm, [_FARM], day)),
    )


def _make_channels(site: Organization, gateways: Sequence[_Gateway], day: date) -> tuple[Channel, ...]:
    installed_s = int(local_midnight(day, ZoneInfo(site.time_zone)).timestamp())
    return tuple(
        channel
        for gateway in gateways
        for place, point in enumerate(gateway.points)
        for channel in _make_views(site, gateway, place, point, installed_s)
    )


def _make_views(site: Organization, gateway: _Gateway, place: int, point: _Point, installed_s: int) -> list[Channel]:
    """Return the channels of a point, which share its meter, its device and its address."""
    whole = Channel(
        channel_id=point.channel_id,
        name=point.name,
        load=point.load,
        device_id=gateway.first_point_id + place,
        device_name=f"Meter {place + 1}",
        device_type_id=METER_TYPE_ID,
        uuid=f"{gateway.mac}{place + 1:04X}",
        installed_s=installed_s,
        phases=point.phases,
        organization_id=site.organization_id,
        organization_name=site.name,
        meter_id=gateway.first_meter_id + place,
        gateway_id=gateway.device_id,
        gateway_name=gateway.name,
        names_gateway=gateway is not _STORE,
        stream_id=point.stream_id,
        parts=point.parts,
        rest_ratio=point.rest_ratio,
        is_exact=False,
    )
    return [
        replace(
            whole,
            channel_id=point.channel_id + number,
            name=point.name + _VIEW_NAMES[view],
            displayed_phase=view,
            stream_id=point.channel_id if number else point.stream_id,
        )
        for number, view in enumerate(point.views)
    ]


def _make_air(site: Organization, installed_s: int) -> Channel:
    return Channel(
        channel_id=STORE_AIR,
        name="Air Sense Store",
        load="air",
        device_id=_STORE.first_point_id + 8,
        device_name="Air Sense 1",
        device_type_id=AIR_TYPE_ID,
        uuid=f"{_STORE.mac}0501",
        installed_s=installed_s,
        phases=0,
        organization_id=site.organization_id,
        organization_name=site.name,
        gateway_id=_STORE.device_id,
        gateway_name=_STORE.name,
        names_gateway=False,
    )
