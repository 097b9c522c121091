"""Files that no export makes: endless lines, bombs, parts without an end. Refused in one line, with memory to spare."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from file_import import LONG_HEADER, ZONE, long_lines, quarters

from config.settings import load_settings
from config.strict_toml import read_document
from ingest import import_csv
from ingest.files import espi_reader, interval_file, survey
from lib import bounded_files, cli
from lib.bounded_files import BoundedReader, buffered, open_bounded, read_whole
from lib.errors import ConfigError, DataError
from lib.paths import PROJECT_ROOT

MIB = 1024 * 1024
LARGEST_MIB = 400
LONG_MIB = 120  # for what takes time to write
# A run with pandas takes some 150 MB by itself.
MAX_RUN_MIB = 390


def import_by_itself(path: Path) -> tuple[int, str, float]:
    """Return exit code, what was written to stderr, and the memory [MiB] that a run of its own took at most."""
    measured = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]);"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    command = [
        sys.executable, PROJECT_ROOT / "ingest/import_csv.py", "--site", "900001", "--timezone", ZONE, "--check", path,
    ]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", measured, *command], capture_output=True, text=True, timeout=120)
    code, memory = done.stdout.split()[-2:]
    return int(code), done.stderr, float(memory)


def line_without_end(path: Path) -> None:
    path.write_text("\n".join(long_lines(["Main"], quarters("2026-01-20 00:00", 96))) + "\n")
    with path.open("ab") as handle:
        handle.truncate(LARGEST_MIB * MIB)


def header_without_end(path: Path) -> None:
    with path.open("wb") as handle:
        handle.write(b"timestamp,")
        handle.truncate(LARGEST_MIB * MIB)


def quote_without_end(path: Path) -> None:
    with path.open("wb") as handle:
        handle.write(f'{LONG_HEADER}\nMain,"2026-01-20 00:00\n'.encode())
        for _ in range(LONG_MIB):
            handle.write((b"x" * 1023 + b"\n") * 1024)


def long_rows(path: Path) -> None:
    with path.open("wb") as handle:
        handle.write(f"{LONG_HEADER}\n".encode())
        for _ in range(LONG_MIB // 4):
            handle.write((b"Main,2026-01-20 00:00,1.5" + b" " * 99_975 + b"\n") * 40)


def packed_zeros(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=9) as handle:
        handle.write(f"{LONG_HEADER}\n".encode())
        for _ in range(LARGEST_MIB):
            handle.write(bytes(MIB))


def xml_of(start: str, filling: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as handle:
            handle.write(f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{start}'.encode())
            for _ in range(LONG_MIB):
                handle.write(filling * (MIB // len(filling)))

    return write


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (line_without_end, "a line is longer than 1,024 kB"),
        (header_without_end, "a line is longer than 1,024 kB"),
        (quote_without_end, "a quote is not closed"),
        (long_rows, "its rows are longer than those of any export"),
        (packed_zeros, "a line is longer than 1,024 kB"),
        (xml_of("<entry><title>", b"x"), "has a text larger than any Green Button file has"),
        (xml_of("<!--", b"x"), "has a tag or comment larger than"),
        (xml_of('<entry a="', b"x"), "has a tag or comment larger than"),
        (xml_of("", b"<entry/>"), "has a number of entries, links and values larger than"),
        (xml_of("", b"<a>"), "has a depth of elements larger than"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line_with_memory_to_spare(
    tmp_path: Path, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / "meters.csv")
    code, said, memory_mib = import_by_itself(tmp_path / "meters.csv")
    (line,) = said.splitlines()
    assert (code, "meters.csv: " in line, message in line) == (1, True, True), said
    assert memory_mib < MAX_RUN_MIB


def read_in_pieces(reader: BoundedReader, size: int) -> bytes:
    pieces = []
    while piece := reader.read(size):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("before", [b"", b"a,b", b"x" * 97])
def test_a_line_may_have_its_length_and_not_one_byte_more(before: bytes, ending: bytes) -> None:
    start = before + ending if before else b""
    fits, beyond = (start + b"x" * length + ending + b"y" for length in (100, 101))
    for size in (1, 7, 50):
        reader = BoundedReader(io.BytesIO(fits), "f", max_line_bytes=100)
        assert read_in_pieces(reader, size) == fits
        reader = BoundedReader(io.BytesIO(beyond), "f", max_line_bytes=100)
        with pytest.raises(DataError, match="f: a line is longer"):
            read_in_pieces(reader, size)


def test_a_part_may_have_its_size_and_the_next_one_again() -> None:
    reader = BoundedReader(io.BytesIO(b"x" * 201), "f", max_part_bytes=100)
    for _ in range(2):
        assert reader.read(100) == b"x" * 100
        reader.begin_part()
    assert reader.read(1) == b"x"
    beyond = BoundedReader(io.BytesIO(b"x" * 101), "f", max_part_bytes=100)
    with pytest.raises(DataError, match="f: its rows are longer"):
        beyond.read(101)


def test_a_bomb_is_told_by_what_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_files, "PACKED_FROM_BYTES", 10_000)
    sound, bomb = tmp_path / "sound.csv", tmp_path / "bomb.csv"
    sound.write_bytes(gzip.compress("\n".join(long_lines(["Main"], quarters("2026-01-01 00:00", 5000))).encode()))
    bomb.write_bytes(gzip.compress(b"\n" * 1_000_000))
    with open_bounded(sound) as reader:
        assert len(buffered(reader).read()) > 100_000
    with pytest.raises(DataError, match="bomb.csv: unpacks to more than 250 times"), open_bounded(bomb) as reader:
        buffered(reader).read()
    small = tmp_path / "small.csv"
    small.write_bytes(gzip.compress(b"\n" * 10_000))
    with open_bounded(small) as reader:
        assert buffered(reader).read() == b"\n" * 10_000


def test_a_small_file_is_read_whole_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b"#" * MIB)
    assert read_whole(path, MIB) == b"#" * MIB
    path.write_bytes(b"#" * (MIB + 1))
    with pytest.raises(DataError, match="larger than 1 MB"):
        read_whole(path, MIB)


@pytest.mark.parametrize("name", ["23271.toml", "tariff.json", ".env"])
def test_settings_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as handle:
        handle.truncate(bounded_files.MAX_SETTINGS_BYTES + 1)
    with pytest.raises(ConfigError, match="is larger than 4 MB"):
        load_settings(path, {}) if name == ".env" else read_document(path)


def test_names_and_units_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(survey, "MAX_CHANNELS", 3)
    args = ["--site", "900001", "--timezone", ZONE, "--check"]
    path = tmp_path / "meters.csv"
    for count, code in ((3, 0), (4, 1)):
        names = [f"Meter {number}" for number in range(count)]
        path.write_text("\n".join(long_lines(names, quarters("2026-01-20 00:00", 30))) + "\n")
        assert cli.run(import_csv.main, [*args, str(path)]) == code
    assert "meters.csv: names more than 3 channels" in capsys.readouterr().err


def test_distances_beyond_counting_are_judged_as_before() -> None:
    distances = Counter({900: 30_000})
    distances.update({1000 + number: 1 for number in range(survey._MAX_DISTANCES)})
    before = distances.total()
    survey._forget_rare(distances)
    assert (distances.total(), distances[900], len(distances)) == (before, 30_000, survey._KEPT_DISTANCES + 1)
    with pytest.raises(DataError, match=r"only 60\.0 % of its times"):
        survey.establish_interval(distances, "meters.csv")


def test_limits_leave_room_for_what_exports_hold() -> None:
    widest_header = ",".join(f"Building {number}, Panel A, Circuit {number} (kWh)" for number in range(5000))
    assert len(widest_header) < bounded_files.MAX_LINE_BYTES
    longest_cell = len("2026-01-20T00:00:00.000000+01:00")
    assert longest_cell * interval_file.CHUNK_CELLS < interval_file.MAX_CHUNK_BYTES
    assert espi_reader._MAX_KEPT > 366 * 100  # a block a day, of a hundred meters
