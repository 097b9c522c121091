"""Reads a CSV of a utility's bills, or asks: which column, which date, which decimal sign. Pure but for the file.

A file is understood by the names of its columns, in the languages of the utilities met so far; whatever it does not
tell for certain, `BillsTable` says. Nothing is guessed: 01/02/2026 and 1,234 are asked about where the rest of the file
does not settle them.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from config.bill_tables import BillsTable
from config.strict_toml import Place, refuse, shown
from lib.bounded_files import MAX_SETTINGS_BYTES, read_whole
from lib.errors import ConfigError, DataError

START, END, KWH, KW, AMOUNT, ESTIMATED = "start", "end", "kwh", "kw", "amount", "estimated"
READ, DAYS = "read", "days"  # the day of the reading and the days before it, in place of start and end
_NEEDED = (START, END, KWH)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE_LINES = 60  # utilities put name, address and account above the table
_DATES = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
    "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d-%b-%y",
)  # fmt: skip
_ONE_DAY = timedelta(days=1)
_MIDNIGHT = re.compile(r"[T ](00:00(:00(\.0+)?)?|12:00(:00)? ?[Aa][Mm])(Z|[+-]\d\d:?\d\d)?$")
_RANGE = re.compile(r"\s+(?:to|until|bis|au|al|-|–|—)\s+")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*|[+-]?[.,]\d+")
_TOTALS = frozenset({"total", "totals", "sum", "summe", "gesamt", "totale", "totaal"})
_UNITS_KWH = {"wh": 0.001, "kwh": 1.0, "mwh": 1000.0}
_UNITS_KW = {"w": 0.001, "kw": 1.0, "mw": 1000.0}


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


_NAMES: dict[str, frozenset[str]] = {
    START: _words(
        "start,start date,from,from date,period start,period from,billing start,billing period start,bill start,"
        "bill start date,service start,service from,service start date,read start,start read date,begin,begin date,"
        "beginning,von,beginn,zeitraum von,abrechnung von,startdatum,du,debut,date debut,dal,inizio,desde,inicio,"
        "fecha inicio,van,begindatum,billing period,bill period,service period,period,zeitraum,abrechnungszeitraum,"
        "periode,periodo"
    ),
    END: _words(
        "end,end date,to,to date,until,period end,period to,billing end,billing period end,bill end,bill end date,"
        "service end,service to,service end date,read end,end read date,bis,ende,zeitraum bis,abrechnung bis,enddatum,"
        "au,fin,date fin,al,fine,hasta,fecha fin,tot,einddatum"
    ),
    READ: _words("read date,reading date,meter read date,meter reading date,ablesedatum,date de releve"),
    DAYS: _words("days,billing days,number of days,days billed,service days,tage,abrechnungstage,jours,dias,giorni"),
    KWH: _words(
        "kwh,mwh,wh,usage,use,used,billed,total,consumption,energy,energy use,total usage,total consumption,"
        "billed usage,verbrauch,stromverbrauch,energie,consommation,consumo,verbruik"
    ),
    KW: _words(
        "kw,mw,w,demand,billed demand,billing demand,peak demand,max demand,maximum demand,peak,leistung,"
        "hochstleistung,spitzenleistung,puissance,potenza,potencia"
    ),
    AMOUNT: _words(
        "amount,total,total amount,amount due,total cost,cost,total charges,charges,current charges,bill amount,"
        "total bill,total due,betrag,gesamtbetrag,rechnungsbetrag,bruttobetrag,montant,montant ttc,importo,importe,"
        "bedrag"
    ),
    ESTIMATED: _words(
        "estimated,is estimated,estimate,estimation,read type,reading type,meter read type,geschatzt,ablesung,"
        "ableseart,estimee,estime,stimata,estimada,geschat"
    ),
}  # fmt: skip
_CURRENCIES = _words("$,€,£,¥,usd,eur,gbp,jpy,cad,aud,chf,nzd,sek,nok,dkk")
# A hundredth of any of them. No c and no p, which are phases and power as well.
_CENTS = _words("¢,cent,cents,ct,cts,eurocent,eurocents,pence,penny,centime,centimes,centimos,rappen,ore")
_UNITS_OF = {
    KWH: frozenset(_UNITS_KWH),
    KW: frozenset(_UNITS_KW),
    AMOUNT: _CURRENCIES | _CENTS | _words("us,euro,euros,dollar,dollars,pounds"),
}
_CURRENCY_SIGNS = {"€": "EUR", "£": "GBP"}  # the others are those of several currencies
_CURRENCY_WORDS = _CURRENCIES - {"$", "¥"}
_GENERAL = frozenset({"total", "cost", "charges"})  # begin names of other columns too, such as a cost center
_IS_ESTIMATE = _words(
    "e,est,estimate,estimated,yes,y,true,1,x,geschatzt,ja,wahr,estimee,estime,oui,stimata,si,estimada"
)
_IS_READ = _words(",a,act,actual,read,no,n,false,0,abgelesen,gemessen,nein,falsch,reelle,reel,non,reale,real,customer")


class BillRow(NamedTuple):
    """A row of the file: its line, and what it says of a bill, ends as the file has them.

    `is_last_day` tells that `end` is the last day, worked out from the day of the reading.
    """

    line: int
    start: date
    end: date
    kwh: float
    kw: float | None
    amount: float | None
    is_estimated: bool
    currency: str | None = None
    is_last_day: bool = False


class _Sheet(NamedTuple):
    """The table of the file: the columns' names and places by what they hold, and its rows with their lines."""

    header: list[str]
    places: dict[str, int]
    rows: list[tuple[int, list[str]]]
    broken_at: int | None = None  # the line from which on the file can't be split into cells

    @property
    def has_read_days(self) -> bool:
        """Whether days of readings and their number stand there in place of starts and ends."""
        return START not in self.places and {READ, DAYS} <= set(self.places)

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column, "" where a row has none, or the file no such column."""
        place = self.places.get(name)
        return [row[place].strip() if place is not None and place < len(row) else "" for _, row in self.rows]


class _Reader:
    """One file being read; what it does not tell is refused with the key of the site's file that would."""

    def __init__(self, table: BillsTable, site_path: Path) -> None:
        assert table.file is not None
        self.table, self.site_path, self.path = table, site_path, site_path.parent / table.file

    def ask(self, key: str, problem: str) -> ConfigError:
        """Return the error that asks for a key of [bills]."""
        try:
            refuse(self.site_path, _place_of(key), f"should be given: {shown(self.path)} {problem}")
        except ConfigError as err:
            return err

    def no_column(self, name: str, column: str, header: Sequence[str]) -> ConfigError:
        """Return the error about a column that the operator names and the file does not have."""
        names = ", ".join(repr(cell.strip()) for cell in header if cell.strip()) or "none"
        problem = f"should be a column of {shown(self.path)}, not {column!r}; it has {names}"
        try:
            refuse(self.site_path, _place_of(f"columns.{name}"), problem)
        except ConfigError as err:
            return err

    def wrong(self, line: int, problem: str) -> ConfigError:
        """Return the error about a line of the file."""
        return ConfigError(
            f"{shown(self.path)}, line {line}: {problem}; correct it, or say under [bills] how to read it"
        )


