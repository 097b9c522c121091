"""What a site pays: ``[tariff]`` of its file, with the tariffs that it names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from config.strict_toml import Place, refuse, shown_value
from config.tariff_file import DEFAULT_FLAT, DEFAULT_TOU, load_tariff
from config.tariff_model import Carbon, PowerFactorClause, SiteTariffs, Tariff, TariffSpan, Tier
from lib.errors import ConfigError

if TYPE_CHECKING:
    from config.tariff_tables import TariffPeriodTable, TariffTable


def load_site_tariffs(table: TariffTable, carbon: Carbon | None, path: Path, tariffs_dir: Path) -> SiteTariffs:
    """Return what the site pays; the shipped flat rate, marked as assumed, where its file names none.

    Raises
    ------
    ConfigError
        When a tariff that the file names cannot be meant.
    """
    spans = _spans(table, path, tariffs_dir)
    is_assumed = not table.is_named or any(span.tariff.is_assumption for span in spans)
    compare_with = _other_tariff(table, spans, path, tariffs_dir)
    factor = table.power_factor
    clause = None if factor is None else PowerFactorClause(factor.target_ratio, factor.penalty_usd_per_kw)
    return SiteTariffs(spans, compare_with, is_assumed, carbon, tuple(sorted(table.billed_peaks_kw.items())), clause)


def _other_tariff(table: TariffTable, spans: tuple[TariffSpan, ...], path: Path, tariffs_dir: Path) -> Tariff | None:
    """Return what the site's tariff is compared with; the shipped ones stand beside tariffs of their currency only."""
    currencies = {span.tariff.currency for span in spans}
    if len(currencies) > 1:
        refuse(
            path, ("tariff", "periods"), f"should be tariffs in one currency, not in {', '.join(sorted(currencies))}"
        )
    (currency,) = currencies
    if table.compare_with is None:
        shipped = load_tariff(DEFAULT_TOU if spans[-1].tariff.is_flat else DEFAULT_FLAT, tariffs_dir)
        return shipped if shipped.currency == currency else None
    other = _load_named(table.compare_with, path, ("tariff", "compare_with"), tariffs_dir)
    if other.currency != currency:
        right = f"a tariff in {currency} ({table.compare_with} is in {other.currency})"
        refuse(path, ("tariff", "compare_with"), f"should be {right}")
    return other


def _spans(table: TariffTable, path: Path, tariffs_dir: Path) -> tuple[TariffSpan, ...]:
    """Return the tariffs by date, each within its own validity."""
    if table.periods is not None:
        return _period_spans(table.periods, path, tariffs_dir)
    if table.name is not None:
        tariff = _load_named(table.name, path, ("tariff", "name"), tariffs_dir)
        return (TariffSpan(tariff, tariff.valid_from, tariff.valid_to),)
    return (TariffSpan(_at_flat_rate(load_tariff(DEFAULT_FLAT, tariffs_dir), table)),)


def _at_flat_rate(flat: Tariff, table: TariffTable) -> Tariff:
    """Return the assumed flat tariff, or that of the rate which the site's file names."""
    name = "flat_rate_usd_per_kwh" if table.flat_rate_per_kwh is None else "flat_rate_per_kwh"
    rate = getattr(table, name)
    if rate is None:
        return flat
    energy = replace(flat.energy, periods=tuple(replace(p, tiers=(Tier(rate),)) for p in flat.energy.periods))
    currency, source = table.currency or flat.currency, f"{name} of the site's file"
    return replace(flat, name="flat_rate", currency=currency, energy=energy, source=source, is_assumption=False)


def _load_named(name: str, path: Path, place: Place, tariffs_dir: Path) -> Tariff:
    try:
        return load_tariff(name, tariffs_dir)
    except ConfigError as err:
        refuse(path, place, f"should be another, or be corrected: {err}")


def _period_spans(rows: tuple[TariffPeriodTable, ...], path: Path, tariffs_dir: Path) -> tuple[TariffSpan, ...]:
    spans = [_span(row, path, ("tariff", "periods", n), tariffs_dir) for n, row in enumerate(rows)]
    spans.sort(key=lambda span: span.first or date.min)
    for before, after in zip(spans, spans[1:], strict=False):
        if (before.last or date.max) >= (after.first or date.min):
            names = f"{before.tariff.name} and {after.tariff.name}"
            refuse(path, ("tariff", "periods"), f"overlap: {names}; close one with `to`")
    return tuple(spans)


def _span(row: TariffPeriodTable, path: Path, place: Place, tariffs_dir: Path) -> TariffSpan:
    tariff = _load_named(row.name, path, (*place, "name"), tariffs_dir)
    first, last = row.first or tariff.valid_from, row.last or tariff.valid_to
    if first and last and last < first:
        refuse(path, (*place, "to"), f"should be {first} or later, not {shown_value(last)}")
    if first and tariff.valid_from and first < tariff.valid_from:
        refuse(path, (*place, "from"), f"should be {tariff.valid_from} or later, from when {tariff.name} is valid")
    if last and tariff.valid_to and last > tariff.valid_to:
        refuse(path, (*place, "to"), f"should be {tariff.valid_to} or earlier, until when {tariff.name} is valid")
    return TariffSpan(tariff, first, last)
