"""The utility's bills beside what was metered over their days, and where the two part. Pure.

A cause is told only where the figures leave one: a bill alone can part from the meters for many reasons. Several bills
tell a wrong date (what one has too much the next has too little) from a factor (the same ratio on all) and from a meter
that is missing (so many kilowatt-hours a day on all).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from config.site_bills import Bill
from lib.report_types.bills import BillEvidence, Cause, MeteredBill, State, UtilityBill

# Meters of class 1 and 0.5 (IEC 62053-21, -22) and half a day between a reading at noon and the midnight of our days.
AGREE_PCT = 2.0
AGREE_KW_PCT = 3.0  # a demand is one interval, whose ends the utility's clock sets
AGREE_MONEY_PCT = 1.0
_FIT_PCT = 0.7  # how closely a cause must explain every bill, well below what it is to explain
_SHIFTS = (-7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7)  # days; a reader is a week late at the most
_SAME_RATIO_PCT = 1.5
_USUAL_PCT, _MAYBE_USUAL_PCT = 1.2, 2.0  # from a usual ratio: two meters of class 0.5 and 1 differ by as much
_SAME_DIFFERENCE = 0.1  # of the mean difference
_MIN_BILLS = 3  # of which a constant is one
_SURE_FACTOR = 5.0  # no missing meter makes a bill five times as large
_MAX_BILLS = 12  # a year of bills; older ones may be of other meters
# Ratios that wrong current transformers and phases make: of the usual primaries, and 2 of 3 phases.
_RATIOS = (
    1.2, 1.25, 4 / 3, 1.5, 1.6, 5 / 3, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 25, 30, 40, 50, 60, 80, 100, 120,
    160, 200, 240, 300, 400, 500, 600, 800, 1000,
)  # fmt: skip

DailyKwh = Mapping[date, float]


class Measured(NamedTuple):
    """What was metered over the days of a bill.

    `metered` is shown as it is; `billed_kw` is what the site's tariff would bill of the demand, ratchet included, and
    `meters_kwh` what each meter of the site used, by name.
    """

    metered: MeteredBill
    billed_kw: float | None = None
    meters_kwh: Mapping[str, float] = {}  # noqa: RUF012 (never changed)


class Finding(NamedTuple):
    """Where a bill parts from what was metered, and what that rests on."""

    cause: Cause
    evidence: BillEvidence


def compare_bill(bill: Bill, bills: Sequence[Bill], measured: Measured, daily_kwh: DailyKwh) -> UtilityBill:
    """Return a bill beside what was metered, and the cause where they part.

    Parameters
    ----------
    bills
        All bills of the site, by date.
    daily_kwh
        Energy that the site imported on each local day that is metered whole [kWh], of these bills and around them.
    """
    metered = measured.metered
    state = _state(bill, measured)
    found = _find_cause(bill, bills, measured, daily_kwh) if state == "parts" else None
    known = metered["kwh"] is not None and not metered["isAtLeast"]
    kw = None if metered["isKwAtLeast"] else metered["kw"]
    return {
        "start": bill.first.isoformat(),
        "end": bill.last.isoformat(),
        "days": bill.days,
        "isEstimated": bill.is_estimated,
        "billed": {"kwh": bill.kwh, "kw": bill.kw, "amount": bill.amount},
        "metered": metered,
        "difference": {
            "kwh": _less(bill.kwh, metered["kwh"] if known else None),
            "kwhPct": _rounded(_pct(bill.kwh, metered["kwh"] if known else None)),
            "kw": _less(bill.kw, kw),
            "kwPct": _rounded(_pct(bill.kw, kw)),
            "amount": _less(bill.amount, metered["amount"]),
            "amountPct": _rounded(_pct(bill.amount, metered["amount"])),
        },
        "state": state,
        "cause": found.cause if found else None,
        "evidence": found.evidence if found else None,
    }


def _state(bill: Bill, measured: Measured) -> State:
    metered = measured.metered
    kwh = metered["kwh"]
    if kwh is None:
        return "not_metered"
    if metered["isAtLeast"]:
        return "parts" if bill.kwh < kwh * (1 - AGREE_PCT / 100) else "incomplete"
    agree = _agrees(bill.kwh, kwh, AGREE_PCT) and not _demand_parts(bill, measured) and not _money_parts(bill, metered)
    return "agrees" if agree else "parts"


def _find_cause(bill: Bill, bills: Sequence[Bill], measured: Measured, daily_kwh: DailyKwh) -> Finding:
    kwh = measured.metered["kwh"]
    assert kwh is not None
    if measured.metered["isAtLeast"]:
        return Finding("unknown", {"bills": 1})
    if _agrees(bill.kwh, kwh, AGREE_PCT):
        return Finding("demand" if _demand_parts(bill, measured) else "tariff", {"bills": 1})
    known = _known_bills(bill, bills, daily_kwh)
    found = _estimated(bill, bills, daily_kwh) or _shifted(bill, bills, known, daily_kwh)
    found = found or _scaled(bill, known, measured) or _lacking(bill, known, measured)
    return found or _untold(known)


def _untold(known: Sequence[tuple[Bill, float]]) -> Finding:
    """Return that the bills do not tell; with the ratio that all of them have, if they do."""
    ratios = [each.kwh / metered for each, metered in known]
    if len(ratios) < _MIN_BILLS:
        return Finding("unknown", {"bills": 1})
    evidence: BillEvidence = {"bills": len(ratios)}
    if _are_same(ratios, _SAME_RATIO_PCT):
        evidence["factor"] = round(sum(ratios) / len(ratios), 4)
    return Finding("unknown", evidence)


def _known_bills(bill: Bill, bills: Sequence[Bill], daily_kwh: DailyKwh) -> list[tuple[Bill, float]]:
    """Return the bills up to this one, a year of them at most, that are metered whole, with their metered energy."""
    before = [each for each in bills if each.last <= bill.last and not each.is_estimated][-_MAX_BILLS:]
    pairs = [(each, _sum(daily_kwh, each.first, each.last)) for each in before]
    return [(each, kwh) for each, kwh in pairs if kwh is not None and kwh > 0]


def _estimated(bill: Bill, bills: Sequence[Bill], daily_kwh: DailyKwh) -> Finding | None:
    """Return whether the utility's estimate is why: of this bill, or of those before, for which this one makes up."""
    if bill.is_estimated:
        return Finding("estimated_read", {"bills": 1})
    before = [each for each in bills if each.last < bill.first]
    run = [bill]
    while before and before[-1].is_estimated:
        run.insert(0, before.pop())
    kwh = _sum(daily_kwh, run[0].first, bill.last)
    if len(run) > 1 and _agrees(sum(each.kwh for each in run), kwh, AGREE_PCT):
        return Finding("estimated_read", {"bills": len(run)})
    return None


