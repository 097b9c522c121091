"""Kinds of exports that can be taken for something else: each refused with what to give, or read for what it is.

A refusal is followed: `read_as_told` gives what it names, out of what an operator knows of the file, until it is read.
"""

from __future__ import annotations

import ast
import gzip
import re
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from file_import import write
from file_reading import LOAD, LONDON, NEW_YORK, local, read, utc

from ingest import import_csv
from ingest.files.workbook import open_sheet
from lib.errors import DataError
from lib.paths import PROJECT_ROOT

HOURS = local(NEW_YORK, "2026-03-02", 120)
QUARTERS = local(NEW_YORK, "2026-01-20", 200, 15)
FALL = local(NEW_YORK, "2025-11-01", 73)
SPRING = local(NEW_YORK, "2026-03-07", 71)
Readings = dict[str, dict[str, float]]
Make = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Make:
    return lambda *lines, name="file.csv": write(tmp_path / name, lines)


def read_as_told(path: Path, zone: str, known: dict[str, list[str]]) -> tuple[Readings, list[str]]:
    """Return what a file holds after its refusals were followed, and the options that they named, in this order."""
    given: list[str] = []
    told: list[str] = []
    for _ in range(6):
        try:
            return read(path, zone, *given), told
        except DataError as refusal:
            named = [flag for flag in known if flag not in told and re.search(rf"{flag}(?![\w-])", str(refusal))]
            assert named, f"no way on from: {refusal}"
            told += named
            for flag in named:
                given += [text for value in known[flag] for text in (flag, value)] or [flag]
    raise AssertionError(f"still refused with {given}")


def rows(form: str, moments: Iterable[datetime], values: Iterable[float] = LOAD) -> list[str]:
    return [form.format(t=t, e=t + timedelta(hours=1), v=v) for t, v in zip(moments, values, strict=False)]


def by_hour(moments: Iterable[datetime]) -> list[int]:
    """Return the hours of local days counted from midnight, from 1 on."""
    counts: dict[object, int] = {}
    result = []
    for moment in moments:
        counts[moment.date()] = counts.get(moment.date(), 0) + 1
        result.append(counts[moment.date()])
    return result


def test_order_of_day_and_month_is_told_by_days_that_follow_each_other(file: Make) -> None:
    month_first = file("timestamp,Main (kWh)", *rows("{t:%m/%d/%y %H:%M},{v}", HOURS))
    assert read(month_first, NEW_YORK) == {"Main": utc(HOURS)}
    day_first = file("timestamp,Main (kWh)", *rows("{t:%d/%m/%Y %H:%M},{v}", HOURS))
    assert read(day_first, NEW_YORK) == {"Main": utc(HOURS)}
    with pytest.raises(DataError, match="say which with --date-format"):
        read(file("timestamp,Main (kWh)", *rows("{t:%d/%m/%Y %H:%M},{v}", HOURS[:24])), NEW_YORK)


def test_file_whose_days_and_months_a_spreadsheet_swapped_is_refused(file: Make) -> None:
    moments = local("America/Phoenix", "2026-01-08", 190)
    texts = [f"{t:%Y-%d-%m %H:%M}" if t.day <= 12 else f"{t:%d/%m/%Y %H:%M}" for t in moments]
    path = file("timestamp,Main (kWh)", *(f"{text},{v}" for text, v in zip(texts, LOAD, strict=False)))
    with pytest.raises(DataError, match="its dates are written in two ways; 70 of 190 are as '13/01/2026 00:00'"):
        read(path, "America/Phoenix")


@pytest.mark.parametrize("hour", ["{n}", "HE{n:02d}", "{n:02d}:00"])
@pytest.mark.parametrize("moments", [FALL, SPRING], ids=["autumn", "spring"])
def test_hours_named_by_the_clock_are_those_that_end_then(file: Make, hour: str, moments: list[datetime]) -> None:
    cells = [hour.format(n=t.hour + 1) for t in moments]
    lines = (f"{t:%m/%d/%Y},{cell},{v}" for t, cell, v in zip(moments, cells, LOAD, strict=False))
    assert read(file("Date,Hour Ending,kWh", *lines), NEW_YORK) == {"file": utc(moments)}


