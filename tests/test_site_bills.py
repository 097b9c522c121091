"""Bills of the utility: typed into the site's file, or in a CSV of any shape, read rightly or asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from config.in_force import list_facts
from config.site_bills import Bill
from config.site_file import load_site
from lib.errors import ConfigError

JANUARY = Bill(date(2026, 1, 14), date(2026, 2, 12), 41250.0, 180.0, 5120.4)
FEBRUARY = Bill(date(2026, 2, 13), date(2026, 3, 14), 38000.5, 175.5, 4800.0, is_estimated=True)
PLAIN = (
    "Start date,End date,Usage (kWh),Demand (kW),Amount,Read type\n"
    '2026-01-14,2026-02-12,"41,250",180,"5,120.40",Actual\n2026-02-13,2026-03-14,"38,000.5",175.5,"4,800.00",Estimated\n'
)


def bills_of(folder: Path, said: str, content: bytes | str = b"") -> tuple[Bill, ...]:
    """Return the bills of a site whose file says `said`, with a CSV beside it."""
    (folder / "bills.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "7.toml").write_text(f"[bills]\n{said}\n")
    return load_site(7, folder).bills


def test_bills_stand_in_the_sites_file(tmp_path: Path) -> None:
    rows = (
        "periods = [{ start = 2026-02-13, end = 2026-03-14, kwh = 38000.5, kw = 175.5, amount = 4800, estimated = true "
        "}, { start = 2026-01-14, end = 2026-02-12, kwh = 41250, kw = 180, amount = 5120.4 }]"
    )
    assert bills_of(tmp_path, rows) == (JANUARY, FEBRUARY)
    assert JANUARY.days == 30
    (tmp_path / "8.toml").write_text("")
    assert load_site(8, tmp_path).bills == ()


@pytest.mark.parametrize(
    ("first", "last", "is_asked"),
    [
        ("2026-01-01", "2026-01-31", False),  # a calendar month by its last day
        ("2026-01-14", "2026-02-13", False),  # a month from the 14th to the 13th
        ("2026-01-01", "2026-03-31", False),
        ("2026-01-01", "2026-02-01", True),  # 31 days or 32
        ("2026-01-14", "2026-02-12", True),  # 29 or 30
    ],
)
def test_one_bill_alone_is_asked_what_its_end_is(tmp_path: Path, first: str, last: str, is_asked: bool) -> None:
    said, table = f"periods = [{{ start = {first}, end = {last}, kwh = 5 }}]", f"Start,End,kWh\n{first},{last},5\n"
    for own, content in ((said, ""), ('file = "bills.csv"', table)):
        if is_asked:
            with pytest.raises(ConfigError, match="7.toml: bills.ends should be given: one bill alone does") as caught:
                bills_of(tmp_path, own, content)
            assert "\n" not in str(caught.value)
        else:
            assert [str(bill.last) for bill in bills_of(tmp_path, own, content)] == [last]
        for ends, days in (("last_day", 0), ("reading_day", 1)):
            (bill,) = bills_of(tmp_path, f'ends = "{ends}"\n{own}', content)
            assert str(bill.last + timedelta(days=days)) == last
    (read,) = bills_of(tmp_path, 'file = "bills.csv"', f"Read date,Days,kWh\n{last},30,5\n")
    assert (read.days, str(read.last + timedelta(days=1))) == (30, last)


STRANGE = {
    "as a spreadsheet saves it": PLAIN,
    "byte order mark, semicolons, decimal commas, dots for days": (
        "\ufeffZeitraum von;Zeitraum bis;Verbrauch in kWh;Leistung (kW);Betrag €;Ableseart\r\n"
        "14.01.2026;12.02.2026;41.250,00;180,0;5.120,40 €;abgelesen\r\n"
        "13.02.2026;14.03.2026;38.000,50;175,5;4.800,00 €;geschätzt\r\n"
    ),
    "UTF-16 with tabs": PLAIN.replace(",20", "\t20").encode("utf-16"),
    "a name and an address above, a sum below": (
        "Acme Power\nAccount 4711\n\n" + PLAIN + "\nTotal,,79250.5,,9920.40,\n"
    ),
    "days of the reading, American, newest first, dollars": (
        "Service from;Service to;Total kWh;Billed demand kW;Total charges;Estimated\n"
        "02/13/2026;03/15/2026;38,000.5;175.5;$4,800.00;Y\n01/14/2026;02/13/2026;41,250;180;$5,120.40;N\n"
    ),
    "one column of both days, megawatt-hours, times of midnight": (
        "Billing period,MWh,kW,Amount due,Estimate\n"
        "2026-01-14 00:00 - 2026-02-12 00:00,41.25,180,5120.40,no\n"
        "2026-02-13 00:00 - 2026-03-14 00:00,38.0005,175.5,4800,yes\n"
    ),
    "times of midnight, American, and a grand total": (
        "Start,End,kWh,kW,Amount,Estimation\n"
        "1/14/2026 12:00:00 AM,2/12/2026 12:00:00 AM,41250,180,5120.40,No\n"
        "2/13/2026 12:00:00 AM,3/14/2026 12:00:00 AM,38000.5,175.5,4800,Yes\nGrand total,,79250.5,,9920.40,\n,,,,,\n"
    ),
    "the delimiter in a first line": (
        "sep=;\nVon;Bis;kWh;kW;Betrag;Ableseart\n14.1.26;12.2.26;41250;180;5120,4;A\n13.2.26;14.3.26;38000,5;175,5;4800;E\n"
    ),
    "days of readings, and how many days before each": (
        "Read Date,Days,kWh,Demand (kW),Amount,Read type\n"
        "02/13/2026,30,41250,180,5120.40,Actual\n03/15/2026,30,38000.5,175.5,4800,Estimated\n"
    ),
    "accents in an old encoding, thin spaces": (
        "Début;Fin;Consommation kWh;Puissance kW;Montant TTC;Estimée\n"
        "14/01/2026;12/02/2026;41 250,0;180;5 120,40;non\n13/02/2026;14/03/2026;38 000,5;175,5;4 800,00;oui\n"
    ).encode("cp1252"),
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
def test_a_strange_file_is_read_rightly(tmp_path: Path, content: bytes | str) -> None:
    if isinstance(content, bytes) and content.startswith(b"\xff\xfe"):
        content = PLAIN.replace('"', "").replace("41,250", "41250").replace("38,000.5", "38000.5").replace(
            "5,120.40", "5120.40").replace("4,800.00", "4800").replace(",", "\t").encode("utf-16")  # fmt: skip
    found = bills_of(tmp_path, 'file = "bills.csv"', content)
    assert tuple(replace(bill, currency=None) for bill in found) == (JANUARY, FEBRUARY)


def test_the_operator_says_what_the_names_do_not(tmp_path: Path) -> None:
    content = "A,B,C,D,E\n1/2/2026,2/1/2026,1.250,,900\n"
    said = (
        'file = "bills.csv"\ndate_format = "%d/%m/%Y"\ndecimal = ","\n[bills.columns]\nstart = "A"\nend = "B"\n'
        'kwh = "C"\namount = "E"'
    )
    with pytest.raises(ConfigError, match="the bill of 2026-02-01 ends before it begins, on 2026-01-02"):
        bills_of(tmp_path, said, content)
    american = said.replace("%d/%m", "%m/%d")
    assert bills_of(tmp_path, american, content) == (Bill(date(2026, 1, 2), date(2026, 2, 1), 1250.0, None, 900.0),)


ASKED = {
    "Start,End,Usage\n2026-01-01,2026-01-31,5\n": "bills.columns.kwh should be given: .*'Start', 'End', 'Usage'",
    "Start,End,kWh on,kWh\n2026-01-01,2026-01-31,5,6\n": None,
    "Start,End,kWh,Usage kWh\n2026-01-01,2026-01-31,5,6\n": "bills.columns.kwh .* several .*'kWh' or 'Usage kWh'",
    "Start,End,kWh,Total,Amount due\n2026-01-01,2026-01-31,5,6,7\n": "bills.columns.amount .*'Total' or 'Amount due'",
    "Start,End,kWh\n1/2/2026,3/4/2026,5\n": "bills.date_format should be given: .*fit %d/%m/%Y and %m/%d/%Y",
    "Start;End;kWh\n1.1.2026;31.1.2026;41.250\n": "bills.decimal .*41.250, which may be 41250 or 41.250",
    "Start,End,kWh,Amount\n2026-01-01,2026-01-31,5.5,\"5,50\"\n": "bills.decimal .* both comma and dot",
    "Start,End,kWh\n2026-01-01,2026-01-31,abc\n": "line 2: 'abc' is no number of 'kWh'",
    "Start,End,kWh\n2026-01-01,2026-01-31,about 5\n": "line 2: 'about 5' is no number of 'kWh'",
    "Start,End,kWh\n2026-01-01,2026-01-31,-5\n": "line 2: '-5' is below zero",
    "Start,End,kWh\n2026-01-01,2026-01-31,5\n2026-02-01,soon,5\n": "line 3: 'soon' is no day",
    "Start,End,kWh,Read type\n2026-01-01,2026-01-31,5,perhaps\n": "line 2: 'perhaps' does not tell",
    "Start,End,kWh\n": "has no bill",
    "x,y\n1,2\n": "bills.columns.start should be given: .* names no columns",
    "Start,End,kWh\n2026-01-01,2026-01-31,5\n2026-01-31,2026-02-28,6\n2026-03-01,2026-03-02,6\n": "02-28 overlap",
    "Start,End,kWh\n2026-01-01,2026-01-31,5\n2026-01-01,2026-01-31,5\n": "overlap; keep one bill a period",
    "Start,End,kWh\n2026-01-01,2026-01-31,5\n2026-03-01,2026-03-31,6\n": "2026-02-01 to 2026-02-28 are on no bill",
    "Start,End,kWh\n2026-01-01,2026-01-30,5\n2026-02-01,2026-02-28,6\n": "2026-01-31 is on no bill; add what",
    "Start,End,kWh\n2024-01-01,2026-01-30,5\n": "has 761 days; correct it",
    'Start,End,kWh,Amount\n2026-01-01,2026-01-31,1,000,100\n': "line 2: has 5 cells for 4 columns",
    'Start,End,kWh,Amount\n2026-01-01,2026-01-31,1.5 MWh,100\n': "line 2: '1.5 MWh' is in another unit than its column",
    'Start,End,MWh\n2026-01-01,2026-01-31,15 kWh\n': "line 2: '15 kWh' is in another unit than its column",
    'Start,End,kWh,kW\n2026-01-01,2026-01-31,15,15 hp\n': "line 2: '15 hp' is in another unit than its column",
    "Start,End,kWh,kW\n2026-01-01,2026-01-31,5 kWh,3\n2026-02-01,2026-02-28,6 KWH,3 kW,\n2026-03-01,2026-03-31,"
    f'7,"{"x" * 140000}"\n2026-04-01,2026-04-30,8,3\n': "line 4: can't be split into cells from here on",
    "PK\x03\x04": "bills.file should be a CSV; save the workbook's sheet as one",
}  # fmt: skip


EURO = '[tariff]\nflat_rate_per_kwh = 0.31\ncurrency = "EUR"\n[bills]\nfile = "bills.csv"\n'


@pytest.mark.parametrize(
    ("column", "cell"), [("Betrag (EUR)", "12,50"), ("Betrag", "12,50 €"), ("Betrag", "EUR 12,50")]
)
def test_amounts_are_in_the_currency_of_the_tariff(tmp_path: Path, column: str, cell: str) -> None:
    (tmp_path / "bills.csv").write_text(f"Von;Bis;kWh;{column}\n01.01.2026;31.01.2026;41;{cell}\n")
    (tmp_path / "7.toml").write_text(EURO)
    assert [(bill.amount, bill.currency) for bill in load_site(7, tmp_path).bills] == [(12.5, "EUR")]
    (tmp_path / "7.toml").write_text(EURO.replace('_per_kwh = 0.31\ncurrency = "EUR"', "_usd_per_kwh = 0.1"))
    with pytest.raises(ConfigError, match="bills.csv: amounts are in EUR, the site's tariff .* in USD; name the right"):
        assert load_site(7, tmp_path).bills
    (tmp_path / "7.toml").write_text(EURO.partition("[bills]")[1] + EURO.partition("[bills]")[2])  # none is named
    assert load_site(7, tmp_path).bills[0].amount == 12.5


@pytest.mark.parametrize(
    ("column", "cell", "amount"),
    [
        ("Amount (cents)", "512040", 5120.40),
        ("Amount due in cents", '"1,512,040"', 15120.40),
        ("Total (¢)", "512040", 5120.40),
        ("Betrag (ct)", "1250", 12.50),
        ("Total cost (US cents)", "1250", 12.50),
        ("Amount (pence)", "-5", -0.05),
        ("Amount (cents)", "$51.20", "line 2: '.51.20' is in another unit than its column"),
        ("Amount (cents)", "51.20 USD", "line 2: '51.20 USD' is in another unit than its column"),
        ("Amount", "5120 ¢", "line 2: '5120 ¢' is in another unit than its column"),
        ("Amount", "5120 cts", "line 2: '5120 cts' is in another unit than its column"),
        ("Amount", "$51.20", 51.20),
        ("Amount (US$)", "51.20", 51.20),
        ("Betrag in Euro", "51.20", 51.20),
        ("Amount (thousands)", "5", "columns.amount should be given: .*'Amount .thousands.', .* or \"\" for none"),
        ("Amount ($000)", "5", "columns.amount should be given: .*'Amount .*000.', which may be amounts in another"),
        ("Cost center", "5", None),
    ],
)
def test_amounts_may_be_cents(tmp_path: Path, column: str, cell: str, amount: float | str | None) -> None:
    content = f"Start,End,kWh,{column}\n2026-01-01,2026-01-31,5,{cell}\n"
    if not isinstance(amount, str):
        assert bills_of(tmp_path, 'file = "bills.csv"', content)[0].amount == amount
        return
    with pytest.raises(ConfigError, match=amount) as caught:
        bills_of(tmp_path, 'file = "bills.csv"', content)
    assert "\n" not in str(caught.value)
    without = 'file = "bills.csv"\n[bills.columns]\namount = ""'
    assert bills_of(tmp_path, without, content)[0].amount is None


def test_a_column_that_the_operator_names_may_be_of_cents(tmp_path: Path) -> None:
    content = "Start,End,kWh,What we ask (ct)\n2026-01-01,2026-01-31,5,1250\n"
    said = 'file = "bills.csv"\n[bills.columns]\namount = "What we ask (ct)"'
    assert bills_of(tmp_path, said, content)[0].amount == 12.5


@pytest.mark.parametrize(
    ("columns", "header", "message"),
    [
        (
            'start = "Strat"',
            "Start,End,kWh",
            "columns.start should be a column of .*, not 'Strat'; it has 'Start', 'End'",
        ),
        (
            'kwh = "kwH"',
            "Start,End,kWh",
            "columns.kwh should be a column of .*, not 'kwH'; it has 'Start', 'End', 'kWh'",
        ),
        ('end = "Ende"', "Start,End,kWh", "columns.end should be a column of .*, not 'Ende'; it has 'Start'"),
        (
            'start = "A"\nend = "Bee"\nkwh = "C"',
            "Account 7,,\nA,B,C",
            "columns.end should be a column of .*, not 'Bee'; it has 'A', 'B', 'C'",
        ),
        ('start = "X"\nend = "Y"\nkwh = "Z"', "A,B,C", "columns.start should be a column of .*, not 'X'; it has 'A'"),
        ('start = "A"', "A,B,C", "columns.end should be given: .* names no columns that are known"),
    ],
)
def test_a_misspelt_column_is_told_as_unknown(tmp_path: Path, columns: str, header: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        bills_of(tmp_path, f'file = "bills.csv"\n[bills.columns]\n{columns}', f"{header}\n2026-01-01,2026-01-31,5\n")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), ASKED.items())
def test_what_a_file_leaves_open_is_asked(tmp_path: Path, content: str, message: str | None) -> None:
    if message is None:
        assert bills_of(tmp_path, 'file = "bills.csv"', content)[0].kwh == 6.0
        return
    with pytest.raises(ConfigError, match=message) as caught:
        bills_of(tmp_path, 'file = "bills.csv"', content)
    assert "\n" not in str(caught.value)


def test_settings_in_force_say_how_many_bills_were_read(tmp_path: Path) -> None:
    bills_of(tmp_path, 'file = "bills.csv"', PLAIN)
    (fact,) = [fact for fact in list_facts(load_site(7, tmp_path)) if (fact.table, fact.key) == ("bills", "file")]
    assert fact.source.endswith("7.toml; 2 bills, 2026-01-14 to 2026-03-14")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('file = "gone.csv"', "bills.file should be a file that can be read, beside the site's file: .*gone.csv"),
        ('file = "a\\u0000b"', "bills.file should be a file that can be read, .*: embedded null byte"),
        ("decimal = ','", "bills.decimal should be left out, for no file"),
        ('file = "bills.csv"\ndate_format = "%m-%d"', "bills.date_format should tell day, month and year, as "),
        ('file = "bills.csv"\ndate_format = "%Q"', "bills.date_format should tell day, month and year, as "),
        (
            'file = "bills.csv"\n[bills.columns]\namount = "Toatl"',
            "bills.columns.amount should be a column of .*bills.csv, not 'Toatl'; it has 'Start date', 'End date'",
        ),
        (
            'file = "bills.csv"\nperiods = [{ start = 2026-01-01, end = 2026-01-31, kwh = 1 }]',
            "bills.periods should not",
        ),
        (
            "periods = [{ start = 2026-01-01, end = 2026-01-31, kwh = -1 }]",
            "bills.periods.1..kwh should be a number of 0",
        ),
        ("periods = [{ start = 2026-01-01, kwh = 1 }]", "bills.periods.1..end is missing"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path: Path, said: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bills_of(tmp_path, said, PLAIN)
