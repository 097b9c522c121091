"""Bills by calendar month, line by line, so that each can be worked out by hand. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analyze.money.demand_charges import demand_lines, higher_peaks, monthly_peaks
from analyze.money.tariff_rates import split_energy
from analyze.money.tariff_time import Segment, Spans, at_month, energy_periods, find_cells, list_segments, month_segment
from config.tariff_model import Adder, Tariff
from lib.stats_utils import sum_by_place

Line = dict[str, Any]
_WHOLE_PCT = 99.95


def bill_months(
    site: pd.DataFrame,
    demand: pd.DataFrame,
    tariff: Tariff | Spans,
    tz: ZoneInfo,
    *,
    holidays: Collection[date] = (),
    billed_peaks_kw: Mapping[str, float] | None = None,
    history: pd.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """Return the bill of every calendar month that the data touch, as far as its energy is known.

    Parameters
    ----------
    site
        The site's intervals (`SiteDemand.energy`).
    demand
        The same over the demand interval (`mean_demand`), as far back as it is known.
    tariff
        One, or several by date: a month in which it changes has a bill for each part, with what is charged by the
        month, the tiers' ends and the demand charges in proportion to its days.
    billed_peaks_kw
        Peaks of months that stand on bills (``{"2025-08": 212.0}``), for the ratchet.
    history
        Demand from before `demand` begins, which only the ratchet looks at.

    Returns
    -------
    list of dict
        `month`, `start`, `end` (local days, both included), `tariff`, `currency`, `coverage_pct` (of the site's usual
        energy), the same as `covered_days` of `days`, `is_complete` (every meter, all the time), `energy_kwh`, of which
        `estimated_kwh` is not as metered, `lines`
        (`kind`, `name`, `quantity`, `unit`, `rate`, `amount`, and where needed `note`) and `total`. Amounts are rounded
        to cents last, so that lines may differ from the total by their rounding.

    Notes
    -----
    total = energy + demand + ratchet + fixed + riders + minimum + taxes. A percentage rider is on the charges it
    names, the minimum charge tops up what stands before it, a percentage tax is on all of that.
    """
    billed = billed_peaks_kw or {}
    bills = []
    for segment, rows in list_segments(site, tariff):
        start, end = segment.window(tz)
        inside = demand["epoch_s"].between(start.timestamp(), end.timestamp(), inclusive="left")
        known = [frame for frame in (demand, history) if frame is not None and len(frame)]
        peaks = {
            charge.name: higher_peaks(
                *(monthly_peaks(frame, segment.tariff, charge, holidays, billed) for frame in known)
            )
            for charge in segment.tariff.demand
        }
        lines = _base_lines(site[rows], demand[inside], segment, holidays, peaks)
        kwh = float(site.loc[rows, "used_kwh"].sum())
        length_h = (end - start).total_seconds() / 3600
        metered_pct = 100 * float((site["hours"] * site["covered_ratio"])[rows].sum()) / length_h
        whole_pct = 100 * float(site.loc[rows & site["is_whole"], "hours"].sum()) / length_h
        days = (segment.last - segment.first).days + 1
        coverage = {
            "coverage_pct": round(metered_pct, 1),
            "covered_days": round(metered_pct / 100 * days, 1),
            "days": days,
            "is_complete": whole_pct >= _WHOLE_PCT,
        }
        coverage["estimated_kwh"] = round(float(site.loc[rows, "estimated_kwh"].sum()), 3)
        bills.append(_bill(segment, _with_adders(lines, kwh, segment), kwh) | coverage)
    return bills


def project_bill(
    site: pd.DataFrame,
    demand: pd.DataFrame,
    tariff: Tariff,
    month: date,
    scale: float,
    *,
    holidays: Collection[date] = (),
    peaks: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Return the bill of the calendar month in which `month` lies, if all of it were like the rows given.

    Parameters
    ----------
    site, demand
        Intervals of a part of a month, such as a week.
    scale
        Times their energy makes the month's.
    peaks
        `monthly_peaks` by charge, for the ratchet.
    """
    segment = month_segment(tariff, month)
    whole = site.assign(used_kwh=site["used_kwh"] * scale)
    lines = _base_lines(whole, demand, segment, holidays, peaks or {})
    kwh = float(whole["used_kwh"].sum())
    bill = _bill(segment, _with_adders(lines, kwh, segment), kwh)
    kept = {key: bill[key] for key in ("month", "tariff", "currency", "energy_kwh", "lines", "total")}
    return kept | {"is_projected": True}