def test_hours_counted_from_midnight_go_to_25_and_23(file: Make) -> None:
    lines = [f"{t:%d/%m/%Y};{n};{v}" for t, n, v in zip(FALL, by_hour(FALL), LOAD, strict=False)]
    known = {"--start": ["Fecha", "Hora"], "--column": ["AE_kWh"]}
    found, told = read_as_told(file("Fecha;Hora;AE_kWh", *lines), NEW_YORK, known)
    assert (found, told) == ({"AE": utc(FALL)}, ["--start", "--column"])
    lines = [f"{t:%Y-%m-%d},{n},{v}" for t, n, v in zip(SPRING, by_hour(SPRING), LOAD, strict=False)]
    found, told = read_as_told(file("Date,Hour,kWh", *lines), NEW_YORK, {"--counted-hours": []})
    assert (found, told) == ({"file": utc(SPRING)}, ["--counted-hours"])


def test_start_that_the_record_contradicts_is_asked_again(file: Make) -> None:
    ends = [f"{t:%Y/%m/%d};{t.hour + 1:02d}:00;{v}".replace(".", ",") for t, v in zip(HOURS, LOAD, strict=False)]
    path = file("Fecha;Tramo;Consumo_kWh", *[line.replace(":00;", ":00:00;") for line in ends])
    found, told = read_as_told(path, NEW_YORK, {"--start": ["Fecha", "Tramo"], "--interval-end": []})
    assert (found, told) == ({"Consumo": utc(HOURS)}, ["--start", "--interval-end"])
    named = file("Interval End,kWh", *rows("{e:%Y-%m-%d %H:%M},{v}", HOURS))
    with pytest.raises(DataError, match=r"seems to be the intervals' ends; give --end \"Interval End\""):
        read(named, NEW_YORK, "--start", "Interval End")
    assert read(named, NEW_YORK, "--end", "Interval End") == {"file": utc(HOURS)}
    late = file("timestamp,kWh", *rows("{t:%Y-%m-%d %H:%M},{v}", HOURS[1:]))
    found, told = read_as_told(late, NEW_YORK, {"--no-interval-end": []})
    assert (found, told) == ({"file": utc(HOURS[1:])}, ["--no-interval-end"])


def test_ends_that_no_clock_shows_are_their_start_and_the_interval(file: Make) -> None:
    moments = local(NEW_YORK, "2025-11-01", 196, 15)
    # On the wall clock, which in the repeated hour shows 2:00 behind 1:45 in the first pass.
    ends = [t.replace(tzinfo=None) + timedelta(minutes=15) for t in moments]
    lines = [f"{e:%Y-%m-%d %H:%M},{v}" for e, v in zip(ends, LOAD, strict=False)]
    found, told = read_as_told(file("Interval End,kWh", *lines), NEW_YORK, {"--ends-by-start": []})
    assert (found, told) == ({"file": utc(moments)}, ["--ends-by-start"])


def test_first_of_two_values_for_an_instant_counts_when_told(file: Make) -> None:
    lines = [line for first in rows("{t:%Y-%m-%d %H:%M},{v}", HOURS) for line in (first, first[:17] + "9")]
    found, told = read_as_told(file("timestamp,kWh", *lines), NEW_YORK, {"--keep-first": []})
    assert (found, told) == ({"file": utc(HOURS)}, ["--keep-first"])


def test_cell_that_holds_start_and_end(file: Make) -> None:
    for word in ("to", "-", "bis"):
        lines = rows("{t:%Y-%m-%d %H:%M:%S}\u00a0" + word + "\u00a0{e:%Y-%m-%d %H:%M:%S},{v}", HOURS)
        known = {"--start": ["Period"]}
        assert read_as_told(file("Period,Main (kWh)", *lines), NEW_YORK, known)[0] == {"Main": utc(HOURS)}
    lines = rows("{t:%Y-%m-%d %H:%M} -05:00,{v}", HOURS)
    assert read(file("timestamp,Main (kWh)", *lines), LONDON) == {"Main": utc(HOURS)}, "an offset is no end"


def test_tables_one_below_the_other_are_taken_one_by_one(file: Make) -> None:
    head = "Energy {} time period,Usage(Real energy in kilowatt-hours),Reading quality"
    body = "{t:%Y-%m-%d %H:%M:%S} to {e:%Y-%m-%d %H:%M:%S},{v},"
    received = [round(9 + value, 3) for value in LOAD]
    path = file(
        "For location: 1 Main St",
        head.format("Delivered"),
        *rows(body, HOURS),
        "Meter Reading Information,,",
        "",
        head.format("Received"),
        *rows(body, HOURS, received),
    )
    with pytest.raises(DataError, match="has 2 tables .*line 125 begins another .Energy Received time period"):
        read(path, NEW_YORK)
    assert read(path, NEW_YORK, "--table", "1") == {"file": utc(HOURS)}
    found = read(path, NEW_YORK, "--table", "2", "--start", "Energy Received time period", "--column",
                 "Usage(Real energy in kilowatt-hours)", "--unit", "kWh", "--channel-name", "Export")  # fmt: skip
    assert found == {"Export": utc(HOURS, received)}
    with pytest.raises(DataError, match="has 2 tables one below the other; check --table"):
        read(path, NEW_YORK, "--table", "3")


