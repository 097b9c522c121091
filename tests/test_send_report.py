"""Reports by mail over real SMTP: whole, to each recipient once, also after a kill and by two senders at once."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default as default_policy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_server import PASSWORD, USER, RunningServer, run_mail_server
from report_factory import NOW, checked_week, make_report

from config.site_file import Branding
from deliver import send_report
from deliver.files.mails import report_key
from deliver.files.report_files import write_report
from deliver.files.sent_log import SENDING, SENT, last_states, open_sent_log, write_state
from deliver.pages import parts
from deliver.pages.kinds import build_page
from deliver.pages.mail_body import render_mail_html, render_mail_text
from deliver.reports.family import assemble_customer_report
from deliver.send_report import newest_report
from lib.errors import DataError, PipelineError

SITE_ID = 7
HOSTILE = ("<script>alert(1)</script>", "=cmd()", "a\r\nBcc: all@example.com", "‮evil")


@cache
def a_report() -> dict[str, Any]:
    return make_report()


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, mail: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report and its PDF, a site with two recipients, and a server to send by."""
    mail.inbox.messages.clear()
    for name, value in {
        "SSL_CERT_FILE": str(mail.authority), "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail.server.port),
        "SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD, "MAIL_FROM": "energy@example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    reports, sites = tmp_path / "reports", tmp_path / "sites"
    sites.mkdir()
    (sites / f"{SITE_ID}.toml").write_text('[report]\nrecipients = ["a@example.com", "b@example.com"]\n')
    monkeypatch.setattr(send_report, "SITES_DIR", sites)
    monkeypatch.setattr(send_report, "REPORTS_DIR", reports)
    monkeypatch.setattr(send_report, "SENT_LOG", reports / "sent_log.jsonl")
    write_report(a_report(), reports / f"weekly_report_{SITE_ID}_2026-01-12.json")
    (reports / f"weekly_report_{SITE_ID}_2026-01-12.pdf").write_bytes(b"%PDF-1.7 of the report")
    return reports


def recipients(mail: RunningServer) -> list[str]:
    return [message["To"] for message in mail.inbox.messages]


def send(*arguments: str | Path) -> int:
    return send_report.main([str(argument) for argument in arguments])


def test_each_recipient_gets_the_report_once(folder: Path, mail: RunningServer) -> None:
    for _ in range(2):
        assert send("--site", SITE_ID) == 0
    assert recipients(mail) == ["a@example.com", "b@example.com"]
    message = mail.inbox.messages[0]
    assert message["Subject"] == (
        "Test school, Jan 12 – 18: at least 1,206 kWh, 28 % above normal (3 of 4 meters compared). 4 things need "
        "attention, first Air handler 2."
    )
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == f"weekly_report_{SITE_ID}_2026-01-12.pdf"
    assert attachment.get_content() == b"%PDF-1.7 of the report"
    cost = f"{a_report()['summary']['totalPotentialSavings']['weeklyCost']:,.2f}"
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert f"${cost} a week" in body
        assert a_report()["sections"]["quickWins"][0]["title"] in body
    assert send("--site", SITE_ID, "--resend", "--to", "a@example.com") == 0
    assert recipients(mail)[2:] == ["a@example.com"]


def test_mail_leads_to_the_portal_where_the_page_is_published(
    folder: Path, mail: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def bodies() -> list[str]:
        send("--site", SITE_ID, "--resend", "--to", "a@example.com")
        return [mail.inbox.messages[-1].get_body((kind,)).get_content() for kind in ("plain", "html")]

    monkeypatch.setenv("PORTAL_DIR", str(tmp_path / "portal"))
    monkeypatch.setenv("PORTAL_URL", "https://energy.example.com/p/")
    assert not [body for body in bodies() if "energy.example.com" in body]  # nothing is published there yet
    page = tmp_path / "portal" / f"sites/{a_report()['metadata']['site']['siteId']}/week-2026-01-12.html"
    page.parent.mkdir(parents=True)
    page.write_text("the page")
    address = f"https://energy.example.com/p/sites/{page.parent.name}/week-2026-01-12.html"
    text, html = bodies()
    assert f"Read it on the web: {address}" in text.splitlines()
    assert f'<a href="{address}"' in html
    monkeypatch.delenv("PORTAL_URL")
    assert not [body for body in bodies() if "on the web" in body]


def test_a_new_version_is_sent_again(folder: Path, mail: RunningServer) -> None:
    send("--site", SITE_ID)
    newer = a_report() | {"metadata": a_report()["metadata"] | {"version": 2}}
    write_report(newer, folder / f"weekly_report_{SITE_ID}_2026-01-12.v2.json")
    (folder / f"weekly_report_{SITE_ID}_2026-01-12.v2.pdf").write_bytes(b"%PDF-1.7 newer")
    send("--site", SITE_ID)
    assert recipients(mail) == ["a@example.com", "b@example.com"] * 2
    assert [message["Subject"].split(":")[0] for message in mail.inbox.messages[1:3]] == [
        "Test school, Jan 12 – 18", "Corrected",
    ]  # fmt: skip
    (attachment,) = mail.inbox.messages[2].iter_attachments()
    assert attachment.get_content() == b"%PDF-1.7 newer"


@pytest.mark.parametrize(("had", "told"), [
    (["a@example.com"], ["a@example.com"]),  # who never had the first one is not told what was wrong with it
    ([], ["a@example.com", "b@example.com"]),  # nobody had it: this is the first one
])  # fmt: skip
def test_a_correction_goes_to_those_who_had_what_it_corrects(
    folder: Path, mail: RunningServer, had: list[str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if had:
        send("--site", SITE_ID, "--to", *had)
    delta = {"text": "This version replaces version 1: energy +2.1 %."}
    newer = a_report() | {"metadata": a_report()["metadata"] | {"version": 2}}
    path = folder / f"weekly_report_{SITE_ID}_2026-01-12.v2.json"
    write_report(newer, path)
    assert send("--site", SITE_ID, "--dry-run") == 0
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        "would be sent" if name in told else "had no earlier version" for name in ("a@example.com", "b@example.com")
    ]
    assert send("--site", SITE_ID) == 0
    assert recipients(mail)[len(had) :] == told
    page = build_page(newer | {"delta": delta})
    assert delta["text"] in render_mail_text(page)


def test_a_mail_says_what_nobody_vouches_for() -> None:
    badge = "low confidence, not in any total"
    items = [
        parts.finding(
            "a", "AHU-2: 307 kWh", badge=badge, amount="$36.90", amount_note="this week", steps=["Look.", "B."]
        ),
        parts.finding("b", "RTU-1: 39 kWh", badge=badge),
        parts.finding("c", "Repair the meter of Well Pump", steps=["Check the fuse."]),
    ]
    page = parts.page(
        "weekly", "Week", "School", "Nov 23", sections=[parts.section("s", "To do", [parts.findings(items)])]
    )
    assert render_mail_text(page).split("To do")[1].strip().splitlines()[:6] == [
        "- AHU-2: 307 kWh ($36.90 this week)",
        "  Low confidence, not in any total. Look.",
        "- RTU-1: 39 kWh",
        "  Low confidence, not in any total.",
        "- Repair the meter of Well Pump",
        "  Check the fuse.",
    ]
    assert "Low confidence, not in any total. Look." in render_mail_html(page)


def test_preview_writes_the_mail_as_it_would_go_out(
    folder: Path, mail: RunningServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_HOST", raising=False)  # it needs no server
    assert send("--site", SITE_ID, "--preview") == 0
    whole, body = map(Path, capsys.readouterr().out.splitlines())
    assert (whole.name, body.name) == tuple(
        f"weekly_report_{SITE_ID}_2026-01-12{ending}" for ending in (".eml", ".mail.html")
    )
    message = message_from_bytes(whole.read_bytes(), policy=default_policy)
    assert (message["To"], message["Subject"].split(":")[0]) == ("a@example.com", "Test school, Jan 12 – 18")
    assert message.get_body(("html",)).get_content().strip() == body.read_text(encoding="utf-8").strip()
    assert [part.get_content() for part in message.iter_attachments()] == [b"%PDF-1.7 of the report"]
    assert recipients(mail) == []
    assert not (folder / "sent_log.jsonl").exists()


@pytest.mark.parametrize(("kind", "told"), [("customer", ["customer"]), ("both", ["weekly", "customer"])])
def test_the_sites_file_says_which_report_is_mailed(
    folder: Path, mail: RunningServer, kind: str, told: list[str]
) -> None:
    place = folder.parent / "sites" / f"{SITE_ID}.toml"
    place.write_text(place.read_text().replace("[report]", f'[report]\nkind = "{kind}"'))
    with pytest.raises(DataError, match="has no customer report.*generate_customer_report"):
        send("--site", SITE_ID, "--to", "a@example.com")
    customer = json.loads(json.dumps(assemble_customer_report(checked_week(), Branding(), NOW)))
    write_report(customer, folder / f"customer_report_{SITE_ID}_2026-01-12.json")
    (folder / f"customer_report_{SITE_ID}_2026-01-12.pdf").write_bytes(b"%PDF-1.7 of the customer")
    assert send("--site", SITE_ID, "--to", "a@example.com") == 0
    names = [part.get_filename() for message in mail.inbox.messages for part in message.iter_attachments()]
    assert names == [f"{name}_report_{SITE_ID}_2026-01-12.pdf" for name in told]
    assert "your building used" in mail.inbox.messages[-1]["Subject"]


def test_one_refused_address_keeps_nobody_else_from_the_report(folder: Path, mail: RunningServer) -> None:
    mail.inbox.replies.append("550 no such user")
    assert send("--site", SITE_ID) == 1
    assert recipients(mail) == ["b@example.com"]
    assert send("--site", SITE_ID) == 0
    assert recipients(mail) == ["b@example.com", "a@example.com"]


def test_what_was_cut_off_is_not_sent_again_by_itself(
    folder: Path, mail: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    key = report_key(Path("x"), a_report())
    with open_sent_log(folder / "sent_log.jsonl") as log:
        write_state(log, key, "a@example.com", SENDING)
        log.write('{"at": "2026-01-19T')  # as a power failure would leave it
    assert send("--site", SITE_ID) == 0
    assert recipients(mail) == ["b@example.com"]
    assert send("--site", SITE_ID, "--resend") == 0
    assert recipients(mail) == ["b@example.com", "a@example.com", "b@example.com"]


def test_a_dry_run_sends_nothing(folder: Path, mail: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    send("--site", SITE_ID, "--to", "a@example.com")
    capsys.readouterr()
    assert send("--site", SITE_ID, "--dry-run") == 0
    name = f"weekly_report_{SITE_ID}_2026-01-12.json"
    assert capsys.readouterr().out == f"{name} to a@example.com: sent\n{name} to b@example.com: would be sent\n"
    assert recipients(mail) == ["a@example.com"]


def test_a_dry_run_needs_no_mail_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SMTP_HOST", raising=False)
    assert send("--site", SITE_ID, "--dry-run") == 0
    name, *rest = capsys.readouterr().out.splitlines()
    assert name == f"weekly_report_{SITE_ID}_2026-01-12.json to a@example.com: would be sent"
    assert rest[-1].startswith("but for now nothing can be sent: SMTP_HOST is not set")


def test_without_recipients_nothing_is_sent(folder: Path, mail: RunningServer) -> None:
    (folder.parent / "sites" / f"{SITE_ID}.toml").unlink()
    assert send("--site", SITE_ID) == 0
    assert recipients(mail) == []


def test_two_senders_at_once_send_once(folder: Path, mail: RunningServer) -> None:
    threads = [threading.Thread(target=send, args=("--site", SITE_ID)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recipients(mail)) == ["a@example.com", "b@example.com"]


def test_the_pdf_is_set_where_it_is_missing(folder: Path, mail: RunningServer) -> None:
    (folder / f"weekly_report_{SITE_ID}_2026-01-12.pdf").unlink()
    send("--site", SITE_ID, "--to", "a@example.com")
    (attachment,) = mail.inbox.messages[0].iter_attachments()
    assert attachment.get_content()[:5] == b"%PDF-"
    assert len(attachment.get_content()) > 10_000


def test_hostile_names_stay_text(folder: Path, mail: RunningServer) -> None:
    report = make_report(HOSTILE, site_name="<b>School</b>\r\nBcc: all@example.com")
    page = build_page(report)
    html, text = render_mail_html(page), render_mail_text(page)
    assert "<script>" not in html and "<b>" not in html
    assert "&lt;b&gt;School&lt;/b&gt;" in html
    assert "‮" not in html + text
    write_report(report, folder / "weekly_report_7_2026-01-12.json")
    send("--site", SITE_ID, "--to", "a@example.com")
    (message,) = mail.inbox.messages
    assert message["Bcc"] is None


def test_body_needs_no_network_and_no_script() -> None:
    html = render_mail_html(build_page(a_report()))
    assert not re.search(r"<(script|style|svg|img|link|iframe)|url\(|https?:", html)


def test_newest_report_is_the_latest_period_in_its_latest_version(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="site 7 has no weekly report"):
        newest_report(7, tmp_path)
    for name in ("7_2026-01-12", "7_2026-01-12.v2", "7_2026-01-12.v10", "7_2026-01-05.v11", "77_2026-02-01", "7_draft"):
        (tmp_path / f"weekly_report_{name}.json").write_text("{}")
    assert newest_report(7, tmp_path).name == "weekly_report_7_2026-01-12.v10.json"


def test_a_log_that_cannot_be_read_stops_the_sending(folder: Path, mail: RunningServer) -> None:
    (folder / "sent_log.jsonl").write_text("not a line of ours\n")
    with pytest.raises(PipelineError, match="line 1 cannot be read"):
        send("--site", SITE_ID)
    assert recipients(mail) == []


@pytest.mark.parametrize(
    "arguments, code, problem",
    [
        (("--to", "nobody"), 2, "'nobody' is no mail address"),
        (("--to", "a@example.com"), 1, "report.json is written and goes to nobody yet: SMTP_HOST is not set"),
        ((), 0, ""),
    ],
)
def test_script_refuses_what_cannot_be_sent(
    run_script: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps(a_report()))
    done = run_script("deliver/send_report.py", report, *arguments)
    assert done.returncode == code
    assert problem in done.stderr


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(min_size=1), st.sampled_from([SENDING, SENT])), max_size=9))
def test_the_log_remembers_the_last_state_of_each(entries: list[tuple[str, str, str]]) -> None:
    log = io.StringIO()
    expected = {}
    for report, recipient, state in entries:
        log.write(json.dumps({"report": report, "recipient": recipient, "state": state}) + "\n")
        expected[report, recipient] = state
    assert last_states(log) == expected
