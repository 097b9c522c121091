"""How the service words what it lists: the keys and types of recorded replies.

Ids, times and flags come as strings, beside true nulls; only ``isMeteringPoint`` and ``costEnabled`` are truth values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from operations.sandbox.site_model import (
    AIR_TYPE_ID,
    FIELD_UNITS,
    GATEWAY_TYPE_ID,
    METER_TYPE_ID,
    PULSE,
    PULSE_WH,
    UNITS_BY_TYPE,
    Catalogue,
    Channel,
    Organization,
    name_field,
)

Row = dict[str, Any]

_HOST = "https://core.eniscope.com/v1/1"
_ACCOUNT_ID = "1047"
_ROOT_PATH = (1, 2, 3)  # whom every organization belongs to in the end
_MONTH_S = 365 * 86400 / 12
_INTERFACE_ID = "25"
_FIRST_ALARM_ID = 801
_DEVICE_TYPES = {GATEWAY_TYPE_ID: "Eniscope Hybrid 8", METER_TYPE_ID: "Metering point", AIR_TYPE_ID: "Air Sense"}
_DATA_TYPES = {METER_TYPE_ID: "grid meter", AIR_TYPE_ID: "environmental"}
_BELOW_ORGANIZATION = ("accounts", "devices", "meters", "metersbelow", "channels", "tariffs", "events", "tags")


def channels_json(catalogue: Catalogue) -> list[Row]:
    """Return the channels."""
    paths = _sort_codes(catalogue)
    return [_channel_json(channel, paths.get(channel.organization_id)) for channel in catalogue.all_channels]


def devices_json(catalogue: Catalogue) -> list[Row]:
    """Return the gateways, and each metering point, which is a device of its own."""
    paths = _sort_codes(catalogue)
    devices: dict[int, Row] = {}
    for channel in catalogue.all_channels:
        path = paths.get(channel.organization_id)
        if channel.gateway_id is not None:
            devices.setdefault(channel.gateway_id, _gateway_json(channel, path))
        devices.setdefault(channel.device_id, _point_json(channel, path))
    return [devices[device_id] for device_id in sorted(devices)]


def meters_json(catalogue: Catalogue) -> list[Row]:
    """Return the metering points, each once, however many channels show it."""
    paths = _sort_codes(catalogue)
    first_of: dict[int, Channel] = {}
    for channel in catalogue.all_channels:
        if channel.meter_id is not None:
            first_of.setdefault(channel.meter_id, channel)
    return [_meter_json(first_of[key], paths.get(first_of[key].organization_id)) for key in sorted(first_of)]


def organizations_json(catalogue: Catalogue) -> list[Row]:
    """Return the account's own organization and those below it."""
    return [_organization_json(organization) for organization in catalogue.organizations]


def fields_json(device_type_id: int) -> list[dict[str, str]]:
    """Return the fields of a type of device."""
    return [
        {"field": field, "units": unit, "name": name_field(field)}
        for field, unit in UNITS_BY_TYPE[device_type_id].items()
    ]


def _channel_json(channel: Channel, sort_code: str | None) -> Row:
    is_pulse = channel.displayed_phase == PULSE
    return {
        "links": {"self": f"{_HOST}/dataChannels"},
        **_device_part(channel, str(channel.device_id), channel.uuid, channel.device_name),
        "parentId": _text(channel.gateway_id if channel.names_gateway else None),
        "deviceTypeId": str(channel.device_type_id),
        "interfaceName": "Onboard",
        "dataChannelId": str(channel.channel_id),
        "tariffId": None,
        "timePeriodId": None,
        "displayedPhase": channel.displayed_phase,
        "channelName": channel.name,
        "sortOrder": str(channel.channel_id % 1000),
        "installedTs": str(channel.installed_s),
        "uninstalledTs": _text(channel.uninstalled_s),
        "dataType": PULSE if is_pulse else _data_type(channel),
        "meterId": _text(channel.meter_id),
        **_pulse_part(is_pulse),
        "sortCode": sort_code,
        "organizationName": channel.organization_name,
        "isMeteringPoint": channel.device_type_id == METER_TYPE_ID,
        "costEnabled": False,
    }


