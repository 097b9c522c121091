"""Green Button files: units, links, flow directions, hostile XML, and the way into the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from config.site_file import FileMapping
from ingest import import_csv
from ingest.files import espi_reader
from ingest.files.parse import FilePart
from ingest.files.source import open_source
from lib import cli, db
from lib.errors import DataError, UsageError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

START_S = int(datetime(2026, 1, 20, 5, tzinfo=UTC).timestamp())
UTC_CLOCK = ZoneInfo("UTC")
NOW_S = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
POINT = "https://utility.example.com/espi/1_1/resource/RetailCustomer/9b6c/UsagePoint"
ENERGY = {"uom": 72, "powerOfTenMultiplier": 0, "flowDirection": 1, "accumulationBehaviour": 4, "intervalLength": 900}


def entry(kind: str, links: dict[str, str], content: str, title: str = "") -> str:
    hrefs = "".join(f'<link rel="{rel}" href="{href}"/>' for rel, href in links.items())
    body = f'<{kind} xmlns="http://naesb.org/espi">{content}</{kind}>'
    return f"<entry><id>urn:uuid:0</id>{hrefs}<title>{title}</title><content>{body}</content></entry>"


def usage_point(number: int = 1, title: str = "1 Main St") -> str:
    links = {"self": f"{POINT}/{number}", "related": f"{POINT}/{number}/MeterReading"}
    return entry("UsagePoint", links, "<ServiceCategory><kind>0</kind></ServiceCategory>", title)


def series(number: int, values: Iterable[object], point: int = 1, seconds: int = 900, **reading_type: int) -> str:
    """Return a MeterReading with its type and one block of readings from `START_S` on."""
    path = f"{POINT}/{point}/MeterReading/{number}"
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in (ENERGY | reading_type).items())
    readings = "".join(reading(START_S + seconds * n, value, seconds) for n, value in enumerate(values))
    block = f"<interval><duration>86400</duration><start>{START_S}</start></interval>{readings}"
    return (
        entry(
            "MeterReading",
            {
                "self": path,
                "up": f"{POINT}/{point}/MeterReading",
                "related": f"/espi/1_1/resource/ReadingType/{number}",
            },
            "",
        )
        + entry(
            "ReadingType", {"self": f"https://elsewhere.example.com/espi/1_1/resource/ReadingType/{number}"}, fields
        )
        + entry("IntervalBlock", {"self": f"{path}/IntervalBlock/1", "up": f"{path}/IntervalBlock"}, block)
    )


def reading(start: object, value: object, seconds: object = 900, quality: object = None) -> str:
    extra = "" if quality is None else f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>"
    period = f"<timePeriod><duration>{seconds}</duration><start>{start}</start></timePeriod>"
    return f"<IntervalReading><cost>907</cost>{extra}{period}<value>{value}</value></IntervalReading>"


def local_time(offset_s: int, summer_s: int = 3600) -> str:
    content = f"<dstOffset>{summer_s}</dstOffset><tzOffset>{offset_s}</tzOffset>"
    return entry("LocalTimeParameters", {"self": "LocalTimeParameters/01"}, content)


@pytest.fixture
def feed(tmp_path: Path) -> Callable[..., Path]:
    def make(*entries: str, head: str = "") -> Path:
        path = tmp_path / "usage.xml"
        atom = 'xmlns="http://www.w3.org/2005/Atom"'
        path.write_text(f'<?xml version="1.0"?>{head}<feed {atom}><title>x</title>{"".join(entries)}</feed>', "utf-8")
        return path

    return make


def parts_of(path: Path) -> list[FilePart]:
    return list(open_source(path, FileMapping()).read(ZoneInfo("UTC"), NOW_S))


def rows_of(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return channel → (intervals after `START_S`, value)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for part in parts_of(path):
        for one in part.channels:
            offsets = (one.rows["timestamp"] - START_S) // one.interval_s
            found.setdefault(one.channel, []).extend(zip(offsets.tolist(), one.rows.iloc[:, 1].tolist(), strict=True))
    return found


@pytest.mark.parametrize(
    ("reading_type", "column", "expected"),
    [
        ({}, "energy_kwh", 0.25),
        ({"powerOfTenMultiplier": 3}, "energy_kwh", 250.0),
        ({"powerOfTenMultiplier": -3}, "energy_kwh", 0.00025),
        ({"uom": 38}, "power_kw", 0.25),
        ({"uom": 38, "powerOfTenMultiplier": 3}, "power_kw", 250.0),
    ],
)
def test_values_come_in_our_units(
    feed: Callable[..., Path], reading_type: dict[str, int], column: str, expected: float
) -> None:
    ((part,), *_) = (one.channels for one in parts_of(feed(usage_point(), series(1, [250, 0], **reading_type))))
    assert part.rows[column].tolist() == pytest.approx([expected, 0.0])
    assert part.rows["timestamp"].tolist() == [START_S, START_S + 900]
    assert (part.channel, part.interval_s, part.fetched, part.rejects) == ("1 Main St", 900, 2, {})


@pytest.mark.parametrize("power", ["abc", "1.5", "99999", "--1"])
def test_multiplier_that_is_no_power_of_ten_is_refused(feed: Callable[..., Path], power: str) -> None:
    with pytest.raises(DataError, match=f"1 Main St: its multiplier '{power}' is no power of ten"):
        open_source(feed(usage_point(), series(1, [1], powerOfTenMultiplier=power)), FileMapping())


def test_multiplier_of_a_reading_is_asked_for(feed: Callable[..., Path]) -> None:
    own = "</value><powerOfTenMultiplier>3</powerOfTenMultiplier>"
    path = feed(usage_point(), series(1, [250, 0]).replace("</value>", own))
    with pytest.raises(DataError, match=r"own \(3\).*give --factor 1000 if it counts besides .* or --factor 1 if"):
        open_source(path, FileMapping())
    for factor, expected in ((1000.0, [250.0, 0.0]), (1.0, [0.25, 0.0])):
        ((part,), *_) = (one.channels for one in open_source(path, FileMapping(factor=factor)).read(UTC_CLOCK, NOW_S))
        assert part.rows["energy_kwh"].tolist() == pytest.approx(expected)
    first, second = (series(n, [250, 0]).replace("</value>", own) for n in (1, 2))
    mixed = feed(usage_point(), first, second.replace("Multiplier>3", "Multiplier>0"))
    with pytest.raises(DataError, match="different ones, which the standard does not know"):
        open_source(mixed, FileMapping(factor=1.0))


def test_types_told_by_order_alone_are_taken_when_told(feed: Callable[..., Path]) -> None:
    def unlinked(number: int, values: Iterable[object], flow: int) -> str:
        _, kind, block = series(number, values, flowDirection=flow).split("<entry>")[1:]
        return f"<entry>{kind}<entry>{block}"

    path = feed(usage_point(), unlinked(1, [250, 500], 1), unlinked(2, [9, 9], 19))
    with pytest.raises(DataError, match="give --types-by-order if each block stands below its ReadingType"):
        open_source(path, FileMapping())
    source = open_source(path, FileMapping(types_by_order=True))
    ((part,), *_) = (one.channels for one in source.read(UTC_CLOCK, NOW_S))
    assert part.rows["energy_kwh"].tolist() == [0.25, 0.5]
    assert source.notes == ["left out: 1 Main St: energy delivered to the grid (flow direction 19) is not use"]


def test_hours_of_newfoundland_are_stored_as_their_halves(feed: Callable[..., Path]) -> None:
    hours = [(START_S + 1800 + number * 3600, value) for number, value in enumerate((100, 300))]
    block = "".join(reading(start, value, 3600) for start, value in hours)
    one = series(1, [], intervalLength=3600).replace("</IntervalBlock>", f"{block}</IntervalBlock>")
    (part,) = open_source(feed(usage_point(), one), FileMapping()).read(ZoneInfo("America/St_Johns"), NOW_S)
    (channel,) = part.channels
    assert channel.interval_s == 1800
    assert (channel.rows["timestamp"] - START_S).tolist() == [1800, 3600, 5400, 7200]
    assert channel.rows["energy_kwh"].tolist() == [0.05, 0.05, 0.15, 0.15]
    assert (channel.window.end - channel.window.start).total_seconds() == 7200


def test_only_use_is_taken_and_the_rest_is_named(feed: Callable[..., Path]) -> None:
    path = feed(
        usage_point(),
        series(1, [100]),
        series(2, [50], flowDirection=19),
        series(3, [7], uom=73),
        series(4, [123_456], accumulationBehaviour=3),
        series(5, [400], seconds=3600, intervalLength=3600),
        usage_point(2, "Barn"),
        series(6, [3], point=2, uom=169),
        series(7, [1000], point=2, uom=38),
    )
    assert rows_of(path) == {"1 Main St": [(0, 0.1)], "Barn": [(0, 1.0)]}
    assert open_source(path, FileMapping()).notes == [
        "left out: 1 Main St: energy delivered to the grid (flow direction 19) is not use",
        "left out: 1 Main St: unit of measure 73 is neither energy (72, Wh) nor power (38, W)",
        "left out: 1 Main St: a register (cumulative), not the use of each interval; its file does not say whether it "
        "was read at an interval's start or end, so no differences are taken",
        "left out: Barn: unit of measure 169 is neither energy (72, Wh) nor power (38, W)",
        "left out: 1 Main St: a series of 3600 s beside the one that was taken",
    ]
    with pytest.raises(DataError, match=r"nothing to import \(1 Main St: energy delivered to the grid"):
        open_source(feed(usage_point(), series(2, [50], flowDirection=19)), FileMapping())


def test_net_metering_may_be_negative(
    conn: Connection, importer: Callable[..., int], feed: Callable[..., Path]
) -> None:
    assert importer("--timezone", "America/New_York", feed(usage_point(), series(1, [100, -40], flowDirection=4))) == 0
    rows = db.fetch_all(conn, "SELECT energy_kwh, power_kw FROM readings ORDER BY timestamp")
    assert rows == [(0.1, 0.4), (-0.04, -0.16)]


def test_points_of_one_title_are_told_apart_by_their_number(feed: Callable[..., Path]) -> None:
    path = feed(usage_point(1, "Meter"), series(1, [1]), usage_point(2, "Meter"), series(2, [2], point=2))
    assert rows_of(path) == {"Meter 1": [(0, 0.001)], "Meter 2": [(0, 0.002)]}
    nameless = feed(usage_point(1, ""), series(1, [1]))
    assert list(rows_of(nameless)) == ["Usage point 1"]


def test_entries_without_links_upwards_are_found_by_their_own_paths(feed: Callable[..., Path]) -> None:
    entries = [usage_point(1, "A"), series(1, [1]), usage_point(2, "B"), series(2, [2], point=2)]
    path = feed(*(re.sub(r'<link rel="up"[^>]*>', "", one) for one in entries))
    assert rows_of(path) == {"A": [(0, 0.001)], "B": [(0, 0.002)]}
    unlinked = re.sub(r"<link[^>]*>", "", usage_point(1, "A") + series(1, [1]))
    assert rows_of(feed(unlinked)) == {"A": [(0, 0.001)]}


def test_readings_that_cannot_be_stored_are_listed(feed: Callable[..., Path]) -> None:
    readings = [
        reading(START_S, 1),
        reading(START_S + 900, ""),
        reading(START_S + 1800, "many"),
        reading(START_S + 2701, 1),
        reading(START_S + 3600, 1, seconds=1800),
        reading(START_S + 4500, 1, quality=12),
        reading("noon", 1),
        reading(START_S, 1),
        reading(START_S, 2),
        reading(int(NOW_S) - int(NOW_S) % 900, 1),
        *(reading(START_S + 900 * n, 5, quality=8) for n in range(10, 40)),
    ]
    block = entry("IntervalBlock", {"up": f"{POINT}/1/MeterReading/1/IntervalBlock"}, "\n".join(readings))
    path = feed(usage_point(), series(1, []), block)
    (part,) = parts_of(path)
    assert part.rejects[["line", "time", "value", "reason"]].values.tolist() == [
        [3, str(START_S + 1800), "many", "unreadable_number"],
        [4, str(START_S + 2701), "1", "off_grid"],
        [5, str(START_S + 3600), "1", "wrong_resolution"],
        [6, str(START_S + 4500), "1", "projected"],
        [7, "noon", "1", "unreadable_time"],
        [8, str(START_S), "1", "repeated"],
        [9, str(START_S), "2", "conflicting"],
        [10, str(int(NOW_S)), "1", "in_future"],
    ]
    (one,) = part.channels
    assert (len(one.rows), one.fetched, one.rejects["empty"]) == (31, 40, 1)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "declares a document type"),
        ('<!DOCTYPE feed [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>', "declares a document type"),
        ('<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/feed.dtd">', "declares a document type"),
        ("<<", "is no sound XML"),
    ],
)
def test_hostile_and_broken_files_are_refused(feed: Callable[..., Path], head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(feed(usage_point(), series(1, [1]), head=head), FileMapping())


def test_file_cut_off_in_the_middle_is_refused_before_anything_is_stored(feed: Callable[..., Path]) -> None:
    path = feed(usage_point(), series(1, [1, 2, 3]))
    path.write_text(path.read_text("utf-8")[:-40], "utf-8")
    with pytest.raises(DataError, match="is no sound XML"):
        open_source(path, FileMapping())


def test_file_in_many_parts_is_the_same(feed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = feed(usage_point(), series(1, range(500)), usage_point(2, "Barn"), series(2, range(300), point=2))
    whole = rows_of(path)
    monkeypatch.setattr(espi_reader, "_READ_BYTES", 700)
    assert len(parts_of(path)) > 100
    assert rows_of(path) == whole
    assert [len(rows) for rows in whole.values()] == [500, 300]


def test_options_that_the_file_answers_itself_are_refused(feed: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="says its units and times itself"):
        open_source(feed(usage_point(), series(1, [1])), FileMapping(interval_end=True))


@pytest.fixture
def importer(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *args: cli.run(import_csv.main, ["--site", "7", *map(str, args)])


def test_file_is_stored_once_and_its_zone_is_checked(
    conn: Connection, importer: Callable[..., int], feed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = feed(local_time(-18_000), usage_point(), series(1, [500] * 96))
    assert importer(path) == 1
    assert "UTC-5 h with summer time, in the US that is America/New_York" in capsys.readouterr().err
    assert importer("--timezone", "America/Chicago", path) == 1
    assert "says that its local time is UTC-5 h, and site 7 is in America/Chicago (UTC-6 h)" in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT FROM organizations") == []
    assert importer("--timezone", "America/New_York", "--channel-name", "Utility meter", path) == 0
    assert importer("--channel-name", "Utility meter", path) == 0
    assert db.fetch_all(
        conn, "SELECT name, count(*), sum(energy_kwh), min(timestamp) FROM readings JOIN channels USING (channel_id)"
        " GROUP BY name",
    ) == [("Utility meter", 96, 48.0, pd.Timestamp(START_S, unit="s", tz="UTC"))]  # fmt: skip


def test_series_are_chosen_by_what_the_file_says_of_them(feed: Callable[..., Path]) -> None:
    path = feed(
        usage_point(),
        series(1, [9], uom=38),
        series(2, [7], phase=128),
        series(3, [5], flowDirection=4),
        series(4, [30], flowDirection=20),
        series(5, [8], dataQualifier=8),
        series(6, [6], commodity=7),
        series(7, [100], phase=769),
    )
    assert rows_of(path) == {"1 Main St": [(0, 0.1)]}
    assert sorted(line.partition(": ")[2].partition(": ")[2] for line in open_source(path, FileMapping()).notes) == [
        "a series of 900 s beside the one that was taken",
        "a single phase beside the total",
        "commodity 7 is not electricity",
        "data qualifier 8 is a maximum, minimum or the like",
        "energy of both directions (flow direction 20) is not use",
        "the net of both directions, beside what was delivered",
    ]


def test_heat_in_watt_hours_is_no_electricity(feed: Callable[..., Path]) -> None:
    heat = usage_point(2, "Heat").replace("<kind>0</kind>", "<kind>4</kind>")
    path = feed(usage_point(), series(1, [100]), heat, series(2, [3], point=2))
    assert rows_of(path) == {"1 Main St": [(0, 0.1)]}
    assert open_source(path, FileMapping()).notes == ["left out: Heat: heat, no electricity"]


def test_two_series_of_one_kind_and_time_are_named_by_the_operator(feed: Callable[..., Path]) -> None:
    path = feed(usage_point(), series(1, [100]), series(2, [200]))
    with pytest.raises(DataError, match='--series "MeterReading/1=NAME" --series "MeterReading/2=NAME"'):
        open_source(path, FileMapping())
    given = FileMapping(series=("MeterReading/1=East", "MeterReading/2=West"))
    (part,) = open_source(path, given).read(ZoneInfo("UTC"), NOW_S)
    assert {one.channel: one.rows["energy_kwh"].tolist() for one in part.channels} == {"East": [0.1], "West": [0.2]}


def test_batch_for_a_third_party_is_asked_for_the_sites_points(feed: Callable[..., Path]) -> None:
    batch = 'rel="up" href="/ThirdParty/1/Batch"/><link rel="self"'
    points = [usage_point(n, f"Store {n}").replace('rel="self"', batch) for n in (1, 2)]
    path = feed(points[0], series(1, [100]), points[1], series(2, [200], point=2))
    with pytest.raises(DataError, match='--point "Store 1" --point "Store 2", or --point all'):
        open_source(path, FileMapping())
    (part,) = open_source(path, FileMapping(points=("Store 2",))).read(ZoneInfo("UTC"), NOW_S)
    assert [one.channel for one in part.channels] == ["Store 2"]


def test_readings_without_times_count_from_their_block(feed: Callable[..., Path]) -> None:
    block = f"<interval><duration>1800</duration><start>{START_S}</start></interval>"
    bare = "".join(f"<IntervalReading><value>{value}</value></IntervalReading>" for value in (100, 200))
    one = entry("IntervalBlock", {"up": f"{POINT}/1/MeterReading/1/IntervalBlock"}, block + bare)
    assert rows_of(feed(usage_point(), series(1, []), one)) == {"1 Main St": [(0, 0.1), (1, 0.2)]}
    short = one.replace("<duration>1800", "<duration>2700")
    with pytest.raises(DataError, match="its intervals have no common length"):
        open_source(feed(usage_point(), series(1, []), short), FileMapping())