def read_bill_file(table: BillsTable, site_path: Path) -> list[BillRow]:
    """Return the rows of the file that `table` names, which lies beside the site's file.

    Raises
    ------
    ConfigError
        When it cannot be read, or leaves open what it means.
    """
    reader = _Reader(table, site_path)
    sheet = _find_sheet(reader, _read_text(reader))
    starts, ends = _read_days(reader, sheet)
    decimal = _decimal_sign(reader, sheet)
    return [
        BillRow(
            line,
            starts[n],
            ends[n],
            _number(reader, sheet, n, KWH, decimal) * _unit_factor(sheet.header[sheet.places[KWH]], _UNITS_KWH),
            _optional(reader, sheet, n, KW, decimal),
            _optional(reader, sheet, n, AMOUNT, decimal),
            _is_estimated(reader, sheet, n),
            _currency(sheet, n),
            sheet.has_read_days,
        )
        for n, (line, _) in enumerate(sheet.rows)
    ]


def _read_days(reader: _Reader, sheet: _Sheet) -> tuple[list[date], list[date]]:
    """Return the first and the last day of each row, or the day of the reading after it, as the file has it."""
    if sheet.has_read_days:
        reads, _ = _parse_dates(reader, sheet.cells(READ), sheet.cells(READ), sheet)
        days = [timedelta(days=_number(reader, sheet, n, DAYS, ".")) for n in range(len(reads))]
        return [read - each for read, each in zip(reads, days, strict=True)], [read - _ONE_DAY for read in reads]
    first, last = _ranges(sheet) if END not in sheet.places else (sheet.cells(START), sheet.cells(END))
    return _parse_dates(reader, first, last, sheet)