def _bill(segment: Segment, lines: list[Line], kwh: float) -> dict[str, Any]:
    total = sum(line["amount"] for line in lines)
    for line in lines:
        line |= {"quantity": round(line["quantity"], 3), "rate": round(line["rate"], 6)}
        line["amount"] = round(line["amount"], 2)
    return {
        "month": segment.month,
        "start": segment.first.isoformat(),
        "end": segment.last.isoformat(),
        "tariff": segment.tariff.name,
        "currency": segment.tariff.currency,
        "energy_kwh": round(kwh, 3),
        "lines": lines,
        "total": round(total, 2),
    }


def _line(kind: str, name: str, quantity: float, unit: str, rate: float, note: str = "") -> Line:
    line = {"kind": kind, "name": name, "quantity": quantity, "unit": unit, "rate": rate, "amount": quantity * rate}
    return line | ({"note": note} if note else {})


def _base_lines(
    site: pd.DataFrame,
    demand: pd.DataFrame,
    segment: Segment,
    holidays: Collection[date],
    peaks: Mapping[str, Mapping[str, float]],
) -> list[Line]:
    """Return the lines before riders, minimum and taxes."""
    tariff, share = segment.tariff, segment.day_share
    lines = _energy_lines(site, segment, holidays) + _demand_lines(demand, segment, holidays, peaks)
    note = f"{share:.4f} of the month" if share < 1 else ""
    if tariff.fixed_monthly:
        lines.append(_line("fixed", "monthly charge", share, "month", tariff.fixed_monthly, note))
    if tariff.fixed_daily:
        lines.append(_line("fixed", "daily charge", share * segment.days_in_month, "day", tariff.fixed_daily))
    return lines


def _energy_lines(site: pd.DataFrame, segment: Segment, holidays: Collection[date]) -> list[Line]:
    energy = segment.tariff.energy
    cells = at_month(find_cells(site, segment.tariff, holidays), segment.first.month - 1)
    number = energy_periods(cells, energy)
    kwh = sum_by_place(number, site["used_kwh"], len(energy.periods))
    lines = []
    for period, parts in zip(energy.periods, split_energy(kwh, energy, segment.day_share), strict=True):
        for tier_number, (tier, part) in enumerate(zip(period.tiers, parts, strict=True), 1):
            name = f"{period.name}, tier {tier_number}" if len(period.tiers) > 1 else period.name
            lines += [_line("energy", name, float(part), "kWh", tier.rate)] if part > 0 else []
    return lines


def _demand_lines(
    demand: pd.DataFrame,
    segment: Segment,
    holidays: Collection[date],
    peaks: Mapping[str, Mapping[str, float]],
) -> list[Line]:
    """Return two lines for each charge: its measured peak, and what the ratchet or the minimum adds."""
    share, lines, tariff = segment.day_share, [], segment.tariff
    cells = find_cells(demand, tariff, holidays)
    for item in demand_lines(demand, cells, tariff, segment.month, peaks):
        name, kw, extra_kw = item.charge.name, item.measured_kw, item.billed_kw - item.measured_kw
        known = f"{item.months_known} of {item.months_needed} earlier months are known"
        note = "" if item.is_known else "the system's peak of this month is not announced, or was not metered"
        if item.months_known < item.months_needed and extra_kw <= 0:
            note = f"{known}; the ratchet may bill more"
        line = _line("demand", name, kw, "kW", share * item.measured_cost / kw if kw else 0.0, note)
        lines.append(line | {"amount": share * item.measured_cost})
        if extra_kw > 0:
            kind, note = ("ratchet", known) if item.charge.ratchet else ("minimum_demand", "")
            lines.append(_line(kind, name, extra_kw, "kW", share * item.floor_cost / extra_kw, note))
    return lines


def _with_adders(lines: list[Line], kwh: float, segment: Segment) -> list[Line]:
    """Return the lines with riders, the minimum charge and taxes after them, in this order."""
    tariff = segment.tariff
    base = {"energy": 0.0, "demand": 0.0, "fixed": 0.0}
    for line in lines:
        base[line["kind"] if line["kind"] in base else "demand"] += line["amount"]
    lines = lines + [_adder_line("rider", rider, kwh, sum(base[kind] for kind in rider.on)) for rider in tariff.riders]
    before = sum(line["amount"] for line in lines)
    missing = tariff.minimum_monthly * segment.day_share - before
    if missing > 0:
        lines.append(_line("minimum", "minimum charge", 1.0, "month", missing))
        before += missing
    return lines + [_adder_line("tax", tax, kwh, before) for tax in tariff.taxes]


def _adder_line(kind: str, adder: Adder, kwh: float, base: float) -> Line:
    if adder.per_kwh:
        return _line(kind, adder.name, kwh, "kWh", adder.per_kwh)
    return _line(kind, adder.name, base, "currency", adder.pct / 100)
