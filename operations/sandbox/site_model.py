"""The sandbox's catalogue: organizations, devices, channels and fields, and how the service words them in JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

SITE_ID = 23271
CHILD_SITE_ID = 23272  # below the site, without channels
FOREIGN_SITE_ID = 99001  # exists, but belongs to another customer
FOREIGN_CHANNEL_ID = 990011
SITE_NAME = "Wilson Center (sandbox)"
TIME_ZONE = "America/New_York"

METER_TYPE_ID = 20  # a metering point of an Eniscope Hybrid 8
AIR_TYPE_ID = 51  # the sandbox's own number for an Air Sense
VIRTUAL_TYPE_ID = 90  # the sandbox's own number for what has no field at all

_PER_PHASE = {"E": "Wh", "P": "W", "Q": "VAr", "S": "VA", "V": "V", "U": "V", "I": "A", "PF": "", "D": "%"}
METER_UNITS: dict[str, str] = {
    **{f"{name}{phase}": unit for name, unit in _PER_PHASE.items() for phase in ("", 1, 2, 3)},
    "In": "A",
    "F": "Hz",
    "Ex": "Wh",
    "RE": "VArh",
    "AE": "VAh",
}
AIR_UNITS: dict[str, str] = {"T": "°C", "RH": "%", "CO2": "ppm"}
UNITS_BY_TYPE: dict[int, dict[str, str]] = {METER_TYPE_ID: METER_UNITS, AIR_TYPE_ID: AIR_UNITS, VIRTUAL_TYPE_ID: {}}
_FIELD_NAMES = {
    **{"E": "Energy", "P": "Real Power", "Q": "Reactive Power", "S": "Apparent Power", "V": "Voltage L-N"},
    **{"U": "Voltage L-L", "I": "Current", "PF": "Power Factor", "D": "Current THD", "In": "Neutral Current"},
    **{"F": "Frequency", "Ex": "Exported Energy", "RE": "Reactive Energy", "AE": "Apparent Energy"},
    **{"T": "Temperature", "RH": "Relative Humidity", "CO2": "Carbon Dioxide"},
}


@dataclass(frozen=True)
class Channel:
    """One channel of the catalogue."""

    channel_id: int
    name: str
    load: str  # which curve of the load model it follows
    device_id: int
    device_name: str
    device_type_id: int
    uuid: str
    installed_s: int  # Unix time
    phases: int = 3
    organization_id: int = SITE_ID
    organization_name: str = SITE_NAME
    uninstalled_s: int | None = None  # Unix time

    @property
    def units(self) -> dict[str, str]:
        """The fields it can answer, with their units."""
        return UNITS_BY_TYPE[self.device_type_id]


@dataclass(frozen=True)
class Catalogue:
    """What the account can see."""

    channels: tuple[Channel, ...]
    site_name: str = SITE_NAME
    time_zone: str = TIME_ZONE

    def find_channel(self, channel_id: int) -> Channel | None:
        """Return the channel of that id, if the account has one."""
        return next((channel for channel in self.channels if channel.channel_id == channel_id), None)


_SCHOOL = (4711, "School Hybrid 8", "5410EC8A1F2E")
_AIR = (4712, "School Air Sense", "5410EC8A1F2E")
_HOUSE = (4713, "House Hybrid 8", "5410EC8A3B70")
_EXTRA = (4714, "Extra Hybrid 8", "5410EC8A6C10")

# channel id, name, load, device, phases
_CHANNELS: tuple[tuple[int, str, str, tuple[int, str, str], int], ...] = (
    (162119, 'Kitchen Panel "K1" <Ovens & Hood>', "kitchen_ovens", _SCHOOL, 3),
    (162120, "Kitchen Panel K2", "kitchen_cold", _SCHOOL, 3),
    (162121, "RTU-1", "rtu_1", _SCHOOL, 3),
    (162122, "RTU-2", "rtu_2", _SCHOOL, 3),
    (162123, "RTU-3", "rtu_3", _SCHOOL, 3),
    (162124, "AHU-1A", "ahu_1a", _SCHOOL, 3),
    (162125, "AHU-1B", "ahu_1b", _SCHOOL, 3),
    (162126, "AHU-2", "ahu_2", _SCHOOL, 3),
    (162127, "Air Sense Hallway", "air", _AIR, 0),
    (162128, "Dryer", "dryer", _HOUSE, 1),
    (162129, "Refrigerator", "refrigerator", _HOUSE, 1),
    (162130, "Air Conditioner", "air_conditioner", _HOUSE, 1),
    (162131, "Oven", "oven", _HOUSE, 1),
    (162132, "Water Heater", "water_heater", _HOUSE, 1),
    (162133, "Lighting & Plugs", "lighting", _HOUSE, 1),
    (162134, "Dishwasher", "dishwasher", _HOUSE, 1),
    (162135, "Well Pump", "well_pump", _HOUSE, 1),
)
SCHOOL_LOADS = tuple(row[2] for row in _CHANNELS if row[3] is _SCHOOL)
NEW_LOAD = "dishwasher"  # the circuit that was installed only weeks ago


_VIRTUAL = (180900, "Virtual Total", "virtual", _EXTRA, 1)


def build_catalogue(
    installed_s: int,
    new_installed_s: int | None = None,
    extra_channels: int = 0,
    *,
    has_virtual_channel: bool = False,
) -> Catalogue:
    """Return the site of a school and a house.

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
    channels = [_make_channel(*row, index, installed_s) for index, row in enumerate(_CHANNELS)]
    if new_installed_s is not None:
        channels = [replace(c, installed_s=new_installed_s) if c.load == NEW_LOAD else c for c in channels]
    for number in range(1, extra_channels + 1):
        row = (170000 + number, f"Extra {number:03d}", "small", _EXTRA, 1)
        channels.append(_make_channel(*row, number - 1, installed_s))
    if has_virtual_channel:
        channels.append(replace(_make_channel(*_VIRTUAL, 0, installed_s), device_type_id=VIRTUAL_TYPE_ID))
    return Catalogue(tuple(channels))


