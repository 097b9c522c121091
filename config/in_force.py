"""What is in force at a site, key by key, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from config.site_file import BRANDING_FILE, SiteConfig, SiteFile
from config.strict_toml import Known, Place, known_fields, known_type, render_place, shown
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH


class Origin(StrEnum):
    """Where a value comes from."""

    FILE = "file"
    BRANDING = "branding"
    ASSUMED = "assumed"
    DEFAULT = "default"
    UNSET = "not set"


class Fact(NamedTuple):
    """A value in force: its table and key, and in words where it comes from."""

    table: str
    key: str
    value: Any
    origin: Origin
    source: str


def list_facts(site: SiteConfig) -> list[Fact]:
    """Return every value in force at a site, in the order of the example file.

    Raises
    ------
    ConfigError
        When the site's holidays, tariffs, bills or logo cannot be found, or leave open what they mean.
    """
    return list(_facts_of(site, known_type(SiteFile), site.file, site.document, ()))


def _facts_of(site: SiteConfig, known: Known, table: Any, said: Any, place: Place) -> Iterator[Fact]:
    keys = sorted(known_fields(known).items(), key=lambda item: _is_table(getattr(table, item[1][1].name)))
    for key, (inner, field) in keys:
        value, here = getattr(table, field.name), (*place, key)
        given = said.get(key)
        if isinstance(value, msgspec.Struct):
            yield from _facts_of(site, _of(value), value, given or {}, here)
        elif isinstance(value, dict) and _is_table(value):
            for name, row in value.items():
                yield from _facts_of(site, _of(row), row, given[name], (*here, name))
        elif isinstance(value, tuple) and _is_table(value):
            for number, row in enumerate(value):
                yield from _facts_of(site, _of(row), row, given[number], (*here, number))
        else:
            yield _fact(site, inner, here, value, given is not None)


def _of(table: msgspec.Struct) -> Known:
    kind: Any = type(table)
    return known_type(kind)


def _is_table(value: Any) -> bool:
    """Return whether a value is a table, or holds tables."""
    rows = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
    return any(isinstance(row, msgspec.Struct) for row in rows)


def _fact(site: SiteConfig, known: Known, place: Place, value: Any, is_given: bool) -> Fact:
    table, key = render_place(place[:-1]), str(place[-1])
    plain = msgspec.to_builtins(value)
    if is_given:
        written = site.written.get(place)
        where = f"{shown(site.path)}, as {render_place(written)}" if written else shown(site.path)
        if place == ("tariff", "name") and site.tariffs.is_assumed:
            where += "; no utility charges this tariff: it is an assumption"
        if place == ("bills", "file"):
            bills = site.bills
            where += f"; {len(bills)} bills, {bills[0].first} to {bills[-1].last}"
        return Fact(table, key, plain, Origin.FILE, where)
    if place == ("schedule", "weekdays") and site.schedule.is_assumed:
        return Fact(table, key, ["07:00-18:00"], Origin.ASSUMED, "nobody named the hours")
    if place == ("tariff", "flat_rate_usd_per_kwh") and not site.file.tariff.is_named:
        return Fact(table, key, ASSUMED_RATE_USD_PER_KWH, Origin.ASSUMED, "config/tariffs/default_flat.toml")
    if place[0] == "branding" and getattr(site.branding, key):
        common = getattr(site.branding, key)
        return Fact(table, key, "(an image)" if key == "logo" else common, Origin.BRANDING, shown(BRANDING_FILE))
    if known.default is not None:
        return Fact(table, key, known.default, Origin.DEFAULT, known.source)
    return Fact(table, key, plain, Origin.UNSET if value is None else Origin.DEFAULT, known.source)
