"""The page in a real browser: accessible, readable on a phone, printable, and silent towards the network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_factory import make_report
from test_render_report import HOSTILE_NAMES, HOSTILE_SITE
from test_report_family import REPORTS

from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page
from deliver.words import formats as fmt
from deliver.words.locales import written_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", sorted(REPORTS))
def test_every_kind_of_report_is_accessible_and_fits_a_phone(
    browser: Browser, tmp_path: Path, kind: str, scheme: str
) -> None:
    """Their names are hostile, in the data of charts too."""
    from axe_playwright_python.sync_playwright import Axe

    path, problems = tmp_path / f"{kind}.html", list[str]()
    path.write_text(render_html(build_page(json.loads(json.dumps(REPORTS[kind])))), encoding="utf-8")
    page = open_page(browser, path, problems, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    result = Axe().run(page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}})
    assert [(issue["id"], issue["nodes"][0]["html"][:200]) for issue in result.response["violations"]] == []
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


def load_chart(page: Page) -> Locator:
    """Return the chart of the week's load, once its script has drawn it."""
    figure = page.locator("#load figure").first
    figure.scroll_into_view_if_needed()
    figure.locator(".plot canvas").wait_for()
    return figure


def point_at(page: Page, figure: Locator, share: float) -> str:
    """Point at a place of the chart, told as a share of its width, and return what it says."""
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
    return figure.locator(".readout").text_content() or ""


def test_chart_tells_the_values_under_the_pointer_and_by_the_arrow_keys(browser: Browser, page_file: Path) -> None:
    problems: list[str] = []
    page = open_page(browser, page_file, problems, viewport=DESK)
    figure = load_chart(page)
    hourly = make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE)["charts"]["hourly"]
    for hour in (10, 58, 167):
        said = point_at(page, figure, (hour + 0.5) / 168)
        used, normal = hourly["actualKwh"][hour], hourly["expectedKwh"][hour]
        assert f" {used:.1f} kWh, " in said
        assert f" {normal:.1f} kWh" in said
        assert ("closed" in said) == (hour == 167)
    plot = figure.get_by_role("slider")
    plot.focus()
    page.keyboard.press("Home")
    first = plot.get_attribute("aria-valuetext") or ""
    assert first.startswith("Mon")
    assert f" {hourly['actualKwh'][0]:.1f} kWh" in first
    page.keyboard.press("PageUp")  # a day on, as of any slider
    page.keyboard.press("ArrowRight")
    assert plot.get_attribute("aria-valuenow") == "26"
    assert f" {hourly['actualKwh'][25]:.1f} kWh" in (plot.get_attribute("aria-valuetext") or "")
    assert problems == []


def test_chart_zooms_into_a_day_and_back(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    figure = load_chart(page)
    hourly = make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE)["charts"]["hourly"]
    days = figure.get_by_role("group").first.get_by_role("button")
    assert days.count() == 8
    assert days.nth(0).get_attribute("aria-pressed") == "true"
    days.nth(3).click()  # Wednesday
    assert [days.nth(n).get_attribute("aria-pressed") for n in (0, 3)] == ["false", "true"]
    assert f" {hourly['actualKwh'][48 + 10]:.1f} kWh" in point_at(page, figure, 10.5 / 24)
    figure.get_by_role("slider").focus()
    page.keyboard.press("Escape")
    assert days.nth(0).get_attribute("aria-pressed") == "true"
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50, steps=4)
    page.mouse.up()
    assert days.nth(0).get_attribute("aria-pressed") == "false"
    assert f" {hourly['actualKwh'][int(0.25 * 168)]:.1f} kWh" in point_at(page, figure, 0.5)


def test_meters_and_what_is_normal_are_shown_and_hidden(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    figure = load_chart(page)
    hourly = make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE)["charts"]["hourly"]
    assert "Kitchen" not in point_at(page, figure, 0.5)
    figure.locator("details.meters summary").click()
    buttons = figure.locator("details.meters button")
    names = [meter["channelName"] for meter in hourly["meters"]]
    assert buttons.count() == len(names) == 4
    marked = next(place for place, name in enumerate(names) if name == HOSTILE_NAMES[0])
    assert buttons.nth(marked).text_content() == HOSTILE_NAMES[0]
    buttons.nth(marked).click()
    said = point_at(page, figure, 58.5 / 168)
    assert f"{HOSTILE_NAMES[0]} " in said
    normal = figure.get_by_role("button", name="normal")
    normal.click()
    assert normal.get_attribute("aria-pressed") == "false"
    assert "normal" not in point_at(page, figure, 58.5 / 168)


def test_a_finding_opens_to_its_own_chart(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=PHONE, color_scheme="dark")
    finding = page.locator("details.finding[id^=win_after_hours-1]")
    assert finding.locator("canvas").count() == 0
    finding.locator("summary").first.click()
    finding.locator("figure").scroll_into_view_if_needed()
    finding.locator("canvas").wait_for()
    said = point_at(page, finding.locator("figure"), (24 + 20.5) / 168)
    assert "used 4.8 kWh, normal 1.0 kWh · closed · counted in this finding" in said


def test_bars_and_cells_tell_their_values(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK)
    with written_for("US"):
        nine = fmt.hour(9)
    page.goto(f"{page_file.as_uri()}#hours")
    figure = page.locator("figure", has=page.locator("h3", has_text="Load by weekday and hour"))
    figure.scroll_into_view_if_needed()
    figure.locator("svg:visible [data-tip]").nth(9).hover()
    assert (figure.locator(".readout").text_content() or "").startswith(f"Mon, {nine}: ")
    figure.get_by_role("slider").focus()
    page.keyboard.press("PageUp")
    assert (figure.get_by_role("slider").get_attribute("aria-valuetext") or "").startswith(f"Tue, {nine}: ")


def test_without_scripts_the_drawings_and_the_tables_remain(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=DESK, java_script_enabled=False)
    figure = page.locator("#load figure").first
    assert figure.locator("svg:visible").count() == 1
    assert figure.locator(".readout, .live, canvas").count() == 0
    figure.locator("details.numbers summary").click()
    assert figure.locator("details.numbers tbody tr").count() == 168


def test_wide_tables_stack_on_a_phone_and_no_value_is_cut(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    table = page.locator("table.stacks").first
    assert table.locator("thead").is_hidden()
    cell = table.locator("td").first
    label = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label.strip('"') == cell.get_attribute("data-label") != ""
    assert page.evaluate(
        "[...document.querySelectorAll('.stacks td')].every(cell => cell.getBoundingClientRect().right <= innerWidth)"
    )
    wide = open_page(browser, page_file, [], viewport=DESK)
    wide.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert wide.locator("table.stacks thead").first.is_visible()


def test_a_finger_reads_values(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, [], viewport=PHONE, has_touch=True)
    figure = load_chart(page)
    hourly = make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE)["charts"]["hourly"]
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    for hour in (20, 100):
        place = {"x": box["x"] + (hour + 0.5) / 168 * box["width"], "y": box["y"] + 40}
        figure.locator(".u-over").evaluate(
            "(over, { x, y }) => over.dispatchEvent(new PointerEvent('pointermove', "
            "{ pointerType: 'touch', clientX: x, clientY: y, bubbles: true }))",
            place,
        )
        page.wait_for_function("document.querySelector('#load .readout').textContent.includes('kWh')")
        assert f" {hourly['actualKwh'][hour]:.1f} kWh" in (figure.locator(".readout").text_content() or "")