def _shifted(
    bill: Bill, bills: Sequence[Bill], known: Sequence[tuple[Bill, float]], daily_kwh: DailyKwh
) -> Finding | None:
    """Return by how many days the meter was read later than the bills say: all of them, or the one between two."""
    recent = [each for each, _ in known]
    if len(recent) >= 2 and recent[-1] == bill:
        days = _best_shift([[(each.kwh, _sum_shifted(each, n, n, daily_kwh)) for each in recent] for n in _SHIFTS])
        if days is not None:
            return Finding("reading_dates", {"bills": len(recent), "days": days})
    for other in (each for each in bills if each.last == bill.first - timedelta(days=1) or each.first > bill.last):
        first, second = sorted((bill, other), key=lambda each: each.first)
        if (second.first - first.last).days != 1 or other.is_estimated:
            continue
        days = _best_shift(
            [
                [(first.kwh, _sum_shifted(first, 0, n, daily_kwh)), (second.kwh, _sum_shifted(second, n, 0, daily_kwh))]
                for n in _SHIFTS
            ]
        )
        if days is not None:
            return Finding("reading_dates", {"bills": 2, "days": days, "boundary": second.first.isoformat()})
    return None


def _best_shift(pairs_of_shifts: Sequence[Sequence[tuple[float, float | None]]]) -> int | None:
    """Return the shift by which all bills fit best; None where none does, or shifts both ways do."""
    fits = [
        (max(_relative(billed, kwh or 0.0) for billed, kwh in pairs), days)
        for days, pairs in zip(_SHIFTS, pairs_of_shifts, strict=True)
        if all(_fits(billed, kwh) for billed, kwh in pairs)
    ]
    return min(fits)[1] if fits and len({days > 0 for _, days in fits}) == 1 else None


def _scaled(bill: Bill, known: Sequence[tuple[Bill, float]], measured: Measured) -> Finding | None:
    """Return whether all bills are the same multiple of what was metered, as a wrong transformer ratio makes them."""
    kwh = measured.metered["kwh"]
    assert kwh is not None
    if kwh <= 0:
        return None
    factor, ratios = bill.kwh / kwh, [each.kwh / metered for each, metered in known]
    if factor <= 0 or (ratios and not _are_same(ratios, _SAME_RATIO_PCT)):
        return None
    kw_factor = _kw_factor(bill, measured)
    mean = sum(ratios) / len(ratios) if ratios else factor
    is_usual, is_many = _is_usual(mean, _USUAL_PCT), len(ratios) >= _MIN_BILLS
    if kw_factor is not None:
        is_scaled = _agrees(kw_factor, factor, AGREE_PCT) and (is_usual or is_many)
    elif max(mean, 1 / mean) >= _SURE_FACTOR * (1 - _USUAL_PCT / 100):
        is_scaled = is_usual or is_many
    else:
        is_scaled = is_usual and is_many and not _is_constant_difference(known)
    if not is_scaled:
        return None
    return Finding("multiplier", {"bills": max(1, len(ratios)), "factor": round(mean, 4)})