def _place_of(key: str) -> Place:
    return ("bills", *key.split("."))


def _read_text(reader: _Reader) -> str:
    try:
        content = read_whole(reader.path, MAX_SETTINGS_BYTES)
    except DataError as err:
        raise ConfigError(str(err)) from err
    except (OSError, ValueError) as err:  # a name may hold what no name of a file can
        reason = err.strerror if isinstance(err, OSError) else err
        problem = f"should be a file that can be read, beside the site's file: {str(reader.path)!r}: {reason}"
        refuse(reader.site_path, ("bills", "file"), problem)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        refuse(
            reader.site_path, ("bills", "file"), "should be a CSV; save the workbook's sheet as one, or give periods"
        )
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError(f"{shown(reader.path)}: is no text; save it as CSV in UTF-8")


def _find_sheet(reader: _Reader, text: str) -> _Sheet:
    """Return the table under the first line that names its columns, by the delimiter that parts it into most cells."""
    best: tuple[int, _Sheet] | None = None
    for delimiter in _DELIMITERS:
        rows, broken_at = _rows_of(text, delimiter)
        for number, (_, cells) in enumerate(rows[:_PREAMBLE_LINES]):
            places = _find_columns(reader, cells)
            if len(places) >= 2 and (best is None or len(places) > best[0]):
                best = len(places), _Sheet(cells, places, rows[number + 1 :], broken_at)
                break
    if best is None:
        _refuse_unknown_names(reader, text)
        key = next((name for name in _NEEDED if name not in reader.table.columns.named()), START)
        raise reader.ask(f"columns.{key}", "names no columns that are known as the days and the energy of bills")
    sheet = best[1]
    _check_named(reader, sheet)
    needed = (KWH,) if sheet.has_read_days else _NEEDED
    missing = [name for name in needed if name not in sheet.places and not (name == END and _are_ranges(sheet))]
    if missing:
        names = ", ".join(repr(cell.strip()) for cell in sheet.header if cell.strip())
        raise reader.ask(f"columns.{missing[0]}", f"does not tell which of its columns it is: {names}")
    kept = [
        (line, row)
        for line, row in sheet.rows
        if not _is_void(row, sheet.places[READ if sheet.has_read_days else START])
    ]
    if sheet.broken_at is not None:
        raise reader.wrong(sheet.broken_at, "can't be split into cells from here on")
    if not kept:
        raise ConfigError(f"{shown(reader.path)}: has no bill; check whether it is the right file")
    for line, row in kept:
        if any(cell.strip() for cell in row[len(sheet.header) :]):
            problem = (
                f"has {len(row)} cells for {len(sheet.header)} columns, as of a number with a comma that no quotes"
            )
            raise reader.wrong(line, f"{problem} hold together")
    return sheet._replace(rows=kept)


def _check_named(reader: _Reader, sheet: _Sheet) -> None:
    """Refuse a column that the operator names and the file does not have, and amounts in a unit that is not known."""
    for name, column in reader.table.columns.named().items():
        if column and name not in sheet.places:
            raise reader.no_column(name, column, sheet.header)
    if AMOUNT in sheet.places or AMOUNT in reader.table.columns.named():
        return
    unclear = [
        cell.strip() for n, cell in enumerate(sheet.header) if n not in sheet.places.values() and _is_money(cell)
    ]
    if unclear:
        problem = f"has {unclear[0]!r}, which may be amounts in another unit; name a column of whole currency, or"
        raise reader.ask("columns.amount", f'{problem} "" for none')


