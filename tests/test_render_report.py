"""Page and PDF of the weekly report: the same numbers, every text harmless, nothing from the network."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_factory import NAMES, make_report
from week_factory import spaced

from deliver.files.report_files import check_report
from deliver.pages.html_page import render_html
from deliver.pages.kinds import build_page
from deliver.pages.mail_body import render_mail_html, render_mail_text
from deliver.pages.pdf_pages import render_pdf
from deliver.pages.weekly_money import cost_blocks
from deliver.words import formats as fmt
from lib.errors import DataError

HOSTILE_NAMES = (
    '<script>alert(1)</script><img src=x onerror="alert(2)">',
    "=cmd()|'/C calc'!A0 #set page(width: 1pt)\n#pagebreak() $x$ {{ 7*7 }}",
    "מזגן \u202eGNP.exe קומה 3",
    "W" * 300,
)
HOSTILE_SITE = "#set page(fill: red) </title></style><script>alert(3)</script> {{ 7*7 }} #panic()"
# Figures as a reader sees them; a hyphen that breaks a line and a minus sign are told apart by the sign.
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")


class _Text(HTMLParser):
    """Collects the words of a page, and the elements that it has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._hidden += tag in ("script", "style", "svg")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "svg")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read_html(markup: str) -> _Text:
    parser = _Text()
    parser.feed(markup)
    return parser


def words_of_pdf(content: bytes) -> str:
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def squeeze(text: str) -> str:
    """Return the text without spaces, breaks and marks of direction, which page and PDF set differently."""
    return re.sub(r"[\s\u200b\u2066-\u2069\u00ad]", "", text)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    made = make_report()
    check_report(made, "weekly_report")
    return made


@pytest.fixture(scope="module")
def page(report: dict[str, Any]) -> dict[str, Any]:
    return build_page(report)


@pytest.fixture(scope="module")
def markup(page: dict[str, Any]) -> str:
    return render_html(page)


@pytest.fixture(scope="module")
def pdf_text(page: dict[str, Any]) -> str:
    return words_of_pdf(render_pdf(page))