def _lacking(bill: Bill, known: Sequence[tuple[Bill, float]], measured: Measured) -> Finding | None:
    """Return whether a meter is missing on one side: so much a day, or such a share, on all bills; or it is named."""
    kwh = measured.metered["kwh"]
    assert kwh is not None
    name = _named(bill, kwh, measured)
    if name is not None:
        difference = round((kwh - bill.kwh) / bill.days, 1)
        return Finding("extra_meter", {"bills": 1, "kwhPerDay": difference, "channelName": name})
    if len(known) < _MIN_BILLS:
        return None
    cause: Cause = "missing_meter" if bill.kwh > kwh else "extra_meter"
    is_constant = _is_constant_difference(known)
    ratios = [each.kwh / metered for each, metered in known]
    is_share = _are_same(ratios, _SAME_RATIO_PCT)
    # A ratio that transformers make, on all bills, may be a multiplier as well, and tells neither.
    mean, kw_factor = sum(ratios) / len(ratios), _kw_factor(bill, measured)
    is_either = is_share and _is_usual(mean, _MAYBE_USUAL_PCT)
    if kw_factor is not None and not _agrees(kw_factor, mean, AGREE_KW_PCT):
        is_either = False  # the demand has another ratio: no multiplier does that
    if is_either or not (is_constant or is_share):
        return None
    evidence: BillEvidence = {"bills": len(known)}
    if is_constant:
        evidence["kwhPerDay"] = round(abs(bill.kwh - kwh) / bill.days, 1)
    else:
        evidence["sharePct"] = round(100 * abs(bill.kwh - kwh) / max(bill.kwh, kwh), 1)
    return Finding(cause, evidence)


def _kw_factor(bill: Bill, measured: Measured) -> float | None:
    kw = None if measured.metered["isKwAtLeast"] else measured.metered["kw"]
    return bill.kw / kw if bill.kw is not None and kw else None


def _named(bill: Bill, kwh: float, measured: Measured) -> str | None:
    """Return the one meter without which the metered energy is the bill's."""
    fits = [name for name, own in measured.meters_kwh.items() if own > 0 and _fits(bill.kwh, kwh - own)]
    return fits[0] if len(fits) == 1 else None


def _is_constant_difference(known: Sequence[tuple[Bill, float]]) -> bool:
    a_day = [(each.kwh - metered) / each.days for each, metered in known]
    mean = sum(a_day) / len(a_day)
    return bool(mean) and max(abs(each - mean) for each in a_day) <= _SAME_DIFFERENCE * abs(mean)


def _demand_parts(bill: Bill, measured: Measured) -> bool:
    """Return whether the demand on the bill is neither the metered one nor what the tariff makes of it."""
    metered = measured.metered
    if bill.kw is None or metered["kw"] is None:
        return False
    if metered["isKwAtLeast"]:
        return bill.kw < metered["kw"] * (1 - AGREE_KW_PCT / 100)
    return not any(_agrees(bill.kw, kw, AGREE_KW_PCT) for kw in (metered["kw"], measured.billed_kw) if kw is not None)


def _money_parts(bill: Bill, metered: MeteredBill) -> bool:
    if bill.amount is None or metered["amount"] is None:
        return False
    return not _agrees(bill.amount, metered["amount"], AGREE_MONEY_PCT)


# --- Arithmetic -------------------------------------------------------------------------------------------------------


def _sum(daily_kwh: DailyKwh, first: date, last: date) -> float | None:
    """Return the energy of the local days from first to last; None where one of them is not metered whole."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    known = [daily_kwh[day] for day in days if day in daily_kwh]
    return sum(known) if days and len(known) == len(days) else None


def _sum_shifted(bill: Bill, first: int, last: int, daily_kwh: DailyKwh) -> float | None:
    return _sum(daily_kwh, bill.first + timedelta(days=first), bill.last + timedelta(days=last))


def _pct(value: float | None, of: float | None) -> float | None:
    return 100 * (value / of - 1) if value is not None and of else None


def _agrees(value: float, other: float | None, pct: float) -> bool:
    return other is not None and abs(value - other) <= pct / 100 * max(abs(value), abs(other))


def _relative(value: float, other: float) -> float:
    """Return how far two energies are apart, as a share of the higher; 0 where both are nothing."""
    highest = max(value, other)
    return abs(value - other) / highest if highest > 0 else 0.0


def _fits(value: float, other: float | None) -> bool:
    return _agrees(value, other, _FIT_PCT)


def _are_same(values: Sequence[float], pct: float) -> bool:
    return min(values) > 0 and max(values) <= (1 + pct / 100) * min(values)


def _is_usual(factor: float, pct: float) -> bool:
    return any(_agrees(max(factor, 1 / factor), ratio, pct) for ratio in _RATIOS)


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else round(value - other, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
