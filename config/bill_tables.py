"""The form of ``[bills]`` in a site's file: what the utility billed."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from config.opening_hours import LocalDate
from config.strict_toml import Refusal, Table, about

_COLUMN = 'a column, as the header names it, such as "Usage"'


class BillEnds(StrEnum):
    """What the end of a bill's period is."""

    LAST_DAY = "last_day"  # of the period, as in January 1 to January 31
    READING_DAY = "reading_day"  # on which the meter was read, and the next period begins


class BillPeriodTable(Table, frozen=True, kw_only=True):
    """A bill of the utility."""

    start: Annotated[LocalDate, about("First day of its period")]
    end: Annotated[LocalDate, about("Last day of its period; see ends")]
    kwh: Annotated[float, about("Energy that it bills", ge=0)]
    kw: Annotated[float, about("Demand that it bills", ge=0)] | None = None
    amount: Annotated[float, about("What is to be paid, in the tariff's currency, taxes included")] | None = None
    estimated: Annotated[bool, about("The utility estimated the reading")] = False


class BillColumnsTable(Table, frozen=True):
    """Columns of the file of bills, where their names do not tell."""

    start: Annotated[str, about("First day of the period, or both days", right=_COLUMN)] | None = None
    end: Annotated[str, about("Last day of the period", right=_COLUMN)] | None = None
    kwh: Annotated[str, about("Energy", right=_COLUMN)] | None = None
    kw: Annotated[str, about('Demand; "" for none', right=_COLUMN, may_be_blank=True)] | None = None
    amount: Annotated[str, about('Amount; "" for none', right=_COLUMN, may_be_blank=True)] | None = None
    estimated: Annotated[str, about("Whether the reading is an estimate", right=_COLUMN)] | None = None

    def named(self) -> dict[str, str]:
        """Return the columns that the operator names, by what they hold."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


def _tells_days(form: str) -> bool:
    """Return whether dates of this form, as strptime has it, can be read back."""
    day = datetime(2031, 12, 25)  # noqa: DTZ001 (a day of no place)
    try:
        return datetime.strptime(day.strftime(form), form).date() == day.date()  # noqa: DTZ007
    except (ValueError, re.error):
        return False


class BillsTable(Table, frozen=True):
    """What the utility billed; the monthly summary shows it beside what was metered. Neither overlaps nor holes."""

    file: Annotated[str, about("CSV of the utility's bills, beside the site's file; in place of periods")] | None = None
    columns: BillColumnsTable = BillColumnsTable()
    date_format: Annotated[str, about('Of the file, as strptime has it, such as "%d/%m/%Y"')] | None = None
    decimal: Annotated[str, about('Decimal sign of the file, "." or ","', pattern=r"^[.,]$")] | None = None
    ends: (
        Annotated[BillEnds, about("The end of a period is its last day, or the day of the reading between two")] | None
    ) = None
    periods: Annotated[tuple[BillPeriodTable, ...], about("The bills, one by one")] = ()

    def __post_init__(self) -> None:
        if self.file is not None and self.periods:
            raise Refusal("periods", "should not stand beside file: the bills are here or there")
        if self.date_format is not None and not _tells_days(self.date_format):
            raise Refusal(
                "date_format", f'should tell day, month and year, as "%d/%m/%Y" does, not {self.date_format!r}'
            )
        if self.file is None:
            for name in ("date_format", "decimal"):
                if getattr(self, name) is not None:
                    raise Refusal(name, "should be left out, for no file of bills is named")
            if self.columns.named():
                raise Refusal("columns", "should be left out, for no file of bills is named")

    @property
    def is_given(self) -> bool:
        """Whether the site's file says anything of bills."""
        return self.file is not None or bool(self.periods)