def test_two_meters_below_each_other_are_not_one(file: Make) -> None:
    first, second = rows("{t:%Y-%m-%d %H:%M},{v}", HOURS[:60]), rows("{t:%Y-%m-%d %H:%M},{v}", HOURS[60:])
    path = file("Meter: A,", "timestamp,kWh", *first, "", "Meter: B,", "timestamp,kWh", *second)
    with pytest.raises(DataError, match="give --table 1 for the first"):
        read(path, NEW_YORK)
    assert read(path, NEW_YORK, "--table", "2", "--channel-name", "B") == {"B": utc(HOURS[60:])}
    joined = file("timestamp,kWh", *first, "timestamp,kWh", *second)
    assert read(joined, NEW_YORK) == {"file": utc(HOURS, LOAD[:60] * 2)}, "a month below the other"


@pytest.mark.parametrize(
    ("column", "use", "others"),
    [
        ("Type", "AI", ["AE", "RI"]),
        ("Register", "1-1:1.29.0", ["1-1:2.29.0", "1-1:5.29.0"]),
        ("Consumption Category", "GC", ["GG"]),
        ("ChannelNumber", "1", ["2"]),
        ("Register", "Afname Dag", ["Injectie Dag"]),
    ],
)
@pytest.mark.parametrize("is_by_day", [False, True])
def test_kinds_told_by_codes_do_not_melt(file: Make, column: str, use: str, others: list[str], is_by_day: bool) -> None:
    kinds = [use, *others]
    if is_by_day:
        days = {kind: HOURS[24 * n : 24 * n + 24] for n, kind in enumerate(kinds)}
        lines = [f"M,{kind},{t[0]:%Y-%m-%d}," + ",".join(map(str, LOAD[:24])) for kind, t in days.items()]
        path = file(f"Meter,{column},Date," + ",".join(f"{n:02d}00" for n in range(1, 25)), *lines)
        extra = ["--format", "day-columns", "--unit", "kWh", "--interval-minutes", "60"]
    else:
        days = {kind: HOURS[40 * n : 40 * n + 40] for n, kind in enumerate(kinds)}
        lines = [
            line for kind, moments in days.items() for line in rows(f"M,{kind}," + "{t:%Y-%m-%d %H:%M},{v}", moments)
        ]
        path, extra = file(f"Meter,{column},timestamp,kWh", *lines), []
    with pytest.raises(DataError) as refusal:
        read(path, NEW_YORK, *extra)
    assert f'--where "{column}={use}"' in str(refusal.value)
    assert read(path, NEW_YORK, *extra, "--where", f"{column}={use}") == {"M": utc(days[use])}


def test_every_register_of_use_is_named_beside_the_export(file: Make) -> None:
    lines = [
        f"{t:%Y-%m-%d %H:%M},{kind},{v if kind[0] == 'A' else 9}"
        for t, v in zip(HOURS, LOAD, strict=False)
        for kind in ("Afname Dag" if t.hour > 6 else "Afname Nacht", "Injectie Dag")
    ]
    path = file("timestamp,Register,kWh", *lines)
    with pytest.raises(DataError, match='--where "Register=Afname Dag" --where "Register=Afname Nacht"'):
        read(path, NEW_YORK)
    found = read(path, NEW_YORK, "--where", "Register=Afname Dag", "--where", "Register=Afname Nacht")
    assert found == {"file": utc(HOURS)}


def test_rows_of_reactive_energy_are_no_kwh_whatever_unit_is_given(file: Make) -> None:
    lines = [
        f"7,{t:%Y-%m-%d},{unit}," + ",".join(map(str, LOAD[k : k + 24]))
        for t in HOURS[::24]
        for k, unit in ((0, "KWH"), (50, "KVARH"))
    ]
    path = file("Account,Date,Units," + ",".join(f"{n:02d}00" for n in range(1, 25)), *lines)
    known = {"--format": ["day-columns"], "--unit": ["kWh"], "--where": ["Units=KWH"]}
    found, told = read_as_told(path, NEW_YORK, known)
    assert (found, told[-1]) == ({"file": utc(HOURS, LOAD[:24] * 5)}, "--where")


