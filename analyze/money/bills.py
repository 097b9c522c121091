"""Bills by calendar month, line by line, so that each can be worked out by hand. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.demand_charges import DemandLine, Peaks, demand_lines, higher_peaks, monthly_peaks
from analyze.money.tariff_rates import MonthSize, split_energy
from analyze.money.tariff_time import (
    Segment,
    Spans,
    at_month,
    energy_periods,
    find_cells,
    list_segments,
    month_segment,
    period_segments,
)
from config.tariff_model import MONTHS_PER_YEAR, Adder, ExportRule, Tariff
from lib.stats_utils import sum_by_place

Line = dict[str, Any]
Credit = dict[str, float]
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
    period: tuple[date, date] | None = None,
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
    period
        First and last day of one bill, in place of calendar months (`period_segments`).

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
    total = energy − export + demand + ratchet + reactive + fixed + riders + minimum + taxes. A percentage rider is on
    the charges it names, the minimum charge tops up what stands before it, a percentage tax is on all of that.
    """
    billed = billed_peaks_kw or {}
    bills: list[dict[str, Any]] = []
    demand_s, is_whole = demand["epoch_s"].to_numpy(), site["is_whole"].to_numpy(dtype=bool)
    used_kwh, estimated_kwh, hours, covered = (
        site[name].to_numpy(dtype=float) for name in ("used_kwh", "estimated_kwh", "hours", "covered_ratio")
    )
    credit_kwh: Credit = {}
    years: dict[int, _YearSoFar] = defaultdict(_YearSoFar)
    segments = list_segments(site, tariff) if period is None else period_segments(site, tariff, *period)
    for segment, rows in segments:
        start, end = segment.window(tz)
        inside = (demand_s >= start.timestamp()) & (demand_s < end.timestamp())
        known = [frame for frame in (demand, history) if frame is not None and len(frame)]
        peaks = {
            charge.name: higher_peaks(
                *(monthly_peaks(frame, segment.tariff, charge, holidays, billed) for frame in known)
            )
            for charge in segment.tariff.demand
        }
        length_h = (end - start).total_seconds() / 3600
        metered_pct = 100 * float(np.nansum((hours * covered)[rows])) / length_h
        whole_pct = 100 * float(hours[rows & is_whole].sum()) / length_h
        coverage = {
            "coverage_pct": round(metered_pct, 1),
            "covered_days": round(metered_pct / 100 * segment.days, 1),
            "days": segment.days,
            "is_complete": whole_pct >= _WHOLE_PCT,
        }
        coverage["estimated_kwh"] = round(float(np.nansum(estimated_kwh[rows])), 3)
        kwh = float(np.nansum(used_kwh[rows]))
        lines = _base_lines(_metered(site[rows], demand[inside], segment, holidays, peaks), credit_kwh)
        lines = _with_minimum(_with_riders(lines, segment), segment)
        lines += _yearly_minimum(lines, segment, bool(coverage["is_complete"]), years)
        bills.append(_bill(segment, _with_taxes(lines, segment), kwh) | coverage)
    return bills


