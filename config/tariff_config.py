"""Reads tariffs (``config/tariffs/<name>.toml``) and what a site pays (``config/sites/<id>.toml``).

The shipped ``default_tou_demand.toml`` shows the form of a tariff, with every key in a comment. A site's file says
which tariffs it is on, and may give its carbon factor::

    [tariff]
    name = "acme_gs2"                   # or, where it changed: periods = [{ name, from, to }, …]
    compare_with = "acme_gs1"           # what the report compares it with; a shipped default where left out
    billed_peaks_kw = { 2025-08 = 212 } # peaks on bills older than the readings, for the ratchet

    [carbon]
    kg_per_kwh = 0.39
    source = "who publishes it, for which grid and year"
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from config.tariff_model import DEFAULT_DEMAND_INTERVAL_S, Carbon, SiteTariffs, Tariff, TariffSpan, Tier
from config.tariff_named import named_rates, read_adders
from config.tariff_urdb import urdb_demand, urdb_demand_interval_s, urdb_energy, urdb_fixed
from config.toml_table import TomlTable, read_toml
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT, SITES_DIR

TARIFFS_DIR = PROJECT_ROOT / "config" / "tariffs"
DEFAULT_FLAT, DEFAULT_TOU = "default_flat", "default_tou_demand"
FLAT_RATE = "flat_rate_usd_per_kwh"  # of [thresholds]: for a site that pays one price and needs no tariff file

_TARIFF_KEYS = ("currency", "source", "valid_from", "valid_to", "holidays", "energy", "demand", "fixed", "riders",
                "taxes", "urdb", "is_assumption")  # fmt: skip


def load_tariff(name: str, tariffs_dir: Path = TARIFFS_DIR) -> Tariff:
    """Return the tariff of ``<name>.toml``.

    Raises
    ------
    ConfigError
        When there is no such file, or anything in it is missing, unknown, or of the wrong form.
    """
    path = tariffs_dir / f"{name}.toml"
    if not re.fullmatch(r"\w[\w.-]*", name) or not path.exists():
        known = ", ".join(sorted(file.stem for file in tariffs_dir.glob("*.toml"))) or "none"
        raise ConfigError(f"there is no tariff {name!r} in {tariffs_dir}; known: {known}")
    root = read_toml(path)
    root.allow_only(*_TARIFF_KEYS)
    valid_from, valid_to = root.day("valid_from", None), root.day("valid_to", None)
    if valid_from and valid_to and valid_to < valid_from:
        root.refuse_value("valid_to", f"{valid_from} or later, as valid_from says")
    currency = root.text("currency")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        root.refuse_value("currency", "a code of three capital letters such as 'USD'")
    head = {
        "name": name, "currency": currency, "source": root.text("source"), "valid_from": valid_from,
        "valid_to": valid_to, "holidays": root.days("holidays"), "riders": read_adders(root, "riders"),
        "taxes": read_adders(root, "taxes"), "is_assumption": root.flag("is_assumption", False),
    }  # fmt: skip
    return Tariff(**head, **(_urdb_rates(root) if "urdb" in root.values else named_rates(root)))


def _urdb_rates(root: TomlTable) -> dict[str, Any]:
    table = root.table("urdb")
    for name in ("energy", "demand", "fixed"):
        if name in root.values:
            root.refuse(name, "stands beside [urdb]; a tariff is written in one of the two forms")
    energy = urdb_energy(table)
    interval_s = urdb_demand_interval_s(table, DEFAULT_DEMAND_INTERVAL_S)
    return {"energy": energy, "demand": urdb_demand(table), "demand_interval_s": interval_s} | urdb_fixed(table)


def load_site_tariffs(site_id: int, sites_dir: Path = SITES_DIR, tariffs_dir: Path = TARIFFS_DIR) -> SiteTariffs:
    """Return what the site pays; the shipped flat rate, marked as assumed, where its file names none.

    Raises
    ------
    ConfigError
        When the site's file or a tariff that it names cannot be meant.
    """
    path = sites_dir / f"{site_id}.toml"
    root = read_toml(path) if path.exists() else TomlTable(path, {})
    carbon, tariff, thresholds = (root.table(name) for name in ("carbon", "tariff", "thresholds"))
    carbon = _carbon(carbon)
    if tariff is None:
        rate = thresholds and thresholds.number(FLAT_RATE, None)
        flat = _at_flat_rate(load_tariff(DEFAULT_FLAT, tariffs_dir), rate)
        tou = load_tariff(DEFAULT_TOU, tariffs_dir)
        return SiteTariffs((TariffSpan(flat),), tou, is_assumed=rate is None, carbon=carbon)
    if thresholds and FLAT_RATE in thresholds.values:
        thresholds.refuse(FLAT_RATE, "and [tariff] both say what the site pays; take one of them out")
    tariff.allow_only("name", "periods", "compare_with", "billed_peaks_kw")
    spans = _spans(tariff, tariffs_dir)
    other = tariff.text("compare_with", DEFAULT_TOU if spans[-1].tariff.is_flat else DEFAULT_FLAT)
    compare_with = _load_named(tariff, "compare_with", other, tariffs_dir)
    currencies = {span.tariff.currency for span in spans}
    if currencies != {compare_with.currency}:
        right = f"a tariff in {', '.join(sorted(currencies))} ({other} is in {compare_with.currency})"
        tariff.refuse_value("compare_with", right)
    is_assumed = any(span.tariff.is_assumption for span in spans)
    return SiteTariffs(spans, compare_with, is_assumed, carbon, _billed_peaks(tariff))


def _at_flat_rate(flat: Tariff, rate: float | None) -> Tariff:
    """Return the assumed flat tariff, or that of the rate which the site's file names."""
    if rate is None:
        return flat
    energy = replace(flat.energy, periods=tuple(replace(p, tiers=(Tier(rate),)) for p in flat.energy.periods))
    return replace(flat, name="flat_rate", energy=energy, source=f"{FLAT_RATE} of the site's file", is_assumption=False)


