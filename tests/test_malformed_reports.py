"""Reports from outside: whatever is wrong with one ends in one line and exit code 1, before anything is made of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import NOW, checked_week, make_report

from config.site_file import Branding
from deliver import explain_finding, render_report, send_report
from deliver.files.report_files import write_pages
from deliver.reports.family import assemble_customer_report
from govern import record_report
from lib import cli, db
from lib.bounded_files import MAX_REPORT_BYTES
from lib.errors import DataError, PipelineError
from lib.report_findings import list_findings
from lib.report_schema import REPORT_VERSION, read_checked_report

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PIXEL = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI5IiBoZWlnaHQ9IjkiLz4="
MARKUP = "#fff;}</style><script>alert(1)</script>"


@cache
def weekly_text() -> str:
    return json.dumps(make_report())


def changed(**places: Any) -> str:
    """Return the weekly report with values put at places such as ``metadata__site__siteId``."""
    report = json.loads(weekly_text())
    for place, value in places.items():
        *parents, last = place.split("__")
        part = report
        for name in parents:
            part = part[name]
        part[last] = value
    return json.dumps(report)


@pytest.fixture
def run_all(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[bytes], list[tuple[int, str]]]:
    """Give a file to each script that takes a report; return of each the exit code and what it wrote to stderr."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(send_report, "SENT_LOG", tmp_path / "sent_log.jsonl")

    def run(content: bytes) -> list[tuple[int, str]]:
        path = tmp_path / "report.json"
        path.write_bytes(content)
        ended = []
        for main, args in (
            (render_report.main, ["--html"]),
            (send_report.main, ["--to", "a@example.com", "--dry-run"]),
            (explain_finding.main, ["after_hours-1"]),
            (record_report.main, []),
        ):
            code = cli.run(main, [str(path), *args])
            ended.append((code, capsys.readouterr().err))
        return ended

    return run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe{}", "is no JSON"),
        (b"[" * 100_000, "is no report (nested too deep)"),
        (b'{"metadata": ' * 5_000 + b"1" + b"}" * 5_000, "is no report (nested too deep)"),
        (b"[]", "is no report"),
        (b'"report"', "is no report"),
        (b'{"metadata": []}', "is no weekly report as its schema describes it"),
        (b'{"metadata": {"generatedAt": "a\\u0000b"}}', "is no report"),
        (b'{"metadata": {"reportKind": ["weekly"]}}', "is of the unknown kind"),
        (b'{"metadata": {"reportKind": "../../etc/passwd"}}', "is of the unknown kind"),
        (b'{"metadata": {"generatedAt": NaN}}', "NaN is no number of JSON"),
        (b'{"metadata": {"generatedAt": 1e999}}', "is no JSON"),
        (b'{"metadata": {"generatedAt": "\\ud800"}}', "is no JSON"),
        (b"1" * 5_000, "is no JSON"),
    ],
)
def test_what_is_no_report_ends_in_one_line(
    run_all: Callable[[bytes], list[tuple[int, str]]], content: bytes, message: str
) -> None:
    for code, said in run_all(content):
        (line,) = said.splitlines()
        assert (code, message in line, "unexpected" in line) == (1, True, False), line


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"metadata__site__siteId": "../../../etc/passwd"}, "metadata.site.siteId"),
        ({"metadata__site__siteId": -7}, "metadata.site.siteId"),
        ({"metadata__site__siteId": 7.5}, "metadata.site.siteId"),
        ({"metadata__site": "7"}, "metadata.site"),
        ({"metadata__period": None}, "metadata.period"),
        ({"metadata__period__start": "2026-01-12"}, "metadata.period.start"),
        ({"metadata__generatedAt": "../../x"}, "metadata.generatedAt"),
        ({"metadata__validation__blockingChecks": "all"}, "metadata.validation.blockingChecks"),
        ({"summary": []}, "summary"),
        ({"summary__headline": "one"}, "summary.headline"),
        ({"sections": None}, "sections"),
        ({"sections__quickWins": "many"}, "sections.quickWins"),
        ({"charts": 10**400}, "charts"),
    ],
)
def test_what_breaks_the_schema_is_named_before_anything_is_made(
    run_all: Callable[[bytes], list[tuple[int, str]]], conn: Connection, places: dict[str, Any], message: str
) -> None:
    for code, said in run_all(changed(**places).encode()):
        (line,) = said.splitlines()
        assert code == 1, line
        assert f"is no weekly report as its schema describes it ({message}" in line or message == "charts", line
        assert "unexpected" not in line
    assert db.fetch_all(conn, "SELECT count(*) FROM report_runs") == [(0,)]