def test_multiplier_beside_the_values_is_asked_for(file: Make) -> None:
    path = file("timestamp,kWh,Meter Multiplier", *rows("{t:%Y-%m-%d %H:%M},{v},40", HOURS))
    with pytest.raises(DataError, match=r"give --factor 40 if .*, or give --leave-out \"Meter Multiplier\" if"):
        read(path, NEW_YORK)
    assert read(path, NEW_YORK, "--factor", "40") == {"file": pytest.approx(utc(HOURS, [40 * v for v in LOAD]))}
    assert read(path, NEW_YORK, "--leave-out", "Meter Multiplier") == {"file": utc(HOURS)}
    ones = file("timestamp,kWh,Multiplier", *rows("{t:%Y-%m-%d %H:%M},{v},1.0", HOURS))
    assert read(ones, NEW_YORK) == {"file": utc(HOURS)}


def test_rows_say_how_long_they_are(file: Make) -> None:
    quarters = "{t:%Y-%m-%d %H:%M},{t:%Y-%m-%d %H}:14,{v}"
    sparse = file("Start,End,kWh", *rows(quarters, HOURS))
    found = read(sparse, NEW_YORK)
    assert found == {"file": utc(HOURS)}
    power = read(file("Start,End,kW", *rows(quarters, HOURS)), NEW_YORK)
    assert power == {"file": pytest.approx(utc(HOURS, [v / 4 for v in LOAD]), abs=1e-6)}, "a quarter of an hour each"
    with pytest.raises(DataError, match="say that they are 15 minutes long, and --interval-minutes says 60"):
        read(sparse, NEW_YORK, "--interval-minutes", "60")
    overlapping = file("Start,End,kWh", *rows("{t:%Y-%m-%d %H:%M},{e:%Y-%m-%d %H:%M},{v}", QUARTERS))
    with pytest.raises(DataError, match="say that they are 60 minutes long, and begin 15 minutes apart"):
        read(overlapping, NEW_YORK)
    assert read(overlapping, NEW_YORK, "--interval-minutes", "15") == {"file": utc(QUARTERS)}


def test_words_of_zones_are_those_of_the_sites_clock(file: Make) -> None:
    path = file("Timestamp,Status,Value (kW-hr)", *(
        f"{t:%d-%b-%y %I:%M:%S %p} {t.tzname()},{{ok}},{v}" for t, v in zip(FALL, LOAD, strict=False)
    ))  # fmt: skip
    assert read(path, NEW_YORK) == {"file": utc(FALL)}
    without_first = file("timestamp,kWh", *(
        f"{t:%Y-%m-%d %H:%M} {t.tzname()},{v}" for t, v in zip(FALL, LOAD, strict=False) if t.hour != 1 or t.fold
    ))  # fmt: skip
    expected = {k: v for (k, v), t in zip(utc(FALL).items(), FALL, strict=True) if t.hour != 1 or t.fold}
    assert read(without_first, NEW_YORK) == {"file": expected}, "the word tells the second pass from the first"
    eastern = [t.astimezone(ZoneInfo("Etc/GMT+5")) for t in FALL]
    standard = file("timestamp,kWh", *(f"{t:%Y-%m-%d %H:%M} EST,{v}" for t, v in zip(eastern, LOAD, strict=False)))
    with pytest.raises(
        DataError, match="give --clock Etc/GMT.5 if they keep that all year, or --clock America/New_York if it is"
    ):
        read(standard, NEW_YORK)
    assert read(standard, NEW_YORK, "--clock", "Etc/GMT+5") == {"file": utc(FALL)}
    with pytest.raises(
        DataError, match="its times end with EST, and the clock of Europe/London shows GMT.*--clock Etc"
    ):
        read(standard, LONDON)
    assert read(standard, LONDON, "--clock", "Etc/GMT+5") == {"file": utc(FALL)}


