"""The morning after: what is told of findings between two weekly reports, to whom, and how often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from finding_factory import AHU as METER
from finding_factory import WASTE, tell, waste
from week_factory import NEW_YORK
from year_replay import AHU, SITE_ID, monday, name_hours, replay, store_year

from analyze.expected.closed_use import ClosedUse
from analyze.week.loading import load_morning
from analyze.week.news import HolidayNote, choose_news, find_holidays
from config.opening_hours import Schedule
from config.settings import Settings
from config.site_file import SiteFile, read_site
from deliver import tell_findings as script
from deliver.files.sent_log import open_sent_log
from deliver.tell_findings import read_told, tell_site
from govern.schema.files import apply_migrations, apply_views
from lib import db
from lib.alert_mutes import Mute
from lib.date_utils import local_midnight
from lib.errors import DeliveryError
from lib.findings import FindingState
from lib.readings import ValidationStatus, load_findings
from lib.report_findings import FindingKind, ReportFinding
from operations.postgres.server import ensure_database

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WASTE_OF_AHU = f"after_hours-{AHU}"
URL = "https://hooks.example.com/x"


@pytest.fixture(scope="module")
def school(postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The school of year_replay.py with its readings, and the report on week 1, which found nothing."""
    folder = tmp_path_factory.mktemp("school")
    with db.connect(ensure_database(postgres_url, "finding_mornings")) as conn, pytest.MonkeyPatch.context() as patch:
        apply_migrations(conn)
        apply_views(conn)
        store_year(conn)
        replay(conn, folder, patch, [1], lambda week, report: None)
        yield conn


def morning(day: date) -> datetime:
    return local_midnight(day, NEW_YORK) + timedelta(hours=6)


