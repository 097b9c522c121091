"""The portal in a real browser, with 200 sites: found, sorted, read on a phone and in the dark, opened from a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from finding_factory import MONDAY, WASTE
from portal_factory import NOW, add_site, fill, record, report_of
from test_page_in_browser import CHROMIUM, DESK, PHONE, open_page
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE

from deliver.portal.publish import publish_sites
from deliver.portal.record import open_folder
from lib import db
from lib.readings import load_sites

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
SITES, HOSTILE_ID = 200, 201
SITE_PAGES = ("index", "findings", "quality", "week-2026-01-12")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def portal(postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of 200 sites of one week each, and of one whose names are hostile, with two."""
    name, template = "portal_in_browser", urlsplit(template_database).path.lstrip("/")
    folder = tmp_path_factory.mktemp("portal")
    (folder / "reports").mkdir()
    with db.connect(postgres_url) as admin:
        admin.autocommit = True
        db.execute(admin, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    with db.connect(template_database.replace(template, name)) as conn:
        fill(conn, folder / "reports", sites=SITES, weeks=1)
        add_site(conn, HOSTILE_ID, HOSTILE_SITE, city=HOSTILE_NAMES[0])
        for week in (MONDAY, MONDAY.replace(day=12)):
            record(conn, folder / "reports", report_of(HOSTILE_ID, HOSTILE_SITE, week))
        every = load_sites(conn)
        with open_folder(folder / "portal") as out:
            assert publish_sites(conn, out, every, every, folder / "reports", NOW, 53) == []
    yield folder / "portal"
    with db.connect(postgres_url) as admin:
        admin.autocommit = True
        db.execute(admin, f'DROP DATABASE "{name}" WITH (FORCE)')


def shown(page: Page) -> list[str]:
    """Return the names of the sites that are shown, in order."""
    return page.evaluate(
        "[...document.querySelectorAll('#sites-table tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.querySelector('th bdi').textContent)"
    )


def test_sites_are_sorted_by_each_column(chromium: Browser, portal: Path) -> None:
    problems: list[str] = []
    page = open_page(chromium, portal / "index.html", problems, viewport=DESK)
    assert (len(shown(page)), shown(page)[0]) == (SITES + 1, "Site 001")
    for heading in ("Used", "Against normal", "Could save a week"):
        button = page.get_by_role("button", name=heading)
        button.click()
        assert page.get_by_role("columnheader", name=heading).get_attribute("aria-sort") == "ascending"
        rising = [name for name in shown(page) if name.startswith("Site")]
        assert rising == sorted(rising)  # what a site used and could save rises with its number
        button.click()
        assert page.get_by_role("columnheader", name=heading).get_attribute("aria-sort") == "descending"
        assert [name for name in shown(page) if name.startswith("Site")] == rising[::-1]
    for heading in ("Open findings", "Data", "Sync", "Week", "Site"):
        page.get_by_role("button", name=heading, exact=True).click()
        assert len(set(shown(page))) == SITES + 1
    assert problems == []


def test_sites_are_found_by_name_place_and_number(chromium: Browser, portal: Path) -> None:
    page = open_page(chromium, portal / "index.html", [], viewport=DESK)
    field = page.get_by_label("Find a site by name, place or number")
    field.fill("site 04 TOWN 3,")
    assert shown(page) == ["Site 045"]
    assert page.locator("output").text_content() == "1 of 201"
    field.fill("no such")
    assert (shown(page), page.locator("output").text_content()) == ([], "0 of 201")
    field.fill("")
    assert len(shown(page)) == SITES + 1
    assert page.locator("output").text_content() == ""


def test_everything_is_reached_by_keyboard(chromium: Browser, portal: Path) -> None:
    page = open_page(chromium, portal / "index.html", [], viewport=DESK)
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("[document.activeElement.tagName, document.activeElement.textContent.trim()]"))
    assert reached[0] == ["A", "Skip to the content"]
    assert [tag for tag, _ in reached[1:]] == ["INPUT", "DIV", *["BUTTON"] * 8, "A", "A", "A"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/1/index.html")
    page.get_by_role("link", name="Turn meter 10 off").press("Enter")
    page.wait_for_url(f"**/sites/1/findings.html#finding-{WASTE}")
    assert page.evaluate("id => document.getElementById(id).open", f"finding-{WASTE}")


def test_weeks_lead_on_to_each_other_and_back(chromium: Browser, portal: Path) -> None:
    problems: list[str] = []
    page = open_page(chromium, portal / f"sites/{HOSTILE_ID}/week-2026-01-12.html", problems, viewport=DESK)
    page.get_by_role("link", name="← Earlier").click()
    page.wait_for_url("**/week-2026-01-05.html")
    page.get_by_role("link", name="Later →").click()
    page.wait_for_url("**/week-2026-01-12.html")
    page.get_by_role("link", name="All sites").click()
    page.wait_for_url("**/portal/index.html")
    assert problems == []


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk-light", "phone-dark"])
@pytest.mark.parametrize("place", ["index", *(f"sites/{HOSTILE_ID}/{page}" for page in SITE_PAGES)])
def test_pages_meet_wcag_aa_and_fit(
    chromium: Browser,
    portal: Path,
    place: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    problems: list[str] = []
    page = open_page(chromium, portal / f"{place}.html", problems, viewport=viewport, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    if place == "index":  # the check looks at each cell, and two dozen rows are as good as two hundred
        page.get_by_role("searchbox").fill("site 02")
    result = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert [(issue["id"], issue["nodes"][0]["html"][:200]) for issue in result.response["violations"]] == []
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


def test_without_scripts_the_table_is_there(chromium: Browser, portal: Path) -> None:
    page = chromium.new_context(java_script_enabled=False, viewport=PHONE).new_page()
    page.goto((portal / "index.html").as_uri())
    assert page.locator("#sites-table tbody tr").count() == SITES + 1
    assert not page.locator("p.search").is_visible()
    assert not page.locator("#age").is_visible()