def test_cells_that_bear_their_own_unit(file: Make) -> None:
    cells = [f"{v * 1000:.0f} Wh" if n % 2 else f"{v} kWh" for n, v in enumerate(LOAD)]
    lines = [f"{t:%Y-%m-%d %H:%M},{cell}" for t, cell in zip(HOURS, cells, strict=False)]
    found, told = read_as_told(file("Time,Main", *lines), NEW_YORK, {"--unit": ["kWh"]})
    assert found == {"Main": pytest.approx(utc(HOURS))}
    assert told == ["--unit"]
    power = file("Time,Main", *(f"{t:%Y-%m-%d %H:%M},{v} kW" for t, v in zip(HOURS, LOAD, strict=False)))
    assert read(power, NEW_YORK, "--unit", "kWh") == {"Main": {}}, "kW are no kWh; each cell is a reject"
    counts = file("Time,Main", *(f"{t:%Y-%m-%d %H:%M},{n * 2 + 900} kWh" for n, t in enumerate(HOURS)))
    with pytest.raises(DataError, match="count up, as those of a register do"):
        read(counts, NEW_YORK, "--unit", "kWh")


def test_rollover_is_told_as_the_register_counts(file: Make) -> None:
    counts = [(990_000 + 1500 * n) % 1_000_000 for n in range(40)]
    path = file("timestamp,Main (Wh)", *rows("{t:%Y-%m-%d %H:%M},{v}", HOURS, counts))
    found = read(path, NEW_YORK, "--register", "--rollover", "1000000")
    assert found == {"Main": utc(HOURS[:39], [1.5] * 39)}


def test_dashboard_of_home_assistant_has_its_hours_across(file: Make) -> None:
    stamps = ",".join(f"{t.astimezone(HOURS[0].tzinfo):%Y-%m-%dT%H:%M:%S%z}" for t in HOURS[:24])
    kinds = (("in", "grid_consumption", "kWh"), ("out", "grid_return", "kWh"), ("gas", "gas", "m³"))
    lines = [f"sensor.{name},{kind},{unit}," + ",".join(map(str, LOAD[:24])) for name, kind, unit in kinds]
    path = file(f"entity_id,type,unit,{stamps}", *lines)
    assert read(path, NEW_YORK) == {"sensor.in": utc(HOURS[:24])}
    assert read(path, NEW_YORK, "--where", "type=grid_return") == {"sensor.out": utc(HOURS[:24])}


def test_names_of_a_day_as_utilities_write_them(file: Make) -> None:
    names = [f"HR:MN {(n + 1) // 2}:{(n + 1) % 2 * 30:02d}" for n in range(48)]
    starts = local(NEW_YORK, "2026-02-02", 240, 30)
    lines = [f"1,{t:%m/%d/%Y},1800," + ",".join(map(str, LOAD[:48])) for t in starts[::48]]
    path = file("ACCOUNT NUMBER,INTERVAL READING DATE,INTERVAL LENGTH," + ",".join(names), *lines)
    known = {"--start": ["INTERVAL READING DATE"], "--format": ["day-columns"], "--unit": ["kWh"]}
    assert read_as_told(path, NEW_YORK, known)[0] == {"file": utc(starts, LOAD[:48] * 5)}


def test_date_that_stands_in_the_first_row_of_its_day(file: Make) -> None:
    lines = [f"{f'{t:%Y-%m-%d}' if t.hour == 0 else ''},{t:%H:%M},{v}" for t, v in zip(HOURS, LOAD, strict=False)]
    found, told = read_as_told(file("Date,Time,kWh", *lines), NEW_YORK, {"--fill-down": []})
    assert (found, told) == ({"file": utc(HOURS)}, ["--fill-down"])


def test_names_that_stand_twice_bear_their_group_or_a_number(file: Make) -> None:
    body = rows("{t:%Y-%m-%d %H:%M},{v},9,1.5", HOURS)
    grouped = file(",Building A,,Building B", "Time,kWh,kW,kWh", *body)
    assert read(grouped, NEW_YORK, "--column", "Building A kWh", "--column", "Building B kWh") == {
        "Building A": utc(HOURS),
        "Building B": utc(HOURS, [1.5] * 120),
    }
    bare = file("Time,kWh,kW,kWh", *body)
    with pytest.raises(DataError, match='choose one: --column "kWh#1" or --column "kWh#2"'):
        read(bare, NEW_YORK)
    assert read(bare, NEW_YORK, "--column", "kWh#2") == {"file": utc(HOURS, [1.5] * 120)}


def test_part_of_a_time_is_told_from_the_whole(file: Make) -> None:
    path = file("_start,_time,Main (kWh)", *rows("2026-03-01T00:00:00Z,{t:%Y-%m-%dT%H:%M:%S%z},{v}", HOURS))
    found, told = read_as_told(path, NEW_YORK, {"--start": ["_time"]})
    assert (found, told) == ({"Main": utc(HOURS)}, ["--start"])
    with pytest.raises(DataError, match='give --start "Date" --start "Heure"'):
        read(file("Date;Heure;Main (kWh)", *rows("{t:%Y-%m-%d};{t:%H:%M};{v}", HOURS)), NEW_YORK)


