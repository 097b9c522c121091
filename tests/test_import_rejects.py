"""What an import of interval files refuses: rows, with line, reason and fix, and whole files."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from file_import import FILE_SITE_ID, LONG_HEADER, ZONE, Import, long_lines, quarters, rejects_of, stored, write
from site_factory import SITE_ID, register_site, store_readings

from ingest.files.reject_file import COLUMNS
from ingest.runs.load_file import FIRST_FILE_CHANNEL_ID, channel_id_of
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def test_what_cannot_be_stored_is_listed_with_line_reason_and_fix(
    conn: Connection, importer: Import, tmp_path: Path
) -> None:
    lines = long_lines(["Main"], quarters("2026-03-08 00:00", 8) + quarters("2026-03-08 03:00", 30))
    lines += [
        "Main,2026-03-08 02:15,1",
        "Main,whenever,1",
        "Main,2026-03-08 12:07,1",
        "Main,2026-03-08 12:15,lots",
        "Main,2026-03-08 12:30,",
        "",
        "Main,2026-03-08 03:00,1.5",
        "Main,2026-03-08 03:15,9",
        "Main,2126-03-08 12:30,1",
        "Main,1926-03-08 12:30,1",
        ",2026-03-08 12:30,1",
        "Main,2026-03-08 12:30,1,2",
        "Main,2026-03-08 12:45,-3",
        "Main,2026-03-08 13:00,1e9",
        '"=HYPERLINK(""http://x"")",soon,1',
    ]
    path = write(tmp_path / "bad.csv", lines)
    assert importer("--timezone", ZONE, "--interval-minutes", 15, path) == 1, "of one channel nothing can be used"
    assert sorted(rejects_of(path), key=lambda row: int(row[0])) == [
        ("40", "Main", "2026-03-08 02:15", "", "skipped_local_hour"),
        ("41", "Main", "whenever", "", "unreadable_time"),
        ("42", "Main", "2026-03-08 12:07", "", "off_grid"),
        ("43", "Main", "2026-03-08 12:15", "lots", "unreadable_number"),
        ("46", "Main", "2026-03-08 03:00", "1.5", "repeated"),
        ("47", "Main", "2026-03-08 03:15", "9", "conflicting"),
        ("48", "Main", "2126-03-08 12:30", "", "in_future"),
        ("49", "Main", "1926-03-08 12:30", "", "too_old"),
        ("50", "", "2026-03-08 12:30", "", "no_channel"),
        ("51", "Main", "2026-03-08 12:30", "", "too_many_cells"),
        ("52", "Main", "2026-03-08T16:45:00Z", "-3.0", "negative_energy"),
        ("53", "Main", "2026-03-08T17:00:00Z", "1000000000.0", "energy_over_limit"),
        ("54", '\'=HYPERLINK("http://x")', "soon", "", "unreadable_time"),
    ]
    assert set(stored(conn).values()) == {(1.5,)}
    assert len(stored(conn)) == 38
    assert db.fetch_all(
        conn, "SELECT reason, raw ->> 'line', reading ->> 'energy_kwh' FROM rejected_readings ORDER BY 2"
    ) == [("negative_energy", "52", "-3.0"), ("energy_over_limit", "53", "1000000000.0")]
    ((*counts, errors),) = db.fetch_all(
        conn,
        "SELECT sum(fetched), sum(inserted), sum(rejected), string_agg(error, '; ') FROM ingestion_logs"
        " WHERE channel_id <> 0",
    )
    assert counts == [50, 38, 12], "12 without the rows of no channel and of the one that failed, with the empty one"
    assert all(f"1 {reason}" in errors for reason in ("conflicting", "empty", "skipped_local_hour", "negative_energy"))

    # Put right, the file brings what was missing, and the rejects of before are gone.
    lines[38:] = ["Main,2026-03-08 12:15,1.5"]
    assert importer("--interval-minutes", 15, write(path, lines)) == 0
    assert len(stored(conn)) == 39
    assert not path.with_name("bad.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("lines", "args", "message"),
    [
        ([], [], "is empty; download it again"),
        ([LONG_HEADER], [], "nothing below its header"),
        (["channel,when,kwh", "a,2026-01-01,1"], [], "no header line with a column of times"),
        (["timestamp,A,B", "2026-01-01 00:00,1,2"], [], "the columns say no unit; give --unit"),
        (["timestamp,A (kW)", "2026-01-01 00:00,1"], ["--unit", "kWh"], "is in kW, and --unit says kWh"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 3)), [], "3 times are too few to tell the interval's length"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 3)), ["--interval-minutes", "7"], "must divide an hour"),
        (long_lines(["A"], quarters("2026-01-20 00:00", 30)), ["--column", "X"], "has no column X; check --column"),
        ([LONG_HEADER, *(f"A,0{n}/02/2026 00:00,1" for n in range(1, 9))], [], "say which with --date-format"),
        (
            [LONG_HEADER, 'A,2026-01-20,"1,5"', "A,2026-01-21,2.5"],
            ["--interval-minutes", "15"],
            "both comma and dot as the decimal",
        ),
    ],
)
def test_file_that_does_not_tell_what_is_needed_is_refused(
    conn: Connection,
    importer: Import,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    args: list[str],
    message: str,
) -> None:
    assert importer("--timezone", ZONE, *args, write(tmp_path / "file.csv", lines)) == 1
    assert message in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT FROM organizations") == []


def test_measured_and_imported_readings_and_made_up_ones_never_mix(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register_site(conn, source="sandbox")
    store_readings(conn, Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20 00:00", 30)))
    assert importer("--timezone", ZONE, path, site=SITE_ID) == 1
    assert "holds readings of the sandbox, and these would come from the file" in capsys.readouterr().err
    assert db.fetch_all(conn, "SELECT data_source FROM organizations") == [("sandbox",)]
    assert db.fetch_all(conn, "SELECT FROM ingestion_logs WHERE data_source = 'file'") == [], "refused before it began"


def test_other_interval_length_of_a_stored_channel_is_refused(
    conn: Connection, importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        importer("--timezone", ZONE, write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 96)))) == 0
    )
    hourly = long_lines(["Main", "New"], quarters("2026-01-20", 96)[::4])
    assert importer("--interval-minutes", 60, write(tmp_path / "b.csv", hourly)) == 1
    captured = capsys.readouterr()
    assert "holds intervals of 900 s already" in captured.err
    assert "FAILED: channels 'Main'" in captured.out
    assert len(stored(conn)) == 96 + 24, "the other channel goes on"


def test_time_zone_is_asked_for_once_and_never_changed_silently(
    importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 30)))
    assert importer(path) == 1
    assert "is new here; give its --timezone" in capsys.readouterr().err
    assert importer("--timezone", "Mars/Olympus", path) == 2
    assert importer("--timezone", ZONE, path) == 0
    assert importer("--timezone", "Europe/Berlin", path) == 1
    assert "is stored with the time zone America/New_York, not Europe/Berlin" in capsys.readouterr().err


def test_ids_of_channels_are_stable_and_out_of_the_services_reach(
    conn: Connection, importer: Import, tmp_path: Path
) -> None:
    assert channel_id_of(FILE_SITE_ID, "Main") == 6_047_585_791_819_088
    ids = {channel_id_of(site, name) for site in range(50) for name in ("Main", "main", "RTU 1", "")}
    assert len(ids) == 200
    assert all(FIRST_FILE_CHANNEL_ID <= one < 2**53 for one in ids)
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20 00:00", 30)))
    assert importer("--timezone", ZONE, path) == 0
    db.execute(conn, "UPDATE channels SET name = 'another'")
    conn.commit()
    assert importer(path) == 1, "an id that is taken by another name is refused"
    assert db.fetch_all(conn, "SELECT status, error FROM ingestion_logs ORDER BY log_id DESC LIMIT 1") == [
        ("failed", "channel 'Main' would get the id of 'another' of site 900001; rename it")
    ]


def test_file_of_measurements_is_never_overwritten_by_its_rejects(
    importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*long_lines(["Main"], quarters("2026-01-20", 30)), "Main,soon,1"]
    first, second = write(tmp_path / "a.csv", lines), write(tmp_path / "b.csv", lines)
    (tmp_path / "link.csv").symlink_to(second)
    for target in (second, tmp_path / "link.csv", tmp_path / "." / "b.csv"):
        with pytest.raises(SystemExit, match="2"):
            importer("--timezone", ZONE, "--rejects", target, first, second)
        assert "is there already and was not written by this script" in capsys.readouterr().err
    listed = write(tmp_path / "c.csv", [",".join(COLUMNS) + "\r", *lines])
    assert importer("--timezone", ZONE, "--rejects", listed, listed) == 2
    assert "is one of the files to import; choose another --rejects" in capsys.readouterr().err
    assert second.read_text() == first.read_text() == "\n".join(lines) + "\n"


def test_times_beyond_every_calendar_are_listed(conn: Connection, importer: Import, tmp_path: Path) -> None:
    odd = ["0001-01-01 00:00", "9999-12-31 23:45", "99999-01-01 00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:45:00Z"]
    lines = [*long_lines(["Main"], quarters("2026-01-20", 30)), *(f"Main,{time},1" for time in odd)]
    path = write(tmp_path / "a.csv", lines)
    assert importer("--timezone", ZONE, path) == 0
    assert [(row[2], row[4]) for row in rejects_of(path)] == [(time, "unreadable_time") for time in odd]
    assert len(stored(conn)) == 30


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfet\x00i", "is not in the encoding that its first bytes name"),
        (b"\xef\xbb\xbftimestamp,A kWh\n2026-01-20 00:00,\xff\n", "is not in the encoding that its first bytes name"),
        (gzip.compress(b"timestamp,A kWh\n" * 50)[:30], "check the file"),
        (gzip.compress(bytes(range(256)) * 50)[:60] + b"garbage garbage garbage", "check the file"),
        (b'timestamp,A kWh\n"2026-01-20 00:00,1\n', "cannot be told into cells"),
        (bytes(range(256)) * 20, "neither UTF-8 nor Windows text"),
    ],
    ids=["half a character", "wrong bytes", "cut off", "garbled", "open quote", "binary"],
)
def test_broken_file_is_refused_in_one_line(
    importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    assert importer("--timezone", ZONE, path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "unexpected" not in line


def test_date_format_that_means_nothing_is_a_bad_argument(
    importer: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", long_lines(["Main"], quarters("2026-01-20", 30)))
    assert importer("--timezone", ZONE, "--date-format", "%Q", path) == 2
    assert "--date-format '%Q'" in capsys.readouterr().err


def test_escapes_of_a_terminal_do_not_reach_the_reject_file(importer: Import, tmp_path: Path) -> None:
    lines = [*long_lines(["Main"], quarters("2026-01-20", 30)), "\x1b[31mEvil\x07,2026-01-20 07:30,\x1b]0;x"]
    path = write(tmp_path / "a.csv", lines)
    assert importer("--timezone", ZONE, "--interval-minutes", 15, path) == 1
    assert rejects_of(path) == [("32", "\\x1b[31mEvil\\x07", "2026-01-20 07:30", "\\x1b]0;x", "unreadable_number")]