def _point_json(channel: Channel, sort_code: str | None) -> Row:
    return {
        "links": {
            "self": f"{_HOST}/devices/{channel.device_id}",
            "meters": f"{_HOST}/devices/{channel.device_id}/meters",
        },
        **_device_part(channel, str(channel.device_id), channel.uuid, channel.device_name),
        "parentId": _text(channel.gateway_id),
        "deviceTypeId": str(channel.device_type_id),
        "sortCode": sort_code,
        "organizationName": channel.organization_name,
    }


def _gateway_json(channel: Channel, sort_code: str | None) -> Row:
    point = _point_json(channel, sort_code)
    links = {
        name: f"{_HOST}/devices/{channel.gateway_id}{tail}" for name, tail in (("self", ""), ("meters", "/meters"))
    }
    return point | {
        "links": links,
        "deviceId": str(channel.gateway_id),
        "deviceName": channel.gateway_name,
        "uuId": channel.mac,
        "parentId": None,
        "deviceTypeId": str(GATEWAY_TYPE_ID),
    }


def _meter_json(channel: Channel, sort_code: str | None) -> Row:
    return {
        "links": {"self": f"{_HOST}/meters"},
        **_device_part(channel, str(channel.device_id), channel.uuid, channel.device_name),
        "parentId": _text(channel.gateway_id),
        "deviceTypeId": str(channel.device_type_id),
        "meterId": _text(channel.meter_id),
        "deviceTypeInterfaceId": _INTERFACE_ID,
        "dataType": _data_type(channel),
        "ct": "250",
        "vs": "",
        "channels": str(channel.phases),
        **_pulse_part(False),
        "dataReceivedTs": None,
        "sortCode": sort_code,
        "organizationName": channel.organization_name,
        "interface": _INTERFACE,
    }


_INTERFACE = {
    "deviceTypeInterfaceId": _INTERFACE_ID,
    "links": {"self": f"{_HOST}/deviceTypeInterfaces/{_INTERFACE_ID}"},
    "interfaceName": "Onboard",
    "deviceTypeId": str(GATEWAY_TYPE_ID),
    "deviceInterfaceId": "3",
    "direction": "accept",
    "count": "8",
    "prefix": "00",
    "createdBy": "1",
    "modifiedBy": None,
    "createdTs": "1521800190",
    "modifiedTs": None,
}


def _device_part(channel: Channel, device_id: str, uuid: str, name: str) -> Row:
    """Return what every row that describes a device begins with."""
    return {
        "deviceId": device_id,
        "uuId": uuid,
        "organizationId": str(channel.organization_id),
        "subscriptionId": None,
        "binaryStoreId": "2",
        "serviceAgreementId": None,
        "deviceName": name,
        "registered": str(channel.registered_s),
        "dataPlan": str(round((channel.license_ends_s - channel.registered_s) / _MONTH_S)),
        "expires": str(channel.license_ends_s),
        "renewed": None,
        "nominalCode": None,
        "status": "1",
        "createdBy": _ACCOUNT_ID,
        "modifiedBy": None,
        "createdTs": str(channel.registered_s),
        "modifiedTs": None,
        "vendor": None,
        "vendor_id": None,
        "vendor_format_id": None,
        "vendor_parent_id": None,
    }


def _data_type(channel: Channel) -> str:
    return _DATA_TYPES.get(channel.device_type_id, "virtual")


def _pulse_part(has_pulses: bool) -> Row:
    return {
        "pulseLabel": "Energy" if has_pulses else "",
        "pulseUnits": "Wh" if has_pulses else "",
        "pulseRatio": f"{PULSE_WH:g}" if has_pulses else None,
        "pulseEnergyRatio": None,
        "temperatureEnabled": "0",
    }