def _load_named(table: TomlTable, key: str, name: str, tariffs_dir: Path) -> Tariff:
    try:
        return load_tariff(name, tariffs_dir)
    except ConfigError as err:
        raise ConfigError(f"{table.path}: {table.key(key)}: {err}") from err


def _spans(tariff: TomlTable, tariffs_dir: Path) -> tuple[TariffSpan, ...]:
    """Return the tariffs by date, each within its own validity."""
    if ("name" in tariff.values) == ("periods" in tariff.values):
        tariff.refuse("name", "or periods should be given, one of the two; take one out, or add one")
    rows = tariff.tables("periods") if "periods" in tariff.values else [tariff]
    if not rows:
        tariff.refuse_value("periods", "a list such as [{ name = 'acme_gs2', from = 2026-01-01 }]")
    spans = sorted((_span(row, row is tariff, tariffs_dir) for row in rows), key=lambda s: s.first or date.min)
    for before, after in zip(spans, spans[1:], strict=False):
        if (before.last or date.max) >= (after.first or date.min):
            tariff.refuse("periods", f"overlap: {before.tariff.name} and {after.tariff.name}; close one with `to`")
    return tuple(spans)


def _span(row: TomlTable, is_whole: bool, tariffs_dir: Path) -> TariffSpan:
    tariff = _load_named(row, "name", row.text("name"), tariffs_dir)
    if is_whole:
        return TariffSpan(tariff, tariff.valid_from, tariff.valid_to)
    row.allow_only("name", "from", "to")
    first, last = row.day("from", tariff.valid_from), row.day("to", tariff.valid_to)
    if first and last and last < first:
        row.refuse_value("to", f"{first} or later")
    if first and tariff.valid_from and first < tariff.valid_from:
        row.refuse_value("from", f"{tariff.valid_from} or later, from when {tariff.name} is valid")
    if last and tariff.valid_to and last > tariff.valid_to:
        row.refuse_value("to", f"{tariff.valid_to} or earlier, until when {tariff.name} is valid")
    return TariffSpan(tariff, first, last)


def _billed_peaks(tariff: TomlTable) -> tuple[tuple[str, float], ...]:
    table = tariff.table("billed_peaks_kw")
    if table is None:
        return ()
    for month in table.values:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            table.refuse(month, "should be a month such as 2025-08")
    return tuple((month, table.number(month)) for month in sorted(table.values))


def _carbon(table: TomlTable | None) -> Carbon | None:
    if table is None:
        return None
    table.allow_only("kg_per_kwh", "source")
    # No grid of the world comes near 5 kg/kWh; such a number was meant per MWh, or in grams.
    return Carbon(table.number("kg_per_kwh", high=5.0), table.text("source"))
