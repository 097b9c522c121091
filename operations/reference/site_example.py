"""Makes the example of a site's file and its schema for editors from the model (config/site_file.py)."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from config.site_file import SiteFile
from config.strict_toml import Known, Place, describe, known_fields, known_type, render_place

_HEAD = """\
#:schema ./site.schema.json
# What the API does not know of a site. Copy what you need to config/sites/<id>.toml, where <id> is the site's number.
# Every table and key may be left out; what stands here behind "#" without a blank is the default, or an example where
# there is none. Generated; to make it anew: python operations/write_reference.py
"""
# Where there is no default: what a key could say. A table that is named here is written whole behind "#".
_EXAMPLES: dict[str, str] = {
    "schedule.weekdays": '["07:00-12:00", "13:00-18:00"]',
    "schedule.monday": '["08:00-18:00"]',
    "schedule.tuesday": '["07:00-18:00"]',
    "schedule.wednesday": '["07:00-18:00"]',
    "schedule.thursday": '["07:00-18:00"]',
    "schedule.friday": '["07:00-16:00"]',
    "schedule.saturday": "[]",
    "schedule.sunday": '["22:00-06:00"]',
    "schedule.country": '"US"',
    "schedule.state": '"NC"',
    "schedule.terms.start": "2026-01-05",
    "schedule.terms.end": "2026-06-11",
    "schedule.terms.name": '"spring"',
    "schedule.outside_terms.weekdays": '["08:00-12:00"]',
    "schedule.outside_terms.monday": "[]",
    "schedule.outside_terms.tuesday": "[]",
    "schedule.outside_terms.wednesday": "[]",
    "schedule.outside_terms.thursday": "[]",
    "schedule.outside_terms.friday": "[]",
    "schedule.outside_terms.saturday": "[]",
    "schedule.outside_terms.sunday": "[]",
    "schedule.exceptions.date": "2026-02-13",
    "schedule.exceptions.start": "2026-12-24",
    "schedule.exceptions.end": "2027-01-01",
    "schedule.exceptions.hours": '["07:00-12:00"]',
    "schedule.exceptions.reason": '"staff meeting"',
    "tariff.flat_rate_usd_per_kwh": "0.14",
    "tariff.flat_rate_per_kwh": "0.31",
    "tariff.currency": '"EUR"',
    "tariff.name": '"default_tou_demand"',
    "tariff.periods.name": '"default_tou_demand"',
    "tariff.periods.from": "2026-01-01",
    "tariff.periods.to": "2026-12-31",
    "tariff.compare_with": '"default_flat"',
    "tariff.billed_peaks_kw": "{ 2025-08 = 212 }",
    "tariff.power_factor.target_ratio": "0.9",
    "tariff.power_factor.penalty_usd_per_kw": "12.0",
    "bills.file": '"23271_bills.csv"',
    "bills.columns.start": '"Service from"',
    "bills.columns.end": '"Service to"',
    "bills.columns.kwh": '"Usage"',
    "bills.columns.kw": '"Billed demand"',
    "bills.columns.amount": '"Amount due"',
    "bills.columns.estimated": '"Read type"',
    "bills.date_format": '"%m/%d/%Y"',
    "bills.decimal": '"."',
    "bills.ends": '"last_day"',
    "bills.periods.start": "2026-01-14",
    "bills.periods.end": "2026-02-12",
    "bills.periods.kwh": "41250.0",
    "bills.periods.kw": "180.0",
    "bills.periods.amount": "5120.40",
    "shares.owners.Bakery.meters": '["Oven", 162126]',
    "carbon.kg_per_kwh": "0.39",
    "carbon.source": '"who publishes it, for which grid and year"',
    "building.floor_area_m2": "5200",
    'channels."PV inverter".kind': '"generation"',
    'channels."PV inverter".parent': '"Main"',
    'channels."PV inverter".until': "2026-12-31",
    'channels."PV inverter".equipment': '"other"',
    "files.portal.format": '"day-columns"',
    "files.portal.sheet": '"Meters"',
    "files.portal.member": '"usage.csv"',
    "files.portal.table": "2",
    "files.portal.start": '["Datum", "Zeit"]',
    "files.portal.end": '["Datum", "Bis"]',
    "files.portal.interval_end": "true",
    "files.portal.date_format": '"%d.%m.%Y %H:%M"',
    "files.portal.clock": '"Etc/GMT+5"',
    "files.portal.interval_minutes": "15",
    "files.portal.only_minutes": "30",
    "files.portal.meter": '"Serial"',
    "files.portal.channel_name": '"Main"',
    "files.portal.columns": '["Bezug (kWh)"]',
    "files.portal.unit": '"kWh"',
    "files.portal.where": '["Direction=Import"]',
    "files.portal.leave_out": '["Address"]',
    "files.portal.decimal": '","',
    "files.portal.register": "true",
    "files.portal.rollover": "1000000.0",
    "files.portal.factor": "40.0",
    "files.portal.points": '["Store 1"]',
    "files.portal.series": '["MeterReading/1=Main"]',
    "measures.name": '"New schedule of the air handlers"',
    "measures.channel": "162126",
    "measures.date": "2026-10-01",
    "report.tell_from_cost": "50.0",
    "report.recipients": '["manager@example.com"]',
    "alerts.recipients": '["operator@example.com"]',
    "ingest.channel_max_power_kw": "{ 162121 = 60.0 }",
    "branding.name": '"Acme Energy"',
    "branding.color": '"#0b6b67"',
    "branding.logo": '"branding/acme.svg"',
    "branding.contact": '"Jane Doe, +1 555 0100, jane@example.com"',
}
# Table of tables by name → the name in the example.
_EXAMPLE_NAMES = {"channels": "PV inverter", "files": "portal", "owners": "Bakery"}
_WIDTH = 118


def render_example() -> str:
    """Return config/sites/example.toml."""
    return _HEAD + "\n".join(_table(known_type(SiteFile), (), "", "")).rstrip() + "\n"


def _table(known: Known, place: Place, brackets: str, mark: str) -> Iterator[str]:
    """Yield the lines of a table: its head, its own keys, then the tables below it.

    Parameters
    ----------
    brackets
        ``[`` or ``[[``, empty for the file as a whole.
    mark
        ``#`` for a table that may not stand empty.
    """
    if brackets:
        yield ""
        yield from _comment(_meaning_of(known))
        yield f"{mark}{brackets}{_header(place)}{brackets.replace('[', ']')}"
    below = []
    for key, (inner, field) in known_fields(known).items():
        child = _child(inner, (*place, key), is_optional=not field.required and field.default is None)
        if child is None:
            yield from _key(inner, field, (*place, key))
        else:
            below.append(child)
    for table, where, signs, own_mark in below:
        yield from _table(table, where, signs, own_mark or mark)


def _child(inner: Known, place: Place, *, is_optional: bool) -> tuple[Known, Place, str, str] | None:
    """Return the table that a key stands for, its place, brackets and mark; None for a plain value."""
    if isinstance(inner.type, inspect.StructType):
        return _named(inner, inner.type), place, "[", "#" if is_optional else ""
    if isinstance(inner.type, inspect.VarTupleType) and isinstance(inner.type.item_type, inspect.StructType):
        return _named(inner, inner.type.item_type), place, "[[", "#"
    if isinstance(inner.type, inspect.DictType) and isinstance(inner.type.value_type, inspect.StructType):
        return _named(inner, inner.type.value_type), (*place, _EXAMPLE_NAMES[str(place[-1])]), "[", "#"
    return None


def _named(outer: Known, kind: inspect.StructType) -> Known:
    return Known(kind, f"{kind.cls.__doc__ or ''} {outer.meaning}".strip())


def _meaning_of(known: Known) -> str:
    return " ".join(known.meaning.split())


def _header(place: Place) -> str:
    return render_place(place)


def _key(known: Known, field: inspect.Field, place: Place) -> Iterator[str]:
    name = render_place(place)
    default = known.default if known.default is not None else field.default
    shown = _EXAMPLES.get(name) or _toml(msgspec.to_builtins(default))
    right = describe(known, place)
    yield from _comment(f"{known.meaning.rstrip('.')}. {right[0].upper()}{right[1:]}.".removeprefix(". "))
    yield f"#{place[-1]} = {shown}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f" {key} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    return json.dumps(value, ensure_ascii=False)


def render_schema() -> str:
    """Return config/sites/site.schema.json, which editors check a site's file against while it is typed."""
    schema = _simplified(msgspec.json.schema(SiteFile))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A site's file: config/sites/<id>.toml"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def _simplified(node: Any) -> Any:
    """Return a schema without null, which TOML does not know, and without the defaults of whole tables."""
    if isinstance(node, list):
        return [_simplified(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _simplified(item) for key, item in node.items() if key != "default" or _is_plain(item)}
    options = [option for option in kept.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return {key: item for key, item in kept.items() if key != "anyOf"} | options[0]
    return kept | {"anyOf": options} if options else kept


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)