def _is_money(cell: str) -> bool:
    """Return whether a name begins as that of a column of amounts does."""
    words = _key(cell).split()
    return any(" ".join(words[:count]) in _NAMES[AMOUNT] - _GENERAL for count in range(1, len(words)))


def _refuse_unknown_names(reader: _Reader, text: str) -> None:
    """Refuse a column that the operator names and that the line with most of the columns does not have."""
    named = {name: column for name, column in reader.table.columns.named().items() if column}
    lines = [cells for delimiter in _DELIMITERS for _, cells in _rows_of(text, delimiter)[0][:_PREAMBLE_LINES]]

    def likeness(cells: Sequence[str]) -> tuple[int, int, int]:
        own = {cell.strip() for cell in cells}
        known = sum(any(_is_of(_key(cell), name) for name in _NAMES) for cell in own)
        return len(own & set(named.values())), known, len(own)

    header = max(lines, key=likeness, default=[])
    for name, column in named.items():
        if column not in {cell.strip() for cell in header}:
            raise reader.no_column(name, column, header)


def _rows_of(text: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], int | None]:
    """Return the rows with their lines, and the line from which on the text can't be split; None where it can."""
    lines, rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), list[tuple[int, list[str]]]()
    try:
        rows.extend((lines.line_num, row) for row in lines)
    except csv.Error:
        return rows, lines.line_num
    return rows, None


def _is_void(row: Sequence[str], start: int) -> bool:
    """Return whether a row is blank, or the sum under the table."""
    known = [cell.strip() for cell in row if cell.strip()]
    has_day = start < len(row) and any(sign.isdigit() for sign in row[start])
    return not known or (not has_day and bool(set(_key(known[0]).split()) & _TOTALS))