def test_import_and_export_by_codes_of_the_header(file: Make) -> None:
    for header, use in (
        ("AI (kWh),AE (kWh)", "AI (kWh)"),
        ("AE_kWh,AS_kWh", "AE_kWh"),
        ("Inflow kWh,Outflow kWh", "Inflow kWh"),
    ):
        path = file(f"timestamp,{header}", *rows("{t:%Y-%m-%d %H:%M},{v},7", HOURS))
        with pytest.raises(DataError, match=re.escape(f'name the columns to store: --column "{use}"')):
            read(path, NEW_YORK)
        assert list(read(path, NEW_YORK, "--column", use).values()) == [utc(HOURS)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\nx", "is a PDF; ask for the interval data as CSV or Excel"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), r"before 2007 \(.xls\) or with a password; save it as plain .xlsx"),
        (b"\n <HTML><table><tr><td>timestamp", "a web page, as some portals name .xls; open it in a spreadsheet"),
        (b'{"data": []}', "is JSON; import the CSV"),
        (b'"timestamp,kWh"\n"2026-03-02 00:00,1"\n"2026-03-02 01:00,1"\n', "each whole line is in quotes"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path, NEW_YORK)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("inner.zip", "a ZIP or workbook within the ZIP; unpack"),
        ("a.csv.gz", "packed within the ZIP"),
        ("", "without a file"),
    ],
)
def test_packed_within_packed_is_to_be_unpacked(tmp_path: Path, name: str, message: str) -> None:
    inner = {"inner.zip": b"PK\x03\x04" + bytes(60), "a.csv.gz": gzip.compress(b"timestamp,kWh\n")}
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        if name:
            archive.writestr(name, inner[name])
    with pytest.raises(DataError, match=message):
        read(path, NEW_YORK)


def texts_of(path: Path) -> Iterable[str]:
    """Return the texts in the code of a module, docstrings left aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def keywords_of(path: Path) -> set[str]:
    """Return the names by which a module gives arguments, such as those of a FileMapping."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}


def test_every_option_that_a_refusal_names_exists_and_is_followed_by_a_test() -> None:
    options = {text for action in import_csv.build_parser()._actions for text in action.option_strings}
    modules = {*(PROJECT_ROOT / "ingest" / "files").glob("*.py"), PROJECT_ROOT / "ingest" / "runs" / "load_file.py"}
    modules -= {PROJECT_ROOT / "ingest" / "files" / "meter_parents.py"}  # tells of --parent, which no file asks for
    named = {flag for path in modules for text in texts_of(path) for flag in re.findall(r"--[a-z][a-z-]*", text)}
    assert named <= options, sorted(named - options)
    tests = {*(PROJECT_ROOT / "tests").glob("test_file_*.py"), *(PROJECT_ROOT / "tests").glob("test_import_*.py")}
    tests.add(PROJECT_ROOT / "tests" / "test_green_button.py")
    given = {text for path in tests for text in texts_of(path)}
    given |= {f"--{name.replace('_', '-')}" for path in tests for name in keywords_of(path)}
    assert not named - given - {"--list-formats"}, "which only lists what is known"


def test_sheet_that_claims_all_columns_is_read_as_wide_as_it_is(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["timestamp", "Main (kWh)"])
    for moment, value in zip(HOURS, LOAD, strict=False):
        book.active.append([moment.replace(tzinfo=None), value])
    book.save(tmp_path / "plain.xlsx")
    path = tmp_path / "claims.xlsx"
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as plain, zipfile.ZipFile(path, "w") as archive:
        for name in plain.namelist():
            archive.writestr(name, plain.read(name).replace(b'ref="A1:B121"', b'ref="A1:XFD1048576"'))
    assert {len(row) for row in open_sheet(path, None)()} == {2}
    assert read(path, NEW_YORK) == {"Main": utc(HOURS)}


def test_hidden_sheet_is_no_second_one(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["timestamp", "Main (kWh)"])
    for moment, value in zip(HOURS, LOAD, strict=False):
        book.active.append([moment.replace(tzinfo=None), value])
    book.create_sheet("lists").sheet_state = "hidden"
    book.save(tmp_path / "shop.xlsx")
    assert read(tmp_path / "shop.xlsx", NEW_YORK) == {"Main": utc(HOURS)}