def project_bill(
    site: pd.DataFrame,
    demand: pd.DataFrame,
    tariff: Tariff,
    month: date,
    scale: float,
    *,
    holidays: Collection[date] = (),
    peaks: Mapping[str, Peaks] | None = None,
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
    if "exported_kwh" in whole:
        whole["exported_kwh"] *= scale
    lines = _base_lines(_metered(whole, demand, segment, holidays, peaks or {}), {})
    kwh = float(whole["used_kwh"].sum())
    lines = _with_minimum(_with_riders(lines, segment), segment)
    bill = _bill(segment, _with_taxes(lines, segment), kwh)
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


class _Metered(NamedTuple):
    """What a bill's lines are made of: the segment's intervals, its demand and demand charges."""

    site: pd.DataFrame
    demand: pd.DataFrame
    charged: list[DemandLine]
    segment: Segment
    holidays: Collection[date]

    @property
    def size(self) -> MonthSize:
        """What the energy tiers' ends are measured by; hours' use counts on the demand that is billed at any hour."""
        floors_kw = [line.floor_kw for line in self.charged if line.charge.is_all_hours]
        peak_kw = float(self.demand["mean_kw"].max()) if len(self.demand) else 0.0
        return MonthSize(self.segment.day_share, self.segment.days, max([peak_kw, *floors_kw]))

    def by_period(self, column: str) -> npt.NDArray[np.float64]:
        """Return a column's sum by energy period [kWh], 0 where the site has no such column."""
        energy = self.segment.tariff.energy
        if column not in self.site:
            return np.zeros(len(energy.periods))
        cells = at_month(find_cells(self.site, self.segment.tariff, self.holidays), self.segment.first.month - 1)
        return sum_by_place(energy_periods(cells, energy), self.site[column], len(energy.periods))


def _metered(
    site: pd.DataFrame,
    demand: pd.DataFrame,
    segment: Segment,
    holidays: Collection[date],
    peaks: Mapping[str, Peaks],
) -> _Metered:
    cells = find_cells(demand, segment.tariff, holidays)
    charged = demand_lines(demand, cells, segment.tariff, segment.month, peaks)
    return _Metered(site, demand, charged, segment, holidays)


def _base_lines(metered: _Metered, credit_kwh: Credit) -> list[Line]:
    """Return the lines before riders, minimum and taxes.

    Parameters
    ----------
    credit_kwh
        What net metering carries on from month to month, by period; it is brought up to date.
    """
    kwh, exported_kwh = metered.by_period("used_kwh"), metered.by_period("exported_kwh")
    if metered.segment.tariff.export is ExportRule.NET_METERING:
        kwh, exports = _net(kwh, exported_kwh, metered.segment, credit_kwh)
    else:
        exports = _export_lines(exported_kwh, metered.segment)
    lines = _energy_lines(kwh, metered) + exports + _demand_lines(metered.charged, metered.segment.day_share)
    return lines + _reactive_lines(metered) + _fixed_lines(metered.segment)


def _fixed_lines(segment: Segment) -> list[Line]:
    tariff, share, lines = segment.tariff, segment.day_share, []
    note = f"{share:.4f} of the month" if share < 1 else ""
    if tariff.fixed_monthly:
        lines.append(_line("fixed", "monthly charge", share, "month", tariff.fixed_monthly, note))
    if tariff.fixed_daily:
        lines.append(_line("fixed", "daily charge", segment.days, "day", tariff.fixed_daily))
    if tariff.fixed_yearly:
        lines.append(_line("fixed", "yearly charge", share / MONTHS_PER_YEAR, "year", tariff.fixed_yearly))
    return lines


def _energy_lines(kwh_by_period: npt.NDArray[np.float64], metered: _Metered) -> list[Line]:
    energy, lines = metered.segment.tariff.energy, []
    for period, parts in zip(energy.periods, split_energy(kwh_by_period, energy, metered.size), strict=True):
        for tier_number, (tier, part) in enumerate(zip(period.tiers, parts, strict=True), 1):
            name = f"{period.name}, tier {tier_number}" if len(period.tiers) > 1 else period.name
            lines += [_line("energy", name, float(part), "kWh", tier.rate)] if part > 0 else []
    return lines


def _export_lines(exported_kwh: npt.NDArray[np.float64], segment: Segment) -> list[Line]:
    """Return the credits of net billing; nothing where the tariff has no rule of export."""
    pairs = zip(segment.tariff.energy.periods, exported_kwh.tolist(), strict=True)
    if segment.tariff.export is None:
        return []
    return [_line("export", period.name, kwh, "kWh", -period.sell_per_kwh) for period, kwh in pairs if kwh > 0]


def _net(
    used_kwh: npt.NDArray[np.float64], exported_kwh: npt.NDArray[np.float64], segment: Segment, credit_kwh: Credit
) -> tuple[npt.NDArray[np.float64], list[Line]]:
    """Return what net metering bills by period [kWh], and lines that tell what the export took off the import."""
    names = [period.name for period in segment.tariff.energy.periods]
    billed, lines = np.zeros(len(names)), []
    is_first = not credit_kwh
    for number, (name, used, exported) in enumerate(zip(names, used_kwh.tolist(), exported_kwh.tolist(), strict=True)):
        carried = credit_kwh.get(name, 0.0)
        net = used - exported - carried
        billed[number], credit_kwh[name] = max(net, 0.0), max(-net, 0.0)
        if exported > 0 or carried > 0:
            note = f"taken off {used:.1f} kWh imported, with {carried:.1f} kWh from months before; "
            note += f"{credit_kwh[name]:.1f} kWh carried on"
            note += "; what was carried on to this month is not known" if is_first else ""
            lines.append(_line("export", name, exported, "kWh", 0.0, note))
    return billed, lines


def _demand_lines(charged: list[DemandLine], share: float) -> list[Line]:
    """Return two lines for each charge: its measured peak, and what the ratchet or the minimum adds."""
    lines = []
    for item in charged:
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


def _reactive_lines(metered: _Metered) -> list[Line]:
    """Return the charge on the month's highest reactive demand; of nothing, and saying so, where it is not metered."""
    rate = metered.segment.tariff.reactive_per_kvar * metered.segment.day_share
    if not rate:
        return []
    known = metered.demand["reactive_kvar"].dropna() if "reactive_kvar" in metered.demand else pd.Series(dtype=float)
    pct = 100 * len(known) / max(1, len(metered.demand))
    note = "" if pct >= _WHOLE_PCT else f"reactive demand is known of {pct:.0f} % of the time; it may be billed higher"
    note = note if len(known) else "reactive demand is not metered; nothing is billed for it"
    return [_line("reactive", "reactive demand", float(known.max()) if len(known) else 0.0, "kVAr", rate, note)]


def _with_riders(lines: list[Line], segment: Segment) -> list[Line]:
    base = {"energy": 0.0, "demand": 0.0, "fixed": 0.0, "export": 0.0}
    for line in lines:
        base[line["kind"] if line["kind"] in base else "demand"] += line["amount"]
    riders = segment.tariff.riders
    return lines + [
        _adder_line("rider", rider, _billed_kwh(lines), sum(base[kind] for kind in rider.on)) for rider in riders
    ]


def _with_minimum(lines: list[Line], segment: Segment) -> list[Line]:
    """Return the lines with what the minimum of the month, or of its days, adds to them."""
    tariff, before = segment.tariff, sum(line["amount"] for line in lines)
    least = tariff.minimum_monthly * segment.day_share + tariff.minimum_daily * segment.days
    missing = least - before if least else 0.0
    return [*lines, _line("minimum", "minimum charge", 1.0, "month", missing)] if missing > 0 else lines


class _YearSoFar:
    """What the whole months of a calendar year came to before taxes, and their days."""

    amount = 0.0
    days = 0


def _yearly_minimum(lines: list[Line], segment: Segment, is_complete: bool, years: dict[int, _YearSoFar]) -> list[Line]:
    """Return what the year's minimum adds to the bill of December, where all of the year is known."""
    year = years[segment.first.year]
    if is_complete:
        year.amount += sum(line["amount"] for line in lines)
        year.days += segment.days
    last, least = date(segment.last.year, 12, 31), segment.tariff.minimum_yearly
    if segment.last != last or not least:
        return []
    whole = last.timetuple().tm_yday
    if year.days < whole:
        note = f"{year.days} of {whole} days of the year are known; the year's minimum may bill more"
        return [_line("minimum", "yearly minimum charge", 0.0, "year", 0.0, note)]
    missing = least - year.amount
    return [_line("minimum", "yearly minimum charge", 1.0, "year", missing)] if missing > 0 else []


def _with_taxes(lines: list[Line], segment: Segment) -> list[Line]:
    before = sum(line["amount"] for line in lines)
    return lines + [_adder_line("tax", tax, _billed_kwh(lines), before) for tax in segment.tariff.taxes]


def _billed_kwh(lines: list[Line]) -> float:
    return float(sum(line["quantity"] for line in lines if line["kind"] == "energy"))


def _adder_line(kind: str, adder: Adder, kwh: float, base: float) -> Line:
    if adder.per_kwh:
        return _line(kind, adder.name, kwh, "kWh", adder.per_kwh)
    return _line(kind, adder.name, base, "currency", adder.pct / 100)
