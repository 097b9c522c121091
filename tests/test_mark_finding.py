"""What people say of findings: marks, their history, and the lists."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from finding_factory import AHU, BOILER, OTHER_SITE, SITE, WASTE, tell, waste
from psycopg2 import errors as pg_errors
from psycopg2 import sql

from govern.findings.store import store_week
from govern.schema.roles import ANALYZE, DELIVER, GOVERN, INGEST, apply_grants, create_roles
from ingest.storage import sites
from lib import db
from lib.errors import DataError
from lib.findings import Said, rank_by_money
from lib.readings import load_findings, load_report_findings
from lib.report_findings import FindingKind, ReportSaving, ReportWeek
from operations.findings.marks import Mark, store_mark
from operations.mark_finding import main

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@pytest.fixture
def two_sites(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Two sites with a finding or two in the week of 5 January 2026."""
    for site_id, name in ((SITE, "School"), (OTHER_SITE, "=Office")):
        organization = {"organization_id": site_id, "name": name, "timezone": "America/New_York"}
        channels = [{"channel_id": site_id * 100, "organization_id": site_id, "name": "a"}]
        sites.register_site(conn, organization, [], channels, "eniscope")
    tell(conn, 1, [waste(40), waste(90, meter=BOILER)])
    tell(conn, 1, [waste(60)], site_id=OTHER_SITE)
    conn.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    return conn


def marks(conn: Connection) -> list[tuple[Any, ...]]:
    conn.rollback()
    return db.fetch_all(
        conn,
        "SELECT organization_id, finding_id, state, made_by, owner, due::text, done_on::text, note, seen_week::text"
        " FROM finding_marks ORDER BY mark_id",
    )


