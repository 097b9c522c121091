"""Every path that a script takes: a folder, a device, a pipe, a socket or another's file is refused before any work."""

from __future__ import annotations

import ast
import errno
import importlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_factory import make_report
from strange_files import STRANGE, listing, make_strange
from wrapper_tree import Tree

from analyze.week.command_line import SCORES_START
from deliver.files.report_files import is_pdf, is_report, page_places, write_pages, write_report
from ingest.files.reject_file import COLUMNS, is_reject_file
from lib import cli
from lib.errors import PipelineError, UsageError
from lib.html_templates import _PAGE_START, is_page
from lib.paths import PROJECT_ROOT, begins_with, check_file, check_folder, open_atomically, write_atomically

REPORT = b'{\n  "metadata": {\n    "generatedAt": "2026-01-20T06:00:00+00:00"\n  }\n}\n'
IMPORT = ["ingest/import_csv.py", "--site", "900001", "--timezone", "UTC"]
# {} is the path; {csv} and {report} are sound files.
FILES_TO_WRITE = [
    [*IMPORT, "{csv}", "--rejects", "{}"],
    ["govern/data_quality_report.py", "--html", "{}"],
    ["analyze/anomaly_detection.py", "--site", "1", "--scores", "{}"],
    *(
        [f"deliver/generate_{name}.py", "--site", "1", "--out", "{}"]
        for name in ("weekly_report", "customer_report", "asset_health", "electrical_health", "monthly_summary")
    ),
    ["deliver/generate_portfolio.py", "--out", "{}"],
    ["operations/sandbox/eniscope_sandbox.py", "--url-file", "{}"],
]
FILES_TO_READ = [
    [*IMPORT, "{}"],
    [*IMPORT, "{csv}", "{}"],
    ["govern/record_report.py", "{}"],
    ["deliver/render_report.py", "{}"],
    ["deliver/send_report.py", "{}", "--to", "a@example.com"],
    ["deliver/explain_finding.py", "{}", "finding"],
    ["operations/sandbox/eniscope_sandbox.py", "--replay", "{}"],
]
FOLDERS = [
    ["deliver/export_for_tableau.py", "--site", "1", "--out", "{}"],
    ["deliver/render_report.py", "{report}", "--out", "{}"],
    ["operations/embedded_postgres.py", "status", "--data-dir", "{}"],
]


@pytest.fixture
def sound(tmp_path: Path) -> dict[str, Path]:
    files = {"csv": tmp_path / "given" / "meters.csv", "report": tmp_path / "given" / "report.json"}
    files["csv"].parent.mkdir()
    files["csv"].write_text("channel,timestamp,energy_kwh\nMain,2026-01-20 00:00,1\n")
    files["report"].write_bytes(REPORT)
    return files


def run(command: list[str], place: Path, sound: dict[str, Path]) -> int:
    """Run a script's main as a process would; the database is not set, so that work would end with exit code 1."""
    script, *args = (part.format(place, **sound) if "{" in part else part for part in command)
    module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
    try:
        return cli.run(module.main, args)
    except SystemExit as ended:
        return int(ended.code or 0)


def name_of(command: list[str]) -> str:
    return " ".join(command[:1] + [part for part in command if part.startswith("--")][-1:])