def _make_channel(
    channel_id: int, name: str, load: str, device: tuple[int, str, str], phases: int, index: int, installed_s: int
) -> Channel:
    device_id, device_name, mac = device
    is_air = device is _AIR
    point = 0x501 if is_air else index % 8 + 1 if device is _SCHOOL else index - 8 if device is _HOUSE else index + 1
    type_id = AIR_TYPE_ID if is_air else METER_TYPE_ID
    return Channel(channel_id, name, load, device_id, device_name, type_id, f"{mac}{point:04X}", installed_s, phases)


# The service is not of one mind about types: ids and epochs come as numbers here and as strings there, beside true
# nulls and booleans. The mixture below is deliberate.


def channel_json(channel: Channel) -> dict[str, Any]:
    """Return a channel as the service words it."""
    return {
        "dataChannelId": channel.channel_id,
        "channelName": channel.name,
        "deviceId": str(channel.device_id),
        "deviceName": channel.device_name,
        "deviceTypeId": str(channel.device_type_id),
        "uuId": channel.uuid,
        "organizationId": str(channel.organization_id),
        "organizationName": channel.organization_name,
        "parentId": None,
        "meterId": channel.channel_id + 500000,
        "tariffId": None,
        "displayedPhase": "0" if channel.phases != 1 else "1",
        "dataType": 1,
        "installedTs": str(channel.installed_s),
        "uninstalledTs": None if channel.uninstalled_s is None else str(channel.uninstalled_s),
        "registered": channel.installed_s,
        "expires": "0",
        "status": "1",
        "interfaceName": "Hybrid 8" if channel.device_type_id == METER_TYPE_ID else "Air Sense",
        "isMeteringPoint": channel.device_type_id == METER_TYPE_ID,
        "costEnabled": False,
        "sortOrder": str(channel.channel_id % 1000),
        "links": [{"rel": "readings", "href": f"https://core.eniscope.com/v1/1/readings/{channel.channel_id}"}],
    }


def channels_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the channels."""
    return [channel_json(channel) for channel in catalogue.channels]


def organization_json(organization_id: int, name: str, parent_id: int | None, time_zone: str) -> dict[str, Any]:
    """Return an organization as the service words it."""
    return {
        "organizationId": organization_id,
        "organizationName": name,
        "parentId": None if parent_id is None else str(parent_id),
        "timeZone": time_zone,
        "currencyCode": "USD",
        "currencySymbol": "$",
        "address1": "1 Example Street",
        "address2": "",
        "address3": None,
        "city": "Wilson",
        "state": "NC",
        "postCode": "27893",
        "country": "US",
        "lat": "35.72",
        "lng": "-77.92",
        "carbonRatio": 0.43,
        "carbonUnits": "kg",
        "temperatureType": "F",
        "status": "1",
        "links": [
            {"rel": "channels", "href": f"https://core.eniscope.com/v1/1/channels?organization={organization_id}"}
        ],
    }


def organizations_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the account's own organization and the one below it."""
    return [
        organization_json(SITE_ID, catalogue.site_name, None, catalogue.time_zone),
        organization_json(CHILD_SITE_ID, "Annex without meters (sandbox)", SITE_ID, catalogue.time_zone),
    ]


def devices_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the devices behind the channels, each once."""
    first_of = {channel.device_id: channel for channel in reversed(catalogue.channels)}
    return [
        {
            "deviceId": channel.device_id,
            "deviceName": channel.device_name,
            "deviceTypeId": str(channel.device_type_id),
            "uuId": channel.uuid[:12],
            "organizationId": str(channel.organization_id),
            "status": "1",
            "registered": str(channel.installed_s),
            "links": [],
        }
        for _, channel in sorted(first_of.items())
    ]


def meters_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the meters: one for each metering point."""
    return [
        {
            "meterId": channel.channel_id + 500000,
            "meterName": channel.name,
            "organizationId": str(channel.organization_id),
            "deviceId": channel.device_id,
            "dataChannelId": str(channel.channel_id),
        }
        for channel in catalogue.channels
        if channel.device_type_id == METER_TYPE_ID
    ]


def fields_json(device_type_id: int) -> list[dict[str, str]]:
    """Return the fields of a type of device."""
    return [
        {"field": field, "units": unit, "name": _field_name(field)}
        for field, unit in UNITS_BY_TYPE[device_type_id].items()
    ]


def _field_name(field: str) -> str:
    if field in _FIELD_NAMES:
        return _FIELD_NAMES[field]
    return f"{_FIELD_NAMES[field[:-1]]} Phase {field[-1]}"