def test_a_sound_report_passes_all_of_them(run_all: Callable[[bytes], list[tuple[int, str]]], conn: Connection) -> None:
    codes = [code for code, _ in run_all(weekly_text().encode())]
    assert codes[:2] == [0, 0] and codes[3] == 0
    assert db.fetch_all(conn, "SELECT organization_id FROM report_runs") == [(7,)]


def test_one_larger_than_any_report_is_not_read(run_all: Callable[[bytes], list[tuple[int, str]]]) -> None:
    for code, said in run_all(b" " * (MAX_REPORT_BYTES + 1)):
        (line,) = said.splitlines()
        assert (code, "report.json is larger than 64 MB" in line) == (1, True)


@pytest.mark.parametrize(
    ("branding", "message"),
    [
        ({"color": MARKUP}, "branding.color"),
        ({"color": "red"}, "branding.color"),
        ({"color": "#0b6b67\n"}, "branding.color"),
        ({"logo": "data:image/gif;base64,AAAA"}, "branding.logo"),
        ({"logo": "https://example.com/pixel.png"}, "branding.logo"),
        ({"logo": 'data:image/png;base64,AAAA" onload="x'}, "branding.logo"),
        ({"name": 7}, "branding.name"),
    ],
)
def test_branding_may_carry_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], branding: dict[str, Any], message: str
) -> None:
    report = assemble_customer_report(checked_week(), Branding("Acme", "#0b6b67", PIXEL, "Jane"), NOW)
    path = tmp_path / "customer.json"
    path.write_text(json.dumps(report))
    assert cli.run(render_report.main, [str(path), "--html"]) == 0
    before = path.with_suffix(".html").read_bytes()
    report["branding"] |= branding
    path.write_text(json.dumps(report))
    with pytest.raises(DataError, match=f"is no customer report as its schema describes it .{message}"):
        read_checked_report(path)
    capsys.readouterr()
    assert cli.run(render_report.main, [str(path), "--html"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert path.with_suffix(".html").read_bytes() == before


def test_a_logo_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    brand = Branding("Acme", "#0b6b67", "data:image/png;base64,AAAA", "Jane")
    report = json.loads(json.dumps(assemble_customer_report(checked_week(), brand, NOW)))
    with pytest.raises(PipelineError):
        write_pages(report, tmp_path / "customer", html=False, pdf=True)
    assert not (tmp_path / "customer.pdf").exists()


HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    -1,
    10**30,
    1e300,
    "",
    "x" * 10_000,
    MARKUP,
    [],
    {},
    [[]],
    True,
    "9999-99-99T99:99:99Z",
)


def places_of(part: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where each value of a report stands."""
    yield place
    for key, value in part.items() if isinstance(part, dict) else enumerate(part[:2]) if isinstance(part, list) else ():
        yield from places_of(value, (*place, key))


def test_whatever_value_is_changed_ends_in_a_page_or_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliver.pages.html_page.draw_chart", lambda kind, data, width: "<svg></svg>")
    chance, places = random.Random(14), [place for place in places_of(make_report()) if place]
    ended = {0: 0, 1: 0}
    for _ in range(250):
        *parents, last = chance.choice(places)
        report = make_report()
        part: Any = report
        for name in parents:
            part = part[name]
        part[last] = chance.choice(HOSTILE_VALUES)
        path = tmp_path / "report.json"
        path.write_text(json.dumps(report))
        code = cli.run(render_report.main, [str(path), "--html"])
        said = capsys.readouterr().err.splitlines()
        assert (code in (0, 1), len(said)) == (True, code), (parents, last, said)
        assert "unexpected" not in "".join(said), (parents, last, said)
        ended[code] += 1
    assert min(ended.values()) > 50


def older(version: str = "1.1", without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the weekly report as if an earlier version of this project had written it: without some keys of today."""
    report: dict[str, Any] = json.loads(weekly_text())
    report["metadata"]["reportVersion"] = version
    del report["methods"], report["consumption"]["carbon"], report["sections"]["electricalHealth"]
    for win in report["sections"]["quickWins"]:
        del win["findingId"], win["evidence"]
    for name in without:
        del report["sections"][name]
    return report


@pytest.fixture
def record(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[dict[str, Any]], tuple[int, str, str]]:
    """Give a report to record_report; return the exit code and what it wrote to stdout and stderr."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(report: dict[str, Any]) -> tuple[int, str, str]:
        path = tmp_path / "weekly_report_7_2026-01-12.json"
        path.write_text(json.dumps(report))
        code = cli.run(record_report.main, [str(path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Recorder = Callable[[dict[str, Any]], tuple[int, str, str]]


def test_a_report_of_an_earlier_version_is_recorded_with_what_it_found(record: Recorder, conn: Connection) -> None:
    code, out, err = record(older())
    assert (code, err) == (0, "") and out.startswith("weekly_report_7_2026-01-12.json: report run ")
    assert db.fetch_all(conn, "SELECT organization_id, kind FROM report_runs") == [(7, "weekly")]
    expected = {finding.finding_id for finding in list_findings(older())}
    assert {name for (name,) in db.fetch_all(conn, "SELECT finding_id FROM report_findings")} == expected != set()
    conn.rollback()
    assert record(older()) == (0, "", "")


def test_one_whose_findings_cannot_be_read_is_recorded_without_them(record: Recorder, conn: Connection) -> None:
    report = older("1.0")
    for win in report["sections"]["quickWins"]:
        del win["impact"]
    code, out, err = record(report)
    (line,) = err.splitlines()
    assert (code, "report run" in out) == (0, True)
    assert line.endswith("is of report version 1.0, which lacks 'impact': recorded without its findings")
    tables = ("report_runs", "report_weeks", "report_findings")
    assert [db.fetch_all(conn, f"SELECT count(*) FROM {name}") for name in tables] == [[(1,)], [(0,)], [(0,)]]
    conn.rollback()
    assert record(report) == (0, "", "")  # said once


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("metadata", "site", "siteId"), "../../etc/passwd", "metadata.site.siteId"),
        (("metadata", "generatedAt"), "soon", "metadata.generatedAt"),
        (("metadata", "period"), {"start": "2026-01-12T00:00:00-05:00"}, '"end" is a required property'),
        (("metadata", "period", "timezone"), "Mars/Olympus", "ZoneInfoNotFoundError"),
        (("metadata", "validation"), {}, "is a required property"),
        (("sections", "quickWins"), "many", "sections.quickWins"),
        (("sections", "quickWins"), [{"impact": {"weeklyKwh": "1"}}], "sections.quickWins.0.impact.weeklyKwh"),
        (("metadata", "reportVersion"), REPORT_VERSION, "is a required property"),  # it lacks keys all the same
        (("metadata", "reportVersion"), "1.99", "is a required property"),
        (("metadata", "reportVersion"), "1.0\n", "is a required property"),
        (("metadata", "reportVersion"), "0x1", "is a required property"),
        (("metadata", "reportVersion"), 1, "is a required property"),
    ],
)
def test_to_say_that_it_is_older_excuses_nothing_but_missing_keys(
    record: Recorder, conn: Connection, place: tuple[str, ...], value: Any, message: str
) -> None:
    report = older()
    part: Any = report
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    code, out, err = record(report)
    (line,) = err.splitlines()
    assert (code, out, message in line, "unexpected" in line) == (1, "", True, False), line
    assert db.fetch_all(conn, "SELECT count(*) FROM report_runs") == [(0,)]


def test_what_is_recorded_is_skipped_before_it_is_read(
    record: Recorder, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record(older())[0] == 0
    monkeypatch.setattr(record_report, "parse_report", None)
    assert record(older()) == (0, "", "")
