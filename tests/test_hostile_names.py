"""One name that tries everything, from the database through every report to page, paper, mail, flat files and logs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from mail_server import PASSWORD, USER, RunningServer, run_mail_server
from site_factory import SITE_ID, make_site
from test_render_report import read_html, squeeze, words_of_pdf

from deliver import (
    export_for_tableau,
    generate_asset_health,
    generate_customer_report,
    generate_electrical_health,
    generate_monthly_summary,
    generate_portfolio,
    generate_weekly_report,
    send_report,
)
from govern import record_report, update_gaps
from govern.checks.reader import read_checks
from govern.checks.runner import validate_site
from lib import cli, db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

pytestmark = pytest.mark.slow

FORGED = "2026-01-20T06:00:00Z ERROR forged"
RIGHT_TO_LEFT = "\u202e"
NAME = (
    "=cmd()|'/C calc'!A0 <script>alert(1)</script> #set page(width: 1pt) $x$ {{ 7*7 }} "
    f"{RIGHT_TO_LEFT}gnp.exe\n{FORGED}"
)
SHOWN = squeeze(NAME.split(RIGHT_TO_LEFT)[0])
KINDS: dict[str, ModuleType] = {
    "weekly": generate_weekly_report,
    "customer": generate_customer_report,
    "assets": generate_asset_health,
    "electrical": generate_electrical_health,
    "monthly": generate_monthly_summary,
    "portfolio": generate_portfolio,
}


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture
def reports(
    conn: Connection, database_url: str, mail: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder for reports on a stored site that bears the name, as its meters do, and a server to send by."""
    make_site(conn, datetime.now(UTC).replace(minute=0, second=0, microsecond=0), days=75)
    db.execute(conn, "UPDATE organizations SET name = %s, address = %s, city = %s", (NAME, NAME, NAME))
    db.execute(conn, "UPDATE channels SET name = %s", (NAME,))
    conn.commit()
    validate_site(conn, SITE_ID, read_checks())
    conn.commit()
    for name, value in {
        "DATABASE_URL": database_url, "SSL_CERT_FILE": str(mail.authority), "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.server.port), "SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD,
        "MAIL_FROM": "energy@example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setattr(send_report, "REPORTS_DIR", folder)
    monkeypatch.setattr(send_report, "SENT_LOG", folder / "sent_log.jsonl")
    return folder


def run(module: ModuleType, *arguments: str | Path) -> None:
    assert cli.run(module.main, [str(argument) for argument in arguments]) == 0


def check_page_and_paper(path: Path) -> None:
    """Assert that the name stands on the page and in the PDF of a report as what it is: a text."""
    report = json.loads(path.read_text(encoding="utf-8"))
    assert NAME in json.dumps(report, ensure_ascii=False).replace("\\n", "\n"), path
    parsed = read_html(path.with_suffix(".html").read_text(encoding="utf-8"))
    # With charts there are their words, and one script more or two.
    assert [tag for tag, _ in parsed.elements].count("script") in (1, 3, 4)
    assert not [attrs for _, attrs in parsed.elements if any(name.startswith("on") for name in attrs)]
    for text in ("".join(parsed.words), words_of_pdf(path.with_suffix(".pdf").read_bytes())):
        assert SHOWN in squeeze(text), path
        assert RIGHT_TO_LEFT not in text, path


def test_a_hostile_name_is_a_text_wherever_it_arrives(
    reports: Path, mail: RunningServer, conn: Connection, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for kind, module in KINDS.items():
        path = reports / (f"weekly_report_{SITE_ID}_2026-01-12.json" if kind == "weekly" else f"{kind}.json")
        site = ("--reports", reports) if kind == "portfolio" else ("--site", str(SITE_ID))
        run(module, *site, "--out", path, "--html", "--pdf")
        check_page_and_paper(path)
        if kind == "weekly":
            run(record_report, path)  # the overview is made of what is recorded

    run(export_for_tableau, "--site", str(SITE_ID), "--days", "3", "--out", tmp_path / "csv")
    files = sorted((tmp_path / "csv").glob("*.csv"))
    assert len(files) == 4
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            assert {row["meter_name"] for row in csv.DictReader(handle)} == {"'" + NAME}, file.name

    run(send_report, "--site", str(SITE_ID), "--to", "a@example.com")
    (message,) = mail.inbox.messages
    assert "\n" not in message["Subject"] and RIGHT_TO_LEFT not in message["Subject"]
    bodies = {
        part.get_content_type(): part.get_content() for part in message.walk() if part.get_content_maintype() == "text"
    }
    assert set(bodies) == {"text/plain", "text/html"}
    assert "<script" not in bodies["text/html"] and "&lt;script&gt;" in bodies["text/html"]
    assert not any(RIGHT_TO_LEFT in body for body in bodies.values())

    db.execute(conn, "DELETE FROM readings WHERE timestamp = (SELECT max(timestamp) - interval '1 day' FROM readings)")
    conn.commit()
    run(update_gaps, "--site", str(SITE_ID), "--full", "--list")
    said = "".join(capfd.readouterr())
    assert SHOWN in squeeze(said)
    assert RIGHT_TO_LEFT not in said
    assert not [line for line in said.splitlines() if line.startswith(FORGED)]
