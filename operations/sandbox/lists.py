"""The lists of the service, single resources, and the collections below a parent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, Response, g, request

from operations.sandbox import rows as wording
from operations.sandbox import spoiling
from operations.sandbox.fault_kinds import KINDS, LISTS
from operations.sandbox.filters import Row, choose_rows
from operations.sandbox.readings import Source
from operations.sandbox.replies import ServiceError, json_response, list_page
from operations.sandbox.service_faults import FaultPlan
from operations.sandbox.site_model import FOREIGN_CHANNEL_ID, FOREIGN_SITE_ID, UNITS_BY_TYPE, Catalogue

_OF_ALL = {"organization": "organizationId"}
_OF_DEVICES = _OF_ALL | {
    "uuid": "uuId",
    "name": "deviceName",
    "id": "deviceId",
    "parent": "parentId",
    "type": "deviceTypeId",
    "deviceId": "deviceId",
    "deviceTypeId": "deviceTypeId",
}


class Resource(NamedTuple):
    """A kind of thing that is listed: its id, its rows, and the filters of its list."""

    id_key: str
    make_rows: Callable[[Catalogue], list[Row]]
    key_by_filter: dict[str, str]


RESOURCES: dict[str, Resource] = {
    "organizations": Resource(
        "organizationId",
        wording.organizations_json,
        _OF_ALL | {"id": "organizationId", "name": "organizationName", "parent": "parentId"},
    ),
    "devices": Resource("deviceId", wording.devices_json, _OF_DEVICES),
    "channels": Resource(
        "dataChannelId",
        wording.channels_json,
        _OF_DEVICES | {"id": "dataChannelId", "name": "channelName", "displayedPhase": "displayedPhase"},
    ),
    "meters": Resource("meterId", wording.meters_json, _OF_DEVICES | {"id": "meterId"}),
    "events": Resource(
        "eventId", lambda catalogue: [], _OF_ALL | {"id": "eventId", "name": "eventName", "daterange[]": "ts"}
    ),
    "alarms": Resource("alarmId", wording.alarms_json, _OF_ALL | {"id": "alarmId", "name": "alarmName"}),
    "accounts": Resource("accountId", wording.accounts_json, _OF_ALL | {"id": "accountId"}),
    "tariffs": Resource("tariffId", lambda catalogue: [], _OF_ALL | {"id": "tariffId", "name": "tariffName"}),
    "deviceTypes": Resource(
        "deviceTypeId", lambda catalogue: wording.device_types_json(), {"id": "deviceTypeId", "name": "deviceTypeName"}
    ),
}

# Lists below an organization that are empty here.
_EMPTY_BELOW_ORGANIZATION = ("addresses", "tags", "trendlines", "services", "timeperiods", "webhooks", "issues")
_OF_ORGANIZATIONS = ("devices", "meters", "channels", "events", "alarms", "accounts", "tariffs")
# Resource → collection below it → key of the collection's rows that names the parent.
_BELOW: dict[str, dict[str, str]] = {
    "devices": {"devices": "parentId", "meters": "deviceId", "channels": "deviceId"},
    "meters": {"channels": "meterId"},
    "organizations": dict.fromkeys(_OF_ORGANIZATIONS, "organizationId"),
}


def add_lists(app: Flask, source: Source, plan: FaultPlan) -> None:
    """Add the routes of everything but readings."""

    def rows_of(name: str) -> list[Row]:
        return RESOURCES[name].make_rows(source.catalogue)

    def user() -> Response:
        return json_response(wording.account_json(source.catalogue))

    def metersbelow(resource_id: int) -> Response:
        organization = _find(rows_of("organizations"), "organizations", resource_id)
        below = [row for row in rows_of("meters") if row["sortCode"].startswith(organization["sortCode"])]
        return json_response(organization | {"metersbelow": below})

    app.add_url_rule("/", "user", user)
    for name in RESOURCES:
        app.add_url_rule(f"/{name}", name, _list_view(name, rows_of, plan))
        app.add_url_rule(f"/{name}/<int:resource_id>", f"{name}_one", _one_view(name, rows_of))
    for name, collections in _BELOW.items():
        for collection, parent_key in collections.items():
            view = _below_view(name, collection, parent_key, rows_of)
            app.add_url_rule(f"/{name}/<int:resource_id>/{collection}", f"{name}_{collection}", view)
    app.add_url_rule("/organizations/<int:resource_id>/metersbelow", "metersbelow", metersbelow)
    for name in _EMPTY_BELOW_ORGANIZATION:
        view = _empty_view(name, rows_of)
        app.add_url_rule(f"/organizations/<int:resource_id>/{name}", f"organizations_{name}", view)
    for name, make_rows in (("alarmrules", wording.alarm_rules_json), ("alarmperiods", wording.alarm_periods_json)):
        app.add_url_rule(f"/alarms/<int:resource_id>/{name}", name, _of_alarm_view(name, make_rows, rows_of))
    _add_fields(app)


RowsOf = Callable[[str], list[Row]]


def _add_fields(app: Flask) -> None:
    def fields(device_type_id: int) -> Response:
        if device_type_id not in UNITS_BY_TYPE:
            raise ServiceError(404, "Unknown device type")
        return json_response(list_page("result", wording.fields_json(device_type_id), {"limit": "0"}))

    def all_fields() -> Response:
        return json_response(list_page("result", wording.all_fields_json(), {"limit": "0"}))

    app.add_url_rule("/fields/<int:device_type_id>", "fields", fields)
    app.add_url_rule("/fields", "all_fields", all_fields)


def _list_view(name: str, rows_of: RowsOf, plan: FaultPlan) -> Callable[[], Response]:
    def view() -> Response:
        page = _page(name, rows_of(name), rows_of)
        if g.fault is not None and KINDS[g.fault].scope == LISTS and page[name]:
            page = spoiling.spoil_list(page, g.fault, is_more=plan.counts[g.fault] % 2 == 0)
            plan.count(g.fault)
        return json_response(page)

    return view


def _below_view(name: str, collection: str, parent_key: str, rows_of: RowsOf) -> Callable[[int], Response]:
    def view(resource_id: int) -> Response:
        _find(rows_of(name), name, resource_id)
        parents = {str(resource_id)}
        if parent_key == "deviceId":  # what a gateway has is that of its metering points
            parents |= {row["deviceId"] for row in rows_of("devices") if row["parentId"] == str(resource_id)}
        below = [row for row in rows_of(collection) if row[parent_key] in parents]
        return json_response(_page(collection, below, rows_of))

    return view


def _empty_view(name: str, rows_of: RowsOf) -> Callable[[int], Response]:
    def view(resource_id: int) -> Response:
        _find(rows_of("organizations"), "organizations", resource_id)
        return json_response(list_page(name, [], request.args))

    return view


def _of_alarm_view(name: str, make_rows: Callable[[Row], list[Row]], rows_of: RowsOf) -> Callable[[int], Response]:
    def view(resource_id: int) -> Response:
        alarm = _find(rows_of("alarms"), "alarms", resource_id)
        return json_response(list_page(name, make_rows(alarm), request.args))

    return view


def _one_view(name: str, rows_of: RowsOf) -> Callable[[int], Response]:
    def view(resource_id: int) -> Response:
        return json_response(_find(rows_of(name), name, resource_id))

    return view


def _page(name: str, rows: list[Row], rows_of: RowsOf) -> dict[str, Any]:
    """Return the page of a list that the query asks for."""
    organization = request.args.get("organization", "")
    if organization.isdigit():
        _find(rows_of("organizations"), "organizations", int(organization))
    return list_page(name, choose_rows(rows, request.args, RESOURCES[name].key_by_filter), request.args)


def _find(rows: list[Row], name: str, resource_id: int) -> Row:
    """Return the row of that id.

    Raises
    ------
    ServiceError
        403 where it is another customer's, 404 where there is none.
    """
    if name == "organizations" and resource_id == FOREIGN_SITE_ID:
        raise ServiceError(403, "Forbidden – another customer’s organization")
    if name == "channels":
        check_own_channel(resource_id)
    row = next((row for row in rows if row[RESOURCES[name].id_key] == str(resource_id)), None)
    if row is None:
        raise ServiceError(
            404, "Unknown organization" if name == "organizations" else f"Not found – {name} {resource_id}"
        )
    return row


def check_own_channel(channel_id: int) -> None:
    """Raise a ServiceError for a channel that is another customer's."""
    if channel_id == FOREIGN_CHANNEL_ID:
        raise ServiceError(403, "Forbidden – another customer’s channel")
