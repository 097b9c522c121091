"""Interval files of many kinds: what is stored of each, and that a refusal's own advice makes the import right."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from file_import import write
from file_reading import LOAD, LONDON, NEW_YORK, local, read, utc

from ingest.files.formats import FORMATS, recognise_format
from lib.errors import DataError
from lib.paths import PROJECT_ROOT

Make = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Make:
    return lambda *lines, name="file.csv": write(tmp_path / name, lines)


HOURS = local(NEW_YORK, "2026-03-02", 30)


def test_every_format_recognises_its_own_header_and_no_other() -> None:
    for form in FORMATS:
        for needs in form.needs:
            assert recognise_format(sorted(needs)) is form, form.name


def test_sdge_by_meter_number_takes_the_consumption(file: Make) -> None:
    rows = [f"M7,{m:%m/%d/%Y},{m:%I:%M %p},60,{v},9.5,-8" for m, v in zip(HOURS, LOAD, strict=False)]
    head = ["Name,J DOE", "", "Meter Number,Date,Start Time,Duration,Consumption,Generation,Net"]
    assert read(file(*head, *rows), NEW_YORK) == {"M7": utc(HOURS)}


def test_opower_leaves_gas_and_export_out(file: Make) -> None:
    head = "TYPE,DATE,START TIME,END TIME,IMPORT (kWh),EXPORT (kWh),COST,NOTES"
    rows = [
        f"{kind},{m:%Y-%m-%d},{m:%H:%M},{m:%H}:59,{v if kind[0] == 'E' else 77},3,$1,"
        for m, v in zip(HOURS, LOAD, strict=False)
        for kind in ("Electric usage", "Natural gas usage")
    ]
    assert read(file(head, *rows), NEW_YORK, "--channel-name", "Main") == {"Main": utc(HOURS)}


def test_smart_meter_texas_names_meters_where_there_are_two(file: Make) -> None:
    head = "ESIID,USAGE_DATE,REVISION_DATE,USAGE_START_TIME,USAGE_END_TIME,USAGE_KWH,ESTIMATED_ACTUAL,"
    head += "CONSUMPTION_SURPLUSGENERATION"
    rows = [
        f"'{meter},{m:%m/%d/%Y},x, {m:%H:%M}, ,{v * meter},A,{kind}"
        for meter in (1, 2)
        for m, v in zip(HOURS, LOAD, strict=False)
        for kind in ("Surplus Generation", "Consumption")
    ]
    found = read(file(head, *rows), NEW_YORK)
    assert found["'1"] == utc(HOURS)
    assert found["'2"] == utc(HOURS, [round(2 * v, 6) for v in LOAD])


def test_datadis_names_the_hours_by_their_ends(file: Make) -> None:
    moments = local("Europe/Madrid", "2026-03-02", 30)
    rows = [
        f"ES0031;{m:%Y/%m/%d};{m.hour + 1:02d}:00;{str(v).replace('.', ',')};Real;9"
        for m, v in zip(moments, LOAD, strict=False)
    ]
    path = file("CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion;Energia_vertida_kWh", *rows)
    assert read(path, "Europe/Madrid", "--channel-name", "Main") == {"Main": utc(moments)}


def test_every_format_has_an_example_and_a_row_in_the_guide() -> None:
    guide = (PROJECT_ROOT / "docs" / "guides" / "importing.md").read_text(encoding="utf-8")
    missing = [form.name for form in FORMATS if f"`{form.name}`:" not in guide or not form.example]
    assert missing == []


def test_home_assistants_sums_are_differences_of_the_hours_they_end(file: Make) -> None:
    sums = [round(sum(LOAD[: n + 1]) + 500, 3) for n in range(30)]
    rows = [f"sensor.main\tkWh\t{m:%Y-%m-%d %H:%M:%S%z}\t9\t{s}" for m, s in zip(HOURS, sums, strict=True)]
    found = read(file("statistic_id\tunit\tstart\tstate\tsum", *rows), NEW_YORK)
    assert found == {"sensor.main": pytest.approx(utc(HOURS[1:], LOAD[1:]))}


def test_nem12_takes_use_in_market_time_and_drops_null_data(file: Make) -> None:
    values = LOAD[:48]
    cells = ",".join(map(str, values))
    path = file(
        "100,NEM12,202603021632,MDPX,RETX",
        "200,61,E1B1,E1,E1,N1,MTR1,KWH,30,",
        f"300,20260302,{cells},V,,,20260303012258,",
        "400,1,46,A,,",
        "400,47,48,N,,",
        "200,61,E1B1,B1,B1,N1,MTR1,KWH,30,",
        f"300,20260302,{cells},A,,,20260303012258,",
        "900",
    )
    with pytest.raises(DataError, match="give --format nem12"):
        read(path, "Australia/Sydney", "--unit", "kWh")
    starts = local("Etc/GMT-10", "2026-03-02", 46, 30)
    assert read(path, "Australia/Sydney", "--format", "nem12") == {"61 E1": utc(starts, values)}


@pytest.mark.parametrize(
    ("columns", "minutes"),
    [
        ([f"H{n + 1}" for n in range(24)], 60),
        ([f"{n // 4:02d}:{n % 4 * 15:02d}-{(n + 1) // 4:02d}:{(n + 1) % 4 * 15:02d}" for n in range(96)], 15),
        ([f"{(n + 1) // 2 % 24:02d}:{(n + 1) % 2 * 30:02d}" for n in range(48)], 30),
        ([f"{n % 12 or 12}:00 {'AM' if n < 12 else 'PM'}" for n in range(24)], 60),
        ([f"hh{n + 1}" for n in range(48)], 30),
    ],
    ids=["numbered", "ranges", "ends", "twelve hours", "half hours"],
)
def test_row_for_each_day(file: Make, columns: list[str], minutes: int) -> None:
    count = len(columns)
    days = [LOAD[:count], LOAD[5 : 5 + count]]
    rows = [f"Shop,{14 + n}/03/2026," + ",".join(map(str, day)) + f",{sum(day):.3f}" for n, day in enumerate(days)]
    path = file(f"Meter,Date,{','.join(columns)},Total", *rows)
    with pytest.raises(DataError, match="give --format day-columns"):
        read(path, LONDON, "--unit", "kWh")
    starts = local(LONDON, "2026-03-14", 2 * count, minutes)
    assert read(path, LONDON, "--format", "day-columns", "--unit", "kWh") == {"Shop": utc(starts, days[0] + days[1])}


def test_twenty_fifth_column_is_the_hour_that_autumn_repeats(file: Make) -> None:
    days = ["31/10/2026," + ",".join(map(str, LOAD[:24])) + ",", "01/11/2026," + ",".join(map(str, LOAD[24:49]))]
    path = file("Date," + ",".join(f"HE{n + 1}" for n in range(25)), *days)
    found = read(path, NEW_YORK, "--format", "day-columns", "--unit", "kWh", "--channel-name", "Main")
    assert found == {"Main": utc(local(NEW_YORK, "2026-10-31", 49))}


def test_day_of_24_values_and_25_hours_is_left_out(file: Make) -> None:
    days = [f"{day}," + ",".join(map(str, LOAD[:24])) for day in ("2026-10-31", "2026-11-01", "2026-11-02")]
    numbered = file("Date," + ",".join(f"H{n + 1}" for n in range(24)), *days)
    found = read(numbered, NEW_YORK, "--format", "day-columns", "--unit", "kWh")["file"]
    assert len(found) == 48
    assert "11-01 12:00" not in found
    # By their labels only the repeated hour is left open.
    labeled = file("Date," + ",".join(f"{n:02d}:00" for n in range(24)), *days)
    assert len(read(labeled, NEW_YORK, "--format", "day-columns", "--unit", "kWh")["file"]) == 71


def test_register_differences_with_rollover_and_replacement(file: Make) -> None:
    counts = [*(9990 + 1.5 * n for n in range(7)), *(0.5 + 1.5 * n for n in range(25))]
    moments = local(NEW_YORK, "2026-03-02", 32)
    path = file("timestamp,Main (kWh)", *(f"{m:%Y-%m-%d %H:%M},{c}" for m, c in zip(moments, counts, strict=True)))
    with pytest.raises(DataError, match="count up, as those of a register do.*give --register"):
        read(path, NEW_YORK)
    once = read(path, NEW_YORK, "--register")["Main"]
    assert set(once.values()) == {1.5}
    assert len(once) == 30, "where it fell nothing is known"
    rolled = read(path, NEW_YORK, "--register", "--rollover", "10000")["Main"]
    assert rolled == utc(moments[:31], [1.5] * 31)


def test_workbook_by_sheet_with_dates_as_excel_keeps_them(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["Notes"])
    sheet = book.create_sheet("Meters")
    sheet.append(["Shop on Main Street"])
    sheet.append(["Date", "Time", "Main (kWh)", "Oven (kW)"])
    for moment, value in zip(HOURS, LOAD, strict=False):
        sheet.append([datetime(moment.year, moment.month, moment.day), time(moment.hour), value, 2])  # noqa: DTZ001
    path = tmp_path / "shop.xlsx"
    book.save(path)
    with pytest.raises(DataError, match='name one: --sheet "Sheet", --sheet "Meters"'):
        read(path, NEW_YORK)
    found = read(path, NEW_YORK, "--sheet", "Meters")
    assert found == {"Main": utc(HOURS), "Oven": utc(HOURS, [2.0] * 30)}


def test_zip_with_one_file_is_opened_and_of_two_one_is_named(tmp_path: Path) -> None:
    lines = "\n".join(["timestamp,Main (kWh)", *(f"{m:%Y-%m-%d %H:%M},{v}" for m, v in zip(HOURS, LOAD, strict=False))])
    path = tmp_path / "usage.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/usage.csv", lines)
    assert read(path, NEW_YORK) == {"Main": utc(HOURS)}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("gas.csv", lines)
    with pytest.raises(DataError, match='name one: --member "a/usage.csv", --member "gas.csv"'):
        read(path, NEW_YORK)
    assert read(path, NEW_YORK, "--member", "a/usage.csv") == {"Main": utc(HOURS)}


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S+00",
        "%Y-%m-%dT%H:%M:%S.000Z",
        "%d/%m/%Y %H:%M UTC",
        "%m/%d/%Y %I:%M:%S %p +0000",
        "%s",
        "%s000",
    ],
)
def test_times_that_are_exact(file: Make, form: str) -> None:
    moments = [m.astimezone(UTC) for m in local(NEW_YORK, "2026-03-02", 400)]
    texts = [form.replace("%s", str(int(m.timestamp()))) if "%s" in form else m.strftime(form) for m in moments]
    rows = [f"{m:%Y-%m-%d},{text},{LOAD[n % 100]}" for n, (m, text) in enumerate(zip(moments, texts, strict=True))]
    found = read(file("date,reading time,Main (kWh)", *rows), NEW_YORK)
    assert found == {"Main": utc(moments, LOAD[:100] * 4)}


def table(header: str, *cells: str, moments: Iterable[datetime] = HOURS, form: str = "%Y-%m-%d %H:%M") -> list[str]:
    """Return lines with the time first; `{v}` in a row is the load, and each of `cells` makes a row for each time."""
    return [
        header,
        *(f"{m.strftime(form)},{row.format(v=v)}" for m, v in zip(moments, LOAD, strict=False) for row in cells),
    ]


APRIL = local(NEW_YORK, "2026-04-02", 30)
ENDS = [m + timedelta(hours=1) for m in HOURS]
LATE = [
    line
    for n, line in enumerate(
        ["timestamp,Main (kWh)", *(f"{m:%Y-%m-%d %H:%M},{v}" for m, v in zip(HOURS, LOAD, strict=False))]
    )
    if n not in (1, 2, 3)
]
WINTER = [m.replace(tzinfo=ZoneInfo("Etc/GMT+5")) for m in local("Etc/GMT+5", "2026-03-07", 60)]


@pytest.mark.parametrize(
    ("lines", "message", "advice", "expected"),
    [
        (table("Zeitpunkt,Bezug (kWh)", "{v}"), "--start", ["--start", "Zeitpunkt"], {"Bezug": utc(HOURS)}),
        (table("timestamp,Main", "{v}"), "give --unit", ["--unit", "kWh"], {"Main": utc(HOURS)}),
        (
            table("timestamp,Main (kWh),Solar (kWh)", "{v},5"),
            "Solar (kWh)' seems to be energy that is generated or flows back; name the columns to store: --column",
            ["--column", "Main (kWh)"],
            {"Main": utc(HOURS)},
        ),
        (
            table("timestamp,kWh,Direction", "{v},Delivered", "9,Received"),
            "column 'Direction' says 'Received', energy that is generated or flows back",
            ["--where", "Direction=Delivered", "--channel-name", "Main"],
            {"Main": utc(HOURS)},
        ),
        (
            table("timestamp,kWh,Tag", "{v},north", "9,south"),
            'or --meter "Tag"',
            ["--meter", "Tag"],
            {"north": utc(HOURS), "south": utc(HOURS, [9.0] * 30)},
        ),
        (
            table("timestamp,meter,kWh,Commodity", "A,{v},Electric", "B,9,Natural gas"),
            "Commodity' says 'Natural gas', another commodity",
            ["--where", "Commodity=Electric"],
            {"A": utc(HOURS)},
        ),
        (
            [*table("timestamp,kWh,Tag", "{v},one"), *table("", "{v},two", moments=APRIL)[1:]],
            "changes from block to block",
            ["--meter", "Tag"],
            {"one": utc(HOURS), "two": utc(APRIL)},
        ),
        (
            table("timestamp,Main (kWh)", "{v}", moments=ENDS),
            "begins 60 minutes after midnight",
            ["--interval-end"],
            {"Main": utc(HOURS)},
        ),
        (
            [line.replace("2026-03-03 00:00", "2026-03-02 24:00") for line in LATE],
            "has times of 24:00",
            ["--interval-end"],
            {"Main": utc([m - timedelta(hours=1) for m in HOURS[3:]], LOAD[3:])},
        ),
        (
            table("timestamp,Main (kWh)", "{v}", moments=WINTER),
            "give --clock Etc/GMT+5",
            ["--clock", "Etc/GMT+5"],
            {"Main": utc(WINTER)},
        ),
        (
            table("timestamp,Main (kWh)", "{v}", form="%d/%m/%Y %H:%M", moments=local(NEW_YORK, "2026-03-02", 24)),
            "say which with --date-format",
            ["--date-format", "%d/%m/%Y %H:%M"],
            {"Main": utc(local(NEW_YORK, "2026-03-02", 24))},
        ),
        (
            table("timestamp,Main (kWh)", '"1,{v:.3f}"'.replace("{v:.3f}", "250"), '"2,125"')[:1]
            + [f'{m:%Y-%m-%d %H:%M},"{n % 3 + 1},250"' for n, m in enumerate(HOURS)],
            "give --decimal",
            ["--decimal", ","],
            {"Main": utc(HOURS, [n % 3 + 1.25 for n in range(30)])},
        ),
        (
            table("timestamp,Net (kWh)", "{v}")[:20] + [f"{m:%Y-%m-%d %H:%M},-1" for m in HOURS[19:]],
            "give --net",
            ["--net"],
            {"Net": utc(HOURS, [*LOAD[:19], *[-1.0] * 11])},
        ),
        (
            table("timestamp,Wing N,Wing W", "{v},{v}"),
            "the W of 'Wing W' may be the unit or part of the name",
            ["--column", "Wing N", "--column", "Wing W", "--unit", "kWh"],
            {"Wing N": utc(HOURS), "Wing W": utc(HOURS)},
        ),
    ],
    ids=[
        "time", "unit", "export", "direction", "meter", "commodity", "blocks", "ends", "24:00", "standard time",
        "day or month", "decimals", "net", "wing",
    ],
)  # fmt: skip
def test_what_can_be_read_two_ways_is_refused_and_its_advice_is_right(
    file: Make,
    lines: list[str],
    message: str,
    advice: list[str],
    expected: dict[str, dict[str, float]],
) -> None:
    path = file(*lines)
    with pytest.raises(DataError) as refusal:
        read(path, NEW_YORK)
    assert message in str(refusal.value)
    assert read(path, NEW_YORK, *advice) == expected


def test_stretches_of_two_lengths_are_taken_one_by_one(file: Make) -> None:
    coarse, fine = local(NEW_YORK, "2026-03-02", 40, 30), local(NEW_YORK, "2026-03-02T20:00", 30, 5)
    rows = [f"{m:%Y-%m-%d %H:%M},{v}" for m, v in zip([*coarse, *fine], [*LOAD[:40], *LOAD[:30]], strict=True)]
    path = file("timestamp,Main (kWh)", *rows)
    for args in ([], ["--interval-minutes", "30"]):
        with pytest.raises(
            DataError, match=r"stretches of 5 and of 30 minutes; .*--only-minutes 30, and --only-minutes 5"
        ):
            read(path, NEW_YORK, *args)
    assert read(path, NEW_YORK, "--only-minutes", "30") == {"Main": utc(coarse)}
    assert read(path, NEW_YORK, "--only-minutes", "5", "--channel-name", "Fine") == {"Fine": utc(fine)}


def test_meter_that_is_hourly_in_a_file_of_quarters_keeps_its_hours(file: Make) -> None:
    moments = local(NEW_YORK, "2026-03-02", 120, 15)
    rows = [f"{m:%Y-%m-%d %H:%M},{v},{v if m.minute == 0 else ''}" for m, v in zip(moments, LOAD, strict=False)]
    found = read(file("timestamp,Main (kWh),Oven (kWh)", *rows), NEW_YORK)
    assert found == {"Main": utc(moments), "Oven": utc(moments[::4], LOAD[::4])}


def test_hour_ending_table_of_the_day_of_25_hours(file: Make) -> None:
    moments = local(NEW_YORK, "2026-10-31", 49)
    # Hours 1 … 24 of the wall clock; the repeated one stands twice as hour 2.
    rows = [f"{m:%Y-%m-%d},{m.hour + 1},{v}" for m, v in zip(moments, LOAD, strict=False)]
    assert read(file("Date,Hour,kWh", *rows), NEW_YORK, "--channel-name", "Main") == {"Main": utc(moments)}


def test_mapping_of_the_sites_file_is_the_command_line(file: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from config import site_file

    mapping = site_file.FileMapping(start=("Tag", "Uhr"), columns=("Bezug",), unit="kWh", channel_name="Main")
    said = type("Said", (), {"file": site_file.SiteFile(files={"portal": mapping})})
    monkeypatch.setattr(site_file, "read_site", lambda site: said)
    path = file("Tag,Uhr,Bezug,Gas", *(f"{m:%d.%m.%Y},{m:%H:%M},{v},9" for m, v in zip(HOURS, LOAD, strict=False)))
    args = ["--mapping", "portal", "--date-format", "%d.%m.%Y %H:%M"]
    assert read(path, NEW_YORK, *args) == {"Main": utc(HOURS)}


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("time,System Production (Wh)", "{v}", "seems to be energy that is generated or flows back"),
        ("timestamp,Netzbezug (kWh),Netzeinspeisung (kWh)", "{v},1", '--column "Netzbezug (kWh)"'),
        ("timestamp,gridImport (kWh),SolarProduction (kWh)", "{v},1", '--column "gridImport (kWh)"'),
        ("timestamp,From Grid (kWh),To Grid (kWh)", "{v},1", '--column "From Grid (kWh)"'),
        ("timestamp,Electricity (kWh),District heating (kWh)", "{v},1", "another commodity than electricity"),
        ("timestamp,Peak Demand (kW)", "{v}", "a maximum or minimum, no mean of the interval"),
        ("timestamp,Price [€/kWh]", "{v}", "a price or rate, no energy"),
        ("timestamp,Use (kWh/m2)", "{v}", "a price or rate, no energy"),
        ("Timestamp (EST),Main (kWh)", "{v}", "said to be EST; give --clock"),
        ("timestamp,Main (kVA)", "{v}", "give --unit"),
    ],
)
def test_what_is_no_use_of_electricity_is_never_stored_for_it(file: Make, header: str, row: str, message: str) -> None:
    with pytest.raises(DataError) as refusal:
        read(file(*table(header, row)), NEW_YORK)
    assert message in str(refusal.value)


def test_circuits_whose_names_hold_such_a_word_are_loads(file: Make) -> None:
    names = ["Heat Pump", "Water Heater", "Gas Station", "Return Air Fan", "Production Line 3", "Main"]
    lines = table("timestamp," + ",".join(f"{name} (kWh)" for name in names), ",".join(["{v}"] * len(names)))
    assert read(file(*lines), NEW_YORK) == {name: utc(HOURS) for name in names}


def test_days_and_months_are_no_intervals(file: Make) -> None:
    months = [f"2026-{month:02d}-01,{LOAD[month]}" for month in range(1, 11)]
    with pytest.raises(DataError, match="its times are 28 days apart or more, and no interval of 60 minutes"):
        read(file("date,Main (kWh)", *months), NEW_YORK, "--interval-minutes", "60")


def test_rows_of_one_unit_are_taken_where_told(file: Make) -> None:
    lines = table("timestamp,meter,value,unit", "A,{v},kWh", "T,20.5,degC")
    with pytest.raises(DataError, match="column of units says degC, kWh; take the rows of one with --where"):
        read(file(*lines), NEW_YORK)
    assert read(file(*lines), NEW_YORK, "--where", "unit=kWh") == {"A": utc(HOURS)}