def test_marks_are_kept_and_the_newest_counts(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--site", "7", WASTE, "--by", "J. Ortiz"]
    planned = [*command, "--state", "planned", "--owner", "HVAC crew", "--due", "2026-02-01", "--note", "valve ordered"]
    assert main(planned) == 0
    assert "after_hours-10: new; planned (J. Ortiz, due 2026-02-01); 4.00 USD a week" in capsys.readouterr().out
    assert main([*command, "--state", "done", "--on", "2026-01-20"]) == 0
    assert marks(two_sites) == [
        (7, WASTE, "planned", "J. Ortiz", "HVAC crew", "2026-02-01", None, "valve ordered", "2026-01-05"),
        (7, WASTE, "done", "J. Ortiz", "HVAC crew", "2026-02-01", "2026-01-20", None, "2026-01-05"),
    ]
    assert main([*command, "--state", "open"]) == 0
    assert marks(two_sites)[-1] == (7, WASTE, "open", "J. Ortiz", None, None, None, None, "2026-01-05")
    (other,) = load_findings(two_sites, OTHER_SITE)
    assert other.said is None


def test_what_a_mail_told_can_be_marked_before_its_report(
    two_sites: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "finding_mails.jsonl"
    log.write_text('{"siteId": 7, "findings": ["after_hours-12"]}\n{"siteId": 8, "findings": ["after_hours-13"]}\n')
    monkeypatch.setattr("operations.mark_finding.FINDING_MAILS", log)
    command = ["--site", "7", "after_hours-12", "--by", "A. Cook"]
    assert main([*command, "--state", "not-needed"]) == 0
    said = "after_hours-12: not-needed; told by mail, in no recorded weekly report yet\n"
    assert capsys.readouterr().out == said
    assert marks(two_sites) == [(7, "after_hours-12", "not-needed", "A. Cook", None, None, None, None, "2026-01-05")]
    assert main(["--site", "7", "after_hours-12", "--history"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "after_hours-12: told by mail, in no recorded weekly report yet"
    tell(two_sites, 2, [waste(40, meter=12)])
    (found,) = [each for each in load_findings(two_sites, 7) if each.finding_id == "after_hours-12"]
    assert found.is_silent
    with pytest.raises(DataError, match="site 7 has no finding 'after_hours-13'"):
        main(["--site", "7", "after_hours-13", "--state", "wrong", "--by", "A"])


def test_what_is_the_same_as_another_is_marked_there(two_sites: Connection) -> None:
    rose = waste(400)._replace(finding_id="level_up-10", kind=FindingKind.LEVEL_UP)
    tell(two_sites, 2, [waste(40), rose])
    two_sites.commit()
    assert main(["--site", "7", "level_up-10", "--state", "planned", "--by", "A"]) == 0
    assert marks(two_sites)[0][:3] == (7, WASTE, "planned")


def test_an_events_own_id_is_understood(two_sites: Connection) -> None:
    event = "win_after_hours-10-20260105T0500Z"
    assert main(["--site", "7", event, "--state", "not-needed", "--by", "A"]) == 0
    assert marks(two_sites)[0][:3] == (7, WASTE, "not-needed")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--site", "7", "after_hours-99", "--state", "done", "--by", "A"], 1,
         "site 7 has no finding 'after_hours-99'; it has 2, such as after_hours-11, after_hours-10; "
         "--list --site 7 shows all"),
        (["--site", "9", WASTE, "--state", "done", "--by", "A"], 1, "site 9 is not in the database"),
        (["--site", "7", WASTE, "--state", "done"], 2, "say whose with --by NAME"),
        (["--site", "7", WASTE, "--state", "done", "--by", " "], 2, "should have words"),
        (["--site", "7", WASTE, "--state", "done", "--by", "A", "--on", "2999-01-01"], 2, "still to come at site 7"),
        (["--site", "7", WASTE, "--state", "planned", "--by", "A", "--on", "2026-01-01"], 2, "with --state done"),
        (["--site", "7", WASTE, "--state", "done", "--by", "A", "--on", "2026-01-04"], 2,
         "--on 2026-01-04 is before after_hours-10 was there (since the week of 2026-01-05)"),
        (["--site", "7", WASTE, "--state", "planned", "--by", "A", "--due", "1/2/2026"], 2, "'1/2/2026' should be"),
        ([WASTE, "--state", "done", "--by", "A"], 2, "give --site ID and the id of a FINDING"),
        (["--list", WASTE], 2, "--list, --ledger and --accuracy take no FINDING"),
        (["--site", "7", WASTE, "--history", "--csv"], 2, "belong to --list"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    two_sites: Connection, database_url: str, run_script: Callable[..., Any], arguments: list[str], code: int,
    message: str,
) -> None:  # fmt: skip
    done = run_script("operations/mark_finding.py", *arguments, env={"DATABASE_URL": database_url})
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert marks(two_sites) == []


def test_list_has_the_dearest_first_over_all_sites(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "after_hours-11  new",
        "    Turn meter 11 off; 9.00 USD a week, 9 so far, high confidence; School (7)",
        "after_hours-10  new",
        "    Turn meter 10 off; 6.00 USD a week, 6 so far, high confidence; =Office (8)",
        "after_hours-10  new",
        "    Turn meter 10 off; 4.00 USD a week, 4 so far, high confidence; School (7)",
        "3 findings; 0 solved, 0 accepted (--all)",
    ]


def test_what_is_accepted_or_solved_is_listed_on_demand(
    two_sites: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--site", "7", WASTE, "--state", "not-needed", "--by", "A", "--note", "a server"])
    for number in (2, 3):
        tell(two_sites, number, [waste(40)])
    two_sites.commit()
    capsys.readouterr()
    main(["--list", "--site", "7"])
    assert capsys.readouterr().out == "0 findings; 1 solved, 1 accepted (--all)\n"
    main(["--list", "--site", "7", "--all"])
    out = capsys.readouterr().out
    assert "after_hours-10  open, week 3; not-needed (A)\n" in out
    assert "after_hours-11  solved, last seen in the week of 2026-01-05\n" in out


def test_csv_holds_no_formula(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--site", "8", WASTE, "--state", "planned", "--by", "A", "--owner", "+1 555 0100"])
    capsys.readouterr()
    main(["--list", "--site", "8", "--csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row == {
        "site_id": "8", "site_name": "'=Office", "finding_id": WASTE, "title": "Turn meter 10 off", "state": "new",
        "said": "planned", "confidence": "high", "since_week": "2026-01-05", "week_number": "1",
        "energy_kwh_a_week": "60.0", "cost_a_week": "6.0", "energy_so_far_kwh": "60.0", "cost_so_far": "6.0",
        "currency": "USD", "owner": "'+1 555 0100", "due": "", "note": "",
    }  # fmt: skip


def test_history_has_the_weeks_and_what_was_said(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    tell(two_sites, 2, [waste(70)])
    two_sites.commit()
    main(["--site", "7", WASTE, "--state", "planned", "--by", "A", "--owner", "B", "--note", "soon"])
    capsys.readouterr()
    assert main(["--site", "7", WASTE, "--history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "after_hours-10: Turn meter 10 off",
        "2026-01-05  new    seen       40 kWh",
        "2026-01-12  open   seen       70 kWh  grown",
    ]
    assert lines[3].endswith("  planned by A, owner B: soon")


def test_findings_without_a_price_come_last(conn: Connection) -> None:
    tell(conn, 1, [waste(None), waste(5, meter=BOILER)])
    assert [each.meter_id for each in rank_by_money(load_findings(conn))] == [BOILER, AHU]


def saving(finding_id: str, status: str, cost: float | None, claimed: float = 10.0, weeks: int = 4) -> ReportSaving:
    low, high = (None, None) if cost is None else (cost - 2, cost + 2)
    kwh = None if cost is None else 10 * cost
    missing = [] if cost is not None else [{"code": "x", "message": "10 days are known; 28 are needed"}]
    return ReportSaving(
        finding_id, "2026-01-13", weeks, status, 10 * claimed, claimed, kwh, kwh, kwh, cost, low, high, "USD",
        {"missing": missing},
    )  # fmt: skip


def tell_savings(conn: Connection, number: int, savings: tuple[ReportSaving, ...]) -> None:
    week = ReportWeek(
        SITE, f"2026-01-{5 + 7 * (number - 1):02d}", f"2026-01-{5 + 7 * (number - 1):02d}", "2026-01-05T05:00Z",
        "2026-01-12T05:00Z", f"2026-01-{12 + 7 * (number - 1):02d}T12:00Z", [], [], savings,
    )  # fmt: skip
    store_week(conn, 900 + number, week)
    conn.commit()


def test_the_ledger_adds_up_what_was_proved(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    for finding in (WASTE, f"after_hours-{BOILER}"):
        main(["--site", "7", finding, "--state", "done", "--by", "A", "--on", "2026-01-13"])
    tell_savings(two_sites, 2, (saving(WASTE, "waiting", None, weeks=0), saving("after_hours-11", "waiting", None)))
    tell_savings(
        two_sites, 3, (saving(WASTE, "verified_saving", 8.0), saving("after_hours-11", "insufficient_data", None))
    )
    capsys.readouterr()
    assert main(["--ledger"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "7  after_hours-10  done on 2026-01-13, claimed 10.00 USD a week, measured over 4 weeks: 8.00 (6.00 to 10.00); "
        "proved, the finding is open",
        "7  after_hours-11  done on 2026-01-13, claimed 10.00 USD a week: not proved after 4 weeks: 10 days are known; "
        "28 are needed",
        "USD: 2 done, 1 judged, 1 proved, 0 still there; 8.00 a week (6.00 to 10.00) of 10.00 claimed; realized share "
        "80 % of what was claimed",
    ]
    main(["--site", "7", WASTE, "--state", "done", "--by", "A", "--on", "2026-01-20"])
    capsys.readouterr()
    main(["--ledger", "--json"])
    ids = [entry["finding_id"] for entry in json.loads(capsys.readouterr().out)["findings"]]
    assert ids == ["after_hours-11"]  # done on another day is measured anew


def test_accuracy_is_what_people_said(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--accuracy"])
    assert capsys.readouterr().out == "nobody has judged a finding\n"
    main(["--site", "7", WASTE, "--state", "wrong", "--by", "A"])
    main(["--site", "7", "after_hours-11", "--state", "planned", "--by", "A"])
    main(["--site", "8", WASTE, "--state", "not-needed", "--by", "A"])
    capsys.readouterr()
    main(["--accuracy"])
    assert capsys.readouterr().out == "after_hours: 2 of 3 right (67 %): 1 acted on, 1 not needed, 1 wrong\n"
    main(["--accuracy", "--site", "7"])
    assert capsys.readouterr().out == "after_hours: 1 of 2 right (50 %): 1 acted on, 0 not needed, 1 wrong\n"


def test_lists_are_of_one_kind_where_asked(two_sites: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list", "--kind", "meter"])
    assert capsys.readouterr().out == "0 findings; 0 solved, 0 accepted (--all)\n"


def test_people_speak_as_govern_and_reports_only_read(conn: Connection, database_url: str) -> None:
    create_roles(conn)
    apply_grants(conn)
    tell(conn, 1, [waste(40)])
    conn.commit()
    mark = Mark(SITE, WASTE, Said.PLANNED, "A")
    for role, may in ((GOVERN, True), (DELIVER, False), (ANALYZE, False), (INGEST, False)):
        with db.connect(database_url) as session:
            db.execute(session, sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
            refused = nullcontext() if may else pytest.raises(pg_errors.InsufficientPrivilege)
            with refused:
                store_mark(session, mark)
            session.rollback()
            if role == DELIVER:
                week = ReportWeek(
                    SITE, "2026-01-12", "2026-01-12", "2026-01-12T05:00Z", "2026-01-19T05:00Z", "2026-01-19T12:00Z",
                    [waste(50)], [],
                )  # fmt: skip
                (found,) = load_report_findings(session, week)
                assert (found.state, found.energy_so_far_kwh) == ("open", 90)