def test_page_leads_with_what_happened_and_shows_every_section(report: dict[str, Any], markup: str) -> None:
    parsed = read_html(markup)
    text = squeeze(" ".join(parsed.words))
    savings = report["summary"]["totalPotentialSavings"]
    assert savings["weeklyCost"] == pytest.approx(23.70, abs=0.01)  # 197.50 kWh at 0.12
    assert (savings["onceKwh"], savings["onceCost"]) == pytest.approx((45, 5.4), abs=0.01)
    first = "Thisweek:atleast1,206kWh,28%abovenormal(3of4meterscompared).4thingsneedattention,firstAirhandler2."
    assert text.index(first) < text.index("couldbesaved:$23.70aweek(198kWh)")
    assert text.index("$23.70aweek(198kWh)") < text.index("Whatneedsattention") < text.index("Afterhours")
    assert "Pricenotconfirmed:$0.12perkWhassumed." in text
    sections = [attrs["id"] for tag, attrs in parsed.elements if tag == "section" and "id" in attrs]
    assert sections == [
        "attention", "by-meter", "load", "hours", "after-hours", "anomalies", "spikes", "cost", "forecast",
        "meters", "data", "operator",
    ]  # fmt: skip
    charts = [attrs["aria-labelledby"] for tag, attrs in parsed.elements if tag == "svg" and attrs.get("role") == "img"]
    assert sum(charts.count(key) == 2 for key in set(charts)) == 7  # each for a desk and for a phone
    assert sum(charts.count(key) == 1 for key in set(charts)) == 15  # of a finding
    texts = {attrs.get("id") for tag, attrs in parsed.elements if tag == "figcaption"}
    assert set(charts) == texts
    ids = [attrs["id"] for _, attrs in parsed.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_page_shows_the_facts_behind_the_load_and_the_supply(report: dict[str, Any], markup: str) -> None:
    report = json.loads(json.dumps(report))
    report["sections"]["scheduleDisagreements"]["findings"] = [
        {"channelId": 1, "channelName": "Air handler 2", "description": "runs 17:00-22:30, open 07:00-18:00 (Tue)",
         "hours": 53.75, "kwh": 17.42, "cost": 2.09, "baseKw": 0.122, "plateauKw": 0.512, "findingId": "schedule-1"},
    ]  # fmt: skip
    text = squeeze(" ".join(read_html(render_html(build_page(report))).words))
    assert squeeze("Air handler 2 runs 17:00-22:30, open 07:00-18:00 (Tue) $2.09 17.4 kWh outside") in text
    facts = report["sections"]["loadFacts"]["channels"][0]
    assert (
        squeeze(f"Air handler 2 {facts['baseLoadKw']:.2f} kW {facts['meanKw']:.1f} kW {facts['peakKw']:.1f} kW") in text
    )
    # 112 V is below 120 V − 5 % all week, and above what would be severe.
    assert squeeze("Electrical supply of 1 meter: 0 high, 1 medium and 0 low severity issues.") in text


def test_what_is_not_counted_stands_apart_and_what_was_seen_once_is_no_amount_of_a_week(page: dict[str, Any]) -> None:
    first = page["sections"][0]
    shown = [(item["title"].split()[0], item["amount"], item["amountNote"]) for item in first["blocks"][0]["items"]]
    assert shown == [("Turn", "$23.70", "new this week"), ("Find", "$5.40", "one-time"), ("Site", "", ""),
                     ("Repair", "", "")]  # fmt: skip
    facts = dict(first["blocks"][0]["items"][1]["facts"])
    assert facts["Energy"] == "45.0\N{NO-BREAK SPACE}kWh one-time"
    assert "A year" not in facts
    assert "one-time: $5.40 (45.0\N{NO-BREAK SPACE}kWh), not in the totals" in page["hero"]["note"]


def test_questions_and_low_confidence_stand_apart(report: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(report))
    first, event, _ = changed["sections"]["quickWins"]
    event["confidence"] = "low"
    attention = changed["summary"]["attention"]
    changed["summary"]["attention"] = [item for item in attention if item.get("winId") != event["findingId"]]
    asked = {**first, "type": "confirm", "pattern": "asked", "confidence": "low", "findingId": "win_confirm-2-x",
             "title": "Confirm whether Kitchen must run while the site is closed: 90 kWh a week"}  # fmt: skip
    changed["sections"]["quickWins"].append(asked)
    sections = {section["id"]: section for section in build_page(changed)["sections"]}
    titles = {
        key: [item["title"].split()[0] for item in sections[key]["blocks"][0]["items"]]
        for key in ("attention", "to-confirm", "uncounted")
    }
    assert titles == {"attention": ["Turn", "Site", "Repair"], "to-confirm": ["Confirm"], "uncounted": ["Find"]}
    assert sections["uncounted"]["title"] == "Low confidence"


def test_a_week_without_lasting_savings_says_so(report: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(report))
    changed["summary"]["totalPotentialSavings"] |= {"weeklyKwh": 0, "weeklyCost": 0, "newKwh": 0, "estimatedAnnual": 0}
    note = build_page(changed)["hero"]["note"].replace("\N{NO-BREAK SPACE}", " ")
    assert note == "Energy cost $144.66; one-time: $5.40 (45.0 kWh), not in the totals."


def test_the_excess_is_a_share_of_what_was_used_after_hours_and_of_all(page: dict[str, Any]) -> None:
    """Of 310.61 kWh after hours 197.50 were used by what ran: 63.6 %; 33.7 % of all that the meter used."""
    blocks = next(section for section in page["sections"] if section["id"] == "after-hours")["blocks"]
    facts = dict(next(block for block in blocks if block["type"] == "findings")["items"][0]["facts"])
    assert facts["Used after hours"] == ("311\N{NO-BREAK SPACE}kWh, 63.6\N{NO-BREAK SPACE}% of it while running")
    assert facts["Share of its use"] == "33.7\N{NO-BREAK SPACE}%"


def test_episodes_of_one_incident_name_the_gravest(page: dict[str, Any]) -> None:
    blocks = next(section for section in page["sections"] if section["id"] == "anomalies")["blocks"]
    items = next(block for block in blocks if block["type"] == "findings")["items"]
    assert [item["badge"] for item in items] == ["part of one event"] * 2 + ["high", "part of one event", "high"]
    assert spaced(dict(items[0]["facts"])["Part of"]) == "Air handler 2, Fri, Jan 16, 6 pm: one event"


def test_every_finding_opens_to_its_evidence(report: dict[str, Any], markup: str) -> None:
    wanted = {win["findingId"] for win in report["sections"]["quickWins"]}
    wanted |= {meter["findingId"] for meter in report["sections"]["afterHoursWaste"]["topMeters"]}
    wanted |= {event["findingId"] for event in report["sections"]["anomalies"]["timeline"]}
    wanted |= {issue["findingId"] for issue in report["sections"]["sensorHealth"]["issues"]}
    assert len(wanted) == 3 + 1 + 5 + 6
    opened = {attrs["id"] for tag, attrs in read_html(markup).elements if tag == "details" and "id" in attrs}
    assert wanted <= opened


def test_page_and_pdf_show_the_same_figures(page: dict[str, Any], markup: str, pdf_text: str) -> None:
    on_page = set(FIGURE.findall(html.unescape(" ".join(read_html(markup).words))))
    # The page number's "1 / 5" and tick labels of the charts are the paper's own.
    assert 2 <= int(re.findall(r"\d+ / (\d+)", pdf_text)[-1]) <= 4  # pages
    on_paper = FIGURE.findall(re.sub(r"\d+ ?/ ?\d+", "", pdf_text.replace("\u200b", "")))
    ticks = {figure for figure in on_paper if re.fullmatch(r"0|\d{1,3}(\.[05])?", figure)}
    assert set(on_paper) - ticks <= on_page
    assert len(set(on_paper) - ticks) > 20
    paper = squeeze(pdf_text)
    shown = [page["hero"]["value"], page["hero"]["note"], *page["headline"], *page["assumptions"]]
    shown += [part[key] for part in page["tiles"] for key in ("value", "note")]
    for section in page["sections"]:
        shown += [section["title"], section["fact"]]
        for block in [] if section["isFolded"] else section["blocks"]:
            if block["type"] == "findings":
                shown += [item[key] for item in block["items"] for key in ("title", "amount", "amountNote")]
            if block["type"] == "table" and not block["isFolded"]:
                shown += [cell["text"] for row in block["rows"] for cell in row]
            if block["type"] == "chart":
                shown.append(block["summary"])
    assert [text for text in shown if squeeze(text) not in paper] == []


def test_page_needs_no_network_and_is_small(markup: str) -> None:
    parsed = read_html(markup)
    assert len(markup.encode()) < 1_000_000
    for tag, attrs in parsed.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form"), tag
        for name in ("src", "href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith(("#", "data:")), attrs
    assert not re.search(r"url\((?!#)|@import", markup)
    policy = next(attrs["content"] for tag, attrs in parsed.elements if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert "script-src 'sha256-" in policy


def test_hostile_names_are_shown_as_text_on_page_and_paper() -> None:
    report = make_report(HOSTILE_NAMES, site_name=HOSTILE_SITE)
    page = build_page(report)
    parsed = read_html(render_html(page))
    # What is drawn, as data, and three scripts of the page's own.
    scripts = [attrs.get("type") for tag, attrs in parsed.elements if tag == "script"]
    assert scripts == ["application/json", None, None, None]
    assert [tag for tag, _ in parsed.elements].count("img") == 0
    assert not [attrs for _, attrs in parsed.elements if any(name.startswith("on") for name in attrs)]
    paper = words_of_pdf(render_pdf(page))
    assert int(re.findall(r"\d+ / (\d+)", paper)[-1]) <= 8  # the longest name alone takes a page
    for text in (squeeze("".join(parsed.words)), squeeze(paper)):
        assert squeeze(HOSTILE_SITE) in text
        assert squeeze(HOSTILE_NAMES[0]) in text
        assert squeeze(HOSTILE_NAMES[1]) in text
        assert "W" * 300 in text
        assert "\u202e" not in text
        assert "{{7*7}}" in text


def test_older_reports_are_drawn_without_what_they_lack(report: dict[str, Any]) -> None:
    older = json.loads(json.dumps(report))
    older["metadata"]["reportVersion"] = "1.0"
    for name in ("scheduleDisagreements", "loadFacts", "electricalHealth"):
        del older["sections"][name]
    unavailable = {"status": "unavailable", "reason": "not part of the report yet"}
    older["sections"] |= {"forecast": unavailable, "costOptimization": unavailable}
    older["charts"] = {key: older["charts"][key] for key in ("afterHoursRanking", "anomalyTimeline", "spikeEvents")}
    for finding in older["sections"]["quickWins"] + older["sections"]["anomalies"]["timeline"]:
        finding.pop("findingId"), finding.pop("evidence")
    text = " ".join(read_html(render_html(build_page(older))).words)
    assert "No forecast: not part of the report yet." in text
    assert "Energy by day" in text
    assert "Load against normal" not in text


def test_a_pattern_and_an_event_that_is_part_of_another_or_of_none_are_shown(report: dict[str, Any]) -> None:
    told = json.loads(json.dumps(report))
    events = told["sections"]["anomalies"]["timeline"]
    told["sections"]["afterHoursWaste"]["topMeters"][0]["pattern"] = "step"
    events[0]["partOf"] = None
    events[1]["partOf"] = {"channelId": events[0]["channelId"], "start": events[0]["start"]}
    check_report(told, "weekly_report")
    page = build_page(told)
    words = read_html(render_html(page)).words
    assert "higher level" in [word.strip() for word in words]
    assert events[0]["channelName"] in render_mail_text(page) + render_mail_html(page)


def test_report_without_findings_says_so() -> None:
    report = make_report()
    for section, keys in (("afterHoursWaste", ["topMeters"]), ("anomalies", ["timeline"]), ("spikes", ["topSpikes"])):
        report["sections"][section] |= dict.fromkeys(keys, [])
    report["sections"]["quickWins"], report["summary"]["attention"] = [], []
    report["sections"]["sensorHealth"] |= {"issues": [], "notAssessed": []}
    text = " ".join(read_html(render_html(build_page(report))).words)
    for sentence in ("Nothing this week.", "No meter was left running", "No meter was far from normal", "No short peak",
                     "No meter shows a fault."):  # fmt: skip
        assert sentence in text
    assert render_pdf(build_page(report)).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("currency", "amount"), [("USD", "$23.70"), ("EUR", "€23.70"), ("JPY", "¥24"), (None, "23.70")]
)
def test_amounts_are_in_the_sites_currency(report: dict[str, Any], currency: str | None, amount: str) -> None:
    changed = json.loads(json.dumps(report))
    changed["summary"]["totalPotentialSavings"]["currency"] = currency
    changed["metadata"]["site"]["currencyCode"] = currency
    changed["sections"]["costOptimization"] = {"status": "unavailable", "reason": "no tariff"}
    assert f"could be saved: {amount} a week" in build_page(changed)["hero"]["note"]


def test_savings_on_an_assumed_tariff_keep_its_currency_where_the_site_has_another(report: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(report))
    changed["metadata"]["site"]["currencyCode"] = "GBP"
    changed["sections"]["costOptimization"] = {"status": "unavailable", "reason": "main meters are missing"}
    assert "$23.70 a week" in build_page(changed)["hero"]["note"]  # not £: it was priced in dollars


@pytest.mark.parametrize(
    ("current", "charged", "sentence"),
    [
        ("own", "own", " Demand charges: $"),
        ("default_flat", "default_tou", " No charge on it is confirmed; an assumed tariff would charge $"),
        ("own", "other", " The site's tariff has no charge on it; the other tariff would charge $"),
        ("own", None, " The tariff has no charge on it."),
    ],
)
def test_a_peak_costs_what_the_sites_tariff_charges(
    report: dict[str, Any], current: str, charged: str | None, sentence: str
) -> None:
    cost = json.loads(json.dumps(report["sections"]["costOptimization"]))
    cost["basis"]["tariffs"] |= {"current": current, "demand": charged, "is_assumed": current == "default_flat"}
    blocks = cost_blocks({"costOptimization": cost}, "USD")
    text = " ".join(words for block in blocks if block and block["type"] == "text" for words in block["paragraphs"])
    assert sentence in text
    drivers = next(block for block in blocks if block and block.get("caption") == "Which meters made the peak")
    assert any("less a month" in column["label"] for column in drivers["columns"]) == (
        charged in ("own", "default_tou")
    )


def test_time_of_use_is_compared_with_all_its_charges_and_savings_on_two_tariffs_are_told_apart(
    report: dict[str, Any],
) -> None:
    """Its energy alone is cheaper than on the flat rate; with the demand charge the month is dearer."""
    comparison = report["sections"]["costOptimization"]["bill_comparison"]
    totals = [comparison[side]["total"] for side in ("current", "compared_with")]
    assert comparison["switch_monthly_savings"] == pytest.approx(totals[0] - totals[1], abs=0.01)
    assert comparison["switch_monthly_savings"] < 0
    page = build_page(report)
    tile = next(tile for tile in page["tiles"] if tile["label"] == "Energy cost")
    assert tile["note"] == "at an assumed $0.12 per kWh"
    blocks = next(section["blocks"] for section in page["sections"] if section["id"] == "cost")
    # The site is not known to pay by time of use: what that would change is folded, chart and all.
    assert "bars" not in [block.get("kind") for block in blocks]
    (fold,) = (block for block in blocks if block["type"] == "fold" and block["label"].startswith("What another"))
    assert "bars" in [block.get("kind") for block in fold["blocks"]]
    words = [text for block in fold["blocks"] if block["type"] == "text" for text in block["paragraphs"]]
    more, amounts = fmt.money(totals[1] - totals[0], "USD"), [fmt.money(total, "USD") for total in totals]
    assert words[0] == (
        f"A time-of-use tariff (assumed rates) would cost {more} more a month: {amounts[1]} instead of {amounts[0]}, "
        "all charges included."
    )
    savings = report["summary"]["totalPotentialSavings"]
    assert (savings["tariff"], savings["costOptimizationTariff"]) == ("default_flat", "default_tou_demand")
    assert savings["note"] in words
    assert savings["note"].endswith("A site pays one of the two: these savings do not add up.")


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (0.065, "USD", "$0.065"),
        (25.5, "JPY", "¥25.5"),
        (0.1234, None, "0.1234"),
        (0.12, "USD", "$0.12"),
        (30, "JPY", "¥30"),
        (2, "EUR", "€2.00"),
    ],
)
def test_the_price_of_a_kilowatt_hour_is_not_rounded_to_cents(value: float, currency: str | None, text: str) -> None:
    assert fmt.rate(value, currency) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(fmt.signed_pct(-0.3), "0 %"), (fmt.pct(-0.04, 1), "0.0 %"), (fmt.signed_pct(-0.6), "−1 %"),
     (fmt.kwh(2455.0), "2,455 kWh"), (fmt.count(1, "meter"), "1 meter"), (fmt.count(0, "issue"), "0 issues")],
)  # fmt: skip
def test_numbers_are_written_as_a_reader_expects(text: str, wanted: str) -> None:
    assert text.replace("\N{NO-BREAK SPACE}", " ") == wanted


