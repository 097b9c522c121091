"""What the utility billed a site: ``[bills]`` of its file, with the file that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from config.bill_file import read_bill_file
from config.bill_tables import BillEnds, BillsTable
from config.strict_toml import refuse, shown
from lib.errors import ConfigError

if TYPE_CHECKING:
    from config.tariff_model import SiteTariffs

_MAX_DAYS = 400  # a yearly bill, read a month late


@dataclass(frozen=True)
class Bill:
    """A bill of the utility over the site's local days `first` to `last`, both included.

    `kw` is the demand that it bills, `amount` what is to be paid, in the currency of the site's tariff; `currency` is
    the one that a file of bills names.
    """

    first: date
    last: date
    kwh: float
    kw: float | None = None
    amount: float | None = None
    is_estimated: bool = False
    currency: str | None = None

    @property
    def days(self) -> int:
        """The days of its period."""
        return (self.last - self.first).days + 1


def load_bills(table: BillsTable, path: Path, tariffs: SiteTariffs | None = None) -> tuple[Bill, ...]:
    """Return the bills that a site's file tells of, by date; each begins on the day after the one before.

    Parameters
    ----------
    path
        The site's file.
    tariffs
        What the site pays, of which the amounts have to be in the currency.

    Raises
    ------
    ConfigError
        When they overlap, leave days out, are in another currency, or the file of them leaves open what it means.
    """
    if table.file is not None:
        rows = read_bill_file(table, path)
        where, is_known = shown(path.parent / table.file), all(row.is_last_day for row in rows)
        bills = [Bill(row.start, row.end, row.kwh, row.kw, row.amount, row.is_estimated, row.currency) for row in rows]
    else:
        where, is_known = f"{shown(path)}: bills.periods", False
        bills = [Bill(row.start, row.end, row.kwh, row.kw, row.amount, row.estimated) for row in table.periods]
    bills.sort(key=lambda bill: (bill.first, bill.last))
    for bill in bills:
        if bill.last < bill.first:
            raise ConfigError(f"{where}: the bill of {bill.first} ends before it begins, on {bill.last}; correct it")
    ends = table.ends or (BillEnds.LAST_DAY if is_known else _ends_of(bills, path))
    if ends is BillEnds.READING_DAY:
        bills = [replace(bill, last=bill.last - timedelta(days=1)) for bill in bills]
    for bill in bills:
        if not 0 < bill.days <= _MAX_DAYS:
            raise ConfigError(f"{where}: the bill of {bill.first} to {bill.last} has {bill.days} days; correct it")
    _check_sequence(bills, where)
    if tariffs is not None and not tariffs.is_assumed:
        _check_currency(bills, tariffs, where)
    return tuple(bills)


def _ends_of(bills: Sequence[Bill], path: Path) -> BillEnds:
    """Return what the ends of the periods are: where each is the next one's start, the meter was read on that day.

    One bill alone tells only where it is of whole months by its last day, as January 1 to 31, or 14 to February 13.
    """
    if len(bills) == 1 and bills[0].days <= _MAX_DAYS and not _are_whole_months(bills[0]):
        problem = (
            f"should be given: one bill alone does not tell whether {bills[0].last} is the last day of its period, "
            '"last_day", or the day of the reading on which the next one begins, "reading_day"'
        )
        refuse(path, ("bills", "ends"), problem)
    steps = {(after.first - before.last).days for before, after in zip(bills, bills[1:], strict=False)}
    return BillEnds.READING_DAY if steps == {0} else BillEnds.LAST_DAY


def _are_whole_months(bill: Bill) -> bool:
    return (bill.last + timedelta(days=1)).day == bill.first.day


def _check_currency(bills: Sequence[Bill], tariffs: SiteTariffs, where: str) -> None:
    for bill in bills:
        tariff = tariffs.tariff_on(bill.last)
        if tariff and bill.amount is not None and bill.currency not in (None, tariff.currency):
            raise ConfigError(
                f"{where}: amounts are in {bill.currency}, the site's tariff {tariff.name} in {tariff.currency}; name "
                'the right tariff, or leave the amounts out: amount = "" under [bills.columns]'
            )


def _check_sequence(bills: Sequence[Bill], where: str) -> None:
    for before, after in zip(bills, bills[1:], strict=False):
        step = (after.first - before.last).days
        if step < 1:
            raise ConfigError(
                f"{where}: the bills of {before.first} to {before.last} and {after.first} to {after.last} overlap; "
                "keep one bill a period (several meters: their sum), or say under [bills] what the ends are: "
                'ends = "last_day" or "reading_day"'
            )
        if step > 1:
            first, last = before.last + timedelta(days=1), after.first - timedelta(days=1)
            days = f"{first} is" if first == last else f"{first} to {last} are"
            raise ConfigError(f"{where}: {days} on no bill; add what is missing, or correct the dates around it")