def _organization_json(organization: Organization) -> Row:
    base, place = f"{_HOST}/organizations/{organization.organization_id}", organization.place
    return {
        "organizationId": str(organization.organization_id),
        "links": {"self": base, **{name: f"{base}/{name}" for name in _BELOW_ORGANIZATION}},
        "groupId": None,
        "parentId": _text(organization.parent_id),
        "appliableSubscriptionId": None,
        "organizationName": organization.name,
        "defaultEmailAddress": "sandbox@example.com",
        "defaultLanguageCode": "en",
        "defaultAddressId": "4047",
        "organizationKey": None,
        "logo": None,
        "status": "1",
        "timeZone": organization.time_zone,
        "currencyCode": "USD",
        "nominalCode": None,
        "accountingCode": None,
        "taxCode": None,
        "organizationType": None,
        "divisionLabel": "Sites",
        "licenseDiscount": None,
        "carbonUnits": "kg",
        "carbonRatio": "0.4300",
        "temperatureType": "Fahrenheit",
        "regId": None,
        "logInCounter": None,
        "lastLogIn": None,
        "marketingOptIn": None,
        "thirdPartyOptIn": None,
        "createdBy": _ACCOUNT_ID,
        "modifiedBy": None,
        "createdTs": "1568747590",
        "modifiedTs": None,
        "addressId": "4047",
        "address1": "1 Example Street",
        "address2": "",
        "address3": None,
        "state": place.state,
        "city": place.city,
        "postCode": place.post_code,
        "country": "US",
        "lat": place.latitude,
        "lng": place.longitude,
        "telephone": None,
        "fax": None,
        "sortCode": _sort_code(organization),
        "currencySymbol": "$",
    }


def _sort_codes(catalogue: Catalogue) -> dict[int, str]:
    return {one.organization_id: _sort_code(one) for one in catalogue.organizations}


def _sort_code(organization: Organization) -> str:
    """Return the path of organizations, as in ``1-2-3-23271-``."""
    return _join((*_ROOT_PATH, *organization.path, organization.organization_id))


def _join(ids: Iterable[int]) -> str:
    return "".join(f"{number}-" for number in ids)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def account_json(catalogue: Catalogue) -> Row:
    """Return the user who asks, as the service's root does."""
    own = catalogue.organizations[0]
    return {
        "accountId": _ACCOUNT_ID,
        "links": {"self": f"{_HOST}/accounts/{_ACCOUNT_ID}", "organizations": f"{_HOST}/organizations"},
        "organizationId": str(own.organization_id),
        "organizationName": own.name,
        "email": "sandbox@example.com",
        "firstName": "Sandbox",
        "lastName": "User",
        "status": "1",
    }


def accounts_json(catalogue: Catalogue) -> list[Row]:
    """Return the one account there is."""
    return [account_json(catalogue)]


def device_types_json() -> list[Row]:
    """Return the types of devices."""
    return [
        {"deviceTypeId": str(number), "deviceTypeName": name, "links": {"self": f"{_HOST}/deviceTypes/{number}"}}
        for number, name in sorted(_DEVICE_TYPES.items())
    ]


def all_fields_json() -> list[dict[str, str]]:
    """Return every field that the service knows."""
    return [{"field": field, "units": unit, "name": name_field(field)} for field, unit in FIELD_UNITS.items()]


def alarms_json(catalogue: Catalogue) -> list[Row]:
    """Return an alarm of each site that has metering points, on its first."""
    first_of = {one.organization_id: one for one in reversed(catalogue.all_channels) if one.meter_id is not None}
    return [
        {
            "alarmId": str(_FIRST_ALARM_ID + number),
            "links": {"self": f"{_HOST}/alarms/{_FIRST_ALARM_ID + number}"},
            "alarmName": f"High power: {channel.name}",
            "organizationId": str(channel.organization_id),
            "organizationName": channel.organization_name,
            "dataChannelId": str(channel.channel_id),
            "status": "1",
        }
        for number, channel in enumerate(first_of[key] for key in sorted(first_of))
    ]


def alarm_rules_json(alarm: Row) -> list[Row]:
    """Return when an alarm sounds."""
    rule = {"field": "P", "operator": ">", "threshold": "20000", "reportInterval": "900"}
    return [_of_alarm(alarm, "alarmRule") | rule]


def alarm_periods_json(alarm: Row) -> list[Row]:
    """Return on which days and at which hours an alarm sounds."""
    return [_of_alarm(alarm, "alarmPeriod") | {"days": "1,2,3,4,5", "startTime": "18:00", "endTime": "06:00"}]


def _of_alarm(alarm: Row, name: str) -> Row:
    return {"links": {"self": f"{_HOST}/{name}s"}, f"{name}Id": alarm["alarmId"], "alarmId": alarm["alarmId"]}