@pytest.fixture
def telling(school: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run one morning of the school; return what the webhook got."""
    status = ValidationStatus(1, "closed", True, datetime(2027, 1, 1, tzinfo=UTC), [], [], None, None)
    monkeypatch.setattr(script, "load_validation_status", lambda conn, site_id: status)
    monkeypatch.setattr(script, "STATE_DIR", tmp_path)
    posts: list[dict[str, Any]] = []
    monkeypatch.setattr(script, "post_json", lambda url, payload: posts.append(payload))
    name_hours(tmp_path, "18:00", monkeypatch)
    settings = Settings(alert_webhook_url=URL)

    def run(day: date) -> list[dict[str, Any]]:
        before = len(posts)
        with open_sent_log(tmp_path / "mails.jsonl") as log:
            assert tell_site(school, SITE_ID, settings, log, morning(day), is_dry=False) == 0
        return posts[before:]

    return run


@pytest.mark.slow
def test_a_waste_is_told_the_morning_after_its_second_night_and_only_once(telling: Any) -> None:
    tuesday = monday(2) + timedelta(days=1)
    assert telling(tuesday) == []  # one night may be chance
    assert telling(tuesday + timedelta(days=1)) == []  # the night in between was quiet
    (post,) = telling(tuesday + timedelta(days=2))
    assert [each["lastingId"] for each in post["findings"]] == [WASTE_OF_AHU]
    assert (post["kind"], post["siteId"]) == ("finding", SITE_ID)
    assert post["text"].startswith(f"1 new finding at Test school ({SITE_ID})\nNew:\n- ")
    assert telling(tuesday + timedelta(days=3)) == []
    assert telling(tuesday + timedelta(days=8)) == []  # it is still there in the week after


@pytest.mark.slow
def test_what_a_report_told_is_no_news(school: Connection) -> None:
    known = load_morning(school, SITE_ID, morning(monday(3)), [WASTE_OF_AHU])
    unknown = load_morning(school, SITE_ID, morning(monday(3)))
    assert [each.finding_id for each in known.news] == []
    assert [each.finding_id for each in unknown.news] == [WASTE_OF_AHU]


def found(conn: Connection, finding: ReportFinding) -> list[str]:
    tell(conn, 1, [finding])
    return [each.finding_id for each in choose_news(load_findings(conn), [finding], (), min_cost=50)]


@pytest.mark.parametrize(
    ("kwh", "blocks", "confidence", "is_told"),
    [
        (40, 2, "high", True), (40, 1, "high", False), (500, 1, "medium", True), (499, 1, "medium", False),
        (500, 3, "low", False),
    ],
)  # fmt: skip
def test_what_is_confirmed(conn: Connection, kwh: float, blocks: int, confidence: str, is_told: bool) -> None:
    finding = waste(kwh)._replace(confidence=confidence, facts={"blocks": blocks})
    assert found(conn, finding) == [WASTE] * is_told


@pytest.mark.parametrize(("severity", "is_told"), [("high", True), ("medium", False)])
def test_a_grave_meter_fault_is_told_at_once(conn: Connection, severity: str, is_told: bool) -> None:
    fault = ReportFinding("meter_silent-10", FindingKind.METER, "silent", METER, "AHU", "silent", confidence=severity)
    assert found(conn, fault) == ["meter_silent-10"] * is_told


def entry(report: str, state: str, **more: Any) -> dict[str, Any]:
    plain = {"siteId": 7, "week": "2026-01-05", "findings": ["a-1"], "over": [], "holidays": []}
    return {"report": report, "recipient": "webhook", "state": state} | plain | more


def test_the_log_tells_what_was_told() -> None:
    week = date(2026, 1, 5)
    assert read_told([entry("x", "sending")], 7, week).findings == {"a-1"}  # cut off: it may have arrived
    assert read_told([entry("x", "sending"), entry("x", "failed")], 7, week) == (set(), set(), set())
    sent = [entry("x", "sending"), entry("x", "sent", holidays=["2026-01-06 ahead"])]
    assert read_told(sent, 7, week) == ({"a-1"}, {"x"}, {"2026-01-06 ahead"})
    assert read_told(sent, 7, date(2026, 1, 12)).mails == set()
    assert read_told(sent, 8, week).findings == set()
    over = [*sent, entry("y", "sent", findings=[], over=["a-1"])]
    assert read_told(over, 7, week).findings == set()


def run_once(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]],
    told: dict[str, Any], capsys: pytest.CaptureFixture[str], mutes: tuple[Mute, ...] = (), fails: bool = False,
) -> tuple[int, str, list[str]]:  # fmt: skip
    """Tell a made-up morning; return how many ways failed, what was printed, and the states written."""
    from analyze.week.loading import Morning
    from lib.date_utils import Window
    from lib.readings import Site

    now = datetime(2026, 1, 8, 12, tzinfo=UTC)
    site = Site(7, "School", "America/New_York", None, None, "US", "USD", "eniscope")
    solved = {each.finding_id: each for each in load_findings(conn, 7) if each.state == FindingState.SOLVED}
    one = Morning(site, date(2026, 1, 8), Window(now, now), told.get("news", []), solved, told.get("holidays", []))
    monkeypatch.setattr(script, "load_site", lambda conn, site_id: site)
    monkeypatch.setattr(script, "load_validation_status", lambda conn, site_id: None)
    monkeypatch.setattr("analyze.week.loading.load_morning", lambda *args: one)
    monkeypatch.setattr("deliver.reports.site_report.describe_hold", lambda *args: None)
    monkeypatch.setattr(script, "load_mutes", lambda folder: list(mutes))

    def post(url: str, payload: dict[str, Any]) -> None:
        if fails:
            raise DeliveryError("the webhook does not answer; check ALERT_WEBHOOK_URL")

    monkeypatch.setattr(script, "post_json", post)
    path = tmp_path / "mails.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in entries))
    with open_sent_log(path) as log:
        failures = tell_site(conn, 7, Settings(alert_webhook_url=URL), log, now, is_dry=False)
    lines = [json.loads(line) for line in path.read_text().splitlines()][len(entries) :]
    return failures, capsys.readouterr().out, [line["state"] for line in lines]


def test_mails_stay_in_budget_and_end_is_told_once(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(conn, 1, [waste(40)])
    (news,) = load_findings(conn, 7)
    args = (conn, tmp_path, monkeypatch)
    assert run_once(*args, [], {"news": [news]}, capsys) == (
        0, "told webhook: 1 new finding at School (7)\n", ["sending", "sent"]
    )  # fmt: skip
    used = [entry("x", "sent", findings=[WASTE])]
    assert run_once(*args, used, {"news": [news]}, capsys) == (
        0, "site 7: this week's mails are used up, the rest waits for the weekly report\n", []
    )  # fmt: skip
    failures, _, states = run_once(*args, [], {"news": [news]}, capsys, fails=True)
    assert (failures, states) == (1, ["sending", "failed"])
    mute = Mute("finding", 7, datetime(2026, 2, 1, tzinfo=UTC), "works")
    assert run_once(*args, [], {"news": [news]}, capsys, mutes=(mute,)) == (0, "site 7: muted\n", [])
    tell(conn, 2, [])
    tell(conn, 3, [])
    before = [entry("x", "sent", findings=[WASTE], week="2025-12-29")]
    assert run_once(*args, before, {}, capsys)[1:] == (
        "told webhook: Over at School (7): 1 finding\n", ["sending", "sent"]
    )  # fmt: skip
    after = [*before, entry("y", "sent", findings=[], over=[WASTE], week="2025-12-29")]
    assert run_once(*args, after, {}, capsys)[1:] == ("site 7: nothing to tell\n", [])


HOLIDAYS = {date(2025, 12, 25): "Christmas Day"}
OPEN_WEEK = Schedule(read_site(0).schedule.week)


def closed_use() -> ClosedUse:
    """A fan that can be off and ran for 24 hours over Christmas, a pump that cannot, and a small lamp."""
    channels = pd.DataFrame(
        {"can_be_off": [True, False, True], "on_kw": [8.04, 5.0, 0.5]}, index=pd.Index([1, 2, 3], name="channel_id")
    )
    eve = pd.Timestamp("2025-12-24 18:00", tz=NEW_YORK).timestamp()
    runs = pd.DataFrame({
        "channel_id": [1, 3, 1], "start_s": [eve, eve, eve - 9 * 86_400], "end_s": [eve + 86_400, eve + 86_400, eve],
        "excess_kwh": [96.0, 6.0, 500.0], "week": [-1, -1, 0],
    })  # fmt: skip
    return ClosedUse(pd.DataFrame(), channels, runs)


@pytest.mark.parametrize(
    ("today", "notes"),
    [
        (date(2025, 12, 23), [HolidayNote(date(2025, 12, 25), "Christmas Day", False, [("Fan", 8.0), ("Lamp", 0.5)])]),
        (date(2025, 12, 26), [HolidayNote(date(2025, 12, 25), "Christmas Day", True, [("Fan", 72.0)])]),
        (date(2025, 12, 24), []),
        (date(2025, 12, 22), []),
    ],
)
def test_a_holiday_is_told_two_days_before_and_the_day_after(today: date, notes: list[HolidayNote]) -> None:
    names = {1: "Fan", 2: "Pump", 3: "Lamp"}
    assert find_holidays(today, OPEN_WEEK, HOLIDAYS, closed_use(), names, NEW_YORK) == notes


def test_a_holiday_on_a_closed_day_is_no_news() -> None:
    saturday = {date(2025, 12, 27): "Boxing Day observed"}
    assert find_holidays(date(2025, 12, 25), OPEN_WEEK, saturday, closed_use(), {1: "a", 3: "b"}, NEW_YORK) == []


def test_the_budget_is_one_mail_a_week_unless_the_file_says_otherwise() -> None:
    assert (SiteFile().report.max_finding_mails, SiteFile().report.tell_from_cost) == (1, 50.0)