def _find_columns(reader: _Reader, cells: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns that a header names, by what they hold.

    Raises
    ------
    ConfigError
        When two could be meant.
    """
    named, keys = reader.table.columns.named(), [_key(cell) for cell in cells]
    places: dict[str, int] = {}
    for name in _NAMES:
        if name in named:
            found = [n for n, cell in enumerate(cells) if cell.strip() == named[name]] if named[name] else []
        else:
            found = [n for n, key in enumerate(keys) if _is_of(key, name)]
        if len(found) > 1 and name in (READ, DAYS):
            continue  # no key tells which, and start and end will do
        if len(found) > 1:
            names = " or ".join(repr(cells[n].strip()) for n in found)
            raise reader.ask(f"columns.{name}", f"has several that it could be: {names}")
        if found:
            places[name] = found[0]
    is_table = START in places and (END in places or KWH in places)
    return places if is_table or {READ, DAYS} <= set(places) else {}


def _key(cell: str) -> str:
    """Return a name without signs, accents and capitals: ``Zeitraum von`` of ``zeitraum_VON:``."""
    plain = unicodedata.normalize("NFKD", cell.replace("ß", "ss"))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    return " ".join(re.sub(r"[^0-9a-z$€£¥¢]+", " ", plain).split())


def _is_of(key: str, name: str) -> bool:
    """Return whether a column of this name holds such values; energy and demand must say their unit."""
    units = _UNITS_OF.get(name, frozenset())
    words = re.sub(r"([$€£¥¢])", r" \1 ", key).split()
    is_known = key in _NAMES[name] or " ".join(word for word in words if word not in units | {"in"}) in _NAMES[name]
    return is_known and (name not in (KWH, KW) or bool(units & set(words)))


def _unit_factor(cell: str, units: dict[str, float]) -> float:
    """Return what makes a column's numbers kWh or kW: 1 where its name has no unit, and the operator named it."""
    return next((units[word] for word in _key(cell).split() if word in units), 1.0)


def _is_unit_of(cell: str, name: str, column: str) -> bool:
    """Return whether the unit that a cell of energy or demand ends with, if any, is the one of its column."""
    unit = re.search(r"(?<=\d)\s*([A-Za-z]+)$", cell.rstrip(" )-"))
    units = _UNITS_KWH if name == KWH else _UNITS_KW
    own = set(_key(column).split()) & set(units) or {name}
    return unit is None or unit[1].casefold() in own


def _are_cents(column: str) -> bool:
    """Return whether the name of a column, or a cell, says that its amounts are cents."""
    return bool(set(re.findall(r"[a-z]+|¢", _key(column))) & _CENTS)


def _is_money_of(cell: str, column: str) -> bool:
    """Return whether an amount with a unit is in that of its column: cents in one of cents only, dollars in others."""
    is_whole = bool(set(re.findall(r"[a-z]+|[$€£¥]", _key(cell))) & _CURRENCIES)
    return not is_whole if _are_cents(column) else not _are_cents(cell)


# --- Dates ------------------------------------------------------------------------------------------------------------


def _are_ranges(sheet: _Sheet) -> bool:
    cells = [cell for cell in sheet.cells(START) if cell]
    return bool(cells) and sum(len(_RANGE.split(cell)) == 2 for cell in cells) > len(cells) / 2


def _ranges(sheet: _Sheet) -> tuple[list[str], list[str]]:
    """Return the starts and the ends of periods that stand in one column."""
    parts = [[*_RANGE.split(cell), ""] for cell in sheet.cells(START)]
    return [part[0].strip() for part in parts], [part[1].strip() for part in parts]


def _parse_dates(
    reader: _Reader, first: Sequence[str], last: Sequence[str], sheet: _Sheet
) -> tuple[list[date], list[date]]:
    """Return the days of all rows, by the one form that reads them and has the bills follow one another."""
    given = reader.table.date_format
    cells = [_MIDNIGHT.sub("", cell) for cell in (*first, *last)]
    forms = (given,) if given else _DATES
    read = {form: days for form in forms if (days := _all_days(cells, form)) is not None}
    if not read:
        form, line = _first_unreadable(cells, forms, sheet)
        raise reader.wrong(line, f"{form!r} is no day" + (f" of the form {given}" if given else ""))
    count = len(first)
    distinct = {tuple(days): form for form, days in read.items()}
    if len(distinct) > 1:
        followed = {days: form for days, form in distinct.items() if _follow(days[:count], days[count:])}
        distinct = followed or distinct
    if len(distinct) > 1:
        raise reader.ask("date_format", f"has dates that fit {' and '.join(distinct.values())}")
    (chosen,) = distinct
    return list(chosen[:count]), list(chosen[count:])


def _all_days(cells: Sequence[str], form: str) -> list[date] | None:
    try:
        return [datetime.strptime(cell, form).date() for cell in cells]  # noqa: DTZ007 (a day of the site)
    except ValueError:
        return None


def _first_unreadable(cells: Sequence[str], forms: Sequence[str], sheet: _Sheet) -> tuple[str, int]:
    """Return the first cell that the form which reads most of them does not, and its line."""
    best = max(forms, key=lambda form: sum(_all_days([cell], form) is not None for cell in cells))
    number = next(n for n, cell in enumerate(cells) if _all_days([cell], best) is None)
    return cells[number], sheet.rows[number % len(sheet.rows)][0]


def _follow(starts: Sequence[date], ends: Sequence[date]) -> bool:
    """Return whether each bill begins where the one before ended: read the wrong way, they do not."""
    pairs = sorted(zip(starts, ends, strict=True))
    gaps = {(after[0] - before[1]).days for before, after in zip(pairs, pairs[1:], strict=False)}
    return all(start < end for start, end in pairs) and gaps <= {0, 1}


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _bare(cell: str) -> str:
    """Return a number without spaces, currency and unit, its sign in front; "" where the cell is empty."""
    text = re.sub(r"[\s'’\u00a0\u202f]", "", cell)
    is_negative = text.startswith("(") or text.endswith("-") or text.startswith(("-", "\N{MINUS SIGN}"))
    text = re.sub(r"(?i)(kwh|mwh|kw|[a-z]{3})$|^[a-z]{3}(?=[\d.,-])", "", text.strip("()-\N{MINUS SIGN}+"))
    text = text.strip("$€£¥-\N{MINUS SIGN}")
    return f"-{text}" if is_negative and text else text


def _decimal_sign(reader: _Reader, sheet: _Sheet) -> str:
    """Return the decimal sign of the file's numbers, by those that can be read in one way only."""
    if reader.table.decimal:
        return reader.table.decimal
    cells = [_bare(cell) for name in (KWH, KW, AMOUNT) for cell in sheet.cells(name)]
    signs, doubtful = set[str](), ""
    for text in cells:
        found = [sign for sign in text if sign in ".,"]
        if not found:
            continue
        last = found[-1]
        if len(set(found)) == 2:
            signs.add(last)
        elif len(found) > 1:
            signs.add("." if last == "," else ",")
        elif len(text) - text.index(last) - 1 != 3 or text.lstrip("-").startswith(("0", last)):
            signs.add(last)
        else:
            doubtful = doubtful or text
    if len(signs) > 1:
        raise reader.ask("decimal", "uses both comma and dot as the decimal sign")
    if not signs and doubtful:
        whole = re.sub("[.,]", "", doubtful)
        raise reader.ask("decimal", f"has {doubtful}, which may be {whole} or {doubtful.replace(',', '.')}")
    return signs.pop() if signs else "."


def _optional(reader: _Reader, sheet: _Sheet, number: int, name: str, decimal: str) -> float | None:
    if not sheet.cells(name)[number]:
        return None
    column, value = sheet.header[sheet.places[name]], _number(reader, sheet, number, name, decimal)
    if name == AMOUNT:
        return value / 100 if _are_cents(column) else value
    return value * _unit_factor(column, _UNITS_KW)


def _number(reader: _Reader, sheet: _Sheet, number: int, name: str, decimal: str) -> float:
    cell = sheet.cells(name)[number]
    text = _bare(cell)
    column = sheet.header[sheet.places[name]]
    if not (_is_money_of(cell, column) if name == AMOUNT else _is_unit_of(cell, name, column)):
        raise reader.wrong(sheet.rows[number][0], f"{cell!r} is in another unit than its column")
    group = "," if decimal == "." else "."
    whole, _, rest = text.partition(decimal)
    groups = whole.split(group)
    is_grouped = all(len(part) == 3 for part in groups[1:])
    if _NUMBER.fullmatch(text) is None or group in rest or decimal in rest or not is_grouped:
        raise reader.wrong(sheet.rows[number][0], f"{cell!r} is no number of {sheet.header[sheet.places[name]]!r}")
    value = float("".join(groups) + "." + (rest or "0"))
    if value < 0 and name != AMOUNT:
        raise reader.wrong(sheet.rows[number][0], f"{cell!r} is below zero, and a bill of exports is none of use")
    return value


def _currency(sheet: _Sheet, number: int) -> str | None:
    """Return the currency that the column of amounts, or the cell, names; None where it names none for certain."""
    column = sheet.header[sheet.places[AMOUNT]] if AMOUNT in sheet.places else ""
    for text in (column, sheet.cells(AMOUNT)[number]):
        signs = re.findall(r"[a-z]{3}|[€£]", text.casefold())
        found = {_CURRENCY_SIGNS.get(sign, sign.upper()) for sign in signs if sign in _CURRENCY_WORDS}
        if len(found) == 1:
            return found.pop()
    return None


def _is_estimated(reader: _Reader, sheet: _Sheet, number: int) -> bool:
    word = _key(sheet.cells(ESTIMATED)[number])
    if word in _IS_ESTIMATE:
        return True
    if word in _IS_READ:
        return False
    raise reader.wrong(
        sheet.rows[number][0], f"{word!r} does not tell whether the reading is an estimate, as yes and no do"
    )