def test_script_writes_page_and_pdf_beside_the_report(
    report: dict[str, Any], run_script: Callable[..., Any], tmp_path: Path
) -> None:
    source = tmp_path / "weekly.json"
    source.write_text(json.dumps(report), encoding="utf-8")
    done = run_script("deliver/render_report.py", source, "--out", tmp_path / "public")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        str(tmp_path / "public" / "weekly.html"),
        str(tmp_path / "public" / "weekly.pdf"),
    ]
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == ["weekly.html", "weekly.pdf"]
    assert NAMES[0] in (tmp_path / "public" / "weekly.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("not json", "is no JSON"),
        ("[1]", "is no report"),
        ('{"metadata": {"reportKind": "gossip"}}', "unknown kind 'gossip'"),
        ('{"metadata": {}}', "no weekly report as its schema describes it ("),
    ],
)
def test_what_is_no_report_is_refused_in_one_line(
    run_script: Callable[..., Any], tmp_path: Path, content: str | None, message: str
) -> None:
    source = tmp_path / "report.json"
    if content is not None:
        source.write_text(content, encoding="utf-8")
    done = run_script("deliver/render_report.py", source, "--html")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not source.with_suffix(".html").exists()


def test_report_that_is_no_report_names_its_trouble() -> None:
    with pytest.raises(DataError, match="is of the unknown kind"):
        build_page([])  # type: ignore[arg-type]
