"""The first site of the sandbox, and with it all others: which gateways, metering points and channels there are."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from operations.sandbox.further_sites import ACCOUNT, build_further_sites
from operations.sandbox.site_model import AIR_TYPE_ID, METER_TYPE_ID, VIRTUAL_TYPE_ID, Catalogue, Channel


class Gateway(NamedTuple):
    """An Eniscope, whose metering points share its address."""

    device_id: int
    name: str
    mac: str
    first_point_id: int  # device id of its first metering point; the others follow


_SCHOOL = Gateway(4711, "School Hybrid 8", "5410EC8A1F2E", 4721)
_HOUSE = Gateway(4713, "House Hybrid 8", "5410EC8A3B70", 4741)
_EXTRA = Gateway(4714, "Extra Hybrid 8", "5410EC8A6C10", 4801)

_FIRST_METER_ID = 31297
_AIR_POINT = 0x501  # how the index of an Air Sense begins

# channel id, name, load, gateway, phases
_CHANNELS: tuple[tuple[int, str, str, Gateway, int], ...] = (
    (162119, 'Kitchen Panel "K1" <Ovens & Hood>', "kitchen_ovens", _SCHOOL, 3),
    (162120, "Kitchen Panel K2", "kitchen_cold", _SCHOOL, 3),
    (162121, "RTU-1", "rtu_1", _SCHOOL, 3),
    (162122, "RTU-2", "rtu_2", _SCHOOL, 3),
    (162123, "RTU-3", "rtu_3", _SCHOOL, 3),
    (162124, "AHU-1A", "ahu_1a", _SCHOOL, 3),
    (162125, "AHU-1B", "ahu_1b", _SCHOOL, 3),
    (162126, "AHU-2", "ahu_2", _SCHOOL, 3),
    (162127, "Air Sense Hallway", "air", _SCHOOL, 0),
    (162128, "Dryer", "dryer", _HOUSE, 1),
    (162129, "Refrigerator", "refrigerator", _HOUSE, 1),
    (162130, "Air Conditioner", "air_conditioner", _HOUSE, 1),
    (162131, "Oven", "oven", _HOUSE, 1),
    (162132, "Water Heater", "water_heater", _HOUSE, 1),
    (162133, "Lighting & Plugs", "lighting", _HOUSE, 1),
    (162134, "Dishwasher", "dishwasher", _HOUSE, 1),
    (162135, "Well Pump", "well_pump", _HOUSE, 1),
)
SCHOOL_LOADS = tuple(row[2] for row in _CHANNELS if row[3] is _SCHOOL and row[4])
NEW_LOAD = "dishwasher"  # the circuit that was installed only weeks ago

_VIRTUAL = (180900, "Virtual Total", "virtual", _EXTRA, 1)


def build_catalogue(
    installed_s: int,
    new_installed_s: int | None = None,
    extra_channels: int = 0,
    *,
    has_virtual_channel: bool = False,
) -> Catalogue:
    """Return the site of a school and a house, beside the further sites.

    Parameters
    ----------
    installed_s
        Unix time from which the channels have data.
    new_installed_s
        The same for the one channel that is younger; None makes it as old as the others.
    extra_channels
        How many plain small loads to add, for lists of several pages.
    has_virtual_channel
        Add a channel that has no field which could be asked.
    """
    channels = [_make_channel(row, index, installed_s) for index, row in enumerate(_CHANNELS)]
    if new_installed_s is not None:
        channels = [replace(c, installed_s=new_installed_s) if c.load == NEW_LOAD else c for c in channels]
    for number in range(extra_channels):
        row = (170001 + number, f"Extra {number + 1:03d}", "small", _EXTRA, 1)
        channels.append(_make_channel(row, number, installed_s))
    if has_virtual_channel:
        channels.append(replace(_make_channel(_VIRTUAL, extra_channels, installed_s), device_type_id=VIRTUAL_TYPE_ID))
    return Catalogue(tuple(channels), above=ACCOUNT, further_sites=build_further_sites(installed_s))


def _make_channel(row: tuple[int, str, str, Gateway, int], index: int, installed_s: int) -> Channel:
    channel_id, name, load, gateway, phases = row
    is_air = phases == 0
    place = index % 8 if gateway is _SCHOOL else index - 9 if gateway is _HOUSE else index
    point = _AIR_POINT if is_air else place + 1
    return Channel(
        channel_id=channel_id,
        name=name,
        load=load,
        device_id=gateway.first_point_id + (8 if is_air else place),
        device_name="Air Sense 1" if is_air else f"Meter {place + 1}",
        device_type_id=AIR_TYPE_ID if is_air else METER_TYPE_ID,
        uuid=f"{gateway.mac}{point:04X}",
        installed_s=installed_s,
        phases=phases,
        meter_id=None if is_air else _FIRST_METER_ID + channel_id % 10_000,
        gateway_id=gateway.device_id,
        gateway_name=gateway.name,
    )
