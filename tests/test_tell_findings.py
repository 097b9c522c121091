"""The morning after: what is told of findings between two weekly reports, to whom, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pandas as pd
import pytest
from finding_factory import AHU as METER
from finding_factory import WASTE, tell, waste
from site_factory import SITE_ID
from week_factory import NEW_YORK
from year_replay import AHU, monday, name_hours, replay, store_year

from analyze.expected.closed_use import ClosedUse
from analyze.week.loading import load_morning
from analyze.week.news import HolidayNote, choose_news, find_closure, find_holidays, tell_from_cost
from config.opening_hours import Day, DayException, Schedule, Span, Term
from config.settings import Settings
from config.site_file import SiteFile, read_site
from deliver import tell_findings as script
from deliver.files.sent_log import open_sent_log
from deliver.tell_findings import Told, choose_untold, read_told, tell_site
from govern.schema.files import apply_migrations, apply_views
from lib import db
from lib.alert_mutes import Mute
from lib.date_utils import local_midnight
from lib.errors import DeliveryError
from lib.findings import FindingState
from lib.readings import ValidationStatus, load_findings
from lib.report_findings import FindingKind, ReportFinding, finding_id_of
from operations.postgres.server import ensure_database

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WASTE_OF_AHU = f"after_hours-{AHU}"
URL = "https://hooks.example.com/x"
WEBHOOK = Settings(alert_webhook_url=URL)
NOTHING = Told({}, 0, set())


NOTHING_FOUND: dict[str, Any] = {
    "afterHoursWaste": {"schedule": {"isAssumed": False, "week": [[]] * 7}, "topMeters": [], "asked": []},
    "sensorHealth": {"issues": [], "summary": []},
    "scheduleDisagreements": {"findings": []},
    "anomalies": {"byChannel": [], "timeline": [], "steps": []},
    "quickWins": [],
}


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
def telling(school: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[date], list[Any]]:
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
    sunday = load_morning(school, SITE_ID, morning(monday(3) - timedelta(days=1)))
    assert (sunday.last_week, [each.finding_id for each in sunday.news]) == (monday(1), [WASTE_OF_AHU])
    told = Told({WASTE_OF_AHU: monday(2)}, 1, set())
    assert choose_untold(sunday, told).news == []
    assert choose_untold(sunday._replace(last_week=monday(2)), told).news == sunday.news  # the report had the say
    assert choose_untold(sunday._replace(today=monday(3)), NOTHING).news == []  # the report comes within the hour


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
@pytest.mark.parametrize(("kind", "cause"), [(FindingKind.METER, "silent"), (FindingKind.ELECTRICAL, "phase_lost")])
def test_a_grave_fault_is_told_at_once(
    conn: Connection, severity: str, is_told: bool, kind: FindingKind, cause: str
) -> None:
    fault = ReportFinding(finding_id_of(kind, METER, cause), kind, cause, METER, "AHU", cause, confidence=severity)
    assert found(conn, fault) == [fault.finding_id] * is_told


def entry(report: str, state: str, **more: Any) -> dict[str, Any]:
    plain = {"siteId": 7, "week": "2026-01-05", "findings": ["a-1"], "over": [], "holidays": []}
    return {"report": report, "recipient": "webhook", "state": state} | plain | more


def test_the_log_tells_what_was_told() -> None:
    week = date(2026, 1, 5)
    assert read_told([entry("x", "sending")], 7, "webhook", week).findings == {"a-1": week}  # it may have arrived
    assert read_told([entry("x", "sending"), entry("x", "failed")], 7, "webhook", week) == NOTHING
    sent = [entry("x", "sending"), entry("x", "sent", holidays=["2026-01-06 ahead"])]
    assert read_told(sent, 7, "webhook", week) == ({"a-1": week}, 1, {"2026-01-06 ahead"})
    assert read_told(sent, 7, "webhook", date(2026, 1, 12)).mails == 0
    assert read_told(sent, 8, "webhook", week) == NOTHING
    assert read_told(sent, 7, "mail:a@example.com", week) == NOTHING
    over = [*sent, entry("y", "sent", findings=[], over=["a-1"])]
    assert read_told(over, 7, "webhook", week).findings == {}


class Sent(NamedTuple):
    """How many recipients a run failed to reach, what it printed, and the (recipient, state) that it wrote."""

    failures: int
    printed: str
    states: list[tuple[str, str]]


@pytest.fixture
def run_once(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Sent]:
    """Tell a made-up morning of site 7, to whom does not fail."""
    from analyze.week.loading import Morning
    from lib.date_utils import Window
    from lib.readings import Site

    site = Site(7, "School", "America/New_York", None, None, "US", "USD", "eniscope")
    path = tmp_path / "mails.jsonl"
    path.touch()
    monkeypatch.setattr(script, "load_site", lambda conn, site_id: site)
    monkeypatch.setattr(script, "load_validation_status", lambda conn, site_id: None)
    monkeypatch.setattr("deliver.reports.site_report.describe_hold", lambda *args: None)

    def run(
        day: str = "2026-01-08", news: Sequence[Any] = (), holidays: Sequence[HolidayNote] = (),
        mutes: Sequence[Mute] = (), fails: Collection[str] = (), settings: Settings = WEBHOOK,
    ) -> Sent:  # fmt: skip
        now = datetime.fromisoformat(f"{day}T12:00Z")
        solved = {each.finding_id: each for each in load_findings(conn, 7) if each.state == FindingState.SOLVED}
        one = Morning(site, now.date(), Window(now, now), None, NOTHING_FOUND, list(news), solved, list(holidays))
        monkeypatch.setattr("analyze.week.loading.load_morning", lambda *args: one)
        monkeypatch.setattr(script, "load_mutes", lambda folder: list(mutes))

        def post(url: str, payload: dict[str, Any]) -> None:
            if "webhook" in fails:
                raise DeliveryError("the webhook does not answer; check ALERT_WEBHOOK_URL")

        def mail(server: Any, message: Any) -> None:
            if message["To"] in fails:
                raise DeliveryError("the server refused it")

        monkeypatch.setattr(script, "post_json", post)
        monkeypatch.setattr("lib.mailer.send_message", mail)
        before = len(path.read_text().splitlines())
        with open_sent_log(path) as log:
            failures = tell_site(conn, 7, settings, log, now, is_dry=False)
        lines = [json.loads(line) for line in path.read_text().splitlines()][before:]
        return Sent(failures, capsys.readouterr().out, [(line["recipient"], line["state"]) for line in lines])

    return run


TOLD = [("webhook", "sending"), ("webhook", "sent")]


def test_mails_stay_in_budget(conn: Connection, run_once: Callable[..., Sent]) -> None:
    tell(conn, 1, [waste(40)])
    (news,) = load_findings(conn, 7)
    assert run_once(news=[news]) == (0, "told webhook: 1 new finding at School (7)\n", TOLD)
    used = "site 7: this week's mails are used up, the rest waits for the weekly report\n"
    assert run_once(day="2026-01-09", news=[news]) == (0, used, [])
    mute = Mute("finding", 7, datetime(2026, 2, 1, tzinfo=UTC), "works")
    assert run_once(day="2026-01-13", news=[news], mutes=(mute,)) == (0, "site 7: muted\n", [])


def test_whom_a_message_did_not_reach_is_told_by_the_next_run_and_nobody_twice(
    conn: Connection, run_once: Callable[..., Sent]
) -> None:
    tell(conn, 1, [waste(40)])
    news = load_findings(conn, 7)
    own = Settings(
        alert_webhook_url=URL,
        alert_recipients=("a@example.com", "b@example.com"),
        smtp_host="x",
        mail_from="c@example.com",
    )
    first = run_once(news=news, fails=("webhook", "b@example.com"), settings=own)
    assert (first.failures, [state for state in first.states if state[1] != "sending"]) == (
        2, [("webhook", "failed"), ("mail:a@example.com", "sent"), ("mail:b@example.com", "failed")]
    )  # fmt: skip
    again = run_once(news=news, fails=("b@example.com",), settings=own)
    assert (again.failures, [state for state in again.states if state[1] != "sending"]) == (
        1, [("webhook", "sent"), ("mail:b@example.com", "failed")]
    )  # fmt: skip
    last = run_once(day="2026-01-09", news=news, settings=own)
    assert (last.failures, last.states[1:]) == (0, [("mail:b@example.com", "sent")])
    assert run_once(day="2026-01-10", news=news, settings=own).states == []


def test_two_messages_of_one_day_are_both_remembered(
    conn: Connection, run_once: Callable[..., Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = read_site(7)
    report = msgspec.structs.replace(file.file.report, max_finding_mails=2)
    monkeypatch.setattr(
        "config.site_file.read_site",
        lambda site_id: SimpleNamespace(file=msgspec.structs.replace(file.file, report=report)),
    )
    tell(conn, 1, [waste(40), waste(20, meter=11)])
    one, two = load_findings(conn, 7)
    assert run_once(news=[one]).states == TOLD
    assert run_once(day="2026-01-09", news=[one, two]).states == TOLD
    assert run_once(day="2026-01-13", news=[one, two]).printed == "site 7: nothing to tell\n"


def test_what_is_over_is_told_once_on_sunday_or_with_other_news(
    conn: Connection, run_once: Callable[..., Sent]
) -> None:
    tell(conn, 1, [waste(40)])
    assert run_once(news=load_findings(conn, 7)).states == TOLD
    tell(conn, 2, [])
    tell(conn, 3, [])
    assert run_once(day="2026-01-27").printed == "site 7: nothing to tell\n"
    assert run_once(day="2026-02-01") == (0, "told webhook: Over at School (7): 1 finding\n", TOLD)
    assert run_once(day="2026-02-08").printed == "site 7: nothing to tell\n"


def test_on_mondays_only_a_closure_to_come_is_told(conn: Connection, run_once: Callable[..., Sent]) -> None:
    tell(conn, 1, [waste(40)])
    news = load_findings(conn, 7)
    assert run_once(day="2026-01-12", news=news).printed == "site 7: nothing to tell\n"
    note = HolidayNote(date(2026, 1, 14), date(2026, 1, 14), "Founders' Day", False, [("Fan", 8.0)])
    assert run_once(day="2026-01-12", news=news, holidays=[note]).printed == (
        "told webhook: Founders' Day at School (7)\n"
    )  # fmt: skip


ISO_WEEK = read_site(0).schedule.week
IN_US = Schedule(ISO_WEEK, country="US")


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


NAMES = {1: "Fan", 2: "Pump", 3: "Lamp"}
CHRISTMAS = date(2025, 12, 25)


@pytest.mark.parametrize(
    ("today", "notes"),
    [
        (
            date(2025, 12, 23),
            [HolidayNote(CHRISTMAS, CHRISTMAS, "Christmas Day", False, [("Fan", 8.0), ("Lamp", 0.5)])],
        ),
        (date(2025, 12, 26), [HolidayNote(CHRISTMAS, CHRISTMAS, "Christmas Day", True, [("Fan", 72.0)])]),
        (date(2025, 12, 24), []),
        (date(2025, 12, 22), []),
    ],
)
def test_a_holiday_is_told_two_days_before_and_the_day_after(today: date, notes: list[HolidayNote]) -> None:
    assert find_holidays(today, IN_US, closed_use(), NAMES, NEW_YORK) == notes


def closing(start: date, end: date, reason: str, hours: Day = ()) -> DayException:
    return DayException(start, end, hours, reason)


@pytest.mark.parametrize(
    ("schedule", "day", "closure"),
    [
        (IN_US, date(2026, 7, 4), None),  # a Saturday, closed in every week
        (IN_US, date(2026, 7, 3), (date(2026, 7, 3), date(2026, 7, 3), "Independence Day (observed)")),
        (replace(IN_US, holiday_hours=(Span(480, 720),)), CHRISTMAS, None),
        # A break over the turn of the year is one, whatever lies within it.
        (replace(IN_US, exceptions=(closing(date(2025, 12, 22), date(2026, 1, 2), "winter break"),)), CHRISTMAS,
         (date(2025, 12, 22), date(2026, 1, 2), "winter break")),
        # A holiday and the exception after it are one closure, over the weekend too.
        (replace(IN_US, exceptions=(closing(date(2026, 9, 4), date(2026, 9, 4), "staff day"),)), date(2026, 9, 7),
         (date(2026, 9, 4), date(2026, 9, 7), "staff day, Labor Day")),
        # Without a name nobody is told, and of two exceptions the last holds.
        (replace(IN_US, exceptions=(closing(date(2026, 9, 9), date(2026, 9, 9), ""),)), date(2026, 9, 9), None),
        (replace(IN_US, exceptions=(
            closing(date(2026, 9, 8), date(2026, 9, 11), "works"),
            closing(date(2026, 9, 9), date(2026, 9, 9), "open day", (Span(480, 720),)),
        )), date(2026, 9, 9), None),
        # Days outside of all terms, where the term before them has a name.
        (Schedule(ISO_WEEK, terms=(
            Term(date(2026, 1, 5), date(2026, 6, 11), "spring"), Term(date(2026, 8, 24), date(2026, 12, 18))
        )),
         date(2026, 7, 1), (date(2026, 6, 12), date(2026, 8, 21), "break after spring")),
        (Schedule(ISO_WEEK, terms=(Term(date(2026, 1, 5), date(2026, 6, 11)),)), date(2026, 7, 1), None),
    ],
)  # fmt: skip
def test_which_days_are_a_named_closure(schedule: Schedule, day: date, closure: tuple[date, date, str] | None) -> None:
    assert find_closure(day, schedule) == closure


def test_of_a_long_break_the_last_seven_days_are_told_after_it() -> None:
    schedule = Schedule(ISO_WEEK, exceptions=(closing(date(2025, 12, 8), date(2025, 12, 26), "works"),))
    (note,) = find_holidays(date(2025, 12, 27), schedule, closed_use(), NAMES, NEW_YORK)
    assert note == HolidayNote(date(2025, 12, 8), date(2025, 12, 26), "works", True, [("Fan", 96.0)])
    (ahead,) = find_holidays(date(2025, 12, 6), schedule, closed_use(), NAMES, NEW_YORK)
    assert (ahead.day, ahead.is_over) == (date(2025, 12, 8), False)
    assert find_holidays(date(2025, 12, 7), schedule, closed_use(), NAMES, NEW_YORK) == []


def test_the_budget_is_one_mail_a_week_unless_the_file_says_otherwise() -> None:
    assert (SiteFile().report.max_finding_mails, SiteFile().report.tell_from_cost) == (1, None)


@pytest.mark.parametrize(("rate", "cost"), [(0.12, 50.0), (0.24, 100.0), (36.0, 15_000.0), (None, 50.0)])
def test_the_cost_from_which_a_finding_is_told_at_once_follows_the_price_of_a_kwh(rate: float, cost: float) -> None:
    assert tell_from_cost(rate) == pytest.approx(cost)
