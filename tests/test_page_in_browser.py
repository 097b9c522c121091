"""The page in a real browser: accessible, readable on a phone, printable, and silent towards the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import make_report
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE

from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install -r requirements-dev.txt")
pytest.importorskip("axe_playwright_python", reason="no axe here: pip install -r requirements-dev.txt")

pytestmark = pytest.mark.slow
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Within a container Chromium's own sandbox cannot be set up; only files made here are opened.
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose names are hostile: what holds for it holds for gentler ones."""
    path = tmp_path_factory.mktemp("pages") / "hostile.html"
    path.write_text(render_html(build_page(make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE))), encoding="utf-8")
    return path


def open_page(browser: Browser, path: Path, problems: list[str], **options: Any) -> Page:
    """Open the page; what it asks of the network, says on the console, or pops up goes into `problems`."""
    page = browser.new_context(**options).new_page()
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url)
    )
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk-light", "phone-dark"])
def test_page_meets_wcag_aa_with_every_finding_open(
    browser: Browser, page_file: Path, viewport: dict[str, int], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    problems: list[str] = []
    page = open_page(browser, page_file, problems, viewport=viewport, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    result = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    found = [(issue["id"], issue["nodes"][0]["html"][:200]) for issue in result.response["violations"]]
    assert found == []
    assert len(result.response["passes"]) > 20  # it did look
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


def test_finding_opens_by_keyboard_and_by_its_address(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    opened = page.evaluate("document.activeElement.parentElement.open && document.activeElement.parentElement.id")
    assert opened.startswith("win_after_hours-1-")
    page.goto(f"{page_file.as_uri()}#{opened}")
    page.reload()
    assert page.evaluate("id => document.getElementById(id).open", opened)


def test_table_sorts_by_the_heading_that_is_pressed(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    page.evaluate("document.querySelectorAll('details.fold').forEach(part => { part.open = true; })")
    table = page.locator("table.sortable").first
    heading = table.locator("th button", has_text="Complete")
    values = "table => [...table.tBodies[0].rows].map(row => Number(row.children[1].dataset.sort))"
    heading.click()
    rising = table.evaluate(values)
    assert rising == sorted(rising)
    assert rising[0] < rising[-1]
    heading.click()
    assert table.evaluate(values) == rising[::-1]
    assert heading.locator("xpath=..").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_page_prints_with_its_findings_open(browser: Browser, page_file: Path, paper: str) -> None:
    import io

    from pypdf import PdfReader

    page = open_page(browser, page_file, [], viewport=DESK, color_scheme="dark")
    printed = PdfReader(io.BytesIO(page.pdf(format=paper)))
    text = "".join(sheet.extract_text() for sheet in printed.pages)
    assert "Check the schedule, the time switch" in text  # within a finding that was closed
    assert "Skip to the findings" not in text
    assert "Completeness of each meter" not in text  # folded: its line alone is printed
    assert "of the expected readings" in text
    assert 2 <= len(printed.pages) <= 4


def test_a_link_opens_the_section_that_it_leads_to(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    is_seen = "document.querySelector('#cost details').open"
    assert not page.evaluate(is_seen)
    page.goto(f"{page_file.as_uri()}#cost")
    assert page.evaluate(is_seen)


def test_a_week_is_read_on_four_screens(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport={"width": 1440, "height": 900})
    assert page.evaluate("document.documentElement.scrollHeight") <= 4 * 900
