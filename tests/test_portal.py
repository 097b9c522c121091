"""The portal's folder: what it holds, that only what changed is written, and nothing but its own is ever touched."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from finding_factory import MONDAY, WASTE
from portal_factory import NOW, add_site, fill, record, report_of
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE, read_html
from week_factory import spaced

from deliver.portal import links
from deliver.portal.publish import publish_sites
from deliver.portal.record import LOCK, RECORD, SiteFacts, open_folder
from deliver.portal.words import quality_state, sync_state
from lib import db
from lib.errors import DataError, PipelineError, UsageError
from lib.readings import load_sites

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Site(HTMLParser):
    """The links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value or "" for name, value in attrs if name == "href"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports", tmp_path / "portal"


def publish(
    conn: Connection, folders: tuple[Path, Path], *site_ids: int, weeks: int = 53
) -> tuple[list[str], list[str], list[str]]:
    """Publish and return what was written, removed, and what problems were met."""
    reports, out = folders
    every = load_sites(conn)
    own = [site for site in every if site.site_id in site_ids] if site_ids else every
    with open_folder(out) as folder:
        problems = publish_sites(conn, folder, every, own, reports, NOW, weeks)
    return folder.written, folder.removed, problems


def pages_of(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.html"))


def table_of(text: str) -> list[list[str]]:
    """Return the texts of the cells of a page's tables, row by row; a cell's second line stands behind a bar."""
    body = "".join(re.findall(r"<tbody.*?</tbody>", text, re.DOTALL)).replace("\N{NO-BREAK SPACE}", " ")
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [[_words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def _words(cell: str) -> str:
    return " | ".join(filter(None, (part.strip() for part in re.sub(r"<[^>]+>", "\n", cell).split("\n"))))


def test_every_page_is_there_and_every_link_leads_to_one(conn: Connection, folders: tuple[Path, Path]) -> None:
    fill(conn, folders[0], sites=2, weeks=2)
    written, removed, problems = publish(conn, folders)
    expected = ["index.html"] + [
        f"sites/{site}/{page}.html"
        for site in (1, 2)
        for page in ("findings", "index", "quality", "week-2026-01-05", "week-2026-01-12")
    ]
    assert (sorted(written), removed, problems, pages_of(folders[1])) == (expected, [], [], expected)
    for place in expected:
        text = (folders[1] / place).read_text(encoding="utf-8")
        for href in Site(text).hrefs:
            page, _, anchor = href.partition("#")
            target = (folders[1] / place).parent / page if page else folders[1] / place
            assert not href.startswith(("/", "http", "file:"))
            assert target.is_file(), (place, href)
            assert f'id="{anchor}"' in target.read_text(encoding="utf-8") if anchor else True
    rows = table_of((folders[1] / "index.html").read_text(encoding="utf-8"))
    assert rows[1] == [
        "Site 002 | Town 2, US, 2", "Jan 12 – 18, 2026", "at least 241 kWh", "−18 %", "$4.74", "1",
        "76.8 % complete | Not checked yet", "No readings yet",
    ]  # fmt: skip


def test_weeks_lead_to_their_neighbours_and_findings_have_their_history(
    conn: Connection, folders: tuple[Path, Path]
) -> None:
    fill(conn, folders[0], sites=1, weeks=3)
    publish(conn, folders)
    site = folders[1] / "sites/1"
    middle = (site / "week-2026-01-12.html").read_text(encoding="utf-8")
    assert '<a href="week-2026-01-05.html" rel="prev"><bdi>← Earlier</bdi></a>' in middle
    assert '<a href="week-2026-01-19.html" rel="next"><bdi>Later →</bdi></a>' in middle
    assert 'rel="next"' not in (site / "week-2026-01-19.html").read_text(encoding="utf-8")
    findings = (site / "findings.html").read_text(encoding="utf-8")
    assert f'<details class="finding warn" id="finding-{WASTE}">' in findings
    assert table_of(findings) == [[f"Week of January {day}, 2026", "seen", "10.0 kWh", "$1.00"] for day in (19, 12, 5)]


def test_only_what_changed_is_written(conn: Connection, folders: tuple[Path, Path]) -> None:
    fill(conn, folders[0], sites=2, weeks=2)
    publish(conn, folders)
    before = {place: (folders[1] / place).stat().st_mtime_ns for place in [*pages_of(folders[1]), RECORD]}
    assert publish(conn, folders) == ([], [], [])
    assert {place: (folders[1] / place).stat().st_mtime_ns for place in before} == before

    record(conn, folders[0], report_of(2, "Site 002", MONDAY + timedelta(weeks=2), scale=3.0), kwh=None)
    written, removed, problems = publish(conn, folders, 2)
    assert (sorted(written), removed, problems) == (
        ["index.html", "sites/2/findings.html", "sites/2/index.html", "sites/2/quality.html",
         "sites/2/week-2026-01-12.html", "sites/2/week-2026-01-19.html"], [], [],
    )  # fmt: skip  # the week before has a later one now
    assert "Jan 19 – 25, 2026" in (folders[1] / "index.html").read_text(encoding="utf-8").replace("\xa0", " ")

    record(conn, folders[0], report_of(2, "Site 002", MONDAY, scale=9.0, version=2))
    assert sorted(publish(conn, folders)[0]) == [
        "sites/2/findings.html",
        "sites/2/index.html",
        "sites/2/week-2026-01-05.html",
    ]
    db.execute(
        conn,
        "INSERT INTO finding_marks (organization_id, finding_id, state, made_by) VALUES (1, %s, 'wrong', 'A')",
        (WASTE,),
    )
    assert sorted(publish(conn, folders)[0]) == ["index.html", "sites/1/findings.html", "sites/1/index.html"]


def test_lost_and_cut_off_pages_are_made_again(conn: Connection, folders: tuple[Path, Path]) -> None:
    fill(conn, folders[0], sites=1, weeks=1)
    publish(conn, folders)
    week, index = folders[1] / "sites/1/week-2026-01-05.html", folders[1] / "index.html"
    whole = week.read_bytes(), index.read_bytes()
    week.write_bytes(whole[0][:1000])
    index.unlink()
    assert sorted(publish(conn, folders)[0]) == ["index.html", "sites/1/week-2026-01-05.html"]
    assert (week.read_bytes(), index.read_bytes()) == whole


def test_what_is_gone_is_removed_and_nothing_else(conn: Connection, folders: tuple[Path, Path]) -> None:
    fill(conn, folders[0], sites=2, weeks=3)
    publish(conn, folders)
    (folders[1] / "robots.txt").write_text("theirs")
    (folders[1] / "sites/1/notes.txt").write_text("theirs too")
    assert publish(conn, folders, weeks=2)[1] == ["sites/1/week-2026-01-05.html", "sites/2/week-2026-01-05.html"]
    for table in ("organizations", "report_weeks"):
        db.execute(conn, f"DELETE FROM {table} WHERE organization_id = 1")
    _, removed, _ = publish(conn, folders, 2, weeks=2)
    assert len(removed) == 5
    assert sorted(path.relative_to(folders[1]).as_posix() for path in folders[1].rglob("*") if path.is_file()) == [
        RECORD, LOCK, "index.html", "robots.txt", "sites/1/notes.txt",
        *(f"sites/2/{page}.html" for page in ("findings", "index", "quality", "week-2026-01-12", "week-2026-01-19")),
    ]  # fmt: skip
    assert "Site 001" not in (folders[1] / "index.html").read_text(encoding="utf-8")


def test_page_stays_when_its_report_is_cleaned_away_and_is_refused_when_it_changed(
    conn: Connection, folders: tuple[Path, Path]
) -> None:
    fill(conn, folders[0], sites=1, weeks=2)
    publish(conn, folders)
    (folders[0] / "weekly_report_1_2026-01-05.json").unlink()
    assert publish(conn, folders) == ([], [], [])
    place = folders[1] / "sites/1/week-2026-01-05.html"
    place.unlink()
    _, removed, problems = publish(conn, folders)
    assert removed == ["sites/1/week-2026-01-05.html"]
    assert problems == [
        "site 1, Week of January 5, 2026: its report weekly_report_1_2026-01-05.json can't be read "
        f"(No such file or directory); look for it in {folders[0]}"
    ]
    row = table_of((folders[1] / "sites/1/index.html").read_text(encoding="utf-8"))[-1]
    assert row[0] == "Week of January 5, 2026"
    assert "can&#39;t be read" in row[-1]


def test_page_beside_the_report_is_taken_only_where_it_is_of_this_very_report(
    conn: Connection, folders: tuple[Path, Path]
) -> None:
    add_site(conn, 1, "One")
    path = record(conn, folders[0], report_of(1, "One", MONDAY))
    beside = path.with_suffix(".html")
    marked = beside.read_text(encoding="utf-8").replace("<title>", "<title>taken ")
    beside.write_text(marked.replace("2026-01-12T01:00:00", "2026-01-12T02:00:00"))
    publish(conn, folders)
    page = folders[1] / "sites/1/week-2026-01-05.html"
    assert "<title>taken" not in page.read_text(encoding="utf-8")
    page.unlink()
    beside.write_text(marked)
    publish(conn, folders)
    assert "<title>taken" in page.read_text(encoding="utf-8")


def test_hostile_names_are_text_everywhere(conn: Connection, folders: tuple[Path, Path]) -> None:
    for site_id, name in enumerate([HOSTILE_SITE, *HOSTILE_NAMES, "<!-- trail --><!-- /trail -->\"'>"], 1):
        add_site(conn, site_id, name, city=HOSTILE_NAMES[0])
        record(conn, folders[0], report_of(site_id, name, MONDAY))
    db.execute(conn, "UPDATE report_findings SET title = %s, meter_name = %s", (HOSTILE_NAMES[0], HOSTILE_SITE))
    columns = "organization_id, finding_id, state, made_by, note"
    mark = f"INSERT INTO finding_marks ({columns}) VALUES (1, %s, 'planned', %s, %s)"
    db.execute(conn, mark, (WASTE, HOSTILE_NAMES[0], "</script><script>alert(1)</script>"))
    assert publish(conn, folders)[2] == []
    for place in pages_of(folders[1]):
        text = (folders[1] / place).read_text(encoding="utf-8")
        parsed = read_html(text)
        assert "<script>alert" not in text, place
        if "/week-" not in place and "/month-" not in place:  # their scripts are the report's affair
            assert [tag for tag, _ in parsed.elements].count("script") == 1, place
        assert not [attrs for _, attrs in parsed.elements if any(name.startswith("on") for name in attrs)]
        assert links.is_page_place(place)


def test_foreign_folder_is_refused(conn: Connection, folders: tuple[Path, Path]) -> None:
    out = folders[1]
    out.mkdir()
    (out / ".htaccess").write_text("password")
    (out / "photos").mkdir()
    with pytest.raises(UsageError, match="holds 'photos' and is no portal of this project"), open_folder(out):
        pass
    assert sorted(path.name for path in out.iterdir()) == [".htaccess", "photos"]
    (out / "photos").rmdir()
    with open_folder(out):  # what begins with a dot is the host's
        pass
    (out / RECORD).write_text('{"portal": 1, "pages": {"../../etc/passwd": {"source": ""}}}')
    with pytest.raises(DataError, match="which is no page"), open_folder(out):
        pass
    (out / RECORD).write_text("{")
    with pytest.raises(DataError, match="remove the portal's folder and publish again"), open_folder(out):
        pass
    (out / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; give a folder"), open_folder(out / "file" / "portal"):
        pass


def test_portal_of_another_database_is_refused(folders: tuple[Path, Path]) -> None:
    for _ in range(2):
        with open_folder(folders[1], "energy"):
            pass
    with (
        pytest.raises(UsageError, match="is the portal of the database 'energy', not of 'sandbox'; give another --out"),
        open_folder(folders[1], "sandbox"),
    ):
        pass


def test_run_that_was_cut_off_is_finished_by_the_next(
    conn: Connection, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(conn, folders[0], sites=2, weeks=2)

    def fail(*_: object) -> None:
        raise PipelineError("killed")

    with monkeypatch.context() as patch, pytest.raises(PipelineError, match="killed"):
        patch.setattr("deliver.portal.publish.quality_page", fail)
        publish(conn, folders)
    db.execute(conn, "DELETE FROM organizations WHERE organization_id = 1")
    db.execute(conn, "DELETE FROM report_weeks WHERE organization_id = 1")
    publish(conn, folders)
    assert {place.split("/")[1] for place in pages_of(folders[1]) if "/" in place} == {"2"}


def test_two_at_once_wait_for_each_other(folders: tuple[Path, Path]) -> None:
    order: list[str] = []

    def second() -> None:
        with open_folder(folders[1]):
            order.append("second")

    with open_folder(folders[1]) as folder:
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        folder.put("index.html", "text", "a")
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]
    assert json.loads((folders[1] / RECORD).read_text())["pages"]["index.html"]["size"] == 4


FACTS = SiteFacts(
    1, "One", "", "eniscope", "closed", is_current=True, failed_checks=0, warnings=0, held_because=None,
    reading_end="2026-03-02T06:00:00-05:00", fetched_at="2026-03-02T06:01:00-05:00", attempts_failed=0, meters=4,
    silent_meters=0, open_findings=0,
)  # fmt: skip


def changed(**values: Any) -> SiteFacts:
    return SiteFacts(**{name: getattr(FACTS, name) for name in FACTS.__struct_fields__} | values)


@pytest.mark.parametrize(
    ("facts", "text", "tone"),
    [
        (FACTS, "Readings to Mon, 2 Mar, 06:00", "good"),
        (changed(reading_end=None), "No readings yet", "bad"),
        (changed(fetched_at="2026-03-01T01:00:00-05:00"), "Readings to Mon, 2 Mar, 06:00", "good"),  # 30 hours
        (changed(fetched_at="2026-03-01T00:59:59-05:00"), "Late: last fetched Sun, 1 Mar, 00:59", "bad"),
        (changed(fetched_at=None), "Late: last fetched –", "bad"),
        (changed(reading_end="2026-03-01T00:45:00-05:00"), "Late: readings end Sun, 1 Mar, 00:45", "bad"),
        (changed(silent_meters=1), "Readings to Mon, 2 Mar, 06:00; 1 of 4 meters silent", "warn"),
        (changed(attempts_failed=2), "Readings to Mon, 2 Mar, 06:00; 2 requests failed", "warn"),
        (changed(data_source="file", fetched_at=None, reading_end="2025-03-01T00:00:00-05:00"),
         "Readings to Sat, 1 Mar, 00:00, from files", "calm"),
    ],
)  # fmt: skip
def test_sync_is_told_as_it_is(facts: SiteFacts, text: str, tone: str) -> None:
    state = sync_state(facts, NOW)
    assert (spaced(state.text), state.tone) == (text, tone)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (FACTS, "Passed"),
        (changed(warnings=4), "Passed, 4 warnings"),
        (changed(verdict="open", failed_checks=1), "Held back: 1 check failed"),
        (changed(verdict="missing"), "Not checked yet"),
        (changed(is_current=False), "Not checked since the latest readings"),
    ],
)
def test_data_quality_is_told_as_it_is(facts: SiteFacts, text: str) -> None:
    assert quality_state(facts).text == text


def test_script_publishes_and_says_what_has_no_page(
    conn: Connection, database_url: str, run_script: Callable[..., Any], folders: tuple[Path, Path]
) -> None:
    env = {"DATABASE_URL": database_url, "PORTAL_DIR": str(folders[1])}
    done = run_script("deliver/publish_portal.py", env=env)
    assert (done.returncode, "the database has no site; run: python" in done.stderr) == (1, True)
    fill(conn, folders[0], sites=2, weeks=1)
    command = ("deliver/publish_portal.py", "--reports", str(folders[0]))
    done = run_script(*command, "--site", "2", env=env)  # the other one is not known yet
    assert (done.returncode, done.stdout) == (0, f"{folders[1]}: 9 pages of 2 sites, 9 written, 0 removed\n")
    done = run_script(*command, "--site", "3", env=env)
    assert (done.returncode, "site 3 is not in the database" in done.stderr) == (1, True)
    record(conn, folders[0], report_of(1, "Site 001", date(2026, 2, 2))).unlink()
    conn.commit()
    done = run_script(*command, env=env)
    assert (done.returncode, "no page: site 1, Week of February 2, 2026" in done.stderr) == (1, True)
    done = run_script(*command, "--out", str(folders[0]), env=env)
    assert (done.returncode, "is no portal of this project" in done.stderr) == (2, True)