def check_refused(
    command: list[str], place: Path, sound: dict[str, Path], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sound["csv"].parents[1]
    before = listing(folder)
    assert run(command, place, sound) == 2
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert f"{place} is {why}" in printed.err
    assert listing(folder) == before


KINDS = {"folder": "a folder", "pipe": "a pipe", "socket": "a socket", "device": "a device"}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("command", [*FILES_TO_WRITE, *FILES_TO_READ], ids=name_of)
def test_only_a_file_is_read_or_written(
    command: list[str], kind: str, tmp_path: Path, sound: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_strange(tmp_path / "strange", kind)
    check_refused(command, place, sound, f"{KINDS[kind.rsplit(' ', 1)[-1]]}; give a file", capsys)


@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize("command", FILES_TO_WRITE, ids=name_of)
def test_anothers_file_is_not_replaced(
    command: list[str], is_link: bool, tmp_path: Path, sound: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "notes.json"
    place.write_text('{"mine": 1}')
    if is_link:
        place = tmp_path / "link.json"
        place.symlink_to(tmp_path / "notes.json")
    check_refused(command, place, sound, "there already and was not written by this script; give another name", capsys)


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("command", FILES_TO_WRITE, ids=name_of)
def test_what_is_printed_to_is_no_place_for_a_file(
    command: list[str], name: str, sound: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    args = [part if part != "{}" or name != "-" else "-" for part in command]
    assert run(args, Path(name), sound) == 2
    printed = capfd.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)


@pytest.mark.parametrize("kind", ["file", *(kind for kind in STRANGE if "folder" not in kind)])
@pytest.mark.parametrize("is_below", [False, True])
@pytest.mark.parametrize("command", FOLDERS, ids=name_of)
def test_only_a_folder_is_written_into(
    command: list[str], is_below: bool, kind: str, tmp_path: Path, sound: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if kind == "file":
        place = tmp_path / "notes"
        place.write_text("precious")
    else:
        place = make_strange(tmp_path / "strange", kind)
    before = listing(tmp_path)
    assert run(command, place / "new" if is_below else place, sound) == 2
    assert f"{place} is a{' file' if kind == 'file' else ''}" in capsys.readouterr().err
    assert listing(tmp_path) == before


def test_the_pages_beside_a_report_replace_no_other_file(
    tmp_path: Path, sound: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in ("html", "pdf"):
        (tmp_path / f"week.{ending}").write_text("precious")
        for command in FILES_TO_WRITE[3:9]:
            before = listing(tmp_path)
            assert run([*command, f"--{ending}"], tmp_path / "week.json", sound) == 2, command
            assert f"week.{ending} is there already and was not written" in capsys.readouterr().err
            assert listing(tmp_path) == before
    command = ["deliver/render_report.py", "{report}", "--html", "--out", "{}"]
    (tmp_path / "report.html").write_text("precious")
    assert run(command, tmp_path, sound) == 2
    assert "report.html is there already" in capsys.readouterr().err
    assert run([*FILES_TO_WRITE[3], "--html"], tmp_path / "new.html", sound) == 2
    assert "new.html is where the page goes; name the report's file, which ends in .json" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "parquet", "hyper"])
def test_an_export_replaces_its_own_files_only(suffix: str, tmp_path: Path, sound: dict[str, Path]) -> None:
    from deliver.export_for_tableau import check_places

    check_places(tmp_path / "new", suffix)
    place = tmp_path / f"tableau_readings.{suffix}"
    place.write_bytes({"csv": b"site_id,site_name\n", "parquet": b"PAR1...", "hyper": b"HyPer..."}[suffix])
    check_places(tmp_path, suffix)
    place.write_text("precious")
    with pytest.raises(UsageError, match="was not written by this script"):
        check_places(tmp_path, suffix)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(UsageError, match="is a pipe"):
        check_places(tmp_path, suffix)


def test_rejects_beside_the_file_replace_no_other(sound: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = sound["csv"].with_name("meters.csv.rejects.csv")
    place.write_text("file,line\nmine,1\n")
    check_refused([*IMPORT, "{csv}"], place, sound, "there already and was not written by this script", capsys)


def test_own_files_are_known_again_and_no_others(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    rejects, scores = (",".join(COLUMNS) + "\r\n").encode(), begins_with(SCORES_START)
    known = [
        (is_reject_file, rejects + b"a,1\r\n"), (is_report, REPORT), (is_report, b'{"metadata": {"generatedAt": 1}}'),
        (is_page, _PAGE_START + b" img"), (is_pdf, b"%PDF-1.7 ... /Creator(Typst 0.15)"), (scores, SCORES_START),
    ]  # fmt: skip
    for is_own, content in known:
        own.write_bytes(content)
        assert check_file(own, is_own) == own
        for wrong in (content[1:], content[:5], b"x" + content, b"[" + content):
            other.write_bytes(wrong)
            with pytest.raises(UsageError, match="was not written by this script"):
                check_file(other, is_own)
    other.write_bytes(b"")
    assert check_file(other, is_report) == other, "nothing is lost with an empty file"
    assert check_file(tmp_path / "new folder" / "new", is_report).parent.exists() is False


def test_reports_and_pages_are_what_is_known_again(tmp_path: Path) -> None:
    place, report = tmp_path / "week.json", make_report()
    for _ in range(2):
        write_report(report, place)
        assert is_report(place)
        assert write_pages(report, place.with_suffix(""), html=True, pdf=True) == [
            path for path, _ in page_places(tmp_path / "week", html=True, pdf=True)
        ]
    assert is_page(tmp_path / "week.html") and is_pdf(tmp_path / "week.pdf")
    (tmp_path / "week.pdf").write_bytes(b"%PDF-1.7 made smaller by another program")
    assert is_pdf(tmp_path / "week.pdf"), "beside its report"
    place.write_text(json.dumps({"mine": 1}))
    assert not is_pdf(tmp_path / "week.pdf")
    with pytest.raises(UsageError, match="was not written by this script"):
        write_report(report, place)


@pytest.fixture
def no_more_room() -> Iterator[None]:
    """Let files grow to a thousand bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path, no_more_room: None) -> None:
    place = tmp_path / "report.json"
    place.write_text("old")
    with pytest.raises(PipelineError, match=rf"cannot write {place}: .+; choose another place"):
        write_atomically(place, "x" * 2000)
    assert (place.read_text(), list(tmp_path.iterdir())) == ("old", [place])


def test_a_folder_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert cli.run(lambda _: write_atomically(tmp_path / "report.json", "x") or 0) == 1
    told = capsys.readouterr().err
    assert told.endswith(f" cannot write {tmp_path}/report.json: Read-only file system; choose another place\n")
    assert list(tmp_path.iterdir()) == []


def test_links_stay_and_what_they_lead_to_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with open_atomically(check_file(link, is_report)) as handle:
        handle.write(REPORT)
    assert (link.is_symlink(), target.read_bytes()) == (True, REPORT)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(UsageError, match="cannot look at .*loop"):
        check_file(loop, is_report)
    with pytest.raises(UsageError, match=r"target is a file; give a folder"):
        check_folder(target / "below" / "it")


@pytest.mark.parametrize(
    "path", sorted(PROJECT_ROOT.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_path_that_a_script_takes_is_checked(path: Path) -> None:
    """A bare Path as the type of an argument takes everything."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    types = [word.value for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords
             if word.arg == "type"]  # fmt: skip
    assert not [node.lineno for node in types if isinstance(node, ast.Name) and node.id == "Path"]


@pytest.mark.parametrize("name", [".daily_sync.lock", "daily_sync.log"])
def test_a_pipe_in_the_place_of_a_log_or_lock_is_not_waited_for(tree: Tree, name: str) -> None:
    place = tree.root / "logs" / name
    place.parent.mkdir()
    os.mkfifo(place)
    ended = tree.run("operations/daily_sync.sh")
    assert (ended.returncode, tree.calls) == (1, [])
    assert f"{place} is not a file; move it away" in ended.stderr
