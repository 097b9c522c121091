"""The sandbox's catalogue: organizations, gateways, metering points, and the channels through which they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SITE_ID = 23271
CHILD_SITE_ID = 23272  # below the site, without channels
FOREIGN_SITE_ID = 99001  # exists, but belongs to another customer
FOREIGN_CHANNEL_ID = 990011
SITE_NAME = "Wilson Center (sandbox)"
TIME_ZONE = "America/New_York"

GATEWAY_TYPE_ID = 16
METER_TYPE_ID = 20  # a metering point of an Eniscope Hybrid 8
AIR_TYPE_ID = 51  # the sandbox's own number for an Air Sense
VIRTUAL_TYPE_ID = 90  # the sandbox's own number for what has no field at all

# How a channel shows its point: the whole, which is recorded, or a part, whose spelling is not.
SYSTEM_PHASE = "system"
PHASES = ("phase1", "phase2", "phase3")
PULSE = "pulse"
PULSE_WH = 10.0
LICENSE_YEARS = 10  # of a channel that says nothing else
_REGISTERED_AFTER_S = 15 * 3600  # data begin with the day of the installation, and precede the registration
_YEAR_S = 365 * 86400
_MAC_LENGTH = 12

_PER_PHASE = {
    **{"E": "Wh", "Ex": "Wh", "RE": "VArh", "AE": "VAh", "P": "W", "Q": "VAr", "S": "VA", "V": "V", "U": "V"},
    **{"I": "A", "PF": "", "D": "%"},
}
METER_UNITS: dict[str, str] = {
    **{f"{name}{phase}": unit for name, unit in _PER_PHASE.items() for phase in ("", 1, 2, 3)},
    "In": "A",
    "F": "Hz",
    "Pmax": "W",
}
PHASE_FIELDS = (*_PER_PHASE, "F")
AIR_UNITS: dict[str, str] = {"T": "°C", "RH": "%", "CO2": "ppm"}
UNITS_BY_TYPE: dict[int, dict[str, str]] = {METER_TYPE_ID: METER_UNITS, AIR_TYPE_ID: AIR_UNITS, VIRTUAL_TYPE_ID: {}}
# Every field that the service knows, whoever has it.
FIELD_UNITS: dict[str, str] = {**METER_UNITS, **AIR_UNITS, "pulse": "", "cost": "USD"}
_FIELD_NAMES = {
    **{"E": "Energy", "P": "Real Power", "Q": "Reactive Power", "S": "Apparent Power", "V": "Voltage L-N"},
    **{"U": "Voltage L-L", "I": "Current", "PF": "Power Factor", "D": "Current THD", "In": "Neutral Current"},
    **{"F": "Frequency", "Ex": "Exported Energy", "RE": "Reactive Energy", "AE": "Apparent Energy"},
    **{"T": "Temperature", "RH": "Relative Humidity", "CO2": "Carbon Dioxide", "pulse": "Pulses", "cost": "Cost"},
    "Pmax": "Maximum Power",
}


def name_field(field: str) -> str:
    """Return what a field is called in words."""
    return _FIELD_NAMES.get(field) or f"{_FIELD_NAMES[field[:-1]]} Phase {field[-1]}"


@dataclass(frozen=True)
class Channel:
    """One channel of the catalogue: a view of a metering point.

    Several channels may share `meter_id`, `uuid` and the device: they then show the same point.
    """

    channel_id: int
    name: str
    load: str  # which curve of the load model it follows
    device_id: int  # the metering point, which is a device of its own
    device_name: str
    device_type_id: int
    uuid: str
    installed_s: int  # Unix time
    phases: int = 3
    organization_id: int = SITE_ID
    organization_name: str = SITE_NAME
    uninstalled_s: int | None = None  # Unix time
    meter_id: int | None = None
    displayed_phase: str = SYSTEM_PHASE
    gateway_id: int | None = None  # the device that the point belongs to; no hierarchy of energy
    gateway_name: str = "Gateway"
    names_gateway: bool = True  # whether its own row does; the one recorded does not, those of its point always do
    expires_s: int | None = None  # Unix time at which the license ends; None is years after the installation
    stream_id: int | None = None  # the channel that it draws exactly alike: another view of its point, or its twin
    parts: tuple[int, ...] = ()  # channels whose power it carries
    rest_ratio: float = 0.0  # what it carries besides, relative to its parts
    is_exact: bool = True  # whether energy, phases and power agree to the last digit, and unused phases are null

    @property
    def units(self) -> dict[str, str]:
        """The fields it can answer, with their units."""
        if self.displayed_phase == PULSE:
            return {"pulse": FIELD_UNITS["pulse"]}
        units = UNITS_BY_TYPE[self.device_type_id]
        return {field: units[field] for field in PHASE_FIELDS} if self.phase is not None else units

    @property
    def phase(self) -> int | None:
        """Which of the phases it shows, from 1 on; None where it shows another thing."""
        return PHASES.index(self.displayed_phase) + 1 if self.displayed_phase in PHASES else None

    @property
    def mac(self) -> str:
        """The address of its gateway: the first 12 digits of what all its points bear."""
        return self.uuid[:_MAC_LENGTH]

    @property
    def license_ends_s(self) -> int:
        """Unix time from which on the service refuses its readings."""
        return self.registered_s + LICENSE_YEARS * _YEAR_S if self.expires_s is None else self.expires_s

    @property
    def registered_s(self) -> int:
        """Unix time at which the license begins."""
        return self.installed_s + _REGISTERED_AFTER_S


@dataclass(frozen=True)
class Place:
    """Where a site is."""

    city: str = "Wilson"
    state: str = "NC"
    post_code: str = "27893"
    latitude: str = "35.72"
    longitude: str = "-77.92"


@dataclass(frozen=True)
class Organization:
    """A site, or what several sites belong to."""

    organization_id: int
    name: str
    time_zone: str = TIME_ZONE
    path: tuple[int, ...] = ()  # the organizations above it, the uppermost first
    place: Place = Place()

    @property
    def parent_id(self) -> int | None:
        """The organization right above it."""
        return self.path[-1] if self.path else None


class Site(NamedTuple):
    """An organization and its channels."""

    organization: Organization
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class Catalogue:
    """What the account can see: one site, or that one beside others below a common organization.

    Attributes
    ----------
    channels
        Those of the first site, `SITE_ID`.
    """

    channels: tuple[Channel, ...]
    site_name: str = SITE_NAME
    time_zone: str = TIME_ZONE
    above: Organization | None = None
    further_sites: tuple[Site, ...] = ()

    @property
    def all_channels(self) -> tuple[Channel, ...]:
        """The channels of all sites."""
        return (*self.channels, *(channel for site in self.further_sites for channel in site.channels))

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """The account's own organization and those below it."""
        above = () if self.above is None else (self.above,)
        path = tuple(one.organization_id for one in above)
        return (
            *above,
            Organization(SITE_ID, self.site_name, self.time_zone, path),
            Organization(CHILD_SITE_ID, "Annex without meters (sandbox)", self.time_zone, (*path, SITE_ID)),
            *(site.organization for site in self.further_sites),
        )

    def find_channel(self, channel_id: int) -> Channel | None:
        """Return the channel of that id, if the account has one."""
        return next((channel for channel in self.all_channels if channel.channel_id == channel_id), None)

    def zone_of(self, channel: Channel) -> str:
        """Return the IANA zone of the site that a channel belongs to."""
        organization = self.find_organization(channel.organization_id)
        return self.time_zone if organization is None else organization.time_zone

    def find_organization(self, organization_id: int) -> Organization | None:
        """Return the organization of that id, if the account has one."""
        return next((one for one in self.organizations if one.organization_id == organization_id), None)
